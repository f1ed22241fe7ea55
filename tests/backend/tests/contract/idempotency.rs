//! Keys of writes: TARGETS T9, PROTOCOL section 6.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use noren_backend::{DEMO_TILL_TOKEN, Settings};
use noren_rules::wire::*;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn the_same_key_a_hundred_times_at_once_has_one_effect() {
    let world = Arc::new(world().await);
    let phone = world.phone(1, None).await;
    let request = sale("1", scanned(phone.qr(T0), T0), vec![line("a", 1, 1_000)]);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (world, request) = (Arc::clone(&world), request.clone());
        tasks.spawn(async move { world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "the-key", &request).await });
    }
    let (mut first, mut bodies) = (0, std::collections::BTreeSet::new());
    while let Some(got) = tasks.join_next().await {
        let got = got.unwrap();
        if got.status == 409 {
            assert_eq!(got.refused(409), Reason::KeyInFlight);
            assert_eq!(got.header("retry-after"), Some("1"));
            continue;
        }
        got.ok::<SaleAnswer>();
        first += usize::from(!got.replayed());
        bodies.insert(got.body);
    }
    assert_eq!((first, bodies.len()), (1, 1));
    assert_eq!(world.history(&phone).await.len(), 1);
    assert_eq!(world.membership(&phone).await.points, 10);
}

#[tokio::test]
async fn a_key_in_flight_is_refused_until_its_answer_is_there() {
    let clock = Arc::new(AtomicI64::new(T0));
    let (hold, held) = (Arc::new(AtomicBool::new(false)), Arc::new(tokio::sync::Notify::new()));
    let (gate, signal) = (Arc::clone(&hold), Arc::clone(&held));
    let system = Settings::default().entropy;
    // The write asks for randomness in the middle of its transaction: there it is held.
    let entropy: noren_backend::Entropy = Arc::new(move |bytes| {
        if gate.load(Ordering::SeqCst) && bytes.len() == 10 {
            signal.notify_one();
            while gate.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        system(bytes)
    });
    let world = Arc::new(world_with(Settings { entropy, ..settings(&clock) }, clock).await);
    hold.store(true, Ordering::SeqCst);
    let request = sale("1", Customer::Anonymous, vec![line("a", 1, 100)]);
    let (other, body) = (Arc::clone(&world), request.clone());
    let first = tokio::spawn(async move { other.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &body).await });
    held.notified().await;
    let second = world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request).await;
    assert_eq!(second.refused(409), Reason::KeyInFlight);
    let resolve = ResolveRequest { key: "k".into(), path: paths::TILL_SALES.to_owned() };
    assert_eq!(world.till(paths::RESOLUTIONS, &resolve).await.refused(409), Reason::KeyInFlight);
    hold.store(false, Ordering::SeqCst);
    let first = first.await.unwrap();
    let third = world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request).await;
    assert!(!first.replayed() && third.replayed());
    assert_eq!(first.body, third.body);
}

#[tokio::test]
async fn keys_of_1_and_255_characters_are_good() {
    let world = world().await;
    for (at, key) in ["!", &"~".repeat(255)].into_iter().enumerate() {
        let request = sale(&at.to_string(), Customer::Anonymous, vec![line("a", 1, 100)]);
        let first = world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), key, &request).await;
        let again = world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), key, &request).await;
        assert_eq!((first.status, again.status, &first.body), (200, 200, &again.body));
        assert!(!first.replayed() && again.replayed());
    }
    world.stop().await;
}

