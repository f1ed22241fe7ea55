//! The feed of receipts: whatever happens between two pulls, a device that pulls at random ends with the truth.

use std::collections::BTreeMap;

use noren_rules::b64;
use noren_rules::wire::*;
use proptest::prelude::*;

use crate::support::*;

#[tokio::test]
async fn pages_are_exact() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let empty = world.page(&phone, None, 2).await;
    assert_eq!((empty.receipts.len(), empty.has_more, empty.as_of_ms), (0, false, T0));
    for at in 0..4 {
        world.sell(&sale(&at.to_string(), scanned(phone.enrolment.one_dimensional.ean13.clone(), T0), vec![line("a", 1, 1)])).await;
    }
    world.pass(5);
    let first = world.page(&phone, Some(&empty.next_cursor), 2).await;
    let second = world.page(&phone, Some(&first.next_cursor), 2).await;
    assert_eq!((first.receipts.len(), first.has_more, second.receipts.len(), second.has_more), (2, true, 2, false));
    assert_eq!(second.as_of_ms, T0 + 5);
    let numbers: Vec<_> = first.receipts.iter().chain(&second.receipts).map(|receipt| receipt.number.as_str()).collect();
    assert_eq!(numbers, ["0", "1", "2", "3"]);
    let end = world.page(&phone, Some(&second.next_cursor), 2).await;
    assert_eq!((end.receipts.len(), end.has_more, &end.next_cursor), (0, false, &second.next_cursor));
    world.stop().await;
}

#[tokio::test]
async fn cursors_of_another_life_or_of_the_future_start_again() {
    let (world, other) = (world().await, world().await);
    let phone = world.phone(1, None).await;
    let cursor = world.page(&phone, None, 1).await.next_cursor;
    let text = String::from_utf8(b64::decode(&cursor).unwrap()).unwrap();
    let (life, _) = text.split_once(':').unwrap();
    let foreign = other.page(&other.phone(1, None).await, None, 1).await.next_cursor;
    for bad in [&foreign, &b64::encode(format!("{life}:1").as_bytes()), &b64::encode(format!("{life}:-1").as_bytes()), "x", ""] {
        let path = format!("{}?cursor={bad}", paths::RECEIPTS);
        assert_eq!(world.get(&path, Some(&phone.token)).await.refused(410), Reason::CursorUnknown, "{bad:?}");
    }
    world.stop().await;
    other.stop().await;
}

#[derive(Debug, Clone)]
enum Op {
    Sell { phone: bool },
    SellCard { card: u8 },
    Return { of: usize },
    Void { of: usize },
    Link { phone: bool, card: u8 },
    Pull { phone: bool, limit: u32 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => any::<bool>().prop_map(|phone| Op::Sell { phone }),
        2 => (0..3u8).prop_map(|card| Op::SellCard { card }),
        2 => (0..40usize).prop_map(|of| Op::Return { of }),
        2 => (0..40usize).prop_map(|of| Op::Void { of }),
        1 => (any::<bool>(), 0..3u8).prop_map(|(phone, card)| Op::Link { phone, card }),
        4 => (any::<bool>(), 1..4u32).prop_map(|(phone, limit)| Op::Pull { phone, limit }),
    ]
}

/// What a device has pulled so far.
#[derive(Default)]
struct Replica {
    cursor: Option<String>,
    receipts: BTreeMap<String, noren_rules::receipt::Receipt>,
}

impl Replica {
    async fn pull(&mut self, world: &World, phone: &Phone, limit: u32) -> bool {
        let page = world.page(phone, self.cursor.as_deref(), limit).await;
        self.receipts.extend(page.receipts.into_iter().map(|receipt| (receipt.number.clone(), receipt)));
        self.cursor = Some(page.next_cursor);
        page.has_more
    }
}

async fn run(ops: Vec<Op>) {
    let world = world().await;
    world.register(&["card-0", "card-1", "card-2"], true).await;
    let phones = [world.phone(1, None).await, world.phone(2, None).await];
    let mut replicas = [Replica::default(), Replica::default()];
    for (at, op) in ops.into_iter().enumerate() {
        let number = format!("n{at}");
        match op {
            Op::Sell { phone } => {
                let text = phones[usize::from(phone)].enrolment.one_dimensional.ean13.clone();
                world.sell(&sale(&number, scanned(text, T0), vec![line("a", 3, 350)])).await;
            }
            Op::SellCard { card: which } => {
                world.sell(&sale(&number, card(&format!("card-{which}")), vec![line("a", 3, 350)])).await;
            }
            Op::Return { of } => {
                world.till(paths::TILL_SALES, &returned(&number, Some(&format!("n{of}")), vec![line("a", -1, -120)])).await;
            }
            Op::Void { of } => {
                world.till(paths::TILL_VOIDS, &VoidRequest { number: format!("n{of}") }).await;
            }
            Op::Link { phone, card } => {
                world.link(&phones[usize::from(phone)], crate::support::number(&format!("card-{card}"), "0000")).await;
            }
            Op::Pull { phone, limit } => {
                replicas[usize::from(phone)].pull(&world, &phones[usize::from(phone)], limit).await;
            }
        }
    }
    for (phone, replica) in phones.iter().zip(&mut replicas) {
        while replica.pull(&world, phone, 2).await {}
        let export: MemberExport = world.get(paths::EXPORT, Some(&phone.token)).await.ok();
        let truth: BTreeMap<_, _> = export.receipts.into_iter().map(|receipt| (receipt.number.clone(), receipt)).collect();
        assert_eq!(replica.receipts, truth);
        let sum: i64 = truth.values().map(|receipt| receipt.points).sum();
        let ledger: i64 = export.points.iter().map(|entry| entry.points).sum();
        assert_eq!((sum, ledger), (export.membership.points, export.membership.points), "receipts and ledger agree");
    }
    world.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_device_that_pulls_at_random_ends_with_the_truth(ops in prop::collection::vec(op(), 1..40)) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(run(ops));
    }
}
