//! The books of one variant in one store: a row, loaded, changed and written back with what phones are told of it.

use std::hash::{DefaultHasher, Hash, Hasher};

use noren_rules::ids::{Sku, StoreId};
use noren_rules::stock::{ChanceModel, EventOrder, RecordEvidence, StockState, available};
use noren_rules::wire::StockLevel;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::demand::Demand;
use crate::fault::Fault;
use crate::reservations;

/// Pieces by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OnHand {
    sellable: i64,
    display: i64,
    fitting_room: i64,
    damaged: i64,
    hold_shelf: i64,
    in_transit: i64,
}

impl OnHand {
    #[cfg(test)]
    fn of(&self, state: StockState) -> i64 {
        match state {
            StockState::Sellable => self.sellable,
            StockState::Display => self.display,
            StockState::FittingRoom => self.fitting_room,
            StockState::Damaged => self.damaged,
            StockState::HoldShelf => self.hold_shelf,
            StockState::InTransit => self.in_transit,
        }
    }

    fn of_mut(&mut self, state: StockState) -> &mut i64 {
        match state {
            StockState::Sellable => &mut self.sellable,
            StockState::Display => &mut self.display,
            StockState::FittingRoom => &mut self.fitting_room,
            StockState::Damaged => &mut self.damaged,
            StockState::HoldShelf => &mut self.hold_shelf,
            StockState::InTransit => &mut self.in_transit,
        }
    }
}

/// How a state stands in a column.
pub(crate) fn number_of(state: StockState) -> i64 {
    match state {
        StockState::Sellable => 0,
        StockState::Display => 1,
        StockState::FittingRoom => 2,
        StockState::Damaged => 3,
        StockState::HoldShelf => 4,
        StockState::InTransit => 5,
    }
}

/// What phones are told of a level, apart from what the row says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    version: i64,
    available: Option<u32>,
    sold_per_day_milli: u32,
    error_permille: u32,
}

/// The row.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    store: StoreId,
    sku: Sku,
    on_hand: OnHand,
    safety: u32,
    shelf: Option<String>,
    demand: Demand,
    proven_ms: Option<i64>,
    /// Picks that found nothing since the last proof.
    not_found: u32,
    last_not_found_ms: Option<i64>,
    negative_since_ms: Option<i64>,
    /// The flag: since when it is to be counted, and what the books said then.
    not_found_since_ms: Option<i64>,
    not_found_on_hand: Option<i64>,
    told: Option<Told>,
    /// When the doubt about the record is looked at again, though nothing happened.
    again_ms: Option<i64>,
    /// What phones see of it besides, as it was loaded: display, on the way, shelf.
    seen: (i64, i64, Option<String>),
    /// True once something happened here: a variant of which only safety or shelf are known was never there.
    heard: bool,
}

const COLUMNS: &str =
    "sellable, display, fitting_room, damaged, hold_shelf, in_transit, safety, shelf, first_ms, sold, sold_at_ms, proven_ms,
     last_not_found_ms, not_found, negative_since_ms, not_found_since_ms, not_found_on_hand, version, available, sold_per_day_milli, error_permille,
     again_ms";

/// A doubt is not looked at more often than once a day.
const LEAST_AGAIN_MS: i64 = 86_400_000;
/// So many levels at a time: the rest is looked at the next time.
const MOST_AGAIN: i64 = 500;
/// What a phone would hardly show is not told again, though it is more than a fifth.
const LEAST_ERROR_PERMILLE: u32 = 10;
const LEAST_SOLD_MILLI: u32 = 50;

/// Levels are told again when a slow figure has moved by more than a fifth, and by so much at least.
fn moved(told: u32, now: u32, least: u32) -> bool {
    let step = told.abs_diff(now);
    step >= least && step.saturating_mul(5) > told
}

