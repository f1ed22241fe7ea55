//! Slots from the phone's side: held while the person pays, and let go.

use noren_rules::cart::{Cart, CartChange, CartMoment, CartProblemKind};
use noren_rules::ids::{MemberId, OrderId, StoreId};
use noren_rules::keys::id_to_bytes;
use noren_rules::menu::HandoffMode;
use noren_rules::slots::{BookingState, MakeTask, PickupTime, SlotBooking, SlotRequest, make_tasks};
use noren_rules::wire::{
    Reason, SlotHold, SlotHoldAnswer, SlotHoldRequest, SlotReleaseRequest, SlotReleased, WalkInAnswer, WalkInRequest, paths,
};
use rusqlite::{Connection, params};

use super::OrderSlot;
use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::menus::{self, Shop, takes_no_orders};
use crate::{devices, members, orders, tills};

/// Slots that a member holds at the same time.
const MOST_HELD: usize = 5;

/// POST [`paths::SLOT_HOLDS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    orders::no_card_number(&call)?;
    let request: SlotHoldRequest = call.json()?;
    if id_to_bytes(request.order.as_str()).is_none() {
        return Err(Refusal::invalid("an order's id is 16 characters of lower-case base32"));
    }
    let caller = Caller::Device(device.clone());
    call.write(paths::SLOT_HOLDS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let member = devices::member_of(db, &device)?;
        hold(db, app, &member, &request, now_ms)
    })
    .await
}

fn hold(db: &Connection, app: &Shared, member: &MemberId, request: &SlotHoldRequest, now_ms: i64) -> Result<SlotHoldAnswer, Fault> {
    let parts = members::parts(db, member)?;
    let shop = menus::shop(db, app, &request.store)?.ok_or_else(takes_no_orders)?;
    let tasks = tasks(&shop, &request.cart).ok_or_else(makes_nothing)?;
    let before = super::booking(db, &request.order, now_ms)?;
    if let Some(slot) = &before {
        check_own(slot, &parts, request, &tasks)?;
    }
    let changes = changes(db, app, &shop, request, &tasks, now_ms)?;
    if !changes.is_empty() {
        return Ok(SlotHoldAnswer { hold: None, refused: None, changes });
    }
    if before.is_none() && !taken_over(db, app, &parts, request, now_ms)? {
        check_most(db, &parts, now_ms)?;
    }
    let wish = SlotRequest { order: request.order.clone(), tasks, time: request.time };
    match super::hold(db, app, &request.store, member, &wish, request.wanted_ms, now_ms)?.ok_or_else(makes_nothing)? {
        Ok(booking) => Ok(SlotHoldAnswer { hold: Some(to_wire(booking)), refused: None, changes }),
        Err(refusal) => Ok(SlotHoldAnswer { hold: None, refused: Some(refusal), changes }),
    }
}

/// What is held for the order in whose place this one is goes over to it, so that it is no stranger in its own way. True where there was some.
fn taken_over(db: &Connection, app: &Shared, parts: &[MemberId], request: &SlotHoldRequest, now_ms: i64) -> Result<bool, Fault> {
    let Some(from) = &request.replaces else { return Ok(false) };
    let is_own = |slot: &OrderSlot| slot.store == request.store && slot.member.as_ref().is_some_and(|member| parts.contains(member));
    let held = super::booking(db, from, now_ms)?.filter(is_own);
    if held.is_none_or(|slot| slot.booking.state == BookingState::Confirmed) {
        return Ok(false);
    }
    super::hand_on(db, app, from, &request.order, now_ms)
}

fn makes_nothing() -> Refusal {
    Refusal::new(Reason::NotFound, "this store has no kitchen: order there without a slot")
}

/// The work of a cart; `None` where there is no kitchen. What is not on the menu makes none.
fn tasks(shop: &Shop, cart: &Cart) -> Option<Vec<MakeTask>> {
    let (book, plan) = (shop.book.as_ref()?, shop.told.kitchen.as_ref()?);
    Some(make_tasks(cart, book, &plan.per_order))
}

/// A slot is moved by whose it is, and no longer by this call once it was ordered.
fn check_own(slot: &OrderSlot, parts: &[MemberId], request: &SlotHoldRequest, tasks: &[MakeTask]) -> Result<(), Refusal> {
    let conflict = |detail: &str| Err(Refusal::new(Reason::OrderConflict, detail));
    if !slot.member.as_ref().is_some_and(|member| parts.contains(member)) {
        return conflict("this order is another's: make a new id");
    }
    let as_it_is = slot.store == request.store && slot.booking.time == request.time && slot.booking.tasks == *tasks;
    if slot.booking.state == BookingState::Confirmed && !as_it_is {
        return conflict("this order was placed: change it by a step of the order");
    }
    Ok(())
}

