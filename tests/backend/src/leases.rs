//! Leases: grants for offline tills, lent to a device for a day within a renewed credential. Serials are consecutive, so that the claim is short.
//!
//! What a phone that lies can spend is bounded by what is lent: offers that a check-in unlocks are lent ahead of it, and counted with all
//! that other devices of the member hold.

use std::collections::BTreeMap;

use noren_rules::credential::{Allotment, AllotmentGrant, MAX_COUNT, MAX_GRANTS};
use noren_rules::eligibility::{GRACE_S, MemberFacts};
use noren_rules::grants::Grant;
use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::offers::{Audience, Offer, OfferId};
use noren_rules::receipt::Channel;
use noren_rules::shares::MAX_UNSYNCED_S;
use noren_rules::wire::{Assurance, Lease, LeaseRequest, paths};
use rusqlite::{Connection, params};

use crate::app::App;
use crate::areas::{MAX_TILES, Scope};
use crate::devices::{self, Device};
use crate::enrolment::{self, Issued};
use crate::fault::{Fault, Refusal};
use crate::grants::{self, Held};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::{members, offers, stamps, wallet};

const LASTS_S: i64 = 86_400;
/// A device never holds more unheard grants than it was ever lent in the time that they count.
const MAX_PRESENTED: usize = 500;

/// POST [`paths::LEASES`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let request: LeaseRequest = call.json()?;
    if request.tiles.len() > MAX_TILES || request.presented.len() > MAX_PRESENTED {
        return Err(Refusal::invalid(format!("at most {MAX_TILES} tiles and {MAX_PRESENTED} presented serials")));
    }
    let caller = Caller::Device(device.clone());
    call.write(paths::LEASES, &caller, Fingerprint::Body, move |db, app, now_ms| lease(db, app, &device, &request, now_ms)).await
}

/// A grant that a device may have: the offer, and how often.
type Lent = (OfferId, u8);

fn lease(db: &Connection, app: &App, device: &DeviceId, request: &LeaseRequest, now_ms: i64) -> Result<Lease, Fault> {
    let now_s = now_ms.div_euclid(1000);
    let device = devices::active(db, device)?;
    let member = members::canonical(db, device.member.as_str())?;
    grants::set_presented(db, &device.id, &request.presented)?;
    let scope = Scope::of_names(db, &request.tiles)?;
    let before = grants::newest_lease(db, &device.id)?;
    let wanted = Wanted::load(db, &device, &member, &scope, now_s)?;
    let allotment = match wanted.same_again(&before) {
        true => prolong(db, before, now_s)?,
        false => {
            let lent = wanted.lent(&before, false);
            replace(db, &device, &member, &before, &lent, &wanted, now_s)?
        }
    };
    let until_ms = allotment.as_ref().map(|allotment| allotment.until_s.saturating_mul(1000));
    let assurance = wanted.facts.assurance;
    let Issued { credential, expires_at_ms, renew_from_ms } =
        enrolment::credential(db, app, &device, &member, assurance, allotment, now_ms)?;
    let wallet = wallet::of_device(db, &device.id, now_ms)?;
    Ok(Lease { credential, credential_expires_at_ms: expires_at_ms, renew_from_ms, until_ms, wallet })
}

/// What goes into the decision of what a device may have.
struct Wanted {
    facts: MemberFacts,
    stopped: bool,
    /// Offers of the area that the member may have at all, best first.
    offers: Vec<Offer>,
    /// How many rewards of an offer the member was given, where it is one.
    rewards: BTreeMap<OfferId, u32>,
    /// All grants of the member.
    held: Vec<Held>,
    now_s: i64,
}

