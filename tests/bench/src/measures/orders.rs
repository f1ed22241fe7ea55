//! Orders into the backend, each kept by the disk before it is answered: many that share a commit, beside one commit each.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use noren_backend::{Backend, DEMO_OPERATOR_TOKEN, Settings};
use noren_rules::b64;
use noren_rules::cart::{CaptureTime, Cart, CartLine, PaymentMethod};
use noren_rules::checkout::Checkout;
use noren_rules::ids::OrderId;
use noren_rules::keys::{SoftwareKey, id_from_bytes};
use noren_rules::menu::{HandoffMode, MakeStep, Menu, MenuBook, MenuItem, MenuPrice, MenuSection};
use noren_rules::order::OrderState;
use noren_rules::places::OpeningSpan;
use noren_rules::proof::{ProofKind, prove};
use noren_rules::receipt::Issuer;
use noren_rules::slots::{KitchenPlan, PickupHours, PickupTime, Station};
use noren_rules::tax::{JAPAN, TaxClass, TaxHandoff, TaxRounding, TaxTable};
use noren_rules::wire::{
    AccessToken, EnrolRequest, IDEMPOTENCY_KEY, Kept, Nonce, OrderAnswer, OrderOf, OrderRequest, OrderStep, OrderStepRequest, OrderTerms,
    PaymentChoice, PutMenus, SlotHoldAnswer, SlotHoldRequest, TokenRequest, paths,
};
use rusqlite::{Connection, OpenFlags};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http;
use crate::report::{Failure, Line, Outcome, Samples, check};

const PEER: &str = "the same calls one after another: one commit an order";
const TARGET_PER_S: f64 = 5_000.0;
/// 2027-01-15T08:00:00Z.
const T0: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;
const STORE: &str = "bench";
/// Members, and slots that each of them holds before the orders are timed: more nobody may hold.
const MEMBERS: usize = 100;
const HELD: usize = 5;
/// Orders of a round that are made one by one.
const SINGLE: usize = 50;
/// Clients on the network at the same time.
const CLIENTS: usize = 32;

/// How many orders, and how many on the way at the same time.
#[derive(Debug, clap::Args)]
pub(crate) struct Shape {
    /// Orders of each kind, in rounds of 500.
    #[arg(long, default_value_t = 20_000)]
    orders: usize,
    /// Calls on the way at the same time, in the same process.
    #[arg(long, default_value_t = 256)]
    at_once: usize,
}

pub(crate) fn run(shape: &Shape) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let directory = tempfile::tempdir()?;
    // With a data directory it is as in production: synchronous=FULL.
    let settings = Settings { data: Some(directory.path().to_owned()), clock: Arc::new(|| T0), ..Settings::default() };
    let backend = Arc::new(runtime.block_on(noren_backend::start(settings))?);
    let tokens = runtime.block_on(open_shop(&backend))?;
    let mut shop = Shop { backend, tokens, runtime, made: 0 };
    let (mut together, mut single, mut network) = (Timed::default(), Timed::default(), Timed::default());
    for _ in 0..shape.orders.div_ceil(MEMBERS * HELD).max(1) {
        shop.in_process(shape.at_once, MEMBERS * HELD, &mut together)?;
        shop.in_process(1, SINGLE, &mut single)?;
        shop.over_http(&mut network)?;
    }
    let per_second = |samples: &Samples| samples.len() as f64 / samples.total().as_secs_f64();
    let reached = per_second(&together.took);
    Line::new("orders_group_commit", &together.took)
        .beside(PEER, &single.took)
        .held(reached / per_second(&single.took), format!("orders_per_s >= {TARGET_PER_S}"), reached >= TARGET_PER_S)
        .with("orders_per_s", reached.round())
        .with("best_orders_per_s", (1e6 / together.took.at(0)).round())
        .with("cpu_us", together.cpu.at(50))
        .with("peer_orders_per_s", per_second(&single.took).round())
        .with("peer_cpu_us", single.cpu.at(50))
        .with("at_once", shape.at_once)
        .with("through", "in the process: JSON read, priced, slot confirmed, order kept under its key, answered")
        .emit()?;
    Line::new("orders_over_http", &network.took)
        .with("orders_per_s", per_second(&network.took).round())
        .with("cpu_us", network.cpu.at(50))
        .with("clients", CLIENTS)
        .with("through", "HTTP on loopback, the clients on the same cores")
        .emit()?;
    shop.close(directory.path())
}

/// Rounds of orders, each shared out among its orders.
#[derive(Default)]
struct Timed {
    /// By the clock.
    took: Samples,
    /// What all cores worked: on a machine that others use too, what it would be without them.
    cpu: Samples,
}

