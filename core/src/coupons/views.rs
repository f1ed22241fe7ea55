//! From what is known to what is shown. Pure.

use std::collections::BTreeSet;

use noren_rules::basket::{Basket, BasketLine};
use noren_rules::best_set::{BestSet, UnusedCoupon, UsedCoupon, best_set};
use noren_rules::eligibility::CouponReason;
use noren_rules::grants::GrantState;
use noren_rules::offers::{Offer, OfferId, Texts};

use super::facts::KnownGrant;
use super::{BestSetView, CouponSituation, CouponView, CouponsError, Facts, UnusedCouponView, UsedCouponView};

/// The currency in which reasons without a basket name amounts.
const CURRENCY: &str = "JPY";

/// Every coupon that there is to show: usable ones first, then by their end.
pub(super) fn list(facts: &Facts, situation: &CouponSituation) -> Vec<CouponView> {
    let mut views: Vec<CouponView> = facts.grants.iter().filter_map(|grant| of_grant(facts, grant, situation)).collect();
    let granted: BTreeSet<OfferId> =
        facts.grants.iter().filter(|grant| grant.state != GrantState::Expired).map(|grant| grant.offer).collect();
    let without = facts.rules.offers.values().filter(|offer| !granted.contains(&offer.id));
    views.extend(without.filter_map(|offer| of_offer(facts, offer, situation)));
    views.sort_by_key(|view| {
        (!view.usable_now, view.state != GrantState::Granted, view.until_ms.unwrap_or(i64::MAX), view.offer, view.serial)
    });
    views
}

fn of_grant(facts: &Facts, grant: &KnownGrant, situation: &CouponSituation) -> Option<CouponView> {
    // An offer that is not known here (of another area) has no title to show.
    let offer = facts.rules.offers.get(&grant.offer)?;
    let against = match grant.state {
        GrantState::Redeemed => Err(CouponReason::Redeemed),
        GrantState::Locked => Err(CouponReason::Locked),
        GrantState::Expired => Err(CouponReason::Over),
        GrantState::Granted | GrantState::RolledBack => facts.check(offer, situation, grant.leased, None),
    };
    let mut view = view(facts, offer, against);
    (view.serial, view.state, view.unheard) = (Some(grant.serial), grant.state, grant.unheard);
    view.offline_ok = grant.leased && offer.offline && grant.is_live() && !grant.unheard;
    view.needs_connection = grant.is_live() && !view.offline_ok;
    let ends_s = offer.until_s.map_or(grant.until_s, |until_s| until_s.min(grant.until_s));
    view.until_ms = Some(ends_s.saturating_mul(1000));
    Some(view)
}

/// An offer of which this device holds no grant: what it could be, and why it is not now. The reward of a stamp card is earned, and then granted:
/// before that it stands on the card.
fn of_offer(facts: &Facts, offer: &Offer, situation: &CouponSituation) -> Option<CouponView> {
    if facts.rules.programmes.iter().any(|programme| programme.reward == offer.id) {
        return None;
    }
    let against = facts.check(offer, situation, false, None);
    // What is over or withdrawn is nothing to look forward to.
    if matches!(against, Err(CouponReason::Over | CouponReason::Stopped | CouponReason::UsedUp | CouponReason::Staff)) {
        return None;
    }
    Some(CouponView { needs_connection: true, ..view(facts, offer, against) })
}

fn view(facts: &Facts, offer: &Offer, against: Result<(), CouponReason>) -> CouponView {
    let reason = against.err();
    CouponView {
        serial: None,
        offer: offer.id.0,
        title_ja: offer.title.get("ja").to_owned(),
        title_en: offer.title.get("en").to_owned(),
        occasion_ja: offer.reason.get("ja").to_owned(),
        occasion_en: offer.reason.get("en").to_owned(),
        state: GrantState::Granted,
        usable_now: reason.is_none(),
        reason: reason.map(|reason| reason.reason().to_owned()),
        reason_ja: reason.map(|reason| reason.text_ja(CURRENCY)).unwrap_or_default(),
        reason_en: reason.map(|reason| reason.text_en(CURRENCY)).unwrap_or_default(),
        offline_ok: false,
        needs_connection: false,
        held_back: facts.held_back.contains(&offer.id),
        unheard: false,
        until_ms: offer.until_s.map(|until_s| until_s.saturating_mul(1000)),
        places: offer.places.clone(),
    }
}

/// The best set for a basket, of the grants that are live and not held back.
pub(super) fn best(
    facts: &Facts,
    currency: &str,
    lines: Vec<BasketLine>,
    situation: &CouponSituation,
) -> Result<BestSetView, CouponsError> {
    let basket = Basket::new(currency, lines).map_err(|error| CouponsError::BadBasket { detail: error.to_string() })?;
    let coupons = facts.willing();
    let member = facts.member_for(true);
    let place = facts.place_facts(&[], situation);
    let best = best_set(&coupons, &facts.circumstances(&member, &place), &basket, &std::collections::BTreeMap::new());
    Ok(best_view(facts, currency, &best))
}

fn best_view(facts: &Facts, currency: &str, best: &BestSet) -> BestSetView {
    let (used, unused) = coupon_views(facts, currency, &best.used, &best.unused);
    BestSetView { used, unused, discount_minor: best.discount_minor, total_minor: best.total_minor, gap_minor: best.gap_minor }
}

/// Coupons of a basket with their titles: those that are used, and the others with their reasons.
pub(crate) fn coupon_views(
    facts: &Facts,
    currency: &str,
    used: &[UsedCoupon],
    unused: &[UnusedCoupon],
) -> (Vec<UsedCouponView>, Vec<UnusedCouponView>) {
    let empty = Texts::default();
    let title = |offer: Option<OfferId>| offer.and_then(|offer| facts.rules.offers.get(&offer)).map_or(&empty, |offer| &offer.title);
    let used = used.iter().map(|used| UsedCouponView {
        serial: used.serial,
        offer: used.offer.0,
        title_ja: title(Some(used.offer)).get("ja").to_owned(),
        title_en: title(Some(used.offer)).get("en").to_owned(),
        discount_minor: used.discount_minor,
    });
    let unused = unused.iter().map(|unused| UnusedCouponView {
        serial: unused.serial,
        offer: unused.offer.map_or(0, |offer| offer.0),
        title_ja: title(unused.offer).get("ja").to_owned(),
        title_en: title(unused.offer).get("en").to_owned(),
        reason: unused.reason.reason().to_owned(),
        reason_ja: unused.reason.text_ja(currency),
        reason_en: unused.reason.text_en(currency),
    });
    (used.collect(), unused.collect())
}
