//! What can go wrong at the door.

use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The app core could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum OpenError {
    /// The device has not been unlocked since it was started. Try later; nothing was changed.
    #[error("the device is locked: open again after it has been unlocked")]
    Locked,
    /// A file was written by a newer version of the app. Update the app; nothing was changed.
    #[error("{file} is of version {found}, this app reads up to {supported}: update the app")]
    NewerFile {
        /// Name of the file.
        file: String,
        /// Its version.
        found: u32,
        /// The newest version that this app reads.
        supported: u32,
    },
    /// The platform failed.
    #[error(transparent)]
    Platform {
        /// Why.
        error: PlatformError,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Storage {
        /// Why.
        error: StorageError,
    },
}

impl From<PlatformError> for OpenError {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::Locked => Self::Locked,
            error => Self::Platform { error },
        }
    }
}

impl From<StorageError> for OpenError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NewerFile { file, found, supported } => Self::NewerFile { file, found, supported },
            error => Self::Storage { error },
        }
    }
}

/// The member could not be forgotten (yet).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum ForgetError {
    /// The platform failed; `Locked` means: try again after the device has been unlocked, nothing was changed.
    #[error(transparent)]
    Platform {
        /// Why.
        #[from]
        error: PlatformError,
    },
    /// The files failed. What has been decided is carried on at the next start.
    #[error(transparent)]
    Storage {
        /// Why.
        #[from]
        error: StorageError,
    },
}
