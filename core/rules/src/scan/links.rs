//! URLs: those of the operator are a typed place to go to in the app; all others are shown to the person and opened by no one else.

use serde::{Deserialize, Serialize};

use super::{ScanRefusal, ScanSettings};

/// The longest identifier in a link of ours, in characters.
const MAX_ID: usize = 512;

/// A link of the operator's own: `https://<one of the operator's hosts>/<what>/<identifier>`. A scan proves nothing: whoever acts on one checks it
/// (seat, place and invite are verified by the backend or by their signature).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(tag = "target", content = "id", rename_all = "snake_case")]
pub enum ScannedLink {
    /// `/product/…`: a product, by GTIN or the operator's own number.
    Product(String),
    /// `/store/…`: a store.
    Store(String),
    /// `/seat/…`: the token of a seat or table.
    Seat(String),
    /// `/campaign/…`: a campaign.
    Campaign(String),
    /// `/invite/…`: the invitation of a member of staff, which credits them with the sign-up.
    StaffInvite(String),
    /// A signed place code, whole (`NRP1:…`): checks in at a place.
    PlaceCode(String),
}

/// A URL of anybody. The app shows it, host first, and opens it only if the person says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ScannedUrl {
    /// The URL, as it was read.
    pub url: String,
    /// The host that it really leads to, without user name and port.
    pub host: String,
}

/// True for what begins like an http or https URL.
pub(super) fn is_url(text: &str) -> bool {
    scheme(text).is_some()
}

fn scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    ["https", "http"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known)).map(|known| (known == "https", rest))
}

/// The URL with its host.
pub(super) fn plain_url(text: &str) -> Result<ScannedUrl, ScanRefusal> {
    let authority = authority(text).ok_or(ScanRefusal::BadUrl)?;
    if text.chars().any(hides_something) {
        return Err(ScanRefusal::BadUrl);
    }
    Ok(ScannedUrl { url: text.to_owned(), host: authority.host.to_lowercase() })
}

/// The link of ours that a URL is; only https, on a host of the operator's, with no user name and no port of its own.
pub(super) fn own_link(text: &str, settings: &ScanSettings) -> Option<ScannedLink> {
    let authority = authority(text).filter(|authority| authority.https && authority.bare)?;
    settings.link_hosts.iter().find(|host| host.eq_ignore_ascii_case(authority.host))?;
    let path = authority.path.split(['?', '#']).next()?;
    let (what, id) = path.strip_prefix('/')?.split_once('/')?;
    let id = id.strip_suffix('/').unwrap_or(id);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:".contains(&b);
    if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(allowed) || id.bytes().all(|b| b == b'.') {
        return None;
    }
    let id = id.to_owned();
    Some(match what {
        "product" => ScannedLink::Product(id),
        "store" => ScannedLink::Store(id),
        "seat" => ScannedLink::Seat(id),
        "campaign" => ScannedLink::Campaign(id),
        "invite" => ScannedLink::StaffInvite(id),
        _ => return None,
    })
}

struct Authority<'a> {
    https: bool,
    host: &'a str,
    /// No user name, no port.
    bare: bool,
    path: &'a str,
}

fn authority(text: &str) -> Option<Authority<'_>> {
    let (https, rest) = scheme(text)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let (user, host_and_port) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let (host, port) = match host_and_port.rsplit_once(':') {
        // The colons of an IPv6 address are within brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host_and_port, None),
    };
    (!host.is_empty()).then_some(Authority { https, host, bare: user.is_none() && port.is_none_or(|port| port == "443"), path })
}

/// What no address has and what makes one look like another: white space, control characters, turned writing directions, characters without
/// width, and the backslash, which browsers take for a slash.
fn hides_something(c: char) -> bool {
    let turns_or_hides = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c.is_whitespace() || c.is_control() || c == '\\' || turns_or_hides
}
