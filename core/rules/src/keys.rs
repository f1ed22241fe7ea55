//! P-256 keys and ES256 signatures (RFC 9053, section 2.1).
//!
//! A signature is 64 bytes, r and s, with s in the lower half of the order, so that one message and one key have one accepted form for each
//! signing. The crate `p256` is used, not `ring` which TLS brings: credentials hold compressed keys, which `ring` cannot read, and the
//! software key must be deterministic (RFC 6979), which `ring` is not.

use std::fmt;

use data_encoding::{BASE32_NOPAD, Encoding};
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::b64;
use crate::ids::DeviceId;

/// Bytes of a SEC1 compressed P-256 point.
pub const COMPRESSED_LEN: usize = 33;
/// Bytes in a device id.
pub const DEVICE_ID_LEN: usize = 10;

/// Why a key or a signature cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a point of P-256 in SEC1 form.
    #[error("not a P-256 public key in SEC1 form")]
    PublicKey,
    /// Not a scalar of P-256.
    #[error("not a P-256 private key")]
    PrivateKey,
    /// Not an X9.62 DER signature of P-256.
    #[error("not an ECDSA signature in DER form")]
    Signature,
}

/// A P-256 public key. Two keys are equal when their points are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; COMPRESSED_LEN]);

impl PublicKey {
    /// Reads a SEC1 point, compressed (33 bytes) or uncompressed (65 bytes).
    ///
    /// # Errors
    /// [`KeyError::PublicKey`] when the bytes are no point of the curve.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_sec1_bytes(bytes).map_err(|_| KeyError::PublicKey)?;
        let point = key.to_sec1_point(true);
        point.as_bytes().try_into().map(Self).map_err(|_| KeyError::PublicKey)
    }

    /// Reads what [`Self::to_base64url`] writes.
    ///
    /// # Errors
    /// [`KeyError::PublicKey`] when the text is no such key.
    pub fn from_base64url(text: &str) -> Result<Self, KeyError> {
        b64::decode(text).ok_or(KeyError::PublicKey).and_then(|bytes| Self::from_sec1(&bytes))
    }

    /// The compressed point in base64url.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        b64::encode(&self.0)
    }

    /// SEC1, compressed.
    #[must_use]
    pub fn compressed(&self) -> [u8; COMPRESSED_LEN] {
        self.0
    }

    /// The name of the device that holds the private half.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        let digest = Sha256::digest(self.0);
        device_id_from_bytes(digest.first_chunk::<DEVICE_ID_LEN>().unwrap_or(&[0; DEVICE_ID_LEN]))
    }

    /// The first four bytes of SHA-256 over the compressed point: the `kid` of an issuer.
    #[must_use]
    pub fn kid(&self) -> [u8; 4] {
        Sha256::digest(self.0).first_chunk::<4>().copied().unwrap_or_default()
    }

    /// True when `signature` is this key's over `message` (hashed once with SHA-256) and its s is low.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(&self.0), Signature::from_slice(signature)) else {
            return false;
        };
        signature.normalize_s() == signature && key.verify(message, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_base64url())
    }
}

/// A P-256 private key in memory: issuers, roots, and devices without hardware. Deterministic (RFC 6979).
pub struct SoftwareKey(SigningKey);

impl SoftwareKey {
    /// Reads a private scalar.
    ///
    /// # Errors
    /// [`KeyError::PrivateKey`] for zero and for values not below the order of the curve (one random value in 2^32).
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        SigningKey::from_slice(bytes).map(Self).map_err(|_| KeyError::PrivateKey)
    }

    /// The private scalar. Secret.
    #[must_use]
    pub fn to_bytes(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes().into())
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        let point = self.0.verifying_key().to_sec1_point(true);
        let mut bytes = [0; COMPRESSED_LEN];
        for (to, from) in bytes.iter_mut().zip(point.as_bytes()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    /// Signs `message`: SHA-256 once, 64 bytes, low s.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature: Signature = self.0.sign(message);
        signature.normalize_s().to_bytes().into()
    }

    /// Signs `message` and answers as a phone's hardware does: X9.62 DER.
    #[must_use]
    pub fn sign_der(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftwareKey({:?})", self.public_key())
    }
}

