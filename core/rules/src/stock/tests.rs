use proptest::prelude::*;

use super::*;
use crate::ids::{Sku, StoreId};
use crate::wire::StockLevel;

const HOUR_MS: i64 = 3_600_000;
const STATES: [StockState; 6] =
    [StockState::Sellable, StockState::Display, StockState::FittingRoom, StockState::Damaged, StockState::HoldShelf, StockState::InTransit];

fn event(id: &str, at_ms: i64, kind: StockEventKind) -> StockEvent {
    StockEvent { source: "till-1".into(), id: id.into(), store: "s1".into(), sku: "4900001".into(), at_ms, kind }
}

fn ledger(events: &[StockEvent]) -> StockLedger {
    let mut ledger = StockLedger::default();
    for event in events {
        assert!(ledger.add(event));
    }
    ledger
}

#[test]
fn every_kind_of_event_moves_what_it_says() {
    use StockEventKind::{Adjustment, Count, Move, Return, Sale, TransferIn, TransferOut};
    let mut arrives = event("9", 9, TransferIn { quantity: 2, from: "s1".into() });
    arrives.store = "s2".into();
    let books = ledger(&[
        event("1", 1, Count { quantity: 10, state: StockState::Sellable }),
        event("2", 2, Sale { quantity: 3 }),
        event("3", 3, Return { quantity: 1, state: StockState::Damaged }),
        event("4", 4, Move { quantity: 2, from: StockState::Sellable, to: StockState::Display }),
        event("5", 5, Adjustment { quantity: -1, state: StockState::Sellable }),
        event("6", 6, TransferOut { quantity: 3, to: "s2".into() }),
        arrives,
    ]);
    let at = |store: &str, state| books.on_hand(&store.into(), &"4900001".into(), state);
    assert_eq!([at("s1", StockState::Sellable), at("s1", StockState::Damaged), at("s1", StockState::Display)], [1, 1, 2]);
    assert_eq!([at("s2", StockState::InTransit), at("s2", StockState::Sellable)], [1, 2]);
    assert_eq!(books.on_hand(&"s1".into(), &"another".into(), StockState::Sellable), 0);
}

#[test]
fn what_happened_before_a_count_is_in_it() {
    let count = event("c", 100, StockEventKind::Count { quantity: 5, state: StockState::Sellable });
    let (late, after) = (event("a", 99, StockEventKind::Sale { quantity: 2 }), event("b", 101, StockEventKind::Sale { quantity: 6 }));
    let mut books = ledger(&[count, late]);
    assert_eq!(books.on_hand(&"s1".into(), &"4900001".into(), StockState::Sellable), 5);
    assert!(books.add(&after) && !books.add(&after));
    // More was sold than there was: a number that the books keep and nobody is shown.
    assert_eq!(books.on_hand(&"s1".into(), &"4900001".into(), StockState::Sellable), -1);
    assert_eq!(available(-1, 0, 0), None);
}

