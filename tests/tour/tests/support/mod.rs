//! What the journeys share: keys made up on the spot, the binary with and without a network, a backend of one's own.

#![allow(dead_code, clippy::print_stderr, reason = "each journey is a crate of its own and uses a part of this")]

pub(crate) mod fault;
pub(crate) mod watched;
pub(crate) mod wire;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use noren_rules::b64;
use noren_rules::code::{CodePayload, make};
use noren_rules::credential::{Credential, SignedCredential};
use noren_rules::ids::MemberId;
use noren_rules::keys::{SoftwareKey, id_from_bytes};
use noren_rules::lists::{CouponLists, IssuerKey, Lists};
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
        coupons: CouponLists::default(),
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
        skip("an empty network namespace needs the right to make one");
        return Command::new(noren);
    }
    let mut command = Command::new("unshare");
    command.args(["-n", noren]);
    command
}

/// Runs `noren verify` over `input`, at `now`, and answers its lines.
pub(crate) fn verify(keys: &Path, now: &str, input: &[u8]) -> Vec<String> {
    verify_with(&["--now", now], keys, input)
}

/// The same by the clock of the system.
pub(crate) fn verify_now(keys: &Path, input: &[u8]) -> Vec<String> {
    verify_with(&[], keys, input)
}

fn verify_with(options: &[&str], keys: &Path, input: &[u8]) -> Vec<String> {
    let mut child =
        noren_offline().arg("verify").args(options).arg("--keys").arg(keys).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A backend of one's own: `noren serve` on a free port, stopped when it goes out of scope.
pub(crate) struct Served {
    process: Child,
    pub(crate) url: String,
}

impl Served {
    pub(crate) fn start(data: Option<&Path>) -> Self {
        let data = data.map(|data| ["--data", data.to_str().unwrap()]);
        Self::with(data.as_ref().map_or(&[], |arguments| arguments))
    }

    pub(crate) fn with(arguments: &[&str]) -> Self {
        let mut command = noren();
        command.args(["serve", "--port", "0"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let listening: serde_json::Value = serde_json::from_str(&line).expect("serve says where it listens");
        Self { process, url: listening["url"].as_str().unwrap().to_owned() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn noren() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_noren"));
    // What it draws goes where cargo keeps what tests leave, not into the source tree.
    command.env_remove("NOREN_TILL_TOKEN").env_remove("NOREN_LOG").env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs `noren` with these arguments, which must succeed, and answers its JSON lines.
pub(crate) fn lines(arguments: &[&str]) -> Vec<serde_json::Value> {
    let output = run(arguments);
    assert!(output.status.success(), "noren {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one JSON line of a `noren` that must succeed.
pub(crate) fn line(arguments: &[&str]) -> serde_json::Value {
    let mut lines = lines(arguments);
    assert_eq!(lines.len(), 1, "noren {arguments:?}");
    lines.remove(0)
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    noren().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// POSTs JSON to the backend, as a till would, and answers the JSON of a success.
pub(crate) fn post(url: &str, path: &str, token: &str, key: &str, body: &serde_json::Value) -> serde_json::Value {
    let answer = http(url, "POST", path, &[("authorization", &format!("Bearer {token}")), ("idempotency-key", key)], &body.to_string());
    assert!((200..300).contains(&answer.0), "POST {path}: {} {}", answer.0, answer.1);
    serde_json::from_str(&answer.1).unwrap()
}

/// One request over a plain socket: independent of the client that is being tested.
pub(crate) fn http(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    use std::io::Read;
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// What the backend holds about the member whose phone is in `home`.
pub(crate) fn server_export(home: &str) -> serde_json::Value {
    line(&["export", "--home", home, "--from", "backend"])
}

/// Says that something cannot be checked here. `tests/run` sets NOREN_NO_SKIPS, unless it was given --allow-skips: then it is a failure.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("NOREN_NO_SKIPS").is_none(), "cannot be checked here: {why}");
    eprintln!("skipped: {why}");
}
