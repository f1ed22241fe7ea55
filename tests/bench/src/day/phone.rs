//! A phone through the day: the rules of the app, and a model of an operating system that watches regions, is late, and wakes the app.
//!
//! Only what the system delivers to a sleeping app is a wake-up. Crossings that happen before a delivery come with it. An entry wakes the app, which
//! then takes fixes for a few seconds, and on as long as a visit is open; an exit is registered after a check-in only.

use std::collections::BTreeSet;

use noren_rules::check_in::{CheckInMonitor, CheckInPolicy, Finding, Fix, Observation};
use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;
use noren_rules::rotation::{Coverage, Rotation, RotationPolicy, Situation, rotate};

use super::world::{Day, bell};
use crate::dice::Dice;

/// How long the app takes fixes after it was woken, in seconds: enough to know which way it goes.
pub(crate) const AWAKE_S: usize = 10;
const FIX_EVERY_S: usize = 5;
/// The system is this late, in seconds.
const LATE_S: (u64, u64) = (15, 240);
const T0_MS: i64 = 1_800_000_000_000;

/// What the day cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) wake_ups: usize,
    /// Of these, those for nothing but a refresh region that was left.
    pub(crate) refreshes: usize,
    /// Regions handed to the system, each a call to it.
    pub(crate) registrations: usize,
    pub(crate) fixes: usize,
    pub(crate) check_ins: Vec<PlaceId>,
    /// Stops without a check-in while they lasted, or soon after.
    pub(crate) missed: usize,
    /// Seconds in which the promise did not cover the policy's speed.
    pub(crate) limited_s: usize,
    /// Entries into a region that was not registered, while the promise covered it: none, or the promise is broken.
    pub(crate) broken: usize,
    /// How long after the beginning of a stop it was checked in, in seconds, at worst.
    pub(crate) latest_s: usize,
}

/// How late the system is this time, in seconds.
pub(crate) fn late_s(dice: &mut Dice) -> usize {
    let (least, most) = LATE_S;
    (least + dice.below(most - least)) as usize
}

struct Phone<'a> {
    day: &'a Day,
    policy: RotationPolicy,
    monitor: CheckInMonitor,
    rotation: Rotation,
    /// Regions that the system has said the phone is in, or that it was in when they were registered.
    inside: BTreeSet<usize>,
    exits: BTreeSet<usize>,
    pending: Pending,
    awake_until_s: usize,
    cost: Cost,
    dice: Dice,
}

/// What the system will deliver, all at once.
#[derive(Debug, Default)]
struct Pending {
    at_s: Option<usize>,
    entered: Vec<usize>,
    left: Vec<usize>,
    refresh: bool,
}

/// Lives the day with so many regions.
pub(crate) fn live(day: &Day, policy: RotationPolicy, seed: u64) -> Cost {
    let nothing = Rotation { fences: Vec::new(), refresh: None, coverage: Coverage::Guaranteed };
    let mut phone = Phone {
        day,
        policy,
        monitor: CheckInMonitor::new(CheckInPolicy::default()),
        rotation: nothing,
        inside: BTreeSet::new(),
        exits: BTreeSet::new(),
        pending: Pending::default(),
        awake_until_s: 0,
        cost: Cost::default(),
        dice: Dice::new(seed),
    };
    for (second, at) in day.track.iter().enumerate() {
        phone.second(second, at);
    }
    let checked_in = &phone.cost.check_ins;
    phone.cost.missed = day.stops.iter().filter(|stop| !checked_in.contains(&stop.place)).count();
    phone.cost
}

