use super::shop::*;
use super::support::*;
use noren_core::Noren;
use noren_core::check_in::Observation;
use noren_core::holds::{HoldOutcome, HoldStanding, HoldView, HoldWish, HoldsError};
use noren_core::member::{MemberState, Submission};
use noren_rules::eta::Trend;
use noren_rules::geo::Position;
use noren_rules::holds::HoldState;
use noren_rules::stock::{Band, StockAnswer, StockSource};
use noren_rules::wire::{Ground, HoldAlternative, HoldRefusal, Reason, Tenant, paths};

fn shibuya() -> Position {
    miyajima().towards(90.0, 1_000.0)
}

fn town(shop: &mut Shop) {
    for (store, at) in [("shibuya", shibuya()), ("near", miyajima().towards(0.0, 100.0)), ("far", miyajima().towards(0.0, 5_000.0))] {
        let mut info = place(&format!("p-{store}"), store, &at);
        info.tenants = vec![Tenant { store_id: store.into(), name: format!("{store}店"), hours: None }];
        shop.places.push(info);
    }
}

pub async fn in_town(phone: &Phone) -> Noren {
    phone.server.stores(|depot| depot.say("shibuya", &[("M", 2), ("L", 1)]));
    phone.at_miyajima(town).await
}

pub fn wish(sku: &str) -> HoldWish {
    HoldWish { store: "shibuya".into(), sku: sku.into(), quantity: 1, eta_min: 20 }
}

fn only(noren: &Noren) -> HoldView {
    let holds = noren.holds().list().unwrap().holds;
    assert_eq!(holds.len(), 1, "{holds:?}");
    holds.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_hold_is_promised_when_it_was_picked_and_says_its_shelf() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let HoldOutcome::Held { hold } = noren.holds().hold(&wish("M"), None).await.unwrap() else { panic!() };
    assert_eq!((hold.minutes_left, hold.store_name.as_str(), hold.call.as_str()), (30, "shibuya店", "0001"));
    assert_eq!(hold.words_ja, "店舗で確認中・まだ確保していません");
    assert!(!noren.holds().refresh().await.is_ok_and(|changed| changed), "as it was answered");
    phone.server.stores(|depot| depot.staff(HoldState::Picked, Some("12")));
    assert!(noren.holds().refresh().await.unwrap());
    assert!(!noren.holds().refresh().await.unwrap());
    let view = only(&noren);
    assert_eq!((view.words_ja.as_str(), view.words_en.as_str()), ("取り置き済み・棚番 12", "Kept for you: shelf 12"));
    phone.clock.pass(10 * 60_000);
    assert_eq!(only(&noren).minutes_left, 20);
    phone.clock.pass(20 * 60_000);
    let over = only(&noren);
    assert_eq!((over.standing, over.minutes_left), (HoldStanding::Known { state: HoldState::Expired }, 0));
    phone.clock.pass(86_400_000);
    assert!(noren.holds().list().unwrap().holds.is_empty());
}

#[tokio::test]
async fn offline_it_waits_a_second_tap_makes_no_second_one_and_after_ten_minutes_it_is_over() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.offline(true);
    let HoldOutcome::Waiting { key, .. } = noren.holds().hold(&wish("M"), None).await.unwrap() else { panic!() };
    let HoldOutcome::Waiting { key: again, .. } = noren.holds().hold(&wish("M"), None).await.unwrap() else { panic!() };
    assert_eq!(key, again);
    assert_eq!((only(&noren).standing, only(&noren).minutes_left), (HoldStanding::Waiting, 10));
    drop(noren);
    let noren = phone.open();
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(only(&noren).standing, HoldStanding::Known { state: HoldState::Requested });
    assert_eq!(phone.server.effects(paths::HOLDS), 1);

    phone.offline(true);
    phone.clock.pass(1_000);
    let HoldOutcome::Waiting { .. } = noren.holds().hold(&wish("L"), None).await.unwrap() else { panic!() };
    phone.clock.pass(11 * 60_000);
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    let standings: Vec<HoldStanding> = noren.holds().list().unwrap().holds.into_iter().map(|view| view.standing).collect();
    assert_eq!(standings, [HoldStanding::Over, HoldStanding::Known { state: HoldState::Requested }]);
    assert_eq!(phone.server.effects(paths::HOLDS), 1, "never made");
    // Taken back before it was sent, nothing is sent.
    phone.offline(true);
    let HoldOutcome::Waiting { key, .. } = noren.holds().hold(&wish("L"), None).await.unwrap() else { panic!() };
    noren.holds().take_back(&key).unwrap();
    assert_eq!(noren.holds().take_back(&key), Err(HoldsError::NoSuchHold));
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(phone.server.effects(paths::HOLDS), 1);
}

