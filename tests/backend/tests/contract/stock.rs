//! Stock: events in any order, what tills sell, and what phones are told of it.

use noren_backend::{DEMO_OPERATOR_TOKEN, DEMO_STORE_ID, DEMO_TILL_TOKEN};
use noren_rules::ids::StoreId;
use noren_rules::receipt::Channel;
use noren_rules::stock::{StockEvent, StockEventKind, StockSource, StockState};
use noren_rules::wire::*;

use crate::goods::product;
use crate::support::*;

pub fn event(id: &str, store: &str, sku: &str, at_ms: i64, kind: StockEventKind) -> StockEvent {
    StockEvent { source: "warehouse".to_owned(), id: id.to_owned(), store: store.into(), sku: sku.into(), at_ms, kind }
}

pub fn count(quantity: u32) -> StockEventKind {
    StockEventKind::Count { quantity, state: StockState::Sellable }
}

pub fn said(events: Vec<StockEvent>) -> StockEventsRequest {
    StockEventsRequest { events, said_until_ms: None, stores: vec![] }
}

impl World {
    pub async fn hear(&self, events: Vec<StockEvent>) -> StockEventsAnswer {
        self.operator(paths::STOCK_EVENTS, &said(events)).await.ok()
    }

    /// So many pieces of each variant are counted in each store now.
    pub async fn counted(&self, stores: &[&str], skus: &[&str], quantity: u32) {
        let now = self.now();
        let events = stores
            .iter()
            .flat_map(|store| skus.iter().map(move |sku| event(&format!("count-{store}-{sku}-{now}"), store, sku, now, count(quantity))));
        self.hear(events.collect()).await;
    }

    pub async fn location(&self, store: &str, is_ec: bool, holds: bool) {
        let stores = vec![StockLocation { store: store.into(), source: StockSource::PosFeed, is_ec, holds }];
        self.operator(paths::OPERATOR_STOCK, &PutStock { stores, settings: vec![] }).await.ok::<Kept>();
    }

    pub async fn stock(&self, phone: &Phone, query: &str) -> StockPage {
        self.get(&format!("{}?{query}", paths::STOCK), Some(&phone.token)).await.ok()
    }

    /// What is available of a variant in a store: outside, whether it was ever there; inside, whether anybody knows.
    pub async fn available(&self, phone: &Phone, store: &str, sku: &str) -> Option<Option<u32>> {
        let page = self.stock(phone, &format!("stores={store}@0")).await;
        let level = page.stores.first()?.levels.iter().find(|level| level.sku.as_str() == sku)?;
        Some(level.available)
    }

    pub async fn flags(&self) -> Vec<(String, String, i64)> {
        let flags: StockFlags = self.get(paths::OPERATOR_STOCK_FLAGS, Some(DEMO_OPERATOR_TOKEN)).await.ok();
        flags.flags.into_iter().map(|flag| (flag.sku.0, flag.cause, flag.on_hand)).collect()
    }
}

