//! Journeys, and what they suggest, as the app gives and shows them.

use noren_rules::eta::Trend;
use noren_rules::ids::{OrderId, StoreId};
use noren_rules::journey::JourneySuggestion;
use noren_rules::offers::Texts;

use super::CartOf;
use crate::check_in::Observation;

/// A point on the map. It stays on the phone.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct JourneyPoint {
    /// Latitude in degrees (WGS84), north positive.
    pub lat_deg: f64,
    /// Longitude in degrees, east positive.
    pub lon_deg: f64,
}

/// How the diner comes.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Journey {
    /// As the phone moves: its fixes of the last minutes, in the order in which they came. One alone is enough to begin with.
    Moving {
        /// What the operating system said.
        observations: Vec<Observation>,
    },
    /// By a train or a bus whose arrival the shell knows; from there on foot.
    Arriving {
        /// The exit of the station, or the stop.
        at: JourneyPoint,
        /// When it arrives, in milliseconds since the Unix epoch.
        arrives_ms: i64,
        /// From the platform to that exit, in minutes, at most 120.
        exit_min: u32,
        /// By how many minutes the arrival may be wrong, at most 120.
        off_min: u32,
    },
}

/// For which cart, and on which way, a store and a time are looked for.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct JourneyQuestion {
    /// The cart. Other stores are asked whether they make the same.
    pub of: CartOf,
    /// How the diner comes.
    pub journey: Journey,
    /// Where they go on to; absent: as they move now, or nowhere.
    pub bound_for: Option<JourneyPoint>,
    /// Not before this moment, in milliseconds since the Unix epoch; absent: as soon as the way allows.
    pub wanted_ms: Option<i64>,
    /// The stores that come into question; empty: all whose menu is on the phone.
    pub stores: Vec<StoreId>,
    /// How many suggestions are answered at most, 1 to 20.
    pub most: u32,
}

/// A store and a time that fit the journey.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SlotSuggestion {
    /// Where, when, and what speaks against it: waiting, the shelf, the detour, lateness, and how full the kitchen is. The slot is sure once it is held.
    pub suggestion: JourneySuggestion,
    /// The store's name.
    pub store_name: Texts,
    /// By how many minutes the arrival may be wrong, either way.
    pub off_min: u32,
    /// By how many minutes nine of ten orders are late there at most.
    pub late_p90_min: u32,
    /// Why it stands where it stands, in Japanese.
    pub reason_ja: String,
    /// In English.
    pub reason_en: String,
    /// When the server said what is booked there.
    pub as_of_ms: i64,
}

/// A store that is not suggested.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StoreLeftOut {
    /// Which.
    pub store: StoreId,
    /// Why, in Japanese.
    pub words_ja: String,
    /// In English.
    pub words_en: String,
}

/// Where and when to order on the way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SlotSuggestions {
    /// The best first.
    pub suggestions: Vec<SlotSuggestion>,
    /// The stores that came into question and are not among them.
    pub left_out: Vec<StoreLeftOut>,
}

/// How the diner gets on towards an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct OrderTrip {
    /// The order.
    pub order: OrderId,
    /// Its store.
    pub store: StoreId,
    /// In how many minutes the diner is there; absent while that cannot be said.
    pub eta_min: Option<u32>,
    /// Nearer or away.
    pub trend: Trend,
    /// True when the minutes are now to be told: committed, `outbox().send_due()` sends them.
    pub told: bool,
    /// True when it is now to be told that the diner is there: likewise.
    pub arrived: bool,
}
