//! Taking pages of stock in: changed levels go into their blocks, and what came or went into the words of who has what.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use noren_rules::ids::StoreId;
use noren_rules::wire::{StockLevel, StockPage, StoreStock};
use rusqlite::{OptionalExtension, Transaction, params};

use super::packed::{Block, Packed, SLOTS, There};
use super::tables::{KeptStore, damaged, insert_store, source_code, store};
use crate::storage::StorageError;

/// What a page came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StockTaken {
    /// Levels that it brought.
    pub levels: usize,
    /// True when a store is of another version than before.
    pub moved: bool,
    /// Stores of which there is more.
    pub more: Vec<StoreId>,
    /// Stores that are pulled from the beginning: the server has begun another life and does not know what was there before.
    pub again: Vec<StoreId>,
    /// Stores that it spoke of.
    pub heard: Vec<StoreId>,
}

/// Where the levels of a variant's block in a store are.
pub(super) fn level_id(store: u32, variant: u32) -> i64 {
    i64::from(store) << 24 | i64::from(variant / SLOTS)
}

/// Where it stands which stores have a variant of this block.
pub(super) fn there_id(store: u32, variant: u32) -> i64 {
    i64::from(variant / SLOTS) << 16 | i64::from(store / 64)
}

pub(super) fn page(tx: &Transaction<'_>, page: &StockPage, used_at_ms: i64) -> Result<StockTaken, StorageError> {
    let mut taken = StockTaken::default();
    let mut changes = Changes::default();
    if page.stores.iter().any(|stock| i64::try_from(stock.version).is_err()) {
        return Err(StorageError::other("the server gave a store a version beyond all versions: try again later"));
    }
    let variants = number_variants(tx, page)?;
    for stock in &page.stores {
        if stock.is_ec {
            insert_store(tx, &stock.store, true, used_at_ms)?;
        }
        let Some(known) = store(tx, &stock.store)? else {
            tracing::warn!("the server sent the stock of a store that was not asked for: left out");
            continue;
        };
        taken.heard.push(stock.store.clone());
        taken.moved |= stock.version != known.version;
        if stock.version < known.version {
            clear(tx, &known, &mut changes)?;
            tx.prepare_cached("UPDATE stock_stores SET version = 0, as_of_ms = NULL WHERE number = ?1")?.execute([known.number])?;
            taken.again.push(stock.store.clone());
            continue;
        }
        take_levels(tx, &known, &stock.levels, &variants, &mut changes)?;
        take_store(tx, &known, stock, page.as_of_ms)?;
        taken.levels = taken.levels.saturating_add(stock.levels.len());
        if stock.has_more {
            taken.more.push(stock.store.clone());
        }
    }
    changes.write(tx)?;
    let model = serde_json::to_string(&page.model).map_err(|_| StorageError::other("a model has no JSON form"))?;
    tx.prepare_cached("INSERT OR REPLACE INTO stock_model VALUES (1, ?1)")?.execute([model])?;
    Ok(taken)
}

/// Forgets these stores and all that is known of them.
pub(super) fn drop_stores(tx: &Transaction<'_>, stores: &[KeptStore]) -> Result<(), StorageError> {
    let mut changes = Changes::default();
    for store in stores {
        clear(tx, store, &mut changes)?;
        tx.prepare_cached("DELETE FROM stock_stores WHERE number = ?1")?.execute([store.number])?;
    }
    changes.write(tx)
}

/// What is said of the store itself. Before the last portion has come its levels are of several moments: the older one is what can be said of all.
fn take_store(tx: &Transaction<'_>, known: &KeptStore, stock: &StoreStock, server_ms: i64) -> Result<(), StorageError> {
    // Nothing is of later than the server's own clock: what was said ahead of it would stay live for too long.
    let as_of_ms = if stock.has_more { known.as_of_ms } else { stock.as_of_ms.map(|as_of_ms| as_of_ms.min(server_ms)) };
    let version = i64::try_from(stock.version).unwrap_or(i64::MAX);
    tx.prepare_cached(
        "UPDATE stock_stores SET version = ?2, as_of_ms = ?3, source = ?4, is_ec = ?5, holds = ?6, left_out_ms = NULL WHERE number = ?1",
    )?
    .execute(params![known.number, version, as_of_ms, source_code(stock.source), stock.is_ec, stock.holds])?;
    Ok(())
}

fn take_levels(
    tx: &Transaction<'_>,
    known: &KeptStore,
    levels: &[StockLevel],
    variants: &HashMap<&str, u32>,
    changes: &mut Changes,
) -> Result<(), StorageError> {
    let mut by_number = levels.iter().filter_map(|level| Some((*variants.get(level.sku.as_str())?, level))).collect::<Vec<_>>();
    // Of two levels of a variant the later one counts: the order within a variant stands.
    by_number.sort_by_key(|(number, _)| *number);
    for of_block in by_number.chunk_by(|(a, _), (b, _)| a / SLOTS == b / SLOTS) {
        let Some((first, _)) = of_block.first() else { continue };
        let id = level_id(known.number, *first);
        let mut block = read_block(tx, id)?;
        for (number, level) in of_block {
            let packed = Packed {
                available: level.available,
                display: level.display,
                in_transit: level.in_transit,
                shelf: level.shelf.as_deref().map(|shelf| changes.shelf(tx, shelf)).transpose()?,
                sold_per_day_milli: level.sold_per_day_milli,
                error_permille: level.error_permille,
            };
            let Some(slot) = usize::try_from(number % SLOTS).ok().and_then(|slot| block.0.get_mut(slot)) else { continue };
            if slot.is_some_and(|before| before.is_there()) != packed.is_there() {
                changes.note(known.number, *number, packed.is_there());
            }
            *slot = Some(packed);
        }
        tx.prepare_cached("INSERT INTO stock_levels VALUES (?1, ?2) ON CONFLICT(id) DO UPDATE SET levels = excluded.levels")?
            .execute(params![id, block.pack()])?;
    }
    Ok(())
}