/// What of the cart is not as it was seen, at the time at which it would be handed over.
fn changes(
    db: &Connection,
    app: &Shared,
    shop: &Shop,
    request: &SlotHoldRequest,
    tasks: &[MakeTask],
    now_ms: i64,
) -> Result<Vec<CartChange>, Fault> {
    let at_ms = match request.time {
        PickupTime::Scheduled { at_ms } => at_ms.max(now_ms),
        PickupTime::Asap => {
            let quote = super::quote(db, app, &request.store, tasks, request.time, now_ms)?;
            quote.and_then(Result::ok).map_or(now_ms, |slot| slot.promised_ms)
        }
    };
    Ok(shop.changes(&request.cart, &menus::sold_out(db, &request.store, now_ms)?, at_ms))
}

fn check_most(db: &Connection, parts: &[MemberId], now_ms: i64) -> Result<(), Fault> {
    let sql = "SELECT until_ms FROM slot_bookings WHERE member = ?1 AND until_ms > ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut held: Vec<i64> = Vec::new();
    for part in parts {
        let until = statement.query_map(params![part.as_str(), now_ms], |row| row.get::<_, i64>(0))?;
        held.extend(until.collect::<Result<Vec<_>, _>>()?);
    }
    if held.len() < MOST_HELD {
        return Ok(());
    }
    let first_ms = held.into_iter().min().unwrap_or(now_ms).saturating_sub(now_ms);
    let wait_s = u64::try_from(first_ms.saturating_add(999) / 1_000).unwrap_or(1);
    let detail = format!("at most {MOST_HELD} slots are held for a member at the same time: order, or release one");
    Err(Refusal::new(Reason::TooManyAttempts, detail).retry_after(wait_s).into())
}

/// A slot as the phone sees it.
fn to_wire(booking: SlotBooking) -> SlotHold {
    let until_ms = match booking.state {
        BookingState::Held { until_ms } => Some(until_ms),
        BookingState::Confirmed => None,
    };
    SlotHold { order: booking.order, slot: booking.slot, until_ms }
}

/// POST [`paths::SLOT_RELEASES`].
pub(crate) async fn release(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let SlotReleaseRequest { order } = call.json()?;
    let caller = Caller::Device(device.clone());
    call.write(paths::SLOT_RELEASES, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let parts = members::parts(db, &devices::member_of(db, &device)?)?;
        Ok(SlotReleased { released: let_go(db, app, &parts, &order, now_ms)? })
    })
    .await
}

fn let_go(db: &Connection, app: &Shared, parts: &[MemberId], order: &OrderId, now_ms: i64) -> Result<bool, Fault> {
    let own = super::booking(db, order, now_ms)?.filter(|slot| slot.member.as_ref().is_some_and(|member| parts.contains(member)));
    match own {
        None => Ok(false),
        Some(slot) if slot.booking.state == BookingState::Confirmed => {
            Err(Refusal::new(Reason::OrderConflict, "this order was placed: cancel it by a step of the order").into())
        }
        Some(_) => super::release(db, app, order, now_ms),
    }
}

/// POST [`paths::KITCHEN_WALK_INS`].
pub(crate) async fn post_walk_in(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    orders::no_card_number(&call)?;
    let request: WalkInRequest = call.json()?;
    let caller = Caller::Till(till.clone());
    call.write(paths::KITCHEN_WALK_INS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let store = tills::store_of(db, &till)?;
        let ready_ms = walk_in(db, app, &store, request, now_ms)?;
        Ok(WalkInAnswer { ready_ms })
    })
    .await
}

fn walk_in(db: &Connection, app: &Shared, store: &StoreId, request: WalkInRequest, now_ms: i64) -> Result<i64, Fault> {
    let shop = menus::shop(db, app, store)?.ok_or_else(takes_no_orders)?;
    let WalkInRequest { lines, tax_handoff } = request;
    let cart = Cart { lines, ..Cart::new(HandoffMode::CounterPickup, tax_handoff) };
    check_form(&shop, &cart, now_ms)?;
    let tasks = tasks(&shop, &cart).ok_or_else(makes_nothing)?;
    let placed = super::walk_in(db, app, store, &tasks, now_ms)?.ok_or_else(makes_nothing)?;
    Ok(placed.ok_or_else(|| Refusal::invalid("this is more than the kitchen can make: enter it in parts"))?)
}

/// Guests at the counter get what the staff gives them: only what is no order at all is refused.
fn check_form(shop: &Shop, cart: &Cart, now_ms: i64) -> Result<(), Refusal> {
    let is_form = |kind: &CartProblemKind| {
        !matches!(
            kind,
            CartProblemKind::SoldOut { .. }
                | CartProblemKind::NotForHandoff { .. }
                | CartProblemKind::NotAtThisTime { .. }
                | CartProblemKind::AgeNotDeclared { .. }
                | CartProblemKind::ItemLimit { .. }
                | CartProblemKind::TooFew { .. }
                | CartProblemKind::TooMany { .. }
        )
    };
    let Some(book) = &shop.book else { return Err(makes_nothing()) };
    let moment = CartMoment { at_ms: now_ms, sold_out: &[] };
    match cart.problems(book, &moment).into_iter().find(|problem| is_form(&problem.kind)) {
        Some(problem) => {
            let line = problem.line.map_or_else(String::new, |line| format!(" of line {line}"));
            Err(Refusal::invalid(format!("something{line} is not on the menu, or more than an order can have")))
        }
        None => Ok(()),
    }
}
