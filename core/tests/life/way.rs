use super::kitchen::*;
use super::shop::*;
use super::support::*;
use noren_core::Noren;
use noren_core::check_in::Observation;
use noren_core::ordering::*;
use noren_rules::cart::{CartChange, PaymentMethod};
use noren_rules::eta::Trend;
use noren_rules::geo::Position;
use noren_rules::ids::StoreId;
use noren_rules::menu::HandoffMode;
use noren_rules::order::OrderState;
use noren_rules::slots::{MakeTask, PickupTime, SlotRequest};
use noren_rules::wire::{OrderStep, PlaceKind, Tenant, paths};

const MINUTE_MS: i64 = 60_000;

fn s1() -> CartOf {
    CartOf::menu(&"s1".into())
}

/// North of where the person is; `aside` to the east of that.
fn stores() -> [(&'static str, Position); 3] {
    let ahead = miyajima().towards(0.0, 800.0);
    [("s1", ahead), ("s2", miyajima().towards(180.0, 800.0)), ("s3", ahead.towards(90.0, 700.0))]
}

/// A town with three stores of a chain, a cart with a burger in it, and a phone that has heard all that is booked.
async fn in_town(phone: &Phone) -> Noren {
    phone.server.kitchen(|kitchen| stores().iter().for_each(|(store, _)| kitchen.opens(store)));
    let noren = phone
        .at_miyajima(|shop| {
            for (store, at) in stores() {
                let mut info = place(&format!("p-{store}"), store, &at);
                info.kind = PlaceKind::Store;
                info.tenants = vec![Tenant { store_id: store.into(), name: format!("{store}店"), hours: None }];
                shop.places.push(info);
            }
        })
        .await;
    for (store, _) in stores() {
        noren.ordering().refresh(&store.into()).await.unwrap();
    }
    noren.ordering().add(&s1(), &line(&noren, "burger", 1)).unwrap();
    noren.ordering().refresh_status(&[]).await.unwrap();
    noren
}

/// Two minutes of a walk to the north that ends where the stores are counted from.
fn walk_north(phone: &Phone) -> Vec<Observation> {
    let step = |n: u32| {
        phone.clock.pass(10_000);
        phone.fix(&miyajima().towards(180.0, f64::from(12 - n) * 13.3), Some(1.3))
    };
    (0..=12).map(step).collect()
}

fn moving(observations: Vec<Observation>) -> JourneyQuestion {
    JourneyQuestion { of: s1(), journey: Journey::Moving { observations }, bound_for: None, wanted_ms: None, stores: vec![], most: 5 }
}

fn order_of(found: &SlotSuggestions) -> Vec<&str> {
    found.suggestions.iter().map(|one| one.suggestion.store.as_str()).collect()
}

fn point(at: &Position) -> JourneyPoint {
    JourneyPoint { lat_deg: at.lat_deg(), lon_deg: at.lon_deg() }
}

fn no_position_was_sent(phone: &Phone) {
    for request in &phone.server.world.lock().unwrap().sent {
        let text = String::from_utf8_lossy(&request.body).into_owned() + &request.url;
        assert!(
            !text.contains("34.3") && !text.contains("132.3") && !text.contains("3437") && !text.contains("1323"),
            "no position: {text}"
        );
    }
}

#[tokio::test]
async fn the_store_ahead_is_suggested_at_the_time_of_arrival() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let asked = phone.server.world.lock().unwrap().sent.len();
    let found = noren.ordering().suggest(&moving(walk_north(&phone))).unwrap();
    assert_eq!(phone.server.world.lock().unwrap().sent.len(), asked, "nobody is asked");
    assert_eq!(order_of(&found), ["s1", "s3", "s2"], "ahead, aside, behind");
    let first = &found.suggestions[0];
    let now_ms = phone.server.now_ms();
    assert_eq!(
        ((first.suggestion.arrives_ms - now_ms) / MINUTE_MS, first.suggestion.parts.detour_ms, first.off_min),
        (9, 0, 2),
        "650 m at a walk"
    );
    assert!(first.suggestion.slot.promised_ms >= now_ms + 5 * MINUTE_MS && first.suggestion.slot.promised_ms <= now_ms + 15 * MINUTE_MS);
    assert!(found.suggestions[2].suggestion.parts.detour_ms > 10 * MINUTE_MS, "behind is there and back");
    assert!(found.suggestions.iter().all(|one| !one.reason_ja.is_empty() && !one.reason_en.is_empty() && one.as_of_ms == START_MS));
    assert_eq!((first.late_p90_min, found.left_out.len()), (2, 0));
    // Who goes on to the east does not mind the store aside.
    let east = point(&stores()[2].1.towards(90.0, 1_000.0));
    let found = noren.ordering().suggest(&JourneyQuestion { bound_for: Some(east), most: 2, ..moving(walk_north(&phone)) }).unwrap();
    assert_eq!(found.suggestions.len(), 2);
    assert!(
        found.suggestions.iter().find(|one| one.suggestion.store.as_str() == "s3").unwrap().suggestion.parts.detour_ms <= 3 * MINUTE_MS
    );
    no_position_was_sent(&phone);
}

