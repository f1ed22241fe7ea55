//! The tables of tiles and places, and the index over them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::places::Tile;
use noren_rules::wire::{AreaRules, PlaceInfo, TilePlaces};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{AREAS_COLLECTION, PlaceBook};
use crate::replica::{self, Freshness};
use crate::storage::{Database, StorageError};

/// Step 4 of `cache.db`. Never changed: a later version is a further step.
pub const PLACES_V1: &str = "
CREATE TABLE tiles(
  tile TEXT PRIMARY KEY,        -- row.column
  version INTEGER NOT NULL,     -- the server's; 0: nothing there
  used_at_ms INTEGER NOT NULL   -- when it was last asked for, to the day: what is not used is dropped
) STRICT, WITHOUT ROWID;
CREATE TABLE places(
  id TEXT PRIMARY KEY,
  tile TEXT NOT NULL,
  place TEXT NOT NULL           -- JSON, as the server gave it
) STRICT, WITHOUT ROWID;
CREATE INDEX places_by_tile ON places(tile);
-- The rules of coupons for the tiles asked for last: one row.
CREATE TABLE area_rules(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version TEXT NOT NULL,
  tiles TEXT NOT NULL,          -- for which they were asked, in order, with commas
  as_of_ms INTEGER NOT NULL,
  rules TEXT NOT NULL           -- JSON, as the server gave them
) STRICT;
";

const A_DAY_MS: i64 = 86_400_000;
/// A tile that was not asked for in this time is dropped.
const KEEP_MS: i64 = 60 * A_DAY_MS;

/// The rules of coupons as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptRules {
    /// For which tiles they were asked.
    pub(crate) tiles: Vec<Tile>,
    /// The server's clock when it gave them.
    pub(crate) as_of_ms: i64,
    /// The rules.
    pub(crate) rules: AreaRules,
}

/// What one answer brought.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    pub(super) asked: &'a [Tile],
    pub(super) tiles: &'a [TilePlaces],
    pub(super) rules: Option<&'a AreaRules>,
    pub(super) as_of_ms: i64,
    pub(super) now_ms: i64,
}

/// The places' tables. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PlaceStore {
    database: Arc<Database>,
    book: Arc<Mutex<Option<Arc<PlaceBook>>>>,
    rules: Arc<Mutex<Option<Arc<KeptRules>>>>,
}

