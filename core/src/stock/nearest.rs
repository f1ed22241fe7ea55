//! The nearest stores that have each variant: in one pass over the stores in order of distance, without reading a level that is not shown.

use noren_rules::geo::Position;
use noren_rules::ids::Sku;
use noren_rules::stock::{Arrival, Band, BandRules, StockAnswer, StockOrigin};
use noren_rules::wire::StockLevel;

use super::map::{MappedStore, StoreMap};
use super::packed::Packed;
use super::tables::Levels;
use super::{NextStep, StockQuestion, StoreAnswer, VariantStock};
use crate::storage::StorageError;

/// How far a person walks in a minute, in metres (徒歩による所要時間は、道路距離80メートルにつき1分間).
const WALK_M: u32 = 80;
/// Nobody says a longer journey than a day.
const LONGEST_MIN: u32 = 1_440;

/// One question at one moment.
pub(super) struct Asked<'a> {
    pub(super) levels: &'a Levels<'a>,
    pub(super) map: &'a StoreMap,
    pub(super) question: &'a StockQuestion,
    pub(super) position: Option<&'a Position>,
    pub(super) now_ms: i64,
}

/// A variant while stores are looked for.
struct Wanted {
    sku: Sku,
    number: Option<u32>,
    /// Which stores have it, a word for 64 of them.
    there: Vec<u64>,
    open: Vec<(usize, Packed)>,
    closed: Vec<(usize, Packed)>,
}

impl Wanted {
    fn is_in(&self, store: &MappedStore) -> bool {
        let word = usize::try_from(store.kept.number / 64).ok().and_then(|at| self.there.get(at));
        word.is_some_and(|word| word >> (store.kept.number % 64) & 1 == 1)
    }
}