impl Wanted {
    fn load(db: &Connection, device: &Device, member: &MemberId, scope: &Scope, now_s: i64) -> Result<Self, Fault> {
        let parts = members::parts(db, member)?;
        let known = offers::all(db)?;
        let bought = wallet::bought(db, &parts, known.iter().map(|stored| &stored.offer), now_s)?;
        let facts = MemberFacts { bought: Some(bought), ..wallet::facts(db, member, &parts, i64::MAX)? };
        let killed = offers::killed(db)?;
        let mut found = Vec::new();
        let mut rewards = BTreeMap::new();
        for stored in known {
            let offer = stored.offer;
            if scope.has_offer(&offer) && !killed.contains(&offer.id) && may_have(&offer, &facts, now_s) {
                if let Some(given) = stamps::rewards_of(db, &parts, offer.id)? {
                    rewards.insert(offer.id, given);
                }
                found.push(offer);
            }
        }
        // There is room for twenty: first what can be used where there is no network, then what ends soonest.
        found.sort_by_key(|offer| (!offer.offline, offer.until_s.unwrap_or(i64::MAX), offer.id));
        let stopped = devices::leases_stopped(db, &device.id)?;
        Ok(Self { facts, stopped, offers: found, rewards, held: grants::of_member(db, &parts)?, now_s })
    }

    /// What the device may have, by offer. `before` is its lease so far: its grants are prolonged, or given up for others.
    fn lent(&self, before: &[Held], prolonging: bool) -> Vec<Lent> {
        if self.stopped {
            return Vec::new();
        }
        let lent = self.offers.iter().filter_map(|offer| Some((offer.id, self.count(offer, before, prolonging)?)));
        let mut lent: Vec<Lent> = lent.take(MAX_GRANTS).collect();
        lent.sort();
        lent
    }

    /// How often the device may use an offer; `None` for never.
    fn count(&self, offer: &Offer, before: &[Held], prolonging: bool) -> Option<u8> {
        let is_before = |held: &Held| before.iter().any(|known| known.grant.serial == held.grant.serial);
        let mut outstanding = 0u32;
        for held in self.held.iter().filter(|held| held.grant.offer == offer.id && held.device.is_some()) {
            let unheard = held.presented && self.now_s < held.grant.until_s.saturating_add(MAX_UNSYNCED_S);
            let heard = held.grant.counted().next().is_some() || held.grant.rolled_back().next().is_some();
            if unheard && !heard && !(prolonging && is_before(held)) {
                return None;
            }
            if !is_before(held) && self.now_s < held.grant.until_s {
                let used = held.grant.counted().count();
                outstanding = outstanding.saturating_add(u32::try_from(usize::from(held.grant.count).saturating_sub(used)).unwrap_or(0));
            }
        }
        let most = [offer.per_member, self.rewards.get(&offer.id).copied()].into_iter().flatten().min();
        let gone = self.facts.used.get(&offer.id).copied().unwrap_or(0).saturating_add(outstanding);
        let left = most.map_or(u32::from(MAX_COUNT), |most| most.saturating_sub(gone));
        u8::try_from(left.min(u32::from(MAX_COUNT))).ok().filter(|count| *count > 0)
    }

    /// True when the same serials do: the same offers, and nothing of them redeemed or shown without an answer.
    fn same_again(&self, before: &[Held]) -> bool {
        let untouched = |held: &Held| !held.presented && held.grant.counted().next().is_none() && held.grant.rolled_back().next().is_none();
        let has: Vec<Lent> = before.iter().map(|held| (held.grant.offer, held.grant.count)).collect();
        !before.is_empty() && before.iter().all(untouched) && has == self.lent(before, true)
    }
}

/// What is asked of the member, before any counting. A check-in is not: it is lent ahead.
fn may_have(offer: &Offer, facts: &MemberFacts, now_s: i64) -> bool {
    let in_time =
        offer.from_s.is_none_or(|from_s| from_s < now_s.saturating_add(LASTS_S)) && offer.until_s.is_none_or(|until_s| now_s < until_s);
    let at_a_till = offer.channels.is_empty() || offer.channels.contains(&Channel::Store);
    let known = offer.audience != Audience::Linked || facts.assurance != Assurance::Device;
    let first = !offer.first_visit || facts.first_visit == Some(true);
    let bought = offer.bought.as_ref().is_none_or(|rule| facts.missing_purchases(rule, now_s) == 0);
    !facts.staff && in_time && at_a_till && known && first && bought
}