#[tokio::test]
async fn a_new_tap_is_its_own_wish_once_the_one_before_is_over() {
    for arrived in [Fault::Offline, Fault::LostRequest, Fault::LostAnswer] {
        let phone = Phone::new();
        let noren = in_town(&phone).await;
        phone.server.next([arrived.clone()]);
        let HoldOutcome::Waiting { key: first, .. } = noren.holds().hold(&wish("M"), None).await.unwrap() else { panic!() };
        phone.offline(true);
        phone.clock.pass(11 * 60_000);
        let HoldOutcome::Waiting { key, until_ms } = noren.holds().hold(&wish("M"), None).await.unwrap() else { panic!("{arrived:?}") };
        assert!(key != first && until_ms == phone.server.now_ms() + 600_000, "{arrived:?}");
        phone.offline(false);
        noren.outbox().network_returned().await.unwrap();
        assert_eq!(phone.server.stores(|depot| depot.holds.len()), 1, "{arrived:?}");
        let live: Vec<HoldView> = noren.holds().list().unwrap().holds.into_iter().filter(|view| view.id.is_some()).collect();
        assert_eq!((live.len(), live[0].minutes_left > 0), (1, true), "{arrived:?}");
        if matches!(arrived, Fault::Offline) {
            assert!(only(&noren).id.is_some(), "the one before was never sent: its place was taken");
        }
    }
}

#[tokio::test]
async fn other_pieces_take_the_place_of_a_wish_that_did_not_arrive() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.offline(true);
    noren.holds().hold(&wish("M"), None).await.unwrap();
    phone.clock.pass(60_000);
    let HoldOutcome::Waiting { key, until_ms } = noren.holds().hold(&HoldWish { quantity: 2, ..wish("M") }, None).await.unwrap() else {
        panic!()
    };
    assert_eq!((only(&noren).quantity, until_ms, noren.outbox().waiting().unwrap().len()), (2, phone.server.now_ms() + 600_000, 1));
    phone.clock.pass(60_000);
    assert_eq!(noren.holds().hold(&HoldWish { quantity: 2, ..wish("M") }, None).await.unwrap(), HoldOutcome::Waiting { key, until_ms });
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!((only(&noren).quantity, phone.server.effects(paths::HOLDS)), (2, 1));

    // It may have arrived: it stays as it was said, whatever is tapped.
    phone.server.next([Fault::LostAnswer]);
    let one = noren.holds().hold(&wish("L"), None).await.unwrap();
    let other = noren.holds().hold(&HoldWish { quantity: 2, ..wish("L") }, None).await.unwrap();
    assert_eq!(one, other);
    phone.clock.pass(60_000);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(phone.server.effects(paths::HOLDS), 2);
    // What a busy server asked for is not undercut by a tap.
    let busy = HoldWish { store: "near".into(), ..wish("L") };
    phone.server.next([Fault::Refuse(429, Reason::Unavailable, Some(60))]);
    noren.holds().hold(&busy, None).await.unwrap();
    noren.holds().hold(&HoldWish { quantity: 2, ..busy }, None).await.unwrap();
    assert_eq!(phone.server.effects(paths::HOLDS), 2);
}

