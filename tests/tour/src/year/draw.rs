//! The reliability curve: what was said against what came.

use super::{Bin, Calibration, Figures, LIKELY_PERMILLE};
use crate::map::font::{Font, legible};
use crate::map::paint;
use crate::map::scene::{
    Anchor, EDGE, Frame, GREEN, INDIGO, INK, Mark, PAPER, Point, QUIET, RED, Scene, Words, dashed, faint, pen, solid, words,
};

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 620.0;
/// The curve, and below it how many questions there were.
const PLOT: Frame = Frame { x: 84.0, y: 84.0, width: 400.0, height: 400.0 };
const COUNTS: Frame = Frame { x: 84.0, y: 506.0, width: 400.0, height: 52.0 };
/// Fewer questions than this in a bin are drawn fainter: chance moves them.
const FEW: usize = 100;
const SCALE: f32 = 1.5;

/// The reliability curve as PNG: for each twentieth of what was said how much of it came, of the fitted model and of the wrong one, and the figures.
///
/// # Errors
/// When the font of the pictures lacks a character.
pub fn draw(calibration: &Calibration) -> Result<Vec<u8>, String> {
    let mut marks = vec![Mark::Card {
        frame: Frame { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT },
        corner: 14.0,
        fill: Some(solid(PAPER)),
        edge: Some(pen(EDGE, 1.0)),
    }];
    let title = "Is it still there on arrival?";
    marks.push(Mark::Words(Words { bold: true, ..words((40.0, 42.0), title, 20.0) }));
    let below = "Chances as the phone said them, and what came: May to August 2011, which the fit has not seen";
    marks.push(quiet((40.0, 64.0), below, 12.0));
    axes(&mut marks);
    curve(&mut marks, &calibration.wrong, RED);
    curve(&mut marks, &calibration.fitted, INDIGO);
    counts(&mut marks, &calibration.fitted);
    figures(&mut marks, calibration);
    legible(&Font::open()?, &marks)?;
    paint::png(&Scene { width: WIDTH, height: HEIGHT, title: title.to_owned(), marks }, SCALE)
}

fn quiet(at: Point, text: impl Into<String>, size: f64) -> Mark {
    Mark::Words(Words { paint: solid(QUIET), ..words(at, text, size) })
}

/// Where what was said and what came stand on the plot.
fn on_plot(said: f64, there: f64) -> Point {
    (PLOT.x + said * PLOT.width, PLOT.y + (1.0 - there) * PLOT.height)
}

fn axes(marks: &mut Vec<Mark>) {
    marks.push(Mark::Card { frame: PLOT, corner: 0.0, fill: Some(solid(0xff_ff_ff)), edge: Some(pen(EDGE, 1.0)) });
    let likely = f64::from(LIKELY_PERMILLE) / 1_000.0;
    let (left, top) = on_plot(likely, 1.0);
    let frame = Frame { x: left, y: top, width: PLOT.x + PLOT.width - left, height: PLOT.height };
    marks.push(Mark::Card { frame, corner: 0.0, fill: Some(faint(GREEN, 0.08)), edge: None });
    marks.push(Mark::Words(Words { paint: solid(GREEN), ..words((left + 6.0, top + PLOT.height - 10.0), "likely", 12.0) }));
    for fifth in 0..=5u32 {
        let part = f64::from(fifth) / 5.0;
        let percent = format!("{}%", fifth * 20);
        let (x, y) = on_plot(part, part);
        marks.push(Mark::Line { points: vec![(PLOT.x, y), (PLOT.x + PLOT.width, y)], pen: pen(EDGE, 0.5) });
        marks.push(Mark::Line { points: vec![(x, PLOT.y), (x, PLOT.y + PLOT.height)], pen: pen(EDGE, 0.5) });
        marks.push(Mark::Words(Words { anchor: Anchor::End, ..words((PLOT.x - 8.0, y + 4.0), percent.as_str(), 12.0) }));
        marks.push(Mark::Words(Words { anchor: Anchor::Middle, ..words((x, COUNTS.y + COUNTS.height + 18.0), percent, 12.0) }));
    }
    marks.push(Mark::Line { points: vec![on_plot(0.0, 0.0), on_plot(1.0, 1.0)], pen: dashed(QUIET, 1.2, 4.0, 4.0) });
    let below = (COUNTS.x + COUNTS.width / 2.0, COUNTS.y + COUNTS.height + 38.0);
    marks.push(Mark::Words(Words { anchor: Anchor::Middle, ..words(below, "said: chance that it is there", 12.0) }));
    marks.push(quiet((PLOT.x + 10.0, PLOT.y + 20.0), "really there", 12.0));
}

