use super::kitchen::*;
use super::support::*;
use noren_core::ordering::*;
use noren_rules::cart::*;
use noren_rules::menu::allergens::AllergenState;
use noren_rules::menu::{HandoffMode, MenuThing, SoldOut};
use noren_rules::slots::{PickupTime, SlotRefusalReason, StoreMode};
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::paths;
use proptest::prelude::*;

fn s1() -> CartOf {
    CartOf::menu(&"s1".into())
}

pub fn asap() -> CheckoutWish {
    CheckoutWish { time: PickupTime::Asap, method: PaymentMethod::AtCounter, use_coupons: true, points: 0 }
}

#[tokio::test]
async fn a_menu_is_readable_offline_by_hand_over_and_time() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    assert!(!noren.ordering().refresh(&"s1".into()).await.unwrap(), "nothing has changed");
    phone.offline(true);
    drop(noren);
    let noren = phone.open();
    let ordering = noren.ordering();
    let menu = ordering.menu(&"s1".into(), None, None).unwrap();
    assert_eq!((menu.handoff, menu.as_of_ms, menu.version), (HandoffMode::CounterPickup, START_MS, 1));
    let titles = |menu: &MenuView| menu.sections.iter().map(|section| section.title.get("en").to_owned()).collect::<Vec<_>>();
    assert_eq!(titles(&menu), ["all day"], "breakfast is over at 11:40");
    let tomorrow = ordering.menu(&"s1".into(), Some(HandoffMode::DineIn), Some(START_MS + 21 * 3_600_000)).unwrap();
    assert_eq!(titles(&tomorrow), ["all day", "breakfast"]);
    let burger = ordering.item(&"s1".into(), &"burger".into(), None, None).unwrap();
    assert_eq!((burger.groups.len(), burger.line.modifiers.len(), burger.view.price_minor), (2, 1, Some(540)));
    assert_eq!(ordering.item(&"s1".into(), &"pizza".into(), None, None), Err(OrderingError::NoSuchItem));
    assert_eq!(ordering.menu(&"s2".into(), None, None), Err(OrderingError::NoMenu));
    assert_eq!(ordering.status(&["s1".into(), "s2".into()]).unwrap()[1].as_of_ms, None);
}

#[tokio::test]
async fn the_minutes_news_are_pulled_cheaply_and_say_when_the_menu_is_old() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    let stores: Vec<_> = (0..45).map(|n| format!("x{n}").as_str().into()).chain(["s1".into()]).collect();
    assert_eq!(ordering.refresh_status(&stores).await.unwrap().len(), 45, "those take no orders");
    phone.server.kitchen(|kitchen| {
        kitchen.price("s1", "burger", 560);
        kitchen.sold_out = vec![SoldOut { thing: MenuThing::Item("tea".into()), until_ms: Some(NOON_MS) }];
        kitchen.books.get_mut(&"s1".into()).unwrap().set_mode(StoreMode::Paused { until_ms: None }, START_MS);
    });
    ordering.refresh_status(&["s1".into()]).await.unwrap();
    let status = &ordering.status(&["s1".into()]).unwrap()[0];
    assert!(status.menu_is_old && status.mode == StoreMode::Paused { until_ms: None });
    let sold_out = |at_ms| ordering.menu(&"s1".into(), None, Some(at_ms)).unwrap().sections[0].items[1].sold_out;
    assert!(sold_out(NOON_MS - 1) && !sold_out(NOON_MS));
    // An item says it for the time that it is looked at for, and which of its modifiers are gone.
    phone.server.kitchen(|kitchen| {
        kitchen.sold_out.push(SoldOut { thing: MenuThing::Modifier("cheese".into()), until_ms: Some(NOON_MS) });
    });
    ordering.refresh_status(&["s1".into()]).await.unwrap();
    let looked_at = |item: &str, at_ms| ordering.item(&"s1".into(), &item.into(), None, at_ms).unwrap();
    assert!(looked_at("tea", None).view.sold_out && !looked_at("tea", Some(NOON_MS)).view.sold_out);
    assert_eq!(looked_at("burger", Some(NOON_MS - 1)).sold_out_modifiers, ["cheese".into()]);
    assert_eq!(looked_at("burger", Some(NOON_MS)).sold_out_modifiers, []);
    assert!(ordering.refresh(&"s1".into()).await.unwrap());
    assert!(!ordering.status(&["s1".into()]).unwrap()[0].menu_is_old);
}

