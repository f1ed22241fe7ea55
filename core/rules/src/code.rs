//! The rotating member code: `NRN1:` and Base45 (RFC 9285) of a COSE_Sign1 whose protected header carries the device's credential
//! (`kcwt`, label 13, RFC 9528) and whose payload names the time step. The device signs its credential with it.
//!
//! A till reads it with no network: it needs the issuers' public keys and a short list of revoked devices ([`crate::lists`]).

use coset::cbor::Value;
use coset::{CborSerializable, CoseSign1, Header, Label};
use serde::{Deserialize, Serialize};

use crate::cose::{self, Kind, es256, integer};
use crate::credential::{Allotment, Credential, MAX_GRANTS, SignedCredential};
use crate::ids::{DeviceId, MemberId};
use crate::keys::PublicKey;
use crate::lists::IssuerKey;
use crate::wire::Assurance;

/// Length of a time step in seconds.
pub const STEP_S: i64 = 20;
/// What a member code begins with.
pub const PREFIX: &str = "NRN1:";
/// The longest text that can be a member code: a QR of version 40 holds 4,296 alphanumeric characters, a till's scanner far fewer.
pub const MAX_TEXT: usize = 1_024;

const VERSION: i64 = 1;
const TAG_COSE_SIGN1: u64 = 18;
/// RFC 9528, section 3.5.3.1 and the IANA registry "COSE Header Parameters": a CWT with a COSE_Key in its `cnf` claim.
const HEADER_KCWT: i64 = 13;

const FIELD_VERSION: i64 = 1;
const FIELD_STEP: i64 = 2;
const FIELD_GRANTS: i64 = 3;
const FIELD_PICKUP: i64 = 4;

/// The time step that a moment belongs to. Moments before 1970 are step 0.
#[must_use]
pub fn step_at(now_s: i64) -> u64 {
    u64::try_from(now_s.div_euclid(STEP_S)).unwrap_or(0)
}

/// When a step begins, in seconds since the Unix epoch.
#[must_use]
pub fn step_begins_s(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX / STEP_S).saturating_mul(STEP_S)
}

/// What a code says besides whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodePayload {
    /// The time step in which it is shown.
    pub step: u64,
    /// The grants that the member is willing to use, by their place in the credential's allotment; ascending, at most 20.
    pub grants: Vec<u16>,
    /// The code that hands over an order: 8 characters.
    pub pickup_code: Option<String>,
}

/// Why a till does not take a code. The order of the variants is the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// Not the form of a member code.
    #[error("this is not a member code")]
    NotAMemberCode,
    /// Signed by an issuer that the till's list does not name.
    #[error("the issuer is not on this till's list: update the list")]
    UnknownIssuer,
    /// The issuer's signature does not fit.
    #[error("the issuer did not sign this")]
    Forged,
    /// The credential is over.
    #[error("the credential has expired: the app needs one contact with the network")]
    CredentialExpired,
    /// The device's signature does not fit: the code was altered, or another device showed it. No one can tell which.
    #[error("this device does not hold the key, or the code was altered")]
    NotThisDevice,
    /// Made by a newer app than this till reads.
    #[error("the code is of a newer kind: update the till")]
    UnsupportedVersion,
    /// Too old: a screenshot, or a slow hand.
    #[error("the code is {age_s} s old: show the card again")]
    Expired {
        /// Seconds since its step began.
        age_s: i64,
    },
    /// From the future: the phone's clock or the till's is wrong.
    #[error("the code is {ahead_s} s ahead: check the clocks")]
    Clock {
        /// Seconds until its step begins.
        ahead_s: i64,
    },
    /// The device was reported lost, or its member is gone.
    #[error("this device has been revoked")]
    Revoked,
    /// This step, or a later one, was taken from this device before.
    #[error("this code was used before: wait for the next one")]
    Replayed,
}

impl Refusal {
    /// The reason as it stands in machine-readable answers.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotAMemberCode => "not_a_member_code",
            Self::UnknownIssuer => "unknown_issuer",
            Self::Forged => "forged",
            Self::CredentialExpired => "credential_expired",
            Self::NotThisDevice => "not_this_device",
            Self::UnsupportedVersion => "unsupported_version",
            Self::Expired { .. } => "expired",
            Self::Clock { .. } => "clock",
            Self::Revoked => "revoked",
            Self::Replayed => "replayed",
        }
    }
}

/// Who showed a code, once everything that can be checked without memory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The member.
    pub member: MemberId,
    /// The device.
    pub device: DeviceId,
    /// Its key.
    pub device_key: PublicKey,
    /// The step in which the code was made.
    pub step: u64,
    /// How well the member is known.
    pub assurance: Assurance,
    /// Grants that the member is willing to use.
    pub grants: Vec<u16>,
    /// The code that hands over an order.
    pub pickup_code: Option<String>,
    /// What the device may spend offline.
    pub allotment: Option<Allotment>,
}

/// Makes the text of a code. `sign` gets the bytes to sign and answers 64 bytes with low s; what it signs must be the credential's device key.
///
/// # Errors
/// Whatever `sign` answers.
pub fn make<E>(credential: &SignedCredential, payload: &CodePayload, sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>) -> Result<String, E> {
    let bytes = cose::sign(Kind::Code, header(credential), encode_payload(payload), sign)?;
    Ok(format!("{PREFIX}{}", base45::encode(bytes)))
}

/// A code whose form is right. Nothing has been verified yet.
#[derive(Debug, Clone)]
pub struct MemberCode {
    sign1: CoseSign1,
    credential: SignedCredential,
    payload: Payload,
}

#[derive(Debug, Clone)]
enum Payload {
    Readable(CodePayload),
    Newer,
}

