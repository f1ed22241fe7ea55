//! All that is known when a coupon is looked at: one look at the tables, then pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use noren_rules::basket::Basket;
use noren_rules::best_set::Coupon;
use noren_rules::conditions::Condition;
use noren_rules::credential::Allotment;
use noren_rules::eligibility::{self, CheckInFact, Circumstances, CouponReason, MemberFacts, Moment, PlaceFacts, PurchaseFact};
use noren_rules::grants::GrantState;
use noren_rules::ids::{PlaceId, StoreId};
use noren_rules::offers::{Offer, OfferId};
use noren_rules::receipt::Channel;

use super::tables::{KeptWallet, Shown, state_text};
use super::{CouponSituation, OpenRules};
use crate::app::Core;
use crate::check_in::CheckInNote;
use crate::places::{KeptRules, PlaceBook};
use crate::purchases::coupons::OnReceipts;
use crate::storage::StorageError;

/// A grant, as the phone knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownGrant {
    pub(crate) serial: u64,
    pub(crate) offer: OfferId,
    pub(crate) state: GrantState,
    pub(crate) until_s: i64,
    /// True when this device's allotment holds it, and is not over.
    pub(crate) leased: bool,
    /// True when this device can spend it: what another device of the member holds, that one spends.
    pub(crate) here: bool,
    /// True when it was shown in an earlier presentation, and nobody has said what became of it.
    pub(crate) unheard: bool,
    /// Receipts that name it.
    pub(crate) named: u32,
}

impl KnownGrant {
    /// True while it can be used.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state, GrantState::Granted | GrantState::RolledBack)
    }
}

/// All that is known.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) rules: Arc<OpenRules>,
    pub(crate) kept_rules: Option<Arc<KeptRules>>,
    pub(crate) book: Arc<PlaceBook>,
    pub(crate) wallet: Option<KeptWallet>,
    pub(crate) check_ins: Vec<CheckInNote>,
    pub(crate) grants: Vec<KnownGrant>,
    /// Serials that were shown and of which nobody has said what became, those of the open presentation included.
    pub(crate) unheard: Vec<u64>,
    pub(crate) held_back: BTreeSet<OfferId>,
    pub(crate) moment: Moment,
    pub(crate) allotment: Option<Allotment>,
    member: MemberFacts,
    pub(crate) conditions: Vec<Condition>,
}

impl Facts {
    /// Looks at everything; `None` without a card.
    pub(crate) fn gather(core: &Core) -> Result<Option<Self>, StorageError> {
        let Some(card) = core.card.get() else { return Ok(None) };
        let kept_rules = core.places.rules()?;
        let rules = core.coupons.open_rules(kept_rules.clone());
        let wallet = core.coupons.wallet(&card.member_id)?;
        let check_ins = core.check_ins.notes(&card.device_id)?;
        let allotment = card.signed_credential().and_then(|signed| signed.credential().allotment.clone());
        let time = core.clock.now();
        let moment = Moment { proven: time.proven, ..Moment::at(time.now_s()) };
        let mut facts = Self {
            book: core.places.book()?,
            conditions: conditions(core, &rules)?,
            held_back: core.coupons.held_back()?,
            member: MemberFacts::of(card.membership.assurance),
            grants: Vec::new(),
            unheard: Vec::new(),
            rules,
            kept_rules,
            wallet,
            check_ins,
            moment,
            allotment,
        };
        facts.member = facts.member_facts();
        facts.member.bought = Some(facts.bought(core)?);
        (facts.grants, facts.unheard) = facts.grants_of(core)?;
        Ok(Some(facts))
    }

    fn member_facts(&self) -> MemberFacts {
        let mut member = self.member.clone();
        if let Some(wallet) = self.wallet.as_ref().map(|kept| &kept.wallet) {
            member.staff = wallet.staff;
            member.first_visit = wallet.first_visit;
            member.used = wallet.used.iter().map(|used| (used.offer, used.times)).collect();
            member.check_ins = wallet
                .check_ins
                .iter()
                .map(|visit| CheckInFact { place: visit.place.clone(), at_s: visit.at_s, from_expressway: visit.from_expressway })
                .collect();
        }
        let heard: BTreeSet<_> = self.wallet.iter().flat_map(|kept| &kept.wallet.check_ins).map(|visit| &visit.id).collect();
        // What the phone found and the backend has not refused counts here at once: a tunnel is no reason to wait.
        let own = self.check_ins.iter().filter(|note| note.counts() && !heard.contains(&note.id));
        member.check_ins.extend(own.map(|note| CheckInFact {
            place: note.place.clone(),
            at_s: note.at_ms.div_euclid(1000),
            from_expressway: note.from_expressway,
        }));
        member
    }