#[tokio::test]
async fn what_is_avoided_stays_here_and_unknown_is_not_free() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    ordering.avoid(&["milk".into(), "wheat".into(), "durian".into()]).unwrap();
    let menu = ordering.menu(&"s1".into(), None, None).unwrap();
    let warned = |at: usize| {
        let warnings = menu.sections[0].items[at].warnings.iter();
        warnings.map(|note| (note.allergen.0.clone(), note.state)).collect::<Vec<_>>()
    };
    let of = |id: &str, state| (id.to_owned(), state);
    assert_eq!(warned(0), [of("wheat", AllergenState::Contains), of("durian", AllergenState::Unknown)], "checked for milk");
    assert_eq!(warned(1).len(), 3, "nobody has said anything of the tea");
    assert!(warned(1).iter().all(|(_, state)| *state == AllergenState::Unknown));
    ordering.add(&s1(), &line(&noren, "burger", 1)).unwrap();
    let mut with_egg = line(&noren, "burger", 1);
    with_egg.modifiers.push(CartModifier { group: "toppings".into(), modifier: "egg".into(), quantity: 1, modifiers: vec![] });
    ordering.add(&s1(), &with_egg).unwrap();
    let check = ordering.check(&s1(), &asap()).unwrap();
    assert_eq!((check.warnings[0].warnings.len(), check.warnings[1].warnings.len()), (2, 3), "of the egg nothing is known");
    for (name, bytes) in bytes_below(&phone.files()) {
        assert!(!bytes.windows(6).any(|part| part == b"durian"), "{name:?} tells it");
    }
    assert!(!phone.server.world.lock().unwrap().sent.iter().any(|sent| sent.body.windows(6).any(|part| part == b"durian")));
}

#[tokio::test]
async fn a_cart_is_checked_and_priced_on_the_phone() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    phone.offline(true);
    let ordering = noren.ordering();
    assert_eq!(ordering.check(&s1(), &asap()).unwrap().problems[0].problem.kind, CartProblemKind::Empty);
    ordering.add(&s1(), &line(&noren, "burger", 1)).unwrap();
    ordering.add(&s1(), &line(&noren, "tea", 2)).unwrap();
    let view = ordering.add(&s1(), &line(&noren, "burger", 1)).unwrap();
    assert_eq!(view.cart.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [2, 2], "equal lines are one");
    let check = ordering.check(&s1(), &asap()).unwrap();
    assert_eq!((check.problems.len(), check.changes.len(), check.refusal.clone()), (0, 0, None));
    let totals = check.totals.unwrap();
    assert_eq!((totals.lines_minor.clone(), totals.total_minor, totals.to_pay_minor), (vec![1_080, 432], 1_512, 1_512));
    assert_eq!(totals.taxes.iter().map(|tax| (tax.tax_permille, tax.tax_minor)).collect::<Vec<_>>(), [(80, 112)]);
    // Eaten there, the other rate is in the same price.
    ordering.set_handoff(&s1(), CartHandoff { handoff: HandoffMode::DineIn, tax_handoff: None }).unwrap();
    let totals = ordering.check(&s1(), &asap()).unwrap().totals.unwrap();
    assert_eq!(totals.taxes.iter().map(|tax| (tax.tax_permille, tax.tax_minor)).collect::<Vec<_>>(), [(100, 137)]);
    // A group says its name and what is missing.
    let mut bare = line(&noren, "burger", 1);
    bare.modifiers.clear();
    ordering.change(&s1(), 0, &bare).unwrap();
    let problem = &ordering.check(&s1(), &asap()).unwrap().problems[0];
    assert_eq!((problem.line, problem.words_ja.as_str()), (Some(0), "「bun」をあと1つ選んでください"));
    // The menu changes under the cart: a question, not a silent change.
    ordering.change(&s1(), 0, &line(&noren, "burger", 1)).unwrap();
    phone.offline(false);
    phone.server.kitchen(|kitchen| kitchen.price("s1", "burger", 560));
    ordering.refresh(&"s1".into()).await.unwrap();
    let changes = ordering.check(&s1(), &asap()).unwrap().changes;
    assert_eq!(changes[0].change, CartChange::Costs { line: 0, was_minor: 540, is_minor: 560 });
    ordering.accept_prices(&s1()).unwrap();
    assert_eq!(ordering.check(&s1(), &asap()).unwrap().changes, []);
}

