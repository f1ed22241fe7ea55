//! Orders on the screen: events, polling, pushes, and what is shown of the past.

use std::collections::VecDeque;

use super::kitchen::*;
use super::orders::{by_token, ordered, reviewed, s1, tap};
use super::support::*;
use noren_core::ordering::*;
use noren_rules::ids::OrderId;
use noren_rules::order::OrderState;
use noren_rules::wire::*;

const DAY_MS: i64 = 86_400_000;

fn event(view: &OrderView) -> Vec<u8> {
    format!("event: order\nid: {}\ndata: {}\n\n", view.version, serde_json::to_string(view).unwrap()).into_bytes()
}

fn stream(phone: &Phone, chunks: Vec<Vec<u8>>) {
    phone.server.kitchen(|kitchen| kitchen.streams.push_back(chunks.into_iter().map(Ok).collect::<VecDeque<_>>()));
}

fn push(order: &OrderId, version: u64, state: OrderState) -> String {
    serde_json::to_string(&OrderPush { order: order.clone(), state, promised_ms: NOON_MS, version }).unwrap()
}

#[tokio::test]
async fn behind_a_proxy_that_keeps_the_events_it_is_asked() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    (0..3).for_each(|_| stream(&phone, vec![]));
    let mut feed = noren.ordering().follow();
    assert!(feed.next().await.unwrap().is_live);
    phone.server.kitchen(|kitchen| kitchen.moves(&order, OrderState::Ready, START_MS));
    assert!(!feed.next().await.unwrap().is_live, "not one byte came");
    let polled = feed.next().await.unwrap();
    assert!(polled.changed && !polled.is_live, "{polled:?}");
    assert_eq!(noren.ordering().order(&order).unwrap().order.state, OrderState::Ready);
    // Asked on and on, and after a while the events are tried again.
    assert!(!feed.next().await.unwrap().is_live);
    phone.clock.pass(300_000);
    assert!(feed.next().await.unwrap().is_live);
}

#[tokio::test]
async fn a_server_that_breaks_off_after_one_heartbeat_is_asked_less_and_less_for_events() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    (0..200).for_each(|_| stream(&phone, vec![b":\n\n".to_vec()]));
    let mut feed = noren.ordering().follow();
    let mut passed_ms = 0;
    while passed_ms < 3_600_000 {
        let wait_ms = feed.next().await.unwrap().wait_ms;
        phone.clock.pass(wait_ms);
        passed_ms += wait_ms;
    }
    let opened = 200 - phone.server.kitchen(|kitchen| kitchen.streams.len());
    assert!((10..40).contains(&opened), "{opened} in an hour");
}

#[tokio::test]
async fn whoever_looks_is_told_what_is_new_and_not_the_whole_past() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let ordering = noren.ordering();
    phone.server.kitchen(|kitchen| kitchen.moves(&order, OrderState::Ready, START_MS));
    let (view, now_ms) = (phone.server.kitchen(|kitchen| kitchen.view(&order).clone()), phone.server.now_ms());
    let years_ago = OrderView {
        id: "yearsagoyearsago".into(),
        state: OrderState::Completed,
        placed_at_ms: now_ms - 400 * DAY_MS,
        promised_ms: now_ms - 400 * DAY_MS,
        changed_at_ms: now_ms - 399 * DAY_MS,
        ..view.clone()
    };
    stream(&phone, vec![b":\n\n".to_vec(), event(&years_ago), b":\n\n".to_vec()]);
    let mut feed = ordering.follow();
    let first = feed.next().await.unwrap();
    assert!(first.is_live && first.changed, "asked for at once: {first:?}");
    assert_eq!(ordering.order(&order).unwrap().order.state, OrderState::Ready);
    let asked = phone.server.world.lock().unwrap().sent.last().unwrap().clone();
    assert_eq!(asked.header("last-event-id"), Some(view.version.to_string().as_str()), "what the list told is not told again");
    // While events come, nothing older is missing.
    phone.clock.pass(120_000);
    assert!(feed.next().await.unwrap().is_live);
    assert_eq!(ordering.orders().unwrap().freshness.as_of_ms, Some(phone.server.now_ms()));
    // What ended long ago is not shown, however it was heard.
    assert!(feed.next().await.unwrap().is_live);
    let shown: Vec<_> = ordering.orders().unwrap().orders.into_iter().map(|order| order.order.id).collect();
    assert_eq!(shown, [order]);
    // Without a network it is no error, and the events are opened when it is back.
    phone.offline(true);
    let mut feed = ordering.follow();
    assert!(!feed.next().await.unwrap().is_live);
    phone.offline(false);
    stream(&phone, vec![]);
    assert!(feed.next().await.unwrap().is_live);
}

