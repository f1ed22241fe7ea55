//! Taking receipts in: one transaction a page, prepared statements, duplicates add nothing.

use std::collections::HashMap;

use noren_rules::fold::fold;
use noren_rules::receipt::{Receipt, ReceiptLine, is_date};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};

use super::coupons;
use super::models::SyncReport;
use super::rollup::Changes;
use super::tables::{channel_code, channel_from, kind_code, kind_from};
use crate::storage::StorageError;
use crate::text::grams;
use noren_rules::ids::{ReceiptId, StoreId, TillId};

/// Bits of `pos` below the second: ten for the millisecond, ten that tell equal ones apart.
pub(super) const BELOW_SECOND: u32 = 20;
const BELOW_MS: u32 = 10;
/// Moments further from 1970 than this (about 270,000 years) are no moments of a sale.
const LAST_SECOND: i64 = 1 << 43;

/// What is wrong with a receipt from the server; `None` when it can be taken in.
pub(super) fn objection(receipt: &Receipt) -> Option<&'static str> {
    if receipt.sold_at_ms.div_euclid(1000).abs() >= LAST_SECOND {
        return Some("its time is none");
    }
    if !is_date(&receipt.business_date) {
        return Some("its business date is none");
    }
    None
}

/// Descriptions of a page that have their number already.
#[derive(Default)]
pub(super) struct Titles(HashMap<String, i64>);

/// Takes one receipt in; `totals` is to be written at the end of the page.
pub(super) fn take_in(
    tx: &Transaction<'_>,
    titles: &mut Titles,
    totals: &mut Changes,
    receipt: &Receipt,
    generation: i64,
    report: &mut SyncReport,
) -> Result<(), StorageError> {
    // Most are new: the insert itself finds out.
    let numbers = titles.numbers(tx, &receipt.lines)?;
    if let Some(pos) = insert(tx, receipt, &numbers, generation)? {
        insert_lines(tx, pos, &receipt.lines, &numbers)?;
        coupons::insert(tx, pos, &receipt.coupons)?;
        totals.count(receipt, 1)?;
        report.new_receipts = report.new_receipts.saturating_add(1);
        return Ok(());
    }
    let (pos, known) = by_id(tx, receipt.id.as_str())?.ok_or_else(|| StorageError::other("a receipt is and is not there"))?;
    if known == *receipt {
        tx.prepare_cached("UPDATE receipts SET generation = ?2 WHERE pos = ?1")?.execute([pos, generation])?;
        report.unchanged_receipts = report.unchanged_receipts.saturating_add(1);
        return Ok(());
    }
    remove(tx, totals, pos, &known)?;
    let pos = insert(tx, receipt, &numbers, generation)?.ok_or_else(|| StorageError::other("a receipt is there twice"))?;
    insert_lines(tx, pos, &receipt.lines, &numbers)?;
    coupons::insert(tx, pos, &receipt.coupons)?;
    totals.count(receipt, 1)?;
    report.changed_receipts = report.changed_receipts.saturating_add(1);
    Ok(())
}

