//! The kinds, the refusals, GS1's scan data vectors, and that nothing panics.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::one_dimensional::{gs1_check_digit, member_ean13};

const VECTORS: &str = include_str!("../../../../tests/data/gs1/gs1_vectors.json");

fn settings() -> ScanSettings {
    let rule = |prefix: &str, kind| PrefixRule { prefix: prefix.into(), kind };
    let layout = |item_digits, value_check_digit, value_digits| ValueLayout { item_digits, value_check_digit, value_digits };
    let prefixes = vec![
        rule("28", PrefixKind::Member),
        rule("289", PrefixKind::Item),
        rule("20", PrefixKind::Price(layout(5, true, 4))),
        rule("21", PrefixKind::Weight(layout(5, false, 5))),
        rule("22", PrefixKind::Price(layout(4, true, 5))),
        rule("023", PrefixKind::Item),
        rule("24", PrefixKind::Price(layout(9, true, 9))),
    ];
    ScanSettings { prefixes, link_hosts: vec!["app.example.jp".into()] }
}

fn scan(text: &str) -> Result<Scanned, ScanRefusal> {
    read(text.as_bytes(), &settings())
}

fn product(text: &str) -> String {
    match scan(text) {
        Ok(Scanned::Product(product)) => product.gtin.to_string(),
        other => panic!("{text}: {other:?}"),
    }
}

