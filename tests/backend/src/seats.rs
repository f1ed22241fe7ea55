//! Sessions at tables. A slip of the till opens its table at once, for one visit. A plate at the table can be photographed: whoever scans it waits
//! until the staff has seen the number on the phone, or shows by a check-in to be there. Guests of one table share its session; each waits for oneself,
//! so that nobody who scans a photograph at home is let in together with those who sit there.

use noren_rules::ids::{CheckInId, MemberId, SeatSessionId, StoreId, TillId};
use noren_rules::seat_code::{SeatCode, SeatKind};
use noren_rules::wire::{Reason, SeatRequest, SeatSession, SeatState, SeatWork, SeatWorkAnswer, SeatWorkRequest, paths};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::app::{App, Shared};
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::{devices, members, orders, places, tills};

const MINUTE_MS: i64 = 60_000;
/// How long somebody waits for the staff.
const WAITS_MS: i64 = 15 * MINUTE_MS;
/// How long a table that the staff or a check-in has opened stays open.
const OPEN_MS: i64 = 4 * 60 * MINUTE_MS;
/// A check-in shows for so long that somebody is there.
const PRESENT_MS: i64 = 60 * MINUTE_MS;
/// How far a phone's clock may be ahead in a check-in.
const CLOCK_OFF_MS: i64 = 5 * MINUTE_MS;
/// How long what is over is remembered: longer than any slip lives.
const REMEMBERED_MS: i64 = 86_400_000;
/// Tables at which a member may be at a time, waiting or not.
const MOST_A_MEMBER: i64 = 3;
/// Guests of a session, waiting or not.
const MOST_AT_A_TABLE: i64 = 60;
/// What a guest's phone shows to the staff: three digits.
const MARKS: std::ops::RangeInclusive<u32> = 100..=999;
const MAX_SEAT: usize = 20;
const MAX_SLIP_MIN: u32 = 720;

/// A session, whoever asks.
struct Table {
    id: SeatSessionId,
    store: StoreId,
    seat: String,
    /// Closed by the staff, or paid.
    closed: bool,
    until_ms: i64,
}

impl Table {
    fn is_over(&self, now_ms: i64) -> bool {
        self.closed || now_ms >= self.until_ms
    }

    /// `marks`: of those who wait, so far as whoever asks may know.
    fn shown(self, marks: Vec<u32>, now_ms: i64) -> SeatSession {
        let state = match marks.is_empty() {
            _ if self.is_over(now_ms) => SeatState::Closed,
            true => SeatState::Open,
            false => SeatState::Waiting,
        };
        SeatSession { id: self.id, store: self.store, seat: self.seat, state, until_ms: self.until_ms, marks }
    }
}

const COLUMNS: &str = "id, store, seat, closed, until_ms";

fn table(row: &Row<'_>) -> rusqlite::Result<Table> {
    Ok(Table { id: SeatSessionId(row.get(0)?), store: StoreId(row.get(1)?), seat: row.get(2)?, closed: row.get(3)?, until_ms: row.get(4)? })
}

/// POST [`paths::SEATS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    orders::no_card_number(&call)?;
    let request: SeatRequest = call.json()?;
    let caller = Caller::Device(device.clone());
    call.write(paths::SEATS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let member = devices::member_of(db, &device)?;
        sit_down(db, app, &member, &request, now_ms)
    })
    .await
}

fn refused(detail: impl Into<String>) -> Fault {
    Refusal::new(Reason::SeatRefused, detail).into()
}

fn sit_down(db: &Connection, app: &App, member: &MemberId, request: &SeatRequest, now_ms: i64) -> Result<SeatSession, Fault> {
    forget_old(db, now_ms)?;
    let code = SeatCode::open(&request.code, &app.keys.issuers(), now_ms.div_euclid(1000)).map_err(|error| refused(error.to_string()))?;
    let parts = members::parts(db, member)?;
    let (table, may_order) = match code.kind {
        SeatKind::Slip { until_s, serial } => (of_slip(db, app, &code, serial, until_s, now_ms)?, true),
        SeatKind::Plate => {
            let present = request.check_in.as_ref().map_or(Ok(false), |id| is_present(db, id, &parts, &code.store, now_ms))?;
            (of_plate(db, app, &code, present, now_ms)?, present)
        }
    };
    join(db, app, &table.id, &Guest { member, parts: &parts, may_order }, now_ms)?;
    let marks = if may_order_at(db, &table.id, &parts)? { Vec::new() } else { marks(db, &table.id, Some(member))? };
    Ok(table.shown(marks, now_ms))
}

