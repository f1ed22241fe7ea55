use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::best_set::Coupon;
use crate::eligibility::{Circumstances, MemberFacts, Moment, PlaceFacts};
use crate::menu::tests::{FRIDAY_17, HOUR, book, menu};
use crate::menu::{MenuThing, SoldOut};
use crate::offers::{Discount, Offer, OfferId};
use crate::receipt::{ReceiptFigures, ReceiptKind, TaxLine};
use crate::tax::TaxHandoff::{Delivery, EatIn, TakeOut};
use crate::tax::{JAPAN, RefundLine, TaxRates, TaxRounding, TaxTable, refund};
use crate::wire::Assurance;

fn rates() -> TaxRates {
    TaxTable::from_json(JAPAN).unwrap().on("2027-01-15")
}

fn chosen(group: &str, modifier: &str, quantity: u32) -> CartModifier {
    CartModifier { group: group.into(), modifier: modifier.into(), quantity, modifiers: vec![] }
}

fn line(item: &str, quantity: u32) -> CartLine {
    CartLine::of(&book(), &item.into(), quantity, TakeOut).unwrap()
}

fn cart(lines: Vec<CartLine>) -> Cart {
    Cart { lines, ..Cart::new(HandoffMode::CounterPickup, TakeOut) }
}

fn now() -> CartMoment<'static> {
    CartMoment { at_ms: FRIDAY_17, sold_out: &[] }
}

fn kinds(cart: &Cart) -> Vec<CartProblemKind> {
    cart.problems(&book(), &now()).into_iter().map(|problem| problem.kind).collect()
}

#[test]
fn a_line_begins_with_the_defaults_of_the_menu() {
    let burger = line("burger", 1);
    assert_eq!((burger.modifiers.clone(), burger.seen_minor), (vec![chosen("bun", "plain", 1)], Some(540)));
    assert_eq!(kinds(&cart(vec![burger])), []);
    // The drink of the set is cola, and opens the choice of ice, which has no default.
    let problems = cart(vec![line("set", 1)]).problems(&book(), &now());
    let missing = CartProblemKind::TooFew { group: "ice".into(), missing: 1, min: 1 };
    assert_eq!(problems, [CartProblem { line: Some(0), within: vec!["cola".into()], kind: missing }]);
    assert_eq!(problems[0].text_ja(&book()), "「ice」をあと1つ選んでください");
    assert_eq!(problems[0].text_en(&book()), "Choose 1 more of ice");
    assert_eq!(CartLine::of(&book(), &"ghost".into(), 1, TakeOut), None);
}

#[test]
fn every_violation_names_the_group_and_what_is_missing() {
    let with = |item: &str, modifiers: Vec<CartModifier>| kinds(&cart(vec![CartLine { modifiers, ..line(item, 1) }]));
    let plain = || chosen("bun", "plain", 1);
    assert_eq!(with("burger", vec![]), [CartProblemKind::TooFew { group: "bun".into(), missing: 1, min: 1 }]);
    assert_eq!(with("burger", vec![plain(), chosen("bun", "rice", 1)]), [CartProblemKind::TooMany { group: "bun".into(), has: 2, max: 1 }]);
    let count = |is, most| CartProblemKind::ModifierQuantity { group: "toppings".into(), modifier: "cheese".into(), has: is, most };
    assert_eq!(
        with("burger", vec![plain(), chosen("toppings", "cheese", 9)]),
        [CartProblemKind::TooMany { group: "toppings".into(), has: 9, max: 4 }, count(9, 3)]
    );
    assert_eq!(with("burger", vec![plain(), chosen("toppings", "cheese", 0)]), [count(0, 3)]);
    assert_eq!(with("burger", vec![plain(), chosen("toppings", "cheese", 1), chosen("toppings", "cheese", 1)]), [count(1, 3)], "twice");
    assert_eq!(with("burger", vec![plain(), chosen("drink", "cola", 1)]), [CartProblemKind::UnknownGroup { group: "drink".into() }]);
    let unknown = CartProblemKind::UnknownModifier { group: "toppings".into(), modifier: "gold".into() };
    assert_eq!(with("burger", vec![plain(), chosen("toppings", "gold", 1)]), [unknown]);
    let many = vec![chosen("toppings", "cheese", 1); MAX_LINE_MODIFIERS as usize + 1];
    assert_eq!(with("burger", many), [CartProblemKind::TooManyModifiers { most: MAX_LINE_MODIFIERS }]);
    let mut deep = chosen("drink", "cola", 1);
    for _ in 0..1_000 {
        deep = CartModifier { modifiers: vec![deep], ..chosen("drink", "cola", 1) };
    }
    assert_eq!(with("set", vec![deep]), [CartProblemKind::TooManyModifiers { most: MAX_LINE_MODIFIERS }]);
}

