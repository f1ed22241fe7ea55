//! Two days of the chain out of the real sales log: which articles, how many, at which minute of the day.
//!
//! The first day is 1 December 2010, of which the slice has every line. The second is all other days of the slice on top of each other, each invoice
//! at its time of day. The chain's articles are the British ones one to one by rank; invoices go round the stores, and in each round its two tills.
//! The log's customers are wholesalers: a piece of the chain is a dozen of the log, or the beginning of one. What is not on the shelf is not sold: a
//! line takes what is left.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use noren_rules::ids::Sku;
use noren_rules::receipt::{Channel, ReceiptKind};
use noren_rules::wire::SaleRequest;

use super::chain::CHAIN;
use super::goods::products;
use crate::sales_log::{self, SLICE, Shop};

/// The day of which the slice has every line.
const FIRST_DAY: &str = "2010-12-01";
/// Pieces of the log that are one of the chain.
const DOZEN: i64 = 12;
/// Minutes of a day.
pub(super) const DAY_MIN: i64 = 24 * 60;
/// When the story begins: at noon of the second day, in minutes since the first midnight.
pub const NOON_MIN: i64 = DAY_MIN + 12 * 60;
/// When the transfer arrives, the same way.
pub const ARRIVES_MIN: i64 = DAY_MIN + 15 * 60;

/// What the story needs to be on a shelf at noon. Everything else has enough for both days, and some more.
const LEFT_AT_NOON: [(usize, &str, i64); 6] =
    [(0, "soy-500", 9), (0, "soy-1000", 0), (1, "soy-500", 4), (1, "soy-1000", 2), (2, "soy-1000", 6), (3, "soy-1000", 9)];
/// The transfer from the warehouse: to which store, what, how many.
pub const TRANSFER: (usize, &str, i64) = (0, "soy-1000", 6);

/// What the shopper of the story buys, which the log cannot sell any more: where, what, how many, and from when on.
const STORY_SALE: (usize, &str, i64, i64) = (1, "soy-1000", 1, NOON_MIN);

/// An invoice of the log, sold by the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSale {
    /// Which store of [`CHAIN`].
    pub store: usize,
    /// Which of its tills.
    pub till: usize,
    /// When, in minutes since the first midnight.
    pub at_min: i64,
    /// The invoice's number.
    pub number: String,
    /// Variants and pieces; below 0 where they came back.
    pub lines: Vec<(Sku, i64)>,
}

/// Two days of the chain.
#[derive(Debug, Clone)]
pub struct TwoDays {
    /// What is sold, in the order of time.
    pub sales: Vec<LogSale>,
    /// What lies in a store on the first morning.
    pub opening: BTreeMap<(usize, Sku), i64>,
    /// The British articles, in the order of the chain's variants.
    pub articles: Vec<String>,
}

impl TwoDays {
    /// Reads the slice that comes with the project.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read() -> Result<Self, String> {
        let shop = Shop {
            store_id: "online-retail".into(),
            store_name: String::new(),
            channel: Channel::Store,
            currency: "GBP".to_owned(),
            time_zone: TimeZone::UTC,
        };
        let log = sales_log::read_bytes(SLICE, &shop).map_err(|e| e.to_string())?;
        let skus: Vec<Sku> = products()?.into_iter().flat_map(|product| product.variants).map(|variant| variant.sku).collect();
        let articles = by_rank(&log.sales, skus.len());
        let sold_as: BTreeMap<&str, &Sku> = articles.iter().map(String::as_str).zip(&skus).collect();
        let mut sales = round_the_stores(&log.sales, &sold_as);
        let opening = opening(&sales, &skus);
        sell_what_is_there(&mut sales, opening.clone());
        Ok(Self { sales, opening, articles })
    }

    /// What a store has sold of a variant before a minute, less what came back.
    #[must_use]
    pub fn sold(&self, store: usize, sku: &Sku, before_min: i64) -> i64 {
        sold(&self.sales, store, sku, before_min)
    }
}

