//! The credential: a CWT (RFC 8392) by which an issuer says that a device's key is a member's, for 30 days.

use coset::cbor::Value;
use coset::{CborSerializable, CoseKeyBuilder, iana};

use crate::b64;
use crate::cose::{self, Kind, es256, integer};
use crate::ids::MemberId;
use crate::keys::{PublicKey, SoftwareKey, id_from_bytes, id_to_bytes};
use crate::offers::OfferId;
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

/// The most often that one grant of an allotment may be spent.
pub const MAX_COUNT: u8 = 4;

/// Grants that this device may spend at a till that is offline, named by their place in the list.
///
/// Serials are consecutive, so that the claim stays short enough for a QR: grant `i` has serial `first_serial + i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allotment {
    /// Until when, in seconds since the Unix epoch.
    pub until_s: i64,
    /// Serial of the first grant.
    pub first_serial: u64,
    /// The grants by offer, ascending, each offer once; at most [`MAX_GRANTS`] of them.
    pub grants: Vec<AllotmentGrant>,
}

/// A grant in an allotment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllotmentGrant {
    /// Whose coupon it is.
    pub offer: OfferId,
    /// How often it may be spent: 1 to [`MAX_COUNT`], in different sales.
    pub count: u8,
}

impl Allotment {
    /// A grant by its place, with its serial.
    #[must_use]
    pub fn grant(&self, place: u16) -> Option<(u64, AllotmentGrant)> {
        let grant = self.grants.get(usize::from(place))?;
        Some((self.first_serial.checked_add(u64::from(place))?, *grant))
    }

    /// For each grant the step from the offer before it and the count, in LEB128: one byte for most, so that 20 fit into a QR. `None` where
    /// offers do not ascend or a count is out of range.
    fn packed(&self) -> Option<Vec<u8>> {
        let (mut bytes, mut least) = (Vec::with_capacity(self.grants.len()), 0u64);
        for AllotmentGrant { offer, count } in &self.grants {
            let step = u64::from(offer.0).checked_sub(least)?;
            let count = count.checked_sub(1).filter(|count| *count < MAX_COUNT)?;
            let mut rest = step << 2 | u64::from(count);
            while rest >= 0x80 {
                bytes.push(0x80 | (rest & 0x7f) as u8);
                rest >>= 7;
            }
            bytes.push(rest as u8);
            least = u64::from(offer.0) + 1;
        }
        Some(bytes)
    }

    /// Reads what [`Self::packed`] writes, and more: whoever calls packs again and compares.
    fn unpacked(bytes: &[u8]) -> Option<Vec<AllotmentGrant>> {
        let (mut grants, mut least, mut number, mut shift) = (Vec::new(), 0u64, 0u64, 0u32);
        for byte in bytes {
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                let offer = u32::try_from(least.checked_add(number >> 2)?).ok()?;
                grants.push(AllotmentGrant { offer: OfferId(offer), count: (number & 3) as u8 + 1 });
                (least, number, shift) = (u64::from(offer) + 1, 0, 0);
            }
        }
        (shift == 0 && grants.len() <= MAX_GRANTS).then_some(grants)
    }
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
    /// Signs the credential. A member id that is not 16 characters of lower-case base32, or an allotment out of order, makes one that no till
    /// reads.
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
            let grants = allotment.packed().map_or(Value::Null, Value::Bytes);
            let list = vec![Value::from(allotment.until_s), Value::from(allotment.first_serial), grants];
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
    let [until, first, grants]: [Value; 3] = value.into_array().ok()?.try_into().ok()?;
    let first_serial = u64::try_from(integer(&first)?).ok()?;
    Some(Allotment { until_s: integer(&until)?, first_serial, grants: Allotment::unpacked(grants.as_bytes()?)? })
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

    fn credential(allotment: Option<Allotment>) -> Credential {
        let device_key = SoftwareKey::from_bytes(&[2; 32]).unwrap().public_key();
        let member = MemberId(id_from_bytes(&[4; 10]));
        Credential { member, device_key, expires_at_s: 1_800_000_000, assurance: Assurance::Number, allotment }
    }

    fn allotment_of(grants: &[(u32, u8)]) -> Allotment {
        let grants = grants.iter().map(|(offer, count)| AllotmentGrant { offer: OfferId(*offer), count: *count }).collect();
        Allotment { until_s: 1_800_000_000, first_serial: 77, grants }
    }

    #[test]
    fn a_credential_survives_and_names_its_issuer() {
        let issuer = SoftwareKey::from_bytes(&[1; 32]).unwrap();
        let device = SoftwareKey::from_bytes(&[2; 32]).unwrap();
        let far = allotment_of(&[(0, 1), (1, 4), (40, 2), (10_000, 1), (u32::MAX, 4)]);
        for allotment in [None, Some(allotment_of(&[])), Some(far)] {
            let signed = credential(allotment).issue(&issuer);
            let read = SignedCredential::from_base64url(&signed.to_base64url()).unwrap();
            assert_eq!(read, signed);
            assert!(read.is_signed_by(&issuer.public_key()));
            assert!(!read.is_signed_by(&device.public_key()));
            assert_eq!(read.kid(), issuer.public_key().kid());
        }
        assert_eq!(SignedCredential::from_bytes(&[]), Err(NotACredential));
    }
    #[test]
    fn grants_of_an_allotment_have_one_form_and_serials_by_place() {
        let issuer = SoftwareKey::from_bytes(&[1; 32]).unwrap();
        let reads =
            |grants: &[(u32, u8)]| SignedCredential::from_bytes(credential(Some(allotment_of(grants))).issue(&issuer).bytes()).is_ok();
        assert!(reads(&[(5, 1), (6, 4)]));
        assert!(!reads(&[(6, 1), (5, 1)]), "out of order");
        assert!(!reads(&[(5, 1), (5, 1)]), "twice");
        assert!(!reads(&[(5, 0)]) && !reads(&[(5, 5)]), "counts");
        let many: Vec<(u32, u8)> = (0..21).map(|offer| (offer, 1)).collect();
        assert!(reads(&many[..20]) && !reads(&many), "at most 20");
        assert_eq!(Allotment::unpacked(&[0x80]), None, "cut off");
        assert_eq!(Allotment::unpacked(&[0xff; 11]), None, "too large");
        let allotment = allotment_of(&[(5, 1), (6, 2)]);
        assert_eq!(allotment.grant(1), Some((78, AllotmentGrant { offer: OfferId(6), count: 2 })));
        assert_eq!(allotment.grant(2), None);
    }
}
