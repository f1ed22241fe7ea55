use std::collections::VecDeque;

use super::kitchen::*;
use super::orders::{by_token, ordered, reviewed, s1, tap};
use super::shop::{leased, offer};
use super::support::*;
use noren_core::net::TransportError;
use noren_core::ordering::*;
use noren_rules::cart::*;
use noren_rules::ids::OrderId;
use noren_rules::keys::SoftwareKey;
use noren_rules::menu::HandoffMode;
use noren_rules::order::OrderState;
use noren_rules::receipt::Channel;
use noren_rules::seat_code::{SeatCode, SeatKind};
use noren_rules::slots::PickupTime;
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::*;

fn answered(outcome: OrderStepOutcome) -> PlacedOrder {
    let OrderStepOutcome::Answered { order } = outcome else { panic!("{outcome:?}") };
    order
}

fn said(phone: &Phone) -> Vec<OrderStep> {
    phone.server.kitchen(|kitchen| kitchen.steps.iter().map(|request| request.step.clone()).collect())
}

#[tokio::test]
async fn steps_go_once_and_the_newest_word_wins() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let ordering = noren.ordering();
    phone.offline(true);
    for eta_min in [12, 9, 5] {
        phone.clock.pass(1_000);
        assert!(matches!(ordering.nearby(&order, eta_min).await.unwrap(), OrderStepOutcome::Waiting { .. }));
    }
    let OrderStepOutcome::Waiting { key } = ordering.cancel(&order).await.unwrap() else { panic!() };
    assert!(matches!(ordering.cancel(&order).await.unwrap(), OrderStepOutcome::Waiting { key: again } if again == key), "one cancel");
    drop((ordering, noren));
    let noren = phone.open();
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    let mut steps = said(&phone);
    steps.sort_by_key(|step| *step == OrderStep::Cancel);
    assert_eq!(steps, [OrderStep::Nearby { eta_min: 5 }, OrderStep::Cancel]);
    assert_eq!(noren.ordering().order(&order).unwrap().order.state, OrderState::Canceled);
    assert_eq!(noren.ordering().orders().unwrap().orders.len(), 1);
    // Minutes that come too late are not sent, and nobody is told of them.
    phone.offline(true);
    noren.ordering().nearby(&order, 3).await.unwrap();
    phone.clock.pass(200_000);
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!((said(&phone).len(), noren.outbox().waiting().unwrap().len()), (2, 0));
    for wrong in [noren.ordering().nearby(&order, 1_441).await, noren.ordering().here(&order, &"P".repeat(61)).await] {
        assert!(matches!(wrong, Err(OrderingError::BadCart { .. })));
    }
    assert_eq!(noren.ordering().pay_again(&order, "5555 5555 5555 4444").await, Err(OrderingError::CardNumber));
    assert_eq!(noren.ordering().here(&order, "4111111111111111").await, Err(OrderingError::CardNumber));
    assert_eq!(noren.ordering().pay_at_counter(&"nobodysorder2345".into()).await, Err(OrderingError::NoSuchOrder));
    phone.server.next([Fault::Refuse(409, Reason::OrderConflict, None)]);
    let late = noren.ordering().pay_at_counter(&order).await;
    assert!(matches!(late, Err(OrderingError::Refused { code: Reason::OrderConflict, .. })), "{late:?}");
    answered(noren.ordering().step_up_done(&order).await.unwrap());
    answered(noren.ordering().pay_again(&order, "tok_other").await.unwrap());
    answered(noren.ordering().here(&order, " P12 ").await.unwrap());
    assert_eq!(
        said(&phone)[2..],
        [OrderStep::StepUpDone, OrderStep::PayAgain { token: "tok_other".into() }, OrderStep::Here { spot: "P12".into() },]
    );
}

