//! The backend's orders on the phone: readable with no network, pickup code and all. Of two words on an order the one with the higher version counts.

use noren_rules::ids::{MemberId, OrderId};
use noren_rules::order::OrderState;
use noren_rules::wire::{OrderPush, OrderView};
use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::{Deserialize, Serialize};

use super::tables::OrderingStore;
use crate::storage::StorageError;
use crate::storage::seal::Place;

/// An order as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptOrder {
    /// Whose: another member's is not shown.
    member: MemberId,
    pub(super) view: OrderView,
    /// The version that a push message told of, where that is all that is known of it.
    #[serde(default)]
    pub(super) pushed: Option<u64>,
}

impl KeptOrder {
    /// As a push message said it.
    fn stands(&mut self, state: OrderState, promised_ms: i64, pushed: u64) {
        (self.view.state, self.view.promised_ms, self.pushed) = (state, promised_ms, Some(pushed));
        self.view.can_cancel &= !state.is_final();
    }
}

fn place(id: &str) -> Place<'_> {
    Place { table: "orders", column: "sealed", row: id }
}

impl OrderingStore {
    /// The orders of this member, in no order. One that does not open is left out: it is pulled again.
    pub(super) fn mirrored(&self, member: &MemberId) -> Result<Vec<KeptOrder>, StorageError> {
        self.cache_db.read(|c| self.mirrored_in(c, member))
    }

    fn mirrored_in(&self, connection: &Connection, member: &MemberId) -> Result<Vec<KeptOrder>, StorageError> {
        let mut statement = connection.prepare_cached("SELECT id, sealed FROM orders")?;
        let mut rows = statement.query([])?;
        let mut kept = Vec::new();
        while let Some(row) = rows.next()? {
            let id: String = row.get(0)?;
            kept.extend(self.kept_order(&id, &row.get::<_, Vec<u8>>(1)?, member));
        }
        Ok(kept)
    }

    pub(super) fn mirror(&self, id: &OrderId, member: &MemberId) -> Result<Option<KeptOrder>, StorageError> {
        self.cache_db.read(|c| self.mirror_in(c, id, member))
    }

    fn mirror_in(&self, connection: &Connection, id: &OrderId, member: &MemberId) -> Result<Option<KeptOrder>, StorageError> {
        let mut statement = connection.prepare_cached("SELECT sealed FROM orders WHERE id = ?1")?;
        let sealed: Option<Vec<u8>> = statement.query_row([id.as_str()], |row| row.get(0)).optional()?;
        Ok(sealed.and_then(|sealed| self.kept_order(id.as_str(), &sealed, member)))
    }

    fn kept_order(&self, id: &str, sealed: &[u8], member: &MemberId) -> Option<KeptOrder> {
        self.opened::<KeptOrder>(place(id), sealed).filter(|kept| kept.member == *member)
    }

    /// Takes in what the backend said of an order. True when it is news.
    pub(super) fn take_order(&self, member: &MemberId, view: &OrderView) -> Result<bool, StorageError> {
        self.cache_db.write(|tx| self.take_in(tx, member, view))
    }

    fn take_in(&self, tx: &Transaction<'_>, member: &MemberId, view: &OrderView) -> Result<bool, StorageError> {
        let known = self.mirror_in(tx, &view.id, member)?;
        if known.as_ref().is_some_and(|known| known.view.version > view.version) {
            return Ok(false);
        }
        let mut kept = KeptOrder { member: member.clone(), view: view.clone(), pushed: None };
        // A word from before the push says the rest; where the order stands, and for when, the push said.
        if let Some((ahead, pushed)) =
            known.as_ref().and_then(|known| Some((&known.view, known.pushed.filter(|pushed| *pushed > view.version)?)))
        {
            kept.stands(ahead.state, ahead.promised_ms, pushed);
        }
        if known.as_ref() == Some(&kept) {
            return Ok(false);
        }
        self.put_order(tx, &kept)?;
        Ok(true)
    }

    /// Takes the backend's list in. What is not in it is over, unless it is newer than the list. True when something is different.
    pub(super) fn take_orders(&self, member: &MemberId, orders: &[OrderView], as_of_ms: i64) -> Result<bool, StorageError> {
        self.cache_db.write(|tx| {
            let mut changed = false;
            for kept in self.mirrored_in(tx, member)? {
                if kept.view.changed_at_ms < as_of_ms && orders.iter().all(|order| order.id != kept.view.id) {
                    tx.execute("DELETE FROM orders WHERE id = ?1", [kept.view.id.as_str()])?;
                    tx.execute("DELETE FROM order_codes WHERE name IN ('pass:' || ?1, 'question:' || ?1)", [kept.view.id.as_str()])?;
                    changed = true;
                }
            }
            for order in orders {
                changed |= self.take_in(tx, member, order)?;
            }
            Ok(changed)
        })
    }

    /// Takes a push message in: state and time, until the backend says all of it. True when it is news, `None` for an order that is not known.
    pub(super) fn take_pushed(&self, member: &MemberId, push: &OrderPush) -> Result<Option<bool>, StorageError> {
        self.cache_db.write(|tx| {
            let Some(mut kept) = self.mirror_in(tx, &push.order, member)? else { return Ok(None) };
            if kept.view.version.max(kept.pushed.unwrap_or(0)) >= push.version {
                return Ok(Some(false));
            }
            // The version stays: what the backend says of this one later counts all the same.
            kept.stands(push.state, push.promised_ms, push.version);
            self.put_order(tx, &kept)?;
            Ok(Some(true))
        })
    }

    fn put_order(&self, tx: &Transaction<'_>, kept: &KeptOrder) -> Result<(), StorageError> {
        let sealed = self.sealed(place(kept.view.id.as_str()), kept)?;
        Ok(tx
            .execute("INSERT OR REPLACE INTO orders(id, sealed) VALUES (?1, ?2)", rusqlite::params![kept.view.id.as_str(), sealed])
            .map(drop)?)
    }

    /// The last code of a name, if it opens.
    pub(super) fn code<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StorageError> {
        self.cache_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT sealed FROM order_codes WHERE name = ?1")?;
            let sealed: Option<Vec<u8>> = statement.query_row([name], |row| row.get(0)).optional()?;
            Ok(sealed.and_then(|sealed| self.opened(Place { table: "order_codes", column: "sealed", row: name }, &sealed)))
        })
    }

    pub(super) fn keep_code<T: Serialize>(&self, name: &str, code: &T) -> Result<(), StorageError> {
        self.cache_db.write(|tx| self.put_sealed(tx, "order_codes", name, code))
    }

    pub(super) fn drop_code(&self, name: &str) -> Result<(), StorageError> {
        self.cache_db.write(|tx| Ok(tx.execute("DELETE FROM order_codes WHERE name = ?1", [name]).map(drop)?))
    }
}
