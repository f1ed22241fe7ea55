//! A page of 50 receipts, beside the same query by hand.

use noren_core::purchases::HistoryStore;
use noren_core::storage::Database;
use rusqlite::Statement;

use crate::dice::Dice;
use crate::raw;
use crate::report::{Line, Outcome, Samples, check};

const LIMIT: u32 = 50;
const PEER: &str = "rusqlite by hand: prepared statement, same file, same columns, same structs";

pub(crate) fn run(database: &Database, store: &HistoryStore, runs: usize) -> Outcome {
    let peer = raw::open_reader(database.path())?;
    let mut peer = raw::prepare_page(&peer)?;
    let (first, last) = ends(store, &mut peer)?;
    let middle = first + (last - first) / 2;
    let mut dice = Dice::new(7);
    let anywhere: Vec<Option<i64>> = (0..runs).map(|_| Some(first + dice.below((last - first).unsigned_abs()) as i64)).collect();
    for (name, places) in [("page_newest", vec![None; runs]), ("page_middle", vec![Some(middle); runs]), ("page_anywhere", anywhere)] {
        side_by_side(name, store, &mut peer, &places)?;
    }
    hop(store, runs)
}

/// The oldest and the newest place.
fn ends(store: &HistoryStore, peer: &mut Statement<'_>) -> Outcome<(i64, i64)> {
    let newest = store.page(None, 1)?.receipts.first().map_or(0, |receipt| receipt.pos);
    let all = raw::page(peer, i64::MAX, 1)?;
    check(all.first().map(|receipt| receipt.pos) == Some(newest), || "the newest receipt".into())?;
    // The time stands in the place; five years before the newest there is nothing.
    let mut oldest = newest;
    let mut step = newest;
    while step > 0 {
        if !raw::page(peer, oldest - step, 1)?.is_empty() {
            oldest -= step;
        }
        step /= 2;
    }
    Ok((oldest, newest))
}

fn side_by_side(name: &str, store: &HistoryStore, peer: &mut Statement<'_>, places: &[Option<i64>]) -> Outcome {
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for (number, before) in places.iter().enumerate() {
        let (mine, other);
        if number % 2 == 0 {
            mine = ours.time(|| store.page(*before, LIMIT))?;
            other = theirs.time(|| raw::page(peer, before.unwrap_or(i64::MAX), LIMIT))?;
        } else {
            other = theirs.time(|| raw::page(peer, before.unwrap_or(i64::MAX), LIMIT))?;
            mine = ours.time(|| store.page(*before, LIMIT))?;
        }
        check(mine.receipts == other && !other.is_empty(), || format!("{name}: the page before {before:?}"))?;
    }
    Line::new(name, &ours).beside(PEER, &theirs).at_most_times(1.2).with("receipts", store.count()?).emit()
}

/// What it costs to ask from another thread, as an async shell does.
fn hop(store: &HistoryStore, runs: usize) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let (mut hopped, mut direct) = (Samples::default(), Samples::default());
    for _ in 0..runs {
        let mine = direct.time(|| store.page(None, LIMIT))?;
        let store = store.clone();
        let other = hopped.time(|| runtime.block_on(async { runtime.spawn(async move { store.page(None, LIMIT) }).await }))??;
        check(mine == other, || "the page from another thread".into())?;
    }
    let extra = hopped.quantiles().p50 - direct.quantiles().p50;
    Line::new("page_async_hop", &hopped)
        .beside("the same page on the caller's thread", &direct)
        .with("hop_us", crate::report::round(extra))
        .emit()
}
