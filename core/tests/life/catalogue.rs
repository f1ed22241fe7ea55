use super::goods::*;
use super::support::*;
use noren_core::Noren;
use noren_core::catalogue::{CatalogueError, ProductView};
use noren_core::member::Submission;
use noren_core::outbox::IntentState;
use noren_rules::catalogue::{Fit, SizeMm};
use noren_rules::receipt::Channel;
use noren_rules::scan::{PrefixKind, PrefixRule, ScanRefusal, ScanSettings, Scanned, ScannedMember, ValueLayout};
use noren_rules::wire::{BackInStock, ReactionKind, Reason, paths};

/// Enrolled, with shelves full of goods, of which the phone knows the tea.
async fn shopping(phone: &Phone) -> Noren {
    phone.server.stock_shelves(shelves);
    let noren = phone.enrolled().await;
    noren.catalogue().find(TEA_JAN, None).await.unwrap().unwrap();
    noren
}

fn price(product: &ProductView, channel: Channel) -> Option<(i64, Option<i64>, Option<i64>)> {
    let price = product.variants[0].prices.iter().find(|price| price.channel == channel)?;
    let amount = |price: &Option<noren_rules::catalogue::Price>| price.as_ref().map(|price| price.amount_minor);
    Some((amount(&price.price)?, price.next_change_ms, amount(&price.next)))
}

#[tokio::test]
async fn a_scan_leads_to_the_product_at_once_and_offline() {
    let phone = Phone::new();
    drop(shopping(&phone).await);
    phone.offline(true);
    let noren = phone.open();
    let catalogue = noren.catalogue();
    let element = format!("]C1010{TEA_JAN}");
    let link = format!("https://id.gs1.org/01/0{TEA_JAN}?17=301231");
    for text in [TEA_JAN, element.as_str(), link.as_str()] {
        let view = catalogue.scan(text.as_bytes(), None).unwrap();
        let tea = view.product.unwrap();
        assert_eq!((tea.id.as_str(), tea.sku, tea.title.as_str()), ("tea", Some("T-1".into()), "おーいお茶"), "{text}");
        assert_eq!((view.not_known, view.counted), (None, false), "{text}");
        assert_eq!((tea.ratings, tea.average_milli, tea.as_of_ms), (4, Some(4_250), START_MS));
    }
    let other = catalogue.scan(b"4902102072618", None).unwrap();
    assert_eq!((other.product, other.not_known.as_deref()), (None, Some("4902102072618")));
    assert!(matches!(catalogue.find("4902102072618", None).await, Err(CatalogueError::Call { .. })), "it says that it must ask");
    assert_eq!(catalogue.find(TEA_JAN, None).await.unwrap().unwrap().id.as_str(), "tea", "what is known needs no network");
    for (text, refusal) in [
        ("4901777018687", ScanRefusal::CheckDigit),
        ("", ScanRefusal::Empty),
        ("ABC", ScanRefusal::Unrecognised),
        ("http://a\u{202e}b/", ScanRefusal::BadUrl),
    ] {
        assert_eq!(catalogue.scan(text.as_bytes(), None), Err(CatalogueError::Unreadable { refusal }), "{text}");
    }
    assert!(matches!(catalogue.scan(&[0xFF, 0xFE], None), Err(CatalogueError::Unreadable { refusal: ScanRefusal::NotText })));
}

#[tokio::test]
async fn what_is_no_product_is_shown_and_nothing_is_asked() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let before = phone.server.world.lock().unwrap().sent.len();
    let url = noren.catalogue().scan(b"https://example.com/product/tea", Some(&"s1".into())).unwrap();
    let Scanned::Url(shown) = &url.scanned else { panic!("{url:?}") };
    assert_eq!((shown.host.as_str(), &url.product, &url.not_known, url.counted), ("example.com", &None, &None, false));
    assert_eq!(phone.server.world.lock().unwrap().sent.len(), before, "nothing is opened");
}

