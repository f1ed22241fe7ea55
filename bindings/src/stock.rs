//! The verbs for whoever wants to know where it is, and have it kept: stock and holds.

use std::sync::Arc;

use noren_core::check_in::Observation;
use noren_core::holds::{HoldOutcome, HoldPage, HoldTrip, HoldWish, HoldsError};
use noren_core::member::Submission;
use noren_core::stock::{StockError, StockMatrix, StockQuestion, StockReport, StockStoreView, StoreAnswer};
use noren_rules::geo::{self, PositionError};
use noren_rules::ids::{HoldId, IdempotencyKey, Sku, StoreId};
use noren_rules::stock::Arrival;

use crate::app_core::AppCore;
use crate::cancel::CancelToken;
use crate::errors::NorenError;
use crate::runtime::run;

/// Where the phone is. It stays on the phone: distances are computed here.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct Position {
    /// Latitude in degrees (WGS84), north positive.
    pub lat_deg: f64,
    /// Longitude in degrees, east positive.
    pub lon_deg: f64,
}

fn position(at: Option<Position>) -> Result<Option<geo::Position>, PositionError> {
    at.map(|at| geo::Position::new(at.lat_deg, at.lon_deg)).transpose()
}

#[uniffi::export(async_runtime = "tokio")]
impl AppCore {
    /// Brings what has changed in the stores whose stock is kept: `stores` (those that are looked at), pinned ones, the online shop's, those near `at`,
    /// and those wanted within 30 days. The server learns their ids, and by those that are near the area of the phone (about 110 km, in a city down
    /// to 7 km), never the position.
    ///
    /// # Errors
    /// `Stock`; `Cancelled`. What is known stays readable.
    pub async fn refresh_stock(
        &self,
        stores: Vec<StoreId>,
        at: Option<Position>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<StockReport, NorenError> {
        let (stock, here) = (self.noren().stock(), position(at).map_err(StockError::from)?);
        run(cancel, async move { stock.refresh(&stores, here.as_ref()).await }).await
    }

    /// Where each variant of a product is: the nearest stores that have it, the online shop, and what to do next; one call for a whole matrix. Local.
    ///
    /// # Errors
    /// `Stock`: `NoSuchProduct`, `BadQuestion`, `Storage`.
    pub fn nearest_stock(&self, question: StockQuestion, at: Option<Position>) -> Result<StockMatrix, NorenError> {
        let here = position(at).map_err(StockError::from)?;
        Ok(self.noren().stock().nearest(&question, here.as_ref())?)
    }

    /// What is known of a variant in a store; `None` when nothing was ever heard of that store. Local.
    ///
    /// # Errors
    /// `Stock`: `Storage`.
    pub fn stock_in(&self, store: StoreId, sku: Sku, arrival: Arrival) -> Result<Option<StoreAnswer>, NorenError> {
        Ok(self.noren().stock().answer(&store, &sku, arrival)?)
    }

    /// Keeps a store's stock on the phone until it is unpinned; the next refresh brings it. Local, durable.
    ///
    /// # Errors
    /// `Stock`: `Storage`.
    pub fn pin_store(&self, store: StoreId, pinned: bool) -> Result<(), NorenError> {
        Ok(self.noren().stock().pin(&store, pinned)?)
    }

    /// The stores whose stock is kept, pinned ones first. Local.
    ///
    /// # Errors
    /// `Stock`: `Storage`.
    pub fn stock_stores(&self) -> Result<Vec<StockStoreView>, NorenError> {
        Ok(self.noren().stock().stores()?)
    }

    /// Asks a store to hold a variant. A second tap makes no second one; with no network it waits for ten minutes. Alternatives are ordered by the way
    /// from `at`.
    ///
    /// # Errors
    /// `Holds`: `BadWish`, `Refused`…; `Cancelled`: the wish stays in the outbox, and `take_back_hold` takes it back.
    pub async fn hold(&self, wish: HoldWish, at: Option<Position>, cancel: Option<Arc<CancelToken>>) -> Result<HoldOutcome, NorenError> {
        let (holds, here) = (self.noren().holds(), position(at).map_err(HoldsError::from)?);
        run(cancel, async move { holds.hold(&wish, here.as_ref()).await }).await
    }

    /// Holds and wishes, newest first: live ones, and those that ended within 24 hours. Local.
    ///
    /// # Errors
    /// `Holds`: `NotEnrolled`, `Storage`.
    pub fn holds(&self) -> Result<HoldPage, NorenError> {
        Ok(self.noren().holds().list()?)
    }

    /// Asks what the stores have done about the member's holds. True when something is different.
    ///
    /// # Errors
    /// `Holds`; `Cancelled`. What is known stays readable.
    pub async fn refresh_holds(&self, cancel: Option<Arc<CancelToken>>) -> Result<bool, NorenError> {
        let holds = self.noren().holds();
        run(cancel, async move { holds.refresh().await }).await
    }

    /// Still coming, in so many minutes: the store holds it for longer while that gets less, up to its cap.
    ///
    /// # Errors
    /// `Holds`: `NoSuchHold`, `BadWish`, `Refused`…; `Cancelled`.
    pub async fn still_coming(&self, hold: HoldId, eta_min: u32, cancel: Option<Arc<CancelToken>>) -> Result<Submission, NorenError> {
        let holds = self.noren().holds();
        run(cancel, async move { holds.still_coming(&hold, eta_min).await }).await
    }

    /// Not coming: the piece is free again.
    ///
    /// # Errors
    /// `Holds`: `NoSuchHold`, `Refused`…; `Cancelled`.
    pub async fn release_hold(&self, hold: HoldId, cancel: Option<Arc<CancelToken>>) -> Result<Submission, NorenError> {
        let holds = self.noren().holds();
        run(cancel, async move { holds.release(&hold).await }).await
    }

    /// Takes a wish away that was never sent, was refused, or is over. Local, durable.
    ///
    /// # Errors
    /// `Holds`: `MayHaveArrived`, `NoSuchHold`, `Storage`.
    pub fn take_back_hold(&self, key: IdempotencyKey) -> Result<(), NorenError> {
        Ok(self.noren().holds().take_back(&key)?)
    }

    /// Whether a hold is released by itself when the way has clearly led away; without it that is only proposed. Local, durable.
    ///
    /// # Errors
    /// `Holds`: `Storage`.
    pub fn release_when_away(&self, wanted: bool) -> Result<(), NorenError> {
        Ok(self.noren().holds().release_when_away(wanted)?)
    }

    /// Takes fixes on the way and answers how it goes for each live hold; `send_due` tells the minutes. No position leaves the phone. Local.
    ///
    /// # Errors
    /// `Holds`: `NotEnrolled`, `Storage`.
    pub fn on_the_way(&self, observations: Vec<Observation>) -> Result<Vec<HoldTrip>, NorenError> {
        Ok(self.noren().holds().on_the_way(&observations)?)
    }

    /// Where else it is, and in which other sizes, when the store did not find what was held. Local.
    ///
    /// # Errors
    /// `Holds`: `NoSuchHold`, `Storage`.
    pub fn instead_of_hold(&self, hold: HoldId, at: Option<Position>) -> Result<StockMatrix, NorenError> {
        let here = position(at).map_err(HoldsError::from)?;
        Ok(self.noren().holds().instead(&hold, here.as_ref())?)
    }
}
