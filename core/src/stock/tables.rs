//! The tables of stock: stores with their versions, and levels by number.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::ids::StoreId;
use noren_rules::stock::{ChanceModel, StockSource};
use noren_rules::wire::StockPage;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::map::StoreMap;
use super::take_in::{self, StockTaken};
use crate::places::PlaceBook;
use crate::storage::{Database, StorageError};

/// A step of `cache.db`. Never changed: a later version is a further step.
pub const STOCK_V1: &str = "
CREATE TABLE stock_stores(
  number INTEGER PRIMARY KEY,   -- below 65,536; free ones are used again
  store TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,     -- the server's; 0: nothing has come yet
  as_of_ms INTEGER,             -- NULL: never heard, or the first pull has not come to its end
  source INTEGER NOT NULL,      -- 0 pos_feed, 1 batch, 2 count
  is_ec INTEGER NOT NULL,
  holds INTEGER NOT NULL,
  used_at_ms INTEGER NOT NULL,  -- when somebody wanted it last, to the day: what is not used is dropped
  left_out_ms INTEGER           -- the day on which the server said that it has no stock of it; NULL where it has
) STRICT;
CREATE TABLE stock_skus(sku TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE stock_shelves(number INTEGER PRIMARY KEY, shelf TEXT NOT NULL UNIQUE) STRICT;
-- 64 variants of a store in one value: see packed.rs.
CREATE TABLE stock_levels(id INTEGER PRIMARY KEY, levels BLOB NOT NULL) STRICT; -- id: store << 24 | variant >> 6
-- Which of 64 stores have which of 64 variants: the nearest one that has it is found without reading levels.
CREATE TABLE stock_there(id INTEGER PRIMARY KEY, stores BLOB NOT NULL) STRICT; -- id: variant >> 6 << 16 | store >> 6
CREATE TABLE stock_model(id INTEGER PRIMARY KEY CHECK (id = 1), model TEXT NOT NULL) STRICT;
";

/// A further step of `outbox.db`. Never changed. Pins are the member's word: no server could give them back.
pub const PINNED_V1: &str = "CREATE TABLE pinned_stores(store TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;";

const A_DAY_MS: i64 = 86_400_000;
/// A store that nobody wanted in this time is dropped.
const KEEP_MS: i64 = 30 * A_DAY_MS;
/// The most stores that can be numbered.
const MOST_STORES: u32 = 1 << 16;

/// A store whose stock is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptStore {
    pub(super) number: u32,
    pub(super) store: StoreId,
    pub(super) version: u64,
    pub(super) as_of_ms: Option<i64>,
    pub(super) source: StockSource,
    pub(super) is_ec: bool,
    pub(super) holds: bool,
    pub(super) used_at_ms: i64,
    left_out_ms: Option<i64>,
}

impl KeptStore {
    /// True when the server has said today that it has no stock of it: the next day it is asked again.
    pub(super) fn is_left_out(&self, now_ms: i64) -> bool {
        self.left_out_ms == Some(day(now_ms))
    }
}

type Mapped = (Arc<PlaceBook>, (u64, usize), Arc<StoreMap>);

/// Stock on the phone.
#[derive(Debug)]
pub struct StockStore {
    database: Arc<Database>,
    outbox_db: Arc<Database>,
    /// Grows with every change of what stands in `mapped`.
    generation: AtomicU64,
    mapped: Mutex<Option<Mapped>>,
}

impl StockStore {
    /// Stock in the cache's file, and the member's pins beside the outbox. The files are opened at first use.
    #[must_use]
    pub fn new(cache_db: Arc<Database>, outbox_db: Arc<Database>) -> Self {
        Self { database: cache_db, outbox_db, generation: AtomicU64::new(0), mapped: Mutex::new(None) }
    }

    /// Takes a page in: levels and versions in one transaction. Stores that were not asked for are left out, but for the online shop's.
    ///
    /// # Errors
    /// A storage error; nothing of the page is kept then.
    pub fn take_in(&self, page: &StockPage, now_ms: i64) -> Result<StockTaken, StorageError> {
        let taken = self.database.write(|tx| take_in::page(tx, page, day(now_ms)))?;
        self.forget();
        Ok(taken)
    }

    /// Keeps these stores from now on, with nothing known of new ones.
    ///
    /// # Errors
    /// A storage error.
    pub fn want(&self, used: &[StoreId], pinned: &[StoreId], now_ms: i64) -> Result<(), StorageError> {
        self.database.write(|tx| used.iter().chain(pinned).try_for_each(|store| insert_store(tx, store, false, day(now_ms))))?;
        self.forget();
        Ok(())
    }

