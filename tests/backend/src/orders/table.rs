//! Orders as they are stored: the pure machine, what else is known of them, and columns to find them by.

use noren_rules::cart::{Cart, OrderSnapshot};
use noren_rules::dates::local_date;
use noren_rules::ids::{AllergenId, MemberId, OrderId, SeatSessionId, StoreId};
use noren_rules::offers::Texts;
use noren_rules::order::{Order, PickupCode, PickupTries};
use noren_rules::slots::PickupTime;
use noren_rules::wire::{DeliveryAddress, OrderOf, OrderQuestion, OrderTerms, SaleCoupons};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::store::{from_json, to_int, to_json, to_uint};

/// What is known of an order besides where it stands. What is personal in it goes with its member: see [`Facts::forget`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) of: OrderOf,
    /// As it was ordered.
    pub(crate) cart: Cart,
    pub(crate) time: PickupTime,
    /// The last screen before the tap, kept as evidence of what was agreed.
    pub(crate) shown: OrderSnapshot,
    /// The rules under which it was placed.
    pub(crate) terms: OrderTerms,
    /// What the machine's lines are of.
    pub(crate) lines: Vec<LineFacts>,
    /// Serials of coupons that the person is willing to use.
    pub(crate) willing: Vec<u64>,
    /// Coupons that are used, and what the receipt says of all of them.
    pub(crate) coupons: SaleCoupons,
    /// The provider's token, until the order is over.
    pub(crate) token: Option<String>,
    /// What the provider asks the person for.
    pub(crate) step_up_url: Option<String>,
    pub(crate) question: Option<OrderQuestion>,
    pub(crate) avoids: Vec<AllergenId>,
    pub(crate) vehicle: String,
    pub(crate) deliver_to: Option<DeliveryAddress>,
    /// The seat as the store writes it.
    pub(crate) seat_name: Option<String>,
    /// When the person will be there, as was said last.
    pub(crate) nearby: Option<Nearby>,
    /// Where the person waits, as was said last.
    pub(crate) here: Option<Here>,
    pub(crate) shelf: Option<String>,
    pub(crate) tries: PickupTries,
    /// Money that was asked for and is not with the provider: collected at the counter, or still to be.
    pub(crate) at_counter_minor: i64,
    /// Money that was given back.
    pub(crate) refunded_minor: i64,
    /// What of that the provider has refused to give back so far.
    pub(crate) owed_back_minor: i64,
    /// When the kitchen has to begin.
    pub(crate) start_ms: i64,
    pub(crate) ready_at_ms: Option<i64>,
    /// What moving to a quieter slot is worth, given at hand-over.
    pub(crate) nudge_points: i64,
    /// When the ages that are asked for were checked.
    pub(crate) age_checked_ms: Option<i64>,
    /// How it was handed over.
    pub(crate) handed_over_by: Option<HandedOverBy>,
    /// True once its sale was posted.
    pub(crate) has_receipt: bool,
}

/// What a line of the machine is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LineFacts {
    /// The place of the cart's line; `None` for a fee.
    pub(crate) cart_line: Option<usize>,
    pub(crate) titles: Texts,
    pub(crate) sku: String,
    pub(crate) reduced: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Nearby {
    pub(crate) said_at_ms: i64,
    pub(crate) eta_min: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Here {
    pub(crate) said_at_ms: i64,
    pub(crate) spot: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HandedOverBy {
    Code,
    Pass,
    Card,
}

impl Facts {
    /// Takes out what says anything about the person; what was sold, and for how much, stays as with receipts.
    fn forget(&mut self) {
        for line in &mut self.cart.lines {
            line.note.clear();
        }
        for line in &mut self.shown.lines {
            line.note.clear();
        }
        if let Some(shown) = self.question.as_mut().and_then(|question| question.shown_now.as_mut()) {
            shown.lines.iter_mut().for_each(|line| line.note.clear());
        }
        self.cart.declared_age = None;
        // The token stays while the order goes on: it says nothing of the person, and goes with the last step.
        (self.step_up_url, self.deliver_to, self.nearby, self.here) = (None, None, None, None);
        self.avoids.clear();
        self.vehicle.clear();
    }
}

/// The day of the store for which it was ordered, and its place among the orders of that day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    day: String,
    pub(crate) nth: u64,
}

/// A row.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) order: Order,
    pub(crate) facts: Facts,
    /// `None` once the member was erased.
    pub(crate) member: Option<MemberId>,
    pub(crate) store: StoreId,
    /// What its call number is made of; none for a question.
    pub(crate) call: Option<Call>,
    /// The contents of the request, keyed.
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) seat: Option<SeatSessionId>,
    pub(crate) version: u64,
    pub(crate) placed_at_ms: i64,
    pub(crate) changed_at_ms: i64,
    pub(crate) ended_at_ms: Option<i64>,
    /// There while it can be handed over.
    pub(crate) pickup_code: Option<PickupCode>,
    pub(crate) pass: Option<PickupCode>,
}

