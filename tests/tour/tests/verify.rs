//! `noren verify` with no network: a fresh code is taken, every kind of bad one is named, and no mutation of a good one gets through.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on ends"
)]

mod support;

use noren_rules::code::{PREFIX, step_at};
use p256::ecdsa::Signature;
use support::{NOW, NOW_S, code, credential, key, member, till_keys, verify};

const LATER_S: i64 = NOW_S + 86_400;

fn keys_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_json::to_string(&till_keys()).unwrap()).unwrap();
    file
}

fn raw(text: &str) -> Vec<u8> {
    base45::decode(text.strip_prefix(PREFIX).unwrap()).unwrap()
}

fn text(raw: &[u8]) -> String {
    format!("{PREFIX}{}", base45::encode(raw))
}

/// The same signature with the other s.
fn twin(signature: &[u8]) -> Vec<u8> {
    let (r, s) = Signature::from_slice(signature).unwrap().split_scalars();
    Signature::from_scalars(p256::FieldBytes::from(*r), p256::FieldBytes::from(-*s)).unwrap().to_bytes().to_vec()
}

fn with_high_s(code: &str) -> String {
    let mut bytes = raw(code);
    let at = bytes.len() - 64;
    let high = twin(&bytes[at..]);
    bytes[at..].copy_from_slice(&high);
    text(&bytes)
}

/// A member code is tag, array of four, protected header, `a0` as unprotected header, payload and signature; the payload of a plain code has 9 bytes.
fn unprotected_at(bytes: &[u8]) -> usize {
    let at = bytes.len() - 64 - 2 - 9 - 1 - 1;
    assert_eq!(bytes[at], 0xa0);
    at
}

fn with_unprotected_header(code: &str) -> String {
    let mut bytes = raw(code);
    let at = unprotected_at(&bytes);
    bytes.splice(at..=at, [0xa1, 0x04, 0x41, 0x00]);
    text(&bytes)
}

fn with_long_lengths(code: &str) -> String {
    let mut bytes = raw(code);
    let at = unprotected_at(&bytes) + 1;
    assert_eq!(bytes[at], 0x49, "a byte string of nine");
    bytes.splice(at..=at, [0x58, 0x09]);
    text(&bytes)
}