#[tokio::test]
async fn who_is_too_late_gets_the_nearest_to_the_phone() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let alternative = |store: &str, distance_m: u32| HoldAlternative {
        store: store.into(),
        is_ec: store == "ec",
        available: 3,
        as_of_ms: if store == "old" { START_MS - 5 * 3_600_000 } else { START_MS },
        source: StockSource::PosFeed,
        distance_m: Some(distance_m),
    };
    phone.server.stores(|depot| {
        depot.say("shibuya", &[("M", 0)]);
        depot.alternatives = ["old", "unknown", "far", "near", "ec"]
            .into_iter()
            .zip([5, 10, 400, 900, 0])
            .map(|(store, metres)| alternative(store, metres))
            .collect();
    });
    let stores = |outcome| {
        let HoldOutcome::Refused { reason: HoldRefusal::InsufficientStock, alternatives } = outcome else { panic!("{outcome:?}") };
        alternatives.into_iter().map(|choice| (choice.store.0, choice.distance_m.is_some())).collect::<Vec<_>>()
    };
    let from_the_store = stores(noren.holds().hold(&wish("M"), None).await.unwrap());
    assert_eq!(from_the_store.iter().map(|(store, _)| store.as_str()).collect::<Vec<_>>(), ["unknown", "far", "near", "ec", "old"]);
    let from_the_phone = stores(noren.holds().hold(&wish("M"), Some(&miyajima())).await.unwrap());
    assert_eq!(
        from_the_phone,
        [("near".into(), true), ("far".into(), true), ("unknown".into(), false), ("ec".into(), false), ("old".into(), false)]
    );
    for wrong in [HoldWish { quantity: 0, ..wish("M") }, HoldWish { quantity: 11, ..wish("M") }, HoldWish { eta_min: 1_441, ..wish("M") }] {
        assert!(matches!(noren.holds().hold(&wrong, None).await, Err(HoldsError::BadWish { .. })));
    }
    let far = HoldWish { eta_min: 500, ..wish("L") };
    assert!(matches!(noren.holds().hold(&far, None).await.unwrap(), HoldOutcome::Refused { reason: HoldRefusal::TooFar, .. }));
    assert!(noren.holds().list().unwrap().holds.is_empty(), "what was answered at once is not told again");
    // Refused while nobody waited for it: the list tells it, and it can be taken away.
    phone.offline(true);
    let HoldOutcome::Waiting { key, .. } = noren.holds().hold(&far, None).await.unwrap() else { panic!() };
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(only(&noren).standing, HoldStanding::Refused { reason: HoldRefusal::TooFar });
    noren.holds().take_back(&key).unwrap();
    assert!(noren.holds().list().unwrap().holds.is_empty());

    // With where else it is: what stood in the answer is as good as it was for one who waited for it.
    phone.offline(true);
    noren.holds().hold(&wish("M"), None).await.unwrap();
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    let told = |noren: &Noren| only(noren).alternatives.into_iter().map(|choice| (choice.store.0, choice.answer)).collect::<Vec<_>>();
    let stores: Vec<String> = told(&noren).into_iter().map(|(store, _)| store).collect();
    assert_eq!(stores, ["unknown", "far", "near", "ec", "old"]);
    let worth = |answer: &StockAnswer| (answer.band, answer.quantity, answer.last_known, answer.source, answer.chance_permille);
    assert_eq!(worth(&told(&noren)[0].1), (Band::Low, Some(3), false, StockSource::PosFeed, None));
    assert_eq!(worth(&told(&noren)[4].1), (Band::Unknown, Some(3), true, StockSource::PosFeed, None));
    phone.clock.pass(30 * 60_000);
    assert_eq!(worth(&told(&noren)[0].1), (Band::Low, Some(3), true, StockSource::PosFeed, None), "half an hour old by now");
    phone.clock.pass(4 * 3_600_000);
    assert!(told(&noren).iter().all(|(_, answer)| answer.band == Band::Unknown));
}

#[tokio::test]
async fn lost_answers_and_crashes_double_nothing_and_lose_nothing() {
    for polls in 0..14u8 {
        for fault in [Fault::None, Fault::LostAnswer, Fault::LostRequest, Fault::Twice] {
            let phone = Phone::new();
            let noren = in_town(&phone).await;
            phone.server.next([fault.clone()]);
            let holds = noren.holds();
            let wanted = wish("M");
            // The process ends after some polls of the verb.
            {
                let mut verb = std::pin::pin!(holds.hold(&wanted, None));
                let mut left = polls;
                std::future::poll_fn(|context| {
                    if left == 0 {
                        return std::task::Poll::Ready(());
                    }
                    left -= 1;
                    let polled = verb.as_mut().poll(context);
                    context.waker().wake_by_ref();
                    polled.map(drop)
                })
                .await;
            }
            drop((holds, noren));
            phone.server.faults.lock().unwrap().clear();
            let noren = phone.open();
            noren.outbox().network_returned().await.unwrap();
            let kept = noren.holds().list().unwrap().holds;
            assert_eq!(kept.len(), usize::from(polls > 0), "durable with the first poll: {polls} {fault:?}");
            assert_eq!(phone.server.effects(paths::HOLDS), usize::from(polls > 0));
            assert!(kept.iter().all(|view| view.standing == HoldStanding::Known { state: HoldState::Requested }));
            // Tapped again after it was made: the backend says so, and there is still one.
            let again = noren.holds().hold(&wish("M"), None).await.unwrap();
            assert_eq!(matches!(again, HoldOutcome::Refused { reason: HoldRefusal::AlreadyHeld, .. }), polls > 0);
            assert_eq!(phone.server.stores(|depot| depot.holds.len()), 1);
        }
    }
}