const COLUMNS: &str =
    "member, store, day, nth, version, fingerprint, seat, placed_at_ms, changed_at_ms, ended_at_ms, pickup_code, pass, machine, facts";

struct Bare {
    member: Option<String>,
    store: String,
    day: Option<String>,
    nth: Option<i64>,
    version: i64,
    fingerprint: Vec<u8>,
    seat: Option<String>,
    placed_at_ms: i64,
    changed_at_ms: i64,
    ended_at_ms: Option<i64>,
    pickup_code: Option<String>,
    pass: Option<String>,
    machine: String,
    facts: String,
}

fn bare(row: &Row<'_>) -> rusqlite::Result<Bare> {
    Ok(Bare {
        member: row.get(0)?,
        store: row.get(1)?,
        day: row.get(2)?,
        nth: row.get(3)?,
        version: row.get(4)?,
        fingerprint: row.get(5)?,
        seat: row.get(6)?,
        placed_at_ms: row.get(7)?,
        changed_at_ms: row.get(8)?,
        ended_at_ms: row.get(9)?,
        pickup_code: row.get(10)?,
        pass: row.get(11)?,
        machine: row.get(12)?,
        facts: row.get(13)?,
    })
}

fn read(bare: Bare) -> Result<Stored, Fault> {
    let code = |text: Option<String>| text.map(PickupCode::try_from).transpose().map_err(|_| Fault::Stored("pickup code"));
    Ok(Stored {
        order: from_json(&bare.machine, "order")?,
        facts: from_json(&bare.facts, "order's facts")?,
        member: bare.member.map(MemberId),
        store: StoreId(bare.store),
        call: bare.day.zip(bare.nth).map(|(day, nth)| Call { day, nth: to_uint(nth) }),
        fingerprint: bare.fingerprint,
        seat: bare.seat.map(SeatSessionId),
        version: to_uint(bare.version),
        placed_at_ms: bare.placed_at_ms,
        changed_at_ms: bare.changed_at_ms,
        ended_at_ms: bare.ended_at_ms,
        pickup_code: code(bare.pickup_code)?,
        pass: code(bare.pass)?,
    })
}

fn all(db: &Connection, filter: &str, values: impl rusqlite::Params) -> Result<Vec<Stored>, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM orders WHERE {filter}"))?;
    let rows = statement.query_map(values, bare)?;
    rows.map(|row| read(row?)).collect()
}

pub(crate) fn find(db: &Connection, id: &OrderId) -> Result<Option<Stored>, Fault> {
    Ok(all(db, "id = ?1", [id.as_str()])?.pop())
}

/// The order that took the place of this one.
pub(crate) fn replaced_by(db: &Connection, id: &OrderId) -> Result<Option<OrderId>, Fault> {
    let sql = "SELECT id FROM orders WHERE replaces = ?1";
    Ok(db.prepare_cached(sql)?.query_row([id.as_str()], |row| row.get(0).map(OrderId)).optional()?)
}

const OPEN_OF_MEMBER: &str = "member = ?1 AND ended_at_ms IS NULL";
const ENDED_OF_MEMBER: &str = "member = ?1 AND ended_at_ms > ?2";
const PROMISED_BETWEEN: &str = "store = ?1 AND promised_ms >= ?2 AND promised_ms < ?3";

/// A member's orders that are not over.
pub(crate) fn open_of_member(db: &Connection, parts: &[MemberId]) -> Result<Vec<Stored>, Fault> {
    let open = parts.iter().map(|part| all(db, OPEN_OF_MEMBER, [part.as_str()]));
    Ok(open.collect::<Result<Vec<_>, Fault>>()?.concat())
}

/// How many orders of a member are not over.
pub(crate) fn count_open_of_member(db: &Connection, parts: &[MemberId]) -> Result<u64, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT COUNT(*) FROM orders WHERE {OPEN_OF_MEMBER}"))?;
    parts.iter().try_fold(0, |sum, part| Ok(sum + to_uint(statement.query_row([part.as_str()], |row| row.get(0))?)))
}

