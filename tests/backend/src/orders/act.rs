//! One step of an order, with all that follows from it, in the caller's transaction. What only the payment provider can do is left for the worker,
//! under its key.

use noren_rules::cart::PaymentMethod;
use noren_rules::ids::OrderId;
use noren_rules::order::{Order, OrderActor, OrderEffect, OrderEvent, OrderState, OrderStepError, PaymentState};
use noren_rules::points::{PointsEntry, PointsKind};
use noren_rules::wire::{OrderOf, Reason};
use rusqlite::{Connection, params};

use super::table::Stored;
use super::{coupons, kitchen, receipts, table};
use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::store::to_json;
use crate::{members, points, reservations, seats, slots};

/// How long an order that cannot be read or changed is left alone.
pub(super) const AILING_MS: i64 = 600_000;

/// Takes a step and writes the order.
pub(crate) fn act(db: &Connection, app: &App, stored: &mut Stored, event: &OrderEvent, by: OrderActor, now_ms: i64) -> Result<(), Fault> {
    step(db, app, stored, event, by, now_ms)?;
    table::save(db, stored, now_ms)
}

/// Takes a step; the caller writes the order.
pub(super) fn step(db: &Connection, app: &App, stored: &mut Stored, event: &OrderEvent, by: OrderActor, now_ms: i64) -> Result<(), Fault> {
    let (next, effects) = stored.order.apply(event, by, now_ms).map_err(refused)?;
    let before = std::mem::replace(&mut stored.order, next);
    // Pieces come back one effect after the other: each is held against the one before.
    let mut so_far = before.clone();
    for effect in &effects {
        enter(db, app, stored, &so_far, effect, now_ms)?;
        if let OrderEffect::Refund { line, pieces, .. } = effect
            && let Some(line) = so_far.lines.get_mut(*line)
        {
            line.paid.refunded_pieces = line.paid.refunded_pieces.saturating_add(*pieces);
        }
    }
    give_nudge_back(db, stored, &before, now_ms)?;
    follow(db, app, stored, &before, now_ms)
}

/// All of it came back after the hand-over: what the quieter slot gave does, too.
fn give_nudge_back(db: &Connection, stored: &Stored, before: &Order, now_ms: i64) -> Result<(), Fault> {
    let is_left = |order: &Order| order.lines.iter().any(|line| line.paid.left_pieces() > 0);
    if stored.facts.has_receipt && is_left(before) && !is_left(&stored.order) {
        return add_points(db, stored, PointsKind::Adjust, stored.facts.nudge_points.saturating_neg(), now_ms);
    }
    Ok(())
}

/// What a refused step says: the order has moved on, or it is not this one's turn.
fn refused(error: OrderStepError) -> Fault {
    Refusal::new(Reason::OrderConflict, error.to_string()).into()
}

/// What follows from where the order stands now.
fn follow(db: &Connection, app: &App, stored: &mut Stored, before: &Order, now_ms: i64) -> Result<(), Fault> {
    let state = stored.order.state;
    if state == before.state {
        return Ok(());
    }
    match state {
        OrderState::Ready => {
            stored.facts.ready_at_ms = Some(now_ms);
            if stored.facts.of == OrderOf::Menu {
                slots::ready(db, app, &stored.order.id, now_ms)?;
            }
        }
        OrderState::PickedUp => {
            (stored.pickup_code, stored.pass) = (None, None);
            if stored.facts.of == OrderOf::Goods {
                reservations::hand_over_order(db, app, &stored.order.id, now_ms)?;
            }
            receipts::sell(db, app, stored, now_ms)?;
            add_points(db, stored, PointsKind::Adjust, stored.facts.nudge_points, now_ms)?;
        }
        OrderState::Accepted if stored.facts.of == OrderOf::Goods => found_before(db, app, stored, now_ms)?,
        // Food that nobody fetched, and that is charged by the operator's rule.
        OrderState::Expired if stored.order.charged => receipts::sell(db, app, stored, now_ms)?,
        _ => {}
    }
    if stored.order.state.is_final() { close_seat(db, stored) } else { Ok(()) }
}