impl Timed {
    fn add(&mut self, began: (Instant, Duration), count: usize) -> Outcome {
        let count = u32::try_from(count)?;
        self.took.add(began.0.elapsed() / count);
        self.cpu.add(cpu_time().saturating_sub(began.1) / count);
        Ok(())
    }
}

/// What this process has worked so far.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A store that takes orders, and members who hold slots in it.
struct Shop {
    backend: Arc<Backend>,
    tokens: Vec<String>,
    runtime: tokio::runtime::Runtime,
    made: usize,
}

/// An order that can be placed.
#[derive(Clone)]
struct Tap {
    order: OrderId,
    token: String,
    key: String,
    body: Vec<u8>,
}

impl Shop {
    /// A round of orders in the same process, so many on the way at once: its time, shared out among them.
    fn in_process(&mut self, at_once: usize, count: usize, timed: &mut Timed) -> Outcome {
        let taps = Arc::new(self.taps(count)?);
        let backend = Arc::clone(&self.backend);
        let began = (Instant::now(), cpu_time());
        let answers = self.runtime.block_on(async {
            let next = Arc::new(AtomicUsize::new(0));
            let workers = (0..at_once).map(|_| {
                let (backend, taps, next) = (Arc::clone(&backend), Arc::clone(&taps), Arc::clone(&next));
                tokio::spawn(async move {
                    let mut answers = Vec::new();
                    while let Some(tap) = taps.get(next.fetch_add(1, Ordering::Relaxed)) {
                        answers.push(post(&backend, paths::ORDERS, Some(&tap.token), &tap.key, tap.body.clone()).await?);
                    }
                    Ok::<_, Failure>(answers)
                })
            });
            let mut answers = Vec::new();
            for worker in workers.collect::<Vec<_>>() {
                answers.extend(worker.await??);
            }
            Ok::<_, Failure>(answers)
        })?;
        timed.add(began, count)?;
        check_all(&answers, count)?;
        self.call_off(&taps)
    }

