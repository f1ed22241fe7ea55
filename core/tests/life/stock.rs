use super::depot;
use super::shop::*;
use super::support::*;
use noren_core::Noren;
use noren_core::stock::{NextStep, StockError, StockQuestion};
use noren_rules::ids::{Sku, StoreId};
use noren_rules::stock::{Arrival, Band};
use noren_rules::wire::{StockPage, Tenant, paths};

/// Three stores with places, the first where the phone is.
fn town(shop: &mut Shop) {
    for (n, store) in ["shibuya", "harajuku", "ikebukuro"].into_iter().enumerate() {
        let mut info = place(&format!("p-{store}"), store, &miyajima().towards(30.0, 2_000.0 * n as f64));
        info.tenants = vec![Tenant { store_id: store.into(), name: format!("{store}店"), hours: None }];
        shop.places.push(info);
    }
}

async fn in_town(phone: &Phone) -> Noren {
    phone.server.stores(|depot| {
        depot.say("shibuya", &[("S", 2), ("M", 0)]);
        depot.say("harajuku", &[("M", 3), ("L", 1)]);
        depot.say("ikebukuro", &[("M", 8)]);
        depot.say("far", &[("M", 80)]);
        depot.say("ec", &[("S", 9), ("M", 9), ("L", 9)]);
    });
    phone.at_miyajima(town).await
}

fn sizes(here: &str) -> StockQuestion {
    StockQuestion {
        product: None,
        skus: ["S", "M", "L", "M"].map(Sku::from).into(),
        wanted: Some("M".into()),
        here: Some(here.into()),
        in_min: Some(10),
        quantity: 1,
        per_variant: 3,
        open_first: true,
    }
}

fn asked(phone: &Phone) -> Vec<String> {
    let world = phone.server.world.lock().unwrap();
    world.seen.iter().filter(|(_, path)| path.starts_with(paths::STOCK)).map(|(_, path)| path.clone()).collect()
}

#[tokio::test]
async fn the_other_size_nearby_and_offline_marked_as_last_known() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let question = sizes("shibuya");
    assert_eq!(noren.stock().nearest(&question, Some(&miyajima())).unwrap().stores_heard, 0, "nothing was asked yet");
    let report = noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    assert_eq!((report.stores, report.levels, report.requests), (3, 8, 1));
    let matrix = noren.stock().nearest(&question, Some(&miyajima())).unwrap();
    let m = &matrix.variants[1];
    let stores: Vec<(&str, u32)> = m.stores.iter().map(|store| (store.name.as_str(), store.distance_m.unwrap())).collect();
    assert_eq!((matrix.variants.len(), stores), (3, vec![("harajuku店", 1_850), ("ikebukuro店", 3_850)]));
    assert_eq!((m.here.as_ref().unwrap().answer.band, m.online.as_ref().unwrap().store.as_str()), (Band::Out, "ec"));
    assert!(m.stores[0].answer.chance_permille.is_some_and(|chance| chance > 500) && !m.stores[0].answer.last_known);
    let as_of_ms = m.stores[0].answer.as_of_ms;
    let first = NextStep::OtherVariantHere { store: "shibuya".into(), sku: "S".into(), as_of_ms, last_known: false };
    assert_eq!(matrix.next_steps[0], first);
    assert!(matrix.freshness.complete);

    phone.offline(true);
    drop(noren);
    let noren = phone.open();
    phone.clock.pass(3_600_000);
    assert!(matches!(noren.stock().refresh(&[], None).await, Err(StockError::Call { .. })));
    let old = noren.stock().nearest(&question, Some(&miyajima())).unwrap();
    assert!(old.variants[1].stores.iter().all(|store| store.answer.last_known && store.answer.band != Band::Unknown));
    assert!(old.freshness.last_error.is_some());
    phone.clock.pass(4 * 3_600_000);
    let past = noren.stock().nearest(&question, Some(&miyajima())).unwrap();
    assert!(past.variants.iter().flat_map(|variant| &variant.stores).all(|store| store.answer.band == Band::Unknown));
    assert_eq!((past.variants[1].stores.len(), past.next_steps.len()), (2, 0), "told, and no advice");
}

