//! Identities from before: PINs, codes, members that become one, credentials and tokens.

use noren_backend::DEMO_TILL_TOKEN;
use noren_rules::b64;
use noren_rules::code::MemberCode;
use noren_rules::keys::PublicKey;
use noren_rules::lists::Lists;
use noren_rules::wire::*;

use crate::support::*;

async fn lists(world: &World) -> Lists {
    let keys: TillKeys = world.get(paths::TILL_KEYS, Some(DEMO_TILL_TOKEN)).await.ok();
    Lists::open(&b64::decode(&keys.document).unwrap(), &PublicKey::from_base64url(&keys.root_key).unwrap()).unwrap()
}

#[tokio::test]
async fn a_plastic_card_and_its_history_join() {
    let world = world().await;
    assert_eq!(world.register(&["17850", "17851"], true).await, RegisteredCards { registered: 2, known: 0 });
    assert_eq!(world.register(&["17850", "17852"], true).await, RegisteredCards { registered: 1, known: 1 });
    world.sell(&sale("before", card("17850"), vec![line("a", 1, 1_000)])).await;
    let phone = world.phone(1, Some(number("17850", "0000"))).await;
    assert_eq!(phone.enrolment.membership.points, 10);
    assert_eq!(phone.enrolment.membership.assurance, Assurance::Number);
    assert_eq!(phone.enrolment.membership.linked, [LinkedIdentity::Number { number: "17850".into() }]);
    assert_eq!(world.numbers(&phone).await, ["before"]);
    world.stop().await;
}

#[tokio::test]
async fn five_wrong_pins_per_number_and_device_then_an_hour() {
    let world = world().await;
    world.register(&["100"], true).await;
    // A number that does not exist is answered in the same way at every step.
    for (seed, card_number) in [(1, "100"), (2, "no-such-card")] {
        let phone = world.phone(seed, None).await;
        let mut details = Vec::new();
        for _ in 0..5 {
            let got = world.link(&phone, number(card_number, "9999")).await;
            assert_eq!(got.refused(403), Reason::LinkRefused);
            details.push(got.body);
        }
        let got = world.link(&phone, number(card_number, "0000")).await;
        assert_eq!((got.refused(429), got.header("retry-after")), (Reason::TooManyAttempts, Some("3600")));
        details.push(got.body);
        insta_equal(card_number, &details);
    }
    // Another device is not locked out, another number on the same device neither.
    let third = world.phone(3, None).await;
    assert_eq!(world.link(&third, number("100", "0000")).await.status, 200);
    let first = world.phone(1, None).await;
    world.register(&["200"], true).await;
    assert_eq!(world.link(&first, number("200", "0000")).await.status, 200);
    world.pass(60 * MINUTE);
    let token = world.token(&key(1)).await.ok::<AccessToken>().token;
    let first = Phone { token, ..first };
    assert_eq!(world.link(&first, number("100", "0000")).await.status, 200);
    world.stop().await;
}

/// The answers must not tell one number from another.
fn insta_equal(card_number: &str, bodies: &[String]) {
    let link_refused = &bodies[0];
    assert!(bodies[..5].iter().all(|body| body == link_refused && !body.contains(card_number)));
    assert!(!bodies[5].contains(card_number));
}

#[tokio::test]
async fn many_devices_or_many_numbers_do_not_help() {
    let world = world().await;
    world.register(&["100"], true).await;
    // Three devices, five guesses each: the number closes for all.
    for seed in 1..=3 {
        for _ in 0..5 {
            assert_eq!(world.try_enrol(seed, Some(number("100", "1234"))).await.refused(403), Reason::LinkRefused);
        }
    }
    assert_eq!(world.try_enrol(4, Some(number("100", "0000"))).await.refused(429), Reason::TooManyAttempts);
    // One device, fifteen numbers: the device closes for all.
    for at in 0..15 {
        assert_eq!(world.try_enrol(5, Some(number(&format!("n{at}"), "0000"))).await.refused(403), Reason::LinkRefused);
    }
    assert_eq!(world.try_enrol(5, Some(number("n99", "0000"))).await.refused(429), Reason::TooManyAttempts);
    let code: EcCode = world.till(paths::TILL_EC_CODES, &EcCodeRequest { account: "alice".to_owned() }).await.ok();
    assert_eq!(world.try_enrol(5, Some(Link::Ec { code: code.code })).await.refused(429), Reason::TooManyAttempts);
    // It may still enrol without a link.
    assert_eq!(world.try_enrol(5, None).await.status, 200);
    world.pass(60 * MINUTE);
    assert_eq!(world.try_enrol(4, Some(number("100", "0000"))).await.status, 200);
    world.stop().await;
}

