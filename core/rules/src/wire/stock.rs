//! Stock, holds and the tasks of a store between apps, tills and the backend.

use serde::{Deserialize, Serialize};

use crate::holds::HoldState;
use crate::ids::{HoldId, OrderId, Sku, StoreId};
use crate::stock::{ChanceModel, StockEvent, StockSource};

response! {
    /// Stock of the stores that were asked for: what has changed since the versions that the phone has.
    pub struct StockPage {
        /// In the order in which they were asked for, then the online shop's where it was not among them. A store that is not known is left out, and
        /// so is one to which this answer did not come any more for its limit: ask for it again.
        pub stores: Vec<StoreStock>,
        /// How the chance that something is there is computed from a level.
        pub model: ChanceModel,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// What has changed in one store.
    pub struct StoreStock {
        /// The store.
        pub store: StoreId,
        /// Everything that happened there before this is in the levels, as far as its tills have said it: how old what is said here is. Absent while
        /// nothing was ever heard of the store: then nothing can be said.
        pub as_of_ms: Option<i64>,
        /// Where the levels come from.
        pub source: StockSource,
        /// True for the online shop's stock: nobody walks there.
        pub is_ec: bool,
        /// True when something can be held there.
        pub holds: bool,
        /// To be sent back: only what is newer is answered then.
        pub version: u64,
        /// True when there is more: ask again with this version.
        pub has_more: bool,
        /// Changed levels, oldest change first. A variant without a level was never there.
        pub levels: Vec<StockLevel>,
    }
}

response! {
    /// How much of a variant there is in a store.
    pub struct StockLevel {
        /// The variant.
        pub sku: Sku,
        /// Available to promise: on hand, less reserved, less safety stock, never below 0. Absent when the books cannot be right (more was sold than
        /// there was): then nobody knows.
        pub available: Option<u32>,
        /// Pieces on display, which are not sold.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub display: u32,
        /// Pieces on the way to the store.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub in_transit: u32,
        /// Where it lies: floor, aisle, shelf, as the store writes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub shelf: Option<String>,
        /// Pieces sold there a day, in thousandths.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub sold_per_day_milli: u32,
        /// How likely it is that the record is wrong and nothing is there, in thousandths: from the time since the last count and from picks that found
        /// nothing.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub error_permille: u32,
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

request! {
    /// What happened to stock; in any order, as often as it takes: an event counts once, by its source and id.
    pub struct StockEventsRequest {
        /// The events, at most 5,000 a call.
        pub events: Vec<StockEvent>,
        /// The sender has said everything up to here about these stores; absent where it does not know. Events of a store of the source
        /// [`StockSource::PosFeed`] say it by their time, too; of the others nothing else says how old their levels are.
        #[serde(default)]
        pub said_until_ms: Option<i64>,
        /// Stores of `said_until_ms`; a till's own store where this is empty.
        #[serde(default)]
        pub stores: Vec<StoreId>,
    }
}

response! {
    /// What became of events.
    pub struct StockEventsAnswer {
        /// How many were new.
        pub new: u64,
        /// How many were known before.
        pub known: u64,
        /// How many came again under the source and id of another event, with other contents: these do not count. Each event needs an id of its own.
        pub conflicting: u64,
        /// How many of the new ones wait because their time has not come yet: a clock that is ahead.
        pub ahead: u64,
    }
}

request! {
    /// Hold a variant in a store for me.
    pub struct HoldRequest {
        /// The store.
        pub store: StoreId,
        /// The variant.
        pub sku: Sku,
        /// Pieces, 1 to 10.
        pub quantity: u32,
        /// In how many minutes the shopper will be there, 0 to 1,440.
        pub eta_min: u32,
    }
}

response! {
    /// What became of a wish to hold.
    pub struct HoldAnswer {
        /// The hold; absent when there is none.
        pub hold: Option<Hold>,
        /// Why there is none.
        pub refused: Option<HoldRefusal>,
        /// Where else it is, nearest to that store first, then the online shop; empty when it is held.
        pub alternatives: Vec<HoldAlternative>,
    }
}

/// Why something is not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldRefusal {
    /// Not so many are available: somebody was faster, or the phone's answer was old.
    InsufficientStock,
    /// The books of the store cannot be right, or are too old, so nothing can be promised.
    StockUnknown,
    /// The store holds nothing for anybody, or there is no such variant or store.
    NotOffered,
    /// The shopper comes too late: longer away than the store holds.
    TooFar,
    /// The member holds as much as one may, here or in all.
    TooMany,
    /// There is such a hold already: one a member a variant.
    AlreadyHeld,
    /// The store is closed until after the hold would be over.
    Closed,
    /// The member's hold of the same variant there ran out a moment ago: it can be held again later.
    TooSoon,
}

response! {
    /// A store that has it.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct HoldAlternative {
        /// The store.
        pub store: StoreId,
        /// True for the online shop.
        pub is_ec: bool,
        /// How many are available there, at most 99.
        pub available: u32,
        /// As of when.
        pub as_of_ms: i64,
        /// Where its levels come from: what the answer is worth.
        pub source: StockSource,
        /// Metres from the store that was asked for; absent for the online shop, and where no place says where one of the two is.
        pub distance_m: Option<u32>,
    }
}

response! {
    /// A hold.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct Hold {
        /// Its id.
        pub id: HoldId,
        /// The store.
        pub store: StoreId,
        /// The variant.
        pub sku: Sku,
        /// Pieces.
        pub quantity: u32,
        /// Where it stands.
        pub state: HoldState,
        /// When it ends, unless the shopper comes nearer.
        pub until_ms: i64,
        /// It never lasts longer than this.
        pub cap_ms: i64,
        /// When it was made.
        pub made_at_ms: i64,
        /// Number on the hold shelf, once it was picked.
        pub shelf_number: Option<String>,
        /// The words to say at the till: the last 4 characters of the id, in capitals.
        pub call: String,
    }
}

