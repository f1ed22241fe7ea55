//! The books, open for one write: what has come due is done first, then what is heard; each level is loaded and written back once.

use std::collections::BTreeMap;

use noren_rules::ids::{Sku, StoreId};
use noren_rules::stock::{ChanceModel, StockChange, StockEvent, StockEventKind, StockSource};
use rusqlite::{Connection, OptionalExtension, params};

use super::level::{self, Level};
use super::{locations, sales};
use crate::fault::Fault;
use crate::store::{from_json, to_json};
use crate::{favourites, holds, reservations};

/// A clock may be so much ahead of the server's without waiting.
const MOST_AHEAD_MS: i64 = 5 * 60_000;
const VERSION: &str = "stock_version";
/// When levels were last looked at again whose doubt has grown, and how long after that it is due the next time: so that reads seldom have to write.
const DOUBTED: &str = "stock_doubted_ms";
const DOUBT_EVERY_MS: i64 = 60_000;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Counted,
    Known,
    /// Known, with other contents: these do not count.
    Conflicting,
    /// Its time has not come.
    Ahead,
}

pub(crate) struct Book<'a> {
    db: &'a Connection,
    model: &'a ChanceModel,
    now_ms: i64,
    levels: BTreeMap<(StoreId, Sku), Level>,
    /// Up to when everything is told, by store; none for one that is only named.
    said: BTreeMap<StoreId, Option<i64>>,
}

impl<'a> Book<'a> {
    /// Opens the books as of now.
    pub(crate) fn open(db: &'a Connection, model: &'a ChanceModel, now_ms: i64) -> Result<Self, Fault> {
        let mut book = Self { db, model, now_ms, levels: BTreeMap::new(), said: BTreeMap::new() };
        book.count_what_waited()?;
        for (store, sku) in reservations::end_due(db, now_ms)? {
            book.level(&store, &sku)?;
        }
        Ok(book)
    }

    /// Looks again at some of the levels whose doubt has grown: a till that is silent about a variant says something, too.
    pub(crate) fn doubt_again(&mut self) -> Result<(), Fault> {
        for (store, sku) in level::in_doubt(self.db, self.now_ms)? {
            self.level(&store, &sku)?;
        }
        let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
        self.db.prepare_cached(sql)?.execute(params![DOUBTED, self.now_ms.to_string()])?;
        Ok(())
    }

    fn count_what_waited(&mut self) -> Result<(), Fault> {
        let sql = "SELECT e.event FROM stock_ahead a JOIN stock_events e ON e.source = a.source AND e.id = a.id WHERE a.at_ms <= ?1";
        let mut statement = self.db.prepare_cached(sql)?;
        let due: Vec<String> = statement.query_map([self.now_ms], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for event in due {
            self.count(&from_json(&event, "stock event")?)?;
        }
        self.db.prepare_cached("DELETE FROM stock_ahead WHERE at_ms <= ?1")?.execute([self.now_ms])?;
        Ok(())
    }

    /// The level of a variant in a store; it is told again, where it has to be, when the books are closed.
    pub(crate) fn level(&mut self, store: &StoreId, sku: &Sku) -> Result<&mut Level, Fault> {
        use std::collections::btree_map::Entry;
        match self.levels.entry((store.clone(), sku.clone())) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => Ok(free.insert(Level::load(self.db, store, sku)?)),
        }
    }

    /// Keeps an event, and counts it unless it is known or its time has not come.
    pub(crate) fn hear(&mut self, event: &StockEvent) -> Result<Heard, Fault> {
        self.keep(event, self.is_ahead(event.at_ms))
    }

    /// Like [`Book::hear`], for one that belongs to another of no later time: it does not count before that one does.
    pub(crate) fn hear_after(&mut self, first: &StockEvent, event: &StockEvent) -> Result<Heard, Fault> {
        let sql = "SELECT EXISTS (SELECT 1 FROM stock_ahead WHERE at_ms = ?1 AND source = ?2 AND id = ?3)";
        let waits = self.db.prepare_cached(sql)?.query_row(params![first.at_ms, first.source, first.id], |row| row.get(0))?;
        self.keep(event, waits || self.is_ahead(event.at_ms))
    }

