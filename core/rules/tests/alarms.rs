//! How often the signals of a made-up position are wrong, and what they catch: made traces by the thousand, each with its seed.
//!
//! Honest traces are walks, drives with tunnels, the Shinkansen (89 m/s) and planes (250 m/s), with the noise, gaps, outliers, late and doubled
//! stamps that real logs have, and a phone that sleeps on the way. What is caught: leaps faster than 300 m/s, fixes worse than 150 m, fixes older than
//! a minute, mock flags. What is not: a real trace that is played again, or a leap that a plane could have made; no signal of the phone alone tells
//! those from the truth.
//!
//! A few hundred of each by default; with `NOREN_DEEP=1` ten thousand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on ends"
)]

use noren_rules::check_in::{CheckInMonitor, CheckInPolicy, CheckInRefusal, Evidence, Finding, Fix, Observation};
use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;
use noren_rules::places::{Circle, Direction, Place, PlaceIndex, Shape};

const T0_MS: i64 = 1_800_000_000_000;

fn traces() -> u64 {
    if std::env::var_os("NOREN_DEEP").is_some_and(|deep| deep != "0") { 10_000 } else { 400 }
}

/// A deterministic generator (SplitMix64): a trace is its seed.
struct Dice(u64);

impl Dice {
    fn part(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.part()
    }

    fn happens(&mut self, chance: f64) -> bool {
        self.part() < chance
    }

    fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.part()).sum::<f64>() - 6.0
    }
}

/// A journey in the making.
struct Journey {
    dice: Dice,
    at: Position,
    bearing: f64,
    at_ms: i64,
    every_s: f64,
    accuracy_m: f64,
    says_speed: bool,
    fixes: Vec<Fix>,
}

