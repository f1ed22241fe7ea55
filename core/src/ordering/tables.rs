//! Where ordering keeps things: menus, statuses and the mirror of orders in the cache; the person's own word beside the intents. What is the person's is
//! sealed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::ids::StoreId;
use noren_rules::wire::MenuStatus;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CartOf;
use super::shelf::KeptMenu;
use super::trips::OrderTrips;
use crate::storage::seal::Place;
use crate::storage::{Database, Sealer, StorageError};

/// A step of `cache.db`. Never changed: a later version is a further step.
pub const ORDERING_V1: &str = "
CREATE TABLE menus(
  store TEXT PRIMARY KEY,
  etag TEXT,
  as_of_ms INTEGER NOT NULL,    -- the server's clock at the last answer
  taken INTEGER NOT NULL,       -- rises with each menu that is taken in
  menu TEXT NOT NULL            -- JSON, as the server gave it
) STRICT, WITHOUT ROWID;
CREATE TABLE menu_status(store TEXT PRIMARY KEY, as_of_ms INTEGER NOT NULL, status TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE orders(id TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID; -- sealed: whose, and as the server said last
-- The last seat, pass and basket code, readable with no network. Sealed.
CREATE TABLE order_codes(name TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// A further step of `outbox.db`. Never changed. No server could give these back.
pub const ORDERS_V1: &str = "
-- The cart of a store, and named ones. Used as a key, thus hashed; a value, thus sealed.
CREATE TABLE carts(key TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE favourite_carts(key TEXT PRIMARY KEY, number INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE placed_orders(
  id TEXT PRIMARY KEY,          -- the order, made here
  key TEXT NOT NULL,            -- of the intent that sends it
  at_ms INTEGER NOT NULL,
  sealed BLOB NOT NULL,         -- whose, what was ordered, as it was shown
  answer BLOB                   -- sealed: what the server said, or that it never heard of it
) STRICT, WITHOUT ROWID;
CREATE INDEX placed_open ON placed_orders(at_ms) WHERE answer IS NULL;
CREATE TABLE avoided_allergens(id INTEGER PRIMARY KEY CHECK (id = 1), sealed BLOB NOT NULL) STRICT;
";

/// A menu that nobody asked for in this time is dropped.
const KEEP_MS: i64 = 60 * 86_400_000;

/// Ordering on the phone.
#[derive(Debug)]
pub(crate) struct OrderingStore {
    pub(super) cache_db: Arc<Database>,
    pub(super) outbox_db: Arc<Database>,
    pub(super) sealer: Sealer,
    /// Menus that were opened, each with the number under which it was taken in.
    opened: Mutex<BTreeMap<StoreId, (i64, Arc<KeptMenu>)>>,
    /// The ways to the orders that are to be fetched.
    pub(super) trips: Mutex<OrderTrips>,
    /// The times that were wanted when times were shown last, by cart: what a nudge is held against.
    pub(super) wanted: Mutex<BTreeMap<CartOf, i64>>,
    /// One tap at a time makes an order.
    pub(super) placing: Mutex<()>,
    /// One slot at a time is asked for.
    pub(super) holding: tokio::sync::Mutex<()>,
}

impl OrderingStore {
    pub(crate) fn new(cache_db: Arc<Database>, outbox_db: Arc<Database>, sealer: Sealer) -> Self {
        Self {
            cache_db,
            outbox_db,
            sealer,
            opened: Mutex::default(),
            trips: Mutex::default(),
            wanted: Mutex::default(),
            placing: Mutex::default(),
            holding: tokio::sync::Mutex::default(),
        }
    }

    /// The ETag of a store's menu; none without the menu itself, or with one that does not read: by its ETag it would never be fetched again.
    pub(super) fn menu_etag(&self, store: &StoreId) -> Result<Option<String>, StorageError> {
        if self.menu(store)?.is_none() {
            return Ok(None);
        }
        self.cache_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT etag FROM menus WHERE store = ?1")?;
            Ok(statement.query_row([store.as_str()], |row| row.get(0)).optional()?.flatten())
        })
    }

    /// Keeps a menu, in the server's own words.
    pub(super) fn take_menu(&self, store: &StoreId, text: &str, etag: Option<&str>, as_of_ms: i64) -> Result<(), StorageError> {
        self.cache_db.write(|tx| {
            let over_ms = as_of_ms.saturating_sub(KEEP_MS);
            tx.execute("DELETE FROM menus WHERE as_of_ms < ?1", [over_ms])?;
            tx.execute("DELETE FROM menu_status WHERE as_of_ms < ?1", [over_ms])?;
            tx.execute(
                "INSERT OR REPLACE INTO menus(store, etag, as_of_ms, taken, menu) VALUES (?1, ?2, ?3, (SELECT coalesce(max(taken), 0) + 1 FROM menus), ?4)",
                params![store.as_str(), etag, as_of_ms, text],
            )?;
            Ok(())
        })
    }

    /// The menu that is there is still the newest.
    pub(super) fn menu_stands(&self, store: &StoreId, as_of_ms: i64) -> Result<(), StorageError> {
        self.cache_db
            .write(|tx| Ok(tx.execute("UPDATE menus SET as_of_ms = ?2 WHERE store = ?1", params![store.as_str(), as_of_ms]).map(drop)?))
    }

    /// A store's menu, opened, and when it was heard last. One that does not read counts as none: it is fetched again.
    pub(super) fn menu(&self, store: &StoreId) -> Result<Option<(Arc<KeptMenu>, i64)>, StorageError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.get(store).cloned();
        let found: Option<(i64, i64, Option<String>)> = self.cache_db.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT taken, as_of_ms, CASE WHEN taken = ?2 THEN NULL ELSE menu END FROM menus WHERE store = ?1")?;
            let taken = known.as_ref().map_or(-1, |(taken, _)| *taken);
            Ok(statement.query_row(params![store.as_str(), taken], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?)
        })?;
        match (found, known) {
            (None, _) => Ok(None),
            (Some((_, as_of_ms, None)), Some((_, menu))) => Ok(Some((menu, as_of_ms))),
            (Some((taken, as_of_ms, Some(text))), _) => {
                let Some(menu) = serde_json::from_str(&text).ok().and_then(KeptMenu::open).map(Arc::new) else { return Ok(None) };
                opened.insert(store.clone(), (taken, menu.clone()));
                Ok(Some((menu, as_of_ms)))
            }
            (Some((_, _, None)), None) => Ok(None),
        }
    }

    /// The stores whose menus are kept.
    pub(super) fn menu_stores(&self) -> Result<Vec<StoreId>, StorageError> {
        self.cache_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT store FROM menus ORDER BY store")?;
            let stores = statement.query_map([], |row| row.get::<_, String>(0))?;
            Ok(stores.map(|store| store.map(StoreId)).collect::<Result<_, _>>()?)
        })
    }

    /// Keeps statuses; an older one does not take the place of a newer one.
    pub(super) fn take_statuses(&self, statuses: &[MenuStatus]) -> Result<(), StorageError> {
        self.cache_db.write(|tx| {
            let mut put = tx.prepare_cached(
                "INSERT INTO menu_status(store, as_of_ms, status) VALUES (?1, ?2, ?3)
                 ON CONFLICT(store) DO UPDATE SET as_of_ms = excluded.as_of_ms, status = excluded.status WHERE excluded.as_of_ms >= as_of_ms",
            )?;
            for status in statuses {
                put.execute(params![status.store.as_str(), status.as_of_ms, json(status)?])?;
            }
            Ok(())
        })
    }

    /// What changes by the minute in a store, as it was heard last.
    pub(super) fn status(&self, store: &StoreId) -> Result<Option<MenuStatus>, StorageError> {
        self.cache_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT status FROM menu_status WHERE store = ?1")?;
            let text: Option<String> = statement.query_row([store.as_str()], |row| row.get(0)).optional()?;
            Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
        })
    }

    /// Another member has this phone now: nothing of the one before stays.
    pub(crate) fn drop_all(&self) -> Result<(), StorageError> {
        self.outbox_db.write(|tx| {
            for kind in super::ORDER_KINDS {
                crate::outbox::forget_kind(tx, kind)?;
            }
            Ok(tx.execute_batch(
                "DELETE FROM carts; DELETE FROM favourite_carts; DELETE FROM placed_orders; DELETE FROM avoided_allergens;",
            )?)
        })?;
        self.cache_db.write(|tx| {
            Ok(tx.execute_batch("DELETE FROM orders; DELETE FROM order_codes; DELETE FROM collections WHERE name = 'orders';")?)
        })
    }

    /// Forgets what stands in memory.
    pub(crate) fn forget(&self) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.trips.lock().unwrap_or_else(PoisonError::into_inner) = OrderTrips::default();
    }

    /// The name of a row that must not be told from its table.
    pub(super) fn row(&self, purpose: &str, value: &str) -> String {
        noren_rules::b64::encode(&self.sealer.keyed_hash(purpose, value.as_bytes()))
    }

    pub(super) fn sealed<T: Serialize>(&self, place: Place<'_>, value: &T) -> Result<Vec<u8>, StorageError> {
        Ok(self.sealer.seal(place, json(value)?.as_bytes())?)
    }

    pub(super) fn opened<T: DeserializeOwned>(&self, place: Place<'_>, sealed: &[u8]) -> Option<T> {
        serde_json::from_slice(&self.sealer.open(place, sealed).ok()?).ok()
    }

    /// A sealed value by its key, in a table of keys and sealed values.
    pub(super) fn put_sealed<T: Serialize>(&self, tx: &Transaction<'_>, table: &str, key: &str, value: &T) -> Result<(), StorageError> {
        let sealed = self.sealed(Place { table, column: "sealed", row: key }, value)?;
        let column = if table == "order_codes" { "name" } else { "key" };
        tx.execute(&format!("INSERT OR REPLACE INTO {table}({column}, sealed) VALUES (?1, ?2)"), params![key, sealed])?;
        Ok(())
    }
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|_| StorageError::other("what is to be kept has no JSON form"))
}
