//! Which times fit: as soon as possible, at a time, nearby ones instead, and the quieter ones that are worth a nudge.

use super::book::{KitchenBook, Planned, SlotBooking, Work, minute_of};
use super::hours::Opening;
use super::timeline::Taken;
use super::{LoadLevelling, MakeTask, PickupSlot, PickupTime, SlotRefusal, SlotRefusalReason, SlotRequest, StoreMode};
use crate::dates::{DAY_MIN, MINUTE_MS};

/// Most slots of one list.
const MAX_OFFERED: usize = 2_000;
/// So many times are tried before it is looked at how much room there is at all.
const TRIED_BLINDLY: usize = 16;

/// How much time the stations of some work have left, summed up, so that a time that cannot fit is passed over at once: in a full kitchen, nearly
/// all of them.
struct Room {
    from: i64,
    /// Of each station: what it needs, and what is free before each minute since `from`.
    stations: Vec<(u64, Vec<u64>)>,
}

impl Room {
    /// False when the work cannot be done between two minutes; true when it may.
    fn may_fit(&self, from: i64, until: i64) -> bool {
        let place = |minute: i64| usize::try_from(minute.max(self.from) - self.from).unwrap_or(usize::MAX);
        self.stations.iter().all(|(need_s, before)| match (before.get(place(from)), before.get(place(until))) {
            (Some(first), Some(last)) => last.saturating_sub(*first) >= *need_s,
            _ => true,
        })
    }
}

/// A time that is wanted and busy.
struct Busy {
    levelling: LoadLevelling,
    slot: PickupSlot,
}

impl Busy {
    /// What another slot is worth instead: something for a quiet one nearby.
    fn nudge_points(&self, slot: &PickupSlot) -> i64 {
        let near_ms = u64::from(self.levelling.most_shift_min) * MINUTE_MS.unsigned_abs();
        let quiet = slot.load_permille <= self.levelling.quiet_permille && slot.promised_ms.abs_diff(self.slot.promised_ms) <= near_ms;
        if quiet { self.levelling.points } else { 0 }
    }
}

impl KitchenBook {
    /// The first time that fits, or the one that was asked for.
    pub(super) fn plan_for(&self, request: &SlotRequest, now_ms: i64) -> Result<Planned, SlotRefusal> {
        let now = minute_of(now_ms);
        let work = self.work(&request.tasks).map_err(|reason| SlotRefusal { reason, same_day: Vec::new(), later: Vec::new() })?;
        match request.time {
            // Every minute of today was tried: only other days are left.
            PickupTime::Asap => self.asap(&work, now).map_err(|reason| {
                let today = self.hours.business_day(now);
                SlotRefusal { reason, same_day: Vec::new(), later: self.other_days(&work, today, now, now) }
            }),
            PickupTime::Scheduled { at_ms } => {
                let wanted = minute_of(at_ms);
                self.at(&work, wanted, now).map_err(|reason| self.refusal(&work, reason, wanted, now))
            }
        }
    }

    /// When an order with this work would be ready if it were placed now: the time that is promised for nine of ten. Books nothing.
    ///
    /// # Errors
    /// [`SlotRefusal`] with other times.
    pub fn quote(&mut self, tasks: &[MakeTask], time: PickupTime, now_ms: i64) -> Result<PickupSlot, SlotRefusal> {
        self.sweep(now_ms);
        let request = SlotRequest { order: String::new().into(), tasks: tasks.to_vec(), time };
        self.plan_for(&request, now_ms).map(|planned| planned.slot)
    }

