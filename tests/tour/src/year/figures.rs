//! How good chances were, once one knows what came.

use super::LIKELY_PERMILLE;

const BINS: usize = 20;

/// Chances of about the same size.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bin {
    /// How many questions.
    pub questions: usize,
    /// The mean of what was said, 0 to 1.
    pub said: f64,
    /// How many of them were really there, as a part of 1.
    pub there: f64,
}

/// How good the chances were that were said.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Twenty bins of equal width, from 0 to 1.
    pub bins: Vec<Bin>,
    /// All questions as one.
    pub all: Bin,
    /// Questions whose chance was shown as likely.
    pub likely: Bin,
    /// Expected calibration error: the mean of |said - there| over the bins, weighted by their questions (Naeini, Cooper and Hauskrecht, "Obtaining
    /// well calibrated probabilities using Bayesian binning", AAAI 2015).
    pub ece: f64,
    /// The mean of (said - came)², where what came is 0 or 1 (Brier, "Verification of forecasts expressed in terms of probability", 1950).
    pub brier: f64,
}

impl Figures {
    /// Of chances in thousandths, each with whether it came true.
    pub(super) fn of(chances: impl Iterator<Item = (u32, bool)>) -> Self {
        let mut sums = vec![Sum::default(); BINS];
        let (mut all, mut likely, mut squares) = (Sum::default(), Sum::default(), 0.0);
        for (permille, there) in chances {
            let said = f64::from(permille) / 1_000.0;
            let bin = (permille as usize * BINS / 1_000).min(BINS - 1);
            sums.get_mut(bin).into_iter().for_each(|sum| sum.add(said, there));
            all.add(said, there);
            if permille >= LIKELY_PERMILLE {
                likely.add(said, there);
            }
            squares += (said - f64::from(u8::from(there))).powi(2);
        }
        let bins: Vec<Bin> = sums.iter().map(Sum::bin).collect();
        let off: f64 = bins.iter().map(|bin| (bin.said - bin.there).abs() * count(bin.questions)).sum();
        let questions = count(all.questions).max(1.0);
        Self { bins, all: all.bin(), likely: likely.bin(), ece: off / questions, brier: squares / questions }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    questions: usize,
    said: f64,
    there: usize,
}

impl Sum {
    fn add(&mut self, said: f64, there: bool) {
        self.questions += 1;
        self.said += said;
        self.there += usize::from(there);
    }

    fn bin(&self) -> Bin {
        let questions = count(self.questions).max(1.0);
        Bin { questions: self.questions, said: self.said / questions, there: count(self.there) / questions }
    }
}

#[allow(clippy::cast_precision_loss, reason = "thousands")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_their_definitions() {
        let figures = Figures::of([(900, true), (900, true), (900, true), (900, false), (100, false), (1_000, true)].into_iter());
        // Four in the bin from 0.90 on, of which three came: 0.15 off. One at 0.1: 0.1 off. One at 1: right.
        assert!((figures.ece - (4.0 * 0.15 + 0.1) / 6.0).abs() < 1e-9, "{}", figures.ece);
        assert!((figures.brier - (3.0 * 0.01 + 0.81 + 0.01) / 6.0).abs() < 1e-9, "{}", figures.brier);
        assert_eq!((figures.all.questions, figures.likely.questions), (6, 5));
        assert!((figures.likely.there - 0.8).abs() < 1e-9 && (figures.likely.said - 0.92).abs() < 1e-9);
        assert_eq!(figures.bins.iter().map(|bin| bin.questions).sum::<usize>(), 6);
        assert!(Figures::of(std::iter::empty()).ece.abs() < 1e-9);
    }
}
