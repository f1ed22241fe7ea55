//! Coupons and stamps, as the app shows them.

use noren_rules::conditions::ConditionKind;
use noren_rules::grants::GrantState;
use noren_rules::ids::{PlaceId, StampCardId, StoreId};
use noren_rules::receipt::Channel;

/// Where a coupon would be used. What is not known stays open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CouponSituation {
    /// The place, such as that of a check-in.
    pub place: Option<PlaceId>,
    /// The store, where it is known: its place need not be named then.
    pub store: Option<StoreId>,
    /// How it would be bought.
    pub channel: Option<Channel>,
}

/// A coupon.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CouponView {
    /// The grant's serial; `None` for an offer of which this device holds no grant (yet).
    pub serial: Option<u64>,
    /// The offer's number.
    pub offer: u32,
    /// Its title in Japanese; English where there is none.
    pub title_ja: String,
    /// Its title in English; Japanese where there is none.
    pub title_en: String,
    /// Why the member has it (雨の日限定), in Japanese; may be empty.
    pub occasion_ja: String,
    /// The same in English.
    pub occasion_en: String,
    /// Where it stands.
    pub state: GrantState,
    /// True when it can be used in this situation now.
    pub usable_now: bool,
    /// Why not now, as a snake_case word; `None` when it can be used.
    pub reason: Option<String>,
    /// The reason in Japanese; empty when it can be used.
    pub reason_ja: String,
    /// The reason in English.
    pub reason_en: String,
    /// True when a till without a connection takes it.
    pub offline_ok: bool,
    /// True when only a till with a connection can take it.
    pub needs_connection: bool,
    /// True when the member holds it back: the card does not show it.
    pub held_back: bool,
    /// True when it was shown to a till and nobody has said yet what became of it: the card does not show it again until then.
    pub unheard: bool,
    /// When it ends, in milliseconds since the Unix epoch; `None` for no end.
    pub until_ms: Option<i64>,
    /// Places where it holds; everywhere when this is empty.
    pub places: Vec<PlaceId>,
}

/// What a refresh brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CouponsReport {
    /// True when offers, conditions or places are others than before.
    pub new_rules: bool,
    /// True when grants for tills without a connection were leased.
    pub leased: bool,
    /// True when the backend says something new about grants, stamps or check-ins.
    pub new_wallet: bool,
}

/// Coupons that the card shows now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Presentation {
    /// Serials of the grants in the QR, in the order of the allotment; at most 20.
    pub serials: Vec<u64>,
    /// False when it could not be noted what is shown (the disk is full): the card then shows without coupons.
    pub noted: bool,
}

/// The best set of coupons for a basket that the phone knows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct BestSetView {
    /// Coupons to use.
    pub used: Vec<UsedCouponView>,
    /// All the others, each with its reason.
    pub unused: Vec<UnusedCouponView>,
    /// What is taken off in all, in minor units, tax included.
    pub discount_minor: i64,
    /// What is left to pay.
    pub total_minor: i64,
    /// How much more another set could take off at most: 0 is proven best.
    pub gap_minor: i64,
}

/// A coupon of the best set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct UsedCouponView {
    /// The grant.
    pub serial: u64,
    /// The offer's number.
    pub offer: u32,
    /// Its title in Japanese.
    pub title_ja: String,
    /// Its title in English.
    pub title_en: String,
    /// What it takes off, in minor units, tax included.
    pub discount_minor: i64,
}

/// A coupon that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct UnusedCouponView {
    /// The grant.
    pub serial: u64,
    /// The offer's number.
    pub offer: u32,
    /// Its title in Japanese.
    pub title_ja: String,
    /// Its title in English.
    pub title_en: String,
    /// Why not, as a snake_case word.
    pub reason: String,
    /// The reason in Japanese.
    pub reason_ja: String,
    /// The reason in English.
    pub reason_en: String,
}

/// Something that is on in an area until a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ConditionView {
    /// What.
    pub kind: ConditionKind,
    /// Where, as the operator names its areas.
    pub area: String,
    /// When it begins, in milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// When it ends.
    pub until_ms: i64,
}

/// A stamp card.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StampCardView {
    /// Which.
    pub card: StampCardId,
    /// Its title in Japanese.
    pub title_ja: String,
    /// Its title in English.
    pub title_en: String,
    /// All stamps, oldest first: cards that are full stay counted.
    pub stamps: Vec<StampView>,
    /// Stamps of a full card; 0 where the programme is not known here.
    pub goal: u32,
    /// Rewards that were given.
    pub rewards: u32,
    /// Full cards, those included whose stamps the backend has not heard of yet.
    pub full_cards: u32,
}

/// A stamp: place and day name it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StampView {
    /// Where.
    pub place: PlaceId,
    /// The day at the place, `YYYY-MM-DD`.
    pub day: String,
    /// True while its check-in waits for the backend's word.
    pub waiting: bool,
}
