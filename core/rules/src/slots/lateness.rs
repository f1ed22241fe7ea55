//! How late orders are, so that what is promised holds for nine of ten.

use serde::{Deserialize, Serialize};

/// What is added before anything was observed, in minutes: a kitchen of which nothing is known is taken to be ready within 5 minutes of its plan
/// for nine orders of ten. Twenty such orders are counted along with the observed ones, so that the first few do not swing it.
pub const COLD_START_MIN: u32 = 5;
const COLD_START_ORDERS: u64 = 20;
/// Minutes beyond which it does not matter how late something was.
const MOST_MIN: usize = 60;
/// So many orders and what is older counts half: kitchens change.
const REMEMBERED: u64 = 400;
/// Of these and the twenty of the cold start, these are more than nine of ten.
const KNOWN_ORDERS: u32 = 200;

/// Observed lateness of a store: by how many minutes orders were ready after they were planned to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lateness {
    /// Orders by minutes of lateness; early and punctual ones are at 0.
    orders: Vec<u32>,
}

impl Lateness {
    /// The lateness of a kitchen of which only [`Lateness::p90_min`] is known: as if so many orders had been late by it that the cold start does not
    /// count. An hour at most.
    #[must_use]
    pub fn of_p90(late_min: u32) -> Self {
        let mut lateness = Self::default();
        lateness.orders.resize(MOST_MIN + 1, 0);
        let place = usize::try_from(late_min).unwrap_or(MOST_MIN).min(MOST_MIN);
        if let Some(count) = lateness.orders.get_mut(place) {
            *count = KNOWN_ORDERS;
        }
        lateness
    }

    /// An order was planned for `ready_ms` and was ready at `at_ms`. A clock that jumped counts as an hour at most.
    pub fn observe(&mut self, ready_ms: i64, at_ms: i64) {
        self.orders.resize(MOST_MIN + 1, 0);
        let late_ms = at_ms.saturating_sub(ready_ms).max(0);
        // Begun minutes count.
        let late_min = usize::try_from(late_ms.saturating_add(59_999) / 60_000).unwrap_or(MOST_MIN).min(MOST_MIN);
        if let Some(count) = self.orders.get_mut(late_min) {
            *count = count.saturating_add(1);
        }
        if self.count() >= REMEMBERED {
            self.orders.iter_mut().for_each(|count| *count /= 2);
        }
    }

    /// How many orders it goes by, old ones halved.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.orders.iter().map(|count| u64::from(*count)).sum()
    }

    /// Minutes by which nine orders of ten are late at most.
    #[must_use]
    pub fn p90_min(&self) -> u32 {
        let all = self.count() + COLD_START_ORDERS;
        let mut so_far = 0;
        let most = u32::try_from(MOST_MIN).unwrap_or(u32::MAX);
        for late_min in 0..most {
            let observed = usize::try_from(late_min).ok().and_then(|at| self.orders.get(at)).copied().unwrap_or(0);
            so_far += u64::from(observed) + cold_start(late_min);
            if so_far * 10 >= all * 9 {
                return late_min;
            }
        }
        most
    }
}

/// Eighteen of the twenty are as late as the cold start says, two twice as late.
fn cold_start(late_min: u32) -> u64 {
    if late_min == COLD_START_MIN {
        COLD_START_ORDERS - 2
    } else if late_min == 2 * COLD_START_MIN {
        2
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_known_of_it_is_what_it_says() {
        for late_min in 0..=60 {
            assert_eq!(Lateness::of_p90(late_min).p90_min(), late_min);
        }
        assert_eq!(Lateness::of_p90(u32::MAX).p90_min(), 60);
    }

    #[test]
    fn it_begins_cold_and_learns() {
        let mut lateness = Lateness::default();
        assert_eq!((lateness.p90_min(), lateness.count()), (COLD_START_MIN, 0));
        for _ in 0..300 {
            lateness.observe(0, -60_000);
        }
        assert_eq!(lateness.p90_min(), 0, "a punctual kitchen promises what it plans");
        for _ in 0..300 {
            lateness.observe(0, 12 * 60_000);
        }
        assert_eq!(lateness.p90_min(), 12);
        lateness.observe(i64::MIN, i64::MAX);
        lateness.observe(i64::MAX, i64::MIN);
        assert!(lateness.count() < REMEMBERED && lateness.p90_min() == 12);
    }

    proptest! {
        /// Of many observed orders nine of ten were ready by the quote.
        #[test]
        fn nine_of_ten_are_ready_by_the_quote(late in prop::collection::vec(-5i64..40, 100..390)) {
            let mut lateness = Lateness::default();
            late.iter().for_each(|minutes| lateness.observe(0, minutes * 60_000));
            let quote = i64::from(lateness.p90_min());
            let by_then = late.iter().filter(|minutes| **minutes <= quote).count();
            // Twenty orders of the cold start are in the count as well.
            prop_assert!(by_then * 10 + 200 >= late.len() * 9);
            prop_assert!(late.iter().filter(|minutes| **minutes < quote).count() * 10 <= late.len() * 9 + 180);
        }
    }
}