impl Asked<'_> {
    /// Each variant with the stores that have it.
    pub(super) fn variants(&self, skus: Vec<Sku>) -> Result<Vec<VariantStock>, StorageError> {
        let mut wanted = Vec::with_capacity(skus.len());
        for sku in skus {
            let number = self.levels.number(sku.as_str())?;
            let there = number.map(|number| self.levels.there(number)).transpose()?.unwrap_or_default();
            wanted.push(Wanted { sku, number, there, open: Vec::new(), closed: Vec::new() });
        }
        self.look_for(&mut wanted)?;
        wanted.into_iter().map(|wanted| self.variant(wanted)).collect()
    }

    /// What a store says of a variant; `None` when nothing was ever heard of the store.
    pub(super) fn answer_in(&self, at: usize, variant: Option<u32>, sku: &Sku) -> Result<Option<StoreAnswer>, StorageError> {
        let Some(store) = self.map.store(at) else { return Ok(None) };
        let level = variant.map(|variant| self.levels.level(store.kept.number, variant)).transpose()?.flatten();
        self.store_answer(at, store, sku, level)
    }

    fn look_for(&self, wanted: &mut [Wanted]) -> Result<(), StorageError> {
        let most = usize::try_from(self.question.per_variant).unwrap_or_default();
        let here = self.question.here.as_ref().and_then(|here| self.map.by_id(here)).map(|(at, _)| at);
        let now_s = self.now_ms.div_euclid(1000);
        // Without "open first" every store counts as an open one.
        let is_open = |store: &MappedStore| !self.question.open_first || store.is_open(now_s) == Some(true);
        let takes = |one: &Wanted, open: bool| one.open.len() < most && (open || one.closed.len() < most);
        // The order of stores asks about a store before its turn, while what is wanted changes: hence a cell.
        let cell = std::cell::RefCell::new(wanted);
        let may_have = |store: &MappedStore| {
            store.kept.as_of_ms.is_some() && cell.borrow().iter().any(|one| one.is_in(store) && takes(one, true)) && {
                let open = is_open(store);
                open || cell.borrow().iter().any(|one| one.is_in(store) && takes(one, false))
            }
        };
        for at in self.map.in_order(self.position, &may_have) {
            let Some(store) = self.map.store(at).filter(|_| Some(at) != here) else { continue };
            let open = is_open(store);
            let mut wanted = cell.borrow_mut();
            for one in wanted.iter_mut() {
                let Some(number) = one.number.filter(|_| one.is_in(store) && takes(one, open)) else { continue };
                let level = self.levels.level(store.kept.number, number)?;
                let Some(level) = level.filter(|level| level.available.is_some_and(|available| available >= self.question.quantity)) else {
                    continue;
                };
                if open { one.open.push((at, level)) } else { one.closed.push((at, level)) }
            }
            if wanted.iter().all(|one| one.open.len() >= most) {
                break;
            }
        }
        Ok(())
    }

    fn variant(&self, wanted: Wanted) -> Result<VariantStock, StorageError> {
        let sku = wanted.sku;
        let most = usize::try_from(self.question.per_variant).unwrap_or_default();
        let mut stores = Vec::with_capacity(most.min(wanted.open.len() + wanted.closed.len()));
        for (at, level) in wanted.open.into_iter().chain(wanted.closed).take(most) {
            let Some(store) = self.map.store(at) else { continue };
            stores.extend(self.store_answer(at, store, &sku, Some(level))?);
        }
        let here = match self.question.here.as_ref().and_then(|here| self.map.by_id(here)) {
            Some((at, _)) => self.answer_in(at, wanted.number, &sku)?,
            None => None,
        };
        let mut online = None;
        for (at, store) in self.map.online() {
            let level = wanted.number.map(|number| self.levels.level(store.kept.number, number)).transpose()?.flatten();
            if let Some(level) = level.filter(|level| level.available.is_some_and(|available| available >= self.question.quantity)) {
                online = online.or(self.store_answer(at, store, &sku, Some(level))?);
            }
        }
        Ok(VariantStock { sku, colour: None, size: None, here, stores, online })
    }

    fn store_answer(&self, at: usize, store: &MappedStore, sku: &Sku, level: Option<Packed>) -> Result<Option<StoreAnswer>, StorageError> {
        let Some(as_of_ms) = store.kept.as_of_ms else { return Ok(None) };
        let level = level.map(|level| self.unpacked(sku, level)).transpose()?;
        let distance_m = self.position.and_then(|position| self.map.distance_m(at, position));
        let walk_min = || distance_m.unwrap_or(0).div_ceil(WALK_M);
        let in_min = self.question.in_min.unwrap_or_else(|| if store.kept.is_ec { 0 } else { walk_min() }).min(LONGEST_MIN);
        let origin = StockOrigin { as_of_ms, source: store.kept.source, model: self.map.model };
        let arrival = Arrival { in_min, quantity: self.question.quantity };
        let answer = StockAnswer::of(level.as_ref(), &origin, &BandRules::default(), self.now_ms, arrival);
        Ok(Some(StoreAnswer {
            text_ja: answer.text_ja(store.utc_offset_min()),
            text_en: answer.text_en(store.utc_offset_min()),
            store: store.kept.store.clone(),
            place: store.place.clone(),
            name: store.name.clone(),
            distance_m,
            open_now: store.is_open(self.now_ms.div_euclid(1000)),
            holds: store.kept.holds,
            is_ec: store.kept.is_ec,
            answer,
        }))
    }

    fn unpacked(&self, sku: &Sku, level: Packed) -> Result<StockLevel, StorageError> {
        Ok(StockLevel {
            sku: sku.clone(),
            available: level.available,
            display: level.display,
            in_transit: level.in_transit,
            shelf: level.shelf.map(|number| self.levels.shelf(number)).transpose()?.flatten(),
            sold_per_day_milli: level.sold_per_day_milli,
            error_permille: level.error_permille,
        })
    }
}

/// What can be done about the wanted variant: hold it here, take another variant here, go to another store, or the online shop.
pub(super) fn next_steps(variants: &[VariantStock], wanted: &Sku, quantity: u32) -> Vec<NextStep> {
    // Few are enough if they are as many as are wanted; what was heard too long ago is no advice.
    let is_there = |store: &StoreAnswer| {
        matches!(store.answer.band, Band::InStock | Band::Low) && store.answer.quantity.is_some_and(|there| there >= quantity)
    };
    let Some(row) = variants.iter().find(|variant| variant.sku == *wanted) else { return Vec::new() };
    let mut steps = Vec::new();
    let here = row.here.as_ref();
    if let Some(here) = here.filter(|here| is_there(here) && here.holds) {
        steps.push(NextStep::HoldHere { store: here.store.clone(), sku: wanted.clone() });
    }
    if !here.is_some_and(&is_there) {
        let others = variants.iter().filter(|variant| variant.sku != *wanted);
        let there = others.filter_map(|variant| Some((variant, variant.here.as_ref().filter(|here| is_there(here))?)));
        steps.extend(there.map(|(variant, here)| NextStep::OtherVariantHere { store: here.store.clone(), sku: variant.sku.clone() }));
    }
    let elsewhere = row.stores.iter().filter(|store| is_there(store));
    steps.extend(elsewhere.map(|store| NextStep::OtherStore { store: store.store.clone(), sku: wanted.clone(), holds: store.holds }));
    if let Some(online) = row.online.as_ref().filter(|online| is_there(online)) {
        steps.push(NextStep::Online { store: online.store.clone(), sku: wanted.clone() });
    }
    steps
}
