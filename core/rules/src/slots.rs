//! Slots: when an order can be ready, and the kitchen's time that is kept for it.
//!
//! Capacity is make-time at each station on a timeline of minutes, not a count of orders in quarters of an hour: a station with two makers has two
//! make-minutes a minute, less what walk-in guests take. An order's work is planned backward from the moment at which it shall be ready, batch by
//! batch, at all its stations at once, and fits or does not ([`KitchenBook`]). What is kept is time, each batch at most one maker's: a batch may be
//! split around other work, as makers do, and be done a little before its time, as long as it does not wait on the shelf for too long. What is promised is later than what is planned by as much as nine
//! orders of ten are late at most ([`Lateness`]). Every refusal carries other times, or none for today.

use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, StationId, StoreId};
use crate::menu::{MAX_MAKE_S, MakeStep};
use crate::offers::TimeOfDay;

mod book;
mod hours;
mod lateness;
mod offered;
mod replica;
mod texts;
mod timeline;
mod work;

pub use book::{BookingState, KitchenBook, SlotBooking, SlotHoldError, WalkIn};
pub use hours::{Holiday, HolidaySpan, PickupHours};
pub use lateness::{COLD_START_MIN, Lateness};
pub use timeline::Taken;
pub use work::{MakeTask, make_tasks};

/// Makers at a station for some hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// When.
    pub hours: TimeOfDay,
    /// How many work there at the same time.
    pub makers: u32,
}

/// What guests who have not ordered ahead usually take of a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WalkInLoad {
    /// When.
    pub hours: TimeOfDay,
    /// Thousandths of its time.
    pub permille: u32,
}

/// A station of the kitchen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Its id, as the menu names it.
    pub id: StationId,
    /// How many work there where no shift says otherwise.
    pub makers: u32,
    /// Hours with more or fewer; the first that holds counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
    /// What is kept for walk-in guests; the first that holds counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub walk_in: Vec<WalkInLoad>,
}

/// When a quieter slot is worth a nudge (平準化).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadLevelling {
    /// A slot is busy from this load on, in thousandths.
    pub busy_permille: u32,
    /// A slot is quiet up to this load.
    pub quiet_permille: u32,
    /// How far a person may be moved, in minutes.
    pub most_shift_min: u32,
    /// Points that the quiet slot gives.
    pub points: i64,
}

/// How a store takes orders ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KitchenPlan {
    /// The store.
    pub store: StoreId,
    /// Its stations.
    pub stations: Vec<Station>,
    /// Work of every order, whatever is in it: packing, handing over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_order: Vec<MakeStep>,
    /// When it is open.
    pub hours: PickupHours,
    /// Slots are shown every so many minutes. Any minute can be booked.
    pub step_min: u32,
    /// The least time from order to hand-over, in minutes.
    pub least_lead_min: u32,
    /// An order's work begins at most so many minutes before it is ready: nothing waits longer on the shelf.
    pub earliest_start_min: u32,
    /// How long a slot is held while the person pays, in seconds.
    pub hold_s: u32,
    /// Whether the same day can be ordered (当日).
    pub same_day: bool,
    /// How many days ahead can be ordered (後日); 0 for none.
    pub later_days: u32,
    /// How many other times a refusal names at most, of the same day and of later ones.
    pub alternatives: u32,
    /// When to nudge; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levelling: Option<LoadLevelling>,
}

/// Whether the kitchen takes new orders (受付中, 混雑(延長), 受付停止). Accepted ones are not touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StoreMode {
    /// As planned.
    #[default]
    Online,
    /// Work on new orders begins so much later.
    Busy {
        /// In minutes.
        delay_min: u32,
    },
    /// No work on new orders begins before; later times can be ordered.
    Paused {
        /// In milliseconds; `None` is the rest of the day.
        until_ms: Option<i64>,
    },
}

/// When the person wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PickupTime {
    /// As soon as possible (最短).
    Asap,
    /// At a time (時間指定).
    Scheduled {
        /// In milliseconds; its minute counts.
        at_ms: i64,
    },
}

/// What is to be made, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRequest {
    /// For which order.
    pub order: OrderId,
    /// Its work: see [`make_tasks`].
    pub tasks: Vec<MakeTask>,
    /// When it shall be ready.
    pub time: PickupTime,
}

/// A time that can be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PickupSlot {
    /// What the person is told (受渡予定): nine of ten orders are ready by then.
    pub promised_ms: i64,
    /// When the kitchen plans to be ready.
    pub ready_ms: i64,
    /// When it has to begin at the latest.
    pub start_ms: i64,
    /// How full the busiest of its stations is then with this order in it, in thousandths: what smoothing goes by, the lower the better.
    pub load_permille: u32,
    /// Points that it gives because it is quieter than the one that was asked for; 0 for none.
    pub nudge_points: i64,
}

