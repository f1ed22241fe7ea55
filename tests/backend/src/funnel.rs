//! How a campaign went: from check-in over grant to sale, under one correlation id; the budget; and what does not count, and why.

use noren_rules::ids::{CheckInId, DeviceId, TillId};
use noren_rules::offers::OfferId;
use noren_rules::wire::{Funnel, FunnelPath, Reason, RolledBack};
use rusqlite::Connection;
use serde::Deserialize;

use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json};
use crate::store::to_uint;
use crate::{budgets, offers};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FunnelQuery {
    offer: u32,
}

/// GET [`noren_rules::wire::paths::OPERATOR_FUNNEL`].
pub(crate) async fn get(call: Call) -> Answer {
    call.operator().await?;
    let FunnelQuery { offer } = call.query()?;
    let now_s = call.app.now_ms().div_euclid(1000);
    let read = call.app.store.read(move |db| funnel(db, OfferId(offer), now_s));
    json(&read.await.map_err(Fault::into_refusal)?)
}

fn funnel(db: &Connection, id: OfferId, now_s: i64) -> Result<Funnel, Fault> {
    let offer = offers::find(db, id)?.ok_or_else(|| Refusal::new(Reason::NotFound, "no such offer is known"))?;
    let (check_ins, grants) =
        db.query_row("SELECT COUNT(DISTINCT check_in), COUNT(check_in) FROM grants WHERE offer = ?1", [id.0], |row| {
            Ok((to_uint(row.get(0)?), to_uint(row.get(1)?)))
        })?;
    let paths = paths(db, id)?;
    Ok(Funnel {
        offer: id,
        check_ins,
        grants,
        redemptions: u64::try_from(paths.len()).unwrap_or(u64::MAX),
        paths,
        budget: budgets::state(db, &offer, now_s)?,
        rolled_back: rolled_back(db, id)?,
    })
}

fn paths(db: &Connection, id: OfferId) -> Result<Vec<FunnelPath>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT check_in, serial, till, number FROM redemptions WHERE offer = ?1 AND cause IS NULL AND check_in IS NOT NULL ORDER BY seq",
    )?;
    let rows = statement.query_map([id.0], |row| {
        Ok(FunnelPath { check_in_id: CheckInId(row.get(0)?), serial: to_uint(row.get(1)?), till: TillId(row.get(2)?), number: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn rolled_back(db: &Connection, id: OfferId) -> Result<Vec<RolledBack>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT serial, device, till, number, cause FROM redemptions WHERE offer = ?1 AND cause IS NOT NULL ORDER BY seq",
    )?;
    let rows = statement.query_map([id.0], |row| {
        Ok(RolledBack {
            serial: to_uint(row.get(0)?),
            device: row.get::<_, Option<String>>(1)?.map(DeviceId),
            till: TillId(row.get(2)?),
            number: row.get(3)?,
            cause: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
