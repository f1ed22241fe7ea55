//! The year against which the chance that something is there on arrival is held.
//!
//! Its demand is the real sales log that comes with the project: the nine months that there are, 1 December 2010 to 31 August 2011, minute by minute;
//! no month is repeated or made up. Everything else is simulated, with a seed: three stores among which the invoices are divided, shelves, deliveries
//! that are at times short, theft and pieces on the wrong shelf that the books do not know, counts every month or two, picks, a feed that is late.
//! What could not be sold because the shelf was empty is not sold.
//!
//! December and January fill the shelves, the rates of sale and the errors of the books. The model is fitted to what was asked from February to April,
//! and measured by what was asked from May to August, which the fit has not seen. Only the four numbers of the model are
//! fitted: its form was made by people who had seen all months.

mod asked;
mod demand;
mod draw;
mod figures;
mod fit;
mod world;

pub use draw::draw;
pub use figures::{Bin, Figures};

use noren_rules::stock::{Band, ChanceModel};

use asked::Asked;

/// Minutes since 1 December 2010, 0:00, by the shop's clock.
type Minute = i64;
const DAY: Minute = 24 * 60;
/// When the doors open.
const OPENS: Minute = 8 * 60;
const STORES: i64 = 3;
/// The year is lived so many times over, each with accidents of its own, so that one misplaced box is no finding.
const LIVES: u64 = 8;
/// 1 May 2011: what is asked before is for fitting, from then on for measuring.
const MEASURED_FROM: Minute = 151 * DAY;

/// From this chance on something is shown as likely to be there, in thousandths.
pub const LIKELY_PERMILLE: u32 = 800;

/// What the year says of the chance.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The model that was fitted to the months before.
    pub model: ChanceModel,
    /// Questions of the months that were fitted.
    pub fitted_on: usize,
    /// The fitted model in the months that it was not fitted to.
    pub fitted: Figures,
    /// Of these the questions of shoppers who are there within 90 minutes.
    pub fitted_soon: Figures,
    /// And of those who come in two to six hours.
    pub fitted_later: Figures,
    /// [`ChanceModel::default`], before anything is fitted, in the same months.
    pub cold_start: Figures,
    /// A model that is wrong on purpose, in the same months: Poisson demand and books that are never wrong.
    pub wrong: Figures,
    /// What most shops say, in the same months: the books have so many, so they are there for sure.
    pub books_alone: Figures,
    /// Questions of these months that were answered with "unknown": the feed was too old, or the books below 0.
    pub unknown: usize,
    /// Questions where the books had none or not enough. They are no part of the figures, which they would flatter.
    pub too_few: usize,
    /// How many of those would have been served all the same.
    pub too_few_and_there: usize,
}

/// A model that is wrong on purpose: as good as Poisson, and records are never wrong.
pub const WRONG: ChanceModel = ChanceModel { dispersion_milli: 4_000_000_000, error_permille: 0, error_per_day_ppm: 0, trading_min: 1_440 };

/// What [`run`] fits: for a backend of these stores.
pub const FITTED: ChanceModel = ChanceModel { dispersion_milli: 407, error_permille: 190, error_per_day_ppm: 18_071, trading_min: 224 };

/// Lives through the year, fits the model to its first months and measures it on the others. The same in every run.
///
/// # Errors
/// When the log that comes with the project cannot be read.
pub fn run() -> Result<Calibration, String> {
    let demand = demand::read()?;
    let asked = (1..=LIVES).flat_map(|seed| world::live(&demand, seed));
    let (before, after): (Vec<Asked>, Vec<Asked>) = asked.partition(|asked| asked.at < MEASURED_FROM);
    let model = fit::fit(&before);
    let is_known = |asked: &&Asked| asked.answer(&model).band != Band::Unknown;
    let (known, too_few): (Vec<&Asked>, Vec<&Asked>) = after.iter().filter(is_known).partition(|asked| asked.is_in_the_books());
    let by = |model: &ChanceModel| Figures::of(known.iter().filter_map(|asked| Some((asked.answer(model).chance_permille?, asked.there))));
    let fitted = |chosen: &dyn Fn(&Asked) -> bool| {
        Figures::of(
            known.iter().filter(|asked| chosen(asked)).filter_map(|asked| Some((asked.answer(&model).chance_permille?, asked.there))),
        )
    };
    Ok(Calibration {
        fitted_on: before.len(),
        fitted: by(&model),
        fitted_soon: fitted(&|asked| asked.in_min <= 90),
        fitted_later: fitted(&|asked| asked.in_min > 90),
        cold_start: by(&ChanceModel::default()),
        wrong: by(&WRONG),
        books_alone: Figures::of(known.iter().map(|asked| (1_000, asked.there))),
        unknown: after.len() - known.len() - too_few.len(),
        too_few: too_few.len(),
        too_few_and_there: too_few.iter().filter(|asked| asked.there).count(),
        model,
    })
}
