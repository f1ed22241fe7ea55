//! What can go wrong with the outbox itself. What the server answers is in the intents, not here.

use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The outbox could not keep or find an intent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum OutboxError {
    /// The files failed; nothing was sent.
    #[error(transparent)]
    Storage {
        /// Why.
        #[from]
        error: StorageError,
    },
    /// The platform failed; nothing was sent.
    #[error(transparent)]
    Platform {
        /// Why.
        #[from]
        error: PlatformError,
    },
    /// There is no intent with this key.
    #[error("there is no intent with this key")]
    NoSuchIntent,
    /// The intent may have had its effect: let it be resolved first.
    #[error("the intent may have arrived: resolve it first")]
    MayHaveArrived,
}
