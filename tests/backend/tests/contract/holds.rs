//! Holds: the last piece goes to one, for as long as the way is.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_backend::DEMO_STORE_ID;
use noren_rules::geo::Position;
use noren_rules::holds::HoldState;
use noren_rules::places::{Direction, OpeningSpan};
use noren_rules::stock::{StockEventKind, StockSource, StockState};
use noren_rules::wire::*;

use crate::stock::event;
use crate::support::*;

/// The store that holds: the demo till stands there.
pub const STORE: &str = DEMO_STORE_ID;

pub fn wish(sku: &str) -> HoldRequest {
    HoldRequest { store: STORE.into(), sku: sku.into(), quantity: 1, eta_min: 20 }
}

pub fn store_at(id: &str, north_m: f64) -> PlaceInfo {
    let position = Position::new(35.0, 139.0).unwrap().towards(0.0, north_m);
    PlaceInfo {
        id: id.into(),
        kind: PlaceKind::Store,
        name: format!("店 {id}"),
        reading: None,
        direction: Direction::Both,
        ground: Ground::circle(&position, 50),
        open_to_ordinary_road: true,
        hours: None,
        value: 1,
        area: None,
        tenants: vec![],
    }
}

impl World {
    pub async fn try_hold(&self, phone: &Phone, request: &HoldRequest) -> HoldAnswer {
        self.post(paths::HOLDS, Some(&phone.token), &self.fresh_key(), request).await.ok()
    }

    pub async fn hold(&self, phone: &Phone, request: &HoldRequest) -> Hold {
        let answer = self.try_hold(phone, request).await;
        answer.hold.unwrap_or_else(|| panic!("{:?}", answer.refused))
    }

    pub async fn refused(&self, phone: &Phone, request: &HoldRequest) -> HoldRefusal {
        let answer = self.try_hold(phone, request).await;
        assert!(answer.hold.is_none());
        answer.refused.unwrap()
    }

    pub async fn holds(&self, phone: &Phone) -> Vec<Hold> {
        self.get(paths::HOLDS, Some(&phone.token)).await.ok::<Holds>().holds
    }

    pub async fn progress(&self, phone: &Phone, hold: &Hold, eta_min: u32) -> Got {
        let request = HoldProgressRequest { hold: hold.id.clone(), eta_min, at_ms: self.now() };
        self.post(paths::HOLD_PROGRESS, Some(&phone.token), &self.fresh_key(), &request).await
    }

    pub async fn let_go(&self, phone: &Phone, hold: &Hold) -> Got {
        let request = HoldReleaseRequest { hold: hold.id.clone() };
        self.post(paths::HOLD_RELEASES, Some(&phone.token), &self.fresh_key(), &request).await
    }

    pub async fn put_places(&self, places: Vec<PlaceInfo>) {
        let request = PutPlaces { places, routes: vec![], remove: vec![] };
        self.operator(paths::OPERATOR_PLACES, &request).await.ok::<Kept>();
    }
}

