//! The kept stores and where they are: from the places on the phone, in memory.

use std::collections::HashMap;

use noren_rules::geo::Position;
use noren_rules::ids::{PlaceId, StoreId};
use noren_rules::places::{OpeningHours, Place, PlaceIndex};
use noren_rules::stock::ChanceModel;
use noren_rules::wire::Tenant;

use super::tables::KeptStore;
use crate::places::PlaceBook;

/// A kept store and what its place says of it.
#[derive(Debug)]
pub(super) struct MappedStore {
    pub(super) kept: KeptStore,
    pub(super) place: Option<PlaceId>,
    /// Its name, or its id where no place on the phone names it.
    pub(super) name: String,
    hours: Hours,
    utc_offset_min: i32,
}

/// Japan's, where no place says another one.
const UTC_OFFSET_MIN: i32 = 540;

#[derive(Debug)]
enum Hours {
    /// No place on the phone has it.
    Unknown,
    Always,
    Weekly(OpeningHours),
    /// A plan that cannot be: never open.
    Never,
}

impl MappedStore {
    fn new(kept: KeptStore, place: Option<PlaceId>, tenant: Option<&Tenant>) -> Self {
        let hours = match tenant.map(|tenant| tenant.hours.as_ref().map(|hours| hours.opening_hours())) {
            None => Hours::Unknown,
            Some(None) => Hours::Always,
            Some(Some(Ok(hours))) => Hours::Weekly(hours),
            Some(Some(Err(_))) => Hours::Never,
        };
        let name = tenant.map_or_else(|| kept.store.0.clone(), |tenant| tenant.name.clone());
        let utc_offset_min = tenant.and_then(|tenant| tenant.hours.as_ref()).map_or(UTC_OFFSET_MIN, |hours| hours.utc_offset_min);
        Self { kept, place, name, hours, utc_offset_min }
    }

    /// The store's clock.
    pub(super) fn utc_offset_min(&self) -> i32 {
        self.utc_offset_min
    }

    /// True when it is open at this second; `None` where nothing is known of its hours.
    pub(super) fn is_open(&self, now_s: i64) -> Option<bool> {
        match &self.hours {
            Hours::Unknown => None,
            Hours::Always => Some(true),
            Hours::Weekly(hours) => Some(hours.is_open_at(now_s)),
            Hours::Never => Some(false),
        }
    }
}

/// All kept stores. Never changed: another one takes its place.
#[derive(Debug)]
pub(super) struct StoreMap {
    /// Those with a place first, in the order of the index.
    stores: Vec<MappedStore>,
    index: PlaceIndex,
    by_id: HashMap<StoreId, usize>,
    pub(super) model: ChanceModel,
}

impl StoreMap {
    pub(super) fn new(kept: Vec<KeptStore>, model: ChanceModel, book: &PlaceBook) -> Self {
        let (mut located, mut elsewhere, mut places) = (Vec::new(), Vec::new(), Vec::<Place>::new());
        for kept in kept {
            match book.at_place(&kept.store).filter(|_| !kept.is_ec) {
                Some((place, tenant)) => {
                    places.push(place.clone());
                    located.push(MappedStore::new(kept, Some(place.id().clone()), Some(tenant)));
                }
                None => elsewhere.push(MappedStore::new(kept, None, None)),
            }
        }
        let stores: Vec<MappedStore> = located.into_iter().chain(elsewhere).collect();
        let by_id = stores.iter().enumerate().map(|(at, store)| (store.kept.store.clone(), at)).collect();
        Self { stores, index: PlaceIndex::new(places), by_id, model }
    }

    /// How many of them have been heard of.
    pub(super) fn heard(&self) -> u32 {
        u32::try_from(self.stores.iter().filter(|store| store.kept.as_of_ms.is_some()).count()).unwrap_or(u32::MAX)
    }

    pub(super) fn store(&self, at: usize) -> Option<&MappedStore> {
        self.stores.get(at)
    }

    pub(super) fn by_id(&self, id: &StoreId) -> Option<(usize, &MappedStore)> {
        let at = *self.by_id.get(id)?;
        Some((at, self.stores.get(at)?))
    }

    /// The online shop's stores.
    pub(super) fn online(&self) -> impl Iterator<Item = (usize, &MappedStore)> {
        self.stores.iter().enumerate().filter(|(_, store)| store.kept.is_ec)
    }

    /// Stores to walk to, nearest first, those without a place after them; without a position those that were wanted last first, then by name. Those
    /// that `wanted` denies are left out.
    pub(super) fn in_order<'a>(
        &'a self,
        position: Option<&Position>,
        wanted: impl Fn(&MappedStore) -> bool + Copy + 'a,
    ) -> impl Iterator<Item = usize> {
        let near = position
            .map(|position| self.index.nearest_first(position, move |at| self.stores.get(at).is_some_and(wanted)).map(|near| near.number));
        // Only when it comes to them: sorting a thousand names for nothing would cost more than the rest.
        let without_place = if position.is_some() { self.index.places().len() } else { 0 };
        let rest = std::iter::once_with(move || {
            let mut rest: Vec<(usize, &MappedStore)> =
                self.stores.iter().enumerate().skip(without_place).filter(|(_, store)| !store.kept.is_ec && wanted(store)).collect();
            rest.sort_by(|(_, a), (_, b)| {
                let (a_key, b_key) = ((&a.name, &a.kept.store), (&b.name, &b.kept.store));
                b.kept.used_at_ms.cmp(&a.kept.used_at_ms).then_with(|| a_key.cmp(&b_key))
            });
            rest.into_iter().map(|(at, _)| at)
        });
        near.into_iter().flatten().chain(rest.flatten())
    }

    /// The way to a store in metres.
    pub(super) fn distance_m(&self, at: usize, position: &Position) -> Option<u32> {
        let place = self.index.place(at)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half the Earth's girth is 20,000,000 m")]
        Some(place.distance_m(position).max(0.0).round() as u32)
    }
}
