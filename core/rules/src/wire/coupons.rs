//! Coupons, check-ins and stamps between an app and the backend.

use serde::{Deserialize, Serialize};

use crate::check_in::CheckInRefusal;
use crate::grants::GrantState;
use crate::ids::{CheckInId, PlaceId, StampCardId};
use crate::offers::OfferId;

request! {
    /// A device asks for grants that it may spend at tills without a connection. They come in a renewed credential.
    pub struct LeaseRequest {
        /// Tiles in whose area it is: offers that hold elsewhere only are left out.
        pub tiles: Vec<String>,
        /// Serials that this device has shown to a till without hearing what became of them: no other grant of their offers is given until
        /// their end and the longest time a till may stay unsynced are over, or a sale has said it.
        pub presented: Vec<u64>,
    }
}

response! {
    /// Grants for offline tills, in a credential.
    pub struct Lease {
        /// The signed credential with the allotment, base64url of COSE_Sign1. Takes the place of the one before.
        pub credential: String,
        /// When it ends.
        pub credential_expires_at_ms: i64,
        /// From when on it should be renewed.
        pub renew_from_ms: i64,
        /// When the allotment ends; absent without any grants.
        pub until_ms: Option<i64>,
        /// What the backend knows of the member's coupons now.
        pub wallet: Wallet,
    }
}

response! {
    /// The member's coupons, stamps and check-ins, as the backend has them.
    pub struct Wallet {
        /// Grants that are live, or became used, rolled back or over within the last 30 days.
        pub grants: Vec<WalletGrant>,
        /// True when the member is staff: no offers.
        pub staff: bool,
        /// True while the member has no sale and no check-in; absent where the backend will not say without a link.
        pub first_visit: Option<bool>,
        /// How often the member has used which offer, on all devices; of offers with a cap.
        pub used: Vec<OfferUse>,
        /// Check-ins of the last 30 days that count.
        pub check_ins: Vec<WalletCheckIn>,
        /// Stamp cards with at least one stamp.
        pub stamp_cards: Vec<StampCardState>,
        /// The server's clock.
        pub as_of_ms: i64,
    }
}

response! {
    /// A grant.
    pub struct WalletGrant {
        /// Its serial.
        pub serial: u64,
        /// Its offer.
        pub offer: OfferId,
        /// Its state now.
        pub state: GrantState,
        /// First second in which it can no longer be used.
        pub until_s: i64,
        /// How often it may be used.
        pub count: u8,
        /// True when this device's allotment holds it.
        pub on_this_device: bool,
        /// Why a redemption of it does not count, as a snake_case word.
        pub rolled_back: Option<String>,
    }
}

response! {
    /// How often an offer was used.
    pub struct OfferUse {
        /// The offer.
        pub offer: OfferId,
        /// Times.
        pub times: u32,
    }
}

response! {
    /// A check-in that counts.
    pub struct WalletCheckIn {
        /// Its id.
        pub id: CheckInId,
        /// Where.
        pub place: PlaceId,
        /// When, in seconds since the Unix epoch.
        pub at_s: i64,
        /// True when it was reached by the expressway.
        pub from_expressway: bool,
    }
}

response! {
    /// One stamp.
    pub struct Stamp {
        /// Where.
        pub place: PlaceId,
        /// The day at the place, `YYYY-MM-DD`. Place and day name the stamp.
        pub day: String,
    }
}

response! {
    /// A member's stamp card.
    pub struct StampCardState {
        /// Which.
        pub card: StampCardId,
        /// All its stamps, oldest first: cards that are full stay counted.
        pub stamps: Vec<Stamp>,
        /// Rewards given for full cards.
        pub rewards: u32,
    }
}

request! {
    /// A check-in with its evidence. It waits in the outbox until there is a network.
    pub struct CheckInRequest {
        /// [`crate::check_in::CheckInRecord`], signed by the device, base64url of COSE_Sign1.
        pub record: String,
    }
}

/// What the backend makes of a check-in: by the same code, over the features in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum CheckInOutcome {
    /// It counts.
    Accepted,
    /// It does not.
    Refused {
        /// Why.
        reason: CheckInRefusal,
    },
}

response! {
    /// The backend's word on a check-in.
    pub struct CheckInAnswer {
        /// The check-in.
        pub check_in_id: CheckInId,
        /// Whether it counts.
        #[serde(flatten)]
        pub outcome: CheckInOutcome,
        /// True when the chain of the device's records has a gap before this one: marked, not refused.
        pub gap: bool,
        /// The stamp cards that it stamped, as they are now.
        pub stamp_cards: Vec<StampCardState>,
        /// Serials of grants that it gave (a reward of a full card) or unlocked.
        pub grants: Vec<u64>,
    }
}
