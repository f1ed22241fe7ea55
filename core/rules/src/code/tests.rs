use super::*;
use crate::credential::AllotmentGrant;
use crate::keys::{SoftwareKey, id_from_bytes};
use crate::offers::OfferId;
use proptest::prelude::*;

const NOW_S: i64 = 1_800_000_000;

struct Bench {
    issuer: SoftwareKey,
    device: SoftwareKey,
    issuers: Vec<IssuerKey>,
}

fn bench() -> Bench {
    let issuer = SoftwareKey::from_bytes(&[1; 32]).unwrap();
    let issuers = vec![IssuerKey { key: issuer.public_key(), not_before_s: 0, not_after_s: i64::MAX }];
    Bench { issuer, device: SoftwareKey::from_bytes(&[2; 32]).unwrap(), issuers }
}

impl Bench {
    fn credential(&self, allotment: Option<Allotment>) -> SignedCredential {
        let (member, device_key) = (MemberId(id_from_bytes(&[4; 10])), self.device.public_key());
        Credential { member, device_key, expires_at_s: NOW_S + 1_000, assurance: Assurance::Device, allotment }.issue(&self.issuer)
    }

    fn code_with(&self, credential: &SignedCredential, payload: &CodePayload) -> String {
        make(credential, payload, |m| Ok::<_, ()>(self.device.sign(m))).unwrap()
    }

    fn code(&self, step: u64) -> String {
        self.code_with(&self.credential(None), &CodePayload { step, ..Default::default() })
    }

    fn verify(&self, text: &[u8], now_s: i64) -> Result<Verified, Refusal> {
        MemberCode::read(text)?.verify(&self.issuers, now_s)
    }
}

fn raw(text: &str) -> Vec<u8> {
    base45::decode(text.strip_prefix(PREFIX).unwrap()).unwrap()
}

fn text(raw: &[u8]) -> String {
    format!("{PREFIX}{}", base45::encode(raw))
}

#[test]
fn a_fresh_code_names_member_device_and_step() {
    let bench = bench();
    let step = step_at(NOW_S);
    let verified = bench.verify(bench.code(step).as_bytes(), NOW_S).unwrap();
    assert_eq!(verified.member.as_str(), id_from_bytes(&[4; 10]));
    assert_eq!(verified.device, bench.device.public_key().device_id());
    assert_eq!(verified.step, step);
    for end in ["\n", "\r", "\r\n"] {
        assert!(bench.verify(format!("{}{end}", bench.code(step)).as_bytes(), NOW_S).is_ok());
    }
}

#[test]
fn the_window_is_one_step_each_way() {
    let bench = bench();
    let now = step_at(NOW_S);
    let reason = |step| bench.verify(bench.code(step).as_bytes(), NOW_S).map(|v| v.step).map_err(|r| r.reason());
    assert_eq!(reason(now - 2), Err("expired"));
    assert_eq!(reason(now - 1), Ok(now - 1));
    assert_eq!(reason(now + 1), Ok(now + 1));
    assert_eq!(reason(now + 2), Err("clock"));
    let old = bench.verify(bench.code(now - 3).as_bytes(), NOW_S).unwrap_err();
    assert_eq!(old, Refusal::Expired { age_s: NOW_S - (NOW_S / 20 - 3) * 20 });
}

#[test]
fn every_refusal_of_the_stateless_checks() {
    let bench = bench();
    let (step, credential) = (step_at(NOW_S), bench.credential(None));
    let stranger = SoftwareKey::from_bytes(&[9; 32]).unwrap();
    let payload = CodePayload { step, ..Default::default() };

    let by_stranger = Credential { ..credential.credential().clone() }.issue(&stranger);
    assert_eq!(bench.verify(bench.code_with(&by_stranger, &payload).as_bytes(), NOW_S), Err(Refusal::UnknownIssuer));

    let mut forged = credential.bytes().to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let forged = SignedCredential::from_bytes(&forged).unwrap();
    assert_eq!(bench.verify(bench.code_with(&forged, &payload).as_bytes(), NOW_S), Err(Refusal::Forged));

    let late = CodePayload { step: step_at(NOW_S + 1_000), ..Default::default() };
    assert_eq!(bench.verify(bench.code_with(&credential, &late).as_bytes(), NOW_S + 1_000), Err(Refusal::CredentialExpired));

    let other_device = make(&credential, &payload, |m| Ok::<_, ()>(stranger.sign(m))).unwrap();
    assert_eq!(bench.verify(other_device.as_bytes(), NOW_S), Err(Refusal::NotThisDevice));

    let newer = cose::encode(&Value::Map(vec![(Value::from(1), Value::from(2)), (Value::from(9), Value::from("later"))]));
    let newer = cose::sign(Kind::Code, header(&credential), newer, |m| Ok::<_, ()>(bench.device.sign(m))).unwrap();
    assert_eq!(bench.verify(text(&newer).as_bytes(), NOW_S), Err(Refusal::UnsupportedVersion));
}

#[test]
fn an_issuer_key_outside_its_time_is_unknown() {
    let mut bench = bench();
    bench.issuers[0].not_after_s = NOW_S;
    assert_eq!(bench.verify(bench.code(step_at(NOW_S)).as_bytes(), NOW_S), Err(Refusal::UnknownIssuer));
}

