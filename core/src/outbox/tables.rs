//! The outbox's tables and all SQL on intents.

use noren_rules::ids::IdempotencyKey;
use noren_rules::wire::Reason;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::models::{IntentState, NewIntent, Outcome};
use crate::check_in::CHECK_INS_V1;
use crate::coupons::PRESENTED_V1;
use crate::holds::HOLDS_V1;
use crate::ordering::ORDERS_V1;
use crate::stock::PINNED_V1;
use crate::storage::seal::Place;
use crate::storage::{DatabaseSpec, OnCorruption, Sealer, StorageError};

/// Version 1 of `outbox.db`. Never changed: a later version is a further step.
pub const V1: &str = "
CREATE TABLE intents(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, -- the order within a lane
  key TEXT NOT NULL UNIQUE,              -- UUIDv4: the idempotency key
  lane TEXT NOT NULL,                    -- plain, so that lost intents can be counted by kind without the key
  kind TEXT NOT NULL,                    -- plain, as lane
  path TEXT NOT NULL,
  authorized INTEGER NOT NULL,           -- 1: carries a token, 0: the proof is in the body
  body BLOB,                             -- value, thus sealed; NULL once settled
  subject BLOB,                          -- used as a key, thus hashed: at most one open intent of a kind and subject
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,                 -- server time
  state INTEGER NOT NULL,                -- 0 pending, 1 sending, 2 unknown, 3 wedged, 4 done, 5 expired
  may_have_arrived INTEGER NOT NULL,     -- never taken back: an older attempt may still land
  attempts INTEGER NOT NULL,
  next_attempt_at_ms INTEGER NOT NULL,   -- trusted time
  wait_ms INTEGER NOT NULL,              -- the wait that led to it: a clock set back must not make it longer
  asked_to_wait INTEGER NOT NULL,        -- 1: the server asked for the wait
  reason TEXT,
  outcome BLOB,                          -- value, thus sealed: status and body of the answer
  applied INTEGER NOT NULL,              -- 1: the feature has it
  settled_at_ms INTEGER
) STRICT;
CREATE INDEX intents_open ON intents(lane, seq) WHERE state < 3;
CREATE INDEX intents_unapplied ON intents(seq) WHERE state = 4 AND applied = 0;
CREATE TABLE secrets(name TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// The outbox's file.
pub const OUTBOX_DB: DatabaseSpec = DatabaseSpec {
    file: "outbox.db",
    steps: &[V1, CHECK_INS_V1, PRESENTED_V1, PINNED_V1, HOLDS_V1, ORDERS_V1],
    durable: true,
    on_corruption: OnCorruption::SetAside,
};

/// Settled intents are kept this long for whoever asks.
const KEEP_SETTLED_MS: i64 = 30 * 86_400_000;

#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) seq: i64,
    pub(super) key: IdempotencyKey,
    pub(super) lane: String,
    pub(super) kind: String,
    pub(super) path: String,
    pub(super) authorized: bool,
    pub(super) body: Option<Vec<u8>>,
    pub(super) created_at_ms: i64,
    pub(super) expires_at_ms: Option<i64>,
    pub(super) state: IntentState,
    pub(super) may_have_arrived: bool,
    pub(super) attempts: u32,
    pub(super) next_attempt_at_ms: i64,
    pub(super) wait_ms: i64,
    pub(super) reason: Option<Reason>,
    pub(super) outcome: Option<Vec<u8>>,
}

const COLUMNS: &str = "seq, key, lane, kind, path, authorized, body, created_at_ms, expires_at_ms, state, may_have_arrived, attempts, \
                       next_attempt_at_ms, wait_ms, reason, outcome";

impl Intent {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            key: IdempotencyKey(row.get(1)?),
            lane: row.get(2)?,
            kind: row.get(3)?,
            path: row.get(4)?,
            authorized: row.get(5)?,
            body: row.get(6)?,
            created_at_ms: row.get(7)?,
            expires_at_ms: row.get(8)?,
            state: IntentState::from_code(row.get(9)?),
            may_have_arrived: row.get(10)?,
            attempts: row.get(11)?,
            next_attempt_at_ms: row.get(12)?,
            wait_ms: row.get(13)?,
            reason: row.get::<_, Option<String>>(14)?.map(|text| reason_from(&text)),
            outcome: row.get(15)?,
        })
    }

    pub(super) fn open_body(&self, sealer: &Sealer) -> Result<Vec<u8>, StorageError> {
        let sealed = self.body.as_deref().ok_or(StorageError::Unsealable)?;
        Ok(sealer.open(body_place(self.key.as_str()), sealed)?.to_vec())
    }

    pub(super) fn open_outcome(&self, sealer: &Sealer) -> Result<Option<Outcome>, StorageError> {
        let Some(sealed) = self.outcome.as_deref() else { return Ok(None) };
        let plain = sealer.open(outcome_place(self.key.as_str()), sealed)?;
        let (status, body): (u16, String) = serde_json::from_slice(&plain).map_err(|_| StorageError::Unsealable)?;
        Ok(Some(Outcome { key: self.key.clone(), kind: self.kind.clone(), status, body }))
    }
}