fn own(text: &str) -> InStoreCode {
    match scan(text) {
        Ok(Scanned::InStore(own)) => own,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> &'static str {
    scan(text).map(|read| panic!("{text}: {read:?}")).unwrap_err().reason()
}

fn checked(body: &str) -> String {
    format!("{body}{}", gs1_check_digit(body))
}

#[test]
fn products_by_every_kind_of_bars() {
    for (text, gtin) in [
        ("4901777018686", "4901777018686"),
        ("]E04901777018686", "4901777018686"),
        ("]C04901777018686\r\n", "4901777018686"),
        ("9780345348036", "9780345348036"),
        ("036602301467", "036602301467"),
        ("]E00036602301467", "036602301467"),
        ("48512343", "48512343"),
        ("]E448512343", "48512343"),
        ("12345670", "12345670"),
        ("01234565", "012345000065"),
        ("01234531", "012300000451"),
        ("]E402345673", "02345673"),
        ("30712345000010", "30712345000010"),
        ("]I130712345000010", "30712345000010"),
        ("04901777018686", "4901777018686"),
    ] {
        assert_eq!(product(text), gtin, "{text}");
    }
    for wrong in [
        "4901777018687",
        "036602301468",
        "48512344",
        "30712345000011",
        "10064908",
        "]C001234531",
        "]E04901777018687",
        "]E448512344",
        "01234567",
    ] {
        assert_eq!(refused(wrong), "check_digit", "{wrong}");
    }
    for none in [
        "1234567890",
        "168901",
        "102030405060708090",
        "978073520044951299",
        "490177701868A",
        "４９０１７７７０１８６８６",
        "4901777 018686",
    ] {
        assert_eq!(refused(none), "unrecognised", "{none}");
    }
}

#[test]
fn add_ons_and_composites_stay_with_their_product() {
    for text in ["]E3978073520044951299", "9780735200449 51299"] {
        let Ok(Scanned::Product(product)) = scan(text) else { panic!("{text}") };
        assert_eq!((product.gtin.as_str(), product.add_on.as_deref()), ("9780735200449", Some("51299")));
    }
    assert_eq!(refused("]E39780735200449512"), "wrong_length");
    assert_eq!(refused("9780735200449 512"), "unrecognised");
    let Ok(Scanned::Product(product)) = scan("]E04901777018686|]e0101A\u{1d}17261231") else { panic!() };
    assert_eq!(product.composite.iter().map(|e| e.ai.as_str()).collect::<Vec<_>>(), ["10", "17"]);
    assert_eq!(refused("]E04901777018686|101A"), "wrong_length");
    assert_eq!(refused("]E04901777018686|]e0"), "no_elements");
}

#[test]
fn only_a_leading_fnc1_makes_an_element_string() {
    for text in [
        "\u{1d}0104901777018686",
        "]C10104901777018686",
        "]e00104901777018686\u{1d}",
        "]d2\u{1d}0104901777018686",
        "]Q30104901777018686",
        "]e0(01)04901777018686",
        "]J10104901777018686",
    ] {
        let Ok(Scanned::Gs1(read)) = scan(text) else { panic!("{text}") };
        assert_eq!(read.gtin().unwrap().as_str(), "4901777018686");
    }
    for text in ["0104901777018686", "]Q10104901777018686", "]Q1\u{1d}0104901777018686", "(01)04901777018686", "^0104901777018686"] {
        assert_eq!(refused(text), "unrecognised", "{text}");
    }
    for text in ["\u{1d}", "]C1", "]C1\u{1d}"] {
        assert_eq!(refused(text), "no_elements", "{text}");
    }
    for text in ["]", "]X", "]XX", "]B0", "]日本"] {
        assert_eq!(refused(text), "unknown_symbology", "{text}");
    }
}

#[test]
fn the_prefix_table_says_what_the_shops_own_numbers_mean() {
    assert_eq!(scan(&member_ean13("28", 7).unwrap()), Ok(Scanned::Member(ScannedMember::Static(member_ean13("28", 7).unwrap()))));
    assert_eq!(own(&checked("289012345678")).item.as_deref(), Some("012345678"), "the longest prefix counts");
    // Item 12345, price 2875 with its check digit 9.
    let price = own(&checked("201234592875"));
    assert_eq!((price.item.as_deref(), price.price_minor, price.weight_g), (Some("12345"), Some(2875), None));
    assert_eq!(refused(&checked("201234582875")), "value_check_digit");
    assert_eq!(own(&checked("22123461468 5".replace(' ', "").as_str())).price_minor, Some(14685));
    let weight = own(&checked("211234500850"));
    assert_eq!((weight.item.as_deref(), weight.price_minor, weight.weight_g), (Some("12345"), None, Some(850)));
    assert_eq!(own(&checked("23123456789")).code, checked("023123456789"), "a UPC-A beginning with 2");
    assert_eq!(own(&checked("23123456789")).item.as_deref(), Some("123456789"));
    assert_eq!(own(&checked("242345678901")).item, None, "a row that is wrong is not used");
    assert_eq!(own(&checked("2012345")).item, None, "short numbers stand in no table");
    assert_eq!(refused("2012345678901"), "check_digit");
}

#[test]
fn without_a_table_the_shops_own_numbers_are_no_members() {
    for prefix in 20..=29 {
        let text = checked(&format!("{prefix}0000000001"));
        let read = read(text.as_bytes(), &ScanSettings::default());
        assert!(
            matches!(read, Ok(Scanned::InStore(InStoreCode { item: None, price_minor: None, weight_g: None, .. }))),
            "{text}: {read:?}"
        );
    }
}

#[test]
fn links_of_the_operators_hosts_alone_are_links() {
    for (text, link) in [
        ("https://app.example.jp/product/4901777018686", ScannedLink::Product("4901777018686".into())),
        ("https://App.Example.JP:443/store/osaka-1/?from=poster#x", ScannedLink::Store("osaka-1".into())),
        ("]Q1https://app.example.jp/seat/A7.x_y-z", ScannedLink::Seat("A7.x_y-z".into())),
        ("HTTPS://app.example.jp/campaign/spring", ScannedLink::Campaign("spring".into())),
        ("https://app.example.jp/invite/K3J9", ScannedLink::StaffInvite("K3J9".into())),
        ("NRP1:BB8", ScannedLink::PlaceCode("NRP1:BB8".into())),
        ("NRS1:BB8", ScannedLink::Seat("NRS1:BB8".into())),
    ] {
        assert_eq!(scan(text), Ok(Scanned::Link(link)), "{text}");
    }
    for (text, host) in [
        ("http://app.example.jp/product/1", "app.example.jp"),
        ("https://app.example.jp/", "app.example.jp"),
        ("https://app.example.jp/product/", "app.example.jp"),
        ("https://app.example.jp/product/..", "app.example.jp"),
        ("https://app.example.jp/product/a/b", "app.example.jp"),
        ("https://app.example.jp/unknown/1", "app.example.jp"),
        ("https://app.example.jp:8443/product/1", "app.example.jp"),
        ("https://app.example.jp@evil.test/product/1", "evil.test"),
        ("https://evil.app.example.jp/product/1", "evil.app.example.jp"),
        ("https://evil.test/https://app.example.jp/product/1", "evil.test"),
        ("https://evil.test#app.example.jp/product/1", "evil.test"),
        ("https://[2001:db8::1]:80/x", "[2001:db8::1]"),
        ("HtTp://例え.jp/道", "例え.jp"),
    ] {
        let Ok(Scanned::Url(url)) = scan(text) else { panic!("{text}: {:?}", scan(text)) };
        assert_eq!((url.url.as_str(), url.host.as_str()), (text, host));
    }
    for text in [
        "http://",
        "https:///x",
        "https://@/x",
        "https://a/ b",
        "https://a\\@app.example.jp/",
        "https://a/\u{202e}pj",
        "https://a/\u{1d}",
        "https://\u{200b}a/",
    ] {
        assert_eq!(refused(text), "bad_url", "{text}");
    }
    assert_eq!(refused("NRP1:"), "not_a_place_code");
    assert_eq!(refused("NRP1:lower"), "not_a_place_code");
    assert_eq!((refused("NRS1:"), refused("NRS1:lower")), ("unrecognised", "unrecognised"));
    assert_eq!(refused("NRN1:6BFWS92"), "not_a_member_code");
    for text in ["MECARD:N:Sean Owen;;", "tel:0312345678", "javascript:alert(1)", "intent://x", "file:///etc/passwd", "WIFI:S:a;;"] {
        assert_eq!(refused(text), "unrecognised", "{text}");
    }
}

#[test]
fn a_digital_link_is_gs1_on_any_host_and_a_wrong_one_is_a_url() {
    for host in ["app.example.jp", "id.gs1.org"] {
        let Ok(Scanned::Gs1(read)) = scan(&format!("https://{host}/01/04901777018686?17=261231&utm_source=x")) else { panic!() };
        assert_eq!(read.bracketed(), "(01)04901777018686(17)261231");
        assert!(read.url.is_some());
    }
    for wrong in ["01/04901777018687", "01/4901777018686", "01/04901777018686?10=A", "01/04901777018686?89=1", "gtin/04901777018686"] {
        assert!(matches!(scan(&format!("https://id.gs1.org/{wrong}")), Ok(Scanned::Url(_))), "{wrong}");
    }
}

#[test]
fn bad_input_is_refused_by_name() {
    assert_eq!(refused(""), "empty");
    assert_eq!(refused("\r\n"), "empty");
    assert_eq!(refused("]Q1"), "empty");
    assert_eq!(refused(&"1".repeat(10_000)), "too_long");
    assert_eq!(read(b"\xff\xfe", &settings()), Err(ScanRefusal::NotText));
    assert_eq!(refused("\0"), "unrecognised");
}

#[test]
fn every_refusal_has_its_own_reason_and_fitting_texts() {
    let ai = || "10".to_owned();
    let all = [
        ScanRefusal::TooLong,
        ScanRefusal::NotText,
        ScanRefusal::UnknownSymbology,
        ScanRefusal::Empty,
        ScanRefusal::WrongLength,
        ScanRefusal::CheckDigit,
        ScanRefusal::ValueCheckDigit,
        ScanRefusal::NoElements,
        ScanRefusal::TooManyElements,
        ScanRefusal::UnknownAi,
        ScanRefusal::AiLength { ai: ai() },
        ScanRefusal::AiCharacter { ai: ai() },
        ScanRefusal::AiContent { ai: ai(), rule: "iban".into() },
        ScanRefusal::RepeatedAi { ai: ai() },
        ScanRefusal::ExclusiveAis { ai: ai(), other: "21".into() },
        ScanRefusal::NotAMemberCode,
        ScanRefusal::NotAPlaceCode,
        ScanRefusal::BadUrl,
        ScanRefusal::Unrecognised,
    ];
    for refusal in &all {
        assert_eq!(serde_json::to_value(refusal).unwrap()["reason"], refusal.reason());
        assert!(refusal.text_ja().chars().count() <= 30 && refusal.text_en().chars().count() <= 42, "{refusal:?}");
    }
    let reasons: std::collections::BTreeSet<_> = all.iter().map(ScanRefusal::reason).collect();
    assert_eq!(reasons.len(), all.len());
}

#[derive(Deserialize)]
struct ScanData {
    ok: bool,
    input: String,
    expected: String,
}

/// The engine also passes on plain text (`]Q1TESTING`), of which nothing can be made here: such a vector must be no element string and have no
/// fault in its identifier.
#[test]
fn scan_data_of_gs1s_reference_engine() {
    let mut all: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(VECTORS).unwrap();
    let vectors: Vec<ScanData> = serde_json::from_value(all.remove("process_scan_data").unwrap()).unwrap();
    assert_eq!(vectors.len(), 27);
    for ScanData { ok, input, expected } in vectors {
        let read = read(input.as_bytes(), &ScanSettings::default());
        let written = match &read {
            Ok(Scanned::Gs1(elements)) if elements.url.is_none() => elements.element_string().replace(FNC1, "^"),
            Ok(Scanned::Product(product)) => format!("{:0>8}", product.gtin),
            Ok(Scanned::InStore(own)) if own.composite.is_empty() => own.code.clone(),
            Ok(Scanned::InStore(own)) => {
                let composite = Gs1Elements { elements: own.composite.clone(), url: None, missing: Vec::new() };
                format!("{}|{}", own.code, composite.element_string().replace(FNC1, "^"))
            }
            Ok(Scanned::Gs1(Gs1Elements { url: Some(url), .. }) | Scanned::Url(ScannedUrl { url, .. })) => url.clone(),
            Err(ScanRefusal::Unrecognised | ScanRefusal::Empty) if ok => expected.clone(),
            Err(_) => String::new(),
            other => panic!("{input}: {other:?}"),
        };
        assert_eq!(written, expected, "{input}: {read:?}");
        assert!(ok || read.is_err(), "{input}: {read:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in any::<Vec<u8>>(), text in any::<String>(), head in "(\\][A-Za-z][0-9]|\u{1d}|https://|NRN1:|NRP1:|NRS1:|)", tail in "[0-9A-Z\u{1d}/?=&%|. 日]{0,40}") {
        for settings in [settings(), ScanSettings::default()] {
            let _ = read(&bytes, &settings);
            let _ = read(format!("{head}{tail}").as_bytes(), &settings);
            let _ = read(format!("{head}{text}").as_bytes(), &settings);
        }
    }

    /// Whatever the operator puts into the table, reading goes on.
    #[test]
    fn any_prefix_table_gets_an_answer(prefix in "2?[0-9a日]{0,8}", item in any::<u8>(), value in any::<u8>(), check in any::<bool>(), body in "2[0-9]{11}") {
        let layout = ValueLayout { item_digits: item % 14, value_check_digit: check, value_digits: value % 14 };
        for kind in [PrefixKind::Member, PrefixKind::Item, PrefixKind::Price(layout), PrefixKind::Weight(layout)] {
            let settings = ScanSettings { prefixes: vec![PrefixRule { prefix: prefix.clone(), kind }], link_hosts: Vec::new() };
            let read = read(checked(&body).as_bytes(), &settings);
            prop_assert!(matches!(read, Ok(Scanned::InStore(_) | Scanned::Member(_)) | Err(ScanRefusal::ValueCheckDigit)), "{:?}", read);
        }
    }

    #[test]
    fn a_digit_misread_is_seen(body in "[013-9][0-9]{11}", at in 0usize..13, other in 1u8..10) {
        let text = checked(&body);
        prop_assume!(Gtin::from_digits(&text).is_some_and(|gtin| gtin.as_str().len() == 13));
        prop_assert!(scan(&text).is_ok());
        let mut digits = text.into_bytes();
        digits[at] = b'0' + (digits[at] - b'0' + other) % 10;
        prop_assert_eq!(read(&digits, &settings()), Err(ScanRefusal::CheckDigit));
    }
}
