//! The catalogue's tables: products as the server gave them, found by number and by text, and bounded.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::fold::fold;
use noren_rules::ids::{ProductId, Sku, StoreId};
use noren_rules::scan::{Gtin, ScanSettings};
use noren_rules::wire::{ProductInfo, ProductRecord};
use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, params};

use crate::storage::{Database, Sealer, StorageError};
use crate::text::{grams, needle_query, needle_to_check};

/// Step 7 of `cache.db`. Never changed: a later version is a further step.
pub const CATALOGUE_V1: &str = "
CREATE TABLE products(
  number INTEGER PRIMARY KEY,   -- also of its row in product_grams
  id TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,     -- the server's: the higher is the newer
  record TEXT NOT NULL,         -- JSON, as the server gave it
  folded TEXT NOT NULL,         -- what a search looks through, folded, a line each
  as_of_ms INTEGER NOT NULL,    -- the server's clock
  seen_at_ms INTEGER NOT NULL   -- ours, to the hour: what was not looked at for the longest time goes first
) STRICT;
CREATE INDEX products_by_seen ON products(seen_at_ms);
CREATE TABLE variants(
  sku TEXT PRIMARY KEY,
  gtin TEXT,                    -- fourteen digits
  product INTEGER NOT NULL      -- products.number
) STRICT, WITHOUT ROWID;
CREATE INDEX variants_by_gtin ON variants(gtin) WHERE gtin IS NOT NULL;
CREATE INDEX variants_by_product ON variants(product);
-- One and two characters of each folded text, as title_grams has them.
CREATE VIRTUAL TABLE product_grams USING fts5(grams, content='', contentless_delete=1, detail=none, tokenize='ascii');
-- Reviews of what was opened, as far as they were read.
CREATE TABLE product_reviews(product TEXT PRIMARY KEY, page TEXT NOT NULL, opened_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE ranking(position INTEGER PRIMARY KEY, product TEXT NOT NULL, rank INTEGER NOT NULL, sold INTEGER NOT NULL) STRICT;
CREATE TABLE favourites(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  sealed BLOB NOT NULL          -- whose they are, and what the server said of them
) STRICT;
";

/// This many products stay; then those go that were not looked at for the longest time.
pub(super) const MOST_PRODUCTS: usize = 5_000;
/// When something was looked at is noted this exactly: a note costs a write.
const SEEN_WITHIN_MS: i64 = 3_600_000;

/// A product as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptProduct {
    /// What the server said.
    pub(crate) record: ProductRecord,
    /// When it said so.
    pub(crate) as_of_ms: i64,
    pub(super) seen_at_ms: i64,
}

/// How a product is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProductNumber {
    /// By the bars on it; by a sku that is written like them, where no bars are known.
    Gtin(Gtin),
    /// By the shop's article code.
    Sku(Sku),
    /// By an id, an article code or bars: whoever wrote it knows which.
    Any(String),
}

/// A scan of which a store has heard, so that a camera that reads ten times a second counts once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastScan {
    pub(super) sku: Sku,
    pub(super) store: StoreId,
    pub(super) at_ms: i64,
}

/// The catalogue on the phone.
#[derive(Debug)]
pub(crate) struct CatalogueStore {
    pub(super) database: Arc<Database>,
    pub(super) outbox_db: Arc<Database>,
    pub(super) sealer: Sealer,
    settings: Mutex<Arc<ScanSettings>>,
    pub(super) last_scan: Mutex<Option<LastScan>>,
}

impl CatalogueStore {
    pub(crate) fn new(database: Arc<Database>, outbox_db: Arc<Database>, sealer: Sealer) -> Self {
        Self { database, outbox_db, sealer, settings: Mutex::default(), last_scan: Mutex::new(None) }
    }

    pub(super) fn settings(&self) -> Arc<ScanSettings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_up(&self, settings: ScanSettings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Takes products in, unless a newer version of one is there; makes room by dropping what was not looked at for the longest time and is not in
    /// `kept`. Answers how many are new or changed.
    pub(crate) fn take_in(
        &self,
        records: &[&ProductRecord],
        as_of_ms: i64,
        now_ms: i64,
        kept: &BTreeSet<Sku>,
    ) -> Result<u32, StorageError> {
        self.database.write(|tx| {
            let mut changed = 0u32;
            for record in records {
                if let Err(error) = record.product.check() {
                    tracing::warn!("a product of the server is left out: {error}");
                    continue;
                }
                changed = changed.saturating_add(u32::from(put(tx, record, as_of_ms, now_ms)?));
            }
            make_room(tx, MOST_PRODUCTS, kept)?;
            Ok(changed)
        })
    }

    /// Forgets products that are not sold any more. Answers how many there were.
    pub(super) fn remove<'a>(&self, ids: impl Iterator<Item = &'a ProductId>) -> Result<u32, StorageError> {
        self.database.write(|tx| {
            let mut gone = 0u32;
            for id in ids {
                let mut statement = tx.prepare_cached("SELECT number FROM products WHERE id = ?1")?;
                if let Some(number) = statement.query_row([id.as_str()], |row| row.get(0)).optional()? {
                    remove(tx, number, id.as_str())?;
                    gone = gone.saturating_add(1);
                }
            }
            Ok(gone)
        })
    }

