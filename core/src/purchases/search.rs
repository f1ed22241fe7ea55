//! Search: first the titles that hold the text, then the newest receipts with one of them.
//!
//! A text of one character is looked up as such, of two as a pair: the index answers both exactly. A longer one is looked up as all its
//! pairs, and each title found is checked to truly hold it. Then, whichever is expected to be cheaper: the postings of the titles are
//! merged newest first, or the timeline is walked newest first, one row a receipt, and left for the merge when the titles turn out to be rare.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension};

use super::fold::fold;
use super::ingest::{bigram, unigram, unpacked};
use super::models::ReceiptSummary;
use super::tables::{summary, summary_sql};
use crate::storage::StorageError;

/// Titles that are remembered while walking; with more of them the walk asks for each title that it meets.
const REMEMBERED: usize = 2_048;
/// Receipts walked for each one that is wanted before the merge takes over.
const WALK_PER_RECEIPT: usize = 20;
/// Lines on a usual receipt, for the estimate.
const USUAL_LINES: f64 = 8.0;
/// What things cost, in units of one receipt walked past: finding the newest posting of a title.
const POSTING_COST: f64 = 5.0;

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
    let (titles, all) = titles_with(connection, needle, Some(REMEMBERED))?;
    if all && merging_is_cheaper(connection, titles.len(), limit)? {
        return merge(connection, &titles.into_iter().collect(), before, limit);
    }
    let known: HashSet<i64> = if all { titles.into_iter().collect() } else { HashSet::new() };
    let walked = if all {
        walk(connection, before, limit, |title| Ok(known.contains(&title)))?
    } else {
        let mut statement = connection.prepare_cached("SELECT folded FROM titles WHERE id = ?1")?;
        let mut asked: HashMap<i64, bool> = HashMap::new();
        walk(connection, before, limit, |title| {
            if let Some(holds) = asked.get(&title) {
                return Ok(*holds);
            }
            let holds = statement.query_row([title], |row| Ok(row.get_ref(0)?.as_str().is_ok_and(|folded| folded.contains(needle))));
            let holds = holds.optional()?.unwrap_or(false);
            asked.insert(title, holds);
            Ok(holds)
        })?
    };
    let (mut found, resume) = match walked {
        Walked::Enough(found) => return Ok(found),
        Walked::Rare { found, resume } => (found, resume),
    };
    let titles = if all { known } else { titles_with(connection, needle, None)?.0.into_iter().collect() };
    let rest = merge(connection, &titles, resume, limit.saturating_sub(found.len()))?;
    found.extend(rest);
    Ok(found)
}

/// Merging costs a look for each title and each result; walking costs what must be walked past until enough are found.
#[allow(clippy::cast_precision_loss)]
fn merging_is_cheaper(connection: &Connection, titles: usize, limit: usize) -> Result<bool, StorageError> {
    let all: Option<i64> = connection.prepare_cached("SELECT max(id) FROM titles")?.query_row([], |row| row.get(0))?;
    let (titles, all, limit) = (titles as f64, all.unwrap_or(0).max(1) as f64, limit as f64);
    let share = 1.0 - (1.0 - (titles / all).min(1.0)).powf(USUAL_LINES);
    Ok((titles + limit) * POSTING_COST <= limit / share.max(1e-9))
}

/// Titles that hold the needle, out of at most `limit` candidates; true when these were all.
fn titles_with(connection: &Connection, needle: &str, limit: Option<usize>) -> Result<(Vec<i64>, bool), StorageError> {
    // -1 is SQLite's "no limit"; one more than wanted tells whether there are more.
    let most = limit.and_then(|limit| i64::try_from(limit).ok()).map_or(-1, |limit| limit.saturating_add(1));
    let mut statement = connection.prepare_cached("SELECT rowid FROM title_grams WHERE title_grams MATCH ?1 LIMIT ?2")?;
    let found = statement.query_map((query(needle), most), |row| row.get(0))?;
    let mut titles: Vec<i64> = found.collect::<Result<_, _>>()?;
    let all = limit.is_none_or(|limit| titles.len() <= limit);
    if needle.chars().nth(2).is_some() && all {
        // All its pairs are there, perhaps not side by side.
        let mut statement = connection.prepare_cached("SELECT folded FROM titles WHERE id = ?1")?;
        let mut holding = Vec::with_capacity(titles.len());
        for title in titles {
            if statement.query_row([title], |row| Ok(row.get_ref(0)?.as_str().is_ok_and(|folded| folded.contains(needle))))? {
                holding.push(title);
            }
        }
        titles = holding;
    }
    Ok((titles, all))
}

/// The needle as an FTS5 query: made of hexadecimal digits and `z` only, so that nothing in it can be an operator.
fn query(needle: &str) -> String {
    let characters: Vec<char> = needle.chars().collect();
    match characters.as_slice() {
        [one] => format!("\"{}\"", unigram(*one)),
        many => {
            let mut pairs: Vec<String> =
                many.windows(2).filter_map(|pair| if let [a, b] = pair { Some(format!("\"{}\"", bigram(*a, *b))) } else { None }).collect();
            pairs.sort_unstable();
            pairs.dedup();
            // More pairs than these find nothing more that the check would not throw out.
            pairs.truncate(32);
            pairs.join(" AND ")
        }
    }
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

/// The newest places of any of the titles: the newest of each in a heap, each followed by its next; fresh receipts among them.
fn merge(connection: &Connection, titles: &HashSet<i64>, before: i64, limit: usize) -> Result<Vec<i64>, StorageError> {
    if titles.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let mut next = connection.prepare_cached("SELECT pos FROM postings WHERE title_id = ?1 AND pos < ?2 ORDER BY pos DESC LIMIT 1")?;
    let mut newest = |title: i64, before: i64| next.query_row([title, before], |row| row.get::<_, i64>(0)).optional();
    let mut heap = BinaryHeap::with_capacity(titles.len());
    for title in titles {
        if let Some(pos) = newest(*title, before)? {
            heap.push(Candidate { pos, title: *title });
        }
    }
    let mut fresh =
        connection.prepare_cached("SELECT pos, title_ids FROM fresh JOIN receipts USING (pos) WHERE pos < ?1 ORDER BY pos DESC")?;
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
        if let Some(pos) = newest(title, pos)? {
            heap.push(Candidate { pos, title });
        }
    }
    Ok(places)
}

enum Walked {
    /// As many as wanted, or all that there are.
    Enough(Vec<i64>),
    /// They are rarer than expected; everything from `resume` on has been seen.
    Rare { found: Vec<i64>, resume: i64 },
}

/// Walks the timeline newest first and looks at the titles of each receipt.
fn walk(
    connection: &Connection,
    before: i64,
    limit: usize,
    mut holds: impl FnMut(i64) -> Result<bool, StorageError>,
) -> Result<Walked, StorageError> {
    let mut statement = connection.prepare_cached("SELECT pos, title_ids FROM receipts WHERE pos < ?1 ORDER BY pos DESC")?;
    let mut rows = statement.query([before])?;
    let mut found: Vec<i64> = Vec::with_capacity(limit.min(1024));
    let mut left = limit.saturating_mul(WALK_PER_RECEIPT).max(500);
    while let Some(row) = rows.next()? {
        let pos = row.get(0)?;
        for title in unpacked(row.get_ref(1)?.as_blob().unwrap_or_default()) {
            if holds(title)? {
                found.push(pos);
                break;
            }
        }
        left -= 1;
        if found.len() >= limit {
            break;
        }
        if left == 0 {
            return Ok(Walked::Rare { found, resume: pos });
        }
    }
    Ok(Walked::Enough(found))
}