#[tokio::test]
async fn to_cancel_what_was_not_sent_sends_nothing_and_what_may_have_arrived_is_asked_for() {
    for fault in [Fault::Offline, Fault::LostRequest, Fault::LostAnswer] {
        let phone = Phone::new();
        let noren = phone.at_table().await;
        let ordering = noren.ordering();
        let review = reviewed(&noren).await;
        phone.server.next([fault.clone()]);
        ordering.place(&review.order, &tap()).unwrap();
        ordering.resolve(&review.order).await.unwrap();
        let arrived = matches!(fault, Fault::LostAnswer);
        let order = answered(ordering.cancel(&review.order).await.unwrap());
        assert_eq!(order.order.state, if arrived { OrderState::Canceled } else { OrderState::Failed }, "{fault:?}");
        noren.outbox().network_returned().await.unwrap();
        assert_eq!(phone.server.effects(paths::ORDERS), usize::from(arrived), "{fault:?}");
        assert_eq!(ordering.cart(&s1()).unwrap().cart.lines.len(), usize::from(!arrived), "{fault:?}");
    }
}

#[tokio::test]
async fn another_cart_or_another_place_to_eat_is_shown_first_and_a_no_leaves_it_as_it_is() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let ordering = noren.ordering();
    let mut cart = Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut);
    cart.lines = vec![line(&noren, "burger", 2)];
    let review = ordering.review_edit(&order, &cart, PickupTime::Asap).unwrap();
    assert_eq!(review.snapshot.total_minor, 1_080);
    let question =
        OrderQuestion { changes: vec![], slot: None, short: vec![], shown_now: Some(review.snapshot.clone()), coupons_out: vec![] };
    phone.server.kitchen(|kitchen| kitchen.asks.push_back(question));
    let asked = answered(ordering.edit_order(&order, &cart, PickupTime::Asap, &review.snapshot).await.unwrap());
    assert!(asked.question.is_some() && asked.order.state == OrderState::Accepted);
    assert_eq!(asked.shown.unwrap().total_minor, 540, "nothing was changed");
    ordering.leave_as_it_is(&order).unwrap();
    assert_eq!(ordering.order(&order).unwrap().question, None);
    let changed = answered(ordering.edit_order(&order, &cart, PickupTime::Asap, &review.snapshot).await.unwrap());
    assert_eq!(changed.shown.unwrap().total_minor, 1_080);
    let amend = ordering.review_amend(&order, TaxHandoff::EatIn).unwrap();
    assert_eq!(amend.snapshot.taxes.iter().map(|tax| tax.tax_permille).collect::<Vec<_>>(), [100]);
    let amended = answered(ordering.amend(&order, TaxHandoff::EatIn, &amend.snapshot).await.unwrap());
    assert_eq!(amended.shown.unwrap().tax_handoff, TaxHandoff::EatIn);
    assert_eq!(ordering.reorder(&order).unwrap().cart.cart.lines[0].quantity, 2, "as it was changed");
}

