//! What the person does about an order.

use noren_rules::cart::{Cart, CartChange, OrderSnapshot, PaymentMethod};
use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::menu::HandoffMode;
use noren_rules::order::{OrderActor, OrderEvent, OrderState, PaymentState};
use noren_rules::points::PointsKind;
use noren_rules::slots::{PickupTime, make_tasks};
use noren_rules::wire::{OrderAnswer, OrderOf, OrderQuestion, OrderStep, OrderStepRequest, Reason};
use rusqlite::Connection;

use super::act::{self, accept_if_paid};
use super::coupons::{self, Buying};
use super::pricing::{self, LookedAt, Priced, Wish};
use super::table::{self, Here, Nearby, Stored};
use super::{place, view};
use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::{devices, members, menus, slots};

/// Takes the person's step. What is not as it was shown is a question, and changes nothing.
pub(super) fn take(db: &Connection, app: &App, device: &DeviceId, request: &OrderStepRequest, now_ms: i64) -> Result<Answered, Fault> {
    act::run_clock(db, app, now_ms)?;
    let member = devices::member_of(db, device)?;
    let parts = members::parts(db, &member)?;
    let is_own = |stored: &Stored| stored.member.as_ref().is_some_and(|member| parts.contains(member));
    let mut stored = table::find(db, &request.order)?.filter(is_own).ok_or_else(no_such_order)?;
    let by = OrderActor::Person;
    // A phone whose clock is ahead has said it now: else nothing that it says later would be newer.
    let said_at_ms = request.at_ms.min(now_ms);
    match &request.step {
        OrderStep::Cancel => act::act(db, app, &mut stored, &OrderEvent::Cancel, by, now_ms)?,
        OrderStep::PayAtCounter => {
            pricing::check_terms(&stored.facts.terms, stored.facts.cart.handoff, PaymentMethod::AtCounter)?;
            act::step(db, app, &mut stored, &OrderEvent::PayAtCounter, by, now_ms)?;
            accept_if_paid(db, app, &mut stored, now_ms)?;
            table::save(db, &mut stored, now_ms)?;
        }
        OrderStep::PayAgain { token } => {
            stored.facts.token = Some(token.clone());
            act::act(db, app, &mut stored, &OrderEvent::PayAgain, by, now_ms)?;
        }
        OrderStep::StepUpDone => step_up_done(db, &mut stored, now_ms)?,
        OrderStep::Nearby { eta_min } => {
            live(&stored)?;
            // Of words that overtake each other the newest counts.
            if stored.facts.nearby.as_ref().is_none_or(|last| last.said_at_ms < said_at_ms) {
                stored.facts.nearby = Some(Nearby { said_at_ms, eta_min: *eta_min });
                table::save(db, &mut stored, now_ms)?;
            }
        }
        OrderStep::Here { spot } => {
            live(&stored)?;
            if stored.facts.here.as_ref().is_none_or(|last| last.said_at_ms < said_at_ms) {
                stored.facts.here = Some(Here { said_at_ms, spot: spot.trim().to_owned() });
                table::save(db, &mut stored, now_ms)?;
            }
        }
        OrderStep::Edit { cart, time, shown } => {
            let change = Change { device, member: &member, parts: &parts, cart: cart.clone(), shown, now_ms };
            return edit(db, app, stored, &change, *time);
        }
        OrderStep::Amend { tax_handoff, shown } => {
            let cart = stored.facts.cart.amended(*tax_handoff);
            let change = Change { device, member: &member, parts: &parts, cart, shown, now_ms };
            return amend(db, app, stored, &change);
        }
    }
    Ok(Answered { answer: view::answer(&stored, now_ms), member })
}

/// An answer and whom it is about.
pub(super) struct Answered {
    pub(super) answer: OrderAnswer,
    pub(super) member: MemberId,
}

pub(super) fn no_such_order() -> Refusal {
    Refusal::new(Reason::NotFound, "there is no such order: fetch the orders again")
}

fn conflict(detail: &str) -> Refusal {
    Refusal::new(Reason::OrderConflict, detail)
}

/// Words about the way are for an order that can still be fetched.
fn live(stored: &Stored) -> Result<(), Refusal> {
    match stored.order.state {
        OrderState::Submitted | OrderState::Accepted | OrderState::InPreparation | OrderState::Ready => Ok(()),
        state => Err(conflict(&format!("the order is {state:?}: there is nothing to come for"))),
    }
}