#[test]
fn an_event_that_cannot_be_is_refused_by_name() {
    let sale = StockEventKind::Sale { quantity: 1 };
    let good = event("1", 1, sale.clone());
    assert_eq!(good.check(), Ok(()));
    let wrong = |change: &dyn Fn(&mut StockEvent)| {
        let mut event = good.clone();
        change(&mut event);
        event.check().unwrap_err()
    };
    assert_eq!(wrong(&|e| e.source = String::new()), StockEventError::Source);
    assert_eq!(wrong(&|e| e.source = "レジ".into()), StockEventError::Source);
    assert_eq!(wrong(&|e| e.id = "x".repeat(101)), StockEventError::Id);
    assert_eq!(wrong(&|e| e.id = "a b".into()), StockEventError::Id);
    assert_eq!(wrong(&|e| e.store = "".into()), StockEventError::Name);
    assert_eq!(wrong(&|e| e.sku = "a\nb".into()), StockEventError::Name);
    assert_eq!(wrong(&|e| e.at_ms = -1), StockEventError::Time);
    assert_eq!(wrong(&|e| e.at_ms = i64::MAX), StockEventError::Time);
    let kind = |kind: StockEventKind| event("1", 1, kind).check();
    assert_eq!(kind(StockEventKind::Sale { quantity: 0 }), Err(StockEventError::Quantity));
    assert_eq!(kind(StockEventKind::Count { quantity: 0, state: StockState::Sellable }), Ok(()));
    assert_eq!(kind(StockEventKind::Count { quantity: u32::MAX, state: StockState::Sellable }), Err(StockEventError::Quantity));
    for quantity in [0, i64::MIN, i64::MAX, 1_000_000_001, -1_000_000_001] {
        assert_eq!(kind(StockEventKind::Adjustment { quantity, state: StockState::Sellable }), Err(StockEventError::Quantity));
    }
    assert_eq!(kind(StockEventKind::Adjustment { quantity: -4, state: StockState::Sellable }), Ok(()));
    let still = StockEventKind::Move { quantity: 1, from: StockState::Display, to: StockState::Display };
    assert_eq!(kind(still), Err(StockEventError::Nowhere));
    assert_eq!(kind(StockEventKind::TransferOut { quantity: 1, to: "s1".into() }), Err(StockEventError::Nowhere));
    assert_eq!(kind(StockEventKind::TransferIn { quantity: 1, from: "".into() }), Err(StockEventError::Name));
}

#[test]
fn available_is_what_can_be_promised() {
    assert_eq!(available(10, 3, 2), Some(5));
    assert_eq!(available(4, 3, 2), Some(0));
    assert_eq!(available(0, 0, 0), Some(0));
    assert_eq!(available(i64::MAX, u32::MAX, u32::MAX), Some(u32::MAX));
    assert_eq!(available(i64::MIN, 0, 0), None);
}

fn level(available: Option<u32>) -> StockLevel {
    StockLevel {
        sku: "4900001".into(),
        available,
        display: 1,
        in_transit: 2,
        shelf: Some("2F B-14".into()),
        sold_per_day_milli: 3_000,
        error_permille: 50,
    }
}

fn origin(source: StockSource) -> StockOrigin {
    StockOrigin { as_of_ms: 1_000_000_000_000, source, model: ChanceModel::default() }
}

const NOW: Arrival = Arrival { in_min: Some(0), quantity: 1 };

#[test]
fn an_answer_ages_from_live_to_last_known_to_unknown() {
    for (source, live, past) in
        [(StockSource::PosFeed, HOUR_MS / 4, 4), (StockSource::Batch, 24 * HOUR_MS, 36), (StockSource::Count, 24 * HOUR_MS, 36)]
    {
        let origin = origin(source);
        let after =
            |age_ms: i64| StockAnswer::of(Some(&level(Some(9))), &origin, &BandRules::default(), Some(origin.as_of_ms + age_ms), NOW);
        assert_eq!((after(live).band, after(live).last_known), (Band::InStock, false));
        assert_eq!((after(live + 1).band, after(live + 1).last_known), (Band::InStock, true));
        assert_eq!(after(past * HOUR_MS).band, Band::InStock);
        let unknown = after(past * HOUR_MS + 1);
        assert_eq!((unknown.band, unknown.quantity, unknown.chance_permille), (Band::Unknown, Some(9), None));
        // A phone whose clock is behind.
        assert_eq!(after(-HOUR_MS), after(0));
    }
}

#[test]
fn a_clock_that_is_not_proven_makes_nothing_live() {
    for source in [StockSource::PosFeed, StockSource::Batch, StockSource::Count] {
        for pieces in [Some(9), Some(2), Some(0), None] {
            let answer = StockAnswer::of(Some(&level(pieces)), &origin(source), &BandRules::default(), None, NOW);
            assert_eq!((answer.band, answer.last_known, answer.chance_permille), (Band::Unknown, true, None));
            assert_eq!((answer.quantity, answer.text_ja(540).as_str()), (pieces, "－ 在庫不明 9/9 10:46時点（最後にわかった在庫）"));
        }
        assert!(origin(source).is_past(None) && !origin(source).is_past(Some(i64::MIN)));
    }
}

