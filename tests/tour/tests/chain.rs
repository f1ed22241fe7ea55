//! The chain of the tour: its products are real, its two days are the log's, and nothing is sold that was not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::ids::Sku;
use noren_tour::stores::{ARRIVES_MIN, CHAIN, NOON_MIN, TRANSFER, TwoDays, products};
use support::{Served, line, lines, run};

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

/// What an app developer does: a backend with the chain, a phone in a directory, an answer as JSON.
#[test]
fn the_chain_is_served_and_asked_from_the_command_line() {
    let (served, folder) = (Served::with(&["--stores"]), tempfile::tempdir().unwrap());
    let home = folder.path().join("phone").to_str().unwrap().to_owned();
    line(&["enrol", "--backend", &served.url, "--home", &home]);
    let asked =
        ["stock", "4901515111150", "--home", &home, "--store", CHAIN[1].id, "--store", CHAIN[0].id, "--store", "nowhere", "--in-min", "11"];
    let answers = lines(&asked);
    let short: Vec<_> = answers
        .iter()
        .map(|answer| {
            (
                answer["store"].as_str().unwrap(),
                answer["size"].as_str().unwrap(),
                answer["band"].as_str().unwrap(),
                answer["quantity"].as_u64().unwrap(),
            )
        })
        .collect();
    let large: Vec<_> = short.iter().filter(|answer| answer.1 == "1 L").copied().collect();
    assert_eq!((short.len(), large), (6, vec![(CHAIN[1].id, "1 L", "low", 1), (CHAIN[0].id, "1 L", "out", 0)]));
    assert!(
        answers[0]["chance_permille"].as_u64().unwrap() > 800 && answers[0]["text_ja"].as_str().unwrap().contains("時点"),
        "{}",
        answers[0]
    );

    // Without a network it is what was heard last.
    drop(served);
    assert_eq!(run(&asked).status.code(), Some(1));
    let offline: Vec<&str> = asked.into_iter().chain(["--offline"]).collect();
    assert_eq!(lines(&offline).len(), 6);
    let unknown = run(&["stock", "4901515111167", "--home", &home, "--store", CHAIN[1].id, "--offline"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    assert_eq!(run(&["serve", "--stores", "--host", "0.0.0.0"]).status.code(), Some(2));
}
