//! Sales, returns and amendments from the tills, and their cancellation.
//!
//! Till and number are unique for ever: the same contents again, under whatever key, get the same answer; other contents are a conflict.

use noren_rules::ids::{MemberId, ReceiptId, TillId};
use noren_rules::receipt::{MAX_TEXT, Receipt, ReceiptFigures, ReceiptKind};
use noren_rules::wire::{Reason, RedemptionAnswer, SaleAnswer, SaleRequest, VoidRequest, paths};
use rusqlite::{Connection, params};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::customer::{self, Buyer};
use crate::family::{self, Family};
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint};
use crate::keys::Purpose;
use crate::receipts::{self, Stored};
use crate::{claims, feed, places, ranking, redemptions, reviews, stamps, stock};

const MAX_NUMBER: usize = 100;

/// POST [`paths::TILL_SALES`].
pub(crate) async fn post(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    let request: SaleRequest = call.json()?;
    check(&request)?;
    let caller = Caller::Till(till.clone());
    call.write(paths::TILL_SALES, &caller, Fingerprint::Body, move |db, app, now_ms| keep(db, app, &till, &request, now_ms)).await
}

/// POST [`paths::TILL_VOIDS`].
pub(crate) async fn void(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    call.write_headers()?;
    let VoidRequest { number } = call.json()?;
    let caller = Caller::Till(till.clone());
    call.write(paths::TILL_VOIDS, &caller, Fingerprint::Body, move |db, app, now_ms| cancel(db, app, &till, &number, now_ms)).await
}

fn check(request: &SaleRequest) -> Result<(), Refusal> {
    let invalid = |detail: String| Refusal::new(Reason::InvalidReceipt, detail);
    let figures = ReceiptFigures {
        kind: request.kind,
        names_a_sale: request.of.is_some(),
        currency: &request.currency,
        business_date: &request.business_date,
        issuer: request.issuer.as_ref(),
        lines: &request.lines,
        total_minor: request.total_minor,
        taxes: request.taxes.as_deref(),
    };
    figures.check().map_err(|error| invalid(error.to_string()))?;
    let number_fits = (1..=MAX_NUMBER).contains(&request.number.chars().count()) && !request.number.chars().any(char::is_control);
    if !number_fits {
        return Err(invalid(format!("the receipt number has 1 to {MAX_NUMBER} characters, none of them a control character")));
    }
    if let Some(coupons) = &request.coupons {
        if request.kind != ReceiptKind::Sale && !coupons.used.is_empty() {
            return Err(invalid("coupons: only a sale uses some".to_owned()));
        }
        redemptions::check(coupons)?;
    }
    let texts = [request.store_id.as_str(), &request.store_name, request.issuer.as_ref().map_or("", |issuer| &issuer.name)];
    if texts.iter().any(|text| text.chars().count() > MAX_TEXT) || request.sold_at_ms < 0 {
        return Err(invalid(format!("a text is longer than {MAX_TEXT} characters, or the time is before 1970")));
    }
    Ok(())
}

fn keep(db: &Connection, app: &App, till: &TillId, request: &SaleRequest, now_ms: i64) -> Result<SaleAnswer, Fault> {
    let buyer = || customer::of_sale(db, app, till, &request.customer, request.sold_at_ms, now_ms);
    post_for(db, app, till, request, buyer, now_ms)
}

