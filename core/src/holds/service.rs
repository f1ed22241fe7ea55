//! The verbs of holds.

use std::sync::{Arc, PoisonError};

use noren_rules::geo::Position;
use noren_rules::ids::{HoldId, IdempotencyKey};
use noren_rules::wire::{Hold, HoldAnswer, HoldProgressRequest, HoldReleaseRequest, HoldRequest, Reason, paths};

use super::tables::{KeptHolds, TakenList};
use super::{HOLDS_COLLECTION, HoldOutcome, HoldPage, HoldStanding, HoldStore, HoldTrip, HoldView, HoldWish, HoldsError, endpoints};
use crate::app::{Core, LANE_HOLD_PROGRESS, LANE_HOLDS};
use crate::catalogue::ProductNumber;
use crate::check_in::Observation;
use crate::member::{CardStore, Submission, new_intent};
use crate::outbox::{IntentState, NewIntent, Outcome};
use crate::platform::Change;
use crate::stock::{StockMatrix, StockQuestion, StockService};
use crate::storage::StorageError;
use crate::trip::{TELL_EVERY_MS, fixes, fresh_age_ms};

const KIND_HOLD: &str = "hold";
const KIND_HOLD_PROGRESS: &str = "hold_progress";
const KIND_HOLD_RELEASE: &str = "hold_release";
/// As `hold_progress`, told by itself.
const KIND_HOLD_MINUTES: &str = "hold_minutes";
/// As `hold_release`, by itself: the way led away.
const KIND_HOLD_AWAY: &str = "hold_away";
/// All that is said of holds.
pub(crate) const HOLD_KINDS: [&str; 5] = [KIND_HOLD, KIND_HOLD_PROGRESS, KIND_HOLD_RELEASE, KIND_HOLD_MINUTES, KIND_HOLD_AWAY];
/// What of it nobody asked for: it is not shown when it fails.
pub(crate) const HOLD_KINDS_UNASKED: [&str; 2] = [KIND_HOLD_MINUTES, KIND_HOLD_AWAY];
/// A wish that finds no network in this time is over.
const WISH_LIVES_MS: i64 = 600_000;
/// What ended is shown for so long.
const SHOWN_MS: i64 = 86_400_000;
/// A release is over when the longest hold is.
const RELEASE_LIVES_MS: i64 = 3 * 3_600_000;
/// A list that was overtaken by a word is asked for once more; then the next refresh brings it.
const PULLS: u32 = 2;
const MOST_PIECES: u32 = 10;
const LONGEST_MIN: u32 = 1_440;

/// Holds. Cheap to clone; from `noren.holds()`.
#[derive(Clone, Debug)]
pub struct HoldsService {
    pub(super) core: Arc<Core>,
}

