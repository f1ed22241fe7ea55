//! Check-in over made tracks: what is a stop, what is none, and what is missing; the device and the backend decide alike.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use noren_rules::check_in::{
    Basis, CheckInMonitor, CheckInPolicy, CheckInRefusal, Decision, Evidence, Finding, Fix, Missing, Observation, decide,
};
use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;
use noren_rules::places::{Circle, Direction, Outline, Place, PlaceIndex, Shape};
use proptest::prelude::*;

const T0_MS: i64 = 1_800_000_000_000;

fn origin() -> Position {
    Position::new(34.7, 135.5).unwrap()
}

/// The road runs north; its western carriageway at 0 m east. The site of the northbound side lies west of it, the other east.
fn rectangle(west: f64, east: f64) -> Shape {
    let corners = [(west, -150.0), (east, -150.0), (east, 150.0), (west, 150.0), (west, -150.0)];
    Shape::Outline(Outline::new(&[corners.iter().map(|(x, y)| origin().offset_by(*x, *y)).collect()]).unwrap())
}

fn circle(east: f64) -> Shape {
    Shape::Circle(Circle { centre: origin().offset_by(east, 0.0), radius_m: 150.0 })
}

fn pair(own: Shape, other: Shape) -> PlaceIndex {
    PlaceIndex::new(vec![
        Place::new(PlaceId::from("north"), "北SA (上り)", Direction::Inbound, own).unwrap(),
        Place::new(PlaceId::from("south"), "北SA (下り)", Direction::Outbound, other).unwrap(),
    ])
}

fn outlined() -> PlaceIndex {
    pair(rectangle(-110.0, -25.0), rectangle(45.0, 130.0))
}

fn circles() -> PlaceIndex {
    pair(circle(-65.0), circle(80.0))
}

/// A track in the making: metres east and north of the origin, metres a second.
struct Drive {
    at_ms: i64,
    east: f64,
    north: f64,
    fixes: Vec<Fix>,
}

impl Drive {
    /// From 3 km south.
    fn new() -> Self {
        Self { at_ms: T0_MS, east: 0.0, north: -3_000.0, fixes: Vec::new() }
    }

    fn fix(&mut self) {
        let fix = Fix { accuracy_m: Some(10.0), ..Fix::new(origin().offset_by(self.east, self.north), self.at_ms) };
        self.fixes.push(fix);
        self.at_ms += 1_000;
    }

    fn to(mut self, east: f64, north: f64, speed_mps: f64) -> Self {
        let (from_east, from_north) = (self.east, self.north);
        let steps = ((east - from_east).hypot(north - from_north) / speed_mps).ceil().max(1.0);
        for step in 1..=steps as u32 {
            let part = f64::from(step) / steps;
            (self.east, self.north) = (from_east + (east - from_east) * part, from_north + (north - from_north) * part);
            self.fix();
        }
        self
    }

    fn wait(mut self, seconds: u32) -> Self {
        (0..seconds).for_each(|_| self.fix());
        self
    }

    fn silent(mut self, seconds: i64) -> Self {
        self.at_ms += seconds * 1_000;
        self
    }

    /// A stop at the northbound site.
    fn stop(seconds: u32) -> Self {
        Self::new().to(0.0, -300.0, 28.0).to(-60.0, 0.0, 10.0).wait(seconds).to(0.0, 400.0, 10.0).to(0.0, 3_000.0, 28.0)
    }

    fn observations(&self) -> Vec<Observation> {
        self.fixes.iter().map(|fix| Observation::Fix(*fix)).collect()
    }
}

fn follow(places: &PlaceIndex, observations: &[Observation]) -> Vec<Finding> {
    let mut monitor = CheckInMonitor::new(CheckInPolicy::default());
    let mut findings: Vec<Finding> = observations.iter().flat_map(|observation| monitor.observe(places, observation)).collect();
    findings.extend(monitor.end_all(places, T0_MS + 864_000_000));
    findings
}

/// Every finding as `number basis` or `number reason`; on the way the backend's decision is compared with the device's.
fn outcome(places: &PlaceIndex, observations: &[Observation]) -> Vec<String> {
    let as_the_backend = |evidence: &Evidence, device: Decision| {
        let sent = serde_json::to_string(evidence).unwrap();
        assert!(!sent.contains("lat") && !sent.contains("34.") && !sent.contains("135."), "no coordinate: {sent}");
        let received: Evidence = serde_json::from_str(&sent).unwrap();
        assert_eq!(decide(&received, &CheckInPolicy::default()), device);
    };
    let mut said: Vec<String> = follow(places, observations)
        .iter()
        .map(|finding| match finding {
            Finding::CheckIn { number, basis, evidence, .. } => {
                as_the_backend(evidence, Decision::CheckIn(*basis));
                format!("{number} {basis:?}")
            }
            Finding::Refused { number, refusal, evidence, .. } => {
                as_the_backend(evidence, Decision::Refused(*refusal));
                format!("{number} {}", refusal.reason())
            }
            Finding::Waiting { number, missing } => format!("{number} {missing:?}"),
        })
        .collect();
    said.sort();
    said
}

