//! What the staff says of its store: whether it takes new orders, and what is sold out. It holds for the very next call.

use std::collections::BTreeSet;

use noren_rules::ids::{StoreId, TillId};
use noren_rules::menu::{MenuBook, MenuThing};
use noren_rules::slots::StoreMode;
use noren_rules::wire::{KitchenModeRequest, MenuStatus, SoldOutRequest, paths};
use rusqlite::{Connection, params};

use super::{shop, status, takes_no_orders};
use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::store::to_json;
use crate::{slots, tills};

/// The longest delay of new orders, and how far ahead a pause or the return of something can end.
const MAX_DELAY_MIN: u32 = 240;
const MAX_AHEAD_MS: i64 = 60 * 86_400_000;
/// Things that one call says something of.
const MAX_THINGS: usize = 1_000;

/// POST [`paths::KITCHEN_MODES`].
pub(crate) async fn post_mode(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    let KitchenModeRequest { mode } = call.json()?;
    let now_ms = call.app.now_ms();
    match mode {
        StoreMode::Busy { delay_min } if !(1..=MAX_DELAY_MIN).contains(&delay_min) => {
            return Err(Refusal::invalid(format!("new orders are delayed by 1 to {MAX_DELAY_MIN} minutes")));
        }
        StoreMode::Paused { until_ms: Some(until_ms) } if !is_ahead(until_ms, now_ms) => return Err(not_ahead()),
        _ => {}
    }
    let caller = Caller::Till(till.clone());
    call.write(paths::KITCHEN_MODES, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let store = own_store(db, &till)?;
        let sql = "UPDATE order_stores SET mode = ?2, mode_since_ms = ?3 WHERE store = ?1";
        db.prepare_cached(sql)?.execute(params![store.as_str(), to_json(&mode, "store mode")?, now_ms])?;
        slots::set_mode(db, app, &store, mode, now_ms)?;
        now(db, app, &store, now_ms)
    })
    .await
}

fn is_ahead(until_ms: i64, now_ms: i64) -> bool {
    until_ms > now_ms && until_ms <= now_ms.saturating_add(MAX_AHEAD_MS)
}

fn not_ahead() -> Refusal {
    Refusal::invalid("until_ms is server time in milliseconds, in the future and at most 60 days ahead")
}

/// POST [`paths::KITCHEN_SOLD_OUT`].
pub(crate) async fn post_sold_out(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    let request: SoldOutRequest = call.json()?;
    let now_ms = call.app.now_ms();
    if request.sold_out.len() > MAX_THINGS || request.back.len() > MAX_THINGS {
        return Err(Refusal::invalid(format!("at most {MAX_THINGS} things a call, sold out and back")));
    }
    if request.sold_out.iter().any(|one| one.until_ms.is_some_and(|until_ms| !is_ahead(until_ms, now_ms))) {
        return Err(not_ahead());
    }
    let caller = Caller::Till(till.clone());
    call.write(paths::KITCHEN_SOLD_OUT, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let store = own_store(db, &till)?;
        let shop = shop(db, app, &store)?.ok_or_else(takes_no_orders)?;
        let known = shop.book.as_ref().map(things).unwrap_or_default();
        for one in &request.sold_out {
            if !known.contains(&one.thing) {
                return Err(Refusal::invalid("nothing of that id is on the menu: fetch the kitchen again").into());
            }
            let sql = "INSERT OR REPLACE INTO sold_out (store, thing, until_ms) VALUES (?1, ?2, ?3)";
            db.prepare_cached(sql)?.execute(params![store.as_str(), to_json(&one.thing, "menu thing")?, one.until_ms])?;
        }
        for thing in &request.back {
            let sql = "DELETE FROM sold_out WHERE store = ?1 AND thing = ?2";
            db.prepare_cached(sql)?.execute(params![store.as_str(), to_json(thing, "menu thing")?])?;
        }
        status::forget_over(db, &store, now_ms)?;
        now(db, app, &store, now_ms)
    })
    .await
}

/// Every item and modifier.
fn things(book: &MenuBook) -> BTreeSet<MenuThing> {
    let items = book.menu().items.iter().map(|item| MenuThing::Item(item.id.clone()));
    let modifiers = book.menu().groups.iter().flat_map(|group| &group.modifiers);
    items.chain(modifiers.map(|modifier| MenuThing::Modifier(modifier.id.clone()))).collect()
}

/// The till's store, if it takes orders.
fn own_store(db: &Connection, till: &TillId) -> Result<StoreId, Fault> {
    let store = tills::store_of(db, till)?;
    if super::mode(db, &store)?.is_none() {
        return Err(takes_no_orders().into());
    }
    Ok(store)
}

fn now(db: &Connection, app: &Shared, store: &StoreId, now_ms: i64) -> Result<MenuStatus, Fault> {
    super::status(db, app, store, now_ms)?.ok_or_else(|| takes_no_orders().into())
}