#[tokio::test]
async fn orders_move_on_by_push_by_events_and_by_asking() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let ordering = noren.ordering();
    let state = |noren: &noren_core::Noren| noren.ordering().order(&order).unwrap().order.state;
    // A push tells where it stands; an older one says nothing; what is nobody's is refused.
    let push =
        |version: u64, state| serde_json::to_string(&OrderPush { order: order.clone(), state, promised_ms: NOON_MS, version }).unwrap();
    assert!(ordering.take_push(&push(3, OrderState::InPreparation)).unwrap());
    assert!(!ordering.take_push(&push(2, OrderState::Accepted)).unwrap());
    assert_eq!(state(&noren), OrderState::InPreparation);
    let foreign = push(9, OrderState::Ready).replace(order.as_str(), "strangersorder23");
    for text in [foreign.as_str(), "{}", "x", ""] {
        assert_eq!(ordering.take_push(text), Err(OrderingError::BadPush));
    }
    // Asked, the backend says all of it.
    phone.server.kitchen(|kitchen| {
        kitchen.moves(&order, OrderState::InPreparation, START_MS);
        kitchen.moves(&order, OrderState::InPreparation, START_MS);
        kitchen.view(&order).shelf = Some("B2".into());
    });
    assert!(ordering.refresh_orders().await.unwrap());
    assert_eq!(ordering.order(&order).unwrap().order.shelf.as_deref(), Some("B2"));
    assert!(!ordering.refresh_orders().await.unwrap());

    // Events, cut anywhere, with a stranger's among them.
    let known = phone.server.kitchen(|kitchen| kitchen.view(&order).clone());
    let ready = OrderView { state: OrderState::Ready, version: known.version + 1, ..known };
    let text = format!(
        ": \n\nevent: order\nid: {}\ndata: {}\n\nevent: other\ndata: {{}}\n\n",
        ready.version,
        serde_json::to_string(&ready).unwrap()
    );
    let chunks: VecDeque<_> = text.as_bytes().chunks(50).map(|chunk| Ok(chunk.to_vec())).collect();
    phone.server.kitchen(|kitchen| kitchen.streams.push_back(chunks));
    let mut feed = ordering.follow();
    assert!(feed.next().await.unwrap().is_live);
    phone.server.kitchen(|kitchen| kitchen.moves(&order, OrderState::Ready, START_MS));
    let mut changes = 0;
    let end = loop {
        let news = feed.next().await.unwrap();
        changes += u32::from(news.changed);
        if !news.is_live {
            break news;
        }
    };
    assert_eq!((state(&noren), changes), (OrderState::Ready, 1));
    assert!(end.wait_ms > 0 && end.wait_ms <= 2_000, "{end:?}");
    // It is opened again after the last event, breaks, and then cannot be had: polled.
    phone.server.kitchen(|kitchen| kitchen.streams.push_back(VecDeque::from([Err(TransportError::Broken)])));
    assert!(feed.next().await.unwrap().is_live);
    let asked = phone.server.world.lock().unwrap().sent.last().unwrap().clone();
    assert_eq!(asked.header("last-event-id"), Some(ready.version.to_string().as_str()));
    assert!(!feed.next().await.unwrap().is_live);
    phone.server.kitchen(|kitchen| kitchen.moves(&order, OrderState::PickedUp, START_MS));
    let polled = feed.next().await.unwrap();
    assert!(polled.changed && !polled.is_live && (2_500..=5_000).contains(&polled.wait_ms), "{polled:?}");
    assert_eq!(state(&noren), OrderState::PickedUp);
    // With no network it waits longer and longer, and not for ever.
    phone.offline(true);
    let mut last = 0;
    for _ in 0..20 {
        last = feed.next().await.unwrap().wait_ms;
        assert!((0..=300_000).contains(&last));
    }
    assert!(last >= 150_000);
    // A token that is over is asked for anew.
    phone.offline(false);
    phone.clock.pass(300_000);
    feed.next().await.unwrap();
    phone.server.kitchen(|kitchen| kitchen.streams.extend([VecDeque::new(), VecDeque::new()]));
    phone.server.world.lock().unwrap().tokens.clear();
    assert!(feed.next().await.unwrap().is_live);
}