#[tokio::test]
async fn after_a_reboot_without_a_network_nothing_old_is_shown_as_there() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    noren.pause().unwrap();
    drop(noren);
    phone.offline(true);
    // Two days later, with a wall clock that was set back: nobody can tell.
    *phone.clock.id.lock().unwrap() = "boot-2".into();
    phone.clock.boot.store(50, std::sync::atomic::Ordering::SeqCst);
    phone.clock.wall.store(START_MS - 1_000, std::sync::atomic::Ordering::SeqCst);
    let noren = phone.open();
    let told = |matrix: &noren_core::stock::StockMatrix| {
        let m = &matrix.variants[1];
        let answers = m.stores.iter().chain(&m.here).chain(&m.online).map(|store| (store.answer.band, store.answer.last_known));
        (answers.collect::<Vec<_>>(), matrix.next_steps.len())
    };
    let matrix = noren.stock().nearest(&sizes("shibuya"), Some(&miyajima())).unwrap();
    assert_eq!(told(&matrix), (vec![(Band::Unknown, true); 4], 0));
    assert!(matrix.variants[1].stores[0].text_en.contains("Stock not known, as of 2 Feb"), "{}", matrix.variants[1].stores[0].text_en);
    phone.offline(false);
    noren.stock().refresh(&[], None).await.unwrap();
    let matrix = noren.stock().nearest(&sizes("shibuya"), Some(&miyajima())).unwrap();
    assert!(told(&matrix).0.iter().all(|(band, last_known)| *band != Band::Unknown && !last_known));
}

#[tokio::test]
async fn only_what_has_changed_comes_in_portions_and_no_position_goes() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.server.stores(|depot| depot.limit = 4);
    let report = noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    assert_eq!((report.levels, report.requests), (8, 2));
    phone.server.stores(|depot| depot.say("harajuku", &[("M", 2)]));
    assert_eq!(noren.stock().refresh(&[], None).await.unwrap().levels, 1);
    assert_eq!(noren.stock().refresh(&[], None).await.unwrap().levels, 0);
    let arrival = Arrival { in_min: Some(5), quantity: 1 };
    let there = |store: &str| {
        let answer = noren.stock().answer(&store.into(), &"M".into(), arrival).unwrap();
        answer.map(|answer| answer.answer.quantity.unwrap())
    };
    assert_eq!((there("harajuku"), there("shibuya"), there("far")), (Some(2), Some(0), None));
    noren.stock().refresh(&["far".into(), "nowhere".into()], None).await.unwrap();
    assert_eq!((there("far"), there("nowhere")), (Some(80), None));
    let asked = asked(&phone);
    assert!(asked.iter().all(|path| !path.contains("34.") && !path.contains("132.") && !path.contains("lat")), "{asked:?}");
    assert!(asked.last().unwrap().contains("harajuku@"));
}

#[tokio::test]
async fn an_answer_that_ends_with_a_store_is_asked_for_the_rest() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let many: Vec<String> = (0..5_000).map(|n| format!("sku{n}")).collect();
    let levels: Vec<(&str, u32)> = many.iter().map(|sku| (sku.as_str(), 1)).collect();
    phone.server.stores(|depot| depot.say("whole", &levels));
    let report = noren.stock().refresh(&["whole".into(), "far".into(), "nowhere".into()], None).await.unwrap();
    assert_eq!((report.levels, report.requests), (5_004, 2));
    assert!(noren.stock().answer(&"far".into(), &"M".into(), Arrival { in_min: Some(0), quantity: 1 }).unwrap().is_some());
}

#[tokio::test]
async fn in_many_portions_the_online_shop_comes_once() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    let many: Vec<String> = (0..6_000).map(|n| format!("sku{n}")).collect();
    let levels: Vec<(&str, u32)> = many.iter().map(|sku| (sku.as_str(), 1)).collect();
    let stores: Vec<StoreId> = (0..120).map(|n| StoreId(format!("s{n:03}"))).collect();
    phone.server.stores(|depot| {
        depot.say("ec", &levels);
        stores.iter().for_each(|store| depot.say(store.as_str(), &[("M", 1)]));
    });
    // 6,003 of the online shop, three of which it had before.
    assert_eq!(noren.stock().refresh(&stores, None).await.unwrap().levels, 6_003 + 120);
    let report = noren.stock().refresh(&stores, None).await.unwrap();
    assert_eq!((report.levels, report.requests), (0, 3));
}

