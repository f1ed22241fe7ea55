//! Orders, passes, seats, baskets and add-ons between phones and the backend.

use serde::{Deserialize, Serialize};

use crate::cart::{Cart, CartChange, OrderSnapshot, PaymentMethod};
use crate::ids::{AllergenId, CheckInId, OrderId, SeatSessionId, Sku, StoreId};
use crate::menu::HandoffMode;
use crate::offers::Texts;
use crate::order::{OrderState, RejectReason};
use crate::receipt::{ReceiptLine, TaxLine};
use crate::slots::{PickupTime, SlotRefusal};
use crate::tax::TaxHandoff;
use crate::wire::HoldAlternative;

/// What an order is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderOf {
    /// The store's menu: the kitchen's time is booked.
    Menu,
    /// Goods of the catalogue: pieces are reserved, in the store for a pickup, in the online shop for a delivery. The cart's items are the variants'
    /// SKUs: see [`crate::menu::Menu::of_goods`].
    Goods,
}

request! {
    /// How an order is paid. A card number is refused, wherever it stands.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct PaymentChoice {
        /// How.
        pub method: PaymentMethod,
        /// What the payment provider's own part of the app gave for the person's card, at most 200 characters; absent at the counter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub token: Option<String>,
    }
}

request! {
    /// Where a delivery goes. Erased with the member.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct DeliveryAddress {
        /// To whom.
        pub name: String,
        /// Postal code, as written there.
        pub postal_code: String,
        /// The rest, in one or more lines, at most 300 characters.
        pub address: String,
        /// A word to who brings it.
        #[serde(default)]
        pub note: String,
    }
}

request! {
    /// I order this, as it was shown. The id is made on the phone before the slot is held, and named in the intent.
    pub struct OrderRequest {
        /// Its id, the one of the slot hold.
        pub id: OrderId,
        /// The store; for a delivery of goods the online shop.
        pub store: StoreId,
        /// What it is of.
        pub of: OrderOf,
        /// What is wanted.
        pub cart: Cart,
        /// When it shall be ready; [`PickupTime::Asap`] for goods.
        pub time: PickupTime,
        /// The last screen before the tap: kept with the order. What the backend would show must be the same, else it is a question.
        pub shown: OrderSnapshot,
        /// How it is paid.
        pub payment: PaymentChoice,
        /// Serials of coupons that the person is willing to use; the best set of them counts.
        #[serde(default)]
        pub coupons: Vec<u64>,
        /// Points to be used, at most.
        #[serde(default)]
        pub points: i64,
        /// The order in whose place it is, after a question.
        #[serde(default)]
        pub replaces: Option<OrderId>,
        /// The open session at a table, for [`HandoffMode::DineIn`].
        #[serde(default)]
        pub seat: Option<SeatSessionId>,
        /// The car, for curbside and drive-through: at most 60 characters.
        #[serde(default)]
        pub vehicle: String,
        /// Where it goes, for a delivery.
        #[serde(default)]
        pub deliver_to: Option<DeliveryAddress>,
        /// Allergens that the diner avoids, when the diner sends them: printed on the kitchen's ticket.
        #[serde(default)]
        pub avoids: Vec<AllergenId>,
    }
}

response! {
    /// What became of an order.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct OrderAnswer {
        /// The order as it stands: with a question it is rejected, nothing is charged, nothing kept.
        pub order: OrderView,
        /// What the person is asked. A yes is a new order that names this one.
        pub question: Option<OrderQuestion>,
    }
}

response! {
    /// Something is not as it was shown.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct OrderQuestion {
        /// What of the cart is not as the person saw it.
        pub changes: Vec<CartChange>,
        /// Why the slot is not to be had, with other times.
        pub slot: Option<SlotRefusal>,
        /// Goods of which there are not enough, with other stores.
        pub short: Vec<GoodsShort>,
        /// What would be shown now; absent while it cannot be ordered as it is.
        pub shown_now: Option<OrderSnapshot>,
        /// Serials of coupons that were named and cannot be used now, whatever is bought: the next order leaves them out.
        #[serde(default)]
        pub coupons_out: Vec<u64>,
    }
}

