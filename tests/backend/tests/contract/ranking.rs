//! Rankings: what sells, computed again from the raw rows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_backend::DEMO_OPERATOR_TOKEN;
use noren_rules::receipt::{Channel, Receipt};
use noren_rules::wire::*;
use proptest::prelude::*;

use crate::goods::*;
use crate::support::*;

impl World {
    /// A minute later: so long a ranking is answered as it was counted.
    async fn ranking(&self, phone: &Phone, query: &str) -> Vec<(u32, u64, String)> {
        self.pass(MINUTE);
        let ranking: Ranking = self.get(&format!("{}{query}", paths::RANKING), Some(&phone.token)).await.ok();
        ranking.products.into_iter().map(|product| (product.rank, product.sold, product.record.product.id.0)).collect()
    }

    async fn sells(&self, number: &str, day: i64, channel: Channel, sku: &str, quantity: i64) -> Got {
        self.sells_in("shibuya", number, day, channel, sku, quantity).await
    }

    async fn sells_in(&self, store: &str, number: &str, day: i64, channel: Channel, sku: &str, quantity: i64) -> Got {
        let lines = vec![line(sku, quantity, quantity * 100)];
        let sold_at_ms = T0 + day * DAY;
        let request = SaleRequest { channel, sold_at_ms, store_id: store.into(), ..sale(number, Customer::Anonymous, lines) };
        self.till(paths::TILL_SALES, &request).await
    }
}

/// The shop of these tests: each product has two articles.
fn products() -> Vec<ProductInfo> {
    ["a", "b", "c", "d"].map(|id| product(id, &[&format!("{id}1"), &format!("{id}2")])).to_vec()
}

#[tokio::test]
async fn equals_share_a_rank_and_what_came_back_was_not_sold() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(products()).await;
    assert_eq!(world.ranking(&phone, "").await, []);
    for (number, channel, sku, quantity) in [
        ("1", Channel::Store, "b1", 3),
        ("2", Channel::Ec, "b2", 1),
        ("3", Channel::MobileOrder, "a1", 4),
        ("4", Channel::Store, "c1", 1),
        ("5", Channel::Store, "d1", 9),
        ("6", Channel::Store, "no product", 100),
    ] {
        world.sells(number, 0, channel, sku, quantity).await.ok::<SaleAnswer>();
    }
    world.sell(&returned("7", Some("5"), vec![line("d1", -4, -400)])).await;
    let ranked = |rows: &[(u32, u64, &str)]| rows.iter().map(|(rank, sold, id)| (*rank, *sold, (*id).to_owned())).collect::<Vec<_>>();
    assert_eq!(world.ranking(&phone, "").await, ranked(&[(1, 5, "d"), (2, 4, "a"), (2, 4, "b"), (4, 1, "c")]));
    assert_eq!(world.ranking(&phone, "?limit=2").await, ranked(&[(1, 5, "d"), (2, 4, "a")]));
    let first = world.get(paths::RANKING, Some(&phone.token)).await;
    let etag = first.header("etag").unwrap().to_owned();
    let ask = async || {
        let request = world.http.get(format!("{}{}", world.url, paths::RANKING)).bearer_auth(&phone.token);
        request.header("if-none-match", &etag).send().await.unwrap().status().as_u16()
    };
    world.pass(MINUTE);
    assert_eq!(ask().await, 304);
    world.till(paths::TILL_VOIDS, &VoidRequest { number: "3".to_owned() }).await.ok::<SaleAnswer>();
    world.till(paths::TILL_VOIDS, &VoidRequest { number: "3".to_owned() }).await.ok::<SaleAnswer>();
    assert_eq!(ask().await, 304, "counted a moment ago");
    world.pass(MINUTE);
    assert_eq!(ask().await, 200);
    assert_eq!(world.ranking(&phone, "").await, ranked(&[(1, 5, "d"), (2, 4, "b"), (3, 1, "c")]));
    for query in ["?limit=0", "?limit=101", "?limit=-1", "?store=", "?shop=x"] {
        assert_eq!(world.get(&format!("{}{query}", paths::RANKING), Some(&phone.token)).await.refused(400), Reason::InvalidRequest);
    }
    // What one store sold, as its shelves are planned: for the operator's systems too.
    world.sells_in("ginza", "8", 0, Channel::Store, "c1", 7).await.ok::<SaleAnswer>();
    world.sell(&SaleRequest { store_id: "shibuya".into(), ..returned("9", Some("8"), vec![line("c1", -1, -100)]) }).await;
    assert_eq!(world.ranking(&phone, "?store=ginza").await, ranked(&[(1, 6, "c")]), "brought back elsewhere");
    assert_eq!(world.ranking(&phone, "").await, ranked(&[(1, 7, "c"), (2, 5, "d"), (3, 4, "b")]));
    assert_eq!(world.ranking(&phone, "?store=nowhere").await, []);
    let by_operator = world.get(&format!("{}?store=ginza", paths::RANKING), Some(DEMO_OPERATOR_TOKEN)).await;
    assert_eq!(by_operator.ok::<Ranking>().products.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn twenty_eight_days_count_and_a_return_goes_with_its_sale() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(products()).await;
    world.sells("old", -28, Channel::Store, "a1", 50).await.ok::<SaleAnswer>();
    world.sells("first", -27, Channel::Store, "b1", 5).await.ok::<SaleAnswer>();
    world.sells("ahead", 1, Channel::Store, "c1", 2).await.ok::<SaleAnswer>();
    assert_eq!(world.ranking(&phone, "").await, [(1, 5, "b".to_owned())]);
    // Brought back today what was sold before the window: nothing of today goes.
    world.sells("today", 0, Channel::Store, "a1", 1).await.ok::<SaleAnswer>();
    world.sell(&returned("back", Some("old"), vec![line("a1", -50, -5_000)])).await;
    assert_eq!(world.ranking(&phone, "").await, [(1, 5, "b".to_owned()), (2, 1, "a".to_owned())]);
    world.pass(DAY);
    let phone = world.renewed(phone).await;
    assert_eq!(world.ranking(&phone, "").await, [(1, 2, "c".to_owned()), (2, 1, "a".to_owned())]);
    world.stop().await;
}

