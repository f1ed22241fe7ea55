//! The kitchen's book: what is held and booked, and what that leaves.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::hours::CheckedHours;
use super::timeline::{MINUTE_S, Taken, Timeline};
use super::{
    KitchenPlan, KitchenPlanError, Lateness, MAX_MAKERS, MakeTask, PickupSlot, PickupTime, SlotRefusal, SlotRefusalReason, SlotRequest,
    StoreMode,
};
use crate::dates::MINUTE_MS;
use crate::ids::{OrderId, StationId};

/// The most batches of one order: beyond, no kitchen has the time.
const MAX_BATCHES: u64 = 2_000;
/// How far walk-in work and late orders are pushed at most, in minutes.
const PUSHED_MIN: i64 = 240;

/// Where a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingState {
    /// Held while the person pays (仮押さえ).
    Held {
        /// First millisecond at which it is over.
        until_ms: i64,
    },
    /// Ordered.
    Confirmed,
}

/// A slot of an order, with the time that it takes: kept by the backend, and put back into a new book after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotBooking {
    /// The order.
    pub order: OrderId,
    /// What was asked.
    pub time: PickupTime,
    /// What was promised.
    pub slot: PickupSlot,
    /// Held or ordered.
    pub state: BookingState,
    /// Its work.
    pub tasks: Vec<MakeTask>,
    /// The time that it takes.
    pub taken: Vec<Taken>,
}

/// The work of guests at the counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkIn {
    /// When it is ready, in milliseconds since the Unix epoch.
    pub ready_ms: i64,
    /// The time that it takes: to be kept, and put back into a new book by [`KitchenBook::restore_walk_in`].
    pub taken: Vec<Taken>,
}

/// Why a hold cannot be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlotHoldError {
    /// It is over, and its time given back.
    #[error("the slot was held too long ago: ask for it again, or for another one")]
    Expired,
    /// There is none.
    #[error("no slot is held for this order: ask for one first")]
    Unknown,
}

/// Work, station by station.
#[derive(Debug, Clone)]
pub(super) struct Work {
    /// Seconds of each batch, by the station's place in the plan.
    pub(super) stations: BTreeMap<usize, Vec<u32>>,
    /// How long its longest batch takes, in begun minutes.
    pub(super) longest_min: i64,
}

/// A time that fits, with what it takes.
pub(super) struct Planned {
    pub(super) slot: PickupSlot,
    pub(super) taken: Vec<Taken>,
}

/// The book of one kitchen. Times are milliseconds since the Unix epoch and passed in; the same calls give the same book.
#[derive(Debug, Clone)]
pub struct KitchenBook {
    pub(super) plan: KitchenPlan,
    pub(super) hours: CheckedHours,
    pub(super) timelines: Vec<Timeline>,
    pub(super) mode: StoreMode,
    pub(super) lateness: Lateness,
    /// When the kitchen was last told its mode: a pause without end lasts until the midnight after.
    pub(super) mode_since_min: i64,
    bookings: BTreeMap<OrderId, SlotBooking>,
    holds: BTreeSet<(i64, OrderId)>,
}

pub(super) fn minute_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(MINUTE_MS)
}

