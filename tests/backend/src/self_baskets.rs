//! Baskets that were scanned in a store and are paid at its self-till (セルフレジ): one code for all of it, priced here as a phone prices it.

use noren_rules::cart::{Cart, CartLine, PriceError, PriceTerms, price};
use noren_rules::dates::local_date;
use noren_rules::ids::{MenuItemId, Sku, StoreId};
use noren_rules::menu::{HandoffMode, Menu, MenuBook};
use noren_rules::receipt::Channel;
use noren_rules::tax::{TaxHandoff, TaxRounding};
use noren_rules::wire::{BasketPiece, ProductInfo, Reason, SelfBasket, SelfBasketRequest, paths};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;

use crate::app::App;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json};
use crate::store::{from_json, to_json};
use crate::{catalogue, menus, orders, tills};

const MAX_LINES: usize = 100;
const MAX_PIECES: u32 = 99;
/// How long a code is good.
const GOOD_MS: i64 = 30 * 60_000;
/// Where a store has no terms of its own: prices and days of Japan.
const CURRENCY: &str = "JPY";
const UTC_OFFSET_MIN: i32 = 540;

/// POST [`paths::SELF_BASKETS`].
pub(crate) async fn post(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    call.write_headers()?;
    orders::no_card_number(&call)?;
    let request: SelfBasketRequest = call.json()?;
    if !(1..=MAX_LINES).contains(&request.pieces.len()) || request.pieces.iter().any(|piece| !(1..=MAX_PIECES).contains(&piece.quantity)) {
        return Err(Refusal::invalid(format!("a basket has 1 to {MAX_LINES} lines, each of 1 to {MAX_PIECES} pieces")));
    }
    call.write(paths::SELF_BASKETS, &Caller::Device(device), Fingerprint::Body, move |db, app, now_ms| {
        let basket = priced(db, app, &request, now_ms)?;
        db.prepare_cached("DELETE FROM self_baskets WHERE until_ms <= ?1")?.execute([now_ms])?;
        db.prepare_cached("INSERT INTO self_baskets (code, store, until_ms, basket) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            basket.code,
            basket.store.as_str(),
            basket.until_ms,
            to_json(&basket, "basket")?
        ])?;
        Ok(basket)
    })
    .await
}

fn priced(db: &Connection, app: &App, request: &SelfBasketRequest, now_ms: i64) -> Result<SelfBasket, Fault> {
    let SelfBasketRequest { store, pieces, .. } = request;
    if !tills::any_in(db, store)? {
        return Err(Refusal::new(Reason::NotFound, "no till stands in this store: check the store").into());
    }
    let shop = menus::shop(db, app, store)?;
    let terms = shop.as_ref().map(|shop| &shop.told.terms);
    let currency = terms.map_or(CURRENCY, |terms| &terms.currency);
    let menu = Menu::of_goods(store, &products(db, pieces)?, currency, Channel::Store, now_ms);
    let book = MenuBook::new(menu).map_err(|_| Fault::Stored("goods as a menu"))?;
    let (cart, unknown) = cart_of(&book, pieces);
    if cart.lines.is_empty() {
        return Err(Refusal::new(Reason::NotFound, "nothing of this is sold in this store: scan it again, or ask the staff").into());
    }
    let table = menus::tax_table(db)?;
    let rates = table.on(&local_date(now_ms, terms.map_or(UTC_OFFSET_MIN, |terms| terms.utc_offset_min)));
    let rounding = terms.map_or(TaxRounding::Down, |terms| terms.rounding);
    let priced = price(&cart, &book, &PriceTerms { rounding, ..PriceTerms::new(&rates) }).map_err(|error| match error {
        PriceError::TooLarge => Refusal::invalid("the basket comes to more than a till can take: take fewer pieces"),
        error => Refusal::invalid(error.to_string()),
    })?;
    let of_age = |line: &CartLine| book.item(&line.item).is_none_or(|item| item.least_age.is_none());
    Ok(SelfBasket {
        code: app.random_code()?,
        store: store.clone(),
        lines: priced.receipt_lines("ja"),
        currency: currency.to_owned(),
        total_minor: priced.total_minor,
        // What the phone could not name somebody has to look at.
        staff_needed: !unknown.is_empty() || !cart.lines.iter().all(of_age),
        taxes: priced.taxes,
        unknown,
        until_ms: now_ms.saturating_add(GOOD_MS),
    })
}

/// The products of the pieces, each once; what no product has is left out.
fn products(db: &Connection, pieces: &[BasketPiece]) -> Result<Vec<ProductInfo>, Fault> {
    let mut found: Vec<ProductInfo> = Vec::new();
    for piece in pieces {
        let Some(id) = catalogue::product_of(db, &piece.sku)? else { continue };
        if !found.iter().any(|product| product.id == id) {
            found.extend(catalogue::find(db, &id)?.map(|record| record.product));
        }
    }
    Ok(found)
}

/// What is sold here, line by line as it was scanned; and what is not, each once.
fn cart_of(book: &MenuBook, pieces: &[BasketPiece]) -> (Cart, Vec<Sku>) {
    let mut cart = Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut);
    let mut unknown: Vec<Sku> = Vec::new();
    for BasketPiece { sku, quantity } in pieces {
        match CartLine::of(book, &MenuItemId::from(sku.as_str()), *quantity, cart.tax_handoff) {
            Some(line) => cart.lines.push(line),
            None if unknown.contains(sku) => {}
            None => unknown.push(sku.clone()),
        }
    }
    (cart, unknown)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BasketQuery {
    code: String,
}

/// GET [`paths::TILL_SELF_BASKETS`].
pub(crate) async fn get(call: Call) -> Answer {
    let till = call.till_caller().await?.till;
    let query: BasketQuery = call.query()?;
    let now_ms = call.app.now_ms();
    let read = call.app.store.read(move |db| {
        let store = tills::store_of(db, &till)?;
        find(db, &store, query.code.trim(), now_ms)
    });
    json(&read.await.map_err(Fault::into_refusal)?)
}

fn find(db: &Connection, store: &StoreId, code: &str, now_ms: i64) -> Result<SelfBasket, Fault> {
    let sql = "SELECT basket FROM self_baskets WHERE code = ?1 AND store = ?2 AND until_ms > ?3";
    let values = params![code.to_ascii_uppercase(), store.as_str(), now_ms];
    let basket: Option<String> = db.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    let none = "no basket of this store has this code, or it is over: ask the person to show a new one";
    basket.map_or_else(|| Err(Refusal::new(Reason::NotFound, none).into()), |basket| from_json(&basket, "basket"))
}
