//! What sells, in one store or in all: pieces by day and article, counted with each receipt, so that a ranking reads at most 28 days and not
//! every receipt of them.
//!
//! A return, an amendment or a cancellation takes its pieces from the day and store of the sale that it belongs to; a return that names no
//! sale from its own; a minute later at most it is in the ranking. Days are days of UTC by the time of the sale; a sale of a clock that is ahead counts when its day has come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use noren_rules::catalogue::{Sold, rank};
use noren_rules::ids::{ProductId, Sku, StoreId};
use noren_rules::receipt::Receipt;
use noren_rules::wire::{RankedProduct, Ranking};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;

use crate::app::{Shared, lock};
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json_with_etag};
use crate::store::to_uint;
use crate::{catalogue, receipts};

/// All stores, where the name of one could stand.
const ALL_STORES: &str = "";
/// Today and the days before it that count.
const DAYS: i64 = 28;
const DAY_MS: i64 = 86_400_000;
const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// How long a count is answered, and how many stores' are kept.
const FRESH_MS: i64 = 60_000;
const MAX_COUNTED: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RankingQuery {
    store: Option<String>,
    limit: Option<usize>,
}

/// GET [`noren_rules::wire::paths::RANKING`].
pub(crate) async fn get(call: Call) -> Answer {
    call.any_caller().await?;
    let query: RankingQuery = call.query()?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Refusal::invalid(format!("limit is 1 to {MAX_LIMIT}")));
    }
    if query.store.as_deref() == Some(ALL_STORES) {
        return Err(Refusal::invalid("store is the id of one; leave it out for all"));
    }
    let store = query.store.unwrap_or_else(|| ALL_STORES.to_owned());
    let app = call.app.clone();
    let read = call.app.store.read(move |db| {
        let Counted { as_of_ms, sold } = counted(db, &app, &store)?;
        Ok(Ranking { products: described(db, &sold, limit)?, as_of_ms })
    });
    let ranking = read.await.map_err(Fault::into_refusal)?;
    // The clock alone makes no other ranking.
    let named = Ranking { as_of_ms: 0, ..ranking.clone() };
    json_with_etag(&call, &ranking, &named)
}

/// What a store sold, ranked, for as long as nobody counts again.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    as_of_ms: i64,
    sold: Arc<[(u32, Sold)]>,
}

/// By store.
pub(crate) type Rankings = BTreeMap<String, Counted>;

/// Counted within the last minute of the same day, or now: every phone asks, and a count reads all that was sold in 28 days.
fn counted(db: &Connection, app: &Shared, store: &str) -> Result<Counted, Fault> {
    let now_ms = app.now_ms();
    let is_fresh = |counted: &Counted| {
        let is_today = counted.as_of_ms.div_euclid(DAY_MS) == now_ms.div_euclid(DAY_MS);
        is_today && now_ms.checked_sub(counted.as_of_ms).is_some_and(|age_ms| (0..FRESH_MS).contains(&age_ms))
    };
    if let Some(known) = lock(&app.rankings).get(store).filter(|known| is_fresh(known)) {
        return Ok(known.clone());
    }
    let counted = Counted { as_of_ms: now_ms, sold: count_sold(db, store, now_ms)?.into() };
    let mut rankings = lock(&app.rankings);
    rankings.retain(|_, counted| is_fresh(counted));
    if rankings.len() < MAX_COUNTED {
        rankings.insert(store.to_owned(), counted.clone());
    }
    Ok(counted)
}

