use super::*;
use crate::tax::TaxHandoff::{EatIn, TakeOut};

pub(crate) const FRIDAY_17: i64 = 1_800_000_000_000;
pub(crate) const HOUR: i64 = 3_600_000;

fn step(station: &str, seconds: u32, batch: u32) -> MakeStep {
    MakeStep { station: station.into(), seconds, batch }
}

fn general(amount_minor: i64) -> Vec<MenuPrice> {
    vec![MenuPrice { handoff: None, amount_minor }]
}

fn modifier(id: &str, amount_minor: i64) -> Modifier {
    Modifier {
        id: id.into(),
        title: [("ja", id), ("en", id)].into(),
        prices: general(amount_minor),
        most: 1,
        default: 0,
        groups: vec![],
        allergens: AllergenFacts::default(),
        tax_class: None,
        least_age: None,
        make: vec![],
    }
}

fn group(id: &str, min: u32, max: u32, modifiers: Vec<Modifier>) -> ModifierGroup {
    ModifierGroup { id: id.into(), title: [("ja", id), ("en", id)].into(), min, max, modifiers }
}

fn item(id: &str, tax_class: TaxClass, amount_minor: i64, groups: &[&str]) -> MenuItem {
    MenuItem {
        id: id.into(),
        sku: id.into(),
        class: None,
        title: [("ja", id), ("en", id)].into(),
        description: Texts::default(),
        prices: general(amount_minor),
        tax_class,
        mixed_set: None,
        groups: groups.iter().map(|id| (*id).into()).collect(),
        allergens: AllergenFacts::default(),
        least_age: None,
        most: None,
        greatest_discount_permille: None,
        make: vec![],
    }
}

/// A burger shop: a burger with a bun (required), toppings, and a set whose drink opens the choice of ice; beer, a toy set, a bag, breakfast.
pub(crate) fn menu() -> Menu {
    let drinks = vec![
        Modifier { groups: vec!["ice".into()], default: 1, ..modifier("cola", 0) },
        Modifier { tax_class: Some(TaxClass::Alcohol), least_age: Some(20), ..modifier("beer_in_set", 300) },
    ];
    let toppings = vec![
        Modifier { most: 3, make: vec![step("cold", 5, 1)], ..modifier("cheese", 50) },
        Modifier {
            prices: vec![MenuPrice { handoff: Some(TakeOut), amount_minor: 101 }, MenuPrice { handoff: Some(EatIn), amount_minor: 103 }],
            ..modifier("avocado", 0)
        },
    ];
    let burger = MenuItem {
        make: vec![step("grill", 180, 4), step("cold", 30, 1)],
        class: Some("burger".into()),
        ..item("burger", TaxClass::Food, 540, &["bun", "toppings"])
    };
    let fries = MenuItem { make: vec![step("fryer", 240, 6)], ..item("fries", TaxClass::Food, 216, &[]) };
    let set = MenuItem { make: vec![step("grill", 180, 4), step("fryer", 240, 6)], ..item("set", TaxClass::Food, 800, &["drink"]) };
    Menu {
        store: "s1".into(),
        version: 1,
        currency: "JPY".into(),
        sections: vec![
            MenuSection {
                title: [("ja", "定番"), ("en", "All day")].into(),
                handoffs: vec![],
                hours: vec![],
                items: ["burger", "fries", "set", "beer", "toy_set", "bag"].map(Into::into).to_vec(),
            },
            MenuSection {
                title: [("ja", "朝食"), ("en", "Breakfast")].into(),
                handoffs: vec![HandoffMode::CounterPickup, HandoffMode::DineIn],
                hours: vec![TimeOfDay { utc_offset_minutes: 540, weekdays: 127, from_minute: 420, until_minute: 630 }],
                items: vec!["pancake".into()],
            },
        ],
        items: vec![
            burger,
            fries,
            set,
            MenuItem { least_age: Some(20), most: Some(6), ..item("beer", TaxClass::Alcohol, 550, &[]) },
            MenuItem { mixed_set: Some(MixedSet { food_minor: 2, whole_minor: 3 }), ..item("toy_set", TaxClass::Food, 1_080, &[]) },
            item("bag", TaxClass::Bag, 5, &[]),
            item("pancake", TaxClass::Food, 432, &[]),
        ],
        groups: vec![
            group("bun", 1, 1, vec![Modifier { default: 1, ..modifier("plain", 0) }, modifier("rice", 30)]),
            group("toppings", 0, 4, toppings),
            group("drink", 1, 1, drinks),
            group("ice", 1, 1, vec![modifier("with_ice", 0), modifier("no_ice", 0)]),
        ],
    }
}

pub(crate) fn book() -> MenuBook {
    MenuBook::new(menu()).unwrap()
}

#[test]
fn a_menu_goes_over_the_wire_and_back() {
    let text = serde_json::to_string(&menu()).unwrap();
    assert_eq!(serde_json::from_str::<Menu>(&text).unwrap(), menu());
    let odd = text.replacen("\"store\"", "\"sotre\":1,\"store\"", 1);
    assert!(serde_json::from_str::<Menu>(&odd).unwrap_err().to_string().contains("sotre"), "unknown fields are refused");
}