#[tokio::test]
async fn a_seat_is_checked_before_anybody_is_asked() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(|_| {}).await;
    phone.server.kitchen(|kitchen| kitchen.opens("s1"));
    let ordering = noren.ordering();
    ordering.refresh(&"s1".into()).await.unwrap();
    ordering.refresh_status(&["s1".into()]).await.unwrap();
    let code = |store: &str, kind| SeatCode { store: store.into(), seat: "T4".into(), kind };
    let now_s = START_MS / 1_000;
    let slip = |until_s| SeatKind::Slip { until_s, serial: 7 };
    let forger = SoftwareKey::from_bytes(&[9; 32]).unwrap();
    let mut altered = code("s1", slip(now_s + 600)).text(&phone.server.issuer);
    let last = altered.pop();
    altered.push(if last == Some('A') { 'B' } else { 'A' });
    let s1_id = "s1".into();
    let posts = || phone.server.effects(paths::SEATS);
    for (text, store) in [
        (code("s2", SeatKind::Plate).text(&phone.server.issuer), Some(&s1_id)),
        (code("s1", slip(now_s - 1)).text(&phone.server.issuer), None),
        (altered, None),
        ("https://example.com/menu".to_owned(), None),
        ("あ".repeat(10_000), None),
    ] {
        assert!(matches!(ordering.seat(&text, store, None).await, Err(OrderingError::SeatRefused { .. })), "{text}");
    }
    assert_eq!(posts(), 0);
    // Whose issuer is not known here the backend knows.
    ordering.seat(&code("s1", SeatKind::Plate).text(&forger), None, None).await.unwrap();
    assert_eq!(posts(), 1);
    // An order at a table needs an open session there, and goes into it.
    ordering.add(&s1(), &line(&noren, "burger", 1)).unwrap();
    ordering.set_handoff(&s1(), CartHandoff { handoff: HandoffMode::DineIn, tax_handoff: None }).unwrap();
    ordering.accept_prices(&s1()).unwrap();
    phone.clock.pass(7_300_000);
    assert!(matches!(ordering.hold_slot(&s1(), PickupTime::Asap).await.unwrap(), SlotHoldOutcome::Held { .. }));
    let review = ordering.review(&s1(), &by_token()).unwrap();
    assert_eq!(ordering.place(&review.order, &tap()), Err(OrderingError::NeedsSeat), "the session is over");
    let plate = code("s1", SeatKind::Plate).text(&phone.server.issuer);
    phone.server.kitchen(|kitchen| kitchen.waits = true);
    ordering.seat(&plate, Some(&s1_id), None).await.unwrap();
    assert_eq!(ordering.place(&review.order, &tap()), Err(OrderingError::NeedsSeat), "the staff has not seen who sits there");
    assert_eq!(ordering.refresh_seat().await.unwrap().unwrap().state, SeatState::Waiting);
    phone.server.kitchen(|kitchen| kitchen.waits = false);
    let session = ordering.refresh_seat().await.unwrap().unwrap();
    assert_eq!(ordering.seat_session().unwrap().as_ref(), Some(&session));
    assert_eq!((ordering.refresh_seat().await.unwrap().as_ref(), posts()), (Some(&session), 4), "it waits for nobody");
    ordering.place(&review.order, &tap()).unwrap();
    ordering.resolve(&review.order).await.unwrap();
    assert_eq!(phone.server.kitchen(|kitchen| kitchen.orders[0].request.seat.clone()), Some(session.id));
}

#[tokio::test]
async fn passes_baskets_and_what_lies_beside() {
    let phone = Phone::new();
    phone.server.stock_shelves(super::goods::shelves);
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let ordering = noren.ordering();
    assert_eq!(ordering.pass(&"nobodysorder2345".into()).await, Err(OrderingError::NoSuchOrder));
    ordering.pass(&order).await.unwrap();
    assert_eq!(ordering.pass(&order).await.unwrap().code, "PASS0002");
    phone.offline(true);
    assert_eq!(ordering.pass_of(&order).unwrap().unwrap().code, "PASS0002");
    assert!(matches!(ordering.add_ons(&order).await, Err(OrderingError::Call { .. })));
    phone.offline(false);
    assert_eq!(ordering.add_ons(&order).await.unwrap().add_ons, []);
    noren.catalogue().find("T-1", None).await.unwrap();
    let piece = |sku: &str, quantity| BasketPiece { sku: sku.into(), quantity };
    let pieces = [piece("T-1", 20), piece("unknown", 1)];
    let total = ordering.basket_total(&"s1".into(), &pieces).unwrap();
    assert_eq!((total.total_minor, total.unknown.len()), (3_000, 1));
    let basket = ordering.self_basket(&"s1".into(), &pieces).await.unwrap();
    assert!(basket.is_changed && basket.shown_minor == 3_000 && basket.basket.total_minor == 3_300);
    assert_eq!(ordering.last_basket().unwrap(), Some(basket));
    phone.clock.pass(900_000);
    assert_eq!(ordering.last_basket().unwrap(), None, "its code is over");
    for wrong in [vec![], vec![piece("T-1", 0)], vec![piece("T-1", 100)], vec![piece("T-1", 1); 101]] {
        assert!(matches!(ordering.self_basket(&"s1".into(), &wrong).await, Err(OrderingError::BadCart { .. })));
    }
}

