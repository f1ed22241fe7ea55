//! What members think of products: one review a member and product. It is verified while the member has bought the product and not brought
//! all of it back, under whichever of its names; that is kept up to date by whatever changes it: sales, returns, cancellations, claims, links,
//! and variants that go to another product.

use std::collections::BTreeSet;

use noren_rules::b64;
use noren_rules::ids::{MemberId, ProductId};
use noren_rules::receipt::ReceiptLine;
use noren_rules::wire::{Reason, Review, ReviewExport, ReviewPage, ReviewRequest, paths};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;

use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json};
use crate::{catalogue, devices, members};

const MAX_TEXT: usize = 2_000;
const MAX_LANGUAGE: usize = 35;
const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;
const DAY_MS: i64 = 86_400_000;
const COLUMNS: &str = "id, stars, text, language, verified, at_ms";

/// POST [`paths::REVIEWS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    let request: ReviewRequest = call.json()?;
    check(&request)?;
    let caller = Caller::Device(device.clone());
    call.write(paths::REVIEWS, &caller, Fingerprint::Body, move |db, app, now_ms| {
        let member = devices::member_of(db, &device)?;
        keep(db, app, &member, &request, now_ms)
    })
    .await
}

fn check(request: &ReviewRequest) -> Result<(), Refusal> {
    if !(1..=5).contains(&request.stars) {
        return Err(Refusal::invalid("stars are 1 to 5"));
    }
    let is_odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    if request.text.chars().count() > MAX_TEXT || request.text.chars().any(is_odd) {
        return Err(Refusal::invalid(format!(
            "text has at most {MAX_TEXT} characters, none of them a control character but line feed and tab"
        )));
    }
    let is_tag = request.language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_tag || !(2..=MAX_LANGUAGE).contains(&request.language.len()) {
        return Err(Refusal::invalid("language is a BCP 47 tag, such as ja or en-GB"));
    }
    Ok(())
}

fn keep(db: &Connection, app: &App, member: &MemberId, request: &ReviewRequest, now_ms: i64) -> Result<Review, Fault> {
    if catalogue::find(db, &request.product)?.is_none() {
        return Err(unknown_product().into());
    }
    let parts = members::parts(db, member)?;
    for part in &parts {
        db.prepare_cached("DELETE FROM reviews WHERE product = ?1 AND member = ?2")?
            .execute(params![request.product.as_str(), part.as_str()])?;
    }
    let review = Review {
        id: app.random_id()?,
        stars: request.stars,
        text: request.text.clone(),
        language: request.language.clone(),
        verified: has_kept(db, &parts, &request.product)?,
        at_ms: now_ms,
    };
    db.prepare_cached(
        "INSERT INTO reviews (id, stars, text, language, verified, at_ms, product, member) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        review.id,
        review.stars,
        review.text,
        review.language,
        review.verified,
        review.at_ms,
        request.product.as_str(),
        member.as_str()
    ])?;
    catalogue::rated(db, &request.product)?;
    Ok(review)
}

fn unknown_product() -> Refusal {
    Refusal::new(Reason::NotFound, "no such product is known: ask for it again")
}

/// True when a sale of the product to one of the parts is not void and something of it was not brought back. A return that names no sale
/// takes nothing away: no sale is guessed.
fn has_kept(db: &Connection, parts: &[MemberId], product: &ProductId) -> Result<bool, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT 1 FROM receipt_owners o JOIN receipts r ON r.id = o.receipt JOIN json_each(r.content, '$.lines') line
         WHERE o.member = ?1
           AND NOT EXISTS (SELECT 1 FROM receipt_voids v WHERE v.receipt = r.id)
           AND line.value ->> '$.sku' IN (SELECT sku FROM variants WHERE product = ?2)
         GROUP BY COALESCE(r.of_receipt, r.id) HAVING TOTAL(line.value ->> '$.quantity') > 0",
    )?;
    for part in parts {
        if statement.exists(params![part.as_str(), product.as_str()])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a member has bought or brought back changed by these lines: its reviews of those products are verified, or not any more.
pub(crate) fn purchases_changed<'a>(
    db: &Connection,
    member: &MemberId,
    lines: impl IntoIterator<Item = &'a ReceiptLine>,
) -> Result<(), Fault> {
    let parts = members::parts(db, member)?;
    let reviewed = products_of(db, &parts)?;
    if reviewed.is_empty() {
        return Ok(());
    }
    let mut of_sku = db.prepare_cached("SELECT product FROM variants WHERE sku = ?1")?;
    let mut bought = BTreeSet::new();
    for line in lines {
        bought.extend(of_sku.query_row([&line.sku], |row| row.get(0).map(ProductId)).optional()?);
    }
    reviewed.intersection(&bought).try_for_each(|product| verify(db, &parts, product))
}

/// Two members became one: of two reviews of a product the newer stays, and what one has bought the other has reviewed.
pub(crate) fn join(db: &Connection, member: &MemberId) -> Result<(), Fault> {
    let parts = members::parts(db, member)?;
    for product in products_of(db, &parts)? {
        let mut written: Vec<(i64, String)> = Vec::new();
        let mut statement = db.prepare_cached("SELECT at_ms, id FROM reviews WHERE product = ?1 AND member = ?2")?;
        for part in &parts {
            let own = statement.query_row(params![product.as_str(), part.as_str()], |row| Ok((row.get(0)?, row.get(1)?)));
            written.extend(own.optional()?);
        }
        written.sort();
        written.pop();
        for (_, older) in &written {
            db.prepare_cached("DELETE FROM reviews WHERE id = ?1")?.execute([older])?;
        }
        if !written.is_empty() {
            catalogue::rated(db, &product)?;
        }
        verify(db, &parts, &product)?;
    }
    Ok(())
}

