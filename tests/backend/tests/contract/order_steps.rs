//! What person, store and clock do about an order, and what they may not.

use noren_rules::cart::PaymentMethod;
use noren_rules::menu::MenuThing;
use noren_rules::order::{OrderState, RejectReason};
use noren_rules::slots::PickupTime;
use noren_rules::wire::*;

use crate::menus::cafe_menu;
use crate::ordering::*;
use crate::slots::order_id;
use crate::support::*;

#[tokio::test]
async fn the_staff_accepts_where_the_store_says_so() {
    let cafe = cafe_with(|terms| terms.auto_accept = false).await;
    let view = cafe.order(1, &[("coffee", 1)], "tok_ok").await;
    assert_eq!((view.state, view.payment.clone(), cafe.money(&view.id)), (OrderState::Submitted, OrderPayment::Authorised, 0));
    assert_eq!(cafe.staff(&view.id, KitchenStep::Accept).await.state, OrderState::Accepted);
    assert_eq!(cafe.money(&view.id), 450);
    let two = cafe.order(2, &[("coffee", 1)], "tok_ok").await;
    cafe.staff(&two.id, KitchenStep::Reject).await;
    let two = cafe.view(&two.id).await;
    assert_eq!((two.state, two.rejected, two.payment), (OrderState::Rejected, Some(RejectReason::Store), OrderPayment::Voided));
    // Nobody answers: the clock does.
    let three = cafe.order(3, &[("coffee", 1)], "tok_ok").await;
    cafe.world.pass(2 * MINUTE - 1);
    assert_eq!(cafe.view(&three.id).await.state, OrderState::Submitted);
    cafe.world.pass(1);
    assert_eq!(cafe.try_staff(&three.id, KitchenStep::Accept).await.refused(409), Reason::OrderConflict);
    let three = cafe.view(&three.id).await;
    assert_eq!((three.state, three.rejected), (OrderState::Rejected, Some(RejectReason::NotAccepted)));
    cafe.settle().await;
    assert_eq!(cafe.money(&three.id), 0);
    cafe.world.stop().await;
}

#[tokio::test]
async fn it_is_changed_until_the_store_has_accepted() {
    let cafe = cafe_with(|terms| terms.auto_accept = false).await;
    let view = cafe.order(1, &[("coffee", 1)], "tok_ok").await;
    let later = T0 + 90 * MINUTE;
    let wanted = cart(&[("coffee", 3)]);
    let edit = |shown| OrderStep::Edit { cart: wanted.clone(), time: PickupTime::Scheduled { at_ms: later }, shown };
    let asked = cafe.step(&view.id, edit(cafe.shown(cafe_menu(), &wanted, PaymentMethod::Token, T0, None, 0))).await;
    let shown_now = asked.question.unwrap().shown_now.unwrap();
    assert_eq!((asked.order.promised_ms, asked.order.to_pay_minor), (view.promised_ms, 450), "nothing changed");
    assert_eq!((shown_now.promised_ms, shown_now.total_minor), (later, 1_350));
    let answer = cafe.step(&view.id, edit(shown_now)).await;
    assert_eq!((answer.question, answer.order.promised_ms, answer.order.to_pay_minor), (None, later, 1_350));
    let order = cafe.staff(&view.id, KitchenStep::Accept).await;
    assert_eq!((order.lines[0].quantity, cafe.money(&view.id)), (3, 1_350));
    // The first time is somebody else's.
    let slot = cafe.ready_to_tap(2, cart(&[("coffee", 1)]), "").await;
    assert_eq!(slot.shown.promised_ms, view.promised_ms);
    let late = cafe.try_step(&view.id, edit(slot.shown)).await;
    assert_eq!(late.refused(409), Reason::OrderConflict, "the kitchen has it");
    cafe.world.stop().await;
}

