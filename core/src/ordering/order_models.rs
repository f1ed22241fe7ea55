//! Orders, as the app shows them.

use noren_rules::cart::{Cart, OrderSnapshot, SnapshotRow};
use noren_rules::ids::{IdempotencyKey, OrderId};
use noren_rules::wire::{BasketPiece, DeliveryAddress, OrderQuestion, OrderView, Reason, SelfBasket};

use super::{CartChangeView, CartOf, CartTotals, LineAllergens};
use crate::replica::Freshness;

/// The last screen before the tap (最終確認画面): show all rows, then order exactly this.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct OrderReview {
    /// The order's id: [`super::OrderingService::place`] orders it, however often it is tapped.
    pub order: OrderId,
    /// Of which cart.
    pub of: CartOf,
    /// What is shown: kept with the order.
    pub snapshot: OrderSnapshot,
    /// Its rows in Japanese.
    pub rows_ja: Vec<SnapshotRow>,
    /// In English.
    pub rows_en: Vec<SnapshotRow>,
    /// What it comes to, with coupons and points.
    pub totals: CartTotals,
    /// Line by line, of what the person avoids, all that it is not known to be free of.
    pub warnings: Vec<LineAllergens>,
    /// First millisecond at which the slot is not held any more; absent where none has to be.
    pub deadline_ms: Option<i64>,
}

/// What the person says with the tap.
#[derive(Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PlaceWish {
    /// What the payment provider's own part of the app gave; absent at the counter. Never a card's number.
    pub token: Option<String>,
    /// The car, for curbside and drive-through, at most 60 characters; else empty.
    pub vehicle: String,
    /// Where it goes, for a delivery.
    pub deliver_to: Option<DeliveryAddress>,
    /// True to print on the kitchen's ticket what the person avoids.
    pub tell_avoided: bool,
}

impl std::fmt::Debug for PlaceWish {
    /// Without token and address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlaceWish").field("tell_avoided", &self.tell_avoided).finish_non_exhaustive()
    }
}

/// An order, as far as this phone knows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PlacedOrder {
    /// As the backend said last, with pickup code and call number. Before it has said anything: as it was ordered, submitted, unknown, or failed.
    pub order: OrderView,
    /// True once the backend has said something of it.
    pub is_heard: bool,
    /// Its intent, while it is on its way.
    pub waiting: Option<IdempotencyKey>,
    /// What the person is asked: the yes is a new order in its place, by another review.
    pub question: Option<OrderQuestionView>,
    /// Why the backend did not take it at all.
    pub refused: Option<Reason>,
    /// The last screen before the tap, where it was ordered on this phone.
    pub shown: Option<OrderSnapshot>,
    /// Where it stands, in Japanese.
    pub words_ja: String,
    /// In English.
    pub words_en: String,
}

/// What is asked, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct OrderQuestionView {
    /// As the backend asks.
    pub question: OrderQuestion,
    /// What of the cart is not as it was seen.
    pub changes: Vec<CartChangeView>,
    /// Why the slot is not to be had, in Japanese; empty where it is.
    pub slot_ja: String,
    /// In English.
    pub slot_en: String,
    /// What would be shown now, in Japanese; empty while it cannot be ordered as it is.
    pub now_ja: Vec<SnapshotRow>,
    /// In English.
    pub now_en: Vec<SnapshotRow>,
    /// The cart that was asked for, where it is about a change of an order; the cart of an order that asks is open again as it was.
    pub cart: Option<Cart>,
}

/// Orders of this member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct OrdersPage {
    /// Newest first: those that are not over, and those that ended within 30 days.
    pub orders: Vec<PlacedOrder>,
    /// How fresh what the backend said is.
    pub freshness: Freshness,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[allow(clippy::large_enum_variant, reason = "one at a time, and over the FFI as it is")]
pub enum OrderStepOutcome {
    /// It is done, or it is a question: then nothing was done yet, see [`PlacedOrder::question`].
    Answered {
        /// The order as it stands.
        order: PlacedOrder,
    },
    /// It is kept and goes as soon as there is a network.
    Waiting {
        /// Its key in the outbox.
        key: IdempotencyKey,
    },
}

/// A change of an order, as it would be shown: by [`super::OrderingService::edit_order`] or [`super::OrderingService::amend`] exactly this is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct OrderChangeReview {
    /// The order.
    pub order: OrderId,
    /// What is shown: kept with the order.
    pub snapshot: OrderSnapshot,
    /// Its rows in Japanese.
    pub rows_ja: Vec<SnapshotRow>,
    /// In English.
    pub rows_en: Vec<SnapshotRow>,
}

/// What was scanned in the store, to be paid at the self-till.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SelfBasketView {
    /// As the backend priced it, with the code to be shown as a QR.
    pub basket: SelfBasket,
    /// What the phone had shown, in minor units.
    pub shown_minor: i64,
    /// True when the backend comes to another total: show it before anybody pays.
    pub is_changed: bool,
}

/// What a basket comes to by what is known on the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SelfBasketTotal {
    /// ISO 4217.
    pub currency: String,
    /// In minor units, tax included.
    pub total_minor: i64,
    /// What has no price on this phone: it is not in the total.
    pub unknown: Vec<BasketPiece>,
}
