//! What a shell tells, and what it shows and registers.

use noren_rules::check_in::{self, CheckInRefusal, Fix, Missing};
use noren_rules::geo::Position;
use noren_rules::ids::{CheckInId, PlaceId};
use noren_rules::places::Direction;
use noren_rules::rotation::{Coverage, RotationPolicy};
use noren_rules::wire::Reason;
use serde::{Deserialize, Serialize};

use crate::coupons::CouponView;

/// What the operating system says. Reboots and proven times the core notices by itself.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Observation {
    /// A fix.
    Fix {
        /// Latitude in degrees (WGS84), north positive.
        lat_deg: f64,
        /// Longitude in degrees, east positive.
        lon_deg: f64,
        /// The phone's wall clock at the fix, in milliseconds since the Unix epoch.
        at_ms: i64,
        /// A clock that counts from the boot and through sleep, in milliseconds, where the platform stamps fixes with it.
        boot_ms: Option<i64>,
        /// Radius of 68 % in metres; absent, zero or negative: unknown.
        accuracy_m: Option<f64>,
        /// Metres a second; absent or negative: unknown.
        speed_mps: Option<f64>,
        /// True when the system says that an app made it up (`isMock`, `isSimulatedBySoftware`).
        mock: bool,
    },
    /// A watched region was entered, now or minutes ago.
    RegionEntered {
        /// Its id, as in [`WatchedRegion`].
        id: String,
        /// The phone's wall clock, in milliseconds since the Unix epoch.
        at_ms: i64,
    },
    /// A watched region was left, the refresh region among them.
    RegionLeft {
        /// Its id, as in [`WatchedRegion`].
        id: String,
        /// The phone's wall clock.
        at_ms: i64,
    },
    /// The system says that the phone stayed somewhere (`CLVisit`).
    OsVisit {
        /// Latitude in degrees.
        lat_deg: f64,
        /// Longitude in degrees.
        lon_deg: f64,
        /// Radius in metres, as for a fix.
        accuracy_m: Option<f64>,
        /// When it came, by the phone's wall clock.
        arrived_ms: i64,
        /// When it left, or the clock now when it is still there.
        until_ms: i64,
    },
    /// The app was opened by a person: the report answers with a check-in or with what is missing.
    Opened {
        /// The phone's wall clock.
        at_ms: i64,
    },
    /// Time has passed.
    Tick {
        /// The phone's wall clock.
        at_ms: i64,
    },
    /// The system watches no region any more (location was switched off, a registration failed): the report names all of them anew.
    RegionsLost,
}

impl Observation {
    /// As the monitors take it; `None` for coordinates that are none, and for what concerns the regions only.
    pub(crate) fn for_monitor(&self) -> Option<check_in::Observation> {
        Some(match self {
            Self::Fix { lat_deg, lon_deg, at_ms, boot_ms, accuracy_m, speed_mps, mock } => check_in::Observation::Fix(Fix {
                position: Position::new(*lat_deg, *lon_deg).ok()?,
                at_ms: *at_ms,
                boot_ms: *boot_ms,
                accuracy_m: *accuracy_m,
                speed_mps: *speed_mps,
                mock: *mock,
            }),
            Self::RegionEntered { id, at_ms } => check_in::Observation::RegionEntered { place: id.as_str().into(), at_ms: *at_ms },
            Self::RegionLeft { id, at_ms } => check_in::Observation::RegionLeft { place: id.as_str().into(), at_ms: *at_ms },
            Self::OsVisit { lat_deg, lon_deg, accuracy_m, arrived_ms, until_ms } => check_in::Observation::OsVisit {
                position: Position::new(*lat_deg, *lon_deg).ok()?,
                accuracy_m: *accuracy_m,
                arrived_ms: *arrived_ms,
                until_ms: *until_ms,
            },
            Self::Opened { at_ms } => check_in::Observation::Opened { at_ms: *at_ms },
            Self::Tick { at_ms } => check_in::Observation::Tick { at_ms: *at_ms },
            Self::RegionsLost => return None,
        })
    }
}

/// Whose limit of watched regions holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum RegionLimit {
    /// 20 regions: safe everywhere.
    #[default]
    Ios,
    /// 100 regions.
    Android,
}

impl RegionLimit {
    pub(super) fn policy(self) -> RotationPolicy {
        match self {
            Self::Ios => RotationPolicy::ios(),
            Self::Android => RotationPolicy::android(),
        }
    }
}

