//! The journeys through the tools, as an app or backend developer walks them: every step is a process of its own, every file is on disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on ends"
)]

mod support;

use serde_json::{Value, json};
use support::{Served, line, lines, noren, run};

const LOG: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
    536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n\
    536365,71053,WHITE METAL LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom\n\
    536366,22633,北海道牛乳 ﾁｰｽﾞ,1,2011-01-01 00:10:00,1.85,17850.0,United Kingdom\n\
    C536379,D,Discount,-1,2011-01-02 09:41:00,0.50,17850.0,United Kingdom\n\
    536400,X,SOMEBODY ELSE'S,1,2011-01-02 09:41:00,1.00,13047.0,United Kingdom\n\
    536401,X,NOBODY'S,1,2011-01-02 09:41:00,1.00,,United Kingdom\n\
    536402,X,,-3,2011-01-02 09:41:00,0.0,,United Kingdom\n";

struct Scene {
    served: Served,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { served: Served::start(None), folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn url(&self) -> &str {
        &self.served.url
    }

    fn import(&self) -> Value {
        std::fs::write(self.path("log.csv"), LOG).unwrap();
        line(&["import-sales", &self.path("log.csv"), "--backend", self.url()])
    }

    fn enrol(&self, home: &str, links: &[&str]) -> Value {
        let home = self.path(home);
        let mut arguments = vec!["enrol", "--backend", self.url(), "--home", &home];
        for link in links {
            arguments.extend(["--link", link]);
        }
        line(&arguments)
    }
}

fn numbers(receipts: &[Value]) -> Vec<&str> {
    receipts.iter().map(|receipt| receipt["number"].as_str().unwrap()).collect()
}

#[test]
fn a_shopper_enrols_shows_buys_and_finds_it_again() {
    let scene = Scene::new();
    assert_eq!(scene.import(), json!({"posted": 5, "skipped": {"no_amount": 1}, "cards": 2}));
    let home = scene.path("phone");
    let member = scene.enrol("phone", &["17850:0000"]);
    assert_eq!(member["linked"], json!([{"number": {"number": "17850"}}]));

    // The card, read by the till in a network namespace with nothing in it.
    let keys = run(&["till", "keys", "--backend", scene.url()]);
    std::fs::write(scene.path("keys.json"), keys.stdout).unwrap();
    let code = run(&["card", "--home", &home, "--png", &scene.path("card.png"), "--svg", &scene.path("card.svg")]);
    let text = String::from_utf8(code.stdout).unwrap();
    let mut verify = support::noren_offline();
    verify.args(["verify", "--keys", &scene.path("keys.json")]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = verify.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let answer: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!((&answer["ok"], &answer["member"]), (&json!(true), &member["member"]));

    // The history: pulled once, then read with no network at all.
    let synced = line(&["sync", "--home", &home]);
    assert_eq!((&synced["receipts"], &synced["complete"]), (&json!(3), &json!(true)));
    assert_eq!(line(&["sync", "--home", &home])["receipts"], 0, "a second pull brings nothing twice");
    assert_eq!(scene.import()["posted"], 5, "posting the log again is answered");
    assert_eq!(line(&["sync", "--home", &home])["receipts"], 0, "and adds nothing");
    drop(scene.served);
    let history = lines(&["history", "--home", &home]);
    assert_eq!(numbers(&history), ["C536379", "536366", "536365"]);
    assert_eq!(history[0]["kind"], "return");
    assert_eq!((&history[0]["total_minor"], &history[2]["total_minor"]), (&json!(-50), &json!(1530 + 2034)));
    assert_eq!(history[1]["business_date"], "2011-01-01", "the store's day, not London's and not UTC's");
    assert_eq!(history[2]["taxes"], Value::Null, "not recorded is not zero");
    assert_eq!(lines(&["history", "--home", &home, "--limit", "1"]).len(), 1);
    for (text, expected) in [
        ("牛乳", vec!["536366"]),
        ("乳", vec!["536366"]),
        ("チーズ", vec!["536366"]),
        ("ちーず", vec!["536366"]),
        ("lantern", vec!["536365"]),
        ("ＨＥＡＲＴ", vec!["536365"]),
        ("t-light h", vec!["536365"]),
        ("%", vec![]),
        ("somebody", vec![]),
    ] {
        assert_eq!(numbers(&lines(&["history", "--home", &home, "--search", text])), expected, "{text}");
    }
    let totals = lines(&["history", "--home", &home, "--totals"]);
    let figures: Vec<_> = totals.iter().map(|total| (total["month"].as_str().unwrap(), total["total_minor"].as_i64().unwrap())).collect();
    assert_eq!(figures, [("2011-01", 185 - 50), ("2010-12", 3564)]);
    let export = line(&["export", "--home", &home]);
    assert_eq!(export["receipts"].as_array().unwrap().len(), 3);
    let csv = String::from_utf8(run(&["export", "--home", &home, "--format", "csv"]).stdout).unwrap();
    assert_eq!(csv.lines().count(), 1 + 4, "a head and a line for each receipt line");
}

#[test]
fn an_online_account_joins_the_same_timeline() {
    let scene = Scene::new();
    scene.import();
    let shop_log = scene.path("ec.csv");
    std::fs::write(&shop_log, "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n").unwrap();
    let code = line(&["till", "ec-code", "--backend", scene.url(), "--account", "someone@example.com"]);
    let link = format!("ec:{}", code["code"].as_str().unwrap());
    let member = scene.enrol("phone", &["17850:0000", &link]);
    assert_eq!(member["linked"].as_array().unwrap().len(), 2);
    assert_eq!(member["assurance"], "account");
    let again = run(&["enrol", "--backend", scene.url(), "--home", &scene.path("other"), "--link", &link]);
    assert_eq!(again.status.code(), Some(1), "a one-time code is good once");
}

#[test]
fn wrong_pins_lock_and_an_unknown_number_says_the_same() {
    let scene = Scene::new();
    scene.import();
    let home = scene.path("phone");
    let attempt = |link: &str| {
        let output = run(&["enrol", "--backend", scene.url(), "--home", &home, "--link", link]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let unknown = attempt("99999:0000");
    let wrong = attempt("17850:1234");
    assert_eq!(unknown, wrong, "a wrong number answers like a wrong PIN");
    assert_eq!(wrong.0, Some(1));
    for _ in 0..4 {
        attempt("17850:1234");
    }
    assert_ne!(attempt("17850:0000"), wrong, "after five, the right PIN has to wait too");
    assert_eq!(attempt("17850:0000").0, Some(1));
}

#[test]
fn a_receipt_without_the_card_is_claimed_once() {
    let scene = Scene::new();
    let home = scene.path("phone");
    scene.enrol("phone", &[]);
    let wrong = run(&["claim", "--home", &home, "NOSUCHCODE"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert_eq!(String::from_utf8(wrong.stderr).unwrap().lines().count(), 1);
}

#[test]
fn forget_me_leaves_nothing_and_works_offline() {
    let scene = Scene::new();
    scene.import();
    let home = scene.path("phone");
    let member = scene.enrol("phone", &["17850:0000"])["member"].as_str().unwrap().to_owned();
    line(&["sync", "--home", &home]);
    let url = scene.url().to_owned();
    assert_eq!(line(&["forget", "--home", &home]), json!({"phone": "erased", "backend": "erased"}));
    for file in walk(scene.folder.path().join("phone")) {
        let bytes = std::fs::read(&file).unwrap();
        for trace in [member.as_bytes(), b"17850", b"LANTERN", "牛乳".as_bytes()] {
            assert!(!bytes.windows(trace.len()).any(|window| window == trace), "{} in {}", String::from_utf8_lossy(trace), file.display());
        }
    }
    let fresh = scene.enrol("phone", &[])["member"].as_str().unwrap().to_owned();
    assert_ne!(fresh, member, "the same phone is a new member");
    assert_eq!(line(&["sync", "--home", &home])["receipts"], 0);

    // Without a network everything goes from the phone at once, and the backend's part when it can be reached.
    drop(scene.served);
    let waiting = line(&["forget", "--home", &home]);
    assert_eq!(waiting, json!({"phone": "erased", "backend": "waiting"}), "{url} is down");
    assert_eq!(run(&["history", "--home", &home]).stdout, b"");
}

#[test]
fn what_was_forgotten_offline_reaches_the_server_before_anyone_new_enrols() {
    let mut scene = Scene::new();
    let data = scene.folder.path().join("server");
    scene.served = Served::start(Some(&data));
    scene.import();
    let home = scene.path("phone");
    scene.enrol("phone", &["17850:0000"]);
    drop(std::mem::replace(&mut scene.served, Served::start(None)));
    assert_eq!(line(&["forget", "--home", &home])["backend"], "waiting");
    scene.served = Served::start(Some(&data));
    scene.enrol("phone", &[]);
    let other = run(&["enrol", "--backend", scene.url(), "--home", &scene.path("other"), "--link", "17850:0000"]);
    assert_eq!(other.status.code(), Some(1), "the card's number went with its member");
    assert_eq!(line(&["forget", "--home", &home]), json!({"phone": "erased", "backend": "erased"}));
    assert_eq!(line(&["forget", "--home", &home])["backend"], "erased", "there is nothing more to forget");
}

#[test]
fn one_dimensional_codes_are_printed_offline() {
    let scene = Scene::new();
    let home = scene.path("phone");
    scene.enrol("phone", &[]);
    drop(scene.served);
    let text = |symbology: &str| String::from_utf8(run(&["card", "--home", &home, "--symbology", symbology]).stdout).unwrap();
    assert!(text("qr").starts_with("NRN1:"));
    assert_eq!(text("code128").trim_end().len(), 18);
    assert!(noren_rules::one_dimensional::is_ean13(text("ean13").trim_end()));
    assert!(noren_rules::one_dimensional::is_nw7(text("nw7").trim_end()));
}

/// zbarimg is not ours: what it reads from the pictures is what the text says.
#[test]
fn an_independent_reader_reads_every_carrier() {
    let scene = Scene::new();
    let home = scene.path("phone");
    scene.enrol("phone", &[]);
    for symbology in ["qr", "code128", "ean13", "nw7"] {
        let picture = scene.path(&format!("{symbology}.png"));
        let shown = run(&["card", "--home", &home, "--symbology", symbology, "--png", &picture]);
        let Ok(read) = std::process::Command::new("zbarimg").args(["-q", "--raw", &picture]).output() else {
            support::skip("zbarimg (Debian: zbar-tools) is not here");
            return;
        };
        assert_eq!(String::from_utf8(read.stdout).unwrap(), String::from_utf8(shown.stdout).unwrap(), "{symbology}");
    }
}

#[test]
fn a_lost_phone_is_refused_from_the_next_document_on() {
    let scene = Scene::new();
    let home = scene.path("phone");
    let device = scene.enrol("phone", &[])["device"].as_str().unwrap().to_owned();
    let read = |keys: &str| {
        std::fs::write(scene.path("keys.json"), run(&["till", "keys", "--backend", scene.url()]).stdout).unwrap();
        let code = run(&["card", "--home", &home]).stdout;
        support::verify_now(std::path::Path::new(keys), &code).remove(0)
    };
    let keys = scene.path("keys.json");
    assert!(read(&keys).starts_with(r#"{"ok":true"#));
    assert_eq!(line(&["till", "revoke", "--backend", scene.url(), "--device", &device]), json!({"revoked": true}));
    assert_eq!(line(&["till", "revoke", "--backend", scene.url(), "--device", &device]), json!({"revoked": false}));
    assert_eq!(read(&keys), r#"{"ok":false,"reason":"revoked"}"#);
    assert_eq!(run(&["sync", "--home", &home]).status.code(), Some(1));
    let again = scene.enrol("phone", &[])["device"].as_str().unwrap().to_owned();
    assert_ne!(again, device, "it enrols again as another device");
}

#[test]
fn unusable_input_ends_with_status_2_and_one_line() {
    let scene = Scene::new();
    let (nowhere, log) = (scene.path("nowhere"), scene.path("no.csv"));
    std::fs::write(&log, "a,b\n1,2\n").unwrap();
    for arguments in [
        vec!["card", "--home", &nowhere],
        vec!["history", "--home", &nowhere],
        vec!["sync", "--home", &nowhere],
        vec!["enrol", "--backend", "nonsense", "--home", &nowhere],
        vec!["import-sales", &log, "--backend", scene.url()],
        vec!["import-sales", &nowhere, "--backend", scene.url()],
        vec!["verify", "--keys", &nowhere],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1, "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn without_the_tills_token_the_server_answers_401() {
    let scene = Scene::new();
    let output = noren().args(["till", "keys", "--backend", scene.url(), "--token", "a-wrong-token"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("401"));
    for path in ["/v1/till/keys", "/v1/receipts", "/v1/membership", "/v1/export", "/v1/points"] {
        let (status, body) = support::http(scene.url(), "GET", path, &[], "");
        assert_eq!((status, body.contains("unauthorized")), (401, true), "{path}");
    }
}

fn walk(folder: std::path::PathBuf) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(path) } else { vec![path] }).collect()
}
