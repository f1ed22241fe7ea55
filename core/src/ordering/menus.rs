//! Menus and statuses: fetched, kept, and shown with no network.

use std::collections::BTreeSet;
use std::sync::Arc;

use noren_rules::cart::CartLine;
use noren_rules::ids::{AllergenId, MenuItemId, ModifierId, StoreId};
use noren_rules::menu::allergens::ListedAllergen;
use noren_rules::menu::{HandoffMode, MenuBook, MenuItem, MenuThing};
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::MenuStatus;

use super::shelf::{self, KeptMenu, groups_of, is_sold_out, usual_tax_handoff};
use super::{MenuItemDetail, MenuItemView, MenuSectionView, MenuView, OrderingError, OrderingService, StoreStatus, endpoints};
use crate::net::AuthorizerError;
use crate::platform::Change;
use crate::storage::StorageError;

/// What is looked at when an item is shown.
struct Shown<'a> {
    book: &'a MenuBook,
    status: Option<&'a MenuStatus>,
    listed: &'a [ListedAllergen<'a>],
    avoided: &'a [AllergenId],
    tax_handoff: TaxHandoff,
    at_ms: i64,
}

impl OrderingService {
    /// Fetches a store's menu, if it has changed. True when it has.
    ///
    /// # Errors
    /// `NotEnrolled`, `Refused`, `Call`, `Platform`, `Storage`. What is known stays readable.
    pub async fn refresh(&self, store: &StoreId) -> Result<bool, OrderingError> {
        let core = &self.core;
        core.card.get().ok_or(OrderingError::NotEnrolled)?;
        let etag = core.ordering.menu_etag(store)?;
        let fetched = self.heard(endpoints::menu(&core.client, core.tokens.as_ref(), store, etag.as_deref()).await)?;
        let now_ms = core.clock.now().now_ms;
        let Some(fetched) = fetched else {
            core.ordering.menu_stands(store, now_ms)?;
            return Ok(false);
        };
        // Under another name it would be found nowhere.
        if fetched.menu.terms.store != *store {
            return Err(crate::net::CallError::Unreadable { status: 200 }.into());
        }
        core.ordering.take_menu(store, &fetched.text, fetched.etag.as_deref(), now_ms)?;
        core.observers.tell(Change::Menus);
        Ok(true)
    }

    /// Asks what is sold out, booked and paused in stores: cheap, by the minute while someone looks. Without a store, in all whose menu is on the phone:
    /// for [`OrderingService::suggest`], so that the server does not learn which of them are on the way. Answers the stores that take no orders.
    ///
    /// # Errors
    /// As for [`OrderingService::refresh`].
    pub async fn refresh_status(&self, stores: &[StoreId]) -> Result<Vec<StoreId>, OrderingError> {
        let core = &self.core;
        core.card.get().ok_or(OrderingError::NotEnrolled)?;
        let kept = if stores.is_empty() { core.ordering.menu_stores()? } else { Vec::new() };
        let stores = if stores.is_empty() { &kept } else { stores };
        let mut silent = Vec::new();
        for some in stores.chunks(endpoints::MOST_STORES) {
            let heard = self.heard(endpoints::statuses(&core.client, core.tokens.as_ref(), some).await)?;
            core.ordering.take_statuses(&heard.stores)?;
            silent.extend(some.iter().filter(|store| heard.stores.iter().all(|status| status.store != **store)).cloned());
        }
        core.observers.tell(Change::Menus);
        Ok(silent)
    }

