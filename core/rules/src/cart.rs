//! The cart: what a person wants of a menu, whether the menu allows it, what it comes to, and what is shown before the tap that orders.
//!
//! A cart lists everything that is chosen, defaults included: what is not in its tree is not on the plate. A [`Cart`] may hold anything that
//! came over the wire; [`Cart::problems`] says what does not fit the menu, [`Cart::changes`] what the menu changed under it, and [`price`] what it
//! comes to, to the yen, the same on phone and backend.

use serde::{Deserialize, Serialize};

use crate::ids::{MenuItemId, ModifierGroupId, ModifierId};
use crate::menu::allergens::{AllergenState, ListedAllergen, sum};
use crate::menu::{HandoffMode, MenuBook, Modifier};
use crate::tax::TaxHandoff;

mod changes;
mod pricing;
mod problems;
mod snapshot;
mod texts;

pub use changes::CartChange;
pub use pricing::{CouponTerms, DELIVERY_FEE, PointsMode, PointsTerms, PriceError, PriceTerms, PricedCart, PricedLine, PricedOf, price};
pub use problems::{CartMoment, CartProblem, CartProblemKind};
pub use snapshot::{CancelTerms, CaptureTime, OrderSnapshot, PaymentMethod, SnapshotLine, SnapshotModifier, SnapshotRow, SnapshotTerms};

use crate::ids::AllergenId;

/// Most lines of a cart.
pub const MAX_CART_LINES: u32 = 100;
/// Most pieces of a line.
pub const MAX_LINE_PIECES: u32 = 99;
/// Most pieces of a cart.
pub const MAX_CART_PIECES: u32 = 500;
/// Most characters of a note.
pub const MAX_NOTE: u32 = 200;
/// Most modifiers of a line, nested ones included.
pub const MAX_LINE_MODIFIERS: u32 = 100;

/// A modifier that is chosen, with what is chosen of the groups that it opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CartModifier {
    /// Of this group.
    pub group: ModifierGroupId,
    /// This one.
    pub modifier: ModifierId,
    /// So many.
    pub quantity: u32,
    /// And of the groups that it opens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub modifiers: Vec<CartModifier>,
}

/// A line of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CartLine {
    /// What.
    pub item: MenuItemId,
    /// How it is wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<CartModifier>,
    /// How many, all alike.
    pub quantity: u32,
    /// A word to the kitchen; at most [`MAX_NOTE`] characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Where this line is eaten, where that is elsewhere than the rest (a souvenir taken home from the table).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_handoff: Option<TaxHandoff>,
    /// What one piece cost when the person last saw it, in minor units, tax included: so that a changed price is a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_minor: Option<i64>,
}

/// A cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Cart {
    /// How it is handed over.
    pub handoff: HandoffMode,
    /// Where it is eaten, as the diner says (店内/持ち帰り).
    pub tax_handoff: TaxHandoff,
    /// What is wanted.
    pub lines: Vec<CartLine>,
    /// The age that the person declared, where something asks for one; checked at hand-over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_age: Option<u8>,
}

impl CartLine {
    /// So many of an item as the menu makes it unless someone says otherwise: with the defaults of its groups, and at the price that the menu
    /// says for this hand-over. `None` for an item that is not on the menu.
    #[must_use]
    pub fn of(book: &MenuBook, item: &MenuItemId, quantity: u32, tax_handoff: TaxHandoff) -> Option<Self> {
        let found = book.item(item)?;
        let modifiers = defaults(book, &found.groups);
        let mut line = Self { item: item.clone(), modifiers, quantity, note: String::new(), tax_handoff: None, seen_minor: None };
        line.seen_minor = pricing::piece_minor(&line, book, tax_handoff);
        Some(line)
    }

    /// What one piece costs now, in minor units, tax included; `None` where the menu does not say.
    #[must_use]
    pub fn piece_minor(&self, book: &MenuBook, tax_handoff: TaxHandoff) -> Option<i64> {
        pricing::piece_minor(self, book, self.tax_handoff.unwrap_or(tax_handoff))
    }

    /// What it holds of the allergens of a day's table, modifiers included. A modifier or item that the menu does not know makes all unknown.
    #[must_use]
    pub fn allergens(&self, book: &MenuBook, listed: &[ListedAllergen<'_>]) -> Vec<(AllergenId, AllergenState)> {
        let unknown = || listed.iter().map(|allergen| (allergen.id.clone(), AllergenState::Unknown)).collect();
        let Some(item) = book.item(&self.item) else {
            return unknown();
        };
        let mut parts = vec![&item.allergens];
        let mut open: Vec<&CartModifier> = self.modifiers.iter().collect();
        while let Some(chosen) = open.pop() {
            let Some(modifier) = modifier(book, chosen) else {
                return unknown();
            };
            parts.push(&modifier.allergens);
            open.extend(&chosen.modifiers);
        }
        sum(listed, parts)
    }
}

impl Cart {
    /// An empty one.
    #[must_use]
    pub fn new(handoff: HandoffMode, tax_handoff: TaxHandoff) -> Self {
        Self { handoff, tax_handoff, lines: Vec::new(), declared_age: None }
    }
}

/// A modifier as the menu has it.
pub(crate) fn modifier<'a>(book: &'a MenuBook, chosen: &CartModifier) -> Option<&'a Modifier> {
    book.group(&chosen.group)?.modifiers.iter().find(|modifier| modifier.id == chosen.modifier)
}

/// What is chosen of groups unless someone says otherwise. The menu was checked, so groups do not open themselves.
fn defaults(book: &MenuBook, groups: &[ModifierGroupId]) -> Vec<CartModifier> {
    let groups = groups.iter().filter_map(|id| book.group(id));
    let chosen =
        groups.flat_map(|group| group.modifiers.iter().filter(|modifier| modifier.default > 0).map(move |modifier| (group, modifier)));
    chosen
        .map(|(group, modifier)| CartModifier {
            group: group.id.clone(),
            modifier: modifier.id.clone(),
            quantity: modifier.default,
            modifiers: defaults(book, &modifier.groups),
        })
        .collect()
}

#[cfg(test)]
mod tests;
