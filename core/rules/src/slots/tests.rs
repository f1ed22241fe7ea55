use proptest::prelude::*;

use super::*;
use crate::cart::{Cart, CartLine};
use crate::ids::OrderId;
use crate::menu::HandoffMode;
use crate::menu::tests::{FRIDAY_17, HOUR, book};
use crate::places::OpeningSpan;
use crate::tax::TaxHandoff;
use crate::wire::{MenuStatus, StationLoad};

const MINUTE: i64 = 60_000;
/// Friday 15 January 2027, 11:00 in Japan.
const ELEVEN: i64 = FRIDAY_17 - 6 * HOUR;

fn station(id: &str, makers: u32) -> Station {
    Station { id: id.into(), makers, shifts: vec![], walk_in: vec![] }
}

/// Open from 10 to 22 every day; on Sunday the 17th only from 12 to 15, on Monday the 18th not at all.
fn plan() -> KitchenPlan {
    KitchenPlan {
        store: "s1".into(),
        stations: vec![station("grill", 2), station("fryer", 1), station("cold", 1)],
        per_order: vec![],
        hours: PickupHours {
            spans: (0..7).map(|weekday| OpeningSpan { weekday, opens_min: 600, closes_min: 1_320 }).collect(),
            holidays: vec![
                Holiday { date: "2027-01-17".into(), spans: vec![HolidaySpan { opens_min: 720, closes_min: 900 }] },
                Holiday { date: "2027-01-18".into(), spans: vec![] },
            ],
            utc_offset_min: 540,
            before_open_min: 30,
            last_order_min: 30,
            last_pickup_min: 10,
        },
        step_min: 5,
        least_lead_min: 5,
        earliest_start_min: 20,
        hold_s: 300,
        same_day: true,
        later_days: 6,
        alternatives: 3,
        levelling: Some(LoadLevelling { busy_permille: 700, quiet_permille: 300, most_shift_min: 30, points: 10 }),
    }
}

fn kitchen(change: impl FnOnce(&mut KitchenPlan)) -> KitchenBook {
    let mut plan = plan();
    change(&mut plan);
    KitchenBook::new(plan, Lateness::default()).unwrap()
}

fn task(station: &str, seconds: u32, batches: u32) -> MakeTask {
    MakeTask { station: station.into(), seconds, batches }
}

fn request(order: &str, tasks: &[MakeTask], time: PickupTime) -> SlotRequest {
    SlotRequest { order: order.into(), tasks: tasks.to_vec(), time }
}

fn at(at_ms: i64) -> PickupTime {
    PickupTime::Scheduled { at_ms }
}

fn refused(book: &mut KitchenBook, tasks: &[MakeTask], time: PickupTime, now_ms: i64) -> SlotRefusal {
    book.hold(&request("refused", tasks, time), now_ms).unwrap_err()
}

#[test]
fn equal_pieces_are_batched_over_all_lines() {
    let menu = book();
    let line = |item: &str, quantity| CartLine::of(&menu, &item.into(), quantity, TaxHandoff::TakeOut).unwrap();
    let lines = vec![line("fries", 4), line("burger", 1), line("fries", 3), line("set", 1)];
    let cart = Cart { lines, ..Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut) };
    let packing = MakeStep { station: "cold".into(), seconds: 20, batch: 1 };
    let found = make_tasks(&cart, &menu, &[packing]);
    // Burger: grill and cold; seven fries are two batches of six; the set has its own.
    let expected = [
        task("grill", 180, 1),
        task("cold", 30, 1),
        task("fryer", 240, 2),
        task("grill", 180, 1),
        task("fryer", 240, 1),
        task("cold", 20, 1),
    ];
    assert_eq!(found, expected);
}

