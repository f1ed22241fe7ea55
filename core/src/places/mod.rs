//! Stores and rest stops: fetched by area, read from the phone.
//!
//! - The server learns tiles of about 110 km ([`noren_rules::places::Tile`]) and never a position; a position is not kept, sent or logged in here.
//! - One request brings the places of the tiles that have changed and the rules of coupons that hold there; both are taken in together.
//! - All cached places stand in one index in memory ([`PlaceBook`]), made anew when a tile has changed.

mod areas;
mod book;
mod endpoints;
mod errors;
mod models;
mod service;
mod tables;

pub(crate) use areas::{TILES_WITHIN_M, pull_areas};
pub use book::PlaceBook;
pub(crate) use book::is_open;
pub use errors::PlacesError;
pub use models::{AreaReport, NearPage, PlaceNear, PlacePage, PlaceView, TenantView};
pub use service::PlacesService;
pub(crate) use tables::KeptRules;
pub use tables::{PLACES_V1, PlaceStore};

/// The collection of areas in the replica.
pub const AREAS_COLLECTION: &str = "areas";
