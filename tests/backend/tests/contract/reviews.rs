//! Reviews: one a member and product, and verified for as long as the product is bought and kept, whatever came first.

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::wire::*;
use proptest::prelude::*;

use crate::goods::*;
use crate::support::*;

pub fn opinion(product: &str, stars: u8, text: &str) -> ReviewRequest {
    ReviewRequest { product: product.into(), stars, text: text.to_owned(), language: "ja".to_owned() }
}

impl World {
    pub async fn review(&self, phone: &Phone, request: &ReviewRequest) -> Got {
        self.post(paths::REVIEWS, Some(&phone.token), &self.fresh_key(), request).await
    }

    pub async fn reviews(&self, phone: &Phone, query: &str) -> ReviewPage {
        self.get(&format!("{}?{query}", paths::REVIEWS), Some(&phone.token)).await.ok()
    }

    /// Whether each review of the shirt is verified, in the page's order.
    async fn verified(&self, phone: &Phone) -> Vec<bool> {
        self.reviews(phone, "product=shirt").await.reviews.iter().map(|review| review.verified).collect()
    }

    async fn buys(&self, phone: &Phone, number: &str, sku: &str, quantity: i64) {
        let code = scanned(phone.enrolment.one_dimensional.ean13.clone(), self.now());
        self.sell(&sale(number, code, vec![line(sku, quantity, quantity * 1_000)])).await;
    }

    async fn brings_back(&self, number: &str, of: Option<&str>, sku: &str, quantity: i64) {
        self.sell(&returned(number, of, vec![line(sku, -quantity, -quantity * 1_000)])).await;
    }

    async fn void(&self, number: &str) {
        self.till(paths::TILL_VOIDS, &VoidRequest { number: number.to_owned() }).await.ok::<SaleAnswer>();
    }
}

async fn with_shirt() -> (World, Phone) {
    let world = world().await;
    world.products(vec![product("shirt", &["s1", "s2"]), product("coat", &["c1"])]).await;
    let phone = world.phone(1, None).await;
    (world, phone)
}

#[tokio::test]
async fn a_review_before_the_purchase_is_verified_by_it_and_not_after_the_return() {
    let (world, phone) = with_shirt().await;
    world.buys(&phone, "0", "c1", 1).await;
    assert!(!world.review(&phone, &opinion("shirt", 4, "楽しみ")).await.ok::<Review>().verified);
    world.sell(&sale("nobody's", Customer::Anonymous, vec![line("s1", 1, 1_000)])).await;
    assert_eq!(world.verified(&phone).await, [false]);
    world.buys(&phone, "1", "s1", 2).await;
    assert_eq!(world.verified(&phone).await, [true]);
    world.brings_back("2", Some("1"), "s1", 1).await;
    assert_eq!(world.verified(&phone).await, [true], "one is kept");
    world.brings_back("3", Some("1"), "s1", 1).await;
    assert_eq!(world.verified(&phone).await, [false]);
    world.void("3").await;
    assert_eq!(world.verified(&phone).await, [true], "that return was a mistake");
    // A return that names no sale takes nothing away.
    let code = scanned(phone.enrolment.one_dimensional.ean13.clone(), T0);
    world.sell(&SaleRequest { customer: code, ..returned("4", None, vec![line("s1", -1, -1_000)]) }).await;
    assert_eq!(world.verified(&phone).await, [true]);
    world.stop().await;
}

#[tokio::test]
async fn a_purchase_before_the_review_verifies_it_until_it_is_void() {
    let (world, phone) = with_shirt().await;
    world.buys(&phone, "1", "s2", 1).await;
    assert!(world.review(&phone, &opinion("shirt", 5, "良い")).await.ok::<Review>().verified);
    world.void("1").await;
    assert_eq!(world.verified(&phone).await, [false]);
    // Bought without the card, claimed later.
    let answer = world.sell(&sale("2", Customer::Anonymous, vec![line("s1", 1, 1_000)])).await;
    let claim = ClaimRequest { claim_code: answer.claim_code.unwrap() };
    world.post(paths::CLAIMS, Some(&phone.token), "claim", &claim).await.ok::<Claim>();
    assert_eq!(world.verified(&phone).await, [true]);
    // The article is another product's from now on, and back again.
    world.products(vec![product("shirt", &["s2"]), product("coat", &["c1", "s1"])]).await;
    assert_eq!(world.verified(&phone).await, [false]);
    world.products(vec![product("shirt", &["s1", "s2"]), product("coat", &["c1"])]).await;
    assert_eq!(world.verified(&phone).await, [true]);
    world.stop().await;
}

