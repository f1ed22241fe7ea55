//! Ordering: menus, carts, slots, and orders that are made once.
//!
//! - Everything before the tap is local: what is sold when, what does not fit, what it comes to with the best coupons and points, what a line holds of
//!   allergens, and which times the kitchen has, are found from what was fetched, by the same rules as the backend's ([`noren_rules::checkout`]).
//! - A cart is durable with every tap. The id of the order that it is to become is made, durably, before the first byte about it is sent; slot, order
//!   and payment all name it, so however often a tap, an intent or a byte is doubled, it is one order.
//! - The tap is an intent of the outbox that is over when the held slot is. Until it is known what became of it the cart is closed. A question keeps
//!   the cart; the yes is a new order in the place of the old one.
//! - Orders are mirrored, with pickup code and call number, and readable with no network.
//! - What the person avoids stays sealed on the device, and what nobody has said of an allergen never reads as free. A text that looks like a card's
//!   number is refused before it is kept.

mod carts;
mod checks;
mod codes;
mod counter;
mod drafts;
mod endpoints;
mod errors;
mod favourites;
mod live;
mod menus;
mod mirror;
mod models;
mod order_models;
mod orders;
mod placed;
mod placing;
mod service;
mod shelf;
mod slots;
mod steps;
mod tables;
mod trips;
mod way;
mod way_models;

pub use errors::OrderingError;
pub use live::{OrderFeed, OrderNews};
pub use models::{
    AllergenNote, CartChangeView, CartCheck, CartHandoff, CartOf, CartProblemView, CartTotals, CartView, CheckoutWish, FavouriteCart,
    HeldSlot, LineAllergens, MenuItemDetail, MenuItemView, MenuSectionView, MenuView, PickupSlotsView, PickupWindow, ReorderedCart,
    SlotHoldOutcome, StoreStatus,
};
pub use order_models::{
    OrderChangeReview, OrderQuestionView, OrderReview, OrderStepOutcome, OrdersPage, PlaceWish, PlacedOrder, SelfBasketTotal,
    SelfBasketView,
};
pub(crate) use orders::{accepts_order, apply_order};
pub use service::OrderingService;
pub(crate) use tables::OrderingStore;
pub use tables::{ORDERING_V1, ORDERS_V1};
pub use way_models::{Journey, JourneyPoint, JourneyQuestion, OrderTrip, SlotSuggestion, SlotSuggestions, StoreLeftOut};

/// The collection of orders in the replica.
pub const ORDERS_COLLECTION: &str = "orders";

const KIND_ORDER: &str = "order";
const KIND_ORDER_STEP: &str = "order_step";
/// Words of which the newest counts.
const KIND_ORDER_NEARBY: &str = "order_nearby";
const KIND_ORDER_HERE: &str = "order_here";
const KIND_ORDER_EDIT: &str = "order_edit";
/// All that is said of orders.
pub(crate) const ORDER_KINDS: [&str; 5] = [KIND_ORDER, KIND_ORDER_STEP, KIND_ORDER_NEARBY, KIND_ORDER_HERE, KIND_ORDER_EDIT];
/// What of it is worth nothing when it comes too late: it is not shown when it fails.
pub(crate) const ORDER_KINDS_UNASKED: [&str; 1] = [KIND_ORDER_NEARBY];
