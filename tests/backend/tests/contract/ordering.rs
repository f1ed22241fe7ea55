//! Orders from the tap to the hand-over, as a phone and a kitchen see them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_backend::{PaymentSandbox, SANDBOX_FILE, Settings};
use noren_rules::cart::{Cart, CartLine, PaymentMethod};
use noren_rules::checkout::Checkout;
use noren_rules::ids::OrderId;
use noren_rules::menu::{HandoffMode, Menu, MenuBook};
use noren_rules::order::{OrderState, RejectReason};
use noren_rules::receipt::{Channel, ReceiptKind};
use noren_rules::slots::PickupTime;
use noren_rules::tax::{JAPAN, TaxHandoff, TaxTable};
use noren_rules::wire::*;

use crate::menus::*;
use crate::slots::order_id;
use crate::support::*;

/// A cafe with a payment sandbox, and one member.
pub struct Cafe {
    pub world: World,
    pub sandbox: Arc<PaymentSandbox>,
    pub phone: Phone,
    pub terms: OrderTerms,
    pub clock: Arc<AtomicI64>,
    pub directory: tempfile::TempDir,
}

pub fn order_settings(directory: &Path, clock: &Arc<AtomicI64>) -> (Settings, Arc<PaymentSandbox>) {
    let base = settings(clock);
    let sandbox = Arc::new(PaymentSandbox::open(&directory.join(SANDBOX_FILE), Arc::clone(&base.clock)).unwrap());
    let payments: Arc<dyn noren_backend::PaymentProvider> = sandbox.clone();
    let settings = Settings {
        data: Some(directory.to_owned()),
        payments: Some(payments),
        order_tick: None,
        durability: Some(noren_backend::Durability::None),
        ..base
    };
    (settings, sandbox)
}

pub async fn cafe() -> Cafe {
    cafe_with(|_| ()).await
}

pub async fn cafe_with(change: impl FnOnce(&mut OrderTerms)) -> Cafe {
    cafe_of(change, |_| ()).await
}

pub async fn cafe_that(set: impl FnOnce(&mut Settings)) -> Cafe {
    cafe_of(|_| (), set).await
}

pub async fn cafe_of(change: impl FnOnce(&mut OrderTerms), set: impl FnOnce(&mut Settings)) -> Cafe {
    let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0)));
    let (mut settings, sandbox) = order_settings(directory.path(), &clock);
    set(&mut settings);
    let world = world_with(settings, Arc::clone(&clock)).await;
    let phone = world.phone(1, None).await;
    let mut terms = terms_of(CAFE);
    change(&mut terms);
    let menus = PutMenus { terms: vec![terms.clone(), terms_of(NOODLES)], ..both() };
    world.put_menus(&menus).await.ok::<Kept>();
    Cafe { world, sandbox, phone, terms, clock, directory }
}

pub fn cart(items: &[(&str, u32)]) -> Cart {
    let lines = items.iter().map(|(item, quantity)| line_of(cafe_menu(), item, *quantity)).collect();
    Cart { lines, ..Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut) }
}

pub fn by(token: &str) -> PaymentChoice {
    match token {
        "" => PaymentChoice { method: PaymentMethod::AtCounter, token: None },
        token => PaymentChoice { method: PaymentMethod::Token, token: Some(token.to_owned()) },
    }
}

impl Cafe {
    /// What the phone shows before the tap.
    pub fn shown(
        &self,
        menu: Menu,
        cart: &Cart,
        method: PaymentMethod,
        promised_ms: i64,
        deadline_ms: Option<i64>,
        points: i64,
    ) -> noren_rules::cart::OrderSnapshot {
        let (tax, book) = (TaxTable::from_json(JAPAN).unwrap(), MenuBook::new(menu).unwrap());
        let checkout = Checkout {
            terms: &self.terms,
            tax: &tax,
            book: &book,
            of: OrderOf::Menu,
            method,
            promised_ms,
            deadline_ms,
            coupons: None,
            points,
        };
        checkout.show(cart).unwrap().snapshot
    }

    /// Holds a slot, and makes the order that the person then taps. The token of nothing is the counter.
    pub async fn ready_to_tap(&self, number: u32, cart: Cart, token: &str) -> OrderRequest {
        let wish = SlotHoldRequest {
            order: order_id(number),
            store: CAFE.into(),
            cart: cart.clone(),
            time: PickupTime::Asap,
            wanted_ms: None,
            replaces: None,
        };
        let held = self.world.slot(&self.phone, &wish).await;
        let payment = by(token);
        OrderRequest {
            id: order_id(number),
            store: CAFE.into(),
            of: OrderOf::Menu,
            shown: self.shown(cafe_menu(), &cart, payment.method, held.slot.promised_ms, held.until_ms, 0),
            cart,
            time: PickupTime::Asap,
            payment,
            coupons: vec![],
            points: 0,
            replaces: None,
            seat: None,
            vehicle: String::new(),
            deliver_to: None,
            avoids: vec![],
        }
    }

