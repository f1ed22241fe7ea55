use proptest::prelude::*;
use std::collections::BTreeSet;

use super::*;
use OrderActor::{Backend, Clock, Person, Store};

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;

fn line(pieces: u32, gross_minor: i64, perishable: bool) -> OrderLine {
    let paid = PaidLine { pieces, gross_minor, points_paid_minor: 10, points: 10, tax_permille: 80, refunded_pieces: 0 };
    OrderLine { paid, perishable, least_age: None, goes_with: None }
}

fn rules(method: PaymentMethod, capture: CaptureTime) -> OrderRules {
    OrderRules {
        method,
        capture,
        rounding: TaxRounding::Down,
        accept_by_ms: 5 * MINUTE,
        cancel_until_ms: Some(20 * MINUTE),
        keep_ms: 60 * MINUTE,
        complete_after_ms: 60 * MINUTE,
        charge_no_show: false,
        renew_before_ms: 60 * MINUTE,
    }
}

/// Two burgers (1,000 yen, 10 of them in points) and a mug (2,000 yen, the same), promised in half an hour.
fn draft(method: PaymentMethod, capture: CaptureTime) -> Order {
    Order::draft("o1".into(), vec![line(2, 1_000, true), line(1, 2_000, false)], rules(method, capture), 30 * MINUTE)
}

fn by_token(capture: CaptureTime) -> Order {
    draft(PaymentMethod::Token, capture)
}

/// Takes steps, and collects what is to be carried out.
fn run(order: Order, steps: &[(OrderEvent, OrderActor, i64)]) -> (Order, Vec<OrderEffect>) {
    steps.iter().fold((order, Vec::new()), |(order, mut effects), (event, by, now_ms)| {
        let (next, more) = order.apply(event, *by, *now_ms).unwrap_or_else(|error| panic!("{event:?} in {:?}: {error}", order.state));
        effects.extend(more);
        (next, effects)
    })
}

fn accepted(capture: CaptureTime) -> (Order, Vec<OrderEffect>) {
    let authorised = OrderEvent::Authorised { until_ms: 7 * DAY };
    run(by_token(capture), &[(OrderEvent::Submit, Person, 0), (authorised, Backend, 1), (OrderEvent::Accept, Store, 2)])
}

fn hand_over(age_checked: bool, refused: &[usize]) -> OrderEvent {
    OrderEvent::HandOver { age_checked, refused: refused.to_vec() }
}

#[test]
fn one_life_from_draft_to_completed() {
    let (order, effects) = accepted(CaptureTime::AtAcceptance);
    assert_eq!(effects, [OrderEffect::Authorise { attempt: 1, amount_minor: 2_980 }, OrderEffect::Capture { amount_minor: 2_980 }]);
    let steps = [
        (OrderEvent::Captured, Backend, 3),
        (OrderEvent::Start, Store, 4),
        (OrderEvent::MakeReady, Store, 5),
        (hand_over(false, &[]), Store, 6),
        (OrderEvent::Complete, Clock, 6 + 60 * MINUTE),
    ];
    let (order, effects) = run(order, &steps);
    assert_eq!((order.state, order.payment, effects), (OrderState::Completed, PaymentState::Captured, vec![]));
    // A burger comes back: half of what was paid for both.
    let (order, effects) = run(order, &[(OrderEvent::Refund { line: 0, pieces: 1 }, Store, DAY)]);
    assert_eq!(effects, [OrderEffect::Refund { line: 0, from_piece: 0, pieces: 1, money_minor: 495, points: 5 }]);
    assert_eq!(effects[0].key(&order.id), "o1/refund/0/0");
    let error = order.apply(&OrderEvent::Refund { line: 0, pieces: 2 }, Store, DAY).unwrap_err();
    assert_eq!(error, OrderStepError::Pieces { line: 0, left: 1 });
    let rest = [(OrderEvent::Refund { line: 0, pieces: 1 }, Store, DAY), (OrderEvent::Refund { line: 1, pieces: 1 }, Store, DAY)];
    let (order, effects) = run(order, &rest);
    assert_eq!(effects.last(), Some(&OrderEffect::RestoreCoupons), "the whole sale goes back");
    assert_eq!((order.left_minor(), order.state), (0, OrderState::Completed));
}

#[test]
fn an_order_whose_answer_was_lost_waits_for_its_resolution() {
    let (lost, _) = run(by_token(CaptureTime::AtAcceptance), &[(OrderEvent::Submit, Person, 0), (OrderEvent::AnswerLost, Clock, 1)]);
    for (event, by) in [(OrderEvent::Submit, Person), (OrderEvent::Cancel, Person), (OrderEvent::Accept, Store)] {
        assert_eq!(lost.apply(&event, by, 2), Err(OrderStepError::Unresolved));
    }
    assert!(!lost.state.is_final() && !lost.can_cancel(2));
    let (found, _) = run(lost.clone(), &[(OrderEvent::Resolve { found: true }, Backend, 3)]);
    assert_eq!(found.state, OrderState::Submitted);
    let (tombstone, _) = run(lost, &[(OrderEvent::Resolve { found: false }, Backend, 3)]);
    assert!(tombstone.state == OrderState::Failed && tombstone.state.is_final(), "only now may a new key exist");
}

