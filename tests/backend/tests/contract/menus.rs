//! Menus, kitchens and terms: put whole or not at all, fetched with what changes by the minute.

use noren_backend::{DEMO_OPERATOR_TOKEN, DEMO_STORE_ID};
use noren_rules::cart::{CaptureTime, CartLine, PaymentMethod};
use noren_rules::menu::allergens::{self, AllergenTable};
use noren_rules::menu::{HandoffMode, MakeStep, Menu, MenuBook, MenuItem, MenuSection, MenuThing, Modifier, ModifierGroup, SoldOut};
use noren_rules::places::OpeningSpan;
use noren_rules::receipt::Issuer;
use noren_rules::slots::{KitchenBook, KitchenPlan, PickupHours, PickupTime, Station, StoreMode};
use noren_rules::tax::{MixedSet, TaxClass, TaxHandoff, TaxRounding, TaxTable};
use noren_rules::wire::*;

use crate::support::*;

/// The cafe: the demo till stands there.
pub const CAFE: &str = DEMO_STORE_ID;
/// The noodle bar.
pub const NOODLES: &str = "noodles";

fn titled(id: &str) -> noren_rules::offers::Texts {
    [("ja", id), ("en", id)].into()
}

fn price(amount_minor: i64) -> Vec<noren_rules::menu::MenuPrice> {
    vec![noren_rules::menu::MenuPrice { handoff: None, amount_minor }]
}

pub fn step(station: &str, seconds: u32) -> MakeStep {
    MakeStep { station: station.into(), seconds, batch: 1 }
}

fn modifier(id: &str, amount_minor: i64) -> Modifier {
    Modifier {
        id: id.into(),
        title: titled(id),
        prices: price(amount_minor),
        most: 1,
        default: 0,
        groups: vec![],
        allergens: Default::default(),
        tax_class: None,
        least_age: None,
        make: vec![],
    }
}

fn group(id: &str, min: u32, max: u32, modifiers: Vec<Modifier>) -> ModifierGroup {
    ModifierGroup { id: id.into(), title: titled(id), min, max, modifiers }
}

pub fn item(id: &str, tax_class: TaxClass, amount_minor: i64, make: Vec<MakeStep>) -> MenuItem {
    MenuItem {
        id: id.into(),
        sku: id.into(),
        class: None,
        title: titled(id),
        description: Default::default(),
        prices: price(amount_minor),
        tax_class,
        mixed_set: None,
        groups: vec![],
        allergens: Default::default(),
        least_age: None,
        most: None,
        greatest_discount_permille: None,
        make,
    }
}

fn menu_of(store: &str, items: Vec<MenuItem>, groups: Vec<ModifierGroup>) -> Menu {
    let section =
        MenuSection { title: titled("定番"), handoffs: vec![], hours: vec![], items: items.iter().map(|item| item.id.clone()).collect() };
    Menu { store: store.into(), version: 1, currency: "JPY".to_owned(), sections: vec![section], items, groups }
}

/// Coffee with nested modifiers, a cake, wine, a set of a cake and a cup that is sold as food.
pub fn cafe_menu() -> Menu {
    let milk = Modifier { groups: vec!["foam".into()], ..modifier("milk", 50) };
    let groups = vec![
        group("size", 1, 1, vec![Modifier { default: 1, ..modifier("small", 0) }, modifier("large", 100)]),
        group("additions", 0, 2, vec![milk, Modifier { make: vec![step("bar", 20)], ..modifier("shot", 80) }]),
        group("foam", 1, 1, vec![modifier("with_foam", 0), modifier("no_foam", 0)]),
    ];
    let coffee = MenuItem { groups: vec!["size".into(), "additions".into()], ..item("coffee", TaxClass::Food, 450, vec![step("bar", 60)]) };
    let wine = MenuItem { least_age: Some(20), ..item("wine", TaxClass::Alcohol, 800, vec![step("bar", 30)]) };
    let set = MenuItem {
        mixed_set: Some(MixedSet { food_minor: 900, whole_minor: 1_000 }),
        ..item("cup_set", TaxClass::Food, 1_000, vec![step("kitchen", 120)])
    };
    let cake = item("cake", TaxClass::Food, 600, vec![step("kitchen", 90)]);
    menu_of(CAFE, vec![coffee, cake, wine, set], groups)
}

