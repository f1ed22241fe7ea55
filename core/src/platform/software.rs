//! A safe and a key in plain files, for desktops and tests only: anyone who can read the files has the secrets.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noren_rules::keys::SoftwareKey;
use zeroize::Zeroizing;

use super::{DeviceKey, Entropy, PlatformError, SecureStore};

/// A safe made of files (mode 0600) in a directory. For desktops and tests only.
#[derive(Debug, Clone)]
pub struct FileSecureStore {
    directory: PathBuf,
}

impl FileSecureStore {
    /// Keeps its files in `directory`, which is made when the first value is saved. Never the directory of the core's own files.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    fn path(&self, name: &str) -> PathBuf {
        let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' }).collect();
        self.directory.join(format!("{safe}.secret"))
    }
}

impl SecureStore for FileSecureStore {
    fn load(&self, name: String) -> Result<Vec<u8>, PlatformError> {
        fs::read(self.path(&name)).map_err(failed)
    }

    fn save(&self, name: String, value: Vec<u8>) -> Result<(), PlatformError> {
        write_private(&self.path(&name), &value)
    }

    fn delete(&self, name: String) -> Result<(), PlatformError> {
        remove(&self.path(&name))
    }
}

/// A P-256 key in a file (mode 0600). Deterministic signatures (RFC 6979). For desktops and tests only.
pub struct SoftwareDeviceKey {
    path: PathBuf,
    entropy: Arc<dyn Entropy>,
}

impl SoftwareDeviceKey {
    /// Keeps the key in the file `path`; `entropy` is asked when a key is made.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, entropy: Arc<dyn Entropy>) -> Self {
        Self { path: path.into(), entropy }
    }

    fn key(&self) -> Result<SoftwareKey, PlatformError> {
        let bytes = Zeroizing::new(fs::read(&self.path).map_err(failed)?);
        let scalar: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.as_slice().try_into().map_err(|_| PlatformError::Invalidated)?);
        SoftwareKey::from_bytes(&scalar).map_err(|_| PlatformError::Invalidated)
    }
}

impl std::fmt::Debug for SoftwareDeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoftwareDeviceKey").finish_non_exhaustive()
    }
}

impl DeviceKey for SoftwareDeviceKey {
    fn create(&self) -> Result<Vec<u8>, PlatformError> {
        // One value in 2^32 is no scalar: draw again, a few times at most.
        for _ in 0..8 {
            let mut scalar = Zeroizing::new([0u8; 32]);
            self.entropy.fill(scalar.as_mut_slice())?;
            if let Ok(key) = SoftwareKey::from_bytes(&scalar) {
                write_private(&self.path, scalar.as_slice())?;
                return Ok(uncompressed(&key));
            }
        }
        Err(PlatformError::Failed { reason: "the source of randomness gives no key".into() })
    }

    fn public_key(&self) -> Result<Vec<u8>, PlatformError> {
        self.key().map(|key| uncompressed(&key))
    }

    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, PlatformError> {
        self.key().map(|key| key.sign_der(&message))
    }

    fn delete(&self) -> Result<(), PlatformError> {
        remove(&self.path)
    }
}

fn uncompressed(key: &SoftwareKey) -> Vec<u8> {
    let compressed = key.public_key().compressed();
    // The trait promises the uncompressed point; a valid key always has one.
    p256::ecdsa::VerifyingKey::from_sec1_bytes(&compressed)
        .map_or_else(|_| compressed.to_vec(), |key| key.to_sec1_point(false).as_bytes().to_vec())
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), PlatformError> {
    let write = || -> std::io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let temporary = path.with_extension("tmp");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        crate::storage::files::sync_directory(directory)
    };
    write().map_err(failed)
}

fn remove(path: &Path) -> Result<(), PlatformError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

#[allow(clippy::needless_pass_by_value)]
fn failed(error: std::io::Error) -> PlatformError {
    match error.kind() {
        ErrorKind::NotFound => PlatformError::NotFound,
        kind => PlatformError::Failed { reason: kind.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::SystemEntropy;
    use noren_rules::keys::{PublicKey, signature_from_der};

    #[test]
    fn the_store_keeps_and_forgets() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileSecureStore::new(directory.path().join("safe"));
        assert_eq!(store.load("a/b".into()), Err(PlatformError::NotFound));
        store.save("a/b".into(), vec![1, 2]).unwrap();
        assert_eq!(store.load("a/b".into()).unwrap(), [1, 2]);
        store.delete("a/b".into()).unwrap();
        store.delete("a/b".into()).unwrap();
        assert_eq!(store.load("a/b".into()), Err(PlatformError::NotFound));
    }

    #[test]
    fn the_key_signs_what_its_public_half_verifies() {
        let directory = tempfile::tempdir().unwrap();
        let key = SoftwareDeviceKey::new(directory.path().join("device.key"), Arc::new(SystemEntropy));
        assert_eq!(key.public_key(), Err(PlatformError::NotFound));
        let public = key.create().unwrap();
        assert_eq!(public.len(), 65);
        assert_eq!(key.public_key().unwrap(), public);
        let signature = signature_from_der(&key.sign(b"message".to_vec()).unwrap()).unwrap();
        assert!(PublicKey::from_sec1(&public).unwrap().verify(b"message", &signature));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(directory.path().join("device.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        key.delete().unwrap();
        assert_eq!(key.sign(vec![]), Err(PlatformError::NotFound));
    }
}
