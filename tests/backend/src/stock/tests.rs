//! The books come to what all events together say, however these arrive.

use std::collections::BTreeSet;

use noren_rules::ids::{Sku, StoreId};
use noren_rules::stock::{ChanceModel, StockEvent, StockEventKind, StockLedger, StockState, available};
use proptest::prelude::*;
use rusqlite::Connection;

use super::level::{self, Level};
use super::{Book, Heard};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const T0: i64 = 1_800_000_000_000;
const STORES: [&str; 3] = ["ginza", "shibuya", "web"];
const SKUS: [&str; 2] = ["shirt-s", "shirt-m"];
const STATES: [StockState; 6] =
    [StockState::Sellable, StockState::Display, StockState::FittingRoom, StockState::Damaged, StockState::HoldShelf, StockState::InTransit];
/// Clocks of tills: right, an hour late, twenty minutes ahead.
const SKEWS: [i64; 3] = [0, -HOUR, 20 * MINUTE];

fn database() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    crate::store::migrate(&db, "life", 0).unwrap();
    db
}

fn empty(db: &Connection) {
    for table in ["stock_events", "stock_ahead", "stock_changes", "stock_counts", "stock_locations", "stock_levels"] {
        db.execute(&format!("DELETE FROM {table}"), []).unwrap();
    }
}

fn hear(db: &Connection, events: &[&StockEvent], now_ms: i64) -> Vec<Heard> {
    let model = ChanceModel::default();
    let mut book = Book::open(db, &model, now_ms).unwrap();
    let heard = events.iter().map(|event| book.hear(event).unwrap()).collect();
    book.close().unwrap();
    heard
}

fn load(db: &Connection, store: &str, sku: &str) -> Level {
    Level::load(db, &store.into(), &sku.into()).unwrap()
}

fn event(id: &str, at_ms: i64, kind: StockEventKind) -> StockEvent {
    StockEvent { source: "till-1".to_owned(), id: id.to_owned(), store: STORES[0].into(), sku: SKUS[0].into(), at_ms, kind }
}

fn count(quantity: u32) -> StockEventKind {
    StockEventKind::Count { quantity, state: StockState::Sellable }
}

fn sale(quantity: u32) -> StockEventKind {
    StockEventKind::Sale { quantity }
}

fn any_kind() -> impl Strategy<Value = StockEventKind> {
    let state = || prop::sample::select(STATES.to_vec());
    let other = || prop::sample::select(STORES.to_vec()).prop_map(StoreId::from);
    prop_oneof![
        4 => (1..5u32).prop_map(sale),
        1 => (1..3u32, state()).prop_map(|(quantity, state)| StockEventKind::Return { quantity, state }),
        2 => (0..20u32, state()).prop_map(|(quantity, state)| StockEventKind::Count { quantity, state }),
        2 => (0..20u32).prop_map(count),
        1 => (-5..9i64, state()).prop_map(|(quantity, state)| StockEventKind::Adjustment { quantity, state }),
        2 => (1..4u32, state(), state()).prop_map(|(quantity, from, to)| StockEventKind::Move { quantity, from, to }),
        1 => (1..4u32, other()).prop_map(|(quantity, to)| StockEventKind::TransferOut { quantity, to }),
        1 => (1..4u32, other()).prop_map(|(quantity, from)| StockEventKind::TransferIn { quantity, from }),
    ]
}

/// What three sources say of two variants in three stores within two hours; some of it at the same millisecond.
fn any_log() -> impl Strategy<Value = Vec<StockEvent>> {
    let one = (0..3usize, 0..3usize, 0..2usize, 0..24i64, any_kind());
    prop::collection::vec(one, 1..40).prop_map(|log| {
        let events = log.into_iter().enumerate().map(|(at, (source, store, sku, five_minutes, kind))| StockEvent {
            source: format!("till-{source}"),
            // Ids of different length: their order is that of their bytes, not of their numbers.
            id: at.to_string(),
            store: STORES[store].into(),
            sku: SKUS[sku].into(),
            at_ms: T0 + five_minutes * 5 * MINUTE + SKEWS[source],
            kind,
        });
        events.filter(|event| event.check().is_ok()).collect()
    })
}

