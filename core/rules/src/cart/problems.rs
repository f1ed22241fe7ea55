//! What of a cart does not fit the menu: every violation by itself, with the group and what is missing.

use serde::{Deserialize, Serialize};

use super::{Cart, CartLine, CartModifier, MAX_CART_LINES, MAX_CART_PIECES, MAX_LINE_MODIFIERS, MAX_LINE_PIECES, MAX_NOTE, modifier};
use crate::ids::{MenuItemId, ModifierGroupId, ModifierId};
use crate::menu::{HandoffMode, MAX_DEPTH, MenuBook, MenuItem, MenuThing, SoldOut};

/// When the cart is handed over, and what is sold out.
#[derive(Debug, Clone, Copy)]
pub struct CartMoment<'a> {
    /// The hand-over, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// As the store last said.
    pub sold_out: &'a [SoldOut],
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CartProblem {
    /// The line's place; `None` where it is about the whole cart.
    pub line: Option<u32>,
    /// The modifiers inside of which it is, outermost first.
    pub within: Vec<ModifierId>,
    /// What it is.
    pub kind: CartProblemKind,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CartProblemKind {
    /// Nothing is in it.
    Empty,
    /// Too many lines.
    TooManyLines {
        /// The most.
        most: u32,
    },
    /// Too many pieces in all.
    TooManyPieces {
        /// The most.
        most: u32,
    },
    /// None, or more than a line may have.
    Quantity {
        /// What was asked.
        has: u32,
        /// The most.
        most: u32,
    },
    /// More than one order may have of an item.
    ItemLimit {
        /// The item.
        item: MenuItemId,
        /// Pieces in all lines.
        has: u32,
        /// The most.
        most: u32,
    },
    /// The note is too long.
    NoteTooLong {
        /// Its characters.
        has: u32,
        /// The most.
        most: u32,
    },
    /// What is eaten where does not go with the hand-over.
    TaxHandoff {
        /// The hand-over.
        handoff: HandoffMode,
    },
    /// The menu has no such item.
    UnknownItem {
        /// The item.
        item: MenuItemId,
    },
    /// The item is not sold for this hand-over.
    NotForHandoff {
        /// The item.
        item: MenuItemId,
        /// The hand-over.
        handoff: HandoffMode,
    },
    /// The item is not sold at the time of the hand-over.
    NotAtThisTime {
        /// The item.
        item: MenuItemId,
    },
    /// Sold out.
    SoldOut {
        /// What.
        thing: MenuThing,
        /// First millisecond of a hand-over at which there is some again, where the store said so.
        until_ms: Option<i64>,
    },
    /// The item, or the modifier around it, does not open such a group.
    UnknownGroup {
        /// The group.
        group: ModifierGroupId,
    },
    /// The group has no such modifier.
    UnknownModifier {
        /// The group.
        group: ModifierGroupId,
        /// The modifier.
        modifier: ModifierId,
    },
    /// Too little is chosen of a group.
    TooFew {
        /// The group.
        group: ModifierGroupId,
        /// How many are missing.
        missing: u32,
        /// The least.
        min: u32,
    },
    /// Too much is chosen of a group.
    TooMany {
        /// The group.
        group: ModifierGroupId,
        /// How many are chosen.
        has: u32,
        /// The most.
        max: u32,
    },
    /// None, or more than there may be, of one modifier; or the same one in two entries.
    ModifierQuantity {
        /// The group.
        group: ModifierGroupId,
        /// The modifier.
        modifier: ModifierId,
        /// How many are chosen.
        has: u32,
        /// The most.
        most: u32,
    },
    /// More modifiers, or deeper ones, than a line may have.
    TooManyModifiers {
        /// The most.
        most: u32,
    },
    /// One must be older, and the person has not declared that age.
    AgeNotDeclared {
        /// The least age.
        least_age: u8,
    },
    /// An age must be checked, and nobody does at this hand-over.
    Unattended {
        /// The least age.
        least_age: u8,
        /// The hand-over.
        handoff: HandoffMode,
    },
}

impl Cart {
    /// What does not fit the menu, for a hand-over at that moment; empty for a cart that can be ordered.
    #[must_use]
    pub fn problems(&self, book: &MenuBook, moment: &CartMoment<'_>) -> Vec<CartProblem> {
        let of_cart = |kind| CartProblem { line: None, within: Vec::new(), kind };
        if self.lines.is_empty() {
            return vec![of_cart(CartProblemKind::Empty)];
        }
        if small(self.lines.len()) > MAX_CART_LINES {
            return vec![of_cart(CartProblemKind::TooManyLines { most: MAX_CART_LINES })];
        }
        let mut problems = Vec::new();
        if !self.handoff.tax_handoffs().contains(&self.tax_handoff) {
            problems.push(of_cart(CartProblemKind::TaxHandoff { handoff: self.handoff }));
        }
        if self.lines.iter().map(|line| line.quantity).fold(0, u32::saturating_add) > MAX_CART_PIECES {
            problems.push(of_cart(CartProblemKind::TooManyPieces { most: MAX_CART_PIECES }));
        }
        for (at, line) in self.lines.iter().enumerate() {
            let mut check = LineCheck { cart: self, book, moment, line: at, problems: &mut problems };
            check.line(line);
        }
        self.check_limits(book, &mut problems);
        problems
    }

    /// Limits of items hold for all lines together; said once, at the first line.
    fn check_limits(&self, book: &MenuBook, problems: &mut Vec<CartProblem>) {
        for (at, line) in self.lines.iter().enumerate() {
            let Some(most) = book.item(&line.item).and_then(|item| item.most) else {
                continue;
            };
            let same = || self.lines.iter().enumerate().filter(|(_, other)| other.item == line.item);
            let has = same().map(|(_, other)| other.quantity).fold(0, u32::saturating_add);
            if has > most && same().next().is_some_and(|(first, _)| first == at) {
                let kind = CartProblemKind::ItemLimit { item: line.item.clone(), has, most };
                problems.push(CartProblem { line: Some(small(at)), within: Vec::new(), kind });
            }
        }
    }
}

struct LineCheck<'a> {
    cart: &'a Cart,
    book: &'a MenuBook,
    moment: &'a CartMoment<'a>,
    line: usize,
    problems: &'a mut Vec<CartProblem>,
}

