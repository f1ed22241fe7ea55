//! The verbs: keep an intent, send what is due, ask what became of one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::ids::IdempotencyKey;
use noren_rules::wire::{Problem, Reason, Resolution, ResolveRequest, paths};
use rusqlite::{Connection, Transaction};

use super::models::{IntentState, IntentView, Outcome, OutcomeSink, SendReport};
use super::policy::{self, Retry, Verdict};
use super::tables::{self, Intent, Wait};
use super::{OutboxError, Vault};
use crate::net::{Authorizer, BoxFuture, CallError, Client, join::join_all};
use crate::platform::{Entropy, random_uuid};
use crate::storage::{Database, Sealer, StorageError};
use crate::time::Anchor;

/// The server keeps keys for 60 days: an attempt whose fate is open for this long is asked for rather than repeated.
const ASK_AFTER_MS: i64 = 50 * 86_400_000;
const ANCHOR: &str = "clock-anchor";

/// What an outbox is made of.
#[derive(Clone)]
pub struct OutboxSettings {
    /// Its file; see [`super::OUTBOX_DB`].
    pub database: Arc<Database>,
    /// Seals bodies and outcomes.
    pub sealer: Sealer,
    /// Speaks to the backend.
    pub client: Client,
    /// Gives the calls their authorization.
    pub authorizer: Arc<dyn Authorizer>,
    /// Makes keys and jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Applies outcomes.
    pub sink: Arc<dyn OutcomeSink>,
}

/// Durable intents in lanes. See the [module](super).
pub struct Outbox {
    pub(super) settings: OutboxSettings,
    recovered: AtomicBool,
    gates: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    stored_anchor: Mutex<Option<Anchor>>,
}

enum Next {
    /// The lane goes on.
    GoOn,
    /// The lane waits.
    Wait,
}

impl Outbox {
    /// An outbox over its file, which is opened at first use.
    #[must_use]
    pub fn new(settings: OutboxSettings) -> Self {
        Self { settings, recovered: AtomicBool::new(false), gates: Mutex::new(HashMap::new()), stored_anchor: Mutex::new(None) }
    }

    /// The sealed secrets and plain facts kept beside the intents.
    #[must_use]
    pub fn vault(&self) -> Vault {
        Vault::new(self.settings.database.clone(), self.settings.sealer.clone())
    }

    /// Opens the file, puts what a crash left on its way back to be sent again, and applies outcomes that had not been applied. Every verb
    /// does this first; calling it early only chooses the moment.
    ///
    /// # Errors
    /// A storage error.
    pub fn start(&self) -> Result<(), StorageError> {
        if self.recovered.load(Ordering::SeqCst) {
            return Ok(());
        }
        // The stored anchor first: it may be the better clock.
        let stored = self.settings.database.read(|c| tables::fact(c, ANCHOR))?;
        if let Some(anchor) = stored.and_then(|text| serde_json::from_str::<Anchor>(&text).ok()) {
            self.settings.client.clock().adopt(anchor.clone());
            *lock(&self.stored_anchor) = Some(anchor);
        }
        let now_ms = self.now_ms();
        let open = self.settings.database.read(|c| Ok((tables::count_open(c)?, tables::unapplied(c)?.len())))?;
        if open != (0, 0) {
            self.settings.database.write(|tx| tables::recover(tx, now_ms))?;
        }
        self.recovered.store(true, Ordering::SeqCst);
        self.apply_outcomes()
    }

