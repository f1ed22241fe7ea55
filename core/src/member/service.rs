//! The verbs of the member's room.

use std::sync::Arc;

use noren_rules::credential::SignedCredential;
use noren_rules::ids::{DeviceId, IdempotencyKey};
use noren_rules::proof::ProofKind;
use noren_rules::wire::{EnrolRequest, Enrolment, Link, LinkRequest, MemberExport, Membership, Reason, paths};

use super::{Card, CardStore, CardView, EnrolmentCause, MemberError, MemberState, Submission, Symbology, endpoints};
use crate::app::{Core, ForgetError, LANE_MEMBER, ServerErasure};
use crate::net::{AuthorizerError, CallError, TransportError, prove_nonce};
use crate::outbox::{IntentState, IntentView, NewIntent, Outcome};
use crate::platform::{Change, PlatformError};
use crate::signing::{device_public_key, read_public_key};
use crate::storage::StorageError;
use crate::time::TrustedClock;

pub(crate) const KIND_ENROL: &str = "enrol";
pub(crate) const KIND_RENEW: &str = "renew";
pub(crate) const KIND_LINK: &str = "link";

/// Fact beside the intents: the public key that this installation made, so that only a first enrolment makes one.
pub(crate) const FACT_DEVICE_KEY: &str = "device-key";
/// Fact beside the intents: the device's id in plain, so that a restored phone can name the device that it replaces.
pub(crate) const FACT_DEVICE_ID: &str = "device-id";
/// A write that a person waits for has its effect within a day, or none.
const A_DAY_MS: i64 = 86_400_000;
const AN_HOUR_MS: i64 = 3_600_000;
/// How often an enrolment asks for another nonce before it gives up for now.
const NONCES: u32 = 3;
/// The member's collection in the replica.
pub(crate) const COLLECTION: &str = "membership";

/// Enrolment, the card, linking. Cheap to clone; from `noren.member()`.
#[derive(Clone, Debug)]
pub struct MemberService {
    core: Arc<Core>,
}

