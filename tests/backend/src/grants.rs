//! Grants as they are stored: the state machine of each ([`Grant`]), whose it is, and which check-in unlocked it.

use std::collections::BTreeMap;

use noren_rules::grants::Grant;
use noren_rules::ids::{CheckInId, DeviceId, MemberId};
use noren_rules::offers::OfferId;
use noren_rules::wire::WalletGrant;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::fault::Fault;
use crate::store::{from_json, to_int, to_json, to_uint};

const COLUMNS: &str = "serial, member, device, lease, check_in, presented, record";

/// A grant and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) grant: Grant,
    /// As it was given; not the canonical one. `None` once the member was erased.
    pub(crate) member: Option<MemberId>,
    /// `None` for a reward that no device has yet, and once the member was erased.
    pub(crate) device: Option<DeviceId>,
    /// The lease, by the serial of its first grant.
    pub(crate) lease: Option<u64>,
    pub(crate) check_in: Option<CheckInId>,
    /// The device has shown it to a till and not heard what became of it.
    pub(crate) presented: bool,
}

type Columns = (Option<String>, Option<String>, Option<i64>, Option<String>, bool, String);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
}

fn held((member, device, lease, check_in, presented, record): Columns) -> Result<Held, Fault> {
    Ok(Held {
        grant: from_json(&record, "grant")?,
        member: member.map(MemberId),
        device: device.map(DeviceId),
        lease: lease.map(to_uint),
        check_in: check_in.map(CheckInId),
        presented,
    })
}

/// A serial that no grant has had.
pub(crate) fn next_serial(db: &Connection) -> Result<u64, Fault> {
    let newest: Option<i64> = db.prepare_cached("SELECT MAX(serial) FROM grants")?.query_row([], |row| row.get(0))?;
    Ok(to_uint(newest.unwrap_or(0)).saturating_add(1))
}

/// Adds a new grant.
pub(crate) fn add(db: &Connection, held: &Held, now_s: i64) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO grants (serial, offer, member, device, lease, given_at_s, until_s, check_in, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        to_int(held.grant.serial),
        held.grant.offer.0,
        held.member.as_ref().map(MemberId::as_str),
        held.device.as_ref().map(DeviceId::as_str),
        held.lease.map(to_int),
        now_s,
        held.grant.until_s,
        held.check_in.as_ref().map(CheckInId::as_str),
        to_json(&held.grant, "grant")?,
    ])?;
    Ok(())
}

/// Writes a grant's new state.
pub(crate) fn save(db: &Connection, grant: &Grant) -> Result<(), Fault> {
    db.prepare_cached("UPDATE grants SET until_s = ?2, record = ?3 WHERE serial = ?1")?.execute(params![
        to_int(grant.serial),
        grant.until_s,
        to_json(grant, "grant")?
    ])?;
    Ok(())
}

pub(crate) fn find(db: &Connection, serial: u64) -> Result<Option<Held>, Fault> {
    let row =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM grants WHERE serial = ?1"))?.query_row([to_int(serial)], columns).optional()?;
    row.map(held).transpose()
}

/// All grants of a member's parts, by serial.
pub(crate) fn of_member(db: &Connection, parts: &[MemberId]) -> Result<Vec<Held>, Fault> {
    let mut all = Vec::new();
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM grants WHERE member = ?1"))?;
    for part in parts {
        for row in statement.query_map([part.as_str()], columns)? {
            all.push(held(row?)?);
        }
    }
    all.sort_by_key(|held| held.grant.serial);
    Ok(all)
}

/// The grants of the device's newest lease, by serial.
pub(crate) fn newest_lease(db: &Connection, device: &DeviceId) -> Result<Vec<Held>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM grants WHERE device = ?1 AND lease = (SELECT MAX(lease) FROM grants WHERE device = ?1) ORDER BY serial"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([device.as_str()], columns)?;
    rows.map(|row| held(row?)).collect()
}

