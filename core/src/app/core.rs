//! What all features share.

use std::path::PathBuf;
use std::sync::Arc;

use noren_rules::ids::{DeviceId, IdempotencyKey};
use noren_rules::wire::Reason;

use super::erasure::Erasure;
use super::installation::Installation;
use super::observers::Observers;
use crate::catalogue::{
    CatalogueStore, KIND_FAVOURITE, KIND_REACTIONS, KIND_REVIEW, accepts_favourites, accepts_reactions, accepts_review, apply_favourites,
};
use crate::check_in::{CheckInStore, KIND_CHECK_IN, accepts_check_in, apply_check_in};
use crate::coupons::{CouponStore, KIND_LEASE, accepts_lease, apply_lease};
use crate::holds::{HOLD_KINDS, HOLD_KINDS_UNASKED, HoldStore, accepts_hold, apply_hold};
use crate::member::{self, CardMaker, CardStore, EnrolmentCause, KIND_ENROL, KIND_LINK, KIND_RENEW, LostItem};
use crate::net::{AuthorizerError, Client, DeviceTokens};
use crate::ordering::{ORDER_KINDS, ORDER_KINDS_UNASKED, OrderingStore, accepts_order, apply_order};
use crate::outbox::{IntentState, IntentView, Outbox, OutboxError, Outcome, OutcomeSink};
use crate::places::PlaceStore;
use crate::platform::{Change, Platform};
use crate::purchases::{HistoryStore, KIND_CLAIM};
use crate::replica::Collections;
use crate::stock::StockStore;
use crate::storage::{Database, StorageError};
use crate::time::TrustedClock;

/// Enrolment, renewal, leases and links: each builds on the one before.
pub(crate) const LANE_MEMBER: &str = "member";
/// Claims of receipts: a wedged one holds nobody else up.
pub(crate) const LANE_CLAIMS: &str = "claims";
/// Check-ins, in the order of their chain.
pub(crate) const LANE_CHECK_INS: &str = "check_ins";
/// What a member likes: of two wishes the later counts.
pub(crate) const LANE_FAVOURITES: &str = "favourites";
/// What a member thinks of products.
pub(crate) const LANE_REVIEWS: &str = "reviews";
/// Scans and questions in stores, in batches.
pub(crate) const LANE_REACTIONS: &str = "reactions";

/// Wishes to hold and releases, in order.
pub(crate) const LANE_HOLDS: &str = "holds";
/// Words on the way to a hold: one that waits holds no release up.
pub(crate) const LANE_HOLD_PROGRESS: &str = "hold_progress";

pub(crate) struct Core {
    pub(super) directory: PathBuf,
    pub(super) installation: Installation,
    pub(super) outbox_db: Arc<Database>,
    pub(super) cache_db: Arc<Database>,
    pub(crate) platform: Platform,
    pub(crate) language: String,
    pub(crate) client: Client,
    pub(crate) clock: Arc<TrustedClock>,
    pub(crate) card: Arc<CardStore>,
    pub(crate) maker: CardMaker,
    pub(crate) outbox: Outbox,
    pub(crate) tokens: Arc<DeviceTokens>,
    pub(crate) history: HistoryStore,
    pub(crate) places: PlaceStore,
    pub(crate) check_ins: Arc<CheckInStore>,
    pub(crate) coupons: Arc<CouponStore>,
    pub(crate) stock: Arc<StockStore>,
    pub(crate) catalogue: Arc<CatalogueStore>,
    pub(crate) holds: Arc<HoldStore>,
    pub(crate) ordering: Arc<OrderingStore>,
    pub(crate) collections: Collections,
    pub(crate) observers: Arc<Observers>,
    pub(crate) erasure: Erasure,
    pub(crate) pulling: tokio::sync::Mutex<()>,
    pub(crate) pulling_areas: tokio::sync::Mutex<()>,
    pub(crate) pulling_stock: tokio::sync::Mutex<()>,
    pub(crate) lost: Option<(EnrolmentCause, Vec<LostItem>)>,
    pub(crate) replaced_device: Option<DeviceId>,
}

impl Core {
    pub(crate) fn lost_cause(&self) -> Option<EnrolmentCause> {
        self.lost.as_ref().map(|(cause, _)| *cause)
    }

    /// Something is about to be kept beside the intents: from here on a missing file is a loss.
    pub(crate) fn note_use(&self) -> Result<(), StorageError> {
        self.installation.outbox_was_used()
    }

    /// Keeps an intent. `lives_ms` from now on it may have its effect.
    pub(crate) fn enqueue(
        &self,
        lane: &str,
        kind: &str,
        path: &str,
        body: String,
        lives_ms: Option<i64>,
        subject: Option<&str>,
    ) -> Result<IdempotencyKey, OutboxError> {
        self.note_use()?;
        let expires_at_ms = lives_ms.map(|lives| self.clock.now().now_ms.saturating_add(lives));
        self.outbox.enqueue(&member::new_intent(lane, kind, path, body, expires_at_ms, subject))
    }

    /// The intent of this kind whose outcome is open.
    pub(crate) fn open_intent(&self, kind: &str) -> Result<Option<IntentView>, OutboxError> {
        Ok(self.outbox.waiting()?.into_iter().find(|view| view.kind == kind && view.state.is_open()))
    }

    /// True while an enrolment is on its way. Makes no file where there is none.
    pub(crate) fn enrolment_is_open(&self) -> bool {
        self.outbox_db.path().exists() && self.open_intent(KIND_ENROL).ok().flatten().is_some()
    }

