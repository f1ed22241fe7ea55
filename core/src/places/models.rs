//! Places, as the app shows them.

use noren_rules::ids::{PlaceId, StoreId};
use noren_rules::places::{Direction, OpeningSpan, Place};
use noren_rules::wire::{PlaceInfo, PlaceKind, Tenant, WeeklyHours};

use super::book::is_open;
use crate::replica::Freshness;

/// A store or a rest stop.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PlaceView {
    /// Its id.
    pub id: PlaceId,
    /// What it is.
    pub kind: PlaceKind,
    /// Its name as people write it.
    pub name: String,
    /// How the name is read, in kana.
    pub reading: Option<String>,
    /// The side of the expressway: 上り, 下り, or both.
    pub direction: Direction,
    /// Latitude of its middle in degrees, to draw it.
    pub lat_deg: f64,
    /// Longitude of its middle in degrees.
    pub lon_deg: f64,
    /// Radius of the circle around its ground, in metres.
    pub radius_m: u32,
    /// True when it can be entered from the ordinary road too (ハイウェイオアシス, ぷらっとパーク).
    pub open_to_ordinary_road: bool,
    /// True when it is open now, by the trusted clock.
    pub open_now: bool,
    /// When it is open; empty where it never closes.
    pub hours: Vec<OpeningSpan>,
    /// Its shops.
    pub tenants: Vec<TenantView>,
}

/// A shop of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct TenantView {
    /// The store.
    pub store_id: StoreId,
    /// Its name.
    pub name: String,
    /// True when it is open now: its own hours, whatever the place's are.
    pub open_now: bool,
    /// When it is open; empty where it never closes.
    pub hours: Vec<OpeningSpan>,
}

/// A place and how far away it is.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PlaceNear {
    /// The place.
    pub place: PlaceView,
    /// The way to its ground in metres; 0 on it.
    pub distance_m: u32,
}

/// Places near a position.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NearPage {
    /// Nearest first.
    pub places: Vec<PlaceNear>,
    /// True when everything within 30 km of the position is on the phone. False: there may be nearer ones; `refresh()` where the phone is.
    pub area_known: bool,
    /// How fresh what is known is.
    pub freshness: Freshness,
}

/// Places by name.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PlacePage {
    /// Those whose name begins with the text first.
    pub places: Vec<PlaceView>,
    /// How fresh what is known is.
    pub freshness: Freshness,
}

/// What a refresh of an area brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct AreaReport {
    /// Tiles that were newer than on the phone.
    pub new_tiles: u32,
    /// True when the rules of coupons are others than before.
    pub new_rules: bool,
}

impl PlaceView {
    pub(super) fn of(info: &PlaceInfo, place: &Place, now_s: i64) -> Self {
        let region = place.region();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 100 km")]
        let radius_m = region.radius_m.ceil() as u32;
        Self {
            id: info.id.clone(),
            kind: info.kind,
            name: info.name.clone(),
            reading: info.reading.clone(),
            direction: info.direction,
            lat_deg: region.centre.lat_deg(),
            lon_deg: region.centre.lon_deg(),
            radius_m,
            open_to_ordinary_road: info.open_to_ordinary_road,
            open_now: is_open(info.hours.as_ref(), now_s),
            hours: spans(info.hours.as_ref()),
            tenants: info.tenants.iter().map(|tenant| TenantView::of(tenant, now_s)).collect(),
        }
    }
}

impl TenantView {
    fn of(tenant: &Tenant, now_s: i64) -> Self {
        Self {
            store_id: tenant.store_id.clone(),
            name: tenant.name.clone(),
            open_now: is_open(tenant.hours.as_ref(), now_s),
            hours: spans(tenant.hours.as_ref()),
        }
    }
}

fn spans(hours: Option<&WeeklyHours>) -> Vec<OpeningSpan> {
    hours.map(|hours| hours.spans.clone()).unwrap_or_default()
}
