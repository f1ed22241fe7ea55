//! What happens to products in stores, and purchases in the online shop that began there.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_backend::{DEMO_OPERATOR_TOKEN, DEMO_TILL_TOKEN, Settings};
use noren_rules::receipt::Channel;
use noren_rules::wire::*;

use crate::goods::*;
use crate::support::*;

const ACCOUNT: &str = "hanako.example";

fn reaction(kind: ReactionKind, sku: &str, store: &str, at_ms: i64) -> Reaction {
    Reaction { kind, sku: sku.into(), store: store.into(), at_ms }
}

fn scan(sku: &str, store: &str, at_ms: i64) -> Reaction {
    reaction(ReactionKind::Scan, sku, store, at_ms)
}

impl World {
    async fn react(&self, phone: &Phone, reactions: &[Reaction]) -> Got {
        let request = ReactionsRequest { reactions: reactions.to_vec() };
        self.post(paths::REACTIONS, Some(&phone.token), &self.fresh_key(), &request).await
    }

    async fn counts(&self, from_ms: i64, until_ms: i64) -> Vec<(String, String, ReactionKind, u64)> {
        let path = format!("{}?from_ms={from_ms}&until_ms={until_ms}", paths::OPERATOR_REACTIONS);
        let counts: ReactionCounts = self.get(&path, Some(DEMO_OPERATOR_TOKEN)).await.ok();
        counts.counts.into_iter().map(|one| (one.store.0, one.sku.0, one.kind, one.count)).collect()
    }

    async fn credits(&self) -> Vec<StoreCredit> {
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

async fn shop() -> World {
    let world = world().await;
    world.products(vec![product("shirt", &["s1", "s2"]), product("coat", &["c1"])]).await;
    world.pass(100 * DAY);
    world
}

fn credit(store: &str, sku: &str, quantity: i64) -> (String, String, i64, i64) {
    (store.to_owned(), sku.to_owned(), quantity, quantity * 1_000)
}

#[tokio::test]
async fn reactions_are_counted_by_store_article_and_kind() {
    use ReactionKind::{Demo, Question, Scan};
    let world = shop().await;
    let (one, two) = (world.phone(1, None).await, world.phone(2, None).await);
    let now = world.now();
    let reactions = [
        scan("s1", "shibuya", now - DAY),
        scan("s1", "shibuya", now - 5),
        scan("nobody knows", "shibuya", now),
        reaction(Question, "s1", "shibuya", now - 4),
        scan("c1", "ginza", now + MINUTE),
    ];
    let request = ReactionsRequest { reactions: reactions.to_vec() };
    let kept = async |key| world.post(paths::REACTIONS, Some(&one.token), key, &request).await.ok::<ReactionsKept>().kept;
    assert_eq!((kept("first").await, kept("first").await, kept("another-key").await), (4, 4, 4));
    assert_eq!(world.react(&two, &[scan("s1", "shibuya", now - 5)]).await.ok::<ReactionsKept>().kept, 1);
    let demo = StoreReactionRequest { kind: Demo, sku: "s2".into(), staff: Some("staff-7".into()) };
    assert_eq!(world.till(paths::STORE_REACTIONS, &demo).await.ok::<ReactionsKept>().kept, 1);
    assert_eq!(world.till(paths::STORE_REACTIONS, &demo).await.ok::<ReactionsKept>().kept, 1, "the staff shows it twice");
    let unknown = StoreReactionRequest { sku: "nobody knows".into(), ..demo };
    assert_eq!(world.till(paths::STORE_REACTIONS, &unknown).await.ok::<ReactionsKept>().kept, 0);
    let row = |store: &str, sku: &str, kind, count| (store.to_owned(), sku.to_owned(), kind, count);
    let all =
        [row("demo-store", "s2", Demo, 2), row("ginza", "c1", Scan, 1), row("shibuya", "s1", Question, 1), row("shibuya", "s1", Scan, 3)];
    assert_eq!(world.counts(0, now + 1).await, all);
    // The first millisecond counts, the last does not; a clock that is a little ahead was just now.
    assert_eq!(world.counts(now - 5, now).await, [row("shibuya", "s1", Question, 1), row("shibuya", "s1", Scan, 2)]);
    assert_eq!(world.counts(now + 1, now + DAY).await, []);
    // Who served is named, for their credit.
    let path = format!("{}?from_ms=0&until_ms={}", paths::OPERATOR_REACTIONS, now + 1);
    let counts: ReactionCounts = world.get(&path, Some(DEMO_OPERATOR_TOKEN)).await.ok();
    assert_eq!(counts.counts[0].staff, Some("staff-7".into()));
    // An erased member's scans count on.
    world.erase(&one.key, "forget").await.ok::<Erasure>();
    assert_eq!(world.counts(0, now + 1).await, all);
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_have_happened_is_refused() {
    let world = shop().await;
    let phone = world.phone(1, None).await;
    let now = world.now();
    let good = scan("s1", "shibuya", now);
    for bad in [
        vec![good.clone(), scan("s1", "shibuya", now + 5 * MINUTE + 1)],
        vec![scan("s1", "shibuya", -1)],
        vec![scan("s1", "shibuya", i64::MAX)],
        vec![scan("s1", "", now)],
        vec![scan("s1", &"x".repeat(101), now)],
        vec![good.clone(); 201],
    ] {
        assert_eq!(world.react(&phone, &bad).await.refused(400), Reason::InvalidRequest);
    }
    assert_eq!(world.counts(0, now + DAY).await, [], "nothing of a call that is refused");
    assert_eq!(world.react(&phone, &vec![good; 200]).await.ok::<ReactionsKept>().kept, 200);
    assert_eq!(world.counts(0, now + DAY).await[0].3, 1);
    let unnamed = StoreReactionRequest { kind: ReactionKind::Demo, sku: "s1".into(), staff: Some("".into()) };
    assert_eq!(world.till(paths::STORE_REACTIONS, &unnamed).await.refused(400), Reason::InvalidRequest);
    let demo = StoreReactionRequest { staff: None, ..unnamed };
    let by_phone = world.post(paths::STORE_REACTIONS, Some(&phone.token), "k", &demo).await;
    assert_eq!(by_phone.refused(403), Reason::Forbidden);
    for path in [paths::OPERATOR_REACTIONS, paths::OPERATOR_CREDITS] {
        for query in ["", "?from_ms=0", "?from_ms=5&until_ms=5", "?from_ms=x&until_ms=5", "?from_ms=0&until_ms=5&store=x"] {
            let got = world.get(&format!("{path}{query}"), Some(DEMO_OPERATOR_TOKEN)).await;
            assert_eq!(got.refused(400), Reason::InvalidRequest, "{path}{query}");
        }
        let got = world.get(&format!("{path}?from_ms=0&until_ms=5"), Some(DEMO_TILL_TOKEN)).await;
        assert_eq!(got.refused(403), Reason::Forbidden);
    }
    world.stop().await;
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