#[tokio::test]
async fn a_card_without_a_pin_is_nobodys_to_link() {
    let world = world().await;
    world.register(&["300"], false).await;
    for pin in ["0000", "\0"] {
        assert_eq!(world.try_enrol(1, Some(number("300", pin))).await.refused(403), Reason::LinkRefused);
    }
    world.stop().await;
}

#[tokio::test]
async fn an_online_account_links_by_a_code_once_within_ten_minutes() {
    let world = world().await;
    let account = |account: &str| Customer::EcAccount { account: account.to_owned() };
    world.sell(&sale("web-1", account("alice"), vec![line("a", 1, 700)])).await;
    let code = async || world.till(paths::TILL_EC_CODES, &EcCodeRequest { account: "alice".to_owned() }).await.ok::<EcCode>();
    let first = code().await;
    assert_eq!((first.code.len(), first.expires_at_ms), (10, T0 + 10 * MINUTE));
    let phone = world.phone(1, Some(Link::Ec { code: first.code.to_lowercase() })).await;
    assert_eq!(phone.enrolment.membership.assurance, Assurance::Account);
    assert_eq!(phone.enrolment.membership.linked, [LinkedIdentity::Ec { account: "alice".to_owned() }]);
    assert_eq!(world.numbers(&phone).await, ["web-1"]);
    assert_eq!(world.try_enrol(2, Some(Link::Ec { code: first.code })).await.refused(403), Reason::LinkRefused);
    let late = code().await;
    world.pass(10 * MINUTE);
    assert_eq!(world.try_enrol(2, Some(Link::Ec { code: late.code })).await.refused(403), Reason::LinkRefused);
    world.stop().await;
}

#[tokio::test]
async fn members_become_one_and_both_devices_see_everything() {
    let world = world().await;
    world.register(&["100", "200"], true).await;
    world.sell(&sale("card-100", card("100"), vec![line("a", 1, 100)])).await;
    world.sell(&sale("card-200", card("200"), vec![line("a", 1, 200)])).await;
    let one = world.phone(1, Some(number("100", "0000"))).await;
    let two = world.phone(2, Some(number("200", "0000"))).await;
    world.sell(&sale("one", scanned(one.qr(T0), T0), vec![line("a", 1, 300)])).await;
    world.sell(&sale("two", scanned(two.qr(T0), T0), vec![line("a", 1, 400)])).await;
    // The first device has pulled everything; after the link the other's history still comes.
    let before = world.page(&one, None, 500).await;
    assert_eq!(before.receipts.len(), 2);
    let linked: Membership = world.link(&two, number("100", "0000")).await.ok();
    assert_eq!((linked.points, linked.linked.len()), (10, 2));
    let after = world.page(&one, Some(&before.next_cursor), 500).await;
    assert!(after.receipts.iter().any(|receipt| receipt.number == "two"));
    for phone in [&one, &two] {
        assert_eq!(world.numbers(phone).await, ["card-100", "card-200", "one", "two"]);
        assert_eq!(world.membership(phone).await, linked);
        // Both keep their credentials: each code still names the one member.
        let identified: Identification =
            world.till(paths::TILL_IDENTIFICATIONS, &IdentifyRequest { scanned: phone.qr(T0 + 20_000) }).await.ok();
        assert_eq!(identified, Identification { member_id: linked.member_id.clone(), may_spend: true, points: 10 });
    }
    // Again is nothing new.
    assert_eq!(world.link(&one, number("200", "0000")).await.ok::<Membership>(), linked);
    let end = world.page(&one, Some(&after.next_cursor), 500).await;
    assert_eq!((end.receipts.len(), end.has_more), (0, false));
    world.stop().await;
}

#[tokio::test]
async fn an_enrolled_key_gets_its_member_again_and_a_fresh_credential() {
    let world = world().await;
    let first = world.phone(1, None).await;
    world.pass(10 * DAY);
    let again: Enrolment = world.try_enrol(1, None).await.ok();
    assert_eq!((&again.member_id, &again.one_dimensional), (&first.enrolment.member_id, &first.enrolment.one_dimensional));
    assert_eq!(again.credential_expires_at_ms, T0 + 40 * DAY);
    let token = world.token(&key(1)).await.ok::<AccessToken>().token;
    world.pass(DAY);
    assert_eq!(world.post(paths::CREDENTIALS, Some(&token), "r", &empty()).await.refused(401), Reason::TokenExpired);
    let token = world.token(&key(1)).await.ok::<AccessToken>().token;
    let renewed: Enrolment = world.post(paths::CREDENTIALS, Some(&token), "r", &empty()).await.ok();
    assert_eq!(renewed.credential_expires_at_ms, T0 + 41 * DAY);
    assert_eq!(world.post(paths::CREDENTIALS, Some(&token), "x", &serde_json::json!({"a": 1})).await.refused(400), Reason::InvalidRequest);
    world.stop().await;
}