#[tokio::test]
async fn goods_are_ordered_from_the_catalogue_without_a_slot() {
    let phone = Phone::new();
    phone.server.stock_shelves(super::goods::shelves);
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    let goods = CartOf::goods(&"s1".into());
    let wanted =
        CartLine { item: "青/L".into(), modifiers: vec![], quantity: 2, note: String::new(), tax_handoff: None, seen_minor: None };
    ordering.add(&goods, &wanted).unwrap();
    let check = ordering.check(&goods, &by_token()).unwrap();
    assert!(matches!(check.changes[0].change, CartChange::Vanished { .. }), "never seen here");
    noren.catalogue().find("青/L", None).await.unwrap();
    ordering.accept_prices(&goods).unwrap();
    let check = ordering.check(&goods, &by_token()).unwrap();
    assert_eq!((check.problems.len(), check.totals.unwrap().total_minor), (0, 4_980));
    let review = ordering.review(&goods, &by_token()).unwrap();
    assert_eq!(review.deadline_ms, None);
    ordering.place(&review.order, &tap()).unwrap();
    assert_eq!(ordering.resolve(&review.order).await.unwrap().order.state, OrderState::Accepted);
    let request = phone.server.kitchen(|kitchen| kitchen.orders[0].request.clone());
    assert_eq!((request.of, request.time, request.cart.handoff), (OrderOf::Goods, PickupTime::Asap, HandoffMode::StorePickup));
    // A delivery goes to an address, and its fee is a line.
    ordering.add(&goods, &wanted).unwrap();
    ordering.set_handoff(&goods, CartHandoff { handoff: HandoffMode::Delivery, tax_handoff: None }).unwrap();
    let review = ordering.review(&goods, &by_token()).unwrap();
    assert_eq!(review.snapshot.total_minor, 4_980 + 330);
    assert!(matches!(ordering.place(&review.order, &tap()), Err(OrderingError::BadCart { .. })));
    let address =
        DeliveryAddress { name: "山田".into(), postal_code: "150-0001".into(), address: "渋谷区".into(), note: String::new() };
    ordering.place(&review.order, &PlaceWish { deliver_to: Some(address), ..tap() }).unwrap();
    for (name, bytes) in bytes_below(&phone.files()) {
        assert!(!bytes.windows(6).any(|part| part == "山田".as_bytes()), "{name:?} tells the name");
    }
}

