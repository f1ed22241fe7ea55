//! When a person could be at each of several places, and how far out of the way that is: on the device, minutes only.
//!
//! The way itself is not known. Who moves is followed by how fast the straight distance shrinks ([`Pace`]); a place to which nothing is known of that,
//! and the way from a station, is taken as a walk along streets.

use noren_rules::check_in::{AccuracyClass, Fix};
use noren_rules::eta::{Pace, Trend};
use noren_rules::geo::Position;
use noren_rules::places::Place;

use super::MINUTE_MS;

/// Who walks makes 80 m a minute, which is what Japan's estate agents count (不動産の表示に関する公正競争規約施行規則), in metres a second.
const WALK_MPS: f64 = 80.0 / 60.0;
/// Streets are so much longer than the straight line.
const BENDS: f64 = 1.3;
/// What lies further back says nothing of how one moves now.
const RECENT_MS: i64 = 180_000;
/// Two fixes nearer in time than this say nothing about speed.
const LEAST_S: f64 = 20.0;
/// A way that is told by its pace is off by a tenth; one that is only a distance, by a third.
const PACE_OFF_PERCENT: u32 = 10;
const DISTANCE_OFF_PERCENT: u32 = 33;

/// Where a person comes from, and when they are there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Start {
    from: Position,
    at_ms: i64,
    /// By how many minutes that may be wrong.
    off_min: u32,
    /// Where they go on to.
    bound_for: Option<Position>,
    fixes: Vec<Fix>,
    /// How fast they move; 0 when that is not known, or they stand.
    speed_mps: f64,
}

/// The way to one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Approach {
    /// When they could be there, in milliseconds.
    pub(crate) arrives_ms: i64,
    /// By how many minutes that may be wrong, either way.
    pub(crate) off_min: u32,
    /// How many minutes longer the way is than without it.
    pub(crate) detour_min: u32,
    /// Nearer or away.
    pub(crate) trend: Trend,
}

impl Start {
    /// Who moves, by the last fixes in their order; the newest is `age_ms` old, and it is `now_ms`. `None` where no fix can be gone by.
    pub(crate) fn moving(
        fixes: &[Fix],
        age_ms: impl FnOnce(&Fix) -> Option<i64>,
        now_ms: i64,
        bound_for: Option<Position>,
    ) -> Option<Self> {
        let usable = fixes.iter().filter(|fix| !fix.mock && fix.accuracy() != AccuracyClass::Poor);
        let fixes: Vec<Fix> = usable.copied().collect();
        let last = *fixes.last()?;
        let at_ms = now_ms.saturating_sub(age_ms(&last)?);
        let first = fixes.iter().find(|fix| (0..=RECENT_MS).contains(&last.at_ms.saturating_sub(fix.at_ms)))?;
        #[allow(clippy::cast_precision_loss, reason = "minutes")]
        let seconds = last.at_ms.saturating_sub(first.at_ms) as f64 / 1_000.0;
        let made_m = first.position.distance_m(&last.position);
        let speed_mps = if seconds >= LEAST_S && made_m / seconds >= WALK_MPS / 2.0 { made_m / seconds } else { 0.0 };
        let heading = (speed_mps > 0.0).then(|| first.position.bearing_deg(&last.position));
        // Who goes somewhere without saying where goes on as before.
        let ahead = heading.map(|heading| last.position.towards(heading, speed_mps * 3_600.0));
        Some(Self { from: last.position, at_ms, off_min: 0, bound_for: bound_for.or(ahead), fixes, speed_mps })
    }

    /// Who comes out of a station at `at_ms`, which may be wrong by `off_min` minutes, and walks from there.
    pub(crate) fn leaving(station: Position, at_ms: i64, off_min: u32, bound_for: Option<Position>) -> Self {
        Self { from: station, at_ms, off_min, bound_for, fixes: Vec::new(), speed_mps: 0.0 }
    }

    /// Where they come from.
    pub(crate) fn from(&self) -> &Position {
        &self.from
    }

    /// The way to a place.
    pub(crate) fn to(&self, place: &Place) -> Approach {
        let mut pace = Pace::default();
        let centre = place.region().centre;
        for fix in &self.fixes {
            pace.observe(fix, &centre, place.distance_m(&fix.position));
        }
        let left_m = place.distance_m(&self.from);
        let (way_min, off_min) = match pace.eta_min() {
            Some(eta_min) => (eta_min, share(eta_min, PACE_OFF_PERCENT)),
            None => {
                let way_min = self.minutes(left_m);
                (way_min, share(way_min, DISTANCE_OFF_PERCENT))
            }
        };
        let on_m = self.bound_for.map_or(left_m, |end| {
            let by_way_of = left_m + centre.distance_m(&end);
            (by_way_of - self.from.distance_m(&end)).max(0.0)
        });
        Approach {
            arrives_ms: self.at_ms.saturating_add(i64::from(way_min) * MINUTE_MS),
            off_min: self.off_min.saturating_add(off_min),
            detour_min: self.minutes(on_m),
            trend: pace.trend(),
        }
    }

    /// How long so many metres take, by streets, in begun minutes.
    fn minutes(&self, straight_m: f64) -> u32 {
        let minutes = straight_m * BENDS / self.speed_mps.max(WALK_MPS) / 60.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a day")]
        let minutes = minutes.ceil().clamp(0.0, 1_440.0) as u32;
        minutes
    }
}

