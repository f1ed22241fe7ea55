//! A first look at the speed of the history over a million lines. Run it by name: `cargo test --release -p noren-core --test life speed -- --ignored --nocapture`.

use super::support::*;
use noren_core::purchases::{CACHE_DB, HistoryStore, SyncReport};
use noren_core::storage::Database;
use noren_rules::wire::ReceiptPage;
use std::sync::Arc;
use std::time::Instant;

const RECEIPTS: u32 = 100_000;
const LINES: u32 = 10;

fn name(n: u32) -> String {
    const FIRST: [&str; 20] = [
        "牛乳",
        "納豆",
        "豆腐",
        "食パン",
        "おにぎり",
        "緑茶",
        "珈琲",
        "味噌",
        "醤油",
        "林檎",
        "蜜柑",
        "鮭",
        "鶏肉",
        "豚肉",
        "米",
        "卵",
        "RED",
        "WHITE",
        "HEART",
        "LUNCH",
    ];
    const SECOND: [&str; 20] = [
        "大",
        "小",
        "特選",
        "北海道",
        "有機",
        "国産",
        "新",
        "お徳用",
        "BAG",
        "HOLDER",
        "BOX",
        "SIGN",
        "LIGHT",
        "MUG",
        "T-SHIRT",
        "三個入",
        "冷凍",
        "季節",
        "限定",
        "定番",
    ];
    format!("{} {} {}", FIRST[(n % 20) as usize], SECOND[(n / 20 % 20) as usize], n / 400 % 10)
}

fn median(mut times: Vec<u128>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
#[ignore = "slow: a million lines"]
fn speed_of_a_million_lines() {
    let directory = tempfile::tempdir().unwrap();
    let store = HistoryStore::new(Arc::new(Database::new(directory.path(), CACHE_DB)));
    let mut random = 1u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random >> 8
    };
    let mut taken = std::time::Duration::ZERO;
    let pages = RECEIPTS / 500;
    for page in 0..pages {
        let receipts = (page * 500..page * 500 + 500)
            .map(|n| {
                let lines: Vec<String> = (0..LINES).map(|_| name(next() % 4_000)).collect();
                let mut r = receipt(n, START_MS + i64::from(n) * 60_000, &lines.iter().map(String::as_str).collect::<Vec<_>>());
                r.business_date = format!("20{:02}-{:02}-01", 20 + n / 12_000, n / 1_000 % 12 + 1);
                r
            })
            .collect();
        let page = ReceiptPage { receipts, next_cursor: page.to_string(), has_more: page + 1 < pages, as_of_ms: 0 };
        let begin = Instant::now();
        store.take_in(&page, &mut SyncReport::default()).unwrap();
        taken += begin.elapsed();
    }
    let time = |what: &dyn Fn() -> usize| {
        let found = what();
        let times = (0..200).map(|_| {
            let begin = Instant::now();
            what();
            begin.elapsed().as_micros()
        });
        (found, median(times.collect()))
    };
    let lines_per_s = f64::from(RECEIPTS * LINES) / taken.as_secs_f64();
    let mut out = vec![format!("\"ingest_lines_per_s\":{lines_per_s:.0}")];
    let middle = store.page(None, 1_000).unwrap().next;
    out.push(format!("\"page_50_us\":{}", time(&|| store.page(middle, 50).unwrap().receipts.len()).1));
    out.push(format!("\"month_totals_us\":{}", time(&|| store.month_totals().unwrap().len()).1));
    out.push(format!("\"month_us\":{}", time(&|| store.month("2024-05").unwrap().len()).1));
    for text in ["牛乳", "限定", "3", "牛", "re", "t", "食パン 三個入 7", "無い", "mug 7", "パン"] {
        let (found, us) = time(&|| store.search(text, None, 50).unwrap().receipts.len());
        out.push(format!("\"search {text}\":{{\"found\":{found},\"us\":{us}}}"));
    }
    println!("{{{}}}", out.join(","));
}
