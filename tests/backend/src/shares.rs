//! What a till needs for coupons: the offers of its store, the conditions of its area, the kill list, and its share of the budgets.
//!
//! A share lasts a day and is kept as long as it is good: each new one holds a part of the budget until a week after its end.

use std::collections::BTreeMap;

use noren_rules::ids::{PlaceId, StoreId, TillId};
use noren_rules::lists::CouponLists;
use noren_rules::offers::{Budget, Offer, OfferId};
use noren_rules::shares::Share;
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::Shared;
use crate::budgets::Books;
use crate::fault::Fault;
use crate::offers::SignedOffer;
use crate::store::{to_int, to_uint};
use crate::{conditions, devices, offers, places, tills};

const LASTS_S: i64 = 86_400;
/// A till that asks when less is left gets the next share.
const RENEW_WITHIN_S: i64 = 6 * 3_600;

/// Where a till stands.
struct Stand {
    till: TillId,
    store: StoreId,
    place: Option<PlaceId>,
    area: Option<String>,
}

/// The coupons' part of a till's document, with a new share where one is due.
pub(crate) fn lists(db: &Connection, app: &Shared, till: &TillId, now_s: i64) -> Result<CouponLists, Fault> {
    let store = tills::store_of(db, till)?;
    let place = places::of_store(db, &store)?;
    let (place, area) = place.map_or((None, None), |place| (Some(place.id), place.area));
    let stand = Stand { till: till.clone(), store, place, area };
    let killed = offers::killed(db)?;
    let mut here: Vec<SignedOffer> = offers::all(db)?;
    here.retain(|stored| is_taken_at(&stored.offer, &stand, now_s));
    let in_force: Vec<&Offer> = here.iter().map(|stored| &stored.offer).filter(|offer| !killed.contains(&offer.id)).collect();
    let share = share(db, app, &stand, &in_force, now_s)?;
    let is_here = |area: &str| stand.area.as_deref() == Some(area);
    Ok(CouponLists {
        conditions: conditions::told(db, is_here, now_s)?,
        offers: here.into_iter().map(|stored| stored.signed).collect(),
        killed,
        share,
    })
}

/// True for an offer that this till may take offline, now or within the life of its document.
fn is_taken_at(offer: &Offer, stand: &Stand, now_s: i64) -> bool {
    let by_store = offer.stores.is_empty() || offer.stores.contains(&stand.store);
    let by_place = offer.places.is_empty() || stand.place.as_ref().is_some_and(|place| offer.places.contains(place));
    let is_over = offer.until_s.is_some_and(|until_s| now_s >= until_s.saturating_add(LASTS_S));
    offer.offline && by_store && by_place && !is_over
}

struct Held {
    sequence: u64,
    until_s: i64,
    signed: Vec<u8>,
}

fn held(db: &Connection, till: &TillId) -> Result<Option<Held>, Fault> {
    Ok(db
        .prepare_cached("SELECT sequence, until_s, signed FROM till_shares WHERE till = ?1")?
        .query_row([till.as_str()], |row| Ok(Held { sequence: to_uint(row.get(0)?), until_s: row.get(1)?, signed: row.get(2)? }))
        .optional()?)
}

fn share(db: &Connection, app: &Shared, stand: &Stand, in_force: &[&Offer], now_s: i64) -> Result<Option<Vec<u8>>, Fault> {
    let held = held(db, &stand.till)?;
    if let Some(held) = &held {
        let known = Share::open(&held.signed, &app.keys.issuers(), now_s).ok();
        let is_good = match known.filter(|_| now_s.saturating_add(RENEW_WITHIN_S) < held.until_s) {
            Some(share) => !stands_elsewhere(&share, stand) && !wants_more(db, app, &share, in_force, now_s)?,
            None => false,
        };
        if is_good {
            return Ok(Some(held.signed.clone()));
        }
    }
    if in_force.is_empty() && held.is_none() {
        return Ok(None);
    }
    let sequence = held.map_or(1, |held| held.sequence.saturating_add(1));
    let until_s = now_s.saturating_add(LASTS_S);
    let mut budgets = BTreeMap::new();
    for offer in in_force {
        let amount = part_for(db, app, offer, now_s)?;
        if amount.total() > 0 {
            give(db, offer, &stand.till, sequence, amount, until_s, now_s)?;
            budgets.insert(offer.id, amount);
        }
    }
    let (till, store, place, area) = (stand.till.clone(), stand.store.clone(), stand.place.clone(), stand.area.clone());
    let share = Share { till, sequence, store, place, area, issued_at_s: now_s, until_s, budgets };
    let signed = share.sign(app.keys.issuer()?.as_ref());
    db.prepare_cached("INSERT OR REPLACE INTO till_shares (till, sequence, until_s, signed) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        stand.till.as_str(),
        to_int(sequence),
        until_s,
        signed
    ])?;
    devices::lists_changed(db)?;
    Ok(Some(signed))
}

fn stands_elsewhere(share: &Share, stand: &Stand) -> bool {
    (&share.store, &share.place, &share.area) != (&stand.store, &stand.place, &stand.area)
}

/// True when a new share would hold something that this one has not: an offer, or more of one that is half spent.
fn wants_more(db: &Connection, app: &Shared, share: &Share, in_force: &[&Offer], now_s: i64) -> Result<bool, Fault> {
    for offer in in_force {
        let wants = match (share.budgets.get(&offer.id), Books::open(db, offer)?) {
            (None, _) => true,
            (Some(_), None) => {
                spent_without_budget(db, &share.till, share.sequence, offer.id)? * 2 >= part_for(db, app, offer, now_s)?.total()
            }
            (Some(_), Some(books)) => books.share(&share.till, share.sequence).is_none_or(|booked| booked.spent * 2 >= booked.amount),
        };
        if wants && part_for(db, app, offer, now_s)?.total() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn spent_without_budget(db: &Connection, till: &TillId, sequence: u64, offer: OfferId) -> Result<u64, Fault> {
    let times: i64 = db
        .prepare_cached("SELECT COUNT(*) FROM redemptions WHERE offer = ?1 AND till = ?2 AND share = ?3 AND cause IS NULL")?
        .query_row(params![offer.0, till.as_str(), to_int(sequence)], |row| row.get(0))?;
    Ok(to_uint(times))
}

/// A till's part by the settings, as far as there is something left.
fn part_for(db: &Connection, app: &Shared, offer: &Offer, now_s: i64) -> Result<Budget, Fault> {
    let setting = app.settings.till_share;
    let left = match Books::open(db, offer)? {
        Some(books) => books.left(db, None, now_s)?,
        None => u64::MAX,
    };
    Ok(match offer.budget {
        Some(Budget::Discount(_)) => Budget::Discount(setting.discount_minor.min(left)),
        Some(Budget::Redemptions(_)) | None => Budget::Redemptions(setting.redemptions.min(left)),
    })
}

fn give(db: &Connection, offer: &Offer, till: &TillId, sequence: u64, amount: Budget, until_s: i64, now_s: i64) -> Result<(), Fault> {
    if let Some(mut books) = Books::open(db, offer)? {
        books.give(till, sequence, amount.total(), until_s, now_s)?;
        books.close(db, now_s)?;
    }
    Ok(())
}