/// Keeps a sale or a return of this buyer; who it is is asked only where it is a new one.
pub(crate) fn post_for(
    db: &Connection,
    app: &App,
    till: &TillId,
    request: &SaleRequest,
    buyer: impl FnOnce() -> Result<Buyer, Fault>,
    now_ms: i64,
) -> Result<SaleAnswer, Fault> {
    let contents = serde_json::to_vec(request).map_err(|_| Fault::Stored("sale"))?;
    // Keyed: the contents may hold a typed member number, which a plain hash would give away.
    let fingerprint = app.keys.mac(Purpose::Sale, &[till.as_str().as_bytes(), &contents]);
    if let Some(stored) = receipts::find(db, till, &request.number)? {
        return same_again(db, &stored, &fingerprint);
    }
    let family = request.of.as_deref().map(|number| family_of(db, till, number)).transpose()?;
    if let Some(family) = &family {
        family.check(request.kind, &request.lines, request.total_minor)?;
    }
    let buyer = buyer()?;
    // A return goes where its sale went, whoever brings it.
    let owner = match &family {
        Some(family) => receipts::owner(db, &family.sale.id)?,
        None => buyer.member.clone(),
    };
    let points = match (&owner, &family) {
        (None, _) => 0,
        (Some(_), Some(family)) => family.points_of_new(app, request.total_minor),
        (Some(_), None) if request.kind == ReceiptKind::Sale => family::due(app, request.total_minor),
        // A return that names no sale takes nothing back: no sale is guessed.
        (Some(_), None) => 0,
    };
    let claim_code = if owner.is_none() && request.kind == ReceiptKind::Sale { Some(app.random_code()?) } else { None };
    if let Some(family) = &family {
        give_coupons_back(db, till, family, request, now_ms)?;
    }
    let redemptions = redemptions::commit(db, till, &request.number, request.coupons.as_ref(), &buyer, now_ms)?;
    let receipt = receipt_of(ReceiptId(app.random_id()?), till, request, family.map(|family| family.sale.id));
    let answer = SaleAnswer {
        receipt_id: receipt.id.clone(),
        till_id: till.clone(),
        member_found: owner.is_some(),
        refused: buyer.refused.map(str::to_owned),
        code_seen_before: buyer.code_seen_before,
        points,
        claim_code,
        redemptions,
    };
    let without_check_ins = SaleAnswer { redemptions: answer.redemptions.iter().map(without_check_in).collect(), ..answer.clone() };
    receipts::keep(db, &receipt, &fingerprint, &without_check_ins, now_ms)?;
    ranking::count(db, &receipt, now_ms)?;
    stock::of_receipt(db, app, &receipt, owner.as_ref(), now_ms)?;
    settle(db, app, &receipt, owner, &buyer, &answer, now_ms)?;
    Ok(answer)
}

/// A check-in id leads to a person as long as its check-in is there: it is kept in one place, which an erasure finds.
fn without_check_in(answer: &RedemptionAnswer) -> RedemptionAnswer {
    RedemptionAnswer { check_in_id: None, ..answer.clone() }
}

/// A sale that went back whole gives its coupons back, as a void does.
fn give_coupons_back(db: &Connection, till: &TillId, family: &Family, request: &SaleRequest, now_ms: i64) -> Result<(), Fault> {
    if request.kind == ReceiptKind::Return && family.left_without(&request.lines, request.total_minor) {
        redemptions::undo(db, till, &family.sale.number, "returned", now_ms)?;
    }
    Ok(())
}

fn same_again(db: &Connection, stored: &Stored, fingerprint: &[u8; 32]) -> Result<SaleAnswer, Fault> {
    if bool::from(stored.fingerprint.ct_eq(fingerprint)) {
        let mut answer: SaleAnswer = serde_json::from_str(&stored.answer).map_err(|_| Fault::Stored("answer"))?;
        for redemption in &mut answer.redemptions {
            redemption.check_in_id = redemptions::check_in_of(db, &stored.receipt.till_id, &stored.receipt.number, redemption.serial)?;
        }
        return Ok(answer);
    }
    let detail = "this till has posted other contents under this number: numbers are unique for ever";
    Err(Refusal::new(Reason::ReceiptConflict, detail).keep().into())
}

fn family_of(db: &Connection, till: &TillId, number: &str) -> Result<Family, Fault> {
    let stored = receipts::find(db, till, number)?
        .ok_or_else(|| Refusal::new(Reason::NotFound, "the sale that it names has not arrived from this till: post the sale first"))?;
    if stored.receipt.kind != ReceiptKind::Sale {
        let detail = "it names a receipt that is no sale: name the sale";
        return Err(Refusal::new(Reason::ReturnConflict, detail).keep().into());
    }
    Family::load(db, &stored.receipt.id)
}

