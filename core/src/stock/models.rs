//! Stock, as the app asks for it and shows it.

use noren_rules::ids::{PlaceId, ProductId, Sku, StoreId};
use noren_rules::stock::StockAnswer;

use crate::replica::Freshness;

/// What is asked of the stock on the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StockQuestion {
    /// All variants of this product, as far as it was seen on this phone; they come before `skus`.
    pub product: Option<ProductId>,
    /// Further variants, or the only ones. At most 500 in all.
    pub skus: Vec<Sku>,
    /// The variant that the shopper wants (the one that was scanned): next steps are about it.
    pub wanted: Option<Sku>,
    /// The store in which the shopper is, or which was chosen.
    pub here: Option<StoreId>,
    /// In how many minutes the shopper will be in a store. Absent: by the way to each store, walking 80 m a minute (不動産の表示に関する公正競争規約施行規則);
    /// where that is not known either, no chance is said.
    pub in_min: Option<u32>,
    /// Pieces that are wanted, 1 or more.
    pub quantity: u32,
    /// How many stores for each variant, at most 50.
    pub per_variant: u32,
    /// True: stores that are open now come before all that are closed. Stores whose stock was heard too long ago come last in any case.
    pub open_first: bool,
}

/// A store and what it has of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StoreAnswer {
    /// The store.
    pub store: StoreId,
    /// Its place, where the phone knows it.
    pub place: Option<PlaceId>,
    /// Its name, or its id where the phone knows no name.
    pub name: String,
    /// The way to its place in metres; absent without a position or a place.
    pub distance_m: Option<u32>,
    /// True when it is open now, by the trusted clock; absent where its hours are not known, and while the clock is not proven.
    pub open_now: Option<bool>,
    /// True when something can be held there.
    pub holds: bool,
    /// True for the online shop.
    pub is_ec: bool,
    /// How much there is, as of when, from where, and how likely it is there on arrival.
    pub answer: StockAnswer,
    /// The answer in Japanese, with its time by the store's clock.
    pub text_ja: String,
    /// The answer in English, likewise.
    pub text_en: String,
}

/// Where a variant is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct VariantStock {
    /// The variant.
    pub sku: Sku,
    /// Its colour, where its product was seen on this phone.
    pub colour: Option<String>,
    /// Its size, likewise.
    pub size: Option<String>,
    /// In the store in which the shopper is; absent without one, and where nothing was ever heard of that store.
    pub here: Option<StoreAnswer>,
    /// Other stores that have it, the nearest first; after them those that had it when they were heard of last, too long ago to go by.
    pub stores: Vec<StoreAnswer>,
    /// In the online shop, if it has it.
    pub online: Option<StoreAnswer>,
}

/// What the shopper can do next, the best first: by what the store's books said at `as_of_ms`. What happened there since, nobody has said yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum NextStep {
    /// It was here at `as_of_ms`, and the store holds things: whether this one is held, its answer says.
    HoldHere {
        /// The store.
        store: StoreId,
        /// The variant.
        sku: Sku,
        /// As of when its stock is known.
        as_of_ms: i64,
        /// True when that is older than what its source usually is.
        last_known: bool,
    },
    /// As many as are wanted were not here, or nobody knows; of another size or colour they were.
    OtherVariantHere {
        /// The store.
        store: StoreId,
        /// The other variant.
        sku: Sku,
        /// As of when its stock is known.
        as_of_ms: i64,
        /// True when that is older than what its source usually is.
        last_known: bool,
    },
    /// Another store had it.
    OtherStore {
        /// The store.
        store: StoreId,
        /// The variant.
        sku: Sku,
        /// True when the store holds things.
        holds: bool,
        /// As of when its stock is known.
        as_of_ms: i64,
        /// True when that is older than what its source usually is.
        last_known: bool,
    },
    /// The online shop had it.
    Online {
        /// The online shop.
        store: StoreId,
        /// The variant.
        sku: Sku,
        /// As of when its stock is known.
        as_of_ms: i64,
        /// True when that is older than what its source usually is.
        last_known: bool,
    },
}

/// The variants of a product and where they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StockMatrix {
    /// In the order of the question.
    pub variants: Vec<VariantStock>,
    /// What can be done about the wanted variant; empty without one.
    pub next_steps: Vec<NextStep>,
    /// How many stores have been heard of: none means that nothing can be said, not that nothing is there.
    pub stores_heard: u32,
    /// How fresh what is known is as a whole; each answer carries its own `as_of_ms`.
    pub freshness: Freshness,
}

/// A store whose stock is kept on the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StockStoreView {
    /// The store.
    pub store: StoreId,
    /// Its name, or its id where the phone knows no name.
    pub name: String,
    /// True when the member has pinned it.
    pub pinned: bool,
    /// True for the online shop.
    pub is_ec: bool,
    /// True when something can be held there.
    pub holds: bool,
    /// As of when its stock is known; absent: never heard.
    pub as_of_ms: Option<i64>,
}

/// What a refresh of stock brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StockReport {
    /// Stores that were asked for.
    pub stores: u32,
    /// Levels that had changed.
    pub levels: u32,
    /// Requests that it took.
    pub requests: u32,
}