    /// True for a time that a right clock cannot show: what happened then waits for it.
    pub(crate) fn is_ahead(&self, at_ms: i64) -> bool {
        at_ms > self.now_ms.saturating_add(MOST_AHEAD_MS)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn keep(&mut self, event: &StockEvent, waits: bool) -> Result<Heard, Fault> {
        let contents = to_json(event, "stock event")?;
        let new = self
            .db
            .prepare_cached("INSERT OR IGNORE INTO stock_events (source, id, event, heard_at_ms) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![event.source, event.id, contents, self.now_ms])?;
        if new == 0 {
            return self.compare(event, &contents);
        }
        if waits {
            self.db.prepare_cached("INSERT INTO stock_ahead (at_ms, source, id) VALUES (?1, ?2, ?3)")?.execute(params![
                event.at_ms,
                event.source,
                event.id
            ])?;
            self.said.entry(event.store.clone()).or_default();
            return Ok(Heard::Ahead);
        }
        self.count(event)?;
        Ok(Heard::Counted)
    }

    fn compare(&self, event: &StockEvent, contents: &str) -> Result<Heard, Fault> {
        let sql = "SELECT event = ?3 FROM stock_events WHERE source = ?1 AND id = ?2";
        let same: bool = self.db.prepare_cached(sql)?.query_row(params![event.source, event.id, contents], |row| row.get(0))?;
        if same {
            return Ok(Heard::Known);
        }
        tracing::warn!(source = event.source, id = event.id, "a stock event came again with other contents, which do not count");
        Ok(Heard::Conflicting)
    }

    fn count(&mut self, event: &StockEvent) -> Result<(), Fault> {
        let (db, order) = (self.db, event.order());
        for effect in event.effects() {
            self.said.entry(effect.store.clone()).or_default();
            let level = self.level(&effect.store, &event.sku)?;
            level.hear(event.at_ms);
            match effect.change {
                StockChange::Set(pieces) => level.count(db, effect.state, pieces, &order)?,
                StockChange::Add(pieces) => level.add(db, effect.state, pieces, &order)?,
            }
        }
        if let StockEventKind::Sale { quantity } = event.kind {
            self.level(&event.store, &event.sku)?.sold(quantity, event.at_ms);
        }
        if let Some(StockEvent { kind: StockEventKind::Sale { quantity }, at_ms, .. }) = sales::sale_undone_by(db, event)? {
            self.level(&event.store, &event.sku)?.not_sold(quantity, at_ms);
        }
        self.says_until(event)
    }

    /// An event of a till says that its store's tills have said everything until then. What the backend says of holds is no word of a till; and one
    /// event of a store that counts or sends files does not say that the rest was counted or sent.
    fn says_until(&mut self, event: &StockEvent) -> Result<(), Fault> {
        let is_feed =
            || Ok::<_, Fault>(locations::find(self.db, &event.store)?.is_none_or(|location| location.source == StockSource::PosFeed));
        if event.source != holds::SOURCE && is_feed()? {
            self.say_until(&event.store, event.at_ms);
        }
        Ok(())
    }

    /// Now, or after the newest count of the variant there: what the backend itself knows to happen now comes after all that it has heard, also where
    /// the clock of the one who counted is a little ahead.
    pub(crate) fn now_after_counts(&self, store: &StoreId, sku: &Sku) -> Result<i64, Fault> {
        let sql = "SELECT MAX(at_ms) FROM stock_counts WHERE store = ?1 AND sku = ?2";
        let counted: Option<i64> = self.db.prepare_cached(sql)?.query_row([store.as_str(), sku.as_str()], |row| row.get(0))?;
        let after = counted.map_or(self.now_ms, |at_ms| at_ms.saturating_add(1));
        Ok(after.clamp(self.now_ms, self.now_ms.saturating_add(MOST_AHEAD_MS)))
    }

    /// Everything that happened in a store until then is told, as far as one knows now.
    pub(crate) fn say_until(&mut self, store: &StoreId, until_ms: i64) {
        let said = self.said.entry(store.clone()).or_default();
        *said = (*said).max(Some(until_ms.min(self.now_ms)));
    }

    /// Writes everything back. Whoever watches what is available now and was not before gets a note.
    pub(crate) fn close(self) -> Result<(), Fault> {
        for (store, until_ms) in &self.said {
            locations::say_until(self.db, store, *until_ms)?;
        }
        let before = number(self.db, VERSION)?.unwrap_or(0);
        let mut version = before;
        for ((store, sku), level) in self.levels {
            if level.write(self.db, self.model, self.now_ms, &mut version)? {
                favourites::came_back(self.db, &store, &sku, self.now_ms)?;
            }
        }
        if version != before {
            self.db
                .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
                .execute(params![VERSION, version.to_string()])?;
        }
        Ok(())
    }
}

/// True when something has come due: the next write does it, and a read that must be right opens and closes the books before.
pub(crate) fn is_due(db: &Connection, now_ms: i64) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM stock_ahead WHERE at_ms <= ?1)";
    let waited: bool = db.prepare_cached(sql)?.query_row([now_ms], |row| row.get(0))?;
    Ok(waited || reservations::any_due(db, now_ms)?)
}

/// True when there are levels to be looked at again, and nobody did so within the last minute.
pub(crate) fn is_doubt_due(db: &Connection, now_ms: i64) -> Result<bool, Fault> {
    let is_time = number(db, DOUBTED)?.is_none_or(|last_ms| now_ms.abs_diff(last_ms) >= DOUBT_EVERY_MS.unsigned_abs());
    Ok(is_time && level::any_in_doubt(db, now_ms)?)
}

fn number(db: &Connection, name: &str) -> Result<Option<i64>, Fault> {
    let sql = "SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?1";
    Ok(db.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?)
}
