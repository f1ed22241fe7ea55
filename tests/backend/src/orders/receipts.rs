//! Orders become sales: at hand-over by the code that takes what tills sell, so that points, history and stock follow by themselves; and what comes
//! back after it becomes returns that name the sale.

use noren_rules::dates::local_date;
use noren_rules::ids::TillId;
use noren_rules::order::{Order, OrderDocument, OrderDocumentLine};
use noren_rules::receipt::{ReceiptKind, ReceiptLine};
use noren_rules::wire::{Customer, SaleCoupons, SaleRequest};
use rusqlite::Connection;

use super::pricing::channel;
use super::table::Stored;
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
    let Some(document) = stored.order.sale_document() else { return Ok(()) };
    let coupons = SaleCoupons { used: Vec::new(), shown: stored.facts.coupons.shown.clone() };
    let sale = request(stored, ReceiptKind::Sale, stored.order.id.0.clone(), &document, now_ms);
    post(db, app, stored, &SaleRequest { coupons: Some(coupons), ..sale }, now_ms)?;
    stored.facts.has_receipt = true;
    Ok(())
}

/// Pieces of a line come back after the sale, from the order as it stood before.
pub(super) fn take_back(
    db: &Connection,
    app: &App,
    stored: &Stored,
    before: &Order,
    (line, from_piece, pieces): (usize, u32, u32),
    now_ms: i64,
) -> Result<(), Fault> {
    let document = before.return_document(line, pieces).map_err(|_| Fault::Stored("order's lines"))?;
    let number = format!("{}/{line}/{from_piece}", stored.order.id);
    post(db, app, stored, &request(stored, ReceiptKind::Return, number, &document, now_ms), now_ms)
}

fn request(stored: &Stored, kind: ReceiptKind, number: String, document: &OrderDocument, now_ms: i64) -> SaleRequest {
    let terms = &stored.facts.terms;
    let line = |line: &OrderDocumentLine| {
        let of = stored.facts.lines.get(line.line)?;
        Some(ReceiptLine {
            sku: of.sku.clone(),
            description: of.titles.get("ja").to_owned(),
            quantity: line.quantity,
            amount_minor: line.amount_minor,
            tax_permille: Some(line.tax_permille),
            reduced_rate: of.reduced,
        })
    };
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
        lines: document.lines.iter().filter_map(line).collect(),
        total_minor: document.total_minor,
        taxes: Some(document.taxes.clone()),
        customer: Customer::Anonymous,
        coupons: None,
    }
}

fn post(db: &Connection, app: &App, stored: &Stored, request: &SaleRequest, now_ms: i64) -> Result<(), Fault> {
    let buyer = Buyer { member: stored.member.clone(), ..Buyer::default() };
    sales::post_for(db, app, &orders_till(), request, || Ok(buyer), now_ms).map(drop)
}
