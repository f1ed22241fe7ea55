use super::*;
use crate::ids::PlaceId;
use crate::places::{OpeningHours, Place, Shape};
use proptest::prelude::*;

fn home() -> Position {
    Position::new(34.7, 135.5).unwrap()
}

fn places(at_m: &[(f64, f64)]) -> PlaceIndex {
    PlaceIndex::new(at_m.iter().enumerate().map(|(n, (east, north))| place(n, *east, *north)).collect())
}

fn place(n: usize, east: f64, north: f64) -> Place {
    let circle = Circle { centre: home().offset_by(east, north), radius_m: 150.0 };
    Place::new(PlaceId(n.to_string()), "a place", Direction::Both, Shape::Circle(circle)).unwrap()
}

/// Follows a phone over straight legs, with an operating system that reports exits late and fixes that are off; answers how often it woke.
///
/// The oracle: whatever region the phone is in now and was not in a step ago must have been registered, if the promise covers its speed.
fn follow(
    places: &PlaceIndex,
    policy: &RotationPolicy,
    legs: &[(f64, f64, f64)],
    lateness: &[f64],
    error_m: f64,
) -> Result<u32, TestCaseError> {
    const STEP_S: f64 = 5.0;
    // A phone that drives knows which way; every other time it does not.
    let seen = |at: &Position, n: usize, (bearing, speed, _): (f64, f64, f64)| Situation {
        error_m,
        speed_mps: n.is_multiple_of(2).then_some(speed),
        heading_deg: n.is_multiple_of(2).then_some(bearing),
        ..Situation::at(at.towards(n as f64 * 77.0, error_m))
    };
    let (mut at, mut wakes, mut now_s) = (home(), 0u32, 0.0);
    let mut rotation = rotate(places, &seen(&at, 0, legs[0]), None, policy);
    let mut wakes_at_s: Option<f64> = None;
    let mut inside = places.in_region(&at);
    let fastest = legs.iter().map(|(_, speed, _)| *speed).fold(0.0, f64::max);
    for leg @ (bearing, speed, lasts_s) in legs {
        let steps = (lasts_s / STEP_S) as usize;
        for _ in 0..steps {
            at = at.towards(*bearing, speed * STEP_S);
            now_s += STEP_S;
            let inside_now = places.in_region(&at);
            for entered in inside_now.iter().filter(|n| !inside.contains(n)) {
                prop_assert!(
                    rotation.fences.contains(entered) || !rotation.coverage.holds_at(fastest),
                    "{entered} was entered and not registered: {rotation:?}"
                );
            }
            inside = inside_now;
            if wakes_at_s.is_none() && rotation.is_left_at(&at) {
                // It was left up to a step ago.
                let late_s = lateness[wakes as usize % lateness.len()] * (policy.os_delay_s - STEP_S);
                wakes_at_s = Some(now_s + late_s);
            }
            if wakes_at_s.is_some_and(|wakes_at_s| now_s >= wakes_at_s) {
                wakes += 1;
                wakes_at_s = None;
                rotation = rotate(places, &seen(&at, wakes as usize, *leg), Some(&rotation), policy);
                prop_assert!(rotation.fences.len() < policy.limit.max(1) || rotation.refresh.is_none());
            }
        }
    }
    Ok(wakes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// However dense the places are: the refresh region holds the phone, and every place that touches it is registered, so that a stay there
    /// is found at any speed.
    #[test]
    fn what_touches_the_refresh_region_is_registered(
        fences in prop::collection::vec((-20_000.0..20_000.0f64, -20_000.0..20_000.0f64), 25..300),
        spread in 0.05..3.0f64, heading_deg in 0.0..360.0f64, speed_mps in 0.0..36.0f64, error_m in 0.0..100.0f64, limit in 1usize..24,
    ) {
        let places = places(&fences.iter().map(|(east, north)| (east * spread, north * spread)).collect::<Vec<_>>());
        let situation =
            Situation { error_m, speed_mps: Some(speed_mps), heading_deg: Some(heading_deg), ..Situation::at(home()) };
        let policy = RotationPolicy { limit, ..RotationPolicy::ios() };
        let first = rotate(&places, &situation, None, &policy);
        for rotation in [rotate(&places, &situation, Some(&first), &policy), first] {
            let refresh = rotation.refresh.unwrap();
            prop_assert!(refresh.centre.distance_m(&home()) + error_m.min(refresh.radius_m - 1.0) < refresh.radius_m);
            prop_assert!(rotation.fences.len() < limit && rotation.fences.is_sorted());
            let reach_m = match rotation.coverage {
                Coverage::Guaranteed => refresh.radius_m + 36.0 * 300.0,
                Coverage::Limited { .. } if refresh.radius_m > policy.min_refresh_m => refresh.radius_m,
                // More places lie over each other than may be registered: nothing is promised but that as many are as may.
                Coverage::Limited { .. } => {
                    prop_assert_eq!(rotation.fences.len(), limit - 1);
                    f64::NEG_INFINITY
                }
            };
            for (number, place) in places.places().iter().enumerate() {
                let touches = refresh.centre.distance_m(&place.region().centre) - place.region().radius_m < reach_m;
                prop_assert!(!touches || rotation.fences.contains(&number), "{number} in {rotation:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_fence_entered_was_registered(
        fences in prop::collection::vec((-60_000.0..60_000.0f64, -60_000.0..60_000.0f64), 1..90),
        legs in prop::collection::vec((0.0..360.0f64, 0.5..35.9f64, 300.0..3_000.0f64), 1..6),
        lateness in prop::collection::vec(0.0..=1.0f64, 1..5), error_m in 0.0..500.0f64, limit in 2usize..24,
    ) {
        let places = places(&fences);
        // Errors of the fix at the edge of the refresh region count twice: once where it is drawn, never where it is left.
        follow(&places, &RotationPolicy { limit, ..RotationPolicy::ios() }, &legs, &lateness, error_m)?;
    }

    /// The same in a town, where the promise is often limited to slow movement.
    #[test]
    fn in_a_town_what_is_promised_holds(
        fences in prop::collection::vec((-3_000.0..3_000.0f64, -3_000.0..3_000.0f64), 30..120),
        legs in prop::collection::vec((0.0..360.0f64, 0.5..2.0f64, 300.0..2_000.0f64), 1..4),
        lateness in prop::collection::vec(0.0..=1.0f64, 1..5),
    ) {
        follow(&places(&fences), &RotationPolicy { os_delay_s: 120.0, ..RotationPolicy::ios() }, &legs, &lateness, 0.0)?;
    }
}

#[test]
fn few_places_need_no_refreshing() {
    let rotation = rotate(&places(&[(0.0, 0.0), (900.0, 0.0)]), &Situation::at(home()), None, &RotationPolicy::ios());
    assert_eq!((rotation.fences, rotation.refresh, rotation.coverage), (vec![0, 1], None, Coverage::Guaranteed));
    let none = rotate(&places(&[]), &Situation::at(home()), None, &RotationPolicy::ios());
    assert!(none.fences.is_empty() && none.refresh.is_none());
}

#[test]
fn more_places_on_one_spot_than_may_be_registered() {
    for limit in 1..24 {
        let policy = RotationPolicy { limit, ..RotationPolicy::ios() };
        let rotation = rotate(&places(&[(0.0, 0.0); 25]), &Situation::at(home()), None, &policy);
        assert_eq!((rotation.fences.len(), rotation.coverage), (limit - 1, Coverage::Limited { speed_mps: 0.0 }));
    }
}

#[test]
fn too_many_in_reach_is_said_and_the_likely_ones_are_watched() {
    let ring: Vec<(f64, f64)> = (0..36).map(|n| f64::from(n * 10).to_radians()).map(|a| (1_000.0 * a.sin(), 1_000.0 * a.cos())).collect();
    let situation = Situation { heading_deg: Some(0.0), speed_mps: Some(14.0), ..Situation::at(home()) };
    let rotation = rotate(&places(&ring), &situation, None, &RotationPolicy::ios());
    assert_eq!(rotation.fences.len(), 19);
    assert!(!rotation.coverage.holds_at(14.0) && rotation.coverage.holds_at(1.0), "{:?}", rotation.coverage);
    let ahead: Vec<usize> = (0..=9).chain(27..36).collect();
    assert_eq!(rotation.fences, ahead, "everything ahead, nothing behind");
    // Closed, or worth more: the same place.
    let mut changed: Vec<Place> = ring.iter().enumerate().map(|(n, (east, north))| place(n, *east, *north)).collect();
    changed[0].hours = OpeningHours::weekly(vec![], 540).unwrap();
    changed[18].value = 100_000;
    changed[12].value = 100_000;
    let situation = Situation { now_s: Some(0), heading_deg: None, ..situation };
    let rotation = rotate(&PlaceIndex::new(changed), &situation, None, &RotationPolicy::ios());
    assert!(!rotation.fences.contains(&0) && rotation.fences.contains(&12) && rotation.fences.contains(&18));
}

#[test]
fn the_refresh_region_lies_ahead_of_whoever_drives() {
    let grid: Vec<(f64, f64)> =
        (0..400).map(|n| (f64::from(n % 20) * 9_000.0 - 90_000.0, f64::from(n / 20) * 9_000.0 - 90_000.0)).collect();
    let index = places(&grid);
    let still = rotate(&index, &Situation::at(home()), None, &RotationPolicy::ios());
    assert_eq!(still.refresh.unwrap().centre, home());
    assert!(!still.is_worn_at(&home()));
    let drives = Situation { heading_deg: Some(90.0), speed_mps: Some(25.0), ..Situation::at(home()) };
    let ahead = rotate(&index, &drives, None, &RotationPolicy::ios());
    assert_eq!(ahead.coverage, Coverage::Guaranteed);
    let way = |rotation: &Rotation| (1..).find(|km| rotation.is_left_at(&home().offset_by(f64::from(*km) * 1_000.0, 0.0))).unwrap();
    assert!(way(&ahead) * 2 > way(&still) * 3, "{} km instead of {}", way(&ahead), way(&still));
    assert!(ahead.is_worn_at(&home()) && !ahead.is_left_at(&home()) && ahead.is_left_at(&home().offset_by(-4_000.0, 0.0)));
    // Whoever has just left it went outwards.
    let left = home().offset_by(0.0, 30_000.0);
    let next = rotate(&index, &Situation::at(left), Some(&still), &RotationPolicy::ios());
    assert!(left.offset_m(&next.refresh.unwrap().centre).1 > 1_000.0, "{next:?}");
}

#[test]
fn the_other_carriageway_comes_last() {
    let mut pairs = Vec::new();
    for n in 0..12 {
        let north = 400.0 * f64::from(n);
        for (east, direction) in [(-60.0, Direction::Inbound), (60.0, Direction::Outbound)] {
            let circle = Circle { centre: home().offset_by(east, north), radius_m: 100.0 };
            pairs.push(Place::new(PlaceId(format!("{n}{direction:?}")), "a place", direction, Shape::Circle(circle)).unwrap());
        }
    }
    let index = PlaceIndex::new(pairs);
    let policy = RotationPolicy { limit: 11, ..RotationPolicy::ios() };
    let northwards = Situation { heading_deg: Some(0.0), speed_mps: Some(25.0), ..Situation::at(home().offset_by(0.0, -500.0)) };
    let chosen = rotate(&index, &northwards, None, &policy);
    let own = chosen.fences.iter().filter(|n| index.place(**n).unwrap().direction() == Direction::Inbound).count();
    assert!(own >= 6, "northwards the western side is ours: {chosen:?}");
}

/// A hundred kilometres past a place every five: what is registered twice is not worth a word, and the phone wakes seldom.
#[test]
fn few_registrations_on_a_long_road() {
    let road: Vec<(f64, f64)> = (0..60).map(|n| (0.0, f64::from(n) * 5_000.0)).collect();
    let index = places(&road);
    let policy = RotationPolicy::ios();
    let mut rotation = rotate(&index, &Situation::at(home()), None, &policy);
    let (mut wakes, mut registered) = (0, 0);
    for north in (0..200_000).step_by(500) {
        let at = home().offset_by(0.0, f64::from(north));
        if rotation.is_left_at(&at) {
            let next =
                rotate(&index, &Situation { heading_deg: Some(0.0), speed_mps: Some(28.0), ..Situation::at(at) }, Some(&rotation), &policy);
            registered += next.changes_since(&rotation).0.len();
            wakes += 1;
            rotation = next;
        }
    }
    assert!(wakes <= 5 && registered <= 45, "{wakes} wake-ups, {registered} registrations for 40 places passed");
}
