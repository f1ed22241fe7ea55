//! The credential: a CWT (RFC 8392) by which an issuer says that a device's key is a member's, for 30 days.

use coset::cbor::Value;
use coset::{CborSerializable, CoseKeyBuilder, iana};

use crate::b64;
use crate::cose::{self, Kind, es256, integer};
use crate::ids::MemberId;
use crate::keys::{PublicKey, SoftwareKey, id_from_bytes, id_to_bytes};
use crate::wire::Assurance;

/// How long a credential lives.
pub const LIFETIME_S: i64 = 30 * 86_400;
/// Age from which the app renews it at any contact.
pub const RENEW_AFTER_S: i64 = 10 * 86_400;

/// CWT claims (RFC 8392, section 4; RFC 8747 for `cnf`).
const CLAIM_SUB: i64 = 2;
const CLAIM_EXP: i64 = 4;
const CLAIM_CNF: i64 = 8;
/// Private use (below -65536): how well the member is known, and the grants that this device may spend offline.
const CLAIM_ASSURANCE: i64 = -65_537;
const CLAIM_ALLOTMENT: i64 = -65_538;
/// RFC 8747: a COSE_Key as confirmation.
const CNF_COSE_KEY: i64 = 1;

/// The most grants that an allotment names.
pub const MAX_GRANTS: usize = 20;

/// Grants that this device may spend at a till that is offline, named by their place in the list.
///
/// Serials are consecutive, so that the claim stays short enough for a QR: grant `i` has serial `first_serial + i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allotment {
    /// Until when, in seconds since the Unix epoch.
    pub until_s: i64,
    /// Serial of the first grant.
    pub first_serial: u64,
    /// How often each may be spent; at most [`MAX_GRANTS`] of them.
    pub counts: Vec<u8>,
}

/// What an issuer says of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The member: a random id.
    pub member: MemberId,
    /// The device's key.
    pub device_key: PublicKey,
    /// When it ends, in seconds since the Unix epoch.
    pub expires_at_s: i64,
    /// How well the member is known.
    pub assurance: Assurance,
    /// Grants for offline tills.
    pub allotment: Option<Allotment>,
}

/// A credential as the issuer signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCredential {
    bytes: Vec<u8>,
    kid: [u8; 4],
    credential: Credential,
}

/// The bytes are no credential in the accepted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a credential: ask the backend for a new one")]
pub struct NotACredential;

impl Credential {
    /// Signs the credential. A member id that is not 16 characters of lower-case base32 makes one that no till reads.
    #[must_use]
    pub fn issue(&self, issuer: &SoftwareKey) -> SignedCredential {
        let kid = issuer.public_key().kid();
        let signed = cose::sign(Kind::Credential, es256(Some(kid)), self.claims(), |message| Ok::<_, NotACredential>(issuer.sign(message)));
        SignedCredential { bytes: signed.unwrap_or_default(), kid, credential: self.clone() }
    }

    fn claims(&self) -> Vec<u8> {
        let mut claims = vec![
            (Value::from(CLAIM_SUB), Value::from(self.member.as_str())),
            (Value::from(CLAIM_EXP), Value::from(self.expires_at_s)),
            (Value::from(CLAIM_CNF), Value::Map(vec![(Value::from(CNF_COSE_KEY), cose_key(&self.device_key))])),
            (Value::from(CLAIM_ASSURANCE), Value::from(assurance_level(self.assurance))),
        ];
        if let Some(allotment) = &self.allotment {
            let mut list = vec![Value::from(allotment.until_s), Value::from(allotment.first_serial)];
            list.extend(allotment.counts.iter().map(|count| Value::from(*count)));
            claims.push((Value::from(CLAIM_ALLOTMENT), Value::Array(list)));
        }
        cose::encode(&Value::Map(claims))
    }

    fn from_claims(payload: &[u8]) -> Option<Self> {
        let mut claims = cose::decode(payload)?.into_map().ok()?.into_iter();
        let mut claim = |label: i64| claims.next().filter(|(key, _)| integer(key) == Some(label)).map(|(_, value)| value);
        let member = claim(CLAIM_SUB)?.into_text().ok()?;
        let expires_at_s = integer(&claim(CLAIM_EXP)?)?;
        let device_key = device_key(claim(CLAIM_CNF)?)?;
        let assurance = assurance_from_level(integer(&claim(CLAIM_ASSURANCE)?)?)?;
        let allotment = match claims.next() {
            None => None,
            Some((key, value)) if integer(&key) == Some(CLAIM_ALLOTMENT) => Some(allotment(value)?),
            Some(_) => return None,
        };
        let credential = Self { member: MemberId(member), device_key, expires_at_s, assurance, allotment };
        // One credential, one encoding: labels in order, nothing after them, no other form of the key.
        (is_member_id(&credential.member) && credential.claims() == payload).then_some(credential)
    }
}

