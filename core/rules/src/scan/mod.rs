//! What a camera or a hand scanner reads becomes a typed thing: a product, a GS1 element string or Digital Link, a number of the shop's own, a
//! member, a link of the operator's, or a URL to show.
//!
//! ```
//! use noren_rules::scan::{ScanSettings, Scanned, read};
//!
//! let settings = ScanSettings::default();
//! assert!(matches!(read(b"4901777018686", &settings), Ok(Scanned::Product(product)) if product.gtin.as_str() == "4901777018686"));
//! assert!(matches!(read(b"]C10104901777018686\x1d", &settings), Ok(Scanned::Gs1(_))));
//! assert_eq!(read(b"4901777018687", &settings).unwrap_err().reason(), "check_digit");
//! ```
//!
//! A scan proves nothing: bars can be printed by anyone. Who the member is and whether a place code is genuine, the till and the backend verify.
//!
//! # Which GS1 library
//!
//! Looked for on crates.io in November 2026, and none does the work: `gs1` 0.1.8 (LGPL-3.0-or-later) has EPCs of RFID tags and no AI parser;
//! `qrcode-parse` 2.2 splits a curated table of AIs without checking a value; `bwipp-rs` 0.1.1 and `zint-sys` write barcodes; `gtin-validate`
//! 1.3.0 (2020) has check digits alone. No one has put GS1's own engine (C, no Rust binding) there. So the parser here is driven by GS1's Syntax
//! Dictionary and measured against the tests of GS1's engine.

mod gs1;
mod gtin;
mod in_store;
mod links;
mod symbology;
mod texts;

use serde::{Deserialize, Serialize};

use crate::code::{self, MemberCode};
use crate::seat_code;
pub use gs1::{Gs1Element, Gs1Elements, Gs1Missing};
pub use gtin::{Gtin, NotAGtin};
pub use in_store::{InStoreCode, PrefixKind, PrefixRule, PrefixTableError, ValueLayout, check_prefix_table};
pub use links::{ScannedLink, ScannedUrl};
use symbology::Carrier;

/// The separator of element strings, as scanners send it: FNC1 is 0x1D.
pub const FNC1: char = '\u{1d}';
/// The longest text that a symbol can hold: the digits of a QR code of version 40.
pub const MAX_TEXT: usize = 7_089;
/// What a signed place code begins with.
const PLACE_CODE_PREFIX: &str = crate::place_code::PREFIX;

/// What the operator sets up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(default, deny_unknown_fields)]
pub struct ScanSettings {
    /// What numbers beginning with 20 to 29 mean; without a row they are [`Scanned::InStore`]. See [`check_prefix_table`].
    pub prefixes: Vec<PrefixRule>,
    /// The hosts of the operator's own links, for example `app.example.jp`: exactly these, no subdomain of them.
    pub link_hosts: Vec<String>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Scanned {
    /// The number of a product.
    Product(ScannedProduct),
    /// An element string or a Digital Link.
    Gs1(Gs1Elements),
    /// A number that a shop gives out for itself.
    InStore(InStoreCode),
    /// A member's code.
    Member(ScannedMember),
    /// A link of the operator's.
    Link(ScannedLink),
    /// Anybody's URL: shown, never opened by itself.
    Url(ScannedUrl),
}

/// A product by the bars on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ScannedProduct {
    /// Its number.
    pub gtin: Gtin,
    /// The two or five digits beside the bars of magazines and books.
    pub add_on: Option<String>,
    /// What the composite component above the bars says, batch and last day for example; empty without one.
    pub composite: Vec<Gs1Element>,
}

/// The code of a member. Neither is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum ScannedMember {
    /// The rotating code of the app, whole (`NRN1:…`).
    Rotating(String),
    /// Thirteen digits of a card, by the prefix table: they may earn and never spend.
    Static(String),
}

