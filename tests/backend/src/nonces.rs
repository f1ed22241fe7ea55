//! Nonces: made without being stored, good for five minutes, used once.

use noren_rules::b64;
use noren_rules::wire::{Nonce, Reason};
use rusqlite::{Connection, params};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json};
use crate::keys::Purpose;

const LIFETIME_MS: i64 = 5 * 60_000;
const RANDOM_LEN: usize = 16;
const TIME_LEN: usize = 8;

/// GET [`noren_rules::wire::paths::NONCE`].
pub(crate) async fn get(call: Call) -> Answer {
    let nonce = make(&call.app).map_err(Fault::into_refusal)?;
    json(&nonce)
}

fn make(app: &App) -> Result<Nonce, Fault> {
    let expires_at_ms = app.now_ms().saturating_add(LIFETIME_MS);
    let body = [app.random::<RANDOM_LEN>()?.as_slice(), &expires_at_ms.to_be_bytes()].concat();
    let mac = app.keys.mac(Purpose::Nonce, &[&body]);
    Ok(Nonce { nonce: b64::encode(&[body.as_slice(), &mac].concat()), expires_at_ms })
}

/// The bytes that a proof over this nonce signs. Whether it is ours and still good is asked when it is used.
pub(crate) fn bytes(nonce: &str) -> Result<Vec<u8>, Refusal> {
    b64::decode(nonce).ok_or_else(|| Refusal::invalid("the nonce is not base64url"))
}

/// Takes a nonce: it must be ours, within its time, and not taken before. Part of the transaction that it guards.
pub(crate) fn take(db: &Connection, app: &App, nonce: &[u8], now_ms: i64) -> Result<(), Fault> {
    let over = || Refusal::new(Reason::NonceExpired, "the nonce is too old, was used, or is not from this server: ask for a new one");
    let (body, mac) = nonce.split_at_checked(RANDOM_LEN + TIME_LEN).ok_or_else(over)?;
    let expected = app.keys.mac(Purpose::Nonce, &[body]);
    let time = body.last_chunk::<TIME_LEN>().ok_or_else(over)?;
    let expires_at_ms = i64::from_be_bytes(*time);
    if !bool::from(mac.ct_eq(&expected)) || expires_at_ms <= now_ms {
        return Err(over().into());
    }
    db.prepare_cached("DELETE FROM nonces WHERE expires_at_ms <= ?1")?.execute([now_ms])?;
    let taken = db
        .prepare_cached("INSERT OR IGNORE INTO nonces (nonce, expires_at_ms) VALUES (?1, ?2)")?
        .execute(params![app.keys.mac(Purpose::UsedNonce, &[nonce]), expires_at_ms])?;
    if taken == 1 { Ok(()) } else { Err(over().into()) }
}
