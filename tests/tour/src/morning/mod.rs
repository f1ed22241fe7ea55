//! One morning at the stand: 300 commuters want their coffee between 8:00 and 8:15, and the kitchen can make about 60 orders in a quarter of an hour.
//!
//! The people are drawn by a seed and the same whatever the shop does: trains every three minutes, two to six minutes on foot, both at times late;
//! guests who order at the counter come besides, on most days more than were planned for; the crew of the day is quicker or slower than the menu, a
//! single batch even more so. The book of slots is the project's ([`noren_rules::slots`]); whether it was right is said by a kitchen that knows
//! nothing of it: makers at stations, one batch after the other, packing when all is done. Everybody is served, whatever the policy: who cannot
//! have the time that was wanted takes the nearest one that is offered, however far. The mornings follow each other, three more before the
//! first that counts: the book learns from each how late this kitchen is.

mod day;
mod desk;
mod draw;
mod figures;
mod floor;
mod people;
mod ways;

pub use desk::Policy;
pub use draw::draw;
pub use figures::Figures;
pub use ways::{Way, WayFigures, Ways, ways};

use noren_rules::slots::Lateness;

use crate::stand;
use people::People;

/// How many want to be served between 8:00 and 8:15.
pub const COMMUTERS: usize = 300;
/// Mornings of which the medians are quoted.
pub const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;
/// Mornings before these, to learn from.
const BEFORE: std::ops::RangeInclusive<u64> = 1_001..=1_003;

const MINUTE_S: i64 = 60;
const QUARTER_S: i64 = 15 * MINUTE_S;
/// Friday 15 January 2027, 8:00 in Japan.
const EIGHT_S: i64 = 1_799_967_600;
/// For how long after eight the commuters want to come.
const WANTED_S: i64 = QUARTER_S;
const TRAIN_EVERY_S: i64 = 3 * MINUTE_S;
/// Guests come from 6:30 until 10:00.
const FROM_S: i64 = EIGHT_S - 90 * MINUTE_S;
const UNTIL_S: i64 = EIGHT_S + 120 * MINUTE_S;
/// Load is counted from 7:00, for ten quarters of an hour.
const COUNTED_FROM_S: i64 = EIGHT_S - 60 * MINUTE_S;
/// So many quarters of an hour.
pub const QUARTERS: usize = 10;
const STORE: &str = "kurashiki-ekimae";

/// A policy's medians over [`SEEDS`], and each morning.
#[derive(Debug, Clone, PartialEq)]
pub struct Mornings {
    /// How orders were taken.
    pub policy: Policy,
    /// Of each figure the median.
    pub median: Figures,
    /// Seed by seed.
    pub each: Vec<Figures>,
}

/// All mornings under all policies.
///
/// # Errors
/// When the stand's files are broken.
pub fn run() -> Result<Vec<Mornings>, String> {
    let (menu, plan) = (stand::book(STORE)?, stand::kitchen(STORE)?);
    let of = |policy| {
        let (mut lateness, mut each) = (Lateness::default(), Vec::new());
        for seed in BEFORE.chain(SEEDS) {
            let day = day::live(policy, &People::of(seed, &menu, &plan, WANTED_S), &plan, lateness)?;
            if SEEDS.contains(&seed) {
                each.push(Figures::of(policy, &day, &plan));
            }
            lateness = day.lateness;
        }
        Ok(Mornings { policy, median: Figures::medians(&each), each })
    };
    Policy::ALL.into_iter().map(of).collect()
}