impl MemberCode {
    /// Reads a scanned text. Only one trailing CR, LF or CR LF is taken off; the text must be the one form that the content has.
    ///
    /// # Errors
    /// [`Refusal::NotAMemberCode`].
    pub fn read(text: &[u8]) -> Result<Self, Refusal> {
        Self::parse(strip_line_end(text)).ok_or(Refusal::NotAMemberCode)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_TEXT)?;
        let body = text.strip_prefix(PREFIX)?;
        let bytes = base45::decode(body).ok()?;
        if base45::encode(&bytes) != body {
            return None;
        }
        let sign1 = cose::read(&bytes)?;
        let credential = embedded_credential(&sign1.protected.header)?;
        let fits = cose::has_header(&sign1, &header(&credential)) && sign1.signature.len() == 64;
        let payload = decode_payload(sign1.payload.as_deref()?)?;
        fits.then_some(Self { sign1, credential, payload })
    }

    /// The credential inside.
    #[must_use]
    pub fn credential(&self) -> &SignedCredential {
        &self.credential
    }

    /// Checks everything that needs no memory, in the order of [`Refusal`], at `now_s` seconds since the Unix epoch. A step behind and a
    /// step ahead are taken: the clocks of phone and till differ.
    ///
    /// # Errors
    /// The first check that fails. `Revoked` and `Replayed` are the till's to say.
    pub fn verify(&self, issuers: &[IssuerKey], now_s: i64) -> Result<Verified, Refusal> {
        let issuer =
            issuers.iter().find(|key| key.kid() == self.credential.kid() && key.is_valid_at(now_s)).ok_or(Refusal::UnknownIssuer)?;
        if !self.credential.is_signed_by(&issuer.key) {
            return Err(Refusal::Forged);
        }
        let Credential { member, device_key, expires_at_s, assurance, allotment } = self.credential.credential();
        if now_s >= *expires_at_s {
            return Err(Refusal::CredentialExpired);
        }
        if !cose::verify(&self.sign1, Kind::Code, device_key) {
            return Err(Refusal::NotThisDevice);
        }
        let Payload::Readable(payload) = &self.payload else {
            return Err(Refusal::UnsupportedVersion);
        };
        let (now, begins_s) = (step_at(now_s), step_begins_s(payload.step));
        if payload.step.saturating_add(1) < now {
            return Err(Refusal::Expired { age_s: now_s.saturating_sub(begins_s) });
        }
        if payload.step > now.saturating_add(1) {
            return Err(Refusal::Clock { ahead_s: begins_s.saturating_sub(now_s) });
        }
        Ok(Verified {
            member: member.clone(),
            device: device_key.device_id(),
            device_key: *device_key,
            step: payload.step,
            assurance: *assurance,
            grants: payload.grants.clone(),
            pickup_code: payload.pickup_code.clone(),
            allotment: allotment.clone(),
        })
    }
}

/// Takes one line end off, and nothing else: a scanner adds one, a space would be another text.
#[must_use]
pub fn strip_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

fn header(credential: &SignedCredential) -> Header {
    let mut header = es256(None);
    // The credential is CBOR by construction: it was encoded or read by this crate.
    let kcwt = Value::from_slice(credential.bytes()).unwrap_or(Value::Null);
    header.rest.push((Label::Int(HEADER_KCWT), kcwt));
    header
}

fn embedded_credential(header: &Header) -> Option<SignedCredential> {
    let [(Label::Int(HEADER_KCWT), kcwt @ Value::Tag(TAG_COSE_SIGN1, _))] = header.rest.as_slice() else {
        return None;
    };
    SignedCredential::from_bytes(&cose::encode(kcwt)).ok()
}

fn encode_payload(payload: &CodePayload) -> Vec<u8> {
    let mut fields = vec![(Value::from(FIELD_VERSION), Value::from(VERSION)), (Value::from(FIELD_STEP), Value::from(payload.step))];
    if !payload.grants.is_empty() {
        fields.push((Value::from(FIELD_GRANTS), Value::Array(payload.grants.iter().map(|grant| Value::from(*grant)).collect())));
    }
    if let Some(pickup) = &payload.pickup_code {
        fields.push((Value::from(FIELD_PICKUP), Value::from(pickup.as_str())));
    }
    cose::encode(&Value::Map(fields))
}

/// A payload of a later version has this version's first field, and may have anything after it.
fn decode_payload(bytes: &[u8]) -> Option<Payload> {
    let fields = cose::entries(cose::decode(bytes)?)?;
    let (FIELD_VERSION, version) = fields.first()? else {
        return None;
    };
    match integer(version)? {
        VERSION => {}
        later if later > VERSION => return Some(Payload::Newer),
        _ => return None,
    }
    let mut payload = CodePayload::default();
    let mut has_step = false;
    for (label, value) in fields.into_iter().skip(1) {
        match label {
            FIELD_STEP => {
                payload.step = u64::try_from(integer(&value)?).ok()?;
                has_step = true;
            }
            FIELD_GRANTS => payload.grants = grants(value)?,
            FIELD_PICKUP => payload.pickup_code = Some(pickup_code(value)?),
            _ => return None,
        }
    }
    has_step.then_some(Payload::Readable(payload))
}

fn grants(value: Value) -> Option<Vec<u16>> {
    let grants: Vec<u16> =
        value.into_array().ok()?.iter().map(|grant| integer(grant).and_then(|n| u16::try_from(n).ok())).collect::<Option<_>>()?;
    let in_form = !grants.is_empty() && grants.len() <= MAX_GRANTS && grants.is_sorted_by(|a, b| a < b);
    in_form.then_some(grants)
}

fn pickup_code(value: Value) -> Option<String> {
    let code = value.into_text().ok()?;
    (code.len() == 8 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())).then_some(code)
}

#[cfg(test)]
mod tests;
