//! GS1's own vectors, and that what is written is read.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// `gs1_vectors.json`: the calls of the unit tests of GS1's reference engine. `^` is FNC1.
const VECTORS: &str = include_str!("../../../../../tests/data/gs1/gs1_vectors.json");

#[derive(Deserialize)]
struct Vector {
    ok: bool,
    input: String,
    #[serde(default)]
    expected: String,
    options: BTreeMap<String, bool>,
}

/// On unless the engine is told otherwise: no AI that the dictionary does not know.
const ON_BY_DEFAULT: (&str, bool) = ("gs1_encoder_vUNKNOWN_AI_NOT_DL_ATTR", true);

/// The vectors that need no switch of the engine.
fn vectors(kind: &str) -> Vec<Vector> {
    let all: BTreeMap<String, Vec<Vector>> = serde_json::from_str(VECTORS).unwrap();
    let needs_none = |vector: &Vector| vector.options.iter().all(|(name, on)| (name.as_str(), *on) == ON_BY_DEFAULT);
    all.into_iter().find(|(name, _)| name == kind).unwrap().1.into_iter().filter(needs_none).collect()
}

fn with_carets(elements: &Gs1Elements) -> String {
    elements.element_string().replace(FNC1, "^")
}

#[test]
fn digital_links_of_gs1s_reference_engine() {
    let vectors = vectors("parse_digital_link");
    assert_eq!(vectors.len(), 50);
    for Vector { ok, input, expected, .. } in vectors {
        let read = Gs1Elements::from_digital_link(&input);
        assert_eq!(read.is_some(), ok, "{input}");
        assert_eq!(read.map(|read| with_carets(&read)).unwrap_or_default(), expected, "{input}");
    }
}

#[test]
fn element_strings_of_gs1s_reference_engine() {
    // Two inputs are the name of a variable of the engine's test (`buf`) instead of its value.
    let vectors: Vec<Vector> = vectors("process_ai").into_iter().filter(|vector| vector.input != "buf").collect();
    assert_eq!(vectors.len(), 39);
    for Vector { ok, input, .. } in vectors {
        let read = input.strip_prefix('^').map(|rest| Gs1Elements::from_element_string(&rest.replace('^', "\u{1d}")));
        assert_eq!(matches!(read, Some(Ok(_))), ok, "{input}: {read:?}");
    }
}

#[test]
fn bracketed_strings_of_gs1s_reference_engine() {
    let vectors = vectors("parse_bracketed_ai");
    assert_eq!(vectors.len(), 15);
    for Vector { ok, input, expected, .. } in vectors {
        let read = Gs1Elements::from_bracketed(&input);
        assert_eq!(read.is_ok(), ok, "{input}: {read:?}");
        assert_eq!(read.as_ref().map(with_carets).unwrap_or_default(), expected, "{input}");
        if let Ok(read) = read {
            assert_eq!(read.bracketed(), input);
        }
    }
}

#[test]
fn what_contradicts_itself_is_refused_and_what_is_missing_is_named() {
    let read = Gs1Elements::from_element_string;
    let exclusive = read("011234567890123137\u{1d}25512312312312321");
    assert!(exclusive.is_err(), "{exclusive:?}");
    assert_eq!(read("01123456789012310212345678901231"), Err(ScanRefusal::ExclusiveAis { ai: "02".into(), other: "01".into() }));
    assert_eq!(read("10A\u{1d}10B"), Err(ScanRefusal::RepeatedAi { ai: "10".into() }));
    assert!(read("10A\u{1d}10A").is_ok());
    assert!(read("3103000195310300019501123456789012313102000195").is_err(), "the same measure in two precisions");
    let batch = read("10A").unwrap();
    assert_eq!(batch.missing, [Gs1Missing { ai: "10".into(), one_of: ["01", "02", "03", "8006", "8026"].map(String::from).to_vec() }]);
    assert!(read("011234567890123110A").unwrap().missing.is_empty());
    assert_eq!(read("00006141411234567890392010").unwrap().missing.len(), 1, "a price wants a measure");
    assert!(read("011234567890123131030001953922100").unwrap().missing.is_empty());
    assert_eq!(read("2531231231231232\u{1d}8030AB"), Err(ScanRefusal::AiContent { ai: "253".into(), rule: "serialised".into() }));
}