#[tokio::test]
async fn every_write_needs_a_key_and_replays_under_it() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.register(&["100"], true).await;
    let code = world.sell(&sale("open", Customer::Anonymous, vec![line("a", 1, 100)])).await.claim_code.unwrap();
    let lost = world.phone(2, None).await;
    world.sell(&sale("to void", Customer::Anonymous, vec![line("a", 1, 100)])).await;
    let app = Some(phone.token.as_str());
    let till = Some(DEMO_TILL_TOKEN);
    let writes = [
        (paths::ENROLMENTS, None, serde_json::to_value(world.enrol_request(&key(3), None).await).unwrap()),
        (paths::CREDENTIALS, app, empty()),
        (paths::LINKS, app, json!({"link": number("100", "0000")})),
        (paths::CLAIMS, app, json!({"claim_code": code})),
        (paths::RESOLUTIONS, app, json!({"key": "lost", "path": paths::LINKS})),
        (paths::TILL_IDENTIFICATIONS, till, json!({"scanned": phone.qr(T0)})),
        (paths::TILL_SALES, till, serde_json::to_value(sale("1", Customer::Anonymous, vec![line("a", 1, 1)])).unwrap()),
        (paths::TILL_VOIDS, till, json!({"number": "to void"})),
        (paths::TILL_CARDS, till, json!({"numbers": ["5", "6"], "demo_pin": true})),
        (paths::TILL_EC_CODES, till, json!({"account": "alice@example.com"})),
        (paths::TILL_REVOCATIONS, till, json!({"device_id": lost.device()})),
    ];
    for (path, token, body) in writes {
        let bearer = format!("Bearer {}", token.unwrap_or_default());
        let headers: &[(&str, &str)] = if token.is_some() { &[("authorization", &bearer)] } else { &[] };
        assert_eq!(world.send(path, headers, body.to_string()).await.refused(400), Reason::KeyMissing, "{path}");
        let first = world.post(path, token, "the-same", &body).await;
        assert_eq!(first.status, 200, "{path}: {}", first.body);
        let again = world.post(path, token, "the-same", &body).await;
        assert!(!first.replayed() && again.replayed(), "{path}");
        assert_eq!((first.status, &first.body), (again.status, &again.body), "{path}");
        assert_eq!(first.header("content-type"), again.header("content-type"), "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_key_belongs_to_its_caller_and_route() {
    let world = world().await;
    let (one, two) = (world.phone(1, None).await, world.phone(2, None).await);
    for phone in [&one, &two] {
        assert!(!world.post(paths::CREDENTIALS, Some(&phone.token), "k", &empty()).await.replayed());
    }
    let register = RegisterCards { numbers: vec!["1".into()], demo_pin: true };
    world.post(paths::TILL_CARDS, Some(DEMO_TILL_TOKEN), "k", &register).await.ok::<RegisteredCards>();
    let got = world.post(paths::TILL_VOIDS, Some(DEMO_TILL_TOKEN), "k", &json!({"number": "1"})).await;
    assert_eq!(got.refused(404), Reason::NotFound);
    world.stop().await;
}

#[tokio::test]
async fn what_was_decided_is_kept_and_what_may_change_is_not() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.register(&["100"], true).await;
    // A refusal by a rule is final under its key.
    let wrong = json!({"link": number("100", "1111")});
    let first = world.post(paths::LINKS, Some(&phone.token), "k", &wrong).await;
    let again = world.post(paths::LINKS, Some(&phone.token), "k", &wrong).await;
    assert_eq!((first.refused(403), again.refused(403)), (Reason::LinkRefused, Reason::LinkRefused));
    assert!(again.replayed());
    assert_eq!(first.body, again.body);
    // What could not be read was not executed: the key is free.
    assert_eq!(world.post(paths::TILL_VOIDS, Some(DEMO_TILL_TOKEN), "v", &json!({"no": 1})).await.status, 400);
    let void = json!({"number": "late"});
    assert_eq!(world.post(paths::TILL_VOIDS, Some(DEMO_TILL_TOKEN), "v", &void).await.refused(404), Reason::NotFound);
    world.sell(&sale("late", Customer::Anonymous, vec![line("a", 1, 1)])).await;
    assert!(!world.post(paths::TILL_VOIDS, Some(DEMO_TILL_TOKEN), "v", &void).await.replayed());
    // A lock passes, and then the same intent succeeds under the same key.
    for _ in 0..4 {
        world.link(&phone, number("100", "1111")).await;
    }
    let right = json!({"link": number("100", "0000")});
    assert_eq!(world.post(paths::LINKS, Some(&phone.token), "r", &right).await.refused(429), Reason::TooManyAttempts);
    world.pass(60 * MINUTE);
    let token = world.token(&phone.key).await.ok::<AccessToken>().token;
    assert_eq!(world.post(paths::LINKS, Some(&token), "r", &right).await.ok::<Membership>().linked.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn an_enrolment_may_be_tried_again_with_a_fresh_nonce() {
    let world = world().await;
    let first = world.post(paths::ENROLMENTS, None, "k", &world.enrol_request(&key(1), None).await).await;
    world.pass(6 * MINUTE);
    let again = world.post(paths::ENROLMENTS, None, "k", &world.enrol_request(&key(1), None).await).await;
    assert!(again.replayed());
    assert_eq!(first.body, again.body);
    let other = world.enrol_request(&key(1), Some(number("1", "0000"))).await;
    assert_eq!(world.post(paths::ENROLMENTS, None, "k", &other).await.refused(422), Reason::KeyReused);
    world.stop().await;
}

#[tokio::test]
async fn a_late_intent_is_refused_and_an_executed_one_is_replayed_for_ever() {
    let world = world().await;
    let request = sale("1", Customer::Anonymous, vec![line("a", 1, 100)]);
    let body = serde_json::to_string(&request).unwrap();
    let (bearer, until) = (format!("Bearer {DEMO_TILL_TOKEN}"), (T0 + MINUTE).to_string());
    let send = async |key: &str| {
        let headers = [("authorization", bearer.as_str()), (IDEMPOTENCY_KEY, key), (EXPIRES_AT, until.as_str())];
        world.send(paths::TILL_SALES, &headers, body.clone()).await
    };
    let first = send("k").await;
    world.pass(MINUTE + 1);
    assert!(send("k").await.replayed());
    assert_eq!(send("other").await.refused(410), Reason::IntentExpired);
    world.pass(59 * DAY);
    assert_eq!(send("k").await.body, first.body);
    world.pass(2 * DAY);
    assert_eq!(send("k").await.refused(410), Reason::IntentExpired, "forgotten, and past its time");
    // A till's sale never expires: its number still holds.
    assert_eq!(world.sell(&request).await, first.ok());
    world.stop().await;
}

#[tokio::test]
async fn a_lost_answer_is_resolved() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let request = sale("1", Customer::Anonymous, vec![line("a", 1, 100)]);
    let first = world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request).await;
    let resolve = |key: &str| ResolveRequest { key: key.into(), path: paths::TILL_SALES.to_owned() };
    let Resolution::Outcome { status, body } = world.till(paths::RESOLUTIONS, &resolve("k")).await.ok() else { panic!("it was done") };
    assert_eq!((status, body), (200, first.body.clone()));
    // A key that never arrived is closed, and the late arrival refused.
    assert_eq!(world.till(paths::RESOLUTIONS, &resolve("lost")).await.ok::<Resolution>(), Resolution::Tombstone);
    assert_eq!(world.till(paths::RESOLUTIONS, &resolve("lost")).await.ok::<Resolution>(), Resolution::Tombstone);
    let late = sale("2", Customer::Anonymous, vec![line("a", 1, 100)]);
    assert_eq!(world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "lost", &late).await.refused(410), Reason::IntentExpired);
    // Another caller's keys are another's.
    let got = world.post(paths::RESOLUTIONS, Some(&phone.token), "r", &resolve("k")).await;
    assert_eq!(got.ok::<Resolution>(), Resolution::Tombstone);
    for (path, reason) in [("/v1/nowhere", Reason::InvalidRequest), (paths::NONCE, Reason::InvalidRequest)] {
        let request = ResolveRequest { key: "k".into(), path: path.to_owned() };
        assert_eq!(world.till(paths::RESOLUTIONS, &request).await.refused(400), reason);
    }
    world.stop().await;
}
