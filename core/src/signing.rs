//! Signatures of the device's key: strict DER to 64 bytes with low s, verified before use.

use noren_rules::keys::{PublicKey, signature_from_der};

use crate::platform::{DeviceKey, PlatformError};

/// The device's key gave no usable signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SigningError {
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The platform answered, and what it answered is not this key's signature: the key was exchanged under us.
    #[error("the device's key gave a signature that does not verify")]
    DoesNotVerify,
}

impl SigningError {
    pub(crate) fn into_platform(self) -> PlatformError {
        match self {
            Self::Platform(error) => error,
            Self::DoesNotVerify => PlatformError::Invalidated,
        }
    }
}

/// The public half of the device's key.
pub(crate) fn device_public_key(key: &dyn DeviceKey) -> Result<PublicKey, PlatformError> {
    read_public_key(&key.public_key()?)
}

/// A public key as a platform gives it.
pub(crate) fn read_public_key(sec1: &[u8]) -> Result<PublicKey, PlatformError> {
    PublicKey::from_sec1(sec1).map_err(|error| PlatformError::Failed { reason: error.to_string() })
}

/// Signs `message` and verifies the signature against the key that it must be.
pub(crate) fn sign_checked(key: &dyn DeviceKey, expected: &PublicKey, message: &[u8]) -> Result<[u8; 64], SigningError> {
    let der = key.sign(message.to_vec())?;
    let signature = signature_from_der(&der).map_err(|_| SigningError::DoesNotVerify)?;
    if expected.verify(message, &signature) { Ok(signature) } else { Err(SigningError::DoesNotVerify) }
}
