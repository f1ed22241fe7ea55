//! Orders become sales: at hand-over by the code that takes what tills sell, so that points, history and stock follow by themselves; and what comes
//! back after it becomes returns that name the sale.

use noren_rules::dates::local_date;
use noren_rules::ids::TillId;
use noren_rules::order::Order;
use noren_rules::receipt::{ReceiptKind, ReceiptLine};
use noren_rules::tax::tax_lines;
use noren_rules::wire::{Customer, SaleCoupons, SaleRequest};
use rusqlite::Connection;

use super::pricing::channel;
use super::table::{LineFacts, Stored};
use crate::app::App;
use crate::customer::Buyer;
use crate::fault::Fault;
use crate::sales;

/// Under which till the receipts of orders stand; their number is the order's id.
pub(crate) const ORDERS_TILL: &str = "orders";

pub(crate) fn orders_till() -> TillId {
    TillId(ORDERS_TILL.to_owned())
}

/// What was handed over is sold.
pub(super) fn sell(db: &Connection, app: &App, stored: &mut Stored, now_ms: i64) -> Result<(), Fault> {
    let left = stored.order.lines.iter().zip(&stored.facts.lines).filter(|(line, _)| line.paid.left_pieces() > 0);
    let lines: Vec<ReceiptLine> = left
        .map(|(line, of)| receipt_line(of, i64::from(line.paid.left_pieces()), line.paid.left_minor(), line.paid.tax_permille))
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let mut request = request(stored, ReceiptKind::Sale, stored.order.id.0.clone(), lines, now_ms);
    request.coupons = Some(SaleCoupons { used: Vec::new(), shown: stored.facts.coupons.shown.clone() });
    post(db, app, stored, &request, now_ms)?;
    stored.facts.has_receipt = true;
    Ok(())
}

/// Pieces of a line came back after the sale: what was left of it before, and what is left now.
pub(super) fn take_back(db: &Connection, app: &App, stored: &Stored, before: &Order, line: usize, now_ms: i64) -> Result<(), Fault> {
    let (Some(was), Some(is), Some(of)) = (before.lines.get(line), stored.order.lines.get(line), stored.facts.lines.get(line)) else {
        return Err(Fault::Stored("order's lines"));
    };
    let pieces = i64::from(is.paid.left_pieces()) - i64::from(was.paid.left_pieces());
    let lines = vec![receipt_line(of, pieces, is.paid.left_minor() - was.paid.left_minor(), is.paid.tax_permille)];
    let number = format!("{}/{line}/{}", stored.order.id, was.paid.refunded_pieces);
    post(db, app, stored, &request(stored, ReceiptKind::Return, number, lines, now_ms), now_ms)
}

fn receipt_line(of: &LineFacts, quantity: i64, amount_minor: i64, tax_permille: u32) -> ReceiptLine {
    ReceiptLine {
        sku: of.sku.clone(),
        description: of.titles.get("ja").to_owned(),
        quantity,
        amount_minor,
        tax_permille: Some(tax_permille),
        reduced_rate: of.reduced,
    }
}

fn request(stored: &Stored, kind: ReceiptKind, number: String, lines: Vec<ReceiptLine>, now_ms: i64) -> SaleRequest {
    let terms = &stored.facts.terms;
    let rates = lines.iter().map(|line| (line.tax_permille.unwrap_or(0), line.amount_minor));
    SaleRequest {
        of: (kind != ReceiptKind::Sale).then(|| stored.order.id.0.clone()),
        number,
        channel: channel(stored.facts.of),
        kind,
        sold_at_ms: now_ms,
        business_date: local_date(now_ms, terms.utc_offset_min),
        store_id: stored.store.clone(),
        store_name: terms.store_name.get("ja").to_owned(),
        issuer: Some(terms.issuer.clone()),
        currency: terms.currency.clone(),
        total_minor: lines.iter().map(|line| line.amount_minor).sum(),
        taxes: Some(tax_lines(rates, terms.rounding)),
        lines,
        customer: Customer::Anonymous,
        coupons: None,
    }
}

fn post(db: &Connection, app: &App, stored: &Stored, request: &SaleRequest, now_ms: i64) -> Result<(), Fault> {
    let buyer = Buyer { member: stored.member.clone(), ..Buyer::default() };
    sales::post_for(db, app, &orders_till(), request, || Ok(buyer), now_ms).map(drop)
}
