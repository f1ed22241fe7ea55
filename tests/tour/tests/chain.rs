//! The chain of the tour: its products are real, its two days are the log's, and nothing is sold that was not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::ids::Sku;
use noren_tour::stores::{ARRIVES_MIN, CHAIN, NOON_MIN, TRANSFER, TwoDays, products};

/// Open Food Facts (tests/data/README.md).
const REAL: &str = include_str!("../../data/products_jan/products.csv");

#[test]
fn every_jan_code_is_a_real_products() {
    let mut reader = csv::Reader::from_reader(REAL.as_bytes());
    let names: BTreeMap<String, String> =
        reader.records().map(|row| row.unwrap()).map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    let products = products().unwrap();
    let mut seen = BTreeSet::new();
    for product in &products {
        product.check().unwrap();
        for variant in &product.variants {
            let gtin = variant.gtin.as_ref().unwrap().to_string();
            assert!(names.contains_key(&gtin), "{gtin} of {} is not in the data", variant.sku);
            assert!(seen.insert(variant.sku.clone()) && variant.prices.iter().all(|price| price.currency == "JPY"));
        }
    }
    assert_eq!((products.len(), seen.len()), (12, 38));
    // The three sizes of the story are what the data says.
    let named = |jan: &str| names[jan].to_lowercase();
    for (jan, says) in [("4901515122217", "500ml"), ("4901515118487", "600 ml"), ("4901515111150", "1litre")] {
        assert!(named(jan).contains("kikkoman") && named(jan).contains(says), "{}", named(jan));
    }
}

#[test]
fn two_days_of_the_log_are_sold_by_eight_tills() {
    let two = TwoDays::read().unwrap();
    assert_eq!(two.articles.len(), 38);
    assert_eq!(two.articles[..3], ["22632", "22866", "85123A"], "the articles on the most lines come first");
    assert_eq!(two.articles.iter().collect::<BTreeSet<_>>().len(), 38, "one to one");
    let tills: BTreeSet<_> = two.sales.iter().map(|sale| (sale.store, sale.till)).collect();
    assert_eq!(tills.len(), 2 * CHAIN.len());
    assert!(two.sales.iter().is_sorted_by_key(|sale| sale.at_min) && two.sales.len() > 150);
    assert_eq!(TwoDays::read().unwrap().sales, two.sales);

    let left = |store, sku: &str, at_min| two.opening[&(store, Sku::from(sku))] - two.sold(store, &sku.into(), at_min);
    assert_eq!([0, 1, 2, 3].map(|store| left(store, "soy-1000", NOON_MIN)), [0, 2, 6, 9]);
    for (store, sku) in two.opening.keys() {
        for minute in (0..NOON_MIN + 720).step_by(30) {
            let arrived = if (*store, sku.as_str()) == (TRANSFER.0, TRANSFER.1) && minute > ARRIVES_MIN { TRANSFER.2 } else { 0 };
            let lies = two.opening[&(*store, sku.clone())] + arrived - two.sold(*store, sku, minute);
            assert!(lies >= 0, "{lies} of {sku} lie in store {store} at {minute}");
        }
    }
}