#[tokio::test]
async fn a_full_kitchen_sends_the_diner_to_the_next_store() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let observations = walk_north(&phone);
    assert_eq!(order_of(&noren.ordering().suggest(&moving(observations.clone())).unwrap())[0], "s1");
    // The next half an hour is booked by others.
    let others = |n: u32| SlotRequest {
        order: format!("other{n}").as_str().into(),
        tasks: vec![MakeTask { station: "grill".into(), seconds: 120, batches: 1 }],
        time: PickupTime::Asap,
    };
    let now_ms = phone.server.now_ms();
    phone.server.kitchen(|kitchen| {
        let book = kitchen.books.get_mut(&"s1".into()).unwrap();
        (0..15).for_each(|n| drop(book.hold(&others(n), now_ms).unwrap()));
    });
    noren.ordering().refresh_status(&[]).await.unwrap();
    let found = noren.ordering().suggest(&moving(observations)).unwrap();
    assert_eq!(order_of(&found)[0], "s3", "{found:?}");
}

#[tokio::test]
async fn a_train_says_when_and_the_walk_from_its_exit_where() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let arrives_ms = phone.server.now_ms() + 40 * MINUTE_MS;
    let station = point(&stores()[1].1);
    let journey = Journey::Arriving { at: station, arrives_ms, exit_min: 3, off_min: 2 };
    let question = JourneyQuestion { journey, ..moving(vec![]) };
    let found = noren.ordering().suggest(&question).unwrap();
    assert_eq!(order_of(&found)[0], "s2", "at the exit");
    let first = &found.suggestions[0];
    assert_eq!((first.suggestion.arrives_ms, first.off_min), (arrives_ms + 3 * MINUTE_MS, 2));
    assert!((first.suggestion.slot.promised_ms - first.suggestion.arrives_ms).abs() <= 10 * MINUTE_MS);
    let further = &found.suggestions.iter().find(|one| one.suggestion.store.as_str() == "s1").unwrap();
    assert_eq!((further.suggestion.arrives_ms - arrives_ms) / MINUTE_MS, 3 + 24, "1,450 m to its ground, by streets");
    // At another time than as soon as possible.
    let wanted_ms = arrives_ms + 60 * MINUTE_MS;
    let later = noren.ordering().suggest(&JourneyQuestion { wanted_ms: Some(wanted_ms), ..question }).unwrap();
    assert!(later.suggestions[0].suggestion.slot.promised_ms >= wanted_ms - 10 * MINUTE_MS);
    no_position_was_sent(&phone);
}

