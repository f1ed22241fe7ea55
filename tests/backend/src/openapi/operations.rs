//! The table of operations: who may call, what a call is for, and how it can be refused.

use noren_rules::wire::{
    AccessToken, AddOns, AreaBundle, CheckInAnswer, CheckInRequest, Claim, ClaimRequest, EcCode, EcCodeRequest, EnrolRequest, Enrolment,
    EraseRequest, Erasure, FavouriteRequest, Favourites, Funnel, Hold, HoldAnswer, HoldProgressRequest, HoldReleaseRequest, HoldRequest,
    Holds, Identification, IdentifyRequest, Kept, KitchenModeRequest, Lease, LeaseRequest, LinkRequest, MemberExport, Membership,
    MenuStatus, MenuStatuses, Nonce, OrderReport, PlaceCodeRequest, PlaceCodeText, PointsLedger, ProductPage, PutCondition, PutKills,
    PutMenus, PutOffers, PutPlaces, PutProducts, PutStock, Quote, QuoteRequest, Ranking, ReactionCounts, ReactionsKept, ReactionsRequest,
    ReceiptPage, RegisterCards, RegisteredCards, Resolution, ResolveRequest, Review, ReviewPage, ReviewRequest, Revocation, RevokeRequest,
    SaleAnswer, SaleRequest, SeatRequest, SeatSession, SeatWorkAnswer, SeatWorkRequest, SelfBasket, SelfBasketRequest, SlotHoldAnswer,
    SlotHoldRequest, SlotReleaseRequest, SlotReleased, SoldOutRequest, StockEventsAnswer, StockEventsRequest, StockFlags, StockPage,
    StoreCredits, StoreMenu, StoreReactionRequest, StoreTask, StoreTaskRequest, StoreTasks, TillKeys, TokenRequest, VoidRequest,
    WalkInAnswer, WalkInRequest, Wallet, paths,
};
use utoipa::ToSchema;

use super::{Access, Operation, Schemas};

pub(super) fn read<R: ToSchema>(
    path: &'static str,
    access: Access,
    summary: &'static str,
    refusals: &'static [(u16, &'static str)],
) -> Operation {
    Operation { path, summary, access, request: None, response: Schemas::add::<R>, media_type: "application/json", keyed: false, refusals }
}

pub(super) fn write<Q: ToSchema, R: ToSchema>(
    path: &'static str,
    access: Access,
    summary: &'static str,
    refusals: &'static [(u16, &'static str)],
) -> Operation {
    Operation {
        path,
        summary,
        access,
        request: Some(Schemas::add::<Q>),
        response: Schemas::add::<R>,
        media_type: "application/json",
        keyed: true,
        refusals,
    }
}

/// `{}`: a renewal says all it has to say by its token.
#[derive(ToSchema)]
struct Empty {}

/// `{"ok":true}`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema only")]
struct Health {
    ok: bool,
}

/// A page for people.
#[derive(ToSchema)]
#[schema(value_type = String)]
#[expect(dead_code, reason = "a schema only")]
struct Page(String);

/// The document itself.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema only")]
struct Document {
    openapi: String,
}

const LINK_REFUSED: (u16, &str) = (403, "link_refused: number and PIN, or the code, do not fit; or forbidden: the key was revoked");
const TOO_MANY: (u16, &str) = (429, "too_many_attempts: try again after Retry-After");
const LINK: &[(u16, &str)] = &[LINK_REFUSED, TOO_MANY];
const PROOF: (u16, &str) = (401, "nonce_expired, proof_invalid or unknown_device");
const RULE_ONE: (u16, &str) = (422, "invalid_rule: the detail names what is wrong; or key_reused");
const RULE: &[(u16, &str)] = &[RULE_ONE];
const ENROL: &[(u16, &str)] = &[PROOF, LINK_REFUSED, TOO_MANY];

const NO_HOLD: &[(u16, &str)] = &[(404, "not_found: the member has no such hold")];
const NO_ORDERS: &[(u16, &str)] = &[(404, "not_found: the store takes no orders")];
const NO_PRODUCT: (u16, &str) = (404, "not_found: no such product");