#[tokio::test]
async fn the_price_of_what_is_chosen_is_marked_as_seen() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    let cheese = CartModifier { group: "toppings".into(), modifier: "cheese".into(), quantity: 1, modifiers: vec![] };
    let mut chosen = ordering.item(&"s1".into(), &"burger".into(), None, None).unwrap().line;
    chosen.modifiers.push(cheese.clone());
    assert_eq!(ordering.line_minor(&"s1".into(), &chosen, TaxHandoff::TakeOut).unwrap(), Some(590));
    let seen = |view: CartView| view.cart.lines.iter().map(|line| line.seen_minor).collect::<Vec<_>>();
    assert_eq!(seen(ordering.add(&s1(), &chosen).unwrap()), [Some(590)]);
    chosen.modifiers.push(CartModifier { modifier: "egg".into(), ..cheese });
    chosen.seen_minor = Some(590);
    assert_eq!(seen(ordering.change(&s1(), 0, &chosen).unwrap()), [Some(670)]);
    // A note is no new choice: what was seen stands, and a price that is another one now stays a question.
    phone.server.kitchen(|kitchen| kitchen.price("s1", "burger", 560));
    ordering.refresh(&"s1".into()).await.unwrap();
    let noted = CartLine { note: "no salt".into(), seen_minor: Some(670), ..chosen.clone() };
    assert_eq!(seen(ordering.change(&s1(), 0, &noted).unwrap()), [Some(670)]);
    let changes = ordering.check(&s1(), &asap()).unwrap().changes;
    assert_eq!(changes[0].change, CartChange::Costs { line: 0, was_minor: 670, is_minor: 690 });
    // Of another shell's word on what it showed, nothing is taken back.
    let said = CartLine { seen_minor: Some(1), ..chosen };
    assert_eq!(seen(ordering.add(&s1(), &said).unwrap()), [Some(670), Some(1)]);
}

#[tokio::test]
async fn what_can_never_be_ordered_is_not_kept() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    let before = ordering.add(&s1(), &line(&noren, "burger", 1)).unwrap();
    let long = "あ".repeat(10_000);
    for (change, expected) in [
        (ordering.add(&s1(), &line(&noren, "burger", 0)), None),
        (ordering.add(&s1(), &line(&noren, "burger", 99)), None),
        (ordering.set_quantity(&s1(), 0, u32::MAX), None),
        (ordering.set_note(&s1(), 0, &long), None),
        (ordering.add(&s1(), &CartLine { item: long.as_str().into(), ..line(&noren, "tea", 1) }), None),
        (ordering.set_note(&s1(), 0, "4111 1111 1111 1111"), Some(OrderingError::CardNumber)),
        (ordering.remove(&s1(), 1), Some(OrderingError::NoSuchLine)),
        (ordering.set_quantity(&s1(), u32::MAX, 1), Some(OrderingError::NoSuchLine)),
    ] {
        let error = change.unwrap_err();
        assert!(expected.map_or(matches!(error, OrderingError::BadCart { .. }), |expected| error == expected), "{error:?}");
    }
    let deep = (0..200).fold(vec![], |modifiers, _| vec![CartModifier { group: "g".into(), modifier: "m".into(), quantity: 1, modifiers }]);
    assert!(ordering.add(&s1(), &CartLine { modifiers: deep, ..line(&noren, "tea", 1) }).is_err());
    assert_eq!(ordering.cart(&s1()).unwrap(), before);
}

