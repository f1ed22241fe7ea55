//! What the payment provider has to do for orders: called under keys that are committed before, asked again until it answers, and told to the order.
//!
//! One call of an order at a time, in the order in which they followed from its steps. A call that may have been sent is asked for by its key first: so
//! a kill between commit and call, or between call and answer, charges nobody twice.

use std::collections::{BTreeSet, HashMap};

use noren_rules::ids::OrderId;
use noren_rules::order::{OrderActor, OrderEffect, OrderEvent};
use noren_rules::wire::Reason;
use rusqlite::{Connection, params};
use tokio::task::{Id, JoinSet};

use super::act::{self, accept_if_paid};
use super::table::{self, Stored};
use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::payments::{Amount, PaymentProvider, ProviderAnswer};
use crate::store::{from_json, to_json};

/// Calls that are made at once.
const AT_ONCE: usize = 16;
/// The first wait before the provider is asked again; it doubles up to [`LONGEST_WAIT_MS`].
const FIRST_WAIT_MS: i64 = 2_000;
const LONGEST_WAIT_MS: i64 = 60_000;
/// When the provider is asked again to give back what it refused to.
const DECLINED_WAIT_MS: i64 = 3_600_000;

/// A call that is due.
#[derive(Debug, Clone)]
struct Due {
    seq: i64,
    key: String,
    order: OrderId,
    effect: OrderEffect,
    /// True when it may have been sent before.
    asked: bool,
    tries: u32,
    /// How often it was refused, under other keys.
    refused: u32,
    token: String,
    currency: String,
    /// The key of the newest authorisation.
    authorisation: String,
}

/// Does what the clock and the provider have to do by now, until nothing is left. One at a time in the process. Each answer is heard as it comes: a
/// provider that takes its time with one order holds back no other.
pub(crate) async fn settle(app: &App) -> Result<(), Fault> {
    let _one = app.order_work.lock().await;
    let (mut calls, mut open) = (JoinSet::new(), HashMap::<Id, Due>::new());
    loop {
        let now_ms = app.now_ms();
        let busy: BTreeSet<i64> = open.values().map(|due| due.seq).collect();
        let (free, looked) = (AT_ONCE.saturating_sub(busy.len()), busy.clone());
        let look = app.store.read(move |db| Ok((table::any_due(db, now_ms)?, free > 0 && any_due(db, &looked, now_ms)?)));
        let (for_clock, for_provider) = look.await?;
        if for_clock {
            let shared = app.clone();
            app.store.write(move |db| act::run_clock(db, &shared, now_ms)).await?;
            super::events::publish(app).await?;
            continue;
        }
        if for_provider {
            // Noted before it is sent.
            for due in app.store.write(move |db| take(db, &busy, free, now_ms)).await? {
                let (provider, called) = (app.settings.payments.clone(), due.clone());
                let call = calls.spawn_blocking(move || match provider {
                    Some(provider) => ask(provider.as_ref(), &called),
                    None => ProviderAnswer::NoAnswer,
                });
                open.insert(call.id(), due);
            }
        } else if open.is_empty() {
            return Ok(());
        }
        let answers = answered(app, &mut calls, &mut open).await;
        if !answers.is_empty() {
            let shared = app.clone();
            app.store.write(move |db| answers.iter().try_for_each(|(due, answer)| hear_one(db, &shared, due, answer))).await?;
            super::events::publish(app).await?;
        }
    }
}