/// One bowl of ten minutes, and rice.
pub fn noodle_menu() -> Menu {
    let items = vec![item("bowl", TaxClass::Food, 900, vec![step("pot", 600)]), item("rice", TaxClass::Food, 150, vec![])];
    menu_of(NOODLES, items, vec![])
}

/// Open at all hours, five minutes a hold.
pub fn kitchen_of(store: &str, stations: &[(&str, u32)]) -> KitchenPlan {
    let station = |(id, makers): &(&str, u32)| Station { id: (*id).into(), makers: *makers, shifts: vec![], walk_in: vec![] };
    KitchenPlan {
        store: store.into(),
        stations: stations.iter().map(station).collect(),
        per_order: vec![],
        hours: PickupHours {
            spans: (0..7).map(|weekday| OpeningSpan { weekday, opens_min: 0, closes_min: 1_440 }).collect(),
            holidays: vec![],
            utc_offset_min: 540,
            before_open_min: 0,
            last_order_min: 0,
            last_pickup_min: 0,
        },
        step_min: 5,
        least_lead_min: 0,
        earliest_start_min: 20,
        hold_s: 300,
        same_day: true,
        later_days: 2,
        alternatives: 3,
        levelling: None,
    }
}

pub fn terms_of(store: &str) -> OrderTerms {
    OrderTerms {
        store: store.into(),
        store_name: titled(store),
        issuer: Issuer { name: "海老名商事".to_owned(), registration_number: Some("T1234567890123".to_owned()) },
        currency: "JPY".to_owned(),
        rounding: TaxRounding::Down,
        handoffs: vec![HandoffMode::CounterPickup, HandoffMode::DineIn, HandoffMode::Curbside],
        methods: vec![PaymentMethod::AtCounter, PaymentMethod::Token],
        capture: CaptureTime::AtAcceptance,
        auto_accept: true,
        accept_within_s: 120,
        cancel_before_min: None,
        keep_min: 60,
        keep_goods_days: 7,
        complete_after_min: 30,
        charge_no_show: false,
        delivery_fee_minor: 0,
        points: None,
        attach_within_min: 60,
        cancel_text: Default::default(),
        utc_offset_min: 540,
    }
}

/// The cafe and the noodle bar.
pub fn both() -> PutMenus {
    PutMenus {
        menus: vec![cafe_menu(), noodle_menu()],
        kitchens: vec![kitchen_of(CAFE, &[("bar", 1), ("kitchen", 2)]), kitchen_of(NOODLES, &[("pot", 1)])],
        terms: vec![terms_of(CAFE), terms_of(NOODLES)],
        tax: None,
        allergens: None,
    }
}

pub fn nothing() -> PutMenus {
    PutMenus { menus: vec![], kitchens: vec![], terms: vec![], tax: None, allergens: None }
}

/// A line of a menu with its defaults, at its price.
pub fn line_of(menu: Menu, item: &str, quantity: u32) -> CartLine {
    CartLine::of(&MenuBook::new(menu).unwrap(), &item.into(), quantity, TaxHandoff::TakeOut).unwrap()
}

impl World {
    pub async fn put_menus(&self, request: &PutMenus) -> Got {
        self.post(paths::OPERATOR_MENUS, Some(DEMO_OPERATOR_TOKEN), &self.fresh_key(), request).await
    }

    pub async fn store_menu(&self, phone: &Phone, store: &str) -> Got {
        self.get(&format!("{}?store={store}", paths::MENUS), Some(&phone.token)).await
    }

    pub async fn statuses(&self, phone: &Phone, stores: &str) -> Vec<MenuStatus> {
        self.get(&format!("{}?stores={stores}", paths::MENU_STATUS), Some(&phone.token)).await.ok::<MenuStatuses>().stores
    }

    pub async fn kitchen_mode(&self, mode: StoreMode) -> Got {
        self.till(paths::KITCHEN_MODES, &KitchenModeRequest { mode }).await
    }

