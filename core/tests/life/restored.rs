use super::support::*;
use noren_core::member::{EnrolmentCause, LostItem, LostKind, MemberState};
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn a_phone_with_things_to_lose() -> (Phone, Vec<LostItem>) {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    phone.server.world.lock().unwrap().receipts = (0..4).map(|n| receipt(n, START_MS, &["x"])).collect();
    noren.purchases().refresh().await.unwrap();
    phone.offline(true);
    noren.purchases().claim("A").await.unwrap();
    noren.purchases().claim("B").await.unwrap();
    phone.offline(false);
    let lost = vec![
        LostItem { what: LostKind::Card, count: 1 },
        LostItem { what: LostKind::WaitingIntents { kind: "claim".into() }, count: 2 },
        if noren_core::storage::WHOLE_FILE_ENCRYPTION {
            LostItem { what: LostKind::UnreadableFile { name: "cache.db".into() }, count: 1 }
        } else {
            LostItem { what: LostKind::Receipts, count: 4 }
        },
    ];
    (phone, lost)
}

#[tokio::test]
async fn a_restored_phone_names_what_it_could_not_keep_and_enrols_again() {
    // The whole safe is another one; only the master key is gone; only the device's key is gone; it is another key.
    for way in 0..4 {
        let (mut phone, lost) = a_phone_with_things_to_lose().await;
        let old = phone.server.world.lock().unwrap().devices.keys().next().unwrap().clone();
        match way {
            0 => phone.safe = Arc::new(TestSafe { keys_made: 9.into(), ..TestSafe::default() }),
            1 => phone.safe.values.lock().unwrap().clear(),
            2 => *phone.safe.key.lock().unwrap() = None,
            _ => drop(noren_core::platform::DeviceKey::create(phone.safe.as_ref()).unwrap()),
        }
        let made = phone.safe.keys_made.load(Ordering::SeqCst);
        for _ in 0..2 {
            let noren = phone.open();
            assert_eq!(noren.member().state(), MemberState::NeedsEnrolment { cause: EnrolmentCause::KeyLost, lost: lost.clone() }, "{way}");
            assert!(noren.purchases().page(None, 5).unwrap().receipts.is_empty());
            assert!(noren.outbox().waiting().unwrap().is_empty());
            assert_eq!(noren.diagnostics().lost, lost);
        }
        assert_eq!(phone.safe.keys_made.load(Ordering::SeqCst), made, "only enrolling makes a key");
        assert!(phone.files().join("lost-1/outbox.db").exists());
        let noren = phone.open();
        noren.member().enrol(None).await.unwrap();
        assert!(matches!(noren.member().state(), MemberState::Enrolled { .. }));
        assert_eq!(phone.server.world.lock().unwrap().replaces.as_ref().unwrap().0, old);
        drop(noren);
        assert!(matches!(phone.open().member().state(), MemberState::Enrolled { .. }));
    }
}

#[tokio::test]
async fn setting_aside_that_was_interrupted_is_carried_on() {
    let (phone, lost) = a_phone_with_things_to_lose().await;
    phone.safe.values.lock().unwrap().clear();
    drop(phone.open());
    // As if the process had ended after the first rename: everything but the card is still in its place.
    let folder = phone.files().join("lost-1");
    for entry in std::fs::read_dir(&folder).unwrap().flatten() {
        let name = entry.file_name();
        if name != "lost.json" && name != "card.sealed" {
            std::fs::rename(entry.path(), phone.files().join(&name)).unwrap();
        }
    }
    phone.safe.values.lock().unwrap().clear();
    let noren = phone.open();
    assert_eq!(noren.member().state(), MemberState::NeedsEnrolment { cause: EnrolmentCause::KeyLost, lost });
    assert!(!phone.files().join("lost-2").exists());
    assert!(folder.join("outbox.db").exists() && folder.join("installation").exists());
}

#[tokio::test]
async fn a_reinstalled_app_starts_afresh_though_the_safe_remembers() {
    let (phone, _) = a_phone_with_things_to_lose().await;
    std::fs::remove_dir_all(phone.files()).unwrap();
    let noren = phone.open();
    assert_eq!(noren.member().state(), MemberState::NotEnrolled);
    noren.member().enrol(None).await.unwrap();
    assert_eq!(phone.safe.keys_made.load(Ordering::SeqCst), 2, "an old life's key is not taken over");
}

#[tokio::test]
async fn an_enrolment_whose_key_is_lost_is_not_waited_for() {
    let phone = Phone::new();
    let noren = phone.open();
    phone.server.next([Fault::None, Fault::LostRequest]);
    assert_eq!(noren.member().enrol(None).await.unwrap(), MemberState::Enrolling);
    drop(noren);
    *phone.safe.key.lock().unwrap() = None;
    let lost = vec![LostItem { what: LostKind::WaitingIntents { kind: "enrol".into() }, count: 1 }];
    assert_eq!(phone.open().member().state(), MemberState::NeedsEnrolment { cause: EnrolmentCause::KeyLost, lost });
}
