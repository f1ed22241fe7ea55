use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::b64;
use crate::wire::ProductInfo;

fn price(channel: Option<Channel>, from_ms: Option<i64>, until_ms: Option<i64>, amount_minor: i64) -> Price {
    Price { channel, from_ms, until_ms, amount_minor, currency: "JPY".into() }
}

#[test]
fn the_price_of_a_channel_and_a_time() {
    let prices = [
        price(None, None, None, 1_990),
        price(None, Some(100), Some(200), 1_490),
        price(Some(Channel::Ec), None, None, 1_790),
        price(Some(Channel::Ec), Some(150), None, 1_690),
        price(None, Some(100), Some(200), 1_480),
    ];
    let at = |channel, at_ms| price_at(&prices, channel, at_ms).unwrap().amount_minor;
    assert_eq!(
        [at(Channel::Store, 99), at(Channel::Store, 100), at(Channel::Store, 199), at(Channel::Store, 200)],
        [1_990, 1_480, 1_480, 1_990]
    );
    assert_eq!([at(Channel::Ec, 149), at(Channel::Ec, 150), at(Channel::Ec, 1_000)], [1_790, 1_690, 1_690]);
    assert_eq!(price_at(&prices[1..2], Channel::Store, 250), None);
    assert_eq!(price_at(&[], Channel::Store, 0), None);
}

fn sold(product: &str, sold: u64) -> Sold {
    Sold { product: product.into(), sold }
}

#[test]
fn equals_have_equal_ranks_and_the_next_is_left_out() {
    let ranked = rank(vec![sold("d", 1), sold("c", 5), sold("x", 0), sold("b", 5), sold("a", 9)]);
    let ranks: Vec<(u32, &str)> = ranked.iter().map(|(rank, sold)| (*rank, sold.product.as_str())).collect();
    assert_eq!(ranks, [(1, "a"), (2, "b"), (2, "c"), (4, "d")]);
    assert!(rank(Vec::new()).is_empty());
}

#[test]
fn it_fits_as_it_is_or_turned_and_never_on_its_side() {
    let size = |width_mm, depth_mm, height_mm| SizeMm { width_mm, depth_mm, height_mm };
    let shelf = size(900, 400, 1_800);
    assert_eq!(shelf.fits(&size(900, 400, 1_800)), Fit::AsItIs);
    assert_eq!(shelf.fits(&size(450, 950, 1_900)), Fit::Turned);
    assert_eq!(shelf.fits(&size(1_800, 900, 400)), Fit::TooLarge);
    assert_eq!(shelf.fits(&size(899, 899, 1_800)), Fit::TooLarge);
}

fn product() -> ProductInfo {
    let variant = |sku: &str, colour: &str, size: &str| VariantInfo {
        sku: sku.into(),
        gtin: None,
        colour: Some(colour.into()),
        size: Some(size.into()),
        prices: vec![price(None, None, None, 2_990)],
    };
    ProductInfo {
        id: "shirt".into(),
        title: [("ja".to_owned(), "リネンシャツ".to_owned())].into(),
        reading: None,
        brand: Some("暖簾".into()),
        description: [("en".to_owned(), "Linen.\nWash at 30 °C.".to_owned())].into(),
        variants: vec![variant("100-S", "白", "S"), variant("100-M", "白", "M")],
        assets: vec![asset(b"a picture")],
        size_mm: None,
        tax_class: None,
        least_age: None,
    }
}

fn asset(bytes: &[u8]) -> AssetInfo {
    AssetInfo {
        kind: AssetKind::Image,
        url: "https://img.example/100.webp".into(),
        sha256: b64::encode(&Sha256::digest(bytes)),
        size_bytes: bytes.len() as u64,
        width_px: Some(800),
        height_px: Some(1_000),
        sku: Some("100-M".into()),
    }
}

#[test]
fn bytes_that_are_not_those_of_the_catalogue_are_refused() {
    let picture = asset(b"a picture");
    assert_eq!(picture.check(b"a picture"), Ok(()));
    assert_eq!(picture.check(b"a pictur3"), Err(AssetError::Hash));
    assert_eq!(picture.check(b""), Err(AssetError::Size { expected: 9, got: 0 }));
    assert_eq!(AssetInfo { sha256: "no hash".into(), ..picture }.check(b"a picture"), Err(AssetError::Hash));
}