/// One visit: the session that the slip has opened, while it is not over.
fn of_slip(db: &Connection, app: &App, code: &SeatCode, serial: u64, until_s: i64, now_ms: i64) -> Result<Table, Fault> {
    let serial = i64::try_from(serial).map_err(|_| Fault::Stored("serial"))?;
    let sql = format!("SELECT {COLUMNS} FROM seat_sessions WHERE store = ?1 AND serial = ?2");
    match db.prepare_cached(&sql)?.query_row(params![code.store.as_str(), serial], table).optional()? {
        Some(known) if known.is_over(now_ms) => Err(refused("this slip's visit is over: ask the staff for a new one")),
        Some(known) => Ok(known),
        None => add(db, app, code, Some(serial), until_s.saturating_mul(1000), now_ms),
    }
}

/// The session that is at the table now, or one that begins. Who is there makes it last.
fn of_plate(db: &Connection, app: &App, code: &SeatCode, present: bool, now_ms: i64) -> Result<Table, Fault> {
    let until_ms = now_ms.saturating_add(if present { OPEN_MS } else { WAITS_MS });
    let sql = format!(
        "SELECT {COLUMNS} FROM seat_sessions WHERE store = ?1 AND seat = ?2 AND closed = 0 AND until_ms > ?3 ORDER BY begun_ms DESC, id LIMIT 1"
    );
    let known = db.prepare_cached(&sql)?.query_row(params![code.store.as_str(), code.seat, now_ms], table).optional()?;
    let Some(known) = known else { return add(db, app, code, None, until_ms, now_ms) };
    if !present {
        return Ok(known);
    }
    lasts(db, &known.id, until_ms)?;
    Ok(Table { until_ms: known.until_ms.max(until_ms), ..known })
}

fn add(db: &Connection, app: &App, code: &SeatCode, serial: Option<i64>, until_ms: i64, now_ms: i64) -> Result<Table, Fault> {
    let id = SeatSessionId(app.random_id()?);
    let sql = "INSERT INTO seat_sessions (id, store, seat, serial, begun_ms, until_ms, closed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)";
    db.prepare_cached(sql)?.execute(params![id.as_str(), code.store.as_str(), code.seat, serial, now_ms, until_ms])?;
    Ok(Table { id, store: code.store.clone(), seat: code.seat.clone(), closed: false, until_ms })
}

fn lasts(db: &Connection, id: &SeatSessionId, until_ms: i64) -> Result<(), Fault> {
    let sql = "UPDATE seat_sessions SET until_ms = MAX(until_ms, ?2) WHERE id = ?1 AND serial IS NULL";
    db.prepare_cached(sql)?.execute(params![id.as_str(), until_ms])?;
    Ok(())
}

/// A check-in of this member at the place where the store is, within the last hour.
fn is_present(db: &Connection, id: &CheckInId, parts: &[MemberId], store: &StoreId, now_ms: i64) -> Result<bool, Fault> {
    let Some(place) = places::of_store(db, store)? else { return Ok(false) };
    let sql = "SELECT member FROM check_ins WHERE id = ?1 AND place = ?2 AND refused IS NULL AND at_ms BETWEEN ?3 AND ?4";
    let times = (now_ms.saturating_sub(PRESENT_MS), now_ms.saturating_add(CLOCK_OFF_MS));
    let values = params![id.as_str(), place.id.as_str(), times.0, times.1];
    let whose: Option<String> = db.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(whose.is_some_and(|member| parts.contains(&MemberId(member))))
}

/// Who sits down.
struct Guest<'a> {
    member: &'a MemberId,
    parts: &'a [MemberId],
    may_order: bool,
}