/// The first [`MAX_LIMIT`].
fn count_sold(db: &Connection, store: &str, now_ms: i64) -> Result<Vec<(u32, Sold)>, Fault> {
    let today = now_ms.div_euclid(DAY_MS);
    let mut statement = db.prepare_cached(
        "SELECT v.product, d.quantity FROM sold_days d JOIN variants v ON v.sku = d.sku WHERE d.store = ?1 AND d.day BETWEEN ?2 AND ?3",
    )?;
    let rows = statement.query_map(params![store, first_day(today), today], |row| Ok((ProductId(row.get(0)?), row.get::<_, i64>(1)?)))?;
    let mut sold: BTreeMap<ProductId, i64> = BTreeMap::new();
    for row in rows {
        let (product, quantity) = row?;
        let sum = sold.entry(product).or_default();
        *sum = sum.saturating_add(quantity);
    }
    let sold = sold.into_iter().map(|(product, sold)| Sold { product, sold: to_uint(sold) }).collect();
    Ok(rank(sold).into_iter().take(MAX_LIMIT).collect())
}

/// Variants by what a store sold of them within the days that count, the most first.
pub(crate) fn best_sellers(db: &Connection, store: &StoreId, now_ms: i64, most: u32) -> Result<Vec<Sku>, Fault> {
    let today = now_ms.div_euclid(DAY_MS);
    let mut statement = db.prepare_cached(
        "SELECT sku FROM sold_days WHERE store = ?1 AND day BETWEEN ?2 AND ?3 GROUP BY sku HAVING SUM(quantity) > 0
         ORDER BY SUM(quantity) DESC, sku LIMIT ?4",
    )?;
    let rows = statement.query_map(params![store.as_str(), first_day(today), today, most], |row| row.get(0).map(Sku))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// With what the catalogue says of each now; one that has left it in the meantime is left out.
fn described(db: &Connection, sold: &[(u32, Sold)], limit: usize) -> Result<Vec<RankedProduct>, Fault> {
    let mut ranked = Vec::new();
    for (rank, Sold { product, sold }) in sold.iter().take(limit) {
        if let Some(record) = catalogue::find(db, product)? {
            ranked.push(RankedProduct { rank: *rank, sold: *sold, record });
        }
    }
    Ok(ranked)
}

fn first_day(today: i64) -> i64 {
    today.saturating_sub(DAYS - 1)
}

/// Counts a new receipt.
pub(crate) fn count(db: &Connection, receipt: &Receipt, now_ms: i64) -> Result<(), Fault> {
    add(db, receipt, 1, now_ms)
}

/// Takes back what a receipt counted, because it is void.
pub(crate) fn uncount(db: &Connection, receipt: &Receipt, now_ms: i64) -> Result<(), Fault> {
    add(db, receipt, -1, now_ms)
}

fn add(db: &Connection, receipt: &Receipt, sign: i64, now_ms: i64) -> Result<(), Fault> {
    let first = first_day(now_ms.div_euclid(DAY_MS));
    let sale = receipt.of.as_ref().map(|sale| receipts::load(db, sale)).transpose()?;
    let sale = sale.as_ref().unwrap_or(receipt);
    let day = sale.sold_at_ms.div_euclid(DAY_MS);
    let mut pieces: BTreeMap<&str, i64> = BTreeMap::new();
    for line in receipt.lines.iter().filter(|_| day >= first) {
        let sum = pieces.entry(&line.sku).or_default();
        *sum = sum.saturating_add(line.quantity.saturating_mul(sign));
    }
    let mut forget = db.prepare_cached("DELETE FROM sold_days WHERE store = ?1 AND day < ?2")?;
    let mut counted = db.prepare_cached("SELECT quantity FROM sold_days WHERE store = ?1 AND day = ?2 AND sku = ?3")?;
    let mut keep = db.prepare_cached("INSERT OR REPLACE INTO sold_days (store, day, sku, quantity) VALUES (?1, ?2, ?3, ?4)")?;
    for store in BTreeSet::from([ALL_STORES, sale.store_id.as_str()]) {
        forget.execute(params![store, first])?;
        for (sku, quantity) in &pieces {
            let before: Option<i64> = counted.query_row(params![store, day, sku], |row| row.get(0)).optional()?;
            keep.execute(params![store, day, sku, before.unwrap_or(0).saturating_add(*quantity)])?;
        }
    }
    Ok(())
}