impl Journey {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let at = Position::new(dice.between(31.5, 43.0), dice.between(130.5, 141.0)).unwrap();
        let (bearing, every_s, accuracy_m) = (dice.between(0.0, 360.0), dice.between(1.0, 12.0).round(), dice.between(4.0, 25.0));
        let says_speed = dice.happens(0.7);
        Self { dice, at, bearing, at_ms: T0_MS, every_s, accuracy_m, says_speed, fixes: Vec::new() }
    }

    /// Moves on for so long; every second or so a fix, as a phone gives it.
    fn go(&mut self, speed_mps: f64, seconds: f64) {
        let mut left_s = seconds;
        while left_s > 0.0 {
            let step_s = self.every_s.min(left_s).max(1.0);
            self.bearing += self.dice.bell() * if speed_mps > 60.0 { 0.2 } else { 3.0 };
            self.at = self.at.towards(self.bearing, speed_mps * step_s);
            self.at_ms += (step_s * 1_000.0) as i64;
            self.fix(speed_mps);
            left_s -= step_s;
        }
    }

    /// In a tunnel, or asleep: moves on without a fix.
    fn unseen(&mut self, speed_mps: f64, seconds: f64) {
        self.at = self.at.towards(self.bearing, speed_mps * seconds);
        self.at_ms += (seconds * 1_000.0) as i64;
    }

    /// The first fixes after a tunnel come from masts and are far off, and say so.
    fn masts(&mut self, fixes: usize) {
        for _ in 0..fixes {
            self.at_ms += 1_000;
            let (off_m, way) = (self.dice.between(100.0, 2_500.0), self.dice.between(0.0, 360.0));
            let position = self.at.towards(way, off_m);
            self.fixes.push(Fix { accuracy_m: Some(off_m * 1.5), ..Fix::new(position, self.at_ms) });
        }
    }

    fn fix(&mut self, speed_mps: f64) {
        let noise_m = self.accuracy_m / 1.5;
        let mut position = self.at.offset_by(self.dice.bell() * noise_m, self.dice.bell() * noise_m);
        if self.dice.happens(0.004) {
            // An outlier that says that it is good.
            position = position.towards(self.dice.between(0.0, 360.0), self.dice.between(200.0, 3_000.0));
        }
        let stated = self.says_speed.then(|| (speed_mps + self.dice.bell() * 0.5).max(0.0));
        let accuracy_m = (!self.dice.happens(0.02)).then_some(self.accuracy_m);
        // The wall clock is put right by a fraction of a second now and then.
        let boot_ms = self.at_ms - T0_MS + (self.dice.bell() * 30.0) as i64;
        let fix = Fix { accuracy_m, speed_mps: stated, boot_ms: Some(boot_ms), ..Fix::new(position, self.at_ms) };
        self.fixes.push(fix);
        if self.dice.happens(0.01) {
            self.fixes.push(fix);
        }
        if self.dice.happens(0.005) {
            let late_ms = (self.dice.between(1.0, 60.0) * 1_000.0) as i64;
            self.fixes.push(Fix { at_ms: fix.at_ms - late_ms, boot_ms: fix.boot_ms.map(|boot_ms| boot_ms - late_ms), ..fix });
        }
    }

    fn walk(&mut self) {
        let speed = self.dice.between(0.8, 2.0);
        self.go(speed, 400.0);
    }

    fn drive(&mut self) {
        for _ in 0..3 {
            let (speed, seconds) = (self.dice.between(8.0, 36.0), self.dice.between(60.0, 300.0));
            self.go(speed, seconds);
            if self.dice.happens(0.5) {
                let tunnel_s = self.dice.between(10.0, 400.0);
                self.unseen(speed, tunnel_s);
                let fixes = (self.dice.part() * 4.0) as usize;
                self.masts(fixes);
            }
        }
        self.go(6.0, 60.0);
    }

    fn shinkansen(&mut self) {
        for _ in 0..3 {
            let seconds = self.dice.between(60.0, 300.0);
            self.go(89.0, seconds);
            let tunnel_s = self.dice.between(5.0, 300.0);
            self.unseen(89.0, tunnel_s);
            let fixes = (self.dice.part() * 3.0) as usize;
            self.masts(fixes);
        }
        for speed in [70.0, 45.0, 20.0] {
            self.go(speed, 60.0);
        }
    }

    fn plane(&mut self) {
        self.go(70.0, 30.0);
        // At the window with fixes, or asleep until landing.
        if self.dice.happens(0.5) {
            self.go(250.0, 600.0);
            let seconds = self.dice.between(60.0, 2_400.0);
            self.unseen(250.0, seconds);
            self.go(250.0, 120.0);
        } else {
            let seconds = self.dice.between(1_800.0, 7_200.0);
            self.unseen(250.0, seconds);
        }
        self.go(75.0, 40.0);
        self.go(8.0, 240.0);
    }

    /// On foot to a place, and a stay; places on the way too, so that an alarm anywhere is heard.
    fn ends_at_a_place(mut self) -> (PlaceIndex, Vec<Fix>) {
        let on_the_way: Vec<Position> = self.fixes.iter().step_by(40).map(|fix| fix.position).collect();
        self.go(1.2, 60.0);
        self.go(0.0, 400.0);
        let mut places: Vec<Place> = on_the_way.iter().enumerate().map(|(n, at)| place(&n.to_string(), *at)).collect();
        places.push(place("end", self.at));
        (PlaceIndex::new(places), self.fixes)
    }
}

fn place(id: &str, centre: Position) -> Place {
    Place::new(PlaceId::from(id), id, Direction::Both, Shape::Circle(Circle { centre, radius_m: 150.0 })).unwrap()
}

fn follow(places: &PlaceIndex, fixes: &[Fix]) -> Vec<Finding> {
    let mut monitor = CheckInMonitor::new(CheckInPolicy::default());
    let mut findings: Vec<Finding> = fixes.iter().flat_map(|fix| monitor.observe(places, &Observation::Fix(*fix))).collect();
    findings.extend(monitor.end_all(places, T0_MS + 864_000_000));
    findings
}

fn evidence(finding: &Finding) -> Option<&Evidence> {
    match finding {
        Finding::CheckIn { evidence, .. } | Finding::Refused { evidence, .. } => Some(evidence),
        Finding::Waiting { .. } => None,
    }
}

fn is_alarm(finding: &Finding) -> bool {
    evidence(finding).is_some_and(|evidence| evidence.jump || evidence.mock || evidence.clock_shift)
}

fn checks_in(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| matches!(finding, Finding::CheckIn { evidence, .. } if evidence.place == PlaceId::from("end")))
}

fn refused(findings: &[Finding], because: CheckInRefusal) -> bool {
    findings.iter().any(|finding| matches!(finding, Finding::Refused { refusal, .. } if *refusal == because))
}

type Travel = fn(&mut Journey);
const TRAVELS: [(&str, Travel); 4] =
    [("walk", Journey::walk), ("drive", Journey::drive), ("shinkansen", Journey::shinkansen), ("plane", Journey::plane)];

