//! The points ledger: append-only, kept by the backend; the balance is the sum.

use serde::{Deserialize, Serialize};

use crate::ids::ReceiptId;

/// Why points moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PointsKind {
    /// 付与: given with a purchase.
    Earn,
    /// 利用: used.
    Burn,
    /// 失効: run out.
    Expire,
    /// 調整: corrected by the operator.
    Adjust,
    /// 取消: taken back or given back because a purchase was returned or voided.
    Reverse,
}

/// One entry of the ledger. Entries are never changed and never removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PointsEntry {
    /// Why.
    pub kind: PointsKind,
    /// How many; negative where points leave the member.
    pub points: i64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The receipt it belongs to.
    pub receipt_id: Option<ReceiptId>,
}
