//! Receipts: what was bought, where, and what the law wants to be readable on it.
//!
//! A receipt carries what a 適格簡易請求書 (simplified qualified invoice) needs: issuer and registration number, date, lines with the
//! reduced-rate mark, totals and tax per rate. What the source did not record stays `None` and is shown as "not recorded", never as 0.

use serde::{Deserialize, Serialize};

use crate::ids::{ReceiptId, StoreId, TillId};

/// Where a purchase was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A till in a store.
    Store,
    /// The online shop.
    Ec,
    /// An order made ahead on the phone.
    MobileOrder,
}

/// What a receipt documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKind {
    /// Goods against money. The total is zero or positive.
    Sale,
    /// Goods back (返還). The total is zero or negative. It names its sale in `of`, or stands alone as an unlinked return.
    Return,
    /// A correction of a sale before hand-over (eat-in to take-out, for example). It names its sale in `of`; the total is the difference.
    Amendment,
}

/// The seller named on the receipt. The tenants of one rest stop are different issuers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Issuer {
    /// Name of the business.
    pub name: String,
    /// 登録番号: `T` and 13 digits; `None` where the source does not record it.
    pub registration_number: Option<String>,
}

/// One line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptLine {
    /// The shop's own article code.
    pub sku: String,
    /// What the shop calls it; at most 500 characters.
    pub description: String,
    /// Pieces; negative on a return.
    pub quantity: i64,
    /// What the line comes to, in minor units of the receipt's currency, tax included; negative on a return.
    pub amount_minor: i64,
    /// Tax rate in thousandths (80 is 8 %); `None` where the source does not record it.
    pub tax_permille: Option<u32>,
    /// True for the reduced rate (軽減税率), which a receipt has to mark.
    pub reduced_rate: bool,
}

/// A coupon that was shown for a purchase: what it took off, or why it was not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptCoupon {
    /// The grant.
    pub serial: u64,
    /// Its offer's number.
    pub offer: u32,
    /// The offer's title, in Japanese.
    pub title_ja: String,
    /// The same in English.
    pub title_en: String,
    /// What it took off, in minor units, tax included; 0 for one that was not used.
    pub discount_minor: i64,
    /// Why it was not used, as a snake_case word; `None` for one that was.
    pub reason: Option<String>,
    /// The reason in Japanese; empty for one that was used.
    pub reason_ja: String,
    /// The same in English.
    pub reason_en: String,
}

/// The tax of one rate on one receipt, rounded once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaxLine {
    /// Rate in thousandths (100 is 10 %).
    pub tax_permille: u32,
    /// Sum of the lines of this rate, tax included, in minor units.
    pub gross_minor: i64,
    /// The tax in it, in minor units.
    pub tax_minor: i64,
}

/// A receipt in a member's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// The receipt on the backend.
    pub id: ReceiptId,
    /// Number printed on it; unique within its till.
    pub number: String,
    /// The till that issued it.
    pub till_id: TillId,
    /// Where it was bought.
    pub channel: Channel,
    /// Sale, return or amendment.
    pub kind: ReceiptKind,
    /// The sale that a return or amendment belongs to; `None` on a sale and on an unlinked return.
    pub of: Option<ReceiptId>,
    /// When, in milliseconds since the Unix epoch, UTC.
    pub sold_at_ms: i64,
    /// The day in the store's own time zone, `YYYY-MM-DD`. Months are months of this day.
    pub business_date: String,
    /// The store.
    pub store_id: StoreId,
    /// The store's name at the time.
    pub store_name: String,
    /// The seller; `None` where the source does not record it.
    pub issuer: Option<Issuer>,
    /// ISO 4217 code of all amounts.
    pub currency: String,
    /// What was bought.
    pub lines: Vec<ReceiptLine>,
    /// Sum of all lines in minor units, tax included.
    pub total_minor: i64,
    /// Tax by rate; `None` where the source does not record it.
    pub taxes: Option<Vec<TaxLine>>,
    /// Points given (positive) or taken back (negative) with this receipt.
    pub points: i64,
    /// True when the paper was printed again (再発行).
    pub reissued: bool,
    /// True when the till cancelled it (取消): it stays in the history and counts nothing.
    pub voided: bool,
    /// The coupons that were shown, and what became of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<ReceiptCoupon>,
}