#[test]
fn honest_phones_are_not_accused() {
    let each = traces() / 4;
    let (mut alarms, mut unseen) = (Vec::new(), 0);
    for (name, travel) in TRAVELS {
        for seed in 0..each {
            let mut journey = Journey::new(seed);
            travel(&mut journey);
            let (places, fixes) = journey.ends_at_a_place();
            let findings = follow(&places, &fixes);
            if findings.iter().any(is_alarm) {
                alarms.push(format!("{name} {seed}"));
            }
            unseen += u64::from(!checks_in(&findings));
        }
    }
    println!("{} alarms and {unseen} stays unseen in {} honest traces", alarms.len(), each * 4);
    // One in a thousand; and whoever stays is checked in, or the signals could be silent because nothing was looked at.
    assert!(alarms.len() as u64 * 1_000 <= each * 4, "{} of {}: {:?}", alarms.len(), each * 4, &alarms[..alarms.len().min(20)]);
    assert!(unseen * 100 <= each * 4, "{unseen} of {} stays were not checked in", each * 4);
}

/// Every made-up trace; `caught` says whether this one was.
fn caught(name: &str, mut is_caught: impl FnMut(Journey) -> bool) {
    let each = traces() / 4;
    let mut missed = Vec::new();
    for (travel_name, travel) in TRAVELS {
        for seed in 0..each {
            let mut journey = Journey::new(seed ^ (1 << 40));
            travel(&mut journey);
            if !is_caught(journey) {
                missed.push(format!("{travel_name} {seed}"));
            }
        }
    }
    println!("{name}: {} of {} not caught", missed.len(), each * 4);
    assert!(missed.len() as u64 * 100 <= each * 4, "{name}: {} of {}: {:?}", missed.len(), each * 4, &missed[..missed.len().min(20)]);
}

#[test]
fn leaps_that_no_plane_makes_are_caught() {
    caught("leap", |mut journey| {
        // From the journey straight to the place: faster than 300 m/s, and further than noise reaches.
        let (pause_s, times) = (journey.dice.between(1.0, 600.0).round(), journey.dice.between(1.05, 40.0));
        let way_m = (pause_s * 300.0 * times + 400.0).min(5_000_000.0);
        journey.unseen(way_m / pause_s, pause_s);
        journey.every_s = journey.every_s.min(5.0);
        let (places, fixes) = journey.ends_at_a_place();
        let findings = follow(&places, &fixes);
        !checks_in(&findings) && refused(&findings, CheckInRefusal::Jump)
    });
}

#[test]
fn inexact_fixes_are_caught() {
    caught("inexact", |mut journey| {
        journey.unseen(0.0, 3_000.0);
        let before = journey.fixes.len();
        let (places, mut fixes) = journey.ends_at_a_place();
        fixes[before..].iter_mut().for_each(|fix| fix.accuracy_m = Some(151.0));
        !checks_in(&follow(&places, &fixes))
    });
}

#[test]
fn old_fixes_are_caught() {
    caught("old", |mut journey| {
        // While the journey goes on, every fix is followed by one from the place that is more than a minute old.
        let target = journey.at.towards(journey.bearing, 30_000.0);
        let places = PlaceIndex::new(vec![place("end", target)]);
        journey.go(1.0, 900.0);
        let older_ms = (journey.dice.between(61.0, 900.0) * 1_000.0) as i64;
        let from = journey.fixes.len() / 2;
        let fixes: Vec<Fix> = journey
            .fixes
            .iter()
            .enumerate()
            .flat_map(|(n, fix)| {
                let old =
                    Fix { position: target, at_ms: fix.at_ms - older_ms, boot_ms: fix.boot_ms.map(|boot_ms| boot_ms - older_ms), ..*fix };
                [Some(*fix), (n > from).then_some(old)]
            })
            .flatten()
            .collect();
        !checks_in(&follow(&places, &fixes))
    });
}

#[test]
fn mock_flags_are_caught() {
    caught("mock", |mut journey| {
        let from = journey.fixes.len();
        journey.unseen(0.0, 3_000.0);
        let (places, mut fixes) = journey.ends_at_a_place();
        // All of them, or one in ten.
        let step = if from % 2 == 0 { 1 } else { 10 };
        fixes[from..].iter_mut().step_by(step).for_each(|fix| fix.mock = true);
        let findings = follow(&places, &fixes);
        !checks_in(&findings) && refused(&findings, CheckInRefusal::MockLocation)
    });
}
