//! Ordering on the phone: what a cart of 30 lines comes to, with and without coupons, and the slots of a whole day.

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::best_set::Coupon;
use noren_rules::cart::{Cart, CartLine, CartModifier, CouponTerms, PriceTerms, price};
use noren_rules::eligibility::{Circumstances, MemberFacts, Moment, PlaceFacts};
use noren_rules::menu::{HandoffMode, MenuBook};
use noren_rules::offers::{Discount, Offer, OfferId};
use noren_rules::slots::{KitchenBook, KitchenPlan, Lateness, MakeTask, PickupSlot, PickupTime, SlotRequest, make_tasks};
use noren_rules::tax::{JAPAN, TaxHandoff, TaxTable};
use noren_rules::wire::Assurance;
use serde_json::Value;

use crate::dice::Dice;
use crate::report::{Failure, Line, Outcome, Samples, check};

const MENU: &str = include_str!("../../../tour/src/stand/menu.json");
const KITCHEN: &str = include_str!("../../../tour/src/stand/kitchen.json");
const LINES: usize = 30;
const ITEMS: [&str; 6] = ["latte", "drip", "matcha_latte", "hot_sandwich", "scone", "beer"];
/// As many as somebody has for one shop, and as many as nobody has.
const COUPONS: [usize; 2] = [3, 10];
/// Friday 15 January 2027, 6:00 in Japan: before the stand opens.
const SIX_MS: i64 = 1_799_960_400_000;
const DAY_MS: i64 = 86_400_000;
/// Of an item or a modifier of the stand: the same wherever it is eaten.
const PRICE: &str = "/prices/0/amount_minor";
const MOST_US: f64 = 20.0;

const PEER: &str = "the menu as parsed JSON, walked anew for every line (serde_json::Value), same yen";
const PEER_SLOTS: &str = "one question a time of the grid, by KitchenBook::quote, same slots";

/// Measures; each so many times.
pub(crate) fn run(runs: usize) -> Outcome {
    let menu: Value = serde_json::from_str(MENU)?;
    let book = MenuBook::new(serde_json::from_str(MENU)?)?;
    let cart = cart(&book)?;
    pricing(&menu, &book, &cart, runs)?;
    slots(&book, (runs / 20).max(5))
}

/// Thirty lines with modifiers, some of them nested.
fn cart(book: &MenuBook) -> Outcome<Cart> {
    let one = |group: &str, modifier: &str| CartModifier { group: group.into(), modifier: modifier.into(), quantity: 1, modifiers: vec![] };
    let mut dice = Dice::new(30);
    let mut cart = Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut);
    for (number, item) in (0..LINES).zip(ITEMS.iter().copied().cycle()) {
        let quantity = 1 + u32::try_from(dice.below(3)).unwrap_or(0);
        let mut line = CartLine::of(book, &item.into(), quantity, cart.tax_handoff).ok_or_else(|| Failure::new("no such item"))?;
        if number % 6 < 3 {
            line.modifiers.push(CartModifier { modifiers: vec![one("ice", "less_ice")], ..one("temperature", "iced") });
        }
        if item == "latte" {
            line.modifiers.extend([one("extras", "extra_shot"), one("extras", "syrup")]);
        }
        line.note = format!("line {number}");
        cart.lines.push(line);
    }
    Ok(cart)
}

fn pricing(menu: &Value, book: &MenuBook, cart: &Cart, runs: usize) -> Outcome {
    let table = TaxTable::from_json(JAPAN)?;
    let rates = table.on("2027-01-15");
    let plain = PriceTerms::new(&rates);
    let right = by_hand(menu, cart).ok_or_else(|| Failure::new("the peer finds no price"))?;
    let priced = price(cart, book, &plain)?;
    let taxes: Vec<(u32, i64)> = priced.taxes.iter().map(|tax| (tax.tax_permille, tax.gross_minor)).collect();
    check((priced.total_minor, &taxes) == (right.0, &right.1), || format!("{} {taxes:?}, by hand {right:?}", priced.total_minor))?;

    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for _ in 0..runs {
        ours.time(|| price(cart, book, &plain))?;
        theirs.time(|| by_hand(menu, cart));
    }
    Line::new("pricing", &ours).beside(PEER, &theirs).at_most_us(MOST_US).with("lines", LINES).emit()?;
    COUPONS.iter().try_for_each(|count| couponed(book, cart, &plain, *count, runs))
}