#[tokio::test]
async fn a_store_that_cannot_is_left_out_and_says_why() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.server.kitchen(|kitchen| {
        kitchen.menus.get_mut(&StoreId::from("s2")).unwrap().terms.handoffs = vec![HandoffMode::DineIn];
        let menu = kitchen.menus.get_mut(&StoreId::from("s3")).unwrap().menu.as_mut().unwrap();
        menu.items.retain(|item| item.id.as_str() != "burger");
        menu.sections[0].items.retain(|item| item.as_str() != "burger");
        menu.groups.clear();
        menu.version += 1;
        kitchen.opens("nowhere");
    });
    for store in ["s2", "s3", "nowhere"] {
        noren.ordering().refresh(&store.into()).await.unwrap();
    }
    let stores = ["s1", "s2", "s3", "nowhere", "unknown"].map(StoreId::from).to_vec();
    let found = noren.ordering().suggest(&JourneyQuestion { stores, ..moving(walk_north(&phone)) }).unwrap();
    assert_eq!(order_of(&found), ["s1"]);
    let why: Vec<(&str, &str)> = found.left_out.iter().map(|left| (left.store.as_str(), left.words_en.as_str())).collect();
    assert_eq!(
        why,
        [
            ("s2", "It does not hand over so"),
            ("s3", "It does not make what is in the cart"),
            ("nowhere", "Nobody knows where it is"),
            ("unknown", "Its menu is not on this phone"),
        ]
    );
}

#[tokio::test]
async fn nobody_turns_on_an_expressway() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.server.set_up(|shop| {
        shop.version += 1;
        shop.places.iter_mut().filter(|info| info.id.as_str() == "p-s2").for_each(|info| info.kind = PlaceKind::RestStop);
    });
    noren.places().refresh(&miyajima()).await.unwrap();
    let found = noren.ordering().suggest(&moving(walk_north(&phone))).unwrap();
    assert_eq!(order_of(&found), ["s1", "s3"]);
    assert_eq!(found.left_out[0].words_ja, "通り過ぎています");
}

#[tokio::test]
async fn a_journey_that_is_none_is_an_error() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let bad = |question: &JourneyQuestion| matches!(noren.ordering().suggest(question), Err(OrderingError::BadCart { .. }));
    assert!(bad(&moving(vec![])));
    let observations = walk_north(&phone);
    assert!(!bad(&moving(observations.clone())));
    assert!(bad(&JourneyQuestion { most: 0, ..moving(observations.clone()) }));
    assert!(bad(&JourneyQuestion { most: 21, ..moving(observations.clone()) }));
    assert!(bad(&JourneyQuestion { of: CartOf::goods(&"s1".into()), ..moving(observations.clone()) }));
    let nowhere = JourneyPoint { lat_deg: f64::NAN, lon_deg: 0.0 };
    assert!(bad(&JourneyQuestion { bound_for: Some(nowhere), ..moving(observations.clone()) }));
    let journey = |at, exit_min| Journey::Arriving { at, arrives_ms: i64::MAX, exit_min, off_min: 0 };
    assert!(bad(&JourneyQuestion { journey: journey(nowhere, 0), ..moving(vec![]) }));
    assert!(bad(&JourneyQuestion { journey: journey(point(&miyajima()), 121), ..moving(vec![]) }));
    let far = noren.ordering().suggest(&JourneyQuestion { journey: journey(point(&miyajima()), 0), ..moving(vec![]) }).unwrap();
    assert_eq!((far.suggestions.len(), far.left_out.len()), (0, 3), "at the end of time nobody is open");
    let another = JourneyQuestion { of: CartOf::menu(&"s2".into()), ..moving(observations.clone()) };
    assert_eq!(noren.ordering().suggest(&another), Err(OrderingError::HasProblems), "its cart is empty");
    phone.clock.pass(6 * MINUTE_MS);
    assert!(bad(&moving(observations)), "where the phone was is not where it is");
}

