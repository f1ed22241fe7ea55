//! How likely it is that a variant is still there when the shopper arrives.
//!
//! Two things can go wrong on the way: others buy it, and the record was wrong from the beginning.
//!
//! What others buy until then is counted by the negative binomial distribution: shoppers come at random and take several pieces at once, so that
//! the variance is above the mean. Visits of a Poisson process that each take a logarithmic lot are exactly that (Quenouille, "A relation between
//! the logarithmic, Poisson, and negative binomial series", Biometrics 5, 1949), and of a part of a day mean and size are that part of the day's.
//! That it fits the demand of shops: Agrawal and Smith, "Estimating negative binomial demand for retail inventory management with unobservable lost
//! sales", Naval Research Logistics 43, 1996. That records are wrong, and how often: DeHoratius and Raman, "Inventory record inaccuracy: an empirical
//! analysis", Management Science 54, 2008.

use serde::{Deserialize, Serialize};

/// A day in milliseconds.
const DAY_MS: f64 = 86_400_000.0;
/// Beyond this nobody asks how many there are.
const MOST_TERMS: u32 = 10_000;
/// How much one pick says: of right records one pick in twenty finds nothing all the same (looked for in the wrong place), and of wrong ones one in
/// twenty finds a piece.
const ODDS_OF_A_PICK: f64 = 19.0;
/// More picks than this in one direction say no more.
const MOST_PICKS: i64 = 8;
/// Nobody is ever surer than this that a record is wrong, in thousandths.
const SUREST_PERMILLE: f64 = 990.0;

/// How the chance that a variant is there at a time is computed. Fitted by the operator; integers, so that phone and backend say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChanceModel {
    /// The size k of the negative binomial of a day's demand, in thousandths: the variance of a day's demand of mean m is m + m²/k.
    pub dispersion_milli: u32,
    /// The chance that a record of one piece is wrong, and nothing is there, when it was proven a moment ago, in thousandths. Of n pieces it is an n-th.
    pub error_permille: u32,
    /// How much that grows a day without proof, in millionths.
    pub error_per_day_ppm: u32,
    /// Minutes in which a day's demand comes, 1 to 1,440: who is on the way comes in those.
    #[serde(default = "cold_trading_min")]
    pub trading_min: u32,
}

/// Ten hours: shops are open for longer, and some of it is quiet.
fn cold_trading_min() -> u32 {
    600
}

impl Default for ChanceModel {
    /// A cold start, before anything was fitted: shoppers who take one or two pieces, and of records of one piece every twentieth wrong.
    fn default() -> Self {
        Self { dispersion_milli: 1_000, error_permille: 50, error_per_day_ppm: 1_000, trading_min: cold_trading_min() }
    }
}

/// What is asked: are `quantity` pieces still there after `until_ms`?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChanceQuestion {
    /// Available to promise, by the books.
    pub available: u32,
    /// Pieces wanted; 0 is taken as 1.
    pub quantity: u32,
    /// Pieces sold there a day, in thousandths.
    pub sold_per_day_milli: u32,
    /// How likely it is that the record is wrong and nothing is there, in thousandths.
    pub error_permille: u32,
    /// Time from what the books say to the arrival, in milliseconds; below 0 is 0.
    pub until_ms: i64,
}

/// What was seen of a record of a store and variant: whether it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordEvidence {
    /// Pieces for sale by the books; 0 is taken as 1.
    pub on_hand: u32,
    /// Time since something last showed that a piece is there, in milliseconds: a sale, a pick that found it; or that the
    /// record is right: a count.
    pub since_proven_ms: i64,
    /// Pieces sold there a day, in thousandths.
    pub sold_per_day_milli: u32,
    /// Picks since then that found nothing.
    pub not_found: u32,
    /// Picks that found a piece, of those that are not the proof itself.
    pub found: u32,
}

