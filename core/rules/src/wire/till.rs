//! What a till, or another place that sells, and the backend say to each other.

use serde::{Deserialize, Serialize};

use crate::basket::BasketLine;
use crate::ids::{CheckInId, DeviceId, MemberId, MemberNumber, ReceiptId, StoreId, TillId};
use crate::receipt::{Channel, Issuer, ReceiptCoupon, ReceiptKind, ReceiptLine, TaxLine};
use crate::shares::Redemption;

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
        /// Coupons of the sale: used ones, already taken off the lines, and those that were shown and not used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub coupons: Option<SaleCoupons>,
    }
}

request! {
    /// What a till did with the coupons of a sale.
    pub struct SaleCoupons {
        /// Used: each counts once.
        pub used: Vec<Redemption>,
        /// For the receipt: every coupon that was shown, with what it took off or why it was not used.
        pub shown: Vec<ReceiptCoupon>,
    }
}

response! {
    /// What became of a redemption.
    pub struct RedemptionAnswer {
        /// The grant.
        pub serial: u64,
        /// True when it counts.
        pub counted: bool,
        /// Why it does not, as a snake_case word: the shop bears the discount.
        pub cause: Option<String>,
        /// The check-in that unlocked the coupon: the correlation id.
        pub check_in_id: Option<CheckInId>,
    }
}

request! {
    /// A till with a connection asks for the best set of a basket. Grants that are used are held for this sale for ten minutes.
    pub struct QuoteRequest {
        /// The member code as scanned.
        pub scanned: String,
        /// When the till took it.
        pub at_ms: i64,
        /// The number that the sale will have: asked again, the answer takes the place of the one before.
        pub number: String,
        /// ISO 4217.
        pub currency: String,
        /// What is bought, before coupons.
        pub lines: Vec<BasketLine>,
        /// When the customer joined the queue, in seconds since the Unix epoch, where the till knows it.
        pub queue_since_s: Option<i64>,
    }
}

response! {
    /// The best set.
    pub struct Quote {
        /// To be posted with the sale.
        pub coupons: SaleCoupons,
        /// What each line loses, in the order of the lines, in minor units.
        pub line_discounts_minor: Vec<i64>,
        /// Off in all.
        pub discount_minor: i64,
        /// What is left to pay.
        pub total_minor: i64,
        /// At most three lines for the cashier, in Japanese.
        pub lines_ja: Vec<String>,
        /// The same in English.
        pub lines_en: Vec<String>,
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
        /// What became of the coupons, in the order of the request.
        #[serde(default)]
        pub redemptions: Vec<RedemptionAnswer>,
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
