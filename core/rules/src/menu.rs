//! Menus: what a store sells for which hand-over and at which time of the day, with modifiers, allergens, age limits, and the time that making it
//! takes at each station.
//!
//! A [`Menu`] is data, as the operator gives it and as a phone keeps it; a [`MenuBook`] is one that was checked, and finds what is asked for
//! quickly. What is sold out changes by the minute and is a list of its own ([`SoldOut`]).

use serde::{Deserialize, Serialize};

use crate::ids::{MenuItemId, ModifierGroupId, ModifierId, Sku, StationId, StoreId};
use crate::offers::{Texts, TimeOfDay};
use crate::tax::{MixedSet, TaxClass, TaxHandoff};

pub mod allergens;
mod book;
mod check;
mod goods;

pub use book::MenuBook;
pub use check::{MAX_DEPTH, MAX_MAKE_S, MAX_MENU_TEXT, MenuError};

use allergens::AllergenFacts;

/// How an order reaches the person (受渡方法).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HandoffMode {
    /// At the counter or the pickup shelf (店頭受取); eaten there or taken away, as the diner says.
    CounterPickup,
    /// Brought to the car (駐車場受取).
    Curbside,
    /// At the window (ドライブスルー).
    DriveThru,
    /// Brought to the seat (店内飲食).
    DineIn,
    /// Brought home (配達).
    Delivery,
    /// Goods of the online shop, fetched in a store (店舗受取): pieces are reserved there, no kitchen works.
    StorePickup,
    /// From a locker (ロッカー): nobody sees who takes it.
    Locker,
}

impl HandoffMode {
    /// What the tax may take it for; the first is the usual one. A souvenir ordered at a seat is taken out.
    #[must_use]
    pub fn tax_handoffs(self) -> &'static [TaxHandoff] {
        match self {
            Self::CounterPickup => &[TaxHandoff::TakeOut, TaxHandoff::EatIn],
            Self::DineIn => &[TaxHandoff::EatIn, TaxHandoff::TakeOut],
            Self::Curbside | Self::DriveThru | Self::StorePickup | Self::Locker => &[TaxHandoff::TakeOut],
            Self::Delivery => &[TaxHandoff::Delivery],
        }
    }

    /// True where staff sees who takes it, and can check an age.
    #[must_use]
    pub fn is_attended(self) -> bool {
        self != Self::Locker
    }
}

/// A price, tax included (総額表示).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MenuPrice {
    /// Where it is eaten; absent: wherever no other price says more. A store that charges the same for both bears the difference in tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<TaxHandoff>,
    /// In minor units.
    pub amount_minor: i64,
}

/// Work at a station of the kitchen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeStep {
    /// Where.
    pub station: StationId,
    /// How long one batch takes, in seconds.
    pub seconds: u32,
    /// How many equal pieces are made in one batch (six portions in one fryer); at least 1.
    #[serde(default = "one")]
    pub batch: u32,
}

fn one() -> u32 {
    1
}

/// A modifier: what can be chosen of a group (トッピング, サイズ).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Modifier {
    /// Its id. The same modifier may stand in several groups, and is then sold out in all of them.
    pub id: ModifierId,
    /// What the diner reads.
    pub title: Texts,
    /// What one of it costs more; nothing where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<MenuPrice>,
    /// How many of it can be chosen at most.
    #[serde(default = "one")]
    pub most: u32,
    /// How many are chosen unless the diner says otherwise.
    #[serde(default)]
    pub default: u32,
    /// Groups that open once it is chosen (セットのドリンク → 氷の量).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<ModifierGroupId>,
    /// What is known of its allergens.
    #[serde(default, skip_serializing_if = "AllergenFacts::is_empty")]
    pub allergens: AllergenFacts,
    /// Its tax class where that is another than the item's (beer in a set that the diner puts together): its price is then a line of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_class: Option<TaxClass>,
    /// How old one must be (酒類: 20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_age: Option<u8>,
    /// Work that it adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub make: Vec<MakeStep>,
}

/// A group of modifiers (オプション群).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModifierGroup {
    /// Its id.
    pub id: ModifierGroupId,
    /// What the diner reads.
    pub title: Texts,
    /// How many must be chosen at least, counted with their quantities; required where this is above 0.
    #[serde(default)]
    pub min: u32,
    /// How many can be chosen at most, counted with their quantities.
    pub max: u32,
    /// What can be chosen.
    pub modifiers: Vec<Modifier>,
}

/// What is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MenuItem {
    /// Its id.
    pub id: MenuItemId,
    /// The article code on the receipt.
    pub sku: Sku,
    /// Its class of goods for coupons, if the shop has classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What the diner reads.
    pub title: Texts,
    /// What it is.
    #[serde(default)]
    pub description: Texts,
    /// What one costs. It is not sold for a hand-over without a price.
    pub prices: Vec<MenuPrice>,
    /// What it is for the tax.
    pub tax_class: TaxClass,
    /// Food and other things at one price (一体資産): then `tax_class` is food, and counts only where the rule is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixed_set: Option<MixedSet>,
    /// Its groups, in the order in which they are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<ModifierGroupId>,
    /// What is known of its allergens, its modifiers apart.
    #[serde(default, skip_serializing_if = "AllergenFacts::is_empty")]
    pub allergens: AllergenFacts,
    /// How old one must be (酒類・たばこ: 20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_age: Option<u8>,
    /// How many one order may have of it; absent: the limit of every line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// The most that all coupons together may take off it, in thousandths; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greatest_discount_permille: Option<u16>,
    /// Work at the stations. Several stations work at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub make: Vec<MakeStep>,
}

/// A part of the menu: which items, for which hand-over, at which time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MenuSection {
    /// What the diner reads (朝食).
    pub title: Texts,
    /// For which hand-over; for every one where this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handoffs: Vec<HandoffMode>,
    /// When, by the time of the hand-over; always where this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<TimeOfDay>,
    /// In the order in which they are shown.
    pub items: Vec<MenuItemId>,
}

/// The menu of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// Whose.
    pub store: StoreId,
    /// Rises with each change.
    pub version: u64,
    /// ISO 4217 code of all prices.
    pub currency: String,
    /// Sections, in the order in which they are shown. An item that is in none is not sold.
    pub sections: Vec<MenuSection>,
    /// All items.
    pub items: Vec<MenuItem>,
    /// All groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<ModifierGroup>,
}

/// What can be sold out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MenuThing {
    /// An item.
    Item(MenuItemId),
    /// A modifier, in every group that has it.
    Modifier(ModifierId),
}

/// Something is sold out (売切).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SoldOut {
    /// What.
    pub thing: MenuThing,
    /// First millisecond of a hand-over at which there is some again; absent: until the store says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

impl SoldOut {
    /// True for a hand-over at this moment.
    #[must_use]
    pub fn holds_at(&self, at_ms: i64) -> bool {
        self.until_ms.is_none_or(|until_ms| at_ms < until_ms)
    }
}

/// Of several prices, the one for this hand-over: its own before the general one.
pub(crate) fn price_for(prices: &[MenuPrice], handoff: TaxHandoff) -> Option<i64> {
    let own = prices.iter().find(|price| price.handoff == Some(handoff));
    own.or_else(|| prices.iter().find(|price| price.handoff.is_none())).map(|price| price.amount_minor)
}

#[cfg(test)]
pub(crate) mod tests;
