//! What can go wrong with coupons.

use noren_rules::wire::Reason;

use crate::net::{AuthorizerError, CallError};
use crate::outbox::OutboxError;
use crate::places::PlacesError;
use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The verbs of coupons had no good end. What is on the device stays readable in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum CouponsError {
    /// There is no card yet: enrol first.
    #[error("this device is not enrolled: enrol first")]
    NotEnrolled,
    /// The amounts cannot be a basket.
    #[error("{detail}")]
    BadBasket {
        /// What is wrong with it.
        detail: String,
    },
    /// What came by push is no condition that counts: not signed by a known issuer, over, or older than what is known.
    #[error("the message is left out: {detail}")]
    BadPush {
        /// What is wrong with it.
        detail: String,
    },
    /// The server refused for another reason.
    #[error("the server refused: {detail}")]
    Refused {
        /// Its reason.
        code: Reason,
        /// Its words.
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

impl From<CallError> for CouponsError {
    fn from(error: CallError) -> Self {
        Self::Call { error }
    }
}

impl From<StorageError> for CouponsError {
    fn from(error: StorageError) -> Self {
        Self::Storage { error }
    }
}

impl From<AuthorizerError> for CouponsError {
    fn from(error: AuthorizerError) -> Self {
        match error {
            AuthorizerError::Call(error) => Self::Call { error },
            AuthorizerError::Platform(error) => Self::Platform { error },
            AuthorizerError::Storage(error) => Self::Storage { error },
        }
    }
}

impl From<OutboxError> for CouponsError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Storage { error } => Self::Storage { error },
            OutboxError::Platform { error } => Self::Platform { error },
            other => Self::Storage { error: StorageError::other(other.to_string()) },
        }
    }
}

impl From<PlacesError> for CouponsError {
    fn from(error: PlacesError) -> Self {
        match error {
            PlacesError::NotEnrolled => Self::NotEnrolled,
            PlacesError::Call { error } => Self::Call { error },
            PlacesError::Platform { error } => Self::Platform { error },
            PlacesError::Storage { error } => Self::Storage { error },
            other => Self::Storage { error: StorageError::other(other.to_string()) },
        }
    }
}