/// Why a time cannot be booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SlotRefusalReason {
    /// It is over.
    Past,
    /// It cannot be made by then.
    TooSoon,
    /// It is more days ahead than the store takes.
    TooFar,
    /// The store takes no orders for the same day.
    SameDayOff,
    /// The store is closed then.
    Closed,
    /// Orders for that opening are over (ラストオーダー).
    LastOrderOver,
    /// It is after the last hand-over before closing.
    LastPickupOver,
    /// The kitchen takes no new orders for then.
    Paused,
    /// This station has no time left.
    Full {
        /// The station.
        station: StationId,
    },
    /// This station could not make it with nothing else to do.
    TooLarge {
        /// The station.
        station: StationId,
    },
    /// The kitchen has no such station: the menu and the plan do not fit.
    UnknownStation {
        /// The station.
        station: StationId,
    },
}

/// A refusal, with other times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("that time cannot be booked: offer one of the other times, or say that there is none today")]
pub struct SlotRefusal {
    /// Why.
    pub reason: SlotRefusalReason,
    /// Times of the day that was asked for, the nearest ones, in their order. Empty: there is none that day, which is to be said.
    pub same_day: Vec<PickupSlot>,
    /// Times of other days, from today on, in their order; only where there is none that day.
    pub later: Vec<PickupSlot>,
}

impl SlotRefusal {
    /// True when nothing is left on the day that was asked for.
    #[must_use]
    pub fn is_none_that_day(&self) -> bool {
        self.same_day.is_empty()
    }
}

/// Why a plan cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KitchenPlanError {
    /// Two stations of one id, or none at all.
    #[error("station {0:?} stands twice, or the kitchen has none: give each an id of its own")]
    Station(StationId),
    /// More makers than a kitchen has, or more than all its time for walk-in guests.
    #[error("station {0:?} has at most {MAX_MAKERS} makers, and walk-in guests take at most 1000 thousandths")]
    Makers(StationId),
    /// A time that is 0 or too long.
    #[error(
        "step, start and hold are at least 1; step and start at most 240 minutes, lead at most 1440, hold at most 3600 s, 60 days, 20 alternatives"
    )]
    Times,
    /// Work of every order that cannot be.
    #[error("the work of every order takes 1 to {MAX_MAKE_S} seconds at a station of the plan")]
    Work,
    /// Hours that cannot be.
    #[error(
        "hours open on weekday 0 to 6 at minute 0 to 1439 and close after it, at most 1440 minutes later, in a zone of at most 18 hours"
    )]
    Hours,
    /// A holiday that is no day, or stands twice.
    #[error("{0:?} is no day (YYYY-MM-DD), or stands twice among the holidays")]
    Holiday(String),
    /// A nudge that cannot be.
    #[error("quiet is less than busy, at most 1000 thousandths, and points are not below 0")]
    Levelling,
}

/// Most makers of a station.
pub const MAX_MAKERS: u32 = 1_000;

impl KitchenPlan {
    /// Checks what an operator may put.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), KitchenPlanError> {
        let mut ids: Vec<&StationId> = self.stations.iter().map(|station| &station.id).collect();
        ids.sort_unstable();
        let twice = ids.windows(2).find(|two| two.first() == two.last()).and_then(|two| two.first());
        if let Some(id) = twice.copied().cloned().or_else(|| self.stations.is_empty().then(|| StationId(String::new()))) {
            return Err(KitchenPlanError::Station(id));
        }
        for station in &self.stations {
            let makers = station.makers <= MAX_MAKERS && station.shifts.iter().all(|shift| shift.makers <= MAX_MAKERS);
            if !makers || station.walk_in.iter().any(|load| load.permille > 1_000) {
                return Err(KitchenPlanError::Makers(station.id.clone()));
            }
        }
        let known = |step: &MakeStep| ids.contains(&&step.station) && (1..=MAX_MAKE_S).contains(&step.seconds) && step.batch >= 1;
        if !self.per_order.iter().all(known) {
            return Err(KitchenPlanError::Work);
        }
        let minutes = (1..=240).contains(&self.step_min) && (1..=240).contains(&self.earliest_start_min) && self.least_lead_min <= 1_440;
        if !minutes || !(1..=3_600).contains(&self.hold_s) || self.later_days > 60 || self.alternatives > 20 {
            return Err(KitchenPlanError::Times);
        }
        let levelled = |levelling: &LoadLevelling| {
            levelling.quiet_permille < levelling.busy_permille && levelling.busy_permille <= 1_000 && levelling.points >= 0
        };
        if !self.levelling.as_ref().is_none_or(levelled) {
            return Err(KitchenPlanError::Levelling);
        }
        self.hours.check()
    }
}

#[cfg(test)]
mod tests;