    /// A product by its id.
    pub(crate) fn product(&self, id: &ProductId) -> Result<Option<KeptProduct>, StorageError> {
        self.database.read(|c| one(c, "id = ?1", [id.as_str()]))
    }

    /// A product by one of its numbers, and the variant that the number names.
    pub(crate) fn by_number(&self, number: &ProductNumber) -> Result<Option<(KeptProduct, Option<Sku>)>, StorageError> {
        self.database.read(|c| match number {
            ProductNumber::Gtin(gtin) => Ok(by_gtin(c, gtin)?.or(by_sku(c, gtin.as_str())?)),
            ProductNumber::Sku(sku) => by_sku(c, sku.as_str()),
            ProductNumber::Any(text) => {
                if let Some(product) = one(c, "id = ?1", [text])? {
                    return Ok(Some((product, None)));
                }
                let by_sku = by_sku(c, text)?;
                let by_bars = || Gtin::from_digits(text).map_or(Ok(None), |gtin| by_gtin(c, &gtin));
                by_sku.map_or_else(by_bars, |found| Ok(Some(found)))
            }
        })
    }

    /// Products whose text holds `text`, both folded: those first in which a line begins with it, then what was looked at last. An empty text finds
    /// all, what was looked at last first.
    pub(super) fn search(&self, text: &str, limit: u32) -> Result<Vec<KeptProduct>, StorageError> {
        let needle = fold(text);
        self.database.read(|c| {
            if needle.is_empty() {
                return many(c, "1 ORDER BY seen_at_ms DESC, number DESC LIMIT ?1", [limit]);
            }
            many(
                c,
                "number IN (SELECT rowid FROM product_grams WHERE product_grams MATCH ?1) AND (?2 IS NULL OR instr(folded, ?2))
                 ORDER BY instr(char(10) || folded, char(10) || ?3) = 0, seen_at_ms DESC, id LIMIT ?4",
                params![needle_query(&needle), needle_to_check(&needle), needle, limit],
            )
        })
    }

    /// Notes that a product is looked at.
    pub(super) fn note_seen(&self, product: &KeptProduct, now_ms: i64) -> Result<(), StorageError> {
        if now_ms.saturating_sub(product.seen_at_ms) < SEEN_WITHIN_MS {
            return Ok(());
        }
        let id = product.record.product.id.as_str();
        self.database.write(|tx| Ok(tx.execute("UPDATE products SET seen_at_ms = ?2 WHERE id = ?1", params![id, now_ms]).map(drop)?))
    }

