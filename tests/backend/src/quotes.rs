//! A till with a connection asks for the best set of a basket. What the answer uses is held for that sale for ten minutes: grants by their
//! lock, budgets by their row here.

use std::collections::BTreeMap;

use noren_rules::basket::Basket;
use noren_rules::best_set::{BestSet, Coupon, UnusedCoupon, best_set};
use noren_rules::code::{MemberCode, Verified};
use noren_rules::eligibility::{Circumstances, CouponReason, GRACE_S, MemberFacts, Moment, PlaceFacts};
use noren_rules::grants::{GrantState, Sale};
use noren_rules::ids::TillId;
use noren_rules::offers::{Budget, Offer, OfferId};
use noren_rules::receipt::Channel;
use noren_rules::shares::Redemption;
use noren_rules::wire::{Quote, QuoteRequest, Reason, SaleCoupons, paths};
use noren_till::{Allowance, Language, PricedBasket};
use rusqlite::{Connection, params};

use crate::app::App;
use crate::budgets::Books;
use crate::customer::{self, Scanned};
use crate::fault::{Fault, Refusal};
use crate::grants::{self, Held};
use crate::http::{Answer, Call, Caller, Fingerprint, Naming, TillCaller};
use crate::store::{to_int, to_uint};
use crate::{conditions, members, offers, places, tills, wallet};

const HELD_S: i64 = 600;
const MAX_NUMBER: usize = 100;

/// POST [`paths::TILL_QUOTES`].
pub(crate) async fn post(call: Call) -> Answer {
    let till = call.till_caller().await?;
    call.write_headers()?;
    let request: QuoteRequest = call.json()?;
    if !(1..=MAX_NUMBER).contains(&request.number.chars().count()) {
        return Err(Refusal::invalid(format!("number has 1 to {MAX_NUMBER} characters")));
    }
    let basket = Basket::new(&request.currency, request.lines.clone()).map_err(|error| Refusal::invalid(error.to_string()))?;
    let caller = Caller::Till(till.till.clone());
    call.write(paths::TILL_QUOTES, &caller, Fingerprint::Body, move |db, app, now_ms| quote(db, app, &till, &request, &basket, now_ms))
        .await
}

/// For whom a grant is held: a sale, by till and number.
pub(crate) fn holder(sale: &Sale) -> String {
    format!("{}/{}", sale.till, sale.number)
}

fn quote(
    db: &Connection,
    app: &App,
    till: &TillCaller,
    request: &QuoteRequest,
    basket: &Basket,
    now_ms: i64,
) -> Result<Naming<Quote>, Fault> {
    let now_s = now_ms.div_euclid(1000);
    let Scanned { member, code } = customer::scan(db, app, &till.till, &request.scanned, request.at_ms, now_ms)?.map_err(refused)?;
    if let Some(code) = &code {
        // As with an identification: a step that a sale or another till has taken, and all before it, are gone.
        if customer::highest_step_elsewhere(db, code, till)?.is_some_and(|highest| highest >= code.step) {
            return Err(refused("replayed").into());
        }
        customer::take(db, code, &till.till, None, now_ms)?;
    }
    let shown =
        MemberCode::read(request.scanned.as_bytes()).and_then(|code| code.verify(&app.keys.issuers(), request.at_ms.div_euclid(1000)));
    let sale = Sale { till: till.till.clone(), number: request.number.clone() };
    release(db, &sale)?;
    let parts = members::parts(db, &member)?;
    let facts = wallet::facts(db, &member, &parts, i64::MAX)?;
    let mut offered = Offered::default();
    if let Ok(verified) = &shown {
        offered.load(db, verified, now_s)?;
    }
    let set = offered.best(db, &sale.till, facts, request, basket, now_s)?;
    let used = hold(db, &sale, &set, &offered, now_s)?;
    let coupons = SaleCoupons { used, shown: set.receipt_coupons(basket.currency(), &offered.offers) };
    let priced = PricedBasket { set, coupons, allowance: Allowance::Full, list_as_of_s: now_s, currency: basket.currency().to_owned() };
    let (lines_ja, lines_en) = (priced.lines(Language::Ja), priced.lines(Language::En));
    let PricedBasket { set, coupons, .. } = priced;
    let answer = Quote {
        coupons,
        line_discounts_minor: set.line_discounts,
        discount_minor: set.discount_minor,
        total_minor: set.total_minor,
        lines_ja,
        lines_en,
    };
    Ok(Naming { answer, about: Some(member) })
}

/// Kept, as an identification's is: a wrong one-time code has been counted.
fn refused(reason: &'static str) -> Refusal {
    Refusal::new(Reason::NotFound, format!("{reason}: the code names nobody; ask the member to show the card again")).keep()
}

/// The grants that a code names.
#[derive(Default)]
struct Offered {
    offers: BTreeMap<OfferId, Offer>,
    usable: Vec<Held>,
    unusable: Vec<UnusedCoupon>,
}