#[tokio::test]
async fn a_server_that_never_comes_to_the_end_is_left_alone() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.server.stores(|depot| depot.stuck = true);
    assert!(matches!(noren.stock().refresh(&[], Some(&miyajima())).await, Err(StockError::Storage { .. })));
    assert_eq!(asked(&phone).len(), 1);
    assert_eq!(noren.stock().nearest(&sizes("shibuya"), None).unwrap().stores_heard, 0);
    phone.server.stores(|depot| depot.stuck = false);
    noren.stock().refresh(&[], None).await.unwrap();
    assert_eq!(noren.stock().nearest(&sizes("shibuya"), None).unwrap().stores_heard, 4);
}

#[tokio::test]
async fn a_server_that_lies_about_the_end_is_left_alone() {
    let more_and_nothing: fn(&mut StockPage, u64) = |page, n| {
        for stock in &mut page.stores {
            (stock.version, stock.has_more, stock.levels) = (100 + n, true, Vec::new());
        }
    };
    let back_and_forth: fn(&mut StockPage, u64) = |page, n| {
        for stock in &mut page.stores {
            stock.version = if n.is_multiple_of(2) { 5 } else { 3 };
            stock.has_more = true;
        }
    };
    let beyond: fn(&mut StockPage, u64) = |page, _| page.stores.iter_mut().for_each(|stock| stock.version = u64::MAX);
    let one_by_one: fn(&mut StockPage, u64) = |page, n| {
        for stock in &mut page.stores {
            (stock.version, stock.has_more, stock.levels) = (100 + n, true, vec![depot::level("M", 1)]);
        }
    };
    for (lie, most) in [(more_and_nothing, 1), (back_and_forth, 4), (beyond, 1), (one_by_one, 1_000)] {
        let phone = Phone::new();
        let noren = in_town(&phone).await;
        phone.server.stores(|depot| depot.lie = Some(lie));
        let error = noren.stock().refresh(&[], Some(&miyajima())).await;
        assert!(matches!(error, Err(StockError::Storage { .. })), "{error:?}");
        assert!(asked(&phone).len() <= most, "{}", asked(&phone).len());
    }
}

