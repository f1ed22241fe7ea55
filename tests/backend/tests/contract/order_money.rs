//! Random lives: whatever person, store, clock and provider do, the row is where the rules say, the provider has the money that it says, money and
//! points together are what was agreed, and the person is dealt with as was shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use noren_backend::{PaymentSandbox, SANDBOX_FILE};
use noren_rules::cart::{CaptureTime, Cart, OrderSnapshot, PaymentMethod, PointsMode};
use noren_rules::checkout::Checkout;
use noren_rules::menu::{Menu, MenuBook, MenuPrice};
use noren_rules::order::{Order, OrderActor, OrderEffect, OrderEvent, OrderLine, OrderRules, OrderState, PaymentState, RejectReason};
use noren_rules::slots::PickupTime;
use noren_rules::tax::TaxHandoff;
use noren_rules::tax::{JAPAN, TaxTable};
use noren_rules::wire::*;
use proptest::prelude::*;

use crate::menus::{cafe_menu, line_of};
use crate::order_ends::Strict;
use crate::ordering::*;
use crate::support::*;

#[derive(Debug, Clone)]
enum Did {
    Cancel,
    PayAtCounter,
    PayAgain,
    Edit { coffees: u32, in_min: i64 },
    Amend(TaxHandoff),
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
        2 => (1u32..4, prop::sample::select(vec![30i64, 90, 360])).prop_map(|(coffees, in_min)| Did::Edit { coffees, in_min }),
        2 => prop::sample::select(vec![TaxHandoff::EatIn, TaxHandoff::TakeOut]).prop_map(Did::Amend),
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
    /// What the card has paid by now, or will have once the provider has answered.
    card_minor: i64,
    /// What is to be paid at the counter of what the card did not give.
    counter_minor: i64,
    /// True where the provider loses its answer to a difference, and then declines it.
    gives_no_more: bool,
    /// True while that is not known yet.
    pending: bool,
    auto_accept: bool,
    /// True while the card is one that is refused.
    declined: bool,
    /// True while it is one that sets aside and does not give.
    gives_nothing: bool,
}

/// Cake is dearer at a table.
fn menu() -> Menu {
    let mut menu = cafe_menu();
    let own = |handoff, amount_minor| MenuPrice { handoff: Some(handoff), amount_minor };
    menu.items[1].prices = vec![own(TaxHandoff::TakeOut, 600), own(TaxHandoff::EatIn, 620), own(TaxHandoff::Delivery, 600)];
    menu.version = 2;
    menu
}

fn wanted(coffees: u32) -> Cart {
    let lines = [("coffee", coffees), ("cake", 1)].map(|(id, quantity)| line_of(menu(), id, quantity));
    Cart { lines: lines.into(), ..cart(&[]) }
}

/// What is shown of a cart, and the order that follows from it.
struct Agreed {
    cart: Cart,
    shown: OrderSnapshot,
    lines: Vec<OrderLine>,
    rules: OrderRules,
}

fn agree(terms: &OrderTerms, cart: Cart, method: PaymentMethod, times: (i64, Option<i64>), points: i64, now_ms: i64) -> Agreed {
    let (tax, book) = (TaxTable::from_json(JAPAN).unwrap(), MenuBook::new(menu()).unwrap());
    let (promised_ms, deadline_ms) = times;
    let of = OrderOf::Menu;
    let checkout = Checkout { terms, tax: &tax, book: &book, of, method, promised_ms, deadline_ms, coupons: None, points };
    let shown = checkout.show(&cart).unwrap();
    Agreed { lines: shown.order_lines(&cart, &book), shown: shown.snapshot, rules: checkout.rules(now_ms), cart }
}

/// Points that are with what is left of an order.
fn points_in(order: &Order) -> i64 {
    let of = |line: &OrderLine| {
        let paid = &line.paid;
        paid.points - paid.points * i64::from(paid.refunded_pieces) / i64::from(paid.pieces)
    };
    order.lines.iter().map(of).sum()
}