impl HoldsService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Asks a store to hold a variant. The wish is durable before it is sent; a second tap while it is on its way makes no second one, and while it
    /// surely is not, other pieces or another way take its place. With no network it waits for ten minutes, and is over then.
    ///
    /// # Errors
    /// `NotEnrolled`, `BadWish`, `Refused`, `Platform`, `Storage`.
    pub async fn hold(&self, wish: &HoldWish, position: Option<&Position>) -> Result<HoldOutcome, HoldsError> {
        let core = &self.core;
        let card = core.card.get().ok_or(HoldsError::NotEnrolled)?;
        check(wish)?;
        let request = HoldRequest { store: wish.store.clone(), sku: wish.sku.clone(), quantity: wish.quantity, eta_min: wish.eta_min };
        let now_ms = core.clock.now().now_ms;
        let until_ms = now_ms.saturating_add(WISH_LIVES_MS);
        let subject = format!("{}\n{}", wish.store, wish.sku);
        let intent = new_intent(LANE_HOLDS, KIND_HOLD, paths::HOLDS, json(&request)?, Some(until_ms), Some(&subject));
        core.note_use()?;
        let key = core.outbox.enqueue_last_word(&intent, |tx, key, replaced| {
            replaced.map_or(Ok(()), |replaced| HoldStore::forget_wish_in(tx, replaced))?;
            core.holds.insert(tx, key, &card.device_id, wish, (now_ms, until_ms))
        })?;
        core.observers.tell(Change::Holds);
        core.outbox.send_lane_due(LANE_HOLDS).await?;
        core.note_refused_device()?;
        self.outcome(&key, position)
    }

    /// Holds and wishes, newest first: live ones, and those that ended within 24 hours. Local, at once.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn list(&self) -> Result<HoldPage, HoldsError> {
        let core = &self.core;
        let card = core.card.get().ok_or(HoldsError::NotEnrolled)?;
        core.outbox.start()?;
        let (book, now_ms) = (core.places.book()?, core.clock.now().now_ms);
        let kept = core.holds.kept(&card.member_id)?;
        let known: Vec<Hold> = kept.as_ref().map(|kept| kept.holds.clone()).unwrap_or_default();
        let mut holds: Vec<HoldView> = known.iter().map(|hold| self.view(&book, hold)).collect();
        for note in core.holds.wishes(&card.device_id)? {
            match note.answer.as_ref().and_then(|answer| answer.hold.as_ref()) {
                // The list was dropped, or is older than the answer; one that is newer and does not know the hold has forgotten it.
                Some(hold) => {
                    let is_newer = kept.as_ref().is_some_and(|kept| kept.as_of_ms > hold.made_at_ms);
                    if !is_newer && !known.iter().any(|known| known.id == hold.id) {
                        holds.push(self.view(&book, hold));
                    }
                }
                None if matches!(note.standing, HoldStanding::Waiting | HoldStanding::Asked)
                    || now_ms.saturating_sub(note.at_ms) < SHOWN_MS =>
                {
                    holds.push(self.wish_view(&book, note));
                }
                None => {}
            }
        }
        holds.retain(|hold| hold.standing.is_live() || now_ms.saturating_sub(hold.until_ms.max(hold.made_at_ms)) < SHOWN_MS);
        holds.sort_by_key(|hold| std::cmp::Reverse(hold.made_at_ms));
        Ok(HoldPage { holds, freshness: core.collections.freshness(HOLDS_COLLECTION)? })
    }

    /// Asks what the stores have done, if anything. True when something is different.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is known stays readable.
    pub async fn refresh(&self) -> Result<bool, HoldsError> {
        let core = &self.core;
        let card = core.card.get().ok_or(HoldsError::NotEnrolled)?;
        core.collections.attempt(HOLDS_COLLECTION, core.clock.now().now_ms)?;
        for _ in 0..PULLS {
            let heard = core.holds.heard();
            // Without the list itself its ETag would keep it away for ever.
            let is_whole = core.holds.kept(&card.member_id)?.is_some_and(|kept| kept.is_whole());
            let etag = if is_whole { core.collections.etag(HOLDS_COLLECTION)? } else { None };
            let fetched = match endpoints::holds(&core.client, core.tokens.as_ref(), etag.as_deref()).await {
                Ok(fetched) => fetched,
                Err(error) => {
                    core.note_device(&error)?;
                    core.collections.failed(HOLDS_COLLECTION, &error.to_string())?;
                    return Err(error.into());
                }
            };
            let (taken, etag) = match fetched {
                Some((holds, etag)) => {
                    let list = KeptHolds { member: card.member_id.clone(), holds: holds.holds, as_of_ms: holds.as_of_ms };
                    (core.holds.take_list(&list, heard)?, etag)
                }
                None => (TakenList::Same, None),
            };
            if taken == TakenList::Overtaken {
                continue;
            }
            core.collections.complete(HOLDS_COLLECTION, etag.as_deref(), core.clock.now().now_ms)?;
            if taken == TakenList::Changed {
                core.observers.tell(Change::Holds);
            }
            return Ok(taken == TakenList::Changed);
        }
        Ok(false)
    }

    /// Still coming, in so many minutes: the store holds it for longer while that gets less, up to its cap.
    ///
    /// # Errors
    /// `NotEnrolled`, `NoSuchHold`, `BadWish`, `Refused`, `Platform`, `Storage`.
    pub async fn still_coming(&self, hold: &HoldId, eta_min: u32) -> Result<Submission, HoldsError> {
        if eta_min > LONGEST_MIN {
            return Err(HoldsError::BadWish { detail: "a way takes at most 1,440 minutes: say fewer".into() });
        }
        self.live(hold)?;
        let core = &self.core;
        let now_ms = core.clock.now().now_ms;
        let intent = word(KIND_HOLD_PROGRESS, hold, eta_min, now_ms, None)?;
        core.note_use()?;
        let keys = core.outbox.enqueue_with(&[intent], |tx, _| HoldStore::note_told(tx, hold, now_ms))?;
        let key = keys.into_iter().next().ok_or(HoldsError::NoSuchHold)?;
        self.submitted(LANE_HOLD_PROGRESS, &key).await
    }

    /// Not coming: the piece is free again.
    ///
    /// # Errors
    /// `NotEnrolled`, `NoSuchHold`, `Refused`, `Platform`, `Storage`.
    pub async fn release(&self, hold: &HoldId) -> Result<Submission, HoldsError> {
        self.live(hold)?;
        let key = self.give_up(hold, KIND_HOLD_RELEASE)?;
        self.submitted(LANE_HOLDS, &key).await
    }

    /// Takes a wish away that was never sent, was refused, or is over. Local, durable.
    ///
    /// # Errors
    /// `MayHaveArrived` while its outcome is open and it was sent; `NoSuchHold`; `Storage`.
    pub fn take_back(&self, key: &IdempotencyKey) -> Result<(), HoldsError> {
        let core = &self.core;
        let card = core.card.get().ok_or(HoldsError::NotEnrolled)?;
        if !core.holds.wishes(&card.device_id)?.iter().any(|note| note.key == *key) {
            return Err(HoldsError::NoSuchHold);
        }
        if core.outbox.intent(key)?.is_some_and(|view| view.state != IntentState::Done) {
            core.outbox.dismiss(key)?;
        }
        core.holds.forget_wish(key)?;
        core.observers.tell(Change::Holds);
        Ok(())
    }

    /// Whether a hold is released by itself when the way has clearly led away. Without the member's word it is only proposed. Local, durable.
    ///
    /// # Errors
    /// `Storage`.
    pub fn release_when_away(&self, wanted: bool) -> Result<(), HoldsError> {
        self.core.note_use()?;
        Ok(self.core.holds.release_when_away(wanted)?)
    }

    /// Takes fixes on the way, in the order in which they came, and answers how it goes for each live hold whose store has a place on the phone. The
    /// minutes are told every three minutes at most, as of the fix that says so, and only from a fix of the last minute; so is a hold released. No position
    /// leaves the phone. Local: `outbox().send_due()` sends what follows.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn on_the_way(&self, observations: &[Observation]) -> Result<Vec<HoldTrip>, HoldsError> {
        let core = &self.core;
        let book = core.places.book()?;
        let live: Vec<HoldView> = self.list()?.holds.into_iter().filter(|hold| hold.standing.is_live()).collect();
        let fixes = fixes(observations);
        let mut trips = Vec::with_capacity(live.len());
        {
            let mut kept = core.holds.trips.lock().unwrap_or_else(PoisonError::into_inner);
            kept.keep(|hold| live.iter().any(|view| view.id.as_ref() == Some(hold)));
            for view in &live {
                let (Some(hold), Some((place, _))) = (&view.id, book.at_place(&view.store)) else { continue };
                let trip = kept.of(hold);
                let last = fixes.iter().filter(|fix| trip.observe(fix, place)).last();
                let age_ms = last.and_then(|fix| fresh_age_ms(core.platform.clock.as_ref(), fix));
                let trip = HoldTrip {
                    hold: hold.clone(),
                    store: view.store.clone(),
                    eta_min: trip.eta_min(),
                    trend: trip.trend(),
                    told: false,
                    turned_away: trip.has_turned_away(),
                    released: false,
                };
                trips.push((trip, age_ms));
            }
        }
        for (trip, age_ms) in &mut trips {
            let Some(age_ms) = age_ms else { continue };
            if trip.turned_away && core.holds.releases_when_away()? {
                self.give_up(&trip.hold, KIND_HOLD_AWAY)?;
                trip.released = true;
            } else if let Some(eta_min) = trip.eta_min.filter(|_| !trip.turned_away)
                && self.is_to_be_told(&trip.hold)?
            {
                self.tell(&trip.hold, eta_min, core.clock.now().now_ms.saturating_sub(*age_ms))?;
                trip.told = true;
            }
        }
        Ok(trips.into_iter().map(|(trip, _)| trip).collect())
    }

    /// Where else it is when the store did not find it, or refused: all local, from what is known of stock.
    ///
    /// # Errors
    /// `NotEnrolled`, `NoSuchHold`, `Storage`.
    pub fn instead(&self, hold: &HoldId, position: Option<&Position>) -> Result<StockMatrix, HoldsError> {
        let view = self.list()?.holds.into_iter().find(|view| view.id.as_ref() == Some(hold)).ok_or(HoldsError::NoSuchHold)?;
        // With its other sizes, where the product was seen here.
        let product = self.core.catalogue.by_number(&ProductNumber::Sku(view.sku.clone()))?;
        let question = StockQuestion {
            product: product.map(|(kept, _)| kept.record.product.id),
            skus: vec![view.sku.clone()],
            wanted: Some(view.sku),
            here: Some(view.store),
            in_min: None,
            quantity: view.quantity,
            per_variant: 5,
            open_first: true,
        };
        Ok(StockService::new(self.core.clone()).nearest(&question, position)?)
    }

    fn live(&self, hold: &HoldId) -> Result<HoldView, HoldsError> {
        let of = |view: &HoldView| view.id.as_ref() == Some(hold) && view.standing.is_live();
        self.list()?.holds.into_iter().find(of).ok_or(HoldsError::NoSuchHold)
    }

    fn is_to_be_told(&self, hold: &HoldId) -> Result<bool, HoldsError> {
        let now_ms = self.core.clock.now().now_ms;
        let told_at_ms = self.core.holds.told_at_ms(hold)?;
        // A clock that was set back makes no wait longer.
        Ok(told_at_ms.is_none_or(|told_at_ms| !(0..TELL_EVERY_MS).contains(&now_ms.saturating_sub(told_at_ms))))
    }

    /// Tells the minutes by itself, as they were at `at_ms`. One word of a hold waits at a time.
    fn tell(&self, hold: &HoldId, eta_min: u32, at_ms: i64) -> Result<(), HoldsError> {
        let core = &self.core;
        let now_ms = core.clock.now().now_ms;
        let intent = word(KIND_HOLD_MINUTES, hold, eta_min, at_ms, Some(hold.as_str()))?;
        core.note_use()?;
        core.outbox.enqueue_last_word(&intent, |tx, _, _| HoldStore::note_told(tx, hold, now_ms))?;
        Ok(())
    }

    fn give_up(&self, hold: &HoldId, kind: &str) -> Result<IdempotencyKey, HoldsError> {
        let body = json(&HoldReleaseRequest { hold: hold.clone() })?;
        let subject = Some(hold.as_str());
        Ok(self.core.enqueue(LANE_HOLDS, kind, paths::HOLD_RELEASES, body, Some(RELEASE_LIVES_MS), subject)?)
    }

    async fn submitted(&self, lane: &str, key: &IdempotencyKey) -> Result<Submission, HoldsError> {
        let core = &self.core;
        core.outbox.send_lane_due(lane).await?;
        core.note_refused_device()?;
        let Some(view) = core.outbox.intent(key)? else { return Ok(Submission::Done) };
        match view.state {
            IntentState::Done => Ok(Submission::Done),
            IntentState::Wedged | IntentState::Expired => {
                core.outbox.dismiss(key)?;
                let code = view.reason.unwrap_or(Reason::Other);
                Err(if code == Reason::NotFound { HoldsError::NoSuchHold } else { refused(code, view.detail) })
            }
            _ => Ok(Submission::Waiting { key: key.clone() }),
        }
    }

    fn outcome(&self, key: &IdempotencyKey, position: Option<&Position>) -> Result<HoldOutcome, HoldsError> {
        let core = &self.core;
        let card = core.card.get().ok_or(HoldsError::NotEnrolled)?;
        let note = core.holds.wishes(&card.device_id)?.into_iter().find(|note| note.key == *key).ok_or(HoldsError::NoSuchHold)?;
        let book = core.places.book()?;
        match (note.answer, note.standing) {
            (Some(HoldAnswer { hold: Some(hold), .. }), _) => Ok(HoldOutcome::Held { hold: self.view(&book, &hold) }),
            (Some(HoldAnswer { alternatives, .. }), HoldStanding::Refused { reason }) => {
                // It is answered here and now: the list shows only what came while nobody waited.
                core.holds.forget_wish(key)?;
                Ok(HoldOutcome::Refused { reason, alternatives: self.choices(&book, alternatives, &note.wish, position) })
            }
            (_, HoldStanding::NotTaken { code }) => {
                let detail = core.outbox.intent(key)?.and_then(|view| view.detail);
                // It was seen: what is refused for good is not shown again.
                self.take_back(key)?;
                Err(refused(code, detail))
            }
            (_, HoldStanding::Over) => {
                self.take_back(key)?;
                Ok(HoldOutcome::Over)
            }
            _ => Ok(HoldOutcome::Waiting { key: key.clone(), until_ms: note.until_ms }),
        }
    }
}

