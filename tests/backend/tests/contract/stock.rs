//! Stock: events in any order, what tills sell, and what phones are told of it.

use noren_backend::{DEMO_OPERATOR_TOKEN, DEMO_STORE_ID, DEMO_TILL_ID, DEMO_TILL_TOKEN};
use noren_rules::ids::StoreId;
use noren_rules::receipt::Channel;
use noren_rules::stock::{StockEvent, StockEventKind, StockSource, StockState};
use noren_rules::wire::*;

use crate::goods::product;
use crate::holds::wish;
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
    let setting = StockSetting { store: "ginza".into(), sku: "a".into(), safety: Some(3), shelf: Some("2F-B4".to_owned()) };
    let put = PutStock { stores: vec![], settings: vec![setting] };
    assert_eq!(world.operator(paths::OPERATOR_STOCK, &put).await.ok::<Kept>().changed, 1);
    assert_eq!(world.operator(paths::OPERATOR_STOCK, &put).await.ok::<Kept>().changed, 0);
    let page = world.stock(&phone, &format!("stores=ginza@{}", rest.stores[0].version)).await;
    let level = &page.stores[0].levels[0];
    assert_eq!((level.available, level.shelf.as_deref()), (Some(4), Some("2F-B4")));
    // What is absent stays as it is.
    for (safety, shelf, told) in
        [(None, Some("3F"), (Some(4), Some("3F"))), (Some(2), None, (Some(5), Some("3F"))), (None, Some(""), (Some(5), None))]
    {
        let setting = StockSetting { store: "ginza".into(), sku: "a".into(), safety, shelf: shelf.map(str::to_owned) };
        let put = PutStock { stores: vec![], settings: vec![setting] };
        assert_eq!(world.operator(paths::OPERATOR_STOCK, &put).await.ok::<Kept>().changed, 1);
        let levels = world.stock(&phone, "stores=ginza@0").await.stores.remove(0).levels;
        let level = levels.iter().find(|level| level.sku.as_str() == "a").unwrap();
        assert_eq!((level.available, level.shelf.as_deref()), told);
    }
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
    world.counted(&[DEMO_STORE_ID], &["a", "b", "unlisted"], 10).await;
    world.pass(MINUTE);
    let at = |request: SaleRequest| SaleRequest { sold_at_ms: T0 + 30_000, store_id: DEMO_STORE_ID.into(), ..request };
    let bag = line("unlisted", 1, 5);
    let sold = at(sale("1", Customer::Anonymous, vec![line("a", 3, 300), line("b", 1, 100), line("a", 1, 100), bag]));
    world.sell(&sold).await;
    world.sell(&sold).await;
    let available = async |sku: &str| world.available(&phone, DEMO_STORE_ID, sku).await;
    assert_eq!((available("a").await, available("b").await), (Some(Some(6)), Some(Some(9))));
    assert_eq!(available("unlisted").await, Some(Some(10)), "the catalogue does not know it");
    assert_eq!(world.stock(&phone, &format!("stores={DEMO_STORE_ID}@0")).await.stores[0].as_of_ms, Some(T0 + 30_000));
    world.sell(&at(returned("2", Some("1"), vec![line("a", -1, -100)]))).await;
    assert_eq!(available("a").await, Some(Some(7)));
    // A cancelled return is gone again; a cancelled sale is there again, once.
    for number in ["2", "1", "1"] {
        world.till(paths::TILL_VOIDS, &VoidRequest { number: number.to_owned() }).await.ok::<SaleAnswer>();
    }
    assert_eq!((available("a").await, available("b").await), (Some(Some(10)), Some(Some(10))));
    // Sold before the count: the count has seen it.
    world.sell(&SaleRequest { sold_at_ms: T0 - 1, ..at(sale("3", Customer::Anonymous, vec![line("a", 2, 200)])) }).await;
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
    let of_till = |event: StockEvent| StockEvent { source: DEMO_TILL_ID.to_owned(), ..event };
    let own = of_till(event("1", DEMO_STORE_ID, "a", T0, count(5)));
    let request = StockEventsRequest { said_until_ms: Some(T0), ..said(vec![own.clone()]) };
    assert_eq!(world.till(paths::STOCK_EVENTS, &request).await.ok::<StockEventsAnswer>().new, 1);
    // It has said everything up to now: how old the answer is goes on without an event.
    world.pass(MINUTE);
    let quiet = StockEventsRequest { said_until_ms: Some(world.now() + MINUTE), ..said(vec![]) };
    world.till(paths::STOCK_EVENTS, &quiet).await.ok::<StockEventsAnswer>();
    let page = world.stock(&phone, &format!("stores={DEMO_STORE_ID}@0")).await;
    assert_eq!(page.stores[0].as_of_ms, Some(T0 + MINUTE), "not more than the clock shows");
    let elsewhere = said(vec![of_till(event("2", "ginza", "a", T0, count(5)))]);
    assert_eq!(world.till(paths::STOCK_EVENTS, &elsewhere).await.refused(403), Reason::Forbidden);
    let other_store = StockEventsRequest { stores: vec![StoreId::from("ginza")], ..quiet };
    assert_eq!(world.till(paths::STOCK_EVENTS, &other_store).await.refused(403), Reason::Forbidden);
    assert_eq!(world.post(paths::STOCK_EVENTS, Some(&phone.token), "k", &elsewhere).await.refused(403), Reason::Forbidden);
    let none = StockEvent { kind: StockEventKind::Sale { quantity: 0 }, ..own.clone() };
    let got = world.till(paths::STOCK_EVENTS, &said(vec![own.clone(), none])).await;
    assert_eq!(got.refused(400), Reason::InvalidRequest);
    assert!(got.json()["detail"].as_str().unwrap().starts_with("events[1]: "), "{}", got.body);
    for source in ["noren-holds", "noren-receipts"] {
        let as_the_backend = said(vec![StockEvent { source: source.to_owned(), ..own.clone() }]);
        assert_eq!(world.till(paths::STOCK_EVENTS, &as_the_backend).await.refused(400), Reason::InvalidRequest);
        assert_eq!(world.operator(paths::STOCK_EVENTS, &as_the_backend).await.refused(400), Reason::InvalidRequest);
    }
    // Another till's word would be taken for that till's own when it says it.
    let as_another = said(vec![StockEvent { source: "till-of-ginza".to_owned(), ..own.clone() }]);
    assert_eq!(world.till(paths::STOCK_EVENTS, &as_another).await.refused(403), Reason::Forbidden);
    for store in ["", "a\nb"] {
        let nowhere = StockEventsRequest { said_until_ms: Some(T0), stores: vec![store.into()], ..said(vec![]) };
        assert_eq!(world.operator(paths::STOCK_EVENTS, &nowhere).await.refused(400), Reason::InvalidRequest);
    }
    // The same id again with other contents does not count, and is no repetition.
    let other = StockEvent { kind: count(7), ..own.clone() };
    let answer: StockEventsAnswer = world.till(paths::STOCK_EVENTS, &said(vec![own.clone(), other])).await.ok();
    assert_eq!((answer.new, answer.known, answer.conflicting), (0, 1, 1));
    assert_eq!(world.available(&phone, DEMO_STORE_ID, "a").await, Some(Some(5)));
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

