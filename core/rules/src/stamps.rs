//! Stamp cards: one stamp a day a place, and a reward for each full card. Merging what a phone and the backend have is a union, so that stamps made
//! offline come together in any order, any number of times, without doubles.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dates::local_date;
use crate::ids::{PlaceId, StampCardId};
use crate::wire::{Stamp, StampCardState, StampProgramme};

/// The day of a moment at the places of a programme, `YYYY-MM-DD`: its midnight is the programme's, wherever the phone's clock stands.
#[must_use]
pub fn stamp_day(programme: &StampProgramme, at_ms: i64) -> String {
    local_date(at_ms, programme.utc_offset_min)
}

/// How many rewards so many stamps have earned: one for each full card. A goal of 0 is none, and earns none.
#[must_use]
pub fn rewards_due(stamps: usize, goal: u32) -> u32 {
    let goal = usize::try_from(goal).unwrap_or(usize::MAX);
    stamps.checked_div(goal).map_or(0, |full| u32::try_from(full).unwrap_or(u32::MAX))
}

/// A member's stamps. Cards that are full stay counted: stamps are never taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampBook {
    /// Of each card, day and place: in order of the day.
    cards: BTreeMap<StampCardId, BTreeSet<(String, PlaceId)>>,
}

impl StampBook {
    /// Stamps for a visit at `at_ms` (milliseconds since the Unix epoch). False when that place stamped the card on that day already, or is none
    /// of the programme's.
    pub fn add(&mut self, programme: &StampProgramme, place: &PlaceId, at_ms: i64) -> bool {
        let takes_part = programme.places.is_empty() || programme.places.contains(place);
        takes_part && self.card_mut(&programme.id).insert((stamp_day(programme, at_ms), place.clone()))
    }

    /// Takes in the card as somebody else has it, the backend above all.
    pub fn add_card(&mut self, card: &StampCardState) {
        self.card_mut(&card.card).extend(card.stamps.iter().map(|stamp| (stamp.day.clone(), stamp.place.clone())));
    }

    /// Takes in every stamp of another book.
    pub fn merge(&mut self, other: &Self) {
        for (card, stamps) in &other.cards {
            self.card_mut(card).extend(stamps.iter().cloned());
        }
    }

    /// The stamps of a card, oldest first.
    #[must_use]
    pub fn stamps(&self, card: &StampCardId) -> Vec<Stamp> {
        let stamps = self.cards.get(card).into_iter().flatten();
        stamps.map(|(day, place)| Stamp { place: place.clone(), day: day.clone() }).collect()
    }

