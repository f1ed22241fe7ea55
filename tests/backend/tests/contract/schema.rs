//! Every released schema opens, and what stood in it is there.
//!
//! A fixture is a data directory as that version left it, with its (worthless) keys. A new schema gets one by
//! `cargo test -p noren-backend --test contract -- --ignored write_the_fixture`, before its successor is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_backend::DEMO_TILL_TOKEN;
use noren_rules::wire::*;

use crate::support::*;

const RELEASED: [u32; 1] = [1];

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
        assert_eq!((export.membership.points, export.membership.linked.len(), export.devices.len()), (11, 1, 1));
        let receipts: Vec<_> = export.receipts.iter().map(|receipt| (receipt.number.as_str(), receipt.voided, receipt.points)).collect();
        assert_eq!(receipts, [("on the card", false, 8), ("void", true, 0), ("sold", false, 4), ("returned", false, -1)]);
        let again = world.post(paths::TILL_CARDS, Some(DEMO_TILL_TOKEN), "cards", &cards()).await;
        assert!(again.replayed(), "the sealed answers open");
        assert_eq!(world.try_enrol(3, Some(number("17851", "0000"))).await.status, 200, "the PINs still fit");
        assert_eq!(world.try_enrol(2, None).await.refused(403), Reason::Forbidden, "what was revoked is revoked");
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
    let lost = world.phone(2, None).await;
    world.till(paths::TILL_REVOCATIONS, &RevokeRequest { device_id: lost.device() }).await.ok::<Revocation>();
    world.stop().await;
}