#[tokio::test]
async fn codes_and_links_of_the_operators_lead_to_products_once_they_are_set_up() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    catalogue.refresh_products(vec!["shelf".into()]).await.unwrap();
    // 20 55501 v 0980 c: price of 980 yen with its check digit.
    let code = |digits: &str| {
        let sum: u32 = digits.chars().rev().enumerate().map(|(n, c)| c.to_digit(10).unwrap() * if n % 2 == 0 { 3 } else { 1 }).sum();
        format!("{digits}{}", (10 - sum % 10) % 10)
    };
    let (priced, member) = (code("205550100980"), code("280000004711"));
    let unset = catalogue.scan(priced.as_bytes(), None).unwrap();
    assert!(matches!(&unset.scanned, Scanned::InStore(own) if own.item.is_none()) && unset.product.is_none() && unset.not_known.is_none());
    assert!(matches!(catalogue.scan(b"https://app.example.jp/product/tea", None).unwrap().scanned, Scanned::Url(_)));
    phone.server.stock_shelves(|goods| {
        goods.products.push(product("bento", "弁当", "Lunch box", vec![variant("B-1", Some(&code("211234567890")), None, None, 500)]));
    });
    catalogue.refresh_products(vec!["bento".into()]).await.unwrap();
    let own = catalogue.scan(code("211234567890").as_bytes(), None).unwrap();
    assert!(matches!(own.scanned, Scanned::InStore(_)) && own.product.unwrap().sku == Some("B-1".into()), "the shop's own bars");
    let bad = ScanSettings { prefixes: vec![PrefixRule { prefix: "49".into(), kind: PrefixKind::Member }], link_hosts: vec![] };
    assert!(matches!(catalogue.scan_settings(bad), Err(CatalogueError::BadSettings { .. })));
    let layout = ValueLayout { item_digits: 5, value_check_digit: false, value_digits: 5 };
    let prefix = |prefix: &str, kind| PrefixRule { prefix: prefix.into(), kind };
    let prefixes = vec![prefix("20", PrefixKind::Price(layout)), prefix("28", PrefixKind::Member)];
    catalogue.scan_settings(ScanSettings { prefixes, link_hosts: vec!["app.example.jp".into()] }).unwrap();
    let shelf = catalogue.scan(priced.as_bytes(), None).unwrap();
    assert!(matches!(&shelf.scanned, Scanned::InStore(own) if own.price_minor == Some(980)));
    assert_eq!(shelf.product.unwrap().sku, Some("55501".into()));
    let unknown = catalogue.scan(code("209999900100").as_bytes(), None).unwrap();
    assert_eq!((unknown.product, unknown.not_known.as_deref()), (None, Some("99999")), "an item that is nobody's sku here");
    let card = catalogue.scan(member.as_bytes(), None).unwrap();
    assert!(matches!(card.scanned, Scanned::Member(ScannedMember::Static(_))) && card.not_known.is_none());
    for id in ["tea", "T-1", TEA_JAN] {
        let view = catalogue.scan(format!("https://app.example.jp/product/{id}").as_bytes(), None).unwrap();
        assert_eq!(view.product.unwrap().id.as_str(), "tea", "{id}");
    }
    assert_eq!(catalogue.scan(b"https://app.example.jp/seat/12", None).unwrap().not_known, None);
}

#[tokio::test]
async fn what_the_server_does_not_sell_is_an_answer() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    for number in ["4902102072618", "", "  ", "no/such,thing & more", &"9".repeat(600)] {
        assert_eq!(catalogue.find(number, None).await.unwrap(), None, "{number}");
    }
    assert_eq!(catalogue.find("shirt", None).await.unwrap().unwrap().sku, None);
    assert_eq!(catalogue.find("赤/M", None).await.unwrap().unwrap().sku, Some("赤/M".into()));
    let alone = Phone::new();
    assert_eq!(alone.open().catalogue().find(TEA_JAN, None).await, Err(CatalogueError::NotEnrolled));
    let view = alone.open().catalogue().scan(TEA_JAN.as_bytes(), Some(&"s1".into())).unwrap();
    assert_eq!((view.not_known.as_deref(), view.counted), (Some(TEA_JAN), false));
    assert!(alone.server.world.lock().unwrap().sent.is_empty());
}