#[test]
fn payment_has_its_own_way() {
    let submitted = run(by_token(CaptureTime::AtHandOver), &[(OrderEvent::Submit, Person, 0)]).0;
    assert_eq!(submitted.apply(&OrderEvent::Accept, Store, 1), Err(OrderStepError::PaymentOpen));
    let steps = [
        (OrderEvent::StepUp, Backend, 1),
        (OrderEvent::PaymentUnknown, Backend, 2),
        (OrderEvent::Authorised { until_ms: 2 * DAY }, Backend, 3),
    ];
    let (order, _) = run(submitted.clone(), &steps);
    let (order, effects) = run(order, &[(OrderEvent::Accept, Backend, 4)]);
    assert!(effects.is_empty(), "the money is taken at hand-over");
    // It ends before the hand-over of a later day: renewed an hour before.
    let order = Order { promised_ms: 3 * DAY, ..order };
    assert_eq!(order.due(2 * DAY - 61 * MINUTE), None);
    assert_eq!(order.due(2 * DAY - 60 * MINUTE), Some(OrderEvent::Renew));
    assert!(matches!(order.apply(&OrderEvent::Renew, Clock, 5), Err(OrderStepError::TooEarly { .. })));
    let (order, effects) = run(order, &[(OrderEvent::Renew, Clock, 2 * DAY - 60 * MINUTE)]);
    assert_eq!(effects, [OrderEffect::Authorise { attempt: 2, amount_minor: 2_980 }]);
    // Refused this time, and the first is over: the person pays at the counter.
    let steps = [(OrderEvent::PaymentRefused, Backend, 2 * DAY), (OrderEvent::MakeReady, Store, 2 * DAY)];
    let (order, _) = run(order, &steps);
    assert_eq!(order.apply(&hand_over(false, &[]), Store, 2 * DAY), Err(OrderStepError::PaymentOpen));
    let (order, effects) = run(order, &[(OrderEvent::PayAtCounter, Person, 2 * DAY), (hand_over(false, &[]), Store, 2 * DAY)]);
    assert_eq!((order.state, effects), (OrderState::PickedUp, vec![OrderEffect::Collect { amount_minor: 2_980 }]));
    // Refused before acceptance: another card may do, until the store's time is over. Then points and coupons come back.
    let (refused, effects) = run(submitted, &[(OrderEvent::PaymentRefused, Backend, 1)]);
    assert_eq!((refused.state, refused.payment, effects.len()), (OrderState::Submitted, PaymentState::Refused, 0));
    assert_eq!(refused.apply(&OrderEvent::Accept, Store, 2), Err(OrderStepError::PaymentOpen));
    let (again, effects) = run(refused.clone(), &[(OrderEvent::PayAgain, Person, 2)]);
    assert_eq!(effects, [OrderEffect::Authorise { attempt: 2, amount_minor: 2_980 }]);
    assert_eq!(again.apply(&OrderEvent::PayAgain, Person, 3), Err(OrderStepError::NotNow(OrderState::Submitted)));
    let over = OrderEvent::Reject { reason: RejectReason::NotAccepted };
    let (over, effects) = run(refused, &[(over, Clock, 5 * MINUTE)]);
    let points: i64 = effects.iter().map(|effect| if let OrderEffect::Drop { points, .. } = effect { *points } else { 0 }).sum();
    assert_eq!((over.state, points, effects.contains(&OrderEffect::RestoreCoupons)), (OrderState::Rejected, 20, true));
    // A capture that is refused while it is made: nothing was paid, points and coupons go back.
    let (order, _) = accepted(CaptureTime::AtAcceptance);
    let (failed, effects) = run(order, &[(OrderEvent::CaptureRefused, Backend, 3)]);
    let dropped = |line, pieces| OrderEffect::Drop { line, from_piece: 0, pieces, points: 10 };
    let expected = vec![dropped(0, 2), dropped(1, 1), OrderEffect::ReleaseSlot, OrderEffect::RestoreCoupons];
    assert_eq!((failed.state, failed.charged, effects), (OrderState::Failed, false, expected));
}

