//! Which AIs may not stand beside each other, and which need others.
//!
//! The dictionary says that pairs are judged over all symbols of one label. What contradicts itself within one symbol does so on the label
//! too and is refused; what is missing in one symbol may be on the other and is only named.

use super::dictionary::{self, AiSpec};
use super::{Gs1Element, Gs1Missing};
use crate::scan::ScanRefusal;

/// Keys whose serial part may be left out, but not where a digital signature (8030) signs the single thing.
const SERIALISED_KEYS: [&str; 3] = ["253", "255", "8003"];

pub(super) fn check(elements: &[Gs1Element]) -> Result<Vec<Gs1Missing>, ScanRefusal> {
    let mut missing = Vec::new();
    for element in elements {
        let Some(spec) = dictionary::lookup(&element.ai) else {
            return Err(ScanRefusal::UnknownAi);
        };
        may_stand_with(element, spec, elements)?;
        missing.extend(unmet(element, spec, elements));
    }
    Ok(missing)
}

fn may_stand_with(element: &Gs1Element, spec: &AiSpec, elements: &[Gs1Element]) -> Result<(), ScanRefusal> {
    let ai = &element.ai;
    if elements.iter().any(|other| other.ai == *ai && other.value != element.value) {
        return Err(ScanRefusal::RepeatedAi { ai: ai.clone() });
    }
    if let Some(other) = elements.iter().find(|other| other.ai != *ai && spec.excludes.iter().any(|pattern| fits(&other.ai, pattern))) {
        return Err(ScanRefusal::ExclusiveAis { ai: ai.clone(), other: other.ai.clone() });
    }
    let signed = elements.iter().any(|other| other.ai == "8030");
    if signed && SERIALISED_KEYS.contains(&ai.as_str()) && element.value.len() == spec.min_len() {
        return Err(ScanRefusal::AiContent { ai: ai.clone(), rule: "serialised".to_owned() });
    }
    Ok(())
}

fn unmet<'a>(element: &'a Gs1Element, spec: &'a AiSpec, elements: &'a [Gs1Element]) -> impl Iterator<Item = Gs1Missing> + 'a {
    let there = move |pattern: &&str| elements.iter().any(|other| other.ai != element.ai && fits(&other.ai, pattern));
    let unmet = spec.requires.iter().filter(move |groups| !groups.iter().any(|group| group.iter().all(there)));
    unmet.map(|groups| Gs1Missing { ai: element.ai.clone(), one_of: groups.iter().map(|group| group.join("+")).collect() })
}

/// `31nn` fits 3103.
fn fits(ai: &str, pattern: &str) -> bool {
    ai.len() == pattern.len() && ai.bytes().zip(pattern.bytes()).all(|(digit, wanted)| wanted == b'n' || wanted == digit)
}
