//! Pieces that are kept for somebody: the one table of holds and orders, and what time alone does to them.

mod orders;
#[cfg(test)]
mod tests;

#[cfg(test)]
use orders::of_order;
pub(crate) use orders::{GoodsNews, GoodsOf, drop_pieces, hand_over_order, news, news_of_order, release_order, reserve_for_order};

use noren_rules::holds::{HoldState, HoldTimes};
use noren_rules::ids::{HoldId, MemberId, OrderId, Sku, StoreId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::fault::Fault;
use crate::store::{from_json, to_json};

/// A row. What it means for the books is in `reserves` and `shelf_number`: kept on the sales floor, or lying on the hold shelf.
#[derive(Debug, Clone)]
pub(crate) struct Reservation {
    pub(crate) id: HoldId,
    /// The order whose goods these are; `None` for a hold.
    pub(crate) order: Option<OrderId>,
    /// `None` once the member was erased.
    pub(crate) member: Option<MemberId>,
    pub(crate) store: StoreId,
    pub(crate) sku: Sku,
    pub(crate) quantity: u32,
    pub(crate) state: HoldState,
    pub(crate) made_at_ms: i64,
    pub(crate) times: HoldTimes,
    /// There while the pieces lie on the hold shelf.
    pub(crate) shelf_number: Option<String>,
    /// True while the pieces are on the sales floor and promised to nobody else.
    pub(crate) reserves: bool,
    /// When time alone changes it.
    pub(crate) due_ms: Option<i64>,
    /// Since when the member has nothing of it any more.
    pub(crate) ended_at_ms: Option<i64>,
    /// Since when the staff has nothing to do about it any more.
    pub(crate) closed_at_ms: Option<i64>,
}

const COLUMNS: &str =
    "id, member, store, sku, quantity, state, made_at_ms, until_ms, cap_ms, eta_min, said_at_ms, shelf_number, reserves, due_ms,
     ended_at_ms, closed_at_ms, order_id";

/// A row whose state is not read yet.
type Columns = (Reservation, String);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let reservation = Reservation {
        id: HoldId(row.get(0)?),
        member: row.get::<_, Option<String>>(1)?.map(MemberId),
        store: StoreId(row.get(2)?),
        sku: Sku(row.get(3)?),
        quantity: row.get(4)?,
        state: HoldState::Requested,
        made_at_ms: row.get(6)?,
        times: HoldTimes { until_ms: row.get(7)?, cap_ms: row.get(8)?, eta_min: row.get(9)?, said_at_ms: row.get(10)? },
        shelf_number: row.get(11)?,
        reserves: row.get(12)?,
        due_ms: row.get(13)?,
        ended_at_ms: row.get(14)?,
        closed_at_ms: row.get(15)?,
        order: row.get::<_, Option<String>>(16)?.map(OrderId),
    };
    Ok((reservation, row.get(5)?))
}

fn read((reservation, state): Columns) -> Result<Reservation, Fault> {
    Ok(Reservation { state: from_json(&state, "hold state")?, ..reservation })
}

fn all(db: &Connection, filter: &str, values: impl rusqlite::Params) -> Result<Vec<Reservation>, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM reservations WHERE {filter}"))?;
    let rows = statement.query_map(values, columns)?;
    rows.map(|row| read(row?)).collect()
}

pub(crate) fn find(db: &Connection, id: &HoldId) -> Result<Option<Reservation>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM reservations WHERE id = ?1");
    db.prepare_cached(&sql)?.query_row([id.as_str()], columns).optional()?.map(read).transpose()
}

/// Holds of a member's parts that are live or ended after `since_ms`, newest first.
pub(crate) fn of_member(db: &Connection, parts: &[MemberId], since_ms: i64) -> Result<Vec<Reservation>, Fault> {
    let mut found = Vec::new();
    for part in parts {
        let filter = "member = ?1 AND reason = 'hold' AND (ended_at_ms IS NULL OR ended_at_ms > ?2)";
        found.extend(all(db, filter, params![part.as_str(), since_ms])?);
    }
    found.sort_by(|one, other| (other.made_at_ms, &other.id).cmp(&(one.made_at_ms, &one.id)));
    Ok(found)
}

/// Holds of a member's parts of which pieces are kept, on the hold shelf or in the books; the oldest first.
pub(crate) fn kept_for(db: &Connection, parts: &[MemberId]) -> Result<Vec<Reservation>, Fault> {
    let mut found = Vec::new();
    for part in parts {
        let filter = "member = ?1 AND reason = 'hold' AND (ended_at_ms IS NULL OR shelf_number IS NOT NULL OR reserves = 1)";
        found.extend(all(db, filter, [part.as_str()])?);
    }
    found.sort_by(|one, other| (one.made_at_ms, &one.id).cmp(&(other.made_at_ms, &other.id)));
    Ok(found)
}

