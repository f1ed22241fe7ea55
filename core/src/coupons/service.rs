//! The verbs of coupons.

use std::sync::Arc;

use noren_rules::b64;
use noren_rules::basket::BasketLine;
use noren_rules::conditions::Condition;
use noren_rules::credential::SignedCredential;
use noren_rules::offers::{OfferId, RuleError};
use noren_rules::places::Tile;
use noren_rules::wire::{Lease, LeaseRequest, Reason, paths};

use super::tables::LeaseNote;
use super::{
    BestSetView, ConditionView, CouponSituation, CouponStore, CouponView, CouponsError, CouponsReport, Facts, Presentation, StampCardView,
    endpoints, present, stamps, views,
};
use crate::app::{Core, LANE_MEMBER};
use crate::member::{CardStore, MemberService};
use crate::outbox::{IntentState, Outcome};
use crate::places::{AREAS_COLLECTION, KeptRules, PlaceStore, pull_areas};
use crate::platform::Change;
use crate::replica::Freshness;
use crate::storage::StorageError;

/// The wallet's collection in the replica.
pub const WALLET_COLLECTION: &str = "wallet";
pub(crate) const KIND_LEASE: &str = "lease";
/// A wish for grants that finds no network in this time is asked anew, with what is known then.
const LEASE_LIVES_MS: i64 = 3_600_000;
/// Without anything to lease, the backend is asked again after this.
const LEASE_AGAIN_MS: i64 = 43_200_000;
/// The most serials that a lease names as shown: ten days of it.
const MOST_PRESENTED: usize = 500;
/// Areas that were asked for a moment ago are not asked for again.
const JUST_NOW_MS: i64 = 600_000;
/// How far ahead of the clock a pushed condition may begin.
const CONDITION_AHEAD_S: i64 = 30 * 86_400;

/// Coupons and stamps. Cheap to clone; from `noren.coupons()`.
#[derive(Clone, Debug)]
pub struct CouponsService {
    core: Arc<Core>,
}

