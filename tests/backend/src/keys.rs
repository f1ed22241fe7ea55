//! The server's keys, in a file apart from the database: who has the one without the other can neither issue nor read.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use noren_rules::b64;
use noren_rules::ids::DeviceId;
use noren_rules::keys::SoftwareKey;
use noren_rules::lists::IssuerKey;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::fault::Fault;
use crate::settings::Entropy;

/// File of the keys in the data directory, readable by its owner only.
pub(crate) const KEY_FILE: &str = "keys.json";
/// How long an issuer key is good for: rotation is the operator's, this is the end of its patience.
const ISSUER_LIFETIME_S: i64 = 3_650 * 86_400;
/// Clocks of tills differ; a new issuer key is good a little before it is made.
const ISSUER_SLACK_S: i64 = 3_600;
const TOTP_SECRET_LEN: usize = 20;
const XNONCE_LEN: usize = 24;

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is a database and no key file: its credentials, PINs and stored answers would be lost.
    #[error("the data directory has a database and no {KEY_FILE}: put the key file back, or start on an empty directory")]
    Missing,
    /// Not a key file of this version.
    #[error("{KEY_FILE} cannot be read as a key file: put the right one back")]
    Malformed,
    /// The file cannot be read or written.
    #[error("{KEY_FILE} cannot be read or written: {0}")]
    Io(#[from] io::Error),
}

/// The file as it stands.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    root: String,
    issuers: Vec<IssuerEntry>,
    totp: String,
    pin: String,
    token: String,
    blind: String,
    reply: String,
}

#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct IssuerEntry {
    key: String,
    not_before_s: i64,
    not_after_s: i64,
}

/// One issuer: the newest signs, the others are still taken until their time is over.
#[derive(Clone)]
struct Issuer {
    key: Arc<SoftwareKey>,
    not_before_s: i64,
    not_after_s: i64,
}

/// What a keyed hash is for: the same bytes under two purposes have nothing in common.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Pin,
    AppToken,
    Nonce,
    UsedNonce,
    Caller,
    Fingerprint,
    Guard,
    EcCode,
    ClaimCode,
    ErasedName,
    Sale,
    Order,
}

/// All keys of the server.
pub(crate) struct KeyRing {
    path: Option<PathBuf>,
    root: SoftwareKey,
    issuers: RwLock<Vec<Issuer>>,
    totp: Zeroizing<[u8; 32]>,
    pin: Zeroizing<[u8; 32]>,
    token: Zeroizing<[u8; 32]>,
    blind: Zeroizing<[u8; 32]>,
    reply: Zeroizing<[u8; 32]>,
}

