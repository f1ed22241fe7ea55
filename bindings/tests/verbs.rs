//! No verb of ordering is missing in a language.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// For Rust only: the step by step form of a verb that is exported.
const RUST_ONLY: [&str; 1] = ["follow"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Names of the public functions of a type, in one source file.
fn verbs(text: &str, of: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_in = false;
    for line in text.lines() {
        is_in = line == format!("impl {of} {{") || (is_in && line != "}");
        let Some(verb) = line.strip_prefix("    pub fn ").or_else(|| line.strip_prefix("    pub async fn ")).filter(|_| is_in) else {
            continue;
        };
        found.push(verb.split(['(', '<']).next().unwrap().to_owned());
    }
    found
}

fn camel(verb: &str) -> String {
    let mut words = verb.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
        name
    })
}

#[test]
fn every_verb_of_ordering_is_in_every_language() {
    let exported = ["ordering.rs", "orders.rs"].map(|file| read_to_string(root().join("bindings/src").join(file)).unwrap()).concat();
    let mut asked = 0;
    for entry in std::fs::read_dir(root().join("core/src/ordering")).unwrap() {
        for verb in verbs(&read_to_string(entry.unwrap().path()).unwrap(), "OrderingService") {
            asked += 1;
            let is_exported = exported.contains(&format!("ordering().{verb}(")) || exported.contains(&format!("ordering.{verb}("));
            assert!(is_exported || RUST_ONLY.contains(&verb.as_str()), "{verb} is in no language: export it");
        }
    }
    assert!(asked > 50, "{asked} verbs only: the sources are written otherwise than this test reads them");
    let faces = |folder: &str, end: &str| -> String {
        let files = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|found| found == end)).map(|path| read_to_string(path).unwrap()).collect()
    };
    let python = faces("bindings/python/noren", "py");
    let (kotlin, swift) = (faces("android/noren/src/main/kotlin/app/noren", "kt"), faces("ios/Sources/Noren", "swift"));
    let verbs = verbs(&exported, "AppCore");
    assert!(verbs.len() > 50);
    for verb in verbs {
        assert!(python.contains(&format!("AppCore.{verb}")), "{verb} is not in the face for Python");
        let verb = camel(&verb);
        assert!(kotlin.contains(&format!("{verb}(")), "{verb} is not in the face for Kotlin");
        assert!(swift.contains(&format!("$0.{verb}(")), "{verb} is not in the face for Swift");
    }
}
