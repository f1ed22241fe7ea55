//! Tills: registered with a token each, revocable; and the signed document by which they read member codes with no network.

use noren_rules::b64;
use noren_rules::ids::{DeviceId, StoreId, TillId};
use noren_rules::lists::Lists;
use noren_rules::wire::{Reason, Revocation, RevokeRequest, TillKeys, paths};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json};
use crate::orders::ORDERS_TILL;
use crate::{devices, shares};

const NEXT_UPDATE_S: i64 = 86_400;

/// GET [`paths::TILL_KEYS`].
pub(crate) async fn keys(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    let app = call.app.clone();
    // A write without a key: asked again, the till gets the share that it has.
    let written = call.app.store.write(move |db| {
        let lists = lists(db, &app, &till)?;
        let root = app.keys.root();
        Ok(TillKeys { root_key: root.public_key().to_base64url(), document: b64::encode(&lists.sign(root)) })
    });
    json(&written.await.map_err(Fault::into_refusal)?)
}

fn lists(db: &Connection, app: &Shared, till: &TillId) -> Result<Lists, Fault> {
    let now_ms = app.now_ms();
    let issued_at_s = now_ms.div_euclid(1000);
    // First: a new share makes the sequence rise.
    let coupons = shares::lists(db, app, till, issued_at_s)?;
    let sequence: String = db.query_row("SELECT value FROM meta WHERE name = 'lists_sequence'", [], |row| row.get(0))?;
    let mut statement = db.prepare_cached("SELECT device FROM revocations WHERE until_ms > ?1 ORDER BY device")?;
    let revoked = statement.query_map([now_ms], |row| row.get(0).map(DeviceId))?.collect::<Result<_, _>>()?;
    Ok(Lists {
        sequence: sequence.parse().map_err(|_| Fault::Stored("sequence"))?,
        issued_at_s,
        next_update_s: issued_at_s.saturating_add(NEXT_UPDATE_S),
        issuers: app.keys.issuers().into_iter().filter(|issuer| issuer.not_after_s > issued_at_s).collect(),
        revoked,
        coupons,
    })
}

/// POST [`paths::TILL_REVOCATIONS`].
pub(crate) async fn revoke_device(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    let RevokeRequest { device_id } = call.json()?;
    call.write(paths::TILL_REVOCATIONS, &Caller::Till(till), Fingerprint::Body, move |db, _, now_ms| {
        let device = devices::find(db, &device_id)?
            .ok_or_else(|| Refusal::new(Reason::NotFound, "no such device is enrolled: check the device id"))?;
        Ok(Revocation { revoked: devices::revoke(db, &device, now_ms)? })
    })
    .await
}

/// What is stored of a token. It is long and random, so a plain hash says nothing.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The till of a token, unless it was revoked.
pub(crate) fn find_by_token(db: &Connection, hash: &[u8; 32]) -> Result<Option<TillId>, Fault> {
    let row: Option<(String, Vec<u8>)> = db
        .prepare_cached("SELECT id, token_hash FROM tills WHERE token_hash = ?1 AND revoked_at_ms IS NULL")?
        .query_row([hash], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    // The index compares in variable time, but hashes of guesses tell nothing about the hash that is stored.
    Ok(row.filter(|(_, stored)| bool::from(stored.ct_eq(hash))).map(|(till, _)| till.into()))
}

/// Where a till stands.
pub(crate) fn store_of(db: &Connection, till: &TillId) -> Result<StoreId, Fault> {
    Ok(db.prepare_cached("SELECT store FROM tills WHERE id = ?1")?.query_row([till.as_str()], |row| row.get(0).map(StoreId))?)
}

/// True where a till stands in a store.
pub(crate) fn any_in(db: &Connection, store: &StoreId) -> Result<bool, Fault> {
    Ok(db.prepare_cached("SELECT EXISTS (SELECT 1 FROM tills WHERE store = ?1)")?.query_row([store.as_str()], |row| row.get(0))?)
}

/// Registers a till, or gives a known one another token. The same token again changes nothing: what was revoked stays so.
pub(crate) fn register(db: &Connection, till: &TillId, store: &StoreId, token: &str, now_ms: i64) -> Result<(), Fault> {
    if till.as_str() == ORDERS_TILL {
        return Err(Refusal::invalid("the receipts of orders stand under this till: choose another id").into());
    }
    db.execute(
        "INSERT INTO tills (id, store, token_hash, registered_at_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET store = excluded.store, token_hash = excluded.token_hash, revoked_at_ms = NULL
         WHERE tills.token_hash <> excluded.token_hash",
        params![till.as_str(), store.as_str(), token_hash(token), now_ms],
    )?;
    Ok(())
}

/// True when there was such a till and it was not revoked before.
pub(crate) fn revoke(db: &Connection, till: &TillId, now_ms: i64) -> Result<bool, Fault> {
    let changed =
        db.execute("UPDATE tills SET revoked_at_ms = ?2 WHERE id = ?1 AND revoked_at_ms IS NULL", params![till.as_str(), now_ms])?;
    Ok(changed == 1)
}
