//! What can go wrong with the member and the card.

use noren_rules::wire::Reason;

use crate::net::{AuthorizerError, CallError};
use crate::outbox::OutboxError;
use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The member's verbs had no good end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum MemberError {
    /// There is no card yet: enrol first.
    #[error("this device is not enrolled: enrol first")]
    NotEnrolled,
    /// There is a card already.
    #[error("this device is enrolled already")]
    AlreadyEnrolled,
    /// Number and PIN, or the code, do not fit.
    #[error("number and PIN, or the code, do not fit: check them and try again")]
    LinkRefused,
    /// Too many wrong PINs.
    #[error("too many wrong attempts: try again later")]
    TooManyAttempts {
        /// Seconds until the next attempt counts, when the server said.
        retry_after_s: Option<u64>,
    },
    /// The server refused for another reason.
    #[error("the server refused: {detail}")]
    Refused {
        /// Its reason.
        code: Reason,
        /// Its words.
        detail: String,
    },
    /// The network or the server failed. Nothing is half done: try again.
    #[error(transparent)]
    Call {
        /// Why.
        error: CallError,
    },
    /// The platform failed; `Locked` means: try again after the device has been unlocked, nothing was changed.
    #[error(transparent)]
    Platform {
        /// Why.
        error: PlatformError,
    },
    /// The files failed.
    #[error(transparent)]
    Storage {
        /// Why.
        error: StorageError,
    },
    /// The code could not be drawn: its text does not fit the symbology.
    #[error("this code cannot be drawn as {symbology}")]
    NotDrawable {
        /// The symbology.
        symbology: String,
    },
}

impl From<CallError> for MemberError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused { code: Reason::LinkRefused, .. } => Self::LinkRefused,
            CallError::Refused { code: Reason::TooManyAttempts, retry_after_s, .. } => Self::TooManyAttempts { retry_after_s },
            error => Self::Call { error },
        }
    }
}

impl From<PlatformError> for MemberError {
    fn from(error: PlatformError) -> Self {
        Self::Platform { error }
    }
}

impl From<StorageError> for MemberError {
    fn from(error: StorageError) -> Self {
        Self::Storage { error }
    }
}

impl From<AuthorizerError> for MemberError {
    fn from(error: AuthorizerError) -> Self {
        match error {
            AuthorizerError::Call(error) => error.into(),
            AuthorizerError::Platform(error) => error.into(),
            AuthorizerError::Storage(error) => error.into(),
        }
    }
}

impl From<OutboxError> for MemberError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Storage { error } => error.into(),
            OutboxError::Platform { error } => error.into(),
            other => Self::Storage { error: StorageError::other(other.to_string()) },
        }
    }
}