    /// Notes that the server does not know this device any more, if that is what the error says.
    pub(crate) fn note_device(&self, error: &AuthorizerError) -> Result<(), StorageError> {
        if member::is_unknown_device(error) { self.revoked() } else { Ok(()) }
    }

    /// As [`Core::note_device`], from what the outbox was told.
    pub(crate) fn note_refused_device(&self) -> Result<(), StorageError> {
        let Ok(waiting) = self.outbox.waiting() else { return Ok(()) };
        let known_since = |view: &IntentView| view.state == IntentState::Wedged && view.reason == Some(Reason::UnknownDevice);
        if waiting.iter().any(known_since) { self.revoked() } else { Ok(()) }
    }

    fn revoked(&self) -> Result<(), StorageError> {
        let changed = self.card.update(|card| !std::mem::replace(&mut card.revoked, true))?;
        if changed {
            self.observers.tell(Change::Member);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").finish_non_exhaustive()
    }
}

/// Hands outcomes to the features' rooms.
pub(super) struct Sink {
    pub(super) card: Arc<CardStore>,
    pub(super) clock: Arc<TrustedClock>,
    pub(super) history: HistoryStore,
    pub(super) places: PlaceStore,
    pub(super) check_ins: Arc<CheckInStore>,
    pub(super) coupons: Arc<CouponStore>,
    pub(super) stock: Arc<StockStore>,
    pub(super) catalogue: Arc<CatalogueStore>,
    pub(super) holds: Arc<HoldStore>,
    pub(super) ordering: Arc<OrderingStore>,
    pub(super) observers: Arc<Observers>,
}

impl Sink {
    /// Another member has this phone now. Each room goes by itself: one that fails keeps no other from it. The member's word alone (pins, releases by
    /// themselves) names nobody, so it goes first; the rest is looked up by device and member, and what cannot be dropped is not shown.
    fn drop_member(&self) {
        let dropped = [
            self.stock.drop_pins(),
            self.holds.release_when_away(false),
            self.check_ins.drop_all(),
            self.coupons.drop_all(),
            self.stock.drop_stores(),
            self.holds.drop_all(),
            self.ordering.drop_all(),
            self.catalogue.drop_member(),
        ];
        for error in dropped.into_iter().filter_map(Result::err) {
            tracing::warn!("something that was another member's could not be dropped: {error}");
        }
    }
}

impl OutcomeSink for Sink {
    fn accepts(&self, kind: &str, body: &str) -> bool {
        match kind {
            KIND_CLAIM => serde_json::from_str::<noren_rules::wire::Claim>(body).is_ok(),
            KIND_LEASE => accepts_lease(body),
            KIND_CHECK_IN => accepts_check_in(body),
            KIND_FAVOURITE => accepts_favourites(body),
            KIND_REVIEW => accepts_review(body),
            KIND_REACTIONS => accepts_reactions(body),
            kind if HOLD_KINDS.contains(&kind) => accepts_hold(kind, body),
            kind if ORDER_KINDS.contains(&kind) => accepts_order(body),
            kind => member::applies(kind, body).unwrap_or(true),
        }
    }

    fn is_unasked(&self, kind: &str) -> bool {
        HOLD_KINDS_UNASKED.contains(&kind) || ORDER_KINDS_UNASKED.contains(&kind)
    }

    fn is_final(&self, kind: &str) -> bool {
        ORDER_KINDS.contains(&kind)
    }

    fn apply(&self, outcome: &Outcome) -> Result<(), StorageError> {
        match outcome.kind.as_str() {
            KIND_ENROL | KIND_RENEW => {
                let before = self.card.get().map(|card| card.member_id.clone());
                let Some(card) = member::apply_enrolment(&self.card, &self.clock, outcome)? else { return Ok(()) };
                if before.is_some_and(|before| before != card.member_id) {
                    self.drop_member();
                }
                // The card must not wait for the cache: a refresh makes sure of it again.
                if let Err(error) = self.history.belongs_to(&card.member_id) {
                    tracing::warn!("the history is looked at later: {error}");
                }
                self.observers.tell(Change::Member);
            }
            KIND_LEASE => {
                apply_lease(&self.card, &self.coupons, &self.places, outcome)?;
                self.observers.tell(Change::Coupons);
            }
            KIND_CHECK_IN => {
                apply_check_in(&self.check_ins, &self.coupons, &self.card, outcome)?;
                self.observers.tell(Change::CheckIns);
            }
            KIND_FAVOURITE => {
                apply_favourites(&self.catalogue, &self.card, outcome)?;
                self.observers.tell(Change::Catalogue);
            }
            KIND_REVIEW => self.observers.tell(Change::Catalogue),
            kind if HOLD_KINDS.contains(&kind) => {
                apply_hold(&self.holds, &self.card, outcome)?;
                self.observers.tell(Change::Holds);
            }
            kind if ORDER_KINDS.contains(&kind) => {
                apply_order(&self.ordering, &self.card, outcome)?;
                self.observers.tell(Change::Orders);
                self.observers.tell(Change::Carts);
            }
            KIND_LINK => {
                member::apply_link(&self.card, &self.clock, outcome)?;
                self.observers.tell(Change::Member);
            }
            _ => {}
        }
        Ok(())
    }

    fn changed(&self) {
        self.observers.tell(Change::Outbox);
    }
}
