//! Holds: pieces that a store keeps for a shopper who is on the way.
//!
//! From the request on they are reserved in the books; when the staff has picked them they lie on the hold shelf, and only then they are promised
//! as kept. A hold ends as handed over when the staff says so, or when a till posts the member's sale of the variant in that store, whichever comes
//! first: what lay on the hold shelf is back on the sales floor then, for the books, from where the sale takes it. Where the staff was first, the
//! pieces stay reserved until that sale, for a quarter of an hour at most, so that nobody else is promised them in between. Who buys fewer than are
//! held has the rest still held.

mod alternatives;
mod reserve;
mod tasks;

pub(crate) use alternatives::of as alternatives_of;
#[cfg(test)]
pub(crate) use tasks::carry_out;
pub(crate) use tasks::{get as get_tasks, post as post_task};

use noren_rules::holds::HoldState;
use noren_rules::ids::{DeviceId, HoldId, MemberId, OrderId};
use noren_rules::stock::{StockEvent, StockEventKind, StockState};
use noren_rules::wire::{Hold, HoldProgressRequest, HoldReleaseRequest, HoldRequest, Holds, Reason, paths};
use rusqlite::Connection;

use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json_with_etag};
use crate::reservations::{self, Reservation};
use crate::stock::{self, Book};
use crate::{devices, members};

/// How long an ended hold is shown to its member.
const SHOWN_MS: i64 = 86_400_000;
const MAX_PIECES: u32 = 10;
const MAX_ETA_MIN: u32 = 1_440;
/// How far a till's clock may be behind.
const CLOCK_OFF_MS: i64 = 5 * 60_000;
/// Who says that pieces went to the hold shelf or came back from it.
pub(crate) const SOURCE: &str = "noren-holds";

/// GET [`paths::HOLDS`].
pub(crate) async fn get(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    stock::settle(&call).await?;
    let now_ms = call.app.now_ms();
    let read = call.app.store.read(move |db| of_member(db, &parts_of(db, &device)?.1, now_ms.saturating_sub(SHOWN_MS)));
    let holds = Holds { holds: read.await.map_err(Fault::into_refusal)?, as_of_ms: now_ms };
    // The clock alone makes no others.
    let named = Holds { as_of_ms: 0, ..holds.clone() };
    json_with_etag(&call, &holds, &named)
}

/// POST [`paths::HOLDS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let request: HoldRequest = call.json()?;
    if !(1..=MAX_PIECES).contains(&request.quantity) || request.eta_min > MAX_ETA_MIN {
        return Err(Refusal::invalid(format!("a hold is of 1 to {MAX_PIECES} pieces, for somebody at most {MAX_ETA_MIN} minutes away")));
    }
    let caller = Caller::Device(device.clone());
    call.write(paths::HOLDS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let (member, parts) = parts_of(db, &device)?;
        reserve::reserve(db, app, &reserve::Wish { member, parts, request, now_ms })
    })
    .await
}

/// POST [`paths::HOLD_PROGRESS`].
pub(crate) async fn progress(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let request: HoldProgressRequest = call.json()?;
    if request.eta_min > MAX_ETA_MIN {
        return Err(Refusal::invalid(format!("eta_min is at most {MAX_ETA_MIN}")));
    }
    let caller = Caller::Device(device.clone());
    call.write(paths::HOLD_PROGRESS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        stock::write(db, app, now_ms, |_| Ok(()))?;
        let mut hold = own(db, &device, &request.hold)?;
        if hold.state.is_live() {
            hold.times = app.settings.holds.progress(&hold.times, now_ms, request.at_ms, request.eta_min).0;
            hold.due_ms = Some(hold.times.until_ms);
            reservations::save(db, &hold)?;
        }
        Ok(to_wire(&hold))
    })
    .await
}

/// POST [`paths::HOLD_RELEASES`].
pub(crate) async fn release(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let request: HoldReleaseRequest = call.json()?;
    let caller = Caller::Device(device.clone());
    call.write(paths::HOLD_RELEASES, &caller, Fingerprint::Body, move |db, app, now_ms| {
        stock::write(db, app, now_ms, |book| {
            let mut hold = own(db, &device, &request.hold)?;
            let_go(db, book, &mut hold, now_ms)?;
            Ok(to_wire(&hold))
        })
    })
    .await
}

fn parts_of(db: &Connection, device: &DeviceId) -> Result<(MemberId, Vec<MemberId>), Fault> {
    let member = devices::member_of(db, device)?;
    let parts = members::parts(db, &member)?;
    Ok((member, parts))
}

/// A hold of the device's member. Another's is none: ids of others are nobody's business. Goods of an order are no hold.
fn own(db: &Connection, device: &DeviceId, id: &HoldId) -> Result<Reservation, Fault> {
    let (_, parts) = parts_of(db, device)?;
    let hold = reservations::find(db, id)?.filter(|hold| hold.order.is_none());
    let hold = hold.filter(|hold| hold.member.as_ref().is_some_and(|member| parts.contains(member)));
    hold.ok_or_else(no_such_hold)
}

fn no_such_hold() -> Fault {
    Refusal::new(Reason::NotFound, "there is no such hold: ask for the holds again").into()
}

/// Not coming: what was not picked is free at once, what was picked is put back by the staff.
pub(crate) fn let_go(db: &Connection, book: &mut Book<'_>, hold: &mut Reservation, now_ms: i64) -> Result<(), Fault> {
    if hold.state.is_live() {
        hold.state = HoldState::Released;
        end(hold, now_ms);
        book.level(&hold.store, &hold.sku)?;
        reservations::save(db, hold)?;
    }
    Ok(())
}