    pub async fn try_order(&self, request: &OrderRequest) -> Got {
        self.world.post(paths::ORDERS, Some(&self.phone.token), &self.world.fresh_key(), request).await
    }

    /// Orders, and lets the provider answer.
    pub async fn order(&self, number: u32, items: &[(&str, u32)], token: &str) -> OrderView {
        let request = self.ready_to_tap(number, cart(items), token).await;
        let answer: OrderAnswer = self.try_order(&request).await.ok();
        assert_eq!(answer.question, None);
        self.settle().await;
        self.view(&request.id).await
    }

    pub async fn settle(&self) {
        self.world.backend.as_ref().unwrap().settle().await.unwrap();
    }

    pub async fn orders(&self) -> Vec<OrderView> {
        self.world.get(paths::ORDERS, Some(&self.phone.token)).await.ok::<Orders>().orders
    }

    pub async fn view(&self, id: &OrderId) -> OrderView {
        self.orders().await.into_iter().find(|order| order.id == *id).unwrap()
    }

    pub async fn try_step(&self, id: &OrderId, step: OrderStep) -> Got {
        let request = OrderStepRequest { order: id.clone(), step, at_ms: self.world.now() };
        self.world.post(paths::ORDER_STEPS, Some(&self.phone.token), &self.world.fresh_key(), &request).await
    }

    pub async fn step(&self, id: &OrderId, step: OrderStep) -> OrderAnswer {
        let answer = self.try_step(id, step).await.ok();
        self.settle().await;
        answer
    }

    pub async fn try_staff(&self, id: &OrderId, step: KitchenStep) -> Got {
        self.world.till(paths::KITCHEN_STEPS, &KitchenStepRequest { order: id.clone(), step }).await
    }

    pub async fn staff(&self, id: &OrderId, step: KitchenStep) -> KitchenOrder {
        let order = self.try_staff(id, step).await.ok();
        self.settle().await;
        order
    }

    pub async fn ready(&self, id: &OrderId) -> KitchenOrder {
        self.staff(id, KitchenStep::Ready { shelf: "A-3".to_owned() }).await
    }

    pub async fn try_hand_over(&self, request: &HandOverRequest) -> Got {
        self.world.till(paths::KITCHEN_HAND_OVERS, request).await
    }

    /// By the code on the phone.
    pub async fn hand_over(&self, id: &OrderId) -> KitchenOrder {
        let code = self.view(id).await.pickup_code.unwrap();
        let handed = self.try_hand_over(&by_code(id, &code)).await.ok();
        self.settle().await;
        handed
    }

    pub async fn kitchen(&self) -> Kitchen {
        self.world.get(paths::KITCHEN, Some(noren_backend::DEMO_TILL_TOKEN)).await.ok()
    }

    /// What the provider has of an order's money.
    pub fn money(&self, id: &OrderId) -> i64 {
        self.sandbox.balance_minor(id.as_str()).unwrap()
    }

    pub async fn points(&self) -> i64 {
        self.world.membership(&self.phone).await.points
    }
}

pub fn by_code(id: &OrderId, code: &str) -> HandOverRequest {
    HandOverRequest { order: Some(id.clone()), code: code.to_owned(), age_checked: false, refused: vec![] }
}