#[tokio::test]
async fn prices_go_by_channel_and_the_trusted_clock() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let tea = || noren.catalogue().product(&"tea".into()).unwrap();
    let (from_ms, until_ms) = (START_MS + 3_600_000, START_MS + 7_200_000);
    assert_eq!(price(&tea(), Channel::Store), Some((150, Some(from_ms), Some(99))));
    assert_eq!(price(&tea(), Channel::Ec), Some((150, None, None)));
    // A person turns the wall clock: nothing becomes cheaper.
    phone.clock.wall.fetch_add(3_600_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(price(&tea(), Channel::Store), Some((150, Some(from_ms), Some(99))));
    phone.clock.pass(3_600_000);
    assert_eq!(price(&tea(), Channel::Store), Some((99, Some(until_ms), Some(150))));
    assert!(tea().time_proven);
    phone.clock.pass(3_600_000);
    assert_eq!(price(&tea(), Channel::Store), Some((150, None, None)));
    assert!(noren.catalogue().search("おーい", 1).unwrap()[0].time_proven);
    // Started anew, with no network: a list says as much of its prices as a product does.
    *phone.clock.id.lock().unwrap() = "boot-2".into();
    phone.offline(true);
    noren.pause().unwrap();
    let noren = phone.open();
    let listed = noren.catalogue().search("おーい", 1).unwrap()[0].time_proven;
    assert_eq!((listed, noren.catalogue().product(&"tea".into()).unwrap().time_proven), (false, false));
}

#[tokio::test]
async fn the_matrix_the_room_and_the_assets() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    let shirt = catalogue.find("赤/S", None).await.unwrap().unwrap();
    let skus: Vec<Vec<Option<&str>>> =
        shirt.matrix.rows.iter().map(|row| row.skus.iter().map(|sku| sku.as_ref().map(|sku| sku.as_str())).collect()).collect();
    assert_eq!(shirt.matrix.sizes, [Some("S".to_owned()), Some("M".into()), Some("L".into())]);
    assert_eq!(skus, [[Some("赤/S"), Some("赤/M"), Some("赤/L")], [Some("青/S"), None, Some("青/L")]]);
    let shelf = catalogue.find("shelf", None).await.unwrap().unwrap();
    let room = |width_mm, depth_mm| SizeMm { width_mm, depth_mm, height_mm: 2_000 };
    let fits = |product: &str, room| catalogue.fits(&product.into(), &room).unwrap();
    assert_eq!(
        (fits("shelf", room(800, 300)), fits("shelf", room(300, 800)), fits("shelf", room(799, 799)), fits("shirt", room(1, 1))),
        (Some(Fit::AsItIs), Some(Fit::Turned), Some(Fit::TooLarge), None)
    );
    catalogue.check_asset(&shelf.assets[0], b"abc").unwrap();
    for wrong in [b"abd".as_slice(), b"ab", b"abcd", b""] {
        assert!(matches!(catalogue.check_asset(&shelf.assets[0], wrong), Err(CatalogueError::BadAsset { .. })));
    }
    assert_eq!(catalogue.product(&"none".into()), Err(CatalogueError::NoSuchProduct));
    assert_eq!(catalogue.product_of(&"none".into()), Err(CatalogueError::NoSuchProduct));
}

