//! Stamp cards: one stamp a day and place, by an accepted check-in or a sale with the card; a reward for each full card.

use noren_rules::grants::Grant;
use noren_rules::ids::{CheckInId, MemberId, PlaceId, StampCardId};
use noren_rules::offers::OfferId;
use noren_rules::stamps::{StampBook, rewards_due, stamp_day};
use noren_rules::wire::{Stamp, StampCardState, StampProgramme};
use rusqlite::{Connection, params};

use crate::fault::Fault;
use crate::grants::{self, Held};
use crate::store::{from_json, to_json};
use crate::{members, offers};

/// How long a reward can be used where its offer has no end.
const REWARD_LASTS_S: i64 = 365 * 86_400;

/// True when it is new or another than before.
pub(crate) fn put_programme(db: &Connection, programme: &StampProgramme) -> Result<bool, Fault> {
    let changed = db.execute(
        "INSERT INTO stamp_programmes (id, programme) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET programme = excluded.programme WHERE stamp_programmes.programme <> excluded.programme",
        params![programme.id.as_str(), to_json(programme, "stamp programme")?],
    )?;
    Ok(changed == 1)
}

pub(crate) fn programmes(db: &Connection) -> Result<Vec<StampProgramme>, Fault> {
    let mut statement = db.prepare_cached("SELECT programme FROM stamp_programmes ORDER BY id")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|row| from_json(&row?, "stamp programme")).collect()
}

/// What a visit did to a member's cards.
#[derive(Debug, Default)]
pub(crate) struct Stamped {
    pub(crate) cards: Vec<StampCardState>,
    /// Serials of rewards that it gave.
    pub(crate) rewards: Vec<u64>,
}

/// Stamps the cards of a place for a canonical member. A day that has its stamp, on whatever device, gets no second one.
pub(crate) fn visit(
    db: &Connection,
    member: &MemberId,
    place: &PlaceId,
    at_ms: i64,
    check_in: Option<&CheckInId>,
    now_s: i64,
) -> Result<Stamped, Fault> {
    let parts = members::parts(db, member)?;
    let known = book(db, &parts)?;
    let mut stamped = Stamped::default();
    for programme in programmes(db)? {
        if !known.clone().add(&programme, place, at_ms) {
            continue;
        }
        let day = stamp_day(&programme, at_ms);
        db.prepare_cached("INSERT OR IGNORE INTO stamps (member, card, place, day) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            member.as_str(),
            programme.id.as_str(),
            place.as_str(),
            day
        ])?;
        stamped.rewards.extend(reward(db, member, &parts, &programme, check_in, now_s)?);
        stamped.cards.push(card(db, &parts, &programme.id)?);
    }
    Ok(stamped)
}

/// Gives the rewards that are due: after two members became one, their cards are one too.
pub(crate) fn give_due(db: &Connection, member: &MemberId, now_s: i64) -> Result<(), Fault> {
    let parts = members::parts(db, member)?;
    for programme in programmes(db)? {
        reward(db, member, &parts, &programme, None, now_s)?;
    }
    Ok(())
}

fn reward(
    db: &Connection,
    member: &MemberId,
    parts: &[MemberId],
    programme: &StampProgramme,
    check_in: Option<&CheckInId>,
    now_s: i64,
) -> Result<Vec<u64>, Fault> {
    let card = card(db, parts, &programme.id)?;
    let due = rewards_due(card.stamps.len(), programme.goal).saturating_sub(card.rewards);
    let offer = if due > 0 { offers::find(db, programme.reward)? } else { None };
    let Some(offer) = offer else { return Ok(Vec::new()) };
    let until_s = offer.until_s.unwrap_or_else(|| now_s.saturating_add(REWARD_LASTS_S));
    let mut serials = Vec::new();
    for _ in 0..due {
        let grant = Grant::new(grants::next_serial(db)?, offer.id, until_s, 1);
        serials.push(grant.serial);
        let (member, check_in) = (Some(member.clone()), check_in.cloned());
        grants::add(db, &Held { grant, member, device: None, lease: None, check_in, presented: false }, now_s)?;
        db.prepare_cached("INSERT INTO stamp_rewards (member, card, offer, at_ms) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            parts.first().map(MemberId::as_str),
            programme.id.as_str(),
            offer.id.0,
            now_s.saturating_mul(1000)
        ])?;
    }
    Ok(serials)
}

fn book(db: &Connection, parts: &[MemberId]) -> Result<StampBook, Fault> {
    let mut book = StampBook::default();
    let mut statement = db.prepare_cached("SELECT card, place, day FROM stamps WHERE member = ?1")?;
    for part in parts {
        let rows = statement.query_map([part.as_str()], |row| {
            let stamp = Stamp { place: PlaceId(row.get(1)?), day: row.get(2)? };
            Ok(StampCardState { card: StampCardId(row.get(0)?), stamps: vec![stamp], rewards: 0 })
        })?;
        for row in rows {
            book.add_card(&row?);
        }
    }
    Ok(book)
}

fn card(db: &Connection, parts: &[MemberId], id: &StampCardId) -> Result<StampCardState, Fault> {
    let mut rewards = 0u32;
    let mut statement = db.prepare_cached("SELECT COUNT(*) FROM stamp_rewards WHERE member = ?1 AND card = ?2")?;
    for part in parts {
        let given: u32 = statement.query_row(params![part.as_str(), id.as_str()], |row| row.get(0))?;
        rewards = rewards.saturating_add(given);
    }
    Ok(StampCardState { card: id.clone(), stamps: book(db, parts)?.stamps(id), rewards })
}

/// A member's cards with at least one stamp.
pub(crate) fn cards(db: &Connection, parts: &[MemberId]) -> Result<Vec<StampCardState>, Fault> {
    let mut ids: Vec<StampCardId> = Vec::new();
    let mut statement = db.prepare_cached("SELECT DISTINCT card FROM stamps WHERE member = ?1")?;
    for part in parts {
        for id in statement.query_map([part.as_str()], |row| row.get(0).map(StampCardId))? {
            ids.push(id?);
        }
    }
    ids.sort();
    ids.dedup();
    ids.iter().map(|id| card(db, parts, id)).collect()
}

/// The cards that a place stamps, as they are.
pub(crate) fn cards_of_place(db: &Connection, parts: &[MemberId], place: &PlaceId) -> Result<Vec<StampCardState>, Fault> {
    let mut cards = cards(db, parts)?;
    cards.retain(|card| card.stamps.iter().any(|stamp| stamp.place == *place));
    Ok(cards)
}

/// How many rewards of an offer a member was given; `None` for an offer that is no card's reward.
pub(crate) fn rewards_of(db: &Connection, parts: &[MemberId], offer: OfferId) -> Result<Option<u32>, Fault> {
    if !programmes(db)?.iter().any(|programme| programme.reward == offer) {
        return Ok(None);
    }
    let mut rewards = 0u32;
    let mut statement = db.prepare_cached("SELECT COUNT(*) FROM stamp_rewards WHERE member = ?1 AND offer = ?2")?;
    for part in parts {
        let given: u32 = statement.query_row(params![part.as_str(), offer.0], |row| row.get(0))?;
        rewards = rewards.saturating_add(given);
    }
    Ok(Some(rewards))
}

pub(crate) fn forget(db: &Connection, member: &MemberId) -> Result<(), Fault> {
    db.execute("DELETE FROM stamps WHERE member = ?1", [member.as_str()])?;
    db.execute("DELETE FROM stamp_rewards WHERE member = ?1", [member.as_str()])?;
    Ok(())
}