impl Mirror {
    fn take(&mut self, event: &OrderEvent, by: OrderActor, now_ms: i64) -> bool {
        match self.order.apply(event, by, now_ms) {
            Ok((next, effects)) => {
                if *event == OrderEvent::CaptureRefused {
                    (self.card_minor, self.counter_minor) = (0, 0);
                }
                effects.iter().for_each(|effect| self.book(effect));
                self.order = next;
                true
            }
            Err(_) => false,
        }
    }

    fn book(&mut self, effect: &OrderEffect) {
        match effect {
            OrderEffect::Capture { amount_minor } => self.card_minor += amount_minor,
            OrderEffect::Collect { amount_minor } => self.counter_minor += amount_minor,
            OrderEffect::Difference { money_minor, .. } if *money_minor > 0 && self.gives_no_more => {
                (self.counter_minor, self.pending) = (self.counter_minor + money_minor, true);
            }
            OrderEffect::Difference { money_minor, .. } if *money_minor > 0 => self.card_minor += money_minor,
            OrderEffect::Difference { money_minor: back, .. } => self.back(-back),
            OrderEffect::Refund { money_minor, .. } => self.back(*money_minor),
            _ => {}
        }
    }

    fn back(&mut self, minor: i64) {
        let of_counter = minor.min(self.counter_minor);
        (self.counter_minor, self.card_minor) = (self.counter_minor - of_counter, self.card_minor - (minor - of_counter));
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
                let answer = if self.gives_nothing { OrderEvent::CaptureRefused } else { OrderEvent::Captured };
                assert!(self.take(&answer, OrderActor::Backend, now_ms));
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

/// How a life begins.
#[derive(Debug, Clone)]
struct Begin {
    token: &'static str,
    capture: CaptureTime,
    auto_accept: bool,
    charge_no_show: bool,
    cancel_before_min: Option<u32>,
    points: i64,
    /// The provider gives nothing more than the first charge.
    gives_no_more: bool,
    /// It gives nothing back, until the end.
    keeps: bool,
}

/// Points that the member has before.
const POINTS: i64 = 2_000;

async fn live(begin: Begin, steps: Vec<Did>) {
    let Begin { token, capture, auto_accept, .. } = begin;
    let keeps = Arc::new(AtomicBool::new(begin.keeps));
    let change = |terms: &mut OrderTerms| {
        (terms.capture, terms.auto_accept, terms.charge_no_show) = (capture, auto_accept, begin.charge_no_show);
        (terms.cancel_before_min, terms.points) =
            (begin.cancel_before_min, Some(PointsRule { mode: PointsMode::Discount, value_minor: 1 }));
    };
    let mut cafe = cafe_of(change, |settings| {
        if begin.gives_no_more || begin.keeps {
            let directory = settings.data.clone().unwrap();
            let sandbox = PaymentSandbox::open(&directory.join(SANDBOX_FILE), Arc::clone(&settings.clock)).unwrap();
            settings.payments = Some(Arc::new(Strict { sandbox, keeps: Arc::clone(&keeps) }));
        }
    })
    .await;
    cafe.world.put_menus(&PutMenus { menus: vec![menu()], ..crate::menus::nothing() }).await.ok::<Kept>();
    cafe.world.sell(&sale("1", scanned(cafe.phone.qr(T0), T0), vec![line("a", 1, POINTS * 100)])).await;
    let mut request = cafe.ready_to_tap(1, wanted(2), token).await;
    let times = (request.shown.promised_ms, request.shown.deadline_ms);
    let mut agreed = agree(&cafe.terms, wanted(2), request.payment.method, times, begin.points, T0);
    (request.points, request.shown) = (begin.points, agreed.shown.clone());
    let order = Order::draft(request.id.clone(), agreed.lines.clone(), agreed.rules, request.shown.promised_ms);
    let gives_no_more = begin.gives_no_more || begin.keeps;
    let ledger = Mirror {
        order,
        card_minor: 0,
        counter_minor: 0,
        gives_no_more,
        pending: false,
        auto_accept,
        declined: token == "tok_declined",
        gives_nothing: token == "tok_capture_fail",
    };
    let mut mirror = ledger;
    assert!(mirror.take(&OrderEvent::Submit, OrderActor::Person, T0));
    if mirror.order.payment == PaymentState::Open {
        mirror.accept(T0);
    }
    mirror.settle(T0);
    let placed: OrderAnswer = cafe.try_order(&request).await.ok();
    assert_eq!(placed.question, None);
    let (id, code) = (placed.order.id.clone(), placed.order.pickup_code.clone().unwrap());
    cafe.settle().await;
    let mut ready_ms = None;
    for step in steps {
        let now_ms = cafe.world.now();
        let before = mirror.order.clone();
        match &step {
            Did::Pass(ms) => {
                cafe.world.pass(*ms);
                let phone = Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() };
                cafe.phone = cafe.world.renewed(phone).await;
                mirror.settle(cafe.world.now());
                mirror.pending &= *ms < 30_000;
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
                    (mirror.declined, mirror.gives_nothing) = (false, false);
                }
                if expected && event == OrderEvent::PayAtCounter {
                    mirror.accept(now_ms);
                }
            }
            Did::Edit { .. } | Did::Amend(_) => {
                let (cart, time) = match &step {
                    Did::Edit { coffees, in_min } => (wanted(*coffees), PickupTime::Scheduled { at_ms: now_ms + in_min * MINUTE }),
                    Did::Amend(tax_handoff) => {
                        let mut cart = Cart { tax_handoff: *tax_handoff, ..agreed.cart.clone() };
                        cart.lines.iter_mut().for_each(|line| line.seen_minor = None);
                        (cart, PickupTime::Asap)
                    }
                    _ => unreachable!(),
                };
                let taken = |shown: OrderSnapshot| match &step {
                    Did::Amend(tax_handoff) => OrderStep::Amend { tax_handoff: *tax_handoff, shown },
                    _ => OrderStep::Edit { cart: cart.clone(), time, shown },
                };
                // First as nobody would show it: the question says how it is.
                let stale = OrderSnapshot { total_minor: agreed.shown.total_minor + 1, ..agreed.shown.clone() };
                let got = cafe.try_step(&id, taken(stale)).await;
                if got.status == 409 {
                    let open = matches!(step, Did::Edit { .. }) && mirror.order.state == OrderState::Submitted;
                    assert!(!open, "{}", got.body);
                    continue;
                }
                let Some(shown) = got.ok::<OrderAnswer>().question.unwrap().shown_now else { continue };
                let method = mirror.order.rules.method;
                let next = agree(&cafe.terms, cart.clone(), method, (shown.promised_ms, None), agreed.shown.points, now_ms);
                assert_eq!(next.shown.digest(), shown.digest());
                let event = match &step {
                    Did::Amend(_) => OrderEvent::Amend { lines: next.lines.clone() },
                    _ => OrderEvent::Edit { lines: next.lines.clone(), promised_ms: shown.promised_ms, rules: next.rules },
                };
                let got = cafe.try_step(&id, taken(shown)).await;
                let expected = mirror.take(&event, OrderActor::Person, now_ms);
                assert_eq!(got.status, if expected { 200 } else { 409 }, "{step:?} {before:?} {}", got.body);
                if expected {
                    agreed = next;
                    if mirror.order.payment == PaymentState::Open {
                        mirror.accept(now_ms);
                    }
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
                    KitchenStep::GivenBack => unreachable!(),
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
        if view.state == OrderState::Ready && before.state != OrderState::Ready {
            ready_ms = Some(now_ms);
        }
        let now_ms = cafe.world.now();
        // Somebody who comes while it is kept has it, from when it was there to be fetched.
        if let Some(ready_ms) = ready_ms {
            let kept_ms = ready_ms.max(view.promised_ms) + 60 * MINUTE;
            assert!(view.state != OrderState::Expired || now_ms >= kept_ms, "{step:?}");
        }
        // What is not made ends.
        let waits = matches!(view.state, OrderState::Accepted | OrderState::InPreparation);
        assert!(!waits || now_ms < view.promised_ms + 60 * MINUTE, "{step:?}");
        // The right to cancel is the one that was shown.
        if view.state == OrderState::Accepted && !view.late && now_ms < view.promised_ms {
            let until_ms = agreed.shown.cancel.until_ms;
            assert_eq!(view.can_cancel, until_ms.is_none_or(|until_ms| now_ms < until_ms), "{step:?}");
        }
        // The provider's ledger is the order's money, with what it still has to give back.
        let owed = cafe.kitchen().await.orders.iter().filter(|order| order.id == id).map(|order| order.owed_back_minor).sum::<i64>();
        let money = cafe.money(&id) - owed;
        let by_token = order.rules.method == PaymentMethod::Token;
        let taken = by_token && order.charged && order.payment != PaymentState::Refused;
        if !mirror.pending {
            assert_eq!(money, mirror.card_minor, "{step:?} {order:?}");
            assert_eq!(money, if taken { order.left_minor() - mirror.counter_minor } else { 0 }, "{step:?} {order:?}");
            if order.charged {
                assert_eq!(view.to_pay_minor - view.refunded_minor, order.left_minor() + owed, "{step:?}");
            }
        }
        // What is left of its sale and returns is what was handed over, or charged.
        let receipts = cafe.world.history(&cafe.phone).await;
        let sold: i64 = receipts.iter().filter(|receipt| receipt.till_id.as_str() == "orders").map(|receipt| receipt.total_minor).sum();
        let documented = order.picked_up_ms.is_some() || (order.state == OrderState::Expired && order.charged);
        assert_eq!(sold, if documented { order.left_minor() } else { 0 }, "{step:?} {receipts:?}");
        assert_eq!(cafe.points().await, POINTS - points_in(order) + sold / 100, "{step:?} {order:?}");
        let called_off = matches!(view.state, OrderState::Canceled | OrderState::Rejected | OrderState::Failed);
        assert!(!called_off || points_in(order) == 0 && (mirror.pending || money == 0), "{step:?}");
    }
    // The provider comes to its senses.
    keeps.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        cafe.world.pass(61 * MINUTE);
        cafe.settle().await;
        mirror.settle(cafe.world.now());
    }
    cafe.phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    assert_eq!(cafe.money(&id), mirror.card_minor);
    // Whatever was handed over can come back, and then all is as before.
    if matches!(mirror.order.state, OrderState::PickedUp | OrderState::Completed) {
        for (line, pieces) in mirror.order.lines.iter().map(|line| line.paid.left_pieces()).enumerate().filter(|(_, pieces)| *pieces > 0) {
            cafe.staff(&id, KitchenStep::Refund { line: u32::try_from(line).unwrap(), pieces }).await;
        }
        assert_eq!((cafe.money(&id), cafe.points().await), (0, POINTS));
    }
    let captures = cafe.sandbox.calls(id.as_str()).unwrap().into_iter().filter(|call| call.kind == "capture" && call.status == "done");
    assert!(captures.count() <= 1);
    cafe.world.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_row_is_where_the_rules_say_and_the_ledger_has_its_money(
        token in prop::sample::select(vec!["tok_ok", "tok_ok", "tok_declined", "tok_capture_fail", ""]),
        capture in prop::sample::select(vec![CaptureTime::AtAcceptance, CaptureTime::AtHandOver]),
        auto_accept in prop::bool::weighted(0.6),
        charge_no_show in any::<bool>(),
        cancel_before_min in prop::sample::select(vec![None, Some(10)]),
        points in prop::sample::select(vec![0i64, 300, 1_500]),
        (gives_no_more, keeps) in (prop::bool::weighted(0.3), prop::bool::weighted(0.2)),
        steps in prop::collection::vec(did(), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(Begin { token, capture, auto_accept, charge_no_show, cancel_before_min, points, gives_no_more, keeps }, steps));
    }
}