#[tokio::test]
async fn search_goes_through_what_was_seen_and_asks_the_server_for_more() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    let ids = |text: &str| -> Vec<String> { catalogue.search(text, 10).unwrap().into_iter().map(|found| found.id.0).collect() };
    assert_eq!(ids("シャツ"), Vec::<String>::new(), "never seen");
    let online = catalogue.search_online("シャツ", 10).await.unwrap();
    assert_eq!(online.iter().map(|found| found.title.as_str()).collect::<Vec<_>>(), ["Ｔシャツ"]);
    assert_eq!(online[0].price.as_ref().map(|price| price.amount_minor), Some(1_990));
    assert!(online[0].price_varies);
    phone.offline(true);
    for text in ["ｼｬﾂ", "tシ", "T", "しゃつ", "t-SHIRT", "青/l"] {
        assert!(ids(text).contains(&"shirt".to_owned()), "{text}");
    }
    for text in ["茶", "オーイ", "伊藤", TEA_JAN, "4901777"] {
        assert_eq!(ids(text), ["tea"], "{text}");
    }
    assert_eq!(ids("茶茶"), Vec::<String>::new());
    assert_eq!(ids("\"* OR"), Vec::<String>::new());
    assert_eq!(ids(""), ["shirt", "tea"], "what was looked at last");
    assert_eq!(ids("t")[0], "shirt", "what begins with it comes first");
    assert!(matches!(catalogue.search_online("茶", 10).await, Err(CatalogueError::Call { .. })));
    assert_eq!(catalogue.search_online(" ", 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_newer_version_replaces_and_an_older_one_never_does() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    let put = |version: u64, title: &str| {
        phone.server.stock_shelves(|goods| {
            goods.products[0].version = version;
            goods.products[0].product.title.insert("ja".into(), title.into());
        });
    };
    put(3, "新茶");
    assert_eq!(catalogue.refresh_products(vec!["tea".into()]).await.unwrap(), 1);
    put(2, "古茶");
    assert_eq!(catalogue.refresh_products(vec!["tea".into()]).await.unwrap(), 0);
    assert_eq!(catalogue.search_online("古茶", 5).await.unwrap()[0].title, "新茶");
    assert_eq!(
        (catalogue.search("新茶", 5).unwrap().len(), catalogue.search("おーい", 5).unwrap().len()),
        (1, 1),
        "its reading is as it was"
    );
    assert!(catalogue.search("古", 5).unwrap().is_empty());
    phone.server.stock_shelves(|goods| drop(goods.products.remove(0)));
    assert_eq!(catalogue.refresh_products(vec!["tea".into(), "none".into()]).await.unwrap(), 1);
    assert!(catalogue.search("", 5).unwrap().is_empty(), "it is not sold any more");
}

#[tokio::test]
async fn scans_in_a_store_are_counted_in_batches_and_once_a_minute() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    phone.offline(true);
    let (here, there) = ("s1".into(), "s2".into());
    for _ in 0..30 {
        assert!(catalogue.scan(TEA_JAN.as_bytes(), Some(&here)).unwrap().counted);
        phone.clock.pass(100);
    }
    phone.clock.pass(60_000);
    assert!(catalogue.scan(TEA_JAN.as_bytes(), Some(&here)).unwrap().counted);
    assert!(catalogue.scan(TEA_JAN.as_bytes(), Some(&there)).unwrap().counted);
    catalogue.react(ReactionKind::Question, &"T-1".into(), &there).unwrap();
    assert!(!catalogue.scan(TEA_JAN.as_bytes(), None).unwrap().counted, "nobody knows where");
    assert!(!catalogue.scan(b"4902102072618", Some(&here)).unwrap().counted, "nobody knows what");
    assert_eq!(noren.outbox().waiting().unwrap().iter().filter(|view| view.kind == "reactions").count(), 1);
    drop(noren);
    phone.offline(false);
    let noren = phone.open();
    phone.server.next([Fault::LostAnswer]);
    noren.outbox().send_due().await.unwrap();
    // What comes while the first batch may have arrived is another one.
    noren.catalogue().scan(TEA_JAN.as_bytes(), Some(&here)).unwrap();
    assert_eq!(noren.outbox().waiting().unwrap().len(), 2);
    phone.clock.pass(60_000);
    noren.outbox().network_returned().await.unwrap();
    assert!(noren.outbox().waiting().unwrap().is_empty());
    let said = phone.server.goods(|goods| goods.reactions.iter().map(|said| (said.kind, said.store.0.clone())).collect::<Vec<_>>());
    let scan = |store: &str| (ReactionKind::Scan, store.to_owned());
    assert_eq!(said, [scan("s1"), scan("s1"), scan("s2"), (ReactionKind::Question, "s2".to_owned()), scan("s1")]);
    assert_eq!(phone.server.effects(paths::REACTIONS), 2);
}