/// How often a member has used which offer, so that it counts.
pub(crate) fn used(db: &Connection, parts: &[MemberId]) -> Result<BTreeMap<OfferId, u32>, Fault> {
    let mut used: BTreeMap<OfferId, u32> = BTreeMap::new();
    let mut statement = db.prepare_cached(
        "SELECT r.offer, COUNT(*) FROM grants g JOIN redemptions r ON r.serial = g.serial WHERE g.member = ?1 AND r.cause IS NULL GROUP BY r.offer",
    )?;
    for part in parts {
        for row in statement.query_map([part.as_str()], |row| Ok((OfferId(row.get(0)?), row.get::<_, u32>(1)?)))? {
            let (offer, times) = row?;
            let sum = used.entry(offer).or_default();
            *sum = sum.saturating_add(times);
        }
    }
    Ok(used)
}

/// Why the last redemption of a grant that does not count does not.
fn last_cause(db: &Connection, serial: u64) -> Result<Option<String>, Fault> {
    Ok(db
        .prepare_cached("SELECT cause FROM redemptions WHERE serial = ?1 AND cause IS NOT NULL ORDER BY seq DESC LIMIT 1")?
        .query_row([to_int(serial)], |row| row.get(0))
        .optional()?)
}

/// A grant as the wallet shows it.
pub(crate) fn to_wallet(db: &Connection, held: &Held, on_this_device: bool, now_s: i64) -> Result<WalletGrant, Fault> {
    let grant = &held.grant;
    Ok(WalletGrant {
        serial: grant.serial,
        offer: grant.offer,
        state: grant.state(now_s),
        until_s: grant.until_s,
        count: grant.count,
        on_this_device,
        rolled_back: last_cause(db, grant.serial)?,
    })
}

/// All grants that a member has had.
pub(crate) fn export(db: &Connection, parts: &[MemberId], now_s: i64) -> Result<Vec<WalletGrant>, Fault> {
    of_member(db, parts)?.iter().map(|held| to_wallet(db, held, false, now_s)).collect()
}

/// Whatever the device has shown without hearing of it is what it says now: what it has heard of it leaves out.
pub(crate) fn set_presented(db: &Connection, device: &DeviceId, presented: &[u64]) -> Result<(), Fault> {
    db.prepare_cached("UPDATE grants SET presented = 0 WHERE device = ?1 AND presented = 1")?.execute([device.as_str()])?;
    for serial in presented {
        db.prepare_cached("UPDATE grants SET presented = 1 WHERE serial = ?1 AND device = ?2")?
            .execute(params![to_int(*serial), device.as_str()])?;
    }
    Ok(())
}

/// A check-in unlocked a grant; the first one counts. Sales that came before it get the correlation id as well.
pub(crate) fn unlock(db: &Connection, serial: u64, check_in: &CheckInId) -> Result<bool, Fault> {
    let set = params![to_int(serial), check_in.as_str()];
    let unlocked = db.prepare_cached("UPDATE grants SET check_in = ?2 WHERE serial = ?1 AND check_in IS NULL")?.execute(set)?;
    if unlocked == 1 {
        db.prepare_cached("UPDATE redemptions SET check_in = ?2 WHERE serial = ?1 AND check_in IS NULL")?.execute(set)?;
    }
    Ok(unlocked == 1)
}

/// The check-in stands for another grant of the same offer from now on: the one before was never used.
pub(crate) fn hand_over_check_in(db: &Connection, from: u64) -> Result<(), Fault> {
    db.prepare_cached("UPDATE grants SET check_in = NULL WHERE serial = ?1")?.execute([to_int(from)])?;
    Ok(())
}

/// Serials that a check-in unlocked or gave.
pub(crate) fn of_check_in(db: &Connection, check_in: &CheckInId) -> Result<Vec<u64>, Fault> {
    let mut statement = db.prepare_cached("SELECT serial FROM grants WHERE check_in = ?1 ORDER BY serial")?;
    let rows = statement.query_map([check_in.as_str()], |row| row.get(0).map(to_uint))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What tills did stays as accounting; whose it was does not.
pub(crate) fn forget(db: &Connection, member: &MemberId) -> Result<(), Fault> {
    db.execute("UPDATE redemptions SET device = NULL WHERE serial IN (SELECT serial FROM grants WHERE member = ?1)", [member.as_str()])?;
    db.execute("UPDATE grants SET member = NULL, device = NULL, presented = 0 WHERE member = ?1", [member.as_str()])?;
    Ok(())
}