#[test]
fn sections_have_their_hours_and_hand_over() {
    let book = book();
    let pancake = book.item(&"pancake".into()).unwrap();
    // 17:00 in Japan; the next morning at seven, and at half past ten.
    let (evening, seven, half_past_ten) = (FRIDAY_17, FRIDAY_17 + 14 * HOUR, FRIDAY_17 + 17 * HOUR + HOUR / 2);
    assert!(!book.is_at(pancake, HandoffMode::DineIn, evening) && book.is_at(pancake, HandoffMode::DineIn, seven));
    assert!(!book.is_at(pancake, HandoffMode::DineIn, half_past_ten) && !book.is_at(pancake, HandoffMode::Curbside, seven));
    assert!(book.is_for(pancake, HandoffMode::DineIn, EatIn) && !book.is_for(pancake, HandoffMode::Curbside, TakeOut));
    assert_eq!(book.sections_at(HandoffMode::DineIn, seven).count(), 2);
    assert_eq!(book.sections_at(HandoffMode::DineIn, evening).count(), 1);
    let beer = book.item(&"beer".into()).unwrap();
    assert!(
        book.is_for(beer, HandoffMode::Curbside, TakeOut) && !book.is_for(beer, HandoffMode::Locker, TakeOut),
        "nobody checks an age there"
    );
}

#[test]
fn prices_follow_the_hand_over() {
    let prices = [MenuPrice { handoff: None, amount_minor: 500 }, MenuPrice { handoff: Some(EatIn), amount_minor: 510 }];
    assert_eq!((price_for(&prices, EatIn), price_for(&prices, TakeOut), price_for(&[], TakeOut)), (Some(510), Some(500), None));
}

#[test]
fn sold_out_ends_when_it_was_said_to() {
    let sold_out = |until_ms| SoldOut { thing: MenuThing::Item("burger".into()), until_ms };
    assert!(sold_out(None).holds_at(i64::MAX) && sold_out(Some(10)).holds_at(9) && !sold_out(Some(10)).holds_at(10));
}

#[test]
fn a_menu_that_cannot_be_is_named() {
    let wrong = |change: fn(&mut Menu)| {
        let mut menu = menu();
        change(&mut menu);
        menu.check().unwrap_err()
    };
    assert_eq!(wrong(|menu| menu.currency = "Yen".into()), MenuError::Currency);
    assert_eq!(wrong(|menu| menu.items[1].id = "burger".into()), MenuError::ItemId("burger".into()));
    assert_eq!(wrong(|menu| menu.groups[1].id = "bun".into()), MenuError::GroupId("bun".into()));
    let modifier = MenuError::ModifierId { group: "bun".into(), modifier: "plain".into() };
    assert_eq!(wrong(|menu| menu.groups[0].modifiers[1].id = "plain".into()), modifier);
    assert_eq!(wrong(|menu| menu.items[0].title = [("fr", "x")].into()), MenuError::Text("burger".into()));
    assert_eq!(wrong(|menu| menu.items[0].description = [("ja", "x".repeat(10_000).as_str())].into()), MenuError::Text("burger".into()));
    let missing = |of: &str, missing: &str| MenuError::Missing { of: of.into(), missing: missing.into() };
    assert_eq!(wrong(|menu| menu.sections[0].items.push("ghost".into())), missing("定番", "ghost"));
    assert_eq!(wrong(|menu| menu.items[0].groups.push("ghost".into())), missing("burger", "ghost"));
    assert_eq!(wrong(|menu| menu.items[0].prices.clear()), MenuError::Price("burger".into()));
    assert_eq!(wrong(|menu| menu.items[0].prices[0].amount_minor = -1), MenuError::Price("burger".into()));
    assert_eq!(wrong(|menu| menu.groups[0].modifiers[0].prices[0].amount_minor = i64::MAX), MenuError::Price("plain".into()));
    assert_eq!(wrong(|menu| menu.groups[0].min = 3), MenuError::Count("bun".into()));
    assert_eq!(wrong(|menu| menu.groups[0].max = 1_000), MenuError::Count("bun".into()));
    assert_eq!(wrong(|menu| menu.groups[0].modifiers[1].default = 1), MenuError::Default("bun".into()));
    assert_eq!(wrong(|menu| menu.groups[0].modifiers[0].groups.push("bun".into())), MenuError::Depth("bun".into()));
    assert_eq!(wrong(|menu| menu.items[0].make[0].batch = 0), MenuError::Make("burger".into()));
    assert_eq!(wrong(|menu| menu.items[4].tax_class = TaxClass::Goods), MenuError::MixedSet("toy_set".into()));
    assert_eq!(wrong(|menu| menu.sections[1].hours[0].weekdays = 0), MenuError::Hours("朝食".into()));
    assert_eq!(wrong(|menu| menu.items[0].allergens.checked_on = Some("today".into())), MenuError::Checked("burger".into()));
    assert_eq!(wrong(|menu| menu.items[0].most = Some(0)), MenuError::Limit("burger".into()));
    assert_eq!(wrong(|menu| menu.items = vec![menu.items[0].clone(); 5_001]), MenuError::TooLarge);
}

#[test]
fn groups_open_in_each_other_only_so_deep() {
    let nested = |depth: usize| {
        let mut menu = menu();
        for level in 0..depth {
            let mut inner = modifier("inner", 0);
            if level + 1 < depth {
                inner.groups = vec![format!("level{}", level + 1).into()];
            }
            menu.groups.push(group(&format!("level{level}"), 0, 1, vec![inner]));
        }
        menu.check()
    };
    assert_eq!(nested(MAX_DEPTH), Ok(()));
    assert_eq!(nested(MAX_DEPTH + 1), Err(MenuError::Depth("level0".into())));
}
