//! How signed rules are written: maps with small integer labels, what is empty left out, signed by an issuer whose `kid` is in the header.
//!
//! There is one form: whoever reads encodes again and compares, so that another order, a label from nowhere or a longer number is refused.

use std::collections::BTreeMap;

use coset::cbor::Value;

use crate::cose::{self, Kind, es256, integer};
use crate::keys::SoftwareKey;
use crate::lists::IssuerKey;

/// Why a signed offer, condition or share is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not in the one accepted form, or of a newer version than this one reads.
    #[error("this is no rule that this version reads: fetch it again, or update the app or till")]
    Malformed,
    /// Signed by an issuer whose key is not known or not in its time.
    #[error("the issuer of this rule is not on the list: update the list")]
    UnknownIssuer,
    /// The issuer's signature does not fit.
    #[error("the issuer did not sign this rule: fetch it again")]
    Forged,
}

/// Signs a payload as an issuer.
pub(crate) fn sign(kind: Kind, payload: Vec<u8>, issuer: &SoftwareKey) -> Vec<u8> {
    let header = es256(Some(issuer.public_key().kid()));
    cose::sign(kind, header, payload, |message| Ok::<_, RuleError>(issuer.sign(message))).unwrap_or_default()
}

/// The payload of what one of `issuers` must have signed.
pub(crate) fn open(kind: Kind, signed: &[u8], issuers: &[IssuerKey], now_s: i64) -> Result<Vec<u8>, RuleError> {
    let sign1 = cose::read(signed).ok_or(RuleError::Malformed)?;
    let kid: [u8; 4] = sign1.protected.header.key_id.as_slice().try_into().map_err(|_| RuleError::Malformed)?;
    if !cose::has_header(&sign1, &es256(Some(kid))) {
        return Err(RuleError::Malformed);
    }
    let issuer = issuers.iter().find(|issuer| issuer.kid() == kid && issuer.is_valid_at(now_s)).ok_or(RuleError::UnknownIssuer)?;
    if !cose::verify(&sign1, kind, &issuer.key) {
        return Err(RuleError::Forged);
    }
    sign1.payload.ok_or(RuleError::Malformed)
}

/// Writes a map in the order of its labels.
#[derive(Default)]
pub(crate) struct Writer(BTreeMap<i64, Value>);

impl Writer {
    pub(crate) fn put(mut self, label: i64, value: impl Into<Value>) -> Self {
        self.0.insert(label, value.into());
        self
    }

    pub(crate) fn put_some(self, label: i64, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.put(label, value),
            None => self,
        }
    }

    /// An empty list is left out.
    pub(crate) fn put_list(self, label: i64, list: Vec<Value>) -> Self {
        if list.is_empty() { self } else { self.put(label, Value::Array(list)) }
    }

    pub(crate) fn value(self) -> Value {
        Value::Map(self.0.into_iter().map(|(label, value)| (Value::from(label), value)).collect())
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        cose::encode(&self.value())
    }
}

/// Reads such a map. What is read wrongly shows when the result is encoded again.
pub(crate) struct Reader(BTreeMap<i64, Value>);

impl Reader {
    pub(crate) fn bytes(bytes: &[u8]) -> Option<Self> {
        Self::value(cose::decode(bytes)?)
    }

    pub(crate) fn value(value: Value) -> Option<Self> {
        Some(Self(cose::entries(value)?.into_iter().collect()))
    }

    pub(crate) fn take(&mut self, label: i64) -> Option<Value> {
        self.0.remove(&label)
    }

    /// A number that must be there.
    pub(crate) fn number<N: TryFrom<i64>>(&mut self, label: i64) -> Option<N> {
        number(&self.take(label)?)
    }

    /// A number that may be missing; the outer `None` is one that does not fit.
    pub(crate) fn maybe_number<N: TryFrom<i64>>(&mut self, label: i64) -> Option<Option<N>> {
        match self.take(label) {
            None => Some(None),
            Some(value) => number(&value).map(Some),
        }
    }

    pub(crate) fn text(&mut self, label: i64) -> Option<String> {
        self.take(label)?.into_text().ok()
    }

    /// A list that is left out when it is empty.
    pub(crate) fn list<T>(&mut self, label: i64, read: impl Fn(Value) -> Option<T>) -> Option<Vec<T>> {
        match self.take(label) {
            None => Some(Vec::new()),
            Some(value) => value.into_array().ok()?.into_iter().map(read).collect(),
        }
    }
}

pub(crate) fn number<N: TryFrom<i64>>(value: &Value) -> Option<N> {
    N::try_from(integer(value)?).ok()
}
