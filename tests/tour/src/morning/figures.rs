//! What is measured of a morning.

use std::collections::BTreeMap;

use noren_rules::slots::KitchenPlan;

use super::Policy;
use super::day::{Day, Outcome};
use super::{COUNTED_FROM_S, MINUTE_S, QUARTER_S, QUARTERS};

/// Figures of one morning under one policy, or the medians of several mornings.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// By how many minutes nine of ten orders were ready later than promised at most; below 0: before it.
    pub late_p90_min: f64,
    /// Minutes at the counter from coming to getting, in the mean of the commuters.
    pub wait_min: f64,
    /// The same of nine of ten.
    pub wait_p90_min: f64,
    /// The same of guests who ordered at the counter, in the mean.
    pub guests_wait_min: f64,
    /// Minutes between the time that was wanted and the moment at which the person really has it, in the mean.
    pub off_min: f64,
    /// Minutes on the shelf until fetched, in the mean.
    pub shelf_min: f64,
    /// Thousandths of the commuters who let themselves be moved by points.
    pub nudged_permille: f64,
    /// Thousandths of the commuters who were told another time since theirs was full.
    pub refused_permille: f64,
    /// Load of the fullest quarter of an hour by that of the mean one.
    pub peak_to_mean: f64,
    /// How unevenly the load lies on the quarters of an hour: 0 evenly, 1 all in one.
    pub gini: f64,
    /// Of what a station can do in a minute the most that was planned into one, in thousandths; above 1000 is more than can be done.
    pub most_minute_permille: f64,
    /// For each quarter of an hour from 7:00: what of the bar's time was planned into it, in thousandths.
    pub load_permille: Vec<f64>,
    /// For each quarter of an hour in which commuters came: their mean minutes at the counter.
    pub wait_by_quarter_min: Vec<f64>,
}

impl Figures {
    pub(crate) fn of(policy: Policy, day: &Day, plan: &KitchenPlan) -> Self {
        let all = &day.commuters;
        let mean = |of: &dyn Fn(&Outcome) -> i64| mean(all.iter().map(|one| minutes(of(one))));
        let wait_s = |one: &Outcome| (one.ready_s - one.comes_s).max(0);
        let load_permille = load(all, plan);
        let share = |of: &dyn Fn(&Outcome) -> bool| 1_000.0 * number(all.iter().filter(|one| of(one)).count()) / number(all.len().max(1));
        Self {
            late_p90_min: p90(all.iter().map(|one| minutes(one.ready_s - one.promised_s)).collect()),
            wait_min: mean(&wait_s),
            wait_p90_min: p90(all.iter().map(|one| minutes(wait_s(one))).collect()),
            guests_wait_min: self::mean(day.guests_wait_s.iter().map(|s| minutes(*s))),
            off_min: mean(&|one| (one.ready_s.max(one.comes_s) - one.wanted_s).abs()),
            shelf_min: mean(&|one| (one.comes_s - one.ready_s).max(0)),
            nudged_permille: share(&|one| one.nudged),
            // A minute is what can be asked for: less is no move.
            refused_permille: share(&|one| policy != Policy::Asap && !one.nudged && (one.promised_s - one.wanted_s).abs() >= MINUTE_S),
            peak_to_mean: peak_to_mean(&load_permille),
            gini: gini(&load_permille),
            most_minute_permille: most_minute(all, plan),
            load_permille,
            wait_by_quarter_min: waits(all),
        }
    }

    /// Of each figure the median of several mornings.
    pub(crate) fn medians(mornings: &[Self]) -> Self {
        let of = |figure: &dyn Fn(&Self) -> f64| median(mornings.iter().map(figure).collect());
        let at = |list: &dyn Fn(&Self) -> &Vec<f64>| {
            (0..QUARTERS).map(|n| of(&|figures| list(figures).get(n).copied().unwrap_or(0.0))).collect()
        };
        Self {
            late_p90_min: of(&|f| f.late_p90_min),
            wait_min: of(&|f| f.wait_min),
            wait_p90_min: of(&|f| f.wait_p90_min),
            guests_wait_min: of(&|f| f.guests_wait_min),
            off_min: of(&|f| f.off_min),
            shelf_min: of(&|f| f.shelf_min),
            nudged_permille: of(&|f| f.nudged_permille),
            refused_permille: of(&|f| f.refused_permille),
            peak_to_mean: of(&|f| f.peak_to_mean),
            gini: of(&|f| f.gini),
            most_minute_permille: of(&|f| f.most_minute_permille),
            load_permille: at(&|f| &f.load_permille),
            wait_by_quarter_min: at(&|f| &f.wait_by_quarter_min),
        }
    }
}

