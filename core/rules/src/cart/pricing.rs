//! What a cart comes to, to the minor unit: prices of items and modifiers, coupons, points, tax by hand-over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Cart, CartLine, CartModifier, modifier};
use crate::basket::{Basket, BasketError, BasketLine, Slot, part, spread};
use crate::best_set::{Coupon, UnusedCoupon, UsedCoupon, best_set};
use crate::eligibility::Circumstances;
use crate::menu::{MenuBook, MenuItem, Modifier, price_for};
use crate::offers::{Budget, OfferId};
use crate::receipt::{ReceiptLine, TaxLine};
use crate::tax::{PaidLine, TaxClass, TaxHandoff, TaxRate, TaxRates, TaxRounding, TaxTableError, tax_lines};

/// What stands for an article code where a line of an order or a receipt is the fee of a delivery.
pub const DELIVERY_FEE: &str = "delivery_fee";

/// Coupons that the person is willing to use.
#[derive(Debug, Clone, Copy)]
pub struct CouponTerms<'a> {
    /// With their offers, opened.
    pub coupons: &'a [Coupon<'a>],
    /// Who, where and when.
    pub circumstances: &'a Circumstances<'a>,
    /// What may still be spent of an offer.
    pub budgets: &'a BTreeMap<OfferId, Budget>,
}

/// What points are, by the programme's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PointsMode {
    /// A discount: before tax, spread over all lines, and so over the rates.
    Discount,
    /// A means of payment: after tax.
    Payment,
}

/// Points that the person wants to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointsTerms {
    /// What they are.
    pub mode: PointsMode,
    /// At most so many.
    pub points: i64,
    /// What one is worth in minor units.
    pub value_minor: i64,
}

/// All that a price depends on, the cart and its menu apart.
#[derive(Debug, Clone, Copy)]
pub struct PriceTerms<'a> {
    /// The rates of the day of the hand-over.
    pub rates: &'a TaxRates,
    /// The issuer's way of rounding.
    pub rounding: TaxRounding,
    /// The fee for a delivery, tax included; 0 for none.
    pub delivery_fee_minor: i64,
    /// Coupons, if any are to be used.
    pub coupons: Option<CouponTerms<'a>>,
    /// Points, if any are to be used.
    pub points: Option<PointsTerms>,
}

impl<'a> PriceTerms<'a> {
    /// Without coupons, points and fees, rounded down.
    #[must_use]
    pub fn new(rates: &'a TaxRates) -> Self {
        Self { rates, rounding: TaxRounding::Down, delivery_fee_minor: 0, coupons: None, points: None }
    }
}

/// What a priced line is of.
#[derive(Debug, Clone, Copy)]
pub enum PricedOf<'a> {
    /// An item, with its modifiers of the same tax class.
    Item(&'a MenuItem),
    /// A modifier of another tax class than its item.
    Modifier(&'a MenuItem, &'a Modifier),
    /// The fee for the delivery.
    DeliveryFee,
}

/// A priced line: one of the receipt.
#[derive(Debug, Clone, Copy)]
pub struct PricedLine<'a> {
    /// The place of the cart's line; `None` for a fee.
    pub line: Option<usize>,
    /// What it is of.
    pub of: PricedOf<'a>,
    /// Pieces.
    pub pieces: u32,
    /// What it comes to by its price, in minor units, tax included.
    pub amount_minor: i64,
    /// What coupons take off.
    pub discount_minor: i64,
    /// What points take off, or pay, of it.
    pub points_minor: i64,
    /// Points that are used for it.
    pub points: i64,
    /// What it comes to for the receipt and its tax: after coupons, and after points where those are a discount.
    pub gross_minor: i64,
    /// Its rate.
    pub rate: TaxRate,
}

/// What a cart comes to. Amounts are in minor units, tax included.
#[derive(Debug, Clone)]
pub struct PricedCart<'a> {
    /// The lines of the receipt, in the order of the cart, the fee last.
    pub lines: Vec<PricedLine<'a>>,
    /// By prices alone.
    pub subtotal_minor: i64,
    /// What coupons take off.
    pub discount_minor: i64,
    /// Coupons that are used.
    pub used: Vec<UsedCoupon>,
    /// Coupons that are not, and why.
    pub unused: Vec<UnusedCoupon>,
    /// Points that are used.
    pub points: i64,
    /// What they take off, or pay.
    pub points_minor: i64,
    /// What points are; `None` when none are used.
    pub points_mode: Option<PointsMode>,
    /// The total of the receipt: after coupons, and after points where those are a discount.
    pub total_minor: i64,
    /// What is left to pay in money.
    pub to_pay_minor: i64,
    /// The tax in the total, by rate.
    pub taxes: Vec<TaxLine>,
}

/// Why a cart has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// The menu does not know the item or a modifier of this line, or has no price for the hand-over.
    #[error("line {line} has no price on this menu: show what changed, and ask")]
    NotOnMenu {
        /// The line's place.
        line: usize,
    },
    /// The amounts cannot be added up.
    #[error("the cart comes to more than can be ordered: ask for fewer pieces")]
    TooLarge,
    /// The table has no rate for that day.
    #[error(transparent)]
    Tax(#[from] TaxTableError),
}

