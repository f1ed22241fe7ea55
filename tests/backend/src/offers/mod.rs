//! Offers, the kill list and stamp programmes, as the operator gives them. Each offer is signed once, by the newest issuer.

mod check;

use std::collections::BTreeSet;

use noren_rules::offers::{Offer, OfferId};
use noren_rules::wire::{Kept, PutKills, PutOffers, Reason, StampProgramme, paths};
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::store::{from_json, to_json};
use crate::{budgets, devices, places, stamps};

/// An offer with its issuer's signature.
pub(crate) struct SignedOffer {
    pub(crate) offer: Offer,
    pub(crate) signed: Vec<u8>,
}

/// POST [`paths::OPERATOR_OFFERS`].
pub(crate) async fn put(call: Call) -> Answer {
    call.operator().await?;
    call.write_headers()?;
    let request: PutOffers = call.json()?;
    check::forms(&request)?;
    call.write(paths::OPERATOR_OFFERS, &Caller::Operator, Fingerprint::Body, move |db, app, now_ms| {
        let mut changed = 0u64;
        for offer in &request.offers {
            changed += u64::from(put_offer(db, app, offer, now_ms.div_euclid(1000))?);
        }
        for programme in &request.stamp_programmes {
            changed += u64::from(put_programme(db, programme)?);
        }
        if changed > 0 {
            devices::lists_changed(db)?;
        }
        Ok(Kept { changed, signed: None })
    })
    .await
}

fn invalid(detail: String) -> Refusal {
    Refusal::new(Reason::InvalidRule, detail)
}

/// True when it is new or another than before.
fn put_offer(db: &Connection, app: &App, offer: &Offer, now_s: i64) -> Result<bool, Fault> {
    for place in &offer.places {
        if !places::is_known(db, place)? {
            return Err(invalid(format!("offer {}: no place or route {place} is known: put it first", offer.id)).into());
        }
    }
    let known = find(db, offer.id)?;
    if known.as_ref() == Some(offer) {
        return Ok(false);
    }
    if let Some(known) = known {
        budgets::check_change(db, &known, offer, now_s)?;
    }
    let signed = offer.sign(app.keys.issuer()?.as_ref());
    db.prepare_cached("INSERT OR REPLACE INTO offers (id, offer, signed) VALUES (?1, ?2, ?3)")?.execute(params![
        offer.id.0,
        to_json(offer, "offer")?,
        signed
    ])?;
    Ok(true)
}

fn put_programme(db: &Connection, programme: &StampProgramme) -> Result<bool, Fault> {
    let wrong = |what: String| Err(invalid(format!("stamp card {}: {what}", programme.id)).into());
    if find(db, programme.reward)?.is_none() {
        return wrong(format!("no offer {} is known that could be its reward", programme.reward));
    }
    for place in &programme.places {
        if !places::is_known(db, place)? {
            return wrong(format!("no place or route {place} is known: put it first"));
        }
    }
    stamps::put_programme(db, programme)
}

/// POST [`paths::OPERATOR_KILLS`].
pub(crate) async fn put_kills(call: Call) -> Answer {
    call.operator().await?;
    call.write_headers()?;
    let PutKills { stop, resume } = call.json()?;
    if let Some(both) = stop.iter().find(|offer| resume.contains(offer)) {
        return Err(invalid(format!("offer {both} is to be stopped and to go on: say one of them")));
    }
    call.write(paths::OPERATOR_KILLS, &Caller::Operator, Fingerprint::Body, move |db, _, now_ms| {
        let mut changed = 0;
        for offer in &stop {
            if find(db, *offer)?.is_none() {
                return Err(invalid(format!("no offer {offer} is known")).into());
            }
            changed += db.execute("INSERT OR IGNORE INTO killed_offers (offer, at_ms) VALUES (?1, ?2)", params![offer.0, now_ms])?;
        }
        for offer in &resume {
            changed += db.execute("DELETE FROM killed_offers WHERE offer = ?1", [offer.0])?;
        }
        if changed > 0 {
            devices::lists_changed(db)?;
        }
        Ok(Kept { changed: u64::try_from(changed).unwrap_or(0), signed: None })
    })
    .await
}

/// An offer by its number.
pub(crate) fn find(db: &Connection, id: OfferId) -> Result<Option<Offer>, Fault> {
    let text: Option<String> =
        db.prepare_cached("SELECT offer FROM offers WHERE id = ?1")?.query_row([id.0], |row| row.get(0)).optional()?;
    text.map(|text| from_json(&text, "offer")).transpose()
}

/// All offers, by number.
pub(crate) fn all(db: &Connection) -> Result<Vec<SignedOffer>, Fault> {
    let mut statement = db.prepare_cached("SELECT offer, signed FROM offers ORDER BY id")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (text, signed) = row?;
        Ok(SignedOffer { offer: from_json(&text, "offer")?, signed })
    })
    .collect()
}

/// Offers that were stopped.
pub(crate) fn killed(db: &Connection) -> Result<BTreeSet<OfferId>, Fault> {
    let mut statement = db.prepare_cached("SELECT offer FROM killed_offers")?;
    let rows = statement.query_map([], |row| row.get(0).map(OfferId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Another issuer signs from now on.
pub(crate) fn sign_again(db: &Connection, app: &App) -> Result<(), Fault> {
    let issuer = app.keys.issuer()?;
    for stored in all(db)? {
        db.execute("UPDATE offers SET signed = ?2 WHERE id = ?1", params![stored.offer.id.0, stored.offer.sign(issuer.as_ref())])?;
    }
    Ok(())
}
