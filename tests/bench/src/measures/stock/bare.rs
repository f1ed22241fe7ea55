//! The peer: a table of levels as one would write it by hand, and the nearest stores out of it.

use std::path::Path;

use noren_rules::wire::{StockLevel, StockPage};
use rusqlite::{CachedStatement, Connection, params};

use super::goods::Chain;
use crate::report::Outcome;

const BARE: &str = "CREATE TABLE IF NOT EXISTS levels(
  store TEXT NOT NULL, sku TEXT NOT NULL, available INTEGER, display INTEGER NOT NULL, in_transit INTEGER NOT NULL, shelf TEXT,
  sold_per_day_milli INTEGER NOT NULL, error_permille INTEGER NOT NULL, PRIMARY KEY(store, sku)
) STRICT, WITHOUT ROWID;";

/// A file with the bare table, configured as the core's.
pub(super) fn open(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA busy_timeout=5000;")?;
    connection.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-4096;
         PRAGMA journal_size_limit=4194304;",
    )?;
    connection.execute_batch(BARE)?;
    Ok(connection)
}

/// Upserts the rows of a page in one transaction.
pub(super) fn upsert(connection: &mut Connection, page: &StockPage) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut statement = tx.prepare_cached(
            "INSERT INTO levels VALUES (?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(store, sku) DO UPDATE SET available = excluded.available,
               display = excluded.display, in_transit = excluded.in_transit, shelf = excluded.shelf,
               sold_per_day_milli = excluded.sold_per_day_milli, error_permille = excluded.error_permille",
        )?;
        for store in &page.stores {
            for level in &store.levels {
                one(&mut statement, store.store.as_str(), level)?;
            }
        }
    }
    tx.commit()
}

fn one(statement: &mut CachedStatement<'_>, store: &str, level: &StockLevel) -> rusqlite::Result<()> {
    statement
        .execute(params![
            store,
            level.sku.as_str(),
            level.available,
            level.display,
            level.in_transit,
            level.shelf,
            level.sold_per_day_milli,
            level.error_permille
        ])
        .map(drop)
}

/// The nearest stores that have each variant, open ones first: stores in order of distance, one look-up a store and variant until there are enough.
pub(super) fn nearest(
    connection: &Connection,
    in_order: &[usize],
    variants: &[usize],
    per_variant: usize,
) -> rusqlite::Result<Vec<Vec<usize>>> {
    let mut statement = connection.prepare_cached("SELECT available FROM levels WHERE store = ?1 AND sku = ?2")?;
    let mut found = Vec::with_capacity(variants.len());
    for variant in variants {
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for store in in_order {
            let list = if Chain::is_open(*store) { &mut open } else { &mut closed };
            if list.len() >= per_variant {
                continue;
            }
            let available: Option<i64> =
                statement.query_row(params![Chain::store_id(*store).as_str(), Chain::sku(*variant).as_str()], |row| row.get(0))?;
            if available.is_some_and(|available| available > 0) {
                list.push(*store);
            }
            if open.len() >= per_variant {
                break;
            }
        }
        open.extend(closed);
        open.truncate(per_variant);
        found.push(open);
    }
    Ok(found)
}
