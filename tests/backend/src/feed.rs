//! The order in which a member's devices learn of receipts, and the pages by cursor.
//!
//! One row a receipt and canonical member, with a rising number; whatever changes moves the row to the end. So a device that has pulled up
//! to a cursor has everything before it, in its newest state or with the newer one still ahead.

use noren_rules::b64;
use noren_rules::ids::{MemberId, ReceiptId};
use noren_rules::receipt::Receipt;
use noren_rules::wire::{Reason, ReceiptPage};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;

use crate::devices;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json};
use crate::receipts::{CONTENT, read_content, with_state};

const DEFAULT_LIMIT: u32 = 200;
const MAX_LIMIT: u32 = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// GET [`noren_rules::wire::paths::RECEIPTS`].
pub(crate) async fn get(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    let query: PageQuery = call.query()?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Refusal::invalid(format!("limit is 1 to {MAX_LIMIT}")));
    }
    // Read before the snapshot is taken: what was committed by then is in it.
    let as_of_ms = call.app.now_ms();
    let read = call.app.store.read(move |db| {
        let epoch: String = db.prepare_cached("SELECT value FROM meta WHERE name = 'epoch'")?.query_row([], |row| row.get(0))?;
        let after = query.cursor.as_deref().map_or(Ok(0), |cursor| read_cursor(db, &epoch, cursor))?;
        let member = devices::member_of(db, &device)?;
        let (receipts, last, has_more) = page(db, &member, after, limit)?;
        Ok(ReceiptPage { receipts, next_cursor: write_cursor(&epoch, last), has_more, as_of_ms })
    });
    json(&read.await.map_err(Fault::into_refusal)?)
}

fn write_cursor(epoch: &str, seq: i64) -> String {
    b64::encode(format!("{epoch}:{seq}").as_bytes())
}

/// A cursor that this life of the database has given out. Anything else starts again from the beginning.
fn read_cursor(db: &Connection, epoch: &str, cursor: &str) -> Result<i64, Fault> {
    let read = || {
        let text = String::from_utf8(b64::decode(cursor)?).ok()?;
        let (life, seq) = text.split_once(':')?;
        seq.parse::<i64>().ok().filter(|seq| life == epoch && *seq >= 0)
    };
    let newest: i64 = db
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'member_feed'")?
        .query_row([], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let unknown = || Refusal::new(Reason::CursorUnknown, "the cursor is from another life of the server: start from the beginning");
    read().filter(|seq| *seq <= newest).ok_or_else(|| unknown().into())
}

fn page(db: &Connection, member: &MemberId, after: i64, limit: u32) -> Result<(Vec<Receipt>, i64, bool), Fault> {
    let sql = format!(
        "SELECT f.seq, {CONTENT} FROM member_feed f JOIN receipts r ON r.id = f.receipt
         WHERE f.member = ?1 AND f.seq > ?2 ORDER BY f.seq LIMIT ?3"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![member.as_str(), after, i64::from(limit).saturating_add(1)])?;
    let (mut receipts, mut last) = (Vec::new(), after);
    while let Some(row) = rows.next()? {
        if receipts.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Ok((receipts, last, true));
        }
        last = row.get(0)?;
        receipts.push(with_state(read_content(row, 1)?)?);
    }
    Ok((receipts, last, false))
}

/// Everything in a member's feed.
pub(crate) fn all(db: &Connection, member: &MemberId) -> Result<Vec<Receipt>, Fault> {
    page(db, member, 0, u32::MAX).map(|(receipts, _, _)| receipts)
}

/// A receipt is new to the member, or changed: it goes to the end.
pub(crate) fn append(db: &Connection, member: &MemberId, receipt: &ReceiptId) -> Result<(), Fault> {
    db.prepare_cached("INSERT OR REPLACE INTO member_feed (member, receipt) VALUES (?1, ?2)")?
        .execute(params![member.as_str(), receipt.as_str()])?;
    Ok(())
}

/// Two members are one from now on: everything of both goes to the end, in the order in which it came.
pub(crate) fn join(db: &Connection, stays: &MemberId, joins: &MemberId) -> Result<(), Fault> {
    let mut statement = db.prepare_cached("SELECT receipt FROM member_feed WHERE member IN (?1, ?2) ORDER BY seq")?;
    let rows = statement.query_map(params![stays.as_str(), joins.as_str()], |row| row.get(0).map(ReceiptId))?;
    let receipts: Vec<ReceiptId> = rows.collect::<Result<_, _>>()?;
    db.execute("DELETE FROM member_feed WHERE member IN (?1, ?2)", params![stays.as_str(), joins.as_str()])?;
    for receipt in receipts {
        append(db, stays, &receipt)?;
    }
    Ok(())
}
