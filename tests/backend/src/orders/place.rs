//! Placing an order: whether everything is as the person saw it, and then all of it at once, or a question.

use noren_rules::cart::CartChange;
use noren_rules::ids::{DeviceId, MemberId, OrderId};
use noren_rules::menu::MenuBook;
use noren_rules::order::{Order, OrderActor, OrderEvent, OrderRules, OrderState, PaymentState, PickupCode, PickupTries, RejectReason};
use noren_rules::points::PointsKind;
use noren_rules::slots::{BookingState, PickupSlot, SlotBooking, make_tasks};
use noren_rules::wire::{GoodsShort, OrderOf, OrderQuestion, OrderRequest, Reason, SaleCoupons};
use rusqlite::Connection;
use subtle::ConstantTimeEq;

use super::act::{self, accept_if_paid};
use super::coupons::{self, Buying};
use super::pricing::{self, LookedAt, Priced, Wish};
use super::table::{self, Facts, Stored};
use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::keys::Purpose;
use crate::menus::{self, Shop};
use crate::reservations::{self, GoodsOf};
use crate::store::to_json;
use crate::{devices, members, seats, slots};

/// How far the time that was shown may be from now where no kitchen's time is booked: goods are promised as soon as they are fetched from their shelves.
const PAST_MS: i64 = 15 * 60_000;
const AHEAD_MS: i64 = 7 * 86_400_000;
/// Orders of a member that are being made or kept and that nobody has paid for.
const MOST_UNPAID: u64 = 5;

/// Who orders what.
pub(super) struct Placing<'a> {
    pub(super) device: &'a DeviceId,
    pub(super) member: MemberId,
    pub(super) parts: Vec<MemberId>,
    pub(super) request: &'a OrderRequest,
    pub(super) now_ms: i64,
}

/// When it will be ready, and until when it can be ordered so.
struct Promise {
    ready_ms: i64,
    deadline_ms: Option<i64>,
    slot: Option<PickupSlot>,
}

/// The contents of an order, keyed.
pub(super) fn fingerprint(app: &App, request: &OrderRequest) -> Result<[u8; 32], Fault> {
    Ok(app.keys.mac(Purpose::Order, &[to_json(request, "order")?.as_bytes()]))
}

/// Places an order, once for its id: the same contents again answer as the order stands.
pub(super) fn place(
    db: &Connection,
    app: &App,
    device: &DeviceId,
    request: &OrderRequest,
    fingerprint: &[u8; 32],
    now_ms: i64,
) -> Result<Stored, Fault> {
    act::run_clock(db, app, now_ms)?;
    let member = devices::member_of(db, device)?;
    let parts = members::parts(db, &member)?;
    if let Some(known) = table::find(db, &request.id)? {
        let is_own = known.member.as_ref().is_some_and(|member| parts.contains(member));
        if is_own && bool::from(known.fingerprint.ct_eq(fingerprint)) {
            return Ok(known);
        }
        return Err(conflict("this id was used for an order with other contents: a new order needs a new id").into());
    }
    let placing = Placing { device, member, parts, request, now_ms };
    let shop = menus::shop(db, app, &request.store)?
        .ok_or_else(|| Refusal::new(Reason::NotFound, "this store takes no orders: fetch the stores again"))?;
    pricing::check_terms(&shop.told.terms, request.cart.handoff, request.payment.method)?;
    replaced(db, &placing)?;
    let seat_name = match &request.seat {
        Some(session) => Some(seats::open_session(db, &request.store, session, &placing.member, now_ms)?.seat),
        None => None,
    };
    let (rules, decided) = pricing::with_book(db, &shop, (&request.store, request.of, &request.cart, now_ms), |book| {
        let promise = promise(db, app, &shop, &placing)?;
        let rules = pricing::rules(&shop, book, &wish(&placing, promise.as_ref()));
        let decided = match promise {
            Some(promise) => decide(db, app, &shop, book, &placing, promise)?,
            None => slot_gone(db, app, &shop, book, &placing)?,
        };
        Ok((rules, decided))
    })?;
    let mut stored = stored(app, &shop, &placing, rules, seat_name)?;
    stored.fingerprint = fingerprint.to_vec();
    match decided {
        Decided::Question { reason, question, priced } => ask(&mut stored, reason, *question, priced),
        Decided::Order { priced, promise } => order(db, app, &mut stored, *priced, &promise, &placing)?,
    }
    table::save(db, &mut stored, now_ms)?;
    Ok(stored)
}

fn conflict(detail: &str) -> Refusal {
    Refusal::new(Reason::OrderConflict, detail)
}

/// A yes names an order that asked a question, and takes its place alone.
fn replaced(db: &Connection, placing: &Placing<'_>) -> Result<(), Fault> {
    let Some(id) = &placing.request.replaces else { return Ok(()) };
    let is_own = |stored: &Stored| stored.member.as_ref().is_some_and(|member| placing.parts.contains(member));
    let before = table::find(db, id)?.filter(is_own);
    let before = before.ok_or_else(|| Refusal::new(Reason::NotFound, "the order that it replaces is none of this member's"))?;
    if !before.order.state.is_final() || before.order.state == OrderState::Completed {
        return Err(conflict("only an order that did not come about can be replaced: cancel it first").into());
    }
    if table::replaced_by(db, id)?.is_some() {
        return Err(conflict("another order has taken its place: fetch the orders again").into());
    }
    Ok(())
}

