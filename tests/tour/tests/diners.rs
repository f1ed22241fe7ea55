//! The diners of the tour: what the README shows of them is what the tour says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod support;

use std::path::Path;

const SHOWN: [&str; 11] = [
    "missing  ",
    "its oat milk ",
    "hot, oat milk ",
    "other times ",
    "in the tunnel ",
    "out of it ",
    "came of it ",
    "receipt                Return",
    "in another store ",
    "ordered                ¥380",
    "vanished ",
];

#[test]
fn one_order_lives_as_the_readme_says() {
    let output = support::run(&[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let diners = said.split("A coffee stand at the station").nth(1).expect("the tour has diners");
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    for begin in SHOWN {
        let line = diners.lines().map(str::trim).find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin}: {diners}"));
        assert!(readme.lines().any(|shown| shown.trim() == line), "the README does not show: {line}");
    }
}
