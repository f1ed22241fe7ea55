//! Search by one, two and more characters, beside looking at every line.

use noren_core::purchases::HistoryStore;
use noren_core::storage::Database;
use noren_rules::fold::fold;

use crate::raw;
use crate::report::{Line, Outcome, Samples, check, say};

const LIMIT: u32 = 50;
const PEER: &str = "SQL: instr over the folded title of every line, newest first";
const PEER_RUNS: usize = 3;

/// Found in most lines, in some, in few, in old ones only, and in none; in Latin and in Japanese, and typed another way than it is written.
const QUERIES: [&str; 20] = [
    "er",
    "HO",
    "gh",
    "hk",
    "lp",
    "zl",
    "qz",
    "牛乳",
    "弁当",
    "ぎり",
    "ｶﾞﾑ",
    "國産",
    "福袋",
    "e",
    "z",
    "茶",
    "袋",
    "龍",
    "heart",
    "カツカレー",
];

/// The most that a search for so many characters may take, in microseconds.
fn most_us(characters: usize) -> Option<f64> {
    match characters {
        1 => Some(20_000.0),
        2 => Some(300.0),
        _ => None,
    }
}

pub(crate) fn run(database: &Database, store: &HistoryStore, suffix: &str, gated: bool, titles: usize, runs: usize) -> Outcome {
    let peer = raw::open_reader(database.path())?;
    let lines: i64 = peer.query_row("SELECT count(*) FROM lines", [], |row| row.get(0))?;
    say(&format!("noren-bench: reads {lines} lines to know what search has to find"));
    let needles: Vec<String> = QUERIES.iter().map(|text| fold(text)).collect();
    let right = raw::read_everything(&peer, &needles, LIMIT as usize)?;
    for (text, (_, places)) in QUERIES.iter().zip(&right) {
        holds(store, text, places)?;
    }

    // In turns, as a person types one thing and then another: no query has the caches to itself.
    let mut ours: Vec<Samples> = QUERIES.iter().map(|_| Samples::default()).collect();
    for _ in 0..runs {
        for (text, samples) in QUERIES.iter().zip(&mut ours) {
            samples.time(|| store.search(text, None, LIMIT))?;
        }
    }
    for ((text, samples), (needle, (matching, places))) in QUERIES.iter().zip(&ours).zip(needles.iter().zip(&right)) {
        let mut theirs = Samples::default();
        for _ in 0..PEER_RUNS {
            let found = theirs.time(|| raw::scan(&peer, needle, LIMIT))?;
            check(&found == places, || format!("the peer's search for {text}"))?;
        }
        let characters = needle.chars().count();
        let name = format!("search_{}{suffix}", if characters > 2 { "many".into() } else { characters.to_string() });
        let line =
            Line::new(name, samples).beside(PEER, &theirs).with("text", *text).with("lines", lines).with("matching_lines", *matching);
        let line = line.with("found", places.len()).with("titles", titles);
        if let Some(most) = most_us(characters).filter(|_| gated) { line.at_most_us(most) } else { line }.emit()?;
    }
    Ok(())
}

/// Search answers these receipts, and each has a line that holds the text.
fn holds(store: &HistoryStore, text: &str, places: &[i64]) -> Outcome {
    let page = store.search(text, None, LIMIT)?;
    let found: Vec<i64> = page.receipts.iter().map(|receipt| receipt.pos).collect();
    check(found == places, || format!("search for {text}: {found:?}, not {places:?}"))?;
    let needle = fold(text);
    for summary in &page.receipts {
        let receipt = store.receipt(&summary.id)?;
        let has = receipt.is_some_and(|receipt| receipt.lines.iter().any(|line| fold(&line.description).contains(&needle)));
        check(has, || format!("search for {text} answers receipt {}, which has no such line", summary.number))?;
    }
    Ok(())
}
