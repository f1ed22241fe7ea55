//! Coupons at a till without a connection: the best set of what the member shows, out of the till's share and the device's allotment.

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::basket::Basket;
use noren_rules::best_set::{BestSet, Coupon, UnusedCoupon, best_set};
use noren_rules::conditions::Condition;
use noren_rules::credential::Allotment;
use noren_rules::eligibility::{Circumstances, CouponReason, GRACE_S, MemberFacts, Moment, PlaceFacts, amount_en, amount_ja};
use noren_rules::ids::TillId;
use noren_rules::lists::Lists;
use noren_rules::offers::{Budget, Offer, OfferId};
use noren_rules::receipt::Channel;
use noren_rules::shares::{Redemption, Share};
use noren_rules::wire::SaleCoupons;

use crate::memory::{Memory, SpentCoupon};
use crate::{Allowance, Language, TakenCode};

/// A till's clock may be behind the server's by so much; further behind it has been turned, and no timed offer is taken.
const CLOCK_TOLERANCE_S: i64 = 120;
/// How long after a grant's end the till remembers that it was used.
const KEEP_S: i64 = 86_400;

/// The sale does not hold this member's code: scan it in this sale first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this sale does not hold the member's code: scan it again")]
pub struct NotTaken;

/// What a till knows for coupons, and how old it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CouponSummary {
    /// When all this was made, in seconds since the Unix epoch.
    pub list_as_of_s: i64,
    /// By when a newer document is due.
    pub next_update_s: i64,
    /// Offers that the till can take.
    pub offers: usize,
    /// Conditions that it has heard of.
    pub conditions: usize,
    /// Offers on the kill list.
    pub killed: usize,
    /// Signed things in the document that this version cannot read or no issuer signed.
    pub unreadable: usize,
    /// When the last of its conditions ends; `None` without any.
    pub conditions_until_s: Option<i64>,
    /// The number of the till's share; `None` without one.
    pub share: Option<u64>,
    /// When the share was made.
    pub share_as_of_s: Option<i64>,
    /// When the share ends.
    pub share_until_s: Option<i64>,
}

impl CouponSummary {
    /// What the cashier reads when asking for it: three lines, each at most 42 characters.
    #[must_use]
    pub fn lines(&self, language: Language, now_s: i64) -> [String; 3] {
        let say = |ja: String, en: String| if language == Language::Ja { ja } else { en };
        let (ja, en) = duration(now_s.saturating_sub(self.list_as_of_s));
        let age = say(format!("クーポンの情報は{ja}前のものです。"), format!("Coupon data is {en} old."));
        let Self { offers, conditions, killed, .. } = *self;
        let what = say(
            format!("特典{offers}件 条件{conditions}件 停止{killed}件"),
            format!("{offers} offer{}, {conditions} condition{}, {killed} stopped.", plural(offers), plural(conditions)),
        );
        let share = match self.share_until_s.map(|until_s| until_s.saturating_sub(now_s)) {
            Some(left_s) if left_s > 0 => {
                let (ja, en) = duration(left_s);
                say(format!("予算枠はあと{ja}使えます。"), format!("The till's share lasts {en}."))
            }
            _ => say("予算枠がなく、通信が必要です。".into(), "No share: coupons need a connection.".into()),
        };
        [age, what, share]
    }
}

/// A time in one number, in Japanese and English.
fn duration(seconds: i64) -> (String, String) {
    match seconds.max(0) {
        s @ ..3_600 => (format!("{}分", s / 60), format!("{} min", s / 60)),
        s @ ..172_800 => (format!("{}時間", s / 3_600), format!("{} h", s / 3_600)),
        s => (format!("{}日", s / 86_400), format!("{} days", s / 86_400)),
    }
}

/// A basket with its best set, and what is to be posted with the sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedBasket {
    /// What is used and what is not, and the totals.
    pub set: BestSet,
    /// To be posted with the sale: used ones, of which the backend counts each serial once, and every coupon that was shown, for the receipt.
    pub coupons: SaleCoupons,
    /// What the age of the till's document allows.
    pub allowance: Allowance,
    /// When that document was made, in seconds since the Unix epoch.
    pub list_as_of_s: i64,
    /// ISO 4217 code of the amounts.
    pub currency: String,
}