fn read_block(tx: &Transaction<'_>, id: i64) -> Result<Block, StorageError> {
    let mut statement = tx.prepare_cached("SELECT levels FROM stock_levels WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        Some(row) => Block::unpack(row.get_ref(0)?.as_blob().map_err(|_| damaged())?).ok_or_else(damaged),
        None => Ok(Block::default()),
    }
}

/// Takes the levels of a store away.
fn clear(tx: &Transaction<'_>, store: &KeptStore, changes: &mut Changes) -> Result<(), StorageError> {
    let (first, last) = (level_id(store.number, 0), level_id(store.number, 0) | 0xFF_FFFF);
    let mut statement = tx.prepare_cached("SELECT id, levels FROM stock_levels WHERE id BETWEEN ?1 AND ?2")?;
    let mut rows = statement.query([first, last])?;
    while let Some(row) = rows.next()? {
        let block = u32::try_from(row.get::<_, i64>(0)? - first).map_err(|_| damaged())?;
        let levels = Block::unpack(row.get_ref(1)?.as_blob().map_err(|_| damaged())?).ok_or_else(damaged)?;
        for (slot, _) in (0u32..).zip(&levels.0).filter(|(_, level)| level.is_some_and(|level| level.is_there())) {
            changes.note(store.number, block.saturating_mul(SLOTS).saturating_add(slot), false);
        }
    }
    drop(rows);
    tx.prepare_cached("DELETE FROM stock_levels WHERE id BETWEEN ?1 AND ?2")?.execute([first, last])?;
    Ok(())
}

/// The numbers of all variants of a page. New ones get theirs in the order of their names, so that those of a product stand together.
fn number_variants<'p>(tx: &Transaction<'_>, page: &'p StockPage) -> Result<HashMap<&'p str, u32>, StorageError> {
    let levels = page.stores.iter().map(|store| store.levels.len()).sum();
    let mut numbers = HashMap::with_capacity(levels);
    let mut new = BTreeSet::new();
    let mut find = tx.prepare_cached("SELECT number FROM stock_skus WHERE sku = ?1")?;
    for level in page.stores.iter().flat_map(|store| &store.levels) {
        let sku = level.sku.as_str();
        if numbers.contains_key(sku) || new.contains(sku) {
            continue;
        }
        match find.query_row([sku], |row| row.get(0)).optional()? {
            Some(number) => drop(numbers.insert(sku, number)),
            None => drop(new.insert(sku)),
        }
    }
    if !new.is_empty() {
        // Numbers are never taken back: as many as there are have been given.
        let next: u32 = tx.query_row("SELECT count(*) FROM stock_skus", [], |row| row.get(0))?;
        let mut insert = tx.prepare_cached("INSERT INTO stock_skus VALUES (?1, ?2)")?;
        for (number, sku) in (next..).zip(new) {
            insert.execute(params![sku, number])?;
            numbers.insert(sku, number);
        }
    }
    Ok(numbers)
}

/// What a transaction changes beside the levels.
#[derive(Debug, Default)]
struct Changes {
    /// By [`there_id`]: slot, store, whether it is there now.
    there: BTreeMap<i64, Vec<(u32, u32, bool)>>,
    shelves: HashMap<String, u32>,
}

impl Changes {
    fn note(&mut self, store: u32, variant: u32, is_there: bool) {
        self.there.entry(there_id(store, variant)).or_default().push((variant % SLOTS, store % 64, is_there));
    }

    fn shelf(&mut self, tx: &Transaction<'_>, shelf: &str) -> Result<u32, StorageError> {
        if let Some(number) = self.shelves.get(shelf) {
            return Ok(*number);
        }
        tx.prepare_cached("INSERT OR IGNORE INTO stock_shelves(shelf) VALUES (?1)")?.execute([shelf])?;
        let number: u32 = tx.prepare_cached("SELECT number FROM stock_shelves WHERE shelf = ?1")?.query_row([shelf], |row| row.get(0))?;
        self.shelves.insert(shelf.to_owned(), number);
        Ok(number)
    }

    fn write(self, tx: &Transaction<'_>) -> Result<(), StorageError> {
        let mut read = tx.prepare_cached("SELECT stores FROM stock_there WHERE id = ?1")?;
        for (id, changes) in self.there {
            let bytes: Option<Vec<u8>> = read.query_row([id], |row| row.get(0)).optional()?;
            let mut there = bytes.map_or(Some(There::default()), |bytes| There::unpack(&bytes)).ok_or_else(damaged)?;
            for (slot, store, is_there) in changes {
                there.set(slot, store, is_there);
            }
            if there.is_empty() {
                tx.prepare_cached("DELETE FROM stock_there WHERE id = ?1")?.execute([id])?;
            } else {
                tx.prepare_cached("INSERT INTO stock_there VALUES (?1, ?2) ON CONFLICT(id) DO UPDATE SET stores = excluded.stores")?
                    .execute(params![id, there.pack()])?;
            }
        }
        Ok(())
    }
}
