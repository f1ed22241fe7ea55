//! The types of every endpoint, shared by the phone, the till and the backend.
//!
//! Requests deny unknown fields; responses ignore them, so that an old app can talk to a newer server. Times are milliseconds since the Unix
//! epoch, bytes are base64url without padding. Every write carries the header [`IDEMPOTENCY_KEY`]; every answer carries [`SERVER_TIME`].

use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, IdempotencyKey, MemberId, MemberNumber, ReceiptId, StoreId, TillId};
use crate::points::PointsEntry;
use crate::receipt::{Channel, Issuer, Receipt, ReceiptKind, ReceiptLine, TaxLine};

/// Request header of every write: the key under which it has its effect once.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Request header: server time in milliseconds after which the server must refuse the write.
pub const EXPIRES_AT: &str = "noren-expires-at";
/// Header of every answer: the server's clock in milliseconds.
pub const SERVER_TIME: &str = "noren-time";
/// Media type of a refusal (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Paths of the endpoints.
pub mod paths {
    /// GET, open: [`super::Nonce`].
    pub const NONCE: &str = "/v1/nonce";
    /// POST, proof in the body: [`super::EnrolRequest`] to [`super::Enrolment`].
    pub const ENROLMENTS: &str = "/v1/enrolments";
    /// POST, proof in the body: [`super::TokenRequest`] to [`super::AccessToken`]. Writes nothing that a key could guard.
    pub const TOKENS: &str = "/v1/tokens";
    /// POST, app token: empty body `{}` to [`super::Enrolment`] with a renewed credential.
    pub const CREDENTIALS: &str = "/v1/credentials";
    /// POST, app token: [`super::LinkRequest`] to [`super::Membership`].
    pub const LINKS: &str = "/v1/links";
    /// GET, app token, ETag: [`super::Membership`].
    pub const MEMBERSHIP: &str = "/v1/membership";
    /// GET, app token, `?cursor=&limit=`: [`super::ReceiptPage`].
    pub const RECEIPTS: &str = "/v1/receipts";
    /// POST, app token: [`super::ClaimRequest`] to [`super::Claim`].
    pub const CLAIMS: &str = "/v1/claims";
    /// GET, app token: [`super::PointsLedger`].
    pub const POINTS: &str = "/v1/points";
    /// GET, app token: [`super::MemberExport`], everything the backend holds about the member.
    pub const EXPORT: &str = "/v1/export";
    /// POST, proof in the body: [`super::EraseRequest`] to [`super::Erasure`].
    pub const ERASURES: &str = "/v1/erasures";
    /// POST, app or till token: [`super::ResolveRequest`] to [`super::Resolution`].
    pub const RESOLUTIONS: &str = "/v1/resolutions";
    /// GET, till token: [`super::TillKeys`].
    pub const TILL_KEYS: &str = "/v1/till/keys";
    /// POST, till token: [`super::IdentifyRequest`] to [`super::Identification`].
    pub const TILL_IDENTIFICATIONS: &str = "/v1/till/identifications";
    /// POST, till token: [`super::SaleRequest`] to [`super::SaleAnswer`].
    pub const TILL_SALES: &str = "/v1/till/sales";
    /// POST, till token: [`super::VoidRequest`] to [`super::SaleAnswer`].
    pub const TILL_VOIDS: &str = "/v1/till/voids";
    /// POST, till token: [`super::RegisterCards`] to [`super::RegisteredCards`].
    pub const TILL_CARDS: &str = "/v1/till/cards";
    /// POST, till token: [`super::EcCodeRequest`] to [`super::EcCode`].
    pub const TILL_EC_CODES: &str = "/v1/till/ec-codes";
    /// POST, till token: [`super::RevokeRequest`] to [`super::Revocation`].
    pub const TILL_REVOCATIONS: &str = "/v1/till/revocations";
    /// GET, open: the contract.
    pub const OPENAPI: &str = "/openapi.json";
    /// GET, open: `{"ok":true}`.
    pub const HEALTH: &str = "/healthz";
}

