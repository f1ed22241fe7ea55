use super::*;
use noren_rules::code::{CodePayload, make, step_at};
use noren_rules::credential::Credential;
use noren_rules::ids::MemberId;
use noren_rules::keys::{SoftwareKey, id_from_bytes};
use noren_rules::lists::{CouponLists, IssuerKey};
use noren_rules::one_dimensional::{code128_text, member_ean13, member_nw7, new_alias};
use noren_rules::wire::Assurance;
use proptest::prelude::*;

const NOW_S: i64 = 1_800_000_000;

fn key(byte: u8) -> SoftwareKey {
    SoftwareKey::from_bytes(&[byte; 32]).unwrap()
}

fn document(sequence: u64, issued_at_s: i64, revoked: &[&SoftwareKey]) -> Vec<u8> {
    Lists {
        sequence,
        issued_at_s,
        next_update_s: issued_at_s + 86_400,
        issuers: vec![IssuerKey { key: key(2).public_key(), not_before_s: 0, not_after_s: i64::MAX }],
        revoked: revoked.iter().map(|key| key.public_key().device_id()).collect(),
        coupons: CouponLists::default(),
    }
    .sign(&key(1))
}

fn till() -> Till {
    Till::set_up(key(1).public_key(), &document(1, NOW_S, &[]), NOW_S).unwrap()
}

fn code(device: &SoftwareKey, step: u64) -> Vec<u8> {
    let credential = Credential {
        member: MemberId(id_from_bytes(&[4; 10])),
        device_key: device.public_key(),
        expires_at_s: NOW_S + 30 * 86_400,
        assurance: Assurance::Device,
        allotment: None,
    };
    let payload = CodePayload { step, ..Default::default() };
    make(&credential.issue(&key(2)), &payload, |m| Ok::<_, ()>(device.sign(m))).unwrap().into_bytes()
}

fn taken(till: &mut Till, text: &[u8], session: &str, now_s: i64) -> Result<u64, &'static str> {
    match till.scan(text, session, now_s).scanned {
        Scanned::Member(member) => Ok(member.step),
        Scanned::Refused(refusal) => Err(refusal.reason()),
        Scanned::Static(_) => Err("static"),
    }
}

#[test]
fn a_step_is_taken_once_and_lower_ones_never() {
    let (mut till, device, step) = (till(), key(5), step_at(NOW_S));
    assert_eq!(taken(&mut till, &code(&device, step), "a", NOW_S), Ok(step));
    assert_eq!(taken(&mut till, &code(&device, step), "a", NOW_S), Ok(step), "the same scan in the same sale");
    assert_eq!(taken(&mut till, &code(&device, step), "b", NOW_S), Err("replayed"));
    assert_eq!(taken(&mut till, &code(&device, step - 1), "b", NOW_S), Err("replayed"), "a lower one");
    assert_eq!(taken(&mut till, &code(&device, step + 1), "b", NOW_S), Ok(step + 1));
    assert_eq!(taken(&mut till, &code(&key(6), step), "b", NOW_S), Ok(step), "another device is another memory");
}

#[test]
fn a_long_sale_keeps_its_answer() {
    let (mut till, device, step) = (till(), key(5), step_at(NOW_S));
    let text = code(&device, step);
    assert_eq!(taken(&mut till, &text, "a", NOW_S), Ok(step));
    assert_eq!(taken(&mut till, &text, "a", NOW_S + 300), Ok(step));
    assert_eq!(taken(&mut till, &text, "b", NOW_S + 300), Err("expired"));
    let next = step_at(NOW_S + 300);
    assert_eq!(taken(&mut till, &code(&device, next), "a", NOW_S + 300), Ok(next), "a fresh code in the same sale");
}

#[test]
fn a_void_frees_the_code_and_nothing_before_it() {
    let (mut till, device, step) = (till(), key(5), step_at(NOW_S));
    assert_eq!(taken(&mut till, &code(&device, step - 1), "a", NOW_S), Ok(step - 1));
    assert_eq!(taken(&mut till, &code(&device, step), "b", NOW_S), Ok(step));
    till.void("b");
    assert_eq!(taken(&mut till, &code(&device, step - 1), "c", NOW_S), Err("replayed"));
    assert_eq!(taken(&mut till, &code(&device, step), "c", NOW_S), Ok(step));
    till.void("c");
    till.void("a");
    assert_eq!(taken(&mut till, &code(&device, step - 1), "d", NOW_S), Err("replayed"), "sale a was over before b began");
}

#[test]
fn memory_survives_a_restart() {
    let (mut before, device, step) = (till(), key(5), step_at(NOW_S));
    assert_eq!(taken(&mut before, &code(&device, step), "a", NOW_S), Ok(step));
    let saved = before.memory();
    let mut after = Till::set_up(key(1).public_key(), &document(1, NOW_S, &[]), NOW_S + 20).unwrap();
    assert_eq!(after.scan(b"", "x", NOW_S).memory_since_s, NOW_S + 20);
    after.restore_memory(&saved).unwrap();
    assert_eq!(taken(&mut after, &code(&device, step), "b", NOW_S + 20), Err("replayed"));
    assert_eq!(taken(&mut after, &code(&device, step), "a", NOW_S + 20), Ok(step));
    assert_eq!(after.scan(b"", "x", NOW_S).memory_since_s, NOW_S);
    assert_eq!(after.restore_memory("{}"), Err(MemoryError));
}