#[tokio::test]
async fn two_phones_race_for_the_last_piece_and_one_holds_it() {
    let world = world().await;
    world.put_places(vec![store_at(STORE, 0.0), store_at("far", 9_000.0), store_at("near", 700.0)]).await;
    world.location(STORE, false, true).await;
    world.location("web", true, false).await;
    // A store whose place nobody has given is an alternative, a warehouse is none.
    world.location("nowhere-known", false, true).await;
    world.location("warehouse", false, false).await;
    world.counted(&["far", "near", "web", "nowhere-known", "warehouse"], &["a"], 120).await;
    world.counted(&[STORE], &["a"], 1).await;
    let mut phones = Vec::new();
    for seed in 1..=50 {
        phones.push(world.phone(seed, None).await);
    }
    let world = Arc::new(world);
    let racing: Vec<_> = phones
        .iter()
        .map(|phone| {
            let (world, token) = (Arc::clone(&world), phone.token.clone());
            tokio::spawn(async move {
                // Each sends it twice, as a phone does whose first answer was lost.
                let key = format!("hold-{token}");
                let first = world.post(paths::HOLDS, Some(&token), &key, &wish("a")).await;
                let again = world.post(paths::HOLDS, Some(&token), &key, &wish("a")).await;
                assert!(first.body == again.body && again.replayed());
                first.ok::<HoldAnswer>()
            })
        })
        .collect();
    let mut held = 0;
    for racer in racing {
        let answer = racer.await.unwrap();
        if answer.hold.is_some() {
            assert!(answer.refused.is_none() && answer.alternatives.is_empty());
            held += 1;
            continue;
        }
        assert_eq!(answer.refused, Some(HoldRefusal::InsufficientStock));
        let elsewhere: Vec<_> = answer.alternatives.iter().map(|other| (other.store.as_str(), other.is_ec, other.available)).collect();
        assert_eq!(elsewhere, [("near", false, 99), ("far", false, 99), ("nowhere-known", false, 99), ("web", true, 99)]);
        let metres: Vec<_> = answer.alternatives.iter().map(|other| other.distance_m).collect();
        assert_eq!(metres, [Some(700), Some(9_000), None, None]);
    }
    assert_eq!(held, 1);
    assert_eq!(world.available(&phones[0], STORE, "a").await, Some(Some(0)));
    let mut holds = 0;
    for phone in &phones {
        holds += world.holds(phone).await.len();
    }
    assert_eq!(holds, 1);
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test]
async fn what_is_not_held_says_why() {
    let world = world().await;
    let (phone, other) = (world.phone(1, None).await, world.phone(2, None).await);
    world.counted(&[STORE], &["a", "b", "c", "d"], 5).await;
    assert_eq!(world.refused(&phone, &wish("a")).await, HoldRefusal::NotOffered, "nobody said that this store holds");
    world.location(STORE, false, true).await;
    world.location("web", true, true).await;
    world.counted(&["web"], &["a"], 5).await;
    assert_eq!(world.refused(&phone, &HoldRequest { store: "web".into(), ..wish("a") }).await, HoldRefusal::NotOffered);
    assert_eq!(world.refused(&phone, &HoldRequest { store: "nowhere".into(), ..wish("a") }).await, HoldRefusal::NotOffered);
    assert_eq!(world.refused(&phone, &wish("no-such-thing")).await, HoldRefusal::NotOffered);
    assert_eq!(world.refused(&phone, &HoldRequest { eta_min: 91, ..wish("a") }).await, HoldRefusal::TooFar);
    assert_eq!(world.refused(&phone, &HoldRequest { quantity: 6, ..wish("a") }).await, HoldRefusal::InsufficientStock);
    for (quantity, eta_min) in [(0, 5), (11, 5), (1, 1_441)] {
        let request = HoldRequest { quantity, eta_min, ..wish("a") };
        let got = world.post(paths::HOLDS, Some(&phone.token), &world.fresh_key(), &request).await;
        assert_eq!(got.refused(400), Reason::InvalidRequest);
    }
    // One a member a variant, three a member in all; another member is another.
    world.hold(&phone, &wish("a")).await;
    assert_eq!(world.refused(&phone, &wish("a")).await, HoldRefusal::AlreadyHeld);
    world.hold(&other, &wish("a")).await;
    world.hold(&phone, &wish("b")).await;
    world.hold(&phone, &wish("c")).await;
    assert_eq!(world.refused(&phone, &wish("d")).await, HoldRefusal::TooMany);
    // More was sold than there was: nothing can be promised.
    world.hear(vec![event("much", STORE, "d", T0 + 1, StockEventKind::Sale { quantity: 9 })]).await;
    assert_eq!(world.refused(&other, &wish("d")).await, HoldRefusal::StockUnknown);
    world.stop().await;
}

#[tokio::test]
async fn what_was_said_too_long_ago_is_not_promised() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    for store in [STORE, "silent", "heard"] {
        world.location(store, false, true).await;
    }
    world.counted(&[STORE, "silent", "heard"], &["a"], 3).await;
    world.pass(240 * MINUTE);
    let phone = world.renewed(phone).await;
    world.hear(vec![event("more", "heard", "a", world.now(), StockEventKind::Sale { quantity: 1 })]).await;
    let hold = world.hold(&phone, &wish("a")).await;
    world.let_go(&phone, &hold).await.ok::<Hold>();
    world.pass(1);
    // Its tills are silent for four hours: what it had then is no promise, here or as an alternative.
    let answer = world.try_hold(&phone, &wish("a")).await;
    assert_eq!((answer.hold, answer.refused), (None, Some(HoldRefusal::StockUnknown)));
    let elsewhere: Vec<_> = answer.alternatives.iter().map(|other| (other.store.as_str(), other.source, other.as_of_ms)).collect();
    assert_eq!(elsewhere, [("heard", StockSource::PosFeed, world.now() - 1)]);
    let quiet = StockEventsRequest { events: vec![], said_until_ms: Some(world.now()), stores: vec![STORE.into()] };
    world.operator(paths::STOCK_EVENTS, &quiet).await.ok::<StockEventsAnswer>();
    world.hold(&phone, &wish("a")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_store_that_is_closed_until_after_the_end_holds_nothing() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.location(STORE, false, true).await;
    world.counted(&[STORE], &["a", "b"], 5).await;
    // T0 is Friday, 17:00 in Japan: open until 17:25, and again from 18:30.
    let span = |opens_min, closes_min| OpeningSpan { weekday: 4, opens_min, closes_min };
    let hours = Some(WeeklyHours { spans: vec![span(600, 1_045), span(1_110, 1_200)], utc_offset_min: 540 });
    world.put_places(vec![PlaceInfo { hours, ..store_at(STORE, 0.0) }]).await;
    let eta = |eta_min| HoldRequest { eta_min, ..wish("a") };
    assert_eq!(world.refused(&phone, &eta(30)).await, HoldRefusal::Closed, "there at 17:30, over at 17:40");
    assert_eq!(world.refused(&phone, &eta(80)).await, HoldRefusal::Closed, "over at 18:30");
    world.hold(&phone, &eta(81)).await;
    world.hold(&phone, &HoldRequest { sku: "b".into(), ..eta(24) }).await;
    world.stop().await;
}

