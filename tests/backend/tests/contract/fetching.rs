//! Goods that are ordered and fetched in a store, what is taken along with them, and orders at tables.

use noren_rules::cart::{Cart, CartLine, PaymentMethod};
use noren_rules::checkout::Checkout;
use noren_rules::menu::{HandoffMode, Menu, MenuBook};
use noren_rules::order::OrderState;
use noren_rules::receipt::Channel;
use noren_rules::slots::PickupTime;
use noren_rules::tax::{JAPAN, TaxHandoff, TaxTable};
use noren_rules::wire::*;

use crate::goods::product;
use crate::menus::*;
use crate::ordering::*;
use crate::slots::order_id;
use crate::support::*;

const SKUS: [&str; 4] = ["mug", "plate", "bowl", "spoon"];

/// The cafe also keeps goods for whoever orders them: five pieces of each.
async fn shop() -> Cafe {
    let cafe = cafe_with(|terms| terms.handoffs.push(HandoffMode::StorePickup)).await;
    cafe.world.products(vec![product("ware", &SKUS)]).await;
    for (store, north) in [(CAFE, 0.0), ("near", 700.0), ("far", 9_000.0)] {
        cafe.world.put_places(vec![crate::holds::store_at(store, north)]).await;
        cafe.world.location(store, false, true).await;
        cafe.world.counted(&[store], &SKUS, 5).await;
    }
    // What is sold at the moment of a count is in the count.
    cafe.world.pass(MINUTE);
    cafe
}