#[tokio::test]
async fn two_positions_of_a_tile_ask_for_the_same() {
    let mut seen = Vec::new();
    // In the same tile as Miyajima, and 100 metres and 40 km away from it.
    for at in [miyajima(), miyajima().towards(80.0, 100.0), miyajima().towards(330.0, 40_000.0)] {
        let phone = Phone::new();
        let noren = phone
            .at_miyajima(|shop| {
                for n in 0..35 {
                    let mut info = place(&format!("p-{n}"), "店", &miyajima().towards(f64::from(n) * 40.0, f64::from(n) * 1_500.0));
                    info.tenants = vec![Tenant { store_id: format!("s{n}").as_str().into(), name: String::new(), hours: None }];
                    shop.places.push(info);
                }
            })
            .await;
        // All of the shop's places are known wherever the phone is.
        noren.places().refresh(&miyajima()).await.unwrap();
        noren.stock().refresh(&[], Some(&at)).await.unwrap();
        seen.push(asked(&phone));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    let stores = seen[0][0].split("stores=").nth(1).unwrap();
    let ids: Vec<&str> = stores.split(',').map(|store| store.split('@').next().unwrap()).collect();
    assert!(ids.len() >= 30 && ids.is_sorted(), "{ids:?}");
}

#[tokio::test]
async fn places_without_stock_take_no_room_of_the_near_stores() {
    let phone = Phone::new();
    phone.server.stores(|depot| depot.say("real", &[("M", 3)]));
    let noren = phone
        .at_miyajima(|shop| {
            let tenant = |id: String| Tenant { store_id: id.as_str().into(), name: id.clone(), hours: None };
            let mut mall = place("mall", "モール", &miyajima());
            mall.tenants = (0..40).map(|n| tenant(format!("cafe{n:02}"))).collect();
            let mut info = place("p-real", "店", &miyajima().towards(0.0, 900.0));
            info.tenants = vec![tenant("real".into())];
            shop.places.extend([mall, info]);
        })
        .await;
    let heard = || noren.stock().answer(&"real".into(), &"M".into(), Arrival { in_min: None, quantity: 1 }).unwrap().is_some();
    for _ in 0..2 {
        noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    }
    assert!(heard());
    assert!(asked(&phone)[1].contains("real@") && !asked(&phone)[1].contains("cafe"), "{:?}", asked(&phone)[1]);
    // One that is looked at is asked for all the same, and the next day all are.
    noren.stock().refresh(&["cafe07".into()], None).await.unwrap();
    assert!(asked(&phone)[2].contains("cafe07@") && !asked(&phone)[2].contains("cafe08@"));
    phone.clock.pass(86_400_000);
    noren.member().renew_if_due().await.unwrap();
    noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    assert!(asked(&phone)[3].contains("cafe08@"));
}

#[tokio::test]
async fn an_unproven_clock_drops_no_store() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.stock().refresh(&["far".into()], None).await.unwrap();
    noren.pause().unwrap();
    drop(noren);
    phone.offline(true);
    *phone.clock.id.lock().unwrap() = "boot-2".into();
    phone.clock.wall.store(START_MS + 400 * 86_400_000, std::sync::atomic::Ordering::SeqCst);
    let noren = phone.open();
    assert!(noren.stock().refresh(&["harajuku".into()], None).await.is_err());
    assert!(noren.stock().stores().unwrap().iter().any(|view| view.store.as_str() == "far" && view.as_of_ms.is_some()));
}

#[tokio::test]
async fn a_room_that_fails_keeps_nothing_else_for_another_member() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.stock().pin(&"planted".into(), true).unwrap();
    noren.holds().release_when_away(true).unwrap();
    noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    noren.pause().unwrap();
    drop(noren);
    let outbox = || rusqlite::Connection::open(phone.files().join("outbox.db")).unwrap();
    outbox().execute_batch("DROP TABLE held_back").unwrap();
    let device = phone.server.world.lock().unwrap().devices.keys().next().unwrap().clone();
    phone.server.world.lock().unwrap().devices.get_mut(&device).unwrap().0 = "aaaabbbbccccdddd".into();
    phone.clock.pass(11 * 86_400_000);
    let noren = phone.open();
    noren.member().renew_if_due().await.unwrap();
    assert!(noren.stock().stores().unwrap().is_empty());
    noren.pause().unwrap();
    drop(noren);
    let count = |sql: &str| outbox().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM pinned_stores"), 0);
    assert_eq!(count("SELECT count(*) FROM facts WHERE name = 'hold-release-when-away' AND value = '1'"), 0);
}

#[tokio::test]
async fn a_lost_answer_leaves_every_store_as_it_was() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    phone.server.stores(|depot| depot.say("harajuku", &[("M", 0), ("L", 7)]));
    let before = noren.stock().nearest(&sizes("harajuku"), None).unwrap();
    for fault in [Fault::LostAnswer, Fault::Truncated, Fault::Portal, Fault::Refuse(503, noren_rules::wire::Reason::Unavailable, None)] {
        phone.server.next([fault]);
        assert!(noren.stock().refresh(&[], None).await.is_err());
        let after = noren.stock().nearest(&sizes("harajuku"), None).unwrap();
        assert_eq!((after.variants, after.next_steps), (before.variants.clone(), before.next_steps.clone()));
    }
    assert_eq!(noren.stock().refresh(&[], None).await.unwrap().levels, 2);
}