    /// The times from `from_ms` to `until_ms` that fit, on the plan's grid. Where the time nearest to `wanted_ms` is busy, quieter ones nearby
    /// carry a nudge.
    pub fn offers(&mut self, tasks: &[MakeTask], from_ms: i64, until_ms: i64, wanted_ms: Option<i64>, now_ms: i64) -> Vec<PickupSlot> {
        self.sweep(now_ms);
        let Ok(work) = self.work(tasks) else {
            return Vec::new();
        };
        let (now, from, until) = (minute_of(now_ms), minute_of(from_ms), minute_of(until_ms));
        let days = self.hours.business_day(from.max(now))..=self.hours.business_day(until.min(now.saturating_add(62 * DAY_MIN)));
        let minutes = days.flat_map(|day| self.grid(day)).filter(|minute| (from..=until).contains(minute));
        let fits = minutes.filter_map(|minute| self.at(&work, minute, now).ok()).map(|planned| planned.slot);
        let mut offers: Vec<PickupSlot> = fits.take(MAX_OFFERED).collect();
        let busy = wanted_ms.and_then(|wanted_ms| self.busy(&work, wanted_ms, now));
        if let Some(busy) = busy {
            offers.iter_mut().for_each(|slot| slot.nudge_points = busy.nudge_points(slot));
        }
        offers
    }

    /// The time nearest to the one that is wanted, of its day, if it is busy and the plan nudges.
    fn busy(&self, work: &Work, wanted_ms: i64, now: i64) -> Option<Busy> {
        let (levelling, wanted) = (self.plan.levelling?, minute_of(wanted_ms));
        let day = self.hours.business_day(wanted);
        let slot = if self.days(now).contains(&day) { self.nearest(work, day, wanted, 1, now).pop()? } else { return None };
        (slot.load_permille >= levelling.busy_permille).then_some(Busy { levelling, slot })
    }

    /// [`KitchenBook::hold`] for a person who would have liked another time best: where that one is busy and the one that is held is a quiet one near
    /// it, the slot carries the nudge that [`KitchenBook::offers`] shows. Another cart for the same time keeps it.
    ///
    /// # Errors
    /// [`SlotRefusal`] with other times.
    pub fn hold_instead(&mut self, request: &SlotRequest, wanted_ms: i64, now_ms: i64) -> Result<SlotBooking, SlotRefusal> {
        self.sweep(now_ms);
        let before = self.booking(&request.order).cloned();
        // What the order has taken itself makes no time busy.
        self.release(&request.order);
        let scheduled = matches!(request.time, PickupTime::Scheduled { .. });
        let work = self.work(&request.tasks).ok().filter(|_| scheduled);
        let busy = work.and_then(|work| self.busy(&work, wanted_ms, minute_of(now_ms)));
        let known = before.as_ref().map(|booking| (booking.time, booking.tasks.clone()));
        if let Some(before) = before {
            self.restore(before);
        }
        let mut booking = self.hold(request, now_ms)?;
        if let Some(busy) = busy.filter(|_| known != Some((request.time, request.tasks.clone()))) {
            booking.slot.nudge_points = booking.slot.nudge_points.max(busy.nudge_points(&booking.slot));
            self.restore(booking.clone());
        }
        Ok(booking)
    }

    /// The minute before which no work on a new order begins.
    fn first_minute(&self, now: i64) -> i64 {
        // This minute is partly over.
        let next = now + 1;
        match self.mode {
            StoreMode::Online => next,
            StoreMode::Busy { delay_min } => next + i64::from(delay_min),
            StoreMode::Paused { .. } => self.paused_until().map_or(next, |until| until.max(next)),
        }
    }

    /// The minute at which a pause is over.
    fn paused_until(&self) -> Option<i64> {
        let StoreMode::Paused { until_ms } = self.mode else {
            return None;
        };
        // A begun minute is not over.
        Some(
            until_ms.map_or_else(
                || self.hours.next_midnight(self.mode_since_min),
                |until_ms| minute_of(until_ms.saturating_add(MINUTE_MS - 1)),
            ),
        )
    }

    /// A promise for this minute.
    fn at(&self, work: &Work, promised: i64, now: i64) -> Result<Planned, SlotRefusalReason> {
        if promised < now {
            return Err(SlotRefusalReason::Past);
        }
        let (day, today) = (self.hours.business_day(promised), self.hours.business_day(now));
        if day - today > i64::from(self.plan.later_days) {
            return Err(SlotRefusalReason::TooFar);
        }
        if day == today && !self.plan.same_day {
            return Err(SlotRefusalReason::SameDayOff);
        }
        let opening = self.hours.opening_at(promised).ok_or(SlotRefusalReason::Closed)?;
        self.in_opening(work, &opening, promised, now)
    }