#[tokio::test]
async fn a_dropped_cache_loses_no_hold() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.holds().hold(&wish("M"), None).await.unwrap();
    noren.pause().unwrap();
    drop(noren);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(phone.files().join(format!("cache.db{suffix}")));
    }
    phone.offline(true);
    let noren = phone.open();
    let hold = only(&noren);
    assert!(hold.standing == HoldStanding::Known { state: HoldState::Requested } && hold.id.is_some());
    phone.offline(false);
    phone.server.stores(|depot| depot.staff(HoldState::Picked, Some("3")));
    noren.holds().refresh().await.unwrap();
    assert_eq!(only(&noren).shelf_number.as_deref(), Some("3"));
}

#[tokio::test]
async fn after_a_dropped_cache_one_hold_does_not_hide_another() {
    for damaged in [false, true] {
        let phone = Phone::new();
        let noren = in_town(&phone).await;
        noren.holds().hold(&wish("M"), None).await.unwrap();
        noren.holds().refresh().await.unwrap();
        noren.pause().unwrap();
        drop(noren);
        if damaged {
            // What is sealed does not open any more; the ETag beside it stands.
            let cache = rusqlite::Connection::open(phone.files().join("cache.db")).unwrap();
            assert_eq!(cache.execute("UPDATE held SET sealed = x'00'", []).unwrap(), 1);
        } else {
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(phone.files().join(format!("cache.db{suffix}")));
            }
        }
        let noren = phone.open();
        phone.clock.pass(60_000);
        assert!(matches!(noren.holds().hold(&wish("L"), None).await.unwrap(), HoldOutcome::Held { .. }));
        let skus = |noren: &Noren| noren.holds().list().unwrap().holds.into_iter().map(|view| view.sku.0).collect::<Vec<_>>();
        assert_eq!(skus(&noren), ["L", "M"]);
        phone.server.stores(|depot| depot.holds[0].0.shelf_number = Some("3".into()));
        assert!(noren.holds().refresh().await.unwrap(), "the list is asked for");
        assert_eq!(skus(&noren), ["L", "M"]);
        assert!(noren.holds().list().unwrap().holds.iter().any(|view| view.shelf_number.is_some()));
    }
}

#[tokio::test]
async fn a_list_that_was_on_its_way_takes_no_word_back() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let HoldOutcome::Held { hold } = noren.holds().hold(&wish("M"), None).await.unwrap() else { panic!() };
    phone.server.stores(|depot| depot.staff(HoldState::Picked, Some("3")));
    let (holds, id) = (noren.holds(), hold.id.unwrap());
    phone.server.next([Fault::Late]);
    let mut refresh = std::pin::pin!(holds.refresh());
    // The backend has answered; the phone has not looked at it yet.
    let asked = || phone.server.world.lock().unwrap().seen.iter().filter(|(_, path)| path.starts_with(paths::HOLDS)).count();
    let before = asked();
    while asked() == before {
        let waits = std::future::poll_fn(|context| std::task::Poll::Ready(refresh.as_mut().poll(context).is_pending())).await;
        assert!(waits);
    }
    assert_eq!(holds.release(&id).await.unwrap(), Submission::Done);
    refresh.await.unwrap();
    assert_eq!(only(&noren).standing, HoldStanding::Known { state: HoldState::Released });
}

