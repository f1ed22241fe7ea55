//! Plastic cards: numbers that exist from before, each with a member of its own until someone links it.

use noren_rules::ids::MemberId;
use noren_rules::wire::{Reason, RegisterCards, RegisteredCards, paths};
use rusqlite::{Connection, OptionalExtension, params};

use crate::DEMO_PIN;
use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::links::pin_mac;
use crate::members;

const MAX_NUMBERS: usize = 1_000;
const MAX_NUMBER: usize = 64;

/// POST [`paths::TILL_CARDS`].
pub(crate) async fn post(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    let request: RegisterCards = call.json()?;
    if request.numbers.len() > MAX_NUMBERS || !request.numbers.iter().all(|number| is_number(number.as_str())) {
        return Err(Refusal::invalid(format!("at most {MAX_NUMBERS} numbers, each of 1 to {MAX_NUMBER} visible ASCII characters")));
    }
    if request.demo_pin && !call.app.settings.is_loopback() {
        return Err(Refusal::new(Reason::Forbidden, "demo PINs are only for a server that listens on loopback"));
    }
    call.write(paths::TILL_CARDS, &Caller::Till(till), Fingerprint::Body, move |db, app, now_ms| {
        let mut answer = RegisteredCards { registered: 0, known: 0 };
        for number in &request.numbers {
            let new = register(db, app, number.as_str(), request.demo_pin, now_ms)?;
            let count = if new { &mut answer.registered } else { &mut answer.known };
            *count = count.saturating_add(1);
        }
        Ok(answer)
    })
    .await
}

fn is_number(number: &str) -> bool {
    (1..=MAX_NUMBER).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_graphic())
}

/// True when the number was new.
fn register(db: &Connection, app: &App, number: &str, demo_pin: bool, now_ms: i64) -> Result<bool, Fault> {
    let known = db.prepare_cached("SELECT 1 FROM cards WHERE number = ?1")?.exists([number])?;
    if !known {
        let member = members::create(db, app, now_ms)?;
        let pin = demo_pin.then(|| pin_mac(&app.keys, number, DEMO_PIN));
        db.prepare_cached("INSERT INTO cards (number, member, pin_mac, demo, registered_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![number, member.as_str(), pin, demo_pin, now_ms])?;
    }
    Ok(!known)
}

/// The canonical member of a card.
pub(crate) fn member_of(db: &Connection, number: &str) -> Result<Option<MemberId>, Fault> {
    let member: Option<String> =
        db.prepare_cached("SELECT member FROM cards WHERE number = ?1")?.query_row([number], |row| row.get(0)).optional()?;
    member.map(|member| members::canonical(db, &member)).transpose()
}

/// True when cards with the demo PIN exist: such a server listens on loopback only.
pub(crate) fn any_demo(db: &Connection) -> Result<bool, Fault> {
    Ok(db.prepare("SELECT 1 FROM cards WHERE demo = 1 LIMIT 1")?.exists([])?)
}
