use super::*;
use crate::basket::BasketLine;
use crate::offers::{Discount, MinimumSpend, TimeOfDay};
use proptest::prelude::*;

const NOW_S: i64 = 1_800_000_000;

struct World {
    member: MemberFacts,
    place: PlaceFacts,
    moment: Moment,
    conditions: Vec<Condition>,
    killed: BTreeSet<OfferId>,
}

fn world() -> World {
    let place = PlaceFacts {
        store: Some("hiroshima".into()),
        place: Some("miyajima".into()),
        area: Some("west".into()),
        channel: Some(Channel::Store),
    };
    let member = MemberFacts::of(Assurance::Device);
    World { member, place, moment: Moment::at(NOW_S), conditions: Vec::new(), killed: BTreeSet::new() }
}

impl World {
    fn check(&self, offer: &Offer) -> Result<(), &'static str> {
        self.check_with(offer, None)
    }

    fn check_with(&self, offer: &Offer, basket: Option<&Basket>) -> Result<(), &'static str> {
        let circumstances = Circumstances {
            member: &self.member,
            place: &self.place,
            moment: self.moment,
            conditions: &self.conditions,
            killed: &self.killed,
        };
        check(offer, &circumstances, basket).map_err(|reason| reason.reason())
    }

    fn at(self, now_s: i64) -> Self {
        Self { moment: Moment { now_s, ..self.moment }, ..self }
    }
}

fn offer() -> Offer {
    Offer::new(OfferId(1), Discount::Percent { permille: 100 })
}

fn rain(sequence: u64, from_s: i64, until_s: i64) -> Condition {
    Condition { kind: ConditionKind::Rain, area: "west".into(), sequence, from_s, until_s }
}

#[test]
fn who_may_have_it() {
    let mut world = world();
    assert_eq!(world.check(&offer()), Ok(()));
    let linked = Offer { audience: Audience::Linked, ..offer() };
    let first = Offer { first_visit: true, ..offer() };
    assert_eq!(world.check(&linked), Err("not_linked"));
    assert_eq!(world.check(&first), Err("first_visit_unknown"));
    world.member.first_visit = Some(false);
    assert_eq!(world.check(&first), Err("not_first_visit"));
    world.member.first_visit = Some(true);
    assert_eq!(world.check(&first), Ok(()));
    world.member.assurance = Assurance::Account;
    assert_eq!(world.check(&linked), Ok(()));
    world.member.used.insert(OfferId(1), 1);
    assert_eq!(world.check(&offer()), Err("used_up"));
    assert_eq!(world.check(&Offer { per_member: Some(2), ..offer() }), Ok(()));
    world.member.staff = true;
    assert_eq!(world.check(&offer()), Err("staff"));
    world.killed.insert(OfferId(1));
    assert_eq!(world.check(&offer()), Err("stopped"));
}

#[test]
fn where_it_holds() {
    let mut world = world();
    assert_eq!(world.check(&Offer { stores: vec!["okayama".into()], ..offer() }), Err("other_store"));
    assert_eq!(world.check(&Offer { places: vec!["okayama".into()], ..offer() }), Err("other_place"));
    assert_eq!(world.check(&Offer { channels: vec![Channel::Ec], ..offer() }), Err("other_channel"));
    let here = Offer { stores: vec!["hiroshima".into()], places: vec!["miyajima".into()], channels: vec![Channel::Store], ..offer() };
    assert_eq!(world.check(&here), Ok(()));
    world.place = PlaceFacts::default();
    assert_eq!(world.check(&here), Err("other_store"));
}

#[test]
fn a_check_in_unlocks_for_travellers_only_and_for_its_time() {
    let mut world = world();
    let places = vec![PlaceId::from("miyajima")];
    let visitor = Offer { audience: Audience::Visitor { within_s: 3_600 }, places: places.clone(), ..offer() };
    let traveller = Offer { audience: Audience::Traveller { within_s: 3_600 }, places, ..offer() };
    assert_eq!(world.check(&visitor), Err("no_check_in"));
    world.member.check_ins.push(CheckInFact { place: "elsewhere".into(), at_s: NOW_S, from_expressway: true });
    assert_eq!(world.check(&visitor), Err("no_check_in"));
    world.member.check_ins.push(CheckInFact { place: "miyajima".into(), at_s: NOW_S, from_expressway: false });
    assert_eq!((world.check(&visitor), world.check(&traveller)), (Ok(()), Err("not_from_expressway")));
    world.member.check_ins.push(CheckInFact { place: "miyajima".into(), at_s: NOW_S, from_expressway: true });
    assert_eq!(world.check(&traveller), Ok(()));
    let mut world = world.at(NOW_S + 3_600);
    assert_eq!(world.check(&traveller), Err("no_check_in"));
    world.member.allotted = true;
    assert_eq!(world.check(&traveller), Ok(()), "the issuer leased it to this device");
}

