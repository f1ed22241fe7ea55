//! Wishes and their answers beside the outbox, the backend's list in the cache. All sealed.

use std::sync::{Arc, Mutex};

use noren_rules::ids::{DeviceId, HoldId, IdempotencyKey, MemberId, Sku};
use noren_rules::wire::{Hold, HoldAnswer, Reason};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::trip::Trips;
use super::{HoldStanding, HoldWish, KIND_HOLD, KIND_HOLD_PROGRESS, KIND_HOLD_RELEASE};
use crate::outbox::{IntentState, drop_kind};
use crate::storage::seal::Place;
use crate::storage::{Database, Sealer, StorageError};

/// A further step of `outbox.db`. Never changed.
pub const HOLDS_V1: &str = "
CREATE TABLE hold_wishes(
  number INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they were made
  key TEXT NOT NULL UNIQUE,                 -- of the intent that sends it
  at_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,                -- when it is over
  wish BLOB NOT NULL,                       -- sealed: whose, which variant in which store, how many
  answer BLOB                               -- sealed: what the backend said
) STRICT;
CREATE TABLE hold_words(hold TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID; -- when the minutes were told last
";

/// A step of `cache.db`. Never changed: a later version is a further step.
pub const HELD_V1: &str = "CREATE TABLE held(id INTEGER PRIMARY KEY CHECK (id = 1), sealed BLOB NOT NULL) STRICT;";

/// That the member wants holds released when the way leads away; a plain fact.
const RELEASE_WHEN_AWAY: &str = "hold-release-when-away";
/// Longer than any hold is shown.
const KEEP_MS: i64 = 2 * 86_400_000;

/// The backend's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptHolds {
    /// Whose they are: another member's are not shown.
    pub(super) member: MemberId,
    pub(super) holds: Vec<Hold>,
    pub(super) as_of_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    device: DeviceId,
    wish: HoldWish,
}

/// A wish and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WishNote {
    pub(super) key: IdempotencyKey,
    pub(super) at_ms: i64,
    pub(super) until_ms: i64,
    pub(super) wish: HoldWish,
    pub(super) answer: Option<HoldAnswer>,
    /// Where it stands while there is no hold.
    pub(super) standing: HoldStanding,
}

/// Holds on the phone.
#[derive(Debug)]
pub(crate) struct HoldStore {
    cache_db: Arc<Database>,
    outbox_db: Arc<Database>,
    sealer: Sealer,
    pub(super) trips: Mutex<Trips>,
}

fn held_place() -> Place<'static> {
    Place { table: "held", column: "sealed", row: "1" }
}

fn wish_place<'a>(column: &'a str, key: &'a str) -> Place<'a> {
    Place { table: "hold_wishes", column, row: key }
}

impl HoldStore {
    pub(crate) fn new(cache_db: Arc<Database>, outbox_db: Arc<Database>, sealer: Sealer) -> Self {
        Self { cache_db, outbox_db, sealer, trips: Mutex::default() }
    }

