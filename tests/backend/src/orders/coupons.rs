//! Coupons of an order: the best set of those that the person is willing to use, spent with the order and given back with it.
//!
//! They are redeemed when the order is placed, under the sale that its hand-over will be: so no other sale spends them meanwhile.

use std::collections::BTreeMap;

use noren_rules::best_set::{BestSet, Coupon, UnusedCoupon};
use noren_rules::cart::{CouponTerms, PricedCart};
use noren_rules::eligibility::{Circumstances, CouponReason, MemberFacts, Moment, PlaceFacts};
use noren_rules::ids::{DeviceId, MemberId, OrderId, StoreId};
use noren_rules::offers::{Budget, Offer, OfferId};
use noren_rules::receipt::Channel;
use noren_rules::shares::Redemption;
use noren_rules::wire::{Reason, SaleCoupons};
use rusqlite::Connection;

use super::receipts::orders_till;
use crate::budgets::Books;
use crate::customer::Buyer;
use crate::fault::{Fault, Refusal};
use crate::grants::{self, Held};
use crate::{conditions, offers, places, quotes, redemptions, wallet};

/// Whose coupons, where and when.
pub(super) struct Buying<'a> {
    pub(super) device: &'a DeviceId,
    pub(super) member: &'a MemberId,
    pub(super) parts: &'a [MemberId],
    pub(super) store: &'a StoreId,
    pub(super) channel: Channel,
    pub(super) now_ms: i64,
}

/// What was loaded for the coupons that were named.
pub(super) struct Loaded {
    offers: BTreeMap<OfferId, Offer>,
    usable: Vec<Held>,
    unusable: Vec<UnusedCoupon>,
    budgets: BTreeMap<OfferId, Budget>,
    conditions: Vec<noren_rules::conditions::Condition>,
    killed: std::collections::BTreeSet<OfferId>,
    facts: MemberFacts,
    place: PlaceFacts,
    moment: Moment,
}

impl Loaded {
    /// The grants of these serials that this device may spend.
    pub(super) fn of(db: &Connection, buying: &Buying<'_>, serials: &[u64]) -> Result<Self, Fault> {
        let now_s = buying.now_ms.div_euclid(1000);
        let (place, area) = places::of_store(db, buying.store)?.map_or((None, None), |place| (Some(place.id), place.area));
        let facts = wallet::facts(db, buying.member, buying.parts, now_s.saturating_sub(wallet::SHOWN_S))?;
        let mut loaded = Self {
            offers: BTreeMap::new(),
            usable: Vec::new(),
            unusable: Vec::new(),
            budgets: BTreeMap::new(),
            conditions: conditions::of_area(db, area.as_deref())?,
            killed: offers::killed(db)?,
            facts: facts.lent(),
            place: PlaceFacts { store: Some(buying.store.clone()), place, area, channel: Some(buying.channel) },
            moment: Moment::at(now_s),
        };
        let mut serials = serials.to_vec();
        serials.sort_unstable();
        serials.dedup();
        for serial in serials {
            let held = grants::find(db, serial)?.filter(|held| held.device.as_ref() == Some(buying.device));
            let offer = held.as_ref().map(|held| offers::find(db, held.grant.offer)).transpose()?.flatten();
            match (held, offer) {
                (Some(held), Some(offer)) => loaded.add(db, held, offer, now_s)?,
                _ => loaded.unusable.push(UnusedCoupon { serial, offer: None, reason: CouponReason::UnknownOffer }),
            }
        }
        Ok(loaded)
    }

    fn add(&mut self, db: &Connection, held: Held, offer: Offer, now_s: i64) -> Result<(), Fault> {
        if let Some(reason) = quotes::unusable(&held, now_s) {
            self.unusable.push(UnusedCoupon { serial: held.grant.serial, offer: Some(offer.id), reason });
        } else {
            if let (Some(books), Some(budget)) = (Books::open(db, &offer)?, offer.budget) {
                let left = books.left(db, None, now_s)?;
                let left = if matches!(budget, Budget::Discount(_)) { Budget::Discount(left) } else { Budget::Redemptions(left) };
                self.budgets.insert(offer.id, left);
            }
            self.usable.push(held);
        }
        self.offers.insert(offer.id, offer);
        Ok(())
    }

    /// Prices something with them.
    pub(super) fn with<T>(&self, work: impl FnOnce(Option<CouponTerms<'_>>) -> T) -> T {
        let coupon = |held: &Held| Some(Coupon { serial: held.grant.serial, offer: self.offers.get(&held.grant.offer)? });
        let coupons: Vec<Coupon<'_>> = self.usable.iter().filter_map(coupon).collect();
        if coupons.is_empty() {
            return work(None);
        }
        let circumstances = Circumstances {
            member: &self.facts,
            place: &self.place,
            moment: self.moment,
            conditions: &self.conditions,
            killed: &self.killed,
        };
        work(Some(CouponTerms { coupons: &coupons, circumstances: &circumstances, budgets: &self.budgets }))
    }

    /// Those that cannot be used now, whatever is bought.
    pub(super) fn out(&self, priced: &PricedCart<'_>) -> Vec<u64> {
        let unused = self.unusable.iter().chain(priced.unused.iter().filter(|unused| !unused.reason.is_of_cart()));
        unused.map(|unused| unused.serial).collect()
    }

    /// What the order's sale says of them.
    pub(super) fn of_sale(&self, priced: &PricedCart<'_>, currency: &str, now_ms: i64) -> SaleCoupons {
        let mut unused = priced.unused.clone();
        unused.extend(&self.unusable);
        let set = BestSet {
            used: priced.used.clone(),
            unused,
            line_discounts: Vec::new(),
            rates: Vec::new(),
            discount_minor: priced.discount_minor,
            total_minor: priced.total_minor,
            gap_minor: 0,
        };
        let taken_at_s = now_ms.div_euclid(1000);
        let used = set.used.iter().map(|used| Redemption {
            serial: used.serial,
            offer: used.offer,
            discount_minor: used.discount_minor,
            share: None,
            taken_at_s,
        });
        SaleCoupons { used: used.collect(), shown: set.receipt_coupons(currency, &self.offers) }
    }
}

/// Spends the coupons of an order.
pub(super) fn spend(db: &Connection, order: &OrderId, coupons: &SaleCoupons, buying: &Buying<'_>) -> Result<(), Fault> {
    if coupons.used.is_empty() {
        return Ok(());
    }
    let buyer = Buyer { member: Some(buying.member.clone()), device: Some(buying.device.clone()), ..Buyer::default() };
    let answers = redemptions::commit(db, &orders_till(), order.as_str(), Some(coupons), &buyer, buying.now_ms)?;
    if answers.iter().all(|answer| answer.counted) {
        return Ok(());
    }
    let detail = "a coupon was used meanwhile: fetch the wallet, show the new total, and ask again";
    Err(Refusal::new(Reason::OrderConflict, detail).into())
}

/// Gives them back, once: what was given back is not spent any more.
pub(super) fn restore(db: &Connection, order: &OrderId, now_ms: i64) -> Result<(), Fault> {
    redemptions::undo(db, &orders_till(), order.as_str(), "returned", now_ms).map(drop)
}

/// Takes the order's redemptions out altogether, because other lines are priced with the same coupons.
pub(super) fn forget(db: &Connection, order: &OrderId, now_ms: i64) -> Result<(), Fault> {
    restore(db, order, now_ms)?;
    db.prepare_cached("DELETE FROM redemptions WHERE till = ?1 AND number = ?2")?.execute([orders_till().as_str(), order.as_str()])?;
    Ok(())
}
