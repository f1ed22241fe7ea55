//! A kitchen at work, to look at: the stand with a few orders of phones that order as an app does.

use std::path::Path;
use std::sync::Arc;

use noren_backend::Backend;
use noren_core::net::Transport;
use noren_core::ordering::{CartOf, CheckoutWish, PlaceWish, SlotHoldOutcome};
use noren_rules::cart::{CartLine, CartModifier, PaymentMethod};
use noren_rules::places::OpeningSpan;
use noren_rules::slots::PickupTime;
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::{KitchenStep, PutMenus, WalkInRequest};

use super::{StandOperator, StandStaff, book, kitchen, menu, terms};
use crate::stores::{CHAIN, StoreShopper};
use crate::travel::StoryClock;

/// What the diners order, and in how many minutes they want it; 0 is as soon as possible.
const ORDERS: [(&[(&str, u32)], i64); 5] = [
    (&[("latte", 1)], 0),
    (&[("drip", 2), ("hot_sandwich", 1)], 0),
    (&[("matcha_latte", 1), ("scone", 1)], 15),
    (&[("latte", 4)], 25),
    (&[("hot_sandwich", 3), ("drip", 3)], 40),
];

/// Opens the stand in the chain's first store, around the clock so that there is something to see at any hour, and has five phones order, to be paid
/// at the counter. One order is ready, one begun. The phones' files go into `folder`.
///
/// # Errors
/// What the backend refused.
pub async fn open_now(backend: &Backend, operator_token: &str, transport: &Arc<dyn Transport>, folder: &Path) -> Result<(), String> {
    let (clock, stand) = (StoryClock::default(), CHAIN.first().ok_or("the chain has a store")?);
    let (url, store) = (backend.url(), stand.store_id());
    let mut plan = kitchen(stand.id)?;
    plan.hours.spans = (0..7).map(|weekday| OpeningSpan { weekday, opens_min: 0, closes_min: 1_440 }).collect();
    (plan.hours.last_order_min, plan.hours.last_pickup_min) = (0, 0);
    let put = PutMenus { menus: vec![menu(stand.id)?], kitchens: vec![plan], terms: vec![terms(stand.id)?], tax: None, allergens: None };
    StandOperator::new(&url, operator_token, transport.clone(), &clock).put_all(&put).await?;
    let staff = StandStaff::new(&url, stand.tills.first().copied().unwrap_or_default(), transport.clone(), &clock);
    let (menu, of) = (book(stand.id)?, CartOf::menu(&store));
    let mut placed = Vec::new();
    for (number, (items, in_min)) in ORDERS.iter().enumerate() {
        let phone = StoreShopper::enrol(&folder.join(format!("diner-{number}")), &url, transport.clone(), &clock).await?;
        let ordering = phone.noren().ordering();
        ordering.refresh(&store).await.map_err(text)?;
        ordering.refresh_status(std::slice::from_ref(&store)).await.map_err(text)?;
        for (item, quantity) in *items {
            ordering.add(&of, &hot(&menu, item, *quantity)?).map_err(text)?;
        }
        let time = match in_min {
            0 => PickupTime::Asap,
            minutes => PickupTime::Scheduled { at_ms: clock.now_ms() + minutes * 60_000 },
        };
        if let SlotHoldOutcome::Held { order, .. } = ordering.hold_slot(&of, time).await.map_err(text)? {
            let wish = CheckoutWish { time, method: PaymentMethod::AtCounter, use_coupons: false, points: 0 };
            ordering.review(&of, &wish).map_err(text)?;
            ordering.place(&order, &PlaceWish::default()).map_err(text)?;
            ordering.resolve(&order).await.map_err(text)?;
            placed.push(order);
        }
    }
    backend.settle().await.map_err(text)?;
    for (order, step) in placed.iter().zip([KitchenStep::Ready { shelf: "A-1".to_owned() }, KitchenStep::Start]) {
        staff.step(order, step).await?;
    }
    let guests = WalkInRequest { lines: vec![hot(&menu, "latte", 3)?], tax_handoff: TaxHandoff::TakeOut };
    staff.walk_in(&guests).await.map(|_| ())
}

/// So many of an item, hot where it can be.
fn hot(menu: &noren_rules::menu::MenuBook, item: &str, quantity: u32) -> Result<CartLine, String> {
    let item = item.into();
    let mut line = CartLine::of(menu, &item, quantity, TaxHandoff::TakeOut).ok_or_else(|| format!("{item} is not on the menu"))?;
    if menu.item(&item).is_some_and(|item| item.groups.iter().any(|group| group.as_str() == "temperature")) {
        line.modifiers.push(CartModifier { group: "temperature".into(), modifier: "hot".into(), quantity: 1, modifiers: vec![] });
    }
    Ok(line)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
