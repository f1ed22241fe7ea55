//! Whose sale it is: the backend verifies again what a till scanned, at the moment when the till took it.
//!
//! A code that names nobody never loses the sale: it is kept as nobody's, with the reason.

use noren_rules::code::{MemberCode, PREFIX, strip_line_end};
use noren_rules::ids::{DeviceId, MemberId, ReceiptId, TillId};
use noren_rules::one_dimensional::{is_ean13, is_nw7, read_code128, verify_otp};
use noren_rules::wire::Customer;
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::App;
use crate::devices::{self, Device};
use crate::fault::Fault;
use crate::guard::{Rule, Subject};
use crate::http::TillCaller;
use crate::keys::Purpose;
use crate::{KEYS_KEPT_MS, cards, ec, members};

const ONE_DIMENSIONAL: Rule = Rule { failures: 5, lock_ms: 15 * 60_000 };
/// The longest text that a scanner or a keyboard gives.
const MAX_SCANNED: usize = 2_000;

/// A code that may be taken once.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) device: DeviceId,
    pub(crate) symbology: Symbology,
    pub(crate) step: i64,
}

/// The two kinds of code that change with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbology {
    Qr,
    Code128,
}

impl Symbology {
    fn name(self) -> &'static str {
        match self {
            Self::Qr => "qr",
            Self::Code128 => "code128",
        }
    }
}

/// Whom a scanned text names.
#[derive(Debug, Clone)]
pub(crate) struct Scanned {
    pub(crate) member: MemberId,
    /// `None` for a static code: it may earn and never spend.
    pub(crate) code: Option<Code>,
}

/// Why a text names nobody, as a snake_case reason.
pub(crate) type Unnamed = &'static str;

/// Whose a sale is.
#[derive(Debug, Default)]
pub(crate) struct Buyer {
    pub(crate) member: Option<MemberId>,
    pub(crate) refused: Option<Unnamed>,
    pub(crate) code: Option<Code>,
    /// The device that ordered: it spends its grants without a code.
    pub(crate) device: Option<DeviceId>,
    pub(crate) code_seen_before: bool,
}

impl Buyer {
    /// The device that may spend its grants in this sale.
    pub(crate) fn spends(&self) -> Option<&DeviceId> {
        self.code.as_ref().map(|code| &code.device).or(self.device.as_ref())
    }
}

/// Finds the buyer of a sale, and says why there is none.
pub(crate) fn of_sale(
    db: &Connection,
    app: &App,
    till: &TillId,
    customer: &Customer,
    sold_at_ms: i64,
    now_ms: i64,
) -> Result<Buyer, Fault> {
    let named = |found: Option<MemberId>, unnamed| match found {
        Some(member) => Buyer { member: Some(member), ..Buyer::default() },
        None => Buyer { refused: Some(unnamed), ..Buyer::default() },
    };
    match customer {
        Customer::Anonymous => Ok(Buyer::default()),
        Customer::Number { number } => {
            let erased = was_erased(db, app, "number", number.as_str(), sold_at_ms)?;
            let member = if erased { None } else { cards::member_of(db, number.as_str())? };
            Ok(named(member, "unknown_number"))
        }
        Customer::EcAccount { account } => {
            let unknown = !ec::is_account(account) || was_erased(db, app, "account", account, sold_at_ms)?;
            let member = if unknown { None } else { Some(ec::find_or_create(db, app, account, now_ms)?) };
            Ok(named(member, "unknown_account"))
        }
        Customer::Scanned { text, at_ms } => scanned_sale(db, app, till, text, *at_ms, now_ms),
    }
}

fn scanned_sale(db: &Connection, app: &App, till: &TillId, text: &str, at_ms: i64, now_ms: i64) -> Result<Buyer, Fault> {
    let Scanned { member, code } = match scan(db, app, till, text, at_ms, now_ms)? {
        Ok(scanned) => scanned,
        Err(reason) => return Ok(Buyer { refused: Some(reason), ..Buyer::default() }),
    };
    let Some(code) = code else {
        return Ok(Buyer { member: Some(member), ..Buyer::default() });
    };
    let seen = taken_by(db, &code)?;
    let by_another_sale = seen.iter().any(|(_, receipt)| !receipt.is_empty());
    let by_another_till = seen.iter().any(|(other, _)| other != till.as_str());
    // A QR's double is recorded and named: two offline tills cannot have known. One-time digits are taken once.
    if code.symbology == Symbology::Code128 && (by_another_sale || by_another_till) {
        return Ok(Buyer { refused: Some("replayed"), code_seen_before: true, ..Buyer::default() });
    }
    Ok(Buyer { member: Some(member), code: Some(code), code_seen_before: by_another_sale, ..Buyer::default() })
}