#[test]
fn memory_stays_small() {
    let mut till = till();
    for (n, byte) in (1..=200u8).enumerate() {
        let now_s = NOW_S + 3_600 * i64::try_from(n).unwrap();
        assert!(taken(&mut till, &code(&key(byte), step_at(now_s)), "s", now_s).is_ok());
    }
    assert!(till.memory().len() < 30 * 120, "a day of devices: {} bytes", till.memory().len());
}

#[test]
fn revoked_devices_and_older_documents_are_refused() {
    let (mut till, device, step) = (till(), key(5), step_at(NOW_S));
    till.update(&document(2, NOW_S, &[&device])).unwrap();
    assert_eq!(taken(&mut till, &code(&device, step), "a", NOW_S), Err("revoked"));
    assert_eq!(till.update(&document(1, NOW_S, &[])), Err(ListsError::Older));
    assert_eq!(till.update(&document(3, NOW_S - 1, &[])), Err(ListsError::Older));
    assert_eq!(taken(&mut till, &code(&device, step), "a", NOW_S), Err("revoked"));
    assert!(Till::set_up(key(9).public_key(), &document(1, NOW_S, &[]), NOW_S).is_err(), "another root");
}

#[test]
fn an_old_document_allows_less_and_says_so() {
    let mut till = till();
    for (age_s, allowance, lines) in [
        (86_400, Allowance::Full, 1),
        (86_401, Allowance::NoOfflineSpending, 2),
        (7 * 86_400, Allowance::NoOfflineSpending, 2),
        (7 * 86_400 + 1, Allowance::EarnOnly, 2),
    ] {
        let answer = till.scan(&code(&key(5), step_at(NOW_S + age_s)), "a", NOW_S + age_s);
        assert_eq!((answer.allowance, answer.list_as_of_s), (allowance, NOW_S));
        assert_eq!(answer.lines(Language::Ja).len(), lines);
    }
}

#[test]
fn one_dimensional_codes_name_without_proving() {
    let mut till = till().with_member_prefixes(["28".to_owned()]);
    let alias = new_alias(&[3; 8]);
    let scan = |till: &mut Till, text: String| till.scan(text.as_bytes(), "a", NOW_S).scanned;
    assert_eq!(scan(&mut till, code128_text(&alias, &[1; 20], NOW_S)), Scanned::Static(StaticCode::OneTime { alias }));
    for number in [member_ean13("28", 5).unwrap(), member_nw7(5)] {
        assert_eq!(scan(&mut till, format!("{number}\r\n")), Scanned::Static(StaticCode::Number { number }));
    }
    let goods = member_ean13("21", 5).unwrap();
    assert_eq!(scan(&mut till, goods), Scanned::Refused(Refusal::NotAMemberCode));
}

#[test]
fn every_answer_has_one_to_three_lines_in_both_languages() {
    let mut till = till();
    till.update(&document(2, NOW_S - 8 * 86_400, &[])).unwrap_err();
    let refusals = [
        Refusal::NotAMemberCode,
        Refusal::UnknownIssuer,
        Refusal::Forged,
        Refusal::CredentialExpired,
        Refusal::NotThisDevice,
        Refusal::UnsupportedVersion,
        Refusal::Expired { age_s: 60 },
        Refusal::Clock { ahead_s: 60 },
        Refusal::Revoked,
        Refusal::Replayed,
    ];
    let answer = till.scan(&code(&key(5), step_at(NOW_S)), "a", NOW_S);
    let taken = [answer.scanned.clone(), Scanned::Static(StaticCode::Number { number: String::new() })];
    let mut seen = std::collections::BTreeSet::new();
    for scanned in refusals.map(Scanned::Refused).into_iter().chain(taken) {
        for allowance in [Allowance::Full, Allowance::NoOfflineSpending, Allowance::EarnOnly] {
            for language in [Language::Ja, Language::En] {
                let lines = Answer { scanned: scanned.clone(), allowance, ..answer.clone() }.lines(language);
                assert!((1..=3).contains(&lines.len()) && lines.iter().all(|line| (1..=42).contains(&line.chars().count())), "{lines:?}");
                seen.insert(lines);
            }
        }
    }
    assert!(seen.len() > 2 * refusals.len(), "each refusal has its own words");
}

proptest! {
    /// Whatever is scanned, in whatever order: a step of a device serves one sale at most, and never goes back.
    #[test]
    fn no_step_serves_two_sales(scans in prop::collection::vec((0u8..3, 0u64..4, 0u8..4, 0i64..60), 1..40)) {
        let mut till = till();
        let mut served = std::collections::BTreeMap::new();
        let mut now_s = NOW_S;
        for (device, back, session, later) in scans {
            now_s += later;
            let device_key = key(10 + device);
            let step = step_at(now_s) + 1 - back;
            if taken(&mut till, &code(&device_key, step), &session.to_string(), now_s).is_ok() {
                let sale = served.entry((device, step)).or_insert(session);
                prop_assert_eq!(*sale, session);
            }
        }
    }
}
