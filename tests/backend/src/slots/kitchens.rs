//! The books of the kitchens, in memory, and how they stay what the database says.
//!
//! A book is changed only inside writes, and with each change the version of its kitchen rises in the same transaction. Whoever uses a book compares
//! first: where a write or a whole commit was taken back, the versions differ, and the book is made anew of what the database has.

use std::collections::BTreeMap;
use std::sync::Arc;

use noren_rules::ids::{MemberId, OrderId, StoreId};
use noren_rules::slots::{BookingState, KitchenBook, KitchenPlan, Lateness, SlotBooking};
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::{Shared, lock};
use crate::fault::Fault;
use crate::menus;
use crate::store::{from_json, to_json};

/// While a book is being changed: no kitchen has this version.
const UNSETTLED: i64 = -1;
/// How much of the past is kept in a book: work that is late may still be moved.
const KEPT_MS: i64 = 6 * 3_600_000;

/// By store.
pub(crate) type Kitchens = BTreeMap<StoreId, KeptBook>;

/// A book, with the version of its kitchen that it is of.
pub(crate) struct KeptBook {
    version: i64,
    /// Shared with those who look into it meanwhile: a writer does not wait for them.
    book: Arc<KitchenBook>,
    forgot_at_ms: i64,
}

/// A book that is open in a write.
pub(super) struct Open<'a> {
    pub(super) db: &'a Connection,
    pub(super) store: &'a StoreId,
    pub(super) book: &'a mut KitchenBook,
    changed: bool,
}