impl Offered {
    fn load(&mut self, db: &Connection, code: &Verified, now_s: i64) -> Result<(), Fault> {
        for place in &code.grants {
            let Some((serial, lent)) = code.allotment.as_ref().and_then(|allotment| allotment.grant(*place)) else { continue };
            let held =
                grants::find(db, serial)?.filter(|held| held.device.as_ref() == Some(&code.device) && held.grant.offer == lent.offer);
            let reason = match (&held, offers::find(db, lent.offer)?) {
                (Some(held), Some(offer)) => {
                    self.offers.insert(offer.id, offer);
                    unusable(held, now_s)
                }
                _ => Some(CouponReason::UnknownOffer),
            };
            match (reason, held) {
                (None, Some(held)) => self.usable.push(held),
                (reason, _) => {
                    let reason = reason.unwrap_or(CouponReason::UnknownOffer);
                    self.unusable.push(UnusedCoupon { serial, offer: Some(lent.offer), reason });
                }
            }
        }
        Ok(())
    }

    fn best(
        &self,
        db: &Connection,
        till: &TillId,
        facts: MemberFacts,
        request: &QuoteRequest,
        basket: &Basket,
        now_s: i64,
    ) -> Result<BestSet, Fault> {
        let store = tills::store_of(db, till)?;
        let (place, area) = places::of_store(db, &store)?.map_or((None, None), |place| (Some(place.id), place.area));
        let conditions = conditions::of_area(db, area.as_deref())?;
        let killed = offers::killed(db)?;
        let mut budgets = BTreeMap::new();
        for offer in self.offers.values() {
            if let (Some(books), Some(budget)) = (Books::open(db, offer)?, offer.budget) {
                let left = books.left(db, Some((till, &request.number)), now_s)?;
                let left = if matches!(budget, Budget::Discount(_)) { Budget::Discount(left) } else { Budget::Redemptions(left) };
                budgets.insert(offer.id, left);
            }
        }
        let place = PlaceFacts { store: Some(store), place, area, channel: Some(Channel::Store) };
        // What was asked when a grant was lent is settled; a check-in may still wait in the phone.
        let member = MemberFacts { allotted: true, ..facts };
        // A till that does not see the queue gives everyone the grace.
        let queue_since_s = Some(request.queue_since_s.unwrap_or(now_s.saturating_sub(GRACE_S)));
        let moment = Moment { queue_since_s, ..Moment::at(now_s) };
        let circumstances = Circumstances { member: &member, place: &place, moment, conditions: &conditions, killed: &killed };
        let coupon = |held: &Held| Some(Coupon { serial: held.grant.serial, offer: self.offers.get(&held.grant.offer)? });
        let coupons: Vec<Coupon<'_>> = self.usable.iter().filter_map(coupon).collect();
        let mut set = best_set(&coupons, &circumstances, basket, &budgets);
        set.unused.extend(&self.unusable);
        Ok(set)
    }
}

/// Why a grant cannot be used now, if so.
pub(crate) fn unusable(held: &Held, now_s: i64) -> Option<CouponReason> {
    match held.grant.state(now_s) {
        GrantState::Granted | GrantState::RolledBack => None,
        GrantState::Locked => Some(CouponReason::Locked),
        GrantState::Redeemed => Some(CouponReason::Redeemed),
        GrantState::Expired => Some(CouponReason::Over),
    }
}

/// Holds what the set uses for this sale.
fn hold(db: &Connection, sale: &Sale, set: &BestSet, offered: &Offered, now_s: i64) -> Result<Vec<Redemption>, Fault> {
    let until_s = now_s.saturating_add(HELD_S);
    let mut used = Vec::new();
    for coupon in &set.used {
        let held = offered.usable.iter().find(|held| held.grant.serial == coupon.serial);
        let (Some(held), Some(offer)) = (held, offered.offers.get(&coupon.offer)) else { continue };
        let mut grant = held.grant.clone();
        grant.lock(&holder(sale), until_s, now_s).map_err(|_| Fault::Stored("grant"))?;
        grants::save(db, &grant)?;
        let cost = offer.budget.map_or(1, |budget| budget.cost(coupon.discount_minor));
        db.prepare_cached("INSERT OR REPLACE INTO quotes (till, number, serial, offer, cost, until_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![sale.till.as_str(), sale.number, to_int(coupon.serial), coupon.offer.0, to_int(cost), until_s])?;
        let (serial, offer, discount_minor) = (coupon.serial, coupon.offer, coupon.discount_minor);
        used.push(Redemption { serial, offer, discount_minor, share: None, taken_at_s: now_s });
    }
    db.prepare_cached("DELETE FROM quotes WHERE until_s <= ?1")?.execute([now_s])?;
    Ok(used)
}

/// Lets go what a sale holds: it is posted, or it asks again.
pub(crate) fn release(db: &Connection, sale: &Sale) -> Result<(), Fault> {
    let mut statement = db.prepare_cached("SELECT serial FROM quotes WHERE till = ?1 AND number = ?2")?;
    let rows = statement.query_map(params![sale.till.as_str(), sale.number], |row| row.get(0).map(to_uint))?;
    let serials: Vec<u64> = rows.collect::<Result<_, _>>()?;
    for serial in serials {
        if let Some(Held { mut grant, .. }) = grants::find(db, serial)? {
            grant.release(&holder(sale));
            grants::save(db, &grant)?;
        }
    }
    db.prepare_cached("DELETE FROM quotes WHERE till = ?1 AND number = ?2")?.execute(params![sale.till.as_str(), sale.number])?;
    Ok(())
}
