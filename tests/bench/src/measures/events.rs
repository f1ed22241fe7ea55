//! Stock events into the backend, beside SQLite that writes the same rows and decides nothing.

use std::path::Path;

use noren_backend::{DEMO_OPERATOR_TOKEN, Settings};
use noren_rules::stock::{StockEvent, StockEventKind, StockState};
use noren_rules::wire::{StockEventsRequest, paths};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use crate::dice::Dice;
use crate::report::{Line, Outcome, Samples, check};

const PEER: &str =
    "bare SQLite: the same event, change and level rows in the same tables, one durable transaction a batch, nothing decided";
const LOADED: usize = 5_000;
/// Each waits for the disk.
const MOST_SINGLE: usize = 2_000;
/// 2027-01-15T08:00:00Z.
const T0: i64 = 1_800_000_000_000;

/// How many stores, variants and events, and how many a call.
#[derive(Debug, clap::Args)]
pub(crate) struct Shape {
    /// Stores.
    #[arg(long, default_value_t = 100)]
    stores: usize,
    /// Variants of each.
    #[arg(long, default_value_t = 1_000)]
    variants: usize,
    /// Sales that are timed.
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// Events a call.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
}

pub(crate) fn run(shape: &Shape) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let directory = tempfile::tempdir()?;
    // With a data directory it is as in production: synchronous=FULL.
    let settings =
        Settings { data: Some(directory.path().join("backend")), clock: std::sync::Arc::new(|| T0 + 86_400_000), ..Settings::default() };
    let backend = runtime.block_on(noren_backend::start(settings))?;
    let mut ours = Ours::connect(backend.addr())?;
    let file = directory.path().join("backend/backend.sqlite");
    let mut theirs = open_peer(&directory.path().join("bare.sqlite"), &file)?;
    let levels = load(shape, &mut ours, &mut theirs)?;
    let mut sales = Sales { dice: Dice::new(0x5a1e), shape, made: 0 };

    // Checked before it is timed, and after it again.
    let first = sales.batch(shape.batch);
    ours.post(&first)?;
    bare_sales(&mut theirs, &ready(&first)?)?;
    same(&file, &theirs)?;
    timed("stock_events", (shape.batch, shape.events / shape.batch.max(1)), &mut sales, &mut ours, &mut theirs)?;
    timed("stock_events_one_a_call", (1, shape.events.min(MOST_SINGLE)), &mut sales, &mut ours, &mut theirs)?;
    same(&file, &theirs)?;
    drop(ours);
    runtime.block_on(backend.shutdown());
    let bytes = std::fs::metadata(&file)?.len();
    Line::new("stock_backend_file", &Samples::default())
        .with("levels", levels)
        .with("events", levels + sales.made)
        .with("bytes", bytes)
        .emit()
}

fn timed(name: &str, (batch, runs): (usize, usize), sales: &mut Sales<'_>, ours: &mut Ours, theirs: &mut Connection) -> Outcome {
    let (mut mine, mut other) = (Samples::default(), Samples::default());
    for number in 0..runs.max(1) {
        let events = sales.batch(batch);
        let (body, rows) = (body_of(&events)?, ready(&events)?);
        // Ours and the peer take turns in being first.
        if number % 2 == 0 {
            mine.time(|| ours.send(&body))?;
            other.time(|| bare_sales(theirs, &rows))?;
        } else {
            other.time(|| bare_sales(theirs, &rows))?;
            mine.time(|| ours.send(&body))?;
        }
    }
    let per_second = |samples: &Samples| (samples.len() * batch) as f64 / samples.total().as_secs_f64();
    Line::new(name, &mine)
        .beside(PEER, &other)
        .with("events_per_s", per_second(&mine).round())
        .with("peer_events_per_s", per_second(&other).round())
        .with("batch", batch)
        .with("stores", sales.shape.stores)
        .with("variants", sales.shape.variants)
        .with("through", "HTTP on loopback: JSON read, checked, decided, answered under an idempotency key")
        .emit()
}

/// The backend, over a connection that stays open.
struct Ours {
    connection: crate::http::Connection,
    calls: u64,
}

impl Ours {
    fn connect(address: std::net::SocketAddr) -> Outcome<Self> {
        Ok(Self { connection: crate::http::Connection::open(address)?, calls: 0 })
    }

    fn post(&mut self, events: &[StockEvent]) -> Outcome {
        self.send(&body_of(events)?)
    }

    fn send(&mut self, body: &[u8]) -> Outcome {
        self.calls += 1;
        self.connection.post(paths::STOCK_EVENTS, DEMO_OPERATOR_TOKEN, &self.calls.to_string(), body).map(drop)
    }
}

fn body_of(events: &[StockEvent]) -> Outcome<Vec<u8>> {
    Ok(serde_json::to_vec(&StockEventsRequest { events: events.to_vec(), said_until_ms: None, stores: Vec::new() })?)
}

fn event(shape: &Shape, number: usize, id: String, at_ms: i64, kind: StockEventKind) -> StockEvent {
    let (store, variant) = (number / shape.variants.max(1), number % shape.variants.max(1));
    StockEvent {
        source: format!("till-{store}"),
        id,
        store: format!("store-{store:04}").into(),
        sku: format!("4901{variant:08}").into(),
        at_ms,
        kind,
    }
}