    fn card_mut(&mut self, card: &StampCardId) -> &mut BTreeSet<(String, PlaceId)> {
        self.cards.entry(card.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offers::OfferId;
    use proptest::prelude::*;

    const JAPAN_MIN: i32 = 540;

    fn programme(places: &[&str], utc_offset_min: i32) -> StampProgramme {
        StampProgramme {
            id: StampCardId::from("autumn"),
            title: BTreeMap::new(),
            places: places.iter().map(|place| PlaceId::from(*place)).collect(),
            goal: 3,
            reward: OfferId(7),
            utc_offset_min,
        }
    }

    #[test]
    fn days_are_those_at_the_place() {
        let day = |utc_offset_min, at_s: i64| stamp_day(&programme(&[], utc_offset_min), at_s * 1_000);
        assert_eq!(day(0, 0), "1970-01-01");
        assert_eq!(day(0, -1), "1969-12-31");
        assert_eq!(day(0, 951_782_400), "2000-02-29");
        assert_eq!(day(0, 4_107_542_399), "2100-02-28");
        assert_eq!(day(0, 4_107_542_400), "2100-03-01", "2100 is no leap year");
        assert_eq!(day(JAPAN_MIN, 1_767_193_199), "2025-12-31");
        assert_eq!(day(JAPAN_MIN, 1_767_193_200), "2026-01-01", "midnight in Japan is 15:00 UTC");
        assert_eq!(day(-600, 1_767_193_200), "2025-12-31");
        for at_ms in [i64::MIN, i64::MAX] {
            assert!(!stamp_day(&programme(&[], JAPAN_MIN), at_ms).is_empty());
        }
    }

    #[test]
    fn one_a_day_a_place() {
        let (programme, mut book) = (programme(&["sa", "pa"], JAPAN_MIN), StampBook::default());
        let midnight_ms = 1_767_193_200_000;
        assert!(book.add(&programme, &"sa".into(), midnight_ms - 1));
        assert!(!book.add(&programme, &"sa".into(), midnight_ms - 3_600_000), "the same day");
        assert!(book.add(&programme, &"sa".into(), midnight_ms), "a minute later it is another day");
        assert!(book.add(&programme, &"pa".into(), midnight_ms), "another place");
        assert!(!book.add(&programme, &"store".into(), midnight_ms), "takes no part");
        let days: Vec<String> = book.stamps(&programme.id).iter().map(|stamp| format!("{} {}", stamp.day, stamp.place)).collect();
        assert_eq!(days, ["2025-12-31 sa", "2026-01-01 pa", "2026-01-01 sa"]);
        assert!(book.stamps(&"another".into()).is_empty());
        let everywhere = StampProgramme { id: "all".into(), places: Vec::new(), ..programme };
        assert!(book.add(&everywhere, &"store".into(), 0));
    }

    #[test]
    fn a_reward_for_each_full_card() {
        let due: Vec<u32> = (0..8).map(|stamps| rewards_due(stamps, 3)).collect();
        assert_eq!(due, [0, 0, 0, 1, 1, 1, 2, 2]);
        assert_eq!((rewards_due(5, 0), rewards_due(usize::MAX, 1), rewards_due(0, 1)), (0, u32::MAX, 0));
    }

    fn book() -> impl Strategy<Value = StampBook> {
        prop::collection::vec((0usize..3, 0usize..3, 0i64..6), 0..12).prop_map(|visits| {
            let mut book = StampBook::default();
            for (card, place, half_day) in visits {
                let programme = StampProgramme { id: ["x", "y", "z"][card].into(), ..programme(&[], JAPAN_MIN) };
                book.add(&programme, &["sa", "pa", "store"][place].into(), half_day * 43_200_000);
            }
            book
        })
    }

    fn merged(a: &StampBook, b: &StampBook) -> StampBook {
        let mut both = a.clone();
        both.merge(b);
        both
    }

    proptest! {
        #[test]
        fn merging_is_a_union(a in book(), b in book(), c in book()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &a), a.clone());
            prop_assert_eq!(merged(&merged(&a, &b), &b), merged(&a, &b));
            // What comes over the wire merges to the same.
            let mut taken = a.clone();
            for card in ["x", "y", "z"].map(StampCardId::from).into_iter().filter(|card| !b.stamps(card).is_empty()) {
                let stamps = b.stamps(&card);
                taken.add_card(&StampCardState { card, stamps, rewards: 0 });
            }
            prop_assert_eq!(taken, merged(&a, &b));
        }

        /// However the stamps come, a reward is due exactly once for each full card.
        #[test]
        fn each_full_card_is_rewarded_once(days in prop::collection::vec(0i64..20, 0..60)) {
            let (programme, mut book, mut given) = (programme(&[], JAPAN_MIN), StampBook::default(), 0);
            for day in &days {
                book.add(&programme, &"sa".into(), day * 86_400_000);
                let due = rewards_due(book.stamps(&programme.id).len(), programme.goal);
                prop_assert!(due - given <= 1);
                given = given.max(due);
            }
            let distinct = days.iter().collect::<BTreeSet<_>>().len();
            prop_assert_eq!(given as usize, distinct / 3);
        }
    }
}