impl CouponsService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Brings what is new, in as few requests as there can be: rules where the areas were not asked for just now, then a lease when one is due
    /// (it brings the wallet along), or the wallet, if it has changed. Offers come with areas: `places().refresh()` has to say once where. Call it
    /// when the app comes to the front and after a check-in was taken.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is known stays readable.
    pub async fn refresh(&self) -> Result<CouponsReport, CouponsError> {
        let core = &self.core;
        core.card.get().ok_or(CouponsError::NotEnrolled)?;
        let mut report = CouponsReport::default();
        if !self.asked_just_now()? {
            let tiles = core.places.rules()?.map(|kept| kept.tiles.clone()).unwrap_or_default();
            // Before `places().refresh()` has said where, there is no area to ask for.
            if !tiles.is_empty() {
                let areas = pull_areas(core, &tiles).await?;
                report.new_rules = areas.new_rules || areas.new_tiles > 0;
            }
        }
        if let Some(tiles) = self.lease_due()? {
            report.leased = self.lease(tiles).await?;
            report.new_wallet = report.leased;
        }
        if !report.leased {
            report.new_wallet = self.pull_wallet().await?;
        }
        if report.new_wallet {
            core.observers.tell(Change::Coupons);
        }
        // A contact: the moment for what is due at any contact.
        let member = MemberService::new(core.clone());
        if let Err(error) = member.keep_clock() {
            tracing::info!("the clock's anchor is kept later: {error}");
        }
        if let Err(error) = member.renew_if_due().await {
            tracing::info!("the credential is renewed later: {error}");
        }
        Ok(report)
    }

    /// Every coupon, usable ones first, each with its state and why not now. Local, at once.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn list(&self, situation: &CouponSituation) -> Result<Vec<CouponView>, CouponsError> {
        Ok(views::list(&self.facts()?, situation))
    }

    /// The best set of coupons for a basket that the phone knows (an order, self-checkout). Local, at once.
    ///
    /// # Errors
    /// `NotEnrolled`, `BadBasket`, `Storage`.
    pub fn best_set(&self, currency: &str, lines: Vec<BasketLine>, situation: &CouponSituation) -> Result<BestSetView, CouponsError> {
        views::best(&self.facts()?, currency, lines, situation)
    }

    /// Holds an offer's coupons back, or lets them be shown again. Goes into the next presentation. Local, durable.
    ///
    /// # Errors
    /// `Storage`.
    pub fn hold_back(&self, offer: u32, held: bool) -> Result<(), CouponsError> {
        self.core.note_use()?;
        self.core.coupons.hold_back(OfferId(offer), held)?;
        self.core.observers.tell(Change::Coupons);
        Ok(())
    }

    /// The card is about to be shown to a till: from here on its QR carries the coupons that the member is willing to use, up to 20. What is
    /// shown is noted durably first; where that fails the card shows without coupons. Called again it takes in what has become usable since.
    pub fn begin_presentation(&self) -> Presentation {
        present::begin(&self.core)
    }

    /// The card is put away: its QR carries no coupons any more. Those that were shown stay back until the backend, a receipt or another lease
    /// has said what became of them.
    pub fn end_presentation(&self) {
        present::end(&self.core);
    }

    /// The member says that no till has read a coupon that was shown (the card was opened by chance, the queue was left): it can be shown again. The
    /// phone has only this word for it: if a till did take it, the backend finds the second use at the next sync, and stops this device's coupons.
    /// Ends an open presentation. Local, durable.
    ///
    /// # Errors
    /// `Storage`: it stays back.
    pub fn not_scanned(&self, serial: u64) -> Result<(), CouponsError> {
        present::end(&self.core);
        self.core.coupons.forget_shown(serial)?;
        self.core.observers.tell(Change::Coupons);
        Ok(())
    }

    /// A condition that came by push (base64url, as the issuer signed it): rain, a time sale. Local, durable.
    ///
    /// # Errors
    /// `BadPush` when it is not signed by a known issuer, over, or not newer than what is known; `Storage`.
    pub fn take_push(&self, text: &str) -> Result<ConditionView, CouponsError> {
        let bad = |detail: &str| CouponsError::BadPush { detail: detail.to_owned() };
        let facts = self.facts()?;
        let now_s = self.core.clock.now().now_s();
        let signed = b64::decode(text.trim()).ok_or_else(|| bad(&RuleError::Malformed.to_string()))?;
        let condition = Condition::open(&signed, &facts.rules.issuers, now_s).map_err(|error| bad(&error.to_string()))?;
        if condition.until_s <= now_s || condition.from_s > now_s.saturating_add(CONDITION_AHEAD_S) {
            return Err(bad("it is over, or far from beginning"));
        }
        let known = facts.conditions.iter().filter(|known| known.kind == condition.kind && known.area == condition.area);
        if known.map(|known| known.sequence).max().is_some_and(|sequence| sequence >= condition.sequence) {
            return Err(bad("a condition with this sequence or a later one is known"));
        }
        self.core.coupons.save_pushed(text.trim(), condition.until_s, now_s)?;
        self.core.observers.tell(Change::Coupons);
        let ms = |s: i64| s.saturating_mul(1000);
        Ok(ConditionView { kind: condition.kind, area: condition.area, from_ms: ms(condition.from_s), until_ms: ms(condition.until_s) })
    }

    /// Stamp cards: the backend's stamps, and those of check-ins that it has not heard of yet. Local, at once.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn stamp_cards(&self) -> Result<Vec<StampCardView>, CouponsError> {
        Ok(stamps::cards(&self.facts()?))
    }

    /// How fresh what is known of the member's coupons is.
    ///
    /// # Errors
    /// `Storage`.
    pub fn freshness(&self) -> Result<Freshness, CouponsError> {
        Ok(self.core.collections.freshness(WALLET_COLLECTION)?)
    }

    fn facts(&self) -> Result<Facts, CouponsError> {
        Facts::gather(&self.core)?.ok_or(CouponsError::NotEnrolled)
    }

    fn asked_just_now(&self) -> Result<bool, CouponsError> {
        let areas = self.core.collections.freshness(AREAS_COLLECTION)?;
        let age_ms = areas.last_attempt_ms.map(|at_ms| self.core.clock.now().now_ms.saturating_sub(at_ms));
        Ok(areas.complete && areas.last_error.is_none() && age_ms.is_some_and(|age_ms| (0..JUST_NOW_MS).contains(&age_ms)))
    }

    /// For which tiles grants should be leased now, if they should.
    fn lease_due(&self) -> Result<Option<Vec<String>>, CouponsError> {
        let facts = self.facts()?;
        let now_ms = self.core.clock.now().now_ms;
        let tiles = facts.kept_rules.as_ref().map(|kept| tile_names(kept)).unwrap_or_default();
        if !facts.rules.has_offline_offers() && facts.allotment.is_none() {
            return Ok(None);
        }
        let Some((kept, note)) = facts.wallet.as_ref().and_then(|kept| Some((kept, kept.lease.as_ref()?))) else { return Ok(Some(tiles)) };
        let half_ms = note.until_ms.map_or(LEASE_AGAIN_MS, |until_ms| until_ms.saturating_sub(note.at_ms) / 2);
        let is_old = !(0..half_ms).contains(&now_ms.saturating_sub(note.at_ms));
        let is_lost = note.until_ms.is_some() && facts.allotment.is_none();
        let is_elsewhere = note.tiles != tiles || note.rules != facts.rules.version;
        // A lease renews the credential; a renewal alone would lease nothing.
        let renews = self.core.card.get().is_some_and(|card| now_ms >= card.renew_from_ms);
        Ok((kept.stale || is_old || is_lost || is_elsewhere || renews).then_some(tiles))
    }

    /// Asks for grants. True when the answer has come; a refusal (a device that lost its offline coupons) leaves those that need a connection.
    async fn lease(&self, tiles: Vec<String>) -> Result<bool, CouponsError> {
        let core = &self.core;
        let mut presented = self.facts()?.unheard;
        presented.drain(..presented.len().saturating_sub(MOST_PRESENTED));
        let request = LeaseRequest { tiles, presented };
        let body = serde_json::to_string(&request).map_err(|_| StorageError::other("the request has no JSON form"))?;
        let key = core.enqueue(LANE_MEMBER, KIND_LEASE, paths::LEASES, body, Some(LEASE_LIVES_MS), Some("lease"))?;
        core.outbox.send_lane_due(LANE_MEMBER).await?;
        core.note_refused_device()?;
        let Some(view) = core.outbox.intent(&key)? else { return Ok(false) };
        match view.state {
            IntentState::Done => {}
            IntentState::Wedged | IntentState::Expired => {
                tracing::warn!("no grants for tills without a connection: {:?}", view.reason.unwrap_or(Reason::Other));
                core.outbox.dismiss(&key)?;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        core.collections.complete(WALLET_COLLECTION, None, core.clock.now().now_ms)?;
        Ok(true)
    }

    async fn pull_wallet(&self) -> Result<bool, CouponsError> {
        let core = &self.core;
        let card = core.card.get().ok_or(CouponsError::NotEnrolled)?;
        core.collections.attempt(WALLET_COLLECTION, core.clock.now().now_ms)?;
        // Without the wallet itself its ETag would keep it away for ever.
        let etag = match core.coupons.wallet(&card.member_id)? {
            Some(_) => core.collections.etag(WALLET_COLLECTION)?,
            None => None,
        };
        let fetched = match endpoints::wallet(&core.client, core.tokens.as_ref(), etag.as_deref()).await {
            Ok(fetched) => fetched,
            Err(error) => {
                core.note_device(&error)?;
                core.collections.failed(WALLET_COLLECTION, &error.to_string())?;
                return Err(error.into());
            }
        };
        let (changed, etag) = match fetched {
            Some((wallet, etag)) => (core.coupons.take_wallet(&card.member_id, wallet, None)?, etag),
            None => (false, None),
        };
        core.collections.complete(WALLET_COLLECTION, etag.as_deref(), core.clock.now().now_ms)?;
        Ok(changed)
    }
}

fn tile_names(kept: &KeptRules) -> Vec<String> {
    kept.tiles.iter().map(Tile::to_string).collect()
}

/// True when a lease's answer reads.
pub(crate) fn accepts_lease(body: &str) -> bool {
    serde_json::from_str::<Lease>(body).is_ok_and(|lease| SignedCredential::from_base64url(&lease.credential).is_ok())
}

/// Puts a lease in place: its credential on the card, its wallet in the cache. Applying it twice is the same as once.
pub(crate) fn apply_lease(card: &CardStore, coupons: &CouponStore, places: &PlaceStore, outcome: &Outcome) -> Result<(), StorageError> {
    let Ok(lease) = serde_json::from_str::<Lease>(&outcome.body) else { return Ok(()) };
    let Some(known) = card.get().filter(|known| !known.revoked) else { return Ok(()) };
    let read = |text: &str| SignedCredential::from_base64url(text).map(|signed| signed.credential().clone());
    let (Ok(ours), Ok(leased)) = (read(&known.credential), read(&lease.credential)) else { return Ok(()) };
    // An answer to an older key of this device must not undo a newer card.
    if ours.device_key != leased.device_key || lease.credential_expires_at_ms < known.credential_expires_at_ms {
        return Ok(());
    }
    card.update(|card| {
        let changed = card.credential != lease.credential;
        card.credential.clone_from(&lease.credential);
        card.credential_expires_at_ms = lease.credential_expires_at_ms;
        // Another device has joined this member to another: the card hears of it by a renewal at this contact.
        card.renew_from_ms = if ours.member == leased.member { lease.renew_from_ms } else { 0 };
        changed
    })?;
    // The card must not wait for the cache: without it the next refresh asks again.
    let taken = places.rules().and_then(|kept| {
        let (tiles, rules) = kept.map(|kept| (tile_names(&kept), kept.rules.version.clone())).unwrap_or_default();
        let note = LeaseNote { at_ms: lease.wallet.as_of_ms, until_ms: lease.until_ms, tiles, rules };
        coupons.take_wallet(&known.member_id, lease.wallet, Some(note))
    });
    if let Err(error) = taken {
        tracing::warn!("the wallet is looked at later: {error}");
    }
    Ok(())
}