impl Level {
    pub(crate) fn load(db: &Connection, store: &StoreId, sku: &Sku) -> Result<Self, Fault> {
        let sql = format!("SELECT {COLUMNS} FROM stock_levels WHERE store = ?1 AND sku = ?2");
        let row = db.prepare_cached(&sql)?.query_row([store.as_str(), sku.as_str()], |row| Self::read(row, store, sku)).optional()?;
        Ok(row.unwrap_or_else(|| Self::unheard(store, sku)))
    }

    fn unheard(store: &StoreId, sku: &Sku) -> Self {
        Self {
            store: store.clone(),
            sku: sku.clone(),
            on_hand: OnHand::default(),
            safety: 0,
            shelf: None,
            demand: Demand::default(),
            proven_ms: None,
            not_found: 0,
            last_not_found_ms: None,
            negative_since_ms: None,
            not_found_since_ms: None,
            not_found_on_hand: None,
            told: None,
            again_ms: None,
            seen: (0, 0, None),
            heard: false,
        }
    }

    fn read(row: &Row<'_>, store: &StoreId, sku: &Sku) -> rusqlite::Result<Self> {
        let on_hand = OnHand {
            sellable: row.get(0)?,
            display: row.get(1)?,
            fitting_room: row.get(2)?,
            damaged: row.get(3)?,
            hold_shelf: row.get(4)?,
            in_transit: row.get(5)?,
        };
        let version: Option<i64> = row.get(17)?;
        let (available, sold_per_day_milli, error_permille) = (row.get(18)?, row.get(19)?, row.get(20)?);
        let shelf: Option<String> = row.get(7)?;
        Ok(Self {
            store: store.clone(),
            sku: sku.clone(),
            seen: (on_hand.display, on_hand.in_transit, shelf.clone()),
            on_hand,
            safety: row.get(6)?,
            shelf,
            demand: Demand { since_ms: row.get(8)?, sold: row.get(9)?, at_ms: row.get(10)? },
            proven_ms: row.get(11)?,
            last_not_found_ms: row.get(12)?,
            not_found: row.get(13)?,
            negative_since_ms: row.get(14)?,
            not_found_since_ms: row.get(15)?,
            not_found_on_hand: row.get(16)?,
            told: version.map(|version| Told { version, available, sold_per_day_milli, error_permille }),
            again_ms: row.get(21)?,
            heard: version.is_some(),
        })
    }

    /// Something happened here.
    pub(crate) fn hear(&mut self, at_ms: i64) {
        self.demand.since_ms = if self.heard { self.demand.since_ms.min(at_ms) } else { at_ms };
        self.heard = true;
    }

    pub(crate) fn sold(&mut self, pieces: u32, at_ms: i64) {
        self.demand.add(pieces, at_ms);
    }

    /// What was sold then was not, after all.
    pub(crate) fn not_sold(&mut self, pieces: u32, at_ms: i64) {
        self.demand.take(pieces, at_ms);
    }