/// Why a receipt cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// A receipt without lines documents nothing.
    #[error("the receipt has no lines")]
    NoLines,
    /// More lines or longer texts than a receipt can have.
    #[error("the receipt is too large: at most {MAX_LINES} lines, {MAX_TEXT} characters a text")]
    TooLarge,
    /// The total is not the sum of the lines.
    #[error("the total is {total_minor}, the lines come to {sum_minor}")]
    TotalMismatch {
        /// The total that was given.
        total_minor: i64,
        /// What the lines come to.
        sum_minor: i64,
    },
    /// The sum does not fit.
    #[error("an amount does not fit")]
    Overflow,
    /// A sale below zero, a return above zero, or a sale that names another one.
    #[error("a {0:?} cannot have this sign or this reference")]
    WrongKind(ReceiptKind),
    /// The tax lines do not cover the lines.
    #[error("the taxes do not match the lines")]
    TaxMismatch,
    /// Not three capital letters.
    #[error("the currency is no ISO 4217 code")]
    Currency,
    /// Not a day of the calendar.
    #[error("the business date is no date (YYYY-MM-DD)")]
    BusinessDate,
    /// Not `T` and 13 digits.
    #[error("the registration number is not T and 13 digits")]
    RegistrationNumber,
}

/// Most lines on one receipt. The longest in the real sales log has 1,114.
pub const MAX_LINES: usize = 5_000;
/// Most characters of any one text on a receipt.
pub const MAX_TEXT: usize = 500;

/// The parts of a receipt that must agree with each other, wherever it comes from.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptFigures<'a> {
    /// Sale, return or amendment.
    pub kind: ReceiptKind,
    /// True when it names another receipt.
    pub names_a_sale: bool,
    /// ISO 4217.
    pub currency: &'a str,
    /// `YYYY-MM-DD`.
    pub business_date: &'a str,
    /// The seller.
    pub issuer: Option<&'a Issuer>,
    /// The lines.
    pub lines: &'a [ReceiptLine],
    /// The total.
    pub total_minor: i64,
    /// Tax by rate.
    pub taxes: Option<&'a [TaxLine]>,
}

impl ReceiptFigures<'_> {
    /// Checks that the figures agree: total = sum of lines, sign by kind, tax lines = lines by rate, formats.
    ///
    /// # Errors
    /// The first thing that does not agree.
    pub fn check(&self) -> Result<(), ReceiptError> {
        if self.lines.is_empty() {
            return Err(ReceiptError::NoLines);
        }
        let long = |text: &str| text.chars().count() > MAX_TEXT;
        if self.lines.len() > MAX_LINES || self.lines.iter().any(|l| long(&l.description) || long(&l.sku)) {
            return Err(ReceiptError::TooLarge);
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(ReceiptError::Currency);
        }
        if !is_date(self.business_date) {
            return Err(ReceiptError::BusinessDate);
        }
        if let Some(number) = self.issuer.and_then(|i| i.registration_number.as_deref())
            && !number.strip_prefix('T').is_some_and(|digits| digits.len() == 13 && digits.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(ReceiptError::RegistrationNumber);
        }
        let sum_minor = sum(self.lines.iter().map(|l| l.amount_minor))?;
        if sum_minor != self.total_minor {
            return Err(ReceiptError::TotalMismatch { total_minor: self.total_minor, sum_minor });
        }
        let fits = match self.kind {
            ReceiptKind::Sale => self.total_minor >= 0 && !self.names_a_sale,
            ReceiptKind::Return => self.total_minor <= 0,
            ReceiptKind::Amendment => self.names_a_sale,
        };
        if !fits {
            return Err(ReceiptError::WrongKind(self.kind));
        }
        self.taxes.map_or(Ok(()), |taxes| check_taxes(self.lines, taxes))
    }
}

fn sum(amounts: impl Iterator<Item = i64>) -> Result<i64, ReceiptError> {
    amounts.into_iter().try_fold(0i64, i64::checked_add).ok_or(ReceiptError::Overflow)
}

fn check_taxes(lines: &[ReceiptLine], taxes: &[TaxLine]) -> Result<(), ReceiptError> {
    let mut rates: Vec<u32> = lines.iter().map(|l| l.tax_permille.ok_or(ReceiptError::TaxMismatch)).collect::<Result<_, _>>()?;
    rates.sort_unstable();
    rates.dedup();
    let mut named: Vec<u32> = taxes.iter().map(|t| t.tax_permille).collect();
    named.sort_unstable();
    if rates != named {
        return Err(ReceiptError::TaxMismatch);
    }
    for tax in taxes {
        let gross = sum(lines.iter().filter(|l| l.tax_permille == Some(tax.tax_permille)).map(|l| l.amount_minor))?;
        // Down, half-up or up is the issuer's setting, so the tax may stand less than one minor unit off the exact figure.
        let rate = i128::from(tax.tax_permille);
        let off = (i128::from(tax.tax_minor) * (1000 + rate) - i128::from(gross) * rate).abs();
        if gross != tax.gross_minor || off >= 1000 + rate {
            return Err(ReceiptError::TaxMismatch);
        }
    }
    Ok(())
}