/// Whom a text names, at the moment when a till took it.
pub(crate) fn scan(
    db: &Connection,
    app: &App,
    till: &TillId,
    text: &str,
    at_ms: i64,
    now_ms: i64,
) -> Result<Result<Scanned, Unnamed>, Fault> {
    let Some(text) = std::str::from_utf8(strip_line_end(text.as_bytes())).ok().filter(|text| (1..=MAX_SCANNED).contains(&text.len()))
    else {
        return Ok(Err("not_a_member_code"));
    };
    if text.starts_with(PREFIX) {
        return rotating(db, app, text, at_ms);
    }
    if let Some((alias, otp)) = read_code128(text) {
        return one_time(db, app, till, alias, otp, at_ms, now_ms);
    }
    fixed(db, app, text, at_ms)
}

fn rotating(db: &Connection, app: &App, text: &str, at_ms: i64) -> Result<Result<Scanned, Unnamed>, Fault> {
    let code = MemberCode::read(text.as_bytes()).and_then(|code| code.verify(&app.keys.issuers(), at_ms.div_euclid(1000)));
    let verified = match code {
        Ok(verified) => verified,
        Err(refusal) => return Ok(Err(refusal.reason())),
    };
    // What a lost phone shows counts as it stood when the till took it.
    if devices::revoked_at(db, &verified.device)?.is_some_and(|at| at <= at_ms) {
        return Ok(Err("revoked"));
    }
    let device = devices::find(db, &verified.device)?;
    let code = Code { device: verified.device, symbology: Symbology::Qr, step: stored_step(verified.step) };
    named(db, device, Some(code), at_ms)
}

fn one_time(
    db: &Connection,
    app: &App,
    till: &TillId,
    alias: &str,
    otp: &str,
    at_ms: i64,
    now_ms: i64,
) -> Result<Result<Scanned, Unnamed>, Fault> {
    let guards = spending_guards(app, alias, till);
    let device = devices::find_by_alias(db, alias)?;
    let secret = app.keys.totp_secret(&device.as_ref().map_or_else(|| DeviceId::from("nobody"), |device| device.id.clone()));
    let step = verify_otp(secret.as_slice(), otp, at_ms.div_euclid(1000));
    let (Some(device), Some(step)) = (device, step) else {
        // Failures lock spending now; one that a till reports hours later says nothing about now.
        if now_ms.saturating_sub(at_ms) < ONE_DIMENSIONAL.lock_ms {
            guards.iter().try_for_each(|guard| guard.failed(db, now_ms))?;
        }
        return Ok(Err("wrong_code"));
    };
    let code = Code { device: device.id.clone(), symbology: Symbology::Code128, step: stored_step(step) };
    named(db, Some(device), Some(code), at_ms)
}

