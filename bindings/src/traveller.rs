//! The verbs for whoever is on the way: places, check-in, coupons.

use std::sync::Arc;

use noren_core::check_in::{CheckInReport, CheckInView, NewCheckIn, Observation, RegionLimit};
use noren_core::coupons::{BestSetView, ConditionView, CouponSituation, CouponView, CouponsReport, Presentation, StampCardView};
use noren_core::places::{AreaReport, NearPage, PlacePage, PlaceView, PlacesError};
use noren_rules::basket::BasketLine;
use noren_rules::geo::Position;
use noren_rules::ids::PlaceId;

use crate::app_core::AppCore;
use crate::cancel::CancelToken;
use crate::errors::NorenError;
use crate::runtime::run;

/// Latitude and longitude in degrees (WGS84).
fn position(lat_deg: f64, lon_deg: f64) -> Result<Position, PlacesError> {
    Ok(Position::new(lat_deg, lon_deg)?)
}

#[uniffi::export(async_runtime = "tokio")]
impl AppCore {
    /// Asks the server what is newer around a position: places and rules of coupons. It learns tiles of about 110 km, never the position.
    ///
    /// # Errors
    /// `Places`; `Cancelled`. What is known stays readable.
    pub async fn refresh_places(&self, lat_deg: f64, lon_deg: f64, cancel: Option<Arc<CancelToken>>) -> Result<AreaReport, NorenError> {
        let (places, here) = (self.noren().places(), position(lat_deg, lon_deg)?);
        run(cancel, async move { places.refresh(&here).await }).await
    }

    /// The places that are nearest, at most 200. Local.
    ///
    /// # Errors
    /// `Places`: `BadPosition`, `Storage`.
    pub fn nearest_places(&self, lat_deg: f64, lon_deg: f64, count: u32) -> Result<NearPage, NorenError> {
        Ok(self.noren().places().nearest(&position(lat_deg, lon_deg)?, count)?)
    }

    /// The places whose ground is at most `radius_m` metres away, nearest first. Local.
    ///
    /// # Errors
    /// `Places`: `BadPosition`, `Storage`.
    pub fn places_within(&self, lat_deg: f64, lon_deg: f64, radius_m: u32) -> Result<NearPage, NorenError> {
        Ok(self.noren().places().within(&position(lat_deg, lon_deg)?, radius_m)?)
    }

    /// A place with its shops. Local.
    ///
    /// # Errors
    /// `Places`: `NoSuchPlace`, `Storage`.
    pub fn place(&self, id: PlaceId) -> Result<PlaceView, NorenError> {
        Ok(self.noren().places().place(&id)?)
    }

    /// Places whose name or reading holds `text`: one character is enough; width, case and kana do not matter. Local.
    ///
    /// # Errors
    /// `Places`: `Storage`.
    pub fn search_places(&self, text: String, limit: u32) -> Result<PlacePage, NorenError> {
        Ok(self.noren().places().search(&text, limit)?)
    }

    /// Takes what the operating system says of where the phone is, in the order in which it came, and answers what follows: check-ins, refusals, what
    /// is missing, regions to register. Local.
    ///
    /// # Errors
    /// `CheckIn`: `NotEnrolled`; `Storage` when a check-in could not be kept: then nothing was taken, give the same again.
    pub fn follow(&self, observations: Vec<Observation>) -> Result<CheckInReport, NorenError> {
        Ok(self.noren().check_in().observe(observations)?)
    }

    /// Whose limit of watched regions holds on this phone: that of iOS unless it is said. Local.
    ///
    /// # Errors
    /// `CheckIn`: `Storage`.
    pub fn limit_regions(&self, limit: RegionLimit) -> Result<(), NorenError> {
        Ok(self.noren().check_in().limit_regions(limit)?)
    }

    /// A check-in by the signed code at the place. Local.
    ///
    /// # Errors
    /// `CheckIn`: `BadCode`, `CoolDown`, `NotEnrolled`, `Storage`.
    pub fn scan_place_code(&self, text: String) -> Result<NewCheckIn, NorenError> {
        Ok(self.noren().check_in().scan_place_code(&text)?)
    }

