use super::kitchen::*;
use super::support::*;
use noren_core::Noren;
use noren_core::ordering::*;
use noren_rules::cart::*;
use noren_rules::ids::OrderId;
use noren_rules::order::{OrderState, RejectReason};
use noren_rules::slots::{PickupTime, SlotRefusalReason};
use noren_rules::wire::*;
use proptest::prelude::*;

pub fn s1() -> CartOf {
    CartOf::menu(&"s1".into())
}

pub fn by_token() -> CheckoutWish {
    CheckoutWish { time: PickupTime::Asap, method: PaymentMethod::Token, use_coupons: true, points: 0 }
}

pub fn tap() -> PlaceWish {
    PlaceWish { token: Some("tok_ok".into()), ..PlaceWish::default() }
}

/// A cart with a burger, its slot held, and reviewed.
pub async fn reviewed(noren: &Noren) -> OrderReview {
    let ordering = noren.ordering();
    ordering.add(&s1(), &line(noren, "burger", 1)).unwrap();
    let SlotHoldOutcome::Held { .. } = ordering.hold_slot(&s1(), PickupTime::Asap).await.unwrap() else { panic!() };
    ordering.review(&s1(), &by_token()).unwrap()
}

/// One that is ordered and accepted.
pub async fn ordered(noren: &Noren) -> OrderId {
    let review = reviewed(noren).await;
    noren.ordering().place(&review.order, &tap()).unwrap();
    let placed = noren.ordering().resolve(&review.order).await.unwrap();
    assert_eq!(placed.order.state, OrderState::Accepted);
    review.order
}

#[tokio::test]
async fn one_order_from_cart_to_pickup_code() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    assert_eq!(ordering.review(&s1(), &by_token()), Err(OrderingError::NotHeld));
    let review = reviewed(&noren).await;
    assert_eq!(review.order.0.len(), 16);
    let texts: Vec<&str> = review.rows_ja.iter().map(|row| row.label.as_str()).collect();
    assert!(texts.contains(&"合計(税込)") && texts.contains(&"申込期限") && texts.contains(&"キャンセル"), "{texts:?}");
    assert_eq!((review.snapshot.total_minor, review.deadline_ms), (540, Some(phone.server.now_ms() + 300_000)));
    let placed = ordering.place(&review.order, &tap()).unwrap();
    assert_eq!((placed.order.state, placed.is_heard, placed.waiting.is_some()), (OrderState::Submitted, false, true));
    assert_eq!(phone.server.effects(paths::ORDERS), 0, "committed before the first byte");
    assert!(ordering.cart(&s1()).unwrap().is_placed);
    assert_eq!(ordering.clear(&s1()), Err(OrderingError::Unresolved { order: review.order.clone() }));
    let placed = ordering.resolve(&review.order).await.unwrap();
    assert_eq!(
        (placed.order.state, placed.order.pickup_code.as_deref(), placed.order.call_number),
        (OrderState::Accepted, Some("CODE0001"), Some(1))
    );
    assert_eq!(placed.shown, Some(review.snapshot));
    assert_eq!(ordering.cart(&s1()).unwrap().cart.lines, [], "the next cart is a new one");
    // Readable with no network, after the process ended.
    phone.offline(true);
    drop((ordering, noren));
    let noren = phone.open();
    let page = noren.ordering().orders().unwrap();
    assert_eq!((page.orders.len(), page.orders[0].order.pickup_code.as_deref()), (1, Some("CODE0001")));
    // A tap more, on an old screen, is the same order.
    assert_eq!(noren.ordering().place(&review.order, &tap()).unwrap().order.state, OrderState::Accepted);
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(phone.server.effects(paths::ORDERS), 1);
}

#[tokio::test]
async fn two_taps_are_one_order_and_another_cart_is_another_screen() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    let review = reviewed(&noren).await;
    // What is shown is what is ordered: after a change it has to be shown again.
    ordering.add(&s1(), &line(&noren, "tea", 1)).unwrap();
    assert_eq!(ordering.place(&review.order, &tap()), Err(OrderingError::NotReviewed));
    assert_eq!(ordering.review(&s1(), &by_token()), Err(OrderingError::NotHeld), "the slot was for another cart");
    let SlotHoldOutcome::Held { order, .. } = ordering.hold_slot(&s1(), PickupTime::Asap).await.unwrap() else { panic!() };
    assert_eq!(order, review.order, "the same order all along");
    ordering.review(&s1(), &by_token()).unwrap();
    phone.offline(true);
    let (one, two) = (ordering.place(&order, &tap()).unwrap(), ordering.place(&order, &tap()).unwrap());
    assert_eq!(one, two);
    assert_eq!(noren.outbox().waiting().unwrap().len(), 1);
    assert_eq!(ordering.resolve(&order).await.unwrap().order.state, OrderState::Submitted, "surely not there yet");
    phone.offline(false);
    phone.server.next([Fault::LostAnswer]);
    assert_eq!(ordering.resolve(&order).await.unwrap().order.state, OrderState::Unknown);
    assert_eq!(ordering.orders().unwrap().orders[0].words_ja, "注文が届いたか確認しています。もう一度注文しないでください");
    assert_eq!(ordering.resolve(&order).await.unwrap().order.state, OrderState::Accepted);
    assert_eq!(phone.server.kitchen(|kitchen| kitchen.orders.len()), 1);
    assert_eq!(ordering.place(&"nosuchorder".into(), &tap()), Err(OrderingError::NoSuchOrder));
}

