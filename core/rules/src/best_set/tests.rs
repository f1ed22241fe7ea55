use super::*;
use crate::basket::BasketLine;
use crate::conditions::Condition;
use crate::eligibility::{MemberFacts, Moment, PlaceFacts};
use crate::offers::{Discount, MinimumSpend, SpendBasis, StackingRule};
use crate::wire::Assurance;
use proptest::prelude::*;

const NOW_S: i64 = 1_800_000_000;

fn line(sku: &str, quantity: i64, amount_minor: i64, tax_permille: u32) -> BasketLine {
    BasketLine { sku: sku.into(), class: None, quantity, amount_minor, tax_permille: Some(tax_permille), greatest_discount_minor: None }
}

fn with<T>(member: &MemberFacts, use_it: impl FnOnce(&Circumstances<'_>) -> T) -> T {
    let (place, killed) = (PlaceFacts::default(), BTreeSet::new());
    let conditions: [Condition; 0] = [];
    use_it(&Circumstances { member, place: &place, moment: Moment::at(NOW_S), conditions: &conditions, killed: &killed })
}

fn best(offers: &[Offer], basket: &Basket, budgets: &BTreeMap<OfferId, Budget>) -> BestSet {
    let coupons: Vec<Coupon<'_>> = offers.iter().zip(1..).map(|(offer, serial)| Coupon { serial, offer }).collect();
    with(&MemberFacts::of(Assurance::Device), |circumstances| best_set(&coupons, circumstances, basket, budgets))
}

fn offer(id: u32, discount: Discount) -> Offer {
    Offer::new(OfferId(id), discount)
}

fn percent(id: u32, permille: u16) -> Offer {
    offer(id, Discount::Percent { permille })
}

fn fixed(id: u32, amount_minor: i64) -> Offer {
    offer(id, Discount::Fixed { amount_minor })
}

fn used(best: &BestSet) -> Vec<u32> {
    best.used.iter().map(|coupon| coupon.offer.0).collect()
}

fn unused(best: &BestSet) -> Vec<(u32, &'static str)> {
    best.unused.iter().map(|coupon| (coupon.offer.unwrap().0, coupon.reason.reason())).collect()
}

fn no_budgets() -> BTreeMap<OfferId, Budget> {
    BTreeMap::new()
}

#[test]
fn each_kind_takes_off_what_it_says() {
    let basket = Basket::new("JPY", vec![line("A1", 3, 1_000, 80), line("B1", 2, 300, 100), line("A2", 1, 500, 80)]).unwrap();
    let of_a = |discount| Offer { sku_prefixes: vec!["A".into()], ..offer(1, discount) };
    for (discount, by_line) in [
        (Discount::Percent { permille: 333 }, [333, 0, 166]),
        (Discount::Fixed { amount_minor: 100 }, [67, 0, 33]),
        (Discount::Fixed { amount_minor: 9_999 }, [1_000, 0, 500]),
        (Discount::FreeItem { pieces: 1 }, [333, 0, 0]),
        (Discount::FreeItem { pieces: 4 }, [1_000, 0, 500]),
        (Discount::FixedPrice { price_minor: 300, pieces: 2 }, [33, 0, 200]),
        (Discount::FixedPrice { price_minor: 400, pieces: 9 }, [0, 0, 100]),
    ] {
        let best = best(&[of_a(discount)], &basket, &no_budgets());
        assert_eq!(best.line_discounts, by_line, "{discount:?}");
        let off: i64 = by_line.iter().sum();
        assert_eq!((best.discount_minor, best.total_minor, best.gap_minor), (off, 1_800 - off, 0));
        assert_eq!(
            best.rates.iter().map(|rate| (rate.tax_permille, rate.discount_minor)).collect::<Vec<_>>(),
            [(Some(80), off), (Some(100), 0)]
        );
    }
}

#[test]
fn the_margin_floor_holds_for_all_coupons_together() {
    let mut lines = vec![line("A", 1, 1_000, 80), line("B", 1, 1_000, 100)];
    lines[1].greatest_discount_minor = Some(50);
    let basket = Basket::new("JPY", lines).unwrap();
    let offers = [percent(1, 200), percent(2, 200), Offer { greatest_discount_permille: 300, ..fixed(3, 500) }];
    let best = best(&offers, &basket, &no_budgets());
    assert_eq!(best.line_discounts, [400, 50], "two at 20 % beat one that stops at 30 % of a line");
    assert_eq!(unused(&best), [(3, "better_without")]);
}

#[test]
fn rules_of_stacking_and_groups_are_kept_and_named() {
    let basket = Basket::new("JPY", vec![line("A", 1, 1_000, 80), line("B", 1, 400, 100)]).unwrap();
    let group = |offer: Offer| Offer { exclusion_group: Some(7), ..offer };
    let b = |offer: Offer| Offer { sku_prefixes: vec!["B".into()], ..offer };
    let run = |offers: &[Offer]| {
        let best = best(offers, &basket, &no_budgets());
        (used(&best), unused(&best))
    };
    assert_eq!(run(&[group(fixed(1, 100)), group(fixed(2, 300)), fixed(3, 50)]), (vec![2, 3], vec![(1, "not_with")]));
    let alone = Offer { stacking: StackingRule::Alone, ..fixed(1, 320) };
    assert_eq!(run(&[alone.clone(), fixed(2, 300), fixed(3, 50)]), (vec![2, 3], vec![(1, "not_with")]));
    assert_eq!(run(&[alone, fixed(2, 300)]), (vec![1], vec![(2, "not_with")]));
    let apart = Offer { stacking: StackingRule::OtherLines, ..b(fixed(1, 30)) };
    assert_eq!(run(&[apart.clone(), Offer { sku_prefixes: vec!["A".into()], ..fixed(2, 100) }]), (vec![1, 2], vec![]));
    assert_eq!(run(&[apart, fixed(2, 100)]), (vec![2], vec![(1, "not_with")]));
}

#[test]
fn of_equals_the_smaller_set_and_what_ends_first_is_used() {
    let basket = Basket::new("JPY", vec![line("A", 1, 100, 80)]).unwrap();
    let until = |offer: Offer, until_s| Offer { until_s: Some(until_s), ..offer };
    let offers =
        [until(fixed(1, 60), NOW_S + 9), until(fixed(2, 40), NOW_S + 9), until(fixed(3, 100), NOW_S + 9), until(fixed(4, 100), NOW_S + 5)];
    let best = best(&offers, &basket, &no_budgets());
    assert_eq!((used(&best), best.discount_minor), (vec![4], 100));
    assert_eq!(unused(&best), [(1, "nothing_more"), (2, "nothing_more"), (3, "nothing_more")]);
}

#[test]
fn caps_and_budgets_hold_within_one_basket() {
    let basket = Basket::new("JPY", vec![line("A", 1, 1_000, 80)]).unwrap();
    let twice = Offer { per_member: Some(2), ..fixed(1, 100) };
    let best_of = |offers: &[Offer], budgets: BTreeMap<OfferId, Budget>| best(offers, &basket, &budgets);
    let three = [twice.clone(), twice.clone(), twice.clone()];
    let best = best_of(&three, no_budgets());
    assert_eq!((best.discount_minor, unused(&best)), (200, vec![(1, "used_up")]));
    let best = best_of(&three, [(OfferId(1), Budget::Redemptions(1))].into());
    assert_eq!((best.discount_minor, unused(&best)), (100, vec![(1, "budget_spent"), (1, "budget_spent")]));
    let best = best_of(&three, [(OfferId(1), Budget::Discount(150))].into());
    assert_eq!(best.discount_minor, 100);
    let best = best_of(&three, [(OfferId(1), Budget::Discount(99))].into());
    assert_eq!((best.discount_minor, unused(&best)), (0, vec![(1, "budget_spent"); 3]));
    let again = [Coupon { serial: 5, offer: &twice }, Coupon { serial: 5, offer: &twice }];
    let best = with(&MemberFacts::of(Assurance::Device), |c| best_set(&again, c, &basket, &no_budgets()));
    assert_eq!((best.discount_minor, unused(&best)), (100, vec![(1, "redeemed")]), "one serial, one coupon");
}

#[test]
fn reasons_of_a_coupon_by_itself_come_through() {
    let basket = Basket::new("JPY", vec![line("A", 1, 1_000, 80)]).unwrap();
    let least = Some(MinimumSpend { amount_minor: 1_300, basis: SpendBasis::Basket });
    let offers = [
        Offer { minimum_spend: least, ..fixed(1, 100) },
        Offer { until_s: Some(NOW_S), ..fixed(2, 100) },
        percent(3, 0),
        Offer { sku_prefixes: vec!["Z".into()], ..percent(4, 100) },
    ];
    let best = best(&offers, &basket, &no_budgets());
    assert_eq!(unused(&best), [(1, "minimum_spend"), (2, "over"), (3, "no_gain"), (4, "no_line")]);
    assert_eq!(best.unused[0].reason, CouponReason::MinimumSpend { missing_minor: 300 });
    assert_eq!((best.total_minor, best.discount_minor), (1_000, 0));
}

#[test]
fn beyond_the_exact_the_gap_is_said() {
    // Sixty coupons that each hit two of thirty lines and share none: too many sets to look at.
    let basket = Basket::new("JPY", (0..30).map(|at| line(&format!("L{at:02}"), 1, 1_000, 80)).collect()).unwrap();
    let two = |at: u32| vec![format!("L{:02}", at % 30), format!("L{:02}", (at * 7 + 3) % 30)];
    let apart = |at: u32| Offer { sku_prefixes: two(at), stacking: StackingRule::OtherLines, ..fixed(at, 90 + i64::from(at * 13 % 41)) };
    let offers: Vec<Offer> = (0..60).map(apart).collect();
    let all = best(&offers, &basket, &no_budgets());
    assert!(all.discount_minor > 1_000 && all.gap_minor > 0, "{} off, gap {}", all.discount_minor, all.gap_minor);
    assert_eq!(best(&offers[..20], &basket, &no_budgets()).gap_minor, 0, "twenty, as many as a code holds");
}

fn any_discount() -> impl Strategy<Value = Discount> {
    prop_oneof![
        (0u16..=1000).prop_map(|permille| Discount::Percent { permille }),
        (0i64..800).prop_map(|amount_minor| Discount::Fixed { amount_minor }),
        (0u32..4).prop_map(|pieces| Discount::FreeItem { pieces }),
        (0i64..300, 0u32..4).prop_map(|(price_minor, pieces)| Discount::FixedPrice { price_minor, pieces }),
    ]
}

fn any_offer() -> impl Strategy<Value = Offer> {
    let stacking = prop_oneof![6 => Just(StackingRule::Together), 2 => Just(StackingRule::OtherLines), 1 => Just(StackingRule::Alone)];
    let skus = prop::collection::vec(prop::sample::select(vec!["A", "B", "C", "A1"]), 0..3);
    let least = prop::option::weighted(0.3, (0i64..3_000, prop::sample::select(vec![SpendBasis::OfferLines, SpendBasis::Basket])));
    (0u32..12, any_discount(), stacking, skus, 300u16..=1000, prop::option::weighted(0.3, 0u32..3), least, 1u32..3, 0i64..3).prop_map(
        |(id, discount, stacking, skus, floor, exclusion_group, least, cap, ends)| Offer {
            stacking,
            sku_prefixes: skus.into_iter().map(str::to_owned).collect(),
            greatest_discount_permille: floor,
            exclusion_group,
            minimum_spend: least.map(|(amount_minor, basis)| MinimumSpend { amount_minor, basis }),
            per_member: Some(cap),
            until_s: Some(NOW_S + 1 + ends),
            ..offer(id, discount)
        },
    )
}

fn any_basket() -> impl Strategy<Value = Basket> {
    let sku = prop::sample::select(vec!["A1", "A2", "B1", "C1"]);
    let any_line = (sku, -1i64..5, 0i64..1_500, prop::sample::select(vec![80u32, 100]), prop::option::weighted(0.3, 0i64..800));
    prop::collection::vec(any_line, 1..6).prop_map(|lines| {
        let lines = lines.into_iter().map(|(sku, quantity, amount_minor, tax, greatest_discount_minor)| BasketLine {
            greatest_discount_minor,
            ..line(sku, quantity, amount_minor * if quantity < 0 { -1 } else { 1 }, tax)
        });
        Basket::new("JPY", lines.collect()).unwrap()
    })
}

/// Every subset that the rules allow, priced; the rules are written out here once more, without the search's short cuts.
fn brute_force(candidates: &[Candidate<'_>], basket: &Basket) -> (i64, Vec<usize>) {
    let mut best: (i64, Vec<usize>) = (0, Vec::new());
    for mask in 1u32..1 << candidates.len() {
        let set: Vec<usize> = (0..candidates.len()).filter(|at| mask >> at & 1 == 1).collect();
        let offers: Vec<&Offer> = set.iter().map(|at| candidates[*at].offer).collect();
        let lines = |offer: &Offer| basket.lines_of(offer).map(|(at, _)| at).collect::<Vec<_>>();
        let together = offers.iter().enumerate().all(|(at, one)| {
            offers[at + 1..].iter().all(|other| {
                let apart = [one.stacking, other.stacking].contains(&StackingRule::OtherLines);
                let group = one.exclusion_group.is_some() && one.exclusion_group == other.exclusion_group;
                let alone = [one.stacking, other.stacking].contains(&StackingRule::Alone);
                let clash = apart && lines(one).iter().any(|line| lines(other).contains(line));
                !group && !alone && !clash
            })
        });
        let capped = set.iter().all(|at| {
            let one = &candidates[*at];
            let same = || set.iter().map(|at| &candidates[*at]).filter(|other| other.offer.id == one.offer.id);
            same().count() as u64 <= u64::from(one.offer.per_member.unwrap())
                && one.budget.is_none_or(|(_, left)| same().map(|other| other.budget.unwrap().0).sum::<u64>() <= left)
        });
        if !together || !capped {
            continue;
        }
        let total = pricing::price(&set.iter().map(|at| &candidates[*at]).collect::<Vec<_>>(), basket).total_minor;
        if (total, std::cmp::Reverse(set.len()), std::cmp::Reverse(&set))
            > (best.0, std::cmp::Reverse(best.1.len()), std::cmp::Reverse(&best.1))
        {
            best = (total, set);
        }
    }
    best
}

fn any_budgets() -> impl Strategy<Value = BTreeMap<OfferId, Budget>> {
    let budget = prop_oneof![(0u64..3).prop_map(Budget::Redemptions), (0u64..900).prop_map(Budget::Discount)];
    prop::collection::btree_map((0u32..12).prop_map(OfferId), budget, 0..4)
}

/// Grants of one offer hold the same rules: the caps of an offer do not differ between its coupons.
fn alike(mut offers: Vec<Offer>) -> Vec<Offer> {
    for at in 0..offers.len() {
        let first = offers.iter().position(|offer| offer.id == offers[at].id).unwrap();
        offers[at] = offers[first].clone();
    }
    offers
}

fn compare(offers: Vec<Offer>, basket: &Basket, budgets: &BTreeMap<OfferId, Budget>) -> Result<(), TestCaseError> {
    let offers = alike(offers);
    let found = best(&offers, basket, budgets);
    let coupons: Vec<Coupon<'_>> = offers.iter().zip(1..).map(|(offer, serial)| Coupon { serial, offer }).collect();
    let mut candidates: Vec<Candidate<'_>> = with(&MemberFacts::of(Assurance::Device), |circumstances| {
        coupons.iter().enumerate().filter_map(|(at, coupon)| candidate(at, coupon, circumstances, basket, budgets).ok()).collect()
    });
    candidates.sort_by_key(|c| (c.offer.until_s.unwrap_or(i64::MAX), c.offer.id, c.serial));
    let (total, set) = brute_force(&candidates, basket);
    let mut expected: Vec<u64> = set.iter().map(|at| candidates[*at].serial).collect();
    let mut serials: Vec<u64> = found.used.iter().map(|coupon| coupon.serial).collect();
    expected.sort_unstable();
    serials.sort_unstable();
    prop_assert_eq!((found.discount_minor, serials), (total, expected));
    prop_assert_eq!(found.gap_minor, 0);
    // A search that may look at a few sets only says how much it can have missed.
    for sets in [0, 1, 4, 16] {
        let short = search::search(&candidates, basket, search::Effort { sets, lines: usize::MAX });
        prop_assert!(short.priced.total_minor <= total && short.priced.total_minor + short.gap_minor >= total);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_best_set_is_that_of_brute_force(offers in prop::collection::vec(any_offer(), 0..9), basket in any_basket(), budgets in any_budgets()) {
        compare(offers, &basket, &budgets)?;
    }

    /// Whatever comes: totals are exact by coupon, line and rate, no line is below its floor, every coupon is accounted for once.
    #[test]
    fn totals_are_exact_and_floors_hold(offers in prop::collection::vec(any_offer(), 0..12), basket in any_basket(), budgets in any_budgets()) {
        let offers = alike(offers);
        let best = best(&offers, &basket, &budgets);
        prop_assert_eq!(best.total_minor, basket.total_minor() - best.discount_minor);
        prop_assert_eq!(best.line_discounts.iter().sum::<i64>(), best.discount_minor);
        prop_assert_eq!(best.used.iter().map(|coupon| coupon.discount_minor).sum::<i64>(), best.discount_minor);
        prop_assert_eq!(best.rates.iter().map(|rate| rate.gross_minor).sum::<i64>(), best.total_minor);
        prop_assert_eq!(best.used.len() + best.unused.len(), offers.len());
        for (at, (line, off)) in basket.lines().iter().zip(&best.line_discounts).enumerate() {
            let by_coupon: i64 = best.used.iter().flat_map(|coupon| &coupon.lines).filter(|part| part.line == at).map(|part| part.amount_minor).sum();
            prop_assert_eq!(by_coupon, *off);
            prop_assert!(*off >= 0 && *off <= line.greatest_discount_minor.unwrap_or(i64::MAX).min(line.amount_minor.max(0)));
            for coupon in best.used.iter().filter(|coupon| coupon.lines.iter().any(|part| part.line == at)) {
                let floor = offers[usize::try_from(coupon.serial).unwrap() - 1].greatest_discount_permille;
                prop_assert!(*off * 1000 <= line.amount_minor * i64::from(floor));
            }
        }
        for coupon in &best.used {
            prop_assert!(coupon.discount_minor > 0, "a coupon is not spent for nothing");
            if let Some(budget) = budgets.get(&coupon.offer) {
                let spent: u64 = best.used.iter().filter(|c| c.offer == coupon.offer).map(|c| budget.cost(c.discount_minor)).sum();
                prop_assert!(spent <= budget.total());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn the_best_set_is_that_of_brute_force_at_fifteen(offers in prop::collection::vec(any_offer(), EXACT_UP_TO), basket in any_basket()) {
        compare(offers, &basket, &no_budgets())?;
    }
}