/// A word on the way, which was so at `at_ms`. It is over when the next one may be said: an old one is worth nothing.
fn word(kind: &str, hold: &HoldId, eta_min: u32, at_ms: i64, subject: Option<&str>) -> Result<NewIntent, StorageError> {
    let body = json(&HoldProgressRequest { hold: hold.clone(), eta_min, at_ms })?;
    let expires_at_ms = Some(at_ms.saturating_add(TELL_EVERY_MS));
    Ok(new_intent(LANE_HOLD_PROGRESS, kind, paths::HOLD_PROGRESS, body, expires_at_ms, subject))
}

fn check(wish: &HoldWish) -> Result<(), HoldsError> {
    let bad = |detail: &str| Err(HoldsError::BadWish { detail: detail.to_owned() });
    if wish.store.as_str().is_empty() || wish.sku.as_str().is_empty() {
        return bad("a hold names a store and a variant: choose both");
    }
    if !(1..=MOST_PIECES).contains(&wish.quantity) {
        return bad("1 to 10 pieces can be held: choose a number between");
    }
    if wish.eta_min > LONGEST_MIN {
        return bad("a way takes at most 1,440 minutes: say fewer");
    }
    Ok(())
}

fn json<T: serde::Serialize>(request: &T) -> Result<String, StorageError> {
    serde_json::to_string(request).map_err(|_| StorageError::other("the request has no JSON form"))
}

