//! A coffee stand at a station of the chain: its menu and its kitchen. Made up, and believable: prices and times as such stands have them.

use noren_rules::ids::StoreId;
use noren_rules::menu::{Menu, MenuBook};
use noren_rules::slots::KitchenPlan;
use noren_rules::wire::OrderTerms;

mod living;
mod staff;

pub use living::open_now;
pub use staff::{StandOperator, StandStaff};

const MENU: &str = include_str!("menu.json");
const KITCHEN: &str = include_str!("kitchen.json");
const TERMS: &str = include_str!("terms.json");

/// The menu, for a store of this id.
///
/// # Errors
/// When the file that comes with the tour is broken.
pub fn menu(store: &str) -> Result<Menu, String> {
    let menu: Menu = serde_json::from_str(MENU).map_err(|e| format!("the stand's menu: {e}"))?;
    Ok(Menu { store: StoreId::from(store), ..menu })
}

/// The menu, checked.
///
/// # Errors
/// When the file that comes with the tour is broken.
pub fn book(store: &str) -> Result<MenuBook, String> {
    MenuBook::new(menu(store)?).map_err(|e| format!("the stand's menu: {e}"))
}

/// The kitchen, for a store of this id.
///
/// # Errors
/// When the file that comes with the tour is broken.
pub fn kitchen(store: &str) -> Result<KitchenPlan, String> {
    let plan: KitchenPlan = serde_json::from_str(KITCHEN).map_err(|e| format!("the stand's kitchen: {e}"))?;
    Ok(KitchenPlan { store: StoreId::from(store), ..plan })
}

/// How orders are taken, for a store of this id.
///
/// # Errors
/// When the file that comes with the tour is broken.
pub fn terms(store: &str) -> Result<OrderTerms, String> {
    let terms: OrderTerms = serde_json::from_str(TERMS).map_err(|e| format!("the stand's terms: {e}"))?;
    Ok(OrderTerms { store: StoreId::from(store), ..terms })
}
