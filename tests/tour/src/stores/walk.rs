//! A walk through the town, as the phone in the pocket sees it. It is built, not recorded.

use noren_rules::geo::Position;

use crate::dice::Dice;
use crate::drives::DriveFix;

/// Metres a second: 80 metres a minute, as 徒歩 n 分 is reckoned in Japan.
const WALKS_MPS: f64 = 80.0 / 60.0;
/// A fix each so many seconds.
const EACH_S: i64 = 5;
/// What the phone says of its error between houses, in metres.
const ACCURACY_M: f64 = 12.0;

/// The fixes of a walk straight from one door to another, that begins at a moment. The same seed gives the same walk.
#[must_use]
pub fn walk(from: &Position, to: &Position, begins_ms: i64, seed: u64) -> Vec<DriveFix> {
    let (east, north) = from.offset_m(to);
    #[allow(clippy::cast_precision_loss, reason = "a few seconds")]
    let step_m = WALKS_MPS * EACH_S as f64;
    let steps = (east.hypot(north) / step_m).ceil().max(1.0);
    let mut dice = Dice::new(seed);
    let mut error = (0.0, 0.0);
    #[allow(clippy::cast_possible_truncation, reason = "a town is small")]
    let fixes = (0..=steps as i32).map(|step| {
        let part = f64::from(step) / steps;
        let true_position = from.offset_by(east * part, north * part);
        // The error of GPS wanders; it is not thrown anew with each fix.
        error = (error.0 * 0.9 + dice.bell() * 2.0, error.1 * 0.9 + dice.bell() * 2.0);
        DriveFix {
            at_ms: begins_ms + i64::from(step) * EACH_S * 1_000,
            true_position,
            shown: true_position.offset_by(error.0, error.1),
            accuracy_m: ACCURACY_M,
            speed_mps: WALKS_MPS,
            mock: false,
        }
    });
    fixes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_of_800_metres_takes_ten_minutes() {
        let from = Position::new(34.6, 133.77).unwrap();
        let to = from.offset_by(479.0, -639.0);
        let fixes = walk(&from, &to, 1_000, 7);
        assert_eq!(fixes.len(), 121);
        assert_eq!(fixes.last().map(|fix| fix.at_ms), Some(601_000));
        assert!(fixes.iter().all(|fix| fix.shown.flat_distance_m(&fix.true_position) < 40.0));
        assert!(fixes.last().unwrap().true_position.flat_distance_m(&to) < 1.0);
        assert_eq!(walk(&from, &to, 1_000, 7), fixes);
    }
}
