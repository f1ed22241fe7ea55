//! Product numbers: JAN (EAN-13, EAN-8), UPC-A, UPC-E, ITF-14.

use serde::{Deserialize, Serialize};

use super::gs1::has_gs1_check_digit;

/// A GTIN with a right check digit. The same product is the same value whatever bars carried it: UPC-A `036602301467` and EAN-13
/// `0036602301467` are equal.
///
/// As text, in JSON and across the FFI it has its own length, 8, 12, 13 or 14 digits, as it is printed below the bars; [`Gtin::fourteen`] has
/// the leading zeros that GS1 wants in databases and in AI 01.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gtin(String);

/// A text that is no GTIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a GTIN: 8, 12, 13 or 14 digits, the last of which is the check digit")]
pub struct NotAGtin;

impl Gtin {
    /// From 8, 12, 13 or 14 digits; `None` for another length or a wrong check digit. (Leading zeros do not change a check digit.)
    #[must_use]
    pub fn from_digits(digits: &str) -> Option<Self> {
        (matches!(digits.len(), 8 | 12..=14) && has_gs1_check_digit(digits)).then(|| Self(format!("{digits:0>14}")))
    }

    /// From the eight digits of a UPC-E, which stand for the twelve of a UPC-A with a run of zeros; `None` when they do not. They begin with 0: the
    /// General Specifications (5.2.2.4.2) know no others.
    #[must_use]
    pub fn from_upc_e(digits: &str) -> Option<Self> {
        let ['0', d1, d2, d3, d4, d5, last, check] = *digits.chars().collect::<Vec<_>>() else {
            return None;
        };
        let full = match last {
            '0'..='2' => ['0', d1, d2, last, '0', '0', '0', '0', d3, d4, d5, check],
            '3' => ['0', d1, d2, d3, '0', '0', '0', '0', '0', d4, d5, check],
            '4' => ['0', d1, d2, d3, d4, '0', '0', '0', '0', '0', d5, check],
            _ => ['0', d1, d2, d3, d4, d5, '0', '0', '0', '0', last, check],
        };
        Self::from_digits(&full.iter().collect::<String>())
    }

    /// The fourteen digits.
    #[must_use]
    pub fn fourteen(&self) -> &str {
        &self.0
    }

    /// In its own length. GS1 gives out no GTIN-12 or GTIN-13 with so many zeros in front that it would read as a shorter one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ["000000", "00", "0"].iter().find_map(|zeros| self.0.strip_prefix(zeros)).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for Gtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Gtin {
    type Err = NotAGtin;

    fn from_str(digits: &str) -> Result<Self, NotAGtin> {
        Self::from_digits(digits).ok_or(NotAGtin)
    }
}

impl TryFrom<String> for Gtin {
    type Error = NotAGtin;

    fn try_from(digits: String) -> Result<Self, NotAGtin> {
        digits.parse()
    }
}

impl From<Gtin> for String {
    fn from(gtin: Gtin) -> Self {
        gtin.to_string()
    }
}

#[cfg(feature = "uniffi")]
uniffi::custom_type!(Gtin, String, { try_lift: |digits| Ok(digits.parse::<Gtin>()?), lower: |gtin| gtin.to_string() });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_keeps_its_own() {
        for digits in ["48512343", "036602301467", "4901777018686", "30712345000010"] {
            let gtin = Gtin::from_digits(digits).unwrap();
            assert_eq!(gtin.to_string(), digits);
            assert_eq!(Gtin::from_digits(gtin.fourteen()), Some(gtin));
        }
        assert_eq!(Gtin::from_digits("0036602301467"), Gtin::from_digits("036602301467"));
    }

    #[test]
    fn other_lengths_and_wrong_digits_are_none() {
        for digits in
            ["", "0", "4901777018687", "490177701868", "123456789", "00000000000000x", "４９０１７７７０１８６８６", "123456789012345"]
        {
            assert_eq!(Gtin::from_digits(digits), None, "{digits}");
        }
        assert!(serde_json::from_str::<Gtin>("\"4901777018687\"").is_err());
        assert_eq!(serde_json::to_string(&Gtin::from_digits("4901777018686").unwrap()).unwrap(), "\"4901777018686\"");
    }

    /// Pairs as they stand on American goods.
    #[test]
    fn upc_e_stands_for_upc_a() {
        for (short, full) in [("01234565", "012345000065"), ("01234531", "012300000451"), ("04252614", "042100005264")] {
            assert_eq!(Gtin::from_upc_e(short).map(|gtin| gtin.to_string()).as_deref(), Some(full), "{short}");
        }
        for none in ["21234565", "10064908", "01234566", "0123456", "012345650", "日本日本日本日本"] {
            assert_eq!(Gtin::from_upc_e(none), None, "{none}");
        }
    }
}
