//! Slots: the kitchen's time that is kept for orders. Everything here runs inside a write, so that the database decides who has the last slot.

mod holds;
mod kitchens;
mod plans;

pub(crate) use holds::{post, post_walk_in, release as post_release};
pub(crate) use kitchens::Kitchens;
pub(crate) use plans::put as put_plan;

use noren_rules::dates::MINUTE_MS;
use noren_rules::ids::{MemberId, OrderId, StationId, StoreId};
use noren_rules::slots::{
    BookingState, MakeTask, PickupSlot, PickupTime, SlotBooking, SlotHoldError, SlotRefusal, SlotRequest, Station, StoreMode,
};
use noren_rules::wire::{KitchenStation, StationLoad, StationQuarter};
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::Shared;
use crate::fault::Fault;
use crate::store::to_json;

/// The slot of an order, with where and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderSlot {
    pub(crate) store: StoreId,
    /// `None` once the member was erased.
    pub(crate) member: Option<MemberId>,
    pub(crate) booking: SlotBooking,
}

/// The slot of an order, held or ordered; `None` also for a hold that is over.
pub(crate) fn booking(db: &Connection, order: &OrderId, now_ms: i64) -> Result<Option<OrderSlot>, Fault> {
    let sql = "SELECT store, member, booking, until_ms FROM slot_bookings WHERE order_id = ?1 AND (until_ms IS NULL OR until_ms > ?2)";
    let row: Option<(String, Option<String>, String, Option<i64>)> = db
        .prepare_cached(sql)?
        .query_row(params![order.as_str(), now_ms], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    row.map(|(store, member, booking, until_ms)| {
        let booking = kitchens::booking(&booking, until_ms)?;
        Ok(OrderSlot { store: StoreId(store), member: member.map(MemberId), booking })
    })
    .transpose()
}

/// The slot that one of the member's parts holds for this order, in this store, that is not ordered yet.
pub(crate) fn held(
    db: &Connection,
    store: &StoreId,
    parts: &[MemberId],
    order: &OrderId,
    now_ms: i64,
) -> Result<Option<SlotBooking>, Fault> {
    let is_own = |slot: &OrderSlot| slot.store == *store && slot.member.as_ref().is_some_and(|member| parts.contains(member));
    let own = booking(db, order, now_ms)?.filter(is_own).map(|slot| slot.booking);
    Ok(own.filter(|booking| booking.state != BookingState::Confirmed))
}

/// When an order with this work would be ready; books nothing. `None` where there is no kitchen.
pub(crate) fn quote(
    db: &Connection,
    app: &Shared,
    store: &StoreId,
    tasks: &[MakeTask],
    time: PickupTime,
    now_ms: i64,
) -> Result<Option<Result<PickupSlot, SlotRefusal>>, Fault> {
    kitchens::open(db, app, store, now_ms, |open| {
        open.sweep(now_ms)?;
        Ok(open.book.quote(tasks, time, now_ms))
    })
}

/// Holds a slot for an order of this member, or moves it, also from another store; instead of the time that the person wanted, where there is one. What was ordered stays ordered. `None` where there is no kitchen.
pub(crate) fn hold(
    db: &Connection,
    app: &Shared,
    store: &StoreId,
    member: &MemberId,
    request: &SlotRequest,
    wanted_ms: Option<i64>,
    now_ms: i64,
) -> Result<Option<Result<SlotBooking, SlotRefusal>>, Fault> {
    if booking(db, &request.order, now_ms)?.is_some_and(|slot| slot.store != *store) {
        match quote(db, app, store, &request.tasks, request.time, now_ms)? {
            Some(Ok(_)) => release(db, app, &request.order, now_ms)?,
            Some(Err(refusal)) => return Ok(Some(Err(refusal))),
            None => return Ok(None),
        };
    }
    release_over(db, app, &request.order, now_ms)?;
    kitchens::open(db, app, store, now_ms, |open| {
        open.sweep(now_ms)?;
        let before = open.book.booking(&request.order).cloned();
        let held = match wanted_ms {
            Some(wanted_ms) => open.book.hold_instead(request, wanted_ms, now_ms),
            None => open.book.hold(request, now_ms),
        };
        if let Ok(booking) = &held
            && before.as_ref() != Some(booking)
        {
            open.write(booking, Some(member))?;
        }
        Ok(held)
    })
}

/// The order is placed: what was held is booked. Again, it is the same booking. A slot of another store, or of a member who is none of `parts`, is
/// none.
pub(crate) fn confirm(
    db: &Connection,
    app: &Shared,
    store: &StoreId,
    parts: &[MemberId],
    order: &OrderId,
    now_ms: i64,
) -> Result<Result<SlotBooking, SlotHoldError>, Fault> {
    let sql = "SELECT member, until_ms FROM slot_bookings WHERE order_id = ?1 AND store = ?2";
    let row: Option<(Option<String>, Option<i64>)> =
        db.prepare_cached(sql)?.query_row([order.as_str(), store.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((Some(member), until_ms)) = row else { return Ok(Err(SlotHoldError::Unknown)) };
    if !parts.iter().any(|part| part.as_str() == member) {
        return Ok(Err(SlotHoldError::Unknown));
    }
    if until_ms.is_some_and(|until_ms| now_ms >= until_ms) {
        release(db, app, order, now_ms)?;
        return Ok(Err(SlotHoldError::Expired));
    }
    let confirmed = kitchens::open(db, app, store, now_ms, |open| {
        let confirmed = open.book.confirm(order, now_ms).cloned();
        if until_ms.is_some() && confirmed.is_ok() {
            let sql = "UPDATE slot_bookings SET until_ms = NULL WHERE order_id = ?1";
            open.db.prepare_cached(sql)?.execute([order.as_str()])?;
            open.changed();
        }
        Ok(confirmed)
    })?;
    Ok(confirmed.unwrap_or(Err(SlotHoldError::Unknown)))
}

/// Gives back what an order took. False when it took nothing.
pub(crate) fn release(db: &Connection, app: &Shared, order: &OrderId, now_ms: i64) -> Result<bool, Fault> {
    let released = of_order(db, app, order, now_ms, |open| {
        open.book.release(order);
        open.delete(order)
    })?;
    Ok(released.is_some())
}

/// A hold of this order that is over, in whatever store, is gone before there is another one.
fn release_over(db: &Connection, app: &Shared, order: &OrderId, now_ms: i64) -> Result<(), Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM slot_bookings WHERE order_id = ?1 AND until_ms <= ?2)";
    let over: bool = db.prepare_cached(sql)?.query_row(params![order.as_str(), now_ms], |row| row.get(0))?;
    if over { release(db, app, order, now_ms).map(drop) } else { Ok(()) }
}

/// Another time, or other work, for an order that has a slot: it keeps the old one where that does not fit. `None` for an order without a slot.
pub(crate) fn move_to(
    db: &Connection,
    app: &Shared,
    order: &OrderId,
    tasks: &[MakeTask],
    time: PickupTime,
    now_ms: i64,
) -> Result<Option<Result<SlotBooking, SlotRefusal>>, Fault> {
    let moved = of_order(db, app, order, now_ms, |open| {
        open.sweep(now_ms)?;
        if open.book.booking(order).is_none() {
            return Ok(None);
        }
        let moved = open.book.hold(&SlotRequest { order: order.clone(), tasks: tasks.to_vec(), time }, now_ms);
        if let Ok(booking) = &moved {
            open.write(booking, None)?;
        }
        Ok(Some(moved))
    })?;
    Ok(moved.flatten())
}

/// The slot of an order is that of another order from now on, which takes its place; held or ordered as it was. False when there is none, or when
/// the other has one of its own.
pub(crate) fn hand_on(db: &Connection, app: &Shared, from: &OrderId, to: &OrderId, now_ms: i64) -> Result<bool, Fault> {
    release_over(db, app, to, now_ms)?;
    let handed = of_order(db, app, from, now_ms, |open| {
        open.sweep(now_ms)?;
        let Some(booking) = open.book.booking(from).cloned().filter(|_| open.book.booking(to).is_none()) else { return Ok(false) };
        let sql = "UPDATE slot_bookings SET order_id = ?2 WHERE order_id = ?1";
        open.db.prepare_cached(sql)?.execute([from.as_str(), to.as_str()])?;
        open.book.release(from);
        let booking = SlotBooking { order: to.clone(), ..booking };
        open.book.restore(booking.clone());
        open.write(&booking, None)?;
        Ok(true)
    })?;
    Ok(handed.unwrap_or(false))
}

/// The kitchen is late with an order: its work is planned anew, to be ready at `ready_ms` or as soon after as it fits. `None` for an order without a
/// slot, or where four hours more would not do.
pub(crate) fn postpone(db: &Connection, app: &Shared, order: &OrderId, ready_ms: i64, now_ms: i64) -> Result<Option<PickupSlot>, Fault> {
    let postponed = of_order(db, app, order, now_ms, |open| {
        let slot = open.book.postpone(order, ready_ms, now_ms);
        if let Some(booking) = open.book.booking(order).cloned().filter(|_| slot.is_some()) {
            open.write(&booking, None)?;
        }
        Ok(slot)
    })?;
    Ok(postponed.flatten())
}

/// An order is ready: the time that it did not use is free again, and how late it is is learned. False for an order without a slot.
pub(crate) fn ready(db: &Connection, app: &Shared, order: &OrderId, at_ms: i64) -> Result<bool, Fault> {
    let ready = of_order(db, app, order, at_ms, |open| {
        let is_booked = open.book.ready(order, at_ms);
        let lateness = to_json(open.book.lateness(), "lateness")?;
        open.db.prepare_cached("UPDATE kitchens SET lateness = ?2 WHERE store = ?1")?.execute(params![open.store.as_str(), lateness])?;
        open.delete(order)?;
        Ok(is_booked)
    })?;
    Ok(ready.unwrap_or(false))
}

/// Opens the book of an order's kitchen; `None` for an order without a slot.
fn of_order<T>(
    db: &Connection,
    app: &Shared,
    order: &OrderId,
    now_ms: i64,
    work: impl FnOnce(&mut kitchens::Open<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let sql = "SELECT store FROM slot_bookings WHERE order_id = ?1";
    let store: Option<String> = db.prepare_cached(sql)?.query_row([order.as_str()], |row| row.get(0)).optional()?;
    match store {
        Some(store) => kitchens::open(db, app, &StoreId(store), now_ms, work),
        None => Ok(None),
    }
}

/// Pauses, delays or opens a kitchen for new orders; nothing where there is none.
pub(crate) fn set_mode(db: &Connection, app: &Shared, store: &StoreId, mode: StoreMode, now_ms: i64) -> Result<(), Fault> {
    kitchens::open(db, app, store, now_ms, |open| {
        open.book.set_mode(mode, now_ms);
        open.changed();
        Ok(())
    })?;
    Ok(())
}

/// Guests at the counter have ordered: their work takes the kitchen's time, too. Answers when it is ready; `None` where there is no kitchen, and in it
/// for work that the kitchen could not do with nothing else to do.
pub(crate) fn walk_in(
    db: &Connection,
    app: &Shared,
    store: &StoreId,
    tasks: &[MakeTask],
    now_ms: i64,
) -> Result<Option<Option<i64>>, Fault> {
    kitchens::open(db, app, store, now_ms, |open| {
        open.sweep(now_ms)?;
        let Some(walk_in) = open.book.walk_in(tasks, now_ms) else { return Ok(None) };
        open.db.prepare_cached("DELETE FROM walk_ins WHERE store = ?1 AND ready_ms <= ?2")?.execute(params![store.as_str(), now_ms])?;
        let sql = "INSERT INTO walk_ins (store, ready_ms, taken) VALUES (?1, ?2, ?3)";
        open.db.prepare_cached(sql)?.execute(params![store.as_str(), walk_in.ready_ms, to_json(&walk_in.taken, "walk-in")?])?;
        open.changed();
        Ok(Some(walk_in.ready_ms))
    })
}

/// True when holds of this store are over that still take its time.
pub(crate) fn is_due(db: &Connection, store: &StoreId, now_ms: i64) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM slot_bookings WHERE store = ?1 AND until_ms <= ?2)";
    Ok(db.prepare_cached(sql)?.query_row(params![store.as_str(), now_ms], |row| row.get(0))?)
}