impl ChanceModel {
    /// How likely it is, in thousandths, rounded down: the record is right, and others take at most what can be spared. 1,000 only where nothing
    /// can go wrong.
    ///
    /// It falls with time and with the rate of sale, and rises with what is available. More than 10,000 pieces count as 10,000.
    #[must_use]
    pub fn chance_permille(&self, question: &ChanceQuestion) -> u32 {
        let Some(spare) = question.available.checked_sub(question.quantity.max(1)) else { return 0 };
        let days = self.trading_days(question.until_ms);
        let mean = f64::from(question.sold_per_day_milli) / 1_000.0 * days;
        let right = 1.0 - f64::from(question.error_permille.min(1_000)) / 1_000.0;
        // A millionth for rounding: 0.9 times 1,000 is 900.
        permille(at_most(spare.min(MOST_TERMS), mean, self.size(days)) * right * 1_000.0 + 1e-6)
    }

    /// How likely it is that a record is wrong and nothing is there, in thousandths, at most 990: Bayes' rule over what was seen of it.
    ///
    /// Wrong records miss a few pieces, seldom many, so the prior is the model's share of wrong records of one piece, and less by as many times as there
    /// are pieces; it grows with the time since something proved the record. If nothing was sold since, though v visits were to be expected, that silence
    /// speaks for an empty shelf: it makes the odds 1 + v times as high (of a full shelf its chance is 1/(1 + v), because the rate of sale is itself
    /// known no better than as the mean of an exponential distribution: what sold well last month need not sell now). Each pick that found nothing makes the odds of a wrong record 19 times
    /// as high, each that found a piece 19 times as low.
    #[must_use]
    pub fn record_error_permille(&self, seen: &RecordEvidence) -> u32 {
        let days = days(seen.since_proven_ms);
        let of_one = f64::from(self.error_permille) / 1_000.0 + f64::from(self.error_per_day_ppm) / 1_000_000.0 * days;
        let prior = (of_one / f64::from(seen.on_hand.max(1))).min(SUREST_PERMILLE / 1_000.0);
        let silence = 1.0 + visits(f64::from(seen.sold_per_day_milli) / 1_000.0 * days, self.size(days));
        let picks = (i64::from(seen.not_found) - i64::from(seen.found)).clamp(-MOST_PICKS, MOST_PICKS);
        #[allow(clippy::cast_possible_truncation, reason = "clamped to one digit")]
        let evidence = ODDS_OF_A_PICK.powi(picks as i32) * silence;
        let odds = prior / (1.0 - prior) * evidence;
        permille((odds / (1.0 + odds) * 1_000.0).min(SUREST_PERMILLE).round())
    }

    /// How many days of demand come in this time: of a part of a day as much as if all of it were opening hours.
    fn trading_days(&self, milliseconds: i64) -> f64 {
        let days = days(milliseconds);
        let quicker = 1_440.0 / f64::from(self.trading_min.clamp(1, 1_440));
        days.floor() + (days.fract() * quicker).min(1.0)
    }

    /// The size of the demand of so many days.
    fn size(&self, days: f64) -> f64 {
        f64::from(self.dispersion_milli.max(1)) / 1_000.0 * days
    }
}

/// Visits that take this mean of pieces, in a demand of this size: -ln p(0).
fn visits(mean: f64, size: f64) -> f64 {
    if mean <= 0.0 || size <= 0.0 { 0.0 } else { size * (mean / size).ln_1p() }
}

fn days(milliseconds: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "exact below 285,000 years")]
    let days = milliseconds.max(0) as f64 / DAY_MS;
    days
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to an integer stops at its ends, and no number is 0")]
fn permille(thousandths: f64) -> u32 {
    (thousandths as u32).min(1_000)
}

