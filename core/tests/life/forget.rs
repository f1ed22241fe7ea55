use super::support::*;
use noren_core::ServerErasure;
use noren_core::member::{MemberState, Symbology};
use noren_core::outbox::OutboxError;
use noren_core::storage::StorageError;
use noren_rules::wire::{Link, paths};
use std::sync::atomic::Ordering;

/// Texts that must be nowhere afterwards.
async fn a_life(phone: &Phone) -> (noren_core::Noren, Vec<String>) {
    let noren = phone.open();
    noren.member().enrol(Some(Link::Number { number: "planted-number".into(), pin: "0000".into() })).await.unwrap();
    phone.server.world.lock().unwrap().receipts = vec![receipt(1, START_MS, &["planted-milk"])];
    noren.purchases().refresh().await.unwrap();
    let MemberState::Enrolled { member_id, device_id, .. } = noren.member().state() else { panic!() };
    noren.member().card(Symbology::Qr).unwrap();
    (noren, vec!["planted-number".into(), "planted-milk".into(), "渋谷店".into(), member_id.0, device_id.0])
}

fn assert_nothing_remains(phone: &Phone, planted: &[String]) {
    for (path, bytes) in bytes_below(phone.directory.path()) {
        for text in planted {
            assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text} in {path:?}");
        }
    }
}

#[tokio::test]
async fn online_nothing_remains() {
    let phone = Phone::new();
    let (noren, planted) = a_life(&phone).await;
    let report = noren.forget_me().await.unwrap();
    assert_eq!(report.server, ServerErasure::Done);
    assert_nothing_remains(&phone, &planted);
    assert_eq!(bytes_below(&phone.files()), vec![]);
    assert!(phone.safe.values.lock().unwrap().is_empty() && phone.safe.key.lock().unwrap().is_none());
    assert_eq!(noren.outbox().waiting(), Err(OutboxError::Storage { error: StorageError::Closed }));
    let noren = phone.open();
    assert_eq!(noren.member().state(), MemberState::NotEnrolled);
    noren.member().enrol(None).await.unwrap();
}

#[tokio::test]
async fn offline_all_goes_but_the_erase_intent_and_the_key() {
    for lost_answer in [false, true] {
        let phone = Phone::new();
        let (noren, planted) = a_life(&phone).await;
        phone.offline(true);
        assert_eq!(noren.forget_me().await.unwrap().server, ServerErasure::Waiting);
        drop(noren);
        assert_nothing_remains(&phone, &planted);
        let left: Vec<_> = bytes_below(&phone.files()).into_iter().map(|(path, _)| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(left, ["erase.pending"]);
        assert!(phone.safe.key.lock().unwrap().is_some());
        let noren = phone.open();
        assert_eq!(noren.member().state(), MemberState::Forgetting);
        phone.offline(false);
        if lost_answer {
            phone.server.next([Fault::LostAnswer]);
            noren.outbox().send_due().await.unwrap();
            assert_eq!(noren.member().state(), MemberState::Forgetting);
        }
        noren.outbox().send_due().await.unwrap();
        assert_eq!(noren.member().state(), MemberState::NotEnrolled);
        assert!(phone.server.world.lock().unwrap().erased && phone.safe.key.lock().unwrap().is_none());
        assert_eq!(phone.server.effects(paths::ERASURES), 1);
        assert_nothing_remains(&phone, &planted);
        assert!(!phone.files().join("erase.pending").exists());
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_is_carried_on() {
    let phone = Phone::new();
    let (noren, planted) = a_life(&phone).await;
    noren.pause().unwrap();
    // What a crash right after the decision leaves: the intent, and all files still there.
    let copies: Vec<_> = bytes_below(&phone.files());
    noren.resume();
    phone.offline(true);
    noren.forget_me().await.unwrap();
    drop(noren);
    for (path, bytes) in copies {
        std::fs::write(path, bytes).unwrap();
    }
    let noren = phone.open();
    assert_eq!(noren.member().state(), MemberState::Forgetting);
    assert_nothing_remains(&phone, &planted);
}

#[tokio::test]
async fn enrolling_again_before_the_server_was_told_keeps_the_new_card() {
    let phone = Phone::new();
    let (noren, _) = a_life(&phone).await;
    phone.offline(true);
    noren.forget_me().await.unwrap();
    drop(noren);
    phone.offline(false);
    let noren = phone.open();
    noren.member().enrol(None).await.unwrap();
    drop(noren);
    let noren = phone.open();
    assert!(matches!(noren.member().state(), MemberState::Enrolled { .. }));
    noren.outbox().send_due().await.unwrap();
    assert!(phone.server.world.lock().unwrap().erased);
    assert!(phone.safe.key.lock().unwrap().is_some(), "the new key stays");
    noren.member().card(Symbology::Qr).unwrap();
}

#[tokio::test]
async fn locked_changes_nothing_and_without_an_enrolment_there_is_nothing_to_tell() {
    let phone = Phone::new();
    let (noren, _) = a_life(&phone).await;
    phone.safe.locked.store(true, Ordering::SeqCst);
    assert!(noren.forget_me().await.is_err());
    phone.safe.locked.store(false, Ordering::SeqCst);
    noren.member().card(Symbology::Qr).unwrap();
    noren.purchases().refresh().await.unwrap();
    let phone = Phone::new();
    assert_eq!(phone.open().forget_me().await.unwrap().server, ServerErasure::NothingThere);
    assert_eq!(bytes_below(&phone.files()), vec![]);
}
