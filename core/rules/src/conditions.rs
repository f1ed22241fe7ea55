//! Conditions: small signed messages that start and end offers which are on the phone already: rain in an area, a time sale.

use serde::{Deserialize, Serialize};

use crate::cose::Kind;
use crate::fields::{self, Reader, RuleError, Writer};
use crate::keys::SoftwareKey;
use crate::lists::IssuerKey;

const VERSION: i64 = 1;

/// What can be on in an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// 雨の日限定.
    Rain,
    /// Snow.
    Snow,
    /// A hot day.
    Heat,
    /// A cold day.
    Cold,
    /// タイムセール, started by hand.
    TimeSale,
    /// The road is jammed ahead.
    Congestion,
}

impl ConditionKind {
    const ALL: [Self; 6] = [Self::Rain, Self::Snow, Self::Heat, Self::Cold, Self::TimeSale, Self::Congestion];

    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// Something is on in an area until a moment of server time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What.
    pub kind: ConditionKind,
    /// Where, as the operator names its areas.
    pub area: String,
    /// Rises with every message on this kind and area; the highest counts, so that one that ends at once takes an earlier one back.
    pub sequence: u64,
    /// First second of server time.
    pub from_s: i64,
    /// First second after it. Whoever hears nothing more stops here.
    pub until_s: i64,
}

impl Condition {
    /// Signs it as an issuer.
    #[must_use]
    pub fn sign(&self, issuer: &SoftwareKey) -> Vec<u8> {
        fields::sign(Kind::Condition, self.payload(), issuer)
    }

    /// Opens a condition that one of `issuers` must have signed, at `now_s` seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn open(signed: &[u8], issuers: &[IssuerKey], now_s: i64) -> Result<Self, RuleError> {
        let payload = fields::open(Kind::Condition, signed, issuers, now_s)?;
        Self::from_payload(&payload).ok_or(RuleError::Malformed)
    }

    fn payload(&self) -> Vec<u8> {
        Writer::default()
            .put(1, VERSION)
            .put(2, self.kind.number())
            .put(3, self.area.as_str())
            .put(4, self.sequence)
            .put(5, self.from_s)
            .put(6, self.until_s)
            .bytes()
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut fields = Reader::bytes(payload)?;
        if fields.number::<i64>(1)? != VERSION {
            return None;
        }
        let condition = Self {
            kind: ConditionKind::from_number(fields.number(2)?)?,
            area: fields.text(3)?,
            sequence: fields.number(4)?,
            from_s: fields.number(5)?,
            until_s: fields.number(6)?,
        };
        (condition.payload() == payload).then_some(condition)
    }
}

/// True when the latest word on this kind and area says that it is on.
#[must_use]
pub fn is_on(conditions: &[Condition], kind: ConditionKind, area: &str, now_s: i64) -> bool {
    let latest = conditions.iter().filter(|condition| condition.kind == kind && condition.area == area).max_by_key(|c| c.sequence);
    latest.is_some_and(|condition| (condition.from_s..condition.until_s).contains(&now_s))
}