/// With so many coupons, the best set of which counts.
fn couponed(book: &MenuBook, cart: &Cart, plain: &PriceTerms<'_>, count: usize, runs: usize) -> Outcome {
    let (member, place, killed, budgets) = (MemberFacts::of(Assurance::Device), PlaceFacts::default(), BTreeSet::new(), BTreeMap::new());
    let circumstances =
        Circumstances { member: &member, place: &place, moment: Moment::at(SIX_MS / 1_000), conditions: &[], killed: &killed };
    let offer = |number: u32| {
        let discount = if number.is_multiple_of(2) { Discount::Percent { permille: 50 } } else { Discount::Fixed { amount_minor: 40 } };
        let class = if number.is_multiple_of(3) { "food" } else { "drink" };
        Offer { classes: vec![class.to_owned()], ..Offer::new(OfferId(number), discount) }
    };
    let offers: Vec<Offer> = (1u32..).take(count).map(offer).collect();
    let coupons: Vec<Coupon<'_>> = (1u64..).zip(&offers).map(|(serial, offer)| Coupon { serial, offer }).collect();
    let terms = CouponTerms { coupons: &coupons, circumstances: &circumstances, budgets: &budgets };
    let with = PriceTerms { coupons: Some(terms), ..*plain };
    let (full, best) = (price(cart, book, plain)?, price(cart, book, &with)?);
    check(best.discount_minor > 0 && best.total_minor == full.total_minor - best.discount_minor, || format!("{}", best.discount_minor))?;
    let mut samples = Samples::default();
    for _ in 0..runs {
        samples.time(|| price(cart, book, &with))?;
    }
    let line = Line::new("pricing_coupons", &samples).with("lines", LINES).with("coupons", count).with("used", best.used.len());
    // Ten are more than anybody has at one counter: reported.
    if COUPONS.first() == Some(&count) { line.at_most_us(MOST_US) } else { line }.emit()
}

/// Total, and gross by rate, the way that one writes it down first.
fn by_hand(menu: &Value, cart: &Cart) -> Option<(i64, Vec<(u32, i64)>)> {
    let mut by_rate: BTreeMap<u32, i64> = BTreeMap::new();
    for line in &cart.lines {
        let item = menu["items"].as_array()?.iter().find(|item| item["id"] == line.item.as_str())?;
        let mut piece = item.pointer(PRICE)?.as_i64()?;
        let mut open: Vec<(&CartModifier, i64)> = line.modifiers.iter().map(|chosen| (chosen, 1)).collect();
        while let Some((chosen, times)) = open.pop() {
            let group = menu["groups"].as_array()?.iter().find(|group| group["id"] == chosen.group.as_str())?;
            let modifier = group["modifiers"].as_array()?.iter().find(|modifier| modifier["id"] == chosen.modifier.as_str())?;
            let times = times * i64::from(chosen.quantity);
            piece += modifier.pointer(PRICE).and_then(Value::as_i64).unwrap_or(0) * times;
            open.extend(chosen.modifiers.iter().map(|inner| (inner, times)));
        }
        let rate = if item["tax_class"] == "food" { 80 } else { 100 };
        *by_rate.entry(rate).or_insert(0) += piece * i64::from(line.quantity);
    }
    Some((by_rate.values().sum(), by_rate.into_iter().collect()))
}

/// All times of a day for one cart, in a kitchen that is half full.
fn slots(menu: &MenuBook, runs: usize) -> Outcome {
    let plan: KitchenPlan = serde_json::from_str(KITCHEN)?;
    let mut kitchen = KitchenBook::new(plan.clone(), Lateness::default())?;
    let line = |item: &str, quantity| CartLine::of(menu, &item.into(), quantity, TaxHandoff::TakeOut);
    let work = |lines: Vec<Option<CartLine>>| -> Vec<MakeTask> {
        let cart = Cart { lines: lines.into_iter().flatten().collect(), ..Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut) };
        make_tasks(&cart, menu, &plan.per_order)
    };
    let mut dice = Dice::new(7);
    let mut booked = 0u32;
    for number in 0..1_200 {
        let at_ms = SIX_MS + 3_600_000 + i64::try_from(dice.below(14 * 60)).unwrap_or(0) * 60_000;
        let tasks = work(vec![line("latte", 2), line("hot_sandwich", 1)]);
        let request = SlotRequest { order: format!("o{number}").into(), tasks, time: PickupTime::Scheduled { at_ms } };
        booked += u32::from(kitchen.hold(&request, SIX_MS).is_ok());
    }
    let tasks = work(vec![line("latte", 2), line("drip", 1), line("hot_sandwich", 2), line("scone", 1)]);
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let step_ms = i64::from(plan.step_min) * 60_000;
    let one_by_one = |kitchen: &mut KitchenBook| -> Vec<PickupSlot> {
        let times = (0..DAY_MS / step_ms).map(|step| SIX_MS + step * step_ms);
        times.filter_map(|at_ms| kitchen.quote(&tasks, PickupTime::Scheduled { at_ms }, SIX_MS).ok()).collect()
    };
    let offered = kitchen.offers(&tasks, SIX_MS, SIX_MS + DAY_MS - 1, None, SIX_MS);
    check(offered == one_by_one(&mut kitchen) && offered.len() > 50, || format!("{} slots", offered.len()))?;
    for _ in 0..runs {
        ours.time(|| kitchen.offers(&tasks, SIX_MS, SIX_MS + DAY_MS - 1, None, SIX_MS));
        theirs.time(|| one_by_one(&mut kitchen));
    }
    Line::new("slots_of_a_day", &ours).beside(PEER_SLOTS, &theirs).with("booked", booked).with("slots", offered.len()).emit()
}
