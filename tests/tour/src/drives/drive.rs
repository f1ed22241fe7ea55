//! One drive in the making: movements in, fixes out.

use std::ops::Range;

use noren_core::check_in::Observation;
use noren_rules::check_in::Fix;
use noren_rules::geo::Position;

use super::sites::Site;
use crate::dice::Dice;

/// When every drive begins, in milliseconds since the Unix epoch.
pub const BEGINS_MS: i64 = 1_800_000_000_000;

/// A fix, and where the phone really was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriveFix {
    /// The phone's clock, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Where it was.
    pub true_position: Position,
    /// Where it says it was.
    pub shown: Position,
    /// What it says of its error, in metres.
    pub accuracy_m: f64,
    /// Metres a second.
    pub speed_mps: f64,
    /// True when an app made it up.
    pub mock: bool,
}

impl DriveFix {
    /// What the operating system gives the app.
    #[must_use]
    pub fn fix(&self) -> Fix {
        let (accuracy_m, speed_mps) = (Some(self.accuracy_m), Some(self.speed_mps));
        Fix { accuracy_m, speed_mps, mock: self.mock, ..Fix::new(self.shown, self.at_ms) }
    }

    /// What the app hands to the core.
    #[must_use]
    pub fn observation(&self) -> Observation {
        Observation::Fix {
            lat_deg: self.shown.lat_deg(),
            lon_deg: self.shown.lon_deg(),
            at_ms: self.at_ms,
            boot_ms: None,
            accuracy_m: Some(self.accuracy_m),
            speed_mps: Some(self.speed_mps),
            mock: self.mock,
        }
    }
}

/// A drive so far. Every movement goes on from where the one before ended.
#[derive(Debug, Clone)]
pub struct Drive {
    site: Site,
    dice: Dice,
    at_ms: i64,
    along: f64,
    right: f64,
    /// The error of GPS wanders; it is not thrown anew every second.
    error: (f64, f64),
    /// What the phone said.
    pub fixes: Vec<DriveFix>,
}

impl Drive {
    /// Begins on the road, 3 km before a site.
    #[must_use]
    pub fn new(site: &Site, seed: u64) -> Self {
        Self {
            site: site.clone(),
            dice: Dice::new(seed),
            at_ms: BEGINS_MS,
            along: -3_000.0,
            right: site.to_road_m,
            error: (0.0, 0.0),
            fixes: Vec::new(),
        }
    }

    /// The site that movements are measured from.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The phone's clock now.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.at_ms
    }

    /// Straight to a point `along` the road and to the `right` of the site's middle, in metres.
    #[must_use]
    pub fn to(mut self, along: f64, right: f64, kmh: f64) -> Self {
        let (from, from_right, speed) = (self.along, self.right, kmh / 3.6);
        for part in seconds((along - from).hypot(right - from_right) / speed) {
            (self.along, self.right) = (from + (along - from) * part, from_right + (right - from_right) * part);
            let true_position = self.site.at(self.along, self.right);
            self.fix(true_position, speed);
        }
        self
    }

    /// On along the road to the next site, until 3 km before its middle. In a tunnel, given by its metres from here, there is no fix.
    #[must_use]
    pub fn on_to(mut self, next: &Site, kmh: f64, tunnel: Option<Range<f64>>) -> Self {
        let curve = Curve::between(&self.site, self.along, next, -3_000.0);
        let (length_m, speed) = (curve.length_m(), kmh / 3.6);
        for part in seconds(length_m / speed) {
            if tunnel.as_ref().is_some_and(|tunnel| tunnel.contains(&(length_m * part))) {
                self.at_ms += 1_000;
            } else {
                self.fix(curve.at(part), speed);
            }
        }
        (self.site, self.along, self.right) = (next.clone(), -3_000.0, next.to_road_m);
        self
    }

    /// Stands for some seconds.
    #[must_use]
    pub fn wait(mut self, seconds: u32) -> Self {
        let true_position = self.site.at(self.along, self.right);
        (0..seconds).for_each(|_| self.fix(true_position, 0.0));
        self
    }

    /// Off the road, parked in the middle of the site, a walk to the shop and back, on the road again.
    #[must_use]
    pub fn stopping_for(self, seconds: u32) -> Self {
        let road = self.site.to_road_m;
        let parked = self.to(-400.0, road, 100.0).to(-200.0, road, 60.0).to(0.0, 0.0, 30.0).wait(30).to(20.0, 0.0, 4.0);
        parked.wait(seconds).to(0.0, 0.0, 4.0).wait(20).to(250.0, road, 40.0).to(3_000.0, road, 100.0)
    }

    /// Past the site without slowing down.
    #[must_use]
    pub fn passing(self, kmh: f64) -> Self {
        let road = self.site.to_road_m;
        self.to(3_000.0, road, kmh)
    }

    /// Five minutes or more beside the site, walking pace and standing in turn.
    #[must_use]
    pub fn crawling(self) -> Self {
        let road = self.site.to_road_m;
        let mut drive = self.to(-500.0, road, 80.0);
        while drive.along < 500.0 {
            let along = drive.along + 20.0 + 40.0 * drive.dice.roll();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 29")]
            let stands_s = (30.0 * drive.dice.roll()) as u32;
            drive = drive.to(along, road, 8.0).wait(stands_s);
        }
        drive.to(3_000.0, road, 100.0)
    }

    fn fix(&mut self, true_position: Position, speed_mps: f64) {
        // Of the real logs' fixes about a third say 5 m, half say 10 m, the rest up to 30 m, and a few in a hundred are off by hundreds.
        let accuracy_m = match self.dice.roll() * 100.0 {
            ..30.0 => 5.0,
            ..75.0 => 10.0,
            ..88.0 => 20.0,
            ..97.0 => 30.0,
            _ => 100.0 + 1_300.0 * self.dice.roll(),
        };
        let deviation = f64::min(accuracy_m, 30.0) / 2.0;
        self.error = (self.error.0 * 0.9 + self.dice.bell() * deviation * 0.43, self.error.1 * 0.9 + self.dice.bell() * deviation * 0.43);
        let off = if accuracy_m >= 100.0 { (self.dice.bell() * accuracy_m / 1.5, self.dice.bell() * accuracy_m / 1.5) } else { self.error };
        let shown = true_position.offset_by(off.0, off.1);
        self.fixes.push(DriveFix { at_ms: self.at_ms, true_position, shown, accuracy_m, speed_mps, mock: false });
        self.at_ms += 1_000;
    }
}

