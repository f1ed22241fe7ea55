//! How much of what is where: events that count once in any order, what is available to promise, and the honest answer about it.

mod answer;
mod chance;
mod effects;
mod events;
mod ledger;
mod texts;

pub use answer::{Arrival, Band, BandRules, StockAnswer, StockOrigin, available};
pub use chance::{ChanceModel, ChanceQuestion, RecordEvidence};
pub use effects::{EventOrder, MOST_PIECES, StockChange, StockEffect, StockEventError, is_name};
pub use events::{StockEvent, StockEventKind, StockSource, StockState};
pub use ledger::StockLedger;

#[cfg(test)]
mod tests;