    pub async fn sold_out(&self, sold_out: Vec<SoldOut>, back: Vec<MenuThing>) -> Got {
        self.till(paths::KITCHEN_SOLD_OUT, &SoldOutRequest { sold_out, back }).await
    }
}

#[tokio::test]
async fn what_was_put_is_fetched_until_it_changes() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    assert_eq!(world.store_menu(&phone, CAFE).await.refused(404), Reason::NotFound);
    assert_eq!(world.put_menus(&both()).await.ok::<Kept>().changed, 6);
    assert_eq!(world.put_menus(&both()).await.ok::<Kept>().changed, 0, "the same again is nothing new");
    let told: StoreMenu = world.store_menu(&phone, CAFE).await.ok();
    assert_eq!((told.menu, told.terms), (Some(cafe_menu()), terms_of(CAFE)));
    assert_eq!(told.kitchen, Some(kitchen_of(CAFE, &[("bar", 1), ("kitchen", 2)])));
    assert_eq!(
        (told.tax, told.allergens),
        (TaxTable::from_json(noren_rules::tax::JAPAN).unwrap(), AllergenTable::from_json(allergens::JAPAN).unwrap())
    );
    let ask = async |etag: &str| {
        let url = format!("{}{}?store={CAFE}", world.url, paths::MENUS);
        let response = world.http.get(url).bearer_auth(&phone.token).header("if-none-match", etag).send().await.unwrap();
        (response.status().as_u16(), response.headers()["etag"].to_str().unwrap().to_owned())
    };
    let (status, etag) = ask("").await;
    assert_eq!((status, ask(&etag).await), (200, (304, etag.clone())));
    let dearer = {
        let mut menu = cafe_menu();
        (menu.version, menu.items[0].prices[0].amount_minor) = (2, 480);
        menu
    };
    world.put_menus(&PutMenus { menus: vec![dearer.clone()], ..nothing() }).await.ok::<Kept>();
    assert_eq!(ask(&etag).await.0, 200);
    assert_eq!(world.store_menu(&phone, CAFE).await.ok::<StoreMenu>().menu, Some(dearer));
    let mut tax = TaxTable::from_json(noren_rules::tax::JAPAN).unwrap();
    tax.rows[0].from_date = "2000-01-01".to_owned();
    world.put_menus(&PutMenus { tax: Some(tax.clone()), ..nothing() }).await.ok::<Kept>();
    assert_eq!(world.store_menu(&phone, NOODLES).await.ok::<StoreMenu>().tax, tax);
    assert_eq!(world.get(paths::MENUS, Some(&phone.token)).await.refused(400), Reason::InvalidRequest);
    assert_eq!(world.get(&format!("{}?store={CAFE}", paths::MENUS), Some(DEMO_OPERATOR_TOKEN)).await.refused(403), Reason::Forbidden);
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_whole() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.put_menus(&both()).await.ok::<Kept>();
    let before = world.store_menu(&phone, CAFE).await.body;
    let newer = |version: u64, change: fn(&mut Menu)| {
        let mut menu = Menu { version, ..cafe_menu() };
        change(&mut menu);
        PutMenus { menus: vec![menu], ..nothing() }
    };
    let kitchen = |change: fn(&mut KitchenPlan)| {
        let mut plan = kitchen_of(CAFE, &[("bar", 1), ("kitchen", 2)]);
        change(&mut plan);
        PutMenus { kitchens: vec![plan], ..nothing() }
    };
    let terms = |change: fn(&mut OrderTerms)| {
        let mut terms = terms_of(CAFE);
        change(&mut terms);
        // Terms of another store that are right: nothing of the call is put.
        PutMenus { terms: vec![OrderTerms { keep_min: 5, ..terms_of(NOODLES) }, terms], ..nothing() }
    };
    let wrong = [
        (newer(1, |menu| menu.items[0].most = Some(3)), "version 1 is known"),
        (newer(0, |_| ()), "version 1 is known"),
        (newer(u64::MAX, |_| ()), "version 1 is known"),
        (newer(2, |menu| menu.items[0].prices.clear()), "coffee"),
        (newer(2, |menu| menu.items[1].make[0].station = "oven".into()), "oven"),
        (newer(2, |menu| menu.groups[1].modifiers[1].make[0].station = "oven".into()), "oven"),
        (newer(2, |menu| menu.currency = "USD".to_owned()), "USD"),
        (newer(2, |menu| menu.store = "unknown".into()), "terms first"),
        (kitchen(|plan| plan.stations.clear()), "station"),
        (kitchen(|plan| drop(plan.stations.pop())), "\"kitchen\""),
        (kitchen(|plan| plan.hours.utc_offset_min = 0), "zones"),
        (kitchen(|plan| plan.store = "unknown".into()), "terms first"),
        (terms(|terms| terms.accept_within_s = 29), "accept_within_s"),
        (terms(|terms| terms.currency = "USD".to_owned()), "USD"),
        (terms(|terms| terms.handoffs.clear()), "handing over"),
        (terms(|terms| terms.methods.push(PaymentMethod::AtCounter)), "paying"),
        (terms(|terms| terms.issuer.registration_number = Some("1234".to_owned())), "13 digits"),
        (terms(|terms| terms.utc_offset_min = i32::MIN), "18 hours"),
        (terms(|terms| terms.delivery_fee_minor = -1), "delivery_fee_minor"),
        (terms(|terms| terms.points = Some(PointsRule { mode: noren_rules::cart::PointsMode::Discount, value_minor: 0 })), "point"),
        (PutMenus { terms: vec![terms_of(CAFE), terms_of(CAFE)], ..nothing() }, "twice"),
        (
            PutMenus {
                tax: Some(TaxTable {
                    rows: vec![],
                    mixed_sets: vec![noren_rules::tax::MixedSetRule {
                        from_date: "never".to_owned(),
                        ..TaxTable::from_json(noren_rules::tax::JAPAN).unwrap().mixed_sets[0].clone()
                    }],
                }),
                ..nothing()
            },
            "never",
        ),
    ];
    for (request, says) in wrong {
        let got = world.put_menus(&request).await;
        assert_eq!(got.refused(422), Reason::InvalidMenu);
        assert!(got.body.contains(says) || got.body.contains(&says.replace('"', "\\\"")), "{says}: {}", got.body);
    }
    assert_eq!(world.store_menu(&phone, CAFE).await.body, before);
    assert_eq!(world.store_menu(&phone, NOODLES).await.ok::<StoreMenu>().terms, terms_of(NOODLES));
    let stranger = world.post(paths::OPERATOR_MENUS, Some(&phone.token), &world.fresh_key(), &both()).await;
    assert_eq!(stranger.refused(403), Reason::Forbidden);
    world.stop().await;
}