response! {
    /// A member's holds: those that are live, and those that ended within 24 hours.
    pub struct Holds {
        /// Newest first.
        pub holds: Vec<Hold>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

request! {
    /// Still coming, n minutes.
    pub struct HoldProgressRequest {
        /// The hold.
        pub hold: HoldId,
        /// In how many minutes the shopper will be there.
        pub eta_min: u32,
        /// When that was so, by the trusted clock: an older word than the last is not heard.
        pub at_ms: i64,
    }
}

request! {
    /// Not coming: the piece is free again.
    pub struct HoldReleaseRequest {
        /// The hold.
        pub hold: HoldId,
    }
}

response! {
    /// Tasks of a till's store.
    pub struct StoreTasks {
        /// Open ones first, the earliest deadline first; then those that ended within the last two hours.
        pub tasks: Vec<StoreTask>,
        /// The store's name where a place says it, else its id.
        pub store_name: String,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// Something to fetch from the sales floor, or to hand over. It names no member.
    pub struct StoreTask {
        /// The hold.
        pub hold: Hold,
        /// What to fetch, in Japanese where it is known.
        pub title: String,
        /// Colour and size.
        pub variant: String,
        /// Where it lies.
        pub shelf: Option<String>,
        /// In how many minutes the shopper says to be there, as of `as_of_ms`; absent when the word is old.
        pub eta_min: Option<u32>,
        /// The order whose goods these are; absent for a hold. They are handed over with the order.
        pub order: Option<OrderId>,
    }
}

/// What the staff did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TaskDone {
    /// It lies on the hold shelf.
    Picked {
        /// The number there, 1 to 20 characters.
        shelf_number: String,
    },
    /// It is not where it should be: the books were wrong.
    NotFound,
    /// The shopper has it.
    HandedOver,
    /// It went back to the sales floor.
    PutBack,
}

request! {
    /// The staff has done something about a task.
    pub struct StoreTaskRequest {
        /// The hold.
        pub hold: HoldId,
        /// What was done.
        pub done: TaskDone,
    }
}

request! {
    /// What an operator says about stores as places of stock. What is absent stays as it is.
    pub struct PutStock {
        /// Stores, warehouses and the online shop.
        #[serde(default)]
        pub stores: Vec<StockLocation>,
        /// Safety stock and shelves.
        #[serde(default)]
        pub settings: Vec<StockSetting>,
    }
}

/// A place that has stock: a store is not always a warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StockLocation {
    /// The store.
    pub store: StoreId,
    /// Where its levels come from.
    pub source: StockSource,
    /// True for the online shop's stock.
    #[serde(default)]
    pub is_ec: bool,
    /// True when something can be held there.
    #[serde(default)]
    pub holds: bool,
}

/// What a store wants for a variant. What is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StockSetting {
    /// The store.
    pub store: StoreId,
    /// The variant.
    pub sku: Sku,
    /// Pieces that are never promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety: Option<u32>,
    /// Where it lies; empty for nowhere that could be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shelf: Option<String>,
}

response! {
    /// Levels that cannot be right: to be counted.
    pub struct StockFlags {
        /// The flags.
        pub flags: Vec<StockFlag>,
    }
}

response! {
    /// A level that cannot be right.
    pub struct StockFlag {
        /// The store.
        pub store: StoreId,
        /// The variant.
        pub sku: Sku,
        /// What the books say, below 0; or what they said before nothing was found.
        pub on_hand: i64,
        /// `negative` or `not_found`.
        pub cause: String,
        /// Since when.
        pub since_ms: i64,
    }
}