#[tokio::test]
async fn what_was_sent_is_not_said_to_be_free() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.server.next([Fault::LostAnswer]);
    assert!(matches!(noren.holds().hold(&wish("M"), None).await.unwrap(), HoldOutcome::Waiting { .. }));
    let asked = only(&noren);
    assert_eq!((asked.standing, asked.words_en.as_str()), (HoldStanding::Asked, "Asked, no answer yet: it may be kept already"));
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(only(&noren).standing, HoldStanding::Known { state: HoldState::Requested });
}

/// Fixes every ten seconds on the straight way between two distances from the store, westward of it.
fn walk(phone: &Phone, from_m: f64, speed_mps: f64, seconds: u32) -> Vec<Observation> {
    (0..seconds / 10)
        .map(|step| {
            phone.clock.pass(10_000);
            phone.fix(&shibuya().towards(270.0, from_m - speed_mps * 10.0 * f64::from(step + 1)), Some(1.3))
        })
        .collect()
}

#[tokio::test]
async fn on_the_way_only_minutes_leave_and_not_often() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let HoldOutcome::Held { hold } = noren.holds().hold(&HoldWish { eta_min: 14, ..wish("M") }, None).await.unwrap() else { panic!() };
    let mut told = 0;
    let mut at_m = 1_000.0;
    for _ in 0..10 {
        let trips = noren.holds().on_the_way(&walk(&phone, at_m, 1.35, 60)).unwrap();
        at_m -= 81.0;
        told += usize::from(trips[0].told);
        noren.outbox().send_due().await.unwrap();
    }
    let words = phone.server.stores(|depot| std::mem::take(&mut depot.words));
    assert_eq!((told, words.len()), (4, 4), "ten minutes, one word in three");
    assert!(words.windows(2).all(|two| two[1].eta_min < two[0].eta_min && two[1].at_ms - two[0].at_ms >= 180_000), "{words:?}");
    assert!(words.iter().all(|word| word.hold == *hold.id.as_ref().unwrap()));
    let sent = phone.server.world.lock().unwrap();
    for request in &sent.sent {
        let text = String::from_utf8_lossy(&request.body).into_owned() + &request.url;
        assert!(!text.contains("34.37") && !text.contains("132.3"), "no position: {text}");
    }
}

#[tokio::test]
async fn who_turns_away_is_asked_or_has_said_so() {
    for by_itself in [false, true] {
        let phone = Phone::new();
        let noren = in_town(&phone).await;
        noren.holds().release_when_away(by_itself).unwrap();
        noren.holds().hold(&wish("M"), None).await.unwrap();
        noren.holds().on_the_way(&walk(&phone, 800.0, 1.4, 120)).unwrap();
        let away = noren.holds().on_the_way(&walk(&phone, 640.0, -1.4, 240)).unwrap();
        assert_eq!((away[0].trend, away[0].turned_away, away[0].eta_min), (Trend::Away, false, None), "not clearly yet");
        let far = noren.holds().on_the_way(&walk(&phone, 976.0, -1.4, 240)).unwrap();
        assert_eq!((far[0].turned_away, far[0].released, far[0].told), (true, by_itself, false));
        noren.outbox().send_due().await.unwrap();
        let state = if by_itself { HoldState::Released } else { HoldState::Requested };
        assert_eq!(only(&noren).standing, HoldStanding::Known { state });
        if by_itself {
            assert!(noren.holds().on_the_way(&walk(&phone, 1_300.0, -1.4, 60)).unwrap().is_empty(), "only while it is live");
        }
    }
}

/// Fixes that a phone in a pocket has: right where one is, and good to three kilometres.
fn poor(observations: Vec<Observation>) -> Vec<Observation> {
    let mut observations = observations;
    for observation in &mut observations {
        let Observation::Fix { accuracy_m, .. } = observation else { panic!() };
        *accuracy_m = Some(3_000.0);
    }
    observations
}

#[tokio::test]
async fn fixes_that_are_not_looked_at_release_nothing() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.holds().release_when_away(true).unwrap();
    noren.holds().hold(&wish("M"), None).await.unwrap();
    noren.holds().on_the_way(&walk(&phone, 800.0, 1.4, 120)).unwrap();
    let away = noren.holds().on_the_way(&walk(&phone, 640.0, -4.0, 60)).unwrap();
    assert_eq!((away[0].trend, away[0].turned_away), (Trend::Away, false));
    let blind = noren.holds().on_the_way(&poor(walk(&phone, 880.0, 0.0, 400))).unwrap();
    assert_eq!((blind[0].turned_away, blind[0].released), (false, false), "one minute away is not five");
    assert!(noren.outbox().waiting().unwrap().iter().all(|view| !view.kind.contains("release")));
}