/// One maker at the fryer, four minutes a batch: by hand. At 11:00 the first whole minute is 11:01, so it is ready at 11:05; five more minutes are
/// promised, since nothing is known of the kitchen.
#[test]
fn as_soon_as_possible_is_make_time_and_the_cold_start() {
    let mut book = kitchen(|_| {});
    let first = book.hold(&request("a", &[task("fryer", 240, 1)], PickupTime::Asap), ELEVEN).unwrap();
    let expected = (ELEVEN + MINUTE, ELEVEN + 5 * MINUTE, ELEVEN + 10 * MINUTE);
    assert_eq!((first.slot.start_ms, first.slot.ready_ms, first.slot.promised_ms), expected);
    let second = book.hold(&request("b", &[task("fryer", 240, 1)], PickupTime::Asap), ELEVEN).unwrap();
    assert_eq!(second.slot.ready_ms, ELEVEN + 9 * MINUTE, "it waits for the fryer");
    let third = book.hold(&request("c", &[task("grill", 240, 2)], PickupTime::Asap), ELEVEN).unwrap();
    assert_eq!(third.slot.ready_ms, ELEVEN + 5 * MINUTE, "two makers at the grill, and another station");
    // Several stations work at the same time: the longest decides.
    let mixed = book.quote(&[task("fryer", 240, 1), task("cold", 30, 3)], PickupTime::Asap, ELEVEN).unwrap();
    assert_eq!(mixed.ready_ms, ELEVEN + 13 * MINUTE);
    // Ten minutes observed: the promise is later by them, the plan is not.
    for _ in 0..300 {
        book.lateness.observe(0, 10 * MINUTE);
    }
    let late = book.quote(&[task("cold", 60, 1)], PickupTime::Asap, ELEVEN).unwrap();
    assert_eq!((late.ready_ms, late.promised_ms), (ELEVEN + 2 * MINUTE, ELEVEN + 12 * MINUTE));
}

#[test]
fn a_slot_slides_and_is_not_a_quarter_of_an_hour() {
    // One batch of five minutes, begun at most seven before: any minute can be asked for, and two orders fit five minutes apart.
    let mut book = kitchen(|plan| plan.earliest_start_min = 7);
    let work = [task("fryer", 300, 1)];
    let noon = ELEVEN + HOUR;
    for (order, minute) in [("a", 7), ("b", 12), ("c", 2)] {
        let booking = book.hold(&request(order, &work, at(noon + minute * MINUTE)), ELEVEN).unwrap();
        assert_eq!(booking.slot.promised_ms, noon + minute * MINUTE);
    }
    // Those of 12:02 and 12:07 meet: nothing fits for 12:05.
    let refusal = refused(&mut book, &work, at(noon + 5 * MINUTE), ELEVEN);
    assert_eq!(refusal.reason, SlotRefusalReason::Full { station: "fryer".into() });
    let times: Vec<i64> = refusal.same_day.iter().map(|slot| (slot.promised_ms - noon) / MINUTE).collect();
    assert_eq!(times, [-10, -5, 20]);
    assert!(refusal.text_ja(540).contains("2027-01-15 11:50") && refusal.text_en(540).starts_with("That time is full"));
}

