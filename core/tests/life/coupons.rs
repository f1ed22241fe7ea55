use std::sync::atomic::Ordering;

use super::shop::*;
use super::support::*;
use noren_core::Noren;
use noren_core::coupons::{CouponSituation, CouponView, CouponsError};
use noren_core::member::{CardStanding, Symbology};
use noren_rules::b64;
use noren_rules::basket::BasketLine;
use noren_rules::code::MemberCode;
use noren_rules::conditions::{Condition, ConditionKind};
use noren_rules::grants::GrantState;
use noren_rules::keys::SoftwareKey;
use noren_rules::offers::{Offer, OfferId, PurchaseRule, TimeOfDay};
use noren_rules::receipt::{Receipt, ReceiptCoupon, ReceiptKind, ReceiptLine};
use noren_rules::wire::{Stamp, StampCardState, StampProgramme, paths};
use proptest::prelude::*;

fn here() -> CouponSituation {
    CouponSituation { place: Some("miyajima-out".into()), ..CouponSituation::default() }
}

fn coupon(noren: &Noren, offer: u32) -> CouponView {
    noren.coupons().list(&here()).unwrap().into_iter().find(|coupon| coupon.offer == offer).unwrap()
}

/// The serials' places in what a till reads now.
fn in_the_qr(phone: &Phone, noren: &Noren) -> Vec<u16> {
    let view = noren.member().card(Symbology::Qr).unwrap();
    let read = MemberCode::read(view.text.as_bytes()).unwrap();
    read.verify(&phone.server.issuers(), phone.server.now_ms() / 1000).unwrap().grants
}

fn two(shop: &mut Shop) {
    shop.offers = vec![offer(7, "うどん"), offer(8, "コーヒー")];
    shop.lease = leased(&[7, 8]);
}

/// A receipt of now that names these grants, used or not.
fn named(phone: &Phone, n: u32, coupons: &[(u64, bool)]) -> Receipt {
    let coupon = |(serial, used): &(u64, bool)| ReceiptCoupon {
        serial: *serial,
        offer: 7,
        title_ja: "うどん".into(),
        title_en: "a coupon".into(),
        discount_minor: if *used { 100 } else { 0 },
        reason: (!used).then(|| "no_line".into()),
        reason_ja: String::new(),
        reason_en: String::new(),
    };
    Receipt { coupons: coupons.iter().map(coupon).collect(), ..receipt(n, phone.server.now_ms(), &["うどん"]) }
}

#[tokio::test]
async fn coupons_are_in_the_qr_while_a_presentation_is_open_and_offline() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    phone.offline(true);
    assert_eq!(in_the_qr(&phone, &noren), Vec::<u16>::new());
    let presentation = noren.coupons().begin_presentation();
    assert_eq!((presentation.serials.as_slice(), presentation.noted), ([100, 101].as_slice(), true));
    assert_eq!(in_the_qr(&phone, &noren), [0, 1]);
    noren.member().prepare_next().unwrap();
    phone.clock.pass(20_000);
    assert_eq!(in_the_qr(&phone, &noren), [0, 1], "the code made ahead, too");
    noren.coupons().end_presentation();
    assert_eq!(in_the_qr(&phone, &noren), Vec::<u16>::new());
}

