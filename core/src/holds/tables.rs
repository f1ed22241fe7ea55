//! Wishes and their answers beside the outbox, the backend's list in the cache. All sealed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use noren_rules::ids::{DeviceId, HoldId, IdempotencyKey, MemberId, Sku};
use noren_rules::wire::{Hold, HoldAnswer, Reason};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{HOLD_KINDS, HoldStanding, HoldWish};
use crate::outbox::{IntentState, drop_kind};
use crate::storage::seal::Place;
use crate::storage::{Database, Sealer, StorageError};
use crate::trip::Trips;

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

/// The time of a list that was never pulled, only begun by what was said singly.
const NO_LIST: i64 = i64::MIN;

/// What came of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakenList {
    /// Something in it is different.
    Changed,
    /// It was known.
    Same,
    /// It may be older than what was said meanwhile, and is not kept.
    Overtaken,
}

/// The backend's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptHolds {
    /// Whose they are: another member's are not shown.
    pub(super) member: MemberId,
    pub(super) holds: Vec<Hold>,
    pub(super) as_of_ms: i64,
}

impl KeptHolds {
    /// True when the backend said all of it at once.
    pub(super) fn is_whole(&self) -> bool {
        self.as_of_ms != NO_LIST
    }
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
    pub(super) trips: Mutex<Trips<HoldId>>,
    /// How often a list or a hold was taken in: a list that was asked for before may be older.
    heard: AtomicU64,
}

fn held_place() -> Place<'static> {
    Place { table: "held", column: "sealed", row: "1" }
}

fn wish_place<'a>(column: &'a str, key: &'a str) -> Place<'a> {
    Place { table: "hold_wishes", column, row: key }
}

impl HoldStore {
    pub(crate) fn new(cache_db: Arc<Database>, outbox_db: Arc<Database>, sealer: Sealer) -> Self {
        Self { cache_db, outbox_db, sealer, trips: Mutex::default(), heard: AtomicU64::new(0) }
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
                "SELECT w.key, w.at_ms, w.until_ms, w.wish, w.answer, i.state, i.reason, i.may_have_arrived FROM hold_wishes w LEFT JOIN intents i ON i.key = w.key
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
                let intent = row.get::<_, Option<i64>>(5)?.map(IntentState::from_code);
                let may_have_arrived = row.get::<_, Option<bool>>(7)?.unwrap_or_default();
                let standing = standing(answer.as_ref(), intent, row.get(6)?, may_have_arrived);
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
        self.cache_db.read(|c| self.kept_in(c, member))
    }

    fn kept_in(&self, connection: &Connection, member: &MemberId) -> Result<Option<KeptHolds>, StorageError> {
        let sealed: Option<Vec<u8>> = connection.prepare_cached("SELECT sealed FROM held")?.query_row([], |row| row.get(0)).optional()?;
        let kept: Option<KeptHolds> = sealed.and_then(|sealed| self.opened(held_place(), &sealed));
        Ok(kept.filter(|kept| kept.member == *member))
    }

    /// The variants that are held for this member now.
    pub(crate) fn held_skus(&self, member: &MemberId) -> Result<Vec<Sku>, StorageError> {
        let kept = self.kept(member)?.map(|kept| kept.holds).unwrap_or_default();
        Ok(kept.into_iter().filter(|hold| hold.state.is_live()).map(|hold| hold.sku).collect())
    }

    /// How often the backend was heard so far: to be looked at before a list is asked for, and handed to [`HoldStore::take_list`] with it.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::SeqCst)
    }

    /// Keeps the backend's list, unless the backend was heard since `heard`.
    pub(super) fn take_list(&self, list: &KeptHolds, heard: u64) -> Result<TakenList, StorageError> {
        self.cache_db.write(|tx| {
            // Which of the two the backend said later is not told by any clock that could not be set back.
            if self.heard() != heard {
                return Ok(TakenList::Overtaken);
            }
            let known = self.kept_in(tx, &list.member)?;
            self.put(tx, list)?;
            Ok(if known.is_some_and(|known| known.holds == list.holds) { TakenList::Same } else { TakenList::Changed })
        })
    }

    /// Puts one hold in its place in the list, as the backend has just said it. A list that is on its way meanwhile may not know of it.
    pub(super) fn take_one(&self, member: &MemberId, hold: Hold) -> Result<(), StorageError> {
        self.cache_db.write(|tx| {
            // Where there is no list, what else is held is not known: it must not look like one.
            let known = self.kept_in(tx, member)?;
            let mut kept = known.unwrap_or_else(|| KeptHolds { member: member.clone(), holds: Vec::new(), as_of_ms: NO_LIST });
            match kept.holds.iter_mut().find(|known| known.id == hold.id) {
                Some(known) => *known = hold,
                None => kept.holds.insert(0, hold),
            }
            self.put(tx, &kept)
        })
    }

    fn put(&self, tx: &Transaction<'_>, kept: &KeptHolds) -> Result<(), StorageError> {
        let sealed = self.sealed(held_place(), kept)?;
        self.heard.fetch_add(1, Ordering::SeqCst);
        Ok(tx.execute("INSERT OR REPLACE INTO held VALUES (1, ?1)", [sealed]).map(drop)?)
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

    pub(crate) fn release_when_away(&self, wanted: bool) -> Result<(), StorageError> {
        let value = if wanted { "1" } else { "0" };
        self.outbox_db.write(|tx| {
            Ok(tx.execute("INSERT OR REPLACE INTO facts(name, value) VALUES (?1, ?2)", [RELEASE_WHEN_AWAY, value]).map(drop)?)
        })
    }

    /// Another member has this phone now: nothing of the one before stays, and nothing of it is said any more.
    pub(crate) fn drop_all(&self) -> Result<(), StorageError> {
        self.forget();
        self.outbox_db.write(|tx| {
            for kind in HOLD_KINDS {
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

fn standing(answer: Option<&HoldAnswer>, intent: Option<IntentState>, reason: Option<String>, may_have_arrived: bool) -> HoldStanding {
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
        (None, Some(IntentState::Pending)) if !may_have_arrived => HoldStanding::Waiting,
        // On its way, or its answer was lost.
        (None, _) => HoldStanding::Asked,
    }
}
