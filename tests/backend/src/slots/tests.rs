//! The book in memory is what the table says, whatever was written, taken back, or killed in between.

use noren_rules::ids::{MemberId, OrderId, StoreId};
use noren_rules::places::OpeningSpan;
use noren_rules::slots::{
    KitchenBook, KitchenPlan, MakeTask, PickupHours, PickupTime, SlotBooking, SlotHoldError, SlotRequest, Station, StoreMode,
};
use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::app::{App, lock};
use crate::keys::KeyRing;
use crate::settings::{Durability, Settings};
use crate::store::Store;

const T0: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;
const STORE: &str = "s";

fn plan(stations: &[&str]) -> KitchenPlan {
    let station = |id: &&str| Station { id: (*id).into(), makers: 2, shifts: vec![], walk_in: vec![] };
    KitchenPlan {
        store: STORE.into(),
        stations: stations.iter().map(station).collect(),
        per_order: vec![],
        hours: PickupHours {
            spans: (0..7).map(|weekday| OpeningSpan { weekday, opens_min: 0, closes_min: 1_440 }).collect(),
            holidays: vec![],
            utc_offset_min: 540,
            before_open_min: 60,
            last_order_min: 0,
            last_pickup_min: 0,
        },
        step_min: 5,
        least_lead_min: 0,
        earliest_start_min: 20,
        hold_s: 300,
        same_day: true,
        later_days: 1,
        alternatives: 3,
        levelling: None,
    }
}

/// An app whose own database nobody uses, and a database beside it.
fn kitchen() -> (tempfile::TempDir, App, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::default();
    let keys = KeyRing::open(directory.path(), false, &settings.entropy, T0 / 1_000).unwrap();
    let store = Store::open(directory.path(), Durability::None, "life", T0).unwrap();
    let app = App::new(settings, keys, store);
    let db = Connection::open_in_memory().unwrap();
    crate::store::migrate(&db, "life", T0).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let mode = to_json(&StoreMode::Online, "mode").unwrap();
    db.execute("INSERT INTO order_stores (store, terms, mode, mode_since_ms) VALUES (?1, '', ?2, ?3)", params![STORE, mode, T0]).unwrap();
    put_plan(&db, &app, &plan(&["grill", "bar"])).unwrap();
    (directory, app, db)
}

fn store() -> StoreId {
    STORE.into()
}

fn member() -> MemberId {
    MemberId("m".to_owned())
}

fn order(number: u8) -> OrderId {
    OrderId(format!("o{number}"))
}

fn work(number: usize) -> Vec<MakeTask> {
    let task = |station: &str, seconds, batches| MakeTask { station: station.into(), seconds, batches };
    let works = [vec![task("grill", 240, 2)], vec![task("bar", 60, 1), task("grill", 90, 1)], vec![task("bar", 600, 2)]];
    works[number % works.len()].clone()
}

