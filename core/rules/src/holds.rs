//! Holds: pieces kept for a shopper who is on the way, for as long as the way is, and not longer.

use serde::{Deserialize, Serialize};

use crate::wire::{HoldRefusal, TaskDone};

const MINUTE_MS: i64 = 60_000;

/// Where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Reserved in the books; nobody has fetched it yet.
    Requested,
    /// It lies on the hold shelf: only now it is promised as kept.
    Picked,
    /// The staff did not find it. The books were wrong.
    NotFound,
    /// The shopper has it.
    HandedOver,
    /// The shopper does not come; or the staff put it back.
    Released,
    /// Its time was over.
    Expired,
}

/// Why what the staff did does not fit where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoldStepError {
    /// Handed over or put back before it was picked.
    #[error("this hold was not picked yet: mark it as picked first, with its number on the hold shelf, or as not found")]
    NotPicked,
    /// Not found after it was picked.
    #[error("this hold was picked: put it back, or hand it over")]
    Picked,
    /// The shopper has it.
    #[error("this hold was handed over: what comes back now is a return at the till")]
    HandedOver,
    /// It was not found.
    #[error("this hold was not found and is over: the shopper was told, a new hold can be made")]
    NotFound,
    /// Released or expired.
    #[error("this hold is over: put the piece back if it was picked, and sell it as any other")]
    Over,
}

impl HoldState {
    /// True while it keeps pieces.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Requested | Self::Picked)
    }

    /// Where it stands after the staff did something. To say the same thing twice changes nothing; what is put back after the hold was over leaves
    /// it over.
    ///
    /// # Errors
    /// [`HoldStepError`] when that cannot be done from here.
    pub fn after(self, done: &TaskDone) -> Result<Self, HoldStepError> {
        match (self, done) {
            (Self::Requested | Self::Picked, TaskDone::Picked { .. }) => Ok(Self::Picked),
            (Self::Requested | Self::NotFound, TaskDone::NotFound) => Ok(Self::NotFound),
            (Self::Picked | Self::HandedOver, TaskDone::HandedOver) => Ok(Self::HandedOver),
            (Self::Picked | Self::Released, TaskDone::PutBack) => Ok(Self::Released),
            (Self::Expired, TaskDone::PutBack) => Ok(Self::Expired),
            (Self::Requested, TaskDone::HandedOver | TaskDone::PutBack) => Err(HoldStepError::NotPicked),
            (Self::Picked, TaskDone::NotFound) => Err(HoldStepError::Picked),
            (Self::HandedOver, _) => Err(HoldStepError::HandedOver),
            (Self::NotFound, _) => Err(HoldStepError::NotFound),
            (Self::Released | Self::Expired, _) => Err(HoldStepError::Over),
        }
    }
}

/// How long a store holds, and for whom. Minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldPolicy {
    /// What is added to the way: parking, stairs, a red light.
    pub margin_min: u32,
    /// A hold is at least as long, so that the staff has time to fetch it.
    pub least_min: u32,
    /// No hold is longer than this, whatever the shopper says.
    pub cap_min: u32,
    /// Who is further away than this is not held for.
    pub farthest_min: u32,
    /// Live holds of a member, in all stores.
    pub most_a_member: u32,
    /// A shopper's word on the way is shown to the staff for so long.
    pub old_word_min: u32,
    /// For so long after a hold ran out its member cannot hold the same variant in the same store again: others have their turn.
    pub pause_min: u32,
}

impl Default for HoldPolicy {
    fn default() -> Self {
        Self { margin_min: 10, least_min: 15, cap_min: 120, farthest_min: 90, most_a_member: 3, old_word_min: 15, pause_min: 30 }
    }
}

/// The times of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldTimes {
    /// When it ends, unless the shopper comes nearer; milliseconds since the Unix epoch.
    pub until_ms: i64,
    /// It never lasts longer than this.
    pub cap_ms: i64,
    /// In how many minutes the shopper said to be there.
    pub eta_min: u32,
    /// When that was said.
    pub said_at_ms: i64,
}

/// What came of a shopper's word on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Progress {
    /// Nearer, and held for longer.
    Extended,
    /// Nearer, and held for long enough already. Also for a word that is older than the last, and for a hold whose time is over.
    Unchanged,
    /// Not nearer than at the last word: it ends when it was to end.
    NotNearer,
    /// Nearer, and held for as long as any hold.
    AtCap,
}

