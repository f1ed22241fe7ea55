//! What happens to products in stores, as phones and the staff tell it.

use noren_backend::{DEMO_OPERATOR_TOKEN, DEMO_TILL_TOKEN};
use noren_rules::wire::*;

use crate::goods::*;
use crate::support::*;

pub fn reaction(kind: ReactionKind, sku: &str, store: &str, at_ms: i64) -> Reaction {
    Reaction { kind, sku: sku.into(), store: store.into(), at_ms }
}

pub fn scan(sku: &str, store: &str, at_ms: i64) -> Reaction {
    reaction(ReactionKind::Scan, sku, store, at_ms)
}

impl World {
    pub async fn react(&self, phone: &Phone, reactions: &[Reaction]) -> Got {
        let request = ReactionsRequest { reactions: reactions.to_vec() };
        self.post(paths::REACTIONS, Some(&phone.token), &self.fresh_key(), &request).await
    }

    async fn counts(&self, from_ms: i64, until_ms: i64) -> Vec<(String, String, ReactionKind, u64)> {
        let path = format!("{}?from_ms={from_ms}&until_ms={until_ms}", paths::OPERATOR_REACTIONS);
        let counts: ReactionCounts = self.get(&path, Some(DEMO_OPERATOR_TOKEN)).await.ok();
        counts.counts.into_iter().map(|one| (one.store.0, one.sku.0, one.kind, one.count)).collect()
    }
}

/// A shop with two products, open for a while.
pub async fn shop() -> World {
    let world = world().await;
    world.products(vec![product("shirt", &["s1", "s2"]), product("coat", &["c1"])]).await;
    world.pass(100 * DAY);
    world
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