fn join(db: &Connection, app: &App, session: &SeatSessionId, guest: &Guest<'_>, now_ms: i64) -> Result<(), Fault> {
    let Guest { member, parts, may_order } = guest;
    let mut elsewhere = 0i64;
    let sql = "SELECT COUNT(*) FROM seat_guests g JOIN seat_sessions s ON s.id = g.session
               WHERE g.member = ?1 AND s.id <> ?2 AND s.closed = 0 AND s.until_ms > ?3";
    for part in *parts {
        let values = params![part.as_str(), session.as_str(), now_ms];
        elsewhere = elsewhere.saturating_add(db.prepare_cached(sql)?.query_row(values, |row| row.get::<_, i64>(0))?);
    }
    if elsewhere >= MOST_A_MEMBER {
        let detail = format!("you are at {MOST_A_MEMBER} tables already: ask the staff to close one");
        return Err(Refusal::new(Reason::TooManyAttempts, detail).retry_after(60).into());
    }
    let sql = "UPDATE seat_guests SET may_order = MAX(may_order, ?3) WHERE session = ?1 AND member = ?2";
    if db.prepare_cached(sql)?.execute(params![session.as_str(), member.as_str(), may_order])? > 0 {
        return Ok(());
    }
    let sql = "SELECT COUNT(*) FROM seat_guests WHERE session = ?1";
    if db.prepare_cached(sql)?.query_row([session.as_str()], |row| row.get::<_, i64>(0))? >= MOST_AT_A_TABLE {
        let detail = "too many guests have scanned this table's code: ask the staff to close it, and scan again";
        return Err(Refusal::new(Reason::TooManyAttempts, detail).retry_after(60).into());
    }
    let sql = "INSERT INTO seat_guests (session, member, may_order, mark) VALUES (?1, ?2, ?3, ?4)";
    db.prepare_cached(sql)?.execute(params![session.as_str(), member.as_str(), may_order, free_mark(db, app, session)?])?;
    Ok(())
}

/// A number that nobody at the table has.
fn free_mark(db: &Connection, app: &App, session: &SeatSessionId) -> Result<u32, Fault> {
    let sql = "SELECT mark FROM seat_guests WHERE session = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let taken: Vec<u32> = statement.query_map([session.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let skip = usize::from(u16::from_be_bytes(app.random()?)) % MARKS.count();
    MARKS.cycle().skip(skip).take(MARKS.count()).find(|mark| !taken.contains(mark)).ok_or(Fault::Stored("marks at a table"))
}

/// Of those who wait at a table, or of one of them.
fn marks(db: &Connection, session: &SeatSessionId, member: Option<&MemberId>) -> Result<Vec<u32>, Fault> {
    let sql = "SELECT mark FROM seat_guests WHERE session = ?1 AND may_order = 0 AND (?2 IS NULL OR member = ?2) ORDER BY mark";
    let mut statement = db.prepare_cached(sql)?;
    let marks = statement.query_map(params![session.as_str(), member.map(MemberId::as_str)], |row| row.get(0))?;
    Ok(marks.collect::<Result<_, _>>()?)
}

fn may_order_at(db: &Connection, session: &SeatSessionId, parts: &[MemberId]) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM seat_guests WHERE session = ?1 AND member = ?2 AND may_order = 1)";
    for part in parts {
        if db.prepare_cached(sql)?.query_row([session.as_str(), part.as_str()], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The session into which a member of a table orders.
///
/// # Errors
/// [`Reason::SeatRefused`] where it is of another store, over, none of the member's, or still waits.
pub(crate) fn open_session(
    db: &Connection,
    store: &StoreId,
    session: &SeatSessionId,
    member: &MemberId,
    now_ms: i64,
) -> Result<SeatSession, Fault> {
    let found = find(db, session)?.filter(|table| table.store == *store);
    let found = found.ok_or_else(|| refused("this table is not in the store of the order: scan the code at your table"))?;
    if found.is_over(now_ms) {
        return Err(refused("the visit at this table is over: scan the code at your table, or ask the staff"));
    }
    if !may_order_at(db, session, &members::parts(db, member)?)? {
        return Err(refused("the staff has not opened this table for you yet: wait a moment, or show a check-in at the store"));
    }
    Ok(found.shown(Vec::new(), now_ms))
}

fn find(db: &Connection, id: &SeatSessionId) -> Result<Option<Table>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM seat_sessions WHERE id = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([id.as_str()], table).optional()?)
}

/// POST [`paths::KITCHEN_SEATS`].
pub(crate) async fn work(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    orders::no_card_number(&call)?;
    let SeatWorkRequest { work } = call.json()?;
    if let SeatWork::Slip { seat, .. } | SeatWork::Plate { seat } = &work {
        let fits = (1..=MAX_SEAT).contains(&seat.chars().count()) && !seat.trim().is_empty() && !seat.chars().any(char::is_control);
        if !fits {
            return Err(Refusal::invalid(format!("a seat has 1 to {MAX_SEAT} characters")));
        }
    }
    if let SeatWork::Slip { minutes, .. } = &work
        && !(1..=MAX_SLIP_MIN).contains(minutes)
    {
        return Err(Refusal::invalid(format!("a slip is for 1 to {MAX_SLIP_MIN} minutes")));
    }
    if let SeatWork::Confirm { marks, .. } = &work
        && (marks.is_empty() || i64::try_from(marks.len()).is_ok_and(|count| count > MOST_AT_A_TABLE))
    {
        return Err(Refusal::invalid("marks are the numbers of the guests who are there"));
    }
    let caller = Caller::Till(till.clone());
    call.write(paths::KITCHEN_SEATS, &caller, Fingerprint::Body, move |db, app, now_ms| do_work(db, app, &till, &work, now_ms)).await
}

