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
use crate::time::TrustedTime;

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
    pub(super) now: TrustedTime,
}

/// A variant while stores are looked for.
struct Wanted {
    sku: Sku,
    number: Option<u32>,
    /// Which stores have it, a word for 64 of them.
    there: Vec<u64>,
    found: Found,
}

/// Stores that have it, those of each turn the nearest first.
#[derive(Default)]
struct Found {
    open: Vec<(usize, Packed)>,
    closed: Vec<(usize, Packed)>,
    silent: Vec<(usize, Packed)>,
}

/// Which stores come before which.
#[derive(Clone, Copy)]
enum Turn {
    /// Open, or it does not matter.
    Open,
    Closed,
    /// What was heard of it is too old to go by: it fills what the others leave, and pushes none of them out.
    Silent,
}

impl Found {
    /// How many come not after this turn: where they are enough, a further one of it would not be shown.
    fn until(&self, turn: Turn) -> usize {
        match turn {
            Turn::Open => self.open.len(),
            Turn::Closed => self.open.len() + self.closed.len(),
            Turn::Silent => self.open.len() + self.closed.len() + self.silent.len(),
        }
    }

    fn of(&mut self, turn: Turn) -> &mut Vec<(usize, Packed)> {
        match turn {
            Turn::Open => &mut self.open,
            Turn::Closed => &mut self.closed,
            Turn::Silent => &mut self.silent,
        }
    }