#[tokio::test]
async fn an_offer_says_how_many_purchases_are_missing() {
    let phone = Phone::new();
    // The phone holds a grant of the first, which settles it, and none of the second.
    let rule = || Some(PurchaseRule { sku_prefixes: vec!["sku1".into()], times: 2, within_days: 30 });
    let asks = |shop: &mut Shop| {
        shop.offers = [7, 8].map(|id| Offer { bought: rule(), ..offer(id, "うどん") }).to_vec();
        shop.lease = leased(&[7]);
    };
    let noren = phone.at_miyajima(asks).await;
    let said = |offer| {
        let coupon = coupon(&noren, offer);
        (coupon.usable_now, coupon.reason_ja)
    };
    let missing = |times: u32| (false, format!("対象商品をあと{times}回お買い上げで使えます"));
    assert_eq!((said(7), said(8)), ((true, String::new()), missing(2)));
    let now = phone.server.now_ms();
    let sold = |n, days_ago: i64, lines: &[&str]| receipt(n, now - days_ago * 86_400_000, lines);
    let voided = Receipt { voided: true, ..sold(4, 1, &["水", "うどん"]) };
    let receipts = vec![sold(1, 1, &["水", "うどん"]), sold(2, 2, &["水"]), sold(3, 31, &["水", "うどん"]), voided];
    phone.server.world.lock().unwrap().receipts = receipts;
    noren.purchases().refresh().await.unwrap();
    assert_eq!(said(8), missing(1), "one of other goods, one too long ago, one cancelled");
    let back = Receipt { kind: ReceiptKind::Return, of: Some("r6".into()), ..sold(5, 0, &["水", "うどん"]) };
    let back = Receipt { lines: back.lines.into_iter().map(|line| ReceiptLine { quantity: -1, ..line }).collect(), ..back };
    phone.server.world.lock().unwrap().receipts.extend([sold(6, 3, &["水", "うどん"]), back]);
    noren.purchases().refresh().await.unwrap();
    assert_eq!(said(8), missing(1), "what went back was not bought");
    phone.server.world.lock().unwrap().receipts.push(sold(7, 4, &["茶", "うどん"]));
    noren.purchases().refresh().await.unwrap();
    let why = coupon(&noren, 8).reason;
    assert_ne!(why.as_deref(), Some("not_bought"));
}

#[tokio::test]
async fn what_is_held_back_is_not_shown() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    noren.coupons().hold_back(7, true).unwrap();
    assert!(coupon(&noren, 7).held_back);
    assert_eq!(noren.coupons().begin_presentation().serials, [101]);
    assert_eq!(in_the_qr(&phone, &noren), [1]);
    noren.coupons().hold_back(7, false).unwrap();
    assert_eq!(noren.coupons().begin_presentation().serials, [100, 101], "the same presentation goes on");
}

#[tokio::test]
async fn a_coupon_that_no_till_has_read_is_shown_again_on_the_members_word() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    assert_eq!(noren.coupons().begin_presentation().serials, [100, 101]);
    noren.coupons().end_presentation();
    assert!(noren.coupons().begin_presentation().serials.is_empty());
    noren.coupons().not_scanned(100).unwrap();
    assert_eq!(in_the_qr(&phone, &noren), Vec::<u16>::new(), "not before the next presentation");
    drop(noren);
    let noren = phone.open();
    assert!(!coupon(&noren, 7).unheard && coupon(&noren, 8).unheard);
    assert_eq!(noren.coupons().begin_presentation().serials, [100]);
}

#[tokio::test]
async fn a_coupon_for_tills_with_a_connection_is_in_the_qr_and_says_so() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            two(shop);
            shop.offers[1].offline = false;
        })
        .await;
    let online = coupon(&noren, 8);
    assert_eq!((online.offline_ok, online.needs_connection), (false, true));
    noren.coupons().begin_presentation();
    assert_eq!(in_the_qr(&phone, &noren), [0, 1]);
}

#[tokio::test]
async fn a_reward_is_no_coupon_before_it_is_earned() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            shop.offers = vec![offer(7, "うどん"), offer(9, "ごほうび")];
            shop.lease = leased(&[7]);
            shop.programmes = vec![StampProgramme {
                id: "west".into(),
                title: [("ja".into(), "西".into())].into(),
                places: vec![],
                goal: 3,
                reward: OfferId(9),
                utc_offset_min: 540,
            }];
        })
        .await;
    let listed: Vec<u32> = noren.coupons().list(&here()).unwrap().into_iter().map(|coupon| coupon.offer).collect();
    assert_eq!(listed, [7]);
}