/// What the staff of a store has to do, the earliest deadline first, and what was done after `since_ms`, the last first.
pub(crate) fn of_store(db: &Connection, store: &StoreId, since_ms: i64) -> Result<Vec<Reservation>, Fault> {
    let mut found = all(db, "store = ?1 AND closed_at_ms IS NULL ORDER BY until_ms, id", params![store.as_str()])?;
    let done = "store = ?1 AND closed_at_ms > ?2 ORDER BY closed_at_ms DESC, id";
    found.extend(all(db, done, params![store.as_str(), since_ms])?);
    Ok(found)
}

/// Writes a row, new or changed.
pub(crate) fn save(db: &Connection, hold: &Reservation) -> Result<(), Fault> {
    let sql = format!(
        "INSERT INTO reservations ({COLUMNS}, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
         ON CONFLICT (id) DO UPDATE SET
             quantity = excluded.quantity, state = excluded.state, until_ms = excluded.until_ms, eta_min = excluded.eta_min, said_at_ms = excluded.said_at_ms,
             shelf_number = excluded.shelf_number, reserves = excluded.reserves, due_ms = excluded.due_ms,
             ended_at_ms = excluded.ended_at_ms, closed_at_ms = excluded.closed_at_ms"
    );
    db.prepare_cached(&sql)?.execute(params![
        hold.id.as_str(),
        hold.member.as_ref().map(MemberId::as_str),
        hold.store.as_str(),
        hold.sku.as_str(),
        hold.quantity,
        to_json(&hold.state, "hold state")?,
        hold.made_at_ms,
        hold.times.until_ms,
        hold.times.cap_ms,
        hold.times.eta_min,
        hold.times.said_at_ms,
        hold.shelf_number,
        hold.reserves,
        hold.due_ms,
        hold.ended_at_ms,
        hold.closed_at_ms,
        hold.order.as_ref().map(OrderId::as_str),
        if hold.order.is_some() { "order" } else { "hold" },
    ])?;
    Ok(())
}

/// Takes the member's name from what the staff still has to do, and deletes the rest.
pub(crate) fn forget(db: &Connection, member: &MemberId) -> Result<(), Fault> {
    let open = "closed_at_ms IS NULL OR reserves = 1";
    db.execute(&format!("DELETE FROM reservations WHERE member = ?1 AND NOT ({open})"), [member.as_str()])?;
    db.execute("UPDATE reservations SET member = NULL WHERE member = ?1", [member.as_str()])?;
    Ok(())
}

/// Pieces of a variant that are kept on a store's sales floor.
pub(crate) fn reserved(db: &Connection, store: &StoreId, sku: &Sku) -> Result<u32, Fault> {
    let sql = "SELECT COALESCE(SUM(quantity), 0) FROM reservations WHERE store = ?1 AND sku = ?2 AND reserves = 1";
    let pieces: i64 = db.prepare_cached(sql)?.query_row([store.as_str(), sku.as_str()], |row| row.get(0))?;
    Ok(u32::try_from(pieces).unwrap_or(u32::MAX))
}

/// True when the time of one is over and nobody has done it yet.
pub(crate) fn any_due(db: &Connection, now_ms: i64) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM reservations WHERE due_ms <= ?1)";
    Ok(db.prepare_cached(sql)?.query_row([now_ms], |row| row.get(0))?)
}

/// Ends those whose time is over, as of that time, and answers of which variants there may be more now. What lies on the hold shelf stays a task:
/// somebody has to put it back.
pub(crate) fn end_due(db: &Connection, now_ms: i64) -> Result<Vec<(StoreId, Sku)>, Fault> {
    let mut statement = db.prepare_cached(
        "UPDATE reservations SET
             state = CASE WHEN ended_at_ms IS NULL THEN ?2 ELSE state END,
             ended_at_ms = COALESCE(ended_at_ms, due_ms),
             closed_at_ms = CASE WHEN shelf_number IS NULL THEN COALESCE(closed_at_ms, due_ms) END,
             reserves = 0, due_ms = NULL
         WHERE due_ms <= ?1 RETURNING store, sku",
    )?;
    let expired = to_json(&HoldState::Expired, "hold state")?;
    let rows = statement.query_map(params![now_ms, expired], |row| Ok((StoreId(row.get(0)?), Sku(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
