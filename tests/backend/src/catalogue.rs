//! Products and their variants, as the operator gives them; asked for by id, article code, GTIN or text.

use std::collections::BTreeSet;

use noren_rules::fold::fold;
use noren_rules::ids::{ProductId, Sku};
use noren_rules::scan::Gtin;
use noren_rules::wire::{Kept, ProductInfo, ProductPage, ProductRecord, PutProducts, Reason, paths};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;

use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json};
use crate::reviews;
use crate::store::{from_json, to_json, to_uint};

/// Products of one call of the operator, and those that it removes.
const MAX_PRODUCTS: usize = 1_000;
/// Ids, article codes and GTINs of one question.
const MAX_ASKED: usize = 200;
const MAX_TEXT: usize = 200;
const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

/// POST [`paths::OPERATOR_PRODUCTS`].
pub(crate) async fn put(call: Call) -> Answer {
    call.operator().await?;
    call.write_headers()?;
    let request: PutProducts = call.json()?;
    check(&request)?;
    call.write(paths::OPERATOR_PRODUCTS, &Caller::Operator, Fingerprint::Body, move |db, _, _| {
        Ok(Kept { changed: keep(db, &request)?, signed: None })
    })
    .await
}

fn invalid(detail: String) -> Refusal {
    Refusal::new(Reason::InvalidRule, detail)
}

fn check(request: &PutProducts) -> Result<(), Refusal> {
    if request.products.len() > MAX_PRODUCTS || request.remove.len() > MAX_PRODUCTS {
        return Err(Refusal::invalid(format!("at most {MAX_PRODUCTS} products and removals a call")));
    }
    let mut ids = BTreeSet::new();
    for product in &request.products {
        product.check().map_err(|error| invalid(format!("product {}: {error}", product.id)))?;
        if !ids.insert(&product.id) {
            return Err(invalid(format!("product {}: it comes twice in this call", product.id)));
        }
    }
    Ok(())
}

fn keep(db: &Connection, request: &PutProducts) -> Result<u64, Fault> {
    let mut changed = 0u64;
    for id in &request.remove {
        let gone = db.prepare_cached("DELETE FROM products WHERE id = ?1")?.execute([id.as_str()])?;
        changed += u64::try_from(gone).unwrap_or(0);
    }
    let mut others = Vec::new();
    for product in &request.products {
        if let Some(resold) = put_product(db, product)? {
            others.push((product, resold));
        }
    }
    // After all of them have let go of theirs: an article may move from one product to another in one call.
    for (product, _) in &others {
        put_variants(db, product)?;
    }
    for (product, resold) in &others {
        rated(db, &product.id)?;
        if *resold {
            reviews::variants_changed(db, &product.id)?;
        }
    }
    Ok(changed.saturating_add(u64::try_from(others.len()).unwrap_or(0)))
}

/// None when it is as it was. Else its variants are free now, and it is said whether it has other ones than before.
fn put_product(db: &Connection, product: &ProductInfo) -> Result<Option<bool>, Fault> {
    let info = to_json(product, "product")?;
    let known: Option<String> =
        db.prepare_cached("SELECT info FROM products WHERE id = ?1")?.query_row([product.id.as_str()], |row| row.get(0)).optional()?;
    if known.as_ref() == Some(&info) {
        return Ok(None);
    }
    let before = known.map(|known| from_json::<ProductInfo>(&known, "product")).transpose()?;
    let skus = |product: &ProductInfo| product.variants.iter().map(|variant| variant.sku.clone()).collect::<BTreeSet<Sku>>();
    let resold = before.as_ref().map(skus) != Some(skus(product));
    db.prepare_cached("DELETE FROM variants WHERE product = ?1")?.execute([product.id.as_str()])?;
    db.prepare_cached(
        "INSERT INTO products (id, found, version, ratings, stars, info) VALUES (?1, ?2, 0, 0, 0, ?3)
         ON CONFLICT (id) DO UPDATE SET found = excluded.found, info = excluded.info",
    )?
    .execute(params![product.id.as_str(), found_by(product), info])?;
    Ok(Some(resold))
}