fn check_against(db: &Connection, ledger: &StockLedger) -> Result<(), TestCaseError> {
    for store in STORES {
        for sku in SKUS {
            let (store_id, sku_id): (StoreId, Sku) = (store.into(), sku.into());
            let level = load(db, store, sku);
            for state in STATES {
                prop_assert_eq!(level.on_hand(state), ledger.on_hand(&store_id, &sku_id, state), "{} {} {:?}", store, sku, state);
            }
            // What phones are told follows, and what cannot be right is absent and flagged.
            let told = level::newer(db, &store_id, 0, 100).unwrap().into_iter().find(|(_, told)| told.sku == sku_id);
            if let Some((_, told)) = told {
                let sellable = level.on_hand(StockState::Sellable);
                prop_assert_eq!(told.available, available(sellable, 0, 0));
                prop_assert_eq!(i64::from(told.display), level.on_hand(StockState::Display).max(0));
                let flagged: BTreeSet<String> = super::operator::find_flags(db)
                    .unwrap()
                    .flags
                    .into_iter()
                    .filter(|flag| flag.store == store_id && flag.sku == sku_id)
                    .map(|flag| flag.cause)
                    .collect();
                prop_assert_eq!(flagged.contains("negative"), sellable < 0);
            }
        }
    }
    Ok(())
}

thread_local!(static DATABASE: Connection = database());

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shuffled_and_doubled_the_log_ends_in_the_same_stock(
        (log, arrivals) in any_log().prop_flat_map(|log| {
            let doubled: Vec<usize> = (0..log.len()).chain(0..log.len()).collect();
            (Just(log), Just(doubled).prop_shuffle())
        }),
        batch in 1..9usize,
        step in 0..4i64,
    ) {
        DATABASE.with(|db| {
            empty(db);
            let mut ledger = StockLedger::default();
            let _ = log.iter().filter(|event| ledger.add(event)).count();
            // The server's clock goes on while they arrive: some come before their time, most after it.
            let (mut now_ms, mut new, mut known) = (T0 - HOUR, 0, 0);
            for arrived in arrivals.chunks(batch) {
                let events: Vec<&StockEvent> = arrived.iter().map(|at| &log[*at]).collect();
                for heard in hear(db, &events, now_ms) {
                    if heard == Heard::Known { known += 1 } else { new += 1 }
                }
                now_ms += step * 10 * MINUTE;
            }
            prop_assert_eq!((new, known), (log.len(), log.len()));
            hear(db, &[], T0 + 10 * HOUR);
            check_against(db, &ledger)
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_cancelled_as_it_comes_leaves_the_books_right_at_every_moment(
        log in any_log().prop_shuffle(),
        is_void in prop::collection::vec(any::<bool>(), 40),
        batch in 1..5usize,
        step in 0..4i64,
    ) {
        DATABASE.with(|db| {
            empty(db);
            let model = ChanceModel::default();
            let mut now_ms = T0 - HOUR;
            for (chunk, is_void) in log.chunks(batch).zip(is_void.chunks(batch)) {
                hear(db, &chunk.iter().collect::<Vec<_>>(), now_ms);
                now_ms += step * 5 * MINUTE;
                let mut book = Book::open(db, &model, now_ms).unwrap();
                for (event, _) in chunk.iter().zip(is_void).filter(|(_, is_void)| **is_void) {
                    super::sales::undo(&mut book, event).unwrap();
                }
                book.close().unwrap();
                check_against(db, &what_counts(db))?;
                now_ms += step * 5 * MINUTE;
            }
            hear(db, &[], T0 + 10 * HOUR);
            check_against(db, &what_counts(db))
        })?;
    }
}

/// What was heard and has not to wait; what undoes something counts only where that does.
fn what_counts(db: &Connection) -> StockLedger {
    let sql = "SELECT e.event, a.id IS NOT NULL FROM stock_events e LEFT JOIN stock_ahead a ON a.source = e.source AND a.id = e.id";
    let mut statement = db.prepare_cached(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))).unwrap();
    let (waiting, counting): (Vec<_>, Vec<_>) = rows.map(Result::unwrap).partition(|(_, waits)| *waits);
    let read = |rows: Vec<(String, bool)>| rows.iter().map(|(event, _)| serde_json::from_str(event).unwrap()).collect::<Vec<StockEvent>>();
    let (waiting, counting) = (read(waiting), read(counting));
    let mut ledger = StockLedger::default();
    for event in &counting {
        let undone = event.id.strip_suffix("/void");
        assert!(
            !waiting.iter().any(|waits| waits.source == event.source && Some(waits.id.as_str()) == undone),
            "{event:?} before what it undoes"
        );
        ledger.add(event);
    }
    ledger
}