    fn in_opening(&self, work: &Work, opening: &Opening, promised: i64, now: i64) -> Result<Planned, SlotRefusalReason> {
        let hours = self.hours.margins();
        if promised > opening.last_pickup(hours) {
            return Err(SlotRefusalReason::LastPickupOver);
        }
        if now > opening.last_order(hours) {
            return Err(SlotRefusalReason::LastOrderOver);
        }
        let ready = promised - i64::from(self.lateness.p90_min());
        let first = self.first_minute(now).max(opening.first_work(hours));
        if self.paused_until().is_some_and(|until| ready - work.longest_min < until) {
            return Err(SlotRefusalReason::Paused);
        }
        if promised < now + i64::from(self.plan.least_lead_min) || ready - work.longest_min < first {
            return Err(SlotRefusalReason::TooSoon);
        }
        let from = first.max(ready - i64::from(self.plan.earliest_start_min));
        match self.place(work, from, ready) {
            Ok(taken) => Ok(Planned { slot: self.slot(work, promised, ready, &taken), taken }),
            Err(station) => {
                let station = self.plan.stations.get(station).map_or_else(|| String::new().into(), |station| station.id.clone());
                Err(SlotRefusalReason::Full { station })
            }
        }
    }

    pub(super) fn slot(&self, work: &Work, promised: i64, ready: i64, taken: &[Taken]) -> PickupSlot {
        let start = taken.iter().map(|taken| taken.minute).min().unwrap_or(ready);
        PickupSlot {
            promised_ms: promised.saturating_mul(MINUTE_MS),
            ready_ms: ready.saturating_mul(MINUTE_MS),
            start_ms: start.saturating_mul(MINUTE_MS),
            load_permille: self.load_permille(work, ready),
            nudge_points: 0,
        }
    }

    /// How full the busiest station of this work is, with it, in the time in which it may be made.
    fn load_permille(&self, work: &Work, ready: i64) -> u32 {
        let window = ready - i64::from(self.plan.earliest_start_min)..ready;
        let loads = work.stations.iter().filter_map(|(station, batches)| {
            let timeline = self.timelines.get(*station)?;
            let (mut used, mut whole) = (batches.iter().map(|seconds| u64::from(*seconds)).sum::<u64>(), 0u64);
            for minute in window.clone() {
                used += u64::from(timeline.booked_s(minute)) + u64::from(timeline.walk_in_s(minute));
                whole += u64::from(timeline.capacity_s(minute));
            }
            u32::try_from(used.saturating_mul(1_000) / whole.max(1)).ok()
        });
        loads.max().unwrap_or(0).min(1_000)
    }

    fn asap(&self, work: &Work, now: i64) -> Result<Planned, SlotRefusalReason> {
        if !self.plan.same_day {
            return Err(SlotRefusalReason::SameDayOff);
        }
        let hours = self.hours.margins();
        let p90 = i64::from(self.lateness.p90_min());
        // The first reason is the one that a person can do something about; later minutes only run into closing time.
        let mut refused = None;
        for opening in self.hours.openings(self.hours.business_day(now)).iter().filter(|opening| now <= opening.closes) {
            let first = self.first_minute(now).max(opening.first_work(hours)) + work.longest_min + p90;
            let first = first.max(opening.opens).max(now + i64::from(self.plan.least_lead_min));
            let (last, mut room) = (opening.last_pickup(hours).max(first), None);
            for (tried, promised) in (first..=last).enumerate() {
                if !self.is_worth_a_try(&mut room, work, tried, promised, (opening.first_work(hours), last)) {
                    continue;
                }
                match self.in_opening(work, opening, promised, now) {
                    Ok(planned) => return Ok(planned),
                    Err(reason @ (SlotRefusalReason::LastOrderOver | SlotRefusalReason::LastPickupOver)) => {
                        refused = refused.or(Some(reason));
                        break;
                    }
                    Err(reason) => refused = refused.or(Some(reason)),
                }
            }
        }
        let paused = self.paused_until().is_some_and(|until| until > now);
        Err(if paused { SlotRefusalReason::Paused } else { refused.unwrap_or(SlotRefusalReason::Closed) })
    }