fn put_variants(db: &Connection, product: &ProductInfo) -> Result<(), Fault> {
    for variant in &product.variants {
        let gtin = variant.gtin.as_ref();
        let added = db.prepare_cached("INSERT OR IGNORE INTO variants (sku, product, gtin) VALUES (?1, ?2, ?3)")?.execute(params![
            variant.sku.as_str(),
            product.id.as_str(),
            gtin.map(Gtin::fourteen)
        ])?;
        if added == 0 {
            let what = match (product_of(db, &variant.sku)?, gtin) {
                (Some(other), _) => format!("the sku {} belongs to product {other}", variant.sku),
                (None, Some(gtin)) => format!("the GTIN {gtin} of the sku {} is another variant's", variant.sku),
                (None, None) => return Err(Fault::Stored("variant")),
            };
            return Err(invalid(format!("product {}: {what}", product.id)).into());
        }
    }
    Ok(())
}

/// What a search looks through: title, reading and brand, folded, one a line.
fn found_by(product: &ProductInfo) -> String {
    let texts = product.title.values().chain(&product.reading).chain(&product.brand);
    texts.map(|text| fold(text)).collect::<Vec<_>>().join("\n")
}

/// One counter for all products, which never falls: what was removed and comes back is newer than it was.
fn next_version(db: &Connection) -> Result<i64, Fault> {
    let sql = "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'catalogue_version' RETURNING CAST(value AS INTEGER)";
    Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductQuery {
    ids: Option<String>,
    skus: Option<String>,
    gtins: Option<String>,
    text: Option<String>,
    limit: Option<u32>,
}

/// What a phone asks for.
enum Asked {
    Named { ids: Vec<String>, skus: Vec<String>, gtins: Vec<Gtin> },
    Text { needle: String, limit: u32 },
}

/// GET [`paths::PRODUCTS`].
pub(crate) async fn get(call: Call) -> Answer {
    call.app_caller().await?;
    let asked = read_query(&call)?;
    let as_of_ms = call.app.now_ms();
    let read = call.app.store.read(move |db| {
        let products = match &asked {
            Asked::Named { ids, skus, gtins } => named(db, ids, skus, gtins)?,
            Asked::Text { needle, limit } => search(db, needle, *limit)?,
        };
        Ok(ProductPage { products, as_of_ms })
    });
    json(&read.await.map_err(Fault::into_refusal)?)
}

fn read_query(call: &Call) -> Result<Asked, Refusal> {
    let query: ProductQuery = call.query()?;
    let by_name = query.ids.is_some() || query.skus.is_some() || query.gtins.is_some();
    match query.text {
        Some(text) if !by_name => {
            let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
            let needle = fold(&text);
            if needle.is_empty() || text.chars().count() > MAX_TEXT || !(1..=MAX_LIMIT).contains(&limit) {
                return Err(Refusal::invalid(format!("text has 1 to {MAX_TEXT} characters, limit is 1 to {MAX_LIMIT}")));
            }
            Ok(Asked::Text { needle, limit })
        }
        None if by_name && query.limit.is_none() => {
            let ids = call.query_items("ids", MAX_ASKED)?;
            let skus = call.query_items("skus", MAX_ASKED)?;
            let gtins = call.query_items("gtins", MAX_ASKED)?;
            if ids.len().saturating_add(skus.len()).saturating_add(gtins.len()) > MAX_ASKED {
                return Err(Refusal::invalid(format!("ids, skus and gtins are {MAX_ASKED} at most, all together: ask more often")));
            }
            let read = |digits: &String| digits.parse().map_err(|error| Refusal::invalid(format!("gtins: {error}")));
            Ok(Asked::Named { ids, skus, gtins: gtins.iter().map(read).collect::<Result<_, _>>()? })
        }
        _ => Err(Refusal::invalid("ask by ids, skus and gtins, or by text with a limit")),
    }
}

/// Those that are known, each once, in the order in which they were asked for.
fn named(db: &Connection, ids: &[String], skus: &[String], gtins: &[Gtin]) -> Result<Vec<ProductRecord>, Fault> {
    let of_ids = ids.iter().map(|id| Ok(Some(ProductId(id.clone()))));
    let of_skus = skus.iter().map(|sku| product_of(db, &Sku(sku.clone())));
    let of_gtins = gtins.iter().map(|gtin| {
        let sql = "SELECT product FROM variants WHERE gtin = ?1";
        let product: Option<String> = db.prepare_cached(sql)?.query_row([gtin.fourteen()], |row| row.get(0)).optional()?;
        Ok::<_, Fault>(product.map(ProductId))
    });
    let mut records: Vec<ProductRecord> = Vec::new();
    for product in of_ids.chain(of_skus).chain(of_gtins) {
        let Some(product) = product? else { continue };
        if !records.iter().any(|record| record.product.id == product) {
            records.extend(find(db, &product)?);
        }
    }
    Ok(records)
}

/// How well a product fits, best first: a whole text, the beginning of one, of a word, or somewhere; then the shorter, then by id.
type Fit = (u8, usize, ProductId);

/// Products with every word of the needle.
fn search(db: &Connection, needle: &str, limit: u32) -> Result<Vec<ProductRecord>, Fault> {
    // The longest word is in the fewest products.
    let longest = needle.split(' ').max_by_key(|word| word.len()).unwrap_or(needle);
    let mut statement = db.prepare_cached("SELECT id, found FROM products WHERE instr(found, ?1)")?;
    let mut rows = statement.query([longest])?;
    let mut fits: Vec<Fit> = Vec::new();
    while let Some(row) = rows.next()? {
        let found: String = row.get(1)?;
        if needle.split(' ').all(|word| found.contains(word)) {
            fits.push((how_it_fits(&found, needle), found.chars().count(), ProductId(row.get(0)?)));
        }
    }
    fits.sort_unstable();
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    fits.iter().take(most).filter_map(|(_, _, id)| find(db, id).transpose()).collect()
}

fn how_it_fits(found: &str, needle: &str) -> u8 {
    let one = |text: &str| match text.find(needle) {
        Some(_) if text == needle => 0,
        Some(0) => 1,
        Some(_) if text.contains(&format!(" {needle}")) => 2,
        Some(_) => 3,
        None => 4,
    };
    found.lines().map(one).min().unwrap_or(4)
}

/// A product with what others think of it.
pub(crate) fn find(db: &Connection, id: &ProductId) -> Result<Option<ProductRecord>, Fault> {
    let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, to_uint(row.get(3)?)));
    let sql = "SELECT info, ratings, stars, version FROM products WHERE id = ?1";
    let row = db.prepare_cached(sql)?.query_row([id.as_str()], read).optional()?;
    row.map(|(info, ratings, stars, version)| Ok(ProductRecord { product: from_json(&info, "product")?, ratings, stars, version }))
        .transpose()
}

