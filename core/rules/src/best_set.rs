//! Which coupons to use: the set that takes most off a basket, by exact search, with the reason for every coupon that is left out.
//!
//! Of sets that take off the same the smaller is used, and of those the one whose coupons end soonest. Up to [`EXACT_UP_TO`] coupons the answer
//! is the best there is; beyond, the search may stop early and then says how much a better set could take off at most.

use std::collections::{BTreeMap, BTreeSet};

use crate::basket::Basket;
use crate::eligibility::{self, Circumstances, CouponReason};
use crate::offers::{Budget, Offer, OfferId};
use crate::receipt::ReceiptCoupon;

mod pricing;
mod search;

use pricing::{Candidate, Priced};

/// So many coupons are always searched through.
pub const EXACT_UP_TO: usize = 15;

/// A coupon: a grant of an offer to a member.
#[derive(Debug, Clone, Copy)]
pub struct Coupon<'a> {
    /// Its serial.
    pub serial: u64,
    /// Its offer, opened: the issuer's word.
    pub offer: &'a Offer,
}

/// What a coupon takes off one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineDiscount {
    /// The line's place in the basket.
    pub line: usize,
    /// In minor units, tax included.
    pub amount_minor: i64,
}

/// A coupon that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedCoupon {
    /// Its serial.
    pub serial: u64,
    /// Its offer.
    pub offer: OfferId,
    /// What it takes off, in minor units, tax included.
    pub discount_minor: i64,
    /// The same by line.
    pub lines: Vec<LineDiscount>,
}

/// A coupon that is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnusedCoupon {
    /// Its serial.
    pub serial: u64,
    /// Its offer; `None` where it is not known.
    pub offer: Option<OfferId>,
    /// Why not.
    pub reason: CouponReason,
}

/// What the lines of one tax rate come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateTotal {
    /// Rate in thousandths; `None` for lines whose rate is not recorded.
    pub tax_permille: Option<u32>,
    /// After coupons, tax included, in minor units: the gross of the receipt's tax line.
    pub gross_minor: i64,
    /// What coupons took off.
    pub discount_minor: i64,
}

/// The best set for a basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestSet {
    /// Coupons to use.
    pub used: Vec<UsedCoupon>,
    /// All the others, in the order in which they came.
    pub unused: Vec<UnusedCoupon>,
    /// What is taken off each line of the basket, in its order.
    pub line_discounts: Vec<i64>,
    /// By tax rate, ascending, without a rate first.
    pub rates: Vec<RateTotal>,
    /// What is taken off in all, in minor units, tax included.
    pub discount_minor: i64,
    /// What is left to pay.
    pub total_minor: i64,
    /// How much more another set could take off at most: 0 is proven best.
    pub gap_minor: i64,
}

impl BestSet {
    /// Every coupon as the receipt shows it, used ones first: what it took off, or why it was not used. `offers` gives the titles; an offer that is
    /// not among them has none. What names no grant at all is left out.
    #[must_use]
    pub fn receipt_coupons(&self, currency: &str, offers: &BTreeMap<OfferId, Offer>) -> Vec<ReceiptCoupon> {
        let coupon = |serial: u64, offer: OfferId| {
            let title = |language: &str| offers.get(&offer).map_or_else(String::new, |offer| offer.title.get(language).to_owned());
            ReceiptCoupon {
                serial,
                offer: offer.0,
                title_ja: title("ja"),
                title_en: title("en"),
                discount_minor: 0,
                reason: None,
                reason_ja: String::new(),
                reason_en: String::new(),
            }
        };
        let used = self.used.iter().map(|used| ReceiptCoupon { discount_minor: used.discount_minor, ..coupon(used.serial, used.offer) });
        let unused = self.unused.iter().filter_map(|unused| {
            Some(ReceiptCoupon {
                reason: Some(unused.reason.reason().to_owned()),
                reason_ja: unused.reason.text_ja(currency),
                reason_en: unused.reason.text_en(currency),
                ..coupon(unused.serial, unused.offer?)
            })
        });
        used.chain(unused).collect()
    }
}

