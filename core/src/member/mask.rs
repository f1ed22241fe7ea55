//! The mask of a QR: of the eight, the one with the lowest penalty (ISO/IEC 18004, 7.8.3).
//!
//! The `qrcode` crate chooses the same one, but allocates for every module of every mask: that alone took a third of the time from the start
//! of a process to the card.

use qrcode::Color;
use qrcode::canvas::{Canvas, MaskPattern};

const MASKS: [MaskPattern; 8] = [
    MaskPattern::Checkerboard,
    MaskPattern::HorizontalLines,
    MaskPattern::VerticalLines,
    MaskPattern::DiagonalLines,
    MaskPattern::LargeCheckerboard,
    MaskPattern::Fields,
    MaskPattern::Diamonds,
    MaskPattern::Meadow,
];

/// Four white modules, or none, before and behind a look-alike of a finder pattern, which is black, white, three black, white, black.
const WINDOW: u32 = (1 << 15) - 1;
const FOUR: u32 = 0b1111;
const FINDER: u32 = 0b101_1101;

/// The modules of a drawn canvas under its best mask, row by row, true for black.
pub(super) fn best_masked(canvas: &Canvas, width: usize) -> Option<Vec<bool>> {
    let masked = MASKS.iter().map(|mask| {
        let mut canvas = canvas.clone();
        canvas.apply_mask(*mask);
        canvas.into_colors().into_iter().map(|color| color == Color::Dark).collect::<Vec<bool>>()
    });
    masked.min_by_key(|modules| penalty(modules, width))
}

fn penalty(modules: &[bool], width: usize) -> usize {
    let rows = modules.chunks_exact(width).map(|row| along(row.iter())).sum::<usize>();
    let columns = (0..width).map(|x| along(modules.iter().skip(x).step_by(width))).sum::<usize>();
    rows + columns + blocks(modules, width) + balance(modules)
}

/// Runs of five and more of one colour, and look-alikes of finder patterns, along a row or a column. Outside is white.
fn along<'a>(line: impl Iterator<Item = &'a bool>) -> usize {
    let (mut score, mut run, mut last, mut seen) = (0, 0usize, None, 0u32);
    for dark in line {
        if last == Some(*dark) {
            run += 1;
        } else {
            score += run_score(run);
            (last, run) = (Some(*dark), 1);
        }
        seen = (seen << 1 | u32::from(*dark)) & WINDOW;
        score += finder_score(seen);
    }
    for _ in 0..4 {
        seen = seen << 1 & WINDOW;
        score += finder_score(seen);
    }
    score + run_score(run)
}

fn run_score(run: usize) -> usize {
    if run >= 5 { run - 2 } else { 0 }
}

/// `seen` is four modules, seven that may look like a finder, and four more.
fn finder_score(seen: u32) -> usize {
    let alike = seen >> 4 & 0b111_1111 == FINDER && (seen >> 11 == 0 || seen & FOUR == 0);
    if alike { 40 } else { 0 }
}

/// Squares of two by two in one colour.
fn blocks(modules: &[bool], width: usize) -> usize {
    let rows = || modules.chunks_exact(width);
    let squares = rows().zip(rows().skip(1)).map(|(upper, lower)| {
        let alike =
            upper.windows(2).zip(lower.windows(2)).filter(|squares| matches!(squares, ([a, b], [c, d]) if a == b && b == c && c == d));
        alike.count()
    });
    3 * squares.sum::<usize>()
}

/// How far black is from half of all, in half per cents.
fn balance(modules: &[bool]) -> usize {
    let dark = modules.iter().filter(|dark| **dark).count();
    (dark * 200 / modules.len().max(1)).abs_diff(100)
}