/// The calls that are answered, as soon as one is; none when there may be others to make meanwhile.
async fn answered(app: &App, calls: &mut JoinSet<ProviderAnswer>, open: &mut HashMap<Id, Due>) -> Vec<(Due, ProviderAnswer)> {
    // Without a tick nothing looks by itself: neither does this.
    let tick = async {
        match app.settings.order_tick {
            Some(tick) => tokio::time::sleep(tick).await,
            None => std::future::pending().await,
        }
    };
    let mut next = tokio::select! {
        joined = calls.join_next_with_id() => joined,
        () = app.order_wake.notified() => None,
        () = tick => None,
    };
    let mut answers = Vec::new();
    while let Some(joined) = next {
        let (id, answer) = match joined {
            Ok(answered) => answered,
            // A provider that panics has not answered: it is asked again later.
            Err(error) => (error.id(), ProviderAnswer::NoAnswer),
        };
        answers.extend(open.remove(&id).map(|due| (due, answer)));
        next = calls.try_join_next_with_id();
    }
    answers
}

/// An order's first call that is not done; one that waits for the person holds back those behind it, one that is declined does not.
const FIRST: &str = "state IN ('due', 'asked', 'declined') AND ask_ms <= ?1
    AND NOT EXISTS (SELECT 1 FROM order_effects e WHERE e.order_id = order_effects.order_id AND e.seq < order_effects.seq
                    AND e.state IN ('due', 'asked', 'waits'))";

/// The numbers of calls that are to be made, those that are being made left out.
fn first(db: &Connection, busy: &BTreeSet<i64>, most: usize, now_ms: i64) -> Result<Vec<i64>, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT seq FROM order_effects WHERE {FIRST} ORDER BY seq LIMIT ?2"))?;
    let limit = i64::try_from(most.saturating_add(busy.len())).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![now_ms, limit], |row| row.get(0))?;
    let all: Vec<i64> = rows.collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|seq| !busy.contains(seq)).take(most).collect())
}

fn any_due(db: &Connection, busy: &BTreeSet<i64>, now_ms: i64) -> Result<bool, Fault> {
    Ok(!first(db, busy, 1, now_ms)?.is_empty())
}

fn take(db: &Connection, busy: &BTreeSet<i64>, most: usize, now_ms: i64) -> Result<Vec<Due>, Fault> {
    let mut all = Vec::new();
    for seq in first(db, busy, most, now_ms)? {
        let taken = act::apart(db, || {
            all.extend(take_one(db, seq, now_ms)?);
            Ok(())
        })?;
        if let Err(fault) = taken {
            leave(db, seq, &fault, now_ms)?;
        }
    }
    Ok(all)
}

/// A call that cannot be read or heard waits; all others go on.
fn leave(db: &Connection, seq: i64, fault: &Fault, now_ms: i64) -> Result<(), Fault> {
    tracing::error!(%fault, seq, "a call to the payment provider waits: all others go on");
    let sql = "UPDATE order_effects SET ask_ms = ?2 WHERE seq = ?1";
    db.prepare_cached(sql)?.execute(params![seq, now_ms.saturating_add(act::AILING_MS)])?;
    Ok(())
}

/// Notes that a call is made; `None` where nothing is left to be called.
fn take_one(db: &Connection, seq: i64, now_ms: i64) -> Result<Option<Due>, Fault> {
    type Taken = (String, String, String, String, u32, u32);
    let sql = "SELECT key, order_id, effect, state, tries, refused FROM order_effects WHERE seq = ?1";
    let (key, order, effect, state, tries, refused): Taken = db
        .prepare_cached(sql)?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)))?;
    let (order, mut effect): (_, OrderEffect) = (OrderId(order), from_json(&effect, "order effect")?);
    let mut stored = table::find(db, &order)?.ok_or(Fault::Stored("order of an effect"))?;
    // Never sent so far: by now it is known what the card has paid, and what the counter has.
    if let OrderEffect::Refund { money_minor, .. } = &mut effect
        && state == "due"
        && stored.facts.at_counter_minor > 0
    {
        *money_minor = act::less_at_counter(&mut stored, *money_minor);
        table::save(db, &mut stored, now_ms)?;
    }
    let is_nothing = matches!(effect, OrderEffect::Refund { money_minor: 0, .. });
    let sql = "UPDATE order_effects SET state = ?2, effect = ?3 WHERE seq = ?1";
    let next = if is_nothing { "done" } else { "asked" };
    db.prepare_cached(sql)?.execute(params![seq, next, to_json(&effect, "order effect")?])?;
    let authorisation = OrderEffect::Authorise { attempt: stored.order.authorised, amount_minor: 0 }.key(&order);
    let due = Due {
        seq,
        // What was refused under a key stays refused under it.
        key: if refused == 0 { key } else { format!("{key}/{refused}") },
        effect,
        asked: state == "asked",
        tries,
        refused,
        token: stored.facts.token.unwrap_or_default(),
        currency: stored.facts.terms.currency,
        authorisation,
        order,
    };
    Ok((!is_nothing).then_some(due))
}

