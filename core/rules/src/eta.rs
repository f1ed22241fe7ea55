//! How long it takes to get there, from recent movement: on the device, so that only minutes leave it.
//!
//! The way itself is not known, and needs not be: how fast the straight distance shrinks over the last minutes has bends, lights and jams in it.

use std::collections::VecDeque;

use crate::check_in::{AccuracyClass, Fix};
use crate::geo::Position;

/// What is looked at of the past.
const KEPT_MS: i64 = 180_000;
/// Whether one goes on or stands is seen over this.
const JUST_NOW_MS: i64 = 30_000;
/// Less than this says nothing about speed.
const LEAST_MS: i64 = 20_000;
const KEPT: usize = 64;
/// A gap longer than this between two fixes: what was before is another walk.
const GAP_MS: i64 = 600_000;
/// A stamp up to this much older came late; beyond it the clock was set back.
const LATE_MS: i64 = 120_000;
/// Faster than any road or rail: such a fix must be confirmed by the next.
const LEAP_MPS: f64 = 100.0;
/// What a leap is at least: less is noise.
const LEAP_M: f64 = 300.0;
/// Who is this near to the ground is there.
const THERE_M: f64 = 50.0;
/// What a fix is off at least, in metres; two of them that differ by less say that one stands.
const NOISE_M: f64 = 15.0;
/// Slower than this is standing, or looking at windows.
const STANDING_MPS: f64 = 0.2;
/// Longer than a day is no answer.
const LONGEST_MIN: f64 = 1_440.0;

/// Where the way leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Trend {
    /// Nearer.
    Nearer,
    /// Away.
    Away,
    /// Neither: standing, or round about.
    Still,
    /// Too little was seen.
    Unknown,
}

/// A fix without its place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    at_ms: i64,
    distance_m: f64,
    error_m: f64,
}

/// Follows fixes on the way to one place, and says in how many minutes one is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pace {
    to: Option<Position>,
    last: Option<Fix>,
    /// A fix too far from the last to be believed alone.
    leap: Option<Fix>,
    seen: VecDeque<Seen>,
    /// How fast it got nearer when it last did: for a stop at a light.
    pace_mps: Option<f64>,
}

impl Pace {
    /// Takes a fix in, on the way to `to`, from whose ground it is `left_m` metres away: 0 on it, as large as it may be. Another `to` than before begins
    /// anew. True when the fix was looked at; one that was not says nothing, not even that time has passed.
    ///
    /// Fixes that come late, twice, that are very inexact, or that an app made up are not looked at. One fix far off is an outlier, two are a jump:
    /// then, as after a clock that was set back and after a pause of ten minutes, what was before is forgotten.
    pub fn observe(&mut self, fix: &Fix, to: &Position, left_m: f64) -> bool {
        if self.to != Some(*to) {
            *self = Self { to: Some(*to), ..Self::default() };
        }
        if fix.mock || fix.accuracy() == AccuracyClass::Poor {
            return false;
        }
        if let Some(last) = self.last {
            let since_ms = fix.at_ms.saturating_sub(last.at_ms);
            if (-LATE_MS..=0).contains(&since_ms) {
                return false;
            }
            if !(0..=GAP_MS).contains(&since_ms) {
                self.begin_anew();
            } else if leaps(&last, fix) {
                let Some(before) = self.leap.replace(*fix) else { return false };
                if leaps(&before, fix) {
                    return false;
                }
                self.begin_anew();
            }
        }
        self.leap = None;
        self.last = Some(*fix);
        self.see(Seen { at_ms: fix.at_ms, distance_m: left_m.max(0.0), error_m: error_m(fix) });
        true
    }

