//! Orders: placed as they were shown or asked about, made, paid, handed over; once each, whatever is lost or killed in between.
//!
//! The machine that says which step may follow which is [`noren_rules::order`]; here it is held in a row, and what follows from its steps is carried out:
//! in the step's own transaction where it is the backend's (slots, goods, coupons, points, receipts), by the worker under its key where it is the payment
//! provider's.

mod act;
mod check;
mod coupons;
mod events;
mod forget;
mod hand_over;
mod kitchen;
mod place;
mod pricing;
mod receipts;
mod steps;
mod table;
mod view;
mod work;

pub(crate) use check::no_card_number;
pub(crate) use events::{Told, begin, linked, listen, publish};
pub(crate) use forget::{export, forget};
pub(crate) use hand_over::{pass, post as hand_over};
pub(crate) use kitchen::{get as get_kitchen, on_goods, post_step as post_kitchen_step};
pub(crate) use receipts::ORDERS_TILL;
pub(crate) use table::{Stored, find, promised_between};
pub(crate) use work::settle;

use noren_rules::wire::{OrderRequest, OrderStepRequest, Orders, paths};

use crate::app::App;
use crate::fault::Fault;
use crate::http::{Answer, Call, Caller, Fingerprint, Naming, json_with_etag};
use crate::{devices, members};

/// How long an order that is over is shown to its member.
const SHOWN_MS: i64 = 30 * 86_400_000;

/// GET [`paths::ORDERS`].
pub(crate) async fn get(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    settle_clock(&call.app).await.map_err(Fault::into_refusal)?;
    let now_ms = call.app.now_ms();
    let read = call.app.store.read(move |db| {
        let parts = members::parts(db, &devices::member_of(db, &device)?)?;
        let orders = table::of_member(db, &parts, now_ms.saturating_sub(SHOWN_MS))?;
        Ok(orders.iter().map(|stored| view::view(stored, now_ms)).collect())
    });
    let orders = Orders { orders: read.await.map_err(Fault::into_refusal)?, as_of_ms: now_ms };
    // The clock alone makes no others.
    let named = Orders { as_of_ms: 0, ..orders.clone() };
    json_with_etag(&call, &orders, &named)
}

/// POST [`paths::ORDERS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    check::no_card_number(&call)?;
    let request: OrderRequest = call.json()?;
    check::request(&request)?;
    let fingerprint = place::fingerprint(&call.app, &request).map_err(Fault::into_refusal)?;
    let (app, caller) = (call.app.clone(), Caller::Device(device.clone()));
    let answer = call.write(paths::ORDERS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let stored = place::place(db, app, &device, &request, &fingerprint, now_ms)?;
        Ok(Naming { answer: view::answer(&stored, now_ms), about: stored.member })
    });
    let answer = answer.await;
    written(&app).await;
    answer
}

/// POST [`paths::ORDER_STEPS`].
pub(crate) async fn post_step(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    check::no_card_number(&call)?;
    let request: OrderStepRequest = call.json()?;
    check::step(&request)?;
    let (app, caller) = (call.app.clone(), Caller::Device(device.clone()));
    let answer = call.write(paths::ORDER_STEPS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let steps::Answered { answer, member } = steps::take(db, app, &device, &request, now_ms)?;
        Ok(Naming { answer, about: Some(member) })
    });
    let answer = answer.await;
    written(&app).await;
    answer
}

/// After a write that may have changed orders, also by the clock: phones are told, and the worker looks whether the provider has something to do.
pub(crate) async fn written(app: &App) {
    if let Err(fault) = publish(app).await {
        tracing::warn!(%fault, "changes of orders are told later");
    }
    app.order_wake.notify_one();
}

/// Does what the clock has to do, if anything, before something is read.
pub(crate) async fn settle_clock(app: &App) -> Result<(), Fault> {
    let now_ms = app.now_ms();
    if app.store.read(move |db| table::any_due(db, now_ms)).await? {
        let shared = app.clone();
        app.store.write(move |db| act::run_clock(db, &shared, now_ms)).await?;
        written(app).await;
    }
    Ok(())
}
