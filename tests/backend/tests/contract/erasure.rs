//! Forget me: no byte that identifies the member remains.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_rules::check_in::CheckInRecord;
use noren_rules::offers::OfferId;
use noren_rules::wire::*;
use serde_json::json;

use crate::favourites::liked;
use crate::goods::*;
use crate::reviews::opinion;
use crate::stand::*;
use crate::support::*;

/// Every place in every file of the directory where one of the needles stands.
fn places(directory: &Path, needles: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for needle in needles {
            if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                found.push(format!("{needle} in {}", path.file_name().unwrap().to_string_lossy()));
            }
        }
    }
    found
}

#[tokio::test]
async fn nothing_that_identifies_the_member_is_left_in_any_file() {
    let directory = tempdir();
    let clock = Arc::new(AtomicI64::new(T0));
    let world = world_in(directory.path(), &clock).await;
    let stranger = world.phone(9, None).await;
    world.register(&["8675309-card"], true).await;
    world.sell(&sale("before", card("8675309-card"), vec![line("a", 1, 1_000)])).await;
    let phone = world.phone(1, Some(number("8675309-card", "0000"))).await;
    // A second device, an account of the shop, and a member of its own that was merged.
    let second = world.phone(2, None).await;
    world.sell(&sale("second", scanned(second.qr(T0), T0), vec![line("a", 1, 300)])).await;
    let code: EcCode = world.till(paths::TILL_EC_CODES, &EcCodeRequest { account: "hanako.example".to_owned() }).await.ok();
    world.link(&second, Link::Ec { code: code.code }).await.ok::<Membership>();
    world.link(&second, number("8675309-card", "0000")).await.ok::<Membership>();
    // Answers about the member are kept under the till's keys too.
    let identify = json!({"scanned": phone.qr(T0)});
    let till = Some(noren_backend::DEMO_TILL_TOKEN);
    world.post(paths::TILL_IDENTIFICATIONS, till, "asked", &identify).await.ok::<Identification>();
    world.sell(&sale("first", scanned(phone.qr(T0), T0), vec![line("a", 1, 500)])).await;
    for at in 0..40 {
        world.sell(&sale(&format!("more-{at}"), scanned(phone.enrolment.one_dimensional.ean13.clone(), T0), vec![line("a", 1, 500)])).await;
    }
    // Pages split, so that rows have been in more than one place of the file.
    for hundred in 0..30 {
        let numbers = (0..100).map(|at| format!("{:08}", (hundred * 100 + at) * 7_919_u64 % 100_000_000).into()).collect();
        world.till(paths::TILL_CARDS, &RegisterCards { numbers, demo_pin: false }).await.ok::<RegisteredCards>();
    }

    let mut needles: Vec<String> = ["8675309-card", "hanako.example"].map(str::to_owned).to_vec();
    for phone in [&phone, &second] {
        let codes = &phone.enrolment.one_dimensional;
        needles.extend([
            phone.enrolment.member_id.0.clone(),
            phone.enrolment.credential.clone(),
            phone.key.public_key().to_base64url(),
            codes.alias.clone(),
            codes.ean13.clone(),
            codes.nw7.clone(),
            codes.totp_secret.clone(),
        ]);
    }
    assert!(places(directory.path(), &needles).len() >= 10, "they are there before");

    // An operator who looks for a slow query leaves samples of the keys behind.
    rusqlite::Connection::open(directory.path().join("backend.sqlite")).unwrap().execute_batch("ANALYZE").unwrap();

    assert!(world.erase(&phone.key, "forget").await.ok::<Erasure>().erased);
    assert_eq!(places(directory.path(), &needles), Vec::<String>::new());

    // Both devices are gone, on the till list until their credentials end; the stranger is untouched.
    for phone in [&phone, &second] {
        assert_eq!(world.get(paths::MEMBERSHIP, Some(&phone.token)).await.refused(401), Reason::UnknownDevice);
        assert_eq!(world.try_enrol(if phone.device() == second.device() { 2 } else { 1 }, None).await.refused(403), Reason::Forbidden);
    }
    assert_eq!(world.get(paths::MEMBERSHIP, Some(&stranger.token)).await.status, 200);
    // The sales stay, without a person; what was answered about the member is blank, its keys are kept.
    let again = sale("first", scanned(phone.qr(T0), T0), vec![line("a", 1, 500)]);
    assert!(world.sell(&again).await.member_found, "the till hears what it heard");
    assert_eq!(world.post(paths::TILL_IDENTIFICATIONS, till, "asked", &identify).await.refused(410), Reason::IntentExpired);
    // Late sales arrive as nobody's, by whatever name.
    for (number, customer, reason) in [
        ("l1", scanned(phone.qr(T0 - 60_000), T0 - 60_000), "unknown_device"),
        ("l2", scanned(phone.qr(T0), T0), "revoked"),
        ("l3", card("8675309-card"), "unknown_number"),
        ("l4", Customer::EcAccount { account: "hanako.example".to_owned() }, "unknown_account"),
        ("l5", scanned(phone.enrolment.one_dimensional.ean13.clone(), T0), "unknown_number"),
    ] {
        let answer = world.sell(&sale(number, customer, vec![line("a", 1, 100)])).await;
        assert_eq!((answer.member_found, answer.refused.as_deref()), (false, Some(reason)), "{number}");
    }
    assert_eq!(places(directory.path(), &needles), Vec::<String>::new());
    world.stop().await;
    assert_eq!(places(directory.path(), &needles), Vec::<String>::new());
}

