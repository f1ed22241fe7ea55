//! A thousand clients and one slot: one has it, and nobody else is told so. A server that is killed in the middle has promised nothing that it does
//! not have, and has no slot and no order twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use noren_backend::Settings;
use noren_rules::cart::PaymentMethod;
use noren_rules::checkout::Checkout;
use noren_rules::ids::OrderId;
use noren_rules::menu::MenuBook;
use noren_rules::order::OrderState;
use noren_rules::places::OpeningSpan;
use noren_rules::slots::{KitchenPlan, PickupHours, SlotBooking, SlotRefusalReason};
use noren_rules::tax::{JAPAN, TaxTable};
use noren_rules::wire::*;

use tokio::sync::Notify;

use crate::menus::*;
use crate::slots::{at, bowl, order_id};
use crate::support::*;

const CLIENTS: u32 = 1_000;
/// Each is of five clients: more slots nobody may hold.
const PHONES: u8 = 200;
/// Requests on the way at the same time, each on a connection that stays open.
const AT_ONCE: usize = 100;
/// A quarter past six in the evening in Japan.
const EVENING: i64 = T0 + 75 * MINUTE;
const SERVE: &str = "NOREN_SERVE_UNTIL_KILLED";

/// So many pots, and each time has room for one bowl a pot.
fn pots(makers: u32) -> KitchenPlan {
    KitchenPlan { earliest_start_min: 10, later_days: 0, ..kitchen_of(NOODLES, &[("pot", makers)]) }
}

/// Open for one bowl a day.
fn for_one() -> KitchenPlan {
    let spans = (0..7).map(|weekday| OpeningSpan { weekday, opens_min: 1_095, closes_min: 1_100 }).collect();
    let hours = PickupHours { spans, before_open_min: 60, ..pots(1).hours };
    KitchenPlan { hours, ..pots(1) }
}

fn noodle_bar(plan: KitchenPlan) -> PutMenus {
    PutMenus { menus: vec![noodle_menu()], kitchens: vec![plan], terms: vec![terms_of(NOODLES)], ..nothing() }
}

/// Tokens of as many members.
async fn members(world: &Arc<World>) -> Vec<String> {
    let phones = (1..=PHONES).map(|seed| {
        let world = Arc::clone(world);
        tokio::spawn(async move { world.phone(seed, None).await.token })
    });
    let mut tokens = Vec::new();
    for phone in phones.collect::<Vec<_>>() {
        tokens.push(phone.await.unwrap());
    }
    tokens
}

/// A client, which sends the same bytes each time that it sends something.
struct Client {
    order: u32,
    token: String,
    hold: String,
    /// The order that follows a hold, paid at the counter.
    then: Option<String>,
}

/// What a server said; `None` when it was gone.
type Said = Option<(u16, String)>;

impl Client {
    fn new(tokens: &[String], round: u32, client: u32) -> Self {
        let order = round * CLIENTS + client;
        let token = tokens[client as usize % tokens.len()].clone();
        Self { order, token, hold: serde_json::to_string(&bowl(order, at(EVENING))).unwrap(), then: None }
    }

    /// One that orders what it holds.
    fn that_orders(tokens: &[String], client: u32, order: &OrderRequest) -> Self {
        let new = Self::new(tokens, 0, client);
        let order = OrderRequest { id: order_id(new.order), ..order.clone() };
        Self { then: Some(serde_json::to_string(&order).unwrap()), ..new }
    }