#[test]
fn a_late_event_that_makes_it_negative_is_not_known_and_flagged() {
    let db = database();
    hear(&db, &[&event("1", T0, count(2)), &event("2", T0 + 1, sale(2))], T0 + HOUR);
    assert_eq!(load(&db, STORES[0], SKUS[0]).available(), Some(Some(0)));
    hear(&db, &[&event("3", T0 + 2, sale(1))], T0 + HOUR);
    assert_eq!(load(&db, STORES[0], SKUS[0]).available(), Some(None));
    let flags = super::operator::find_flags(&db).unwrap().flags;
    assert_eq!((flags.len(), flags[0].on_hand, flags[0].cause.as_str(), flags[0].since_ms), (1, -1, "negative", T0 + HOUR));
    // Since when stays as it goes on; a count ends it.
    hear(&db, &[&event("4", T0 + 3, sale(1))], T0 + 2 * HOUR);
    let flags = super::operator::find_flags(&db).unwrap().flags;
    assert_eq!((flags[0].on_hand, flags[0].since_ms), (-2, T0 + HOUR));
    hear(&db, &[&event("5", T0 + 4, count(3))], T0 + 2 * HOUR);
    assert!(super::operator::find_flags(&db).unwrap().flags.is_empty());
    assert_eq!(load(&db, STORES[0], SKUS[0]).available(), Some(Some(3)));
}

#[test]
fn a_pick_that_finds_nothing_is_believed_against_what_was_before_it() {
    let db = database();
    let model = ChanceModel::default();
    let pick = |found: bool, now_ms: i64| {
        let mut book = Book::open(&db, &model, now_ms).unwrap();
        let level = book.level(&STORES[0].into(), &SKUS[0].into()).unwrap();
        if found {
            level.pick_found(now_ms)
        } else {
            level.pick_found_nothing(now_ms)
        }
        book.close().unwrap();
    };
    let doubt = || level::newer(&db, &STORES[0].into(), 0, 9).unwrap().remove(0).1.error_permille;
    let is_flagged = || !super::operator::find_flags(&db).unwrap().flags.is_empty();
    hear(&db, &[&event("c", T0, count(5))], T0);
    let proven = doubt();
    // However often it was found before.
    (0..20).for_each(|at| pick(true, T0 + at));
    pick(false, T0 + HOUR);
    let missed = doubt();
    assert!(missed > 10 * proven && is_flagged(), "{proven} {missed}");
    // A sale says that there are some; what finds nothing after it says that there are none any more, and older misses say nothing more.
    hear(&db, &[&event("s", T0 + 2 * HOUR, sale(1))], T0 + 2 * HOUR);
    assert!(doubt() <= 2 * proven, "{}", doubt());
    pick(false, T0 + 3 * HOUR);
    assert!(doubt().abs_diff(missed) < missed / 2, "{} {missed}", doubt());
    pick(false, T0 + 3 * HOUR + MINUTE);
    assert!(doubt() > 2 * missed, "{} {missed}", doubt());
    // A count of before arrives late: it has not seen the miss of after it.
    hear(&db, &[&event("late", T0 + 2 * HOUR + 30 * MINUTE, count(4))], T0 + 4 * HOUR);
    assert!(doubt() > 5 * proven && is_flagged(), "{}", doubt());
    // Found: it is there, and still to be counted.
    pick(true, T0 + 5 * HOUR);
    assert!(doubt() <= 2 * proven && is_flagged(), "{}", doubt());
    hear(&db, &[&event("new", T0 + 6 * HOUR, count(4))], T0 + 6 * HOUR);
    assert!(doubt() <= 2 * proven && !is_flagged(), "{}", doubt());
}

#[test]
fn an_event_ahead_of_the_clock_counts_when_its_time_has_come() {
    let db = database();
    let heard = hear(&db, &[&event("1", T0, count(5)), &event("2", T0 + 6 * MINUTE, sale(1)), &event("3", T0 + 5 * MINUTE, sale(1))], T0);
    assert_eq!(heard, [Heard::Counted, Heard::Ahead, Heard::Counted]);
    let known = hear(&db, &[&event("2", T0 + 6 * MINUTE, sale(1))], T0 + MINUTE);
    assert_eq!(known, [Heard::Known]);
    assert_eq!(load(&db, STORES[0], SKUS[0]).on_hand(StockState::Sellable), 4);
    hear(&db, &[], T0 + 6 * MINUTE - 1);
    assert_eq!(load(&db, STORES[0], SKUS[0]).on_hand(StockState::Sellable), 4);
    hear(&db, &[], T0 + 6 * MINUTE);
    assert_eq!(load(&db, STORES[0], SKUS[0]).on_hand(StockState::Sellable), 3);
    let said = super::locations::find(&db, &STORES[0].into()).unwrap().unwrap().said_until_ms;
    assert_eq!(said, Some(T0 + 6 * MINUTE), "no store has said more than the clock shows");
}