impl HoldPolicy {
    /// The times of a new hold for a shopper who is `eta_min` minutes away: the way and the margin, at least `least_min`, at most `cap_min`.
    ///
    /// # Errors
    /// [`HoldRefusal::TooFar`] beyond `farthest_min`.
    pub fn begin(&self, now_ms: i64, eta_min: u32) -> Result<HoldTimes, HoldRefusal> {
        if eta_min > self.farthest_min {
            return Err(HoldRefusal::TooFar);
        }
        let held_min = eta_min.saturating_add(self.margin_min).max(self.least_min).min(self.cap_min);
        Ok(HoldTimes { until_ms: after(now_ms, held_min), cap_ms: after(now_ms, self.cap_min), eta_min, said_at_ms: now_ms })
    }

    /// The times after a shopper's word `still coming, eta_min minutes`, which was so at `at_ms` (taken as `now_ms` where it is ahead of it).
    ///
    /// A hold is extended, to the way and the margin, only by a word that says fewer minutes than the last one; so who turns away, or waits, is held
    /// for no longer than before. It is never extended past its cap, never shortened, and never raised once its time is over.
    #[must_use]
    pub fn progress(&self, times: &HoldTimes, now_ms: i64, at_ms: i64, eta_min: u32) -> (HoldTimes, Progress) {
        let at_ms = at_ms.min(now_ms);
        if at_ms <= times.said_at_ms || now_ms >= times.until_ms {
            return (*times, Progress::Unchanged);
        }
        let heard = HoldTimes { eta_min, said_at_ms: at_ms, ..*times };
        if eta_min >= times.eta_min {
            return (heard, Progress::NotNearer);
        }
        let wanted_ms = after(at_ms, eta_min.saturating_add(self.margin_min));
        let until_ms = wanted_ms.min(times.cap_ms).max(times.until_ms);
        let progress = if wanted_ms > times.cap_ms {
            Progress::AtCap
        } else if until_ms > times.until_ms {
            Progress::Extended
        } else {
            Progress::Unchanged
        };
        (HoldTimes { until_ms, ..heard }, progress)
    }

    /// In how many minutes the shopper is to be expected, as of `now_ms`: the last word less the time since; `None` when that word is old.
    #[must_use]
    pub fn expected_in_min(&self, times: &HoldTimes, now_ms: i64) -> Option<u32> {
        let since_min = now_ms.saturating_sub(times.said_at_ms).max(0) / MINUTE_MS;
        let since_min = u32::try_from(since_min).ok().filter(|since_min| *since_min <= self.old_word_min)?;
        Some(times.eta_min.saturating_sub(since_min))
    }
}