#[test]
fn every_time_that_cannot_be_has_its_reason() {
    let mut book = kitchen(|plan| plan.stations[1].walk_in = vec![]);
    let work = [task("fryer", 240, 1)];
    let local = |day: i64, hour: i64, minute: i64| ELEVEN + ((day * 24 + hour - 11) * 60 + minute) * MINUTE;
    let cases = [
        (local(0, 10, 59), SlotRefusalReason::Past),
        (i64::MIN, SlotRefusalReason::Past),
        (local(0, 11, 9), SlotRefusalReason::TooSoon),
        (local(0, 22, 30), SlotRefusalReason::Closed),
        (local(1, 9, 59), SlotRefusalReason::Closed),
        (local(0, 21, 51), SlotRefusalReason::LastPickupOver),
        (local(2, 11, 0), SlotRefusalReason::Closed),
        (local(2, 14, 51), SlotRefusalReason::LastPickupOver),
        (local(3, 12, 0), SlotRefusalReason::Closed),
        (local(7, 12, 0), SlotRefusalReason::TooFar),
        (i64::MAX, SlotRefusalReason::TooFar),
    ];
    for (time, reason) in cases {
        let refusal = refused(&mut book, &work, at(time), ELEVEN);
        assert_eq!(refusal.reason, reason, "{time}");
        assert!(!refusal.same_day.is_empty() || !refusal.later.is_empty(), "{time}");
    }
    for fits in [local(0, 11, 10), local(0, 21, 50), local(1, 10, 0), local(2, 12, 0), local(6, 21, 50)] {
        assert!(book.quote(&work, at(fits), ELEVEN).is_ok(), "{fits}");
    }
    assert_eq!(refused(&mut book, &work, at(local(0, 21, 50)), local(0, 21, 31)).reason, SlotRefusalReason::LastOrderOver);
    let evening = refused(&mut book, &work, PickupTime::Asap, local(0, 21, 31));
    assert_eq!(evening.reason, SlotRefusalReason::LastOrderOver);
    assert!(evening.is_none_that_day() && evening.later.len() == 3 && evening.text_ja(540).contains("当日の空きはありません"));
    assert_eq!(refused(&mut book, &work, PickupTime::Asap, local(0, 23, 0)).reason, SlotRefusalReason::Closed);
    // Before it opens, the first that can be ready: the kitchen begins at half past nine.
    assert_eq!(book.quote(&work, PickupTime::Asap, local(1, 6, 0)).unwrap().promised_ms, local(1, 10, 0));
    let unknown = SlotRefusalReason::UnknownStation { station: "oven".into() };
    assert_eq!(refused(&mut book, &[task("oven", 60, 1)], PickupTime::Asap, ELEVEN).reason, unknown);
    let large = SlotRefusalReason::TooLarge { station: "fryer".into() };
    for work in [task("fryer", 240, 6), task("fryer", 1_201, 1), task("fryer", 1, u32::MAX), task("fryer", u32::MAX, u32::MAX)] {
        let refusal = refused(&mut book, &[work], PickupTime::Asap, ELEVEN);
        assert_eq!((refusal.reason, refusal.later), (large.clone(), vec![]));
    }
    let mut only_ahead = kitchen(|plan| plan.same_day = false);
    let refusal = refused(&mut only_ahead, &work, PickupTime::Asap, ELEVEN);
    assert_eq!((refusal.reason, refusal.same_day.len(), refusal.later.len()), (SlotRefusalReason::SameDayOff, 0, 3));
    let mut only_today = kitchen(|plan| plan.later_days = 0);
    assert_eq!(refused(&mut only_today, &work, at(local(1, 12, 0)), ELEVEN).reason, SlotRefusalReason::TooFar);
}

#[test]
fn the_kitchen_pauses_delays_and_opens_again() {
    let mut book = kitchen(|_| {});
    let work = [task("fryer", 240, 1)];
    book.hold(&request("a", &work, PickupTime::Asap), ELEVEN).unwrap();
    book.confirm(&"a".into(), ELEVEN).unwrap();
    book.set_mode(StoreMode::Paused { until_ms: Some(ELEVEN + HOUR) }, ELEVEN);
    let refusal = refused(&mut book, &work, at(ELEVEN + 30 * MINUTE), ELEVEN);
    assert_eq!(refusal.reason, SlotRefusalReason::Paused);
    assert!(refusal.same_day.iter().all(|slot| slot.start_ms >= ELEVEN + HOUR) && refusal.same_day.len() == 3);
    // As soon as possible is after the pause: the next free slot is offered, not none.
    assert_eq!(book.quote(&work, PickupTime::Asap, ELEVEN).unwrap().start_ms, ELEVEN + HOUR);
    assert_eq!(book.booking(&"a".into()).unwrap().state, BookingState::Confirmed, "what was accepted stays");
    book.set_mode(StoreMode::Paused { until_ms: None }, ELEVEN);
    let refusal = refused(&mut book, &work, PickupTime::Asap, ELEVEN);
    assert!(refusal.reason == SlotRefusalReason::Paused && refusal.is_none_that_day() && !refusal.later.is_empty());
    book.set_mode(StoreMode::Busy { delay_min: 15 }, ELEVEN);
    assert_eq!(book.quote(&work, PickupTime::Asap, ELEVEN).unwrap().start_ms, ELEVEN + 16 * MINUTE);
    book.set_mode(StoreMode::Online, ELEVEN);
    assert_eq!(book.quote(&work, PickupTime::Asap, ELEVEN).unwrap().start_ms, ELEVEN + 5 * MINUTE);
}

