//! Fixes as phones really deliver them, cleaned: stamps twice or out of order, a clock that was set, leaps, noise.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::features::{AccuracyClass, SpeedClass};
use crate::geo::{Position, turn};
use crate::rotation::Situation;

/// Faster than any road or rail: further than this between two fixes is a leap, that the next fixes must confirm.
const LEAP_MPS: f64 = 100.0;
/// Faster than any plane that people fly in (250 m/s, and the wind): a leap like this is made up. Slower ones are believed once confirmed, since a
/// phone that slept through a flight leaps too; who makes up a flight is not told from who flew.
const MADE_UP_MPS: f64 = 300.0;
/// And by more than noise makes.
const LEAP_M: f64 = 300.0;
const LEAPT_AFTER: u8 = 3;
/// A stamp up to this much older came late; beyond it, several in a row mean that the clock was set back.
const LATE_MS: i64 = 120_000;
const SET_BACK_AFTER: u8 = 3;
/// By how much wall and boot clock may drift apart between two fixes before the wall clock was set.
const CLOCK_DRIFT_MS: i64 = 5_000;
/// No car brakes harder than this.
const BRAKING_MPS2: f64 = 6.0;
/// What an accuracy is taken for that nobody stated, in metres.
const UNSTATED_ACCURACY_M: f64 = 20.0;
const SMOOTHING_MS: i64 = 20_000;
const SPEED_BASE_MS: i64 = 8_000;
const SPEED_MAX_GAP_MS: i64 = 300_000;
const KEPT_MS: i64 = 120_000;
const KEPT: usize = 150;
/// A stay is within this of where it began, and half of what the two fixes may be off.
const STAY_M: f64 = 35.0;
/// The way one came is forgotten after this.
const HEADING_MS: i64 = 600_000;

/// One fix, as the operating system gives it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// Where.
    pub position: Position,
    /// The phone's wall clock at the fix, in milliseconds since the Unix epoch (or any other start that stays the same).
    pub at_ms: i64,
    /// A clock that counts from the boot and through sleep, where the platform gives it: it tells a clock that was set from one that was not.
    pub boot_ms: Option<i64>,
    /// Radius of 68 % in metres; `None`, zero, negative or not a number: unknown.
    pub accuracy_m: Option<f64>,
    /// Metres a second; `None`, negative or not a number: unknown.
    pub speed_mps: Option<f64>,
    /// True when the operating system says that an app made it up.
    pub mock: bool,
}

impl Fix {
    /// A fix of which only place and time are known.
    #[must_use]
    pub fn new(position: Position, at_ms: i64) -> Self {
        Self { position, at_ms, boot_ms: None, accuracy_m: None, speed_mps: None, mock: false }
    }

    /// How exact it is.
    #[must_use]
    pub fn accuracy(&self) -> AccuracyClass {
        AccuracyClass::of(self.accuracy_m)
    }

    fn error_m(&self) -> f64 {
        match self.accuracy_m {
            Some(accuracy) if accuracy > 0.0 && accuracy.is_finite() => accuracy,
            _ => UNSTATED_ACCURACY_M,
        }
    }
}

/// What became of a fix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Taken {
    /// Came twice, late, or is a leap that the next fix must confirm.
    Nothing,
    /// The stamps went back, or forward against the boot clock or the laws of motion: whatever was measured by time is void.
    ClockShift,
    /// A fix to go by.
    Step(Step),
}

/// A cleaned fix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) at_ms: i64,
    /// As it came.
    pub(crate) raw: Position,
    /// The middle of the last seconds, unless driving.
    pub(crate) smooth: Position,
    pub(crate) speed: SpeedClass,
    pub(crate) accuracy: AccuracyClass,
    pub(crate) stays: bool,
    /// One fix away from where one stays: noise until the next says the same.
    pub(crate) strays: bool,
    pub(crate) mock: bool,
    /// This is where a leap ended.
    pub(crate) leapt: bool,
    /// The way the road was driven on.
    pub(crate) heading_deg: Option<f64>,
}

/// A leap that is not confirmed yet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Leap {
    /// Where it led, by the last fix that said so.
    to: Fix,
    /// How many fixes have said so.
    times: u8,
    /// Its first fix was further away than any plane flies.
    made_up: bool,
}

/// What must be remembered of the fixes so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    last: Option<Fix>,
    last_speed_mps: Option<f64>,
    recent: VecDeque<Fix>,
    leap: Option<Leap>,
    /// Fixes that led here one by one: a leap away from the very first says that one of the two was an outlier.
    steady: u8,
    older: u8,
    older_at_ms: i64,
    anchor: Option<(Position, f64)>,
    strayed: bool,
    heading: Option<(f64, i64)>,
    /// When it last drove: what was before says nothing about where it stands.
    drove_at_ms: Option<i64>,
}

