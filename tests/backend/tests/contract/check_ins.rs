//! Check-ins: decided as on the phone, counted once a member and place, tied to what they unlock.

use noren_rules::check_in::{
    AccuracyClass, CheckInMethod, CheckInPolicy, CheckInRecord, CheckInRefusal, Decision, Evidence, SpeedClass, decide,
};
use noren_rules::offers::{Audience, Offer};
use noren_rules::place_code::PlaceCode;
use noren_rules::routes::GatePass;
use noren_rules::wire::*;

use crate::stand::*;
use crate::support::*;

fn refused(answer: &CheckInAnswer) -> Option<CheckInRefusal> {
    match answer.outcome {
        CheckInOutcome::Accepted => None,
        CheckInOutcome::Refused { reason } => Some(reason),
    }
}

#[tokio::test]
async fn check_in_grant_and_sale_are_one_path() {
    let world = world().await;
    world.open_market(vec![Offer { audience: Audience::Traveller { within_s: 7_200 }, ..offer(7) }]).await;
    let mut phone = world.phone(1, None).await;
    let serial = world.lease_with(&mut phone, &[]).await.wallet.grants[0].serial;
    let unlocking = CheckInRecord { unlocked: vec![serial, 999], ..record("0b2f", T0) };
    let answer: CheckInAnswer = world.check_in(&phone, &unlocking).await.ok();
    assert_eq!((refused(&answer), answer.gap, answer.grants.as_slice()), (None, false, &[serial][..]));
    let again: CheckInAnswer = world.check_in(&phone, &unlocking).await.ok();
    assert_eq!(again, answer, "under another key, the same answer");
    let wallet = world.wallet(&phone).await;
    assert_eq!((wallet.check_ins.len(), wallet.check_ins[0].from_expressway), (1, true));
    let mut till = world.offline_till("one").await;
    let (request, _) = till.sell(&show(&phone, T0), T0);
    let sold = world.post_sale(&till, &request).await;
    assert_eq!(sold.redemptions[0].check_in_id, Some("0b2f".into()));
    assert_eq!(world.post_sale(&till, &request).await, sold, "replayed with its correlation id");
    let funnel = world.funnel(7).await;
    assert_eq!((funnel.check_ins, funnel.grants, funnel.redemptions), (1, 1, 1));
    let path = FunnelPath { check_in_id: "0b2f".into(), serial, till: "one".into(), number: request.number.clone() };
    assert_eq!(funnel.paths, [path]);
    world.stop().await;
}

