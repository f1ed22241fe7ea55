//! The database: one writer and a few readers, each a connection on its own thread, so that nothing waits for a disk on an async thread.
//!
//! Writes that wait together share one commit: each runs in a savepoint of its own, and is answered after the disk has it.

mod open;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use open::Mode;
pub use open::OpenError;
#[cfg(test)]
pub(crate) use open::migrate;
pub(crate) use open::request_scrub;

use crate::fault::Fault;
use crate::settings::Durability;

/// File of the database in the data directory.
pub(crate) const DATABASE: &str = "backend.sqlite";
const READERS: usize = 2;
/// Writes that share one commit at most: what waits while the disk is busy goes with the next.
const GROUP: usize = 256;

/// SQLite's integers are signed; what counts up from zero fits.
pub(crate) fn to_int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Back again; what is below zero was never written.
pub(crate) fn to_uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A value as it is stored in a column of JSON.
pub(crate) fn to_json<T: serde::Serialize>(value: &T, what: &'static str) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|_| Fault::Stored(what))
}

/// Back again.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|_| Fault::Stored(what))
}

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// One write: it runs inside the group's transaction, and hears after the commit whether it holds.
struct WriteJob {
    run: Box<dyn FnOnce(&Connection) -> bool + Send>,
    settle: Box<dyn FnOnce(bool) + Send>,
}

enum WriterJob {
    Write(WriteJob),
    /// Rewrites the file so that nothing of what was deleted is left in it.
    Scrub(oneshot::Sender<Result<(), Fault>>),
    Stop,
}