pub(super) fn operations() -> Vec<Operation> {
    use Access::{Anyone, App, Open, Operator, Proof, Till, TillOrOperator};
    vec![
        read::<Nonce>(paths::NONCE, Open, "A value to sign, good once and for five minutes.", &[]),
        write::<EnrolRequest, Enrolment>(
            paths::ENROLMENTS,
            Proof,
            "A device becomes a member's card. Nonce and proof may be fresh in each attempt under one key.",
            ENROL,
        ),
        Operation {
            keyed: false,
            ..write::<TokenRequest, AccessToken>(paths::TOKENS, Proof, "A short token for an enrolled device.", &[PROOF])
        },
        write::<Empty, Enrolment>(paths::CREDENTIALS, App, "A fresh credential for the device.", &[]),
        write::<LinkRequest, Membership>(paths::LINKS, App, "Takes over an identity from before; its history joins.", LINK),
        read::<Membership>(paths::MEMBERSHIP, App, "The member as the backend sees it; with ETag and If-None-Match.", &[]),
        read::<ReceiptPage>(
            paths::RECEIPTS,
            App,
            "Receipts that are new or changed since the cursor.",
            &[(410, "cursor_unknown: start again from the beginning")],
        ),
        write::<ClaimRequest, Claim>(
            paths::CLAIMS,
            App,
            "Claims the receipt of a sale made without the card.",
            &[(404, "claim_refused"), (429, "too_many_attempts")],
        ),
        read::<PointsLedger>(paths::POINTS, App, "The balance and the newest entries of the ledger.", &[]),
        read::<MemberExport>(paths::EXPORT, App, "Everything that the backend holds about the member.", &[]),
        write::<EraseRequest, Erasure>(
            paths::ERASURES,
            Proof,
            "Forget me. The proof signs the idempotency key.",
            &[(401, "proof_invalid, or unknown_device: the device was revoked")],
        ),
        write::<ResolveRequest, Resolution>(
            paths::RESOLUTIONS,
            Anyone,
            "What became of a write whose answer was lost? A tombstone refuses it if it still arrives.",
            &[],
        ),
        read::<TillKeys>(paths::TILL_KEYS, Till, "The signed document by which a till reads codes with no network.", &[]),
        write::<IdentifyRequest, Identification>(
            paths::TILL_IDENTIFICATIONS,
            Till,
            "Who a scanned code is, and whether it may spend.",
            &[(404, "not_found: the code names nobody; the detail begins with the reason")],
        ),
        write::<SaleRequest, SaleAnswer>(
            paths::TILL_SALES,
            Till,
            "A sale, a return or an amendment. A code that names nobody never loses it.",
            &[
                (404, "not_found: the sale that it names has not arrived"),
                (409, "receipt_conflict or return_conflict; or key_in_flight"),
                (422, "invalid_receipt; or key_reused"),
            ],
        ),
        write::<VoidRequest, SaleAnswer>(
            paths::TILL_VOIDS,
            Till,
            "Cancels a receipt that this till has posted.",
            &[(404, "not_found"), (409, "return_conflict: it has returns; or key_in_flight")],
        ),
        write::<RegisterCards, RegisteredCards>(
            paths::TILL_CARDS,
            Till,
            "Registers plastic cards that exist already.",
            &[(403, "forbidden: demo PINs beyond loopback, or an app's token")],
        ),
        write::<EcCodeRequest, EcCode>(paths::TILL_EC_CODES, Till, "A one-time code by which an online account is linked.", &[]),
        write::<RevokeRequest, Revocation>(paths::TILL_REVOCATIONS, Till, "A lost phone.", &[(404, "not_found: no such device")]),
        read::<AreaBundle>(paths::AREAS, App, "Tiles and rules that are other than those the app has.", &[]),
        write::<LeaseRequest, Lease>(paths::LEASES, App, "Grants for offline tills, in a renewed credential.", &[]),
        read::<Wallet>(paths::WALLET, App, "The member's coupons, stamps and check-ins; with ETag and If-None-Match.", &[]),
        write::<CheckInRequest, CheckInAnswer>(
            paths::CHECK_INS,
            App,
            "A check-in, decided by the code that the phone has.",
            &[
                (401, "record_invalid; unauthorized, token_expired or unknown_device"),
                (404, "not_found: no such place or route"),
                (429, "too_many_attempts: wrong receipt codes"),
            ],
        ),
        write::<QuoteRequest, Quote>(
            paths::TILL_QUOTES,
            Till,
            "The best set of a basket, held for the sale for ten minutes.",
            &[(404, "not_found: the code names nobody; the detail begins with the reason")],
        ),
        write::<PutPlaces, Kept>(paths::OPERATOR_PLACES, Operator, "Places and routes to be known or forgotten.", RULE),
        write::<PutOffers, Kept>(paths::OPERATOR_OFFERS, Operator, "Offers to be signed and delivered, and stamp cards.", RULE),
        write::<PutCondition, Kept>(
            paths::OPERATOR_CONDITIONS,
            Operator,
            "Something is on in an area; the answer carries it signed.",
            &[RULE_ONE, (409, "condition_older: a sequence as high is known; or key_in_flight")],
        ),
        write::<PutKills, Kept>(paths::OPERATOR_KILLS, Operator, "Stops offers at once, or lets them go on.", RULE),
        write::<PlaceCodeRequest, PlaceCodeText>(
            paths::OPERATOR_PLACE_CODES,
            Operator,
            "The code of a place, to be drawn as a QR.",
            &[RULE_ONE, (404, "not_found: no such place")],
        ),
        read::<Funnel>(paths::OPERATOR_FUNNEL, Operator, "From check-in to sale, counted.", &[(404, "not_found: no such offer")]),
        read::<ProductPage>(paths::PRODUCTS, App, "Products by ids, article codes and GTINs, or by text.", &[]),
        read::<Ranking>(
            paths::RANKING,
            Anyone,
            "What sells in a store or in all, by the sales of the last 28 days; with ETag and If-None-Match.",
            &[],
        ),
        read::<ReviewPage>(
            paths::REVIEWS,
            App,
            "Reviews of a product, verified ones first, then the newest.",
            &[NO_PRODUCT, (410, "cursor_unknown: start again from the beginning")],
        ),
        write::<ReviewRequest, Review>(
            paths::REVIEWS,
            App,
            "A member's opinion; a second one takes the place of the first.",
            &[NO_PRODUCT],
        ),
        read::<Favourites>(paths::FAVOURITES, App, "What the member likes, and what is back; with ETag and If-None-Match.", &[]),
        write::<FavouriteRequest, Favourites>(
            paths::FAVOURITES,
            App,
            "Likes a variant, or not any more.",
            &[(404, "not_found: no such variant")],
        ),
        write::<ReactionsRequest, ReactionsKept>(paths::REACTIONS, App, "What the member did with products in stores.", &[]),
        write::<StoreReactionRequest, ReactionsKept>(paths::STORE_REACTIONS, Till, "What the staff saw, without saying of whom.", &[]),
        read::<ReactionCounts>(paths::OPERATOR_REACTIONS, Operator, "Reactions of stores, counted.", &[]),
        read::<StoreCredits>(paths::OPERATOR_CREDITS, Operator, "Purchases in the online shop that began in a store.", &[]),
        write::<PutProducts, Kept>(paths::OPERATOR_PRODUCTS, Operator, "Products to be known or forgotten.", RULE),
        read::<Holds>(paths::HOLDS, App, "The member's holds that are live or ended within a day; with ETag and If-None-Match.", &[]),
        write::<HoldRequest, HoldAnswer>(paths::HOLDS, App, "Hold a variant for a member who is on the way, or say where else it is.", &[]),
        write::<HoldProgressRequest, Hold>(
            paths::HOLD_PROGRESS,
            App,
            "Still coming, n minutes: a hold lasts longer while they fall.",
            NO_HOLD,
        ),
        write::<HoldReleaseRequest, Hold>(paths::HOLD_RELEASES, App, "Not coming: the pieces are free again.", NO_HOLD),
        read::<StoreTasks>(paths::STORE_TASKS, Till, "What the staff of the till's store has to do. It names no member.", &[]),
        write::<StoreTaskRequest, StoreTask>(
            paths::STORE_TASKS,
            Till,
            "The staff has done something about a hold.",
            &[(404, "not_found: no such hold in this store"), (409, "hold_conflict: the hold has moved on; or key_in_flight")],
        ),
        Operation { media_type: "text/html; charset=utf-8", ..read::<Page>(paths::STORE_PAGE, Open, "The page of a store's tasks.", &[]) },
        read::<StockPage>(paths::STOCK, App, "Levels of stores that changed since the versions that the phone has.", &[]),
        write::<StockEventsRequest, StockEventsAnswer>(
            paths::STOCK_EVENTS,
            TillOrOperator,
            "What happened to stock, in any order and as often as it takes.",
            &[(403, "forbidden: an app's token, or a till that speaks of another store than its own")],
        ),
        write::<PutStock, Kept>(paths::OPERATOR_STOCK, Operator, "Places of stock, safety stock and shelves.", &[]),
        read::<StockFlags>(paths::OPERATOR_STOCK_FLAGS, Operator, "Levels that cannot be right: to be counted.", &[]),
        write::<SeatRequest, SeatSession>(
            paths::SEATS,
            App,
            "A seat's code was scanned: the session at that table.",
            &[
                (403, "seat_refused: not genuine, over, or its visit is over; or forbidden"),
                (429, "too_many_attempts: at more tables than anybody sits at"),
            ],
        ),
        write::<SeatWorkRequest, SeatWorkAnswer>(
            paths::KITCHEN_SEATS,
            Till,
            "Prints the code of a seat; confirms guests, or closes their table.",
            &[(403, "seat_refused: nobody waits there any more; or forbidden"), (404, "not_found: no such session in this store")],
        ),
        write::<SelfBasketRequest, SelfBasket>(
            paths::SELF_BASKETS,
            App,
            "What was scanned in a store, as one code for its self-till.",
            &[(404, "not_found: no till there, or nothing of it is sold there")],
        ),
        read::<SelfBasket>(
            paths::TILL_SELF_BASKETS,
            Till,
            "The basket of a code, for half an hour.",
            &[(404, "not_found: no such code in this store, or over")],
        ),
        read::<AddOns>(
            paths::ORDER_ADD_ONS,
            App,
            "What lies on the shelves of the store where an order is fetched.",
            &[(404, "not_found: the member has no such order")],
        ),
        read::<OrderReport>(paths::OPERATOR_ORDER_REPORT, Operator, "Load, lateness, and what came of orders in a store.", &[]),
        Operation { media_type: "text/html; charset=utf-8", ..read::<Page>(paths::KITCHEN_PAGE, Open, "The page of a kitchen.", &[]) },
        read::<StoreMenu>(paths::MENUS, App, "All that a phone needs to order from a store; with ETag and If-None-Match.", NO_ORDERS),
        read::<MenuStatuses>(paths::MENU_STATUS, App, "What changes by the minute: mode, what is sold out, how full the kitchen is.", &[]),
        write::<SlotHoldRequest, SlotHoldAnswer>(
            paths::SLOT_HOLDS,
            App,
            "Keep kitchen time while I pay, or say which other times there are.",
            &[
                (404, "not_found: the store takes no orders, or has no kitchen"),
                (409, "order_conflict: the order was placed, or is another's; or key_in_flight"),
                (429, "too_many_attempts: the member holds five slots"),
            ],
        ),
        write::<SlotReleaseRequest, SlotReleased>(
            paths::SLOT_RELEASES,
            App,
            "I do not order: the kitchen's time is free again.",
            &[(409, "order_conflict: the order was placed; or key_in_flight")],
        ),
        write::<KitchenModeRequest, MenuStatus>(
            paths::KITCHEN_MODES,
            Till,
            "Pause, delay, or open for new orders, from the next call on.",
            NO_ORDERS,
        ),
        write::<SoldOutRequest, MenuStatus>(paths::KITCHEN_SOLD_OUT, Till, "What is sold out, and what is there again.", NO_ORDERS),
        write::<WalkInRequest, WalkInAnswer>(
            paths::KITCHEN_WALK_INS,
            Till,
            "Guests at the counter have ordered: their work takes the kitchen's time, too.",
            &[(404, "not_found: the store takes no orders, or has no kitchen")],
        ),
        write::<PutMenus, Kept>(
            paths::OPERATOR_MENUS,
            Operator,
            "Menus, kitchens, terms of ordering, and the tables of taxes and allergens; all of it or nothing.",
            &[(422, "invalid_menu: the detail names what is wrong; or key_reused")],
        ),
        read::<Document>(paths::OPENAPI, Open, "This document.", &[]),
        read::<Health>(paths::HEALTH, Open, "True while the server runs.", &[]),
    ]
}
