//! An erased member's orders: cancelled while that costs nothing, and nobody's. What was sold, and for how much, stays as with receipts.

use noren_rules::ids::MemberId;
use noren_rules::order::{OrderActor, OrderEvent};
use noren_rules::wire::OrderExport;
use rusqlite::Connection;

use super::{act, table, view};
use crate::app::App;
use crate::fault::Fault;

/// Takes a member out of all its orders.
pub(crate) fn forget(db: &Connection, app: &App, member: &MemberId, now_ms: i64) -> Result<(), Fault> {
    for mut stored in table::of_member(db, std::slice::from_ref(member), i64::MIN)? {
        if !stored.order.state.is_final() && stored.order.can_cancel(now_ms) {
            act::step(db, app, &mut stored, &OrderEvent::Cancel, OrderActor::Person, now_ms)?;
        }
        table::forget(db, &mut stored, now_ms)?;
    }
    Ok(())
}

/// All orders of a member.
pub(crate) fn export(db: &Connection, parts: &[MemberId], now_ms: i64) -> Result<Vec<OrderExport>, Fault> {
    let export = |stored: table::Stored| OrderExport {
        order: view::view(&stored, now_ms),
        shown: stored.facts.shown,
        vehicle: stored.facts.vehicle,
        deliver_to: stored.facts.deliver_to,
        avoids: stored.facts.avoids,
        spot: stored.facts.here.map_or_else(String::new, |word| word.spot),
    };
    Ok(table::of_member(db, parts, i64::MIN)?.into_iter().map(export).collect())
}
