//! Where the chain is: four stores around Kurashiki, made up in a real town, an online shop and a warehouse.

use noren_rules::geo::Position;
use noren_rules::ids::{Sku, StoreId};
use noren_rules::places::{Direction, OpeningSpan};
use noren_rules::stock::StockSource;
use noren_rules::wire::{Ground, PlaceInfo, PlaceKind, StockLocation, StockSetting, Tenant, WeeklyHours};

/// Stock of the online shop.
pub const EC: &str = "kurashiki-ec";
/// The warehouse: it has stock, and is no store.
pub const WAREHOUSE: &str = "kurashiki-warehouse";
/// Offset from UTC of the chain's clocks, in minutes.
pub const UTC_OFFSET_MIN: i32 = 540;
/// How far from its middle one is still in a store, in metres.
const RADIUS_M: u32 = 40;

/// A store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChainStore {
    /// Its id, as store and as place.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Degrees north and east; made up.
    at: (f64, f64),
    /// Minutes of the day at which it opens and closes.
    hours: (u16, u16),
    /// The tokens of its two tills, for a backend on loopback.
    pub tills: [&'static str; 2],
}

/// The stores. The log's invoices go round them in this order.
pub const CHAIN: [ChainStore; 4] = [
    ChainStore {
        id: "kurashiki-ekimae",
        name: "のれん市場 倉敷駅前店",
        at: (34.6006, 133.7663),
        hours: (9 * 60, 21 * 60),
        tills: ["noren-demo-ekimae-1", "noren-demo-ekimae-2"],
    },
    ChainStore {
        id: "kurashiki-bikan",
        name: "のれん市場 美観地区店",
        at: (34.5949, 133.7722),
        hours: (10 * 60, 19 * 60),
        tills: ["noren-demo-bikan-1", "noren-demo-bikan-2"],
    },
    ChainStore {
        id: "kurashiki-nakasho",
        name: "のれん市場 中庄店",
        at: (34.6267, 133.8175),
        hours: (9 * 60, 22 * 60),
        tills: ["noren-demo-nakasho-1", "noren-demo-nakasho-2"],
    },
    ChainStore {
        id: "kurashiki-mizushima",
        name: "のれん市場 水島店",
        at: (34.5352, 133.7411),
        hours: (10 * 60, 20 * 60),
        tills: ["noren-demo-mizushima-1", "noren-demo-mizushima-2"],
    },
];

/// A store of the chain.
///
/// # Errors
/// That there is none with this id.
pub fn store(id: &StoreId) -> Result<&'static ChainStore, String> {
    CHAIN.iter().find(|store| store.id == id.as_str()).ok_or_else(|| format!("the chain has no store {id}"))
}

impl ChainStore {
    /// Its id.
    #[must_use]
    pub fn store_id(&self) -> StoreId {
        self.id.into()
    }

    /// Its door.
    ///
    /// # Errors
    /// None, with the positions above.
    pub fn position(&self) -> Result<Position, String> {
        Position::new(self.at.0, self.at.1).map_err(|e| e.to_string())
    }

    /// As the operator gives it to the backend.
    pub(super) fn place(&self) -> Result<PlaceInfo, String> {
        let open = |weekday| OpeningSpan { weekday, opens_min: self.hours.0, closes_min: self.hours.1 };
        let hours = WeeklyHours { spans: (0..7).map(open).collect(), utc_offset_min: UTC_OFFSET_MIN };
        Ok(PlaceInfo {
            id: self.id.into(),
            kind: PlaceKind::Store,
            name: self.name.to_owned(),
            reading: None,
            direction: Direction::Both,
            ground: Ground::circle(&self.position()?, RADIUS_M),
            open_to_ordinary_road: true,
            hours: Some(hours.clone()),
            value: 0,
            area: None,
            tenants: vec![Tenant { store_id: self.store_id(), name: self.name.to_owned(), hours: Some(hours) }],
        })
    }
}

/// Everything that has stock: the stores live from their tills, warehouse and online shop by a file each night.
pub(super) fn locations() -> Vec<StockLocation> {
    let live = CHAIN.iter().map(|store| StockLocation { store: store.store_id(), source: StockSource::PosFeed, is_ec: false, holds: true });
    let by_file = |id: &str, is_ec| StockLocation { store: id.into(), source: StockSource::Batch, is_ec, holds: false };
    live.chain([by_file(EC, true), by_file(WAREHOUSE, false)]).collect()
}

/// Shelves and safety stock of a store: a shelf for six variants, and of every sixth variant one piece that is never promised.
pub(super) fn settings(skus: &[Sku]) -> Vec<StockSetting> {
    let setting = |store: &ChainStore, (at, sku): (usize, &Sku)| StockSetting {
        store: store.store_id(),
        sku: sku.clone(),
        safety: Some(u32::from(at % 6 == 2)),
        shelf: Some(format!("1F {}-{}", ["A", "B", "C", "D", "E", "F", "G"].get(at / 6).unwrap_or(&"H"), at % 6 + 1)),
    };
    CHAIN.iter().flat_map(|store| skus.iter().enumerate().map(|at| setting(store, at)).collect::<Vec<_>>()).collect()
}
