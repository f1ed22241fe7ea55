//! One budget, many offline tills and phones: it holds, honest phones and tills never double, and every forced double is found and named.

use std::collections::{BTreeMap, BTreeSet};

use noren_backend::{Settings, TillShare};
use noren_rules::b64;
use noren_rules::keys::PublicKey;
use noren_rules::lists::Lists;
use noren_rules::offers::{Budget, Discount, Offer, OfferId};
use noren_rules::shares::Share;
use noren_rules::wire::*;

use crate::stand::*;
use crate::support::*;

const PHONES: u8 = 100;
const TILLS: usize = 20;
const BUDGET: u64 = 90;

/// A small generator, so that a run repeats.
struct Shuffle(u64);

impl Shuffle {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

#[tokio::test]
async fn a_hundred_phones_clones_among_them_and_twenty_offline_tills_stay_within_one_budget() {
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(T0));
    let till_share = TillShare { redemptions: 5, discount_minor: 500 };
    let world = world_with(Settings { till_share, ..settings(&clock) }, clock).await;
    world.open_market(vec![Offer { budget: Some(Budget::Redemptions(BUDGET)), ..offer(7) }]).await;
    let mut tills = Vec::new();
    for at in 0..TILLS {
        tills.push(world.offline_till(&format!("till-{at}")).await);
    }
    assert_eq!(world.funnel(7).await.budget.unwrap().left, 0, "18 tills hold all of it, two have none");
    let mut random = Shuffle(7);
    let mut sales: Vec<(usize, SaleRequest)> = Vec::new();
    let mut forced: BTreeMap<_, usize> = BTreeMap::new();
    for seed in 1..=PHONES {
        let phone = world.leased(seed).await;
        // Every fifth phone is cloned: three copies spend the same grant at three tills.
        let copies = if seed % 5 == 0 { 3 } else { 1 };
        let first = random.below(TILLS);
        for copy in 0..copies {
            let at = (first + copy) % TILLS;
            // An honest phone shows its next code at the same till, too: the till itself refuses the second use.
            for again in 0..2i64 {
                let now = T0 + 20_000 * (i64::from(seed) + again);
                let (request, reasons) = tills[at].sell(&show(&phone, now), now);
                let used = request.coupons.as_ref().unwrap().used.len();
                assert_eq!(used + reasons.len(), 1, "used, or why not");
                if used > 0 {
                    *forced.entry(phone.device()).or_default() += 1;
                }
                sales.push((at, request));
            }
        }
    }
    for (at, till) in tills.iter().enumerate() {
        let serials: Vec<u64> = sales
            .iter()
            .filter(|(of, _)| *of == at)
            .flat_map(|(_, sale)| &sale.coupons.as_ref().unwrap().used)
            .map(|used| used.serial)
            .collect();
        assert_eq!(serials.iter().collect::<BTreeSet<_>>().len(), serials.len(), "{} takes a serial once", till.token);
        assert!(serials.len() <= 5, "and no more than its share");
    }
    let doubled: BTreeSet<_> = forced.iter().filter(|(_, times)| **times > 1).map(|(device, _)| device.clone()).collect();
    assert!(doubled.len() >= 5, "the clones did what they came for: {}", doubled.len());
    random.shuffle(&mut sales);
    world.pass(3_600_000);
    let (mut counted, mut rolled_back) = (0u64, 0usize);
    for (at, sale) in &sales {
        for redemption in world.post_sale(&tills[*at], sale).await.redemptions {
            if redemption.counted { counted += 1 } else { rolled_back += 1 }
        }
    }
    let funnel = world.funnel(7).await;
    let budget = funnel.budget.unwrap();
    assert_eq!(budget.spent, counted);
    assert!(counted <= BUDGET, "{counted}");
    assert_eq!(usize::try_from(counted).unwrap(), forced.len(), "each phone that used its grant counts once");
    assert_eq!(rolled_back, forced.values().map(|times| times - 1).sum::<usize>());
    assert!(funnel.rolled_back.iter().all(|rolled_back| rolled_back.cause == "double"));
    let named: BTreeSet<_> = funnel.rolled_back.iter().filter_map(|rolled_back| rolled_back.device.clone()).collect();
    assert_eq!(named, doubled, "every clone is named, and nobody else");
    world.stop().await;
}

