//! `noren scan`: GS1's vectors, every JAN code of a real product list, photographs of barcodes read by an independent reader, and bad input.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(path)
}

fn run(options: &[&str], input: &[u8]) -> Output {
    let mut command = support::noren_offline();
    let mut child = command.arg("scan").args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // What ends before it reads (bad settings) takes nothing.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The answers to texts, one a line; every line of input has one.
fn scan(options: &[&str], texts: &[impl AsRef<[u8]>]) -> Vec<Value> {
    let input: Vec<u8> = texts.iter().flat_map(|text| [text.as_ref(), b"\n"].concat()).collect();
    let output = run(options, &input);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), texts.len());
    lines
}

/// Identifiers and values as the vectors write them: FNC1 as `^` in front, and after a value whose length is not known beforehand. The pairs are
/// put together without knowing which those are: a vector fits if it fits with its carets taken out.
fn without_carets(text: &str) -> String {
    text.replace('^', "")
}

fn joined(answer: &Value) -> String {
    let pairs = answer["ai"].as_array().into_iter().flatten();
    pairs.map(|pair| format!("{}{}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect()
}

/// The vectors of one kind that need no switch of GS1's engine: input, whether it is right, what is expected.
fn vectors(kind: &str) -> Vec<(String, bool, String)> {
    let all: Value = serde_json::from_str(&std::fs::read_to_string(data("gs1/gs1_vectors.json")).unwrap()).unwrap();
    let switch = |options: &Value| {
        !options.as_object().unwrap().iter().all(|(name, on)| name == "gs1_encoder_vUNKNOWN_AI_NOT_DL_ATTR" && *on == json!(true))
    };
    let needs_none = all[kind].as_array().unwrap().iter().filter(|vector| !switch(&vector["options"]));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    needs_none.map(|vector| (text(&vector["input"]), vector["ok"] == json!(true), text(&vector["expected"]))).collect()
}

#[test]
fn gs1s_digital_links() {
    let vectors = vectors("parse_digital_link");
    assert_eq!(vectors.len(), 50);
    let inputs: Vec<&str> = vectors.iter().map(|(input, ..)| input.as_str()).collect();
    for (answer, (input, ok, expected)) in scan(&[], &inputs).iter().zip(&vectors) {
        assert_eq!(answer["kind"] == json!("gs1"), *ok, "{input}: {answer}");
        assert_eq!(answer.get("ai").is_some(), *ok, "{input}: {answer}");
        assert_eq!(joined(answer), without_carets(expected), "{input}");
    }
}

#[test]
fn gs1s_element_strings() {
    // `buf` is the name of a variable of the engine's test, not its value.
    let vectors: Vec<_> = vectors("process_ai").into_iter().filter(|(input, ..)| input != "buf").collect();
    assert_eq!(vectors.len(), 39);
    let inputs: Vec<&str> = vectors.iter().map(|(input, ..)| input.as_str()).collect();
    let raw: Vec<String> = inputs.iter().map(|input| input.replace('^', "\u{1d}")).collect();
    let prefixed: Vec<String> = vectors.iter().map(|(input, ..)| format!("]Q3{}", input.strip_prefix('^').unwrap_or(input))).collect();
    let answers = scan(&["--caret"], &inputs);
    assert_eq!(answers, scan(&[], &raw), "a caret is an FNC1");
    for (((answer, prefixed), (input, ok, _)), text) in answers.iter().zip(scan(&["--caret"], &prefixed)).zip(&vectors).zip(&raw) {
        assert_eq!(answer["ok"] == json!(true) && answer["kind"] == json!("gs1"), *ok, "{input}: {answer}");
        if *ok {
            assert_eq!(joined(answer), text.replace('\u{1d}', ""), "{input}");
            assert_eq!(*answer, prefixed, "an AIM prefix says the same");
        }
    }
    // Without the FNC1 in front none of them is an element string.
    let bare: Vec<&str> = inputs.iter().filter_map(|input| input.strip_prefix('^')).collect();
    assert!(scan(&["--caret"], &bare).iter().all(|answer| answer["kind"] != json!("gs1")));
}

#[test]
fn every_jan_code_of_a_real_product_list() {
    let mut products = csv::Reader::from_path(data("products_jan/products.csv")).unwrap();
    let codes: Vec<String> = products.records().map(|product| product.unwrap()[0].to_owned()).collect();
    assert_eq!(codes.len(), 1_164);
    for (answer, code) in scan(&[], &codes).iter().zip(&codes) {
        assert_eq!(*answer, json!({ "ok": true, "kind": "gtin", "gtin": code }));
    }
    // Each with all nine wrong check digits.
    let wrong = |code: &String| {
        let (body, check) = code.split_at(12);
        let check: u8 = check.parse().unwrap();
        (1..10).map(|off| format!("{body}{}", (check + off) % 10)).collect::<Vec<_>>()
    };
    let wrong: Vec<String> = codes.iter().flat_map(wrong).collect();
    assert_eq!(wrong.len(), 9 * 1_164);
    for (answer, code) in scan(&[], &wrong).iter().zip(&wrong) {
        assert_eq!(*answer, json!({ "ok": false, "reason": "check_digit" }), "{code}");
    }
}

/// The photographs of ZXing's own tests, read by zbarimg.
#[test]
fn photographs_of_barcodes() {
    let gtin = |gtin: &str| json!({ "ok": true, "kind": "gtin", "gtin": gtin });
    let refused = |reason: &str| json!({ "ok": false, "reason": reason });
    let url = "http://arnaud.sahuguet.com/graffiti/test.php?ll=-74.00309961503218,40.74102573163046,0";
    let photographs = [
        ("ean13-4-09", "9780441014989", gtin("9780441014989")),
        ("ean8-1-1", "48512343", gtin("48512343")),
        ("ean8-1-3", "12345670", gtin("12345670")),
        ("ean8-1-5", "80674313", gtin("80674313")),
        ("upce-1-1", "01234565", gtin("012345000065")),
        ("upce-1-4", "01234531", gtin("012300000451")),
        ("itf-1-1", "30712345000010", gtin("30712345000010")),
        ("code128-1-1", "168901", refused("unrecognised")),
        ("code128-1-5", "8101054321120021123456", refused("unrecognised")),
        ("code128-1-7", "abcdef", refused("unrecognised")),
        ("qrcode-6-1", "1234567890", refused("unrecognised")),
        ("qrcode-3-05", url, json!({ "ok": true, "kind": "url", "url": url, "host": "arnaud.sahuguet.com" })),
        // zbarimg leaves the FNC1 out: with the identifier of its bars it is an element string, without it nothing.
        ("rssexpanded-3-1", "0190012345678908310301223315991231", refused("unrecognised")),
    ];
    for (name, text, expected) in photographs {
        let picture = data("barcodes").join(format!("{name}.png"));
        let Ok(output) = Command::new("zbarimg").args(["-q", "--raw", "-Supce.enable"]).arg(&picture).output() else {
            support::skip("zbarimg (Debian: zbar-tools) is not here");
            return;
        };
        let read = String::from_utf8(output.stdout).unwrap();
        assert_eq!(read.trim_end(), text, "{name}");
        assert_eq!(scan(&[], &[read.trim_end()]), [expected], "{name}");
        if name.starts_with("rssexpanded") {
            let ai = json!([["01", "90012345678908"], ["3103", "012233"], ["15", "991231"]]);
            assert_eq!(scan(&[], &[format!("]e0{text}")]), [json!({ "ok": true, "kind": "gs1", "gtin": "90012345678908", "ai": ai })]);
        }
    }
}

#[test]
fn an_operators_settings_give_the_shops_own_numbers_their_meaning() {
    let texts = ["2800000000011", "2012345928756", "https://app.example.jp/seat/A7", "4901777018686"];
    let without = scan(&[], &texts);
    assert_eq!(without[0], json!({ "ok": true, "kind": "in_store", "code": "2800000000011" }));
    assert_eq!(without[2], json!({ "ok": true, "kind": "url", "url": texts[2], "host": "app.example.jp" }));
    let settings = json!({
        "prefixes": [
            { "prefix": "28", "kind": "member" },
            { "prefix": "20", "kind": { "price": { "item_digits": 5, "value_check_digit": true, "value_digits": 4 } } },
        ],
        "link_hosts": ["app.example.jp"],
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), settings.to_string()).unwrap();
    let with = scan(&["--settings", file.path().to_str().unwrap()], &texts);
    assert_eq!(with[0], json!({ "ok": true, "kind": "member", "code": "2800000000011" }));
    assert_eq!(with[1], json!({ "ok": true, "kind": "in_store", "code": "2012345928756", "item": "12345", "price_minor": 2875 }));
    assert_eq!(with[2], json!({ "ok": true, "kind": "link", "target": "seat", "id": "A7" }));
    assert_eq!(with[3], without[3]);
}

#[test]
fn bad_input_is_a_refusal_and_never_the_end() {
    let long = "1".repeat(10_000);
    let bad: [(&[u8], &str); 9] = [
        (b"", "empty"),
        (b"\xff\xfe\x00", "not_text"),
        (long.as_bytes(), "too_long"),
        (b"\0", "unrecognised"),
        (b"\x1d", "no_elements"),
        (b"]", "unknown_symbology"),
        (b"4901777018687", "check_digit"),
        (b"NRN1:", "not_a_member_code"),
        (b"hello", "unrecognised"),
    ];
    let texts: Vec<&[u8]> = bad.iter().map(|(text, _)| *text).collect();
    for (answer, (_, reason)) in scan(&[], &texts).iter().zip(&bad) {
        assert_eq!(*answer, json!({ "ok": false, "reason": reason }));
    }
    let lines = |input: &[u8]| run(&[], input).stdout.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!((lines(b""), lines(b"\n"), lines(b"\n\n"), lines(b"4901777018686")), (0, 1, 2, 1));
    assert_eq!(run(&[], b"4901777018686\r\n").stdout, run(&[], b"4901777018686").stdout);
}

#[test]
fn a_member_code_is_a_member() {
    let code = support::code(&support::credential(2, 5, support::NOW_S + 86_400), 5, noren_rules::code::step_at(support::NOW_S));
    assert_eq!(scan(&[], &[&code]), [json!({ "ok": true, "kind": "member", "code": code })]);
}

#[test]
fn unusable_settings_end_with_status_2_and_one_line() {
    let price = r#"{"prefixes":[{"prefix":"20","kind":{"price":{"item_digits":9,"value_check_digit":true,"value_digits":4}}}]}"#;
    for content in ["hello", r#"{"prefixes":[{"prefix":"49","kind":"member"}]}"#, price, r#"{"hosts":[]}"#] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let output = run(&["--settings", file.path().to_str().unwrap()], b"4901777018686\n");
        assert_eq!(output.status.code(), Some(2), "{content}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{content}");
        assert!(output.stdout.is_empty());
    }
}