/// A member's orders that are not over, or ended after `since_ms`, the newest first.
pub(crate) fn of_member(db: &Connection, parts: &[MemberId], since_ms: i64) -> Result<Vec<Stored>, Fault> {
    let mut found = open_of_member(db, parts)?;
    for part in parts {
        found.extend(all(db, ENDED_OF_MEMBER, params![part.as_str(), since_ms])?);
    }
    found.sort_by(|one, other| (other.placed_at_ms, &other.order.id).cmp(&(one.placed_at_ms, &one.order.id)));
    Ok(found)
}

/// A member's orders that changed after a version and are not over, or ended after `since_ms`, in the order of their changes; at most `most`.
pub(crate) fn changed_since(db: &Connection, parts: &[MemberId], version: u64, since_ms: i64, most: u32) -> Result<Vec<Stored>, Fault> {
    let sql = "member = ?1 AND version > ?2 AND (ended_at_ms IS NULL OR ended_at_ms > ?3) ORDER BY version LIMIT ?4";
    let mut found = Vec::new();
    for part in parts {
        found.extend(all(db, sql, params![part.as_str(), to_int(version), since_ms, most])?);
    }
    found.sort_by_key(|stored| stored.version);
    found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(found)
}

/// Orders of anyone that changed after a version, in the order of their changes.
pub(crate) fn any_changed_since(db: &Connection, version: u64, most: u32) -> Result<Vec<Stored>, Fault> {
    all(db, "version > ?1 ORDER BY version LIMIT ?2", params![to_int(version), most])
}

/// Orders of a store that are not over, or ended after `since_ms`.
pub(crate) fn of_store(db: &Connection, store: &StoreId, since_ms: i64) -> Result<Vec<Stored>, Fault> {
    let mut found = all(db, "store = ?1 AND ended_at_ms IS NULL", [store.as_str()])?;
    found.extend(all(db, "store = ?1 AND ended_at_ms > ?2 ORDER BY ended_at_ms DESC", params![store.as_str(), since_ms])?);
    // Somebody waits for their money.
    let owing = "store = ?1 AND ended_at_ms <= ?2 AND id IN (SELECT order_id FROM order_effects WHERE state = 'declined')";
    found.extend(all(db, owing, params![store.as_str(), since_ms])?);
    Ok(found)
}

/// Orders of a store that are, or were, promised in this time.
pub(crate) fn promised_between(db: &Connection, store: &StoreId, from_ms: i64, until_ms: i64) -> Result<Vec<Stored>, Fault> {
    all(db, PROMISED_BETWEEN, params![store.as_str(), from_ms, until_ms])
}

/// Orders of a session at a table.
pub(crate) fn of_seat(db: &Connection, seat: &SeatSessionId) -> Result<Vec<Stored>, Fault> {
    all(db, "seat = ?1", [seat.as_str()])
}

/// The order of a store that this pickup code or pass hands over.
pub(crate) fn by_code(db: &Connection, store: &StoreId, code: &PickupCode) -> Result<Option<Stored>, Fault> {
    let mut found = all(db, "pickup_code = ?1", [code.as_str()])?;
    found.extend(all(db, "pass = ?1", [code.as_str()])?);
    Ok(found.into_iter().find(|stored| stored.store == *store))
}