#[tokio::test]
async fn the_status_names_what_changes_by_the_minute() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    assert_eq!(world.kitchen_mode(StoreMode::Online).await.refused(404), Reason::NotFound, "no store to say it of");
    world.put_menus(&both()).await.ok::<Kept>();
    let all = world.statuses(&phone, &format!("{NOODLES},nowhere,{CAFE}")).await;
    assert_eq!(all.iter().map(|status| (status.store.as_str(), status.menu_version)).collect::<Vec<_>>(), [(NOODLES, 1), (CAFE, 1)]);
    assert_eq!((all[1].mode, all[1].mode_since_ms, all[1].late_p90_min), (StoreMode::Online, T0, 5));
    assert!(all[1].load.is_empty() && all[1].sold_out.is_empty());
    world.pass(MINUTE);
    let busy = StoreMode::Busy { delay_min: 20 };
    let said: MenuStatus = world.kitchen_mode(busy).await.ok();
    assert_eq!((said.mode, said.mode_since_ms), (busy, T0 + MINUTE));
    let (cake, shot) = (MenuThing::Item("cake".into()), MenuThing::Modifier("shot".into()));
    let until = SoldOut { thing: shot.clone(), until_ms: Some(T0 + 10 * MINUTE) };
    let gone = SoldOut { thing: cake.clone(), until_ms: None };
    let said: MenuStatus = world.sold_out(vec![gone.clone(), until.clone()], vec![]).await.ok();
    assert_eq!(said.sold_out, [gone.clone(), until]);
    assert_eq!(world.statuses(&phone, CAFE).await[0], MenuStatus { load: vec![], ..said });
    world.pass(9 * MINUTE);
    assert_eq!(world.statuses(&phone, CAFE).await[0].sold_out, [gone], "the other one is there again");
    assert!(world.sold_out(vec![], vec![cake, shot]).await.ok::<MenuStatus>().sold_out.is_empty());
    let ghost = SoldOut { thing: MenuThing::Item("ghost".into()), until_ms: None };
    assert_eq!(world.sold_out(vec![ghost], vec![]).await.refused(400), Reason::InvalidRequest);
    // Walk-in guests take the bar's time: the phone's copy of the book says the same as the kitchen.
    let walk_in = WalkInRequest { lines: vec![line_of(cafe_menu(), "coffee", 5)], tax_handoff: TaxHandoff::EatIn };
    let ready: WalkInAnswer = world.till(paths::KITCHEN_WALK_INS, &walk_in).await.ok();
    assert_eq!(ready.ready_ms, T0 + 16 * MINUTE);
    world.kitchen_mode(StoreMode::Online).await.ok::<MenuStatus>();
    let status = world.statuses(&phone, CAFE).await.remove(0);
    let mut copy = KitchenBook::from_load(kitchen_of(CAFE, &[("bar", 1), ("kitchen", 2)]), &status).unwrap();
    let task = noren_rules::slots::MakeTask { station: "bar".into(), seconds: 60, batches: 1 };
    assert_eq!(copy.quote(&[task], PickupTime::Asap, status.as_of_ms).unwrap().ready_ms, T0 + 17 * MINUTE);
    world.stop().await;
}

