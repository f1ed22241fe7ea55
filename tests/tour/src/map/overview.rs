//! The whole drive: fences, the regions handed to the operating system, the track, and what was said of which place.

use noren_rules::geo::Position;
use noren_rules::places::Circle;

use super::drawing::{View, badge, track};
use super::font::Font;
use super::scene::{
    Anchor, EDGE, Frame, GREEN, INDIGO, INK, LAND, Mark, Paint, Pen, Point, QUIET, RED, Words, dashed, faint, pen, solid, words,
};
use super::story::{EventKind, Story};
use crate::drives::RestStop;

/// Lines of the grid, in metres.
const GRID_M: f64 = 10_000.0;
/// Circles that differ by less are drawn once, in metres.
const LIKE_M: f64 = 3_000.0;

pub(super) fn draw(story: &Story, stop: &RestStop, font: &Font, frame: Frame) -> Result<Vec<Mark>, String> {
    let driven: Vec<Position> = story.fixes.iter().map(|fix| fix.true_position).collect();
    let view = View::of(frame, &driven, 62.0).ok_or("a map shows a drive: this one has no fixes")?;
    let mut marks = vec![Mark::Card { frame, corner: 0.0, fill: Some(solid(LAND)), edge: None }];
    marks.extend(grid(&view));
    marks.extend(regions(story, &view));
    marks.extend(no_network(story, &view));
    marks.extend(fences(story, &view));
    marks.extend(track(&view, &story.fixes, 4.0));
    marks.extend(tunnel(story, &view));
    let (numbered, mut taken) = numbers(story, &view, font);
    taken.push(Frame { x: frame.x, y: frame.y + frame.height - 44.0, width: 200.0, height: 44.0 });
    marks.extend(names(story, &view, font, &mut taken));
    marks.extend(numbered);
    marks.extend(close_up(stop, &view));
    marks.extend(view.scale_bar(GRID_M));
    let edge = Mark::Card { frame, corner: 10.0, fill: None, edge: Some(pen(EDGE, 1.0)) };
    Ok(vec![Mark::Panel { frame, corner: 10.0, marks }, edge])
}

fn grid(view: &View) -> Vec<Mark> {
    let frame = view.frame;
    let step = GRID_M * view.px_per_m;
    let lines = |from: f64, length: f64| {
        std::iter::successors(Some(from + step / 2.0), move |at| Some(at + step)).take_while(move |at| *at < from + length)
    };
    let upright = lines(frame.x, frame.width).map(|x| vec![(x, frame.y), (x, frame.y + frame.height)]);
    let level = lines(frame.y, frame.height).map(|y| vec![(frame.x, y), (frame.x + frame.width, y)]);
    upright.chain(level).map(|points| Mark::Line { points, pen: pen(0xe4_e5_dc, 1.0) }).collect()
}

/// The refresh regions, of nearly equal ones the last; the one in force at the check-in is tinted.
fn regions(story: &Story, view: &View) -> Vec<Mark> {
    let at_check_in = story.check_in().and_then(|event| story.regions_at(event.at_ms));
    let mut drawn: Vec<(Circle, bool)> = Vec::new();
    for regions in &story.regions {
        let Some(circle) = regions.refresh else { continue };
        let in_force = Some(regions) == at_check_in;
        let is_like = |(other, kept): &(Circle, bool)| {
            !kept && other.centre.is_within(&circle.centre, LIKE_M) && (other.radius_m - circle.radius_m).abs() < LIKE_M
        };
        drawn.retain(|other| !is_like(other));
        drawn.push((circle, in_force));
    }
    drawn
        .iter()
        .map(|(circle, in_force)| Mark::Disc {
            centre: view.at(&circle.centre),
            radius: circle.radius_m * view.px_per_m,
            fill: in_force.then_some(faint(INDIGO, 0.07)),
            edge: Some(Pen { paint: faint(INDIGO, if *in_force { 0.9 } else { 0.35 }), ..dashed(INDIGO, 1.4, 6.0, 5.0) }),
        })
        .collect()
}

/// A broad band under the part of the drive without a network.
fn no_network(story: &Story, view: &View) -> Vec<Mark> {
    let Some(from_ms) = story.no_network_from_ms else { return Vec::new() };
    let mut points: Vec<Point> = Vec::new();
    for fix in story.fixes.iter().filter(|fix| fix.at_ms >= from_ms) {
        let here = view.at(&fix.true_position);
        if points.last().is_none_or(|last| (here.0 - last.0).hypot(here.1 - last.1) > 2.0) {
            points.push(here);
        }
    }
    vec![Mark::Line { points, pen: Pen { paint: faint(INK, 0.16), width: 22.0, dash: None } }]
}