    /// What changes by the minute in stores, as it was heard last. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn status(&self, stores: &[StoreId]) -> Result<Vec<StoreStatus>, OrderingError> {
        stores.iter().map(|store| Ok(self.store_status(store, self.core.ordering.status(store)?.as_ref())?)).collect()
    }

    /// A store's menu for a hand-over at a moment: the store's usual one, now, where they are absent. Local, at once.
    ///
    /// # Errors
    /// `NoMenu` when it was never fetched, `Storage`.
    pub fn menu(&self, store: &StoreId, handoff: Option<HandoffMode>, at_ms: Option<i64>) -> Result<MenuView, OrderingError> {
        let (kept, as_of_ms) = self.kept_menu(store)?;
        let status = self.core.ordering.status(store)?;
        let (handoff, at_ms) = (handoff.unwrap_or(kept.usual_handoff()), at_ms.unwrap_or(self.core.clock.now().now_ms));
        let (listed, avoided) = (kept.listed(at_ms), self.avoided()?);
        let sections = kept.book.as_ref().map(|book| {
            let tax_handoff = usual_tax_handoff(handoff);
            let shown = Shown { book, status: status.as_ref(), listed: &listed, avoided: &avoided, tax_handoff, at_ms };
            let section = |section: &noren_rules::menu::MenuSection| MenuSectionView {
                title: section.title.clone(),
                items: section.items.iter().filter_map(|id| book.item(id)).map(|item| item_view(&shown, item)).collect(),
            };
            book.sections_at(handoff, at_ms).map(section).collect()
        });
        Ok(MenuView {
            store: store.clone(),
            store_name: kept.terms.store_name.clone(),
            version: kept.book.as_ref().map_or(0, |book| book.menu().version),
            currency: kept.terms.currency.clone(),
            handoffs: kept.terms.handoffs.clone(),
            methods: kept.terms.methods.clone(),
            handoff,
            at_ms,
            sections: sections.unwrap_or_default(),
            as_of_ms,
            status: self.store_status(store, status.as_ref())?,
        })
    }

    /// An item with its groups, their defaults, and what it holds of allergens, for a hand-over at a moment: the store's usual one,
    /// now, where they are absent. Local, at once.
    ///
    /// # Errors
    /// `NoMenu`, `NoSuchItem`, `Storage`.
    pub fn item(
        &self,
        store: &StoreId,
        item: &MenuItemId,
        handoff: Option<HandoffMode>,
        at_ms: Option<i64>,
    ) -> Result<MenuItemDetail, OrderingError> {
        let (kept, _) = self.kept_menu(store)?;
        let book = kept.book.as_ref().ok_or(OrderingError::NoMenu)?;
        let found = book.item(item).ok_or(OrderingError::NoSuchItem)?;
        let status = self.core.ordering.status(store)?;
        let at_ms = at_ms.unwrap_or(self.core.clock.now().now_ms);
        let (listed, avoided) = (kept.listed(at_ms), self.avoided()?);
        let tax_handoff = usual_tax_handoff(handoff.unwrap_or(kept.usual_handoff()));
        let shown = Shown { book, status: status.as_ref(), listed: &listed, avoided: &avoided, tax_handoff, at_ms };
        let line = CartLine::of(book, item, 1, tax_handoff).ok_or(OrderingError::NoSuchItem)?;
        let groups = groups_of(book, found);
        let modifiers = groups.iter().flat_map(|group| &group.modifiers).map(|modifier| modifier.id.clone());
        let gone: BTreeSet<ModifierId> =
            modifiers.filter(|id| is_sold_out(status.as_ref(), &MenuThing::Modifier(id.clone()), at_ms)).collect();
        Ok(MenuItemDetail {
            view: item_view(&shown, found),
            item: found.clone(),
            sold_out_modifiers: gone.into_iter().collect(),
            groups,
            allergens: shelf::notes(&listed, &line.allergens(book, &listed), &avoided),
            // Its price is marked when it is put into the cart: what is chosen until then changes it.
            line: CartLine { seen_minor: None, ..line },
        })
    }

    /// What a line, as it is chosen so far, holds of every listed allergen, and of what the person avoids. Local, at once.
    ///
    /// # Errors
    /// `NoMenu`, `Storage`.
    pub fn allergens(&self, store: &StoreId, line: &CartLine) -> Result<Vec<super::AllergenNote>, OrderingError> {
        let (kept, _) = self.kept_menu(store)?;
        let book = kept.book.as_ref().ok_or(OrderingError::NoMenu)?;
        let listed = kept.listed(self.core.clock.now().now_ms);
        Ok(shelf::notes(&listed, &line.allergens(book, &listed), &self.avoided()?))
    }

    /// What one piece of a line of the menu costs as it is chosen so far, in minor units, tax included; `None` where it is not sold so. Local, at once.
    ///
    /// # Errors
    /// `NoMenu`, `Storage`.
    pub fn line_minor(&self, store: &StoreId, line: &CartLine, tax_handoff: TaxHandoff) -> Result<Option<i64>, OrderingError> {
        let (kept, _) = self.kept_menu(store)?;
        Ok(line.piece_minor(kept.book.as_ref().ok_or(OrderingError::NoMenu)?, tax_handoff))
    }

    pub(super) fn kept_menu(&self, store: &StoreId) -> Result<(Arc<KeptMenu>, i64), OrderingError> {
        self.core.ordering.menu(store)?.ok_or(OrderingError::NoMenu)
    }

    fn store_status(&self, store: &StoreId, status: Option<&MenuStatus>) -> Result<StoreStatus, StorageError> {
        let version = self.core.ordering.menu(store)?.map(|(kept, _)| kept.book.as_ref().map_or(0, |book| book.menu().version));
        Ok(StoreStatus {
            store: store.clone(),
            mode: status.map(|status| status.mode).unwrap_or_default(),
            sold_out: status.map(|status| status.sold_out.clone()).unwrap_or_default(),
            late_p90_min: status.map_or(0, |status| status.late_p90_min),
            menu_is_old: status.is_some_and(|status| version.is_none_or(|version| version < status.menu_version)),
            as_of_ms: status.map(|status| status.as_of_ms),
        })
    }

    /// What the server answered; that it does not know this device any more is noted.
    pub(super) fn heard<T>(&self, answer: Result<T, AuthorizerError>) -> Result<T, OrderingError> {
        if let Err(error) = &answer {
            self.core.note_device(error)?;
        }
        Ok(answer?)
    }
}

fn item_view(shown: &Shown<'_>, item: &MenuItem) -> MenuItemView {
    let line = CartLine::of(shown.book, &item.id, 1, shown.tax_handoff);
    let sum = line.as_ref().map(|line| line.allergens(shown.book, shown.listed)).unwrap_or_default();
    MenuItemView {
        id: item.id.clone(),
        title: item.title.clone(),
        description: item.description.clone(),
        price_minor: line.and_then(|line| line.seen_minor),
        sold_out: is_sold_out(shown.status, &MenuThing::Item(item.id.clone()), shown.at_ms),
        groups: item.groups.clone(),
        least_age: item.least_age,
        warnings: shelf::warnings(shelf::notes(shown.listed, &sum, shown.avoided)),
    }
}
