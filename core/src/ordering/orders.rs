//! Orders as they stand: what the backend said, and what was ordered here and not answered.

use std::collections::BTreeSet;

use noren_rules::ids::{MemberId, OrderId};
use noren_rules::order::OrderState;
use noren_rules::wire::{OrderAnswer, OrderOf, OrderPayment, OrderPush, OrderQuestion, OrderView};

use super::counter::change_views;
use super::mirror::KeptOrder;
use super::placed::{PlacedAnswer, PlacedNote};
use super::tables::OrderingStore;
use super::{
    KIND_ORDER, KIND_ORDER_EDIT, ORDERS_COLLECTION, OrderQuestionView, OrderingError, OrderingService, OrdersPage, PlacedOrder, endpoints,
};
use crate::member::CardStore;
use crate::outbox::{IntentState, Outcome};
use crate::platform::Change;
use crate::replica::Freshness;
use crate::storage::StorageError;

/// What ended is shown for so long.
const SHOWN_MS: i64 = 30 * 86_400_000;

impl OrderingService {
    /// Orders, newest first: those of the backend, and those that it has not answered. Local, at once: pickup codes and call numbers are in it.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn orders(&self) -> Result<OrdersPage, OrderingError> {
        let core = &self.core;
        self.settle_placed()?;
        let (member, now_ms) = (self.member()?, core.clock.now().now_ms);
        let mirrored = core.ordering.mirrored(&member)?;
        let placed = core.ordering.placed_orders(&member, now_ms)?;
        let freshness = core.collections.freshness(ORDERS_COLLECTION)?;
        let mut orders: Vec<PlacedOrder> = Vec::with_capacity(mirrored.len());
        // What the backend leaves out of its list, events may have told.
        let is_shown = |kept: &&KeptOrder| !kept.view.state.is_final() || now_ms.saturating_sub(kept.view.changed_at_ms) < SHOWN_MS;
        for kept in mirrored.iter().filter(is_shown) {
            let note = placed.iter().find(|note| note.id == kept.view.id);
            orders.push(self.view(Some(&kept.view), note)?);
        }
        for note in placed.iter().filter(|note| mirrored.iter().all(|kept| kept.view.id != note.id)) {
            let is_shown = note.answer.is_none() || now_ms.saturating_sub(note.at_ms) < SHOWN_MS;
            if is_shown && !is_over(note, &freshness) {
                orders.push(self.view(None, Some(note))?);
            }
        }
        orders.sort_by_key(|order| std::cmp::Reverse(order.order.placed_at_ms));
        Ok(OrdersPage { orders, freshness })
    }

    /// One order. Local, at once.
    ///
    /// # Errors
    /// `NoSuchOrder`, `NotEnrolled`, `Storage`.
    pub fn order(&self, order: &OrderId) -> Result<PlacedOrder, OrderingError> {
        self.settle_placed()?;
        let member = self.member()?;
        let note = self.core.ordering.placed(order, &member)?;
        let kept = self.core.ordering.mirror(order, &member)?;
        self.view(kept.as_ref().map(|kept| &kept.view), note.as_ref())
    }

    /// Asks for the orders, if anything has changed. True when something is different.
    ///
    /// # Errors
    /// `NotEnrolled`, `Refused`, `Call`, `Platform`, `Storage`. What is known stays readable.
    pub async fn refresh_orders(&self) -> Result<bool, OrderingError> {
        Ok(self.fetch_orders().await?.0)
    }

    /// As [`OrderingService::refresh_orders`]; with the version up to which all changes have been heard then.
    pub(super) async fn fetch_orders(&self) -> Result<(bool, u64), OrderingError> {
        let core = &self.core;
        let member = self.member()?;
        core.collections.attempt(ORDERS_COLLECTION, core.clock.now().now_ms)?;
        // Without the orders themselves their ETag would keep them away for ever, and a push message is only half a word.
        let mirrored = core.ordering.mirrored(&member)?;
        let is_whole = !mirrored.is_empty() && mirrored.iter().all(|kept| kept.pushed.is_none());
        let etag = if is_whole { core.collections.etag(ORDERS_COLLECTION)? } else { None };
        let fetched = match endpoints::orders(&core.client, core.tokens.as_ref(), etag.as_deref()).await {
            Ok(fetched) => fetched,
            Err(error) => {
                core.collections.failed(ORDERS_COLLECTION, &error.to_string())?;
                return self.heard(Err(error));
            }
        };
        // A list of now tells all that was known here before it was asked for.
        let known = mirrored.iter().map(|kept| kept.view.version).max().unwrap_or(0);
        let (changed, etag, newest) = match fetched {
            Some((orders, etag)) => {
                let newest = orders.orders.iter().map(|order| order.version).max().unwrap_or(0);
                (core.ordering.take_orders(&member, &orders.orders, orders.as_of_ms)?, etag, newest.max(known))
            }
            None => (false, None, known),
        };
        core.collections.complete(ORDERS_COLLECTION, etag.as_deref(), core.clock.now().now_ms)?;
        if changed {
            core.observers.tell(Change::Orders);
        }
        Ok((changed, newest))
    }

    /// What a push message carries (its data, JSON of an `OrderPush`): where an order stands, at once and with no network. True when it was news;
    /// `refresh_orders` brings the rest.
    ///
    /// # Errors
    /// `BadPush` for something else, or for an order that this phone does not know; `NotEnrolled`, `Storage`.
    pub fn take_push(&self, text: &str) -> Result<bool, OrderingError> {
        let push: OrderPush = serde_json::from_str(text).map_err(|_| OrderingError::BadPush)?;
        let is_news = self.core.ordering.take_pushed(&self.member()?, &push)?.ok_or(OrderingError::BadPush)?;
        if is_news {
            self.core.observers.tell(Change::Orders);
        }
        Ok(is_news)
    }

    /// Coupons that an order which is not over has used: the wallet may not say so yet.
    pub(super) fn spoken_for(&self) -> Result<BTreeSet<u64>, OrderingError> {
        let (core, member) = (&self.core, self.member()?);
        let mut used: BTreeSet<u64> = core.ordering.open_orders(&member)?.into_iter().flat_map(|note| note.placed.used).collect();
        // Of one that is over the wallet says what became of its coupons; what was answered and is not over stands in the mirror.
        for kept in core.ordering.mirrored(&member)?.iter().filter(|kept| !kept.view.state.is_final()) {
            used.extend(core.ordering.placed(&kept.view.id, &member)?.into_iter().flat_map(|note| note.placed.used));
        }
        Ok(used)
    }

    /// Closes what was refused or came too late; tells those who look.
    pub(super) fn settle_placed(&self) -> Result<(), OrderingError> {
        self.core.outbox.start()?;
        if self.core.ordering.settle_placed(self.core.clock.now())? {
            self.core.observers.tell(Change::Orders);
        }
        Ok(())
    }

    pub(super) fn member(&self) -> Result<MemberId, OrderingError> {
        Ok(self.core.card.get().ok_or(OrderingError::NotEnrolled)?.member_id.clone())
    }

    fn view(&self, heard: Option<&OrderView>, note: Option<&PlacedNote>) -> Result<PlacedOrder, OrderingError> {
        let (order, is_heard) = match (heard, note) {
            (Some(heard), _) => (heard.clone(), true),
            // The mirror was dropped: as it was answered then.
            (None, Some(PlacedNote { answer: Some(PlacedAnswer::Answered { order, .. }), .. })) => ((**order).clone(), true),
            (None, Some(note)) => (unheard(note), false),
            (None, None) => return Err(OrderingError::NoSuchOrder),
        };
        let question = match note.and_then(|note| note.answer.as_ref()) {
            Some(PlacedAnswer::Answered { question: Some(question), .. }) => Some((**question).clone()),
            _ => self.core.ordering.code(&question_name(&order.id))?,
        };
        let refused = match note.and_then(|note| note.answer.as_ref()) {
            Some(PlacedAnswer::NotTaken { code }) => Some(*code),
            _ => None,
        };
        let waiting = note.filter(|note| note.answer.is_none());
        let (words_ja, words_en) = words(&order, waiting.filter(|_| heard.is_none()));
        Ok(PlacedOrder {
            question: question.map(|question| self.question_view(&order, question, note)).transpose()?,
            refused,
            is_heard,
            waiting: waiting.map(|note| note.key.clone()),
            shown: note.map(|note| note.placed.shown.clone()),
            words_ja,
            words_en,
            order,
        })
    }

    fn question_view(
        &self,
        order: &OrderView,
        question: OrderQuestion,
        note: Option<&PlacedNote>,
    ) -> Result<OrderQuestionView, OrderingError> {
        let kept = self.core.ordering.menu(&order.store)?;
        // The store's clock: by its menu, or by what was shown of the order. Without either a time would be told by another clock.
        let of_shown = question.shown_now.as_ref().or(note.map(|note| &note.placed.shown)).map(|shown| shown.utc_offset_min);
        let offset = kept.as_ref().map(|(kept, _)| kept.terms.utc_offset_min).or(of_shown);
        let slot = question.slot.as_ref().zip(offset);
        let book = kept.as_ref().and_then(|(kept, _)| kept.book.as_ref()).filter(|_| order.of == OrderOf::Menu);
        let rows = |rows: fn(&noren_rules::cart::OrderSnapshot) -> Vec<noren_rules::cart::SnapshotRow>| {
            question.shown_now.as_ref().map(rows).unwrap_or_default()
        };
        Ok(OrderQuestionView {
            changes: book.map(|book| change_views(book, question.changes.clone())).unwrap_or_default(),
            slot_ja: slot.map(|(slot, offset)| slot.text_ja(offset)).unwrap_or_default(),
            slot_en: slot.map(|(slot, offset)| slot.text_en(offset)).unwrap_or_default(),
            now_ja: rows(noren_rules::cart::OrderSnapshot::rows_ja),
            now_en: rows(noren_rules::cart::OrderSnapshot::rows_en),
            cart: note.and_then(|note| note.placed.changing.as_ref()).map(|changing| changing.cart.clone()),
            question,
        })
    }
}

