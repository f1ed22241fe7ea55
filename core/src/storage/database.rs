//! One SQLite file: one writer, two readers, opened at first use, closed by `pause()`.
//!
//! A transaction runs to its end on the thread that asked for it: dropping a future in the middle of a verb can therefore never leave one
//! half done. Readers are read-only connections of their own and do not wait for the writer (WAL).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::cipher::FileKey;
use super::migrate::migrate;
use super::{Sealer, StorageError, files};

/// What happens to a damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCorruption {
    /// It is deleted and made anew: everything in it can be pulled again.
    Drop,
    /// It is renamed to `*.corrupt-N` and reported.
    SetAside,
}

/// What kind of database a file is.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseSpec {
    /// Name of the file.
    pub file: &'static str,
    /// The migrations, see [`super::migrate`].
    pub steps: &'static [&'static str],
    /// True for `synchronous=FULL`: a commit survives a power loss.
    pub durable: bool,
    /// What happens when it is damaged.
    pub on_corruption: OnCorruption,
}

/// What `PRAGMA auto_vacuum` answers for INCREMENTAL.
const INCREMENTAL: u32 = 2;

const OPEN: u8 = 0;
const PAUSED: u8 = 1;
const CLOSED: u8 = 2;

/// A database file.
pub struct Database {
    spec: DatabaseSpec,
    path: PathBuf,
    key: Option<FileKey>,
    state: AtomicU8,
    writer: Mutex<Option<Connection>>,
    readers: [Mutex<Option<Connection>>; 2],
    damage: Mutex<Vec<String>>,
    commits: AtomicU64,
}

impl Database {
    /// A database in `directory`. Nothing is opened yet.
    #[must_use]
    pub fn new(directory: &Path, spec: DatabaseSpec) -> Self {
        Self {
            spec,
            path: directory.join(spec.file),
            key: None,
            state: AtomicU8::new(OPEN),
            writer: Mutex::new(None),
            readers: [Mutex::new(None), Mutex::new(None)],
            damage: Mutex::new(Vec::new()),
            commits: AtomicU64::new(0),
        }
    }

    /// A database that is encrypted as a whole, under a key of its own derived from the sealer's, in a build with the feature `sqlcipher`
    /// ([`super::WHOLE_FILE_ENCRYPTION`]); without that feature as [`Database::new`]. A plain file that such a build finds is damaged to it.
    #[must_use]
    pub fn encrypted(directory: &Path, spec: DatabaseSpec, sealer: &Sealer) -> Self {
        Self { key: FileKey::new(sealer, spec.file), ..Self::new(directory, spec) }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was found damaged since the app was started, in words for the log.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        lock(&self.damage).clone()
    }

    /// Grows with every commit, after it: what was read when it stood where it stands now has not been changed since.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Opens and migrates the file if that has not been done.
    ///
    /// # Errors
    /// As for [`Database::write`].
    pub fn ensure_open(&self) -> Result<(), StorageError> {
        self.writer().map(drop)
    }

