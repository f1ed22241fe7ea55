//! Menus, carts and checks, as the app shows them.

use noren_rules::cart::{Cart, CartChange, CartProblem, PaymentMethod, PointsMode};
use noren_rules::ids::{AllergenId, MenuItemId, ModifierGroupId, ModifierId, OrderId, StoreId};
use noren_rules::menu::allergens::{AllergenLevel, AllergenState};
use noren_rules::menu::{HandoffMode, MenuItem, ModifierGroup, SoldOut};
use noren_rules::offers::Texts;
use noren_rules::receipt::TaxLine;
use noren_rules::slots::{PickupSlot, PickupTime, SlotRefusal, StoreMode};
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::OrderOf;
use serde::{Deserialize, Serialize};

use crate::coupons::{UnusedCouponView, UsedCouponView};

/// Which cart: there is one for the menu of each store, and one for goods of the online shop to be fetched in, or sent by, each store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CartOf {
    /// The store.
    pub store: StoreId,
    /// Of its menu, or of goods.
    pub of: OrderOf,
}

impl CartOf {
    /// The cart for a store's menu.
    #[must_use]
    pub fn menu(store: &StoreId) -> Self {
        Self { store: store.clone(), of: OrderOf::Menu }
    }

    /// The cart for goods of the online shop.
    #[must_use]
    pub fn goods(store: &StoreId) -> Self {
        Self { store: store.clone(), of: OrderOf::Goods }
    }
}

/// What changes by the minute in a store, as it was heard last.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StoreStatus {
    /// The store.
    pub store: StoreId,
    /// Whether new orders are taken; as planned where nothing was heard.
    pub mode: StoreMode,
    /// What is sold out.
    pub sold_out: Vec<SoldOut>,
    /// By how many minutes nine of ten orders are late at most.
    pub late_p90_min: u32,
    /// True when the menu on the phone is not the newest: refresh it.
    pub menu_is_old: bool,
    /// The server's clock when it said so; absent where nothing was heard.
    pub as_of_ms: Option<i64>,
}

/// A store's menu for one hand-over at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MenuView {
    /// The store.
    pub store: StoreId,
    /// Its name.
    pub store_name: Texts,
    /// Its version; 0 for a store that sells goods of the online shop only.
    pub version: u64,
    /// ISO 4217 code of all prices.
    pub currency: String,
    /// How orders are handed over there.
    pub handoffs: Vec<HandoffMode>,
    /// How they can be paid.
    pub methods: Vec<PaymentMethod>,
    /// For which hand-over the sections are.
    pub handoff: HandoffMode,
    /// For which moment of the hand-over, in milliseconds.
    pub at_ms: i64,
    /// What is sold then, in the order in which it is shown.
    pub sections: Vec<MenuSectionView>,
    /// When the menu was fetched last, by the server's clock.
    pub as_of_ms: i64,
    /// What changes by the minute.
    pub status: StoreStatus,
}

/// A part of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MenuSectionView {
    /// What the diner reads.
    pub title: Texts,
    /// Its items.
    pub items: Vec<MenuItemView>,
}

/// An item of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MenuItemView {
    /// Its id.
    pub id: MenuItemId,
    /// What the diner reads.
    pub title: Texts,
    /// What it is.
    pub description: Texts,
    /// What one costs with the defaults of its groups, in minor units, tax included; absent where it is not sold so.
    pub price_minor: Option<i64>,
    /// True when it is sold out at that moment.
    pub sold_out: bool,
    /// Its groups, in the order in which they are asked.
    pub groups: Vec<ModifierGroupId>,
    /// How old one must be.
    pub least_age: Option<u8>,
    /// Of what the person avoids, all that it is not known to be free of, with the defaults of its groups.
    pub warnings: Vec<AllergenNote>,
}

/// An item with all that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MenuItemDetail {
    /// As in the menu.
    pub view: MenuItemView,
    /// As the store gave it.
    pub item: MenuItem,
    /// Every group that it opens, nested ones after those around them.
    pub groups: Vec<ModifierGroup>,
    /// The modifiers in them that are sold out then.
    pub sold_out_modifiers: Vec<ModifierId>,
    /// A line of one piece with the defaults: what to begin with. What it costs as it is chosen so far: [`super::OrderingService::line_minor`].
    pub line: noren_rules::cart::CartLine,
    /// What it holds of every allergen that is listed on the day, with the defaults.
    pub allergens: Vec<AllergenNote>,
}

/// What a dish holds of an allergen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct AllergenNote {
    /// Which.
    pub allergen: AllergenId,
    /// What the diner reads; empty for one that is not listed.
    pub title: Texts,
    /// How it is to be named; absent for one that is not listed.
    pub level: Option<AllergenLevel>,
    /// What is known. Unknown is not free.
    pub state: AllergenState,
    /// The state in words, in Japanese.
    pub words_ja: String,
    /// The same in English.
    pub words_en: String,
    /// True when the person avoids it.
    pub avoided: bool,
}

/// A cart as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CartView {
    /// Which one.
    pub of: CartOf,
    /// What is in it.
    pub cart: Cart,
    /// The order that it is to become; absent before a slot was held or the review shown.
    pub order: Option<OrderId>,
    /// The slot that is held for it, while it is.
    pub held: Option<HeldSlot>,
    /// True when it was ordered and nobody knows yet what became of that: it cannot be changed until then.
    pub is_placed: bool,
    /// The order in whose place it would be: after a question.
    pub replaces: Option<OrderId>,
}