fn ask(provider: &dyn PaymentProvider, due: &Due) -> ProviderAnswer {
    if due.asked {
        match provider.query(&due.key) {
            ProviderAnswer::NotReceived => {}
            answer => return answer,
        }
    }
    let charge = OrderEffect::Capture { amount_minor: 0 }.key(&due.order);
    let amount = |minor| Amount { minor, currency: &due.currency };
    match due.effect {
        OrderEffect::Authorise { amount_minor, .. } => provider.authorise(&due.key, &due.token, amount(amount_minor)),
        OrderEffect::Void { attempt } => provider.void(&due.key, &OrderEffect::Authorise { attempt, amount_minor: 0 }.key(&due.order)),
        OrderEffect::Capture { amount_minor } => provider.capture(&due.key, &due.authorisation, amount(amount_minor)),
        OrderEffect::Refund { money_minor, .. } => provider.refund(&due.key, &charge, amount(money_minor)),
        OrderEffect::Difference { money_minor, .. } if money_minor < 0 => {
            provider.refund(&due.key, &charge, amount(money_minor.saturating_neg()))
        }
        OrderEffect::Difference { money_minor, .. } => provider.charge_more(&due.key, &charge, amount(money_minor)),
        // Done with their step.
        OrderEffect::Collect { .. } | OrderEffect::Drop { .. } | OrderEffect::ReleaseSlot | OrderEffect::RestoreCoupons => {
            ProviderAnswer::Done
        }
    }
}

/// What a call gives back, in minor units.
fn back_minor(effect: &OrderEffect) -> i64 {
    match effect {
        OrderEffect::Refund { money_minor, .. } => *money_minor,
        OrderEffect::Difference { money_minor, .. } => money_minor.saturating_neg().max(0),
        _ => 0,
    }
}

/// The counter gave back what the provider refuses to: it is not asked any more.
pub(super) fn given_back(db: &Connection, stored: &mut Stored, now_ms: i64) -> Result<(), Fault> {
    let sql = "UPDATE order_effects SET state = 'done' WHERE order_id = ?1 AND state = 'declined' RETURNING effect";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([stored.order.id.as_str()], |row| row.get::<_, String>(0))?;
    let mut given_minor: i64 = 0;
    for row in rows {
        given_minor = given_minor.saturating_add(back_minor(&from_json(&row?, "order effect")?));
    }
    if given_minor == 0 {
        let detail = "the provider owes nothing of this order, or is being asked now: fetch the kitchen again";
        return Err(Refusal::new(Reason::OrderConflict, detail).into());
    }
    stored.facts.owed_back_minor = stored.facts.owed_back_minor.saturating_sub(given_minor);
    table::save(db, stored, now_ms)
}

fn hear_one(db: &Connection, app: &App, due: &Due, answer: &ProviderAnswer) -> Result<(), Fault> {
    match act::apart(db, || hear(db, app, due, answer))? {
        Ok(()) => Ok(()),
        Err(fault) => leave(db, due.seq, &fault, app.now_ms()),
    }
}