    /// After a pull, by a proven clock: notes that somebody wants `used`, and drops the stores that nobody wanted for 30 days, but for pinned ones and
    /// the online shop's.
    pub(super) fn tidy(&self, used: &[StoreId], pinned: &[StoreId], now_ms: i64) -> Result<(), StorageError> {
        self.database.write(|tx| {
            for store in used {
                tx.prepare_cached("UPDATE stock_stores SET used_at_ms = ?2 WHERE store = ?1")?
                    .execute(params![store.as_str(), day(now_ms)])?;
            }
            let over_ms = day(now_ms).saturating_sub(KEEP_MS);
            let over = |kept: &KeptStore| kept.used_at_ms < over_ms && !kept.is_ec && !pinned.contains(&kept.store);
            let dropped: Vec<KeptStore> = stores(tx)?.into_iter().filter(over).collect();
            take_in::drop_stores(tx, &dropped)
        })?;
        self.forget();
        Ok(())
    }

    /// Notes that the server has no stock of these stores.
    pub(super) fn note_left_out(&self, stores: &[StoreId], now_ms: i64) -> Result<(), StorageError> {
        self.database.write(|tx| {
            let mut note = tx.prepare_cached("UPDATE stock_stores SET left_out_ms = ?2 WHERE store = ?1")?;
            stores.iter().try_for_each(|store| Ok(note.execute(params![store.as_str(), day(now_ms)]).map(drop)?))
        })
    }

    /// The stores that are kept, in the order of their numbers.
    pub(super) fn stores(&self) -> Result<Vec<KeptStore>, StorageError> {
        self.database.read(stores)
    }

    /// The kept stores and where they are, made once for each state of both.
    pub(super) fn map(&self, book: &Arc<PlaceBook>) -> Result<Arc<StoreMap>, StorageError> {
        let state = || (self.generation.load(Ordering::SeqCst), self.database.damage().len());
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = |(of, at, _): &&Mapped| Arc::ptr_eq(of, book) && *at == state();
        if let Some((_, _, map)) = mapped.as_ref().filter(is_current) {
            return Ok(map.clone());
        }
        let before = state();
        let (kept, model) = self.database.read(|c| Ok((stores(c)?, model(c)?)))?;
        let map = Arc::new(StoreMap::new(kept, model, book));
        *mapped = Some((book.clone(), before, map.clone()));
        Ok(map)
    }

