//! Purchases in the online shop that began in a store, whatever was heard of first; and everything of a member in one line.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_backend::{DEMO_OPERATOR_TOKEN, Settings};
use noren_rules::receipt::Channel;
use noren_rules::wire::*;
use proptest::prelude::*;

use crate::goods::*;
use crate::holds::{STORE, wish};
use crate::reactions::{reaction, scan, shop};
use crate::support::*;

const ACCOUNT: &str = "hanako.example";

impl World {
    pub async fn credits(&self) -> Vec<StoreCredit> {
        let path = format!("{}?from_ms=0&until_ms={}", paths::OPERATOR_CREDITS, T0 + 1_000 * DAY);
        self.get(&path, Some(DEMO_OPERATOR_TOKEN)).await.ok::<StoreCredits>().credits
    }

    /// Stores, articles, pieces and amounts of all credits.
    async fn credited(&self) -> Vec<(String, String, i64, i64)> {
        self.credits().await.into_iter().map(|one| (one.store.0, one.sku.0, one.quantity, one.amount_minor)).collect()
    }

    /// A phone whose member has the account of the online shop.
    async fn customer(&self, seed: u8) -> Phone {
        let code: EcCode = self.till(paths::TILL_EC_CODES, &EcCodeRequest { account: ACCOUNT.to_owned() }).await.ok();
        self.phone(seed, Some(Link::Ec { code: code.code })).await
    }

    async fn orders(&self, number: &str, at_ms: i64, lines: &[(&str, i64)]) {
        let lines = lines.iter().map(|(sku, quantity)| line(sku, *quantity, quantity * 1_000)).collect();
        let account = Customer::EcAccount { account: ACCOUNT.to_owned() };
        let request = SaleRequest { channel: Channel::Ec, sold_at_ms: at_ms, ..sale(number, account, lines) };
        self.sell(&request).await;
    }
}

fn credit(store: &str, sku: &str, quantity: i64) -> (String, String, i64, i64) {
    (store.to_owned(), sku.to_owned(), quantity, quantity * 1_000)
}

