//! What the person does about an order: through the outbox, so that it is done once however the network is.

use noren_rules::cart::{Cart, CartChange, OrderSnapshot};
use noren_rules::ids::{IdempotencyKey, OrderId};
use noren_rules::order_limits::{MAX_SPOT, is_line};
use noren_rules::slots::PickupTime;
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::{OrderOf, OrderStep, OrderStepRequest, Reason, paths};

use super::carts::{check, refuse_card_number};
use super::checks::{PricedWish, Promise, wanted_ms};
use super::counter::Counter;
use super::orders::question_name;
use super::placed::{Changing, PlacedNote};
use super::placing::{check_token, lane, words_lane};
use super::tables::json;
use super::{
    CartOf, KIND_ORDER_EDIT, KIND_ORDER_HERE, KIND_ORDER_NEARBY, KIND_ORDER_STEP, OrderChangeReview, OrderStepOutcome, OrderingError,
    OrderingService, PlacedOrder,
};
use crate::coupons::Facts;
use crate::member::new_intent;
use crate::outbox::{IntentState, NewIntent, OutboxError};

/// A step that finds no network in this time is over.
const STEP_LIVES_MS: i64 = 1_800_000;
/// To call it off is worth a longer try.
const CANCEL_LIVES_MS: i64 = 86_400_000;
/// Minutes on the way are worth nothing later.
const NEARBY_LIVES_MS: i64 = 180_000;
const LONGEST_MIN: u32 = 1_440;

impl OrderingService {
    /// Calls an order off. One that was surely not sent never is; one that may have arrived is asked for first.
    ///
    /// # Errors
    /// `NoSuchOrder`; `Refused` when it is too late; `NotEnrolled`, `Platform`, `Storage`.
    pub async fn cancel(&self, order: &OrderId) -> Result<OrderStepOutcome, OrderingError> {
        let core = &self.core;
        self.settle_placed()?;
        if let Some(note) = core.ordering.placed(order, &self.member()?)?.filter(|note| note.answer.is_none()) {
            match core.outbox.dismiss(&note.key) {
                // It may have arrived: the server's answer closes it either way.
                Err(OutboxError::MayHaveArrived) => {
                    if matches!(core.outbox.resolve(&note.key).await?, IntentState::Pending | IntentState::Sending | IntentState::Unknown) {
                        return Ok(OrderStepOutcome::Waiting { key: note.key });
                    }
                }
                other => other?,
            }
        }
        let placed = self.order(order)?;
        if placed.order.state.is_final() {
            return Ok(OrderStepOutcome::Answered { order: placed });
        }
        self.step(&placed, OrderStep::Cancel, CANCEL_LIVES_MS, "cancel").await
    }

    /// Another cart or time, as it would be shown, before the store has accepted. Local, at once.
    ///
    /// # Errors
    /// `NoSuchOrder` for one that was not made on this phone; `HasProblems`, `BadCart`, `CardNumber`, `NoMenu`, `NotEnrolled`, `Storage`.
    pub fn review_edit(&self, order: &OrderId, cart: &Cart, time: PickupTime) -> Result<OrderChangeReview, OrderingError> {
        check(cart)?;
        let note = self.made_here(order)?;
        let now_ms = self.core.clock.now().now_ms;
        let counter = self.counter(&note.placed.of, cart)?;
        let (slot, _) = self.quote(&counter, cart, time, now_ms)?;
        self.review_change(&note, cart, slot.map_or_else(|| wanted_ms(time, now_ms), |slot| slot.promised_ms), |_| true)
    }