/// Other variants are of this product now: whoever has bought it is found anew.
pub(crate) fn variants_changed(db: &Connection, product: &ProductId) -> Result<(), Fault> {
    let mut statement = db.prepare_cached("SELECT member FROM reviews WHERE product = ?1 AND member IS NOT NULL")?;
    let rows = statement.query_map([product.as_str()], |row| row.get::<_, String>(0))?;
    let members: Vec<String> = rows.collect::<Result<_, _>>()?;
    for member in members {
        let parts = members::parts(db, &members::canonical(db, &member)?)?;
        verify(db, &parts, product)?;
    }
    Ok(())
}

fn products_of(db: &Connection, parts: &[MemberId]) -> Result<BTreeSet<ProductId>, Fault> {
    let mut statement = db.prepare_cached("SELECT product FROM reviews WHERE member = ?1")?;
    let mut products = BTreeSet::new();
    for part in parts {
        for product in statement.query_map([part.as_str()], |row| row.get(0).map(ProductId))? {
            products.insert(product?);
        }
    }
    Ok(products)
}

fn verify(db: &Connection, parts: &[MemberId], product: &ProductId) -> Result<(), Fault> {
    let verified = has_kept(db, parts, product)?;
    for part in parts {
        db.prepare_cached("UPDATE reviews SET verified = ?3 WHERE product = ?1 AND member = ?2 AND verified <> ?3")?.execute(params![
            product.as_str(),
            part.as_str(),
            verified
        ])?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReviewQuery {
    product: String,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// GET [`paths::REVIEWS`].
pub(crate) async fn page(call: Call) -> Answer {
    call.app_caller().await?;
    let query: ReviewQuery = call.query()?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Refusal::invalid(format!("limit is 1 to {MAX_LIMIT}")));
    }
    let after = query.cursor.as_deref().map(read_cursor).transpose()?;
    let as_of_ms = call.app.now_ms();
    let read = call.app.store.read(move |db| {
        let product = ProductId(query.product);
        let record = catalogue::find(db, &product)?.ok_or_else(unknown_product)?;
        let mut reviews = of_product(db, &product, after.as_ref(), limit.saturating_add(1))?;
        let has_more = reviews.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if has_more {
            reviews.pop();
        }
        let next = reviews.last().filter(|_| has_more).map(write_cursor);
        Ok(ReviewPage { reviews, next, ratings: record.ratings, stars: record.stars, as_of_ms })
    });
    json(&read.await.map_err(Fault::into_refusal)?)
}

/// The place of a review among those of its product.
type Place = (bool, i64, String);

fn write_cursor(last: &Review) -> String {
    b64::encode(format!("{}:{}:{}", u8::from(last.verified), last.at_ms, last.id).as_bytes())
}

fn read_cursor(cursor: &str) -> Result<Place, Refusal> {
    let read = || {
        let text = String::from_utf8(b64::decode(cursor)?).ok()?;
        let (verified, rest) = text.split_once(':')?;
        let (at_ms, id) = rest.split_once(':')?;
        Some((verified == "1", at_ms.parse().ok()?, id.to_owned()))
    };
    read().ok_or_else(|| Refusal::new(Reason::CursorUnknown, "the cursor is none of this server: start from the beginning"))
}

/// Verified ones first, then the newest. Those whose member was erased count and are not shown.
fn of_product(db: &Connection, product: &ProductId, after: Option<&Place>, limit: u32) -> Result<Vec<Review>, Fault> {
    let (verified, at_ms, id) = after.cloned().unwrap_or((true, i64::MAX, String::new()));
    let sql = format!(
        "SELECT {COLUMNS} FROM reviews WHERE product = ?1 AND member IS NOT NULL
           AND (verified < ?2 OR verified = ?2 AND (at_ms < ?3 OR at_ms = ?3 AND id > ?4))
         ORDER BY verified DESC, at_ms DESC, id LIMIT ?5"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![product.as_str(), verified, at_ms, id, limit], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Review> {
    Ok(Review { id: row.get(0)?, stars: row.get(1)?, text: row.get(2)?, language: row.get(3)?, verified: row.get(4)?, at_ms: row.get(5)? })
}

/// Everything that a member wrote, oldest first.
pub(crate) fn export(db: &Connection, parts: &[MemberId]) -> Result<Vec<ReviewExport>, Fault> {
    let mut written = Vec::new();
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS}, product FROM reviews WHERE member = ?1"))?;
    for part in parts {
        let rows = statement.query_map([part.as_str()], |row| Ok(ReviewExport { review: read(row)?, product: ProductId(row.get(6)?) }))?;
        for row in rows {
            written.push(row?);
        }
    }
    written.sort_by(|one, other| (one.review.at_ms, &one.review.id).cmp(&(other.review.at_ms, &other.review.id)));
    Ok(written)
}

/// What an erased member wrote goes; its stars count on, under a name that nobody was told, without the hour.
pub(crate) fn forget(db: &Connection, app: &App, member: &MemberId) -> Result<(), Fault> {
    let mut statement = db.prepare("SELECT id FROM reviews WHERE member = ?1")?;
    let ids: Vec<String> = statement.query_map([member.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in ids {
        db.execute(
            "UPDATE reviews SET id = ?2, member = NULL, text = '', language = '', at_ms = at_ms / ?3 * ?3 WHERE id = ?1",
            params![id, app.random_id()?, DAY_MS],
        )?;
    }
    Ok(())
}
