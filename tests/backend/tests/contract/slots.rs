//! Slots: the kitchen's time is kept for one order at a time, moved, given back, and never lost.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_rules::cart::{Cart, CartChange, CartLine, CartModifier, CartProblem, CartProblemKind};
use noren_rules::ids::{OrderId, StationId};
use noren_rules::keys::id_from_bytes;
use noren_rules::menu::{HandoffMode, Menu, MenuThing, SoldOut};
use noren_rules::slots::{KitchenBook, KitchenPlan, PickupTime, SlotRefusal, SlotRefusalReason, StoreMode};
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::*;

use crate::menus::*;
use crate::support::*;

/// An order's id, as a phone makes it.
pub fn order_id(number: u32) -> OrderId {
    let mut bytes = [0; 10];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    OrderId(id_from_bytes(&bytes))
}

pub fn at(at_ms: i64) -> PickupTime {
    PickupTime::Scheduled { at_ms }
}

pub fn cart_of(menu: Menu, item: &str, quantity: u32) -> Cart {
    Cart { lines: vec![line_of(menu, item, quantity)], ..Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut) }
}

pub fn wish(order: u32, cart: Cart, time: PickupTime) -> SlotHoldRequest {
    SlotHoldRequest { order: order_id(order), store: CAFE.into(), cart, time, wanted_ms: None, replaces: None }
}

/// A bowl of ten minutes at the one pot.
pub fn bowl(order: u32, time: PickupTime) -> SlotHoldRequest {
    SlotHoldRequest { store: NOODLES.into(), ..wish(order, cart_of(noodle_menu(), "bowl", 1), time) }
}

fn coffee(order: u32, time: PickupTime) -> SlotHoldRequest {
    wish(order, cart_of(cafe_menu(), "coffee", 1), time)
}

impl World {
    pub async fn try_slot(&self, phone: &Phone, request: &SlotHoldRequest) -> Got {
        self.post(paths::SLOT_HOLDS, Some(&phone.token), &self.fresh_key(), request).await
    }

    pub async fn slot(&self, phone: &Phone, request: &SlotHoldRequest) -> SlotHold {
        let answer: SlotHoldAnswer = self.try_slot(phone, request).await.ok();
        answer.hold.unwrap_or_else(|| panic!("{:?} {:?}", answer.refused, answer.changes))
    }

    pub async fn no_slot(&self, phone: &Phone, request: &SlotHoldRequest) -> SlotRefusal {
        self.try_slot(phone, request).await.ok::<SlotHoldAnswer>().refused.unwrap()
    }

    async fn changes(&self, phone: &Phone, request: &SlotHoldRequest) -> Vec<CartChange> {
        let answer: SlotHoldAnswer = self.try_slot(phone, request).await.ok();
        assert_eq!((answer.hold, answer.refused), (None, None));
        answer.changes
    }

    pub async fn release_slot(&self, phone: &Phone, order: u32) -> Got {
        let request = SlotReleaseRequest { order: order_id(order) };
        self.post(paths::SLOT_RELEASES, Some(&phone.token), &self.fresh_key(), &request).await
    }

    /// Seconds that are taken of a station's time.
    async fn taken_s(&self, phone: &Phone, store: &str) -> u32 {
        self.statuses(phone, store).await[0].load.iter().flat_map(|load| &load.seconds).sum()
    }
}

fn full(station: &str) -> SlotRefusalReason {
    SlotRefusalReason::Full { station: StationId(station.to_owned()) }
}

#[tokio::test]
async fn one_pot_is_one_orders_at_a_time() {
    let world = world().await;
    let (one, two) = (world.phone(1, None).await, world.phone(2, None).await);
    world.put_menus(&both()).await.ok::<Kept>();
    let noon = T0 + 60 * MINUTE;
    let held = world.slot(&one, &bowl(1, at(noon))).await;
    assert_eq!((held.order.clone(), held.slot.promised_ms, held.until_ms), (order_id(1), noon, Some(T0 + 5 * MINUTE)));
    // Again, it is the same hold and lasts no longer.
    world.pass(MINUTE);
    assert_eq!(world.slot(&one, &bowl(1, at(noon))).await, held);
    let there = world.slot(&two, &bowl(2, at(noon))).await;
    assert_eq!(
        (there.slot.ready_ms, there.slot.start_ms),
        (held.slot.ready_ms, held.slot.start_ms - 10 * MINUTE),
        "before the other, on the shelf"
    );
    let refusal = world.no_slot(&two, &bowl(3, at(noon))).await;
    assert_eq!(refusal.reason, full("pot"));
    assert_eq!((refusal.same_day.len(), refusal.later.len()), (3, 0));
    let other = world.slot(&two, &bowl(3, at(refusal.same_day[0].promised_ms))).await;
    assert_eq!(other.slot.promised_ms, refusal.same_day[0].promised_ms);
    assert_eq!(world.taken_s(&one, NOODLES).await, 1_800);
    // Let go, its time is free at once; once more, there is nothing to let go.
    assert!(world.release_slot(&one, 1).await.ok::<SlotReleased>().released);
    assert!(!world.release_slot(&one, 1).await.ok::<SlotReleased>().released);
    world.slot(&two, &bowl(4, at(noon))).await;
    world.stop().await;
}

