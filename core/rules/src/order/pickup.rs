//! What an order is handed over by: a pickup code that only the person has, and a call number that everyone may hear.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// How often a wrong code may be given before staff has to look at the member's card.
pub const PICKUP_TRIES: u32 = 5;

/// Letters and digits that nobody takes for another: no 0 and O, no 1 and I.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// The code that hands over an order: 8 characters, 40 bits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PickupCode(String);

/// Not a pickup code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pickup code has 8 letters and digits: type it as it stands on the phone")]
pub struct PickupCodeError;

impl PickupCode {
    /// Made of 8 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        // 32 letters: five bits of each byte, so that all are equally likely.
        let letter = |byte: u8| ALPHABET.get(usize::from(byte & 31)).copied().map_or('2', char::from);
        Self(bytes.into_iter().map(letter).collect())
    }

    /// Reads what was typed or scanned: small letters, spaces and dashes do not matter, and O, I and 0, 1 are nobody's letters.
    ///
    /// # Errors
    /// [`PickupCodeError`].
    pub fn read(text: &str) -> Result<Self, PickupCodeError> {
        let letters: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).take(9).map(|c| c.to_ascii_uppercase()).collect();
        let fits = letters.len() == 8 && letters.bytes().all(|byte| ALPHABET.contains(&byte));
        if fits { Ok(Self(letters)) } else { Err(PickupCodeError) }
    }

    /// The code as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PickupCode {
    /// Never in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PickupCode(…)")
    }
}

impl TryFrom<String> for PickupCode {
    type Error = PickupCodeError;

    fn try_from(text: String) -> Result<Self, PickupCodeError> {
        Self::read(&text)
    }
}

impl From<PickupCode> for String {
    fn from(code: PickupCode) -> Self {
        code.0
    }
}

/// How often a wrong code was given for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PickupTries {
    wrong: u32,
}

impl PickupTries {
    /// Wrong ones so far.
    #[must_use]
    pub fn wrong(self) -> u32 {
        self.wrong
    }

    /// True while the code may be tried.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.wrong < PICKUP_TRIES
    }

    /// Compares in constant time. After [`PICKUP_TRIES`] wrong ones nothing is right any more: only the member's card hands over.
    pub fn check(&mut self, expected: &PickupCode, given: &str) -> bool {
        if !self.is_open() {
            return false;
        }
        let right = PickupCode::read(given).is_ok_and(|given| bool::from(given.0.as_bytes().ct_eq(expected.0.as_bytes())));
        if !right {
            self.wrong += 1;
        }
        right
    }
}

/// A number that is called out: from 1 to 999, anew each day; it hands over nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct CallNumber(pub u16);

impl CallNumber {
    /// The number of the so-many-th order of a day, from 0.
    #[must_use]
    pub fn nth(order_of_day: u64) -> Self {
        Self(u16::try_from(order_of_day % 999).unwrap_or(0) + 1)
    }
}

impl std::fmt::Display for CallNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn five_wrong_codes_and_it_is_over() {
        let code = PickupCode::read("abcd-2345").unwrap();
        let mut tries = PickupTries::default();
        assert!(tries.check(&code, "ABCD2345") && tries.check(&code, "abcd 2345"));
        for wrong in ["ABCD2346", "", "ABCD234", "ＡＢＣＤ２３４５", "ABCD23450"] {
            assert!(tries.is_open() && !tries.check(&code, wrong));
        }
        assert!(!tries.is_open() && !tries.check(&code, "ABCD2345"));
        assert!(!format!("{code:?}").contains("ABCD"));
    }

    #[test]
    fn call_numbers_go_round() {
        let shown: Vec<String> = [0, 1, 998, 999].map(|n| CallNumber::nth(n).to_string()).to_vec();
        assert_eq!(shown, ["001", "002", "999", "001"]);
    }

    proptest! {
        #[test]
        fn any_code_is_read_again(bytes in any::<[u8; 8]>(), text in ".{0,40}") {
            let code = PickupCode::from_random(bytes);
            prop_assert_eq!(PickupCode::read(code.as_str()), Ok(code.clone()));
            let json = serde_json::to_string(&code).unwrap();
            prop_assert_eq!(serde_json::from_str::<PickupCode>(&json).unwrap(), code);
            let _ = PickupCode::read(&text);
        }
    }
}
