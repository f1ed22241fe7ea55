//! The picture as a whole, and what its parts share.

use noren_rules::geo::Position;

use super::font::{Font, legible};
use super::scene::{Anchor, EDGE, Frame, INK, Mark, PAPER, Paint, Pen, Point, QUIET, Scene, Words, dashed, pen, solid, words};
use super::story::Story;
use super::{inset, legend, overview};
use crate::drives::DriveFix;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 812.0;
const MARGIN: f64 = 22.0;

/// Fixes worse than this say nothing about a place: they are not part of the line.
pub(super) const USABLE_M: f64 = 65.0;
/// A longer time without a fix is drawn as a gap.
const GAP_MS: i64 = 20_000;

pub(super) fn draw(story: &Story) -> Result<Scene, String> {
    let font = Font::open()?;
    let check_in = story.check_in().ok_or("a map shows a drive with a check-in: this one has none")?;
    let stop = story.place(&check_in.place).ok_or("the check-in is at a place that is not among the places")?;
    let (first, last) = story.fixes.first().zip(story.fixes.last()).ok_or("a map shows a drive: this one has no fixes")?;
    let kilometres = story.fixes.windows(2).filter_map(|pair| Some(pair.first()?.true_position.distance_m(&pair.get(1)?.true_position)));
    let title = "What a phone said on one drive";
    let about = format!(
        "{:.0} km in {} minutes past three real service areas: one passed by, one crawled past, one stopped at",
        kilometres.sum::<f64>() / 1_000.0,
        (last.at_ms - first.at_ms) / 60_000
    );
    let whole = Frame { x: 0.5, y: 0.5, width: WIDTH - 1.0, height: HEIGHT - 1.0 };
    let top = Frame { x: MARGIN, y: 78.0, width: WIDTH - 2.0 * MARGIN, height: 330.0 };
    let below = Frame { x: MARGIN, y: 424.0, width: 440.0, height: 346.0 };
    let right = Frame { x: MARGIN + 458.0, y: 424.0, width: WIDTH - 2.0 * MARGIN - 458.0, height: 346.0 };
    let mut marks = vec![
        Mark::Card { frame: whole, corner: 14.0, fill: Some(solid(PAPER)), edge: Some(pen(EDGE, 1.0)) },
        Mark::Words(Words { bold: true, ..words((MARGIN, 42.0), title, 21.0) }),
        Mark::Words(Words { paint: solid(QUIET), ..words((MARGIN, 63.0), about.as_str(), 12.5) }),
    ];
    marks.extend(overview::draw(story, stop, &font, top)?);
    marks.extend(inset::draw(story, stop, &font, below)?);
    marks.extend(legend::draw(story, right));
    let source = "© OpenStreetMap contributors, ODbL";
    let note = "Sites are real, the drive is built: straight roads along them, noise as in real phone logs";
    let foot = HEIGHT - 16.0;
    marks.push(Mark::Words(Words { paint: solid(QUIET), ..words((MARGIN, foot), note, 10.5) }));
    marks.push(Mark::Words(Words { anchor: Anchor::End, ..words((WIDTH - MARGIN, foot), source, 11.0) }));
    legible(&font, &marks)?;
    Ok(Scene { width: WIDTH, height: HEIGHT, title: format!("{title}: {about}"), marks })
}

/// From positions to a frame of the picture, north upwards.
pub(super) struct View {
    pub(super) frame: Frame,
    centre: Position,
    pub(super) px_per_m: f64,
}