#[tokio::test]
async fn a_hold_moves_and_runs_out() {
    let world = world().await;
    let (phone, other) = (world.phone(1, None).await, world.phone(2, None).await);
    world.put_menus(&both()).await.ok::<Kept>();
    let noon = T0 + 60 * MINUTE;
    world.slot(&phone, &bowl(1, at(noon))).await;
    // Another time moves it, another store too; where the new time does not fit the old one stays.
    let later = world.slot(&phone, &bowl(1, at(noon + 30 * MINUTE))).await;
    assert_eq!((later.slot.promised_ms, world.taken_s(&phone, NOODLES).await), (noon + 30 * MINUTE, 600));
    world.no_slot(&phone, &bowl(1, at(T0 + MINUTE))).await;
    assert_eq!(world.slot(&phone, &bowl(1, at(noon + 30 * MINUTE))).await, later);
    let moved = world.slot(&phone, &coffee(1, PickupTime::Asap)).await;
    assert_eq!((world.taken_s(&phone, NOODLES).await, world.taken_s(&phone, CAFE).await), (0, 60));
    assert_eq!(moved.slot.ready_ms, T0 + 2 * MINUTE);
    assert_eq!(world.release_slot(&other, 1).await.ok::<SlotReleased>(), SlotReleased { released: false }, "another's hold is none");
    assert_eq!(world.try_slot(&other, &coffee(1, PickupTime::Asap)).await.refused(409), Reason::OrderConflict);
    // Time alone ends it, for whoever looks first.
    world.pass(5 * MINUTE - 1);
    assert_eq!(world.taken_s(&phone, CAFE).await, 60);
    world.pass(1);
    assert_eq!(world.taken_s(&phone, CAFE).await, 0);
    let anew = world.slot(&phone, &coffee(1, PickupTime::Asap)).await;
    assert_eq!(anew.until_ms, Some(T0 + 10 * MINUTE));
    world.stop().await;
}

