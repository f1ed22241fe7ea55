//! What happened to products in stores: scans, questions, demonstrations; told by members' phones, or by the staff, who say of nobody.

use noren_rules::ids::{MemberId, Sku, StaffId, StoreId};
use noren_rules::wire::{
    Reaction, ReactionCount, ReactionCounts, ReactionKind, ReactionsKept, ReactionsRequest, StoreReactionRequest, paths,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;

use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json};
use crate::store::to_uint;
use crate::{catalogue, devices, tills};

/// Reactions of one call.
const MAX_REACTIONS: usize = 200;
const MAX_ID: usize = 100;
/// A phone's clock may be ahead of the server's by this much; what comes from within it was just now.
const AHEAD_MS: i64 = 5 * 60_000;

/// POST [`paths::REACTIONS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let ReactionsRequest { reactions } = call.json()?;
    check(&reactions, call.app.now_ms())?;
    let caller = Caller::Device(device.clone());
    call.write(paths::REACTIONS, &caller, Fingerprint::Body, move |db, _, now_ms| {
        let member = devices::member_of(db, &device)?;
        let mut kept = 0;
        for reaction in reactions {
            kept += keep(db, Some(&member), &Reaction { at_ms: reaction.at_ms.min(now_ms), ..reaction }, None)?;
        }
        Ok(ReactionsKept { kept })
    })
    .await
}

fn check(reactions: &[Reaction], now_ms: i64) -> Result<(), Refusal> {
    if reactions.len() > MAX_REACTIONS {
        return Err(Refusal::invalid(format!("at most {MAX_REACTIONS} reactions a call: send the rest in another")));
    }
    for (at, reaction) in reactions.iter().enumerate() {
        if !(0..=now_ms.saturating_add(AHEAD_MS)).contains(&reaction.at_ms) {
            return Err(Refusal::invalid(format!("reaction {at} is of the future or before 1970: say when it was by the trusted clock")));
        }
        if !is_id(reaction.store.as_str()) {
            return Err(Refusal::invalid(format!("reaction {at}: a store has 1 to {MAX_ID} characters")));
        }
    }
    Ok(())
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.chars().count()) && !id.chars().any(char::is_control)
}

/// POST [`paths::STORE_REACTIONS`].
pub(crate) async fn post_of_store(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    let StoreReactionRequest { kind, sku, staff } = call.json()?;
    if !staff.as_ref().is_none_or(|staff| is_id(staff.as_str())) {
        return Err(Refusal::invalid(format!("staff has 1 to {MAX_ID} characters where it is there")));
    }
    call.write(paths::STORE_REACTIONS, &Caller::Till(till.clone()), Fingerprint::Body, move |db, _, now_ms| {
        let store = tills::store_of(db, &till)?;
        Ok(ReactionsKept { kept: keep(db, None, &Reaction { kind, sku, store, at_ms: now_ms }, staff.as_ref())? })
    })
    .await
}

/// 1 for a known variant. The same of a member at the same moment counts once.
fn keep(db: &Connection, member: Option<&MemberId>, reaction: &Reaction, staff: Option<&StaffId>) -> Result<u32, Fault> {
    if !catalogue::is_known(db, &reaction.sku)? {
        return Ok(0);
    }
    db.prepare_cached("INSERT OR IGNORE INTO reactions (member, kind, sku, store, at_ms, staff) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            member.map(MemberId::as_str),
            name_of(reaction.kind),
            reaction.sku.as_str(),
            reaction.store.as_str(),
            reaction.at_ms,
            staff.map(StaffId::as_str)
        ])?;
    Ok(1)
}

fn name_of(kind: ReactionKind) -> &'static str {
    match kind {
        ReactionKind::Scan => "scan",
        ReactionKind::Question => "question",
        ReactionKind::Demo => "demo",
    }
}

fn kind_of(name: &str) -> Result<ReactionKind, Fault> {
    match name {
        "scan" => Ok(ReactionKind::Scan),
        "question" => Ok(ReactionKind::Question),
        "demo" => Ok(ReactionKind::Demo),
        _ => Err(Fault::Stored("reaction")),
    }
}

/// A span of time: from the first millisecond to the one before the last.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
}

impl Span {
    pub(crate) fn of(call: &Call) -> Result<Self, Refusal> {
        let span: Self = call.query()?;
        if span.from_ms < span.until_ms { Ok(span) } else { Err(Refusal::invalid("from_ms comes before until_ms")) }
    }
}

/// GET [`paths::OPERATOR_REACTIONS`].
pub(crate) async fn counts(call: Call) -> Answer {
    call.operator().await?;
    let span = Span::of(&call)?;
    let read = call.app.store.read(move |db| Ok(ReactionCounts { counts: count(db, &span)? }));
    json(&read.await.map_err(Fault::into_refusal)?)
}

fn count(db: &Connection, span: &Span) -> Result<Vec<ReactionCount>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT store, sku, kind, staff, COUNT(*) FROM reactions WHERE at_ms >= ?1 AND at_ms < ?2
         GROUP BY store, sku, kind, staff ORDER BY store, sku, kind, staff",
    )?;
    let rows = statement.query_map([span.from_ms, span.until_ms], |row| {
        let staff = row.get::<_, Option<String>>(3)?.map(StaffId);
        Ok((StoreId(row.get(0)?), Sku(row.get(1)?), row.get::<_, String>(2)?, staff, to_uint(row.get(4)?)))
    })?;
    rows.map(|row| {
        let (store, sku, kind, staff, count) = row?;
        Ok(ReactionCount { store, sku, kind: kind_of(&kind)?, staff, count })
    })
    .collect()
}

/// The last scan of one of the variants by one of the parts in a span that includes its end: where and when.
pub(crate) fn last_scan(
    db: &Connection,
    parts: &[MemberId],
    skus: &[Sku],
    from_ms: i64,
    until_ms: i64,
) -> Result<Option<(i64, StoreId)>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT at_ms, store FROM reactions WHERE member = ?1 AND sku = ?2 AND kind = 'scan' AND at_ms BETWEEN ?3 AND ?4
         ORDER BY at_ms DESC, store DESC LIMIT 1",
    )?;
    let mut last = None;
    for part in parts {
        for sku in skus {
            let found =
                statement.query_row(params![part.as_str(), sku.as_str(), from_ms, until_ms], |row| Ok((row.get(0)?, StoreId(row.get(1)?))));
            last = last.max(found.optional()?);
        }
    }
    Ok(last)
}

/// What a member did in stores, oldest first.
pub(crate) fn export(db: &Connection, parts: &[MemberId]) -> Result<Vec<Reaction>, Fault> {
    let mut found = Vec::new();
    let mut statement = db.prepare_cached("SELECT kind, sku, store, at_ms FROM reactions WHERE member = ?1")?;
    for part in parts {
        let rows = statement
            .query_map([part.as_str()], |row| Ok((row.get::<_, String>(0)?, Sku(row.get(1)?), StoreId(row.get(2)?), row.get(3)?)))?;
        for row in rows {
            let (kind, sku, store, at_ms) = row?;
            found.push(Reaction { kind: kind_of(&kind)?, sku, store, at_ms });
        }
    }
    found.sort_by(|one, other| (one.at_ms, &one.store, &one.sku, one.kind).cmp(&(other.at_ms, &other.store, &other.sku, other.kind)));
    Ok(found)
}

/// What an erased member did counts on, as nobody's.
pub(crate) fn forget(db: &Connection, member: &MemberId) -> Result<(), Fault> {
    db.execute("UPDATE reactions SET member = NULL WHERE member = ?1", [member.as_str()])?;
    Ok(())
}