#[tokio::test]
async fn an_older_word_takes_nothing_back_of_a_push() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let ordering = noren.ordering();
    assert!(ordering.take_push(&push(&order, 5, OrderState::Ready)).unwrap());
    // A list that was on its way before that.
    phone.server.kitchen(|kitchen| {
        kitchen.moves(&order, OrderState::InPreparation, START_MS);
        kitchen.view(&order).shelf = Some("B2".into());
    });
    ordering.refresh_orders().await.unwrap();
    let known = ordering.order(&order).unwrap().order;
    assert_eq!((known.state, known.promised_ms, known.shelf.as_deref()), (OrderState::Ready, NOON_MS, Some("B2")));
    assert!(!ordering.take_push(&push(&order, 4, OrderState::InPreparation)).unwrap());
    // The backend's whole word of then or later counts.
    phone.server.kitchen(|kitchen| (0..4).for_each(|_| drop(kitchen.moves(&order, OrderState::InPreparation, START_MS))));
    ordering.refresh_orders().await.unwrap();
    assert_eq!(ordering.order(&order).unwrap().order.state, OrderState::InPreparation);
    // What is over cannot be called off.
    assert!(ordering.order(&order).unwrap().order.can_cancel);
    assert!(ordering.take_push(&push(&order, 99, OrderState::Canceled)).unwrap());
    assert!(!ordering.order(&order).unwrap().order.can_cancel);
}

#[tokio::test]
async fn of_an_order_that_the_store_has_nobody_says_that_it_waits() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let review = reviewed(&noren).await;
    let ordering = noren.ordering();
    ordering.place(&review.order, &tap()).unwrap();
    phone.server.next([Fault::LostAnswer]);
    ordering.resolve(&review.order).await.unwrap();
    phone.server.kitchen(|kitchen| kitchen.moves(&review.order, OrderState::Submitted, START_MS));
    ordering.refresh_orders().await.unwrap();
    let placed = ordering.order(&review.order).unwrap();
    assert!(placed.is_heard && placed.order.state == OrderState::Submitted, "{placed:?}");
    assert_eq!((placed.words_ja, placed.words_en), (placed.order.text_ja(), placed.order.text_en()));
}

#[tokio::test]
async fn an_order_that_was_never_sent_is_over_with_its_slot_without_anybody_sending() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let review = reviewed(&noren).await;
    let ordering = noren.ordering();
    phone.offline(true);
    ordering.place(&review.order, &tap()).unwrap();
    phone.clock.pass(299_999);
    assert_eq!(ordering.order(&review.order).unwrap().order.state, OrderState::Submitted);
    phone.clock.pass(2);
    assert_eq!(ordering.order(&review.order).unwrap().order.state, OrderState::Failed);
    let cart = ordering.cart(&s1()).unwrap();
    assert_eq!((cart.is_placed, cart.cart.lines.len(), cart.order), (false, 1, None));
    assert_eq!(noren.outbox().waiting().unwrap(), [], "nothing is left to be sent");
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(phone.server.kitchen(|kitchen| kitchen.orders.len()), 0);
    assert_eq!(ordering.review(&s1(), &by_token()), Err(OrderingError::NotHeld));
}

#[tokio::test]
async fn of_another_member_s_orders_no_answer_stays() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    ordered(&noren).await;
    let kept = || {
        let outbox = rusqlite::Connection::open(phone.files().join("outbox.db")).unwrap();
        let count = "SELECT count(*) FROM intents WHERE kind = 'order'";
        outbox.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(kept(), 1);
    phone.server.world.lock().unwrap().devices.values_mut().for_each(|device| device.0 = "anothermember234".into());
    phone.clock.pass(11 * DAY_MS);
    noren.member().renew_if_due().await.unwrap();
    assert_eq!(kept(), 0);
}

