//! Places of stock: which there are, and up to when each has said everything.

use noren_rules::ids::{Sku, StoreId};
use noren_rules::stock::StockSource;
use noren_rules::wire::StockLocation;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::fault::Fault;
use crate::store::{from_json, to_json};

/// A place of stock.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    pub(crate) store: StoreId,
    pub(crate) source: StockSource,
    pub(crate) is_ec: bool,
    pub(crate) holds: bool,
    /// `None` while nothing was heard of it.
    pub(crate) said_until_ms: Option<i64>,
}

impl Location {
    /// True while its levels are young enough to be gone by: what is older is unknown, whatever the quantity.
    pub(crate) fn is_known(&self, now_ms: i64) -> bool {
        self.said_until_ms.is_some_and(|said_until_ms| now_ms.saturating_sub(said_until_ms) <= self.source.past_ms())
    }
}

type Columns = (String, String, bool, bool, Option<i64>);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn read((store, source, is_ec, holds, said_until_ms): Columns) -> Result<Location, Fault> {
    Ok(Location { store: StoreId(store), source: from_json(&source, "stock source")?, is_ec, holds, said_until_ms })
}

pub(crate) fn find(db: &Connection, store: &StoreId) -> Result<Option<Location>, Fault> {
    let sql = "SELECT store, source, is_ec, holds, said_until_ms FROM stock_locations WHERE store = ?1";
    db.prepare_cached(sql)?.query_row([store.as_str()], columns).optional()?.map(read).transpose()
}

/// The online shop's.
pub(crate) fn of_ec(db: &Connection) -> Result<Vec<StoreId>, Fault> {
    let mut statement = db.prepare_cached("SELECT store FROM stock_locations WHERE is_ec = 1 ORDER BY store")?;
    let rows = statement.query_map([], |row| row.get(0).map(StoreId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those of which something was heard and where so many pieces of a variant were available then, with how many these are.
pub(crate) fn that_have(db: &Connection, sku: &Sku, quantity: u32) -> Result<Vec<(Location, u32)>, Fault> {
    // CROSS JOIN keeps the order: each store is looked up by its key.
    let mut statement = db.prepare_cached(
        "SELECT l.store, l.source, l.is_ec, l.holds, l.said_until_ms, v.available
         FROM stock_locations l CROSS JOIN stock_levels v ON v.store = l.store AND v.sku = ?1
         WHERE v.available >= ?2 AND l.said_until_ms IS NOT NULL ORDER BY l.store",
    )?;
    let rows = statement.query_map(params![sku.as_str(), quantity], |row| Ok((columns(row)?, row.get(5)?)))?;
    rows.map(|row| row.map_err(Fault::from).and_then(|(location, available)| Ok((read(location)?, available)))).collect()
}

/// Variants of which a store has some, at most so many.
pub(crate) fn on_shelf(db: &Connection, store: &StoreId, most: u32) -> Result<Vec<Sku>, Fault> {
    let sql = "SELECT sku FROM stock_levels WHERE store = ?1 AND available > 0 ORDER BY sku LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![store.as_str(), most], |row| row.get(0).map(Sku))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// True when it is new or another than before.
pub(crate) fn put(db: &Connection, location: &StockLocation) -> Result<bool, Fault> {
    let changed = db
        .prepare_cached(
            "INSERT INTO stock_locations (store, source, is_ec, holds) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (store) DO UPDATE SET source = excluded.source, is_ec = excluded.is_ec, holds = excluded.holds
             WHERE (stock_locations.source, stock_locations.is_ec, stock_locations.holds) <> (excluded.source, excluded.is_ec, excluded.holds)",
        )?
        .execute(params![location.store.as_str(), to_json(&location.source, "stock source")?, location.is_ec, location.holds])?;
    Ok(changed == 1)
}

/// Everything that happened there until then is told; nothing new for one that is only named. A store that nobody put is a feed of tills, and holds
/// nothing.
pub(crate) fn say_until(db: &Connection, store: &StoreId, until_ms: Option<i64>) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO stock_locations (store, source, is_ec, holds, said_until_ms) VALUES (?1, ?2, 0, 0, ?3)
         ON CONFLICT (store) DO UPDATE SET said_until_ms = excluded.said_until_ms
         WHERE excluded.said_until_ms > COALESCE(stock_locations.said_until_ms, excluded.said_until_ms - 1)",
    )?
    .execute(params![store.as_str(), to_json(&StockSource::PosFeed, "stock source")?, until_ms])?;
    Ok(())
}
