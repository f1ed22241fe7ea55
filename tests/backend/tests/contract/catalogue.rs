//! Products: what an operator may say of them, and how they are found.

use noren_backend::DEMO_OPERATOR_TOKEN;
use noren_rules::scan::Gtin;
use noren_rules::wire::*;
use proptest::prelude::*;

use crate::goods::*;
use crate::support::*;

fn with_gtin(id: &str, sku: &str, gtin: &str) -> ProductInfo {
    let mut product = product(id, &[sku]);
    product.variants[0].gtin = Gtin::from_digits(gtin);
    product
}

#[tokio::test]
async fn products_are_found_by_every_name_each_once_in_the_order_asked() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let upc = with_gtin("upc", "u1", "036602301467");
    let odd = product("日本 & co, ltd", &["a,b%20c", "a+b"]);
    assert_eq!(world.products(vec![product("shirt", &["s1", "s2"]), with_gtin("pen", "p1", "4901777018686"), upc, odd]).await, 4);
    assert_eq!(ids(&world.ask(&phone, "ids=pen,shirt,nowhere").await), ["pen", "shirt"]);
    assert_eq!(ids(&world.ask(&phone, "ids=pen&skus=s2,s1,p1&gtins=4901777018686").await), ["pen", "shirt"]);
    // The same product, whatever bars carried it; one that nobody knows is not in the page.
    assert_eq!(ids(&world.ask(&phone, "gtins=0036602301467").await), ["upc"]);
    assert_eq!(ids(&world.ask(&phone, "gtins=48512343").await), Vec::<&str>::new());
    for query in ["ids=%E6%97%A5%E6%9C%AC%20%26%20co%2C%20ltd", "skus=a%2Cb%2520c", "skus=a%2Bb", "skus=nowhere,a%2Cb%2520c"] {
        assert_eq!(ids(&world.ask(&phone, query).await), ["日本 & co, ltd"], "{query}");
    }
    let record = world.record(&phone, "shirt").await;
    assert_eq!((record.ratings, record.stars, record.product), (0, 0, product("shirt", &["s1", "s2"])));
    let two_hundred = vec!["nowhere"; 200].join(",");
    assert_eq!(world.ask(&phone, &format!("skus={two_hundred}")).await, []);
    for query in [
        "",
        "?",
        "?ids=",
        "?ids=a,,b",
        "?ids=a&ids=b",
        "?ids=a&limit=3",
        "?ids=a&text=b",
        "?text=",
        "?text=%E3%80%80",
        "?text=a&limit=0",
        "?text=a&limit=101",
        "?text=a&limit=x",
        "?gtins=4901777018687",
        "?gtins=pen",
        "?words=a",
        &format!("?text={}", "a".repeat(201)),
        &format!("?ids={two_hundred},x"),
        &format!("?ids={two_hundred}&skus=x"),
    ] {
        let got = world.get(&format!("{}{query}", paths::PRODUCTS), Some(&phone.token)).await;
        assert_eq!(got.refused(400), Reason::InvalidRequest, "{query}");
    }
    assert_eq!(world.get(&format!("{}?ids=pen", paths::PRODUCTS), Some(DEMO_OPERATOR_TOKEN)).await.refused(403), Reason::Forbidden);
    world.stop().await;
}