#[tokio::test]
async fn an_order_that_never_arrived_is_over_with_its_slot_and_the_cart_stays() {
    for fault in [None, Some(Fault::LostRequest), Some(Fault::LostAnswer)] {
        let phone = Phone::new();
        let noren = phone.at_table().await;
        let ordering = noren.ordering();
        let review = reviewed(&noren).await;
        ordering.place(&review.order, &tap()).unwrap();
        match fault.clone() {
            None => phone.offline(true),
            Some(fault) => phone.server.next([fault]),
        }
        ordering.resolve(&review.order).await.unwrap();
        phone.offline(true);
        phone.clock.pass(301_000);
        phone.offline(false);
        let arrived = matches!(fault, Some(Fault::LostAnswer));
        let placed = ordering.resolve(&review.order).await.unwrap();
        assert_eq!(placed.order.state, if arrived { OrderState::Accepted } else { OrderState::Failed }, "{fault:?}");
        assert_eq!(phone.server.effects(paths::ORDERS), usize::from(arrived), "{fault:?}");
        let cart = ordering.cart(&s1()).unwrap();
        assert_eq!((cart.cart.lines.len(), cart.is_placed, cart.order), (usize::from(!arrived), false, None), "{fault:?}");
        if !arrived {
            assert_eq!(ordering.place(&review.order, &tap()).unwrap().order.state, OrderState::Failed, "an old screen orders nothing");
            let again = reviewed(&noren).await;
            assert_ne!(again.order, review.order);
            ordering.place(&again.order, &tap()).unwrap();
            assert_eq!(ordering.resolve(&again.order).await.unwrap().order.state, OrderState::Accepted);
        }
        assert_eq!(phone.server.kitchen(|kitchen| kitchen.orders.len()), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_changed_price_is_a_question_and_the_yes_is_a_new_order() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    let review = reviewed(&noren).await;
    phone.server.kitchen(|kitchen| kitchen.price("s1", "burger", 560));
    ordering.place(&review.order, &tap()).unwrap();
    let placed = ordering.resolve(&review.order).await.unwrap();
    assert_eq!((placed.order.state, placed.order.rejected), (OrderState::Rejected, Some(RejectReason::Changed)));
    let question = placed.question.unwrap();
    assert_eq!(question.changes[0].words_ja, "価格が540円から560円に変わりました");
    assert_eq!(question.question.shown_now.as_ref().unwrap().total_minor, 560);
    assert!(!question.now_ja.is_empty());
    let cart = ordering.cart(&s1()).unwrap();
    assert_eq!((cart.cart.lines.len(), cart.replaces.as_ref()), (1, Some(&review.order)));
    // Asked again after the process ended, the same.
    drop((ordering, noren));
    let noren = phone.open();
    let ordering = noren.ordering();
    assert!(ordering.order(&review.order).unwrap().question.is_some());
    ordering.refresh(&"s1".into()).await.unwrap();
    assert_eq!(ordering.review(&s1(), &by_token()), Err(OrderingError::HasProblems), "never silently");
    ordering.accept_prices(&s1()).unwrap();
    let yes = ordering.review(&s1(), &by_token()).unwrap();
    assert!(yes.order != review.order && yes.snapshot.total_minor == 560 && yes.deadline_ms == review.deadline_ms, "in the same slot");
    ordering.place(&yes.order, &tap()).unwrap();
    let placed = ordering.resolve(&yes.order).await.unwrap();
    assert_eq!((placed.order.state, placed.order.replaces.as_ref()), (OrderState::Accepted, Some(&review.order)));
    assert_eq!(phone.server.kitchen(|kitchen| kitchen.orders.iter().filter(|taken| taken.answer.question.is_none()).count()), 1);
}

#[tokio::test]
async fn a_slot_that_is_gone_is_a_question_with_other_times() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    ordering.add(&s1(), &line(&noren, "burger", 1)).unwrap();
    let past = PickupTime::Scheduled { at_ms: START_MS - 3_600_000 };
    let SlotHoldOutcome::Refused { refusal, words_ja, .. } = ordering.hold_slot(&s1(), past).await.unwrap() else { panic!() };
    assert!(refusal.reason == SlotRefusalReason::Past && !refusal.same_day.is_empty() && words_ja.contains("いかがですか"));
    // Sold out meanwhile: nothing is held, and it is said why.
    phone.server.kitchen(|kitchen| {
        kitchen.sold_out = vec![noren_rules::menu::SoldOut { thing: noren_rules::menu::MenuThing::Item("burger".into()), until_ms: None }];
    });
    let SlotHoldOutcome::Changed { changes } = ordering.hold_slot(&s1(), PickupTime::Asap).await.unwrap() else { panic!() };
    assert!(matches!(changes[0].change, CartChange::SoldOut { line: 0, .. }));
    phone.server.kitchen(|kitchen| kitchen.sold_out.clear());
    let review = reviewed(&noren).await;
    assert!(ordering.release_slot(&s1()).await.unwrap());
    assert_eq!(ordering.place(&review.order, &tap()), Err(OrderingError::NotReviewed));
    let review = reviewed(&noren).await;
    // The kitchen gave it to somebody else.
    phone.server.kitchen(|kitchen| kitchen.books.get_mut(&"s1".into()).unwrap().release(&review.order));
    ordering.place(&review.order, &tap()).unwrap();
    let placed = ordering.resolve(&review.order).await.unwrap();
    assert!(!placed.question.unwrap().slot_ja.is_empty());
    let cart = ordering.cart(&s1()).unwrap();
    assert_eq!((cart.cart.lines.len(), cart.held), (1, None));
    let late = reviewed(&noren).await;
    phone.clock.pass(300_000);
    assert_eq!(ordering.place(&late.order, &tap()), Err(OrderingError::NotHeld), "the slot is over");
}

#[tokio::test]
async fn what_the_backend_does_not_take_leaves_the_cart() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    let review = reviewed(&noren).await;
    ordering.place(&review.order, &tap()).unwrap();
    phone.server.next([Fault::Refuse(409, Reason::OrderConflict, None)]);
    let placed = ordering.resolve(&review.order).await.unwrap();
    assert_eq!((placed.order.state, placed.refused), (OrderState::Failed, Some(Reason::OrderConflict)));
    assert_eq!(noren.outbox().waiting().unwrap(), [], "it cannot be sent once more beside the next one");
    assert_eq!(ordering.cart(&s1()).unwrap().cart.lines.len(), 1);
    let wish = PlaceWish::default();
    let next = reviewed(&noren).await;
    assert!(matches!(ordering.place(&next.order, &wish), Err(OrderingError::BadCart { .. })), "no token");
    assert!(matches!(ordering.place(&next.order, &PlaceWish { vehicle: "白".repeat(61), ..tap() }), Err(OrderingError::BadCart { .. })));
    assert!(matches!(
        ordering.place(&next.order, &PlaceWish { token: Some("x".repeat(201)), ..tap() }),
        Err(OrderingError::BadCart { .. })
    ));
    let address = DeliveryAddress { name: "n".into(), postal_code: "1".into(), address: "a".into(), note: String::new() };
    assert!(matches!(ordering.place(&next.order, &PlaceWish { deliver_to: Some(address), ..tap() }), Err(OrderingError::BadCart { .. })));
    assert!(!ordering.cart(&s1()).unwrap().is_placed);
}

