//! The history for the person to keep: JSON and CSV.

use noren_rules::receipt::Receipt;
use rusqlite::Connection;
use serde::Serialize;

use super::ingest::by_pos;
use super::rollup;
use crate::replica::Freshness;
use crate::storage::StorageError;

#[derive(Serialize)]
struct Export<'a> {
    format: &'static str,
    as_of_ms: Option<i64>,
    complete: bool,
    receipts: &'a [Receipt],
    months: Vec<Month>,
}

#[derive(Serialize)]
struct Month {
    month: String,
    currency: String,
    channel: noren_rules::receipt::Channel,
    sales_minor: i64,
    returns_minor: i64,
    net_minor: i64,
    sales_count: u32,
    returns_count: u32,
}

/// All receipts with all lines, oldest first, and the totals, as one JSON document.
pub(super) fn json(connection: &Connection, freshness: &Freshness) -> Result<String, StorageError> {
    let receipts = all(connection)?;
    let months = rollup::totals(connection, None)?
        .into_iter()
        .map(|t| Month {
            month: t.month,
            currency: t.currency,
            channel: t.channel,
            sales_minor: t.sales_minor,
            returns_minor: t.returns_minor,
            net_minor: t.net_minor,
            sales_count: t.sales_count,
            returns_count: t.returns_count,
        })
        .collect();
    let export =
        Export { format: "noren-export-1", as_of_ms: freshness.as_of_ms, complete: freshness.complete, receipts: &receipts, months };
    serde_json::to_string(&export).map_err(|_| StorageError::other("the history has no JSON form"))
}

/// One row a line (RFC 4180, header first, CR LF), oldest first.
pub(super) fn csv(connection: &Connection) -> Result<String, StorageError> {
    let mut text = String::from(
        "receipt_id,number,till_id,channel,kind,of,sold_at_ms,business_date,store_id,store_name,issuer,registration_number,currency,\
         receipt_total_minor,points,voided,reissued,line,sku,description,quantity,amount_minor,tax_permille,reduced_rate\r\n",
    );
    for receipt in all(connection)? {
        for (number, line) in receipt.lines.iter().enumerate() {
            let issuer = receipt.issuer.as_ref();
            let fields = [
                receipt.id.0.clone(),
                receipt.number.clone(),
                receipt.till_id.0.clone(),
                name(&receipt.channel),
                name(&receipt.kind),
                receipt.of.as_ref().map(|of| of.0.clone()).unwrap_or_default(),
                receipt.sold_at_ms.to_string(),
                receipt.business_date.clone(),
                receipt.store_id.0.clone(),
                receipt.store_name.clone(),
                issuer.map(|issuer| issuer.name.clone()).unwrap_or_default(),
                issuer.and_then(|issuer| issuer.registration_number.clone()).unwrap_or_default(),
                receipt.currency.clone(),
                receipt.total_minor.to_string(),
                receipt.points.to_string(),
                receipt.voided.to_string(),
                receipt.reissued.to_string(),
                (number + 1).to_string(),
                line.sku.clone(),
                line.description.clone(),
                line.quantity.to_string(),
                line.amount_minor.to_string(),
                line.tax_permille.map(|tax| tax.to_string()).unwrap_or_default(),
                line.reduced_rate.to_string(),
            ];
            let row: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
            text.push_str(&row.join(","));
            text.push_str("\r\n");
        }
    }
    Ok(text)
}

fn all(connection: &Connection) -> Result<Vec<Receipt>, StorageError> {
    let mut statement = connection.prepare_cached("SELECT pos FROM receipts ORDER BY pos")?;
    let places: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    places.into_iter().filter_map(|pos| by_pos(connection, pos).transpose()).map(|found| found.map(|(_, receipt)| receipt)).collect()
}

fn name<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}