/// What the staff has found before the order was accepted is said again: only now it means something.
fn found_before(db: &Connection, app: &App, stored: &mut Stored, now_ms: i64) -> Result<(), Fault> {
    let news = reservations::news_of_order(db, &stored.order.id)?;
    kitchen::heed(db, app, stored, &news, now_ms)
}

/// The visit at a table is over when all its orders are paid and done. Guests of whom every order was called off so far may order anew.
fn close_seat(db: &Connection, stored: &Stored) -> Result<(), Fault> {
    let Some(seat) = &stored.seat else { return Ok(()) };
    let is_served = |state: OrderState| matches!(state, OrderState::Completed | OrderState::Expired);
    let others = table::of_seat(db, seat)?.into_iter().filter(|other| other.order.id != stored.order.id);
    let others: Vec<OrderState> = others.map(|other| other.order.state).collect();
    let over = others.iter().all(|state| state.is_final());
    if over && (is_served(stored.order.state) || others.into_iter().any(is_served)) { seats::close(db, seat) } else { Ok(()) }
}

fn enter(db: &Connection, app: &App, stored: &mut Stored, before: &Order, effect: &OrderEffect, now_ms: i64) -> Result<(), Fault> {
    let id = stored.order.id.clone();
    match effect {
        OrderEffect::Authorise { .. } | OrderEffect::Capture { .. } => keep(db, &id, effect, true, now_ms),
        OrderEffect::Void { attempt } => {
            // What was not answered yet needs no answer any more: the void closes its key.
            let authorise = OrderEffect::Authorise { attempt: *attempt, amount_minor: 0 }.key(&id);
            let sql = "UPDATE order_effects SET state = 'done' WHERE key = ?1 AND state IN ('due', 'asked', 'waits')";
            db.prepare_cached(sql)?.execute([authorise])?;
            stored.facts.step_up_url = None;
            keep(db, &id, effect, true, now_ms)
        }
        OrderEffect::Collect { amount_minor } => {
            stored.facts.at_counter_minor = stored.facts.at_counter_minor.saturating_add(*amount_minor);
            keep(db, &id, effect, false, now_ms)
        }
        OrderEffect::Refund { line, from_piece, pieces, money_minor, points } => {
            stored.facts.refunded_minor = stored.facts.refunded_minor.saturating_add(*money_minor);
            add_points(db, stored, PointsKind::Reverse, *points, now_ms)?;
            let money_minor = less_at_counter(stored, *money_minor);
            let asked = OrderEffect::Refund { line: *line, from_piece: *from_piece, pieces: *pieces, money_minor, points: *points };
            keep(db, &id, &asked, money_minor > 0, now_ms)?;
            if stored.facts.has_receipt {
                receipts::take_back(db, app, stored, before, (*line, *from_piece, *pieces), now_ms)?;
            }
            Ok(())
        }
        OrderEffect::Drop { points, .. } => {
            add_points(db, stored, PointsKind::Reverse, *points, now_ms)?;
            keep(db, &id, effect, false, now_ms)
        }
        OrderEffect::Difference { number, money_minor } => {
            let money_minor = if *money_minor < 0 { -less_at_counter(stored, -*money_minor) } else { *money_minor };
            keep(db, &id, &OrderEffect::Difference { number: *number, money_minor }, money_minor != 0, now_ms)
        }
        OrderEffect::ReleaseSlot => {
            match stored.facts.of {
                OrderOf::Menu => slots::release(db, app, &id, now_ms).map(drop)?,
                OrderOf::Goods => reservations::release_order(db, app, &id, now_ms)?,
            }
            keep(db, &id, effect, false, now_ms)
        }
        OrderEffect::RestoreCoupons => {
            coupons::restore(db, &id, now_ms)?;
            keep(db, &id, effect, false, now_ms)
        }
    }
}

