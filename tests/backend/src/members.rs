//! Who is who: members, and the append-only ledger of links by which one became part of another.
//!
//! A member that was linked into another keeps its rows; reading follows the ledger upward to the canonical member and downward to all its
//! parts. When two are linked, one that has devices stays (its credentials name it), and of two equals the older.

use noren_rules::ids::MemberId;
use noren_rules::wire::{Assurance, LinkedIdentity, Membership};
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::App;
use crate::fault::Fault;
use crate::{feed, points, reviews, stamps};

pub(crate) fn create(db: &Connection, app: &App, now_ms: i64) -> Result<MemberId, Fault> {
    let id = app.random_id()?;
    db.prepare_cached("INSERT INTO members (id, created_at_ms) VALUES (?1, ?2)")?.execute(params![id, now_ms])?;
    Ok(MemberId(id))
}

/// The member that this one is part of now, or itself.
pub(crate) fn canonical(db: &Connection, member: &str) -> Result<MemberId, Fault> {
    let mut newest = db.prepare_cached("SELECT kind, into_member FROM member_links WHERE member = ?1 ORDER BY seq DESC LIMIT 1")?;
    let mut at = member.to_owned();
    loop {
        let event: Option<(String, String)> = newest.query_row([&at], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match event {
            Some((kind, into)) if kind == "link" => at = into,
            _ => return Ok(MemberId(at)),
        }
    }
}

/// A canonical member and all that became part of it.
pub(crate) fn parts(db: &Connection, canonical: &MemberId) -> Result<Vec<MemberId>, Fault> {
    // Nobody was linked into most members.
    let linked = "SELECT EXISTS (SELECT 1 FROM member_links WHERE into_member = ?1)";
    if !db.prepare_cached(linked)?.query_row([canonical.as_str()], |row| row.get(0))? {
        return Ok(vec![canonical.clone()]);
    }
    let mut below = db.prepare_cached(
        "WITH RECURSIVE below (id) AS (
             VALUES (?1)
             UNION
             SELECT l.member FROM below JOIN member_links l ON l.into_member = below.id
             WHERE l.kind = 'link' AND l.seq = (SELECT MAX(seq) FROM member_links n WHERE n.member = l.member)
         ) SELECT id FROM below",
    )?;
    let rows = below.query_map([canonical.as_str()], |row| row.get(0).map(MemberId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes two canonical members one and answers which it is. Their whole history comes to the devices of both.
pub(crate) fn link(db: &Connection, one: &MemberId, other: &MemberId, now_ms: i64) -> Result<MemberId, Fault> {
    if one == other {
        return Ok(one.clone());
    }
    let (stays, joins) = if seniority(db, one)? <= seniority(db, other)? { (one, other) } else { (other, one) };
    db.execute(
        "INSERT INTO member_links (at_ms, kind, member, into_member) VALUES (?1, 'link', ?2, ?3)",
        params![now_ms, joins.as_str(), stays.as_str()],
    )?;
    feed::join(db, stays, joins)?;
    reviews::join(db, stays)?;
    stamps::give_due(db, stays, now_ms.div_euclid(1000))?;
    Ok(stays.clone())
}

/// The smaller stays.
fn seniority(db: &Connection, member: &MemberId) -> Result<(bool, i64, String), Fault> {
    let mut without_devices = true;
    for part in parts(db, member)? {
        let devices: i64 = db.query_row("SELECT COUNT(*) FROM devices WHERE member = ?1", [part.as_str()], |row| row.get(0))?;
        without_devices &= devices == 0;
    }
    let created: i64 = db.query_row("SELECT created_at_ms FROM members WHERE id = ?1", [member.as_str()], |row| row.get(0))?;
    Ok((without_devices, created, member.0.clone()))
}

/// The member as the app shows it.
pub(crate) fn membership(db: &Connection, canonical: &MemberId) -> Result<Membership, Fault> {
    let parts = parts(db, canonical)?;
    let linked = linked(db, &parts)?;
    Ok(Membership { member_id: canonical.clone(), points: points::balance(db, &parts)?, assurance: assurance_of(&linked), linked })
}

/// How well a member is known: by the strongest of its identities.
pub(crate) fn assurance_of(linked: &[LinkedIdentity]) -> Assurance {
    let level = |identity: &LinkedIdentity| match identity {
        LinkedIdentity::Number { .. } => Assurance::Number,
        LinkedIdentity::Ec { .. } => Assurance::Account,
    };
    linked.iter().map(level).max().unwrap_or(Assurance::Device)
}

/// Staff have no offers, under whichever of their names.
pub(crate) fn is_staff(db: &Connection, parts: &[MemberId]) -> Result<bool, Fault> {
    let mut staff = db.prepare_cached("SELECT staff FROM members WHERE id = ?1")?;
    for part in parts {
        if staff.query_row([part.as_str()], |row| row.get(0)).optional()?.unwrap_or(false) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True when there is such a member and it was not so before.
pub(crate) fn set_staff(db: &Connection, member: &MemberId, staff: bool) -> Result<bool, Fault> {
    let changed = db.execute("UPDATE members SET staff = ?2 WHERE id = ?1 AND staff <> ?2", params![member.as_str(), staff])?;
    Ok(changed == 1)
}

fn linked(db: &Connection, parts: &[MemberId]) -> Result<Vec<LinkedIdentity>, Fault> {
    let mut cards = db.prepare_cached("SELECT number FROM cards WHERE member = ?1 ORDER BY number")?;
    let mut accounts = db.prepare_cached("SELECT account FROM ec_accounts WHERE member = ?1 ORDER BY account")?;
    let mut linked = Vec::new();
    for part in parts {
        for number in cards.query_map([part.as_str()], |row| row.get::<_, String>(0))? {
            linked.push(LinkedIdentity::Number { number: number?.into() });
        }
        for account in accounts.query_map([part.as_str()], |row| row.get(0))? {
            linked.push(LinkedIdentity::Ec { account: account? });
        }
    }
    Ok(linked)
}
