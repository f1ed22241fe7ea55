//! When a store hands over: a weekly plan, holidays with hours of their own, last orders and last pickups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::KitchenPlanError;
use crate::dates::{DAY_MIN, day_of_date};
use crate::places::OpeningSpan;

/// 1 January 1970 was a Thursday: weekday 3.
const EPOCH_WEEKDAY: i64 = 3;

/// Opening hours of a holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HolidaySpan {
    /// Minute of the day at which it opens.
    pub opens_min: u16,
    /// Minute at which it closes, counted from the same midnight.
    pub closes_min: u16,
}

/// A day with hours of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// Its hours; closed where there are none (臨時休業).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<HolidaySpan>,
}

/// When orders can be handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PickupHours {
    /// The weekly plan.
    pub spans: Vec<OpeningSpan>,
    /// Days that are not by the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<Holiday>,
    /// The store's offset from UTC in minutes (Japan: 540).
    pub utc_offset_min: i32,
    /// How long before it opens the kitchen begins, in minutes.
    #[serde(default)]
    pub before_open_min: u32,
    /// How long before closing the last order is taken (ラストオーダー), in minutes.
    #[serde(default)]
    pub last_order_min: u32,
    /// How long before closing the last one is handed over, in minutes.
    #[serde(default)]
    pub last_pickup_min: u32,
}

/// One opening, in minutes since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    /// The local day on which it opens.
    pub(super) day: i64,
    pub(super) opens: i64,
    pub(super) closes: i64,
}

/// Hours that were checked.
#[derive(Debug, Clone)]
pub(super) struct CheckedHours {
    hours: PickupHours,
    holidays: BTreeMap<i64, Vec<HolidaySpan>>,
}

fn fits(opens_min: u16, closes_min: u16) -> bool {
    opens_min < 1_440 && opens_min < closes_min && closes_min - opens_min <= 1_440
}

impl PickupHours {
    pub(super) fn check(&self) -> Result<(), KitchenPlanError> {
        let spans = self.spans.iter().all(|span| span.weekday < 7 && fits(span.opens_min, span.closes_min));
        let holidays = self.holidays.iter().flat_map(|holiday| &holiday.spans).all(|span| fits(span.opens_min, span.closes_min));
        let margins = [self.before_open_min, self.last_order_min, self.last_pickup_min].iter().all(|margin| *margin <= 1_440);
        if !spans || !holidays || !margins || !(-1_080..=1_080).contains(&self.utc_offset_min) {
            return Err(KitchenPlanError::Hours);
        }
        let mut dates: Vec<&str> = self.holidays.iter().map(|holiday| holiday.date.as_str()).collect();
        dates.sort_unstable();
        let twice = dates.windows(2).find(|two| two.first() == two.last()).and_then(|two| two.first());
        match twice.or_else(|| dates.iter().find(|date| day_of_date(date).is_none())) {
            Some(wrong) => Err(KitchenPlanError::Holiday((*wrong).to_owned())),
            None => Ok(()),
        }
    }
}

impl CheckedHours {
    pub(super) fn new(hours: PickupHours) -> Result<Self, KitchenPlanError> {
        hours.check()?;
        let holidays = hours.holidays.iter().filter_map(|holiday| Some((day_of_date(&holiday.date)?, holiday.spans.clone()))).collect();
        Ok(Self { hours, holidays })
    }

    pub(super) fn margins(&self) -> &PickupHours {
        &self.hours
    }

    /// The local day of a minute.
    fn local_day(&self, minute: i64) -> i64 {
        (minute + i64::from(self.hours.utc_offset_min)).div_euclid(DAY_MIN)
    }

    /// The openings that begin on a local day, in order.
    pub(super) fn openings(&self, day: i64) -> Vec<Opening> {
        let midnight = day * DAY_MIN - i64::from(self.hours.utc_offset_min);
        let opening = |opens_min: u16, closes_min: u16| Opening {
            day,
            opens: midnight + i64::from(opens_min),
            closes: midnight + i64::from(closes_min),
        };
        let mut openings: Vec<Opening> = match self.holidays.get(&day) {
            Some(spans) => spans.iter().map(|span| opening(span.opens_min, span.closes_min)).collect(),
            None => {
                let weekday = (day + EPOCH_WEEKDAY).rem_euclid(7);
                let spans = self.hours.spans.iter().filter(|span| i64::from(span.weekday) == weekday);
                spans.map(|span| opening(span.opens_min, span.closes_min)).collect()
            }
        };
        openings.sort_by_key(|opening| opening.opens);
        openings
    }

    /// The opening that a minute is in; its closing minute still is: something can be handed over as the door closes.
    pub(super) fn opening_at(&self, minute: i64) -> Option<Opening> {
        let today = self.local_day(minute);
        // One that begins now comes before one that ends now.
        let openings = [today, today - 1].into_iter().flat_map(|day| self.openings(day).into_iter().rev());
        openings.into_iter().find(|opening| (opening.opens..=opening.closes).contains(&minute))
    }

    /// The day that a minute belongs to: that of the opening which it is in (01:00 of a bar belongs to the evening before), else the calendar's.
    pub(super) fn business_day(&self, minute: i64) -> i64 {
        self.opening_at(minute).map_or_else(|| self.local_day(minute), |opening| opening.day)
    }

    /// The first minute of the local day after this one.
    pub(super) fn next_midnight(&self, minute: i64) -> i64 {
        (self.local_day(minute) + 1) * DAY_MIN - i64::from(self.hours.utc_offset_min)
    }
}

impl Opening {
    /// The last minute at which something is handed over.
    pub(super) fn last_pickup(&self, hours: &PickupHours) -> i64 {
        self.closes - i64::from(hours.last_pickup_min)
    }

    /// The last minute at which an order for it is taken.
    pub(super) fn last_order(&self, hours: &PickupHours) -> i64 {
        self.closes - i64::from(hours.last_order_min)
    }

    /// The first minute in which the kitchen works for it.
    pub(super) fn first_work(&self, hours: &PickupHours) -> i64 {
        self.opens - i64::from(hours.before_open_min)
    }
}
