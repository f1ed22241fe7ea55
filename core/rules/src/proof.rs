//! Proof of possession: a device signs something that only now could be signed, so that the backend knows it holds its key.

use crate::cose::{self, Kind};
use crate::keys::PublicKey;
use crate::{b64, cose::es256};
use coset::cbor::Value;

/// What the proof is for. One kind never serves as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofKind {
    /// Enrolment and renewal: signs a server nonce.
    Enrol,
    /// An access token: signs a server nonce.
    Token,
    /// Forget me: signs the idempotency key of the intent, so that it can be made with no network.
    Erase,
}

impl ProofKind {
    fn kind(self) -> Kind {
        match self {
            Self::Enrol => Kind::Enrol,
            Self::Token => Kind::Token,
            Self::Erase => Kind::Erase,
        }
    }
}

/// Makes a proof over `subject` (a nonce's bytes, or an idempotency key's), base64url of COSE_Sign1.
///
/// # Errors
/// Whatever `sign` answers.
pub fn prove<E>(
    kind: ProofKind,
    public_key: &PublicKey,
    subject: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>,
) -> Result<String, E> {
    cose::sign(kind.kind(), es256(None), payload(public_key, subject), sign).map(|bytes| b64::encode(&bytes))
}

/// True when `proof` was made by `public_key` for this kind and this subject.
#[must_use]
pub fn verify(kind: ProofKind, public_key: &PublicKey, subject: &[u8], proof: &str) -> bool {
    let Some(sign1) = b64::decode(proof).and_then(|bytes| cose::read(&bytes)) else {
        return false;
    };
    cose::has_header(&sign1, &es256(None))
        && sign1.payload.as_deref() == Some(payload(public_key, subject).as_slice())
        && cose::verify(&sign1, kind.kind(), public_key)
}

fn payload(public_key: &PublicKey, subject: &[u8]) -> Vec<u8> {
    cose::encode(&Value::Array(vec![Value::Bytes(public_key.compressed().to_vec()), Value::Bytes(subject.to_vec())]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SoftwareKey;

    #[test]
    fn a_proof_is_for_one_kind_one_key_one_subject() {
        let key = SoftwareKey::from_bytes(&[5; 32]).unwrap();
        let other = SoftwareKey::from_bytes(&[6; 32]).unwrap();
        let proof = prove(ProofKind::Enrol, &key.public_key(), b"nonce", |m| Ok::<_, ()>(key.sign(m))).unwrap();
        assert!(verify(ProofKind::Enrol, &key.public_key(), b"nonce", &proof));
        assert!(!verify(ProofKind::Token, &key.public_key(), b"nonce", &proof));
        assert!(!verify(ProofKind::Enrol, &other.public_key(), b"nonce", &proof));
        assert!(!verify(ProofKind::Enrol, &key.public_key(), b"other", &proof));
        assert!(!verify(ProofKind::Enrol, &key.public_key(), b"nonce", ""));
    }
}
