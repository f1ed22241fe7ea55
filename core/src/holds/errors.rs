//! What can go wrong with holds.

use noren_rules::geo::PositionError;
use noren_rules::wire::Reason;

use crate::net::{AuthorizerError, CallError};
use crate::outbox::OutboxError;
use crate::platform::PlatformError;
use crate::stock::StockError;
use crate::storage::StorageError;

/// The verbs of holds had no good end. What is on the device stays readable in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum HoldsError {
    /// There is no card yet: enrol first.
    #[error("this device is not enrolled: enrol first")]
    NotEnrolled,
    /// The wish cannot be one.
    #[error("{detail}")]
    BadWish {
        /// What is wrong with it and what to do.
        detail: String,
    },
    /// No hold on this phone has this id or key, or it is over.
    #[error("there is no such hold on this phone: refresh and look again")]
    NoSuchHold,
    /// The wish may have arrived: release the hold once it is answered.
    #[error("the wish may have arrived: let it be sent, then release the hold")]
    MayHaveArrived,
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
    /// The files failed; nothing was sent.
    #[error(transparent)]
    Storage {
        /// Why.
        error: StorageError,
    },
}

impl From<PositionError> for HoldsError {
    fn from(error: PositionError) -> Self {
        Self::BadWish { detail: error.to_string() }
    }
}

impl From<StorageError> for HoldsError {
    fn from(error: StorageError) -> Self {
        Self::Storage { error }
    }
}

impl From<AuthorizerError> for HoldsError {
    fn from(error: AuthorizerError) -> Self {
        match error {
            AuthorizerError::Call(error) => Self::Call { error },
            AuthorizerError::Platform(error) => Self::Platform { error },
            AuthorizerError::Storage(error) => Self::Storage { error },
        }
    }
}

impl From<OutboxError> for HoldsError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Storage { error } => Self::Storage { error },
            OutboxError::Platform { error } => Self::Platform { error },
            OutboxError::NoSuchIntent => Self::NoSuchHold,
            OutboxError::MayHaveArrived => Self::MayHaveArrived,
        }
    }
}

impl From<StockError> for HoldsError {
    fn from(error: StockError) -> Self {
        match error {
            StockError::NotEnrolled => Self::NotEnrolled,
            StockError::NoSuchProduct => Self::NoSuchHold,
            StockError::BadQuestion { detail } => Self::BadWish { detail },
            StockError::Call { error } => Self::Call { error },
            StockError::Platform { error } => Self::Platform { error },
            StockError::Storage { error } => Self::Storage { error },
        }
    }
}
