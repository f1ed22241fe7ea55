//! When the story's two days are.

use super::chain::UTC_OFFSET_MIN;
use super::log::NOON_MIN;
use crate::travel::StoryClock;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// The two days of the chain on the story's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoryDays {
    first_midnight_ms: i64,
}

impl StoryDays {
    /// The next noon of the chain's town is the noon of the second day.
    #[must_use]
    pub fn before_next_noon(clock: &StoryClock) -> Self {
        let local_ms = clock.now_ms() + i64::from(UTC_OFFSET_MIN) * MINUTE_MS;
        let noon_ms = (local_ms + DAY_MS / 2).div_euclid(DAY_MS) * DAY_MS + DAY_MS / 2;
        Self::with_noon_at(noon_ms - i64::from(UTC_OFFSET_MIN) * MINUTE_MS)
    }

    /// Whatever the clock shows at this moment, it is noon of the second day.
    #[must_use]
    pub fn with_noon_at(noon_ms: i64) -> Self {
        Self { first_midnight_ms: noon_ms - NOON_MIN * MINUTE_MS }
    }

    /// A minute since the first midnight, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn at_ms(&self, minute: i64) -> i64 {
        self.first_midnight_ms + minute * MINUTE_MS
    }

    /// The day of a minute in the chain's town, `YYYY-MM-DD`.
    ///
    /// # Errors
    /// A time that no calendar has.
    pub fn date(&self, minute: i64) -> Result<String, String> {
        let local_ms = self.at_ms(minute) + i64::from(UTC_OFFSET_MIN) * MINUTE_MS;
        let at = jiff::Timestamp::from_millisecond(local_ms).map_err(|e| e.to_string())?;
        Ok(at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_noon_is_less_than_a_day_away() {
        let clock = StoryClock::default();
        for _ in 0..48 {
            let away_ms = StoryDays::before_next_noon(&clock).at_ms(NOON_MIN) - clock.now_ms();
            assert!((-1_000..=DAY_MS).contains(&away_ms), "{away_ms}");
            clock.pass_ms(31 * MINUTE_MS);
        }
    }

    #[test]
    fn noon_is_the_towns() {
        let noon_ms = StoryDays::before_next_noon(&StoryClock::default()).at_ms(NOON_MIN);
        assert_eq!(noon_ms.rem_euclid(DAY_MS), 3 * 3_600_000, "12:00 in Japan is 03:00 UTC");
    }
}
