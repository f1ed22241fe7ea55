//! Orders as the staff of a store sees them, and what the staff does about them. No member is named to a store.

use noren_rules::cart::CartLine;
use noren_rules::dates::local_date;
use noren_rules::ids::{OrderId, StationId, StoreId, TillId};
use noren_rules::menu::{MenuBook, MenuThing};
use noren_rules::offers::Texts;
use noren_rules::order::{OrderActor, OrderEvent, OrderState, PICKUP_TRIES, RejectReason};
use noren_rules::slots::{StoreMode, make_tasks};
use noren_rules::wire::{Kitchen, KitchenLine, KitchenOrder, KitchenStep, KitchenStepRequest, KitchenThing, OrderOf, Reason, paths};
use rusqlite::Connection;

use super::table::{self, Stored};
use super::{act, check, view, work};
use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, Naming, json};
use crate::menus::{self, Shop};
use crate::reservations::{self, GoodsNews};
use crate::{seats, slots, tills};

/// How long an order that is over is shown.
const SHOWN_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
const MAX_SHELF: usize = 20;
const MAX_LATE_MIN: u32 = 240;

/// GET [`paths::KITCHEN`].
pub(crate) async fn get(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    super::settle_clock(&call.app).await.map_err(Fault::into_refusal)?;
    let app = call.app.clone();
    json(&call.app.store.read(move |db| kitchen(db, &app, &till)).await.map_err(Fault::into_refusal)?)
}

fn kitchen(db: &Connection, app: &App, till: &TillId) -> Result<Kitchen, Fault> {
    let (store, now_ms) = (tills::store_of(db, till)?, app.now_ms());
    let shop = menus::shop(db, app, &store)?.ok_or_else(|| Refusal::new(Reason::NotFound, "this till's store takes no orders"))?;
    let mut orders = Vec::new();
    for stored in table::of_store(db, &store, now_ms.saturating_sub(SHOWN_MS))? {
        // A question was asked of the person, not of the kitchen.
        if stored.facts.question.is_none() {
            orders.push(order(db, app, &stored, now_ms)?);
        }
    }
    let over = |state: OrderState| state.is_final() || state == OrderState::PickedUp;
    orders.sort_by_key(|order| (over(order.state), order.start_ms, order.promised_ms));
    Ok(Kitchen {
        store_name: shop.told.terms.store_name.clone(),
        mode: menus::mode(db, &store)?.map_or(StoreMode::Online, |(mode, _)| mode),
        orders,
        stations: slots::stations(db, app, &store, now_ms)?,
        sold_out: menus::sold_out(db, &store, now_ms)?,
        things: shop.book.as_ref().map_or_else(Vec::new, things),
        seats: seats::of_store(db, &store, now_ms)?,
        utc_offset_min: shop.told.terms.utc_offset_min,
        as_of_ms: now_ms,
    })
}

fn things(book: &MenuBook) -> Vec<KitchenThing> {
    let menu = book.menu();
    let items = menu.items.iter().map(|item| KitchenThing { thing: MenuThing::Item(item.id.clone()), title: item.title.clone() });
    let modifiers = menu.groups.iter().flat_map(|group| &group.modifiers);
    let modifiers =
        modifiers.map(|modifier| KitchenThing { thing: MenuThing::Modifier(modifier.id.clone()), title: modifier.title.clone() });
    let mut all: Vec<KitchenThing> = items.collect();
    for thing in modifiers {
        // The same sauce may stand in two groups.
        if !all.iter().any(|known| known.thing == thing.thing) {
            all.push(thing);
        }
    }
    all
}

/// An order as the kitchen sees it.
fn order(db: &Connection, app: &App, stored: &Stored, now_ms: i64) -> Result<KitchenOrder, Fault> {
    let (machine, facts) = (&stored.order, &stored.facts);
    let shop = menus::shop(db, app, &stored.store)?;
    let waits = matches!(machine.state, OrderState::Accepted | OrderState::InPreparation);
    let late_ms = if waits { now_ms.saturating_sub(machine.promised_ms).max(0) } else { 0 };
    let said_min = |said_at_ms: i64| now_ms.saturating_sub(said_at_ms).max(0) / MINUTE_MS;
    let nearby = facts.nearby.as_ref().map(|word| i64::from(word.eta_min).saturating_sub(said_min(word.said_at_ms)).max(0));
    let eta_min = if facts.here.is_some() { Some(0) } else { nearby.map(|min| u32::try_from(min).unwrap_or(0)) };
    Ok(KitchenOrder {
        id: machine.id.clone(),
        of: facts.of,
        state: machine.state,
        payment: view::payment(stored),
        call_number: view::call_number(stored),
        handoff: facts.cart.handoff,
        tax_handoff: facts.cart.tax_handoff,
        start_ms: facts.start_ms,
        promised_ms: machine.promised_ms,
        late_min: u32::try_from(late_ms / MINUTE_MS).unwrap_or(u32::MAX),
        lines: lines(stored, shop.as_deref()),
        avoids: avoids(stored, shop.as_deref()),
        least_age: view::least_age(machine),
        eta_min,
        spot: facts.here.as_ref().map_or_else(String::new, |word| word.spot.clone()),
        vehicle: facts.vehicle.clone(),
        seat: facts.seat_name.clone(),
        shelf: facts.shelf.clone(),
        to_collect_minor: act::to_collect_minor(stored),
        owed_back_minor: facts.owed_back_minor,
        currency: facts.terms.currency.clone(),
        tries_left: PICKUP_TRIES.saturating_sub(facts.tries.wrong()),
        version: stored.version,
    })
}