enum Decided {
    Question { reason: RejectReason, question: Box<OrderQuestion>, priced: Option<Box<Priced>> },
    Order { priced: Box<Priced>, promise: Promise },
}

/// When it is ready; `None` for an order of the menu for which no slot is held, where a kitchen has any.
fn promise(db: &Connection, app: &App, shop: &Shop, placing: &Placing<'_>) -> Result<Option<Promise>, Fault> {
    match placing.request.of {
        OrderOf::Menu if shop.told.kitchen.is_some() => held(db, app, placing),
        // Goods, and a store in which nothing is made to order.
        OrderOf::Menu | OrderOf::Goods => {
            let ready_ms = without_slot(placing.request.shown.promised_ms, placing.now_ms)?;
            Ok(Some(Promise { ready_ms, deadline_ms: None, slot: None }))
        }
    }
}

fn decide(db: &Connection, app: &App, shop: &Shop, book: &MenuBook, placing: &Placing<'_>, promise: Promise) -> Result<Decided, Fault> {
    let request = placing.request;
    let wish = wish(placing, Some(&promise));
    let LookedAt { changes, priced, coupons_out } = pricing::look_at(db, shop, book, &wish)?;
    let question = |changes: Vec<CartChange>, short: Vec<GoodsShort>, priced: Option<Priced>| Decided::Question {
        reason: RejectReason::Changed,
        question: Box::new(OrderQuestion {
            changes,
            slot: None,
            short,
            shown_now: priced.as_ref().map(|priced| priced.snapshot.clone()),
            coupons_out: coupons_out.clone(),
        }),
        priced: priced.map(Box::new),
    };
    let Some(priced) = priced else { return Ok(question(changes, Vec::new(), None)) };
    if !changes.is_empty() || priced.snapshot.digest() != request.shown.digest() {
        return Ok(question(changes, Vec::new(), Some(priced)));
    }
    if request.of == OrderOf::Goods {
        let until_ms = priced.snapshot.kept_until_ms;
        let of = GoodsOf { order: &request.id, store: &request.store, member: &placing.member, until_ms };
        if let Err(short) = reservations::reserve_for_order(db, app, &of, &pricing::pieces(&request.cart), placing.now_ms)? {
            return Ok(question(Vec::new(), short, Some(priced)));
        }
    }
    Ok(Decided::Order { priced: Box::new(priced), promise })
}

/// Without a promise: as it was shown.
fn wish<'a>(placing: &'a Placing<'a>, promise: Option<&Promise>) -> Wish<'a> {
    let request = placing.request;
    Wish {
        device: placing.device,
        member: &placing.member,
        parts: &placing.parts,
        store: &request.store,
        of: request.of,
        cart: &request.cart,
        method: request.payment.method,
        promised_ms: promise.map_or(request.shown.promised_ms, |promise| promise.ready_ms),
        deadline_ms: promise.and_then(|promise| promise.deadline_ms),
        coupons: &request.coupons,
        points: request.points,
        now_ms: placing.now_ms,
    }
}

/// The slot that is held for this order, also one that was held for the order that it replaces.
fn held(db: &Connection, app: &App, placing: &Placing<'_>) -> Result<Option<Promise>, Fault> {
    let request = placing.request;
    let held = |order: &OrderId| slots::held(db, &request.store, &placing.parts, order, placing.now_ms);
    let mut booking = held(&request.id)?;
    if booking.is_none()
        && let Some(before) = &request.replaces
        && held(before)?.is_some()
    {
        slots::hand_on(db, app, before, &request.id, placing.now_ms)?;
        booking = held(&request.id)?;
    }
    Ok(booking.map(|SlotBooking { slot, state, .. }| Promise {
        ready_ms: slot.promised_ms,
        deadline_ms: match state {
            BookingState::Held { until_ms } => Some(until_ms),
            BookingState::Confirmed => None,
        },
        slot: Some(slot),
    }))
}

/// No slot is held: with other times, where the wanted one is not to be had any more.
fn slot_gone(db: &Connection, app: &App, shop: &Shop, book: &MenuBook, placing: &Placing<'_>) -> Result<Decided, Fault> {
    let request = placing.request;
    let per_order = shop.told.kitchen.as_ref().map_or(&[][..], |kitchen| kitchen.per_order.as_slice());
    let tasks = make_tasks(&request.cart, book, per_order);
    let quote = slots::quote(db, app, &request.store, &tasks, request.time, placing.now_ms)?;
    let slot = quote.and_then(Result::err);
    let question = OrderQuestion { changes: Vec::new(), slot, short: Vec::new(), shown_now: None, coupons_out: Vec::new() };
    Ok(Decided::Question { reason: RejectReason::SlotGone, question: Box::new(question), priced: None })
}