#[tokio::test]
async fn a_scan_and_then_an_order_credit_the_store_of_the_last_scan() {
    let world = shop().await;
    let phone = world.customer(1).await;
    let t0 = world.now() - 50 * DAY;
    world.react(&phone, &[scan("s1", "shibuya", t0), scan("c1", "ueno", t0)]).await.ok::<ReactionsKept>();
    // Another variant of the product, and something that was never scanned.
    world.orders("1", t0 + 3 * DAY, &[("s2", 2), ("shipping", 1)]).await;
    assert_eq!(world.credited().await, [credit("shibuya", "s2", 2)]);
    let credits = world.credits().await;
    assert_eq!((credits[0].scanned_at_ms, credits[0].bought_at_ms, credits[0].currency.as_str()), (t0, t0 + 3 * DAY, "JPY"));
    // An offline phone sends its scans late: the last one before the order counts, those after it do not.
    let late = [
        scan("s2", "ginza", t0 + DAY),
        reaction(ReactionKind::Question, "s1", "kanda", t0 + 2 * DAY),
        scan("s1", "osaka", t0 + 3 * DAY + 1),
    ];
    world.react(&phone, &late).await.ok::<ReactionsKept>();
    assert_eq!(world.credited().await, [credit("ginza", "s2", 2)]);
    // Somebody else's scan and a sale in a store credit nobody.
    let other = world.phone(2, None).await;
    world.react(&other, &[scan("s1", "nagoya", t0 + 3 * DAY - 1)]).await.ok::<ReactionsKept>();
    let code = scanned(phone.enrolment.one_dimensional.ean13.clone(), T0);
    world.sell(&SaleRequest { sold_at_ms: t0 + 2 * DAY, ..sale("in store", code, vec![line("c1", 1, 1_000)]) }).await;
    assert_eq!(world.credited().await, [credit("ginza", "s2", 2)]);
    // Only orders of the span, the newest first.
    world.orders("2", t0 + 4 * DAY, &[("c1", 1)]).await;
    assert_eq!(world.credited().await, [credit("ueno", "c1", 1), credit("ginza", "s2", 2)]);
    let path = format!("{}?from_ms={}&until_ms={}", paths::OPERATOR_CREDITS, t0 + 3 * DAY, t0 + 4 * DAY);
    let day: StoreCredits = world.get(&path, Some(DEMO_OPERATOR_TOKEN)).await.ok();
    assert_eq!(day.credits.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn outside_the_window_there_is_no_credit() {
    let clock = Arc::new(AtomicI64::new(T0 + 100 * DAY));
    for (days, window) in [(7, None), (2, Some(2))] {
        let standard = settings(&clock);
        let settings = Settings { credit_days: window.unwrap_or(standard.credit_days), ..standard };
        let world = world_with(settings, Arc::clone(&clock)).await;
        world.products(vec![product("shirt", &["s1"]), product("coat", &["c1"])]).await;
        let phone = world.customer(1).await;
        world.react(&phone, &[scan("s1", "shibuya", T0), scan("c1", "ginza", T0)]).await.ok::<ReactionsKept>();
        world.orders("in time", T0 + days * DAY, &[("s1", 1)]).await;
        world.orders("too late", T0 + days * DAY + 1, &[("c1", 1)]).await;
        assert_eq!(world.credited().await, [credit("shibuya", "s1", 1)], "{days} days");
        world.stop().await;
    }
}

#[tokio::test]
async fn what_comes_back_is_no_credit() {
    let world = shop().await;
    let phone = world.customer(1).await;
    let t0 = world.now() - 10 * DAY;
    world.react(&phone, &[scan("s1", "shibuya", t0), scan("c1", "ginza", t0)]).await.ok::<ReactionsKept>();
    world.orders("1", t0 + DAY, &[("s1", 3), ("c1", 1)]).await;
    world.sell(&returned("2", Some("1"), vec![line("s1", -1, -1_000)])).await;
    assert_eq!(world.credited().await, [credit("ginza", "c1", 1), credit("shibuya", "s1", 2)]);
    world.sell(&returned("3", Some("1"), vec![line("s1", -2, -2_000)])).await;
    assert_eq!(world.credited().await, [credit("ginza", "c1", 1)]);
    world.till(paths::TILL_VOIDS, &VoidRequest { number: "3".to_owned() }).await.ok::<SaleAnswer>();
    assert_eq!(world.credited().await, [credit("ginza", "c1", 1), credit("shibuya", "s1", 2)]);
    world.orders("void", t0 + DAY, &[("s2", 1)]).await;
    assert_eq!(world.credited().await.len(), 3);
    world.till(paths::TILL_VOIDS, &VoidRequest { number: "void".to_owned() }).await.ok::<SaleAnswer>();
    assert_eq!(world.credited().await.len(), 2);
    // An erased member's orders stay credited, and what comes back of them is taken off still.
    world.erase(&phone.key, "forget").await.ok::<Erasure>();
    assert_eq!(world.credited().await, [credit("ginza", "c1", 1), credit("shibuya", "s1", 2)]);
    world.sell(&returned("4", Some("1"), vec![line("c1", -1, -1_000)])).await;
    assert_eq!(world.credited().await, [credit("shibuya", "s1", 2)]);
    world.stop().await;
}

#[tokio::test]
async fn a_member_keeps_its_scans_when_it_becomes_another_and_has_one_timeline() {
    let world = shop().await;
    world.register(&["17850"], true).await;
    // Two phones and an account, each a member of its own at first.
    let (old, new) = (world.phone(1, Some(number("17850", "0000"))).await, world.phone(2, None).await);
    let t0 = world.now() - 10 * DAY;
    world.react(&new, &[scan("s1", "shibuya", t0)]).await.ok::<ReactionsKept>();
    world.orders("online", t0 + DAY, &[("s2", 1)]).await;
    assert_eq!(world.credited().await, []);
    let code: EcCode = world.till(paths::TILL_EC_CODES, &EcCodeRequest { account: ACCOUNT.to_owned() }).await.ok();
    world.link(&old, Link::Ec { code: code.code }).await.ok::<Membership>();
    assert_eq!(world.credited().await, [], "not the same yet");
    world.link(&new, number("17850", "0000")).await.ok::<Membership>();
    assert_eq!(world.credited().await, [credit("shibuya", "s2", 1)]);

    let in_store = SaleRequest { sold_at_ms: t0 - DAY, ..sale("store", card("17850"), vec![line("c1", 1, 500)]) };
    world.sell(&in_store).await;
    let ahead = SaleRequest { channel: Channel::MobileOrder, sold_at_ms: t0 + 2 * DAY, ..in_store.clone() };
    world.sell(&SaleRequest { number: "mobile".to_owned(), ..ahead }).await;
    world.react(&old, &[reaction(ReactionKind::Question, "c1", "ginza", t0 + 2 * DAY + 1)]).await.ok::<ReactionsKept>();
    world.location(STORE, false, true).await;
    world.counted(&[STORE], &["s1"], 5).await;
    world.hold(&new, &wish("s1")).await;
    world.pass(1);
    let review = ReviewRequest { product: "shirt".into(), stars: 5, text: "良い".to_owned(), language: "ja".to_owned() };
    world.post(paths::REVIEWS, Some(&new.token), "review", &review).await.ok::<Review>();
    world.pass(1);
    let liked = FavouriteRequest { sku: "c1".into(), wanted: true, watch: vec!["ginza".into()] };
    world.post(paths::FAVOURITES, Some(&old.token), "like", &liked).await.ok::<Favourites>();
    let export: MemberExport = world.get(paths::EXPORT, Some(&new.token)).await.ok();
    let kinds: Vec<TimelineKind> = export.timeline.iter().map(|entry| entry.kind).collect();
    let expected = [
        TimelineKind::Receipt(Channel::Store),
        TimelineKind::Reaction(ReactionKind::Scan),
        TimelineKind::Receipt(Channel::Ec),
        TimelineKind::Receipt(Channel::MobileOrder),
        TimelineKind::Reaction(ReactionKind::Question),
        TimelineKind::Hold,
        TimelineKind::Review,
        TimelineKind::Favourite,
    ];
    assert_eq!(kinds, expected);
    assert!(export.timeline.is_sorted());
    assert_eq!((export.reactions.len(), export.reviews.len(), export.favourites.len()), (2, 1, 1));
    let other: MemberExport = world.get(paths::EXPORT, Some(&old.token)).await.ok();
    assert_eq!(other.timeline, export.timeline, "the same on both phones");
    world.stop().await;
}

#[derive(Debug, Clone)]
struct Scanned {
    hour: i64,
    product: usize,
    variant: usize,
    store: usize,
}

#[derive(Debug, Clone)]
struct Ordered {
    hour: i64,
    product: usize,
    variant: usize,
    pieces: i64,
    returned: i64,
}

/// What a clerk would write with all slips on the table.
fn by_hand(scans: &[Scanned], orders: &[Ordered]) -> Vec<(i64, String, i64, String)> {
    let mut credits: Vec<_> = orders
        .iter()
        .filter(|order| order.pieces > order.returned)
        .filter_map(|order| {
            let seen = |scan: &&Scanned| scan.product == order.product && (0..=7 * 24).contains(&(order.hour - scan.hour));
            let last = scans.iter().filter(seen).max_by_key(|scan| (scan.hour, scan.store))?;
            Some((
                order.hour,
                format!("{}{}", order.product, order.variant),
                order.pieces - order.returned,
                format!("store {}", last.store),
            ))
        })
        .collect();
    credits.sort();
    credits
}

async fn run(scans: &[Scanned], orders: &[Ordered], order_of_arrival: &[usize]) -> Result<(), TestCaseError> {
    const HOUR: i64 = 3_600_000;
    let world = world().await;
    world.products((0..3).map(|at| product(&at.to_string(), &[&format!("{at}0"), &format!("{at}1")])).collect()).await;
    world.pass(100 * DAY);
    let phone = world.customer(1).await;
    for at in order_of_arrival {
        if let Some(Scanned { hour, product, variant, store }) = scans.get(*at) {
            let scan = scan(&format!("{product}{variant}"), &format!("store {store}"), T0 + hour * HOUR);
            world.react(&phone, &[scan]).await.ok::<ReactionsKept>();
        } else if let Some(order) = orders.get(at - scans.len()) {
            let sku = format!("{}{}", order.product, order.variant);
            world.orders(&at.to_string(), T0 + order.hour * HOUR, &[(&sku, order.pieces)]).await;
            if order.returned > 0 {
                let lines = vec![line(&sku, -order.returned, -1_000 * order.returned)];
                world.sell(&returned(&format!("back {at}"), Some(&at.to_string()), lines)).await;
            }
        }
    }
    let credits = world.credits().await.into_iter();
    let mut found: Vec<_> = credits.map(|one| ((one.bought_at_ms - T0) / HOUR, one.sku.0, one.quantity, one.store.0)).collect();
    found.sort();
    prop_assert_eq!(found, by_hand(scans, orders));
    world.stop().await;
    Ok(())
}

fn story() -> impl Strategy<Value = (Vec<Scanned>, Vec<Ordered>, Vec<usize>)> {
    let scan =
        (0i64..500, 0usize..3, 0usize..2, 0usize..4).prop_map(|(hour, product, variant, store)| Scanned { hour, product, variant, store });
    let order = (0i64..500, 0usize..3, 0usize..2, 1i64..4, 0i64..4).prop_map(|(hour, product, variant, pieces, returned)| Ordered {
        hour,
        product,
        variant,
        pieces,
        returned: returned.min(pieces),
    });
    (prop::collection::vec(scan, 0..12), prop::collection::vec(order, 1..8)).prop_flat_map(|(scans, orders)| {
        let arrival = Just((0..scans.len() + orders.len()).collect::<Vec<usize>>()).prop_shuffle();
        (Just(scans), Just(orders), arrival)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn credits_are_the_same_whatever_was_heard_of_first((scans, orders, arrival) in story()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(&scans, &orders, &arrival))?;
    }
}