#[tokio::test]
async fn a_batch_is_never_larger_than_a_call_may_be() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    phone.offline(true);
    for _ in 0..201 {
        noren.catalogue().react(ReactionKind::Demo, &"T-1".into(), &"s1".into()).unwrap();
    }
    phone.offline(false);
    noren.outbox().send_due().await.unwrap();
    assert_eq!((phone.server.goods(|goods| goods.reactions.len()), phone.server.effects(paths::REACTIONS)), (201, 2));
}

#[tokio::test]
async fn a_scan_by_a_revoked_device_still_shows_the_product_and_counts_nothing() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let device = phone.server.world.lock().unwrap().devices.keys().next().unwrap().clone();
    phone.server.world.lock().unwrap().devices.get_mut(&device).unwrap().2 = true;
    phone.server.world.lock().unwrap().tokens.clear();
    assert!(noren.catalogue().refresh_ranking().await.is_err());
    let view = noren.catalogue().scan(TEA_JAN.as_bytes(), Some(&"s1".into())).unwrap();
    assert!(view.product.is_some() && !view.counted);
}

#[tokio::test]
async fn favourites_count_at_once_and_the_last_wish_stands() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    phone.offline(true);
    catalogue.like(&"T-1".into(), true, vec![]).unwrap();
    catalogue.like(&"赤/M".into(), true, vec!["s1".into()]).unwrap();
    catalogue.like(&"T-1".into(), false, vec![]).unwrap();
    phone.clock.pass(1_000);
    catalogue.like(&"T-1".into(), true, vec!["s2".into()]).unwrap();
    drop(noren);
    let noren = phone.open();
    let catalogue = noren.catalogue();
    let view = catalogue.favourites().unwrap();
    let liked: Vec<(&str, bool, bool)> =
        view.favourites.iter().map(|liked| (liked.sku.as_str(), liked.waiting, liked.product.is_some())).collect();
    assert_eq!(liked.len(), 2);
    assert!(liked.contains(&("T-1", true, true)) && liked.contains(&("赤/M", true, false)));
    assert!(catalogue.product(&"tea".into()).unwrap().variants[0].liked);
    assert_eq!(view.freshness.as_of_ms, None);
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(phone.server.effects(paths::FAVOURITES), 2, "of wishes that were not sent the last counts");
    assert!(catalogue.favourites().unwrap().favourites.iter().all(|liked| !liked.waiting));
    catalogue.refresh_favourites().await.unwrap();
    let view = catalogue.favourites().unwrap();
    assert!(view.favourites.iter().all(|liked| liked.product.is_some()), "the shirt came with it, readable offline");
    catalogue.like(&"赤/M".into(), false, vec![]).unwrap();
    assert_eq!(catalogue.favourites().unwrap().favourites.len(), 1, "at once");
    // One that the shop does not sell is refused, and is not shown as liked then.
    catalogue.like(&"none".into(), true, vec![]).unwrap();
    assert_eq!(catalogue.favourites().unwrap().favourites.len(), 2);
    noren.outbox().send_due().await.unwrap();
    let skus: Vec<String> = catalogue.favourites().unwrap().favourites.into_iter().map(|liked| liked.sku.0).collect();
    assert_eq!(skus, ["T-1"]);
    let everywhere = (0..51).map(|n| format!("s{n}").into()).collect();
    assert!(matches!(catalogue.like(&"T-1".into(), true, everywhere), Err(CatalogueError::BadFavourite { .. })));
    assert_eq!(Phone::new().open().catalogue().favourites(), Err(CatalogueError::NotEnrolled));
}

