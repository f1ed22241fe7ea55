//! Where else there is a variant: the nearest stores first, the online shop last.

use noren_rules::ids::{Sku, StoreId};
use noren_rules::wire::HoldAlternative;
use rusqlite::Connection;

use crate::fault::Fault;
use crate::{places, stock};

/// Stores that are answered, without the online shop.
const MOST: usize = 10;
/// More than this is not said of another store.
const MOST_PIECES: u32 = 99;

/// Stores other than `store` with so many pieces. Those of which nobody knows how far they are come after the others; one that has no place and
/// holds nothing either is a warehouse, to which nobody can go.
/// One whose books are too old to be gone by is none.
pub(crate) fn of(db: &Connection, store: &StoreId, sku: &Sku, quantity: u32, now_ms: i64) -> Result<Vec<HoldAlternative>, Fault> {
    let here = places::position_of(db, store)?;
    let (mut stores, mut online) = (Vec::new(), Vec::new());
    for (location, available) in stock::that_have(db, sku, quantity)? {
        let Some(as_of_ms) = location.said_until_ms.filter(|_| location.store != *store && location.is_known(now_ms)) else { continue };
        let mut alternative = HoldAlternative {
            store: location.store,
            is_ec: location.is_ec,
            available: available.min(MOST_PIECES),
            as_of_ms,
            source: location.source,
            distance_m: None,
        };
        if alternative.is_ec {
            online.push(alternative);
            continue;
        }
        let there = places::position_of(db, &alternative.store)?;
        if there.is_none() && !location.holds {
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
