//! The tables of coupons: the wallet and pushed conditions in the cache, what was shown and what is held back beside the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::eligibility::PurchaseFact;
use noren_rules::grants::GrantState;
use noren_rules::ids::MemberId;
use noren_rules::offers::OfferId;
use noren_rules::wire::Wallet;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::OpenRules;
use crate::places::KeptRules;
use crate::purchases::bought;
use crate::purchases::coupons::{OnReceipts, of_serial};
use crate::storage::seal::Place;
use crate::storage::{Database, Sealer, StorageError};

/// Step 5 of `cache.db`. Never changed: a later version is a further step.
pub const COUPONS_V1: &str = "
CREATE TABLE wallet(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  sealed BLOB NOT NULL          -- whose it is, what the server said, what was leased for where
) STRICT;
-- Conditions that came by push, as they were signed; what the rules bring is in area_rules.
CREATE TABLE pushed(signed TEXT PRIMARY KEY, until_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Step 3 of `outbox.db`. Never changed: a later version is a further step.
pub const PRESENTED_V1: &str = "
-- Grants that were shown to a till, noted before they were: the last showing of each.
CREATE TABLE presented(
  serial INTEGER PRIMARY KEY,   -- 64 bits without a sign, kept as they are
  presentation INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  state TEXT NOT NULL,          -- its state in the wallet then: another one is the backend's word on it
  named INTEGER NOT NULL        -- how many receipts named it then: more are a till's
) STRICT;
CREATE TABLE held_back(offer INTEGER PRIMARY KEY) STRICT; -- offers that the member does not want to use now
";

/// Longer ago than any lease lives and any till may stay unsynced after it.
const KEEP_PRESENTED_MS: i64 = 10 * 86_400_000;

/// What the server said last, and for where grants were leased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptWallet {
    /// Whose it is: another member's is not shown.
    pub(crate) member: MemberId,
    /// What the server said.
    pub(crate) wallet: Wallet,
    /// The last lease.
    #[serde(default)]
    pub(crate) lease: Option<LeaseNote>,
    /// True when something has happened since that a lease must hear of.
    #[serde(default)]
    pub(crate) stale: bool,
}

/// For what grants were leased: when that is no longer so, the next lease is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeaseNote {
    pub(crate) at_ms: i64,
    pub(crate) until_ms: Option<i64>,
    pub(crate) tiles: Vec<String>,
    pub(crate) rules: String,
}

/// A grant as it was shown last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) presentation: i64,
    pub(crate) state: String,
    pub(crate) named: u32,
}

/// Coupons on the phone.
#[derive(Debug)]
pub(crate) struct CouponStore {
    cache_db: Arc<Database>,
    outbox_db: Arc<Database>,
    sealer: Sealer,
    opened: Mutex<Option<(Arc<KeptRules>, Arc<OpenRules>)>>,
    /// The presentation that is open: its number.
    presenting: Mutex<Option<i64>>,
}

fn wallet_place() -> Place<'static> {
    Place { table: "wallet", column: "sealed", row: "1" }
}

impl CouponStore {
    pub(crate) fn new(cache_db: Arc<Database>, outbox_db: Arc<Database>, sealer: Sealer) -> Self {
        Self { cache_db, outbox_db, sealer, opened: Mutex::new(None), presenting: Mutex::new(None) }
    }