#[tokio::test]
async fn a_coupon_is_of_one_order_at_a_time_and_points_reach_as_far_as_there_are() {
    let phone = Phone::new();
    phone.server.stock_shelves(super::goods::shelves);
    phone.server.world.lock().unwrap().points = 300;
    let noren = phone
        .at_miyajima(|shop| {
            shop.offers = vec![offer(1, "百円引き")];
            shop.lease = leased(&[1]);
        })
        .await;
    phone.server.kitchen(|kitchen| kitchen.opens("s1"));
    let ordering = noren.ordering();
    ordering.refresh(&"s1".into()).await.unwrap();
    noren.member().refresh().await.unwrap();
    noren.catalogue().find("青/L", None).await.unwrap();
    let goods = CartOf::goods(&"s1".into());
    let wanted =
        CartLine { item: "青/L".into(), modifiers: vec![], quantity: 1, note: String::new(), tax_handoff: None, seen_minor: None };
    let totals = |wish: &CheckoutWish| ordering.check(&goods, wish).unwrap().totals.unwrap();
    ordering.add(&goods, &wanted).unwrap();
    assert_eq!((totals(&by_token()).discount_minor, totals(&by_token()).used[0].title_ja.as_str()), (100, "百円引き"));
    assert_eq!(totals(&CheckoutWish { use_coupons: false, ..by_token() }).discount_minor, 0);
    let with_points = totals(&CheckoutWish { points: 1_000, ..by_token() });
    assert_eq!((with_points.points, with_points.to_pay_minor), (300, 2_490 - 100 - 300));
    assert_eq!(totals(&CheckoutWish { points: -5, ..by_token() }).points, 0);
    let other = CartOf::goods(&"s2".into());
    phone.server.kitchen(|kitchen| kitchen.opens("s2"));
    ordering.refresh(&"s2".into()).await.unwrap();
    ordering.add(&other, &wanted).unwrap();
    let of_other = || ordering.check(&other, &by_token()).unwrap().totals.unwrap().discount_minor;
    assert_eq!(of_other(), 100);
    let order = ordering.review(&goods, &by_token()).unwrap().order;
    phone.offline(true);
    ordering.place(&order, &tap()).unwrap();
    // Another cart does not count on it, while that order may come about.
    assert_eq!(of_other(), 0);
    phone.offline(false);
    assert_eq!(ordering.resolve(&order).await.unwrap().order.state, OrderState::Accepted);
    assert_eq!(phone.server.kitchen(|kitchen| kitchen.orders[0].request.coupons.clone()), [100]);
    ordering.add(&goods, &wanted).unwrap();
    assert_eq!(totals(&by_token()).discount_minor, 0);
    answered(ordering.cancel(&order).await.unwrap());
    assert_eq!(totals(&by_token()).discount_minor, 100, "it came back");
}

#[tokio::test]
async fn the_usual_comes_back_and_what_vanished_is_flagged() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    let mut with_cheese = line(&noren, "burger", 2);
    with_cheese.modifiers.push(CartModifier { group: "toppings".into(), modifier: "cheese".into(), quantity: 1, modifiers: vec![] });
    with_cheese.seen_minor = Some(590);
    ordering.add(&s1(), &with_cheese).unwrap();
    ordering.add(&s1(), &line(&noren, "tea", 1)).unwrap();
    ordering.save_favourite(" いつもの ", &s1()).unwrap();
    let usual = ordering.cart(&s1()).unwrap().cart;
    ordering.hold_slot(&s1(), PickupTime::Asap).await.unwrap();
    let order = ordering.review(&s1(), &by_token()).unwrap().order;
    ordering.place(&order, &tap()).unwrap();
    ordering.resolve(&order).await.unwrap();
    assert_eq!(ordering.cart(&s1()).unwrap().cart.lines, []);
    for again in [ordering.order_favourite("いつもの").unwrap(), ordering.reorder(&order).unwrap()] {
        assert_eq!((again.cart.cart, again.vanished.len(), again.changes.len()), (usual.clone(), 0, 0));
    }
    // By the receipt that the order became: its number is the order's id. Another receipt is read line by line.
    {
        let mut world = phone.server.world.lock().unwrap();
        let mut of_order = receipt(1, START_MS, &["burger"]);
        (of_order.number, of_order.store_id) = (order.0.clone(), "s1".into());
        let mut of_till = receipt(2, START_MS, &["burger", "抹茶"]);
        of_till.channel = Channel::Store;
        of_till.lines[0].sku = "sku-burger".into();
        of_till.lines[1].sku = "sku-matcha".into();
        world.receipts = vec![of_order, of_till];
    }
    noren.purchases().refresh().await.unwrap();
    assert_eq!(ordering.reorder_receipt(&"r1".into()).unwrap().cart.cart, usual);
    let again = ordering.reorder_receipt(&"r2".into()).unwrap();
    assert_eq!(again.cart.cart.lines, [line(&noren, "burger", 1)]);
    assert_eq!(again.vanished[0].get("ja"), "抹茶");
    assert_eq!(ordering.reorder_receipt(&"r9".into()), Err(OrderingError::NoSuchOrder));
    // The tea is off the menu, the cheese too, and the burger costs more.
    phone.server.kitchen(|kitchen| {
        kitchen.price("s1", "burger", 560);
        let menu = kitchen.menus.get_mut(&"s1".into()).unwrap().menu.as_mut().unwrap();
        menu.items.retain(|item| item.id.as_str() != "tea");
        menu.sections[0].items.retain(|item| item.as_str() != "tea");
        menu.groups[1].modifiers.retain(|modifier| modifier.id.as_str() != "cheese");
    });
    ordering.refresh(&"s1".into()).await.unwrap();
    for again in [ordering.reorder(&order).unwrap(), ordering.order_favourite("いつもの").unwrap()] {
        assert_eq!(again.vanished.iter().map(|title| title.get("ja")).collect::<Vec<_>>(), ["tea"]);
        assert_eq!(again.cart.cart.lines.len(), 1);
        assert!(matches!(&again.changes[0].change, CartChange::ModifierVanished { line: 0, .. }), "{:?}", again.changes);
    }
    drop((ordering, noren));
    let noren = phone.open();
    let ordering = noren.ordering();
    assert_eq!(ordering.favourites().unwrap()[0].name, "いつもの");
    for wrong in ["", "   ", &"n".repeat(41)] {
        assert!(matches!(ordering.save_favourite(wrong, &s1()), Err(OrderingError::BadCart { .. })));
    }
    assert_eq!(ordering.save_favourite("4111 1111 1111 1111", &s1()), Err(OrderingError::CardNumber));
    ordering.remove_favourite("いつもの").unwrap();
    assert_eq!(ordering.remove_favourite("いつもの"), Err(OrderingError::NoSuchFavourite));
    assert_eq!(ordering.order_favourite("いつもの"), Err(OrderingError::NoSuchFavourite));
    let unknown: OrderId = "nobodysorder2345".into();
    assert_eq!(ordering.reorder(&unknown), Err(OrderingError::NoSuchOrder));
}