macro_rules! request {
    ($(#[$meta:meta])* pub struct $name:ident $body:tt) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name $body
    };
}

macro_rules! response {
    ($(#[$meta:meta])* pub struct $name:ident $body:tt) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name $body
    };
}

response! {
    /// Why the server refused, as RFC 9457 problem details.
    pub struct Problem {
        /// HTTP status again.
        pub status: u16,
        /// Machine-readable, snake_case.
        pub reason: Reason,
        /// What happened and what to do next, in English.
        pub detail: String,
    }
}

/// Reasons with which the backend refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// 401: no token, or one that does not verify. Get a new one.
    Unauthorized,
    /// 401: the token is over. Get a new one.
    TokenExpired,
    /// 401: the device is not enrolled, or was revoked or erased. Enrol again.
    UnknownDevice,
    /// 403: the token is good and may not do this.
    Forbidden,
    /// 400: a write without Idempotency-Key.
    KeyMissing,
    /// 400: the key is longer than 255 characters, or not visible ASCII.
    KeyInvalid,
    /// 409: the same key is being worked on. Wait and ask again.
    KeyInFlight,
    /// 422: the key was used with another body.
    KeyReused,
    /// 410: the intent came after its time, or its key was closed by a resolution.
    IntentExpired,
    /// 400: the body or the query cannot be read, or names an unknown field.
    InvalidRequest,
    /// 422: the figures of a receipt do not agree.
    InvalidReceipt,
    /// 409: till and receipt number exist with other contents.
    ReceiptConflict,
    /// 409: more is returned than was sold, or the sale is void.
    ReturnConflict,
    /// 401: the nonce is too old or was used. Ask for a new one.
    NonceExpired,
    /// 401: the signature does not fit the key.
    ProofInvalid,
    /// 403: number and PIN do not fit, or the number does not exist; it is not said which.
    LinkRefused,
    /// 429: too many wrong PINs. Try again after Retry-After seconds.
    TooManyAttempts,
    /// 404: no receipt has this claim code, or it is over, or someone has claimed it.
    ClaimRefused,
    /// 404: there is no such thing.
    NotFound,
    /// 410: the cursor is from another life of the server. Start again from the beginning.
    CursorUnknown,
    /// 413: the body is larger than the server reads.
    TooLarge,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 503: the server is stopping or over its load. Try again later.
    Unavailable,
    /// 500: the server failed.
    Internal,
    /// A reason that this version does not know.
    #[serde(other)]
    Other,
}

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

response! {
    /// What a till needs to read member codes with no network.
    pub struct TillKeys {
        /// The root key that signs the document, SEC1 compressed, base64url. A till pins it at its set-up.
        pub root_key: String,
        /// [`crate::lists`]: the signed document, base64url.
        pub document: String,
    }
}

request! {
    /// A till that is online asks who a scanned code is.
    pub struct IdentifyRequest {
        /// The text as scanned or typed.
        pub scanned: String,
    }
}

response! {
    /// Who it is, and what they may do with this code.
    pub struct Identification {
        /// The member.
        pub member_id: MemberId,
        /// True when the code may spend (points, coupons); false when it may only earn.
        pub may_spend: bool,
        /// The balance.
        pub points: i64,
    }
}

/// Whose sale it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Customer {
    /// Nobody's.
    Anonymous,
    /// Whoever the scanned text names: QR, Code 128, EAN-13, NW-7 or a typed number. The backend verifies it again.
    Scanned {
        /// The text as scanned.
        text: String,
        /// When the till took it; the code must have been good then.
        at_ms: i64,
    },
    /// The holder of a plastic card, from a sales log.
    Number {
        /// The number printed on it.
        number: MemberNumber,
    },
    /// A customer of the online shop.
    EcAccount {
        /// The account's name there.
        account: String,
    },
}

request! {
    /// A sale, a return or an amendment. Till (from the token) and number are unique for ever; it never expires.
    pub struct SaleRequest {
        /// Number printed on the receipt.
        pub number: String,
        /// Where it was bought.
        pub channel: Channel,
        /// Sale, return or amendment.
        pub kind: ReceiptKind,
        /// The number, at the same till, of the sale that a return or amendment belongs to.
        pub of: Option<String>,
        /// When.
        pub sold_at_ms: i64,
        /// The day in the store's time zone, `YYYY-MM-DD`.
        pub business_date: String,
        /// The store.
        pub store_id: StoreId,
        /// Its name.
        pub store_name: String,
        /// The seller.
        pub issuer: Option<Issuer>,
        /// ISO 4217.
        pub currency: String,
        /// What was bought.
        pub lines: Vec<ReceiptLine>,
        /// Sum of the lines.
        pub total_minor: i64,
        /// Tax by rate; absent where the source does not record it.
        pub taxes: Option<Vec<TaxLine>>,
        /// Whose it is.
        pub customer: Customer,
    }
}

response! {
    /// The sale is kept.
    pub struct SaleAnswer {
        /// Its receipt.
        pub receipt_id: ReceiptId,
        /// The till that posted it.
        pub till_id: TillId,
        /// True when a member has it now; false when it is nobody's.
        pub member_found: bool,
        /// Why the scanned code named nobody, as a snake_case reason.
        pub refused: Option<String>,
        /// True when the same code (device key and step) came with another sale.
        pub code_seen_before: bool,
        /// Points given or taken back.
        pub points: i64,
        /// To print on a receipt that is nobody's: the code by which it can be claimed later.
        pub claim_code: Option<String>,
    }
}

request! {
    /// A till cancels a sale that it has posted.
    pub struct VoidRequest {
        /// Number of the sale at this till.
        pub number: String,
    }
}

request! {
    /// Plastic cards that exist already.
    pub struct RegisterCards {
        /// Their numbers; at most 1,000 a call.
        pub numbers: Vec<MemberNumber>,
        /// Gives each new one the demo PIN 0000. Only on a server that listens on loopback.
        pub demo_pin: bool,
    }
}

response! {
    /// How many were new.
    pub struct RegisteredCards {
        /// Registered now.
        pub registered: u64,
        /// Known before; unchanged.
        pub known: u64,
    }
}

request! {
    /// The online shop asks for a code to show to its signed-in customer.
    pub struct EcCodeRequest {
        /// The account's name there.
        pub account: String,
    }
}

response! {
    /// A one-time code.
    pub struct EcCode {
        /// To be typed or followed on the phone.
        pub code: String,
        /// When it ends.
        pub expires_at_ms: i64,
    }
}

request! {
    /// A lost phone.
    pub struct RevokeRequest {
        /// The device.
        pub device_id: DeviceId,
    }
}

response! {
    /// The device's codes are refused from the next till document on.
    pub struct Revocation {
        /// True when it was not revoked before.
        pub revoked: bool,
    }
}

#[cfg(test)]
mod tests;
