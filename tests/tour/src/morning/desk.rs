//! Who says when an order will be ready: the book of the kitchen's time, a till that counts orders in quarters of an hour, or nobody.

use std::collections::BTreeMap;

use noren_rules::ids::OrderId;
use noren_rules::slots::{KitchenBook, KitchenPlan, Lateness, MakeTask, PickupSlot, PickupTime, SlotRequest, Taken};

use super::people::Commuter;
use super::{EIGHT_S, MINUTE_S, QUARTER_S, UNTIL_S};

/// How orders are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// As soon as possible, on leaving the train: nobody looks at the kitchen.
    Asap,
    /// So many orders a quarter of an hour, whatever is in them, each promised for the minute that was picked.
    Buckets,
    /// The same, and whoever is sent into another quarter picks any of its minutes: nobody crowds at its edge.
    EvenBuckets,
    /// The same count, promised for the end of the quarter: the kitchen has all of it.
    BucketEnds,
    /// Slots of the kitchen's time ([`KitchenBook`]), no nudges.
    Book,
    /// Slots of the kitchen's time, quieter ones with points.
    Levelled,
}

impl Policy {
    /// All, the naive ones first.
    pub const ALL: [Self; 6] = [Self::Asap, Self::Buckets, Self::EvenBuckets, Self::BucketEnds, Self::Book, Self::Levelled];

    /// As the table and the picture name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Asap => "asap",
            Self::Buckets => "buckets",
            Self::EvenBuckets => "even_buckets",
            Self::BucketEnds => "bucket_ends",
            Self::Book => "book",
            Self::Levelled => "book_levelled",
        }
    }
}

/// What was agreed with a commuter.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) promised_s: i64,
    /// When the kitchen shall begin.
    pub(crate) begin_s: i64,
    /// Moved by points.
    pub(crate) nudged: bool,
    /// The time of the stations that the order was planned into: station, minute, seconds.
    pub(crate) planned: Vec<Taken>,
}

/// Orders of a quarter of an hour that a till takes, by count: what the kitchen makes of the mean order, walk-in guests apart.
pub(crate) const ORDERS_A_QUARTER: u32 = 60;
/// What a till that knows nothing better adds to the make-time: as much as the book does before it has seen anything.
const MARGIN_S: i64 = 5 * MINUTE_S;
/// How far from the wanted time a person looks for other times.
const LOOKS_S: i64 = 60 * MINUTE_S;

/// A way to take orders, with its state.
#[derive(Debug)]
pub(crate) struct Desk {
    policy: Policy,
    plan: KitchenPlan,
    book: KitchenBook,
    buckets: BTreeMap<i64, u32>,
}

pub(crate) fn order_id(commuter: usize) -> OrderId {
    OrderId(format!("commuter-{commuter:03}"))
}

impl Desk {
    pub(crate) fn new(policy: Policy, plan: &KitchenPlan, lateness: Lateness) -> Result<Self, String> {
        let book = KitchenBook::new(plan.clone(), lateness).map_err(|e| e.to_string())?;
        Ok(Self { policy, plan: plan.clone(), book, buckets: BTreeMap::new() })
    }

    pub(crate) fn book(&self) -> &KitchenBook {
        &self.book
    }

    /// When this commuter opens the app.
    pub(crate) fn asks_s(&self, commuter: &Commuter) -> i64 {
        match self.policy {
            Policy::Asap => commuter.wanted_s + commuter.late_s - commuter.walk_s,
            _ => commuter.asks_s,
        }
    }

    /// Takes an order.
    pub(crate) fn take(&mut self, number: usize, commuter: &Commuter, now_s: i64) -> Result<Placed, String> {
        match self.policy {
            Policy::Asap => Ok(self.unplanned(&commuter.order.tasks, now_s + self.lead_s(&commuter.order.tasks), now_s)),
            Policy::Buckets | Policy::EvenBuckets | Policy::BucketEnds => self.in_a_bucket(commuter, now_s),
            Policy::Book | Policy::Levelled => self.in_the_book(number, commuter, now_s),
        }
    }

    /// Guests at the counter have ordered.
    pub(crate) fn guests(&mut self, tasks: &[MakeTask], now_s: i64) {
        self.book.walk_in(tasks, now_s * 1_000);
    }

    /// An order is ready. Only the book learns from it.
    pub(crate) fn ready(&mut self, number: usize, at_s: i64) {
        self.book.ready(&order_id(number), at_s * 1_000);
    }