#[test]
fn without_a_way_no_chance_is_said() {
    let origin = origin(StockSource::PosFeed);
    let nowhere = Arrival { in_min: None, quantity: 1 };
    let answer = StockAnswer::of(Some(&level(Some(9))), &origin, &BandRules::default(), Some(origin.as_of_ms), nowhere);
    assert_eq!((answer.band, answer.last_known, answer.chance_permille), (Band::InStock, false, None));
}

#[test]
fn bands_go_by_what_is_available_and_wanted() {
    let origin = origin(StockSource::PosFeed);
    let answer = |level: Option<&StockLevel>, quantity| {
        StockAnswer::of(level, &origin, &BandRules::default(), Some(origin.as_of_ms), Arrival { in_min: Some(30), quantity })
    };
    let band = |available: u32, quantity| answer(Some(&level(Some(available))), quantity).band;
    assert_eq!(
        [band(0, 1), band(1, 1), band(3, 1), band(4, 1), band(4, 5), band(4, 0)],
        [Band::Out, Band::Low, Band::Low, Band::InStock, Band::Low, Band::InStock]
    );
    let never_there = answer(None, 1);
    assert_eq!((never_there.band, never_there.quantity, never_there.chance_permille), (Band::Out, Some(0), Some(0)));
    let wrong_books = answer(Some(&level(None)), 1);
    assert_eq!((wrong_books.band, wrong_books.quantity, wrong_books.chance_permille), (Band::Unknown, None, None));
    let there = answer(Some(&level(Some(9))), 1);
    assert_eq!((there.shelf.as_deref(), there.display, there.in_transit, there.source), (Some("2F B-14"), 1, 2, StockSource::PosFeed));
    assert!(there.chance_permille.unwrap() > 900);
}

#[test]
fn the_words_name_the_time() {
    // 2001-09-09 01:46:40 UTC.
    let text = |source, age_ms| {
        let origin = origin(source);
        let answer = StockAnswer::of(Some(&level(Some(2))), &origin, &BandRules::default(), Some(origin.as_of_ms + age_ms), NOW);
        [answer.text_ja(540), answer.text_en(540)]
    };
    assert_eq!(text(StockSource::PosFeed, 0), ["△ 残りわずか 10:46時点", "Few left, as of 10:46"]);
    assert_eq!(text(StockSource::Batch, 0), ["△ 残りわずか 9/9 10:46時点", "Few left, as of 9 Sep 10:46"]);
    assert_eq!(
        text(StockSource::PosFeed, HOUR_MS),
        ["△ 残りわずか 9/9 10:46時点（最後にわかった在庫）", "Few left, as of 9 Sep 10:46 (last known)"]
    );
    assert_eq!(
        text(StockSource::PosFeed, 5 * HOUR_MS),
        ["－ 在庫不明 9/9 10:46時点（最後にわかった在庫）", "Stock not known, as of 9 Sep 10:46 (last known)"]
    );
    let origin = StockOrigin { as_of_ms: i64::MIN, ..origin(StockSource::Count) };
    let answer = StockAnswer::of(None, &origin, &BandRules::default(), Some(i64::MAX), NOW);
    assert!(answer.text_ja(i32::MIN).contains("在庫不明") && answer.text_en(i32::MAX).contains("not known"));
}

fn state() -> impl Strategy<Value = StockState> {
    prop::sample::select(STATES.to_vec())
}

fn kind() -> impl Strategy<Value = StockEventKind> {
    let pieces = 1..9u32;
    prop_oneof![
        4 => pieces.clone().prop_map(|quantity| StockEventKind::Sale { quantity }),
        1 => (pieces.clone(), state()).prop_map(|(quantity, state)| StockEventKind::Return { quantity, state }),
        1 => (0..20u32, state()).prop_map(|(quantity, state)| StockEventKind::Count { quantity, state }),
        1 => (-9..9i64, state()).prop_map(|(quantity, state)| StockEventKind::Adjustment { quantity, state }),
        1 => (pieces.clone(), state(), state()).prop_map(|(quantity, from, to)| StockEventKind::Move { quantity, from, to }),
        1 => pieces.clone().prop_map(|quantity| StockEventKind::TransferOut { quantity, to: "s2".into() }),
        1 => pieces.prop_map(|quantity| StockEventKind::TransferIn { quantity, from: "s2".into() }),
    ]
}

