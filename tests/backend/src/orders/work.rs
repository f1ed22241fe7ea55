//! What the payment provider has to do for orders: called under keys that are committed before, asked again until it answers, and told to the order.
//!
//! One call of an order at a time, in the order in which they followed from its steps. A call that may have been sent is asked for by its key first: so
//! a kill between commit and call, or between call and answer, charges nobody twice.

use std::collections::BTreeMap;

use noren_rules::ids::OrderId;
use noren_rules::order::{OrderActor, OrderEffect, OrderEvent};
use rusqlite::{Connection, params};

use super::act::{self, accept_if_paid};
use super::table;
use crate::app::App;
use crate::fault::Fault;
use crate::payments::{Amount, PaymentProvider, ProviderAnswer};
use crate::store::from_json;

/// Calls that are made at once.
const AT_ONCE: u32 = 16;
/// The first wait before the provider is asked again; it doubles up to [`LONGEST_WAIT_MS`].
const FIRST_WAIT_MS: i64 = 2_000;
const LONGEST_WAIT_MS: i64 = 60_000;

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
    token: String,
    currency: String,
    /// The key of the newest authorisation.
    authorisation: String,
}

/// Does what the clock and the provider have to do by now, until nothing is left. One at a time in the process.
pub(crate) async fn settle(app: &App) -> Result<(), Fault> {
    let _one = app.order_work.lock().await;
    loop {
        let now_ms = app.now_ms();
        let (for_clock, for_provider) = app.store.read(move |db| Ok((table::any_due(db, now_ms)?, any_due(db, now_ms)?))).await?;
        if for_clock {
            let shared = app.clone();
            app.store.write(move |db| act::run_clock(db, &shared, now_ms)).await?;
            super::events::publish(app).await?;
            continue;
        }
        if !for_provider {
            return Ok(());
        }
        // Noted before it is sent.
        let due = app.store.write(move |db| take(db, now_ms)).await?;
        let answers = call(app, due).await;
        let shared = app.clone();
        app.store.write(move |db| answers.iter().try_for_each(|(due, answer)| hear(db, &shared, due, answer))).await?;
        super::events::publish(app).await?;
    }
}

/// An order's first call that is not done; one that waits for the person holds back those behind it.
const FIRST: &str = "state IN ('due', 'asked') AND ask_ms <= ?1
    AND NOT EXISTS (SELECT 1 FROM order_effects e WHERE e.order_id = order_effects.order_id AND e.seq < order_effects.seq
                    AND e.state IN ('due', 'asked', 'waits'))";

fn any_due(db: &Connection, now_ms: i64) -> Result<bool, Fault> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM order_effects WHERE {FIRST})");
    Ok(db.prepare_cached(&sql)?.query_row([now_ms], |row| row.get(0))?)
}

fn take(db: &Connection, now_ms: i64) -> Result<Vec<Due>, Fault> {
    let sql = format!("SELECT seq, key, order_id, effect, state = 'asked', tries FROM order_effects WHERE {FIRST} ORDER BY seq LIMIT ?2");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![now_ms, AT_ONCE], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?, row.get(4)?, row.get(5)?))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (seq, key, order, effect, asked, tries) = row?;
        let order = OrderId(order);
        let stored = table::find(db, &order)?.ok_or(Fault::Stored("order of an effect"))?;
        let authorisation = OrderEffect::Authorise { attempt: stored.order.attempt, amount_minor: 0 }.key(&order);
        db.prepare_cached("UPDATE order_effects SET state = 'asked' WHERE seq = ?1")?.execute([seq])?;
        all.push(Due {
            seq,
            key,
            effect: from_json(&effect, "order effect")?,
            asked,
            tries,
            token: stored.facts.token.unwrap_or_default(),
            currency: stored.facts.terms.currency,
            authorisation,
            order,
        });
    }
    Ok(all)
}

async fn call(app: &App, due: Vec<Due>) -> Vec<(Due, ProviderAnswer)> {
    let mut calls = tokio::task::JoinSet::new();
    let mut open: BTreeMap<i64, Due> = due.iter().map(|due| (due.seq, due.clone())).collect();
    for due in due {
        let provider = app.settings.payments.clone();
        calls.spawn_blocking(move || {
            let answer = provider.map_or(ProviderAnswer::NoAnswer, |provider| ask(provider.as_ref(), &due));
            (due, answer)
        });
    }
    let mut answers = Vec::new();
    while let Some(answered) = calls.join_next().await {
        answers.extend(answered.ok().inspect(|(due, _)| drop(open.remove(&due.seq))));
    }
    // A provider that panics has not answered: it is asked again later.
    answers.extend(open.into_values().map(|due| (due, ProviderAnswer::NoAnswer)));
    answers
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
        ProviderAnswer::Declined | ProviderAnswer::StepUp { .. } | ProviderAnswer::Authorised { .. } => {
            ("refused", is_capture.then_some(OrderEvent::CaptureRefused))
        }
    };
    let wait_ms = FIRST_WAIT_MS.saturating_mul(1 << due.tries.min(5)).min(LONGEST_WAIT_MS);
    let sql = "UPDATE order_effects SET state = ?2, ask_ms = ?3, tries = tries + 1 WHERE seq = ?1 AND state = 'asked'";
    if db.prepare_cached(sql)?.execute(params![due.seq, state, now_ms.saturating_add(wait_ms)])? == 0 {
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
    let Some(event) = event else { return Ok(()) };
    // The order may have moved on meanwhile: what it does not wait for any more, it does not hear.
    if stored.order.apply(&event, OrderActor::Backend, now_ms).is_err() {
        return Ok(());
    }
    act::step(db, app, &mut stored, &event, OrderActor::Backend, now_ms)?;
    if event == OrderEvent::CaptureRefused {
        // What was to be given back of it was never taken.
        stored.facts.refunded_minor = 0;
    }
    accept_if_paid(db, app, &mut stored, now_ms)?;
    table::save(db, &mut stored, now_ms)
}
