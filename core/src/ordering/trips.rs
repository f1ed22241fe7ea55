//! On the way to an order: fixes in, minutes out. "Nearby" and "here" are steps without a coordinate.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use noren_rules::ids::OrderId;
use noren_rules::menu::HandoffMode;
use noren_rules::order::OrderState;
use noren_rules::wire::{OrderStep, OrderStepRequest, OrderView, paths};

use super::placing::words_lane;
use super::tables::json;
use super::{KIND_ORDER_HERE, KIND_ORDER_NEARBY, OrderTrip, OrderingError, OrderingService};
use crate::check_in::Observation;
use crate::member::new_intent;
use crate::trip::{TELL_EVERY_MS, Trips, fixes, fresh_age_ms};

/// Who has come is seen after this time.
const HERE_LIVES_MS: i64 = 1_800_000;

/// The way to an order begins so long before it is promised at most.
const SOON_MS: i64 = 3_600_000;

/// So many minutes away one is no longer there.
const LEFT_MIN: u32 = 5;

/// The ways to the orders that are to be fetched, and what was told of them. In memory: told once more after a restart, it is the same word.
#[derive(Debug, Default)]
pub(crate) struct OrderTrips {
    trips: Trips<OrderId>,
    told: BTreeMap<OrderId, Told>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Told {
    minutes_at_ms: Option<i64>,
    arrived: bool,
}

impl OrderingService {
    /// Takes fixes on the way, in the order in which they came, and answers how it goes for each order that is to be fetched at a place that the phone
    /// knows. The minutes are told every three minutes at most, and once that the person is there; only by a fix of the last minute. No position leaves
    /// the phone. Local: `outbox().send_due()` sends what follows.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn on_the_way(&self, observations: &[Observation]) -> Result<Vec<OrderTrip>, OrderingError> {
        let core = &self.core;
        let (book, fixes) = (core.places.book()?, fixes(observations));
        let (mirrored, now_ms) = (core.ordering.mirrored(&self.member()?)?, core.clock.now().now_ms);
        let fetched: Vec<&OrderView> = mirrored.iter().map(|kept| &kept.view).filter(|order| is_fetched(order, now_ms)).collect();
        let mut trips = Vec::with_capacity(fetched.len());
        {
            let mut kept = core.ordering.trips.lock().unwrap_or_else(PoisonError::into_inner);
            kept.keep(|order| fetched.iter().any(|known| known.id == *order));
            for order in fetched {
                let Some((place, _)) = book.at_place(&order.store) else { continue };
                let trip = kept.trips.of(&order.id);
                let last = fixes.iter().filter(|fix| trip.observe(fix, place)).last();
                let at_ms = last
                    .and_then(|fix| fresh_age_ms(core.platform.clock.as_ref(), fix))
                    .map(|age_ms| core.clock.now().now_ms.saturating_sub(age_ms));
                let (eta_min, trend) = (trip.eta_min(), trip.trend());
                let told = kept.told.get(&order.id).copied().unwrap_or_default();
                let is_there = eta_min == Some(0);
                let trip = OrderTrip {
                    order: order.id.clone(),
                    store: order.store.clone(),
                    eta_min,
                    trend,
                    told: at_ms.is_some_and(|at_ms| told.is_due(at_ms)) && eta_min.is_some() && !is_there,
                    arrived: at_ms.is_some() && is_there && !told.arrived,
                };
                trips.push((trip, at_ms));
            }
        }
        for (trip, at_ms) in &trips {
            let Some(at_ms) = *at_ms else { continue };
            if trip.arrived {
                self.tell(trip, OrderStep::Here { spot: String::new() }, at_ms)?;
            } else if let Some(eta_min) = trip.eta_min.filter(|_| trip.told) {
                self.tell(trip, OrderStep::Nearby { eta_min }, at_ms)?;
            }
            self.core.ordering.trips.lock().unwrap_or_else(PoisonError::into_inner).note(trip, at_ms);
        }
        Ok(trips.into_iter().map(|(trip, _)| trip).collect())
    }

    /// Tells by itself what was so at `at_ms`. One word of each kind waits at a time; it is over when it is worth nothing any more.
    fn tell(&self, trip: &OrderTrip, step: OrderStep, at_ms: i64) -> Result<(), OrderingError> {
        let core = &self.core;
        let (kind, lives_ms) = if trip.arrived { (KIND_ORDER_HERE, HERE_LIVES_MS) } else { (KIND_ORDER_NEARBY, TELL_EVERY_MS) };
        let request = OrderStepRequest { order: trip.order.clone(), step, at_ms };
        let lane = words_lane(&trip.store);
        let expires_at_ms = Some(at_ms.saturating_add(lives_ms));
        let intent = new_intent(&lane, kind, paths::ORDER_STEPS, json(&request)?, expires_at_ms, Some(trip.order.as_str()));
        core.note_use()?;
        core.outbox.enqueue_last_word(&intent, |_, _, _| Ok(()))?;
        Ok(())
    }
}

impl OrderTrips {
    fn keep(&mut self, is_live: impl Fn(&OrderId) -> bool) {
        self.trips.keep(&is_live);
        self.told.retain(|order, _| is_live(order));
    }

    fn note(&mut self, trip: &OrderTrip, at_ms: i64) {
        let told = self.told.entry(trip.order.clone()).or_default();
        // Who has left comes once more.
        let has_left = trip.eta_min.is_some_and(|eta_min| eta_min >= LEFT_MIN);
        told.arrived = trip.arrived || (told.arrived && !has_left);
        if trip.told {
            told.minutes_at_ms = Some(at_ms);
        }
    }
}

impl Told {
    /// A clock that was set back makes no wait longer.
    fn is_due(self, now_ms: i64) -> bool {
        self.minutes_at_ms.is_none_or(|told_ms| !(0..TELL_EVERY_MS).contains(&now_ms.saturating_sub(told_ms)))
    }
}

/// True for an order that the person is still to come for, and soon: who passes the store days before is not there for it.
fn is_fetched(order: &OrderView, now_ms: i64) -> bool {
    let is_soon = order.state == OrderState::Ready || order.promised_ms.saturating_sub(now_ms) <= SOON_MS;
    let is_live = matches!(order.state, OrderState::Submitted | OrderState::Accepted | OrderState::InPreparation | OrderState::Ready);
    is_live && is_soon && now_ms < order.kept_until_ms && !matches!(order.handoff, HandoffMode::DineIn | HandoffMode::Delivery)
}
