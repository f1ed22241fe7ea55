//! Goods of orders: reserved with the order or not at all, fetched by the staff as a hold is, and handed over with the order.
//!
//! The order's own clock ends them: until it says so, they are kept. What a sale takes of them is said by the order's receipt, so the hand-over and
//! the receipt are one transaction.

use std::collections::BTreeMap;

use noren_rules::holds::{HoldState, HoldTimes};
use noren_rules::ids::{HoldId, MemberId, OrderId, Sku, StoreId};
use noren_rules::stock::StockState;
use noren_rules::wire::{BasketPiece, GoodsShort};
use rusqlite::Connection;

use super::{Reservation, all, save};
use crate::app::Shared;
use crate::fault::Fault;
use crate::{holds, stock};

/// What the staff found of an order's goods. The room of orders is told by `orders::on_goods(db, app, &order, &news, now_ms)`, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GoodsNews {
    /// Everything that is left of it lies on the hold shelf: the order is ready. Said again when something is moved along the shelf.
    AllPicked {
        /// The number there; several with a comma.
        shelf: String,
    },
    /// Pieces are not where they should be, and none are kept any more.
    Missing {
        /// The variant.
        sku: Sku,
        /// How many.
        pieces: u32,
    },
}

/// Whose goods they are, and where they are kept.
pub(crate) struct GoodsOf<'a> {
    pub(crate) order: &'a OrderId,
    pub(crate) store: &'a StoreId,
    pub(crate) member: &'a MemberId,
    /// Until when they are kept, for the staff to see.
    pub(crate) until_ms: i64,
}

/// Reserves all pieces or none, in the caller's transaction: in a store that holds for a pickup, in the online shop for a delivery. What is short comes
/// back with the stores that have it, the nearest first.
pub(crate) fn reserve_for_order(
    db: &Connection,
    app: &Shared,
    of: &GoodsOf<'_>,
    pieces: &[BasketPiece],
    now_ms: i64,
) -> Result<Result<(), Vec<GoodsShort>>, Fault> {
    // First, so that what has come due is free for this order.
    stock::write(db, app, now_ms, |_| Ok(()))?;
    let mut wanted = BTreeMap::<&Sku, u32>::new();
    for BasketPiece { sku, quantity } in pieces {
        let sum = wanted.entry(sku).or_default();
        *sum = sum.saturating_add(*quantity);
    }
    let mut short = Vec::new();
    for (sku, quantity) in &wanted {
        let available = available(db, of.store, sku, now_ms)?;
        if available.is_none_or(|available| available < *quantity) {
            let alternatives = holds::alternatives_of(db, of.store, sku, *quantity, now_ms)?;
            short.push(GoodsShort { sku: (*sku).clone(), available, alternatives });
        }
    }
    if !short.is_empty() {
        return Ok(Err(short));
    }
    stock::write(db, app, now_ms, |book| {
        for (sku, quantity) in &wanted {
            save(db, &row(app, of, sku, *quantity, now_ms)?)?;
            book.level(of.store, sku)?;
        }
        Ok(())
    })?;
    Ok(Ok(()))
}

/// How many can be promised; `None` where nobody knows, and where the store keeps nothing for anybody.
fn available(db: &Connection, store: &StoreId, sku: &Sku, now_ms: i64) -> Result<Option<u32>, Fault> {
    let location = stock::location(db, store)?.filter(|location| (location.holds || location.is_ec) && location.is_known(now_ms));
    Ok(if location.is_some() { stock::Level::load(db, store, sku)?.available().flatten() } else { None })
}

fn row(app: &Shared, of: &GoodsOf<'_>, sku: &Sku, quantity: u32, now_ms: i64) -> Result<Reservation, Fault> {
    Ok(Reservation {
        id: HoldId(app.random_id()?),
        order: Some(of.order.clone()),
        member: Some(of.member.clone()),
        store: of.store.clone(),
        sku: sku.clone(),
        quantity,
        state: HoldState::Requested,
        made_at_ms: now_ms,
        times: HoldTimes { until_ms: of.until_ms, cap_ms: of.until_ms, eta_min: 0, said_at_ms: i64::MIN },
        shelf_number: None,
        reserves: true,
        due_ms: None,
        ended_at_ms: None,
        closed_at_ms: None,
    })
}