fn drive(places: &PlaceIndex, drive: &Drive) -> Vec<String> {
    outcome(places, &drive.observations())
}

#[test]
fn a_stop_is_checked_in_once_on_its_own_side() {
    for places in [outlined(), circles()] {
        assert_eq!(drive(&places, &Drive::stop(180)), ["0 Dwell", "1 opposite_side"]);
        assert_eq!(drive(&places, &Drive::stop(3_600)), ["0 Dwell", "1 opposite_side"]);
    }
    let other_side = Drive::new().to(0.0, -300.0, 28.0).to(80.0, 0.0, 10.0).wait(300).to(0.0, 2_000.0, 20.0);
    for places in [outlined(), circles()] {
        assert_eq!(drive(&places, &other_side), ["0 opposite_side", "1 Dwell"]);
    }
}

#[test]
fn sparse_fixes_of_unknown_accuracy_are_enough() {
    let mut stop = Drive::stop(600);
    stop.fixes = stop.fixes.into_iter().step_by(45).map(|fix| Fix { accuracy_m: None, ..fix }).collect();
    for places in [outlined(), circles()] {
        assert!(drive(&places, &stop).contains(&"0 Dwell".to_owned()));
    }
}

#[test]
fn passing_is_no_stop() {
    for places in [outlined(), circles()] {
        for speed in [22.0, 28.0, 33.0] {
            assert_eq!(drive(&places, &Drive::new().to(0.0, 3_000.0, speed)), ["0 passed_by", "1 passed_by"]);
        }
        // 2 km/h to 8 km/h, with standing in between.
        for (step, wait) in [(25.0, 40), (60.0, 30), (20.0, 5)] {
            let mut jam = Drive::new().to(0.0, -400.0, 25.0);
            while jam.north < 400.0 {
                let north = jam.north + step;
                jam = jam.to(0.0, north, 3.0).wait(wait);
            }
            let said = drive(&places, &jam.to(0.0, 3_000.0, 25.0));
            assert_eq!(said.len(), 2, "{said:?}");
            assert!(said.iter().all(|line| !line.contains("Dwell")), "{said:?}");
        }
    }
    let closed_road = Drive::new().to(0.0, 0.0, 20.0).wait(1_200).to(0.0, 3_000.0, 20.0);
    assert_eq!(drive(&outlined(), &closed_road), ["0 beside_the_site", "1 beside_the_site"], "20 minutes on the road, 25 m from the site");
    let short = Drive::stop(70);
    assert!(drive(&outlined(), &short).contains(&"0 too_short".to_owned()));
}

#[test]
fn decks_above_each_other_are_undecidable() {
    let decks = pair(circle(-14.0), circle(14.0));
    assert_eq!(
        drive(&decks, &Drive::new().to(-14.0, 0.0, 20.0).wait(300).to(0.0, 3_000.0, 20.0)),
        ["0 side_undecidable", "1 side_undecidable"]
    );
}

#[test]
fn what_is_made_up_is_refused() {
    let refused = |change: &dyn Fn(&mut Vec<Fix>), reason: &str| {
        let mut made_up = Drive::stop(600);
        change(&mut made_up.fixes);
        let said = drive(&outlined(), &made_up);
        assert!(said.contains(&format!("0 {reason}")) && !said.iter().any(|line| line.contains("Dwell")), "{reason}: {said:?}");
    };
    refused(&|fixes| fixes.iter_mut().for_each(|fix| fix.mock = true), "mock_location");
    refused(&|fixes| fixes[170].mock = true, "mock_location");
    // From 50 km away to the car park in a second.
    refused(&|fixes| fixes.iter_mut().take(140).for_each(|fix| fix.position = fix.position.offset_by(50_000.0, 0.0)), "jump");
    refused(&|fixes| fixes.iter_mut().skip(200).for_each(|fix| fix.at_ms -= 3_600_000), "clock_shift");
    // With the boot clock a clock set forward is seen too.
    refused(
        &|fixes| {
            fixes.iter_mut().for_each(|fix| fix.boot_ms = Some(fix.at_ms - T0_MS));
            fixes.iter_mut().skip(200).for_each(|fix| fix.at_ms += 600_000);
        },
        "clock_shift",
    );
    // Passing by, the clock set forward by ten minutes in the middle.
    let mut passing = Drive::new().to(0.0, 3_000.0, 28.0);
    passing.fixes.iter_mut().for_each(|fix| fix.speed_mps = Some(28.0));
    passing.fixes.iter_mut().skip(107).for_each(|fix| fix.at_ms += 600_000);
    assert!(drive(&circles(), &passing).contains(&"0 clock_shift".to_owned()));
    // The same standing for a minute cannot be told from a phone that slept; it proves nothing either way.
    let asleep = Drive::new().to(-60.0, 0.0, 20.0).wait(50).silent(3_600).wait(30).to(0.0, 3_000.0, 20.0);
    assert!(drive(&outlined(), &asleep).iter().all(|line| !line.contains("Dwell")));
}

