//! What must not be kept, and what goes with its member.

use noren_rules::ids::AllergenId;
use noren_rules::order::OrderState;
use noren_rules::wire::*;

use crate::ordering::*;
use crate::slots::order_id;

/// All bytes of the data directory.
fn files(cafe: &Cafe) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(cafe.directory.path()).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

fn holds(all: &[u8], text: &str) -> bool {
    all.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_card_number_gets_no_further_than_the_door() {
    let log = crate::logs::listen();
    let cafe = cafe().await;
    // Test numbers of card brands, as people write them.
    let numbers = [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "３７８２８２２４６３１０００５",
        "card 4012888888881881 please",
    ];
    let good = cafe.ready_to_tap(1, cart(&[("coffee", 1)]), "tok_ok").await;
    for number in numbers {
        let with = |change: &dyn Fn(&mut OrderRequest)| {
            let mut request = good.clone();
            change(&mut request);
            request
        };
        let everywhere = [
            with(&|request| request.payment.token = Some(number.to_owned())),
            with(&|request| request.cart.lines[0].note = number.to_owned()),
            with(&|request| request.vehicle = number.to_owned()),
            with(&|request| request.avoids = vec![AllergenId(number.to_owned())]),
            with(&|request| request.shown.seller = number.to_owned()),
            with(&|request| {
                request.deliver_to = Some(DeliveryAddress {
                    name: "n".to_owned(),
                    postal_code: "p".to_owned(),
                    address: number.to_owned(),
                    note: String::new(),
                });
            }),
        ];
        for request in everywhere {
            assert_eq!(cafe.try_order(&request).await.refused(400), Reason::CardNumber, "{request:?}");
        }
        for step in [OrderStep::PayAgain { token: number.to_owned() }, OrderStep::Here { spot: number.to_owned() }] {
            assert_eq!(cafe.try_step(&good.id, step).await.refused(400), Reason::CardNumber);
        }
        let noted = with(&|request| request.cart.lines[0].note = number.to_owned()).cart;
        let hold = SlotHoldRequest {
            order: good.id.clone(),
            store: good.store.clone(),
            cart: noted,
            time: good.time,
            wanted_ms: None,
            replaces: None,
        };
        assert_eq!(cafe.world.try_slot(&cafe.phone, &hold).await.refused(400), Reason::CardNumber);
        let got = cafe.try_staff(&good.id, KitchenStep::Ready { shelf: number.to_owned() }).await;
        assert_eq!(got.refused(400), Reason::CardNumber);
        assert_eq!(cafe.try_hand_over(&by_code(&good.id, number)).await.refused(400), Reason::CardNumber);
        let refused = async |path: &str, body: serde_json::Value| {
            let got = cafe.world.till(path, &body).await;
            assert_eq!(got.refused(400), Reason::CardNumber, "{path}");
        };
        refused(paths::STORE_TASKS, serde_json::json!({ "hold": "h", "done": { "picked": { "shelf_number": number } } })).await;
        refused(paths::KITCHEN_SEATS, serde_json::json!({ "work": { "plate": { "seat": number } } })).await;
        refused(paths::KITCHEN_WALK_INS, serde_json::json!({ "lines": [{ "item": number }], "tax_handoff": "take_out" })).await;
        for (path, body) in [
            (paths::SEATS, serde_json::json!({ "code": number })),
            (paths::SELF_BASKETS, serde_json::json!({ "store": "s", "pieces": [{ "sku": number, "quantity": 1 }], "total_minor": 0 })),
        ] {
            let got = cafe.world.post(path, Some(&cafe.phone.token), &cafe.world.fresh_key(), &body).await;
            assert_eq!(got.refused(400), Reason::CardNumber, "{path}");
        }
    }
    // As a number of JSON, and as a key, too; a key of the phone's own making is none.
    let step = OrderStepRequest { order: good.id.clone(), step: OrderStep::Nearby { eta_min: 5 }, at_ms: 4_111_111_111_111_111 };
    let by_key = async |key: &str, step: &OrderStepRequest| cafe.world.post(paths::ORDER_STEPS, Some(&cafe.phone.token), key, step).await;
    assert_eq!(by_key("some-key", &step).await.refused(400), Reason::CardNumber);
    let step = OrderStepRequest { at_ms: cafe.world.now(), ..step };
    for key in ["4111111111111111", "4111-1111-1111-1111"] {
        assert_eq!(by_key(key, &step).await.refused(400), Reason::CardNumber);
    }
    assert_eq!(by_key("b4111111-1111-4111-b000-000000000000", &step).await.refused(404), Reason::NotFound);
    // Numbers that are none go through: a phone number, a long number that fails the check digit.
    let mut request = good.clone();
    request.vehicle = "03-1234-5678 / 4111111111111112".to_owned();
    let answer: OrderAnswer = cafe.try_order(&request).await.ok();
    assert_eq!(answer.question, None);
    cafe.settle().await;
    cafe.ready(&good.id).await;
    cafe.hand_over(&good.id).await;
    let (all, log) = (files(&cafe), log.text().into_bytes());
    assert!(holds(&all, "4111111111111112") && !log.is_empty(), "the scan can find something");
    for number in numbers.into_iter().chain(["4012888888881881"]) {
        assert!(!holds(&all, number), "a file holds {number}");
        assert!(!holds(&log, number), "the log holds {number}");
    }
    assert!(cafe.money(&good.id) > 0 && !holds(&log, "tok_ok"), "no token in the log");
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_is_personal_goes_with_the_member_and_what_was_sold_stays() {
    let cafe = cafe_with(|terms| terms.cancel_before_min = Some(1)).await;
    let personal = |request: &mut OrderRequest, mark: &str| {
        request.vehicle = format!("car-{mark}");
        request.avoids = vec![AllergenId(format!("allergen-{mark}"))];
        request.cart.lines[0].note = format!("note-{mark}");
        request.shown = cafe.shown(
            crate::menus::cafe_menu(),
            &request.cart,
            request.payment.method,
            request.shown.promised_ms,
            request.shown.deadline_ms,
            0,
        );
    };
    let mut done = cafe.ready_to_tap(1, cart(&[("coffee", 1)]), "tok_ok").await;
    personal(&mut done, "yamada-one");
    assert_eq!(cafe.try_order(&done).await.ok::<OrderAnswer>().question, None);
    cafe.settle().await;
    cafe.step(&done.id, OrderStep::Here { spot: "spot-yamada".to_owned() }).await;
    cafe.ready(&done.id).await;
    cafe.hand_over(&done.id).await;
    let mut open = cafe.ready_to_tap(2, cart(&[("cake", 1)]), "tok_ok").await;
    personal(&mut open, "yamada-two");
    cafe.try_order(&open).await.ok::<OrderAnswer>();
    cafe.settle().await;
    let begun = cafe.order(3, &[("coffee", 1)], "tok_ok").await;
    cafe.staff(&begun.id, KitchenStep::Start).await;
    let export: MemberExport = cafe.world.get(paths::EXPORT, Some(&cafe.phone.token)).await.ok();
    assert_eq!(export.orders.len(), 3);
    let exported = export.orders.iter().find(|order| order.order.id == done.id).unwrap();
    assert_eq!((exported.vehicle.as_str(), exported.spot.as_str()), ("car-yamada-one", "spot-yamada"));
    assert_eq!((exported.avoids.len(), exported.shown.lines[0].note.as_str()), (1, "note-yamada-one"));
    assert!(holds(&files(&cafe), "yamada"));
    cafe.world.erase(&cafe.phone.key, "erase-me").await.ok::<Erasure>();
    cafe.settle().await;
    let all = files(&cafe);
    for text in ["yamada", cafe.phone.enrolment.member_id.as_str()] {
        assert!(!holds(&all, text), "{text} is still there");
    }
    // What could be cancelled was, for nothing; what the kitchen makes is nobody's, and can be handed over by its code.
    assert_eq!((cafe.money(&open.id), cafe.money(&begun.id), cafe.money(&done.id)), (0, 450, 450));
    cafe.ready(&begun.id).await;
    let code = begun.pickup_code.unwrap();
    assert_eq!(cafe.try_hand_over(&by_code(&begun.id, &code)).await.ok::<KitchenOrder>().state, OrderState::PickedUp);
    let kitchen = cafe.kitchen().await;
    assert!(kitchen.orders.iter().any(|order| order.id == order_id(2) && order.state == OrderState::Canceled));
    cafe.world.stop().await;
}

#[tokio::test]
async fn what_a_till_was_answered_goes_with_the_member_too() {
    let cafe = cafe().await;
    let mut request = cafe.ready_to_tap(1, cart(&[("coffee", 1)]), "tok_ok").await;
    request.vehicle = "white van".to_owned();
    let answer: OrderAnswer = cafe.try_order(&request).await.ok();
    cafe.settle().await;
    let token = Some(noren_backend::DEMO_TILL_TOKEN);
    let step = KitchenStepRequest { order: request.id.clone(), step: KitchenStep::Ready { shelf: String::new() } };
    let handing = by_code(&request.id, answer.order.pickup_code.as_deref().unwrap());
    let ready = async || cafe.world.post(paths::KITCHEN_STEPS, token, "kitchen-key", &step).await;
    let handed = async || cafe.world.post(paths::KITCHEN_HAND_OVERS, token, "counter-key", &handing).await;
    assert_eq!(ready().await.ok::<KitchenOrder>().vehicle, "white van");
    assert_eq!(handed().await.ok::<KitchenOrder>().vehicle, "white van");
    assert!(ready().await.replayed() && handed().await.replayed());
    cafe.world.erase(&cafe.phone.key, "erase-me").await.ok::<Erasure>();
    assert_eq!(ready().await.refused(410), Reason::IntentExpired);
    assert_eq!(handed().await.refused(410), Reason::IntentExpired);
    cafe.world.stop().await;
}
