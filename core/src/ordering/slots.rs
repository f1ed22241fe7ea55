//! Slots: found on the phone, held by the backend.

use std::sync::PoisonError;

use noren_rules::cart::Cart;
use noren_rules::ids::{IdempotencyKey, OrderId};
use noren_rules::keys::id_from_bytes;
use noren_rules::slots::{PickupSlot, PickupTime, SlotRefusal};
use noren_rules::wire::{Reason, SlotHoldAnswer, SlotHoldRequest, SlotReleaseRequest, SlotReleased, paths};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::carts::open_for_changes;
use super::counter::{Counter, change_views};
use super::tables::json;
use super::{CartOf, HeldSlot, OrderingError, OrderingService, PickupSlotsView, PickupWindow, SlotHoldOutcome};
use crate::net::decode;
use crate::platform::{Change, random_uuid};

impl OrderingService {
    /// When the cart could be ready: as soon as possible, and the times of a window, by what the server last said is booked. Asks nobody.
    ///
    /// # Errors
    /// `NotEnrolled`, `NoMenu`, `NoStatus`, `Storage`.
    pub fn slots(&self, of: &CartOf, window: &PickupWindow) -> Result<PickupSlotsView, OrderingError> {
        let cart = self.cart(of)?.cart;
        let counter = self.counter(of, &cart)?;
        let now_ms = self.core.clock.now().now_ms;
        let (mut book, tasks) = (counter.kitchen()?, counter.tasks(&cart)?);
        let asap = book.quote(&tasks, PickupTime::Asap, now_ms);
        let offset = counter.kept.terms.utc_offset_min;
        let refusal = asap.as_ref().err().cloned();
        self.note_wanted(of, window.wanted_ms);
        Ok(PickupSlotsView {
            words_ja: refusal.as_ref().map(|refusal| refusal.text_ja(offset)).unwrap_or_default(),
            words_en: refusal.as_ref().map(|refusal| refusal.text_en(offset)).unwrap_or_default(),
            asap: asap.ok(),
            refusal,
            slots: book.offers(&tasks, window.from_ms, window.until_ms, window.wanted_ms, now_ms),
            as_of_ms: counter.status.as_ref().map_or(0, |status| status.as_of_ms),
        })
    }

    fn note_wanted(&self, of: &CartOf, wanted_ms: Option<i64>) {
        let mut wanted = self.core.ordering.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        match wanted_ms {
            Some(wanted_ms) => drop(wanted.insert(of.clone(), wanted_ms)),
            None => drop(wanted.remove(of)),
        }
    }

    /// The time as it would be booked now, by what is known.
    pub(super) fn quote(
        &self,
        counter: &Counter,
        cart: &Cart,
        time: PickupTime,
        now_ms: i64,
    ) -> Result<(Option<PickupSlot>, Option<SlotRefusal>), OrderingError> {
        if !counter.is_made() || counter.status.is_none() {
            return Ok((None, None));
        }
        Ok(match counter.kitchen()?.quote(&counter.tasks(cart)?, time, now_ms) {
            Ok(slot) => (Some(slot), None),
            Err(refusal) => (None, Some(refusal)),
        })
    }

