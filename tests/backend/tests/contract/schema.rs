//! Every released schema opens, and what stood in it is there.
//!
//! A fixture is a data directory as that version left it, with its (worthless) keys. A new schema gets one by
//! `cargo test -p noren-backend --test contract -- --ignored write_the_fixture`, before its successor is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_backend::{DEMO_TILL_TOKEN, SANDBOX_FILE};
use noren_rules::offers::OfferId;
use noren_rules::order::OrderState;
use noren_rules::receipt::Channel;
use noren_rules::wire::*;

use crate::favourites::liked;
use crate::goods::*;
use crate::holds::{self, wish};
use crate::menus::*;
use crate::ordering::{Cafe, order_settings};
use crate::reactions::scan;
use crate::reviews::opinion;
use crate::stand::*;
use crate::support::*;

const RELEASED: [u32; 4] = [1, 2, 3, 4];

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/schema_{version}"))
}

#[tokio::test]
async fn every_released_schema_opens_with_everything_in_it() {
    for version in RELEASED {
        let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0 + DAY)));
        for file in ["backend.sqlite", "keys.json"] {
            std::fs::copy(fixture(version).join(file), directory.path().join(file)).unwrap();
        }
        let world = world_in(directory.path(), &clock).await;
        let token = world.token(&key(1)).await.ok::<AccessToken>().token;
        let export: MemberExport = world.get(paths::EXPORT, Some(&token)).await.ok();
        let points = if version >= 2 { 20 } else { 11 };
        assert_eq!((export.membership.points, export.membership.linked.len(), export.devices.len()), (points, 1, 1));
        let receipts: Vec<_> = export.receipts.iter().map(|receipt| (receipt.number.as_str(), receipt.voided, receipt.points)).collect();
        let old = [("on the card", false, 8), ("void", true, 0), ("sold", false, 4), ("returned", false, -1)];
        assert_eq!(receipts[..4], old);
        let again = world.post(paths::TILL_CARDS, Some(DEMO_TILL_TOKEN), "cards", &cards()).await;
        assert!(again.replayed(), "the sealed answers open");
        assert_eq!(world.try_enrol(3, Some(number("17851", "0000"))).await.status, 200, "the PINs still fit");
        assert_eq!(world.try_enrol(2, None).await.refused(403), Reason::Forbidden, "what was revoked is revoked");
        if version >= 2 {
            // What a member had of coupons, check-ins and stamps, and what the operator said.
            let counts = (export.check_ins.len(), export.grants.len(), export.stamp_cards.len());
            assert_eq!(counts, (1, 1, 1));
            let funnel = world.funnel(7).await;
            assert_eq!((funnel.check_ins, funnel.grants, funnel.redemptions, funnel.budget.unwrap().spent), (1, 1, 1, 1));
            let tiles = format!("{}?tiles={TILE}@0", paths::AREAS);
            let area: AreaBundle = world.get(&tiles, Some(&token)).await.ok();
            assert_eq!((area.tiles[0].places.len(), area.rules.unwrap().offers.len()), (1, 2));
        }
        if version >= 3 {
            // What the member wrote and liked, what happened in stores, and what came of it.
            assert_eq!((export.reviews.len(), export.favourites.len(), export.reactions.len()), (1, 1, 1));
            assert!(export.reviews[0].review.verified && !export.timeline.is_empty());
            let shirt: ProductPage = world.get(&format!("{}?skus=s9", paths::PRODUCTS), Some(&token)).await.ok();
            assert_eq!((shirt.products[0].ratings, shirt.products[0].stars), (1, 4));
            assert_eq!(world.credits().await.len(), 1);
            // What is in a store, and the hold of it, which is over.
            assert_eq!(export.holds.len(), 1);
            let stock: StockPage = world.get(&format!("{}?stores={}@0", paths::STOCK, holds::STORE), Some(&token)).await.ok();
            assert_eq!(stock.stores[0].levels.iter().map(|level| level.available).collect::<Vec<_>>(), [Some(5)]);
        }
        if version >= 4 {
            // An order that was placed, and that nobody has made: the clock has called it off.
            let orders: Orders = world.get(paths::ORDERS, Some(&token)).await.ok();
            assert_eq!(orders.orders.iter().map(|order| order.state).collect::<Vec<_>>(), [OrderState::Canceled]);
            assert_eq!(export.orders.len(), 1);
            assert!(world.get(&format!("{}?store={CAFE}", paths::MENUS), Some(&token)).await.ok::<StoreMenu>().menu.is_some());
        }
        // What was sold before there was a ranking is in it.
        world.products(vec![product("p", &["a"])]).await;
        let ranking: Ranking = world.get(paths::RANKING, Some(&token)).await.ok();
        assert_eq!(ranking.products[0].sold, 4);
        world.stop().await;
        let database = rusqlite::Connection::open(directory.path().join("backend.sqlite")).unwrap();
        let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        assert!(!database.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
        let current: u32 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(Some(&current), RELEASED.last(), "the newest schema has its fixture");
    }
}

