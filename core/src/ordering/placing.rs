//! The review, the tap, and what became of it.

use noren_rules::cart::PaymentMethod;
use noren_rules::ids::{OrderId, SeatSessionId, StoreId};
use noren_rules::menu::HandoffMode;
use noren_rules::order_limits::{MAX_ADDRESS_NOTE, MAX_NAME, MAX_POSTAL_CODE, MAX_VEHICLE, is_address, is_line, is_token};
use noren_rules::wire::{OrderRequest, PaymentChoice, SeatState, paths};
use std::sync::PoisonError;

use super::carts::{open_for_changes, refuse_card_number};
use super::checks::{Promise, wanted_ms};
use super::drafts::{Draft, Reviewed};
use super::placed::Placed;
use super::tables::json;
use super::{CartOf, CheckoutWish, KIND_ORDER, OrderReview, OrderingError, OrderingService, PlaceWish, PlacedOrder};
use crate::member::new_intent;
use crate::platform::Change;
use crate::storage::StorageError;

/// An order without a held slot that finds no network in this time is over.
const ORDER_LIVES_MS: i64 = 600_000;

impl OrderingService {
    /// The last screen before the tap, made by the same rules as the backend's; kept, so that exactly this is ordered. Where a slot is held, it is that
    /// slot's time that counts. Local, at once.
    ///
    /// # Errors
    /// `HasProblems` (show [`OrderingService::check`]), `NotHeld` where kitchen time has to be held first, `BadCart` for a way of paying or handing
    /// over that the store does not take, `Unresolved`, `NoMenu`, `NotEnrolled`, `Storage`.
    pub fn review(&self, of: &CartOf, wish: &CheckoutWish) -> Result<OrderReview, OrderingError> {
        let (order, cart) = self.named(of)?;
        let counter = self.counter(of, &cart)?;
        let terms = &counter.kept.terms;
        if !terms.handoffs.contains(&cart.handoff) {
            return Err(OrderingError::bad("the store does not hand over so: choose one of its ways"));
        }
        if !terms.methods.contains(&wish.method) {
            return Err(OrderingError::bad("the store cannot be paid so: choose one of its ways"));
        }
        let now_ms = self.core.clock.now().now_ms;
        let held = self.core.ordering.draft(of, &self.member()?)?.and_then(|draft| draft.held).filter(|held| held.until_ms > now_ms);
        let promise = match (counter.is_made(), held) {
            (true, Some(held)) => Promise { promised_ms: held.slot.promised_ms, deadline_ms: Some(held.until_ms) },
            (true, None) => return Err(OrderingError::NotHeld),
            (false, _) => Promise { promised_ms: wanted_ms(wish.time, now_ms), deadline_ms: None },
        };
        if !counter.changes(&cart, promise.promised_ms)?.is_empty() {
            return Err(OrderingError::HasProblems);
        }
        let priced = self.price(&counter, of, &cart, wish, promise)?;
        let reviewed = Reviewed {
            time: held.map_or(wish.time, |held| held.time),
            snapshot: priced.snapshot.clone(),
            method: wish.method,
            coupons: priced.coupons,
            used: priced.totals.used.iter().map(|used| used.serial).collect(),
            points: priced.points,
            lines: priced.lines,
        };
        let mut is_kept = false;
        self.change_draft(of, |draft| {
            if draft.order.as_ref() == Some(&order) && draft.cart == cart && !draft.placed {
                (draft.reviewed, is_kept) = (Some(reviewed), true);
            }
        })?;
        if !is_kept {
            return Err(OrderingError::NotReviewed);
        }
        Ok(OrderReview {
            order,
            of: of.clone(),
            rows_ja: priced.snapshot.rows_ja(),
            rows_en: priced.snapshot.rows_en(),
            snapshot: priced.snapshot,
            totals: priced.totals,
            warnings: self.line_warnings(&counter, &cart, promise.promised_ms)?,
            deadline_ms: promise.deadline_ms,
        })
    }

    /// The tap: orders what the review of this id has shown. The intent is durable before this returns, and nothing is sent yet: `resolve` sends it and
    /// answers what became of it, and so does `outbox().send_due()`. However often it is tapped, it is one order. It is over when its slot is.
    ///
    /// # Errors
    /// `NotReviewed`, `NotHeld`, `NeedsSeat`, `CardNumber`, `BadCart`, `NoSuchOrder`, `NotEnrolled`, `Platform`, `Storage`. Nothing is ordered then.
    pub fn place(&self, order: &OrderId, wish: &PlaceWish) -> Result<PlacedOrder, OrderingError> {
        let core = &self.core;
        check_wish(wish)?;
        let member = self.member()?;
        self.settle_placed()?;
        let one = core.ordering.placing.lock().unwrap_or_else(PoisonError::into_inner);
        if core.ordering.placed(order, &member)?.is_some() {
            return self.order(order);
        }
        let of_order = |draft: &Draft| draft.order.as_ref() == Some(order);
        let draft = core.ordering.drafts(&member)?.into_iter().find(of_order).ok_or(OrderingError::NoSuchOrder)?;
        open_for_changes(&draft)?;
        let reviewed = draft.reviewed.clone().ok_or(OrderingError::NotReviewed)?;
        let now_ms = core.clock.now().now_ms;
        let until_ms = reviewed.snapshot.deadline_ms.unwrap_or(now_ms.saturating_add(ORDER_LIVES_MS));
        if until_ms <= now_ms {
            return Err(OrderingError::NotHeld);
        }
        let request = self.request(&draft, order, &reviewed, wish)?;
        let placed = Placed {
            member,
            of: draft.of.clone(),
            cart: draft.cart.clone(),
            shown: reviewed.snapshot,
            lines: reviewed.lines,
            replaces: draft.replaces.clone(),
            coupons: reviewed.coupons,
            used: reviewed.used,
            changing: None,
            asked: draft.asked.clone(),
        };
        let lane = lane(&draft.of);
        let intent = new_intent(&lane, KIND_ORDER, paths::ORDERS, json(&request)?, Some(until_ms), Some(order.as_str()));
        core.note_use()?;
        let mut is_as_seen = true;
        let kept = core.outbox.enqueue_with(&[intent], |tx, keys| {
            let Some(key) = keys.first() else { return Ok(()) };
            is_as_seen = core.ordering.put_placed(tx, order, key, &placed, &draft, now_ms)?;
            if is_as_seen { Ok(()) } else { Err(StorageError::other("the cart is another one by now")) }
        });
        if !is_as_seen {
            return Err(OrderingError::NotReviewed);
        }
        kept?;
        drop(one);
        core.observers.tell(Change::Orders);
        self.order(order)
    }

