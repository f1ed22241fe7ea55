//! What an operator may put as a menu.

use std::collections::{BTreeMap, BTreeSet};

use super::allergens::AllergenFacts;
use super::{MakeStep, Menu, MenuItem, MenuPrice, MenuSection, Modifier, ModifierGroup};
use crate::ids::{MenuItemId, ModifierGroupId, ModifierId};
use crate::offers::{Texts, TimeOfDay};
use crate::receipt::is_date;
use crate::tax::TaxClass;

/// How deep groups may open in each other.
pub const MAX_DEPTH: usize = 4;
/// Most characters of a text on a menu.
pub const MAX_MENU_TEXT: usize = 2_000;
/// The longest that a batch may take, in seconds.
pub const MAX_MAKE_S: u32 = 4 * 3_600;
/// The dearest price in minor units: an order of such pieces still adds up.
pub(super) const MAX_PRICE_MINOR: i64 = 100_000_000;
pub(super) const MAX_THINGS: usize = 5_000;
/// The most that can be chosen of one modifier or group.
const MAX_CHOSEN: u32 = 99;

/// Why a menu cannot be used. Each names what to correct.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MenuError {
    /// Too many things on it.
    #[error("a menu has at most {MAX_THINGS} items, groups, sections, and modifiers in a group: split it")]
    TooLarge,
    /// Not three capital letters.
    #[error("the currency is no ISO 4217 code: write three capital letters")]
    Currency,
    /// An item that is listed twice, or has no id.
    #[error("item {0:?} stands twice, or has no id: give each item an id of its own")]
    ItemId(MenuItemId),
    /// A group that is listed twice, or has no id.
    #[error("group {0:?} stands twice, or has no id: give each group an id of its own")]
    GroupId(ModifierGroupId),
    /// A modifier that stands twice in its group, or has no id.
    #[error("modifier {modifier:?} stands twice in group {group:?}, or has no id: give each an id of its own")]
    ModifierId {
        /// The group.
        group: ModifierGroupId,
        /// The modifier.
        modifier: ModifierId,
    },
    /// No title in Japanese or English, or a text that is too long.
    #[error("{0:?} needs a title in Japanese or English, and texts of at most {MAX_MENU_TEXT} characters")]
    Text(String),
    /// A section or item names what is not there.
    #[error("{of:?} names {missing:?}, which is not on the menu: add it, or take the name out")]
    Missing {
        /// Who names it.
        of: String,
        /// What is not there.
        missing: String,
    },
    /// No price, two for the same hand-over, or one that cannot be.
    #[error("{0:?} needs one price a hand-over, from 0 to {MAX_PRICE_MINOR} minor units")]
    Price(String),
    /// Nothing, or too much, can be chosen.
    #[error("group {0:?} cannot be met: min is at most max, max at most {MAX_CHOSEN}, and its modifiers together reach min")]
    Count(ModifierGroupId),
    /// What is chosen by default is not allowed.
    #[error("the defaults of group {0:?} are more than its max, or more of a modifier than it allows")]
    Default(ModifierGroupId),
    /// Groups that open each other, or too deep.
    #[error("group {0:?} opens itself, or more than {MAX_DEPTH} groups in each other: take a level out")]
    Depth(ModifierGroupId),
    /// Work that cannot be.
    #[error("the work of {0:?} takes from 1 to {MAX_MAKE_S} seconds a batch, in batches of at least 1")]
    Make(String),
    /// Food and other things, but the class is not food; or parts that cannot be.
    #[error("the mixed set {0:?} is of class food, and its food worth something and no more than the whole")]
    MixedSet(MenuItemId),
    /// Hours that cannot be.
    #[error("the hours of section {0:?} run from minute 0 to 1439, on some day of the week, in a zone of at most 18 hours")]
    Hours(String),
    /// A day of a check of allergens that is none.
    #[error("the allergens of {0:?} were checked on a day that is none (YYYY-MM-DD)")]
    Checked(String),
    /// A discount of more than all, an age or a limit that cannot be.
    #[error("item {0:?} has an age limit above 120, a discount above 1000 thousandths, or a limit of 0")]
    Limit(MenuItemId),
}

