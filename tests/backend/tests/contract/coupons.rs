//! Coupons from lease to sale: each serial counts once, each member as often as the offer says, and a void gives back.

use noren_backend::DEMO_TILL_TOKEN;
use noren_rules::conditions::{Condition, ConditionKind};
use noren_rules::grants::GrantState;
use noren_rules::offers::{Audience, Offer, OfferId, PurchaseRule};
use noren_rules::receipt::Channel;
use noren_rules::wire::*;

use crate::stand::*;
use crate::support::*;

#[tokio::test]
async fn two_offline_tills_redeem_one_serial_the_first_counts_and_the_device_is_named() {
    let world = world().await;
    world.open_market(vec![offer(7)]).await;
    let mut phone = world.leased(1).await;
    let (mut one, mut two) = (world.offline_till("one").await, world.offline_till("two").await);
    let text = show(&phone, T0);
    let ((first, _), (second, _)) = (one.sell(&text, T0), two.sell(&text, T0));
    let late = world.post_sale(&two, &second).await;
    let counted = world.post_sale(&one, &first).await;
    assert!(late.redemptions[0].counted, "the first that is committed, whichever was first at a till");
    assert_eq!((counted.redemptions[0].counted, counted.redemptions[0].cause.as_deref()), (false, Some("double")));
    assert_eq!(world.post_sale(&one, &first).await.redemptions, counted.redemptions, "the same sale again, the same answer");
    let funnel = world.funnel(7).await;
    assert_eq!(funnel.rolled_back.len(), 1);
    assert_eq!(funnel.rolled_back[0].device, Some(phone.device()));
    assert_eq!(funnel.budget.unwrap().spent, 1);
    // No more offline coupons until the operator allows them.
    world.put_offers(vec![offer(8)]).await.ok::<Kept>();
    assert_eq!(world.lease_with(&mut phone, &[]).await.until_ms, None);
    assert!(world.backend.as_ref().unwrap().allow_leases(phone.device()).await.unwrap());
    assert!(world.lease_with(&mut phone, &[]).await.until_ms.is_some());
    world.stop().await;
}

#[tokio::test]
async fn a_lease_is_prolonged_as_it_is_until_something_of_it_was_used_or_shown() {
    let world = world().await;
    world.open_market(vec![offer(7), offer(8)]).await;
    let mut phone = world.phone(1, None).await;
    let serials = |lease: &Lease| -> Vec<u64> { lease.wallet.grants.iter().filter(|g| g.on_this_device).map(|g| g.serial).collect() };
    let first = world.lease_with(&mut phone, &[]).await;
    assert_eq!(first.until_ms, Some(T0 + DAY));
    world.pass(60_000);
    let second = world.lease_with(&mut phone, &[]).await;
    assert_eq!((serials(&second), second.until_ms), (serials(&first), Some(T0 + DAY + 60_000)));
    // Renewing the credential for another reason keeps the allotment.
    let renewed: Enrolment = world.post(paths::CREDENTIALS, Some(&phone.token), "renew", &empty()).await.ok();
    let credential = noren_rules::credential::SignedCredential::from_base64url(&renewed.credential).unwrap();
    assert_eq!(credential.credential().allotment.as_ref().unwrap().first_serial, serials(&first)[0]);
    // One was shown and nothing heard: its offer rests, the other comes under a new serial.
    let third = world.lease_with(&mut phone, &serials(&first)[..1]).await;
    let offers: Vec<u32> = third.wallet.grants.iter().filter(|grant| grant.on_this_device).map(|grant| grant.offer.0).collect();
    assert_eq!(offers, [8]);
    assert!(!serials(&third).iter().any(|serial| serials(&first).contains(serial)));
    // A second device of a member whose cap the first one holds gets nothing; a killed offer goes to nobody.
    world.operator(paths::OPERATOR_KILLS, &PutKills { stop: vec![OfferId(8)], resume: vec![] }).await.ok::<Kept>();
    assert_eq!(world.lease_with(&mut phone, &serials(&first)[..1]).await.until_ms, None);
    // It has heard what became of it, and what was taken back counts no more.
    world.pass(10 * MINUTE);
    let fourth = world.lease_with(&mut phone, &[]).await;
    assert_eq!(fourth.wallet.grants.iter().filter(|grant| grant.on_this_device).map(|grant| grant.offer.0).collect::<Vec<_>>(), [7]);
    world.stop().await;
}

