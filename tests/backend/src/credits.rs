//! Purchases in the online shop that began in a store: whoever scanned the product there, and bought any variant of it online within the
//! window, bought it thanks to the store of the last scan.
//!
//! Found at reading, from sales and scans as they are known then: it does not matter which of them came first, a scan that a phone sends
//! late counts, and so does one under another name of the member. What came back since is taken off.

use noren_rules::ids::{MemberId, ReceiptId, Sku, StoreId};
use noren_rules::wire::{StoreCredit, StoreCredits};
use rusqlite::{Connection, OptionalExtension, params};

use crate::family::Family;
use crate::fault::Fault;
use crate::http::{Answer, Call, json};
use crate::reactions::Span;
use crate::{catalogue, members, reactions, receipts};

const DAY_MS: i64 = 86_400_000;
/// Sales of the online shop by their time; in the words of the index.
const EC_SALES: &str = "kind = 'sale' AND json_extract(content, '$.channel') = 'ec'";

/// GET [`noren_rules::wire::paths::OPERATOR_CREDITS`].
pub(crate) async fn get(call: Call) -> Answer {
    call.operator().await?;
    let span = Span::of(&call)?;
    let window_ms = window_ms(call.app.settings.credit_days);
    let read = call.app.store.read(move |db| Ok(StoreCredits { credits: of_span(db, &span, window_ms)? }));
    json(&read.await.map_err(Fault::into_refusal)?)
}

fn window_ms(days: u32) -> i64 {
    i64::from(days).saturating_mul(DAY_MS)
}

fn of_span(db: &Connection, span: &Span, window_ms: i64) -> Result<Vec<StoreCredit>, Fault> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT id FROM receipts WHERE {EC_SALES} AND json_extract(content, '$.sold_at_ms') >= ?1 AND json_extract(content, '$.sold_at_ms') < ?2"
    ))?;
    let rows = statement.query_map([span.from_ms, span.until_ms], |row| row.get(0).map(ReceiptId))?;
    let mut credits = Vec::new();
    for sale in rows {
        of_sale(db, &sale?, window_ms, &mut credits)?;
    }
    credits.sort_by(|one, other| (other.bought_at_ms, &one.store, &one.sku).cmp(&(one.bought_at_ms, &other.store, &other.sku)));
    Ok(credits)
}

fn of_sale(db: &Connection, sale: &ReceiptId, window_ms: i64, credits: &mut Vec<StoreCredit>) -> Result<(), Fault> {
    let scans = Scans::of(db, sale, window_ms)?;
    let family = Family::load(db, sale)?;
    if family.sale.voided {
        return Ok(());
    }
    for (sku, left) in family.left().into_iter().filter(|(_, left)| left.quantity > 0) {
        let sku = Sku(sku.to_owned());
        if let Some((scanned_at_ms, store)) = scans.before(db, &sku, family.sale.sold_at_ms)? {
            credits.push(StoreCredit {
                store,
                sku,
                quantity: left.quantity,
                amount_minor: left.amount_minor,
                currency: family.sale.currency.clone(),
                scanned_at_ms,
                bought_at_ms: family.sale.sold_at_ms,
            });
        }
    }
    Ok(())
}

/// Whose scans came before a sale.
enum Scans<'a> {
    Member {
        parts: Vec<MemberId>,
        window_ms: i64,
    },
    /// It is nobody's, or its member was erased: what was found then.
    Kept(&'a ReceiptId),
}

impl<'a> Scans<'a> {
    fn of(db: &Connection, sale: &'a ReceiptId, window_ms: i64) -> Result<Self, Fault> {
        Ok(match receipts::owner(db, sale)? {
            Some(owner) => Self::Member { parts: members::parts(db, &owner)?, window_ms },
            None => Self::Kept(sale),
        })
    }

    fn before(&self, db: &Connection, sku: &Sku, bought_at_ms: i64) -> Result<Option<(i64, StoreId)>, Fault> {
        match self {
            Self::Member { parts, window_ms } => {
                let skus = catalogue::siblings(db, sku)?;
                reactions::last_scan(db, parts, &skus, bought_at_ms.saturating_sub(*window_ms), bought_at_ms)
            }
            Self::Kept(sale) => {
                let sql = "SELECT scanned_at_ms, store FROM kept_credits WHERE receipt = ?1 AND sku = ?2";
                let kept =
                    db.prepare_cached(sql)?.query_row(params![sale.as_str(), sku.as_str()], |row| Ok((row.get(0)?, StoreId(row.get(1)?))));
                Ok(kept.optional()?)
            }
        }
    }
}

/// Before a member is erased: its purchases keep the stores that they are credited to, and nothing else of it.
pub(crate) fn keep_of_erased(db: &Connection, parts: &[MemberId], credit_days: u32) -> Result<(), Fault> {
    let scans = Scans::Member { parts: parts.to_vec(), window_ms: window_ms(credit_days) };
    let mut statement =
        db.prepare_cached(&format!("SELECT id FROM receipt_owners JOIN receipts ON id = receipt WHERE member = ?1 AND {EC_SALES}"))?;
    for part in parts {
        let rows = statement.query_map([part.as_str()], |row| row.get(0).map(ReceiptId))?;
        for sale in rows.collect::<Result<Vec<_>, _>>()? {
            let family = Family::load(db, &sale)?;
            for sku in family.left().into_keys().map(|sku| Sku(sku.to_owned())) {
                if let Some((scanned_at_ms, store)) = scans.before(db, &sku, family.sale.sold_at_ms)? {
                    db.prepare_cached("INSERT OR IGNORE INTO kept_credits (receipt, sku, store, scanned_at_ms) VALUES (?1, ?2, ?3, ?4)")?
                        .execute(params![sale.as_str(), sku.as_str(), store.as_str(), scanned_at_ms])?;
                }
            }
        }
    }
    Ok(())
}
