//! Which store, and which of its slots, fits the way that a person is on. Everything is known on the phone: the minutes of the way, and the slots that
//! a copy of each kitchen's book offers ([`KitchenBook::from_load`](crate::slots::KitchenBook::from_load)); nobody learns what was looked at.
//!
//! Each slot of each store is held against the person's arrival, in minutes: how long the person waits at the counter, how long the order waits on the
//! shelf, how far the store is off the way, how much later it gets where the kitchen is late, and how full the kitchen is. The sum, by
//! [`JourneyWeights`], is to be small.

use crate::dates::MINUTE_MS;
use crate::ids::StoreId;
use crate::slots::PickupSlot;

/// What a full kitchen counts for, in milliseconds: ten minutes.
const FULL_MS: i128 = 600_000;
/// Of so many orders one is later than promised: see [`crate::slots::Lateness`].
const LATE_ONE_OF: i128 = 10;

/// A store that could be gone to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The store.
    pub store: StoreId,
    /// How long the way to it takes, in minutes: from here, or from the station for [`Arrival::Train`].
    pub way_min: u32,
    /// By how many minutes that may be too much or too little.
    pub off_min: u32,
    /// How many minutes longer than without it the whole way is; where the person has no other way, the way itself.
    pub detour_min: u32,
    /// By how many minutes nine of ten of its orders are late at most.
    pub late_p90_min: u32,
    /// What its kitchen offers for this cart. One without any is left out.
    pub slots: Vec<PickupSlot>,
}

/// When the person gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// On the way already.
    OnTheWay,
    /// By a train or bus, and from its station on foot.
    Train {
        /// When it arrives, in milliseconds since the Unix epoch, as the timetable or the operator's feed says.
        at_ms: i64,
    },
    /// At a time that the person wants, or as soon as the way allows.
    Wanted {
        /// In milliseconds since the Unix epoch.
        at_ms: i64,
    },
}

/// How much each part counts, in thousandths of its minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JourneyWeights {
    /// The person waits at the counter.
    pub wait_permille: u32,
    /// The order waits on the shelf.
    pub shelf_permille: u32,
    /// The way is longer.
    pub detour_permille: u32,
    /// The kitchen is later than it promised.
    pub late_permille: u32,
    /// The kitchen is full; a full one counts as ten minutes.
    pub load_permille: u32,
}

impl Default for JourneyWeights {
    /// A minute of waiting is a minute of walking; food that gets cold counts for less, an order that is not ready for more.
    fn default() -> Self {
        Self { wait_permille: 1_000, shelf_permille: 400, detour_permille: 1_000, late_permille: 1_500, load_permille: 500 }
    }
}

/// What speaks against a slot, each by itself, in milliseconds; what is uncertain is taken at its mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct JourneyParts {
    /// How long the person waits for the promised time.
    pub wait_ms: i64,
    /// How long the order waits on the shelf from when it is planned to be ready.
    pub shelf_ms: i64,
    /// How much longer the way is.
    pub detour_ms: i64,
    /// How much longer the person waits because one order of ten is later than promised.
    pub late_ms: i64,
    /// How full the kitchen is; a full one is ten minutes.
    pub load_ms: i64,
}

/// What tells one store from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum JourneyPart {
    /// The wait at the counter.
    Wait,
    /// The wait on the shelf.
    Shelf,
    /// The detour.
    Detour,
    /// Lateness.
    Late,
    /// How full the kitchen is.
    Load,
}

/// Why a store stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum JourneyReason {
    /// There is no other.
    OnlyOne,
    /// The first: by this it gains most on the second.
    Gains {
        /// By what.
        part: JourneyPart,
        /// By how many minutes, rounded.
        minutes: u32,
    },
    /// Not the first: by this it loses most on the first.
    Loses {
        /// By what.
        part: JourneyPart,
        /// By how many minutes, rounded.
        minutes: u32,
    },
    /// As good as the one that it is held against.
    AsGood,
}

