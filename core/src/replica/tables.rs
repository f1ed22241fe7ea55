//! The table of collections.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::Freshness;
use crate::storage::StorageError;

/// Step 1 of `cache.db`. Never changed: a later version is a further step.
pub const COLLECTIONS_V1: &str = "
CREATE TABLE collections(
  name TEXT PRIMARY KEY,
  cursor TEXT,                  -- where the next page begins; NULL: at the beginning
  etag TEXT,
  as_of_ms INTEGER,             -- nothing older than this is missing
  complete INTEGER NOT NULL,    -- 1: the last pull came to its end
  generation INTEGER NOT NULL,  -- grows when the server has lost the cursor and the pull begins again
  last_attempt_ms INTEGER,
  last_error TEXT
) STRICT, WITHOUT ROWID;
";

/// Where a pull stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pull {
    /// Where the next page begins; `None` for the beginning.
    pub cursor: Option<String>,
    /// The last ETag.
    pub etag: Option<String>,
    /// Rows of an older generation go when the pull comes to its end.
    pub generation: i64,
}

pub(super) fn freshness(connection: &Connection, name: &str) -> Result<Freshness, StorageError> {
    let mut statement =
        connection.prepare_cached("SELECT as_of_ms, complete, last_attempt_ms, last_error FROM collections WHERE name = ?1")?;
    let found = statement.query_row([name], |row| {
        Ok(Freshness { as_of_ms: row.get(0)?, complete: row.get(1)?, last_attempt_ms: row.get(2)?, last_error: row.get(3)? })
    });
    Ok(found.optional()?.unwrap_or_default())
}

pub(super) fn pull(connection: &Connection, name: &str) -> Result<Pull, StorageError> {
    let mut statement = connection.prepare_cached("SELECT cursor, etag, generation FROM collections WHERE name = ?1")?;
    let found = statement.query_row([name], |row| Ok(Pull { cursor: row.get(0)?, etag: row.get(1)?, generation: row.get(2)? }));
    Ok(found.optional()?.unwrap_or_default())
}

fn ensure(tx: &Transaction<'_>, name: &str) -> Result<(), StorageError> {
    tx.prepare_cached("INSERT OR IGNORE INTO collections(name, complete, generation) VALUES (?1, 0, 0)")?.execute([name])?;
    Ok(())
}

pub(super) fn attempt(tx: &Transaction<'_>, name: &str, now_ms: i64) -> Result<(), StorageError> {
    ensure(tx, name)?;
    tx.execute("UPDATE collections SET last_attempt_ms = ?2, last_error = NULL WHERE name = ?1", params![name, now_ms])?;
    Ok(())
}

pub(super) fn failed(tx: &Transaction<'_>, name: &str, error: &str) -> Result<(), StorageError> {
    ensure(tx, name)?;
    tx.execute("UPDATE collections SET last_error = ?2 WHERE name = ?1", params![name, error])?;
    Ok(())
}

pub(crate) fn complete(tx: &Transaction<'_>, name: &str, etag: Option<&str>, as_of_ms: i64) -> Result<(), StorageError> {
    ensure(tx, name)?;
    tx.execute(
        "UPDATE collections SET etag = coalesce(?2, etag), as_of_ms = ?3, complete = 1, last_error = NULL WHERE name = ?1",
        params![name, etag, as_of_ms],
    )?;
    Ok(())
}

/// A page was taken in: the cursor moves in the transaction of its rows. Only the last page completes the collection.
pub(crate) fn advance(tx: &Transaction<'_>, name: &str, cursor: &str, has_more: bool, as_of_ms: i64) -> Result<(), StorageError> {
    ensure(tx, name)?;
    if has_more {
        tx.execute("UPDATE collections SET cursor = ?2, complete = 0 WHERE name = ?1", params![name, cursor])?;
    } else {
        tx.execute(
            "UPDATE collections SET cursor = ?2, complete = 1, as_of_ms = max(coalesce(as_of_ms, ?3), ?3), last_error = NULL WHERE name = ?1",
            params![name, cursor, as_of_ms],
        )?;
    }
    Ok(())
}

/// The server does not know the cursor any more: from the beginning, as a new generation. What is there stays readable, and incomplete.
pub(crate) fn start_again(tx: &Transaction<'_>, name: &str) -> Result<(), StorageError> {
    ensure(tx, name)?;
    tx.execute("UPDATE collections SET cursor = NULL, complete = 0, as_of_ms = NULL, generation = generation + 1 WHERE name = ?1", [name])?;
    Ok(())
}
