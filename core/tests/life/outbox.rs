use super::support::*;
use noren_core::net::{Authorizer, Client, StaticToken};
use noren_core::outbox::*;
use noren_core::platform::Clock;
use noren_core::storage::{Database, Sealer, StorageError};
use noren_core::time::TrustedClock;
use noren_rules::wire::{Reason, paths};
use proptest::prelude::*;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Counts how often each outcome is applied, and can refuse to.
#[derive(Default)]
struct Counting {
    applied: Mutex<HashMap<String, u32>>,
    full_disk: Mutex<bool>,
}

impl OutcomeSink for Counting {
    fn apply(&self, outcome: &Outcome) -> Result<(), StorageError> {
        if *self.full_disk.lock().unwrap() {
            return Err(StorageError::DiskFull);
        }
        *self.applied.lock().unwrap().entry(outcome.key.0.clone()).or_default() += 1;
        Ok(())
    }
}

/// Does something, once, when it is looked at: in the middle of whatever asks for the time.
struct Interrupting {
    clock: Arc<TestClock>,
    job: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Clock for Interrupting {
    fn wall_ms(&self) -> i64 {
        let job = self.job.lock().unwrap().take();
        if let Some(job) = job {
            job();
        }
        self.clock.wall_ms()
    }
    fn boot_ms(&self) -> i64 {
        self.clock.boot_ms()
    }
    fn boot_id(&self) -> String {
        self.clock.boot_id()
    }
}

fn outbox(directory: &Path, server: &Arc<Server>, entropy: &Arc<TestEntropy>, sink: Arc<dyn OutcomeSink>) -> Outbox {
    outbox_by(server.clock.clone(), directory, server, entropy, sink)
}

fn outbox_by(
    clock: Arc<dyn Clock>,
    directory: &Path,
    server: &Arc<Server>,
    entropy: &Arc<TestEntropy>,
    sink: Arc<dyn OutcomeSink>,
) -> Outbox {
    let clock = Arc::new(TrustedClock::new(clock));
    let authorizer: Arc<dyn Authorizer> = Arc::new(StaticToken::new("till"));
    Outbox::new(OutboxSettings {
        database: Arc::new(Database::new(directory, OUTBOX_DB)),
        sealer: Sealer::new([5; 32].into(), entropy.clone()),
        client: Client::new(server.clone(), "https://server", clock, "en"),
        authorizer,
        entropy: entropy.clone(),
        sink,
    })
}

fn intent(lane: &str, n: usize, expires_at_ms: Option<i64>) -> NewIntent {
    NewIntent {
        lane: lane.into(),
        kind: "sale".into(),
        path: paths::TILL_SALES.into(),
        body: format!("{{\"number\":\"{n}\"}}"),
        authorized: true,
        expires_at_ms,
        subject: None,
    }
}

struct Bench {
    directory: tempfile::TempDir,
    server: Arc<Server>,
    entropy: Arc<TestEntropy>,
    sink: Arc<Counting>,
}

impl Bench {
    fn new() -> Self {
        let server = Server::new(TestClock::new());
        Self { directory: tempfile::tempdir().unwrap(), server, entropy: TestEntropy::new(7), sink: Arc::default() }
    }
    fn open(&self) -> Outbox {
        outbox(self.directory.path(), &self.server, &self.entropy, self.sink.clone())
    }
    fn open_interrupted(&self) -> (Arc<Outbox>, Arc<Interrupting>) {
        let clock = Arc::new(Interrupting { clock: self.server.clock.clone(), job: Mutex::default() });
        let outbox = outbox_by(clock.clone(), self.directory.path(), &self.server, &self.entropy, self.sink.clone());
        (Arc::new(outbox), clock)
    }
}

#[tokio::test]
async fn what_is_taken_away_just_before_it_is_sent_is_not_sent() {
    let bench = Bench::new();
    let (outbox, clock) = bench.open_interrupted();
    let key = outbox.enqueue(&intent("a", 1, None)).unwrap();
    let gone = Arc::new(Mutex::new(None));
    let (taker, key_of, said) = (outbox.clone(), key.clone(), gone.clone());
    // After the head of the lane was read, before it is marked.
    *clock.job.lock().unwrap() = Some(Box::new(move || *said.lock().unwrap() = Some(taker.dismiss(&key_of))));
    outbox.send_due().await.unwrap();
    assert_eq!(*gone.lock().unwrap(), Some(Ok(())));
    assert_eq!((bench.server.effects(paths::TILL_SALES), outbox.intent(&key).unwrap()), (0, None));
}

#[tokio::test]
async fn what_is_sent_while_it_is_being_taken_away_stays() {
    let bench = Bench::new();
    let (outbox, clock) = bench.open_interrupted();
    let key = outbox.enqueue(&intent("a", 1, None)).unwrap();
    bench.server.next([Fault::LostAnswer]);
    let sender = outbox.clone();
    let send = move || {
        let running = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(sender.send_due()).unwrap();
        });
        running.join().unwrap();
    };
    *clock.job.lock().unwrap() = Some(Box::new(send));
    assert_eq!(outbox.dismiss(&key), Err(OutboxError::MayHaveArrived));
    assert_eq!(bench.server.effects(paths::TILL_SALES), 1);
    assert!(outbox.intent(&key).unwrap().unwrap().may_have_arrived);
}

