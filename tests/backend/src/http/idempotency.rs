//! Writes under their keys: each has its effect once, and its answer is kept with the effect in one transaction.
//!
//! - Kept and replayed: what was done (200), and every refusal that a rule decided on the state it saw and that must not be decided again
//!   (`link_refused`, `claim_refused`, `receipt_conflict`, `return_conflict`, an unknown code at identification).
//! - Not kept: what was refused before execution (form, token, nonce, proof), what a later attempt may change (`not_found`,
//!   `too_many_attempts`, `key_in_flight`), and the server's own failures.
//! - A key belongs to its caller and its route. Callers are stored as keyed hashes, bodies sealed, fingerprints keyed: a PIN in a request
//!   cannot be guessed from them.

use axum::http::HeaderValue;
use axum::response::Response;
use noren_rules::ids::{DeviceId, MemberId, TillId};
use noren_rules::wire::{
    CheckInAnswer, Claim, EcCode, Enrolment, Erasure, Favourites, Hold, HoldAnswer, Identification, Kept, Lease, Membership, MenuStatus,
    PROBLEM_JSON, PlaceCodeText, ReactionsKept, Reason, RegisteredCards, Resolution, Review, Revocation, SaleAnswer, SeatSession,
    SeatWorkAnswer, SelfBasket, SlotHoldAnswer, SlotReleased, StockEventsAnswer, StoreTask, WalkInAnswer,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use subtle::ConstantTimeEq;

use crate::app::{App, InFlightKey, lock};
use crate::fault::{Fault, Refusal};
use crate::http::Call;
use crate::http::call::WriteHeaders;
use crate::http::problem::{Answer, JSON, text, to_text};
use crate::keys::{KeyRing, Purpose};
use crate::{KEYS_KEPT_MS, REPLAYED};

/// Whose key it is.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// A device, by its token or by the key in its proof.
    Device(DeviceId),
    /// A till.
    Till(TillId),
    /// The operator's systems.
    Operator,
}

/// What makes two attempts the same write.
pub(crate) enum Fingerprint<'a> {
    /// The body as it came.
    Body,
    /// These parts of it: what proves the caller (nonce, proof) may be fresh in each attempt.
    Parts(&'a [&'a [u8]]),
}

/// Whom an answer is about, so that an erasure finds it wherever it is kept.
pub(crate) enum About {
    Nobody,
    Member(MemberId),
    /// As another answer said.
    As(Option<Vec<u8>>),
}

/// What a write answers.
pub(crate) trait Outcome: Serialize {
    fn about(&self) -> About {
        About::Nobody
    }
}

impl Outcome for Enrolment {
    fn about(&self) -> About {
        About::Member(self.member_id.clone())
    }
}

impl Outcome for Membership {
    fn about(&self) -> About {
        About::Member(self.member_id.clone())
    }
}

impl Outcome for Identification {
    fn about(&self) -> About {
        About::Member(self.member_id.clone())
    }
}

impl Outcome for CheckInAnswer {}
impl Outcome for Claim {}
impl Outcome for EcCode {}
impl Outcome for Erasure {}
impl Outcome for Favourites {}
impl Outcome for Kept {}
impl Outcome for Hold {}
impl Outcome for HoldAnswer {}
impl Outcome for Lease {}
impl Outcome for MenuStatus {}
impl Outcome for PlaceCodeText {}
impl Outcome for ReactionsKept {}
impl Outcome for RegisteredCards {}
impl Outcome for Review {}
impl Outcome for Revocation {}
impl Outcome for SaleAnswer {}
impl Outcome for SeatSession {}
impl Outcome for SeatWorkAnswer {}
impl Outcome for SelfBasket {}
impl Outcome for SlotHoldAnswer {}
impl Outcome for SlotReleased {}
impl Outcome for StockEventsAnswer {}
impl Outcome for StoreTask {}
impl Outcome for WalkInAnswer {}

/// An answer that does not say itself whom it is about.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Naming<T> {
    pub(crate) answer: T,
    #[serde(skip)]
    pub(crate) about: Option<MemberId>,
}

impl<T: Serialize> Outcome for Naming<T> {
    fn about(&self) -> About {
        self.about.clone().map_or(About::Nobody, About::Member)
    }
}

