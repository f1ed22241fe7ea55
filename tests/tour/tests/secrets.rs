//! Nothing secret in a log, nothing secret in clear in a file: a whole life is lived with the log fully on, and everything it left is looked through.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Served, line, noren};

struct Life {
    log: Vec<u8>,
}

impl Life {
    /// Runs a tool with the log on; keeps what it logged and answers what it printed.
    fn live(&mut self, arguments: &[&str]) -> Vec<u8> {
        let output = noren().args(arguments).env("NOREN_LOG", "trace").output().unwrap();
        assert!(output.status.success(), "noren {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        self.log.extend(output.stderr);
        output.stdout
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn contains(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[test]
fn no_secret_in_a_log_and_none_in_clear_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(Some(&folder.path().join("server")));
    let home = folder.path().join("phone");
    let home_text = home.to_str().unwrap();
    let account = "someone@example.com";
    let code: Value = line(&["till", "ec-code", "--backend", &served.url, "--account", account]);
    let ec_code = code["code"].as_str().unwrap().to_owned();

    let mut life = Life { log: Vec::new() };
    life.live(&["enrol", "--backend", &served.url, "--home", home_text, "--link", &format!("ec:{ec_code}")]);
    let qr = String::from_utf8(life.live(&["card", "--home", home_text])).unwrap().trim_end_matches('\n').to_owned();
    let code128 = String::from_utf8(life.live(&["card", "--home", home_text, "--symbology", "code128"])).unwrap().trim_end().to_owned();
    let ean13 = String::from_utf8(life.live(&["card", "--home", home_text, "--symbology", "ean13"])).unwrap().trim_end().to_owned();
    life.live(&["sync", "--home", home_text]);
    life.live(&["history", "--home", home_text]);
    life.live(&["export", "--home", home_text, "--from", "backend"]);
    assert!(contains(&life.log, "TRACE") || contains(&life.log, "DEBUG"), "the log was on");

    let alias = code128.get(..12).unwrap();
    let in_no_log = [ec_code.as_str(), &qr, &code128, alias, &ean13, account, noren_backend::DEMO_TILL_TOKEN, "Bearer "];
    for secret in in_no_log {
        assert!(!contains(&life.log, secret), "the log holds {secret}");
    }

    // The desktop's stand-ins for hardware hold keys, that is their purpose; everything else is sealed or holds nothing.
    let in_no_file = [ec_code.as_str(), &qr, alias, &ean13, account, noren_backend::DEMO_TILL_TOKEN];
    for file in files(&home.join("files")) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in in_no_file {
            assert!(!contains(&bytes, secret), "{} holds {secret}", file.display());
        }
    }
    for file in files(&home).into_iter().filter(|file| !file.ends_with("home.json") && !file.starts_with(home.join("files"))) {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{} is for its owner only", file.display());
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    // Keys, time and credential fixed: two tills in two processes, and the same lines to the letter.
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), serde_json::to_string(&support::till_keys()).unwrap()).unwrap();
    let credential = support::credential(2, 5, support::NOW_S + 86_400);
    let make = || support::code(&credential, 5, noren_rules::code::step_at(support::NOW_S));
    assert_eq!(make(), make(), "the software key signs by RFC 6979");
    let answers = || support::verify(keys.path(), support::NOW, format!("{}\nnonsense\n{}\n", make(), make()).as_bytes());
    assert_eq!(answers(), answers());
}
