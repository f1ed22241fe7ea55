//! Products, as the app shows them.

use noren_rules::catalogue::{AssetInfo, Price, SizeMm};
use noren_rules::ids::{IdempotencyKey, ProductId, Sku, StoreId};
use noren_rules::receipt::Channel;
use noren_rules::scan::{Gtin, Scanned};
use noren_rules::wire::{BackInStock, Reason, Review};

use crate::outbox::IntentState;
use crate::replica::Freshness;

/// What a scan led to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ScanView {
    /// What was read. A URL of anybody is to be shown, host first, and opened only if the person says so.
    pub scanned: Scanned,
    /// The product, with the scanned variant in its `sku`, when it is known on this device.
    pub product: Option<ProductView>,
    /// The number of a product that is not known on this device: `find(number)` asks online. `None` when it is known, and when what was read is no
    /// product (a member, a seat, a URL).
    pub not_known: Option<String>,
    /// True when the store will hear of this scan, without hearing of whom.
    pub counted: bool,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ProductView {
    /// Its id.
    pub id: ProductId,
    /// The variant that was asked for, by its bars, its number or its sku; `None` when the product was.
    pub sku: Option<Sku>,
    /// Its title in the app's language; in Japanese or English where there is none.
    pub title: String,
    /// How the title is read, in kana.
    pub reading: Option<String>,
    /// The brand.
    pub brand: Option<String>,
    /// What it is made of and for, in the app's language; may be empty.
    pub description: String,
    /// In the operator's order.
    pub variants: Vec<VariantView>,
    /// The same as a table of colour by size.
    pub matrix: VariantMatrix,
    /// Pictures and models for AR: load the bytes, and show them only if `check_asset` takes them.
    pub assets: Vec<AssetInfo>,
    /// How large it stands in a room, where that matters.
    pub size_mm: Option<SizeMm>,
    /// How many reviews there are.
    pub ratings: u32,
    /// Stars on the average, in thousandths (4,250 are 4.25); `None` without a review.
    pub average_milli: Option<u32>,
    /// The server said all this at this moment, in milliseconds since the Unix epoch.
    pub as_of_ms: i64,
    /// False when the clock was not heard from a server since the phone was started: prices that change then may be another day's.
    pub time_proven: bool,
}

/// A variant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct VariantView {
    /// The shop's article code.
    pub sku: Sku,
    /// What is printed below its bars.
    pub gtin: Option<Gtin>,
    /// Its colour, as the shop calls it.
    pub colour: Option<String>,
    /// Its size, as the shop calls it.
    pub size: Option<String>,
    /// What it costs now, by channel; a channel without a price is left out.
    pub prices: Vec<ChannelPrice>,
    /// True when the member likes it.
    pub liked: bool,
}

/// A price in a channel now, and what it changes to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ChannelPrice {
    /// The channel.
    pub channel: Channel,
    /// What it costs now; `None` when it is not sold there now and will be.
    pub price: Option<Price>,
    /// When that changes, in milliseconds since the Unix epoch; `None` when no change is known.
    pub next_change_ms: Option<i64>,
    /// What it costs then; `None` when it is not sold there from then on, or no change is known.
    pub next: Option<Price>,
}

/// Variants as a table of colour by size, in the order of the operator's list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct VariantMatrix {
    /// The columns; `None` is what has no size.
    pub sizes: Vec<Option<String>>,
    /// The rows.
    pub rows: Vec<MatrixRow>,
}

/// The variants of one colour.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MatrixRow {
    /// The colour; `None` is what has none.
    pub colour: Option<String>,
    /// One for each size; `None` where there is no such variant.
    pub skus: Vec<Option<Sku>>,
}

/// A product in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ProductSummary {
    /// Its id, for `product(id)`.
    pub id: ProductId,
    /// Its title in the app's language; in Japanese or English where there is none.
    pub title: String,
    /// The brand.
    pub brand: Option<String>,
    /// Its first picture.
    pub image: Option<AssetInfo>,
    /// The lowest price of its variants in stores now; online where no store has one.
    pub price: Option<Price>,
    /// True when some variants cost more.
    pub price_varies: bool,
    /// How many reviews there are.
    pub ratings: u32,
    /// Stars on the average, in thousandths; `None` without a review.
    pub average_milli: Option<u32>,
    /// The server said all this at this moment, in milliseconds since the Unix epoch.
    pub as_of_ms: i64,
    /// False when the clock was not heard from a server since the phone was started: the price may be another day's.
    pub time_proven: bool,
}

/// Reviews of a product, as far as they were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ReviewsView {
    /// Verified ones first, then the newest.
    pub reviews: Vec<Review>,
    /// For `refresh_reviews`: where the next page begins; `None` when there is no more.
    pub next: Option<String>,
    /// How many reviews there are on the server.
    pub ratings: u32,
    /// Stars on the average, in thousandths; `None` without a review.
    pub average_milli: Option<u32>,
    /// The server said all this at this moment; `None` before the first time.
    pub as_of_ms: Option<i64>,
    /// What the member wrote and the server has not taken yet, or has refused.
    pub own: Option<OwnReview>,
}

/// A review of the member's that is on its way, or was refused. A refused one stays until it is written again or its intent is dismissed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct OwnReview {
    /// Its intent, for `dismiss`.
    pub key: IdempotencyKey,
    /// Where it stands.
    pub state: IntentState,
    /// Why the server refused it.
    pub reason: Option<Reason>,
    /// 1 to 5.
    pub stars: u8,
    /// What was written.
    pub text: String,
}

/// What sells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RankingView {
    /// The best first.
    pub products: Vec<RankedView>,
    /// How fresh it is.
    pub freshness: Freshness,
}

/// A product in the ranking.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RankedView {
    /// Its rank, from 1; equal sales have equal ranks.
    pub rank: u32,
    /// Pieces sold.
    pub sold: u64,
    /// The product.
    pub product: ProductSummary,
}

/// What the member likes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct FavouritesView {
    /// Newest first.
    pub favourites: Vec<FavouriteView>,
    /// What came back of late, newest first; only of what is still liked.
    pub back_in_stock: Vec<BackInStock>,
    /// How fresh the server's word is.
    pub freshness: Freshness,
}

/// A variant that the member likes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct FavouriteView {
    /// The variant.
    pub sku: Sku,
    /// Stores in which it is watched.
    pub watch: Vec<StoreId>,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: i64,
    /// True while the server has not heard of it.
    pub waiting: bool,
    /// Its product, when it is known on this device.
    pub product: Option<ProductSummary>,
}

/// What a refresh of favourites brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct FavouritesReport {
    /// True when anything is different.
    pub changed: bool,
    /// What came back since the last refresh: to be told to the member, once.
    pub back_in_stock: Vec<BackInStock>,
}