impl From<BasketError> for PriceError {
    fn from(_: BasketError) -> Self {
        Self::TooLarge
    }
}

/// What one piece costs with its modifiers, wherever they are on the receipt.
pub(super) fn piece_minor(line: &CartLine, book: &MenuBook, tax_handoff: TaxHandoff) -> Option<i64> {
    let item = book.item(&line.item)?;
    let base = price_for(&item.prices, tax_handoff)?;
    let mut sum = base;
    let mut add = |_: &Modifier, _, amount: i64| {
        sum = sum.checked_add(amount)?;
        Some(())
    };
    walk(book, &line.modifiers, tax_handoff, 1, &mut add)?;
    Some(sum)
}

/// Goes over what is chosen: each modifier, how many of it a piece has, and what those cost together.
fn walk<'a>(
    book: &'a MenuBook,
    chosen: &[CartModifier],
    tax_handoff: TaxHandoff,
    times: u32,
    visit: &mut impl FnMut(&'a Modifier, u32, i64) -> Option<()>,
) -> Option<()> {
    for one in chosen {
        let modifier = modifier(book, one)?;
        let quantity = times.checked_mul(one.quantity)?;
        // A modifier without prices costs nothing; one with prices, but none for this hand-over, is not sold so.
        let price = if modifier.prices.is_empty() { 0 } else { price_for(&modifier.prices, tax_handoff)? };
        visit(modifier, quantity, price.checked_mul(i64::from(quantity))?)?;
        walk(book, &one.modifiers, tax_handoff, quantity, visit)?;
    }
    Some(())
}

/// Prices a cart. It may have problems: what is on the menu has a price.
///
/// # Errors
/// [`PriceError`].
pub fn price<'a>(cart: &Cart, book: &'a MenuBook, terms: &PriceTerms<'_>) -> Result<PricedCart<'a>, PriceError> {
    let mut lines: Vec<PricedLine<'a>> = Vec::with_capacity(cart.lines.len() + 1);
    for (at, line) in cart.lines.iter().enumerate() {
        let tax_handoff = line.tax_handoff.unwrap_or(cart.tax_handoff);
        price_line(&mut lines, at, line, book, tax_handoff, terms.rates)?;
    }
    if terms.delivery_fee_minor > 0 {
        let rate = terms.rates.rate(TaxClass::DeliveryFee, cart.tax_handoff)?;
        lines.push(priced_line(None, PricedOf::DeliveryFee, 1, terms.delivery_fee_minor, rate));
    }
    let subtotal_minor = lines.iter().try_fold(0i64, |sum, line| sum.checked_add(line.amount_minor)).ok_or(PriceError::TooLarge)?;
    let (used, unused) = match terms.coupons.filter(|coupons| !coupons.coupons.is_empty()) {
        Some(coupons) => use_coupons(&mut lines, &book.menu().currency, &coupons)?,
        None => (Vec::new(), Vec::new()),
    };
    let discount_minor: i64 = lines.iter().map(|line| line.discount_minor).sum();
    let points = terms.points.map_or(0, |points| use_points(&mut lines, points, subtotal_minor - discount_minor));
    let points_mode = terms.points.filter(|_| points > 0).map(|points| points.mode);
    for line in &mut lines {
        let off = if points_mode == Some(PointsMode::Discount) { line.points_minor } else { 0 };
        line.gross_minor = line.amount_minor - line.discount_minor - off;
    }
    let points_minor = lines.iter().map(|line| line.points_minor).sum();
    let total_minor = lines.iter().map(|line| line.gross_minor).sum();
    Ok(PricedCart {
        taxes: tax_lines(lines.iter().map(|line| (line.rate.permille, line.gross_minor)), terms.rounding),
        lines,
        subtotal_minor,
        discount_minor,
        used,
        unused,
        points,
        points_minor,
        points_mode,
        total_minor,
        to_pay_minor: subtotal_minor - discount_minor - points_minor,
    })
}

