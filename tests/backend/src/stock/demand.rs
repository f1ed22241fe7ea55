//! How fast a variant sells: a sum of what was sold that fades with time, so that it is one number, and the same for every order of sales.

const DAY_MS: f64 = 86_400_000.0;
/// What was sold so many days ago counts 1/e: on average a sale that counts is as old as in a mean over 28 days.
const FADES_DAYS: f64 = 14.0;
/// A new variant is not said to sell a piece a minute because one was sold in its first minute.
const LEAST_DAYS: f64 = 7.0;

/// The sum as of `at_ms`, of what was sold since `since_ms`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Demand {
    pub(crate) since_ms: i64,
    pub(crate) sold: f64,
    pub(crate) at_ms: i64,
}

impl Demand {
    pub(crate) fn add(&mut self, pieces: u32, at_ms: i64) {
        let newest_ms = self.at_ms.max(at_ms);
        self.sold = self.sold * left_after(days(self.at_ms, newest_ms)) + f64::from(pieces) * left_after(days(at_ms, newest_ms));
        self.at_ms = newest_ms;
    }

    /// Takes back what was added for a sale at `at_ms`.
    pub(crate) fn take(&mut self, pieces: u32, at_ms: i64) {
        self.sold = (self.sold - f64::from(pieces) * left_after(days(at_ms, self.at_ms))).max(0.0);
    }

    /// Pieces a day, in thousandths.
    pub(crate) fn per_day_milli(&self, now_ms: i64) -> u32 {
        let now_ms = now_ms.max(self.at_ms);
        let sold = self.sold * left_after(days(self.at_ms, now_ms));
        // What has not been there long has faded less: of the whole weight only this part can have been filled.
        let filled = 1.0 - left_after(days(self.since_ms, now_ms).max(LEAST_DAYS));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to an integer stops at its ends")]
        let milli = (sold / (FADES_DAYS * filled) * 1_000.0).round() as u32;
        milli
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 285,000 years")]
fn days(from_ms: i64, to_ms: i64) -> f64 {
    to_ms.saturating_sub(from_ms).max(0) as f64 / DAY_MS
}

fn left_after(days: f64) -> f64 {
    (-days / FADES_DAYS).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn a_steady_sale_is_its_rate_and_fades_when_it_ends() {
        let mut demand = Demand::default();
        for quarter in 0..4 * 100 {
            demand.add(1, quarter * DAY / 4);
        }
        let steady = demand.per_day_milli(100 * DAY);
        assert!((3_900..=4_100).contains(&steady), "{steady}");
        let after_a_month = demand.per_day_milli(130 * DAY);
        assert!((400..=550).contains(&after_a_month), "{after_a_month}");
        // Not long there, and known all the same.
        let mut young = Demand { since_ms: 90 * DAY, at_ms: 90 * DAY, sold: 0.0 };
        for day in 90..100 {
            young.add(2, day * DAY);
        }
        assert!((1_800..=2_200).contains(&young.per_day_milli(100 * DAY)), "{young:?}");
    }

    #[test]
    fn the_order_of_sales_makes_no_difference() {
        let sales = [(3, 5 * DAY), (1, DAY), (7, 20 * DAY), (2, 3 * DAY)];
        let sum = |sales: &[(u32, i64)]| {
            let mut demand = Demand::default();
            sales.iter().for_each(|(pieces, at_ms)| demand.add(*pieces, *at_ms));
            demand.per_day_milli(21 * DAY)
        };
        let mut backward = sales;
        backward.reverse();
        assert_eq!(sum(&sales), sum(&backward));
        // What was not sold after all is as if it never had been.
        let mut demand = Demand::default();
        sales.iter().chain(&[(900, 4 * DAY)]).for_each(|(pieces, at_ms)| demand.add(*pieces, *at_ms));
        demand.take(900, 4 * DAY);
        assert_eq!(demand.per_day_milli(21 * DAY), sum(&sales));
    }
}