    /// As far back as an offer asks for; none of them does, mostly.
    fn bought(&self, core: &Core) -> Result<Vec<PurchaseFact>, StorageError> {
        let since_s = self.rules.offers.values().filter_map(|offer| Some(offer.bought.as_ref()?.since_s(self.moment.now_s))).min();
        since_s.map_or_else(|| Ok(Vec::new()), |since_s| core.coupons.bought_since(since_s))
    }

    fn grants_of(&self, core: &Core) -> Result<(Vec<KnownGrant>, Vec<u64>), StorageError> {
        let now_s = self.moment.now_s;
        let mut counts: BTreeMap<u64, u8> = BTreeMap::new();
        let mut grants: BTreeMap<u64, KnownGrant> = BTreeMap::new();
        let of = |serial, offer, state, until_s| KnownGrant {
            serial,
            offer,
            state,
            until_s,
            leased: false,
            here: false,
            unheard: false,
            named: 0,
        };
        for grant in self.wallet.iter().flat_map(|kept| &kept.wallet.grants) {
            counts.insert(grant.serial, grant.count);
            let here = grant.on_this_device;
            grants.insert(grant.serial, KnownGrant { here, ..of(grant.serial, grant.offer, grant.state, grant.until_s) });
        }
        if let Some(allotment) = self.allotment.as_ref().filter(|allotment| now_s < allotment.until_s) {
            for (serial, leased) in (0..).map_while(|at| allotment.grant(at)) {
                counts.entry(serial).or_insert(leased.count);
                let grant = grants.entry(serial).or_insert_with(|| of(serial, leased.offer, GrantState::Granted, allotment.until_s));
                (grant.leased, grant.here, grant.until_s) = (true, true, grant.until_s.max(allotment.until_s));
            }
        }
        let shown = core.coupons.shown()?;
        let receipts = core.coupons.on_receipts(grants.keys().chain(shown.keys()).copied())?;
        let presenting = core.coupons.presenting();
        let said_of = |serial: &u64| receipts.get(serial).copied().unwrap_or_default();
        // Those of an earlier lease are unknown here by now: the backend still has to hear of them.
        let is_open = |(serial, shown): &(&u64, &Shown)| is_unheard(shown, grants.get(serial).map(|grant| grant.state), said_of(serial));
        let unheard: BTreeSet<u64> = shown.iter().filter(is_open).map(|(serial, _)| *serial).collect();
        for (serial, grant) in &mut grants {
            let said = said_of(serial);
            let shown_now = shown.get(serial).is_some_and(|shown| presenting == Some(shown.presentation));
            (grant.named, grant.unheard) = (said.named, unheard.contains(serial) && !shown_now);
            let used_up = said.used >= u32::from(counts.get(serial).copied().unwrap_or(1));
            if used_up && matches!(grant.state, GrantState::Granted | GrantState::Locked) {
                grant.state = GrantState::Redeemed;
            } else if grant.is_live() && now_s >= grant.until_s {
                grant.state = GrantState::Expired;
            }
        }
        Ok((grants.into_values().collect(), unheard.into_iter().collect()))
    }

