//! A store's menu, opened: the checked menu, the kitchen's plan, and who sells.

use noren_rules::dates::local_date;
use noren_rules::ids::AllergenId;
use noren_rules::menu::allergens::{AllergenState, ListedAllergen};
use noren_rules::menu::{HandoffMode, MenuBook, MenuItem, MenuThing, ModifierGroup};
use noren_rules::slots::{KitchenBook, KitchenPlan};
use noren_rules::tax::{TaxHandoff, TaxTable};
use noren_rules::wire::{MenuStatus, OrderTerms, StoreMenu};

use super::AllergenNote;

/// A store's menu as it is kept.
#[derive(Debug)]
pub(crate) struct KeptMenu {
    /// The menu; absent where the store sells goods of the online shop only.
    pub(crate) book: Option<MenuBook>,
    /// The kitchen; absent where nothing is made.
    pub(crate) kitchen: Option<KitchenPlan>,
    pub(crate) terms: OrderTerms,
    pub(crate) tax: TaxTable,
    allergens: noren_rules::menu::allergens::AllergenTable,
}

impl KeptMenu {
    /// `None` for one that does not hold together: nothing of it can be trusted then.
    pub(super) fn open(menu: StoreMenu) -> Option<Self> {
        let book = menu.menu.map(MenuBook::new).transpose();
        if let Err(error) = &book {
            tracing::warn!("a menu of the server is left out: {error}");
        }
        Some(Self { book: book.ok()?, kitchen: menu.kitchen, terms: menu.terms, tax: menu.tax, allergens: menu.allergens })
    }

    /// The kitchen's book as the server last said it is booked; `None` where nothing is made.
    pub(crate) fn kitchen_book(&self, status: &MenuStatus) -> Option<KitchenBook> {
        KitchenBook::from_load(self.kitchen.clone()?, status).ok()
    }

    /// The allergens that are listed on the store's day of a moment.
    pub(super) fn listed(&self, at_ms: i64) -> Vec<ListedAllergen<'_>> {
        self.allergens.on(&local_date(at_ms, self.terms.utc_offset_min))
    }

    /// How orders are handed over unless the person says otherwise.
    pub(super) fn usual_handoff(&self) -> HandoffMode {
        self.terms.handoffs.first().copied().unwrap_or(HandoffMode::CounterPickup)
    }
}

/// Where something is eaten unless the person says otherwise.
pub(super) fn usual_tax_handoff(handoff: HandoffMode) -> TaxHandoff {
    handoff.tax_handoffs().first().copied().unwrap_or(TaxHandoff::TakeOut)
}

/// Every group that an item opens, nested ones after those around them.
pub(super) fn groups_of(book: &MenuBook, item: &MenuItem) -> Vec<ModifierGroup> {
    let mut found: Vec<ModifierGroup> = Vec::new();
    let mut open: std::collections::VecDeque<_> = item.groups.iter().collect();
    while let Some(id) = open.pop_front() {
        let Some(group) = book.group(id).filter(|group| found.iter().all(|known| known.id != group.id)) else { continue };
        open.extend(group.modifiers.iter().flat_map(|modifier| &modifier.groups));
        found.push(group.clone());
    }
    found
}

/// True when an item or a modifier is sold out for a hand-over at a moment.
pub(super) fn is_sold_out(status: Option<&MenuStatus>, thing: &MenuThing, at_ms: i64) -> bool {
    status.is_some_and(|status| status.sold_out.iter().any(|sold_out| sold_out.thing == *thing && sold_out.holds_at(at_ms)))
}

/// What stands in a sum, with titles, and whether the person avoids it. What is avoided and not listed is unknown.
pub(super) fn notes(listed: &[ListedAllergen<'_>], sum: &[(AllergenId, AllergenState)], avoided: &[AllergenId]) -> Vec<AllergenNote> {
    let unlisted = avoided.iter().filter(|id| sum.iter().all(|(known, _)| known != *id)).map(|id| (id.clone(), AllergenState::Unknown));
    let all = sum.iter().cloned().chain(unlisted);
    let note = |(allergen, state): (AllergenId, AllergenState)| {
        let row = listed.iter().find(|row| *row.id == allergen);
        AllergenNote {
            title: row.map(|row| row.title.clone()).unwrap_or_default(),
            level: row.map(|row| row.level),
            state,
            words_ja: state.text_ja().to_owned(),
            words_en: state.text_en().to_owned(),
            avoided: avoided.contains(&allergen),
            allergen,
        }
    };
    all.map(note).collect()
}

/// Of notes, what the person should read before the tap.
pub(super) fn warnings(notes: Vec<AllergenNote>) -> Vec<AllergenNote> {
    notes.into_iter().filter(|note| note.avoided && note.state != AllergenState::Free).collect()
}