/// Events of a few tills, stores and variants, many of them at the same millisecond.
fn events() -> impl Strategy<Value = Vec<StockEvent>> {
    let one = (0..3u8, 0..2u8, 0..2u8, 0..12i64, kind());
    prop::collection::vec(one, 0..40).prop_map(|drawn| {
        let made = drawn.into_iter().enumerate().map(|(id, (till, store, sku, at_ms, kind))| StockEvent {
            source: format!("till-{till}"),
            id: id.to_string(),
            store: StoreId(format!("s{}", store + 1)),
            sku: Sku(format!("sku-{sku}")),
            at_ms,
            kind,
        });
        made.filter(|event| event.check().is_ok()).collect()
    })
}

/// A log, and the same with some events twice, shuffled.
fn shuffled() -> impl Strategy<Value = (Vec<StockEvent>, Vec<StockEvent>)> {
    events().prop_flat_map(|log| {
        let twice = prop::sample::subsequence(log.clone(), 0..=log.len());
        let both = twice.prop_flat_map({
            let log = log.clone();
            move |again| Just(log.iter().cloned().chain(again).collect::<Vec<_>>()).prop_shuffle()
        });
        (Just(log), both)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_shuffled_and_doubled_log_ends_in_the_same_ledger((log, shuffled) in shuffled()) {
        let expected = ledger(&log);
        let mut books = StockLedger::default();
        let new = shuffled.iter().filter(|event| books.add(event)).count();
        prop_assert_eq!(new, log.len());
        prop_assert_eq!(&books, &expected);
        // And that is what one gets by hand: from the last count on, everything in order.
        let mut ordered = log.clone();
        ordered.sort_by_key(StockEvent::order);
        for (store, sku, state) in ["s1", "s2"].iter().flat_map(|store| ["sku-0", "sku-1"].map(|sku| (*store, sku))).flat_map(|(store, sku)| STATES.map(|state| (store, sku, state))) {
            let effects = ordered.iter().filter(|event| event.sku.as_str() == sku).flat_map(StockEvent::effects);
            let here = effects.filter(|effect| effect.store.as_str() == store && effect.state == state);
            let by_hand = here.fold(0, |pieces, effect| match effect.change { StockChange::Set(n) => n, StockChange::Add(n) => pieces + n });
            prop_assert_eq!(books.on_hand(&store.into(), &sku.into(), state), by_hand);
        }
    }

    #[test]
    fn nothing_old_is_shown_as_there(
        available in prop::option::of(any::<u32>()),
        low_at in any::<u32>(),
        as_of_ms in any::<i64>(),
        now_ms in any::<Option<i64>>(),
        in_min in any::<Option<u32>>(),
        quantity in any::<u32>(),
        source in prop::sample::select(vec![StockSource::PosFeed, StockSource::Batch, StockSource::Count]),
    ) {
        let origin = StockOrigin { as_of_ms, source, model: ChanceModel::default() };
        let answer = StockAnswer::of(Some(&level(available)), &origin, &BandRules { low_at }, now_ms, Arrival { in_min, quantity });
        prop_assert_eq!((answer.as_of_ms, answer.source, answer.quantity), (as_of_ms, source, available));
        let age_ms = now_ms.map(|now_ms| i128::from(now_ms) - i128::from(as_of_ms));
        if age_ms.is_none_or(|age_ms| age_ms > i128::from(source.past_ms())) {
            prop_assert_eq!((answer.band, answer.chance_permille, answer.last_known), (Band::Unknown, None, true));
        }
        if answer.band == Band::InStock {
            prop_assert!(available.is_some_and(|pieces| pieces > low_at && pieces >= quantity));
        }
        prop_assert_eq!(answer.chance_permille.is_none(), answer.band == Band::Unknown || in_min.is_none());
        prop_assert!(!answer.text_ja(540).is_empty() && !answer.text_en(-300).is_empty());
    }
}
