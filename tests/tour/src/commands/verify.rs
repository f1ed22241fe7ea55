//! `noren verify`: what a till says to scanned texts, with no network.

use std::io::BufRead;
use std::path::PathBuf;

use jiff::Timestamp;
use noren_rules::keys::PublicKey;
use noren_rules::wire::TillKeys;
use noren_rules::{b64, code::Refusal};
use noren_till::{Scanned, Till};
use serde::Serialize;

use crate::output::{self, Failure};

/// Verify member codes offline.
///
/// Reads scanned texts from standard input, one a line, as bytes; takes off one trailing CR, LF or CR LF and nothing else. Prints for every
/// line exactly one line: {"ok":true,"member":…,"step":…} or {"ok":false,"reason":…}. Uses no network. Each line is a sale of its own: a code
/// that comes twice is `replayed`; what was taken is remembered for this run only.
///
/// Reasons, in the order of the checks: not_a_member_code, unknown_issuer, forged, credential_expired, not_this_device, unsupported_version,
/// expired, clock, revoked, replayed. One-dimensional codes name a member only to the backend: not_a_member_code here.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The till's signed document with the pinned root key, as `noren till keys` prints it.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// The till's clock, for example 2026-11-22T12:00:00Z; the system's when it is not given.
    #[arg(long, value_name = "RFC3339")]
    now: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Taken { ok: bool, member: &'a str, step: u64 },
    Refused { ok: bool, reason: &'a str },
}

pub(crate) fn run(args: &Verify) -> Result<(), Failure> {
    let now_s = || args.now.unwrap_or_else(Timestamp::now).as_second();
    let mut till = set_up(args, now_s())?;
    let mut input = std::io::stdin().lock();
    let mut text = Vec::new();
    for sale in 0u64.. {
        text.clear();
        if input.read_until(b'\n', &mut text).map_err(Failure::failed)? == 0 {
            break;
        }
        let answer = till.scan(&text, &sale.to_string(), now_s());
        output::json(&match &answer.scanned {
            Scanned::Member(member) => Line::Taken { ok: true, member: member.member.as_str(), step: member.step },
            Scanned::Static(_) => Line::Refused { ok: false, reason: Refusal::NotAMemberCode.reason() },
            Scanned::Refused(refusal) => Line::Refused { ok: false, reason: refusal.reason() },
        })?;
    }
    Ok(())
}

fn set_up(args: &Verify, now_s: i64) -> Result<Till, Failure> {
    let unusable = |why: &dyn std::fmt::Display| Failure::unusable(format!("{}: {why}", args.keys.display()));
    let text = std::fs::read_to_string(&args.keys).map_err(|e| unusable(&e))?;
    let keys: TillKeys = serde_json::from_str(&text).map_err(|_| unusable(&"not a document of `noren till keys`"))?;
    let root = PublicKey::from_base64url(&keys.root_key).map_err(|e| unusable(&e))?;
    let document = b64::decode(&keys.document).ok_or_else(|| unusable(&"the document is not base64url"))?;
    Till::set_up(root, &document, now_s).map_err(|e| unusable(&e))
}