#[test]
fn a_person_cancels_while_it_may_be() {
    let (order, _) = accepted(CaptureTime::AtAcceptance);
    let (canceled, effects) = run(order.clone(), &[(OrderEvent::Cancel, Person, 20 * MINUTE - 1)]);
    assert_eq!(canceled.state, OrderState::Canceled);
    let money: i64 = effects.iter().map(|effect| if let OrderEffect::Refund { money_minor, .. } = effect { *money_minor } else { 0 }).sum();
    assert_eq!((money, effects.len()), (2_980, 4));
    assert_eq!(order.apply(&OrderEvent::Cancel, Person, 20 * MINUTE), Err(OrderStepError::CancelOver));
    let (begun, _) = run(order, &[(OrderEvent::Start, Store, 3)]);
    assert_eq!(begun.apply(&OrderEvent::Cancel, Person, 4), Err(OrderStepError::CancelOver));
    assert!(begun.apply(&OrderEvent::Cancel, Store, 4).is_ok());
    assert_eq!(begun.apply(&OrderEvent::Late { promised_ms: 30 * MINUTE }, Store, 4), Err(OrderStepError::NotLater));
    let (late, _) = run(begun, &[(OrderEvent::Late { promised_ms: 50 * MINUTE }, Store, 4)]);
    assert_eq!((late.promised_ms, late.kept_until_ms()), (50 * MINUTE, 110 * MINUTE));
    assert!(late.apply(&OrderEvent::Cancel, Person, 40 * MINUTE).is_ok(), "a late order can be cancelled for nothing");
    // Before acceptance, nothing was taken: what was set aside is let go.
    let submitted = run(by_token(CaptureTime::AtAcceptance), &[(OrderEvent::Submit, Person, 0)]).0;
    let (_, effects) = run(submitted, &[(OrderEvent::Cancel, Person, 1)]);
    assert_eq!(effects[0], OrderEffect::Void { attempt: 1 });
    assert!(!effects.iter().any(|effect| matches!(effect, OrderEffect::Refund { .. })));
    let (_, effects) = run(by_token(CaptureTime::AtAcceptance), &[(OrderEvent::Cancel, Person, 1)]);
    assert!(effects.is_empty(), "a draft has nothing to give back");
}

#[test]
fn the_store_edits_rejects_and_misses() {
    let submitted = run(by_token(CaptureTime::AtHandOver), &[(OrderEvent::Submit, Person, 0)]).0;
    // The person has until another time to cancel, and sees it; the store's time to answer goes on.
    let shown = OrderRules { cancel_until_ms: Some(30 * MINUTE), accept_by_ms: 9 * MINUTE, ..submitted.rules };
    let edit = OrderEvent::Edit { lines: vec![line(1, 600, true)], promised_ms: 40 * MINUTE, rules: shown };
    let (edited, effects) = run(submitted.clone(), &[(edit.clone(), Person, 1)]);
    assert_eq!(effects, [OrderEffect::Void { attempt: 1 }, OrderEffect::Authorise { attempt: 2, amount_minor: 590 }]);
    assert_eq!((edited.promised_ms, edited.left_minor()), (40 * MINUTE, 590));
    assert_eq!((edited.rules.cancel_until_ms, edited.rules.accept_by_ms), (Some(30 * MINUTE), 5 * MINUTE));
    let nothing = OrderEvent::Edit { lines: vec![], promised_ms: 0, rules: shown };
    assert_eq!(submitted.apply(&nothing, Person, 1), Err(OrderStepError::Lines));
    let (order, _) = accepted(CaptureTime::AtHandOver);
    assert_eq!(order.apply(&edit, Person, 3), Err(OrderStepError::NotNow(OrderState::Accepted)));
    // The store does not answer.
    assert_eq!(submitted.due(5 * MINUTE), Some(OrderEvent::Reject { reason: RejectReason::NotAccepted }));
    let not_accepted = OrderEvent::Reject { reason: RejectReason::NotAccepted };
    assert!(matches!(submitted.apply(&not_accepted, Clock, 1), Err(OrderStepError::TooEarly { .. })));
    let (rejected, _) = run(submitted.clone(), &[(not_accepted, Clock, 5 * MINUTE)]);
    assert_eq!((rejected.state, rejected.rejected), (OrderState::Rejected, Some(RejectReason::NotAccepted)));
    let authorised = run(submitted, &[(OrderEvent::Authorised { until_ms: DAY }, Backend, 1)]).0;
    assert!(authorised.apply(&OrderEvent::Accept, Store, 5 * MINUTE).is_err());
    // One burger cannot be made: the rest goes on, and costs less at hand-over.
    let (order, effects) = run(order, &[(OrderEvent::Missing { line: 0, pieces: 1 }, Store, 3)]);
    assert_eq!(effects, [OrderEffect::Drop { line: 0, from_piece: 0, pieces: 1, points: 5 }]);
    let steps = [(OrderEvent::MakeReady, Store, 4), (hand_over(false, &[]), Store, 5)];
    assert_eq!(run(order.clone(), &steps).1, [OrderEffect::Capture { amount_minor: 2_485 }]);
    // Nothing can be made: it is off.
    let steps = [(OrderEvent::Missing { line: 0, pieces: 1 }, Store, 4), (OrderEvent::Missing { line: 1, pieces: 1 }, Store, 5)];
    let (off, effects) = run(order.clone(), &steps);
    assert_eq!((off.state, effects.contains(&OrderEffect::Void { attempt: 1 })), (OrderState::Canceled, true));
    for (line, pieces, left) in [(0, 2, 1), (0, 0, 1), (7, 1, 0), (1, u32::MAX, 1)] {
        assert_eq!(order.apply(&OrderEvent::Missing { line, pieces }, Store, 4), Err(OrderStepError::Pieces { line, left }));
    }
}

