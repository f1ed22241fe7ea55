//! Who gets an order, and by what.

use noren_rules::order::OrderState;
use noren_rules::wire::*;

use crate::ordering::*;
use crate::support::*;

impl Cafe {
    async fn waiting(&self, number: u32) -> OrderView {
        let view = self.order(number, &[("coffee", 1)], "").await;
        self.ready(&view.id).await;
        self.view(&view.id).await
    }

    async fn pass(&self, order: &OrderView) -> String {
        let request = PassRequest { order: order.id.clone() };
        let got = self.world.post(paths::ORDER_PASSES, Some(&self.phone.token), &self.world.fresh_key(), &request).await;
        got.ok::<PickupPass>().code
    }
}

fn alone(code: &str) -> HandOverRequest {
    HandOverRequest { order: None, code: code.to_owned(), age_checked: false, refused: vec![] }
}

#[tokio::test]
async fn five_wrong_codes_and_only_the_card_hands_over() {
    let cafe = cafe().await;
    let order = cafe.waiting(1).await;
    let code = order.pickup_code.clone().unwrap();
    let wrong = if code == "AAAA2222" { "BBBB3333" } else { "AAAA2222" };
    for left in (0..5).rev() {
        assert_eq!(cafe.try_hand_over(&by_code(&order.id, wrong)).await.refused(403), Reason::CodeRefused);
        assert_eq!(cafe.kitchen().await.orders[0].tries_left, left);
    }
    assert_eq!(cafe.try_hand_over(&by_code(&order.id, &code)).await.refused(403), Reason::CodeRefused, "too late");
    assert_eq!(cafe.try_hand_over(&alone(&code)).await.refused(403), Reason::CodeRefused);
    let pass = cafe.pass(&order).await;
    assert_eq!(cafe.try_hand_over(&by_code(&order.id, &pass)).await.refused(403), Reason::CodeRefused, "nor is it guessed by passes");
    let stranger = cafe.world.phone(2, None).await;
    assert_eq!(cafe.try_hand_over(&by_code(&order.id, &stranger.qr(T0))).await.refused(403), Reason::CodeRefused);
    let number = cafe.phone.enrolment.one_dimensional.ean13.clone();
    assert_eq!(cafe.try_hand_over(&by_code(&order.id, &number)).await.refused(403), Reason::CodeRefused, "a static code may be a copy");
    let handed: KitchenOrder = cafe.try_hand_over(&by_code(&order.id, &cafe.phone.qr(T0))).await.ok();
    assert_eq!(handed.state, OrderState::PickedUp);
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_code_names_its_order_and_a_card_the_one_that_is_ready() {
    let cafe = cafe().await;
    let (one, two) = (cafe.waiting(1).await, cafe.order(2, &[("cake", 1)], "").await);
    let code = one.pickup_code.clone().unwrap();
    let spaced = format!("{} {}", code[..4].to_lowercase(), &code[4..]);
    assert_eq!(cafe.try_hand_over(&alone(&spaced)).await.ok::<KitchenOrder>().id, one.id);
    assert_eq!(cafe.try_hand_over(&alone(&code)).await.refused(403), Reason::CodeRefused, "once");
    let not_ready = two.pickup_code.clone().unwrap();
    assert_eq!(cafe.try_hand_over(&alone(&not_ready)).await.refused(409), Reason::OrderConflict);
    assert_eq!(cafe.try_hand_over(&alone(&cafe.phone.qr(T0))).await.refused(403), Reason::CodeRefused, "nothing is ready");
    cafe.ready(&two.id).await;
    cafe.world.pass(MINUTE);
    assert_eq!(cafe.try_hand_over(&alone(&cafe.phone.qr(T0 + MINUTE))).await.ok::<KitchenOrder>().id, two.id);
    let (three, four) = (cafe.waiting(3).await, cafe.waiting(4).await);
    cafe.world.pass(MINUTE);
    assert_eq!(cafe.try_hand_over(&alone(&cafe.phone.qr(T0 + 2 * MINUTE))).await.refused(409), Reason::OrderConflict, "which of them?");
    assert_ne!(three.call_number, four.call_number);
    assert_eq!(cafe.try_hand_over(&alone("004")).await.refused(403), Reason::CodeRefused, "a call number hands over nothing");
    cafe.world.stop().await;
}

#[tokio::test]
async fn somebody_else_fetches_it_once() {
    let cafe = cafe().await;
    let order = cafe.waiting(1).await;
    let (first, second) = (cafe.pass(&order).await, cafe.pass(&order).await);
    assert_ne!(first, second);
    assert_eq!(cafe.try_hand_over(&by_code(&order.id, &first)).await.refused(403), Reason::CodeRefused, "a new one takes its place");
    assert_eq!(cafe.try_hand_over(&alone(&second)).await.ok::<KitchenOrder>().state, OrderState::PickedUp);
    assert_eq!(cafe.try_hand_over(&alone(&second)).await.refused(403), Reason::CodeRefused, "single use");
    let late = PassRequest { order: order.id.clone() };
    let got = cafe.world.post(paths::ORDER_PASSES, Some(&cafe.phone.token), "late", &late).await;
    assert_eq!(got.refused(409), Reason::OrderConflict);
    let stranger = cafe.world.phone(2, None).await;
    let got = cafe.world.post(paths::ORDER_PASSES, Some(&stranger.token), "theirs", &late).await;
    assert_eq!(got.refused(404), Reason::NotFound);
    cafe.world.stop().await;
}

#[tokio::test]
async fn ages_are_checked_when_it_is_handed_over() {
    let cafe = cafe().await;
    let mut wanted = cart(&[("wine", 1), ("cake", 1)]);
    let request = OrderRequest { cart: wanted.clone(), ..cafe.ready_to_tap(9, cart(&[("cake", 1)]), "tok_ok").await };
    let undeclared: OrderAnswer = cafe.try_order(&request).await.ok();
    assert!(undeclared.question.is_some_and(|question| !question.changes.is_empty()), "an age has to be declared");
    wanted.declared_age = Some(20);
    let mut orders = Vec::new();
    for number in [1, 2] {
        let request = cafe.ready_to_tap(number, wanted.clone(), "tok_ok").await;
        cafe.try_order(&request).await.ok::<OrderAnswer>();
        cafe.settle().await;
        cafe.ready(&request.id).await;
        orders.push(cafe.view(&request.id).await);
    }
    assert_eq!(orders[0].least_age, Some(20));
    let code = orders[0].pickup_code.clone().unwrap();
    let unchecked = by_code(&orders[0].id, &code);
    assert_eq!(cafe.try_hand_over(&unchecked).await.refused(409), Reason::OrderConflict);
    let checked = HandOverRequest { age_checked: true, ..unchecked };
    assert_eq!(cafe.try_hand_over(&checked).await.ok::<KitchenOrder>().state, OrderState::PickedUp);
    assert_eq!(cafe.money(&orders[0].id), 1_400);
    // Too young: the wine stays and is given back, the cake goes.
    let code = orders[1].pickup_code.clone().unwrap();
    let refused = HandOverRequest { refused: vec![0, 0], ..by_code(&orders[1].id, &code) };
    assert_eq!(cafe.try_hand_over(&refused).await.ok::<KitchenOrder>().state, OrderState::PickedUp);
    cafe.settle().await;
    let view = cafe.view(&orders[1].id).await;
    assert_eq!((cafe.money(&view.id), view.refunded_minor, view.lines[0].given_back), (600, 800, 1));
    let receipt = cafe.world.history(&cafe.phone).await.into_iter().find(|receipt| receipt.number == view.id.as_str()).unwrap();
    assert_eq!((receipt.total_minor, receipt.lines.len()), (600, 1));
    cafe.world.stop().await;
}
