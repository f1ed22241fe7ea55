//! The stop from near: both outlines, every fix, where the check-in was proven.

use noren_rules::geo::Position;

use super::drawing::{USABLE_M, View, badge, clock, colour_of, track};
use super::font::Font;
use super::scene::{Anchor, EDGE, Frame, GREEN, INK, LAND, Mark, PAPER, Paint, Pen, QUIET, RED, Words, dashed, faint, pen, solid, words};
use super::story::Story;
use crate::drives::{DriveFix, RestStop};

pub(super) fn draw(story: &Story, stop: &RestStop, font: &Font, frame: Frame) -> Result<Vec<Mark>, String> {
    let across = story.places.iter().find(|place| place.id != stop.id && place.middle.flat_distance_m(&stop.middle) < 400.0);
    let grounds: Vec<Position> = [Some(stop), across].into_iter().flatten().filter_map(|place| place.ring.clone()).flatten().collect();
    let view = View::of(frame, &grounds, 52.0).ok_or("the place of the check-in has no outline to be drawn")?;
    let near: Vec<DriveFix> = story.fixes.iter().filter(|fix| frame.holds(view.at(&fix.true_position))).copied().collect();
    let mut marks = vec![Mark::Card { frame, corner: 0.0, fill: Some(solid(LAND)), edge: None }];
    marks.extend(ground(across, &view, QUIET, QUIET));
    marks.extend(ground(Some(stop), &view, GREEN, GREEN));
    marks.push(road(&near, &view));
    marks.extend(fixes(&near, &view));
    marks.extend(track(&view, &near, 2.2));
    marks.extend(across.map(|place| label(place, &view, "the opposite side: refused", RED)).into_iter().flatten());
    marks.extend(label(stop, &view, "own side", GREEN));
    marks.extend(check_in(story, &view, font));
    marks.extend(view.scale_bar(100.0));
    let heading = Words { bold: true, edged: true, ..words((frame.x + 14.0, frame.y + 22.0), "The stop, every fix", 12.5) };
    marks.push(Mark::Words(heading));
    let edge = Mark::Card { frame, corner: 10.0, fill: None, edge: Some(pen(EDGE, 1.0)) };
    Ok(vec![Mark::Panel { frame, corner: 10.0, marks }, edge])
}

fn ground(place: Option<&RestStop>, view: &View, fill: u32, edge: u32) -> Option<Mark> {
    let ring = view.ring(place?.ring.as_ref()?);
    Some(Mark::Area { ring, fill: faint(fill, 0.14), edge: Pen { paint: faint(edge, 0.8), width: 1.6, dash: None } })
}

/// The way that the phone was really driven, as a broad band.
fn road(near: &[DriveFix], view: &View) -> Mark {
    let points = near.iter().filter(|fix| fix.speed_mps > 3.0).map(|fix| view.at(&fix.true_position)).collect();
    Mark::Line { points, pen: Pen { paint: solid(PAPER), width: 9.0, dash: None } }
}

/// Every fix a dot; those that are too inexact to count are hollow.
fn fixes(near: &[DriveFix], view: &View) -> Vec<Mark> {
    let dot = |fix: &DriveFix| {
        let centre = view.at(&fix.shown);
        if fix.accuracy_m > USABLE_M {
            let edge = Pen { paint: faint(INK, 0.45), width: 1.0, dash: None };
            Mark::Disc { centre, radius: 2.6, fill: None, edge: Some(edge) }
        } else {
            Mark::Disc { centre, radius: 2.2, fill: Some(faint(colour_of(fix.speed_mps), 0.35)), edge: None }
        }
    };
    // Twelve minutes of standing are one blot: every third is enough to see it.
    let shown = near.iter().enumerate().filter(|(at, fix)| fix.speed_mps > 0.0 || at % 3 == 0 || fix.accuracy_m > USABLE_M);
    shown.map(|(_, fix)| dot(fix)).filter(|mark| matches!(mark, Mark::Disc { centre, .. } if view.frame.holds(*centre))).collect()
}

/// A place's name at the outer end of its ground.
fn label(place: &RestStop, view: &View, says: &str, colour: u32) -> Vec<Mark> {
    let ring = place.ring.as_deref().map(|ring| view.ring(ring)).unwrap_or_default();
    let (x, y) = view.at(&place.middle);
    let is_above = y < view.frame.middle().1;
    let edge = ring.iter().map(|corner| corner.1).fold(y, if is_above { f64::min } else { f64::max });
    let y = if is_above { (edge - 22.0).max(view.frame.y + 44.0) } else { (edge + 20.0).min(view.frame.y + view.frame.height - 30.0) };
    let x = x.clamp(view.frame.x + 90.0, view.frame.x + view.frame.width - 90.0);
    let paint: Paint = solid(colour);
    let name = Words { bold: true, edged: true, anchor: Anchor::Middle, ..words((x, y), place.name.as_str(), 12.5) };
    let says = Words { edged: true, anchor: Anchor::Middle, paint, ..words((x, y + 14.0), says, 10.5) };
    vec![Mark::Words(name), Mark::Words(says)]
}

/// Where it was proven, and when.
fn check_in(story: &Story, view: &View, font: &Font) -> Vec<Mark> {
    let Some((event, fix)) = story.check_in().and_then(|event| Some((event, story.fix_at(event.at_ms)?))) else { return Vec::new() };
    let at = view.at(&fix.true_position);
    let pin = (at.0, at.1 - 34.0);
    let text = format!("check-in {}", clock(story, event.at_ms));
    let width = font.width(&text, 12.0) + 18.0;
    let frame = Frame { x: pin.0 + 16.0, y: pin.1 - 12.0, width, height: 22.0 };
    let mut marks = vec![
        Mark::Line { points: vec![at, pin], pen: pen(GREEN, 2.0) },
        Mark::Disc { centre: at, radius: 5.0, fill: None, edge: Some(dashed(GREEN, 1.6, 2.0, 2.6)) },
        Mark::Card { frame, corner: 6.0, fill: Some(solid(PAPER)), edge: Some(pen(GREEN, 1.2)) },
        Mark::Words(Words { bold: true, paint: solid(GREEN), ..words((frame.x + 9.0, frame.y + 15.5), text, 12.0) }),
    ];
    marks.extend(badge(pin, "✓", solid(GREEN), 11.0));
    marks
}
