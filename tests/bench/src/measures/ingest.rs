//! Taking pages in, beside inserting the same rows and nothing else.

use std::process::Command;
use std::time::Duration;

use noren_core::purchases::SyncReport;
use noren_rules::wire::ReceiptPage;

use crate::data::{History, PAGE};
use crate::raw::{self, Numbers};
use crate::report::{Failure, Line, Outcome, Samples, check, round};
use crate::store;
use crate::words::Words;

const PEER: &str = "bare inserts of the same receipt and line rows, one transaction a page";

pub(crate) fn run(receipts: usize) -> Outcome {
    let directory = tempfile::tempdir()?;
    let (database, store) = store::open(directory.path());
    let mut bare = raw::open_bare(&directory.path().join("bare.db"))?;
    database.ensure_open()?;
    let history = History::new(Words::shop()?, receipts);
    let (mut ours, mut parse, mut theirs) = (Samples::default(), Duration::ZERO, Samples::default());
    let (mut numbers, mut report, mut rows) = (Numbers::default(), SyncReport::default(), 0usize);
    for (number, page) in history.pages().enumerate() {
        let page = page?;
        rows += page.receipts.iter().map(|receipt| 1 + receipt.lines.len()).sum::<usize>();
        let json = serde_json::to_vec(&page)?;
        let ready = numbers.ready(page.receipts)?;
        let mut mine = || -> Outcome {
            ours.time(|| {
                let begin = std::time::Instant::now();
                let page: ReceiptPage = serde_json::from_slice(&json)?;
                parse += begin.elapsed();
                Ok(store.take_in(&page, &mut report)?)
            })
        };
        if number % 2 == 0 {
            mine()?;
            theirs.time(|| raw::insert(&mut bare, &ready))?;
        } else {
            theirs.time(|| raw::insert(&mut bare, &ready))?;
            mine()?;
        }
    }
    check(store.count()? == receipts as u64 && report.new_receipts as usize == receipts, || "receipts taken in".into())?;
    let reader = raw::open_reader(database.path())?;
    for table in ["receipts", "lines"] {
        let sql = format!("SELECT count(*), total(pos) FROM {table}");
        let count =
            |connection: &rusqlite::Connection| connection.query_row(&sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)));
        let (mine, other) = (count(&reader)?, count(&bare)?);
        check(mine == other, || format!("{table}: {mine:?} here and {other:?} there"))?;
    }

    let per_second = |samples: &Samples| rows as f64 / samples.total().as_secs_f64();
    let ratio = per_second(&ours) / per_second(&theirs);
    Line::new("ingest_page", &ours)
        .beside(PEER, &theirs)
        .held(ratio, "rows/s >= 0.5 of the peer's".into(), ratio >= 0.5)
        .with("rows", rows)
        .with("rows_per_s", per_second(&ours).round())
        .with("peer_rows_per_s", per_second(&theirs).round())
        .with("parse_share", round(parse.as_secs_f64() / ours.total().as_secs_f64()))
        .emit()?;
    memory(receipts)
}

/// Peak memory, of a process that does nothing else.
fn memory(receipts: usize) -> Outcome {
    let output = Command::new(std::env::current_exe()?).args(["ingest-memory", "--receipts", &receipts.to_string()]).output()?;
    if !output.status.success() {
        return Err(Failure::new(format!("ingest-memory: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    let text = String::from_utf8(output.stdout)?;
    let (before, after) = text.trim().split_once(' ').ok_or_else(|| Failure::new("ingest-memory said nothing"))?;
    let (before, after): (f64, f64) = (before.parse()?, after.parse()?);
    Line::new("ingest_peak_rss", &Samples::default())
        .held(0.0, "peak <= 16 MB".into(), after <= 16.0 * 1024.0)
        .with("peak_mb", round(after / 1024.0))
        .with("before_mb", round(before / 1024.0))
        .with("receipts", receipts)
        .with("page", PAGE)
        .emit()
}

/// Takes the receipts in and prints the peak of resident memory before and after, in KB.
pub(crate) fn memory_of_this_process(receipts: usize) -> Outcome {
    use std::io::Write;
    let directory = tempfile::tempdir()?;
    let (_, store) = store::open(directory.path());
    let history = History::new(Words::shop()?, receipts);
    let before = peak_kb()?;
    let mut report = SyncReport::default();
    for page in history.pages() {
        let json = serde_json::to_vec(&page?)?;
        let page: ReceiptPage = serde_json::from_slice(&json)?;
        drop(json);
        store.take_in(&page, &mut report)?;
    }
    writeln!(std::io::stdout().lock(), "{before} {}", peak_kb()?)?;
    Ok(())
}

fn peak_kb() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or_else(|| Failure::new("no VmHWM in /proc/self/status"))?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