#[tokio::test]
async fn a_coupon_shown_before_stays_back_until_somebody_says_what_became_of_it() {
    // Whoever speaks first: a receipt that used it, one that did not, the wallet, another lease. And nobody.
    for word in ["nobody", "used", "unused", "wallet", "lease"] {
        let phone = Phone::new();
        let noren = phone.at_miyajima(two).await;
        noren.coupons().hold_back(8, true).unwrap();
        assert_eq!(noren.coupons().begin_presentation().serials, [100]);
        // The process ends with the card open: what was shown is known all the same.
        drop(noren);
        let noren = phone.open();
        assert_eq!(in_the_qr(&phone, &noren), Vec::<u16>::new(), "and no presentation goes on");
        let shown = coupon(&noren, 7);
        assert_eq!((shown.unheard, shown.offline_ok, shown.needs_connection), (true, false, true));
        match word {
            "used" => phone.server.world.lock().unwrap().receipts = vec![named(&phone, 1, &[(100, true)])],
            "unused" => phone.server.world.lock().unwrap().receipts = vec![named(&phone, 1, &[(100, false)])],
            "wallet" => phone.server.set_up(|shop| shop.states = [(100, GrantState::RolledBack)].into()),
            "lease" => {
                phone.server.set_up(|shop| shop.first_serial = 500);
                phone.clock.pass(13 * 3_600_000);
            }
            _ => {}
        }
        noren.purchases().refresh().await.unwrap();
        noren.coupons().refresh().await.unwrap();
        let expected: &[u64] = match word {
            "nobody" | "used" => &[],
            "unused" | "wallet" => &[100],
            _ => &[500],
        };
        assert_eq!(noren.coupons().begin_presentation().serials, expected, "{word}");
        if word == "used" {
            assert_eq!(coupon(&noren, 7).state, GrantState::Redeemed);
        }
        if word == "lease" {
            assert_eq!(phone.server.shop(|shop| shop.presented.clone()), [100], "the backend hears of it");
        }
    }
}

#[tokio::test]
async fn receipts_bring_their_coupons_and_a_void_gives_one_back() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    let _ = noren.coupons().begin_presentation();
    noren.coupons().end_presentation();
    let mut sold = named(&phone, 1, &[(100, true), (101, false)]);
    phone.server.world.lock().unwrap().receipts = vec![sold.clone()];
    noren.purchases().refresh().await.unwrap();
    assert_eq!(noren.purchases().receipt(&sold.id).unwrap(), sold);
    assert_eq!((coupon(&noren, 7).state, coupon(&noren, 8).unheard), (GrantState::Redeemed, false));
    sold.voided = true;
    phone.server.world.lock().unwrap().receipts.push(sold.clone());
    noren.purchases().refresh().await.unwrap();
    assert_eq!(noren.purchases().receipt(&sold.id).unwrap(), sold, "in its new form, once");
    assert_eq!(noren.coupons().begin_presentation().serials, [100, 101]);
}

#[tokio::test]
async fn an_older_receipt_says_nothing_about_a_later_showing() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    noren.coupons().begin_presentation();
    noren.coupons().end_presentation();
    phone.server.world.lock().unwrap().receipts = vec![named(&phone, 1, &[(100, false), (101, false)])];
    noren.purchases().refresh().await.unwrap();
    assert_eq!(noren.coupons().begin_presentation().serials, [100, 101], "neither was used");
    noren.coupons().end_presentation();
    noren.purchases().refresh().await.unwrap();
    assert!(noren.coupons().begin_presentation().serials.is_empty(), "and nobody has spoken since");
}