    /// Keeps a wish with its intent. The same key again changes nothing: a second tap while the first is on its way.
    pub(super) fn insert(
        &self,
        tx: &Transaction<'_>,
        key: &IdempotencyKey,
        device: &DeviceId,
        wish: &HoldWish,
        (at_ms, until_ms): (i64, i64),
    ) -> Result<(), StorageError> {
        tx.execute("DELETE FROM hold_wishes WHERE at_ms < ?1", [at_ms.saturating_sub(KEEP_MS)])?;
        let sealed = self.sealed(wish_place("wish", key.as_str()), &Sealed { device: device.clone(), wish: wish.clone() })?;
        tx.prepare_cached("INSERT OR IGNORE INTO hold_wishes(key, at_ms, until_ms, wish) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            key.as_str(),
            at_ms,
            until_ms,
            sealed
        ])?;
        Ok(())
    }

    /// This device's wishes, newest first. One that does not open is left out.
    pub(super) fn wishes(&self, device: &DeviceId) -> Result<Vec<WishNote>, StorageError> {
        self.outbox_db.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT w.key, w.at_ms, w.until_ms, w.wish, w.answer, i.state, i.reason FROM hold_wishes w LEFT JOIN intents i ON i.key = w.key
                 ORDER BY w.number DESC",
            )?;
            let mut rows = statement.query([])?;
            let mut notes = Vec::new();
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                let opened: Option<Sealed> = self.opened(wish_place("wish", &key), &row.get::<_, Vec<u8>>(3)?);
                let Some(Sealed { wish, .. }) = opened.filter(|sealed| sealed.device == *device) else { continue };
                let answer: Option<HoldAnswer> =
                    row.get::<_, Option<Vec<u8>>>(4)?.and_then(|sealed| self.opened(wish_place("answer", &key), &sealed));
                let intent: Option<i64> = row.get(5)?;
                let standing = standing(answer.as_ref(), intent.map(IntentState::from_code), row.get(6)?);
                notes.push(WishNote { key: IdempotencyKey(key), at_ms: row.get(1)?, until_ms: row.get(2)?, wish, answer, standing });
            }
            Ok(notes)
        })
    }

    /// What the backend said to a wish. Applying it twice is the same as once.
    pub(super) fn settle(&self, key: &IdempotencyKey, answer: &HoldAnswer) -> Result<(), StorageError> {
        let sealed = self.sealed(wish_place("answer", key.as_str()), answer)?;
        self.outbox_db
            .write(|tx| Ok(tx.execute("UPDATE hold_wishes SET answer = ?2 WHERE key = ?1", params![key.as_str(), sealed]).map(drop)?))
    }

    /// Takes a wish away.
    pub(super) fn forget_wish(&self, key: &IdempotencyKey) -> Result<(), StorageError> {
        self.outbox_db.write(|tx| Self::forget_wish_in(tx, key))
    }

    /// As [`HoldStore::forget_wish`], in a step that does more than this.
    pub(super) fn forget_wish_in(tx: &Transaction<'_>, key: &IdempotencyKey) -> Result<(), StorageError> {
        Ok(tx.execute("DELETE FROM hold_wishes WHERE key = ?1", [key.as_str()]).map(drop)?)
    }

    /// The backend's list, if it is this member's. One that does not open counts as none: it is pulled again.
    pub(super) fn kept(&self, member: &MemberId) -> Result<Option<KeptHolds>, StorageError> {
        let sealed: Option<Vec<u8>> =
            self.cache_db.read(|c| Ok(c.prepare_cached("SELECT sealed FROM held")?.query_row([], |row| row.get(0)).optional()?))?;
        let kept: Option<KeptHolds> = sealed.and_then(|sealed| self.opened(held_place(), &sealed));
        Ok(kept.filter(|kept| kept.member == *member))
    }

    /// The variants that are held for this member now.
    pub(crate) fn held_skus(&self, member: &MemberId) -> Result<Vec<Sku>, StorageError> {
        let kept = self.kept(member)?.map(|kept| kept.holds).unwrap_or_default();
        Ok(kept.into_iter().filter(|hold| hold.state.is_live()).map(|hold| hold.sku).collect())
    }

    /// Keeps the backend's list. True when something in it is different.
    pub(super) fn take_list(&self, kept: &KeptHolds) -> Result<bool, StorageError> {
        let changed = self.kept(&kept.member)?.is_none_or(|known| known.holds != kept.holds);
        let sealed = self.sealed(held_place(), kept)?;
        self.cache_db.write(|tx| Ok(tx.execute("INSERT OR REPLACE INTO held VALUES (1, ?1)", [sealed]).map(drop)?))?;
        Ok(changed)
    }

    /// Puts one hold in its place in the list, as the backend has just said it.
    pub(super) fn take_one(&self, member: &MemberId, hold: Hold) -> Result<(), StorageError> {
        let mut kept =
            self.kept(member)?.unwrap_or_else(|| KeptHolds { member: member.clone(), holds: Vec::new(), as_of_ms: hold.made_at_ms });
        match kept.holds.iter_mut().find(|known| known.id == hold.id) {
            Some(known) => *known = hold,
            None => kept.holds.insert(0, hold),
        }
        self.take_list(&kept).map(drop)
    }

    /// When the minutes of a hold were told last.
    pub(super) fn told_at_ms(&self, hold: &HoldId) -> Result<Option<i64>, StorageError> {
        self.outbox_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT at_ms FROM hold_words WHERE hold = ?1")?;
            Ok(statement.query_row([hold.as_str()], |row| row.get(0)).optional()?)
        })
    }

    pub(super) fn note_told(tx: &Transaction<'_>, hold: &HoldId, at_ms: i64) -> Result<(), StorageError> {
        tx.execute("DELETE FROM hold_words WHERE at_ms < ?1", [at_ms.saturating_sub(KEEP_MS)])?;
        tx.execute("INSERT OR REPLACE INTO hold_words VALUES (?1, ?2)", params![hold.as_str(), at_ms])?;
        Ok(())
    }

    /// True when the member wants holds released when the way leads away.
    pub(super) fn releases_when_away(&self) -> Result<bool, StorageError> {
        self.outbox_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
            let value: Option<String> = statement.query_row([RELEASE_WHEN_AWAY], |row| row.get(0)).optional()?;
            Ok(value.as_deref() == Some("1"))
        })
    }

    pub(super) fn release_when_away(&self, wanted: bool) -> Result<(), StorageError> {
        let value = if wanted { "1" } else { "0" };
        self.outbox_db.write(|tx| {
            Ok(tx.execute("INSERT OR REPLACE INTO facts(name, value) VALUES (?1, ?2)", [RELEASE_WHEN_AWAY, value]).map(drop)?)
        })
    }

    /// Another member has this phone now: nothing of the one before stays, and nothing of it is said any more.
    pub(crate) fn drop_all(&self) -> Result<(), StorageError> {
        self.forget();
        self.outbox_db.write(|tx| {
            for kind in [KIND_HOLD, KIND_HOLD_PROGRESS, KIND_HOLD_RELEASE] {
                drop_kind(tx, kind)?;
            }
            tx.execute_batch("DELETE FROM hold_wishes; DELETE FROM hold_words;")?;
            Ok(tx.execute("DELETE FROM facts WHERE name = ?1", [RELEASE_WHEN_AWAY]).map(drop)?)
        })?;
        self.cache_db.write(|tx| Ok(tx.execute_batch("DELETE FROM held; DELETE FROM collections WHERE name = 'holds';")?))
    }

    /// Forgets what stands in memory.
    pub(crate) fn forget(&self) {
        *self.trips.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Trips::default();
    }

    fn sealed<T: Serialize>(&self, place: Place<'_>, value: &T) -> Result<Vec<u8>, StorageError> {
        let plain = serde_json::to_vec(value).map_err(|_| StorageError::other("a hold has no JSON form"))?;
        Ok(self.sealer.seal(place, &plain)?)
    }

    fn opened<T: DeserializeOwned>(&self, place: Place<'_>, sealed: &[u8]) -> Option<T> {
        serde_json::from_slice(&self.sealer.open(place, sealed).ok()?).ok()
    }
}

fn standing(answer: Option<&HoldAnswer>, intent: Option<IntentState>, reason: Option<String>) -> HoldStanding {
    match (answer, intent) {
        (Some(HoldAnswer { hold: Some(hold), .. }), _) => HoldStanding::of(hold.state),
        (Some(HoldAnswer { refused: Some(reason), .. }), _) => HoldStanding::Refused { reason: *reason },
        (Some(_), _) => HoldStanding::NotTaken { code: Reason::Other },
        (None, Some(IntentState::Wedged)) => {
            let code = reason.and_then(|text| serde_json::from_value(serde_json::Value::String(text)).ok());
            HoldStanding::NotTaken { code: code.unwrap_or(Reason::Other) }
        }
        // Without its intent: a person took it away.
        (None, Some(IntentState::Expired) | None) => HoldStanding::Over,
        (None, _) => HoldStanding::Waiting,
    }
}