/// Orders for which the clock has something to do, at most `most`.
pub(crate) fn due(db: &Connection, now_ms: i64, most: u32) -> Result<Vec<OrderId>, Fault> {
    let mut statement = db.prepare_cached("SELECT id FROM orders WHERE due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2")?;
    let rows = statement.query_map(params![now_ms, most], |row| row.get(0).map(OrderId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The clock looks at an order again at another time.
pub(crate) fn look_later(db: &Connection, id: &OrderId, at_ms: i64) -> Result<(), Fault> {
    db.prepare_cached("UPDATE orders SET due_ms = ?2 WHERE id = ?1")?.execute(params![id.as_str(), at_ms])?;
    Ok(())
}

/// True when there is such an order.
pub(crate) fn any_due(db: &Connection, now_ms: i64) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM orders WHERE due_ms <= ?1)";
    Ok(db.prepare_cached(sql)?.query_row([now_ms], |row| row.get(0))?)
}

/// The highest version so far.
pub(crate) fn newest_version(db: &Connection) -> Result<u64, Fault> {
    let newest: Option<i64> = db.prepare_cached("SELECT MAX(version) FROM orders")?.query_row([], |row| row.get(0))?;
    Ok(to_uint(newest.unwrap_or(0)))
}

/// Gives an order the next place of the day for which it is promised, where it has none of that day.
pub(crate) fn number(db: &Connection, stored: &mut Stored) -> Result<(), Fault> {
    let day = local_date(stored.order.promised_ms, stored.facts.terms.utc_offset_min);
    if stored.call.as_ref().is_none_or(|call| call.day != day) {
        let sql = "SELECT MAX(nth) + 1 FROM orders WHERE store = ?1 AND day = ?2";
        let next: Option<i64> = db.prepare_cached(sql)?.query_row([stored.store.as_str(), day.as_str()], |row| row.get(0))?;
        stored.call = Some(Call { day, nth: to_uint(next.unwrap_or(0)) });
    }
    Ok(())
}

/// Writes an order, new or changed, under the next version.
pub(crate) fn save(db: &Connection, stored: &mut Stored, now_ms: i64) -> Result<(), Fault> {
    stored.version = newest_version(db)?.saturating_add(1);
    stored.changed_at_ms = now_ms;
    if stored.order.state.is_final() {
        stored.ended_at_ms = stored.ended_at_ms.or(Some(now_ms));
        (stored.pickup_code, stored.pass, stored.facts.step_up_url, stored.facts.token) = (None, None, None, None);
    }
    db.prepare_cached(
        "INSERT INTO orders (id, member, store, day, nth, state, version, fingerprint, replaces, seat, placed_at_ms, changed_at_ms, promised_ms,
                             due_ms, ended_at_ms, pickup_code, pass, machine, facts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
         ON CONFLICT (id) DO UPDATE SET
             member = excluded.member, day = excluded.day, nth = excluded.nth, state = excluded.state, version = excluded.version, changed_at_ms = excluded.changed_at_ms,
             promised_ms = excluded.promised_ms, due_ms = excluded.due_ms, ended_at_ms = excluded.ended_at_ms, pickup_code = excluded.pickup_code,
             pass = excluded.pass, machine = excluded.machine, facts = excluded.facts",
    )?
    .execute(params![
        stored.order.id.as_str(),
        stored.member.as_ref().map(MemberId::as_str),
        stored.store.as_str(),
        stored.call.as_ref().map(|call| call.day.as_str()),
        stored.call.as_ref().map(|call| to_int(call.nth)),
        to_json(&stored.order.state, "order state")?,
        to_int(stored.version),
        stored.fingerprint,
        stored.order.replaces.as_ref().map(OrderId::as_str),
        stored.seat.as_ref().map(SeatSessionId::as_str),
        stored.placed_at_ms,
        stored.changed_at_ms,
        stored.order.promised_ms,
        stored.order.next_due_ms(),
        stored.ended_at_ms,
        stored.pickup_code.as_ref().map(PickupCode::as_str),
        stored.pass.as_ref().map(PickupCode::as_str),
        to_json(&stored.order, "order")?,
        to_json(&stored.facts, "order's facts")?,
    ])?;
    Ok(())
}

/// Takes the member and what is personal from an order.
pub(crate) fn forget(db: &Connection, stored: &mut Stored, now_ms: i64) -> Result<(), Fault> {
    stored.member = None;
    stored.facts.forget();
    save(db, stored, now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain has years of orders: what is asked all day long reads those that it answers, and a few more at most.
    #[test]
    fn what_is_asked_often_does_not_read_all_that_ever_was() {
        let db = Connection::open_in_memory().unwrap();
        crate::store::migrate(&db, "life", 0).unwrap();
        let plan = |filter: &str| -> String {
            let sql = format!("EXPLAIN QUERY PLAN SELECT {COLUMNS} FROM orders WHERE {filter}");
            let values = (1..=filter.matches('?').count()).map(|_| 1);
            db.prepare(&sql).unwrap().query_row(rusqlite::params_from_iter(values), |row| row.get(3)).unwrap()
        };
        for filter in [OPEN_OF_MEMBER, ENDED_OF_MEMBER] {
            assert!(plan(filter).contains("orders_by_member_end (member=? AND ended_at_ms"), "{}", plan(filter));
        }
        assert!(
            plan(PROMISED_BETWEEN).contains("orders_by_promise (store=? AND promised_ms>? AND promised_ms<?)"),
            "{}",
            plan(PROMISED_BETWEEN)
        );
    }
}