#[tokio::test]
async fn an_erasure_is_replayed_and_repeated() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let other = proof(noren_rules::proof::ProofKind::Erase, &phone.key, b"another key");
    let wrong = EraseRequest { public_key: phone.key.public_key().to_base64url(), proof: other };
    assert_eq!(world.post(paths::ERASURES, None, "k", &wrong).await.refused(401), Reason::ProofInvalid);
    let first = world.erase(&phone.key, "k").await;
    let again = world.erase(&phone.key, "k").await;
    assert!(first.ok::<Erasure>().erased && again.ok::<Erasure>().erased);
    assert!(!first.replayed() && again.replayed());
    assert!(!world.erase(&phone.key, "k2").await.ok::<Erasure>().erased, "there is nothing left");
    assert!(!world.erase(&key(77), "k3").await.ok::<Erasure>().erased, "there never was");
    world.stop().await;
}

#[tokio::test]
async fn a_late_write_of_an_erased_device_does_nothing() {
    let world = world().await;
    let request = world.enrol_request(&key(1), None).await;
    world.post(paths::ENROLMENTS, None, "enrol", &request).await.ok::<Enrolment>();
    world.erase(&key(1), "forget").await.ok::<Erasure>();
    assert_eq!(world.post(paths::ENROLMENTS, None, "enrol", &request).await.refused(410), Reason::IntentExpired);
    // After its credential's end even the key's name is forgotten, and it may be a new member's.
    world.pass(31 * DAY);
    world.phone(2, None).await;
    world.stop().await;
}

#[tokio::test]
async fn an_account_that_buys_again_after_its_erasure_is_a_new_member() {
    let world = world().await;
    let account = Customer::EcAccount { account: "alice".to_owned() };
    let code: EcCode = world.till(paths::TILL_EC_CODES, &EcCodeRequest { account: "alice".to_owned() }).await.ok();
    let phone = world.phone(1, Some(Link::Ec { code: code.code })).await;
    world.erase(&phone.key, "k").await.ok::<Erasure>();
    assert!(!world.sell(&sale("1", account.clone(), vec![line("a", 1, 100)])).await.member_found, "sold before");
    world.pass(DAY);
    let later = SaleRequest { sold_at_ms: T0 + DAY, ..sale("2", account, vec![line("a", 1, 100)]) };
    assert!(world.sell(&later).await.member_found);
    world.stop().await;
}

