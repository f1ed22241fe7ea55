//! The types of every endpoint, shared by the phone, the till and the backend.
//!
//! Requests deny unknown fields; responses ignore them, so that an old app can talk to a newer server. Times are milliseconds since the Unix
//! epoch, bytes are base64url without padding. Every write carries the header [`IDEMPOTENCY_KEY`]; every answer carries [`SERVER_TIME`].

use serde::{Deserialize, Serialize};

/// Request header of every write: the key under which it has its effect once.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Request header: server time in milliseconds after which the server must refuse the write.
pub const EXPIRES_AT: &str = "noren-expires-at";
/// Header of every answer: the server's clock in milliseconds.
pub const SERVER_TIME: &str = "noren-time";
/// Media type of a refusal (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Paths of the endpoints.
pub mod paths {
    /// GET, open: [`super::Nonce`].
    pub const NONCE: &str = "/v1/nonce";
    /// POST, proof in the body: [`super::EnrolRequest`] to [`super::Enrolment`].
    pub const ENROLMENTS: &str = "/v1/enrolments";
    /// POST, proof in the body: [`super::TokenRequest`] to [`super::AccessToken`]. Writes nothing that a key could guard.
    pub const TOKENS: &str = "/v1/tokens";
    /// POST, app token: empty body `{}` to [`super::Enrolment`] with a renewed credential.
    pub const CREDENTIALS: &str = "/v1/credentials";
    /// POST, app token: [`super::LinkRequest`] to [`super::Membership`].
    pub const LINKS: &str = "/v1/links";
    /// GET, app token, ETag: [`super::Membership`].
    pub const MEMBERSHIP: &str = "/v1/membership";
    /// GET, app token, `?cursor=&limit=`: [`super::ReceiptPage`].
    pub const RECEIPTS: &str = "/v1/receipts";
    /// POST, app token: [`super::ClaimRequest`] to [`super::Claim`].
    pub const CLAIMS: &str = "/v1/claims";
    /// GET, app token: [`super::PointsLedger`].
    pub const POINTS: &str = "/v1/points";
    /// GET, app token: [`super::MemberExport`], everything the backend holds about the member.
    pub const EXPORT: &str = "/v1/export";
    /// POST, proof in the body: [`super::EraseRequest`] to [`super::Erasure`].
    pub const ERASURES: &str = "/v1/erasures";
    /// POST, app or till token: [`super::ResolveRequest`] to [`super::Resolution`].
    pub const RESOLUTIONS: &str = "/v1/resolutions";
    /// GET, till token: [`super::TillKeys`].
    pub const TILL_KEYS: &str = "/v1/till/keys";
    /// POST, till token: [`super::IdentifyRequest`] to [`super::Identification`].
    pub const TILL_IDENTIFICATIONS: &str = "/v1/till/identifications";
    /// POST, till token: [`super::SaleRequest`] to [`super::SaleAnswer`].
    pub const TILL_SALES: &str = "/v1/till/sales";
    /// POST, till token: [`super::VoidRequest`] to [`super::SaleAnswer`].
    pub const TILL_VOIDS: &str = "/v1/till/voids";
    /// POST, till token: [`super::RegisterCards`] to [`super::RegisteredCards`].
    pub const TILL_CARDS: &str = "/v1/till/cards";
    /// POST, till token: [`super::EcCodeRequest`] to [`super::EcCode`].
    pub const TILL_EC_CODES: &str = "/v1/till/ec-codes";
    /// POST, till token: [`super::RevokeRequest`] to [`super::Revocation`].
    pub const TILL_REVOCATIONS: &str = "/v1/till/revocations";
    /// GET, app token, `?tiles=34.108@17,34.109@0&rules=`: [`super::AreaBundle`]. Tiles with the version that is known, 0 for none.
    pub const AREAS: &str = "/v1/areas";
    /// POST, app token: [`super::LeaseRequest`] to [`super::Lease`].
    pub const LEASES: &str = "/v1/leases";
    /// GET, app token, ETag: [`super::Wallet`].
    pub const WALLET: &str = "/v1/wallet";
    /// POST, app token: [`super::CheckInRequest`] to [`super::CheckInAnswer`].
    pub const CHECK_INS: &str = "/v1/check-ins";
    /// POST, till token: [`super::QuoteRequest`] to [`super::Quote`]: coupons at a till with a connection.
    pub const TILL_QUOTES: &str = "/v1/till/quotes";
    /// POST, operator token: [`super::PutPlaces`] to [`super::Kept`].
    pub const OPERATOR_PLACES: &str = "/v1/operator/places";
    /// POST, operator token: [`super::PutOffers`] to [`super::Kept`].
    pub const OPERATOR_OFFERS: &str = "/v1/operator/offers";
    /// POST, operator token: [`super::PutCondition`] to [`super::Kept`] with the signed condition.
    pub const OPERATOR_CONDITIONS: &str = "/v1/operator/conditions";
    /// POST, operator token: [`super::PutKills`] to [`super::Kept`].
    pub const OPERATOR_KILLS: &str = "/v1/operator/kills";
    /// POST, operator token: [`super::PlaceCodeRequest`] to [`super::PlaceCodeText`].
    pub const OPERATOR_PLACE_CODES: &str = "/v1/operator/place-codes";
    /// GET, operator token, `?offer=7`: [`super::Funnel`].
    pub const OPERATOR_FUNNEL: &str = "/v1/operator/funnel";
    /// GET, app token, `?ids=&skus=&gtins=` (with commas, 200 in all) or `?text=&limit=`: [`super::ProductPage`].
    pub const PRODUCTS: &str = "/v1/products";
    /// GET, any token, `?store=&limit=`, ETag: [`super::Ranking`] of a store, or of all without one.
    pub const RANKING: &str = "/v1/ranking";
    /// GET, app token, `?product=&cursor=&limit=`: [`super::ReviewPage`]. POST, app token: [`super::ReviewRequest`] to [`super::Review`].
    pub const REVIEWS: &str = "/v1/reviews";
    /// GET, app token, ETag: [`super::Favourites`]. POST, app token: [`super::FavouriteRequest`] to [`super::Favourites`].
    pub const FAVOURITES: &str = "/v1/favourites";
    /// POST, app token: [`super::ReactionsRequest`] to [`super::ReactionsKept`].
    pub const REACTIONS: &str = "/v1/reactions";
    /// GET, app token, `?stores=s1@17,s2@0&limit=`: [`super::StockPage`]. Stores with the version that is known, 0 for none; escaped as in a URL.
    /// The online shop's stock is answered too where it was not asked for, and alone without `stores`: a phone learns of it in this way.
    pub const STOCK: &str = "/v1/stock";
    /// GET, app token, ETag: [`super::Holds`]. POST, app token: [`super::HoldRequest`] to [`super::HoldAnswer`].
    pub const HOLDS: &str = "/v1/holds";
    /// POST, app token: [`super::HoldProgressRequest`] to [`super::Hold`].
    pub const HOLD_PROGRESS: &str = "/v1/holds/progress";
    /// POST, app token: [`super::HoldReleaseRequest`] to [`super::Hold`].
    pub const HOLD_RELEASES: &str = "/v1/holds/releases";
    /// POST, till or operator token: [`super::StockEventsRequest`] to [`super::StockEventsAnswer`]. A till speaks of its own store only.
    pub const STOCK_EVENTS: &str = "/v1/stock/events";
    /// GET, till token: [`super::StoreTasks`]. POST, till token: [`super::StoreTaskRequest`] to [`super::StoreTask`].
    pub const STORE_TASKS: &str = "/v1/store/tasks";
    /// POST, till token: [`super::StoreReactionRequest`] to [`super::ReactionsKept`].
    pub const STORE_REACTIONS: &str = "/v1/store/reactions";
    /// POST, operator token: [`super::PutProducts`] to [`super::Kept`].
    pub const OPERATOR_PRODUCTS: &str = "/v1/operator/products";
    /// POST, operator token: [`super::PutStock`] to [`super::Kept`].
    pub const OPERATOR_STOCK: &str = "/v1/operator/stock";
    /// GET, operator token: [`super::StockFlags`].
    pub const OPERATOR_STOCK_FLAGS: &str = "/v1/operator/stock/flags";
    /// GET, operator token, `?from_ms=&until_ms=`: [`super::ReactionCounts`].
    pub const OPERATOR_REACTIONS: &str = "/v1/operator/reactions";
    /// GET, operator token, `?from_ms=&until_ms=`: [`super::StoreCredits`].
    pub const OPERATOR_CREDITS: &str = "/v1/operator/credits";
    /// GET, open: the page on which the staff of a store see their tasks.
    pub const STORE_PAGE: &str = "/store";
    /// GET, app token, `?store=`, ETag: [`super::StoreMenu`].
    pub const MENUS: &str = "/v1/menus";
    /// GET, app token, `?stores=a,b` (20 at most, escaped as in a URL): [`super::MenuStatuses`].
    pub const MENU_STATUS: &str = "/v1/menus/status";
    /// POST, app token: [`super::SlotHoldRequest`] to [`super::SlotHoldAnswer`].
    pub const SLOT_HOLDS: &str = "/v1/slots/holds";
    /// POST, app token: [`super::SlotReleaseRequest`] to [`super::SlotReleased`].
    pub const SLOT_RELEASES: &str = "/v1/slots/releases";
    /// GET, app token, ETag: [`super::Orders`]. POST, app token: [`super::OrderRequest`] to [`super::OrderAnswer`].
    pub const ORDERS: &str = "/v1/orders";
    /// POST, app token: [`super::OrderStepRequest`] to [`super::OrderAnswer`].
    pub const ORDER_STEPS: &str = "/v1/orders/steps";
    /// GET, app token, `Last-Event-ID`: server-sent events `order`, each with an [`super::OrderView`] as data and its version as id. Polling
    /// [`ORDERS`] says the same.
    pub const ORDER_EVENTS: &str = "/v1/orders/events";
    /// POST, app token: [`super::PassRequest`] to [`super::PickupPass`].
    pub const ORDER_PASSES: &str = "/v1/orders/passes";
    /// GET, app token, `?order=`: [`super::AddOns`].
    pub const ORDER_ADD_ONS: &str = "/v1/orders/add-ons";
    /// POST, app token: [`super::SeatRequest`] to [`super::SeatSession`].
    pub const SEATS: &str = "/v1/seats";
    /// POST, app token: [`super::SelfBasketRequest`] to [`super::SelfBasket`].
    pub const SELF_BASKETS: &str = "/v1/self-baskets";
    /// GET, till token, `?code=`: [`super::SelfBasket`].
    pub const TILL_SELF_BASKETS: &str = "/v1/till/self-baskets";
    /// GET, till token: [`super::Kitchen`].
    pub const KITCHEN: &str = "/v1/kitchen";
    /// POST, till token: [`super::KitchenStepRequest`] to [`super::KitchenOrder`].
    pub const KITCHEN_STEPS: &str = "/v1/kitchen/steps";
    /// POST, till token: [`super::HandOverRequest`] to [`super::KitchenOrder`].
    pub const KITCHEN_HAND_OVERS: &str = "/v1/kitchen/hand-overs";
    /// POST, till token: [`super::KitchenModeRequest`] to [`super::MenuStatus`].
    pub const KITCHEN_MODES: &str = "/v1/kitchen/modes";
    /// POST, till token: [`super::SoldOutRequest`] to [`super::MenuStatus`].
    pub const KITCHEN_SOLD_OUT: &str = "/v1/kitchen/sold-out";
    /// POST, till token: [`super::WalkInRequest`] to [`super::WalkInAnswer`].
    pub const KITCHEN_WALK_INS: &str = "/v1/kitchen/walk-ins";
    /// POST, till token: [`super::SeatWorkRequest`] to [`super::SeatWorkAnswer`].
    pub const KITCHEN_SEATS: &str = "/v1/kitchen/seats";
    /// POST, operator token: [`super::PutMenus`] to [`super::Kept`].
    pub const OPERATOR_MENUS: &str = "/v1/operator/menus";
    /// GET, operator token, `?store=&from_ms=&until_ms=`: [`super::OrderReport`].
    pub const OPERATOR_ORDER_REPORT: &str = "/v1/operator/order-report";
    /// GET, open: the page on which the staff of a kitchen see their orders.
    pub const KITCHEN_PAGE: &str = "/kitchen";
    /// GET, open: the contract.
    pub const OPENAPI: &str = "/openapi.json";
    /// GET, open: `{"ok":true}`.
    pub const HEALTH: &str = "/healthz";
}