fn body_place(key: &str) -> Place<'_> {
    Place { table: "intents", column: "body", row: key }
}

fn outcome_place(key: &str) -> Place<'_> {
    Place { table: "intents", column: "outcome", row: key }
}

fn reason_text(reason: Reason) -> String {
    serde_json::to_value(reason).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_else(|| "other".into())
}

fn reason_from(text: &str) -> Reason {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).unwrap_or(Reason::Other)
}

/// After a crash: what was on its way goes again, under its key.
pub(super) fn recover(tx: &Transaction<'_>, now_ms: i64) -> Result<(), StorageError> {
    // It was marked before it was sent: it may have arrived.
    tx.execute("UPDATE intents SET state = 0, may_have_arrived = 1 WHERE state = 1", [])?;
    tx.execute("DELETE FROM intents WHERE state >= 4 AND (state > 4 OR applied = 1) AND settled_at_ms < ?1", [now_ms - KEEP_SETTLED_MS])?;
    Ok(())
}

pub(super) fn insert(
    tx: &Transaction<'_>,
    sealer: &Sealer,
    key: &str,
    intent: &NewIntent,
    now_ms: i64,
) -> Result<IdempotencyKey, StorageError> {
    if let Some(subject) = subject_of(sealer, intent) {
        let open: Option<String> = tx
            .query_row("SELECT key FROM intents WHERE state < 3 AND kind = ?1 AND subject = ?2", params![intent.kind, subject], |row| {
                row.get(0)
            })
            .optional()?;
        if let Some(key) = open {
            return Ok(IdempotencyKey(key));
        }
    }
    insert_another(tx, sealer, key, intent, now_ms)
}

fn subject_of(sealer: &Sealer, intent: &NewIntent) -> Option<[u8; 32]> {
    intent.subject.as_ref().map(|subject| sealer.keyed_hash(&intent.kind, subject.as_bytes()))
}

/// As [`insert`], also where one of the same kind and subject is open.
pub(super) fn insert_another(
    tx: &Transaction<'_>,
    sealer: &Sealer,
    key: &str,
    intent: &NewIntent,
    now_ms: i64,
) -> Result<IdempotencyKey, StorageError> {
    let subject = subject_of(sealer, intent);
    let body = sealer.seal(body_place(key), intent.body.as_bytes())?;
    let mut statement = tx.prepare_cached(
        "INSERT INTO intents(key, lane, kind, path, authorized, body, subject, created_at_ms, expires_at_ms, state, may_have_arrived,
           attempts, next_attempt_at_ms, wait_ms, asked_to_wait, applied) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,0,0,0,?8,0,0,0)",
    )?;
    statement.execute(params![
        key,
        intent.lane,
        intent.kind,
        intent.path,
        intent.authorized,
        body,
        subject,
        now_ms,
        intent.expires_at_ms
    ])?;
    Ok(IdempotencyKey(key.to_owned()))
}

/// The newest open intent of this kind and subject.
pub(super) fn open_about(connection: &Connection, sealer: &Sealer, intent: &NewIntent) -> Result<Option<Intent>, StorageError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM intents WHERE kind = ?1 AND subject = ?2 AND state < 3 ORDER BY seq DESC LIMIT 1"
    ))?;
    Ok(statement.query_row(params![intent.kind, subject_of(sealer, intent)], Intent::read).optional()?)
}

