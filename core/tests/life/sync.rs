use super::support::*;
use noren_core::purchases::PurchasesError;
use noren_rules::ids::ReceiptId;
use noren_rules::wire::Reason;

fn fill(phone: &Phone, n: u32) {
    let receipts = (0..n).map(|n| receipt(n, START_MS + i64::from(n) * 60_000, &["牛乳", "パン"])).collect();
    phone.server.world.lock().unwrap().receipts = receipts;
}

#[tokio::test]
async fn the_history_comes_in_pages_and_stays_readable_offline() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    fill(&phone, 10);
    let report = noren.purchases().refresh().await.unwrap();
    assert_eq!((report.pages, report.new_receipts), (4, 10));
    phone.offline(true);
    drop(noren);
    let noren = phone.open();
    let page = noren.purchases().page(None, 4).unwrap();
    assert!(page.freshness.complete && page.freshness.as_of_ms.is_some());
    let ids: Vec<_> = page.receipts.iter().map(|r| r.id.0.clone()).collect();
    assert_eq!(ids, ["r9", "r8", "r7", "r6"]);
    let mut all = ids;
    let mut next = page.next;
    while let Some(before) = next {
        let page = noren.purchases().page(Some(before), 4).unwrap();
        all.extend(page.receipts.iter().map(|r| r.id.0.clone()));
        next = page.next;
    }
    assert_eq!(all.len(), 10);
    let whole = noren.purchases().receipt(&ReceiptId("r3".into())).unwrap();
    assert_eq!(whole, phone.server.world.lock().unwrap().receipts[3]);
    assert_eq!(noren.purchases().receipt(&ReceiptId("no".into())), Err(PurchasesError::NoSuchReceipt));
}

#[tokio::test]
async fn an_interruption_at_any_page_is_never_complete_and_goes_on() {
    for stop in 0..4 {
        for fault in [Fault::Offline, Fault::Portal, Fault::Truncated, Fault::LostAnswer, Fault::Refuse(503, Reason::Unavailable, None)] {
            let phone = Phone::new();
            let noren = phone.enrolled().await;
            noren.member().refresh().await.unwrap();
            fill(&phone, 10);
            phone.server.next((0..stop).map(|_| Fault::None).chain([fault.clone()]));
            assert!(noren.purchases().refresh().await.is_err(), "{stop} {fault:?}");
            let freshness = noren.purchases().freshness().unwrap();
            assert!(!freshness.complete && freshness.as_of_ms.is_none() && freshness.last_error.is_some());
            assert_eq!(noren.purchases().page(None, 50).unwrap().receipts.len(), stop * 3);
            drop(noren);
            let noren = phone.open();
            let report = noren.purchases().refresh().await.unwrap();
            assert_eq!(report.new_receipts as usize, 10 - stop * 3, "goes on where it stopped");
            assert!(noren.purchases().freshness().unwrap().complete);
        }
    }
}

#[tokio::test]
async fn a_delta_that_stops_in_the_middle_is_not_complete() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    fill(&phone, 3);
    noren.purchases().refresh().await.unwrap();
    let as_of = noren.purchases().freshness().unwrap().as_of_ms;
    fill(&phone, 9);
    phone.clock.pass(1_000);
    phone.server.next([Fault::None, Fault::Offline]);
    noren.purchases().refresh().await.unwrap_err();
    let freshness = noren.purchases().freshness().unwrap();
    assert_eq!((freshness.complete, freshness.as_of_ms), (false, as_of), "nothing older than before is missing");
}

#[tokio::test]
async fn a_lost_cursor_starts_again_without_showing_a_gap_as_complete() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    fill(&phone, 9);
    noren.purchases().refresh().await.unwrap();
    {
        let mut world = phone.server.world.lock().unwrap();
        world.epoch += 1;
        world.receipts.remove(4);
    }
    phone.server.next([Fault::None, Fault::None, Fault::Offline]);
    noren.purchases().refresh().await.unwrap_err();
    let page = noren.purchases().page(None, 50).unwrap();
    assert_eq!((page.receipts.len(), page.freshness.complete, page.freshness.as_of_ms), (9, false, None));
    let report = noren.purchases().refresh().await.unwrap();
    assert_eq!((report.removed_receipts, report.new_receipts), (1, 0));
    assert_eq!(noren.purchases().page(None, 50).unwrap().receipts.len(), 8);
    assert!(noren.purchases().freshness().unwrap().complete);
    let counted: u32 = noren.purchases().month_totals().unwrap().iter().map(|t| t.sales_count).sum();
    assert_eq!(counted, 8);
}