#[tokio::test]
async fn odd_words_of_the_staff_are_answered() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.put_menus(&both()).await.ok::<Kept>();
    let paused = |until_ms| StoreMode::Paused { until_ms: Some(until_ms) };
    for mode in [StoreMode::Busy { delay_min: 0 }, StoreMode::Busy { delay_min: 241 }, paused(T0), paused(i64::MIN), paused(i64::MAX)] {
        assert_eq!(world.kitchen_mode(mode).await.refused(400), Reason::InvalidRequest);
    }
    let long_ago = SoldOut { thing: MenuThing::Item("cake".into()), until_ms: Some(0) };
    assert_eq!(world.sold_out(vec![long_ago.clone()], vec![]).await.refused(400), Reason::InvalidRequest);
    assert_eq!(world.sold_out(vec![long_ago; 1_001], vec![]).await.refused(400), Reason::InvalidRequest);
    let walk_in =
        async |lines: Vec<CartLine>| world.till(paths::KITCHEN_WALK_INS, &WalkInRequest { lines, tax_handoff: TaxHandoff::EatIn }).await;
    let coffee = line_of(cafe_menu(), "coffee", 1);
    for lines in [
        vec![],
        vec![CartLine { quantity: 0, ..coffee.clone() }],
        vec![CartLine { quantity: u32::MAX, ..coffee.clone() }],
        vec![CartLine { item: "ghost".into(), ..coffee.clone() }],
        vec![coffee.clone(); 101],
        vec![CartLine { note: "x".repeat(10_000), ..coffee.clone() }],
        vec![CartLine { quantity: 99, ..coffee.clone() }; 3],
    ] {
        assert_eq!(walk_in(lines).await.refused(400), Reason::InvalidRequest);
    }
    assert_eq!(world.get(&format!("{}?stores=", paths::MENU_STATUS), Some(&phone.token)).await.refused(400), Reason::InvalidRequest);
    let many = vec!["x"; 21].join(",");
    assert_eq!(world.get(&format!("{}?stores={many}", paths::MENU_STATUS), Some(&phone.token)).await.refused(400), Reason::InvalidRequest);
    assert!(world.statuses(&phone, CAFE).await[0].load.is_empty(), "nothing was put");
    world.stop().await;
}
