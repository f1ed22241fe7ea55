//! When a place is open: a weekly plan in the place's own time.

use serde::{Deserialize, Serialize};

const MINUTES_A_DAY: i64 = 1_440;
const MINUTES_A_WEEK: i64 = 7 * MINUTES_A_DAY;
/// 1 January 1970 was a Thursday.
const EPOCH_WEEKDAY: i64 = 3;

/// Why opening hours cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningHoursError {
    /// A weekday past Sunday, an opening past midnight, or a closing that is not after the opening and at most a day later.
    #[error("a span opens on weekday 0 (Monday) to 6 at minute 0 to 1439 and closes after it, at most 1440 minutes later")]
    Span,
    /// An offset that no time zone has.
    #[error("an offset from UTC lies between -1080 and 1080 minutes")]
    Offset,
}

/// One span of a weekly plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpeningSpan {
    /// The day on which it opens: 0 is Monday.
    pub weekday: u8,
    /// Minute of that day at which it opens.
    pub opens_min: u16,
    /// Minute at which it closes, counted from the same midnight: 25 o'clock is 1500.
    pub closes_min: u16,
}

/// A weekly plan, in a zone of fixed offset (Japan keeps one time all the year).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningHours {
    /// None: never closed.
    spans: Option<Vec<OpeningSpan>>,
    utc_offset_min: i32,
}

impl OpeningHours {
    /// Never closed, as the grounds of a rest stop are.
    #[must_use]
    pub fn always() -> Self {
        Self { spans: None, utc_offset_min: 0 }
    }

    /// Open within `spans`; never open where there are none.
    ///
    /// # Errors
    /// [`OpeningHoursError`] for spans and offsets that cannot be.
    pub fn weekly(spans: Vec<OpeningSpan>, utc_offset_min: i32) -> Result<Self, OpeningHoursError> {
        if !(-1_080..=1_080).contains(&utc_offset_min) {
            return Err(OpeningHoursError::Offset);
        }
        let fits = |span: &OpeningSpan| {
            span.weekday < 7 && span.opens_min < 1_440 && span.opens_min < span.closes_min && span.closes_min - span.opens_min <= 1_440
        };
        if !spans.iter().all(fits) {
            return Err(OpeningHoursError::Span);
        }
        Ok(Self { spans: Some(spans), utc_offset_min })
    }

    /// True when the place is open at this second since the Unix epoch. The minute of closing is closed.
    #[must_use]
    pub fn is_open_at(&self, at_s: i64) -> bool {
        let Some(spans) = &self.spans else { return true };
        let local_min = at_s.div_euclid(60).saturating_add(i64::from(self.utc_offset_min)).saturating_add(EPOCH_WEEKDAY * MINUTES_A_DAY);
        let of_week = local_min.rem_euclid(MINUTES_A_WEEK);
        spans.iter().any(|span| {
            let opens = i64::from(span.weekday) * MINUTES_A_DAY + i64::from(span.opens_min);
            let lasts = i64::from(span.closes_min - span.opens_min);
            (of_week - opens).rem_euclid(MINUTES_A_WEEK) < lasts
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Friday 15 January 2027, 08:00 UTC: 17:00 in Japan.
    const FRIDAY_17: i64 = 1_800_000_000;

    #[test]
    fn a_week_in_japan() {
        let hours = OpeningHours::weekly(
            vec![
                OpeningSpan { weekday: 4, opens_min: 420, closes_min: 1_500 },
                OpeningSpan { weekday: 6, opens_min: 1_380, closes_min: 1_740 },
            ],
            540,
        )
        .unwrap();
        let at = |hour: i64| hours.is_open_at(FRIDAY_17 + (hour - 17) * 3_600);
        assert!(!at(6) && at(7) && at(17) && at(24) && !at(25), "closed again at one in the night");
        assert!(at(2 * 24 + 23) && at(3 * 24 + 4) && !at(3 * 24 + 5), "from Sunday into Monday, over the end of the week");
        assert!(OpeningHours::always().is_open_at(i64::MIN) && !OpeningHours::weekly(vec![], 540).unwrap().is_open_at(i64::MAX));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let span = |weekday, opens_min, closes_min| OpeningHours::weekly(vec![OpeningSpan { weekday, opens_min, closes_min }], 540);
        assert_eq!(span(7, 0, 10), Err(OpeningHoursError::Span));
        assert_eq!(span(0, 600, 600), Err(OpeningHoursError::Span));
        assert_eq!(span(0, 600, 2_041), Err(OpeningHoursError::Span));
        assert_eq!(OpeningHours::weekly(vec![], 2_000), Err(OpeningHoursError::Offset));
    }
}