#[test]
fn absurd_carts_are_refused() {
    assert_eq!(kinds(&cart(vec![])), [CartProblemKind::Empty]);
    assert_eq!(kinds(&cart(vec![line("fries", 1); MAX_CART_LINES as usize + 1])), [CartProblemKind::TooManyLines { most: MAX_CART_LINES }]);
    for is in [0, 100, u32::MAX] {
        let found = kinds(&cart(vec![line("fries", is)]));
        assert!(found.contains(&CartProblemKind::Quantity { has: is, most: MAX_LINE_PIECES }), "{is}");
    }
    assert_eq!(kinds(&cart(vec![line("fries", 99); 6])), [CartProblemKind::TooManyPieces { most: MAX_CART_PIECES }]);
    let long = CartLine { note: "あ".repeat(10_000), ..line("fries", 1) };
    assert_eq!(kinds(&cart(vec![long])), [CartProblemKind::NoteTooLong { has: 10_000, most: MAX_NOTE }]);
    assert_eq!(kinds(&cart(vec![CartLine { note: "あ".repeat(MAX_NOTE as usize), ..line("fries", 1) }])), []);
    assert_eq!(
        kinds(&cart(vec![CartLine { item: "ghost".into(), ..line("fries", 1) }])),
        [CartProblemKind::UnknownItem { item: "ghost".into() }]
    );
    let seat = CartLine { tax_handoff: Some(Delivery), ..line("fries", 1) };
    assert_eq!(kinds(&cart(vec![seat])), [CartProblemKind::TaxHandoff { handoff: HandoffMode::CounterPickup }]);
    let curbside = Cart { tax_handoff: EatIn, handoff: HandoffMode::Curbside, ..cart(vec![line("fries", 1)]) };
    assert_eq!(kinds(&curbside), [CartProblemKind::TaxHandoff { handoff: HandoffMode::Curbside }]);
}

#[test]
fn ages_limits_hours_and_hand_over_hold() {
    let beer = |quantity| cart(vec![line("beer", quantity)]);
    assert_eq!(kinds(&beer(1)), [CartProblemKind::AgeNotDeclared { least_age: 20 }]);
    assert_eq!(kinds(&Cart { declared_age: Some(19), ..beer(1) }), [CartProblemKind::AgeNotDeclared { least_age: 20 }]);
    assert_eq!(kinds(&Cart { declared_age: Some(20), ..beer(6) }), []);
    let limit = CartProblemKind::ItemLimit { item: "beer".into(), has: 7, most: 6 };
    assert_eq!(kinds(&Cart { declared_age: Some(20), ..cart(vec![line("beer", 3), line("fries", 1), line("beer", 4)]) }), [limit]);
    let locker = Cart { handoff: HandoffMode::Locker, declared_age: Some(30), ..beer(1) };
    assert_eq!(kinds(&locker), [CartProblemKind::Unattended { least_age: 20, handoff: HandoffMode::Locker }]);
    assert_eq!(kinds(&cart(vec![line("pancake", 1)])), [CartProblemKind::NotAtThisTime { item: "pancake".into() }]);
    let morning = CartMoment { at_ms: FRIDAY_17 + 14 * HOUR, sold_out: &[] };
    assert_eq!(cart(vec![line("pancake", 1)]).problems(&book(), &morning), []);
    let curbside = Cart { handoff: HandoffMode::Curbside, ..cart(vec![line("pancake", 1)]) };
    let not_so = CartProblemKind::NotForHandoff { item: "pancake".into(), handoff: HandoffMode::Curbside };
    assert_eq!(curbside.problems(&book(), &morning)[0].kind, not_so);
}