#[test]
fn a_hold_is_over_in_time_and_counts_once() {
    let mut book = kitchen(|_| {});
    let work = [task("fryer", 240, 1)];
    let asked = request("a", &work, PickupTime::Asap);
    let first = book.hold(&asked, ELEVEN).unwrap();
    assert_eq!(book.hold(&asked, ELEVEN + 299_999).unwrap(), first, "asked again: the same, and not longer");
    assert_eq!(book.confirm(&"a".into(), ELEVEN + 300_000).unwrap_err(), SlotHoldError::Expired);
    assert_eq!(book.confirm(&"a".into(), ELEVEN).unwrap_err(), SlotHoldError::Unknown);
    assert_eq!(book.load_s(&"fryer".into(), ELEVEN + MINUTE), Some((0, 0, 60)));
    let first = book.hold(&asked, ELEVEN).unwrap();
    assert_eq!(book.confirm(&"a".into(), ELEVEN + 299_999).unwrap().slot, first.slot);
    assert_eq!(book.confirm(&"a".into(), ELEVEN + HOUR).unwrap().state, BookingState::Confirmed);
    assert!(book.sweep(i64::MAX).is_empty());
    // Another time for the same order moves it; one that does not fit leaves it.
    let moved = book.hold(&request("a", &work, at(ELEVEN + HOUR)), ELEVEN).unwrap();
    assert_eq!((moved.state, book.bookings().count()), (BookingState::Confirmed, 1));
    assert!(book.hold(&request("a", &work, at(ELEVEN - HOUR)), ELEVEN).is_err());
    assert_eq!(book.booking(&"a".into()), Some(&moved));
    assert!(book.release(&"a".into()) && !book.release(&"a".into()));
}

#[test]
fn walk_in_guests_count_and_are_kept_room_for() {
    let hours = TimeOfDay { utc_offset_minutes: 540, weekdays: 127, from_minute: 0, until_minute: 0 };
    let mut book = kitchen(|plan| plan.stations[1].walk_in = vec![WalkInLoad { hours, permille: 500 }]);
    let work = [task("fryer", 120, 1)];
    // Half the fryer is kept: two minutes of work take four.
    let slot = book.quote(&work, PickupTime::Asap, ELEVEN).unwrap();
    assert_eq!(slot.ready_ms, ELEVEN + 5 * MINUTE);
    // Guests take two whole minutes; an order waits for that, and they wait for no order's room.
    let guests = book.walk_in(&work, ELEVEN).unwrap();
    assert_eq!(guests.ready_ms, ELEVEN + 3 * MINUTE);
    assert_eq!(book.load_s(&"fryer".into(), ELEVEN + MINUTE), Some((0, 60, 60)));
    let mut anew = kitchen(|_| {});
    anew.restore_walk_in(&guests.taken);
    assert_eq!(anew.load_s(&"fryer".into(), ELEVEN + 2 * MINUTE), Some((0, 60, 60)));
    assert_eq!(book.quote(&work, PickupTime::Asap, ELEVEN).unwrap().ready_ms, ELEVEN + 7 * MINUTE);
    assert_eq!(book.walk_in(&[task("oven", 1, 1)], ELEVEN), None);
}

#[test]
fn shifts_change_what_a_station_can_do() {
    let rush = TimeOfDay { utc_offset_minutes: 540, weekdays: 127, from_minute: 705, until_minute: 780 };
    let mut book = kitchen(|plan| plan.stations[1].shifts = vec![Shift { hours: rush, makers: 3 }]);
    let work = [task("fryer", 1_200, 3)];
    assert!(book.quote(&work, at(ELEVEN + 90 * MINUTE), ELEVEN).is_ok(), "three makers at noon");
    assert_eq!(refused(&mut book, &work, at(ELEVEN + 4 * HOUR), ELEVEN).reason, SlotRefusalReason::Full { station: "fryer".into() });
}