/// Turns the DER signature that hardware gives into 64 bytes with low s.
///
/// # Errors
/// [`KeyError::Signature`] when the bytes are not strict DER of two scalars.
pub fn signature_from_der(der: &[u8]) -> Result<[u8; 64], KeyError> {
    let signature = Signature::from_der(der).map_err(|_| KeyError::Signature)?;
    Ok(signature.normalize_s().to_bytes().into())
}

/// Lower-case base32 without padding (RFC 4648 alphabet): ids that survive being typed and read aloud.
fn base32_lower() -> Encoding {
    let mut spec = BASE32_NOPAD.specification();
    spec.symbols = spec.symbols.to_ascii_lowercase();
    // The alphabet is a constant of the standard, lower-cased: it is always a valid specification.
    spec.encoding().unwrap_or(BASE32_NOPAD)
}

/// Ten bytes to the text of a device or member id: 16 characters.
#[must_use]
pub fn id_from_bytes(bytes: &[u8; DEVICE_ID_LEN]) -> String {
    base32_lower().encode(bytes)
}

/// The bytes of a device or member id; `None` when it is not one.
#[must_use]
pub fn id_to_bytes(id: &str) -> Option<[u8; DEVICE_ID_LEN]> {
    base32_lower().decode(id.as_bytes()).ok()?.try_into().ok()
}

fn device_id_from_bytes(bytes: &[u8; DEVICE_ID_LEN]) -> DeviceId {
    DeviceId(id_from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6979_a_2_5_sample() {
        // RFC 6979, A.2.5: P-256, SHA-256, message "sample".
        let x = data_encoding::HEXUPPER.decode(b"C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721").unwrap();
        let key = SoftwareKey::from_bytes(&x.try_into().unwrap()).unwrap();
        let r = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716";
        let signature = key.sign(b"sample");
        assert_eq!(data_encoding::HEXUPPER.encode(&signature[..32]), r);
        // The standard's s is above half the order: ours is its low twin, the order minus it.
        let s = data_encoding::HEXUPPER.decode(b"F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8").unwrap();
        let high = Signature::from_scalars(<[u8; 32]>::try_from(&signature[..32]).unwrap(), <[u8; 32]>::try_from(s).unwrap()).unwrap();
        assert_ne!(high.to_bytes().as_slice(), signature);
        assert_eq!(high.normalize_s().to_bytes().as_slice(), signature);
        assert!(key.public_key().verify(b"sample", &signature));
        assert_eq!(signature_from_der(&key.sign_der(b"sample")).unwrap(), signature);
    }

    #[test]
    fn the_high_s_twin_is_refused() {
        let key = SoftwareKey::from_bytes(&[7; 32]).unwrap();
        let low = key.sign(b"message");
        let parsed = Signature::from_slice(&low).unwrap();
        let (r, s) = parsed.split_scalars();
        let high = Signature::from_scalars(p256::FieldBytes::from(*r), p256::FieldBytes::from(-*s)).unwrap();
        assert!(key.0.verifying_key().verify(b"message", &high).is_ok(), "the twin is a valid ECDSA signature");
        assert!(!key.public_key().verify(b"message", &high.to_bytes().into()));
        assert_eq!(signature_from_der(high.to_der().as_bytes()).unwrap(), low);
    }

    #[test]
    fn keys_have_one_name_in_both_forms() {
        let key = SoftwareKey::from_bytes(&[9; 32]).unwrap();
        let uncompressed = key.0.verifying_key().to_sec1_point(false);
        let read = PublicKey::from_sec1(uncompressed.as_bytes()).unwrap();
        assert_eq!(read, key.public_key());
        assert_eq!(read.device_id().as_str().len(), 16);
        assert!(id_to_bytes(read.device_id().as_str()).is_some());
        assert_eq!(PublicKey::from_sec1(&[0; 33]), Err(KeyError::PublicKey));
        assert_eq!(PublicKey::from_sec1(&[]), Err(KeyError::PublicKey));
        assert_eq!(signature_from_der(&[0x30, 0]), Err(KeyError::Signature));
    }
}
