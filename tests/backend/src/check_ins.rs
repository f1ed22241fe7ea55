//! Check-ins: the backend decides by the code that the phone decided by, over the record that the phone signed. Records of a device are
//! chained: a gap is marked and not refused. Of the evidence nothing is kept.

use noren_rules::b64;
use noren_rules::check_in::{CheckInMethod, CheckInPolicy, CheckInRecord, CheckInRefusal, Decision, Evidence, decide};
use noren_rules::ids::{CheckInId, DeviceId, MemberId, PlaceId};
use noren_rules::keys::PublicKey;
use noren_rules::place_code::PlaceCode;
use noren_rules::receipt::Receipt;
use noren_rules::routes::decide_route;
use noren_rules::wire::{CheckInAnswer, CheckInExport, CheckInOutcome, CheckInRequest, Ground, PlaceInfo, Reason, WalletCheckIn, paths};
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::App;
use crate::devices::{self, Device};
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::stamps::Stamped;
use crate::store::{from_json, to_int, to_json, to_uint};
use crate::{claims, grants, members, offers, places, stamps};

const MAX_ID: usize = 64;
const MAX_RECORD: usize = 64 * 1024;

/// POST [`paths::CHECK_INS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let CheckInRequest { record } = call.json()?;
    let record = b64::decode(&record).filter(|bytes| bytes.len() <= MAX_RECORD).ok_or_else(|| invalid("it is not base64url"))?;
    let caller = Caller::Device(device.clone());
    call.write(paths::CHECK_INS, &caller, Fingerprint::Body, move |db, app, now_ms| take(db, app, &device, &record, now_ms)).await
}

fn invalid(what: &str) -> Refusal {
    Refusal::new(Reason::RecordInvalid, format!("the record of the check-in cannot be taken: {what}"))
}

/// A check-in that is being decided.
struct Visit<'a> {
    record: &'a CheckInRecord,
    device: &'a Device,
    member: MemberId,
    parts: Vec<MemberId>,
    /// Where: a phone that checks in by a receipt's code does not know.
    place: PlaceId,
    /// What the code of a receipt names.
    receipt: Option<Receipt>,
    /// When, bounded by the arrival: nobody was there in the future.
    at_ms: i64,
    now_ms: i64,
}

fn take(db: &Connection, app: &App, device: &DeviceId, bytes: &[u8], now_ms: i64) -> Result<CheckInAnswer, Fault> {
    let device = devices::active(db, device)?;
    let key = PublicKey::from_base64url(&device.public_key).map_err(|_| Fault::Stored("public key"))?;
    let record = CheckInRecord::open(bytes, &key).map_err(|error| invalid(&error.to_string()))?;
    let id = record.id.as_str();
    if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("its id is a UUID").into());
    }
    let member = members::canonical(db, device.member.as_str())?;
    let parts = members::parts(db, &member)?;
    if let Some(known) = find(db, &record.id)? {
        let same = known.device == device.id.as_str() && known.digest == record.digest();
        return if same { answer(db, &record.id, &known, &parts, Stamped::default()) } else { Err(invalid("its id is another's").into()) };
    }
    let gap = !record.follows(head(db, &device.id)?);
    let receipt = match &record.method {
        CheckInMethod::ReceiptCode { code } => claims::receipt_of(db, app, &device.id, code, &member, now_ms)?,
        _ => None,
    };
    let place = place_of(db, &record, receipt.as_ref())?;
    let visit = Visit { record: &record, device: &device, member, parts, place, receipt, at_ms: record.at_ms.min(now_ms), now_ms };
    let (decided, from_expressway) = decided(db, app, &visit)?;
    keep(db, &visit, decided.err(), gap, from_expressway)?;
    let stamped = match decided {
        Ok(()) => enter(db, &visit)?,
        Err(_) => Stamped::default(),
    };
    let known = find(db, &record.id)?.ok_or(Fault::Stored("check-in"))?;
    answer(db, &record.id, &known, &visit.parts, stamped)
}

/// The place that the record names, or where the store of its receipt is.
fn place_of(db: &Connection, record: &CheckInRecord, receipt: Option<&Receipt>) -> Result<PlaceId, Fault> {
    let of_receipt = match receipt.filter(|_| record.place.as_str().is_empty()) {
        Some(receipt) => places::of_store(db, &receipt.store_id)?,
        None => None,
    };
    Ok(of_receipt.map_or_else(|| record.place.clone(), |place| place.id))
}

type Decided = Result<(), CheckInRefusal>;

