//! Handing over: by the pickup code, by a pass that the member gave to somebody else, or by the member's card.

use noren_rules::ids::{DeviceId, OrderId, StoreId};
use noren_rules::order::{OrderActor, OrderEvent, OrderState, PickupCode};
use noren_rules::wire::{HandOverRequest, KitchenOrder, OrderOf, PassRequest, PickupPass, Reason, paths};
use rusqlite::Connection;
use subtle::ConstantTimeEq;

use super::table::{self, HandedOverBy, Stored};
use super::{act, check, kitchen};
use crate::app::App;
use crate::customer::{self, Scanned};
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, Naming, TillCaller};
use crate::{devices, members, tills};

const MAX_REFUSED: usize = 200;

/// POST [`paths::KITCHEN_HAND_OVERS`].
pub(crate) async fn post(call: Call) -> Answer {
    let till = call.till_caller().await?;
    call.write_headers()?;
    check::no_card_number(&call)?;
    let request: HandOverRequest = call.json()?;
    if request.refused.len() > MAX_REFUSED {
        return Err(Refusal::invalid(format!("at most {MAX_REFUSED} lines are refused")));
    }
    let (app, caller) = (call.app.clone(), Caller::Till(till.till.clone()));
    let answer = call.write(paths::KITCHEN_HAND_OVERS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        act::run_clock(db, app, now_ms)?;
        hand_over(db, app, &till, &request, now_ms)
    });
    let answer = answer.await;
    super::written(&app).await;
    answer
}

fn hand_over(db: &Connection, app: &App, till: &TillCaller, request: &HandOverRequest, now_ms: i64) -> Result<Naming<KitchenOrder>, Fault> {
    let store = tills::store_of(db, &till.till)?;
    let (mut stored, by) = match &request.order {
        Some(order) => {
            let mut stored = kitchen::of_this_store(db, order, &store)?;
            still_there(&stored)?;
            let by = shown_for(db, app, till, &mut stored, &request.code, now_ms)?;
            (stored, by)
        }
        None => by_code_alone(db, app, till, &store, &request.code, now_ms)?,
    };
    still_there(&stored)?;
    let mut refused: Vec<usize> = request.refused.iter().map(|line| usize::try_from(*line).unwrap_or(usize::MAX)).collect();
    refused.sort_unstable();
    refused.dedup();
    if stored.facts.of == OrderOf::Goods {
        for line in &refused {
            let left = stored.order.lines.get(*line).map_or(0, |line| line.paid.left_pieces());
            kitchen::drop_goods(db, app, &stored, *line, left, now_ms)?;
        }
    }
    stored.facts.handed_over_by = Some(by);
    stored.facts.age_checked_ms = request.age_checked.then_some(now_ms);
    let event = OrderEvent::HandOver { age_checked: request.age_checked, refused };
    act::act(db, app, &mut stored, &event, OrderActor::Store, now_ms)?;
    kitchen::named(db, app, stored, now_ms)
}

fn still_there(stored: &Stored) -> Result<(), Refusal> {
    match stored.order.state {
        OrderState::Ready => Ok(()),
        state => Err(Refusal::new(Reason::OrderConflict, format!("the order is {state:?}: only one that is ready is handed over"))),
    }
}

/// By what an order is handed over. A wrong code counts, and stays counted.
fn shown_for(db: &Connection, app: &App, till: &TillCaller, stored: &mut Stored, code: &str, now_ms: i64) -> Result<HandedOverBy, Fault> {
    if PickupCode::read(code).is_err() {
        let member = scanned(db, app, till, code, now_ms)?;
        let parts = members::parts(db, &member)?;
        return if stored.member.as_ref().is_some_and(|member| parts.contains(member)) {
            Ok(HandedOverBy::Card)
        } else {
            Err(refused("this card's member has no such order").into())
        };
    }
    let is_pass = stored.facts.tries.is_open() && stored.pass.as_ref().is_some_and(|pass| is_same(pass, code));
    if is_pass {
        return Ok(HandedOverBy::Pass);
    }
    let expected = stored.pickup_code.clone().ok_or(Fault::Stored("pickup code"))?;
    if stored.facts.tries.check(&expected, code) {
        return Ok(HandedOverBy::Code);
    }
    table::save(db, stored, now_ms)?;
    let detail = if stored.facts.tries.is_open() {
        "the code does not hand over this order: type it as it stands on the phone"
    } else {
        "a wrong code was given too often: scan the member's card"
    };
    // Kept: the wrong try was counted.
    Err(refused(detail).keep().into())
}

