//! Making records, and keeping them in one durable step with all that belongs to them.

use noren_rules::b64;
use noren_rules::check_in::{CheckInMethod, CheckInPolicy, CheckInRecord};
use noren_rules::ids::{CheckInId, DeviceId, PlaceId};
use noren_rules::keys::PublicKey;
use noren_rules::offers::Audience;
use noren_rules::wire::{CheckInRequest, PlaceKind, paths};

use super::follow::Following;
use super::service::KIND_CHECK_IN;
use super::tables::{ChainHead, CheckInNote, CheckInStore};
use super::{CheckInBy, CheckInError, CheckInState};
use crate::app::{Core, LANE_CHECK_INS};
use crate::coupons::{Facts, KnownGrant};
use crate::member::new_intent;
use crate::outbox::NewIntent;
use crate::platform::random_uuid;
use crate::signing::sign_checked;
use crate::storage::StorageError;

/// A record that finds no network in this time is given up: the next one marks the gap.
const RECORD_LIVES_MS: i64 = 7 * 86_400_000;

/// A check-in that is to be kept.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) place: PlaceId,
    /// By the trusted clock.
    pub(super) at_ms: i64,
    pub(super) method: CheckInMethod,
}

/// Keeps check-ins, and the state of the monitors that found them if there is one: all in one durable step, or nothing.
pub(super) fn keep(core: &Core, drafts: Vec<Draft>, following: Option<&Following>) -> Result<Vec<CheckInNote>, CheckInError> {
    let card = core.card.get().ok_or(CheckInError::NotEnrolled)?;
    let signer = card.signed_credential().map(|signed| signed.credential().device_key).ok_or(CheckInError::NotEnrolled)?;
    sign_waiting(core, &signer)?;
    if drafts.is_empty() {
        core.note_use()?;
        let put = |following| core.outbox.enqueue_with(&[], |tx, _| core.check_ins.put_monitors(tx, following)).map(drop);
        return Ok(following.map_or(Ok(()), put).map(|()| Vec::new())?);
    }
    let facts = Facts::gather(core)?;
    let mut head = core.check_ins.chain(&card.device_id)?;
    let mut made = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let (record, note) = make(core, facts.as_ref(), head.as_ref(), draft)?;
        head = Some(ChainHead { device: card.device_id.clone(), sequence: record.sequence, digest: record.digest() });
        made.push((record, note));
    }
    // In order: while an older one waits for the key, the newer ones do too.
    let waits = !core.check_ins.unsigned()?.is_empty();
    let signed = if waits { Vec::new() } else { sign_all(core, &signer, made.iter().map(|(record, _)| record)) };
    core.note_use()?;
    let intents: Vec<NewIntent> = signed.iter().map(|record| intent(core, record)).collect::<Result<_, _>>()?;
    core.outbox.enqueue_with(&intents, |tx, keys| {
        let keys = keys.iter().map(Some).chain(std::iter::repeat(None));
        for ((record, note), key) in made.iter().zip(keys) {
            core.check_ins.insert(tx, &card.device_id, note, record, key)?;
        }
        head.as_ref().map_or(Ok(()), |head| core.check_ins.put_chain(tx, head))?;
        following.map_or(Ok(()), |following| core.check_ins.put_monitors(tx, following))
    })?;
    Ok(made.into_iter().map(|(_, note)| note).collect())
}

/// Signs what was kept while the device's key was locked, and hands it to the outbox.
pub(super) fn sign_waiting(core: &Core, signer: &PublicKey) -> Result<(), CheckInError> {
    let waiting = core.check_ins.unsigned()?;
    let signed = sign_all(core, signer, waiting.iter().map(|waiting| &waiting.record));
    if signed.is_empty() {
        return Ok(());
    }
    let intents: Vec<NewIntent> = signed.iter().map(|record| intent(core, record)).collect::<Result<_, _>>()?;
    core.outbox.enqueue_with(&intents, |tx, keys| {
        waiting.iter().zip(keys).try_for_each(|(waiting, key)| CheckInStore::mark_signed(tx, waiting.number, key))
    })?;
    Ok(())
}