/// As an answer that goes with its member: it says what the diner avoids, which car it is, what was noted.
pub(super) fn named(db: &Connection, app: &App, stored: Stored, now_ms: i64) -> Result<Naming<KitchenOrder>, Fault> {
    Ok(Naming { answer: order(db, app, &stored, now_ms)?, about: stored.member })
}

/// The ticket: one line a line of the machine, so that its places are those that [`KitchenStep::Missing`] names.
fn lines(stored: &Stored, shop: Option<&Shop>) -> Vec<KitchenLine> {
    let facts = &stored.facts;
    let all = stored.order.lines.iter().zip(&facts.lines).zip(&facts.shown.lines);
    let line = |((line, of), shown): ((&noren_rules::order::OrderLine, &table::LineFacts), &noren_rules::cart::SnapshotLine)| {
        let in_cart = of.cart_line.and_then(|at| facts.cart.lines.get(at));
        KitchenLine {
            title: of.titles.clone(),
            modifiers: shown.modifiers.clone(),
            note: shown.note.clone(),
            quantity: line.paid.left_pieces(),
            stations: in_cart.map_or_else(Vec::new, |in_cart| stations(in_cart, stored, shop)),
        }
    };
    all.map(line).collect()
}

/// Which stations have work with a line, by the menu of now.
fn stations(line: &CartLine, stored: &Stored, shop: Option<&Shop>) -> Vec<StationId> {
    let Some(book) = shop.and_then(|shop| shop.book.as_ref()).filter(|_| stored.facts.of == OrderOf::Menu) else { return Vec::new() };
    let cart = noren_rules::cart::Cart { lines: vec![line.clone()], ..stored.facts.cart.clone() };
    let mut stations: Vec<StationId> = make_tasks(&cart, book, &[]).into_iter().map(|task| task.station).collect();
    stations.sort();
    stations.dedup();
    stations
}

/// What the diner avoids, by the names of the table of the day of the hand-over.
fn avoids(stored: &Stored, shop: Option<&Shop>) -> Vec<Texts> {
    let date = local_date(stored.order.promised_ms, stored.facts.terms.utc_offset_min);
    let listed = shop.map_or_else(Vec::new, |shop| shop.told.allergens.on(&date));
    let name = |id: &noren_rules::ids::AllergenId| match listed.iter().find(|allergen| allergen.id == id) {
        Some(allergen) => allergen.title.clone(),
        // Better a code on the ticket than nothing.
        None => [("ja", id.as_str()), ("en", id.as_str())].into(),
    };
    stored.facts.avoids.iter().map(name).collect()
}

/// POST [`paths::KITCHEN_STEPS`].
pub(crate) async fn post_step(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    check::no_card_number(&call)?;
    let request: KitchenStepRequest = call.json()?;
    match &request.step {
        KitchenStep::Ready { shelf } => check::text("shelf", shelf, MAX_SHELF)?,
        KitchenStep::Late { more_min } if !(1..=MAX_LATE_MIN).contains(more_min) => {
            return Err(Refusal::invalid(format!("more_min is 1 to {MAX_LATE_MIN}")));
        }
        _ => {}
    }
    let (app, caller) = (call.app.clone(), Caller::Till(till.clone()));
    let answer = call.write(paths::KITCHEN_STEPS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        act::run_clock(db, app, now_ms)?;
        let store = tills::store_of(db, &till)?;
        let mut stored = of_this_store(db, &request.order, &store)?;
        take(db, app, &mut stored, &request.step, now_ms)?;
        named(db, app, stored, now_ms)
    });
    let answer = answer.await;
    super::written(&app).await;
    answer
}

pub(super) fn of_this_store(db: &Connection, id: &OrderId, store: &StoreId) -> Result<Stored, Fault> {
    let found = table::find(db, id)?.filter(|stored| stored.store == *store && stored.facts.question.is_none());
    found.ok_or_else(|| Refusal::new(Reason::NotFound, "this store has no such order: fetch the kitchen again").into())
}