impl MemberService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Where this device stands. Local, at once.
    #[must_use]
    pub fn state(&self) -> MemberState {
        if self.core.erasure.is_pending() && self.core.card.get().is_none() {
            return MemberState::Forgetting;
        }
        if let Some(card) = self.core.card.get() {
            return enrolled(&card);
        }
        if self.core.enrolment_is_open() {
            return MemberState::Enrolling;
        }
        match &self.core.lost {
            Some((cause, lost)) => MemberState::NeedsEnrolment { cause: *cause, lost: lost.clone() },
            None => MemberState::NotEnrolled,
        }
    }

    /// Makes this device a member's card: without an account, or taking over a card number or an account of the online shop.
    ///
    /// Needs the network once, for the nonce that the device signs. From then on it is an intent: if the answer gets lost, the state is
    /// `Enrolling` and it goes on by itself. Calling it again goes on with the enrolment that is open; its link is then the first one's.
    ///
    /// # Errors
    /// `AlreadyEnrolled`; `LinkRefused` or `TooManyAttempts` (nothing is kept: ask the person again); `Call` without a network;
    /// `Platform` (`Locked`: nothing was changed); `Storage`.
    pub async fn enrol(&self, link: Option<Link>) -> Result<MemberState, MemberError> {
        if self.core.card.get().is_some_and(|card| !card.revoked) {
            return Err(MemberError::AlreadyEnrolled);
        }
        let core = &self.core;
        self.finish_forgetting().await?;
        let key = match core.open_intent(KIND_ENROL)? {
            Some(open) => open.key,
            None => self.begin_enrolment(link).await?,
        };
        core.outbox.network_returned()?;
        self.carry_enrolment_on(key).await?;
        core.observers.tell(Change::Member);
        Ok(self.state())
    }

    /// Joins the history of a card number or an account of the online shop to this member.
    ///
    /// # Errors
    /// `LinkRefused` or `TooManyAttempts` (nothing is kept); `NotEnrolled`; `Platform`; `Storage`. Without a network the link waits in the
    /// outbox for a day at most: [`Submission::Waiting`].
    pub async fn link(&self, link: Link) -> Result<Submission, MemberError> {
        self.need_card()?;
        let body = json(&LinkRequest { link })?;
        let key = self.core.enqueue(LANE_MEMBER, KIND_LINK, paths::LINKS, body, Some(A_DAY_MS), None)?;
        self.core.outbox.send_lane_due(LANE_MEMBER).await?;
        let sent = self.outcome_for_a_person(&key)?;
        if sent == Submission::Done {
            // The credential says how well the member is known: it is renewed at once, and at the next contact if that fails now.
            if let Err(error) = self.renew_if_due().await {
                tracing::info!("the credential is renewed later: {error}");
            }
        }
        Ok(sent)
    }

    /// Renews the credential if its time has come (from day 10 of 30). Every contact does this; call it when a network comes back, too.
    /// True when a new credential has been put in place. Also brings back a card whose file was damaged.
    ///
    /// # Errors
    /// `Platform`, `Storage`; what the network did stands in the outbox.
    pub async fn renew_if_due(&self) -> Result<bool, MemberError> {
        let core = &self.core;
        let before = core.card.get();
        let due = match &before {
            Some(card) => !card.revoked && core.clock.now().now_ms >= card.renew_from_ms,
            None => self.core.lost_cause() == Some(EnrolmentCause::CardDamaged) && self.device_key_stands()?,
        };
        if !due {
            return Ok(false);
        }
        core.enqueue(LANE_MEMBER, KIND_RENEW, paths::CREDENTIALS, "{}".into(), Some(A_DAY_MS), Some("credential"))?;
        core.outbox.send_lane_due(LANE_MEMBER).await?;
        core.note_refused_device()?;
        let renewed = core.card.get().map(|card| card.credential.clone()) != before.map(|card| card.credential.clone());
        Ok(renewed)
    }

    /// Asks the server for points and links, if they have changed, and renews the credential if it is time. True when something changed.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`. What is shown stays as it was.
    pub async fn refresh(&self) -> Result<bool, MemberError> {
        self.need_card()?;
        let core = &self.core;
        core.collections.attempt(COLLECTION, core.clock.now().now_ms)?;
        let etag = core.collections.etag(COLLECTION)?;
        let fetched = match endpoints::membership(&core.client, core.tokens.as_ref(), etag.as_deref()).await {
            Ok(fetched) => fetched,
            Err(error) => {
                core.note_device(&error)?;
                core.collections.failed(COLLECTION, &error.to_string())?;
                return Err(error.into());
            }
        };
        let as_of_ms = core.clock.now().now_ms;
        let changed = match fetched {
            None => {
                // Not worth a write at every look.
                core.card.update(|card| {
                    let old = as_of_ms.saturating_sub(card.membership_as_of_ms) > AN_HOUR_MS;
                    card.membership_as_of_ms = if old { as_of_ms } else { card.membership_as_of_ms };
                    old
                })?;
                false
            }
            Some((membership, etag)) => {
                // The card first: an ETag without its content would keep the old points for ever.
                let changed = core.card.update(|card| apply_membership(card, membership, as_of_ms))?;
                core.collections.complete(COLLECTION, etag.as_deref(), as_of_ms)?;
                changed
            }
        };
        if !changed {
            core.collections.complete(COLLECTION, None, as_of_ms)?;
        }
        self.keep_clock()?;
        if changed {
            core.observers.tell(Change::Member);
        }
        Ok(self.renew_if_due().await? || changed)
    }

    /// Everything that the backend holds about the member, for the person to keep (開示). What the phone holds stands in
    /// `purchases().export_json()`.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `Platform`, `Storage`.
    pub async fn export(&self) -> Result<MemberExport, MemberError> {
        self.need_card()?;
        let core = &self.core;
        match endpoints::export(&core.client, core.tokens.as_ref()).await {
            Ok(export) => Ok(export),
            Err(error) => {
                core.note_device(&error)?;
                Err(error.into())
            }
        }
    }

    /// The card as it is to be shown now. Writes nothing, asks no server, and works when the databases cannot be opened.
    ///
    /// With an expired credential a QR is answered with the one-dimensional code: see `standing`.
    ///
    /// # Errors
    /// `NotEnrolled`; `Platform` when the device's key cannot sign (`Locked`: after unlocking); `NotDrawable`.
    pub fn card(&self, symbology: Symbology) -> Result<CardView, MemberError> {
        let card = self.need_card()?;
        self.core.maker.view(&card, symbology)
    }

    /// Makes the next step's QR ahead of time; call it off the screen's thread after showing a code. Writes nothing.
    ///
    /// # Errors
    /// As for [`MemberService::card`].
    pub fn prepare_next(&self) -> Result<(), MemberError> {
        let card = self.need_card()?;
        self.core.maker.prepare_next(&card)
    }

    fn need_card(&self) -> Result<Arc<Card>, MemberError> {
        self.core.card.get().ok_or(MemberError::NotEnrolled)
    }

    fn device_key_stands(&self) -> Result<bool, MemberError> {
        match device_public_key(self.core.platform.device_key.as_ref()) {
            Ok(_) => Ok(true),
            Err(PlatformError::NotFound | PlatformError::Invalidated) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// One "forget me" at a time: the last member's must have reached the server before this device is a new one's.
    async fn finish_forgetting(&self) -> Result<(), MemberError> {
        let core = &self.core;
        match core.erasure.send(&core.client, &core.platform).await {
            Ok(Some(ServerErasure::Waiting)) => Err(MemberError::Call { error: TransportError::Offline.into() }),
            Ok(_) => Ok(()),
            Err(ForgetError::Platform { error }) => Err(error.into()),
            Err(ForgetError::Storage { error }) => Err(error.into()),
        }
    }

    /// Nonce, key, proof, and the intent, in this order: what is committed can be sent again as it is.
    async fn begin_enrolment(&self, link: Option<Link>) -> Result<IdempotencyKey, MemberError> {
        let core = &self.core;
        let nonce = endpoints::nonce(&core.client).await?;
        let public_key = self.device_key_for_enrolment()?;
        let proof = prove_nonce(ProofKind::Enrol, core.platform.device_key.as_ref(), &public_key, &nonce.nonce)?;
        let own = public_key.device_id();
        let replaces =
            core.replaced_device.clone().or_else(|| core.card.get().map(|card| card.device_id.clone())).filter(|old| *old != own);
        let request = EnrolRequest { public_key: public_key.to_base64url(), nonce: nonce.nonce, proof, link, replaces };
        Ok(core.enqueue(LANE_MEMBER, KIND_ENROL, paths::ENROLMENTS, json(&request)?, Some(A_DAY_MS), Some("this-device"))?)
    }

    /// The key that this installation has made, or a new one: an old key of an earlier life of the app is never taken over.
    fn device_key_for_enrolment(&self) -> Result<noren_rules::keys::PublicKey, MemberError> {
        let core = &self.core;
        let revoked = core.card.get().is_some_and(|card| card.revoked);
        let made = core.outbox.fact(FACT_DEVICE_KEY)?.filter(|_| !revoked);
        if let Some(made) = made {
            match device_public_key(core.platform.device_key.as_ref()) {
                Ok(key) if key.to_base64url() == made => return Ok(key),
                Ok(_) | Err(PlatformError::NotFound | PlatformError::Invalidated) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let key = read_public_key(&core.platform.device_key.create()?)?;
        core.outbox.save_fact(FACT_DEVICE_KEY, &key.to_base64url())?;
        core.outbox.save_fact(FACT_DEVICE_ID, key.device_id().as_str())?;
        core.tokens.forget()?;
        Ok(key)
    }

    async fn carry_enrolment_on(&self, mut key: IdempotencyKey) -> Result<(), MemberError> {
        for _ in 0..NONCES {
            self.core.outbox.send_lane_due(LANE_MEMBER).await?;
            match self.renew_nonce(&key).await? {
                Some(next) => key = next,
                None => break,
            }
        }
        self.outcome_for_a_person(&key).map(drop)
    }

    /// An enrolment whose nonce was over had no effect: the same wish with a new nonce, as a new intent.
    async fn renew_nonce(&self, key: &IdempotencyKey) -> Result<Option<IdempotencyKey>, MemberError> {
        let core = &self.core;
        let Some(view) = core.outbox.intent(key)? else { return Ok(None) };
        let over = matches!((view.state, view.reason), (IntentState::Wedged, Some(Reason::NonceExpired)) | (IntentState::Expired, _));
        if !over {
            return Ok(None);
        }
        // A wedged intent keeps its body; an expired one has none left, and its link must be asked for again.
        let link = core.outbox.body(key).ok().and_then(|body| serde_json::from_slice::<EnrolRequest>(&body).ok()).and_then(|old| old.link);
        let next = self.begin_enrolment(link).await?;
        core.outbox.dismiss(key)?;
        Ok(Some(next))
    }

    /// Goes on with an enrolment that was left open; part of every round of sending.
    pub(crate) async fn go_on(&self) -> Result<(), MemberError> {
        if self.core.card.get().is_some_and(|card| !card.revoked) {
            return Ok(());
        }
        let left = self.core.outbox.waiting()?.into_iter().find(|view| view.kind == KIND_ENROL && !view.state.is_open());
        if let Some(view) = left
            && self.renew_nonce(&view.key).await?.is_some()
        {
            self.core.outbox.send_lane_due(LANE_MEMBER).await?;
        }
        Ok(())
    }

    /// What became of an intent that a person is waiting for. A refusal is told once and kept nowhere: the PIN in it goes.
    fn outcome_for_a_person(&self, key: &IdempotencyKey) -> Result<Submission, MemberError> {
        let core = &self.core;
        let Some(view) = core.outbox.intent(key)? else { return Ok(Submission::Done) };
        let refused = match (view.state, view.reason) {
            (IntentState::Wedged, Some(Reason::LinkRefused)) => MemberError::LinkRefused,
            (IntentState::Wedged, Some(Reason::TooManyAttempts)) => MemberError::TooManyAttempts { retry_after_s: None },
            (IntentState::Wedged | IntentState::Expired, reason) => {
                MemberError::Refused { code: reason.unwrap_or(Reason::Other), detail: view.detail.clone().unwrap_or_default() }
            }
            // A person's attempt is not repeated an hour later behind their back; it had no effect.
            (IntentState::Pending, Some(Reason::TooManyAttempts)) if !view.may_have_arrived => {
                MemberError::TooManyAttempts { retry_after_s: seconds_left(&view, &core.clock) }
            }
            (IntentState::Done, _) => return Ok(Submission::Done),
            _ => return Ok(Submission::Waiting { key: key.clone() }),
        };
        core.outbox.dismiss(key)?;
        core.note_refused_device()?;
        Err(refused)
    }

    /// The card's own copy of the clock's anchor, when it has become too old: for a cold start without the databases.
    pub(crate) fn keep_clock(&self) -> Result<(), StorageError> {
        let core = &self.core;
        core.outbox.keep_anchor()?;
        core.card.update(|card| match core.clock.to_store(card.anchor.as_ref()) {
            Some(anchor) => {
                card.anchor = Some(anchor);
                true
            }
            None => false,
        })?;
        Ok(())
    }
}

fn enrolled(card: &Card) -> MemberState {
    if card.revoked {
        return MemberState::NeedsEnrolment { cause: EnrolmentCause::Revoked, lost: Vec::new() };
    }
    MemberState::Enrolled {
        member_id: card.member_id.clone(),
        device_id: card.device_id.clone(),
        credential_expires_at_ms: card.credential_expires_at_ms,
        renew_from_ms: card.renew_from_ms,
        assurance: card.membership.assurance,
        points: card.membership.points,
        linked: card.membership.linked.clone(),
        as_of_ms: card.membership_as_of_ms,
    }
}

fn apply_membership(card: &mut Card, membership: Membership, as_of_ms: i64) -> bool {
    if card.membership == membership {
        return false;
    }
    card.membership_as_of_ms = as_of_ms;
    if membership.member_id != card.member_id || membership.assurance != card.membership.assurance {
        // The credential says otherwise now: renew it at this contact.
        card.renew_from_ms = 0;
    }
    card.membership = membership;
    true
}

/// True when an outcome of this kind changes the card; then whether its body reads.
pub(crate) fn applies(kind: &str, body: &str) -> Option<bool> {
    match kind {
        KIND_ENROL | KIND_RENEW => {
            let read = serde_json::from_str::<Enrolment>(body).ok();
            Some(read.is_some_and(|enrolment| SignedCredential::from_base64url(&enrolment.credential).is_ok()))
        }
        KIND_LINK => Some(serde_json::from_str::<Membership>(body).is_ok()),
        _ => None,
    }
}

/// Puts an enrolment's or a renewal's answer in place. Applying it twice is the same as once.
pub(crate) fn apply_enrolment(store: &CardStore, clock: &TrustedClock, outcome: &Outcome) -> Result<Option<Card>, StorageError> {
    let Ok(enrolment) = serde_json::from_str::<Enrolment>(&outcome.body) else { return Ok(None) };
    let known = store.get();
    let anchor = clock.to_store(None);
    let card = Card::from_enrolment(enrolment, clock.now().now_ms, anchor);
    // An answer to an older key of this device must not undo a newer card.
    if known.as_ref().is_some_and(|known| !known.revoked && known.credential_expires_at_ms > card.credential_expires_at_ms) {
        return Ok(None);
    }
    store.save(card.clone())?;
    Ok(Some(card))
}

/// Puts a link's answer in place.
pub(crate) fn apply_link(store: &CardStore, clock: &TrustedClock, outcome: &Outcome) -> Result<bool, StorageError> {
    let Ok(membership) = serde_json::from_str::<Membership>(&outcome.body) else { return Ok(false) };
    let now_ms = clock.now().now_ms;
    store.update(|card| apply_membership(card, membership, now_ms))
}

fn seconds_left(view: &IntentView, clock: &TrustedClock) -> Option<u64> {
    let left_ms = view.next_attempt_at_ms?.saturating_sub(clock.now().now_ms);
    u64::try_from(left_ms.max(0)).ok().map(|ms| ms.div_ceil(1000))
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, MemberError> {
    serde_json::to_string(value).map_err(|_| StorageError::other("the request has no JSON form").into())
}

/// True when the error says that the server does not know this device.
pub(crate) fn is_unknown_device(error: &AuthorizerError) -> bool {
    matches!(error, AuthorizerError::Call(CallError::Refused { code: Reason::UnknownDevice, .. }))
}

/// The id of a device that an older life of the app left behind.
pub(crate) fn device_id_from_fact(text: String) -> DeviceId {
    DeviceId(text)
}

pub(crate) fn new_intent(lane: &str, kind: &str, path: &str, body: String, expires_at_ms: Option<i64>, subject: Option<&str>) -> NewIntent {
    NewIntent {
        lane: lane.into(),
        kind: kind.into(),
        path: path.into(),
        body,
        authorized: kind != KIND_ENROL,
        expires_at_ms,
        subject: subject.map(str::to_owned),
    }
}
