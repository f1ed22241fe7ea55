//! The history, as the app shows it.

use noren_rules::ids::ReceiptId;
use noren_rules::receipt::{Channel, ReceiptKind};

use crate::replica::Freshness;

/// A receipt in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ReceiptSummary {
    /// Its place in the timeline: greater is newer. `before` of the next page.
    pub pos: i64,
    /// The receipt, for `receipt(id)`.
    pub id: ReceiptId,
    /// Number printed on it.
    pub number: String,
    /// Where it was bought.
    pub channel: Channel,
    /// Sale, return or amendment.
    pub kind: ReceiptKind,
    /// When, in milliseconds since the Unix epoch, UTC.
    pub sold_at_ms: i64,
    /// The day in the store's own time zone, `YYYY-MM-DD`.
    pub business_date: String,
    /// The store's name at the time.
    pub store_name: String,
    /// ISO 4217.
    pub currency: String,
    /// In minor units, tax included; negative on a return.
    pub total_minor: i64,
    /// Points given or taken back.
    pub points: i64,
    /// How many lines.
    pub line_count: u32,
    /// True when the till cancelled it: it counts nothing.
    pub voided: bool,
    /// True when the paper was printed again.
    pub reissued: bool,
}

/// A page of the timeline, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HistoryPage {
    /// Newest first.
    pub receipts: Vec<ReceiptSummary>,
    /// `before` of the next page; `None` at the end.
    pub next: Option<i64>,
    /// How fresh and how whole the history is.
    pub freshness: Freshness,
}

/// What came to what in a month, in one currency and one channel. Cancelled receipts count nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MonthTotal {
    /// `YYYY-MM`, by the store's own day.
    pub month: String,
    /// ISO 4217.
    pub currency: String,
    /// Where it was bought.
    pub channel: Channel,
    /// Sum of sales and their amendments, in minor units.
    pub sales_minor: i64,
    /// Sum of returns, in minor units: zero or negative.
    pub returns_minor: i64,
    /// `sales_minor + returns_minor`.
    pub net_minor: i64,
    /// Sales, without amendments.
    pub sales_count: u32,
    /// Returns.
    pub returns_count: u32,
}

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SyncReport {
    /// Pages that were taken in.
    pub pages: u32,
    /// Receipts that were new.
    pub new_receipts: u32,
    /// Receipts that the server has changed (claimed, voided, amended in place).
    pub changed_receipts: u32,
    /// Receipts that came again as they were; they add nothing.
    pub unchanged_receipts: u32,
    /// Receipts that the server no longer has, found when a pull had to start again.
    pub removed_receipts: u32,
    /// True when the server had lost the cursor and the pull began again.
    pub started_again: bool,
}