#[tokio::test]
async fn members_that_become_one_have_one_review_and_one_history() {
    let (world, one) = with_shirt().await;
    world.register(&["17850", "17851"], true).await;
    world.review(&one, &opinion("shirt", 1, "古い")).await.ok::<Review>();
    world.sell(&sale("1", card("17850"), vec![line("s1", 1, 1_000)])).await;
    assert_eq!(world.verified(&one).await, [false]);
    world.link(&one, number("17850", "0000")).await.ok::<Membership>();
    assert_eq!(world.verified(&one).await, [true], "the card has bought it");
    let two = world.phone(2, Some(number("17851", "0000"))).await;
    world.pass(MINUTE);
    world.review(&two, &opinion("shirt", 5, "新しい")).await.ok::<Review>();
    let record = world.record(&one, "shirt").await;
    assert_eq!((record.ratings, record.stars), (2, 6));
    world.link(&one, number("17851", "0000")).await.ok::<Membership>();
    let page = world.reviews(&one, "product=shirt").await;
    assert_eq!((page.ratings, page.stars, page.reviews.len()), (1, 5, 1));
    assert!(page.reviews[0].verified && page.reviews[0].text == "新しい");
    // Whoever of the two writes again replaces it.
    world.review(&one, &opinion("shirt", 3, "")).await.ok::<Review>();
    let page = world.reviews(&two, "product=shirt").await;
    assert_eq!((page.ratings, page.stars, page.reviews.len()), (1, 3, 1));
    assert!(world.record(&one, "shirt").await.version > record.version);
    world.stop().await;
}