    /// The rules, opened: done once for each state of them.
    pub(crate) fn open_rules(&self, kept: Option<Arc<KeptRules>>) -> Arc<OpenRules> {
        let Some(kept) = kept else { return Arc::default() };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rules)) = opened.as_ref().filter(|(of, _)| Arc::ptr_eq(of, &kept)) {
            return rules.clone();
        }
        let rules = Arc::new(OpenRules::open(&kept));
        *opened = Some((kept, rules.clone()));
        rules
    }

    /// The wallet, if it is this member's. One that does not open counts as none: it is pulled again.
    pub(crate) fn wallet(&self, member: &MemberId) -> Result<Option<KeptWallet>, StorageError> {
        let sealed: Option<Vec<u8>> =
            self.cache_db.read(|c| Ok(c.prepare_cached("SELECT sealed FROM wallet")?.query_row([], |row| row.get(0)).optional()?))?;
        let opened = sealed.and_then(|sealed| self.sealer.open(wallet_place(), &sealed).ok());
        let kept = opened.and_then(|plain| serde_json::from_slice::<KeptWallet>(&plain).ok());
        Ok(kept.filter(|kept| kept.member == *member))
    }

    pub(crate) fn save_wallet(&self, kept: &KeptWallet) -> Result<(), StorageError> {
        let plain = serde_json::to_vec(kept).map_err(|_| StorageError::other("the wallet has no JSON form"))?;
        let sealed = self.sealer.seal(wallet_place(), &plain)?;
        self.cache_db.write(|tx| Ok(tx.execute("INSERT OR REPLACE INTO wallet VALUES (1, ?1)", [sealed]).map(drop)?))
    }

    /// Takes a wallet in, with the lease that it came with if there is one, unless a newer one of this member is there. True when something in it is
    /// different.
    pub(crate) fn take_wallet(&self, member: &MemberId, wallet: Wallet, lease: Option<LeaseNote>) -> Result<bool, StorageError> {
        let known = self.wallet(member)?;
        if known.as_ref().is_some_and(|known| known.wallet.as_of_ms > wallet.as_of_ms) {
            return Ok(false);
        }
        let stale = known.as_ref().is_some_and(|known| known.stale) && lease.is_none();
        let same = |known: &KeptWallet| Wallet { as_of_ms: wallet.as_of_ms, ..known.wallet.clone() } == wallet;
        let changed = !known.as_ref().is_some_and(same);
        let lease = lease.or_else(|| known.and_then(|known| known.lease));
        self.save_wallet(&KeptWallet { member: member.clone(), wallet, lease, stale })?;
        Ok(changed)
    }

    /// Changes the wallet if there is one of this member.
    pub(crate) fn update_wallet(&self, member: &MemberId, change: impl FnOnce(&mut KeptWallet)) -> Result<(), StorageError> {
        let Some(mut kept) = self.wallet(member)? else { return Ok(()) };
        let before = kept.clone();
        change(&mut kept);
        if kept == before { Ok(()) } else { self.save_wallet(&kept) }
    }

    /// Conditions that came by push and are not over, as they were signed.
    pub(crate) fn pushed(&self) -> Result<Vec<String>, StorageError> {
        self.cache_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT signed FROM pushed")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Keeps a pushed condition; drops those that were over before `now_s`.
    pub(crate) fn save_pushed(&self, signed: &str, until_s: i64, now_s: i64) -> Result<(), StorageError> {
        self.cache_db.write(|tx| {
            tx.execute("DELETE FROM pushed WHERE until_s < ?1", [now_s.saturating_sub(86_400)])?;
            Ok(tx.execute("INSERT OR REPLACE INTO pushed VALUES (?1, ?2)", params![signed, until_s]).map(drop)?)
        })
    }

    /// What the receipts on the phone say of these grants.
    pub(crate) fn on_receipts(&self, serials: impl Iterator<Item = u64>) -> Result<BTreeMap<u64, OnReceipts>, StorageError> {
        self.cache_db.read(|c| serials.map(|serial| Ok((serial, of_serial(c, serial)?))).collect())
    }

    /// Purchases from a second on.
    pub(crate) fn bought_since(&self, since_s: i64) -> Result<Vec<PurchaseFact>, StorageError> {
        self.cache_db.read(|c| bought::since(c, since_s))
    }

    /// Every grant that was shown, with its last showing.
    pub(crate) fn shown(&self) -> Result<BTreeMap<u64, Shown>, StorageError> {
        self.outbox_db.read(read_shown)
    }

    /// The presentation that is open.
    pub(crate) fn presenting(&self) -> Option<i64> {
        *self.presenting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes, durably, that these grants are about to be shown, and opens a presentation or goes on with the one that is open.
    pub(crate) fn note_shown(&self, grants: &[(u64, GrantState, u32)], now_ms: i64) -> Result<(), StorageError> {
        let mut presenting = self.presenting.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.outbox_db.write(|tx| {
            let last: Option<i64> = tx.query_row("SELECT max(presentation) FROM presented", [], |row| row.get(0))?;
            let number = presenting.unwrap_or_else(|| last.unwrap_or(0).saturating_add(1));
            tx.execute("DELETE FROM presented WHERE at_ms < ?1", [now_ms.saturating_sub(KEEP_PRESENTED_MS)])?;
            for (serial, state, named) in grants {
                // What was noted at the first showing of this presentation stands.
                tx.prepare_cached(
                    "INSERT INTO presented VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(serial) DO UPDATE SET presentation = excluded.presentation,
                       at_ms = excluded.at_ms, state = excluded.state, named = excluded.named WHERE presentation <> excluded.presentation",
                )?
                .execute(params![serial.cast_signed(), number, now_ms, state_text(*state), named])?;
            }
            Ok(number)
        })?;
        *presenting = Some(number);
        Ok(())
    }

    pub(crate) fn end_presentation(&self) {
        *self.presenting.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes the note back that a grant was shown, and any open presentation ends.
    pub(crate) fn forget_shown(&self, serial: u64) -> Result<(), StorageError> {
        self.end_presentation();
        self.outbox_db.write(|tx| Ok(tx.execute("DELETE FROM presented WHERE serial = ?1", [serial.cast_signed()]).map(drop)?))
    }

    /// Offers that the member holds back.
    pub(crate) fn held_back(&self) -> Result<BTreeSet<OfferId>, StorageError> {
        self.outbox_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT offer FROM held_back")?;
            let rows = statement.query_map([], |row| Ok(OfferId(row.get(0)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    pub(crate) fn hold_back(&self, offer: OfferId, held: bool) -> Result<(), StorageError> {
        let sql = if held { "INSERT OR IGNORE INTO held_back VALUES (?1)" } else { "DELETE FROM held_back WHERE offer = ?1" };
        self.outbox_db.write(|tx| Ok(tx.execute(sql, [offer.0]).map(drop)?))
    }

    /// Another member has this phone now: nothing of the one before stays.
    pub(crate) fn drop_all(&self) -> Result<(), StorageError> {
        self.end_presentation();
        self.outbox_db.write(|tx| Ok(tx.execute_batch("DELETE FROM presented; DELETE FROM held_back;")?))?;
        self.cache_db.write(|tx| Ok(tx.execute_batch("DELETE FROM wallet; DELETE FROM collections WHERE name = 'wallet';")?))
    }

    /// Forgets what stands in memory.
    pub(crate) fn forget(&self) {
        self.end_presentation();
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn read_shown(connection: &Connection) -> Result<BTreeMap<u64, Shown>, StorageError> {
    let mut statement = connection.prepare_cached("SELECT serial, presentation, state, named FROM presented")?;
    let rows = statement.query_map([], |row| {
        let serial = row.get::<_, i64>(0)?.cast_unsigned();
        Ok((serial, Shown { presentation: row.get(1)?, state: row.get(2)?, named: row.get(3)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The state of a grant as it is noted.
pub(super) fn state_text(state: GrantState) -> &'static str {
    match state {
        GrantState::Granted => "granted",
        GrantState::Locked => "locked",
        GrantState::Redeemed => "redeemed",
        GrantState::RolledBack => "rolled_back",
        GrantState::Expired => "expired",
    }
}
