//! What the receipts of an order say: the sale of what is handed over, and the return of what comes back after it.
//!
//! All documents of an order together come to nothing once all of it is back, in every rate: a return takes back what the sale's tax falls by, not the
//! tax of its own amount rounded anew.

use super::Order;
use crate::receipt::TaxLine;
use crate::tax::{PaidLine, RefundError, RefundLine, refund, tax_lines};

/// A line of such a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderDocumentLine {
    /// The line's place in the order.
    pub line: usize,
    /// Pieces; below 0 on a return.
    pub quantity: i64,
    /// What they come to, tax included, in minor units; below 0 on a return.
    pub amount_minor: i64,
    /// Tax rate in thousandths.
    pub tax_permille: u32,
}

/// The figures of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDocument {
    /// Its lines, in the order of the order.
    pub lines: Vec<OrderDocumentLine>,
    /// The tax in it, by rate ascending.
    pub taxes: Vec<TaxLine>,
    /// The total, tax included.
    pub total_minor: i64,
}

impl Order {
    /// The sale of all that is left of it: at hand-over, or where it is charged though nobody came. `None` where nothing is left.
    #[must_use]
    pub fn sale_document(&self) -> Option<OrderDocument> {
        let left = self.lines.iter().enumerate().filter(|(_, line)| line.paid.left_pieces() > 0);
        let line = |(line, ordered): (usize, &super::OrderLine)| OrderDocumentLine {
            line,
            quantity: i64::from(ordered.paid.left_pieces()),
            amount_minor: ordered.paid.left_minor(),
            tax_permille: ordered.paid.tax_permille,
        };
        let lines: Vec<OrderDocumentLine> = left.map(line).collect();
        let taxes = tax_lines(lines.iter().map(|line| (line.tax_permille, line.amount_minor)), self.rules.rounding);
        (!lines.is_empty()).then(|| OrderDocument { total_minor: lines.iter().map(|line| line.amount_minor).sum(), taxes, lines })
    }

