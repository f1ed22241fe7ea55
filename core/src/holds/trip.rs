//! How the shopper gets on towards each hold: fixes in, minutes out. On the device, in memory only.

use std::collections::BTreeMap;

use noren_rules::check_in::Fix;
use noren_rules::eta::{Pace, Trend};
use noren_rules::ids::HoldId;
use noren_rules::places::Place;

/// The minutes are told at most this often.
pub(super) const TELL_EVERY_MS: i64 = 180_000;
/// What an older fix says is not told any more.
pub(super) const FRESH_MS: i64 = 60_000;
/// Who goes away for so long, with no step nearer in between, has turned away.
const AWAY_FOR_MS: i64 = 300_000;

/// The ways to all live holds.
#[derive(Debug, Default)]
pub(super) struct Trips(BTreeMap<HoldId, Trip>);

/// The way to a hold.
#[derive(Debug, Default, Clone)]
pub(super) struct Trip {
    pace: Pace,
    /// The clock of the fixes when the way first led away.
    away_since_ms: Option<i64>,
    last_fix_ms: Option<i64>,
    /// True once the shopper was there: who goes away then has fetched it, or will say so.
    arrived: bool,
}

impl Trips {
    /// Holds that are over are forgotten.
    pub(super) fn keep(&mut self, is_live: impl Fn(&HoldId) -> bool) {
        self.0.retain(|hold, _| is_live(hold));
    }

    pub(super) fn of(&mut self, hold: &HoldId) -> &mut Trip {
        self.0.entry(hold.clone()).or_default()
    }
}

impl Trip {
    /// Takes a fix in. True when it was looked at: only such a one says that time went by on the way.
    pub(super) fn observe(&mut self, fix: &Fix, to: &Place) -> bool {
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

    pub(super) fn eta_min(&self) -> Option<u32> {
        self.pace.eta_min()
    }

    pub(super) fn trend(&self) -> Trend {
        self.pace.trend()
    }

    /// True when the shopper has clearly turned away before having been there.
    pub(super) fn has_turned_away(&self) -> bool {
        let away_ms = self.last_fix_ms.zip(self.away_since_ms).map_or(0, |(last, since)| last.saturating_sub(since));
        !self.arrived && away_ms >= AWAY_FOR_MS
    }
}