/// The member has nothing of it any more. The staff has something to do while it lies on the hold shelf.
pub(crate) fn end(hold: &mut Reservation, now_ms: i64) {
    (hold.reserves, hold.due_ms) = (false, None);
    hold.ended_at_ms = hold.ended_at_ms.or(Some(now_ms));
    hold.closed_at_ms = if hold.shelf_number.is_none() { hold.closed_at_ms.or(Some(now_ms)) } else { None };
}

/// To the hold shelf or back from it, as the staff says now, once under each name.
pub(crate) fn move_pieces(book: &mut Book<'_>, hold: &Reservation, name: &str, from: StockState, to: StockState) -> Result<(), Fault> {
    let at_ms = book.now_after_counts(&hold.store, &hold.sku)?;
    book.hear(&moved(hold, name, at_ms, StockEventKind::Move { quantity: hold.quantity, from, to })).map(drop)
}

fn moved(hold: &Reservation, name: &str, at_ms: i64, kind: StockEventKind) -> StockEvent {
    let (store, sku) = (hold.store.clone(), hold.sku.clone());
    StockEvent { source: SOURCE.to_owned(), id: format!("{}/{name}", hold.id), store, sku, at_ms, kind }
}

/// Back on the sales floor, for the books.
pub(crate) fn take_from_shelf(book: &mut Book<'_>, hold: &mut Reservation) -> Result<(), Fault> {
    if hold.shelf_number.take().is_some() {
        move_pieces(book, hold, "back", StockState::HoldShelf, StockState::Sellable)?;
    }
    Ok(())
}

/// A till has posted a member's sales: so many pieces of what was held of it there are handed over, and nothing of them is kept any more. What was not
/// bought is held as it was. Also a hold that is over is meant, as long as its pieces lie on the hold shelf.
pub(crate) fn bought(db: &Connection, book: &mut Book<'_>, member: &MemberId, sales: &[StockEvent]) -> Result<(), Fault> {
    let mut kept = reservations::kept_for(db, &members::parts(db, member)?)?;
    for sale in sales {
        let StockEventKind::Sale { quantity: mut left } = sale.kind else { continue };
        // A sale that a till tells of much later was not of what is held since.
        let since = |hold: &Reservation| sale.at_ms.saturating_add(CLOCK_OFF_MS) >= hold.made_at_ms;
        let is_kept = |hold: &Reservation| hold.state.is_live() || hold.shelf_number.is_some() || hold.reserves;
        for hold in &mut kept {
            if left > 0 && hold.store == sale.store && hold.sku == sale.sku && is_kept(hold) && since(hold) {
                let pieces = left.min(hold.quantity);
                left = left.saturating_sub(pieces);
                hand_over(book, hold, pieces, sale)?;
                book.level(&hold.store, &hold.sku)?;
                reservations::save(db, hold)?;
            }
        }
    }
    Ok(())
}

/// The sale takes the pieces from the sales floor: those of the hold shelf are back there at the time of the sale, on the same side of every count.
fn hand_over(book: &mut Book<'_>, hold: &mut Reservation, pieces: u32, sale: &StockEvent) -> Result<(), Fault> {
    let lay_on_shelf = hold.shelf_number.is_some();
    if lay_on_shelf {
        let kind = StockEventKind::Move { quantity: pieces, from: StockState::HoldShelf, to: StockState::Sellable };
        book.hear(&moved(hold, &format!("bought/{}", sale.id), sale.at_ms, kind))?;
    }
    let rest = hold.quantity.saturating_sub(pieces);
    if rest > 0 {
        hold.quantity = rest;
        return Ok(());
    }
    hold.state = HoldState::HandedOver;
    hold.shelf_number = None;
    end(hold, book.now_ms());
    if !lay_on_shelf && book.is_ahead(sale.at_ms) {
        // The sale does not count yet: until then nobody else is promised what it took.
        (hold.reserves, hold.due_ms) = (true, Some(sale.at_ms));
    }
    Ok(())
}

/// Holds of a member's parts that are live or ended after `since_ms`, newest first.
pub(crate) fn of_member(db: &Connection, parts: &[MemberId], since_ms: i64) -> Result<Vec<Hold>, Fault> {
    Ok(reservations::of_member(db, parts, since_ms)?.iter().map(to_wire).collect())
}

/// Lets everything go that a member holds, and takes the member's name from what the staff still has to do.
pub(crate) fn forget(db: &Connection, app: &Shared, member: &MemberId, now_ms: i64) -> Result<(), Fault> {
    stock::write(db, app, now_ms, |book| {
        for mut hold in reservations::of_member(db, std::slice::from_ref(member), now_ms)? {
            let_go(db, book, &mut hold, now_ms)?;
        }
        Ok(())
    })?;
    reservations::forget(db, member)
}

fn to_wire(hold: &Reservation) -> Hold {
    // All goods of an order are called by its name.
    let id = hold.order.as_ref().map_or(hold.id.as_str(), OrderId::as_str);
    let from = id.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    Hold {
        id: hold.id.clone(),
        store: hold.store.clone(),
        sku: hold.sku.clone(),
        quantity: hold.quantity,
        state: hold.state,
        until_ms: hold.times.until_ms,
        cap_ms: hold.times.cap_ms,
        made_at_ms: hold.made_at_ms,
        shelf_number: hold.shelf_number.clone(),
        call: id.get(from..).unwrap_or(id).to_uppercase(),
    }
}