#[test]
fn each_fault_of_an_element_has_its_name() {
    let ai = |ai: &str| ai.to_owned();
    let table = [
        ("", ScanRefusal::NoElements),
        ("\u{1d}", ScanRefusal::UnknownAi),
        ("891234", ScanRefusal::UnknownAi),
        ("日本", ScanRefusal::UnknownAi),
        ("0112345678901232", ScanRefusal::CheckDigit),
        ("01123", ScanRefusal::AiLength { ai: ai("01") }),
        ("10", ScanRefusal::AiLength { ai: ai("10") }),
        ("10日本", ScanRefusal::AiCharacter { ai: ai("10") }),
        ("01日本日本日", ScanRefusal::AiLength { ai: ai("01") }),
        ("01日本日本12", ScanRefusal::AiCharacter { ai: ai("01") }),
        ("17261301", ScanRefusal::AiContent { ai: ai("17"), rule: "yymmd0".into() }),
    ];
    for (text, refusal) in table {
        assert_eq!(Gs1Elements::from_element_string(text), Err(refusal), "{text}");
    }
    let many = "99A\u{1d}".repeat(65);
    assert_eq!(Gs1Elements::from_element_string(&many), Err(ScanRefusal::TooManyElements));
}

/// Elements that may stand together in any number and order: each AI once, with a value of its own kind.
fn elements() -> impl Strategy<Value = Vec<Gs1Element>> {
    let internal = proptest::collection::btree_map(90u8..=99, "[!-\"%-?A-Z_a-z]{1,30}", 0..6);
    let text = internal.prop_map(|map| map.into_iter().map(|(ai, value)| Gs1Element { ai: ai.to_string(), value }).collect::<Vec<_>>());
    let gtin = proptest::option::of("[0-9]{13}");
    let day = proptest::option::of("[0-9]{2}(0[1-9]|1[0-2])(0[0-9]|1[0-9]|2[0-8])");
    let weight = proptest::option::of("[0-9]{6}");
    (text, gtin, day, weight).prop_map(|(mut elements, gtin, day, weight)| {
        let mut push = |ai: &str, value: Option<String>| elements.extend(value.map(|value| Gs1Element { ai: ai.into(), value }));
        push("17", day);
        push("3103", weight);
        push("01", gtin.map(|digits| format!("{digits}{}", crate::one_dimensional::gs1_check_digit(&digits))));
        elements
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(elements in elements().prop_shuffle()) {
        prop_assume!(!elements.is_empty());
        let written = Gs1Elements { elements, url: None, missing: Vec::new() };
        let read = Gs1Elements::from_element_string(written.element_string().strip_prefix(FNC1).unwrap()).unwrap();
        prop_assert_eq!(&read.elements, &written.elements);
        let typed = Gs1Elements::from_bracketed(&written.bracketed());
        // A backslash has no place in a value, so that `\(` is always an escaped bracket.
        prop_assert_eq!(typed.unwrap().elements, written.elements);
    }

    #[test]
    fn what_is_read_is_written_the_same(text in "(01[0-9]{14}|10[A-Z]{1,4}\u{1d}|99[a-z]{1,4}\u{1d}|37[0-9]\u{1d}|11[0-3]{6}|\u{1d}){1,5}") {
        if let Ok(read) = Gs1Elements::from_element_string(&text) {
            let again = read.element_string();
            prop_assert_eq!(Gs1Elements::from_element_string(again.strip_prefix(FNC1).unwrap()), Ok(read));
        }
    }

    #[test]
    fn any_text_gets_an_answer(text in any::<String>(), digits in "[0-9^()\u{1d}A%日]{0,60}") {
        for text in [text, digits] {
            let _ = Gs1Elements::from_element_string(&text);
            let _ = Gs1Elements::from_bracketed(&text);
            let _ = Gs1Elements::from_digital_link(&format!("https://a/{text}"));
            let _ = Gs1Elements::from_digital_link(&format!("https://a/01/12312312312333?{text}"));
        }
    }
}
