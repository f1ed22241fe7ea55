//! Allergens: which are to be named, by a table with dates of effect, and what a dish with its modifiers holds of them.
//!
//! What nobody has said is unknown, and unknown never reads as free. A dish that was checked on a day is free of what stood in the table that
//! day and is not named; of what came into the table later nothing is known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::AllergenId;
use crate::offers::Texts;
use crate::receipt::is_date;

/// The allergens of Japan as JSON of an [`AllergenTable`]: a start for an operator. Sources: 食品表示基準 別表第14 (特定原材料) and
/// 「食品表示基準について」 of the Consumer Affairs Agency (特定原材料に準ずるもの), with the changes of 2019 (almond), 2023 (walnut), 2024 (macadamia nut in,
/// matsutake out) and 2026 (cashew nut and pistachio).
pub const JAPAN: &str = include_str!("japan.json");

/// How an allergen is to be named on a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AllergenLevel {
    /// 特定原材料 (表示義務).
    Mandatory,
    /// 特定原材料に準ずるもの (表示推奨).
    Recommended,
    /// No longer on the list.
    Removed,
}

/// An allergen's level, from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AllergenRow {
    /// Which.
    pub allergen: AllergenId,
    /// What the diner reads.
    pub title: Texts,
    /// How it is to be named.
    pub level: AllergenLevel,
    /// The first day, `YYYY-MM-DD`.
    pub from_date: String,
}

/// Allergens with their dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AllergenTable {
    /// In any order.
    pub rows: Vec<AllergenRow>,
}

/// Why an allergen table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllergenTableError {
    /// Not JSON of a table.
    #[error("this is no allergen table: check its fields")]
    Form,
    /// Not a day of the calendar.
    #[error("{0:?} is no day of the calendar (YYYY-MM-DD): correct the row's from_date")]
    Date(String),
    /// Two rows for one allergen and day.
    #[error("two rows are about {0} on the same day: keep one")]
    Twice(AllergenId),
}

/// What a dish holds of an allergen, the better news first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AllergenState {
    /// None of it, as far as the kitchen can say.
    Free,
    /// Not an ingredient; traces are possible (コンタミネーション).
    MayContain,
    /// Nobody has said. Worse than traces: it may be an ingredient.
    Unknown,
    /// It is an ingredient.
    Contains,
}

impl AllergenState {
    /// In Japanese, as on the screen.
    #[must_use]
    pub fn text_ja(self) -> &'static str {
        match self {
            Self::Free => "含まない",
            Self::MayContain => "混入の可能性あり",
            Self::Unknown => "不明(店舗にご確認ください)",
            Self::Contains => "含む",
        }
    }

    /// In English.
    #[must_use]
    pub fn text_en(self) -> &'static str {
        match self {
            Self::Free => "Free",
            Self::MayContain => "May contain traces",
            Self::Unknown => "Unknown: ask the store",
            Self::Contains => "Contains",
        }
    }
}

/// What is known about the allergens of an item or a modifier by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AllergenFacts {
    /// What is said of single ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, AllergenState>))]
    pub states: BTreeMap<AllergenId, AllergenState>,
    /// The day on which all allergens of that day's table were checked, `YYYY-MM-DD`: those not named above are free. Absent: they are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_on: Option<String>,
}

/// [`AllergenFacts`] as an app reads them.
#[cfg(feature = "uniffi")]
#[derive(uniffi::Record)]
pub struct StatedAllergens {
    /// What is said of single ones.
    pub states: std::collections::HashMap<AllergenId, AllergenState>,
    /// The day on which all of that day's table were checked, `YYYY-MM-DD`.
    pub checked_on: Option<String>,
}

#[cfg(feature = "uniffi")]
uniffi::custom_type!(AllergenFacts, StatedAllergens, {
    lower: |facts| StatedAllergens { states: facts.states.into_iter().collect(), checked_on: facts.checked_on },
    try_lift: |stated| Ok(Self { states: stated.states.into_iter().collect(), checked_on: stated.checked_on }),
});

impl AllergenFacts {
    /// True while nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty() && self.checked_on.is_none()
    }

    fn state(&self, allergen: &ListedAllergen<'_>) -> AllergenState {
        match self.states.get(allergen.id) {
            Some(state) => *state,
            None if self.checked_on.as_deref().is_some_and(|checked| checked >= allergen.listed_since) => AllergenState::Free,
            None => AllergenState::Unknown,
        }
    }
}