#[test]
fn what_is_ready_or_late_frees_and_moves() {
    let mut book = kitchen(|_| {});
    let work = [task("fryer", 240, 1)];
    for order in ["a", "b"] {
        book.hold(&request(order, &work, PickupTime::Asap), ELEVEN).unwrap();
        book.confirm(&order.into(), ELEVEN).unwrap();
    }
    let late = book.postpone(&"a".into(), ELEVEN + 9 * MINUTE, ELEVEN + 2 * MINUTE).unwrap();
    assert_eq!(late.ready_ms, ELEVEN + 11 * MINUTE, "two minutes before b has the fryer, two after");
    assert_eq!(book.booking(&"b".into()).unwrap().slot.ready_ms, ELEVEN + 9 * MINUTE);
    assert!(book.ready(&"b".into(), ELEVEN + 6 * MINUTE) && !book.ready(&"b".into(), ELEVEN));
    assert_eq!(book.load_s(&"fryer".into(), ELEVEN + 6 * MINUTE).unwrap().0, 60, "used");
    assert_eq!(book.load_s(&"fryer".into(), ELEVEN + 7 * MINUTE).unwrap().0, 0, "free again");
    assert_eq!((book.lateness().count(), book.postpone(&"b".into(), ELEVEN, ELEVEN)), (1, None));
}

#[test]
fn quiet_slots_near_a_busy_one_carry_a_nudge() {
    let mut book = kitchen(|_| {});
    let work = [task("fryer", 240, 1)];
    let noon = ELEVEN + HOUR;
    for n in 0..3 {
        book.hold(&request(&format!("o{n}"), &work, at(noon - n * 4 * MINUTE)), ELEVEN).unwrap();
    }
    let wanted = noon + 4 * MINUTE;
    let offers = book.offers(&work, noon - HOUR, noon + 2 * HOUR, Some(wanted), ELEVEN);
    let busy = offers.iter().find(|slot| slot.promised_ms == noon + 5 * MINUTE).unwrap();
    assert!(busy.load_permille >= 700 && busy.nudge_points == 0, "{busy:?}");
    let nudged: Vec<i64> = offers.iter().filter(|slot| slot.nudge_points == 10).map(|slot| (slot.promised_ms - noon) / MINUTE).collect();
    assert!(!nudged.is_empty() && nudged.iter().all(|minute| (-25..=35).contains(minute)), "{nudged:?}");
    assert!(offers.iter().all(|slot| slot.nudge_points == 0 || slot.load_permille <= 300));
    let quiet = book.offers(&work, noon, noon + 3 * HOUR, Some(noon + 2 * HOUR), ELEVEN);
    assert!(quiet.iter().all(|slot| slot.nudge_points == 0), "nobody is moved from a quiet slot");
    // What is shown is what the hold gives, whatever part of the day was shown.
    for slot in &offers {
        let instead =
            |book: &mut KitchenBook, wanted_ms| book.hold_instead(&request("me", &work, at(slot.promised_ms)), wanted_ms, ELEVEN).unwrap();
        let held = instead(&mut book, wanted);
        assert_eq!(held.slot, *slot);
        assert_eq!(instead(&mut book, noon + 2 * HOUR), held, "again it is the same");
        assert_eq!(
            book.hold(&request("me", &[task("fryer", 60, 1)], at(slot.promised_ms)), ELEVEN).unwrap().slot.nudge_points,
            slot.nudge_points
        );
        book.release(&"me".into());
        assert_eq!(instead(&mut book, noon + 2 * HOUR).slot.nudge_points, 0, "nobody is moved from a quiet slot");
        book.release(&"me".into());
    }
    for odd in [i64::MIN, 0, i64::MAX] {
        assert_eq!(book.hold_instead(&request("me", &work, at(noon - 20 * MINUTE)), odd, ELEVEN).unwrap().slot.nudge_points, 0);
    }
    assert!(book.offers(&work, i64::MIN, i64::MAX, None, ELEVEN).len() > 500);
    assert!(book.offers(&work, noon, noon - 1, None, ELEVEN).is_empty());
}