/// The answer to another write is about whom that one was about.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Resolved {
    pub(crate) resolution: Resolution,
    #[serde(skip)]
    pub(crate) about: Option<Vec<u8>>,
}

impl Outcome for Resolved {
    fn about(&self) -> About {
        About::As(self.about.clone())
    }
}

/// A stored answer.
pub(crate) enum Stored {
    Reply {
        fingerprint: Vec<u8>,
        about: Option<Vec<u8>>,
        reply: Reply,
    },
    /// Its member was erased.
    Blanked,
    /// Closed by a resolution.
    Tombstone,
}

/// An answer as it is sent and kept.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Call {
    /// Runs a write: at most once for its key, with its answer kept beside its effect.
    pub(crate) async fn write<T: Outcome>(
        self,
        route: &'static str,
        caller: &Caller,
        fingerprint: Fingerprint<'_>,
        work: impl FnOnce(&Connection, &App, i64) -> Result<T, Fault> + Send + 'static,
    ) -> Answer {
        let headers = self.write_headers()?;
        let body_parts = [self.body()];
        let parts = match fingerprint {
            Fingerprint::Body => body_parts.as_slice(),
            Fingerprint::Parts(parts) => parts,
        };
        let fingerprint = self.app.keys.mac(Purpose::Fingerprint, &[&[b"POST", route.as_bytes()], parts].concat());
        let caller = caller_hash(&self.app.keys, caller);
        let claim = InFlight::claim(&self.app, (caller, route, headers.key.clone()))?;
        let app = self.app.clone();
        let job = move |db: &Connection| {
            let attempt = Attempt { app: &app, caller, route, headers: &headers, fingerprint };
            let outcome = attempt.run(db, work);
            drop(claim);
            outcome
        };
        let (reply, replayed) = self.app.store.write(job).await.map_err(Fault::into_refusal)?;
        Ok(reply.into_response(replayed))
    }
}

impl Reply {
    fn into_response(self, replayed: bool) -> Response {
        let mut response = text(self.status, if self.status == 200 { JSON } else { PROBLEM_JSON }, self.body);
        if replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// A write inside its transaction.
struct Attempt<'a> {
    app: &'a App,
    caller: [u8; 32],
    route: &'static str,
    headers: &'a WriteHeaders,
    fingerprint: [u8; 32],
}

impl Attempt<'_> {
    fn run<T: Outcome>(
        &self,
        db: &Connection,
        work: impl FnOnce(&Connection, &App, i64) -> Result<T, Fault>,
    ) -> Result<(Reply, bool), Fault> {
        let now_ms = self.app.now_ms();
        forget_old(db, now_ms)?;
        match find_reply(db, &self.app.keys, &self.caller, self.route, &self.headers.key)? {
            Some(Stored::Tombstone) => return Err(expired("this key was closed by a resolution: make a new intent").into()),
            Some(Stored::Blanked) => return Err(expired("the answer under this key was erased with its member").into()),
            Some(Stored::Reply { fingerprint, .. }) if !bool::from(fingerprint.ct_eq(&self.fingerprint)) => {
                return Err(Refusal::new(Reason::KeyReused, "this key was used with another body: a new intent needs a new key").into());
            }
            Some(Stored::Reply { reply, .. }) => return Ok((reply, true)),
            None => {}
        }
        if self.headers.expires_at_ms.is_some_and(|at| at < now_ms) {
            return Err(expired("the intent came after its time: ask the person again").into());
        }
        let mut about = None;
        let reply = match work(db, self.app, now_ms) {
            Ok(value) => {
                about = match value.about() {
                    About::Nobody => None,
                    About::Member(member) => Some(member_hash(&self.app.keys, &member).to_vec()),
                    About::As(about) => about,
                };
                Reply { status: 200, body: to_text(&value)? }
            }
            Err(Fault::Refused(refusal)) if refusal.kept => Reply { status: refusal.status, body: refusal.to_body()? },
            Err(fault) => return Err(fault),
        };
        self.keep(db, &reply, about, now_ms)?;
        Ok((reply, false))
    }

