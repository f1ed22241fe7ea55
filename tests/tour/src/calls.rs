//! Calls of systems that are no phone: a till's, an operator's.

use std::sync::Arc;

use noren_core::net::{Client, Transport};
use noren_core::platform::{SystemEntropy, random_uuid};
use noren_core::time::TrustedClock;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::travel::StoryClock;

/// A system with a token.
#[derive(Clone)]
pub struct Calls {
    client: Client,
    authorization: String,
}

impl Calls {
    /// The system that `token` names at the backend.
    #[must_use]
    pub fn new(backend_url: &str, token: &str, transport: Arc<dyn Transport>, clock: &StoryClock) -> Self {
        let trusted = Arc::new(TrustedClock::new(Arc::new(clock.clone())));
        Self { client: Client::new(transport, backend_url, trusted, "en"), authorization: format!("Bearer {token}") }
    }

    /// Reads.
    ///
    /// # Errors
    /// What the backend refused, with the path.
    pub async fn get<Answer: DeserializeOwned>(&self, path: &str) -> Result<Answer, String> {
        self.client.get_json(path, Some(&self.authorization)).await.map_err(|e| format!("{path}: {e}"))
    }

    /// Writes, under a key of its own.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub async fn post<Answer: DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Result<Answer, String> {
        let key = random_uuid(&SystemEntropy).map_err(|e| e.to_string())?;
        let body = serde_json::to_vec(request).map_err(|e| e.to_string())?;
        let answer = self.client.post(path, Some(&self.authorization), Some(&key), None, body).await.map_err(|e| format!("{path}: {e}"))?;
        serde_json::from_str(&answer.body).map_err(|e| format!("{path}: {e}"))
    }
}
