//! Places and the rules of coupons, fetched by area: a server learns a tile of about 110 km and never a position.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{PlaceId, StampCardId, StoreId};
use crate::offers::OfferId;
use crate::places::{Direction, OpeningSpan};

/// A text by BCP 47 tag (`ja`, `en`).
pub type TextByLanguage = BTreeMap<String, String>;

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    /// A store.
    Store,
    /// A service or parking area of an expressway.
    RestStop,
    /// A gate of a route: passing it counts, stopping is not asked for.
    Gate,
}

/// A weekly plan; see [`crate::places::OpeningHours`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// Spans of the week.
    pub spans: Vec<OpeningSpan>,
    /// The place's offset from UTC in minutes (Japan: 540).
    pub utc_offset_min: i32,
}

/// The ground of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ground {
    /// A circle.
    Circle {
        /// Latitude of the middle in ten-millionths of a degree.
        lat_e7: i32,
        /// Longitude of the middle in ten-millionths of a degree.
        lon_e7: i32,
        /// Metres.
        radius_m: u32,
    },
    /// The site as it is.
    Outline {
        /// Rings as encoded polylines of precision 6 (the format of Google's Encoded Polyline Algorithm): the outer one, then holes. Closed by
        /// themselves: the first corner is not repeated.
        rings: Vec<String>,
    },
}

/// A shop of a place, with hours of its own. The tenants of one rest stop are different sellers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The store: its tills belong to it.
    pub store_id: StoreId,
    /// Its name.
    pub name: String,
    /// When it is open; never closed where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<WeeklyHours>,
}

/// A place, as the operator gives it and as a phone gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PlaceInfo {
    /// Its id.
    pub id: PlaceId,
    /// What it is.
    pub kind: PlaceKind,
    /// Its name as people write it.
    pub name: String,
    /// How the name is read, in kana, where the writing does not say; searched as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// The side of the expressway.
    pub direction: Direction,
    /// Its ground.
    pub ground: Ground,
    /// True when it can be entered from the ordinary road too.
    #[serde(default)]
    pub open_to_ordinary_road: bool,
    /// When it is open; never closed where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<WeeklyHours>,
    /// What a visit is worth to the operator: of two places that cannot both be watched, the higher is.
    #[serde(default)]
    pub value: u32,
    /// The area for conditions such as rain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// Its shops.
    #[serde(default)]
    pub tenants: Vec<Tenant>,
}

/// A route whose traverse is rewarded: places passed in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteInfo {
    /// Its id. An offer names it among its places; a traverse counts as a check-in there.
    pub id: PlaceId,
    /// Its name.
    pub name: String,
    /// Gates or other places, in order of passing.
    pub gates: Vec<PlaceId>,
    /// The longest that the traverse may take, in seconds.
    pub within_s: u32,
}

/// A stamp card: one stamp a day and place, a reward when it is full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StampProgramme {
    /// Its id.
    pub id: StampCardId,
    /// What the member reads.
    pub title: TextByLanguage,
    /// Places that stamp it; all where this is empty.
    #[serde(default)]
    pub places: Vec<PlaceId>,
    /// Stamps of a full card.
    pub goal: u32,
    /// The offer of which a full card gives a grant.
    pub reward: OfferId,
    /// Whose midnight ends the day, as offset from UTC in minutes (Japan: 540).
    pub utc_offset_min: i32,
}

response! {
    /// A tile of the map: see [`crate::places::Tile`].
    pub struct TilePlaces {
        /// The tile, `row.column`.
        pub tile: String,
        /// Its version: sent back, only a newer one is answered.
        pub version: u64,
        /// All its places: those whose middle is in it.
        pub places: Vec<PlaceInfo>,
    }
}

response! {
    /// A key that signs offers and conditions.
    pub struct IssuerKeyInfo {
        /// SEC1 compressed, base64url.
        pub key: String,
        /// First second of its time.
        pub not_before_s: i64,
        /// First second after its time.
        pub not_after_s: i64,
    }
}

response! {
    /// The rules of coupons for some tiles: delivered before they are needed.
    pub struct AreaRules {
        /// Names this state of them; opaque. Sent back, only another one is answered.
        pub version: String,
        /// Whose signatures count.
        pub issuers: Vec<IssuerKeyInfo>,
        /// [`crate::offers::Offer::sign`], base64url.
        pub offers: Vec<String>,
        /// [`crate::conditions::Condition::sign`], base64url.
        pub conditions: Vec<String>,
        /// Offers that were stopped at once.
        pub killed: Vec<OfferId>,
        /// Routes that touch the tiles, with their gates.
        pub routes: Vec<RouteInfo>,
        /// Stamp cards.
        pub stamp_programmes: Vec<StampProgramme>,
    }
}

response! {
    /// What an app needs to know about an area, and has not yet.
    pub struct AreaBundle {
        /// Tiles that are newer than the version asked with. A tile that is not here has not changed.
        pub tiles: Vec<TilePlaces>,
        /// The rules, if they are others than those asked with.
        pub rules: Option<AreaRules>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}