    fn in_order(self) -> impl Iterator<Item = (usize, Packed)> {
        self.open.into_iter().chain(self.closed).chain(self.silent)
    }
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
            wanted.push(Wanted { sku, number, there, found: Found::default() });
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
        let takes = |one: &Wanted, turn: Turn| one.found.until(turn) < most;
        // The order of stores asks about a store before its turn, while what is wanted changes: hence a cell.
        let cell = std::cell::RefCell::new(wanted);
        let may_have = |store: &MappedStore| {
            // Cheap questions first: the hours are asked of few.
            store.kept.as_of_ms.is_some() && cell.borrow().iter().any(|one| one.is_in(store) && takes(one, Turn::Open)) && {
                let turn = self.turn(store);
                cell.borrow().iter().any(|one| one.is_in(store) && takes(one, turn))
            }
        };
        for at in self.map.in_order(self.position, &may_have) {
            let Some(store) = self.map.store(at).filter(|_| Some(at) != here) else { continue };
            let turn = self.turn(store);
            let mut wanted = cell.borrow_mut();
            for one in wanted.iter_mut() {
                let Some(number) = one.number.filter(|_| one.is_in(store) && takes(one, turn)) else { continue };
                let level = self.levels.level(store.kept.number, number)?;
                let Some(level) = level.filter(|level| level.available.is_some_and(|available| available >= self.question.quantity)) else {
                    continue;
                };
                one.found.of(turn).push((at, level));
            }
            if wanted.iter().all(|one| !takes(one, Turn::Open)) {
                break;
            }
        }
        Ok(())
    }

    fn turn(&self, store: &MappedStore) -> Turn {
        if self.origin(store).is_none_or(|origin| origin.is_past(self.now_ms())) {
            Turn::Silent
        } else if !self.question.open_first || self.is_open(store) == Some(true) {
            Turn::Open
        } else {
            Turn::Closed
        }
    }

    /// The clock, where it is proven.
    fn now_ms(&self) -> Option<i64> {
        self.now.proven.then_some(self.now.now_ms)
    }

    fn is_open(&self, store: &MappedStore) -> Option<bool> {
        store.is_open(self.now_ms()?.div_euclid(1000))
    }

    fn origin(&self, store: &MappedStore) -> Option<StockOrigin> {
        Some(StockOrigin { as_of_ms: store.kept.as_of_ms?, source: store.kept.source, model: self.map.model })
    }

    fn variant(&self, wanted: Wanted) -> Result<VariantStock, StorageError> {
        let sku = wanted.sku;
        let most = usize::try_from(self.question.per_variant).unwrap_or_default();
        let mut stores = Vec::with_capacity(most.min(wanted.found.until(Turn::Silent)));
        for (at, level) in wanted.found.in_order().take(most) {
            let Some(store) = self.map.store(at) else { continue };
            stores.extend(self.store_answer(at, store, &sku, Some(level))?);
        }
        let here = match self.question.here.as_ref().and_then(|here| self.map.by_id(here)) {
            Some((at, _)) => self.answer_in(at, wanted.number, &sku)?,
            None => None,
        };
        let mut online: Option<StoreAnswer> = None;
        for (at, store) in self.map.online() {
            // One that is silent gives way to one that is not.
            if online.as_ref().is_some_and(|online| online.answer.band != Band::Unknown) {
                break;
            }
            let level = wanted.number.map(|number| self.levels.level(store.kept.number, number)).transpose()?.flatten();
            if let Some(level) = level.filter(|level| level.available.is_some_and(|available| available >= self.question.quantity)) {
                let found = self.store_answer(at, store, &sku, Some(level))?;
                online = found.filter(|found| online.is_none() || found.answer.band != Band::Unknown).or(online);
            }
        }
        Ok(VariantStock { sku, colour: None, size: None, here, stores, online })
    }

    fn store_answer(&self, at: usize, store: &MappedStore, sku: &Sku, level: Option<Packed>) -> Result<Option<StoreAnswer>, StorageError> {
        let Some(origin) = self.origin(store) else { return Ok(None) };
        let level = level.map(|level| self.unpacked(sku, level)).transpose()?;
        let distance_m = self.position.and_then(|position| self.map.distance_m(at, position));
        // Nobody goes to the online shop.
        let way_min = || if store.kept.is_ec { Some(0) } else { distance_m.map(|metres| metres.div_ceil(WALK_M)) };
        let in_min = self.question.in_min.or_else(way_min).map(|in_min| in_min.min(LONGEST_MIN));
        let arrival = Arrival { in_min, quantity: self.question.quantity };
        let answer = StockAnswer::of(level.as_ref(), &origin, &BandRules::default(), self.now_ms(), arrival);
        Ok(Some(StoreAnswer {
            text_ja: answer.text_ja(store.utc_offset_min()),
            text_en: answer.text_en(store.utc_offset_min()),
            store: store.kept.store.clone(),
            place: store.place.clone(),
            name: store.name.clone(),
            distance_m,
            open_now: self.is_open(store),
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
    let said = |of: &StoreAnswer, sku: &Sku| (of.store.clone(), sku.clone(), of.answer.as_of_ms, of.answer.last_known);
    let mut steps = Vec::new();
    let here = row.here.as_ref();
    if let Some(here) = here.filter(|here| is_there(here) && here.holds) {
        let (store, sku, as_of_ms, last_known) = said(here, wanted);
        steps.push(NextStep::HoldHere { store, sku, as_of_ms, last_known });
    }
    if !here.is_some_and(&is_there) {
        let others = variants.iter().filter(|variant| variant.sku != *wanted);
        let there = others.filter_map(|variant| Some((variant, variant.here.as_ref().filter(|here| is_there(here))?)));
        steps.extend(there.map(|(variant, here)| {
            let (store, sku, as_of_ms, last_known) = said(here, &variant.sku);
            NextStep::OtherVariantHere { store, sku, as_of_ms, last_known }
        }));
    }
    let elsewhere = row.stores.iter().filter(|store| is_there(store));
    steps.extend(elsewhere.map(|elsewhere| {
        let (store, sku, as_of_ms, last_known) = said(elsewhere, wanted);
        NextStep::OtherStore { store, sku, holds: elsewhere.holds, as_of_ms, last_known }
    }));
    if let Some(online) = row.online.as_ref().filter(|online| is_there(online)) {
        let (store, sku, as_of_ms, last_known) = said(online, wanted);
        steps.push(NextStep::Online { store, sku, as_of_ms, last_known });
    }
    steps
}
