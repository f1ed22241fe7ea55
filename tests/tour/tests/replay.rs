//! `noren replay` over drives built from the outlines of real service areas: every true stop is checked in once, on its own side; everything else is
//! refused with its reason; bad input is an answer of one line.
//!
//! The drives are built, not recorded: the road is a straight line along the site, fixes carry the accuracies, errors and outliers of real phone logs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::path::{Path, PathBuf};

use noren_rules::geo::Position;
use noren_tour::drives::{BEGINS_MS, CRAWLED_PAST, Drive, DriveFix, PASSED_BY, STOPPED_AT, Site, Westward};
use proptest::prelude::*;
use serde_json::Value;
use support::run;

const OUTLINES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/sapa/outlines.geojson");
const CIRCLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/sapa/kansai.csv");

fn sites() -> Vec<Site> {
    noren_tour::drives::sites(noren_tour::drives::OUTLINES).unwrap()
}

fn stop(site: &Site, seed: u64, seconds: u32) -> Drive {
    Drive::new(site, seed).stopping_for(seconds)
}

fn at_s(fix: &DriveFix) -> f64 {
    fix.at_ms as f64 / 1_000.0
}

/// As a track file; every `every`th fix of it.
fn write(drive: &Drive, every: usize) -> tempfile::NamedTempFile {
    let mut text = "ts_unix,lat,lon,accuracy_m,speed_mps,mock\n".to_owned();
    for fix in drive.fixes.iter().step_by(every) {
        let (at_s, lat, lon, mock) = (at_s(fix), fix.shown.lat_deg(), fix.shown.lon_deg(), u8::from(fix.mock));
        text.push_str(&format!("{at_s},{lat:.7},{lon:.7},{:.1},{:.2},{mock}\n", fix.accuracy_m, fix.speed_mps));
    }
    file(&text)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// Replays, and answers the lines; the summary has been checked against them.
fn replay(track: &Path, places: &str) -> Vec<Value> {
    let output = run(&["replay", track.to_str().unwrap(), "--places", places]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.last().unwrap();
    assert_eq!(summary["event"], "summary");
    assert_eq!(summary["check_ins"], lines.iter().filter(|line| line["event"] == "check_in").count());
    lines
}

fn check_ins(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line["event"] == "check_in").collect()
}

fn reasons<'a>(lines: &'a [Value], place: &str) -> Vec<&'a str> {
    lines.iter().filter(|line| line["event"] == "refused" && line["place"] == place).map(|line| line["reason"].as_str().unwrap()).collect()
}

/// A circle of 150 m around each of the sites.
fn circles_of(sites: &[Site]) -> tempfile::NamedTempFile {
    let row = |site: &Site| format!("{},{},{},{}\n", site.middle.lat_deg(), site.middle.lon_deg(), site.name, site.direction);
    file(&format!("lat,lon,name,direction\n{}", sites.iter().map(row).collect::<String>()))
}

#[test]
fn every_true_stop_is_checked_in_once_on_its_own_side() {
    let sites = sites();
    assert!(sites.len() >= 16, "{} sites", sites.len());
    let circles = circles_of(&sites);
    for (seed, site) in (1u64..).zip(&sites) {
        for (places, every, seconds) in
            [(OUTLINES, 1, 180), (OUTLINES, 20, 600), (circles.path().to_str().unwrap(), 1, 180), (CIRCLES, 7, 400)]
        {
            let drive = stop(site, seed, seconds);
            let lines = replay(write(&drive, every).path(), places);
            let checked_in = check_ins(&lines);
            // Not every outline lies in Kansai.
            if places == CIRCLES && !std::fs::read_to_string(CIRCLES).unwrap().contains(&format!(",{},", site.name)) {
                continue;
            }
            assert_eq!(checked_in.len(), 1, "{} {places} {every}: {lines:?}", site.name);
            assert_eq!(
                (&checked_in[0]["place"], &checked_in[0]["direction"]),
                (&Value::from(site.name.as_str()), &Value::from(site.direction.as_str()))
            );
            let checked_in_s = checked_in[0]["at"].as_f64().unwrap();
            let stays = drive.fixes.iter().filter(|row| row.true_position.distance_m(&site.middle) < 100.0).map(at_s);
            let (from, to) = stays.fold((f64::INFINITY, 0.0), |(from, to): (f64, f64), at| (from.min(at), to.max(at)));
            assert!((from..=to).contains(&checked_in_s), "while it is there");
        }
    }
}

