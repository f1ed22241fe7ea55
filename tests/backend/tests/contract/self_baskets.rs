//! Baskets scanned in a store: one code, whose total is the core's.

use noren_backend::{DEMO_STORE_ID, DEMO_TILL_TOKEN};
use noren_rules::basket::{Basket, BasketLine};
use noren_rules::receipt::Channel;
use noren_rules::tax::TaxClass;
use noren_rules::wire::*;

use crate::goods::*;
use crate::support::*;

fn piece(sku: &str, quantity: u32) -> BasketPiece {
    BasketPiece { sku: sku.into(), quantity }
}

impl World {
    async fn try_basket(&self, phone: &Phone, store: &str, pieces: Vec<BasketPiece>) -> Got {
        let request = SelfBasketRequest { store: store.into(), pieces, total_minor: 0 };
        self.post(paths::SELF_BASKETS, Some(&phone.token), &self.fresh_key(), &request).await
    }

    async fn at_self_till(&self, code: &str) -> Got {
        self.get(&format!("{}?code={code}", paths::TILL_SELF_BASKETS), Some(DEMO_TILL_TOKEN)).await
    }
}

/// Forty articles: every fourth is food, at another rate.
fn shelf() -> Vec<ProductInfo> {
    let one = |at: usize| ProductInfo {
        tax_class: at.is_multiple_of(4).then_some(TaxClass::Food),
        ..product(&format!("p{at}"), &[&format!("sku-{at}")])
    };
    (0..40).map(one).collect()
}

#[tokio::test]
async fn a_basket_of_forty_lines_becomes_one_code_and_an_ordinary_sale() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(shelf()).await;
    let pieces: Vec<BasketPiece> = (0..40).map(|at| piece(&format!("sku-{at}"), 1 + at % 3)).collect();
    let count: i64 = pieces.iter().map(|piece| i64::from(piece.quantity)).sum();
    let basket: SelfBasket = world.try_basket(&phone, DEMO_STORE_ID, pieces).await.ok();
    assert_eq!((basket.code.len(), basket.lines.len(), basket.currency.as_str()), (10, 40, "JPY"));
    assert_eq!((basket.total_minor, basket.unknown.len(), basket.staff_needed), (1_990 * count, 0, false));
    // The till's own core adds the same lines up to the same total.
    let lines = basket.lines.iter().map(|line| BasketLine {
        sku: line.sku.clone(),
        class: None,
        quantity: line.quantity,
        amount_minor: line.amount_minor,
        tax_permille: line.tax_permille,
        greatest_discount_minor: None,
    });
    assert_eq!(Basket::new("JPY", lines.collect()).unwrap().total_minor(), basket.total_minor);
    let rates: Vec<u32> = basket.taxes.iter().map(|tax| tax.tax_permille).collect();
    assert_eq!(rates, [80, 100]);
    assert_eq!(basket.taxes.iter().map(|tax| tax.gross_minor).sum::<i64>(), basket.total_minor);
    // Scanned at the self-till, and sold.
    let read: SelfBasket = world.at_self_till(&basket.code.to_lowercase()).await.ok();
    assert_eq!(read, basket);
    let sold = SaleRequest {
        store_id: DEMO_STORE_ID.into(),
        channel: Channel::Store,
        total_minor: read.total_minor,
        taxes: Some(read.taxes),
        ..sale("self-1", scanned(phone.qr(world.now()), world.now()), read.lines)
    };
    let answer = world.sell(&sold).await;
    assert!(answer.member_found && answer.points > 0);
    assert_eq!(world.history(&phone).await[0].lines.len(), 40);
    // For half an hour, and in its own store.
    world.backend.as_ref().unwrap().register_till("elsewhere".into(), "elsewhere".into(), "till-elsewhere".to_owned()).await.unwrap();
    let elsewhere = format!("{}?code={}", paths::TILL_SELF_BASKETS, basket.code);
    assert_eq!(world.get(&elsewhere, Some("till-elsewhere")).await.refused(404), Reason::NotFound);
    world.pass(30 * MINUTE - 1);
    world.at_self_till(&basket.code).await.ok::<SelfBasket>();
    world.pass(1);
    assert_eq!(world.at_self_till(&basket.code).await.refused(404), Reason::NotFound);
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_be_sold_is_named() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let sake = ProductInfo { tax_class: Some(TaxClass::Alcohol), least_age: Some(20), ..product("sake", &["sake"]) };
    world.products(vec![product("mug", &["mug"]), sake]).await;
    let basket: SelfBasket = world.try_basket(&phone, DEMO_STORE_ID, vec![piece("mug", 2), piece("mug", 1)]).await.ok();
    assert_eq!((basket.total_minor, basket.lines.len(), basket.taxes[0].tax_permille), (3 * 1_990, 2, 100));
    let basket: SelfBasket = world.try_basket(&phone, DEMO_STORE_ID, vec![piece("mug", 1), piece("sake", 1)]).await.ok();
    assert!(basket.staff_needed && basket.unknown.is_empty(), "an age to be checked");
    let strange = "あ".repeat(10_000);
    let basket: SelfBasket =
        world.try_basket(&phone, DEMO_STORE_ID, vec![piece("mug", 1), piece("none", 1), piece("none", 9), piece(&strange, 1)]).await.ok();
    assert_eq!((basket.total_minor, basket.unknown.len(), basket.staff_needed), (1_990, 2, true));
    assert_eq!(world.try_basket(&phone, DEMO_STORE_ID, vec![piece("none", 1)]).await.refused(404), Reason::NotFound);
    assert_eq!(world.try_basket(&phone, "nowhere", vec![piece("mug", 1)]).await.refused(404), Reason::NotFound);
    for pieces in [vec![], vec![piece("mug", 0)], vec![piece("mug", 100)], vec![piece("mug", 1); 101]] {
        assert_eq!(world.try_basket(&phone, DEMO_STORE_ID, pieces).await.refused(400), Reason::InvalidRequest);
    }
    for code in ["", "AAAAAAAAAA", "%00", &"9".repeat(5_000)] {
        assert_eq!(world.at_self_till(code).await.refused(404), Reason::NotFound);
    }
    world.stop().await;
}
