//! The till's document: what a till must know to read member codes with no network.
//!
//! A COSE_Sign1 by a root key that the till pins at its set-up: issuer keys (two overlap while one follows the other), revoked devices, a
//! sequence that only rises, the moment it was made, and what is needed for coupons: offers, conditions, the kill list and the till's share.

use std::collections::BTreeSet;

use coset::cbor::Value;

use crate::cose::{self, Kind, es256, integer};
use crate::ids::DeviceId;
use crate::keys::{PublicKey, SoftwareKey, id_from_bytes, id_to_bytes};
use crate::offers::OfferId;

/// Age from which a till spends nothing offline.
pub const SPENDING_MAX_AGE_S: i64 = 86_400;
/// Age from which a till only lets members earn.
pub const FULL_MAX_AGE_S: i64 = 7 * 86_400;

const VERSION: i64 = 1;
/// With coupons, which version 1 does not have.
const VERSION_COUPONS: i64 = 2;

/// A key that may sign credentials, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerKey {
    /// The key.
    pub key: PublicKey,
    /// First second of its time.
    pub not_before_s: i64,
    /// First second after its time.
    pub not_after_s: i64,
}

impl IssuerKey {
    /// The name by which credentials refer to it.
    #[must_use]
    pub fn kid(&self) -> [u8; 4] {
        self.key.kid()
    }

    /// True within its time.
    #[must_use]
    pub fn is_valid_at(&self, now_s: i64) -> bool {
        (self.not_before_s..self.not_after_s).contains(&now_s)
    }
}

/// What the document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// Rises with every change; a till refuses an older one.
    pub sequence: u64,
    /// When it was made, in seconds since the Unix epoch: `list_as_of` in a till's answers.
    pub issued_at_s: i64,
    /// When the next one is due.
    pub next_update_s: i64,
    /// Keys whose credentials are taken.
    pub issuers: Vec<IssuerKey>,
    /// Devices whose credentials would still be good and are not.
    pub revoked: Vec<DeviceId>,
    /// What the till needs for coupons.
    pub coupons: CouponLists,
}

/// What a till needs to take coupons. Offers, conditions and share are signed by issuers, each by itself: one that cannot be read does not
/// spoil the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CouponLists {
    /// [`crate::offers::Offer::sign`].
    pub offers: Vec<Vec<u8>>,
    /// [`crate::conditions::Condition::sign`].
    pub conditions: Vec<Vec<u8>>,
    /// The kill list: offers that were stopped at once.
    pub killed: BTreeSet<OfferId>,
    /// [`crate::shares::Share::sign`]: what this till may spend while it is offline.
    pub share: Option<Vec<u8>>,
}

/// Why a document is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListsError {
    /// Not the form of a till document, or of a newer version than this till reads.
    #[error("this is not a till document that this version reads: fetch it again, or update the till")]
    Malformed,
    /// The pinned root key did not sign it.
    #[error("the pinned root key did not sign this document: check the till's set-up")]
    Forged,
    /// The till knows a later one.
    #[error("the document is older than the one this till has: fetch it again")]
    Older,
}

impl Lists {
    /// Signs the document with the root key.
    #[must_use]
    pub fn sign(&self, root: &SoftwareKey) -> Vec<u8> {
        cose::sign(Kind::Lists, es256(None), self.payload(), |message| Ok::<_, ListsError>(root.sign(message))).unwrap_or_default()
    }

    /// Opens a document that `root` must have signed.
    ///
    /// # Errors
    /// [`ListsError::Malformed`] or [`ListsError::Forged`].
    pub fn open(document: &[u8], root: &PublicKey) -> Result<Self, ListsError> {
        let sign1 = cose::read(document).filter(|sign1| cose::has_header(sign1, &es256(None))).ok_or(ListsError::Malformed)?;
        if !cose::verify(&sign1, Kind::Lists, root) {
            return Err(ListsError::Forged);
        }
        sign1.payload.as_deref().and_then(Self::from_payload).ok_or(ListsError::Malformed)
    }

