//! Whose sale it is, numbers that are unique for ever, and receipts claimed later.

use noren_backend::DEMO_TILL_TOKEN;
use noren_rules::wire::*;

use crate::support::*;

#[tokio::test]
async fn a_number_holds_one_receipt_for_ever() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let request = sale("1", scanned(phone.qr(T0), T0), vec![line("a", 2, 500)]);
    let first = world.sell(&request).await;
    assert_eq!(world.sell(&request).await, first, "another key, the same contents, the same answer");
    let mut other = request.clone();
    other.store_name = "another".to_owned();
    assert_eq!(world.till(paths::TILL_SALES, &other).await.refused(409), Reason::ReceiptConflict);
    assert_eq!(world.history(&phone).await.len(), 1);
    assert_eq!(world.membership(&phone).await.points, 5);
    world.stop().await;
}

#[tokio::test]
async fn a_code_that_names_nobody_never_loses_a_sale() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.register(&["100"], true).await;
    let at = T0 + DAY;
    let old = phone.qr(at - 60_000);
    let altered = phone.qr(at).replacen("NRN1:", "NRN1:0", 1);
    let expired_at = T0 + 31 * DAY;
    let foreign = qr(&key(9), &phone.enrolment.credential, at);
    let cases = [
        (scanned(phone.qr(at), at), None),
        (scanned(format!("{}\r\n", phone.qr(at + 20_000)), at + 20_000), None),
        (card("100"), None),
        (scanned("100".to_owned(), at), None),
        (scanned(phone.enrolment.one_dimensional.ean13.clone(), at), None),
        (scanned(phone.enrolment.one_dimensional.nw7.clone(), at), None),
        (scanned(phone.enrolment.one_dimensional.nw7.trim_matches('A').to_owned(), at), None),
        (Customer::Anonymous, Some(None)),
        (card("999"), Some(Some("unknown_number"))),
        (scanned("999".to_owned(), at), Some(Some("unknown_number"))),
        (scanned(old, at), Some(Some("expired"))),
        (scanned(phone.qr(at + 60_000), at), Some(Some("clock"))),
        (scanned(altered, at), Some(Some("not_a_member_code"))),
        (scanned("https://example.com/?a=b".to_owned(), at), Some(Some("not_a_member_code"))),
        (scanned(String::new(), at), Some(Some("not_a_member_code"))),
        (scanned("9".repeat(3_000), at), Some(Some("not_a_member_code"))),
        (scanned(phone.qr(expired_at), expired_at), Some(Some("credential_expired"))),
        (scanned(foreign, at), Some(Some("not_this_device"))),
        (Customer::EcAccount { account: String::new() }, Some(Some("unknown_account"))),
    ];
    // The till was offline for days: each code is judged by the moment when it was taken.
    world.pass(5 * DAY);
    for (at, (customer, refused)) in cases.into_iter().enumerate() {
        let text = format!("{customer:?}");
        let answer = world.sell(&sale(&format!("n{at}"), customer, vec![line("a", 1, 100)])).await;
        match refused {
            None => assert!(answer.member_found && answer.claim_code.is_none() && answer.points == 1, "{text}: {answer:?}"),
            Some(reason) => {
                assert_eq!((answer.member_found, answer.refused.as_deref(), answer.points), (false, reason, 0), "{text}");
                assert_eq!(answer.claim_code.as_ref().map(String::len), Some(10), "{text}");
            }
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_code_of_another_issuer_is_unknown_or_forged() {
    let (world, other) = (world().await, world().await);
    let stranger = other.phone(1, None).await;
    let answer = world.sell(&sale("1", scanned(stranger.qr(T0), T0), vec![line("a", 1, 100)])).await;
    assert_eq!(answer.refused.as_deref(), Some("unknown_issuer"));
    world.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_double_of_key_and_step_is_named() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let text = phone.qr(T0);
    let backend = world.backend.as_ref().unwrap();
    backend.register_till("t2".into(), "s2".into(), "token-of-t2".to_owned()).await.unwrap();
    let first = world.sell(&sale("1", scanned(text.clone(), T0), vec![line("a", 1, 100)])).await;
    let request = sale("1", scanned(text, T0 + 1_000), vec![line("b", 1, 100)]);
    let second: SaleAnswer = world.post(paths::TILL_SALES, Some("token-of-t2"), "k", &request).await.ok();
    assert!(!first.code_seen_before && second.code_seen_before && second.member_found);
    let third = world.sell(&sale("2", scanned(phone.qr(T0 + 20_000), T0 + 20_000), vec![line("a", 1, 100)])).await;
    assert!(!third.code_seen_before);
    world.stop().await;
}

#[tokio::test]
async fn identification_holds_a_code_for_its_till() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let backend = world.backend.as_ref().unwrap();
    backend.register_till("t2".into(), "s2".into(), "token-of-t2".to_owned()).await.unwrap();
    let ask = IdentifyRequest { scanned: phone.qr(T0) };
    let identified: Identification = world.till(paths::TILL_IDENTIFICATIONS, &ask).await.ok();
    assert_eq!(identified, Identification { member_id: phone.enrolment.member_id.clone(), may_spend: true, points: 0 });
    assert_eq!(world.till(paths::TILL_IDENTIFICATIONS, &ask).await.status, 200, "the same sale asks again");
    let elsewhere = world.post(paths::TILL_IDENTIFICATIONS, Some("token-of-t2"), "k", &ask).await;
    assert!(elsewhere.json()["detail"].as_str().unwrap().starts_with("replayed"), "{}", elsewhere.body);
    let answer = world.sell(&sale("1", scanned(phone.qr(T0), T0), vec![line("a", 1, 100)])).await;
    assert!(answer.member_found && !answer.code_seen_before);
    assert_eq!(world.till(paths::TILL_IDENTIFICATIONS, &ask).await.status, 404, "the sale is over");
    let earlier = IdentifyRequest { scanned: phone.qr(T0 - 20_000) };
    assert_eq!(world.till(paths::TILL_IDENTIFICATIONS, &earlier).await.status, 404, "and so are the steps before");
    world.pass(20_000);
    let next = IdentifyRequest { scanned: phone.qr(T0 + 20_000) };
    assert_eq!(world.till(paths::TILL_IDENTIFICATIONS, &next).await.ok::<Identification>().points, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_receipt_is_claimed_once_within_its_days() {
    let world = world().await;
    let (one, two) = (world.phone(1, None).await, world.phone(2, None).await);
    let claim = async |phone: &Phone, code: &str| {
        let token = world.token(&phone.key).await.ok::<AccessToken>().token;
        world.post(paths::CLAIMS, Some(&token), &world.fresh_key(), &ClaimRequest { claim_code: code.to_owned() }).await
    };
    let sold = world.sell(&sale("1", Customer::Anonymous, vec![line("a", 4, 1_000)])).await;
    world.till(paths::TILL_SALES, &returned("1r", Some("1"), vec![line("a", -1, -250)])).await.ok::<SaleAnswer>();
    let code = sold.claim_code.unwrap();
    assert_eq!(claim(&one, &code.to_lowercase()).await.ok::<Claim>().receipt_id, sold.receipt_id);
    assert_eq!(claim(&one, &code).await.ok::<Claim>().receipt_id, sold.receipt_id, "the same member again: nothing new");
    assert_eq!(claim(&two, &code).await.refused(404), Reason::ClaimRefused);
    assert_eq!(world.numbers(&one).await, ["1", "1r"], "its return comes with it");
    assert_eq!(world.membership(&one).await.points, 7);
    let late = world.sell(&sale("2", Customer::Anonymous, vec![line("a", 1, 100)])).await.claim_code.unwrap();
    let void = world.sell(&sale("3", Customer::Anonymous, vec![line("a", 1, 100)])).await.claim_code.unwrap();
    world.till(paths::TILL_VOIDS, &VoidRequest { number: "3".to_owned() }).await.ok::<SaleAnswer>();
    assert_eq!(claim(&one, &void).await.refused(404), Reason::ClaimRefused);
    world.pass(30 * DAY);
    assert_eq!(claim(&one, &late).await.refused(404), Reason::ClaimRefused);
    world.stop().await;
}

#[tokio::test]
async fn a_sale_is_refused_with_what_is_wrong_in_it() {
    let world = world().await;
    let good = sale("1", Customer::Anonymous, vec![line("a", 1, 100)]);
    type Change = fn(&mut SaleRequest);
    let changes: [(&str, Change); 8] = [
        ("the total is", |sale| sale.total_minor = 7),
        ("no lines", |sale| sale.lines.clear()),
        ("ISO 4217", |sale| sale.currency = "yen".to_owned()),
        ("no date", |sale| sale.business_date = "2027-02-30".to_owned()),
        ("sign", |sale| sale.kind = noren_rules::receipt::ReceiptKind::Amendment),
        ("receipt number", |sale| sale.number = String::new()),
        ("receipt number", |sale| sale.number = "a\nb".to_owned()),
        ("longer", |sale| sale.store_name = "x".repeat(501)),
    ];
    for (says, change) in changes {
        let mut request = good.clone();
        change(&mut request);
        let got = world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request).await;
        assert_eq!(got.refused(422), Reason::InvalidReceipt);
        assert!(got.json()["detail"].as_str().unwrap().contains(says), "{}", got.body);
    }
    assert_eq!(world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &good).await.status, 200, "nothing of it was kept");
    world.stop().await;
}