/// A slot that is held for a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HeldSlot {
    /// What was asked for.
    pub time: PickupTime,
    /// When.
    pub slot: PickupSlot,
    /// First millisecond at which it is over.
    pub until_ms: i64,
}

/// How a cart would be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CheckoutWish {
    /// When it shall be ready.
    pub time: PickupTime,
    /// How it is paid.
    pub method: PaymentMethod,
    /// True to use the best set of the wallet's coupons, those left out that are held back.
    pub use_coupons: bool,
    /// Points to be used, at most.
    pub points: i64,
}

/// A cart held against the menu of now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CartCheck {
    /// What does not fit.
    pub problems: Vec<CartProblemView>,
    /// What is not as the person saw it: questions, the problems among them.
    pub changes: Vec<CartChangeView>,
    /// What it comes to; absent while something in it has no price.
    pub totals: Option<CartTotals>,
    /// Line by line, of what the person avoids, all that a line is not known to be free of.
    pub warnings: Vec<LineAllergens>,
    /// The time as it would be booked now, by what is known; absent where it is refused, and for goods.
    pub slot: Option<PickupSlot>,
    /// Why that time is not to be had, with others; absent where it is.
    pub refusal: Option<SlotRefusal>,
    /// When the menu was fetched last.
    pub menu_as_of_ms: i64,
    /// When it was heard last what is sold out and booked; absent where never.
    pub status_as_of_ms: Option<i64>,
}

/// Something that does not fit, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CartProblemView {
    /// The line's place, from 0; absent for the whole cart.
    pub line: Option<u32>,
    /// What it is.
    pub problem: CartProblem,
    /// In Japanese, naming the group and what is missing.
    pub words_ja: String,
    /// In English.
    pub words_en: String,
}

/// Something that is not as it was seen, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CartChangeView {
    /// The line's place, from 0; absent for the whole cart.
    pub line: Option<u32>,
    /// What it is.
    pub change: CartChange,
    /// In Japanese.
    pub words_ja: String,
    /// In English.
    pub words_en: String,
}

/// What a line is not known to be free of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct LineAllergens {
    /// The line's place, from 0.
    pub line: u32,
    /// What the person avoids and it is not free of.
    pub warnings: Vec<AllergenNote>,
}

/// What a cart comes to. All amounts are in minor units, tax included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CartTotals {
    /// ISO 4217.
    pub currency: String,
    /// By prices alone.
    pub subtotal_minor: i64,
    /// What each line of the cart comes to by its price, in their order.
    pub lines_minor: Vec<i64>,
    /// What coupons take off.
    pub discount_minor: i64,
    /// Coupons that are used.
    pub used: Vec<UsedCouponView>,
    /// Coupons that are not, and why.
    pub unused: Vec<UnusedCouponView>,
    /// Points that are used.
    pub points: i64,
    /// What they take off, or pay.
    pub points_minor: i64,
    /// What points are; absent when none are used.
    pub points_mode: Option<PointsMode>,
    /// The total of the receipt.
    pub total_minor: i64,
    /// What is left to pay in money.
    pub to_pay_minor: i64,
    /// The tax in the total, by rate.
    pub taxes: Vec<TaxLine>,
}

/// Times for a cart, found on the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PickupSlotsView {
    /// As soon as possible; absent when there is none today.
    pub asap: Option<PickupSlot>,
    /// Why not, with other times.
    pub refusal: Option<SlotRefusal>,
    /// In words, in Japanese; empty where there is one.
    pub words_ja: String,
    /// In English.
    pub words_en: String,
    /// The times that fit, with a nudge at quieter ones.
    pub slots: Vec<PickupSlot>,
    /// When the server said what is booked: a slot is sure once it is held.
    pub as_of_ms: i64,
}

/// Between which times, and near which, a slot is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PickupWindow {
    /// The first moment, in milliseconds.
    pub from_ms: i64,
    /// The last moment.
    pub until_ms: i64,
    /// The time that the person would like best.
    pub wanted_ms: Option<i64>,
}

/// What became of a wish for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum SlotHoldOutcome {
    /// It is held.
    Held {
        /// For this order.
        order: OrderId,
        /// When, and until when it is held.
        held: HeldSlot,
    },
    /// It is not to be had.
    Refused {
        /// Why, with other times, or none for that day.
        refusal: SlotRefusal,
        /// In words, in Japanese.
        words_ja: String,
        /// In English.
        words_en: String,
    },
    /// The cart does not fit the menu of today: nothing is held.
    Changed {
        /// What is not as it was seen.
        changes: Vec<CartChangeView>,
    },
}

/// A named cart ("the usual").
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct FavouriteCart {
    /// Its name.
    pub name: String,
    /// Which store and what of.
    pub of: CartOf,
    /// What is in it.
    pub cart: Cart,
}

/// A cart put together again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ReorderedCart {
    /// The cart as it now stands.
    pub cart: CartView,
    /// What is not sold any more, by its title as it was called then: it is not in the cart.
    pub vanished: Vec<Texts>,
    /// What else is not as it was: a modifier that is gone, another price, sold out.
    pub changes: Vec<CartChangeView>,
}

/// Where a line is eaten, and how it is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CartHandoff {
    /// How.
    pub handoff: HandoffMode,
    /// Where it is eaten; absent for what is usual with that hand-over.
    pub tax_handoff: Option<TaxHandoff>,
}
