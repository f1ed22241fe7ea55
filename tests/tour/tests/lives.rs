//! A phone and a backend that are killed at every storage call of a life: each intent has its effect once, whoever died, and when.
//!
//! A life is one that needs both: a hold that is asked for, picked and handed over; an order whose slot is held, that is placed, paid, made, handed over
//! and in the purchase history. `noren life` lives it on from wherever it stands. Each run kills
//! one process once, before or after one storage call of it, and lives the life to its end; the backend is started again by itself. CI takes every
//! point of an order's life once and samples those of a hold's; `NOREN_DEEP` takes all, twenty times.

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
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use noren_backend::{PaymentSandbox, SANDBOX_FILE};
use rusqlite::OpenFlags;
use serde_json::{Value, json};
use support::fault::{Fault, build_library, count_on, counted};
use support::watched::{Watched, copy};
use support::{noren, post, run};

/// A life that is lived while somebody dies.
struct Life {
    name: &'static str,
    wanted: &'static str,
    /// How many points are looked at of each process where not all of them are.
    sampled: usize,
    /// What the operator puts before it.
    prepare: fn(&str),
    /// What must hold at its end: the backend, its data, the phone, the name of the run.
    check: fn(&str, &Path, &str, &str),
}

const ORDER: Life = Life { name: "order", wanted: "burger", sampled: usize::MAX, prepare: prepare_order, check: check_order };
const HOLD: Life = Life { name: "hold", wanted: "tea", sampled: 40, prepare: prepare_hold, check: check_hold };

fn operator(url: &str, path: &str, body: &Value) {
    let key = format!("put{}", path.replace('/', "-"));
    post(url, path, noren_backend::DEMO_OPERATOR_TOKEN, &key, body);
}

fn prepare_hold(url: &str) {
    operator(url, "/v1/operator/stock", &json!({"stores": [{"store": "demo-store", "source": "pos_feed", "holds": true}]}));
    let tea =
        json!({"id": "tea", "title": {"ja": "緑茶"}, "variants": [{"sku": "tea", "prices": [{"amount_minor": 150, "currency": "JPY"}]}]});
    operator(url, "/v1/operator/products", &json!({"products": [tea]}));
    let counted = json!({"source": "count", "id": "counted", "store": "demo-store", "sku": "tea", "at_ms": now_ms(),
        "kind": {"count": {"quantity": 100_000, "state": "sellable"}}});
    operator(url, "/v1/stock/events", &json!({"events": [counted], "said_until_ms": now_ms(), "stores": ["demo-store"]}));
}

