//! All cached places in memory: the index, what the server said of each, and what a search looks through.

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::fold::fold;
use noren_rules::geo::Position;
use noren_rules::ids::{PlaceId, StoreId};
use noren_rules::places::{Place, PlaceIndex, Tile};
use noren_rules::wire::{PlaceInfo, Tenant, WeeklyHours};

/// Beyond this it does not matter to anyone how far the unknown is.
const FAR_M: f64 = 200_000.0;

/// All cached places, ready to be asked. Never changed: another one takes its place.
#[derive(Debug, Default)]
pub struct PlaceBook {
    index: PlaceIndex,
    infos: BTreeMap<PlaceId, PlaceInfo>,
    /// Name and reading, folded as the history folds; by name.
    folded: Vec<(String, PlaceId)>,
    by_store: BTreeMap<StoreId, PlaceId>,
    tiles: BTreeSet<Tile>,
    version: String,
}

impl PlaceBook {
    /// Takes the places of these tiles in. One that cannot be a place is left out: the others serve all the same.
    #[must_use]
    pub fn new(infos: Vec<PlaceInfo>, tiles: &BTreeMap<Tile, u64>) -> Self {
        let versions: Vec<String> = tiles.iter().map(|(tile, version)| format!("{tile}@{version}")).collect();
        let mut book = Self { tiles: tiles.keys().copied().collect(), version: versions.join(","), ..Self::default() };
        let mut places = Vec::with_capacity(infos.len());
        for info in infos {
            let place = match info.place() {
                Ok(place) => place,
                Err(error) => {
                    tracing::warn!("a place of the server is left out: {error}");
                    continue;
                }
            };
            places.push(place);
            let reading = info.reading.as_deref().unwrap_or_default();
            book.folded.push((format!("{}\n{}", fold(&info.name), fold(reading)), info.id.clone()));
            book.by_store.extend(info.tenants.iter().map(|tenant| (tenant.store_id.clone(), info.id.clone())));
            book.infos.insert(info.id.clone(), info);
        }
        book.folded.sort();
        book.index = PlaceIndex::new(places);
        book
    }

    /// The index: which places hold a position, and which are nearest.
    #[must_use]
    pub fn index(&self) -> &PlaceIndex {
        &self.index
    }

    /// Names what it holds: another one when a tile has come, gone or changed.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What the server said of a place.
    #[must_use]
    pub fn info(&self, id: &PlaceId) -> Option<&PlaceInfo> {
        self.infos.get(id)
    }

    /// The place of this id.
    #[must_use]
    pub fn place(&self, id: &PlaceId) -> Option<&Place> {
        self.index.number(id).and_then(|number| self.index.place(number))
    }

    /// The place that a store belongs to.
    #[must_use]
    pub fn of_store(&self, store: &StoreId) -> Option<&PlaceId> {
        self.by_store.get(store)
    }

    /// The place that a store belongs to, and what it says of the store.
    #[must_use]
    pub fn at_place(&self, store: &StoreId) -> Option<(&Place, &Tenant)> {
        let id = self.of_store(store)?;
        let tenant = self.info(id)?.tenants.iter().find(|tenant| tenant.store_id == *store)?;
        Some((self.place(id)?, tenant))
    }

    /// Places whose name or reading holds `text`, both folded; those that begin with it first. An empty text finds none.
    #[must_use]
    pub fn search(&self, text: &str, limit: usize) -> Vec<&PlaceInfo> {
        let wanted = fold(text);
        if wanted.is_empty() {
            return Vec::new();
        }
        let begins = |(folded, _): &&(String, PlaceId)| folded.split('\n').any(|part| part.starts_with(&wanted));
        let holds = |(folded, _): &&(String, PlaceId)| folded.split('\n').any(|part| part.contains(&wanted));
        let first = self.folded.iter().filter(begins);
        let then = self.folded.iter().filter(|entry| holds(entry) && !begins(entry));
        first.chain(then).take(limit).filter_map(|(_, id)| self.infos.get(id)).collect()
    }

    /// True when all tiles within `radius_m` metres are cached.
    #[must_use]
    pub fn knows(&self, position: &Position, radius_m: f64) -> bool {
        Tile::around(position, radius_m).iter().all(|tile| self.tiles.contains(tile))
    }

    /// How far it is at least to where nothing is known, in metres; 0 in a tile that is not cached.
    #[must_use]
    pub fn unknown_beyond_m(&self, position: &Position) -> f64 {
        if !self.knows(position, 0.0) {
            return 0.0;
        }
        if self.knows(position, FAR_M) {
            return FAR_M;
        }
        let (mut known_m, mut unknown_m) = (0.0, FAR_M);
        while unknown_m - known_m > 50.0 {
            let middle_m = f64::midpoint(known_m, unknown_m);
            if self.knows(position, middle_m) {
                known_m = middle_m;
            } else {
                unknown_m = middle_m;
            }
        }
        known_m
    }
}

/// True when a weekly plan is open at this second; without a plan always. A plan that cannot be is never open.
pub(crate) fn is_open(hours: Option<&WeeklyHours>, now_s: i64) -> bool {
    hours.is_none_or(|hours| hours.opening_hours().is_ok_and(|hours| hours.is_open_at(now_s)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use noren_rules::places::Direction;
    use noren_rules::wire::{Ground, PlaceKind};
    use proptest::prelude::*;

    fn info(id: &str, name: &str, lat_e7: i32, lon_e7: i32) -> PlaceInfo {
        PlaceInfo {
            id: id.into(),
            kind: PlaceKind::RestStop,
            name: name.into(),
            reading: None,
            direction: Direction::Both,
            ground: Ground::Circle { lat_e7, lon_e7, radius_m: 100 },
            open_to_ordinary_road: false,
            hours: None,
            value: 0,
            area: None,
            tenants: Vec::new(),
        }
    }

    #[test]
    fn a_place_that_cannot_be_spoils_no_other() {
        let book = PlaceBook::new(vec![info("a", "吹田SA", 347_000_000, 1_355_000_000), info("b", "B", 999_999_999, 0)], &BTreeMap::new());
        assert_eq!((book.index().places().len(), book.search("すいた", 5).len(), book.search("吹田ｓａ", 5).len()), (1, 0, 1));
    }

    proptest! {
        #[test]
        fn nothing_unknown_is_nearer_than_said(lat in -60.0f64..60.0, lon in -179.0f64..179.0, radius in 0.0f64..150_000.0, bearing in 0.0f64..360.0, part in 0.0f64..0.99) {
            let here = Position::new(lat, lon).unwrap();
            let book = PlaceBook::new(Vec::new(), &Tile::around(&here, radius).into_iter().map(|tile| (tile, 1)).collect());
            let known_m = book.unknown_beyond_m(&here);
            prop_assert!(known_m >= radius.min(FAR_M) - 60.0);
            prop_assert!(book.knows(&here.towards(bearing, known_m * part), 0.0));
        }
    }
}
