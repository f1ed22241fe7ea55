//! What can go wrong with a check-in.

use noren_rules::place_code::PlaceCodeError;

use crate::outbox::OutboxError;
use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The verbs of check-in had no good end. Nothing is half done: an observation that was not taken can be made again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum CheckInError {
    /// There is no card yet: enrol first.
    #[error("this device is not enrolled: enrol first")]
    NotEnrolled,
    /// What was scanned or typed is no code that checks in.
    #[error("{detail}")]
    BadCode {
        /// What is wrong with it, and what to do.
        detail: String,
    },
    /// There was a check-in here a short while ago.
    #[error("checked in here a short while ago")]
    CoolDown,
    /// The platform failed.
    #[error(transparent)]
    Platform {
        /// Why.
        #[from]
        error: PlatformError,
    },
    /// The files failed.
    #[error(transparent)]
    Storage {
        /// Why.
        #[from]
        error: StorageError,
    },
}

impl From<PlaceCodeError> for CheckInError {
    fn from(error: PlaceCodeError) -> Self {
        Self::BadCode { detail: error.to_string() }
    }
}

impl From<OutboxError> for CheckInError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Storage { error } => Self::Storage { error },
            OutboxError::Platform { error } => Self::Platform { error },
            other => Self::Storage { error: StorageError::other(other.to_string()) },
        }
    }
}
