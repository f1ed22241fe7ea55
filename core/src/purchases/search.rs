//! Search: first the titles that hold the text, then the newest receipts with one of them.
//!
//! A text of one character is looked up as such, of two as a pair: the index answers both exactly. A longer one is looked up as all its
//! pairs, and each title found is checked to truly hold it. Then the timeline is walked newest first, one row a receipt, for as long as that
//! promises to be cheaper than merging the titles' postings newest first.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};

use noren_rules::fold::fold;
use rusqlite::{Connection, OptionalExtension};

use super::ingest::unpacked;
use super::models::ReceiptSummary;
use super::tables::{summary, summary_sql};
use crate::storage::StorageError;
use crate::text::{needle_query, needle_to_check};

/// Titles that are remembered while walking; with more of them the walk asks for each title that it meets.
const REMEMBERED: usize = 1_024;
/// Up to this many titles are merged at once.
const FEW: usize = 16;
/// Receipts walked between two looks at how it goes.
const STRIDE: usize = 64;
/// What things cost, in units of one receipt walked past: finding the newest posting of a title, finding the next one, and walking past a
/// receipt whose titles have to be asked for.
const HEAD_COST: usize = 2;
const NEXT_COST: usize = 4;
const ASKING_COST: usize = 8;

/// The newest receipts before `before` with a line whose folded description holds the folded `text`. `None` when the text is empty.
pub(super) fn search(connection: &Connection, text: &str, before: i64, limit: usize) -> Result<Option<Vec<ReceiptSummary>>, StorageError> {
    let needle = fold(text);
    if needle.is_empty() {
        return Ok(None);
    }
    let places = places(connection, &needle, before, limit)?;
    let mut statement = connection.prepare_cached(summary_sql!("pos = ?1"))?;
    let mut receipts = Vec::with_capacity(places.len());
    for pos in places {
        if let Some(receipt) = statement.query_row([pos], summary).optional()? {
            receipts.push(receipt);
        }
    }
    Ok(Some(receipts))
}

fn places(connection: &Connection, needle: &str, before: i64, limit: usize) -> Result<Vec<i64>, StorageError> {
    let titles = titles_with(connection, needle, REMEMBERED)?;
    if titles.len() <= FEW {
        return merge(connection, needle, before, limit);
    }
    let (mut found, resume) = if titles.len() <= REMEMBERED {
        let merging = titles.len() * HEAD_COST;
        let known: HashSet<i64> = titles.into_iter().collect();
        walk(connection, before, limit, merging, |title| Ok(known.contains(&title)))?
    } else {
        // How many more there are is not known: at least as many again.
        let merging = 2 * REMEMBERED * HEAD_COST / ASKING_COST;
        let mut statement = connection.prepare_cached("SELECT folded FROM titles WHERE id = ?1")?;
        let mut asked: HashMap<i64, bool> = HashMap::new();
        walk(connection, before, limit, merging, |title| {
            if let Some(holds) = asked.get(&title) {
                return Ok(*holds);
            }
            let holds = statement.query_row([title], |row| Ok(row.get_ref(0)?.as_str().is_ok_and(|folded| folded.contains(needle))));
            let holds = holds.optional()?.unwrap_or(false);
            asked.insert(title, holds);
            Ok(holds)
        })?
    };
    if let Some(resume) = resume {
        found.extend(merge(connection, needle, resume, limit.saturating_sub(found.len()))?);
    }
    Ok(found)
}