/// A store with its best slot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct JourneySuggestion {
    /// The store.
    pub store: StoreId,
    /// Its slot.
    pub slot: PickupSlot,
    /// When the person is there, in milliseconds since the Unix epoch.
    pub arrives_ms: i64,
    /// What speaks against it.
    pub parts: JourneyParts,
    /// All of it by its weights: the less the better.
    pub score_ms: i64,
    /// Why it stands here.
    pub reason: JourneyReason,
}

/// Of each store the slot that fits best, the best store first; equals by the earlier promise, then by store. The order of what is given does not
/// matter.
#[must_use]
pub fn suggest(candidates: &[Candidate], arrival: Arrival, now_ms: i64, weights: &JourneyWeights) -> Vec<JourneySuggestion> {
    let best = candidates.iter().filter_map(|candidate| {
        let slots = candidate.slots.iter().map(|slot| candidate.held_against(slot, arrival, now_ms, weights));
        slots.min_by(|a, b| rank(a).cmp(&rank(b)))
    });
    let mut best: Vec<JourneySuggestion> = best.collect();
    best.sort_by(|a, b| rank(a).cmp(&rank(b)));
    let parts: Vec<JourneyParts> = best.iter().map(|suggestion| suggestion.parts).collect();
    for (at, suggestion) in best.iter_mut().enumerate() {
        let other = if at == 0 { parts.get(1) } else { parts.first() };
        suggestion.reason = reason(at == 0, &suggestion.parts, other, weights);
    }
    best
}

/// What decides: the score, then the earlier promise, then what is left to tell them apart.
fn rank(suggestion: &JourneySuggestion) -> (i64, i64, &StoreId, i64, i64, [i64; 5]) {
    let JourneyParts { wait_ms, shelf_ms, detour_ms, late_ms, load_ms } = suggestion.parts;
    let slot = &suggestion.slot;
    let parts = [wait_ms, shelf_ms, detour_ms, late_ms, load_ms];
    (suggestion.score_ms, slot.promised_ms, &suggestion.store, slot.ready_ms, slot.start_ms, parts)
}

impl Candidate {
    fn arrives_ms(&self, arrival: Arrival, now_ms: i64) -> i64 {
        let way_ms = i64::from(self.way_min) * MINUTE_MS;
        match arrival {
            Arrival::OnTheWay => now_ms.saturating_add(way_ms),
            Arrival::Train { at_ms } => at_ms.max(now_ms).saturating_add(way_ms),
            Arrival::Wanted { at_ms } => now_ms.saturating_add(way_ms).max(at_ms),
        }
    }

    fn held_against(&self, slot: &PickupSlot, arrival: Arrival, now_ms: i64, weights: &JourneyWeights) -> JourneySuggestion {
        let arrives_ms = self.arrives_ms(arrival, now_ms);
        let parts = self.parts(slot, arrives_ms);
        let (store, slot) = (self.store.clone(), *slot);
        JourneySuggestion { store, slot, arrives_ms, parts, score_ms: weights.score_ms(&parts), reason: JourneyReason::OnlyOne }
    }

    fn parts(&self, slot: &PickupSlot, arrives_ms: i64) -> JourneyParts {
        let off_ms = i128::from(self.off_min) * i128::from(MINUTE_MS);
        let arrives = i128::from(arrives_ms);
        // One of four is as early as that, one as late, two are on time.
        let mean = |of: &dyn Fn(i128) -> i128| (of(arrives - off_ms) + 2 * of(arrives) + of(arrives + off_ms)) / 4;
        let waits_for = |ready: i128| mean(&|arrives| (ready - arrives).max(0));
        let (promised, ready) = (i128::from(slot.promised_ms), i128::from(slot.ready_ms));
        let wait = waits_for(promised);
        // The tenth order is late once more by as much as the nine are at most, which the promise has in it already.
        let late = promised + i128::from(self.late_p90_min) * i128::from(MINUTE_MS);
        JourneyParts {
            wait_ms: whole(wait),
            shelf_ms: whole(mean(&|arrives| (arrives - ready).max(0))),
            detour_ms: i64::from(self.detour_min) * MINUTE_MS,
            late_ms: whole((waits_for(late) - wait) / LATE_ONE_OF),
            load_ms: whole(i128::from(slot.load_permille) * FULL_MS / 1_000),
        }
    }
}

