//! What an operator's own systems say to the backend: places, offers, conditions, and how a campaign went.

use serde::{Deserialize, Serialize};

use super::places::{PlaceInfo, RouteInfo, StampProgramme};
use crate::conditions::Condition;
use crate::ids::{CheckInId, DeviceId, PlaceId, TillId};
use crate::offers::{Offer, OfferId};

request! {
    /// Places to be known from now on; one with a known id takes the place of it.
    pub struct PutPlaces {
        /// At most 1,000 a call.
        pub places: Vec<PlaceInfo>,
        /// Routes over places that are known or in this call.
        #[serde(default)]
        pub routes: Vec<RouteInfo>,
        /// Places and routes to be forgotten.
        #[serde(default)]
        pub remove: Vec<PlaceId>,
    }
}

request! {
    /// Offers to be signed and delivered; one with a known number takes its place. Its budget never falls below what is spent and given out.
    pub struct PutOffers {
        /// At most 200 a call.
        pub offers: Vec<Offer>,
        /// Stamp cards; each names an offer as reward.
        #[serde(default)]
        pub stamp_programmes: Vec<StampProgramme>,
    }
}

request! {
    /// Something is on in an area. A sequence at or below the newest of its kind and area is refused.
    pub struct PutCondition {
        /// What, where and how long.
        pub condition: Condition,
    }
}

request! {
    /// Stops offers at once, wherever the word gets, or lets them go on.
    pub struct PutKills {
        /// To be stopped.
        pub stop: Vec<OfferId>,
        /// To go on.
        pub resume: Vec<OfferId>,
    }
}

response! {
    /// It is done.
    pub struct Kept {
        /// How many things were new or changed.
        pub changed: u64,
        /// The signed condition, base64url, small enough for a push payload; absent for everything else.
        pub signed: Option<String>,
    }
}

request! {
    /// A poster or a display with a place's code.
    pub struct PlaceCodeRequest {
        /// The place.
        pub place: PlaceId,
        /// When it ends, in seconds since the Unix epoch; a printed one lives long.
        pub until_s: i64,
    }
}

response! {
    /// To be drawn as a QR.
    pub struct PlaceCodeText {
        /// The text: [`crate::place_code`].
        pub text: String,
    }
}

response! {
    /// The path from check-in to sale, counted.
    pub struct Funnel {
        /// The offer.
        pub offer: OfferId,
        /// Check-ins that unlocked it.
        pub check_ins: u64,
        /// Grants of it that a check-in unlocked.
        pub grants: u64,
        /// Redemptions of those that count.
        pub redemptions: u64,
        /// Each path that went to its end.
        pub paths: Vec<FunnelPath>,
        /// The budget: what is spent, and what is neither spent nor in a till's share. Absent without a budget.
        pub budget: Option<BudgetState>,
        /// Redemptions that do not count, and why.
        pub rolled_back: Vec<RolledBack>,
    }
}

response! {
    /// One correlation id, from check-in to sale.
    pub struct FunnelPath {
        /// The check-in: the correlation id.
        pub check_in_id: CheckInId,
        /// The grant.
        pub serial: u64,
        /// The till of the sale.
        pub till: TillId,
        /// The sale's number there.
        pub number: String,
    }
}

response! {
    /// A budget.
    pub struct BudgetState {
        /// The whole: redemptions or minor units.
        pub total: u64,
        /// Spent, online and offline as far as tills have synced.
        pub spent: u64,
        /// To be given out or spent online.
        pub left: u64,
    }
}

response! {
    /// A redemption that does not count: the shop bears it.
    pub struct RolledBack {
        /// The grant.
        pub serial: u64,
        /// The device that held it.
        pub device: Option<DeviceId>,
        /// The till of the sale.
        pub till: TillId,
        /// The sale's number there.
        pub number: String,
        /// Why, as a snake_case word (`double`, `expired`, `locked`, `voided`, `cap`, `beyond_share`…).
        pub cause: String,
    }
}
