//! The history's tables.

use rusqlite::Row;

use super::coupons::RECEIPT_COUPONS_V1;
use super::models::ReceiptSummary;
use crate::catalogue::CATALOGUE_V1;
use crate::coupons::COUPONS_V1;
use crate::holds::HELD_V1;
use crate::ordering::ORDERING_V1;
use crate::places::PLACES_V1;
use crate::replica::COLLECTIONS_V1;
use crate::stock::STOCK_V1;
use crate::storage::{DatabaseSpec, OnCorruption};
use noren_rules::ids::ReceiptId;
use noren_rules::receipt::{Channel, ReceiptKind};

/// Step 2 of `cache.db`. Never changed: a later version is a further step.
pub const PURCHASES_V1: &str = "
CREATE TABLE receipts(
  pos INTEGER PRIMARY KEY,      -- (sold_at in s << 20) + (ms << 10) + a number: the timeline is the order of the rows
  id TEXT NOT NULL UNIQUE,
  number TEXT NOT NULL,
  till_id TEXT NOT NULL,
  channel INTEGER NOT NULL,     -- 0 store, 1 ec, 2 mobile order
  kind INTEGER NOT NULL,        -- 0 sale, 1 return, 2 amendment
  of_id TEXT,
  sold_at_ms INTEGER NOT NULL,
  business_date TEXT NOT NULL,
  store_id TEXT NOT NULL,
  store_name TEXT NOT NULL,
  issuer TEXT,                  -- JSON
  currency TEXT NOT NULL,
  total_minor INTEGER NOT NULL,
  taxes TEXT,                   -- JSON; NULL: not recorded
  points INTEGER NOT NULL,
  reissued INTEGER NOT NULL,
  voided INTEGER NOT NULL,
  line_count INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  title_ids BLOB NOT NULL       -- of all lines, four bytes each: a walk along the timeline reads one row a receipt
) STRICT;
CREATE TABLE titles(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, folded TEXT NOT NULL) STRICT;
CREATE TABLE lines(
  pos INTEGER NOT NULL,
  line INTEGER NOT NULL,
  title_id INTEGER NOT NULL,
  sku TEXT NOT NULL,
  quantity INTEGER NOT NULL,
  amount_minor INTEGER NOT NULL,
  tax_permille INTEGER,
  reduced_rate INTEGER NOT NULL,
  PRIMARY KEY(pos, line)
) STRICT, WITHOUT ROWID;
-- Which receipts hold a title. Filled from `fresh` in sorted portions: line by line, every page taken in would touch every leaf.
CREATE TABLE postings(title_id INTEGER NOT NULL, pos INTEGER NOT NULL, PRIMARY KEY(title_id, pos)) STRICT, WITHOUT ROWID;
CREATE TABLE fresh(pos INTEGER PRIMARY KEY) STRICT; -- receipts that are not in postings yet; a search looks at them one by one
-- One and two characters of each folded title, each written as hexadecimal code points, so that no tokenizer can disagree with us.
CREATE VIRTUAL TABLE title_grams USING fts5(grams, content='', detail=none, tokenize='ascii');
CREATE TABLE months(
  month TEXT NOT NULL, currency TEXT NOT NULL, channel INTEGER NOT NULL,
  sales_minor INTEGER NOT NULL, returns_minor INTEGER NOT NULL, sales_count INTEGER NOT NULL, returns_count INTEGER NOT NULL,
  amendments_count INTEGER NOT NULL,
  PRIMARY KEY(month, currency, channel)
) STRICT, WITHOUT ROWID;
CREATE TABLE history(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// The cache's file.
pub const CACHE_DB: DatabaseSpec = DatabaseSpec { file: "cache.db", steps: CACHE_STEPS, durable: false, on_corruption: OnCorruption::Drop };

/// One step a version: the first release had two.
const CACHE_STEPS: &[&str] =
    &[COLLECTIONS_V1, PURCHASES_V1, RECEIPT_COUPONS_V1, PLACES_V1, COUPONS_V1, STOCK_V1, CATALOGUE_V1, HELD_V1, ORDERING_V1];

/// A query of [`ReceiptSummary`] rows, in the order of [`summary`]; made at compile time.
macro_rules! summary_sql {
    ($rest:literal) => {
        concat!(
            "SELECT pos, id, number, channel, kind, sold_at_ms, business_date, store_name, currency, total_minor, points, line_count, voided, \
             reissued FROM receipts WHERE ",
            $rest
        )
    };
}
pub(super) use summary_sql;

pub(super) fn summary(row: &Row<'_>) -> rusqlite::Result<ReceiptSummary> {
    Ok(ReceiptSummary {
        pos: row.get(0)?,
        id: ReceiptId(row.get(1)?),
        number: row.get(2)?,
        channel: channel_from(row.get(3)?),
        kind: kind_from(row.get(4)?),
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

pub(super) fn channel_code(channel: Channel) -> i64 {
    match channel {
        Channel::Store => 0,
        Channel::Ec => 1,
        Channel::MobileOrder => 2,
    }
}

pub(super) fn channel_from(code: i64) -> Channel {
    match code {
        1 => Channel::Ec,
        2 => Channel::MobileOrder,
        _ => Channel::Store,
    }
}

pub(super) fn kind_code(kind: ReceiptKind) -> i64 {
    match kind {
        ReceiptKind::Sale => 0,
        ReceiptKind::Return => 1,
        ReceiptKind::Amendment => 2,
    }
}

pub(super) fn kind_from(code: i64) -> ReceiptKind {
    match code {
        1 => ReceiptKind::Return,
        2 => ReceiptKind::Amendment,
        _ => ReceiptKind::Sale,
    }
}