    /// An older word than the newest count changes nothing.
    pub(crate) fn add(&mut self, db: &Connection, state: StockState, pieces: i64, order: &EventOrder) -> Result<(), Fault> {
        if self.counted(db, state)?.is_some_and(|counted| counted > *order) {
            return Ok(());
        }
        db.prepare_cached("INSERT INTO stock_changes (store, sku, state, at_ms, source, id, pieces) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![self.store.as_str(), self.sku.as_str(), number_of(state), order.at_ms, order.source, order.id, pieces])?;
        let on_hand = self.on_hand.of_mut(state);
        *on_hand = on_hand.saturating_add(pieces);
        Ok(())
    }

    /// The newest count says how many there were, whatever was heard of the time before; what came and went since is added again.
    pub(crate) fn count(&mut self, db: &Connection, state: StockState, pieces: i64, order: &EventOrder) -> Result<(), Fault> {
        if self.counted(db, state)?.is_some_and(|counted| counted > *order) {
            return Ok(());
        }
        let at = params![self.store.as_str(), self.sku.as_str(), number_of(state), order.at_ms, order.source, order.id];
        db.prepare_cached(
            "INSERT INTO stock_counts (store, sku, state, at_ms, source, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (store, sku, state) DO UPDATE SET at_ms = excluded.at_ms, source = excluded.source, id = excluded.id",
        )?
        .execute(at)?;
        let since = "store = ?1 AND sku = ?2 AND state = ?3 AND (at_ms, source, id)";
        db.prepare_cached(&format!("DELETE FROM stock_changes WHERE {since} < (?4, ?5, ?6)"))?.execute(at)?;
        let left = "SELECT COALESCE(SUM(pieces), 0) FROM stock_changes WHERE store = ?1 AND sku = ?2 AND state = ?3";
        let since: i64 =
            db.prepare_cached(left)?.query_row(params![self.store.as_str(), self.sku.as_str(), number_of(state)], |row| row.get(0))?;
        *self.on_hand.of_mut(state) = pieces.saturating_add(since);
        if state == StockState::Sellable {
            self.prove(order.at_ms);
        }
        Ok(())
    }

    fn counted(&self, db: &Connection, state: StockState) -> Result<Option<EventOrder>, Fault> {
        let sql = "SELECT at_ms, source, id FROM stock_counts WHERE store = ?1 AND sku = ?2 AND state = ?3";
        let read = |row: &Row<'_>| Ok(EventOrder { at_ms: row.get(0)?, source: row.get(1)?, id: row.get(2)? });
        let at = params![self.store.as_str(), self.sku.as_str(), number_of(state)];
        Ok(db.prepare_cached(sql)?.query_row(at, read).optional()?)
    }

    /// A count of that time proves the record. A pick that found nothing later than that is believed all the same.
    fn prove(&mut self, at_ms: i64) {
        self.proven_ms = self.proven_ms.max(Some(at_ms));
        if self.last_not_found_ms.is_none_or(|missed_ms| missed_ms <= at_ms) {
            self.not_found = 0;
            (self.not_found_since_ms, self.not_found_on_hand) = (None, None);
        } else if self.not_found_since_ms.is_some_and(|since_ms| since_ms <= at_ms) {
            // Of those that found nothing the last is after it for sure.
            self.not_found = 1;
        }
    }

    /// A pick found what the books say: it is there, as with a sale.
    pub(crate) fn pick_found(&mut self, now_ms: i64) {
        self.proven_ms = self.proven_ms.max(Some(now_ms));
        self.not_found = 0;
    }

    /// A pick found nothing: to be counted, and believed less until then.
    pub(crate) fn pick_found_nothing(&mut self, now_ms: i64) {
        self.not_found = self.missed().saturating_add(1);
        self.last_not_found_ms = Some(now_ms);
        if self.not_found_since_ms.is_none() {
            self.not_found_since_ms = Some(now_ms);
            self.not_found_on_hand = Some(self.on_hand.sellable);
        }
    }

    /// When something last showed that the record is right: a count, a pick that found a piece, a sale.
    fn proven_ms(&self) -> i64 {
        self.proven_ms.unwrap_or(self.demand.since_ms).max(self.demand.at_ms)
    }

    /// Picks since then that found nothing.
    fn missed(&self) -> u32 {
        if self.last_not_found_ms.is_some_and(|missed_ms| missed_ms >= self.proven_ms()) { self.not_found } else { 0 }
    }

    /// True when that is new.
    pub(crate) fn put(&mut self, safety: Option<u32>, shelf: Option<&str>) -> bool {
        let before = (self.safety, self.shelf.clone());
        self.safety = safety.unwrap_or(self.safety);
        if let Some(shelf) = shelf {
            self.shelf = Some(shelf.to_owned()).filter(|shelf| !shelf.is_empty());
        }
        before != (self.safety, self.shelf.clone())
    }

    /// Writes the row. Phones are told under the next version when something that they see is other than before.
    ///
    /// Answers whether something is available now that was not before.
    pub(crate) fn write(mut self, db: &Connection, model: &ChanceModel, now_ms: i64, version: &mut i64) -> Result<bool, Fault> {
        self.negative_since_ms = if self.on_hand.sellable < 0 { self.negative_since_ms.or(Some(now_ms)) } else { None };
        let before = self.told;
        if self.heard {
            self.tell(db, model, now_ms, version)?;
        }
        self.save(db)?;
        let some = |told: &Told| told.available.is_some_and(|available| available > 0);
        Ok(self.told.as_ref().is_some_and(some) && !before.as_ref().is_some_and(some))
    }

    fn tell(&mut self, db: &Connection, model: &ChanceModel, now_ms: i64, version: &mut i64) -> Result<(), Fault> {
        let reserved = reservations::reserved(db, &self.store, &self.sku)?;
        let sold_per_day_milli = self.demand.per_day_milli(now_ms);
        let evidence = self.evidence(sold_per_day_milli, now_ms);
        let now = Told {
            version: 0,
            available: available(self.on_hand.sellable, reserved, self.safety),
            sold_per_day_milli,
            error_permille: model.record_error_permille(&evidence),
        };
        if now.available.is_none_or(|available| available == 0) {
            self.again_ms = None;
        } else {
            // A doubt that grows with time has moved by a fifth after a quarter of the time that it has grown for: sooner, where it has begun anew.
            let again_ms = now_ms.saturating_add(self.spread(LEAST_AGAIN_MS.max(evidence.since_proven_ms / 4)));
            self.again_ms = Some(self.again_ms.filter(|known_ms| *known_ms > now_ms).map_or(again_ms, |known_ms| known_ms.min(again_ms)));
        }
        let seen = (self.on_hand.display, self.on_hand.in_transit, self.shelf.clone());
        let unchanged = |told: &Told| {
            told.available == now.available
                && self.seen == seen
                && !moved(told.sold_per_day_milli, now.sold_per_day_milli, LEAST_SOLD_MILLI)
                && !moved(told.error_permille, now.error_permille, LEAST_ERROR_PERMILLE)
        };
        if !self.told.as_ref().is_some_and(unchanged) {
            *version = version.saturating_add(1);
            self.told = Some(Told { version: *version, ..now });
            self.seen = seen;
        }
        Ok(())
    }

    /// Up to an eighth more, other for each level: what was counted in one night does not all come due in another.
    fn spread(&self, period_ms: i64) -> i64 {
        let mut hasher = DefaultHasher::new();
        (self.store.as_str(), self.sku.as_str()).hash(&mut hasher);
        let share = i64::try_from(hasher.finish() % 1_000).unwrap_or_default();
        period_ms.saturating_add((period_ms / 8_000).saturating_mul(share))
    }

    fn evidence(&self, sold_per_day_milli: u32, now_ms: i64) -> RecordEvidence {
        RecordEvidence {
            on_hand: u32::try_from(self.on_hand.sellable).unwrap_or(0),
            since_proven_ms: now_ms.saturating_sub(self.proven_ms()),
            sold_per_day_milli,
            not_found: self.missed(),
            // Each is a proof.
            found: 0,
        }
    }

    fn save(&self, db: &Connection) -> Result<(), Fault> {
        let sql = format!(
            "INSERT INTO stock_levels (store, sku, {COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)
             ON CONFLICT (store, sku) DO UPDATE SET
                 sellable = excluded.sellable, display = excluded.display, fitting_room = excluded.fitting_room, damaged = excluded.damaged,
                 hold_shelf = excluded.hold_shelf, in_transit = excluded.in_transit, safety = excluded.safety, shelf = excluded.shelf,
                 first_ms = excluded.first_ms, sold = excluded.sold, sold_at_ms = excluded.sold_at_ms, proven_ms = excluded.proven_ms,
                 last_not_found_ms = excluded.last_not_found_ms, not_found = excluded.not_found, negative_since_ms = excluded.negative_since_ms,
                 not_found_since_ms = excluded.not_found_since_ms, not_found_on_hand = excluded.not_found_on_hand, version = excluded.version,
                 available = excluded.available, sold_per_day_milli = excluded.sold_per_day_milli, error_permille = excluded.error_permille,
                 again_ms = excluded.again_ms"
        );
        let told = self.told.as_ref();
        db.prepare_cached(&sql)?.execute(params![
            self.store.as_str(),
            self.sku.as_str(),
            self.on_hand.sellable,
            self.on_hand.display,
            self.on_hand.fitting_room,
            self.on_hand.damaged,
            self.on_hand.hold_shelf,
            self.on_hand.in_transit,
            self.safety,
            self.shelf,
            self.demand.since_ms,
            self.demand.sold,
            self.demand.at_ms,
            self.proven_ms,
            self.last_not_found_ms,
            self.not_found,
            self.negative_since_ms,
            self.not_found_since_ms,
            self.not_found_on_hand,
            told.map(|told| told.version),
            told.and_then(|told| told.available),
            told.map_or(0, |told| told.sold_per_day_milli),
            told.map_or(0, |told| told.error_permille),
            self.again_ms,
        ])?;
        Ok(())
    }

    /// Available to promise as it was last told; `None` in the answer for a variant that was never here, inside it when nobody knows.
    pub(crate) fn available(&self) -> Option<Option<u32>> {
        self.told.as_ref().map(|told| told.available)
    }

    pub(crate) fn shelf(&self) -> Option<&str> {
        self.shelf.as_deref()
    }

    #[cfg(test)]
    pub(crate) fn on_hand(&self, state: StockState) -> i64 {
        self.on_hand.of(state)
    }
}

/// Levels whose record is to be looked at again: a till that is silent about a variant says something, too.
pub(crate) fn in_doubt(db: &Connection, now_ms: i64) -> Result<Vec<(StoreId, Sku)>, Fault> {
    let mut statement = db.prepare_cached("SELECT store, sku FROM stock_levels WHERE again_ms <= ?1 ORDER BY again_ms LIMIT ?2")?;
    let rows = statement.query_map([now_ms, MOST_AGAIN], |row| Ok((StoreId(row.get(0)?), Sku(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// True when there are such levels.
pub(crate) fn any_in_doubt(db: &Connection, now_ms: i64) -> Result<bool, Fault> {
    Ok(db.prepare_cached("SELECT EXISTS (SELECT 1 FROM stock_levels WHERE again_ms <= ?1)")?.query_row([now_ms], |row| row.get(0))?)
}

/// Levels of a store that were told after `version`, oldest first, with the version of each.
pub(crate) fn newer(db: &Connection, store: &StoreId, version: i64, limit: u64) -> Result<Vec<(i64, StockLevel)>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT version, sku, available, display, in_transit, shelf, sold_per_day_milli, error_permille
         FROM stock_levels WHERE store = ?1 AND version > ?2 ORDER BY version LIMIT ?3",
    )?;
    let pieces = |pieces: i64| u32::try_from(pieces.max(0)).unwrap_or(u32::MAX);
    let rows = statement.query_map(params![store.as_str(), version, crate::store::to_int(limit)], |row| {
        let level = StockLevel {
            sku: Sku(row.get(1)?),
            available: row.get(2)?,
            display: pieces(row.get(3)?),
            in_transit: pieces(row.get(4)?),
            shelf: row.get(5)?,
            sold_per_day_milli: row.get(6)?,
            error_permille: row.get(7)?,
        };
        Ok((row.get(0)?, level))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The newest version that was told of a store; 0 for none.
pub(crate) fn newest_version(db: &Connection, store: &StoreId) -> Result<i64, Fault> {
    let sql = "SELECT COALESCE(MAX(version), 0) FROM stock_levels WHERE store = ?1 AND version IS NOT NULL";
    Ok(db.prepare_cached(sql)?.query_row([store.as_str()], |row| row.get(0))?)
}