fn take(db: &Connection, app: &App, stored: &mut Stored, step: &KitchenStep, now_ms: i64) -> Result<(), Fault> {
    let place = |line: u32| usize::try_from(line).unwrap_or(usize::MAX);
    let event = match step {
        KitchenStep::Accept => OrderEvent::Accept,
        KitchenStep::Reject => OrderEvent::Reject { reason: RejectReason::Store },
        KitchenStep::Start => OrderEvent::Start,
        KitchenStep::Ready { shelf } => {
            stored.facts.shelf = (!shelf.trim().is_empty()).then(|| shelf.trim().to_owned());
            OrderEvent::MakeReady
        }
        KitchenStep::Late { more_min } => OrderEvent::Late { promised_ms: later(db, app, stored, *more_min, now_ms)? },
        KitchenStep::Missing { line, pieces } => {
            drop_goods(db, app, stored, place(*line), *pieces, now_ms)?;
            OrderEvent::Missing { line: place(*line), pieces: *pieces }
        }
        KitchenStep::Refund { line, pieces } => OrderEvent::Refund { line: place(*line), pieces: *pieces },
        KitchenStep::Cancel => OrderEvent::Cancel,
        KitchenStep::GivenBack => return work::given_back(db, stored, now_ms),
    };
    act::act(db, app, stored, &event, OrderActor::Store, now_ms)
}

/// When it will be ready instead: so much later than was promised, or than now where that is over, and not before the kitchen has the time.
fn later(db: &Connection, app: &App, stored: &Stored, more_min: u32, now_ms: i64) -> Result<i64, Fault> {
    let wanted_ms = stored.order.promised_ms.max(now_ms).saturating_add(i64::from(more_min).saturating_mul(MINUTE_MS));
    if stored.facts.of != OrderOf::Menu || !matches!(stored.order.state, OrderState::Accepted | OrderState::InPreparation) {
        return Ok(wanted_ms);
    }
    let slot = slots::postpone(db, app, &stored.order.id, wanted_ms, now_ms)?;
    Ok(slot.map_or(wanted_ms, |slot| slot.ready_ms.max(wanted_ms)))
}

/// Pieces of goods that are not handed over are not kept any more.
pub(super) fn drop_goods(db: &Connection, app: &App, stored: &Stored, line: usize, pieces: u32, now_ms: i64) -> Result<(), Fault> {
    let of = stored.facts.lines.get(line).filter(|of| stored.facts.of == OrderOf::Goods && of.cart_line.is_some());
    match of {
        Some(of) => reservations::drop_pieces(db, app, &stored.order.id, &of.sku.as_str().into(), pieces, now_ms),
        None => Ok(()),
    }
}

/// What the staff found of an order's goods, in the transaction in which it said so: all picked is ready, what is not there is missing.
pub(crate) fn on_goods(db: &Connection, app: &App, order: &OrderId, news: &[GoodsNews], now_ms: i64) -> Result<(), Fault> {
    let Some(mut stored) = table::find(db, order)?.filter(|_| !news.is_empty()) else { return Ok(()) };
    heed(db, app, &mut stored, news, now_ms)?;
    table::save(db, &mut stored, now_ms)
}

/// Takes the steps that follow from what was found, if their time has come; said again when the order is accepted. The caller writes the order.
pub(super) fn heed(db: &Connection, app: &App, stored: &mut Stored, news: &[GoodsNews], now_ms: i64) -> Result<(), Fault> {
    for one in news {
        match one {
            GoodsNews::AllPicked { shelf } => {
                stored.facts.shelf = Some(shelf.clone());
                if matches!(stored.order.state, OrderState::Accepted | OrderState::InPreparation) {
                    act::step(db, app, stored, &OrderEvent::MakeReady, OrderActor::Store, now_ms)?;
                }
            }
            GoodsNews::Missing { sku, pieces } => missing(db, app, stored, sku.as_str(), *pieces, now_ms)?,
        }
    }
    Ok(())
}

/// Over as many lines of the variant as it takes.
fn missing(db: &Connection, app: &App, stored: &mut Stored, sku: &str, pieces: u32, now_ms: i64) -> Result<(), Fault> {
    let mut left = pieces;
    for line in 0..stored.order.lines.len() {
        let of_sku = stored.facts.lines.get(line).is_some_and(|of| of.sku == sku);
        let there = stored.order.lines.get(line).map_or(0, |line| line.paid.left_pieces());
        let pieces = left.min(there);
        let live = matches!(stored.order.state, OrderState::Accepted | OrderState::InPreparation | OrderState::Ready);
        if of_sku && pieces > 0 && live {
            act::step(db, app, stored, &OrderEvent::Missing { line, pieces }, OrderActor::Store, now_ms)?;
            left = left.saturating_sub(pieces);
        }
    }
    Ok(())
}