#[test]
fn ages_are_checked_at_hand_over() {
    let mut order = by_token(CaptureTime::AtAcceptance);
    order.lines[1].least_age = Some(20);
    let steps = [
        (OrderEvent::Submit, Person, 0),
        (OrderEvent::Authorised { until_ms: DAY }, Backend, 1),
        (OrderEvent::Accept, Store, 2),
        (OrderEvent::MakeReady, Store, 3),
    ];
    let (ready, _) = run(order, &steps);
    assert_eq!(ready.apply(&hand_over(false, &[]), Store, 4), Err(OrderStepError::AgeUnchecked { least_age: 20 }));
    assert_eq!(run(ready.clone(), &[(hand_over(true, &[]), Store, 4)]).0.state, OrderState::PickedUp);
    // Too young: that line is refunded, the rest handed over.
    let (order, effects) = run(ready.clone(), &[(hand_over(false, &[1, 1]), Store, 4)]);
    assert_eq!(order.state, OrderState::PickedUp);
    assert_eq!(effects, [OrderEffect::Refund { line: 1, from_piece: 0, pieces: 1, money_minor: 1_990, points: 10 }]);
    assert_eq!(run(ready.clone(), &[(hand_over(false, &[0, 1]), Store, 4)]).0.state, OrderState::Canceled);
    assert_eq!(ready.apply(&hand_over(true, &[9]), Store, 4), Err(OrderStepError::Pieces { line: 9, left: 0 }));
}

#[test]
fn nobody_came() {
    let ready = |order: Order| run(order, &[(OrderEvent::MakeReady, Store, 3)]).0;
    let late = 90 * MINUTE;
    let order = ready(accepted(CaptureTime::AtAcceptance).0);
    assert!(matches!(order.apply(&OrderEvent::Expire, Clock, late - 1), Err(OrderStepError::TooEarly { .. })));
    assert_eq!((order.due(late - 1), order.due(late)), (None, Some(OrderEvent::Expire)));
    // Food is gone, the mug goes back to its shelf and is refunded.
    let (expired, effects) = run(order, &[(OrderEvent::Expire, Clock, late)]);
    let mug = OrderEffect::Refund { line: 1, from_piece: 0, pieces: 1, money_minor: 1_990, points: 10 };
    assert_eq!((expired.state, effects), (OrderState::Expired, vec![mug, OrderEffect::ReleaseSlot]));
    // The operator is kind later on.
    assert!(expired.apply(&OrderEvent::Refund { line: 0, pieces: 2 }, Store, DAY).is_ok());
    // To be paid at hand-over: nothing is charged, or the food is, by the operator's rule.
    let (_, effects) = run(ready(accepted(CaptureTime::AtHandOver).0), &[(OrderEvent::Expire, Clock, late)]);
    assert!(effects.contains(&OrderEffect::Void { attempt: 1 }) && effects.contains(&OrderEffect::RestoreCoupons));
    let mut order = ready(accepted(CaptureTime::AtHandOver).0);
    order.rules.charge_no_show = true;
    assert!(run(order, &[(OrderEvent::Expire, Clock, late)]).1.contains(&OrderEffect::Capture { amount_minor: 990 }));
}

#[test]
fn eat_in_and_take_out_are_exchanged_until_hand_over() {
    let dearer = || vec![line(2, 1_020, true), line(1, 2_000, false)];
    let (order, _) = accepted(CaptureTime::AtAcceptance);
    let (order, effects) = run(order, &[(OrderEvent::Amend { lines: dearer() }, Person, 3)]);
    assert_eq!(effects, [OrderEffect::Difference { number: 1, money_minor: 20 }]);
    let back = vec![line(2, 1_000, true), line(1, 2_000, false)];
    let (order, effects) =
        run(order, &[(OrderEvent::Amend { lines: back.clone() }, Store, 4), (OrderEvent::Amend { lines: back }, Store, 5)]);
    assert_eq!(effects, [OrderEffect::Difference { number: 2, money_minor: -20 }]);
    let (order, _) = run(order, &[(OrderEvent::MakeReady, Store, 5), (hand_over(false, &[]), Store, 6)]);
    let after = order.apply(&OrderEvent::Amend { lines: dearer() }, Person, 7);
    assert_eq!(after, Err(OrderStepError::NotNow(OrderState::PickedUp)), "after hand-over it stands");
    // Not yet charged: a higher amount is set aside anew.
    let (order, _) = accepted(CaptureTime::AtHandOver);
    let (order, effects) = run(order, &[(OrderEvent::Amend { lines: dearer() }, Person, 3)]);
    assert_eq!(effects, [OrderEffect::Void { attempt: 1 }, OrderEffect::Authorise { attempt: 2, amount_minor: 3_000 }]);
    let (order, _) = run(order, &[(OrderEvent::Missing { line: 0, pieces: 1 }, Store, 4)]);
    for lines in [dearer(), vec![], vec![line(3, 1_000, true), line(1, 2_000, false)]] {
        assert_eq!(order.apply(&OrderEvent::Amend { lines }, Person, 5), Err(OrderStepError::Lines));
    }
}

