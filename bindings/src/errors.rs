//! What a verb can fail with: the feature's own error, or one of the few that belong to none.

use noren_core::catalogue::CatalogueError;
use noren_core::check_in::CheckInError;
use noren_core::coupons::CouponsError;
use noren_core::holds::HoldsError;
use noren_core::member::MemberError;
use noren_core::ordering::OrderingError;
use noren_core::outbox::OutboxError;
use noren_core::places::PlacesError;
use noren_core::purchases::PurchasesError;
use noren_core::stock::StockError;
use noren_core::storage::StorageError;
use noren_core::{ForgetError, OpenError};

/// Why a verb failed. Match on the kind, then on the feature's error inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum NorenError {
    /// The app core could not be opened.
    #[error("{error}")]
    Open {
        /// Why.
        error: OpenError,
    },
    /// Enrolment, card or links.
    #[error("{error}")]
    Member {
        /// Why.
        error: MemberError,
    },
    /// The purchase history.
    #[error("{error}")]
    Purchases {
        /// Why.
        error: PurchasesError,
    },
    /// Places.
    #[error("{error}")]
    Places {
        /// Why.
        error: PlacesError,
    },
    /// Check-in.
    #[error("{error}")]
    CheckIn {
        /// Why.
        error: CheckInError,
    },
    /// Coupons and stamps.
    #[error("{error}")]
    Coupons {
        /// Why.
        error: CouponsError,
    },
    /// Scanning, products, reviews and favourites.
    #[error("{error}")]
    Catalogue {
        /// Why.
        error: CatalogueError,
    },
    /// Stock.
    #[error("{error}")]
    Stock {
        /// Why.
        error: StockError,
    },
    /// Holds.
    #[error("{error}")]
    Holds {
        /// Why.
        error: HoldsError,
    },
    /// Menus, carts and orders.
    #[error("{error}")]
    Ordering {
        /// Why.
        error: OrderingError,
    },
    /// The outbox.
    #[error("{error}")]
    Outbox {
        /// Why.
        error: OutboxError,
    },
    /// Forget me.
    #[error("{error}")]
    Forget {
        /// Why.
        error: ForgetError,
    },
    /// The files.
    #[error("{error}")]
    Storage {
        /// Why.
        error: StorageError,
    },
    /// The verb's token was cancelled. An intent that it made stays in the outbox.
    #[error("cancelled")]
    Cancelled,
    /// The runtime could not do it; a defect in the core if it happens twice.
    #[error("the core could not run this: {reason}")]
    Runtime {
        /// What it said, for the log.
        reason: String,
    },
}

macro_rules! from {
    ($($error:ident => $variant:ident),*) => {
        $(impl From<$error> for NorenError {
            fn from(error: $error) -> Self {
                Self::$variant { error }
            }
        })*
    };
}

from!(
    OpenError => Open, MemberError => Member, PurchasesError => Purchases, PlacesError => Places, CheckInError => CheckIn,
    CouponsError => Coupons, CatalogueError => Catalogue, StockError => Stock, HoldsError => Holds, OrderingError => Ordering, OutboxError => Outbox, ForgetError => Forget, StorageError => Storage
);