#[tokio::test]
async fn nothing_of_coupons_and_check_ins_leads_to_the_member() {
    let directory = tempdir();
    let clock = Arc::new(AtomicI64::new(T0));
    let world = world_in(directory.path(), &clock).await;
    world.open_market(vec![offer(7), offer(9)]).await;
    let title = [("ja".to_owned(), "西".to_owned())].into();
    let programme = StampProgramme { id: "west".into(), title, places: vec![], goal: 1, reward: OfferId(9), utc_offset_min: 540 };
    world.operator(paths::OPERATOR_OFFERS, &PutOffers { offers: vec![], stamp_programmes: vec![programme] }).await.ok::<Kept>();
    let mut phone = world.phone(1, None).await;
    let serial = world.lease_with(&mut phone, &[]).await.wallet.grants[0].serial;
    let check_in = "6f1d7c52-0f0e-4f7e-9a53-5d9a3b1c0e11";
    let unlocking = CheckInRecord { unlocked: vec![serial], ..record(check_in, T0) };
    world.check_in(&phone, &unlocking).await.ok::<CheckInAnswer>();
    world.lease_with(&mut phone, &[serial]).await;
    let mut till = world.offline_till("one").await;
    let mut late = world.offline_till("two").await;
    let ((sold, _), (doubled, _)) = (till.sell(&show(&phone, T0), T0), late.sell(&show(&phone, T0), T0));
    assert!(world.post_sale(&till, &sold).await.redemptions.iter().all(|redemption| redemption.counted));
    let asked = QuoteRequest {
        scanned: show(&phone, T0 + 20_000),
        at_ms: T0 + 20_000,
        number: "q".to_owned(),
        currency: "JPY".to_owned(),
        lines: lines(),
        queue_since_s: None,
    };
    world.post(paths::TILL_QUOTES, Some(&till.token), "quoted", &asked).await.ok::<Quote>();
    let export: MemberExport = world.get(paths::EXPORT, Some(&phone.token)).await.ok();
    assert_eq!((export.check_ins.len(), export.stamp_cards.len()), (1, 1));
    assert!(!export.grants.is_empty());
    let funnel = world.funnel(7).await;
    assert_eq!((funnel.check_ins, funnel.grants), (1, 1));

    let needles = [phone.enrolment.member_id.0.clone(), phone.device().0, check_in.to_owned()];
    let hits = places(directory.path(), &needles);
    assert!(needles.iter().all(|needle| hits.iter().any(|hit| hit.starts_with(needle.as_str()))), "{hits:?}");
    assert!(world.erase(&phone.key, "forget").await.ok::<Erasure>().erased);
    // The till list names the key of the device until its credential ends; nothing else does.
    assert_eq!(places(directory.path(), &[needles[0].clone(), needles[2].clone()]), Vec::<String>::new());
    let quoted = world.post(paths::TILL_QUOTES, Some(&till.token), "quoted", &asked).await;
    assert_eq!(quoted.refused(410), Reason::IntentExpired, "what was answered about the member is blank");
    // The accounting stays: the same funnel and budget, a late double is nobody's.
    let after = world.funnel(7).await;
    assert_eq!((after.check_ins, after.grants, after.redemptions, after.budget), (1, 1, funnel.redemptions, funnel.budget));
    let answer = world.post_sale(&late, &doubled).await;
    assert!(!answer.member_found && answer.redemptions.iter().all(|redemption| !redemption.counted), "{answer:?}");
    let rolled_back = [world.funnel(7).await.rolled_back, world.funnel(9).await.rolled_back].concat();
    assert!(!rolled_back.is_empty() && rolled_back.iter().all(|rolled_back| rolled_back.device.is_none()));
    assert_eq!(places(directory.path(), &[needles[0].clone(), needles[2].clone()]), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test]
async fn what_a_member_liked_and_wrote_goes_and_its_stars_count_on() {
    let directory = tempdir();
    let clock = Arc::new(AtomicI64::new(T0));
    let world = world_in(directory.path(), &clock).await;
    world.products(vec![product("shirt", &["s1"])]).await;
    let (phone, reader) = (world.phone(1, None).await, world.phone(2, None).await);
    world.sell(&sale("1", scanned(phone.qr(T0), T0), vec![line("s1", 1, 500)])).await;
    let text = "only Hanako writes like this";
    let review: Review = world.review(&phone, &opinion("shirt", 4, text)).await.ok();
    world.review(&reader, &opinion("shirt", 1, "")).await.ok::<Review>();
    world.like(&phone, &liked("s1", &["the-store-round-her-corner"])).await.ok::<Favourites>();
    let scan = Reaction { kind: ReactionKind::Scan, sku: "s1".into(), store: "shibuya".into(), at_ms: T0 };
    let scans = ReactionsRequest { reactions: vec![scan] };
    world.post(paths::REACTIONS, Some(&phone.token), "scan", &scans).await.ok::<ReactionsKept>();
    let export: MemberExport = world.get(paths::EXPORT, Some(&phone.token)).await.ok();
    assert_eq!((export.reviews.len(), export.favourites.len(), export.reactions.len(), export.timeline.len()), (1, 1, 1, 4));

    let needles = [phone.enrolment.member_id.0.clone(), text.to_owned(), review.id, "the-store-round-her-corner".to_owned()];
    let hits = places(directory.path(), &needles);
    assert!(needles.iter().all(|needle| hits.iter().any(|hit| hit.starts_with(needle.as_str()))), "{hits:?}");
    assert!(world.erase(&phone.key, "forget").await.ok::<Erasure>().erased);
    assert_eq!(places(directory.path(), &needles), Vec::<String>::new());
    let page = world.reviews(&reader, "product=shirt").await;
    assert_eq!((page.ratings, page.stars, page.reviews.len()), (2, 5, 1));
    assert_eq!(world.reviews(&reader, "product=shirt").await.reviews[0].stars, 1, "the stranger's is there");
    // A late write of hers brings nothing back.
    assert_eq!(world.like(&phone, &liked("s1", &[])).await.refused(401), Reason::UnknownDevice);
    world.stop().await;
    assert_eq!(places(directory.path(), &needles), Vec::<String>::new());
}
