//! Search: first the titles that hold the text, then the newest receipts with one of them.
//!
//! A text of one character is looked up as such, of two as a pair, of more as all its pairs; each title found is then checked to truly hold
//! the text. Few titles: their lines are merged newest first. Many: the timeline is walked newest first, and left for the merge when it
//! turns out that they are rare after all.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use rusqlite::{Connection, OptionalExtension};

use super::fold::fold;
use super::ingest::{bigram, unigram};
use super::models::ReceiptSummary;
use super::tables::{SUMMARY, summary};
use crate::storage::StorageError;

/// Up to this many titles are merged; beyond, the timeline is walked.
const FEW: usize = 48;
/// Titles looked at before the walk begins.
const GLANCE: usize = 512;
/// Lines walked for each receipt that is wanted before the merge takes over.
const WALK_PER_RECEIPT: usize = 100;

/// The newest receipts before `before` with a line whose folded description holds the folded `text`. `None` when the text is empty.
pub(super) fn search(connection: &Connection, text: &str, before: i64, limit: usize) -> Result<Option<Vec<ReceiptSummary>>, StorageError> {
    let needle = fold(text);
    if needle.is_empty() {
        return Ok(None);
    }
    let glance = titles_with(connection, &needle, Some(GLANCE))?;
    let places = match glance {
        (titles, true) if titles.len() <= FEW => merge(connection, &titles, before, limit)?,
        _ => match walk(connection, &needle, before, limit)? {
            Walked::Enough(places) => places,
            Walked::Rare(mut places) => {
                // Goes on from where the walk stopped: all lines of that receipt have been seen.
                let from = places.resume;
                let (titles, _) = titles_with(connection, &needle, None)?;
                let wanted = limit.saturating_sub(places.found.len());
                let rest = merge(connection, &titles, from, wanted)?;
                places.found.extend(rest);
                places.found
            }
        },
    };
    let mut statement = connection.prepare_cached(&format!("SELECT {SUMMARY} FROM receipts WHERE pos = ?1"))?;
    let mut receipts = Vec::with_capacity(places.len());
    for pos in places {
        if let Some(receipt) = statement.query_row([pos], summary).optional()? {
            receipts.push(receipt);
        }
    }
    Ok(Some(receipts))
}

/// Titles that hold the needle, at most `limit` candidates of them; true when these were all.
fn titles_with(connection: &Connection, needle: &str, limit: Option<usize>) -> Result<(Vec<i64>, bool), StorageError> {
    // -1 is SQLite's "no limit".
    let most = limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
    let mut statement = connection.prepare_cached(
        "SELECT titles.id, folded FROM (SELECT rowid AS id FROM title_grams WHERE title_grams MATCH ?1 LIMIT ?2) AS found
         JOIN titles ON titles.id = found.id",
    )?;
    let mut rows = statement.query((query(needle), most))?;
    let (mut titles, mut candidates) = (Vec::new(), 0usize);
    while let Some(row) = rows.next()? {
        candidates += 1;
        if row.get_ref(1)?.as_str().is_ok_and(|folded| folded.contains(needle)) {
            titles.push(row.get(0)?);
        }
    }
    Ok((titles, limit.is_none_or(|limit| candidates < limit)))
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

/// The newest places of any of the titles: the newest of each in a heap, each followed by its next.
fn merge(connection: &Connection, titles: &[i64], before: i64, limit: usize) -> Result<Vec<i64>, StorageError> {
    let mut next = connection.prepare_cached("SELECT pos FROM lines WHERE title_id = ?1 AND pos < ?2 ORDER BY pos DESC LIMIT 1")?;
    let mut newest = |title: i64, before: i64| next.query_row([title, before], |row| row.get::<_, i64>(0)).optional();
    let mut heap = BinaryHeap::with_capacity(titles.len());
    for title in titles {
        if let Some(pos) = newest(*title, before)? {
            heap.push(Candidate { pos, title: *title });
        }
    }
    let mut places: Vec<i64> = Vec::with_capacity(limit.min(1024));
    while places.len() < limit {
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

struct Places {
    found: Vec<i64>,
    /// Everything at and after this place has been seen.
    resume: i64,
}

enum Walked {
    /// As many as wanted, or all that there are.
    Enough(Vec<i64>),
    /// They are rarer than they looked.
    Rare(Places),
}

/// Walks the lines newest first and checks their titles.
fn walk(connection: &Connection, needle: &str, before: i64, limit: usize) -> Result<Walked, StorageError> {
    let mut lines = connection.prepare_cached("SELECT pos, title_id FROM lines WHERE pos < ?1 ORDER BY pos DESC")?;
    let mut title = connection.prepare_cached("SELECT folded FROM titles WHERE id = ?1")?;
    let mut known: HashMap<i64, bool> = HashMap::new();
    let mut found: Vec<i64> = Vec::new();
    let mut rows = lines.query([before])?;
    let (mut walked, mut last, budget) = (0usize, before, limit.saturating_mul(WALK_PER_RECEIPT).max(1_000));
    while let Some(row) = rows.next()? {
        let (pos, id): (i64, i64) = (row.get(0)?, row.get(1)?);
        if pos != last {
            if found.len() >= limit {
                break;
            }
            if walked >= budget {
                // All lines of the receipt before this one have been seen.
                return Ok(Walked::Rare(Places { found, resume: last }));
            }
            last = pos;
        }
        walked += 1;
        if found.last() == Some(&pos) {
            continue;
        }
        let holds = match known.get(&id) {
            Some(holds) => *holds,
            None => {
                let holds = title.query_row([id], |row| Ok(row.get_ref(0)?.as_str().is_ok_and(|folded| folded.contains(needle))))?;
                known.insert(id, holds);
                holds
            }
        };
        if holds {
            found.push(pos);
        }
    }
    Ok(Walked::Enough(found))
}
