//! GS1's Barcode Syntax Dictionary as a table: what each application identifier (AI) may hold, and beside which others it may stand.
//!
//! The file is GS1's own, unchanged (© GS1 AISBL, Apache-2.0, repository gs1/gs1-syntax-dictionary, commit ff2eb4bf): a newer one is put in its
//! place and nothing else changes. Its head explains its form. AIs are free of prefixes: none begins another, so that ordering by text finds
//! them.

use std::sync::LazyLock;

use super::linters::{self, Linter};
use crate::scan::ScanRefusal;

const TEXT: &str = include_str!("gs1-syntax-dictionary.txt");

static DICTIONARY: LazyLock<Vec<AiSpec>> = LazyLock::new(|| {
    let mut entries: Vec<AiSpec> = lines().filter_map(AiSpec::from_line).collect();
    entries.sort_by_key(|entry| entry.first);
    entries
});

fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

/// What the dictionary says of an AI, or of a range of AIs.
#[derive(Debug)]
pub(super) struct AiSpec {
    first: &'static str,
    last: &'static str,
    /// Its length is known beforehand: no FNC1 has to follow.
    pub(super) predefined: bool,
    /// May stand in the query of a Digital Link.
    pub(super) attribute: bool,
    components: Vec<Component>,
    /// For each rule the groups of which one must be there, whole.
    pub(super) requires: Vec<Vec<Vec<&'static str>>>,
    /// Patterns of AIs that must not be there.
    pub(super) excludes: Vec<&'static str>,
    /// For a primary key of a Digital Link: the sequences of qualifiers that may follow it.
    pub(super) qualifiers: Option<Vec<Vec<&'static str>>>,
}

#[derive(Debug)]
struct Component {
    characters: fn(&str) -> bool,
    min: usize,
    max: usize,
    optional: bool,
    linters: Vec<Linter>,
}

/// The entry of exactly this AI.
pub(super) fn lookup(ai: &str) -> Option<&'static AiSpec> {
    let at = DICTIONARY.partition_point(|entry| entry.last < ai);
    DICTIONARY.get(at).filter(|entry| ai.len() == entry.first.len() && entry.first <= ai)
}

/// The AI that a text begins with, its entry, and what follows.
pub(super) fn leading(text: &str) -> Option<(&str, &'static AiSpec, &str)> {
    let (head, _) = text.split_at_checked(2)?;
    // AIs that share their first two digits are of one length.
    let at = DICTIONARY.partition_point(|entry| entry.last < head);
    let (ai, rest) = text.split_at_checked(DICTIONARY.get(at)?.first.len())?;
    Some((ai, lookup(ai)?, rest))
}

