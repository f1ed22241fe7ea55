//! What the operator says of places of stock, and what it should look at.

use noren_rules::ids::{Sku, StoreId};
use noren_rules::wire::{Kept, PutStock, StockFlag, StockFlags, paths};
use rusqlite::Connection;

use super::{locations, write};
use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json};

const MAX_STORES: usize = 2_000;
const MAX_SETTINGS: usize = 5_000;
const MAX_ID: usize = 100;
const MAX_SHELF: usize = 100;
/// More than this is never set aside, and would only be a slip of a key.
const MAX_SAFETY: u32 = 1_000_000;

/// POST [`paths::OPERATOR_STOCK`].
pub(crate) async fn put(call: Call) -> Answer {
    call.operator().await?;
    call.write_headers()?;
    let request: PutStock = call.json()?;
    check(&request)?;
    call.write(paths::OPERATOR_STOCK, &Caller::Operator, Fingerprint::Body, move |db, app, now_ms| {
        Ok(Kept { changed: keep(db, app, &request, now_ms)?, signed: None })
    })
    .await
}

fn check(request: &PutStock) -> Result<(), Refusal> {
    let fits = |text: &str, most: usize| (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if request.stores.len() > MAX_STORES || request.settings.len() > MAX_SETTINGS {
        return Err(Refusal::invalid(format!("at most {MAX_STORES} stores and {MAX_SETTINGS} settings a call")));
    }
    if !request.stores.iter().all(|location| fits(location.store.as_str(), MAX_ID)) {
        return Err(Refusal::invalid(format!("a store has 1 to {MAX_ID} characters, none of them a control character")));
    }
    for setting in &request.settings {
        let named = fits(setting.store.as_str(), MAX_ID) && fits(setting.sku.as_str(), MAX_ID);
        let is_shelf = setting.shelf.as_deref().is_none_or(|shelf| shelf.is_empty() || fits(shelf, MAX_SHELF));
        if !named || !is_shelf || setting.safety.is_some_and(|safety| safety > MAX_SAFETY) {
            let detail = format!(
                "a setting has a store and a sku of 1 to {MAX_ID} characters, a shelf of at most {MAX_SHELF}, and at most {MAX_SAFETY} pieces of \
                 safety stock"
            );
            return Err(Refusal::invalid(detail));
        }
    }
    Ok(())
}

fn keep(db: &Connection, app: &Shared, request: &PutStock, now_ms: i64) -> Result<u64, Fault> {
    let mut changed = 0u64;
    for location in &request.stores {
        changed = changed.saturating_add(u64::from(locations::put(db, location)?));
    }
    write(db, app, now_ms, |book| {
        for setting in &request.settings {
            let is_new = book.level(&setting.store, &setting.sku)?.put(setting.safety, setting.shelf.as_deref());
            changed = changed.saturating_add(u64::from(is_new));
        }
        Ok(())
    })?;
    Ok(changed)
}

/// GET [`paths::OPERATOR_STOCK_FLAGS`].
pub(crate) async fn flags(call: Call) -> Answer {
    call.operator().await?;
    super::settle(&call).await?;
    json(&call.app.store.read(find_flags).await.map_err(Fault::into_refusal)?)
}

pub(super) fn find_flags(db: &Connection) -> Result<StockFlags, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT store, sku, sellable, negative_since_ms, not_found_on_hand, not_found_since_ms FROM stock_levels
         WHERE negative_since_ms IS NOT NULL OR not_found_since_ms IS NOT NULL ORDER BY store, sku",
    )?;
    let mut flags = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut flag = |cause: &str, on_hand: Option<i64>, since_ms: Option<i64>| -> rusqlite::Result<()> {
            if let Some(since_ms) = since_ms {
                let (store, sku) = (StoreId(row.get(0)?), Sku(row.get(1)?));
                flags.push(StockFlag { store, sku, on_hand: on_hand.unwrap_or(0), cause: cause.to_owned(), since_ms });
            }
            Ok(())
        };
        flag("negative", row.get(2)?, row.get(3)?)?;
        flag("not_found", row.get(4)?, row.get(5)?)?;
    }
    Ok(StockFlags { flags })
}
