//! What may be taken along when an order is fetched: only what that store's shelves have, best sellers first.

use std::collections::BTreeSet;

use noren_rules::catalogue::price_at;
use noren_rules::ids::{OrderId, Sku, StoreId};
use noren_rules::offers::Texts;
use noren_rules::receipt::Channel;
use noren_rules::wire::{AddOn, AddOns, ProductInfo, Reason};
use rusqlite::Connection;
use serde::Deserialize;

use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, json};
use crate::{catalogue, devices, members, orders, ranking, stock};

const MOST: usize = 10;
const MOST_PIECES: u32 = 99;
/// So many of the best sellers are looked at, and then so many of what else lies there.
const LOOKED_AT: u32 = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddOnsQuery {
    order: String,
}

/// GET [`noren_rules::wire::paths::ORDER_ADD_ONS`].
pub(crate) async fn get(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    let AddOnsQuery { order } = call.query()?;
    stock::settle(&call).await?;
    let app = call.app.clone();
    let read = call.app.store.read(move |db| {
        let parts = members::parts(db, &devices::member_of(db, &device)?)?;
        let order = orders::find(db, &OrderId(order))?.filter(|order| order.member.as_ref().is_some_and(|member| parts.contains(member)));
        let order = order.ok_or_else(|| Refusal::new(Reason::NotFound, "there is no such order: ask for the orders again"))?;
        let ordered: BTreeSet<Sku> = order.facts.lines.iter().map(|line| Sku::from(line.sku.as_str())).collect();
        let add_ons = of_store(db, &app, &order.store, &order.facts.terms.currency, &ordered)?;
        Ok(AddOns { add_ons, as_of_ms: app.now_ms() })
    });
    json(&read.await.map_err(Fault::into_refusal)?)
}

fn of_store(db: &Connection, app: &Shared, store: &StoreId, currency: &str, ordered: &BTreeSet<Sku>) -> Result<Vec<AddOn>, Fault> {
    let now_ms = app.now_ms();
    // Nobody stands before the shelves of the online shop; and old books are not gone by.
    let known = stock::location(db, store)?.is_some_and(|location| !location.is_ec && location.is_known(now_ms));
    if !known {
        return Ok(Vec::new());
    }
    let mut skus = ranking::best_sellers(db, store, now_ms, LOOKED_AT)?;
    skus.extend(stock::on_shelf(db, store, LOOKED_AT)?);
    let (mut seen, mut add_ons) = (ordered.clone(), Vec::new());
    for sku in skus {
        if add_ons.len() < MOST && seen.insert(sku.clone()) {
            add_ons.extend(add_on(db, store, &sku, currency, now_ms)?);
        }
    }
    Ok(add_ons)
}

/// `None` for what is not there, has no price, or asks for an age: nobody is tempted into that.
fn add_on(db: &Connection, store: &StoreId, sku: &Sku, currency: &str, now_ms: i64) -> Result<Option<AddOn>, Fault> {
    let level = stock::Level::load(db, store, sku)?;
    let Some(available) = level.available().flatten().filter(|available| *available > 0) else { return Ok(None) };
    let product = catalogue::product_of(db, sku)?.map(|id| catalogue::find(db, &id)).transpose()?.flatten();
    let Some(product) = product.map(|record| record.product).filter(|product| product.least_age.is_none()) else { return Ok(None) };
    let variant = product.variants.iter().find(|variant| variant.sku == *sku);
    let price = variant.and_then(|variant| price_at(&variant.prices, Channel::Store, now_ms)).filter(|price| price.currency == currency);
    Ok(price.map(|price| AddOn {
        sku: sku.clone(),
        titles: titles(&product, sku),
        price_minor: price.amount_minor,
        currency: currency.to_owned(),
        available: available.min(MOST_PIECES),
        shelf: level.shelf().map(str::to_owned),
    }))
}

/// The product's titles, with colour and size.
fn titles(product: &ProductInfo, sku: &Sku) -> Texts {
    let variant = product.variants.iter().find(|variant| variant.sku == *sku);
    let kind = variant.into_iter().flat_map(|variant| [&variant.colour, &variant.size]).flatten();
    let kind: String = kind.map(|word| format!(" / {word}")).collect();
    Texts(product.title.iter().map(|(language, title)| (language.clone(), format!("{title}{kind}"))).collect())
}