impl KitchenBook {
    /// An empty book.
    ///
    /// # Errors
    /// [`KitchenPlanError`].
    pub fn new(plan: KitchenPlan, lateness: Lateness) -> Result<Self, KitchenPlanError> {
        plan.check()?;
        Ok(Self {
            hours: CheckedHours::new(plan.hours.clone())?,
            timelines: plan.stations.iter().cloned().map(Timeline::new).collect(),
            plan,
            mode: StoreMode::Online,
            lateness,
            mode_since_min: 0,
            bookings: BTreeMap::new(),
            holds: BTreeSet::new(),
        })
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &KitchenPlan {
        &self.plan
    }

    /// Whether new orders are taken.
    #[must_use]
    pub fn mode(&self) -> StoreMode {
        self.mode
    }

    /// Since when, in milliseconds: the minute of it.
    #[must_use]
    pub fn mode_since_ms(&self) -> i64 {
        self.mode_since_min.saturating_mul(MINUTE_MS)
    }

    /// What was observed of lateness.
    #[must_use]
    pub fn lateness(&self) -> &Lateness {
        &self.lateness
    }

    /// The slot of an order.
    #[must_use]
    pub fn booking(&self, order: &OrderId) -> Option<&SlotBooking> {
        self.bookings.get(order)
    }

    /// All slots, by order.
    pub fn bookings(&self) -> impl Iterator<Item = &SlotBooking> {
        self.bookings.values()
    }

    /// Pauses, delays or opens for new orders, at once; what is booked stays.
    pub fn set_mode(&mut self, mode: StoreMode, now_ms: i64) {
        (self.mode, self.mode_since_min) = (mode, minute_of(now_ms));
    }

    /// Holds a slot while the person pays, for [`KitchenPlan::hold_s`]. The same request again answers as before and does not hold longer; another
    /// time for the same order moves it, and where that does not fit the old slot stays. A slot that was ordered is moved and stays ordered.
    ///
    /// # Errors
    /// [`SlotRefusal`] with other times.
    pub fn hold(&mut self, request: &SlotRequest, now_ms: i64) -> Result<SlotBooking, SlotRefusal> {
        self.sweep(now_ms);
        let before = self.bookings.get(&request.order).cloned();
        if let Some(same) = before.as_ref().filter(|booking| booking.time == request.time && booking.tasks == request.tasks) {
            return Ok(same.clone());
        }
        self.release(&request.order);
        match self.plan_for(request, now_ms) {
            Ok(Planned { mut slot, taken }) => {
                // What the time was worth it still is with another cart.
                slot.nudge_points =
                    before.as_ref().filter(|booking| booking.time == request.time).map_or(0, |booking| booking.slot.nudge_points);
                let until_ms = now_ms.saturating_add(i64::from(self.plan.hold_s) * 1_000);
                let state = before.map_or(BookingState::Held { until_ms }, |booking| booking.state);
                let booking =
                    SlotBooking { order: request.order.clone(), time: request.time, slot, state, tasks: request.tasks.clone(), taken };
                self.restore(booking.clone());
                Ok(booking)
            }
            Err(refusal) => {
                if let Some(booking) = before {
                    self.restore(booking);
                }
                Err(refusal)
            }
        }
    }

    /// The person has paid: the hold becomes a booking. Again, it is the same booking.
    ///
    /// # Errors
    /// [`SlotHoldError`]: the slot is to be asked for again.
    pub fn confirm(&mut self, order: &OrderId, now_ms: i64) -> Result<&SlotBooking, SlotHoldError> {
        if let Some(BookingState::Held { until_ms }) = self.bookings.get(order).map(|booking| booking.state) {
            if now_ms >= until_ms {
                self.release(order);
                return Err(SlotHoldError::Expired);
            }
            self.holds.remove(&(until_ms, order.clone()));
        }
        let booking = self.bookings.get_mut(order).ok_or(SlotHoldError::Unknown)?;
        booking.state = BookingState::Confirmed;
        Ok(booking)
    }

    /// Gives back exactly what an order took. False when it took nothing.
    pub fn release(&mut self, order: &OrderId) -> bool {
        let Some(booking) = self.bookings.remove(order) else {
            return false;
        };
        if let BookingState::Held { until_ms } = booking.state {
            self.holds.remove(&(until_ms, order.clone()));
        }
        self.give_back(&booking.taken);
        true
    }

    /// Puts a booking in as it is: it was acknowledged, whatever the plan says by now. One of the same order is replaced.
    pub fn restore(&mut self, booking: SlotBooking) {
        self.release(&booking.order);
        for taken in &booking.taken {
            if let Some(timeline) = self.timelines.get_mut(taken.station) {
                timeline.take(taken.minute, taken.seconds);
            }
        }
        if let BookingState::Held { until_ms } = booking.state {
            self.holds.insert((until_ms, booking.order.clone()));
        }
        self.bookings.insert(booking.order.clone(), booking);
    }

    /// Gives back the holds whose time is over, and names their orders.
    pub fn sweep(&mut self, now_ms: i64) -> Vec<OrderId> {
        let mut over = Vec::new();
        while let Some((until_ms, order)) = self.holds.first().cloned() {
            if now_ms < until_ms {
                break;
            }
            self.release(&order);
            over.push(order);
        }
        over
    }

    /// Guests at the counter have ordered: their work is put into the time that is left, from the next minute on, and what was kept for walk-in
    /// guests with it. `None` for work of a station that the kitchen has not, or that it could not do with nothing else to do.
    pub fn walk_in(&mut self, tasks: &[MakeTask], now_ms: i64) -> Option<WalkIn> {
        let work = self.work(tasks).ok()?;
        let from = minute_of(now_ms) + 1;
        let (mut ready, mut taken) = (from, Vec::new());
        for (station, batches) in &work.stations {
            if let Some(timeline) = self.timelines.get(*station) {
                let (done, placed) = timeline.place_walk_in(batches, from, from + PUSHED_MIN);
                ready = done.max(ready);
                taken.extend(placed.into_iter().map(|(minute, seconds)| Taken { station: *station, minute, seconds }));
            }
        }
        self.restore_walk_in(&taken);
        Some(WalkIn { ready_ms: ready.saturating_mul(MINUTE_MS), taken })
    }

    /// Puts the time back in that walk-in guests were seen to take.
    pub fn restore_walk_in(&mut self, taken: &[Taken]) {
        for taken in taken {
            if let Some(timeline) = self.timelines.get_mut(taken.station) {
                timeline.take_walk_in(taken.minute, taken.seconds);
            }
        }
    }

    /// An order is ready: what it had not used of its time is free again, and its lateness is learned. False for an order without a booking.
    pub fn ready(&mut self, order: &OrderId, at_ms: i64) -> bool {
        let Some(mut booking) = self.bookings.get(order).cloned() else {
            return false;
        };
        self.lateness.observe(booking.slot.ready_ms, at_ms);
        self.release(order);
        booking.taken.retain(|taken| taken.minute <= minute_of(at_ms));
        // What was used stays used: past minutes are nobody's any more.
        for taken in &booking.taken {
            if let Some(timeline) = self.timelines.get_mut(taken.station) {
                timeline.take(taken.minute, taken.seconds);
            }
        }
        true
    }

    /// The kitchen is late with an order: its work is planned anew, to be ready at `ready_ms` or at the next minute at which it fits, whatever mode
    /// and hours say. Answers the new slot; `None` for an order without a booking, or where four hours more would not do.
    pub fn postpone(&mut self, order: &OrderId, ready_ms: i64, now_ms: i64) -> Option<PickupSlot> {
        let before = self.bookings.get(order).cloned()?;
        let work = self.work(&before.tasks).ok()?;
        self.release(order);
        let from = minute_of(now_ms) + 1;
        let first = minute_of(ready_ms).max(from);
        let placed = (first..=first.saturating_add(PUSHED_MIN)).find_map(|ready| Some((ready, self.place(&work, from, ready).ok()?)));
        let Some((ready, taken)) = placed else {
            self.restore(before);
            return None;
        };
        let slot = self.slot(&work, ready, ready, &taken);
        self.restore(SlotBooking { slot, taken, ..before });
        Some(slot)
    }

    /// Forgets the time before a moment; bookings stay.
    pub fn forget_before(&mut self, at_ms: i64) {
        let minute = minute_of(at_ms);
        self.timelines.iter_mut().for_each(|timeline| timeline.forget_before(minute));
    }

    /// What of a station's minute is booked, taken by walk-in guests that were seen, and there in all, in seconds; `None` for no such station.
    #[must_use]
    pub fn load_s(&self, station: &StationId, at_ms: i64) -> Option<(u32, u32, u32)> {
        let timeline = self.timelines.iter().find(|timeline| timeline.station().id == *station)?;
        let minute = minute_of(at_ms);
        Some((timeline.booked_s(minute), timeline.walked_s(minute), timeline.capacity_s(minute)))
    }

    /// Work by station, if the kitchen could do it with nothing else to do.
    pub(super) fn work(&self, tasks: &[MakeTask]) -> Result<Work, SlotRefusalReason> {
        let mut stations: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        let mut longest_min = 1;
        for task in tasks {
            let known = self.timelines.iter().position(|timeline| timeline.station().id == task.station);
            let station = known.ok_or_else(|| SlotRefusalReason::UnknownStation { station: task.station.clone() })?;
            let too_large = || SlotRefusalReason::TooLarge { station: task.station.clone() };
            let batches = stations.entry(station).or_default();
            let count = u64::from(task.batches);
            let whole_min = u64::from(self.plan.earliest_start_min);
            let sum_s = batches.iter().map(|seconds| u64::from(*seconds)).sum::<u64>() + u64::from(task.seconds).saturating_mul(count);
            if count > MAX_BATCHES || u64::from(task.seconds.div_ceil(MINUTE_S)) > whole_min {
                return Err(too_large());
            }
            if sum_s > u64::from(self.most_makers(station) * MINUTE_S) * whole_min {
                return Err(too_large());
            }
            let count = usize::try_from(count).unwrap_or(0);
            batches.extend(std::iter::repeat_n(task.seconds, if task.seconds == 0 { 0 } else { count }));
            longest_min = longest_min.max(i64::from(task.seconds.div_ceil(MINUTE_S)));
        }
        Ok(Work { stations, longest_min })
    }

    fn most_makers(&self, station: usize) -> u32 {
        let station = self.timelines.get(station).map(Timeline::station);
        station.map_or(0, |station| station.shifts.iter().map(|shift| shift.makers).fold(station.makers, u32::max)).min(MAX_MAKERS)
    }

    /// Places work at all its stations, done by the end of `until - 1`, or names the station that has no time.
    pub(super) fn place(&self, work: &Work, from: i64, until: i64) -> Result<Vec<Taken>, usize> {
        let mut taken = Vec::new();
        for (station, batches) in &work.stations {
            let placed = self.timelines.get(*station).and_then(|timeline| timeline.place_backward(batches, from, until)).ok_or(*station)?;
            taken.extend(placed.into_iter().map(|(minute, seconds)| Taken { station: *station, minute, seconds }));
        }
        Ok(taken)
    }

    fn give_back(&mut self, taken: &[Taken]) {
        for taken in taken {
            if let Some(timeline) = self.timelines.get_mut(taken.station) {
                timeline.give_back(taken.minute, taken.seconds);
            }
        }
    }
}