impl KeyRing {
    /// Reads the key file beside the database, or makes one where there is neither.
    pub(crate) fn open(directory: &Path, database_exists: bool, entropy: &Entropy, now_s: i64) -> Result<Self, KeyFileError> {
        let path = directory.join(KEY_FILE);
        match fs::read(&path) {
            Ok(bytes) => Self::from_file(&Zeroizing::new(bytes), path),
            Err(error) if error.kind() == io::ErrorKind::NotFound && database_exists => Err(KeyFileError::Missing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let ring = Self::generate(path, entropy, now_s)?;
                ring.save()?;
                Ok(ring)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn generate(path: PathBuf, entropy: &Entropy, now_s: i64) -> Result<Self, KeyFileError> {
        let secret = || -> io::Result<Zeroizing<[u8; 32]>> {
            let mut bytes = Zeroizing::new([0; 32]);
            entropy(bytes.as_mut_slice())?;
            Ok(bytes)
        };
        Ok(Self {
            path: Some(path),
            root: new_key(entropy)?,
            issuers: RwLock::new(vec![new_issuer(entropy, now_s)?]),
            totp: secret()?,
            pin: secret()?,
            token: secret()?,
            blind: secret()?,
            reply: secret()?,
        })
    }

    fn from_file(bytes: &[u8], path: PathBuf) -> Result<Self, KeyFileError> {
        let file: KeyFile = serde_json::from_slice(bytes).map_err(|_| KeyFileError::Malformed)?;
        let issuers = file
            .issuers
            .iter()
            .map(|entry| {
                let (not_before_s, not_after_s) = (entry.not_before_s, entry.not_after_s);
                Ok(Issuer { key: Arc::new(private_key(&entry.key)?), not_before_s, not_after_s })
            })
            .collect::<Result<Vec<_>, KeyFileError>>()?;
        if file.version != 1 || issuers.is_empty() {
            return Err(KeyFileError::Malformed);
        }
        Ok(Self {
            path: Some(path),
            root: private_key(&file.root)?,
            issuers: RwLock::new(issuers),
            totp: secret_of(&file.totp)?,
            pin: secret_of(&file.pin)?,
            token: secret_of(&file.token)?,
            blind: secret_of(&file.blind)?,
            reply: secret_of(&file.reply)?,
        })
    }

    /// Temporary file, fsync, rename: after a crash there is the old file or the new one.
    fn save(&self) -> Result<(), KeyFileError> {
        let Some(path) = &self.path else { return Ok(()) };
        let entries = self.issuer_list().into_iter().map(|issuer| IssuerEntry {
            key: b64::encode(issuer.key.to_bytes().as_slice()),
            not_before_s: issuer.not_before_s,
            not_after_s: issuer.not_after_s,
        });
        let file = KeyFile {
            version: 1,
            root: b64::encode(self.root.to_bytes().as_slice()),
            issuers: entries.collect(),
            totp: b64::encode(self.totp.as_slice()),
            pin: b64::encode(self.pin.as_slice()),
            token: b64::encode(self.token.as_slice()),
            blind: b64::encode(self.blind.as_slice()),
            reply: b64::encode(self.reply.as_slice()),
        };
        let text = Zeroizing::new(serde_json::to_vec_pretty(&file).map_err(|_| KeyFileError::Malformed)?);
        let new = path.with_extension("json.new");
        let _ = fs::remove_file(&new);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(&new)?;
        out.write_all(&text)?;
        out.sync_all()?;
        fs::rename(&new, path)?;
        if let Some(directory) = path.parent() {
            fs::File::open(directory)?.sync_all()?;
        }
        Ok(())
    }

    fn issuer_list(&self) -> Vec<Issuer> {
        self.issuers.read().map(|list| list.clone()).unwrap_or_default()
    }

    /// A new issuer signs from now on; the one before is taken as long as a credential of it can live.
    pub(crate) fn rotate(&self, entropy: &Entropy, now_s: i64) -> Result<(), KeyFileError> {
        let fresh = new_issuer(entropy, now_s)?;
        if let Ok(mut issuers) = self.issuers.write() {
            let until_s = now_s.saturating_add(noren_rules::credential::LIFETIME_S).saturating_add(ISSUER_SLACK_S);
            for issuer in issuers.iter_mut() {
                issuer.not_after_s = issuer.not_after_s.min(until_s);
            }
            issuers.push(fresh);
        }
        self.save()
    }

    /// The key that signs new credentials.
    pub(crate) fn issuer(&self) -> Result<Arc<SoftwareKey>, Fault> {
        self.issuer_list().last().map(|issuer| Arc::clone(&issuer.key)).ok_or(Fault::Stored("issuer"))
    }

    /// Every issuer there has been, each with its time.
    pub(crate) fn issuers(&self) -> Vec<IssuerKey> {
        let public =
            |issuer: Issuer| IssuerKey { key: issuer.key.public_key(), not_before_s: issuer.not_before_s, not_after_s: issuer.not_after_s };
        self.issuer_list().into_iter().map(public).collect()
    }

    pub(crate) fn root(&self) -> &SoftwareKey {
        &self.root
    }

    /// HMAC-SHA256 over the parts, each with its length, so that no two lists of parts make the same bytes.
    pub(crate) fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.start_mac(purpose);
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn start_mac(&self, purpose: Purpose) -> Hmac<Sha256> {
        let (key, label): (&[u8; 32], &[u8]) = match purpose {
            Purpose::Pin => (&self.pin, b"pin"),
            Purpose::AppToken => (&self.token, b"app-token"),
            Purpose::Nonce => (&self.token, b"nonce"),
            Purpose::UsedNonce => (&self.blind, b"used-nonce"),
            Purpose::Caller => (&self.blind, b"caller"),
            Purpose::Fingerprint => (&self.blind, b"fingerprint"),
            Purpose::Guard => (&self.blind, b"guard"),
            Purpose::EcCode => (&self.blind, b"ec-code"),
            Purpose::ClaimCode => (&self.blind, b"claim-code"),
            Purpose::ErasedName => (&self.blind, b"erased-name"),
            Purpose::Sale => (&self.blind, b"sale"),
            Purpose::Order => (&self.blind, b"order"),
        };
        // HMAC takes a key of any length: this cannot fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
        mac.update(label);
        mac.update(&[0]);
        mac
    }

    /// The secret of a device's one-time digits: derived, never stored.
    pub(crate) fn totp_secret(&self, device: &DeviceId) -> Zeroizing<[u8; TOTP_SECRET_LEN]> {
        let mut secret = Zeroizing::new([0; TOTP_SECRET_LEN]);
        // Twenty bytes are far below what HKDF-SHA256 can give: this cannot fail.
        let _ = Hkdf::<Sha256>::new(Some(b"noren/totp/1"), self.totp.as_slice()).expand(device.as_str().as_bytes(), secret.as_mut_slice());
        secret
    }

    /// Seals a stored answer: it may carry secrets (a TOTP secret, a member id) that must not stand in the database.
    pub(crate) fn seal(&self, nonce: [u8; XNONCE_LEN], place: &[u8], text: &str) -> Result<Vec<u8>, Fault> {
        let payload = Payload { msg: text.as_bytes(), aad: place };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| Fault::Stored("reply"))?;
        Ok([nonce.as_slice(), sealed.as_slice()].concat())
    }

    pub(crate) fn unseal(&self, place: &[u8], sealed: &[u8]) -> Result<String, Fault> {
        let (nonce, body) = sealed.split_first_chunk::<XNONCE_LEN>().ok_or(Fault::Stored("reply"))?;
        let payload = Payload { msg: body, aad: place };
        let text = self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| Fault::Stored("reply"))?;
        String::from_utf8(text).map_err(|_| Fault::Stored("reply"))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.reply))
    }
}

