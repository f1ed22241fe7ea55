//! Days of the calendar in a zone of fixed offset, written `YYYY-MM-DD`, so that they compare as texts.

use crate::receipt::is_date;

/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Minutes of a day.
pub const DAY_MIN: i64 = 1_440;

/// The day of a moment in milliseconds since the Unix epoch, by a clock so many minutes ahead of UTC (Japan: 540). Years past 9999 and before 0
/// are written as those.
#[must_use]
pub fn local_date(at_ms: i64, utc_offset_min: i32) -> String {
    date_of_day(at_ms.div_euclid(MINUTE_MS).saturating_add(i64::from(utc_offset_min)).div_euclid(DAY_MIN))
}

/// The minute of a moment by the same clock: `2027-01-15 17:00`.
#[must_use]
pub fn local_time(at_ms: i64, utc_offset_min: i32) -> String {
    let of_day = at_ms.div_euclid(MINUTE_MS).saturating_add(i64::from(utc_offset_min)).rem_euclid(DAY_MIN);
    format!("{} {:02}:{:02}", local_date(at_ms, utc_offset_min), of_day / 60, of_day % 60)
}

/// The day so many days after 1 January 1970.
#[must_use]
pub fn date_of_day(day: i64) -> String {
    let (year, month, of_month) = civil(day.clamp(-719_528, 2_932_896));
    format!("{year:04}-{month:02}-{of_month:02}")
}

/// Year, month and day of a number of days since 1 January 1970, by the Gregorian calendar: years begin in March here, so that a leap day is the
/// last (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": civil_from_days).
pub(crate) fn civil(day: i64) -> (i64, i64, i64) {
    // Four hundred years are 146,097 days; they begin anew on 1 March 0000.
    let day = day.saturating_add(719_468);
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, of_month)
}

/// How many days after 1 January 1970 a day is; `None` for what is no day (`YYYY-MM-DD`).
#[must_use]
pub fn day_of_date(date: &str) -> Option<i64> {
    if !is_date(date) {
        return None;
    }
    let mut parts = date.split('-').filter_map(|part| part.parse::<i64>().ok());
    let (year, month, of_month) = (parts.next()?, parts.next()?, parts.next()?);
    // The same source: days_from_civil.
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * from_march + 2) / 5 + of_month - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_the_midnight_of_its_zone() {
        assert_eq!(local_date(0, 0), "1970-01-01");
        assert_eq!(local_date(-1, 0), "1969-12-31");
        // Friday 15 January 2027, 08:00 UTC is 17:00 in Japan; seven hours later it is Saturday there.
        assert_eq!(local_date(1_800_000_000_000, 540), "2027-01-15");
        assert_eq!(local_date(1_800_000_000_000 + 7 * 3_600_000, 540), "2027-01-16");
        assert_eq!(local_date(1_800_000_000_000 + 7 * 3_600_000, 0), "2027-01-15");
        assert_eq!(local_time(1_800_000_000_000 + 7 * 3_600_000 + 61_000, 540), "2027-01-16 00:01");
        assert_eq!(local_date(1_709_164_800_000, 0), "2024-02-29");
        assert_eq!((local_date(i64::MAX, 540), local_date(i64::MIN, -540)), ("9999-12-31".into(), "0000-01-01".into()));
    }

    #[test]
    fn every_day_is_one_of_the_calendar_and_the_next_is_later() {
        let mut last = String::new();
        for day in -25_000..60_000 {
            let date = date_of_day(day);
            assert!(is_date(&date) && date > last, "{date} after {last}");
            assert_eq!(day_of_date(&date), Some(day));
            last = date;
        }
        assert_eq!(day_of_date("2023-02-29"), None);
        // So many days between these two: none is left out.
        assert_eq!((date_of_day(-25_000).as_str(), last.as_str()), ("1901-07-22", "2134-04-10"));
    }
}
