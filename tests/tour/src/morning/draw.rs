//! The picture of the morning: load per quarter of an hour and waiting at the counter, under three policies.

use super::{COMMUTERS, Figures, Mornings, Policy, QUARTERS};
use crate::map::font::{Font, legible};
use crate::map::paint;
use crate::map::scene::{
    Anchor, EDGE, Frame, GREEN, INDIGO, INK, Mark, PAPER, Point, QUIET, RED, Scene, Words, dashed, faint, pen, solid, words,
};

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 572.0;
const SCALE: f32 = 1.5;
/// The first plot of each row; the others stand to its right.
const LOAD: Frame = Frame { x: 74.0, y: 136.0, width: 240.0, height: 190.0 };
const WAIT: Frame = Frame { x: 74.0, y: 362.0, width: 240.0, height: 96.0 };
const APART: f64 = 262.0;
/// Where the scales end: thousandths of the bar's time, minutes.
const MOST_LOAD: f64 = 3_600.0;
const MOST_WAIT: f64 = 48.0;
const SHOWN: [(Policy, &str, &str); 3] = [
    (Policy::Asap, "As soon as possible", "ordered on leaving the train"),
    (Policy::Buckets, "60 orders a quarter", "as tills count, nearest free minute"),
    (Policy::Levelled, "Slots of kitchen time", "levelled: 30 points for a quieter slot"),
];

/// Load and waiting as PNG.
///
/// # Errors
/// When the font of the pictures lacks a character.
pub fn draw(mornings: &[Mornings]) -> Result<Vec<u8>, String> {
    let whole = Frame { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT };
    let mut marks = vec![Mark::Card { frame: whole, corner: 14.0, fill: Some(solid(PAPER)), edge: Some(pen(EDGE, 1.0)) }];
    let title = format!("{COMMUTERS} commuters want their coffee between 8:00 and 8:15");
    marks.push(Mark::Words(Words { bold: true, ..words((40.0, 42.0), title.as_str(), 20.0) }));
    let below = "One kitchen that makes about 60 orders a quarter of an hour. Medians of 20 simulated mornings";
    marks.push(quiet((40.0, 64.0), below, 12.0));
    for ((policy, name, how), left) in SHOWN.into_iter().zip([0.0, APART, 2.0 * APART]) {
        let Some(of) = mornings.iter().find(|of| of.policy == policy) else { continue };
        let ink = if policy == Policy::Levelled { GREEN } else { INK };
        marks.push(Mark::Words(Words { bold: true, paint: solid(ink), ..words((LOAD.x + left, 92.0), name, 14.0) }));
        marks.push(quiet((LOAD.x + left, 107.0), how, 11.0));
        let load = Plot { frame: moved(LOAD, left), most: MOST_LOAD, first: left == 0.0 };
        load.axes(&mut marks, &[(1_000.0, "100%"), (2_000.0, "200%"), (3_000.0, "300%")]);
        load.bars(&mut marks, &of.median.load_permille, 1_000.0, policy);
        let full = load.y(1_000.0);
        marks.push(Mark::Line {
            points: vec![(load.frame.x, full), (load.frame.x + load.frame.width, full)],
            pen: dashed(INK, 1.2, 4.0, 3.0),
        });
        let wait = Plot { frame: moved(WAIT, left), most: MOST_WAIT, first: left == 0.0 };
        wait.axes(&mut marks, &[(15.0, "15 min"), (30.0, "30 min"), (45.0, "45 min")]);
        wait.bars(&mut marks, &of.median.wait_by_quarter_min, 0.0, policy);
        wait.hours(&mut marks);
        if of.median.wait_by_quarter_min.iter().all(|wait| *wait < 0.5) {
            let at = (wait.frame.x + wait.frame.width / 2.0, wait.frame.y + wait.frame.height / 2.0 + 5.0);
            marks.push(Mark::Words(Words { anchor: Anchor::Middle, paint: solid(GREEN), ..words(at, "hardly anybody waits", 13.0) }));
        }
        figures(&mut marks, &of.median, WAIT.x + left, policy);
    }
    marks.push(quiet((LOAD.x, LOAD.y - 8.0), "work planned into each quarter of an hour", 11.0));
    marks.push(quiet((WAIT.x, WAIT.y - 8.0), "mean wait at the counter, by when people come", 11.0));
    legible(&Font::open()?, &marks)?;
    paint::png(&Scene { width: WIDTH, height: HEIGHT, title, marks }, SCALE)
}

