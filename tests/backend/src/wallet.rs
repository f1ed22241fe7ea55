//! The member's coupons, stamps and check-ins, as the backend has them: over all parts of the canonical member.

use noren_rules::eligibility::{CheckInFact, GRACE_S, MemberFacts, PurchaseFact, SoldPieces, purchases};
use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::offers::Offer;
use noren_rules::receipt::{Receipt, ReceiptKind};
use noren_rules::wire::{Assurance, OfferUse, Wallet, WalletGrant};
use rusqlite::Connection;

use crate::fault::Fault;
use crate::http::{Answer, Call, json_with_etag};
use crate::{check_ins, devices, grants, members, offers, receipts, stamps};

/// How long the wallet shows what is over.
pub(crate) const SHOWN_S: i64 = 30 * 86_400;

/// GET [`noren_rules::wire::paths::WALLET`].
pub(crate) async fn get(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    let now_ms = call.app.now_ms();
    let read = call.app.store.read(move |db| of_device(db, &device, now_ms));
    let wallet = read.await.map_err(Fault::into_refusal)?;
    // The clock alone makes no other wallet.
    let named = Wallet { as_of_ms: 0, ..wallet.clone() };
    json_with_etag(&call, &wallet, &named)
}

pub(crate) fn of_device(db: &Connection, device: &DeviceId, now_ms: i64) -> Result<Wallet, Fault> {
    let member = devices::member_of(db, device)?;
    let parts = members::parts(db, &member)?;
    let now_s = now_ms.div_euclid(1000);
    let since_s = now_s.saturating_sub(SHOWN_S);
    let facts = facts(db, &member, &parts, since_s)?;
    Ok(Wallet {
        grants: grants(db, device, &parts, now_s)?,
        staff: facts.staff,
        first_visit: facts.first_visit,
        used: with_cap(db, &facts)?,
        check_ins: check_ins::that_count(db, &parts, since_s)?,
        stamp_cards: stamps::cards(db, &parts)?,
        as_of_ms: now_ms,
    })
}

fn grants(db: &Connection, device: &DeviceId, parts: &[MemberId], now_s: i64) -> Result<Vec<WalletGrant>, Fault> {
    let lease = grants::newest_lease(db, device)?.first().and_then(|held| held.lease);
    let mut shown = Vec::new();
    for held in grants::of_member(db, parts)? {
        // A reward that went to a device is shown as the grant that the device has.
        let is_elsewhere = held.device.is_none() && now_s >= held.grant.until_s;
        if !is_elsewhere && now_s < held.grant.until_s.saturating_add(SHOWN_S) {
            // What was taken back, or is over, counts for the grace still, and is not there to be shown.
            let is_lent = now_s < held.grant.until_s.saturating_sub(GRACE_S);
            let on_this_device = is_lent && held.device.as_ref() == Some(device) && held.lease == lease;
            shown.push(grants::to_wallet(db, &held, on_this_device, now_s)?);
        }
    }
    Ok(shown)
}

fn with_cap(db: &Connection, facts: &MemberFacts) -> Result<Vec<OfferUse>, Fault> {
    let mut uses = Vec::new();
    for (offer, times) in &facts.used {
        if offers::find(db, *offer)?.is_some_and(|known| known.per_member.is_some()) {
            uses.push(OfferUse { offer: *offer, times: *times });
        }
    }
    Ok(uses)
}

/// What the backend knows of a member, as offers ask for it.
pub(crate) fn facts(db: &Connection, member: &MemberId, parts: &[MemberId], check_ins_since_s: i64) -> Result<MemberFacts, Fault> {
    let assurance = members::membership(db, member)?.assurance;
    let check_ins = check_ins::that_count(db, parts, check_ins_since_s)?;
    let fact = |check_in: noren_rules::wire::WalletCheckIn| CheckInFact {
        place: check_in.place,
        at_s: check_in.at_s,
        from_expressway: check_in.from_expressway,
    };
    // Whoever has no account can enrol anew at any time: without a link no visit is known to be the first.
    let first_visit = if assurance == Assurance::Device { None } else { Some(!has_visited(db, parts)?) };
    Ok(MemberFacts {
        staff: members::is_staff(db, parts)?,
        first_visit,
        check_ins: check_ins.into_iter().map(fact).collect(),
        used: grants::used(db, parts)?,
        ..MemberFacts::of(assurance)
    })
}

/// What a member has bought, as far back as one of these offers asks; none of them does, mostly.
pub(crate) fn bought<'a>(
    db: &Connection,
    parts: &[MemberId],
    offers: impl IntoIterator<Item = &'a Offer>,
    now_s: i64,
) -> Result<Vec<PurchaseFact>, Fault> {
    let since_s = offers.into_iter().filter_map(|offer| Some(offer.bought.as_ref()?.since_s(now_s))).min();
    let Some(since_s) = since_s else { return Ok(Vec::new()) };
    let mut receipts: Vec<Receipt> = Vec::new();
    for part in parts {
        receipts.extend(receipts::of_member_since(db, part, since_s.saturating_mul(1_000))?);
    }
    let pieces = receipts.iter().filter_map(|receipt| {
        let is_sale = receipt.kind == ReceiptKind::Sale;
        let sale = if is_sale { receipt.id.as_str() } else { receipt.of.as_ref()?.as_str() };
        let sold_at_s = is_sale.then(|| receipt.sold_at_ms.div_euclid(1_000));
        Some(receipt.lines.iter().map(move |line| SoldPieces { sale, sold_at_s, sku: &line.sku, quantity: line.quantity }))
    });
    Ok(purchases(pieces.flatten()))
}

fn has_visited(db: &Connection, parts: &[MemberId]) -> Result<bool, Fault> {
    let mut visits = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM receipt_owners o JOIN receipts r ON r.id = o.receipt
                        WHERE o.member = ?1 AND r.kind = 'sale' AND NOT EXISTS (SELECT 1 FROM receipt_voids v WHERE v.receipt = r.id))
             OR EXISTS (SELECT 1 FROM check_ins WHERE member = ?1 AND refused IS NULL)",
    )?;
    for part in parts {
        if visits.query_row([part.as_str()], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}