/// A circle for the operating system to watch.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct WatchedRegion {
    /// Under this id it is registered, and reported back.
    pub id: String,
    /// Latitude of its middle in degrees.
    pub lat_deg: f64,
    /// Longitude of its middle in degrees.
    pub lon_deg: f64,
    /// In metres.
    pub radius_m: f64,
}

/// What the operating system shall watch from now on: take back what is removed, then register what is added. The same id again replaces.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RegionPlan {
    /// Places to be watched that are not yet.
    pub add: Vec<WatchedRegion>,
    /// Ids to take back.
    pub remove: Vec<String>,
    /// The region around the phone: leaving it, the app wakes and chooses anew. Always registered again.
    pub refresh: Option<WatchedRegion>,
    /// What it promises: that no place left out is reached unseen, or up to which speed.
    pub coverage: Coverage,
}

/// How a check-in was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum CheckInBy {
    /// By location.
    Location,
    /// By passing the gates of a route in order.
    Route,
    /// By the signed code at the place: lower assurance.
    PlaceCode,
    /// By the code on a receipt: lower assurance; the backend says where.
    ReceiptCode,
}

/// Where a check-in stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum CheckInState {
    /// The backend has not heard of it yet; on the phone it counts.
    Waiting,
    /// It counts.
    Accepted,
    /// The backend decided otherwise.
    Refused {
        /// Why.
        reason: CheckInRefusal,
    },
    /// The backend did not take the record at all.
    NotTaken {
        /// Its reason.
        code: Reason,
    },
    /// It found no network in seven days.
    Expired,
}

/// A check-in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CheckInView {
    /// The correlation id of all that follows, up to the sale.
    pub id: CheckInId,
    /// Where; empty for a receipt's code until the backend has said it.
    pub place: PlaceId,
    /// The place's name; empty where it is not known here.
    pub place_name: String,
    /// The side of the expressway, where it is known.
    pub direction: Option<Direction>,
    /// When, in milliseconds since the Unix epoch, by the trusted clock.
    pub at_ms: i64,
    /// False when the time is the phone's own word.
    pub time_proven: bool,
    /// How.
    pub by: CheckInBy,
    /// Where it stands.
    pub state: CheckInState,
    /// Serials of the grants that it unlocked on the phone.
    pub unlocked: Vec<u64>,
}

/// The text of a check-in's own notice: silent, allowed at night.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CheckInNotice {
    /// In Japanese.
    pub title_ja: String,
    /// In English.
    pub title_en: String,
    /// What there is, in Japanese; may be empty.
    pub body_ja: String,
    /// The same in English.
    pub body_en: String,
    /// True: without a sound.
    pub silent: bool,
    /// True: quiet hours do not hold it up, as they do campaigns.
    pub at_night: bool,
}

/// A check-in that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewCheckIn {
    /// The check-in.
    pub check_in: CheckInView,
    /// Coupons that can be used there now.
    pub coupons: Vec<CouponView>,
    /// What to tell the person.
    pub notice: CheckInNotice,
}

/// A visit that was no check-in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RefusedVisit {
    /// Where.
    pub place: PlaceId,
    /// Its name.
    pub place_name: String,
    /// When it was clear, by the phone's wall clock, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Why.
    pub reason: CheckInRefusal,
}

/// The app was opened and this is missing for a check-in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct WaitingVisit {
    /// Where; `None` when no place is near, or nothing is known of where the phone is.
    pub place: Option<PlaceId>,
    /// Its name; empty without a place.
    pub place_name: String,
    /// What is missing.
    pub missing: Missing,
}

/// What follows from observations.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CheckInReport {
    /// Check-ins, committed. Let `outbox().send_due()` send them when there is a network.
    pub check_ins: Vec<NewCheckIn>,
    /// Visits that were none.
    pub refused: Vec<RefusedVisit>,
    /// What is missing, after `Opened`.
    pub waiting: Vec<WaitingVisit>,
    /// Regions to register, when they have changed.
    pub regions: Option<RegionPlan>,
    /// True while exact fixes are needed; otherwise location updates may be stopped.
    pub needs_fixes: bool,
    /// True when `places().refresh()` should be called where the phone is: an area is unknown, or known from yesterday.
    pub area_due: bool,
    /// Observations left out because their coordinates were none.
    pub left_out: u32,
}