/// Titles that hold the needle: all of them, or `limit` and one more.
fn titles_with(connection: &Connection, needle: &str, limit: usize) -> Result<Vec<i64>, StorageError> {
    let mut statement = connection.prepare_cached(
        "SELECT rowid FROM title_grams WHERE title_grams MATCH ?1
           AND (?2 IS NULL OR (SELECT instr(folded, ?2) FROM titles WHERE id = title_grams.rowid)) LIMIT ?3",
    )?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let found = statement.query_map((needle_query(needle), needle_to_check(needle), most), |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

#[derive(PartialEq, Eq)]
struct Candidate {
    pos: i64,
    title: i64,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.pos, self.title).cmp(&(other.pos, other.title))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The newest places of all titles that hold the needle: the newest of each in a heap, each followed by its next; fresh receipts among them.
fn merge(connection: &Connection, needle: &str, before: i64, limit: usize) -> Result<Vec<i64>, StorageError> {
    let mut heads = connection.prepare_cached(
        "SELECT rowid, (SELECT pos FROM postings WHERE title_id = title_grams.rowid AND pos < ?3 ORDER BY pos DESC LIMIT 1)
         FROM title_grams WHERE title_grams MATCH ?1
           AND (?2 IS NULL OR (SELECT instr(folded, ?2) FROM titles WHERE id = title_grams.rowid))",
    )?;
    let (mut titles, mut newest) = (HashSet::new(), Vec::new());
    let mut rows = heads.query((needle_query(needle), needle_to_check(needle), before))?;
    while let Some(row) = rows.next()? {
        let title = row.get(0)?;
        titles.insert(title);
        if let Some(pos) = row.get(1)? {
            newest.push(Candidate { pos, title });
        }
    }
    if titles.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let mut heap = BinaryHeap::from(newest);
    let mut next = connection.prepare_cached("SELECT pos FROM postings WHERE title_id = ?1 AND pos < ?2 ORDER BY pos DESC LIMIT 1")?;
    // CROSS JOIN: from the few to the many, whatever SQLite's statistics say of an empty table.
    let mut fresh =
        connection.prepare_cached("SELECT pos, title_ids FROM fresh CROSS JOIN receipts USING (pos) WHERE pos < ?1 ORDER BY pos DESC")?;
    let mut rows = fresh.query([before])?;
    let (mut waiting, mut read_all) = (None, false);
    let mut places: Vec<i64> = Vec::with_capacity(limit.min(1024));
    while places.len() < limit {
        let newest_posting = heap.peek().map(|candidate| candidate.pos);
        // Fresh receipts are read only as far as the newest posting.
        while waiting.is_none() && !read_all {
            let Some(row) = rows.next()? else {
                read_all = true;
                break;
            };
            let pos: i64 = row.get(0)?;
            if unpacked(row.get_ref(1)?.as_blob().unwrap_or_default()).any(|title| titles.contains(&title)) {
                waiting = Some(pos);
            } else if newest_posting.is_some_and(|newest| pos < newest) {
                break;
            }
        }
        if waiting > newest_posting {
            places.extend(waiting.take());
            continue;
        }
        let Some(Candidate { pos, title }) = heap.pop() else { break };
        if places.last() != Some(&pos) {
            places.push(pos);
        }
        if let Some(pos) = next.query_row([title, pos], |row| row.get(0)).optional()? {
            heap.push(Candidate { pos, title });
        }
    }
    Ok(places)
}

/// Walks the timeline newest first and looks at the titles of each receipt. Answers what it found and, when it gave up because the rest
/// would cost more than to find the newest postings for `merging`, where to go on.
fn walk(
    connection: &Connection,
    before: i64,
    limit: usize,
    merging: usize,
    mut holds: impl FnMut(i64) -> Result<bool, StorageError>,
) -> Result<(Vec<i64>, Option<i64>), StorageError> {
    let mut statement = connection.prepare_cached("SELECT pos, title_ids FROM receipts WHERE pos < ?1 ORDER BY pos DESC")?;
    let mut rows = statement.query([before])?;
    let mut found: Vec<i64> = Vec::with_capacity(limit.min(1024));
    let mut walked = 0usize;
    while let Some(row) = rows.next()? {
        let pos = row.get(0)?;
        for title in unpacked(row.get_ref(1)?.as_blob().unwrap_or_default()) {
            if holds(title)? {
                found.push(pos);
                break;
            }
        }
        walked += 1;
        if found.len() >= limit {
            break;
        }
        if walked.is_multiple_of(STRIDE) {
            // If it goes on as it went so far.
            let wanted = limit - found.len();
            let ahead = wanted.saturating_mul(walked) / found.len().max(1);
            if ahead > merging.saturating_add(wanted.saturating_mul(NEXT_COST)) {
                return Ok((found, Some(pos)));
            }
        }
    }
    Ok((found, None))
}
