//! What happens to stock.

use serde::{Deserialize, Serialize};

use crate::ids::{Sku, StoreId};

/// Where a store's levels come from: what an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StockSource {
    /// Tills and movements as they happen.
    PosFeed,
    /// Files of another system, now and then.
    Batch,
    /// Counts alone.
    Count,
}

/// What state pieces are in. Only those on the sales floor are available to promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StockState {
    /// On the sales floor or in the stock room: for sale.
    Sellable,
    /// A display piece.
    Display,
    /// In a fitting room.
    FittingRoom,
    /// Damaged.
    Damaged,
    /// On the hold shelf.
    HoldShelf,
    /// On the way to the store.
    InTransit,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StockEventKind {
    /// Sold at a till, or shipped for an order of the online shop.
    Sale {
        /// Pieces, 1 or more.
        quantity: u32,
    },
    /// Brought back.
    Return {
        /// Pieces, 1 or more.
        quantity: u32,
        /// What state they are in.
        state: StockState,
    },
    /// Counted: so many there are, whatever was said of the time before.
    Count {
        /// Pieces.
        quantity: u32,
        /// Of which state.
        state: StockState,
    },
    /// More or less than before for a reason of its own: delivery, theft, breakage.
    Adjustment {
        /// Pieces; negative for less.
        quantity: i64,
        /// Of which state.
        state: StockState,
    },
    /// From one state to another.
    Move {
        /// Pieces, 1 or more.
        quantity: u32,
        /// Before.
        from: StockState,
        /// After.
        to: StockState,
    },
    /// Sent to another store. It is on the way there until that store says `TransferIn`.
    TransferOut {
        /// Pieces, 1 or more.
        quantity: u32,
        /// To which store.
        to: StoreId,
    },
    /// Arrived from another store.
    TransferIn {
        /// Pieces, 1 or more.
        quantity: u32,
        /// From which store.
        from: StoreId,
    },
}

/// Something that happened to the stock of a variant in a store. It counts once, by `source` and `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StockEvent {
    /// Who says it: a till by its id, or another system. 1 to 64 visible ASCII characters. What the backend says itself, of receipts and holds, begins
    /// with `noren-`.
    pub source: String,
    /// Its id there. 1 to 100 visible ASCII characters.
    pub id: String,
    /// The store.
    pub store: StoreId,
    /// The variant.
    pub sku: Sku,
    /// When it happened, in milliseconds since the Unix epoch, by the source's clock.
    pub at_ms: i64,
    /// What happened.
    pub kind: StockEventKind,
}
