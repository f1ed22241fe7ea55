//! The main job, once through: enrol, show, sell, see the receipt, forget.

use crate::support::*;
use noren_backend::DEMO_TILL_TOKEN;
use noren_rules::b64;
use noren_rules::code::MemberCode;
use noren_rules::keys::PublicKey;
use noren_rules::lists::Lists;
use noren_rules::wire::*;

#[tokio::test]
async fn a_card_a_sale_a_receipt() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    assert_eq!(phone.enrolment.device_id, phone.device());
    assert_eq!(phone.enrolment.credential_expires_at_ms, T0 + 30 * DAY);
    assert_eq!(phone.enrolment.renew_from_ms, T0 + 10 * DAY);
    assert_eq!(phone.enrolment.membership.assurance, Assurance::Device);

    let keys: TillKeys = world.get(paths::TILL_KEYS, Some(DEMO_TILL_TOKEN)).await.ok();
    let root = PublicKey::from_base64url(&keys.root_key).unwrap();
    let lists = Lists::open(&b64::decode(&keys.document).unwrap(), &root).unwrap();
    assert_eq!((lists.issued_at_s, lists.next_update_s), (T0 / 1000, T0 / 1000 + 86_400));
    let text = phone.qr(T0);
    let verified = MemberCode::read(text.as_bytes()).unwrap().verify(&lists.issuers, T0 / 1000).unwrap();
    assert_eq!(verified.member, phone.enrolment.member_id);

    let answer = world.sell(&sale("1", scanned(text, T0), vec![line("milk", 2, 450), line("tofu", 1, 99)])).await;
    assert!(answer.member_found && answer.refused.is_none() && !answer.code_seen_before && answer.claim_code.is_none());
    assert_eq!(answer.points, 5);
    let history = world.history(&phone).await;
    assert_eq!(history.len(), 1);
    assert_eq!((history[0].id.clone(), history[0].points, history[0].total_minor), (answer.receipt_id, 5, 549));
    assert_eq!(world.membership(&phone).await.points, 5);
    let ledger: PointsLedger = world.get(paths::POINTS, Some(&phone.token)).await.ok();
    assert_eq!((ledger.balance, ledger.entries.len()), (5, 1));
    let export: MemberExport = world.get(paths::EXPORT, Some(&phone.token)).await.ok();
    assert_eq!((export.devices.len(), export.receipts.len(), export.points.len()), (1, 1, 1));

    assert!(world.erase(&phone.key, "forget-me").await.ok::<Erasure>().erased);
    assert_eq!(world.get(paths::MEMBERSHIP, Some(&phone.token)).await.refused(401), Reason::UnknownDevice);
    world.stop().await;
}

#[tokio::test]
async fn the_membership_has_an_etag() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let first = world.get(paths::MEMBERSHIP, Some(&phone.token)).await;
    let etag = first.header("etag").unwrap().to_owned();
    let ask = async |tag: &str| {
        let request = world.http.get(format!("{}{}", world.url, paths::MEMBERSHIP)).bearer_auth(&phone.token).header("if-none-match", tag);
        request.send().await.unwrap()
    };
    let unchanged = ask(&etag).await;
    assert_eq!(unchanged.status().as_u16(), 304);
    assert!(unchanged.headers().contains_key(SERVER_TIME));
    world.sell(&sale("1", scanned(phone.qr(T0), T0), vec![line("milk", 1, 200)])).await;
    assert_eq!(ask(&etag).await.status().as_u16(), 200);
    world.stop().await;
}
