//! How ordering went in a store: load and lateness by the quarter, and what came of it in the shop.

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::cart::Cart;
use noren_rules::ids::{ReceiptId, StoreId};
use noren_rules::menu::MenuBook;
use noren_rules::order::OrderState;
use noren_rules::slots::make_tasks;
use noren_rules::wire::{OrderOf, OrderReport, ReportQuarter};
use rusqlite::{Connection, params};
use serde::Deserialize;

use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json};
use crate::orders::Stored;
use crate::{members, menus, orders};

const MINUTE_MS: i64 = 60_000;
const QUARTER_MS: i64 = 15 * MINUTE_MS;
const MOST_MS: i64 = 32 * 86_400_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    store: String,
    from_ms: i64,
    until_ms: i64,
}

/// GET [`noren_rules::wire::paths::OPERATOR_ORDER_REPORT`].
pub(crate) async fn get(call: Call) -> Answer {
    call.operator().await?;
    let ReportQuery { store, from_ms, until_ms } = call.query()?;
    if from_ms < 0 || until_ms <= from_ms || until_ms.saturating_sub(from_ms) > MOST_MS {
        return Err(Refusal::invalid("from_ms is before until_ms, by at most 32 days"));
    }
    let app = call.app.clone();
    let read = call.app.store.read(move |db| report(db, &app, &StoreId(store), from_ms, until_ms));
    json(&read.await.map_err(Fault::into_refusal)?)
}

/// Of one quarter.
#[derive(Default)]
struct Quarter {
    orders: u64,
    make_s: u64,
    late_min: Vec<u32>,
}

/// All orders that were promised in that time and came about.
fn report(db: &Connection, app: &Shared, store: &StoreId, from_ms: i64, until_ms: i64) -> Result<OrderReport, Fault> {
    let shop = menus::shop(db, app, store)?;
    let book = shop.as_ref().and_then(|shop| shop.book.as_ref());
    let mut report =
        OrderReport { store: store.clone(), quarters: vec![], pickups: 0, attached_sales: 0, attached_minor: 0, nudged: 0, no_shows: 0 };
    let (mut quarters, mut attached) = (BTreeMap::<i64, Quarter>::new(), BTreeSet::new());
    for order in orders::promised_between(db, store, from_ms, until_ms)? {
        if matches!(order.order.state, OrderState::Draft | OrderState::Rejected | OrderState::Canceled | OrderState::Failed) {
            continue;
        }
        let begins_ms = order.order.promised_ms.div_euclid(QUARTER_MS).saturating_mul(QUARTER_MS);
        let quarter = quarters.entry(begins_ms).or_default();
        quarter.orders = quarter.orders.saturating_add(1);
        quarter.make_s = quarter.make_s.saturating_add(make_s(&order, book));
        quarter.late_min.extend(late_min(&order));
        report.nudged = report.nudged.saturating_add(u64::from(order.facts.nudge_points > 0));
        report.no_shows = report.no_shows.saturating_add(u64::from(order.order.state == OrderState::Expired));
        if let Some(picked_up_ms) = order.order.picked_up_ms {
            report.pickups = report.pickups.saturating_add(1);
            attach(db, &order, picked_up_ms, &mut attached)?;
        }
    }
    report.quarters = quarters.into_iter().map(|(from_ms, quarter)| shown(from_ms, quarter)).collect();
    report.attached_sales = u64::try_from(attached.len()).unwrap_or(u64::MAX);
    report.attached_minor = attached.iter().map(|(_, minor)| minor).fold(0, |sum, minor| sum.saturating_add(*minor));
    Ok(report)
}

fn shown(from_ms: i64, mut quarter: Quarter) -> ReportQuarter {
    quarter.late_min.sort_unstable();
    // Nearest rank: the value that nine of ten do not exceed.
    let rank = quarter.late_min.len().saturating_mul(9).div_ceil(10).saturating_sub(1);
    let late_p90_min = quarter.late_min.get(rank).copied().unwrap_or(0);
    ReportQuarter { from_ms, orders: quarter.orders, make_s: quarter.make_s, late_p90_min }
}

/// Seconds of work, by the menu of now.
fn make_s(order: &Stored, book: Option<&MenuBook>) -> u64 {
    let cart: &Cart = &order.facts.cart;
    let Some(book) = book.filter(|_| order.facts.of == OrderOf::Menu) else { return 0 };
    make_tasks(cart, book, &[]).iter().map(|task| u64::from(task.seconds).saturating_mul(u64::from(task.batches))).sum()
}

/// How much later than the person was first told it was ready; none while it is not.
fn late_min(order: &Stored) -> Option<u32> {
    let late_ms = order.facts.ready_at_ms?.saturating_sub(order.facts.shown.promised_ms).max(0);
    u32::try_from(late_ms.div_euclid(MINUTE_MS)).ok()
}

/// Sales of the same member at the store's tills soon after the hand-over; each counts once, also where it follows two orders.
fn attach(db: &Connection, order: &Stored, picked_up_ms: i64, attached: &mut BTreeSet<(ReceiptId, i64)>) -> Result<(), Fault> {
    let Some(member) = &order.member else { return Ok(()) };
    let within_ms = i64::from(order.facts.terms.attach_within_min).saturating_mul(MINUTE_MS);
    let member = members::canonical(db, member.as_str())?;
    let sql = "SELECT r.id, r.total_minor FROM receipt_owners o JOIN receipts r ON r.id = o.receipt
               WHERE o.member = ?1 AND r.kind = 'sale' AND r.till <> ?2 AND json_extract(r.content, '$.store_id') = ?3
                 AND json_extract(r.content, '$.channel') = 'store' AND json_extract(r.content, '$.sold_at_ms') BETWEEN ?4 AND ?5
                 AND NOT EXISTS (SELECT 1 FROM receipt_voids v WHERE v.receipt = r.id)";
    let mut statement = db.prepare_cached(sql)?;
    for part in members::parts(db, &member)? {
        let until_ms = picked_up_ms.saturating_add(within_ms);
        let values = params![part.as_str(), orders::ORDERS_TILL, order.store.as_str(), picked_up_ms, until_ms];
        let rows = statement.query_map(values, |row| Ok((ReceiptId(row.get(0)?), row.get(1)?)))?;
        for row in rows {
            attached.insert(row?);
        }
    }
    Ok(())
}