fn cards() -> RegisterCards {
    RegisterCards { numbers: vec!["17850".into(), "17851".into()], demo_pin: true }
}

#[tokio::test]
#[ignore = "writes into the source tree"]
async fn write_the_fixture() {
    let directory = fixture(*RELEASED.last().unwrap());
    std::fs::create_dir_all(&directory).unwrap();
    let world = world_in(&directory, &Arc::new(AtomicI64::new(T0))).await;
    world.post(paths::TILL_CARDS, Some(DEMO_TILL_TOKEN), "cards", &cards()).await.ok::<RegisteredCards>();
    world.sell(&sale("on the card", card("17850"), vec![line("a", 2, 850)])).await;
    let phone = world.phone(1, None).await;
    world.sell(&sale("void", scanned(phone.qr(T0), T0), vec![line("a", 1, 300)])).await;
    world.till(paths::TILL_VOIDS, &VoidRequest { number: "void".to_owned() }).await.ok::<SaleAnswer>();
    world.link(&phone, number("17850", "0000")).await.ok::<Membership>();
    world.sell(&sale("sold", scanned(phone.code128(T0), T0), vec![line("a", 2, 400)])).await;
    world.sell(&returned("returned", Some("sold"), vec![line("a", -1, -50)])).await;
    world.sell(&sale("nobody's", Customer::Anonymous, vec![line("a", 1, 100)])).await;
    world.open_market(vec![offer(7), offer(9)]).await;
    let programme = StampProgramme {
        id: "west".into(),
        title: [("ja".to_owned(), "西".to_owned())].into(),
        places: vec![],
        goal: 3,
        reward: OfferId(9),
        utc_offset_min: 540,
    };
    let programmes = PutOffers { offers: vec![], stamp_programmes: vec![programme] };
    world.operator(paths::OPERATOR_OFFERS, &programmes).await.ok::<Kept>();
    let mut phone = phone;
    let serial = world.lease_with(&mut phone, &[]).await.wallet.grants[0].serial;
    let unlocking = noren_rules::check_in::CheckInRecord { unlocked: vec![serial], ..record("0b2f", T0) };
    world.check_in(&phone, &unlocking).await.ok::<CheckInAnswer>();
    let mut till = world.offline_till("highway").await;
    let (coupon, _) = till.sell(&show(&phone, T0 + 20_000), T0 + 20_000);
    world.post_sale(&till, &coupon).await;
    world.products(vec![product("shirt", &["s9"])]).await;
    let scans = ReactionsRequest { reactions: vec![scan("s9", "shibuya", T0)] };
    world.post(paths::REACTIONS, Some(&phone.token), "scans", &scans).await.ok::<ReactionsKept>();
    let code = scanned(phone.enrolment.one_dimensional.ean13.clone(), T0);
    world.sell(&SaleRequest { channel: Channel::Ec, ..sale("online", code, vec![line("s9", 1, 50)]) }).await;
    world.review(&phone, &opinion("shirt", 4, "良い")).await.ok::<Review>();
    world.location(holds::STORE, false, true).await;
    world.counted(&[holds::STORE], &["s9"], 5).await;
    world.hold(&phone, &wish("s9")).await;
    world.like(&phone, &liked("s9", &["shibuya"])).await.ok::<Favourites>();
    let lost = world.phone(2, None).await;
    world.till(paths::TILL_REVOCATIONS, &RevokeRequest { device_id: lost.device() }).await.ok::<Revocation>();
    world.put_menus(&both()).await.ok::<Kept>();
    let elsewhere = tempdir();
    let (_, sandbox) = order_settings(elsewhere.path(), &Arc::new(AtomicI64::new(T0)));
    let clock = Arc::new(AtomicI64::new(T0));
    let cafe = Cafe { world, sandbox, phone, terms: terms_of(CAFE), clock, directory: elsewhere };
    cafe.order(1, &[("coffee", 1)], "").await;
    cafe.world.stop().await;
    std::fs::remove_file(directory.join(SANDBOX_FILE)).unwrap();
}