    /// A refusal with the times nearest to the one that was asked for, on its day; where there is none, with those of the other days.
    fn refusal(&self, work: &Work, reason: SlotRefusalReason, around: i64, now: i64) -> SlotRefusal {
        let day = self.hours.business_day(around);
        let most = usize::try_from(self.plan.alternatives).unwrap_or(0);
        let same_day = if self.days(now).contains(&day) { self.nearest(work, day, around, most, now) } else { Vec::new() };
        let later = if same_day.is_empty() { self.other_days(work, day, around, now) } else { Vec::new() };
        SlotRefusal { reason, same_day, later }
    }

    /// The days that can be ordered.
    fn days(&self, now: i64) -> std::ops::RangeInclusive<i64> {
        let today = self.hours.business_day(now);
        today..=today + i64::from(self.plan.later_days)
    }

    /// Times of other days than this one, from today on, at about the same time of the day.
    fn other_days(&self, work: &Work, day: i64, around: i64, now: i64) -> Vec<PickupSlot> {
        let most = usize::try_from(self.plan.alternatives).unwrap_or(0);
        let mut found = Vec::new();
        for other in self.days(now).filter(|other| *other != day) {
            let around = around + (other - day) * DAY_MIN;
            found.extend(self.nearest(work, other, around, most - found.len(), now));
            if found.len() >= most {
                break;
            }
        }
        found
    }

    /// Of a day, so many times on the grid that fit, those nearest to `around`, in their order.
    fn nearest(&self, work: &Work, day: i64, around: i64, most: usize, now: i64) -> Vec<PickupSlot> {
        let mut minutes: Vec<i64> = self.grid(day).filter(|minute| *minute > now).collect();
        let (Some(first), Some(last)) = (minutes.first().copied(), minutes.last().copied()) else {
            return Vec::new();
        };
        minutes.sort_by_key(|minute| minute.abs_diff(around));
        let mut room = None;
        let worth = minutes.into_iter().enumerate().filter(|(tried, minute)| {
            let within = (first - i64::from(self.plan.earliest_start_min), last);
            self.is_worth_a_try(&mut room, work, *tried, *minute, within)
        });
        let fits = worth.filter_map(|(_, minute)| self.at(work, minute, now).ok()).map(|planned| planned.slot);
        let mut found: Vec<PickupSlot> = fits.take(most).collect();
        found.sort_by_key(|slot| slot.promised_ms);
        found
    }

    /// False for a time that cannot fit, once so many were tried that it pays to know. `within` are the minutes that are looked at in this search.
    fn is_worth_a_try(&self, room: &mut Option<Room>, work: &Work, tried: usize, promised: i64, within: (i64, i64)) -> bool {
        if tried < TRIED_BLINDLY {
            return true;
        }
        let ready = promised - i64::from(self.lateness.p90_min());
        room.get_or_insert_with(|| self.room(work, within)).may_fit(ready - i64::from(self.plan.earliest_start_min), ready)
    }

    fn room(&self, work: &Work, (from, until): (i64, i64)) -> Room {
        let stations = work.stations.iter().filter_map(|(station, batches)| {
            let timeline = self.timelines.get(*station)?;
            let mut before = vec![0];
            let mut sum = 0u64;
            for minute in from..until {
                sum += u64::from(timeline.free_s(minute));
                before.push(sum);
            }
            Some((batches.iter().map(|seconds| u64::from(*seconds)).sum(), before))
        });
        Room { from, stations: stations.collect() }
    }

    /// The times of a day that are shown.
    fn grid(&self, day: i64) -> impl Iterator<Item = i64> {
        let step = i64::from(self.plan.step_min.max(1));
        let hours = self.hours.margins();
        let spans: Vec<(i64, i64)> = self.hours.openings(day).iter().map(|opening| (opening.opens, opening.last_pickup(hours))).collect();
        spans.into_iter().flat_map(move |(opens, last)| {
            // Whole steps of the clock: 12:00, 12:05.
            let first = (opens + step - 1).div_euclid(step) * step;
            (0..).map(move |n| first + n * step).take_while(move |minute| *minute <= last)
        })
    }
}
