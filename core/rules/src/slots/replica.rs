//! A phone's copy of a kitchen's book: made of the plan and what changes by the minute, so that slots for a cart are found without asking.

use super::book::{KitchenBook, minute_of};
use super::timeline::MINUTE_S;
use super::{KitchenPlan, KitchenPlanError, Lateness, MAX_MAKERS};
use crate::ids::StationId;
use crate::wire::{MenuStatus, StationLoad};

/// How much of a load is read at most, in minutes: as far ahead as a plan takes orders.
const MAX_LOAD_MIN: usize = 62 * 1_440;
/// So many free minutes are written down as such: another stretch would take more room.
const MOST_FREE_MIN: usize = 20;

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

    /// What is taken of its stations' time from a moment on, and shortly before, for [`KitchenBook::from_load`]: all of it, however far ahead, and not
    /// much of what is free. Holds that are over count until [`KitchenBook::sweep`].
    #[must_use]
    pub fn load(&self, from_ms: i64) -> Vec<StationLoad> {
        // How full a slot is counts from when its work could begin.
        let from_min = minute_of(from_ms).saturating_sub(i64::from(self.plan.earliest_start_min));
        self.timelines.iter().flat_map(|timeline| stretches(&timeline.station().id, timeline.loads_s(from_min))).collect()
    }
}

/// One load for each stretch of time in which there is work: a day that nobody has ordered for takes no room.
fn stretches(station: &StationId, loads_s: impl Iterator<Item = (i64, u32)>) -> Vec<StationLoad> {
    let mut found: Vec<StationLoad> = Vec::new();
    let mut next_min = i64::MIN;
    for (minute, seconds) in loads_s {
        let free = usize::try_from(minute.saturating_sub(next_min)).unwrap_or(usize::MAX);
        match found.last_mut().filter(|_| free <= MOST_FREE_MIN) {
            Some(stretch) => {
                stretch.seconds.extend(std::iter::repeat_n(0, free));
                stretch.seconds.push(seconds);
            }
            None => found.push(StationLoad { station: station.clone(), from_min: minute, seconds: vec![seconds] }),
        }
        next_min = minute.saturating_add(1);
    }
    found
}
