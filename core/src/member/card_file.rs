//! `card.sealed`: all that showing the card needs, in one sealed file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::credential::SignedCredential;
use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::wire::{Enrolment, Membership, OneDimensional};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::storage::seal::Place;
use crate::storage::{SealError, Sealer, StorageError, files};
use crate::time::Anchor;

/// Name of the file.
pub const CARD_FILE: &str = "card.sealed";
const MAGIC: &[u8; 8] = b"NORENCRD";
/// Version of the file's layout.
const VERSION: u8 = 1;

/// What the card needs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The member.
    pub member_id: MemberId,
    /// This device.
    pub device_id: DeviceId,
    /// The signed credential, base64url.
    pub credential: String,
    /// When it ends.
    pub credential_expires_at_ms: i64,
    /// From when on it is renewed.
    pub renew_from_ms: i64,
    /// The one-dimensional codes; the TOTP secret among them.
    pub one_dimensional: OneDimensional,
    /// The member as last heard.
    pub membership: Membership,
    /// When that was.
    pub membership_as_of_ms: i64,
    /// True once the server has said that it does not know this device.
    #[serde(default)]
    pub revoked: bool,
    /// The clock's anchor, for a cold start without the databases.
    #[serde(default)]
    pub anchor: Option<Anchor>,
}

impl Card {
    /// A card from the server's answer.
    #[must_use]
    pub fn from_enrolment(enrolment: Enrolment, as_of_ms: i64, anchor: Option<Anchor>) -> Self {
        Self {
            member_id: enrolment.member_id,
            device_id: enrolment.device_id,
            credential: enrolment.credential,
            credential_expires_at_ms: enrolment.credential_expires_at_ms,
            renew_from_ms: enrolment.renew_from_ms,
            one_dimensional: enrolment.one_dimensional,
            membership: enrolment.membership,
            membership_as_of_ms: as_of_ms,
            revoked: false,
            anchor,
        }
    }

    /// The credential, read.
    #[must_use]
    pub fn signed_credential(&self) -> Option<SignedCredential> {
        SignedCredential::from_base64url(&self.credential).ok()
    }
}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Card").field("device_id", &self.device_id).finish_non_exhaustive()
    }
}

/// Why the card's file gives no card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardFileError {
    /// Altered or cut off. It should be set aside.
    #[error("the card's file is damaged")]
    Damaged,
    /// Of a newer version.
    #[error("the card's file is of version {found}: update the app")]
    Newer {
        /// Its version.
        found: u32,
    },
    /// It cannot be read at all.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Reads and writes the card's file; keeps the card in memory.
pub struct CardStore {
    path: PathBuf,
    sealer: Sealer,
    installation: String,
    card: Mutex<Option<Arc<Card>>>,
}

impl CardStore {
    /// The store of a directory. `installation` is part of what is authenticated: a card copied from elsewhere does not open.
    #[must_use]
    pub fn new(directory: &Path, sealer: Sealer, installation: &str) -> Self {
        Self { path: directory.join(CARD_FILE), sealer, installation: installation.to_owned(), card: Mutex::new(None) }
    }

    /// The newest layout that this version reads.
    #[must_use]
    pub fn supported_version() -> u32 {
        u32::from(VERSION)
    }

    /// The version of a card's file, by its first bytes.
    #[must_use]
    pub fn version_of(bytes: &[u8]) -> Option<u32> {
        bytes.strip_prefix(MAGIC).and_then(<[u8]>::first).map(|version| u32::from(*version))
    }

    /// Reads the file. No card is `Ok(None)`.
    ///
    /// # Errors
    /// [`CardFileError`].
    pub fn load(&self) -> Result<Option<Arc<Card>>, CardFileError> {
        let Some(bytes) = files::read_whole(&self.path)? else { return Ok(None) };
        let version = Self::version_of(&bytes).ok_or(CardFileError::Damaged)?;
        if version > Self::supported_version() {
            return Err(CardFileError::Newer { found: version });
        }
        let sealed = bytes.get(MAGIC.len() + 1..).ok_or(CardFileError::Damaged)?;
        let plain = self.sealer.open(self.place(), sealed).map_err(|error| match error {
            SealError::Newer => CardFileError::Newer { found: version + 1 },
            _ => CardFileError::Damaged,
        })?;
        let card: Card = serde_json::from_slice(&plain).map_err(|_| CardFileError::Damaged)?;
        if card.signed_credential().is_none() {
            return Err(CardFileError::Damaged);
        }
        let card = Arc::new(card);
        *self.lock() = Some(card.clone());
        Ok(Some(card))
    }

    /// The card in memory.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Card>> {
        self.lock().clone()
    }

    /// Writes a new card, durably; in memory it changes only when the file has.
    ///
    /// # Errors
    /// A storage error; the old card then still stands.
    pub fn save(&self, card: Card) -> Result<(), StorageError> {
        let mut kept = self.lock();
        self.write(&card)?;
        *kept = Some(Arc::new(card));
        Ok(())
    }

    /// Changes the card if there is one and if `change` says that something is different.
    ///
    /// # Errors
    /// A storage error; the old card then still stands.
    pub fn update(&self, change: impl FnOnce(&mut Card) -> bool) -> Result<bool, StorageError> {
        let mut kept = self.lock();
        let Some(mut card) = kept.as_deref().cloned() else { return Ok(false) };
        if !change(&mut card) {
            return Ok(false);
        }
        self.write(&card)?;
        *kept = Some(Arc::new(card));
        Ok(true)
    }

    /// Renames a damaged file aside.
    ///
    /// # Errors
    /// A storage error.
    pub fn set_aside(&self) -> Result<PathBuf, StorageError> {
        *self.lock() = None;
        files::set_aside(&self.path)
    }

    /// Forgets the card in memory; the file is deleted by whoever deletes all files.
    pub fn forget(&self) {
        *self.lock() = None;
    }

    fn write(&self, card: &Card) -> Result<(), StorageError> {
        let plain = Zeroizing::new(serde_json::to_vec(card).map_err(|_| StorageError::other("the card has no JSON form"))?);
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.extend(self.sealer.seal(self.place(), &plain)?);
        files::write_atomic(&self.path, &bytes)
    }

    fn place(&self) -> Place<'_> {
        Place { table: CARD_FILE, column: "card", row: &self.installation }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Card>>> {
        self.card.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for CardStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CardStore").finish_non_exhaustive()
    }
}