    fn payload(&self) -> Vec<u8> {
        let issuer = |issuer: &IssuerKey| {
            Value::Array(vec![
                Value::Bytes(issuer.key.compressed().to_vec()),
                Value::from(issuer.not_before_s),
                Value::from(issuer.not_after_s),
            ])
        };
        let revoked = |device: &DeviceId| id_to_bytes(device.as_str()).map(|bytes| Value::Bytes(bytes.to_vec()));
        let coupons = &self.coupons;
        let version = if *coupons == CouponLists::default() { VERSION } else { VERSION_COUPONS };
        let mut fields = vec![
            (Value::from(1), Value::from(version)),
            (Value::from(2), Value::from(self.sequence)),
            (Value::from(3), Value::from(self.issued_at_s)),
            (Value::from(4), Value::from(self.next_update_s)),
            (Value::from(5), Value::Array(self.issuers.iter().map(issuer).collect())),
            (Value::from(6), Value::Array(self.revoked.iter().filter_map(revoked).collect())),
        ];
        if version == VERSION_COUPONS {
            let signed = |signed: &[Vec<u8>]| Value::Array(signed.iter().map(|bytes| Value::Bytes(bytes.clone())).collect());
            fields.push((Value::from(7), signed(&coupons.offers)));
            fields.push((Value::from(8), signed(&coupons.conditions)));
            fields.push((Value::from(9), Value::Array(coupons.killed.iter().map(|offer| Value::from(offer.0)).collect())));
            fields.push((Value::from(10), signed(coupons.share.as_slice())));
        }
        cose::encode(&Value::Map(fields))
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut fields = cose::entries(cose::decode(payload)?)?;
        let coupons = fields.split_off(fields.len().min(6));
        let fields: [(i64, Value); 6] = fields.try_into().ok()?;
        let [(1, version), (2, sequence), (3, issued_at), (4, next_update), (5, issuers), (6, revoked)] = fields else {
            return None;
        };
        let coupons = match integer(&version)? {
            VERSION if coupons.is_empty() => CouponLists::default(),
            VERSION_COUPONS => coupon_lists(coupons)?,
            _ => return None,
        };
        Some(Self {
            sequence: u64::try_from(integer(&sequence)?).ok()?,
            issued_at_s: integer(&issued_at)?,
            next_update_s: integer(&next_update)?,
            issuers: issuers.into_array().ok()?.into_iter().map(issuer_key).collect::<Option<_>>()?,
            revoked: revoked.into_array().ok()?.into_iter().map(device_id).collect::<Option<_>>()?,
            coupons,
        })
    }
}

fn coupon_lists(fields: Vec<(i64, Value)>) -> Option<CouponLists> {
    let [(7, offers), (8, conditions), (9, killed), (10, share)]: [(i64, Value); 4] = fields.try_into().ok()? else {
        return None;
    };
    let signed = |list: Value| list.into_array().ok()?.into_iter().map(|bytes| bytes.into_bytes().ok()).collect::<Option<Vec<_>>>();
    let killed: Vec<u32> = killed.into_array().ok()?.iter().map(|offer| u32::try_from(integer(offer)?).ok()).collect::<Option<_>>()?;
    let mut share = signed(share)?;
    let lists = CouponLists {
        offers: signed(offers)?,
        conditions: signed(conditions)?,
        killed: killed.iter().copied().map(OfferId).collect(),
        share: share.pop(),
    };
    // One form: the kill list ascends, there is one share, and without any coupons it is a document of version 1.
    (killed.is_sorted_by(|a, b| a < b) && share.is_empty() && lists != CouponLists::default()).then_some(lists)
}

fn issuer_key(value: Value) -> Option<IssuerKey> {
    let [key, not_before, not_after]: [Value; 3] = value.into_array().ok()?.try_into().ok()?;
    Some(IssuerKey {
        key: PublicKey::from_sec1(key.as_bytes()?).ok()?,
        not_before_s: integer(&not_before)?,
        not_after_s: integer(&not_after)?,
    })
}

fn device_id(value: Value) -> Option<DeviceId> {
    let bytes: [u8; 10] = value.into_bytes().ok()?.try_into().ok()?;
    Some(DeviceId(id_from_bytes(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_only_under_its_root() {
        let (root, issuer) = (SoftwareKey::from_bytes(&[1; 32]).unwrap(), SoftwareKey::from_bytes(&[2; 32]).unwrap());
        let lists = Lists {
            sequence: 7,
            issued_at_s: 100,
            next_update_s: 200,
            issuers: vec![IssuerKey { key: issuer.public_key(), not_before_s: 0, not_after_s: 1_000 }],
            revoked: vec![issuer.public_key().device_id()],
            coupons: CouponLists::default(),
        };
        let coupons = CouponLists {
            offers: vec![vec![1, 2], vec![]],
            conditions: vec![],
            killed: [OfferId(9), OfferId(3)].into(),
            share: Some(vec![7]),
        };
        let with_coupons = Lists { coupons, ..lists.clone() };
        assert_eq!(Lists::open(&with_coupons.sign(&root), &root.public_key()), Ok(with_coupons));
        let document = lists.sign(&root);
        assert_eq!(Lists::open(&document, &root.public_key()), Ok(lists));
        assert_eq!(Lists::open(&document, &issuer.public_key()), Err(ListsError::Forged));
        assert_eq!(Lists::open(&document[1..], &root.public_key()), Err(ListsError::Malformed));
        for at in 0..document.len() {
            let mut altered = document.clone();
            altered[at] ^= 1;
            assert!(Lists::open(&altered, &root.public_key()).is_err(), "byte {at}");
        }
    }
}
