//! Identities from before the app: a card number with its PIN, an account of the online shop by a one-time code.
//!
//! A number that does not exist is answered like a wrong PIN, after the same work. Five wrong PINs for one number on one device close it
//! there for an hour; fifteen for one number over all devices, or on one device over all numbers, do as well.

use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::wire::{Link, LinkRequest, Reason, paths};
use rusqlite::{Connection, OptionalExtension, params};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::guard::{Rule, Subject};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::keys::{KeyRing, Purpose};
use crate::{devices, ec, members, orders};

const HOUR_MS: i64 = 3_600_000;
const PER_NUMBER_AND_DEVICE: Rule = Rule { failures: 5, lock_ms: HOUR_MS };
const PER_NUMBER: Rule = Rule { failures: 15, lock_ms: HOUR_MS };
const PER_DEVICE: Rule = Rule { failures: 15, lock_ms: HOUR_MS };
const MAX_TEXT: usize = 64;

/// POST [`paths::LINKS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let LinkRequest { link } = call.json()?;
    check_form(&link)?;
    let (app, linking, caller) = (call.app.clone(), device.clone(), Caller::Device(device.clone()));
    let answer = call.write(paths::LINKS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let own = devices::member_of(db, &device)?;
        let linked = find_member(db, app, &device, &link, now_ms)?;
        let member = members::link(db, &own, &linked, now_ms)?;
        members::membership(db, &member)
    });
    let answer = answer.await;
    orders::linked(&app, &linking).await;
    answer
}

/// Texts that could never be right are refused as unreadable, whatever the database holds.
pub(crate) fn check_form(link: &Link) -> Result<(), Refusal> {
    let fits = |text: &str| !text.is_empty() && text.len() <= MAX_TEXT;
    let right = match link {
        Link::Number { number, pin } => fits(number.as_str()) && fits(pin),
        Link::Ec { code } => fits(code),
    };
    if right { Ok(()) } else { Err(Refusal::invalid(format!("number, pin and code have 1 to {MAX_TEXT} bytes"))) }
}

/// The canonical member of an identity, for a device that proves to know it. A wrong guess is counted and the refusal kept.
pub(crate) fn find_member(db: &Connection, app: &App, device: &DeviceId, link: &Link, now_ms: i64) -> Result<MemberId, Fault> {
    let by_device = Subject::new(&app.keys, PER_DEVICE, &["link-device", device.as_str()]);
    by_device.check(db, now_ms)?;
    let found = match link {
        Link::Number { number, pin } => {
            let pair = Subject::new(&app.keys, PER_NUMBER_AND_DEVICE, &["link-pair", number.as_str(), device.as_str()]);
            let by_number = Subject::new(&app.keys, PER_NUMBER, &["link-number", number.as_str()]);
            pair.check(db, now_ms)?;
            by_number.check(db, now_ms)?;
            let found = card_with_pin(db, app, number.as_str(), pin)?;
            if found.is_some() {
                pair.succeeded(db, now_ms)?;
            } else {
                pair.failed(db, now_ms)?;
                by_number.failed(db, now_ms)?;
            }
            found
        }
        Link::Ec { code } => ec::take_code(db, app, code, now_ms)?,
    };
    match found {
        Some(member) => members::canonical(db, &member),
        None => {
            by_device.failed(db, now_ms)?;
            let detail = "number and PIN, or the code, do not fit: check them and try again with a new key";
            Err(Refusal::new(Reason::LinkRefused, detail).keep().into())
        }
    }
}

fn card_with_pin(db: &Connection, app: &App, number: &str, pin: &str) -> Result<Option<String>, Fault> {
    let card: Option<(String, Option<Vec<u8>>)> = db
        .prepare_cached("SELECT member, pin_mac FROM cards WHERE number = ?1")?
        .query_row(params![number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let given = pin_mac(&app.keys, number, pin);
    // The comparison is made in any case: with nothing to compare to, against what no PIN can have.
    let (member, stored) = card.map_or((None, None), |(member, mac)| (Some(member), mac));
    let known = stored.is_some();
    let stored = stored.unwrap_or_else(|| vec![0; given.len()]);
    let fits = bool::from(stored.ct_eq(&given)) && known;
    Ok(member.filter(|_| fits))
}

/// A PIN as it is stored: under a key that the database does not hold.
pub(crate) fn pin_mac(keys: &KeyRing, number: &str, pin: &str) -> [u8; 32] {
    keys.mac(Purpose::Pin, &[number.as_bytes(), pin.as_bytes()])
}
