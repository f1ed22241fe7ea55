//! What can go wrong inside: a refusal that the caller is told, or a failure that is the server's own.

use noren_rules::wire::Reason;

/// A refusal by a rule, as it goes to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) reason: Reason,
    pub(crate) detail: String,
    pub(crate) retry_after_s: Option<u64>,
    /// True for a decision: it is saved under the idempotency key, and what was written on the way to it stays.
    pub(crate) kept: bool,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { status: status_of(reason), reason, detail: detail.into(), retry_after_s: None, kept: false }
    }

    /// The refusal is a decision, see [`Self::kept`].
    pub(crate) fn keep(self) -> Self {
        Self { kept: true, ..self }
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Reason::InvalidRequest, detail)
    }
}

/// The HTTP status that goes with a reason.
pub(crate) fn status_of(reason: Reason) -> u16 {
    match reason {
        Reason::Unauthorized
        | Reason::TokenExpired
        | Reason::UnknownDevice
        | Reason::NonceExpired
        | Reason::ProofInvalid
        | Reason::RecordInvalid => 401,
        Reason::Forbidden | Reason::LinkRefused | Reason::SeatRefused | Reason::CodeRefused => 403,
        Reason::KeyMissing | Reason::KeyInvalid | Reason::InvalidRequest | Reason::CardNumber => 400,
        Reason::KeyInFlight
        | Reason::ReceiptConflict
        | Reason::ReturnConflict
        | Reason::ConditionOlder
        | Reason::HoldConflict
        | Reason::OrderConflict => 409,
        Reason::KeyReused | Reason::InvalidReceipt | Reason::InvalidRule | Reason::InvalidMenu => 422,
        Reason::IntentExpired | Reason::CursorUnknown => 410,
        Reason::TooManyAttempts => 429,
        Reason::ClaimRefused | Reason::NotFound => 404,
        Reason::TooLarge => 413,
        Reason::MethodNotAllowed => 405,
        Reason::Unavailable => 503,
        Reason::Internal | Reason::Other => 500,
    }
}

/// Why a piece of work did not come to an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A rule refused.
    #[error("refused: {:?}", .0.reason)]
    Refused(Refusal),
    /// SQLite failed.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A commit failed: nothing of the group holds.
    #[error("a commit failed")]
    NotCommitted,
    /// The database is closed: the server is stopping.
    #[error("the database is closed")]
    Closed,
    /// A job panicked.
    #[error("a job panicked")]
    Panicked,
    /// The source of randomness failed.
    #[error("no randomness: {0}")]
    Entropy(#[source] std::io::Error),
    /// A stored value cannot be read back, or an answer cannot be written.
    #[error("a stored value cannot be read: {0}")]
    Stored(&'static str),
    /// The key file cannot be written.
    #[error("the key file cannot be written: {0}")]
    Keys(#[source] crate::keys::KeyFileError),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Fault {
    /// What the caller is told. The server's own failures say nothing of their cause outside the log.
    pub(crate) fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Closed => Refusal::new(Reason::Unavailable, "the server is stopping: try again later").retry_after(5),
            fault => {
                tracing::error!(%fault, "a request failed");
                Refusal::new(Reason::Internal, "the server failed: try again later, with the same key")
            }
        }
    }
}