#[tokio::test]
async fn device_and_backend_decide_alike() {
    let world = world().await;
    world.open_market(vec![]).await;
    let good = stay(PLACE);
    let mut driving = good.clone();
    driving.samples.iter_mut().for_each(|sample| (sample.speed, sample.stays) = (SpeedClass::Driving, false));
    let short = Evidence { samples: good.samples[4..].to_vec(), ended: true, ..good.clone() };
    let cases = [
        good.clone(),
        Evidence { mock: true, ..good.clone() },
        Evidence { jump: true, ..good.clone() },
        Evidence { clock_shift: true, ..good.clone() },
        Evidence { was_opposite: true, ..good.clone() },
        Evidence { cooling_down: true, ..good.clone() },
        Evidence { ended: true, ..driving },
        short,
    ];
    for (at, evidence) in cases.into_iter().enumerate() {
        let phone = world.phone(u8::try_from(at).unwrap() + 1, None).await;
        let on_the_phone = match decide(&evidence, &CheckInPolicy::default()) {
            Decision::CheckIn(_) => None,
            Decision::Refused(reason) => Some(reason),
            Decision::Waiting(missing) => panic!("{missing:?}"),
        };
        let made = CheckInRecord { method: CheckInMethod::Location(evidence), ..record(&format!("id-{at}"), T0) };
        let answer: CheckInAnswer = world.check_in(&phone, &made).await.ok();
        assert_eq!(refused(&answer), on_the_phone, "{at}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_cool_down_holds_over_devices_and_ends() {
    let world = world().await;
    world.register(&["100"], true).await;
    world.open_market(vec![]).await;
    let (one, two) = (world.phone(1, Some(number("100", "0000"))).await, world.phone(2, Some(number("100", "0000"))).await);
    let first = record("a", T0);
    assert_eq!(refused(&world.check_in(&one, &first).await.ok()), None);
    assert_eq!(refused(&world.check_in(&two, &record("b", T0 + 60_000)).await.ok()), Some(CheckInRefusal::CoolDown));
    world.pass(6 * 3_600_000);
    let token = world.token(&one.key).await.ok::<AccessToken>().token;
    let one = Phone { token, ..one };
    let later = CheckInRecord { sequence: 2, previous: Some(first.digest()), ..record("c", T0 + 6 * 3_600_000) };
    let answer: CheckInAnswer = world.check_in(&one, &later).await.ok();
    assert_eq!((refused(&answer), answer.gap), (None, false));
    // One record was lost: marked, and not refused for it.
    let fourth = CheckInRecord { sequence: 4, previous: Some([7; 32]), ..record("d", T0 + 6 * 3_600_000) };
    let answer: CheckInAnswer = world.check_in(&one, &fourth).await.ok();
    assert_eq!((refused(&answer), answer.gap), (Some(CheckInRefusal::CoolDown), true));
    // Another device's signature, an id that is taken, no record at all.
    let got = world.post(paths::CHECK_INS, Some(&one.token), "k1", &signed(&key(9), &record("e", T0))).await;
    assert_eq!(got.refused(401), Reason::RecordInvalid);
    assert_eq!(world.check_in(&one, &record("b", T0)).await.refused(401), Reason::RecordInvalid);
    let nothing = CheckInRequest { record: "AAAA".to_owned() };
    assert_eq!(world.post(paths::CHECK_INS, Some(&one.token), "k2", &nothing).await.refused(401), Reason::RecordInvalid);
    let nowhere = CheckInRecord { place: "nowhere".into(), method: CheckInMethod::Location(stay("nowhere")), ..record("f", T0) };
    assert_eq!(world.check_in(&one, &nowhere).await.refused(404), Reason::NotFound);
    world.stop().await;
}

#[tokio::test]
async fn a_place_code_counts_in_its_time_and_from_its_issuer() {
    let world = world().await;
    world.open_market(vec![]).await;
    let until_s = T0 / 1000 + 600;
    let request = PlaceCodeRequest { place: PLACE.into(), until_s };
    let code: PlaceCodeText = world.operator(paths::OPERATOR_PLACE_CODES, &request).await.ok();
    let by_code =
        |id: &str, text: &str, at_ms| CheckInRecord { method: CheckInMethod::PlaceCode { text: text.to_owned() }, ..record(id, at_ms) };
    let forged = PlaceCode { place: PLACE.into(), until_s }.text(&key(9));
    let cases = [("good", code.text.as_str(), T0, None), ("forged", forged.as_str(), T0, Some(CheckInRefusal::PlaceCode))];
    for (seed, (id, text, at_ms, expected)) in (1..).zip(cases) {
        let phone = world.phone(seed, None).await;
        assert_eq!(refused(&world.check_in(&phone, &by_code(id, text, at_ms)).await.ok()), expected, "{id}");
    }
    world.pass(600_000);
    let phone = world.phone(5, None).await;
    assert_eq!(refused(&world.check_in(&phone, &by_code("over", &code.text, T0 + 600_000)).await.ok()), Some(CheckInRefusal::PlaceCode));
    let past = world.operator(paths::OPERATOR_PLACE_CODES, &request).await;
    assert_eq!(past.refused(422), Reason::InvalidRule);
    world.stop().await;
}

#[tokio::test]
async fn a_receipt_code_checks_in_once_at_its_place() {
    let world = world().await;
    world.open_market(vec![]).await;
    let elsewhere = PutPlaces { places: vec![place("other", "other-shop")], routes: vec![], remove: vec![] };
    world.operator(paths::OPERATOR_PLACES, &elsewhere).await.ok::<Kept>();
    let sold = world.sell(&SaleRequest { store_id: STORE.into(), ..sale("1", Customer::Anonymous, vec![line("a", 1, 100)]) }).await;
    let code = sold.claim_code.unwrap();
    let by_code = |id: &str, place: &str, code: &str| CheckInRecord {
        place: place.into(),
        method: CheckInMethod::ReceiptCode { code: code.to_owned() },
        ..record(id, T0)
    };
    let again = world.sell(&SaleRequest { store_id: STORE.into(), ..sale("2", Customer::Anonymous, vec![line("a", 1, 100)]) }).await;
    let again = again.claim_code.unwrap();
    // A phone does not know where the store of a receipt is: it names no place.
    let cases = [
        ("a", "other", code.as_str(), false),
        ("b", PLACE, "NOSUCHCODE", false),
        ("c", PLACE, code.as_str(), true),
        ("d", PLACE, code.as_str(), false),
        ("e", "", "NOSUCHCODE", false),
        ("f", "", again.as_str(), true),
        ("g", "", again.as_str(), false),
    ];
    for (seed, (id, place, code, counts)) in (1..).zip(cases) {
        let phone = world.phone(seed, None).await;
        let answer: CheckInAnswer = world.check_in(&phone, &by_code(id, place, code)).await.ok();
        assert_eq!(refused(&answer), (!counts).then_some(CheckInRefusal::ReceiptCode), "{id}");
        let wallet = world.wallet(&phone).await;
        let places: Vec<_> = wallet.check_ins.iter().map(|check_in| check_in.place.as_str()).collect();
        assert_eq!(places, if counts { vec![PLACE] } else { vec![] }, "{id}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_route_is_a_check_in_of_its_own() {
    let world = world().await;
    world.open_market(vec![]).await;
    let east = Ground::circle(&position().towards(90.0, 30_000.0), 150);
    let second = PlaceInfo { kind: PlaceKind::Gate, ground: east, ..place("second", "second-shop") };
    let gates = vec![PLACE.into(), "second".into()];
    let route = RouteInfo { id: "sanyo".into(), name: "山陽道".to_owned(), gates, within_s: 7_200 };
    let put = PutPlaces { places: vec![second], routes: vec![route], remove: vec![] };
    world.operator(paths::OPERATOR_PLACES, &put).await.ok::<Kept>();
    let pass = |gate: &str, at_ms| GatePass { gate: gate.into(), at_ms, accuracy: AccuracyClass::Good, mock: false };
    let by_route = |id: &str, took_ms| CheckInRecord {
        place: "sanyo".into(),
        method: CheckInMethod::Route { passes: vec![pass(PLACE, T0 - took_ms), pass("second", T0)] },
        ..record(id, T0)
    };
    let (one, two) = (world.phone(1, None).await, world.phone(2, None).await);
    assert_eq!(refused(&world.check_in(&one, &by_route("a", 1_200_000)).await.ok()), None);
    assert_eq!(refused(&world.check_in(&two, &by_route("b", 60_000)).await.ok()), Some(CheckInRefusal::Jump), "30 km in a minute");
    assert!(world.wallet(&one).await.check_ins[0].from_expressway);
    world.stop().await;
}
