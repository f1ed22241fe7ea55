//! How orders end where things do not go as they should: what is not made, made late, refused by the card, or of a row that cannot be read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use noren_backend::{Amount, PaymentProvider, PaymentSandbox, ProviderAnswer, SANDBOX_FILE};
use noren_rules::cart::{Cart, PaymentMethod, PointsMode};
use noren_rules::menu::{HandoffMode, MenuPrice};
use noren_rules::order::OrderState;
use noren_rules::slots::PickupTime;
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::*;

use crate::menus::{cafe_menu, nothing, terms_of};
use crate::ordering::*;
use crate::slots::order_id;
use crate::support::*;

const COFFEE: &[(&str, u32)] = &[("coffee", 1)];

async fn later(cafe: Cafe, ms: i64) -> Cafe {
    cafe.world.pass(ms);
    let phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    cafe.settle().await;
    Cafe { phone, ..cafe }
}

#[tokio::test]
async fn an_order_that_is_ready_late_is_kept_for_who_comes() {
    let cafe = cafe().await;
    let view = cafe.order(1, COFFEE, "tok_ok").await;
    let cafe = later(cafe, view.kept_until_ms - T0 - MINUTE).await;
    cafe.ready(&view.id).await;
    let cafe = later(cafe, 2 * MINUTE).await;
    let now = cafe.view(&view.id).await;
    assert_eq!((now.state, now.kept_until_ms), (OrderState::Ready, view.kept_until_ms - MINUTE + 60 * MINUTE));
    assert_eq!(cafe.hand_over(&view.id).await.state, OrderState::PickedUp);
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_is_promised_and_not_made_ends_with_the_money_back() {
    let cafe = cafe_with(|terms| terms.cancel_before_min = Some(1)).await;
    let (one, two) = (cafe.order(1, COFFEE, "tok_ok").await, cafe.order(2, COFFEE, "tok_ok").await);
    cafe.staff(&one.id, KitchenStep::Start).await;
    let cafe = later(cafe, one.promised_ms - T0).await;
    assert!(cafe.view(&one.id).await.can_cancel, "nobody has to wait for what is not there");
    let cafe = later(cafe, two.kept_until_ms - one.promised_ms).await;
    for id in [&one.id, &two.id] {
        assert_eq!((cafe.view(id).await.state, cafe.money(id)), (OrderState::Canceled, 0));
    }
    cafe.world.stop().await;
}

/// A provider that refuses more money, and to give any back while it is told so.
pub struct Strict {
    pub sandbox: PaymentSandbox,
    /// True while it gives nothing back.
    pub keeps: Arc<AtomicBool>,
}

impl PaymentProvider for Strict {
    fn authorise(&self, key: &str, token: &str, amount: Amount<'_>) -> ProviderAnswer {
        self.sandbox.authorise(key, token, amount)
    }
    fn capture(&self, key: &str, authorisation: &str, amount: Amount<'_>) -> ProviderAnswer {
        self.sandbox.capture(key, authorisation, amount)
    }
    fn void(&self, key: &str, authorisation: &str) -> ProviderAnswer {
        self.sandbox.void(key, authorisation)
    }
    // The first answer is lost, the later one is a no.
    fn charge_more(&self, _: &str, _: &str, _: Amount<'_>) -> ProviderAnswer {
        ProviderAnswer::NoAnswer
    }
    fn refund(&self, key: &str, capture: &str, amount: Amount<'_>) -> ProviderAnswer {
        if self.keeps.load(Ordering::SeqCst) { ProviderAnswer::Declined } else { self.sandbox.refund(key, capture, amount) }
    }
    fn query(&self, key: &str) -> ProviderAnswer {
        if key.contains("/difference/") { ProviderAnswer::Declined } else { self.sandbox.query(key) }
    }
}

async fn strict() -> (Cafe, Arc<AtomicBool>) {
    let keeps = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&keeps);
    let cafe = cafe_that(move |settings| {
        let directory = settings.data.clone().unwrap();
        let sandbox = PaymentSandbox::open(&directory.join(SANDBOX_FILE), Arc::clone(&settings.clock)).unwrap();
        settings.payments = Some(Arc::new(Strict { sandbox, keeps: told }));
    })
    .await;
    (cafe, keeps)
}