fn check_hold(_: &str, _: &Path, home: &str, name: &str) {
    let export = support::server_export(home);
    let states: Vec<&str> = export["holds"].as_array().unwrap().iter().map(|hold| hold["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["handed_over"], "{name}: one hold, and it was handed over");
}

/// A counter with one item, which pays at the hand-over: every part of an order's life is a call of its own.
fn prepare_order(url: &str) {
    let titles = json!({"ja": "ハンバーガー", "en": "Burger"});
    let hours: Vec<Value> = (0..7).map(|weekday| json!({"weekday": weekday, "opens_min": 0, "closes_min": 1_440})).collect();
    let menu = json!({"store": "demo-store", "version": 1, "currency": "JPY",
        "sections": [{"title": titles, "items": ["burger"]}],
        "items": [{"id": "burger", "sku": "M-1", "title": titles, "prices": [{"amount_minor": 540}], "tax_class": "food",
            "make": [{"station": "grill", "seconds": 30}]}]});
    let kitchen = json!({"store": "demo-store", "stations": [{"id": "grill", "makers": 4}], "hours": {"spans": hours, "utc_offset_min": 540},
        "step_min": 5, "least_lead_min": 1, "earliest_start_min": 20, "hold_s": 900, "same_day": true, "later_days": 1, "alternatives": 3});
    let terms = json!({"store": "demo-store", "store_name": {"ja": "本店", "en": "Main store"},
        "issuer": {"name": "暖簾食堂", "registration_number": "T1180301018771"}, "currency": "JPY", "rounding": "down",
        "handoffs": ["counter_pickup"], "methods": ["token"], "capture": "at_hand_over", "auto_accept": true, "accept_within_s": 600,
        "keep_min": 60, "keep_goods_days": 7, "complete_after_min": 30, "charge_no_show": false, "attach_within_min": 30, "utc_offset_min": 540});
    operator(url, "/v1/operator/menus", &json!({"menus": [menu], "kitchens": [kitchen], "terms": [terms]}));
}

/// One order and one charge, in the backend's books, in the provider's, and on the receipt.
fn check_order(_: &str, data: &Path, home: &str, name: &str) {
    let books = rusqlite::Connection::open_with_flags(data.join("backend.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let orders: Vec<(String, String)> = {
        let mut statement = books.prepare("SELECT id, state FROM orders").unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(orders.len(), 1, "{name}: one order: {orders:?}");
    let clock = std::sync::Arc::new(now_ms);
    let provider = PaymentSandbox::open(&data.join(SANDBOX_FILE), clock).unwrap();
    let calls = provider.calls("").unwrap();
    let of_kind = |kind: &str| calls.iter().filter(|call| call.kind == kind).collect::<Vec<_>>();
    assert_eq!((of_kind("authorise").len(), of_kind("capture").len(), calls.len()), (1, 1, 2), "{name}: {calls:?}");
    assert_eq!((of_kind("capture")[0].status.as_str(), provider.balance_minor("").unwrap()), ("done", 540), "{name}");
    let export = support::server_export(home);
    let of = |what: &str| export[what].as_array().unwrap().len();
    assert_eq!((of("receipts"), of("points")), (1, 1), "{name}: one receipt, and points were given once");
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Where a life begins: a backend that is prepared, and a phone that is enrolled there.
struct Beginning {
    folder: tempfile::TempDir,
    library: PathBuf,
}

impl Beginning {
    fn of(life: &Life) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (library, data, home) = (build_library(folder.path()), folder.path().join("data"), folder.path().join("home"));
        let backend = Watched::start(&data, |_| {});
        // Until it listens: what is asked by a tool waits for nobody.
        while std::net::TcpStream::connect(backend.url.strip_prefix("http://").unwrap()).is_err() {
            std::thread::yield_now();
        }
        (life.prepare)(&backend.url);
        let enrolled = run(&["enrol", "--backend", &backend.url, "--home", home.to_str().unwrap()]);
        assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
        drop(backend);
        Self { folder, library }
    }

    /// A world of its own that begins there.
    fn world(&self, name: &str) -> World {
        let folder = self.folder.path().join(name.replace(' ', "-"));
        let world = World { data: folder.join("data"), home: folder.join("home"), folder };
        copy(&self.folder.path().join("data"), &world.data);
        copy(&self.folder.path().join("home"), &world.home);
        world
    }
}

/// A backend's data and a phone's files.
struct World {
    folder: PathBuf,
    data: PathBuf,
    home: PathBuf,
}

impl World {
    fn home(&self) -> &str {
        self.home.to_str().unwrap()
    }

    /// The arguments that live the life with this backend.
    fn arguments<'a>(&'a self, life: &Life, backend: &'a Watched) -> Vec<&'a str> {
        std::fs::write(self.home.join("home.json"), json!({"backend": backend.url}).to_string()).unwrap();
        vec!["life", life.name, "--home", self.home(), "--wanted", life.wanted, "--backend", &backend.url]
    }

    fn end(self) {
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Phone,
    Backend,
}

/// How many storage calls each of them makes in a life that nobody disturbs.
fn count_calls(life: &Life, beginning: &Beginning) -> [(Who, usize); 2] {
    [Who::Phone, Who::Backend].map(|who| {
        let world = beginning.world(&format!("counted {who:?}"));
        let count = beginning.folder.path().join(format!("count-{who:?}"));
        let backend = Watched::start(&world.data, |command| {
            if who == Who::Backend {
                count_on(command, &beginning.library, &world.data, &count);
            }
        });
        let mut command = noren();
        command.args(world.arguments(life, &backend));
        if who == Who::Phone {
            count_on(&mut command, &beginning.library, &world.home, &count);
        }
        let lived = command.output().unwrap();
        assert!(lived.status.success(), "{}", String::from_utf8_lossy(&lived.stderr));
        (life.check)(&backend.url, &world.data, world.home(), "counted");
        let calls = counted(&count);
        drop(backend);
        world.end();
        (who, calls)
    })
}

/// One life in which one of them is killed once. True when it really was.
fn live_killed(life: &Life, beginning: &Beginning, who: Who, call: usize, when: &str, name: &str) -> bool {
    let world = beginning.world(name);
    let backend = Watched::start(&world.data, |command| {
        if who == Who::Backend {
            Fault { library: &beginning.library, folder: &world.data, call, when }.put_on(command);
        }
    });
    let arguments = world.arguments(life, &backend);
    let mut was_killed = false;
    if who == Who::Phone {
        let output = Fault { library: &beginning.library, folder: &world.home, call, when }.run(&arguments);
        was_killed = output.status.signal() == Some(9);
    }
    let lived = run(&arguments);
    assert!(lived.status.success(), "{name}: lived on: {}", String::from_utf8_lossy(&lived.stderr));
    let again = run(&arguments);
    assert_eq!(lived.stdout, again.stdout, "{name}: who is asked again says the same");
    (life.check)(&backend.url, &world.data, world.home(), name);
    was_killed |= backend.deaths() > 0;
    drop(backend);
    world.end();
    was_killed
}

fn sweep(life: &Life) {
    let deep = std::env::var_os("NOREN_DEEP").is_some();
    let beginning = Beginning::of(life);
    let calls = count_calls(life, &beginning);
    let mut points = Vec::new();
    for round in 0..if deep { 20 } else { 1 } {
        for (who, calls) in calls {
            assert!(calls >= 10, "{who:?} makes {calls} storage calls in a {}", life.name);
            let step = if deep { 1 } else { (calls * 2).div_ceil(life.sampled) };
            let of_one = (1..=calls).flat_map(|call| [(call, "before"), (call, "after")]);
            points.extend(of_one.skip(round % step).step_by(step).map(|(call, when)| (round, who, call, when)));
        }
    }
    let (next, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((round, who, call, when)) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let name = format!("{} round {round} {who:?} {when} call {call}", life.name);
                    if live_killed(life, &beginning, *who, *call, when, &name) {
                        killed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let killed = killed.into_inner();
    println!("{}: killed {killed} times at {} points of {calls:?} storage calls", life.name, points.len());
    assert!(killed * 10 >= points.len() * 9, "the numbering of calls is stable enough: {killed} of {}", points.len());
}

#[test]
fn whoever_is_killed_an_order_is_made_once_and_charged_once() {
    sweep(&ORDER);
}

#[test]
fn whoever_is_killed_a_hold_is_made_once_and_handed_over_once() {
    sweep(&HOLD);
}