/// Without a slot, what the person saw is what is promised, within reason.
pub(super) fn without_slot(shown_ms: i64, now_ms: i64) -> Result<i64, Refusal> {
    if shown_ms < now_ms.saturating_sub(PAST_MS) || shown_ms > now_ms.saturating_add(AHEAD_MS) {
        return Err(Refusal::invalid("shown.promised_ms of what no kitchen makes is from now on, and within a week"));
    }
    Ok(shown_ms)
}

/// The order before anything of it is decided.
fn stored(app: &App, shop: &Shop, placing: &Placing<'_>, rules: OrderRules, seat_name: Option<String>) -> Result<Stored, Fault> {
    let Placing { request, now_ms, .. } = placing;
    let terms = &shop.told.terms;
    let order = Order::draft(request.id.clone(), Vec::new(), rules, request.shown.promised_ms);
    Ok(Stored {
        order: Order { replaces: request.replaces.clone(), ..order },
        facts: Facts {
            of: request.of,
            cart: request.cart.clone(),
            time: request.time,
            shown: request.shown.clone(),
            terms: terms.clone(),
            lines: Vec::new(),
            coupons: SaleCoupons { used: Vec::new(), shown: Vec::new() },
            willing: request.coupons.clone(),
            token: request.payment.token.clone(),
            step_up_url: None,
            question: None,
            avoids: request.avoids.clone(),
            vehicle: request.vehicle.clone(),
            deliver_to: request.deliver_to.clone(),
            seat_name,
            nearby: None,
            here: None,
            shelf: None,
            tries: PickupTries::default(),
            at_counter_minor: 0,
            refunded_minor: 0,
            owed_back_minor: 0,
            start_ms: *now_ms,
            ready_at_ms: None,
            nudge_points: 0,
            age_checked_ms: None,
            handed_over_by: None,
            has_receipt: false,
        },
        member: Some(placing.member.clone()),
        store: request.store.clone(),
        call: None,
        fingerprint: Vec::new(),
        seat: request.seat.clone(),
        version: 0,
        placed_at_ms: *now_ms,
        changed_at_ms: *now_ms,
        ended_at_ms: None,
        pickup_code: Some(PickupCode::from_random(app.random()?)),
        pass: None,
    })
}

/// Nothing of it is ordered: no step was taken, so nothing has to be given back. A slot stays held as long as it would have.
fn ask(stored: &mut Stored, reason: RejectReason, question: OrderQuestion, priced: Option<Box<Priced>>) {
    (stored.order.state, stored.order.rejected) = (OrderState::Rejected, Some(reason));
    (stored.order.slot_released, stored.order.coupons_restored) = (true, true);
    if let Some(priced) = priced {
        stored.order.lines = priced.lines;
        stored.facts.lines = priced.of;
    }
    stored.facts.token = None;
    stored.facts.question = Some(question);
}

/// A kitchen's day and a store's goods are not for one who pays nothing.
fn check_most(db: &Connection, parts: &[MemberId]) -> Result<(), Fault> {
    let is_unpaid = |stored: &Stored| {
        let order = &stored.order;
        let paid = matches!(order.payment, PaymentState::Authorised { .. } | PaymentState::Capturing | PaymentState::Captured);
        order.state != OrderState::PickedUp && !paid && order.left_minor() > 0
    };
    // Most members have too few for that, paid or not: then none is read.
    if table::count_open_of_member(db, parts)? < MOST_UNPAID
        || (table::open_of_member(db, parts)?.iter().filter(|stored| is_unpaid(stored)).count() as u64) < MOST_UNPAID
    {
        return Ok(());
    }
    let detail = format!("at most {MOST_UNPAID} orders of a member are open that are not paid: pay, fetch or cancel one first");
    Err(Refusal::new(Reason::TooManyAttempts, detail).retry_after(60).into())
}

/// Takes the slot, the coupons and the points, and sends the order on its way.
fn order(db: &Connection, app: &App, stored: &mut Stored, priced: Priced, promise: &Promise, placing: &Placing<'_>) -> Result<(), Fault> {
    let now_ms = placing.now_ms;
    check_most(db, &placing.parts)?;
    if let Some(slot) = promise.slot {
        slots::confirm(db, app, &stored.store, &placing.parts, &stored.order.id, now_ms)?.map_err(|error| conflict(&error.to_string()))?;
        (stored.facts.start_ms, stored.facts.nudge_points) = (slot.start_ms, slot.nudge_points);
    }
    let buying = Buying {
        device: placing.device,
        member: &placing.member,
        parts: &placing.parts,
        store: &stored.store,
        channel: pricing::channel(stored.facts.of),
        now_ms,
    };
    coupons::spend(db, &stored.order.id, &priced.coupons, &buying)?;
    act::add_points(db, stored, PointsKind::Burn, priced.snapshot.points.saturating_neg(), now_ms)?;
    stored.order.lines = priced.lines;
    stored.order.promised_ms = promise.ready_ms;
    table::number(db, stored)?;
    stored.facts.lines = priced.of;
    stored.facts.coupons = priced.coupons;
    act::step(db, app, stored, &OrderEvent::Submit, OrderActor::Person, now_ms)?;
    accept_if_paid(db, app, stored, now_ms)
}
