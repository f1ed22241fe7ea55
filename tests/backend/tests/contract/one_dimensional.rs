//! The codes for scanners that read no QR: Code 128 is taken once and may spend, the static ones only earn.

use noren_rules::wire::*;

use crate::support::*;

async fn ask(world: &World, scanned: &str) -> Got {
    world.till(paths::TILL_IDENTIFICATIONS, &IdentifyRequest { scanned: scanned.to_owned() }).await
}

fn wrong(code: &str) -> String {
    let (alias, otp) = code.split_at(12);
    let other = (otp.parse::<u32>().unwrap() + 500_000) % 1_000_000;
    format!("{alias}{other:06}")
}

#[tokio::test]
async fn code_128_is_taken_once() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let text = phone.code128(T0);
    assert!(ask(&world, &text).await.ok::<Identification>().may_spend);
    let first = world.sell(&sale("1", scanned(text.clone(), T0), vec![line("a", 1, 100)])).await;
    assert!(first.member_found);
    let second = world.sell(&sale("2", scanned(text.clone(), T0), vec![line("a", 1, 100)])).await;
    assert_eq!((second.member_found, second.refused.as_deref(), second.code_seen_before), (false, Some("replayed"), true));
    assert_eq!(ask(&world, &text).await.status, 404);
    // A till that was offline posts days later: the digits count as of then.
    world.pass(3 * DAY);
    let at = T0 + DAY;
    let later = world.sell(&sale("3", scanned(phone.code128(at - 30_000), at), vec![line("a", 1, 100)])).await;
    assert!(later.member_found);
    let stale = world.sell(&sale("4", scanned(phone.code128(at - 60_000), at), vec![line("a", 1, 100)])).await;
    assert_eq!(stale.refused.as_deref(), Some("wrong_code"));
    world.stop().await;
}

#[tokio::test]
async fn static_codes_earn_and_never_spend() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.register(&["100"], true).await;
    let codes = &phone.enrolment.one_dimensional;
    assert!(codes.ean13.starts_with("28") && codes.ean13.len() == 13);
    for text in [codes.ean13.as_str(), &codes.nw7, "100"] {
        assert!(!ask(&world, text).await.ok::<Identification>().may_spend, "{text}");
    }
    world.stop().await;
}

#[tokio::test]
async fn five_failures_lock_spending_for_a_quarter_of_an_hour_and_nothing_else() {
    let world = world().await;
    let (phone, other) = (world.phone(1, None).await, world.phone(2, None).await);
    for _ in 0..5 {
        assert_eq!(ask(&world, &wrong(&phone.code128(T0))).await.refused(404), Reason::NotFound);
    }
    // The alias is locked, and so is this till for other aliases; the QR is not, nor is earning.
    assert!(!ask(&world, &phone.code128(T0)).await.ok::<Identification>().may_spend);
    assert!(!ask(&world, &other.code128(T0)).await.ok::<Identification>().may_spend);
    assert!(ask(&world, &phone.qr(T0)).await.ok::<Identification>().may_spend);
    assert!(world.sell(&sale("1", scanned(phone.code128(T0), T0), vec![line("a", 1, 100)])).await.member_found);
    world.pass(15 * MINUTE);
    assert!(ask(&world, &phone.code128(world.now())).await.ok::<Identification>().may_spend);
    world.stop().await;
}
