//! Menus, kitchens and slots between phones, operators and the backend.

use serde::{Deserialize, Serialize};

use crate::cart::{CaptureTime, Cart, CartChange, PaymentMethod, PointsMode};
use crate::ids::{OrderId, StationId, StoreId};
use crate::menu::allergens::AllergenTable;
use crate::menu::{HandoffMode, Menu, SoldOut};
use crate::offers::Texts;
use crate::receipt::Issuer;
use crate::slots::{KitchenPlan, PickupSlot, PickupTime, SlotRefusal, StoreMode};
use crate::tax::{TaxRounding, TaxTable};

/// How a store takes, charges and hands over orders: the operator's rules, which phone and backend both go by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderTerms {
    /// The store.
    pub store: StoreId,
    /// Its name.
    pub store_name: Texts,
    /// The seller: of one rest stop, each tenant is one. Its name stands on the snapshot, its registration number on the receipt.
    pub issuer: Issuer,
    /// ISO 4217 code of everything that is ordered there.
    pub currency: String,
    /// The issuer's rounding of tax.
    pub rounding: TaxRounding,
    /// How orders are handed over there.
    pub handoffs: Vec<HandoffMode>,
    /// How they can be paid.
    pub methods: Vec<PaymentMethod>,
    /// When money is taken.
    pub capture: CaptureTime,
    /// True where an order is accepted as soon as its payment stands; else the staff accepts it.
    pub auto_accept: bool,
    /// How long the staff has to accept an order, in seconds; at least 30.
    pub accept_within_s: u32,
    /// Until how many minutes before the promised time the person cancels for nothing; absent: until the kitchen begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_before_min: Option<u32>,
    /// How long food is kept after the promised time, in minutes (保管時間).
    pub keep_min: u32,
    /// How many days goods of the online shop are kept for pickup.
    pub keep_goods_days: u32,
    /// How long after the hand-over an order is done, in minutes.
    pub complete_after_min: u32,
    /// Whether food that nobody fetched is charged where it is paid at hand-over with a token.
    pub charge_no_show: bool,
    /// The fee for a delivery, tax included; 0 for none.
    #[serde(default)]
    pub delivery_fee_minor: i64,
    /// What points are there; absent where they cannot be used for orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<PointsRule>,
    /// How long after a pickup a sale of the same member in the same store counts as attached to it, in minutes (ついで買い).
    pub attach_within_min: u32,
    /// What the store says of returns and of what is not fetched (特定商取引法).
    #[serde(default)]
    pub cancel_text: Texts,
    /// The store's offset from UTC in minutes.
    pub utc_offset_min: i32,
}

/// What points are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PointsRule {
    /// What they are.
    pub mode: PointsMode,
    /// What one is worth in minor units; above 0.
    pub value_minor: i64,
}

response! {
    /// All that a phone needs to order from a store with no network until the tap: what is sold, its taxes and allergens, and when.
    pub struct StoreMenu {
        /// The menu; absent where the store sells goods of the online shop only.
        pub menu: Option<Menu>,
        /// The kitchen; absent where nothing is made.
        pub kitchen: Option<KitchenPlan>,
        /// How orders are taken.
        pub terms: OrderTerms,
        /// The rates, with their dates.
        pub tax: TaxTable,
        /// The allergens that have to be, or are, named, with their dates.
        pub allergens: AllergenTable,
    }
}

response! {
    /// What changes by the minute in the stores that were asked for. One that takes no orders is left out.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct MenuStatuses {
        /// In the order in which they were asked for.
        pub stores: Vec<MenuStatus>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// What changes by the minute in a store. With its [`KitchenPlan`], a phone finds slots for its own cart without telling anybody what it looks at:
    /// see [`crate::slots::KitchenBook::from_load`].
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct MenuStatus {
        /// The store.
        pub store: StoreId,
        /// The newest version of its menu; fetch it when it is another; 0 without a menu.
        pub menu_version: u64,
        /// Whether new orders are taken.
        pub mode: StoreMode,
        /// Since when, in milliseconds.
        pub mode_since_ms: i64,
        /// What is sold out.
        pub sold_out: Vec<SoldOut>,
        /// By how many minutes nine of ten orders are late at most: what a promise adds.
        pub late_p90_min: u32,
        /// How long work is booked at its stations, from shortly before this minute on: all that is, so that what no load names is free. A station may
        /// stand here more than once, for stretches of time.
        pub load: Vec<StationLoad>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

/// What is booked at a station in a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StationLoad {
    /// The station.
    pub station: StationId,
    /// The first minute, in minutes since the Unix epoch.
    pub from_min: i64,
    /// Seconds that are taken of each minute from then on, by orders, and by walk-in guests beyond those whom the plan keeps time for.
    pub seconds: Vec<u32>,
}

request! {
    /// Keep kitchen time while I pay. Again for the same order, it answers as before; another time or cart moves it.
    pub struct SlotHoldRequest {
        /// The order that it is for: made on the phone, 16 characters of lower-case base32.
        pub order: OrderId,
        /// The store.
        pub store: StoreId,
        /// What is to be made.
        pub cart: Cart,
        /// When it shall be ready.
        pub time: PickupTime,
        /// The time that the person would have liked best: where that one is busy and this one is a quiet one near it, the slot that is held says what
        /// it gives ([`PickupSlot::nudge_points`](crate::slots::PickupSlot)).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wanted_ms: Option<i64>,
        /// An order that did not come about, for which a slot is held still: it goes over to this one first.
        #[serde(default)]
        pub replaces: Option<OrderId>,
    }
}

response! {
    /// What became of a wish for a slot.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct SlotHoldAnswer {
        /// The slot; absent when there is none.
        pub hold: Option<SlotHold>,
        /// Why there is none, with other times; absent where the cart does not fit the menu.
        pub refused: Option<SlotRefusal>,
        /// What of the cart does not fit the menu of today: to be shown before anything is held.
        pub changes: Vec<CartChange>,
    }
}

response! {
    /// Kitchen time that is kept.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct SlotHold {
        /// For this order.
        pub order: OrderId,
        /// When.
        pub slot: PickupSlot,
        /// First millisecond at which it is over; absent once it is ordered.
        pub until_ms: Option<i64>,
    }
}

request! {
    /// I do not order: the kitchen's time is free again. An order that was placed is cancelled by a step instead.
    pub struct SlotReleaseRequest {
        /// The order.
        pub order: OrderId,
    }
}

response! {
    /// What became of it.
    pub struct SlotReleased {
        /// False when nothing was held.
        pub released: bool,
    }
}

request! {
    /// What an operator says about ordering. What is absent stays as it is; a menu, kitchen or terms of a known store take the place of the old ones.
    pub struct PutMenus {
        /// Menus; the known one again is no change, another one needs a version above the known.
        #[serde(default)]
        pub menus: Vec<Menu>,
        /// Kitchens. What is booked stays booked.
        #[serde(default)]
        pub kitchens: Vec<KitchenPlan>,
        /// How stores take orders.
        #[serde(default)]
        pub terms: Vec<OrderTerms>,
        /// The tax table; the law's of today where none was ever put.
        #[serde(default)]
        pub tax: Option<TaxTable>,
        /// The allergen table, likewise.
        #[serde(default)]
        pub allergens: Option<AllergenTable>,
    }
}
