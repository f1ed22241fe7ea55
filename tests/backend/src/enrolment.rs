//! A device becomes a member's card, and its credential is renewed.

use noren_rules::b64;
use noren_rules::credential::{Allotment, Credential, LIFETIME_S, RENEW_AFTER_S};
use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::keys::PublicKey;
use noren_rules::proof::{self, ProofKind};
use noren_rules::wire::{Assurance, EnrolRequest, Enrolment, Link, OneDimensional, Reason, paths};
use rusqlite::Connection;
use serde::Deserialize;

use crate::app::App;
use crate::devices::{self, Device};
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::{leases, links, members, nonces, orders, tokens};

/// POST [`paths::ENROLMENTS`]. Nonce and proof may be fresh in each attempt under one key; the rest must be the same.
pub(crate) async fn post(call: Call) -> Answer {
    call.write_headers()?;
    let request: EnrolRequest = call.json()?;
    let key = PublicKey::from_base64url(&request.public_key)
        .map_err(|_| Refusal::invalid("public_key is no P-256 key, SEC1 compressed, in base64url"))?;
    let nonce = nonces::bytes(&request.nonce)?;
    if let Some(link) = &request.link {
        links::check_form(link)?;
    }
    if !proof::verify(ProofKind::Enrol, &key, &nonce, &request.proof) {
        return Err(tokens::proof_invalid());
    }
    let link = serde_json::to_vec(&request.link).map_err(|_| Fault::Stored("link").into_refusal())?;
    let replaces = request.replaces.as_ref().map_or("", DeviceId::as_str).to_owned();
    let (compressed, caller) = (key.compressed(), Caller::Device(key.device_id()));
    let parts = [compressed.as_slice(), link.as_slice(), replaces.as_bytes()];
    let (app, device) = (call.app.clone(), key.device_id());
    let answer = call.write(paths::ENROLMENTS, &caller, Fingerprint::Parts(&parts), move |db, app, now_ms| {
        nonces::take(db, app, &nonce, now_ms)?;
        enrol(db, app, &key, request.link.as_ref(), request.replaces.as_ref(), now_ms)
    });
    let answer = answer.await;
    orders::linked(&app, &device).await;
    answer
}

/// The body of a renewal has no fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

/// POST [`paths::CREDENTIALS`].
pub(crate) async fn renew(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let Empty {} = call.json()?;
    let caller = Caller::Device(device.clone());
    call.write(paths::CREDENTIALS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let device = devices::active(db, &device)?;
        let member = members::canonical(db, device.member.as_str())?;
        issue(db, app, &device, &member, now_ms)
    })
    .await
}

fn enrol(
    db: &Connection,
    app: &App,
    key: &PublicKey,
    link: Option<&Link>,
    replaces: Option<&DeviceId>,
    now_ms: i64,
) -> Result<Enrolment, Fault> {
    let id = key.device_id();
    let known = devices::find(db, &id)?;
    if known.as_ref().is_some_and(|device| device.revoked_at_ms.is_some()) || devices::revoked_at(db, &id)?.is_some() {
        return Err(Refusal::new(Reason::Forbidden, "this key was revoked or erased: enrol with a new key").into());
    }
    // The link is tried before anything is written: its refusal is kept, and nothing else of this attempt may be.
    let linked = link.map(|link| links::find_member(db, app, &id, link, now_ms)).transpose()?;
    let (device, member) = match (known, linked) {
        (Some(device), None) => {
            let member = members::canonical(db, device.member.as_str())?;
            (device, member)
        }
        (Some(device), Some(linked)) => {
            let own = members::canonical(db, device.member.as_str())?;
            (device, members::link(db, &own, &linked, now_ms)?)
        }
        (None, linked) => {
            let member = linked.map_or_else(|| members::create(db, app, now_ms), Ok)?;
            (devices::add(db, app, key, &member, now_ms)?, member)
        }
    };
    if let Some(old) = replaces.filter(|old| **old != id) {
        replace(db, old, &member, now_ms)?;
    }
    issue(db, app, &device, &member, now_ms)
}

/// Revokes the device that this one replaces, if it is the same member's. Whether it was is not said.
fn replace(db: &Connection, old: &DeviceId, member: &MemberId, now_ms: i64) -> Result<(), Fault> {
    if let Some(old) = devices::find(db, old)?
        && members::canonical(db, old.member.as_str())? == *member
    {
        devices::revoke(db, &old, now_ms)?;
    }
    Ok(())
}

/// A fresh credential.
pub(crate) struct Issued {
    /// base64url.
    pub(crate) credential: String,
    pub(crate) expires_at_ms: i64,
    pub(crate) renew_from_ms: i64,
}

/// Issues a device's credential, with what it may spend offline.
pub(crate) fn credential(
    db: &Connection,
    app: &App,
    device: &Device,
    member: &MemberId,
    assurance: Assurance,
    allotment: Option<Allotment>,
    now_ms: i64,
) -> Result<Issued, Fault> {
    let now_s = now_ms.div_euclid(1000);
    let expires_at_s = now_s.saturating_add(LIFETIME_S);
    let device_key = PublicKey::from_base64url(&device.public_key).map_err(|_| Fault::Stored("public key"))?;
    let credential = Credential { member: member.clone(), device_key, expires_at_s, assurance, allotment };
    let signed = credential.issue(app.keys.issuer()?.as_ref());
    let expires_at_ms = expires_at_s.saturating_mul(1000);
    devices::credential_issued(db, &device.id, expires_at_ms)?;
    let renew_from_ms = now_s.saturating_add(RENEW_AFTER_S).saturating_mul(1000);
    Ok(Issued { credential: signed.to_base64url(), expires_at_ms, renew_from_ms })
}

fn issue(db: &Connection, app: &App, device: &Device, member: &MemberId, now_ms: i64) -> Result<Enrolment, Fault> {
    let membership = members::membership(db, member)?;
    let allotment = leases::current(db, &device.id, now_ms.div_euclid(1000))?;
    let Issued { credential, expires_at_ms, renew_from_ms } =
        self::credential(db, app, device, member, membership.assurance, allotment, now_ms)?;
    Ok(Enrolment {
        member_id: member.clone(),
        device_id: device.id.clone(),
        credential,
        credential_expires_at_ms: expires_at_ms,
        renew_from_ms,
        one_dimensional: OneDimensional {
            alias: device.alias.clone(),
            totp_secret: b64::encode(app.keys.totp_secret(&device.id).as_slice()),
            ean13: device.ean13.clone(),
            nw7: device.nw7.clone(),
        },
        membership,
    })
}