    /// Other lines or another time, before the store has accepted: as `review_edit` showed it, or a question did.
    ///
    /// # Errors
    /// `NoSuchOrder`, `BadCart`, `CardNumber`, `Refused`, `NotEnrolled`, `Platform`, `Storage`.
    pub async fn edit_order(
        &self,
        order: &OrderId,
        cart: &Cart,
        time: PickupTime,
        shown: &OrderSnapshot,
    ) -> Result<OrderStepOutcome, OrderingError> {
        check(cart)?;
        self.made_here(order)?;
        let step = OrderStep::Edit { cart: cart.clone(), time, shown: shown.clone() };
        self.change_order(order, step, cart.clone(), shown).await
    }

    /// Eat-in to take-out or back, as it would be shown, until hand-over. Local, at once.
    ///
    /// # Errors
    /// As for [`OrderingService::review_edit`].
    pub fn review_amend(&self, order: &OrderId, tax_handoff: TaxHandoff) -> Result<OrderChangeReview, OrderingError> {
        let note = self.made_here(order)?;
        let cart = note.placed.cart.amended(tax_handoff);
        self.review_change(&note, &cart, self.order(order)?.order.promised_ms, CartChange::forbids_amendment)
    }

    /// Eat-in to take-out or back, until hand-over: as `review_amend` showed it, or a question did.
    ///
    /// # Errors
    /// As for [`OrderingService::edit_order`].
    pub async fn amend(&self, order: &OrderId, tax_handoff: TaxHandoff, shown: &OrderSnapshot) -> Result<OrderStepOutcome, OrderingError> {
        let cart = self.made_here(order)?.placed.cart.amended(tax_handoff);
        self.change_order(order, OrderStep::Amend { tax_handoff, shown: shown.clone() }, cart, shown).await
    }

    /// In so many minutes the person is there. No position leaves the phone; of words that overtake each other the newest counts.
    ///
    /// # Errors
    /// `NoSuchOrder`, `BadCart` for more than a day, `NotEnrolled`, `Platform`, `Storage`.
    pub async fn nearby(&self, order: &OrderId, eta_min: u32) -> Result<OrderStepOutcome, OrderingError> {
        if eta_min > LONGEST_MIN {
            return Err(OrderingError::bad("a way takes at most 1,440 minutes: say fewer"));
        }
        self.word(order, KIND_ORDER_NEARBY, OrderStep::Nearby { eta_min }, NEARBY_LIVES_MS).await
    }

    /// The person is there (到着): `spot` is the parking space or counter, at most 60 characters.
    ///
    /// # Errors
    /// `NoSuchOrder`, `BadCart`, `CardNumber`, `NotEnrolled`, `Platform`, `Storage`.
    pub async fn here(&self, order: &OrderId, spot: &str) -> Result<OrderStepOutcome, OrderingError> {
        let spot = spot.trim();
        refuse_card_number(spot)?;
        if !is_line(spot, MAX_SPOT) {
            return Err(OrderingError::bad("a parking space is said in one line of at most 60 characters: shorten it"));
        }
        self.word(order, KIND_ORDER_HERE, OrderStep::Here { spot: spot.to_owned() }, STEP_LIVES_MS).await
    }

    /// It is paid at the counter instead.
    ///
    /// # Errors
    /// `NoSuchOrder`, `Refused`, `NotEnrolled`, `Platform`, `Storage`.
    pub async fn pay_at_counter(&self, order: &OrderId) -> Result<OrderStepOutcome, OrderingError> {
        self.step(&self.order(order)?, OrderStep::PayAtCounter, STEP_LIVES_MS, "counter").await
    }

    /// What the payment provider asked for is done.
    ///
    /// # Errors
    /// As for [`OrderingService::pay_at_counter`].
    pub async fn step_up_done(&self, order: &OrderId) -> Result<OrderStepOutcome, OrderingError> {
        self.step(&self.order(order)?, OrderStep::StepUpDone, STEP_LIVES_MS, "step-up").await
    }