    /// Runs `job` in a transaction of the writer; commits when it answers `Ok`, changes nothing when it answers `Err`.
    ///
    /// # Errors
    /// What `job` answers; `Paused`, `NewerFile`, `DiskFull`, `Damaged` (then try again) or `Io`.
    pub fn write<T>(&self, job: impl FnOnce(&Transaction<'_>) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let mut writer = self.writer()?;
        let connection = writer.as_mut().ok_or(StorageError::Paused)?;
        let result = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = job(&transaction)?;
            transaction.commit()?;
            self.commits.fetch_add(1, Ordering::SeqCst);
            Ok(value)
        })();
        result.map_err(|error| self.after(error, writer))
    }

    /// Runs `job` on a read-only connection, within one snapshot: all that it reads is of the same moment.
    ///
    /// # Errors
    /// As for [`Database::write`].
    pub fn read<T>(&self, job: impl FnOnce(&Connection) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let mut slot = self.reader_slot();
        if slot.is_none() || self.state.load(Ordering::SeqCst) != OPEN {
            // The writer makes and migrates the file; a reader alone could do neither.
            drop(slot);
            self.ensure_open()?;
            slot = self.reader_slot();
        }
        if slot.is_none() {
            *slot = Some(self.open_reader()?);
        }
        let connection = slot.as_ref().ok_or(StorageError::Paused)?;
        let snapshot = Snapshot::begin(connection)?;
        let result = job(connection);
        drop(snapshot);
        match result {
            Err(error @ StorageError::Damaged { .. }) => {
                drop(slot);
                Err(self.after(error, lock(&self.writer)))
            }
            other => other,
        }
    }

    /// Waits for what is running, folds the WAL into the file and closes all connections: no lock is held afterwards. Calls answer
    /// `Paused` until [`Database::resume`].
    ///
    /// # Errors
    /// `Io` when the WAL could not be folded in; the connections are closed all the same.
    pub fn pause(&self) -> Result<(), StorageError> {
        let _ = self.state.compare_exchange(OPEN, PAUSED, Ordering::SeqCst, Ordering::SeqCst);
        self.disconnect()
    }

    /// Allows use again; the file is opened at the next use.
    pub fn resume(&self) {
        let _ = self.state.compare_exchange(PAUSED, OPEN, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Closes for good; calls answer `Closed`. For files that are about to be deleted.
    pub fn close(&self) {
        self.state.store(CLOSED, Ordering::SeqCst);
        let _ = self.disconnect();
    }

    fn disconnect(&self) -> Result<(), StorageError> {
        let mut writer = lock(&self.writer);
        for reader in &self.readers {
            *lock(reader) = None;
        }
        let Some(connection) = writer.take() else { return Ok(()) };
        let _ = connection.execute_batch("PRAGMA optimize");
        let checkpoint = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        drop(connection);
        checkpoint.map_err(StorageError::from)
    }

    fn writer(&self) -> Result<MutexGuard<'_, Option<Connection>>, StorageError> {
        let mut writer = lock(&self.writer);
        match self.state.load(Ordering::SeqCst) {
            PAUSED => return Err(StorageError::Paused),
            CLOSED => return Err(StorageError::Closed),
            _ => {}
        }
        if writer.is_none() {
            let opened = self.open_writer();
            match opened {
                Ok(connection) => *writer = Some(connection),
                Err(StorageError::Damaged { .. }) => {
                    self.repair()?;
                    *writer = Some(self.open_writer().map_err(|error| self.named(error))?);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(writer)
    }

    fn open_writer(&self) -> Result<Connection, StorageError> {
        let mut connection = Connection::open(&self.path)?;
        self.unlock(&connection)?;
        configure(&connection, self.spec.durable)?;
        if self.spec.on_corruption == OnCorruption::SetAside {
            // Small files that must not lie: look through them once at each start.
            let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if sound != "ok" {
                return Err(StorageError::Damaged { file: self.spec.file.into() });
            }
        }
        migrate(&mut connection, self.spec.file, self.spec.steps)?;
        Ok(connection)
    }

    fn open_reader(&self) -> Result<Connection, StorageError> {
        if self.state.load(Ordering::SeqCst) != OPEN {
            return Err(StorageError::Paused);
        }
        let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        self.unlock(&connection)?;
        connection.execute_batch(
            "PRAGMA busy_timeout=5000; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-4096; PRAGMA query_only=ON;",
        )?;
        plan_once(&connection)?;
        Ok(connection)
    }

    /// Before anything else is read.
    fn unlock(&self, connection: &Connection) -> Result<(), StorageError> {
        self.key.as_ref().map_or(Ok(()), |key| key.unlock(connection))
    }

    fn reader_slot(&self) -> MutexGuard<'_, Option<Connection>> {
        for reader in &self.readers {
            match reader.try_lock() {
                Ok(slot) => return slot,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let [first, _] = &self.readers;
        lock(first)
    }

    /// After an error: a damaged file is dealt with at once, so that the next call finds a good one.
    fn after(&self, error: StorageError, mut writer: MutexGuard<'_, Option<Connection>>) -> StorageError {
        if !matches!(error, StorageError::Damaged { .. }) {
            return error;
        }
        *writer = None;
        match self.repair() {
            Ok(()) => self.named(error),
            Err(failed) => failed,
        }
    }

    fn repair(&self) -> Result<(), StorageError> {
        for reader in &self.readers {
            *lock(reader) = None;
        }
        let what = match self.spec.on_corruption {
            OnCorruption::Drop => {
                for file in files::with_companions(&self.path) {
                    files::remove(&file)?;
                }
                format!("{} was damaged: dropped, to be pulled again", self.spec.file)
            }
            OnCorruption::SetAside => {
                let aside = files::set_aside(&self.path)?;
                let name = aside.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                format!("{} was damaged: set aside as {name}", self.spec.file)
            }
        };
        self.commits.fetch_add(1, Ordering::SeqCst);
        tracing::warn!("{what}");
        lock(&self.damage).push(what);
        Ok(())
    }

    fn named(&self, error: StorageError) -> StorageError {
        match error {
            StorageError::Damaged { .. } => StorageError::Damaged { file: self.spec.file.into() },
            other => other,
        }
    }
}

/// A read transaction, which ends with it. Without one every statement would lock the file anew: for a search that is a hundred times.
struct Snapshot<'a>(&'a Connection);

impl<'a> Snapshot<'a> {
    fn begin(connection: &'a Connection) -> Result<Self, StorageError> {
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(connection))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // Nothing was written. After an error SQLite may have ended it by itself.
        let _ = self.0.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("file", &self.spec.file).finish_non_exhaustive()
    }
}

fn configure(connection: &Connection, durable: bool) -> Result<(), StorageError> {
    connection.execute_batch("PRAGMA busy_timeout=5000")?;
    // auto_vacuum only takes effect before the first table. Setting it writes, and waits for the disk, also where it is set already.
    let auto_vacuum: u32 = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))?;
    if auto_vacuum != INCREMENTAL {
        connection.execute_batch("PRAGMA auto_vacuum=INCREMENTAL")?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StorageError::other("the file system does not allow a write-ahead log"));
    }
    let synchronous = if durable { "FULL" } else { "NORMAL" };
    connection.execute_batch(&format!(
        "PRAGMA synchronous={synchronous}; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;
         PRAGMA cache_size=-4096; PRAGMA journal_size_limit=4194304;"
    ))?;
    plan_once(connection)
}