#[test]
fn what_is_ready_late_is_kept_from_then_on() {
    let (order, _) = accepted(CaptureTime::AtAcceptance);
    let (order, _) = run(order, &[(OrderEvent::Captured, Backend, 3), (OrderEvent::MakeReady, Store, 89 * MINUTE)]);
    assert_eq!((order.kept_until_ms(), order.next_due_ms(), order.due(90 * MINUTE)), (149 * MINUTE, Some(149 * MINUTE), None));
    assert!(
        matches!(order.apply(&OrderEvent::Expire, Clock, 90 * MINUTE), Err(OrderStepError::TooEarly { until_ms }) if until_ms == 149 * MINUTE)
    );
    assert_eq!(order.due(149 * MINUTE), Some(OrderEvent::Expire));
    // Ready early, it is kept from the promised time on.
    let (early, _) = run(accepted(CaptureTime::AtAcceptance).0, &[(OrderEvent::MakeReady, Store, 3)]);
    assert_eq!(early.kept_until_ms(), 90 * MINUTE);
}

#[test]
fn what_is_promised_and_not_made_ends_with_the_money_back() {
    for begun in [false, true] {
        let (order, _) = accepted(CaptureTime::AtAcceptance);
        let (order, _) = run(order, &[(OrderEvent::Captured, Backend, 3)]);
        let order = if begun { run(order, &[(OrderEvent::Start, Store, 4)]).0 } else { order };
        assert!(!order.can_cancel(30 * MINUTE - 1) && order.can_cancel(30 * MINUTE), "what was not ready in time need not be waited for");
        assert_eq!((order.next_due_ms(), order.due(90 * MINUTE - 1)), (Some(90 * MINUTE), None));
        assert!(matches!(order.apply(&OrderEvent::Cancel, Clock, 90 * MINUTE - 1), Err(OrderStepError::TooEarly { .. })));
        assert_eq!(order.due(90 * MINUTE), Some(OrderEvent::Cancel));
        let (off, effects) = run(order, &[(OrderEvent::Cancel, Clock, 90 * MINUTE)]);
        let money = |effect: &OrderEffect| if let OrderEffect::Refund { money_minor, .. } = effect { *money_minor } else { 0 };
        assert_eq!((off.state, effects.iter().map(money).sum::<i64>()), (OrderState::Canceled, 2_980));
        assert!(effects.contains(&OrderEffect::ReleaseSlot) && effects.contains(&OrderEffect::RestoreCoupons));
    }
    let ready = run(accepted(CaptureTime::AtAcceptance).0, &[(OrderEvent::MakeReady, Store, 3)]).0;
    assert!(matches!(ready.apply(&OrderEvent::Cancel, Clock, DAY), Err(OrderStepError::NotNow(OrderState::Ready))));
}

#[test]
fn an_authorisation_stands_until_the_next_one_does() {
    let hour = |until_min: i64| OrderEvent::Authorised { until_ms: until_min * MINUTE };
    let steps = [(OrderEvent::Submit, Person, 0), (hour(60), Backend, 0), (OrderEvent::Accept, Store, 2)];
    let (order, _) = run(by_token(CaptureTime::AtHandOver), &steps);
    // One that lasts an hour is renewed after half of it, not at every look.
    assert_eq!((order.due(29 * MINUTE), order.due(30 * MINUTE)), (None, Some(OrderEvent::Renew)));
    let (renewing, effects) = run(order, &[(OrderEvent::Renew, Clock, 30 * MINUTE)]);
    assert_eq!((effects, renewing.due(31 * MINUTE)), (vec![OrderEffect::Authorise { attempt: 2, amount_minor: 2_980 }], None));
    let (renewed, effects) = run(renewing.clone(), &[(hour(90), Backend, 31 * MINUTE)]);
    assert_eq!((effects, renewed.authorised), (vec![OrderEffect::Void { attempt: 1 }], 2));
    // Refused: the first is good until it ends, and is what is taken.
    let (refused, effects) = run(renewing.clone(), &[(OrderEvent::PaymentRefused, Backend, 31 * MINUTE)]);
    assert_eq!((effects, refused.authorised, refused.due(59 * MINUTE)), (vec![], 1, None));
    let hand = [(OrderEvent::MakeReady, Store, 32 * MINUTE), (hand_over(false, &[]), Store, 33 * MINUTE)];
    assert_eq!(run(refused, &hand).1, [OrderEffect::Capture { amount_minor: 2_980 }]);
    // Not answered: the first is taken, and the new one let go, whatever becomes of it.
    let (unknown, _) = run(renewing.clone(), &[(OrderEvent::PaymentUnknown, Backend, 31 * MINUTE)]);
    let (handed, effects) = run(unknown, &hand);
    assert_eq!((effects, handed.authorised), (vec![OrderEffect::Void { attempt: 2 }, OrderEffect::Capture { amount_minor: 2_980 }], 1));
    // Called off meanwhile: both are let go.
    let (_, effects) = run(renewing, &[(OrderEvent::Cancel, Store, 31 * MINUTE)]);
    assert!(effects.starts_with(&[OrderEffect::Void { attempt: 2 }, OrderEffect::Void { attempt: 1 }]), "{effects:?}");
}

