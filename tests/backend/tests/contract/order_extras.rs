//! Points and coupons of orders, orders at a table, and orders of goods.

use noren_rules::cart::{Cart, PointsMode};
use noren_rules::checkout::Checkout;
use noren_rules::grants::GrantState;
use noren_rules::holds::HoldState;
use noren_rules::menu::{HandoffMode, Menu, MenuBook};
use noren_rules::order::OrderState;
use noren_rules::receipt::{Channel, ReceiptKind};
use noren_rules::slots::{KitchenBook, KitchenPlan, LoadLevelling, PickupTime, make_tasks};
use noren_rules::tax::{JAPAN, TaxHandoff, TaxTable};
use noren_rules::wire::*;

use crate::goods::product;
use crate::menus::{CAFE, cafe_menu, kitchen_of, nothing};
use crate::ordering::*;
use crate::slots::{at, order_id, wish};
use crate::stand::{PLACE, offer, place};
use crate::support::*;

#[tokio::test]
async fn points_are_spent_with_the_order_and_come_back_with_its_pieces() {
    let cafe = cafe_with(|terms| terms.points = Some(PointsRule { mode: PointsMode::Discount, value_minor: 1 })).await;
    let bought = sale("1", scanned(cafe.phone.qr(T0), T0), vec![line("a", 1, 50_000)]);
    cafe.world.sell(&bought).await;
    assert_eq!(cafe.points().await, 500);
    let wanted = cart(&[("cake", 2)]);
    let mut request = cafe.ready_to_tap(1, wanted.clone(), "tok_ok").await;
    request.points = 200;
    request.shown = cafe.shown(cafe_menu(), &wanted, request.payment.method, request.shown.promised_ms, request.shown.deadline_ms, 200);
    let answer: OrderAnswer = cafe.try_order(&request).await.ok();
    assert_eq!((answer.question, answer.order.to_pay_minor), (None, 1_000));
    cafe.settle().await;
    assert_eq!((cafe.points().await, cafe.money(&request.id)), (300, 1_000));
    cafe.staff(&request.id, KitchenStep::Missing { line: 0, pieces: 1 }).await;
    assert_eq!((cafe.points().await, cafe.money(&request.id)), (400, 500));
    cafe.ready(&request.id).await;
    cafe.hand_over(&request.id).await;
    assert_eq!(cafe.points().await, 405, "and what was paid in money earns");
    // More points than the member has are a question.
    let mut greedy = cafe.ready_to_tap(2, wanted.clone(), "tok_ok").await;
    greedy.points = 1_000;
    greedy.shown = cafe.shown(cafe_menu(), &wanted, greedy.payment.method, greedy.shown.promised_ms, greedy.shown.deadline_ms, 1_000);
    let answer: OrderAnswer = cafe.try_order(&greedy).await.ok();
    assert_eq!((answer.question.unwrap().shown_now.unwrap().points, cafe.points().await), (405, 405));
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_coupon_is_spent_by_one_order_and_given_back_with_it() {
    let mut cafe = cafe().await;
    let places = PutPlaces { places: vec![place(PLACE, CAFE)], routes: vec![], remove: vec![] };
    cafe.world.operator(paths::OPERATOR_PLACES, &places).await.ok::<Kept>();
    cafe.world.put_offers(vec![offer(7)]).await.ok::<Kept>();
    let lease = cafe.world.lease_with(&mut cafe.phone, &[]).await;
    let serial = lease.wallet.grants[0].serial;
    let mut asked = cafe.ready_to_tap(1, cart(&[("cake", 2)]), "tok_ok").await;
    asked.coupons = vec![serial, 999];
    let question = cafe.try_order(&asked).await.ok::<OrderAnswer>().question.unwrap();
    let shown = question.shown_now.unwrap();
    assert_eq!((shown.discount_minor, shown.to_pay_minor), (100, 1_100), "the screen had left it out");
    let yes = OrderRequest { id: order_id(2), replaces: Some(order_id(1)), shown, ..asked };
    let answer: OrderAnswer = cafe.try_order(&yes).await.ok();
    assert_eq!((answer.question, answer.order.to_pay_minor), (None, 1_100));
    cafe.settle().await;
    let state = async || cafe.world.wallet(&cafe.phone).await.grants.into_iter().find(|grant| grant.serial == serial).unwrap().state;
    assert_eq!((state().await, cafe.world.funnel(7).await.budget.unwrap().spent), (GrantState::Redeemed, 1));
    // No second order has it.
    let mut second = cafe.ready_to_tap(3, cart(&[("cake", 2)]), "tok_ok").await;
    second.coupons = vec![serial];
    assert_eq!(cafe.try_order(&second).await.ok::<OrderAnswer>().order.to_pay_minor, 1_200);
    cafe.step(&yes.id, OrderStep::Cancel).await;
    assert_eq!((state().await, cafe.world.funnel(7).await.budget.unwrap().spent), (GrantState::RolledBack, 0));
    assert_eq!(cafe.money(&yes.id), 0);
    // Another's coupon is none.
    let stranger = cafe.world.phone(2, None).await;
    let others = Cafe { phone: stranger, ..cafe };
    let mut theirs = others.ready_to_tap(4, cart(&[("cake", 2)]), "tok_ok").await;
    theirs.coupons = vec![serial];
    let answer: OrderAnswer = others.try_order(&theirs).await.ok();
    assert_eq!((answer.question, answer.order.to_pay_minor), (None, 1_200));
    others.world.stop().await;
}

#[tokio::test]
async fn a_table_is_ordered_from_while_it_is_open_and_closed_when_all_is_done() {
    let cafe = cafe().await;
    let work = async |work: SeatWork| cafe.world.till(paths::KITCHEN_SEATS, &SeatWorkRequest { work }).await.ok::<SeatWorkAnswer>();
    let slip = work(SeatWork::Slip { seat: "T5".to_owned(), minutes: 60 }).await.code.unwrap();
    let scan = SeatRequest { code: slip, check_in: None };
    let session: SeatSession = cafe.world.post(paths::SEATS, Some(&cafe.phone.token), "scan", &scan).await.ok();
    let eaten_in = Cart { handoff: HandoffMode::DineIn, tax_handoff: TaxHandoff::EatIn, ..cart(&[("cake", 1)]) };
    let mut request = cafe.ready_to_tap(1, eaten_in, "").await;
    assert_eq!(cafe.try_order(&request).await.refused(400), Reason::InvalidRequest, "no table was named");
    request.seat = Some("nobody-sits-there".into());
    assert_eq!(cafe.try_order(&request).await.refused(403), Reason::SeatRefused);
    request.seat = Some(session.id.clone());
    let answer: OrderAnswer = cafe.try_order(&request).await.ok();
    assert_eq!((answer.question, answer.order.tax_handoff), (None, TaxHandoff::EatIn));
    let kitchen = cafe.kitchen().await;
    assert_eq!((kitchen.orders[0].seat.as_deref(), kitchen.seats.len()), (Some("T5"), 1));
    cafe.ready(&request.id).await;
    cafe.hand_over(&request.id).await;
    assert_eq!(cafe.kitchen().await.seats.len(), 1);
    cafe.world.pass(31 * MINUTE);
    let kitchen = cafe.kitchen().await;
    assert_eq!((kitchen.orders[0].state, kitchen.seats.len()), (OrderState::Completed, 0));
    cafe.world.stop().await;
}

/// An order of goods, to be fetched in the store.
fn goods_order(cafe: &Cafe, number: u32, skus: &[(&str, u32)], token: &str) -> OrderRequest {
    let (store, all) = (CAFE.into(), product("shirt", &["s", "m"]));
    let menu = Menu::of_goods(&store, &[all], "JPY", Channel::Ec, cafe.world.now());
    let book = MenuBook::new(menu).unwrap();
    let lines =
        skus.iter().map(|(sku, pieces)| noren_rules::cart::CartLine::of(&book, &(*sku).into(), *pieces, TaxHandoff::TakeOut).unwrap());
    let cart = Cart { lines: lines.collect(), ..Cart::new(HandoffMode::StorePickup, TaxHandoff::TakeOut) };
    let (tax, payment) = (TaxTable::from_json(JAPAN).unwrap(), by(token));
    let checkout = Checkout {
        terms: &cafe.terms,
        tax: &tax,
        book: &book,
        of: OrderOf::Goods,
        method: payment.method,
        promised_ms: cafe.world.now(),
        deadline_ms: None,
        coupons: None,
        points: 0,
    };
    OrderRequest {
        id: order_id(number),
        store,
        of: OrderOf::Goods,
        shown: checkout.show(&cart).unwrap().snapshot,
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

#[tokio::test]
async fn goods_are_reserved_fetched_and_handed_over_or_go_back() {
    let cafe =
        cafe_with(|terms| (terms.handoffs, terms.keep_goods_days) = (vec![HandoffMode::CounterPickup, HandoffMode::StorePickup], 3)).await;
    cafe.world.products(vec![product("shirt", &["s", "m"])]).await;
    cafe.world.location(CAFE, false, true).await;
    cafe.world.counted(&[CAFE], &["s", "m"], 2).await;
    cafe.world.pass(MINUTE);
    let left = async |sku: &str| cafe.world.available(&cafe.phone, CAFE, sku).await.unwrap().unwrap();
    let one = goods_order(&cafe, 1, &[("s", 2), ("m", 1)], "tok_ok");
    let answer: OrderAnswer = cafe.try_order(&one).await.ok();
    assert_eq!(answer.question, None);
    cafe.settle().await;
    assert_eq!((left("s").await, left("m").await, cafe.money(&one.id)), (0, 1, 5_970));
    // Somebody else is too late, and hears where else there is some.
    let late: OrderAnswer = cafe.try_order(&goods_order(&cafe, 2, &[("s", 1)], "tok_ok")).await.ok();
    assert_eq!((late.order.state, late.question.unwrap().short[0].available), (OrderState::Rejected, Some(0)));
    assert_eq!(cafe.money(&order_id(2)), 0);
    // The staff fetches them: one is not there.
    let tasks = cafe.world.tasks().await;
    assert_eq!(tasks.len(), 2);
    let of = |sku: &str| tasks.iter().find(|task| task.hold.sku.as_str() == sku).unwrap().hold.clone();
    cafe.world.done(&of("m"), TaskDone::NotFound).await;
    cafe.settle().await;
    let view = cafe.view(&one.id).await;
    assert_eq!((view.state, view.refunded_minor, cafe.money(&one.id)), (OrderState::Accepted, 1_990, 3_980));
    cafe.world.done(&of("s"), TaskDone::Picked { shelf_number: "B7".to_owned() }).await;
    let view = cafe.view(&one.id).await;
    assert_eq!((view.state, view.shelf.as_deref()), (OrderState::Ready, Some("B7")));
    cafe.hand_over(&one.id).await;
    let receipt = cafe.world.history(&cafe.phone).await.remove(0);
    assert_eq!((receipt.channel, receipt.total_minor, receipt.kind), (Channel::Ec, 3_980, ReceiptKind::Sale));
    assert_eq!(left("s").await, 0, "sold");
    // A piece comes back to the shelf, and its money.
    cafe.staff(&one.id, KitchenStep::Refund { line: 0, pieces: 1 }).await;
    assert_eq!((left("s").await, cafe.money(&one.id)), (1, 1_990));
    // Nobody comes for another: it is free again, and its money goes back.
    let two = goods_order(&cafe, 3, &[("s", 1)], "tok_ok");
    assert_eq!(cafe.try_order(&two).await.ok::<OrderAnswer>().question, None);
    cafe.settle().await;
    let task = cafe.world.tasks().await.into_iter().find(|task| task.hold.state == HoldState::Requested).unwrap();
    cafe.world.done(&task.hold, TaskDone::Picked { shelf_number: "B8".to_owned() }).await;
    assert_eq!((left("s").await, cafe.money(&two.id)), (0, 1_990));
    cafe.world.pass(3 * DAY);
    cafe.settle().await;
    let phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    let cafe = Cafe { phone, ..cafe };
    assert_eq!((cafe.view(&two.id).await.state, cafe.money(&two.id)), (OrderState::Expired, 0));
    cafe.world.done(&task.hold, TaskDone::PutBack).await;
    cafe.world.counted(&[CAFE], &["s"], 1).await;
    assert_eq!(cafe.world.available(&cafe.phone, CAFE, "s").await, Some(Some(1)));
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_delivery_is_kept_in_the_online_shop_and_its_address_goes_with_the_member() {
    let cafe =
        cafe_with(|terms| (terms.handoffs, terms.delivery_fee_minor) = (vec![HandoffMode::CounterPickup, HandoffMode::Delivery], 330))
            .await;
    cafe.world.products(vec![product("shirt", &["s", "m"])]).await;
    cafe.world.location(CAFE, true, false).await;
    cafe.world.counted(&[CAFE], &["s"], 2).await;
    cafe.world.pass(MINUTE);
    let mut request = goods_order(&cafe, 1, &[("s", 1)], "tok_ok");
    request.cart = Cart { handoff: HandoffMode::Delivery, tax_handoff: TaxHandoff::Delivery, ..request.cart };
    assert_eq!(cafe.try_order(&request).await.refused(400), Reason::InvalidRequest, "no address");
    request.deliver_to = Some(DeliveryAddress {
        name: "山田花子".to_owned(),
        postal_code: "100-0005".to_owned(),
        address: "東京都千代田区丸の内1\n暖簾ビル".to_owned(),
        note: "ベルを鳴らす".to_owned(),
    });
    // The phone shows the fee; what this test showed had none.
    let shown = cafe.try_order(&request).await.ok::<OrderAnswer>().question.unwrap().shown_now.unwrap();
    assert_eq!((shown.total_minor, shown.lines.len()), (2_320, 2));
    let yes = OrderRequest { id: order_id(2), replaces: Some(order_id(1)), shown, ..request };
    assert_eq!(cafe.try_order(&yes).await.ok::<OrderAnswer>().question, None);
    cafe.settle().await;
    assert_eq!((cafe.money(&yes.id), cafe.world.available(&cafe.phone, CAFE, "s").await), (2_320, Some(Some(1))));
    let export: MemberExport = cafe.world.get(paths::EXPORT, Some(&cafe.phone.token)).await.ok();
    assert_eq!(export.orders[0].deliver_to.as_ref().unwrap().name, "山田花子");
    cafe.world.erase(&cafe.phone.key, "erase").await.ok::<Erasure>();
    for entry in std::fs::read_dir(cafe.directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for text in ["山田花子", "暖簾ビル", "ベルを鳴らす"] {
            assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text} is still there");
        }
    }
    cafe.world.stop().await;
}

#[tokio::test]
async fn goods_of_an_order_are_not_those_of_a_hold() {
    let cafe = cafe_with(|terms| terms.handoffs = vec![HandoffMode::CounterPickup, HandoffMode::StorePickup]).await;
    cafe.world.products(vec![product("shirt", &["s", "m"])]).await;
    cafe.world.location(CAFE, false, true).await;
    cafe.world.counted(&[CAFE], &["s"], 2).await;
    cafe.world.pass(MINUTE);
    let hold = cafe.world.hold(&cafe.phone, &HoldRequest { store: CAFE.into(), ..crate::holds::wish("s") }).await;
    cafe.world.done(&hold, TaskDone::Picked { shelf_number: "H1".to_owned() }).await;
    let order = goods_order(&cafe, 1, &[("s", 1)], "tok_ok");
    assert_eq!(cafe.try_order(&order).await.ok::<OrderAnswer>().question, None);
    cafe.settle().await;
    let task = cafe.world.tasks().await.into_iter().find(|task| task.hold.state == HoldState::Requested).unwrap();
    cafe.world.done(&task.hold, TaskDone::Picked { shelf_number: "B7".to_owned() }).await;
    cafe.hand_over(&order.id).await;
    // The piece on the hold shelf is kept for the member still, and promised to nobody else.
    let kept = cafe.world.holds(&cafe.phone).await.into_iter().find(|kept| kept.id == hold.id).unwrap();
    assert_eq!((kept.state, kept.shelf_number.as_deref()), (HoldState::Picked, Some("H1")));
    assert_eq!(cafe.world.available(&cafe.phone, CAFE, "s").await, Some(Some(0)));
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_quieter_time_gives_what_the_phone_has_shown() {
    let cafe = cafe().await;
    let levelling = Some(LoadLevelling { busy_permille: 700, quiet_permille: 300, most_shift_min: 30, points: 10 });
    let plan = KitchenPlan { levelling, ..kitchen_of(CAFE, &[("bar", 1), ("kitchen", 2)]) };
    cafe.world.put_menus(&PutMenus { kitchens: vec![plan.clone()], ..nothing() }).await.ok::<Kept>();
    // Many want the same time.
    let others = cafe.world.phone(2, None).await;
    let wanted = T0 + 60 * MINUTE;
    for number in 10..14 {
        let wish = wish(number, cart(&[("coffee", 4)]), at(wanted - i64::from(number - 10) * MINUTE));
        cafe.world.slot(&others, &wish).await;
    }
    let status = cafe.world.statuses(&cafe.phone, CAFE).await.remove(0);
    let mut copy = KitchenBook::from_load(plan, &status).unwrap();
    let tasks = make_tasks(&cart(&[("coffee", 1)]), &MenuBook::new(cafe_menu()).unwrap(), &[]);
    let offers = copy.offers(&tasks, wanted - 60 * MINUTE, wanted + 60 * MINUTE, Some(wanted), T0);
    let quiet = *offers.iter().find(|slot| slot.nudge_points == 10).unwrap();
    let mut request = cafe.ready_to_tap(1, cart(&[("coffee", 1)]), "tok_ok").await;
    request.time = at(quiet.promised_ms);
    let hold = SlotHoldRequest { wanted_ms: Some(wanted), ..wish(1, request.cart.clone(), request.time) };
    let held = cafe.world.slot(&cafe.phone, &hold).await;
    assert_eq!(held.slot, quiet, "the hold says what was shown");
    request.shown = cafe.shown(cafe_menu(), &request.cart, request.payment.method, held.slot.promised_ms, held.until_ms, 0);
    assert_eq!(cafe.try_order(&request).await.ok::<OrderAnswer>().question, None);
    cafe.settle().await;
    cafe.ready(&request.id).await;
    cafe.hand_over(&request.id).await;
    assert_eq!(cafe.points().await, 4 + 10, "what it earns, and what the time gives");
    cafe.staff(&request.id, KitchenStep::Refund { line: 0, pieces: 1 }).await;
    assert_eq!(cafe.points().await, 0, "and all of it goes back with the whole order");
    cafe.world.stop().await;
}
