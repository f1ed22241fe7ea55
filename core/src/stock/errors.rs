//! What can go wrong with stock.

use noren_rules::geo::PositionError;

use crate::net::{AuthorizerError, CallError};
use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The verbs of stock had no good end. What is on the device stays readable in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum StockError {
    /// There is no card yet: enrol first.
    #[error("this device is not enrolled: enrol first")]
    NotEnrolled,
    /// The product was never seen on this phone.
    #[error("this product was not seen on this phone: scan it, or let the catalogue find it first")]
    NoSuchProduct,
    /// The question cannot be answered as it is.
    #[error("{detail}")]
    BadQuestion {
        /// What is wrong with it and what to do.
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

impl From<CallError> for StockError {
    fn from(error: CallError) -> Self {
        Self::Call { error }
    }
}

impl From<PositionError> for StockError {
    fn from(error: PositionError) -> Self {
        Self::BadQuestion { detail: error.to_string() }
    }
}

impl From<StorageError> for StockError {
    fn from(error: StorageError) -> Self {
        Self::Storage { error }
    }
}

impl From<AuthorizerError> for StockError {
    fn from(error: AuthorizerError) -> Self {
        match error {
            AuthorizerError::Call(error) => Self::Call { error },
            AuthorizerError::Platform(error) => Self::Platform { error },
            AuthorizerError::Storage(error) => Self::Storage { error },
        }
    }
}