impl LineCheck<'_> {
    fn say(&mut self, within: &[&ModifierId], kind: CartProblemKind) {
        let within = within.iter().map(|id| (*id).clone()).collect();
        self.problems.push(CartProblem { line: Some(small(self.line)), within, kind });
    }

    fn line(&mut self, line: &CartLine) {
        if !(1..=MAX_LINE_PIECES).contains(&line.quantity) {
            self.say(&[], CartProblemKind::Quantity { has: line.quantity, most: MAX_LINE_PIECES });
        }
        // Bytes are counted first: a text that is short in bytes is short.
        if small(line.note.len()) > MAX_NOTE && small(line.note.chars().count()) > MAX_NOTE {
            self.say(&[], CartProblemKind::NoteTooLong { has: small(line.note.chars().count()), most: MAX_NOTE });
        }
        if line.tax_handoff.is_some_and(|eaten| !self.cart.handoff.tax_handoffs().contains(&eaten)) {
            self.say(&[], CartProblemKind::TaxHandoff { handoff: self.cart.handoff });
        }
        let Some(item) = self.book.item(&line.item) else {
            return self.say(&[], CartProblemKind::UnknownItem { item: line.item.clone() });
        };
        self.item(line, item);
        if count(&line.modifiers, MAX_DEPTH, MAX_LINE_MODIFIERS).is_none() {
            return self.say(&[], CartProblemKind::TooManyModifiers { most: MAX_LINE_MODIFIERS });
        }
        self.groups(&mut Vec::new(), &item.groups, &line.modifiers);
    }

    fn item(&mut self, line: &CartLine, item: &MenuItem) {
        let handoff = self.cart.handoff;
        self.age(&[], item.least_age);
        let unattended = item.least_age.is_some() && !handoff.is_attended();
        if !unattended && !self.book.is_for(item, handoff, line.tax_handoff.unwrap_or(self.cart.tax_handoff)) {
            self.say(&[], CartProblemKind::NotForHandoff { item: item.id.clone(), handoff });
        } else if !self.book.is_at(item, handoff, self.moment.at_ms) {
            self.say(&[], CartProblemKind::NotAtThisTime { item: item.id.clone() });
        }
        let is_it = |thing: &MenuThing| matches!(thing, MenuThing::Item(id) if *id == item.id);
        self.sold_out(&[], is_it);
    }

    fn sold_out(&mut self, within: &[&ModifierId], is_it: impl Fn(&MenuThing) -> bool) {
        let at_ms = self.moment.at_ms;
        if let Some(sold_out) = self.moment.sold_out.iter().find(|sold_out| is_it(&sold_out.thing) && sold_out.holds_at(at_ms)) {
            self.say(within, CartProblemKind::SoldOut { thing: sold_out.thing.clone(), until_ms: sold_out.until_ms });
        }
    }

    fn age(&mut self, within: &[&ModifierId], least_age: Option<u8>) {
        let Some(least_age) = least_age else { return };
        let handoff = self.cart.handoff;
        if !handoff.is_attended() {
            self.say(within, CartProblemKind::Unattended { least_age, handoff });
        } else if self.cart.declared_age.is_none_or(|age| age < least_age) {
            self.say(within, CartProblemKind::AgeNotDeclared { least_age });
        }
    }

    /// What is chosen of the groups that are open here.
    fn groups<'c>(&mut self, within: &mut Vec<&'c ModifierId>, open: &[ModifierGroupId], chosen: &'c [CartModifier]) {
        for group in open.iter().filter_map(|id| self.book.group(id)) {
            let has = chosen.iter().filter(|one| one.group == group.id).map(|one| one.quantity).fold(0, u32::saturating_add);
            if has < group.min {
                self.say(within, CartProblemKind::TooFew { group: group.id.clone(), missing: group.min - has, min: group.min });
            } else if has > group.max {
                self.say(within, CartProblemKind::TooMany { group: group.id.clone(), has, max: group.max });
            }
        }
        for (at, one) in chosen.iter().enumerate() {
            let (group, id) = (&one.group, &one.modifier);
            if !open.contains(group) || self.book.group(group).is_none() {
                self.say(within, CartProblemKind::UnknownGroup { group: group.clone() });
                continue;
            }
            let Some(modifier) = modifier(self.book, one) else {
                self.say(within, CartProblemKind::UnknownModifier { group: group.clone(), modifier: id.clone() });
                continue;
            };
            let twice = chosen.iter().take(at).any(|before| before.group == *group && before.modifier == *id);
            if twice || !(1..=modifier.most).contains(&one.quantity) {
                let (group, modifier_id) = (group.clone(), id.clone());
                let kind = CartProblemKind::ModifierQuantity { group, modifier: modifier_id, has: one.quantity, most: modifier.most };
                self.say(within, kind);
            }
            within.push(id);
            self.age(within, modifier.least_age);
            self.sold_out(within, |thing| matches!(thing, MenuThing::Modifier(sold_out) if sold_out == id));
            self.groups(within, &modifier.groups, &one.modifiers);
            within.pop();
        }
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How many modifiers there are, if they are no more and no deeper than that.
fn count(chosen: &[CartModifier], depth: usize, most: u32) -> Option<u32> {
    if chosen.is_empty() {
        return Some(0);
    }
    if depth == 0 || small(chosen.len()) > most {
        return None;
    }
    let mut sum = small(chosen.len());
    for one in chosen {
        sum += count(&one.modifiers, depth - 1, most)?;
        if sum > most {
            return None;
        }
    }
    Some(sum)
}