#[tokio::test]
async fn minutes_are_told_as_of_the_fix_and_never_from_an_old_one() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.holds().hold(&wish("M"), None).await.unwrap();
    let told = |observations: &[Observation]| noren.holds().on_the_way(observations).unwrap()[0].told;
    // A batch that comes late.
    let late = walk(&phone, 1_000.0, 1.35, 120);
    phone.clock.pass(61_000);
    assert!(!told(&late));
    // Nothing new was seen.
    assert!(!told(&[]) && !told(&poor(walk(&phone, 800.0, 1.35, 10))));
    let batch = walk(&phone, 738.0, 1.35, 120);
    phone.clock.pass(40_000);
    let seen_ms = phone.server.now_ms() - 40_000;
    assert!(told(&batch));
    noren.outbox().send_due().await.unwrap();
    let words = phone.server.stores(|depot| std::mem::take(&mut depot.words));
    assert_eq!(words.iter().map(|word| word.at_ms).collect::<Vec<_>>(), [seen_ms]);
}

#[tokio::test]
async fn who_is_on_the_ground_of_a_large_place_has_arrived() {
    let phone = Phone::new();
    phone.server.stores(|depot| depot.say("shibuya", &[("M", 2)]));
    let noren = phone
        .at_miyajima(|shop| {
            town(shop);
            let mall = shop.places.iter_mut().find(|info| info.tenants.iter().any(|tenant| tenant.store_id.as_str() == "shibuya")).unwrap();
            let Ground::Circle { radius_m, .. } = &mut mall.ground else { panic!() };
            *radius_m = 400;
        })
        .await;
    noren.holds().release_when_away(true).unwrap();
    noren.holds().hold(&wish("M"), None).await.unwrap();
    let there = noren.holds().on_the_way(&walk(&phone, 600.0, 1.4, 240)).unwrap();
    assert_eq!(there[0].eta_min, Some(0), "264 m from the middle of it");
    let leaves = noren.holds().on_the_way(&walk(&phone, 264.0, -1.4, 600)).unwrap();
    assert_eq!((leaves[0].trend, leaves[0].turned_away), (Trend::Away, false), "it was fetched");
}

#[tokio::test]
async fn words_that_nobody_asked_for_pile_up_nowhere() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.holds().release_when_away(true).unwrap();
    noren.holds().hold(&HoldWish { eta_min: 60, ..wish("M") }, None).await.unwrap();
    let told = |from_m: f64, speed_mps: f64| {
        let trips = noren.holds().on_the_way(&walk(&phone, from_m, speed_mps, 240)).unwrap();
        noren.outbox().waiting().unwrap().len() + usize::from(!trips[0].told && !trips[0].released) * 100
    };
    // A tunnel of half an hour, with a request that may have arrived at its beginning.
    phone.server.next([Fault::LostRequest]);
    assert_eq!(told(4_000.0, 1.35), 1);
    noren.outbox().send_due().await.unwrap();
    phone.offline(true);
    for step in 1..7 {
        assert_eq!(told(4_000.0 - f64::from(step) * 324.0, 1.35), 2, "the one that may have arrived, and the last word");
        noren.outbox().send_due().await.unwrap();
    }
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert!(noren.outbox().waiting().unwrap().is_empty(), "{:?}", noren.outbox().waiting());
    assert_eq!(phone.server.stores(|depot| depot.words.len()), 1, "the last one only");
    // Refused: there is nothing for a person to see.
    phone.server.next([Fault::Refuse(404, Reason::NotFound, None), Fault::Refuse(404, Reason::NotFound, None)]);
    assert_eq!(told(1_700.0, 1.35), 1);
    noren.outbox().send_due().await.unwrap();
    assert!(noren.outbox().waiting().unwrap().is_empty());
    noren.holds().on_the_way(&walk(&phone, 1_400.0, -1.4, 240)).unwrap();
    assert_eq!(told(1_736.0, -1.4), 1);
    noren.outbox().send_due().await.unwrap();
    assert!(noren.outbox().waiting().unwrap().is_empty());
}

