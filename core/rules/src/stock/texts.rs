//! The answer in words: one short line for the person with the phone.

use super::answer::{Band, StockAnswer};
use super::events::StockSource;
use crate::dates::civil;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl StockAnswer {
    /// In Japanese, never without its time: "◯ 在庫あり 10:05時点". `utc_offset_min` is the store's or the phone's offset from UTC (Japan: 540).
    #[must_use]
    pub fn text_ja(&self, utc_offset_min: i32) -> String {
        let band = match self.band {
            Band::InStock => "◯ 在庫あり",
            Band::Low => "△ 残りわずか",
            Band::Out => "× 在庫なし",
            Band::Unknown => "－ 在庫不明",
        };
        let moment = Moment::of(self.as_of_ms, utc_offset_min);
        let day = if self.tells_the_day() { format!("{}/{} ", moment.month, moment.day) } else { String::new() };
        let last_known = if self.last_known { "（最後にわかった在庫）" } else { "" };
        format!("{band} {day}{:02}:{:02}時点{last_known}", moment.hour, moment.minute)
    }

    /// In English: "In stock, as of 10:05".
    #[must_use]
    pub fn text_en(&self, utc_offset_min: i32) -> String {
        let band = match self.band {
            Band::InStock => "In stock",
            Band::Low => "Few left",
            Band::Out => "Out of stock",
            Band::Unknown => "Stock not known",
        };
        let moment = Moment::of(self.as_of_ms, utc_offset_min);
        let month = usize::try_from(moment.month - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
        let day = if self.tells_the_day() { format!("{} {month} ", moment.day) } else { String::new() };
        let last_known = if self.last_known { " (last known)" } else { "" };
        format!("{band}, as of {day}{:02}:{:02}{last_known}", moment.hour, moment.minute)
    }

    /// Only what tills said a moment ago is surely of today.
    fn tells_the_day(&self) -> bool {
        self.last_known || self.source != StockSource::PosFeed
    }
}

/// A moment as a clock on the wall shows it.
struct Moment {
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
}

impl Moment {
    fn of(at_ms: i64, utc_offset_min: i32) -> Self {
        let minutes = at_ms.div_euclid(60_000).saturating_add(i64::from(utc_offset_min));
        let (_, month, day) = civil(minutes.div_euclid(1_440));
        let of_day = minutes.rem_euclid(1_440);
        Self { month, day, hour: of_day / 60, minute: of_day % 60 }
    }
}