    fn over_http(&mut self, timed: &mut Timed) -> Outcome {
        let count = MEMBERS * HELD;
        let taps = self.taps(count)?;
        let (next, address) = (AtomicUsize::new(0), self.backend.addr());
        let mut connections = (0..CLIENTS).map(|_| http::Connection::open(address)).collect::<Outcome<Vec<_>>>()?;
        let began = (Instant::now(), cpu_time());
        let client = |connection: &mut http::Connection| {
            let mut answers = Vec::new();
            while let Some(tap) = taps.get(next.fetch_add(1, Ordering::Relaxed)) {
                answers.push(connection.post(paths::ORDERS, &tap.token, &tap.key, &tap.body)?);
            }
            Ok(answers)
        };
        let answers: Vec<Outcome<Vec<Vec<u8>>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = connections.iter_mut().map(|connection| scope.spawn(|| client(connection))).collect();
            let join =
                |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|_| Err(Failure::new("a client panicked")));
            threads.into_iter().map(join).collect()
        });
        timed.add(began, count)?;
        check_all(&answers.into_iter().collect::<Outcome<Vec<_>>>()?.concat(), count)?;
        self.call_off(&taps)
    }

    /// So that the members may order again: nobody has many orders that are not paid. Not timed.
    fn call_off(&self, taps: &[Tap]) -> Outcome {
        self.runtime.block_on(async {
            for tap in taps {
                let step = OrderStepRequest { order: tap.order.clone(), step: OrderStep::Cancel, at_ms: T0 };
                let key = format!("{}-off", tap.key);
                let answer: OrderAnswer = say(&self.backend, paths::ORDER_STEPS, Some(&tap.token), &key, &step).await?;
                let state = answer.order.state;
                check(state == OrderState::Canceled, || format!("an order that was called off is {state:?}"))?;
            }
            Ok(())
        })
    }

    /// Holds slots, and makes the orders that follow: not timed.
    fn taps(&mut self, count: usize) -> Outcome<Vec<Tap>> {
        let first = self.made;
        self.made += count;
        let wanted: Vec<(usize, String)> = (first..self.made).map(|n| (n, self.token(n))).collect();
        let backend = Arc::clone(&self.backend);
        self.runtime.block_on(async move {
            let holds = wanted.into_iter().map(|(number, token)| {
                let backend = Arc::clone(&backend);
                tokio::spawn(async move { hold(&backend, number, token).await })
            });
            let mut taps = Vec::new();
            for held in holds.collect::<Vec<_>>() {
                taps.push(held.await??);
            }
            Ok(taps)
        })
    }

    fn token(&self, number: usize) -> String {
        self.tokens.get(number % self.tokens.len().max(1)).cloned().unwrap_or_default()
    }

    /// Every order that was answered is in the file.
    fn close(self, directory: &Path) -> Outcome {
        let backend = Arc::into_inner(self.backend).ok_or_else(|| Failure::new("a call is still on its way"))?;
        self.runtime.block_on(backend.shutdown());
        let kept = Connection::open_with_flags(directory.join("backend.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let orders: i64 = kept.query_row("SELECT COUNT(*) FROM orders", [], |row| row.get(0))?;
        check(usize::try_from(orders)? == self.made, || format!("{orders} of {} orders are kept", self.made))
    }
}

fn check_all(answers: &[Vec<u8>], count: usize) -> Outcome {
    check(answers.len() == count, || format!("{} of {count} answers", answers.len()))?;
    for body in answers {
        let answer: OrderAnswer = serde_json::from_slice(body)?;
        let accepted = answer.order.state == OrderState::Accepted;
        check(accepted && answer.question.is_none(), || format!("an order that is {:?}", answer.order.state))?;
    }
    Ok(())
}

async fn hold(backend: &Backend, number: usize, token: String) -> Outcome<Tap> {
    let mut id = [0; 10];
    id[..8].copy_from_slice(&u64::try_from(number)?.to_be_bytes());
    let order = OrderId(id_from_bytes(&id));
    // All over the next day, so that there is room for each.
    let promised_ms = T0 + HOUR + i64::try_from(number)? % 1_200 * 60_000;
    let time = PickupTime::Scheduled { at_ms: promised_ms };
    let cart = cart()?;
    let wish = SlotHoldRequest { order: order.clone(), store: STORE.into(), cart: cart.clone(), time, wanted_ms: None, replaces: None };
    let held = post(backend, paths::SLOT_HOLDS, Some(&token), &format!("hold-{number}"), serde_json::to_vec(&wish)?).await?;
    let SlotHoldAnswer { hold, refused, changes } = serde_json::from_slice(&held)?;
    let held = hold.ok_or_else(|| Failure::new(format!("no slot was free: {refused:?} {changes:?}")))?;
    let (tax, book, terms) = (TaxTable::from_json(JAPAN)?, MenuBook::new(menu())?, terms());
    let checkout = Checkout {
        terms: &terms,
        tax: &tax,
        book: &book,
        of: OrderOf::Menu,
        method: PaymentMethod::AtCounter,
        promised_ms,
        deadline_ms: held.until_ms,
        coupons: None,
        points: 0,
    };
    let request = OrderRequest {
        id: order.clone(),
        store: STORE.into(),
        of: OrderOf::Menu,
        shown: checkout.show(&cart)?.snapshot,
        cart,
        time,
        payment: PaymentChoice { method: PaymentMethod::AtCounter, token: None },
        coupons: Vec::new(),
        points: 0,
        replaces: None,
        seat: None,
        vehicle: String::new(),
        deliver_to: None,
        avoids: Vec::new(),
    };
    Ok(Tap { token, order, key: format!("order-{number}"), body: serde_json::to_vec(&request)? })
}

async fn post(backend: &Backend, path: &str, token: Option<&str>, key: &str, body: Vec<u8>) -> Outcome<Vec<u8>> {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-type", "application/json"), (IDEMPOTENCY_KEY, key)];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    let (status, body) = backend.answer("POST", path, &headers, body).await?;
    check(status == 200, || format!("{path} answers {status}: {}", String::from_utf8_lossy(&body)))?;
    Ok(body)
}

async fn say<Q: Serialize, R: DeserializeOwned>(backend: &Backend, path: &str, token: Option<&str>, key: &str, request: &Q) -> Outcome<R> {
    Ok(serde_json::from_slice(&post(backend, path, token, key, serde_json::to_vec(request)?).await?)?)
}

/// Puts the menu, and enrols the members; answers their tokens.
async fn open_shop(backend: &Backend) -> Outcome<Vec<String>> {
    let put = PutMenus { menus: vec![menu()], kitchens: vec![kitchen()], terms: vec![terms()], tax: None, allergens: None };
    say::<_, Kept>(backend, paths::OPERATOR_MENUS, Some(DEMO_OPERATOR_TOKEN), "menus", &put).await?;
    let mut tokens = Vec::with_capacity(MEMBERS);
    for number in 0..MEMBERS {
        let key = SoftwareKey::from_bytes(&[u8::try_from(number + 1)?; 32])?;
        let nonce = nonce(backend).await?;
        let request = EnrolRequest {
            public_key: key.public_key().to_base64url(),
            proof: proof(ProofKind::Enrol, &key, &nonce)?,
            nonce,
            link: None,
            replaces: None,
        };
        say::<_, noren_rules::wire::Enrolment>(backend, paths::ENROLMENTS, None, &format!("enrol-{number}"), &request).await?;
        let nonce = self::nonce(backend).await?;
        let request = TokenRequest { device_id: key.public_key().device_id(), proof: proof(ProofKind::Token, &key, &nonce)?, nonce };
        tokens.push(say::<_, AccessToken>(backend, paths::TOKENS, None, &format!("token-{number}"), &request).await?.token);
    }
    Ok(tokens)
}

async fn nonce(backend: &Backend) -> Outcome<String> {
    let (_, body) = backend.answer("GET", paths::NONCE, &[], Vec::new()).await?;
    Ok(serde_json::from_slice::<Nonce>(&body)?.nonce)
}

fn proof(kind: ProofKind, key: &SoftwareKey, nonce: &str) -> Outcome<String> {
    let nonce = b64::decode(nonce).ok_or_else(|| Failure::new("a nonce that is no base64url"))?;
    Ok(prove(kind, &key.public_key(), &nonce, |message| Ok::<_, std::convert::Infallible>(key.sign(message)))?)
}

fn cart() -> Outcome<Cart> {
    let book = MenuBook::new(menu())?;
    let line = |item: &str, quantity| CartLine::of(&book, &item.into(), quantity, TaxHandoff::TakeOut);
    let lines: Option<Vec<CartLine>> = [line("burger", 2), line("fries", 1), line("tea", 1)].into_iter().collect();
    let lines = lines.ok_or_else(|| Failure::new("an item that is not on the menu"))?;
    Ok(Cart { lines, ..Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut) })
}