#[test]
fn a_fresh_code_is_taken_and_every_bad_one_named() {
    let keys = keys_file();
    let now = step_at(NOW_S);
    let good = credential(2, 5, LATER_S);
    let fresh = code(&good, 5, now);
    let mut forged = good.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let forged = noren_rules::credential::SignedCredential::from_bytes(&forged).unwrap();
    let newer = {
        // Version 2 in the payload of a code that the device really signs.
        let payload = [0xa1, 0x01, 0x02];
        let mut bytes = raw(&fresh);
        let protected = bytes[2..unprotected_at(&bytes)].to_vec();
        let mut signed = vec![0x84, 0x6a];
        signed.extend(b"Signature1");
        signed.extend(&protected);
        signed.push(0x4c);
        signed.extend(b"noren/code/1");
        signed.push(0x43);
        signed.extend(payload);
        let signature = key(5).sign(&signed);
        bytes.truncate(unprotected_at(&bytes) + 1);
        bytes.push(0x43);
        bytes.extend(payload);
        bytes.extend([0x58, 0x40]);
        bytes.extend(signature);
        text(&bytes)
    };
    let refused = |reason: &str| format!(r#"{{"ok":false,"reason":"{reason}"}}"#);
    let taken = format!(r#"{{"ok":true,"member":"{}","step":{now}}}"#, member());
    let table: Vec<(&str, Vec<u8>, String)> = vec![
        ("empty line", b"".to_vec(), refused("not_a_member_code")),
        ("not UTF-8", b"NRN1:\xff\xfe".to_vec(), refused("not_a_member_code")),
        ("a JAN code", b"4901777018686".to_vec(), refused("not_a_member_code")),
        ("leading space", format!(" {fresh}").into_bytes(), refused("not_a_member_code")),
        ("trailing space", format!("{fresh} ").into_bytes(), refused("not_a_member_code")),
        ("two CR", format!("{fresh}\r\r").into_bytes(), refused("not_a_member_code")),
        ("lower case", fresh.to_lowercase().into_bytes(), refused("not_a_member_code")),
        ("unprotected header", with_unprotected_header(&fresh).into_bytes(), refused("not_a_member_code")),
        ("non-shortest CBOR", with_long_lengths(&fresh).into_bytes(), refused("not_a_member_code")),
        ("a stranger's issuer", code(&credential(9, 5, LATER_S), 5, now).into_bytes(), refused("unknown_issuer")),
        ("issuer's signature altered", code(&forged, 5, now).into_bytes(), refused("forged")),
        ("credential over", code(&credential(2, 5, NOW_S), 5, now).into_bytes(), refused("credential_expired")),
        ("another device's signature", code(&good, 7, now).into_bytes(), refused("not_this_device")),
        ("high-s twin", with_high_s(&fresh).into_bytes(), refused("not_this_device")),
        ("a newer payload", newer.into_bytes(), refused("unsupported_version")),
        ("a screenshot of a minute ago", code(&good, 5, now - 3).into_bytes(), refused("expired")),
        ("two steps behind", code(&good, 5, now - 2).into_bytes(), refused("expired")),
        ("two steps ahead", code(&good, 5, now + 2).into_bytes(), refused("clock")),
        ("a revoked device", code(&credential(2, 6, LATER_S), 6, now).into_bytes(), refused("revoked")),
        ("fresh, with CR LF", format!("{fresh}\r").into_bytes(), taken),
        ("the same again", fresh.clone().into_bytes(), refused("replayed")),
        ("a lower step after it", code(&good, 5, now - 1).into_bytes(), refused("replayed")),
    ];
    let input: Vec<u8> = table.iter().flat_map(|(_, text, _)| [text.as_slice(), b"\n"].concat()).collect();
    let lines = verify(keys.path(), NOW, &input);
    assert_eq!(lines.len(), table.len());
    for ((name, _, expected), line) in table.iter().zip(&lines) {
        assert_eq!(line, expected, "{name}");
    }
}

#[test]
fn the_last_line_needs_no_line_end_and_no_input_is_no_line() {
    let keys = keys_file();
    assert_eq!(verify(keys.path(), NOW, b"").len(), 0);
    assert_eq!(verify(keys.path(), NOW, b"\n\n").len(), 2);
    assert_eq!(verify(keys.path(), NOW, code(&credential(2, 5, LATER_S), 5, step_at(NOW_S)).as_bytes()).len(), 1);
}

#[test]
fn unusable_keys_end_with_status_2_and_one_line() {
    for (name, content) in [("not JSON", "hello"), ("no document", r#"{"root_key":"AAAA","document":"AAAA"}"#)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let output = support::noren_offline().args(["verify", "--keys"]).arg(file.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{name}");
        assert!(output.stdout.is_empty());
    }
}

/// A small generator with a fixed seed (xorshift64*): the mutations are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }

    fn byte(&mut self) -> u8 {
        self.roll(256) as u8
    }
}

/// One altered or random code. `good` are fresh codes of two devices.
fn mutation(dice: &mut Dice, good: &[String; 2]) -> Vec<u8> {
    let pick = dice.roll(2);
    let mut bytes = raw(&good[pick]);
    let other = raw(&good[1 - pick]);
    match dice.roll(10) {
        0 => {
            let at = dice.roll(bytes.len());
            bytes[at] ^= 1 << dice.roll(8);
        }
        1 => {
            let (at, with) = (dice.roll(bytes.len()), dice.byte().max(1));
            bytes[at] = bytes[at].wrapping_add(with);
        }
        2 => {
            let at = dice.roll(bytes.len());
            bytes.insert(at, dice.byte());
        }
        3 => {
            bytes.remove(dice.roll(bytes.len()));
        }
        4 => bytes.truncate(dice.roll(bytes.len())),
        5 => {
            // A piece of the other device's code in its own place: credentials, payloads and signatures cross over.
            let from = dice.roll(bytes.len() - 1);
            let to = from + 1 + dice.roll(bytes.len() - from - 1);
            bytes[from..to].copy_from_slice(&other[from..to]);
            if bytes == raw(&good[pick]) {
                bytes[from] ^= 1;
            }
        }
        6 => return with_high_s(&good[pick]).into_bytes(),
        7 => {
            let spoiled = if dice.roll(2) == 0 { with_unprotected_header(&good[pick]) } else { with_long_lengths(&good[pick]) };
            return spoiled.into_bytes();
        }
        8 => {
            let length = dice.roll(300);
            bytes = (0..length).map(|_| dice.byte()).collect();
        }
        _ => {
            let mut line = good[pick].clone().into_bytes();
            let at = dice.roll(line.len());
            line[at] = line[at].wrapping_add(1 + dice.byte() % 255).max(0x20);
            line.retain(|byte| *byte != b'\n');
            if line == good[pick].as_bytes() {
                line.push(b'0')
            }
            return line;
        }
    }
    text(&bytes).into_bytes()
}

#[test]
fn no_mutated_or_random_code_is_taken() {
    let codes = if std::env::var_os("NOREN_DEEP").is_some() { 1_000_000 } else { 20_000 };
    let keys = keys_file();
    let good = [5, 7].map(|device| code(&credential(2, device, LATER_S), device, step_at(NOW_S)));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut left = codes;
    while left > 0 {
        let batch = left.min(20_000);
        let mut input = Vec::new();
        for _ in 0..batch {
            let line = mutation(&mut dice, &good);
            assert!(!good.iter().any(|code| code.as_bytes() == line), "a mutation must differ");
            input.extend(line);
            input.push(b'\n');
        }
        let lines = verify(keys.path(), NOW, &input);
        assert_eq!(lines.len(), batch);
        assert_eq!(lines.iter().find(|line| !line.starts_with(r#"{"ok":false,"reason":""#)), None);
        left -= batch;
    }
    for code in &good {
        let lines = verify(keys.path(), NOW, code.as_bytes());
        assert!(lines[0].starts_with(r#"{"ok":true"#), "the codes they were made from are good");
    }
}
