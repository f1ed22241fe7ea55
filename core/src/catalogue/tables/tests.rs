use std::collections::BTreeMap;

use noren_rules::catalogue::VariantInfo;
use proptest::prelude::*;

use super::*;
use crate::outbox::OUTBOX_DB;
use crate::platform::SystemEntropy;
use crate::purchases::CACHE_DB;
use zeroize::Zeroizing;

fn store(directory: &std::path::Path) -> CatalogueStore {
    let database = Arc::new(Database::new(directory, CACHE_DB));
    CatalogueStore::new(
        database,
        Arc::new(Database::new(directory, OUTBOX_DB)),
        Sealer::new(Zeroizing::new([1; 32]), Arc::new(SystemEntropy)),
    )
}

fn record(id: &str, title: &str, version: u64, skus: &[&str]) -> ProductRecord {
    let variants = skus.iter().enumerate().map(|(n, sku)| VariantInfo {
        sku: (*sku).into(),
        gtin: None,
        colour: None,
        size: Some(n.to_string()),
        prices: Vec::new(),
    });
    let product = ProductInfo {
        id: id.into(),
        title: [("ja".to_owned(), title.to_owned())].into(),
        reading: None,
        brand: None,
        description: BTreeMap::new(),
        variants: variants.collect(),
        assets: Vec::new(),
        size_mm: None,
        tax_class: None,
        least_age: None,
    };
    ProductRecord { product, ratings: 0, stars: 0, version }
}

fn ids(found: &[KeptProduct]) -> Vec<&str> {
    found.iter().map(|kept| kept.record.product.id.as_str()).collect()
}

#[test]
fn what_was_not_looked_at_for_the_longest_time_goes_first_but_never_what_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let records: Vec<ProductRecord> = (0..6).map(|n| record(&format!("p{n}"), "傘", 1, &[&format!("s{n}")])).collect();
    for (n, record) in (0i64..).zip(&records) {
        store.take_in(&[record], 1, n * SEEN_WITHIN_MS, &BTreeSet::new()).unwrap();
    }
    // Looked at again: p1 is the newest now.
    store.note_seen(&store.product(&"p1".into()).unwrap().unwrap(), 10 * SEEN_WITHIN_MS).unwrap();
    store.database.write(|tx| make_room(tx, 3, &["s0".into()].into())).unwrap();
    assert_eq!(ids(&store.search("", 10).unwrap()), ["p1", "p5", "p0"]);
    assert_eq!(ids(&store.search("傘", 10).unwrap()), ["p1", "p5", "p0"], "the index went with them");
    assert_eq!(store.by_number(&ProductNumber::Sku("s2".into())).unwrap(), None);
    store.database.write(|tx| make_room(tx, 0, &["s0".into(), "s1".into()].into())).unwrap();
    assert_eq!(ids(&store.search("", 10).unwrap()), ["p1", "p0"], "more are kept than there is room for");
}

#[test]
fn a_product_that_cannot_be_spoils_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let (bad, good) = (record("bad", "無", 1, &[]), record("good", "有", 1, &["s"]));
    assert_eq!(store.take_in(&[&bad, &good], 1, 1, &BTreeSet::new()).unwrap(), 1);
    assert_eq!(ids(&store.search("", 10).unwrap()), ["good"]);
}

#[test]
fn a_variant_that_moved_leads_to_the_newer_product() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    for record in [record("old", "旧", 1, &["s", "t"]), record("new", "新", 1, &["s"]), record("old", "旧", 2, &["t"])] {
        store.take_in(&[&record], 1, 1, &BTreeSet::new()).unwrap();
    }
    let product = |sku: &str| store.by_number(&ProductNumber::Sku(sku.into())).unwrap().unwrap().0.record.product.id.0;
    assert_eq!((product("s"), product("t")), ("new".to_owned(), "old".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// In whatever order versions come and however often: the highest stands, and is what is found by text and number.
    #[test]
    fn the_highest_version_stands(order in prop::collection::vec((0..3usize, 1..6u64), 1..20)) {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        let mut highest: BTreeMap<usize, u64> = BTreeMap::new();
        for (n, version) in order {
            let record = record(&format!("p{n}"), &format!("第{version}版"), version, &[&format!("s{n}-{version}")]);
            let changed = store.take_in(&[&record], i64::try_from(version).unwrap(), 1, &BTreeSet::new()).unwrap();
            let known = highest.entry(n).or_default();
            prop_assert_eq!(changed == 1, version > *known);
            *known = version.max(*known);
        }
        for (n, version) in &highest {
            let id = format!("p{n}");
            for older in 1..6 {
                let found = store.by_number(&ProductNumber::Sku(format!("s{n}-{older}").into())).unwrap();
                prop_assert_eq!(found.is_some(), older == *version);
                let by_text = store.search(&format!("第{older}版"), 10).unwrap();
                prop_assert_eq!(ids(&by_text).contains(&id.as_str()), older == *version);
            }
            prop_assert_eq!(store.product(&id.as_str().into()).unwrap().unwrap().as_of_ms, i64::try_from(*version).unwrap());
        }
    }
}
