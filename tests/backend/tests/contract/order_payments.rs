//! The money of orders: taken once, whatever the provider does, and whatever is lost or killed in between.

use std::sync::Arc;

use noren_backend::{PaymentProvider, ProviderAnswer};
use noren_rules::cart::CaptureTime;
use noren_rules::ids::OrderId;
use noren_rules::order::{OrderState, RejectReason};
use noren_rules::slots::PickupTime;
use noren_rules::wire::*;

use crate::ordering::*;
use crate::slots::order_id;
use crate::support::*;

const COFFEE: &[(&str, u32)] = &[("coffee", 1)];

impl Cafe {
    /// Calls of an order at the provider, with how often each came in.
    fn calls(&self, id: &OrderId) -> Vec<(String, i64, String)> {
        let calls = self.sandbox.calls(id.as_str()).unwrap();
        calls.into_iter().map(|call| (call.kind, call.amount_minor, call.status)).collect()
    }

    fn captures(&self, id: &OrderId) -> usize {
        self.calls(id).iter().filter(|(kind, _, status)| kind == "capture" && status == "done").count()
    }
}

#[tokio::test]
async fn a_refused_card_may_be_another_ones_turn() {
    let cafe = cafe().await;
    let view = cafe.order(1, COFFEE, "tok_declined").await;
    assert_eq!((view.state, view.payment.clone()), (OrderState::Submitted, OrderPayment::Refused));
    assert_eq!(cafe.try_staff(&view.id, KitchenStep::Accept).await.refused(409), Reason::OrderConflict);
    cafe.step(&view.id, OrderStep::PayAgain { token: "tok_ok".to_owned() }).await;
    let view = cafe.view(&view.id).await;
    assert_eq!((view.state, view.payment), (OrderState::Accepted, OrderPayment::Paid));
    assert_eq!((cafe.money(&view.id), cafe.captures(&view.id)), (450, 1));
    let again = cafe.try_step(&view.id, OrderStep::PayAgain { token: "tok_ok".to_owned() }).await;
    assert_eq!(again.refused(409), Reason::OrderConflict);
    // Or the counter.
    let two = cafe.order(2, COFFEE, "tok_declined").await;
    let answer = cafe.step(&two.id, OrderStep::PayAtCounter).await;
    assert_eq!((answer.order.state, answer.order.payment), (OrderState::Accepted, OrderPayment::AtCounter));
    cafe.ready(&two.id).await;
    assert_eq!(cafe.kitchen().await.orders.iter().find(|order| order.id == two.id).unwrap().to_collect_minor, 450);
    assert_eq!((cafe.hand_over(&two.id).await.payment, cafe.money(&two.id)), (OrderPayment::Paid, 0));
    // Or neither: the store's time is over.
    let three = cafe.order(3, COFFEE, "tok_declined").await;
    cafe.world.pass(2 * MINUTE);
    let view = cafe.view(&three.id).await;
    assert_eq!((view.state, view.rejected), (OrderState::Rejected, Some(RejectReason::NotAccepted)));
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_the_provider_does_not_answer_is_asked_again_under_the_same_key() {
    for token in ["tok_timeout", "tok_lost"] {
        let cafe = cafe().await;
        let view = cafe.order(1, COFFEE, token).await;
        assert_eq!((view.state, view.payment), (OrderState::Submitted, OrderPayment::Unknown), "{token}");
        cafe.settle().await;
        assert_eq!(cafe.view(&view.id).await.payment, OrderPayment::Unknown, "not before its time");
        for _ in 0..3 {
            cafe.world.pass(2_500);
            cafe.settle().await;
        }
        let view = cafe.view(&view.id).await;
        assert_eq!((view.state, view.payment), (OrderState::Accepted, OrderPayment::Paid), "{token}");
        assert_eq!((cafe.money(&view.id), cafe.captures(&view.id)), (450, 1), "{token}");
        let key = format!("{}/authorise/1", view.id);
        let received = cafe.sandbox.received(&key).unwrap();
        assert_eq!(received, if token == "tok_lost" { 2 } else { 1 }, "{token}: known by asking, or sent again");
        // What goes back is lost and asked for likewise.
        cafe.staff(&view.id, KitchenStep::Cancel).await;
        cafe.world.pass(2_500);
        cafe.settle().await;
        assert_eq!(cafe.money(&view.id), 0, "{token}");
        cafe.world.stop().await;
    }
}

#[tokio::test]
async fn a_cancelled_order_of_unknown_payment_takes_nothing() {
    for token in ["tok_timeout", "tok_lost", "tok_step_up"] {
        let cafe = cafe().await;
        let view = cafe.order(1, COFFEE, token).await;
        let answer = cafe.step(&view.id, OrderStep::Cancel).await;
        assert_eq!((answer.order.state, answer.order.payment), (OrderState::Canceled, OrderPayment::Voided), "{token}");
        for _ in 0..3 {
            cafe.world.pass(MINUTE);
            cafe.settle().await;
        }
        assert_eq!((cafe.money(&view.id), cafe.captures(&view.id)), (0, 0), "{token}");
        let open = cafe.sandbox.calls(view.id.as_str()).unwrap().into_iter().filter(|call| call.status == "authorised").count();
        assert_eq!(open, 0, "{token}: nothing stays set aside");
        cafe.world.stop().await;
    }
}

#[tokio::test]
async fn the_person_does_what_the_provider_asks_for() {
    let cafe = cafe().await;
    let view = cafe.order(1, COFFEE, "tok_step_up").await;
    let OrderPayment::StepUp { url } = view.payment else { panic!("{view:?}") };
    assert!(url.starts_with("https://"));
    cafe.world.pass(30_000);
    cafe.settle().await;
    assert!(matches!(cafe.view(&view.id).await.payment, OrderPayment::StepUp { .. }), "nobody asks before the person says so");
    let answer = cafe.step(&view.id, OrderStep::StepUpDone).await;
    assert_eq!(answer.order.payment, OrderPayment::Pending);
    assert_eq!((cafe.view(&view.id).await.payment, cafe.money(&view.id)), (OrderPayment::Paid, 450));
    assert_eq!(cafe.step(&view.id, OrderStep::StepUpDone).await.order.payment, OrderPayment::Paid, "said again");
    cafe.world.stop().await;
}

#[tokio::test]
async fn money_is_taken_at_hand_over_where_the_store_says_so() {
    let cafe = cafe_with(|terms| terms.capture = CaptureTime::AtHandOver).await;
    let view = cafe.order(1, &[("coffee", 2), ("cake", 1)], "tok_ok").await;
    assert_eq!((view.state, view.payment, cafe.money(&view.id)), (OrderState::Accepted, OrderPayment::Authorised, 0));
    // A cake cannot be made: less is taken.
    cafe.staff(&view.id, KitchenStep::Missing { line: 1, pieces: 1 }).await;
    cafe.ready(&view.id).await;
    cafe.hand_over(&view.id).await;
    let view = cafe.view(&view.id).await;
    assert_eq!((view.payment, view.to_pay_minor, view.refunded_minor), (OrderPayment::Paid, 900, 0));
    assert_eq!((cafe.money(&view.id), cafe.world.history(&cafe.phone).await[0].total_minor), (900, 900));
    // Refused at hand-over: the shop's loss, and said so.
    let lost = cafe.order(2, COFFEE, "tok_capture_fail").await;
    cafe.ready(&lost.id).await;
    cafe.hand_over(&lost.id).await;
    let view = cafe.view(&lost.id).await;
    assert_eq!((view.state, view.payment, cafe.money(&lost.id)), (OrderState::PickedUp, OrderPayment::Refused, 0));
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_capture_that_is_refused_at_acceptance_ends_the_order() {
    let cafe = cafe().await;
    let view = cafe.order(1, COFFEE, "tok_capture_fail").await;
    assert_eq!((view.state, view.payment, view.refunded_minor), (OrderState::Failed, OrderPayment::Refused, 0));
    assert_eq!((cafe.money(&view.id), view.pickup_code), (0, None));
    // Its slot is free again: somebody else has it.
    assert_eq!(cafe.order(2, COFFEE, "tok_ok").await.state, OrderState::Accepted);
    cafe.world.stop().await;
}

#[tokio::test]
async fn an_authorisation_that_ends_before_the_pickup_is_renewed() {
    let cafe = cafe_with(|terms| (terms.capture, terms.keep_min) = (CaptureTime::AtHandOver, 7 * 24 * 60)).await;
    let view = cafe.order(1, COFFEE, "tok_ok").await;
    cafe.ready(&view.id).await;
    cafe.world.pass(7 * DAY - 61 * MINUTE);
    cafe.settle().await;
    assert_eq!(cafe.calls(&view.id).len(), 1);
    cafe.world.pass(2 * MINUTE);
    cafe.settle().await;
    let calls = cafe.calls(&view.id);
    let kinds: Vec<&str> = calls.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(kinds, ["authorise", "authorise", "void"]);
    let phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    let cafe = Cafe { phone, ..cafe };
    assert_eq!(cafe.view(&view.id).await.payment, OrderPayment::Authorised);
    cafe.world.pass(61 * MINUTE);
    let phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    let cafe = Cafe { phone, ..cafe };
    cafe.hand_over(&view.id).await;
    assert_eq!((cafe.money(&view.id), cafe.captures(&view.id)), (450, 1));
    cafe.world.stop().await;
}

/// The backend is killed at each moment between the commit of a step and what follows from it: the money is taken once.
#[tokio::test]
async fn a_kill_between_commit_and_call_charges_once() {
    for killed_at in 0..6 {
        let cafe = cafe().await;
        // The last of them: the call is noted, carried out, and its answer is lost.
        let token = if killed_at == 5 { "tok_timeout" } else { "tok_ok" };
        let request = cafe.ready_to_tap(1, cart(COFFEE), token).await;
        let answer: OrderAnswer = cafe.try_order(&request).await.ok();
        assert_eq!(answer.order.payment, OrderPayment::Pending);
        let id = request.id.clone();
        let authorise = format!("{id}/authorise/1");
        let yen = noren_backend::Amount { minor: 450, currency: "JPY" };
        match killed_at {
            // Before the call.
            0 => {}
            // The call arrived, its answer did not.
            1 => assert!(matches!(cafe.sandbox.authorise(&authorise, "tok_ok", yen), ProviderAnswer::Authorised { .. })),
            // After the authorisation, the capture's call arrived.
            2 => {
                assert!(matches!(cafe.sandbox.authorise(&authorise, "tok_ok", yen), ProviderAnswer::Authorised { .. }));
                assert_eq!(cafe.sandbox.capture(&format!("{id}/charge"), &authorise, yen), ProviderAnswer::Done);
            }
            // After everything.
            _ => cafe.settle().await,
        }
        if killed_at == 4 {
            cafe.try_step(&id, OrderStep::Cancel).await.ok::<OrderAnswer>();
        }
        // Dropped hard: nothing is finished.
        let Cafe { world, sandbox, phone, terms, clock, directory } = cafe;
        drop(world);
        drop(sandbox);
        let (settings, sandbox) = order_settings(directory.path(), &clock);
        let world = world_with(settings, Arc::clone(&clock)).await;
        let cafe = Cafe { world, sandbox, phone, terms, clock, directory };
        for _ in 0..2 {
            cafe.settle().await;
            cafe.world.pass(2_500);
        }
        cafe.settle().await;
        assert_eq!(cafe.sandbox.received(&authorise).unwrap(), if killed_at == 1 || killed_at == 2 { 2 } else { 1 }, "{killed_at}");
        let view = cafe.view(&id).await;
        if killed_at == 4 {
            assert_eq!((view.state, cafe.money(&id), view.refunded_minor), (OrderState::Canceled, 0, 450));
        } else {
            assert_eq!((view.state, view.payment, cafe.money(&id)), (OrderState::Accepted, OrderPayment::Paid, 450), "{killed_at}");
        }
        assert_eq!(cafe.captures(&id), 1, "{killed_at}");
        // The phone asks again under the same id.
        let again: OrderAnswer = cafe.try_order(&request).await.ok();
        assert_eq!(again.order.id, id);
        assert_eq!(cafe.captures(&id), 1);
        cafe.world.stop().await;
    }
}

#[tokio::test]
async fn eat_in_and_take_out_are_exchanged_at_their_prices() {
    let cafe = cafe().await;
    let mut menu = crate::menus::cafe_menu();
    menu.version = 2;
    let own = |handoff, amount_minor| noren_rules::menu::MenuPrice { handoff: Some(handoff), amount_minor };
    use noren_rules::tax::TaxHandoff::{EatIn, TakeOut};
    menu.items[1].prices = vec![own(TakeOut, 600), own(EatIn, 620)];
    cafe.world.put_menus(&PutMenus { menus: vec![menu.clone()], ..crate::menus::nothing() }).await.ok::<Kept>();
    let mut request = cafe.ready_to_tap(1, cart(&[("cake", 2)]), "tok_ok").await;
    let (promised_ms, deadline_ms) = (request.shown.promised_ms, request.shown.deadline_ms);
    request.shown = cafe.shown(menu.clone(), &request.cart, noren_rules::cart::PaymentMethod::Token, promised_ms, deadline_ms, 0);
    let view = cafe.try_order(&request).await.ok::<OrderAnswer>().order;
    cafe.settle().await;
    assert_eq!(cafe.money(&view.id), 1_200);
    let eaten_in = noren_rules::cart::Cart { tax_handoff: EatIn, ..cart(&[("cake", 2)]) };
    let as_before = cafe.shown(menu.clone(), &cart(&[("cake", 2)]), noren_rules::cart::PaymentMethod::Token, view.promised_ms, None, 0);
    let amend = |shown| OrderStep::Amend { tax_handoff: EatIn, shown };
    // Not as it would be: asked, and nothing is changed.
    let answer = cafe.step(&view.id, amend(as_before)).await;
    let shown_now = answer.question.unwrap().shown_now.unwrap();
    assert_eq!((shown_now.total_minor, answer.order.to_pay_minor, cafe.money(&view.id)), (1_240, 1_200, 1_200));
    let shown = cafe.shown(menu.clone(), &eaten_in, noren_rules::cart::PaymentMethod::Token, view.promised_ms, None, 0);
    assert_eq!(shown, shown_now);
    let answer = cafe.step(&view.id, amend(shown)).await;
    assert_eq!((answer.question, answer.order.to_pay_minor, cafe.money(&view.id)), (None, 1_240, 1_240));
    cafe.ready(&view.id).await;
    cafe.hand_over(&view.id).await;
    let receipt = &cafe.world.history(&cafe.phone).await[0];
    let tax = &receipt.taxes.as_ref().unwrap()[0];
    assert_eq!((receipt.total_minor, tax.tax_permille), (1_240, 100), "eaten in: the standard rate");
    for line in [0, 0] {
        cafe.staff(&view.id, KitchenStep::Refund { line, pieces: 1 }).await;
    }
    assert_eq!((cafe.money(&view.id), cafe.points().await), (0, 0));
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_lost_answer_is_resolved_and_a_tombstone_refuses_the_late_arrival() {
    let cafe = cafe().await;
    let request = cafe.ready_to_tap(1, cart(COFFEE), "tok_ok").await;
    let resolve = async |key: &str| {
        let request = ResolveRequest { key: key.into(), path: paths::ORDERS.to_owned() };
        cafe.world.post(paths::RESOLUTIONS, Some(&cafe.phone.token), &cafe.world.fresh_key(), &request).await.ok::<Resolution>()
    };
    // It never arrived: from now on it cannot.
    assert_eq!(resolve("tap-1").await, Resolution::Tombstone);
    let late = cafe.world.post(paths::ORDERS, Some(&cafe.phone.token), "tap-1", &request).await;
    assert_eq!(late.refused(410), Reason::IntentExpired);
    assert!(cafe.orders().await.is_empty());
    // It arrived: the answer is there.
    let placed = cafe.world.post(paths::ORDERS, Some(&cafe.phone.token), "tap-2", &request).await;
    let Resolution::Outcome { status, body } = resolve("tap-2").await else { panic!() };
    assert_eq!((status, body), (200, placed.body));
    assert_eq!(cafe.orders().await[0].id, order_id(1));
    // Other contents under the same id are another order.
    let other = OrderRequest { time: PickupTime::Scheduled { at_ms: T0 + 60 * MINUTE }, ..request };
    assert_eq!(cafe.try_order(&other).await.refused(409), Reason::OrderConflict);
    let stranger = cafe.world.phone(2, None).await;
    let got = cafe.world.post(paths::ORDERS, Some(&stranger.token), "tap-3", &other).await;
    assert_eq!(got.refused(409), Reason::OrderConflict, "nor is it anybody else's");
    cafe.world.stop().await;
}

/// Calls out in the middle of every second call.
struct Falls(std::sync::Arc<noren_backend::PaymentSandbox>, std::sync::atomic::AtomicU32);

impl Falls {
    fn or_fall(&self, answer: ProviderAnswer) -> ProviderAnswer {
        let times = self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        assert!(times % 2 == 1, "the provider's client falls over after the call");
        answer
    }
}

impl PaymentProvider for Falls {
    fn authorise(&self, key: &str, token: &str, amount: noren_backend::Amount<'_>) -> ProviderAnswer {
        self.or_fall(self.0.authorise(key, token, amount))
    }
    fn capture(&self, key: &str, authorisation: &str, amount: noren_backend::Amount<'_>) -> ProviderAnswer {
        self.or_fall(self.0.capture(key, authorisation, amount))
    }
    fn void(&self, key: &str, authorisation: &str) -> ProviderAnswer {
        self.or_fall(self.0.void(key, authorisation))
    }
    fn charge_more(&self, key: &str, capture: &str, amount: noren_backend::Amount<'_>) -> ProviderAnswer {
        self.or_fall(self.0.charge_more(key, capture, amount))
    }
    fn refund(&self, key: &str, capture: &str, amount: noren_backend::Amount<'_>) -> ProviderAnswer {
        self.or_fall(self.0.refund(key, capture, amount))
    }
    fn query(&self, key: &str) -> ProviderAnswer {
        self.or_fall(self.0.query(key))
    }
}

#[tokio::test]
async fn a_providers_client_that_falls_over_is_asked_again() {
    let cafe = cafe_that(|settings| {
        let directory = settings.data.clone().unwrap();
        let sandbox =
            noren_backend::PaymentSandbox::open(&directory.join(noren_backend::SANDBOX_FILE), Arc::clone(&settings.clock)).unwrap();
        settings.payments = Some(Arc::new(Falls(Arc::new(sandbox), std::sync::atomic::AtomicU32::new(0))));
    })
    .await;
    let view = cafe.order(1, COFFEE, "tok_ok").await;
    assert_eq!(view.payment, OrderPayment::Unknown);
    for _ in 0..6 {
        cafe.world.pass(MINUTE / 4);
        cafe.settle().await;
    }
    let view = cafe.view(&view.id).await;
    assert_eq!(
        (view.state, view.payment, cafe.money(&view.id), cafe.captures(&view.id)),
        (OrderState::Accepted, OrderPayment::Paid, 450, 1)
    );
    cafe.world.stop().await;
}
