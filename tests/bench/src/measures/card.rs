//! The card: from the start of a process, and within one, beside a small C program that reads a row and draws the same text with libqrencode.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use noren_core::member::Symbology;
use noren_core::net::{BoxFuture, Request, Response, Transport, TransportError};
use noren_core::platform::software::{FileSecureStore, SoftwareDeviceKey};
use noren_core::platform::{DeviceKey, PlatformError, SystemClock, SystemEntropy};
use noren_core::{Config, Noren, Platform};
use rusqlite::Connection;
use serde::Deserialize;

use crate::report::{Failure, Line, Outcome, Samples, check, round};

const PEER: &str = "a C process: opens a SQLite file, reads the text, libqrencode, SVG";

/// Where the programs are.
#[derive(Debug, clap::Args)]
pub(crate) struct Programs {
    /// The `noren` binary.
    #[arg(long, value_name = "FILE")]
    noren: PathBuf,
    /// The peer, built from peers/card.c.
    #[arg(long, value_name = "FILE")]
    peer: PathBuf,
}

pub(crate) fn run(programs: &Programs, runs: usize) -> Outcome {
    let directory = tempfile::tempdir()?;
    let home = directory.path().join("phone");
    enrol(&programs.noren, &home)?;
    processes(programs, &home, directory.path(), runs)?;
    in_process(&home, runs)
}

#[derive(Deserialize)]
struct Listening {
    url: String,
}

/// Ends the backend with the measure.
struct Backend(Child);

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A card in `home`, by a backend that is gone afterwards.
fn enrol(noren: &Path, home: &Path) -> Outcome {
    let mut backend =
        Command::new(noren).args(["serve", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map(Backend)?;
    let out = backend.0.stdout.take().ok_or_else(|| Failure::new("noren serve has no output"))?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    let listening: Listening = serde_json::from_str(&line)?;
    let output = Command::new(noren).args(["enrol", "--backend", &listening.url, "--home"]).arg(home).output()?;
    if !output.status.success() {
        return Err(Failure::new(format!("noren enrol: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    Ok(())
}

fn processes(programs: &Programs, home: &Path, directory: &Path, runs: usize) -> Outcome {
    let (our_svg, peer_svg, row) = (directory.join("ours.svg"), directory.join("peer.svg"), directory.join("peer.db"));
    let ours = || {
        let mut command = Command::new(&programs.noren);
        command.arg("card").arg("--home").arg(home).arg("--svg").arg(&our_svg);
        command
    };
    let text = text_of(&mut ours())?;
    check(text.starts_with("NRN1:"), || "the card's text".into())?;
    let db = Connection::open(&row)?;
    db.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE card(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;")?;
    db.execute("INSERT INTO card VALUES (1, ?1)", [&text])?;
    drop(db);
    let peer = || {
        let mut command = Command::new(&programs.peer);
        command.arg(&row).arg(&peer_svg);
        command
    };
    check(text_of(&mut peer())? == text, || "the peer's text".into())?;
    reads_back(&our_svg, &text)?;
    reads_back(&peer_svg, &text)?;

    let (mut mine, mut theirs, mut floor) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..runs {
        mine.time(|| finish(&mut ours()))?;
        theirs.time(|| finish(&mut peer()))?;
        floor.time(|| finish(&mut Command::new("true")))?;
    }
    check(std::fs::read_to_string(&our_svg)?.ends_with("</svg>"), || "the last SVG".into())?;
    Line::new("card_process_start_to_svg", &mine)
        .beside(PEER, &theirs)
        .at_most_times(2.0)
        .with("empty_process_us", floor.quantiles().p50)
        .with("characters", text.len())
        .with("binary_mb", round(std::fs::metadata(&programs.noren)?.len() as f64 / 1e6))
        .emit()
}

fn text_of(command: &mut Command) -> Outcome<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(Failure::new(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    Ok(String::from_utf8(output.stdout)?.trim_end_matches('\n').to_owned())
}

fn finish(command: &mut Command) -> Outcome {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{command:?}: {status}"))) }
}

/// A scanner reads `text` from the picture.
fn reads_back(svg: &Path, text: &str) -> Outcome {
    let png = svg.with_extension("png");
    finish(Command::new("rsvg-convert").args(["--zoom", "6", "--output"]).arg(&png).arg(svg))?;
    let read = text_of(Command::new("zbarimg").args(["-q", "--raw"]).arg(&png))?;
    check(read == text, || format!("{} reads as {read}, not {text}", svg.display()))
}

/// What a new process would do, without the process: where the time goes.
fn in_process(home: &Path, runs: usize) -> Outcome {
    let (mut whole, mut open, mut sign, mut rest, mut svg) =
        (Samples::default(), Samples::default(), Samples::default(), Samples::default(), Samples::default());
    for _ in 0..runs {
        let entropy = Arc::new(SystemEntropy);
        let key = Arc::new(TimedKey { key: SoftwareDeviceKey::new(home.join("device.key"), entropy.clone()), signing: Mutex::default() });
        let platform = Platform {
            secure_store: Arc::new(FileSecureStore::new(home.join("secure-store"))),
            device_key: key.clone(),
            clock: Arc::new(SystemClock::new()),
            entropy,
            transport: Arc::new(NoNetwork),
        };
        let config = Config { directory: home.join("files"), backend_url: "http://127.0.0.1:9".into(), language: "en".into() };
        let begin = Instant::now();
        let noren = open.time(|| Noren::open(config, platform))?;
        let making = Instant::now();
        let card = noren.member().card(Symbology::Qr)?;
        let signing = *key.signing.lock().unwrap_or_else(PoisonError::into_inner);
        sign.add(signing);
        rest.add(making.elapsed().saturating_sub(signing));
        let picture = svg.time(|| card.svg());
        whole.add(begin.elapsed());
        check(card.text.starts_with("NRN1:") && picture.ends_with("</svg>"), || "the card within the process".into())?;
    }
    Line::new("card_cold_open_to_svg", &whole)
        .with("open_us", open.quantiles().p50)
        .with("sign_us", sign.quantiles().p50)
        .with("check_and_encode_us", rest.quantiles().p50)
        .with("svg_us", svg.quantiles().p50)
        .emit()
}

/// Notes how long signing takes.
struct TimedKey {
    key: SoftwareDeviceKey,
    signing: Mutex<Duration>,
}

impl DeviceKey for TimedKey {
    fn create(&self) -> Result<Vec<u8>, PlatformError> {
        self.key.create()
    }

    fn public_key(&self) -> Result<Vec<u8>, PlatformError> {
        self.key.public_key()
    }

    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, PlatformError> {
        let begin = Instant::now();
        let signed = self.key.sign(message);
        *self.signing.lock().unwrap_or_else(PoisonError::into_inner) += begin.elapsed();
        signed
    }

    fn delete(&self) -> Result<(), PlatformError> {
        self.key.delete()
    }
}

struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(std::future::ready(Err(TransportError::Offline)))
    }
}