    fn keep(&self, db: &Connection, reply: &Reply, about: Option<Vec<u8>>, now_ms: i64) -> Result<(), Fault> {
        let place = reply_place(&self.caller, self.route, &self.headers.key);
        let body = self.app.keys.seal(self.app.random()?, &place, &reply.body)?;
        db.prepare_cached(
            "INSERT INTO replies (caller, route, key, fingerprint, status, body, about, created_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![self.caller, self.route, self.headers.key, self.fingerprint, reply.status, body, about, now_ms])?;
        Ok(())
    }
}

fn expired(detail: &str) -> Refusal {
    Refusal::new(Reason::IntentExpired, detail)
}

/// The caller as it is stored: a keyed hash, so that a kept key names nobody.
pub(crate) fn caller_hash(keys: &KeyRing, caller: &Caller) -> [u8; 32] {
    match caller {
        Caller::Device(device) => keys.mac(Purpose::Caller, &[b"device", device.as_str().as_bytes()]),
        Caller::Till(till) => keys.mac(Purpose::Caller, &[b"till", till.as_str().as_bytes()]),
        Caller::Operator => keys.mac(Purpose::Caller, &[b"operator"]),
    }
}

fn member_hash(keys: &KeyRing, member: &MemberId) -> [u8; 32] {
    keys.mac(Purpose::Caller, &[b"member", member.as_str().as_bytes()])
}

/// Blanks what was answered to a device, keeping its keys: a late arrival must not do its work again.
pub(crate) fn blank_device(db: &Connection, keys: &KeyRing, device: &DeviceId) -> Result<(), Fault> {
    let caller = caller_hash(keys, &Caller::Device(device.clone()));
    // The status stays: without one the row would be a tombstone.
    db.execute("UPDATE replies SET body = NULL, about = NULL WHERE caller = ?1", [caller])?;
    Ok(())
}

/// Blanks what anyone was answered about a member.
pub(crate) fn blank_member(db: &Connection, keys: &KeyRing, member: &MemberId) -> Result<(), Fault> {
    db.execute("UPDATE replies SET body = NULL, about = NULL WHERE about = ?1", [member_hash(keys, member)])?;
    Ok(())
}

/// Associated data of a sealed answer: it cannot be moved to another key.
pub(crate) fn reply_place(caller: &[u8; 32], route: &str, key: &str) -> Vec<u8> {
    [caller.as_slice(), route.as_bytes(), b"\n", key.as_bytes()].concat()
}

/// What is kept under a key.
pub(crate) fn find_reply(db: &Connection, keys: &KeyRing, caller: &[u8; 32], route: &str, key: &str) -> Result<Option<Stored>, Fault> {
    type Row = (Option<Vec<u8>>, Option<u16>, Option<Vec<u8>>, Option<Vec<u8>>);
    let row: Option<Row> = db
        .prepare_cached("SELECT fingerprint, status, body, about FROM replies WHERE caller = ?1 AND route = ?2 AND key = ?3")?
        .query_row(params![caller, route, key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    Ok(match row {
        None => None,
        Some((Some(fingerprint), Some(status), Some(sealed), about)) => {
            let body = keys.unseal(&reply_place(caller, route, key), &sealed)?;
            Some(Stored::Reply { fingerprint, about, reply: Reply { status, body } })
        }
        Some((_, None, ..)) => Some(Stored::Tombstone),
        Some(_) => Some(Stored::Blanked),
    })
}

/// Closes a key: a write that still arrives under it is refused.
pub(crate) fn keep_tombstone(db: &Connection, caller: &[u8; 32], route: &str, key: &str, now_ms: i64) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO replies (caller, route, key, created_at_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![caller, route, key, now_ms])?;
    Ok(())
}

fn forget_old(db: &Connection, now_ms: i64) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM replies WHERE created_at_ms < ?1")?.execute([now_ms.saturating_sub(KEYS_KEPT_MS)])?;
    Ok(())
}

/// A key that is being worked on; it is free again when this is dropped.
pub(crate) struct InFlight {
    app: App,
    key: InFlightKey,
}

impl InFlight {
    pub(crate) fn claim(app: &App, key: InFlightKey) -> Result<Self, Refusal> {
        if lock(&app.in_flight).insert(key.clone()) {
            Ok(Self { app: app.clone(), key })
        } else {
            let detail = "a write with this key is being worked on: wait, and send it again with the same key";
            Err(Refusal::new(Reason::KeyInFlight, detail).retry_after(1))
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.app.in_flight).remove(&self.key);
    }
}