response! {
    /// Goods of which there are not enough.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct GoodsShort {
        /// The variant.
        pub sku: Sku,
        /// How many are available; absent when nobody knows.
        pub available: Option<u32>,
        /// Where else it is.
        pub alternatives: Vec<HoldAlternative>,
    }
}

/// Where the money stands, for the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderPayment {
    /// To be paid at the counter.
    AtCounter,
    /// The provider is asked.
    Pending,
    /// The person has to do something at the provider (本人認証).
    StepUp {
        /// Where, as the provider says it.
        url: String,
    },
    /// The provider has not answered; it is asked again until it does. Nothing is charged twice.
    Unknown,
    /// Set aside.
    Authorised,
    /// Taken, or collected.
    Paid,
    /// The provider refused: another card, or the counter.
    Refused,
    /// Let go.
    Voided,
}

response! {
    /// A line of an order.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct OrderLineView {
        /// What.
        pub titles: Texts,
        /// The article code.
        pub sku: Sku,
        /// How many.
        pub pieces: u32,
        /// How many of them were given back, dropped, or could not be made.
        pub given_back: u32,
        /// What it comes to with all its pieces, in minor units, tax included.
        pub gross_minor: i64,
    }
}

response! {
    /// An order as it stands.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct OrderView {
        /// Its id.
        pub id: OrderId,
        /// The store.
        pub store: StoreId,
        /// What it is of.
        pub of: OrderOf,
        /// How it is handed over.
        pub handoff: HandoffMode,
        /// Where it is eaten.
        pub tax_handoff: TaxHandoff,
        /// Where it stands.
        pub state: OrderState,
        /// Where the money stands.
        pub payment: OrderPayment,
        /// Its lines.
        pub lines: Vec<OrderLineView>,
        /// ISO 4217.
        pub currency: String,
        /// What is, or was, to be paid in money, less what was dropped before the charge.
        pub to_pay_minor: i64,
        /// Money that was given back.
        pub refunded_minor: i64,
        /// When it was placed.
        pub placed_at_ms: i64,
        /// When it is ready (受渡予定).
        pub promised_ms: i64,
        /// True once the store said that it is late: it can be cancelled for nothing until it is ready.
        pub late: bool,
        /// Until when it is kept.
        pub kept_until_ms: i64,
        /// True while the person can cancel it for nothing.
        pub can_cancel: bool,
        /// The number that is called out: hands over nothing.
        pub call_number: Option<u16>,
        /// The code that hands it over; only its member gets it.
        pub pickup_code: Option<String>,
        /// Where it lies, as the store writes it.
        pub shelf: Option<String>,
        /// The least age that is checked at hand-over.
        pub least_age: Option<u8>,
        /// Why it was not taken.
        pub rejected: Option<RejectReason>,
        /// The order in whose place it is.
        pub replaces: Option<OrderId>,
        /// Rises with each change.
        pub version: u64,
        /// When it last changed.
        pub changed_at_ms: i64,
    }
}

response! {
    /// A member's orders: those that are not over, and those that ended within 30 days.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct Orders {
        /// Newest first.
        pub orders: Vec<OrderView>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// An order as it is exported to its member: with everything that was said with it.
    pub struct OrderExport {
        /// The order.
        pub order: OrderView,
        /// What was shown before the tap.
        pub shown: OrderSnapshot,
        /// The car.
        pub vehicle: String,
        /// Where it went.
        pub deliver_to: Option<DeliveryAddress>,
        /// Allergens that were named.
        pub avoids: Vec<AllergenId>,
        /// Where the person waited, as was said last.
        pub spot: String,
    }
}

/// What the person does about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderStep {
    /// Call it off.
    Cancel,
    /// Other lines or another time, before the store has accepted.
    Edit {
        /// What is wanted instead.
        cart: Cart,
        /// For when.
        time: PickupTime,
        /// As it was shown.
        shown: OrderSnapshot,
    },
    /// Eat-in to take-out or back, until hand-over.
    Amend {
        /// Where it is eaten.
        tax_handoff: TaxHandoff,
        /// As it was shown.
        shown: OrderSnapshot,
    },
    /// I am nearby. No position, only minutes.
    Nearby {
        /// In how many minutes, 0 to 1,440.
        eta_min: u32,
    },
    /// I am here (到着).
    Here {
        /// Where: a parking space, a counter, at most 60 characters.
        #[serde(default)]
        spot: String,
    },
    /// I pay at the counter instead.
    PayAtCounter,
    /// What the provider asked for is done.
    StepUpDone,
    /// Another card.
    PayAgain {
        /// The provider's token.
        token: String,
    },
}