/// Removes what an older generation left: the server no longer has it.
pub(super) fn remove_older(tx: &Transaction<'_>, totals: &mut Changes, generation: i64) -> Result<u32, StorageError> {
    let mut statement = tx.prepare_cached("SELECT id FROM receipts WHERE generation < ?1")?;
    let ids: Vec<String> = statement.query_map([generation], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in &ids {
        if let Some((pos, known)) = by_id(tx, id)? {
            remove(tx, totals, pos, &known)?;
        }
    }
    Ok(u32::try_from(ids.len()).unwrap_or(u32::MAX))
}

/// A whole receipt by its id, with its place.
pub(super) fn by_id(connection: &Connection, id: &str) -> Result<Option<(i64, Receipt)>, StorageError> {
    read(connection, "id = ?1", id)
}

/// A whole receipt by its place.
pub(super) fn by_pos(connection: &Connection, pos: i64) -> Result<Option<(i64, Receipt)>, StorageError> {
    read(connection, "pos = ?1", pos)
}

/// Inserts the row of a receipt; `None` when its id is there already.
fn insert(tx: &Transaction<'_>, receipt: &Receipt, numbers: &[i64], generation: i64) -> Result<Option<i64>, StorageError> {
    let second = receipt.sold_at_ms.div_euclid(1000);
    let base = (second << BELOW_SECOND) + (receipt.sold_at_ms.rem_euclid(1000) << BELOW_MS);
    match insert_at(tx, receipt, numbers, generation, base)? {
        Inserted::Yes => return Ok(Some(base)),
        Inserted::IdIsThere => return Ok(None),
        Inserted::PlaceIsTaken => {}
    }
    // Others at the same millisecond: behind the last of them. More than a thousand would spill into the next millisecond, in order still.
    let mut free = base + 1;
    loop {
        let last: Option<i64> = tx
            .prepare_cached("SELECT max(pos) FROM receipts WHERE pos >= ?1 AND pos < ?2")?
            .query_row([free - 1, (free | ((1 << BELOW_MS) - 1)) + 1], |row| row.get(0))?;
        let pos = last.map_or(free, |last| last + 1);
        match insert_at(tx, receipt, numbers, generation, pos)? {
            Inserted::Yes => return Ok(Some(pos)),
            Inserted::IdIsThere => return Ok(None),
            Inserted::PlaceIsTaken => free = pos + 1,
        }
    }
}

enum Inserted {
    Yes,
    IdIsThere,
    PlaceIsTaken,
}

fn insert_at(tx: &Transaction<'_>, receipt: &Receipt, numbers: &[i64], generation: i64, pos: i64) -> Result<Inserted, StorageError> {
    let json = |value: serde_json::Result<String>| value.map_err(|_| StorageError::other("a receipt has no JSON form"));
    let issuer = receipt.issuer.as_ref().map(|issuer| json(serde_json::to_string(issuer))).transpose()?;
    let taxes = receipt.taxes.as_ref().map(|taxes| json(serde_json::to_string(taxes))).transpose()?;
    let mut statement =
        tx.prepare_cached("INSERT INTO receipts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21)")?;
    let inserted = statement.execute(params![
        pos,
        receipt.id.as_str(),
        receipt.number,
        receipt.till_id.as_str(),
        channel_code(receipt.channel),
        kind_code(receipt.kind),
        receipt.of.as_ref().map(ReceiptId::as_str),
        receipt.sold_at_ms,
        receipt.business_date,
        receipt.store_id.as_str(),
        receipt.store_name,
        issuer,
        receipt.currency,
        receipt.total_minor,
        taxes,
        receipt.points,
        receipt.reissued,
        receipt.voided,
        i64::try_from(receipt.lines.len()).unwrap_or(i64::MAX),
        generation,
        packed(numbers),
    ]);
    match inserted {
        Ok(_) => {
            tx.prepare_cached("INSERT INTO fresh(pos) VALUES (?1)")?.execute([pos])?;
            Ok(Inserted::Yes)
        }
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::ConstraintViolation => match error.extended_code {
            rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE => Ok(Inserted::IdIsThere),
            // Both may hold; the id decides, and SQLite may name the place first.
            rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY | rusqlite::ffi::SQLITE_CONSTRAINT_ROWID => {
                let known = tx.prepare_cached("SELECT 1 FROM receipts WHERE id = ?1")?.exists([receipt.id.as_str()])?;
                Ok(if known { Inserted::IdIsThere } else { Inserted::PlaceIsTaken })
            }
            _ => Err(rusqlite::Error::SqliteFailure(error, None).into()),
        },
        Err(error) => Err(error.into()),
    }
}

fn insert_lines(tx: &Transaction<'_>, pos: i64, lines: &[ReceiptLine], numbers: &[i64]) -> Result<(), StorageError> {
    let mut statement = tx.prepare_cached("INSERT INTO lines VALUES (?1,?2,?3,?4,?5,?6,?7,?8)")?;
    for (number, (line, title)) in lines.iter().zip(numbers).enumerate() {
        statement.execute(params![
            pos,
            i64::try_from(number).unwrap_or(i64::MAX),
            title,
            line.sku,
            line.quantity,
            line.amount_minor,
            line.tax_permille,
            line.reduced_rate
        ])?;
    }
    Ok(())
}

impl Titles {
    fn numbers(&mut self, tx: &Transaction<'_>, lines: &[ReceiptLine]) -> Result<Vec<i64>, StorageError> {
        lines.iter().map(|line| self.number(tx, &line.description)).collect()
    }

    fn number(&mut self, tx: &Transaction<'_>, text: &str) -> Result<i64, StorageError> {
        if let Some(number) = self.0.get(text) {
            return Ok(*number);
        }
        let known: Option<i64> =
            tx.prepare_cached("SELECT id FROM titles WHERE text = ?1")?.query_row([text], |row| row.get(0)).optional()?;
        let number = match known {
            Some(number) => number,
            None => {
                let folded = fold(text);
                tx.prepare_cached("INSERT INTO titles(text, folded) VALUES (?1, ?2)")?.execute([text, folded.as_str()])?;
                let number = tx.last_insert_rowid();
                tx.prepare_cached("INSERT INTO title_grams(rowid, grams) VALUES (?1, ?2)")?.execute(params![number, grams(&folded)])?;
                number
            }
        };
        self.0.insert(text.to_owned(), number);
        Ok(number)
    }
}

/// Numbers of titles, four bytes each.
fn packed(numbers: &[i64]) -> Vec<u8> {
    // A phone does not see four billion descriptions.
    numbers.iter().flat_map(|number| u32::try_from(*number).unwrap_or(u32::MAX).to_le_bytes()).collect()
}

/// What [`packed`] packed.
pub(super) fn unpacked(bytes: &[u8]) -> impl Iterator<Item = i64> {
    bytes.as_chunks::<4>().0.iter().map(|number| i64::from(u32::from_le_bytes(*number)))
}

/// Moves fresh receipts into the postings, sorted by title, when there are more of them than `most`.
pub(super) fn post_fresh(tx: &Transaction<'_>, most: u32) -> Result<(), StorageError> {
    let count: u32 = tx.prepare_cached("SELECT count(*) FROM fresh")?.query_row([], |row| row.get(0))?;
    if count <= most {
        return Ok(());
    }
    let mut postings: Vec<(i64, i64)> = Vec::new();
    let mut statement = tx.prepare_cached("SELECT pos, title_ids FROM fresh CROSS JOIN receipts USING (pos)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let pos = row.get(0)?;
        let titles = row.get_ref(1)?.as_blob().unwrap_or_default();
        postings.extend(unpacked(titles).map(|title| (title, pos)));
    }
    postings.sort_unstable();
    postings.dedup();
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO postings VALUES (?1, ?2)")?;
    for posting in postings {
        insert.execute(posting)?;
    }
    tx.execute("DELETE FROM fresh", [])?;
    Ok(())
}

fn remove(tx: &Transaction<'_>, totals: &mut Changes, pos: i64, known: &Receipt) -> Result<(), StorageError> {
    totals.count(known, -1)?;
    let was_fresh = tx.prepare_cached("DELETE FROM fresh WHERE pos = ?1")?.execute([pos])? > 0;
    if !was_fresh {
        tx.prepare_cached("DELETE FROM postings WHERE pos = ?1 AND title_id IN (SELECT title_id FROM lines WHERE pos = ?1)")?
            .execute([pos])?;
    }
    tx.prepare_cached("DELETE FROM lines WHERE pos = ?1")?.execute([pos])?;
    coupons::remove(tx, pos)?;
    tx.prepare_cached("DELETE FROM receipts WHERE pos = ?1")?.execute([pos])?;
    Ok(())
}

fn read(connection: &Connection, place: &str, value: impl rusqlite::ToSql) -> Result<Option<(i64, Receipt)>, StorageError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT pos, id, number, till_id, channel, kind, of_id, sold_at_ms, business_date, store_id, store_name, issuer, currency,
           total_minor, taxes, points, reissued, voided FROM receipts WHERE {place}"
    ))?;
    let found = statement
        .query_row([value], |row| {
            let receipt = Receipt {
                id: ReceiptId(row.get(1)?),
                number: row.get(2)?,
                till_id: TillId(row.get(3)?),
                channel: channel_from(row.get(4)?),
                kind: kind_from(row.get(5)?),
                of: row.get::<_, Option<String>>(6)?.map(ReceiptId),
                sold_at_ms: row.get(7)?,
                business_date: row.get(8)?,
                store_id: StoreId(row.get(9)?),
                store_name: row.get(10)?,
                issuer: None,
                currency: row.get(12)?,
                lines: Vec::new(),
                total_minor: row.get(13)?,
                taxes: None,
                points: row.get(15)?,
                reissued: row.get(16)?,
                voided: row.get(17)?,
                coupons: Vec::new(),
            };
            Ok((row.get::<_, i64>(0)?, receipt, row.get::<_, Option<String>>(11)?, row.get::<_, Option<String>>(14)?))
        })
        .optional()?;
    let Some((pos, mut receipt, issuer, taxes)) = found else { return Ok(None) };
    let unreadable = |_| StorageError::Damaged { file: String::new() };
    receipt.issuer = issuer.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?;
    receipt.taxes = taxes.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?;
    let mut statement = connection.prepare_cached(
        "SELECT sku, text, quantity, amount_minor, tax_permille, reduced_rate FROM lines JOIN titles ON titles.id = title_id
         WHERE pos = ?1 ORDER BY line",
    )?;
    let lines = statement.query_map([pos], |row| {
        Ok(ReceiptLine {
            sku: row.get(0)?,
            description: row.get(1)?,
            quantity: row.get(2)?,
            amount_minor: row.get(3)?,
            tax_permille: row.get(4)?,
            reduced_rate: row.get(5)?,
        })
    })?;
    receipt.lines = lines.collect::<Result<_, _>>()?;
    receipt.coupons = coupons::read(connection, pos)?;
    Ok(Some((pos, receipt)))
}
