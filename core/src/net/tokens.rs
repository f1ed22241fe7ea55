//! What a call carries as `Authorization`: nothing, a fixed token (a till), or a short token got by a signature of the device.

use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::b64;
use noren_rules::keys::PublicKey;
use noren_rules::proof::{ProofKind, prove};
use noren_rules::wire::{AccessToken, Nonce, TokenRequest, paths};

use super::client::decode;
use super::{BoxFuture, CallError, Client};
use crate::outbox::Vault;
use crate::platform::{DeviceKey, PlatformError};
use crate::signing::{SigningError, device_public_key, sign_checked};
use crate::storage::StorageError;

/// A token that ends sooner than this is not used any more.
const SPARE_MS: i64 = 30_000;
const VAULT_NAME: &str = "access-token";

/// No authorization can be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizerError {
    /// Asking for it failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The device's key cannot be used.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The files cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Gives the value of the header `Authorization`.
pub trait Authorizer: Send + Sync {
    /// The value to send, or `None` for a caller without one. `refused` is the value that the server has just refused: another is wanted.
    fn authorization(&self, refused: Option<String>) -> BoxFuture<'_, Result<Option<String>, AuthorizerError>>;
}

/// No authorization at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuthorizer;

impl Authorizer for NoAuthorizer {
    fn authorization(&self, _refused: Option<String>) -> BoxFuture<'_, Result<Option<String>, AuthorizerError>> {
        Box::pin(async { Ok(None) })
    }
}

/// A token that does not change: a till's.
#[derive(Clone)]
pub struct StaticToken(String);

impl StaticToken {
    /// Sends `Bearer <token>`.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }
}

impl std::fmt::Debug for StaticToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaticToken").finish_non_exhaustive()
    }
}

impl Authorizer for StaticToken {
    fn authorization(&self, _refused: Option<String>) -> BoxFuture<'_, Result<Option<String>, AuthorizerError>> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }
}

/// Short tokens, got by a signature of the device over a nonce of the server, kept sealed, renewed once however many callers wait.
pub struct DeviceTokens {
    client: Client,
    key: Arc<dyn DeviceKey>,
    vault: Vault,
    cached: Mutex<Option<AccessToken>>,
    asking: tokio::sync::Mutex<()>,
}

impl DeviceTokens {
    /// Tokens for the device whose key this is.
    #[must_use]
    pub fn new(client: Client, key: Arc<dyn DeviceKey>, vault: Vault) -> Self {
        Self { client, key, vault, cached: Mutex::new(None), asking: tokio::sync::Mutex::new(()) }
    }

    /// Forgets the token, in memory and on disk.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&self) -> Result<(), StorageError> {
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.vault.remove(VAULT_NAME)
    }

    async fn token(&self, refused: Option<&str>) -> Result<String, AuthorizerError> {
        // One asks, the others wait here and then find what it got.
        let _asking = self.asking.lock().await;
        let good = |token: &AccessToken| {
            bearer(token).as_str() != refused.unwrap_or_default() && token.expires_at_ms > self.client.clock().now().now_ms + SPARE_MS
        };
        if let Some(token) = self.known().filter(good) {
            return Ok(bearer(&token));
        }
        let token = self.ask().await?;
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        // A full disk costs a token an hour, not the call.
        if let Ok(text) = serde_json::to_vec(&token)
            && let Err(error) = self.vault.save(VAULT_NAME, &text)
        {
            tracing::warn!("the access token is not kept: {error}");
        }
        Ok(bearer(&token))
    }

    fn known(&self) -> Option<AccessToken> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.is_none() {
            let kept = self.vault.load(VAULT_NAME).ok().flatten();
            *cached = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        }
        cached.clone()
    }

    async fn ask(&self) -> Result<AccessToken, AuthorizerError> {
        let public_key = device_public_key(self.key.as_ref())?;
        let nonce: Nonce = self.client.get_json(paths::NONCE, None).await?;
        let proof = prove_nonce(ProofKind::Token, self.key.as_ref(), &public_key, &nonce.nonce)?;
        let request = TokenRequest { device_id: public_key.device_id(), nonce: nonce.nonce, proof };
        let body = serde_json::to_vec(&request).map_err(|_| StorageError::other("the request has no JSON form"))?;
        let answer = self.client.post(paths::TOKENS, None, None, None, body).await?;
        Ok(decode(&answer)?)
    }
}

impl std::fmt::Debug for DeviceTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceTokens").finish_non_exhaustive()
    }
}

impl Authorizer for DeviceTokens {
    fn authorization(&self, refused: Option<String>) -> BoxFuture<'_, Result<Option<String>, AuthorizerError>> {
        Box::pin(async move { self.token(refused.as_deref()).await.map(Some) })
    }
}

fn bearer(token: &AccessToken) -> String {
    format!("Bearer {}", token.token)
}

/// A proof over a server's nonce: over its bytes, not over their text.
pub(crate) fn prove_nonce(kind: ProofKind, key: &dyn DeviceKey, public_key: &PublicKey, nonce: &str) -> Result<String, AuthorizerError> {
    let subject = b64::decode(nonce).ok_or(CallError::Unreadable { status: 200 })?;
    Ok(prove(kind, public_key, &subject, |message| sign_checked(key, public_key, message)).map_err(SigningError::into_platform)?)
}