/// Statements are planned once and kept. Otherwise SQLite plans one with `LIMIT ?` anew at each use, since what is bound might matter, and one
/// use in four would be planning.
fn plan_once(connection: &Connection) -> Result<(), StorageError> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: DatabaseSpec =
        DatabaseSpec { file: "x.db", steps: &["CREATE TABLE a(x INTEGER) STRICT;"], durable: true, on_corruption: OnCorruption::SetAside };

    fn insert(db: &Database) -> Result<(), StorageError> {
        db.write(|tx| Ok(tx.execute("INSERT INTO a VALUES (1)", []).map(drop)?))
    }

    fn count(db: &Database) -> Result<i64, StorageError> {
        db.read(|c| Ok(c.query_row("SELECT count(*) FROM a", [], |r| r.get(0))?))
    }

    #[test]
    fn pause_refuses_resume_allows() {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::new(directory.path(), SPEC);
        insert(&db).unwrap();
        assert_eq!(count(&db).unwrap(), 1);
        db.pause().unwrap();
        assert_eq!(insert(&db), Err(StorageError::Paused));
        assert_eq!(count(&db), Err(StorageError::Paused));
        let wal = files::with_suffix(db.path(), "-wal");
        assert!(!wal.exists() || std::fs::metadata(&wal).unwrap().len() == 0);
        db.resume();
        assert_eq!(count(&db).unwrap(), 1);
        db.close();
        db.resume();
        assert_eq!(count(&db), Err(StorageError::Closed));
    }

    #[test]
    fn an_error_in_the_job_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::new(directory.path(), SPEC);
        let failed: Result<(), _> = db.write(|tx| {
            tx.execute("INSERT INTO a VALUES (1)", [])?;
            Err(StorageError::NoEntropy)
        });
        assert_eq!(failed, Err(StorageError::NoEntropy));
        assert_eq!(count(&db).unwrap(), 0);
    }

    #[test]
    fn a_damaged_file_is_set_aside_or_dropped() {
        for on_corruption in [OnCorruption::SetAside, OnCorruption::Drop] {
            let directory = tempfile::tempdir().unwrap();
            let spec = DatabaseSpec { on_corruption, ..SPEC };
            let db = Database::new(directory.path(), spec);
            insert(&db).unwrap();
            db.pause().unwrap();
            std::fs::write(db.path(), vec![0x55; 8192]).unwrap();
            db.resume();
            assert_eq!(count(&db).unwrap(), 0);
            assert_eq!(db.damage().len(), 1);
            let aside = directory.path().join("x.db.corrupt-1").exists();
            assert_eq!(aside, on_corruption == OnCorruption::SetAside);
        }
    }

    #[test]
    fn opening_a_file_writes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::new(directory.path(), SPEC);
        insert(&db).unwrap();
        let mode: u32 = db.read(|c| Ok(c.query_row("PRAGMA auto_vacuum", [], |r| r.get(0))?)).unwrap();
        assert_eq!(mode, INCREMENTAL);
        db.pause().unwrap();
        db.resume();
        assert_eq!(count(&db).unwrap(), 1);
        let wal = std::fs::metadata(files::with_suffix(db.path(), "-wal")).map(|file| file.len()).unwrap_or_default();
        assert_eq!(wal, 0);
    }

    #[test]
    fn readers_do_not_wait_for_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::new(directory.path(), SPEC);
        insert(&db).unwrap();
        let inner = db.read(|_| count(&db)).unwrap();
        assert_eq!(inner, 1);
    }

    #[test]
    fn a_newer_file_is_refused_and_untouched() {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::new(directory.path(), DatabaseSpec { steps: &["CREATE TABLE a(x INTEGER) STRICT;", "SELECT 1;"], ..SPEC });
        insert(&db).unwrap();
        db.pause().unwrap();
        let old = Database::new(directory.path(), SPEC);
        assert_eq!(insert(&old), Err(StorageError::NewerFile { file: "x.db".into(), found: 2, supported: 1 }));
    }
}
