//! Whether something is held: decided and written in one write, so that of two who want the last piece one has it.

use noren_rules::holds::{HoldState, HoldTimes};
use noren_rules::ids::{HoldId, MemberId, StoreId};
use noren_rules::wire::{HoldAnswer, HoldRefusal, HoldRequest, PlaceInfo};
use rusqlite::Connection;

use super::{alternatives, to_wire};
use crate::app::Shared;
use crate::fault::Fault;
use crate::reservations::{self, Reservation};
use crate::{catalogue, places, stock};

/// Who wants what, and when.
pub(super) struct Wish {
    pub(super) member: MemberId,
    pub(super) parts: Vec<MemberId>,
    pub(super) request: HoldRequest,
    pub(super) now_ms: i64,
}

pub(super) fn reserve(db: &Connection, app: &Shared, wish: &Wish) -> Result<HoldAnswer, Fault> {
    // First, so that what has come due is free for this wish.
    stock::write(db, app, wish.now_ms, |_| Ok(()))?;
    match decide(db, app, wish)? {
        Ok(times) => hold(db, app, wish, times),
        Err(refused) => {
            let request = &wish.request;
            let elsewhere =
                matches!(refused, HoldRefusal::InsufficientStock | HoldRefusal::StockUnknown | HoldRefusal::Closed | HoldRefusal::TooSoon);
            let alternatives =
                if elsewhere { alternatives::of(db, &request.store, &request.sku, request.quantity, wish.now_ms)? } else { Vec::new() };
            Ok(HoldAnswer { hold: None, refused: Some(refused), alternatives })
        }
    }
}

fn decide(db: &Connection, app: &Shared, wish: &Wish) -> Result<Result<HoldTimes, HoldRefusal>, Fault> {
    let HoldRequest { store, sku, quantity, eta_min } = &wish.request;
    let level = stock::Level::load(db, store, sku)?.available();
    let is_in_catalogue = catalogue::is_known(db, sku)?;
    let location = stock::location(db, store)?.filter(|location| location.holds && !location.is_ec);
    let Some(location) = location.filter(|_| level.is_some() || is_in_catalogue) else { return Ok(Err(HoldRefusal::NotOffered)) };
    let policy = &app.settings.holds;
    let paused_ms = i64::from(policy.pause_min).saturating_mul(MINUTE_MS);
    let (live, over): (Vec<Reservation>, Vec<Reservation>) =
        reservations::of_member(db, &wish.parts, wish.now_ms.saturating_sub(paused_ms))?.into_iter().partition(|hold| hold.state.is_live());
    if live.iter().any(|hold| hold.sku == *sku) {
        return Ok(Err(HoldRefusal::AlreadyHeld));
    }
    if u32::try_from(live.len()).unwrap_or(u32::MAX) >= policy.most_a_member {
        return Ok(Err(HoldRefusal::TooMany));
    }
    if over.iter().any(|hold| hold.state == HoldState::Expired && hold.store == *store && hold.sku == *sku) {
        return Ok(Err(HoldRefusal::TooSoon));
    }
    let times = match policy.begin(wish.now_ms, *eta_min) {
        Ok(times) => times,
        Err(refused) => return Ok(Err(refused)),
    };
    let arrival_ms = wish.now_ms.saturating_add(i64::from(*eta_min).saturating_mul(MINUTE_MS)).min(times.until_ms);
    if is_closed(db, store, arrival_ms, times.until_ms)? {
        return Ok(Err(HoldRefusal::Closed));
    }
    Ok(match level {
        Some(None) => Err(HoldRefusal::StockUnknown),
        Some(Some(_)) if !location.is_known(wish.now_ms) => Err(HoldRefusal::StockUnknown),
        Some(Some(available)) if available >= *quantity => Ok(times),
        _ => Err(HoldRefusal::InsufficientStock),
    })
}

const MINUTE_MS: i64 = 60_000;

fn hold(db: &Connection, app: &Shared, wish: &Wish, times: HoldTimes) -> Result<HoldAnswer, Fault> {
    let HoldRequest { store, sku, quantity, .. } = &wish.request;
    let hold = Reservation {
        id: HoldId(app.random_id()?),
        order: None,
        member: Some(wish.member.clone()),
        store: store.clone(),
        sku: sku.clone(),
        quantity: *quantity,
        state: HoldState::Requested,
        made_at_ms: wish.now_ms,
        times,
        shelf_number: None,
        reserves: true,
        due_ms: Some(times.until_ms),
        ended_at_ms: None,
        closed_at_ms: None,
    };
    reservations::save(db, &hold)?;
    stock::write(db, app, wish.now_ms, |book| book.level(store, sku).map(drop))?;
    Ok(HoldAnswer { hold: Some(to_wire(&hold)), refused: None, alternatives: Vec::new() })
}

/// True for a store that is not open for a minute between the arrival and the end. One without hours is never closed.
fn is_closed(db: &Connection, store: &StoreId, arrival_ms: i64, until_ms: i64) -> Result<bool, Fault> {
    let Some(place) = places::of_store(db, store)? else { return Ok(false) };
    let hours = hours_of(&place, store).map(|hours| hours.opening_hours()).transpose();
    let Some(hours) = hours.map_err(|_| Fault::Stored("opening hours"))? else { return Ok(false) };
    let mut minutes =
        (arrival_ms.div_euclid(MINUTE_MS)..=until_ms.saturating_sub(1).div_euclid(MINUTE_MS)).map(|minute| minute.saturating_mul(60));
    Ok(!minutes.any(|at_s| hours.is_open_at(at_s)))
}

/// A tenant's own hours; the place's where the store is the place.
fn hours_of<'a>(place: &'a PlaceInfo, store: &StoreId) -> Option<&'a noren_rules::wire::WeeklyHours> {
    match place.tenants.iter().find(|tenant| tenant.store_id == *store) {
        Some(tenant) => tenant.hours.as_ref(),
        None => place.hours.as_ref(),
    }
}