impl PlaceStore {
    /// A store over the cache's file, which is opened at first use.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, book: Arc::default(), rules: Arc::default() }
    }

    /// All cached places, ready to be asked.
    ///
    /// # Errors
    /// A storage error.
    pub fn book(&self) -> Result<Arc<PlaceBook>, StorageError> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = book.as_ref() {
            return Ok(book.clone());
        }
        let made = self.database.read(|c| Ok(PlaceBook::new(read_places(c)?, &tiles(c)?)))?;
        let made = Arc::new(made);
        *book = Some(made.clone());
        Ok(made)
    }

    /// The rules of coupons that came last.
    pub(crate) fn rules(&self) -> Result<Option<Arc<KeptRules>>, StorageError> {
        let mut kept = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = self.database.read(read_rules)?.map(Arc::new);
        }
        Ok(kept.clone())
    }

    /// The versions of the cached tiles.
    pub(super) fn tiles(&self) -> Result<BTreeMap<Tile, u64>, StorageError> {
        self.database.read(tiles)
    }

    /// How fresh what is known of areas is.
    ///
    /// # Errors
    /// A storage error.
    pub fn freshness(&self) -> Result<Freshness, StorageError> {
        self.database.read(|c| replica::freshness(c, AREAS_COLLECTION))
    }

    /// Takes an answer in, in one transaction. True when a place has changed, and when the rules have.
    pub(super) fn take_in(&self, taken: &Taken<'_>) -> Result<(bool, bool), StorageError> {
        let (places, rules) = self.database.write(|tx| {
            let places = take_tiles(tx, taken)?;
            let rules = taken.rules.map(|rules| put_rules(tx, taken, rules)).transpose()?.is_some();
            replica::complete(tx, AREAS_COLLECTION, None, taken.as_of_ms)?;
            Ok((places, rules))
        })?;
        if places {
            *self.book.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        if rules {
            *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok((places, rules))
    }

    /// Forgets what stands in memory.
    pub(crate) fn forget(&self) {
        *self.book.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn take_tiles(tx: &Transaction<'_>, taken: &Taken<'_>) -> Result<bool, StorageError> {
    // To the day: when a phone was where is nobody's business, not even its own.
    let used_at_ms = taken.now_ms.div_euclid(A_DAY_MS) * A_DAY_MS;
    let mut changed = false;
    for tile in taken.asked {
        let name = tile.to_string();
        let added = tx.prepare_cached("INSERT OR IGNORE INTO tiles VALUES (?1, 0, ?2)")?.execute(params![name, used_at_ms])?;
        tx.prepare_cached("UPDATE tiles SET used_at_ms = ?2 WHERE tile = ?1 AND used_at_ms <> ?2")?.execute(params![name, used_at_ms])?;
        changed |= added > 0;
    }
    for tile in taken.tiles {
        let version = i64::try_from(tile.version).unwrap_or(i64::MAX);
        let known = tx.prepare_cached("UPDATE tiles SET version = ?2 WHERE tile = ?1")?.execute(params![tile.tile, version])?;
        if known == 0 {
            tracing::warn!("the server sent a tile that was not asked for: left out");
            continue;
        }
        tx.prepare_cached("DELETE FROM places WHERE tile = ?1")?.execute([&tile.tile])?;
        for place in &tile.places {
            let json = serde_json::to_string(place).map_err(|_| StorageError::other("a place has no JSON form"))?;
            tx.prepare_cached("INSERT OR REPLACE INTO places VALUES (?1, ?2, ?3)")?.execute(params![place.id.as_str(), tile.tile, json])?;
        }
        changed = true;
    }
    let over_ms = taken.now_ms.saturating_sub(KEEP_MS);
    tx.execute("DELETE FROM places WHERE tile IN (SELECT tile FROM tiles WHERE used_at_ms < ?1)", [over_ms])?;
    changed |= tx.execute("DELETE FROM tiles WHERE used_at_ms < ?1", [over_ms])? > 0;
    Ok(changed)
}

fn put_rules(tx: &Transaction<'_>, taken: &Taken<'_>, rules: &AreaRules) -> Result<(), StorageError> {
    let tiles: Vec<String> = taken.asked.iter().map(Tile::to_string).collect();
    let json = serde_json::to_string(rules).map_err(|_| StorageError::other("rules have no JSON form"))?;
    tx.execute(
        "INSERT OR REPLACE INTO area_rules VALUES (1, ?1, ?2, ?3, ?4)",
        params![rules.version, tiles.join(","), taken.as_of_ms, json],
    )?;
    Ok(())
}

fn read_rules(connection: &Connection) -> Result<Option<KeptRules>, StorageError> {
    let mut statement = connection.prepare_cached("SELECT tiles, as_of_ms, rules FROM area_rules")?;
    let found = statement.query_row([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, String>(2)?))).optional()?;
    let Some((tiles, as_of_ms, json)) = found else { return Ok(None) };
    let rules = serde_json::from_str(&json).map_err(|_| StorageError::Damaged { file: String::new() })?;
    Ok(Some(KeptRules { tiles: tiles.split(',').filter_map(|tile| tile.parse().ok()).collect(), as_of_ms, rules }))
}

fn tiles(connection: &Connection) -> Result<BTreeMap<Tile, u64>, StorageError> {
    let mut statement = connection.prepare_cached("SELECT tile, version FROM tiles")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut tiles = BTreeMap::new();
    for row in rows {
        let (tile, version) = row?;
        if let Ok(tile) = tile.parse() {
            tiles.insert(tile, version.unsigned_abs());
        }
    }
    Ok(tiles)
}

fn read_places(connection: &Connection) -> Result<Vec<PlaceInfo>, StorageError> {
    let mut statement = connection.prepare_cached("SELECT place FROM places ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        let json = row.get_ref(0)?.as_str().map_err(|_| StorageError::Damaged { file: String::new() })?;
        places.push(serde_json::from_str(json).map_err(|_| StorageError::Damaged { file: String::new() })?);
    }
    Ok(places)
}