fn whole(ms: i128) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

impl JourneyWeights {
    /// Each part with its weight, in millionths of a second.
    fn weighted(&self, parts: &JourneyParts) -> [(JourneyPart, i64, i128); 5] {
        [
            (JourneyPart::Wait, parts.wait_ms, self.wait_permille),
            (JourneyPart::Shelf, parts.shelf_ms, self.shelf_permille),
            (JourneyPart::Detour, parts.detour_ms, self.detour_permille),
            (JourneyPart::Late, parts.late_ms, self.late_permille),
            (JourneyPart::Load, parts.load_ms, self.load_permille),
        ]
        .map(|(part, ms, weight)| (part, ms, i128::from(ms) * i128::from(weight)))
    }

    fn score_ms(&self, parts: &JourneyParts) -> i64 {
        whole(self.weighted(parts).iter().map(|(_, _, weighted)| weighted).sum::<i128>() / 1_000)
    }
}

/// By what one gains most on another, or loses.
fn reason(first: bool, own: &JourneyParts, other: Option<&JourneyParts>, weights: &JourneyWeights) -> JourneyReason {
    let Some(other) = other else { return JourneyReason::OnlyOne };
    let pairs = weights.weighted(own).into_iter().zip(weights.weighted(other));
    let more = pairs.map(|((part, own_ms, own), (_, other_ms, other))| {
        (part, own_ms.abs_diff(other_ms), if first { other - own } else { own - other })
    });
    let most = more.max_by_key(|(_, _, more)| *more).filter(|(_, _, more)| *more > 0);
    let half_ms = MINUTE_MS.unsigned_abs() / 2;
    match most.map(|(part, ms, _)| (part, u32::try_from(ms.saturating_add(half_ms) / MINUTE_MS.unsigned_abs()).unwrap_or(u32::MAX))) {
        None | Some((_, 0)) => JourneyReason::AsGood,
        Some((part, minutes)) if first => JourneyReason::Gains { part, minutes },
        Some((part, minutes)) => JourneyReason::Loses { part, minutes },
    }
}

impl JourneyReason {
    /// In Japanese.
    #[must_use]
    pub fn text_ja(self) -> String {
        let (part, minutes, gains) = match self {
            Self::OnlyOne => return "受け取れるのはこの店舗です".to_owned(),
            Self::AsGood => return "ほかの候補とほぼ同じです".to_owned(),
            Self::Gains { part, minutes } => (part, minutes, true),
            Self::Loses { part, minutes } => (part, minutes, false),
        };
        let shorter = if gains { "短くなります" } else { "長くなります" };
        match part {
            JourneyPart::Wait => format!("待ち時間が約{minutes}分{shorter}"),
            JourneyPart::Shelf => format!("できあがってからの時間が約{minutes}分{shorter}"),
            JourneyPart::Detour => format!("寄り道が約{minutes}分{shorter}"),
            JourneyPart::Late => format!("遅れの見込みが約{minutes}分{shorter}"),
            JourneyPart::Load if gains => "厨房がすいています".to_owned(),
            JourneyPart::Load => "厨房が混んでいます".to_owned(),
        }
    }

    /// In English.
    #[must_use]
    pub fn text_en(self) -> String {
        let (part, minutes, gains) = match self {
            Self::OnlyOne => return "The one store that has a time".to_owned(),
            Self::AsGood => return "About as good as the other".to_owned(),
            Self::Gains { part, minutes } => (part, minutes, true),
            Self::Loses { part, minutes } => (part, minutes, false),
        };
        let less = if gains { "less" } else { "more" };
        match part {
            JourneyPart::Wait => format!("About {minutes} min {less} waiting"),
            JourneyPart::Shelf => format!("About {minutes} min {less} on the shelf"),
            JourneyPart::Detour => format!("About {minutes} min {less} of a detour"),
            JourneyPart::Late => format!("About {minutes} min {less} of lateness to be expected"),
            JourneyPart::Load if gains => "The kitchen is quieter".to_owned(),
            JourneyPart::Load => "The kitchen is busier".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
