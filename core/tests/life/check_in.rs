use std::sync::atomic::Ordering;

use super::shop::*;
use super::support::*;
use noren_core::check_in::{CheckInBy, CheckInError, CheckInState, Observation, REFRESH_REGION, RegionLimit};
use noren_core::platform::Clock;
use noren_rules::check_in::{CheckInMethod, CheckInRefusal, Missing};
use noren_rules::grants::GrantState;
use noren_rules::place_code::PlaceCode;
use noren_rules::places::Tile;
use noren_rules::rotation::Coverage;
use noren_rules::wire::{PlaceKind, RouteInfo, paths};
use proptest::prelude::*;

fn with_coupon(shop: &mut Shop) {
    shop.offers = vec![visitor_offer(7, "miyajima-out"), offer(8, "どこでも")];
    shop.lease = leased(&[7, 8]);
}

#[tokio::test]
async fn a_stop_checks_in_offline_unlocks_and_is_sent_later() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    phone.offline(true);
    let report = noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    let [made] = report.check_ins.as_slice() else { panic!("{report:?}") };
    assert_eq!(
        (made.check_in.place.as_str(), made.check_in.state, made.check_in.by),
        ("miyajima-out", CheckInState::Waiting, CheckInBy::Location)
    );
    assert_eq!(made.check_in.unlocked, [100], "the grant whose offer names the place");
    assert_eq!(made.coupons.iter().map(|coupon| coupon.offer).collect::<Vec<_>>(), [7]);
    assert_eq!(made.notice.title_ja, "宮島SA（下り）にチェックインしました");
    assert_eq!((made.notice.body_en.as_str(), made.notice.silent, made.notice.at_night), ("One coupon can be used here", true, true));
    noren.outbox().send_due().await.unwrap();
    assert_eq!(noren.check_in().recent().unwrap()[0].state, CheckInState::Waiting);
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(noren.check_in().recent().unwrap()[0].state, CheckInState::Accepted);
    let sent = phone.server.shop(|shop| shop.check_ins.clone());
    assert_eq!((sent.len(), sent[0].sequence, sent[0].previous, sent[0].time_proven), (1, 1, None, true));
    assert!(sent[0].at_ms <= phone.server.now_ms() && sent[0].at_ms > phone.server.now_ms() - 300_000);
    assert!(noren.check_in().observe(phone.stop_at(&miyajima())).unwrap().check_ins.is_empty(), "once");
}

#[tokio::test]
async fn the_state_outlives_the_process_at_every_point() {
    // The process ends after each single observation: still one check-in, once.
    let phone = Phone::new();
    drop(phone.at_miyajima(with_coupon).await);
    let mut made = 0;
    for observation in phone.stop_at(&miyajima()) {
        let noren = phone.open();
        made += noren.check_in().observe(vec![observation]).unwrap().check_ins.len();
    }
    assert_eq!(made, 1);
    let noren = phone.open();
    noren.outbox().send_due().await.unwrap();
    assert_eq!(phone.server.shop(|shop| shop.check_ins.len()), 1);
    drop(noren);
    assert_eq!(phone.open().check_in().recent().unwrap()[0].state, CheckInState::Accepted);
}

#[tokio::test]
async fn an_answer_that_gets_lost_is_asked_for_again() {
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Twice, Fault::Truncated, Fault::Portal] {
        let phone = Phone::new();
        let noren = phone.at_miyajima(with_coupon).await;
        noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
        phone.server.next([fault.clone()]);
        noren.outbox().send_due().await.unwrap();
        noren.outbox().network_returned().await.unwrap();
        assert_eq!(noren.check_in().recent().unwrap()[0].state, CheckInState::Accepted, "{fault:?}");
        assert_eq!(phone.server.effects(paths::CHECK_INS), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn the_backend_may_refuse_and_then_nothing_is_unlocked() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    phone.server.set_up(|shop| shop.refuse = Some(CheckInRefusal::Jump));
    noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    let place = noren_core::coupons::CouponSituation { place: Some("miyajima-out".into()), ..Default::default() };
    assert!(noren.coupons().list(&place).unwrap().iter().any(|coupon| coupon.offer == 7 && coupon.usable_now));
    noren.outbox().send_due().await.unwrap();
    assert_eq!(noren.check_in().recent().unwrap()[0].state, CheckInState::Refused { reason: CheckInRefusal::Jump });
    let coupons = noren.coupons().list(&place).unwrap();
    let locked = coupons.iter().find(|coupon| coupon.offer == 7).unwrap();
    assert_eq!((locked.usable_now, locked.reason.as_deref(), locked.state), (false, Some("no_check_in"), GrantState::Granted));
}

#[tokio::test]
async fn with_a_locked_key_the_record_waits_and_is_signed_in_order() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            with_coupon(shop);
            shop.places.push(place("next", "次のSA", &miyajima().towards(60.0, 15_000.0)));
        })
        .await;
    let first = phone.stop_at(&miyajima());
    phone.locked(true);
    let report = noren.check_in().observe(first).unwrap();
    assert_eq!((report.check_ins.len(), report.check_ins[0].check_in.state), (1, CheckInState::Waiting));
    noren.outbox().send_due().await.unwrap();
    assert_eq!(phone.server.effects(paths::CHECK_INS), 0);
    phone.clock.pass(1_200_000);
    let second = phone.stop_at(&miyajima().towards(60.0, 15_000.0));
    assert_eq!(noren.check_in().observe(second).unwrap().check_ins.len(), 1);
    drop(noren);
    phone.locked(false);
    let noren = phone.open();
    noren.outbox().network_returned().await.unwrap();
    let sent = phone.server.shop(|shop| shop.check_ins.clone());
    assert_eq!(sent.iter().map(|record| record.sequence).collect::<Vec<_>>(), [1, 2]);
    assert!(sent[1].follows(Some((1, sent[0].digest()))));
    assert!(noren.check_in().recent().unwrap().iter().all(|check_in| check_in.state == CheckInState::Accepted));
}

