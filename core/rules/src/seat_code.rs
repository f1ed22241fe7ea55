//! The code of a seat: a slip that a till prints for one visit, or a plate that stays at the table.
//!
//! Text: `NRS1:` and Base45 (RFC 9285) of a COSE_Sign1 by an issuer, with its `kid` in the header and `noren/seat/1` as external_aad; the payload is
//! a map of version, store, seat, and of a slip its end and serial. A slip opens its table at once, and once. A plate can be photographed, so that
//! it opens nothing by itself: the staff, or a check-in at the store, has to say that the person is there.

use crate::cose::Kind;
use crate::fields::{self, Reader, RuleError, Writer};
use crate::ids::StoreId;
use crate::keys::SoftwareKey;
use crate::lists::IssuerKey;

const VERSION: i64 = 1;
/// How every seat code begins.
pub const PREFIX: &str = "NRS1:";
/// The longest text that is read.
const MAX_TEXT: usize = 600;

/// What carries a seat's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeatKind {
    /// A slip for one visit (伝票).
    Slip {
        /// First second, since the Unix epoch, in which it is over.
        until_s: i64,
        /// Names the visit: one session opens under it. Below 2^63.
        serial: u64,
    },
    /// A plate at the table. It has no end.
    Plate,
}

/// What a seat's code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatCode {
    /// The store.
    pub store: StoreId,
    /// The seat or table, as the store writes it.
    pub seat: String,
    /// Slip or plate.
    pub kind: SeatKind,
}

/// Why a text is no seat code that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeatCodeError {
    /// Something else was scanned.
    #[error("this is not a code of a seat: scan the one at your table")]
    NotASeatCode,
    /// No issuer that is known signed it.
    #[error("the code's issuer is not known here: connect once, then scan again")]
    UnknownIssuer,
    /// The signature does not fit.
    #[error("this code is not genuine: tell the staff")]
    Forged,
    /// The slip is over.
    #[error("this slip is over: ask the staff for a new one")]
    Over,
}

impl SeatCode {
    /// The text to be drawn as a QR.
    #[must_use]
    pub fn text(&self, issuer: &SoftwareKey) -> String {
        format!("{PREFIX}{}", base45::encode(fields::sign(Kind::Seat, self.payload(), issuer)))
    }

    /// Reads a scanned text at `now_s` seconds since the Unix epoch. One trailing line end is taken off.
    ///
    /// # Errors
    /// [`SeatCodeError`].
    pub fn open(text: &str, issuers: &[IssuerKey], now_s: i64) -> Result<Self, SeatCodeError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let body = text.strip_prefix(PREFIX).filter(|_| text.len() <= MAX_TEXT).ok_or(SeatCodeError::NotASeatCode)?;
        let signed = base45::decode(body).map_err(|_| SeatCodeError::NotASeatCode)?;
        if base45::encode(&signed) != body {
            return Err(SeatCodeError::NotASeatCode);
        }
        let payload = fields::open(Kind::Seat, &signed, issuers, now_s).map_err(|error| match error {
            RuleError::Malformed => SeatCodeError::NotASeatCode,
            RuleError::UnknownIssuer => SeatCodeError::UnknownIssuer,
            RuleError::Forged => SeatCodeError::Forged,
        })?;
        let code = Self::from_payload(&payload).ok_or(SeatCodeError::NotASeatCode)?;
        match code.kind {
            SeatKind::Slip { until_s, .. } if now_s >= until_s => Err(SeatCodeError::Over),
            _ => Ok(code),
        }
    }

    fn payload(&self) -> Vec<u8> {
        let payload = Writer::default().put(1, VERSION).put(2, self.store.as_str()).put(3, self.seat.as_str());
        match self.kind {
            SeatKind::Slip { until_s, serial } => payload.put(4, until_s).put(5, serial).bytes(),
            SeatKind::Plate => payload.bytes(),
        }
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut fields = Reader::bytes(payload)?;
        if fields.number::<i64>(1)? != VERSION {
            return None;
        }
        let (store, seat) = (fields.text(2)?.into(), fields.text(3)?);
        let kind = match (fields.maybe_number(4)?, fields.maybe_number(5)?) {
            (Some(until_s), Some(serial)) => SeatKind::Slip { until_s, serial },
            (None, None) => SeatKind::Plate,
            _ => return None,
        };
        let code = Self { store, seat, kind };
        (code.payload() == payload).then_some(code)
    }
}