request! {
    /// A step of an order. Of words of the same kind that overtake each other the newest counts.
    pub struct OrderStepRequest {
        /// The order.
        pub order: OrderId,
        /// What.
        pub step: OrderStep,
        /// When, by the trusted clock.
        pub at_ms: i64,
    }
}

response! {
    /// What a push message carries: enough to show where an order stands with no network, and nothing that hands it over.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct OrderPush {
        /// The order.
        pub order: OrderId,
        /// Where it stands.
        pub state: OrderState,
        /// When it is ready.
        pub promised_ms: i64,
        /// As in [`OrderView`]: an older one than the phone has says nothing.
        pub version: u64,
    }
}

request! {
    /// Someone else fetches it (代理受取): a code that hands it over once. A new one takes the place of the last.
    pub struct PassRequest {
        /// The order.
        pub order: OrderId,
    }
}

response! {
    /// A code for somebody else.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct PickupPass {
        /// The order.
        pub order: OrderId,
        /// 8 characters, as a pickup code: to be sent to whoever fetches it.
        pub code: String,
    }
}

request! {
    /// A seat's code was scanned.
    pub struct SeatRequest {
        /// The text: [`crate::seat_code`].
        pub code: String,
        /// A check-in at the store that shows that the person is there: then a plate opens without the staff.
        #[serde(default)]
        pub check_in: Option<CheckInId>,
    }
}

/// Where a session at a table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SeatState {
    /// A plate was scanned: it waits for the staff, or for a sign that the person is there. Nothing can be ordered.
    Waiting,
    /// Guests at the table order into it.
    Open,
    /// Paid, or over.
    Closed,
}

response! {
    /// A session at a table, shared by its guests.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct SeatSession {
        /// Its id.
        pub id: SeatSessionId,
        /// The store.
        pub store: StoreId,
        /// The seat or table, as the store writes it.
        pub seat: String,
        /// Where it stands.
        pub state: SeatState,
        /// First millisecond at which it is over.
        pub until_ms: i64,
        /// Numbers of the guests who wait, 3 digits each. To a guest: its own, to be shown to the staff, while it waits. To the staff: of all who wait.
        #[serde(default)]
        pub marks: Vec<u32>,
    }
}

/// Something with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BasketPiece {
    /// The variant.
    pub sku: Sku,
    /// How many, 1 to 99.
    pub quantity: u32,
}

request! {
    /// What was scanned in the store, to be paid at the self-till (セルフレジ).
    pub struct SelfBasketRequest {
        /// The store.
        pub store: StoreId,
        /// What, at most 100 lines.
        pub pieces: Vec<BasketPiece>,
        /// What the phone showed as total, in minor units: another one is answered, and to be shown.
        pub total_minor: i64,
    }
}

response! {
    /// A basket that a self-till can read by its code.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct SelfBasket {
        /// 10 characters, to be shown as a QR.
        pub code: String,
        /// The store.
        pub store: StoreId,
        /// Its lines, priced.
        pub lines: Vec<ReceiptLine>,
        /// ISO 4217.
        pub currency: String,
        /// What it comes to, tax included.
        pub total_minor: i64,
        /// The tax in it, by rate.
        pub taxes: Vec<TaxLine>,
        /// What is not sold in the store, or has no price.
        pub unknown: Vec<Sku>,
        /// True where staff has to look first (an age to be checked).
        pub staff_needed: bool,
        /// First millisecond at which the code is over.
        pub until_ms: i64,
    }
}

response! {
    /// What lies on the shelves of the store where an order is fetched.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct AddOns {
        /// Only what that store has now, at most 10.
        pub add_ons: Vec<AddOn>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// Something to take along.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct AddOn {
        /// The variant.
        pub sku: Sku,
        /// What.
        pub titles: Texts,
        /// In minor units, tax included.
        pub price_minor: i64,
        /// ISO 4217.
        pub currency: String,
        /// How many there are, at most 99.
        pub available: u32,
        /// Where it lies.
        pub shelf: Option<String>,
    }
}