#[tokio::test]
async fn on_a_full_disk_the_card_shows_without_coupons() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    let full = rusqlite::Connection::open(phone.files().join("outbox.db")).unwrap();
    full.execute_batch("CREATE TRIGGER full BEFORE INSERT ON presented BEGIN SELECT RAISE(ABORT, 'full'); END").unwrap();
    let presentation = noren.coupons().begin_presentation();
    assert_eq!((presentation.serials.len(), presentation.noted), (0, false));
    assert_eq!(in_the_qr(&phone, &noren), Vec::<u16>::new());
    drop(noren);
    for name in ["outbox.db", "cache.db"] {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(phone.files().join(format!("{name}{suffix}")));
        }
        std::fs::create_dir(phone.files().join(name)).unwrap();
    }
    let before = bytes_below(&phone.files());
    let noren = phone.open();
    assert!(!noren.coupons().begin_presentation().noted);
    assert_eq!(in_the_qr(&phone, &noren), Vec::<u16>::new(), "from a cold start without its files");
    noren.coupons().end_presentation();
    assert_eq!(bytes_below(&phone.files()), before);
}

#[tokio::test]
async fn an_older_card_file_put_back_shows_nothing_twice() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    let cloned = std::fs::read(phone.files().join("card.sealed")).unwrap();
    noren.coupons().begin_presentation();
    drop(noren);
    std::fs::write(phone.files().join("card.sealed"), &cloned).unwrap();
    let noren = phone.open();
    assert_eq!(noren.member().card(Symbology::Qr).unwrap().standing, CardStanding::Good);
    assert!(noren.coupons().begin_presentation().serials.is_empty());
    // On another phone it does not open at all.
    let other = Phone { entropy: TestEntropy::new(2), ..Phone::new() };
    drop(other.at_miyajima(two).await);
    std::fs::write(other.files().join("card.sealed"), &cloned).unwrap();
    assert!(other.open().member().card(Symbology::Qr).is_err());
}

#[tokio::test]
async fn a_locked_key_leaves_the_coupons_as_they_are() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    phone.locked(true);
    assert_eq!(noren.coupons().begin_presentation().serials, [100, 101]);
    assert!(noren.member().card(Symbology::Qr).is_err());
    phone.locked(false);
    assert_eq!(in_the_qr(&phone, &noren), [0, 1]);
}

#[tokio::test]
async fn a_timed_offer_waits_for_server_time_and_no_clock_that_is_turned_helps() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            let end_s = START_MS / 1000 + 3_600;
            let mut timed = offer(7, "タイムセール");
            (timed.from_s, timed.until_s) = (Some(0), Some(end_s));
            let hours = TimeOfDay { utc_offset_minutes: 540, weekdays: 127, from_minute: 660, until_minute: 720 };
            let mut lunch = offer(9, "昼");
            lunch.time_of_day = Some(hours);
            shop.offers = vec![timed, offer(8, "いつでも"), lunch];
            shop.lease = leased(&[7, 8, 9]);
        })
        .await;
    assert!(coupon(&noren, 7).usable_now && coupon(&noren, 9).usable_now);
    // Within the boot the wall clock does not matter.
    phone.clock.wall.fetch_sub(50_000_000, Ordering::SeqCst);
    phone.clock.boot.fetch_add(4_000_000, Ordering::SeqCst);
    assert_eq!(coupon(&noren, 7).reason.as_deref(), Some("over"));
    phone.clock.wall.fetch_add(54_000_000, Ordering::SeqCst);
    drop(noren);
    // A reboot, and the clock turned back before the end: nobody can tell, so it waits.
    *phone.clock.id.lock().unwrap() = "boot-2".into();
    phone.clock.boot.store(5, Ordering::SeqCst);
    phone.clock.wall.store(START_MS + 60_000, Ordering::SeqCst);
    let noren = phone.open();
    assert_eq!(coupon(&noren, 7).reason.as_deref(), Some("time_unproven"));
    assert_eq!(coupon(&noren, 7).reason_ja, "時刻の確認に一度通信が必要です");
    assert!(coupon(&noren, 8).usable_now);
    assert_eq!(noren.coupons().begin_presentation().serials, [101]);
    phone.clock.wall.store(START_MS + 4_100_000, Ordering::SeqCst);
    noren.coupons().refresh().await.unwrap();
    assert_eq!(coupon(&noren, 7).reason.as_deref(), Some("over"), "a server has told the time");
}