#[test]
fn nothing_stays_set_aside_where_nothing_is_charged() {
    let mut order = by_token(CaptureTime::AtHandOver);
    order.lines[0].paid.gross_minor = 10;
    order.lines[1].least_age = Some(20);
    let steps = [
        (OrderEvent::Submit, Person, 0),
        (OrderEvent::Authorised { until_ms: DAY }, Backend, 1),
        (OrderEvent::Accept, Store, 2),
        (OrderEvent::MakeReady, Store, 3),
        (hand_over(false, &[1]), Store, 4),
    ];
    let (order, effects) = run(order, &steps);
    assert_eq!(
        (order.state, order.payment, effects.last()),
        (OrderState::PickedUp, PaymentState::Open, Some(&OrderEffect::Void { attempt: 1 }))
    );
}

#[test]
fn what_points_paid_for_comes_back_after_hand_over() {
    for method in [PaymentMethod::Token, PaymentMethod::AtCounter] {
        let mut order = draft(method, CaptureTime::AtHandOver);
        order.lines.iter_mut().for_each(|line| line.paid.gross_minor = 10);
        let steps = [
            (OrderEvent::Submit, Person, 0),
            (OrderEvent::Accept, Store, 2),
            (OrderEvent::MakeReady, Store, 3),
            (hand_over(false, &[]), Store, 4),
            (OrderEvent::Refund { line: 0, pieces: 2 }, Store, 5),
        ];
        let (order, effects) = run(order, &steps);
        assert_eq!(effects, [OrderEffect::Refund { line: 0, from_piece: 0, pieces: 2, money_minor: 0, points: 10 }]);
        let (_, effects) = run(order, &[(OrderEvent::Refund { line: 1, pieces: 1 }, Store, 6)]);
        assert_eq!(effects.last(), Some(&OrderEffect::RestoreCoupons));
    }
    // A card that gave nothing gets nothing back; points do.
    let (order, _) = accepted(CaptureTime::AtHandOver);
    let steps = [(OrderEvent::MakeReady, Store, 3), (hand_over(false, &[]), Store, 4), (OrderEvent::CaptureRefused, Backend, 5)];
    let (_, effects) = run(run(order, &steps).0, &[(OrderEvent::Refund { line: 1, pieces: 1 }, Store, 6)]);
    assert_eq!(effects, [OrderEffect::Refund { line: 1, from_piece: 0, pieces: 1, money_minor: 0, points: 10 }]);
}

#[test]
fn a_modifier_of_its_own_goes_with_its_item() {
    let with_beer = || {
        let mut order = by_token(CaptureTime::AtHandOver);
        // Two beers a burger.
        order.lines[1] = OrderLine { paid: PaidLine { pieces: 4, ..order.lines[1].paid }, goes_with: Some(0), ..order.lines[1] };
        order.lines[1].least_age = Some(20);
        run(
            order,
            &[(OrderEvent::Submit, Person, 0), (OrderEvent::Authorised { until_ms: DAY }, Backend, 1), (OrderEvent::Accept, Store, 2)],
        )
        .0
    };
    let (order, _) = run(with_beer(), &[(OrderEvent::Missing { line: 0, pieces: 1 }, Store, 3)]);
    assert_eq!(order.lines.iter().map(|line| line.paid.left_pieces()).collect::<Vec<_>>(), [1, 2]);
    let (order, _) =
        run(order, &[(OrderEvent::Missing { line: 1, pieces: 1 }, Store, 3), (OrderEvent::Missing { line: 0, pieces: 1 }, Store, 3)]);
    assert_eq!((order.state, order.left_minor()), (OrderState::Canceled, 0));
    // Refused at the counter, named with its beer or not.
    for refused in [vec![0], vec![0, 1]] {
        let (order, _) = run(with_beer(), &[(OrderEvent::MakeReady, Store, 3), (hand_over(false, &refused), Store, 4)]);
        assert_eq!(order.state, OrderState::Canceled);
    }
}

#[test]
fn points_may_be_spread_otherwise_by_an_amendment() {
    let (order, _) = accepted(CaptureTime::AtHandOver);
    let with = |points: [i64; 2]| {
        let mut lines = vec![line(2, 990, true), line(1, 2_000, false)];
        lines.iter_mut().zip(points).for_each(|(line, points)| line.paid.points = points);
        OrderEvent::Amend { lines }
    };
    assert!(order.apply(&with([9, 11]), Person, 3).is_ok());
    assert_eq!(order.apply(&with([9, 10]), Person, 3), Err(OrderStepError::Lines));
}