#[tokio::test]
async fn pins_outlive_the_cache_and_the_rest_is_pulled_again() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    noren.stock().pin(&"far".into(), true).unwrap();
    noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    let names = |noren: &Noren| noren.stock().stores().unwrap().into_iter().map(|view| (view.store.0, view.pinned)).collect::<Vec<_>>();
    assert_eq!(names(&noren)[0], ("far".into(), true));
    noren.pause().unwrap();
    drop(noren);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(phone.files().join(format!("cache.db{suffix}")));
    }
    let noren = phone.open();
    assert!(names(&noren).is_empty());
    noren.stock().refresh(&[], None).await.unwrap();
    assert_eq!(names(&noren), [("far".into(), true), ("ec".into(), false)]);
    noren.stock().pin(&"far".into(), false).unwrap();
    phone.clock.pass(31 * 86_400_000);
    noren.member().renew_if_due().await.unwrap();
    noren.stock().refresh(&["shibuya".into()], None).await.unwrap();
    assert_eq!(names(&noren), [("ec".into(), false), ("shibuya".into(), false)], "not wanted for 30 days");
}

#[tokio::test]
async fn without_a_card_nothing_is_asked_and_what_cannot_be_answered_is_said() {
    let phone = Phone::new();
    let noren = phone.open();
    assert_eq!(noren.stock().refresh(&["a".into()], None).await, Err(StockError::NotEnrolled));
    assert!(asked(&phone).is_empty());
    let many = StockQuestion { skus: (0..501).map(|n| Sku(n.to_string())).collect(), ..sizes("a") };
    assert!(matches!(noren.stock().nearest(&many, None), Err(StockError::BadQuestion { .. })));
    let wide = StockQuestion { per_variant: 51, ..sizes("a") };
    assert!(matches!(noren.stock().nearest(&wide, None), Err(StockError::BadQuestion { .. })));
    let none = noren.stock().nearest(&StockQuestion { skus: vec![], ..sizes("a") }, None).unwrap();
    assert!(none.variants.is_empty() && none.next_steps.is_empty());
}

#[tokio::test]
async fn a_store_that_never_spoke_has_no_answer() {
    let phone = Phone::new();
    let noren = in_town(&phone).await;
    phone.server.stores(|depot| depot.silent.push("mute".into()));
    noren.stock().refresh(&[StoreId("mute".into())], None).await.unwrap();
    let matrix = noren.stock().nearest(&sizes("mute"), None).unwrap();
    assert!(matrix.variants.iter().all(|variant| variant.here.is_none()));
}

#[tokio::test]
async fn a_scanned_size_leads_to_the_others_of_its_product_in_one_call() {
    let phone = Phone::new();
    phone.server.stock_shelves(super::goods::shelves);
    phone.server.stores(|depot| {
        depot.say("shibuya", &[("赤/S", 1), ("青/L", 2)]);
        depot.say("harajuku", &[("赤/M", 4)]);
    });
    let noren = phone.at_miyajima(town).await;
    let question = StockQuestion { product: Some("shirt".into()), skus: vec![], wanted: Some("赤/M".into()), ..sizes("shibuya") };
    assert_eq!(noren.stock().nearest(&question, None), Err(StockError::NoSuchProduct));
    noren.catalogue().find("赤/S", None).await.unwrap().unwrap();
    noren.stock().refresh(&[], Some(&miyajima())).await.unwrap();
    phone.offline(true);
    let matrix = noren.stock().nearest(&question, Some(&miyajima())).unwrap();
    let cells: Vec<(&str, &str)> =
        matrix.variants.iter().map(|cell| (cell.colour.as_deref().unwrap(), cell.size.as_deref().unwrap())).collect();
    assert_eq!(cells, [("赤", "S"), ("赤", "M"), ("赤", "L"), ("青", "S"), ("青", "L")]);
    assert_eq!(matrix.variants[1].stores[0].store.as_str(), "harajuku");
    let as_of_ms = matrix.variants[1].stores[0].answer.as_of_ms;
    let here = |sku: &str| NextStep::OtherVariantHere { store: "shibuya".into(), sku: sku.into(), as_of_ms, last_known: false };
    let other = NextStep::OtherStore { store: "harajuku".into(), sku: "赤/M".into(), holds: true, as_of_ms, last_known: false };
    assert_eq!(matrix.next_steps, [here("赤/S"), here("青/L"), other]);
}