#[tokio::test]
async fn still_coming_holds_it_longer_and_release_frees_it() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let HoldOutcome::Held { hold } = noren.holds().hold(&wish("M"), None).await.unwrap() else { panic!() };
    let id = hold.id.unwrap();
    phone.clock.pass(25 * 60_000);
    assert_eq!(noren.holds().still_coming(&id, 15).await.unwrap(), Submission::Done);
    assert_eq!(only(&noren).minutes_left, 25);
    assert!(matches!(noren.holds().still_coming(&id, 9_999).await, Err(HoldsError::BadWish { .. })));
    phone.offline(true);
    assert!(matches!(noren.holds().release(&id).await.unwrap(), Submission::Waiting { .. }));
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(only(&noren).words_en, "Released");
    assert_eq!(phone.server.stores(|depot| depot.available(&"shibuya".into(), &"M".into())), Some(2));
    assert_eq!(noren.holds().release(&id).await, Err(HoldsError::NoSuchHold));
    assert_eq!(noren.holds().still_coming(&"none".to_owned().into(), 3).await, Err(HoldsError::NoSuchHold));
}

#[tokio::test]
async fn not_found_leads_to_the_next_store() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.server.stores(|depot| {
        depot.say("near", &[("M", 4)]);
        depot.say("ec", &[("M", 4)]);
    });
    noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    let HoldOutcome::Held { hold } = noren.holds().hold(&wish("M"), None).await.unwrap() else { panic!() };
    phone.server.stores(|depot| {
        depot.staff(HoldState::NotFound, None);
        depot.say("shibuya", &[("M", 0)]);
    });
    noren.holds().refresh().await.unwrap();
    noren.stock().refresh(&[], None).await.unwrap();
    assert_eq!(only(&noren).words_ja, "売り場で見つかりませんでした");
    let instead = noren.holds().instead(&hold.id.unwrap(), Some(&miyajima())).unwrap();
    let stores: Vec<&str> = instead.variants[0].stores.iter().map(|store| store.store.as_str()).collect();
    assert_eq!((stores, instead.variants[0].online.is_some(), instead.next_steps.len()), (vec!["near"], true, 2));
}

#[tokio::test]
async fn another_member_and_forget_me_leave_nothing() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.stock().pin(&"planted-store".into(), true).unwrap();
    noren.holds().release_when_away(true).unwrap();
    noren.holds().hold(&wish("M"), None).await.unwrap();
    phone.offline(true);
    noren.holds().hold(&wish("L"), None).await.unwrap();
    phone.offline(false);
    // The server forgets the device, and the phone enrols again, as another member.
    phone.server.world.lock().unwrap().devices.values_mut().for_each(|device| device.2 = true);
    phone.server.world.lock().unwrap().tokens.clear();
    let _ = noren.member().refresh().await;
    assert!(matches!(noren.member().state(), MemberState::NeedsEnrolment { .. }));
    noren.member().enrol(None).await.unwrap();
    assert!(noren.holds().list().unwrap().holds.is_empty());
    assert!(noren.stock().stores().unwrap().is_empty());
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(phone.server.effects(paths::HOLDS), 1, "the other's wish is not said any more");

    noren.stock().pin(&"planted-store".into(), true).unwrap();
    noren.holds().hold(&HoldWish { sku: "planted-sku".into(), ..wish("L") }, None).await.unwrap();
    noren.forget_me().await.unwrap();
    drop(noren);
    for (path, bytes) in bytes_below(phone.directory.path()) {
        assert!(!bytes.windows(8).any(|window| window == b"planted-"), "{path:?}");
    }
}

#[tokio::test]
async fn what_the_server_does_not_take_is_said_once() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.server.next([Fault::Refuse(403, Reason::Forbidden, None)]);
    let refused = noren.holds().hold(&wish("M"), None).await;
    assert!(matches!(refused, Err(HoldsError::Refused { code: Reason::Forbidden, .. })), "{refused:?}");
    assert!(noren.holds().list().unwrap().holds.is_empty() && noren.outbox().waiting().unwrap().is_empty());
    assert_eq!(phone.open().holds().release(&"x".to_owned().into()).await, Err(HoldsError::NoSuchHold));
}