/// Whether it counts, and whether it was reached by the expressway.
fn decided(db: &Connection, app: &App, visit: &Visit<'_>) -> Result<(Decided, bool), Fault> {
    let record = visit.record;
    if let CheckInMethod::Route { passes } = &record.method {
        let route = places::route_to_drive(db, &visit.place)?.ok_or_else(unknown_place)?;
        let decided = decide_route(&route, passes).map_err(CheckInRefusal::from);
        return Ok((cooled(db, visit, decided)?, true));
    }
    let Some(place) = places::find(db, &visit.place)? else {
        let by_receipt = matches!(record.method, CheckInMethod::ReceiptCode { .. });
        return if by_receipt { Ok((Err(CheckInRefusal::ReceiptCode), false)) } else { Err(unknown_place()) };
    };
    let decided = match &record.method {
        CheckInMethod::Location(evidence) => by_location(evidence, &place),
        CheckInMethod::PlaceCode { text } => by_place_code(app, visit, text),
        CheckInMethod::ReceiptCode { .. } => by_receipt(db, visit, &place)?,
        CheckInMethod::Route { .. } => Err(CheckInRefusal::PassedBy),
    };
    let from_expressway = record.is_from_expressway(place.kind, place.open_to_ordinary_road);
    Ok((cooled(db, visit, decided)?, from_expressway))
}

/// Kept: the place is gone, and a later attempt would be a visit to another.
fn unknown_place() -> Fault {
    Refusal::new(Reason::NotFound, "no such place or route is known: fetch the area again").keep().into()
}

fn by_location(evidence: &Evidence, place: &PlaceInfo) -> Decided {
    let policy = CheckInPolicy::default();
    // Whether the site is drawn is the operator's word: an outline asks for less.
    let outlined = evidence.outlined && matches!(place.ground, Ground::Outline { .. });
    let evidence = Evidence { outlined, ..evidence.clone() };
    match decide(&evidence, &policy) {
        Decision::CheckIn(_) => Ok(()),
        Decision::Refused(refusal) => Err(refusal),
        // A record is a finished thing: what it lacks does not come any more.
        Decision::Waiting(_) => match decide(&Evidence { ended: true, ..evidence }, &policy) {
            Decision::Refused(refusal) => Err(refusal),
            Decision::CheckIn(_) | Decision::Waiting(_) => Err(CheckInRefusal::TooShort),
        },
    }
}

fn by_place_code(app: &App, visit: &Visit<'_>, text: &str) -> Decided {
    let code = PlaceCode::open(text, &app.keys.issuers(), visit.at_ms.div_euclid(1000));
    code.ok().filter(|code| code.place == visit.place).map(drop).ok_or(CheckInRefusal::PlaceCode)
}

/// The code of a receipt of a store here checks in once.
fn by_receipt(db: &Connection, visit: &Visit<'_>, place: &PlaceInfo) -> Result<Decided, Fault> {
    let Some(receipt) = &visit.receipt else { return Ok(Err(CheckInRefusal::ReceiptCode)) };
    let here = places::of_store(db, &receipt.store_id)?.is_some_and(|found| found.id == place.id);
    if !here || receipt.voided {
        return Ok(Err(CheckInRefusal::ReceiptCode));
    }
    let first = db.execute("INSERT OR IGNORE INTO receipt_check_ins (receipt) VALUES (?1)", [receipt.id.as_str()])?;
    Ok(if first == 1 { Ok(()) } else { Err(CheckInRefusal::ReceiptCode) })
}

/// Within the cool-down a member has one check-in at a place, on whatever devices.
fn cooled(db: &Connection, visit: &Visit<'_>, decided: Decided) -> Result<Decided, Fault> {
    let cool_down_ms = i64::from(CheckInPolicy::default().cool_down_s) * 1000;
    let mut near = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM check_ins WHERE member = ?1 AND place = ?2 AND at_ms > ?3 AND at_ms < ?4 AND refused IS NULL)",
    )?;
    let (from_ms, until_ms) = (visit.at_ms.saturating_sub(cool_down_ms), visit.at_ms.saturating_add(cool_down_ms));
    for part in &visit.parts {
        let is_near: bool = near.query_row(params![part.as_str(), visit.place.as_str(), from_ms, until_ms], |row| row.get(0))?;
        if is_near && decided.is_ok() {
            return Ok(Err(CheckInRefusal::CoolDown));
        }
    }
    Ok(decided)
}

fn method_name(method: &CheckInMethod) -> &'static str {
    match method {
        CheckInMethod::Location(_) => "location",
        CheckInMethod::Route { .. } => "route",
        CheckInMethod::PlaceCode { .. } => "place_code",
        CheckInMethod::ReceiptCode { .. } => "receipt_code",
    }
}

fn keep(db: &Connection, visit: &Visit<'_>, refused: Option<CheckInRefusal>, gap: bool, from_expressway: bool) -> Result<(), Fault> {
    let record = visit.record;
    db.prepare_cached(
        "INSERT INTO check_ins (id, member, device, sequence, digest, place, at_ms, received_at_ms, method, refused, gap, from_expressway)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        record.id.as_str(),
        visit.member.as_str(),
        visit.device.id.as_str(),
        to_int(record.sequence),
        record.digest(),
        visit.place.as_str(),
        visit.at_ms,
        visit.now_ms,
        method_name(&record.method),
        refused.map(|refusal| to_json(&refusal, "refusal")).transpose()?,
        gap,
        from_expressway,
    ])?;
    Ok(())
}