/// Gives back what was held too long.
pub(crate) fn sweep(db: &Connection, app: &Shared, store: &StoreId, now_ms: i64) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM slot_bookings WHERE store = ?1 AND until_ms <= ?2")?.execute(params![store.as_str(), now_ms])?;
    kitchens::open(db, app, store, now_ms, |open| open.sweep(now_ms))?;
    Ok(())
}

/// How late nine of ten orders are at most, and how much is taken of its stations from now on; `None` where there is no kitchen.
pub(crate) fn load(db: &Connection, app: &Shared, store: &StoreId, now_ms: i64) -> Result<Option<(u32, Vec<StationLoad>)>, Fault> {
    kitchens::look(db, app, store, now_ms, |book| (book.lateness().p90_min(), book.load(now_ms)))
}

/// How full the stations of a store's kitchen are by quarters of an hour, for the next three hours; none where there is no kitchen.
pub(crate) fn stations(db: &Connection, app: &Shared, store: &StoreId, now_ms: i64) -> Result<Vec<KitchenStation>, Fault> {
    const QUARTER_MS: i64 = 15 * MINUTE_MS;
    let first_ms = now_ms.div_euclid(QUARTER_MS).saturating_mul(QUARTER_MS);
    let stations = kitchens::look(db, app, store, now_ms, |book| {
        let quarter = |station: &StationId, from_ms: i64| {
            let minutes = (0..15).filter_map(|minute: i64| book.load_s(station, from_ms.saturating_add(minute.saturating_mul(MINUTE_MS))));
            let empty = StationQuarter { from_ms, booked_s: 0, walk_in_s: 0, capacity_s: 0 };
            minutes.fold(empty, |sum, (booked_s, walk_in_s, capacity_s)| StationQuarter {
                booked_s: sum.booked_s.saturating_add(booked_s),
                walk_in_s: sum.walk_in_s.saturating_add(walk_in_s),
                capacity_s: sum.capacity_s.saturating_add(capacity_s),
                ..sum
            })
        };
        let of_station = |station: &Station| KitchenStation {
            station: station.id.clone(),
            quarters: (0..12).map(|at: i64| quarter(&station.id, first_ms.saturating_add(at.saturating_mul(QUARTER_MS)))).collect(),
        };
        book.plan().stations.iter().map(of_station).collect()
    })?;
    Ok(stations.unwrap_or_default())
}

/// An erased member holds nothing, and is named by nothing that was ordered.
pub(crate) fn forget(db: &Connection, app: &Shared, member: &MemberId, now_ms: i64) -> Result<(), Fault> {
    let sql = "SELECT order_id FROM slot_bookings WHERE member = ?1 AND until_ms IS NOT NULL";
    let mut statement = db.prepare_cached(sql)?;
    let held: Vec<String> = statement.query_map([member.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for order in held {
        release(db, app, &OrderId(order), now_ms)?;
    }
    db.prepare_cached("UPDATE slot_bookings SET member = NULL WHERE member = ?1")?.execute([member.as_str()])?;
    Ok(())
}

#[cfg(test)]
mod tests;
