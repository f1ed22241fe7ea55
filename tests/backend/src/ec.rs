//! Accounts of the online shop, and the one-time codes by which their customers link a phone.

use noren_rules::ids::MemberId;
use noren_rules::wire::{EcCode, EcCodeRequest, paths};
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::keys::Purpose;
use crate::members;

const CODE_LIFETIME_MS: i64 = 10 * 60_000;
/// Most characters of an account's name.
pub(crate) const MAX_ACCOUNT: usize = 200;

/// POST [`paths::TILL_EC_CODES`].
pub(crate) async fn post(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    let EcCodeRequest { account } = call.json()?;
    if !is_account(&account) {
        return Err(Refusal::invalid(format!("account has 1 to {MAX_ACCOUNT} characters")));
    }
    call.write(paths::TILL_EC_CODES, &Caller::Till(till), Fingerprint::Body, move |db, app, now_ms| {
        find_or_create(db, app, &account, now_ms)?;
        db.execute("DELETE FROM ec_codes WHERE expires_at_ms <= ?1", [now_ms])?;
        let (code, expires_at_ms) = (app.random_code()?, now_ms.saturating_add(CODE_LIFETIME_MS));
        let stored = app.keys.mac(Purpose::EcCode, &[code.as_bytes()]);
        db.execute("INSERT INTO ec_codes (code, account, expires_at_ms) VALUES (?1, ?2, ?3)", params![stored, account, expires_at_ms])?;
        Ok(EcCode { code, expires_at_ms })
    })
    .await
}

pub(crate) fn is_account(account: &str) -> bool {
    (1..=MAX_ACCOUNT).contains(&account.chars().count())
}

/// The member of an account; an account is known from its first code or its first order.
pub(crate) fn find_or_create(db: &Connection, app: &App, account: &str, now_ms: i64) -> Result<MemberId, Fault> {
    let known: Option<String> =
        db.prepare_cached("SELECT member FROM ec_accounts WHERE account = ?1")?.query_row([account], |row| row.get(0)).optional()?;
    if let Some(member) = known {
        return members::canonical(db, &member);
    }
    let member = members::create(db, app, now_ms)?;
    db.execute("INSERT INTO ec_accounts (account, member, created_at_ms) VALUES (?1, ?2, ?3)", params![account, member.as_str(), now_ms])?;
    Ok(member)
}

/// Uses up a code; the member of its account if it was good.
pub(crate) fn take_code(db: &Connection, app: &App, code: &str, now_ms: i64) -> Result<Option<String>, Fault> {
    let stored = app.keys.mac(Purpose::EcCode, &[code.trim().to_ascii_uppercase().as_bytes()]);
    let member: Option<String> = db
        .query_row(
            "SELECT a.member FROM ec_codes c JOIN ec_accounts a ON a.account = c.account WHERE c.code = ?1 AND c.expires_at_ms > ?2",
            params![stored, now_ms],
            |row| row.get(0),
        )
        .optional()?;
    if member.is_some() {
        db.execute("DELETE FROM ec_codes WHERE code = ?1", [stored])?;
    }
    Ok(member)
}