#[tokio::test]
async fn duplicates_and_changes_count_once() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    fill(&phone, 3);
    noren.purchases().refresh().await.unwrap();
    let totals = noren.purchases().month_totals().unwrap();
    {
        let mut world = phone.server.world.lock().unwrap();
        let again = world.receipts.clone();
        world.receipts.extend(again);
    }
    let report = noren.purchases().refresh().await.unwrap();
    assert_eq!((report.new_receipts, report.unchanged_receipts), (0, 3));
    assert_eq!(noren.purchases().month_totals().unwrap(), totals);
    let mut voided = phone.server.world.lock().unwrap().receipts[0].clone();
    voided.voided = true;
    voided.sold_at_ms += 5;
    phone.server.world.lock().unwrap().receipts.push(voided.clone());
    let report = noren.purchases().refresh().await.unwrap();
    assert_eq!(report.changed_receipts, 1);
    assert_eq!(noren.purchases().receipt(&voided.id).unwrap(), voided);
    assert_eq!(noren.purchases().page(None, 50).unwrap().receipts.len(), 3);
    let counted: u32 = noren.purchases().month_totals().unwrap().iter().map(|t| t.sales_count).sum();
    assert_eq!(counted, 2);
}

#[tokio::test]
async fn an_impossible_receipt_takes_nothing_of_its_page_in() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    for bad in [i64::MAX, i64::MIN] {
        fill(&phone, 2);
        phone.server.world.lock().unwrap().receipts[1].sold_at_ms = bad;
        assert!(matches!(noren.purchases().refresh().await, Err(PurchasesError::BadReceipt { .. })));
        assert!(noren.purchases().page(None, 50).unwrap().receipts.is_empty());
    }
}

#[tokio::test]
async fn another_members_history_is_not_shown() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    fill(&phone, 4);
    noren.purchases().refresh().await.unwrap();
    for device in phone.server.world.lock().unwrap().devices.values_mut() {
        device.2 = true;
    }
    noren.member().refresh().await.unwrap_err();
    fill(&phone, 0);
    noren.member().enrol(None).await.unwrap();
    assert!(noren.purchases().page(None, 50).unwrap().receipts.is_empty());
    assert!(noren.purchases().month_totals().unwrap().is_empty());
}

#[tokio::test]
async fn a_claim_is_sent_once_or_refused_by_name() {
    use noren_core::member::Submission;
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    assert_eq!(noren.purchases().claim("wrong").await, Err(PurchasesError::ClaimRefused));
    assert!(noren.outbox().waiting().unwrap().is_empty());
    phone.offline(true);
    let first = noren.purchases().claim(" ABC ").await.unwrap();
    assert_eq!(noren.purchases().claim("ABC").await.unwrap(), first, "the same wish is one intent");
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert!(noren.outbox().waiting().unwrap().is_empty());
    assert_eq!(phone.server.effects(noren_rules::wire::paths::CLAIMS), 1);
    assert_eq!(noren.purchases().claim("DEF").await, Ok(Submission::Done));
}

#[tokio::test]
async fn the_export_is_whole() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    let tricky = receipt(1, START_MS, &["a \"quoted\", name", "二行\n目"]);
    phone.server.world.lock().unwrap().receipts = vec![tricky.clone(), receipt(2, START_MS, &["x"])];
    noren.purchases().refresh().await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&noren.purchases().export_json().unwrap()).unwrap();
    assert_eq!(serde_json::from_value::<noren_rules::receipt::Receipt>(json["receipts"][0].clone()).unwrap(), tricky);
    assert_eq!(json["complete"], true);
    let csv = noren.purchases().export_csv().unwrap();
    assert_eq!(csv.matches("\r\n").count(), 4);
    assert!(csv.contains("\"a \"\"quoted\"\", name\"") && csv.contains("\"二行\n目\""));
}