/// The drive of the tour, past three areas and through a tunnel, among all areas of the outlines: both sides of each are spoken of once.
#[test]
fn the_long_drive_checks_in_where_it_stops_and_nowhere_else() {
    for seed in 1..=5 {
        let drive = Westward::build(seed).unwrap().drive;
        let lines = replay(write(&drive, 1).path(), OUTLINES);
        let checked_in = check_ins(&lines);
        assert_eq!(checked_in.len(), 1, "{lines:?}");
        assert_eq!(checked_in[0]["place"], STOPPED_AT);
        assert_eq!(reasons(&lines, PASSED_BY), ["passed_by"]);
        let crawled = reasons(&lines, CRAWLED_PAST);
        assert!(matches!(crawled[..], ["crawled_past" | "beside_the_site" | "too_short"]), "{crawled:?}");
        assert!(reasons(&lines, STOPPED_AT).is_empty(), "{lines:?}");
        assert_eq!(reasons(&lines, &STOPPED_AT.replace("下り", "上り")), ["opposite_side"], "{lines:?}");
        let gap_ms = drive.fixes.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms).max();
        assert!(gap_ms > Some(50_000), "a tunnel");
    }
}

#[test]
fn passing_by_and_crawling_past_give_nothing() {
    let sites = sites();
    let circles = circles_of(&sites);
    for (seed, site) in (100u64..).zip(&sites) {
        for places in [OUTLINES, circles.path().to_str().unwrap()] {
            for kmh in [80.0, 100.0, 120.0] {
                let lines = replay(write(&Drive::new(site, seed).passing(kmh), 1).path(), places);
                assert!(check_ins(&lines).is_empty(), "{} at {kmh} km/h: {lines:?}", site.name);
                assert!(reasons(&lines, &site.name).iter().all(|reason| *reason == "passed_by"), "{lines:?}");
            }
            let lines = replay(write(&Drive::new(site, seed).crawling(), 1).path(), places);
            assert!(check_ins(&lines).is_empty(), "{} in a jam: {lines:?}", site.name);
            let reasons = reasons(&lines, &site.name);
            let known = ["crawled_past", "beside_the_site", "too_short", "opposite_side", "side_undecidable"];
            assert!(!reasons.is_empty() && reasons.iter().all(|reason| known.contains(reason)), "{} in a jam: {reasons:?}", site.name);
        }
    }
}

#[test]
fn what_is_made_up_is_refused_with_its_reason() {
    for (seed, site) in (200u64..).zip(&sites()) {
        let refused = |reason: &str, change: &dyn Fn(&mut Drive)| {
            let mut drive = stop(site, seed, 600);
            change(&mut drive);
            let lines = replay(write(&drive, 1).path(), OUTLINES);
            assert!(check_ins(&lines).is_empty(), "{} {reason}: {lines:?}", site.name);
            assert!(reasons(&lines, &site.name).contains(&reason), "{} {reason}: {lines:?}", site.name);
        };
        refused("mock_location", &|drive| drive.fixes.iter_mut().for_each(|row| row.mock = true));
        refused("jump", &|drive| {
            let site = drive.site().clone();
            let from = site.at(-60_000.0, 0.0);
            drive.fixes.iter_mut().filter(|row| site.along_right(&row.true_position).0 < -20.0).for_each(|row| row.shown = from);
        });
        // In the middle of the stop the clock is set back by an hour.
        refused("clock_shift", &|drive| drive.fixes.iter_mut().skip(200).for_each(|row| row.at_ms -= 3_600_000));
        // Half a minute's stop that a clock set forward makes look long.
        let mut short = stop(site, seed, 5);
        let parked = short.fixes.iter().position(|row| row.speed_mps == 0.0).unwrap();
        short.fixes.iter_mut().skip(parked + 25).for_each(|row| row.at_ms += 900_000);
        assert!(check_ins(&replay(write(&short, 1).path(), OUTLINES)).is_empty());
    }
}

