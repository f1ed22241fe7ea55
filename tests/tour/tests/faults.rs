//! A phone that is killed, starved of disk, and restored: nothing lost, nothing doubled, every restart works.
//!
//! The sweep preloads `support/fault.c` into the real binary and kills it before and after every storage call of an enrol-claim-sync life, one run
//! for each. That is a killed process, not a lost power supply: what the kernel had taken is kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use support::fault::{Fault, build_library, count_calls};
use support::{Served, lines, run};

/// A sale of nobody's for 5.00 at the backend; answers its claim code.
fn sell(url: &str, number: &str) -> String {
    let sale = json!({
        "number": number, "channel": "store", "kind": "sale", "of": null, "sold_at_ms": 1_700_000_000_000i64, "business_date": "2023-11-15",
        "store_id": "s", "store_name": "S", "issuer": null, "currency": "GBP", "total_minor": 500, "taxes": null, "customer": "anonymous",
        "lines": [{"sku": "1", "description": "TEA", "quantity": 1, "amount_minor": 500, "tax_permille": null, "reduced_rate": false}],
    });
    let key = number.replace(' ', "-");
    let answer = support::post(url, "/v1/till/sales", noren_backend::DEMO_TILL_TOKEN, &key, &sale);
    answer["claim_code"].as_str().expect("nobody's sale can be claimed").to_owned()
}

/// What must hold whatever happened, once the life has been lived to its end.
fn check_life(url: &str, home: &str, name: &str) {
    let receipts = lines(&["history", "--home", home]);
    assert_eq!(receipts.len(), 1, "{name}: the claimed receipt stands in the history once");
    let export = support::server_export(home);
    assert_eq!(export["devices"].as_array().unwrap().len(), 1, "{name}: one device at {url}");
    assert_eq!(export["points"].as_array().unwrap().len(), 1, "{name}: points were given once");
    assert_eq!(export["membership"]["points"], 5, "{name}");
    assert!(run(&["card", "--home", home]).stdout.starts_with(b"NRN1:"), "{name}: the card shows");
}

/// Lives the rest of the life, from wherever it was interrupted: each step is one that an app would simply do again.
fn live_on(url: &str, home: &str, claim_code: &str, name: &str) {
    let step = |arguments: &[&str]| {
        let output = run(arguments);
        assert!(output.status.success(), "{name}: noren {arguments:?} after the restart: {}", String::from_utf8_lossy(&output.stderr));
    };
    step(&["enrol", "--backend", url, "--home", home]);
    step(&["claim", "--home", home, claim_code]);
    step(&["sync", "--home", home]);
}

#[test]
fn killed_at_every_storage_call_nothing_is_lost_and_nothing_doubled() {
    let rounds = if std::env::var_os("NOREN_DEEP").is_some() { 20 } else { 1 };
    let served = Served::start(None);
    let url = served.url.as_str();
    let folder = tempfile::tempdir().unwrap();
    let library = build_library(folder.path());

    // How long a life is, counted once.
    let home = folder.path().join("counted");
    let home_text = home.to_str().unwrap();
    let claim_code = sell(url, "counted");
    let count = folder.path().join("count");
    let steps: [Vec<&str>; 3] = [
        vec!["enrol", "--backend", url, "--home", home_text],
        vec!["claim", "--home", home_text, &claim_code],
        vec!["sync", "--home", home_text],
    ];
    let calls: Vec<usize> = steps.iter().map(|step| count_calls(&library, &home, &count, step)).collect();
    check_life(url, home_text, "counted");
    assert!(calls.iter().all(|calls| *calls >= 5), "storage calls a step: {calls:?}");

    let mut points: Vec<(usize, usize, usize, &str)> = Vec::new();
    for round in 0..rounds {
        for (step, calls) in calls.iter().enumerate() {
            points.extend((1..=*calls).flat_map(|call| [(round, step, call, "before"), (round, step, call, "after")]));
        }
    }
    let (next, killed) = (AtomicUsize::new(0), Mutex::new(0usize));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((round, step, call, when)) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let name = format!("round {round}, step {step}, {when} call {call}");
                    let home = folder.path().join(format!("{round}-{step}-{call}-{when}"));
                    let home_text = home.to_str().unwrap();
                    let claim_code = sell(url, &name);
                    let step_of_life: [Vec<&str>; 3] = [
                        vec!["enrol", "--backend", url, "--home", home_text],
                        vec!["claim", "--home", home_text, &claim_code],
                        vec!["sync", "--home", home_text],
                    ];
                    for before in &step_of_life[..*step] {
                        assert!(run(before).status.success());
                    }
                    let fault = Fault { library: &library, folder: &home, call: *call, when };
                    if fault.run(&step_of_life[*step]).status.signal() == Some(9) {
                        *killed.lock().unwrap() += 1;
                    }
                    live_on(url, home_text, &claim_code, &name);
                    check_life(url, home_text, &name);
                    std::fs::remove_dir_all(&home).unwrap();
                }
            });
        }
    });
    let killed = *killed.lock().unwrap();
    println!("killed {killed} times at {} points of {calls:?} storage calls", points.len());
    assert!(killed * 10 >= points.len() * 9, "the numbering of calls is stable enough: {killed} of {}", points.len());
}

