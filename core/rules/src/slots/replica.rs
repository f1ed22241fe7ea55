//! A phone's copy of a kitchen's book: made of the plan and what changes by the minute, so that slots for a cart are found without asking.

use super::book::{KitchenBook, minute_of};
use super::timeline::MINUTE_S;
use super::{KitchenPlan, KitchenPlanError, Lateness, MAX_MAKERS};
use crate::wire::{MenuStatus, StationLoad};

/// How much of a load is read at most, in minutes: as far ahead as a plan takes orders.
const MAX_LOAD_MIN: usize = 62 * 1_440;

impl KitchenBook {
    /// The book of a kitchen as another sees it: the same offers and quotes as the kitchen's own, as of [`MenuStatus::as_of_ms`]. It holds nobody's
    /// order; what it answers may be gone by the time that it is asked for. A status that names a station which the plan does not have is of a newer
    /// plan: that station's load is left out.
    ///
    /// # Errors
    /// [`KitchenPlanError`].
    pub fn from_load(plan: KitchenPlan, status: &MenuStatus) -> Result<Self, KitchenPlanError> {
        let mut book = Self::new(plan, Lateness::of_p90(status.late_p90_min))?;
        book.set_mode(status.mode, status.mode_since_ms);
        for load in &status.load {
            let Some(timeline) = book.timelines.iter_mut().find(|timeline| timeline.station().id == load.station) else {
                continue;
            };
            let minutes = (0..).map(|n: i64| load.from_min.saturating_add(n));
            for (minute, seconds) in minutes.zip(&load.seconds).take(MAX_LOAD_MIN).filter(|(_, seconds)| **seconds > 0) {
                timeline.take(minute, (*seconds).min(MAX_MAKERS * MINUTE_S));
            }
        }
        Ok(book)
    }

    /// What is taken of its stations' time for so many minutes from a moment on, and shortly before, for [`KitchenBook::from_load`]. Stations and minutes at the end of
    /// which nothing is taken are left out. Holds that are over count until [`KitchenBook::sweep`].
    #[must_use]
    pub fn load(&self, from_ms: i64, minutes: u32) -> Vec<StationLoad> {
        let until_min = minute_of(from_ms).saturating_add(i64::from(minutes));
        // How full a slot is counts from when its work could begin.
        let from_min = minute_of(from_ms).saturating_sub(i64::from(self.plan.earliest_start_min));
        let loads = self.timelines.iter().map(|timeline| {
            let mut seconds: Vec<u32> = (from_min..until_min).map(|minute| timeline.load_s(minute)).collect();
            while seconds.last() == Some(&0) {
                seconds.pop();
            }
            StationLoad { station: timeline.station().id.clone(), from_min, seconds }
        });
        loads.filter(|load| !load.seconds.is_empty()).collect()
    }
}