#[tokio::test]
async fn a_hold_lasts_while_the_shopper_comes_nearer_and_then_is_over() {
    let world = world().await;
    let (phone, other) = (world.phone(1, None).await, world.phone(2, None).await);
    world.location(STORE, false, true).await;
    world.counted(&[STORE], &["a"], 1).await;
    let hold = world.hold(&phone, &wish("a")).await;
    assert_eq!((hold.state, hold.until_ms, hold.cap_ms), (HoldState::Requested, T0 + 30 * MINUTE, T0 + 120 * MINUTE));
    assert_eq!(hold.call, hold.id.as_str()[12..].to_uppercase());
    world.pass(15 * MINUTE);
    let (phone, other) = (world.renewed(phone).await, world.renewed(other).await);
    let nearer: Hold = world.progress(&phone, &hold, 18).await.ok();
    assert_eq!(nearer.until_ms, T0 + 43 * MINUTE);
    world.pass(3 * MINUTE);
    let away: Hold = world.progress(&phone, &hold, 25).await.ok();
    assert_eq!(away.until_ms, T0 + 43 * MINUTE);
    assert_eq!(world.progress(&other, &hold, 5).await.refused(404), Reason::NotFound, "another's hold is none");
    assert_eq!(world.let_go(&other, &hold).await.refused(404), Reason::NotFound);
    assert_eq!(world.progress(&phone, &hold, 1_441).await.refused(400), Reason::InvalidRequest);
    assert_eq!(world.refused(&other, &wish("a")).await, HoldRefusal::InsufficientStock);
    world.pass(25 * MINUTE - 1);
    let (phone, other) = (world.renewed(phone).await, world.renewed(other).await);
    assert_eq!(world.holds(&phone).await[0].state, HoldState::Requested);
    world.pass(1);
    // Time alone ends it, whoever looks first: the piece is free at once.
    assert_eq!(world.available(&other, STORE, "a").await, Some(Some(1)));
    assert_eq!(world.holds(&phone).await[0].state, HoldState::Expired);
    let late: Hold = world.progress(&phone, &hold, 1).await.ok();
    assert_eq!((late.state, late.until_ms), (HoldState::Expired, T0 + 43 * MINUTE));
    let mine = world.hold(&other, &wish("a")).await;
    // Let go, once and again; that is no reason to wait.
    for _ in 0..2 {
        assert_eq!(world.let_go(&other, &mine).await.ok::<Hold>().state, HoldState::Released);
    }
    // Whose hold ran out has to give others their turn, in that store.
    assert_eq!(world.refused(&phone, &wish("a")).await, HoldRefusal::TooSoon);
    world.pass(30 * MINUTE - 1);
    let phone = world.renewed(phone).await;
    assert_eq!(world.refused(&phone, &wish("a")).await, HoldRefusal::TooSoon);
    world.pass(1);
    world.hold(&phone, &wish("a")).await;
    // What is over is shown for a day.
    world.pass(DAY - 30 * MINUTE - 1);
    let phone = world.renewed(phone).await;
    let states: Vec<_> = world.holds(&phone).await.iter().map(|hold| hold.state).collect();
    assert_eq!(states, [HoldState::Expired, HoldState::Expired]);
    world.pass(10);
    assert_eq!(world.holds(&phone).await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn nothing_new_is_not_sent_again() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.location(STORE, false, true).await;
    world.counted(&[STORE], &["a"], 1).await;
    world.hold(&phone, &wish("a")).await;
    let ask = async |etag: &str| {
        let request = world.http.get(format!("{}{}", world.url, paths::HOLDS)).bearer_auth(&phone.token).header("if-none-match", etag);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.headers()["etag"].to_str().unwrap().to_owned())
    };
    let (status, etag) = ask("").await;
    assert_eq!(status, 200);
    world.pass(MINUTE);
    assert_eq!(ask(&etag).await, (304, etag.clone()));
    world.pass(30 * MINUTE);
    let phone = world.renewed(phone).await;
    let request = world.http.get(format!("{}{}", world.url, paths::HOLDS)).bearer_auth(&phone.token).header("if-none-match", &etag);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200, "it is over now");
    world.stop().await;
}

