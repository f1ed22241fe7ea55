//! The verbs of check-in.

use std::sync::{Arc, PoisonError};

use noren_rules::check_in::{CheckInMethod, CheckInRefusal};
use noren_rules::ids::{DeviceId, PlaceId};
use noren_rules::place_code::PlaceCode;
use noren_rules::routes::Route;
use noren_rules::wire::CheckInAnswer;

use super::follow::{Followed, Following, Found, Proof};
use super::record::{Draft, is_cooling_down, keep, sign_waiting};
use super::tables::{CheckInNote, CheckInStore};
use super::{
    CheckInBy, CheckInError, CheckInNotice, CheckInReport, CheckInView, NewCheckIn, Observation, RefusedVisit, RegionLimit, WaitingVisit,
    regions,
};
use crate::app::Core;
use crate::coupons::{CouponSituation, CouponStore, CouponView, CouponsService, OpenRules};
use crate::member::CardStore;
use crate::outbox::Outcome;
use crate::places::{PlaceBook, TILES_WITHIN_M};
use crate::platform::Change;
use crate::storage::StorageError;

/// Under this id the region around the phone is registered and reported.
pub const REFRESH_REGION: &str = "noren:refresh";
pub(crate) const KIND_CHECK_IN: &str = "check_in";
/// What is known of an area is asked for again after this.
const AREA_KEEPS_MS: i64 = 86_400_000;
/// And not more often than this while there is no network.
const AREA_AGAIN_MS: i64 = 3_600_000;
/// The longest code of a receipt.
const LONGEST_CODE: usize = 100;

/// Check-in. Cheap to clone; from `noren.check_in()`.
#[derive(Clone, Debug)]
pub struct CheckInService {
    core: Arc<Core>,
}