#[tokio::test]
async fn a_record_that_expires_leaves_a_marked_gap_and_nothing_else_lost() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    phone.offline(true);
    noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    phone.clock.pass(8 * 86_400_000);
    noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    let states: Vec<CheckInState> = noren.check_in().recent().unwrap().iter().map(|check_in| check_in.state).collect();
    assert_eq!(states, [CheckInState::Accepted, CheckInState::Expired]);
    let sent = phone.server.shop(|shop| shop.check_ins.clone());
    assert_eq!((sent.len(), sent[0].sequence, sent[0].follows(None)), (1, 2, false), "the gap shows");
}

#[tokio::test]
async fn a_disk_that_takes_no_check_in_loses_none() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    let stop = phone.stop_at(&miyajima());
    let disk = |sql: &str| rusqlite::Connection::open(phone.files().join("outbox.db")).unwrap().execute_batch(sql).unwrap();
    disk("CREATE TRIGGER full BEFORE INSERT ON secrets BEGIN SELECT RAISE(ABORT, 'full'); END");
    assert!(noren.check_in().observe(stop[..3].to_vec()).unwrap().check_ins.is_empty(), "observed in memory all the same");
    let refused = noren.check_in().observe(stop[3..].to_vec());
    assert!(matches!(refused, Err(CheckInError::Storage { .. })), "{refused:?}");
    assert!(noren.check_in().recent().unwrap().is_empty() && noren.outbox().waiting().unwrap().is_empty(), "all or nothing");
    disk("DROP TRIGGER full");
    assert_eq!(noren.check_in().observe(stop[3..].to_vec()).unwrap().check_ins.len(), 1, "the same again");
}

#[tokio::test]
async fn after_a_reboot_the_time_is_unproven_and_the_regions_are_registered_anew() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    let here = phone.fix(&miyajima(), Some(0.0));
    assert!(noren.check_in().observe(vec![here]).unwrap().regions.is_some());
    drop(noren);
    *phone.clock.id.lock().unwrap() = "boot-2".into();
    phone.clock.boot.store(5_000, Ordering::SeqCst);
    phone.offline(true);
    let noren = phone.open();
    let report = noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    assert_eq!(report.regions.unwrap().add.len(), 1, "the system forgets regions in a reboot");
    assert!(!report.check_ins[0].check_in.time_proven);
    assert!(report.check_ins[0].coupons.is_empty(), "what depends on the time waits for it");
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert!(!phone.server.shop(|shop| shop.check_ins[0].time_proven));
}

#[tokio::test]
async fn regions_that_the_system_lost_are_registered_anew() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    let here = || vec![phone.fix(&miyajima(), Some(0.0))];
    let first = noren.check_in().observe(here()).unwrap().regions.unwrap();
    assert!(noren.check_in().observe(here()).unwrap().regions.is_none(), "they serve");
    let again = noren.check_in().observe(vec![Observation::RegionsLost]).unwrap();
    assert_eq!((again.regions.unwrap().add, again.left_out), (first.add, 0));
}