#[tokio::test]
async fn a_wish_made_while_another_is_on_its_way_is_not_lost() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    catalogue.like(&"T-1".into(), true, vec![]).unwrap();
    phone.server.next([Fault::LostAnswer]);
    noren.outbox().send_due().await.unwrap();
    catalogue.like(&"T-1".into(), false, vec![]).unwrap();
    assert!(catalogue.favourites().unwrap().favourites.is_empty());
    noren.outbox().network_returned().await.unwrap();
    phone.clock.pass(60_000);
    noren.outbox().send_due().await.unwrap();
    assert!(noren.outbox().waiting().unwrap().is_empty());
    assert!(phone.server.goods(|goods| goods.favourites.values().all(Vec::is_empty)));
    assert!(catalogue.favourites().unwrap().favourites.is_empty());
}

#[tokio::test]
async fn what_is_back_in_stock_is_told_once() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    let back = |sku: &str, at_ms| BackInStock { sku: sku.into(), store: "s1".into(), at_ms };
    phone.server.stock_shelves(|goods| goods.back.push(back("T-1", 1)));
    let report = catalogue.refresh_favourites().await.unwrap();
    assert_eq!((report.changed, report.back_in_stock.len()), (true, 0), "before this phone knew of any favourite");
    catalogue.like(&"T-1".into(), true, vec!["s1".into()]).unwrap();
    phone.server.stock_shelves(|goods| goods.back.insert(0, back("T-1", 2)));
    // It comes with the answer to the wish already, and is told by the refresh all the same.
    noren.outbox().send_due().await.unwrap();
    assert_eq!(catalogue.refresh_favourites().await.unwrap().back_in_stock, [back("T-1", 2)]);
    assert_eq!(catalogue.refresh_favourites().await.unwrap().back_in_stock, []);
    // The products of it cannot be had: what is back is told all the same.
    phone.server.stock_shelves(|goods| {
        goods.back.insert(0, back("T-1", 3));
        let liked = goods.favourites.values_mut().next().unwrap();
        liked.push(noren_rules::wire::Favourite { sku: "赤/S".into(), watch: vec![], since_ms: 1 });
    });
    phone.server.next([Fault::None, Fault::Offline]);
    assert_eq!(catalogue.refresh_favourites().await.unwrap().back_in_stock, [back("T-1", 3)]);
    phone.offline(true);
    assert!(catalogue.refresh_favourites().await.is_err());
    let view = catalogue.favourites().unwrap();
    assert!(view.freshness.last_error.is_some() && view.freshness.as_of_ms.is_some(), "last known, and marked");
    assert_eq!(view.back_in_stock.len(), 3);
    catalogue.like(&"T-1".into(), false, vec![]).unwrap();
    assert!(catalogue.favourites().unwrap().back_in_stock.is_empty(), "of what is still liked");
}

#[tokio::test]
async fn reviews_are_read_page_by_page_and_stay_readable() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    let tea = "tea".into();
    assert_eq!(catalogue.reviews(&tea).unwrap(), Default::default());
    let all: Vec<_> = (0..5).map(|n| review(&format!("r{n}"), n + 1, n < 2)).collect();
    phone.server.stock_shelves(|goods| drop(goods.reviews.insert("tea".into(), all)));
    let mut view = catalogue.refresh_reviews(&tea, None).await.unwrap();
    assert_eq!((view.reviews.len(), view.ratings, view.average_milli), (2, 5, Some(3_000)));
    while let Some(next) = view.next.take() {
        view = catalogue.refresh_reviews(&tea, Some(&next)).await.unwrap();
    }
    phone.offline(true);
    drop(noren);
    let noren = phone.open();
    let view = noren.catalogue().reviews(&tea).unwrap();
    let ids: Vec<&str> = view.reviews.iter().map(|review| review.id.as_str()).collect();
    assert_eq!((ids, view.next, view.as_of_ms), (vec!["r0", "r1", "r2", "r3", "r4"], None, Some(START_MS)));
    assert!(noren.catalogue().refresh_reviews(&tea, None).await.is_err());
    phone.offline(false);
    // A cursor of another list is not put behind this one.
    assert_eq!(noren.catalogue().refresh_reviews(&tea, Some("1")).await.unwrap().reviews.len(), 5);
}

