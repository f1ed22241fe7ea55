//! Pieces that are kept for somebody: the one table of holds and orders, and what time alone does to them.

use noren_rules::ids::{Sku, StoreId};
use rusqlite::{Connection, params};

use crate::fault::Fault;

/// Pieces of a variant that are kept in a store's books.
pub(crate) fn reserved(db: &Connection, store: &StoreId, sku: &Sku) -> Result<u32, Fault> {
    let sql = "SELECT COALESCE(SUM(quantity), 0) FROM reservations WHERE store = ?1 AND sku = ?2 AND reserves = 1";
    let pieces: i64 = db.prepare_cached(sql)?.query_row([store.as_str(), sku.as_str()], |row| row.get(0))?;
    Ok(u32::try_from(pieces).unwrap_or(u32::MAX))
}

/// True when the time of one is over and nobody has done it yet.
pub(crate) fn any_due(db: &Connection, now_ms: i64) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM reservations WHERE due_ms <= ?1)";
    Ok(db.prepare_cached(sql)?.query_row([now_ms], |row| row.get(0))?)
}

/// Ends those whose time is over, as of that time, and answers of which variants there may be more now. What lies on the hold shelf stays a task:
/// somebody has to put it back.
pub(crate) fn end_due(db: &Connection, now_ms: i64) -> Result<Vec<(StoreId, Sku)>, Fault> {
    let mut statement = db.prepare_cached(
        "UPDATE reservations SET
             state = CASE WHEN ended_at_ms IS NULL THEN '\"expired\"' ELSE state END,
             ended_at_ms = COALESCE(ended_at_ms, due_ms),
             closed_at_ms = CASE WHEN shelf_number IS NULL THEN COALESCE(closed_at_ms, due_ms) END,
             reserves = 0, due_ms = NULL
         WHERE due_ms <= ?1 RETURNING store, sku",
    )?;
    let rows = statement.query_map(params![now_ms], |row| Ok((StoreId(row.get(0)?), Sku(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