fn private_key(text: &str) -> Result<SoftwareKey, KeyFileError> {
    SoftwareKey::from_bytes(&*secret_of(text)?).map_err(|_| KeyFileError::Malformed)
}

fn secret_of(text: &str) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let bytes = Zeroizing::new(b64::decode(text).ok_or(KeyFileError::Malformed)?);
    bytes.as_slice().try_into().map(Zeroizing::new).map_err(|_| KeyFileError::Malformed)
}

fn new_key(entropy: &Entropy) -> Result<SoftwareKey, KeyFileError> {
    let mut bytes = Zeroizing::new([0; 32]);
    // One value in 2^32 is no private key; three in a row mean that the source is broken.
    for _ in 0..3 {
        entropy(bytes.as_mut_slice())?;
        if let Ok(key) = SoftwareKey::from_bytes(&bytes) {
            return Ok(key);
        }
    }
    Err(KeyFileError::Io(io::Error::other("the source of randomness gives no usable key")))
}

fn new_issuer(entropy: &Entropy, now_s: i64) -> Result<Issuer, KeyFileError> {
    Ok(Issuer {
        key: Arc::new(new_key(entropy)?),
        not_before_s: now_s.saturating_sub(ISSUER_SLACK_S),
        not_after_s: now_s.saturating_add(ISSUER_LIFETIME_S),
    })
}