fn fences(story: &Story, view: &View) -> Vec<Mark> {
    let watched = story.check_in().and_then(|event| story.regions_at(event.at_ms));
    let is_watched = |place: &RestStop| watched.is_some_and(|regions| regions.fences.contains(&place.id));
    let inside = story.places.iter().filter(|place| view.frame.holds(view.at(&place.middle)));
    inside
        .map(|place| {
            let centre = view.at(&place.middle);
            if is_watched(place) {
                Mark::Disc { centre, radius: 4.5, fill: Some(faint(INDIGO, 0.25)), edge: Some(pen(INDIGO, 1.5)) }
            } else {
                Mark::Disc { centre, radius: 2.2, fill: Some(solid(0x9a_9f_a6)), edge: None }
            }
        })
        .collect()
}

fn tunnel(story: &Story, view: &View) -> Vec<Mark> {
    let gap = story.fixes.windows(2).find_map(|pair| match pair {
        [before, after] if after.at_ms - before.at_ms > 20_000 => Some((before, after)),
        _ => None,
    });
    let Some((before, after)) = gap else { return Vec::new() };
    let (from, to) = (view.at(&before.true_position), view.at(&after.true_position));
    let at = (f64::midpoint(from.0, to.0) + 12.0, f64::midpoint(from.1, to.1) + 16.0);
    let text = format!("tunnel: {} s without a fix", (after.at_ms - before.at_ms) / 1_000);
    vec![Mark::Words(Words { paint: solid(QUIET), edged: true, ..words(at, text, 10.5) })]
}

/// The places that the drive is about, numbered in the order of the drive, and the room that this takes.
fn numbers(story: &Story, view: &View, font: &Font) -> (Vec<Mark>, Vec<Frame>) {
    let mut marks = Vec::new();
    let mut taken = Vec::new();
    for (number, (place, kind)) in (1..).zip(story.own_side()) {
        let centre = view.at(&place.middle);
        let at = (centre.0, centre.1 - 30.0);
        let colour = if *kind == EventKind::CheckIn { GREEN } else { RED };
        marks.push(Mark::Line { points: vec![centre, at], pen: pen(colour, 1.6) });
        marks.extend(badge(at, &number.to_string(), solid(colour), 11.0));
        let width = font.width(&place.name, 13.0);
        let label = Words { bold: true, edged: true, anchor: Anchor::Middle, ..words((at.0, at.1 - 17.0), place.name.as_str(), 13.0) };
        marks.push(Mark::Words(label));
        taken.push(Frame { x: at.0 - width / 2.0 - 4.0, y: at.1 - 32.0, width: width + 8.0, height: 66.0 });
    }
    (marks, taken)
}

/// Names where there is room, one for both sides.
fn names(story: &Story, view: &View, font: &Font, taken: &mut Vec<Frame>) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut named: Vec<&str> = story.own_side().iter().map(|(place, _)| base(&place.name)).collect();
    taken.extend(story.fixes.iter().step_by(12).map(|fix| {
        let (x, y) = view.at(&fix.true_position);
        Frame { x: x - 5.0, y: y - 5.0, width: 10.0, height: 10.0 }
    }));
    for place in &story.places {
        let (x, y) = view.at(&place.middle);
        let name = base(&place.name);
        if named.contains(&name) || !view.frame.holds((x, y)) {
            continue;
        }
        let width = font.width(name, 10.0);
        let rooms = [(x + 8.0, y + 3.5), (x - 8.0 - width, y + 3.5), (x - width / 2.0, y - 8.0), (x - width / 2.0, y + 16.0)];
        let room = |(x, y): &(f64, f64)| Frame { x: x - 2.0, y: y - 10.0, width: width + 4.0, height: 13.0 };
        let is_free = |at: &&(f64, f64)| {
            let room = room(at);
            view.frame.holds((room.x, room.y))
                && view.frame.holds((room.x + room.width, room.y + room.height))
                && !taken.iter().any(|other| other.overlaps(&room))
        };
        if let Some(at) = rooms.iter().find(is_free) {
            taken.push(room(at));
            named.push(name);
            let paint: Paint = solid(QUIET);
            marks.push(Mark::Words(Words { paint, edged: true, ..words(*at, name, 10.0) }));
        }
    }
    marks
}

/// `西宮名塩SA (下り)` without its side.
fn base(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

/// What the inset shows.
fn close_up(stop: &RestStop, view: &View) -> Vec<Mark> {
    let (x, y) = view.at(&stop.middle);
    let frame = Frame { x: x - 9.0, y: y - 9.0, width: 18.0, height: 18.0 };
    vec![Mark::Card { frame, corner: 3.0, fill: None, edge: Some(pen(INK, 1.2)) }]
}
