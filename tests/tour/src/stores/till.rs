//! A till of a store: sales, what happens to stock, tasks of the staff.

use std::sync::Arc;

use noren_core::net::Transport;
use noren_rules::catalogue::price_at;
use noren_rules::ids::{HoldId, Sku, StoreId, TillId};
use noren_rules::receipt::{Channel, ReceiptKind, ReceiptLine};
use noren_rules::stock::StockEvent;
use noren_rules::wire::{
    Customer, EcCode, EcCodeRequest, ProductInfo, SaleAnswer, SaleRequest, StockEventsAnswer, StockEventsRequest, StoreTask,
    StoreTaskRequest, StoreTasks, TaskDone, paths,
};

use super::chain::{CHAIN, EC};
use super::goods::variant;
use crate::calls::Calls;
use crate::travel::StoryClock;

/// Tax of food taken out, in thousandths.
const TAX_PERMILLE: u32 = 80;
/// The token of the online shop's own till, for a backend on loopback.
const EC_TOKEN: &str = "noren-demo-kurashiki-ec";

/// A till that is always online.
pub struct StoreTill {
    calls: Calls,
    till: TillId,
    store: StoreId,
    name: &'static str,
    channel: Channel,
    goods: Vec<ProductInfo>,
}

/// What is sold, and when.
#[derive(Debug, Clone)]
pub struct Basket<'a> {
    /// The number printed on the receipt.
    pub number: &'a str,
    /// By the till's clock.
    pub sold_at_ms: i64,
    /// The day there, `YYYY-MM-DD`.
    pub business_date: String,
    /// Variants and pieces; below 0 where they come back.
    pub lines: &'a [(Sku, i64)],
    /// Whose it is.
    pub customer: Customer,
}

impl StoreTill {
    /// The tills of the chain, two a store and the online shop's last, registered at the backend.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn all(backend: &noren_backend::Backend, transport: &Arc<dyn Transport>, clock: &StoryClock) -> Result<Vec<Self>, String> {
        let goods = super::goods::products()?;
        let of_stores = CHAIN.iter().flat_map(|store| store.tills.map(|token| (store.id, store.name, token, Channel::Store)));
        let mut tills: Vec<Self> = Vec::new();
        for (store, name, token, channel) in of_stores.chain([(EC, "のれん市場 オンライン", EC_TOKEN, Channel::Ec)]) {
            let till = TillId(token.replace("noren-demo-", ""));
            backend.register_till(till.clone(), store.into(), token.to_owned()).await.map_err(|e| e.to_string())?;
            let calls = Calls::new(&backend.url(), token, transport.clone(), clock);
            tills.push(Self { calls, till, store: store.into(), name, channel, goods: goods.clone() });
        }
        Ok(tills)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &TillId {
        &self.till
    }

    /// Posts a sale, or a return where more comes back than goes.
    ///
    /// # Errors
    /// A variant that the chain does not sell, or what the backend refused.
    pub async fn sell(&self, basket: Basket<'_>) -> Result<SaleAnswer, String> {
        let lines: Vec<ReceiptLine> =
            basket.lines.iter().map(|(sku, pieces)| self.line(sku, *pieces, basket.sold_at_ms)).collect::<Result<_, _>>()?;
        let total_minor: i64 = lines.iter().map(|line| line.amount_minor).sum();
        let sale = SaleRequest {
            number: basket.number.to_owned(),
            channel: self.channel,
            kind: if total_minor < 0 { ReceiptKind::Return } else { ReceiptKind::Sale },
            of: None,
            sold_at_ms: basket.sold_at_ms,
            business_date: basket.business_date,
            store_id: self.store.clone(),
            store_name: self.name.to_owned(),
            issuer: None,
            currency: "JPY".to_owned(),
            lines,
            total_minor,
            taxes: None,
            customer: basket.customer,
            coupons: None,
        };
        self.calls.post(paths::TILL_SALES, &sale).await
    }

    fn line(&self, sku: &Sku, pieces: i64, at_ms: i64) -> Result<ReceiptLine, String> {
        let (product, variant) = variant(&self.goods, sku)?;
        let price = price_at(&variant.prices, self.channel, at_ms).ok_or_else(|| format!("{sku} has no price"))?;
        let parts = [product.title.get("ja").cloned(), variant.colour.clone(), variant.size.clone()];
        Ok(ReceiptLine {
            sku: sku.as_str().to_owned(),
            description: parts.into_iter().flatten().collect::<Vec<_>>().join(" "),
            quantity: pieces,
            amount_minor: price.amount_minor * pieces,
            tax_permille: Some(TAX_PERMILLE),
            reduced_rate: true,
        })
    }

    /// Posts what happened to the stock of its store, and up to when that is all.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn report(&self, events: Vec<StockEvent>, said_until_ms: Option<i64>) -> Result<StockEventsAnswer, String> {
        self.calls.post(paths::STOCK_EVENTS, &StockEventsRequest { events, said_until_ms, stores: Vec::new() }).await
    }

    /// What the store's page shows to the staff.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn tasks(&self) -> Result<StoreTasks, String> {
        self.calls.get(paths::STORE_TASKS).await
    }

    /// The staff has done something about a task.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn done(&self, hold: &HoldId, done: TaskDone) -> Result<StoreTask, String> {
        self.calls.post(paths::STORE_TASKS, &StoreTaskRequest { hold: hold.clone(), done }).await
    }

    /// The code that the online shop shows to a signed-in customer.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn ec_code(&self, account: &str) -> Result<EcCode, String> {
        self.calls.post(paths::TILL_EC_CODES, &EcCodeRequest { account: account.to_owned() }).await
    }
}