    /// The coupons that the member is willing to use: live ones of this device that are not held back, and whose last
    /// showing was answered.
    pub(crate) fn willing(&self) -> Vec<Coupon<'_>> {
        let willing = |grant: &&KnownGrant| grant.is_live() && grant.here && !grant.unheard && !self.held_back.contains(&grant.offer);
        let coupon = |grant: &KnownGrant| Some(Coupon { serial: grant.serial, offer: self.rules.offers.get(&grant.offer)? });
        self.grants.iter().filter(willing).filter_map(coupon).collect()
    }

    /// The coupons of these serials, whatever became of them: those that an order was made with.
    pub(crate) fn named(&self, serials: &[u64]) -> Vec<Coupon<'_>> {
        let named = self.grants.iter().filter(|grant| serials.contains(&grant.serial));
        named.filter_map(|grant| Some(Coupon { serial: grant.serial, offer: self.rules.offers.get(&grant.offer)? })).collect()
    }

    /// As if an order that has used these coupons had not: its own redemptions do not stand in the way of another cart of it.
    pub(crate) fn give_back(&mut self, serials: &[u64]) {
        for grant in self.grants.iter().filter(|grant| serials.contains(&grant.serial)) {
            if let Some(times) = self.member.used.get_mut(&grant.offer) {
                *times = times.saturating_sub(1);
            }
        }
    }

    /// Whether an offer holds in a situation, and if not, why not now.
    pub(crate) fn check(
        &self,
        offer: &Offer,
        situation: &CouponSituation,
        leased: bool,
        basket: Option<&Basket>,
    ) -> Result<(), CouponReason> {
        let place = self.place_facts(&offer.stores, situation);
        let member = self.member_for(leased);
        eligibility::check(offer, &self.circumstances(&member, &place), basket)
    }

    /// The member, as far as a grant's lease has settled it already: the issuer gave it knowing whether it is the first visit, and
    /// what was bought.
    pub(crate) fn member_for(&self, leased: bool) -> MemberFacts {
        if leased { self.member.clone().lent() } else { self.member.clone() }
    }

    pub(crate) fn circumstances<'a>(&'a self, member: &'a MemberFacts, place: &'a PlaceFacts) -> Circumstances<'a> {
        Circumstances { member, place, moment: self.moment, conditions: &self.conditions, killed: &self.rules.killed }
    }

    /// Whether an offer holds somewhere: what the card may show to a till, of which the phone does not know where it stands.
    pub(crate) fn holds_somewhere(&self, offer: &Offer) -> bool {
        let anywhere = [None];
        let places: Vec<Option<&PlaceId>> = if offer.places.is_empty() {
            // With a check-in asked for, wherever there was one.
            let visited = self.member.check_ins.iter().map(|visit| Some(&visit.place));
            anywhere.into_iter().chain(visited).collect()
        } else {
            offer.places.iter().map(Some).collect()
        };
        places.into_iter().any(|place| {
            let situation = CouponSituation { place: place.cloned(), store: offer.stores.first().cloned(), channel: Some(Channel::Store) };
            self.check(offer, &situation, true, None).is_ok()
        })
    }

    /// Where a coupon of these stores would be used.
    pub(crate) fn place_facts(&self, stores: &[StoreId], situation: &CouponSituation) -> PlaceFacts {
        let place = situation.place.clone().or_else(|| situation.store.as_ref().and_then(|store| self.book.of_store(store)).cloned());
        let info = place.as_ref().and_then(|place| self.book.info(place));
        // At a rest stop every tenant is a walk away: an offer of one of them can be used there.
        let tenant = || info.and_then(|info| info.tenants.iter().map(|tenant| &tenant.store_id).find(|store| stores.contains(store)));
        PlaceFacts {
            store: situation.store.clone().or_else(|| tenant().cloned()),
            area: info.and_then(|info| info.area.clone()),
            place,
            channel: situation.channel,
        }
    }
}

/// Nobody has said what became of it since it was shown: neither the backend nor a receipt.
fn is_unheard(shown: &Shown, state: Option<GrantState>, said: OnReceipts) -> bool {
    state.is_none_or(|state| shown.state == state_text(state)) && said.named <= shown.named
}

/// What the areas brought and what came by push.
fn conditions(core: &Core, rules: &OpenRules) -> Result<Vec<Condition>, StorageError> {
    let now_s = core.clock.now().now_s();
    let mut conditions = rules.conditions.clone();
    for signed in core.coupons.pushed()? {
        let opened = noren_rules::b64::decode(&signed).and_then(|signed| Condition::open(&signed, &rules.issuers, now_s).ok());
        conditions.extend(opened);
    }
    Ok(conditions)
}
