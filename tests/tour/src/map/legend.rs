//! What was said, in order, and what the signs mean.

use super::drawing::{SPEEDS, clock};
use super::scene::{Anchor, EDGE, Frame, GREEN, INDIGO, INK, Mark, PAPER, Pen, QUIET, RED, Words, dashed, faint, pen, solid, words};
use super::story::{EventKind, Story};

const ROW: f64 = 31.0;
const SIGN: f64 = 17.0;

pub(super) fn draw(story: &Story, frame: Frame) -> Vec<Mark> {
    let mut marks = vec![Mark::Words(Words { bold: true, ..words((frame.x, frame.y + 14.0), "What was said, and when", 12.5) })];
    let signs_from = frame.y + frame.height - 5.0 * SIGN;
    for (row, event) in (1u32..).zip(&story.events) {
        let y = frame.y + 5.0 + f64::from(row) * ROW;
        if y + ROW > signs_from {
            break;
        }
        let name = story.place(&event.place).map_or("", |place| place.name.as_str());
        let (colour, says) = match &event.kind {
            EventKind::CheckIn => (GREEN, "check-in".to_owned()),
            EventKind::Refused(refusal) => (RED, format!("{}: {refusal}", refusal.reason())),
            EventKind::Grant(title) => (GREEN, title.clone()),
        };
        marks.push(Mark::Disc { centre: (frame.x + 5.0, y - 4.0), radius: 4.5, fill: Some(solid(colour)), edge: None });
        marks.push(Mark::Words(Words { bold: true, ..words((frame.x + 18.0, y), name, 12.0) }));
        let at = (frame.x + frame.width, y);
        marks.push(Mark::Words(Words { anchor: Anchor::End, paint: solid(QUIET), ..words(at, clock(story, event.at_ms), 11.0) }));
        marks.push(Mark::Words(Words { paint: solid(colour), ..words((frame.x + 18.0, y + 14.0), says, 10.5) }));
    }
    marks.push(Mark::Line { points: vec![(frame.x, signs_from - 8.0), (frame.x + frame.width, signs_from - 8.0)], pen: pen(EDGE, 1.0) });
    for (row, (_, colour, name)) in (0u32..).zip(SPEEDS) {
        let y = signs_from + 10.0 + f64::from(row) * SIGN;
        marks.push(Mark::Line { points: vec![(frame.x, y - 4.0), (frame.x + 22.0, y - 4.0)], pen: pen(colour, 4.0) });
        marks.push(Mark::Words(words((frame.x + 32.0, y), name, 10.5)));
    }
    let x = frame.x + 140.0;
    for (row, (sign, name)) in (0u32..).zip(signs()) {
        let y = signs_from + 10.0 + f64::from(row) * SIGN;
        marks.push(sign(x + 11.0, y - 4.0));
        marks.push(Mark::Words(words((x + 32.0, y), name, 10.5)));
    }
    marks
}

type Sign = fn(f64, f64) -> Mark;

fn signs() -> [(Sign, &'static str); 5] {
    [
        (
            |x, y| Mark::Disc { centre: (x, y), radius: 4.5, fill: Some(faint(INDIGO, 0.25)), edge: Some(pen(INDIGO, 1.5)) },
            "fence watched at the stop",
        ),
        (|x, y| Mark::Disc { centre: (x, y), radius: 2.2, fill: Some(solid(0x9a_9f_a6)), edge: None }, "fence not watched then"),
        (
            |x, y| Mark::Line { points: vec![(x - 11.0, y), (x + 11.0, y)], pen: dashed(INDIGO, 1.4, 6.0, 5.0) },
            "refresh region: left, all is chosen anew",
        ),
        (
            |x, y| Mark::Line { points: vec![(x - 6.0, y), (x + 6.0, y)], pen: Pen { paint: faint(INK, 0.16), width: 12.0, dash: None } },
            "no network",
        ),
        (
            |x, y| Mark::Disc {
                centre: (x, y),
                radius: 2.6,
                fill: Some(solid(PAPER)),
                edge: Some(Pen { paint: faint(INK, 0.45), width: 1.0, dash: None }),
            },
            "a fix too inexact to count",
        ),
    ]
}