/// Puts an intent in the place of one of its kind and subject that surely did not arrive: under its own key, as an attempt that a server refused for a
/// while had another body. A wait that the server asked for stays.
pub(super) fn replace(
    tx: &Transaction<'_>,
    sealer: &Sealer,
    known: &Intent,
    key: &str,
    intent: &NewIntent,
    now_ms: i64,
) -> Result<IdempotencyKey, StorageError> {
    let body = sealer.seal(body_place(key), intent.body.as_bytes())?;
    tx.prepare_cached(
        "UPDATE intents SET key = ?2, body = ?3, created_at_ms = ?4, expires_at_ms = ?5, attempts = 0, reason = NULL,
           next_attempt_at_ms = CASE WHEN asked_to_wait THEN next_attempt_at_ms ELSE ?4 END,
           wait_ms = CASE WHEN asked_to_wait THEN wait_ms ELSE 0 END WHERE seq = ?1",
    )?
    .execute(params![known.seq, key, body, now_ms, intent.expires_at_ms])?;
    Ok(IdempotencyKey(key.to_owned()))
}

/// The newest intent of this kind and subject that was surely never sent.
pub(super) fn never_sent(connection: &Connection, sealer: &Sealer, intent: &NewIntent) -> Result<Option<Intent>, StorageError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM intents WHERE kind = ?1 AND subject = ?2 AND state = 0 AND attempts = 0 AND may_have_arrived = 0
         ORDER BY seq DESC LIMIT 1"
    ))?;
    Ok(statement.query_row(params![intent.kind, subject_of(sealer, intent)], Intent::read).optional()?)
}

/// Another body and another end for an intent that was never sent.
pub(super) fn put_body(
    tx: &Transaction<'_>,
    sealer: &Sealer,
    known: &Intent,
    body: &str,
    expires_at_ms: Option<i64>,
) -> Result<(), StorageError> {
    let sealed = sealer.seal(body_place(known.key.as_str()), body.as_bytes())?;
    tx.prepare_cached("UPDATE intents SET body = ?2, expires_at_ms = ?3 WHERE seq = ?1")?.execute(params![
        known.seq,
        sealed,
        expires_at_ms
    ])?;
    Ok(())
}

pub(super) fn by_key(connection: &Connection, key: &str) -> Result<Option<Intent>, StorageError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM intents WHERE key = ?1"))?;
    Ok(statement.query_row([key], Intent::read).optional()?)
}

/// The oldest intent of a lane whose outcome is open.
pub(super) fn head(connection: &Connection, lane: &str) -> Result<Option<Intent>, StorageError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM intents WHERE lane = ?1 AND state < 3 ORDER BY seq LIMIT 1"))?;
    Ok(statement.query_row([lane], Intent::read).optional()?)
}

pub(super) fn open_lanes(connection: &Connection) -> Result<Vec<String>, StorageError> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT lane FROM intents WHERE state < 3 ORDER BY lane")?;
    let lanes = statement.query_map([], |row| row.get(0))?;
    Ok(lanes.collect::<Result<_, _>>()?)
}

pub(super) fn count_open(connection: &Connection) -> Result<u32, StorageError> {
    Ok(connection.prepare_cached("SELECT count(*) FROM intents WHERE state < 3")?.query_row([], |row| row.get(0))?)
}

/// Everything that a person may want to see: what is open, and what was refused or came too late.
pub(super) fn shown(connection: &Connection) -> Result<Vec<Intent>, StorageError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM intents WHERE state <> 4 ORDER BY seq"))?;
    let intents = statement.query_map([], Intent::read)?;
    Ok(intents.collect::<Result<_, _>>()?)
}

pub(super) fn unapplied(connection: &Connection) -> Result<Vec<Intent>, StorageError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM intents WHERE state = 4 AND applied = 0 ORDER BY seq LIMIT 100"))?;
    let intents = statement.query_map([], Intent::read)?;
    Ok(intents.collect::<Result<_, _>>()?)
}

/// False where it is not there any more as it was read: then nothing may be sent.
pub(super) fn mark_sending(tx: &Transaction<'_>, intent: &Intent) -> Result<bool, StorageError> {
    let sql = "UPDATE intents SET state = 1, attempts = attempts + 1 WHERE seq = ?1 AND key = ?2 AND state < 3";
    Ok(tx.prepare_cached(sql)?.execute(params![intent.seq, intent.key.as_str()])? == 1)
}

/// What is left to do before the next attempt.
pub(super) struct Wait {
    pub(super) state: IntentState,
    pub(super) may_have_arrived: bool,
    pub(super) next_attempt_at_ms: i64,
    pub(super) wait_ms: i64,
    pub(super) asked_to_wait: bool,
    pub(super) reason: Option<Reason>,
}