    fn in_the_book(&mut self, number: usize, commuter: &Commuter, now_s: i64) -> Result<Placed, String> {
        let (now_ms, tasks) = (now_s * 1_000, &commuter.order.tasks);
        let wanted_ms = commuter.wanted_s * 1_000;
        let ask = |book: &mut KitchenBook, at_ms: i64| {
            book.hold(&SlotRequest { order: order_id(number), tasks: tasks.clone(), time: PickupTime::Scheduled { at_ms } }, now_ms)
        };
        let nearest = |slots: &[PickupSlot]| slots.iter().min_by_key(|slot| slot.promised_ms.abs_diff(wanted_ms)).copied();
        let mut nudge = None;
        if self.policy == Policy::Levelled {
            let (from_ms, until_ms) = (wanted_ms - LOOKS_S * 1_000, wanted_ms + LOOKS_S * 1_000);
            let offers = self.book.offers(tasks, from_ms, until_ms, Some(wanted_ms), now_ms);
            let usual_ms = nearest(&offers).map_or(wanted_ms, |slot| slot.promised_ms);
            let taken = |slot: &&PickupSlot| {
                #[allow(clippy::cast_precision_loss, reason = "an hour")]
                let minutes = slot.promised_ms.abs_diff(usual_ms) as f64 / 60_000.0;
                slot.nudge_points > 0 && commuter.moved.takes(slot.nudge_points, minutes)
            };
            nudge = nearest(&offers.iter().filter(taken).copied().collect::<Vec<_>>());
        }
        let booking = match nudge {
            Some(slot) => ask(&mut self.book, slot.promised_ms).map_err(|e| e.to_string())?,
            None => match ask(&mut self.book, wanted_ms) {
                Ok(booking) => booking,
                Err(refusal) => {
                    let other = nearest(&refusal.same_day).ok_or("a refusal without another time that day")?;
                    ask(&mut self.book, other.promised_ms).map_err(|e| e.to_string())?
                }
            },
        };
        self.book.confirm(&booking.order, now_ms).map_err(|e| e.to_string())?;
        Ok(Placed {
            promised_s: booking.slot.promised_ms / 1_000,
            begin_s: booking.slot.start_ms / 1_000,
            nudged: nudge.is_some(),
            planned: booking.taken,
        })
    }

    /// The nearest quarter of an hour that has a place, at the minute in it that is nearest to the wanted one.
    fn in_a_bucket(&mut self, commuter: &Commuter, now_s: i64) -> Result<Placed, String> {
        let tasks = &commuter.order.tasks;
        // The ticket of a whole quarter is printed at its beginning.
        let first_s = if self.policy == Policy::BucketEnds { now_s + QUARTER_S - MINUTE_S } else { now_s + self.lead_s(tasks) };
        let place = |quarter: i64| {
            let (from_s, last_s) = ((quarter * QUARTER_S).max(first_s), (quarter + 1) * QUARTER_S - MINUTE_S);
            let full = self.buckets.get(&quarter).is_some_and(|count| *count >= ORDERS_A_QUARTER);
            (from_s <= last_s && !full).then(|| (commuter.wanted_s.clamp(from_s, last_s), quarter))
        };
        let quarters = now_s.div_euclid(QUARTER_S)..=UNTIL_S.div_euclid(QUARTER_S);
        let free = quarters.filter_map(place).min_by_key(|(picked_s, _)| picked_s.abs_diff(commuter.wanted_s));
        let (mut picked_s, quarter) = free.ok_or("every quarter of the morning is full")?;
        if self.policy == Policy::EvenBuckets && picked_s != commuter.wanted_s {
            // Any minute, by what has nothing to do with it.
            picked_s = first_s.max(quarter * QUARTER_S + (commuter.asks_s * 7).rem_euclid(QUARTER_S));
        }
        *self.buckets.entry(quarter).or_insert(0) += 1;
        if self.policy == Policy::BucketEnds {
            return Ok(self.unplanned(tasks, (quarter + 1) * QUARTER_S, quarter * QUARTER_S));
        }
        Ok(self.unplanned(tasks, picked_s, picked_s - self.lead_s(tasks)))
    }

    /// Work that is begun at a moment, one batch of a station after the other, whether a maker is there or not.
    fn unplanned(&self, tasks: &[MakeTask], promised_s: i64, begin_s: i64) -> Placed {
        let mut planned = Vec::new();
        for (station, of) in self.plan.stations.iter().enumerate() {
            let mut left = tasks.iter().filter(|task| task.station == of.id).map(|task| task.seconds * task.batches).sum::<u32>();
            let mut minute = begin_s.div_euclid(MINUTE_S);
            while left > 0 {
                let seconds = left.min(60);
                planned.push(Taken { station, minute, seconds });
                (left, minute) = (left - seconds, minute + 1);
            }
        }
        Placed { promised_s, begin_s, nudged: false, planned }
    }

    /// What a till quotes: the make-time of the order as if nobody else were there, and a margin.
    fn lead_s(&self, tasks: &[MakeTask]) -> i64 {
        let station_s = |station: &noren_rules::ids::StationId| {
            tasks.iter().filter(|task| task.station == *station).map(|task| i64::from(task.seconds * task.batches)).sum::<i64>()
        };
        self.plan.stations.iter().map(|station| station_s(&station.id)).max().unwrap_or(0) + MARGIN_S
    }
}

/// The first arrival by train, at or after a moment, of someone who walks so long from it.
pub(crate) fn arrival_for(promised_s: i64, walk_s: i64) -> i64 {
    let trains = (promised_s - walk_s - EIGHT_S + super::TRAIN_EVERY_S - 1).div_euclid(super::TRAIN_EVERY_S);
    EIGHT_S + trains * super::TRAIN_EVERY_S + walk_s
}