#[tokio::test]
async fn a_dropped_cache_takes_no_pickup_code_along() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let order = ordered(&noren).await;
    let refused = { reviewed(&noren).await.order };
    drop(noren);
    for (name, _) in bytes_below(&phone.files()) {
        if name.file_name().is_some_and(|name| name.to_string_lossy().starts_with("cache.db")) {
            std::fs::remove_file(name).unwrap();
        }
    }
    phone.offline(true);
    let noren = phone.open();
    let ordering = noren.ordering();
    assert_eq!(ordering.orders().unwrap().orders[0].order.pickup_code.as_deref(), Some("CODE0001"));
    assert_eq!(ordering.menu(&"s1".into(), None, None), Err(OrderingError::NoMenu));
    assert_eq!(ordering.cart(&s1()).unwrap().order, Some(refused), "the cart is the person's word");
    phone.offline(false);
    ordering.refresh_orders().await.unwrap();
    assert_eq!(ordering.orders().unwrap().orders.len(), 1);
    // The backend has it no more.
    phone.clock.pass(1_000);
    phone.server.kitchen(|kitchen| kitchen.orders.clear());
    ordering.refresh_orders().await.unwrap();
    assert_eq!(ordering.orders().unwrap().orders, []);
    assert_eq!(ordering.reorder(&order), Err(OrderingError::NoMenu), "what it was of is known all the same");
}

/// Everything that anything says to a log, in words.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<String>>);

