//! Guesses are counted: after so many failures their subject is locked for a while. Subjects are keyed hashes.

use noren_rules::wire::Reason;
use rusqlite::{Connection, OptionalExtension, params};

use crate::fault::{Fault, Refusal};
use crate::keys::{KeyRing, Purpose};

const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600_000;

/// How many failures are free, and how long the lock then holds. A pause as long as the lock forgets earlier failures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) failures: i64,
    pub(crate) lock_ms: i64,
}

/// What is guessed at, or who guesses.
pub(crate) struct Subject {
    hash: [u8; 32],
    rule: Rule,
}

impl Subject {
    pub(crate) fn new(keys: &KeyRing, rule: Rule, parts: &[&str]) -> Self {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        Self { hash: keys.mac(Purpose::Guard, &parts), rule }
    }

    /// Milliseconds until it is open again; `None` when it is.
    pub(crate) fn locked_for(&self, db: &Connection, now_ms: i64) -> Result<Option<i64>, Fault> {
        let until: Option<i64> = db
            .prepare_cached("SELECT locked_until_ms FROM guards WHERE subject = ?1")?
            .query_row([self.hash], |row| row.get(0))
            .optional()?;
        Ok(until.map(|until| until.saturating_sub(now_ms)).filter(|left| *left > 0))
    }

    /// Refuses while it is locked.
    pub(crate) fn check(&self, db: &Connection, now_ms: i64) -> Result<(), Fault> {
        match self.locked_for(db, now_ms)? {
            None => Ok(()),
            Some(left_ms) => {
                let seconds = left_ms.unsigned_abs().div_ceil(1000);
                let detail = "too many wrong attempts: try again after Retry-After seconds";
                Err(Refusal::new(Reason::TooManyAttempts, detail).retry_after(seconds).into())
            }
        }
    }

    /// Counts a failure, and locks when it was the last that is free.
    pub(crate) fn failed(&self, db: &Connection, now_ms: i64) -> Result<(), Fault> {
        db.prepare_cached("DELETE FROM guards WHERE last_at_ms < ?1")?.execute([now_ms.saturating_sub(FORGOTTEN_AFTER_MS)])?;
        let before: Option<(i64, i64)> = db
            .prepare_cached("SELECT failures, last_at_ms FROM guards WHERE subject = ?1")?
            .query_row([self.hash], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let recent = before.filter(|(_, last)| now_ms.saturating_sub(*last) < self.rule.lock_ms).map_or(0, |(failures, _)| failures);
        let failures = recent.saturating_add(1);
        let (failures, locked_until_ms) =
            if failures >= self.rule.failures { (0, now_ms.saturating_add(self.rule.lock_ms)) } else { (failures, 0) };
        db.prepare_cached("INSERT OR REPLACE INTO guards (subject, failures, last_at_ms, locked_until_ms) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.hash, failures, now_ms, locked_until_ms])?;
        Ok(())
    }

    /// A right answer forgets the failures before it. A lock that holds is not opened by it.
    pub(crate) fn succeeded(&self, db: &Connection, now_ms: i64) -> Result<(), Fault> {
        db.prepare_cached("DELETE FROM guards WHERE subject = ?1 AND locked_until_ms <= ?2")?.execute(params![self.hash, now_ms])?;
        Ok(())
    }
}
