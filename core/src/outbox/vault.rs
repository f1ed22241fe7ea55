//! Small secrets of the core, sealed, in the outbox's file; and facts in plain text beside them.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction};
use zeroize::Zeroizing;

use crate::storage::seal::Place;
use crate::storage::{Database, Sealer, StorageError};

/// Sealed values by name, and plain facts that must be readable without the key (after the key was lost).
#[derive(Clone, Debug)]
pub struct Vault {
    database: Arc<Database>,
    sealer: Sealer,
}

fn place(name: &str) -> Place<'_> {
    Place { table: "secrets", column: "sealed", row: name }
}

impl Vault {
    /// A vault in the outbox's database.
    #[must_use]
    pub fn new(database: Arc<Database>, sealer: Sealer) -> Self {
        Self { database, sealer }
    }

    /// The secret of this name.
    ///
    /// # Errors
    /// A storage error; `Unsealable` when it was altered.
    pub fn load(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StorageError> {
        let sealed: Option<Vec<u8>> = self.database.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT sealed FROM secrets WHERE name = ?1")?;
            Ok(statement.query_row([name], |row| row.get(0)).optional()?)
        })?;
        sealed.map(|sealed| self.sealer.open(place(name), &sealed).map_err(StorageError::from)).transpose()
    }

    /// Keeps a secret, durably.
    ///
    /// # Errors
    /// A storage error; the old value is then untouched.
    pub fn save(&self, name: &str, secret: &[u8]) -> Result<(), StorageError> {
        self.database.write(|tx| self.put(tx, name, secret))
    }

    /// As [`Vault::save`], in a transaction of the outbox's file that does more than this.
    pub(crate) fn put(&self, tx: &Transaction<'_>, name: &str, secret: &[u8]) -> Result<(), StorageError> {
        let sealed = self.sealer.seal(place(name), secret)?;
        tx.execute(
            "INSERT INTO secrets(name, sealed) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET sealed = excluded.sealed",
            (name, sealed),
        )?;
        Ok(())
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// A storage error.
    pub fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.database.write(|tx| Ok(tx.execute("DELETE FROM secrets WHERE name = ?1", [name]).map(drop)?))
    }
}