#[tokio::test]
async fn the_staff_stops_new_holds_at_the_very_next_call() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.put_menus(&both()).await.ok::<Kept>();
    let held = world.slot(&phone, &coffee(1, at(T0 + 20 * MINUTE))).await;
    world.kitchen_mode(StoreMode::Paused { until_ms: Some(T0 + 60 * MINUTE) }).await.ok::<MenuStatus>();
    let refusal = world.no_slot(&phone, &coffee(2, at(T0 + 20 * MINUTE))).await;
    assert_eq!(refusal.reason, SlotRefusalReason::Paused);
    assert!(refusal.same_day.iter().all(|slot| slot.start_ms >= T0 + 60 * MINUTE) && !refusal.same_day.is_empty());
    assert_eq!(world.slot(&phone, &coffee(1, at(T0 + 20 * MINUTE))).await, held, "what was held stands");
    world.slot(&phone, &coffee(3, at(T0 + 90 * MINUTE))).await;
    world.kitchen_mode(StoreMode::Busy { delay_min: 30 }).await.ok::<MenuStatus>();
    assert_eq!(world.no_slot(&phone, &coffee(2, at(T0 + 20 * MINUTE))).await.reason, SlotRefusalReason::TooSoon);
    assert_eq!(world.slot(&phone, &coffee(2, PickupTime::Asap)).await.slot.start_ms, T0 + 31 * MINUTE);
    // The rest of the day: nothing today, and that is said; tomorrow is offered.
    world.kitchen_mode(StoreMode::Paused { until_ms: None }).await.ok::<MenuStatus>();
    let refusal = world.no_slot(&phone, &coffee(4, PickupTime::Asap)).await;
    assert!(refusal.is_none_that_day() && refusal.later.len() == 3);
    world.kitchen_mode(StoreMode::Online).await.ok::<MenuStatus>();
    assert_eq!(world.slot(&phone, &coffee(4, PickupTime::Asap)).await.slot.ready_ms, T0 + 2 * MINUTE);
    world.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_the_menu_is_shown_and_holds_nothing() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.put_menus(&both()).await.ok::<Kept>();
    let cake = MenuThing::Item("cake".into());
    let until_ms = Some(T0 + 30 * MINUTE);
    world.sold_out(vec![SoldOut { thing: cake.clone(), until_ms }], vec![]).await.ok::<MenuStatus>();
    let two = Cart { lines: vec![line_of(cafe_menu(), "coffee", 1), line_of(cafe_menu(), "cake", 1)], ..cart_of(cafe_menu(), "coffee", 1) };
    let sold_out = CartChange::SoldOut { line: 1, thing: cake.clone(), until_ms };
    assert_eq!(world.changes(&phone, &wish(1, two.clone(), PickupTime::Asap)).await, [sold_out]);
    // Sold out until then: for later it can be had.
    world.slot(&phone, &wish(1, two.clone(), at(T0 + 40 * MINUTE))).await;
    world.sold_out(vec![], vec![cake]).await.ok::<MenuStatus>();
    world.slot(&phone, &wish(1, two.clone(), PickupTime::Asap)).await;
    let dearer = {
        let mut menu = Menu { version: 2, ..cafe_menu() };
        menu.items[0].prices[0].amount_minor += 30;
        menu
    };
    world.put_menus(&PutMenus { menus: vec![dearer], ..nothing() }).await.ok::<Kept>();
    let costs = CartChange::Costs { line: 0, was_minor: 450, is_minor: 480 };
    assert_eq!(world.changes(&phone, &wish(1, two, PickupTime::Asap)).await, [costs]);
    let coffee = line_of(cafe_menu(), "cake", 1);
    let odd = [
        (CartLine { quantity: 1_000_000, ..coffee.clone() }, "quantity"),
        (CartLine { quantity: 0, ..coffee.clone() }, "quantity"),
        (CartLine { note: "長".repeat(10_000), ..coffee.clone() }, "note_too_long"),
        (CartLine { item: "ghost".into(), ..coffee.clone() }, "vanished"),
        (CartLine { tax_handoff: Some(TaxHandoff::Delivery), ..coffee.clone() }, "tax_handoff"),
    ];
    for (line, says) in odd {
        let cart = Cart { lines: vec![line], ..cart_of(cafe_menu(), "cake", 1) };
        let changes = world.changes(&phone, &wish(2, cart, at(T0 + 60 * MINUTE))).await;
        assert!(serde_json::to_string(&changes).unwrap().contains(says), "{says}: {changes:?}");
    }
    let empty = Cart { lines: vec![], ..cart_of(cafe_menu(), "cake", 1) };
    let of_cart = |kind| vec![CartChange::Rule(CartProblem { line: None, within: vec![], kind })];
    assert_eq!(world.changes(&phone, &wish(2, empty, PickupTime::Asap)).await, of_cart(CartProblemKind::Empty));
    let crowd = Cart { lines: vec![coffee.clone(); 101], ..cart_of(cafe_menu(), "cake", 1) };
    assert_eq!(world.changes(&phone, &wish(2, crowd, PickupTime::Asap)).await, of_cart(CartProblemKind::TooManyLines { most: 100 }));
    let delivered = Cart { handoff: HandoffMode::Delivery, tax_handoff: TaxHandoff::Delivery, ..cart_of(cafe_menu(), "cake", 1) };
    let changes = world.changes(&phone, &wish(2, delivered, PickupTime::Asap)).await;
    assert!(matches!(&changes[..], [CartChange::Rule(CartProblem { line: Some(0), kind: CartProblemKind::NotForHandoff { .. }, .. })]));
    assert_eq!(world.release_slot(&phone, 2).await.ok::<SlotReleased>(), SlotReleased { released: false });
    world.stop().await;
}