fn menu() -> Menu {
    let item = |id: &str, title: &str, amount_minor: i64, seconds: u32| MenuItem {
        id: id.into(),
        sku: id.into(),
        class: None,
        title: [("ja", title), ("en", id)].into(),
        description: Default::default(),
        prices: vec![MenuPrice { handoff: None, amount_minor }],
        tax_class: TaxClass::Food,
        mixed_set: None,
        groups: Vec::new(),
        allergens: Default::default(),
        least_age: None,
        most: None,
        greatest_discount_permille: None,
        make: vec![MakeStep { station: "kitchen".into(), seconds, batch: 1 }],
    };
    let items = vec![item("burger", "バーガー", 540, 90), item("fries", "ポテト", 216, 60), item("tea", "お茶", 150, 10)];
    let section = MenuSection {
        title: [("ja", "定番"), ("en", "All day")].into(),
        handoffs: Vec::new(),
        hours: Vec::new(),
        items: items.iter().map(|item| item.id.clone()).collect(),
    };
    Menu { store: STORE.into(), version: 1, currency: "JPY".to_owned(), sections: vec![section], items, groups: Vec::new() }
}

fn kitchen() -> KitchenPlan {
    KitchenPlan {
        store: STORE.into(),
        stations: vec![Station { id: "kitchen".into(), makers: 1_000, shifts: Vec::new(), walk_in: Vec::new() }],
        per_order: Vec::new(),
        hours: PickupHours {
            spans: (0..7).map(|weekday| OpeningSpan { weekday, opens_min: 0, closes_min: 1_440 }).collect(),
            holidays: Vec::new(),
            utc_offset_min: 540,
            before_open_min: 60,
            last_order_min: 0,
            last_pickup_min: 0,
        },
        step_min: 5,
        least_lead_min: 0,
        earliest_start_min: 20,
        hold_s: 3_600,
        same_day: true,
        later_days: 2,
        alternatives: 3,
        levelling: None,
    }
}

fn terms() -> OrderTerms {
    OrderTerms {
        store: STORE.into(),
        store_name: [("ja", "試験店"), ("en", "Bench")].into(),
        issuer: Issuer { name: "試験商店".to_owned(), registration_number: Some("T1234567890123".to_owned()) },
        currency: "JPY".to_owned(),
        rounding: TaxRounding::Down,
        handoffs: vec![HandoffMode::CounterPickup],
        methods: vec![PaymentMethod::AtCounter],
        capture: CaptureTime::AtAcceptance,
        auto_accept: true,
        accept_within_s: 120,
        cancel_before_min: None,
        keep_min: 60,
        keep_goods_days: 7,
        complete_after_min: 30,
        charge_no_show: false,
        delivery_fee_minor: 0,
        points: None,
        attach_within_min: 60,
        cancel_text: Default::default(),
        utc_offset_min: 540,
    }
}
