//! What was bought, for offers that ask for it.

use noren_rules::eligibility::{PurchaseFact, SoldPieces, purchases};
use rusqlite::Connection;

use super::ingest::BELOW_SECOND;
use crate::storage::StorageError;

/// A line of a receipt that was not cancelled.
struct Line {
    sale: String,
    sold_at_s: Option<i64>,
    sku: String,
    quantity: i64,
}

/// Purchases from a second on, as far as the phone has the receipts.
pub(crate) fn since(connection: &Connection, since_s: i64) -> Result<Vec<PurchaseFact>, StorageError> {
    let mut statement = connection.prepare_cached(
        "SELECT CASE kind WHEN 0 THEN id ELSE of_id END, CASE kind WHEN 0 THEN sold_at_ms END, sku, quantity
         FROM receipts JOIN lines USING (pos) WHERE pos >= ?1 AND NOT voided AND (kind = 0 OR of_id IS NOT NULL)",
    )?;
    let rows = statement.query_map([since_s.saturating_mul(1 << BELOW_SECOND)], |row| {
        let sold_at_ms: Option<i64> = row.get(1)?;
        Ok(Line { sale: row.get(0)?, sold_at_s: sold_at_ms.map(|at_ms| at_ms.div_euclid(1_000)), sku: row.get(2)?, quantity: row.get(3)? })
    })?;
    let lines: Vec<Line> = rows.collect::<Result<_, _>>()?;
    Ok(purchases(lines.iter().map(|line| SoldPieces {
        sale: &line.sale,
        sold_at_s: line.sold_at_s,
        sku: &line.sku,
        quantity: line.quantity,
    })))
}
