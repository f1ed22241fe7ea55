use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use noren_rules::stock::{StockEvent, StockEventKind, StockState};
use noren_rules::wire::{BasketPiece, GoodsShort, Reason, TaskDone};
use rusqlite::Connection;

use super::orders::GoodsOf;
use super::*;
use crate::app::App;
use crate::keys::KeyRing;
use crate::settings::{Durability, Settings};
use crate::store::Store;
use crate::{holds, stock};

const T0: i64 = 1_800_000_000_000;
const DAY: i64 = 86_400_000;
const MEMBERS: [&str; 2] = ["one", "other"];

/// The backend without its HTTP: an app over a database of its own.
struct World {
    app: App,
    clock: Arc<AtomicI64>,
    _directory: tempfile::TempDir,
}

impl World {
    async fn open() -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(T0)));
        let time = Arc::clone(&clock);
        let settings = Settings { clock: Arc::new(move || time.load(Ordering::SeqCst)), ..Settings::default() };
        let keys = KeyRing::open(directory.path(), false, &settings.entropy, T0 / 1000).unwrap();
        let store = Store::open(directory.path(), Durability::None, "life", T0).unwrap();
        let world = Self { app: App::new(settings, keys, store), clock, _directory: directory };
        world
            .write(|db, app| {
                for member in MEMBERS {
                    db.execute("INSERT INTO members (id, created_at_ms) VALUES (?1, ?2)", params![member, T0])?;
                }
                for (store, is_ec, latitude) in
                    [("here", false, Some(35.0)), ("near", false, Some(35.01)), ("far", false, Some(36.0)), ("web", true, None)]
                {
                    db.execute("INSERT INTO places (id, tile, info) VALUES (?1, 't', '{}')", [store])?;
                    let at = "INSERT INTO place_stores (store, place, lat_deg, lon_deg) VALUES (?1, ?1, ?2, 139.0)";
                    latitude.map(|latitude| db.execute(at, params![store, latitude])).transpose()?;
                    let location = "INSERT INTO stock_locations (store, source, is_ec, holds) VALUES (?1, '\"pos_feed\"', ?2, ?3)";
                    db.execute(location, params![store, is_ec, !is_ec])?;
                }
                let counts = [("here", "a", 1), ("here", "b", 5), ("near", "a", 3), ("far", "a", 9), ("web", "a", 4), ("web", "b", 4)];
                stock::write(db, app, T0, |book| {
                    for (store, sku, quantity) in counts {
                        let kind = StockEventKind::Count { quantity, state: StockState::Sellable };
                        book.hear(&event(&format!("{store}/{sku}"), store, sku, T0, kind))?;
                    }
                    Ok(())
                })
            })
            .await;
        world
    }

    async fn write<T: Send + 'static>(&self, work: impl FnOnce(&Connection, &App) -> Result<T, Fault> + Send + 'static) -> T {
        let app = self.app.clone();
        self.app.store.write(move |db| work(db, &app)).await.unwrap()
    }

    async fn reserve(
        &self,
        order: &'static str,
        member: &'static str,
        store: &'static str,
        pieces: &[(&str, u32)],
    ) -> Result<(), Vec<GoodsShort>> {
        let pieces: Vec<BasketPiece> =
            pieces.iter().map(|(sku, quantity)| BasketPiece { sku: (*sku).into(), quantity: *quantity }).collect();
        let now_ms = self.app.now_ms();
        self.write(move |db, app| {
            let (order, store, member) = (OrderId::from(order), StoreId::from(store), MemberId::from(member));
            let of = GoodsOf { order: &order, store: &store, member: &member, until_ms: now_ms + 3 * DAY };
            reserve_for_order(db, app, &of, &pieces, now_ms)
        })
        .await
    }

    async fn available(&self, store: &'static str, sku: &'static str) -> u32 {
        self.write(move |db, _| Ok(stock::Level::load(db, &store.into(), &sku.into())?.available().flatten().unwrap())).await
    }

    /// What the staff does, as on the page.
    async fn done(&self, order: &'static str, sku: &'static str, done: TaskDone) -> Vec<GoodsNews> {
        let now_ms = self.app.now_ms();
        self.write(move |db, app| {
            let goods = of_order(db, &order.into())?.into_iter().find(|goods| goods.sku == Sku::from(sku)).unwrap();
            let goods = holds::carry_out(db, app, &goods.store, &goods.id, &done, now_ms)?;
            news(db, &goods)
        })
        .await
    }
}

fn event(id: &str, store: &str, sku: &str, at_ms: i64, kind: StockEventKind) -> StockEvent {
    StockEvent { source: "till-1".to_owned(), id: id.to_owned(), store: store.into(), sku: sku.into(), at_ms, kind }
}

fn picked(shelf_number: &str) -> TaskDone {
    TaskDone::Picked { shelf_number: shelf_number.to_owned() }
}