/// Why a text is nothing that can be acted on. In the order in which it is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum ScanRefusal {
    /// Longer than a symbol can be.
    #[error("longer than any barcode: give one scanned text at a time")]
    TooLong,
    /// Not UTF-8.
    #[error("not UTF-8 text: set the scanner to send text")]
    NotText,
    /// A symbology identifier that ISO/IEC 15424 does not have.
    #[error("the symbology identifier after ']' is not known: set the scanner to send AIM identifiers, or none")]
    UnknownSymbology,
    /// Nothing in it.
    #[error("nothing was read: scan again")]
    Empty,
    /// Bars of a fixed length with another one.
    #[error("too many or too few digits for these bars: scan again")]
    WrongLength,
    /// A check digit does not fit: misread or mistyped.
    #[error("the check digit does not fit: scan or type again")]
    CheckDigit,
    /// The check digit of the price or weight within a number of the shop's own does not fit.
    #[error("the check digit of price or weight does not fit: scan again, or print the label anew")]
    ValueCheckDigit,
    /// FNC1 and nothing after it.
    #[error("an element string without elements")]
    NoElements,
    /// More than 64 elements.
    #[error("more elements than a symbol may have")]
    TooManyElements,
    /// No application identifier of the dictionary.
    #[error("not an application identifier that GS1 has given out")]
    UnknownAi,
    /// Too short or too long.
    #[error("the value of ({ai}) has a wrong length")]
    AiLength {
        /// The application identifier.
        ai: String,
    },
    /// A character that is not in its set.
    #[error("the value of ({ai}) holds a character that it may not")]
    AiCharacter {
        /// The application identifier.
        ai: String,
    },
    /// A value that is none: no such day, no such country.
    #[error("the value of ({ai}) does not pass GS1's check {rule}")]
    AiContent {
        /// The application identifier.
        ai: String,
        /// The name of the check in GS1's dictionary.
        rule: String,
    },
    /// The same identifier with two values.
    #[error("({ai}) stands there with two values")]
    RepeatedAi {
        /// The application identifier.
        ai: String,
    },
    /// Identifiers that contradict each other.
    #[error("({ai}) and ({other}) must not stand together")]
    ExclusiveAis {
        /// The application identifier whose rule it is.
        ai: String,
        /// The other.
        other: String,
    },
    /// Begins like a member code and is none.
    #[error("not a whole member code: show the card again")]
    NotAMemberCode,
    /// Begins like a place code and is none.
    #[error("not a whole place code: scan again")]
    NotAPlaceCode,
    /// A URL without a host, or with characters that hide where it leads.
    #[error("not a URL that can be shown safely")]
    BadUrl,
    /// None of the things that the app knows.
    #[error("none of the codes that the app knows")]
    Unrecognised,
}

/// Reads one scanned text: as bytes, since a scanner may send anything; CR and LF at its end are taken off, and a symbology identifier at its head.
///
/// # Errors
/// Why there is nothing to act on. Never a panic, whatever the bytes.
pub fn read(text: &[u8], settings: &ScanSettings) -> Result<Scanned, ScanRefusal> {
    if text.len() > MAX_TEXT {
        return Err(ScanRefusal::TooLong);
    }
    let text = std::str::from_utf8(text).map_err(|_| ScanRefusal::NotText)?.trim_end_matches(['\r', '\n']);
    let (carrier, text) = symbology::take(text)?;
    match carrier {
        Carrier::ElementString => read_elements(text).map(Scanned::Gs1),
        _ if text.is_empty() => Err(ScanRefusal::Empty),
        Carrier::Ean13 => read_ean(text, 13, settings),
        Carrier::Ean8 => read_ean(text, 8, settings),
        Carrier::Ean13WithAddOn => {
            with_add_on(text).ok_or(ScanRefusal::WrongLength).and_then(|(code, add_on)| read_add_on(code, add_on, settings))
        }
        Carrier::Unknown => match text.strip_prefix(FNC1) {
            Some(elements) => Gs1Elements::from_element_string(elements).map(Scanned::Gs1),
            None => read_text(text, carrier, settings),
        },
        Carrier::Text => read_text(text, carrier, settings),
    }
}

/// What a scanner says is an element string. Some send the leading FNC1 beside the identifier that says so, some reading libraries the bracketed
/// form; no element begins with a bracket.
fn read_elements(text: &str) -> Result<Gs1Elements, ScanRefusal> {
    if text.starts_with('(') {
        return Gs1Elements::from_bracketed(text);
    }
    Gs1Elements::from_element_string(text.strip_prefix(FNC1).unwrap_or(text))
}