#[tokio::test]
async fn a_pushed_condition_must_be_signed_in_its_time_and_newer() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            shop.offers = vec![noren_rules::offers::Offer { condition: Some(ConditionKind::Rain), ..offer(7, "雨の日") }];
            shop.lease = leased(&[7]);
        })
        .await;
    let now_s = phone.server.now_ms() / 1000;
    let rain =
        |sequence, from_s: i64, until_s: i64| Condition { kind: ConditionKind::Rain, area: "hiroshima".into(), sequence, from_s, until_s };
    let push = |condition: &Condition, key: &SoftwareKey| b64::encode(&condition.sign(key));
    assert_eq!(coupon(&noren, 7).reason.as_deref(), Some("condition_off"));
    let forger = SoftwareKey::from_bytes(&[9; 32]).unwrap();
    let good = rain(5, now_s, now_s + 600);
    let bad = ["".into(), "!".into(), push(&good, &forger), push(&rain(5, now_s - 9, now_s), &phone.server.issuer)];
    for text in bad {
        assert!(matches!(noren.coupons().take_push(&text), Err(CouponsError::BadPush { .. })), "{text}");
    }
    assert_eq!(noren.coupons().take_push(&push(&good, &phone.server.issuer)).unwrap().until_ms, (now_s + 600) * 1000);
    assert!(coupon(&noren, 7).usable_now);
    for older in [4, 5] {
        assert!(noren.coupons().take_push(&push(&rain(older, now_s, now_s + 9_000), &phone.server.issuer)).is_err());
    }
    drop(noren);
    let noren = phone.open();
    assert!(coupon(&noren, 7).usable_now, "kept");
    // It stopped raining: a newer one that is shorter.
    noren.coupons().take_push(&push(&rain(6, now_s, now_s + 60), &phone.server.issuer)).unwrap();
    phone.clock.pass(61_000);
    assert_eq!(coupon(&noren, 7).reason.as_deref(), Some("condition_off"), "ends by server time");
}

#[tokio::test]
async fn every_state_and_reason_is_said_in_both_languages() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            let elsewhere = noren_rules::offers::Offer { places: vec!["elsewhere".into()], ..offer(12, "よそ") };
            let online = noren_rules::offers::Offer { offline: false, ..offer(13, "通信") };
            shop.offers =
                vec![offer(7, "a"), offer(8, "b"), offer(9, "c"), offer(10, "d"), visitor_offer(11, "miyajima-out"), elsewhere, online];
            shop.killed = vec![OfferId(10)];
            shop.lease = leased(&[7, 8, 9, 10, 11, 12]);
            shop.states = [(100, GrantState::Locked), (101, GrantState::Redeemed), (102, GrantState::RolledBack)].into();
        })
        .await;
    let said: Vec<(u32, GrantState, Option<String>)> = (7..=13).map(|n| coupon(&noren, n)).map(|c| (c.offer, c.state, c.reason)).collect();
    let word = |text: &str| Some(text.to_owned());
    assert_eq!(said[0], (7, GrantState::Locked, word("locked")));
    assert_eq!(said[1], (8, GrantState::Redeemed, word("redeemed")));
    assert_eq!(said[2], (9, GrantState::RolledBack, None));
    assert_eq!(said[3], (10, GrantState::Granted, word("stopped")));
    assert_eq!(said[4], (11, GrantState::Granted, word("no_check_in")));
    assert_eq!(said[5], (12, GrantState::Granted, word("other_place")));
    assert_eq!((coupon(&noren, 13).usable_now, coupon(&noren, 13).needs_connection, coupon(&noren, 13).serial), (true, true, None));
    for view in noren.coupons().list(&here()).unwrap() {
        assert_eq!(view.reason.is_some(), !view.reason_ja.is_empty() && !view.reason_en.is_empty());
    }
    phone.server.set_up(|shop| shop.staff = true);
    noren.coupons().refresh().await.unwrap();
    assert_eq!(coupon(&noren, 9).reason.as_deref(), Some("staff"));
    phone.clock.pass(3 * 86_400_000);
    assert_eq!(coupon(&noren, 9).state, GrantState::Expired);
    assert!(noren.coupons().begin_presentation().serials.is_empty());
}

