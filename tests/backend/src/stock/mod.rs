//! Stock: what happened to it, in any order and as often as it takes; the books that follow from it; and what phones are told.
//!
//! An event counts once, by source and id. The books keep running numbers that come to what all events together say: the newest count of a state,
//! and what came and went after it. A level is told under a new version when something of it changes that a phone sees.

mod book;
mod demand;
mod feed;
mod level;
mod locations;
mod operator;
mod sales;
#[cfg(test)]
mod tests;

pub(crate) use book::{Book, Heard};
pub(crate) use feed::{get, settle};
pub(crate) use level::Level;
pub(crate) use locations::{find as location, on_shelf, that_have};
pub(crate) use operator::{flags, put};
pub(crate) use sales::{of_receipt, of_void};

use noren_rules::ids::StoreId;
use noren_rules::stock::is_name;
use noren_rules::wire::{Reason, StockEventsAnswer, StockEventsRequest, paths};
use rusqlite::Connection;

use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, AnyCaller, Call, Caller, Fingerprint};
use crate::{holds, tills};

const MAX_EVENTS: usize = 5_000;

/// POST [`paths::STOCK_EVENTS`].
pub(crate) async fn post_events(call: Call) -> Answer {
    let (caller, own) = match call.any_caller().await? {
        AnyCaller::Operator => (Caller::Operator, None),
        AnyCaller::Till(caller) => {
            let till = caller.till.clone();
            let store = call.app.store.read(move |db| tills::store_of(db, &till)).await.map_err(Fault::into_refusal)?;
            (Caller::Till(caller.till), Some(store))
        }
        AnyCaller::App(_) => {
            return Err(Refusal::new(Reason::Forbidden, "this is for tills and the operator: an app's token may not do it"));
        }
    };
    call.write_headers()?;
    let mut request: StockEventsRequest = call.json()?;
    check(&request, &caller, own.as_ref())?;
    if request.stores.is_empty() {
        request.stores.extend(own);
    }
    call.write(paths::STOCK_EVENTS, &caller, Fingerprint::Body, move |db, app, now_ms| keep(db, app, &request, now_ms)).await
}

fn check(request: &StockEventsRequest, caller: &Caller, own: Option<&StoreId>) -> Result<(), Refusal> {
    if request.events.len() > MAX_EVENTS || request.stores.len() > MAX_EVENTS {
        return Err(Refusal::invalid(format!("at most {MAX_EVENTS} events and stores a call: send the rest in another")));
    }
    for (at, event) in request.events.iter().enumerate() {
        event.check().map_err(|error| Refusal::invalid(format!("events[{at}]: {error}")))?;
        if [holds::SOURCE, sales::SOURCE].contains(&event.source.as_str()) {
            return Err(Refusal::invalid(format!(
                "events[{at}]: {} is the backend itself: name the till or system that says it",
                event.source
            )));
        }
    }
    if request.said_until_ms.is_some_and(|until_ms| until_ms < 0) {
        return Err(Refusal::invalid("said_until_ms is before 1970"));
    }
    if !request.stores.iter().all(|store| is_name(store.as_str())) {
        return Err(Refusal::invalid("a store has 1 to 100 characters, none of them a control character"));
    }
    if let Caller::Till(till) = caller
        && let Some(event) = request.events.iter().find(|event| event.source != till.as_str())
    {
        // Under another's name it could say what that one has yet to say, so that it would not count.
        return Err(Refusal::new(Reason::Forbidden, format!("a till speaks for itself only: {} is not {till}", event.source)));
    }
    let Some(own) = own else { return Ok(()) };
    let all_here = request.events.iter().map(|event| &event.store).chain(&request.stores).all(|store| store == own);
    if all_here { Ok(()) } else { Err(Refusal::new(Reason::Forbidden, format!("a till speaks of its own store only, which is {own}"))) }
}

fn keep(db: &Connection, app: &Shared, request: &StockEventsRequest, now_ms: i64) -> Result<StockEventsAnswer, Fault> {
    let mut answer = StockEventsAnswer { new: 0, known: 0, conflicting: 0, ahead: 0 };
    write(db, app, now_ms, |book| {
        for event in &request.events {
            match book.hear(event)? {
                Heard::Known => answer.known = answer.known.saturating_add(1),
                Heard::Conflicting => answer.conflicting = answer.conflicting.saturating_add(1),
                Heard::Counted => answer.new = answer.new.saturating_add(1),
                Heard::Ahead => {
                    answer.new = answer.new.saturating_add(1);
                    answer.ahead = answer.ahead.saturating_add(1);
                }
            }
        }
        if let Some(until_ms) = request.said_until_ms {
            request.stores.iter().for_each(|store| book.say_until(store, until_ms));
        }
        Ok(())
    })?;
    Ok(answer)
}

/// Opens the books for `work` and closes them.
pub(crate) fn write<T>(
    db: &Connection,
    app: &Shared,
    now_ms: i64,
    work: impl FnOnce(&mut Book<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut book = Book::open(db, &app.settings.chance, now_ms)?;
    let done = work(&mut book)?;
    book.close()?;
    Ok(done)
}