impl SeatCodeError {
    /// In Japanese.
    #[must_use]
    pub fn text_ja(self) -> &'static str {
        match self {
            Self::NotASeatCode => "座席のコードではありません。テーブルのコードを読み取ってください",
            Self::UnknownIssuer => "このコードの発行元を確認できません。一度オンラインにしてからもう一度読み取ってください",
            Self::Forged => "正しいコードではありません。店員にお知らせください",
            Self::Over => "この伝票のコードは期限が過ぎています。店員にお声がけください",
        }
    }

    /// In English.
    #[must_use]
    pub fn text_en(self) -> &'static str {
        match self {
            Self::NotASeatCode => "Not a code of a seat: scan the one at your table",
            Self::UnknownIssuer => "The code's issuer is not known here: connect once, then scan again",
            Self::Forged => "This code is not genuine: tell the staff",
            Self::Over => "This slip is over: ask the staff for a new one",
        }
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
    fn a_slip_ends_and_a_plate_does_not() {
        let ((key, known), (stranger, _)) = (issuer(1), issuer(2));
        let slip = SeatCode { store: "s1".into(), seat: "A-12".into(), kind: SeatKind::Slip { until_s: 100, serial: 7 } };
        let plate = SeatCode { kind: SeatKind::Plate, ..slip.clone() };
        let issuers = [known];
        let text = slip.text(&key);
        assert!(text.starts_with("NRS1:") && text.len() < 220, "{}", text.len());
        assert_eq!(SeatCode::open(&format!("{text}\r\n"), &issuers, 99), Ok(slip.clone()));
        assert_eq!(SeatCode::open(&text, &issuers, 100), Err(SeatCodeError::Over));
        assert_eq!(SeatCode::open(&plate.text(&key), &issuers, 999), Ok(plate));
        assert_eq!(SeatCode::open(&text, &issuers, 1_000), Err(SeatCodeError::UnknownIssuer), "its key is over");
        assert_eq!(SeatCode::open(&slip.text(&stranger), &issuers, 1), Err(SeatCodeError::UnknownIssuer));
        let place = crate::place_code::PlaceCode { place: "s1".into(), until_s: 100 }.text(&key).replacen("NRP1:", PREFIX, 1);
        assert!(SeatCode::open(&place, &issuers, 1).is_err(), "a poster's code in a seat's clothes");
        let mut signed = base45::decode(text.strip_prefix(PREFIX).unwrap()).unwrap();
        for at in 0..signed.len() {
            signed[at] ^= 1;
            assert!(SeatCode::open(&format!("{PREFIX}{}", base45::encode(&signed)), &issuers, 1).is_err(), "byte {at}");
            signed[at] ^= 1;
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer(text in "(NRS1:)?[ -~]{0,80}") {
            prop_assert!(SeatCode::open(&text, &[issuer(1).1], 1).is_err());
        }

        #[test]
        fn what_is_written_is_read(store in ".{1,20}", seat in ".{0,20}", slip in prop::option::of((2i64..i64::MAX, 0u64..1 << 63))) {
            let kind = slip.map_or(SeatKind::Plate, |(until_s, serial)| SeatKind::Slip { until_s, serial });
            let code = SeatCode { store: store.into(), seat, kind };
            let (key, known) = issuer(1);
            prop_assert_eq!(SeatCode::open(&code.text(&key), &[known], 1), Ok(code));
        }
    }
}