#[tokio::test]
async fn only_the_slot_of_the_chosen_store_is_heard_of() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let found = noren.ordering().suggest(&moving(walk_north(&phone))).unwrap();
    let chosen = &found.suggestions[1].suggestion;
    phone.server.kitchen(|kitchen| kitchen.price("s3", "burger", 560));
    noren.ordering().refresh(&"s3".into()).await.unwrap();
    let before = phone.server.world.lock().unwrap().sent.len();
    let there = noren.ordering().take_cart_to(&s1(), &chosen.store).unwrap();
    assert_eq!((there.of.store.as_str(), there.cart.lines.len()), ("s3", 1));
    assert!(noren.ordering().cart(&s1()).unwrap().cart.lines.is_empty());
    let wish = CheckoutWish { time: PickupTime::Asap, method: PaymentMethod::AtCounter, use_coupons: false, points: 0 };
    let check = noren.ordering().check(&there.of, &wish).unwrap();
    assert_eq!(
        check.changes[0].change,
        CartChange::Costs { line: 0, was_minor: 540, is_minor: 560 },
        "the other store's price is a question"
    );
    noren.ordering().accept_prices(&there.of).unwrap();
    let time = PickupTime::Scheduled { at_ms: chosen.slot.promised_ms };
    let SlotHoldOutcome::Held { held, .. } = noren.ordering().hold_slot(&there.of, time).await.unwrap() else { panic!() };
    assert_eq!(held.slot.promised_ms, chosen.slot.promised_ms, "as the phone had found it");
    let sent: Vec<String> = phone.server.world.lock().unwrap().sent[before..].iter().map(|request| request.url.clone()).collect();
    assert_eq!(sent.iter().filter(|url| !url.ends_with(paths::SLOT_HOLDS)).count(), 0, "{sent:?}");
    assert_eq!(noren.ordering().take_cart_to(&there.of, &"unknown".into()), Err(OrderingError::NoMenu));
    no_position_was_sent(&phone);
}

async fn ordered(phone: &Phone) -> (Noren, noren_rules::ids::OrderId) {
    let noren = in_town(phone).await;
    let ordering = noren.ordering();
    let SlotHoldOutcome::Held { order, held } = ordering.hold_slot(&s1(), PickupTime::Asap).await.unwrap() else { panic!() };
    ordering.review(&s1(), &CheckoutWish { time: held.time, method: PaymentMethod::AtCounter, use_coupons: false, points: 0 }).unwrap();
    ordering.place(&order, &PlaceWish::default()).unwrap();
    assert_eq!(ordering.resolve(&order).await.unwrap().order.state, OrderState::Accepted);
    (noren, order)
}

#[tokio::test]
async fn on_the_way_the_store_hears_minutes_and_once_that_one_is_there() {
    let phone = Phone::new();
    let (noren, order) = ordered(&phone).await;
    let (mut told, mut arrived) = (0, 0);
    for minute in 0..14 {
        let from_m = 800.0 - 80.0 * f64::from(minute);
        let step = |n: u32| {
            phone.clock.pass(10_000);
            let left_m = (from_m - 13.3 * f64::from(n + 1)).max(0.0);
            phone.fix(&stores()[0].1.towards(180.0, left_m), Some(1.3))
        };
        let trips = noren.ordering().on_the_way(&(0..6).map(step).collect::<Vec<_>>()).unwrap();
        assert_eq!((trips.len(), &trips[0].order, trips[0].store.as_str()), (1, &order, "s1"));
        told += usize::from(trips[0].told);
        arrived += usize::from(trips[0].arrived);
        if trips[0].told {
            assert_eq!(trips[0].trend, Trend::Nearer);
        }
        noren.outbox().send_due().await.unwrap();
    }
    let steps = phone.server.kitchen(|kitchen| std::mem::take(&mut kitchen.steps));
    let minutes: Vec<u32> =
        steps.iter().filter_map(|step| if let OrderStep::Nearby { eta_min } = step.step { Some(eta_min) } else { None }).collect();
    assert_eq!((told, minutes.len()), (3, 3), "one word in three minutes: {steps:?}");
    assert!(minutes.windows(2).all(|two| two[1] < two[0]));
    assert_eq!((arrived, steps.iter().filter(|step| step.step == OrderStep::Here { spot: String::new() }).count()), (1, 1));
    no_position_was_sent(&phone);
    // What is over is not told of.
    phone.server.kitchen(|kitchen| kitchen.moves(&order, OrderState::Completed, phone.server.now_ms()));
    noren.ordering().refresh_orders().await.unwrap();
    assert!(noren.ordering().on_the_way(&walk_north(&phone)).unwrap().is_empty());
}