#[test]
fn decks_above_each_other_are_named_undecidable() {
    let text = std::fs::read_to_string(CIRCLES).unwrap();
    let deck = text.lines().find(|line| line.contains("京橋PA (上り)")).unwrap();
    let degrees: Vec<f64> = deck.split(',').take(2).map(|number| number.parse().unwrap()).collect();
    let (name, direction) = ("京橋PA (上り)".to_owned(), "up".to_owned());
    let site = Site { name, direction, middle: Position::new(degrees[0], degrees[1]).unwrap(), heading: 70.0, to_road_m: 20.0 };
    let lines = replay(write(&stop(&site, 7, 400), 1).path(), CIRCLES);
    assert!(check_ins(&lines).is_empty(), "{lines:?}");
    for name in ["京橋PA (上り)", "京橋PA (下り)"] {
        assert_eq!(reasons(&lines, name), ["side_undecidable"], "{lines:?}");
    }
}

/// The four forms of a track give the same answer.
#[test]
fn gpx_and_csv_say_the_same() {
    let sites = sites();
    let drive = stop(&sites[0], 5, 300);
    let (mut gpx, mut csv, mut bare) = (
        "<?xml version=\"1.0\"?><gpx version=\"1.1\"><trk><trkseg>".to_owned(),
        "T_S,Lon,LAT\n".to_owned(),
        "\u{feff}lat,lon,t_s,accuracy_m,speed_mps,mock\n".to_owned(),
    );
    for row in drive.fixes.iter().filter(|row| row.accuracy_m < 100.0) {
        let (lat, lon, t_s) = (row.shown.lat_deg(), row.shown.lon_deg(), at_s(row) - BEGINS_MS as f64 / 1_000.0);
        let time = jiff::Timestamp::from_millisecond(row.at_ms).unwrap();
        gpx.push_str(&format!("<trkpt lat=\"{lat}\" lon='{lon}'><ele>1</ele><time>{time}</time><extensions><x:time xmlns:x=\"y\">7</x:time></extensions></trkpt>"));
        csv.push_str(&format!("{t_s},{lon},{lat}\n"));
        bare.push_str(&format!("{lat},{lon},{t_s},-1,,\n"));
    }
    gpx.push_str("</trkseg></trk></gpx>");
    let name = |lines: &[Value]| check_ins(lines)[0]["place"].as_str().unwrap().to_owned();
    let answers: Vec<Vec<Value>> = [&gpx, &csv, &bare].map(|text| replay(file(text).path(), OUTLINES)).into();
    assert!(answers.iter().all(|lines| name(lines) == sites[0].name && check_ins(lines).len() == 1));
    assert_eq!(answers[1], answers[2]);
    let at = |lines: &[Value]| check_ins(lines)[0]["at"].as_f64().unwrap();
    assert_eq!(at(&answers[0]) - BEGINS_MS as f64 / 1_000.0, at(&answers[1]), "seconds since 1970, and since the beginning");
}

