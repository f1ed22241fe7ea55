//! What a menu changed under a cart: a question to the person, never a silent change.

use serde::{Deserialize, Serialize};

use super::{Cart, CartMoment, CartProblem, CartProblemKind};
use crate::ids::{MenuItemId, ModifierGroupId, ModifierId};
use crate::menu::{MenuBook, MenuThing};
use crate::tax::TaxHandoff;

/// Something that is not as the person saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CartChange {
    /// An item is no longer on the menu.
    Vanished {
        /// The line's place.
        line: u32,
        /// The item.
        item: MenuItemId,
    },
    /// A modifier, or its whole group, is no longer on the menu.
    ModifierVanished {
        /// The line's place.
        line: u32,
        /// The group.
        group: ModifierGroupId,
        /// The modifier; `None` where the group is gone.
        modifier: Option<ModifierId>,
    },
    /// Sold out.
    SoldOut {
        /// The line's place.
        line: u32,
        /// What.
        thing: MenuThing,
        /// First millisecond of a hand-over at which there is some again, where the store said so.
        until_ms: Option<i64>,
    },
    /// A piece costs something else now.
    Costs {
        /// The line's place.
        line: u32,
        /// What the person saw, in minor units, tax included.
        was_minor: i64,
        /// What it costs.
        is_minor: i64,
    },
    /// Anything else that does not fit any more: a group with other limits, another time of day.
    Rule(CartProblem),
}

impl Cart {
    /// What is not as the person saw it, line by line; empty for a cart that can be ordered as it is. Prices are held against
    /// [`super::CartLine::seen_minor`]; a line without one is new and has nothing to compare.
    #[must_use]
    pub fn changes(&self, book: &MenuBook, moment: &CartMoment<'_>) -> Vec<CartChange> {
        let mut changes: Vec<CartChange> = self.problems(book, moment).into_iter().map(change).collect();
        for (line, in_cart) in (0..).zip(&self.lines) {
            if let (Some(was_minor), Some(is_minor)) = (in_cart.seen_minor, in_cart.piece_minor(book, self.tax_handoff))
                && was_minor != is_minor
            {
                changes.push(CartChange::Costs { line, was_minor, is_minor });
            }
        }
        changes.sort_by_key(|change| change.line().unwrap_or(0));
        changes
    }

    /// The cart eaten elsewhere (店内 or 持ち帰り), as phone and backend amend an order. It may cost something else so: what the person sees of that is the
    /// snapshot, not the price of the other way.
    #[must_use]
    pub fn amended(&self, tax_handoff: TaxHandoff) -> Self {
        let mut cart = Self { tax_handoff, ..self.clone() };
        cart.lines.iter_mut().for_each(|line| line.seen_minor = None);
        cart
    }

    /// The cart with the prices that the menu says now: the person has seen them and said yes. What is not on the menu stays as it is.
    #[must_use]
    pub fn with_prices_of(mut self, book: &MenuBook) -> Self {
        for line in &mut self.lines {
            line.seen_minor = line.piece_minor(book, self.tax_handoff).or(line.seen_minor);
        }
        self
    }
}

impl CartChange {
    /// True for what does not go with another way of eating an order. That something is sold out by now is no matter: it is ordered already.
    #[must_use]
    pub fn forbids_amendment(&self) -> bool {
        use CartProblemKind::{NotForHandoff, TaxHandoff};
        matches!(self, Self::Rule(problem) if matches!(problem.kind, TaxHandoff { .. } | NotForHandoff { .. }))
    }

    /// The place of the line that it is about; `None` for the whole cart.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        match self {
            Self::Vanished { line, .. } | Self::ModifierVanished { line, .. } | Self::SoldOut { line, .. } | Self::Costs { line, .. } => {
                Some(*line)
            }
            Self::Rule(problem) => problem.line,
        }
    }
}

fn change(problem: CartProblem) -> CartChange {
    let Some(line) = problem.line else {
        return CartChange::Rule(problem);
    };
    match problem.kind {
        CartProblemKind::UnknownItem { item } => CartChange::Vanished { line, item },
        CartProblemKind::UnknownGroup { group } => CartChange::ModifierVanished { line, group, modifier: None },
        CartProblemKind::UnknownModifier { group, modifier } => CartChange::ModifierVanished { line, group, modifier: Some(modifier) },
        CartProblemKind::SoldOut { thing, until_ms } => CartChange::SoldOut { line, thing, until_ms },
        kind => CartChange::Rule(CartProblem { kind, ..problem }),
    }
}
