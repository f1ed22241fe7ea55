//! A chain of stores for the stress case: what each has is a function of store and variant, so that a right answer can be computed without a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use noren_core::places::PlaceBook;
use noren_rules::geo::Position;
use noren_rules::ids::{Sku, StoreId};
use noren_rules::places::{Direction, OpeningSpan};
use noren_rules::stock::{ChanceModel, StockSource};
use noren_rules::wire::{Ground, PlaceInfo, PlaceKind, StockLevel, StockPage, StoreStock, Tenant, WeeklyHours};

use crate::dice::Dice;
use crate::report::Outcome;

/// Variants of a product.
pub(crate) const MATRIX: usize = 12;
/// Rows of a page, as the phone asks for them.
pub(crate) const PAGE: usize = 5_000;
/// A Monday, 11:40 in Japan.
pub(crate) const NOW_MS: i64 = 1_770_000_000_000;

/// So many stores with so many variants each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain {
    pub(crate) stores: usize,
    pub(crate) variants: usize,
}

impl Chain {
    pub(crate) fn store_id(store: usize) -> StoreId {
        StoreId(format!("store-{store:04}"))
    }

    /// Article codes as shops write them; those of a product do not stand together in any order that the phone sees.
    pub(crate) fn sku(variant: usize) -> Sku {
        Sku(format!("{:03}-{:04}", variant * 7_919 % 1_000, variant))
    }

    pub(crate) fn products(&self) -> usize {
        self.variants / MATRIX
    }

    /// Every 20th product is in no store, every 20th in some far ones only.
    pub(crate) fn is_nowhere(product: usize) -> bool {
        product % 20 == 7
    }

    pub(crate) fn is_rare(product: usize) -> bool {
        product % 20 == 11
    }

    /// What a store has of a variant in the `round`th delta; 0 is the first state.
    pub(crate) fn level(&self, store: usize, variant: usize, round: u64) -> StockLevel {
        let mut dice = Dice::new((store as u64) << 40 ^ (variant as u64) << 16 ^ round);
        let product = variant / MATRIX;
        let available = match () {
            () if Self::is_nowhere(product) => 0,
            () if Self::is_rare(product) => u32::from(store % 300 == 299) * 2,
            // A good third is out.
            () => u32::try_from(dice.below(11)).unwrap_or(0).saturating_sub(4),
        };
        StockLevel {
            sku: Self::sku(variant),
            available: Some(available),
            display: u32::from(dice.below(10) == 0),
            in_transit: u32::from(dice.below(10) == 0) * 3,
            shelf: Some(format!("{}F-{}", 1 + dice.below(3), dice.below(60))),
            sold_per_day_milli: u32::try_from(dice.below(900)).unwrap_or(0),
            error_permille: u32::try_from(20 + dice.below(60)).unwrap_or(0),
        }
    }

    /// A page with these variants of these stores.
    pub(crate) fn page(&self, rows: &[(usize, usize)], round: u64, version: u64) -> StockPage {
        let mut by_store: BTreeMap<usize, Vec<StockLevel>> = BTreeMap::new();
        for (store, variant) in rows {
            by_store.entry(*store).or_default().push(self.level(*store, *variant, round));
        }
        let stores = by_store.into_iter().map(|(store, levels)| StoreStock {
            store: Self::store_id(store),
            as_of_ms: Some(NOW_MS),
            source: StockSource::PosFeed,
            is_ec: false,
            holds: true,
            version,
            has_more: false,
            levels,
        });
        StockPage { stores: stores.collect(), model: ChanceModel::default(), as_of_ms: NOW_MS }
    }

    /// Where the stores are: crowded in cities, the others over the country.
    pub(crate) fn positions(&self) -> Outcome<Vec<Position>> {
        let mut dice = Dice::new(11);
        let mut part = move || dice.below(1 << 40) as f64 / (1u64 << 40) as f64;
        let cities = [(35.68, 139.76), (34.69, 135.50), (35.17, 136.91), (43.06, 141.35), (33.59, 130.40)];
        let place = |store: usize| match cities.get(store % 8) {
            Some((lat, lon)) => Ok(Position::new(lat + part() * 0.4 - 0.2, lon + part() * 0.4 - 0.2)?),
            None => Ok(Position::new(31.5 + part() * 10.0, 130.0 + part() * 11.0)?),
        };
        (0..self.stores).map(place).collect()
    }

    /// The places of the stores; a third is closed now.
    pub(crate) fn places(&self) -> Outcome<Vec<PlaceInfo>> {
        let positions = self.positions()?;
        Ok(positions.iter().enumerate().map(|(store, at)| place(store, at)).collect())
    }

    pub(crate) fn is_open(store: usize) -> bool {
        store % 3 != 2
    }
}

/// The places as the phone has them in memory.
pub(crate) fn book(places: &[PlaceInfo]) -> Arc<PlaceBook> {
    Arc::new(PlaceBook::new(places.to_vec(), &BTreeMap::new()))
}

fn place(store: usize, at: &Position) -> PlaceInfo {
    #[allow(clippy::cast_possible_truncation, reason = "within i32 by what degrees are")]
    let e7 = |degrees: f64| (degrees * 1e7).round() as i32;
    let name = format!("{store}号店");
    let spans = vec![OpeningSpan { weekday: 0, opens_min: if Chain::is_open(store) { 600 } else { 900 }, closes_min: 1_200 }];
    PlaceInfo {
        id: format!("place-{store:04}").as_str().into(),
        kind: PlaceKind::Store,
        name: name.clone(),
        reading: None,
        direction: Direction::Both,
        ground: Ground::Circle { lat_e7: e7(at.lat_deg()), lon_e7: e7(at.lon_deg()), radius_m: 40 },
        open_to_ordinary_road: false,
        hours: None,
        value: 0,
        area: None,
        tenants: vec![Tenant { store_id: Chain::store_id(store), name, hours: Some(WeeklyHours { spans, utc_offset_min: 540 }) }],
    }
}