    /// Sends an order that was placed, or asks what became of it, and answers it as it then stands; still unknown where no answer comes.
    ///
    /// # Errors
    /// `NoSuchOrder`, `NotEnrolled`, `Platform`, `Storage`.
    pub async fn resolve(&self, order: &OrderId) -> Result<PlacedOrder, OrderingError> {
        let core = &self.core;
        if let Some(note) = core.ordering.placed(order, &self.member()?)?.filter(|note| note.answer.is_none()) {
            // Somebody waits for it: our own waits are over.
            core.outbox.network_returned()?;
            core.outbox.send_lane_due(&lane(&note.placed.of)).await?;
            core.note_refused_device()?;
        }
        self.order(order)
    }

    fn request(&self, draft: &Draft, order: &OrderId, reviewed: &Reviewed, wish: &PlaceWish) -> Result<OrderRequest, OrderingError> {
        match (reviewed.method, &wish.token) {
            (PaymentMethod::Token, None) => return Err(OrderingError::bad("this is paid with a token: let the payment provider make one")),
            (PaymentMethod::AtCounter, Some(_)) => return Err(OrderingError::bad("at the counter no token is needed: leave it out")),
            _ => {}
        }
        if (draft.cart.handoff == HandoffMode::Delivery) != wish.deliver_to.is_some() {
            return Err(OrderingError::bad("a delivery, and nothing else, needs an address: add or remove it"));
        }
        Ok(OrderRequest {
            id: order.clone(),
            store: draft.of.store.clone(),
            of: draft.of.of,
            cart: draft.cart.clone(),
            time: reviewed.time,
            shown: reviewed.snapshot.clone(),
            payment: PaymentChoice { method: reviewed.method, token: wish.token.clone() },
            coupons: reviewed.coupons.clone(),
            points: reviewed.points,
            replaces: draft.replaces.clone(),
            seat: if draft.cart.handoff == HandoffMode::DineIn { Some(self.open_seat(&draft.of)?) } else { None },
            vehicle: wish.vehicle.trim().to_owned(),
            deliver_to: wish.deliver_to.clone(),
            avoids: if wish.tell_avoided { self.avoided()? } else { Vec::new() },
        })
    }

    fn open_seat(&self, of: &CartOf) -> Result<SeatSessionId, OrderingError> {
        let now_ms = self.core.clock.now().now_ms;
        let session = self.seat_session()?.filter(|session| session.store == of.store && session.until_ms > now_ms);
        session.filter(|session| session.state == SeatState::Open).map(|session| session.id).ok_or(OrderingError::NeedsSeat)
    }
}

/// Orders of a store, and what is said of them, go in order.
pub(super) fn lane(of: &CartOf) -> String {
    format!("orders:{}", of.store)
}

/// Words on the way hold no step up, and no step holds them up.
pub(super) fn words_lane(store: &StoreId) -> String {
    format!("order_words:{store}")
}

/// Nothing is kept of what is refused here.
fn check_wish(wish: &PlaceWish) -> Result<(), OrderingError> {
    if let Some(token) = &wish.token {
        check_token(token)?;
    }
    refuse_card_number(&wish.vehicle)?;
    if !is_line(wish.vehicle.trim(), MAX_VEHICLE) {
        return Err(OrderingError::bad("a car is said in one line of at most 60 characters: shorten it"));
    }
    if let Some(address) = &wish.deliver_to {
        let lines = [&address.name, &address.postal_code, &address.note];
        lines.into_iter().chain([&address.address]).try_for_each(|text| refuse_card_number(text))?;
        let fits =
            is_line(&address.name, MAX_NAME) && is_line(&address.postal_code, MAX_POSTAL_CODE) && is_line(&address.note, MAX_ADDRESS_NOTE);
        if !fits || !(address.address.trim().is_empty() || is_address(&address.address)) {
            let detail = "an address has at most 300 characters, its name 100, postal code 20 and note 200, each in one line: shorten it";
            return Err(OrderingError::bad(detail));
        }
        if address.name.trim().is_empty() || address.address.trim().is_empty() {
            return Err(OrderingError::bad("a delivery goes to a name and an address: fill them in"));
        }
    }
    Ok(())
}

/// A payment provider's token, never a card's number.
pub(super) fn check_token(token: &str) -> Result<(), OrderingError> {
    refuse_card_number(token)?;
    if !is_token(token) {
        return Err(OrderingError::bad("a token has 1 to 200 visible ASCII characters: let the payment provider make another one"));
    }
    Ok(())
}
