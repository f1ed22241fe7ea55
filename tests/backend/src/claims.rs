//! A sale made without the card can be claimed later, once, by the code on its receipt (レシート後付け).

use noren_rules::ids::{DeviceId, MemberId, ReceiptId};
use noren_rules::receipt::Receipt;
use noren_rules::wire::{Claim, ClaimRequest, Reason, paths};
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::guard::{Rule, Subject};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::keys::Purpose;
use crate::{devices, family, receipts};

const DAY_MS: i64 = 86_400_000;
const MAX_CODE: usize = 64;
/// A code has 49 bits, but nobody needs to try that often.
const PER_DEVICE: Rule = Rule { failures: 15, lock_ms: 3_600_000 };

/// POST [`paths::CLAIMS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let ClaimRequest { claim_code } = call.json()?;
    if !(1..=MAX_CODE).contains(&claim_code.len()) {
        return Err(Refusal::invalid(format!("claim_code has 1 to {MAX_CODE} bytes")));
    }
    let caller = Caller::Device(device.clone());
    call.write(paths::CLAIMS, &caller, Fingerprint::Body, move |db, app, now_ms| claim(db, app, &device, &claim_code, now_ms)).await
}

/// Opens a receipt that is nobody's to its code.
pub(crate) fn offer(db: &Connection, app: &App, code: &str, receipt: &ReceiptId, now_ms: i64) -> Result<(), Fault> {
    let until_ms = now_ms.saturating_add(i64::from(app.settings.claim_days).saturating_mul(DAY_MS));
    db.prepare_cached("INSERT INTO claims (code, receipt, until_ms) VALUES (?1, ?2, ?3)")?.execute(params![
        code_mac(app, code),
        receipt.as_str(),
        until_ms
    ])?;
    Ok(())
}

fn claim(db: &Connection, app: &App, device: &DeviceId, code: &str, now_ms: i64) -> Result<Claim, Fault> {
    let member = devices::member_of(db, device)?;
    let guard = Subject::new(&app.keys, PER_DEVICE, &["claim-device", device.as_str()]);
    guard.check(db, now_ms)?;
    let code = code_mac(app, code.trim().to_ascii_uppercase().as_str());
    let found: Option<String> =
        db.query_row("SELECT receipt FROM claims WHERE code = ?1 AND until_ms > ?2", params![code, now_ms], |row| row.get(0)).optional()?;
    let receipt = found.map(ReceiptId);
    let owner = receipt.as_ref().map(|receipt| receipts::owner(db, receipt)).transpose()?.flatten();
    match (receipt, owner) {
        (Some(receipt_id), None) => {
            family::give_all(db, app, &receipt_id, &member, now_ms)?;
            Ok(Claim { receipt_id })
        }
        // The member has it already: the same answer, and it counts once.
        (Some(receipt_id), Some(owner)) if owner == member => Ok(Claim { receipt_id }),
        _ => {
            guard.failed(db, now_ms)?;
            let detail = "no receipt can be claimed by this code: check it, or it is over or was claimed before";
            Err(Refusal::new(Reason::ClaimRefused, detail).keep().into())
        }
    }
}

/// The receipt of a code, for a check-in by it: of a sale that is nobody's, or this member's. A wrong guess is counted.
pub(crate) fn receipt_of(
    db: &Connection,
    app: &App,
    device: &DeviceId,
    code: &str,
    member: &MemberId,
    now_ms: i64,
) -> Result<Option<Receipt>, Fault> {
    let guard = Subject::new(&app.keys, PER_DEVICE, &["claim-device", device.as_str()]);
    guard.check(db, now_ms)?;
    let mac = code_mac(app, code.trim().to_ascii_uppercase().as_str());
    let found: Option<String> =
        db.query_row("SELECT receipt FROM claims WHERE code = ?1 AND until_ms > ?2", params![mac, now_ms], |row| row.get(0)).optional()?;
    let Some(id) = found.map(ReceiptId) else {
        guard.failed(db, now_ms)?;
        return Ok(None);
    };
    let owner = receipts::owner(db, &id)?;
    if owner.is_some_and(|owner| owner != *member) {
        return Ok(None);
    }
    receipts::load(db, &id).map(Some)
}

fn code_mac(app: &App, code: &str) -> [u8; 32] {
    app.keys.mac(Purpose::ClaimCode, &[code.as_bytes()])
}