fn priced_line(line: Option<usize>, of: PricedOf<'_>, pieces: u32, amount_minor: i64, rate: TaxRate) -> PricedLine<'_> {
    PricedLine { line, of, pieces, amount_minor, discount_minor: 0, points_minor: 0, points: 0, gross_minor: amount_minor, rate }
}

/// The item with its modifiers, and a line of its own for each modifier of another tax class.
fn price_line<'a>(
    lines: &mut Vec<PricedLine<'a>>,
    at: usize,
    line: &CartLine,
    book: &'a MenuBook,
    tax_handoff: TaxHandoff,
    rates: &TaxRates,
) -> Result<(), PriceError> {
    let missing = || PriceError::NotOnMenu { line: at };
    let item = book.item(&line.item).ok_or_else(missing)?;
    let mut piece_minor = price_for(&item.prices, tax_handoff).ok_or_else(missing)?;
    let own_place = lines.len();
    let mut taxes = Ok(());
    let mut add = |modifier: &'a Modifier, quantity: u32, amount_minor: i64| {
        match modifier.tax_class.filter(|class| *class != item.tax_class) {
            None => piece_minor = piece_minor.checked_add(amount_minor)?,
            Some(class) => match rates.rate(class, tax_handoff) {
                Ok(rate) => {
                    let pieces = quantity.checked_mul(line.quantity)?;
                    let amount_minor = amount_minor.checked_mul(i64::from(line.quantity))?;
                    lines.push(priced_line(Some(at), PricedOf::Modifier(item, modifier), pieces, amount_minor, rate));
                }
                Err(error) => taxes = Err(error),
            },
        }
        Some(())
    };
    walk(book, &line.modifiers, tax_handoff, 1, &mut add).ok_or_else(missing)?;
    taxes?;
    let class = match item.mixed_set {
        Some(set) => rates.mixed_set_class(set, piece_minor, tax_handoff),
        None => item.tax_class,
    };
    let amount_minor = piece_minor.checked_mul(i64::from(line.quantity)).ok_or(PriceError::TooLarge)?;
    lines.insert(own_place, priced_line(Some(at), PricedOf::Item(item), line.quantity, amount_minor, rates.rate(class, tax_handoff)?));
    Ok(())
}

fn use_coupons(
    lines: &mut [PricedLine<'_>],
    currency: &str,
    terms: &CouponTerms<'_>,
) -> Result<(Vec<UsedCoupon>, Vec<UnusedCoupon>), PriceError> {
    // Coupons are for goods: the fee comes last and is not among them.
    let goods = lines.iter().filter_map(|line| {
        let (sku, item) = match line.of {
            PricedOf::Item(item) => (item.sku.as_str(), item),
            PricedOf::Modifier(item, modifier) => (modifier.id.as_str(), item),
            PricedOf::DeliveryFee => return None,
        };
        Some(BasketLine {
            sku: sku.to_owned(),
            class: item.class.clone(),
            quantity: i64::from(line.pieces),
            amount_minor: line.amount_minor,
            tax_permille: Some(line.rate.permille),
            greatest_discount_minor: item.greatest_discount_permille.map(|permille| part(line.amount_minor, i64::from(permille))),
        })
    });
    let basket = Basket::new(currency, goods.collect())?;
    let best = best_set(terms.coupons, terms.circumstances, &basket, terms.budgets);
    for (line, discount_minor) in lines.iter_mut().zip(&best.line_discounts) {
        line.discount_minor = *discount_minor;
    }
    Ok((best.used, best.unused))
}

/// Spreads points over what is left of the lines, and says how many are used: whole ones, no more than are wanted.
fn use_points(lines: &mut [PricedLine<'_>], terms: PointsTerms, left_minor: i64) -> i64 {
    let Some(most) = left_minor.max(0).checked_div(terms.value_minor.max(0)) else {
        return 0;
    };
    let points = terms.points.clamp(0, most);
    if points == 0 {
        return 0;
    }
    let left = |line: &PricedLine<'_>| line.amount_minor - line.discount_minor;
    let slots: Vec<Slot> = lines.iter().map(|line| Slot { weight: left(line), room: left(line) }).collect();
    let worth = spread(points * terms.value_minor, &slots);
    let slots: Vec<Slot> = worth.iter().map(|worth| Slot { weight: *worth, room: points }).collect();
    let counts = spread(points, &slots);
    for ((line, points_minor), points) in lines.iter_mut().zip(worth).zip(counts) {
        (line.points_minor, line.points) = (points_minor, points);
    }
    points
}

impl PricedCart<'_> {
    /// As they are paid, for a later refund by line: in the order of [`PricedCart::lines`].
    #[must_use]
    pub fn paid_lines(&self) -> Vec<PaidLine> {
        let as_payment = self.points_mode == Some(PointsMode::Payment);
        let paid = |line: &PricedLine<'_>| PaidLine {
            pieces: line.pieces,
            gross_minor: line.gross_minor,
            points_paid_minor: if as_payment { line.points_minor } else { 0 },
            points: line.points,
            tax_permille: line.rate.permille,
            refunded_pieces: 0,
        };
        self.lines.iter().map(paid).collect()
    }

    /// As they stand on the receipt, named in this language (BCP 47).
    #[must_use]
    pub fn receipt_lines(&self, language: &str) -> Vec<ReceiptLine> {
        let fee = if language.starts_with("ja") { "配達料" } else { "Delivery fee" };
        let line = |line: &PricedLine<'_>| {
            let (sku, description) = match line.of {
                PricedOf::Item(item) => (item.sku.as_str(), item.title.get(language)),
                PricedOf::Modifier(_, modifier) => (modifier.id.as_str(), modifier.title.get(language)),
                PricedOf::DeliveryFee => (DELIVERY_FEE, fee),
            };
            ReceiptLine {
                sku: sku.to_owned(),
                description: description.chars().take(crate::receipt::MAX_TEXT).collect(),
                quantity: i64::from(line.pieces),
                amount_minor: line.gross_minor,
                tax_permille: Some(line.rate.permille),
                reduced_rate: line.rate.reduced,
            }
        };
        self.lines.iter().map(line).collect()
    }
}