/// What the provider asked for is done: the provider is asked what became of it.
fn step_up_done(db: &Connection, stored: &mut Stored, now_ms: i64) -> Result<(), Fault> {
    if stored.order.payment != PaymentState::StepUp {
        // Said again, or the provider has said so itself.
        return Ok(());
    }
    let sql = "UPDATE order_effects SET state = 'asked', ask_ms = ?2 WHERE order_id = ?1 AND state = 'waits'";
    db.prepare_cached(sql)?.execute(rusqlite::params![stored.order.id.as_str(), now_ms])?;
    stored.facts.step_up_url = None;
    table::save(db, stored, now_ms)
}

/// Another cart, or the same one handed over in another way.
struct Change<'a> {
    device: &'a DeviceId,
    member: &'a MemberId,
    parts: &'a [MemberId],
    cart: Cart,
    shown: &'a OrderSnapshot,
    now_ms: i64,
}

/// Other lines or another time, before the store has accepted.
fn edit(db: &Connection, app: &App, stored: Stored, change: &Change<'_>, time: PickupTime) -> Result<Answered, Fault> {
    if stored.order.state != OrderState::Submitted || stored.facts.of != OrderOf::Menu {
        return Err(conflict("only an order of the menu that the store has not accepted is changed: cancel it and order anew").into());
    }
    // The seat and the address were named with the order.
    let named = |handoff: HandoffMode| matches!(handoff, HandoffMode::DineIn | HandoffMode::Delivery);
    let (before, after) = (stored.facts.cart.handoff, change.cart.handoff);
    if before != after && (named(before) || named(after)) {
        return Err(
            Refusal::invalid("an order at a table or a delivery stays one, and no other becomes one: cancel it and order anew").into()
        );
    }
    undoable(db, &stored, change, |edited| {
        let shop = menus::shop(db, app, &edited.store)?.ok_or_else(no_such_order)?;
        let book = shop.book.as_ref().ok_or_else(no_such_order)?;
        pricing::check_terms(&shop.told.terms, change.cart.handoff, edited.order.rules.method)?;
        let per_order = shop.told.kitchen.as_ref().map_or(&[][..], |kitchen| kitchen.per_order.as_slice());
        let tasks = make_tasks(&change.cart, book, per_order);
        let slot = match slots::move_to(db, app, &edited.order.id, &tasks, time, change.now_ms)? {
            Some(Ok(booking)) => Some(booking.slot),
            Some(Err(refusal)) => return Ok(Err(question(None, Vec::new(), Some(refusal), Vec::new()))),
            None if shop.told.kitchen.is_none() => None,
            None => return Err(conflict("the order's slot is gone: cancel it and order anew").into()),
        };
        let promised_ms = match slot {
            Some(slot) => slot.promised_ms,
            None => place::without_slot(change.shown.promised_ms, change.now_ms)?,
        };
        give_up_coupons_and_points(db, edited, change.now_ms)?;
        let priced = match look_at(db, app, edited, change, promised_ms, |_| true)? {
            Ok(priced) => priced,
            Err(question) => return Ok(Err(question)),
        };
        // Under the rules that were shown with the new time.
        let rules = pricing::rules(&shop, book, &wish(edited, change, promised_ms));
        let event = OrderEvent::Edit { lines: priced.lines.clone(), promised_ms, rules };
        take_up(db, edited, change, priced)?;
        edited.facts.time = time;
        if let Some(slot) = slot {
            (edited.facts.start_ms, edited.facts.nudge_points) = (slot.start_ms, slot.nudge_points);
        }
        act::step(db, app, edited, &event, OrderActor::Person, change.now_ms)?;
        table::number(db, edited)?;
        accept_if_paid(db, app, edited, change.now_ms)?;
        Ok(Ok(()))
    })
}

/// Eat-in to take-out or back: the same pieces, coupons and points, priced again.
fn amend(db: &Connection, app: &App, stored: Stored, change: &Change<'_>) -> Result<Answered, Fault> {
    undoable(db, &stored, change, |amended| {
        give_up_coupons_and_points(db, amended, change.now_ms)?;
        let promised_ms = amended.order.promised_ms;
        let priced = match look_at(db, app, amended, change, promised_ms, CartChange::forbids_amendment)? {
            Ok(priced) => priced,
            Err(question) => return Ok(Err(question)),
        };
        let event = OrderEvent::Amend { lines: priced.lines.clone() };
        take_up(db, amended, change, priced)?;
        act::step(db, app, amended, &event, OrderActor::Person, change.now_ms)?;
        Ok(Ok(()))
    })
}