/// What a clerk would do with all receipts on the table.
fn from_raw_rows(directory: &Path, store: Option<&str>, now_ms: i64) -> Vec<(u32, u64, String)> {
    let database = rusqlite::Connection::open(directory.join("backend.sqlite")).unwrap();
    let mut statement =
        database.prepare("SELECT content, EXISTS (SELECT 1 FROM receipt_voids v WHERE v.receipt = receipts.id) FROM receipts").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))).unwrap();
    let receipts: BTreeMap<_, _> = rows
        .map(|row| row.unwrap())
        .map(|(content, voided)| (serde_json::from_str::<Receipt>(&content).unwrap(), voided))
        .map(|(receipt, voided)| (receipt.id.clone(), (receipt, voided)))
        .collect();
    let today = now_ms / DAY;
    let mut sold: BTreeMap<String, i64> = BTreeMap::new();
    for (receipt, _) in receipts.values().filter(|(_, voided)| !voided) {
        let sale = receipt.of.as_ref().map_or(receipt, |of| &receipts[of].0);
        let is_here = store.is_none_or(|store| sale.store_id.as_str() == store);
        if is_here && (today - 27..=today).contains(&(sale.sold_at_ms / DAY)) {
            for line in &receipt.lines {
                *sold.entry(line.sku[..1].to_owned()).or_default() += line.quantity;
            }
        }
    }
    let mut rows: Vec<(i64, String)> = sold.into_iter().filter(|(_, sold)| *sold > 0).map(|(id, sold)| (-sold, id)).collect();
    rows.sort();
    let rank = |sold: i64| u32::try_from(rows.iter().filter(|(other, _)| *other < sold).count() + 1).unwrap();
    rows.iter().map(|(sold, id)| (rank(*sold), sold.unsigned_abs(), id.clone())).collect()
}

const STORES: [&str; 2] = ["shibuya", "ginza"];

#[derive(Debug, Clone)]
enum Step {
    Sale { store: usize, day: i64, sku: usize, quantity: i64 },
    Return { of: usize, quantity: i64 },
    Unlinked { sku: usize },
    Void { of: usize },
    Days { days: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..2, -30i64..=1, 0usize..8, 1i64..6).prop_map(|(store, day, sku, quantity)| Step::Sale { store, day, sku, quantity }),
        2 => (0usize..40, 1i64..3).prop_map(|(of, quantity)| Step::Return { of, quantity }),
        1 => (0usize..8).prop_map(|sku| Step::Unlinked { sku }),
        2 => (0usize..40).prop_map(|of| Step::Void { of }),
        1 => (1i64..9).prop_map(|days| Step::Days { days }),
    ]
}

async fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0)));
    let world = world_in(directory.path(), &clock).await;
    let phone = world.phone(1, None).await;
    world.products(products()).await;
    let skus: Vec<String> = products().iter().flat_map(|product| &product.variants).map(|variant| variant.sku.0.clone()).collect();
    let mut sales: BTreeMap<usize, usize> = BTreeMap::new();
    let mut passed = 0;
    for (at, step) in steps.iter().enumerate() {
        let number = at.to_string();
        // What cannot be is refused, and counts nothing.
        match step {
            Step::Sale { store, day, sku, quantity } => {
                sales.insert(at, *sku);
                world.sells_in(STORES[*store], &number, passed + day, Channel::Store, &skus[*sku], *quantity).await;
            }
            Step::Return { of, quantity } => {
                let Some(sku) = sales.get(of) else { continue };
                let lines = vec![line(&skus[*sku], -quantity, -quantity * 100)];
                world.till(paths::TILL_SALES, &returned(&number, Some(&of.to_string()), lines)).await;
            }
            Step::Unlinked { sku } => {
                let request = SaleRequest { sold_at_ms: world.now(), ..returned(&number, None, vec![line(&skus[*sku], -1, -100)]) };
                world.till(paths::TILL_SALES, &request).await.ok::<SaleAnswer>();
            }
            Step::Void { of } => drop(world.till(paths::TILL_VOIDS, &VoidRequest { number: of.to_string() }).await),
            Step::Days { days } => {
                passed += days;
                world.pass(days * DAY);
            }
        }
    }
    let phone = world.renewed(phone).await;
    for store in STORES {
        let ranked = world.ranking(&phone, &format!("?store={store}")).await;
        prop_assert_eq!(ranked, from_raw_rows(directory.path(), Some(store), world.now()), "{}", store);
    }
    let ranked = world.ranking(&phone, "").await;
    prop_assert_eq!(ranked, from_raw_rows(directory.path(), None, world.now()));
    world.stop().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_ranking_comes_out_again_from_the_raw_rows(steps in prop::collection::vec(step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(&steps))?;
    }
}
