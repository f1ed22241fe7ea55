//! The points ledger: entries are added, never changed; the balance is the sum.

use noren_rules::ids::{MemberId, ReceiptId};
use noren_rules::points::{PointsEntry, PointsKind};
use noren_rules::wire::PointsLedger;
use rusqlite::{Connection, Row, params};

use crate::fault::Fault;
use crate::http::{Answer, Call, json};
use crate::{devices, members};

const NEWEST: usize = 200;

/// GET [`noren_rules::wire::paths::POINTS`].
pub(crate) async fn get(call: Call) -> Answer {
    let caller = call.app_caller().await?;
    let read = call.app.store.read(move |db| {
        let parts = members::parts(db, &devices::member_of(db, &caller.device)?)?;
        let mut entries = entries(db, &parts)?;
        entries.reverse();
        entries.truncate(NEWEST);
        Ok(PointsLedger { balance: balance(db, &parts)?, entries })
    });
    json(&read.await.map_err(Fault::into_refusal)?)
}

/// The sum over all parts of a member.
pub(crate) fn balance(db: &Connection, parts: &[MemberId]) -> Result<i64, Fault> {
    let mut sum = db.prepare_cached("SELECT COALESCE(SUM(points), 0) FROM points WHERE member = ?1")?;
    let mut balance = 0i64;
    for part in parts {
        let points: i64 = sum.query_row([part.as_str()], |row| row.get(0))?;
        balance = balance.saturating_add(points);
    }
    Ok(balance)
}

/// The whole ledger of all parts, oldest first.
pub(crate) fn entries(db: &Connection, parts: &[MemberId]) -> Result<Vec<PointsEntry>, Fault> {
    let mut statement = db.prepare_cached("SELECT seq, kind, points, at_ms, receipt FROM points WHERE member = ?1 ORDER BY seq")?;
    let mut found: Vec<(i64, PointsEntry)> = Vec::new();
    for part in parts {
        let rows = statement.query_map([part.as_str()], |row| Ok((row.get(0)?, entry(row)?)))?;
        for row in rows {
            found.push(row?);
        }
    }
    found.sort_by_key(|(seq, _)| *seq);
    Ok(found.into_iter().map(|(_, entry)| entry).collect())
}

/// Adds an entry; none for nothing.
pub(crate) fn add(db: &Connection, member: &MemberId, entry: &PointsEntry) -> Result<(), Fault> {
    if entry.points != 0 {
        let receipt = entry.receipt_id.as_ref().map(ReceiptId::as_str);
        db.prepare_cached("INSERT INTO points (member, kind, points, at_ms, receipt) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
            member.as_str(),
            kind_name(entry.kind),
            entry.points,
            entry.at_ms,
            receipt
        ])?;
    }
    Ok(())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<PointsEntry> {
    let kind: String = row.get(1)?;
    let kind = match kind.as_str() {
        "earn" => PointsKind::Earn,
        "burn" => PointsKind::Burn,
        "expire" => PointsKind::Expire,
        "adjust" => PointsKind::Adjust,
        _ => PointsKind::Reverse,
    };
    Ok(PointsEntry { kind, points: row.get(2)?, at_ms: row.get(3)?, receipt_id: row.get::<_, Option<String>>(4)?.map(ReceiptId) })
}

fn kind_name(kind: PointsKind) -> &'static str {
    match kind {
        PointsKind::Earn => "earn",
        PointsKind::Burn => "burn",
        PointsKind::Expire => "expire",
        PointsKind::Adjust => "adjust",
        PointsKind::Reverse => "reverse",
    }
}
