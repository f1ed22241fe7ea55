//! What changes by the minute in a store: mode, what is sold out, how full its kitchen is.

use noren_rules::ids::StoreId;
use noren_rules::wire::{MenuStatus, MenuStatuses};
use rusqlite::{Connection, params};

use super::{mode, shop, sold_out};
use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json};
use crate::slots;

/// Stores of one question.
const MAX_ASKED: usize = 20;

/// GET [`noren_rules::wire::paths::MENU_STATUS`].
pub(crate) async fn get(call: Call) -> Answer {
    call.app_caller().await?;
    let stores: Vec<StoreId> = call.query_items("stores", MAX_ASKED)?.into_iter().map(StoreId).collect();
    if stores.is_empty() {
        return Err(Refusal::invalid(format!("name 1 to {MAX_ASKED} stores: ?stores=a,b")));
    }
    let (app, asked) = (call.app.clone(), stores.clone());
    let now_ms = app.now_ms();
    let due = call.app.store.read(move |db| asked.iter().map(|store| slots::is_due(db, store, now_ms)).collect::<Result<Vec<_>, _>>());
    if due.await.map_err(Fault::into_refusal)?.contains(&true) {
        let (app, asked) = (call.app.clone(), stores.clone());
        let swept = call.app.store.write(move |db| asked.iter().try_for_each(|store| slots::sweep(db, &app, store, now_ms)));
        swept.await.map_err(Fault::into_refusal)?;
    }
    let read = call.app.store.read(move |db| {
        let all = stores.iter().map(|store| status(db, &app, store, now_ms)).collect::<Result<Vec<_>, _>>()?;
        Ok(MenuStatuses { stores: all.into_iter().flatten().collect(), as_of_ms: now_ms })
    });
    json(&read.await.map_err(Fault::into_refusal)?)
}

/// `None` for a store that takes no orders.
pub(crate) fn status(db: &Connection, app: &Shared, store: &StoreId, now_ms: i64) -> Result<Option<MenuStatus>, Fault> {
    let Some((mode, mode_since_ms)) = mode(db, store)? else { return Ok(None) };
    let shop = shop(db, app, store)?;
    let (late_p90_min, load) = slots::load(db, app, store, now_ms)?.unwrap_or_default();
    Ok(Some(MenuStatus {
        store: store.clone(),
        menu_version: shop.and_then(|shop| shop.told.menu.as_ref().map(|menu| menu.version)).unwrap_or(0),
        mode,
        mode_since_ms,
        sold_out: sold_out(db, store, now_ms)?,
        late_p90_min,
        load,
        as_of_ms: now_ms,
    }))
}

/// What was sold out until a moment that is over is no news any more.
pub(super) fn forget_over(db: &Connection, store: &StoreId, now_ms: i64) -> Result<(), Fault> {
    let sql = "DELETE FROM sold_out WHERE store = ?1 AND until_ms <= ?2";
    db.prepare_cached(sql)?.execute(params![store.as_str(), now_ms])?;
    Ok(())
}