fn do_work(db: &Connection, app: &App, till: &TillId, work: &SeatWork, now_ms: i64) -> Result<SeatWorkAnswer, Fault> {
    let store = tills::store_of(db, till)?;
    match work {
        SeatWork::Slip { seat, minutes } => {
            let until_s = now_ms.div_euclid(1000).saturating_add(i64::from(*minutes).saturating_mul(60));
            printed(app, store, seat, SeatKind::Slip { until_s, serial: app.random_serial()? })
        }
        SeatWork::Plate { seat } => printed(app, store, seat, SeatKind::Plate),
        SeatWork::Confirm { session, marks } => {
            let found = of_this_store(db, session, &store)?;
            if found.is_over(now_ms) {
                return Err(refused("nobody waits at this table any more: the guests scan their code again"));
            }
            for mark in marks {
                let sql = "UPDATE seat_guests SET may_order = 1 WHERE session = ?1 AND mark = ?2";
                if db.prepare_cached(sql)?.execute(params![session.as_str(), mark])? == 0 {
                    let detail = format!("nobody with number {mark} waits at this table: look at the guest's phone again");
                    return Err(Refusal::new(Reason::NotFound, detail).into());
                }
            }
            lasts(db, session, now_ms.saturating_add(OPEN_MS))?;
            shown_to_staff(db, session, now_ms)
        }
        SeatWork::Close { session } => {
            of_this_store(db, session, &store)?;
            close(db, session)?;
            shown_to_staff(db, session, now_ms)
        }
    }
}

fn printed(app: &Shared, store: StoreId, seat: &str, kind: SeatKind) -> Result<SeatWorkAnswer, Fault> {
    let code = SeatCode { store, seat: seat.trim().to_owned(), kind };
    Ok(SeatWorkAnswer { code: Some(code.text(app.keys.issuer()?.as_ref())), session: None })
}

fn of_this_store(db: &Connection, session: &SeatSessionId, store: &StoreId) -> Result<Table, Fault> {
    let found = find(db, session)?.filter(|table| table.store == *store);
    found.ok_or_else(|| Refusal::new(Reason::NotFound, "no such session at a table of this store: fetch the kitchen again").into())
}

fn shown_to_staff(db: &Connection, session: &SeatSessionId, now_ms: i64) -> Result<SeatWorkAnswer, Fault> {
    let found = find(db, session)?.ok_or(Fault::Stored("session"))?;
    let marks = marks(db, session, None)?;
    Ok(SeatWorkAnswer { code: None, session: Some(found.shown(marks, now_ms)) })
}

/// The visit is over: said by the staff, or once all orders of the table are paid and done. Its slip opens nothing any more.
pub(crate) fn close(db: &Connection, session: &SeatSessionId) -> Result<(), Fault> {
    db.prepare_cached("UPDATE seat_sessions SET closed = 1 WHERE id = ?1")?.execute([session.as_str()])?;
    Ok(())
}

/// Tables of a store at which somebody waits or sits, those that wait first.
pub(crate) fn of_store(db: &Connection, store: &StoreId, now_ms: i64) -> Result<Vec<SeatSession>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM seat_sessions WHERE store = ?1 AND closed = 0 AND until_ms > ?2 ORDER BY begun_ms, id");
    let mut statement = db.prepare_cached(&sql)?;
    let tables = statement.query_map(params![store.as_str(), now_ms], table)?.collect::<Result<Vec<_>, _>>()?;
    let shown = tables.into_iter().map(|table| marks(db, &table.id, None).map(|marks| table.shown(marks, now_ms)));
    let mut shown = shown.collect::<Result<Vec<_>, Fault>>()?;
    shown.sort_by_key(|session| session.state != SeatState::Waiting);
    Ok(shown)
}

/// Erases who sat where.
pub(crate) fn forget(db: &Connection, member: &MemberId) -> Result<(), Fault> {
    db.execute("DELETE FROM seat_guests WHERE member = ?1", [member.as_str()])?;
    Ok(())
}

fn forget_old(db: &Connection, now_ms: i64) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM seat_sessions WHERE until_ms < ?1")?.execute([now_ms.saturating_sub(REMEMBERED_MS)])?;
    Ok(())
}
