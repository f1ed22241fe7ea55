//! A menu that was checked, with an index.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::{HandoffMode, Menu, MenuError, MenuItem, MenuSection, ModifierGroup};
use crate::ids::{MenuItemId, ModifierGroupId};
use crate::tax::TaxHandoff;

/// Without a random seed, so that the same input takes the same way.
type Index<K> = HashMap<K, usize, BuildHasherDefault<DefaultHasher>>;

/// A menu that was checked: what it names is there.
#[derive(Debug, Clone)]
pub struct MenuBook {
    menu: Menu,
    items: Index<MenuItemId>,
    groups: Index<ModifierGroupId>,
    /// Of each item, its sections.
    sections: Vec<Vec<usize>>,
}

impl MenuBook {
    /// Checks a menu.
    ///
    /// # Errors
    /// [`MenuError`].
    pub fn new(menu: Menu) -> Result<Self, MenuError> {
        menu.check()?;
        let items: Index<MenuItemId> = menu.items.iter().enumerate().map(|(at, item)| (item.id.clone(), at)).collect();
        let groups = menu.groups.iter().enumerate().map(|(at, group)| (group.id.clone(), at)).collect();
        let mut sections = vec![Vec::new(); menu.items.len()];
        for (at, section) in menu.sections.iter().enumerate() {
            for item in section.items.iter().filter_map(|id| items.get(id)) {
                if let Some(of_item) = sections.get_mut(*item) {
                    of_item.push(at);
                }
            }
        }
        Ok(Self { menu, items, groups, sections })
    }

    /// The menu.
    #[must_use]
    pub fn menu(&self) -> &Menu {
        &self.menu
    }

    /// An item.
    #[must_use]
    pub fn item(&self, id: &MenuItemId) -> Option<&MenuItem> {
        self.menu.items.get(*self.items.get(id)?)
    }

    /// A group.
    #[must_use]
    pub fn group(&self, id: &ModifierGroupId) -> Option<&ModifierGroup> {
        self.menu.groups.get(*self.groups.get(id)?)
    }

    /// The sections that are offered for a hand-over at this moment (milliseconds since the Unix epoch), in their order.
    pub fn sections_at(&self, handoff: HandoffMode, at_ms: i64) -> impl Iterator<Item = &MenuSection> {
        self.menu.sections.iter().filter(move |section| takes(section, handoff) && holds(section, at_ms))
    }

    /// True when the item is sold for that hand-over at all, and has a price for it.
    #[must_use]
    pub fn is_for(&self, item: &MenuItem, handoff: HandoffMode, tax_handoff: TaxHandoff) -> bool {
        // Nobody at a locker can check an age.
        let attended = item.least_age.is_none() || handoff.is_attended();
        attended && super::price_for(&item.prices, tax_handoff).is_some() && self.sections_of(item).any(|section| takes(section, handoff))
    }

    /// True when it is sold for that hand-over at that moment.
    #[must_use]
    pub fn is_at(&self, item: &MenuItem, handoff: HandoffMode, at_ms: i64) -> bool {
        self.sections_of(item).any(|section| takes(section, handoff) && holds(section, at_ms))
    }

    fn sections_of(&self, item: &MenuItem) -> impl Iterator<Item = &MenuSection> {
        let of_item = self.items.get(&item.id).and_then(|at| self.sections.get(*at));
        of_item.into_iter().flatten().filter_map(|at| self.menu.sections.get(*at))
    }
}

fn takes(section: &MenuSection, handoff: HandoffMode) -> bool {
    section.handoffs.is_empty() || section.handoffs.contains(&handoff)
}

fn holds(section: &MenuSection, at_ms: i64) -> bool {
    section.hours.is_empty() || section.hours.iter().any(|hours| hours.holds_at(at_ms.div_euclid(1_000)))
}
