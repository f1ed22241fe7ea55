//! Devices: each a key of a member, with its own one-dimensional codes and its own credential.

use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::keys::PublicKey;
use noren_rules::one_dimensional::{member_ean13, member_nw7, new_alias};
use noren_rules::wire::{DeviceExport, Reason};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::members;

/// The operator's range of member numbers in EAN-13.
const EAN13_PREFIX: &str = "28";
const TRIES: usize = 8;
const COLUMNS: &str = "id, public_key, member, alias, ean13, nw7, credential_until_ms, revoked_at_ms";

/// A device as it is stored; `member` is the one it was enrolled for, not the canonical one.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) public_key: String,
    pub(crate) member: MemberId,
    pub(crate) alias: String,
    pub(crate) ean13: String,
    pub(crate) nw7: String,
    pub(crate) credential_until_ms: i64,
    pub(crate) revoked_at_ms: Option<i64>,
}

pub(crate) fn find(db: &Connection, id: &DeviceId) -> Result<Option<Device>, Fault> {
    find_by(db, "id", id.as_str())
}

/// The device whose static or Code 128 text this is.
pub(crate) fn find_by_alias(db: &Connection, alias: &str) -> Result<Option<Device>, Fault> {
    find_by(db, "alias", alias)
}

pub(crate) fn find_by_ean13(db: &Connection, ean13: &str) -> Result<Option<Device>, Fault> {
    find_by(db, "ean13", ean13)
}

pub(crate) fn find_by_nw7(db: &Connection, nw7: &str) -> Result<Option<Device>, Fault> {
    find_by(db, "nw7", nw7)
}

fn find_by(db: &Connection, column: &str, value: &str) -> Result<Option<Device>, Fault> {
    Ok(db.prepare_cached(&format!("SELECT {COLUMNS} FROM devices WHERE {column} = ?1"))?.query_row([value], read).optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        id: DeviceId(row.get(0)?),
        public_key: row.get(1)?,
        member: MemberId(row.get(2)?),
        alias: row.get(3)?,
        ean13: row.get(4)?,
        nw7: row.get(5)?,
        credential_until_ms: row.get(6)?,
        revoked_at_ms: row.get(7)?,
    })
}

/// The device, unless it is unknown or revoked.
pub(crate) fn active(db: &Connection, id: &DeviceId) -> Result<Device, Fault> {
    find(db, id)?.filter(|device| device.revoked_at_ms.is_none()).ok_or_else(|| unknown().into())
}

pub(crate) fn unknown() -> Refusal {
    Refusal::new(Reason::UnknownDevice, "this device is not enrolled, or was revoked or erased: enrol again with a new key")
}

/// The canonical member of an active device.
pub(crate) fn member_of(db: &Connection, id: &DeviceId) -> Result<MemberId, Fault> {
    let device = active(db, id)?;
    members::canonical(db, device.member.as_str())
}

/// Adds a device with fresh one-dimensional codes.
pub(crate) fn add(db: &Connection, app: &App, key: &PublicKey, member: &MemberId, now_ms: i64) -> Result<Device, Fault> {
    let id = key.device_id();
    for _ in 0..TRIES {
        let ean13 = member_ean13(EAN13_PREFIX, app.random_serial()?).ok_or(Fault::Stored("EAN-13"))?;
        let (alias, nw7) = (new_alias(&app.random()?), member_nw7(app.random_serial()?));
        // IGNORE: one of the random codes may be taken; then others are tried.
        let added = db.execute(
            "INSERT OR IGNORE INTO devices (id, public_key, member, alias, ean13, nw7, enrolled_at_ms, credential_until_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
            params![id.as_str(), key.to_base64url(), member.as_str(), alias, ean13, nw7, now_ms],
        )?;
        if added == 1 {
            return find(db, &id)?.ok_or(Fault::Stored("device"));
        }
    }
    Err(Fault::Stored("one-dimensional codes"))
}

/// Remembers how long a credential of this device can still verify.
pub(crate) fn credential_issued(db: &Connection, id: &DeviceId, until_ms: i64) -> Result<(), Fault> {
    db.prepare_cached("UPDATE devices SET credential_until_ms = MAX(credential_until_ms, ?2) WHERE id = ?1")?
        .execute(params![id.as_str(), until_ms])?;
    Ok(())
}

/// Revokes a device: its codes are refused from the next till document on. True when it was not revoked before.
pub(crate) fn revoke(db: &Connection, device: &Device, now_ms: i64) -> Result<bool, Fault> {
    let changed =
        db.execute("UPDATE devices SET revoked_at_ms = ?2 WHERE id = ?1 AND revoked_at_ms IS NULL", params![device.id.as_str(), now_ms])?;
    if changed == 1 {
        list_as_revoked(db, device, now_ms)?;
    }
    Ok(changed == 1)
}

/// Puts a device's key on the till list for as long as its credential could verify.
pub(crate) fn list_as_revoked(db: &Connection, device: &Device, now_ms: i64) -> Result<(), Fault> {
    db.execute(
        "INSERT OR IGNORE INTO revocations (device, revoked_at_ms, until_ms) VALUES (?1, ?2, ?3)",
        params![device.id.as_str(), now_ms, device.credential_until_ms],
    )?;
    db.execute("DELETE FROM revocations WHERE until_ms <= ?1", [now_ms])?;
    lists_changed(db)
}

/// Since when a key is revoked, also when its device is erased.
pub(crate) fn revoked_at(db: &Connection, id: &DeviceId) -> Result<Option<i64>, Fault> {
    Ok(db
        .prepare_cached("SELECT revoked_at_ms FROM revocations WHERE device = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?)
}

/// The till document says something else from now on: its sequence rises.
pub(crate) fn lists_changed(db: &Connection) -> Result<(), Fault> {
    db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'lists_sequence'", [])?;
    Ok(())
}

/// True for a device that gets no grants for offline tills.
pub(crate) fn leases_stopped(db: &Connection, id: &DeviceId) -> Result<bool, Fault> {
    Ok(db
        .prepare_cached("SELECT leases_stopped_at_ms IS NOT NULL FROM devices WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?
        .unwrap_or(false))
}

/// It gets them again. True when it got none.
pub(crate) fn allow_leases(db: &Connection, id: &DeviceId) -> Result<bool, Fault> {
    let sql = "UPDATE devices SET leases_stopped_at_ms = NULL WHERE id = ?1 AND leases_stopped_at_ms IS NOT NULL";
    Ok(db.execute(sql, [id.as_str()])? == 1)
}

pub(crate) fn of_member(db: &Connection, member: &MemberId) -> Result<Vec<Device>, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM devices WHERE member = ?1 ORDER BY enrolled_at_ms, id"))?;
    let rows = statement.query_map([member.as_str()], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn export(db: &Connection, member: &MemberId) -> Result<Vec<DeviceExport>, Fault> {
    let mut statement =
        db.prepare_cached("SELECT id, enrolled_at_ms, revoked_at_ms FROM devices WHERE member = ?1 ORDER BY enrolled_at_ms, id")?;
    let rows = statement.query_map([member.as_str()], |row| {
        Ok(DeviceExport { device_id: DeviceId(row.get(0)?), enrolled_at_ms: row.get(1)?, revoked_at_ms: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