    /// Asks the store to keep the kitchen's time for this cart while the person pays. A quieter time than the one that was wanted when times were shown
    /// gives points: those that the held slot names. Again for the same cart, it answers as before; another cart or
    /// time moves it. The order's id is made, durably, before the first byte is sent.
    ///
    /// # Errors
    /// `NotEnrolled`, `NoMenu`, `HasProblems` for an empty cart, `Unresolved`, `Refused`, `Call`, `Platform`, `Storage`.
    pub async fn hold_slot(&self, of: &CartOf, time: PickupTime) -> Result<SlotHoldOutcome, OrderingError> {
        let core = &self.core;
        // One at a time: of two whose answers cross, the phone would keep the one and the backend the other.
        let _one = core.ordering.holding.lock().await;
        let (order, cart) = self.named(of)?;
        if cart.lines.is_empty() {
            return Err(OrderingError::HasProblems);
        }
        let counter = self.counter(of, &cart)?;
        let wanted_ms = core.ordering.wanted.lock().unwrap_or_else(PoisonError::into_inner).get(of).copied();
        let wanted_ms = wanted_ms.filter(|_| matches!(time, PickupTime::Scheduled { .. }));
        // What is held for an order that did not come about goes over to this one: else it would stand in its way.
        let held_by = core.ordering.draft(of, &self.member()?)?.and_then(|draft| draft.held_by);
        let replaces = held_by.filter(|held_by| *held_by != order);
        let request = SlotHoldRequest { order: order.clone(), store: of.store.clone(), cart: cart.clone(), time, wanted_ms, replaces };
        // Durable before the first byte: where the answer is lost, it can be given back all the same.
        if request.replaces.is_none() {
            self.change_draft(of, |draft| draft.held_by = Some(order.clone()))?;
        }
        let answer: SlotHoldAnswer = match self.post(paths::SLOT_HOLDS, &request).await {
            Err(OrderingError::Refused { code: Reason::OrderConflict, detail }) => {
                // The id belongs to an order already: the next tap makes another one.
                self.change_draft(of, |draft| {
                    if draft.order.as_ref() == Some(&order) && !draft.placed {
                        (draft.order, draft.held, draft.held_by, draft.reviewed) = (None, None, None, None);
                    }
                })?;
                return Err(OrderingError::Refused { code: Reason::OrderConflict, detail });
            }
            answer => answer?,
        };
        if let Some((slot, until_ms)) = answer.hold.and_then(|hold| Some((hold.slot, hold.until_ms?))) {
            let held = HeldSlot { time, slot, until_ms };
            self.change_draft(of, |draft| {
                // Changed meanwhile, the slot is for another cart.
                draft.held_by = Some(order.clone());
                if draft.order.as_ref() == Some(&order) && draft.cart == cart && !draft.placed {
                    (draft.held, draft.reviewed) = (Some(held), None);
                }
            })?;
            return Ok(SlotHoldOutcome::Held { order, held });
        }
        // What was held before is held still. A refusal was of the time: the slot is this order's now.
        let is_refused = answer.refused.is_some();
        self.change_draft(of, |draft| {
            if is_refused {
                draft.held_by = Some(order.clone());
            } else if draft.order.as_ref() == Some(&order) && !draft.placed {
                draft.reviewed = None;
            }
        })?;
        let offset = core.ordering.menu(&of.store)?.map_or(0, |(kept, _)| kept.terms.utc_offset_min);
        match answer.refused {
            Some(refusal) => Ok(SlotHoldOutcome::Refused { words_ja: refusal.text_ja(offset), words_en: refusal.text_en(offset), refusal }),
            None => Ok(SlotHoldOutcome::Changed { changes: change_views(counter.book()?, answer.changes) }),
        }
    }

    /// The person does not order: the kitchen's time is free again. True when something was held.
    ///
    /// # Errors
    /// `NotEnrolled`, `Unresolved`, `Refused`, `Call`, `Platform`, `Storage`: it runs out by itself then.
    pub async fn release_slot(&self, of: &CartOf) -> Result<bool, OrderingError> {
        self.settle_placed()?;
        let Some(draft) = self.core.ordering.draft(of, &self.member()?)? else { return Ok(false) };
        open_for_changes(&draft)?;
        let Some(order) = draft.held_by else { return Ok(false) };
        let released: SlotReleased = self.post(paths::SLOT_RELEASES, &SlotReleaseRequest { order: order.clone() }).await?;
        self.change_draft(of, |draft| {
            if draft.held_by.as_ref() == Some(&order) {
                (draft.held, draft.held_by, draft.reviewed) = (None, None, None);
            }
        })?;
        Ok(released.released)
    }

    /// The cart, and the id of the order that it is to become: made now where there is none.
    pub(super) fn named(&self, of: &CartOf) -> Result<(OrderId, Cart), OrderingError> {
        self.settle_placed()?;
        let mut bytes = [0u8; 10];
        self.core.platform.entropy.fill(&mut bytes)?;
        let empty = self.empty(of)?;
        self.core.note_use()?;
        let (draft, order) = self.core.ordering.edit(empty, |draft| {
            open_for_changes(draft)?;
            Ok(draft.order.get_or_insert_with(|| OrderId(id_from_bytes(&bytes))).clone())
        })?;
        Ok((order, draft.cart))
    }

    pub(super) fn change_draft(&self, of: &CartOf, change: impl FnOnce(&mut super::drafts::Draft)) -> Result<(), OrderingError> {
        let empty = self.empty(of)?;
        self.core.ordering.edit(empty, |draft| {
            change(draft);
            Ok(())
        })?;
        self.core.observers.tell(Change::Carts);
        Ok(())
    }

    /// Asks for something that is worth nothing later: not kept in the outbox. Asking again is the same as asking once.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Result<T, OrderingError> {
        let core = &self.core;
        core.card.get().ok_or(OrderingError::NotEnrolled)?;
        let key = IdempotencyKey(random_uuid(core.platform.entropy.as_ref())?);
        let answer = core.client.post_authorized(core.tokens.as_ref(), path, &key, json(request)?.into_bytes()).await;
        Ok(decode(&self.heard(answer)?)?)
    }
}