#[tokio::test]
async fn of_two_who_want_the_last_piece_one_gets_it_and_the_other_hears_where_else_it_is() {
    let world = World::open().await;
    let (one, other) =
        tokio::join!(world.reserve("order1", "one", "here", &[("a", 1)]), world.reserve("order2", "other", "here", &[("a", 1), ("b", 1)]));
    let (short, won) = match (one, other) {
        (Ok(()), Err(short)) => (short, "order1"),
        (Err(short), Ok(())) => (short, "order2"),
        both => panic!("one of the two: {both:?}"),
    };
    assert_eq!((short.len(), short[0].sku.as_str(), short[0].available), (1, "a", Some(0)));
    let elsewhere: Vec<_> = short[0].alternatives.iter().map(|other| (other.store.as_str(), other.is_ec, other.available)).collect();
    assert_eq!(elsewhere, [("near", false, 3), ("far", false, 9), ("web", true, 4)]);
    assert_eq!(world.available("here", "a").await, 0);
    // All or nothing: what there was enough of is not kept for the loser.
    assert_eq!(world.available("here", "b").await, if won == "order2" { 4 } else { 5 });
    let rows = world.write(|db, _| Ok((of_order(db, &"order1".into())?.len(), of_order(db, &"order2".into())?.len()))).await;
    assert_eq!(rows, if won == "order1" { (1, 0) } else { (0, 2) });
    // The online shop keeps for a delivery; a store that holds nothing keeps nothing.
    assert_eq!(world.reserve("order3", "one", "web", &[("a", 2), ("a", 2)]).await, Ok(()));
    assert_eq!(world.available("web", "a").await, 0);
    world.write(|db, _| Ok(db.execute("UPDATE stock_locations SET holds = 0 WHERE store = 'near'", [])?)).await;
    assert_eq!(world.reserve("order4", "one", "near", &[("a", 1)]).await.unwrap_err()[0].available, None);
}

#[tokio::test]
async fn the_staff_fetches_an_order_piece_by_piece() {
    let world = World::open().await;
    world.reserve("order1", "one", "here", &[("a", 1), ("b", 2)]).await.unwrap();
    assert_eq!(world.done("order1", "a", picked("7")).await, [], "b is still to be fetched");
    assert_eq!(world.done("order1", "b", picked("9")).await, [GoodsNews::AllPicked { shelf: "7, 9".to_owned() }]);
    assert_eq!(world.done("order1", "b", picked("7")).await, [GoodsNews::AllPicked { shelf: "7".to_owned() }]);
    // Only with the order is it handed over, or put back.
    for done in [TaskDone::HandedOver, TaskDone::PutBack] {
        let app = world.app.clone();
        let refused = world
            .app
            .store
            .write(move |db| {
                let goods = of_order(db, &"order1".into())?.remove(0);
                holds::carry_out(db, &app, &goods.store, &goods.id, &done, T0)
            })
            .await;
        assert!(matches!(refused, Err(Fault::Refused(refusal)) if refusal.reason == Reason::HoldConflict));
    }
    world.write(|db, app| hand_over_order(db, app, &"order1".into(), T0)).await;
    let states = world
        .write(|db, _| {
            Ok(of_order(db, &"order1".into())?
                .iter()
                .map(|goods| (goods.state, goods.shelf_number.clone(), goods.reserves))
                .collect::<Vec<_>>())
        })
        .await;
    assert_eq!(states, vec![(HoldState::HandedOver, None, false); 2]);
    // Until the receipt says that they are gone they are there.
    assert_eq!((world.available("here", "a").await, world.available("here", "b").await), (1, 5));
}

#[tokio::test]
async fn what_is_not_found_reaches_the_order() {
    let world = World::open().await;
    world.reserve("order1", "one", "here", &[("a", 1), ("b", 2)]).await.unwrap();
    assert_eq!(world.done("order1", "b", picked("9")).await, []);
    let news = world.done("order1", "a", TaskDone::NotFound).await;
    let missing = GoodsNews::Missing { sku: "a".into(), pieces: 1 };
    assert_eq!(news, [missing, GoodsNews::AllPicked { shelf: "9".to_owned() }]);
    // One of two is dropped: it is for sale again, the other lies where it was.
    world.write(|db, app| drop_pieces(db, app, &"order1".into(), &"b".into(), 1, T0)).await;
    assert_eq!(world.available("here", "b").await, 4);
    world.write(|db, app| drop_pieces(db, app, &"order1".into(), &"b".into(), 1, T0)).await;
    let left = world.write(|db, _| Ok(of_order(db, &"order1".into())?.remove(1))).await;
    assert_eq!((left.state, left.shelf_number.as_deref(), left.closed_at_ms), (HoldState::Released, Some("9"), None), "to be put back");
}

#[tokio::test]
async fn nobody_came_and_the_goods_are_free_again() {
    let world = World::open().await;
    world.reserve("order1", "one", "here", &[("a", 1), ("b", 2)]).await.unwrap();
    world.done("order1", "b", picked("9")).await;
    // Time alone ends no order: its own clock does.
    world.clock.store(T0 + 30 * DAY, Ordering::SeqCst);
    assert_eq!(world.reserve("order2", "other", "here", &[("a", 1)]).await.unwrap_err()[0].available, None, "the books are a month old");
    let later = T0 + 30 * DAY;
    world
        .write(move |db, app| {
            stock::write(db, app, later, |book| {
                book.hear(&event("late", "here", "a", later, StockEventKind::Sale { quantity: 1 })).map(drop)
            })
        })
        .await;
    world
        .write(move |db, app| {
            stock::write(db, app, later, |book| {
                book.hear(&event("back", "here", "a", later, StockEventKind::Return { quantity: 1, state: StockState::Sellable })).map(drop)
            })
        })
        .await;
    assert_eq!(world.reserve("order2", "other", "here", &[("a", 1)]).await.unwrap_err()[0].available, Some(0));
    world.write(move |db, app| release_order(db, app, &"order1".into(), later)).await;
    assert_eq!((world.available("here", "a").await, world.available("here", "b").await), (1, 3));
    assert_eq!(world.reserve("order2", "other", "here", &[("a", 1)]).await, Ok(()));
    assert_eq!(world.done("order1", "b", TaskDone::PutBack).await, []);
    assert_eq!(world.available("here", "b").await, 5);
}
