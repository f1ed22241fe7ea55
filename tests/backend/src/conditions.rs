//! Conditions: something is on in an area. Signed by the issuer; the latest word on each kind and area is told to tills and phones.

use noren_rules::b64;
use noren_rules::conditions::Condition;
use noren_rules::wire::{Kept, PutCondition, Reason, paths};
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::App;
use crate::devices;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::store::{from_json, to_int, to_json};

const MAX_AREA: usize = 200;
/// What is on longer is no weather: it would be an offer of its own.
const MAX_LENGTH_S: i64 = 31 * 86_400;

/// POST [`paths::OPERATOR_CONDITIONS`].
pub(crate) async fn put(call: Call) -> Answer {
    call.operator().await?;
    call.write_headers()?;
    let PutCondition { condition } = call.json()?;
    check(&condition)?;
    call.write(paths::OPERATOR_CONDITIONS, &Caller::Operator, Fingerprint::Body, move |db, app, _| {
        let signed = keep(db, app, &condition)?;
        Ok(Kept { changed: 1, signed: Some(b64::encode(&signed)) })
    })
    .await
}

fn check(condition: &Condition) -> Result<(), Refusal> {
    let invalid = |what: String| Err(Refusal::new(Reason::InvalidRule, format!("condition: {what}")));
    if !(1..=MAX_AREA).contains(&condition.area.chars().count()) {
        return invalid(format!("area has 1 to {MAX_AREA} characters"));
    }
    // At once over is how an earlier one is taken back.
    let length_s = condition.until_s.saturating_sub(condition.from_s);
    if condition.from_s < 0 || !(0..=MAX_LENGTH_S).contains(&length_s) {
        return invalid("until_s is at or after from_s, and at most 31 days after it".to_owned());
    }
    if condition.sequence > i64::MAX.unsigned_abs() {
        return invalid("sequence is too large: count up from 1".to_owned());
    }
    Ok(())
}

fn keep(db: &Connection, app: &App, condition: &Condition) -> Result<Vec<u8>, Fault> {
    let kind = to_json(&condition.kind, "condition")?;
    let known: Option<(i64, i64)> = db
        .prepare_cached("SELECT sequence, told_until_s FROM conditions WHERE kind = ?1 AND area = ?2")?
        .query_row(params![kind, condition.area], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((newest, _)) = known.filter(|(newest, _)| to_int(condition.sequence) <= *newest) {
        let detail = format!("the newest of this kind and area has sequence {newest}: send a higher one");
        return Err(Refusal::new(Reason::ConditionOlder, detail).into());
    }
    let told_until_s = condition.until_s.max(known.map_or(i64::MIN, |(_, told_until_s)| told_until_s));
    let signed = condition.sign(app.keys.issuer()?.as_ref());
    db.prepare_cached(
        "INSERT OR REPLACE INTO conditions (kind, area, sequence, condition, signed, told_until_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![kind, condition.area, to_int(condition.sequence), to_json(condition, "condition")?, signed, told_until_s])?;
    devices::lists_changed(db)?;
    Ok(signed)
}

/// The signed conditions of some areas that may still matter to somebody.
pub(crate) fn told(db: &Connection, is_here: impl Fn(&str) -> bool, now_s: i64) -> Result<Vec<Vec<u8>>, Fault> {
    let mut statement = db.prepare_cached("SELECT area, signed FROM conditions WHERE told_until_s > ?1 ORDER BY kind, area")?;
    let rows = statement.query_map([now_s], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut told = Vec::new();
    for row in rows {
        let (area, signed) = row?;
        if is_here(&area) {
            told.push(signed);
        }
    }
    Ok(told)
}

/// The latest word on everything in an area.
pub(crate) fn of_area(db: &Connection, area: Option<&str>) -> Result<Vec<Condition>, Fault> {
    let mut statement = db.prepare_cached("SELECT condition FROM conditions WHERE area = ?1")?;
    let rows = statement.query_map([area], |row| row.get::<_, String>(0))?;
    rows.map(|row| from_json(&row?, "condition")).collect()
}

/// Another issuer signs from now on.
pub(crate) fn sign_again(db: &Connection, app: &App) -> Result<(), Fault> {
    let issuer = app.keys.issuer()?;
    let mut statement = db.prepare("SELECT kind, area, condition FROM conditions")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))?;
    let all: Vec<_> = rows.collect::<Result<_, _>>()?;
    for (kind, area, text) in all {
        let condition: Condition = from_json(&text, "condition")?;
        db.execute(
            "UPDATE conditions SET signed = ?3 WHERE kind = ?1 AND area = ?2",
            params![kind, area, condition.sign(issuer.as_ref())],
        )?;
    }
    Ok(())
}
