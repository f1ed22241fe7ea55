//! The rules of the house that no compiler checks: names come from the glossary, arrows run one way, files stay small enough to read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&entry).unwrap();
                found.push((entry, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

/// `LinkedIdentity` is Linked and Identity, `MAX_GRANTS` is no type name, `Ean13` is Ean13 and Ean.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words.iter().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_lowercase()).collect()
}

fn glossary() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("core/GLOSSARY.md")).unwrap();
    let (table, craft) = text.split_once("## Words of the craft").expect("the glossary ends with the words of the craft");
    let first_column = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let names = first_column.chain(craft.lines()).flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let mut words: BTreeSet<String> = names.flat_map(words).collect();
    // The plural of a term is the term.
    let plurals: Vec<String> = words.iter().map(|word| format!("{word}s")).collect();
    words.extend(plurals);
    words
}

#[test]
fn public_type_names_come_from_the_glossary() {
    let glossary = glossary();
    let mut strange = Vec::new();
    for folder in ["core/src", "core/rules/src", "core/till/src", "bindings/src"] {
        for (file, text) in sources(folder) {
            for line in text.lines() {
                let Some(declared) =
                    ["pub struct ", "pub enum ", "pub trait ", "pub type "].iter().find_map(|kind| line.trim_start().strip_prefix(kind))
                else {
                    continue;
                };
                let name: String = declared.chars().take_while(|c| c.is_alphanumeric()).collect();
                let unknown: Vec<String> = words(&name).into_iter().filter(|word| !glossary.contains(word)).collect();
                if !unknown.is_empty() {
                    strange.push(format!("{}: {name} ({})", file.display(), unknown.join(", ")));
                }
            }
        }
    }
    assert!(strange.is_empty(), "not in core/GLOSSARY.md:\n{}", strange.join("\n"));
}

#[test]
fn arrows_run_one_way() {
    let may_use = [
        ("core/rules", vec![]),
        ("core/till", vec!["noren-rules"]),
        ("core", vec!["noren-rules"]),
        ("bindings", vec!["noren-core", "noren-rules"]),
        ("bindings/uniffi-bindgen", vec![]),
    ];
    for (folder, allowed) in may_use {
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let shipping = manifest.split("[dev-dependencies]").next().unwrap();
        let (_, dependencies) = shipping.split_once("[dependencies]").unwrap();
        for used in dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| name.starts_with("noren-")) {
            assert!(allowed.contains(&used), "{folder} must not use {used}");
        }
    }
}

#[test]
fn the_till_and_the_rules_stay_without_network_and_storage() {
    for folder in ["core/rules", "core/till"] {
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        for heavy in ["tokio", "rusqlite", "reqwest", "axum"] {
            assert!(!manifest.contains(heavy), "{folder} must not use {heavy}");
        }
    }
}

#[test]
fn no_file_is_longer_than_one_can_read() {
    for folder in ["core/src", "core/rules/src", "core/till/src", "bindings/src", "tests/backend/src", "tests/tour/src"] {
        for (file, text) in sources(folder) {
            assert!(text.lines().count() <= 600, "{} wants a wall: {} lines", file.display(), text.lines().count());
        }
    }
}

/// The README shows a card that the core made: an independent reader reads it, and it is a member code.
#[test]
fn the_picture_in_the_readme_is_a_real_card() {
    let picture = root().join("tests/tour/pictures/card.png");
    assert!(std::fs::read_to_string(root().join("README.md")).unwrap().contains("tests/tour/pictures/card.png"));
    let Ok(output) = std::process::Command::new("zbarimg").args(["-q", "--raw"]).arg(picture).output() else {
        support::skip("zbarimg (Debian: zbar-tools) is not here");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let code = noren_rules::code::MemberCode::read(text.as_bytes()).expect("the picture is a member code");
    assert_eq!(code.credential().credential().member.as_str().len(), 16);
}