#[tokio::test]
async fn odd_wishes_have_their_answers() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    assert_eq!(world.try_slot(&phone, &coffee(1, PickupTime::Asap)).await.refused(404), Reason::NotFound, "no such store");
    let sells_only = PutMenus { menus: vec![], kitchens: vec![], terms: vec![terms_of("shop")], ..nothing() };
    world.put_menus(&both()).await.ok::<Kept>();
    world.put_menus(&sells_only).await.ok::<Kept>();
    let no_kitchen = SlotHoldRequest { store: "shop".into(), ..coffee(1, PickupTime::Asap) };
    assert_eq!(world.try_slot(&phone, &no_kitchen).await.refused(404), Reason::NotFound);
    for id in ["", "short", "ABCDEFGHIJKLMNOP", "aaaaaaaaaaaaaaa1", "aaaaaaaaaaaaaaaaa"] {
        let request = SlotHoldRequest { order: id.into(), ..coffee(1, PickupTime::Asap) };
        assert_eq!(world.try_slot(&phone, &request).await.refused(400), Reason::InvalidRequest, "{id}");
    }
    let times = [
        (i64::MIN, SlotRefusalReason::Past),
        (0, SlotRefusalReason::Past),
        (T0 - MINUTE, SlotRefusalReason::Past),
        (T0, SlotRefusalReason::TooSoon),
        (T0 + 30 * DAY, SlotRefusalReason::TooFar),
        (i64::MAX, SlotRefusalReason::TooFar),
    ];
    for (at_ms, reason) in times {
        let refusal = world.no_slot(&phone, &coffee(1, at(at_ms))).await;
        assert_eq!(refusal.reason, reason, "{at_ms}");
    }
    // More than the bar could make with nothing else to do.
    let crowd = Cart { lines: vec![line_of(cafe_menu(), "coffee", 99)], ..cart_of(cafe_menu(), "coffee", 1) };
    let too_large = SlotRefusalReason::TooLarge { station: "bar".into() };
    assert_eq!(world.no_slot(&phone, &wish(1, crowd, PickupTime::Asap)).await.reason, too_large);
    // Deeper than anybody chooses.
    let mut deep = CartModifier { group: "size".into(), modifier: "small".into(), quantity: 1, modifiers: vec![] };
    for _ in 0..30 {
        deep = CartModifier { modifiers: vec![deep.clone()], ..deep };
    }
    let line = CartLine { modifiers: vec![deep], ..line_of(cafe_menu(), "coffee", 1) };
    let cart = Cart { lines: vec![line], ..cart_of(cafe_menu(), "coffee", 1) };
    let changes = world.changes(&phone, &wish(1, cart, at(T0 + 30 * MINUTE))).await;
    assert!(matches!(&changes[..], [CartChange::Rule(CartProblem { kind: CartProblemKind::TooManyModifiers { .. }, .. })]), "{changes:?}");
    assert_eq!(world.taken_s(&phone, CAFE).await, 0);
    world.stop().await;
}

#[tokio::test]
async fn a_member_holds_five_at_most() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.put_menus(&both()).await.ok::<Kept>();
    for order in 0..5 {
        world.slot(&phone, &coffee(order, at(T0 + 60 * MINUTE))).await;
        world.pass(1_000);
    }
    let sixth = world.try_slot(&phone, &coffee(5, at(T0 + 60 * MINUTE))).await;
    assert_eq!((sixth.refused(429), sixth.header("retry-after")), (Reason::TooManyAttempts, Some("295")));
    world.slot(&phone, &coffee(4, at(T0 + 70 * MINUTE))).await;
    world.release_slot(&phone, 0).await.ok::<SlotReleased>();
    world.slot(&phone, &coffee(5, at(T0 + 60 * MINUTE))).await;
    world.pass(5 * MINUTE);
    for order in 10..15 {
        world.slot(&phone, &coffee(order, at(T0 + 60 * MINUTE))).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_what_was_held_and_a_new_plan_too() {
    let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0)));
    let world = world_in(directory.path(), &clock).await;
    let phone = world.phone(1, None).await;
    world.put_menus(&both()).await.ok::<Kept>();
    let held = world.slot(&phone, &coffee(1, at(T0 + 60 * MINUTE))).await;
    world.slot(&phone, &coffee(2, PickupTime::Asap)).await;
    let walk_in = WalkInRequest { lines: vec![line_of(cafe_menu(), "coffee", 4)], tax_handoff: TaxHandoff::EatIn };
    world.till(paths::KITCHEN_WALK_INS, &walk_in).await.ok::<WalkInAnswer>();
    world.kitchen_mode(StoreMode::Busy { delay_min: 20 }).await.ok::<MenuStatus>();
    let before = world.statuses(&phone, CAFE).await;
    world.stop().await;
    let world = world_in(directory.path(), &clock).await;
    world.pass(1);
    let before = vec![MenuStatus { as_of_ms: T0 + 1, ..before[0].clone() }];
    assert_eq!(world.statuses(&phone, CAFE).await, before);
    assert_eq!(world.slot(&phone, &coffee(1, at(T0 + 60 * MINUTE))).await, held);
    assert_eq!(world.no_slot(&phone, &coffee(3, at(T0 + 15 * MINUTE))).await.reason, SlotRefusalReason::TooSoon, "busy as it was");
    // Stations in another order, and one more: each has what was booked at it.
    let plan = |stations: &[(&str, u32)]| PutMenus { kitchens: vec![kitchen_of(CAFE, stations)], ..nothing() };
    world.put_menus(&plan(&[("window", 1), ("kitchen", 2), ("bar", 1)])).await.ok::<Kept>();
    assert_eq!(world.statuses(&phone, CAFE).await, before);
    assert_eq!(world.slot(&phone, &coffee(1, at(T0 + 60 * MINUTE))).await, held);
    // A menu of which a station is gone takes its plan along: the time at the others stays.
    let kitchens: Vec<KitchenPlan> = vec![kitchen_of(CAFE, &[("kitchen", 2)])];
    let menus = vec![menu_without(&["coffee", "wine"])];
    world.put_menus(&PutMenus { menus, kitchens, ..nothing() }).await.ok::<Kept>();
    assert_eq!(world.taken_s(&phone, CAFE).await, 0);
    assert!(world.release_slot(&phone, 1).await.ok::<SlotReleased>().released);
    world.stop().await;
}