/// True for an order that was answered, and is no longer in a list that the backend gave since.
fn is_over(note: &PlacedNote, freshness: &Freshness) -> bool {
    let is_taken = matches!(note.answer, Some(PlacedAnswer::Answered { question: None, .. }));
    is_taken && freshness.as_of_ms.is_some_and(|as_of_ms| as_of_ms > note.at_ms)
}

/// Under which a question to a step is kept.
pub(super) fn question_name(order: &OrderId) -> String {
    format!("question:{order}")
}

/// An order as it was made here, for as long as the backend has said nothing.
fn unheard(note: &PlacedNote) -> OrderView {
    let (placed, shown) = (&note.placed, &note.placed.shown);
    let surely_waits = note.intent == Some(IntentState::Pending) && !note.may_have_arrived;
    let state = match &note.answer {
        Some(_) => OrderState::Failed,
        None if surely_waits => OrderState::Submitted,
        None => OrderState::Unknown,
    };
    OrderView {
        id: note.id.clone(),
        store: placed.of.store.clone(),
        of: placed.of.of,
        handoff: placed.cart.handoff,
        tax_handoff: placed.cart.tax_handoff,
        state,
        payment: match shown.method {
            noren_rules::cart::PaymentMethod::AtCounter => OrderPayment::AtCounter,
            noren_rules::cart::PaymentMethod::Token if state.is_final() => OrderPayment::Voided,
            noren_rules::cart::PaymentMethod::Token => OrderPayment::Unknown,
        },
        lines: placed.lines.clone(),
        currency: shown.currency.clone(),
        to_pay_minor: shown.to_pay_minor,
        refunded_minor: 0,
        placed_at_ms: note.at_ms,
        promised_ms: shown.promised_ms,
        late: false,
        kept_until_ms: shown.kept_until_ms,
        can_cancel: !state.is_final(),
        call_number: None,
        pickup_code: None,
        shelf: None,
        least_age: None,
        rejected: None,
        replaces: placed.replaces.clone(),
        version: 0,
        changed_at_ms: note.at_ms,
    }
}

