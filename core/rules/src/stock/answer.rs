//! The honest answer: how many, as of when, from which source, and how likely it is still there on arrival.

use super::chance::{ChanceModel, ChanceQuestion};
use super::events::StockSource;
use crate::wire::StockLevel;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

impl StockSource {
    /// How old what this source said may be and still be shown without 'last known', in milliseconds: tills speak every few minutes, files and
    /// counts come once a day.
    #[must_use]
    pub fn live_ms(self) -> i64 {
        match self {
            Self::PosFeed => 15 * MINUTE_MS,
            Self::Batch | Self::Count => 24 * HOUR_MS,
        }
    }

    /// How old it may be and be shown at all, in milliseconds. Beyond this nothing is known.
    #[must_use]
    pub fn past_ms(self) -> i64 {
        match self {
            Self::PosFeed => 4 * HOUR_MS,
            Self::Batch | Self::Count => 36 * HOUR_MS,
        }
    }
}

/// Available to promise (ATP): on hand and for sale, less what is reserved, less the safety stock, never below 0. `None` when what is on hand is
/// below 0: more was sold than there was, so the books cannot be right and nobody knows.
#[must_use]
pub fn available(on_hand_sellable: i64, reserved: u32, safety: u32) -> Option<u32> {
    let kept = i64::from(reserved).saturating_add(i64::from(safety));
    (on_hand_sellable >= 0).then(|| u32::try_from(on_hand_sellable.saturating_sub(kept).max(0)).unwrap_or(u32::MAX))
}

/// In one sign: is it there?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Band {
    /// ◯ 在庫あり.
    InStock,
    /// △ 残りわずか: a few, or fewer than are wanted.
    Low,
    /// × 在庫なし.
    Out,
    /// 在庫不明: the books cannot be right, or what was heard is too old.
    Unknown,
}

/// From which quantity on a band is which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BandRules {
    /// So many or fewer are few.
    pub low_at: u32,
}

impl Default for BandRules {
    /// Three or fewer are few.
    fn default() -> Self {
        Self { low_at: 3 }
    }
}

/// What is known of a store's levels as a whole. Of a store that was never heard there is none, and so no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockOrigin {
    /// Everything that happened before this is in the levels, in milliseconds since the Unix epoch.
    pub as_of_ms: i64,
    /// Where the levels come from.
    pub source: StockSource,
    /// How the chance is computed.
    pub model: ChanceModel,
}

impl StockOrigin {
    /// How old what is known is, in milliseconds; `None` while the clock is not proven.
    fn age_ms(&self, now_ms: Option<i64>) -> Option<i64> {
        Some(now_ms?.saturating_sub(self.as_of_ms).max(0))
    }

    /// True when what is known is too old to go by, or when nobody knows how old it is.
    #[must_use]
    pub fn is_past(&self, now_ms: Option<i64>) -> bool {
        self.age_ms(now_ms).is_none_or(|age_ms| age_ms > self.source.past_ms())
    }
}

/// When the shopper will be there, and how many are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Arrival {
    /// In so many minutes; 0 for one who stands there. Absent where the way is not known: then no chance can be said.
    pub in_min: Option<u32>,
    /// Pieces; 0 is taken as 1.
    pub quantity: u32,
}

/// How much of a variant there is in a store: never without the time and the source of it.
///
/// It is made by [`StockAnswer::of`] alone, so that no answer exists whose band was not held against its age:
///
/// ```compile_fail,E0639
/// use noren_rules::stock::{Band, StockAnswer, StockSource};
/// let made_up = StockAnswer {
///     band: Band::InStock,
///     quantity: Some(7),
///     as_of_ms: 0,
///     source: StockSource::PosFeed,
///     last_known: false,
///     chance_permille: None,
///     shelf: None,
///     display: 0,
///     in_transit: 0,
/// };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct StockAnswer {
    /// In one sign.
    pub band: Band,
    /// Available to promise; absent when the books cannot be right. With [`Band::Unknown`] it is what was said last, too long ago to go by.
    pub quantity: Option<u32>,
    /// As of when, in milliseconds since the Unix epoch: what happened later is not in it.
    pub as_of_ms: i64,
    /// From which source.
    pub source: StockSource,
    /// True when it is older than what the source usually is, or when nobody knows how old it is: to be shown as 'last known'.
    pub last_known: bool,
    /// How likely it is that the pieces wanted are there at the arrival, in thousandths; absent with [`Band::Unknown`], and where the way is not known.
    pub chance_permille: Option<u32>,
    /// Where it lies, as the store writes it.
    pub shelf: Option<String>,
    /// Pieces on display, which are not sold.
    pub display: u32,
    /// Pieces on the way to the store.
    pub in_transit: u32,
}

impl StockAnswer {
    /// The answer about a variant in a store.
    ///
    /// `level` is `None` for a variant that the store, which is heard of, never had: it is out. `now_ms` is the trusted clock, `None` while it is
    /// not proven (a phone that was started anew without a network): how old anything is is not known then, and the band is [`Band::Unknown`]
    /// whatever the quantity, as it is beyond [`StockSource::past_ms`]. A proven clock that is behind `as_of_ms` sees an age of 0.
    ///
    /// ```
    /// use noren_rules::stock::{Arrival, Band, BandRules, ChanceModel, StockAnswer, StockOrigin, StockSource};
    /// let origin = StockOrigin { as_of_ms: 1_000, source: StockSource::PosFeed, model: ChanceModel::default() };
    /// let answer = StockAnswer::of(None, &origin, &BandRules::default(), Some(2_000), Arrival { in_min: Some(20), quantity: 1 });
    /// assert_eq!((answer.band, answer.as_of_ms, answer.last_known), (Band::Out, 1_000, false));
    /// let who_knows_when = StockAnswer::of(None, &origin, &BandRules::default(), None, Arrival { in_min: Some(20), quantity: 1 });
    /// assert_eq!((who_knows_when.band, who_knows_when.last_known), (Band::Unknown, true));
    /// ```
    #[must_use]
    pub fn of(level: Option<&StockLevel>, origin: &StockOrigin, rules: &BandRules, now_ms: Option<i64>, arrival: Arrival) -> Self {
        let age_ms = origin.age_ms(now_ms);
        let quantity = level.map_or(Some(0), |level| level.available);
        // What can be gone by: a number of books that can be right, not too old.
        let known = quantity.filter(|_| !origin.is_past(now_ms));
        let chance = || {
            let (available, age_ms, in_min) = (known?, age_ms?, arrival.in_min?);
            Some(origin.model.chance_permille(&ChanceQuestion {
                available,
                quantity: arrival.quantity,
                sold_per_day_milli: level.map_or(0, |level| level.sold_per_day_milli),
                error_permille: level.map_or(0, |level| level.error_permille),
                until_ms: age_ms.saturating_add(i64::from(in_min) * MINUTE_MS),
            }))
        };
        Self {
            band: known.map_or(Band::Unknown, |available| rules.band(available, arrival.quantity)),
            quantity,
            as_of_ms: origin.as_of_ms,
            source: origin.source,
            last_known: age_ms.is_none_or(|age_ms| age_ms > origin.source.live_ms()),
            chance_permille: chance(),
            shelf: level.and_then(|level| level.shelf.clone()),
            display: level.map_or(0, |level| level.display),
            in_transit: level.map_or(0, |level| level.in_transit),
        }
    }
}

impl BandRules {
    fn band(&self, available: u32, wanted: u32) -> Band {
        match available {
            0 => Band::Out,
            few if few <= self.low_at || few < wanted => Band::Low,
            _ => Band::InStock,
        }
    }
}