#[tokio::test]
async fn a_till_moves_the_stock_of_its_own_store_and_of_the_online_shop_only() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(vec![product("p", &["a"])]).await;
    world.location("web", true, false).await;
    world.counted(&[DEMO_STORE_ID, "ginza", "web"], &["a"], 9).await;
    for (number, store) in [("一", DEMO_STORE_ID), ("2", "ginza"), ("3", "web"), ("4", "")] {
        let sold = sale(number, Customer::Anonymous, vec![line("a", 1, 100)]);
        world.sell(&SaleRequest { store_id: store.into(), sold_at_ms: T0 + 1, ..sold }).await;
    }
    let available = async |store: &str| world.available(&phone, store, "a").await;
    assert_eq!(
        [available(DEMO_STORE_ID).await, available("ginza").await, available("web").await],
        [8, 9, 8].map(|pieces| Some(Some(pieces)))
    );
    let nowhere = world.stock(&phone, "stores=@0").await.stores;
    assert!(nowhere.iter().all(|store| store.store.as_str() == "web"), "{nowhere:?}");
    world.stop().await;
}

#[tokio::test]
async fn how_far_a_store_is_told_is_said_by_its_tills_or_its_files() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(vec![product("p", &["a"])]).await;
    let stores = vec![StockLocation { store: DEMO_STORE_ID.into(), source: StockSource::Batch, is_ec: false, holds: true }];
    world.operator(paths::OPERATOR_STOCK, &PutStock { stores, settings: vec![] }).await.ok::<Kept>();
    let as_of = async || world.stock(&phone, &format!("stores={DEMO_STORE_ID}@0")).await.stores[0].as_of_ms;
    world.counted(&[DEMO_STORE_ID], &["a"], 9).await;
    assert_eq!(as_of().await, None, "one variant was counted, and nobody said that all of them were");
    let file = StockEventsRequest { said_until_ms: Some(T0), stores: vec![DEMO_STORE_ID.into()], ..said(vec![]) };
    world.operator(paths::STOCK_EVENTS, &file).await.ok::<StockEventsAnswer>();
    world.pass(MINUTE);
    let sold = sale("1", Customer::Anonymous, vec![line("a", 1, 100)]);
    world.sell(&SaleRequest { store_id: DEMO_STORE_ID.into(), sold_at_ms: T0 + MINUTE, ..sold }).await;
    assert_eq!((as_of().await, world.available(&phone, DEMO_STORE_ID, "a").await), (Some(T0), Some(Some(8))));
    // Of a store of tills, a hold that the staff has fetched is no word of the tills.
    world.location(DEMO_STORE_ID, false, true).await;
    let hold = world.hold(&phone, &wish("a")).await;
    world.done(&hold, TaskDone::Picked { shelf_number: "1".to_owned() }).await;
    assert_eq!(as_of().await, Some(T0));
    world.stop().await;
}