#[tokio::test]
async fn a_refused_lease_leaves_what_needs_a_connection() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            two(shop);
            shop.refuse_leases = true;
        })
        .await;
    assert!(noren.outbox().waiting().unwrap().is_empty(), "said once, kept nowhere");
    let view = coupon(&noren, 7);
    assert_eq!((view.offline_ok, view.needs_connection, view.usable_now), (false, true, true));
    assert!(noren.coupons().begin_presentation().serials.is_empty());
}

#[tokio::test]
async fn a_lost_answer_to_a_lease_changes_nothing_twice() {
    for fault in [Fault::LostAnswer, Fault::Twice, Fault::Truncated, Fault::Portal] {
        let phone = Phone::new();
        phone.server.set_up(two);
        let noren = phone.at_miyajima(two).await;
        phone.clock.pass(13 * 3_600_000);
        noren.places().refresh(&miyajima()).await.unwrap();
        phone.server.next([fault.clone()]);
        let _ = noren.coupons().refresh().await;
        noren.outbox().network_returned().await.unwrap();
        noren.coupons().refresh().await.unwrap();
        assert_eq!(noren.coupons().begin_presentation().serials, [100, 101], "{fault:?}");
        assert_eq!(phone.server.effects(paths::LEASES), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_dropped_cache_and_another_member() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    noren.coupons().hold_back(8, true).unwrap();
    drop(noren);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(phone.files().join(format!("cache.db{suffix}")));
    }
    let noren = phone.open();
    assert!(noren.coupons().list(&here()).unwrap().is_empty(), "what has no title is not shown");
    noren.places().refresh(&miyajima()).await.unwrap();
    noren.coupons().refresh().await.unwrap();
    assert!(coupon(&noren, 7).offline_ok && coupon(&noren, 8).held_back);
    for device in phone.server.world.lock().unwrap().devices.values_mut() {
        device.2 = true;
    }
    noren.member().refresh().await.unwrap_err();
    noren.member().enrol(None).await.unwrap();
    let view = coupon(&noren, 8);
    assert_eq!((view.held_back, view.serial), (false, None), "another member's are gone");
    assert_eq!(noren.coupons().freshness().unwrap().as_of_ms, None);
}

#[tokio::test]
async fn forget_me_leaves_nothing_of_coupons_and_check_ins() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(two).await;
    noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    noren.coupons().begin_presentation();
    noren.forget_me().await.unwrap();
    assert_eq!(bytes_below(&phone.files()), vec![]);
    assert!(noren.coupons().list(&here()).is_err() && noren.check_in().recent().is_err());
    assert!(noren.places().nearest(&miyajima(), 1).is_err(), "nor in memory");
}

#[tokio::test]
async fn stamps_of_the_phone_and_the_backend_come_together_without_doubles() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            two(shop);
            shop.programmes = vec![StampProgramme {
                id: "autumn".into(),
                title: [("ja".to_owned(), "秋".to_owned())].into(),
                places: vec![],
                goal: 2,
                reward: OfferId(7),
                utc_offset_min: 540,
            }];
        })
        .await;
    phone.offline(true);
    noren.check_in().observe(phone.stop_at(&miyajima())).unwrap();
    let card = noren.coupons().stamp_cards().unwrap().remove(0);
    assert_eq!((card.title_en.as_str(), card.stamps.len(), card.stamps[0].waiting, card.goal), ("秋", 1, true, 2));
    let stamp = |place: &str, day: &str| Stamp { place: place.into(), day: day.into() };
    let stamps = vec![stamp("another", "2026-02-01"), stamp("miyajima-out", &card.stamps[0].day)];
    phone.server.set_up(|shop| shop.stamps = vec![StampCardState { card: "autumn".into(), stamps, rewards: 1 }]);
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    let card = noren.coupons().stamp_cards().unwrap().remove(0);
    assert_eq!((card.stamps.len(), card.stamps.iter().any(|stamp| stamp.waiting), card.full_cards, card.rewards), (2, false, 1, 1));
}

