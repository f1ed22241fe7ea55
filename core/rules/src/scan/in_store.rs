//! Numbers that a shop gives out itself (JAN 20 to 29, インストアコード): what they mean stands in the operator's prefix table and nowhere else.
//!
//! GS1 General Specifications, section 2.1.12 (restricted circulation numbers) and 7.9 (price and weight check digits). UPC-A numbers beginning
//! with 2 are `02` here.

use serde::{Deserialize, Serialize};

use super::gs1::is_digits;
use super::gtin::Gtin;
use super::{Gs1Element, ScanRefusal, Scanned, ScannedMember};

/// One row of the operator's prefix table. Where several fit, the longest prefix counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PrefixRule {
    /// The first 2 to 7 of the thirteen digits, beginning with 2 or with 02.
    pub prefix: String,
    /// What numbers with it mean.
    pub kind: PrefixKind,
}

/// What the numbers of a prefix mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PrefixKind {
    /// Cards of members. Static and copyable: such a code may earn and never spend.
    Member,
    /// Goods by the shop's own item number, which fills all digits between prefix and check digit.
    Item,
    /// Goods with a price in minor units (yen).
    Price(ValueLayout),
    /// Goods with a weight in grams.
    Weight(ValueLayout),
}

/// How a number with a value is laid out after its prefix: item, value check digit if there is one, value; then comes the check digit of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ValueLayout {
    /// Digits of the item number.
    pub item_digits: u8,
    /// A check digit of the value stands before it. For values of 4 and 5 digits only.
    pub value_check_digit: bool,
    /// Digits of the value.
    pub value_digits: u8,
}

/// Why a prefix table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixTableError {
    /// Not a prefix of the shop's own numbers.
    #[error("prefix {0}: give 2 to 7 digits that begin with 2 or 02")]
    Prefix(String),
    /// Twice the same prefix.
    #[error("prefix {0} stands in the table twice: keep one row")]
    Twice(String),
    /// The digits do not add up.
    #[error("prefix {0}: prefix, item, value check digit and value must be 12 digits together, with at least one of item and of value")]
    Layout(String),
    /// GS1 defines check digits of values for 4 and 5 digits.
    #[error("prefix {0}: a value check digit goes with 4 or 5 digits of value")]
    ValueCheckDigit(String),
}

/// A number of the shop's own, as goods or not known further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct InStoreCode {
    /// All thirteen digits, or eight.
    pub code: String,
    /// The item number by the prefix table.
    pub item: Option<String>,
    /// The price by the prefix table, in minor units of the shop's currency.
    pub price_minor: Option<i64>,
    /// The weight by the prefix table, in grams.
    pub weight_g: Option<i64>,
    /// What the composite component above the bars says; empty without one.
    pub composite: Vec<Gs1Element>,
}

impl InStoreCode {
    fn new(code: String) -> Self {
        Self { code, item: None, price_minor: None, weight_g: None, composite: Vec::new() }
    }
}

/// Checks a prefix table when an operator sets it up. A row that does not pass is not used by [`super::read`] either.
///
/// # Errors
/// The first row that is wrong.
pub fn check_prefix_table(rules: &[PrefixRule]) -> Result<(), PrefixTableError> {
    for (at, rule) in rules.iter().enumerate() {
        rule.check()?;
        if rules.iter().take(at).any(|other| other.prefix == rule.prefix) {
            return Err(PrefixTableError::Twice(rule.prefix.clone()));
        }
    }
    Ok(())
}

impl PrefixRule {
    fn check(&self) -> Result<(), PrefixTableError> {
        let own = self.prefix.starts_with('2') || self.prefix.starts_with("02");
        if !own || !is_digits(&self.prefix) || !(2..=7).contains(&self.prefix.len()) {
            return Err(PrefixTableError::Prefix(self.prefix.clone()));
        }
        let (PrefixKind::Price(layout) | PrefixKind::Weight(layout)) = &self.kind else {
            return Ok(());
        };
        let digits =
            self.prefix.len() + usize::from(layout.item_digits) + usize::from(layout.value_check_digit) + usize::from(layout.value_digits);
        if digits != 12 || layout.item_digits == 0 || layout.value_digits == 0 {
            return Err(PrefixTableError::Layout(self.prefix.clone()));
        }
        if layout.value_check_digit && !(4..=5).contains(&layout.value_digits) {
            return Err(PrefixTableError::ValueCheckDigit(self.prefix.clone()));
        }
        Ok(())
    }
}

/// The digits of a number of the shop's own: thirteen, or the eight of a short one. `None` for the number of a product.
pub(super) fn own_digits(gtin: &Gtin) -> Option<String> {
    let digits = gtin.as_str();
    (digits.starts_with('2') && digits.len() != 14).then(|| if digits.len() == 12 { format!("0{digits}") } else { digits.to_owned() })
}