/// Tells the order what the provider said.
fn hear(db: &Connection, app: &App, due: &Due, answer: &ProviderAnswer) -> Result<(), Fault> {
    let now_ms = app.now_ms();
    let is_authorise = matches!(due.effect, OrderEffect::Authorise { .. });
    let is_capture = matches!(due.effect, OrderEffect::Capture { .. });
    let (state, event) = match answer {
        ProviderAnswer::NoAnswer | ProviderAnswer::NotReceived => ("asked", is_authorise.then_some(OrderEvent::PaymentUnknown)),
        ProviderAnswer::StepUp { .. } if is_authorise => ("waits", Some(OrderEvent::StepUp)),
        ProviderAnswer::Authorised { until_ms } if is_authorise => ("done", Some(OrderEvent::Authorised { until_ms: *until_ms })),
        ProviderAnswer::Done => ("done", is_capture.then_some(OrderEvent::Captured)),
        // An answer that does not go with the call is none that anything can rest on.
        ProviderAnswer::Declined | ProviderAnswer::StepUp { .. } | ProviderAnswer::Authorised { .. } if is_authorise => {
            ("refused", Some(OrderEvent::PaymentRefused))
        }
        // Money that somebody waits for: asked again, and shown to the store meanwhile.
        _ if back_minor(&due.effect) > 0 => ("declined", None),
        ProviderAnswer::Declined | ProviderAnswer::StepUp { .. } | ProviderAnswer::Authorised { .. } => {
            ("refused", is_capture.then_some(OrderEvent::CaptureRefused))
        }
    };
    let is_declined = state == "declined";
    let wait_ms = if is_declined { DECLINED_WAIT_MS } else { FIRST_WAIT_MS.saturating_mul(1 << due.tries.min(5)).min(LONGEST_WAIT_MS) };
    let sql =
        "UPDATE order_effects SET state = ?2, ask_ms = ?3, tries = tries + 1, refused = refused + ?4 WHERE seq = ?1 AND state = 'asked'";
    if db.prepare_cached(sql)?.execute(params![due.seq, state, now_ms.saturating_add(wait_ms), is_declined])? == 0 {
        // The order does not wait for this answer any more: a void came in between.
        return Ok(());
    }
    let mut stored = table::find(db, &due.order)?.ok_or(Fault::Stored("order of an effect"))?;
    if let ProviderAnswer::StepUp { url } = answer {
        stored.facts.step_up_url = Some(url.clone());
    }
    if let (OrderEffect::Difference { money_minor, .. }, "refused") = (&due.effect, state)
        && *money_minor > 0
    {
        // What the card does not give is collected at the counter.
        stored.facts.at_counter_minor = stored.facts.at_counter_minor.saturating_add(*money_minor);
        return table::save(db, &mut stored, now_ms);
    }
    let (back, before) = (back_minor(&due.effect), stored.facts.owed_back_minor);
    match state {
        "declined" if due.refused == 0 => stored.facts.owed_back_minor = before.saturating_add(back),
        "done" if due.refused > 0 => stored.facts.owed_back_minor = before.saturating_sub(back),
        _ => {}
    }
    if stored.facts.owed_back_minor != before {
        return table::save(db, &mut stored, now_ms);
    }
    let Some(event) = event else { return Ok(()) };
    // The order may have moved on meanwhile: what it does not wait for any more, it does not hear.
    if stored.order.apply(&event, OrderActor::Backend, now_ms).is_err() {
        return Ok(());
    }
    act::step(db, app, &mut stored, &event, OrderActor::Backend, now_ms)?;
    if event == OrderEvent::CaptureRefused {
        // Nor is there more to take, or any of it to give back.
        let sql = "UPDATE order_effects SET state = 'done' WHERE order_id = ?1 AND seq > ?2 AND state = 'due'";
        db.prepare_cached(sql)?.execute(params![due.order.as_str(), due.seq])?;
        // What was to be given back of it was never taken.
        stored.facts.refunded_minor = 0;
    }
    accept_if_paid(db, app, &mut stored, now_ms)?;
    table::save(db, &mut stored, now_ms)
}