#[test]
fn the_high_s_twin_of_either_signature_is_refused() {
    use p256::ecdsa::Signature;
    let bench = bench();
    let good = raw(&bench.code(step_at(NOW_S)));
    let twin = |signature: &[u8]| -> Vec<u8> {
        let (r, s) = Signature::from_slice(signature).unwrap().split_scalars();
        Signature::from_scalars(p256::FieldBytes::from(*r), p256::FieldBytes::from(-*s)).unwrap().to_bytes().to_vec()
    };
    let mut outer = good.clone();
    let at = outer.len() - 64;
    let high = twin(&outer[at..]);
    outer[at..].copy_from_slice(&high);
    assert_eq!(bench.verify(text(&outer).as_bytes(), NOW_S), Err(Refusal::NotThisDevice));

    let credential = bench.credential(None);
    let mut inner = credential.bytes().to_vec();
    let at = inner.len() - 64;
    let high = twin(&inner[at..]);
    inner[at..].copy_from_slice(&high);
    let inner = SignedCredential::from_bytes(&inner).unwrap();
    let code = bench.code_with(&inner, &CodePayload { step: step_at(NOW_S), ..Default::default() });
    assert_eq!(bench.verify(code.as_bytes(), NOW_S), Err(Refusal::Forged));
}

#[test]
fn other_spellings_of_a_good_code_are_no_member_code() {
    let bench = bench();
    let good = bench.code(step_at(NOW_S));
    let bytes = raw(&good);
    let spaced = format!(" {good}");
    let mut unprotected = bytes.clone();
    let at = bytes.len() - 64 - 2 - 1 - encode_payload(&CodePayload { step: step_at(NOW_S), ..Default::default() }).len() - 1;
    assert_eq!(unprotected[at], 0xa0, "the empty unprotected header");
    unprotected.splice(at..=at, [0xa1, 0x04, 0x41, 0x00]);
    let mut long = bytes.clone();
    assert_eq!(long[1], 0x84, "an array of four");
    long.splice(1..2, [0x98, 0x04]);
    for (name, other) in [
        ("empty", String::new()),
        ("prefix only", PREFIX.to_owned()),
        ("lower case", good.to_lowercase()),
        ("leading space", spaced),
        ("trailing space", format!("{good} ")),
        ("two line ends", format!("{good}\n\n")),
        ("unprotected header", text(&unprotected)),
        ("non-shortest array", text(&long)),
        ("bytes after it", text(&[bytes.as_slice(), &[0]].concat())),
        ("another version of the text", good.replacen("NRN1", "NRN2", 1)),
        ("too long", format!("{good}{}", "0".repeat(MAX_TEXT))),
    ] {
        assert_eq!(bench.verify(other.as_bytes(), NOW_S).unwrap_err(), Refusal::NotAMemberCode, "{name}");
    }
    assert_eq!(bench.verify(b"NRN1:\xff", NOW_S).unwrap_err(), Refusal::NotAMemberCode);
}

#[test]
fn sizes_are_as_designed() {
    let bench = bench();
    let plain = bench.code(step_at(NOW_S));
    // Twenty offers wherever they lie among 65,536, each to be spent four times.
    let grants = (0..20).map(|n| AllotmentGrant { offer: OfferId(n * 3_449), count: 4 }).collect();
    let allotment = Allotment { until_s: NOW_S, first_serial: 1 << 40, grants };
    let credential = bench.credential(Some(allotment));
    let payload = CodePayload { step: step_at(NOW_S), grants: (0..20).collect(), pickup_code: Some("ABCD2345".to_owned()) };
    let full = bench.code_with(&credential, &payload);
    assert!(bench.verify(full.as_bytes(), NOW_S).is_ok());
    assert!(raw(&plain).len() <= 250, "{}", raw(&plain).len());
    assert!(raw(&full).len() <= 340, "{}", raw(&full).len());
    assert!(full.len() <= 515, "{}", full.len());
}

#[test]
fn payload_fields_have_their_limits() {
    let bench = bench();
    let credential = bench.credential(None);
    let verify = |payload: &CodePayload| bench.verify(bench.code_with(&credential, payload).as_bytes(), NOW_S).map_err(|r| r.reason());
    let step = step_at(NOW_S);
    assert!(verify(&CodePayload { step, grants: vec![3, 2], pickup_code: None }).is_err());
    assert!(verify(&CodePayload { step, grants: (0..21).collect(), pickup_code: None }).is_err());
    assert!(verify(&CodePayload { step, grants: vec![], pickup_code: Some("short".into()) }).is_err());
    assert!(verify(&CodePayload { step: u64::MAX, grants: vec![], pickup_code: None }).is_err());
}

proptest! {
    #[test]
    fn no_altered_code_is_taken(position in 0usize..300, bit in 0u8..8) {
        let bench = bench();
        let mut bytes = raw(&bench.code(step_at(NOW_S)));
        let position = position % bytes.len();
        bytes[position] ^= 1 << bit;
        prop_assert!(bench.verify(text(&bytes).as_bytes(), NOW_S).is_err());
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<Vec<u8>>(), now_s in any::<i64>()) {
        let bench = bench();
        prop_assert!(bench.verify(&text, now_s).is_err());
    }

    #[test]
    fn any_clock_gets_an_answer(now_s in any::<i64>(), step in any::<u64>()) {
        let bench = bench();
        let _ = bench.verify(bench.code(step).as_bytes(), now_s);
    }
}
