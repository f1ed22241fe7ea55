//! An order as its member sees it.

use noren_rules::cart::PaymentMethod;
use noren_rules::order::{CallNumber, Order, PaymentState, PickupCode};
use noren_rules::tax::PaidLine;
use noren_rules::wire::{OrderAnswer, OrderLineView, OrderPayment, OrderPush, OrderView};

use super::table::Stored;

/// What is answered about an order.
pub(super) fn answer(stored: &Stored, now_ms: i64) -> OrderAnswer {
    OrderAnswer { order: view(stored, now_ms), question: stored.facts.question.clone() }
}

/// The order as it stands.
pub(crate) fn view(stored: &Stored, now_ms: i64) -> OrderView {
    let (order, facts) = (&stored.order, &stored.facts);
    let lines = order.lines.iter().zip(&facts.lines).map(|(line, of)| OrderLineView {
        titles: of.titles.clone(),
        sku: of.sku.as_str().into(),
        pieces: line.paid.pieces,
        given_back: line.paid.refunded_pieces,
        gross_minor: line.paid.gross_minor,
    });
    OrderView {
        id: order.id.clone(),
        store: stored.store.clone(),
        of: facts.of,
        handoff: facts.cart.handoff,
        tax_handoff: facts.cart.tax_handoff,
        state: order.state,
        payment: payment(stored),
        lines: lines.collect(),
        currency: facts.terms.currency.clone(),
        to_pay_minor: order.left_minor().saturating_add(facts.refunded_minor),
        refunded_minor: facts.refunded_minor.saturating_sub(facts.owed_back_minor),
        placed_at_ms: stored.placed_at_ms,
        promised_ms: order.promised_ms,
        late: order.late,
        kept_until_ms: order.kept_until_ms(),
        can_cancel: order.can_cancel(now_ms),
        call_number: call_number(stored),
        pickup_code: stored.pickup_code.as_ref().map(|code| PickupCode::as_str(code).to_owned()),
        shelf: facts.shelf.clone(),
        least_age: least_age(order),
        rejected: order.rejected,
        replaces: order.replaces.clone(),
        version: stored.version,
        changed_at_ms: stored.changed_at_ms,
    }
}

/// The number that is called out, of an order that was taken.
pub(super) fn call_number(stored: &Stored) -> Option<u16> {
    stored.call.as_ref().map(|call| CallNumber::nth(call.nth).0)
}

/// The least age of what is still to be handed over.
pub(super) fn least_age(order: &Order) -> Option<u8> {
    order.lines.iter().filter(|line| PaidLine::left_pieces(&line.paid) > 0).filter_map(|line| line.least_age).max()
}

/// Where the money stands, in the words of the contract.
pub(super) fn payment(stored: &Stored) -> OrderPayment {
    let order = &stored.order;
    if order.rules.method == PaymentMethod::AtCounter {
        return if order.charged { OrderPayment::Paid } else { OrderPayment::AtCounter };
    }
    match order.payment {
        // By token and nothing to ask for: coupons and points paid for all of it.
        PaymentState::Open => OrderPayment::Paid,
        PaymentState::Authorising => OrderPayment::Pending,
        PaymentState::StepUp => match &stored.facts.step_up_url {
            Some(url) => OrderPayment::StepUp { url: url.clone() },
            None => OrderPayment::Pending,
        },
        PaymentState::Unknown => OrderPayment::Unknown,
        PaymentState::Authorised { .. } | PaymentState::Capturing => OrderPayment::Authorised,
        PaymentState::Captured => OrderPayment::Paid,
        PaymentState::Refused => OrderPayment::Refused,
        PaymentState::Voided => OrderPayment::Voided,
    }
}

/// What a push message carries.
pub(super) fn push(stored: &Stored) -> OrderPush {
    let Order { id, state, promised_ms, .. } = &stored.order;
    OrderPush { order: id.clone(), state: *state, promised_ms: *promised_ms, version: stored.version }
}
