//! The peers: SQLite as one would write it by hand with rusqlite, prepared statements and all.

use std::collections::HashMap;
use std::path::Path;

use noren_core::purchases::ReceiptSummary;
use noren_rules::fold::fold;
use noren_rules::ids::ReceiptId;
use noren_rules::receipt::{Channel, Receipt, ReceiptKind};
use rusqlite::{CachedStatement, Connection, OpenFlags, Row, Statement, params};

use crate::report::Outcome;

/// Opens the cache's file as the core's readers do.
pub(crate) fn open_reader(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.execute_batch(
        "PRAGMA busy_timeout=5000; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-4096; PRAGMA query_only=ON;",
    )?;
    Ok(connection)
}

/// A page of the timeline by keyset, prepared once.
pub(crate) fn prepare_page(connection: &Connection) -> Outcome<Statement<'_>> {
    Ok(connection.prepare(
        "SELECT pos, id, number, channel, kind, sold_at_ms, business_date, store_name, currency, total_minor, points, line_count, voided, reissued
         FROM receipts WHERE pos < ?1 ORDER BY pos DESC LIMIT ?2",
    )?)
}

/// The receipts of a page, in the structs that the core answers.
pub(crate) fn page(statement: &mut Statement<'_>, before: i64, limit: u32) -> rusqlite::Result<Vec<ReceiptSummary>> {
    let mut rows = statement.query((before, limit))?;
    let mut receipts = Vec::with_capacity(limit as usize);
    while let Some(row) = rows.next()? {
        receipts.push(summary(row)?);
    }
    Ok(receipts)
}

fn summary(row: &Row<'_>) -> rusqlite::Result<ReceiptSummary> {
    Ok(ReceiptSummary {
        pos: row.get(0)?,
        id: ReceiptId(row.get(1)?),
        number: row.get(2)?,
        channel: match row.get(3)? {
            1 => Channel::Ec,
            2 => Channel::MobileOrder,
            _ => Channel::Store,
        },
        kind: match row.get(4)? {
            1 => ReceiptKind::Return,
            2 => ReceiptKind::Amendment,
            _ => ReceiptKind::Sale,
        },
        sold_at_ms: row.get(5)?,
        business_date: row.get(6)?,
        store_name: row.get(7)?,
        currency: row.get(8)?,
        total_minor: row.get(9)?,
        points: row.get(10)?,
        line_count: row.get(11)?,
        voided: row.get(12)?,
        reissued: row.get(13)?,
    })
}

/// Month, channel, sum of sales, sum of returns: by adding up the table.
pub(crate) type MonthSum = (String, i64, i64, i64);

pub(crate) fn month_sums(connection: &Connection) -> rusqlite::Result<Vec<MonthSum>> {
    let mut statement = connection.prepare_cached(
        "SELECT substr(business_date, 1, 7) AS month, channel, sum(CASE kind WHEN 1 THEN 0 ELSE total_minor END),
           sum(CASE kind WHEN 1 THEN total_minor ELSE 0 END) FROM receipts WHERE voided = 0 GROUP BY month, currency, channel
         ORDER BY month DESC, currency, channel",
    )?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?.collect()
}

/// The places of the newest receipts with a line that holds `folded`, by looking at every line until there are enough.
pub(crate) fn scan(connection: &Connection, folded: &str, limit: u32) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT pos FROM lines JOIN titles ON titles.id = title_id WHERE instr(folded, ?1) > 0 ORDER BY pos DESC LIMIT ?2",
    )?;
    statement.query_map((folded, limit), |row| row.get(0))?.collect()
}

/// For each of `needles`: how many lines hold it, and the places of the newest `limit` receipts that have such a line. By reading everything
/// once and trusting no index.
pub(crate) fn read_everything(connection: &Connection, needles: &[String], limit: usize) -> Outcome<Vec<(u64, Vec<i64>)>> {
    let mut holding: HashMap<String, Vec<bool>> = HashMap::new();
    let mut found = vec![(0u64, Vec::<i64>::new()); needles.len()];
    let mut statement = connection.prepare("SELECT pos, text FROM lines JOIN titles ON titles.id = title_id ORDER BY pos DESC")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (pos, text): (i64, &str) = (row.get(0)?, row.get_ref(1)?.as_str()?);
        if !holding.contains_key(text) {
            let folded = fold(text);
            holding.insert(text.to_owned(), needles.iter().map(|needle| folded.contains(needle.as_str())).collect());
        }
        let Some(holds) = holding.get(text) else { continue };
        for ((lines, places), _) in found.iter_mut().zip(holds).filter(|(_, holds)| **holds) {
            *lines += 1;
            if places.len() < limit && places.last() != Some(&pos) {
                places.push(pos);
            }
        }
    }
    Ok(found)
}

