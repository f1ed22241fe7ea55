//! What the chain's own systems say to the backend.

use std::sync::Arc;

use noren_core::net::Transport;
use noren_rules::ids::{Sku, StoreId};
use noren_rules::stock::{StockEvent, StockEventKind, StockState};
use noren_rules::wire::{
    Kept, PlaceInfo, PutPlaces, PutProducts, PutStock, ReactionCounts, StockEventsAnswer, StockEventsRequest, StockFlags, StoreCredits,
    paths,
};

use super::chain::{CHAIN, ChainStore, EC, WAREHOUSE, locations, settings};
use super::days::StoryDays;
use super::goods::products;
use super::log::{TRANSFER, TwoDays};
use crate::calls::Calls;
use crate::travel::StoryClock;

/// When everything was counted, in minutes since the first midnight.
const COUNTED_MIN: i64 = 7 * 60;
/// When the nightly file of the online shop and the warehouse is written.
const FILE_MIN: i64 = 26 * 60;
/// When the transfer leaves the warehouse.
const LEAVES_MIN: i64 = 33 * 60 + 30;
/// Pieces of each variant in the online shop, and in the warehouse.
const OF_EACH: [(&str, i64); 2] = [(EC, 40), (WAREHOUSE, 200)];
/// A delivery that nobody booked: to which store, what, how many. The books of that store are too low by it.
const NOT_BOOKED: (usize, &str, i64) = (3, "soy-1000", 5);

/// The chain's head office.
pub struct ChainOperator {
    calls: Calls,
}

impl ChainOperator {
    /// The operator whom `token` names at the backend.
    #[must_use]
    pub fn new(backend_url: &str, token: &str, transport: Arc<dyn Transport>, clock: &StoryClock) -> Self {
        Self { calls: Calls::new(backend_url, token, transport, clock) }
    }

    /// Puts the stores as places, the products, what has stock, shelves and safety stock. Answers how many products there are.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn put(&self) -> Result<usize, String> {
        let places: Vec<PlaceInfo> = CHAIN.iter().map(ChainStore::place).collect::<Result<_, _>>()?;
        self.calls.post::<Kept>(paths::OPERATOR_PLACES, &PutPlaces { places, routes: Vec::new(), remove: Vec::new() }).await?;
        let products = products()?;
        let count = products.len();
        let skus: Vec<Sku> = products.iter().flat_map(|product| &product.variants).map(|variant| variant.sku.clone()).collect();
        self.calls.post::<Kept>(paths::OPERATOR_PRODUCTS, &PutProducts { products, remove: Vec::new() }).await?;
        let stock = PutStock { stores: locations(), settings: settings(&skus) };
        self.calls.post::<Kept>(paths::OPERATOR_STOCK, &stock).await?;
        Ok(count)
    }

    /// Says what the books begin with: a count of every store on the first morning, the nightly file of online shop and warehouse, and a transfer
    /// that is on its way.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn open_the_books(&self, two: &TwoDays, days: &StoryDays) -> Result<StockEventsAnswer, String> {
        let counted = two.opening.iter().filter_map(|((store, sku), lies)| {
            let missing = if (*store, sku.as_str()) == (NOT_BOOKED.0, NOT_BOOKED.1) { NOT_BOOKED.2 } else { 0 };
            Some(count(CHAIN.get(*store)?.store_id(), sku, days.at_ms(COUNTED_MIN), lies - missing))
        });
        let skus = || two.opening.keys().filter(|(store, _)| *store == 0).map(|(_, sku)| sku);
        let by_file =
            OF_EACH.iter().flat_map(|(store, of_each)| skus().map(|sku| count((*store).into(), sku, days.at_ms(FILE_MIN), *of_each)));
        let (to, sku, quantity) = TRANSFER;
        let to = CHAIN.get(to).ok_or("the transfer goes to a store")?.store_id();
        let leaves = StockEvent {
            source: "warehouse".to_owned(),
            id: "transfer-1".to_owned(),
            store: WAREHOUSE.into(),
            sku: sku.into(),
            at_ms: days.at_ms(LEAVES_MIN),
            kind: StockEventKind::TransferOut { quantity: u32::try_from(quantity).unwrap_or_default(), to },
        };
        let events = counted.chain(by_file).chain([leaves]).collect();
        // The tills say how far they are themselves; of the others the file says everything up to when it is written.
        let request = StockEventsRequest {
            events,
            said_until_ms: Some(days.at_ms(FILE_MIN)),
            stores: OF_EACH.map(|(store, _)| store.into()).to_vec(),
        };
        self.calls.post(paths::STOCK_EVENTS, &request).await
    }

    /// Levels that cannot be right.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn flags(&self) -> Result<StockFlags, String> {
        self.calls.get(paths::OPERATOR_STOCK_FLAGS).await
    }

    /// What people did with products in the stores.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn reactions(&self, from_ms: i64, until_ms: i64) -> Result<ReactionCounts, String> {
        self.calls.get(&format!("{}?from_ms={from_ms}&until_ms={until_ms}", paths::OPERATOR_REACTIONS)).await
    }

    /// Purchases of the online shop that began in a store.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn credits(&self, from_ms: i64, until_ms: i64) -> Result<StoreCredits, String> {
        self.calls.get(&format!("{}?from_ms={from_ms}&until_ms={until_ms}", paths::OPERATOR_CREDITS)).await
    }
}

fn count(store: StoreId, sku: &Sku, at_ms: i64, lies: i64) -> StockEvent {
    let kind = StockEventKind::Count { quantity: u32::try_from(lies).unwrap_or_default(), state: StockState::Sellable };
    StockEvent { source: "inventory".to_owned(), id: format!("open-{store}-{sku}"), store, sku: sku.clone(), at_ms, kind }
}
