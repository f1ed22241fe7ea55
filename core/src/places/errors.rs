//! What can go wrong with places.

use noren_rules::geo::PositionError;

use crate::net::{AuthorizerError, CallError};
use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The verbs of places had no good end. What is on the device stays readable in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum PlacesError {
    /// There is no card yet: enrol first.
    #[error("this device is not enrolled: enrol first")]
    NotEnrolled,
    /// No cached place has this id.
    #[error("there is no such place on this device: refresh where it is")]
    NoSuchPlace,
    /// Latitude and longitude are not a position.
    #[error("{detail}")]
    BadPosition {
        /// What is wrong with them; names no number.
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

impl From<CallError> for PlacesError {
    fn from(error: CallError) -> Self {
        Self::Call { error }
    }
}

impl From<StorageError> for PlacesError {
    fn from(error: StorageError) -> Self {
        Self::Storage { error }
    }
}

impl From<AuthorizerError> for PlacesError {
    fn from(error: AuthorizerError) -> Self {
        match error {
            AuthorizerError::Call(error) => Self::Call { error },
            AuthorizerError::Platform(error) => Self::Platform { error },
            AuthorizerError::Storage(error) => Self::Storage { error },
        }
    }
}

impl From<PositionError> for PlacesError {
    fn from(error: PositionError) -> Self {
        Self::BadPosition { detail: error.to_string() }
    }
}