    /// Which of these variants are not known here.
    pub(super) fn unknown<'a>(&self, skus: impl Iterator<Item = &'a Sku>) -> Result<Vec<Sku>, StorageError> {
        self.database.read(|c| {
            let mut statement = c.prepare_cached("SELECT 1 FROM variants WHERE sku = ?1")?;
            let mut unknown = Vec::new();
            for sku in skus {
                if !statement.exists([sku.as_str()])? {
                    unknown.push(sku.clone());
                }
            }
            Ok(unknown)
        })
    }

    /// Forgets what stands in memory.
    pub(crate) fn forget(&self) {
        *self.last_scan.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Puts one record in place. True when it is new or newer than what was there.
fn put(tx: &Transaction<'_>, record: &ProductRecord, as_of_ms: i64, now_ms: i64) -> Result<bool, StorageError> {
    let product = &record.product;
    let version = i64::try_from(record.version).unwrap_or(i64::MAX);
    let known: Option<(i64, i64)> = tx
        .prepare_cached("SELECT number, version FROM products WHERE id = ?1")?
        .query_row([product.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((number, known_version)) = known
        && known_version >= version
    {
        // Of an older one nothing counts, not even when it was said.
        let said_ms = if known_version == version { as_of_ms } else { i64::MIN };
        tx.prepare_cached("UPDATE products SET as_of_ms = max(as_of_ms, ?2), seen_at_ms = max(seen_at_ms, ?3) WHERE number = ?1")?
            .execute(params![number, said_ms, now_ms])?;
        return Ok(false);
    }
    let json = serde_json::to_string(record).map_err(|_| StorageError::other("a product has no JSON form"))?;
    let folded = folded(product);
    let number = if let Some((number, _)) = known {
        remove_index(tx, number)?;
        tx.prepare_cached("UPDATE products SET version = ?2, record = ?3, folded = ?4, as_of_ms = ?5, seen_at_ms = ?6 WHERE number = ?1")?
            .execute(params![number, version, json, folded, as_of_ms, now_ms])?;
        number
    } else {
        tx.prepare_cached("INSERT INTO products(id, version, record, folded, as_of_ms, seen_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![product.id.as_str(), version, json, folded, as_of_ms, now_ms])?;
        tx.last_insert_rowid()
    };
    tx.prepare_cached("INSERT INTO product_grams(rowid, grams) VALUES (?1, ?2)")?.execute(params![number, grams(&folded)])?;
    // A variant that has moved to another product is the newer one's.
    let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO variants VALUES (?1, ?2, ?3)")?;
    for variant in &product.variants {
        insert.execute(params![variant.sku.as_str(), variant.gtin.as_ref().map(Gtin::fourteen), number])?;
    }
    Ok(true)
}

/// What a person may type to find it: title in all languages, reading, brand; skus and the numbers below the bars.
fn folded(product: &ProductInfo) -> String {
    let texts = product.title.values().map(String::as_str).chain(product.reading.as_deref()).chain(product.brand.as_deref());
    let numbers =
        product.variants.iter().flat_map(|variant| [Some(variant.sku.as_str()), variant.gtin.as_ref().map(Gtin::as_str)]).flatten();
    let lines: Vec<String> = texts.chain(numbers).map(fold).collect();
    lines.join("\n")
}

fn remove_index(tx: &Transaction<'_>, number: i64) -> Result<(), StorageError> {
    tx.prepare_cached("DELETE FROM product_grams WHERE rowid = ?1")?.execute([number])?;
    tx.prepare_cached("DELETE FROM variants WHERE product = ?1")?.execute([number])?;
    Ok(())
}

fn remove(tx: &Transaction<'_>, number: i64, id: &str) -> Result<(), StorageError> {
    remove_index(tx, number)?;
    tx.prepare_cached("DELETE FROM products WHERE number = ?1")?.execute([number])?;
    tx.prepare_cached("DELETE FROM product_reviews WHERE product = ?1")?.execute([id])?;
    Ok(())
}

/// Drops what was not looked at for the longest time and is not kept, until at most `most` are left.
fn make_room(tx: &Transaction<'_>, most: usize, kept: &BTreeSet<Sku>) -> Result<(), StorageError> {
    let count: i64 = tx.prepare_cached("SELECT count(*) FROM products")?.query_row([], |row| row.get(0))?;
    let over = usize::try_from(count).unwrap_or_default().saturating_sub(most);
    if over == 0 {
        return Ok(());
    }
    let mut stays = BTreeSet::new();
    for sku in kept {
        let number: Option<i64> =
            tx.prepare_cached("SELECT product FROM variants WHERE sku = ?1")?.query_row([sku.as_str()], |row| row.get(0)).optional()?;
        stays.extend(number);
    }
    let mut statement = tx.prepare_cached("SELECT number, id FROM products ORDER BY seen_at_ms, number")?;
    let mut rows = statement.query([])?;
    let mut gone: Vec<(i64, String)> = Vec::with_capacity(over);
    while gone.len() < over
        && let Some(row) = rows.next()?
    {
        let number = row.get(0)?;
        if !stays.contains(&number) {
            gone.push((number, row.get(1)?));
        }
    }
    for (number, id) in gone {
        remove(tx, number, &id)?;
    }
    Ok(())
}

fn by_sku(connection: &Connection, sku: &str) -> Result<Option<(KeptProduct, Option<Sku>)>, StorageError> {
    let found = one(connection, "number = (SELECT product FROM variants WHERE sku = ?1)", [sku])?;
    Ok(found.map(|product| (product, Some(Sku::from(sku)))))
}

fn by_gtin(connection: &Connection, gtin: &Gtin) -> Result<Option<(KeptProduct, Option<Sku>)>, StorageError> {
    let mut statement = connection.prepare_cached("SELECT sku FROM variants WHERE gtin = ?1 ORDER BY sku LIMIT 1")?;
    let sku: Option<String> = statement.query_row([gtin.fourteen()], |row| row.get(0)).optional()?;
    sku.map_or(Ok(None), |sku| by_sku(connection, &sku))
}

pub(super) fn one(connection: &Connection, place: &str, values: impl Params) -> Result<Option<KeptProduct>, StorageError> {
    Ok(many(connection, place, values)?.pop())
}

fn many(connection: &Connection, place: &str, values: impl Params) -> Result<Vec<KeptProduct>, StorageError> {
    let mut statement = connection.prepare_cached(&format!("SELECT record, as_of_ms, seen_at_ms FROM products WHERE {place}"))?;
    let rows = statement.query_map(values, |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
    let mut products = Vec::new();
    for row in rows {
        let (json, as_of_ms, seen_at_ms) = row?;
        let record = serde_json::from_str(&json).map_err(|_| StorageError::Damaged { file: String::new() })?;
        products.push(KeptProduct { record, as_of_ms, seen_at_ms });
    }
    Ok(products)
}

#[cfg(test)]
mod tests;
