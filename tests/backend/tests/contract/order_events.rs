//! Phones hear of changes as they happen, each of its own orders, none left out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use noren_backend::Settings;
use noren_rules::ids::DeviceId;
use noren_rules::order::OrderState;
use noren_rules::wire::*;

use crate::ordering::*;
use crate::support::*;

/// A stream that is read event by event.
struct Listening {
    response: reqwest::Response,
    read: String,
}

impl Cafe {
    async fn listen(&self, phone: &Phone, last: Option<&str>) -> Listening {
        let mut request = self.world.http.get(format!("{}{}", self.world.url, paths::ORDER_EVENTS)).bearer_auth(&phone.token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.headers().contains_key(SERVER_TIME));
        Listening { response, read: String::new() }
    }
}

impl Listening {
    /// The next event; comments are passed over. `None` at the end of the stream.
    async fn next(&mut self) -> Option<OrderView> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let event = event.to_owned();
                self.read = rest.to_owned();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let Some(data) = field("data:") {
                    let view: OrderView = serde_json::from_str(data).unwrap();
                    assert_eq!((field("event:"), field("id:")), (Some("order"), Some(view.version.to_string().as_str())));
                    return Some(view);
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Reads up to this state.
    async fn until(&mut self, state: OrderState) -> OrderView {
        let mut version = 0;
        loop {
            let view = self.next().await.unwrap();
            assert!(view.version > version, "versions rise");
            version = view.version;
            if view.state == state {
                return view;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_tells_each_change_from_the_version_that_the_phone_has() {
    let cafe = cafe().await;
    let stranger = cafe.world.phone(2, None).await;
    let (mut all, mut theirs) = (cafe.listen(&cafe.phone, None).await, cafe.listen(&stranger, None).await);
    let view = cafe.order(1, &[("coffee", 1)], "tok_ok").await;
    assert_eq!(all.until(OrderState::Accepted).await.pickup_code, view.pickup_code);
    // From the GET on: what changed between it and the stream is told.
    let got = cafe.view(&view.id).await.version;
    cafe.ready(&view.id).await;
    let mut late = cafe.listen(&cafe.phone, Some(&got.to_string())).await;
    assert_eq!(
        (late.until(OrderState::Ready).await.shelf.as_deref(), all.until(OrderState::Ready).await.state),
        (Some("A-3"), OrderState::Ready)
    );
    cafe.hand_over(&view.id).await;
    assert_eq!(late.until(OrderState::PickedUp).await, cafe.view(&view.id).await);
    // A member hears of its own only: the first that the stranger hears is its own.
    let own = Cafe { phone: stranger, ..cafe };
    let second = own.order(2, &[("cake", 1)], "").await;
    assert_eq!(theirs.until(OrderState::Accepted).await.id, second.id);
    for wrong in ["x", "-1", "99999999999999999999999"] {
        let request = own.world.http.get(format!("{}{}", own.world.url, paths::ORDER_EVENTS)).bearer_auth(&own.phone.token);
        assert_eq!(request.header("last-event-id", wrong).send().await.unwrap().status().as_u16(), 400, "{wrong}");
    }
    // A server that stops ends its streams, so that it does not wait for them.
    let stopped = tokio::time::timeout(Duration::from_secs(8), own.world.stop()).await;
    assert!(stopped.is_ok() && theirs.next().await.is_none());
}

#[tokio::test]
async fn many_listen_and_none_misses_the_last_change() {
    let cafe = cafe().await;
    let view = cafe.order(1, &[("coffee", 1)], "").await;
    let mut listeners = Vec::new();
    for _ in 0..8 {
        listeners.push(cafe.listen(&cafe.phone, Some(&view.version.to_string())).await);
    }
    // More changes than a listener may be behind in memory.
    for _ in 0..300 {
        cafe.world.pass(1);
        let step = OrderStepRequest { order: view.id.clone(), step: OrderStep::Nearby { eta_min: 5 }, at_ms: cafe.world.now() };
        cafe.world.post(paths::ORDER_STEPS, Some(&cafe.phone.token), &cafe.world.fresh_key(), &step).await.ok::<OrderAnswer>();
    }
    cafe.ready(&view.id).await;
    let newest = cafe.view(&view.id).await;
    for mut listener in listeners {
        assert_eq!(listener.until(OrderState::Ready).await.version, newest.version);
    }
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_push_goes_to_each_device_of_the_member_after_the_commit() {
    let pushed: Arc<Mutex<Vec<(DeviceId, OrderPush)>>> = Arc::default();
    let heard = Arc::clone(&pushed);
    let cafe = cafe_that(move |settings| {
        settings.push =
            Some(Arc::new(move |device: &DeviceId, push: &OrderPush| heard.lock().unwrap().push((device.clone(), push.clone()))));
    })
    .await;
    let view = cafe.order(1, &[("coffee", 1)], "").await;
    let first = pushed.lock().unwrap().clone();
    assert_eq!(
        first,
        [(
            cafe.phone.device(),
            OrderPush { order: view.id.clone(), state: view.state, promised_ms: view.promised_ms, version: view.version }
        )]
    );
    cafe.ready(&view.id).await;
    let last = pushed.lock().unwrap().last().cloned().unwrap();
    assert_eq!((last.1.state, last.1.version), (OrderState::Ready, cafe.view(&view.id).await.version));
    let text = serde_json::to_string(&last.1).unwrap();
    assert!(!text.contains(view.pickup_code.as_deref().unwrap()), "a push hands nothing over");
    cafe.world.stop().await;
}

#[tokio::test]
async fn left_to_itself_the_backend_settles_and_tells() {
    // The provider is the sandbox that the backend opens by itself.
    let cafe = cafe_that(|settings| (settings.payments, settings.order_tick) = (None, Settings::default().order_tick)).await;
    let mut stream = cafe.listen(&cafe.phone, None).await;
    let request = cafe.ready_to_tap(1, cart(&[("coffee", 1)]), "tok_ok").await;
    cafe.try_order(&request).await.ok::<OrderAnswer>();
    loop {
        let view = stream.next().await.unwrap();
        if view.payment == OrderPayment::Paid {
            assert_eq!(view.state, OrderState::Accepted);
            break;
        }
    }
    assert_eq!(cafe.money(&request.id), 450, "in its file in the data directory");
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_the_clock_does_is_told_without_anybody_asking() {
    let pushed: Arc<Mutex<Vec<OrderPush>>> = Arc::default();
    let heard = Arc::clone(&pushed);
    let (directory, clock) = (tempdir(), Arc::new(std::sync::atomic::AtomicI64::new(T0)));
    let (mut settings, sandbox) = order_settings(directory.path(), &clock);
    settings.push = Some(Arc::new(move |_: &DeviceId, push: &OrderPush| heard.lock().unwrap().push(push.clone())));
    let world = world_with(settings, Arc::clone(&clock)).await;
    let phone = world.phone(1, None).await;
    let terms = OrderTerms { auto_accept: false, ..crate::menus::terms_of(crate::menus::CAFE) };
    world
        .put_menus(&PutMenus { terms: vec![terms.clone(), crate::menus::terms_of(crate::menus::NOODLES)], ..crate::menus::both() })
        .await
        .ok::<Kept>();
    let cafe = Cafe { world, sandbox, phone, terms, clock, directory };
    let mut stream = cafe.listen(&cafe.phone, None).await;
    let view = cafe.order(1, &[("coffee", 1)], "").await;
    assert_eq!(view.state, OrderState::Submitted);
    // Nobody accepts; no payment is to be made.
    cafe.world.pass(120 * MINUTE);
    cafe.settle().await;
    assert_eq!(pushed.lock().unwrap().last().map(|push| push.state), Some(OrderState::Rejected));
    assert_eq!(stream.until(OrderState::Rejected).await.id, view.id);
    cafe.world.stop().await;
}

#[tokio::test]
async fn a_stream_begins_with_what_a_get_shows_hears_of_links_and_is_one_of_a_few() {
    let mut cafe = cafe().await;
    let old = cafe.order(1, &[("coffee", 1)], "").await;
    cafe.step(&old.id, OrderStep::Cancel).await;
    cafe.world.pass(31 * DAY);
    cafe.phone = cafe.world.renewed(Phone { key: key(1), enrolment: cafe.phone.enrolment.clone(), token: String::new() }).await;
    let new = cafe.order(2, &[("coffee", 1)], "").await;
    let mut stream = cafe.listen(&cafe.phone, None).await;
    assert_eq!(stream.next().await.unwrap().id, new.id, "what is over for a month is told nobody");
    // Another phone with the same card: what it orders is the member's, from the link on.
    cafe.world.register(&["2900000000017"], true).await;
    let card = number("2900000000017", "0000");
    let other = cafe.world.phone(2, Some(card.clone())).await;
    assert_eq!(cafe.world.link(&cafe.phone, card).await.status, 200);
    let theirs = Cafe { phone: other, ..cafe };
    let third = theirs.order(3, &[("cake", 1)], "").await;
    while stream.next().await.unwrap().id != third.id {}
    // A phone that comes again and again, without the last end having been noticed, leaves no more than a few open.
    let mine = Phone { key: key(1), enrolment: theirs.phone.enrolment.clone(), token: String::new() };
    let cafe = Cafe { phone: theirs.world.renewed(mine).await, ..theirs };
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(cafe.listen(&cafe.phone, Some("999999")).await);
    }
    assert!(stream.next().await.is_none(), "the oldest of them ends");
    cafe.world.stop().await;
}
