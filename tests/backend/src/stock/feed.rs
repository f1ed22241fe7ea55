//! What phones are told of stock: levels that changed since the version that they have.

use noren_rules::ids::StoreId;
use noren_rules::wire::{StockPage, StoreStock};
use rusqlite::Connection;
use serde::Deserialize;

use super::{book, level, locations};
use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json};
use crate::store::{to_int, to_uint};

/// Stores that one call may name.
const MAX_STORES: usize = 200;
const MAX_ROWS: u64 = 20_000;
const ROWS: u64 = 5_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StockQuery {
    #[serde(rename = "stores")]
    _stores: Option<String>,
    limit: Option<u64>,
}

/// GET [`noren_rules::wire::paths::STOCK`].
pub(crate) async fn get(call: Call) -> Answer {
    call.app_caller().await?;
    let limit = call.query::<StockQuery>()?.limit.unwrap_or(ROWS);
    if !(1..=MAX_ROWS).contains(&limit) {
        return Err(Refusal::invalid(format!("limit is 1 to {MAX_ROWS}")));
    }
    let asked = read_stores(&call.query_items("stores", MAX_STORES)?)?;
    settle(&call).await?;
    let app = call.app.clone();
    let read = call.app.store.read(move |db| page(db, &app, &asked, limit));
    json(&read.await.map_err(Fault::into_refusal)?)
}

/// Does what has come due, so that what is read after it is right now; and now and then some of what has time.
pub(crate) async fn settle(call: &Call) -> Result<(), Refusal> {
    let now_ms = call.app.now_ms();
    let due = call.app.store.read(move |db| Ok((book::is_due(db, now_ms)?, book::is_doubt_due(db, now_ms)?)));
    let (is_due, is_doubt_due) = due.await.map_err(Fault::into_refusal)?;
    if is_due || is_doubt_due {
        let app = call.app.clone();
        let write =
            call.app.store.write(move |db| super::write(db, &app, now_ms, |book| if is_doubt_due { book.doubt_again() } else { Ok(()) }));
        write.await.map_err(Fault::into_refusal)?;
    }
    Ok(())
}

/// `s1@17`.
fn read_stores(items: &[String]) -> Result<Vec<(StoreId, u64)>, Refusal> {
    let read = |item: &String| {
        let (store, version) = item.rsplit_once('@')?;
        Some((StoreId::from(store), version.parse::<u64>().ok()?))
    };
    let stores: Option<Vec<_>> = items.iter().map(read).collect();
    stores.ok_or_else(|| Refusal::invalid("stores are store@version, with commas between; version 0 where none is known"))
}

fn page(db: &Connection, app: &Shared, asked: &[(StoreId, u64)], limit: u64) -> Result<StockPage, Fault> {
    let unasked = |store: &StoreId| !asked.iter().any(|(known, _)| known == store);
    let ec = locations::of_ec(db)?.into_iter().filter(unasked).map(|store| (store, 0));
    let (mut stores, mut left) = (Vec::with_capacity(asked.len()), limit);
    for (store, known) in asked.iter().cloned().chain(ec) {
        // What no row is left for is left out: the phone asks for it again.
        let Some(location) = locations::find(db, &store)?.filter(|_| left > 0) else { continue };
        let told = told(db, location, known, left)?;
        left = left.saturating_sub(u64::try_from(told.levels.len()).unwrap_or(u64::MAX));
        stores.push(told);
    }
    Ok(StockPage { stores, model: app.settings.chance, as_of_ms: app.now_ms() })
}

fn told(db: &Connection, location: locations::Location, known: u64, limit: u64) -> Result<StoreStock, Fault> {
    let newest = level::newest_version(db, &location.store)?;
    // A version that was never given is of another life of this server: everything is told again.
    let known = Some(to_int(known)).filter(|known| *known <= newest).unwrap_or(0);
    let (versions, levels): (Vec<i64>, Vec<_>) = level::newer(db, &location.store, known, limit)?.into_iter().unzip();
    let version = versions.last().copied().unwrap_or(known);
    Ok(StoreStock {
        store: location.store,
        as_of_ms: location.said_until_ms,
        source: location.source,
        is_ec: location.is_ec,
        holds: location.holds,
        version: to_uint(version),
        has_more: version < newest,
        levels,
    })
}