#[test]
fn bad_input_is_one_line_and_empty_input_an_answer() {
    let track = "lat,lon,t_s\n34.7,135.5,0\n";
    let places = "lat,lon,name\n34.7,135.5,A\n";
    let unusable = |track: &str, places: &str, says: &str| {
        let (track, places) = (file(track), file(places));
        let output = run(&["replay", track.path().to_str().unwrap(), "--places", places.path().to_str().unwrap()]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{says}: {error}");
        assert!(error.lines().count() == 1 && error.contains(says), "{says}: {error}");
        assert!(output.stdout.is_empty());
    };
    unusable("<gpx><trk>", places, "broken GPX: it ends within <trk>");
    unusable("<gpx><trk></gpx>", places, "broken GPX");
    unusable("<html></html>", places, "not GPX");
    unusable("<gpx><trk><trkseg><trkpt lat='34' lon='135'/></trkseg></trk></gpx>", places, "no fix of this track has a time");
    unusable(
        "<gpx><trk><trkseg><trkpt lat='134' lon='35'><time>2026-01-01T00:00:00Z</time></trkpt></trkseg></trk></gpx>",
        places,
        "latitude",
    );
    unusable("<gpx><trk><trkseg><trkpt lat='34'/></trkseg></trk></gpx>", places, "no lon");
    unusable("<gpx><trk><trkseg><trkpt lat='34' lon='135'><time>noon</time></trkpt></trkseg></trk></gpx>", places, "<time>");
    unusable("lat,lon\n34,135\n", places, "t_s");
    unusable("", places, "no column lat");
    unusable("lat,lon,t_s\n34,135,\n", places, "no fix of this track has a time");
    unusable("lat,lon,t_s\n34,181,0\n", places, "longitude");
    unusable("lat,lon,t_s\n34,NaN,0\n", places, "finite");
    unusable("lat,lon,t_s\n34,135,1e300\n", places, "no time");
    unusable("lat,lon,t_s\n34,here,0\n", places, "line 2: lon is not a number");
    unusable("lat,lon,t_s,mock\n34,135,0,perhaps\n", places, "mock");
    unusable(track, "lat,lon\n34,135\n", "no column name");
    unusable(track, "lat,lon,name,radius_m\n34,135,A,-1\n", "radius");
    unusable(track, "lat,lon,name,direction\n34,135,A,sideways\n", "no direction");
    unusable(track, "{}", "not GeoJSON");
    unusable(track, "{\"type\":", "not GeoJSON");
    let feature =
        |ring: &str| format!(r#"{{"type":"Feature","properties":{{"name":"A"}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}"#);
    unusable(track, &feature("[[135,34],[135.01,34],[135.01,34.01],[135,34.01]]"), "not closed");
    unusable(track, &feature("[[135,34],[135.01,34.01],[135.01,34],[135,34.01],[135,34]]"), "crosses itself");
    unusable(track, &feature("[[135,34],[135.01,34]]"), "four positions");
    unusable(track, &feature("[[135,94],[135.01,34],[135,34],[135,94]]"), "latitude");
    unusable(track, &feature("[[135]]"), "[longitude, latitude]");
    unusable(track, &feature("[[100,34],[135.01,34],[135,35],[100,34]]"), "50 km");
    let missing = run(&["replay", "/nowhere/track.gpx", "--places", CIRCLES]);
    assert_eq!(missing.status.code(), Some(2));

    let empty = |track: &str, places: &str| replay(file(track).path(), file(places).path().to_str().unwrap());
    let nothing = r#"{"event":"summary","fixes":0,"check_ins":0,"wake_ups":0,"re_registrations":0}"#;
    assert_eq!(empty("lat,lon,ts_unix\n", places), [serde_json::from_str::<Value>(nothing).unwrap()]);
    assert_eq!(empty("<gpx/>", places).len(), 1);
    assert_eq!(empty(track, "lat,lon,name\n").last().unwrap()["fixes"], 1);
    assert_eq!(empty(track, r#"{"type":"FeatureCollection","features":[]}"#).last().unwrap()["fixes"], 1);
    // The clock of 1901, and a fence across the antimeridian.
    let dateline = feature("[[179.999,0],[-179.999,0],[-179.999,0.002],[179.999,0.002],[179.999,0]]");
    let track: String = (0..300).map(|t| format!("0.001,{},{}\n", if t % 2 == 0 { 180 } else { -180 }, t - 2_177_452_800i64)).collect();
    let lines = empty(&format!("lat,lon,ts_unix\n{track}"), &dateline);
    assert_eq!(check_ins(&lines).len(), 1, "{lines:?}");
}

/// Any limit at all, on a hundred kilometres of the real areas.
#[test]
fn any_limit_is_an_answer() {
    let track: String = (0..2_000).map(|t| format!("{},{},{t}\n", 34.6 + 0.0003 * f64::from(t), 135.0 + 0.0005 * f64::from(t))).collect();
    let track = file(&format!("lat,lon,t_s\n{track}"));
    let mut regions = Vec::new();
    for limit in ["0", "1", "2", "20", "100", "100000"] {
        let output = run(&["replay", track.path().to_str().unwrap(), "--places", CIRCLES, "--limit", limit]);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["event"], "regions");
        regions.push(first["added"].as_array().unwrap().len());
    }
    let all = std::fs::read_to_string(CIRCLES).unwrap().lines().count() - 1;
    assert_eq!(regions, [0, 0, 1, 19, all.min(99), all]);
    assert_eq!(run(&["replay", "x", "--places", "y", "--limit", "-1"]).status.code(), Some(2));
}

/// Over the traces of a folder that is not part of the project: NOREN_TRACES=…/traces_phone cargo test --test replay.
///
/// For every CSV with accuracies fences are placed on its outliers: fixes worse than 65 m that no good fix comes within 300 m of.
#[test]
fn no_check_in_at_an_outlier_of_a_real_log() {
    let Some(folder) = std::env::var_os("NOREN_TRACES").map(PathBuf::from) else {
        println!("skipped: NOREN_TRACES names no folder of traces");
        return;
    };
    let mut replayed = 0;
    for track in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let output = run(&["replay", track.to_str().unwrap(), "--places", CIRCLES]);
        assert!(matches!(output.status.code(), Some(0 | 2)), "{}", track.display());
        let fixes = with_accuracy(&track);
        let good: Vec<&(Position, f64)> = fixes.iter().filter(|(_, accuracy)| *accuracy <= 65.0).collect();
        let is_outlier = |(at, accuracy): &&(Position, f64)| *accuracy > 65.0 && good.iter().all(|(other, _)| at.distance_m(other) > 300.0);
        let outliers: Vec<&(Position, f64)> = fixes.iter().filter(is_outlier).collect();
        let rows: String = outliers.iter().map(|(at, _)| format!("{},{},outlier\n", at.lat_deg(), at.lon_deg())).collect();
        if output.status.success() {
            let lines = replay(&track, file(&format!("lat,lon,name\n{rows}")).path().to_str().unwrap());
            println!("{}: {} outliers", track.display(), outliers.len());
            assert!(check_ins(&lines).is_empty(), "{}: {lines:?}", track.display());
            replayed += 1;
        }
    }
    assert!(replayed > 0, "NOREN_TRACES names a folder without a track: nothing was checked");
}

fn with_accuracy(track: &Path) -> Vec<(Position, f64)> {
    let Ok(text) = std::fs::read_to_string(track) else { return Vec::new() };
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap_or_default();
    let column = |name: &str| header.iter().position(|column| *column == name);
    let (Some(lat), Some(lon), Some(accuracy)) = (column("lat"), column("lon"), column("accuracy_m")) else { return Vec::new() };
    let number = |row: &[&str], at: usize| row[at].parse::<f64>().unwrap();
    lines.map(|row| (Position::new(number(&row, lat), number(&row, lon)).unwrap(), number(&row, accuracy))).collect()
}

proptest! {
    // Each case is a process.
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Bytes changed, taken out, put in: status 0 or 2, and never a panic.
    #[test]
    fn no_mutation_makes_it_panic(
        which in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..12),
    ) {
        let gpx = r#"<?xml version="1.0"?><gpx version="1.1"><trk><trkseg><trkpt lat="34.7" lon="135.5"><time>2026-01-01T00:00:00Z</time><speed>3</speed></trkpt></trkseg></trk></gpx>"#;
        let csv = "ts_unix,lat,lon,accuracy_m,speed_mps,mock\n1.5,34.7,135.5,10,0,0\n61,34.7,135.5,10,-1,1\n121,34.7,135.5,,,\n";
        let places = "lat,lon,name,radius_m,direction\n34.7,135.5,A,150,up\n34.701,135.5,B,,down\n";
        let outlines = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"A","direction":"up"},"geometry":{"type":"Polygon","coordinates":[[[135.49,34.69],[135.51,34.69],[135.51,34.71],[135.49,34.69]]]}}]}"#;
        let mut inputs = [gpx, csv, places, outlines].map(|text| text.as_bytes().to_vec());
        let input = &mut inputs[which];
        for (at, byte, kind) in changes {
            let at = at.index(input.len().max(1)).min(input.len().saturating_sub(1));
            match kind {
                _ if input.is_empty() => input.push(byte),
                0 => input[at] = byte,
                1 => { input.remove(at); }
                2 => input.insert(at, byte),
                _ => input.truncate(at),
            }
        }
        let files = inputs.map(|bytes| { let file = tempfile::NamedTempFile::new().unwrap(); std::fs::write(file.path(), bytes).unwrap(); file });
        let [gpx, csv, places, outlines] = files.each_ref().map(|file| file.path().to_str().unwrap());
        let (track, places) = match which { 0 => (gpx, outlines), 1 => (csv, places), 2 => (csv, places), _ => (gpx, outlines) };
        let output = run(&["replay", track, "--places", places]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        prop_assert!(matches!(output.status.code(), Some(0 | 2)), "{error}");
        prop_assert!(output.status.success() || error.lines().count() == 1, "{error}");
    }
}
