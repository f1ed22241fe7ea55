//! Check-ins beside the outbox: what was recorded, the head of the chain, the state of the monitors. All sealed.

use std::sync::{Arc, Mutex};

use noren_rules::check_in::CheckInRecord;
use noren_rules::ids::{CheckInId, DeviceId, IdempotencyKey, PlaceId};
use noren_rules::wire::{CheckInOutcome, Reason};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::follow::Following;
use super::{CheckInBy, CheckInState, KIND_CHECK_IN};
use crate::outbox::{IntentState, Vault, drop_kind};
use crate::storage::seal::Place;
use crate::storage::{Database, Sealer, StorageError};

/// Step 2 of `outbox.db`. Never changed: a later version is a further step.
pub const CHECK_INS_V1: &str = "
CREATE TABLE check_ins(
  number INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they were made
  id TEXT NOT NULL UNIQUE,                  -- a UUID that names no one and no place
  key TEXT,                                 -- of the intent that sends it; NULL: not signed yet
  at_ms INTEGER NOT NULL,
  note BLOB NOT NULL,                       -- sealed: where, how, what it unlocked
  unsigned BLOB,                            -- sealed: the record, until the device's key has signed it
  outcome BLOB                              -- sealed: what the backend said
) STRICT;
CREATE UNIQUE INDEX check_ins_by_key ON check_ins(key);
";

const CHAIN: &str = "check-in-chain";
const MONITORS: &str = "check-in-monitors";
/// Longer than any offer's check-in holds, and as long as the wallet tells of them.
const KEEP_MS: i64 = 40 * 86_400_000;

/// The head of this device's chain of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChainHead {
    pub(super) device: DeviceId,
    pub(super) sequence: u64,
    pub(super) digest: [u8; 32],
}

/// What is kept of a check-in once its record is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    device: DeviceId,
    place: PlaceId,
    time_proven: bool,
    by: CheckInBy,
    from_expressway: bool,
    unlocked: Vec<u64>,
}

/// A check-in, as the phone knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckInNote {
    pub(crate) id: CheckInId,
    pub(crate) place: PlaceId,
    pub(crate) at_ms: i64,
    pub(crate) time_proven: bool,
    pub(crate) by: CheckInBy,
    pub(crate) from_expressway: bool,
    pub(crate) unlocked: Vec<u64>,
    pub(crate) state: CheckInState,
}

impl CheckInNote {
    /// True unless the backend has refused it or will never hear of it.
    pub(crate) fn counts(&self) -> bool {
        matches!(self.state, CheckInState::Waiting | CheckInState::Accepted)
    }
}

/// A record that waits for the device's key.
#[derive(Debug)]
pub(super) struct Unsigned {
    pub(super) number: i64,
    pub(super) record: CheckInRecord,
}

/// Check-ins on the phone.
#[derive(Debug)]
pub(crate) struct CheckInStore {
    database: Arc<Database>,
    vault: Vault,
    sealer: Sealer,
    /// One batch of observations at a time; what stands in memory is what was taken last.
    pub(super) following: Mutex<Option<Following>>,
}

fn place<'a>(column: &'a str, id: &'a CheckInId) -> Place<'a> {
    Place { table: "check_ins", column, row: id.as_str() }
}

impl CheckInStore {
    pub(crate) fn new(database: Arc<Database>, vault: Vault, sealer: Sealer) -> Self {
        Self { database, vault, sealer, following: Mutex::new(None) }
    }

