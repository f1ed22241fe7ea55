//! GS1 element strings and Digital Links: runs of application identifiers (AIs) and values, such as a GTIN with its batch and its last day.
//!
//! Three forms of the same thing: the element string of a barcode (FNC1 as 0x1D), the Digital Link URI, and the bracketed form that stands
//! beside the bars for people. All of it is driven by GS1's Syntax Dictionary; decisions and order are those of GS1's reference engine
//! (gs1/gs1-syntax-engine).

mod associations;
mod codes;
mod dictionary;
mod digital_link;
mod linters;
mod north_american_coupons;

use serde::{Deserialize, Serialize};

use super::gtin::Gtin;
use super::{FNC1, ScanRefusal};
use dictionary::AiSpec;

pub(super) use linters::{has_gs1_check_digit, is_digits};

/// The most elements that one symbol may have, as in GS1's reference engine.
const MAX_ELEMENTS: usize = 64;

/// An application identifier and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Gs1Element {
    /// Two to four digits, for example `01` (GTIN), `10` (batch), `17` (use by).
    pub ai: String,
    /// The value, percent signs and all, as the dictionary defines it.
    pub value: String,
}

impl Gs1Element {
    fn new(ai: &str, value: &str) -> Self {
        Self { ai: ai.to_owned(), value: value.to_owned() }
    }
}

/// An AI that needs others which this symbol does not have. They may be on another symbol of the same label, so that this is no error:
/// whoever reads one symbol alone can go on, whoever reads a whole label checks that nothing is left missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Gs1Missing {
    /// The AI that is there.
    pub ai: String,
    /// What it needs: one of these, each an AI or several joined by `+`; an `n` stands for any digit.
    pub one_of: Vec<String>,
}

/// What a GS1 symbol says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Gs1Elements {
    /// In the order of the symbol; for a Digital Link the path first, then the query.
    pub elements: Vec<Gs1Element>,
    /// The URI, when it was a Digital Link. Shown, never opened by itself.
    pub url: Option<String>,
    /// What has to stand on another symbol of the same label.
    pub missing: Vec<Gs1Missing>,
}

impl Gs1Elements {
    /// Reads an element string without its leading FNC1; FNC1 between elements is 0x1D.
    ///
    /// # Errors
    /// What is wrong with the first element that is: [`ScanRefusal::UnknownAi`], [`ScanRefusal::AiLength`], [`ScanRefusal::AiCharacter`],
    /// [`ScanRefusal::AiContent`], [`ScanRefusal::CheckDigit`]; then what may not stand together ([`ScanRefusal::ExclusiveAis`],
    /// [`ScanRefusal::RepeatedAi`]). [`ScanRefusal::NoElements`] for nothing at all.
    pub fn from_element_string(text: &str) -> Result<Self, ScanRefusal> {
        let mut elements = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (ai, spec, after) = dictionary::leading(rest).ok_or(ScanRefusal::UnknownAi)?;
            let (value, after) = split_value(spec, after);
            spec.check(ai, value)?;
            elements.push(Gs1Element::new(ai, value));
            rest = after.strip_prefix(FNC1).unwrap_or(after);
        }
        Self::new(elements, None)
    }

    /// Reads a Digital Link; `None` when the URI is none, or a wrong one.
    #[must_use]
    pub fn from_digital_link(uri: &str) -> Option<Self> {
        Self::new(digital_link::elements(uri)?, Some(uri.to_owned())).ok()
    }

    /// Reads the form that is printed for people, for someone who types it: `(01)12345678901231(10)LOT\(7`, with `\(` for a bracket in a value.
    ///
    /// # Errors
    /// As [`Gs1Elements::from_element_string`]; [`ScanRefusal::Unrecognised`] when the brackets are not as they should be.
    pub fn from_bracketed(text: &str) -> Result<Self, ScanRefusal> {
        let mut elements = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (ai, after) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')).ok_or(ScanRefusal::Unrecognised)?;
            let spec = dictionary::lookup(ai).ok_or(ScanRefusal::UnknownAi)?;
            let next = unescaped_bracket(after).unwrap_or(after.len());
            let (value, after) = after.split_at_checked(next).unwrap_or((after, ""));
            let value = value.replace("\\(", "(");
            spec.check(ai, &value)?;
            elements.push(Gs1Element { ai: ai.to_owned(), value });
            rest = after;
        }
        Self::new(elements, None)
    }

    fn new(elements: Vec<Gs1Element>, url: Option<String>) -> Result<Self, ScanRefusal> {
        match elements.len() {
            0 => return Err(ScanRefusal::NoElements),
            1..=MAX_ELEMENTS => {}
            _ => return Err(ScanRefusal::TooManyElements),
        }
        let missing = associations::check(&elements)?;
        Ok(Self { elements, url, missing })
    }

    /// The value of an AI, if it is there.
    #[must_use]
    pub fn value(&self, ai: &str) -> Option<&str> {
        self.elements.iter().find(|element| element.ai == ai).map(|element| element.value.as_str())
    }

    /// The product, from AI 01.
    #[must_use]
    pub fn gtin(&self) -> Option<Gtin> {
        Gtin::from_digits(self.value("01")?)
    }

    /// The element string, with a leading FNC1: what a barcode would hold.
    #[must_use]
    pub fn element_string(&self) -> String {
        let mut text = String::new();
        let mut needs_fnc1 = true;
        for Gs1Element { ai, value } in &self.elements {
            if needs_fnc1 {
                text.push(FNC1);
            }
            text.push_str(ai);
            text.push_str(value);
            needs_fnc1 = dictionary::lookup(ai).is_none_or(|spec| !spec.predefined);
        }
        text
    }

    /// The bracketed form for people.
    #[must_use]
    pub fn bracketed(&self) -> String {
        self.elements.iter().map(|Gs1Element { ai, value }| format!("({ai}){}", value.replace('(', "\\("))).collect()
    }
}

/// The value at the head of `text`: as long as is known beforehand, otherwise up to the next FNC1.
fn split_value<'a>(spec: &AiSpec, text: &'a str) -> (&'a str, &'a str) {
    let end = text.find(FNC1).unwrap_or(text.len());
    let end = if spec.predefined { end.min(spec.max_len()) } else { end };
    // An end within a character of several bytes: the whole is then refused.
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn unescaped_bracket(text: &str) -> Option<usize> {
    text.match_indices('(').map(|(at, _)| at).find(|at| text.get(..*at).is_some_and(|before| !before.ends_with('\\')))
}

#[cfg(test)]
mod tests;