#[tokio::test]
async fn pages_have_every_review_once_verified_first_then_the_newest() {
    let (world, _) = with_shirt().await;
    let mut phones = Vec::new();
    for seed in 1..=7 {
        let phone = world.phone(seed, None).await;
        // Two at a time have the same moment.
        world.pass(if seed % 2 == 0 { 0 } else { MINUTE });
        if [2, 5].contains(&seed) {
            world.buys(&phone, &seed.to_string(), "s1", 1).await;
        }
        world.review(&phone, &opinion("shirt", seed % 5 + 1, &seed.to_string())).await.ok::<Review>();
        phones.push(phone);
    }
    let phone = &phones[0];
    let (mut texts, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.reviews(phone, &format!("product=shirt&limit=2{cursor}")).await;
        assert_eq!((page.ratings, page.stars), (7, (1..=7).map(|seed| seed % 5 + 1).sum()));
        texts.extend(page.reviews.into_iter().map(|review| (review.verified, review.at_ms, review.text)));
        let Some(next) = page.next else { break };
        cursor = format!("&cursor={next}");
    }
    let names: std::collections::BTreeSet<_> = texts.iter().map(|(_, _, text)| text.as_str()).collect();
    assert_eq!((texts.len(), names.len()), (7, 7));
    assert_eq!(texts.iter().take(2).map(|(_, _, text)| text.as_str()).collect::<Vec<_>>(), ["5", "2"]);
    assert!(texts.windows(2).all(|pair| (pair[0].0, pair[0].1) >= (pair[1].0, pair[1].1)), "{texts:?}");
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_review_is_refused_and_a_replay_adds_nothing() {
    let (world, phone) = with_shirt().await;
    let good = opinion("shirt", 5, &"あ".repeat(2_000));
    for bad in [
        ReviewRequest { stars: 0, ..good.clone() },
        ReviewRequest { stars: 6, ..good.clone() },
        ReviewRequest { text: "あ".repeat(2_001), ..good.clone() },
        ReviewRequest { text: "\u{0}".to_owned(), ..good.clone() },
        ReviewRequest { language: "日本語".to_owned(), ..good.clone() },
        ReviewRequest { language: String::new(), ..good.clone() },
    ] {
        assert_eq!(world.review(&phone, &bad).await.refused(400), Reason::InvalidRequest);
    }
    assert_eq!(world.review(&phone, &opinion("hat", 5, "")).await.refused(404), Reason::NotFound);
    let first = world.post(paths::REVIEWS, Some(&phone.token), "k", &good).await;
    let again = world.post(paths::REVIEWS, Some(&phone.token), "k", &good).await;
    assert!(again.replayed() && first.ok::<Review>() == again.ok::<Review>());
    assert_eq!(world.record(&phone, "shirt").await.ratings, 1);
    for (query, status, reason) in [
        ("", 400, Reason::InvalidRequest),
        ("?product=shirt&limit=0", 400, Reason::InvalidRequest),
        ("?product=shirt&limit=101", 400, Reason::InvalidRequest),
        ("?product=shirt&stars=5", 400, Reason::InvalidRequest),
        ("?product=hat", 404, Reason::NotFound),
        ("?product=shirt&cursor=AAAA", 410, Reason::CursorUnknown),
        ("?product=shirt&cursor=!", 410, Reason::CursorUnknown),
    ] {
        assert_eq!(world.get(&format!("{}{query}", paths::REVIEWS), Some(&phone.token)).await.refused(status), reason, "{query}");
    }
    // A product that goes and comes back has its reviews still.
    world.try_products(vec![], &["shirt"]).await.ok::<Kept>();
    world.products(vec![product("shirt", &["s1"])]).await;
    assert_eq!(world.record(&phone, "shirt").await.stars, 5);
    world.stop().await;
}

#[derive(Debug, Clone)]
enum Step {
    Review { product: usize },
    Buy { product: usize, variant: usize, pieces: i64, with_card: bool },
    Claim { of: usize },
    Return { of: usize, pieces: i64 },
    Void { of: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let earlier = 0usize..12;
    prop_oneof![
        2 => (0usize..2).prop_map(|product| Step::Review { product }),
        3 => (0usize..2, 0usize..2, 1i64..3, any::<bool>())
            .prop_map(|(product, variant, pieces, with_card)| Step::Buy { product, variant, pieces, with_card }),
        1 => earlier.clone().prop_map(|of| Step::Claim { of }),
        2 => (earlier.clone(), 1i64..3).prop_map(|(of, pieces)| Step::Return { of, pieces }),
        2 => earlier.prop_map(|of| Step::Void { of }),
    ]
}

/// A slip: a sale, or a return of one.
#[derive(Debug, Clone)]
struct Slip {
    product: usize,
    sku: String,
    of: Option<usize>,
    pieces: i64,
    owned: bool,
    void: bool,
    claim: Option<String>,
}

async fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let world = world().await;
    world.products((0..2).map(|at| product(&at.to_string(), &[&format!("{at}0"), &format!("{at}1")])).collect()).await;
    let phone = world.phone(1, None).await;
    let mut slips: BTreeMap<usize, Slip> = BTreeMap::new();
    let mut reviewed = BTreeSet::new();
    for (at, step) in steps.iter().enumerate() {
        // What the server refuses has not happened.
        match step {
            Step::Review { product } => {
                world.review(&phone, &opinion(&product.to_string(), 3, "")).await.ok::<Review>();
                reviewed.insert(*product);
            }
            Step::Buy { product, variant, pieces, with_card } => {
                let code = scanned(phone.enrolment.one_dimensional.ean13.clone(), world.now());
                let customer = if *with_card { code } else { Customer::Anonymous };
                let sku = format!("{product}{variant}");
                let claim = world.sell(&sale(&at.to_string(), customer, vec![line(&sku, *pieces, pieces * 100)])).await.claim_code;
                slips.insert(at, Slip { product: *product, sku, of: None, pieces: *pieces, owned: *with_card, void: false, claim });
            }
            Step::Claim { of } => {
                let Some((slip, code)) = slips.get_mut(of).and_then(|slip| slip.claim.clone().map(|code| (slip, code))) else { continue };
                let claim = ClaimRequest { claim_code: code };
                slip.owned |= world.post(paths::CLAIMS, Some(&phone.token), &world.fresh_key(), &claim).await.status == 200;
            }
            Step::Return { of, pieces } => {
                let Some(sale) = slips.get(of).cloned() else { continue };
                let lines = vec![line(&sale.sku, -pieces, -pieces * 100)];
                if world.till(paths::TILL_SALES, &returned(&at.to_string(), Some(&of.to_string()), lines)).await.status == 200 {
                    slips.insert(at, Slip { of: Some(*of), pieces: -pieces, claim: None, ..sale });
                }
            }
            Step::Void { of } => {
                if world.till(paths::TILL_VOIDS, &VoidRequest { number: of.to_string() }).await.status == 200 {
                    slips.get_mut(of).unwrap().void = true;
                }
            }
        }
    }
    for product in reviewed {
        let kept =
            slips.iter().filter(|(_, sale)| sale.product == product && sale.of.is_none() && sale.owned && !sale.void).any(|(at, sale)| {
                let back: i64 = slips.values().filter(|slip| slip.of == Some(*at) && !slip.void).map(|slip| slip.pieces).sum();
                sale.pieces + back > 0
            });
        let page = world.reviews(&phone, &format!("product={product}")).await;
        prop_assert_eq!(page.reviews[0].verified, kept, "product {}: {:?}", product, slips);
    }
    world.stop().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_review_is_verified_exactly_while_something_is_kept(steps in prop::collection::vec(step(), 1..16)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(&steps))?;
    }
}