#[test]
fn a_full_disk_still_shows_the_card_from_a_cold_start() {
    let served = Served::start(None);
    for leave_a_wal in [false, true] {
        let disk = Tmpfs::mount("4m");
        let Some(disk) = disk else {
            support::skip("a full disk needs the right to mount a tmpfs");
            return;
        };
        let home = disk.path().join("phone");
        let home = home.to_str().unwrap();
        assert!(run(&["enrol", "--backend", &served.url, "--home", home]).status.success());
        assert!(run(&["sync", "--home", home]).status.success());
        if leave_a_wal {
            // A process that is killed does not fold its write-ahead log in.
            let folder = tempfile::tempdir().unwrap();
            let library = build_library(folder.path());
            let calls = count_calls(&library, Path::new(home), &folder.path().join("count"), &["sync", "--home", home]);
            let fault = Fault { library: &library, folder: Path::new(home), call: calls.saturating_sub(1).max(1), when: "before" };
            fault.run(&["sync", "--home", home]);
        }
        disk.fill();
        let shown = run(&["card", "--home", home]);
        assert!(shown.stdout.starts_with(b"NRN1:"), "WAL left: {leave_a_wal}: {}", String::from_utf8_lossy(&shown.stderr));
        let code128 = run(&["card", "--home", home, "--symbology", "code128"]);
        assert_eq!(code128.stdout.len(), 19);
        let synced = run(&["sync", "--home", home]);
        let message = String::from_utf8(synced.stderr).unwrap();
        assert!(message.lines().count() <= 1, "a full disk is one line, not a crash: {message}");
        disk.free();
        assert!(run(&["sync", "--home", home]).status.success(), "with room again it goes on");
    }
}

#[test]
fn every_write_that_fails_is_an_error_and_loses_nothing() {
    let served = Served::start(None);
    let url = served.url.as_str();
    let folder = tempfile::tempdir().unwrap();
    let library = build_library(folder.path());
    let home = folder.path().join("counted");
    let home_text = home.to_str().unwrap();
    assert!(run(&["enrol", "--backend", url, "--home", home_text]).status.success());
    let claim_code = sell(url, "no space, counted");
    let calls = count_calls(&library, &home, &folder.path().join("count"), &["claim", "--home", home_text, &claim_code]);
    const ENOSPC: &str = "28";
    const EIO: &str = "5";
    for errno in [ENOSPC, EIO] {
        for call in 1..=calls {
            let name = format!("errno {errno} at call {call}");
            let home = folder.path().join(format!("{errno}-{call}"));
            let home_text = home.to_str().unwrap();
            let claim_code = sell(url, &name);
            assert!(run(&["enrol", "--backend", url, "--home", home_text]).status.success());
            let output = Fault { library: &library, folder: &home, call, when: errno }.run(&["claim", "--home", home_text, &claim_code]);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{name}: {output:?}");
            live_on(url, home_text, &claim_code, &name);
            check_life(url, home_text, &name);
            std::fs::remove_dir_all(&home).unwrap();
        }
    }
}

#[test]
fn a_restored_phone_asks_to_enrol_again_and_names_what_is_lost() {
    let served = Served::start(None);
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("phone");
    let home_text = home.to_str().unwrap();
    assert!(run(&["enrol", "--backend", &served.url, "--home", home_text]).status.success());
    let before: Value = support::server_export(home_text);
    // A backup brings the files back, the hardware's keys stay behind.
    std::fs::remove_dir_all(home.join("secure-store")).unwrap();
    std::fs::remove_file(home.join("device.key")).unwrap();
    let shown = run(&["card", "--home", home_text]);
    assert_eq!(shown.stdout, b"", "no card without its key");
    let message = String::from_utf8(shown.stderr).unwrap();
    assert!(message.contains("enrol"), "it says what to do: {message}");
    let again = support::line(&["enrol", "--backend", &served.url, "--home", home_text]);
    assert_ne!(again["device"], before["devices"][0]["device_id"], "a new key is a new device");
    assert!(run(&["card", "--home", home_text]).stdout.starts_with(b"NRN1:"));
}

/// A small disk of one's own.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn fill(&self) {
        let mut size = 1 << 20;
        let mut file = std::fs::File::create(self.path().join("full")).unwrap();
        while size > 0 {
            if std::io::Write::write_all(&mut file, &vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("full")).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}
