//! What the journeys share: keys made up on the spot, and the binary run with no network.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use noren_rules::b64;
use noren_rules::code::{CodePayload, make};
use noren_rules::credential::{Credential, SignedCredential};
use noren_rules::ids::MemberId;
use noren_rules::keys::{SoftwareKey, id_from_bytes};
use noren_rules::lists::{IssuerKey, Lists};
use noren_rules::wire::{Assurance, TillKeys};

pub(crate) const NOW_S: i64 = 1_800_000_000;
pub(crate) const NOW: &str = "2027-01-15T08:00:00Z";

pub(crate) fn key(byte: u8) -> SoftwareKey {
    SoftwareKey::from_bytes(&[byte; 32]).unwrap()
}

/// Root 1, issuer 2, device 5, a revoked device 6.
pub(crate) fn till_keys() -> TillKeys {
    let lists = Lists {
        sequence: 1,
        issued_at_s: NOW_S,
        next_update_s: NOW_S + 86_400,
        issuers: vec![IssuerKey { key: key(2).public_key(), not_before_s: 0, not_after_s: i64::MAX }],
        revoked: vec![key(6).public_key().device_id()],
    };
    TillKeys { root_key: key(1).public_key().to_base64url(), document: b64::encode(&lists.sign(&key(1))) }
}

pub(crate) fn member() -> MemberId {
    MemberId(id_from_bytes(&[4; 10]))
}

pub(crate) fn credential(issuer: u8, device: u8, expires_at_s: i64) -> SignedCredential {
    let (member, device_key) = (member(), key(device).public_key());
    Credential { member, device_key, expires_at_s, assurance: Assurance::Device, allotment: None }.issue(&key(issuer))
}

pub(crate) fn code(credential: &SignedCredential, signer: u8, step: u64) -> String {
    make(credential, &CodePayload { step, ..Default::default() }, |m| Ok::<_, ()>(key(signer).sign(m))).unwrap()
}

/// `noren`, in a network namespace with nothing in it where the system lets us make one.
pub(crate) fn noren_offline() -> Command {
    let noren = env!("CARGO_BIN_EXE_noren");
    let can_unshare = Command::new("unshare").args(["-n", "true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !can_unshare {
        return Command::new(noren);
    }
    let mut command = Command::new("unshare");
    command.args(["-n", noren]);
    command
}

/// Runs `noren verify` over `input` and answers its lines.
pub(crate) fn verify(keys: &Path, now: &str, input: &[u8]) -> Vec<String> {
    let mut child =
        noren_offline().args(["verify", "--now", now, "--keys"]).arg(keys).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}