#[test]
fn rain_starts_an_offer_and_its_end_or_a_later_word_ends_it() {
    let mut world = world();
    let rainy = Offer { condition: Some(ConditionKind::Rain), ..offer() };
    assert_eq!(world.check(&rainy), Err("condition_off"));
    world.conditions = vec![rain(1, NOW_S, NOW_S + 100)];
    assert_eq!(world.check(&rainy), Ok(()));
    world.place.area = Some("east".into());
    assert_eq!(world.check(&rainy), Err("condition_off"), "it rains elsewhere");
    world.place.area = Some("west".into());
    world.conditions.push(rain(2, NOW_S, NOW_S));
    assert_eq!(world.check(&rainy), Err("condition_off"), "taken back");
    world.conditions.reverse();
    assert_eq!(world.check(&rainy), Err("condition_off"), "in whatever order they come");
    world.conditions.retain(|condition| condition.sequence == 1);
    assert_eq!(world.at(NOW_S + 100).check(&rainy), Err("condition_off"), "nothing more was heard");
}

#[test]
fn the_end_waits_for_who_is_in_the_queue_and_the_beginning_does_not_come_early() {
    let sale = Offer { from_s: Some(NOW_S), until_s: Some(NOW_S + 3_600), ..offer() };
    let end = NOW_S + 3_600;
    for (now_s, queue_since_s, expected) in [
        (end - 1, None, Ok(())),
        (end, None, Err("over")),
        (end, Some(end - 1), Ok(())),
        (end + 599, Some(end - 1), Ok(())),
        (end + 600, Some(end - 1), Err("over")),
        (end, Some(end), Err("over")),
        (end, Some(end + 5), Err("over")),
        (NOW_S - 1, Some(NOW_S + 10), Err("not_yet")),
        (NOW_S - 1, Some(NOW_S - 500), Err("not_yet")),
    ] {
        let world = World { moment: Moment { queue_since_s, ..Moment::at(now_s) }, ..world() };
        assert_eq!(world.check(&sale), expected, "{} in the queue since {queue_since_s:?}", now_s - NOW_S);
    }
    let rainy = Offer { condition: Some(ConditionKind::Rain), ..offer() };
    let mut stopped = World { moment: Moment { queue_since_s: Some(NOW_S - 300), ..Moment::at(NOW_S) }, ..world() };
    stopped.conditions = vec![rain(1, NOW_S - 900, NOW_S - 10)];
    assert_eq!(stopped.check(&rainy), Ok(()), "the rain stopped while they stood there");
}

#[test]
fn baskets_need_a_line_and_their_minimum() {
    let line = |sku: &str, amount_minor: i64| BasketLine {
        sku: sku.into(),
        class: Some("food".into()),
        quantity: amount_minor.signum(),
        amount_minor,
        tax_permille: Some(80),
        greatest_discount_minor: None,
    };
    let basket = Basket::new("JPY", vec![line("A1", 600), line("B1", 500), line("A2", -100)]).unwrap();
    let world = world();
    let check = |offer: &Offer| world.check_with(offer, Some(&basket));
    let of_a = Offer { sku_prefixes: vec!["A".into()], ..offer() };
    let least = |amount_minor, basis| Some(MinimumSpend { amount_minor, basis });
    assert_eq!(check(&of_a), Ok(()));
    assert_eq!(check(&Offer { sku_prefixes: vec!["C".into()], ..offer() }), Err("no_line"));
    assert_eq!(check(&Offer { sku_prefixes: vec!["A2".into()], ..offer() }), Err("no_line"), "a return takes no coupon");
    assert_eq!(check(&Offer { sku_prefixes: vec!["C".into()], classes: vec!["food".into()], ..offer() }), Ok(()));
    assert_eq!(check(&Offer { minimum_spend: least(600, SpendBasis::OfferLines), ..of_a.clone() }), Ok(()));
    assert_eq!(check(&Offer { minimum_spend: least(601, SpendBasis::OfferLines), ..of_a.clone() }), Err("minimum_spend"));
    assert_eq!(check(&Offer { minimum_spend: least(1_000, SpendBasis::Basket), ..of_a.clone() }), Ok(()));
    assert_eq!(check(&Offer { minimum_spend: least(1_001, SpendBasis::Basket), ..of_a }), Err("minimum_spend"));
}

