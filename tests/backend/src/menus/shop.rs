//! What a store sells and how it takes orders, read once after each change of the operator.

use std::collections::BTreeMap;
use std::sync::Arc;

use noren_rules::cart::PaymentMethod;
use noren_rules::ids::StoreId;
use noren_rules::menu::allergens::{self, AllergenTable};
use noren_rules::menu::{Menu, MenuBook, SoldOut};
use noren_rules::slots::StoreMode;
use noren_rules::tax::{self, TaxTable};
use noren_rules::wire::StoreMenu;
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use crate::app::{Shared, lock};
use crate::fault::Fault;
use crate::store::from_json;

/// Name of the tax table among the tables.
pub(super) const TAX: &str = "tax";
/// Name of the allergen table.
pub(super) const ALLERGENS: &str = "allergens";

/// All that an order in a store goes by, apart from what changes by the minute.
#[derive(Debug)]
pub(crate) struct Shop {
    /// As phones get it.
    pub(crate) told: StoreMenu,
    /// Its menu, to look things up in.
    pub(crate) book: Option<MenuBook>,
}

/// What was read, with the revision that it is of.
pub(crate) type Shops = BTreeMap<StoreId, (i64, Arc<Shop>)>;

/// A store that takes orders; `None` for any other.
pub(crate) fn shop(db: &Connection, app: &Shared, store: &StoreId) -> Result<Option<Arc<Shop>>, Fault> {
    let revision: i64 =
        db.prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'menus_revision'")?.query_row([], |row| row.get(0))?;
    if let Some((of, known)) = lock(&app.shops).get(store)
        && *of == revision
    {
        return Ok(Some(Arc::clone(known)));
    }
    let Some(mut told) = told(db, store)? else { return Ok(None) };
    offered(app, &mut told);
    let book = told.menu.clone().map(MenuBook::new).transpose().map_err(|_| Fault::Stored("menu"))?;
    let shop = Arc::new(Shop { told, book });
    lock(&app.shops).insert(store.clone(), (revision, Arc::clone(&shop)));
    Ok(Some(shop))
}

/// Something was put: whatever was read is read again. Also of a put that is taken back, so that the next one of the same revision is not taken for it.
pub(super) fn changed(db: &Connection, app: &Shared) -> Result<(), Fault> {
    db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'menus_revision'", [])?;
    lock(&app.shops).clear();
    Ok(())
}

/// Where no provider takes money, tokens are not offered.
pub(super) fn offered(app: &Shared, told: &mut StoreMenu) {
    if app.settings.payments.is_none() {
        told.terms.methods.retain(|method| *method != PaymentMethod::Token);
    }
}

pub(super) fn told(db: &Connection, store: &StoreId) -> Result<Option<StoreMenu>, Fault> {
    let Some(terms) = one(db, "SELECT terms FROM order_stores WHERE store = ?1", store.as_str())? else { return Ok(None) };
    Ok(Some(StoreMenu {
        menu: menu(db, store)?,
        kitchen: one(db, "SELECT plan FROM kitchens WHERE store = ?1", store.as_str())?,
        terms,
        tax: tax_table(db)?,
        allergens: allergen_table(db)?,
    }))
}

pub(super) fn menu(db: &Connection, store: &StoreId) -> Result<Option<Menu>, Fault> {
    one(db, "SELECT menu FROM menus WHERE store = ?1", store.as_str())
}

/// The operator's rates, else the law's of today.
pub(crate) fn tax_table(db: &Connection) -> Result<TaxTable, Fault> {
    match one(db, "SELECT contents FROM order_tables WHERE name = ?1", TAX)? {
        Some(table) => Ok(table),
        None => TaxTable::from_json(tax::JAPAN).map_err(|_| Fault::Stored("tax table")),
    }
}

/// The operator's allergens, else the law's of today.
pub(super) fn allergen_table(db: &Connection) -> Result<AllergenTable, Fault> {
    match one(db, "SELECT contents FROM order_tables WHERE name = ?1", ALLERGENS)? {
        Some(table) => Ok(table),
        None => AllergenTable::from_json(allergens::JAPAN).map_err(|_| Fault::Stored("allergen table")),
    }
}

fn one<T: DeserializeOwned>(db: &Connection, sql: &str, key: &str) -> Result<Option<T>, Fault> {
    let text: Option<String> = db.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()?;
    text.map(|text| from_json(&text, "menu, kitchen, terms or table")).transpose()
}

/// Whether a store takes new orders, and since when that was said; `None` for one that takes none at all.
pub(crate) fn mode(db: &Connection, store: &StoreId) -> Result<Option<(StoreMode, i64)>, Fault> {
    let sql = "SELECT mode, mode_since_ms FROM order_stores WHERE store = ?1";
    let row: Option<(String, i64)> =
        db.prepare_cached(sql)?.query_row([store.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    row.map(|(mode, since_ms)| Ok((from_json(&mode, "store mode")?, since_ms))).transpose()
}

/// What is sold out in a store, now or at some later hand-over.
pub(crate) fn sold_out(db: &Connection, store: &StoreId, now_ms: i64) -> Result<Vec<SoldOut>, Fault> {
    let sql = "SELECT thing, until_ms FROM sold_out WHERE store = ?1 AND (until_ms IS NULL OR until_ms > ?2) ORDER BY thing";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![store.as_str(), now_ms])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (thing, until_ms): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        all.push(SoldOut { thing: from_json(&thing, "menu thing")?, until_ms });
    }
    Ok(all)
}