#[tokio::test]
async fn an_old_fix_tells_nobody_anything() {
    let phone = Phone::new();
    let (noren, _) = ordered(&phone).await;
    let observations = walk_north(&phone);
    phone.clock.pass(61_000);
    let trips = noren.ordering().on_the_way(&observations).unwrap();
    assert!(!trips[0].told && !trips[0].arrived);
    assert!(phone.server.kitchen(|kitchen| kitchen.steps.is_empty()));
}

#[tokio::test]
async fn a_cart_that_cannot_be_taken_along_changes_nothing_there() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let ordering = noren.ordering();
    let s2 = CartOf::menu(&"s2".into());
    ordering.add(&s2, &line(&noren, "tea", 2)).unwrap();
    let SlotHoldOutcome::Held { order, held } = ordering.hold_slot(&s1(), PickupTime::Asap).await.unwrap() else { panic!() };
    ordering.review(&s1(), &CheckoutWish { time: held.time, method: PaymentMethod::AtCounter, use_coupons: false, points: 0 }).unwrap();
    phone.offline(true);
    ordering.place(&order, &PlaceWish::default()).unwrap();
    let (here, there) = (ordering.cart(&s1()).unwrap(), ordering.cart(&s2).unwrap());
    let unresolved = Err(OrderingError::Unresolved { order });
    assert_eq!(ordering.take_cart_to(&s1(), &s2.store), unresolved);
    assert_eq!((&ordering.cart(&s1()).unwrap(), &ordering.cart(&s2).unwrap()), (&here, &there));
    assert_eq!(ordering.take_cart_to(&s2, &s1().store), unresolved, "nor is one put in its place");
    assert_eq!((&ordering.cart(&s1()).unwrap(), &ordering.cart(&s2).unwrap()), (&here, &there));
}

#[tokio::test]
async fn nobody_is_there_for_an_order_of_another_day() {
    let phone = Phone::new();
    let (noren, order) = ordered(&phone).await;
    // In two days; and whoever passes the store daily is not there for it.
    let promised_ms = phone.server.now_ms() + 2 * 24 * 60 * MINUTE_MS;
    phone.server.kitchen(|kitchen| {
        let view = kitchen.view(&order);
        (view.promised_ms, view.kept_until_ms, view.version) = (promised_ms, promised_ms + 60 * MINUTE_MS, view.version + 1);
    });
    noren.ordering().refresh_orders().await.unwrap();
    let there = |phone: &Phone| -> Vec<Observation> {
        let step = |_| {
            phone.clock.pass(10_000);
            phone.fix(&stores()[0].1, Some(0.1))
        };
        (0..3).map(step).collect()
    };
    assert_eq!(noren.ordering().on_the_way(&there(&phone)).unwrap(), []);
    phone.clock.pass(promised_ms - phone.server.now_ms() - 10 * MINUTE_MS);
    let trips = noren.ordering().on_the_way(&there(&phone)).unwrap();
    assert!(trips.len() == 1 && trips[0].arrived, "{trips:?}");
    noren.outbox().send_due().await.unwrap();
    let steps = phone.server.kitchen(|kitchen| std::mem::take(&mut kitchen.steps));
    assert_eq!(steps.iter().map(|step| step.step.clone()).collect::<Vec<_>>(), [OrderStep::Here { spot: String::new() }]);
    // Who comes back comes once more.
    assert!(!noren.ordering().on_the_way(&there(&phone)).unwrap()[0].arrived);
    phone.clock.pass(10 * MINUTE_MS);
    noren.ordering().on_the_way(&walk_north(&phone)).unwrap();
    assert!(noren.ordering().on_the_way(&there(&phone)).unwrap()[0].arrived);
    phone.clock.pass(promised_ms + 61 * MINUTE_MS - phone.server.now_ms());
    assert_eq!(noren.ordering().on_the_way(&there(&phone)).unwrap(), [], "it is kept no longer");
}