    /// Another card, by the provider's token for it. Of two the last one counts, while the first was surely not sent.
    ///
    /// # Errors
    /// As for [`OrderingService::pay_at_counter`]; `CardNumber`, `BadCart`; `Unresolved` while another card may have arrived.
    pub async fn pay_again(&self, order: &OrderId, token: &str) -> Result<OrderStepOutcome, OrderingError> {
        check_token(token)?;
        let core = &self.core;
        let placed = self.order(order)?;
        let (lane, now_ms) = (lane_of(&placed), core.clock.now().now_ms);
        let step = OrderStep::PayAgain { token: token.to_owned() };
        let intent = intent(now_ms, &lane, (&placed, KIND_ORDER_STEP), step, STEP_LIVES_MS, Some("token"))?;
        core.note_use()?;
        let key = core.outbox.enqueue_last_word(&intent, |_, _, _| Ok(()))?;
        // The one that stays may name another card.
        let names = |body: Vec<u8>| match serde_json::from_slice(&body) {
            Ok(OrderStepRequest { step: OrderStep::PayAgain { token: named }, .. }) => named == token,
            _ => false,
        };
        let is_this = match core.outbox.body(&key) {
            Err(OutboxError::NoSuchIntent) => true,
            body => names(body?),
        };
        let outcome = self.answered(&lane, &key, order).await?;
        if is_this { Ok(outcome) } else { Err(OrderingError::Unresolved { order: order.clone() }) }
    }

    fn made_here(&self, order: &OrderId) -> Result<PlacedNote, OrderingError> {
        self.core.ordering.placed(order, &self.member()?)?.ok_or(OrderingError::NoSuchOrder)
    }

    /// With the coupons and points that it was ordered with.
    fn review_change(
        &self,
        note: &PlacedNote,
        cart: &Cart,
        promised_ms: i64,
        matters: impl Fn(&CartChange) -> bool,
    ) -> Result<OrderChangeReview, OrderingError> {
        let counter = self.counter(&note.placed.of, cart)?;
        if counter.changes(cart, promised_ms)?.iter().any(|change| matters(&change.change)) {
            return Err(OrderingError::HasProblems);
        }
        let priced = self.price_change(note, &counter, cart, promised_ms)?;
        Ok(OrderChangeReview {
            order: note.id.clone(),
            rows_ja: priced.snapshot.rows_ja(),
            rows_en: priced.snapshot.rows_en(),
            snapshot: priced.snapshot,
        })
    }

    fn price_change(&self, note: &PlacedNote, counter: &Counter, cart: &Cart, promised_ms: i64) -> Result<PricedWish, OrderingError> {
        let placed = &note.placed;
        let mut facts = Facts::gather(&self.core)?.ok_or(OrderingError::NotEnrolled)?;
        // The backend gives up what the order has spent before it prices the change.
        facts.give_back(&placed.used);
        let promise = Promise { promised_ms, deadline_ms: None };
        let mut coupons = facts.named(&placed.coupons);
        coupons.retain(|coupon| !placed.asked.coupons_out.contains(&coupon.serial));
        let points = placed.asked.most_points.map_or(placed.shown.points, |most| most.min(placed.shown.points));
        self.price_with(&facts, &coupons, points, (counter, &placed.of, cart), (placed.shown.method, promise))
    }

    /// One change of an order is asked for at a time: the last word counts.
    async fn change_order(
        &self,
        order: &OrderId,
        step: OrderStep,
        cart: Cart,
        shown: &OrderSnapshot,
    ) -> Result<OrderStepOutcome, OrderingError> {
        let core = &self.core;
        let placed = self.order(order)?;
        let lane = lane_of(&placed);
        let note = self.made_here(order)?;
        // As it was reviewed; where the phone cannot price it any more, the backend says what it comes to.
        let priced = self.counter(&note.placed.of, &cart).and_then(|counter| self.price_change(&note, &counter, &cart, shown.promised_ms));
        let (lines, used) = priced.map_or_else(
            |_| (note.placed.lines.clone(), note.placed.used.clone()),
            |priced| (priced.lines, priced.totals.used.iter().map(|used| used.serial).collect()),
        );
        let intent = intent(self.core.clock.now().now_ms, &lane, (&placed, KIND_ORDER_EDIT), step, STEP_LIVES_MS, None)?;
        core.note_use()?;
        let key = core.outbox.enqueue_last_word(&intent, |tx, key, _| {
            core.ordering.put_changing(tx, order, Changing { key: key.clone(), cart, shown: shown.clone(), lines, used })
        })?;
        self.answered(&lane, &key, order).await
    }