/// Does all of it, or nothing where it ends in a question.
fn undoable(
    db: &Connection,
    stored: &Stored,
    change: &Change<'_>,
    work: impl FnOnce(&mut Stored) -> Result<Result<(), OrderQuestion>, Fault>,
) -> Result<Answered, Fault> {
    let mut changed = stored.clone();
    db.execute_batch("SAVEPOINT order_change")?;
    let done = work(&mut changed);
    let member = change.member.clone();
    match done {
        Ok(Ok(())) => {
            db.execute_batch("RELEASE order_change")?;
            table::save(db, &mut changed, change.now_ms)?;
            Ok(Answered { answer: view::answer(&changed, change.now_ms), member })
        }
        Ok(Err(question)) => {
            db.execute_batch("ROLLBACK TO order_change; RELEASE order_change")?;
            let answer = OrderAnswer { question: Some(question), ..view::answer(stored, change.now_ms) };
            Ok(Answered { answer, member })
        }
        // The whole write is taken back.
        Err(fault) => Err(fault),
    }
}

fn question(
    shown_now: Option<OrderSnapshot>,
    changes: Vec<CartChange>,
    slot: Option<noren_rules::slots::SlotRefusal>,
    coupons_out: Vec<u64>,
) -> OrderQuestion {
    OrderQuestion { changes, slot, short: Vec::new(), shown_now, coupons_out }
}

/// So that the new price finds them as if nothing had been ordered.
fn give_up_coupons_and_points(db: &Connection, stored: &Stored, now_ms: i64) -> Result<(), Fault> {
    coupons::forget(db, &stored.order.id, now_ms)?;
    act::add_points(db, stored, PointsKind::Reverse, stored.facts.shown.points, now_ms)
}

fn wish<'a>(stored: &'a Stored, change: &'a Change<'_>, promised_ms: i64) -> Wish<'a> {
    Wish {
        device: change.device,
        member: change.member,
        parts: change.parts,
        store: &stored.store,
        of: stored.facts.of,
        cart: &change.cart,
        method: stored.order.rules.method,
        promised_ms,
        deadline_ms: None,
        coupons: &stored.facts.willing,
        points: stored.facts.shown.points,
        now_ms: change.now_ms,
    }
}

fn look_at(
    db: &Connection,
    app: &App,
    stored: &Stored,
    change: &Change<'_>,
    promised_ms: i64,
    matters: impl Fn(&CartChange) -> bool,
) -> Result<Result<Priced, OrderQuestion>, Fault> {
    let shop = menus::shop(db, app, &stored.store)?.ok_or_else(no_such_order)?;
    let wish = wish(stored, change, promised_ms);
    let LookedAt { mut changes, priced, coupons_out } =
        pricing::with_book(db, &shop, (&stored.store, stored.facts.of, &change.cart, change.now_ms), |book| {
            pricing::look_at(db, &shop, book, &wish)
        })?;
    // What has left the menu meanwhile has no price any more: that is what the person is told then.
    if priced.is_some() {
        changes.retain(matters);
    }
    Ok(match priced {
        Some(priced) if changes.is_empty() && priced.snapshot.digest() == change.shown.digest() => Ok(priced),
        priced => Err(question(priced.map(|priced| priced.snapshot), changes, None, coupons_out)),
    })
}

fn take_up(db: &Connection, stored: &mut Stored, change: &Change<'_>, priced: Priced) -> Result<(), Fault> {
    let buying = Buying {
        device: change.device,
        member: change.member,
        parts: change.parts,
        store: &stored.store,
        channel: pricing::channel(stored.facts.of),
        now_ms: change.now_ms,
    };
    coupons::spend(db, &stored.order.id, &priced.coupons, &buying)?;
    act::add_points(db, stored, PointsKind::Burn, priced.snapshot.points.saturating_neg(), change.now_ms)?;
    stored.facts.cart = change.cart.clone();
    stored.facts.shown = priced.snapshot;
    stored.facts.lines = priced.of;
    stored.facts.coupons = priced.coupons;
    Ok(())
}