#[tokio::test]
async fn opened_is_answered_within_its_input() {
    let phone = Phone::new();
    let noren = phone.open();
    let opened = |phone: &Phone| Observation::Opened { at_ms: phone.clock.wall_ms() };
    assert_eq!(noren.check_in().observe(vec![opened(&phone)]), Err(CheckInError::NotEnrolled));
    drop(noren);
    let noren = phone.at_miyajima(with_coupon).await;
    let missing = |report: &noren_core::check_in::CheckInReport| report.waiting.iter().map(|waiting| waiting.missing).collect::<Vec<_>>();
    let report = noren.check_in().observe(vec![opened(&phone)]).unwrap();
    assert_eq!(missing(&report), [Missing::Fix]);
    let far = phone.fix(&miyajima().towards(0.0, 9_000.0), Some(0.0));
    assert_eq!(missing(&noren.check_in().observe(vec![far, opened(&phone)]).unwrap()), [Missing::Place]);
    phone.clock.pass(600_000);
    let here = phone.fix(&miyajima(), Some(0.0));
    let report = noren.check_in().observe(vec![here, opened(&phone)]).unwrap();
    assert!(matches!(missing(&report).as_slice(), [Missing::Dwell { .. }]), "{report:?}");
    assert_eq!((report.waiting[0].place_name.as_str(), report.needs_fixes), ("宮島SA（下り）", true));
}

#[tokio::test]
async fn a_place_code_checks_in_without_location_and_without_a_network() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    phone.offline(true);
    let now_s = phone.server.now_ms() / 1000;
    let code = |until_s, key| PlaceCode { place: "miyajima-out".into(), until_s }.text(key);
    let good = code(now_s + 600, &phone.server.issuer);
    let forger = noren_rules::keys::SoftwareKey::from_bytes(&[9; 32]).unwrap();
    for bad in [
        "",
        "NRP1:",
        "https://example.jp",
        &code(now_s, &phone.server.issuer),
        &code(now_s + 600, &forger),
        good.trim_end_matches(char::is_alphanumeric),
    ] {
        assert!(matches!(noren.check_in().scan_place_code(bad), Err(CheckInError::BadCode { .. })), "{bad}");
    }
    let made = noren.check_in().scan_place_code(&format!("{good}\r\n")).unwrap();
    assert_eq!((made.check_in.by, made.check_in.unlocked.as_slice(), made.coupons.len()), (CheckInBy::PlaceCode, [100].as_slice(), 1));
    assert_eq!(noren.check_in().scan_place_code(&good), Err(CheckInError::CoolDown));
    let report = noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    assert_eq!((report.check_ins.len(), report.refused[0].reason), (0, CheckInRefusal::CoolDown), "by location it is the same visit");
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(phone.server.shop(|shop| shop.check_ins[0].method.clone()), CheckInMethod::PlaceCode { text: good });
}

#[tokio::test]
async fn a_receipt_code_is_the_backends_to_place() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    for bad in ["", "  ", &"9".repeat(101)] {
        assert!(matches!(noren.check_in().receipt_code(bad), Err(CheckInError::BadCode { .. })));
    }
    let made = noren.check_in().receipt_code(" ABC-1 ").unwrap();
    assert_eq!((made.check_in.by, made.check_in.place.as_str()), (CheckInBy::ReceiptCode, ""));
    noren.outbox().send_due().await.unwrap();
    assert_eq!(phone.server.shop(|shop| shop.check_ins[0].method.clone()), CheckInMethod::ReceiptCode { code: "ABC-1".into() });
}

#[tokio::test]
async fn regions_stay_within_the_limit_and_the_known() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            for n in 0..60 {
                let at = miyajima().towards(f64::from(n) * 6.0, 20_000.0 + f64::from(n) * 100.0);
                shop.places.push(place(&format!("p{n}"), "PA", &at));
            }
        })
        .await;
    let here = |phone: &Phone| vec![phone.fix(&miyajima(), Some(0.0))];
    let report = noren.check_in().observe(here(&phone)).unwrap();
    let plan = report.regions.unwrap();
    assert!(plan.add.len() < 20 && plan.remove.is_empty() && plan.refresh.is_some(), "{plan:?}");
    assert!(!report.area_due);
    phone.clock.pass(10_000);
    assert!(noren.check_in().observe(here(&phone)).unwrap().regions.is_none(), "nothing has changed");
    drop(noren);
    let noren = phone.open();
    phone.clock.pass(10_000);
    assert!(noren.check_in().observe(here(&phone)).unwrap().regions.is_none(), "nor by the process having ended");
    noren.check_in().limit_regions(RegionLimit::Android).unwrap();
    phone.clock.pass(10_000);
    let plan = noren.check_in().observe(here(&phone)).unwrap().regions.unwrap();
    assert_eq!(plan.coverage, Coverage::Guaranteed);
    let refresh = plan.refresh.unwrap();
    assert_eq!(refresh.id, REFRESH_REGION);
    // It ends where the unknown could be reached before its exit is reported.
    let known = Tile::around(&miyajima(), 30_000.0);
    let reached = Tile::around(&miyajima(), refresh.radius_m + 36.0 * 300.0);
    assert!(refresh.radius_m >= 200.0 && reached.iter().all(|tile| known.contains(tile)), "{}", refresh.radius_m);
    let left = Observation::RegionLeft { id: REFRESH_REGION.into(), at_ms: phone.clock.wall_ms() };
    assert!(noren.check_in().observe(vec![left]).unwrap().needs_fixes, "to choose anew by");
    phone.clock.pass(600_000);
    let there = miyajima().towards(90.0, 160_000.0);
    for n in 0..4 {
        phone.clock.pass(600_000);
        let fix = phone.fix(&there.towards(0.0, f64::from(n)), Some(0.0));
        let report = noren.check_in().observe(vec![fix]).unwrap();
        if report.area_due {
            return;
        }
    }
    panic!("an unknown area is asked for");
}

