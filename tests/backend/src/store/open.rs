//! Opening, migrating, scrubbing and closing the database file.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::settings::Durability;

/// One entry a released schema; the place in the list is the version it leads from.
const MIGRATIONS: &[&str] =
    &[include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql"), include_str!("schema_4.sql")];

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is of a later version of the backend.
    #[error("the database is of schema {found}, this backend reads up to {known}: start the newer backend, or another data directory")]
    Newer {
        /// What the file says.
        found: i64,
        /// What this version knows.
        known: i64,
    },
    /// SQLite could not open, read or change it.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The directory or a thread cannot be made.
    #[error("the data directory cannot be used: {0}")]
    Directory(#[source] std::io::Error),
}

/// Pages in the write-ahead log before they are put into the file: 32 MiB. Fewer would let the writer wait for the disk several times a second.
const LOG_PAGES: u32 = 8_192;

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    Writer(Durability),
    Reader,
}

/// The newest schema that this version knows.
pub(super) fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

pub(crate) fn open(path: &Path, mode: Mode) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match mode {
            Mode::Writer(_) => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Mode::Reader => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(128);
    // A statement is planned once, whatever is bound to it: this build (STAT4) would plan most of them anew at each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // secure_delete: what an erasure deletes is overwritten at once, not when its page is used again.
    connection.execute_batch("PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;")?;
    let cache_kib = match mode {
        // Each order and each key lands on another page.
        Mode::Writer(_) => 65_536,
        Mode::Reader => 16_384,
    };
    connection.execute_batch(&format!("PRAGMA cache_size=-{cache_kib};"))?;
    if let Mode::Writer(durability) = mode {
        let synchronous = match durability {
            Durability::Full => "FULL",
            Durability::None => "OFF",
        };
        connection.execute_batch(&format!(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA secure_delete=ON; PRAGMA wal_autocheckpoint={LOG_PAGES};
             PRAGMA journal_size_limit={};",
            LOG_PAGES * 4_096
        ))?;
    }
    Ok(connection)
}

/// Brings the file to the current schema, each step in a transaction of its own. A newer file is left as it is.
pub(crate) fn migrate(connection: &Connection, epoch: &str, now_ms: i64) -> Result<(), OpenError> {
    loop {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let step = next_step(connection, epoch, now_ms);
        connection.execute_batch(if step.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        if !step? {
            return Ok(());
        }
    }
}

/// True when a step was made and there may be another.
fn next_step(connection: &Connection, epoch: &str, now_ms: i64) -> Result<bool, OpenError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known_version() || found < 0 {
        return Err(OpenError::Newer { found, known: known_version() });
    }
    let Some(step) = usize::try_from(found).ok().and_then(|at| MIGRATIONS.get(at)) else {
        return Ok(false);
    };
    connection.execute_batch(step)?;
    connection.execute_batch(&format!("PRAGMA user_version={}", found + 1))?;
    let epoch_known: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |row| row.get(0)).optional()?;
    if epoch_known.is_none() {
        connection.execute("INSERT INTO meta (name, value) VALUES ('epoch', ?1), ('lists_sequence', '1')", params![epoch])?;
    }
    tracing::info!(schema = found + 1, now_ms, "database migrated");
    Ok(true)
}

/// Notes, in the transaction of an erasure, that a scrub must follow, also after a crash.
pub(crate) fn request_scrub(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('scrub', 'due')", []).map(drop)
}

/// Where one is due: VACUUM writes every live row into fresh pages, the checkpoint puts them into the file and empties the log.
pub(crate) fn scrub(connection: &Connection) -> rusqlite::Result<()> {
    let exists = |sql: &str| Ok::<_, rusqlite::Error>(connection.query_row(sql, [], |_| Ok(())).optional()?.is_some());
    if exists("SELECT 1 FROM meta WHERE name = 'scrub'")? {
        // An operator's ANALYZE leaves samples of the keys there, member ids among them.
        if exists("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4'")? {
            connection.execute_batch("DELETE FROM sqlite_stat4")?;
        }
        connection.execute_batch("VACUUM")?;
        checkpoint(connection)?;
        // Last: a checkpoint that failed is tried again with the next attempt. Only this table's page goes to the log after it.
        connection.execute("DELETE FROM meta WHERE name = 'scrub'", [])?;
    }
    Ok(())
}

fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    // A reader in its snapshot makes SQLite wait (busy_timeout); readers are short.
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("the write-ahead log is in use".to_owned()),
        ));
    }
    Ok(())
}

pub(crate) fn close(connection: Connection) {
    // No PRAGMA optimize: this build's ANALYZE (STAT4) would copy keys into a table of samples, which an erasure would have to find.
    if let Err(error) = checkpoint(&connection) {
        tracing::warn!(%error, "the write-ahead log stays until the next start");
    }
    let _ = connection.close();
}