/// An allergen of a day's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedAllergen<'a> {
    /// Which.
    pub id: &'a AllergenId,
    /// What the diner reads.
    pub title: &'a Texts,
    /// Mandatory or recommended.
    pub level: AllergenLevel,
    /// Since when it has stood in the table.
    pub listed_since: &'a str,
}

impl AllergenTable {
    /// Reads and checks a table.
    ///
    /// # Errors
    /// [`AllergenTableError`].
    pub fn from_json(text: &str) -> Result<Self, AllergenTableError> {
        let table: Self = serde_json::from_str(text).map_err(|_| AllergenTableError::Form)?;
        table.check()?;
        Ok(table)
    }

    /// Checks what an operator may put.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), AllergenTableError> {
        if let Some(wrong) = self.rows.iter().find(|row| !is_date(&row.from_date)) {
            return Err(AllergenTableError::Date(wrong.from_date.clone()));
        }
        let mut keys: Vec<_> = self.rows.iter().map(|row| (&row.allergen, &row.from_date)).collect();
        keys.sort_unstable();
        let twice = keys.windows(2).find(|two| two.first() == two.last()).and_then(|two| two.first());
        twice.map_or(Ok(()), |(allergen, _)| Err(AllergenTableError::Twice((*allergen).clone())))
    }

    /// The allergens of a day (`YYYY-MM-DD`): mandatory ones first, each group by id.
    #[must_use]
    pub fn on(&self, date: &str) -> Vec<ListedAllergen<'_>> {
        let mut newest: BTreeMap<&AllergenId, (&AllergenRow, &str)> = BTreeMap::new();
        let mut rows: Vec<&AllergenRow> = self.rows.iter().filter(|row| row.from_date.as_str() <= date).collect();
        rows.sort_by_key(|row| row.from_date.as_str());
        for row in rows {
            let listed_before = newest.get(&row.allergen).filter(|(before, _)| before.level != AllergenLevel::Removed);
            let since = listed_before.map_or(row.from_date.as_str(), |(_, since)| *since);
            newest.insert(&row.allergen, (row, since));
        }
        let listed = newest.into_values().filter(|(row, _)| row.level != AllergenLevel::Removed);
        let mut listed: Vec<ListedAllergen<'_>> = listed
            .map(|(row, listed_since)| ListedAllergen { id: &row.allergen, title: &row.title, level: row.level, listed_since })
            .collect();
        listed.sort_by_key(|allergen| allergen.level != AllergenLevel::Mandatory);
        listed
    }
}

/// What all parts of a dish together hold: of each listed allergen the worst news of any part.
pub fn sum<'a>(listed: &[ListedAllergen<'_>], parts: impl IntoIterator<Item = &'a AllergenFacts>) -> Vec<(AllergenId, AllergenState)> {
    let mut states: Vec<AllergenState> = vec![AllergenState::Free; listed.len()];
    let mut any = false;
    for part in parts {
        any = true;
        for (state, allergen) in states.iter_mut().zip(listed) {
            *state = part.state(allergen).max(*state);
        }
    }
    // Of a dish without parts nothing is known.
    let states = states.into_iter().map(|state| if any { state } else { AllergenState::Unknown });
    listed.iter().zip(states).map(|(allergen, state)| (allergen.id.clone(), state)).collect()
}

