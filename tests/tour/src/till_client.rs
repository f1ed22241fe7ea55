//! What a till asks of the backend.

use std::sync::Arc;

use noren_core::net::{Client, HttpTransport, Transport};
use noren_core::platform::{Entropy, SystemClock, SystemEntropy, random_uuid};
use noren_core::time::TrustedClock;
use noren_rules::wire::{RegisterCards, RegisteredCards, SaleAnswer, SaleRequest, TillKeys, paths};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::output::Failure;

/// Where the backend is, and who asks.
#[derive(Debug, clap::Args)]
pub(crate) struct Backend {
    /// Where the backend listens, for example http://127.0.0.1:8787.
    #[arg(long, value_name = "URL")]
    pub(crate) backend: String,
    /// The till's token; the demo till's when it is not given.
    #[arg(long, value_name = "TOKEN", env = "NOREN_TILL_TOKEN", hide_env_values = true, default_value = noren_backend::DEMO_TILL_TOKEN)]
    pub(crate) token: String,
}

#[derive(Clone)]
pub(crate) struct TillClient {
    client: Client,
    authorization: String,
    entropy: Arc<dyn Entropy>,
}

impl TillClient {
    pub(crate) fn new(backend: &Backend) -> Result<Self, Failure> {
        Ok(Self::over(Arc::new(HttpTransport::new().map_err(Failure::failed)?), backend))
    }

    pub(crate) fn over(transport: Arc<dyn Transport>, backend: &Backend) -> Self {
        let clock = Arc::new(TrustedClock::new(Arc::new(SystemClock::new())));
        let client = Client::new(transport, &backend.backend, clock, "en");
        Self { client, authorization: format!("Bearer {}", backend.token), entropy: Arc::new(SystemEntropy) }
    }

    pub(crate) async fn keys(&self) -> Result<TillKeys, Failure> {
        self.client.get_json(paths::TILL_KEYS, Some(&self.authorization)).await.map_err(Failure::failed)
    }

    pub(crate) async fn register(&self, cards: &RegisterCards) -> Result<RegisteredCards, Failure> {
        self.post(paths::TILL_CARDS, cards).await
    }

    pub(crate) async fn sell(&self, sale: &SaleRequest) -> Result<SaleAnswer, Failure> {
        self.post(paths::TILL_SALES, sale).await
    }

    pub(crate) async fn post<Answer: DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Result<Answer, Failure> {
        let key = random_uuid(&*self.entropy).map_err(Failure::failed)?;
        let body = serde_json::to_vec(request).map_err(Failure::failed)?;
        let answer = self.client.post(path, Some(&self.authorization), Some(&key), None, body).await.map_err(Failure::failed)?;
        serde_json::from_str(&answer.body).map_err(Failure::failed)
    }
}
