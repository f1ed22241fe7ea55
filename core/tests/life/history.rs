use super::support::*;
use noren_core::purchases::{CACHE_DB, HistoryStore, MonthTotal, SyncReport};
use noren_core::storage::Database;
use noren_rules::fold::fold;
use noren_rules::receipt::{Channel, Receipt, ReceiptKind};
use noren_rules::wire::ReceiptPage;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn store(directory: &tempfile::TempDir) -> HistoryStore {
    HistoryStore::new(Arc::new(Database::new(directory.path(), CACHE_DB)))
}

fn page(receipts: Vec<Receipt>) -> ReceiptPage {
    ReceiptPage { receipts, next_cursor: "c".into(), has_more: false, as_of_ms: START_MS }
}

fn take_in(store: &HistoryStore, receipts: Vec<Receipt>) {
    store.take_in(&page(receipts), &mut SyncReport::default()).unwrap();
}

/// Newest first; the same millisecond in the order of arrival, the last first.
fn oracle(receipts: &[Receipt], text: &str) -> Vec<String> {
    let needle = fold(text);
    let mut found: Vec<(i64, usize, String)> = receipts
        .iter()
        .enumerate()
        .filter(|(_, r)| r.lines.iter().any(|line| fold(&line.description).contains(&needle)))
        .map(|(n, r)| (r.sold_at_ms, n, r.id.0.clone()))
        .collect();
    found.sort_by_key(|(at, n, _)| std::cmp::Reverse((*at, *n)));
    found.into_iter().map(|(_, _, id)| id).collect()
}

fn searched(store: &HistoryStore, text: &str, limit: u32) -> Vec<String> {
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let page = store.search(text, before, limit).unwrap();
        all.extend(page.receipts.into_iter().map(|r| r.id.0));
        before = page.next;
        if before.is_none() {
            return all;
        }
    }
}

fn words() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("牛乳"),
        Just("納豆"),
        Just("ﾊﾟﾝ"),
        Just("ぱん"),
        Just("パン"),
        Just("RED"),
        Just("red"),
        Just("Café"),
        Just("%"),
        Just("_"),
        Just("'"),
        Just("\""),
        Just(" "),
        Just("\u{3000}"),
        Just("🍙"),
        Just("👨‍👩‍👧"),
        Just("𠮷"),
        Just("*"),
        Just("AND"),
        Just("-"),
        Just("\0"),
        Just("\\"),
        Just("("),
        Just("ß"),
        Just("İ"),
        Just("が"),
        Just("か\u{3099}"),
        Just("１"),
        Just("㌔"),
    ];
    proptest::collection::vec(pieces, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn search_finds_exactly_what_contains_the_text(
        lines in proptest::collection::vec((proptest::collection::vec(words(), 1..4), 0i64..5), 1..40),
        needles in proptest::collection::vec(words(), 1..6),
        any_needle in any::<String>(),
        limit in 1u32..7,
        post in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory);
        let mut receipts: Vec<Receipt> = lines
            .iter()
            .enumerate()
            .map(|(n, (lines, s))| receipt(n as u32, START_MS + s * 7, &lines.iter().map(String::as_str).collect::<Vec<_>>()))
            .collect();
        take_in(&store, receipts.clone());
        if post {
            // Push them out of the fresh ones: newer receipts that hold nothing.
            let newer: Vec<Receipt> = (1_000..1_220).map(|n| receipt(n, START_MS + 1_000_000 + i64::from(n), &["\u{10FFFD}"])).collect();
            take_in(&store, newer.clone());
            receipts.extend(newer);
        }
        for needle in needles.iter().chain([&any_needle]) {
            let folded = fold(needle);
            // Whole needles, and their single characters and pairs.
            let characters: Vec<char> = folded.chars().collect();
            let parts = characters.windows(1).chain(characters.windows(2)).map(|w| w.iter().collect::<String>());
            for text in parts.chain([needle.clone()]) {
                prop_assert_eq!(searched(&store, &text, limit), oracle(&receipts, &text), "{:?}", text);
            }
        }
    }

    #[test]
    fn totals_are_what_the_receipts_come_to(changes in proptest::collection::vec((0u32..12, 0u8..3, -500i64..500, any::<bool>(), 1u32..4, 0i64..3), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory);
        let mut now: BTreeMap<u32, Receipt> = BTreeMap::new();
        for chunk in changes.chunks(5) {
            let mut taken = Vec::new();
            for (n, kind, amount, voided, month, second) in chunk {
                let mut r = receipt(*n, START_MS + second * 1000, &["x"]);
                r.kind = [ReceiptKind::Sale, ReceiptKind::Return, ReceiptKind::Amendment][*kind as usize];
                r.lines[0].amount_minor = *amount;
                r.total_minor = *amount;
                r.voided = *voided;
                r.business_date = format!("2026-0{month}-10");
                now.insert(*n, r.clone());
                taken.push(r);
            }
            take_in(&store, taken);
        }
        let mut expected: BTreeMap<(String, u8), (i64, i64, u32, u32)> = BTreeMap::new();
        for r in now.values().filter(|r| !r.voided) {
            let channel = match r.channel { Channel::Store => 0, Channel::Ec => 1, Channel::MobileOrder => 2 };
            let total = expected.entry((r.business_date.get(..7).unwrap().to_owned(), channel)).or_default();
            match r.kind {
                ReceiptKind::Sale => { total.0 += r.total_minor; total.2 += 1; }
                ReceiptKind::Return => { total.1 += r.total_minor; total.3 += 1; }
                ReceiptKind::Amendment => total.0 += r.total_minor,
            }
        }
        let key = |t: &MonthTotal| (t.month.clone(), match t.channel { Channel::Store => 0, Channel::Ec => 1, Channel::MobileOrder => 2 });
        let got: BTreeMap<_, _> = store.month_totals().unwrap().iter().map(|t| (key(t), (t.sales_minor, t.returns_minor, t.sales_count, t.returns_count))).collect();
        prop_assert_eq!(got, expected);
        prop_assert_eq!(store.count().unwrap(), now.len() as u64);
        for r in now.values() {
            prop_assert_eq!(store.receipt(&r.id).unwrap(), Some(r.clone()));
        }
    }
}