macro_rules! request {
    ($(#[$meta:meta])* pub struct $name:ident $body:tt) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name $body
    };
}

macro_rules! response {
    ($(#[$meta:meta])* pub struct $name:ident $body:tt) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name $body
    };
}

response! {
    /// Why the server refused, as RFC 9457 problem details.
    pub struct Problem {
        /// HTTP status again.
        pub status: u16,
        /// Machine-readable, snake_case.
        pub reason: Reason,
        /// What happened and what to do next, in English.
        pub detail: String,
    }
}

/// Reasons with which the backend refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// 401: no token, or one that does not verify. Get a new one.
    Unauthorized,
    /// 401: the token is over. Get a new one.
    TokenExpired,
    /// 401: the device is not enrolled, or was revoked or erased. Enrol again.
    UnknownDevice,
    /// 403: the token is good and may not do this.
    Forbidden,
    /// 400: a write without Idempotency-Key.
    KeyMissing,
    /// 400: the key is longer than 255 characters, or not visible ASCII.
    KeyInvalid,
    /// 409: the same key is being worked on. Wait and ask again.
    KeyInFlight,
    /// 422: the key was used with another body.
    KeyReused,
    /// 410: the intent came after its time, or its key was closed by a resolution.
    IntentExpired,
    /// 400: the body or the query cannot be read, or names an unknown field.
    InvalidRequest,
    /// 422: the figures of a receipt do not agree.
    InvalidReceipt,
    /// 409: till and receipt number exist with other contents.
    ReceiptConflict,
    /// 409: more is returned than was sold, or the sale is void.
    ReturnConflict,
    /// 401: the nonce is too old or was used. Ask for a new one.
    NonceExpired,
    /// 401: the signature does not fit the key.
    ProofInvalid,
    /// 403: number and PIN do not fit, or the number does not exist; it is not said which.
    LinkRefused,
    /// 429: too many wrong PINs. Try again after Retry-After seconds.
    TooManyAttempts,
    /// 404: no receipt has this claim code, or it is over, or someone has claimed it.
    ClaimRefused,
    /// 409: the hold has moved on, so that this cannot be done with it any more. Ask for the tasks again.
    HoldConflict,
    /// 409: the order has moved on, or someone else takes this step. Fetch it again and show where it stands.
    OrderConflict,
    /// 422: a menu, a kitchen, terms or a table that cannot be; the detail says what is wrong.
    InvalidMenu,
    /// 403: this seat's code is of another store, over, or not genuine.
    SeatRefused,
    /// 403: the code does not hand over this order, or was wrong too often: look at the member's card.
    CodeRefused,
    /// 400: a card number. It must never come here: send the provider's token.
    CardNumber,
    /// 401: the record of a check-in is none, or not signed by the device that sends it.
    RecordInvalid,
    /// 409: a condition with this sequence or a later one is known.
    ConditionOlder,
    /// 422: an offer, a place, a route or a stamp card that cannot be.
    InvalidRule,
    /// 404: there is no such thing.
    NotFound,
    /// 410: the cursor is from another life of the server. Start again from the beginning.
    CursorUnknown,
    /// 413: the body is larger than the server reads.
    TooLarge,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 503: the server is stopping or over its load. Try again later.
    Unavailable,
    /// 500: the server failed.
    Internal,
    /// A reason that this version does not know.
    #[serde(other)]
    Other,
}

mod app;
mod catalogue;
mod coupons;
mod kitchen;
mod menus;
mod operator;
mod order_texts;
mod orders;
mod places;
mod stock;
mod till;

pub use app::*;
pub use catalogue::*;
pub use coupons::*;
pub use kitchen::*;
pub use menus::*;
pub use operator::*;
pub use orders::*;
pub use places::*;
pub use stock::*;
pub use till::*;

#[cfg(test)]
mod tests;