/// Finds the best set. `budgets` holds what may still be spent of an offer (at a till: its share); an offer that is not in it is not limited.
#[must_use]
pub fn best_set(
    coupons: &[Coupon<'_>],
    circumstances: &Circumstances<'_>,
    basket: &Basket,
    budgets: &BTreeMap<OfferId, Budget>,
) -> BestSet {
    let mut reasons: BTreeMap<usize, CouponReason> = BTreeMap::new();
    let mut candidates = Vec::new();
    let mut serials = BTreeSet::new();
    for (at, coupon) in coupons.iter().enumerate() {
        match candidate(at, coupon, circumstances, basket, budgets) {
            Err(reason) => drop(reasons.insert(at, reason)),
            Ok(_) if !serials.insert(coupon.serial) => drop(reasons.insert(at, CouponReason::Redeemed)),
            Ok(candidate) => candidates.push(candidate),
        }
    }
    // The order that decides between equals: what ends soonest first.
    candidates.sort_by_key(|c| (c.offer.until_s.unwrap_or(i64::MAX), c.offer.id, c.serial));
    let found = search::search(&candidates, basket, search::Effort::for_coupons(candidates.len()));
    for (rank, left_out) in candidates.iter().enumerate().filter(|(rank, _)| !found.set.contains(rank)) {
        reasons.insert(left_out.at, why_not(&candidates, &found.set, rank, basket));
    }
    let unused = reasons.into_iter().filter_map(|(at, reason)| {
        coupons.get(at).map(|coupon| UnusedCoupon { serial: coupon.serial, offer: Some(coupon.offer.id), reason })
    });
    answer(found.priced, found.gap_minor, unused.collect(), basket)
}

/// A coupon that could be used by itself, with what it would take off.
fn candidate<'a>(
    at: usize,
    coupon: &Coupon<'a>,
    circumstances: &Circumstances<'_>,
    basket: &Basket,
    budgets: &BTreeMap<OfferId, Budget>,
) -> Result<Candidate<'a>, CouponReason> {
    let offer = coupon.offer;
    eligibility::check(offer, circumstances, Some(basket))?;
    let used = circumstances.member.used.get(&offer.id).copied().unwrap_or(0);
    let uses_left = offer.per_member.map(|cap| u64::from(cap.saturating_sub(used)));
    let candidate = Candidate::new(at, coupon, basket, uses_left, budgets.get(&offer.id));
    if candidate.alone_minor == 0 {
        return Err(CouponReason::NoGain);
    }
    if candidate.budget.is_some_and(|(cost, left)| cost > left) {
        return Err(CouponReason::BudgetSpent);
    }
    Ok(candidate)
}

fn why_not<'a>(candidates: &'a [Candidate<'a>], set: &[usize], rank: usize, basket: &Basket) -> CouponReason {
    let Some(left_out) = candidates.get(rank) else {
        return CouponReason::BetterWithout;
    };
    let used = || set.iter().filter_map(|used| candidates.get(*used));
    if let Some(other) = used().find(|other| left_out.excludes(other)) {
        return CouponReason::NotWith(other.offer.id);
    }
    let same_offer: Vec<&Candidate<'_>> = used().filter(|other| other.offer.id == left_out.offer.id).collect();
    if left_out.uses_left.is_some_and(|left| u64::try_from(same_offer.len()).is_ok_and(|used| used >= left)) {
        return CouponReason::UsedUp;
    }
    if left_out
        .budget
        .is_some_and(|(cost, left)| cost + same_offer.iter().filter_map(|c| c.budget).map(|(cost, _)| cost).sum::<u64>() > left)
    {
        return CouponReason::BudgetSpent;
    }
    let mut with_it: Vec<&Candidate<'_>> = used().collect();
    let without_minor = pricing::price(&with_it, basket).total_minor;
    with_it.push(left_out);
    // It costs something when its floor is higher than what the others take off already.
    if pricing::price(&with_it, basket).total_minor < without_minor { CouponReason::BetterWithout } else { CouponReason::NothingMore }
}

fn answer(priced: Priced<'_>, gap_minor: i64, unused: Vec<UnusedCoupon>, basket: &Basket) -> BestSet {
    let mut rates: BTreeMap<Option<u32>, RateTotal> = BTreeMap::new();
    for (line, discount_minor) in basket.lines().iter().zip(&priced.line_discounts) {
        let tax_permille = line.tax_permille;
        let rate = rates.entry(tax_permille).or_insert(RateTotal { tax_permille, gross_minor: 0, discount_minor: 0 });
        rate.gross_minor += line.amount_minor - discount_minor;
        rate.discount_minor += discount_minor;
    }
    let used = priced.by_coupon.into_iter().map(|(candidate, lines)| UsedCoupon {
        serial: candidate.serial,
        offer: candidate.offer.id,
        discount_minor: lines.iter().map(|line| line.amount_minor).sum(),
        lines,
    });
    BestSet {
        used: used.collect(),
        unused,
        rates: rates.into_values().collect(),
        discount_minor: priced.total_minor,
        total_minor: basket.total_minor() - priced.total_minor,
        line_discounts: priced.line_discounts,
        gap_minor,
    }
}

#[cfg(test)]
mod tests;
