//! What an app and the backend say to each other.

use serde::{Deserialize, Serialize};

use super::{BackInStock, Favourite, Hold, OrderExport, Reaction, ReactionKind, ReviewExport, StampCardState, WalletGrant};
use crate::ids::{CheckInId, DeviceId, IdempotencyKey, MemberId, MemberNumber, PlaceId, ReceiptId, StoreId};
use crate::points::PointsEntry;
use crate::receipt::{Channel, Receipt};

response! {
    /// A value to sign, good once and for a short time.
    pub struct Nonce {
        /// 32 bytes or more, base64url.
        pub nonce: String,
        /// When it ends.
        pub expires_at_ms: i64,
    }
}

/// An identity from before the app: its history joins the member's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// A plastic or paper card.
    Number {
        /// The number printed on it.
        number: MemberNumber,
        /// The PIN that came with it.
        pin: String,
    },
    /// An account of the online shop.
    Ec {
        /// The one-time code that the shop shows to its signed-in customer.
        code: String,
    },
}

request! {
    /// A device asks to be a member's card.
    pub struct EnrolRequest {
        /// SEC1, compressed, base64url.
        pub public_key: String,
        /// The nonce that the proof signs.
        pub nonce: String,
        /// [`crate::proof`] of kind Enrol over the nonce, base64url.
        pub proof: String,
        /// An identity to take over at once.
        pub link: Option<Link>,
        /// The device that this one replaces (a restored phone): revoked if it is the same member's.
        pub replaces: Option<DeviceId>,
    }
}

response! {
    /// What a device needs to show the card.
    pub struct Enrolment {
        /// The member.
        pub member_id: MemberId,
        /// The device.
        pub device_id: DeviceId,
        /// The signed credential, base64url of COSE_Sign1.
        pub credential: String,
        /// When it ends.
        pub credential_expires_at_ms: i64,
        /// From when on it should be renewed.
        pub renew_from_ms: i64,
        /// The one-dimensional codes.
        pub one_dimensional: OneDimensional,
        /// The member as the backend sees it.
        pub membership: Membership,
    }
}

response! {
    /// The codes for scanners that read no QR.
    pub struct OneDimensional {
        /// Random digits that stand for the device in Code 128, 12 digits with a check digit.
        pub alias: String,
        /// The device's TOTP secret, base64url. Secret.
        pub totp_secret: String,
        /// A static EAN-13 of the operator's member range.
        pub ean13: String,
        /// A static NW-7 (Codabar) text with start and stop letters.
        pub nw7: String,
    }
}

/// How well the backend knows who the member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// A device without an account.
    Device,
    /// Linked by a card number and its PIN.
    Number,
    /// Linked by a signed-in account of the online shop.
    Account,
}

/// Another name of the same member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkedIdentity {
    /// A plastic or paper card.
    Number {
        /// The number printed on it.
        number: MemberNumber,
    },
    /// An account of the online shop.
    Ec {
        /// The account's name there.
        account: String,
    },
}

response! {
    /// The member as the backend sees it. Its ETag changes when anything in it does.
    pub struct Membership {
        /// The member.
        pub member_id: MemberId,
        /// Sum of the points ledger; may be owed (below zero) after a return.
        pub points: i64,
        /// How well the member is known.
        pub assurance: Assurance,
        /// The identities that have been linked.
        pub linked: Vec<LinkedIdentity>,
    }
}

request! {
    /// A device asks for a token.
    pub struct TokenRequest {
        /// The device.
        pub device_id: DeviceId,
        /// The nonce that the proof signs.
        pub nonce: String,
        /// [`crate::proof`] of kind Token over the nonce, base64url.
        pub proof: String,
    }
}

response! {
    /// What an app call carries as `Authorization: Bearer`.
    pub struct AccessToken {
        /// Opaque.
        pub token: String,
        /// When it ends.
        pub expires_at_ms: i64,
    }
}

request! {
    /// A member names an identity from before.
    pub struct LinkRequest {
        /// Which.
        pub link: Link,
    }
}

response! {
    /// Receipts that are new or changed since the cursor.
    pub struct ReceiptPage {
        /// In the order in which the backend learned of them; the newest state of each.
        pub receipts: Vec<Receipt>,
        /// Where to go on; opaque.
        pub next_cursor: String,
        /// False when the cursor stands at the end.
        pub has_more: bool,
        /// The server's clock when the page was read: with `has_more` false, nothing older than this is missing.
        pub as_of_ms: i64,
    }
}