#[tokio::test]
async fn a_refused_intent_is_parked_and_its_lane_goes_on() {
    let bench = Bench::new();
    let outbox = bench.open();
    let first = outbox.enqueue(&intent("a", 1, None)).unwrap();
    let second = outbox.enqueue(&intent("a", 2, None)).unwrap();
    bench.server.next([Fault::Refuse(409, Reason::ReceiptConflict, None)]);
    let report = outbox.send_due().await.unwrap();
    assert_eq!((report.refused, report.done, report.open), (1, 1, 0));
    let waiting = outbox.waiting().unwrap();
    assert_eq!((waiting[0].key.clone(), waiting[0].reason, waiting.len()), (first.clone(), Some(Reason::ReceiptConflict), 1));
    assert_eq!(waiting[0].detail.as_deref(), Some("ReceiptConflict"));
    assert!(outbox.outcome(&second).unwrap().is_some());
    outbox.try_again(&first).unwrap();
    assert_eq!(outbox.send_due().await.unwrap().done, 1);
}

#[tokio::test]
async fn an_open_outcome_holds_its_lane_up_and_no_other() {
    let bench = Bench::new();
    let outbox = bench.open();
    for n in 0..2 {
        outbox.enqueue(&intent("a", n, None)).unwrap();
        outbox.enqueue(&intent("b", n, None)).unwrap();
    }
    // Lanes start in the order of their names: the first request is lane a's.
    bench.server.next([Fault::LostRequest]);
    let report = outbox.send_due().await.unwrap();
    assert_eq!((report.done, report.retried, report.open), (2, 1, 2));
    assert!(outbox.waiting().unwrap().iter().all(|view| view.lane == "a"));
    assert_eq!(outbox.send_due().await.unwrap().done, 0, "not before it is due");
    let due = outbox.next_due_ms().unwrap().unwrap();
    bench.server.clock.pass(due - bench.server.now_ms());
    assert_eq!(outbox.send_due().await.unwrap().done, 2);
}

#[tokio::test]
async fn retry_after_is_honoured_even_when_the_network_returns() {
    let bench = Bench::new();
    let outbox = bench.open();
    outbox.enqueue(&intent("a", 1, None)).unwrap();
    bench.server.next([Fault::Refuse(429, Reason::Unavailable, Some(600))]);
    outbox.send_due().await.unwrap();
    outbox.network_returned().unwrap();
    bench.server.clock.pass(599_000);
    assert_eq!(outbox.send_due().await.unwrap().done, 0);
    bench.server.clock.pass(61_000);
    assert_eq!(outbox.send_due().await.unwrap().done, 1);
    // A wait of our own ends when the network returns.
    outbox.enqueue(&intent("a", 2, None)).unwrap();
    bench.server.next([Fault::Offline]);
    assert!(outbox.send_due().await.unwrap().offline);
    outbox.network_returned().unwrap();
    assert_eq!(outbox.send_due().await.unwrap().done, 1);
}

#[tokio::test]
async fn a_clock_set_back_does_not_make_a_wait_longer() {
    let bench = Bench::new();
    let outbox = bench.open();
    outbox.enqueue(&intent("a", 1, None)).unwrap();
    bench.server.next([Fault::Offline]);
    outbox.send_due().await.unwrap();
    bench.server.clock.pass(-86_400_000);
    assert_eq!(outbox.send_due().await.unwrap().done, 1);
}

#[tokio::test]
async fn what_may_have_arrived_is_asked_for_when_its_time_is_over() {
    for (fault, state) in [(Fault::LostAnswer, IntentState::Done), (Fault::LostRequest, IntentState::Expired)] {
        let bench = Bench::new();
        let outbox = bench.open();
        // A contact first: only a proven clock lets an intent expire.
        outbox.enqueue(&intent("z", 0, None)).unwrap();
        outbox.send_due().await.unwrap();
        let key = outbox.enqueue(&intent("a", 1, Some(START_MS + 60_000))).unwrap();
        bench.server.next([fault.clone()]);
        outbox.send_due().await.unwrap();
        assert_eq!(outbox.dismiss(&key), Err(OutboxError::MayHaveArrived));
        bench.server.clock.pass(3_600_000);
        bench.server.next([Fault::LostRequest]);
        outbox.send_due().await.unwrap();
        assert_eq!(outbox.intent(&key).unwrap().unwrap().state, IntentState::Unknown, "asked, and no answer yet");
        bench.server.clock.pass(3_600_000);
        outbox.send_due().await.unwrap();
        assert_eq!(outbox.intent(&key).unwrap().unwrap().state, state, "{fault:?}");
        let applied = bench.sink.applied.lock().unwrap().get(key.as_str()).copied().unwrap_or(0);
        assert_eq!(applied, u32::from(state == IntentState::Done));
    }
}