#[tokio::test]
async fn members_that_become_one_keep_their_holds() {
    let world = world().await;
    world.location(STORE, false, true).await;
    world.counted(&[STORE], &["a", "b", "c", "d"], 5).await;
    let (one, two) = (world.phone(1, None).await, world.phone(2, None).await);
    world.hold(&one, &wish("a")).await;
    world.hold(&one, &wish("b")).await;
    let held = world.hold(&two, &wish("c")).await;
    for phone in [&one, &two] {
        let code: EcCode = world.till(paths::TILL_EC_CODES, &EcCodeRequest { account: "hanako".to_owned() }).await.ok();
        world.link(phone, Link::Ec { code: code.code }).await.ok::<Membership>();
    }
    for phone in [&one, &two] {
        assert_eq!(world.holds(phone).await.len(), 3);
        assert_eq!(world.refused(phone, &wish("a")).await, HoldRefusal::AlreadyHeld);
        assert_eq!(world.refused(phone, &wish("d")).await, HoldRefusal::TooMany);
    }
    assert_eq!(world.let_go(&one, &held).await.ok::<Hold>().state, HoldState::Released);
    world.stop().await;
}

#[tokio::test]
async fn an_erased_member_holds_nothing_and_is_named_nowhere() {
    let directory = tempdir();
    let clock = Arc::new(AtomicI64::new(T0));
    let world = world_in(directory.path(), &clock).await;
    let (phone, other) = (world.phone(1, None).await, world.phone(2, None).await);
    world.location(STORE, false, true).await;
    world.counted(&[STORE], &["a", "b"], 1).await;
    let picked = world.hold(&phone, &wish("a")).await;
    world.hold(&phone, &wish("b")).await;
    world.done(&picked, TaskDone::Picked { shelf_number: "7".to_owned() }).await;
    let export: MemberExport = world.get(paths::EXPORT, Some(&phone.token)).await.ok();
    assert_eq!(export.holds.len(), 2);
    assert!(world.erase(&phone.key, "forget").await.ok::<Erasure>().erased);
    assert_eq!(world.available(&other, STORE, "b").await, Some(Some(1)), "free for others");
    // The staff still has to put the other one back, without knowing whose it was.
    let task = world.tasks().await.remove(0);
    assert_eq!((task.hold.id.clone(), task.hold.state, task.hold.shelf_number.as_deref()), (picked.id, HoldState::Released, Some("7")));
    world.done(&task.hold, TaskDone::PutBack).await;
    assert_eq!(world.available(&other, STORE, "a").await, Some(Some(1)));
    world.stop().await;
    let database = rusqlite::Connection::open(directory.path().join("backend.sqlite")).unwrap();
    let named: i64 = database.query_row("SELECT COUNT(*) FROM reservations WHERE member IS NOT NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(named, 0);
    let bytes = std::fs::read(directory.path().join("backend.sqlite")).unwrap();
    let member = phone.enrolment.member_id.as_str().as_bytes();
    assert!(!bytes.windows(member.len()).any(|window| window == member));
}

#[tokio::test]
async fn display_pieces_and_pieces_on_the_way_are_told_and_not_held() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.location(STORE, false, true).await;
    let display = StockEventKind::Count { quantity: 2, state: StockState::Display };
    let sent = StockEventKind::TransferOut { quantity: 3, to: STORE.into() };
    world.counted(&["depot"], &["a"], 9).await;
    world.hear(vec![event("d", STORE, "a", T0, display), event("t", "depot", "a", T0 + 1, sent)]).await;
    assert_eq!(world.refused(&phone, &wish("a")).await, HoldRefusal::InsufficientStock);
    let level = world.stock(&phone, &format!("stores={STORE}@0")).await.stores.remove(0).levels.remove(0);
    assert_eq!((level.available, level.display, level.in_transit), (Some(0), 2, 3));
    let arrived = StockEventKind::TransferIn { quantity: 3, from: "depot".into() };
    world.hear(vec![event("i", STORE, "a", T0 + 2, arrived)]).await;
    world.hold(&phone, &wish("a")).await;
    world.stop().await;
}
