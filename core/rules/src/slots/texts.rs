//! Refusals in words: what is wrong, and whether there is another time.

use super::{SlotRefusal, SlotRefusalReason};
use crate::dates::local_time;

impl SlotRefusal {
    /// In Japanese, by a clock so many minutes ahead of UTC.
    #[must_use]
    pub fn text_ja(&self, utc_offset_min: i32) -> String {
        let reason = match self.reason {
            SlotRefusalReason::Past => "その時刻は過ぎています",
            SlotRefusalReason::TooSoon => "その時刻には間に合いません",
            SlotRefusalReason::TooFar => "その日のご予約はまだお受けできません",
            SlotRefusalReason::SameDayOff => "当日のご注文はお受けしていません",
            SlotRefusalReason::Closed => "その時刻は営業していません",
            SlotRefusalReason::LastOrderOver => "ラストオーダーを過ぎました",
            SlotRefusalReason::LastPickupOver => "最終受け取り時刻を過ぎています",
            SlotRefusalReason::Paused => "ただいま注文の受付を止めています",
            SlotRefusalReason::Full { .. } => "その時間は予約がいっぱいです",
            SlotRefusalReason::TooLarge { .. } => "一度に作れる量を超えています。数を減らすか店舗にご相談ください",
            SlotRefusalReason::UnknownStation { .. } => "この商品はただいまお受けできません",
        };
        match (self.same_day.first(), self.later.first()) {
            (Some(slot), _) => format!("{reason}。{}はいかがですか", local_time(slot.promised_ms, utc_offset_min)),
            (None, Some(slot)) => {
                format!("{reason}。当日の空きはありません。{}はいかがですか", local_time(slot.promised_ms, utc_offset_min))
            }
            (None, None) => format!("{reason}。ほかに空いている時間はありません"),
        }
    }

    /// In English.
    #[must_use]
    pub fn text_en(&self, utc_offset_min: i32) -> String {
        let reason = match self.reason {
            SlotRefusalReason::Past => "That time is over",
            SlotRefusalReason::TooSoon => "It cannot be made by then",
            SlotRefusalReason::TooFar => "Orders for that day are not taken yet",
            SlotRefusalReason::SameDayOff => "No orders for the same day",
            SlotRefusalReason::Closed => "Closed at that time",
            SlotRefusalReason::LastOrderOver => "Last orders are over",
            SlotRefusalReason::LastPickupOver => "After the last pickup",
            SlotRefusalReason::Paused => "New orders are paused",
            SlotRefusalReason::Full { .. } => "That time is full",
            SlotRefusalReason::TooLarge { .. } => "More than can be made at once: order less, or ask the store",
            SlotRefusalReason::UnknownStation { .. } => "This cannot be made at the moment",
        };
        match (self.same_day.first(), self.later.first()) {
            (Some(slot), _) => format!("{reason}. How about {}?", local_time(slot.promised_ms, utc_offset_min)),
            (None, Some(slot)) => format!("{reason}. None left that day. How about {}?", local_time(slot.promised_ms, utc_offset_min)),
            (None, None) => format!("{reason}. There is no other time"),
        }
    }
}
