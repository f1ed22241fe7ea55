use super::support::*;
use noren_core::member::{EnrolmentCause, MemberError, MemberState, Submission};
use noren_core::net::{CallError, TransportError};
use noren_core::outbox::IntentState;
use noren_rules::wire::{Assurance, Link, Reason, paths};
use std::sync::atomic::Ordering;

fn number(pin: &str) -> Link {
    Link::Number { number: "17850".into(), pin: pin.into() }
}

#[tokio::test]
async fn a_first_start_enrols_and_remembers() {
    let phone = Phone::new();
    let noren = phone.open();
    assert_eq!(noren.member().state(), MemberState::NotEnrolled);
    assert!(matches!(noren.member().enrol(None).await.unwrap(), MemberState::Enrolled { .. }));
    assert_eq!(noren.member().enrol(None).await, Err(MemberError::AlreadyEnrolled));
    drop(noren);
    phone.offline(true);
    assert!(matches!(phone.open().member().state(), MemberState::Enrolled { assurance: Assurance::Device, .. }));
    assert_eq!(phone.safe.keys_made.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_a_network_nothing_is_begun() {
    let phone = Phone::new();
    phone.offline(true);
    let noren = phone.open();
    let refused = noren.member().enrol(None).await;
    assert_eq!(refused, Err(MemberError::Call { error: CallError::Transport { error: TransportError::Offline } }));
    assert_eq!(noren.member().state(), MemberState::NotEnrolled);
    assert_eq!(phone.safe.keys_made.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_lost_answer_goes_on_under_the_same_key_and_enrols_once() {
    for lost in [Fault::LostAnswer, Fault::LostRequest, Fault::Portal, Fault::Truncated, Fault::Refuse(503, Reason::Unavailable, Some(9))] {
        let phone = Phone::new();
        let noren = phone.open();
        phone.server.next([Fault::None, lost.clone()]);
        assert_eq!(noren.member().enrol(None).await.unwrap(), MemberState::Enrolling, "{lost:?}");
        drop(noren);
        let noren = phone.open();
        assert_eq!(noren.member().state(), MemberState::Enrolling);
        phone.clock.pass(60_000);
        noren.outbox().send_due().await.unwrap();
        assert!(matches!(noren.member().state(), MemberState::Enrolled { .. }), "{lost:?}");
        assert_eq!(phone.server.effects(paths::ENROLMENTS), 1);
        assert_eq!(phone.safe.keys_made.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn an_expired_nonce_is_a_new_nonce_and_a_new_intent() {
    let phone = Phone::new();
    phone.server.world.lock().unwrap().fail_nonce_once = true;
    let noren = phone.open();
    assert!(matches!(noren.member().enrol(None).await.unwrap(), MemberState::Enrolled { .. }));
    // And when it is found out only later, in the background.
    let phone = Phone::new();
    let noren = phone.open();
    phone.server.next([Fault::None, Fault::LostRequest]);
    noren.member().enrol(None).await.unwrap();
    phone.server.world.lock().unwrap().nonces.clear();
    phone.clock.pass(60_000);
    noren.outbox().send_due().await.unwrap();
    assert!(matches!(noren.member().state(), MemberState::Enrolled { .. }));
    assert!(noren.outbox().waiting().unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_pin_is_told_and_kept_nowhere() {
    let phone = Phone::new();
    let noren = phone.open();
    assert_eq!(noren.member().enrol(Some(number("1234"))).await, Err(MemberError::LinkRefused));
    assert_eq!(noren.member().state(), MemberState::NotEnrolled);
    assert!(noren.outbox().waiting().unwrap().is_empty());
    assert!(matches!(noren.member().enrol(Some(number("9999"))).await, Err(MemberError::TooManyAttempts { .. })));
    assert!(noren.outbox().waiting().unwrap().is_empty(), "not repeated behind the person's back");
    noren.member().enrol(Some(number("0000"))).await.unwrap();
    assert_eq!(noren.member().link(number("1")).await, Err(MemberError::LinkRefused));
    assert!(matches!(noren.member().link(number("9999")).await, Err(MemberError::TooManyAttempts { .. })));
    assert_eq!(noren.member().link(number("0000")).await, Ok(Submission::Done));
    assert!(matches!(noren.member().state(), MemberState::Enrolled { assurance: Assurance::Number, .. }));
    assert_eq!(phone.server.effects(paths::CREDENTIALS), 1, "the credential says it too");
}

#[tokio::test]
async fn a_link_waits_for_the_network_and_is_over_after_a_day() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    phone.offline(true);
    let Submission::Waiting { key } = noren.member().link(number("0000")).await.unwrap() else { panic!() };
    phone.clock.pass(25 * 3_600_000);
    phone.offline(false);
    noren.outbox().send_due().await.unwrap();
    let view = noren.outbox().waiting().unwrap().into_iter().find(|view| view.key == key).unwrap();
    assert_eq!(view.state, IntentState::Expired);
    assert_eq!(phone.server.effects(paths::LINKS), 0);
    noren.outbox().dismiss(&key).unwrap();
    assert!(noren.outbox().waiting().unwrap().is_empty());
}

#[tokio::test]
async fn the_credential_is_renewed_from_day_ten_at_any_contact() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    assert!(!noren.member().renew_if_due().await.unwrap());
    phone.clock.pass(11 * 86_400_000);
    noren.purchases().refresh().await.unwrap();
    assert_eq!(phone.server.effects(paths::CREDENTIALS), 1);
    let MemberState::Enrolled { credential_expires_at_ms, .. } = noren.member().state() else { panic!() };
    assert!(credential_expires_at_ms > phone.server.now_ms() + 29 * 86_400_000);
    assert!(!noren.member().renew_if_due().await.unwrap());
}

#[tokio::test]
async fn points_come_by_etag() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    noren.member().refresh().await.unwrap();
    assert!(!noren.member().refresh().await.unwrap());
    phone.server.world.lock().unwrap().points = 77;
    assert!(noren.member().refresh().await.unwrap());
    assert!(matches!(noren.member().state(), MemberState::Enrolled { points: 77, .. }));
    drop(noren);
    assert!(matches!(phone.open().member().state(), MemberState::Enrolled { points: 77, .. }));
}

#[tokio::test]
async fn a_revoked_device_says_so_and_enrols_again_with_a_new_key() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    noren.member().refresh().await.unwrap();
    for device in phone.server.world.lock().unwrap().devices.values_mut() {
        device.2 = true;
    }
    assert!(noren.member().refresh().await.is_err());
    let revoked = MemberState::NeedsEnrolment { cause: EnrolmentCause::Revoked, lost: vec![] };
    assert_eq!(noren.member().state(), revoked);
    drop(noren);
    let noren = phone.open();
    assert_eq!(noren.member().state(), revoked);
    noren.member().enrol(None).await.unwrap();
    assert!(matches!(noren.member().state(), MemberState::Enrolled { .. }));
    assert_eq!(phone.safe.keys_made.load(Ordering::SeqCst), 2);
    assert!(phone.server.world.lock().unwrap().replaces.is_some());
    noren.member().refresh().await.unwrap();
}

#[tokio::test]
async fn many_callers_get_one_token() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let member = noren.member();
            tokio::spawn(async move { member.refresh().await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(phone.server.world.lock().unwrap().tokens_given, 1);
    // The server forgets its tokens: one more, for all.
    phone.server.world.lock().unwrap().tokens.clear();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let member = noren.member();
            tokio::spawn(async move { member.refresh().await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(phone.server.world.lock().unwrap().tokens_given, 2);
}

#[tokio::test]
async fn a_locked_device_changes_nothing() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    drop(noren);
    let before = bytes_below(&phone.files());
    phone.locked(true);
    assert_eq!(phone.try_open().unwrap_err(), noren_core::OpenError::Locked);
    assert_eq!(bytes_below(&phone.files()), before);
    phone.locked(false);
    let noren = phone.open();
    let before = bytes_below(&phone.files());
    phone.locked(true);
    let locked = |error: &MemberError| matches!(error, MemberError::Platform { error: noren_core::platform::PlatformError::Locked });
    assert!(noren.member().card(noren_core::member::Symbology::Qr).is_err_and(|error| locked(&error)));
    assert!(noren.forget_me().await.is_err());
    assert_eq!(bytes_below(&phone.files()), before);
    phone.locked(false);
    noren.member().card(noren_core::member::Symbology::Qr).unwrap();
}

#[tokio::test]
async fn nothing_secret_is_in_what_debug_prints() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    let view = noren.member().card(noren_core::member::Symbology::Qr).unwrap();
    let printed = format!("{noren:?} {view:?} {:?}", noren.outbox());
    assert!(!printed.contains("NRN1") && !printed.contains("token-"), "{printed}");
}