impl PricedBasket {
    /// What the cashier reads: one to three lines, each at most 42 characters. The reasons of all coupons are in [`Self::coupons`], for the
    /// receipt.
    #[must_use]
    pub fn lines(&self, language: Language) -> Vec<String> {
        let (used, unused) = (self.set.used.len(), self.set.unused.len());
        let say = |ja: String, en: String| if language == Language::Ja { ja } else { en };
        let mut lines = vec![match used {
            0 => say("クーポンは使いません。".into(), "No coupon is used.".into()),
            _ => say(
                format!("クーポン{used}枚 {}引き。", amount_ja(self.set.discount_minor, &self.currency)),
                format!("{used} coupon{}: {} off.", plural(used), amount_en(self.set.discount_minor, &self.currency)),
            ),
        }];
        if let Some(first) = self.set.unused.first() {
            lines.push(say(format!("使わないクーポン{unused}枚:"), format!("{unused} coupon{} not used:", plural(unused))));
            lines.push(match self.allowance {
                Allowance::Full => say(first.reason.text_ja(&self.currency), first.reason.text_en(&self.currency)),
                _ => say("レジのリストが古いため通信が必要です。".into(), "The till's list is old: connect first.".into()),
            });
        }
        lines
    }
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}

/// The till's document, as far as coupons go: opened once, when it comes.
#[derive(Debug, Default)]
pub(crate) struct KnownCoupons {
    offers: BTreeMap<OfferId, Offer>,
    conditions: Vec<Condition>,
    killed: BTreeSet<OfferId>,
    share: Option<Share>,
    unreadable: usize,
}

impl KnownCoupons {
    pub(crate) fn open(lists: &Lists) -> Self {
        let (coupons, issuers, at_s) = (&lists.coupons, &lists.issuers, lists.issued_at_s);
        let offers: Vec<_> = coupons.offers.iter().map(|signed| Offer::open(signed, issuers, at_s)).collect();
        let conditions: Vec<_> = coupons.conditions.iter().map(|signed| Condition::open(signed, issuers, at_s)).collect();
        let share = coupons.share.as_ref().map(|signed| Share::open(signed, issuers, at_s));
        let unreadable = offers.iter().filter(|offer| offer.is_err()).count()
            + conditions.iter().filter(|condition| condition.is_err()).count()
            + share.iter().filter(|share| share.is_err()).count();
        Self {
            offers: offers.into_iter().flatten().map(|offer| (offer.id, offer)).collect(),
            conditions: conditions.into_iter().flatten().collect(),
            killed: coupons.killed.clone(),
            share: share.and_then(Result::ok),
            unreadable,
        }
    }

    pub(crate) fn summary(&self, lists: &Lists) -> CouponSummary {
        CouponSummary {
            list_as_of_s: lists.issued_at_s,
            next_update_s: lists.next_update_s,
            offers: self.offers.len(),
            conditions: self.conditions.len(),
            killed: self.killed.len(),
            unreadable: self.unreadable,
            conditions_until_s: self.conditions.iter().map(|condition| condition.until_s).max(),
            share: self.share.as_ref().map(|share| share.sequence),
            share_as_of_s: self.share.as_ref().map(|share| share.issued_at_s),
            share_until_s: self.share.as_ref().map(|share| share.until_s),
        }
    }

    /// The share, when it may be spent: this till's, in its time, and given after the till began to remember, so that nothing of it is
    /// forgotten.
    fn share(&self, memory: &Memory, asked: &Asked<'_>) -> Option<&Share> {
        let may_spend =
            |share: &&Share| asked.till == Some(&share.till) && asked.now_s < share.until_s && share.issued_at_s >= memory.since_s();
        self.share.as_ref().filter(may_spend)
    }
}

/// A sale that asks for its best set.
pub(crate) struct Asked<'a> {
    pub(crate) till: Option<&'a TillId>,
    pub(crate) member: &'a TakenCode,
    pub(crate) basket: &'a Basket,
    pub(crate) session: &'a str,
    pub(crate) queue_since_s: Option<i64>,
    pub(crate) allowance: Allowance,
    pub(crate) list_as_of_s: i64,
    pub(crate) now_s: i64,
}

