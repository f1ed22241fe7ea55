//! What can go wrong on the way.

use noren_rules::wire::Reason;

/// The answer did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum TransportError {
    /// No connection was made: no byte of the request has arrived.
    #[error("no connection to the server: try again when there is a network")]
    Offline,
    /// The request was sent, or may have been; no answer came in time.
    #[error("the server did not answer in time: try again")]
    Timeout,
    /// The connection broke: the request may have arrived.
    #[error("the connection broke: try again")]
    Broken,
    /// The server's certificate cannot be trusted; nothing was sent.
    #[error("the connection is not safe: the server's certificate cannot be trusted")]
    Untrusted,
    /// More bytes than an answer can have.
    #[error("the answer is too large")]
    TooLarge,
    /// The address is none, or the client could not be set up.
    #[error("the address of the server cannot be used: {reason}")]
    Unusable {
        /// Why.
        reason: String,
    },
}

impl TransportError {
    /// True when it is certain that no byte of the request arrived.
    #[must_use]
    pub fn surely_not_sent(&self) -> bool {
        matches!(self, Self::Offline | Self::Untrusted | Self::Unusable { .. })
    }
}

/// A call to the backend had no good end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum CallError {
    /// The answer did not come.
    #[error(transparent)]
    Transport {
        /// Why.
        #[from]
        error: TransportError,
    },
    /// The server refused, with its reason.
    #[error("the server refused ({status}): {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its reason.
        code: Reason,
        /// What happened and what to do next, in the server's words.
        detail: String,
        /// Seconds after which to try again, when the server said.
        retry_after_s: Option<u64>,
    },
    /// What came is not the server's (a hotel's login page) or not whole. Try again on another network.
    #[error("the answer is not from the server, or not whole ({status}): try again")]
    Unreadable {
        /// HTTP status.
        status: u16,
    },
}
