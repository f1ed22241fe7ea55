//! Whoever taps again and again, in a tunnel, on a phone that dies: one hold, and no tap that waits is swallowed.

use super::holds::{in_town, wish};
use super::support::*;
use noren_core::holds::{HoldOutcome, HoldStanding, HoldWish};
use noren_rules::wire::{HoldRefusal, Reason, paths};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Event {
    /// A tap for so many pieces, which ends with the process after some polls.
    Tap(u32, Fault, Option<u8>),
    Send(Fault),
    Pass(i64),
    Restart,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        1 => Just(Fault::None),
        6 => Just(Fault::Offline),
        3 => Just(Fault::LostRequest),
        1 => Just(Fault::LostAnswer),
        1 => Just(Fault::Twice),
        1 => Just(Fault::Portal),
        2 => Just(Fault::Refuse(429, Reason::Unavailable, Some(30))),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..3u32, fault(), prop::option::weighted(0.2, 0..12u8)).prop_map(|(pieces, fault, polls)| Event::Tap(pieces, fault, polls)),
        1 => fault().prop_map(Event::Send),
        3 => prop_oneof![Just(1i64), Just(6), Just(11)].prop_map(Event::Pass),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn one_hold_comes_of_any_taps(events in prop::collection::vec(event(), 1..16)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let phone = Phone::new();
        let mut noren = runtime.block_on(in_town(&phone));
        // When what was tapped last is over; nothing once it was answered.
        let mut waits_until_ms = None;
        for event in events {
            match event {
                Event::Tap(quantity, fault, polls) => {
                    phone.server.next([fault]);
                    let wanted = HoldWish { quantity, ..wish("M") };
                    let holds = noren.holds();
                    let outcome = runtime.block_on(async {
                        let mut verb = std::pin::pin!(holds.hold(&wanted, None));
                        let mut left = polls.map_or(u32::MAX, u32::from);
                        std::future::poll_fn(|context| {
                            if left == 0 {
                                return std::task::Poll::Ready(None);
                            }
                            left -= 1;
                            let polled = verb.as_mut().poll(context).map(Some);
                            context.waker().wake_by_ref();
                            polled
                        })
                        .await
                    });
                    drop(holds);
                    waits_until_ms = match outcome.transpose().unwrap() {
                        Some(HoldOutcome::Waiting { until_ms, .. }) => {
                            prop_assert!(until_ms > phone.server.now_ms(), "it waits for something");
                            Some(until_ms)
                        }
                        // Only once there is one.
                        Some(HoldOutcome::Refused { reason, .. }) => {
                            prop_assert_eq!(reason, HoldRefusal::AlreadyHeld);
                            prop_assert_eq!(phone.server.stores(|depot| depot.holds.len()), 1);
                            None
                        }
                        Some(HoldOutcome::Held { .. }) => None,
                        Some(HoldOutcome::Over) => return Err(TestCaseError::fail("a tap is never over when it is tapped")),
                        None => None,
                    };
                }
                Event::Send(fault) => {
                    phone.server.next([fault]);
                    runtime.block_on(noren.outbox().send_due()).unwrap();
                }
                Event::Pass(minutes) => phone.clock.pass(minutes * 60_000),
                Event::Restart => noren = phone.open(),
            }
            phone.server.faults.lock().unwrap().clear();
        }
        let due = waits_until_ms.is_some_and(|until_ms| until_ms > phone.server.now_ms() + 60_000);
        // Longer than a server asked to wait for.
        phone.clock.pass(40_000);
        runtime.block_on(noren.outbox().network_returned()).unwrap();
        let made = phone.server.stores(|depot| depot.holds.len());
        prop_assert!(made <= 1 && (made == 1 || !due), "{made} {due}");
        prop_assert_eq!(noren.outbox().waiting().unwrap().iter().filter(|view| view.state.is_open()).count(), 0);
        let shown = noren.holds().list().unwrap().holds;
        prop_assert_eq!(shown.iter().filter(|view| view.id.is_some()).count(), made);
        let settled = |standing: &HoldStanding| !matches!(standing, HoldStanding::Waiting | HoldStanding::Asked | HoldStanding::NotTaken { .. });
        prop_assert!(shown.iter().all(|view| settled(&view.standing)), "{shown:?}");
        let keys: Vec<String> = phone.server.world.lock().unwrap().effects.iter().filter(|(path, _)| path == paths::HOLDS).map(|(_, key)| key.clone()).collect();
        prop_assert!(keys.iter().all(|key| keys.iter().filter(|other| *other == key).count() == 1));
    }
}
