//! The map of a drive: the same story is the same bytes, its SVG is XML, and what cannot be drawn is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use noren_tour::drives::{STOPPED_AT, Westward, rest_stops};
use noren_tour::map::{DriveMap, EventKind, Story};
use quick_xml::Reader;
use quick_xml::events::Event;

fn story() -> Story {
    let drive = Westward::build(Westward::TOLD).unwrap();
    let story = Story::tell(rest_stops().unwrap(), drive.drive.fixes).unwrap();
    Story { no_network_from_ms: Some(drive.valley_from_ms), ..story }
}

/// The words of an SVG, which must be XML from beginning to end.
fn words(svg: &str) -> String {
    let (mut reader, mut words) = (Reader::from_str(svg), String::new());
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Text(text) => words.push_str(&text.xml10_content()),
            Event::Eof => return words,
            _ => words.push('\n'),
        }
    }
}

#[test]
fn the_same_story_is_the_same_picture() {
    let (map, again) = (DriveMap::draw(&story()).unwrap(), DriveMap::draw(&story()).unwrap());
    assert!(map.svg() == again.svg() && map.png(1.0).unwrap() == again.png(1.0).unwrap());
    let words = words(&map.svg());
    for said in
        [STOPPED_AT, "passed_by", "crawled_past", "opposite_side", "check-in", "10 km", "100 m", "© OpenStreetMap contributors, ODbL"]
    {
        assert!(words.contains(said), "{said}: {words}");
    }
    let png = map.png(2.0).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(png[16..24], [1_760u32.to_be_bytes(), 1_624u32.to_be_bytes()].concat(), "its size");
}

#[test]
fn what_cannot_be_drawn_is_told() {
    let mut without_stop = story();
    without_stop.events.retain(|event| event.kind != EventKind::CheckIn);
    let why = DriveMap::draw(&without_stop).unwrap_err();
    assert!(why.contains("no check-in") || why.contains("has none"), "{why}");
    let mut strange = story();
    strange.places.iter_mut().find(|place| place.name == STOPPED_AT).unwrap().name = "駅\u{1f6d1}".to_owned();
    assert!(DriveMap::draw(&strange).unwrap_err().contains("lacks"));
    let mut nowhere = story();
    nowhere.fixes.clear();
    assert!(DriveMap::draw(&nowhere).is_err());
    let mut without_places = story();
    without_places.places.clear();
    assert!(DriveMap::draw(&without_places).is_err());
    let mut without_outline = story();
    without_outline.places.iter_mut().for_each(|place| place.ring = None);
    assert!(DriveMap::draw(&without_outline).unwrap_err().contains("outline"));
}