#[tokio::test]
async fn a_phone_is_told_what_changed_store_by_store() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    assert_eq!(world.stock(&phone, "stores=ginza@0").await.stores, [], "nobody has heard of it");
    world.location("ginza", false, true).await;
    let silent = world.stock(&phone, "stores=ginza@0").await.stores.remove(0);
    assert_eq!((silent.as_of_ms, silent.version, silent.holds, silent.levels.len()), (None, 0, true, 0));
    let heard = world.hear(vec![event("1", "ginza", "a", T0 - 60_000, count(5)), event("2", "渋谷", "b", T0 - 30_000, count(2))]).await;
    assert_eq!((heard.new, heard.known, heard.ahead), (2, 0, 0));
    let again = world.hear(vec![event("1", "ginza", "a", T0 - 60_000, count(5))]).await;
    assert_eq!((again.new, again.known), (0, 1));
    let page = world.stock(&phone, "stores=%E6%B8%8B%E8%B0%B7@0,ginza@0,nowhere@0").await;
    let seen: Vec<_> = page.stores.iter().map(|store| (store.store.as_str(), store.as_of_ms, store.levels[0].available)).collect();
    assert_eq!(seen, [("渋谷", Some(T0 - 30_000), Some(2)), ("ginza", Some(T0 - 60_000), Some(5))]);
    let version = page.stores[1].version;
    // Nothing is told twice; a page has its limit over all stores, and the rest is asked for with the version of the first part.
    let none = world.stock(&phone, &format!("stores=ginza@{version}")).await.stores.remove(0);
    assert_eq!((none.version, none.has_more, none.levels.len(), none.as_of_ms), (version, false, 0, Some(T0 - 60_000)));
    world.counted(&["ginza", "ueno"], &["a", "b", "c"], 7).await;
    let first = world.stock(&phone, &format!("stores=ginza@{version},ueno@0&limit=2")).await;
    assert_eq!(first.stores.len(), 1, "no row was left for the other");
    assert_eq!((first.stores[0].has_more, first.stores[0].levels.len()), (true, 2));
    let rest = world.stock(&phone, &format!("stores=ginza@{},ueno@0&limit=4", first.stores[0].version)).await;
    let rows: Vec<_> = rest.stores.iter().map(|store| (store.has_more, store.levels.len())).collect();
    assert_eq!(rows, [(false, 1), (false, 3)]);
    // A version of another life of the server begins from the beginning.
    assert_eq!(world.stock(&phone, "stores=ueno@99999").await.stores[0].levels.len(), 3);
    // Safety stock is never promised; the shelf is told.
    let setting = StockSetting { store: "ginza".into(), sku: "a".into(), safety: 3, shelf: Some("2F-B4".to_owned()) };
    let put = PutStock { stores: vec![], settings: vec![setting] };
    assert_eq!(world.operator(paths::OPERATOR_STOCK, &put).await.ok::<Kept>().changed, 1);
    assert_eq!(world.operator(paths::OPERATOR_STOCK, &put).await.ok::<Kept>().changed, 0);
    let page = world.stock(&phone, &format!("stores=ginza@{}", rest.stores[0].version)).await;
    let level = &page.stores[0].levels[0];
    assert_eq!((level.available, level.shelf.as_deref()), (Some(4), Some("2F-B4")));
    world.stop().await;
}

#[tokio::test]
async fn the_online_shop_is_told_unasked() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.location("web", true, false).await;
    world.counted(&["web", "ginza"], &["a"], 9).await;
    let stores =
        |page: StockPage| page.stores.into_iter().map(|store| (store.store.0, store.is_ec, store.levels.len())).collect::<Vec<_>>();
    assert_eq!(stores(world.stock(&phone, "").await), [("web".to_owned(), true, 1)]);
    let both = world.stock(&phone, "stores=ginza@0").await;
    let version = both.stores[1].version;
    assert_eq!(stores(both), [("ginza".to_owned(), false, 1), ("web".to_owned(), true, 1)]);
    assert_eq!(stores(world.stock(&phone, &format!("stores=web@{version},ginza@0")).await)[0], ("web".to_owned(), true, 0));
    // An order of the online shop counts where the shop's stock is.
    world.products(vec![product("p", &["a"])]).await;
    let order = SaleRequest {
        channel: Channel::Ec,
        store_id: "web".into(),
        sold_at_ms: T0 + 1,
        ..sale("o1", Customer::Anonymous, vec![line("a", 2, 100)])
    };
    world.sell(&order).await;
    assert_eq!(world.available(&phone, "web", "a").await, Some(Some(7)));
    world.stop().await;
}