impl Menu {
    /// Checks what an operator may put.
    ///
    /// # Errors
    /// The first thing that is wrong, by name.
    pub fn check(&self) -> Result<(), MenuError> {
        let too_many = self.groups.iter().any(|group| group.modifiers.len() > MAX_THINGS);
        if too_many || [self.items.len(), self.groups.len(), self.sections.len()].iter().any(|count| *count > MAX_THINGS) {
            return Err(MenuError::TooLarge);
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(MenuError::Currency);
        }
        let mut items = BTreeSet::new();
        if let Some(twice) = self.items.iter().find(|item| item.id.as_str().is_empty() || !items.insert(&item.id)) {
            return Err(MenuError::ItemId(twice.id.clone()));
        }
        let mut groups = BTreeSet::new();
        if let Some(twice) = self.groups.iter().find(|group| group.id.as_str().is_empty() || !groups.insert(&group.id)) {
            return Err(MenuError::GroupId(twice.id.clone()));
        }
        self.items.iter().try_for_each(|item| check_item(item, &groups))?;
        self.groups.iter().try_for_each(|group| check_group(group, &groups))?;
        self.sections.iter().try_for_each(|section| check_section(section, &items))?;
        self.check_depth()
    }

    /// Groups may open in each other [`MAX_DEPTH`] deep. The depth of each is that of what it opens and one, found round by round; in a circle it
    /// rises with every round.
    fn check_depth(&self) -> Result<(), MenuError> {
        let opens =
            |group: &ModifierGroup| -> BTreeSet<ModifierGroupId> { group.modifiers.iter().flat_map(|m| &m.groups).cloned().collect() };
        let opens: Vec<(&ModifierGroupId, BTreeSet<ModifierGroupId>)> = self.groups.iter().map(|group| (&group.id, opens(group))).collect();
        let mut depths: BTreeMap<&ModifierGroupId, usize> = opens.iter().map(|(id, _)| (*id, 1)).collect();
        for _ in 0..=MAX_DEPTH {
            for (id, opened) in &opens {
                let below = opened.iter().filter_map(|id| depths.get(id)).max().copied().unwrap_or(0);
                depths.insert(id, below + 1);
            }
        }
        match opens.iter().find(|(id, _)| depths.get(id).is_some_and(|depth| *depth > MAX_DEPTH)) {
            Some((id, _)) => Err(MenuError::Depth((*id).clone())),
            None => Ok(()),
        }
    }
}

fn check_item(item: &MenuItem, groups: &BTreeSet<&ModifierGroupId>) -> Result<(), MenuError> {
    let name = item.id.as_str();
    check_texts(name, &[&item.title, &item.description])?;
    if item.prices.is_empty() {
        return Err(MenuError::Price(name.to_owned()));
    }
    check_prices(name, &item.prices)?;
    check_groups(name, &item.groups, groups)?;
    check_make(name, &item.make)?;
    check_allergens(name, &item.allergens)?;
    if item.mixed_set.is_some_and(|set| item.tax_class != TaxClass::Food || set.food_minor <= 0 || set.food_minor > set.whole_minor) {
        return Err(MenuError::MixedSet(item.id.clone()));
    }
    let too_much = item.greatest_discount_permille.is_some_and(|permille| permille > 1_000);
    if too_much || item.most == Some(0) || item.least_age.is_some_and(|age| age > 120) {
        return Err(MenuError::Limit(item.id.clone()));
    }
    Ok(())
}