#[tokio::test]
async fn an_order_is_amended_where_it_costs_something_else_and_is_sold_out_by_now() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let prices = |handoff, amount_minor| noren_rules::menu::MenuPrice { handoff, amount_minor };
    phone.server.kitchen(|kitchen| {
        let menu = kitchen.menus.get_mut(&"s1".into()).unwrap().menu.as_mut().unwrap();
        menu.version += 1;
        menu.items[0].prices = vec![prices(None, 600), prices(Some(TaxHandoff::EatIn), 620)];
    });
    noren.ordering().refresh(&"s1".into()).await.unwrap();
    let order = ordered(&noren).await;
    phone.server.kitchen(|kitchen| {
        kitchen.sold_out = vec![noren_rules::menu::SoldOut { thing: noren_rules::menu::MenuThing::Item("burger".into()), until_ms: None }];
    });
    let ordering = noren.ordering();
    ordering.refresh_status(&["s1".into()]).await.unwrap();
    assert_eq!(ordering.review_amend(&order, TaxHandoff::EatIn).unwrap().snapshot.total_minor, 620);
}

#[tokio::test]
async fn of_two_cards_the_last_one_is_charged() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let ordering = noren.ordering();
    phone.offline(true);
    for token in ["tok_a", "tok_b"] {
        assert!(matches!(ordering.pay_again(&order, token).await.unwrap(), OrderStepOutcome::Waiting { .. }));
    }
    phone.offline(false);
    phone.server.next([Fault::LostAnswer]);
    noren.outbox().network_returned().await.unwrap();
    noren.outbox().send_due().await.unwrap();
    assert_eq!(said(&phone), [OrderStep::PayAgain { token: "tok_b".into() }]);
}