#[test]
fn every_reason_has_its_own_short_words() {
    let reasons = [
        CouponReason::Stopped,
        CouponReason::Staff,
        CouponReason::NotLinked,
        CouponReason::FirstVisitUnknown,
        CouponReason::NotFirstVisit,
        CouponReason::UsedUp,
        CouponReason::OtherStore,
        CouponReason::OtherPlace,
        CouponReason::OtherChannel,
        CouponReason::TimeUnproven,
        CouponReason::NotYet,
        CouponReason::Over,
        CouponReason::OtherHours,
        CouponReason::ConditionOff(ConditionKind::Rain),
        CouponReason::NoCheckIn,
        CouponReason::NotFromExpressway,
        CouponReason::NotBought { missing: 1_000 },
        CouponReason::NoLine,
        CouponReason::MinimumSpend { missing_minor: 1_234_567 },
        CouponReason::NoGain,
        CouponReason::NotWith(OfferId(1)),
        CouponReason::BetterWithout,
        CouponReason::NothingMore,
        CouponReason::BudgetSpent,
        CouponReason::NeedsConnection,
        CouponReason::UnknownOffer,
        CouponReason::Redeemed,
        CouponReason::Locked,
    ];
    let words: Vec<[String; 3]> = reasons.iter().map(|r| [r.reason().to_owned(), r.text_ja("JPY"), r.text_en("GBP")]).collect();
    for at in 0..3 {
        let distinct: BTreeSet<&String> = words.iter().map(|words| &words[at]).collect();
        assert_eq!(distinct.len(), reasons.len());
    }
    assert!(words.iter().all(|[_, ja, en]| ja.chars().count() <= 30 && en.chars().count() <= 42), "{words:?}");
    assert_eq!(CouponReason::MinimumSpend { missing_minor: 300 }.text_ja("JPY"), "あと300円で使えます");
    assert_eq!(CouponReason::MinimumSpend { missing_minor: 305 }.text_en("GBP"), "GBP 3.05 more and it applies");
}

fn purchase(day: i64, skus: &[&str]) -> PurchaseFact {
    PurchaseFact { at_s: NOW_S + day * 86_400, skus: skus.iter().map(|sku| (*sku).into()).collect() }
}

#[test]
fn what_was_bought_before_earns_the_next_offer() {
    let rule = PurchaseRule { sku_prefixes: vec!["49".into(), "coffee".into()], times: 2, within_days: 30 };
    let next = Offer { bought: Some(rule), ..offer() };
    let mut world = world();
    let check = |world: &mut World, bought: Vec<PurchaseFact>| {
        world.member.bought = Some(bought);
        world.check(&next)
    };
    assert_eq!(check(&mut world, vec![]), Err("not_bought"));
    assert_eq!(
        check(&mut world, vec![purchase(-1, &["4901", "4902", "coffee-L"]), purchase(-2, &["50"])]),
        Err("not_bought"),
        "one receipt"
    );
    assert_eq!(check(&mut world, vec![purchase(-1, &["4901"]), purchase(-30, &["coffee-L", "50"])]), Ok(()));
    assert_eq!(check(&mut world, vec![purchase(-1, &["4901"]), purchase(-31, &["coffee-L"])]), Err("not_bought"), "too long ago");
    assert_eq!(check(&mut world, vec![purchase(-1, &["4901"]), purchase(1, &["4901"])]), Err("not_bought"), "not yet");
    world.moment.proven = false;
    assert_eq!(world.check(&next), Err("time_unproven"));
    world.moment.proven = true;
    world.member.bought = None;
    assert_eq!(world.check(&next), Ok(()), "settled by a lease");
    world.member.bought = Some(vec![]);
    world.member.allotted = true;
    assert_eq!(world.check(&next), Ok(()), "at a till that reads the allotment");
}

#[test]
fn purchases_are_sales_less_what_went_back() {
    let line = |sale, sold_at_s, sku, quantity| SoldPieces { sale, sold_at_s, sku, quantity };
    let found = purchases([
        line("r2", None, "b", -1),
        line("r2", Some(200), "a", 1),
        line("r2", Some(200), "b", 1),
        line("r1", Some(100), "a", 2),
        line("r1", None, "a", -1),
        line("r3", Some(300), "a", 1),
        line("r3", None, "a", -1),
        line("unknown", None, "a", -1),
    ]);
    let fact = |at_s, skus: &[&str]| PurchaseFact { at_s, skus: skus.iter().map(|sku| (*sku).into()).collect() };
    assert_eq!(found, [fact(100, &["a"]), fact(200, &["a"])]);
}

fn timed() -> impl Strategy<Value = Offer> {
    let hours = TimeOfDay { utc_offset_minutes: 540, weekdays: 127, from_minute: 600, until_minute: 660 };
    (any::<[bool; 4]>(), -5_000i64..5_000, 1i64..5_000).prop_map(move |(which, from, length)| Offer {
        from_s: which[0].then_some(NOW_S + from),
        until_s: which[1].then_some(NOW_S + from + length),
        time_of_day: which[2].then_some(hours),
        condition: which[3].then_some(ConditionKind::Rain),
        ..offer()
    })
}

proptest! {
    /// Whatever a person makes of the phone's clock: with an unproven time no timed offer is had, and an untimed one does not change.
    #[test]
    fn turning_the_clock_unlocks_nothing(offer in timed(), now_s in any::<i64>(), queue_since_s in prop::option::of(any::<i64>())) {
        let mut world = world();
        world.conditions = vec![rain(1, i64::MIN, i64::MAX)];
        world.moment = Moment { now_s, proven: false, queue_since_s, grace_s: GRACE_S };
        prop_assert_eq!(world.check(&offer), if offer.is_timed() { Err("time_unproven") } else { Ok(()) });
    }
}
