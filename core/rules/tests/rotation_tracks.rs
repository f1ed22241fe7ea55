//! Rotation over tracks: whatever fence the phone enters was registered, as far as the promise goes, with an operating system that is late.
//!
//! The committed track is built (an expressway with bends, a jam, a stop, tunnels, noise and outliers). With `NOREN_TRACES` naming a folder, every
//! track below it is driven too: GPX, and CSV whose header names lat, lon and ts_unix or t_s. Recorded tracks are people's movements: they stay out
//! of the repository.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use std::path::{Path, PathBuf};

use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;
use noren_rules::places::{Circle, Direction, Place, PlaceIndex, Shape};
use noren_rules::rotation::{Rotation, RotationPolicy, Situation, rotate};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Between two points of a track that is followed; beyond, one of the two is an outlier.
const FASTEST_MPS: f64 = 60.0;

#[derive(Debug, Clone)]
struct Point {
    at_s: f64,
    at: Position,
}

fn of_csv(text: &str) -> Vec<Point> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |names: &[&str]| header.iter().position(|name| names.contains(name));
    let (Some(time), Some(lat), Some(lon)) = (column(&["ts_unix", "t_s"]), column(&["lat"]), column(&["lon"])) else { return Vec::new() };
    let accuracy = column(&["accuracy_m"]);
    let point = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells.get(at)?.parse::<f64>().ok();
        // An inexact fix says nothing about where the phone is.
        if accuracy.and_then(number).is_some_and(|accuracy| accuracy > 65.0) {
            return None;
        }
        Some(Point { at_s: number(time)?, at: Position::new(number(lat)?, number(lon)?).ok()? })
    };
    lines.filter_map(point).collect()
}

fn of_gpx(text: &str) -> Vec<Point> {
    let value = |piece: &str, name: &str| {
        let (_, after) = piece.split_once(&format!("{name}=\""))?;
        after.split('"').next()?.parse::<f64>().ok()
    };
    let seconds = |piece: &str| {
        let stamp = piece.split("<time>").nth(1)?.split(['<', 'Z', '.', '+']).next()?;
        let mut parts = stamp.split(['-', 'T', ':']).map(|part| part.parse::<f64>().ok());
        let mut next = || parts.next().flatten();
        let (year, month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?, next()?);
        // One track is over within a month; the year's beginning does not matter here.
        Some((((year * 12.0 + month) * 31.0 + day) * 24.0 + hour) * 3_600.0 + minute * 60.0 + second)
    };
    let point = |piece: &str| Some(Point { at_s: seconds(piece)?, at: Position::new(value(piece, "lat")?, value(piece, "lon")?).ok()? });
    text.split("<trkpt").skip(1).filter_map(point).collect()
}

/// In order of time and without outliers.
fn cleaned(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let mut kept: Vec<Point> = Vec::new();
    for point in points {
        let reachable = kept
            .last()
            .is_none_or(|last| last.at_s < point.at_s && last.at.distance_m(&point.at) <= FASTEST_MPS * (point.at_s - last.at_s));
        if reachable {
            kept.push(point);
        }
    }
    kept
}

fn tracks() -> Vec<(String, Vec<Point>)> {
    let mut tracks = vec![("the built drive".to_owned(), cleaned(of_csv(include_str!("data/drive.csv"))))];
    let mut folders: Vec<PathBuf> = std::env::var_os("NOREN_TRACES").map(PathBuf::from).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).expect("NOREN_TRACES names a folder").map(|entry| entry.unwrap().path()) {
            let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
            let points = match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => {
                    folders.push(path.clone());
                    continue;
                }
                Some("csv") => of_csv(&read(&path)),
                Some("gpx") => of_gpx(&read(&path)),
                _ => continue,
            };
            let points = cleaned(points);
            if points.len() > 1 {
                tracks.push((path.display().to_string(), points));
            }
        }
    }
    tracks
}

/// Fences along and around the track, by random numbers.
fn fences(track: &[Point], thrown: &[(f64, f64, f64)]) -> PlaceIndex {
    let place = |(n, (along, off, way)): (usize, &(f64, f64, f64))| {
        let near = &track[((track.len() - 1) as f64 * along) as usize].at;
        // Many close to the track, some far away.
        let circle = Circle { centre: near.towards(way * 360.0, off.powi(4) * 150_000.0), radius_m: 100.0 + 100.0 * way };
        Place::new(PlaceId(n.to_string()), "a place", Direction::Both, Shape::Circle(circle)).unwrap()
    };
    PlaceIndex::new(thrown.iter().enumerate().map(place).collect())
}

