//! Files with receipts in them.

use std::path::Path;
use std::sync::Arc;

use noren_core::platform::SystemEntropy;
use noren_core::purchases::{CACHE_DB, HistoryStore, SyncReport};
use noren_core::storage::{Database, Sealer};
use zeroize::Zeroizing;

use crate::data::History;
use crate::report::{Outcome, check, say};

/// The history in `directory`; encrypted if this build encrypts whole files.
pub(crate) fn open(directory: &Path) -> (Arc<Database>, HistoryStore) {
    let sealer = Sealer::new(Zeroizing::new([7; 32]), Arc::new(SystemEntropy));
    let database = Arc::new(Database::encrypted(directory, CACHE_DB, &sealer));
    (database.clone(), HistoryStore::new(database))
}

/// The history in `directory`, filled with the receipts of `history` unless they are there.
pub(crate) fn filled(directory: &Path, history: &History) -> Outcome<(Arc<Database>, HistoryStore)> {
    std::fs::create_dir_all(directory)?;
    let (database, store) = open(directory);
    if store.count()? == 0 {
        say(&format!("noren-bench: {} receipts go into {}", history.count(), directory.display()));
        let mut report = SyncReport::default();
        for page in history.pages() {
            store.take_in(&page?, &mut report)?;
        }
        // As the app leaves it when it goes to the background.
        database.pause()?;
        database.resume();
    }
    let count = store.count()?;
    check(count == history.count() as u64, || format!("{} holds {count} receipts, not {}", directory.display(), history.count()))?;
    Ok((database, store))
}