/// P(D <= most) of a negative binomial D of this mean and size (variance mean + mean²/size), by the recurrence
/// p(0) = (k/(k+m))^k, p(i+1) = p(i) · (k+i)/(i+1) · m/(k+m) (Johnson, Kemp and Kotz, "Univariate Discrete Distributions", 3rd edition, 5.1).
/// A large size is Poisson.
fn at_most(most: u32, mean: f64, size: f64) -> f64 {
    if mean <= 0.0 || size <= 0.0 {
        return 1.0;
    }
    // ln (k/(k+m))^k, exact also where m/k is tiny: its limit is -m.
    let none = -size * (mean / size).ln_1p();
    let ratio = mean / (size + mean);
    let (mut term, mut sum, mut scale) = (1.0f64, 1.0f64, none);
    for i in 0..most {
        term *= (size + f64::from(i)) / f64::from(i + 1) * ratio;
        sum += term;
        // There is one peak: what is this small stays so, and adds nothing.
        if term < sum * 1e-18 {
            break;
        }
        // p(0) of a large mean is below what a float holds: the sum is kept by its logarithm beside it.
        if sum > 1e200 {
            (term, sum, scale) = (term / sum, 1.0, scale + sum.ln());
        }
    }
    (scale + sum.ln()).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Computed with 60 digits in plain Python, independently of the recurrence: see tests/data/README.md.
    const TABLE: &str = include_str!("../../tests/data/negative_binomial.csv");

    #[test]
    fn the_recurrence_is_the_distribution() {
        let mut lines = 0;
        for line in TABLE.lines().skip(1) {
            let fields: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
            let got = at_most(fields[0] as u32, fields[1], fields[2]);
            assert!((got - fields[3]).abs() < 1e-12, "{line}: {got}");
            lines += 1;
        }
        assert!(lines >= 40, "{lines}");
    }

    #[test]
    fn a_large_size_is_poisson() {
        for mean in [0.01, 0.5, 3.0, 20.0] {
            let (mut term, mut poisson) = (f64::exp(-mean), 0.0);
            for n in 0..40u32 {
                poisson += term;
                term *= mean / f64::from(n + 1);
                assert!((at_most(n, mean, 1e9) - poisson).abs() < 1e-7, "{n} {mean}");
            }
        }
    }

    fn question(available: u32) -> ChanceQuestion {
        ChanceQuestion { available, quantity: 1, sold_per_day_milli: 2_000, error_permille: 100, until_ms: 3_600_000 }
    }

    #[test]
    fn what_can_go_wrong_is_in_the_chance() {
        let model = ChanceModel { trading_min: 720, ..ChanceModel::default() };
        assert_eq!(model.chance_permille(&question(0)), 0);
        assert_eq!(model.chance_permille(&ChanceQuestion { quantity: 3, ..question(2) }), 0);
        // Enough for everybody: only the record can be wrong.
        assert_eq!(model.chance_permille(&question(1_000)), 900);
        assert_eq!(model.chance_permille(&ChanceQuestion { error_permille: 0, until_ms: 0, ..question(1) }), 1_000);
        assert_eq!(model.chance_permille(&ChanceQuestion { error_permille: 1_000, ..question(9) }), 0);
        // One piece, two sold a day, one hour of twelve: k = 1/12 and m = 2/12, so (1/3)^(1/12) = 0.9125 of it stays.
        assert_eq!(model.chance_permille(&question(1)), 821);
        // Overnight is no more than the rest of the day.
        let after = |hours: i64| model.chance_permille(&ChanceQuestion { until_ms: hours * 3_600_000, ..question(5) });
        assert!(after(12) == after(24) && after(24) > after(30), "{} {} {}", after(12), after(24), after(30));
    }

    #[test]
    fn a_model_of_before_is_read() {
        let read: ChanceModel = serde_json::from_str(r#"{"dispersion_milli":1000,"error_permille":50,"error_per_day_ppm":1000}"#).unwrap();
        assert_eq!(read, ChanceModel::default());
    }

    const DAY: i64 = 86_400_000;
    const SEEN: RecordEvidence = RecordEvidence { on_hand: 1, since_proven_ms: 0, sold_per_day_milli: 0, not_found: 0, found: 0 };

    #[test]
    fn a_record_is_doubted_by_what_was_seen() {
        let model = ChanceModel { dispersion_milli: 1_000, error_permille: 20, error_per_day_ppm: 500, trading_min: 720 };
        let error = |seen: RecordEvidence| model.record_error_permille(&seen);
        assert_eq!(error(SEEN), 20);
        assert_eq!(error(RecordEvidence { on_hand: 4, ..SEEN }), 5);
        assert_eq!(error(RecordEvidence { since_proven_ms: 40 * DAY, ..SEEN }), 40);
        // Odds 1 to 49, times 19: 19 to 49.
        assert_eq!(error(RecordEvidence { not_found: 1, ..SEEN }), 279);
        assert_eq!(error(RecordEvidence { not_found: 2, ..SEEN }), 880);
        assert_eq!(error(RecordEvidence { found: 1, ..SEEN }), 1);
        assert_eq!(error(RecordEvidence { not_found: 1, found: 1, ..SEEN }), 20);
        assert_eq!(error(RecordEvidence { since_proven_ms: -5, not_found: 99, ..SEEN }), 990);
        // Two days without a sale where three a day are sold: k = 2 and m = 6 are 2 ln 4 = 2.77 visits, so odds of 3.77 times 21 to 979.
        assert_eq!(error(RecordEvidence { since_proven_ms: 2 * DAY, sold_per_day_milli: 3_000, ..SEEN }), 75);
    }

    fn model() -> impl Strategy<Value = ChanceModel> {
        any::<[u32; 4]>().prop_map(|[dispersion_milli, error_permille, error_per_day_ppm, trading_min]| ChanceModel {
            dispersion_milli,
            error_permille,
            error_per_day_ppm,
            trading_min,
        })
    }

    /// Any numbers, and such as occur.
    fn number(usual: u32) -> impl Strategy<Value = u32> {
        prop_oneof![1 => any::<u32>(), 3 => 0..usual, 1 => Just(0), 1 => Just(u32::MAX)]
    }

    proptest! {
        #[test]
        fn any_numbers_have_an_answer_that_falls_with_time_and_rises_with_stock(
            model in model(),
            available in number(300),
            more in number(30),
            quantity in number(5),
            sold in number(200_000),
            faster in number(50_000),
            error in number(1_100),
            until in prop_oneof![any::<i64>(), -10..864_000_000i64],
            longer in 0..864_000_000i64,
        ) {
            let asked = ChanceQuestion { available, quantity, sold_per_day_milli: sold, error_permille: error, until_ms: until };
            let chance = model.chance_permille(&asked);
            prop_assert!(chance <= 1_000);
            let longer = model.chance_permille(&ChanceQuestion { until_ms: until.saturating_add(longer), ..asked });
            let faster = model.chance_permille(&ChanceQuestion { sold_per_day_milli: sold.saturating_add(faster), ..asked });
            let wanted_more = model.chance_permille(&ChanceQuestion { quantity: quantity.saturating_add(more), ..asked });
            prop_assert!(longer <= chance && faster <= chance && wanted_more <= chance, "{longer} {faster} {wanted_more} <= {chance}");
            let there_more = model.chance_permille(&ChanceQuestion { available: available.saturating_add(more), ..asked });
            prop_assert!(there_more >= chance, "{there_more} >= {chance}");
        }

        #[test]
        fn any_evidence_has_an_answer_and_pushes_where_it_must(
            model in model(),
            on_hand in number(50),
            since_proven_ms in prop_oneof![any::<i64>(), 0..40 * DAY],
            sold_per_day_milli in number(30_000),
            not_found in number(20),
            found in number(20),
        ) {
            let seen = RecordEvidence { on_hand, since_proven_ms, sold_per_day_milli, not_found, found };
            let error = model.record_error_permille(&seen);
            prop_assert!(error <= 990);
            let of = |seen| model.record_error_permille(&seen);
            let more = [
                RecordEvidence { not_found: not_found.saturating_add(1), ..seen },
                RecordEvidence { since_proven_ms: since_proven_ms.saturating_add(DAY), ..seen },
                RecordEvidence { sold_per_day_milli: sold_per_day_milli.saturating_add(500), ..seen },
            ];
            for seen in more {
                prop_assert!(of(seen) >= error, "{seen:?}");
            }
            for seen in [RecordEvidence { found: found.saturating_add(1), ..seen }, RecordEvidence { on_hand: on_hand.saturating_add(1), ..seen }] {
                prop_assert!(of(seen) <= error, "{seen:?}");
            }
        }
    }
}