fn refused(code: Reason, detail: Option<String>) -> HoldsError {
    HoldsError::Refused { code, detail: detail.unwrap_or_else(|| "no longer possible".into()) }
}

/// True when the backend's word on a wish, or on a hold, reads.
pub(crate) fn accepts_hold(kind: &str, body: &str) -> bool {
    match kind {
        // An answer that neither holds nor refuses is none.
        KIND_HOLD => serde_json::from_str::<HoldAnswer>(body).is_ok_and(|answer| answer.hold.is_some() || answer.refused.is_some()),
        _ => serde_json::from_str::<Hold>(body).is_ok(),
    }
}

/// Puts the backend's word in place. Applying it twice is the same as once.
pub(crate) fn apply_hold(holds: &HoldStore, card: &CardStore, outcome: &Outcome) -> Result<(), StorageError> {
    let hold = if outcome.kind == KIND_HOLD {
        let Ok(answer) = serde_json::from_str::<HoldAnswer>(&outcome.body) else { return Ok(()) };
        holds.settle(&outcome.key, &answer)?;
        answer.hold
    } else {
        serde_json::from_str(&outcome.body).ok()
    };
    let (Some(hold), Some(card)) = (hold, card.get()) else { return Ok(()) };
    // The list is the backend's and comes again; the answer to a wish stands beside the outbox.
    if let Err(error) = holds.take_one(&card.member_id, hold) {
        tracing::warn!("the list of holds is looked at later: {error}");
    }
    Ok(())
}
