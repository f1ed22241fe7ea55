//! A provider for tests and demonstrations. It keeps its books in a file of its own, as another company would: they survive a kill of the backend.
//!
//! What it does depends on the token: `tok_ok` pays; `tok_declined` is refused; `tok_timeout` carries out every call and does not answer the first
//! time; `tok_lost` loses every call the first time; `tok_step_up` asks the person for something, and takes it as done with the first query after
//! that; `tok_capture_fail` sets aside and refuses to take. Any other token is refused.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::{Amount, PaymentProvider, ProviderAnswer};
use crate::settings::Clock;

/// The sandbox's file in the data directory.
pub const SANDBOX_FILE: &str = "payment-sandbox.sqlite";

/// How long it sets an amount aside.
const AUTHORISED_MS: i64 = 7 * 86_400_000;
const STEP_UP_URL: &str = "https://sandbox.invalid/step-up";

const SCHEMA: &str = "
    PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
    CREATE TABLE IF NOT EXISTS calls (
        key TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, token TEXT NOT NULL, of_key TEXT NOT NULL, amount_minor INTEGER NOT NULL,
        currency TEXT NOT NULL, status TEXT NOT NULL, until_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS calls_by_of ON calls (of_key, kind);
    CREATE TABLE IF NOT EXISTS received (key TEXT NOT NULL PRIMARY KEY, times INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Why the sandbox cannot be opened or asked.
#[derive(Debug, thiserror::Error)]
#[error("the payment sandbox's file cannot be used: {0}")]
pub struct SandboxError(#[from] rusqlite::Error);

/// A call as the sandbox has it in its books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxCall {
    /// Its key.
    pub key: String,
    /// `authorise`, `capture`, `charge_more`, `void` or `refund`.
    pub kind: String,
    /// The key of the authorisation or capture that it is about; empty for an authorisation.
    pub of_key: String,
    /// In minor units; 0 for a void.
    pub amount_minor: i64,
    /// `authorised`, `step_up`, `done`, `declined` or `closed`.
    pub status: String,
    /// First millisecond at which an authorisation is over.
    pub until_ms: i64,
    token: String,
}

/// The sandbox.
pub struct PaymentSandbox {
    db: Mutex<Connection>,
    clock: Clock,
}

/// A call that comes in.
struct Incoming<'a> {
    key: &'a str,
    kind: &'static str,
    token: &'a str,
    of_key: &'a str,
    amount: Amount<'a>,
}

impl PaymentSandbox {
    /// Opens or makes its file.
    ///
    /// # Errors
    /// [`SandboxError`] when the file cannot be opened or is none of a sandbox.
    pub fn open(file: &Path, clock: Clock) -> Result<Self, SandboxError> {
        let db = Connection::open(file)?;
        db.execute_batch(SCHEMA)?;
        Ok(Self { db: Mutex::new(db), clock })
    }

    /// How often a call with this key came in, lost ones included.
    ///
    /// # Errors
    /// [`SandboxError`] when the file cannot be read.
    pub fn received(&self, key: &str) -> Result<u64, SandboxError> {
        let times: Option<i64> = self.db().query_row("SELECT times FROM received WHERE key = ?1", [key], |row| row.get(0)).optional()?;
        Ok(u64::try_from(times.unwrap_or(0)).unwrap_or(0))
    }

    /// All calls whose keys begin so, by key: an order's id gives all of that order.
    ///
    /// # Errors
    /// [`SandboxError`] when the file cannot be read.
    pub fn calls(&self, prefix: &str) -> Result<Vec<SandboxCall>, SandboxError> {
        let db = self.db();
        let mut statement = db.prepare(&format!("{CALLS} WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key"))?;
        let rows = statement.query_map([prefix], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What was taken and not given back under keys that begin so, in minor units.
    ///
    /// # Errors
    /// [`SandboxError`] when the file cannot be read.
    pub fn balance_minor(&self, prefix: &str) -> Result<i64, SandboxError> {
        let sum = |kind: &str| -> Result<i64, SandboxError> {
            let calls = self.calls(prefix)?;
            Ok(calls.iter().filter(|call| call.kind == kind && call.status == "done").map(|call| call.amount_minor).sum())
        };
        Ok(sum("capture")? + sum("charge_more")? - sum("refund")?)
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a call in, once for its key; a file that fails is a provider that does not answer.
    fn take(&self, incoming: &Incoming<'_>) -> ProviderAnswer {
        self.try_take(incoming).unwrap_or_else(|error| {
            tracing::error!(%error, "the payment sandbox does not answer");
            ProviderAnswer::NoAnswer
        })
    }

    fn try_take(&self, incoming: &Incoming<'_>) -> Result<ProviderAnswer, SandboxError> {
        let mut db = self.db();
        let db = db.transaction()?;
        let first = db.execute("INSERT OR IGNORE INTO received (key, times) VALUES (?1, 0)", [incoming.key])? == 1;
        db.execute("UPDATE received SET times = times + 1 WHERE key = ?1", [incoming.key])?;
        let token = match find(&db, incoming.of_key)? {
            Some(of) if incoming.token.is_empty() => token_of(&db, of)?,
            _ => incoming.token.to_owned(),
        };
        let answer = if first && token == "tok_lost" {
            ProviderAnswer::NoAnswer
        } else {
            let known = match find(&db, incoming.key)? {
                Some(known) => known,
                None => self.enter(&db, incoming, &token)?,
            };
            if first && token == "tok_timeout" { ProviderAnswer::NoAnswer } else { answer_of(&known) }
        };
        db.commit()?;
        Ok(answer)
    }

    fn enter(&self, db: &Connection, incoming: &Incoming<'_>, token: &str) -> Result<SandboxCall, SandboxError> {
        let now_ms = (self.clock)();
        let of = find(db, incoming.of_key)?;
        let status = match (incoming.kind, of) {
            ("authorise", _) => status_of_token(token),
            ("capture", Some(of)) => {
                let holds = of.status == "authorised" && now_ms < of.until_ms && incoming.amount.minor <= of.amount_minor;
                let once = sum(db, "capture", &of.key)? == 0;
                if holds && once && token != "tok_capture_fail" { "done" } else { "declined" }
            }
            ("void", Some(of)) => {
                let taken = sum(db, "capture", &of.key)? > 0;
                if !taken && of.status != "declined" {
                    db.execute("UPDATE calls SET status = 'closed' WHERE key = ?1", [of.key])?;
                }
                if taken { "declined" } else { "done" }
            }
            // It never arrived: its key is closed.
            ("void", None) => {
                insert(db, &Incoming { key: incoming.of_key, kind: "authorise", of_key: "", ..*incoming }, "", "closed", 0)?;
                "done"
            }
            ("refund", Some(of)) => {
                let back = sum(db, "refund", &of.key)?.saturating_add(incoming.amount.minor);
                let taken = of.amount_minor.saturating_add(sum(db, "charge_more", &of.key)?);
                if of.status == "done" && back <= taken { "done" } else { "declined" }
            }
            ("charge_more", Some(of)) if of.status == "done" => "done",
            _ => "declined",
        };
        insert(db, incoming, token, status, now_ms.saturating_add(AUTHORISED_MS))?;
        find(db, incoming.key)?.ok_or(SandboxError(rusqlite::Error::QueryReturnedNoRows))
    }

    fn try_query(&self, key: &str) -> Result<ProviderAnswer, SandboxError> {
        let db = self.db();
        let Some(known) = find(&db, key)? else { return Ok(ProviderAnswer::NotReceived) };
        if known.status == "step_up" {
            // The sandbox has no screen: whoever asks has done what it wanted.
            db.execute("UPDATE calls SET status = 'authorised' WHERE key = ?1", [key])?;
        }
        Ok(find(&db, key)?.map_or(ProviderAnswer::NotReceived, |known| answer_of(&known)))
    }
}

impl PaymentProvider for PaymentSandbox {
    fn authorise(&self, key: &str, token: &str, amount: Amount<'_>) -> ProviderAnswer {
        self.take(&Incoming { key, kind: "authorise", token, of_key: "", amount })
    }

    fn capture(&self, key: &str, authorisation: &str, amount: Amount<'_>) -> ProviderAnswer {
        self.take(&Incoming { key, kind: "capture", token: "", of_key: authorisation, amount })
    }

    fn void(&self, key: &str, authorisation: &str) -> ProviderAnswer {
        self.take(&Incoming { key, kind: "void", token: "", of_key: authorisation, amount: Amount { minor: 0, currency: "" } })
    }

    fn charge_more(&self, key: &str, capture: &str, amount: Amount<'_>) -> ProviderAnswer {
        self.take(&Incoming { key, kind: "charge_more", token: "", of_key: capture, amount })
    }

    fn refund(&self, key: &str, capture: &str, amount: Amount<'_>) -> ProviderAnswer {
        self.take(&Incoming { key, kind: "refund", token: "", of_key: capture, amount })
    }

    fn query(&self, key: &str) -> ProviderAnswer {
        self.try_query(key).unwrap_or(ProviderAnswer::NoAnswer)
    }
}

const CALLS: &str = "SELECT key, kind, of_key, amount_minor, status, until_ms, token FROM calls";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<SandboxCall> {
    Ok(SandboxCall {
        key: row.get(0)?,
        kind: row.get(1)?,
        of_key: row.get(2)?,
        amount_minor: row.get(3)?,
        status: row.get(4)?,
        until_ms: row.get(5)?,
        token: row.get(6)?,
    })
}

fn find(db: &Connection, key: &str) -> Result<Option<SandboxCall>, SandboxError> {
    Ok(db.query_row(&format!("{CALLS} WHERE key = ?1"), [key], read).optional()?)
}

/// The token with which it began: a refund's is that of the authorisation of its capture.
fn token_of(db: &Connection, mut call: SandboxCall) -> Result<String, SandboxError> {
    while let (true, Some(of)) = (call.token.is_empty(), find(db, &call.of_key)?) {
        call = of;
    }
    Ok(call.token)
}

fn insert(db: &Connection, incoming: &Incoming<'_>, token: &str, status: &str, until_ms: i64) -> Result<(), SandboxError> {
    db.execute(
        "INSERT INTO calls (key, kind, token, of_key, amount_minor, currency, status, until_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![incoming.key, incoming.kind, token, incoming.of_key, incoming.amount.minor, incoming.amount.currency, status, until_ms],
    )?;
    Ok(())
}

fn sum(db: &Connection, kind: &str, of_key: &str) -> Result<i64, SandboxError> {
    let sql = "SELECT COALESCE(SUM(amount_minor), 0) FROM calls WHERE kind = ?1 AND of_key = ?2 AND status = 'done'";
    Ok(db.query_row(sql, [kind, of_key], |row| row.get(0))?)
}

fn status_of_token(token: &str) -> &'static str {
    match token {
        "tok_ok" | "tok_timeout" | "tok_lost" | "tok_capture_fail" => "authorised",
        "tok_step_up" => "step_up",
        _ => "declined",
    }
}

fn answer_of(call: &SandboxCall) -> ProviderAnswer {
    match call.status.as_str() {
        "authorised" => ProviderAnswer::Authorised { until_ms: call.until_ms },
        "step_up" => ProviderAnswer::StepUp { url: STEP_UP_URL.to_owned() },
        "done" => ProviderAnswer::Done,
        // What was let go is not there any more, for whoever asks late.
        _ => ProviderAnswer::Declined,
    }
}

impl std::fmt::Debug for PaymentSandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaymentSandbox").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn yen(minor: i64) -> Amount<'static> {
        Amount { minor, currency: "JPY" }
    }

    fn open(directory: &Path, now: &Arc<AtomicI64>) -> PaymentSandbox {
        let now = Arc::clone(now);
        PaymentSandbox::open(&directory.join(SANDBOX_FILE), Arc::new(move || now.load(Ordering::SeqCst))).unwrap()
    }

    #[test]
    fn the_same_key_is_the_same_call_also_after_a_restart() {
        let (directory, now) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(1_000)));
        let sandbox = open(directory.path(), &now);
        let authorised = ProviderAnswer::Authorised { until_ms: 1_000 + AUTHORISED_MS };
        assert_eq!(sandbox.authorise("o/authorise/1", "tok_ok", yen(500)), authorised);
        assert_eq!(sandbox.capture("o/charge", "o/authorise/1", yen(501)), ProviderAnswer::Declined, "not more than was set aside");
        assert_eq!(sandbox.capture("o/charge2", "o/authorise/1", yen(500)), ProviderAnswer::Done);
        drop(sandbox);
        let sandbox = open(directory.path(), &now);
        now.store(5_000, Ordering::SeqCst);
        assert_eq!(sandbox.authorise("o/authorise/1", "tok_ok", yen(500)), authorised);
        assert_eq!(sandbox.capture("o/charge2", "o/authorise/1", yen(500)), ProviderAnswer::Done);
        assert_eq!(sandbox.capture("o/charge3", "o/authorise/1", yen(500)), ProviderAnswer::Declined, "taken once");
        assert_eq!(sandbox.void("o/void/1", "o/authorise/1"), ProviderAnswer::Declined);
        assert_eq!(sandbox.charge_more("o/difference/1", "o/charge2", yen(10)), ProviderAnswer::Done);
        assert_eq!(sandbox.charge_more("o/difference/2", "o/charge", yen(10)), ProviderAnswer::Declined, "nothing was taken there");
        assert_eq!(sandbox.refund("o/refund/0/0", "o/charge2", yen(300)), ProviderAnswer::Done);
        assert_eq!(sandbox.refund("o/refund/0/1", "o/charge2", yen(211)), ProviderAnswer::Declined, "not more than was taken");
        assert_eq!(sandbox.refund("o/refund/0/0", "o/charge2", yen(300)), ProviderAnswer::Done);
        assert_eq!((sandbox.balance_minor("o/").unwrap(), sandbox.received("o/authorise/1").unwrap()), (210, 2));
        assert_eq!(sandbox.query("o/charge2"), ProviderAnswer::Done);
        assert_eq!(sandbox.query("nothing"), ProviderAnswer::NotReceived);
    }

    #[test]
    fn answers_and_calls_are_lost() {
        let (directory, now) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(0)));
        let sandbox = open(directory.path(), &now);
        let authorised = ProviderAnswer::Authorised { until_ms: AUTHORISED_MS };
        assert_eq!(sandbox.authorise("t/1", "tok_timeout", yen(5)), ProviderAnswer::NoAnswer);
        assert_eq!(sandbox.query("t/1"), authorised, "it was carried out");
        assert_eq!(sandbox.capture("t/charge", "t/1", yen(5)), ProviderAnswer::NoAnswer);
        assert_eq!(sandbox.query("t/charge"), ProviderAnswer::Done);
        assert_eq!(sandbox.refund("t/refund", "t/charge", yen(5)), ProviderAnswer::NoAnswer, "as its authorisation did");
        assert_eq!(sandbox.authorise("l/1", "tok_lost", yen(5)), ProviderAnswer::NoAnswer);
        assert_eq!(sandbox.query("l/1"), ProviderAnswer::NotReceived);
        assert_eq!(sandbox.authorise("l/1", "tok_lost", yen(5)), authorised);
    }

    #[test]
    fn a_card_may_be_refused_now_or_later_or_ask_for_something() {
        let (directory, now) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(0)));
        let sandbox = open(directory.path(), &now);
        for token in ["tok_declined", "tok_nobody_knows", ""] {
            assert_eq!(sandbox.authorise(&format!("d/{token}"), token, yen(5)), ProviderAnswer::Declined);
        }
        let asked = sandbox.authorise("s/1", "tok_step_up", yen(5));
        assert_eq!(asked, ProviderAnswer::StepUp { url: STEP_UP_URL.to_owned() });
        assert_eq!(sandbox.capture("s/early", "s/1", yen(5)), ProviderAnswer::Declined);
        assert!(matches!(sandbox.query("s/1"), ProviderAnswer::Authorised { .. }));
        assert!(matches!(sandbox.authorise("c/1", "tok_capture_fail", yen(5)), ProviderAnswer::Authorised { .. }));
        assert_eq!(sandbox.capture("c/charge", "c/1", yen(5)), ProviderAnswer::Declined);
    }

    #[test]
    fn what_is_let_go_or_over_is_not_taken() {
        let (directory, now) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(0)));
        let sandbox = open(directory.path(), &now);
        sandbox.authorise("v/1", "tok_ok", yen(5));
        assert_eq!(sandbox.void("v/void/1", "v/1"), ProviderAnswer::Done);
        assert_eq!(sandbox.capture("v/charge", "v/1", yen(5)), ProviderAnswer::Declined);
        assert_eq!(sandbox.void("late/void", "late/1"), ProviderAnswer::Done);
        assert_eq!(sandbox.authorise("late/1", "tok_ok", yen(5)), ProviderAnswer::Declined, "its key was closed before it came");
        sandbox.authorise("o/1", "tok_ok", yen(5));
        now.store(AUTHORISED_MS, Ordering::SeqCst);
        assert_eq!(sandbox.capture("o/charge", "o/1", yen(5)), ProviderAnswer::Declined, "the authorisation is over");
        assert_eq!(sandbox.balance_minor("").unwrap(), 0);
    }
}
