//! The replica: what the app knows. Collections pulled by cursor or ETag into local tables, each with its freshness.
//!
//! Rows and cursor of a page are committed together. A collection is complete only when a pull has come to its end; one that stopped in the
//! middle, or that has to start again, says so until then.

mod tables;

use std::sync::Arc;

use rusqlite::Connection;

pub use tables::{COLLECTIONS_V1, Pull};

use crate::storage::{Database, StorageError};

/// How fresh and how whole a collection is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Freshness {
    /// Nothing older than this is missing, in milliseconds since the Unix epoch; `None` before the first complete pull.
    pub as_of_ms: Option<i64>,
    /// True when the last pull came to its end. False: there is more on the server, or a gap; show what there is and say so.
    pub complete: bool,
    /// When the last pull was tried.
    pub last_attempt_ms: Option<i64>,
    /// Why the last pull failed, in words for the log; `None` when it did not.
    pub last_error: Option<String>,
}

/// The state of all collections in the cache's file.
#[derive(Clone, Debug)]
pub struct Collections {
    database: Arc<Database>,
}

impl Collections {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// How fresh a collection is.
    ///
    /// # Errors
    /// A storage error.
    pub fn freshness(&self, name: &str) -> Result<Freshness, StorageError> {
        self.database.read(|c| tables::freshness(c, name))
    }

    pub(crate) fn etag(&self, name: &str) -> Result<Option<String>, StorageError> {
        self.database.read(|c| Ok(tables::pull(c, name)?.etag))
    }

    pub(crate) fn pull(&self, name: &str) -> Result<Pull, StorageError> {
        self.database.read(|c| tables::pull(c, name))
    }

    pub(crate) fn attempt(&self, name: &str, now_ms: i64) -> Result<(), StorageError> {
        self.database.write(|tx| tables::attempt(tx, name, now_ms))
    }

    pub(crate) fn failed(&self, name: &str, error: &str) -> Result<(), StorageError> {
        self.database.write(|tx| tables::failed(tx, name, error))
    }

    /// An ETag collection was answered; without an ETag the old one stands (304).
    pub(crate) fn complete(&self, name: &str, etag: Option<&str>, as_of_ms: i64) -> Result<(), StorageError> {
        self.database.write(|tx| tables::complete(tx, name, etag, as_of_ms))
    }
}

pub(crate) fn freshness(connection: &Connection, name: &str) -> Result<Freshness, StorageError> {
    tables::freshness(connection, name)
}

pub(crate) use tables::{advance, complete, start_again};
