//! Totals per month, kept in the transaction that changes a receipt.

use std::collections::HashMap;

use noren_rules::receipt::{Receipt, ReceiptKind};
use rusqlite::{Connection, Transaction, params};

use super::models::MonthTotal;
use super::tables::{channel_code, channel_from};
use crate::storage::StorageError;

/// What a page of receipts changes in the totals: added up first, each total written once.
#[derive(Default)]
pub(super) struct Changes(HashMap<(String, String, i64), Counts>);

#[derive(Default)]
struct Counts {
    sales_minor: i64,
    returns_minor: i64,
    sales: i64,
    returns: i64,
    amendments: i64,
}

impl Changes {
    /// Adds what a receipt counts (`sign` 1), or takes it away again (-1).
    pub(super) fn count(&mut self, receipt: &Receipt, sign: i64) -> Result<(), StorageError> {
        if receipt.voided {
            return Ok(());
        }
        let amount = receipt.total_minor.checked_mul(sign).ok_or_else(too_large)?;
        let key = (month(&receipt.business_date).to_owned(), receipt.currency.clone(), channel_code(receipt.channel));
        let counts = self.0.entry(key).or_default();
        let (sum, count) = match receipt.kind {
            ReceiptKind::Sale => (&mut counts.sales_minor, &mut counts.sales),
            ReceiptKind::Return => (&mut counts.returns_minor, &mut counts.returns),
            ReceiptKind::Amendment => (&mut counts.sales_minor, &mut counts.amendments),
        };
        *sum = sum.checked_add(amount).ok_or_else(too_large)?;
        *count = count.saturating_add(sign);
        Ok(())
    }

    /// Writes the totals.
    pub(super) fn write(self, tx: &Transaction<'_>) -> Result<(), StorageError> {
        // STRICT: a sum that leaves 64 bits is refused by SQLite, never rounded.
        let mut add = tx.prepare_cached(
            "INSERT INTO months VALUES (?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT DO UPDATE SET sales_minor = sales_minor + excluded.sales_minor,
               returns_minor = returns_minor + excluded.returns_minor, sales_count = sales_count + excluded.sales_count,
               returns_count = returns_count + excluded.returns_count, amendments_count = amendments_count + excluded.amendments_count",
        )?;
        // A month in which nothing counts any more is no month.
        let mut tidy = tx.prepare_cached(
            "DELETE FROM months WHERE month = ?1 AND currency = ?2 AND channel = ?3
               AND sales_count = 0 AND returns_count = 0 AND amendments_count = 0",
        )?;
        for ((month, currency, channel), counts) in self.0 {
            let Counts { sales_minor, returns_minor, sales, returns, amendments } = counts;
            add.execute(params![month, currency, channel, sales_minor, returns_minor, sales, returns, amendments])?;
            tidy.execute(params![month, currency, channel])?;
        }
        Ok(())
    }
}

/// All totals, newest month first; or those of one month.
pub(super) fn totals(connection: &Connection, only: Option<&str>) -> Result<Vec<MonthTotal>, StorageError> {
    let mut statement = connection.prepare_cached(
        "SELECT month, currency, channel, sales_minor, returns_minor, sales_count, returns_count FROM months
         WHERE month >= ?1 AND month <= ?2 ORDER BY month, currency, channel",
    )?;
    // Years have four digits: `:` follows `9`.
    let rows = statement.query_map([only.unwrap_or(""), only.unwrap_or(":")], |row| {
        let (sales_minor, returns_minor): (i64, i64) = (row.get(3)?, row.get(4)?);
        Ok(MonthTotal {
            month: row.get(0)?,
            currency: row.get(1)?,
            channel: channel_from(row.get(2)?),
            sales_minor,
            returns_minor,
            net_minor: sales_minor.saturating_add(returns_minor),
            sales_count: row.get(5)?,
            returns_count: row.get(6)?,
        })
    })?;
    let mut totals: Vec<MonthTotal> = rows.collect::<Result<_, _>>()?;
    // Read in the order of the rows, which SQLite need not sort; currencies and channels keep theirs.
    totals.sort_by(|a, b| b.month.cmp(&a.month));
    Ok(totals)
}

/// `YYYY-MM` of a business date.
fn month(business_date: &str) -> &str {
    business_date.get(..7).unwrap_or(business_date)
}

fn too_large() -> StorageError {
    StorageError::other("an amount does not fit")
}