#[test]
fn a_menu_that_changed_under_the_cart_asks() {
    let burger = CartLine {
        modifiers: vec![chosen("bun", "plain", 1), chosen("toppings", "avocado", 1)],
        seen_minor: Some(641),
        ..line("burger", 1)
    };
    let set = CartLine {
        modifiers: vec![CartModifier { modifiers: vec![chosen("ice", "no_ice", 1)], ..chosen("drink", "cola", 1) }],
        ..line("set", 1)
    };
    let cart = cart(vec![burger, line("fries", 1), set]);
    assert_eq!(cart.changes(&book(), &now()), []);
    let mut changed = menu();
    changed.items.retain(|item| item.id.as_str() != "fries");
    changed.sections[0].items.retain(|item| item.as_str() != "fries");
    changed.groups[1].modifiers.retain(|modifier| modifier.id.as_str() != "avocado");
    changed.items[1].prices[0].amount_minor = 850;
    let changed = MenuBook::new(changed).unwrap();
    let sold_out = [
        SoldOut { thing: MenuThing::Modifier("no_ice".into()), until_ms: None },
        SoldOut { thing: MenuThing::Item("beer".into()), until_ms: None },
    ];
    let moment = CartMoment { at_ms: FRIDAY_17, sold_out: &sold_out };
    let found = cart.changes(&changed, &moment);
    assert_eq!(
        found,
        [
            CartChange::ModifierVanished { line: 0, group: "toppings".into(), modifier: Some("avocado".into()) },
            CartChange::Vanished { line: 1, item: "fries".into() },
            CartChange::SoldOut { line: 2, thing: MenuThing::Modifier("no_ice".into()), until_ms: None },
            CartChange::Costs { line: 2, was_minor: 800, is_minor: 850 },
        ]
    );
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Vec<CartChange>>(&text).unwrap(), found, "the question goes over the wire");
    assert_eq!(found[3].text_ja(&changed), "価格が800円から850円に変わりました");
    assert_eq!(found[1].text_en(&changed), "fries is no longer on the menu");
    let accepted = cart.clone().with_prices_of(&changed);
    assert_eq!(accepted.lines[2].seen_minor, Some(850));
    assert!(!accepted.changes(&changed, &moment).iter().any(|change| matches!(change, CartChange::Costs { .. })));
    // Sold out until six: an order for six is taken.
    let until_six = [SoldOut { thing: MenuThing::Item("set".into()), until_ms: Some(FRIDAY_17 + HOUR) }];
    assert_eq!(cart.changes(&book(), &CartMoment { at_ms: FRIDAY_17 + HOUR, sold_out: &until_six }), []);
    assert_eq!(cart.changes(&book(), &CartMoment { at_ms: FRIDAY_17 + HOUR - 1, sold_out: &until_six }).len(), 1);
    // A constraint that came later: two buns are wanted now.
    let mut stricter = menu();
    (stricter.groups[0].min, stricter.groups[0].max) = (2, 2);
    let rule = &cart.changes(&MenuBook::new(stricter).unwrap(), &now())[0];
    assert!(matches!(rule, CartChange::Rule(CartProblem { kind: CartProblemKind::TooFew { missing: 1, .. }, .. })), "{rule:?}");
}