/// Sales of one piece here and there, one after another.
struct Sales<'a> {
    dice: Dice,
    shape: &'a Shape,
    made: usize,
}

impl Sales<'_> {
    fn batch(&mut self, size: usize) -> Vec<StockEvent> {
        (0..size)
            .map(|_| {
                self.made += 1;
                let (number, at_ms) = (self.dice.index(self.shape.stores * self.shape.variants), T0 + self.made as i64);
                event(self.shape, number, format!("s{}", self.made), at_ms, StockEventKind::Sale { quantity: 1 })
            })
            .collect()
    }
}

/// The peer's tables are the backend's own, with their indexes and its settings.
fn open_peer(path: &Path, backend: &Path) -> Outcome<Connection> {
    let theirs = Connection::open(path)?;
    theirs.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    theirs.execute_batch(
        "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384; PRAGMA journal_size_limit=4194304;",
    )?;
    theirs.set_prepared_statement_cache_capacity(128);
    let reader = Connection::open_with_flags(backend, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut tables = reader.prepare("SELECT sql FROM sqlite_schema WHERE tbl_name LIKE 'stock%' AND sql IS NOT NULL ORDER BY type DESC")?;
    for sql in tables.query_map([], |row| row.get::<_, String>(0))? {
        theirs.execute_batch(&sql?)?;
    }
    Ok(theirs)
}

/// Every variant is counted in every store, on both sides.
fn load(shape: &Shape, ours: &mut Ours, theirs: &mut Connection) -> Outcome<usize> {
    let levels = shape.stores * shape.variants;
    let numbers: Vec<usize> = (0..levels).collect();
    let counted = StockEventKind::Count { quantity: 1_000_000, state: StockState::Sellable };
    for (batch, numbers) in numbers.chunks(LOADED).enumerate() {
        let counts: Vec<StockEvent> =
            numbers.iter().map(|number| event(shape, *number, format!("c{number}"), T0, counted.clone())).collect();
        ours.post(&counts)?;
        let tx = theirs.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (at, (count, json)) in ready(&counts)?.into_iter().enumerate() {
            let version = (batch * LOADED + at + 1) as i64;
            tx.prepare_cached("INSERT INTO stock_events VALUES (?1, ?2, ?3, ?4)")?.execute(params![count.source, count.id, json, T0])?;
            tx.prepare_cached("INSERT INTO stock_counts VALUES (?1, ?2, 0, ?3, ?4, ?5)")?.execute(params![
                count.store.as_str(),
                count.sku.as_str(),
                count.at_ms,
                count.source,
                count.id
            ])?;
            tx.prepare_cached(
                "INSERT INTO stock_levels (store, sku, sellable, display, fitting_room, damaged, hold_shelf, in_transit, safety, first_ms, sold,
                     sold_at_ms, proven_ms, not_found, version, available, sold_per_day_milli, error_permille)
                 VALUES (?1, ?2, 1000000, 0, 0, 0, 0, 0, 0, ?3, 0.0, 0, ?3, 0, ?4, 1000000, 0, 0)",
            )?
            .execute(params![count.store.as_str(), count.sku.as_str(), count.at_ms, version])?;
        }
        tx.commit()?;
    }
    Ok(levels)
}

/// Rows that are ready to be bound: the event with its JSON.
fn ready(events: &[StockEvent]) -> Outcome<Vec<(StockEvent, String)>> {
    events.iter().map(|event| Ok((event.clone(), serde_json::to_string(event)?))).collect()
}

fn bare_sales(theirs: &mut Connection, rows: &[(StockEvent, String)]) -> Outcome {
    let tx = theirs.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut events = tx.prepare_cached("INSERT INTO stock_events VALUES (?1, ?2, ?3, ?4)")?;
        let mut changes = tx.prepare_cached("INSERT INTO stock_changes VALUES (?1, ?2, 0, ?3, ?4, ?5, -1)")?;
        let mut levels = tx.prepare_cached(
            "UPDATE stock_levels SET sellable = sellable - 1, available = available - 1, version = ?3, sold = sold + 1, sold_at_ms = ?3
             WHERE store = ?1 AND sku = ?2",
        )?;
        for (sale, json) in rows {
            events.execute(params![sale.source, sale.id, json, sale.at_ms])?;
            changes.execute(params![sale.store.as_str(), sale.sku.as_str(), sale.at_ms, sale.source, sale.id])?;
            let changed = levels.execute(params![sale.store.as_str(), sale.sku.as_str(), sale.at_ms])?;
            check(changed == 1, || "a level that was never counted".to_owned())?;
        }
    }
    Ok(tx.commit()?)
}

/// Both sides say the same of every level, and have kept the same events and changes.
fn same(backend: &Path, theirs: &Connection) -> Outcome {
    let ours = Connection::open_with_flags(backend, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    type Level = (String, String, i64, i64);
    let levels = |connection: &Connection| -> Outcome<Vec<Level>> {
        let mut all = connection.prepare("SELECT store, sku, sellable, available FROM stock_levels ORDER BY store, sku")?;
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    check(levels(&ours)? == levels(theirs)?, || "levels here and there".to_owned())?;
    for table in ["stock_events", "stock_changes"] {
        let count =
            |connection: &Connection| connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
        let (mine, other) = (count(&ours)?, count(theirs)?);
        check(mine == other && mine > 0, || format!("{table}: {mine} here and {other} there"))?;
    }
    Ok(())
}