/// A bar that is open until two in the morning: the night belongs to the evening before.
#[test]
fn a_night_belongs_to_its_evening() {
    let mut book = kitchen(|plan| {
        plan.hours.spans = (0..7).map(|weekday| OpeningSpan { weekday, opens_min: 1_080, closes_min: 1_560 }).collect();
        plan.later_days = 0;
    });
    let work = [task("cold", 60, 1)];
    let one = ELEVEN + 14 * HOUR;
    assert!(book.quote(&work, at(one), ELEVEN).is_ok(), "one in the night is still today");
    assert!(book.quote(&work, PickupTime::Asap, one).unwrap().promised_ms < one + 15 * MINUTE);
    assert_eq!(refused(&mut book, &work, at(one + 18 * HOUR), one).reason, SlotRefusalReason::TooFar);
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    let wrong = |change: fn(&mut KitchenPlan)| {
        let mut plan = plan();
        change(&mut plan);
        plan.check().unwrap_err()
    };
    assert_eq!(wrong(|plan| plan.stations[1].id = "grill".into()), KitchenPlanError::Station("grill".into()));
    assert_eq!(wrong(|plan| plan.stations.clear()), KitchenPlanError::Station("".into()));
    assert_eq!(wrong(|plan| plan.stations[0].makers = u32::MAX), KitchenPlanError::Makers("grill".into()));
    assert_eq!(wrong(|plan| plan.step_min = 0), KitchenPlanError::Times);
    assert_eq!(wrong(|plan| plan.later_days = 61), KitchenPlanError::Times);
    assert_eq!(wrong(|plan| plan.per_order = vec![MakeStep { station: "oven".into(), seconds: 1, batch: 1 }]), KitchenPlanError::Work);
    assert_eq!(wrong(|plan| plan.hours.spans[0].closes_min = 600), KitchenPlanError::Hours);
    assert_eq!(wrong(|plan| plan.hours.holidays[0].date = "2027-01-18".into()), KitchenPlanError::Holiday("2027-01-18".into()));
    assert_eq!(wrong(|plan| plan.hours.holidays[0].date = "someday".into()), KitchenPlanError::Holiday("someday".into()));
    assert_eq!(wrong(|plan| plan.levelling.as_mut().unwrap().quiet_permille = 700), KitchenPlanError::Levelling);
}

/// A day that is full from morning to night but for one gap in the afternoon: it is found, by whoever asks for whatever time.
#[test]
fn the_last_gap_of_a_full_day_is_found() {
    let mut book = kitchen(|plan| plan.later_days = 0);
    let work = [task("fryer", 300, 1)];
    while book.hold(&request(&format!("o{}", book.bookings().count()), &work, PickupTime::Asap), ELEVEN).is_ok() {}
    let refusal = refused(&mut book, &work, PickupTime::Asap, ELEVEN);
    assert_eq!(refusal.reason, SlotRefusalReason::Full { station: "fryer".into() });
    assert!(refusal.is_none_that_day() && refusal.later.is_empty() && refusal.text_en(540).ends_with("There is no other time"));
    let gap = book.bookings().find(|booking| booking.slot.start_ms > ELEVEN + 6 * HOUR).unwrap().clone();
    book.release(&gap.order);
    let found = book.quote(&work, PickupTime::Asap, ELEVEN).unwrap();
    assert_eq!((found.start_ms, found.ready_ms), (gap.slot.start_ms, gap.slot.ready_ms));
    let refusal = refused(&mut book, &work, at(ELEVEN + HOUR), ELEVEN);
    assert!(!refusal.is_none_that_day() && refusal.same_day.iter().all(|slot| slot.start_ms == gap.slot.start_ms), "{refusal:?}");
}

