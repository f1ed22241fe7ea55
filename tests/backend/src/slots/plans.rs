//! A kitchen gets another plan while orders are booked in it.

use noren_rules::ids::StoreId;
use noren_rules::slots::{KitchenPlan, Lateness, SlotBooking, Taken};
use rusqlite::{Connection, OptionalExtension, params};

use super::kitchens;
use crate::app::Shared;
use crate::fault::Fault;
use crate::store::{from_json, to_json};

/// A kitchen's plan is new, or another one; false when it is as it was. What is booked stays booked, at the stations that there are still.
pub(crate) fn put(db: &Connection, app: &Shared, plan: &KitchenPlan) -> Result<bool, Fault> {
    let (store, text) = (plan.store.as_str(), to_json(plan, "kitchen")?);
    let sql = "SELECT plan FROM kitchens WHERE store = ?1";
    let before: Option<String> = db.prepare_cached(sql)?.query_row([store], |row| row.get(0)).optional()?;
    let Some(before) = before else {
        let sql = "INSERT INTO kitchens (store, plan, lateness, version) VALUES (?1, ?2, ?3, 0)";
        db.prepare_cached(sql)?.execute(params![store, text, to_json(&Lateness::default(), "lateness")?])?;
        kitchens::replanned(db, app, &plan.store)?;
        return Ok(true);
    };
    if before == text {
        return Ok(false);
    }
    db.prepare_cached("UPDATE kitchens SET plan = ?2 WHERE store = ?1")?.execute([store, text.as_str()])?;
    let before: KitchenPlan = from_json(&before, "kitchen")?;
    // What is taken names stations by their place in the plan.
    let places: Vec<Option<usize>> = before.stations.iter().map(|old| plan.stations.iter().position(|new| new.id == old.id)).collect();
    if !places.iter().enumerate().all(|(at, place)| *place == Some(at)) {
        restation(db, &plan.store, &places)?;
    }
    kitchens::replanned(db, app, &plan.store)?;
    Ok(true)
}

/// Gives the time that is taken in a store's kitchen to the stations' new places.
fn restation(db: &Connection, store: &StoreId, places: &[Option<usize>]) -> Result<(), Fault> {
    let moved = |taken: Vec<Taken>| {
        let place = |station: usize| places.get(station).copied().flatten();
        let there = |taken: Taken| Some(Taken { station: place(taken.station)?, ..taken });
        taken.into_iter().filter_map(there).collect::<Vec<_>>()
    };
    for (key, text) in rows(db, "SELECT order_id, booking FROM slot_bookings WHERE store = ?1", store)? {
        let booking: SlotBooking = from_json(&text, "slot")?;
        let booking = to_json(&SlotBooking { taken: moved(booking.taken), ..booking }, "slot")?;
        db.prepare_cached("UPDATE slot_bookings SET booking = ?2 WHERE order_id = ?1")?.execute([key, booking])?;
    }
    for (key, text) in rows(db, "SELECT CAST(seq AS TEXT), taken FROM walk_ins WHERE store = ?1", store)? {
        let taken = to_json(&moved(from_json(&text, "walk-in")?), "walk-in")?;
        db.prepare_cached("UPDATE walk_ins SET taken = ?2 WHERE seq = CAST(?1 AS INTEGER)")?.execute([key, taken])?;
    }
    Ok(())
}

fn rows(db: &Connection, sql: &str, store: &StoreId) -> Result<Vec<(String, String)>, Fault> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([store.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