/// The open database.
pub(crate) struct Store {
    writer: Sender<WriterJob>,
    readers: Vec<Sender<Option<ReadJob>>>,
    next_reader: AtomicUsize,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens or makes the database in `directory` and brings it to the current schema.
    pub(crate) fn open(directory: &Path, durability: Durability, epoch: &str, now_ms: i64) -> Result<Self, OpenError> {
        let path = directory.join(DATABASE);
        let connection = open::open(&path, Mode::Writer(durability))?;
        open::migrate(&connection, epoch, now_ms)?;
        open::scrub(&connection)?;
        let (writer, jobs) = channel();
        let mut threads = vec![spawn("noren-writer", move || write_until_stopped(connection, &jobs))?];
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let connection = open::open(&path, Mode::Reader)?;
            let (reader, jobs) = channel();
            threads.push(spawn("noren-reader", move || read_until_stopped(&connection, &jobs))?);
            readers.push(reader);
        }
        Ok(Self { writer, readers, next_reader: AtomicUsize::new(0), threads: std::sync::Mutex::new(threads) })
    }

    /// Runs `job` in a read transaction of its own.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, answered) = oneshot::channel();
        let at = self.next_reader.fetch_add(1, Ordering::Relaxed) % self.readers.len().max(1);
        let reader = self.readers.get(at).ok_or(Fault::Closed)?;
        let job: ReadJob = Box::new(move |connection| {
            // The caller may have gone away; then nobody wants the answer.
            let _ = answer.send(in_snapshot(connection, job));
        });
        reader.send(Some(job)).map_err(|_| Fault::Closed)?;
        answered.await.map_err(|_| Fault::Closed)?
    }

    /// Runs `job` in a transaction; what it wrote holds if and only if it answered `Ok` and this returns `Ok`.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, answered) = oneshot::channel();
        let result = std::sync::Arc::new(std::sync::Mutex::new(None));
        let slot = std::sync::Arc::clone(&result);
        let run = Box::new(move |connection: &Connection| {
            let outcome = guarded(|| job(connection));
            let holds = outcome.is_ok();
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(outcome);
            }
            holds
        });
        let settle = Box::new(move |committed: bool| {
            let outcome = result.lock().ok().and_then(|mut slot| slot.take()).unwrap_or(Err(Fault::Closed));
            let _ = answer.send(if committed || outcome.is_err() { outcome } else { Err(Fault::NotCommitted) });
        });
        self.writer.send(WriterJob::Write(WriteJob { run, settle })).map_err(|_| Fault::Closed)?;
        answered.await.map_err(|_| Fault::Closed)?
    }

    /// Leaves nothing of deleted rows in any file: rewrites the database and empties the write-ahead log.
    pub(crate) async fn scrub(&self) -> Result<(), Fault> {
        let (answer, answered) = oneshot::channel();
        self.writer.send(WriterJob::Scrub(answer)).map_err(|_| Fault::Closed)?;
        answered.await.map_err(|_| Fault::Closed)?
    }

    /// Finishes what was sent before, checkpoints and closes. Calls after it answer [`Fault::Closed`].
    pub(crate) fn close(&self) {
        for reader in &self.readers {
            let _ = reader.send(None);
        }
        let _ = self.writer.send(WriterJob::Stop);
        let threads = self.threads.lock().map(|mut threads| std::mem::take(&mut *threads)).unwrap_or_default();
        for thread in threads {
            // The last job may hold the last reference: a thread cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(OpenError::Directory)
}

/// A panic in one job is that job's failure and nobody else's.
fn guarded<T>(job: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or(Err(Fault::Panicked))
}

fn in_snapshot<T>(connection: &Connection, job: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
    execute(connection, "BEGIN")?;
    let answer = guarded(|| job(connection));
    execute(connection, "ROLLBACK")?;
    answer
}

fn read_until_stopped(connection: &Connection, jobs: &Receiver<Option<ReadJob>>) {
    while let Ok(Some(job)) = jobs.recv() {
        job(connection);
    }
}

fn write_until_stopped(connection: Connection, jobs: &Receiver<WriterJob>) {
    let mut next = jobs.recv().ok();
    while let Some(job) = next.take() {
        match job {
            WriterJob::Stop => break,
            WriterJob::Scrub(answer) => {
                let _ = answer.send(open::scrub(&connection).map_err(Fault::from));
                next = jobs.recv().ok();
            }
            WriterJob::Write(first) => next = commit_together(&connection, first, jobs).or_else(|| jobs.recv().ok()),
        }
    }
    open::close(connection);
}

/// Runs `first` and whatever waits behind it in one transaction; answers a job that is no write and must come after.
fn commit_together(connection: &Connection, first: WriteJob, jobs: &Receiver<WriterJob>) -> Option<WriterJob> {
    let began = execute(connection, "BEGIN IMMEDIATE").is_ok();
    let mut settles = Vec::new();
    let mut left = None;
    let mut job = Some(first);
    while let Some(WriteJob { run, settle }) = job.take() {
        let ran = began && in_savepoint(connection, run);
        settles.push((settle, ran));
        if settles.len() < GROUP {
            match jobs.try_recv() {
                Ok(WriterJob::Write(next)) => job = Some(next),
                Ok(other) => left = Some(other),
                Err(_) => {}
            }
        }
    }
    let committed = began && execute(connection, "COMMIT").is_ok();
    if began && !committed {
        tracing::error!("a commit failed; nothing of it holds");
        let _ = execute(connection, "ROLLBACK");
    }
    for (settle, ran) in settles {
        settle(committed && ran);
    }
    left
}

/// True when the job's writes stand in the open transaction.
fn in_savepoint(connection: &Connection, run: Box<dyn FnOnce(&Connection) -> bool + Send>) -> bool {
    if execute(connection, "SAVEPOINT job").is_err() {
        return false;
    }
    let holds = run(connection);
    if !holds && execute(connection, "ROLLBACK TO job").is_err() {
        return false;
    }
    execute(connection, "RELEASE job").is_ok() && holds
}

/// A statement that is the same for every write is compiled once.
fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), Durability::None, "life", 0).unwrap();
        (directory, store)
    }

    async fn add(store: &Store, name: &'static str) -> Result<(), Fault> {
        store.write(move |db| Ok(db.execute("INSERT INTO meta (name, value) VALUES (?1, '')", [name]).map(drop)?)).await
    }

    async fn names(store: &Store) -> Vec<String> {
        let read = store.read(|db| {
            let mut statement = db.prepare("SELECT name FROM meta WHERE value = '' ORDER BY name")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        });
        read.await.unwrap()
    }

    #[tokio::test]
    async fn a_job_that_fails_takes_only_itself_back() {
        let (_directory, store) = store();
        let failing = store.write(|db| -> Result<(), Fault> {
            db.execute("INSERT INTO meta (name, value) VALUES ('half', '')", [])?;
            Err(Fault::Stored("a test"))
        });
        let panicking = store.write(|db| -> Result<(), Fault> {
            db.execute("INSERT INTO meta (name, value) VALUES ('half too', '')", [])?;
            panic!("a test")
        });
        // All wait together and share commits as they come.
        let (one, failed, panicked, two) = tokio::join!(add(&store, "one"), failing, panicking, add(&store, "two"));
        assert!(one.is_ok() && two.is_ok());
        assert!(matches!(failed, Err(Fault::Stored(_))) && matches!(panicked, Err(Fault::Panicked)));
        assert_eq!(names(&store).await, ["one", "two"]);
    }

    #[tokio::test]
    async fn a_reader_cannot_write_and_a_closed_store_says_so() {
        let (_directory, store) = store();
        assert!(store.read(|db| Ok(db.execute("DELETE FROM meta", [])?)).await.is_err());
        store.close();
        assert!(matches!(add(&store, "late").await, Err(Fault::Closed)));
        assert_eq!(Fault::Closed.into_refusal().status, 503);
    }
}