fn wanted(cafe: &Cafe, number: u32, pieces: &[(&str, u32)]) -> OrderRequest {
    let menu = Menu::of_goods(&CAFE.into(), &[product("ware", &SKUS)], "JPY", Channel::MobileOrder, cafe.world.now());
    let (tax, book) = (TaxTable::from_json(JAPAN).unwrap(), MenuBook::new(menu).unwrap());
    let lines = pieces.iter().map(|(sku, count)| CartLine::of(&book, &(*sku).into(), *count, TaxHandoff::TakeOut).unwrap()).collect();
    let cart = Cart { lines, ..Cart::new(HandoffMode::StorePickup, TaxHandoff::TakeOut) };
    let promised_ms = cafe.world.now() + 60 * MINUTE;
    let method = PaymentMethod::AtCounter;
    let (terms, of) = (&cafe.terms, OrderOf::Goods);
    let checkout = Checkout { terms, tax: &tax, book: &book, of, method, promised_ms, deadline_ms: None, coupons: None, points: 0 };
    OrderRequest {
        id: order_id(number),
        store: CAFE.into(),
        of,
        shown: checkout.show(&cart).unwrap().snapshot,
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

impl Cafe {
    async fn order_goods(&self, number: u32, pieces: &[(&str, u32)]) -> OrderAnswer {
        self.try_order(&wanted(self, number, pieces)).await.ok()
    }

    async fn task(&self, sku: &str) -> StoreTask {
        self.world.tasks().await.into_iter().find(|task| task.hold.sku == sku.into()).unwrap()
    }

    async fn fetched(&self, sku: &str, done: TaskDone) {
        let hold = self.task(sku).await.hold;
        self.world.done(&hold, done).await;
        self.settle().await;
    }

    async fn left(&self, sku: &str) -> Option<u32> {
        self.world.available(&self.phone, CAFE, sku).await.unwrap()
    }

    async fn report(&self) -> OrderReport {
        let (from_ms, until_ms) = (T0, T0 + DAY);
        let path = format!("{}?store={CAFE}&from_ms={from_ms}&until_ms={until_ms}", paths::OPERATOR_ORDER_REPORT);
        self.world.get(&path, Some(noren_backend::DEMO_OPERATOR_TOKEN)).await.ok()
    }

    async fn add_ons(&self, number: u32) -> Vec<AddOn> {
        let path = format!("{}?order={}", paths::ORDER_ADD_ONS, order_id(number));
        self.world.get(&path, Some(&self.phone.token)).await.ok::<AddOns>().add_ons
    }
}

fn picked(shelf: &str) -> TaskDone {
    TaskDone::Picked { shelf_number: shelf.to_owned() }
}

#[tokio::test]
async fn goods_are_fetched_by_the_staff_and_handed_over_with_the_order() {
    let cafe = shop().await;
    let answer = cafe.order_goods(1, &[("mug", 2), ("plate", 1)]).await;
    assert_eq!((answer.question, answer.order.state), (None, OrderState::Accepted));
    assert_eq!((cafe.left("mug").await, cafe.left("plate").await), (Some(3), Some(4)));
    let task = cafe.task("mug").await;
    let call = order_id(1).as_str()[12..].to_uppercase();
    assert_eq!((task.order, task.hold.quantity, task.hold.call), (Some(order_id(1)), 2, call));
    assert!(cafe.world.holds(&cafe.phone).await.is_empty(), "an order is no hold");
    cafe.fetched("mug", picked("B-1")).await;
    assert_eq!(cafe.view(&order_id(1)).await.state, OrderState::Accepted);
    cafe.fetched("plate", picked("B-1")).await;
    let view = cafe.view(&order_id(1)).await;
    assert_eq!((view.state, view.shelf.as_deref()), (OrderState::Ready, Some("B-1")));
    let hold = cafe.task("mug").await.hold;
    assert_eq!(cafe.world.try_done(&hold, TaskDone::HandedOver).await.refused(409), Reason::HoldConflict);
    cafe.hand_over(&order_id(1)).await;
    assert_eq!(cafe.world.history(&cafe.phone).await[0].total_minor, 3 * 1_990);
    // Sold once: what was kept is gone, and nothing is kept any more.
    assert_eq!((cafe.left("mug").await, cafe.left("plate").await), (Some(3), Some(4)));
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_is_short_or_missing_is_said() {
    let cafe = shop().await;
    cafe.order_goods(1, &[("mug", 4), ("plate", 1)]).await;
    let answer = cafe.order_goods(2, &[("mug", 2), ("bowl", 1)]).await;
    assert_eq!(answer.order.state, OrderState::Rejected);
    let short = answer.question.unwrap().short;
    assert_eq!((short.len(), short[0].sku.as_str(), short[0].available), (1, "mug", Some(1)));
    let elsewhere: Vec<_> = short[0].alternatives.iter().map(|other| (other.store.as_str(), other.distance_m)).collect();
    assert_eq!(elsewhere, [("near", Some(700)), ("far", Some(9_000))]);
    assert_eq!(cafe.left("bowl").await, Some(5), "all or nothing");
    // The books were wrong about plates: the mugs are the order now.
    cafe.fetched("mug", picked("7")).await;
    cafe.fetched("plate", TaskDone::NotFound).await;
    let view = cafe.view(&order_id(1)).await;
    assert_eq!((view.state, view.lines[1].given_back, view.to_pay_minor), (OrderState::Ready, 1, 4 * 1_990));
    // Nobody comes: a week later the mugs go back to the shelf, and are sold again.
    cafe.world.pass(8 * DAY);
    let phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    let cafe = Cafe { phone, ..cafe };
    assert_eq!(cafe.view(&order_id(1)).await.state, OrderState::Expired);
    assert_eq!(cafe.task("mug").await.hold.state, noren_rules::holds::HoldState::Released);
    assert_eq!(cafe.left("mug").await, Some(1));
    cafe.fetched("mug", TaskDone::PutBack).await;
    assert_eq!(cafe.left("mug").await, Some(5));
    assert_eq!(cafe.report().await.no_shows, 1);
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_is_taken_along_is_offered_from_that_shelf_and_counted() {
    let cafe = shop().await;
    let sold = |number: &str, sku: &str, pieces: i64, customer: Customer, at_ms: i64| SaleRequest {
        store_id: CAFE.into(),
        sold_at_ms: at_ms,
        ..sale(number, customer, vec![line(sku, pieces, 1_990 * pieces)])
    };
    let now = cafe.world.now();
    cafe.world.sell(&sold("1", "bowl", 1, Customer::Anonymous, now)).await;
    cafe.world.sell(&sold("2", "spoon", 2, Customer::Anonymous, now)).await;
    cafe.world.sell(&sold("3", "plate", 5, Customer::Anonymous, now)).await;
    let request = cafe.ready_to_tap(1, cart(&[("coffee", 2)]), "").await;
    cafe.try_order(&request).await.ok::<OrderAnswer>();
    // Plates sell best and are gone; a mug was never sold, and lies there.
    let offered = cafe.add_ons(1).await;
    let skus: Vec<_> = offered.iter().map(|add_on| (add_on.sku.as_str(), add_on.available, add_on.price_minor)).collect();
    assert_eq!(skus, [("spoon", 3, 1_990), ("bowl", 4, 1_990), ("mug", 5, 1_990)]);
    assert_eq!(offered[0].titles.get("ja"), "品 ware / 紺 / size spoon");
    cafe.order_goods(2, &[("spoon", 1)]).await;
    let skus: Vec<_> = cafe.add_ons(2).await.into_iter().map(|add_on| add_on.sku.0).collect();
    assert_eq!(skus, ["bowl", "mug"], "not what is in the order");
    let other = cafe.world.phone(2, None).await;
    let path = format!("{}?order={}", paths::ORDER_ADD_ONS, order_id(1));
    assert_eq!(cafe.world.get(&path, Some(&other.token)).await.refused(404), Reason::NotFound);

    cafe.ready(&order_id(1)).await;
    cafe.hand_over(&order_id(1)).await;
    let card = |at_ms: i64| scanned(cafe.phone.qr(at_ms), at_ms);
    let before = cafe.world.now() - 1;
    cafe.world.sell(&sold("4", "mug", 1, card(before), before)).await;
    cafe.world.sell(&sold("5", "mug", 2, card(before + MINUTE), before + MINUTE)).await;
    cafe.world.sell(&sold("6", "mug", 1, Customer::Anonymous, before + MINUTE)).await;
    cafe.world.sell(&SaleRequest { store_id: "near".into(), ..sold("7", "mug", 1, card(before + MINUTE), before + MINUTE) }).await;
    let late = before + 61 * MINUTE;
    cafe.world.pass(62 * MINUTE);
    cafe.world.sell(&sold("8", "mug", 1, card(late), late)).await;
    let report = cafe.report().await;
    assert_eq!((report.pickups, report.attached_sales, report.attached_minor), (1, 1, 2 * 1_990));
    let quarters: Vec<_> = report.quarters.iter().map(|quarter| (quarter.orders, quarter.make_s)).collect();
    assert_eq!(quarters, [(1, 120), (1, 0)]);
    let wrong = format!("{}?store={CAFE}&from_ms=5&until_ms=5", paths::OPERATOR_ORDER_REPORT);
    assert_eq!(cafe.world.get(&wrong, Some(noren_backend::DEMO_OPERATOR_TOKEN)).await.refused(400), Reason::InvalidRequest);
    cafe.world.stop().await;
}

#[tokio::test]
async fn at_a_table_one_orders_into_its_session() {
    let cafe = cafe().await;
    let work = |work| async { cafe.world.till(paths::KITCHEN_SEATS, &SeatWorkRequest { work }).await.ok::<SeatWorkAnswer>() };
    let sit = |code: String| async {
        let request = SeatRequest { code, check_in: None };
        cafe.world.post(paths::SEATS, Some(&cafe.phone.token), &cafe.world.fresh_key(), &request).await.ok::<SeatSession>()
    };
    let slip = work(SeatWork::Slip { seat: "4".to_owned(), minutes: 90 }).await.code.unwrap();
    let plate = work(SeatWork::Plate { seat: "5".to_owned() }).await.code.unwrap();
    let (open, waiting) = (sit(slip).await, sit(plate).await);
    let seated = |mut request: OrderRequest, seat: &SeatSession| {
        request.seat = Some(seat.id.clone());
        request
    };
    let at_table = Cart { handoff: HandoffMode::DineIn, tax_handoff: TaxHandoff::EatIn, ..cart(&[("coffee", 1)]) };
    let request = cafe.ready_to_tap(1, at_table.clone(), "").await;
    let refused = cafe.try_order(&seated(request.clone(), &waiting)).await;
    assert_eq!(refused.refused(403), Reason::SeatRefused, "a photographed plate");
    let nobody = SeatSession { id: "nobody-s".into(), ..open.clone() };
    assert_eq!(cafe.try_order(&seated(request.clone(), &nobody)).await.refused(403), Reason::SeatRefused);
    let answer: OrderAnswer = cafe.try_order(&seated(request, &open)).await.ok();
    assert_eq!((answer.order.state, answer.question), (OrderState::Accepted, None));
    let kitchen = cafe.kitchen().await;
    assert_eq!(kitchen.orders[0].seat.as_deref(), Some("4"));
    let seats: Vec<_> = kitchen.seats.iter().map(|seat| (seat.seat.as_str(), seat.state)).collect();
    assert_eq!(seats, [("5", SeatState::Waiting), ("4", SeatState::Open)]);
    // The code of a table of another store.
    let elsewhere = "till-of-the-noodles";
    cafe.world.backend.as_ref().unwrap().register_till("noodle-till".into(), NOODLES.into(), elsewhere.to_owned()).await.unwrap();
    let slip = SeatWorkRequest { work: SeatWork::Slip { seat: "4".to_owned(), minutes: 90 } };
    let other: SeatWorkAnswer = cafe.world.post(paths::KITCHEN_SEATS, Some(elsewhere), "k", &slip).await.ok();
    let there = sit(other.code.unwrap()).await;
    let request = cafe.ready_to_tap(2, at_table, "").await;
    assert_eq!(cafe.try_order(&seated(request, &there)).await.refused(403), Reason::SeatRefused);
    // Once all its orders are done the visit is over.
    cafe.ready(&order_id(1)).await;
    cafe.hand_over(&order_id(1)).await;
    cafe.world.pass(31 * MINUTE);
    assert!(cafe.kitchen().await.seats.iter().all(|seat| seat.seat != "4"));
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_was_found_before_the_store_accepted_counts_once_it_does() {
    let cafe = shop().await;
    let terms = OrderTerms { auto_accept: false, ..cafe.terms.clone() };
    cafe.world.put_menus(&PutMenus { terms: vec![terms.clone()], ..crate::menus::nothing() }).await.ok::<Kept>();
    let cafe = Cafe { terms, ..cafe };
    cafe.order_goods(1, &[("mug", 2), ("plate", 1)]).await;
    cafe.order_goods(2, &[("bowl", 1)]).await;
    cafe.fetched("mug", picked("B-1")).await;
    cafe.fetched("plate", TaskDone::NotFound).await;
    cafe.fetched("bowl", TaskDone::NotFound).await;
    assert_eq!(cafe.view(&order_id(1)).await.state, OrderState::Submitted);
    for number in [1, 2] {
        cafe.staff(&order_id(number), KitchenStep::Accept).await;
    }
    let view = cafe.view(&order_id(1)).await;
    assert_eq!((view.state, view.lines[1].given_back, view.to_pay_minor), (OrderState::Ready, 1, 2 * 1_990));
    assert_eq!(view.shelf.as_deref(), Some("B-1"));
    assert_eq!(cafe.view(&order_id(2)).await.state, OrderState::Canceled);
    cafe.world.stop().await;
}
