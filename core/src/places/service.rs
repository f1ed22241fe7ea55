//! The verbs of places.

use std::sync::Arc;

use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;
use noren_rules::places::Tile;

use super::{AreaReport, NearPage, PlaceBook, PlaceNear, PlacePage, PlaceView, PlacesError, TILES_WITHIN_M, pull_areas};
use crate::app::Core;
use crate::replica::Freshness;

/// The most places of one answer.
const MOST: u32 = 200;

/// Stores and rest stops. Cheap to clone; from `noren.places()`.
#[derive(Clone, Debug)]
pub struct PlacesService {
    core: Arc<Core>,
}

impl PlacesService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Asks the server what is newer around a position, places and rules of coupons in one request. It learns tiles of about 110 km, never
    /// the position. Call it where `check_in().observe()` says `area_due`, and when the map is opened.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is known stays readable, and says how old it is.
    pub async fn refresh(&self, position: &Position) -> Result<AreaReport, PlacesError> {
        pull_areas(&self.core, &Tile::around(position, TILES_WITHIN_M)).await
    }

    /// The `count` places that are nearest, at most 200. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn nearest(&self, position: &Position, count: u32) -> Result<NearPage, PlacesError> {
        let book = self.core.places.book()?;
        let count = usize::try_from(count.min(MOST)).unwrap_or_default();
        // The index goes by regions; what a person is told is the way to the ground.
        let places = book.index().nearest(position, count).iter().filter_map(|near| self.near(&book, position, near.number)).collect();
        self.page(&book, position, places)
    }

    /// The places whose ground is at most `radius_m` metres away, nearest first, at most 200. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn within(&self, position: &Position, radius_m: u32) -> Result<NearPage, PlacesError> {
        let book = self.core.places.book()?;
        let all = book.index().nearest(position, usize::try_from(MOST).unwrap_or_default());
        let near = all.iter().filter_map(|near| self.near(&book, position, near.number));
        let places = near.filter(|near| near.distance_m <= radius_m).collect();
        self.page(&book, position, places)
    }

    /// A place by its id. Local, at once.
    ///
    /// # Errors
    /// `NoSuchPlace`, `Storage`.
    pub fn place(&self, id: &PlaceId) -> Result<PlaceView, PlacesError> {
        let book = self.core.places.book()?;
        self.view(&book, id).ok_or(PlacesError::NoSuchPlace)
    }

    /// Places whose name or reading holds `text`: one character is enough; width, case and kana do not matter. Local, at once; at most 200.
    ///
    /// # Errors
    /// `Storage`.
    pub fn search(&self, text: &str, limit: u32) -> Result<PlacePage, PlacesError> {
        let book = self.core.places.book()?;
        let found = book.search(text, usize::try_from(limit.min(MOST)).unwrap_or_default());
        let places = found.into_iter().filter_map(|info| self.view(&book, &info.id)).collect();
        Ok(PlacePage { places, freshness: self.freshness()? })
    }

    /// How fresh what is known of places is: after a refresh without a network as of the last one that had one.
    ///
    /// # Errors
    /// `Storage`.
    pub fn freshness(&self) -> Result<Freshness, PlacesError> {
        Ok(self.core.places.freshness()?)
    }

    fn page(&self, book: &PlaceBook, position: &Position, mut places: Vec<PlaceNear>) -> Result<NearPage, PlacesError> {
        places.sort_by_key(|near| near.distance_m);
        Ok(NearPage { places, area_known: book.knows(position, TILES_WITHIN_M), freshness: self.freshness()? })
    }

    fn near(&self, book: &PlaceBook, position: &Position, number: usize) -> Option<PlaceNear> {
        let place = book.index().place(number)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half the Earth's girth is 20,000,000 m")]
        let distance_m = place.distance_m(position).max(0.0).round() as u32;
        Some(PlaceNear { place: self.view(book, place.id())?, distance_m })
    }

    fn view(&self, book: &PlaceBook, id: &PlaceId) -> Option<PlaceView> {
        Some(PlaceView::of(book.info(id)?, book.place(id)?, self.core.clock.now().now_s()))
    }
}