/// The same rows, with the same keys and the same unique index, and nothing else: no search index, no totals.
const BARE: &str = "
CREATE TABLE receipts(
  pos INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, number TEXT NOT NULL, till_id TEXT NOT NULL, channel INTEGER NOT NULL, kind INTEGER NOT NULL,
  of_id TEXT, sold_at_ms INTEGER NOT NULL, business_date TEXT NOT NULL, store_id TEXT NOT NULL, store_name TEXT NOT NULL, issuer TEXT,
  currency TEXT NOT NULL, total_minor INTEGER NOT NULL, taxes TEXT, points INTEGER NOT NULL, reissued INTEGER NOT NULL, voided INTEGER NOT NULL,
  line_count INTEGER NOT NULL, generation INTEGER NOT NULL
) STRICT;
CREATE TABLE lines(
  pos INTEGER NOT NULL, line INTEGER NOT NULL, title_id INTEGER NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL,
  amount_minor INTEGER NOT NULL, tax_permille INTEGER, reduced_rate INTEGER NOT NULL, PRIMARY KEY(pos, line)
) STRICT, WITHOUT ROWID;
";

/// Rows that are ready to be bound: parsing, folding, numbering the titles and writing JSON have been done.
#[derive(Debug)]
pub(crate) struct ReadyPage(Vec<ReadyReceipt>);

#[derive(Debug)]
struct ReadyReceipt {
    receipt: Receipt,
    issuer: Option<String>,
    taxes: Option<String>,
    titles: Vec<i64>,
}

/// Numbers titles for the bare table.
#[derive(Debug, Default)]
pub(crate) struct Numbers(HashMap<String, i64>);

impl Numbers {
    pub(crate) fn ready(&mut self, receipts: Vec<Receipt>) -> Outcome<ReadyPage> {
        let ready = receipts.into_iter().map(|receipt| {
            let titles = receipt.lines.iter().map(|line| {
                let next = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
                *self.0.entry(line.description.clone()).or_insert(next)
            });
            let titles = titles.collect();
            let issuer = receipt.issuer.as_ref().map(serde_json::to_string).transpose()?;
            let taxes = receipt.taxes.as_ref().map(serde_json::to_string).transpose()?;
            Ok(ReadyReceipt { receipt, issuer, taxes, titles })
        });
        Ok(ReadyPage(ready.collect::<Outcome<_>>()?))
    }
}

/// A file with the bare tables, configured as the core's.
pub(crate) fn open_bare(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA busy_timeout=5000;")?;
    connection.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-4096;
         PRAGMA journal_size_limit=4194304;",
    )?;
    connection.execute_batch(BARE)?;
    Ok(connection)
}

/// Inserts the rows of a page in one transaction.
pub(crate) fn insert(connection: &mut Connection, page: &ReadyPage) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut receipts =
            tx.prepare_cached("INSERT INTO receipts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)")?;
        let mut lines = tx.prepare_cached("INSERT INTO lines VALUES (?1,?2,?3,?4,?5,?6,?7,?8)")?;
        for ready in &page.0 {
            insert_one(&mut receipts, &mut lines, ready)?;
        }
    }
    tx.commit()
}

fn insert_one(receipts: &mut CachedStatement<'_>, lines: &mut CachedStatement<'_>, ready: &ReadyReceipt) -> rusqlite::Result<()> {
    let receipt = &ready.receipt;
    let pos = (receipt.sold_at_ms.div_euclid(1000) << 20) + (receipt.sold_at_ms.rem_euclid(1000) << 10);
    receipts.execute(params![
        pos,
        receipt.id.as_str(),
        receipt.number,
        receipt.till_id.as_str(),
        receipt.channel as i64,
        receipt.kind as i64,
        receipt.of.as_ref().map(ReceiptId::as_str),
        receipt.sold_at_ms,
        receipt.business_date,
        receipt.store_id.as_str(),
        receipt.store_name,
        ready.issuer,
        receipt.currency,
        receipt.total_minor,
        ready.taxes,
        receipt.points,
        receipt.reissued,
        receipt.voided,
        receipt.lines.len() as i64,
        0i64,
    ])?;
    for (number, (line, title)) in receipt.lines.iter().zip(&ready.titles).enumerate() {
        lines.execute(params![
            pos,
            number as i64,
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