#[tokio::test]
async fn what_is_cancelled_is_as_if_it_had_not_been_whatever_the_catalogue_and_the_clock_say() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(vec![product("p", &["a", "b"])]).await;
    world.counted(&[DEMO_STORE_ID], &["a", "b"], 10).await;
    let at = |sold_at_ms, sold: SaleRequest| SaleRequest { store_id: DEMO_STORE_ID.into(), sold_at_ms, ..sold };
    let void = async |number: &str| {
        world.till(paths::TILL_VOIDS, &VoidRequest { number: number.to_owned() }).await.ok::<SaleAnswer>();
    };
    let level = async |sku: &str| {
        let levels = world.stock(&phone, &format!("stores={DEMO_STORE_ID}@0")).await.stores.remove(0).levels;
        levels.into_iter().find(|level| level.sku.as_str() == sku).unwrap()
    };
    // Sold while the catalogue knew it, cancelled when it does not: and the other way round.
    world.sell(&at(T0 + 1, sale("1", Customer::Anonymous, vec![line("a", 2, 200), line("c", 1, 100)]))).await;
    world.try_products(vec![product("q", &["c"])], &["p"]).await.ok::<Kept>();
    world.counted(&[DEMO_STORE_ID], &["c"], 5).await;
    void("1").await;
    assert_eq!((level("a").await.available, level("c").await.available), (Some(10), Some(5)));
    // A slip of the key, cancelled a minute later, is no demand; neither is a return that was none.
    world.sell(&at(T0 + 2, sale("2", Customer::Anonymous, vec![line("c", 900, 900)]))).await;
    assert!(level("c").await.sold_per_day_milli > 10_000);
    void("2").await;
    world.sell(&at(T0 + 3, returned("3", None, vec![line("c", -800, -800)]))).await;
    void("3").await;
    assert_eq!((level("c").await.available, level("c").await.sold_per_day_milli), (Some(5), 0));
    // A till whose clock is ahead sells and cancels: the sale has not counted yet.
    world.sell(&at(T0 + 20 * MINUTE, sale("4", Customer::Anonymous, vec![line("c", 3, 300)]))).await;
    void("4").await;
    assert_eq!(level("c").await.available, Some(5));
    world.pass(16 * MINUTE);
    let phone = world.renewed(phone).await;
    assert_eq!(world.available(&phone, DEMO_STORE_ID, "c").await, Some(Some(5)));
    world.pass(4 * MINUTE);
    assert_eq!(world.available(&phone, DEMO_STORE_ID, "c").await, Some(Some(5)));
    world.stop().await;
}