fn is_same(expected: &PickupCode, given: &str) -> bool {
    PickupCode::read(given).is_ok_and(|given| bool::from(given.as_str().as_bytes().ct_eq(expected.as_str().as_bytes())))
}

/// The one order that a code names; of a card, the one order of its member that is ready here.
fn by_code_alone(
    db: &Connection,
    app: &App,
    till: &TillCaller,
    store: &StoreId,
    code: &str,
    now_ms: i64,
) -> Result<(Stored, HandedOverBy), Fault> {
    if let Ok(read) = PickupCode::read(code) {
        let mut stored = table::by_code(db, store, &read)?.ok_or_else(|| refused("no order of this store is handed over by this code"))?;
        still_there(&stored)?;
        let by = shown_for(db, app, till, &mut stored, code, now_ms)?;
        return Ok((stored, by));
    }
    let member = scanned(db, app, till, code, now_ms)?;
    let orders = table::of_member(db, &members::parts(db, &member)?, now_ms)?;
    let mut ready = orders.into_iter().filter(|stored| stored.store == *store && stored.order.state == OrderState::Ready);
    match (ready.next(), ready.next()) {
        (Some(stored), None) => Ok((stored, HandedOverBy::Card)),
        (None, _) => Err(refused("this card's member has no order that is ready in this store").into()),
        (Some(_), Some(_)) => {
            Err(Refusal::new(Reason::OrderConflict, "this member has several orders that are ready: name one of them").into())
        }
    }
}

/// Whose card it is; only one that shows a fresh code hands anything over.
fn scanned(db: &Connection, app: &App, till: &TillCaller, text: &str, now_ms: i64) -> Result<noren_rules::ids::MemberId, Fault> {
    let Scanned { member, code } = match customer::scan(db, app, &till.till, text, now_ms, now_ms)? {
        Ok(scanned) => scanned,
        Err(reason) => return Err(refused(&format!("{reason}: neither a pickup code nor a member's card")).keep().into()),
    };
    let Some(code) = code else {
        return Err(refused("a static code may be copied: ask for the pickup code or the rotating code on the phone").into());
    };
    if customer::highest_step_elsewhere(db, &code, till)?.is_some_and(|highest| highest >= code.step) {
        return Err(refused("this card's code was used before: ask the member to show the card again").into());
    }
    customer::take(db, &code, &till.till, None, now_ms)?;
    Ok(member)
}

fn refused(detail: &str) -> Refusal {
    Refusal::new(Reason::CodeRefused, detail)
}

/// POST [`paths::ORDER_PASSES`].
pub(crate) async fn pass(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let PassRequest { order } = call.json()?;
    check::id(&order)?;
    let (app, caller) = (call.app.clone(), Caller::Device(device.clone()));
    let answer =
        call.write(paths::ORDER_PASSES, &caller, Fingerprint::Body, move |db, app, now_ms| new_pass(db, app, &device, &order, now_ms));
    let answer = answer.await;
    super::written(&app).await;
    answer
}

fn new_pass(db: &Connection, app: &App, device: &DeviceId, order: &OrderId, now_ms: i64) -> Result<Naming<PickupPass>, Fault> {
    act::run_clock(db, app, now_ms)?;
    let member = devices::member_of(db, device)?;
    let parts = members::parts(db, &member)?;
    let is_own = |stored: &Stored| stored.member.as_ref().is_some_and(|member| parts.contains(member));
    let mut stored = table::find(db, order)?.filter(is_own).ok_or_else(super::steps::no_such_order)?;
    if stored.pickup_code.is_none() {
        return Err(Refusal::new(Reason::OrderConflict, "the order was handed over, or is not to be had any more").into());
    }
    let code = PickupCode::from_random(app.random()?);
    stored.pass = Some(code.clone());
    table::save(db, &mut stored, now_ms)?;
    Ok(Naming { answer: PickupPass { order: order.clone(), code: code.as_str().to_owned() }, about: Some(member) })
}