    /// Sends everything that is due, lane beside lane, and applies the outcomes. Dropping the future in the middle is safe: what was on its
    /// way goes again under its key.
    ///
    /// # Errors
    /// A storage error. What the network or the server did stands in the report and in the intents.
    pub async fn send_due(&self) -> Result<SendReport, OutboxError> {
        self.start()?;
        let lanes = self.settings.database.read(tables::open_lanes)?;
        let running: Vec<BoxFuture<'_, Result<SendReport, OutboxError>>> =
            lanes.into_iter().map(|lane| -> BoxFuture<'_, _> { Box::pin(async move { self.send_lane(&lane).await }) }).collect();
        let mut report = SendReport::default();
        let mut failed = None;
        for result in join_all(running).await {
            match result {
                Ok(lane) => report.add(&lane),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.apply_outcomes()?;
        (report.open, report.next_due_ms) = (self.settings.database.read(tables::count_open)?, self.next_due_ms()?);
        Ok(report)
    }

    /// Sends what is due in one lane only.
    ///
    /// # Errors
    /// As for [`Outbox::send_due`].
    pub async fn send_lane_due(&self, lane: &str) -> Result<SendReport, OutboxError> {
        self.start()?;
        let mut report = self.send_lane(lane).await?;
        self.apply_outcomes()?;
        (report.open, report.next_due_ms) = (self.settings.database.read(tables::count_open)?, self.next_due_ms()?);
        Ok(report)
    }

    /// There is a network again: waits that the server did not ask for end now.
    ///
    /// # Errors
    /// A storage error.
    pub fn network_returned(&self) -> Result<(), OutboxError> {
        self.start()?;
        let now_ms = self.now_ms();
        if self.settings.database.read(tables::count_open)? > 0 {
            self.write(|tx| tables::hurry(tx, now_ms))?;
        }
        Ok(())
    }

    /// Asks the server, on demand, what became of an intent that may have arrived. The answer closes it: done, refused, or expired.
    ///
    /// # Errors
    /// `NoSuchIntent`, or a storage error. Without an answer the intent stays as `Unknown`.
    pub async fn resolve(&self, key: &IdempotencyKey) -> Result<IntentState, OutboxError> {
        self.start()?;
        let intent = self.by_key(key)?;
        let gate = self.gate(&intent.lane);
        let _held = gate.lock().await;
        let intent = self.by_key(key)?;
        if intent.state.is_open() {
            self.ask_what_became_of(&intent, &mut SendReport::default()).await?;
            self.apply_outcomes()?;
        }
        Ok(self.by_key(key)?.state)
    }

    /// What is open, and what was refused or came too late, oldest first.
    ///
    /// # Errors
    /// A storage error.
    pub fn waiting(&self) -> Result<Vec<IntentView>, OutboxError> {
        self.start()?;
        let intents = self.settings.database.read(tables::shown)?;
        Ok(intents.iter().map(|intent| self.view(intent)).collect())
    }

    /// One intent, whatever its state.
    ///
    /// # Errors
    /// A storage error.
    pub fn intent(&self, key: &IdempotencyKey) -> Result<Option<IntentView>, OutboxError> {
        self.start()?;
        let intent = self.settings.database.read(|c| tables::by_key(c, key.as_str()))?;
        Ok(intent.map(|intent| self.view(&intent)))
    }

    /// What the server answered to an intent that is done. Kept for 30 days.
    ///
    /// # Errors
    /// A storage error.
    pub fn outcome(&self, key: &IdempotencyKey) -> Result<Option<Outcome>, OutboxError> {
        self.start()?;
        let intent = self.settings.database.read(|c| tables::by_key(c, key.as_str()))?;
        let done = intent.filter(|intent| intent.state == IntentState::Done);
        Ok(done.map(|intent| intent.open_outcome(&self.settings.sealer)).transpose()?.flatten())
    }

    /// When the next intent is due, in milliseconds since the Unix epoch; a moment that has passed means now.
    ///
    /// # Errors
    /// A storage error.
    pub fn next_due_ms(&self) -> Result<Option<i64>, OutboxError> {
        self.start()?;
        let now_ms = self.now_ms();
        let heads = self
            .settings
            .database
            .read(|c| tables::open_lanes(c)?.iter().map(|lane| tables::head(c, lane)).collect::<Result<Vec<_>, _>>())?;
        Ok(heads.into_iter().flatten().map(|head| if is_due(&head, now_ms) { now_ms } else { head.next_attempt_at_ms }).min())
    }

    /// A refused intent goes once more, under its key and in its old place in the lane; for refusals whose cause has been removed.
    ///
    /// # Errors
    /// `NoSuchIntent` when none is refused under this key, or a storage error.
    pub fn try_again(&self, key: &IdempotencyKey) -> Result<(), OutboxError> {
        self.start()?;
        let intent = self.by_key(key)?;
        if intent.state != IntentState::Wedged || intent.body.is_none() {
            return Err(OutboxError::NoSuchIntent);
        }
        let now_ms = self.now_ms();
        let wait = Wait {
            state: IntentState::Pending,
            may_have_arrived: false,
            next_attempt_at_ms: now_ms,
            wait_ms: 0,
            asked_to_wait: false,
            reason: intent.reason,
        };
        self.write(|tx| tables::put_back(tx, intent.seq, &wait))?;
        self.settings.sink.changed();
        Ok(())
    }

    /// Takes an intent away that a person has seen refused or expired, or no longer wants. Its body goes with it.
    ///
    /// # Errors
    /// `MayHaveArrived` while its outcome is open and it was sent; `NoSuchIntent`; or a storage error.
    pub fn dismiss(&self, key: &IdempotencyKey) -> Result<(), OutboxError> {
        self.start()?;
        // Looked at and removed in one transaction: what is marked as being sent meanwhile stays, and what is gone is not sent.
        let removed = self.write(|tx| {
            let Some(intent) = tables::by_key(tx, key.as_str())? else { return Ok(Err(OutboxError::NoSuchIntent)) };
            if intent.state == IntentState::Sending || (intent.state.is_open() && intent.may_have_arrived) {
                return Ok(Err(OutboxError::MayHaveArrived));
            }
            tables::remove(tx, intent.seq).map(Ok)
        })?;
        if removed.is_ok() {
            self.settings.sink.changed();
        }
        removed
    }

    /// The body of an intent that is not done, for the feature that made it.
    pub(crate) fn body(&self, key: &IdempotencyKey) -> Result<Vec<u8>, OutboxError> {
        Ok(self.by_key(key)?.open_body(&self.settings.sealer)?)
    }

    /// A plain fact beside the intents: readable without the key, so nothing secret.
    pub(crate) fn fact(&self, name: &str) -> Result<Option<String>, StorageError> {
        self.settings.database.read(|c| tables::fact(c, name))
    }

    pub(crate) fn save_fact(&self, name: &str, value: &str) -> Result<(), StorageError> {
        self.settings.database.write(|tx| tables::save_fact(tx, name, value))
    }

    /// Keeps the clock's anchor if what is kept has become too old or wrong.
    pub(crate) fn keep_anchor(&self) -> Result<(), StorageError> {
        let due = self.settings.client.clock().to_store(lock(&self.stored_anchor).as_ref());
        if due.is_some() { self.write(|_| Ok(())).map_err(|error| storage_of(&error)) } else { Ok(()) }
    }

    fn by_key(&self, key: &IdempotencyKey) -> Result<Intent, OutboxError> {
        self.settings.database.read(|c| tables::by_key(c, key.as_str()))?.ok_or(OutboxError::NoSuchIntent)
    }

    fn view(&self, intent: &Intent) -> IntentView {
        let said = intent.open_outcome(&self.settings.sealer).ok().flatten();
        let detail = said.filter(|_| intent.state == IntentState::Wedged).map(|outcome| outcome.body);
        IntentView {
            key: intent.key.clone(),
            lane: intent.lane.clone(),
            kind: intent.kind.clone(),
            state: intent.state,
            attempts: intent.attempts,
            created_at_ms: intent.created_at_ms,
            expires_at_ms: intent.expires_at_ms,
            next_attempt_at_ms: intent.state.is_open().then_some(intent.next_attempt_at_ms),
            may_have_arrived: intent.may_have_arrived || intent.state == IntentState::Sending,
            reason: intent.reason,
            detail,
        }
    }

    async fn send_lane(&self, lane: &str) -> Result<SendReport, OutboxError> {
        let gate = self.gate(lane);
        let _held = gate.lock().await;
        let mut report = SendReport::default();
        while let Some(head) = self.settings.database.read(|c| tables::head(c, lane))? {
            if let Next::Wait = self.advance(head, &mut report).await? {
                break;
            }
        }
        Ok(report)
    }

    /// Brings the head of a lane one step on.
    async fn advance(&self, head: Intent, report: &mut SendReport) -> Result<Next, OutboxError> {
        let now = self.settings.client.clock().now();
        // Under the lane's gate nothing is on its way: a mark that stands was left by a dropped future, and it may have arrived.
        let may_have_arrived = head.may_have_arrived || head.state == IntentState::Sending;
        // An unproven clock may be wrong by years: then the server decides what is too late.
        let over = now.proven && head.expires_at_ms.is_some_and(|expires| expires <= now.now_ms);
        let long_open = now.proven && now.now_ms.saturating_sub(head.created_at_ms) > ASK_AFTER_MS;
        if over && !may_have_arrived {
            self.close(&head, IntentState::Expired, Some(Reason::IntentExpired), None)?;
            report.expired += 1;
            return Ok(Next::GoOn);
        }
        if !is_due(&head, now.now_ms) {
            return Ok(Next::Wait);
        }
        // Without a token of its own (enrolment) nobody can be asked: the same key again has a definite answer.
        let ask = head.authorized && may_have_arrived && (over || long_open || head.state == IntentState::Unknown);
        if ask {
            return self.ask_what_became_of(&head, report).await;
        }
        if !self.write(|tx| tables::mark_sending(tx, &head))? {
            // Taken away since it was read: nothing is sent of it.
            return Ok(Next::GoOn);
        }
        let verdict = self.attempt(&head).await?;
        self.conclude(&head, may_have_arrived, verdict, report)
    }

    async fn attempt(&self, intent: &Intent) -> Result<Verdict, OutboxError> {
        let body = intent.open_body(&self.settings.sealer)?;
        let verdict = self
            .authorized(intent.authorized, |client, authorization| {
                let body = body.clone();
                Box::pin(async move {
                    client.post(&intent.path, authorization.as_deref(), Some(intent.key.as_str()), intent.expires_at_ms, body).await
                })
            })
            .await;
        Ok(match verdict {
            Verdict::Done { status, body } if !self.settings.sink.accepts(&intent.kind, &body) => {
                tracing::warn!(status, kind = intent.kind, "an answer does not read as the server's: trying again");
                Verdict::Retry(Retry { may_have_arrived: true, ..Retry::default() })
            }
            verdict => verdict,
        })
    }

    /// Makes a call with authorization; once more with a fresh one if the server does not take it.
    async fn authorized<'a, F>(&'a self, wanted: bool, call: F) -> Verdict
    where
        F: Fn(&'a Client, Option<String>) -> BoxFuture<'a, Result<crate::net::Answer, CallError>>,
    {
        let client = &self.settings.client;
        if !wanted {
            return match policy::verdict(call(client, None).await) {
                Verdict::FreshToken => Verdict::Retry(Retry { reason: Some(Reason::Unauthorized), ..Retry::default() }),
                verdict => verdict,
            };
        }
        let mut refused = None;
        for _ in 0..2 {
            let authorization = match self.settings.authorizer.authorization(refused.take()).await {
                Ok(authorization) => authorization,
                Err(error) => return policy::verdict_without_authorization(error),
            };
            match policy::verdict(call(client, authorization.clone()).await) {
                Verdict::FreshToken => refused = authorization,
                verdict => return verdict,
            }
        }
        // A refusal of the caller, not of the intent: it waits for a better token.
        Verdict::Retry(Retry { reason: Some(Reason::Unauthorized), ..Retry::default() })
    }

    async fn ask_what_became_of(&self, intent: &Intent, report: &mut SendReport) -> Result<Next, OutboxError> {
        let request = ResolveRequest { key: intent.key.clone(), path: intent.path.clone() };
        let body = serde_json::to_vec(&request).map_err(|_| StorageError::other("the request has no JSON form"))?;
        // Asking twice gives the same answer: its own key needs no memory.
        let key = random_uuid(self.settings.entropy.as_ref())?;
        let verdict = self
            .authorized(true, |client, authorization| {
                let (body, key) = (body.clone(), key.clone());
                Box::pin(async move { client.post(paths::RESOLUTIONS, authorization.as_deref(), Some(&key), None, body).await })
            })
            .await;
        let resolved = match verdict {
            Verdict::Done { body, .. } => match serde_json::from_str(&body) {
                Ok(Resolution::Outcome { status, body }) => outcome_verdict(status, body),
                Ok(Resolution::Tombstone) => Verdict::Expired,
                Err(_) => Verdict::Retry(Retry::default()),
            },
            Verdict::Refused { reason, .. } => Verdict::Retry(Retry { reason: Some(reason), ..Retry::default() }),
            other => other,
        };
        let unknown = Intent { state: IntentState::Unknown, attempts: intent.attempts.saturating_add(1), ..intent.clone() };
        self.conclude(&unknown, true, resolved, report)
    }

    fn conclude(&self, intent: &Intent, may_have_arrived: bool, verdict: Verdict, report: &mut SendReport) -> Result<Next, OutboxError> {
        match verdict {
            Verdict::Done { status, body } => {
                self.close(intent, IntentState::Done, None, Some((status, &body)))?;
                report.done += 1;
                self.apply_outcomes()?;
                Ok(Next::GoOn)
            }
            Verdict::Refused { reason, detail } => {
                self.close(intent, IntentState::Wedged, Some(reason), Some((0, &detail)))?;
                report.refused += 1;
                Ok(Next::GoOn)
            }
            Verdict::Expired => {
                self.close(intent, IntentState::Expired, Some(Reason::IntentExpired), None)?;
                report.expired += 1;
                Ok(Next::GoOn)
            }
            Verdict::FreshToken => Ok(Next::Wait),
            Verdict::Retry(retry) => {
                let mut random = [0u8; 4];
                // Without randomness there is no jitter; the wait itself stands.
                let _ = self.settings.entropy.fill(&mut random);
                let wait_ms = policy::wait_ms(intent.attempts.saturating_add(1), retry.asked_ms, u32::from_be_bytes(random));
                let state = if intent.state == IntentState::Unknown { IntentState::Unknown } else { IntentState::Pending };
                let wait = Wait {
                    state,
                    may_have_arrived: may_have_arrived || retry.may_have_arrived,
                    next_attempt_at_ms: self.now_ms().saturating_add(wait_ms),
                    wait_ms,
                    asked_to_wait: retry.asked_ms.is_some(),
                    reason: retry.reason,
                };
                self.write(|tx| tables::put_back(tx, intent.seq, &wait))?;
                report.retried += 1;
                report.offline |= retry.offline;
                self.settings.sink.changed();
                Ok(Next::Wait)
            }
        }
    }

    fn close(&self, intent: &Intent, state: IntentState, reason: Option<Reason>, answer: Option<(u16, &str)>) -> Result<(), OutboxError> {
        let now_ms = self.now_ms();
        let failed = state != IntentState::Done && reason != Some(Reason::UnknownDevice);
        let goes = failed && self.settings.sink.is_unasked(&intent.kind);
        self.write(|tx| match goes {
            true => tables::remove(tx, intent.seq),
            false => {
                tables::settle(tx, &self.settings.sealer, intent, state, reason, answer, now_ms)?;
                if failed && self.settings.sink.is_final(&intent.kind) { tables::drop_body(tx, intent.seq) } else { Ok(()) }
            }
        })?;
        self.settings.sink.changed();
        Ok(())
    }

    /// Hands outcomes to their features in the order in which they were asked for. One that cannot be applied yet stops the others: a
    /// renewal must not be overtaken by the enrolment before it.
    fn apply_outcomes(&self) -> Result<(), StorageError> {
        for intent in self.settings.database.read(tables::unapplied)? {
            let Some(outcome) = intent.open_outcome(&self.settings.sealer)? else { continue };
            self.settings.sink.apply(&outcome)?;
            self.settings.database.write(|tx| tables::mark_applied(tx, intent.seq))?;
        }
        Ok(())
    }

    /// A transaction of the outbox; the clock's anchor rides along when it is due, so that it costs no fsync of its own.
    pub(super) fn write<T>(&self, job: impl FnOnce(&Transaction<'_>) -> Result<T, StorageError>) -> Result<T, OutboxError> {
        // The shell's clock is asked with no lock held.
        let stored = lock(&self.stored_anchor).clone();
        let anchor = self.settings.client.clock().to_store(stored.as_ref());
        let value = self.settings.database.write(|tx| {
            if let Some(text) = anchor.as_ref().and_then(|anchor| serde_json::to_string(anchor).ok()) {
                tables::save_fact(tx, ANCHOR, &text)?;
            }
            job(tx)
        })?;
        if anchor.is_some() {
            *lock(&self.stored_anchor) = anchor;
        }
        Ok(value)
    }

    pub(super) fn gate(&self, lane: &str) -> Arc<tokio::sync::Mutex<()>> {
        lock(&self.gates).entry(lane.to_owned()).or_default().clone()
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.settings.client.clock().now().now_ms
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

/// What the server once answered, as if it had just come.
fn outcome_verdict(status: u16, body: String) -> Verdict {
    if (200..300).contains(&status) {
        return Verdict::Done { status, body };
    }
    match serde_json::from_str::<Problem>(&body) {
        Ok(problem) if problem.reason == Reason::IntentExpired => Verdict::Expired,
        Ok(problem) => Verdict::Refused { reason: problem.reason, detail: problem.detail },
        Err(_) => Verdict::Refused { reason: Reason::Other, detail: String::new() },
    }
}

fn is_due(intent: &Intent, now_ms: i64) -> bool {
    let left = intent.next_attempt_at_ms.saturating_sub(now_ms);
    // More left than was ever to wait: the clock was set back.
    left <= 0 || left > intent.wait_ms
}

fn storage_of(error: &OutboxError) -> StorageError {
    match error {
        OutboxError::Storage { error } => error.clone(),
        other => StorageError::other(other.to_string()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts what is open or refused, by kind, in an outbox whose key is lost. Reads only plain columns.
///
/// # Errors
/// When the file cannot be read as an outbox.
pub(crate) fn count_by_kind(connection: &Connection) -> Result<Vec<(String, u32)>, StorageError> {
    let mut statement = connection.prepare("SELECT kind, count(*) FROM intents WHERE state < 4 GROUP BY kind ORDER BY kind")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