/// What the prefix table makes of it. Short numbers stand in no table.
pub(super) fn read(code: String, rules: &[PrefixRule]) -> Result<Scanned, ScanRefusal> {
    let fitting = rules.iter().filter(|rule| code.len() == 13 && code.starts_with(&rule.prefix) && rule.check().is_ok());
    let Some(rule) = fitting.max_by_key(|rule| rule.prefix.len()) else {
        return Ok(Scanned::InStore(InStoreCode::new(code)));
    };
    let after_prefix = code.strip_prefix(rule.prefix.as_str()).unwrap_or_default();
    let body = after_prefix.get(..after_prefix.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let own = match &rule.kind {
        PrefixKind::Member => return Ok(Scanned::Member(ScannedMember::Static(code))),
        PrefixKind::Item => InStoreCode { item: Some(body), ..InStoreCode::new(code) },
        PrefixKind::Price(layout) => {
            let (item, price_minor) = layout.read(&body)?;
            InStoreCode { item: Some(item), price_minor: Some(price_minor), ..InStoreCode::new(code) }
        }
        PrefixKind::Weight(layout) => {
            let (item, weight_g) = layout.read(&body)?;
            InStoreCode { item: Some(item), weight_g: Some(weight_g), ..InStoreCode::new(code) }
        }
    };
    Ok(Scanned::InStore(own))
}

impl ValueLayout {
    fn read(self, body: &str) -> Result<(String, i64), ScanRefusal> {
        let (item, rest) = body.split_at_checked(self.item_digits.into()).ok_or(ScanRefusal::CheckDigit)?;
        let (check, value) = rest.split_at_checked(self.value_check_digit.into()).ok_or(ScanRefusal::CheckDigit)?;
        if self.value_check_digit && value_check_digit(value) != check.parse().ok() {
            return Err(ScanRefusal::ValueCheckDigit);
        }
        Ok((item.to_owned(), value.parse().map_err(|_| ScanRefusal::CheckDigit)?))
    }
}

/// The check digit of a price or weight of 4 or 5 digits. General Specifications, sections 7.9.2 to 7.9.4: each digit is weighted by a table;
/// three times the sum for four digits, for five the digit whose weight "5 minus" fills the sum up to a multiple of ten.
fn value_check_digit(value: &str) -> Option<u32> {
    const TWO_MINUS: [u32; 10] = [0, 2, 4, 6, 8, 9, 1, 3, 5, 7];
    const THREE: [u32; 10] = [0, 3, 6, 9, 2, 5, 8, 1, 4, 7];
    const FIVE_PLUS: [u32; 10] = [0, 5, 1, 6, 2, 7, 3, 8, 4, 9];
    const FIVE_MINUS: [u32; 10] = [0, 5, 9, 4, 8, 3, 7, 2, 6, 1];
    let weights: &[[u32; 10]] = match value.len() {
        4 => &[TWO_MINUS, TWO_MINUS, THREE, FIVE_MINUS],
        5 => &[FIVE_PLUS, TWO_MINUS, FIVE_MINUS, FIVE_PLUS, TWO_MINUS],
        _ => return None,
    };
    let weighted = value.chars().zip(weights).map(|(digit, table)| table.get(usize::try_from(digit.to_digit(10)?).ok()?).copied());
    let sum: u32 = weighted.sum::<Option<u32>>()?;
    if value.len() == 4 {
        return Some(sum * 3 % 10);
    }
    let wanted = (10 - sum % 10) % 10;
    FIVE_MINUS.iter().position(|weight| *weight == wanted).and_then(|digit| u32::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(prefix: &str, kind: PrefixKind) -> PrefixRule {
        PrefixRule { prefix: prefix.into(), kind }
    }

    fn layout(item_digits: u8, value_check_digit: bool, value_digits: u8) -> ValueLayout {
        ValueLayout { item_digits, value_check_digit, value_digits }
    }

    /// The examples of the General Specifications.
    #[test]
    fn check_digits_of_values() {
        assert_eq!(value_check_digit("2875"), Some(9));
        assert_eq!(value_check_digit("14685"), Some(6));
        assert_eq!(value_check_digit("0000"), Some(0));
        assert_eq!(value_check_digit("287"), None);
    }

    #[test]
    fn a_table_is_checked_when_it_is_set_up() {
        let good = [
            rule("28", PrefixKind::Member),
            rule("20", PrefixKind::Price(layout(5, true, 4))),
            rule("21", PrefixKind::Weight(layout(5, false, 5))),
            rule("0212", PrefixKind::Item),
        ];
        assert_eq!(check_prefix_table(&good), Ok(()));
        let price = |prefix: &str, layout| rule(prefix, PrefixKind::Price(layout));
        for (rules, error) in [
            (vec![rule("49", PrefixKind::Member)], PrefixTableError::Prefix("49".into())),
            (vec![rule("2", PrefixKind::Member)], PrefixTableError::Prefix("2".into())),
            (vec![rule("2A", PrefixKind::Item)], PrefixTableError::Prefix("2A".into())),
            (vec![rule("28", PrefixKind::Member), rule("28", PrefixKind::Item)], PrefixTableError::Twice("28".into())),
            (vec![price("20", layout(5, true, 5))], PrefixTableError::Layout("20".into())),
            (vec![price("20", layout(10, false, 0))], PrefixTableError::Layout("20".into())),
            (vec![price("20", layout(3, true, 6))], PrefixTableError::ValueCheckDigit("20".into())),
        ] {
            assert_eq!(check_prefix_table(&rules), Err(error));
        }
    }
}
