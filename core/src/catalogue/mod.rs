//! The catalogue: what a camera reads leads to a product with its variants, prices, reviews and ranking; readable offline once it was seen.
//!
//! - A product comes by a scan, a search on the server, a ranking or a favourite, and stays: at most 5,000 of them, those go first that were not
//!   looked at for the longest time; favourites and what is held for the member never go. A newer version replaces, an older one never does.
//! - A scan is read by [`noren_rules::scan`] and answered from the phone at once. URLs of anybody are shown and never opened.
//! - What the member likes, thinks of a product and did in a store goes through the outbox: favourites count on the phone at once, a review that was
//!   written offline waits as a draft, reactions go in batches.

mod endpoints;
mod errors;
mod member_tables;
mod models;
mod opinions;
mod prices;
mod scans;
mod service;
mod tables;
mod views;

pub use errors::CatalogueError;
pub use models::{
    ChannelPrice, FavouriteView, FavouritesReport, FavouritesView, MatrixRow, OwnReview, ProductSummary, ProductView, RankedView,
    RankingView, ReviewsView, ScanView, VariantMatrix, VariantView,
};
pub(crate) use opinions::{KIND_FAVOURITE, KIND_REVIEW, accepts_favourites, accepts_review, apply_favourites};
pub(crate) use scans::{KIND_REACTIONS, accepts_reactions};
pub use service::{CatalogueService, FAVOURITES_COLLECTION, RANKING_COLLECTION};
pub use tables::CATALOGUE_V1;
pub(crate) use tables::{CatalogueStore, ProductNumber};