#[derive(Debug, Clone)]
enum Step {
    Hold(u8, usize, Option<i64>),
    Confirm(u8),
    Release(u8),
    WalkIn(usize),
    Ready(u8),
    Postpone(u8, i64),
    Mode(StoreMode),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mode = prop_oneof![
        3 => Just(StoreMode::Online),
        1 => (0u32..30).prop_map(|delay_min| StoreMode::Busy { delay_min }),
        1 => prop::option::of(0i64..40).prop_map(|minutes| StoreMode::Paused { until_ms: minutes.map(|m| ELEVEN + m * MINUTE) }),
    ];
    let step = prop_oneof![
        8 => (any::<u8>(), 0usize..6, prop::option::of(0i64..90)).prop_map(|(order, work, minute)| Step::Hold(order % 40, work, minute)),
        4 => any::<u8>().prop_map(|order| Step::Confirm(order % 40)),
        2 => any::<u8>().prop_map(|order| Step::Release(order % 40)),
        2 => (0usize..6).prop_map(Step::WalkIn),
        1 => any::<u8>().prop_map(|order| Step::Ready(order % 40)),
        1 => (any::<u8>(), 0i64..40).prop_map(|(order, minute)| Step::Postpone(order % 40, minute)),
        1 => mode.prop_map(Step::Mode),
        2 => (0i64..240).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

fn works() -> [Vec<MakeTask>; 6] {
    [
        vec![task("fryer", 240, 1)],
        vec![task("fryer", 240, 2), task("grill", 180, 1)],
        vec![task("grill", 300, 4), task("cold", 30, 5)],
        vec![task("cold", 45, 3)],
        vec![task("cold", 1_100, 1)],
        vec![],
    ]
}

/// All that is taken of all stations around noon.
fn loads(book: &KitchenBook) -> Vec<(u32, u32, u32)> {
    let stations = ["grill", "fryer", "cold"];
    stations.iter().flat_map(|id| (-60..400).map(|minute| book.load_s(&(*id).into(), ELEVEN + minute * MINUTE).unwrap())).collect()
}

fn status_of(book: &KitchenBook, now: i64) -> MenuStatus {
    MenuStatus {
        store: "s1".into(),
        menu_version: 1,
        mode: book.mode(),
        mode_since_ms: book.mode_since_ms(),
        sold_out: vec![],
        late_p90_min: book.lateness().p90_min(),
        load: book.load(now),
        as_of_ms: now,
    }
}

#[test]
fn a_copy_of_a_book_reads_any_load() {
    let mut status = status_of(&kitchen(|_| {}), ELEVEN);
    let load = |station: &str, from_min, seconds| StationLoad { station: station.into(), from_min, seconds };
    let from = ELEVEN / MINUTE;
    let full = vec![u32::MAX; 30];
    status.load = vec![
        load("fryer", from, full.clone()),
        load("fryer", from, full.clone()),
        load("grill", i64::MAX, full.clone()),
        load("ghost", from, full),
    ];
    let mut copy = KitchenBook::from_load(plan(), &status).unwrap();
    let slot = copy.quote(&[task("fryer", 240, 1)], PickupTime::Asap, ELEVEN).unwrap();
    assert_eq!(slot.start_ms, ELEVEN + 30 * MINUTE);
    let busy = StoreMode::Paused { until_ms: None };
    let mut closed = KitchenBook::from_load(plan(), &MenuStatus { mode: busy, mode_since_ms: ELEVEN, ..status.clone() }).unwrap();
    assert_eq!(closed.quote(&[], PickupTime::Asap, ELEVEN).unwrap_err().reason, SlotRefusalReason::Paused);
    assert_eq!(KitchenBook::from_load(KitchenPlan { step_min: 0, ..plan() }, &status).unwrap_err(), KitchenPlanError::Times);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever happens in whatever order: no minute of a station has more in it than it can do, a hold and its release leave everything as it
    /// was, and every time that a refusal names can be booked.
    #[test]
    fn no_minute_is_booked_twice(steps in steps()) {
        let hours = TimeOfDay { utc_offset_minutes: 540, weekdays: 127, from_minute: 690, until_minute: 720 };
        let mut book = kitchen(|plan| plan.stations[1].walk_in = vec![WalkInLoad { hours, permille: 400 }]);
        let (mut now, works) = (ELEVEN, works());
        for step in steps {
            match step {
                Step::Hold(order, work, minute) => {
                    let time = minute.map_or(PickupTime::Asap, |minute| at(ELEVEN + minute * MINUTE));
                    let order = OrderId(format!("o{order}"));
                    book.sweep(now);
                    let before = loads(&book);
                    let known = book.booking(&order).is_some();
                    match book.hold(&SlotRequest { order: order.clone(), tasks: works[work].clone(), time }, now) {
                        Ok(booking) if !known => {
                            prop_assert!(booking.slot.start_ms > now && booking.slot.ready_ms <= booking.slot.promised_ms);
                            let mut other = book.clone();
                            prop_assert!(other.release(&order));
                            prop_assert_eq!(loads(&other), before);
                        }
                        Ok(_) => {}
                        Err(refusal) => {
                            prop_assert_eq!(loads(&book), before);
                            prop_assert!(refusal.same_day.is_empty() || refusal.later.is_empty());
                            for slot in refusal.same_day.iter().chain(&refusal.later) {
                                let tasks = works[work].clone();
                                let asked = SlotRequest { order: order.clone(), tasks, time: at(slot.promised_ms) };
                                let booked = book.clone().hold(&asked, now).unwrap();
                                prop_assert_eq!(booked.slot.promised_ms, slot.promised_ms);
                            }
                        }
                    }
                }
                Step::Confirm(order) => drop(book.confirm(&OrderId(format!("o{order}")), now).cloned()),
                Step::Release(order) => drop(book.release(&OrderId(format!("o{order}")))),
                Step::WalkIn(work) => drop(book.walk_in(&works[work], now)),
                Step::Ready(order) => drop(book.ready(&OrderId(format!("o{order}")), now)),
                Step::Postpone(order, minute) => drop(book.postpone(&OrderId(format!("o{order}")), now + minute * MINUTE, now)),
                Step::Mode(mode) => book.set_mode(mode, now),
                Step::Wait(seconds) => now += seconds * 1_000,
            }
            for (booked, walked, capacity) in loads(&book) {
                prop_assert!(booked + walked <= capacity, "{booked} and {walked} of {capacity}");
            }
        }
        // A copy that was made of the load says the same.
        book.sweep(now);
        let status = status_of(&book, now);
        let mut copy = KitchenBook::from_load(book.plan().clone(), &status).unwrap();
        for work in &works {
            prop_assert_eq!(copy.offers(work, now, now + 6 * HOUR, Some(now + HOUR), now), book.offers(work, now, now + 6 * HOUR, Some(now + HOUR), now));
            prop_assert_eq!(copy.quote(work, PickupTime::Asap, now), book.quote(work, PickupTime::Asap, now));
        }
        // A book that is made anew of the kept bookings says the same of the time to come.
        let kept: Vec<SlotBooking> = book.bookings().cloned().collect();
        let text = serde_json::to_string(&kept).unwrap();
        let mut anew = kitchen(|_| {});
        serde_json::from_str::<Vec<SlotBooking>>(&text).unwrap().into_iter().for_each(|booking| anew.restore(booking));
        prop_assert!(anew.bookings().eq(book.bookings()));
        let orders: Vec<OrderId> = kept.into_iter().map(|booking| booking.order).collect();
        orders.iter().for_each(|order| assert!(anew.release(order)));
        prop_assert!(loads(&anew).iter().all(|(booked, _, _)| *booked == 0));
    }

    /// Under any crowd, nothing is promised that nine of ten would not keep, and work begins no earlier than the shelf allows.
    #[test]
    fn a_crowd_is_served_in_the_room_there_is(wanted in prop::collection::vec((0i64..120, 0usize..5), 1..80)) {
        let mut book = kitchen(|_| {});
        let works = works();
        for (n, (minute, work)) in wanted.into_iter().enumerate() {
            let asked = SlotRequest { order: OrderId(format!("o{n}")), tasks: works[work].clone(), time: at(ELEVEN + minute * MINUTE) };
            if let Ok(booking) = book.hold(&asked, ELEVEN) {
                prop_assert_eq!(booking.slot.promised_ms, ELEVEN + minute * MINUTE);
                prop_assert_eq!(booking.slot.promised_ms - booking.slot.ready_ms, i64::from(COLD_START_MIN) * MINUTE);
                let taken: u32 = booking.taken.iter().map(|taken| taken.seconds).sum();
                prop_assert_eq!(taken, works[work].iter().map(|task| task.seconds * task.batches).sum::<u32>());
                let window = booking.slot.ready_ms / MINUTE - 20..booking.slot.ready_ms / MINUTE;
                prop_assert!(booking.taken.iter().all(|taken| window.contains(&taken.minute)));
            }
        }
    }
}
