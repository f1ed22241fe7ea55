//! What tills did with coupons, counted in the order in which it is committed here: a serial as often as it may, a member as often as the
//! offer says, a budget as far as it goes. What does not count is rolled back with its cause, at the shop's cost, and named.

use std::collections::BTreeSet;

use noren_rules::grants::{RedeemOutcome, RollbackCause, Sale};
use noren_rules::ids::{CheckInId, DeviceId, TillId};
use noren_rules::offers::Offer;
use noren_rules::receipt::MAX_TEXT;
use noren_rules::shares::Redemption;
use noren_rules::wire::{Reason, RedemptionAnswer, SaleCoupons};
use rusqlite::{Connection, OptionalExtension, params};

use crate::budgets::Books;
use crate::customer::Buyer;
use crate::fault::{Fault, Refusal};
use crate::grants::{self, Held};
use crate::store::{to_int, to_uint};
use crate::{leases, members, offers, quotes};

const MAX_COUPONS: usize = 40;

/// Why a redemption does not count, as a snake_case word.
type Cause = &'static str;

/// Refuses what no till can have done.
pub(crate) fn check(coupons: &SaleCoupons) -> Result<(), Refusal> {
    let invalid = |what: &str| Err(Refusal::new(Reason::InvalidReceipt, format!("coupons: {what}")));
    if coupons.used.len() > MAX_COUPONS || coupons.shown.len() > MAX_COUPONS {
        return invalid("at most 40 are used or shown");
    }
    let serials: BTreeSet<u64> = coupons.used.iter().map(|used| used.serial).collect();
    if serials.len() < coupons.used.len() {
        return invalid("a serial is used once in a sale");
    }
    let out_of_range = |number: u64| i64::try_from(number).is_err();
    let wrong = |used: &Redemption| {
        used.discount_minor < 0 || used.taken_at_s < 0 || out_of_range(used.serial) || used.share.is_some_and(out_of_range)
    };
    if coupons.used.iter().any(wrong) {
        return invalid("a serial, a share, a time or a discount is out of range");
    }
    let long = |text: &str| text.chars().count() > MAX_TEXT;
    if coupons
        .shown
        .iter()
        .any(|shown| [&shown.title_ja, &shown.title_en, &shown.reason_ja, &shown.reason_en].iter().any(|text| long(text)))
    {
        return invalid("a text has more than 500 characters");
    }
    Ok(())
}

/// Enters what a sale used. Part of the sale's transaction.
pub(crate) fn commit(
    db: &Connection,
    till: &TillId,
    number: &str,
    coupons: Option<&SaleCoupons>,
    buyer: &Buyer,
    now_ms: i64,
) -> Result<Vec<RedemptionAnswer>, Fault> {
    let sale = Sale { till: till.clone(), number: number.to_owned() };
    let mut answers = Vec::new();
    for redemption in coupons.map_or(&[][..], |coupons| coupons.used.as_slice()) {
        answers.push(redeem(db, &sale, redemption, buyer, now_ms)?);
    }
    quotes::release(db, &sale)?;
    Ok(answers)
}

fn redeem(db: &Connection, sale: &Sale, redemption: &Redemption, buyer: &Buyer, now_ms: i64) -> Result<RedemptionAnswer, Fault> {
    let held = grants::find(db, redemption.serial)?;
    let offer = offers::find(db, redemption.offer)?;
    let cost = offer.as_ref().and_then(|offer| offer.budget).map_or(1, |budget| budget.cost(redemption.discount_minor));
    let cause = match (&held, &offer) {
        (Some(held), Some(offer)) => against(db, sale, redemption, held, offer, cost, buyer, now_ms)?,
        _ => Some("unknown_grant"),
    };
    let (device, check_in) = held.map_or((None, None), |held| (held.device, held.check_in));
    db.prepare_cached(
        "INSERT INTO redemptions (till, number, serial, offer, discount_minor, share, cost, taken_at_s, at_ms, device, check_in, cause)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        sale.till.as_str(),
        sale.number,
        to_int(redemption.serial),
        redemption.offer.0,
        redemption.discount_minor,
        redemption.share.map(to_int),
        to_int(cost),
        redemption.taken_at_s,
        now_ms,
        device.as_ref().map(DeviceId::as_str),
        check_in.as_ref().map(CheckInId::as_str),
        cause,
    ])?;
    Ok(RedemptionAnswer { serial: redemption.serial, counted: cause.is_none(), cause: cause.map(str::to_owned), check_in_id: check_in })
}