#[test]
fn a_product_that_cannot_be_is_refused_by_name() {
    assert_eq!(product().check(), Ok(()));
    let wrong = |change: &dyn Fn(&mut ProductInfo)| {
        let mut product = product();
        change(&mut product);
        product.check().unwrap_err()
    };
    assert_eq!(wrong(&|p| p.id = "".into()), ProductError::Id);
    assert_eq!(wrong(&|p| p.title = [("fr".to_owned(), "Chemise".to_owned())].into()), ProductError::Text);
    assert_eq!(wrong(&|p| p.title = [("ja".to_owned(), " ".to_owned())].into()), ProductError::Text);
    assert_eq!(wrong(&|p| p.title = [("ja".to_owned(), "字".repeat(201))].into()), ProductError::Text);
    assert_eq!(wrong(&|p| p.description = [("日本語".to_owned(), "麻".to_owned())].into()), ProductError::Text);
    assert_eq!(wrong(&|p| p.brand = Some(String::new())), ProductError::Words);
    assert_eq!(wrong(&|p| p.variants.clear()), ProductError::Variants);
    assert_eq!(wrong(&|p| p.variants = vec![p.variants[0].clone(); 501]), ProductError::Variants);
    assert_eq!(wrong(&|p| p.variants[1].sku = "\u{7}".into()), ProductError::Sku { sku: "\u{7}".into() });
    assert_eq!(wrong(&|p| p.variants[1].sku = "100-S".into()), ProductError::SkuTwice { sku: "100-S".into() });
    assert_eq!(wrong(&|p| p.variants[1].size = Some("S".into())), ProductError::SameVariant { sku: "100-M".into() });
    assert_eq!(wrong(&|p| p.variants[1].size = Some(String::new())), ProductError::ColourOrSize { sku: "100-M".into() });
    let prices: [&dyn Fn(&mut Price); 4] =
        [&|p| p.amount_minor = -1, &|p| p.currency = "yen".into(), &|p| p.currency = "円".into(), &|p| {
            (p.from_ms, p.until_ms) = (Some(5), Some(5))
        }];
    for change in prices {
        assert_eq!(wrong(&|p| change(&mut p.variants[0].prices[0])), ProductError::Price { sku: "100-S".into() });
    }
    assert_eq!(wrong(&|p| p.size_mm = Some(SizeMm { width_mm: 1, depth_mm: 0, height_mm: 1 })), ProductError::Size);
    assert_eq!(wrong(&|p| p.least_age = Some(121)), ProductError::Age);
    assert_eq!(wrong(&|p| p.assets = vec![p.assets[0].clone(); 101]), ProductError::Assets);
    let assets: [&dyn Fn(&mut AssetInfo); 9] = [
        &|a| a.url = "http://img.example/100.webp".into(),
        &|a| a.url = "https://".into(),
        &|a| a.url = "https:///etc".into(),
        &|a| a.url = "https://img.example/a b".into(),
        &|a| a.sha256 = b64::encode(&[0; 31]),
        &|a| a.size_bytes = 0,
        &|a| a.width_px = None,
        &|a| a.kind = AssetKind::Glb,
        &|a| a.sku = Some("999".into()),
    ];
    for change in assets {
        assert!(matches!(wrong(&|p| change(&mut p.assets[0])), ProductError::Asset { .. }));
    }
}

fn prices() -> impl Strategy<Value = Vec<Price>> {
    let channel = prop::sample::select(vec![None, Some(Channel::Store), Some(Channel::Ec)]);
    let time = || prop::option::of(0..6i64);
    prop::collection::vec(
        (channel, time(), time(), 0..9i64).prop_map(|(channel, from, until, amount)| price(channel, from, until, amount)),
        0..8,
    )
}

proptest! {
    #[test]
    fn no_other_price_has_a_better_right(prices in prices(), at_ms in 0..7i64) {
        let counts = |p: &Price| p.channel.is_none_or(|c| c == Channel::Store) && p.from_ms.is_none_or(|t| t <= at_ms) && p.until_ms.is_none_or(|t| t > at_ms);
        match price_at(&prices, Channel::Store, at_ms) {
            None => prop_assert!(!prices.iter().any(counts)),
            Some(best) => {
                prop_assert!(counts(best));
                let right = |p: &Price| (p.channel.is_some(), p.from_ms);
                prop_assert!(prices.iter().filter(|p| counts(p)).all(|p| right(p) <= right(best)));
            }
        }
    }

    #[test]
    fn a_ranking_is_the_same_in_any_order(drawn in prop::collection::btree_map("[a-f]{1,2}", 0..4u64, 0..20)) {
        let products: Vec<Sold> = drawn.iter().map(|(id, n)| sold(id, *n)).collect();
        let ranked = rank(products.clone());
        prop_assert_eq!(&rank(products.iter().rev().cloned().collect()), &ranked);
        prop_assert_eq!(ranked.len(), drawn.values().filter(|n| **n > 0).count());
        for (rank, product) in &ranked {
            let better = drawn.values().filter(|n| **n > product.sold).count();
            prop_assert_eq!(*rank as usize, better + 1);
        }
    }
}
