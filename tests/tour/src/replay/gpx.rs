//! GPX, as devices and programs write it: the points of the tracks, or of the routes where there is no track.

use jiff::Timestamp;
use jiff::civil::DateTime;
use noren_rules::check_in::Fix;
use noren_rules::geo::Position;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// No device nests deeper.
const MAX_DEPTH: usize = 64;

#[derive(Default)]
struct Point {
    position: Option<Position>,
    at_ms: Option<i64>,
    speed_mps: Option<f64>,
    /// How deep in the document it stands.
    depth: usize,
}

#[derive(Default)]
struct Found {
    fixes: Vec<Fix>,
    points: usize,
}

impl Found {
    fn take(&mut self, point: &Point) {
        self.points += 1;
        if let (Some(position), Some(at_ms)) = (point.position, point.at_ms) {
            self.fixes.push(Fix { speed_mps: point.speed_mps, ..Fix::new(position, at_ms) });
        }
    }
}

/// Answers the fixes that have a time, and how many points there were.
pub(super) fn read(text: &str) -> Result<(Vec<Fix>, usize), String> {
    let mut reader = Reader::from_str(text);
    let (mut track, mut route) = (Found::default(), Found::default());
    let mut open: Vec<String> = Vec::new();
    let mut point: Option<Point> = None;
    let mut value = String::new();
    loop {
        let broken = |why: &dyn std::fmt::Display| format!("broken GPX: {why}");
        match reader.read_event().map_err(|e| broken(&e))? {
            Event::Start(element) => {
                let name = name(&element)?;
                if open.is_empty() && name != "gpx" {
                    return Err(format!("not GPX: it begins with <{name}>"));
                }
                open.push(name);
                if open.len() > MAX_DEPTH {
                    return Err(broken(&"elements within elements without end"));
                }
                value.clear();
                if is_point(&open) {
                    point = Some(begin(&element, &open, track.points + route.points)?);
                }
            }
            Event::Empty(element) => {
                let name = name(&element)?;
                if open.is_empty() && name != "gpx" {
                    return Err(format!("not GPX: it begins with <{name}>"));
                }
                open.push(name);
                if is_point(&open) {
                    let point = begin(&element, &open, track.points + route.points)?;
                    if is_track(&open) { track.take(&point) } else { route.take(&point) }
                }
                open.pop();
            }
            Event::Text(words) => value.push_str(&words.xml10_content()),
            Event::End(_) => {
                if let Some(inside) = &mut point {
                    note(inside, &open, value.trim())?;
                }
                if let Some(done) = point.take_if(|point| point.depth == open.len()) {
                    if is_track(&open) { track.take(&done) } else { route.take(&done) }
                }
                open.pop();
                value.clear();
            }
            Event::Eof if open.is_empty() => break,
            Event::Eof => return Err(broken(&format!("it ends within <{}>", open.last().map_or("", String::as_str)))),
            _ => {}
        }
    }
    let found = if track.points > 0 { track } else { route };
    Ok((found.fixes, found.points))
}

fn name(element: &BytesStart<'_>) -> Result<String, String> {
    let name = element.local_name();
    let name: &str = name.as_ref();
    if name.len() > 200 { Err("broken GPX: an element with a name without end".to_owned()) } else { Ok(name.to_owned()) }
}

fn is_point(open: &[String]) -> bool {
    matches!(open.last().map(String::as_str), Some("trkpt" | "rtept"))
}

fn is_track(open: &[String]) -> bool {
    open.last().is_some_and(|name| name == "trkpt")
}

fn begin(element: &BytesStart<'_>, open: &[String], before: usize) -> Result<Point, String> {
    let point = before + 1;
    let degrees = |name: &str| -> Result<f64, String> {
        let attribute = element.try_get_attribute(name).map_err(|e| format!("broken GPX: point {point}: {e}"))?;
        let attribute = attribute.ok_or(format!("point {point}: no {name}"))?;
        let text: &str = attribute.value.as_ref();
        text.trim().parse().map_err(|_| format!("point {point}: {name} is not a number"))
    };
    let position = Position::new(degrees("lat")?, degrees("lon")?).map_err(|e| format!("point {point}: {e}"))?;
    Ok(Point { position: Some(position), depth: open.len(), ..Point::default() })
}

/// What an element within a point says, when it ends. Only its own `<time>` counts: extensions have others.
fn note(point: &mut Point, open: &[String], value: &str) -> Result<(), String> {
    match open.last().map(String::as_str) {
        Some("time") if open.len() == point.depth + 1 && !value.is_empty() => {
            point.at_ms = Some(time(value).ok_or("a point's <time> is none: it is like 2026-11-22T12:00:00Z")?);
        }
        Some("speed") => point.speed_mps = value.parse().ok(),
        _ => {}
    }
    Ok(())
}

/// An instant; without a zone it is UTC, as GPX has it.
fn time(text: &str) -> Option<i64> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let civil: DateTime = text.parse().ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}
