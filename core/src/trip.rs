//! How a person gets on towards what is kept for them, a hold or an order: fixes in, minutes out. On the device, in memory only.

use std::collections::BTreeMap;

use noren_rules::check_in::{self, Fix};
use noren_rules::eta::{Pace, Trend};
use noren_rules::places::Place;

use crate::check_in::Observation;
use crate::platform::Clock;

pub(crate) mod approach;

/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;
/// The minutes are told at most this often.
pub(crate) const TELL_EVERY_MS: i64 = 180_000;
/// What an older fix says is not told any more.
const FRESH_MS: i64 = 60_000;
/// Who goes away for so long, with no step nearer in between, has turned away.
const AWAY_FOR_MS: i64 = 300_000;

/// The ways to all that is kept, by its id.
#[derive(Debug)]
pub(crate) struct Trips<Id>(BTreeMap<Id, Trip>);

/// The way to one of them.
#[derive(Debug, Default, Clone)]
pub(crate) struct Trip {
    pace: Pace,
    /// The clock of the fixes when the way first led away.
    away_since_ms: Option<i64>,
    last_fix_ms: Option<i64>,
    /// True once the shopper was there: who goes away then has fetched it, or will say so.
    arrived: bool,
}

impl<Id> Default for Trips<Id> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Id: Ord + Clone> Trips<Id> {
    /// What is over is forgotten.
    pub(crate) fn keep(&mut self, is_live: impl Fn(&Id) -> bool) {
        self.0.retain(|id, _| is_live(id));
    }

    pub(crate) fn of(&mut self, id: &Id) -> &mut Trip {
        self.0.entry(id.clone()).or_default()
    }
}

/// The fixes among what the operating system said, in its order.
pub(crate) fn fixes(observations: &[Observation]) -> Vec<Fix> {
    let fix = |observation: &Observation| match observation.for_monitor() {
        Some(check_in::Observation::Fix(fix)) => Some(fix),
        _ => None,
    };
    observations.iter().filter_map(fix).collect()
}

/// How old a fix is; below zero for one of the future. By the clock of the boot where it is stamped with it: a person may have set the other.
pub(crate) fn age_ms(clock: &dyn Clock, fix: &Fix) -> i64 {
    match fix.boot_ms {
        Some(boot_ms) => clock.boot_ms().saturating_sub(boot_ms),
        None => clock.wall_ms().saturating_sub(fix.at_ms),
    }
}

/// How old a fix is, where it is fresh enough to tell others what follows of it.
pub(crate) fn fresh_age_ms(clock: &dyn Clock, fix: &Fix) -> Option<i64> {
    let age_ms = age_ms(clock, fix);
    (-FRESH_MS..=FRESH_MS).contains(&age_ms).then_some(age_ms.max(0))
}

impl Trip {
    /// Takes a fix in. True when it was looked at: only such a one says that time went by on the way.
    pub(crate) fn observe(&mut self, fix: &Fix, to: &Place) -> bool {
        if !self.pace.observe(fix, &to.region().centre, to.distance_m(&fix.position)) {
            return false;
        }
        self.last_fix_ms = Some(fix.at_ms);
        self.arrived |= self.pace.eta_min() == Some(0);
        match self.pace.trend() {
            Trend::Away => self.away_since_ms = self.away_since_ms.filter(|since| *since <= fix.at_ms).or(Some(fix.at_ms)),
            Trend::Nearer | Trend::Unknown => self.away_since_ms = None,
            Trend::Still => {}
        }
        true
    }

    pub(crate) fn eta_min(&self) -> Option<u32> {
        self.pace.eta_min()
    }

    pub(crate) fn trend(&self) -> Trend {
        self.pace.trend()
    }

    /// True when the shopper has clearly turned away before having been there.
    pub(crate) fn has_turned_away(&self) -> bool {
        let away_ms = self.last_fix_ms.zip(self.away_since_ms).map_or(0, |(last, since)| last.saturating_sub(since));
        !self.arrived && away_ms >= AWAY_FOR_MS
    }
}
