//! A sale with its returns and amendments: what is left of it, and the points that it should have given by now.

use std::collections::BTreeMap;

use noren_rules::ids::{MemberId, ReceiptId};
use noren_rules::points::{PointsEntry, PointsKind};
use noren_rules::receipt::{Receipt, ReceiptKind, ReceiptLine};
use noren_rules::wire::Reason;
use rusqlite::Connection;

use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::{points, receipts, reviews};

/// A sale and those of its returns and amendments that are not void.
pub(crate) struct Family {
    pub(crate) sale: Receipt,
    pub(crate) children: Vec<Receipt>,
}

impl Family {
    pub(crate) fn load(db: &Connection, sale: &ReceiptId) -> Result<Self, Fault> {
        let children = receipts::children(db, sale)?.into_iter().filter(|child| !child.voided).collect();
        Ok(Self { sale: receipts::load(db, sale)?, children })
    }

    /// What is left of each article.
    pub(crate) fn left(&self) -> BTreeMap<&str, Sum> {
        by_sku(self.lines())
    }

    /// Lines of the sale and of what belongs to it.
    fn lines(&self) -> impl Iterator<Item = &ReceiptLine> {
        self.children.iter().chain([&self.sale]).flat_map(|receipt| &receipt.lines)
    }

    /// What all of it comes to.
    fn total_minor(&self) -> i64 {
        self.children.iter().fold(self.sale.total_minor, |sum, child| sum.saturating_add(child.total_minor))
    }

    /// What it has given so far.
    fn points(&self) -> i64 {
        self.children.iter().fold(self.sale.points, |sum, child| sum.saturating_add(child.points))
    }

    /// Refuses a return or an amendment that takes back more than there is.
    pub(crate) fn check(&self, kind: ReceiptKind, lines: &[ReceiptLine], total_minor: i64) -> Result<(), Refusal> {
        if self.sale.voided {
            return Err(conflict("the sale is void"));
        }
        if self.total_minor().saturating_add(total_minor) < 0 {
            return Err(conflict("more money goes back than was paid"));
        }
        let sold = by_sku(&self.sale.lines);
        let mut left = self.left();
        for line in lines {
            let sum = left.entry(&line.sku).or_default();
            sum.add(line);
        }
        let over = |line: &&ReceiptLine| -> bool {
            let (before, after) =
                (sold.get(line.sku.as_str()).copied().unwrap_or_default(), left.get(line.sku.as_str()).copied().unwrap_or_default());
            // A discount is a line of its own, below zero: it is bounded by the total only.
            let pieces = after.quantity < 0 && before.quantity >= 0;
            let money = after.amount_minor < 0 && before.amount_minor >= 0;
            pieces || money
        };
        match lines.iter().find(over) {
            Some(_) if kind == ReceiptKind::Return => Err(conflict("more pieces or more money of an article go back than were sold")),
            _ => Ok(()),
        }
    }

    /// True when nothing is left of the sale after a return of these lines.
    pub(crate) fn left_without(&self, lines: &[ReceiptLine], total_minor: i64) -> bool {
        let left = by_sku(self.lines().chain(lines));
        self.total_minor().saturating_add(total_minor) == 0 && left.values().all(|sum| sum.quantity <= 0)
    }

    /// The points that `child` moves when it joins.
    pub(crate) fn points_of_new(&self, app: &Shared, child_total_minor: i64) -> i64 {
        due(app, self.total_minor().saturating_add(child_total_minor)).saturating_sub(self.points())
    }
}

/// Lines of one article.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    pub(crate) quantity: i64,
    pub(crate) amount_minor: i64,
}

impl Sum {
    fn add(&mut self, line: &ReceiptLine) {
        self.quantity = self.quantity.saturating_add(line.quantity);
        self.amount_minor = self.amount_minor.saturating_add(line.amount_minor);
    }
}

fn by_sku<'a>(lines: impl IntoIterator<Item = &'a ReceiptLine>) -> BTreeMap<&'a str, Sum> {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for line in lines {
        sums.entry(&line.sku).or_default().add(line);
    }
    sums
}

fn conflict(detail: &str) -> Refusal {
    Refusal::new(Reason::ReturnConflict, format!("{detail}: check the receipt that it names")).keep()
}

/// What a total earns: whole points only.
pub(crate) fn due(app: &Shared, total_minor: i64) -> i64 {
    total_minor.max(0).checked_div(app.settings.minor_per_point).unwrap_or(0)
}

/// Adds the entry of a receipt to its member's ledger.
pub(crate) fn book(db: &Connection, member: &MemberId, receipt: &ReceiptId, points: i64, at_ms: i64) -> Result<(), Fault> {
    let kind = if points > 0 { PointsKind::Earn } else { PointsKind::Reverse };
    points::add(db, member, &PointsEntry { kind, points, at_ms, receipt_id: Some(receipt.clone()) })
}

/// A sale and what belongs to it become a member's: each gives or takes what it would have then.
pub(crate) fn give_all(db: &Connection, app: &Shared, sale: &ReceiptId, member: &MemberId, now_ms: i64) -> Result<(), Fault> {
    let sale = receipts::load(db, sale)?;
    let mut total = sale.total_minor;
    let mut given = due(app, total);
    book(db, member, &sale.id, given, now_ms)?;
    receipts::give(db, &sale.id, member, now_ms)?;
    let children = receipts::children(db, &sale.id)?;
    for child in &children {
        if !child.voided {
            total = total.saturating_add(child.total_minor);
            let points = due(app, total).saturating_sub(given);
            given = given.saturating_add(points);
            book(db, member, &child.id, points, now_ms)?;
        }
        receipts::give(db, &child.id, member, now_ms)?;
    }
    reviews::purchases_changed(db, member, children.iter().chain([&sale]).flat_map(|receipt| &receipt.lines))
}

/// Takes the points of a receipt back, or gives back what it took, because it is void.
pub(crate) fn unbook(db: &Connection, app: &Shared, receipt: &Receipt, member: &MemberId, now_ms: i64) -> Result<i64, Fault> {
    let change = match &receipt.of {
        None => 0i64.saturating_sub(receipt.points),
        Some(sale) => {
            let family = Family::load(db, sale)?;
            let without = family.total_minor().saturating_sub(receipt.total_minor);
            due(app, without).saturating_sub(family.points())
        }
    };
    let kind = PointsKind::Reverse;
    points::add(db, member, &PointsEntry { kind, points: change, at_ms: now_ms, receipt_id: Some(receipt.id.clone()) })?;
    Ok(change)
}