#[tokio::test]
async fn a_share_comes_back_a_week_after_its_end() {
    let world = world().await;
    let yen = Offer { budget: Some(Budget::Discount(10_000)), ..Offer { discount: Discount::Percent { permille: 100 }, ..offer(7) } };
    world.open_market(vec![yen]).await;
    let mut till = world.offline_till("one").await;
    let phone = world.leased(1).await;
    let (request, _) = till.sell(&show(&phone, T0), T0);
    let state = async || world.funnel(7).await.budget.unwrap();
    assert_eq!(state().await, BudgetState { total: 10_000, spent: 0, left: 0 });
    world.pass(8 * DAY - 1_000);
    assert_eq!(state().await.left, 0);
    assert!(world.post_sale(&till, &request).await.redemptions[0].counted, "in time, if late");
    world.pass(1_000);
    assert_eq!(state().await, BudgetState { total: 10_000, spent: 100, left: 9_900 });
    world.stop().await;
}

#[tokio::test]
async fn what_comes_after_a_share_has_returned_does_not_count_and_names_the_till() {
    let world = world().await;
    world.open_market(vec![offer(7)]).await;
    let mut till = world.offline_till("one").await;
    let phone = world.leased(1).await;
    let (request, _) = till.sell(&show(&phone, T0), T0);
    world.pass(8 * DAY);
    let late = world.post_sale(&till, &request).await;
    assert_eq!(late.redemptions[0].cause.as_deref(), Some("beyond_share"));
    let funnel = world.funnel(7).await;
    assert_eq!((funnel.rolled_back[0].till.as_str(), funnel.budget.unwrap().spent), ("one", 0));
    world.stop().await;
}

#[tokio::test]
async fn a_budget_never_falls_below_what_is_given_out() {
    let world = world().await;
    world.open_market(vec![offer(7)]).await;
    world.offline_till("one").await;
    for budget in [Budget::Redemptions(19), Budget::Discount(100_000)] {
        let less = Offer { budget: Some(budget), ..offer(7) };
        assert_eq!(world.put_offers(vec![less]).await.refused(422), Reason::InvalidRule);
    }
    world.put_offers(vec![Offer { budget: Some(Budget::Redemptions(20)), ..offer(7) }]).await.ok::<Kept>();
    assert_eq!(world.funnel(7).await.offer, OfferId(7));
    world.stop().await;
}

#[tokio::test]
async fn a_till_keeps_its_share_until_half_of_it_is_spent_or_its_day_ends() {
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(T0));
    let till_share = TillShare { redemptions: 2, discount_minor: 500 };
    let world = world_with(Settings { till_share, ..settings(&clock) }, clock).await;
    world.open_market(vec![offer(7)]).await;
    let mut till = world.offline_till("one").await;
    let sequence = async || -> (u64, u64) {
        let keys: TillKeys = world.get(paths::TILL_KEYS, Some("token-of-one")).await.ok();
        let root = PublicKey::from_base64url(&keys.root_key).unwrap();
        let lists = Lists::open(&b64::decode(&keys.document).unwrap(), &root).unwrap();
        let share = Share::open(&lists.coupons.share.unwrap(), &lists.issuers, world.now() / 1000).unwrap();
        (lists.sequence, share.sequence)
    };
    let first = sequence().await;
    assert_eq!(sequence().await, first, "asked again, nothing new is given");
    let phone = world.leased(1).await;
    let (request, _) = till.sell(&show(&phone, T0), T0);
    world.post_sale(&till, &request).await;
    let second = sequence().await;
    assert_eq!((second.0 > first.0, second.1), (true, first.1 + 1));
    world.pass(18 * 3_600_000);
    assert_eq!(sequence().await.1, first.1 + 2, "less than six hours are left");
    assert_eq!(world.funnel(7).await.budget.unwrap().left, 100 - 3 * 2, "each of the three holds its part still");
    world.stop().await;
}
