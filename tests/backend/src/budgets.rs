//! The books of budgets in tables: what is spent, and what tills hold. [`BudgetLedger`] is the rule, here are its rows.

use noren_rules::ids::TillId;
use noren_rules::offers::{Offer, OfferId};
use noren_rules::shares::{BookedShare, BudgetLedger, ShareOutcome};
use noren_rules::wire::{BudgetState, Reason};
use rusqlite::{Connection, OptionalExtension, params};

use crate::fault::{Fault, Refusal};
use crate::store::{to_int, to_uint};

/// The books of an offer's budget, open for one piece of work.
pub(crate) struct Books {
    offer: OfferId,
    ledger: BudgetLedger,
    as_loaded: BudgetLedger,
}

impl Books {
    /// The books; `None` for an offer without a budget.
    pub(crate) fn open(db: &Connection, offer: &Offer) -> Result<Option<Self>, Fault> {
        let Some(budget) = offer.budget else { return Ok(None) };
        let spent: Option<i64> =
            db.prepare_cached("SELECT spent FROM budgets WHERE offer = ?1")?.query_row([offer.id.0], |row| row.get(0)).optional()?;
        let mut statement = db.prepare_cached("SELECT till, sequence, amount, spent, returns_at_s FROM budget_shares WHERE offer = ?1")?;
        let rows = statement.query_map([offer.id.0], |row| {
            Ok(BookedShare {
                till: TillId(row.get(0)?),
                sequence: to_uint(row.get(1)?),
                amount: to_uint(row.get(2)?),
                spent: to_uint(row.get(3)?),
                returns_at_s: row.get(4)?,
            })
        })?;
        let shares: Vec<BookedShare> = rows.collect::<Result<_, _>>()?;
        let ledger = BudgetLedger::restore(budget, to_uint(spent.unwrap_or(0)), shares);
        Ok(Some(Self { offer: offer.id, as_loaded: ledger.clone(), ledger }))
    }

    /// What can be given out or spent online: the rest, without what other sales were quoted.
    pub(crate) fn left(&self, db: &Connection, but_for: Option<(&TillId, &str)>, now_s: i64) -> Result<u64, Fault> {
        let (till, number) = but_for.map_or(("", ""), |(till, number)| (till.as_str(), number));
        let quoted: i64 = db
            .prepare_cached(
                "SELECT COALESCE(SUM(cost), 0) FROM quotes WHERE offer = ?1 AND until_s > ?2 AND NOT (till = ?3 AND number = ?4)",
            )?
            .query_row(params![self.offer.0, now_s, till, number], |row| row.get(0))?;
        Ok(self.ledger.left(now_s).saturating_sub(to_uint(quoted)))
    }

    /// Gives a till a part. The caller has asked for what is left.
    pub(crate) fn give(&mut self, till: &TillId, sequence: u64, amount: u64, until_s: i64, now_s: i64) -> Result<(), Fault> {
        self.ledger.give(till, sequence, amount, until_s, now_s).map_err(|_| Fault::Stored("share"))
    }

    /// Enters a redemption, out of a share or online; false, and nothing is entered, where that has not so much.
    pub(crate) fn enter(&mut self, till: &TillId, share: Option<u64>, cost: u64, now_s: i64) -> bool {
        let mut entered = self.ledger.clone();
        let holds = match share {
            Some(sequence) => entered.settle(till, sequence, cost, now_s) == ShareOutcome::Within,
            None => entered.spend(cost, now_s).is_ok(),
        };
        if holds {
            self.ledger = entered;
        }
        holds
    }

    /// Takes a redemption out again.
    pub(crate) fn undo(&mut self, till: &TillId, share: Option<u64>, cost: u64) {
        self.ledger.undo(share.map(|sequence| (till, sequence)), cost);
    }

    /// Writes what has changed. Shares that have returned go into the sum: whatever comes of them still is beyond what was given.
    pub(crate) fn close(self, db: &Connection, now_s: i64) -> Result<(), Fault> {
        let before: Vec<BookedShare> = self.as_loaded.shares().collect();
        let mut spent = self.ledger.spent_outside();
        for share in self.ledger.shares() {
            let key = params![self.offer.0, share.till.as_str(), to_int(share.sequence)];
            if now_s >= share.returns_at_s {
                spent = spent.saturating_add(share.spent);
                db.prepare_cached("DELETE FROM budget_shares WHERE offer = ?1 AND till = ?2 AND sequence = ?3")?.execute(key)?;
            } else if !before.contains(&share) {
                db.prepare_cached(
                    "INSERT OR REPLACE INTO budget_shares (offer, till, sequence, amount, spent, returns_at_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    self.offer.0,
                    share.till.as_str(),
                    to_int(share.sequence),
                    to_int(share.amount),
                    to_int(share.spent),
                    share.returns_at_s
                ])?;
            }
        }
        if spent != self.as_loaded.spent_outside() {
            db.prepare_cached("INSERT OR REPLACE INTO budgets (offer, spent) VALUES (?1, ?2)")?
                .execute(params![self.offer.0, to_int(spent)])?;
        }
        Ok(())
    }

    /// What a share has left, of what was given; `None` for one that is not in the books.
    pub(crate) fn share(&self, till: &TillId, sequence: u64) -> Option<BookedShare> {
        self.ledger.shares().find(|share| share.till == *till && share.sequence == sequence)
    }
}

/// Refuses a change of an offer that would break promises: a budget below what is spent and given out, or counted in another unit.
pub(crate) fn check_change(db: &Connection, known: &Offer, offer: &Offer, now_s: i64) -> Result<(), Fault> {
    let (Some(books), Some(before)) = (Books::open(db, known)?, known.budget) else { return Ok(()) };
    let promised = before.total().saturating_sub(books.ledger.left(now_s));
    let Some(after) = offer.budget.filter(|_| promised > 0) else { return Ok(()) };
    let refused = |what: String| Err(Refusal::new(Reason::InvalidRule, format!("offer {}: {what}", offer.id)).into());
    if std::mem::discriminant(&before) != std::mem::discriminant(&after) {
        return refused("its budget is counted in another unit, and some is spent or given out: use another number".to_owned());
    }
    if after.total() < promised {
        return refused(format!("{promised} of its budget are spent or given out: it cannot be less"));
    }
    Ok(())
}

/// The budget as an operator sees it.
pub(crate) fn state(db: &Connection, offer: &Offer, now_s: i64) -> Result<Option<BudgetState>, Fault> {
    let (Some(books), Some(budget)) = (Books::open(db, offer)?, offer.budget) else { return Ok(None) };
    Ok(Some(BudgetState { total: budget.total(), spent: books.ledger.spent(), left: books.left(db, None, now_s)? }))
}
