use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;

fn slot(minute: i64, load_permille: u32) -> PickupSlot {
    let promised_ms = minute * MINUTE;
    PickupSlot { promised_ms, ready_ms: promised_ms - 5 * MINUTE, start_ms: promised_ms - 10 * MINUTE, load_permille, nudge_points: 0 }
}

fn candidate(store: &str, way_min: u32, detour_min: u32, slots: &[(i64, u32)]) -> Candidate {
    let slots = slots.iter().map(|(minute, load)| slot(*minute, *load)).collect();
    Candidate { store: store.into(), way_min, off_min: 0, detour_min, late_p90_min: 5, slots }
}

fn on_the_way(candidates: &[Candidate]) -> Vec<JourneySuggestion> {
    suggest(candidates, Arrival::OnTheWay, 0, &JourneyWeights::default())
}

fn first(candidates: &[Candidate], arrival: Arrival) -> (String, i64) {
    let all = suggest(candidates, arrival, 0, &JourneyWeights::default());
    (all[0].store.to_string(), all[0].slot.promised_ms / MINUTE)
}

#[test]
fn the_slot_meets_the_person() {
    let near = candidate("near", 10, 0, &[(5, 0), (10, 0), (15, 0), (30, 0)]);
    assert_eq!(first(std::slice::from_ref(&near), Arrival::OnTheWay), ("near".into(), 10));
    assert_eq!(
        first(std::slice::from_ref(&near), Arrival::Train { at_ms: 20 * MINUTE }),
        ("near".into(), 30),
        "ten minutes from the station"
    );
    assert_eq!(first(std::slice::from_ref(&near), Arrival::Wanted { at_ms: 15 * MINUTE }), ("near".into(), 15));
    assert_eq!(first(&[near], Arrival::Wanted { at_ms: 0 }), ("near".into(), 10), "no sooner than the way allows");
    assert_eq!(on_the_way(&[]), []);
    assert_eq!(on_the_way(&[candidate("closed", 1, 0, &[])]), []);
}

#[test]
fn a_detour_is_weighed_against_a_wait_and_a_crowd() {
    let crowded = candidate("crowded", 5, 0, &[(25, 900)]);
    let quiet = candidate("quiet", 10, 4, &[(10, 100)]);
    let all = on_the_way(&[crowded.clone(), quiet.clone()]);
    assert_eq!(all.iter().map(|one| one.store.as_str()).collect::<Vec<_>>(), ["quiet", "crowded"]);
    assert_eq!(all[0].reason, JourneyReason::Gains { part: JourneyPart::Wait, minutes: 20 });
    assert_eq!(all[0].reason.text_ja(), "待ち時間が約20分短くなります");
    assert_eq!(all[1].reason.text_en(), "About 20 min more waiting");
    // 5 minutes on the shelf, 4 of detour, a tenth of 5 minutes late, a tenth of a full kitchen.
    let parts = JourneyParts { wait_ms: 0, shelf_ms: 5 * MINUTE, detour_ms: 4 * MINUTE, late_ms: MINUTE / 2, load_ms: MINUTE };
    assert_eq!((all[0].parts, all[0].score_ms), (parts, 2 * MINUTE + 4 * MINUTE + 3 * MINUTE / 4 + MINUTE / 2));
    // Far off the way it is not worth it.
    let far = Candidate { detour_min: 40, ..quiet };
    assert_eq!(on_the_way(&[crowded, far])[0].store.as_str(), "crowded");
}

#[test]
fn a_late_kitchen_and_an_uncertain_way_count() {
    let punctual = candidate("punctual", 10, 1, &[(10, 0)]);
    let late = Candidate { late_p90_min: 30, ..candidate("late", 10, 0, &[(10, 0)]) };
    assert_eq!(on_the_way(&[late, punctual])[0].store.as_str(), "punctual");
    let sure = on_the_way(&[candidate("s", 10, 0, &[(10, 0)])])[0].parts;
    let unsure = on_the_way(&[Candidate { off_min: 8, ..candidate("s", 10, 0, &[(10, 0)]) }])[0].parts;
    assert_eq!((sure.wait_ms, unsure.wait_ms), (0, 2 * MINUTE));
    assert!(unsure.shelf_ms > sure.shelf_ms);
}

