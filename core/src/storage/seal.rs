//! Sealing by value: XChaCha20-Poly1305 under a subkey per purpose, bound to its place so that no value can be moved.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::Mac;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::StorageError;
use crate::platform::Entropy;

/// Version of keys and layout; part of what is authenticated.
pub const KEY_VERSION: u8 = 1;
const NONCE_LEN: usize = 24;

/// Why a value does not open or close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Altered, moved to another place, cut off, or sealed under another key.
    #[error("the value was altered, moved, or sealed under another key")]
    DoesNotOpen,
    /// Sealed by a newer version of the app.
    #[error("the value was sealed by a newer version of the app: update the app")]
    Newer,
    /// No randomness for the nonce.
    #[error("the platform gives no randomness: try again")]
    NoEntropy,
}

impl From<SealError> for StorageError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoEntropy => Self::NoEntropy,
            SealError::DoesNotOpen | SealError::Newer => Self::Unsealable,
        }
    }
}

/// Where a sealed value lives. Part of what is authenticated.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Table, or name of the file.
    pub table: &'a str,
    /// Column.
    pub column: &'a str,
    /// Id of the row.
    pub row: &'a str,
}

/// Seals and opens values under one master key.
#[derive(Clone)]
pub struct Sealer {
    master: Arc<Zeroizing<[u8; 32]>>,
    entropy: Arc<dyn Entropy>,
}

impl Sealer {
    /// A sealer over a raw random key of 32 bytes.
    #[must_use]
    pub fn new(master: Zeroizing<[u8; 32]>, entropy: Arc<dyn Entropy>) -> Self {
        Self { master: Arc::new(master), entropy }
    }

    /// Seals `plain` for `place`: version, nonce, ciphertext and tag.
    ///
    /// # Errors
    /// [`SealError::NoEntropy`].
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0u8; NONCE_LEN];
        self.entropy.fill(&mut nonce).map_err(|_| SealError::NoEntropy)?;
        let payload = Payload { msg: plain, aad: &associated_data(place) };
        let sealed = self.cipher(place).encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::DoesNotOpen)?;
        let mut value = Vec::with_capacity(1 + NONCE_LEN + sealed.len());
        value.push(KEY_VERSION);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Ok(value)
    }

    /// Opens what [`Sealer::seal`] made for the same place.
    ///
    /// # Errors
    /// [`SealError::Newer`] or [`SealError::DoesNotOpen`].
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::DoesNotOpen)?;
        if *version != KEY_VERSION {
            return Err(if *version > KEY_VERSION { SealError::Newer } else { SealError::DoesNotOpen });
        }
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::DoesNotOpen)?;
        let payload = Payload { msg: ciphertext, aad: &associated_data(place) };
        self.cipher(place).decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| SealError::DoesNotOpen)
    }

    /// A keyed hash for looking up sealed values by what they hold. `purpose` keeps the hashes of different lookups apart.
    #[must_use]
    pub fn keyed_hash(&self, purpose: &str, value: &[u8]) -> [u8; 32] {
        let key = self.subkey(&format!("hash/{purpose}"));
        // HMAC takes keys of any length.
        <hmac::Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.as_slice())
            .map(|mac| mac.chain_update(value).finalize().into_bytes().into())
            .unwrap_or_default()
    }

    /// The key of a file that is encrypted whole.
    #[cfg(feature = "sqlcipher")]
    pub(super) fn file_key(&self, file: &str) -> Zeroizing<[u8; 32]> {
        self.subkey(&format!("file/{file}"))
    }

    fn cipher(&self, place: Place<'_>) -> XChaCha20Poly1305 {
        let key = self.subkey(&format!("seal/{}/{}", place.table, place.column));
        XChaCha20Poly1305::new(&(*key).into())
    }

    fn subkey(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0u8; 32]);
        let info = format!("noren/{KEY_VERSION}/{purpose}");
        // 32 bytes are always within what HKDF-SHA256 can give.
        let _ = Hkdf::<Sha256>::new(None, self.master.as_slice()).expand(info.as_bytes(), key.as_mut_slice());
        key
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

/// Each part with its length before it, so that no two places share their bytes.
fn associated_data(place: Place<'_>) -> Vec<u8> {
    let mut bytes = vec![KEY_VERSION];
    for part in [place.table, place.column, place.row] {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::SystemEntropy;
    use proptest::prelude::*;

    fn sealer(key: u8) -> Sealer {
        Sealer::new(Zeroizing::new([key; 32]), Arc::new(SystemEntropy))
    }

    const HERE: Place<'_> = Place { table: "intents", column: "body", row: "1" };

    #[test]
    fn a_value_opens_only_in_its_place_and_under_its_key() {
        let sealed = sealer(1).seal(HERE, b"secret").unwrap();
        assert_eq!(sealer(1).open(HERE, &sealed).unwrap().as_slice(), b"secret");
        for place in [
            Place { row: "2", ..HERE },
            Place { column: "outcome", ..HERE },
            Place { table: "secrets", ..HERE },
            Place { column: "bod", row: "y1", ..HERE },
        ] {
            assert_eq!(sealer(1).open(place, &sealed), Err(SealError::DoesNotOpen), "{place:?}");
        }
        assert_eq!(sealer(2).open(HERE, &sealed), Err(SealError::DoesNotOpen));
        assert_ne!(sealed, sealer(1).seal(HERE, b"secret").unwrap(), "the nonce is random");
    }

    #[test]
    fn lookups_are_keyed_and_apart() {
        assert_eq!(sealer(1).keyed_hash("a", b"x"), sealer(1).keyed_hash("a", b"x"));
        assert_ne!(sealer(1).keyed_hash("a", b"x"), sealer(1).keyed_hash("b", b"x"));
        assert_ne!(sealer(1).keyed_hash("a", b"x"), sealer(2).keyed_hash("a", b"x"));
    }

    proptest! {
        #[test]
        fn any_altered_byte_and_any_cut_is_refused(plain in proptest::collection::vec(any::<u8>(), 0..64), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let sealed = sealer(3).seal(HERE, &plain).unwrap();
            let mut altered = sealed.clone();
            let at = at.index(altered.len());
            altered[at] ^= 1 << bit;
            prop_assert!(sealer(3).open(HERE, &altered).is_err());
            altered = sealed.clone();
            altered[0] ^= 1 << bit;
            prop_assert!(sealer(3).open(HERE, &altered).is_err());
            prop_assert!(sealer(3).open(HERE, &sealed[..at]).is_err());
        }
    }
}
