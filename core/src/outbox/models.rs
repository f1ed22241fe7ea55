//! What an intent is, to those who make one and to those who show one.

use noren_rules::ids::IdempotencyKey;
use noren_rules::wire::Reason;

use crate::storage::StorageError;

/// Where an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum IntentState {
    /// To be sent, or to be sent again.
    Pending,
    /// On its way.
    Sending,
    /// It may have arrived and its time is over: the server is being asked what became of it.
    Unknown,
    /// The server refused it, with a reason; it had no effect and is not sent again.
    Wedged,
    /// It had its effect.
    Done,
    /// Its time was over before it had an effect; it never will have one.
    Expired,
}

impl IntentState {
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Sending => 1,
            Self::Unknown => 2,
            Self::Wedged => 3,
            Self::Done => 4,
            Self::Expired => 5,
        }
    }

    pub(crate) fn from_code(code: i64) -> Self {
        match code {
            1 => Self::Sending,
            2 => Self::Unknown,
            3 => Self::Wedged,
            4 => Self::Done,
            5 => Self::Expired,
            _ => Self::Pending,
        }
    }

    /// True while the outcome is open: the intent holds its lane up.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Sending | Self::Unknown)
    }
}

/// An intent as the app shows it. Its body is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct IntentView {
    /// Its key.
    pub key: IdempotencyKey,
    /// Its lane.
    pub lane: String,
    /// What it is (`enrol`, `link`, `claim`, `sale`…).
    pub kind: String,
    /// Where it stands.
    pub state: IntentState,
    /// How often it was sent.
    pub attempts: u32,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Server time after which the server refuses it; `None` for never.
    pub expires_at_ms: Option<i64>,
    /// When it is tried next; `None` when it is not waiting.
    pub next_attempt_at_ms: Option<i64>,
    /// True when it may have arrived though no answer came.
    pub may_have_arrived: bool,
    /// Why the server refused it, or what it said last.
    pub reason: Option<Reason>,
    /// The server's words to that.
    pub detail: Option<String>,
}

/// A write to be kept and sent.
#[derive(Clone)]
pub struct NewIntent {
    /// Its lane: intents of one lane go in order.
    pub lane: String,
    /// What it is; names the one who applies its outcome.
    pub kind: String,
    /// The endpoint (`noren_rules::wire::paths`).
    pub path: String,
    /// The body, as JSON text.
    pub body: String,
    /// True when the call carries the outbox's authorization; false when the proof is in the body.
    pub authorized: bool,
    /// Server time after which it must have no effect; `None` for never.
    pub expires_at_ms: Option<i64>,
    /// What it is about. While one of the same kind and subject is open, no second one is made: the first one's key is answered.
    pub subject: Option<String>,
}

impl std::fmt::Debug for NewIntent {
    /// Without the body: it can hold a PIN.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewIntent").field("lane", &self.lane).field("kind", &self.kind).field("path", &self.path).finish_non_exhaustive()
    }
}

/// What the server answered to an intent that had its effect.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The intent's key.
    pub key: IdempotencyKey,
    /// What it was.
    pub kind: String,
    /// HTTP status.
    pub status: u16,
    /// The body, JSON text.
    pub body: String,
}

impl std::fmt::Debug for Outcome {
    /// Without the body: it can hold a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outcome").field("key", &self.key).field("kind", &self.kind).field("status", &self.status).finish_non_exhaustive()
    }
}

/// The features' side of the outbox.
pub trait OutcomeSink: Send + Sync {
    /// True when `body` reads as a successful answer to an intent of this kind. A body that does not is taken for a stranger's (a captive
    /// portal's JSON) and the intent is sent again under its key.
    fn accepts(&self, kind: &str, body: &str) -> bool {
        let _ = (kind, body);
        true
    }

    /// True when nobody asked for the intents of this kind: one that is refused, or comes too late, is not shown but goes. A device that the server
    /// does not know is shown all the same: that concerns more than the intent.
    fn is_unasked(&self, kind: &str) -> bool {
        let _ = kind;
        false
    }

    /// True when an intent of this kind that was refused is never sent once more: its body goes, as it may name what must not be kept.
    fn is_final(&self, kind: &str) -> bool {
        let _ = kind;
        false
    }

    /// Applies an outcome to the feature's state. Called again after a crash: applying twice must be the same as once.
    ///
    /// # Errors
    /// A storage error leaves the outcome unapplied; it is tried again at the next look.
    fn apply(&self, outcome: &Outcome) -> Result<(), StorageError>;

    /// Something in the outbox has changed, after it was committed.
    fn changed(&self) {}
}

/// A sink for those who read outcomes by key.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSink;

impl OutcomeSink for NoSink {
    fn apply(&self, _outcome: &Outcome) -> Result<(), StorageError> {
        Ok(())
    }
}

/// What a round of sending came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SendReport {
    /// Intents that had their effect.
    pub done: u32,
    /// Intents that the server refused: look at `waiting()` for the reasons.
    pub refused: u32,
    /// Intents whose time was over.
    pub expired: u32,
    /// Attempts that had no answer and will be made again.
    pub retried: u32,
    /// Intents that are still open.
    pub open: u32,
    /// When the next one is due, in milliseconds since the Unix epoch; `None` when nothing is open.
    pub next_due_ms: Option<i64>,
    /// True when no connection could be made.
    pub offline: bool,
}

impl SendReport {
    pub(crate) fn add(&mut self, other: &Self) {
        self.done = self.done.saturating_add(other.done);
        self.refused = self.refused.saturating_add(other.refused);
        self.expired = self.expired.saturating_add(other.expired);
        self.retried = self.retried.saturating_add(other.retried);
        self.offline |= other.offline;
    }
}