/// The cafe's next menu, without some items and all groups.
fn menu_without(gone: &[&str]) -> Menu {
    let mut menu = Menu { version: 2, groups: vec![], ..cafe_menu() };
    menu.items.retain(|item| !gone.contains(&item.id.as_str()));
    menu.sections[0].items.retain(|item| !gone.contains(&item.as_str()));
    menu
}

#[tokio::test]
async fn an_erased_member_holds_no_slot() {
    let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0)));
    let world = world_in(directory.path(), &clock).await;
    let (phone, other) = (world.phone(1, None).await, world.phone(2, None).await);
    world.put_menus(&both()).await.ok::<Kept>();
    world.slot(&phone, &coffee(1, PickupTime::Asap)).await;
    assert!(world.erase(&phone.key, "forget").await.ok::<Erasure>().erased);
    assert_eq!(world.taken_s(&other, CAFE).await, 0);
    world.stop().await;
    let bytes = std::fs::read(directory.path().join("backend.sqlite")).unwrap();
    let member = phone.enrolment.member_id.as_str().as_bytes();
    assert!(!bytes.windows(member.len()).any(|window| window == member));
}

#[tokio::test]
async fn the_same_key_answers_the_same() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.put_menus(&both()).await.ok::<Kept>();
    let send = async || world.post(paths::SLOT_HOLDS, Some(&phone.token), "slot", &coffee(1, PickupTime::Asap)).await;
    let first = send().await;
    world.release_slot(&phone, 1).await.ok::<SlotReleased>();
    let again = send().await;
    assert!(again.replayed() && again.body == first.body);
    assert_eq!(world.taken_s(&phone, CAFE).await, 0, "nothing is held twice");
    let resolve = ResolveRequest { key: "slot".into(), path: paths::SLOT_HOLDS.to_owned() };
    let resolved: Resolution = world.post(paths::RESOLUTIONS, Some(&phone.token), &world.fresh_key(), &resolve).await.ok();
    assert_eq!(resolved, Resolution::Outcome { status: 200, body: first.body });
    world.stop().await;
}

#[tokio::test]
async fn a_far_order_does_not_lengthen_what_every_phone_is_told() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let far = KitchenPlan { later_days: 60, ..kitchen_of(NOODLES, &[("pot", 1)]) };
    world
        .put_menus(&PutMenus { kitchens: vec![kitchen_of(CAFE, &[("bar", 1), ("kitchen", 2)]), far.clone()], ..both() })
        .await
        .ok::<Kept>();
    let then = T0 + 60 * DAY;
    let held = world.slot(&phone, &bowl(1, at(then))).await;
    world.slot(&phone, &bowl(2, at(T0 + 60 * MINUTE))).await;
    let status = world.statuses(&phone, NOODLES).await.remove(0);
    assert!(status.load.iter().map(|load| load.seconds.len()).sum::<usize>() <= 40);
    // And yet the phone knows of it.
    let mut copy = KitchenBook::from_load(far, &status).unwrap();
    let task = noren_rules::slots::MakeTask { station: "pot".into(), seconds: 600, batches: 1 };
    let there = copy.quote(&[task], at(then), status.as_of_ms).unwrap();
    assert_eq!(there.start_ms, held.slot.start_ms - 10 * MINUTE, "before the other");
    world.stop().await;
}