#[tokio::test]
async fn resolving_on_demand_closes_either_way() {
    let bench = Bench::new();
    let outbox = bench.open();
    let landed = outbox.enqueue(&intent("a", 1, None)).unwrap();
    bench.server.next([Fault::LostAnswer]);
    outbox.send_due().await.unwrap();
    assert_eq!(outbox.resolve(&landed).await.unwrap(), IntentState::Done);
    let lost = outbox.enqueue(&intent("a", 2, None)).unwrap();
    bench.server.next([Fault::LostRequest]);
    outbox.send_due().await.unwrap();
    assert_eq!(outbox.resolve(&lost).await.unwrap(), IntentState::Expired);
    assert_eq!(bench.server.effects(paths::TILL_SALES), 1);
}

#[tokio::test]
async fn an_intent_that_was_never_sent_expires_by_a_proven_clock_only() {
    let bench = Bench::new();
    let outbox = bench.open();
    let key = outbox.enqueue(&intent("a", 1, Some(START_MS + 1_000))).unwrap();
    bench.server.clock.pass(10_000);
    bench.server.offline.store(true, std::sync::atomic::Ordering::SeqCst);
    outbox.send_due().await.unwrap();
    assert_eq!(outbox.intent(&key).unwrap().unwrap().state, IntentState::Pending);
    bench.server.offline.store(false, std::sync::atomic::Ordering::SeqCst);
    bench.server.clock.pass(60_000);
    outbox.send_due().await.unwrap();
    assert_eq!(outbox.intent(&key).unwrap().unwrap().state, IntentState::Expired, "the server said so");
    assert_eq!(bench.server.effects(paths::TILL_SALES), 0);
}

#[tokio::test]
async fn an_outcome_that_cannot_be_applied_is_applied_later_once() {
    let bench = Bench::new();
    *bench.sink.full_disk.lock().unwrap() = true;
    let outbox = bench.open();
    let key = outbox.enqueue(&intent("a", 1, None)).unwrap();
    assert!(outbox.send_due().await.is_err());
    drop(outbox);
    *bench.sink.full_disk.lock().unwrap() = false;
    let outbox = bench.open();
    outbox.start().unwrap();
    outbox.send_due().await.unwrap();
    assert_eq!(bench.sink.applied.lock().unwrap()[key.as_str()], 1);
    assert_eq!(bench.server.effects(paths::TILL_SALES), 1);
}

#[tokio::test]
async fn one_subject_has_one_open_intent() {
    let bench = Bench::new();
    let outbox = bench.open();
    let about = |n| NewIntent { subject: Some("s".into()), ..intent("a", n, None) };
    let first = outbox.enqueue(&about(1)).unwrap();
    assert_eq!(outbox.enqueue(&about(2)).unwrap(), first);
    outbox.send_due().await.unwrap();
    assert_ne!(outbox.enqueue(&about(3)).unwrap(), first);
}

#[tokio::test]
async fn a_till_survives_an_outage() {
    let bench = Bench::new();
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        TillOutbox::new(
            directory.path(),
            [1; 32],
            "https://server",
            "till",
            bench.server.clone(),
            bench.server.clock.clone(),
            bench.entropy.clone(),
        )
    };
    let till = open();
    bench.server.offline.store(true, std::sync::atomic::Ordering::SeqCst);
    let keys = till.enqueue_sales((0..50).map(|n| (n.to_string(), "{}".to_owned())).collect()).unwrap();
    assert!(till.send_due().await.unwrap().offline);
    till.close().unwrap();
    bench.server.clock.pass(200 * 86_400_000);
    bench.server.offline.store(false, std::sync::atomic::Ordering::SeqCst);
    let till = open();
    till.network_returned().unwrap();
    assert_eq!(till.send_due().await.unwrap().done, 50);
    assert_eq!(bench.server.effects(paths::TILL_SALES), 50);
    assert!(till.answer(&keys[49]).unwrap().is_some());
}

