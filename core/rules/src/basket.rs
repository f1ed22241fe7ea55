//! The basket that coupons are held against, and how an amount is spread over its lines so that every total is exact.

use serde::{Deserialize, Serialize};

use crate::offers::Offer;
use crate::receipt::MAX_LINES;

/// The largest amount of a line in minor units: sums of [`MAX_LINES`] of them fit.
pub const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000_000;

/// One line of a basket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BasketLine {
    /// The shop's own article code.
    pub sku: String,
    /// Its class of goods, if the shop has classes.
    pub class: Option<String>,
    /// Pieces. A line of zero or fewer (a return in the same sale) takes no coupon.
    pub quantity: i64,
    /// What it comes to before coupons, in minor units, tax included.
    pub amount_minor: i64,
    /// Tax rate in thousandths; `None` where it is not recorded.
    pub tax_permille: Option<u32>,
    /// The most that all coupons together may take off it; `None` is the whole line. Goods that may not be discounted have 0.
    pub greatest_discount_minor: Option<i64>,
}

/// A basket whose amounts can be added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    currency: String,
    lines: Vec<BasketLine>,
}

/// The lines cannot be a basket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a basket has at most {MAX_LINES} lines of at most {MAX_AMOUNT_MINOR} minor units: check the amounts")]
pub struct BasketError;

impl Basket {
    /// A basket in one currency (ISO 4217).
    ///
    /// # Errors
    /// [`BasketError`] for too many lines or amounts that are too large.
    pub fn new(currency: &str, lines: Vec<BasketLine>) -> Result<Self, BasketError> {
        let fits = |line: &BasketLine| line.amount_minor.unsigned_abs() <= MAX_AMOUNT_MINOR.unsigned_abs();
        if lines.len() > MAX_LINES || !lines.iter().all(fits) {
            return Err(BasketError);
        }
        Ok(Self { currency: currency.to_owned(), lines })
    }

    /// ISO 4217.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[BasketLine] {
        &self.lines
    }

    /// What it comes to before coupons, in minor units.
    #[must_use]
    pub fn total_minor(&self) -> i64 {
        self.lines.iter().map(|line| line.amount_minor).sum()
    }

    /// The lines that an offer applies to, with their places: goods that are bought, not returned.
    pub fn lines_of<'a>(&'a self, offer: &'a Offer) -> impl Iterator<Item = (usize, &'a BasketLine)> {
        let bought = |line: &BasketLine| line.quantity > 0 && line.amount_minor > 0;
        self.lines.iter().enumerate().filter(move |(_, line)| bought(line) && offer.applies_to(&line.sku, line.class.as_deref()))
    }
}

/// Where an amount may go: `weight` draws it, `room` is the most that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) weight: i64,
    pub(crate) room: i64,
}

/// Spreads an amount over slots by weight and largest remainder; what does not fit into a slot goes to the others by the same rule. The parts
/// add up to the amount, or to all the room if that is less.
pub(crate) fn spread(amount: i64, slots: &[Slot]) -> Vec<i64> {
    let mut rooms: Vec<i64> = slots.iter().map(|slot| if slot.weight > 0 { slot.room.max(0) } else { 0 }).collect();
    let mut parts = vec![0; slots.len()];
    let mut left = amount.min(rooms.iter().sum()).max(0);
    // Each round places everything or fills a slot, so there are at most as many rounds as slots.
    while left > 0 {
        let mut placed = 0;
        let shares =
            largest_remainder(left, slots.iter().zip(&rooms).map(|(slot, room)| if *room > 0 { slot.weight } else { 0 }).collect());
        for ((part, room), share) in parts.iter_mut().zip(&mut rooms).zip(shares) {
            let taken = share.min(*room);
            *part += taken;
            *room -= taken;
            placed += taken;
        }
        left -= placed;
    }
    parts
}

/// Parts of `amount` in proportion to `weights`, which add up to it: each gets the whole units of its share, the units left over go to the
/// largest remainders, the first of equals first.
fn largest_remainder(amount: i64, weights: Vec<i64>) -> Vec<i64> {
    let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if whole <= 0 {
        return vec![0; weights.len()];
    }
    let shares = || weights.iter().map(|weight| share(amount, *weight, whole));
    let mut parts: Vec<i64> = shares().map(|(part, _)| part).collect();
    let left = amount - parts.iter().sum::<i64>();
    let mut order: Vec<(usize, i128)> = shares().map(|(_, remainder)| remainder).enumerate().collect();
    order.sort_by_key(|(_, remainder)| std::cmp::Reverse(*remainder));
    for (at, _) in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
        }
    }
    parts
}