    /// The return of pieces of a line after the sale: asked of the order as it stands before they come back. Where a step gives back several lines, each
    /// is asked of the order with those before it given back.
    ///
    /// # Errors
    /// [`RefundError`]: no such line, or not so many pieces left.
    pub fn return_document(&self, line: usize, pieces: u32) -> Result<OrderDocument, RefundError> {
        let paid: Vec<PaidLine> = self.lines.iter().map(|line| line.paid).collect();
        let back = refund(&paid, &[RefundLine { line, pieces }], self.rules.rounding)?;
        let below = |back: &crate::tax::RefundedLine| OrderDocumentLine {
            line: back.line,
            quantity: -i64::from(back.pieces),
            amount_minor: -back.gross_minor,
            tax_permille: paid.get(back.line).map_or(0, |paid| paid.tax_permille),
        };
        let lines: Vec<OrderDocumentLine> = back.lines.iter().map(below).collect();
        Ok(OrderDocument { total_minor: lines.iter().map(|line| line.amount_minor).sum(), taxes: back.document_taxes(), lines })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    use crate::cart::{CaptureTime, PaymentMethod};
    use crate::order::{Order, OrderActor, OrderEffect, OrderEvent, OrderLine, OrderRules};
    use crate::receipt::{ReceiptFigures, ReceiptKind, ReceiptLine};
    use crate::tax::{PaidLine, TaxRounding};

    use super::OrderDocument;

    fn figures_agree(kind: ReceiptKind, document: &OrderDocument) {
        let line = |line: &super::OrderDocumentLine| ReceiptLine {
            sku: line.line.to_string(),
            description: String::new(),
            quantity: line.quantity,
            amount_minor: line.amount_minor,
            tax_permille: Some(line.tax_permille),
            reduced_rate: line.tax_permille == 80,
        };
        let lines: Vec<ReceiptLine> = document.lines.iter().map(line).collect();
        let figures = ReceiptFigures {
            kind,
            names_a_sale: kind == ReceiptKind::Return,
            currency: "JPY",
            business_date: "2027-01-15",
            issuer: None,
            lines: &lines,
            total_minor: document.total_minor,
            taxes: Some(&document.taxes),
        };
        assert_eq!(figures.check(), Ok(()));
    }

    proptest! {
        /// Whatever was dropped before, and however it comes back: the sale and its returns are receipts, and together they come to nothing, in every
        /// rate, in money and in points.
        #[test]
        fn a_sale_and_all_its_returns_come_to_nothing(
            lines in prop::collection::vec((1u32..6, 0i64..5_000, 0i64..3_000, prop::sample::select(vec![80u32, 100])), 1..6),
            dropped in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
            order in prop::collection::vec((any::<prop::sample::Index>(), 1u32..4), 30),
            rounding in prop::sample::select(vec![TaxRounding::Down, TaxRounding::HalfUp, TaxRounding::Up]),
        ) {
            let lines = lines.into_iter().map(|(pieces, gross_minor, points, tax_permille)| {
                let points = points.min(gross_minor);
                let paid = PaidLine { pieces, gross_minor, points_paid_minor: points, points, tax_permille, refunded_pieces: 0 };
                OrderLine { paid, perishable: true, least_age: None, goes_with: None }
            });
            let rules = OrderRules {
                method: PaymentMethod::AtCounter,
                capture: CaptureTime::AtHandOver,
                rounding,
                accept_by_ms: 10,
                cancel_until_ms: None,
                keep_ms: 1_000,
                complete_after_ms: 1_000,
                charge_no_show: false,
                renew_before_ms: 0,
            };
            let mut life = Order::draft("o".into(), lines.collect(), rules, 100);
            let step = |life: &Order, event: OrderEvent| life.apply(&event, event.actors()[0], 1);
            for event in [OrderEvent::Submit, OrderEvent::Accept] {
                life = step(&life, event).unwrap().0;
            }
            for index in dropped {
                let line = index.index(life.lines.len());
                // The last piece stays: else the order is off.
                let left: u32 = life.lines.iter().map(|line| line.paid.left_pieces()).sum();
                if left > 1 && life.lines[line].paid.left_pieces() > 0 {
                    life = step(&life, OrderEvent::Missing { line, pieces: 1 }).unwrap().0;
                }
            }
            life = step(&life, OrderEvent::MakeReady).unwrap().0;
            let handed = step(&life, OrderEvent::HandOver { age_checked: true, refused: vec![] }).unwrap().0;
            let sale = handed.sale_document().unwrap();
            figures_agree(ReceiptKind::Sale, &sale);
            let (mut life, mut total, mut points, mut money) = (handed.clone(), sale.total_minor, 0, 0);
            let mut rates: BTreeMap<u32, (i64, i64)> = sale.taxes.iter().map(|tax| (tax.tax_permille, (tax.gross_minor, tax.tax_minor))).collect();
            let mut order = order.into_iter();
            while life.lines.iter().any(|line| line.paid.left_pieces() > 0) {
                let open: Vec<usize> = (0..life.lines.len()).filter(|at| life.lines[*at].paid.left_pieces() > 0).collect();
                let (line, pieces) = order.next().map_or((open[0], 1), |(index, pieces)| (open[index.index(open.len())], pieces));
                let pieces = pieces.min(life.lines[line].paid.left_pieces());
                let back = life.return_document(line, pieces).unwrap();
                figures_agree(ReceiptKind::Return, &back);
                let (next, effects) = life.apply(&OrderEvent::Refund { line, pieces }, OrderActor::Store, 2).unwrap();
                for effect in effects {
                    if let OrderEffect::Refund { money_minor, points: more, .. } = effect {
                        money += money_minor;
                        points += more;
                    }
                }
                total += back.total_minor;
                for tax in back.taxes {
                    let sum = rates.get_mut(&tax.tax_permille).unwrap();
                    *sum = (sum.0 + tax.gross_minor, sum.1 + tax.tax_minor);
                }
                life = next;
            }
            // Also where points have paid for all of it, and nothing was charged.
            prop_assert_eq!(total, 0);
            prop_assert!(rates.values().all(|sum| *sum == (0, 0)), "{rates:?}");
            prop_assert_eq!(money, handed.left_minor());
            prop_assert_eq!(life.sale_document(), None);
            let paid_with = |line: &OrderLine| line.paid.points * i64::from(line.paid.refunded_pieces) / i64::from(line.paid.pieces);
            let dropped: i64 = handed.lines.iter().map(paid_with).sum();
            prop_assert_eq!(points + dropped, handed.lines.iter().map(|line| line.paid.points).sum::<i64>());
        }
    }

    #[test]
    fn what_is_not_there_does_not_come_back() {
        let paid = PaidLine { pieces: 2, gross_minor: 1_000, points_paid_minor: 0, points: 0, tax_permille: 80, refunded_pieces: 2 };
        let rules = OrderRules {
            method: PaymentMethod::AtCounter,
            capture: CaptureTime::AtHandOver,
            rounding: TaxRounding::Down,
            accept_by_ms: 0,
            cancel_until_ms: None,
            keep_ms: 0,
            complete_after_ms: 0,
            charge_no_show: false,
            renew_before_ms: 0,
        };
        let order = Order::draft("o".into(), vec![OrderLine { paid, perishable: true, least_age: None, goes_with: None }], rules, 0);
        assert!(order.sale_document().is_none() && order.return_document(0, 1).is_err() && order.return_document(1, 1).is_err());
    }
}