#[tokio::test]
async fn a_replaced_device_is_revoked_if_it_is_the_same_members() {
    let world = world().await;
    world.register(&["100"], true).await;
    let (old, stranger) = (world.phone(1, Some(number("100", "0000"))).await, world.phone(2, None).await);
    let before = lists(&world).await;
    for (seed, replaces) in [(3, stranger.device()), (4, old.device())] {
        let mut request = world.enrol_request(&key(seed), Some(number("100", "0000"))).await;
        request.replaces = Some(replaces);
        world.post(paths::ENROLMENTS, None, &world.fresh_key(), &request).await.ok::<Enrolment>();
    }
    assert_eq!(world.get(paths::MEMBERSHIP, Some(&stranger.token)).await.status, 200);
    assert_eq!(world.get(paths::MEMBERSHIP, Some(&old.token)).await.refused(401), Reason::UnknownDevice);
    assert_eq!(world.try_enrol(1, None).await.refused(403), Reason::Forbidden);
    let after = lists(&world).await;
    assert!(after.sequence > before.sequence);
    assert_eq!(after.revoked, [old.device()]);
    // Once its credential is over anyway, the list need not name it.
    world.pass(31 * DAY);
    assert!(lists(&world).await.revoked.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_lost_phone_is_revoked_by_a_till() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let revoke = RevokeRequest { device_id: phone.device() };
    assert!(world.till(paths::TILL_REVOCATIONS, &revoke).await.ok::<Revocation>().revoked);
    assert!(!world.till(paths::TILL_REVOCATIONS, &revoke).await.ok::<Revocation>().revoked);
    assert_eq!(world.token(&phone.key).await.refused(401), Reason::UnknownDevice);
    // What it showed before counts; from then on it is nobody's.
    let early = world.sell(&sale("early", scanned(phone.qr(T0 - 60_000), T0 - 60_000), vec![line("a", 1, 100)])).await;
    let late = world.sell(&sale("late", scanned(phone.qr(T0), T0), vec![line("a", 1, 100)])).await;
    assert!(early.member_found);
    assert_eq!((late.member_found, late.refused.as_deref()), (false, Some("revoked")));
    assert_eq!(world.erase(&phone.key, "thief").await.refused(401), Reason::UnknownDevice);
    world.stop().await;
}

#[tokio::test]
async fn two_issuers_overlap() {
    let world = world().await;
    let old = world.phone(1, None).await;
    let before = lists(&world).await;
    world.backend.as_ref().unwrap().rotate_issuer().await.unwrap();
    let new = world.phone(2, None).await;
    let after = lists(&world).await;
    assert!(after.sequence > before.sequence);
    assert_eq!((before.issuers.len(), after.issuers.len()), (1, 2));
    for phone in [&old, &new] {
        assert!(MemberCode::read(phone.qr(T0).as_bytes()).unwrap().verify(&after.issuers, T0 / 1000).is_ok());
    }
    world.pass(31 * DAY);
    assert_eq!(lists(&world).await.issuers.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_till_is_registered_and_revoked() {
    let world = world().await;
    let backend = world.backend.as_ref().unwrap();
    backend.register_till("t2".into(), "s2".into(), "token-of-t2".to_owned()).await.unwrap();
    let sold = sale("1", Customer::Anonymous, vec![line("a", 1, 100)]);
    // Each till has numbers of its own.
    world.sell(&sold).await;
    let answer: SaleAnswer = world.post(paths::TILL_SALES, Some("token-of-t2"), "k", &sold).await.ok();
    assert_eq!(answer.till_id.as_str(), "t2");
    assert!(backend.revoke_till("t2".into()).await.unwrap());
    assert!(!backend.revoke_till("t2".into()).await.unwrap());
    assert_eq!(world.get(paths::TILL_KEYS, Some("token-of-t2")).await.refused(401), Reason::Unauthorized);
    world.stop().await;
}
