//! Whether an offer holds for a member, here and now: one pure function for the phone (what to show, and what is missing), the till (offline)
//! and the backend, and the words in which the answer is given.

use std::collections::{BTreeMap, BTreeSet};

use crate::basket::Basket;
use crate::conditions::{self, Condition, ConditionKind};
use crate::ids::{PlaceId, Sku, StoreId};
use crate::offers::{Audience, Offer, OfferId, PurchaseRule, SpendBasis};
use crate::receipt::Channel;
use crate::wire::Assurance;

mod texts;

pub use texts::{amount_en, amount_ja};

/// How long an offer that has ended still holds for whoever had joined the queue: the usual setting.
pub const GRACE_S: i64 = 600;

/// A check-in of the member, as far as offers ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInFact {
    /// Where.
    pub place: PlaceId,
    /// When, in seconds since the Unix epoch.
    pub at_s: i64,
    /// True when it was reached by the expressway, false by the ordinary road.
    pub from_expressway: bool,
}

/// A purchase of the member's, as far as offers ask for it: a sale that was not cancelled, less what went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseFact {
    /// When, in seconds since the Unix epoch.
    pub at_s: i64,
    /// The article codes of what was kept, each once, ascending.
    pub skus: Vec<Sku>,
}

/// What is known of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberFacts {
    /// How well the member is known.
    pub assurance: Assurance,
    /// Staff have no offers.
    pub staff: bool,
    /// Whether this is the first visit; `None` where only the backend knows.
    pub first_visit: Option<bool>,
    /// Check-ins that count.
    pub check_ins: Vec<CheckInFact>,
    /// How often the member has used which offer, on all devices.
    pub used: BTreeMap<OfferId, u32>,
    /// Purchases, as far back as offers ask; `None` where the issuer's lease has settled what it asks of them. See [`purchases`].
    pub bought: Option<Vec<PurchaseFact>>,
    /// True at a till that reads the offer in the device's allotment: the issuer leased it to this device, so what only issuer and phone know
    /// (first visit, check-in, linked) is taken as settled. A phone that lied to get it can spend its allotment, and no more.
    pub allotted: bool,
}

impl MemberFacts {
    /// A member of whom nothing else is known.
    #[must_use]
    pub fn of(assurance: Assurance) -> Self {
        Self {
            assurance,
            staff: false,
            first_visit: None,
            check_ins: Vec::new(),
            used: BTreeMap::new(),
            bought: Some(Vec::new()),
            allotted: false,
        }
    }
}

impl MemberFacts {
    /// The member of a lent coupon, for whoever prices an order: its phone and the backend, by the same facts. The lease has settled what was bought, and
    /// whether it is the first visit where nobody knows better; a coupon is lent ahead of its check-in, so a check-in is still asked for.
    #[must_use]
    pub fn lent(self) -> Self {
        Self { first_visit: Some(self.first_visit.unwrap_or(true)), bought: None, allotted: false, ..self }
    }

    /// How many purchases are missing of what an offer asks at a moment; 0 where they are there, or a lease has settled it.
    #[must_use]
    pub fn missing_purchases(&self, rule: &PurchaseRule, at_s: i64) -> u32 {
        let Some(bought) = self.bought.as_ref().filter(|_| !self.allotted) else { return 0 };
        let in_time = |purchase: &&PurchaseFact| (rule.since_s(at_s)..=at_s).contains(&purchase.at_s);
        let count = bought.iter().filter(in_time).filter(|purchase| purchase.skus.iter().any(|sku| rule.counts(sku.as_str()))).count();
        rule.times.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// Pieces of an article on a receipt that was not cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoldPieces<'a> {
    /// The sale: the receipt itself, or the one that a return or an amendment names.
    pub sale: &'a str,
    /// When it was sold, in seconds since the Unix epoch; `None` on what belongs to a sale.
    pub sold_at_s: Option<i64>,
    /// The article code.
    pub sku: &'a str,
    /// Pieces; below 0 where they go back.
    pub quantity: i64,
}

/// Purchases out of receipts, as phone and backend have them: in whatever order they come, what went back is taken off its sale, and a sale of which
/// nothing was kept is none. What belongs to a sale that is not among them is left out. The oldest first.
#[must_use]
pub fn purchases<'a>(pieces: impl IntoIterator<Item = SoldPieces<'a>>) -> Vec<PurchaseFact> {
    let mut sales: BTreeMap<&str, (Option<i64>, BTreeMap<&str, i64>)> = BTreeMap::new();
    for line in pieces {
        let (sold_at_s, kept) = sales.entry(line.sale).or_default();
        *sold_at_s = sold_at_s.or(line.sold_at_s);
        let kept = kept.entry(line.sku).or_default();
        *kept = kept.saturating_add(line.quantity);
    }
    let fact = |(sold_at_s, kept): (Option<i64>, BTreeMap<&str, i64>)| {
        let skus: Vec<Sku> = kept.into_iter().filter(|(_, pieces)| *pieces > 0).map(|(sku, _)| sku.into()).collect();
        Some(PurchaseFact { at_s: sold_at_s?, skus }).filter(|purchase| !purchase.skus.is_empty())
    };
    let mut purchases: Vec<PurchaseFact> = sales.into_values().filter_map(fact).collect();
    purchases.sort_by(|a, b| (a.at_s, &a.skus).cmp(&(b.at_s, &b.skus)));
    purchases
}