#[test]
fn every_reason_has_words() {
    let parts = [JourneyPart::Wait, JourneyPart::Shelf, JourneyPart::Detour, JourneyPart::Late, JourneyPart::Load];
    let of = |part| [JourneyReason::Gains { part, minutes: 3 }, JourneyReason::Loses { part, minutes: 3 }];
    let mut texts: Vec<String> = parts.into_iter().flat_map(of).flat_map(|reason| [reason.text_ja(), reason.text_en()]).collect();
    texts.extend([JourneyReason::OnlyOne, JourneyReason::AsGood].into_iter().flat_map(|reason| [reason.text_ja(), reason.text_en()]));
    let count = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!((texts.len(), count), (24, 24));
}

fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let slots = prop::collection::vec((0i64..180, 0u32..1_001), 0..12);
    let one = (0u8..6, 0u32..60, 0u32..20, 0u32..40, 0u32..30, slots);
    let one = one.prop_map(|(store, way_min, off_min, detour_min, late_p90_min, slots)| Candidate {
        off_min,
        late_p90_min,
        ..candidate(&format!("s{store}"), way_min, detour_min, &slots)
    });
    prop::collection::vec(one, 0..8)
}

fn any_arrival() -> impl Strategy<Value = Arrival> {
    let at_ms = || (0i64..120).prop_map(|minute| minute * MINUTE);
    prop_oneof![
        Just(Arrival::OnTheWay),
        at_ms().prop_map(|at_ms| Arrival::Train { at_ms }),
        at_ms().prop_map(|at_ms| Arrival::Wanted { at_ms })
    ]
}

fn any_weights() -> impl Strategy<Value = JourneyWeights> {
    prop::array::uniform5(0u32..3_000).prop_map(|[wait_permille, shelf_permille, detour_permille, late_permille, load_permille]| {
        JourneyWeights { wait_permille, shelf_permille, detour_permille, late_permille, load_permille }
    })
}

/// Worked out anew, in the words of the text: minutes of three arrivals, one sum.
fn score_by_hand(candidate: &Candidate, slot: &PickupSlot, arrival: Arrival, weights: &JourneyWeights) -> f64 {
    let minutes = |ms: i64| ms as f64 / MINUTE as f64;
    let way = f64::from(candidate.way_min);
    let arrives = match arrival {
        Arrival::OnTheWay => way,
        Arrival::Train { at_ms } => minutes(at_ms) + way,
        Arrival::Wanted { at_ms } => minutes(at_ms).max(way),
    };
    let off = f64::from(candidate.off_min);
    let arrivals = [arrives - off, arrives, arrives, arrives + off];
    let mean = |of: &dyn Fn(f64) -> f64| arrivals.iter().map(|at| of(*at)).sum::<f64>() / 4.0;
    let (promised, ready) = (minutes(slot.promised_ms), minutes(slot.ready_ms));
    let wait = mean(&|at| (promised - at).max(0.0));
    let shelf = mean(&|at| (at - ready).max(0.0));
    let late = (mean(&|at| (promised + f64::from(candidate.late_p90_min) - at).max(0.0)) - wait) / 10.0;
    let load = f64::from(slot.load_permille) / 100.0;
    let weighted = [
        (wait, weights.wait_permille),
        (shelf, weights.shelf_permille),
        (f64::from(candidate.detour_min), weights.detour_permille),
        (late, weights.late_permille),
        (load, weights.load_permille),
    ];
    weighted.iter().map(|(minutes, weight)| minutes * f64::from(*weight) / 1_000.0).sum()
}