#[test]
fn many_at_one_moment_keep_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    // More than fit into one millisecond's places.
    let receipts: Vec<Receipt> = (0..1_500).map(|n| receipt(n, START_MS, &["x"])).collect();
    take_in(&store, receipts.clone());
    take_in(&store, vec![receipt(9_999, START_MS - 1, &["x"]), receipt(9_998, -1, &["x"])]);
    let ids: Vec<String> = store.page(None, 1_000).unwrap().receipts.into_iter().map(|r| r.id.0).collect();
    assert_eq!(ids[0], "r1499");
    assert_eq!(ids[999], "r500");
    assert_eq!(store.count().unwrap(), 1_502);
    assert_eq!(searched(&store, "x", 1_000).len(), 1_502);
    assert_eq!(searched(&store, "x", 1_000).last().unwrap(), "r9998", "before 1970 is before everything");
}

#[test]
fn rare_and_common_texts_are_found_in_long_timelines() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    // 3,000 receipts of 700 titles; the titles with 牛 are many and were all bought long ago.
    let name = |n: u32| if n < 600 { format!("牛 old {n}") } else { format!("bread {}", n % 100) };
    let receipts: Vec<Receipt> = (0..3_000).map(|n| receipt(n, START_MS + i64::from(n) * 1000, &[&name(n), "bag"])).collect();
    for chunk in receipts.chunks(500) {
        take_in(&store, chunk.to_vec());
    }
    for text in ["牛", "牛 ", "old", "bag", "ba", "bread 7", "old 599", "nothing at all", "g"] {
        for limit in [1, 10, 50] {
            let got: Vec<String> = store.search(text, None, limit).unwrap().receipts.into_iter().map(|r| r.id.0).collect();
            let expected: Vec<String> = oracle(&receipts, text).into_iter().take(limit as usize).collect();
            assert_eq!(got, expected, "{text} {limit}");
        }
    }
    assert_eq!(searched(&store, "牛", 50), oracle(&receipts, "牛"));
}

#[test]
fn an_empty_search_is_the_timeline() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    take_in(&store, (0..5).map(|n| receipt(n, START_MS + i64::from(n), &["x"])).collect());
    assert_eq!(store.search(" \u{3000}", None, 3).unwrap(), store.page(None, 3).unwrap());
}

#[test]
fn the_first_version_of_the_cache_is_read_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(directory.path().join("cache.db")).unwrap();
    connection.execute_batch(include_str!("../fixtures/cache-v2.sql")).unwrap();
    drop(connection);
    let store = store(&directory);
    assert_eq!(store.search("ｷﾞｭｳ", None, 5).unwrap().receipts.len(), 0);
    assert_eq!(store.search("牛乳", None, 5).unwrap().receipts[0].id.0, "r1");
    assert_eq!(store.month_totals().unwrap()[0].net_minor, 198);
    assert_eq!(store.month("2026-02").unwrap(), store.month_totals().unwrap());
    assert!(store.month("2026-03").unwrap().is_empty());
    assert!(store.freshness().unwrap().complete);
    // And its schema is what a new file gets.
    let schema = |path: &std::path::Path| {
        let c = rusqlite::Connection::open(path).unwrap();
        let mut statement = c.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
        let rows: Vec<(String, Option<String>)> =
            statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect();
        rows
    };
    let fresh = tempfile::tempdir().unwrap();
    self::store(&fresh).count().unwrap();
    assert_eq!(schema(&directory.path().join("cache.db")), schema(&fresh.path().join("cache.db")));
}