/// How far the phone was between a fix and the next cannot be known: it is looked at where the track has it. Answers entries and wake-ups.
fn follow(places: &PlaceIndex, policy: &RotationPolicy, track: &[Point], late: &[f64]) -> Result<(usize, usize), TestCaseError> {
    let (mut entries, mut wakes) = (0, 0);
    let mut rotation = rotate(places, &Situation::at(track[0].at), None, policy);
    let mut inside = places.in_region(&track[0].at);
    let mut left_s: Option<f64> = None;
    for (number, two) in track.windows(2).enumerate() {
        let (before, now) = (&two[0], &two[1]);
        let lasted_s = now.at_s - before.at_s;
        let speed_mps = before.at.distance_m(&now.at) / lasted_s;
        let here = places.in_region(&now.at);
        // Left at the earliest where the track was seen last: a gap is part of the delay, and one that is longer than the delay proves nothing.
        if left_s.is_none() && rotation.is_left_at(&now.at) {
            left_s = Some(before.at_s);
        }
        let overdue = left_s.is_some_and(|left_s| now.at_s > left_s + policy.os_delay_s);
        for entered in here.iter().filter(|entered| !inside.contains(entered)) {
            entries += 1;
            prop_assert!(
                overdue || rotation.fences.contains(entered) || !rotation.coverage.holds_at(FASTEST_MPS),
                "fence {entered} was entered at point {number} and not registered: {rotation:?}"
            );
        }
        inside = here;
        let awake = left_s.is_some_and(|left_s| now.at_s >= left_s + late[wakes % late.len()] * policy.os_delay_s);
        if awake {
            wakes += 1;
            left_s = None;
            let heading_deg = Some(before.at.bearing_deg(&now.at));
            let situation = Situation { speed_mps: Some(speed_mps), heading_deg, ..Situation::at(now.at) };
            let next: Rotation = rotate(places, &situation, Some(&rotation), policy);
            prop_assert!(next.fences.len() < policy.limit);
            rotation = next;
        }
    }
    Ok((entries, wakes))
}

#[test]
fn what_is_entered_on_a_track_was_registered() {
    let (mut entries, mut wakes) = (0, 0);
    for (name, track) in tracks() {
        let thrown = prop::collection::vec((0.0..1.0f64, 0.0..1.0f64, 0.0..1.0f64), 25..160);
        let late = prop::collection::vec(0.0..=1.0f64, 1..6);
        let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
        let seen = std::cell::Cell::new((0, 0));
        runner
            .run(&(thrown, late, 2usize..24, 20.0..300.0f64), |(thrown, late, limit, os_delay_s)| {
                let policy = RotationPolicy { limit, os_delay_s, max_speed_mps: FASTEST_MPS, ..RotationPolicy::ios() };
                let (entered, woke) = follow(&fences(&track, &thrown), &policy, &track, &late)?;
                seen.set((seen.get().0 + entered, seen.get().1 + woke));
                Ok(())
            })
            .unwrap_or_else(|failure| panic!("{name}: {failure}"));
        entries += seen.get().0;
        wakes += seen.get().1;
    }
    assert!(entries > 100 && wakes > 100, "{entries} entries, {wakes} wake-ups: the tracks must try it");
}

#[test]
fn tracks_are_read() {
    let csv = of_csv("ts_unix,lat,lon,accuracy_m\n5,34.5,135.5,10\n6,34.5,135.6,900\n7,x,1,1\n");
    assert_eq!(csv.len(), 1);
    let gpx = of_gpx(
        r#"<trkpt lat="34.5" lon="135.5"><time>2026-11-03T01:02:03Z</time></trkpt><trkpt lon="135.6" lat="34.5"><time>2026-11-03T01:02:04.5Z</time></trkpt>"#,
    );
    assert_eq!(gpx[1].at_s - gpx[0].at_s, 1.0);
    assert_eq!(cleaned(gpx).len(), 1, "9 km in a second");
    assert!(tracks()[0].1.len() > 300);
}