#[tokio::test]
async fn a_question_to_a_change_stays_until_it_is_answered() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let ordering = noren.ordering();
    let mut cart = Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut);
    cart.lines = vec![line(&noren, "burger", 2)];
    let review = ordering.review_edit(&order, &cart, PickupTime::Asap).unwrap();
    let shown_now = Some(review.snapshot.clone());
    let question = OrderQuestion { changes: vec![], slot: None, short: vec![], shown_now, coupons_out: vec![] };
    phone.server.kitchen(|kitchen| kitchen.asks.push_back(question));
    let asked = answered(ordering.edit_order(&order, &cart, PickupTime::Asap, &review.snapshot).await.unwrap());
    assert_eq!(asked.question.unwrap().cart, Some(cart.clone()));
    let nearby = answered(ordering.nearby(&order, 5).await.unwrap());
    assert_eq!(nearby.question.unwrap().cart, Some(cart.clone()), "nobody has read it");
    let changed = answered(ordering.edit_order(&order, &cart, PickupTime::Asap, &review.snapshot).await.unwrap());
    assert_eq!((changed.question, changed.shown.unwrap().total_minor), (None, 1_080));
}

#[tokio::test]
async fn a_coupon_that_the_backend_does_not_count_is_left_out_of_the_yes() {
    let phone = Phone::new();
    phone.server.stock_shelves(super::goods::shelves);
    let noren = phone
        .at_miyajima(|shop| {
            shop.offers = vec![offer(1, "百円引き"), super::shop::visitor_offer(2, "miyajima-out")];
            shop.lease = leased(&[1, 2]);
        })
        .await;
    phone.server.kitchen(|kitchen| kitchen.opens("s1"));
    let ordering = noren.ordering();
    ordering.refresh(&"s1".into()).await.unwrap();
    noren.member().refresh().await.unwrap();
    noren.catalogue().find("青/L", None).await.unwrap();
    let goods = CartOf::goods(&"s1".into());
    let wanted =
        CartLine { item: "青/L".into(), modifiers: vec![], quantity: 1, note: String::new(), tax_handoff: None, seen_minor: None };
    ordering.add(&goods, &wanted).unwrap();
    let first = ordering.review(&goods, &by_token()).unwrap();
    assert_eq!(first.totals.discount_minor, 100);
    let question = OrderQuestion { changes: vec![], slot: None, short: vec![], shown_now: None, coupons_out: vec![100] };
    phone.server.kitchen(|kitchen| kitchen.asks.push_back(question));
    ordering.place(&first.order, &tap()).unwrap();
    assert!(ordering.resolve(&first.order).await.unwrap().question.is_some());
    assert_eq!(
        phone.server.kitchen(|kitchen| kitchen.orders[0].request.coupons.clone()),
        [100],
        "without a check-in the visitor's coupon is not named"
    );
    let yes = ordering.review(&goods, &by_token()).unwrap();
    assert_eq!(yes.totals.discount_minor, 0);
    ordering.place(&yes.order, &tap()).unwrap();
    assert_eq!(ordering.resolve(&yes.order).await.unwrap().order.state, OrderState::Accepted);
}

#[tokio::test]
async fn the_slot_of_an_order_that_asked_goes_over_to_the_next_one_or_is_given_back() {
    for gives_back in [true, false] {
        let phone = Phone::new();
        let noren = phone.at_table().await;
        let ordering = noren.ordering();
        let review = reviewed(&noren).await;
        let question = OrderQuestion { changes: vec![], slot: None, short: vec![], shown_now: None, coupons_out: vec![] };
        phone.server.kitchen(|kitchen| kitchen.asks.push_back(question));
        ordering.place(&review.order, &tap()).unwrap();
        ordering.resolve(&review.order).await.unwrap();
        ordering.add(&s1(), &line(&noren, "tea", 1)).unwrap();
        let is_booked = |order: &OrderId| phone.server.kitchen(|kitchen| kitchen.books[&"s1".into()].booking(order).is_some());
        assert!(is_booked(&review.order));
        if gives_back {
            assert!(ordering.release_slot(&s1()).await.unwrap());
        } else {
            let SlotHoldOutcome::Held { order, .. } = ordering.hold_slot(&s1(), PickupTime::Asap).await.unwrap() else { panic!() };
            assert!(order != review.order && is_booked(&order));
        }
        assert!(!is_booked(&review.order));
    }
}
