//! Receipts as they are stored: the content once and for ever, and beside it whose it is, whether it is void, and what points it moved.

use noren_rules::ids::{MemberId, ReceiptId, TillId};
use noren_rules::receipt::{Receipt, ReceiptKind};
use noren_rules::wire::SaleAnswer;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::fault::Fault;
use crate::{feed, members};

/// Columns of [`read_content`], for queries in which `r` is the receipt.
pub(crate) const CONTENT: &str = "r.content,
     EXISTS (SELECT 1 FROM receipt_voids v WHERE v.receipt = r.id),
     EXISTS (SELECT 1 FROM receipt_reissues i WHERE i.receipt = r.id),
     (SELECT COALESCE(SUM(points), 0) FROM points p WHERE p.receipt = r.id)";

/// A stored receipt with its newest state.
pub(crate) struct Stored {
    pub(crate) receipt: Receipt,
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) answer: String,
}

/// Content and state, from the columns [`CONTENT`] that begin at `at`.
pub(crate) fn read_content(row: &Row<'_>, at: usize) -> rusqlite::Result<(String, bool, bool, i64)> {
    Ok((row.get(at)?, row.get(at.saturating_add(1))?, row.get(at.saturating_add(2))?, row.get(at.saturating_add(3))?))
}

pub(crate) fn with_state((content, voided, reissued, points): (String, bool, bool, i64)) -> Result<Receipt, Fault> {
    let receipt: Receipt = serde_json::from_str(&content).map_err(|_| Fault::Stored("receipt"))?;
    Ok(Receipt { voided, reissued, points, ..receipt })
}

/// The receipt of a number at a till.
pub(crate) fn find(db: &Connection, till: &TillId, number: &str) -> Result<Option<Stored>, Fault> {
    let sql = format!("SELECT r.fingerprint, r.answer, {CONTENT} FROM receipts r WHERE r.till = ?1 AND r.number = ?2");
    let row = db
        .prepare_cached(&sql)?
        .query_row(params![till.as_str(), number], |row| Ok((row.get(0)?, row.get(1)?, read_content(row, 2)?)))
        .optional()?;
    row.map(|(fingerprint, answer, content)| Ok(Stored { receipt: with_state(content)?, fingerprint, answer })).transpose()
}

pub(crate) fn load(db: &Connection, id: &ReceiptId) -> Result<Receipt, Fault> {
    let sql = format!("SELECT {CONTENT} FROM receipts r WHERE r.id = ?1");
    with_state(db.prepare_cached(&sql)?.query_row([id.as_str()], |row| read_content(row, 0))?)
}

/// Keeps a receipt for ever. Its content carries no state and no person.
pub(crate) fn keep(db: &Connection, receipt: &Receipt, fingerprint: &[u8; 32], answer: &SaleAnswer, now_ms: i64) -> Result<(), Fault> {
    let content = serde_json::to_string(receipt).map_err(|_| Fault::Stored("receipt"))?;
    let answer = serde_json::to_string(answer).map_err(|_| Fault::Stored("answer"))?;
    db.prepare_cached(
        "INSERT INTO receipts (id, till, number, kind, of_receipt, received_at_ms, total_minor, content, fingerprint, answer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        receipt.id.as_str(),
        receipt.till_id.as_str(),
        receipt.number,
        kind_name(receipt.kind),
        receipt.of.as_ref().map(ReceiptId::as_str),
        now_ms,
        receipt.total_minor,
        content,
        fingerprint,
        answer,
    ])?;
    Ok(())
}

/// The returns and amendments of a sale, oldest first.
pub(crate) fn children(db: &Connection, sale: &ReceiptId) -> Result<Vec<Receipt>, Fault> {
    let sql = format!("SELECT {CONTENT} FROM receipts r WHERE r.of_receipt = ?1 ORDER BY r.received_at_ms, r.id");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([sale.as_str()], |row| read_content(row, 0))?;
    rows.map(|row| with_state(row?)).collect()
}

/// The receipts of a part of a member that came from a moment on and are not cancelled.
pub(crate) fn of_member_since(db: &Connection, part: &MemberId, since_ms: i64) -> Result<Vec<Receipt>, Fault> {
    let sql = format!(
        "SELECT {CONTENT} FROM receipt_owners o JOIN receipts r ON r.id = o.receipt
         WHERE o.member = ?1 AND r.received_at_ms >= ?2 AND NOT EXISTS (SELECT 1 FROM receipt_voids v WHERE v.receipt = r.id)"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![part.as_str(), since_ms], |row| read_content(row, 0))?;
    rows.map(|row| with_state(row?)).collect()
}

/// The member that has a receipt now.
pub(crate) fn owner(db: &Connection, id: &ReceiptId) -> Result<Option<MemberId>, Fault> {
    let member: Option<String> =
        db.prepare_cached("SELECT member FROM receipt_owners WHERE receipt = ?1")?.query_row([id.as_str()], |row| row.get(0)).optional()?;
    member.map(|member| members::canonical(db, &member)).transpose()
}

/// Gives a receipt that is nobody's to a member, and puts it into the member's feed.
pub(crate) fn give(db: &Connection, id: &ReceiptId, member: &MemberId, now_ms: i64) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO receipt_owners (receipt, member, at_ms) VALUES (?1, ?2, ?3)")?.execute(params![
        id.as_str(),
        member.as_str(),
        now_ms
    ])?;
    feed::append(db, member, id)
}

/// Marks a receipt as cancelled.
pub(crate) fn set_void(db: &Connection, id: &ReceiptId, now_ms: i64) -> Result<(), Fault> {
    db.execute("INSERT INTO receipt_voids (receipt, at_ms) VALUES (?1, ?2)", params![id.as_str(), now_ms])?;
    Ok(())
}

/// Marks a receipt as printed again; true when it was not before.
pub(crate) fn set_reissued(db: &Connection, id: &ReceiptId, now_ms: i64) -> Result<bool, Fault> {
    let added = db.execute("INSERT OR IGNORE INTO receipt_reissues (receipt, at_ms) VALUES (?1, ?2)", params![id.as_str(), now_ms])?;
    if let (1, Some(member)) = (added, owner(db, id)?) {
        feed::append(db, &member, id)?;
    }
    Ok(added == 1)
}

fn kind_name(kind: ReceiptKind) -> &'static str {
    match kind {
        ReceiptKind::Sale => "sale",
        ReceiptKind::Return => "return",
        ReceiptKind::Amendment => "amendment",
    }
}
