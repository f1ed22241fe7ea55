//! What can go wrong with the catalogue.

use noren_rules::scan::ScanRefusal;
use noren_rules::wire::Reason;

use crate::net::{AuthorizerError, CallError};
use crate::outbox::OutboxError;
use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The verbs of the catalogue had no good end. What is on the device stays readable in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum CatalogueError {
    /// There is no card yet: enrol first.
    #[error("this device is not enrolled: enrol first")]
    NotEnrolled,
    /// No product or variant of this name was seen on this device.
    #[error("there is no such product on this device: find it online first")]
    NoSuchProduct,
    /// What was scanned is nothing that can be acted on.
    #[error("{refusal}")]
    Unreadable {
        /// Why.
        refusal: ScanRefusal,
    },
    /// The settings of the scanner cannot be: nothing was changed.
    #[error("{detail}")]
    BadSettings {
        /// What is wrong with them.
        detail: String,
    },
    /// A review has 1 to 5 stars and at most 2,000 characters, none of them a control character.
    #[error("{detail}")]
    BadReview {
        /// What is wrong with it.
        detail: String,
    },
    /// A favourite is watched in at most 50 stores.
    #[error("{detail}")]
    BadFavourite {
        /// What is wrong with it.
        detail: String,
    },
    /// The bytes are not those of the manifest: do not show them, load them again.
    #[error("{detail}")]
    BadAsset {
        /// What is wrong with them.
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

impl From<ScanRefusal> for CatalogueError {
    fn from(refusal: ScanRefusal) -> Self {
        Self::Unreadable { refusal }
    }
}

impl From<CallError> for CatalogueError {
    fn from(error: CallError) -> Self {
        Self::Call { error }
    }
}

impl From<StorageError> for CatalogueError {
    fn from(error: StorageError) -> Self {
        Self::Storage { error }
    }
}

impl From<AuthorizerError> for CatalogueError {
    fn from(error: AuthorizerError) -> Self {
        match error {
            AuthorizerError::Call(error) => Self::Call { error },
            AuthorizerError::Platform(error) => Self::Platform { error },
            AuthorizerError::Storage(error) => Self::Storage { error },
        }
    }
}

impl From<OutboxError> for CatalogueError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Storage { error } => Self::Storage { error },
            OutboxError::Platform { error } => Self::Platform { error },
            other => Self::Storage { error: StorageError::other(other.to_string()) },
        }
    }
}