#[tokio::test]
async fn a_member_has_an_offer_as_often_as_it_says_over_all_devices() {
    let world = world().await;
    world.register(&["100"], true).await;
    world.open_market(vec![Offer { per_member: Some(1), ..offer(7) }]).await;
    // Two devices lease before the backend knows that they are one member's.
    let (one, two) = (world.leased(1).await, world.leased(2).await);
    let mut till = world.offline_till("one").await;
    let (first, _) = till.sell(&show(&one, T0), T0);
    let (second, _) = till.sell(&show(&two, T0), T0);
    world.link(&one, number("100", "0000")).await.ok::<Membership>();
    world.link(&two, number("100", "0000")).await.ok::<Membership>();
    assert!(world.post_sale(&till, &first).await.redemptions[0].counted);
    let over = world.post_sale(&till, &second).await;
    assert_eq!(over.redemptions[0].cause.as_deref(), Some("cap"));
    for phone in [one, two] {
        let wallet = world.wallet(&phone).await;
        assert_eq!(wallet.used, [OfferUse { offer: OfferId(7), times: 1 }]);
        let mut phone = phone;
        assert_eq!(world.lease_with(&mut phone, &[]).await.until_ms, None, "the cap is used up");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_void_or_a_whole_return_gives_grant_and_budget_back() {
    let world = world().await;
    world.open_market(vec![offer(7)]).await;
    let mut till = world.offline_till("one").await;
    for (seed, voided) in [(1, true), (2, false)] {
        let phone = world.leased(seed).await;
        let (request, _) = till.sell(&show(&phone, T0), T0);
        assert!(world.post_sale(&till, &request).await.redemptions[0].counted);
        assert_eq!(world.wallet(&phone).await.grants[0].state, GrantState::Redeemed);
        assert_eq!(world.funnel(7).await.budget.unwrap().spent, 1);
        let cause = if voided {
            let body = VoidRequest { number: request.number.clone() };
            let answer: SaleAnswer = world.post(paths::TILL_VOIDS, Some(&till.token), &world.fresh_key(), &body).await.ok();
            assert_eq!((answer.redemptions[0].counted, answer.redemptions[0].cause.as_deref()), (false, Some("voided")));
            "voided"
        } else {
            let back = returned(&format!("r-{}", request.number), Some(&request.number), vec![line("4901", -1, -900)]);
            world.post_sale(&till, &back).await;
            "returned"
        };
        let wallet = world.wallet(&phone).await;
        assert_eq!((wallet.grants[0].state, wallet.grants[0].rolled_back.as_deref()), (GrantState::RolledBack, Some(cause)));
        assert_eq!(world.funnel(7).await.budget.unwrap().spent, 0);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_serial_of_somebody_else_counts_nothing() {
    let world = world().await;
    world.open_market(vec![offer(7)]).await;
    let (one, two) = (world.leased(1).await, world.leased(2).await);
    let mut till = world.offline_till("one").await;
    let (stolen, _) = till.sell(&show(&one, T0), T0);
    let stolen = SaleRequest { customer: scanned(two.qr(T0), T0), ..stolen };
    assert_eq!(world.post_sale(&till, &stolen).await.redemptions[0].cause.as_deref(), Some("not_this_member"));
    assert_eq!(world.wallet(&one).await.grants[0].state, GrantState::Granted);
    world.stop().await;
}

#[tokio::test]
async fn what_is_on_and_what_is_stopped_reaches_tills_and_phones() {
    let world = world().await;
    let rainy = Offer { condition: Some(ConditionKind::Rain), ..offer(7) };
    world.open_market(vec![rainy]).await;
    let phone = world.leased(1).await;
    let mut till = world.offline_till("one").await;
    assert_eq!(till.sell(&show(&phone, T0), T0).1, ["condition_off"]);
    let now_s = T0 / 1000;
    let rain = Condition { kind: ConditionKind::Rain, area: "west".to_owned(), sequence: 5, from_s: now_s, until_s: now_s + 3_600 };
    let put = PutCondition { condition: rain.clone() };
    let kept: Kept = world.operator(paths::OPERATOR_CONDITIONS, &put).await.ok();
    assert!(kept.signed.unwrap().len() < 300, "it fits into a push");
    for sequence in [5, 4] {
        let older = PutCondition { condition: Condition { sequence, ..rain.clone() } };
        assert_eq!(world.operator(paths::OPERATOR_CONDITIONS, &older).await.refused(409), Reason::ConditionOlder);
    }
    world.refresh(&mut till).await;
    let (request, reasons) = till.sell(&show(&phone, T0 + 20_000), T0 + 20_000);
    assert_eq!((request.coupons.unwrap().used.len(), reasons.len()), (1, 0));
    till.till.void("one-2");
    world.operator(paths::OPERATOR_KILLS, &PutKills { stop: vec![OfferId(7)], resume: vec![] }).await.ok::<Kept>();
    world.refresh(&mut till).await;
    assert_eq!(till.sell(&show(&phone, T0 + 40_000), T0 + 40_000).1, ["stopped"]);
    world.stop().await;
}

#[tokio::test]
async fn a_till_with_a_connection_gets_the_best_set_and_holds_it() {
    let world = world().await;
    let online = Offer { offline: false, ..offer(7) };
    world.open_market(vec![online, Offer { per_member: Some(2), ..offer(8) }]).await;
    let backend = world.backend.as_ref().unwrap();
    for till in ["a", "b"] {
        backend.register_till(till.into(), STORE.into(), format!("token-of-{till}")).await.unwrap();
    }
    let phone = world.leased(1).await;
    let ask = |number: &str, at_ms| QuoteRequest {
        scanned: show(&phone, at_ms),
        at_ms,
        number: number.to_owned(),
        currency: "JPY".to_owned(),
        lines: lines(),
        queue_since_s: None,
    };
    let quote = async |till: &str, number: &str, at_ms: i64| -> Quote {
        world.post(paths::TILL_QUOTES, Some(&format!("token-of-{till}")), &world.fresh_key(), &ask(number, at_ms)).await.ok()
    };
    let first = quote("a", "1", T0).await;
    assert_eq!((first.discount_minor, first.total_minor, first.lines_ja.len()), (200, 800, 1));
    assert_eq!(quote("a", "1", T0).await, first, "the same sale asks again");
    world.pass(20_000);
    let other = quote("b", "1", T0 + 20_000).await;
    let reasons: Vec<_> = other.coupons.shown.iter().map(|coupon| coupon.reason.as_deref().unwrap()).collect();
    assert_eq!(reasons, ["locked", "locked"]);
    let posted = SaleRequest {
        store_id: STORE.into(),
        coupons: Some(first.coupons.clone()),
        ..sale("1", scanned(show(&phone, T0), T0), vec![line("4901", 1, 800)])
    };
    let answer: SaleAnswer = world.post(paths::TILL_SALES, Some("token-of-a"), "sold", &posted).await.ok();
    assert!(answer.redemptions.len() == 2 && answer.redemptions.iter().all(|redemption| redemption.counted), "{answer:?}");
    world.pass(20_000);
    let after = quote("b", "1", T0 + 40_000).await;
    let reasons: Vec<_> = after.coupons.shown.iter().filter_map(|coupon| coupon.reason.as_deref()).collect();
    assert!(reasons.contains(&"redeemed"), "{reasons:?}");
    // A till of another store has none of it; a code that names nobody is refused.
    world.pass(20_000);
    let elsewhere: Quote = world.post(paths::TILL_QUOTES, Some(DEMO_TILL_TOKEN), &world.fresh_key(), &ask("9", T0 + 60_000)).await.ok();
    assert_eq!(elsewhere.discount_minor, 0);
    let nobody = QuoteRequest { scanned: "nothing".to_owned(), ..ask("10", T0) };
    assert_eq!(world.post(paths::TILL_QUOTES, Some(DEMO_TILL_TOKEN), "n", &nobody).await.refused(404), Reason::NotFound);
    world.stop().await;
}

#[tokio::test]
async fn a_wallet_has_an_etag_that_the_clock_does_not_change() {
    let world = world().await;
    world.open_market(vec![offer(7)]).await;
    let phone = world.leased(1).await;
    let got = world.get(paths::WALLET, Some(&phone.token)).await;
    let etag = got.header("etag").unwrap().to_owned();
    world.pass(1_000);
    let ask = || world.http.get(format!("{}{}", world.url, paths::WALLET)).bearer_auth(&phone.token).header("if-none-match", &etag);
    assert_eq!(ask().send().await.unwrap().status().as_u16(), 304);
    world.put_offers(vec![offer(8)]).await.ok::<Kept>();
    let mut phone_again = world.phone(1, None).await;
    world.lease_with(&mut phone_again, &[]).await;
    assert_eq!(ask().send().await.unwrap().status().as_u16(), 200);
    world.stop().await;
}

#[tokio::test]
async fn what_was_bought_earns_the_next_offer() {
    let world = world().await;
    world.register(&["100"], true).await;
    let coffee = PurchaseRule { sku_prefixes: vec!["coffee".into()], times: 2, within_days: 30 };
    world.open_market(vec![Offer { bought: Some(coffee), ..offer(1) }]).await;
    let lent = |lease: &Lease| lease.wallet.grants.iter().filter(|grant| grant.on_this_device).count();
    let mut phone = world.phone(1, None).await;
    world.link(&phone, number("100", "0000")).await.ok::<Membership>();
    world.sell(&sale("1", card("100"), vec![line("coffee-L", 2, 800), line("tea", 1, 300)])).await;
    assert_eq!(lent(&world.lease_with(&mut phone, &[]).await), 0, "one purchase, however many pieces");
    world.sell(&sale("2", card("100"), vec![line("coffee-S", 1, 300)])).await;
    world.sell(&sale("3", card("100"), vec![line("tea", 1, 300)])).await;
    assert_eq!(lent(&world.lease_with(&mut phone, &[]).await), 1);
    // What goes back was not bought.
    world.sell(&returned("4", Some("2"), vec![line("coffee-S", -1, -300)])).await;
    assert_eq!(lent(&world.lease_with(&mut phone, &[]).await), 0);
    world.stop().await;
}

#[tokio::test]
async fn who_may_not_have_an_offer_is_not_lent_it() {
    let world = world().await;
    world.register(&["100"], true).await;
    let linked = Offer { audience: Audience::Linked, ..offer(1) };
    let first_visit = Offer { first_visit: true, ..offer(2) };
    let elsewhere = Offer { channels: vec![Channel::Ec], ..offer(3) };
    let over = Offer { until_s: Some(T0 / 1000), ..offer(4) };
    let many = Offer { per_member: Some(9), ..offer(5) };
    let far = Offer { places: vec!["far".into()], ..offer(6) };
    let distant =
        PlaceInfo { ground: Ground::circle(&noren_rules::geo::Position::new(43.0, 141.0).unwrap(), 150), ..place("far", "far-shop") };
    world.operator(paths::OPERATOR_PLACES, &PutPlaces { places: vec![distant], routes: vec![], remove: vec![] }).await.ok::<Kept>();
    world.open_market(vec![linked, first_visit, elsewhere, over, many, far]).await;
    let lent = |lease: &Lease| -> Vec<(u32, u8)> {
        lease.wallet.grants.iter().filter(|grant| grant.on_this_device).map(|grant| (grant.offer.0, grant.count)).collect()
    };
    let mut phone = world.phone(1, None).await;
    assert_eq!(lent(&world.lease_with(&mut phone, &[]).await), [(5, 4)], "without an account nobody knows whether it is the first visit");
    world.link(&phone, number("100", "0000")).await.ok::<Membership>();
    assert_eq!(lent(&world.lease_with(&mut phone, &[]).await), [(1, 1), (2, 1), (5, 4)]);
    world.sell(&sale("1", card("100"), vec![line("a", 1, 100)])).await;
    assert_eq!(lent(&world.lease_with(&mut phone, &[]).await), [(1, 1), (5, 4)], "no first visit any more");
    let member = world.membership(&phone).await.member_id;
    assert!(world.backend.as_ref().unwrap().set_staff(member, true).await.unwrap());
    assert_eq!(world.lease_with(&mut phone, &[]).await.until_ms, None);
    assert!(world.wallet(&phone).await.staff);
    world.stop().await;
}