    async fn word(&self, order: &OrderId, kind: &str, step: OrderStep, lives_ms: i64) -> Result<OrderStepOutcome, OrderingError> {
        let placed = self.order(order)?;
        if !placed.is_heard {
            return Err(OrderingError::Unresolved { order: order.clone() });
        }
        let lane = words_lane(&placed.order.store);
        let intent = intent(self.core.clock.now().now_ms, &lane, (&placed, kind), step, lives_ms, None)?;
        self.core.note_use()?;
        let key = self.core.outbox.enqueue_last_word(&intent, |_, _, _| Ok(()))?;
        self.answered(&lane, &key, order).await
    }

    async fn step(&self, placed: &PlacedOrder, step: OrderStep, lives_ms: i64, about: &str) -> Result<OrderStepOutcome, OrderingError> {
        let lane = lane_of(placed);
        let intent = intent(self.core.clock.now().now_ms, &lane, (placed, KIND_ORDER_STEP), step, lives_ms, Some(about))?;
        self.core.note_use()?;
        let key = self.core.outbox.enqueue(&intent)?;
        self.answered(&lane, &key, &placed.order.id).await
    }

    async fn answered(&self, lane: &str, key: &IdempotencyKey, order: &OrderId) -> Result<OrderStepOutcome, OrderingError> {
        let core = &self.core;
        core.outbox.send_lane_due(lane).await?;
        core.note_refused_device()?;
        let Some(view) = core.outbox.intent(key)? else {
            // One that nobody asked to be shown has gone: too late, or refused.
            return Ok(OrderStepOutcome::Answered { order: self.order(order)? });
        };
        match view.state {
            IntentState::Done => Ok(OrderStepOutcome::Answered { order: self.order(order)? }),
            IntentState::Wedged | IntentState::Expired => {
                core.outbox.dismiss(key)?;
                let code = view.reason.unwrap_or(Reason::Other);
                let detail = view.detail.unwrap_or_else(|| "no longer possible".into());
                Err(if code == Reason::NotFound { OrderingError::NoSuchOrder } else { OrderingError::Refused { code, detail } })
            }
            _ => Ok(OrderStepOutcome::Waiting { key: key.clone() }),
        }
    }

    /// The person has read the question to a change of an order: the order stays as it is.
    ///
    /// # Errors
    /// `Storage`.
    pub fn leave_as_it_is(&self, order: &OrderId) -> Result<(), OrderingError> {
        Ok(self.core.ordering.drop_code(&question_name(order))?)
    }
}

/// A step about an order. Of those of the same kind, and about the same, one is on its way at a time.
fn intent(
    at_ms: i64,
    lane: &str,
    (placed, kind): (&PlacedOrder, &str),
    step: OrderStep,
    lives_ms: i64,
    about: Option<&str>,
) -> Result<NewIntent, OrderingError> {
    let order = &placed.order.id;
    let body = json(&OrderStepRequest { order: order.clone(), step, at_ms })?;
    let subject = about.map_or_else(|| order.0.clone(), |about| format!("{order}\n{about}"));
    Ok(new_intent(lane, kind, paths::ORDER_STEPS, body, Some(at_ms.saturating_add(lives_ms)), Some(&subject)))
}

fn lane_of(placed: &PlacedOrder) -> String {
    lane(&CartOf { store: placed.order.store.clone(), of: OrderOf::Menu })
}