#[test]
fn a_level_is_told_again_when_a_phone_would_see_it() {
    let db = database();
    let version = || level::newest_version(&db, &STORES[0].into()).unwrap();
    hear(&db, &[&event("1", T0, count(5))], T0);
    let first = version();
    // The same count again says nothing new.
    hear(&db, &[&event("2", T0 + 1, count(5))], T0 + 1);
    assert_eq!(version(), first);
    // Slow figures are told when they have moved by more than a fifth: sixty pieces a month, and one more.
    let month: Vec<StockEvent> = (0..60).map(|at| event(&format!("s{at}"), T0 + 12 * HOUR * at, sale(1))).collect();
    hear(&db, &month.iter().collect::<Vec<_>>(), T0 + 31 * 24 * HOUR);
    hear(&db, &[&event("3", T0 + 31 * 24 * HOUR, count(50))], T0 + 31 * 24 * HOUR);
    let (told_at, told) = level::newer(&db, &STORES[0].into(), 0, 9).unwrap().remove(0);
    assert!((1_500..2_500).contains(&told.sold_per_day_milli), "{told:?}");
    let one_more = [&event("4", T0 + 32 * 24 * HOUR, sale(1)), &event("5", T0 + 32 * 24 * HOUR + 1, count(50))];
    hear(&db, &one_more, T0 + 32 * 24 * HOUR + 1);
    assert_eq!(level::newer(&db, &STORES[0].into(), told_at, 9).unwrap(), []);
}

#[test]
fn a_shelf_of_which_the_tills_are_silent_is_doubted_more_and_more() {
    let db = database();
    let day = 24 * HOUR;
    let sales: Vec<StockEvent> = (0..56).map(|at| event(&format!("s{at}"), T0 + at * day / 2, sale(1))).collect();
    hear(&db, &sales.iter().collect::<Vec<_>>(), T0 + 28 * day);
    let begins = T0 + 28 * day;
    hear(&db, &[&event("c", begins, count(5))], begins);
    let doubt = || level::newer(&db, &STORES[0].into(), 0, 9).unwrap().remove(0).1.error_permille;
    let (proven, mut before, mut told) = (doubt(), doubt(), 0);
    for hours in (1..28).map(|half_days| half_days * 12) {
        let now_ms = begins + hours * HOUR;
        // Nobody says anything: what has come due is done by whoever reads.
        doubt_again(&db, now_ms);
        assert!(level::in_doubt(&db, now_ms).unwrap().is_empty() && doubt() >= before);
        told += u32::from(doubt() > before);
        before = doubt();
    }
    assert!(before > 5 * proven && (4..14).contains(&told), "{proven} {before} {told}");
    // A sale says that it is there; an empty shelf need not be doubted.
    hear(&db, &[&event("again", begins + 14 * day, sale(1))], begins + 14 * day);
    assert!(doubt() <= proven + proven / 2, "{}", doubt());
    assert_eq!(level::in_doubt(&db, begins + 16 * day).unwrap().len(), 1, "and the doubt begins anew");
    hear(&db, &[&event("out", begins + 14 * day + 1, count(0))], begins + 14 * day + 1);
    assert!(level::in_doubt(&db, begins + 99 * day).unwrap().is_empty());
}

fn doubt_again(db: &Connection, now_ms: i64) {
    let model = ChanceModel::default();
    if super::book::is_doubt_due(db, now_ms).unwrap() {
        let mut book = Book::open(db, &model, now_ms).unwrap();
        book.doubt_again().unwrap();
        book.close().unwrap();
    }
}

#[test]
fn a_read_writes_little_and_seldom_however_much_is_doubted() {
    let db = database();
    let day = 24 * HOUR;
    let of = |at: usize| StockEvent { id: at.to_string(), sku: format!("s{at}").as_str().into(), ..event("", T0, count(5)) };
    let counted: Vec<StockEvent> = (0..1_200).map(of).collect();
    hear(&db, &counted.iter().collect::<Vec<_>>(), T0);
    let left =
        |now_ms: i64| db.query_row("SELECT COUNT(*) FROM stock_levels WHERE again_ms <= ?1", [now_ms], |row| row.get::<_, i64>(0)).unwrap();
    // They do not all come due at once, and what has come due keeps no read from its answer.
    let soon = left(T0 + day + HOUR);
    assert!((100..1_100).contains(&soon), "{soon}");
    let due = T0 + 2 * day;
    assert!(left(due) == 1_200 && !super::book::is_due(&db, due).unwrap());
    let after = [0, 1, MINUTE - 1, MINUTE, 2 * MINUTE, 3 * MINUTE].map(|ms| {
        doubt_again(&db, due + ms);
        left(due + ms)
    });
    assert_eq!(after, [700, 700, 700, 200, 0, 0]);
}