/// Why it does not count; where it does, grant and budget are entered.
#[expect(clippy::too_many_arguments, reason = "a redemption is held against all of them, once")]
fn against(
    db: &Connection,
    sale: &Sale,
    redemption: &Redemption,
    held: &Held,
    offer: &Offer,
    cost: u64,
    buyer: &Buyer,
    now_ms: i64,
) -> Result<Option<Cause>, Fault> {
    if !is_theirs(held, buyer) {
        return Ok(Some("not_this_member"));
    }
    if held.grant.offer != offer.id {
        return Ok(Some("other_offer"));
    }
    // Offline the word may not have come yet; who asked the backend has heard it.
    if redemption.share.is_none() && offers::killed(db)?.contains(&offer.id) {
        return Ok(Some("stopped"));
    }
    let mut grant = held.grant.clone();
    if let RedeemOutcome::RolledBack(cause) = grant.redeem(sale, Some(&quotes::holder(sale)), redemption.taken_at_s) {
        grants::save(db, &grant)?;
        if let (RollbackCause::Double(_), Some(device)) = (&cause, &held.device) {
            leases::stop(db, device, now_ms)?;
        }
        return Ok(Some(word(&cause)));
    }
    if is_over_cap(db, held, offer, now_ms)? {
        return Ok(Some("cap"));
    }
    if let Some(mut books) = Books::open(db, offer)? {
        let now_s = now_ms.div_euclid(1000);
        if !books.enter(&sale.till, redemption.share, cost, now_s) {
            return Ok(Some(if redemption.share.is_some() { "beyond_share" } else { "budget_spent" }));
        }
        books.close(db, now_s)?;
    }
    grants::save(db, &grant)?;
    Ok(None)
}

/// A grant is spent by the device that it was lent to, with a code that can spend, or by an order of its own. What was an erased member's is nobody's, and so is its sale.
fn is_theirs(held: &Held, buyer: &Buyer) -> bool {
    match (&held.device, buyer.spends()) {
        (Some(device), Some(spends)) => device == spends,
        (None, None) => held.member.is_none() && buyer.member.is_none(),
        _ => false,
    }
}

/// True when the member has used the offer as often as it allows, on whatever devices. A device that did so with two grants of its own has shown
/// one that it had given back.
fn is_over_cap(db: &Connection, held: &Held, offer: &Offer, now_ms: i64) -> Result<bool, Fault> {
    let (Some(cap), Some(member)) = (offer.per_member, &held.member) else { return Ok(false) };
    let parts = members::parts(db, &members::canonical(db, member.as_str())?)?;
    let used = grants::used(db, &parts)?.get(&offer.id).copied().unwrap_or(0);
    if used < cap {
        return Ok(false);
    }
    if let Some(device) = &held.device {
        let others = grants::of_member(db, &parts)?;
        let mut own = others.iter().filter(|other| other.grant.offer == offer.id && other.device.as_ref() == Some(device));
        if own.any(|other| other.grant.counted().next().is_some()) {
            leases::stop(db, device, now_ms)?;
        }
    }
    Ok(true)
}

fn word(cause: &RollbackCause) -> Cause {
    match cause {
        RollbackCause::Double(_) => "double",
        RollbackCause::Locked => "locked",
        RollbackCause::Expired => "expired",
        RollbackCause::Voided => "voided",
    }
}

/// Takes back what a sale used, because the sale is void or went back whole: grant and budget are as before.
pub(crate) fn undo(db: &Connection, till: &TillId, number: &str, cause: Cause, now_ms: i64) -> Result<Vec<RedemptionAnswer>, Fault> {
    let sale = Sale { till: till.clone(), number: number.to_owned() };
    for entered in of_sale(db, &sale)?.into_iter().filter(|entered| entered.cause.is_none()) {
        if let Some(mut held) = grants::find(db, entered.serial)? {
            held.grant.void(&sale);
            grants::save(db, &held.grant)?;
        }
        let offer = offers::find(db, noren_rules::offers::OfferId(entered.offer))?;
        if let Some(mut books) = offer.map(|offer| Books::open(db, &offer)).transpose()?.flatten() {
            books.undo(till, entered.share, entered.cost);
            books.close(db, now_ms.div_euclid(1000))?;
        }
        db.prepare_cached("UPDATE redemptions SET cause = ?4 WHERE till = ?1 AND number = ?2 AND serial = ?3")?.execute(params![
            till.as_str(),
            number,
            to_int(entered.serial),
            cause
        ])?;
    }
    Ok(of_sale(db, &sale)?.into_iter().map(Entered::into_answer).collect())
}

struct Entered {
    serial: u64,
    offer: u32,
    share: Option<u64>,
    cost: u64,
    cause: Option<String>,
    check_in: Option<String>,
}

impl Entered {
    fn into_answer(self) -> RedemptionAnswer {
        RedemptionAnswer {
            serial: self.serial,
            counted: self.cause.is_none(),
            cause: self.cause,
            check_in_id: self.check_in.map(CheckInId),
        }
    }
}

fn of_sale(db: &Connection, sale: &Sale) -> Result<Vec<Entered>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT serial, offer, share, cost, cause, check_in FROM redemptions WHERE till = ?1 AND number = ?2 ORDER BY seq",
    )?;
    let rows = statement.query_map(params![sale.till.as_str(), sale.number], |row| {
        Ok(Entered {
            serial: to_uint(row.get(0)?),
            offer: row.get(1)?,
            share: row.get::<_, Option<i64>>(2)?.map(to_uint),
            cost: to_uint(row.get(3)?),
            cause: row.get(4)?,
            check_in: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The check-in behind a redemption: it stands in no stored answer, so that an erasure finds it here.
pub(crate) fn check_in_of(db: &Connection, till: &TillId, number: &str, serial: u64) -> Result<Option<CheckInId>, Fault> {
    let check_in: Option<Option<String>> = db
        .prepare_cached("SELECT check_in FROM redemptions WHERE till = ?1 AND number = ?2 AND serial = ?3")?
        .query_row(params![till.as_str(), number, to_int(serial)], |row| row.get(0))
        .optional()?;
    Ok(check_in.flatten().map(CheckInId))
}