/// The most that was planned into one minute of one station, added up from the bookings alone.
fn most_minute(all: &[Outcome], plan: &KitchenPlan) -> f64 {
    let mut planned: BTreeMap<(usize, i64), u32> = BTreeMap::new();
    // Once an order is ready, the rest of its time may be another's.
    let kept =
        |one: &'_ Outcome| one.planned.iter().filter(|taken| taken.minute <= one.ready_s.div_euclid(MINUTE_S)).cloned().collect::<Vec<_>>();
    for taken in all.iter().flat_map(kept) {
        *planned.entry((taken.station, taken.minute)).or_insert(0) += taken.seconds;
    }
    let of = |((station, _), seconds): (&(usize, i64), &u32)| {
        let makers = plan.stations.get(*station).map_or(0, |station| station.makers);
        1_000.0 * f64::from(*seconds) / (f64::from(makers) * 60.0)
    };
    planned.iter().map(of).fold(0.0, f64::max)
}

/// What of the bar's time is planned into each quarter.
fn load(all: &[Outcome], plan: &KitchenPlan) -> Vec<f64> {
    let mut load = vec![0.0; QUARTERS];
    let makers = plan.stations.first().map_or(1, |station| station.makers);
    #[allow(clippy::cast_precision_loss, reason = "a quarter of an hour")]
    let whole_s = f64::from(makers) * QUARTER_S as f64;
    for taken in all.iter().flat_map(|one| &one.planned).filter(|taken| taken.station == 0) {
        let quarter = (taken.minute * MINUTE_S - COUNTED_FROM_S).div_euclid(QUARTER_S);
        if let Some(quarter) = usize::try_from(quarter).ok().and_then(|quarter| load.get_mut(quarter)) {
            *quarter += 1_000.0 * f64::from(taken.seconds) / whole_s;
        }
    }
    load
}

fn waits(all: &[Outcome]) -> Vec<f64> {
    let mut waits: Vec<Vec<f64>> = vec![Vec::new(); QUARTERS];
    for one in all {
        let quarter = (one.comes_s - COUNTED_FROM_S).div_euclid(QUARTER_S);
        if let Some(quarter) = usize::try_from(quarter).ok().and_then(|quarter| waits.get_mut(quarter)) {
            quarter.push(minutes((one.ready_s - one.comes_s).max(0)));
        }
    }
    waits.into_iter().map(|quarter| mean(quarter.into_iter())).collect()
}

fn peak_to_mean(load: &[f64]) -> f64 {
    load.iter().copied().fold(0.0, f64::max) / mean(load.iter().copied()).max(f64::MIN_POSITIVE)
}

/// Half the mean difference of any two, by the mean.
fn gini(load: &[f64]) -> f64 {
    let apart: f64 = load.iter().flat_map(|a| load.iter().map(move |b| (a - b).abs())).sum();
    let count = number(load.len().max(1));
    apart / (2.0 * count * count * mean(load.iter().copied()).max(f64::MIN_POSITIVE))
}

pub(crate) fn minutes(seconds: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "hours")]
    let seconds = seconds as f64;
    seconds / 60.0
}

pub(crate) fn mean(of: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = of.fold((0.0, 0.0), |(sum, count), one| (sum + one, count + 1.0));
    if count == 0.0 { 0.0 } else { sum / count }
}

fn sorted(mut of: Vec<f64>) -> Vec<f64> {
    of.sort_by(f64::total_cmp);
    of
}

/// Nine of ten are at most this.
fn p90(of: Vec<f64>) -> f64 {
    let place = (of.len() * 9).div_ceil(10).saturating_sub(1);
    sorted(of).get(place).copied().unwrap_or(0.0)
}

pub(crate) fn median(of: Vec<f64>) -> f64 {
    let (low, high) = (of.len().saturating_sub(1) / 2, of.len() / 2);
    let of = sorted(of);
    let at = |place: usize| of.get(place).copied().unwrap_or(0.0);
    f64::midpoint(at(low), at(high))
}

#[allow(clippy::cast_precision_loss, reason = "small")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand.
    #[test]
    fn unevenness_is_what_it_is_called() {
        assert_eq!((gini(&[1.0; 4]), peak_to_mean(&[1.0; 4])), (0.0, 1.0));
        assert_eq!((gini(&[0.0, 0.0, 0.0, 8.0]), peak_to_mean(&[0.0, 0.0, 0.0, 8.0])), (0.75, 4.0));
        assert_eq!(gini(&[1.0, 3.0]), 0.25);
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert_eq!(p90((1..=10).map(f64::from).collect()), 9.0);
    }
}