/// Worked by hand: burger with avocado (540 + 101), two fries, a set with beer (800 + 300), a toy set, a bag; taken out.
#[test]
fn a_cart_comes_to_the_yen() {
    let burger = CartLine { modifiers: vec![chosen("bun", "plain", 1), chosen("toppings", "avocado", 1)], ..line("burger", 1) };
    let set = CartLine { modifiers: vec![chosen("drink", "beer_in_set", 1)], ..line("set", 1) };
    let cart = Cart { declared_age: Some(20), ..cart(vec![burger, line("fries", 2), set, line("toy_set", 1), line("bag", 1)]) };
    let (book, rates) = (book(), rates());
    let priced = price(&cart, &book, &PriceTerms::new(&rates)).unwrap();
    assert_eq!(
        priced.lines.iter().map(|line| (line.amount_minor, line.rate.permille)).collect::<Vec<_>>(),
        [(641, 80), (432, 80), (800, 80), (300, 100), (1_080, 80), (5, 100)]
    );
    // 2,953 at 8 % hold 218.7 yen, 305 at 10 % hold 27.7.
    let tax = |tax_permille, gross_minor, tax_minor| TaxLine { tax_permille, gross_minor, tax_minor };
    assert_eq!((priced.total_minor, priced.taxes.clone()), (3_258, vec![tax(80, 2_953, 218), tax(100, 305, 27)]));
    // Eaten in, avocado costs 103, and everything holds 10 %: 3,260 hold 296.36.
    let eat_in = Cart { tax_handoff: EatIn, ..cart.clone() };
    let priced = price(&eat_in, &book, &PriceTerms { rounding: TaxRounding::Up, ..PriceTerms::new(&rates) }).unwrap();
    assert_eq!((priced.total_minor, priced.taxes), (3_260, vec![tax(100, 3_260, 297)]));
    // A souvenir taken home from the table: 8 %.
    let mut souvenir = eat_in;
    souvenir.lines[1].tax_handoff = Some(TakeOut);
    let priced = price(&souvenir, &book, &PriceTerms::new(&rates)).unwrap();
    assert_eq!(priced.taxes, [tax(80, 432, 32), tax(100, 2_828, 257)]);
    // Brought home: avocado has no price for that, so the cart has none; without it, 8 % on food and 10 % on the fee.
    let mut brought = Cart { handoff: HandoffMode::Delivery, tax_handoff: Delivery, ..cart };
    let terms = PriceTerms { delivery_fee_minor: 330, ..PriceTerms::new(&rates) };
    assert_eq!(price(&brought, &book, &terms).unwrap_err(), PriceError::NotOnMenu { line: 0 });
    brought.lines.truncate(2);
    brought.lines[0].modifiers.truncate(1);
    let priced = price(&brought, &book, &terms).unwrap();
    assert_eq!((priced.total_minor, priced.taxes.clone()), (1_302, vec![tax(80, 972, 72), tax(100, 330, 30)]));
    assert_eq!(priced.receipt_lines("ja")[2].description, "配達料");
}

fn facts() -> (MemberFacts, PlaceFacts, BTreeSet<OfferId>) {
    (MemberFacts::of(Assurance::Device), PlaceFacts::default(), BTreeSet::new())
}

/// 1,000 yen off a burger (540 at 8 %), fries (216) and beer (550 at 10 %): 1,306 yen; then 100 points.
#[test]
fn coupons_and_points_are_spread_over_the_rates() {
    let (book, rates, (member, place, killed)) = (book(), rates(), facts());
    let circumstances =
        Circumstances { member: &member, place: &place, moment: Moment::at(FRIDAY_17 / 1_000), conditions: &[], killed: &killed };
    let fixed = Offer::new(OfferId(1), Discount::Fixed { amount_minor: 1_000 });
    let other = Offer { classes: vec!["cake".into()], ..Offer::new(OfferId(2), Discount::Percent { permille: 500 }) };
    let coupons = [Coupon { serial: 1, offer: &fixed }, Coupon { serial: 2, offer: &other }];
    let budgets = BTreeMap::new();
    let cart = Cart { declared_age: Some(20), ..cart(vec![line("burger", 1), line("fries", 1), line("beer", 1)]) };
    let coupons = Some(CouponTerms { coupons: &coupons, circumstances: &circumstances, budgets: &budgets });
    let points = |mode| Some(PointsTerms { mode, points: 100, value_minor: 1 });
    let terms = |mode| PriceTerms { coupons, points: points(mode), ..PriceTerms::new(&rates) };
    let paid = price(&cart, &book, &terms(PointsMode::Payment)).unwrap();
    // 413.47, 165.39 and 421.13: whole units first, the one left over to the largest remainder.
    assert_eq!(paid.lines.iter().map(|line| line.discount_minor).collect::<Vec<_>>(), [414, 165, 421]);
    assert_eq!((paid.total_minor, paid.points, paid.to_pay_minor), (306, 100, 206));
    let tax = |tax_permille, gross_minor, tax_minor| TaxLine { tax_permille, gross_minor, tax_minor };
    assert_eq!(paid.taxes, [tax(80, 177, 13), tax(100, 129, 11)]);
    assert_eq!((paid.used.len(), paid.unused.len()), (1, 1));
    let off = price(&cart, &book, &terms(PointsMode::Discount)).unwrap();
    assert_eq!((off.total_minor, off.to_pay_minor), (206, 206));
    assert_eq!(off.lines.iter().map(|line| line.points_minor).sum::<i64>(), 100);
    assert_eq!(off.taxes.iter().map(|tax| tax.gross_minor).sum::<i64>(), 206);
    // The burger comes back: what was paid for it, in money and in points.
    let back = refund(&paid.paid_lines(), &[RefundLine { line: 0, pieces: 1 }], TaxRounding::Down).unwrap();
    assert_eq!(back.money_minor + back.points, 540 - 414);
    // More points than the cart comes to: only as many as it takes; points that are worth nothing are not used.
    let many =
        PriceTerms { points: Some(PointsTerms { mode: PointsMode::Payment, points: i64::MAX, value_minor: 7 }), ..PriceTerms::new(&rates) };
    let many = price(&cart, &book, &many).unwrap();
    assert_eq!((many.points, many.to_pay_minor), (186, 1_306 - 186 * 7));
    for (points, value_minor) in [(-5, 1), (5, 0), (5, -1)] {
        let none = PriceTerms { points: Some(PointsTerms { mode: PointsMode::Payment, points, value_minor }), ..PriceTerms::new(&rates) };
        assert_eq!(price(&cart, &book, &none).unwrap().points, 0);
    }
}

