//! Totals per month, beside adding up the table.

use noren_core::purchases::{HistoryStore, MonthTotal};
use noren_core::storage::Database;
use noren_rules::receipt::Channel;

use crate::raw;
use crate::report::{Line, Outcome, Samples, check};

const PEER: &str = "SQL: SUM over the receipts, grouped by month and channel";
/// Adding up a million rows takes a while: often enough for a median.
const PEER_RUNS: usize = 9;

pub(crate) fn run(database: &Database, store: &HistoryStore, runs: usize) -> Outcome {
    let peer = raw::open_reader(database.path())?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let mut months = 0;
    for number in 0..runs {
        let mine = ours.time(|| store.month_totals())?;
        if number < PEER_RUNS {
            let other = theirs.time(|| raw::month_sums(&peer))?;
            check(mine.iter().map(sums).collect::<Vec<_>>() == other, || "the totals of the months".into())?;
            months = mine.len();
        }
    }
    one_month(store, &theirs, runs)?;
    Line::new("month_totals_all", &ours)
        .beside(PEER, &theirs)
        .at_most_us(60.0)
        .with("totals", months)
        .with("receipts", store.count()?)
        .emit()
}

/// The screen of a month.
fn one_month(store: &HistoryStore, theirs: &Samples, runs: usize) -> Outcome {
    let all = store.month_totals()?;
    let mut ours = Samples::default();
    for total in all.iter().cycle().take(runs) {
        let mine = ours.time(|| store.month(&total.month))?;
        let right = mine.contains(total) && mine.iter().all(|other| other.month == total.month && all.contains(other));
        check(right, || format!("the totals of {}", total.month))?;
    }
    Line::new("month_total", &ours).beside(PEER, theirs).at_most_us(60.0).with("receipts", store.count()?).emit()
}

fn sums(total: &MonthTotal) -> raw::MonthSum {
    let channel = match total.channel {
        Channel::Store => 0,
        Channel::Ec => 1,
        Channel::MobileOrder => 2,
    };
    (total.month.clone(), channel, total.sales_minor, total.returns_minor)
}
