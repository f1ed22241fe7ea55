//! What tills sell becomes stock events by itself: line by line, of variants that the catalogue knows.

use noren_rules::ids::Sku;
use noren_rules::receipt::Receipt;
use noren_rules::stock::{StockEvent, StockEventKind, StockState};
use rusqlite::Connection;

use super::write;
use crate::app::Shared;
use crate::catalogue;
use crate::fault::Fault;

/// A receipt was posted: what it sold is gone, what it took back is for sale again.
pub(crate) fn of_receipt(db: &Connection, app: &Shared, receipt: &Receipt, now_ms: i64) -> Result<(), Fault> {
    let events = events(db, receipt, |at| format!("{}/{at}", receipt.number), 1)?;
    if events.is_empty() {
        return Ok(());
    }
    write(db, app, now_ms, |book| events.iter().try_for_each(|event| book.hear(event).map(drop)))
}

/// A receipt was cancelled: at this moment everything goes back to where it was.
pub(crate) fn of_void(db: &Connection, app: &Shared, receipt: &Receipt, now_ms: i64) -> Result<(), Fault> {
    let events = events(db, receipt, |at| format!("{}/{at}/void", receipt.number), -1)?;
    if events.is_empty() {
        return Ok(());
    }
    write(db, app, now_ms, |book| {
        for event in events {
            let at_ms = book.now_after_counts(&event.store, &event.sku)?;
            book.hear(&StockEvent { at_ms, ..event })?;
        }
        Ok(())
    })
}

/// One event a line; `sign` is -1 where it is undone. Numbers are unique for ever at a till, so that the ids are.
fn events(db: &Connection, receipt: &Receipt, id: impl Fn(usize) -> String, sign: i64) -> Result<Vec<StockEvent>, Fault> {
    let mut events = Vec::new();
    for (at, line) in receipt.lines.iter().enumerate() {
        let sku = Sku::from(line.sku.as_str());
        let sold = line.quantity.saturating_mul(sign);
        let quantity = u32::try_from(sold.unsigned_abs()).unwrap_or(u32::MAX);
        if quantity == 0 || !catalogue::is_known(db, &sku)? {
            continue;
        }
        let kind =
            if sold > 0 { StockEventKind::Sale { quantity } } else { StockEventKind::Return { quantity, state: StockState::Sellable } };
        let (source, store) = (receipt.till_id.0.clone(), receipt.store_id.clone());
        events.push(StockEvent { source, id: id(at), store, sku, at_ms: receipt.sold_at_ms, kind });
    }
    Ok(events)
}
