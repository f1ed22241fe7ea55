//! Forget me (PROTOCOL, section 9): what remains until the server has answered is one small file, and it names no one but a key.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use noren_rules::keys::PublicKey;
use noren_rules::proof::{ProofKind, prove};
use noren_rules::wire::{EraseRequest, Erasure as ErasureAnswer, Reason, paths};
use serde::{Deserialize, Serialize};

use super::errors::ForgetError;
use crate::net::{CallError, Client, decode};
use crate::platform::{Entropy, Platform, PlatformError, random_uuid};
use crate::signing::{SigningError, device_public_key, sign_checked};
use crate::storage::{StorageError, files};

pub(super) const FILE: &str = "erase.pending";

/// How a "forget me" went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ForgetReport {
    /// What became of it on the server. On the device everything is gone in every case.
    pub server: ServerErasure,
}

/// What became of an erasure on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum ServerErasure {
    /// The server has answered: nothing there identifies the member any more.
    Done,
    /// No answer yet: open the app core again, and `outbox().send_due()` tells the server when there is a network.
    Waiting,
    /// The server refused, with a reason: the person should turn to the operator.
    Refused {
        /// Its reason.
        code: Reason,
    },
    /// There was never an enrolment: the server knows nothing.
    NothingThere,
    /// The device's key is lost, so the server cannot be told by this device: the person should turn to the operator.
    KeyLost,
}

/// The intent that outlives everything else on the device. The proof signs the idempotency key, so it needs no network.
#[derive(Clone, Serialize, Deserialize)]
struct Pending {
    key: String,
    public_key: String,
    proof: String,
    /// The installation that is being forgotten: files of a later one are not touched.
    installation: String,
}

pub(crate) struct Erasure {
    path: PathBuf,
    pending: Mutex<Option<Pending>>,
    sending: tokio::sync::Mutex<()>,
}

impl Erasure {
    /// Reads what an earlier "forget me" left to do.
    pub(super) fn load(directory: &Path) -> Result<Self, StorageError> {
        let path = directory.join(FILE);
        let pending = files::read_whole(&path)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Self { path, pending: Mutex::new(pending), sending: tokio::sync::Mutex::new(()) })
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.lock().is_some()
    }

    /// The installation whose files must go, if a "forget me" was decided.
    pub(super) fn installation(&self) -> Option<String> {
        self.lock().as_ref().map(|pending| pending.installation.clone())
    }

    /// Decides, durably: from here on every start carries it on.
    pub(super) fn decide(&self, platform: &Platform, installation: &str) -> Result<(), ForgetError> {
        let public_key = device_public_key(platform.device_key.as_ref())?;
        let pending = make(platform, &public_key, platform.entropy.as_ref(), installation)?;
        let bytes = serde_json::to_vec(&pending).map_err(|_| StorageError::other("the intent has no JSON form"))?;
        files::write_atomic(&self.path, &bytes)?;
        *self.lock() = Some(pending);
        Ok(())
    }

    /// Takes the decision back: only while nothing has been deleted.
    pub(super) fn take_back(&self) -> Result<(), StorageError> {
        files::remove(&self.path)?;
        *self.lock() = None;
        Ok(())
    }

    /// Tells the server, if there is something to tell. With its answer the last file goes, and the key that signed it.
    pub(crate) async fn send(&self, client: &Client, platform: &Platform) -> Result<Option<ServerErasure>, ForgetError> {
        let _sending = self.sending.lock().await;
        let Some(pending) = self.lock().clone() else { return Ok(None) };
        let request = EraseRequest { public_key: pending.public_key.clone(), proof: pending.proof.clone() };
        let body = serde_json::to_vec(&request).map_err(|_| StorageError::other("the request has no JSON form"))?;
        let answer = client.post(paths::ERASURES, None, Some(&pending.key), None, body).await;
        match answer.and_then(|answer| decode::<ErasureAnswer>(&answer)) {
            Ok(_) => {}
            // It knows no such device (any more): there is nothing left to erase.
            Err(CallError::Refused { code: Reason::UnknownDevice | Reason::NotFound, .. }) => {}
            Err(CallError::Refused { status, code, .. }) if (400..500).contains(&status) && ![408, 409, 425, 429].contains(&status) => {
                return Ok(Some(ServerErasure::Refused { code }));
            }
            Err(_) => return Ok(Some(ServerErasure::Waiting)),
        }
        delete_key(platform, &pending.public_key)?;
        self.take_back()?;
        if let Some(directory) = self.path.parent() {
            let _ = files::sync_directory(directory);
        }
        Ok(Some(ServerErasure::Done))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Erasure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Erasure").field("pending", &self.is_pending()).finish_non_exhaustive()
    }
}

fn make(platform: &Platform, public_key: &PublicKey, entropy: &dyn Entropy, installation: &str) -> Result<Pending, PlatformError> {
    let key = random_uuid(entropy)?;
    let proof =
        prove(ProofKind::Erase, public_key, key.as_bytes(), |message| sign_checked(platform.device_key.as_ref(), public_key, message))
            .map_err(SigningError::into_platform)?;
    Ok(Pending { key, public_key: public_key.to_base64url(), proof, installation: installation.to_owned() })
}

/// Deletes the device's key, unless it is another one by now: the device may have enrolled again before the server answered.
fn delete_key(platform: &Platform, public_key: &str) -> Result<(), PlatformError> {
    match device_public_key(platform.device_key.as_ref()) {
        Ok(key) if key.to_base64url() == public_key => platform.device_key.delete(),
        Ok(_) | Err(PlatformError::NotFound) => Ok(()),
        Err(PlatformError::Invalidated) => platform.device_key.delete(),
        Err(error) => Err(error),
    }
}