#[test]
fn noise_is_borne() {
    let mut noisy = Drive::stop(300);
    let duplicates: Vec<Fix> = noisy.fixes.clone();
    for (at, fix) in duplicates.into_iter().enumerate().rev() {
        match at % 20 {
            3 => noisy.fixes.insert(at, fix),                                                        // twice
            7 => noisy.fixes.insert(at, Fix { at_ms: fix.at_ms - 30_000, ..fix }),                   // late
            11 => noisy.fixes[at] = Fix { position: fix.position.offset_by(1_500.0, 900.0), ..fix }, // a leap with a good accuracy
            13 => noisy.fixes[at] = Fix { position: fix.position.offset_by(120.0, 0.0), ..fix },     // across the road
            17 => noisy.fixes[at] = Fix { position: fix.position.offset_by(0.0, 4_000.0), accuracy_m: Some(1_400.0), ..fix },
            _ => {}
        }
    }
    assert_eq!(drive(&outlined(), &noisy), ["0 Dwell", "1 opposite_side"]);
}

#[test]
fn inexact_fixes_prove_nothing() {
    let mut inexact = Drive::stop(600);
    inexact.fixes.iter_mut().for_each(|fix| fix.accuracy_m = Some(1_500.0));
    assert_eq!(drive(&outlined(), &inexact), ["0 poor_accuracy", "1 poor_accuracy"]);
    inexact.fixes.iter_mut().for_each(|fix| fix.accuracy_m = Some(60.0));
    assert!(drive(&outlined(), &inexact).contains(&"0 poor_accuracy".to_owned()), "fair fixes alone");
}

#[test]
fn coming_back_is_cooled_down() {
    let twice = |away_s| {
        let back = Drive::stop(300)
            .silent(away_s)
            .to(5_000.0, 3_000.0, 20.0)
            .to(5_000.0, -3_000.0, 20.0)
            .to(0.0, -3_000.0, 20.0)
            .to(0.0, -300.0, 28.0)
            .to(-60.0, 0.0, 10.0)
            .wait(300)
            .to(0.0, 3_000.0, 20.0);
        drive(&outlined(), &back).into_iter().filter(|line| line.starts_with('0')).collect::<Vec<_>>()
    };
    assert_eq!(twice(0), ["0 Dwell", "0 cool_down"]);
    assert_eq!(twice(7 * 3_600), ["0 Dwell", "0 Dwell"]);
    // Around the building and back within five minutes is one visit.
    let around = Drive::new().to(-60.0, 0.0, 15.0).wait(300).to(-400.0, 0.0, 3.0).to(-60.0, 0.0, 3.0).wait(300).to(0.0, 3_000.0, 20.0);
    assert_eq!(drive(&outlined(), &around).iter().filter(|line| line.starts_with('0')).collect::<Vec<_>>(), ["0 Dwell"]);
}