fn check_group(group: &ModifierGroup, groups: &BTreeSet<&ModifierGroupId>) -> Result<(), MenuError> {
    check_texts(group.id.as_str(), &[&group.title])?;
    let mut ids = BTreeSet::new();
    for modifier in &group.modifiers {
        if modifier.id.as_str().is_empty() || !ids.insert(&modifier.id) {
            return Err(MenuError::ModifierId { group: group.id.clone(), modifier: modifier.id.clone() });
        }
        check_modifier(modifier, groups)?;
    }
    let sum = |of: fn(&Modifier) -> u32| group.modifiers.iter().map(of).fold(0, u32::saturating_add);
    let fits = |modifier: &Modifier| (1..=MAX_CHOSEN).contains(&modifier.most);
    if group.min > group.max || group.max > MAX_CHOSEN || sum(|modifier| modifier.most) < group.min || !group.modifiers.iter().all(fits) {
        return Err(MenuError::Count(group.id.clone()));
    }
    if sum(|modifier| modifier.default) > group.max || group.modifiers.iter().any(|modifier| modifier.default > modifier.most) {
        return Err(MenuError::Default(group.id.clone()));
    }
    Ok(())
}

fn check_modifier(modifier: &Modifier, groups: &BTreeSet<&ModifierGroupId>) -> Result<(), MenuError> {
    let name = modifier.id.as_str();
    check_texts(name, &[&modifier.title])?;
    check_prices(name, &modifier.prices)?;
    check_groups(name, &modifier.groups, groups)?;
    check_allergens(name, &modifier.allergens)?;
    check_make(name, &modifier.make)
}

fn check_section(section: &MenuSection, items: &BTreeSet<&MenuItemId>) -> Result<(), MenuError> {
    let name = section.title.get("ja");
    check_texts(name, &[&section.title])?;
    if let Some(missing) = section.items.iter().find(|item| !items.contains(item)) {
        return Err(MenuError::Missing { of: name.to_owned(), missing: missing.to_string() });
    }
    let fits = |hours: &TimeOfDay| {
        let weekdays = hours.weekdays != 0 && hours.weekdays < 128;
        weekdays && hours.from_minute < 1_440 && hours.until_minute <= 1_440 && hours.utc_offset_minutes.unsigned_abs() <= 1_080
    };
    if section.hours.iter().all(fits) { Ok(()) } else { Err(MenuError::Hours(name.to_owned())) }
}

fn check_texts(name: &str, texts: &[&Texts]) -> Result<(), MenuError> {
    let short = |text: &String| text.chars().count() <= MAX_MENU_TEXT;
    let titled = texts.first().is_some_and(|title| ["ja", "en"].iter().any(|tag| title.0.get(*tag).is_some_and(|t| !t.trim().is_empty())));
    let fits = titled && texts.iter().all(|texts| texts.0.values().all(short));
    if fits { Ok(()) } else { Err(MenuError::Text(name.to_owned())) }
}

fn check_prices(name: &str, prices: &[MenuPrice]) -> Result<(), MenuError> {
    let mut handoffs = BTreeSet::new();
    let fits = |price: &MenuPrice| (0..=MAX_PRICE_MINOR).contains(&price.amount_minor) && handoffs.insert(price.handoff);
    if prices.iter().all(fits) { Ok(()) } else { Err(MenuError::Price(name.to_owned())) }
}

fn check_groups(name: &str, named: &[ModifierGroupId], groups: &BTreeSet<&ModifierGroupId>) -> Result<(), MenuError> {
    let mut once = BTreeSet::new();
    match named.iter().find(|id| !groups.contains(id) || !once.insert(*id)) {
        Some(missing) => Err(MenuError::Missing { of: name.to_owned(), missing: missing.to_string() }),
        None => Ok(()),
    }
}

fn check_make(name: &str, make: &[MakeStep]) -> Result<(), MenuError> {
    let fits = |step: &MakeStep| (1..=MAX_MAKE_S).contains(&step.seconds) && step.batch >= 1;
    if make.iter().all(fits) { Ok(()) } else { Err(MenuError::Make(name.to_owned())) }
}

fn check_allergens(name: &str, facts: &AllergenFacts) -> Result<(), MenuError> {
    if facts.checked_on.as_deref().is_none_or(is_date) { Ok(()) } else { Err(MenuError::Checked(name.to_owned())) }
}