#[tokio::test]
async fn a_review_written_offline_waits_and_the_last_version_goes() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let (catalogue, tea) = (noren.catalogue(), "tea".into());
    phone.offline(true);
    assert!(matches!(catalogue.write_review(&tea, 2, "うすい").await.unwrap(), Submission::Waiting { .. }));
    drop(noren);
    let noren = phone.open();
    let catalogue = noren.catalogue();
    let own = catalogue.reviews(&tea).unwrap().own.unwrap();
    assert_eq!((own.state, own.stars, own.text.as_str()), (IntentState::Pending, 2, "うすい"));
    catalogue.write_review(&tea, 4, " やっぱり濃い ").await.unwrap();
    // The first one was tried: it may not have been sent, and the second goes behind it.
    assert_eq!(catalogue.reviews(&tea).unwrap().own.unwrap().text, "やっぱり濃い");
    for (stars, text) in [(0, "x".to_owned()), (6, "x".into()), (3, "長".repeat(2_001)), (3, "\u{7}".into())] {
        assert!(matches!(catalogue.write_review(&tea, stars, &text).await, Err(CatalogueError::BadReview { .. })));
    }
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    assert_eq!(catalogue.reviews(&tea).unwrap().own, None);
    let said = phone.server.goods(|goods| goods.reviews[&tea].clone());
    assert_eq!((said.len(), said[0].stars, said[0].text.as_str(), said[0].language.as_str()), (1, 4, "やっぱり濃い", "ja"));
    assert_eq!(catalogue.write_review(&tea, 5, "").await.unwrap(), Submission::Done);
}

#[tokio::test]
async fn a_refused_review_stays_until_it_is_written_again() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let (catalogue, none) = (noren.catalogue(), "none".into());
    let refused = catalogue.write_review(&none, 3, "一").await;
    assert!(matches!(refused, Err(CatalogueError::Refused { code: Reason::NotFound, .. })), "{refused:?}");
    let own = catalogue.reviews(&none).unwrap().own.unwrap();
    assert_eq!((own.state, own.reason, own.text.as_str()), (IntentState::Wedged, Some(Reason::NotFound), "一"));
    phone.server.stock_shelves(|goods| goods.products.push(product("none", "有", "some", vec![variant("N", None, None, None, 1)])));
    assert_eq!(catalogue.write_review(&none, 3, "二").await.unwrap(), Submission::Done);
    assert_eq!(catalogue.reviews(&none).unwrap().own, None);
    assert!(noren.outbox().waiting().unwrap().is_empty());
}

#[tokio::test]
async fn the_ranking_is_kept_with_its_products() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    assert_eq!(catalogue.ranking().unwrap(), Default::default());
    phone.server.stock_shelves(|goods| goods.ranking = vec![(1, 90, "shirt".into()), (2, 50, "shelf".into()), (2, 50, "tea".into())]);
    assert!(catalogue.refresh_ranking().await.unwrap());
    assert!(!catalogue.refresh_ranking().await.unwrap(), "nothing has changed");
    phone.offline(true);
    let ranked = |noren: &Noren| -> Vec<(u32, u64, String)> {
        noren.catalogue().ranking().unwrap().products.into_iter().map(|ranked| (ranked.rank, ranked.sold, ranked.product.id.0)).collect()
    };
    let expected = [(1, 90, "shirt".to_owned()), (2, 50, "shelf".into()), (2, 50, "tea".into())];
    drop(noren);
    let noren = phone.open();
    assert_eq!(ranked(&noren), expected);
    assert!(noren.catalogue().product_of(&"青/L".into()).is_ok(), "its products can be read");
    assert!(noren.catalogue().refresh_ranking().await.is_err());
    assert_eq!(ranked(&noren), expected);
}

