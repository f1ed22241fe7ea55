use super::support::*;
use noren_core::OpenError;
use noren_core::member::{EnrolmentCause, MemberState, Symbology};
use noren_core::storage::StorageError;

fn overwrite(phone: &Phone, name: &str) {
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(phone.files().join(format!("{name}{suffix}")));
    }
    std::fs::write(phone.files().join(name), vec![0xA5; 20_000]).unwrap();
}

#[tokio::test]
async fn a_damaged_cache_is_dropped_said_and_pulled_again() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    phone.server.world.lock().unwrap().receipts = (0..4).map(|n| receipt(n, START_MS, &["x"])).collect();
    noren.purchases().refresh().await.unwrap();
    drop(noren);
    overwrite(&phone, "cache.db");
    let noren = phone.open();
    let page = noren.purchases().page(None, 5).unwrap();
    assert_eq!((page.receipts.len(), page.freshness.complete), (0, false));
    assert!(noren.diagnostics().notices.iter().any(|notice| notice.contains("cache.db")));
    assert_eq!(noren.purchases().refresh().await.unwrap().new_receipts, 4);
}

#[tokio::test]
async fn a_damaged_outbox_is_set_aside_and_said() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    phone.offline(true);
    noren.purchases().claim("A").await.unwrap();
    drop(noren);
    overwrite(&phone, "outbox.db");
    let noren = phone.open();
    assert!(matches!(noren.member().state(), MemberState::Enrolled { .. }));
    assert!(noren.outbox().waiting().unwrap().is_empty());
    let diagnostics = noren.diagnostics();
    assert_eq!(diagnostics.set_aside, ["outbox.db.corrupt-1"]);
    phone.offline(false);
    noren.member().refresh().await.unwrap();
}

#[tokio::test]
async fn a_missing_or_empty_outbox_is_not_taken_for_a_first_start() {
    for empty in [true, false] {
        let phone = Phone::new();
        drop(phone.enrolled().await);
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(phone.files().join(format!("outbox.db{suffix}")));
        }
        if empty {
            std::fs::write(phone.files().join("outbox.db"), b"").unwrap();
        }
        assert_eq!(phone.open().diagnostics().set_aside, ["outbox.db.corrupt-1"]);
        assert_eq!(phone.open().diagnostics().set_aside, ["outbox.db.corrupt-1"], "said once");
    }
}

#[tokio::test]
async fn a_damaged_card_is_set_aside_and_comes_back_with_one_contact() {
    let phone = Phone::new();
    drop(phone.enrolled().await);
    let path = phone.files().join("card.sealed");
    let good = std::fs::read(&path).unwrap();
    for n in [0, 5, 9, 40, good.len() - 1] {
        let mut bad = good.clone();
        bad[n] ^= 1;
        let newer = n == 8;
        std::fs::write(&path, &bad).unwrap();
        phone.offline(true);
        let noren = phone.open();
        assert!(!newer);
        let MemberState::NeedsEnrolment { cause: EnrolmentCause::CardDamaged, lost } = noren.member().state() else { panic!("{n}") };
        assert_eq!(lost.len(), 1);
        phone.offline(false);
        assert!(noren.member().renew_if_due().await.unwrap(), "{n}");
        noren.member().card(Symbology::Qr).unwrap();
    }
    assert!(phone.files().join("card.sealed.corrupt-5").exists());
}

#[tokio::test]
async fn files_of_a_newer_version_are_refused_and_untouched() {
    for name in ["outbox.db", "cache.db", "card.sealed"] {
        if name == "cache.db" && noren_core::storage::WHOLE_FILE_ENCRYPTION {
            // Its version shows when it is opened with its key, at first use.
            continue;
        }
        let phone = Phone::new();
        let noren = phone.enrolled().await;
        noren.purchases().refresh().await.unwrap();
        noren.pause().unwrap();
        drop(noren);
        let path = phone.files().join(name);
        if name == "card.sealed" {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[8] = 2;
            std::fs::write(&path, bytes).unwrap();
        } else {
            rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        }
        let before = bytes_below(&phone.files());
        assert!(matches!(phone.try_open(), Err(OpenError::NewerFile { file, .. }) if file == name), "{name}");
        assert_eq!(bytes_below(&phone.files()), before);
    }
}

#[tokio::test]
async fn flipped_bits_in_the_databases_never_panic_and_the_card_always_shows() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    phone.server.world.lock().unwrap().receipts = (0..40).map(|n| receipt(n, START_MS, &["牛乳", "x"])).collect();
    noren.purchases().refresh().await.unwrap();
    noren.pause().unwrap();
    drop(noren);
    let originals: Vec<_> = ["outbox.db", "cache.db"].map(|name| (name, std::fs::read(phone.files().join(name)).unwrap())).into();
    phone.offline(true);
    for round in 0..60usize {
        for (name, bytes) in &originals {
            let mut bytes = bytes.clone();
            let at = (round * 7_919 + round * round * 31) % bytes.len();
            bytes[at] ^= 1 << (round % 8);
            for suffix in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(phone.files().join(format!("{name}{suffix}")));
            }
            std::fs::write(phone.files().join(name), bytes).unwrap();
        }
        // A flipped bit in a version number reads as a newer file: refused, not a panic.
        let Ok(noren) = phone.try_open() else { continue };
        noren.member().card(Symbology::Qr).unwrap();
        for _ in 0..2 {
            let _ = noren.purchases().page(None, 50);
            let _ = noren.purchases().search("牛乳", 50);
            let _ = noren.purchases().export_json();
            let _ = noren.outbox().waiting();
            let _ = noren.outbox().send_due().await;
        }
    }
    for (path, _) in bytes_below(&phone.files()) {
        let _ = std::fs::remove_file(path);
    }
}

#[test]
fn errors_say_what_to_do_next() {
    for error in [StorageError::Paused, StorageError::DiskFull, StorageError::Damaged { file: "cache.db".into() }] {
        assert!(error.to_string().contains(':'), "{error}");
    }
}