fn curve(marks: &mut Vec<Mark>, figures: &Figures, rgb: u32) {
    let bins: Vec<&Bin> = figures.bins.iter().filter(|bin| bin.questions > 0).collect();
    let points = bins.iter().map(|bin| on_plot(bin.said, bin.there)).collect();
    marks.push(Mark::Line { points, pen: pen(rgb, 1.4) });
    for bin in bins {
        let fill = if bin.questions < FEW { faint(rgb, 0.35) } else { solid(rgb) };
        marks.push(Mark::Disc { centre: on_plot(bin.said, bin.there), radius: 4.5, fill: Some(fill), edge: Some(pen(PAPER, 1.0)) });
    }
}

/// By their logarithm: most questions are easy ones.
fn counts(marks: &mut Vec<Mark>, figures: &Figures) {
    let height = |questions: usize| number(questions + 1).log10();
    let most = figures.bins.iter().map(|bin| height(bin.questions)).fold(1.0, f64::max);
    let width = COUNTS.width / number(figures.bins.len().max(1));
    for (place, bin) in figures.bins.iter().enumerate() {
        let high = height(bin.questions) / most * COUNTS.height;
        let frame =
            Frame { x: COUNTS.x + number(place) * width + 1.0, y: COUNTS.y + COUNTS.height - high, width: width - 2.0, height: high };
        marks.push(Mark::Card { frame, corner: 0.0, fill: Some(faint(INDIGO, 0.35)), edge: None });
    }
    marks.push(Mark::Words(Words { anchor: Anchor::End, ..words((COUNTS.x - 8.0, COUNTS.y + 20.0), "questions", 12.0) }));
    marks.push(Mark::Words(Words {
        anchor: Anchor::End,
        paint: solid(QUIET),
        ..words((COUNTS.x - 8.0, COUNTS.y + 36.0), "(logarithm)", 10.0)
    }));
}

fn figures(marks: &mut Vec<Mark>, calibration: &Calibration) {
    let left = 520.0;
    let mut y = 104.0;
    let mut line = |text: String, rgb: u32, bold: bool, size: f64, gap: f64| {
        y += gap;
        marks.push(Mark::Words(Words { bold, paint: solid(rgb), ..words((left, y), text, size) }));
    };
    let mut model = |name: &str, figures: &Figures, rgb: u32| {
        line(name.to_owned(), rgb, true, 14.0, 30.0);
        line(format!("calibration error {:.4}   Brier {:.4}", figures.ece, figures.brier), INK, false, 12.0, 20.0);
        line(
            format!("said as likely {}, really there {}", percent(figures.likely.said), percent(figures.likely.there)),
            INK,
            false,
            12.0,
            18.0,
        );
    };
    model("Fitted to February to April", &calibration.fitted, INDIGO);
    model("Cold start, nothing fitted", &calibration.cold_start, INK);
    model("Wrong on purpose: Poisson, books always right", &calibration.wrong, RED);
    model("The books alone: in stock is in stock", &calibration.books_alone, INK);
    let (soon, later) = (calibration.fitted_soon.ece, calibration.fitted_later.ece);
    line(format!("fitted, arrival within 90 min: {soon:.4}, in 2 to 6 hours: {later:.4}"), QUIET, false, 12.0, 34.0);
    line(
        format!("{} questions, {} of them answered as likely", calibration.fitted.all.questions, calibration.fitted.likely.questions),
        QUIET,
        false,
        12.0,
        18.0,
    );
    line(format!("{} more were answered as unknown", calibration.unknown), QUIET, false, 12.0, 18.0);
    line("faint: fewer than 100 questions".to_owned(), QUIET, false, 12.0, 18.0);
    line("demand: Online Retail, UCI, CC BY 4.0; stores simulated".to_owned(), QUIET, false, 12.0, 18.0);
}

fn percent(part: f64) -> String {
    format!("{:.1}%", part * 100.0)
}

#[allow(clippy::cast_precision_loss, reason = "small")]
fn number(count: usize) -> f64 {
    count as f64
}
