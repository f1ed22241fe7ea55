//! GS1 Digital Link URIs, uncompressed: the key and its qualifiers are the end of the path, attributes are the query.
//! GS1 Digital Link Standard: URI Syntax, 1.4. What GS1's reference engine takes without a switch is taken, and nothing else: no names in place
//! of AIs (`gtin`), no GTIN without its leading zeros, no AI that the dictionary does not know.

use super::dictionary::{self, AiSpec};
use super::{Gs1Element, is_digits};

/// The elements of the path, then those of the query, in the order of the URI; `None` when it is not a right Digital Link.
pub(super) fn elements(uri: &str) -> Option<Vec<Gs1Element>> {
    let (path, query) = path_and_query(uri)?;
    let path = path_elements(path)?;
    let attributes = query_elements(query)?;
    if !is_sequence(path.iter().map(|element| element.ai.as_str())) {
        return None;
    }
    let elements: Vec<Gs1Element> = path.iter().chain(&attributes).cloned().collect();
    for element in &elements {
        dictionary::lookup(&element.ai)?.check(&element.ai, &element.value).ok()?;
    }
    for (at, attribute) in attributes.iter().enumerate() {
        let twice = elements.iter().take(path.len() + at).any(|other| other.ai == attribute.ai);
        let allowed = dictionary::lookup(&attribute.ai).is_some_and(|spec| spec.attribute);
        if twice || !allowed || belongs_in_path(&path, &attribute.ai) {
            return None;
        }
    }
    Some(elements)
}

/// The path without its leading slash, and the query; the fragment is dropped.
fn path_and_query(uri: &str) -> Option<(&str, &str)> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    if !uri.bytes().all(allowed) {
        return None;
    }
    let rest = ["https://", "HTTPS://", "http://", "HTTP://"].iter().find_map(|scheme| uri.strip_prefix(scheme))?;
    let (host, path) = rest.split_once('/')?;
    if host.is_empty() || host.bytes().any(|b| b"_~?#@!$&'()*+,;=%".contains(&b)) {
        return None;
    }
    let (path, _fragment) = path.split_once('#').unwrap_or((path, ""));
    Some(path.split_once('?').unwrap_or((path, "")))
}

/// From the end of the path backwards in pairs of AI and value, as far as the first primary key; what stands before it is the stem.
fn path_elements(path: &str) -> Option<Vec<Gs1Element>> {
    let mut from_the_end = Vec::new();
    let mut segments = path.rsplit('/');
    while let (Some(value), Some(ai)) = (segments.next(), segments.next()) {
        let spec = dictionary::lookup(ai)?;
        from_the_end.push(element(ai, spec, &decoded(value, false)?)?);
        if spec.qualifiers.is_some() {
            from_the_end.reverse();
            return Some(from_the_end);
        }
    }
    None
}

/// Keys that are not numbers belong to someone else and are dropped; a number that is no AI makes the link wrong.
fn query_elements(query: &str) -> Option<Vec<Gs1Element>> {
    let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
    let elements =
        parameters.filter(|(key, _)| is_digits(key)).map(|(key, value)| element(key, dictionary::lookup(key)?, &decoded(value, true)?));
    elements.collect()
}

/// The length is looked at before anything else, as in the reference engine.
fn element(ai: &str, spec: &AiSpec, value: &str) -> Option<Gs1Element> {
    (spec.min_len()..=spec.max_len()).contains(&value.len()).then(|| Gs1Element::new(ai, value))
}

/// Takes percent encoding back. A percent sign that two hexadecimal digits do not follow stands for itself; `+` is a space in a query alone.
fn decoded(text: &str, in_query: bool) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.strip_prefix(c)?;
        let hex = after.split_at_checked(2).filter(|(digits, _)| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = hex.filter(|_| c == '%').and_then(|(digits, after)| Some((u8::from_str_radix(digits, 16).ok()?, after)));
        rest = match byte {
            Some((byte, after)) => {
                // No value holds anything but ASCII, or a NUL.
                out.push(char::from(byte).is_ascii().then_some(char::from(byte)).filter(|c| *c != '\0')?);
                after
            }
            None => {
                out.push(if in_query && c == '+' { ' ' } else { c });
                after
            }
        };
    }
    Some(out)
}

/// True for a primary key and qualifiers of it, in their order, any of them left out, of one alternative.
fn is_sequence<'a>(mut ais: impl Iterator<Item = &'a str> + Clone) -> bool {
    let alternatives = ais.next().and_then(dictionary::lookup).and_then(|spec| spec.qualifiers.as_ref());
    alternatives.is_some_and(|alternatives| {
        alternatives.iter().any(|sequence| {
            let mut allowed = sequence.iter();
            ais.clone().all(|ai| allowed.any(|qualifier| *qualifier == ai))
        })
    })
}

/// A qualifier that could stand in this path must stand there, not in the query.
fn belongs_in_path(path: &[Gs1Element], ai: &str) -> bool {
    (1..=path.len()).any(|at| {
        let (before, after) = path.split_at_checked(at).unwrap_or((path, &[]));
        is_sequence(before.iter().map(|e| e.ai.as_str()).chain([ai]).chain(after.iter().map(|e| e.ai.as_str())))
    })
}
