//! The timeline of one station: how much of each minute is taken.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Station;

/// Seconds in which one maker works in a minute.
pub(super) const MINUTE_S: u32 = 60;

/// A station's time that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The station's place in the plan.
    pub station: usize,
    /// The minute since the Unix epoch.
    pub minute: i64,
    /// Seconds of makers in it.
    pub seconds: u32,
}

/// One station.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    station: Station,
    /// By minute: what orders and holds have taken.
    booked: BTreeMap<i64, u32>,
    /// By minute: what walk-in guests were seen to take.
    walked: BTreeMap<i64, u32>,
}

impl Timeline {
    pub(super) fn new(station: Station) -> Self {
        Self { station, booked: BTreeMap::new(), walked: BTreeMap::new() }
    }

    pub(super) fn station(&self) -> &Station {
        &self.station
    }

    /// What its makers can do in a minute, in seconds.
    pub(super) fn capacity_s(&self, minute: i64) -> u32 {
        let at_s = minute.saturating_mul(60);
        let shift = self.station.shifts.iter().find(|shift| shift.hours.holds_at(at_s));
        shift.map_or(self.station.makers, |shift| shift.makers).saturating_mul(MINUTE_S)
    }

    pub(super) fn booked_s(&self, minute: i64) -> u32 {
        self.booked.get(&minute).copied().unwrap_or(0)
    }

    pub(super) fn walked_s(&self, minute: i64) -> u32 {
        self.walked.get(&minute).copied().unwrap_or(0)
    }

    /// What walk-in guests take of a minute: what is kept for them, or what they were seen to take if that is more.
    pub(super) fn walk_in_s(&self, minute: i64) -> u32 {
        self.kept_s(minute).max(self.walked_s(minute))
    }

    /// What the plan keeps of a minute for walk-in guests.
    fn kept_s(&self, minute: i64) -> u32 {
        let at_s = minute.saturating_mul(60);
        let kept = self.station.walk_in.iter().find(|load| load.hours.holds_at(at_s));
        kept.map_or(0, |load| self.capacity_s(minute).saturating_mul(load.permille).div_ceil(1_000))
    }

    /// What a new order can take of a minute.
    pub(super) fn free_s(&self, minute: i64) -> u32 {
        self.capacity_s(minute).saturating_sub(self.walk_in_s(minute)).saturating_sub(self.booked_s(minute))
    }

    /// Places batches so that they are done at the end of `until - 1`, as late as possible and not before `from`: in each minute the longest ones
    /// first, each by one maker. `None` where they do not fit.
    pub(super) fn place_backward(&self, batches: &[u32], from: i64, until: i64) -> Option<Vec<(i64, u32)>> {
        let mut left = batches.to_vec();
        let mut taken = Vec::new();
        let mut minute = until;
        while !left.is_empty() {
            minute -= 1;
            if minute < from {
                return None;
            }
            let seconds = work_a_minute(&mut left, self.free_s(minute));
            if seconds > 0 {
                taken.push((minute, seconds));
            }
        }
        Some(taken)
    }

    /// Places the work of walk-in guests from `from` on, as it comes: nobody sends them away. Orders that are booked are not touched. What does not
    /// fit before `until` is left out. Answers the minute at which it is done, and what it takes.
    pub(super) fn place_walk_in(&self, batches: &[u32], from: i64, until: i64) -> (i64, Vec<(i64, u32)>) {
        let mut left = batches.to_vec();
        let mut taken = Vec::new();
        let mut minute = from;
        while !left.is_empty() && minute < until {
            let free_s = self.capacity_s(minute).saturating_sub(self.walked_s(minute)).saturating_sub(self.booked_s(minute));
            let seconds = work_a_minute(&mut left, free_s);
            if seconds > 0 {
                taken.push((minute, seconds));
            }
            minute += 1;
        }
        (minute, taken)
    }

    pub(super) fn take_walk_in(&mut self, minute: i64, seconds: u32) {
        *self.walked.entry(minute).or_insert(0) += seconds;
    }

    pub(super) fn take(&mut self, minute: i64, seconds: u32) {
        let booked = self.booked.entry(minute).or_insert(0);
        *booked = booked.saturating_add(seconds);
    }

    /// What is taken of a minute beyond what the plan keeps for walk-in guests.
    fn load_s(&self, minute: i64) -> u32 {
        self.booked_s(minute).saturating_add(self.walk_in_s(minute).saturating_sub(self.kept_s(minute)))
    }

    /// By minute from `from` on, [`Timeline::load_s`] of those of which something is taken.
    pub(super) fn loads_s(&self, from: i64) -> impl Iterator<Item = (i64, u32)> {
        let minutes: BTreeSet<i64> = self.booked.range(from..).chain(self.walked.range(from..)).map(|(minute, _)| *minute).collect();
        minutes.into_iter().map(|minute| (minute, self.load_s(minute))).filter(|(_, seconds)| *seconds > 0)
    }

    pub(super) fn give_back(&mut self, minute: i64, seconds: u32) {
        if let Some(booked) = self.booked.get_mut(&minute) {
            *booked = booked.saturating_sub(seconds);
            if *booked == 0 {
                self.booked.remove(&minute);
            }
        }
    }

    /// Forgets what lies before a minute.
    pub(super) fn forget_before(&mut self, minute: i64) {
        self.booked = self.booked.split_off(&minute);
        self.walked = self.walked.split_off(&minute);
    }
}

/// What is done of these batches in a minute with so much free time, and takes it off them. Those with most left come first, so that no long
/// one is left over alone.
fn work_a_minute(left: &mut Vec<u32>, free_s: u32) -> u32 {
    if free_s == 0 {
        return 0;
    }
    left.sort_unstable_by(|a, b| b.cmp(a));
    let mut done_s = 0;
    for batch in left.iter_mut() {
        let seconds = MINUTE_S.min(*batch).min(free_s - done_s);
        *batch -= seconds;
        done_s += seconds;
        if done_s == free_s {
            break;
        }
    }
    left.retain(|batch| *batch > 0);
    done_s
}