fn after(at_ms: i64, minutes: u32) -> i64 {
    at_ms.saturating_add(i64::from(minutes) * MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: HoldPolicy =
        HoldPolicy { margin_min: 10, least_min: 15, cap_min: 120, farthest_min: 90, most_a_member: 3, old_word_min: 15, pause_min: 30 };

    fn minute(n: i64) -> i64 {
        n * MINUTE_MS
    }

    #[test]
    fn a_hold_is_as_long_as_the_way() {
        let held = |eta_min| POLICY.begin(minute(1_000), eta_min).map(|times| (times.until_ms - minute(1_000)) / MINUTE_MS);
        assert_eq!([held(0), held(5), held(6), held(90)], [Ok(15), Ok(15), Ok(16), Ok(100)]);
        assert_eq!(held(91), Err(HoldRefusal::TooFar));
        assert_eq!(POLICY.begin(minute(1_000), 5).unwrap().cap_ms, minute(1_120));
        let short = HoldPolicy { cap_min: 10, ..POLICY };
        assert_eq!(short.begin(0, 5).unwrap().until_ms, minute(10));
    }

    #[test]
    fn only_who_comes_nearer_is_held_for_longer() {
        let begun = POLICY.begin(0, 20).unwrap();
        assert_eq!(begun.until_ms, minute(30));
        // As fast as was said: it is long enough.
        let (times, progress) = POLICY.progress(&begun, minute(10), minute(10), 10);
        assert_eq!((times.until_ms, progress), (minute(30), Progress::Unchanged));
        // A jam, but nearer: 9 minutes more, and the margin.
        let (times, progress) = POLICY.progress(&times, minute(20), minute(20), 9);
        assert_eq!((times.until_ms, progress), (minute(39), Progress::Extended));
        // Turned away, twice.
        let (times, progress) = POLICY.progress(&times, minute(25), minute(25), 12);
        assert_eq!((times.until_ms, progress), (minute(39), Progress::NotNearer));
        let (times, progress) = POLICY.progress(&times, minute(28), minute(28), 12);
        assert_eq!((times.until_ms, progress, times.eta_min), (minute(39), Progress::NotNearer, 12));
        // A word that comes late is not heard, one from a clock that is ahead is of now.
        assert_eq!(POLICY.progress(&times, minute(29), minute(24), 1), (times, Progress::Unchanged));
        assert_eq!(POLICY.progress(&times, minute(29), minute(99), 11).0.said_at_ms, minute(29));
        // Over is over.
        assert_eq!(POLICY.progress(&times, minute(39), minute(39), 1), (times, Progress::Unchanged));
        assert_eq!(POLICY.expected_in_min(&times, minute(32)), Some(8));
        assert_eq!(POLICY.expected_in_min(&times, minute(44)), None);
    }

    #[test]
    fn the_cap_holds() {
        let begun = POLICY.begin(0, 90).unwrap();
        let (times, _) = POLICY.progress(&begun, minute(99), minute(99), 80);
        assert_eq!(times.until_ms, minute(120));
        let (again, progress) = POLICY.progress(&times, minute(119), minute(119), 60);
        assert_eq!((again.until_ms, progress), (minute(120), Progress::AtCap));
    }

    const STATES: [HoldState; 6] =
        [HoldState::Requested, HoldState::Picked, HoldState::NotFound, HoldState::HandedOver, HoldState::Released, HoldState::Expired];

    #[test]
    fn what_the_staff_may_do_from_where() {
        let picked = TaskDone::Picked { shelf_number: "7".into() };
        let after = |done: &TaskDone| STATES.map(|state| state.after(done));
        use HoldState::{Expired, HandedOver, NotFound, Picked, Released};
        use HoldStepError as No;
        assert_eq!(after(&picked), [Ok(Picked), Ok(Picked), Err(No::NotFound), Err(No::HandedOver), Err(No::Over), Err(No::Over)]);
        assert_eq!(
            after(&TaskDone::NotFound),
            [Ok(NotFound), Err(No::Picked), Ok(NotFound), Err(No::HandedOver), Err(No::Over), Err(No::Over)]
        );
        assert_eq!(
            after(&TaskDone::HandedOver),
            [Err(No::NotPicked), Ok(HandedOver), Err(No::NotFound), Ok(HandedOver), Err(No::Over), Err(No::Over)]
        );
        assert_eq!(
            after(&TaskDone::PutBack),
            [Err(No::NotPicked), Ok(Released), Err(No::NotFound), Err(No::HandedOver), Ok(Released), Ok(Expired)]
        );
    }

    proptest! {
        #[test]
        fn no_hold_is_longer_than_the_cap_and_only_nearer_makes_it_longer(
            eta in 0..120u32,
            words in prop::collection::vec((0..40i64, -5..5i64, 0..130u32), 0..30),
        ) {
            let Ok(begun) = POLICY.begin(0, eta) else { prop_assert!(eta > 90); return Ok(()) };
            let (mut times, mut now) = (begun, 0);
            for (later, skew, eta_min) in words {
                now += minute(later);
                let (next, progress) = POLICY.progress(&times, now, now + minute(skew), eta_min);
                prop_assert!(next.until_ms >= times.until_ms && next.until_ms <= begun.cap_ms && next.cap_ms == begun.cap_ms);
                if next.until_ms > times.until_ms {
                    prop_assert!(eta_min < times.eta_min && now < times.until_ms && matches!(progress, Progress::Extended | Progress::AtCap));
                }
                times = next;
            }
        }

        #[test]
        fn any_numbers_have_an_answer(
            policy in any::<[u32; 7]>(),
            times in any::<(i64, i64, u32, i64)>(),
            now_ms in any::<i64>(),
            at_ms in any::<i64>(),
            eta_min in any::<u32>(),
        ) {
            let [margin_min, least_min, cap_min, farthest_min, most_a_member, old_word_min, pause_min] = policy;
            let policy = HoldPolicy { margin_min, least_min, cap_min, farthest_min, most_a_member, old_word_min, pause_min };
            let _ = policy.begin(now_ms, eta_min);
            let (until_ms, cap_ms, said_min, said_at_ms) = times;
            let times = HoldTimes { until_ms, cap_ms, eta_min: said_min, said_at_ms };
            let (next, _) = policy.progress(&times, now_ms, at_ms, eta_min);
            prop_assert!(next.until_ms >= until_ms);
            let _ = policy.expected_in_min(&times, now_ms);
        }
    }
}