#[tokio::test]
async fn what_tills_sell_take_back_and_cancel_counts_by_itself() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(vec![product("p", &["a", "b"])]).await;
    world.counted(&["shibuya"], &["a", "b", "unlisted"], 10).await;
    world.pass(MINUTE);
    let at = |request: SaleRequest| SaleRequest { sold_at_ms: T0 + 30_000, ..request };
    let bag = line("unlisted", 1, 5);
    let sold = at(sale("1", Customer::Anonymous, vec![line("a", 3, 300), line("b", 1, 100), line("a", 1, 100), bag]));
    world.sell(&sold).await;
    world.sell(&sold).await;
    let available = async |sku: &str| world.available(&phone, "shibuya", sku).await;
    assert_eq!((available("a").await, available("b").await), (Some(Some(6)), Some(Some(9))));
    assert_eq!(available("unlisted").await, Some(Some(10)), "the catalogue does not know it");
    assert_eq!(world.stock(&phone, "stores=shibuya@0").await.stores[0].as_of_ms, Some(T0 + 30_000));
    world.sell(&at(returned("2", Some("1"), vec![line("a", -1, -100)]))).await;
    assert_eq!(available("a").await, Some(Some(7)));
    // A cancelled return is gone again; a cancelled sale is there again, once.
    for number in ["2", "1", "1"] {
        world.till(paths::TILL_VOIDS, &VoidRequest { number: number.to_owned() }).await.ok::<SaleAnswer>();
    }
    assert_eq!((available("a").await, available("b").await), (Some(Some(10)), Some(Some(10))));
    // Sold before the count: the count has seen it.
    world.sell(&SaleRequest { sold_at_ms: T0 - 1, ..sale("3", Customer::Anonymous, vec![line("a", 2, 200)]) }).await;
    assert_eq!(available("a").await, Some(Some(10)));
    // Sold more than there is: nobody knows, and somebody should count.
    world.sell(&at(sale("4", Customer::Anonymous, vec![line("a", 11, 1_100)]))).await;
    assert_eq!(available("a").await, Some(None));
    assert_eq!(world.flags().await, [("a".to_owned(), "negative".to_owned(), -1)]);
    world.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_ahead_waits_for_its_time() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.counted(&["ginza"], &["a"], 5).await;
    let early = event("early", "ginza", "a", T0 + 10 * MINUTE, StockEventKind::Sale { quantity: 1 });
    assert_eq!(world.hear(vec![early.clone()]).await.ahead, 1);
    assert_eq!(world.available(&phone, "ginza", "a").await, Some(Some(5)));
    world.pass(9 * MINUTE);
    assert_eq!(world.hear(vec![early]).await.known, 1);
    assert_eq!(world.available(&phone, "ginza", "a").await, Some(Some(5)));
    world.pass(MINUTE);
    assert_eq!(world.available(&phone, "ginza", "a").await, Some(Some(4)), "nobody wrote anything: time alone did it");
    world.stop().await;
}

#[tokio::test]
async fn a_till_speaks_of_its_own_store_and_wrong_events_are_named() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let own = event("1", DEMO_STORE_ID, "a", T0, count(5));
    let request = StockEventsRequest { said_until_ms: Some(T0), ..said(vec![own.clone()]) };
    assert_eq!(world.till(paths::STOCK_EVENTS, &request).await.ok::<StockEventsAnswer>().new, 1);
    // It has said everything up to now: how old the answer is goes on without an event.
    world.pass(MINUTE);
    let quiet = StockEventsRequest { said_until_ms: Some(world.now() + MINUTE), ..said(vec![]) };
    world.till(paths::STOCK_EVENTS, &quiet).await.ok::<StockEventsAnswer>();
    let page = world.stock(&phone, &format!("stores={DEMO_STORE_ID}@0")).await;
    assert_eq!(page.stores[0].as_of_ms, Some(T0 + MINUTE), "not more than the clock shows");
    let elsewhere = said(vec![event("2", "ginza", "a", T0, count(5))]);
    assert_eq!(world.till(paths::STOCK_EVENTS, &elsewhere).await.refused(403), Reason::Forbidden);
    let other_store = StockEventsRequest { stores: vec![StoreId::from("ginza")], ..quiet };
    assert_eq!(world.till(paths::STOCK_EVENTS, &other_store).await.refused(403), Reason::Forbidden);
    assert_eq!(world.post(paths::STOCK_EVENTS, Some(&phone.token), "k", &elsewhere).await.refused(403), Reason::Forbidden);
    let none = StockEvent { kind: StockEventKind::Sale { quantity: 0 }, ..own.clone() };
    let got = world.till(paths::STOCK_EVENTS, &said(vec![own.clone(), none])).await;
    assert_eq!(got.refused(400), Reason::InvalidRequest);
    assert!(got.json()["detail"].as_str().unwrap().starts_with("events[1]: "), "{}", got.body);
    let as_the_backend = StockEvent { source: "noren-holds".to_owned(), ..own.clone() };
    assert_eq!(world.till(paths::STOCK_EVENTS, &said(vec![as_the_backend])).await.refused(400), Reason::InvalidRequest);
    let many = said(vec![own; 5_001]);
    assert_eq!(world.till(paths::STOCK_EVENTS, &many).await.refused(400), Reason::InvalidRequest);
    for query in ["stores=ginza", "stores=ginza@x", "limit=0", "limit=20001", "shops=a@1"] {
        let got = world.get(&format!("{}?{query}", paths::STOCK), Some(&phone.token)).await;
        assert_eq!(got.refused(400), Reason::InvalidRequest, "{query}");
    }
    for token in [DEMO_TILL_TOKEN, phone.token.as_str()] {
        assert_eq!(world.get(paths::OPERATOR_STOCK_FLAGS, Some(token)).await.refused(403), Reason::Forbidden);
    }
    world.stop().await;
}
