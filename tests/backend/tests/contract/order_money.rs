//! Random lives: whatever person, store, clock and provider do, the row is where the rules say, and the provider has the money that it says.

use noren_rules::cart::{CaptureTime, PaymentMethod};
use noren_rules::order::{Order, OrderActor, OrderEvent, OrderState, PaymentState, RejectReason};
use noren_rules::tax::{JAPAN, TaxTable};
use noren_rules::wire::*;
use proptest::prelude::*;

use crate::menus::cafe_menu;
use crate::ordering::*;
use crate::support::*;

#[derive(Debug, Clone)]
enum Did {
    Cancel,
    PayAtCounter,
    PayAgain,
    Store(KitchenStep),
    HandOver { refused: Vec<u32> },
    Pass(i64),
}

fn did() -> impl Strategy<Value = Did> {
    let line = 0u32..3;
    prop_oneof![
        1 => Just(Did::Cancel),
        1 => Just(Did::PayAtCounter),
        1 => Just(Did::PayAgain),
        3 => Just(Did::Store(KitchenStep::Accept)),
        1 => Just(Did::Store(KitchenStep::Reject)),
        2 => Just(Did::Store(KitchenStep::Start)),
        4 => Just(Did::Store(KitchenStep::Ready { shelf: String::new() })),
        1 => (1u32..30).prop_map(|more_min| Did::Store(KitchenStep::Late { more_min })),
        3 => (line.clone(), 0u32..3).prop_map(|(line, pieces)| Did::Store(KitchenStep::Missing { line, pieces })),
        4 => (line.clone(), 0u32..3).prop_map(|(line, pieces)| Did::Store(KitchenStep::Refund { line, pieces })),
        1 => Just(Did::Store(KitchenStep::Cancel)),
        5 => prop::collection::vec(line, 0..2).prop_map(|refused| Did::HandOver { refused }),
        3 => prop::sample::select(vec![1_000, 30_000, 60_000, 120_000, 1_800_000, 4_000_000, 8 * DAY]).prop_map(Did::Pass),
    ]
}

/// The order by its rules alone, with a provider that answers at once.
struct Mirror {
    order: Order,
    auto_accept: bool,
    /// True while the card is one that is refused.
    declined: bool,
}

impl Mirror {
    fn take(&mut self, event: &OrderEvent, by: OrderActor, now_ms: i64) -> bool {
        match self.order.apply(event, by, now_ms) {
            Ok((next, _)) => {
                self.order = next;
                true
            }
            Err(_) => false,
        }
    }

    /// What clock and provider do by now.
    fn settle(&mut self, now_ms: i64) {
        loop {
            if let Some(event) = self.order.due(now_ms) {
                assert!(self.take(&event, OrderActor::Clock, now_ms));
            } else if self.order.payment == PaymentState::Authorising {
                let answer = if self.declined { OrderEvent::PaymentRefused } else { OrderEvent::Authorised { until_ms: now_ms + 7 * DAY } };
                assert!(self.take(&answer, OrderActor::Backend, now_ms));
                self.accept(now_ms);
            } else if self.order.payment == PaymentState::Capturing {
                // An authorisation that ended before the capture takes nothing.
                assert!(self.take(&OrderEvent::Captured, OrderActor::Backend, now_ms));
            } else {
                return;
            }
        }
    }

    fn accept(&mut self, now_ms: i64) {
        if self.auto_accept && self.order.state == OrderState::Submitted {
            self.take(&OrderEvent::Accept, OrderActor::Backend, now_ms);
        }
    }
}

