//! Whatever the network does: what the member likes stands on the phone at once and on the server in the end, and each scan counts once.

use std::collections::BTreeSet;

use super::goods::*;
use super::support::*;
use noren_core::Noren;
use noren_core::catalogue::CatalogueError;
use noren_rules::wire::{ReactionKind, Reason};
use proptest::prelude::*;

const SKUS: [&str; 3] = ["T-1", "赤/S", "55501"];

#[derive(Debug, Clone)]
enum Event {
    Like(usize, bool),
    React(usize),
    Send(Vec<Fault>),
    Refresh(Vec<Fault>),
    /// The future of a round of sending is dropped after so many polls; at even numbers the process ends too.
    Die(Vec<Fault>, u8),
    Pass(u32),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Offline),
        Just(Fault::LostRequest),
        Just(Fault::LostAnswer),
        Just(Fault::Twice),
        Just(Fault::Portal),
        Just(Fault::Truncated),
        Just(Fault::Refuse(503, Reason::Unavailable, Some(1))),
        Just(Fault::Refuse(401, Reason::TokenExpired, None)),
        Just(Fault::None),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let faults = || proptest::collection::vec(fault(), 0..4);
    prop_oneof![
        5 => (0..SKUS.len(), any::<bool>()).prop_map(|(sku, wanted)| Event::Like(sku, wanted)),
        3 => (0..SKUS.len()).prop_map(Event::React),
        3 => faults().prop_map(Event::Send),
        2 => faults().prop_map(Event::Refresh),
        2 => (faults(), 0u8..12).prop_map(|(faults, polls)| Event::Die(faults, polls)),
        2 => (0u32..2_000_000).prop_map(Event::Pass),
    ]
}

fn liked(noren: &Noren) -> BTreeSet<String> {
    noren.catalogue().favourites().unwrap().favourites.into_iter().map(|liked| liked.sku.0).collect()
}

async fn poll_some(noren: &Noren, polls: u8) {
    let outbox = noren.outbox();
    let mut round = std::pin::pin!(outbox.send_due());
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        let polled = round.as_mut().poll(context);
        context.waker().wake_by_ref();
        polled.map(drop)
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn what_is_liked_stands_at_once_and_in_the_end_and_each_reaction_counts_once(events in prop::collection::vec(event(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let phone = Phone::new();
        phone.server.stock_shelves(shelves);
        let mut noren = runtime.block_on(phone.enrolled());
        let (mut wanted, mut reacted) = (BTreeSet::new(), 0);
        for event in events {
            match event {
                Event::Like(sku, true) => {
                    wanted.insert(SKUS[sku].to_owned());
                    noren.catalogue().like(&SKUS[sku].into(), true, vec![]).unwrap();
                }
                Event::Like(sku, false) => {
                    wanted.remove(SKUS[sku]);
                    noren.catalogue().like(&SKUS[sku].into(), false, vec![]).unwrap();
                }
                Event::React(sku) => {
                    reacted += 1;
                    noren.catalogue().react(ReactionKind::Demo, &SKUS[sku].into(), &"s1".into()).unwrap();
                }
                Event::Send(faults) => {
                    phone.server.next(faults);
                    runtime.block_on(noren.outbox().send_due()).unwrap();
                }
                Event::Refresh(faults) => {
                    phone.server.next(faults);
                    let _ = runtime.block_on(noren.catalogue().refresh_favourites());
                }
                Event::Die(faults, polls) => {
                    phone.server.next(faults);
                    runtime.block_on(poll_some(&noren, polls));
                    if polls % 2 == 0 {
                        drop(noren);
                        noren = phone.open();
                    }
                }
                Event::Pass(ms) => phone.clock.pass(i64::from(ms)),
            }
            phone.server.faults.lock().unwrap().clear();
            prop_assert_eq!(&liked(&noren), &wanted);
        }
        for _ in 0..20 {
            phone.clock.pass(3_600_000);
            runtime.block_on(noren.outbox().send_due()).unwrap();
        }
        prop_assert_eq!(noren.outbox().waiting().unwrap(), vec![]);
        prop_assert_eq!(&liked(&noren), &wanted);
        let heard: BTreeSet<String> = phone.server.goods(|goods| goods.favourites.values().flatten().map(|liked| liked.sku.0.clone()).collect());
        prop_assert_eq!(&heard, &wanted);
        prop_assert_eq!(phone.server.goods(|goods| goods.reactions.len()), reacted);
    }

    /// Anything may stand before a camera: an answer or a refusal, and the network hears nothing of it.
    #[test]
    fn whatever_is_scanned_has_an_answer(texts in prop::collection::vec(prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[0-9]{8,14}".prop_map(String::into_bytes),
        "\u{1d}?(01|17|10|21)[0-9]{6,16}".prop_map(String::into_bytes),
        "https?://[a-z.@]{1,12}/(01|product)/[0-9A-Za-z%]{0,16}".prop_map(String::into_bytes),
    ], 1..20)) {
        let phone = Phone::new();
        let noren = phone.open();
        for text in texts {
            match noren.catalogue().scan(&text, Some(&"s1".into())) {
                Ok(view) => prop_assert!(view.product.is_none() && !view.counted),
                Err(error) => {
                    let is_refusal = matches!(error, CatalogueError::Unreadable { .. });
                    prop_assert!(is_refusal, "{:?}", error);
                }
            }
        }
        prop_assert!(phone.server.world.lock().unwrap().sent.is_empty());
    }
}