#[derive(Debug, Clone)]
enum Step {
    Hold(u8, usize, Option<i64>),
    Confirm(u8),
    Release(u8),
    Move(u8, usize, i64),
    HandOn(u8, u8),
    Postpone(u8, i64),
    Ready(u8),
    WalkIn(usize),
    Mode(StoreMode),
    Plan(bool),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<(Step, bool)>> {
    let minute = 5i64..120;
    let mode = prop_oneof![Just(StoreMode::Online), Just(StoreMode::Busy { delay_min: 10 }), Just(StoreMode::Paused { until_ms: None })];
    let step = prop_oneof![
        6 => (0u8..8, 0usize..3, prop::option::of(minute.clone())).prop_map(|(order, work, minute)| Step::Hold(order, work, minute)),
        3 => (0u8..8).prop_map(Step::Confirm),
        1 => (0u8..8).prop_map(Step::Release),
        1 => (0u8..8, 0usize..3, minute.clone()).prop_map(|(order, work, minute)| Step::Move(order, work, minute)),
        1 => (0u8..8, 0u8..8).prop_map(|(from, to)| Step::HandOn(from, to)),
        1 => (0u8..8, minute).prop_map(|(order, minute)| Step::Postpone(order, minute)),
        1 => (0u8..8).prop_map(Step::Ready),
        1 => (0usize..3).prop_map(Step::WalkIn),
        1 => mode.prop_map(Step::Mode),
        1 => any::<bool>().prop_map(Step::Plan),
        2 => (1i64..400).prop_map(Step::Wait),
    ];
    // Three in ten are taken back.
    prop::collection::vec((step, prop::bool::weighted(0.7)), 1..40)
}

fn take(db: &Connection, app: &App, step: &Step, now_ms: i64) {
    let time = |minute: i64| PickupTime::Scheduled { at_ms: T0 + minute * MINUTE };
    match step {
        Step::Hold(id, tasks, minute) => {
            let request = SlotRequest { order: order(*id), tasks: work(*tasks), time: minute.map_or(PickupTime::Asap, time) };
            drop(hold(db, app, &store(), &member(), &request, None, now_ms).unwrap());
        }
        Step::Confirm(id) => drop(confirm(db, app, &store(), &[member()], &order(*id), now_ms).unwrap()),
        Step::Release(id) => drop(release(db, app, &order(*id), now_ms).unwrap()),
        Step::Move(id, tasks, minute) => drop(move_to(db, app, &order(*id), &work(*tasks), time(*minute), now_ms).unwrap()),
        Step::HandOn(from, to) => drop(hand_on(db, app, &order(*from), &order(*to), now_ms).unwrap()),
        Step::Postpone(id, minute) => drop(postpone(db, app, &order(*id), T0 + minute * MINUTE, now_ms).unwrap()),
        Step::Ready(id) => drop(ready(db, app, &order(*id), now_ms).unwrap()),
        Step::WalkIn(tasks) => drop(walk_in(db, app, &store(), &work(*tasks), now_ms).unwrap()),
        Step::Mode(mode) => {
            let sql = "UPDATE order_stores SET mode = ?2, mode_since_ms = ?3 WHERE store = ?1";
            db.execute(sql, params![STORE, to_json(mode, "mode").unwrap(), now_ms]).unwrap();
            set_mode(db, app, &store(), *mode, now_ms).unwrap();
        }
        Step::Plan(turned) => {
            let stations: &[&str] = if *turned { &["bar", "grill"] } else { &["grill", "bar"] };
            put_plan(db, app, &plan(stations)).unwrap();
        }
        Step::Wait(_) => {}
    }
}

/// Bookings, the load of each minute to come, mode and lateness.
type Said = (Vec<SlotBooking>, Vec<(u32, u32, u32)>, StoreMode, u32);

/// All that is booked, and what is taken of the time to come.
fn said(db: &Connection, app: &App, now_ms: i64) -> Said {
    sweep(db, app, &store(), now_ms).unwrap();
    let look = |book: &KitchenBook| {
        let minutes = (1..300).flat_map(|minute| ["grill", "bar"].map(|station| (station, now_ms + minute * MINUTE)));
        let loads = minutes.map(|(station, at_ms)| book.load_s(&station.into(), at_ms).unwrap()).collect();
        (book.bookings().cloned().collect(), loads, book.mode(), book.lateness().p90_min())
    };
    kitchens::look(db, app, &store(), now_ms, look).unwrap().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_book_is_what_the_table_says(steps in steps()) {
        let (_directory, app, db) = kitchen();
        let mut now_ms = T0;
        for (step, holds) in steps {
            db.execute_batch("BEGIN; SAVEPOINT job").unwrap();
            take(&db, &app, &step, now_ms);
            db.execute_batch(if holds { "RELEASE job; COMMIT" } else { "ROLLBACK TO job; RELEASE job; COMMIT" }).unwrap();
            if let Step::Wait(seconds) = step {
                now_ms += seconds * 1_000;
            }
            let in_memory = said(&db, &app, now_ms);
            // As after a restart.
            lock(&app.kitchens).clear();
            prop_assert_eq!(&said(&db, &app, now_ms), &in_memory);
            for (booked, walked, capacity) in in_memory.1 {
                prop_assert!(booked + walked <= capacity);
            }
        }
    }
}

#[test]
fn what_was_taken_back_is_free_again() {
    let (_directory, app, db) = kitchen();
    let noon = PickupTime::Scheduled { at_ms: T0 + 60 * MINUTE };
    let wish = |number| SlotRequest {
        order: order(number),
        tasks: vec![MakeTask { station: "bar".into(), seconds: 600, batches: 4 }],
        time: noon,
    };
    let try_hold = |number| hold(&db, &app, &store(), &member(), &wish(number), None, T0).unwrap().unwrap().is_ok();
    // A whole commit that fails takes all of its writes back.
    db.execute_batch("BEGIN").unwrap();
    assert!(try_hold(1) && !try_hold(2));
    db.execute_batch("ROLLBACK").unwrap();
    assert!(try_hold(2) && !try_hold(1));
    // One that is put back where another was put in the meantime is still the table's.
    db.execute_batch("BEGIN").unwrap();
    assert!(release(&db, &app, &order(2), T0).unwrap() && try_hold(1));
    db.execute_batch("ROLLBACK").unwrap();
    assert!(!try_hold(3));
    assert!(booking(&db, &order(2), T0).unwrap().is_some() && booking(&db, &order(1), T0).unwrap().is_none());
}

#[test]
fn a_slot_is_confirmed_once_by_its_member_in_time() {
    let (_directory, app, db) = kitchen();
    let request = SlotRequest { order: order(1), tasks: work(0), time: PickupTime::Asap };
    let held = hold(&db, &app, &store(), &member(), &request, None, T0).unwrap().unwrap().unwrap();
    let by = |parts: &[MemberId], store: &str, now_ms| confirm(&db, &app, &store.into(), parts, &order(1), now_ms).unwrap();
    assert_eq!(by(&[MemberId("other".to_owned())], STORE, T0), Err(SlotHoldError::Unknown));
    assert_eq!(by(&[member()], "elsewhere", T0), Err(SlotHoldError::Unknown));
    let confirmed = by(&[member()], STORE, T0 + 299_999).unwrap();
    assert_eq!((confirmed.slot, confirmed.state), (held.slot, BookingState::Confirmed));
    assert_eq!(by(&[member()], STORE, T0 + 900_000).unwrap(), confirmed, "again it is the same");
    assert!(release(&db, &app, &order(1), T0).unwrap());
    hold(&db, &app, &store(), &member(), &request, None, T0).unwrap().unwrap().unwrap();
    assert!(super::held(&db, &store(), &[member()], &order(1), T0 + 299_999).unwrap().is_some());
    assert!(super::held(&db, &store(), &[member()], &order(1), T0 + 300_000).unwrap().is_none());
    assert_eq!(by(&[member()], STORE, T0 + 300_000), Err(SlotHoldError::Expired));
    assert_eq!(by(&[member()], STORE, T0 + 300_000), Err(SlotHoldError::Unknown));
}

/// A second store beside the first.
fn second(db: &Connection, app: &App) -> StoreId {
    let mode = to_json(&StoreMode::Online, "mode").unwrap();
    db.execute("INSERT INTO order_stores (store, terms, mode, mode_since_ms) VALUES ('s2', '', ?1, ?2)", params![mode, T0]).unwrap();
    put_plan(db, app, &KitchenPlan { store: "s2".into(), ..plan(&["bar", "grill"]) }).unwrap();
    "s2".into()
}

#[test]
fn a_hold_that_ran_out_is_held_anew_where_it_is_asked() {
    let (_directory, app, db) = kitchen();
    let elsewhere = second(&db, &app);
    let taken_s = |store: &StoreId, station: &str, now_ms: i64| {
        let sum = |book: &KitchenBook| (0..90).map(|minute| book.load_s(&station.into(), now_ms + minute * MINUTE).unwrap().0).sum::<u32>();
        kitchens::look(&db, &app, store, now_ms, sum).unwrap().unwrap()
    };
    let at_noon = |tasks| SlotRequest { order: order(1), tasks, time: PickupTime::Scheduled { at_ms: T0 + 60 * MINUTE } };
    for restarted in [false, true] {
        hold(&db, &app, &store(), &member(), &at_noon(work(0)), None, T0).unwrap().unwrap().unwrap();
        let late_ms = T0 + 301_000;
        if restarted {
            lock(&app.kitchens).clear();
        }
        let other = MemberId("n".to_owned());
        hold(&db, &app, &elsewhere, &other, &at_noon(work(2)), None, late_ms).unwrap().unwrap().unwrap();
        let slot = booking(&db, &order(1), late_ms).unwrap().unwrap();
        assert_eq!((slot.store, slot.member), (elsewhere.clone(), Some(other.clone())));
        for _ in 0..2 {
            assert_eq!((taken_s(&store(), "grill", late_ms), taken_s(&elsewhere, "bar", late_ms)), (0, 1_200));
            // Whoever opens the first store's book next does not touch what the other has.
            sweep(&db, &app, &store(), late_ms).unwrap();
            lock(&app.kitchens).clear();
        }
        assert!(confirm(&db, &app, &elsewhere, &[other], &order(1), late_ms).unwrap().is_ok());
        assert!(release(&db, &app, &order(1), late_ms).unwrap());
    }
}

#[test]
fn a_hold_that_ran_out_is_in_nobodys_way() {
    let (_directory, app, db) = kitchen();
    let wish = |number| SlotRequest { order: order(number), tasks: work(0), time: PickupTime::Scheduled { at_ms: T0 + 60 * MINUTE } };
    hold(&db, &app, &store(), &member(), &wish(1), None, T0).unwrap().unwrap().unwrap();
    lock(&app.kitchens).clear();
    let late_ms = T0 + 301_000;
    hold(&db, &app, &store(), &member(), &wish(2), None, late_ms).unwrap().unwrap().unwrap();
    assert!(hand_on(&db, &app, &order(2), &order(1), late_ms).unwrap());
    assert!(super::held(&db, &store(), &[member()], &order(1), late_ms).unwrap().is_some());
}

#[test]
fn a_book_that_was_read_once_is_kept() {
    let (_directory, app, db) = kitchen();
    lock(&app.kitchens).clear();
    load(&db, &app, &store(), T0).unwrap().unwrap();
    assert!(lock(&app.kitchens).contains_key(&store()), "the next one need not read all bookings again");
}
