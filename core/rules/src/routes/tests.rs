use super::*;
use crate::geo::Position;
use crate::places::{Direction, Place, Shape};
use proptest::prelude::*;

const T0_MS: i64 = 1_800_000_000_000;

/// Four gates along a road to the east, 10 km apart.
fn gates() -> PlaceIndex {
    let start = Position::new(34.7, 135.0).unwrap();
    let gate = |(n, name): (i32, &str)| {
        let circle = Circle { centre: start.towards(90.0, f64::from(n) * 10_000.0), radius_m: 150.0 };
        Place::new(PlaceId::from(name), name, Direction::Both, Shape::Circle(circle)).unwrap()
    };
    PlaceIndex::new((0..).zip(["A", "B", "C", "D"]).map(gate).collect())
}

fn info(gates: &[&str], within_s: u32) -> RouteInfo {
    RouteInfo {
        id: PlaceId::from("the coast"),
        name: "The coast".into(),
        gates: gates.iter().map(|gate| PlaceId::from(*gate)).collect(),
        within_s,
    }
}

fn coast() -> Route {
    Route::in_index(&info(&["A", "B", "C"], 3_600), &gates()).unwrap()
}

fn pass(gate: &str, at_s: i64) -> GatePass {
    GatePass { gate: PlaceId::from(gate), at_ms: T0_MS + at_s * 1_000, accuracy: AccuracyClass::Good, mock: false }
}

/// Drives from gate to gate (by their numbers) with a fix every ten seconds; what is found, and whether it counts.
fn drive(route: &Route, stations: &[i32], speed_mps: f64, sees: impl Fn(f64) -> bool) -> Vec<Result<(), RouteRefusal>> {
    let places = gates();
    let start = places.places()[0].region().centre;
    let (mut monitor, mut found, mut at_ms) = (RouteMonitor::default(), Vec::new(), T0_MS);
    let mut along_m = f64::from(stations[0]) * 10_000.0 - 1_000.0;
    for station in stations {
        let to_m = f64::from(*station) * 10_000.0;
        while (to_m - along_m).abs() > 1.0 {
            along_m += (to_m - along_m).clamp(-speed_mps * 10.0, speed_mps * 10.0);
            at_ms += 10_000;
            let fix = Fix { accuracy_m: Some(8.0), ..Fix::new(start.towards(90.0, along_m), at_ms) };
            if sees(along_m) {
                found.extend(monitor.observe(std::slice::from_ref(route), &places, &fix));
            }
            // It may be put to sleep at any moment.
            monitor = serde_json::from_str(&serde_json::to_string(&monitor).unwrap()).unwrap();
        }
    }
    found.iter().map(|finding| decide_route(route, &finding.passes)).collect()
}

#[test]
fn a_traverse_counts_once() {
    assert_eq!(drive(&coast(), &[0, 1, 2, 3], 25.0, |_| true), [Ok(())]);
    assert_eq!(drive(&coast(), &[0, 1, 2, 1, 0, 1, 2], 25.0, |_| true), [Ok(()), Ok(())], "there, back, and there again");
}

#[test]
fn a_tunnel_between_gates_costs_nothing_and_a_gate_unseen_does() {
    assert_eq!(drive(&coast(), &[0, 1, 2], 25.0, |along_m| !(2_000.0..9_500.0).contains(&along_m)), [Ok(())]);
    assert_eq!(drive(&coast(), &[0, 1, 2, 3], 25.0, |along_m| !(9_000.0..11_000.0).contains(&along_m)), []);
}

#[test]
fn another_order_is_no_traverse() {
    assert_eq!(drive(&coast(), &[2, 1, 0], 25.0, |_| true), [], "the other way");
    assert_eq!(drive(&coast(), &[0, 1, 0], 25.0, |_| true), [], "a U-turn");
    let route = Route::in_index(&info(&["A", "C", "B"], 9_000), &gates()).unwrap();
    assert_eq!(drive(&route, &[0, 2, 1], 25.0, |_| true), [], "the road passes B before C");
    let ring = Route::in_index(&info(&["A", "B", "A"], 9_000), &gates()).unwrap();
    assert_eq!(drive(&ring, &[0, 1, 0], 25.0, |_| true), [Ok(())], "there and back may be the route");
    // Turning round on the way and going on.
    assert_eq!(drive(&coast(), &[0, 1, 0, 1, 2], 25.0, |_| true), [Ok(())]);
}

