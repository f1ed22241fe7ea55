//! Forget me: nothing that identifies the member remains in any file; sales stay as accounting records without a person.
//!
//! Twice over: SQLite overwrites what it deletes (`secure_delete`), and the whole file is rewritten afterwards, so that nothing depends on
//! where an old page kept a copy. That costs time in proportion to the database, and is made up for after a crash.

use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::keys::PublicKey;
use noren_rules::proof::{self, ProofKind};
use noren_rules::wire::{EraseRequest, Erasure, paths};
use rusqlite::{Connection, params};

use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, blank_device, blank_member};
use crate::{
    check_ins, credits, customer, devices, favourites, grants, holds, members, orders, reactions, reviews, seats, slots, stamps, store,
    tokens,
};

/// POST [`paths::ERASURES`]. The proof signs the idempotency key, so that it can be made with no network.
pub(crate) async fn post(call: Call) -> Answer {
    let key = call.write_headers()?.key;
    let request: EraseRequest = call.json()?;
    let public_key = PublicKey::from_base64url(&request.public_key)
        .map_err(|_| Refusal::invalid("public_key is no P-256 key, SEC1 compressed, in base64url"))?;
    if !proof::verify(ProofKind::Erase, &public_key, key.as_bytes(), &request.proof) {
        return Err(tokens::proof_invalid());
    }
    let app = call.app.clone();
    let (device, compressed) = (public_key.device_id(), public_key.compressed());
    let caller = Caller::Device(device.clone());
    let answer = call
        .write(paths::ERASURES, &caller, Fingerprint::Parts(&[&compressed]), move |db, app, now_ms| {
            Ok(Erasure { erased: erase(db, app, &device, now_ms)? })
        })
        .await?;
    // What was cancelled may have money to be given back.
    orders::written(&app).await;
    // Also for a replay: the first attempt may have ended between its commit and this.
    app.store.scrub().await.map_err(Fault::into_refusal)?;
    Ok(answer)
}

fn erase(db: &Connection, app: &App, device: &DeviceId, now_ms: i64) -> Result<bool, Fault> {
    let Some(device) = devices::find(db, device)? else { return Ok(false) };
    if device.revoked_at_ms.is_some() {
        // Whoever found a lost phone must not be able to erase its owner.
        return Err(devices::unknown().into());
    }
    let member = members::canonical(db, device.member.as_str())?;
    let parts = members::parts(db, &member)?;
    credits::keep_of_erased(db, &parts, app.settings.credit_days)?;
    // First: what is cancelled gives points and coupons back to whoever is still there.
    for part in &parts {
        orders::forget(db, app, part, now_ms)?;
    }
    for part in &parts {
        erase_devices(db, app, part, now_ms)?;
        erase_names(db, app, part, now_ms)?;
        erase_history(db, part)?;
        check_ins::forget(db, app, part)?;
        holds::forget(db, app, part, now_ms)?;
        slots::forget(db, app, part, now_ms)?;
        seats::forget(db, part)?;
        grants::forget(db, part)?;
        stamps::forget(db, part)?;
        favourites::forget(db, part)?;
        reviews::forget(db, app, part)?;
        reactions::forget(db, part)?;
        blank_member(db, &app.keys, part)?;
    }
    // All events of this family, also undone ones: a row of another member may point here only through them.
    for part in &parts {
        db.execute("DELETE FROM member_links WHERE member = ?1 OR into_member = ?1", [part.as_str()])?;
    }
    for part in &parts {
        db.execute("DELETE FROM members WHERE id = ?1", [part.as_str()])?;
    }
    store::request_scrub(db)?;
    Ok(true)
}

fn erase_devices(db: &Connection, app: &App, member: &MemberId, now_ms: i64) -> Result<(), Fault> {
    for device in devices::of_member(db, member)? {
        devices::list_as_revoked(db, &device, now_ms)?;
        blank_device(db, &app.keys, &device.id)?;
        db.execute("DELETE FROM codes_taken WHERE device = ?1", [device.id.as_str()])?;
        db.execute("DELETE FROM devices WHERE id = ?1", [device.id.as_str()])?;
    }
    Ok(())
}

fn erase_names(db: &Connection, app: &App, member: &MemberId, now_ms: i64) -> Result<(), Fault> {
    for number in names(db, "SELECT number FROM cards WHERE member = ?1", member)? {
        customer::remember_erased(db, app, "number", &number, now_ms)?;
    }
    for account in names(db, "SELECT account FROM ec_accounts WHERE member = ?1", member)? {
        customer::remember_erased(db, app, "account", &account, now_ms)?;
        db.execute("DELETE FROM ec_codes WHERE account = ?1", params![account])?;
    }
    db.execute("DELETE FROM cards WHERE member = ?1", [member.as_str()])?;
    db.execute("DELETE FROM ec_accounts WHERE member = ?1", [member.as_str()])?;
    Ok(())
}

fn names(db: &Connection, sql: &str, member: &MemberId) -> Result<Vec<String>, Fault> {
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([member.as_str()], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn erase_history(db: &Connection, member: &MemberId) -> Result<(), Fault> {
    // A code on paper must not lead anyone to a receipt that was a member's.
    db.execute("DELETE FROM claims WHERE receipt IN (SELECT receipt FROM receipt_owners WHERE member = ?1)", [member.as_str()])?;
    for sql in [
        "DELETE FROM member_feed WHERE member = ?1",
        "DELETE FROM points WHERE member = ?1",
        "DELETE FROM receipt_owners WHERE member = ?1",
    ] {
        db.execute(sql, [member.as_str()])?;
    }
    Ok(())
}