#[tokio::test]
async fn what_a_card_did_not_pay_is_not_asked_back_of_it() {
    let (cafe, _) = strict().await;
    let mut menu = cafe_menu();
    menu.version = 2;
    let own = |handoff, amount_minor| MenuPrice { handoff: Some(handoff), amount_minor };
    menu.items[1].prices = vec![own(TaxHandoff::TakeOut, 600), own(TaxHandoff::EatIn, 620)];
    cafe.world.put_menus(&PutMenus { menus: vec![menu.clone()], ..nothing() }).await.ok::<Kept>();
    let mut request = cafe.ready_to_tap(1, cart(&[("cake", 2)]), "tok_ok").await;
    let (promised_ms, deadline_ms) = (request.shown.promised_ms, request.shown.deadline_ms);
    request.shown = cafe.shown(menu.clone(), &request.cart, PaymentMethod::Token, promised_ms, deadline_ms, 0);
    cafe.try_order(&request).await.ok::<OrderAnswer>();
    cafe.settle().await;
    let eaten_in = Cart { tax_handoff: TaxHandoff::EatIn, ..cart(&[("cake", 2)]) };
    let shown = cafe.shown(menu, &eaten_in, PaymentMethod::Token, promised_ms, None, 0);
    assert_eq!(cafe.step(&request.id, OrderStep::Amend { tax_handoff: TaxHandoff::EatIn, shown }).await.question, None);
    cafe.staff(&request.id, KitchenStep::Cancel).await;
    assert_eq!(cafe.money(&request.id), 1_200, "the provider has not said yet what became of the difference");
    let cafe = later(cafe, 2_500).await;
    let view = cafe.view(&request.id).await;
    assert_eq!((view.state, cafe.money(&request.id)), (OrderState::Canceled, 0));
    assert!(cafe.kitchen().await.orders.iter().all(|order| order.owed_back_minor == 0));
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_refund_that_is_declined_stays_open() {
    let (cafe, keeps) = strict().await;
    let (one, two) = (cafe.order(1, COFFEE, "tok_ok").await, cafe.order(2, COFFEE, "tok_ok").await);
    keeps.store(true, Ordering::SeqCst);
    for id in [&one.id, &two.id] {
        cafe.staff(id, KitchenStep::Cancel).await;
        assert_eq!((cafe.view(id).await.refunded_minor, cafe.money(id)), (0, 450));
    }
    // Long after such an order is shown no more, the store sees what it owes.
    let cafe = later(cafe, 3 * 60 * MINUTE).await;
    let owed = cafe.kitchen().await.orders.into_iter().map(|order| order.owed_back_minor).collect::<Vec<_>>();
    assert_eq!(owed, [450, 450]);
    // The counter gives it back, once.
    cafe.staff(&one.id, KitchenStep::GivenBack).await;
    assert_eq!(cafe.try_staff(&one.id, KitchenStep::GivenBack).await.refused(409), Reason::OrderConflict);
    keeps.store(false, Ordering::SeqCst);
    let cafe = later(cafe, 2 * 60 * MINUTE).await;
    assert_eq!((cafe.view(&one.id).await.refunded_minor, cafe.money(&one.id)), (450, 450), "the provider was not asked again");
    assert_eq!((cafe.view(&two.id).await.refunded_minor, cafe.money(&two.id)), (450, 0), "and here it was, under a new key");
    assert!(cafe.kitchen().await.orders.is_empty());
    cafe.world.stop().await;
}

/// Points of the member, and an order that uses some.
async fn with_points(cafe: &Cafe, points: i64, token: &str) -> OrderView {
    cafe.world.sell(&sale("1", scanned(cafe.phone.qr(T0), T0), vec![line("a", 1, 100_000)])).await;
    let mut request = cafe.ready_to_tap(1, cart(COFFEE), token).await;
    let (promised_ms, deadline_ms) = (request.shown.promised_ms, request.shown.deadline_ms);
    (request.points, request.shown) =
        (points, cafe.shown(cafe_menu(), &request.cart, request.payment.method, promised_ms, deadline_ms, points));
    assert_eq!(cafe.try_order(&request).await.ok::<OrderAnswer>().question, None);
    assert_eq!(cafe.points().await, 1_000 - points);
    cafe.settle().await;
    cafe.view(&request.id).await
}

#[tokio::test]
async fn points_come_back_where_the_card_gives_nothing() {
    let cafe = cafe_with(|terms| terms.points = Some(PointsRule { mode: PointsMode::Discount, value_minor: 1 })).await;
    let view = with_points(&cafe, 200, "tok_capture_fail").await;
    assert_eq!((view.state, view.refunded_minor, cafe.points().await), (OrderState::Failed, 0, 1_000));
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_points_paid_for_comes_back_after_hand_over() {
    for token in ["", "tok_ok"] {
        let cafe = cafe_with(|terms| terms.points = Some(PointsRule { mode: PointsMode::Discount, value_minor: 1 })).await;
        let view = with_points(&cafe, 450, token).await;
        cafe.ready(&view.id).await;
        cafe.hand_over(&view.id).await;
        cafe.staff(&view.id, KitchenStep::Refund { line: 0, pieces: 1 }).await;
        assert_eq!((cafe.points().await, cafe.view(&view.id).await.lines[0].given_back), (1_000, 1), "{token}");
        assert_eq!(cafe.world.history(&cafe.phone).await.len(), 3, "its sale and its return");
        cafe.world.stop().await;
    }
}

#[tokio::test]
async fn the_counter_is_paid_only_where_the_store_says_so() {
    let cafe = cafe_with(|terms| terms.methods = vec![PaymentMethod::Token]).await;
    let view = cafe.order(1, COFFEE, "tok_declined").await;
    assert_eq!(cafe.try_step(&view.id, OrderStep::PayAtCounter).await.refused(400), Reason::InvalidRequest);
    assert_eq!(cafe.view(&view.id).await.state, OrderState::Submitted);
    cafe.world.stop().await;
}

#[tokio::test]
async fn an_edit_stays_where_it_was_ordered_to_and_has_the_rights_that_it_shows() {
    let cafe = cafe_with(|terms| {
        (terms.auto_accept, terms.cancel_before_min) = (false, Some(10));
        terms.handoffs.push(HandoffMode::Delivery);
    })
    .await;
    let view = cafe.order(1, COFFEE, "tok_ok").await;
    let time = PickupTime::Scheduled { at_ms: T0 + 180 * MINUTE };
    let edit = |cart: &Cart, shown| OrderStep::Edit { cart: cart.clone(), time, shown };
    for (handoff, tax_handoff) in [(HandoffMode::DineIn, TaxHandoff::EatIn), (HandoffMode::Delivery, TaxHandoff::Delivery)] {
        let cart = Cart { handoff, tax_handoff, ..cart(COFFEE) };
        let shown = cafe.shown(cafe_menu(), &cart, PaymentMethod::Token, T0 + 180 * MINUTE, None, 0);
        assert_eq!(cafe.try_step(&view.id, edit(&cart, shown)).await.refused(400), Reason::InvalidRequest, "{handoff:?}");
    }
    let wanted = cart(COFFEE);
    let shown = cafe.shown(cafe_menu(), &wanted, PaymentMethod::Token, T0 + 180 * MINUTE, None, 0);
    assert_eq!(shown.cancel.until_ms, Some(T0 + 170 * MINUTE));
    assert_eq!(cafe.step(&view.id, edit(&wanted, shown)).await.question, None);
    cafe.staff(&view.id, KitchenStep::Accept).await;
    let cafe = later(cafe, 169 * MINUTE).await;
    assert!(cafe.view(&view.id).await.can_cancel);
    let cafe = later(cafe, MINUTE).await;
    assert!(!cafe.view(&view.id).await.can_cancel);
    cafe.world.stop().await;
}

#[tokio::test]
async fn where_no_kitchen_books_anything_orders_need_no_slot() {
    let cafe = cafe().await;
    let (store, mut menu) = ("stall", noren_rules::menu::Menu { store: "stall".into(), ..cafe_menu() });
    menu.items.iter_mut().for_each(|item| item.make.clear());
    menu.groups.iter_mut().flat_map(|group| &mut group.modifiers).for_each(|modifier| modifier.make.clear());
    let terms = OrderTerms { auto_accept: false, ..terms_of(store) };
    let stall = PutMenus { menus: vec![menu.clone()], terms: vec![terms.clone()], ..nothing() };
    cafe.world.put_menus(&stall).await.ok::<Kept>();
    let till = "till-of-the-stall";
    cafe.world.backend.as_ref().unwrap().register_till("stall".into(), store.into(), till.to_owned()).await.unwrap();
    let cafe = Cafe { terms, ..cafe };
    let (wanted, promised_ms) = (cart(COFFEE), T0 + 20 * MINUTE);
    let held = cafe.ready_to_tap(9, wanted.clone(), "tok_ok").await;
    let shown = |promised_ms| cafe.shown(menu.clone(), &wanted, PaymentMethod::Token, promised_ms, None, 0);
    let request = OrderRequest { id: order_id(1), store: store.into(), shown: shown(promised_ms), ..held };
    let answer: OrderAnswer = cafe.try_order(&request).await.ok();
    assert_eq!((answer.question, answer.order.state, answer.order.promised_ms), (None, OrderState::Submitted, promised_ms));
    let late = OrderRequest { id: order_id(2), shown: shown(T0 + 8 * DAY), ..request };
    assert_eq!(cafe.try_order(&late).await.refused(400), Reason::InvalidRequest);
    cafe.settle().await;
    let edit = OrderStep::Edit { cart: wanted.clone(), time: PickupTime::Asap, shown: shown(T0 + 40 * MINUTE) };
    assert_eq!(cafe.step(&order_id(1), edit).await.order.promised_ms, T0 + 40 * MINUTE);
    for step in [KitchenStep::Accept, KitchenStep::Late { more_min: 5 }, KitchenStep::Ready { shelf: String::new() }, KitchenStep::Cancel] {
        let request = KitchenStepRequest { order: order_id(1), step };
        cafe.world.post(paths::KITCHEN_STEPS, Some(till), &cafe.world.fresh_key(), &request).await.ok::<KitchenOrder>();
    }
    cafe.settle().await;
    assert_eq!(cafe.money(&order_id(1)), 0);
    cafe.world.stop().await;
}

/// Waits with every authorisation of one order until it is told to go on.
struct Slow {
    sandbox: PaymentSandbox,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl PaymentProvider for Slow {
    fn authorise(&self, key: &str, token: &str, amount: Amount<'_>) -> ProviderAnswer {
        if key.starts_with(order_id(1).as_str()) {
            let (open, told) = &*self.gate;
            drop(told.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
        }
        self.sandbox.authorise(key, token, amount)
    }
    fn capture(&self, key: &str, authorisation: &str, amount: Amount<'_>) -> ProviderAnswer {
        self.sandbox.capture(key, authorisation, amount)
    }
    fn void(&self, key: &str, authorisation: &str) -> ProviderAnswer {
        self.sandbox.void(key, authorisation)
    }
    fn charge_more(&self, key: &str, capture: &str, amount: Amount<'_>) -> ProviderAnswer {
        self.sandbox.charge_more(key, capture, amount)
    }
    fn refund(&self, key: &str, capture: &str, amount: Amount<'_>) -> ProviderAnswer {
        self.sandbox.refund(key, capture, amount)
    }
    fn query(&self, key: &str) -> ProviderAnswer {
        self.sandbox.query(key)
    }
}

#[tokio::test]
async fn a_slow_card_holds_back_no_other() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let shut = Arc::clone(&gate);
    let cafe = cafe_that(move |settings| {
        let directory = settings.data.clone().unwrap();
        let sandbox = PaymentSandbox::open(&directory.join(SANDBOX_FILE), Arc::clone(&settings.clock)).unwrap();
        settings.payments = Some(Arc::new(Slow { sandbox, gate: shut }));
    })
    .await;
    let tap = async |number| {
        let request = cafe.ready_to_tap(number, cart(COFFEE), "tok_ok").await;
        cafe.try_order(&request).await.ok::<OrderAnswer>()
    };
    let others = async {
        tap(1).await;
        // Two calls after the other, while the first order's is still out; and an order that comes when it is.
        for number in [2, 3] {
            tap(number).await;
            while cafe.view(&order_id(number)).await.payment != OrderPayment::Paid {}
        }
        assert_eq!(cafe.view(&order_id(1)).await.payment, OrderPayment::Pending);
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
    };
    let work = async {
        while cafe.money(&order_id(1)) == 0 {
            cafe.settle().await;
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(others, work);
    assert_eq!(cafe.view(&order_id(1)).await.payment, OrderPayment::Paid);
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_no_other() {
    let cafe = cafe_with(|terms| terms.auto_accept = false).await;
    let (one, two) = (cafe.order(1, COFFEE, "tok_ok").await, cafe.order(2, COFFEE, "tok_ok").await);
    let stranger = cafe.world.phone(2, None).await;
    let db = rusqlite::Connection::open(cafe.directory.path().join("backend.sqlite")).unwrap();
    assert_eq!(db.execute("UPDATE orders SET machine = '{}', member = NULL WHERE id = ?1", [one.id.as_str()]).unwrap(), 1);
    drop(db);
    let cafe = later(cafe, 2 * MINUTE).await;
    assert_eq!(cafe.view(&two.id).await.state, OrderState::Rejected);
    let others = Cafe { phone: cafe.world.renewed(Phone { key: key(2), ..stranger }).await, ..cafe };
    let request = others.ready_to_tap(3, cart(COFFEE), "tok_ok").await;
    others.try_order(&request).await.ok::<OrderAnswer>();
    others.world.stop().await;
}

#[tokio::test]
async fn an_order_goes_on_without_its_member() {
    let cafe = cafe_with(|terms| (terms.capture, terms.keep_min) = (noren_rules::cart::CaptureTime::AtHandOver, 7 * 24 * 60)).await;
    let view = cafe.order(1, COFFEE, "tok_ok").await;
    cafe.ready(&view.id).await;
    let code = cafe.view(&view.id).await.pickup_code.unwrap();
    cafe.world.erase(&cafe.phone.key, "erase").await.ok::<Erasure>();
    cafe.world.pass(7 * DAY - 30 * MINUTE);
    cafe.settle().await;
    cafe.world.pass(30 * MINUTE + 10_000);
    cafe.settle().await;
    cafe.try_hand_over(&by_code(&view.id, &code)).await.ok::<KitchenOrder>();
    cafe.settle().await;
    assert_eq!(cafe.money(&view.id), 450, "the card was asked again, by its token");
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_table_is_closed_when_the_last_of_its_orders_is_called_off() {
    let cafe = cafe().await;
    let slip = SeatWorkRequest { work: SeatWork::Slip { seat: "T5".to_owned(), minutes: 180 } };
    let code = cafe.world.till(paths::KITCHEN_SEATS, &slip).await.ok::<SeatWorkAnswer>().code.unwrap();
    let scan = SeatRequest { code, check_in: None };
    let session: SeatSession = cafe.world.post(paths::SEATS, Some(&cafe.phone.token), "scan", &scan).await.ok();
    let order = async |number| {
        let eaten_in = Cart { handoff: HandoffMode::DineIn, tax_handoff: TaxHandoff::EatIn, ..cart(&[("cake", 1)]) };
        let request = OrderRequest { seat: Some(session.id.clone()), ..cafe.ready_to_tap(number, eaten_in, "").await };
        cafe.try_order(&request).await.ok::<OrderAnswer>().order.id
    };
    // Nothing was eaten yet: the guests may order anew.
    let (changed_mind, eaten) = (order(1).await, order(2).await);
    cafe.staff(&changed_mind, KitchenStep::Cancel).await;
    cafe.staff(&eaten, KitchenStep::Cancel).await;
    assert_eq!(cafe.kitchen().await.seats.len(), 1);
    let (eaten, last) = (order(3).await, order(4).await);
    cafe.ready(&eaten).await;
    cafe.hand_over(&eaten).await;
    cafe.world.pass(31 * MINUTE);
    assert_eq!(cafe.kitchen().await.seats.len(), 1);
    cafe.staff(&last, KitchenStep::Cancel).await;
    assert!(cafe.kitchen().await.seats.is_empty());
    cafe.world.stop().await;
}

#[tokio::test]
async fn an_amendment_of_what_has_left_the_menu_says_so() {
    let cafe = cafe().await;
    let view = cafe.order(1, &[("cake", 1)], "tok_ok").await;
    let mut menu = cafe_menu();
    menu.version = 2;
    menu.items.retain(|item| item.id.as_str() != "cake");
    menu.sections.iter_mut().for_each(|section| section.items.retain(|item| item.as_str() != "cake"));
    cafe.world.put_menus(&PutMenus { menus: vec![menu], ..nothing() }).await.ok::<Kept>();
    let eaten_in = Cart { tax_handoff: TaxHandoff::EatIn, ..cart(&[("cake", 1)]) };
    let shown = cafe.shown(cafe_menu(), &eaten_in, PaymentMethod::Token, view.promised_ms, None, 0);
    let question = cafe.step(&view.id, OrderStep::Amend { tax_handoff: TaxHandoff::EatIn, shown }).await.question.unwrap();
    assert_eq!((question.changes.len(), question.shown_now), (1, None));
    cafe.world.stop().await;
}