    /// This device's check-ins, oldest first. One that does not open is left out.
    pub(crate) fn notes(&self, device: &DeviceId) -> Result<Vec<CheckInNote>, StorageError> {
        self.database.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT c.id, c.at_ms, c.note, c.outcome, c.key, i.state, i.reason FROM check_ins c LEFT JOIN intents i ON i.key = c.key
                 ORDER BY c.number",
            )?;
            let mut rows = statement.query([])?;
            let mut notes = Vec::new();
            while let Some(row) = rows.next()? {
                let id = CheckInId(row.get(0)?);
                let Some(note) = self.opened::<Note>("note", &id, &row.get::<_, Vec<u8>>(2)?).filter(|note| note.device == *device) else {
                    continue;
                };
                let outcome = row.get::<_, Option<Vec<u8>>>(3)?.and_then(|sealed| self.opened::<CheckInOutcome>("outcome", &id, &sealed));
                let sent = row.get::<_, Option<String>>(4)?.is_some();
                let intent: Option<i64> = row.get(5)?;
                let reason: Option<String> = row.get(6)?;
                notes.push(CheckInNote {
                    state: state(outcome, sent, intent.map(IntentState::from_code), reason),
                    at_ms: row.get(1)?,
                    id,
                    place: note.place,
                    time_proven: note.time_proven,
                    by: note.by,
                    from_expressway: note.from_expressway,
                    unlocked: note.unlocked,
                });
            }
            Ok(notes)
        })
    }

    /// The head of this device's chain; `None` before its first record.
    pub(super) fn chain(&self, device: &DeviceId) -> Result<Option<ChainHead>, StorageError> {
        // A head that does not open is a gap, which is marked and not refused.
        let head = self.vault.load(CHAIN).or_else(|error| if error == StorageError::Unsealable { Ok(None) } else { Err(error) })?;
        Ok(head.and_then(|plain| serde_json::from_slice::<ChainHead>(&plain).ok()).filter(|head| head.device == *device))
    }

    /// The state of the monitors as it was kept; a new one where there is none that opens.
    pub(super) fn kept_monitors(&self) -> Result<Following, StorageError> {
        let kept = self.vault.load(MONITORS).or_else(|error| if error == StorageError::Unsealable { Ok(None) } else { Err(error) })?;
        Ok(kept.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default())
    }

    pub(super) fn put_monitors(&self, tx: &Transaction<'_>, following: &Following) -> Result<(), StorageError> {
        let plain = serde_json::to_vec(following).map_err(|_| StorageError::other("the monitors have no JSON form"))?;
        self.vault.put(tx, MONITORS, &plain)
    }

    pub(super) fn put_chain(&self, tx: &Transaction<'_>, head: &ChainHead) -> Result<(), StorageError> {
        let plain = serde_json::to_vec(head).map_err(|_| StorageError::other("the chain has no JSON form"))?;
        self.vault.put(tx, CHAIN, &plain)
    }

    /// Keeps a check-in, with its intent's key or, unsigned, with its record.
    pub(super) fn insert(
        &self,
        tx: &Transaction<'_>,
        device: &DeviceId,
        note: &CheckInNote,
        record: &CheckInRecord,
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StorageError> {
        let kept = Note {
            device: device.clone(),
            place: note.place.clone(),
            time_proven: note.time_proven,
            by: note.by,
            from_expressway: note.from_expressway,
            unlocked: note.unlocked.clone(),
        };
        let unsigned = if key.is_none() { Some(self.sealed("unsigned", &note.id, record)?) } else { None };
        tx.execute("DELETE FROM check_ins WHERE at_ms < ?1", [note.at_ms.saturating_sub(KEEP_MS)])?;
        tx.prepare_cached("INSERT INTO check_ins(id, key, at_ms, note, unsigned) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
            note.id.as_str(),
            key.map(IdempotencyKey::as_str),
            note.at_ms,
            self.sealed("note", &note.id, &kept)?,
            unsigned
        ])?;
        Ok(())
    }

    /// Records that the device's key has not signed yet, oldest first.
    pub(super) fn unsigned(&self) -> Result<Vec<Unsigned>, StorageError> {
        let rows: Vec<(i64, String, Vec<u8>)> = self.database.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT number, id, unsigned FROM check_ins WHERE unsigned IS NOT NULL ORDER BY number")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let opened = |(number, id, sealed): (i64, String, Vec<u8>)| {
            Some(Unsigned { number, record: self.opened("unsigned", &CheckInId(id), &sealed)? })
        };
        Ok(rows.into_iter().filter_map(opened).collect())
    }

    pub(super) fn mark_signed(tx: &Transaction<'_>, number: i64, key: &IdempotencyKey) -> Result<(), StorageError> {
        tx.prepare_cached("UPDATE check_ins SET key = ?2, unsigned = NULL WHERE number = ?1")?.execute(params![number, key.as_str()])?;
        Ok(())
    }

    /// What the backend said. Applying it twice is the same as once.
    pub(super) fn settle(&self, key: &IdempotencyKey, outcome: &CheckInOutcome) -> Result<(), StorageError> {
        self.database.write(|tx| {
            let Some(id) = id_of(tx, key)? else { return Ok(()) };
            let sealed = self.sealed("outcome", &id, outcome)?;
            Ok(tx.execute("UPDATE check_ins SET outcome = ?2 WHERE key = ?1", params![key.as_str(), sealed]).map(drop)?)
        })
    }

    /// Another member has this phone now: nothing of the one before stays.
    pub(crate) fn drop_all(&self) -> Result<(), StorageError> {
        self.forget();
        self.database.write(|tx| {
            drop_kind(tx, KIND_CHECK_IN)?;
            tx.execute("DELETE FROM check_ins", [])?;
            Ok(tx.execute("DELETE FROM secrets WHERE name IN (?1, ?2)", [CHAIN, MONITORS]).map(drop)?)
        })
    }

    /// Forgets what stands in memory.
    pub(crate) fn forget(&self) {
        *self.following.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    fn sealed<T: Serialize>(&self, column: &str, id: &CheckInId, value: &T) -> Result<Vec<u8>, StorageError> {
        let plain = serde_json::to_vec(value).map_err(|_| StorageError::other("a check-in has no JSON form"))?;
        Ok(self.sealer.seal(place(column, id), &plain)?)
    }

    fn opened<T: serde::de::DeserializeOwned>(&self, column: &str, id: &CheckInId, sealed: &[u8]) -> Option<T> {
        let plain = self.sealer.open(place(column, id), sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

fn id_of(connection: &Connection, key: &IdempotencyKey) -> Result<Option<CheckInId>, StorageError> {
    let mut statement = connection.prepare_cached("SELECT id FROM check_ins WHERE key = ?1")?;
    Ok(statement.query_row([key.as_str()], |row| row.get(0).map(CheckInId)).optional()?)
}

fn state(outcome: Option<CheckInOutcome>, sent: bool, intent: Option<IntentState>, reason: Option<String>) -> CheckInState {
    match (outcome, intent) {
        (Some(CheckInOutcome::Accepted), _) => CheckInState::Accepted,
        (Some(CheckInOutcome::Refused { reason }), _) => CheckInState::Refused { reason },
        (None, Some(IntentState::Wedged)) => {
            let code = reason.and_then(|text| serde_json::from_value(serde_json::Value::String(text)).ok());
            CheckInState::NotTaken { code: code.unwrap_or(Reason::Other) }
        }
        (None, Some(IntentState::Expired)) => CheckInState::Expired,
        // A person took the intent away.
        (None, None) if sent => CheckInState::Expired,
        (None, _) => CheckInState::Waiting,
    }
}