/// What an accepted check-in does: stamps, rewards, and the grants that it unlocked on the device carry its id.
fn enter(db: &Connection, visit: &Visit<'_>) -> Result<Stamped, Fault> {
    for serial in &visit.record.unlocked {
        let Some(held) = grants::find(db, *serial)?.filter(|held| held.device.as_ref() == Some(&visit.device.id)) else { continue };
        if offers::find(db, held.grant.offer)?.is_some_and(|offer| offer.places.contains(&visit.place)) {
            grants::unlock(db, *serial, &visit.record.id)?;
        }
    }
    let now_s = visit.now_ms.div_euclid(1000);
    stamps::visit(db, &visit.member, &visit.place, visit.at_ms, Some(&visit.record.id), now_s)
}

/// A check-in as it was decided.
struct Known {
    device: String,
    digest: Vec<u8>,
    place: PlaceId,
    refused: Option<String>,
    gap: bool,
}

fn find(db: &Connection, id: &CheckInId) -> Result<Option<Known>, Fault> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Known { device: row.get(0)?, digest: row.get(1)?, place: PlaceId(row.get(2)?), refused: row.get(3)?, gap: row.get(4)? })
    };
    let sql = "SELECT device, digest, place, refused, gap FROM check_ins WHERE id = ?1";
    Ok(db.prepare_cached(sql)?.query_row([id.as_str()], read).optional()?)
}

/// Sequence and digest of the device's last record.
fn head(db: &Connection, device: &DeviceId) -> Result<Option<(u64, [u8; 32])>, Fault> {
    let sql = "SELECT sequence, digest FROM check_ins WHERE device = ?1 ORDER BY sequence DESC LIMIT 1";
    Ok(db.prepare_cached(sql)?.query_row([device.as_str()], |row| Ok((to_uint(row.get(0)?), row.get(1)?))).optional()?)
}

fn answer(db: &Connection, id: &CheckInId, known: &Known, parts: &[MemberId], stamped: Stamped) -> Result<CheckInAnswer, Fault> {
    let refused = known.refused.as_deref().map(|text| from_json(text, "refusal")).transpose()?;
    let outcome = refused.map_or(CheckInOutcome::Accepted, |reason| CheckInOutcome::Refused { reason });
    let again = stamped.cards.is_empty() && outcome == CheckInOutcome::Accepted;
    let stamp_cards = if again { stamps::cards_of_place(db, parts, &known.place)? } else { stamped.cards };
    Ok(CheckInAnswer { check_in_id: id.clone(), outcome, gap: known.gap, stamp_cards, grants: grants::of_check_in(db, id)? })
}

/// Check-ins of a member's parts that count, oldest first.
pub(crate) fn that_count(db: &Connection, parts: &[MemberId], since_s: i64) -> Result<Vec<WalletCheckIn>, Fault> {
    let mut found = Vec::new();
    let mut statement =
        db.prepare_cached("SELECT id, place, at_ms, from_expressway FROM check_ins WHERE member = ?1 AND at_ms >= ?2 AND refused IS NULL")?;
    for part in parts {
        let rows = statement.query_map(params![part.as_str(), since_s.saturating_mul(1000)], |row| {
            let at_s = row.get::<_, i64>(2)?.div_euclid(1000);
            Ok(WalletCheckIn { id: CheckInId(row.get(0)?), place: PlaceId(row.get(1)?), at_s, from_expressway: row.get(3)? })
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    found.sort_by(|one, other| (one.at_s, &one.id).cmp(&(other.at_s, &other.id)));
    Ok(found)
}

/// Everything that is held of a member's check-ins, oldest first.
pub(crate) fn export(db: &Connection, parts: &[MemberId]) -> Result<Vec<CheckInExport>, Fault> {
    let mut found: Vec<CheckInExport> = Vec::new();
    let mut statement =
        db.prepare_cached("SELECT id, place, at_ms, received_at_ms, device, method, refused FROM check_ins WHERE member = ?1")?;
    for part in parts {
        let rows = statement.query_map([part.as_str()], |row| {
            Ok(CheckInExport {
                id: CheckInId(row.get(0)?),
                place: PlaceId(row.get(1)?),
                at_ms: row.get(2)?,
                received_at_ms: row.get(3)?,
                device_id: DeviceId(row.get(4)?),
                method: row.get(5)?,
                refused: row.get::<_, Option<String>>(6)?.map(|text| text.trim_matches('"').to_owned()),
            })
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    found.sort_by(|one, other| (one.at_ms, &one.id).cmp(&(other.at_ms, &other.id)));
    Ok(found)
}

/// Deletes a member's check-ins. What they unlocked keeps a random name of its own, so that a funnel still adds up.
pub(crate) fn forget(db: &Connection, app: &App, member: &MemberId) -> Result<(), Fault> {
    let mut statement = db.prepare("SELECT id FROM check_ins WHERE member = ?1")?;
    let ids: Vec<String> = statement.query_map([member.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in ids {
        let nobody = app.random_id()?;
        db.execute("UPDATE grants SET check_in = ?2 WHERE check_in = ?1", params![id, nobody])?;
        db.execute("UPDATE redemptions SET check_in = ?2 WHERE check_in = ?1", params![id, nobody])?;
    }
    db.execute("DELETE FROM check_ins WHERE member = ?1", [member.as_str()])?;
    Ok(())
}