#[test]
fn allergens_follow_what_is_chosen() {
    use crate::menu::allergens::{AllergenFacts, AllergenTable, JAPAN};
    let mut menu = menu();
    let facts = |contains: &[&str]| AllergenFacts {
        states: contains.iter().map(|id| (AllergenId::from(*id), AllergenState::Contains)).collect(),
        checked_on: Some("2026-05-01".into()),
    };
    menu.items[0].allergens = facts(&["beef"]);
    menu.groups[0].modifiers[0].allergens = facts(&["wheat"]);
    menu.groups[0].modifiers[1].allergens = facts(&[]);
    let book = MenuBook::new(menu).unwrap();
    let table = AllergenTable::from_json(JAPAN).unwrap();
    let listed = table.on("2027-01-15");
    let of = |line: &CartLine, id: &str| {
        line.allergens(&book, &listed).into_iter().find(|(of, _)| of.as_str() == id).map(|(_, state)| state).unwrap()
    };
    let plain = line("burger", 1);
    let rice = CartLine { modifiers: vec![chosen("bun", "rice", 1)], ..line("burger", 1) };
    assert_eq!(
        (of(&plain, "wheat"), of(&rice, "wheat")),
        (AllergenState::Contains, AllergenState::Free),
        "the default counts until it is changed"
    );
    let cheese = CartLine { modifiers: vec![chosen("bun", "rice", 1), chosen("toppings", "cheese", 1)], ..line("burger", 1) };
    assert_eq!((of(&cheese, "wheat"), of(&cheese, "beef")), (AllergenState::Unknown, AllergenState::Contains), "nobody checked the cheese");
    let ghost = CartLine { modifiers: vec![chosen("bun", "ghost", 1)], ..line("burger", 1) };
    assert_eq!(of(&ghost, "beef"), AllergenState::Unknown);
}

fn terms() -> SnapshotTerms {
    SnapshotTerms {
        store_name: [("ja", "駅前店"), ("en", "Station")].into(),
        seller: "株式会社のれん".into(),
        method: PaymentMethod::Token,
        capture: CaptureTime::AtAcceptance,
        promised_ms: FRIDAY_17 + HOUR,
        kept_until_ms: FRIDAY_17 + 2 * HOUR,
        cancel: CancelTerms { until_ms: Some(FRIDAY_17 + HOUR / 2), text: crate::offers::Texts::default() },
        deadline_ms: Some(FRIDAY_17 + HOUR / 12),
        utc_offset_min: 540,
    }
}