#[tokio::test]
async fn it_is_cancelled_for_nothing_while_it_may_be() {
    let cafe = cafe_with(|terms| terms.cancel_before_min = Some(1)).await;
    let view = cafe.order(1, &[("coffee", 1)], "tok_ok").await;
    assert!(view.can_cancel);
    let answer = cafe.step(&view.id, OrderStep::Cancel).await;
    assert_eq!((answer.order.state, answer.order.refunded_minor), (OrderState::Canceled, 450));
    assert_eq!(cafe.money(&view.id), 0);
    assert_eq!(cafe.try_step(&view.id, OrderStep::Cancel).await.refused(409), Reason::OrderConflict);
    // Its slot is free: the same time again.
    let two = cafe.order(2, &[("coffee", 1)], "tok_ok").await;
    assert_eq!(two.promised_ms, view.promised_ms);
    cafe.staff(&two.id, KitchenStep::Start).await;
    assert_eq!(cafe.try_step(&two.id, OrderStep::Cancel).await.refused(409), Reason::OrderConflict, "the kitchen has begun");
    // The store is late: free again until it is ready.
    let promised_ms = cafe.view(&two.id).await.promised_ms;
    let order = cafe.staff(&two.id, KitchenStep::Late { more_min: 15 }).await;
    let view = cafe.view(&two.id).await;
    assert!(order.promised_ms >= promised_ms + 15 * MINUTE && view.late && view.can_cancel, "{view:?}");
    cafe.step(&two.id, OrderStep::Cancel).await;
    assert_eq!(cafe.money(&two.id), 0);
    let stranger = cafe.world.phone(9, None).await;
    let request = OrderStepRequest { order: two.id.clone(), step: OrderStep::Cancel, at_ms: T0 };
    let got = cafe.world.post(paths::ORDER_STEPS, Some(&stranger.token), "x", &request).await;
    assert_eq!(got.refused(404), Reason::NotFound, "another's order is none");
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_line_that_cannot_be_made_is_given_back_and_the_rest_goes_on() {
    let cafe = cafe().await;
    let view = cafe.order(1, &[("coffee", 2), ("cake", 1)], "tok_ok").await;
    assert_eq!(cafe.money(&view.id), 1_500);
    let order = cafe.staff(&view.id, KitchenStep::Missing { line: 0, pieces: 1 }).await;
    assert_eq!((order.state, order.lines[0].quantity, cafe.money(&view.id)), (OrderState::Accepted, 1, 1_050));
    for (line, pieces) in [(0, 2), (0, 0), (7, 1), (u32::MAX, u32::MAX)] {
        let got = cafe.try_staff(&view.id, KitchenStep::Missing { line, pieces }).await;
        assert_eq!(got.refused(409), Reason::OrderConflict, "{line} {pieces}");
    }
    cafe.ready(&view.id).await;
    cafe.hand_over(&view.id).await;
    let receipt = &cafe.world.history(&cafe.phone).await[0];
    assert_eq!((receipt.total_minor, receipt.lines[0].quantity), (1_050, 1), "what was handed over was sold");
    // Of another, nothing can be made: it is off.
    let two = cafe.order(2, &[("cake", 1)], "tok_ok").await;
    assert_eq!(cafe.staff(&two.id, KitchenStep::Missing { line: 0, pieces: 1 }).await.state, OrderState::Canceled);
    assert_eq!((cafe.money(&two.id), cafe.world.history(&cafe.phone).await.len()), (0, 1));
    cafe.world.stop().await;
}

#[tokio::test]
async fn nobody_came() {
    let cafe = cafe_with(|terms| (terms.charge_no_show, terms.capture) = (true, noren_rules::cart::CaptureTime::AtHandOver)).await;
    let charged = cafe.order(1, &[("coffee", 1)], "tok_ok").await;
    let counter = cafe.order(2, &[("cake", 1)], "").await;
    for id in [&charged.id, &counter.id] {
        cafe.ready(id).await;
    }
    cafe.world.pass(charged.kept_until_ms.max(counter.kept_until_ms) - cafe.world.now());
    let phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    let cafe = Cafe { phone, ..cafe };
    cafe.settle().await;
    let view = cafe.view(&charged.id).await;
    assert_eq!((view.state, view.payment, cafe.money(&charged.id)), (OrderState::Expired, OrderPayment::Paid, 450));
    assert_eq!(cafe.world.history(&cafe.phone).await[0].total_minor, 450, "food that was charged has its receipt");
    let view = cafe.view(&counter.id).await;
    assert_eq!((view.state, view.to_pay_minor), (OrderState::Expired, 0));
    assert_eq!(cafe.try_hand_over(&by_code(&charged.id, "AAAA2222")).await.refused(409), Reason::OrderConflict);
    // The operator is kind later on.
    cafe.staff(&charged.id, KitchenStep::Refund { line: 0, pieces: 1 }).await;
    assert_eq!((cafe.money(&charged.id), cafe.points().await), (0, 0));
    cafe.world.stop().await;
}

#[tokio::test]
async fn words_about_the_way_overtake_each_other() {
    let cafe = cafe().await;
    let view = cafe.order(1, &[("coffee", 1)], "").await;
    let say = async |step: OrderStep, at_ms: i64| {
        let request = OrderStepRequest { order: view.id.clone(), step, at_ms };
        cafe.world.post(paths::ORDER_STEPS, Some(&cafe.phone.token), &cafe.world.fresh_key(), &request).await.ok::<OrderAnswer>();
        let order = cafe.kitchen().await.orders.remove(0);
        (order.eta_min, order.spot)
    };
    assert_eq!(say(OrderStep::Nearby { eta_min: 12 }, T0 + 10).await, (Some(12), String::new()));
    assert_eq!(say(OrderStep::Nearby { eta_min: 30 }, T0).await, (Some(12), String::new()), "it was said before the other");
    cafe.world.pass(5 * MINUTE + 10);
    assert_eq!(cafe.kitchen().await.orders[0].eta_min, Some(7));
    assert_eq!(say(OrderStep::Here { spot: "P3".to_owned() }, T0 + 20).await, (Some(0), "P3".to_owned()));
    assert_eq!(say(OrderStep::Here { spot: "P1".to_owned() }, T0 + 15).await, (Some(0), "P3".to_owned()));
    for step in [OrderStep::Nearby { eta_min: 1_441 }, OrderStep::Here { spot: "x".repeat(61) }] {
        assert_eq!(cafe.try_step(&view.id, step).await.refused(400), Reason::InvalidRequest);
    }
    cafe.staff(&view.id, KitchenStep::Cancel).await;
    assert_eq!(cafe.try_step(&view.id, OrderStep::Nearby { eta_min: 1 }).await.refused(409), Reason::OrderConflict);
    cafe.world.stop().await;
}

fn to_value(body: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(body).unwrap()
}

/// Each step again under its key: the answer again, and its effect once.
#[tokio::test]
async fn every_step_is_replayed() {
    let cafe = cafe().await;
    let request = cafe.ready_to_tap(1, cart(&[("coffee", 2)]), "tok_ok").await;
    let twice = async |path: &str, token: &str, body: serde_json::Value| {
        let key = cafe.world.fresh_key();
        let first = cafe.world.post(path, Some(token), &key, &body).await;
        assert_eq!(first.status, 200, "{path}: {}", first.body);
        cafe.settle().await;
        let again = cafe.world.post(path, Some(token), &key, &body).await;
        assert!(again.replayed() && again.body == first.body, "{path}");
        cafe.settle().await;
    };
    let (app, till) = (cafe.phone.token.as_str(), noren_backend::DEMO_TILL_TOKEN);
    let id = request.id.clone();
    twice(paths::ORDERS, app, to_value(&request)).await;
    assert_eq!(cafe.money(&id), 900);
    twice(paths::ORDER_STEPS, app, to_value(&OrderStepRequest { order: id.clone(), step: OrderStep::Nearby { eta_min: 3 }, at_ms: T0 }))
        .await;
    for step in [KitchenStep::Start, KitchenStep::Missing { line: 0, pieces: 1 }, KitchenStep::Ready { shelf: String::new() }] {
        twice(paths::KITCHEN_STEPS, till, to_value(&KitchenStepRequest { order: id.clone(), step })).await;
    }
    assert_eq!(cafe.money(&id), 450);
    twice(paths::ORDER_PASSES, app, to_value(&PassRequest { order: id.clone() })).await;
    let code = cafe.view(&id).await.pickup_code.unwrap();
    twice(paths::KITCHEN_HAND_OVERS, till, to_value(&by_code(&id, &code))).await;
    twice(
        paths::KITCHEN_STEPS,
        till,
        to_value(&KitchenStepRequest { order: id.clone(), step: KitchenStep::Refund { line: 0, pieces: 1 } }),
    )
    .await;
    assert_eq!((cafe.money(&id), cafe.world.history(&cafe.phone).await.len()), (0, 2));
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_whole() {
    let cafe = cafe().await;
    let good = cafe.ready_to_tap(1, cart(&[("coffee", 1)]), "tok_ok").await;
    let with = |change: &dyn Fn(&mut OrderRequest)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let wrong = [
        with(&|request| request.id = "short".into()),
        with(&|request| request.id = "UPPERCASE2222222".into()),
        with(&|request| request.payment.token = None),
        with(&|request| request.payment.token = Some("x".repeat(201))),
        with(&|request| request.payment.token = Some("two words".to_owned())),
        with(&|request| request.payment.method = PaymentMethod::AtCounter),
        with(&|request| request.vehicle = "v".repeat(61)),
        with(&|request| request.seat = Some("table".into())),
        with(&|request| request.points = -1),
        with(&|request| request.coupons = vec![1; 41]),
        with(&|request| request.avoids = vec!["egg".into(); 101]),
        with(&|request| request.cart.lines = vec![request.cart.lines[0].clone(); 101]),
        with(&|request| request.cart.handoff = noren_rules::menu::HandoffMode::Locker),
        with(&|request| {
            request.deliver_to =
                Some(DeliveryAddress { name: String::new(), postal_code: String::new(), address: String::new(), note: String::new() });
        }),
    ];
    for request in wrong {
        assert_eq!(cafe.try_order(&request).await.refused(400), Reason::InvalidRequest, "{request:?}");
    }
    assert_eq!(cafe.try_order(&with(&|request| request.store = "nowhere".into())).await.refused(404), Reason::NotFound);
    assert_eq!(cafe.try_order(&with(&|request| request.replaces = Some(order_id(77)))).await.refused(404), Reason::NotFound);
    assert!(cafe.orders().await.is_empty());
    // More points than there are: asked, not taken.
    let answer: OrderAnswer = cafe.try_order(&with(&|request| (request.id, request.shown.points) = (order_id(5), 100))).await.ok();
    assert!(answer.question.is_some());
    // Sold out meanwhile.
    let sold_out = noren_rules::menu::SoldOut { thing: MenuThing::Item("coffee".into()), until_ms: None };
    cafe.world.sold_out(vec![sold_out], vec![]).await.ok::<MenuStatus>();
    let answer: OrderAnswer = cafe.try_order(&good).await.ok();
    assert_eq!(answer.question.unwrap().changes.len(), 1);
    // The kitchen of another till's store has nothing of it.
    cafe.world.backend.as_ref().unwrap().register_till("t2".into(), "noodles".into(), "another-till".to_owned()).await.unwrap();
    let request = KitchenStepRequest { order: good.id.clone(), step: KitchenStep::Start };
    let got = cafe.world.post(paths::KITCHEN_STEPS, Some("another-till"), "k", &request).await;
    assert_eq!(got.refused(404), Reason::NotFound);
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_phones_clock_that_is_ahead_does_not_silence_it() {
    let cafe = cafe().await;
    let order = cafe.order(1, &[("coffee", 1)], "").await;
    let say = async |step: OrderStep, at_ms: i64| {
        let request = OrderStepRequest { order: order.id.clone(), step, at_ms };
        cafe.world.post(paths::ORDER_STEPS, Some(&cafe.phone.token), &cafe.world.fresh_key(), &request).await.ok::<OrderAnswer>();
    };
    say(OrderStep::Nearby { eta_min: 20 }, i64::MAX).await;
    say(OrderStep::Here { spot: "P1".to_owned() }, i64::MAX).await;
    cafe.world.pass(MINUTE);
    say(OrderStep::Here { spot: "P2".to_owned() }, cafe.world.now()).await;
    assert_eq!(cafe.kitchen().await.orders[0].spot, "P2");
    let other = cafe.order(2, &[("coffee", 1)], "").await;
    let request = OrderStepRequest { order: other.id.clone(), step: OrderStep::Nearby { eta_min: 20 }, at_ms: i64::MAX };
    cafe.world.post(paths::ORDER_STEPS, Some(&cafe.phone.token), &cafe.world.fresh_key(), &request).await.ok::<OrderAnswer>();
    cafe.world.pass(5 * MINUTE);
    let kitchen = cafe.kitchen().await;
    assert_eq!(kitchen.orders.iter().find(|one| one.id == other.id).unwrap().eta_min, Some(15), "it counts down");
    cafe.world.stop().await;
}

#[tokio::test]
async fn call_numbers_are_of_the_day_of_the_hand_over_and_of_orders_only() {
    let cafe = cafe().await;
    let ahead = async |cafe: &Cafe, number: u32, at_ms: i64| -> OrderRequest {
        let mut request = OrderRequest { time: PickupTime::Scheduled { at_ms }, ..cafe_request(cafe, number) };
        let wish = SlotHoldRequest {
            order: request.id.clone(),
            store: request.store.clone(),
            cart: request.cart.clone(),
            time: request.time,
            wanted_ms: None,
            replaces: None,
        };
        let held = cafe.world.slot(&cafe.phone, &wish).await;
        request.shown = cafe.shown(cafe_menu(), &request.cart, PaymentMethod::AtCounter, held.slot.promised_ms, held.until_ms, 0);
        request
    };
    let number = async |cafe: &Cafe, request: &OrderRequest| cafe.try_order(request).await.ok::<OrderAnswer>().order.call_number;
    // A question takes none.
    let gone = cafe_request(&cafe, 1);
    assert_eq!(number(&cafe, &gone).await, None);
    let tomorrow = ahead(&cafe, 2, T0 + DAY).await;
    let today = ahead(&cafe, 3, T0 + 60 * MINUTE).await;
    assert_eq!((number(&cafe, &tomorrow).await, number(&cafe, &today).await), (Some(1), Some(1)));
    // Tomorrow it stands on the board with those of tomorrow.
    cafe.world.pass(DAY - 20 * MINUTE);
    let phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    let cafe = Cafe { phone, ..cafe };
    let then = ahead(&cafe, 4, T0 + DAY).await;
    assert_eq!(number(&cafe, &then).await, Some(2));
    cafe.world.stop().await;
}

/// An order of a coffee at the counter, as it would be shown at no time that is held.
fn cafe_request(cafe: &Cafe, number: u32) -> OrderRequest {
    let cart = cart(&[("coffee", 1)]);
    OrderRequest {
        id: order_id(number),
        store: crate::menus::CAFE.into(),
        of: OrderOf::Menu,
        shown: cafe.shown(cafe_menu(), &cart, PaymentMethod::AtCounter, cafe.world.now(), None, 0),
        cart,
        time: PickupTime::Asap,
        payment: by(""),
        coupons: vec![],
        points: 0,
        replaces: None,
        seat: None,
        vehicle: String::new(),
        deliver_to: None,
        avoids: vec![],
    }
}

#[tokio::test]
async fn nobody_fills_a_kitchen_with_orders_that_are_not_paid() {
    let cafe = cafe().await;
    // Paid ones are as many as one likes.
    for number in 1..=2 {
        cafe.order(number, &[("coffee", 1)], "tok_ok").await;
    }
    for number in 3..=7 {
        cafe.order(number, &[("coffee", 1)], "").await;
    }
    let sixth = cafe.ready_to_tap(8, cart(&[("coffee", 1)]), "").await;
    assert_eq!(cafe.try_order(&sixth).await.refused(429), Reason::TooManyAttempts);
    // One that is handed over, or paid, makes room.
    cafe.ready(&order_id(3)).await;
    cafe.hand_over(&order_id(3)).await;
    assert_eq!(cafe.try_order(&sixth).await.ok::<OrderAnswer>().order.state, OrderState::Accepted);
    cafe.world.stop().await;
}