/// So much of the minutes, and one for what is rounded.
fn share(minutes: u32, percent: u32) -> u32 {
    if minutes == 0 { 0 } else { (minutes * percent).div_ceil(100) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noren_rules::places::{Circle, Direction, Shape};
    use proptest::prelude::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn home() -> Position {
        Position::new(34.70, 135.50).unwrap()
    }

    /// A store with a door of no size, so many metres from home.
    fn store(east_m: f64, north_m: f64) -> Place {
        let shape = Shape::Circle(Circle { centre: home().offset_by(east_m, north_m), radius_m: 1.0 });
        Place::new("store".into(), "a store", Direction::Both, shape).unwrap()
    }

    /// East along a line at so many metres a second for two minutes, until home.
    fn walked(speed_mps: f64) -> Vec<Fix> {
        let fix = |n: i64| Fix {
            accuracy_m: Some(8.0),
            ..Fix::new(home().offset_by(-speed_mps * 10.0 * (12 - n) as f64, 0.0), NOW_MS - (12 - n) * 10_000)
        };
        (0..=12).map(fix).collect()
    }

    fn moving(fixes: &[Fix], bound_for: Option<Position>) -> Start {
        Start::moving(fixes, |_| Some(0), NOW_MS, bound_for).unwrap()
    }

    fn minutes(approach: Approach) -> i64 {
        (approach.arrives_ms - NOW_MS) / MINUTE_MS
    }

    #[test]
    fn who_walks_towards_a_store_is_there_by_the_pace() {
        let ahead = moving(&walked(WALK_MPS), None).to(&store(800.0, 0.0));
        assert_eq!((minutes(ahead), ahead.detour_min, ahead.trend), (10, 0, Trend::Nearer));
        assert_eq!(ahead.off_min, 2);
    }

    #[test]
    fn a_store_behind_is_a_detour_and_taken_as_a_walk() {
        let behind = moving(&walked(WALK_MPS), None).to(&store(-400.0, 0.0));
        assert_eq!((minutes(behind), behind.trend), (7, Trend::Away), "520 m of street");
        assert_eq!(behind.detour_min, 13, "there and back again");
        assert!(behind.off_min >= 4);
    }

    #[test]
    fn who_drives_and_who_walks_are_not_there_at_the_same_time() {
        let (walks, drives) = (moving(&walked(WALK_MPS), None), moving(&walked(14.0), None));
        let aside = store(1_000.0, 600.0);
        assert!(minutes(drives.to(&aside)) < minutes(walks.to(&aside)));
        assert!(drives.to(&aside).detour_min < walks.to(&aside).detour_min);
    }

    #[test]
    fn where_one_is_bound_for_says_what_is_on_the_way() {
        let office = home().offset_by(0.0, 2_000.0);
        let start = Start::leaving(home(), NOW_MS, 1, Some(office));
        let (on_the_way, aside) = (start.to(&store(0.0, 500.0)), start.to(&store(500.0, 0.0)));
        assert_eq!((minutes(on_the_way), on_the_way.detour_min), (9, 0), "650 m of street, and it lies on the way");
        assert!(aside.detour_min > 5);
        assert_eq!(on_the_way.off_min, 1 + 4);
        assert_eq!(
            Start::leaving(home(), NOW_MS, 0, None).to(&store(500.0, 0.0)).detour_min,
            9,
            "who is bound for nowhere goes there for it"
        );
    }

    #[test]
    fn who_stands_has_no_heading() {
        let stands: Vec<Fix> = (0..12).map(|n| Fix { accuracy_m: Some(8.0), ..Fix::new(home(), NOW_MS - (12 - n) * 10_000) }).collect();
        let start = moving(&stands, None);
        assert_eq!(start.to(&store(400.0, 0.0)).detour_min, start.to(&store(-400.0, 0.0)).detour_min);
        assert_eq!(minutes(start.to(&store(0.0, 30.0))), 0, "who is there is there");
    }

    #[test]
    fn what_no_fix_says_is_not_guessed() {
        let none = |fixes: &[Fix]| Start::moving(fixes, |_| Some(0), NOW_MS, None).is_none();
        assert!(none(&[]));
        assert!(none(&[Fix { mock: true, ..Fix::new(home(), NOW_MS) }]));
        assert!(none(&[Fix { accuracy_m: Some(5_000.0), ..Fix::new(home(), NOW_MS) }]));
        assert!(Start::moving(&walked(1.0), |_| None, NOW_MS, None).is_none(), "too old");
        let late = Start::moving(&walked(WALK_MPS), |_| Some(60_000), NOW_MS, None).unwrap().to(&store(800.0, 0.0));
        assert_eq!(minutes(late), 9, "a minute of the way is behind them");
    }

    proptest! {
        #[test]
        fn any_fixes_have_an_answer(
            fixes in prop::collection::vec((-90.0..=90.0f64, -180.0..=180.0f64, any::<i64>(), prop::option::of(any::<f64>())), 1..20),
            end in prop::option::of((-90.0..=90.0f64, -180.0..=180.0f64)), age in any::<i64>(), now in any::<i64>(),
        ) {
            let fixes: Vec<Fix> = fixes.into_iter()
                .map(|(lat, lon, at_ms, accuracy_m)| Fix { accuracy_m, ..Fix::new(Position::new(lat, lon).unwrap(), at_ms) }).collect();
            let end = end.map(|(lat, lon)| Position::new(lat, lon).unwrap());
            if let Some(start) = Start::moving(&fixes, |_| Some(age), now, end) {
                let approach = start.to(&store(10.0, 10.0));
                prop_assert!(approach.detour_min <= 1_440 && approach.off_min <= 600);
            }
        }
    }
}