impl tracing::field::Visit for Log {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.lock().unwrap().push_str(&format!("{}={value:?}\n", field.name()));
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn no_card_number_is_kept_or_sent_anywhere() {
    let log = Log::default();
    let _listening = tracing::subscriber::set_default(log.clone());
    tracing::warn!("heard");
    let number = "4111-1111-1111-1111";
    let digits = "4111111111111111";
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    let review = reviewed(&noren).await;
    let with = |text: &str| {
        let address = DeliveryAddress { name: text.into(), postal_code: "1".into(), address: "a".into(), note: String::new() };
        [
            PlaceWish { token: Some(text.into()), ..tap() },
            PlaceWish { vehicle: format!("白い車 {text}"), ..tap() },
            PlaceWish { deliver_to: Some(address), ..tap() },
        ]
    };
    for wish in with(number).into_iter().chain(with(digits)) {
        assert_eq!(ordering.place(&review.order, &wish), Err(OrderingError::CardNumber));
        assert!(!format!("{wish:?}").contains("4111"));
    }
    assert_eq!(ordering.set_note(&s1(), 0, &format!("pay with {number}")), Err(OrderingError::CardNumber));
    assert_eq!(ordering.add(&s1(), &CartLine { note: digits.into(), ..line(&noren, "tea", 1) }), Err(OrderingError::CardNumber));
    ordering.place(&review.order, &tap()).unwrap();
    ordering.resolve(&review.order).await.unwrap();
    drop((ordering, noren));
    let holds = |bytes: &[u8]| [number, digits].iter().any(|planted| bytes.windows(planted.len()).any(|part| part == planted.as_bytes()));
    for (name, bytes) in bytes_below(&phone.files()) {
        assert!(!holds(&bytes), "{name:?}");
        assert!(!bytes.windows(6).any(|part| part == b"tok_ok"), "{name:?} tells the token");
    }
    assert!(phone.server.world.lock().unwrap().sent.iter().all(|sent| !holds(&sent.body)));
    let log = log.0.lock().unwrap().clone();
    assert!(log.contains("heard") && !holds(log.as_bytes()) && !log.contains("tok_ok"), "{log}");
}

#[tokio::test]
async fn forgetting_and_another_member_leave_nothing() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    ordered(&noren).await;
    noren.ordering().add(&s1(), &line(&noren, "tea", 1)).unwrap();
    noren.ordering().avoid(&["egg".into()]).unwrap();
    // The server has given this device to another member.
    {
        let mut world = phone.server.world.lock().unwrap();
        for device in world.devices.values_mut() {
            device.0 = "anothermember234".into();
        }
    }
    phone.clock.pass(11 * 86_400_000);
    noren.member().renew_if_due().await.unwrap();
    let ordering = noren.ordering();
    assert_eq!((ordering.orders().unwrap().orders.len(), ordering.carts().unwrap().len(), ordering.avoided().unwrap().len()), (0, 0, 0));
    ordering.add(&s1(), &line(&noren, "tea", 1)).unwrap();
    noren.forget_me().await.unwrap();
    assert!(!bytes_below(&phone.files()).iter().any(|(name, _)| name.extension().is_some_and(|end| end == "db")));
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::None),
        Just(Fault::Offline),
        Just(Fault::LostRequest),
        Just(Fault::LostAnswer),
        Just(Fault::Late),
        Just(Fault::Twice),
        Just(Fault::Portal),
        Just(Fault::Truncated),
        Just(Fault::Refuse(503, Reason::Unavailable, None)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is lost, doubled, late or cut on the way, wherever the process ends, however often it is tapped: at most one order, and in the end the
    /// phone knows which.
    #[test]
    fn one_tap_is_one_order(faults in prop::collection::vec(any_fault(), 0..8), taps in 1..4usize, polls in 0..20u8, pass_ms in 0..400_000i64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let phone = Phone::new();
        runtime.block_on(async {
            let noren = phone.at_table().await;
            let review = reviewed(&noren).await;
            phone.server.next(faults);
            for _ in 0..taps {
                noren.ordering().place(&review.order, &tap()).unwrap();
            }
            {
                let ordering = noren.ordering();
                let mut verb = std::pin::pin!(ordering.resolve(&review.order));
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
            drop(noren);
            phone.clock.pass(pass_ms);
            let noren = phone.open();
            let mut state = OrderState::Unknown;
            for _ in 0..12 {
                noren.ordering().place(&review.order, &tap()).unwrap();
                state = noren.ordering().resolve(&review.order).await.unwrap().order.state;
            }
            let made = phone.server.kitchen(|kitchen| kitchen.orders.len());
            assert_eq!((state, made), if made == 1 { (OrderState::Accepted, 1) } else { (OrderState::Failed, 0) });
            assert!(made == 1 || pass_ms >= 300_000, "it had time to arrive");
            assert_eq!(noren.ordering().cart(&s1()).unwrap().cart.lines.len(), 1 - made);
        });
    }
}