/// Where the offer would be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlaceFacts {
    /// The store, if it is known.
    pub store: Option<StoreId>,
    /// The place, if one is known.
    pub place: Option<PlaceId>,
    /// The area for conditions: of the store, or of the nearest one or the member's own.
    pub area: Option<String>,
    /// How it would be bought; `None` while that is open.
    pub channel: Option<Channel>,
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since the Unix epoch, by a server's time.
    pub now_s: i64,
    /// False when a person could have turned this clock: then whatever depends on the time waits.
    pub proven: bool,
    /// When the customer joined the queue, if that is known.
    pub queue_since_s: Option<i64>,
    /// How long a moment in the queue counts: [`GRACE_S`] unless the operator says otherwise.
    pub grace_s: i64,
}

impl Moment {
    /// A proven moment, nobody in a queue.
    #[must_use]
    pub fn at(now_s: i64) -> Self {
        Self { now_s, proven: true, queue_since_s: None, grace_s: GRACE_S }
    }

    fn in_the_queue(&self) -> Option<i64> {
        self.queue_since_s.filter(|since_s| (self.now_s.saturating_sub(self.grace_s)..=self.now_s).contains(since_s))
    }
}

/// Everything that an offer is held against, the basket apart.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Who.
    pub member: &'a MemberFacts,
    /// Where.
    pub place: &'a PlaceFacts,
    /// When.
    pub moment: Moment,
    /// Conditions that are known; opened, so an issuer's word.
    pub conditions: &'a [Condition],
    /// Offers that the operator has stopped.
    pub killed: &'a BTreeSet<OfferId>,
}

/// Why a coupon is not used. The first group comes from [`check`], in the order of its checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CouponReason {
    /// The operator stopped it.
    Stopped,
    /// Staff have no offers.
    Staff,
    /// The member is not linked to a card or an account.
    NotLinked,
    /// Only the backend knows whether it is the first visit.
    FirstVisitUnknown,
    /// Not the first visit.
    NotFirstVisit,
    /// Used as often as one member may.
    UsedUp,
    /// Not in this store.
    OtherStore,
    /// Not at this place.
    OtherPlace,
    /// Not in this way of buying.
    OtherChannel,
    /// The clock is not proven: one contact with the network is needed.
    TimeUnproven,
    /// It has not begun.
    NotYet,
    /// It is over.
    Over,
    /// Not at this time of day.
    OtherHours,
    /// What it waits for is not on here.
    ConditionOff(ConditionKind),
    /// No check-in at its places, or one that is too long ago.
    NoCheckIn,
    /// The check-in was by the ordinary road.
    NotFromExpressway,
    /// So many purchases are missing.
    NotBought {
        /// How many.
        missing: u32,
    },
    /// No line of the basket that it applies to.
    NoLine,
    /// The basket is too small.
    MinimumSpend {
        /// What is missing, in minor units, tax included.
        missing_minor: i64,
    },
    /// It would take nothing off.
    NoGain,
    /// It does not go together with a coupon that is used.
    NotWith(OfferId),
    /// With it on their lines, the coupons that are used would take off less.
    BetterWithout,
    /// With the coupons that are used, it takes nothing more off.
    NothingMore,
    /// What it may cost is spent, or this till's share of it.
    BudgetSpent,
    /// This till cannot take it without a connection.
    NeedsConnection,
    /// This till does not know the offer: its list is older than the coupon.
    UnknownOffer,
    /// It was used at this till before.
    Redeemed,
    /// A mobile order or another sale holds it.
    Locked,
}

impl CouponReason {
    /// True where another cart may make it usable; false where it is not to be used now whatever is bought.
    #[must_use]
    pub fn is_of_cart(&self) -> bool {
        use CouponReason::{BetterWithout, MinimumSpend, NoGain, NoLine, NotWith, NothingMore};
        matches!(self, NoLine | MinimumSpend { .. } | NoGain | NotWith(_) | BetterWithout | NothingMore)
    }
}

/// Whether an offer holds, for a basket if there is one.
///
/// An end does not fall on whoever was in the queue before it: what depends on time is asked for `now_s`, and if it fails, for the moment in
/// the queue. A beginning is not moved.
///
/// # Errors
/// The first reason against it.
pub fn check(offer: &Offer, circumstances: &Circumstances<'_>, basket: Option<&Basket>) -> Result<(), CouponReason> {
    if circumstances.killed.contains(&offer.id) {
        return Err(CouponReason::Stopped);
    }
    check_member(offer, circumstances.member)?;
    check_place(offer, circumstances.place)?;
    let moment = circumstances.moment;
    if offer.is_timed() && !moment.proven {
        return Err(CouponReason::TimeUnproven);
    }
    check_moment(offer, circumstances, moment.now_s).or_else(|reason| match moment.in_the_queue() {
        Some(since_s) => check_moment(offer, circumstances, since_s).map_err(|_| reason),
        None => Err(reason),
    })?;
    basket.map_or(Ok(()), |basket| check_basket(offer, basket))
}