/// What others think of a product changed.
pub(crate) fn rated(db: &Connection, id: &ProductId) -> Result<(), Fault> {
    db.prepare_cached(
        "UPDATE products SET version = ?2, (ratings, stars) = (SELECT COUNT(*), COALESCE(SUM(stars), 0) FROM reviews WHERE product = ?1)
         WHERE id = ?1",
    )?
    .execute(params![id.as_str(), next_version(db)?])?;
    Ok(())
}

/// The product that a variant is of; none for one that is not known.
pub(crate) fn product_of(db: &Connection, sku: &Sku) -> Result<Option<ProductId>, Fault> {
    let sql = "SELECT product FROM variants WHERE sku = ?1";
    let product: Option<String> = db.prepare_cached(sql)?.query_row([sku.as_str()], |row| row.get(0)).optional()?;
    Ok(product.map(ProductId))
}

/// All variants of a variant's product; itself alone where that is not known.
pub(crate) fn siblings(db: &Connection, sku: &Sku) -> Result<Vec<Sku>, Fault> {
    let mut statement = db.prepare_cached("SELECT sku FROM variants WHERE product = (SELECT product FROM variants WHERE sku = ?1)")?;
    let skus: Vec<Sku> = statement.query_map([sku.as_str()], |row| row.get(0).map(Sku))?.collect::<Result<_, _>>()?;
    Ok(if skus.is_empty() { vec![sku.clone()] } else { skus })
}

/// True for a variant of a product that is known.
pub(crate) fn is_known(db: &Connection, sku: &Sku) -> Result<bool, Fault> {
    Ok(product_of(db, sku)?.is_some())
}