/// Finds the best set and notes it for the session, in place of what the session held before.
pub(crate) fn price(known: &KnownCoupons, memory: &mut Memory, asked: &Asked<'_>) -> PricedBasket {
    let share = known.share(memory, asked).filter(|_| asked.allowance == Allowance::Full);
    let mut refused = Vec::new();
    let mut coupons = Vec::new();
    for place in &asked.member.grants {
        match coupon(known, memory, share, asked, *place) {
            Ok(coupon) => coupons.push(coupon),
            Err(unused) => refused.push(unused),
        }
    }
    let place = share.map_or_else(PlaceFacts::default, |share| PlaceFacts {
        store: Some(share.store.clone()),
        place: share.place.clone(),
        area: share.area.clone(),
        channel: Some(Channel::Store),
    });
    let moment = Moment {
        now_s: asked.now_s,
        proven: asked.now_s.saturating_add(CLOCK_TOLERANCE_S) >= asked.list_as_of_s,
        // A till that does not see the queue gives everyone the grace.
        queue_since_s: Some(asked.queue_since_s.unwrap_or(asked.now_s.saturating_sub(GRACE_S))),
        grace_s: GRACE_S,
    };
    let member = MemberFacts { allotted: true, ..MemberFacts::of(asked.member.assurance) };
    let circumstances = Circumstances { member: &member, place: &place, moment, conditions: &known.conditions, killed: &known.killed };
    let budgets = share.map(|share| left_of(share, memory, asked.session)).unwrap_or_default();
    let mut set = best_set(&coupons, &circumstances, asked.basket, &budgets);
    for unused in &mut set.unused {
        // The budget may well have more: what is spent is this till's share.
        if unused.reason == CouponReason::BudgetSpent {
            unused.reason = CouponReason::NeedsConnection;
        }
    }
    set.unused.extend(refused);
    let redemptions = redemptions(&set, share, asked.now_s);
    memory.spend(asked.session, spent(&redemptions, share, asked.member.allotment.as_ref()), asked.list_as_of_s);
    let shown = set.receipt_coupons(asked.basket.currency(), &known.offers);
    PricedBasket {
        set,
        coupons: SaleCoupons { used: redemptions, shown },
        allowance: asked.allowance,
        list_as_of_s: asked.list_as_of_s,
        currency: asked.basket.currency().to_owned(),
    }
}

/// A coupon that this till may take offline.
fn coupon<'a>(
    known: &'a KnownCoupons,
    memory: &Memory,
    share: Option<&Share>,
    asked: &Asked<'_>,
    place: u16,
) -> Result<Coupon<'a>, UnusedCoupon> {
    let allotment = asked.member.allotment.as_ref();
    let Some((serial, grant)) = allotment.and_then(|allotment| allotment.grant(place)) else {
        return Err(UnusedCoupon { serial: u64::from(place), offer: None, reason: CouponReason::NeedsConnection });
    };
    let not = |reason| Err(UnusedCoupon { serial, offer: Some(grant.offer), reason });
    let Some(share) = share else {
        return not(CouponReason::NeedsConnection);
    };
    let Some(offer) = known.offers.get(&grant.offer) else {
        return not(CouponReason::UnknownOffer);
    };
    // A stopped or wrong offer is named by the rules; what they do not know of is said here.
    let names_its_tills = !offer.stores.is_empty() || !offer.places.is_empty();
    let is_over = allotment.is_none_or(|allotment| asked.now_s >= allotment.until_s.saturating_add(GRACE_S));
    if !offer.offline || !names_its_tills || is_over || !share.budgets.contains_key(&offer.id) {
        return not(CouponReason::NeedsConnection);
    }
    if memory.times_spent(serial, asked.session) >= usize::from(grant.count) {
        return not(CouponReason::Redeemed);
    }
    Ok(Coupon { serial, offer })
}

/// What the till may still spend: its share without what other sales took out of it.
fn left_of(share: &Share, memory: &Memory, session: &str) -> BTreeMap<OfferId, Budget> {
    let left = |(offer, budget): (&OfferId, &Budget)| {
        let spent = memory.spent_of(*offer, share.sequence, session);
        let left = match budget {
            Budget::Redemptions(total) => Budget::Redemptions(total.saturating_sub(spent)),
            Budget::Discount(total) => Budget::Discount(total.saturating_sub(spent)),
        };
        (*offer, left)
    };
    share.budgets.iter().map(left).collect()
}

fn redemptions(set: &BestSet, share: Option<&Share>, now_s: i64) -> Vec<Redemption> {
    let redemption = |used: &noren_rules::best_set::UsedCoupon| Redemption {
        serial: used.serial,
        offer: used.offer,
        discount_minor: used.discount_minor,
        share: share.map(|share| share.sequence),
        taken_at_s: now_s,
    };
    set.used.iter().map(redemption).collect()
}

fn spent(redemptions: &[Redemption], share: Option<&Share>, allotment: Option<&Allotment>) -> Vec<SpentCoupon> {
    let (Some(share), Some(allotment)) = (share, allotment) else {
        return Vec::new();
    };
    let keep_until_s = allotment.until_s.max(share.until_s).saturating_add(KEEP_S);
    let spent = redemptions.iter().filter_map(|redemption| {
        let cost = share.budgets.get(&redemption.offer)?.cost(redemption.discount_minor);
        Some(SpentCoupon { serial: redemption.serial, offer: redemption.offer, cost, share: share.sequence, keep_until_s })
    });
    spent.collect()
}