/// Signs records in order, up to the first that the key does not sign.
fn sign_all<'a>(core: &Core, signer: &PublicKey, records: impl Iterator<Item = &'a CheckInRecord>) -> Vec<Vec<u8>> {
    let mut signed = Vec::new();
    for record in records {
        match record.sign(|message| sign_checked(core.platform.device_key.as_ref(), signer, message)) {
            Ok(bytes) => signed.push(bytes),
            Err(error) => {
                tracing::info!("a check-in is signed later: {error}");
                break;
            }
        }
    }
    signed
}

fn intent(core: &Core, signed: &[u8]) -> Result<NewIntent, StorageError> {
    let request = CheckInRequest { record: b64::encode(signed) };
    let body = serde_json::to_string(&request).map_err(|_| StorageError::other("the request has no JSON form"))?;
    let expires_at_ms = core.clock.now().now_ms.saturating_add(RECORD_LIVES_MS);
    Ok(new_intent(LANE_CHECK_INS, KIND_CHECK_IN, paths::CHECK_INS, body, Some(expires_at_ms), None))
}

fn make(core: &Core, facts: Option<&Facts>, head: Option<&ChainHead>, draft: Draft) -> Result<(CheckInRecord, CheckInNote), CheckInError> {
    let mut record = CheckInRecord {
        id: CheckInId(random_uuid(core.platform.entropy.as_ref())?),
        sequence: head.map_or(1, |head| head.sequence.saturating_add(1)),
        previous: head.map(|head| head.digest),
        place: draft.place,
        at_ms: draft.at_ms,
        time_proven: core.clock.now().proven,
        boot_ms: core.clock.boot_ms(),
        method: draft.method,
        unlocked: Vec::new(),
    };
    let info = facts.and_then(|facts| facts.book.info(&record.place));
    // What is no known place is a route, if anything.
    let (kind, open) = info.map_or((PlaceKind::Store, true), |info| (info.kind, info.open_to_ordinary_road));
    let from_expressway = record.is_from_expressway(kind, open);
    record.unlocked = facts.map(|facts| unlocked(facts, &record.place, from_expressway)).unwrap_or_default();
    let note = CheckInNote {
        id: record.id.clone(),
        place: record.place.clone(),
        at_ms: record.at_ms,
        time_proven: record.time_proven,
        by: match record.method {
            CheckInMethod::Location(_) => CheckInBy::Location,
            CheckInMethod::Route { .. } => CheckInBy::Route,
            CheckInMethod::PlaceCode { .. } => CheckInBy::PlaceCode,
            CheckInMethod::ReceiptCode { .. } => CheckInBy::ReceiptCode,
        },
        from_expressway,
        unlocked: record.unlocked.clone(),
        state: CheckInState::Waiting,
    };
    Ok((record, note))
}

/// Leased grants that are live and whose offers name the place.
fn unlocked(facts: &Facts, place: &PlaceId, from_expressway: bool) -> Vec<u64> {
    let names_it = |grant: &&KnownGrant| {
        let offer = facts.rules.offers.get(&grant.offer);
        offer.is_some_and(|offer| {
            let for_travellers = matches!(offer.audience, Audience::Traveller { .. });
            offer.places.contains(place) && (from_expressway || !for_travellers)
        })
    };
    facts.grants.iter().filter(|grant| grant.leased && grant.is_live()).filter(names_it).map(|grant| grant.serial).collect()
}

/// True when this device has checked in at the place a short while ago, however.
pub(super) fn is_cooling_down(core: &Core, device: &DeviceId, place: &PlaceId, at_ms: i64) -> Result<bool, StorageError> {
    let cool_down_ms = i64::from(CheckInPolicy::default().cool_down_s) * 1_000;
    let notes = core.check_ins.notes(device)?;
    Ok(notes.iter().any(|note| note.place == *place && note.counts() && at_ms.abs_diff(note.at_ms) <= cool_down_ms.unsigned_abs()))
}
