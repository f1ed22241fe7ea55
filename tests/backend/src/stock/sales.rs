//! What tills sell becomes stock events by itself: line by line, of variants that the catalogue knows, where the till stands or in the online shop.

use noren_rules::ids::{MemberId, Sku, StoreId, TillId};
use noren_rules::receipt::Receipt;
use noren_rules::stock::{StockEvent, StockEventKind, StockState};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Book, locations, write};
use crate::app::Shared;
use crate::fault::Fault;
use crate::orders::ORDERS_TILL;
use crate::store::from_json;
use crate::{catalogue, holds, tills};

/// Who says what is in receipts; nobody else may say it under this name.
pub(crate) const SOURCE: &str = "noren-receipts";
/// How the id of what undoes an event goes on after that event's.
const VOID: &str = "/void";

/// A receipt was posted: what it sold is gone, what it took back is for sale again. What `buyer` had held of what a till sold is
/// handed over; orders have pieces of their own.
pub(crate) fn of_receipt(db: &Connection, app: &Shared, receipt: &Receipt, buyer: Option<&MemberId>, now_ms: i64) -> Result<(), Fault> {
    let events = events(db, receipt)?;
    if events.is_empty() {
        return Ok(());
    }
    write(db, app, now_ms, |book| {
        for event in &events {
            book.hear(event)?;
        }
        let buyer = buyer.filter(|_| receipt.till_id.as_str() != ORDERS_TILL);
        buyer.map_or(Ok(()), |member| holds::bought(db, book, member, &events))
    })
}

/// A receipt was cancelled: at this moment everything goes back to where it was, whatever the catalogue says by now. What had still to wait for its time
/// is undone at that time.
pub(crate) fn of_void(db: &Connection, app: &Shared, receipt: &Receipt, now_ms: i64) -> Result<(), Fault> {
    let lines = (0..receipt.lines.len()).map(|at| kept(db, &id_of(receipt, at))).collect::<Result<Vec<_>, _>>()?;
    let lines: Vec<StockEvent> = lines.into_iter().flatten().collect();
    if lines.is_empty() {
        return Ok(());
    }
    write(db, app, now_ms, |book| lines.iter().try_for_each(|line| undo(book, line)))
}

pub(super) fn undo(book: &mut Book<'_>, line: &StockEvent) -> Result<(), Fault> {
    let (back, state) = match line.kind {
        StockEventKind::Sale { quantity } => (i64::from(quantity), StockState::Sellable),
        StockEventKind::Return { quantity, state } => (i64::from(quantity).saturating_neg(), state),
        _ => return Ok(()),
    };
    let at_ms = book.now_after_counts(&line.store, &line.sku)?.max(line.at_ms);
    let kind = StockEventKind::Adjustment { quantity: back, state };
    book.hear_after(line, &StockEvent { id: format!("{}{VOID}", line.id), at_ms, kind, ..line.clone() }).map(drop)
}

/// The sale that an event undoes: it was none.
pub(super) fn sale_undone_by(db: &Connection, event: &StockEvent) -> Result<Option<StockEvent>, Fault> {
    let undone = if event.source == SOURCE { event.id.strip_suffix(VOID) } else { None };
    let undone = undone.map(|id| kept(db, id)).transpose()?.flatten();
    Ok(undone.filter(|undone| matches!(undone.kind, StockEventKind::Sale { .. })))
}

fn kept(db: &Connection, id: &str) -> Result<Option<StockEvent>, Fault> {
    let sql = "SELECT event FROM stock_events WHERE source = ?1 AND id = ?2";
    let event: Option<String> = db.prepare_cached(sql)?.query_row(params![SOURCE, id], |row| row.get(0)).optional()?;
    event.map(|event| from_json(&event, "stock event")).transpose()
}

/// The receipt's id is the backend's own, so that numbers of tills may be as they like.
fn id_of(receipt: &Receipt, line: usize) -> String {
    format!("{}/{line}", receipt.id)
}

/// One event a line, of those that books can take.
fn events(db: &Connection, receipt: &Receipt) -> Result<Vec<StockEvent>, Fault> {
    let mut events = Vec::new();
    if !counts_at(db, &receipt.till_id, &receipt.store_id)? {
        return Ok(events);
    }
    for (at, line) in receipt.lines.iter().enumerate() {
        let quantity = u32::try_from(line.quantity.unsigned_abs()).unwrap_or(u32::MAX);
        let kind = match line.quantity {
            1.. => StockEventKind::Sale { quantity },
            _ => StockEventKind::Return { quantity, state: StockState::Sellable },
        };
        let (store, sku) = (receipt.store_id.clone(), Sku::from(line.sku.as_str()));
        let event = StockEvent { source: SOURCE.to_owned(), id: id_of(receipt, at), store, sku, at_ms: receipt.sold_at_ms, kind };
        if event.check().is_ok() && catalogue::is_known(db, &event.sku)? {
            events.push(event);
        }
    }
    Ok(events)
}

/// A till moves the stock of its own store, and of the online shop: what it writes of others is on the receipt only. Orders move it where they are
/// handed over.
fn counts_at(db: &Connection, till: &TillId, store: &StoreId) -> Result<bool, Fault> {
    let own = till.as_str() == ORDERS_TILL || tills::store_of(db, till)? == *store;
    Ok(own || locations::find(db, store)?.is_some_and(|location| location.is_ec))
}
