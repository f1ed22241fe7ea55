//! The life of an order.

use noren_core::Noren;
use noren_core::ordering::{CartOf, CheckoutWish, OrderingService, PlaceWish, PlacedOrder, SlotHoldOutcome};
use noren_rules::cart::PaymentMethod;
use noren_rules::ids::{MenuItemId, OrderId, StoreId};
use noren_rules::order::OrderState;
use noren_rules::slots::PickupTime;
use noren_rules::wire::{HandOverRequest, KitchenOrder, KitchenStep, KitchenStepRequest, OrderPayment, paths};
use serde::Serialize;

use super::{Scene, Step, live};
use crate::output::{self, Failure};
use crate::till_client::TillClient;

/// What the payment provider's own part of an app would give: the sandbox takes it.
const TOKEN: &str = "tok_ok";

#[derive(Serialize)]
struct Lived {
    order: OrderId,
}

pub(super) async fn run(scene: &Scene) -> Result<(), Failure> {
    let (noren, till) = scene.open()?;
    let order = live(&noren, async || step(scene, &noren, &till).await).await?;
    output::json(&Lived { order })
}

async fn step(scene: &Scene, noren: &Noren, till: &TillClient) -> Result<Step<OrderId>, Failure> {
    let ordering = noren.ordering();
    ordering.refresh_orders().await.map_err(Failure::failed)?;
    let placed = ordering.orders().map_err(Failure::failed)?.orders.into_iter().next();
    match placed {
        None => order(scene, &ordering).await,
        Some(placed) if !placed.is_heard => {
            let placed = ordering.resolve(&placed.order.id).await.map_err(Failure::failed)?;
            Ok(if placed.is_heard { Step::On } else { Step::Wait })
        }
        Some(placed) => follow(noren, till, placed).await,
    }
}

/// Everything until the tap. Each part is durable on the phone: a life that goes on finds what was done.
async fn order(scene: &Scene, ordering: &OrderingService) -> Result<Step<OrderId>, Failure> {
    let store = StoreId(scene.store.clone());
    let of = CartOf::menu(&store);
    ordering.refresh(&store).await.map_err(Failure::failed)?;
    ordering.refresh_status(std::slice::from_ref(&store)).await.map_err(Failure::failed)?;
    if ordering.cart(&of).map_err(Failure::failed)?.cart.lines.is_empty() {
        let item = ordering.item(&store, &MenuItemId(scene.wanted.clone()), None, None).map_err(Failure::failed)?;
        ordering.add(&of, &item.line).map_err(Failure::failed)?;
    }
    if ordering.cart(&of).map_err(Failure::failed)?.held.is_none() {
        match ordering.hold_slot(&of, PickupTime::Asap).await.map_err(Failure::failed)? {
            SlotHoldOutcome::Held { .. } => {}
            other => return Err(Failure::failed(format!("no slot: {other:?}"))),
        }
    }
    let wish = CheckoutWish { time: PickupTime::Asap, method: PaymentMethod::Token, use_coupons: false, points: 0 };
    let review = ordering.review(&of, &wish).map_err(Failure::failed)?;
    ordering.place(&review.order, &PlaceWish { token: Some(TOKEN.to_owned()), ..PlaceWish::default() }).map_err(Failure::failed)?;
    Ok(Step::On)
}

/// The staff's part, and the receipt.
async fn follow(noren: &Noren, till: &TillClient, placed: PlacedOrder) -> Result<Step<OrderId>, Failure> {
    let order = placed.order;
    match order.state {
        OrderState::Draft | OrderState::Submitted | OrderState::Unknown => Ok(Step::Wait),
        OrderState::Accepted => kitchen(till, order.id, KitchenStep::Start).await,
        OrderState::InPreparation => kitchen(till, order.id, KitchenStep::Ready { shelf: "A1".to_owned() }).await,
        OrderState::Ready => {
            let code = order.pickup_code.ok_or_else(|| Failure::failed("the order is ready and has no pickup code"))?;
            let request = HandOverRequest { order: Some(order.id), code, age_checked: false, refused: Vec::new() };
            let _: KitchenOrder = till.post(paths::KITCHEN_HAND_OVERS, &request).await?;
            Ok(Step::On)
        }
        OrderState::PickedUp | OrderState::Completed => {
            noren.purchases().refresh().await.map_err(Failure::failed)?;
            let receipts = noren.purchases().page(None, 50).map_err(Failure::failed)?.receipts;
            // The sale is booked with the hand-over, the money taken after it.
            let is_sold = receipts.iter().any(|receipt| receipt.number == order.id.as_str());
            Ok(if is_sold && order.payment == OrderPayment::Paid { Step::Done(order.id) } else { Step::Wait })
        }
        OrderState::Canceled | OrderState::Rejected | OrderState::Expired | OrderState::Failed => {
            Err(Failure::failed(format!("the order ended as {:?}: {}", order.state, placed.words_en)))
        }
    }
}

async fn kitchen(till: &TillClient, order: OrderId, step: KitchenStep) -> Result<Step<OrderId>, Failure> {
    let _: KitchenOrder = till.post(paths::KITCHEN_STEPS, &KitchenStepRequest { order, step }).await?;
    Ok(Step::On)
}