fn prolong(db: &Connection, before: Vec<Held>, now_s: i64) -> Result<Option<Allotment>, Fault> {
    let until_s = now_s.saturating_add(LASTS_S);
    let allotment = allotment_of(&before, until_s);
    for Held { mut grant, .. } in before {
        grant.until_s = until_s.saturating_add(GRACE_S);
        grants::save(db, &grant)?;
    }
    Ok(allotment)
}

/// Takes the lease back and gives another. What is taken back counts for the grace: a till may just be reading it.
fn replace(
    db: &Connection,
    device: &Device,
    member: &MemberId,
    before: &[Held],
    lent: &[Lent],
    wanted: &Wanted,
    now_s: i64,
) -> Result<Option<Allotment>, Fault> {
    let end_s = now_s.saturating_add(GRACE_S);
    for held in before.iter().filter(|held| end_s < held.grant.until_s) {
        end(db, held, end_s)?;
    }
    let until_s = now_s.saturating_add(LASTS_S);
    let first = grants::next_serial(db)?;
    let mut leased = Vec::with_capacity(lent.len());
    for ((offer, count), serial) in lent.iter().zip(first..) {
        let grant = Grant::new(serial, *offer, until_s.saturating_add(GRACE_S), *count);
        let check_in = take_over(db, *offer, before, wanted, now_s)?;
        let held =
            Held { grant, member: Some(member.clone()), device: Some(device.id.clone()), lease: Some(first), check_in, presented: false };
        grants::add(db, &held, now_s)?;
        leased.push(held);
    }
    Ok(allotment_of(&leased, until_s))
}

/// The check-in that unlocked an unused grant of the offer, which the new one stands for: the one of the lease before, or a reward's.
fn take_over(
    db: &Connection,
    offer: OfferId,
    before: &[Held],
    wanted: &Wanted,
    now_s: i64,
) -> Result<Option<noren_rules::ids::CheckInId>, Fault> {
    let is_unused = |held: &&Held| held.grant.offer == offer && held.grant.counted().next().is_none();
    let reward = wanted.held.iter().filter(|held| held.device.is_none() && now_s < held.grant.until_s).find(is_unused);
    if let Some(reward) = reward {
        end(db, reward, now_s)?;
    }
    let from = before.iter().filter(is_unused).chain(reward).find(|held| held.check_in.is_some());
    if let Some(from) = from {
        grants::hand_over_check_in(db, from.grant.serial)?;
    }
    Ok(from.and_then(|held| held.check_in.clone()))
}

fn end(db: &Connection, held: &Held, at_s: i64) -> Result<(), Fault> {
    let mut grant = held.grant.clone();
    grant.until_s = at_s;
    grants::save(db, &grant)
}

fn allotment_of(leased: &[Held], until_s: i64) -> Option<Allotment> {
    let first_serial = leased.first()?.grant.serial;
    let grants = leased.iter().map(|held| AllotmentGrant { offer: held.grant.offer, count: held.grant.count }).collect();
    Some(Allotment { until_s, first_serial, grants })
}

/// The allotment that a device has now, for a credential that is renewed for another reason.
pub(crate) fn current(db: &Connection, device: &DeviceId, now_s: i64) -> Result<Option<Allotment>, Fault> {
    let leased = grants::newest_lease(db, device)?;
    let until_s = leased.first().map_or(i64::MIN, |held| held.grant.until_s.saturating_sub(GRACE_S));
    Ok(if now_s < until_s { allotment_of(&leased, until_s) } else { None })
}

/// A device whose grant was used twice gets no more, until the operator allows it again.
pub(crate) fn stop(db: &Connection, device: &DeviceId, now_ms: i64) -> Result<(), Fault> {
    db.execute(
        "UPDATE devices SET leases_stopped_at_ms = ?2 WHERE id = ?1 AND leases_stopped_at_ms IS NULL",
        params![device.as_str(), now_ms],
    )?;
    Ok(())
}
