//! Purchase history: receipts of store, online shop and mobile order in one timeline; pulled by cursor, readable offline.
//!
//! - A receipt's row id `pos` holds its time: `(sold_at in s << 20) + (milliseconds << 10) + a number that tells equal ones apart`. The
//!   timeline is the order of the rows, and a page is one range of one table.
//! - Lines name their description by number (`titles`); search looks through the titles, not through the lines.
//! - Totals per month are kept in the transaction that changes a receipt.

pub(crate) mod bought;
pub(crate) mod coupons;
mod endpoints;
mod errors;
mod export;
mod ingest;
mod models;
mod rollup;
mod search;
mod service;
mod tables;

pub use errors::PurchasesError;
pub use models::{HistoryPage, MonthTotal, ReceiptSummary, SyncReport};
pub use service::HistoryStore;
pub(crate) use service::KIND_CLAIM;
pub use service::{COLLECTION, PurchasesService};
pub use tables::{CACHE_DB, PURCHASES_V1};