/// The whole units of `amount * weight / whole`, and the remainder. A part is at most the amount, so it fits.
fn share(amount: i64, weight: i64, whole: i128) -> (i64, i128) {
    // Amounts that a person sees at a till fit in one register, where dividing is quick.
    if let (Some(exact), Ok(whole)) = (amount.checked_mul(weight), i64::try_from(whole)) {
        return (exact / whole, i128::from(exact % whole));
    }
    let exact = i128::from(amount) * i128::from(weight);
    (i64::try_from(exact / whole).unwrap_or(0), exact % whole)
}

/// Thousandths of an amount, rounded toward zero.
pub(crate) fn part(amount_minor: i64, permille: i64) -> i64 {
    match amount_minor.checked_mul(permille) {
        Some(exact) => exact / 1_000,
        None => i64::try_from(i128::from(amount_minor) * i128::from(permille) / 1_000).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_discount_is_spread_by_largest_remainder() {
        assert_eq!(largest_remainder(100, vec![1, 1, 1]), [34, 33, 33]);
        // 500 yen over 1,080 at 8 % and 2,200 at 10 %: 164.63 and 335.37.
        assert_eq!(largest_remainder(500, vec![1_080, 2_200]), [165, 335]);
        let slot = |weight, room| Slot { weight, room };
        assert_eq!(spread(100, &[slot(100, 10), slot(100, 100), slot(100, 100)]), [10, 45, 45]);
        assert_eq!(spread(100, &[slot(100, 10), slot(100, 20)]), [10, 20], "no more than there is room");
        assert_eq!(spread(100, &[]), Vec::<i64>::new());
    }

    #[test]
    fn amounts_that_cannot_be_added_are_no_basket() {
        let line = |amount_minor| BasketLine {
            sku: "1".into(),
            class: None,
            quantity: 1,
            amount_minor,
            tax_permille: None,
            greatest_discount_minor: None,
        };
        for amount in [i64::MIN, i64::MAX, MAX_AMOUNT_MINOR + 1] {
            assert_eq!(Basket::new("JPY", vec![line(amount)]), Err(BasketError));
        }
        assert!(Basket::new("JPY", vec![line(MAX_AMOUNT_MINOR); MAX_LINES]).unwrap().total_minor() > 0);
        assert_eq!(Basket::new("JPY", vec![line(1); MAX_LINES + 1]), Err(BasketError));
    }

    proptest! {
        /// The quick way is the exact one.
        #[test]
        fn one_register_is_enough_or_two_are_taken(amount in any::<i64>(), weight in 0i64.., more in 0i128..1 << 70, permille in 0i64..1_001) {
            let whole = i128::from(weight) + more + 1;
            let exact = i128::from(amount) * i128::from(weight);
            prop_assert_eq!(share(amount, weight, whole), (i64::try_from(exact / whole).unwrap(), exact % whole));
            prop_assert_eq!(i128::from(part(amount, permille)), i128::from(amount) * i128::from(permille) / 1_000);
            let (small, whole) = (amount >> 40, weight >> 20);
            let exact = i128::from(small) * i128::from(whole / 2);
            prop_assert_eq!(share(small, whole / 2, i128::from(whole) + 1), (i64::try_from(exact / (i128::from(whole) + 1)).unwrap(), exact % (i128::from(whole) + 1)));
        }

        /// The parts add up, no part is more than its room, and no part is a unit or more off its exact share while nothing is full.
        #[test]
        fn parts_add_up(amount in 0i64..1_000_000, slots in prop::collection::vec((0i64..100_000, 0i64..100_000), 0..20)) {
            let slots: Vec<Slot> = slots.into_iter().map(|(weight, room)| Slot { weight, room }).collect();
            let parts = spread(amount, &slots);
            let room: i64 = slots.iter().filter(|slot| slot.weight > 0).map(|slot| slot.room).sum();
            prop_assert_eq!(parts.iter().sum::<i64>(), amount.min(room));
            for (part, slot) in parts.iter().zip(&slots) {
                prop_assert!(*part >= 0 && *part <= slot.room);
            }
            let wide: Vec<Slot> = slots.iter().map(|slot| Slot { weight: slot.weight, room: amount }).collect();
            let whole: i64 = wide.iter().map(|slot| slot.weight).sum();
            if whole > 0 {
                for (part, slot) in spread(amount, &wide).iter().zip(&wide) {
                    let off = (i128::from(*part) * i128::from(whole) - i128::from(amount) * i128::from(slot.weight)).abs();
                    prop_assert!(off < i128::from(whole));
                }
            }
        }
    }
}
