//! `noren scan`: what scanned texts are.

use std::io::BufRead;
use std::path::PathBuf;

use noren_rules::scan::{
    Gs1Element, Gs1Missing, InStoreCode, ScanRefusal, ScanSettings, Scanned, ScannedLink, ScannedMember, ScannedProduct, ScannedUrl,
    check_prefix_table, read,
};
use serde::Serialize;

use crate::output::{self, Failure};

/// Say what scanned texts are.
///
/// Reads scanned texts from standard input, one a line, as bytes; CR and LF at the end are taken off. FNC1 is 0x1D; an AIM symbology identifier
/// may stand before a text (]Q3, ]C1, ]E0). Prints for every line exactly one line:
/// {"ok":true,"kind":"gtin"|"gs1"|"in_store"|"member"|"link"|"url",…} or {"ok":false,"reason":…}. Uses no network and opens nothing.
///
/// A leading FNC1, or an identifier that says so, marks a GS1 element string; a right Digital Link is gs1 too; a bare number is gtin only with a right
/// check digit. "gtin" has the length that is printed below the bars; "ai" has identifiers and values in their order; "missing" names what has to stand
/// on another symbol of the same label. Numbers beginning with 20 to 29 are in_store unless --settings says what they mean.
///
/// Reasons: too_long, not_text, unknown_symbology, empty, wrong_length, check_digit, value_check_digit, no_elements, too_many_elements,
/// unknown_ai, ai_length, ai_character, ai_content, repeated_ai, exclusive_ais, not_a_member_code, not_a_place_code, bad_url, unrecognised.
#[derive(Debug, clap::Args)]
pub(crate) struct Scan {
    /// FNC1 is written as ^.
    #[arg(long)]
    caret: bool,
    /// The operator's prefix table and hosts, as JSON:
    /// {"prefixes":[{"prefix":"28","kind":"member"},{"prefix":"20","kind":{"price":{"item_digits":5,"value_check_digit":true,"value_digits":4}}}],
    /// "link_hosts":["app.example.jp"]}; kinds are member, item, price, weight.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

#[derive(Default, Serialize)]
struct Line<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The identifier that a reason is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gtin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_on: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_g: Option<i64>,
    #[serde(flatten)]
    link: Option<&'a ScannedLink>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ai: Vec<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<(&'a str, &'a [String])>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
}

pub(crate) fn run(args: &Scan) -> Result<(), Failure> {
    let settings = args.settings.as_ref().map_or_else(|| Ok(ScanSettings::default()), load)?;
    let mut input = std::io::stdin().lock();
    let mut text = Vec::new();
    loop {
        text.clear();
        if input.read_until(b'\n', &mut text).map_err(Failure::failed)? == 0 {
            return Ok(());
        }
        if args.caret {
            text.iter_mut().filter(|byte| **byte == b'^').for_each(|byte| *byte = 0x1d);
        }
        match read(&text, &settings) {
            Ok(scanned) => output::json(&taken(&scanned))?,
            Err(refusal) => output::json(&refused(&refusal))?,
        }
    }
}

fn load(file: &PathBuf) -> Result<ScanSettings, Failure> {
    let unusable = |why: &dyn std::fmt::Display| Failure::unusable(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|e| unusable(&e))?;
    let settings: ScanSettings = serde_json::from_str(&text).map_err(|e| unusable(&e))?;
    check_prefix_table(&settings.prefixes).map_err(|e| unusable(&e))?;
    Ok(settings)
}

fn taken(scanned: &Scanned) -> Line<'_> {
    let line = |kind| Line { ok: true, kind: Some(kind), ..Line::default() };
    match scanned {
        Scanned::Product(ScannedProduct { gtin, add_on, composite }) => {
            Line { gtin: Some(gtin.to_string()), add_on: add_on.as_deref(), ai: pairs(composite), ..line("gtin") }
        }
        Scanned::Gs1(read) => Line {
            gtin: read.gtin().map(|gtin| gtin.to_string()),
            ai: pairs(&read.elements),
            missing: read.missing.iter().map(|Gs1Missing { ai, one_of }| (ai.as_str(), one_of.as_slice())).collect(),
            url: read.url.as_deref(),
            ..line("gs1")
        },
        Scanned::InStore(InStoreCode { code, item, price_minor, weight_g, composite }) => Line {
            code: Some(code),
            item: item.as_deref(),
            price_minor: *price_minor,
            weight_g: *weight_g,
            ai: pairs(composite),
            ..line("in_store")
        },
        Scanned::Member(ScannedMember::Rotating(code) | ScannedMember::Static(code)) => Line { code: Some(code), ..line("member") },
        Scanned::Link(link) => Line { link: Some(link), ..line("link") },
        Scanned::Url(ScannedUrl { url, host }) => Line { url: Some(url), host: Some(host), ..line("url") },
    }
}

fn pairs(elements: &[Gs1Element]) -> Vec<(&str, &str)> {
    elements.iter().map(|Gs1Element { ai, value }| (ai.as_str(), value.as_str())).collect()
}

fn refused(refusal: &ScanRefusal) -> Line<'_> {
    let at = match refusal {
        ScanRefusal::AiLength { ai }
        | ScanRefusal::AiCharacter { ai }
        | ScanRefusal::AiContent { ai, .. }
        | ScanRefusal::RepeatedAi { ai }
        | ScanRefusal::ExclusiveAis { ai, .. } => Some(ai.as_str()),
        _ => None,
    };
    Line { reason: Some(refusal.reason()), at, ..Line::default() }
}