impl Phone<'_> {
    fn second(&mut self, now_s: usize, at: &Position) {
        self.watch(now_s, at);
        if self.pending.at_s.is_some_and(|at_s| now_s >= at_s) {
            self.deliver(now_s);
        }
        let awake = now_s <= self.awake_until_s || self.monitor.needs_fixes();
        if awake && now_s.is_multiple_of(FIX_EVERY_S) {
            self.fix(now_s, at);
        }
        if now_s == self.awake_until_s {
            let known = self.situation(at, now_s);
            if now_s <= AWAKE_S || self.rotation.is_left_at(&known.position) || self.rotation.is_worn_at(&known.position) {
                self.choose(now_s, &known, at);
            }
        }
        self.cost.limited_s += usize::from(!self.rotation.coverage.holds_at(self.policy.max_speed_mps));
    }

    /// The system looks at its regions.
    fn watch(&mut self, now_s: usize, at: &Position) {
        let here: BTreeSet<usize> = self.day.places.in_region(at).into_iter().collect();
        let registered = |number: &usize| self.rotation.fences.binary_search(number).is_ok();
        let entered: Vec<usize> = here.difference(&self.inside).copied().collect();
        for number in entered {
            if registered(&number) {
                self.pending.entered.push(number);
            } else if self.rotation.coverage == Coverage::Guaranteed && now_s > AWAKE_S {
                self.cost.broken += 1;
            }
        }
        let left: Vec<usize> = self.exits.difference(&here).copied().collect();
        for number in left {
            self.exits.remove(&number);
            self.pending.left.push(number);
        }
        self.inside = here;
        self.pending.refresh |= self.rotation.is_left_at(at);
        let is_pending = self.pending.refresh || !self.pending.entered.is_empty() || !self.pending.left.is_empty();
        if is_pending && self.pending.at_s.is_none() {
            self.pending.at_s = Some(now_s + late_s(&mut self.dice));
        }
    }

    fn deliver(&mut self, now_s: usize) {
        let Pending { entered, left, refresh, .. } = std::mem::take(&mut self.pending);
        let asleep = now_s > self.awake_until_s && !self.monitor.needs_fixes();
        self.cost.wake_ups += usize::from(asleep);
        self.cost.refreshes += usize::from(asleep && refresh && entered.is_empty() && left.is_empty());
        self.awake_until_s = self.awake_until_s.max(now_s + AWAKE_S);
        let at_ms = ms(now_s);
        for (numbers, is_entry) in [(entered, true), (left, false)] {
            for place in numbers.iter().filter_map(|number| self.day.places.place(*number)).map(|place| place.id().clone()) {
                let observation =
                    if is_entry { Observation::RegionEntered { place, at_ms } } else { Observation::RegionLeft { place, at_ms } };
                self.observe(now_s, &observation);
            }
        }
    }

    fn fix(&mut self, now_s: usize, at: &Position) {
        self.cost.fixes += 1;
        let position = at.offset_by(bell(&mut self.dice) * 6.0, bell(&mut self.dice) * 6.0);
        self.observe(now_s, &Observation::Fix(Fix { accuracy_m: Some(10.0), ..Fix::new(position, ms(now_s)) }));
    }

    fn observe(&mut self, now_s: usize, observation: &Observation) {
        for finding in self.monitor.observe(&self.day.places, observation) {
            if let Finding::CheckIn { number, .. } = finding
                && let Some(place) = self.day.places.place(number)
            {
                self.cost.check_ins.push(place.id().clone());
                self.exits.insert(number);
                let stop = self.day.stops.iter().find(|stop| stop.place == *place.id());
                self.cost.latest_s = self.cost.latest_s.max(stop.map_or(0, |stop| now_s.saturating_sub(stop.from_s)));
            }
        }
    }

    fn situation(&self, at: &Position, now_s: usize) -> Situation {
        self.monitor.situation().unwrap_or(Situation { now_s: Some(ms(now_s) / 1_000), ..Situation::at(*at) })
    }

    /// Chooses the regions; the system says at once of a new one that the phone is in it.
    fn choose(&mut self, now_s: usize, situation: &Situation, at: &Position) {
        let next = rotate(&self.day.places, situation, Some(&self.rotation), &self.policy);
        let (added, _) = next.changes_since(&self.rotation);
        self.cost.registrations += added.len() + usize::from(next.refresh.is_some());
        self.rotation = next;
        // An exit from a region that is no longer registered is reported to nobody.
        self.pending.refresh = false;
        if self.pending.entered.is_empty() && self.pending.left.is_empty() {
            self.pending.at_s = None;
        }
        let inside: Vec<usize> = added.into_iter().filter(|number| self.inside.contains(number)).collect();
        for place in inside.iter().filter_map(|number| self.day.places.place(*number)).map(|place| place.id().clone()) {
            self.observe(now_s, &Observation::RegionEntered { place, at_ms: ms(now_s) });
        }
        if self.monitor.needs_fixes() {
            self.fix(now_s, at);
        }
    }
}

fn ms(second: usize) -> i64 {
    T0_MS + second as i64 * 1_000
}