#[test]
fn the_app_opened_at_the_place_answers_at_once() {
    let arrive = Drive::new().to(0.0, -300.0, 28.0).to(-60.0, 0.0, 10.0).wait(14);
    let mut opened = arrive.observations();
    opened.push(Observation::Opened { at_ms: arrive.at_ms });
    let said = outcome(&outlined(), &opened);
    assert!(said.contains(&"0 Opened".to_owned()) && said.contains(&"1 Place".to_owned()), "{said:?}");
    let said = outcome(&circles(), &opened);
    assert!(said.iter().any(|line| line.starts_with("0 Dwell { left_s: 1")), "a circle also holds the road: {said:?}");
    // Opened by a passenger at 100 km/h; with no fix at all; with approximate location.
    let mut passing = Drive::new().to(-40.0, 0.0, 28.0).observations();
    passing.push(Observation::Opened { at_ms: T0_MS + 108_000 });
    let said = outcome(&outlined(), &passing);
    assert!(said.contains(&"0 Stop".to_owned()) || said.contains(&"0 Place".to_owned()), "{said:?}");
    let entered = Observation::RegionEntered { place: PlaceId::from("north"), at_ms: T0_MS };
    let said = outcome(&outlined(), &[entered.clone(), Observation::Opened { at_ms: T0_MS + 5_000 }]);
    assert_eq!(said, ["0 Fix", "0 poor_accuracy"]);
    let approximate = Observation::Fix(Fix { accuracy_m: Some(3_000.0), ..Fix::new(origin().offset_by(-60.0, 0.0), T0_MS) });
    let said = outcome(&outlined(), &[approximate, Observation::Opened { at_ms: T0_MS + 1_000 }]);
    assert!(said.contains(&"0 Accuracy".to_owned()), "{said:?}");
    assert_eq!(serde_json::to_string(&Missing::Dwell { left_s: 3 }).unwrap(), r#"{"missing":"dwell","left_s":3}"#);
}

#[test]
fn the_system_s_own_visit_and_its_late_exit() {
    let at = |east| Observation::OsVisit {
        position: origin().offset_by(east, 0.0),
        accuracy_m: Some(25.0),
        arrived_ms: T0_MS,
        until_ms: T0_MS + 900_000,
    };
    assert_eq!(outcome(&outlined(), &[at(-60.0)]), ["0 OsVisit"]);
    assert!(outcome(&outlined(), &[at(10.0)]).is_empty(), "between the sites");
    assert!(outcome(&pair(circle(-14.0), circle(14.0)), &[at(-14.0)]).is_empty(), "decks above each other");
    let mut passing = Drive::new().to(0.0, 100.0, 28.0).observations();
    passing.push(Observation::RegionLeft { place: PlaceId::from("north"), at_ms: T0_MS + 400_000 });
    assert_eq!(outcome(&outlined(), &passing), ["0 passed_by", "1 passed_by"]);
}

#[test]
fn a_reboot_and_a_killed_process_lose_nothing() {
    let places = outlined();
    let observations = Drive::stop(400).observations();
    let (before, after) = observations.split_at(200);
    let mut monitor = CheckInMonitor::new(CheckInPolicy::default());
    let mut findings: Vec<Finding> = before.iter().flat_map(|observation| monitor.observe(&places, observation)).collect();
    let stored = serde_json::to_string(&monitor).unwrap();
    let mut monitor: CheckInMonitor = serde_json::from_str(&stored).unwrap();
    findings.extend(monitor.observe(&places, &Observation::Rebooted));
    findings.extend(after.iter().flat_map(|observation| monitor.observe(&places, observation)));
    let unproven: Vec<bool> = findings
        .iter()
        .filter_map(|finding| match finding {
            Finding::CheckIn { evidence, .. } => Some(evidence.clock_unproven),
            _ => None,
        })
        .collect();
    assert_eq!(unproven, [true], "checked in once; by a clock that nobody has proven since the reboot");
    assert_eq!(CheckInRefusal::CoolDown.reason(), "cool_down");
    assert_eq!(Basis::OsVisit, serde_json::from_str("\"os_visit\"").unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the stamps, accuracies and speeds: no panic, and no two check-ins at one place within the cool-down.
    #[test]
    fn any_fixes_at_all(
        fixes in prop::collection::vec((-400.0..400.0f64, -400.0..400.0f64, prop_oneof![8 => 0i64..1_000_000, 1 => any::<i64>()], any::<Option<f64>>(), any::<Option<f64>>(), any::<bool>()), 0..60),
        boot in any::<Option<i64>>(),
    ) {
        let observations: Vec<Observation> = fixes.iter().map(|(east, north, at_ms, accuracy_m, speed_mps, mock)| {
            Observation::Fix(Fix { position: origin().offset_by(*east, *north), at_ms: *at_ms, boot_ms: boot, accuracy_m: *accuracy_m, speed_mps: *speed_mps, mock: *mock })
        }).collect();
        let said = outcome(&circles(), &observations);
        prop_assert!(said.iter().filter(|line| line.ends_with("Dwell")).count() <= 1);
    }
}

#[test]
fn nobody_checks_in_at_a_gate() {
    let mut gate = Place::new(PlaceId::from("gate"), "橋", Direction::Both, rectangle(-110.0, -25.0)).unwrap();
    gate.is_gate = true;
    assert_eq!(drive(&PlaceIndex::new(vec![gate.clone()]), &Drive::stop(600)), Vec::<String>::new());
    gate.is_gate = false;
    assert_eq!(drive(&PlaceIndex::new(vec![gate]), &Drive::stop(600)), ["0 Dwell"]);
}