/// Opens a store's book for a write; `None` where there is no kitchen.
pub(super) fn open<T>(
    db: &Connection,
    app: &Shared,
    store: &StoreId,
    now_ms: i64,
    work: impl FnOnce(&mut Open<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let Some(version) = version(db, store)? else { return Ok(None) };
    let mut kitchens = lock(&app.kitchens);
    if kitchens.get(store).is_none_or(|kept| kept.version != version) {
        kitchens.insert(store.clone(), KeptBook { version, book: Arc::new(read(db, store, now_ms)?), forgot_at_ms: now_ms });
    }
    let Some(kept) = kitchens.get_mut(store) else { return Ok(None) };
    // Until the work is done and written: an error or a panic on the way leaves a book that nobody uses again.
    kept.version = UNSETTLED;
    let book = Arc::make_mut(&mut kept.book);
    if now_ms.saturating_sub(kept.forgot_at_ms) >= KEPT_MS {
        book.forget_before(now_ms.saturating_sub(KEPT_MS));
        kept.forgot_at_ms = now_ms;
    }
    let mut open = Open { db, store, book, changed: false };
    let done = work(&mut open)?;
    let changed = open.changed;
    kept.version = if changed { rise(db, store)? } else { version };
    Ok(Some(done))
}

/// Looks into a store's book, in a read or a write; `None` where there is no kitchen. A book that is ahead of what this reader may see, or behind it,
/// is not looked into.
pub(super) fn look<T>(
    db: &Connection,
    app: &Shared,
    store: &StoreId,
    now_ms: i64,
    look: impl FnOnce(&KitchenBook) -> T,
) -> Result<Option<T>, Fault> {
    let Some(version) = version(db, store)? else { return Ok(None) };
    let kept = lock(&app.kitchens).get(store).filter(|kept| kept.version == version).map(|kept| Arc::clone(&kept.book));
    let book = match kept {
        Some(book) => book,
        None => keep(app, store, KeptBook { version, book: Arc::new(read(db, store, now_ms)?), forgot_at_ms: now_ms }),
    };
    Ok(Some(look(&book)))
}

/// A book that was read is there for the next one, where none newer is.
fn keep(app: &Shared, store: &StoreId, read: KeptBook) -> Arc<KitchenBook> {
    let book = Arc::clone(&read.book);
    let mut kitchens = lock(&app.kitchens);
    if kitchens.get(store).is_none_or(|kept| kept.version < read.version) {
        kitchens.insert(store.clone(), read);
    }
    book
}

/// The plan has changed: the book is made anew. Also where the write is taken back, so that its version is not taken for the next one's.
pub(super) fn replanned(db: &Connection, app: &Shared, store: &StoreId) -> Result<(), Fault> {
    rise(db, store)?;
    lock(&app.kitchens).remove(store);
    Ok(())
}

fn version(db: &Connection, store: &StoreId) -> Result<Option<i64>, Fault> {
    let sql = "SELECT version FROM kitchens WHERE store = ?1";
    Ok(db.prepare_cached(sql)?.query_row([store.as_str()], |row| row.get(0)).optional()?)
}

fn rise(db: &Connection, store: &StoreId) -> Result<i64, Fault> {
    let sql = "UPDATE kitchens SET version = version + 1 WHERE store = ?1 RETURNING version";
    Ok(db.prepare_cached(sql)?.query_row([store.as_str()], |row| row.get(0))?)
}

/// The book of what the database has.
fn read(db: &Connection, store: &StoreId, now_ms: i64) -> Result<KitchenBook, Fault> {
    let sql = "SELECT plan, lateness FROM kitchens WHERE store = ?1";
    let (plan, lateness): (String, String) = db.prepare_cached(sql)?.query_row([store.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (plan, lateness): (KitchenPlan, Lateness) = (from_json(&plan, "kitchen")?, from_json(&lateness, "lateness")?);
    let mut book = KitchenBook::new(plan, lateness).map_err(|_| Fault::Stored("kitchen"))?;
    if let Some((mode, since_ms)) = menus::mode(db, store)? {
        book.set_mode(mode, since_ms);
    }
    let sql = "SELECT booking, until_ms FROM slot_bookings WHERE store = ?1 AND (until_ms IS NULL OR until_ms > ?2)";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![store.as_str(), now_ms])?;
    while let Some(row) = rows.next()? {
        book.restore(booking(&row.get::<_, String>(0)?, row.get(1)?)?);
    }
    let mut statement = db.prepare_cached("SELECT taken FROM walk_ins WHERE store = ?1 AND ready_ms > ?2")?;
    let mut rows = statement.query(params![store.as_str(), now_ms])?;
    while let Some(row) = rows.next()? {
        book.restore_walk_in(&from_json::<Vec<_>>(&row.get::<_, String>(0)?, "walk-in")?);
    }
    Ok(book)
}

/// A booking as it is stored: whether it is a hold stands in a column of its own.
pub(super) fn booking(text: &str, until_ms: Option<i64>) -> Result<SlotBooking, Fault> {
    let stored: SlotBooking = from_json(text, "slot")?;
    let state = until_ms.map_or(BookingState::Confirmed, |until_ms| BookingState::Held { until_ms });
    Ok(SlotBooking { state, ..stored })
}

impl Open<'_> {
    /// Something of the book is other than before.
    pub(super) fn changed(&mut self) {
        self.changed = true;
    }

    /// Gives back what was held too long.
    pub(super) fn sweep(&mut self, now_ms: i64) -> Result<(), Fault> {
        for order in self.book.sweep(now_ms) {
            self.delete(&order)?;
        }
        Ok(())
    }

    /// Writes a booking of the book down. `member` names whose it is, where it is new.
    pub(super) fn write(&mut self, booking: &SlotBooking, member: Option<&MemberId>) -> Result<(), Fault> {
        let until_ms = match booking.state {
            BookingState::Held { until_ms } => Some(until_ms),
            BookingState::Confirmed => None,
        };
        self.db
            .prepare_cached(
                "INSERT INTO slot_bookings (order_id, store, member, until_ms, booking) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (order_id) DO UPDATE SET until_ms = excluded.until_ms, booking = excluded.booking",
            )?
            .execute(params![
                booking.order.as_str(),
                self.store.as_str(),
                member.map(MemberId::as_str),
                until_ms,
                to_json(booking, "slot")?
            ])?;
        self.changed();
        Ok(())
    }

    /// Takes a booking that the book no longer has out of the table.
    pub(super) fn delete(&mut self, order: &OrderId) -> Result<(), Fault> {
        let sql = "DELETE FROM slot_bookings WHERE order_id = ?1 AND store = ?2";
        self.db.prepare_cached(sql)?.execute([order.as_str(), self.store.as_str()])?;
        self.changed();
        Ok(())
    }
}