/// The goods of an order, by variant.
pub(crate) fn of_order(db: &Connection, order: &OrderId) -> Result<Vec<Reservation>, Fault> {
    all(db, "order_id = ?1 ORDER BY sku, made_at_ms, id", [order.as_str()])
}

/// Cancelled, or nobody came: what was not picked is available to promise at once, what lies on the hold shelf once the staff has put it back.
pub(crate) fn release_order(db: &Connection, app: &Shared, order: &OrderId, now_ms: i64) -> Result<(), Fault> {
    stock::write(db, app, now_ms, |book| of_order(db, order)?.iter_mut().try_for_each(|goods| holds::let_go(db, book, goods, now_ms)))
}

/// Some pieces of a variant are not wanted any more, or are not there.
pub(crate) fn drop_pieces(db: &Connection, app: &Shared, order: &OrderId, sku: &Sku, pieces: u32, now_ms: i64) -> Result<(), Fault> {
    stock::write(db, app, now_ms, |book| {
        let mut left = pieces;
        for mut goods in of_order(db, order)?.into_iter().filter(|goods| goods.sku == *sku && goods.state.is_live()) {
            if left >= goods.quantity {
                left = left.saturating_sub(goods.quantity);
                holds::let_go(db, book, &mut goods, now_ms)?;
            } else if left > 0 {
                let rest = goods.quantity.saturating_sub(left);
                if goods.shelf_number.is_some() {
                    // By how many are left, so that each drop is an event of its own.
                    let part = Reservation { quantity: left, ..goods.clone() };
                    holds::move_pieces(book, &part, &format!("left/{rest}"), StockState::HoldShelf, StockState::Sellable)?;
                }
                (goods.quantity, left) = (rest, 0);
                book.level(&goods.store, sku)?;
                save(db, &goods)?;
            }
        }
        Ok(())
    })
}

/// The person has it. The receipt that follows in the same transaction takes the pieces from the sales floor: for the books they are back there.
pub(crate) fn hand_over_order(db: &Connection, app: &Shared, order: &OrderId, now_ms: i64) -> Result<(), Fault> {
    stock::write(db, app, now_ms, |book| {
        for mut goods in of_order(db, order)?.into_iter().filter(|goods| goods.state.is_live()) {
            holds::take_from_shelf(book, &mut goods)?;
            goods.state = HoldState::HandedOver;
            holds::end(&mut goods, now_ms);
            book.level(&goods.store, &goods.sku)?;
            save(db, &goods)?;
        }
        Ok(())
    })
}

/// What the staff has found of an order's goods so far.
pub(crate) fn news_of_order(db: &Connection, order: &OrderId) -> Result<Vec<GoodsNews>, Fault> {
    let goods = of_order(db, order)?;
    let mut news: Vec<GoodsNews> = Vec::new();
    for found in &goods {
        for one in self::news(db, found)? {
            // That all are picked is said of each of them.
            if !matches!(one, GoodsNews::AllPicked { .. }) || !news.contains(&one) {
                news.push(one);
            }
        }
    }
    Ok(news)
}

/// What an order is told after the staff did something about one of its variants.
pub(crate) fn news(db: &Connection, goods: &Reservation) -> Result<Vec<GoodsNews>, Fault> {
    let Some(order) = &goods.order else { return Ok(Vec::new()) };
    let mut news = Vec::new();
    if goods.state == HoldState::NotFound {
        news.push(GoodsNews::Missing { sku: goods.sku.clone(), pieces: goods.quantity });
    }
    let live: Vec<Reservation> = of_order(db, order)?.into_iter().filter(|goods| goods.state.is_live()).collect();
    if !live.is_empty() && live.iter().all(|goods| goods.state == HoldState::Picked) {
        let mut shelves: Vec<String> = live.into_iter().filter_map(|goods| goods.shelf_number).collect();
        shelves.sort();
        shelves.dedup();
        news.push(GoodsNews::AllPicked { shelf: shelves.join(", ") });
    }
    Ok(news)
}
