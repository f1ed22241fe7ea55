//! The verbs that keep an intent.

use noren_rules::ids::IdempotencyKey;
use rusqlite::Transaction;

use super::models::{IntentState, NewIntent};
use super::{Outbox, OutboxError, tables};
use crate::platform::random_uuid;
use crate::storage::StorageError;

impl Outbox {
    /// Keeps an intent, durably, and answers its key. Nothing is sent yet.
    ///
    /// # Errors
    /// When it could not be kept: there is then no intent.
    pub fn enqueue(&self, intent: &NewIntent) -> Result<IdempotencyKey, OutboxError> {
        self.enqueue_all(std::slice::from_ref(intent))?.pop().ok_or(OutboxError::NoSuchIntent)
    }

    /// Keeps several intents in one durable step, all or none.
    ///
    /// # Errors
    /// When they could not be kept: there is then none of them.
    pub fn enqueue_all(&self, intents: &[NewIntent]) -> Result<Vec<IdempotencyKey>, OutboxError> {
        self.enqueue_with(intents, |_, _| Ok(()))
    }

    /// As [`Outbox::enqueue_all`], with what must be kept in the same durable step; it gets the intents' keys.
    pub(crate) fn enqueue_with(
        &self,
        intents: &[NewIntent],
        also: impl FnOnce(&Transaction<'_>, &[IdempotencyKey]) -> Result<(), StorageError>,
    ) -> Result<Vec<IdempotencyKey>, OutboxError> {
        self.start()?;
        let keys = intents.iter().map(|_| random_uuid(self.settings.entropy.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let now_ms = self.now_ms();
        let kept = self.write(|tx| {
            let insert = |(intent, key): (&NewIntent, &String)| tables::insert(tx, &self.settings.sealer, key, intent, now_ms);
            let kept = intents.iter().zip(&keys).map(insert).collect::<Result<Vec<_>, _>>()?;
            also(tx, &kept)?;
            Ok(kept)
        })?;
        if !intents.is_empty() {
            self.settings.sink.changed();
        }
        Ok(kept)
    }

    /// Keeps an intent; or gives another body to the newest one of its kind and subject, if that was surely never sent and `merge` makes one of its
    /// body. For wishes of which the last counts, and for what goes in batches.
    pub(crate) fn enqueue_or_merge(
        &self,
        intent: &NewIntent,
        merge: impl FnOnce(&[u8]) -> Option<String>,
    ) -> Result<IdempotencyKey, OutboxError> {
        self.start()?;
        let gate = self.gate(&intent.lane);
        // While the lane is being sent, the body of its head may have been read already.
        let held = gate.try_lock().ok();
        let key = random_uuid(self.settings.entropy.as_ref())?;
        let (sealer, now_ms) = (&self.settings.sealer, self.now_ms());
        let kept = self.write(|tx| {
            let known = if held.is_some() { tables::never_sent(tx, sealer, intent)? } else { None };
            if let Some(known) = known
                && let Some(body) = known.open_body(sealer).ok().and_then(|body| merge(&body))
            {
                tables::put_body(tx, sealer, &known, &body, intent.expires_at_ms)?;
                return Ok(known.key);
            }
            tables::insert_another(tx, sealer, &key, intent, now_ms)
        })?;
        self.settings.sink.changed();
        Ok(kept)
    }

    /// Keeps an intent, of which there is one at a time: the last word counts. The open one of its kind and subject stays, and its key is answered, where
    /// it says the same or may have arrived; where it surely did not arrive, the new one takes its place. One that is over does not stand in the way:
    /// where it may have arrived it is asked for first, and the new one goes behind it.
    ///
    /// `also` is kept in the same durable step; it gets the intent's key, and that of the one whose place it took.
    pub(crate) fn enqueue_last_word(
        &self,
        intent: &NewIntent,
        also: impl FnOnce(&Transaction<'_>, &IdempotencyKey, Option<&IdempotencyKey>) -> Result<(), StorageError>,
    ) -> Result<IdempotencyKey, OutboxError> {
        self.start()?;
        let gate = self.gate(&intent.lane);
        // While the lane is being sent, its head may have been read already.
        let held = gate.try_lock().ok();
        let key = random_uuid(self.settings.entropy.as_ref())?;
        let (sealer, now) = (&self.settings.sealer, self.settings.client.clock().now());
        let kept = self.write(|tx| {
            let known = tables::open_about(tx, sealer, intent)?;
            let (kept, replaced) = match known {
                None => (tables::insert_another(tx, sealer, &key, intent, now.now_ms)?, None),
                Some(known) => {
                    let over = now.proven && known.expires_at_ms.is_some_and(|expires| expires <= now.now_ms);
                    let same = known.open_body(sealer).is_ok_and(|body| body == intent.body.as_bytes());
                    let never_arrived = held.is_some() && known.state == IntentState::Pending && !known.may_have_arrived;
                    match (over, never_arrived) {
                        (false, false) => (known.key, None),
                        (false, true) if same => (known.key, None),
                        (_, true) => (tables::replace(tx, sealer, &known, &key, intent, now.now_ms)?, Some(known.key)),
                        (true, false) => (tables::insert_another(tx, sealer, &key, intent, now.now_ms)?, None),
                    }
                }
            };
            also(tx, &kept, replaced.as_ref())?;
            Ok(kept)
        })?;
        self.settings.sink.changed();
        Ok(kept)
    }
}
