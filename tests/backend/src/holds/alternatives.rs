//! Where else there is a variant: the nearest stores first, the online shop last.

use noren_rules::geo::Position;
use noren_rules::ids::{Sku, StoreId};
use noren_rules::wire::HoldAlternative;
use rusqlite::{Connection, params};

use crate::fault::Fault;
use crate::places;

/// Stores that are answered, without the online shop.
const MOST: usize = 10;
/// More than this is not said of another store.
const MOST_PIECES: u32 = 99;

/// Stores other than `store` with so many pieces. Those of which nobody knows how far they are come after the others; one that has no place and
/// holds nothing either is a warehouse, to which nobody can go.
pub(super) fn of(db: &Connection, store: &StoreId, sku: &Sku, quantity: u32) -> Result<Vec<HoldAlternative>, Fault> {
    let here = position_of(db, store)?;
    let (mut stores, mut online) = (Vec::new(), Vec::new());
    for (mut alternative, holds) in that_have(db, store, sku, quantity)? {
        if alternative.is_ec {
            online.push(alternative);
            continue;
        }
        let there = position_of(db, &alternative.store)?;
        if there.is_none() && !holds {
            continue;
        }
        if let (Some(here), Some(there)) = (&here, there) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half the Earth's girth is 20,000,000 m")]
            let metres = here.distance_m(&there).round() as u32;
            alternative.distance_m = Some(metres);
        }
        stores.push(alternative);
    }
    stores.sort_by_key(|alternative| (alternative.distance_m.is_none(), alternative.distance_m));
    stores.truncate(MOST);
    stores.append(&mut online);
    Ok(stores)
}

/// Each with whether it holds.
fn that_have(db: &Connection, store: &StoreId, sku: &Sku, quantity: u32) -> Result<Vec<(HoldAlternative, bool)>, Fault> {
    // CROSS JOIN keeps the order: each store is looked up by its key.
    let mut statement = db.prepare_cached(
        "SELECT l.store, l.is_ec, v.available, l.said_until_ms, l.holds FROM stock_locations l CROSS JOIN stock_levels v ON v.store = l.store AND v.sku = ?1
         WHERE v.available >= ?2 AND l.store <> ?3 AND l.said_until_ms IS NOT NULL ORDER BY l.store",
    )?;
    let rows = statement.query_map(params![sku.as_str(), quantity, store.as_str()], |row| {
        let available: u32 = row.get(2)?;
        let alternative = HoldAlternative {
            store: StoreId(row.get(0)?),
            is_ec: row.get(1)?,
            available: available.min(MOST_PIECES),
            as_of_ms: row.get(3)?,
            distance_m: None,
        };
        Ok((alternative, row.get(4)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn position_of(db: &Connection, store: &StoreId) -> Result<Option<Position>, Fault> {
    let place = places::of_store(db, store)?.and_then(|place| place.place().ok());
    Ok(place.map(|place| place.region().centre))
}