fn words(order: &OrderView, waiting: Option<&PlacedNote>) -> (String, String) {
    match waiting {
        Some(_) if order.rejected.is_none() && order.state == OrderState::Submitted => {
            ("送信待ちです。まだ店舗に届いていません".into(), "Waiting for a connection: the store does not have it yet".into())
        }
        _ => (order.text_ja(), order.text_en()),
    }
}

/// True when the backend's word on an order reads.
pub(crate) fn accepts_order(body: &str) -> bool {
    serde_json::from_str::<OrderAnswer>(body).is_ok()
}

/// Puts the backend's word in place. Applying it twice is the same as once.
pub(crate) fn apply_order(ordering: &OrderingStore, card: &CardStore, outcome: &Outcome) -> Result<(), StorageError> {
    let Ok(answer) = serde_json::from_str::<OrderAnswer>(&outcome.body) else { return Ok(()) };
    if outcome.kind == KIND_ORDER {
        ordering.answer_placed(&outcome.key, &answer)?;
    } else {
        ordering.answer_changing(&outcome.key, &answer)?;
    }
    let Some(card) = card.get() else { return Ok(()) };
    // The mirror is the backend's and comes again; the answer to an order stands beside the outbox.
    let mirrored = ordering.take_order(&card.member_id, &answer.order).and_then(|_| match (outcome.kind.as_str(), &answer.question) {
        (KIND_ORDER_EDIT, Some(question)) => ordering.keep_code(&question_name(&answer.order.id), question),
        (KIND_ORDER_EDIT | KIND_ORDER, _) => ordering.drop_code(&question_name(&answer.order.id)),
        // A word on the way is no answer to what was asked about a change.
        _ => Ok(()),
    });
    if let Err(error) = mirrored {
        tracing::warn!("the mirror of orders is looked at later: {error}");
    }
    Ok(())
}
