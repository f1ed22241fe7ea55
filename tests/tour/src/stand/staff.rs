//! The stand's operator and its staff: what they say to the backend.

use std::sync::Arc;

use noren_core::net::Transport;
use noren_rules::ids::{HoldId, OrderId, Sku, StoreId, TillId};
use noren_rules::slots::StoreMode;
use noren_rules::stock::{StockEvent, StockEventKind, StockState};
use noren_rules::wire::{
    HandOverRequest, Kept, Kitchen, KitchenModeRequest, KitchenOrder, KitchenStep, KitchenStepRequest, OrderReport, PutMenus, SeatWork,
    SeatWorkAnswer, SeatWorkRequest, SelfBasket, StockEventsAnswer, StockEventsRequest, StoreTask, StoreTaskRequest, StoreTasks, TaskDone,
    WalkInAnswer, WalkInRequest, paths,
};

use super::{kitchen, menu, terms};
use crate::calls::Calls;
use crate::travel::StoryClock;

/// The head office, as far as the stand goes.
pub struct StandOperator {
    calls: Calls,
}

impl StandOperator {
    /// The operator whom `token` names at the backend.
    #[must_use]
    pub fn new(backend_url: &str, token: &str, transport: Arc<dyn Transport>, clock: &StoryClock) -> Self {
        Self { calls: Calls::new(backend_url, token, transport, clock) }
    }

    /// Puts menu, kitchen and terms for a store.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn put(&self, store: &str) -> Result<(), String> {
        self.put_all(&PutMenus {
            menus: vec![menu(store)?],
            kitchens: vec![kitchen(store)?],
            terms: vec![terms(store)?],
            tax: None,
            allergens: None,
        })
        .await
    }

    /// Puts what is given.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn put_all(&self, what: &PutMenus) -> Result<(), String> {
        self.calls.post::<Kept>(paths::OPERATOR_MENUS, what).await.map(|_| ())
    }

    /// How ordering went in a store.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn report(&self, store: &str, from_ms: i64, until_ms: i64) -> Result<OrderReport, String> {
        self.calls.get(&format!("{}?store={store}&from_ms={from_ms}&until_ms={until_ms}", paths::OPERATOR_ORDER_REPORT)).await
    }
}

/// The staff, at a till of the store.
#[derive(Clone)]
pub struct StandStaff {
    calls: Calls,
}

impl StandStaff {
    /// Whoever stands at the till that `token` names.
    #[must_use]
    pub fn new(backend_url: &str, token: &str, transport: Arc<dyn Transport>, clock: &StoryClock) -> Self {
        Self { calls: Calls::new(backend_url, token, transport, clock) }
    }

    /// What the kitchen's page shows.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn kitchen(&self) -> Result<Kitchen, String> {
        self.calls.get(paths::KITCHEN).await
    }

    /// A step of an order.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn step(&self, order: &OrderId, step: KitchenStep) -> Result<KitchenOrder, String> {
        self.calls.post(paths::KITCHEN_STEPS, &KitchenStepRequest { order: order.clone(), step }).await
    }

    /// Hands an order over, by the code that the person shows.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn hand_over(&self, order: &OrderId, code: &str) -> Result<KitchenOrder, String> {
        let request = HandOverRequest { order: Some(order.clone()), code: code.to_owned(), age_checked: false, refused: vec![] };
        self.calls.post(paths::KITCHEN_HAND_OVERS, &request).await
    }

    /// Pauses, delays or opens.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn set_mode(&self, mode: StoreMode) -> Result<Kitchen, String> {
        self.calls.post::<serde_json::Value>(paths::KITCHEN_MODES, &KitchenModeRequest { mode }).await?;
        self.kitchen().await
    }

    /// Guests at the counter have ordered.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn walk_in(&self, guests: &WalkInRequest) -> Result<WalkInAnswer, String> {
        self.calls.post(paths::KITCHEN_WALK_INS, guests).await
    }

    /// Something about the seats.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn seats(&self, work: SeatWork) -> Result<SeatWorkAnswer, String> {
        self.calls.post(paths::KITCHEN_SEATS, &SeatWorkRequest { work }).await
    }

    /// Counts a variant on the sales floor, at the till `till`.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn count(&self, till: &TillId, store: &StoreId, sku: &Sku, pieces: u32, at_ms: i64) -> Result<(), String> {
        let kind = StockEventKind::Count { quantity: pieces, state: StockState::Sellable };
        let id = format!("count-{sku}-{at_ms}");
        let event = StockEvent { source: till.to_string(), id, store: store.clone(), sku: sku.clone(), at_ms, kind };
        let request = StockEventsRequest { events: vec![event], said_until_ms: None, stores: vec![] };
        self.calls.post::<StockEventsAnswer>(paths::STOCK_EVENTS, &request).await.map(|_| ())
    }

    /// Goods to be fetched from the sales floor.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn tasks(&self) -> Result<StoreTasks, String> {
        self.calls.get(paths::STORE_TASKS).await
    }

    /// A task is done.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn done(&self, hold: &HoldId, done: TaskDone) -> Result<StoreTask, String> {
        self.calls.post(paths::STORE_TASKS, &StoreTaskRequest { hold: hold.clone(), done }).await
    }

    /// A basket by the code that the self-till has read.
    ///
    /// # Errors
    /// What the backend refused.
    pub async fn self_basket(&self, code: &str) -> Result<SelfBasket, String> {
        self.calls.get(&format!("{}?code={code}", paths::TILL_SELF_BASKETS)).await
    }
}
