//! What an event does to the books.

use super::events::{StockEvent, StockEventKind, StockState};
use crate::ids::StoreId;

/// Most pieces of one event, and the furthest that one adjustment goes: sums of as many events as there are stay within 64 bits.
pub const MOST_PIECES: u32 = 1_000_000_000;
/// The last millisecond of the year 9999: what is later is no time.
const LAST_MS: i64 = 253_402_300_799_999;

/// Why an event is not taken. Nothing of it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StockEventError {
    /// The source is empty, too long, or has other characters.
    #[error("the source of an event is 1 to 64 visible ASCII characters: name the till or system that says it")]
    Source,
    /// The id is empty, too long, or has other characters.
    #[error(
        "the id of an event is 1 to 100 visible ASCII characters: give each event of a source an id of its own, and the same one when it is sent again"
    )]
    Id,
    /// The store or the variant has no name, or one that is too long.
    #[error("store and sku are 1 to 100 characters: name the store and the variant that it happened to")]
    Name,
    /// Before 1970 or after 9999.
    #[error("the time of an event is in milliseconds since 1970: check its unit and the source's clock")]
    Time,
    /// No pieces, or more than a billion.
    #[error("an event is of 1 to 1,000,000,000 pieces (a count of 0 is one, an adjustment may be negative): check the quantity")]
    Quantity,
    /// Moved from a state to itself, or sent to the store where it is.
    #[error("an event moves pieces from one state or store to another: check both ends")]
    Nowhere,
}

/// What comes before what in the books: by time, then by source, then by id, so that the order is the same wherever events arrive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventOrder {
    /// When it happened, in milliseconds since the Unix epoch, by the source's clock.
    pub at_ms: i64,
    /// Who says it.
    pub source: String,
    /// Its id there.
    pub id: String,
}

/// What an event does to the pieces of one store in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockEffect {
    /// The store: of the event, or the other end of a transfer.
    pub store: StoreId,
    /// Pieces in which state.
    pub state: StockState,
    /// How they change.
    pub change: StockChange,
}

/// How a number of pieces changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockChange {
    /// So many there are, whatever happened before.
    Set(i64),
    /// So many more; negative for less.
    Add(i64),
}

impl StockEvent {
    /// Checks that it is one that the books can take.
    ///
    /// # Errors
    /// [`StockEventError`] names the first thing that is wrong.
    pub fn check(&self) -> Result<(), StockEventError> {
        if !is_visible(&self.source, 64) {
            return Err(StockEventError::Source);
        }
        if !is_visible(&self.id, 100) {
            return Err(StockEventError::Id);
        }
        if !is_name(self.store.as_str()) || !is_name(self.sku.as_str()) {
            return Err(StockEventError::Name);
        }
        if !(0..=LAST_MS).contains(&self.at_ms) {
            return Err(StockEventError::Time);
        }
        let some = |quantity: u32| if (1..=MOST_PIECES).contains(&quantity) { Ok(()) } else { Err(StockEventError::Quantity) };
        let elsewhere = |differ: bool| if differ { Ok(()) } else { Err(StockEventError::Nowhere) };
        match &self.kind {
            StockEventKind::Sale { quantity } | StockEventKind::Return { quantity, .. } => some(*quantity),
            StockEventKind::Count { quantity, .. } => some((*quantity).max(1)),
            StockEventKind::Adjustment { quantity, .. } => {
                u32::try_from(quantity.unsigned_abs()).map_or(Err(StockEventError::Quantity), some)
            }
            StockEventKind::Move { quantity, from, to } => some(*quantity).and_then(|()| elsewhere(from != to)),
            StockEventKind::TransferOut { quantity, to: other } | StockEventKind::TransferIn { quantity, from: other } => {
                if !is_name(other.as_str()) {
                    return Err(StockEventError::Name);
                }
                some(*quantity).and_then(|()| elsewhere(*other != self.store))
            }
        }
    }

    /// What it does: at most one change of each store and state.
    ///
    /// A sale takes from what is for sale. What is sent to another store is on the way there at once, and arrives when that store says so.
    #[must_use]
    pub fn effects(&self) -> Vec<StockEffect> {
        let add =
            |store: &StoreId, state: StockState, pieces: i64| StockEffect { store: store.clone(), state, change: StockChange::Add(pieces) };
        let here = &self.store;
        match &self.kind {
            StockEventKind::Sale { quantity } => vec![add(here, StockState::Sellable, -i64::from(*quantity))],
            StockEventKind::Return { quantity, state } => vec![add(here, *state, i64::from(*quantity))],
            StockEventKind::Count { quantity, state } => {
                vec![StockEffect { store: here.clone(), state: *state, change: StockChange::Set(i64::from(*quantity)) }]
            }
            StockEventKind::Adjustment { quantity, state } => vec![add(here, *state, *quantity)],
            StockEventKind::Move { quantity, from, to } => {
                vec![add(here, *from, -i64::from(*quantity)), add(here, *to, i64::from(*quantity))]
            }
            StockEventKind::TransferOut { quantity, to } => {
                vec![add(here, StockState::Sellable, -i64::from(*quantity)), add(to, StockState::InTransit, i64::from(*quantity))]
            }
            StockEventKind::TransferIn { quantity, .. } => {
                vec![add(here, StockState::InTransit, -i64::from(*quantity)), add(here, StockState::Sellable, i64::from(*quantity))]
            }
        }
    }

    /// Where it stands among all events.
    #[must_use]
    pub fn order(&self) -> EventOrder {
        EventOrder { at_ms: self.at_ms, source: self.source.clone(), id: self.id.clone() }
    }
}

fn is_visible(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// True for what can name a store or a variant: 1 to 100 characters, none of them a control character.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