impl AiSpec {
    fn from_line(line: &'static str) -> Option<Self> {
        let (body, _title) = line.split_once('#').unwrap_or((line, ""));
        let mut words = body.split_whitespace().peekable();
        let ais = words.next()?;
        let (first, last) = ais.split_once('-').unwrap_or((ais, ais));
        let flags = words.next_if(|word| word.chars().all(|c| c == '*' || c == '?')).unwrap_or("");
        let mut components = Vec::new();
        while let Some(word) = words.next_if(|word| !word.contains('=') && *word != "dlpkey") {
            components.push(Component::from_word(word)?);
        }
        let mut spec = Self {
            first,
            last,
            predefined: flags.contains('*'),
            attribute: flags.contains('?'),
            components,
            requires: Vec::new(),
            excludes: Vec::new(),
            qualifiers: None,
        };
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("req", groups) => spec.requires.push(groups.split(',').map(|group| group.split('+').collect()).collect()),
                ("ex", patterns) => spec.excludes.extend(patterns.split(',')),
                ("dlpkey", "") => spec.qualifiers = Some(vec![Vec::new()]),
                ("dlpkey", sequences) => {
                    spec.qualifiers = Some(sequences.split('|').map(|sequence| sequence.split(',').collect()).collect());
                }
                _ => return None,
            }
        }
        (!spec.components.is_empty()).then_some(spec)
    }

    /// The least length of a value.
    pub(super) fn min_len(&self) -> usize {
        self.components.iter().filter(|component| !component.optional).map(|component| component.min).sum()
    }

    /// The greatest length of a value.
    pub(super) fn max_len(&self) -> usize {
        self.components.iter().map(|component| component.max).sum()
    }

    /// Checks a whole value: its length, its characters, then each component's own rules.
    pub(super) fn check(&self, ai: &str, value: &str) -> Result<(), ScanRefusal> {
        let length = || ScanRefusal::AiLength { ai: ai.to_owned() };
        if value.is_empty() || value.len() < self.min_len() || value.len() > self.max_len() {
            return Err(length());
        }
        let mut rest = value;
        for component in &self.components {
            let (part, after) = rest.split_at_checked(component.max).unwrap_or((rest, ""));
            if part.is_empty() && component.optional {
                continue;
            }
            if part.len() < component.min {
                return Err(length());
            }
            if !(component.characters)(part) {
                return Err(ScanRefusal::AiCharacter { ai: ai.to_owned() });
            }
            if let Some(linter) = component.linters.iter().find(|linter| !(linter.passes)(part)) {
                return Err(linter.refusal(ai));
            }
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(length()) }
    }
}

impl Component {
    /// `N6,yymmd0`, `X..20`, `[N3],iso3166`.
    fn from_word(word: &'static str) -> Option<Self> {
        let mut parts = word.split(',');
        let form = parts.next()?;
        let (form, optional) = match form.strip_prefix('[') {
            Some(inner) => (inner.strip_suffix(']')?, true),
            None => (form, false),
        };
        let (kind, length) = form.split_at_checked(1)?;
        let (min, max) = match length.strip_prefix("..") {
            Some(max) => (1, max.parse().ok()?),
            None => (length.parse().ok()?, length.parse().ok()?),
        };
        let linters = parts.map(linters::named).collect::<Option<_>>()?;
        Some(Self { characters: linters::characters(kind)?, min, max, optional, linters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood() {
        assert_eq!(lines().count(), DICTIONARY.len());
        assert!(DICTIONARY.len() > 200, "{} entries", DICTIONARY.len());
        for line in lines() {
            assert!(AiSpec::from_line(line).is_some(), "{line}");
        }
    }

    #[test]
    fn ais_are_free_of_prefixes_and_share_their_length_by_two_digits() {
        for (a, b) in DICTIONARY.iter().zip(DICTIONARY.iter().skip(1)) {
            assert!(a.last < b.first, "{} {}", a.last, b.first);
            let (head, _) = a.last.split_at(2);
            assert!(!b.first.starts_with(head) || a.first.len() == b.first.len(), "{} {}", a.first, b.first);
        }
    }

    #[test]
    fn an_ai_is_found_by_name_and_at_the_head_of_a_text() {
        for ai in ["00", "01", "235", "3100", "3105", "3909", "37", "8012", "90", "91", "99"] {
            assert!(lookup(ai).is_some(), "{ai}");
            let text = format!("{ai}tail");
            let (found, _, rest) = leading(&text).unwrap();
            assert_eq!((found, rest), (ai, "tail"));
        }
        for ai in ["", "0", "05", "23", "234", "2345", "310", "3106", "38", "89", "3A", "日本", "9:"] {
            assert!(lookup(ai).is_none() && leading(ai).is_none(), "{ai}");
        }
        assert!(lookup("011").is_none() && lookup("371").is_none());
    }

    #[test]
    fn what_has_a_predefined_length_has_one_length() {
        for entry in DICTIONARY.iter().filter(|entry| entry.predefined) {
            assert_eq!(entry.min_len(), entry.max_len(), "{}", entry.first);
        }
    }
}