/// Of a sum, what a diner who avoids these should read before the tap: all that is not free. One that is not in the sum is unknown.
#[must_use]
pub fn warnings(sum: &[(AllergenId, AllergenState)], avoided: &[AllergenId]) -> Vec<(AllergenId, AllergenState)> {
    let state = |id: &AllergenId| sum.iter().find(|(of, _)| of == id).map_or(AllergenState::Unknown, |(_, state)| *state);
    avoided.iter().map(|id| (id.clone(), state(id))).filter(|(_, state)| *state != AllergenState::Free).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> AllergenTable {
        AllergenTable::from_json(JAPAN).unwrap()
    }

    fn facts(states: &[(&str, AllergenState)], checked_on: Option<&str>) -> AllergenFacts {
        let states = states.iter().map(|(id, state)| (AllergenId::from(*id), *state)).collect();
        AllergenFacts { states, checked_on: checked_on.map(str::to_owned) }
    }

    fn state_of(sum: &[(AllergenId, AllergenState)], id: &str) -> Option<AllergenState> {
        sum.iter().find(|(of, _)| of.as_str() == id).map(|(_, state)| *state)
    }

    #[test]
    fn the_list_of_japan_has_its_dates() {
        let table = table();
        let count = |date: &str| {
            let listed = table.on(date);
            let mandatory = listed.iter().filter(|allergen| allergen.level == AllergenLevel::Mandatory).count();
            (mandatory, listed.len() - mandatory)
        };
        assert_eq!(count("2015-03-31"), (0, 0));
        assert_eq!(count("2015-04-01"), (7, 20));
        assert_eq!(count("2019-09-19"), (7, 21));
        assert_eq!(count("2023-03-09"), (8, 20));
        assert_eq!(count("2024-03-28"), (8, 20));
        assert_eq!(count("2026-11-22"), (9, 20));
        let has = |date: &str, id: &str| table.on(date).iter().any(|allergen| allergen.id.as_str() == id);
        assert!(has("2024-03-27", "matsutake") && !has("2024-03-28", "matsutake") && has("2024-03-28", "macadamia"));
        assert!(table.on("2026-11-22").iter().all(|allergen| !allergen.title.get("ja").is_empty() && !allergen.title.get("en").is_empty()));
    }

    #[test]
    fn unknown_never_reads_as_free() {
        let table = table();
        let listed = table.on("2026-11-22");
        let bun = facts(&[("wheat", AllergenState::Contains), ("sesame", AllergenState::MayContain)], Some("2025-01-10"));
        let patty = facts(&[("beef", AllergenState::Contains)], Some("2026-05-01"));
        let sauce = facts(&[("egg", AllergenState::Contains)], None);
        let dish = sum(&listed, [&bun, &patty]);
        assert_eq!(state_of(&dish, "wheat"), Some(AllergenState::Contains));
        assert_eq!(state_of(&dish, "sesame"), Some(AllergenState::MayContain));
        assert_eq!(state_of(&dish, "milk"), Some(AllergenState::Free), "both were checked for it");
        assert_eq!(state_of(&dish, "pistachio"), Some(AllergenState::Unknown), "the bun was checked before it was listed");
        assert_eq!(state_of(&dish, "cashew"), Some(AllergenState::Free), "recommended long before it became mandatory");
        let with_sauce = sum(&listed, [&bun, &patty, &sauce]);
        assert_eq!(state_of(&with_sauce, "egg"), Some(AllergenState::Contains));
        assert_eq!(state_of(&with_sauce, "milk"), Some(AllergenState::Unknown));
        assert_eq!(state_of(&with_sauce, "sesame"), Some(AllergenState::Unknown), "unknown is worse than traces");
        assert!(sum(&listed, []).iter().all(|(_, state)| *state == AllergenState::Unknown));
        let avoided = ["milk".into(), "wheat".into(), "lupin".into()];
        let of = |id: &str, state| (AllergenId::from(id), state);
        assert_eq!(warnings(&dish, &avoided), [of("wheat", AllergenState::Contains), of("lupin", AllergenState::Unknown)]);
    }

    #[test]
    fn a_table_that_cannot_be_is_refused() {
        let mut twice = table();
        twice.rows.push(twice.rows[0].clone());
        assert_eq!(twice.check(), Err(AllergenTableError::Twice("shrimp".into())));
        let mut dated = table();
        dated.rows[0].from_date = "2015-13-01".into();
        assert_eq!(dated.check(), Err(AllergenTableError::Date("2015-13-01".into())));
        assert_eq!(AllergenTable::from_json("[]"), Err(AllergenTableError::Form));
    }

    proptest! {
        /// A part more never makes anything better, and what is said free is said so of every part.
        #[test]
        fn more_parts_are_never_better_news(parts in prop::collection::vec((prop::option::of(0usize..4), any::<bool>()), 1..6)) {
            let table = table();
            let listed: Vec<_> = table.on("2026-11-22").into_iter().filter(|allergen| allergen.id.as_str() == "egg").collect();
            let states = [AllergenState::Free, AllergenState::MayContain, AllergenState::Unknown, AllergenState::Contains];
            let parts: Vec<AllergenFacts> = parts
                .into_iter()
                .map(|(state, checked)| {
                    let said: Vec<(&str, AllergenState)> = state.map(|at| ("egg", states[at])).into_iter().collect();
                    facts(&said, checked.then_some("2020-01-01"))
                })
                .collect();
            let mut last = AllergenState::Free;
            for n in 1..=parts.len() {
                let state = sum(&listed, &parts[..n])[0].1;
                prop_assert!(state >= last);
                last = state;
            }
            let all_free = parts.iter().all(|p| p.states.get(&"egg".into()).map_or(p.checked_on.is_some(), |s| *s == AllergenState::Free));
            prop_assert_eq!(last == AllergenState::Free, all_free);
        }
    }
}