/// The articles on the most lines of the first day's sales, most first; of equals the lower code.
fn by_rank(sales: &[SaleRequest], count: usize) -> Vec<String> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for sale in sales.iter().filter(|sale| sale.business_date == FIRST_DAY && sale.kind == ReceiptKind::Sale) {
        for line in &sale.lines {
            *lines.entry(&line.sku).or_default() += 1;
        }
    }
    let mut ranked: Vec<_> = lines.into_iter().collect();
    ranked.sort_by(|(code, lines), (other, others)| others.cmp(lines).then(code.cmp(other)));
    ranked.into_iter().take(count).map(|(code, _)| code.to_owned()).collect()
}

fn round_the_stores(sales: &[SaleRequest], sold_as: &BTreeMap<&str, &Sku>) -> Vec<LogSale> {
    let mut chain: Vec<LogSale> = Vec::new();
    for sale in sales {
        let of_day = sale.sold_at_ms.div_euclid(60_000).rem_euclid(DAY_MIN);
        let at_min = if sale.business_date == FIRST_DAY { of_day } else { DAY_MIN + of_day };
        let pieces = |quantity: i64| (quantity.abs() + DOZEN - 1) / DOZEN * quantity.signum();
        let lines: Vec<(Sku, i64)> =
            sale.lines.iter().filter_map(|line| Some(((*sold_as.get(line.sku.as_str())?).clone(), pieces(line.quantity)))).collect();
        if !lines.is_empty() {
            chain.push(LogSale { store: 0, till: 0, at_min, number: sale.number.clone(), lines });
        }
    }
    chain.sort_by(|a, b| a.at_min.cmp(&b.at_min).then(a.number.cmp(&b.number)));
    for (at, sale) in chain.iter_mut().enumerate() {
        (sale.store, sale.till) = (at % CHAIN.len(), at / CHAIN.len() % 2);
    }
    chain
}

fn opening(sales: &[LogSale], skus: &[Sku]) -> BTreeMap<(usize, Sku), i64> {
    let mut opening = BTreeMap::new();
    for store in 0..CHAIN.len() {
        for (rank, sku) in skus.iter().enumerate() {
            let told = LEFT_AT_NOON.iter().find(|(of, told, _)| *of == store && *told == sku.as_str());
            let lies = match told {
                Some((_, _, left)) => sold(sales, store, sku, NOON_MIN) + left,
                None => sold(sales, store, sku, 2 * DAY_MIN) + 2 + i64::try_from((rank * 5 + store * 3) % 9).unwrap_or_default(),
            };
            opening.insert((store, sku.clone()), lies.max(0));
        }
    }
    opening
}

fn sold(sales: &[LogSale], store: usize, sku: &Sku, before_min: i64) -> i64 {
    let of_store = sales.iter().filter(|sale| sale.store == store && sale.at_min < before_min);
    of_store.flat_map(|sale| &sale.lines).filter(|(of, _)| of == sku).map(|(_, quantity)| quantity).sum()
}

fn sell_what_is_there(sales: &mut Vec<LogSale>, mut shelf: BTreeMap<(usize, Sku), i64>) {
    let (to, what, pieces) = TRANSFER;
    let mut on_the_way = pieces;
    let (at, bought, mut hers, from_min) = STORY_SALE;
    for sale in sales.iter_mut() {
        if sale.at_min >= ARRIVES_MIN {
            *shelf.entry((to, what.into())).or_default() += std::mem::take(&mut on_the_way);
        }
        if sale.at_min >= from_min {
            *shelf.entry((at, bought.into())).or_default() -= std::mem::take(&mut hers);
        }
        for (sku, quantity) in &mut sale.lines {
            let left = shelf.entry((sale.store, sku.clone())).or_default();
            *quantity = (*quantity).min(*left);
            *left -= *quantity;
        }
        sale.lines.retain(|(_, quantity)| *quantity != 0);
    }
    sales.retain(|sale| !sale.lines.is_empty());
}