fn quiet(at: Point, text: impl Into<String>, size: f64) -> Mark {
    Mark::Words(Words { paint: solid(QUIET), ..words(at, text, size) })
}

fn moved(frame: Frame, left: f64) -> Frame {
    Frame { x: frame.x + left, ..frame }
}

struct Plot {
    frame: Frame,
    most: f64,
    /// The scale stands at its left.
    first: bool,
}

impl Plot {
    fn y(&self, value: f64) -> f64 {
        self.frame.y + self.frame.height * (1.0 - value / self.most)
    }

    fn axes(&self, marks: &mut Vec<Mark>, scale: &[(f64, &str)]) {
        marks.push(Mark::Card { frame: self.frame, corner: 0.0, fill: Some(solid(0xff_ff_ff)), edge: Some(pen(EDGE, 1.0)) });
        for (value, name) in scale {
            let y = self.y(*value);
            marks.push(Mark::Line { points: vec![(self.frame.x, y), (self.frame.x + self.frame.width, y)], pen: pen(EDGE, 0.5) });
            if self.first {
                marks.push(Mark::Words(Words { anchor: Anchor::End, ..words((self.frame.x - 7.0, y + 4.0), *name, 11.0) }));
            }
        }
    }

    /// A bar a quarter of an hour, red where it is above `fine`.
    fn bars(&self, marks: &mut Vec<Mark>, values: &[f64], fine: f64, policy: Policy) {
        let width = self.frame.width / number(QUARTERS);
        let good = if policy == Policy::Levelled { GREEN } else { INDIGO };
        for (place, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            let x = self.frame.x + number(place) * width + 1.5;
            let mut bar = |from: f64, until: f64, rgb: u32| {
                let frame = Frame { x, y: self.y(until), width: width - 3.0, height: self.y(from) - self.y(until) };
                marks.push(Mark::Card { frame, corner: 0.0, fill: Some(faint(rgb, 0.75)), edge: None });
            };
            bar(0.0, value.min(fine), good);
            bar(fine, value.clamp(fine, self.most), RED);
        }
    }

    /// 7:00 to 9:30.
    fn hours(&self, marks: &mut Vec<Mark>) {
        for (place, name) in [(0usize, "7:00"), (4, "8:00"), (8, "9:00")] {
            let x = self.frame.x + number(place) * self.frame.width / number(QUARTERS);
            let y = self.frame.y + self.frame.height;
            marks.push(Mark::Line { points: vec![(x, y), (x, y + 4.0)], pen: pen(QUIET, 1.0) });
            marks.push(Mark::Words(Words { anchor: Anchor::Middle, ..words((x, y + 17.0), name, 11.0) }));
        }
    }
}

fn figures(marks: &mut Vec<Mark>, of: &Figures, left: f64, policy: Policy) {
    let late = of.late_p90_min;
    let moved = match policy {
        Policy::Asap => "nobody is told another time".to_owned(),
        Policy::Levelled => {
            format!("{:.0}% moved by points, {:.0}% told another time", of.nudged_permille / 10.0, of.refused_permille / 10.0)
        }
        _ => format!("{:.0}% told another time", of.refused_permille / 10.0),
    };
    let rows = [
        format!("mean wait at the counter {:.1} min", of.wait_min),
        if late > 0.0 {
            format!("9 of 10 ready at most {late:.0} min late")
        } else {
            format!("9 of 10 ready {:.0} min before the promise", -late)
        },
        format!("busiest quarter {:.1} × the mean, Gini {:.2}", of.peak_to_mean, of.gini),
        moved,
    ];
    for (row, text) in (0u32..).zip(rows) {
        let y = WAIT.y + WAIT.height + 40.0 + f64::from(row) * 18.0;
        marks.push(Mark::Words(Words { bold: row == 0, ..words((left, y), text, 12.0) }));
    }
}

#[allow(clippy::cast_precision_loss, reason = "small")]
fn number(count: usize) -> f64 {
    count as f64
}