/// The parts of a movement, once a second, the last one whole.
fn seconds(takes_s: f64) -> impl Iterator<Item = f64> {
    let steps = takes_s.ceil().max(1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a drive takes hours at most")]
    (1..=steps as u32).map(move |step| f64::from(step) / steps)
}

/// The road from one site to the next: leaves along the first, arrives along the second (a cubic Hermite spline).
struct Curve {
    from: Position,
    /// In metres east and north of `from`.
    to: (f64, f64),
    leaves: (f64, f64),
    arrives: (f64, f64),
    /// Where on the spline each of its points lies, and how far that is from its beginning.
    lengths_m: Vec<f64>,
}

/// Points by which the length of a curve is measured.
const MEASURED: u32 = 500;

impl Curve {
    fn between(site: &Site, along: f64, next: &Site, next_along: f64) -> Self {
        let from = site.at(along, site.to_road_m);
        let to = from.offset_m(&next.at(next_along, next.to_road_m));
        let straight_m = to.0.hypot(to.1);
        let tangent = |heading: f64| (heading.to_radians().sin() * straight_m, heading.to_radians().cos() * straight_m);
        let mut curve = Self { from, to, leaves: tangent(site.heading), arrives: tangent(next.heading), lengths_m: Vec::new() };
        let mut before = curve.offset(0.0);
        let mut length_m = 0.0;
        for step in 0..=MEASURED {
            let here = curve.offset(f64::from(step) / f64::from(MEASURED));
            length_m += (here.0 - before.0).hypot(here.1 - before.1);
            curve.lengths_m.push(length_m);
            before = here;
        }
        curve
    }

    fn length_m(&self) -> f64 {
        self.lengths_m.last().copied().unwrap_or_default()
    }

    /// The position after this part of the way.
    fn at(&self, part: f64) -> Position {
        let wanted_m = self.length_m() * part;
        let next = self.lengths_m.partition_point(|length_m| *length_m < wanted_m).max(1);
        let reached = |at: usize| self.lengths_m.get(at).copied().unwrap_or(wanted_m);
        let (before_m, next_m) = (reached(next - 1), reached(next));
        let between = if next_m > before_m { (wanted_m - before_m) / (next_m - before_m) } else { 0.0 };
        #[allow(clippy::cast_precision_loss, reason = "at most MEASURED")]
        let (east, north) = self.offset((((next - 1) as f64) + between) / f64::from(MEASURED));
        self.from.offset_by(east, north)
    }

    fn offset(&self, t: f64) -> (f64, f64) {
        let (square, cube) = (t * t, t * t * t);
        let spline = |to: f64, leaves: f64, arrives: f64| {
            (3.0 * square - 2.0 * cube) * to + (cube - 2.0 * square + t) * leaves + (cube - square) * arrives
        };
        (spline(self.to.0, self.leaves.0, self.arrives.0), spline(self.to.1, self.leaves.1, self.arrives.1))
    }
}