impl View {
    /// Shows all these positions, `padding` pixels from the edge at least.
    pub(super) fn of(frame: Frame, positions: &[Position], padding: f64) -> Option<Self> {
        let origin = positions.first()?;
        let offsets: Vec<(f64, f64)> = positions.iter().map(|position| origin.offset_m(position)).collect();
        let span = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)))
        };
        let (west, east) = span(&mut offsets.iter().map(|offset| offset.0));
        let (south, north) = span(&mut offsets.iter().map(|offset| offset.1));
        let fits = |pixels: f64, metres: f64| (pixels - 2.0 * padding) / metres.max(1.0);
        let px_per_m = fits(frame.width, east - west).min(fits(frame.height, north - south));
        Some(Self { frame, centre: origin.offset_by(f64::midpoint(west, east), f64::midpoint(south, north)), px_per_m })
    }

    pub(super) fn at(&self, position: &Position) -> Point {
        let (east, north) = self.centre.offset_m(position);
        let (x, y) = self.frame.middle();
        (x + east * self.px_per_m, y - north * self.px_per_m)
    }

    pub(super) fn ring(&self, positions: &[Position]) -> Vec<Point> {
        positions.iter().map(|position| self.at(position)).collect()
    }

    /// A bar of `metres` in the lower left, with its length.
    pub(super) fn scale_bar(&self, metres: f64) -> Vec<Mark> {
        let (x, y) = (self.frame.x + 16.0, self.frame.y + self.frame.height - 16.0);
        let length = metres * self.px_per_m;
        let text = if metres >= 1_000.0 { format!("{:.0} km", metres / 1_000.0) } else { format!("{metres:.0} m") };
        vec![
            Mark::Line { points: vec![(x, y - 4.0), (x, y), (x + length, y), (x + length, y - 4.0)], pen: pen(INK, 1.6) },
            Mark::Words(Words { anchor: Anchor::Middle, edged: true, ..words((x + length / 2.0, y - 6.0), text, 10.5) }),
        ]
    }
}

/// How fast, as colours that differ in lightness too.
pub(super) const SPEEDS: [(f64, u32, &str); 4] = [
    (1.4, 0xb0_2e_6b, "standing"),
    (8.4, 0xe9_8a_1f, "up to 30 km/h"),
    (22.3, 0x3f_9c_8f, "up to 80 km/h"),
    (f64::INFINITY, 0x24_5c_8f, "faster"),
];

pub(super) fn colour_of(speed_mps: f64) -> u32 {
    SPEEDS.iter().find(|(up_to, ..)| speed_mps < *up_to).map_or(INK, |(_, colour, _)| *colour)
}

/// The line of a drive: a light casing, the parts by speed, gaps dashed.
pub(super) fn track(view: &View, fixes: &[DriveFix], width: f64) -> Vec<Mark> {
    let mut casing = Vec::new();
    let mut lines = Vec::new();
    let mut run: Vec<Point> = Vec::new();
    let mut before: Option<&DriveFix> = None;
    let mut finish = |run: &mut Vec<Point>, colour: u32| {
        if run.len() > 1 {
            casing.push(Mark::Line { points: run.clone(), pen: pen(PAPER, width + 3.0) });
            lines.push(Mark::Line { points: std::mem::take(run), pen: pen(colour, width) });
        }
        run.clear();
    };
    let mut gaps = Vec::new();
    for fix in fixes.iter().filter(|fix| fix.accuracy_m <= USABLE_M) {
        let here = view.at(&fix.shown);
        if let Some(before) = before {
            let (there, colour) = (view.at(&before.shown), colour_of(before.speed_mps));
            if fix.at_ms - before.at_ms > GAP_MS {
                finish(&mut run, colour);
                gaps.push(Mark::Line { points: vec![there, here], pen: dashed(QUIET, width * 0.6, 1.0, width * 1.6) });
            } else if colour_of(fix.speed_mps) != colour {
                run.push(here);
                finish(&mut run, colour);
            }
        }
        if run.last().is_none_or(|last| (here.0 - last.0).hypot(here.1 - last.1) >= 1.2) {
            run.push(here);
        }
        before = Some(fix);
    }
    if let Some(last) = before {
        finish(&mut run, colour_of(last.speed_mps));
    }
    casing.into_iter().chain(gaps).chain(lines).collect()
}

/// A disc with a sign in it.
pub(super) fn badge(centre: Point, sign: &str, paint: Paint, radius: f64) -> Vec<Mark> {
    let size = radius * 1.25;
    let edge = Pen { paint: solid(PAPER), width: 2.0, dash: None };
    let sign = Words { bold: true, anchor: Anchor::Middle, paint: solid(PAPER), ..words((centre.0, centre.1 + size * 0.36), sign, size) };
    vec![Mark::Disc { centre, radius, fill: Some(paint), edge: Some(edge) }, Mark::Words(sign)]
}

/// `h:mm:ss` since the drive began.
pub(super) fn clock(story: &Story, at_ms: i64) -> String {
    let seconds = story.fixes.first().map_or(0, |first| (at_ms - first.at_ms) / 1_000);
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