/// True for a day of the Gregorian calendar written `YYYY-MM-DD`.
#[must_use]
pub fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = |part: &str, width: usize| -> Option<u32> {
        (part.len() == width && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(amount_minor: i64, tax_permille: Option<u32>) -> ReceiptLine {
        ReceiptLine {
            sku: "1".into(),
            description: "x".into(),
            quantity: 1,
            amount_minor,
            tax_permille,
            reduced_rate: tax_permille == Some(80),
        }
    }

    fn check(
        kind: ReceiptKind,
        names_a_sale: bool,
        lines: &[ReceiptLine],
        total_minor: i64,
        taxes: Option<&[TaxLine]>,
    ) -> Result<(), ReceiptError> {
        ReceiptFigures { kind, names_a_sale, currency: "JPY", business_date: "2026-11-22", issuer: None, lines, total_minor, taxes }.check()
    }

    #[test]
    fn figures_agree_or_the_first_that_does_not_is_named() {
        let lines = [line(108, Some(80)), line(220, Some(100))];
        let tax = |tax_permille, gross_minor, tax_minor| TaxLine { tax_permille, gross_minor, tax_minor };
        // 108 yen hold 8 yen of tax at 8 %, 220 yen hold 20 at 10 % (国税庁: tax included / (100 + rate) x rate).
        let taxes = [tax(80, 108, 8), tax(100, 220, 20)];
        let sale = ReceiptKind::Sale;
        assert_eq!(check(sale, false, &lines, 328, Some(&taxes)), Ok(()));
        assert_eq!(check(sale, false, &lines, 328, None), Ok(()));
        assert_eq!(check(sale, false, &lines, 327, None), Err(ReceiptError::TotalMismatch { total_minor: 327, sum_minor: 328 }));
        assert_eq!(check(sale, false, &[], 0, None), Err(ReceiptError::NoLines));
        assert_eq!(check(sale, true, &lines, 328, None), Err(ReceiptError::WrongKind(sale)));
        assert_eq!(check(ReceiptKind::Return, true, &lines, 328, None), Err(ReceiptError::WrongKind(ReceiptKind::Return)));
        assert_eq!(check(ReceiptKind::Amendment, false, &lines, 328, None), Err(ReceiptError::WrongKind(ReceiptKind::Amendment)));
        assert_eq!(check(ReceiptKind::Return, false, &[line(-5, None)], -5, None), Ok(()));
        for wrong in [vec![tax(80, 108, 8)], vec![tax(80, 108, 9), taxes[1].clone()], vec![tax(80, 107, 8), taxes[1].clone()]] {
            assert_eq!(check(sale, false, &lines, 328, Some(&wrong)), Err(ReceiptError::TaxMismatch), "{wrong:?}");
        }
        assert_eq!(check(sale, false, &[line(i64::MAX, None), line(1, None)], 0, None), Err(ReceiptError::Overflow));
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        for good in ["2024-02-29", "2000-02-29", "2026-12-31"] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "2023-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-04-31",
            "26-01-01",
            "2026-1-1",
            "2026-01-01-",
            "",
            "２０２６-01-01",
            "+026-01-01",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }

    proptest! {
        /// Any of the three roundings that an issuer may choose is taken; anything further off is not.
        #[test]
        fn tax_may_be_rounded_down_half_up_or_up(gross in -1_000_000i64..1_000_000, rate in prop::sample::select(vec![80u32, 100])) {
            let exact = gross as f64 * f64::from(rate) / f64::from(1000 + rate);
            let lines = [line(gross, Some(rate))];
            let kind = if gross < 0 { ReceiptKind::Return } else { ReceiptKind::Sale };
            for (tax_minor, fits) in [(exact.floor() as i64, true), (exact.ceil() as i64, true), (exact.floor() as i64 - 1, false), (exact.ceil() as i64 + 1, false)] {
                let taxes = [TaxLine { tax_permille: rate, gross_minor: gross, tax_minor }];
                prop_assert_eq!(check(kind, false, &lines, gross, Some(&taxes)).is_ok(), fits, "{} of {}", tax_minor, exact);
            }
        }
    }
}
