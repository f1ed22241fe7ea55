//! The outbox, as the app sees it.

use std::sync::Arc;

use noren_rules::ids::IdempotencyKey;

use super::core::Core;
use crate::check_in::CheckInService;
use crate::member::MemberService;
use crate::outbox::{IntentState, IntentView, OutboxError, SendReport};

/// What was said and has not been answered. Cheap to clone; from `noren.outbox()`.
#[derive(Clone, Debug)]
pub struct OutboxService {
    core: Arc<Core>,
}

impl OutboxService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Sends what is due: call it when the app comes to the front, when a network comes back, and at `next_due_ms`. Also tells the server
    /// of a "forget me" that is waiting, goes on with an enrolment whose nonce was over, and renews the credential when it is time.
    ///
    /// # Errors
    /// `Storage`, `Platform`. What network and server did stands in the report.
    pub async fn send_due(&self) -> Result<SendReport, OutboxError> {
        let core = &self.core;
        if core.erasure.is_pending() {
            // Its failure is told by state(): still Forgetting.
            if let Err(error) = core.erasure.send(&core.client, &core.platform).await {
                tracing::warn!("the server is told of the erasure later: {error}");
            }
            if core.card.get().is_none() && !core.outbox_db.path().exists() {
                return Ok(SendReport::default());
            }
        }
        if let Err(error) = CheckInService::new(core.clone()).go_on() {
            tracing::info!("check-ins are signed later: {error}");
        }
        let report = core.outbox.send_due().await?;
        let member = MemberService::new(core.clone());
        if let Err(error) = member.go_on().await {
            tracing::info!("the enrolment goes on later: {error}");
        }
        core.note_refused_device()?;
        if report.done > 0 {
            // A contact: the moment for what is due at any contact.
            member.keep_clock()?;
            if let Err(error) = member.renew_if_due().await {
                tracing::info!("the credential is renewed later: {error}");
            }
        }
        Ok(report)
    }

    /// As [`OutboxService::send_due`], without the waits that are ours: there is a network again.
    ///
    /// # Errors
    /// As for [`OutboxService::send_due`].
    pub async fn network_returned(&self) -> Result<SendReport, OutboxError> {
        if self.core.outbox_db.path().exists() {
            self.core.outbox.network_returned()?;
        }
        self.send_due().await
    }

    /// What is open, and what was refused or came too late, oldest first. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn waiting(&self) -> Result<Vec<IntentView>, OutboxError> {
        self.core.outbox.waiting()
    }

    /// When the next intent is due, in milliseconds since the Unix epoch; `None` when nothing is open. For the system's scheduler.
    ///
    /// # Errors
    /// `Storage`.
    pub fn next_due_ms(&self) -> Result<Option<i64>, OutboxError> {
        self.core.outbox.next_due_ms()
    }

    /// Asks the server now what became of an intent that may have arrived.
    ///
    /// # Errors
    /// `NoSuchIntent`, `Storage`, `Platform`.
    pub async fn resolve(&self, key: &IdempotencyKey) -> Result<IntentState, OutboxError> {
        self.core.outbox.resolve(key).await
    }

    /// A refused intent goes once more, when the cause of its refusal has been removed.
    ///
    /// # Errors
    /// `NoSuchIntent`, `Storage`.
    pub fn try_again(&self, key: &IdempotencyKey) -> Result<(), OutboxError> {
        self.core.outbox.try_again(key)
    }

    /// Takes an intent away that a person has seen refused or expired, or no longer wants.
    ///
    /// # Errors
    /// `MayHaveArrived` while its outcome is open and it was sent; `NoSuchIntent`; `Storage`.
    pub fn dismiss(&self, key: &IdempotencyKey) -> Result<(), OutboxError> {
        self.core.outbox.dismiss(key)
    }
}