impl Track {
    /// Takes the next fix in.
    pub(crate) fn take(&mut self, fix: &Fix) -> Taken {
        if let Some(last) = self.last {
            if fix.at_ms == last.at_ms {
                return Taken::Nothing;
            }
            if clocks_disagree(&last, fix) {
                return self.begin_anew(fix);
            }
            if fix.at_ms < last.at_ms {
                return self.older(&last, fix);
            }
        }
        self.older = 0;
        if fix.accuracy() == AccuracyClass::Poor {
            return Taken::Step(self.poor(fix));
        }
        let mut leapt = false;
        // From both of the last two: one of them may be an outlier itself.
        let from_all = |mps: f64| !self.recent.is_empty() && self.recent.iter().rev().take(2).all(|good| leaps(good, fix, mps));
        if from_all(LEAP_MPS) {
            // Outliers leap too, and seldom two of them to the same spot: a leap that three fixes in a row agree on was made.
            let begun = self.leap.filter(|leap| !leaps(&leap.to, fix, LEAP_MPS));
            let made_up = begun.map_or_else(|| self.steady > 1 && from_all(MADE_UP_MPS), |leap| leap.made_up);
            let leap = Leap { to: *fix, times: begun.map_or(0, |leap| leap.times).saturating_add(1), made_up };
            if leap.times < LEAPT_AFTER {
                self.leap = Some(leap);
                return Taken::Nothing;
            }
            leapt = made_up;
            self.forget();
        }
        self.leap = None;
        let speed = self.speed_mps(fix);
        if self.was_set_forward(fix, speed) {
            return self.begin_anew(fix);
        }
        Taken::Step(self.good(fix, speed, leapt))
    }

    /// After a reboot: the boot clock begins anew, and nothing is known of the time between.
    pub(crate) fn rebooted(&mut self) {
        if let Some(last) = &mut self.last {
            last.boot_ms = None;
        }
        self.recent.clear();
        self.last_speed_mps = None;
    }

    pub(crate) fn situation(&self) -> Option<Situation> {
        let fix = self.recent.back()?;
        Some(Situation {
            position: fix.position,
            error_m: fix.error_m(),
            speed_mps: self.last_speed_mps,
            heading_deg: self.heading_at(fix.at_ms),
            now_s: Some(fix.at_ms.div_euclid(1_000)),
        })
    }

    /// True while the last fix that is exact enough is not long ago.
    pub(crate) fn is_exact_at(&self, at_ms: i64) -> bool {
        self.recent.back().is_some_and(|fix| at_ms.saturating_sub(fix.at_ms) <= SPEED_MAX_GAP_MS)
    }

    fn heading_at(&self, at_ms: i64) -> Option<f64> {
        self.heading.filter(|(_, noted_ms)| at_ms.saturating_sub(*noted_ms) <= HEADING_MS).map(|(heading, _)| heading)
    }

    fn begin_anew(&mut self, fix: &Fix) -> Taken {
        *self = Self::default();
        self.last = Some(*fix);
        if fix.accuracy() != AccuracyClass::Poor {
            self.recent.push_back(*fix);
        }
        Taken::ClockShift
    }

    fn forget(&mut self) {
        self.recent.clear();
        self.steady = 0;
        self.anchor = None;
        self.heading = None;
        self.drove_at_ms = None;
        self.last_speed_mps = None;
    }

    fn older(&mut self, last: &Fix, fix: &Fix) -> Taken {
        if since(fix, last) <= LATE_MS {
            return Taken::Nothing;
        }
        let goes_on = self.older > 0 && fix.at_ms > self.older_at_ms;
        self.older = if goes_on { self.older.saturating_add(1) } else { 1 };
        self.older_at_ms = fix.at_ms;
        if self.older < SET_BACK_AFTER { Taken::Nothing } else { self.begin_anew(fix) }
    }

    fn poor(&mut self, fix: &Fix) -> Step {
        self.last = Some(*fix);
        Step {
            at_ms: fix.at_ms,
            raw: fix.position,
            smooth: fix.position,
            speed: SpeedClass::Unknown,
            accuracy: AccuracyClass::Poor,
            stays: false,
            strays: false,
            mock: fix.mock,
            leapt: false,
            heading_deg: None,
        }
    }

    fn good(&mut self, fix: &Fix, speed_mps: Option<f64>, leapt: bool) -> Step {
        let speed = SpeedClass::of(speed_mps);
        self.note_heading(fix, speed);
        self.last = Some(*fix);
        self.last_speed_mps = speed_mps;
        if speed == SpeedClass::Driving {
            self.drove_at_ms = Some(fix.at_ms);
        }
        self.recent.push_back(*fix);
        self.steady = self.steady.saturating_add(1);
        // Two stay however old: one of them may be an outlier.
        while self.recent.len() > KEPT || (self.recent.len() > 2 && self.recent.front().is_some_and(|old| since(old, fix) > KEPT_MS)) {
            self.recent.pop_front();
        }
        let smooth = if speed == SpeedClass::Driving { fix.position } else { self.smooth(fix) };
        let (stays, strays) = self.stays(&smooth, fix.error_m(), speed);
        Step {
            at_ms: fix.at_ms,
            raw: fix.position,
            smooth,
            speed,
            accuracy: fix.accuracy(),
            stays,
            strays,
            mock: fix.mock,
            leapt,
            heading_deg: self.heading_at(fix.at_ms),
        }
    }