request! {
    /// A member claims a receipt of a sale made without the card.
    pub struct ClaimRequest {
        /// The code printed on the receipt.
        pub claim_code: String,
    }
}

response! {
    /// The receipt is the member's now.
    pub struct Claim {
        /// It comes with the next pull.
        pub receipt_id: ReceiptId,
    }
}

response! {
    /// The newest entries of the ledger and the balance.
    pub struct PointsLedger {
        /// Sum over all entries.
        pub balance: i64,
        /// Newest first, at most 200.
        pub entries: Vec<PointsEntry>,
    }
}

response! {
    /// Everything that the backend holds about a member.
    pub struct MemberExport {
        /// The member.
        pub membership: Membership,
        /// Its devices.
        pub devices: Vec<DeviceExport>,
        /// All receipts.
        pub receipts: Vec<Receipt>,
        /// The whole ledger, oldest first.
        pub points: Vec<PointsEntry>,
        /// All check-ins, also those that do not count.
        #[serde(default)]
        pub check_ins: Vec<CheckInExport>,
        /// All grants there have been.
        #[serde(default)]
        pub grants: Vec<WalletGrant>,
        /// The stamp cards.
        #[serde(default)]
        pub stamp_cards: Vec<StampCardState>,
        /// All orders, newest first.
        #[serde(default)]
        pub orders: Vec<OrderExport>,
        /// All holds that are kept of it.
        #[serde(default)]
        pub holds: Vec<Hold>,
        /// What the member wrote of products, oldest first.
        #[serde(default)]
        pub reviews: Vec<ReviewExport>,
        /// What the member likes, newest first.
        #[serde(default)]
        pub favourites: Vec<Favourite>,
        /// Notes that something is back, newest first.
        #[serde(default)]
        pub back_in_stock: Vec<BackInStock>,
        /// What the member did with products in stores, oldest first.
        #[serde(default)]
        pub reactions: Vec<Reaction>,
        /// Purchases of every channel, check-ins, reactions, holds, reviews and favourites in one line, oldest first.
        #[serde(default)]
        pub timeline: Vec<TimelineEntry>,
    }
}

/// Something that a member did; the lists of the export have the rest. In the order of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineEntry {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What.
    pub kind: TimelineKind,
    /// Id of the receipt, the check-in or the hold, article code of the variant, id of the product of a review.
    pub id: String,
    /// In which store, where it was in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
}

/// What a member did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimelineKind {
    /// A receipt of this channel.
    Receipt(Channel),
    /// A check-in.
    CheckIn,
    /// Something with a product in a store.
    Reaction(ReactionKind),
    /// A hold.
    Hold,
    /// A review.
    Review,
    /// A variant that the member likes since then.
    Favourite,
}

response! {
    /// A check-in in an export.
    pub struct CheckInExport {
        /// Its id.
        pub id: CheckInId,
        /// Where.
        pub place: PlaceId,
        /// When.
        pub at_ms: i64,
        /// When the backend heard of it.
        pub received_at_ms: i64,
        /// The device that made it.
        pub device_id: DeviceId,
        /// What it rests on: `location`, `route`, `place_code` or `receipt_code`.
        pub method: String,
        /// Why it does not count, as a snake_case word; `None` for one that does.
        pub refused: Option<String>,
    }
}

response! {
    /// A device in an export.
    pub struct DeviceExport {
        /// The device.
        pub device_id: DeviceId,
        /// When it was enrolled.
        pub enrolled_at_ms: i64,
        /// When it was revoked.
        pub revoked_at_ms: Option<i64>,
    }
}

request! {
    /// Forget me. The proof signs the idempotency key, so that it can be made with no network and sent later.
    pub struct EraseRequest {
        /// SEC1, compressed, base64url.
        pub public_key: String,
        /// [`crate::proof`] of kind Erase over the bytes of the idempotency key, base64url.
        pub proof: String,
    }
}

response! {
    /// Nothing that identifies the member remains.
    pub struct Erasure {
        /// True when there was something to erase, false when it had been done before.
        pub erased: bool,
    }
}

request! {
    /// What became of a write whose answer was lost?
    pub struct ResolveRequest {
        /// Its key.
        pub key: IdempotencyKey,
        /// The path it was sent to.
        pub path: String,
    }
}

/// What became of it. A tombstone is kept: the write is refused if it still arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "resolution")]
pub enum Resolution {
    /// It had its effect: the answer again.
    Outcome {
        /// HTTP status of the answer.
        status: u16,
        /// Its body, as the text that was sent.
        body: String,
    },
    /// It had none, and never will.
    Tombstone,
}