async fn live(token: &'static str, capture: CaptureTime, auto_accept: bool, charge_no_show: bool, steps: Vec<Did>) {
    let mut cafe = cafe_with(|terms| {
        (terms.capture, terms.auto_accept, terms.charge_no_show) = (capture, auto_accept, charge_no_show);
    })
    .await;
    let wanted = cart(&[("coffee", 2), ("cake", 1)]);
    let request = cafe.ready_to_tap(1, wanted.clone(), token).await;
    let (tax, book) = (TaxTable::from_json(JAPAN).unwrap(), noren_rules::menu::MenuBook::new(cafe_menu()).unwrap());
    let checkout = noren_rules::checkout::Checkout {
        terms: &cafe.terms,
        tax: &tax,
        book: &book,
        of: OrderOf::Menu,
        method: request.payment.method,
        promised_ms: request.shown.promised_ms,
        deadline_ms: request.shown.deadline_ms,
        coupons: None,
        points: 0,
    };
    let lines = checkout.show(&wanted).unwrap().order_lines(&wanted, &book);
    let order = Order::draft(request.id.clone(), lines, checkout.rules(T0), request.shown.promised_ms);
    let mut mirror = Mirror { order, auto_accept, declined: token == "tok_declined" };
    assert!(mirror.take(&OrderEvent::Submit, OrderActor::Person, T0));
    if mirror.order.payment == PaymentState::Open {
        mirror.accept(T0);
    }
    mirror.settle(T0);
    let placed: OrderAnswer = cafe.try_order(&request).await.ok();
    let (id, code) = (placed.order.id.clone(), placed.order.pickup_code.clone().unwrap());
    cafe.settle().await;
    for step in steps {
        let now_ms = cafe.world.now();
        let before = mirror.order.clone();
        match &step {
            Did::Pass(ms) => {
                cafe.world.pass(*ms);
                let phone = Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() };
                cafe.phone = cafe.world.renewed(phone).await;
                mirror.settle(cafe.world.now());
            }
            Did::Cancel | Did::PayAtCounter | Did::PayAgain => {
                let (taken, event) = match &step {
                    Did::Cancel => (OrderStep::Cancel, OrderEvent::Cancel),
                    Did::PayAtCounter => (OrderStep::PayAtCounter, OrderEvent::PayAtCounter),
                    _ => (OrderStep::PayAgain { token: "tok_ok".to_owned() }, OrderEvent::PayAgain),
                };
                let got = cafe.try_step(&id, taken).await;
                let expected = mirror.take(&event, OrderActor::Person, now_ms);
                assert_eq!(got.status, if expected { 200 } else { 409 }, "{step:?} {before:?} {}", got.body);
                if expected && event == OrderEvent::PayAgain {
                    mirror.declined = false;
                }
                if expected && event == OrderEvent::PayAtCounter {
                    mirror.accept(now_ms);
                }
            }
            Did::Store(taken) => {
                let got = cafe.try_staff(&id, taken.clone()).await;
                let place = |line: &u32| usize::try_from(*line).unwrap();
                let event = match taken {
                    KitchenStep::Accept => OrderEvent::Accept,
                    KitchenStep::Reject => OrderEvent::Reject { reason: RejectReason::Store },
                    KitchenStep::Start => OrderEvent::Start,
                    KitchenStep::Ready { .. } => OrderEvent::MakeReady,
                    KitchenStep::Late { .. } if got.status == 200 => OrderEvent::Late { promised_ms: got.ok::<KitchenOrder>().promised_ms },
                    KitchenStep::Late { more_min } => OrderEvent::Late { promised_ms: before.promised_ms + i64::from(*more_min) * MINUTE },
                    KitchenStep::Missing { line, pieces } => OrderEvent::Missing { line: place(line), pieces: *pieces },
                    KitchenStep::Refund { line, pieces } => OrderEvent::Refund { line: place(line), pieces: *pieces },
                    KitchenStep::Cancel => OrderEvent::Cancel,
                };
                let expected = mirror.take(&event, OrderActor::Store, now_ms);
                assert_eq!(got.status, if expected { 200 } else { 409 }, "{step:?} {before:?} {}", got.body);
            }
            Did::HandOver { refused } => {
                let request = HandOverRequest { refused: refused.clone(), ..by_code(&id, &code) };
                let got = cafe.try_hand_over(&request).await;
                let refused = refused.iter().map(|line| usize::try_from(*line).unwrap()).collect();
                let expected = mirror.take(&OrderEvent::HandOver { age_checked: false, refused }, OrderActor::Store, now_ms);
                assert_eq!(got.status, if expected { 200 } else { 409 }, "{step:?} {before:?} {}", got.body);
            }
        }
        cafe.settle().await;
        mirror.settle(cafe.world.now());
        let view = cafe.orders().await.into_iter().find(|order| order.id == id);
        let Some(view) = view else {
            assert!(mirror.order.state.is_final(), "only what is over for a month is not shown");
            continue;
        };
        let order = &mirror.order;
        assert_eq!((view.state, view.promised_ms, view.late), (order.state, order.promised_ms, order.late), "{step:?}");
        let back: Vec<u32> = view.lines.iter().map(|line| line.given_back).collect();
        assert_eq!(back, order.lines.iter().map(|line| line.paid.refunded_pieces).collect::<Vec<_>>(), "{step:?}");
        // The provider's ledger is the order's money.
        let money = cafe.money(&id);
        let by_token = order.rules.method == PaymentMethod::Token;
        assert_eq!(money, if by_token && order.charged { order.left_minor() } else { 0 }, "{step:?} {order:?}");
        assert!(money >= 0);
        if order.charged {
            assert_eq!(view.to_pay_minor - view.refunded_minor, order.left_minor(), "{step:?}");
        }
        // What is left of its sale and returns is what was handed over, or charged.
        let receipts = cafe.world.history(&cafe.phone).await;
        let sold: i64 = receipts.iter().map(|receipt| receipt.total_minor).sum();
        let documented = order.picked_up_ms.is_some() || (order.state == OrderState::Expired && order.charged);
        assert_eq!(sold, if documented { order.left_minor() } else { 0 }, "{step:?} {receipts:?}");
        assert_eq!(cafe.points().await, sold / 100, "{step:?}");
    }
    let captures = cafe.sandbox.calls(id.as_str()).unwrap().into_iter().filter(|call| call.kind == "capture" && call.status == "done");
    assert!(captures.count() <= 1);
    cafe.world.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_row_is_where_the_rules_say_and_the_ledger_has_its_money(
        token in prop::sample::select(vec!["tok_ok", "tok_ok", "tok_declined", ""]),
        capture in prop::sample::select(vec![CaptureTime::AtAcceptance, CaptureTime::AtHandOver]),
        auto_accept in prop::bool::weighted(0.8),
        charge_no_show in any::<bool>(),
        steps in prop::collection::vec(did(), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(token, capture, auto_accept, charge_no_show, steps));
    }
}
