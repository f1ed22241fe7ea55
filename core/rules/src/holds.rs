//! Holds: pieces kept for a shopper who is on the way.

use serde::{Deserialize, Serialize};

/// Where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Reserved in the books; nobody has fetched it yet.
    Requested,
    /// It lies on the hold shelf: only now it is promised as kept.
    Picked,
    /// The staff did not find it. The books were wrong.
    NotFound,
    /// The shopper has it.
    HandedOver,
    /// The shopper does not come; or the staff put it back.
    Released,
    /// Its time was over.
    Expired,
}

impl HoldState {
    /// True while it keeps pieces.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Requested | Self::Picked)
    }
}
