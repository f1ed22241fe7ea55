//! A chain of four stores, its online shop and its warehouse, and a shopper who asks: is it on the shelf, in my size, when I get there?
//!
//! What is real: the products' JAN codes and names (Open Food Facts, `tests/data/products_jan`), when how many are sold (UCI Online Retail,
//! `tests/data/online_retail`), and the town, Kurashiki (倉敷). What is made up: the chain, where its stores stand, prices, shelves, safety stock,
//! what lies there in the morning, and the one product's size in millimetres.
//!
//! The log's articles are British gifts. The one that stands on the most lines of 1 December 2010 is the chain's first variant, the next the
//! second, and so on, one to one.

mod chain;
mod days;
mod feed;
mod goods;
mod log;
mod operator;
mod phone;
mod till;
mod walk;

pub use chain::{CHAIN, ChainStore, EC, UTC_OFFSET_MIN, WAREHOUSE, store};
pub use days::StoryDays;
pub use feed::{Fed, Feed};
pub use goods::{products, variant};
pub use log::{ARRIVES_MIN, LogSale, NOON_MIN, TRANSFER, TwoDays};
pub use operator::ChainOperator;
pub use phone::StoreShopper;
pub use till::{Basket, StoreTill};
pub use walk::walk;

use std::sync::Arc;

use noren_backend::Backend;
use noren_core::net::Transport;

use crate::travel::StoryClock;

/// Puts the chain into a backend on loopback, as if it were noon of its second day now: its stores, its products, what its tills have said so far.
///
/// # Errors
/// What the backend refused.
pub async fn open_now(backend: &Backend, operator_token: &str, transport: &Arc<dyn Transport>) -> Result<Fed, String> {
    let clock = StoryClock::default();
    let days = StoryDays::with_noon_at(clock.now_ms());
    let operator = ChainOperator::new(&backend.url(), operator_token, transport.clone(), &clock);
    operator.put().await?;
    let tills = StoreTill::all(backend, transport, &clock).await?;
    let two = TwoDays::read()?;
    operator.open_the_books(&two, &days).await?;
    Feed::new(&two, days, &tills).until_noon().await
}