fn events() -> impl Strategy<Value = OrderEvent> {
    let reason = prop::sample::select(vec![RejectReason::Changed, RejectReason::SlotGone, RejectReason::Store, RejectReason::NotAccepted]);
    let lines =
        || prop::collection::vec((1u32..4, 10i64..3_000, any::<bool>()).prop_map(|(pieces, gross, food)| line(pieces, gross, food)), 0..4);
    let minute = 0i64..300;
    prop_oneof![
        4 => Just(OrderEvent::Submit),
        1 => Just(OrderEvent::AnswerLost),
        2 => any::<bool>().prop_map(|found| OrderEvent::Resolve { found }),
        6 => minute.clone().prop_map(|minute| OrderEvent::Authorised { until_ms: minute * MINUTE }),
        1 => Just(OrderEvent::StepUp),
        1 => Just(OrderEvent::PaymentUnknown),
        1 => Just(OrderEvent::PaymentRefused),
        1 => Just(OrderEvent::PayAtCounter),
        1 => Just(OrderEvent::PayAgain),
        1 => Just(OrderEvent::Renew),
        2 => Just(OrderEvent::Captured),
        1 => Just(OrderEvent::CaptureRefused),
        1 => (lines(), minute.clone()).prop_map(|(lines, minute)| OrderEvent::Edit {
            lines,
            promised_ms: minute * MINUTE,
            rules: rules(PaymentMethod::Token, CaptureTime::AtAcceptance),
        }),
        2 => (0i64..100).prop_map(|more| OrderEvent::Amend { lines: vec![line(2, 1_000 + more, true), line(1, 2_000, false)] }),
        6 => Just(OrderEvent::Accept),
        1 => reason.prop_map(|reason| OrderEvent::Reject { reason }),
        3 => Just(OrderEvent::Start),
        4 => Just(OrderEvent::MakeReady),
        1 => minute.prop_map(|minute| OrderEvent::Late { promised_ms: minute * MINUTE }),
        2 => (0usize..3, 0u32..3).prop_map(|(line, pieces)| OrderEvent::Missing { line, pieces }),
        1 => Just(OrderEvent::Cancel),
        4 => (any::<bool>(), prop::collection::vec(0usize..3, 0..2)).prop_map(|(age_checked, refused)| OrderEvent::HandOver { age_checked, refused }),
        2 => Just(OrderEvent::Expire),
        2 => Just(OrderEvent::Complete),
        3 => (0usize..3, 0u32..3).prop_map(|(line, pieces)| OrderEvent::Refund { line, pieces }),
        1 => Just(OrderEvent::Fail),
    ]
}

/// What all effects so far come to.
#[derive(Debug, Default)]
struct Books {
    keys: BTreeSet<String>,
    charges: u32,
    charged_minor: i64,
    differences_minor: i64,
    refunded_minor: i64,
    given_back: Vec<u32>,
    /// Points that came back.
    points: i64,
    /// True once it was sent.
    sent: bool,
    authorised: BTreeSet<u32>,
    voided: BTreeSet<u32>,
}

impl Books {
    fn note(&mut self, order: &Order, effect: &OrderEffect) -> Result<(), TestCaseError> {
        prop_assert!(self.keys.insert(effect.key(&order.id)), "twice: {effect:?}");
        match effect {
            OrderEffect::Capture { amount_minor } | OrderEffect::Collect { amount_minor } => {
                self.charges += 1;
                self.charged_minor += amount_minor;
            }
            OrderEffect::Difference { money_minor, .. } => self.differences_minor += money_minor,
            OrderEffect::Refund { line, pieces, money_minor, points, .. } => {
                self.points += points;
                prop_assert!(*money_minor == 0 || order.charged && *money_minor > 0);
                self.refunded_minor += money_minor;
                self.give_back(*line, *pieces);
            }
            OrderEffect::Drop { line, pieces, points, .. } => {
                self.points += points;
                self.give_back(*line, *pieces);
            }
            OrderEffect::Authorise { amount_minor, attempt } => {
                self.authorised.insert(*attempt);
                prop_assert!(*amount_minor > 0 && !order.charged);
            }
            OrderEffect::Void { attempt } => prop_assert!(self.authorised.contains(attempt) && self.voided.insert(*attempt)),
            OrderEffect::ReleaseSlot | OrderEffect::RestoreCoupons => {}
        }
        Ok(())
    }