#[test]
fn too_slow_too_fast_made_up() {
    assert_eq!(drive(&coast(), &[0, 1, 2], 5.0, |_| true), [Err(RouteRefusal::TooSlow)]);
    assert_eq!(drive(&coast(), &[0, 1, 2], 2.0, |_| true), [], "given up");
    let route = coast();
    assert!(route.legs_m.iter().all(|leg_m| leg_m.abs_diff(9_700) <= 1), "{route:?}");
    let route = Route { legs_m: vec![9_700, 9_700], ..route };
    let at = |b, c| decide_route(&route, &[pass("A", 0), pass("B", b), pass("C", c)]);
    assert_eq!(at(200, 400), Ok(()));
    assert_eq!(at(162, 324), Ok(()));
    assert_eq!(at(161, 324), Err(RouteRefusal::TooFast));
    assert_eq!(at(400, 200), Err(RouteRefusal::WrongOrder));
    assert_eq!(at(1_800, 3_601), Err(RouteRefusal::TooSlow));
    let mut passes = vec![pass("A", 0), pass("B", 300), pass("C", 700)];
    passes[1].accuracy = AccuracyClass::Poor;
    assert_eq!(decide_route(&route, &passes), Err(RouteRefusal::PoorAccuracy));
    passes[2].mock = true;
    assert_eq!(decide_route(&route, &passes), Err(RouteRefusal::MockLocation));
    assert_eq!(decide_route(&route, &[pass("A", 0), pass("B", 300)]), Err(RouteRefusal::GateMissing));
    assert_eq!(decide_route(&route, &[pass("A", 0), pass("C", 300)]), Err(RouteRefusal::WrongOrder));
    assert_eq!(decide_route(&route, &[]), Err(RouteRefusal::GateMissing));
}

#[test]
fn an_entry_that_was_reported_late_is_not_too_fast() {
    let (route, places) = (coast(), gates());
    let mut monitor = RouteMonitor::default();
    let routes = [route.clone()];
    // A is reported four minutes late, B by a fix on time.
    assert!(monitor.pass_region(&routes, &"A".into(), T0_MS + 240_000).is_empty());
    assert!(monitor.observe(&routes, &places, &Fix::new(places.places()[1].region().centre, T0_MS + 350_000)).is_empty());
    assert_eq!(monitor.passed(&"the coast".into()).len(), 2);
    let found = monitor.pass_region(&routes, &"C".into(), T0_MS + 900_000);
    assert_eq!(decide_route(&route, &found[0].passes), Ok(()));
    assert!(monitor.passed(&"the coast".into()).is_empty());
    // No delay explains this.
    assert_eq!(decide_route(&Route { legs_m: vec![90_000, 10], ..route }, &found[0].passes), Err(RouteRefusal::TooFast));
}

#[test]
fn what_is_no_route_is_said() {
    let places = gates();
    let refused = |gates: &[&str], within_s| Route::in_index(&info(gates, within_s), &places).unwrap_err();
    assert_eq!(refused(&["A"], 60), RouteError::TooFewGates);
    assert_eq!(refused(&["A", "B"], 0), RouteError::NoTime);
    assert_eq!(refused(&["A", "A"], 60), RouteError::TwiceInARow("A".into()));
    assert_eq!(refused(&["A", "Z"], 60), RouteError::UnknownGate("Z".into()));
}

proptest! {
    /// Whatever comes in: no panic, and what is found is a row of the route's gates in time.
    #[test]
    fn what_is_found_is_in_order(seen in prop::collection::vec((0usize..4, -400i64..900, any::<bool>()), 0..80)) {
        let (route, places) = (coast(), gates());
        let (mut monitor, mut at_s) = (RouteMonitor::default(), 0);
        for (gate, later_s, by_fix) in seen {
            at_s += later_s;
            let place = &places.places()[gate];
            let found = if by_fix {
                monitor.observe(std::slice::from_ref(&route), &places, &Fix::new(place.region().centre, T0_MS + at_s * 1_000))
            } else {
                monitor.pass_region(std::slice::from_ref(&route), place.id(), T0_MS + at_s * 1_000)
            };
            for finding in found {
                let passed: Vec<&PlaceId> = finding.passes.iter().map(|pass| &pass.gate).collect();
                prop_assert_eq!(passed, route.gates.iter().collect::<Vec<_>>());
                prop_assert!(finding.passes.is_sorted_by_key(|pass| pass.at_ms));
                let decided = decide_route(&route, &finding.passes);
                prop_assert!(!matches!(decided, Err(RouteRefusal::WrongOrder | RouteRefusal::GateMissing)), "{decided:?}");
            }
        }
    }
}