impl SignedCredential {
    /// Reads a credential in its one accepted form. The signature is not checked: only who holds the issuer's key can.
    ///
    /// # Errors
    /// [`NotACredential`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotACredential> {
        let read = || {
            let sign1 = cose::read(bytes)?;
            let kid: [u8; 4] = sign1.protected.header.key_id.as_slice().try_into().ok()?;
            let credential = Credential::from_claims(sign1.payload.as_deref()?)?;
            (cose::has_header(&sign1, &es256(Some(kid))) && sign1.signature.len() == 64).then(|| Self {
                bytes: bytes.to_vec(),
                kid,
                credential,
            })
        };
        read().ok_or(NotACredential)
    }

    /// Reads what [`Self::to_base64url`] writes.
    ///
    /// # Errors
    /// [`NotACredential`] for anything else.
    pub fn from_base64url(text: &str) -> Result<Self, NotACredential> {
        b64::decode(text).ok_or(NotACredential).and_then(|bytes| Self::from_bytes(&bytes))
    }

    /// The tagged COSE_Sign1 in base64url.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        b64::encode(&self.bytes)
    }

    /// The tagged COSE_Sign1.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Which issuer key signed it, by its own word.
    #[must_use]
    pub fn kid(&self) -> [u8; 4] {
        self.kid
    }

    /// True when `issuer` signed it.
    #[must_use]
    pub fn is_signed_by(&self, issuer: &PublicKey) -> bool {
        cose::read(&self.bytes).is_some_and(|sign1| cose::verify(&sign1, Kind::Credential, issuer))
    }
}

fn is_member_id(member: &MemberId) -> bool {
    id_to_bytes(member.as_str()).is_some_and(|bytes| id_from_bytes(&bytes) == member.as_str())
}

fn cose_key(key: &PublicKey) -> Value {
    let [prefix, x @ ..] = key.compressed();
    let key = CoseKeyBuilder::new_ec2_pub_key_y_sign(iana::EllipticCurve::P_256, x.to_vec(), prefix == 3).build();
    // A key with four distinct labels always encodes.
    key.to_vec().ok().and_then(|bytes| Value::from_slice(&bytes).ok()).unwrap_or(Value::Null)
}

fn device_key(cnf: Value) -> Option<PublicKey> {
    let (_, key) = cnf.into_map().ok()?.pop()?;
    // kty, crv, x and the sign of y: any other form fails the comparison of the whole encoding.
    let labels = key.into_map().ok()?;
    let value = |label: i64| labels.iter().find(|(key, _)| integer(key) == Some(label)).map(|(_, value)| value);
    let mut point = vec![if value(-3)?.as_bool()? { 3 } else { 2 }];
    point.extend(value(-2)?.as_bytes()?);
    PublicKey::from_sec1(&point).ok()
}

fn allotment(value: Value) -> Option<Allotment> {
    let mut list = value.into_array().ok()?.into_iter();
    let until_s = integer(&list.next()?)?;
    let first_serial = u64::try_from(integer(&list.next()?)?).ok()?;
    let counts: Vec<u8> = list.map(|count| integer(&count).and_then(|n| u8::try_from(n).ok())).collect::<Option<_>>()?;
    (counts.len() <= MAX_GRANTS).then_some(Allotment { until_s, first_serial, counts })
}

fn assurance_level(assurance: Assurance) -> u8 {
    match assurance {
        Assurance::Device => 0,
        Assurance::Number => 1,
        Assurance::Account => 2,
    }
}

fn assurance_from_level(level: i64) -> Option<Assurance> {
    match level {
        0 => Some(Assurance::Device),
        1 => Some(Assurance::Number),
        2 => Some(Assurance::Account),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_survives_and_names_its_issuer() {
        let issuer = SoftwareKey::from_bytes(&[1; 32]).unwrap();
        let device = SoftwareKey::from_bytes(&[2; 32]).unwrap();
        let allotment = Allotment { until_s: 1_800_000_000, first_serial: 77, counts: vec![1; 20] };
        for allotment in [None, Some(allotment)] {
            let credential = Credential {
                member: MemberId(id_from_bytes(&[4; 10])),
                device_key: device.public_key(),
                expires_at_s: 1_800_000_000,
                assurance: Assurance::Number,
                allotment,
            };
            let signed = credential.issue(&issuer);
            let read = SignedCredential::from_base64url(&signed.to_base64url()).unwrap();
            assert_eq!(read, signed);
            assert!(read.is_signed_by(&issuer.public_key()));
            assert!(!read.is_signed_by(&device.public_key()));
            assert_eq!(read.kid(), issuer.public_key().kid());
        }
        assert_eq!(SignedCredential::from_bytes(&[]), Err(NotACredential));
    }
}
