//! One file a measure.

pub(crate) mod card;
pub(crate) mod events;
pub(crate) mod fences;
pub(crate) mod files;
pub(crate) mod ingest;
pub(crate) mod ordering;
pub(crate) mod orders;
pub(crate) mod page;
pub(crate) mod search;
pub(crate) mod stock;
pub(crate) mod totals;