proptest! {
    /// Looking at all pairs of a store and a slot finds nothing better than the first, and nothing better for a store than what is said of it.
    #[test]
    fn nothing_is_better_than_the_first(candidates in any_candidates(), arrival in any_arrival(), weights in any_weights()) {
        let found = suggest(&candidates, arrival, 0, &weights);
        let best = |candidate: &Candidate| candidate.slots.iter().map(|slot| score_by_hand(candidate, slot, arrival, &weights)).fold(f64::INFINITY, f64::min);
        let mut scores: Vec<f64> = candidates.iter().filter(|candidate| !candidate.slots.is_empty()).map(best).collect();
        scores.sort_by(f64::total_cmp);
        prop_assert_eq!(found.len(), scores.len());
        for (found, score) in found.iter().zip(scores) {
            prop_assert!((found.score_ms as f64 / MINUTE as f64 - score).abs() < 1e-3, "{} and {score}", found.score_ms);
        }
    }

    /// The order of candidates and slots says nothing, nor does when it all happens.
    #[test]
    fn the_order_and_the_day_say_nothing(
        candidates in any_candidates().prop_shuffle(),
        arrival in any_arrival(),
        days in -20_000i64..20_000,
        turn in 0usize..8,
    ) {
        let weights = JourneyWeights::default();
        let found = suggest(&candidates, arrival, 0, &weights);
        let mut turned = candidates.clone();
        let by = turn % turned.len().max(1);
        turned.rotate_left(by);
        turned.iter_mut().for_each(|candidate| candidate.slots.reverse());
        prop_assert_eq!(&suggest(&turned, arrival, 0, &weights), &found);
        let later = days * 1_440 * MINUTE;
        let moved = |slot: &mut PickupSlot| {
            slot.promised_ms += later;
            slot.ready_ms += later;
            slot.start_ms += later;
        };
        turned.iter_mut().flat_map(|candidate| &mut candidate.slots).for_each(moved);
        let arrival = match arrival {
            Arrival::OnTheWay => Arrival::OnTheWay,
            Arrival::Train { at_ms } => Arrival::Train { at_ms: at_ms + later },
            Arrival::Wanted { at_ms } => Arrival::Wanted { at_ms: at_ms + later },
        };
        let mut found_later = suggest(&turned, arrival, later, &weights);
        for suggestion in &mut found_later {
            moved_back(suggestion, later);
        }
        prop_assert_eq!(found_later, found);
    }

    /// What is farther off the way, later or fuller never stands higher for it.
    #[test]
    fn worse_never_ranks_better(
        mut candidates in any_candidates(),
        arrival in any_arrival(),
        weights in any_weights(),
        which in any::<prop::sample::Index>(),
        more in 0u32..60,
        what in 0u8..3,
    ) {
        prop_assume!(!candidates.is_empty());
        for (at, candidate) in candidates.iter_mut().enumerate() {
            candidate.store = format!("c{at}").into();
        }
        let at = which.index(candidates.len());
        let store = candidates[at].store.clone();
        let place = |found: &[JourneySuggestion]| found.iter().position(|suggestion| suggestion.store == store);
        let before = place(&suggest(&candidates, arrival, 0, &weights));
        match what {
            0 => candidates[at].detour_min += more,
            1 => candidates[at].late_p90_min += more,
            _ => candidates[at].slots.iter_mut().for_each(|slot| slot.load_permille = (slot.load_permille + more * 10).min(1_000)),
        }
        prop_assert!(place(&suggest(&candidates, arrival, 0, &weights)) >= before);
    }

    /// Figures at the end of the scale are an answer too.
    #[test]
    fn any_figures_are_an_answer(numbers in prop::array::uniform5(any::<u32>()), times in prop::array::uniform5(any::<i64>()), weight in any::<u32>()) {
        let [way_min, off_min, detour_min, late_p90_min, load_permille] = numbers;
        let [now_ms, at_ms, promised_ms, ready_ms, start_ms] = times;
        let slots = vec![PickupSlot { promised_ms, ready_ms, start_ms, load_permille, nudge_points: 0 }];
        let one = Candidate { store: "s".into(), way_min, off_min, detour_min, late_p90_min, slots };
        let weights = JourneyWeights { wait_permille: weight, late_permille: weight, ..JourneyWeights::default() };
        for arrival in [Arrival::OnTheWay, Arrival::Train { at_ms }, Arrival::Wanted { at_ms }] {
            let found = suggest(&[one.clone(), one.clone()], arrival, now_ms, &weights);
            prop_assert!(found.len() == 2 && found[0].score_ms >= 0 && found[1].reason == JourneyReason::AsGood);
        }
    }
}

fn moved_back(suggestion: &mut JourneySuggestion, by: i64) {
    suggestion.slot.promised_ms -= by;
    suggestion.slot.ready_ms -= by;
    suggestion.slot.start_ms -= by;
    suggestion.arrives_ms -= by;
}