#[test]
fn the_last_screen_says_what_the_law_asks_for() {
    let (book, rates) = (book(), rates());
    let set = CartLine {
        modifiers: vec![CartModifier { modifiers: vec![chosen("ice", "no_ice", 1)], ..chosen("drink", "cola", 1) }],
        ..line("set", 2)
    };
    let cart = cart(vec![set, line("bag", 1)]);
    let priced = price(&cart, &book, &PriceTerms::new(&rates)).unwrap();
    let snapshot = OrderSnapshot::of(&cart, &book, &priced, terms());
    let rows: Vec<String> = snapshot.rows_ja().into_iter().map(|row| format!("{}: {}", row.label, row.text)).collect();
    assert_eq!(
        rows,
        [
            "販売者: 株式会社のれん / 駅前店",
            "set + cola + no_ice※ ×2: 1600円",
            "bag ×1: 5円",
            "合計(税込): 1605円",
            "8%対象※ 1600円: うち消費税 118円",
            "10%対象 5円: うち消費税 0円",
            "お支払い額: 1605円",
            "支払方法・時期: 登録したお支払い方法、店舗が注文を受け付けた時",
            "受け取り: 店頭受取 2027-01-15 18:00",
            "お預かり期限: 2027-01-15 19:00",
            "キャンセル: 2027-01-15 17:30まで無料",
            "申込期限: 2027-01-15 17:05",
            "※: 軽減税率対象",
        ]
    );
    assert_eq!(snapshot.rows_en().len(), rows.len());
    let text = serde_json::to_string(&snapshot).unwrap();
    let back: OrderSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!((&back, back.digest()), (&snapshot, snapshot.digest()));
    let dearer = OrderSnapshot { to_pay_minor: 1_606, ..snapshot.clone() };
    assert_ne!(dearer.digest(), snapshot.digest());
}