#[tokio::test]
async fn an_order_of_another_phone_comes_back_without_what_nobody_orders_alone() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let other = OrderId::from("another2phone234");
    let row = |sku: &str| OrderLineView {
        titles: [("ja", sku), ("en", sku)].into(),
        sku: sku.into(),
        pieces: 1,
        given_back: 0,
        gross_minor: 100,
    };
    phone.server.kitchen(|kitchen| {
        let request = OrderRequest { id: other.clone(), ..kitchen.orders[0].request.clone() };
        // As the backend names them: a modifier of another tax class by its own id, and the fee.
        let lines = ["sku-burger", "cheese", "sku-soup", "delivery_fee"].map(row).to_vec();
        let view = OrderView { id: other.clone(), lines, ..kitchen.view(&order).clone() };
        kitchen.orders.push(TakenOrder { request, answer: OrderAnswer { order: view, question: None } });
    });
    noren.ordering().refresh_orders().await.unwrap();
    let again = noren.ordering().reorder(&other).unwrap();
    assert_eq!(again.cart.cart.lines, [line(&noren, "burger", 1)]);
    assert_eq!(again.vanished.iter().map(|titles| titles.get("en")).collect::<Vec<_>>(), ["sku-soup"]);
}

#[tokio::test]
async fn what_vanished_is_named_as_it_was_called_then() {
    let phone = Phone::new();
    phone.server.kitchen(|kitchen| {
        kitchen.opens("s1");
        let menu = kitchen.menus.get_mut(&s1().store).unwrap().menu.as_mut().unwrap();
        menu.items[0].title = [("ja", "バーガー"), ("en", "Hamburger")].into();
        menu.groups[1].modifiers[0].tax_class = Some(noren_rules::tax::TaxClass::Alcohol);
    });
    let noren = phone.enrolled().await;
    let ordering = noren.ordering();
    ordering.refresh(&s1().store).await.unwrap();
    ordering.refresh_status(std::slice::from_ref(&s1().store)).await.unwrap();
    let mut chosen = line(&noren, "burger", 1);
    chosen.seen_minor = None;
    let cheese = noren_rules::cart::CartModifier { group: "toppings".into(), modifier: "cheese".into(), quantity: 1, modifiers: vec![] };
    chosen.modifiers.push(cheese);
    ordering.add(&s1(), &chosen).unwrap();
    ordering.hold_slot(&s1(), noren_rules::slots::PickupTime::Asap).await.unwrap();
    let order = ordering.review(&s1(), &by_token()).unwrap().order;
    ordering.place(&order, &tap()).unwrap();
    ordering.resolve(&order).await.unwrap();
    phone.server.kitchen(|kitchen| {
        let menu = kitchen.menus.get_mut(&s1().store).unwrap().menu.as_mut().unwrap();
        menu.items.retain(|item| item.id.as_str() != "burger");
        menu.sections[0].items.retain(|item| item.as_str() != "burger");
        menu.groups.clear();
        menu.version += 1;
    });
    ordering.refresh(&s1().store).await.unwrap();
    let vanished = ordering.reorder(&order).unwrap().vanished;
    assert_eq!(vanished.iter().map(|titles| titles.get("ja")).collect::<Vec<_>>(), ["バーガー"]);
}

#[tokio::test]
async fn a_time_is_told_by_the_store_s_clock_without_its_menu() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let review = reviewed(&noren).await;
    // The kitchen gave it to somebody else.
    phone.server.kitchen(|kitchen| {
        let slot = noren_rules::slots::PickupSlot {
            promised_ms: NOON_MS,
            ready_ms: NOON_MS,
            start_ms: NOON_MS,
            load_permille: 0,
            nudge_points: 0,
        };
        let reason = noren_rules::slots::SlotRefusalReason::Full { station: "grill".into() };
        let slot = Some(noren_rules::slots::SlotRefusal { reason, same_day: vec![slot], later: vec![] });
        kitchen.asks.push_back(OrderQuestion { changes: vec![], slot, short: vec![], shown_now: None, coupons_out: vec![] });
    });
    noren.ordering().place(&review.order, &tap()).unwrap();
    noren.ordering().resolve(&review.order).await.unwrap();
    let words = |noren: &noren_core::Noren| noren.ordering().order(&review.order).unwrap().question.unwrap().slot_ja;
    let with_menu = words(&noren);
    assert!(with_menu.contains("12:00"), "{with_menu}");
    drop(noren);
    rusqlite::Connection::open(phone.files().join("cache.db")).unwrap().execute("DELETE FROM menus", []).unwrap();
    assert_eq!(words(&phone.open()), with_menu);
}