fn settle(
    db: &Connection,
    app: &App,
    receipt: &Receipt,
    owner: Option<MemberId>,
    buyer: &Buyer,
    answer: &SaleAnswer,
    now_ms: i64,
) -> Result<(), Fault> {
    if let Some(member) = owner {
        family::book(db, &member, &receipt.id, answer.points, receipt.sold_at_ms)?;
        receipts::give(db, &receipt.id, &member, now_ms)?;
        reviews::purchases_changed(db, &member, &receipt.lines)?;
        if receipt.kind == ReceiptKind::Sale {
            stamp(db, receipt, &member, now_ms)?;
        }
    }
    if let Some(code) = &buyer.code {
        customer::take(db, code, &receipt.till_id, Some(&receipt.id), now_ms)?;
    }
    if let Some(code) = &answer.claim_code {
        claims::offer(db, app, code, &receipt.id, now_ms)?;
    }
    Ok(())
}

/// A sale with the card is a visit, and stays one when the sale is cancelled.
fn stamp(db: &Connection, receipt: &Receipt, member: &MemberId, now_ms: i64) -> Result<(), Fault> {
    if let Some(place) = places::of_store(db, &receipt.store_id)? {
        stamps::visit(db, member, &place.id, receipt.sold_at_ms.min(now_ms), None, now_ms.div_euclid(1000))?;
    }
    Ok(())
}

fn receipt_of(id: ReceiptId, till: &TillId, request: &SaleRequest, of: Option<ReceiptId>) -> Receipt {
    Receipt {
        id,
        number: request.number.clone(),
        till_id: till.clone(),
        channel: request.channel,
        kind: request.kind,
        of,
        sold_at_ms: request.sold_at_ms,
        business_date: request.business_date.clone(),
        store_id: request.store_id.clone(),
        store_name: request.store_name.clone(),
        issuer: request.issuer.clone(),
        currency: request.currency.clone(),
        lines: request.lines.clone(),
        total_minor: request.total_minor,
        taxes: request.taxes.clone(),
        points: 0,
        reissued: false,
        voided: false,
        coupons: request.coupons.as_ref().map_or_else(Vec::new, |coupons| coupons.shown.clone()),
    }
}

/// The receipt stays in the history, void; its points go back. Once void it is void: the same question gets the same state.
fn cancel(db: &Connection, app: &App, till: &TillId, number: &str, now_ms: i64) -> Result<SaleAnswer, Fault> {
    let stored = receipts::find(db, till, number)?
        .ok_or_else(|| Refusal::new(Reason::NotFound, "this till has posted no receipt of this number: post it first"))?;
    let receipt = stored.receipt;
    let owner = receipts::owner(db, &receipt.id)?;
    let mut points = 0;
    if !receipt.voided {
        if receipts::children(db, &receipt.id)?.iter().any(|child| !child.voided) {
            let detail = "the sale has returns or amendments: cancel those first";
            return Err(Refusal::new(Reason::ReturnConflict, detail).keep().into());
        }
        if let Some(member) = &owner {
            points = family::unbook(db, app, &receipt, member, now_ms)?;
        }
        receipts::set_void(db, &receipt.id, now_ms)?;
        ranking::uncount(db, &receipt, now_ms)?;
        stock::of_void(db, app, &receipt, now_ms)?;
        if let Some(member) = &owner {
            feed::append(db, member, &receipt.id)?;
            reviews::purchases_changed(db, member, &receipt.lines)?;
        }
        db.execute("DELETE FROM claims WHERE receipt = ?1", params![receipt.id.as_str()])?;
    }
    // Once undone nothing is left to undo: asked again, it says what became of each.
    let redemptions = redemptions::undo(db, till, number, "voided", now_ms)?;
    Ok(SaleAnswer {
        receipt_id: receipt.id,
        till_id: till.clone(),
        member_found: owner.is_some(),
        refused: None,
        code_seen_before: false,
        points,
        claim_code: None,
        redemptions,
    })
}