#[tokio::test]
async fn a_search_folds_and_the_best_come_first() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let named = |id: &str, title: &str| ProductInfo { title: text(title), ..product(id, &[id]) };
    let english = [("ja".to_owned(), "鞄".to_owned()), ("en".to_owned(), "Canvas Bag".to_owned())].into();
    let products = vec![
        named("1", "赤いシャツ 長袖"),
        named("2", "シャツ"),
        named("3", "Tシャツ"),
        named("4", "子供 シャツ"),
        named("5", "シャツ 白"),
        ProductInfo {
            reading: Some("ようふくかけ".to_owned()), brand: Some("Ｎｏｒｅｎ".to_owned()), ..named("6", "ハンガー")
        },
        ProductInfo { title: english, ..product("7", &["7"]) },
        named("8", "100%コットン_タオル"),
    ];
    world.products(products).await;
    assert_eq!(ids(&world.ask(&phone, "text=しゃつ").await), ["2", "5", "4", "3", "1"]);
    assert_eq!(ids(&world.ask(&phone, "text=しゃつ&limit=2").await), ["2", "5"]);
    assert_eq!(ids(&world.ask(&phone, "text=長袖%20%20シャツ").await), ["1"], "words in any order");
    assert_eq!(ids(&world.ask(&phone, "text=ﾖｳﾌｸ").await), ["6"]);
    assert_eq!(ids(&world.ask(&phone, "text=noren").await), ["6"]);
    assert_eq!(ids(&world.ask(&phone, "text=canvas+BAG").await), ["7"]);
    assert_eq!(ids(&world.ask(&phone, "text=%25").await), ["8"], "no wildcard");
    assert_eq!(ids(&world.ask(&phone, "text=_").await), ["8"]);
    assert_eq!(ids(&world.ask(&phone, "text='%22%3B--").await), Vec::<&str>::new());
    // A title that changes is found by the new one alone.
    world.products(vec![named("2", "ブラウス")]).await;
    assert_eq!(ids(&world.ask(&phone, "text=しゃつ&limit=1").await), ["5"]);
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name_and_changes_nothing() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(vec![product("shirt", &["s1", "s2"]), with_gtin("pen", "p1", "4901777018686")]).await;
    let cases = [
        ("the sku s1 belongs to product shirt", vec![product("new", &["n1"]), product("other", &["s1"])]),
        ("the GTIN 4901777018686 of the sku q1 is another variant's", vec![with_gtin("other", "q1", "4901777018686")]),
        ("product shirt: it comes twice", vec![product("shirt", &["s1"]), product("shirt", &["s2"])]),
        ("product none", vec![product("none", &[])]),
        ("product twice", vec![product("twice", &["t1", "t1"])]),
    ];
    for (says, products) in cases {
        let got = world.try_products(products, &[]).await;
        assert_eq!(got.refused(422), Reason::InvalidRule, "{says}");
        assert!(got.json()["detail"].as_str().unwrap().contains(says), "{says}: {}", got.body);
    }
    assert_eq!(ids(&world.ask(&phone, "ids=new,other,shirt,pen,none,twice").await), ["shirt", "pen"]);
    let many = (0..1_001).map(|at| product(&at.to_string(), &[&at.to_string()])).collect();
    assert_eq!(world.try_products(many, &[]).await.refused(400), Reason::InvalidRequest);
    world.stop().await;
}

#[tokio::test]
async fn a_version_rises_with_each_change_and_never_falls() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(vec![product("shirt", &["s1", "s2"]), product("coat", &["c1"])]).await;
    let first = world.record(&phone, "shirt").await.version;
    assert_ne!(first, world.record(&phone, "coat").await.version);
    assert_eq!(world.products(vec![product("shirt", &["s1", "s2"])]).await, 0, "the same again");
    assert_eq!(world.record(&phone, "shirt").await.version, first);
    // An article goes from one product to another in one call.
    assert_eq!(world.products(vec![product("coat", &["c1", "s2"]), product("shirt", &["s1"])]).await, 2);
    assert_eq!(ids(&world.ask(&phone, "skus=s2").await), ["coat"]);
    let second = world.record(&phone, "shirt").await.version;
    assert!(second > first);
    assert_eq!(world.try_products(vec![], &["shirt", "never there"]).await.ok::<Kept>().changed, 1);
    assert_eq!(ids(&world.ask(&phone, "ids=shirt&skus=s1").await), Vec::<&str>::new());
    world.products(vec![product("shirt", &["s1"])]).await;
    assert!(world.record(&phone, "shirt").await.version > second);
    world.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever a shop calls its articles, a phone that escapes the code gets the product.
    #[test]
    fn any_code_comes_through_a_query(sku in "[ -~あ-ん]{1,40}") {
        prop_assume!(!sku.trim().is_empty() && sku.trim() == sku);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(async {
            let world = world().await;
            let phone = world.phone(1, None).await;
            world.products(vec![product("p", &[&sku])]).await;
            let escaped: String = sku.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let found = world.ask(&phone, &format!("skus=nowhere,{escaped}")).await;
            world.stop().await;
            found
        });
        prop_assert_eq!(ids(&found), ["p"]);
    }
}