#[tokio::test]
async fn a_route_counts_when_its_gates_were_passed_in_order() {
    let phone = Phone::new();
    let gates: Vec<_> = (0..3).map(|n| miyajima().towards(45.0, 3_000.0 * f64::from(n))).collect();
    let noren = phone
        .at_miyajima(|shop| {
            for (n, at) in gates.iter().enumerate() {
                shop.places.push(noren_rules::wire::PlaceInfo { kind: PlaceKind::Gate, ..place(&format!("g{n}"), "門", at) });
            }
            let ids = vec!["g0".into(), "g1".into(), "g2".into()];
            shop.routes = vec![RouteInfo { id: "tour".into(), name: "周遊".into(), gates: ids, within_s: 3_600 }];
        })
        .await;
    let mut made = Vec::new();
    for gate in &gates {
        for step in 0..20 {
            phone.clock.pass(6_000);
            let at = gate.towards(45.0, f64::from(step) * 150.0);
            made.extend(noren.check_in().observe(vec![phone.fix(&at, Some(25.0))]).unwrap().check_ins);
        }
    }
    assert_eq!(made.iter().map(|made| (made.check_in.place.as_str(), made.check_in.by)).collect::<Vec<_>>(), [("tour", CheckInBy::Route)]);
    assert_eq!(made[0].notice.title_ja, "周遊にチェックインしました");
}

#[tokio::test]
async fn broken_observations_are_left_out_and_counted() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    let fix =
        |lat_deg, lon_deg| Observation::Fix { lat_deg, lon_deg, at_ms: 1, boot_ms: None, accuracy_m: None, speed_mps: None, mock: false };
    let bad = vec![fix(f64::NAN, 0.0), fix(91.0, 0.0), fix(0.0, 181.0), fix(f64::INFINITY, 0.0)];
    assert_eq!(noren.check_in().observe(bad).unwrap().left_out, 4);
    let times = [i64::MIN, i64::MAX, 0, -1].map(|at_ms| Observation::Tick { at_ms });
    noren.check_in().observe(times.to_vec()).unwrap();
    let unknown = Observation::RegionEntered { id: "nowhere".into(), at_ms: 0 };
    assert!(noren.check_in().observe(vec![unknown]).unwrap().check_ins.is_empty());
}

#[tokio::test]
async fn another_members_check_ins_are_not_shown() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(with_coupon).await;
    noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    for device in phone.server.world.lock().unwrap().devices.values_mut() {
        device.2 = true;
    }
    noren.member().refresh().await.unwrap_err();
    noren.member().enrol(None).await.unwrap();
    assert!(noren.check_in().recent().unwrap().is_empty());
    noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    noren.outbox().network_returned().await.unwrap();
    let first = phone.server.shop(|shop| shop.check_ins.last().unwrap().clone());
    assert_eq!((first.sequence, first.previous), (1, None), "another key, another chain");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// However the observations are cut into batches, and wherever the process ends between them: the same one check-in, recorded once.
    #[test]
    fn batches_and_restarts_change_nothing(cuts in prop::collection::vec((1usize..9, any::<bool>(), any::<bool>()), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let phone = Phone::new();
            let mut noren = phone.at_miyajima(with_coupon).await;
            let mut stop = phone.stop_at(&miyajima());
            let mut made = 0;
            for (size, restarts, sends) in cuts.into_iter().chain([(usize::MAX, false, true)]) {
                let batch: Vec<Observation> = stop.drain(..size.min(stop.len())).collect();
                made += noren.check_in().observe(batch).unwrap().check_ins.len();
                if sends {
                    noren.outbox().send_due().await.unwrap();
                }
                if restarts {
                    drop(noren);
                    noren = phone.open();
                }
            }
            prop_assert_eq!((made, noren.check_in().recent().unwrap().len()), (1, 1));
            prop_assert_eq!(phone.server.shop(|shop| shop.check_ins.len()), 1);
            Ok(())
        })?;
    }
}
