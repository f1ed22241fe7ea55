//! What can go wrong with ordering.

use noren_rules::cart::PriceError;
use noren_rules::ids::OrderId;
use noren_rules::wire::Reason;

use crate::net::{AuthorizerError, CallError};
use crate::outbox::OutboxError;
use crate::platform::PlatformError;
use crate::storage::StorageError;

/// The verbs of ordering had no good end. The cart, and what is on the device, stay as they were in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum OrderingError {
    /// There is no card yet: enrol first.
    #[error("this device is not enrolled: enrol first")]
    NotEnrolled,
    /// The store's menu was never fetched, or it sells nothing of that kind.
    #[error("nothing is known of what this store sells: refresh its menu first")]
    NoMenu,
    /// It was never heard what is booked in the store's kitchen, or nothing is made there.
    #[error("nothing is known of the store's kitchen: refresh its status first")]
    NoStatus,
    /// The menu has no such item.
    #[error("there is no such item on the menu: show the menu again")]
    NoSuchItem,
    /// The cart has no such line.
    #[error("there is no such line in the cart: show the cart again")]
    NoSuchLine,
    /// What was said cannot stand in a cart or an order.
    #[error("{detail}")]
    BadCart {
        /// What is wrong with it and what to do.
        detail: String,
    },
    /// There is something like a payment card's number in it. Nothing was kept and nothing sent.
    #[error("this looks like a card number: remove it; the payment provider's part of the app takes cards")]
    CardNumber,
    /// The cart fits nothing that can be ordered as it is.
    #[error("the cart cannot be ordered as it is: check it, and show its problems")]
    HasProblems,
    /// No kitchen time is held for this cart, or no longer.
    #[error("no slot is held for this cart, or no longer: hold one first")]
    NotHeld,
    /// The cart has changed since it was shown for the last time, or never was.
    #[error("this was not shown as it would be ordered now: show the review again")]
    NotReviewed,
    /// An order of this cart was sent and nobody knows yet what became of it.
    #[error("order {order} may have arrived: resolve it first")]
    Unresolved {
        /// The order.
        order: OrderId,
    },
    /// No order on this phone has this id.
    #[error("there is no such order on this phone: refresh and look again")]
    NoSuchOrder,
    /// No saved cart has this name.
    #[error("there is no saved cart of this name: show them again")]
    NoSuchFavourite,
    /// An order at a table needs an open session there.
    #[error("scan the code at the seat first: the order goes to its table")]
    NeedsSeat,
    /// The seat's code is none, forged, too old, or of another store.
    #[error("this seat code does not hold: {detail}")]
    SeatRefused {
        /// Why.
        detail: String,
    },
    /// A push message that says nothing new, or is none.
    #[error("this push message says nothing about an order of this phone: refresh instead")]
    BadPush,
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

impl OrderingError {
    pub(super) fn bad(detail: &str) -> Self {
        Self::BadCart { detail: detail.to_owned() }
    }
}

impl From<StorageError> for OrderingError {
    fn from(error: StorageError) -> Self {
        Self::Storage { error }
    }
}

impl From<PlatformError> for OrderingError {
    fn from(error: PlatformError) -> Self {
        Self::Platform { error }
    }
}

impl From<CallError> for OrderingError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused { code: Reason::SeatRefused, detail, .. } => Self::SeatRefused { detail },
            CallError::Refused { code: Reason::CardNumber, .. } => Self::CardNumber,
            // Overload passes; anything else of the server's is its word.
            CallError::Refused { status, code, detail, .. } if (400..500).contains(&status) && ![408, 425, 429].contains(&status) => {
                Self::Refused { code, detail }
            }
            error => Self::Call { error },
        }
    }
}

impl From<AuthorizerError> for OrderingError {
    fn from(error: AuthorizerError) -> Self {
        match error {
            AuthorizerError::Call(error) => error.into(),
            AuthorizerError::Platform(error) => Self::Platform { error },
            AuthorizerError::Storage(error) => Self::Storage { error },
        }
    }
}

impl From<OutboxError> for OrderingError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Storage { error } => Self::Storage { error },
            OutboxError::Platform { error } => Self::Platform { error },
            OutboxError::NoSuchIntent | OutboxError::MayHaveArrived => Self::NoSuchOrder,
        }
    }
}

impl From<PriceError> for OrderingError {
    fn from(error: PriceError) -> Self {
        match error {
            PriceError::NotOnMenu { .. } => Self::HasProblems,
            error => Self::BadCart { detail: error.to_string() },
        }
    }
}
