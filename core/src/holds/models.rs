//! Holds, as the app asks for them and shows them.

use noren_rules::eta::Trend;
use noren_rules::holds::HoldState;
use noren_rules::ids::{HoldId, IdempotencyKey, Sku, StoreId};
use noren_rules::stock::StockAnswer;
use noren_rules::wire::{HoldRefusal, Reason};
use serde::{Deserialize, Serialize};

use crate::replica::Freshness;

/// A wish to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HoldWish {
    /// In which store.
    pub store: StoreId,
    /// Which variant.
    pub sku: Sku,
    /// Pieces, 1 to 10.
    pub quantity: u32,
    /// In how many minutes the shopper will be there, 0 to 1,440.
    pub eta_min: u32,
}

/// What became of a wish to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[allow(clippy::large_enum_variant, reason = "one at a time, and over the FFI as it is")]
pub enum HoldOutcome {
    /// It is reserved. It is promised as kept when the store has picked it.
    Held {
        /// The hold.
        hold: HoldView,
    },
    /// It is not held.
    Refused {
        /// Why.
        reason: HoldRefusal,
        /// Where else it is: the nearest to the phone first where a position was given, else to that store; the online shop last, and behind it those
        /// of which nothing is known any more.
        alternatives: Vec<HoldChoice>,
    },
    /// There is no network, or no answer came: it goes by itself with `outbox().send_due()`, and is over at a time.
    Waiting {
        /// Its key, to take it back. A wish whose place another one took is gone with its key.
        key: IdempotencyKey,
        /// When it is over, in milliseconds since the Unix epoch.
        until_ms: i64,
    },
    /// It could not be sent in time. Nothing is held, and nothing ever will be.
    Over,
}

/// Another store that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HoldChoice {
    /// The store.
    pub store: StoreId,
    /// Its name, or its id where the phone knows no name.
    pub name: String,
    /// True for the online shop.
    pub is_ec: bool,
    /// How many there are (at most 99 are told), as of when and from which source.
    pub answer: StockAnswer,
    /// Metres from the phone; absent without a position, and where the phone does not know the store's place.
    pub distance_m: Option<u32>,
    /// True when it is open now; absent where its hours are not known.
    pub open_now: Option<bool>,
}

/// Where a wish or a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum HoldStanding {
    /// The backend has not heard of it: nothing is held yet.
    Waiting,
    /// It was sent and no answer came: it may be held. It is asked for by itself.
    Asked,
    /// It is not held.
    Refused {
        /// Why.
        reason: HoldRefusal,
    },
    /// The backend did not take the wish at all.
    NotTaken {
        /// Its reason.
        code: Reason,
    },
    /// It found no network in ten minutes.
    Over,
    /// There is a hold.
    Known {
        /// Where it stands, as last heard; over when its time is.
        state: HoldState,
    },
}

/// A hold, or a wish for one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HoldView {
    /// The hold; absent while it is a wish only.
    pub id: Option<HoldId>,
    /// The wish's key in the outbox, where this phone made it and it is a wish only.
    pub key: Option<IdempotencyKey>,
    /// The store.
    pub store: StoreId,
    /// Its name, or its id where the phone knows no name.
    pub store_name: String,
    /// The variant.
    pub sku: Sku,
    /// Pieces.
    pub quantity: u32,
    /// Where it stands.
    pub standing: HoldStanding,
    /// When it ends unless the shopper comes nearer, in milliseconds since the Unix epoch; for a wish, when it is over.
    pub until_ms: i64,
    /// Whole minutes until then, rounded up; 0 when it has ended.
    pub minutes_left: u32,
    /// When it was made.
    pub made_at_ms: i64,
    /// Number on the hold shelf, once it was picked.
    pub shelf_number: Option<String>,
    /// The words to say at the till; empty for a wish.
    pub call: String,
    /// What a person reads, in Japanese. Only a picked hold is promised as kept.
    pub words_ja: String,
    /// The same in English.
    pub words_en: String,
    /// Where else it is, for a wish that was refused: the nearest to that store first, as of when the backend said so. Else empty.
    pub alternatives: Vec<HoldChoice>,
}

/// Holds and wishes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HoldPage {
    /// Newest first: those that are live, and those that ended within 24 hours.
    pub holds: Vec<HoldView>,
    /// How fresh what the backend said is.
    pub freshness: Freshness,
}

/// How the shopper gets on towards a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HoldTrip {
    /// The hold.
    pub hold: HoldId,
    /// Its store.
    pub store: StoreId,
    /// In how many minutes the shopper is there; absent while that cannot be said.
    pub eta_min: Option<u32>,
    /// Nearer or away.
    pub trend: Trend,
    /// True when the minutes are now to be told: committed, `outbox().send_due()` sends them.
    pub told: bool,
    /// True when the shopper has clearly turned away: propose to release the hold.
    pub turned_away: bool,
    /// True when it was released because of that, as the member has set it: committed, `outbox().send_due()` sends it.
    pub released: bool,
}

impl HoldStanding {
    pub(super) fn of(state: HoldState) -> Self {
        Self::Known { state }
    }

    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::Known { state } if state.is_live())
    }

    /// What a person reads, in Japanese and in English.
    pub(super) fn words(self, shelf_number: Option<&str>) -> (String, String) {
        let (ja, en) = match self {
            Self::Waiting => ("送信待ち・まだ確保していません", "Waiting for a connection: nothing is kept yet"),
            Self::Asked => ("送信済み・返事を待っています（確保できたかまだ分かりません）", "Asked, no answer yet: it may be kept already"),
            Self::NotTaken { .. } => ("受け付けられませんでした", "Not accepted"),
            Self::Over => ("10分以内に送信できなかったため、取り置きしていません", "Not kept: it could not be sent within 10 minutes"),
            Self::Refused { reason } => refusal(reason),
            Self::Known { state: HoldState::Requested } => {
                ("店舗で確認中・まだ確保していません", "The store is looking for it: not kept yet")
            }
            Self::Known { state: HoldState::Picked } => match shelf_number {
                Some(number) => return (format!("取り置き済み・棚番 {number}"), format!("Kept for you: shelf {number}")),
                None => ("取り置き済み", "Kept for you"),
            },
            Self::Known { state: HoldState::NotFound } => ("売り場で見つかりませんでした", "The store did not find it"),
            Self::Known { state: HoldState::HandedOver } => ("お渡し済み", "Handed over"),
            Self::Known { state: HoldState::Released } => ("取り置きを終了しました", "Released"),
            Self::Known { state: HoldState::Expired } => ("取り置き期限が過ぎました", "The time of this hold is over"),
        };
        (ja.into(), en.into())
    }
}

fn refusal(reason: HoldRefusal) -> (&'static str, &'static str) {
    match reason {
        HoldRefusal::InsufficientStock => ("在庫が足りません", "Not enough in stock"),
        HoldRefusal::StockUnknown => ("店舗の在庫が確認できません", "The store's stock is not certain"),
        HoldRefusal::NotOffered => ("この店舗では取り置きできません", "This store does not hold it"),
        HoldRefusal::TooFar => ("到着までの時間が長すぎます", "Too far away to be held"),
        HoldRefusal::TooMany => ("取り置きできる数を超えています", "You hold as much as one may"),
        HoldRefusal::AlreadyHeld => ("すでに取り置きしています", "You hold it already"),
        HoldRefusal::TooSoon => ("取り置きの期限が切れたばかりです", "Your hold of it has just run out"),
        HoldRefusal::Closed => ("営業時間内に受け取れません", "The store closes before you could come"),
    }
}
