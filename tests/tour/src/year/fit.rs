//! The model that would have said it best.

use noren_rules::stock::{Band, ChanceModel};

use super::asked::Asked;
use super::figures::Figures;

/// Every so many-th question is enough to fit four numbers.
const EVERY: usize = 5;
/// Steps, in percent, by which each number is raised and lowered until nothing is gained.
const STEPS: [u64; 4] = [300, 70, 25, 8];

/// By how much what is shown as likely is to be there more often than was said: sooner too little is said than too much.
const MARGIN: f64 = 0.006;
/// A share of wrong records above this is no fit any more.
const MOST_PERMILLE: u32 = 500;

/// The model of least Brier score, which is least for the true chances: from the cold start on, number by number, in ever smaller steps. Then the share
/// of wrong records is raised until what is shown as likely keeps the margin.
pub(super) fn fit(asked: &[Asked]) -> ChanceModel {
    let is_known = |asked: &&Asked| asked.is_in_the_books() && asked.answer(&ChanceModel::default()).band != Band::Unknown;
    let known: Vec<&Asked> = asked.iter().step_by(EVERY).filter(is_known).collect();
    let figures =
        |model: &ChanceModel| Figures::of(known.iter().filter_map(|asked| Some((asked.answer(model).chance_permille?, asked.there))));
    let mut best = ChanceModel::default();
    let mut least = figures(&best).brier;
    for step in STEPS {
        let mut gained = true;
        while gained {
            gained = false;
            for model in neighbours(&best, step) {
                let brier = figures(&model).brier;
                if brier < least {
                    (best, least, gained) = (model, brier, true);
                }
            }
        }
    }
    let promises_too_much = |model: &ChanceModel| Some(figures(model).likely).is_some_and(|likely| likely.said + MARGIN > likely.there);
    while best.error_permille < MOST_PERMILLE && promises_too_much(&best) {
        best.error_permille += 2;
    }
    best
}

/// The models beside this one.
fn neighbours(model: &ChanceModel, step: u64) -> [ChanceModel; 8] {
    let more = |number: u32| u32::try_from(u64::from(number) * (100 + step) / 100 + 1).unwrap_or(u32::MAX);
    let less = |number: u32| u32::try_from(u64::from(number) * 100 / (100 + step)).unwrap_or(0);
    [
        ChanceModel { dispersion_milli: more(model.dispersion_milli), ..*model },
        ChanceModel { dispersion_milli: less(model.dispersion_milli).max(1), ..*model },
        ChanceModel { error_permille: more(model.error_permille).min(MOST_PERMILLE), ..*model },
        ChanceModel { error_permille: less(model.error_permille), ..*model },
        ChanceModel { error_per_day_ppm: more(model.error_per_day_ppm), ..*model },
        ChanceModel { error_per_day_ppm: less(model.error_per_day_ppm), ..*model },
        ChanceModel { trading_min: more(model.trading_min).min(1_440), ..*model },
        ChanceModel { trading_min: less(model.trading_min).max(60), ..*model },
    ]
}