    /// In how many minutes one is there, rounded up: the distance by how fast it shrank lately. 0 for one who is there; `None` while that cannot be
    /// said: nothing was seen yet, or the way leads away. A stop on the way hardly changes the pace.
    #[must_use]
    pub fn eta_min(&self) -> Option<u32> {
        let here = self.seen.back()?;
        if here.distance_m <= THERE_M {
            return Some(0);
        }
        let pace_mps = self.pace_mps.filter(|_| matches!(self.trend(), Trend::Nearer | Trend::Still))?;
        // Three seconds more are no minute more.
        let minutes = (here.distance_m / pace_mps / 60.0 - 0.05).ceil().max(1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1,440")]
        (minutes <= LONGEST_MIN).then_some(minutes as u32)
    }

    /// Where the way leads, over the last three minutes.
    #[must_use]
    pub fn trend(&self) -> Trend {
        let Some((nearer_m, seconds, noise_m)) = self.way(KEPT_MS) else { return Trend::Unknown };
        if nearer_m.abs() <= noise_m.max(STANDING_MPS * seconds) {
            Trend::Still
        } else if nearer_m > 0.0 {
            Trend::Nearer
        } else {
            Trend::Away
        }
    }

    fn see(&mut self, seen: Seen) {
        self.seen.push_back(seen);
        let is_old = |first: &Seen| seen.at_ms.saturating_sub(first.at_ms) > KEPT_MS;
        while self.seen.len() > KEPT || (self.seen.len() > 2 && self.seen.front().is_some_and(is_old)) {
            self.seen.pop_front();
        }
        // A stop must not slow the pace down that one goes on with.
        let goes_on = |pace_mps: f64| self.way(JUST_NOW_MS).is_none_or(|(nearer_m, seconds, _)| nearer_m / seconds >= pace_mps / 2.0);
        if let Some((nearer_m, seconds, _)) = self.way(KEPT_MS)
            && self.trend() == Trend::Nearer
            && goes_on(nearer_m / seconds)
        {
            self.pace_mps = Some(nearer_m / seconds);
        }
    }

    /// Over the last so many milliseconds of what is kept: metres nearer, in how many seconds, and what of it may be noise.
    fn way(&self, over_ms: i64) -> Option<(f64, f64, f64)> {
        let here = self.seen.back()?;
        let in_time = self.seen.iter().find(|seen| here.at_ms.saturating_sub(seen.at_ms) <= over_ms);
        // Where fixes come seldom, the last two.
        let first = in_time.filter(|seen| seen.at_ms < here.at_ms).or_else(|| self.seen.iter().nth_back(1))?;
        let passed_ms = here.at_ms.saturating_sub(first.at_ms);
        #[allow(clippy::cast_precision_loss, reason = "minutes")]
        let seconds = passed_ms as f64 / 1_000.0;
        (passed_ms >= LEAST_MS).then(|| (first.distance_m - here.distance_m, seconds, first.error_m.hypot(here.error_m)))
    }

    fn begin_anew(&mut self) {
        *self = Self { to: self.to, ..Self::default() };
    }
}

/// Too far for the time between, whichever of the two is newer.
fn leaps(from: &Fix, fix: &Fix) -> bool {
    #[allow(clippy::cast_precision_loss, reason = "minutes")]
    let seconds = fix.at_ms.abs_diff(from.at_ms) as f64 / 1_000.0;
    from.position.distance_m(&fix.position) > (LEAP_MPS * seconds).max(LEAP_M)
}

fn error_m(fix: &Fix) -> f64 {
    fix.accuracy_m.filter(|accuracy| *accuracy > NOISE_M && accuracy.is_finite()).unwrap_or(NOISE_M)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shop() -> Position {
        Position::new(34.70, 135.50).unwrap()
    }

    /// A fix so many metres west of the shop.
    fn fix(metres: f64, second: i64) -> Fix {
        Fix { accuracy_m: Some(10.0), ..Fix::new(shop().offset_by(-metres, 0.0), second * 1_000) }
    }

    /// The shop is a point here.
    fn see(pace: &mut Pace, fix: &Fix, to: &Position) -> bool {
        pace.observe(fix, to, fix.position.distance_m(to))
    }

    fn walk(steps: impl IntoIterator<Item = (f64, i64)>) -> Pace {
        let mut pace = Pace::default();
        for (metres, second) in steps {
            see(&mut pace, &fix(metres, second), &shop());
        }
        pace
    }

    /// At 80 m a minute, which is what Japan's estate agents count (不動産の表示に関する公正競争規約施行規則).
    fn walked(seconds: i64) -> impl Iterator<Item = (f64, i64)> {
        (0..=seconds / 5).map(|n| (800.0 - 80.0 * n as f64 / 12.0, n * 5))
    }

    #[test]
    fn a_walk_of_ten_minutes_is_one() {
        let pace = walk(walked(120));
        assert_eq!((pace.trend(), pace.eta_min()), (Trend::Nearer, Some(8)));
        assert_eq!(walk(walked(10)).trend(), Trend::Unknown);
        assert_eq!(walk(walked(10)).eta_min(), None);
        assert_eq!(walk(walked(600)).eta_min(), Some(0));
        assert_eq!(Pace::default().eta_min(), None);
    }

    #[test]
    fn who_stands_still_keeps_the_pace_of_before() {
        let stands = walk(walked(120).chain((25..80).map(|n| (640.0, n * 5))));
        assert_eq!((stands.trend(), stands.eta_min()), (Trend::Still, Some(9)));
        let never_moved = walk((0..60).map(|n| (640.0 + (n % 3) as f64 * 4.0, n * 5)));
        assert_eq!((never_moved.trend(), never_moved.eta_min()), (Trend::Still, None));
    }

    #[test]
    fn who_turns_away_has_no_time_of_arrival() {
        let away = walk(walked(120).chain((25..60).map(|n| (640.0 + (n - 25) as f64 * 7.0, n * 5))));
        assert_eq!((away.trend(), away.eta_min()), (Trend::Away, None));
    }

    #[test]
    fn one_fix_far_off_is_an_outlier_and_two_are_a_jump() {
        let outlier = walk(walked(120).chain([(90_000.0, 125), (627.0, 130)]));
        assert_eq!((outlier.trend(), outlier.eta_min()), (Trend::Nearer, Some(8)));
        let jumped = walk(walked(120).chain([(90_000.0, 125), (89_990.0, 130)]));
        assert_eq!((jumped.trend(), jumped.eta_min()), (Trend::Unknown, None));
    }

    #[test]
    fn late_stamps_are_left_out_and_a_clock_set_back_begins_anew() {
        let late = walk(walked(120).chain([(5_000.0, 60), (640.0, 120)]));
        assert_eq!(late, walk(walked(120)));
        let set_back = walk(walked(300).chain([(395.0, 10)]));
        assert_eq!((set_back.trend(), set_back.eta_min()), (Trend::Unknown, None));
        let slept = walk(walked(120).chain([(630.0, 1_000)]));
        assert_eq!(slept.trend(), Trend::Unknown);
    }

    #[test]
    fn seldom_fixes_are_enough() {
        let pace = walk((0..3).map(|n| (12_000.0 - 1_200.0 * n as f64, n * 240)));
        assert_eq!((pace.trend(), pace.eta_min()), (Trend::Nearer, Some(32)));
    }

    #[test]
    fn who_is_on_the_ground_is_there() {
        let mut pace = Pace::default();
        let mall = |fix: &Fix| fix.position.distance_m(&shop()) - 300.0;
        for (metres, second) in walked(420) {
            let fix = fix(metres, second);
            assert!(pace.observe(&fix, &shop(), mall(&fix)));
        }
        assert_eq!(pace.eta_min(), Some(0), "240 m from the middle of it");
    }

    #[test]
    fn another_place_is_another_way() {
        let mut pace = walk(walked(120));
        assert!(see(&mut pace, &fix(630.0, 125), &shop().offset_by(3_000.0, 0.0)));
        assert_eq!(pace.trend(), Trend::Unknown);
        let mut pace = walk(walked(120));
        let before = pace.clone();
        assert!(!see(&mut pace, &Fix { mock: true, ..fix(100.0, 125) }, &shop()));
        assert!(!see(&mut pace, &Fix { accuracy_m: Some(3_000.0), ..fix(100.0, 126) }, &shop()));
        assert!(!see(&mut pace, &fix(100.0, 60), &shop()), "late");
        assert_eq!(pace, before);
    }

    proptest! {
        #[test]
        fn any_fixes_have_an_answer(
            fixes in prop::collection::vec(
                (-90.0..=90.0f64, -180.0..=180.0f64, prop_oneof![any::<i64>(), 0..900_000i64], prop::option::of(any::<f64>())), 0..40),
        ) {
            let mut pace = Pace::default();
            for (lat, lon, at_ms, accuracy_m) in fixes {
                see(&mut pace, &Fix { accuracy_m, ..Fix::new(Position::new(lat, lon).unwrap(), at_ms) }, &shop());
                prop_assert!(pace.eta_min().is_none_or(|minutes| minutes <= 1_440));
                prop_assert!(pace.seen.len() <= KEPT);
                prop_assert!(pace.eta_min() == Some(0) || matches!(pace.trend(), Trend::Nearer | Trend::Still) || pace.eta_min().is_none());
            }
        }

        #[test]
        fn a_steady_way_is_told_to_a_tenth(speed_mps in 1.0..30.0f64, minutes_left in 2.0..80.0f64, jitter_m in prop::collection::vec(-5.0..5.0f64, 37)) {
            let left_m = speed_mps * 60.0 * minutes_left;
            let steps = jitter_m.iter().enumerate().map(|(n, jitter)| (left_m + speed_mps * 5.0 * (36 - n) as f64 + jitter, n as i64 * 5));
            let eta = f64::from(walk(steps).eta_min().unwrap());
            prop_assert!((eta - minutes_left).abs() <= 1.0 + minutes_left * 0.1, "{eta} {minutes_left}");
        }
    }
}
