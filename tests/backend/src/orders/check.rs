//! What of a request cannot be, whatever the state: refused before anything is looked at.

use noren_rules::card_number;
use noren_rules::cart::{MAX_CART_LINES, PaymentMethod};
use noren_rules::ids::OrderId;
use noren_rules::keys::id_to_bytes;
use noren_rules::menu::HandoffMode;
use noren_rules::order_limits::{
    MAX_ADDRESS, MAX_ADDRESS_NOTE, MAX_AVOIDED, MAX_COUPONS, MAX_NAME, MAX_POSTAL_CODE, MAX_SPOT, MAX_TOKEN, MAX_VEHICLE, is_address,
    is_line, is_token,
};
use noren_rules::wire::{DeliveryAddress, OrderRequest, OrderStep, OrderStepRequest, Reason};
use serde_json::Value;

use crate::fault::Refusal;
use crate::http::Call;

const MAX_POINTS: i64 = 1_000_000_000;
pub(super) const MAX_ETA_MIN: u32 = 1_440;

/// Refuses a body in which any text or number looks like a card number. It is refused unread, so that nothing keeps it.
pub(crate) fn no_card_number(call: &Call) -> Result<(), Refusal> {
    let Ok(body) = serde_json::from_slice::<Value>(call.body()) else { return Ok(()) };
    let mut open = vec![&body];
    let is_one = |text: &str| card_number::is_like_one(text);
    while let Some(value) = open.pop() {
        let found = match value {
            Value::String(text) => is_one(text),
            Value::Number(number) => is_one(&number.to_string()),
            Value::Array(items) => {
                open.extend(items);
                false
            }
            Value::Object(fields) => {
                open.extend(fields.values());
                fields.keys().any(|name| is_one(name))
            }
            _ => false,
        };
        if found {
            let detail = "a text looks like a card number: leave it out; cards are named by the payment provider's token only";
            return Err(Refusal::new(Reason::CardNumber, detail));
        }
    }
    Ok(())
}

/// An order's id is made on the phone.
pub(super) fn id(id: &OrderId) -> Result<(), Refusal> {
    match id_to_bytes(id.as_str()) {
        Some(_) => Ok(()),
        None => Err(Refusal::invalid("an order's id has 16 characters of lower-case base32")),
    }
}

/// The form of an order.
pub(super) fn request(request: &OrderRequest) -> Result<(), Refusal> {
    id(&request.id)?;
    request.replaces.as_ref().map_or(Ok(()), id)?;
    cart(request.cart.lines.len())?;
    match (request.payment.method, &request.payment.token) {
        (PaymentMethod::Token, Some(given)) => token(given)?,
        (PaymentMethod::AtCounter, None) => {}
        _ => return Err(Refusal::invalid("payment: a token goes with the method token, and with no other")),
    }
    text("vehicle", &request.vehicle, MAX_VEHICLE)?;
    let handoff = request.cart.handoff;
    match (&request.deliver_to, handoff) {
        (Some(to), HandoffMode::Delivery) => address(to)?,
        (None, HandoffMode::Delivery) => return Err(Refusal::invalid("a delivery needs deliver_to")),
        (Some(_), _) => return Err(Refusal::invalid("deliver_to is for a delivery")),
        (None, _) => {}
    }
    if request.seat.is_some() != (handoff == HandoffMode::DineIn) {
        return Err(Refusal::invalid("seat names the open session for an order at the table, and for no other"));
    }
    if request.coupons.len() > MAX_COUPONS || request.avoids.len() > MAX_AVOIDED || !(0..=MAX_POINTS).contains(&request.points) {
        return Err(Refusal::invalid(format!(
            "at most {MAX_COUPONS} coupons and {MAX_AVOIDED} allergens, and points from 0 to {MAX_POINTS}"
        )));
    }
    Ok(())
}

/// The form of a step.
pub(super) fn step(request: &OrderStepRequest) -> Result<(), Refusal> {
    id(&request.order)?;
    match &request.step {
        OrderStep::Edit { cart: wanted, .. } => cart(wanted.lines.len()),
        OrderStep::Nearby { eta_min } if *eta_min > MAX_ETA_MIN => Err(Refusal::invalid(format!("eta_min is at most {MAX_ETA_MIN}"))),
        OrderStep::Here { spot } => text("spot", spot, MAX_SPOT),
        OrderStep::PayAgain { token: given } => token(given),
        OrderStep::Cancel | OrderStep::Amend { .. } | OrderStep::Nearby { .. } | OrderStep::PayAtCounter | OrderStep::StepUpDone => Ok(()),
    }
}

/// Lines are looked at one by one: too many are not looked at.
fn cart(lines: usize) -> Result<(), Refusal> {
    if u32::try_from(lines).is_ok_and(|lines| lines <= MAX_CART_LINES) {
        Ok(())
    } else {
        Err(Refusal::invalid(format!("a cart has at most {MAX_CART_LINES} lines")))
    }
}

fn token(token: &str) -> Result<(), Refusal> {
    if is_token(token) { Ok(()) } else { Err(Refusal::invalid(format!("token has 1 to {MAX_TOKEN} visible ASCII characters"))) }
}

fn address(to: &DeliveryAddress) -> Result<(), Refusal> {
    for (name, value, most) in
        [("name", &to.name, MAX_NAME), ("postal_code", &to.postal_code, MAX_POSTAL_CODE), ("note", &to.note, MAX_ADDRESS_NOTE)]
    {
        text(name, value, most)?;
    }
    if !is_address(&to.address) {
        return Err(Refusal::invalid(format!("deliver_to.address has 1 to {MAX_ADDRESS} characters")));
    }
    Ok(())
}

pub(super) fn text(name: &str, value: &str, most: usize) -> Result<(), Refusal> {
    if !is_line(value, most) {
        return Err(Refusal::invalid(format!("{name} has at most {most} characters, none of them a control character")));
    }
    Ok(())
}