#[test]
fn a_cart_denies_unknown_fields() {
    let text = serde_json::to_string(&cart(vec![line("burger", 1)])).unwrap();
    assert_eq!(serde_json::from_str::<Cart>(&text).unwrap(), cart(vec![line("burger", 1)]));
    for (from, to) in
        [("\"quantity\"", "\"price\":1,\"quantity\""), ("\"lines\"", "\"fulfillments\":[],\"lines\""), ("\"group\"", "\"grp\":1,\"group\"")]
    {
        assert!(serde_json::from_str::<Cart>(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
}

fn any_modifier() -> impl Strategy<Value = CartModifier> {
    let ids = prop::sample::select(vec![
        ("bun", "plain"),
        ("bun", "rice"),
        ("toppings", "cheese"),
        ("toppings", "avocado"),
        ("drink", "cola"),
        ("drink", "beer_in_set"),
        ("ice", "no_ice"),
        ("ghost", "gold"),
    ]);
    let leaf = (ids, prop_oneof![9 => 0u32..4, 1 => any::<u32>()]).prop_map(|((group, id), quantity)| chosen(group, id, quantity));
    leaf.prop_recursive(5, 12, 3, |inner| {
        (inner.clone(), prop::collection::vec(inner, 0..3)).prop_map(|(outer, modifiers)| CartModifier { modifiers, ..outer })
    })
}

fn any_cart() -> impl Strategy<Value = Cart> {
    let item = prop::sample::select(vec!["burger", "fries", "set", "beer", "toy_set", "bag", "pancake", "ghost"]);
    let quantity = prop_oneof![9 => 0u32..5, 1 => any::<u32>()];
    let line = (
        item,
        prop::collection::vec(any_modifier(), 0..4),
        quantity,
        prop::option::of(prop::sample::select(vec![EatIn, TakeOut, Delivery])),
    );
    let line = line.prop_map(|(item, modifiers, quantity, tax_handoff)| CartLine {
        item: item.into(),
        modifiers,
        quantity,
        note: String::new(),
        tax_handoff,
        seen_minor: None,
    });
    (prop::collection::vec(line, 0..8), prop::sample::select(vec![EatIn, TakeOut, Delivery])).prop_map(|(lines, tax_handoff)| Cart {
        handoff: HandoffMode::CounterPickup,
        tax_handoff,
        lines,
        declared_age: Some(20),
    })
}

/// A cart that fits the menu: burgers with toppings, and whatever else has no choice to make.
fn good_cart() -> impl Strategy<Value = Cart> {
    let item = prop::sample::select(vec!["burger", "fries", "beer", "toy_set", "bag"]);
    let lines = prop::collection::vec((item, 1u32..7, 0u32..4, any::<bool>()), 1..12);
    (lines, prop::sample::select(vec![EatIn, TakeOut])).prop_map(|(lines, tax_handoff)| {
        let mut beers = 6;
        let lines = lines.into_iter().filter_map(|(item, quantity, cheese, avocado)| {
            let mut line = line(item, quantity);
            if item == "beer" {
                line.quantity = quantity.min(beers);
                beers -= line.quantity;
            }
            if item == "burger" && cheese > 0 {
                line.modifiers.push(chosen("toppings", "cheese", cheese));
            }
            if item == "burger" && avocado {
                line.modifiers.push(chosen("toppings", "avocado", 1));
            }
            (line.quantity > 0).then_some(line)
        });
        Cart { handoff: HandoffMode::CounterPickup, tax_handoff, lines: lines.collect(), declared_age: Some(20) }
    })
}

proptest! {
    /// Whatever comes: problems or none, a price or none, no panic; and what has no problems has a price.
    #[test]
    fn any_cart_is_answered(cart in any_cart()) {
        let (book, rates) = (book(), rates());
        let problems = cart.problems(&book, &now());
        let priced = price(&cart, &book, &PriceTerms::new(&rates));
        prop_assert!(!problems.is_empty() || priced.is_ok());
        for problem in &problems {
            prop_assert!(!problem.text_ja(&book).is_empty() && !problem.text_en(&book).is_empty());
        }
    }

    /// All sums agree, with any discounts; the receipt that comes of it is one; and every line's return adds up to what was paid.
    #[test]
    fn sums_agree(
        cart in good_cart(),
        off in 0i64..3_000,
        permille in 0u16..1_000,
        points in 0i64..3_000,
        value_minor in 1i64..4,
        pay in any::<bool>(),
        rounding in prop::sample::select(vec![TaxRounding::Down, TaxRounding::HalfUp, TaxRounding::Up]),
    ) {
        let (book, rates, (member, place, killed)) = (book(), rates(), facts());
        prop_assume!(!cart.lines.is_empty());
        prop_assert_eq!(cart.problems(&book, &now()), vec![]);
        let circumstances = Circumstances { member: &member, place: &place, moment: Moment::at(FRIDAY_17 / 1_000), conditions: &[], killed: &killed };
        let offers = [
            Offer::new(OfferId(1), Discount::Fixed { amount_minor: off }),
            Offer { classes: vec!["burger".into()], ..Offer::new(OfferId(2), Discount::Percent { permille }) },
        ];
        let coupons: Vec<Coupon<'_>> = offers.iter().enumerate().map(|(at, offer)| Coupon { serial: at as u64, offer }).collect();
        let budgets = BTreeMap::new();
        let mode = if pay { PointsMode::Payment } else { PointsMode::Discount };
        let terms = PriceTerms {
            rounding,
            coupons: Some(CouponTerms { coupons: &coupons, circumstances: &circumstances, budgets: &budgets }),
            points: Some(PointsTerms { mode, points, value_minor }),
            ..PriceTerms::new(&rates)
        };
        let priced = price(&cart, &book, &terms).unwrap();
        let pieces: i64 = cart.lines.iter().map(|line| line.piece_minor(&book, cart.tax_handoff).unwrap() * i64::from(line.quantity)).sum();
        prop_assert_eq!(priced.subtotal_minor, pieces);
        prop_assert_eq!(priced.lines.iter().map(|line| line.gross_minor).sum::<i64>(), priced.total_minor);
        prop_assert_eq!(priced.taxes.iter().map(|tax| tax.gross_minor).sum::<i64>(), priced.total_minor);
        prop_assert_eq!(priced.points_minor, priced.points * value_minor);
        prop_assert_eq!(priced.lines.iter().map(|line| line.points).sum::<i64>(), priced.points);
        prop_assert!(priced.points <= points && priced.to_pay_minor >= 0);
        prop_assert!(priced.lines.iter().all(|line| line.gross_minor >= 0 && line.points >= 0 && line.points_minor >= 0));
        let lines = priced.receipt_lines("ja");
        let figures = ReceiptFigures {
            kind: ReceiptKind::Sale,
            names_a_sale: false,
            currency: "JPY",
            business_date: "2027-01-15",
            issuer: None,
            lines: &lines,
            total_minor: priced.total_minor,
            taxes: Some(&priced.taxes),
        };
        prop_assert_eq!(figures.check(), Ok(()));
        let paid = priced.paid_lines();
        let all: Vec<RefundLine> = paid.iter().enumerate().map(|(line, paid)| RefundLine { line, pieces: paid.pieces }).collect();
        let back = refund(&paid, &all, rounding).unwrap();
        prop_assert_eq!((back.money_minor, back.points), (priced.to_pay_minor, priced.points));
        prop_assert_eq!(back.taxes, priced.taxes);
    }
}