fn check_member(offer: &Offer, member: &MemberFacts) -> Result<(), CouponReason> {
    if member.staff {
        return Err(CouponReason::Staff);
    }
    if offer.audience == Audience::Linked && member.assurance == Assurance::Device && !member.allotted {
        return Err(CouponReason::NotLinked);
    }
    if offer.first_visit && !member.allotted {
        match member.first_visit {
            Some(true) => {}
            Some(false) => return Err(CouponReason::NotFirstVisit),
            None => return Err(CouponReason::FirstVisitUnknown),
        }
    }
    match offer.per_member {
        Some(cap) if member.used.get(&offer.id).is_some_and(|used| *used >= cap) => Err(CouponReason::UsedUp),
        _ => Ok(()),
    }
}

fn check_place(offer: &Offer, here: &PlaceFacts) -> Result<(), CouponReason> {
    if !offer.stores.is_empty() && !here.store.as_ref().is_some_and(|store| offer.stores.contains(store)) {
        return Err(CouponReason::OtherStore);
    }
    if !offer.places.is_empty() && !here.place.as_ref().is_some_and(|place| offer.places.contains(place)) {
        return Err(CouponReason::OtherPlace);
    }
    match here.channel {
        Some(channel) if !offer.channels.is_empty() && !offer.channels.contains(&channel) => Err(CouponReason::OtherChannel),
        _ => Ok(()),
    }
}

fn check_moment(offer: &Offer, circumstances: &Circumstances<'_>, at_s: i64) -> Result<(), CouponReason> {
    if offer.from_s.is_some_and(|from_s| at_s < from_s) {
        return Err(CouponReason::NotYet);
    }
    if offer.until_s.is_some_and(|until_s| at_s >= until_s) {
        return Err(CouponReason::Over);
    }
    if offer.time_of_day.is_some_and(|hours| !hours.holds_at(at_s)) {
        return Err(CouponReason::OtherHours);
    }
    if let Some(kind) = offer.condition {
        let area = circumstances.place.area.as_deref();
        if !area.is_some_and(|area| conditions::is_on(circumstances.conditions, kind, area, at_s)) {
            return Err(CouponReason::ConditionOff(kind));
        }
    }
    check_bought(offer, circumstances.member, at_s)?;
    check_visit(offer, circumstances, at_s)
}

fn check_bought(offer: &Offer, member: &MemberFacts, at_s: i64) -> Result<(), CouponReason> {
    let missing = offer.bought.as_ref().map_or(0, |rule| member.missing_purchases(rule, at_s));
    if missing == 0 { Ok(()) } else { Err(CouponReason::NotBought { missing }) }
}

fn check_visit(offer: &Offer, circumstances: &Circumstances<'_>, at_s: i64) -> Result<(), CouponReason> {
    let (within_s, travellers_only) = match offer.audience {
        Audience::Visitor { within_s } => (within_s, false),
        Audience::Traveller { within_s } => (within_s, true),
        Audience::Anyone | Audience::Linked => return Ok(()),
    };
    if circumstances.member.allotted {
        return Ok(());
    }
    let counts = |check_in: &&CheckInFact| {
        let place_fits = if offer.places.is_empty() {
            circumstances.place.place.as_ref() == Some(&check_in.place)
        } else {
            offer.places.contains(&check_in.place)
        };
        place_fits && (check_in.at_s..check_in.at_s.saturating_add(i64::from(within_s))).contains(&at_s)
    };
    let mut visits = circumstances.member.check_ins.iter().filter(counts).peekable();
    if visits.peek().is_none() {
        return Err(CouponReason::NoCheckIn);
    }
    if travellers_only && !visits.any(|visit| visit.from_expressway) {
        return Err(CouponReason::NotFromExpressway);
    }
    Ok(())
}

fn check_basket(offer: &Offer, basket: &Basket) -> Result<(), CouponReason> {
    if basket.lines_of(offer).next().is_none() {
        return Err(CouponReason::NoLine);
    }
    let Some(least) = offer.minimum_spend else {
        return Ok(());
    };
    let spend_minor = match least.basis {
        SpendBasis::OfferLines => basket.lines_of(offer).map(|(_, line)| line.amount_minor).sum(),
        SpendBasis::Basket => basket.total_minor(),
    };
    let missing_minor = least.amount_minor.saturating_sub(spend_minor);
    if missing_minor > 0 { Err(CouponReason::MinimumSpend { missing_minor }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