/// True while one-dimensional codes of this alias, or at this till, must not spend. The QR and earning are never locked.
pub(crate) fn spending_is_locked(db: &Connection, app: &App, text: &str, till: &TillId, now_ms: i64) -> Result<bool, Fault> {
    let alias = text.trim_end().split_at_checked(noren_rules::one_dimensional::ALIAS_LEN).map_or("", |(alias, _)| alias);
    for guard in spending_guards(app, alias, till) {
        if guard.locked_for(db, now_ms)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn spending_guards(app: &App, alias: &str, till: &TillId) -> [Subject; 2] {
    [
        Subject::new(&app.keys, ONE_DIMENSIONAL, &["spend-alias", alias]),
        Subject::new(&app.keys, ONE_DIMENSIONAL, &["spend-till", till.as_str()]),
    ]
}

/// A static text: the EAN-13 or NW-7 of a device, or a card's number, scanned or typed.
fn fixed(db: &Connection, app: &App, text: &str, at_ms: i64) -> Result<Result<Scanned, Unnamed>, Fault> {
    let device = if is_ean13(text) {
        devices::find_by_ean13(db, text)?
    } else if is_nw7(text) {
        let digits = text.trim_matches('A');
        devices::find_by_nw7(db, &format!("A{digits}A"))?
    } else {
        None
    };
    if device.is_some() {
        return named(db, device, None, at_ms);
    }
    if was_erased(db, app, "number", text, at_ms)? {
        return Ok(Err("unknown_number"));
    }
    let looks_like_a_number = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    Ok(match cards::member_of(db, text)? {
        Some(member) => Ok(Scanned { member, code: None }),
        None if looks_like_a_number => Err("unknown_number"),
        None => Err("not_a_member_code"),
    })
}

/// SQLite's integers are signed; a step that verified is far below.
fn stored_step(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

fn named(db: &Connection, device: Option<Device>, code: Option<Code>, at_ms: i64) -> Result<Result<Scanned, Unnamed>, Fault> {
    Ok(match device {
        None => Err("unknown_device"),
        Some(device) if device.revoked_at_ms.is_some_and(|at| at <= at_ms) => Err("revoked"),
        Some(device) => Ok(Scanned { member: members::canonical(db, device.member.as_str())?, code }),
    })
}

/// Who took a code so far: tills and receipts, an empty receipt for an identification.
pub(crate) fn taken_by(db: &Connection, code: &Code) -> Result<Vec<(String, String)>, Fault> {
    let mut statement = db.prepare_cached("SELECT till, receipt FROM codes_taken WHERE device = ?1 AND symbology = ?2 AND step = ?3")?;
    let rows =
        statement.query_map(params![code.device.as_str(), code.symbology.name(), code.step], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The highest step of a device that a sale or another till has taken.
pub(crate) fn highest_step_elsewhere(db: &Connection, code: &Code, till: &TillCaller) -> Result<Option<i64>, Fault> {
    let highest: Option<Option<i64>> = db
        .prepare_cached("SELECT MAX(step) FROM codes_taken WHERE device = ?1 AND symbology = ?2 AND (receipt <> '' OR till <> ?3)")?
        .query_row(params![code.device.as_str(), code.symbology.name(), till.till.as_str()], |row| row.get(0))
        .optional()?;
    Ok(highest.flatten())
}

/// Remembers that a code came with a sale, or that a till asked who it is.
pub(crate) fn take(db: &Connection, code: &Code, till: &TillId, receipt: Option<&ReceiptId>, now_ms: i64) -> Result<(), Fault> {
    // A till that comes later than this is a matter for people.
    db.prepare_cached("DELETE FROM codes_taken WHERE at_ms < ?1")?.execute([now_ms.saturating_sub(KEYS_KEPT_MS)])?;
    let receipt = receipt.map_or("", ReceiptId::as_str);
    db.prepare_cached("INSERT OR IGNORE INTO codes_taken (device, symbology, step, till, receipt, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![code.device.as_str(), code.symbology.name(), code.step, till.as_str(), receipt, now_ms])?;
    Ok(())
}

/// True when the name's member was erased after this sale: the sale stays nobody's, and the name is not brought back.
fn was_erased(db: &Connection, app: &App, kind: &str, name: &str, sold_at_ms: i64) -> Result<bool, Fault> {
    let erased_at: Option<i64> = db
        .prepare_cached("SELECT erased_at_ms FROM erased_names WHERE name = ?1")?
        .query_row([erased_name(app, kind, name)], |row| row.get(0))
        .optional()?;
    Ok(erased_at.is_some_and(|at| sold_at_ms <= at))
}

/// Remembers a name by keyed hash only, for as long as a till may come late.
pub(crate) fn remember_erased(db: &Connection, app: &App, kind: &str, name: &str, now_ms: i64) -> Result<(), Fault> {
    db.execute("DELETE FROM erased_names WHERE erased_at_ms < ?1", [now_ms.saturating_sub(KEYS_KEPT_MS)])?;
    db.execute("INSERT OR REPLACE INTO erased_names (name, erased_at_ms) VALUES (?1, ?2)", params![erased_name(app, kind, name), now_ms])?;
    Ok(())
}

fn erased_name(app: &App, kind: &str, name: &str) -> [u8; 32] {
    app.keys.mac(Purpose::ErasedName, &[kind.as_bytes(), name.as_bytes()])
}
