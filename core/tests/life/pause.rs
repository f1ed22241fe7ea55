use super::support::*;
use noren_core::member::{MemberError, Submission, Symbology};
use noren_core::outbox::{IntentState, OutboxError};
use noren_core::platform::{Change, ChangeObserver, PlatformError};
use noren_core::purchases::PurchasesError;
use noren_core::storage::StorageError;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn between_pause_and_resume_calls_say_so_and_the_card_shows() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    noren.purchases().refresh().await.unwrap();
    noren.pause().unwrap();
    for name in ["outbox.db-wal", "cache.db-wal", "outbox.db-shm"] {
        assert!(std::fs::metadata(phone.files().join(name)).map_or(true, |m| m.len() == 0), "{name}");
    }
    let paused = StorageError::Paused;
    assert_eq!(noren.purchases().page(None, 5), Err(PurchasesError::Storage { error: paused.clone() }));
    assert_eq!(noren.purchases().refresh().await, Err(PurchasesError::Storage { error: paused.clone() }));
    assert_eq!(noren.outbox().waiting(), Err(OutboxError::Storage { error: paused.clone() }));
    assert_eq!(noren.member().refresh().await, Err(MemberError::Storage { error: paused }));
    noren.member().card(Symbology::Qr).unwrap();
    noren.resume();
    noren.purchases().refresh().await.unwrap();
}

#[tokio::test]
async fn an_intent_that_was_on_its_way_at_pause_goes_again_under_its_key() {
    let phone = Phone::new();
    let noren = phone.enrolled().await;
    noren.member().refresh().await.unwrap();
    let claiming = {
        let purchases = noren.purchases();
        tokio::spawn(async move { purchases.claim("A").await })
    };
    // Until the request has left.
    while !phone.server.world.lock().unwrap().seen.iter().any(|(_, path)| path.contains("claims")) {
        let on_its_way = noren.outbox().waiting().is_ok_and(|waiting| waiting.iter().any(|view| view.state == IntentState::Sending));
        if on_its_way {
            noren.pause().unwrap();
        }
        tokio::task::yield_now().await;
    }
    let _ = claiming.await.unwrap();
    noren.resume();
    phone.clock.pass(60_000);
    noren.outbox().send_due().await.unwrap();
    assert!(noren.outbox().waiting().unwrap().is_empty());
    assert_eq!(phone.server.effects(noren_rules::wire::paths::CLAIMS), 1);
}

#[derive(Default)]
struct Notes(Mutex<Vec<Change>>);

impl ChangeObserver for Notes {
    fn changed(&self, what: Change) -> Result<(), PlatformError> {
        self.0.lock().unwrap().push(what);
        Err(PlatformError::Failed { reason: "an observer's failure does no harm".into() })
    }
}

#[tokio::test]
async fn observers_are_told_until_their_handle_goes() {
    let phone = Phone::new();
    let noren = phone.open();
    let notes = Arc::new(Notes::default());
    let handle = noren.observe(notes.clone());
    noren.member().enrol(None).await.unwrap();
    phone.server.world.lock().unwrap().receipts = vec![receipt(1, START_MS, &["x"])];
    noren.purchases().refresh().await.unwrap();
    let told = notes.0.lock().unwrap().clone();
    for what in [Change::Member, Change::Outbox, Change::Purchases] {
        assert!(told.contains(&what), "{told:?}");
    }
    drop(handle);
    assert_eq!(noren.purchases().claim("A").await, Ok(Submission::Done));
    assert_eq!(notes.0.lock().unwrap().len(), told.len());
}