#[tokio::test]
async fn forgetting_leaves_nothing_and_another_member_finds_no_favourites() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    catalogue.like(&"T-1".into(), true, vec!["planted-store".into()]).unwrap();
    noren.outbox().send_due().await.unwrap();
    phone.offline(true);
    catalogue.write_review(&"tea".into(), 1, "planted-review").await.unwrap();
    catalogue.like(&"赤/S".into(), true, vec!["planted-watch".into()]).unwrap();
    catalogue.scan(TEA_JAN.as_bytes(), Some(&"planted-scan".into())).unwrap();
    noren.pause().unwrap();
    let holds = |text: &str| bytes_below(&phone.files()).iter().any(|(_, bytes)| bytes.windows(text.len()).any(|w| w == text.as_bytes()));
    let planted = ["planted-store", "planted-review", "planted-watch", "planted-scan"];
    assert!(planted.iter().all(|text| !holds(text)), "what the member likes, writes and does is sealed");
    assert!(holds("おーいお茶"), "the catalogue is nobody's");
    noren.resume();
    phone.offline(false);
    noren.outbox().network_returned().await.unwrap();
    noren.forget_me().await.unwrap();
    assert_eq!(bytes_below(&phone.files()), vec![]);
}

#[tokio::test]
async fn another_member_on_the_phone_finds_the_catalogue_and_nothing_of_the_one_before() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    catalogue.like(&"T-1".into(), true, vec![]).unwrap();
    noren.outbox().send_due().await.unwrap();
    phone.offline(true);
    catalogue.write_review(&"tea".into(), 1, "一").await.unwrap();
    catalogue.like(&"赤/S".into(), true, vec![]).unwrap();
    catalogue.scan(TEA_JAN.as_bytes(), Some(&"s1".into())).unwrap();
    phone.offline(false);
    // The same phone joins another member: the renewed credential is somebody else's.
    let device = phone.server.world.lock().unwrap().devices.keys().next().unwrap().clone();
    phone.server.world.lock().unwrap().devices.get_mut(&device).unwrap().0 = "aaaabbbbccccdddd".into();
    phone.clock.pass(11 * 86_400_000);
    noren.member().renew_if_due().await.unwrap();
    assert!(catalogue.favourites().unwrap().favourites.is_empty());
    assert_eq!(catalogue.reviews(&"tea".into()).unwrap().own, None);
    assert!(noren.outbox().waiting().unwrap().is_empty());
    assert_eq!(catalogue.product(&"tea".into()).unwrap().title, "おーいお茶");
}

#[tokio::test]
async fn what_was_seen_is_bounded_and_favourites_stay() {
    let phone = Phone::new();
    let noren = shopping(&phone).await;
    let catalogue = noren.catalogue();
    catalogue.refresh_products(vec!["shirt".into()]).await.unwrap();
    catalogue.like(&"T-1".into(), true, vec![]).unwrap();
    let ids: Vec<String> = (0..5_000).map(|n| format!("q{n}")).collect();
    phone.server.stock_shelves(|goods| {
        goods.products.extend(ids.iter().map(|id| product(id, "品", "thing", vec![variant(&format!("{id}-1"), None, None, None, 1)])));
    });
    for chunk in ids.chunks(200) {
        phone.clock.pass(1_000);
        assert_eq!(catalogue.refresh_products(chunk.iter().map(|id| id.as_str().into()).collect()).await.unwrap(), 200);
    }
    assert_eq!(catalogue.product(&"shirt".into()), Err(CatalogueError::NoSuchProduct), "not looked at for the longest time");
    assert_eq!(catalogue.product(&"q0".into()), Err(CatalogueError::NoSuchProduct), "5,000 in all");
    assert!(catalogue.product(&"tea".into()).is_ok(), "liked, though the server has not heard of it yet");
    assert!(catalogue.product(&"q1".into()).is_ok() && catalogue.product(&"q4999".into()).is_ok());
}