impl CheckInService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Takes what the operating system says, in the order in which it came, and answers at once with what follows: check-ins (committed, to be sent
    /// by `outbox().send_due()`), refusals, what is missing, regions to register. Local; give it whole batches.
    ///
    /// # Errors
    /// `NotEnrolled`; `Storage` when a check-in could not be kept (the disk is full): then nothing was taken, observe the same again.
    pub fn observe(&self, observations: Vec<Observation>) -> Result<CheckInReport, CheckInError> {
        let core = &self.core;
        let card = core.card.get().ok_or(CheckInError::NotEnrolled)?;
        let names = self.names()?;
        let book = &names.book;
        let routes = routes(&names);
        // What an earlier process left to be applied may reach in here: before the lock, not under it.
        core.outbox.start()?;
        let mut kept = core.check_ins.following.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = match kept.as_ref() {
            Some(following) => following.clone(),
            None => core.check_ins.kept_monitors()?,
        };
        next.wake(book, &core.platform.clock.boot_id(), core.clock.now().proven);
        let mut followed = Followed::default();
        for observation in &observations {
            next.observe(book, &routes, observation, &mut followed);
        }
        let woken = observations.iter().any(|observation| !matches!(observation, Observation::Fix { .. } | Observation::Tick { .. }));
        let regions = regions::plan(book, &mut next, woken);
        let drafts = self.drafts(&card.device_id, &mut followed)?;
        let now_ms = core.clock.now().now_ms;
        let area_due = self.area_due(book, &next)?;
        let finds = !drafts.is_empty();
        let is_kept = finds || woken || kept.as_ref().is_none_or(|before| next.is_to_be_kept(before, now_ms));
        if is_kept {
            next.kept_at_ms = Some(now_ms);
        }
        let notes = match keep(core, drafts, is_kept.then_some(&next)) {
            // Without a check-in nothing is lost by keeping it in memory only.
            Err(error @ CheckInError::Storage { .. }) if !finds => {
                tracing::warn!("the state of the monitors is kept later: {error}");
                next.kept_at_ms = None;
                Vec::new()
            }
            notes => notes?,
        };
        let needs_fixes = next.monitor.needs_fixes() || next.refresh_left;
        let mut report = CheckInReport { regions, needs_fixes, area_due, left_out: followed.left_out, ..CheckInReport::default() };
        *kept = Some(next);
        drop(kept);
        if !notes.is_empty() {
            core.observers.tell(Change::CheckIns);
        }
        report.refused = followed.refused.into_iter().map(|(place, at_ms, reason)| refused(&names, place, at_ms, reason)).collect();
        report.waiting = followed
            .waiting
            .into_iter()
            .map(|(place, missing)| WaitingVisit { place_name: name(&names, place.as_ref()), place, missing })
            .collect();
        report.check_ins = notes.into_iter().map(|note| self.new_check_in(&names, note)).collect::<Result<_, _>>()?;
        Ok(report)
    }

    /// Whose limit of watched regions holds on this phone: 20 unless it is said. The regions are chosen anew at the next observation.
    ///
    /// # Errors
    /// `Storage`.
    pub fn limit_regions(&self, limit: RegionLimit) -> Result<(), CheckInError> {
        let core = &self.core;
        core.outbox.start()?;
        let mut kept = core.check_ins.following.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = match kept.as_ref() {
            Some(following) => following.clone(),
            None => core.check_ins.kept_monitors()?,
        };
        if next.limit != limit {
            (next.limit, next.refresh_left) = (limit, next.registered.is_some());
            core.note_use()?;
            core.outbox.enqueue_with(&[], |tx, _| core.check_ins.put_monitors(tx, &next))?;
        }
        *kept = Some(next);
        Ok(())
    }

    /// A check-in by the signed code at the place, without location and without a network: at lower assurance. Local.
    ///
    /// # Errors
    /// `BadCode` when it is none, over, or of an issuer that is not known here; `CoolDown`; `NotEnrolled`; `Storage`.
    pub fn scan_place_code(&self, text: &str) -> Result<NewCheckIn, CheckInError> {
        let core = &self.core;
        let card = core.card.get().ok_or(CheckInError::NotEnrolled)?;
        let rules = core.coupons.open_rules(core.places.rules()?);
        let now = core.clock.now();
        let code = PlaceCode::open(text, &rules.issuers, now.now_s())?;
        if is_cooling_down(core, &card.device_id, &code.place, now.now_ms)? {
            return Err(CheckInError::CoolDown);
        }
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        self.check_in_by(Draft { place: code.place, at_ms: now.now_ms, method: CheckInMethod::PlaceCode { text } })
    }

    /// A check-in by the code on a receipt, once, at lower assurance: the backend says at which place. Local; it counts there when it has said so.
    ///
    /// # Errors
    /// `BadCode` for an empty or endless one; `NotEnrolled`; `Storage`.
    pub fn receipt_code(&self, code: &str) -> Result<NewCheckIn, CheckInError> {
        let code = code.trim();
        if code.is_empty() || code.len() > LONGEST_CODE {
            return Err(CheckInError::BadCode { detail: "a receipt's code has 1 to 100 characters: check it".into() });
        }
        let method = CheckInMethod::ReceiptCode { code: code.to_owned() };
        self.check_in_by(Draft { place: PlaceId(String::new()), at_ms: self.core.clock.now().now_ms, method })
    }

    /// Check-ins of the last 40 days and where they stand, newest first. Local, at once.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn recent(&self) -> Result<Vec<CheckInView>, CheckInError> {
        let core = &self.core;
        let card = core.card.get().ok_or(CheckInError::NotEnrolled)?;
        let names = self.names()?;
        let wallet = core.coupons.wallet(&card.member_id)?;
        let mut notes = core.check_ins.notes(&card.device_id)?;
        // Where a receipt's code counted only the backend knows.
        for note in notes.iter_mut().filter(|note| note.by == CheckInBy::ReceiptCode) {
            let heard = wallet.iter().flat_map(|kept| &kept.wallet.check_ins).find(|visit| visit.id == note.id);
            note.place = heard.map_or_else(|| note.place.clone(), |visit| visit.place.clone());
        }
        Ok(notes.into_iter().rev().map(|note| view(&names, note)).collect())
    }

    /// Signs what was kept while the device's key was locked; part of every round of sending.
    pub(crate) fn go_on(&self) -> Result<(), CheckInError> {
        let Some(card) = self.core.card.get() else { return Ok(()) };
        let signer = card.signed_credential().map(|signed| signed.credential().device_key);
        signer.map_or(Ok(()), |signer| sign_waiting(&self.core, &signer))
    }

    fn check_in_by(&self, draft: Draft) -> Result<NewCheckIn, CheckInError> {
        let core = &self.core;
        core.outbox.start()?;
        // One at a time: each record names the one before.
        let _held = core.check_ins.following.lock().unwrap_or_else(PoisonError::into_inner);
        let note = keep(core, vec![draft], None)?.pop().ok_or_else(|| StorageError::other("a check-in is and is not there"))?;
        core.observers.tell(Change::CheckIns);
        self.new_check_in(&self.names()?, note)
    }

    /// What is to be kept. A second check-in at a place within the cool-down (after a scanned code) is none.
    fn drafts(&self, device: &DeviceId, followed: &mut Followed) -> Result<Vec<Draft>, CheckInError> {
        let core = &self.core;
        let now_ms = core.clock.now().now_ms;
        let offset_ms = now_ms.saturating_sub(core.platform.clock.wall_ms());
        let mut drafts: Vec<Draft> = Vec::new();
        for Found { place, at_ms: phone_ms, proof } in std::mem::take(&mut followed.found) {
            let at_ms = phone_ms.saturating_add(offset_ms).min(now_ms);
            let method = match proof {
                Proof::Location(evidence) => CheckInMethod::Location(evidence),
                Proof::Route(passes) => CheckInMethod::Route { passes },
            };
            if is_cooling_down(core, device, &place, at_ms)? {
                followed.refused.push((place, phone_ms, CheckInRefusal::CoolDown));
            } else {
                drafts.push(Draft { place, at_ms, method });
            }
        }
        Ok(drafts)
    }

    fn names(&self) -> Result<Names, StorageError> {
        Ok(Names { book: self.core.places.book()?, rules: self.core.coupons.open_rules(self.core.places.rules()?) })
    }

    fn area_due(&self, book: &PlaceBook, following: &Following) -> Result<bool, CheckInError> {
        let Some(situation) = following.monitor.situation() else { return Ok(false) };
        let freshness = self.core.places.freshness()?;
        let now_ms = self.core.clock.now().now_ms;
        let older_than = |at_ms: Option<i64>, age_ms: i64| at_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= age_ms);
        let missing = !book.knows(&situation.position, TILES_WITHIN_M) || older_than(freshness.as_of_ms, AREA_KEEPS_MS);
        let tried = freshness.last_error.is_some() && !older_than(freshness.last_attempt_ms, AREA_AGAIN_MS);
        Ok(missing && !tried)
    }

    fn new_check_in(&self, names: &Names, note: CheckInNote) -> Result<NewCheckIn, CheckInError> {
        let situation = CouponSituation { place: Some(note.place.clone()), ..CouponSituation::default() };
        let here = |coupon: &CouponView| coupon.usable_now && coupon.places.contains(&note.place);
        let listed = CouponsService::new(self.core.clone()).list(&situation);
        // It is made already: that its coupons cannot be listed now is no reason to say otherwise.
        let coupons: Vec<CouponView> = listed.unwrap_or_default().into_iter().filter(here).collect();
        let check_in = view(names, note);
        Ok(NewCheckIn { notice: notice(&check_in, coupons.len()), check_in, coupons })
    }
}

