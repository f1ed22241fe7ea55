//! What can go wrong with the history.

use noren_rules::wire::Reason;

use crate::net::{AuthorizerError, CallError};
use crate::outbox::OutboxError;
use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The history's verbs had no good end. What is on the device stays readable in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum PurchasesError {
    /// There is no card yet: enrol first.
    #[error("this device is not enrolled: enrol first")]
    NotEnrolled,
    /// There is no such receipt on this device.
    #[error("there is no such receipt on this device: refresh first")]
    NoSuchReceipt,
    /// No receipt has this claim code, or it is over, or someone has claimed it.
    #[error("no receipt can be claimed with this code: check it")]
    ClaimRefused,
    /// The server refused for another reason.
    #[error("the server refused: {detail}")]
    Refused {
        /// Its reason.
        code: Reason,
        /// Its words.
        detail: String,
    },
    /// The server sent a receipt that cannot be one. Nothing of its page was taken in.
    #[error("the server sent a receipt that cannot be one: {detail}")]
    BadReceipt {
        /// What is wrong with it; names no content.
        detail: String,
    },
    /// The network or the server failed: try again.
    #[error(transparent)]
    Call {
        /// Why.
        error: CallError,
    },
    /// The platform failed; `Locked` means: try again after the device has been unlocked.
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
}

impl From<CallError> for PurchasesError {
    fn from(error: CallError) -> Self {
        Self::Call { error }
    }
}

impl From<StorageError> for PurchasesError {
    fn from(error: StorageError) -> Self {
        Self::Storage { error }
    }
}

impl From<AuthorizerError> for PurchasesError {
    fn from(error: AuthorizerError) -> Self {
        match error {
            AuthorizerError::Call(error) => Self::Call { error },
            AuthorizerError::Platform(error) => Self::Platform { error },
            AuthorizerError::Storage(error) => Self::Storage { error },
        }
    }
}

impl From<OutboxError> for PurchasesError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Storage { error } => Self::Storage { error },
            OutboxError::Platform { error } => Self::Platform { error },
            other => Self::Storage { error: StorageError::other(other.to_string()) },
        }
    }
}