#[tokio::test]
async fn the_best_set_of_a_basket_that_the_phone_knows() {
    let phone = Phone::new();
    let noren = phone
        .at_miyajima(|shop| {
            let alone = noren_rules::offers::Offer { exclusion_group: Some(1), ..offer(7, "a") };
            let group = noren_rules::offers::Offer {
                exclusion_group: Some(1),
                discount: noren_rules::offers::Discount::Fixed { amount_minor: 300 },
                ..offer(8, "b")
            };
            shop.offers = vec![alone, group];
            shop.lease = leased(&[7, 8]);
        })
        .await;
    let line = |amount_minor| BasketLine {
        sku: "1".into(),
        class: None,
        quantity: 1,
        amount_minor,
        tax_permille: Some(100),
        greatest_discount_minor: None,
    };
    let best = noren.coupons().best_set("JPY", vec![line(1_000)], &here()).unwrap();
    assert_eq!((best.used[0].serial, best.discount_minor, best.total_minor, best.gap_minor), (101, 300, 700, 0));
    assert_eq!((best.unused[0].reason.as_str(), best.unused[0].reason_ja.as_str()), ("not_with", "ほかのクーポンと併用できません"));
    assert!(matches!(noren.coupons().best_set("JPY", vec![line(i64::MIN)], &here()), Err(CouponsError::BadBasket { .. })));
}

#[derive(Debug, Clone)]
enum Step {
    Begin,
    End,
    Restart,
    Sold(bool),
    Refresh,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Begin), Just(Step::End), Just(Step::Restart), any::<bool>().prop_map(Step::Sold), Just(Step::Refresh)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever happens in whatever order: an honest phone never shows a grant in two presentations with nothing heard in between.
    #[test]
    fn no_grant_is_shown_twice_unheard(steps in prop::collection::vec(step(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let phone = Phone::new();
            let mut noren = phone.at_miyajima(|shop| {
                shop.offers = vec![offer(7, "うどん")];
                shop.lease = leased(&[7]);
            }).await;
            // Whether it was shown in this presentation; whether it was shown before and not heard of; whether it was used.
            let (mut open, mut unheard, mut used, mut sold_unheard, mut sales) = (false, false, false, None, 0);
            for step in steps {
                phone.clock.pass(1_000);
                match step {
                    Step::Begin => {
                        let shown = !noren.coupons().begin_presentation().serials.is_empty();
                        prop_assert_eq!(shown, open || (!unheard && !used), "open {} unheard {} used {}", open, unheard, used);
                        open = shown;
                    }
                    Step::End => {
                        noren.coupons().end_presentation();
                        unheard |= open;
                        open = false;
                    }
                    Step::Restart => {
                        drop(noren);
                        noren = phone.open();
                        unheard |= open;
                        open = false;
                    }
                    // A till sells while the card is shown; the phone hears of it with the next refresh.
                    Step::Sold(takes) if open && sold_unheard.is_none() => {
                        sales += 1;
                        let receipt = named(&phone, sales, &[(100, takes)]);
                        phone.server.world.lock().unwrap().receipts.push(receipt);
                        sold_unheard = Some(takes);
                    }
                    Step::Sold(_) => {}
                    Step::Refresh if !open => {
                        noren.purchases().refresh().await.unwrap();
                        if let Some(takes) = sold_unheard.take() {
                            used |= takes;
                            unheard = false;
                        }
                    }
                    Step::Refresh => {}
                }
            }
            Ok(())
        })?;
    }
}