#[tokio::test]
async fn a_life_at_the_counter() {
    let cafe = cafe().await;
    let request = cafe.ready_to_tap(1, cart(&[("coffee", 2), ("cake", 1)]), "").await;
    let answer: OrderAnswer = cafe.try_order(&request).await.ok();
    assert_eq!((answer.order.state, answer.order.payment.clone()), (OrderState::Accepted, OrderPayment::AtCounter));
    assert_eq!((answer.order.to_pay_minor, answer.order.call_number, answer.question), (1_500, Some(1), None));
    // The same id and contents again, under another key: the order as it stands.
    let again: OrderAnswer = cafe.try_order(&request).await.ok();
    assert_eq!(again.order, answer.order);
    let kitchen = cafe.kitchen().await;
    assert_eq!(kitchen.orders.len(), 1);
    assert_eq!(kitchen.orders[0].lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((kitchen.orders[0].to_collect_minor, kitchen.orders[0].start_ms <= kitchen.orders[0].promised_ms), (1_500, true));
    assert_eq!(cafe.staff(&request.id, KitchenStep::Start).await.state, OrderState::InPreparation);
    assert_eq!(cafe.ready(&request.id).await.shelf.as_deref(), Some("A-3"));
    let view = cafe.view(&request.id).await;
    assert_eq!((view.state, view.shelf.as_deref(), view.can_cancel), (OrderState::Ready, Some("A-3"), false));
    let handed = cafe.hand_over(&request.id).await;
    assert_eq!((handed.state, handed.payment, handed.to_collect_minor), (OrderState::PickedUp, OrderPayment::Paid, 0));
    let view = cafe.view(&request.id).await;
    assert_eq!((view.pickup_code, view.to_pay_minor, view.payment), (None, 1_500, OrderPayment::Paid));
    // It is a sale: in the history, with its tax, and its points.
    let history = cafe.world.history(&cafe.phone).await;
    assert_eq!(history.len(), 1);
    let receipt = &history[0];
    assert_eq!((receipt.number.as_str(), receipt.till_id.as_str(), receipt.kind), (request.id.as_str(), "orders", ReceiptKind::Sale));
    assert_eq!((receipt.channel, receipt.total_minor, receipt.points), (Channel::MobileOrder, 1_500, 15));
    assert_eq!(receipt.issuer.as_ref().unwrap().registration_number.as_deref(), Some("T1234567890123"));
    assert_eq!(receipt.taxes.as_ref().unwrap()[0], noren_rules::receipt::TaxLine { tax_permille: 80, gross_minor: 1_500, tax_minor: 111 });
    assert_eq!(cafe.points().await, 15);
    assert!(cafe.sandbox.calls("").unwrap().is_empty(), "nobody asked the provider");
    // Done by the clock; then the staff gives a coffee back.
    cafe.world.pass(31 * MINUTE);
    let phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    let cafe = Cafe { phone, ..cafe };
    assert_eq!(cafe.view(&request.id).await.state, OrderState::Completed);
    cafe.staff(&request.id, KitchenStep::Refund { line: 0, pieces: 1 }).await;
    let view = cafe.view(&request.id).await;
    assert_eq!((view.refunded_minor, view.lines[0].given_back, view.to_pay_minor), (450, 1, 1_500));
    let back = cafe.world.history(&cafe.phone).await.into_iter().find(|receipt| receipt.kind == ReceiptKind::Return).unwrap();
    assert_eq!((back.total_minor, back.of, cafe.points().await), (-450, Some(receipt.id.clone()), 10));
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_life_by_token() {
    let cafe = cafe().await;
    let request = cafe.ready_to_tap(1, cart(&[("coffee", 1)]), "tok_ok").await;
    let answer: OrderAnswer = cafe.try_order(&request).await.ok();
    assert_eq!((answer.order.state, answer.order.payment), (OrderState::Submitted, OrderPayment::Pending));
    cafe.settle().await;
    let view = cafe.view(&request.id).await;
    assert_eq!((view.state, view.payment), (OrderState::Accepted, OrderPayment::Paid));
    assert_eq!(cafe.money(&request.id), 450);
    cafe.ready(&request.id).await;
    cafe.hand_over(&request.id).await;
    assert_eq!(cafe.world.history(&cafe.phone).await[0].total_minor, 450);
    cafe.staff(&request.id, KitchenStep::Refund { line: 0, pieces: 1 }).await;
    assert_eq!((cafe.money(&request.id), cafe.points().await), (0, 0));
    let calls = cafe.sandbox.calls(request.id.as_str()).unwrap();
    let kinds: Vec<(&str, i64)> = calls.iter().map(|call| (call.kind.as_str(), call.amount_minor)).collect();
    assert_eq!(kinds, [("authorise", 450), ("capture", 450), ("refund", 450)]);
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_is_not_as_it_was_shown_is_asked() {
    let cafe = cafe().await;
    let request = cafe.ready_to_tap(1, cart(&[("coffee", 1)]), "tok_ok").await;
    let mut dearer = cafe_menu();
    (dearer.version, dearer.items[0].prices[0].amount_minor) = (2, 480);
    cafe.world.put_menus(&PutMenus { menus: vec![dearer.clone()], ..nothing() }).await.ok::<Kept>();
    let answer: OrderAnswer = cafe.try_order(&request).await.ok();
    let question = answer.question.clone().unwrap();
    assert_eq!((answer.order.state, answer.order.rejected), (OrderState::Rejected, Some(RejectReason::Changed)));
    assert_eq!(question.changes.len(), 1);
    let shown_now = question.shown_now.unwrap();
    assert_eq!(shown_now.total_minor, 480);
    assert!(cafe.kitchen().await.orders.is_empty(), "the kitchen was not asked");
    // Yes: a new order in its place, with the slot that was held.
    let line = CartLine::of(&MenuBook::new(dearer).unwrap(), &"coffee".into(), 1, TaxHandoff::TakeOut).unwrap();
    let yes = OrderRequest {
        id: order_id(2),
        replaces: Some(order_id(1)),
        cart: Cart { lines: vec![line], ..request.cart.clone() },
        shown: shown_now,
        ..request.clone()
    };
    let answer: OrderAnswer = cafe.try_order(&yes).await.ok();
    assert_eq!((answer.question, answer.order.replaces), (None, Some(order_id(1))));
    cafe.settle().await;
    assert_eq!((cafe.view(&order_id(2)).await.state, cafe.money(&order_id(2))), (OrderState::Accepted, 480));
    let third = OrderRequest { id: order_id(3), ..yes };
    assert_eq!(cafe.try_order(&third).await.refused(409), Reason::OrderConflict, "it has been replaced");
    // Without a slot: other times, or the same again.
    let late = OrderRequest { id: order_id(4), ..request };
    let answer: OrderAnswer = cafe.try_order(&late).await.ok();
    assert_eq!((answer.order.rejected, answer.question.is_some()), (Some(RejectReason::SlotGone), true));
    cafe.world.stop().await;
}