fn view(names: &Names, note: CheckInNote) -> CheckInView {
    CheckInView {
        place_name: name(names, Some(&note.place)),
        direction: names.book.info(&note.place).map(|info| info.direction),
        id: note.id,
        place: note.place,
        at_ms: note.at_ms,
        time_proven: note.time_proven,
        by: note.by,
        state: note.state,
        unlocked: note.unlocked,
    }
}

fn notice(check_in: &CheckInView, coupons: usize) -> CheckInNotice {
    let name = &check_in.place_name;
    let (title_ja, title_en) = match (check_in.by, name.is_empty()) {
        (CheckInBy::ReceiptCode, _) => ("レシートでチェックインします".to_owned(), "Checking in by receipt".to_owned()),
        (_, true) => ("チェックインしました".to_owned(), "Checked in".to_owned()),
        (_, false) => (format!("{name}にチェックインしました"), format!("Checked in at {name}")),
    };
    let (body_ja, body_en) = match coupons {
        0 => (String::new(), String::new()),
        1 => ("クーポンが1枚使えます".to_owned(), "One coupon can be used here".to_owned()),
        many => (format!("クーポンが{many}枚使えます"), format!("{many} coupons can be used here")),
    };
    CheckInNotice { title_ja, title_en, body_ja, body_en, silent: true, at_night: true }
}

fn refused(names: &Names, place: PlaceId, at_ms: i64, reason: CheckInRefusal) -> RefusedVisit {
    RefusedVisit { place_name: name(names, Some(&place)), place, at_ms, reason }
}

/// The name of a place, or of a route.
fn name(names: &Names, place: Option<&PlaceId>) -> String {
    let Some(place) = place else { return String::new() };
    let route = || names.rules.routes.iter().find(|route| route.id == *place).map(|route| &route.name);
    names.book.info(place).map(|info| &info.name).or_else(route).cloned().unwrap_or_default()
}

/// The routes that can be driven here: one with a gate that is not known is another area's.
fn routes(names: &Names) -> Vec<Route> {
    names.rules.routes.iter().filter_map(|info| Route::in_index(info, names.book.index()).ok()).collect()
}

/// What places and routes are called.
struct Names {
    book: Arc<PlaceBook>,
    rules: Arc<OpenRules>,
}

/// True when the backend's word on a check-in reads.
pub(crate) fn accepts_check_in(body: &str) -> bool {
    serde_json::from_str::<CheckInAnswer>(body).is_ok()
}

/// Puts the backend's word on a check-in in place. Applying it twice is the same as once.
pub(crate) fn apply_check_in(store: &CheckInStore, coupons: &CouponStore, card: &CardStore, outcome: &Outcome) -> Result<(), StorageError> {
    let Ok(answer) = serde_json::from_str::<CheckInAnswer>(&outcome.body) else { return Ok(()) };
    store.settle(&outcome.key, &answer.outcome)?;
    let Some(card) = card.get() else { return Ok(()) };
    let updated = coupons.update_wallet(&card.member_id, |kept| {
        for stamped in answer.stamp_cards {
            kept.wallet.stamp_cards.retain(|known| known.card != stamped.card);
            kept.wallet.stamp_cards.push(stamped);
        }
        // A reward is a grant that no lease has brought yet.
        let leased = card.signed_credential().and_then(|signed| signed.credential().allotment.clone());
        let mut known: Vec<u64> = kept.wallet.grants.iter().map(|grant| grant.serial).collect();
        known.extend((0..).map_while(|at| leased.as_ref().and_then(|allotment| allotment.grant(at))).map(|(serial, _)| serial));
        kept.stale |= answer.grants.iter().any(|serial| !known.contains(serial));
    });
    // Stamps come with the next wallet, too.
    if let Err(error) = updated {
        tracing::warn!("the stamps are looked at later: {error}");
    }
    Ok(())
}