    async fn post(&self, http: &reqwest::Client, url: &str, path: &str, body: &str) -> Said {
        let request = http.post(format!("{url}{path}")).bearer_auth(&self.token).header(IDEMPOTENCY_KEY, format!("key-{}", self.order));
        let response = request.header("content-type", "application/json").body(body.to_owned()).send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    /// Holds, and then orders.
    async fn go(&self, http: &reqwest::Client, url: &str, heard: &(impl Fn(&Self, &'static str, Said) + Sync)) {
        let said = self.post(http, url, paths::SLOT_HOLDS, &self.hold).await;
        let holds = said.as_ref().is_some_and(|(status, body)| *status == 200 && answer(body).hold.is_some());
        heard(self, paths::SLOT_HOLDS, said);
        if let Some(order) = self.then.as_ref().filter(|_| holds) {
            heard(self, paths::ORDERS, self.post(http, url, paths::ORDERS, order).await);
        }
    }
}

fn answer(body: &str) -> SlotHoldAnswer {
    serde_json::from_str(body).unwrap()
}

/// All go, so many at once; `heard` gets each answer as it comes.
async fn all_go(
    world: &Arc<World>,
    url: &str,
    all: &Arc<Vec<Client>>,
    heard: impl Fn(&Client, &'static str, Said) + Send + Sync + 'static,
) {
    let (next, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(heard));
    let workers = (0..AT_ONCE).map(|_| {
        let (world, url, all, next, heard) = (Arc::clone(world), url.to_owned(), Arc::clone(all), Arc::clone(&next), Arc::clone(&heard));
        tokio::spawn(async move {
            while let Some(client) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                client.go(&world.http, &url, &*heard).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_slot_goes_to_one_of_a_thousand() {
    let rounds = if std::env::var_os("NOREN_DEEP").is_some() { 200 } else { 10 };
    let world = Arc::new(world().await);
    let tokens = members(&world).await;
    for round in 0..rounds {
        // Where there are other times they are named; where there are none, that is said.
        let has_others = round % 2 == 0;
        world.put_menus(&noodle_bar(if has_others { pots(1) } else { for_one() })).await.ok::<Kept>();
        let all = Arc::new((0..CLIENTS).map(|client| Client::new(&tokens, round, client)).collect::<Vec<_>>());
        let winner = Arc::new(AtomicI64::new(-1));
        let refused = Arc::new(AtomicUsize::new(0));
        let (won, lost) = (Arc::clone(&winner), Arc::clone(&refused));
        let heard = move |client: &Client, _: &'static str, said: Said| {
            let (status, body) = said.expect("the server answers");
            assert_eq!(status, 200, "{body}");
            let answer = answer(&body);
            if let Some(hold) = answer.hold {
                assert_eq!((hold.order, hold.slot.promised_ms), (order_id(client.order), EVENING));
                assert_eq!(won.swap(i64::from(client.order), Ordering::SeqCst), -1, "two have the last slot");
                return;
            }
            let refusal = answer.refused.expect("a reason");
            assert_eq!(refusal.reason, SlotRefusalReason::Full { station: "pot".into() });
            assert_eq!((!refusal.same_day.is_empty(), refusal.later.len()), (has_others, 0));
            lost.fetch_add(1, Ordering::SeqCst);
        };
        all_go(&world, &world.url, &all, heard).await;
        assert_eq!(refused.load(Ordering::SeqCst), CLIENTS as usize - 1);
        let winner = winner.load(Ordering::SeqCst);
        let winner = all.iter().find(|client| i64::from(client.order) == winner).expect("one has it");
        let release = SlotReleaseRequest { order: order_id(winner.order) };
        let released = world.post(paths::SLOT_RELEASES, Some(&winner.token), &format!("release-{round}"), &release).await;
        assert!(released.ok::<SlotReleased>().released);
    }
    Arc::into_inner(world).unwrap().stop().await;
}

/// A server in a process of its own, which can be killed.
struct Served {
    child: Child,
    url: String,
    // Read by nobody else: the child writes into it.
    _output: BufReader<ChildStdout>,
}

impl Served {
    fn start(directory: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "slot_races::serve_until_killed"]).env(SERVE, directory);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("http://") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the server did not start");
        }
        let url = line[line.find("http://").unwrap()..].trim().to_owned();
        Self { child, url, _output: output }
    }
}

/// As `kill -9` does.
impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "the server of another test"]
async fn serve_until_killed() {
    let Some(directory) = std::env::var_os(SERVE) else { return };
    let settings = settings(&Arc::new(AtomicI64::new(T0)));
    let backend = noren_backend::start(Settings { data: Some(directory.into()), ..settings }).await.unwrap();
    writeln!(std::io::stdout(), "{}", backend.url()).unwrap();
    // Until it is killed, or left alone by a test that was killed itself.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

/// Fifty slots, a thousand clients of whom three in ten send all twice, and a server that is killed when some of them have their answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_a_rush_oversells_nothing_and_keeps_what_it_promised() {
    let rounds = if std::env::var_os("NOREN_DEEP").is_some() { 20 } else { 1 };
    for round in 0..rounds {
        let directory = tempdir();
        let world = Arc::new(world_in(directory.path(), &Arc::new(AtomicI64::new(T0))).await);
        world.put_menus(&noodle_bar(pots(50))).await.ok::<Kept>();
        let tokens = members(&world).await;
        Arc::into_inner(world).unwrap().stop().await;
        // The hundreds of answers before are refusals and holds; the first orders come among them.
        rush(directory.path(), &tokens, 20 + round * 17).await;
    }
}

/// What the person taps with a bowl for the evening, at the counter.
fn bowl_order() -> OrderRequest {
    let (tax, book, terms) = (TaxTable::from_json(JAPAN).unwrap(), MenuBook::new(noodle_menu()).unwrap(), terms_of(NOODLES));
    let SlotHoldRequest { cart, time, .. } = bowl(0, at(EVENING));
    let checkout = Checkout {
        terms: &terms,
        tax: &tax,
        book: &book,
        of: OrderOf::Menu,
        method: PaymentMethod::AtCounter,
        promised_ms: EVENING,
        deadline_ms: Some(T0 + 5 * MINUTE),
        coupons: None,
        points: 0,
    };
    OrderRequest {
        id: order_id(0),
        store: NOODLES.into(),
        of: OrderOf::Menu,
        shown: checkout.show(&cart).unwrap().snapshot,
        cart,
        time,
        payment: PaymentChoice { method: PaymentMethod::AtCounter, token: None },
        coupons: vec![],
        points: 0,
        replaces: None,
        seat: None,
        vehicle: String::new(),
        deliver_to: None,
        avoids: vec![],
    }
}

/// Everything that was said, by whom it was said to and about what.
type Told = Arc<Mutex<BTreeMap<(u32, &'static str), BTreeSet<String>>>>;

async fn rush(directory: &Path, tokens: &[String], kill_after: usize) {
    // Only its client is used: the server is another process.
    let world = Arc::new(world().await);
    let served = Served::start(directory);
    let order = bowl_order();
    let mut all: Vec<Client> = (0..CLIENTS).map(|client| Client::that_orders(tokens, client, &order)).collect();
    all.extend((0..CLIENTS).filter(|client| client % 10 < 3).map(|client| Client::that_orders(tokens, client, &order)));
    // The doubles go among the others.
    all.sort_by_key(|client| client.order % 97);
    let (all, told) = (Arc::new(all), Told::default());
    let (answers, gone, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let heard = {
        let (told, answers, gone, stop) = (Arc::clone(&told), Arc::clone(&answers), Arc::clone(&gone), Arc::clone(&stop));
        move |client: &Client, path: &'static str, said: Said| match said {
            Some((200, body)) => {
                told.lock().unwrap().entry((client.order, path)).or_default().insert(body);
                if answers.fetch_add(1, Ordering::SeqCst) + 1 == kill_after {
                    stop.notify_one();
                }
            }
            // The double that came while the first was worked on.
            Some((409, body)) => assert!(body.contains("key_in_flight"), "{body}"),
            Some((status, body)) => panic!("{status}: {body}"),
            None => gone.store(true, Ordering::SeqCst),
        }
    };
    let sending = {
        let (world, url, all, heard) = (Arc::clone(&world), served.url.clone(), Arc::clone(&all), heard.clone());
        tokio::spawn(async move { all_go(&world, &url, &all, heard).await })
    };
    stop.notified().await;
    drop(served);
    sending.await.unwrap();
    assert!(gone.load(Ordering::SeqCst), "it was killed in the middle");
    // Everybody asks again under the same keys, as an outbox does, until all have their answers.
    let served = Served::start(directory);
    for _ in 0..3 {
        all_go(&world, &served.url, &all, heard.clone()).await;
    }
    drop(served);
    check_told(directory, &told.lock().unwrap());
}

/// Before and after the kill, and to both of a double, the same was said; it is what the tables have, and they have nothing else.
fn check_told(directory: &Path, told: &BTreeMap<(u32, &'static str), BTreeSet<String>>) {
    assert!(told.values().all(|said| said.len() == 1), "to one question one answer");
    let of = |path: &'static str| told.iter().filter(move |((_, of), _)| *of == path).map(|(_, said)| said.first().unwrap());
    assert_eq!(of(paths::SLOT_HOLDS).count(), CLIENTS as usize, "all have an answer");
    let held: BTreeSet<OrderId> = of(paths::SLOT_HOLDS).filter_map(|body| answer(body).hold).map(|hold| hold.order).collect();
    let ordered: BTreeSet<OrderId> = of(paths::ORDERS).map(|body| accepted(body)).collect();
    assert_eq!((held.len(), &ordered), (50, &held));
    let database = rusqlite::Connection::open(directory.join("backend.sqlite")).unwrap();
    let mut orders = database.prepare("SELECT id FROM orders").unwrap();
    let stored = orders.query_map([], |row| row.get(0).map(OrderId)).unwrap().map(Result::unwrap);
    assert_eq!(stored.collect::<BTreeSet<_>>(), held);
    let mut slots = database.prepare("SELECT booking FROM slot_bookings WHERE until_ms IS NULL").unwrap();
    let slots = slots.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let slots: Vec<SlotBooking> = slots.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect();
    assert_eq!(slots.iter().map(|slot| slot.order.clone()).collect::<BTreeSet<_>>(), held);
    // No minute of the pots has more in it than fifty makers can do.
    let mut minutes: BTreeMap<i64, u32> = BTreeMap::new();
    for slot in &slots {
        assert_eq!(slot.taken.iter().map(|taken| taken.seconds).sum::<u32>(), 600);
        slot.taken.iter().for_each(|taken| *minutes.entry(taken.minute).or_default() += taken.seconds);
    }
    assert!(minutes.values().all(|seconds| *seconds <= 50 * 60), "{minutes:?}");
}

fn accepted(body: &str) -> OrderId {
    let OrderAnswer { order, question } = serde_json::from_str(body).unwrap();
    assert_eq!((order.state, question), (OrderState::Accepted, None));
    order.id
}