#[tokio::test]
async fn bodies_and_outcomes_are_sealed() {
    let bench = Bench::new();
    let outbox = bench.open();
    outbox
        .enqueue(&NewIntent { body: "{\"pin\":\"planted-secret\"}".into(), subject: Some("planted-secret".into()), ..intent("a", 1, None) })
        .unwrap();
    outbox.send_due().await.unwrap();
    for (path, bytes) in bytes_below(bench.directory.path()) {
        let found = bytes.windows(14).any(|window| window == b"planted-secret" || window == b"{\"sale\":\"0000");
        assert!(!found, "{path:?}");
    }
}

/// What can happen next in a life.
#[derive(Debug, Clone)]
enum Event {
    Say(u8),
    Send(Vec<Fault>),
    /// The process dies in the middle of a round: the future is dropped after some polls, and everything is opened anew.
    Die(Vec<Fault>, u8),
    Pass(u32),
    Restart,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Offline),
        Just(Fault::LostRequest),
        Just(Fault::LostAnswer),
        Just(Fault::Twice),
        Just(Fault::Portal),
        Just(Fault::Truncated),
        Just(Fault::Refuse(503, Reason::Unavailable, Some(1))),
        Just(Fault::Refuse(500, Reason::Internal, None)),
        Just(Fault::Refuse(409, Reason::KeyInFlight, None)),
        Just(Fault::Refuse(401, Reason::TokenExpired, None)),
        Just(Fault::None),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let faults = || proptest::collection::vec(fault(), 0..4);
    prop_oneof![
        3 => (0u8..3).prop_map(Event::Say),
        3 => faults().prop_map(Event::Send),
        2 => (faults(), 0u8..12).prop_map(|(faults, polls)| Event::Die(faults, polls)),
        2 => (0u32..2_000_000).prop_map(Event::Pass),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// Whatever happens, at the end each intent had its effect once, in the order of its lane, and was applied once (twice at most if a
    /// crash fell between applying and noting it, which a dropped future cannot do here).
    #[test]
    fn each_intent_has_its_effect_once(events in proptest::collection::vec(event(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bench = Bench::new();
        let mut outbox = bench.open();
        let mut said: HashMap<String, Vec<String>> = HashMap::new();
        for (n, event) in events.into_iter().enumerate() {
            match event {
                Event::Say(lane) => {
                    let lane = format!("lane{lane}");
                    let key = outbox.enqueue(&intent(&lane, n, None)).unwrap();
                    said.entry(lane).or_default().push(key.0);
                }
                Event::Send(faults) => {
                    bench.server.next(faults);
                    runtime.block_on(outbox.send_due()).unwrap();
                    bench.server.faults.lock().unwrap().clear();
                }
                Event::Die(faults, polls) => {
                    bench.server.next(faults);
                    runtime.block_on(async {
                        let mut round = std::pin::pin!(outbox.send_due());
                        let mut left = polls;
                        std::future::poll_fn(|context| {
                            if left == 0 {
                                return std::task::Poll::Ready(());
                            }
                            left -= 1;
                            let polled = round.as_mut().poll(context);
                            context.waker().wake_by_ref();
                            polled.map(drop)
                        })
                        .await;
                    });
                    bench.server.faults.lock().unwrap().clear();
                    // Half of the time only the future is gone, not the process.
                    if polls % 2 == 0 {
                        outbox = bench.open();
                    }
                }
                Event::Pass(ms) => bench.server.clock.pass(i64::from(ms)),
                Event::Restart => outbox = bench.open(),
            }
        }
        for _ in 0..50 {
            bench.server.clock.pass(86_400_000);
            runtime.block_on(outbox.send_due()).unwrap();
        }
        prop_assert_eq!(outbox.waiting().unwrap(), vec![]);
        let world = bench.server.world.lock().unwrap();
        let applied = bench.sink.applied.lock().unwrap();
        for keys in said.values() {
            let arrived: Vec<String> = world.effects.iter().map(|(_, key)| key.clone()).filter(|key| keys.contains(key)).collect();
            prop_assert_eq!(&arrived, keys, "each once, in order");
            for key in keys {
                prop_assert_eq!(applied.get(key), Some(&1));
            }
        }
    }
}

#[test]
fn the_first_version_of_the_file_is_read_for_ever() {
    // The SQL of version 1 as it was released; when a version 2 comes, this file must still open with its intents.
    let bench = Bench::new();
    let connection = rusqlite::Connection::open(bench.directory.path().join("outbox.db")).unwrap();
    connection.execute_batch(include_str!("../fixtures/outbox-v1.sql")).unwrap();
    drop(connection);
    let outbox = bench.open();
    let waiting = outbox.waiting().unwrap();
    assert_eq!((waiting.len(), waiting[0].kind.as_str(), waiting[0].state), (1, "claim", IntentState::Pending));
    assert!(waiting[0].may_have_arrived, "it was on its way when the app ended");
}