/// Notes an effect under its key; `due`: for the worker.
fn keep(db: &Connection, order: &OrderId, effect: &OrderEffect, due: bool, now_ms: i64) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO order_effects (key, order_id, effect, state, ask_ms, tries, refused) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)",
    )?
    .execute(params![
        effect.key(order),
        order.as_str(),
        to_json(effect, "order effect")?,
        if due { "due" } else { "done" },
        now_ms
    ])?;
    Ok(())
}

/// What of a refund the provider gives back: the rest is, or was to be, in the till.
pub(super) fn less_at_counter(stored: &mut Stored, money_minor: i64) -> i64 {
    let at_counter = money_minor.min(stored.facts.at_counter_minor).max(0);
    stored.facts.at_counter_minor = stored.facts.at_counter_minor.saturating_sub(at_counter);
    money_minor.saturating_sub(at_counter)
}

/// Points to the member, if there is one still.
pub(super) fn add_points(db: &Connection, stored: &Stored, kind: PointsKind, points: i64, now_ms: i64) -> Result<(), Fault> {
    let Some(member) = &stored.member else { return Ok(()) };
    let member = members::canonical(db, member.as_str())?;
    // Not of a receipt: what a receipt gave is what its sale earned.
    points::add(db, &member, &PointsEntry { kind, points, at_ms: now_ms, receipt_id: None })
}

/// The store takes an order as soon as its payment stands, where it has said so.
pub(super) fn accept_if_paid(db: &Connection, app: &App, stored: &mut Stored, now_ms: i64) -> Result<(), Fault> {
    let order = &stored.order;
    let settled = matches!(order.payment, PaymentState::Open | PaymentState::Authorised { .. });
    let in_time = now_ms < order.rules.accept_by_ms;
    if stored.facts.terms.auto_accept && order.state == OrderState::Submitted && settled && in_time {
        step(db, app, stored, &OrderEvent::Accept, OrderActor::Backend, now_ms)?;
    }
    Ok(())
}

/// What the counter has to collect at hand-over.
pub(super) fn to_collect_minor(stored: &Stored) -> i64 {
    let order = &stored.order;
    let over = order.state.is_final() || order.state == OrderState::PickedUp;
    match order.rules.method {
        _ if over => 0,
        PaymentMethod::AtCounter => order.left_minor(),
        // What the provider did not take of an amendment.
        PaymentMethod::Token => stored.facts.at_counter_minor,
    }
}

/// Does what the clock has to do by now, for all orders.
pub(crate) fn run_clock(db: &Connection, app: &App, now_ms: i64) -> Result<(), Fault> {
    /// A life has fewer steps that time alone takes.
    const MOST_STEPS: usize = 10;
    loop {
        let due = table::due(db, now_ms, 100)?;
        if due.is_empty() {
            return Ok(());
        }
        for id in due {
            let done = apart(db, || {
                let mut stored = table::find(db, &id)?.ok_or(Fault::Stored("order"))?;
                for _ in 0..MOST_STEPS {
                    let Some(event) = stored.order.due(now_ms) else { break };
                    step(db, app, &mut stored, &event, OrderActor::Clock, now_ms)?;
                }
                table::save(db, &mut stored, now_ms)
            })?;
            if let Err(fault) = done {
                tracing::error!(%fault, order = %id, "an order's clock waits: all others go on");
                table::look_later(db, &id, now_ms.saturating_add(AILING_MS))?;
            }
        }
    }
}

/// Does something about one order; where it fails, it is taken back, and what is done about the others stands.
pub(super) fn apart(db: &Connection, work: impl FnOnce() -> Result<(), Fault>) -> Result<Result<(), Fault>, Fault> {
    db.execute_batch("SAVEPOINT one_order")?;
    let done = work();
    db.execute_batch(if done.is_ok() { "RELEASE one_order" } else { "ROLLBACK TO one_order; RELEASE one_order" })?;
    Ok(done)
}