    fn give_back(&mut self, line: usize, pieces: u32) {
        self.given_back.resize(self.given_back.len().max(line + 1), 0);
        self.given_back[line] += pieces;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    /// Whatever happens in whatever order, by whomever, whenever: no way out of a final state, money is taken at most once, no piece is given back
    /// twice, never more than was taken, and with the last piece exactly all of it.
    #[test]
    fn every_life_ends_once(
        steps in prop::collection::vec((events(), prop::sample::select(vec![Person, Store, Clock, Backend]), any::<bool>(), 0i64..8), 1..50),
        method in prop::sample::select(vec![PaymentMethod::Token, PaymentMethod::AtCounter]),
        capture in prop::sample::select(vec![CaptureTime::AtAcceptance, CaptureTime::AtHandOver]),
        charge_no_show in any::<bool>(),
        begun in 0usize..6,
    ) {
        let mut order = draft(method, capture);
        order.rules.charge_no_show = charge_no_show;
        order.rules.accept_by_ms = 60 * MINUTE;
        let (mut now, mut books, mut expired_at) = (0, Books::default(), None);
        // Some lives begin further on, so that their late steps are seen as often as their early ones.
        let authorised = OrderEvent::Authorised { until_ms: DAY };
        let head = [OrderEvent::Submit, authorised, OrderEvent::Accept, OrderEvent::MakeReady, hand_over(true, &[])].into_iter().take(begun);
        let steps = head.map(|event| (event, Person, true, 0)).chain(steps);
        for (event, by, rightly, minutes) in steps {
            now += minutes * MINUTE;
            let by = if rightly { event.actors()[0] } else { by };
            let before = order.clone();
            match order.apply(&event, by, now) {
                Err(_) => {}
                Ok((next, effects)) => {
                    prop_assert!(event.actors().contains(&by));
                    prop_assert!(!before.state.is_final() || next.state == before.state, "{:?} after {:?}", next.state, before.state);
                    let resolves = matches!(event, OrderEvent::Resolve { .. });
                    prop_assert!(before.state != OrderState::Unknown || resolves);
                    prop_assert!(!matches!(event, OrderEvent::Cancel) || by != Person || before.can_cancel(now));
                    if event == OrderEvent::PaymentRefused {
                        books.voided.insert(before.attempt);
                    }
                    if event == OrderEvent::CaptureRefused {
                        // Nothing was taken, and nothing of it goes back.
                        (books.charged_minor, books.differences_minor, books.refunded_minor) = (0, 0, 0);
                    }
                    for effect in &effects {
                        books.note(&next, effect)?;
                    }
                    if matches!(event, OrderEvent::Edit { .. }) {
                        // Other lines: what was given back of the first ones is none of them.
                        books.points = 0;
                    }
                    books.sent |= next.state != OrderState::Draft && before.state != OrderState::Draft;
                    expired_at = expired_at.or((next.state == OrderState::Expired).then_some(now));
                    order = next;
                }
            }
            prop_assert!(books.charges <= 1);
            for (at, line) in order.lines.iter().enumerate() {
                let back = books.given_back.get(at).copied().unwrap_or(0);
                prop_assert!(back <= line.paid.pieces && line.paid.refunded_pieces <= line.paid.pieces);
            }
            // Points that were used are with the order, or were given back with their pieces; of an order that is off all of them were.
            let all_points: i64 = order.lines.iter().map(|line| line.paid.points).sum();
            let off = matches!(order.state, OrderState::Canceled | OrderState::Rejected | OrderState::Failed) && books.sent;
            if off {
                prop_assert_eq!(books.points, all_points, "{:?}", order);
            }
            // Nothing expires, or is called off by time, before it was kept as long as was said, and nothing waits for longer.
            let made_and_kept = order.ready_at_ms.unwrap_or(order.promised_ms).max(order.promised_ms) + order.rules.keep_ms;
            prop_assert!(order.state != OrderState::Expired || expired_at.is_some_and(|at| at >= made_and_kept));
            let waits = matches!(order.state, OrderState::Accepted | OrderState::InPreparation | OrderState::Ready);
            prop_assert!(!waits || order.next_due_ms().is_some_and(|due_ms| due_ms <= made_and_kept));
            // One authorisation is open at most, and none of an order that is over.
            let open = books.authorised.difference(&books.voided).count();
            prop_assert!(open <= 2 && (open <= 1 || order.standing.is_some()) , "{:?} {:?}", books, order);
            let taken = books.charged_minor + books.differences_minor;
            prop_assert!(books.refunded_minor <= taken);
            if order.charged && order.lines.iter().all(|line| line.paid.left_pieces() == 0) {
                prop_assert_eq!(books.refunded_minor, taken);
            }
            prop_assert_eq!(order.due(now).is_some(), order.next_due_ms().is_some_and(|due_ms| due_ms <= now));
            // What is due can be done, and brings the order on.
            if let Some(event) = order.due(now) {
                prop_assert!(order.apply(&event, Clock, now).is_ok(), "{event:?} in {order:?}");
            }
        }
    }
}

#[test]
fn every_state_has_its_words() {
    let words: BTreeSet<&str> = OrderState::ALL.iter().flat_map(|state| [state.text_ja(), state.text_en()]).collect();
    assert_eq!(words.len(), 24);
    assert_eq!(OrderState::ALL.iter().filter(|state| state.is_final()).count(), 5);
    assert_eq!(serde_json::to_string(&OrderState::InPreparation).unwrap(), "\"in_preparation\"");
    assert_eq!(OrderState::Expired.fulfillment(), FulfillmentState::Failed);
}
