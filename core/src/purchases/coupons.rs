//! The coupons on receipts: what was shown at a till, and what became of it.

use noren_rules::receipt::ReceiptCoupon;
use rusqlite::{Connection, Transaction, params};

use crate::storage::StorageError;

/// Step 3 of `cache.db`. Never changed: a later version is a further step.
pub(crate) const RECEIPT_COUPONS_V1: &str = "
CREATE TABLE receipt_coupons(
  pos INTEGER NOT NULL,         -- the receipt
  number INTEGER NOT NULL,      -- the order on it
  serial INTEGER NOT NULL,      -- the grant; 64 bits without a sign, kept as they are
  offer INTEGER NOT NULL,
  title_ja TEXT NOT NULL,
  title_en TEXT NOT NULL,
  discount_minor INTEGER NOT NULL,
  reason TEXT,                  -- why not; NULL for one that was used
  reason_ja TEXT NOT NULL,
  reason_en TEXT NOT NULL,
  PRIMARY KEY(pos, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipt_coupons_by_serial ON receipt_coupons(serial);
";

/// What the receipts on the phone say of one grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OnReceipts {
    /// Receipts that name it, used or not.
    pub(crate) named: u32,
    /// Receipts that it was used on and that still count.
    pub(crate) used: u32,
    /// Receipts that it was used on and that were cancelled.
    pub(crate) voided: u32,
}

pub(super) fn insert(tx: &Transaction<'_>, pos: i64, coupons: &[ReceiptCoupon]) -> Result<(), StorageError> {
    for (number, coupon) in coupons.iter().enumerate() {
        tx.prepare_cached("INSERT INTO receipt_coupons VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)")?.execute(params![
            pos,
            i64::try_from(number).unwrap_or(i64::MAX),
            coupon.serial.cast_signed(),
            coupon.offer,
            coupon.title_ja,
            coupon.title_en,
            coupon.discount_minor,
            coupon.reason,
            coupon.reason_ja,
            coupon.reason_en
        ])?;
    }
    Ok(())
}

pub(super) fn remove(tx: &Transaction<'_>, pos: i64) -> Result<(), StorageError> {
    tx.prepare_cached("DELETE FROM receipt_coupons WHERE pos = ?1")?.execute([pos])?;
    Ok(())
}

pub(super) fn read(connection: &Connection, pos: i64) -> Result<Vec<ReceiptCoupon>, StorageError> {
    let mut statement = connection.prepare_cached(
        "SELECT serial, offer, title_ja, title_en, discount_minor, reason, reason_ja, reason_en FROM receipt_coupons WHERE pos = ?1
         ORDER BY number",
    )?;
    let rows = statement.query_map([pos], |row| {
        Ok(ReceiptCoupon {
            serial: row.get::<_, i64>(0)?.cast_unsigned(),
            offer: row.get(1)?,
            title_ja: row.get(2)?,
            title_en: row.get(3)?,
            discount_minor: row.get(4)?,
            reason: row.get(5)?,
            reason_ja: row.get(6)?,
            reason_en: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What all receipts say of a grant.
pub(crate) fn of_serial(connection: &Connection, serial: u64) -> Result<OnReceipts, StorageError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*), coalesce(sum(reason IS NULL AND NOT voided), 0), coalesce(sum(reason IS NULL AND voided), 0)
         FROM receipt_coupons JOIN receipts USING (pos) WHERE serial = ?1",
    )?;
    Ok(statement.query_row([serial.cast_signed()], |row| Ok(OnReceipts { named: row.get(0)?, used: row.get(1)?, voided: row.get(2)? }))?)
}
