//! The code of a place on a poster or a display: a check-in without location, at lower assurance, because a poster can be photographed.
//!
//! Text: `NRP1:` and Base45 (RFC 9285) of a COSE_Sign1 by an issuer, with its `kid` in the header and `noren/place/1` as external_aad.

use crate::cose::Kind;
use crate::fields::{self, Reader, RuleError, Writer};
use crate::ids::PlaceId;
use crate::keys::SoftwareKey;
use crate::lists::IssuerKey;

const VERSION: i64 = 1;
/// How every place code begins.
pub const PREFIX: &str = "NRP1:";
/// The longest text that is read.
const MAX_TEXT: usize = 600;

/// What a place's code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceCode {
    /// The place.
    pub place: PlaceId,
    /// First second, since the Unix epoch, in which it is over. A display makes short ones, a poster has a long one.
    pub until_s: i64,
}

/// Why a text is no place code that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaceCodeError {
    /// Something else was scanned.
    #[error("this is not a code of a place: scan the check-in poster")]
    NotAPlaceCode,
    /// No issuer that is known signed it.
    #[error("the code's issuer is not known here: connect once, then scan again")]
    UnknownIssuer,
    /// The signature does not fit.
    #[error("this code is not genuine: tell the staff")]
    Forged,
    /// It is over.
    #[error("this code is over: look for a newer one")]
    Over,
}

impl PlaceCode {
    /// The text to be drawn as a QR.
    #[must_use]
    pub fn text(&self, issuer: &SoftwareKey) -> String {
        format!("{PREFIX}{}", base45::encode(fields::sign(Kind::Place, self.payload(), issuer)))
    }

    /// Reads a scanned text at `now_s` seconds since the Unix epoch. One trailing line end is taken off.
    ///
    /// # Errors
    /// [`PlaceCodeError`].
    pub fn open(text: &str, issuers: &[IssuerKey], now_s: i64) -> Result<Self, PlaceCodeError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let body = text.strip_prefix(PREFIX).filter(|_| text.len() <= MAX_TEXT).ok_or(PlaceCodeError::NotAPlaceCode)?;
        let signed = base45::decode(body).map_err(|_| PlaceCodeError::NotAPlaceCode)?;
        if base45::encode(&signed) != body {
            return Err(PlaceCodeError::NotAPlaceCode);
        }
        let payload = fields::open(Kind::Place, &signed, issuers, now_s).map_err(|error| match error {
            RuleError::Malformed => PlaceCodeError::NotAPlaceCode,
            RuleError::UnknownIssuer => PlaceCodeError::UnknownIssuer,
            RuleError::Forged => PlaceCodeError::Forged,
        })?;
        let code = Self::from_payload(&payload).ok_or(PlaceCodeError::NotAPlaceCode)?;
        if now_s < code.until_s { Ok(code) } else { Err(PlaceCodeError::Over) }
    }

    fn payload(&self) -> Vec<u8> {
        Writer::default().put(1, VERSION).put(2, self.place.as_str()).put(3, self.until_s).bytes()
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut fields = Reader::bytes(payload)?;
        if fields.number::<i64>(1)? != VERSION {
            return None;
        }
        let code = Self { place: fields.text(2)?.into(), until_s: fields.number(3)? };
        (code.payload() == payload).then_some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn issuer(byte: u8) -> (SoftwareKey, IssuerKey) {
        let key = SoftwareKey::from_bytes(&[byte; 32]).unwrap();
        let public = IssuerKey { key: key.public_key(), not_before_s: 0, not_after_s: 1_000 };
        (key, public)
    }

    #[test]
    fn a_code_counts_under_its_issuer_until_its_end() {
        let ((key, known), (stranger, _)) = (issuer(1), issuer(2));
        let code = PlaceCode { place: "miyajima-up".into(), until_s: 100 };
        let (text, issuers) = (code.text(&key), [known]);
        assert!(text.starts_with("NRP1:") && text.len() < 220, "{}", text.len());
        assert_eq!(PlaceCode::open(&format!("{text}\r\n"), &issuers, 99), Ok(code.clone()));
        assert_eq!(PlaceCode::open(&text, &issuers, 100), Err(PlaceCodeError::Over));
        assert_eq!(PlaceCode::open(&text, &issuers, 1_000), Err(PlaceCodeError::UnknownIssuer), "its key is over");
        assert_eq!(PlaceCode::open(&code.text(&stranger), &issuers, 1), Err(PlaceCodeError::UnknownIssuer));
        assert_eq!(PlaceCode::open("https://example.com", &issuers, 1), Err(PlaceCodeError::NotAPlaceCode));
        let mut signed = base45::decode(text.strip_prefix(PREFIX).unwrap()).unwrap();
        for at in 0..signed.len() {
            signed[at] ^= 1;
            assert!(PlaceCode::open(&format!("{PREFIX}{}", base45::encode(&signed)), &issuers, 1).is_err(), "byte {at}");
            signed[at] ^= 1;
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer(text in "(NRP1:)?[ -~]{0,80}") {
            prop_assert!(PlaceCode::open(&text, &[issuer(1).1], 1).is_err());
        }
    }
}
