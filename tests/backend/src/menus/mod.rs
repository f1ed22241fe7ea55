//! Menus, kitchens and the tables of taxes and allergens, as the operator gives them; and what of them is sold out or paused.

mod check;
mod shop;
mod staff;
mod status;

pub(crate) use shop::{Shop, Shops, mode, shop, sold_out, tax_table};
pub(crate) use staff::{post_mode, post_sold_out};
pub(crate) use status::{get as get_status, status};

use std::collections::BTreeSet;

use noren_rules::cart::{Cart, CartChange, CartMoment, CartProblem, CartProblemKind};
use noren_rules::ids::StoreId;
use noren_rules::menu::{Menu, SoldOut};
use noren_rules::slots::StoreMode;
use noren_rules::wire::{Kept, OrderTerms, PutMenus, Reason, paths};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;

use crate::app::Shared;
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call, Caller, Fingerprint, json_with_etag};
use crate::slots;
use crate::store::to_json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MenuQuery {
    store: String,
}

/// GET [`paths::MENUS`].
pub(crate) async fn get(call: Call) -> Answer {
    call.app_caller().await?;
    let MenuQuery { store } = call.query()?;
    let app = call.app.clone();
    let read = call.app.store.read(move |db| shop(db, &app, &StoreId(store)));
    let shop = read.await.map_err(Fault::into_refusal)?.ok_or_else(takes_no_orders)?;
    json_with_etag(&call, &shop.told, &shop.told)
}

pub(crate) fn takes_no_orders() -> Refusal {
    Refusal::new(Reason::NotFound, "this store takes no orders: ask another one")
}

impl Shop {
    /// What of a cart is not as it was seen, for a hand-over at that moment; empty for one that can be ordered. A store without a menu, or one that
    /// does not hand over so, sells none of it.
    pub(crate) fn changes(&self, cart: &Cart, sold_out: &[SoldOut], at_ms: i64) -> Vec<CartChange> {
        let Some(book) = &self.book else { return Self::none_of(cart) };
        if self.told.terms.handoffs.contains(&cart.handoff) {
            cart.changes(book, &CartMoment { at_ms, sold_out })
        } else {
            Self::none_of(cart)
        }
    }

    fn none_of(cart: &Cart) -> Vec<CartChange> {
        let lines = (0..noren_rules::cart::MAX_CART_LINES).zip(&cart.lines).map(|(line, of)| {
            let kind = CartProblemKind::NotForHandoff { item: of.item.clone(), handoff: cart.handoff };
            CartChange::Rule(CartProblem { line: Some(line), within: Vec::new(), kind })
        });
        let changes: Vec<CartChange> = lines.collect();
        if changes.is_empty() {
            return vec![CartChange::Rule(CartProblem { line: None, within: Vec::new(), kind: CartProblemKind::Empty })];
        }
        changes
    }
}

/// POST [`paths::OPERATOR_MENUS`].
pub(crate) async fn put(call: Call) -> Answer {
    call.operator().await?;
    call.write_headers()?;
    let request: PutMenus = call.json()?;
    check::one_by_one(&request)?;
    call.write(paths::OPERATOR_MENUS, &Caller::Operator, Fingerprint::Body, move |db, app, now_ms| {
        Ok(Kept { changed: keep(db, app, &request, now_ms)?, signed: None })
    })
    .await
}

/// All of it or nothing: what does not go together takes the whole write back.
fn keep(db: &Connection, app: &Shared, request: &PutMenus, now_ms: i64) -> Result<u64, Fault> {
    let mut changed = 0u64;
    for (name, contents) in [
        (shop::TAX, request.tax.as_ref().map(|tax| to_json(tax, "tax table"))),
        (shop::ALLERGENS, request.allergens.as_ref().map(|allergens| to_json(allergens, "allergen table"))),
    ] {
        if let Some(contents) = contents {
            changed += put_row(
                db,
                "INSERT INTO order_tables (name, contents) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET contents = excluded.contents WHERE contents <> excluded.contents",
                name,
                &contents?,
            )?;
        }
    }
    for terms in &request.terms {
        changed += put_terms(db, terms, now_ms)?;
    }
    let mut touched: BTreeSet<&StoreId> = request.terms.iter().map(|terms| &terms.store).collect();
    touched.extend(request.menus.iter().map(|menu| &menu.store));
    touched.extend(request.kitchens.iter().map(|kitchen| &kitchen.store));
    if let Some(store) = touched.iter().find(|store| !matches!(mode(db, store), Ok(Some(_)))) {
        return Err(check::invalid(format!("{store}: put its terms first, or in the same call")).into());
    }
    for kitchen in &request.kitchens {
        changed += u64::from(slots::put_plan(db, app, kitchen)?);
    }
    for menu in &request.menus {
        changed += put_menu(db, menu)?;
    }
    for store in touched {
        if let Some(told) = shop::told(db, store)? {
            check::together(&told)?;
        }
    }
    if changed > 0 {
        shop::changed(db, app)?;
    }
    Ok(changed)
}

fn put_row(db: &Connection, sql: &str, key: &str, text: &str) -> Result<u64, Fault> {
    Ok(u64::try_from(db.prepare_cached(sql)?.execute([key, text])?).unwrap_or(0))
}

fn put_terms(db: &Connection, terms: &OrderTerms, now_ms: i64) -> Result<u64, Fault> {
    let sql = "INSERT INTO order_stores (store, terms, mode, mode_since_ms) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (store) DO UPDATE SET terms = excluded.terms WHERE terms <> excluded.terms";
    let (text, mode) = (to_json(terms, "terms")?, to_json(&StoreMode::default(), "store mode")?);
    let changed = db.prepare_cached(sql)?.execute(params![terms.store.as_str(), text, mode, now_ms])?;
    Ok(u64::try_from(changed).unwrap_or(0))
}

fn put_menu(db: &Connection, menu: &Menu) -> Result<u64, Fault> {
    let text = to_json(menu, "menu")?;
    let sql = "SELECT menu, CAST(menu ->> '$.version' AS INTEGER) FROM menus WHERE store = ?1";
    let known: Option<(String, i64)> =
        db.prepare_cached(sql)?.query_row([menu.store.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (before, version) = known.map_or((None, 0), |(before, version)| (Some(before), version));
    if before.as_ref() == Some(&text) {
        return Ok(0);
    }
    if i64::try_from(menu.version).map_or(true, |new| new <= version) {
        return Err(check::invalid(format!("menu of {}: version {version} is known, name a higher one", menu.store)).into());
    }
    put_row(db, "INSERT OR REPLACE INTO menus (store, menu) VALUES (?1, ?2)", menu.store.as_str(), &text)
}