/// A text of which nothing is known beforehand.
fn read_text(text: &str, carrier: Carrier, settings: &ScanSettings) -> Result<Scanned, ScanRefusal> {
    if text.starts_with(code::PREFIX) {
        let whole = MemberCode::read(text.as_bytes()).map_err(|_| ScanRefusal::NotAMemberCode);
        return whole.map(|_| Scanned::Member(ScannedMember::Rotating(text.to_owned())));
    }
    if let Some(body) = text.strip_prefix(PLACE_CODE_PREFIX) {
        let whole = base45::decode(body).is_ok_and(|bytes| !bytes.is_empty());
        return if whole { Ok(Scanned::Link(ScannedLink::PlaceCode(text.to_owned()))) } else { Err(ScanRefusal::NotAPlaceCode) };
    }
    if let Some(body) = text.strip_prefix(seat_code::PREFIX) {
        // The code of a seat is its own token, whole: the backend verifies it, as it does that of a link.
        let whole = base45::decode(body).is_ok_and(|bytes| !bytes.is_empty());
        return if whole { Ok(Scanned::Link(ScannedLink::Seat(text.to_owned()))) } else { Err(ScanRefusal::Unrecognised) };
    }
    if links::is_url(text) {
        return read_url(text, settings);
    }
    // Eight digits are an EAN-8 or a UPC-E, and often fit both: GS1 gives out no GTIN-8 that begins with 0, so that those are UPC-E.
    if gs1::is_digits(text) && matches!(text.len(), 8 | 12..=14) {
        // UPC-E has an identifier of its own, where there is one.
        let upc_e = Gtin::from_upc_e(text).filter(|_| carrier == Carrier::Unknown);
        let gtin = upc_e.or_else(|| Gtin::from_digits(text)).ok_or(ScanRefusal::CheckDigit)?;
        return product_or_own(gtin, settings);
    }
    // As some readers write an add-on.
    match text.split_once(' ') {
        Some((code, add_on)) if code.len() == 13 && is_add_on(add_on) && gs1::is_digits(code) => read_add_on(code, add_on, settings),
        _ => Err(ScanRefusal::Unrecognised),
    }
}

fn read_url(text: &str, settings: &ScanSettings) -> Result<Scanned, ScanRefusal> {
    if let Some(elements) = Gs1Elements::from_digital_link(text) {
        return Ok(Scanned::Gs1(elements));
    }
    match links::own_link(text, settings) {
        Some(link) => Ok(Scanned::Link(link)),
        None => links::plain_url(text).map(Scanned::Url),
    }
}

/// Bars of a fixed length, with a composite component after `|]e0` where there is one.
fn read_ean(text: &str, length: usize, settings: &ScanSettings) -> Result<Scanned, ScanRefusal> {
    let (digits, composite) = text.split_once('|').map_or((text, None), |(digits, rest)| (digits, Some(rest)));
    if digits.len() != length || !gs1::is_digits(digits) {
        return Err(ScanRefusal::WrongLength);
    }
    let scanned = product_or_own(Gtin::from_digits(digits).ok_or(ScanRefusal::CheckDigit)?, settings)?;
    let Some(composite) = composite else {
        return Ok(scanned);
    };
    let elements = Gs1Elements::from_element_string(composite.strip_prefix("]e0").ok_or(ScanRefusal::WrongLength)?)?.elements;
    Ok(match scanned {
        Scanned::Product(product) => Scanned::Product(ScannedProduct { composite: elements, ..product }),
        Scanned::InStore(own) => Scanned::InStore(InStoreCode { composite: elements, ..own }),
        other => other,
    })
}

fn product_or_own(gtin: Gtin, settings: &ScanSettings) -> Result<Scanned, ScanRefusal> {
    match in_store::own_digits(&gtin) {
        Some(code) => in_store::read(code, &settings.prefixes),
        None => Ok(Scanned::Product(ScannedProduct { gtin, add_on: None, composite: Vec::new() })),
    }
}

fn with_add_on(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(13).filter(|(code, add_on)| gs1::is_digits(code) && is_add_on(add_on))
}

fn is_add_on(text: &str) -> bool {
    matches!(text.len(), 2 | 5) && gs1::is_digits(text)
}

fn read_add_on(code: &str, add_on: &str, settings: &ScanSettings) -> Result<Scanned, ScanRefusal> {
    let gtin = Gtin::from_digits(code).ok_or(ScanRefusal::CheckDigit)?;
    Ok(match product_or_own(gtin, settings)? {
        Scanned::Product(product) => Scanned::Product(ScannedProduct { add_on: Some(add_on.to_owned()), ..product }),
        own => own,
    })
}

#[cfg(test)]
mod tests;