#[tokio::test]
async fn slots_are_found_on_the_phone_as_the_kitchen_would_give_them() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    let ordering = noren.ordering();
    ordering.add(&s1(), &line(&noren, "burger", 4)).unwrap();
    let window = PickupWindow { from_ms: START_MS, until_ms: START_MS + 3_600_000, wanted_ms: Some(NOON_MS) };
    let seen = phone.server.world.lock().unwrap().seen.len();
    let slots = ordering.slots(&s1(), &window).unwrap();
    assert_eq!(phone.server.world.lock().unwrap().seen.len(), seen, "asks nobody");
    let asap = slots.asap.unwrap();
    assert!(!slots.slots.is_empty() && slots.slots.iter().all(|slot| slot.promised_ms % 300_000 == 0));
    let SlotHoldOutcome::Held { held, .. } = ordering.hold_slot(&s1(), PickupTime::Asap).await.unwrap() else { panic!() };
    assert_eq!(held.slot, asap);
    // Paused, there is none, in words.
    phone.server.kitchen(|kitchen| kitchen.books.get_mut(&"s1".into()).unwrap().set_mode(StoreMode::Paused { until_ms: None }, START_MS));
    ordering.refresh_status(&["s1".into()]).await.unwrap();
    let slots = ordering.slots(&s1(), &window).unwrap();
    assert_eq!((slots.asap, slots.refusal.unwrap().reason, slots.slots.len()), (None, SlotRefusalReason::Paused, 0));
    assert!(!slots.words_ja.is_empty());
    assert!(matches!(ordering.slots(&CartOf::goods(&"s1".into()), &window), Err(OrderingError::NoStatus)), "goods are not made");
}

#[tokio::test]
async fn a_new_key_of_the_same_member_loses_no_cart() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    noren.ordering().add(&s1(), &line(&noren, "burger", 1)).unwrap();
    for n in 0..50 {
        noren.ordering().save_favourite(&format!("usual {n}"), &s1()).unwrap();
    }
    let order = super::orders::ordered(&noren).await;
    noren.ordering().add(&s1(), &line(&noren, "tea", 2)).unwrap();
    {
        let mut world = phone.server.world.lock().unwrap();
        world.devices.values_mut().for_each(|device| device.2 = true);
        // The link brings the same member back.
        world.count = 0;
    }
    assert!(noren.member().refresh().await.is_err());
    noren.member().enrol(None).await.unwrap();
    assert_eq!(phone.server.world.lock().unwrap().devices.len(), 2, "another device");
    let ordering = noren.ordering();
    assert_eq!(ordering.carts().unwrap()[0].cart.lines, [line(&noren, "tea", 2)]);
    assert_eq!((ordering.favourites().unwrap().len(), ordering.orders().unwrap().orders.len()), (50, 1));
    assert_eq!(ordering.reorder(&order).unwrap().cart.cart.lines[0].modifiers.len(), 1);
    ordering.remove_favourite("usual 7").unwrap();
    ordering.save_favourite("the new one", &s1()).unwrap();
}

#[tokio::test]
async fn a_menu_that_does_not_read_is_fetched_whole() {
    let phone = Phone::new();
    let noren = phone.at_table().await;
    drop(noren);
    let cache = rusqlite::Connection::open(phone.files().join("cache.db")).unwrap();
    let kept: String = cache.query_row("SELECT menu FROM menus", [], |row| row.get(0)).unwrap();
    let sent = phone.server.kitchen(|kitchen| serde_json::to_value(&kitchen.menus[&s1().store]).unwrap());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&kept).unwrap(), sent);
    // As an older app kept it, without what this one needs.
    cache.execute("UPDATE menus SET menu = json_remove(menu, '$.terms.currency')", []).unwrap();
    drop(cache);
    let noren = phone.open();
    assert_eq!(noren.ordering().menu(&s1().store, None, None), Err(OrderingError::NoMenu));
    assert!(noren.ordering().refresh(&s1().store).await.unwrap());
    assert_eq!(noren.ordering().menu(&s1().store, None, None).unwrap().version, 1);
    assert!(!noren.ordering().refresh(&s1().store).await.unwrap());
}

