//! Products, reviews, rankings and favourites between an app and the backend, and what is counted of them.

use serde::{Deserialize, Serialize};

use super::places::TextByLanguage;
use crate::catalogue::{AssetInfo, SizeMm, VariantInfo};
use crate::ids::{ProductId, Sku, StaffId, StoreId};
use crate::tax::TaxClass;

/// A product with its variants, as the operator gives it and as a phone gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProductInfo {
    /// Its id.
    pub id: ProductId,
    /// What the shopper reads.
    pub title: TextByLanguage,
    /// How the title is read, in kana, where the writing does not say; searched as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// The brand; searched as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// What it is made of and for.
    #[serde(default, skip_serializing_if = "TextByLanguage::is_empty")]
    pub description: TextByLanguage,
    /// One at least. Where there are several they differ in colour or size.
    pub variants: Vec<VariantInfo>,
    /// Pictures and models for AR; the first picture is the one of a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AssetInfo>,
    /// How large it stands in a room, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_mm: Option<SizeMm>,
    /// What it is for the tax; goods where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_class: Option<TaxClass>,
    /// How old one must be to buy it (酒類・たばこ: 20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_age: Option<u8>,
}

response! {
    /// A product with what others think of it.
    pub struct ProductRecord {
        /// The product.
        pub product: ProductInfo,
        /// Reviews.
        pub ratings: u32,
        /// Sum of their stars, 1 to 5 each.
        pub stars: u32,
        /// Rises with each change: of two records of a product the higher is the newer.
        pub version: u64,
    }
}

response! {
    /// Products that were asked for.
    pub struct ProductPage {
        /// Those that are known: by ids, skus and GTINs in the order of the ids, by text the best first.
        pub products: Vec<ProductRecord>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// What sells, by the operator's sales of the last 28 days.
    pub struct Ranking {
        /// The best first; see [`crate::catalogue::rank`] for the order of equals.
        pub products: Vec<RankedProduct>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// A product in a ranking.
    pub struct RankedProduct {
        /// Its rank, from 1. Equal sales have equal ranks, and the next one is left out (1, 2, 2, 4).
        pub rank: u32,
        /// Pieces sold.
        pub sold: u64,
        /// The product.
        pub record: ProductRecord,
    }
}

request! {
    /// A member's opinion. A second one on the same product takes the place of the first.
    pub struct ReviewRequest {
        /// The product.
        pub product: ProductId,
        /// 1 to 5.
        pub stars: u8,
        /// At most 2,000 characters; may be empty.
        pub text: String,
        /// BCP 47 tag of the text.
        pub language: String,
    }
}

response! {
    /// A review as others read it: without a name.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct Review {
        /// Names it.
        pub id: String,
        /// 1 to 5.
        pub stars: u8,
        /// What was written.
        pub text: String,
        /// BCP 47 tag.
        pub language: String,
        /// True when the member has bought the product and kept it.
        pub verified: bool,
        /// When, in milliseconds since the Unix epoch.
        pub at_ms: i64,
    }
}

response! {
    /// A review in an export.
    pub struct ReviewExport {
        /// The product.
        pub product: ProductId,
        /// What others read.
        pub review: Review,
    }
}

response! {
    /// Reviews of a product, verified ones first, then the newest.
    pub struct ReviewPage {
        /// The reviews.
        pub reviews: Vec<Review>,
        /// Where the next page begins; absent on the last.
        pub next: Option<String>,
        /// Reviews in all.
        pub ratings: u32,
        /// Sum of their stars.
        pub stars: u32,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

request! {
    /// A member likes a variant, or does not any more.
    pub struct FavouriteRequest {
        /// The variant.
        pub sku: Sku,
        /// True to keep it, false to forget it.
        pub wanted: bool,
        /// Stores in which it is to be watched: a note is made when it is back there. Empty: only kept.
        #[serde(default)]
        pub watch: Vec<StoreId>,
    }
}

response! {
    /// What a member likes, and what is back.
    pub struct Favourites {
        /// Newest first.
        pub favourites: Vec<Favourite>,
        /// Newest first, of the last 30 days.
        pub back_in_stock: Vec<BackInStock>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// A variant that a member likes.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct Favourite {
        /// The variant.
        pub sku: Sku,
        /// Stores in which it is watched.
        pub watch: Vec<StoreId>,
        /// Since when, in milliseconds since the Unix epoch.
        pub since_ms: i64,
    }
}

response! {
    /// A watched variant came back.
    #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
    pub struct BackInStock {
        /// The variant.
        pub sku: Sku,
        /// The store.
        pub store: StoreId,
        /// When it was out before and there again, in milliseconds since the Unix epoch.
        pub at_ms: i64,
    }
}

/// What happened to a product in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReactionKind {
    /// A shopper scanned it.
    Scan,
    /// A shopper asked the staff about it.
    Question,
    /// A shopper was shown it, or tried it.
    Demo,
}

/// Something that a member did with a product in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// What.
    pub kind: ReactionKind,
    /// With which variant.
    pub sku: Sku,
    /// In which store.
    pub store: StoreId,
    /// When, in milliseconds since the Unix epoch, by the trusted clock. A call with one that is more than 5 minutes ahead of the server is refused;
    /// what is less ahead was just now.
    pub at_ms: i64,
}

request! {
    /// What a member did in stores. The same kind, variant, store and moment counts once.
    pub struct ReactionsRequest {
        /// At most 200 a call.
        pub reactions: Vec<Reaction>,
    }
}

request! {
    /// What the staff of a till's store saw, without saying of whom.
    pub struct StoreReactionRequest {
        /// What.
        pub kind: ReactionKind,
        /// With which variant.
        pub sku: Sku,
        /// Who served, for their credit.
        #[serde(default)]
        pub staff: Option<StaffId>,
    }
}

response! {
    /// It is counted.
    pub struct ReactionsKept {
        /// How many were of known variants.
        pub kept: u32,
    }
}

response! {
    /// Reactions of stores.
    pub struct ReactionCounts {
        /// By store, variant, kind and staff.
        pub counts: Vec<ReactionCount>,
    }
}

response! {
    /// How often something happened.
    pub struct ReactionCount {
        /// The store.
        pub store: StoreId,
        /// The variant.
        pub sku: Sku,
        /// What.
        pub kind: ReactionKind,
        /// Who served, where the staff said it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub staff: Option<StaffId>,
        /// How often.
        pub count: u64,
    }
}

response! {
    /// Purchases in the online shop that began in a store.
    pub struct StoreCredits {
        /// Newest first.
        pub credits: Vec<StoreCredit>,
    }
}

response! {
    /// A line of a purchase in the online shop that a store is credited with: the member scanned the product there within the window before it.
    pub struct StoreCredit {
        /// The store of the last scan.
        pub store: StoreId,
        /// The variant that was bought.
        pub sku: Sku,
        /// Pieces; less what was returned since.
        pub quantity: i64,
        /// What the line came to, in minor units; less what was returned since.
        pub amount_minor: i64,
        /// ISO 4217 code.
        pub currency: String,
        /// When it was scanned.
        pub scanned_at_ms: i64,
        /// When it was bought.
        pub bought_at_ms: i64,
    }
}

request! {
    /// Products to be known from now on; one with a known id takes the place of it.
    pub struct PutProducts {
        /// At most 1,000 a call.
        pub products: Vec<ProductInfo>,
        /// To be forgotten.
        #[serde(default)]
        pub remove: Vec<ProductId>,
    }
}