pub(super) fn put_back(tx: &Transaction<'_>, seq: i64, wait: &Wait) -> Result<(), StorageError> {
    tx.prepare_cached(
        "UPDATE intents SET state = ?2, may_have_arrived = max(may_have_arrived, ?3), next_attempt_at_ms = ?4, wait_ms = ?5,
           asked_to_wait = ?6, reason = ?7 WHERE seq = ?1",
    )?
    .execute(params![
        seq,
        wait.state.code(),
        wait.may_have_arrived,
        wait.next_attempt_at_ms,
        wait.wait_ms,
        wait.asked_to_wait,
        wait.reason.map(reason_text)
    ])?;
    Ok(())
}

/// Closes an intent. The body goes; the answer is kept sealed.
pub(super) fn settle(
    tx: &Transaction<'_>,
    sealer: &Sealer,
    intent: &Intent,
    state: IntentState,
    reason: Option<Reason>,
    answer: Option<(u16, &str)>,
    now_ms: i64,
) -> Result<(), StorageError> {
    let outcome = match answer {
        Some(answer) => {
            let plain = serde_json::to_vec(&answer).map_err(|_| StorageError::other("an answer has no JSON form"))?;
            Some(sealer.seal(outcome_place(intent.key.as_str()), &plain)?)
        }
        None => None,
    };
    // A refused intent keeps its body: a person may let it be sent again, and enrolment reads the link from it.
    tx.prepare_cached(
        "UPDATE intents SET state = ?2, reason = ?3, outcome = ?4, settled_at_ms = ?5, body = CASE WHEN ?2 = 3 THEN body END WHERE seq = ?1",
    )?
    .execute(params![intent.seq, state.code(), reason.map(reason_text), outcome, now_ms])?;
    Ok(())
}

/// What is never sent once more names nothing any more.
pub(super) fn drop_body(tx: &Transaction<'_>, seq: i64) -> Result<(), StorageError> {
    Ok(tx.execute("UPDATE intents SET body = NULL WHERE seq = ?1", [seq]).map(drop)?)
}

pub(super) fn mark_applied(tx: &Transaction<'_>, seq: i64) -> Result<(), StorageError> {
    tx.prepare_cached("UPDATE intents SET applied = 1 WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

pub(super) fn remove(tx: &Transaction<'_>, seq: i64) -> Result<(), StorageError> {
    tx.execute("DELETE FROM intents WHERE seq = ?1", [seq])?;
    Ok(())
}

/// Another device speaks from here on: what this one was about to say of this kind cannot be said any more.
pub(crate) fn drop_kind(tx: &Transaction<'_>, kind: &str) -> Result<(), StorageError> {
    tx.execute("DELETE FROM intents WHERE kind = ?1 AND state < 4", [kind])?;
    Ok(())
}

/// Another member has this phone now: not even the answers to what this one said stay.
pub(crate) fn forget_kind(tx: &Transaction<'_>, kind: &str) -> Result<(), StorageError> {
    tx.execute("DELETE FROM intents WHERE kind = ?1", [kind])?;
    Ok(())
}

/// Takes an intent away that was surely never sent, in a step that does more than this. False where it is on its way by now.
pub(crate) fn drop_unsent(tx: &Transaction<'_>, key: &IdempotencyKey) -> Result<bool, StorageError> {
    let gone = tx.execute("DELETE FROM intents WHERE key = ?1 AND state = 0 AND may_have_arrived = 0", [key.as_str()])?;
    Ok(gone > 0)
}

/// Takes an intent away that was refused or came too late, in a step that does more than this.
pub(crate) fn drop_closed(tx: &Transaction<'_>, key: &IdempotencyKey) -> Result<(), StorageError> {
    tx.execute("DELETE FROM intents WHERE key = ?1 AND state IN (3, 5)", [key.as_str()])?;
    Ok(())
}

/// Waits that are ours, not the server's, end now: there is a network again.
pub(super) fn hurry(tx: &Transaction<'_>, now_ms: i64) -> Result<(), StorageError> {
    tx.execute("UPDATE intents SET next_attempt_at_ms = ?1, wait_ms = 0 WHERE state < 3 AND asked_to_wait = 0", [now_ms])?;
    Ok(())
}

pub(super) fn save_fact(tx: &Transaction<'_>, name: &str, value: &str) -> Result<(), StorageError> {
    tx.prepare_cached("INSERT INTO facts(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value")?
        .execute([name, value])?;
    Ok(())
}

pub(super) fn fact(connection: &Connection, name: &str) -> Result<Option<String>, StorageError> {
    Ok(connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()?)
}