    /// Runs `job` over the levels as they are at one moment.
    pub(super) fn read<T>(&self, job: impl FnOnce(&Levels<'_>) -> Result<T, StorageError>) -> Result<T, StorageError> {
        self.database.read(|connection| job(&Levels { connection }))
    }

    /// Stores that the member has pinned.
    pub(super) fn pinned(&self) -> Result<Vec<StoreId>, StorageError> {
        self.outbox_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT store FROM pinned_stores")?;
            let rows = statement.query_map([], |row| row.get(0).map(StoreId))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    pub(super) fn pin(&self, store: &StoreId, pinned: bool) -> Result<(), StorageError> {
        let sql = if pinned { "INSERT OR IGNORE INTO pinned_stores VALUES (?1)" } else { "DELETE FROM pinned_stores WHERE store = ?1" };
        self.outbox_db.write(|tx| Ok(tx.execute(sql, [store.as_str()]).map(drop)?))
    }

    /// Another member has this phone now: no pin stays.
    pub(crate) fn drop_pins(&self) -> Result<(), StorageError> {
        self.outbox_db.write(|tx| Ok(tx.execute("DELETE FROM pinned_stores", []).map(drop)?))
    }

    /// Another member has this phone now: what was looked for does not stay.
    pub(crate) fn drop_stores(&self) -> Result<(), StorageError> {
        self.database.write(|tx| {
            Ok(tx.execute_batch(
                "DELETE FROM stock_stores; DELETE FROM stock_skus; DELETE FROM stock_shelves; DELETE FROM stock_levels; DELETE FROM stock_there;
                 DELETE FROM stock_model; DELETE FROM collections WHERE name = 'stock';",
            )?)
        })?;
        self.forget();
        Ok(())
    }

    /// Forgets what stands in memory.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        *self.mapped.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Midnight before: when a phone was where is nobody's business, not even its own.
fn day(now_ms: i64) -> i64 {
    now_ms.div_euclid(A_DAY_MS) * A_DAY_MS
}

pub(super) fn damaged() -> StorageError {
    StorageError::Damaged { file: String::new() }
}

pub(super) fn source_code(source: StockSource) -> i64 {
    match source {
        StockSource::PosFeed => 0,
        StockSource::Batch => 1,
        StockSource::Count => 2,
    }
}

const STORE_COLUMNS: &str = "number, store, version, as_of_ms, source, is_ec, holds, used_at_ms, left_out_ms";

fn read_store(row: &Row<'_>) -> rusqlite::Result<KeptStore> {
    Ok(KeptStore {
        number: row.get(0)?,
        store: StoreId(row.get(1)?),
        version: row.get::<_, i64>(2)?.unsigned_abs(),
        as_of_ms: row.get(3)?,
        source: match row.get(4)? {
            1 => StockSource::Batch,
            2 => StockSource::Count,
            _ => StockSource::PosFeed,
        },
        is_ec: row.get(5)?,
        holds: row.get(6)?,
        used_at_ms: row.get(7)?,
        left_out_ms: row.get(8)?,
    })
}

fn stores(connection: &Connection) -> Result<Vec<KeptStore>, StorageError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {STORE_COLUMNS} FROM stock_stores ORDER BY number"))?;
    let rows = statement.query_map([], read_store)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn store(connection: &Connection, id: &StoreId) -> Result<Option<KeptStore>, StorageError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {STORE_COLUMNS} FROM stock_stores WHERE store = ?1"))?;
    Ok(statement.query_row([id.as_str()], read_store).optional()?)
}

/// A row for a store that has none.
pub(super) fn insert_store(tx: &Transaction<'_>, id: &StoreId, is_ec: bool, used_at_ms: i64) -> Result<(), StorageError> {
    if store(tx, id)?.is_some() {
        return Ok(());
    }
    let mut statement = tx.prepare_cached("SELECT number FROM stock_stores ORDER BY number")?;
    let taken = statement.query_map([], |row| row.get::<_, u32>(0))?.collect::<Result<Vec<_>, _>>()?;
    let free = (0..).zip(&taken).find(|(number, taken)| number != *taken).map(|(number, _)| number);
    let number = free.unwrap_or(u32::try_from(taken.len()).unwrap_or(u32::MAX));
    if number >= MOST_STORES {
        return Err(StorageError::other("too many stores are kept: unpin some"));
    }
    tx.prepare_cached("INSERT INTO stock_stores VALUES (?1, ?2, 0, NULL, 0, ?3, 0, ?4, NULL)")?.execute(params![
        number,
        id.as_str(),
        is_ec,
        used_at_ms
    ])?;
    Ok(())
}

fn model(connection: &Connection) -> Result<ChanceModel, StorageError> {
    let mut statement = connection.prepare_cached("SELECT model FROM stock_model")?;
    let text: Option<String> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Levels at one moment.
pub(super) struct Levels<'c> {
    connection: &'c Connection,
}

impl Levels<'_> {
    /// The number of a variant; `None` when no store has ever had it.
    pub(super) fn number(&self, sku: &str) -> Result<Option<u32>, StorageError> {
        let mut statement = self.connection.prepare_cached("SELECT number FROM stock_skus WHERE sku = ?1")?;
        Ok(statement.query_row([sku], |row| row.get(0)).optional()?)
    }

    /// The level of a variant in a store; `None` where it never was.
    pub(super) fn level(&self, store: u32, variant: u32) -> Result<Option<super::packed::Packed>, StorageError> {
        let mut statement = self.connection.prepare_cached("SELECT levels FROM stock_levels WHERE id = ?1")?;
        let mut rows = statement.query([super::take_in::level_id(store, variant)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let bytes = row.get_ref(0)?.as_blob().map_err(|_| damaged())?;
        super::packed::Block::level(bytes, variant % super::packed::SLOTS).ok_or_else(damaged)
    }

    /// Which stores have a variant, a word for 64 of them.
    pub(super) fn there(&self, variant: u32) -> Result<Vec<u64>, StorageError> {
        let mut statement = self.connection.prepare_cached("SELECT id, stores FROM stock_there WHERE id BETWEEN ?1 AND ?2")?;
        let first = super::take_in::there_id(0, variant);
        let mut rows = statement.query([first, first | 0xFFFF])?;
        let mut words = Vec::new();
        while let Some(row) = rows.next()? {
            let at = usize::try_from(row.get::<_, i64>(0)? - first).map_err(|_| damaged())?;
            let bytes = row.get_ref(1)?.as_blob().map_err(|_| damaged())?;
            words.resize(at, 0);
            words.push(super::packed::There::stores(bytes, variant % super::packed::SLOTS).ok_or_else(damaged)?);
        }
        Ok(words)
    }

    /// What is written at a shelf of this number.
    pub(super) fn shelf(&self, number: u32) -> Result<Option<String>, StorageError> {
        let mut statement = self.connection.prepare_cached("SELECT shelf FROM stock_shelves WHERE number = ?1")?;
        Ok(statement.query_row([number], |row| row.get(0)).optional()?)
    }
}
