//! Stock: how much of a variant there is in the stores near, pinned and seen, and in the online shop; read on the phone at once.
//!
//! - The server learns ids of stores and never a position: the phone knows by the places which stores are near (`near`), goes by the tile it is in
//!   and not by where in it, and asks in the order of the ids.
//! - Each store carries a version; only what has changed comes. Rows and versions of a page are committed together, so that a lost answer leaves every
//!   store as it was. A store is heard of when its first pull has come to its end.
//! - What is answered is a [`noren_rules::stock::StockAnswer`], which cannot be without its time and source and is 'last known' when it is old.
//! - Levels stand in blocks of 64 variants a store (`packed`), and beside them which stores have what: the nearest stores that have each variant of
//!   a product are found without reading a level that is not shown.

mod endpoints;
mod errors;
mod map;
mod models;
mod near;
mod nearest;
mod packed;
mod service;
mod tables;
mod take_in;
#[cfg(test)]
mod tests;

pub use errors::StockError;
pub use models::{NextStep, StockMatrix, StockQuestion, StockReport, StockStoreView, StoreAnswer, VariantStock};
pub use service::StockService;
pub use tables::{PINNED_V1, STOCK_V1, StockStore};
pub use take_in::StockTaken;

/// The collection of stock in the replica.
pub const STOCK_COLLECTION: &str = "stock";
