//! What goes back with a line: what was really paid for it after its share of discounts, and the tax that was in it.
//!
//! Parts are taken as differences of running sums, so that all parts together give back exactly what was paid, and exactly the tax of the sale.

use serde::{Deserialize, Serialize};

use super::{TaxRounding, tax_lines};
use crate::receipt::TaxLine;

/// A line of a sale, as it was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidLine {
    /// Pieces.
    pub pieces: u32,
    /// What it came to after coupons, and after points where those are a discount; tax included. The gross of the receipt.
    pub gross_minor: i64,
    /// How much of that was paid with points, where points are a means of payment.
    pub points_paid_minor: i64,
    /// Points that were used for this line.
    pub points: i64,
    /// Tax rate in thousandths.
    pub tax_permille: u32,
    /// Pieces that were given back before.
    pub refunded_pieces: u32,
}

/// Pieces that come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundLine {
    /// The line's place in the sale.
    pub line: usize,
    /// How many pieces.
    pub pieces: u32,
}

/// What goes back for a line; amounts are above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundedLine {
    /// The line's place in the sale.
    pub line: usize,
    /// How many pieces.
    pub pieces: u32,
    /// By how much the sale's gross falls.
    pub gross_minor: i64,
    /// What goes back in money.
    pub money_minor: i64,
    /// Points that come back.
    pub points: i64,
}

/// What goes back; amounts are above 0. The document (返還) writes them below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// By line.
    pub lines: Vec<RefundedLine>,
    /// The tax that goes back, by rate.
    pub taxes: Vec<TaxLine>,
    /// In money, in all.
    pub money_minor: i64,
    /// In points, in all.
    pub points: i64,
}

/// Why nothing goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// No pieces were named.
    #[error("name the lines and the pieces that come back")]
    Nothing,
    /// The sale has no such line.
    #[error("the sale has no line {0}: name one that it has")]
    NoLine(usize),
    /// The same line twice.
    #[error("line {0} is named twice: add its pieces up")]
    Twice(usize),
    /// More than there is left.
    #[error("line {line} has {left} pieces left to give back: ask for no more")]
    TooMany {
        /// The line.
        line: usize,
        /// Pieces that have not been given back.
        left: u32,
    },
}

impl Refund {
    /// The tax as the document of the return (返還) writes it: below 0.
    #[must_use]
    pub fn document_taxes(&self) -> Vec<TaxLine> {
        let below = |tax: &TaxLine| TaxLine { gross_minor: -tax.gross_minor, tax_minor: -tax.tax_minor, ..tax.clone() };
        self.taxes.iter().map(below).collect()
    }
}

impl PaidLine {
    /// Of an amount of the whole line, what belongs to its first so many pieces.
    fn part(&self, whole: i64, pieces: u32) -> i64 {
        let part = i128::from(whole) * i128::from(pieces) / i128::from(self.pieces.max(1));
        // A part of an i64.
        i64::try_from(part).unwrap_or(whole)
    }

    /// Of an amount of the whole line, what belongs to the next so many pieces after those given back before.
    fn next(&self, whole: i64, pieces: u32) -> i64 {
        self.part(whole, self.refunded_pieces.saturating_add(pieces)) - self.part(whole, self.refunded_pieces)
    }

    /// Pieces that have not been given back.
    #[must_use]
    pub fn left_pieces(&self) -> u32 {
        self.pieces.saturating_sub(self.refunded_pieces)
    }

    /// What was, or is to be, paid in money for the pieces that have not been given back.
    #[must_use]
    pub fn left_money_minor(&self) -> i64 {
        let points_minor = self.points_paid_minor - self.part(self.points_paid_minor, self.refunded_pieces);
        self.left_minor() - points_minor
    }

    /// What is left of the line on the receipt, in minor units, tax included.
    #[must_use]
    pub fn left_minor(&self) -> i64 {
        self.gross_minor - self.part(self.gross_minor, self.refunded_pieces)
    }
}

/// What goes back for these pieces of a sale. The caller keeps the pieces in [`PaidLine::refunded_pieces`] of the next refund.
///
/// # Errors
/// [`RefundError`]: nothing is given back in part.
pub fn refund(sale: &[PaidLine], asked: &[RefundLine], rounding: TaxRounding) -> Result<Refund, RefundError> {
    let mut lines: Vec<RefundedLine> = Vec::with_capacity(asked.len());
    for RefundLine { line, pieces } in asked.iter().copied() {
        let paid = sale.get(line).ok_or(RefundError::NoLine(line))?;
        if lines.iter().any(|other| other.line == line) {
            return Err(RefundError::Twice(line));
        }
        let left = paid.left_pieces();
        if pieces > left {
            return Err(RefundError::TooMany { line, left });
        }
        if pieces > 0 {
            let gross_minor = paid.next(paid.gross_minor, pieces);
            let money_minor = gross_minor - paid.next(paid.points_paid_minor, pieces);
            lines.push(RefundedLine { line, pieces, gross_minor, money_minor, points: paid.next(paid.points, pieces) });
        }
    }
    if lines.is_empty() {
        return Err(RefundError::Nothing);
    }
    Ok(Refund {
        taxes: taxes(sale, &lines, rounding),
        money_minor: lines.iter().map(|line| line.money_minor).sum(),
        points: lines.iter().map(|line| line.points).sum(),
        lines,
    })
}

/// By how much the tax of the sale falls, rate by rate.
fn taxes(sale: &[PaidLine], refunded: &[RefundedLine], rounding: TaxRounding) -> Vec<TaxLine> {
    let before = tax_lines(sale.iter().map(|line| (line.tax_permille, line.left_minor())), rounding);
    let falls = refunded.iter().filter_map(|line| Some((sale.get(line.line)?.tax_permille, line.gross_minor)));
    let mut taxes = tax_lines(falls, rounding);
    for tax in &mut taxes {
        if let Some(before) = before.iter().find(|before| before.tax_permille == tax.tax_permille) {
            tax.tax_minor = before.tax_minor - rounding.tax_in(before.gross_minor - tax.gross_minor, tax.tax_permille);
        }
    }
    taxes
}