    /// A check-in by the code on a receipt; the backend says at which place. Local.
    ///
    /// # Errors
    /// `CheckIn`: `BadCode`, `NotEnrolled`, `Storage`.
    pub fn check_in_by_receipt(&self, code: String) -> Result<NewCheckIn, NorenError> {
        Ok(self.noren().check_in().receipt_code(&code)?)
    }

    /// Check-ins of the last 40 days and where they stand, newest first. Local.
    ///
    /// # Errors
    /// `CheckIn`: `NotEnrolled`, `Storage`.
    pub fn check_ins(&self) -> Result<Vec<CheckInView>, NorenError> {
        Ok(self.noren().check_in().recent()?)
    }

    /// Brings what is new of coupons: rules, grants for tills without a connection, the wallet.
    ///
    /// # Errors
    /// `Coupons`; `Cancelled`. What is known stays readable.
    pub async fn refresh_coupons(&self, cancel: Option<Arc<CancelToken>>) -> Result<CouponsReport, NorenError> {
        let coupons = self.noren().coupons();
        run(cancel, async move { coupons.refresh().await }).await
    }

    /// Every coupon, usable ones first, each with its state and why not now. Local.
    ///
    /// # Errors
    /// `Coupons`: `NotEnrolled`, `Storage`.
    pub fn coupons(&self, situation: CouponSituation) -> Result<Vec<CouponView>, NorenError> {
        Ok(self.noren().coupons().list(&situation)?)
    }

    /// The best set of coupons for a basket that the phone knows. Local.
    ///
    /// # Errors
    /// `Coupons`: `NotEnrolled`, `BadBasket`, `Storage`.
    pub fn best_set(&self, currency: String, lines: Vec<BasketLine>, situation: CouponSituation) -> Result<BestSetView, NorenError> {
        Ok(self.noren().coupons().best_set(&currency, lines, &situation)?)
    }

    /// Holds an offer's coupons back from the card, or lets them be shown again. Local, durable.
    ///
    /// # Errors
    /// `Coupons`: `Storage`.
    pub fn hold_back_coupon(&self, offer: u32, held: bool) -> Result<(), NorenError> {
        Ok(self.noren().coupons().hold_back(offer, held)?)
    }

    /// The card is about to be shown to a till: from here on its QR carries the coupons that the member is willing to use. Local; noted durably first.
    ///
    /// # Errors
    /// None of its own: where it cannot be noted, the card shows without coupons.
    pub fn begin_presentation(&self) -> Result<Presentation, NorenError> {
        Ok(self.noren().coupons().begin_presentation())
    }

    /// The card is put away: its QR carries no coupons any more. Local.
    ///
    /// # Errors
    /// None of its own.
    pub fn end_presentation(&self) -> Result<(), NorenError> {
        self.noren().coupons().end_presentation();
        Ok(())
    }

    /// The member says that no till has read a coupon that was shown: it can be shown again. If a till did take it, the backend finds the second
    /// use, and stops this device's coupons. Local, durable.
    ///
    /// # Errors
    /// `Coupons`: `Storage`.
    pub fn coupon_not_scanned(&self, serial: u64) -> Result<(), NorenError> {
        Ok(self.noren().coupons().not_scanned(serial)?)
    }

    /// A signed condition that came by push: rain, a time sale. Local, durable.
    ///
    /// # Errors
    /// `Coupons`: `BadPush`, `NotEnrolled`, `Storage`.
    pub fn take_push(&self, text: String) -> Result<ConditionView, NorenError> {
        Ok(self.noren().coupons().take_push(&text)?)
    }

    /// Stamp cards, with the stamps of check-ins that the backend has not heard of yet. Local.
    ///
    /// # Errors
    /// `Coupons`: `NotEnrolled`, `Storage`.
    pub fn stamp_cards(&self) -> Result<Vec<StampCardView>, NorenError> {
        Ok(self.noren().coupons().stamp_cards()?)
    }
}
