//! What the staff of a store has to do about holds. No member is named to a store.

use noren_rules::holds::HoldState;
use noren_rules::ids::{HoldId, StoreId, TillId};
use noren_rules::stock::StockState;
use noren_rules::wire::{ProductInfo, Reason, StoreTask, StoreTaskRequest, StoreTasks, TaskDone, paths};
use rusqlite::Connection;

use super::{end, move_pieces, no_such_hold, take_from_shelf, to_wire};
use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json};
use crate::reservations::{self, Reservation};
use crate::stock::{self, Book};
use crate::{catalogue, orders, places, tills};

/// How long what was done is shown.
const SHOWN_MS: i64 = 2 * 3_600_000;
/// How long pieces that were handed over are reserved for the sale that follows.
const SALE_FOLLOWS_MS: i64 = 15 * 60_000;
const MAX_SHELF_NUMBER: usize = 20;

/// GET [`paths::STORE_TASKS`].
pub(crate) async fn get(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    stock::settle(&call).await?;
    let app = call.app.clone();
    json(&call.app.store.read(move |db| tasks(db, &app, &till)).await.map_err(Fault::into_refusal)?)
}

fn tasks(db: &Connection, app: &Shared, till: &TillId) -> Result<StoreTasks, Fault> {
    let (store, now_ms) = (tills::store_of(db, till)?, app.now_ms());
    let holds = reservations::of_store(db, &store, now_ms.saturating_sub(SHOWN_MS))?;
    let tasks = holds.iter().map(|hold| task(db, app, hold, now_ms)).collect::<Result<_, Fault>>()?;
    Ok(StoreTasks { tasks, store_name: name_of(db, &store)?, as_of_ms: now_ms })
}

fn name_of(db: &Connection, store: &StoreId) -> Result<String, Fault> {
    let Some(place) = places::of_store(db, store)? else { return Ok(store.0.clone()) };
    let tenant = place.tenants.into_iter().find(|tenant| tenant.store_id == *store);
    Ok(tenant.map_or(place.name, |tenant| tenant.name))
}

fn task(db: &Connection, app: &Shared, hold: &Reservation, now_ms: i64) -> Result<StoreTask, Fault> {
    let product = match catalogue::product_of(db, &hold.sku)? {
        Some(product) => catalogue::find(db, &product)?.map(|record| record.product),
        None => None,
    };
    let (title, variant) = product.map_or_else(|| (hold.sku.0.clone(), String::new()), |product| names(&product, hold));
    Ok(StoreTask {
        title,
        variant,
        shelf: stock::Level::load(db, &hold.store, &hold.sku)?.shelf().map(str::to_owned),
        eta_min: app.settings.holds.expected_in_min(&hold.times, now_ms).filter(|_| hold.state.is_live()),
        hold: to_wire(hold),
        order: hold.order.clone(),
    })
}

fn names(product: &ProductInfo, hold: &Reservation) -> (String, String) {
    let title = product.title.get("ja").or_else(|| product.title.values().next());
    let variant = product.variants.iter().find(|variant| variant.sku == hold.sku);
    let parts = variant.into_iter().flat_map(|variant| [variant.colour.as_deref(), variant.size.as_deref()]).flatten();
    (title.unwrap_or(&hold.sku.0).clone(), parts.collect::<Vec<_>>().join(" / "))
}

/// POST [`paths::STORE_TASKS`].
pub(crate) async fn post(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    orders::no_card_number(&call)?;
    let request: StoreTaskRequest = call.json()?;
    if let TaskDone::Picked { shelf_number } = &request.done {
        let fits = (1..=MAX_SHELF_NUMBER).contains(&shelf_number.chars().count()) && !shelf_number.chars().any(char::is_control);
        if !fits || shelf_number.trim().is_empty() {
            return Err(Refusal::invalid(format!("the number on the hold shelf has 1 to {MAX_SHELF_NUMBER} characters")));
        }
    }
    let caller = Caller::Till(till.clone());
    let app = call.app.clone();
    let answer = call.write(paths::STORE_TASKS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let store = tills::store_of(db, &till)?;
        let hold = carry_out(db, app, &store, &request.hold, &request.done, now_ms)?;
        if let Some(order) = &hold.order {
            orders::on_goods(db, app, order, &reservations::news(db, &hold)?, now_ms)?;
        }
        task(db, app, &hold, now_ms)
    });
    let answer = answer.await;
    orders::written(&app).await;
    answer
}

/// What the staff of a store did about pieces that are kept there, written.
pub(crate) fn carry_out(
    db: &Connection,
    app: &Shared,
    store: &StoreId,
    id: &HoldId,
    done: &TaskDone,
    now_ms: i64,
) -> Result<Reservation, Fault> {
    stock::write(db, app, now_ms, |book| {
        let mut hold = reservations::find(db, id)?.filter(|hold| hold.store == *store).ok_or_else(no_such_hold)?;
        apply(book, &mut hold, done, now_ms)?;
        reservations::save(db, &hold)?;
        // Looked at here, written when the books are closed: by then the hold is saved.
        book.level(&hold.store, &hold.sku)?;
        Ok(hold)
    })
}

/// What of an order is handed over, or is not wanted any more, is said of the order.
fn refuse_for_order(done: &TaskDone) -> Result<(), Refusal> {
    let detail = match done {
        TaskDone::HandedOver => "these goods are of an order: hand it over by its pickup code, on the page of the kitchen",
        TaskDone::PutBack => "these goods are of an order that is open: cancel the order first, on the page of the kitchen",
        TaskDone::Picked { .. } | TaskDone::NotFound => return Ok(()),
    };
    Err(Refusal::new(Reason::HoldConflict, detail))
}

fn apply(book: &mut Book<'_>, hold: &mut Reservation, done: &TaskDone, now_ms: i64) -> Result<(), Fault> {
    let before = hold.state;
    if hold.order.is_some() && hold.state.is_live() {
        refuse_for_order(done)?;
    }
    hold.state = before.after(done).map_err(|error| Refusal::new(Reason::HoldConflict, error.to_string()))?;
    match done {
        TaskDone::Picked { shelf_number } => {
            hold.shelf_number = Some(shelf_number.trim().to_owned());
            if before == HoldState::Requested {
                hold.reserves = false;
                move_pieces(book, hold, "picked", StockState::Sellable, StockState::HoldShelf)?;
                book.level(&hold.store, &hold.sku)?.pick_found(now_ms);
            }
        }
        TaskDone::NotFound if before == HoldState::Requested => {
            end(hold, now_ms);
            book.level(&hold.store, &hold.sku)?.pick_found_nothing(now_ms);
        }
        TaskDone::HandedOver if before == HoldState::Picked => {
            take_from_shelf(book, hold)?;
            end(hold, now_ms);
            (hold.reserves, hold.due_ms) = (true, Some(now_ms.saturating_add(SALE_FOLLOWS_MS)));
        }
        TaskDone::PutBack => {
            take_from_shelf(book, hold)?;
            end(hold, now_ms);
        }
        // Said again.
        TaskDone::NotFound | TaskDone::HandedOver => {}
    }
    Ok(())
}