/// What a hand does to a cart.
#[derive(Debug, Clone)]
enum Edit {
    Add(bool, u32),
    Quantity(u32, u32),
    Note(u32, String),
    Remove(u32),
    Handoff(bool),
    Clear,
    Reopen,
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (any::<bool>(), 0..4u32).prop_map(|(tea, quantity)| Edit::Add(tea, quantity)),
        2 => (0..4u32, 0..4u32).prop_map(|(at, quantity)| Edit::Quantity(at, quantity)),
        2 => (0..4u32, "[a-z ]{0,8}").prop_map(|(at, note)| Edit::Note(at, note)),
        1 => (0..4u32).prop_map(Edit::Remove),
        1 => any::<bool>().prop_map(Edit::Handoff),
        1 => Just(Edit::Clear),
        2 => Just(Edit::Reopen),
    ]
}

/// The cart as a list on paper.
fn on_paper(cart: &mut Cart, edit: &Edit, burger: &CartLine, tea: &CartLine) {
    let at = |at: u32| at as usize;
    match edit {
        Edit::Add(is_tea, quantity) if *quantity > 0 => {
            let line = CartLine { quantity: *quantity, ..if *is_tea { tea } else { burger }.clone() };
            let same = |known: &&mut CartLine| CartLine { quantity: *quantity, ..(**known).clone() } == line;
            match cart.lines.iter_mut().find(same) {
                Some(known) => known.quantity += quantity,
                None => cart.lines.push(line),
            }
        }
        Edit::Quantity(line, 0) | Edit::Remove(line) if at(*line) < cart.lines.len() => drop(cart.lines.remove(at(*line))),
        Edit::Quantity(line, quantity) if at(*line) < cart.lines.len() => cart.lines[at(*line)].quantity = *quantity,
        Edit::Note(line, note) if at(*line) < cart.lines.len() => cart.lines[at(*line)].note = note.trim().to_owned(),
        Edit::Handoff(dine_in) => {
            (cart.handoff, cart.tax_handoff) =
                if *dine_in { (HandoffMode::DineIn, TaxHandoff::EatIn) } else { (HandoffMode::Curbside, TaxHandoff::TakeOut) };
        }
        Edit::Clear => *cart = Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever was tapped stands in the cart after the process ended, and what was refused changed nothing.
    #[test]
    fn a_cart_survives_anything(edits in prop::collection::vec(any_edit(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let phone = Phone::new();
        let mut noren = runtime.block_on(phone.at_table());
        phone.offline(true);
        let (burger, tea) = (line(&noren, "burger", 1), line(&noren, "tea", 1));
        let mut paper = Cart::new(HandoffMode::CounterPickup, TaxHandoff::TakeOut);
        for edit in edits {
            let (ordering, before) = (noren.ordering(), paper.clone());
            on_paper(&mut paper, &edit, &burger, &tea);
            let done = match &edit {
                Edit::Add(is_tea, quantity) => ordering.add(&s1(), &CartLine { quantity: *quantity, ..if *is_tea { &tea } else { &burger }.clone() }),
                Edit::Quantity(at, quantity) => ordering.set_quantity(&s1(), *at, *quantity),
                Edit::Note(at, note) => ordering.set_note(&s1(), *at, note),
                Edit::Remove(at) => ordering.remove(&s1(), *at),
                Edit::Handoff(dine_in) => {
                    let handoff = if *dine_in { HandoffMode::DineIn } else { HandoffMode::Curbside };
                    ordering.set_handoff(&s1(), CartHandoff { handoff, tax_handoff: None })
                }
                Edit::Clear => ordering.clear(&s1()),
                Edit::Reopen => {
                    drop((ordering, noren));
                    noren = phone.open();
                    noren.ordering().cart(&s1())
                }
            };
            match done {
                Ok(view) => prop_assert_eq!(&view.cart, &paper),
                Err(_) => prop_assert_eq!(&before, &paper, "{:?} was refused and counted", edit),
            }
            prop_assert_eq!(&noren.ordering().cart(&s1()).unwrap().cart, &paper);
        }
        drop(noren);
        prop_assert_eq!(phone.open().ordering().cart(&s1()).unwrap().cart, paper);
        prop_assert_eq!(phone.server.effects(paths::ORDERS), 0);
    }
}