    /// The faster of what the phone says and what the way since a few seconds ago makes, less what both fixes may be off. (Phones say 0 for fixes
    /// from the network, at any speed.)
    fn speed_mps(&self, fix: &Fix) -> Option<f64> {
        let stated = fix.speed_mps.filter(|speed| *speed >= 0.0 && speed.is_finite());
        let is_base = |old: &&Fix| (SPEED_BASE_MS..=SPEED_MAX_GAP_MS).contains(&since(old, fix));
        let from =
            |old: &Fix| (old.position.flat_distance_m(&fix.position) - old.error_m() - fix.error_m()).max(0.0) / seconds(since(old, fix));
        // One of the two may be an outlier; whoever moves has moved from both.
        let moved = self.recent.iter().rev().filter(is_base).take(2).map(from).reduce(f64::min);
        match (stated, moved) {
            (Some(stated), Some(moved)) => Some(stated.max(moved)),
            (stated, moved) => stated.or(moved),
        }
    }

    /// Driving before and after, and too little way between to have stopped: the time between did not pass.
    fn was_set_forward(&self, fix: &Fix, speed_mps: Option<f64>) -> bool {
        let (Some(last), Some(before)) = (self.recent.back(), self.last_speed_mps) else { return false };
        let after = fix.speed_mps.or(speed_mps).unwrap_or(0.0);
        let way_m = last.position.flat_distance_m(&fix.position) + last.error_m() + fix.error_m();
        let to_stop_m = (before * before + after * after) / (2.0 * BRAKING_MPS2);
        before >= 8.0 && after >= 8.0 && since(last, fix) > 60_000 && way_m < to_stop_m
    }

    fn note_heading(&mut self, fix: &Fix, speed: SpeedClass) {
        let far_enough =
            |old: &&Fix| since(old, fix) <= KEPT_MS && old.position.flat_distance_m(&fix.position) >= 50.0 + old.error_m() + fix.error_m();
        if speed == SpeedClass::Driving
            && let Some(old) = self.recent.iter().rev().find(far_enough)
        {
            let (east, north) = old.position.offset_m(&fix.position);
            self.heading = Some((turn(east.atan2(north).to_degrees()), fix.at_ms));
        }
    }

    /// The middle of the last seconds: where half of the weight lies to either side, so that an outlier does not pull. The fix itself where there
    /// are too few to outvote one.
    fn smooth(&self, fix: &Fix) -> Position {
        let stood = |old: &&Fix| self.drove_at_ms.is_none_or(|drove_at_ms| old.at_ms > drove_at_ms);
        let latest = self.recent.iter().filter(|old| since(old, fix) <= SMOOTHING_MS).filter(stood);
        let offsets: Vec<(f64, f64, f64)> = latest
            .map(|old| {
                let (east, north) = fix.position.offset_m(&old.position);
                (east, north, old.error_m().max(5.0).powi(-2))
            })
            .collect();
        if offsets.len() < 3 {
            return fix.position;
        }
        let east = middle(offsets.iter().map(|(east, _, weight)| (*east, *weight)).collect());
        let north = middle(offsets.iter().map(|(_, north, weight)| (*north, *weight)).collect());
        fix.position.offset_by(east, north)
    }

    fn stays(&mut self, smooth: &Position, error_m: f64, speed: SpeedClass) -> (bool, bool) {
        let Some((anchor, anchor_error_m)) = self.anchor else {
            self.anchor = Some((*smooth, error_m));
            self.strayed = true;
            return (false, false);
        };
        let is_there = speed != SpeedClass::Driving && anchor.flat_distance_m(smooth) <= STAY_M + (error_m + anchor_error_m) / 2.0;
        if is_there {
            self.strayed = false;
            return (true, false);
        }
        let strays = !self.strayed;
        self.strayed = true;
        if !strays {
            self.anchor = Some((*smooth, error_m));
        }
        (false, strays)
    }
}

/// The weighted median.
fn middle(mut weighted: Vec<(f64, f64)>) -> f64 {
    weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = weighted.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    for (value, weight) in &weighted {
        below += weight;
        if below >= half {
            return *value;
        }
    }
    0.0
}

/// Milliseconds from one fix to another by the wall clock.
fn since(from: &Fix, to: &Fix) -> i64 {
    to.at_ms.saturating_sub(from.at_ms)
}

fn clocks_disagree(last: &Fix, fix: &Fix) -> bool {
    let (Some(before), Some(now)) = (last.boot_ms, fix.boot_ms) else { return false };
    let drift = since(last, fix).saturating_sub(now.saturating_sub(before));
    now >= before && drift.saturating_abs() > CLOCK_DRIFT_MS
}

fn leaps(from: &Fix, to: &Fix, faster_than_mps: f64) -> bool {
    let elapsed_s = seconds(since(from, to).saturating_abs());
    // Cheaper than the way itself, and enough to rule most out.
    let way_m = from.position.distance_m(&to.position) - from.error_m() - to.error_m();
    way_m > LEAP_M && way_m > faster_than_mps * elapsed_s
}

#[allow(clippy::cast_precision_loss, reason = "a time between fixes")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
