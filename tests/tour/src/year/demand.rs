//! What people wanted to buy: the real sales log.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use jiff::civil::{DateTime, date};

use super::{Minute, STORES};
use crate::dice::Dice;

/// The sales of the 100 stock codes with most sales lines (tests/data/README.md).
const LOG: &[u8] = include_bytes!("../../../data/online_retail/demand.csv.gz");

/// A wish to buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) at: Minute,
    pub(super) store: usize,
    pub(super) item: usize,
    pub(super) quantity: i64,
}

/// All of them, in order of time.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) wishes: Vec<Wish>,
    /// How many stock codes there are.
    pub(super) items: usize,
}

/// Reads the log. It is of one shop: an invoice is given to one of the stores by its number, as a whole.
pub(super) fn read() -> Result<Demand, String> {
    let mut text = String::new();
    GzDecoder::new(LOG).read_to_string(&mut text).map_err(|e| e.to_string())?;
    let mut items: BTreeMap<String, usize> = BTreeMap::new();
    let mut wishes = Vec::new();
    for line in text.lines().skip(1) {
        let unreadable = || format!("demand.csv.gz: {line}");
        let mut fields = line.split(',');
        let (Some(invoice), Some(code), Some(quantity), Some(at)) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
            return Err(unreadable());
        };
        let next = items.len();
        wishes.push(Wish {
            at: minute(at).ok_or_else(unreadable)?,
            store: usize::try_from(Dice::new(invoice.parse().map_err(|_| unreadable())?).between(0, STORES - 1))
                .map_err(|_| unreadable())?,
            item: *items.entry(code.to_owned()).or_insert(next),
            quantity: quantity.parse().map_err(|_| unreadable())?,
        });
    }
    wishes.sort_by_key(|wish| wish.at);
    Ok(Demand { wishes, items: items.len() })
}

/// Minutes since 1 December 2010, 0:00, by the shop's clock.
fn minute(text: &str) -> Option<Minute> {
    let at: DateTime = text.replace(' ', "T").parse().ok()?;
    let since = at.duration_since(date(2010, 12, 1).at(0, 0, 0, 0));
    Some(since.as_mins())
}
