use super::shop::*;
use super::support::*;
use noren_core::places::PlacesError;
use noren_rules::geo::Position;
use noren_rules::places::OpeningSpan;
use noren_rules::wire::{Tenant, WeeklyHours};

fn road(shop: &mut Shop) {
    let mut tenant_place = place("asa-in", "安佐SA（上り）", &miyajima().towards(40.0, 20_000.0));
    tenant_place.reading = Some("あさ".into());
    tenant_place.hours = Some(WeeklyHours { spans: vec![], utc_offset_min: 540 });
    // START_MS is a Monday, 11:40 in Japan.
    let spans = vec![OpeningSpan { weekday: 0, opens_min: 600, closes_min: 1_200 }];
    tenant_place.tenants = vec![
        Tenant { store_id: "udon".into(), name: "うどん".into(), hours: Some(WeeklyHours { spans, utc_offset_min: 540 }) },
        Tenant { store_id: "shop".into(), name: "売店".into(), hours: None },
    ];
    shop.places.push(tenant_place);
    shop.places.push(place("far", "遠いPA", &miyajima().towards(90.0, 300_000.0)));
}

#[tokio::test]
async fn places_come_by_tile_and_are_read_offline_and_marked() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(road).await;
    phone.offline(true);
    drop(noren);
    let noren = phone.open();
    let places = noren.places();
    let near = places.nearest(&miyajima(), 5).unwrap();
    let ids: Vec<&str> = near.places.iter().map(|near| near.place.id.as_str()).collect();
    assert_eq!((ids, near.places[0].distance_m, near.area_known), (vec!["miyajima-out", "asa-in"], 0, true));
    assert!((19_700..=20_000).contains(&near.places[1].distance_m));
    let asa = &near.places[1].place;
    assert_eq!((asa.open_now, asa.tenants[0].open_now, asa.tenants[1].open_now), (false, true, true));
    assert_eq!(places.within(&miyajima(), 5_000).unwrap().places.len(), 1);
    assert_eq!(places.within(&miyajima(), 0).unwrap().places.len(), 1, "on its ground");
    for text in ["ｱｻ", "アサ", "安佐sa", "ＳＡ（上"] {
        assert_eq!(places.search(text, 5).unwrap().places[0].id.as_str(), "asa-in", "{text}");
    }
    assert!(places.search("", 5).unwrap().places.is_empty() && places.search("遠い", 5).unwrap().places.is_empty());
    assert_eq!(places.place(&"far".into()), Err(PlacesError::NoSuchPlace));
    assert!(matches!(places.refresh(&miyajima()).await, Err(PlacesError::Call { .. })));
    let freshness = places.freshness().unwrap();
    assert!(freshness.as_of_ms.is_some() && freshness.last_error.is_some(), "last known, and marked");
    assert!(!places.nearest(&miyajima().towards(90.0, 300_000.0), 1).unwrap().area_known);
}

#[tokio::test]
async fn only_what_is_newer_comes() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(road).await;
    let report = noren.places().refresh(&miyajima()).await.unwrap();
    assert_eq!((report.new_tiles, report.new_rules), (0, false));
    phone.server.set_up(|shop| {
        shop.version = 2;
        shop.places.retain(|place| place.id.as_str() != "miyajima-out");
    });
    assert!(noren.places().refresh(&miyajima()).await.unwrap().new_tiles > 0);
    assert_eq!(noren.places().place(&"miyajima-out".into()), Err(PlacesError::NoSuchPlace), "the index is made anew");
    assert!(noren.places().place(&"asa-in".into()).is_ok());
}

#[tokio::test]
async fn a_dropped_cache_is_pulled_again() {
    let phone = Phone::new();
    drop(phone.at_miyajima(road).await);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(phone.files().join(format!("cache.db{suffix}")));
    }
    let noren = phone.open();
    assert!(noren.places().nearest(&miyajima(), 5).unwrap().places.is_empty());
    assert!(noren.places().freshness().unwrap().as_of_ms.is_none());
    noren.places().refresh(&miyajima()).await.unwrap();
    assert_eq!(noren.places().nearest(&miyajima(), 5).unwrap().places.len(), 2);
}

#[tokio::test]
async fn tiles_that_are_not_used_are_dropped() {
    let phone = Phone::new();
    let noren = phone.at_miyajima(road).await;
    phone.clock.pass(61 * 86_400_000);
    noren.member().renew_if_due().await.unwrap();
    let elsewhere = Position::new(43.06, 141.35).unwrap();
    noren.places().refresh(&elsewhere).await.unwrap();
    assert_eq!(noren.places().place(&"asa-in".into()), Err(PlacesError::NoSuchPlace));
}

#[tokio::test]
async fn without_a_card_nothing_is_asked() {
    let phone = Phone::new();
    let noren = phone.open();
    assert_eq!(noren.places().refresh(&miyajima()).await, Err(PlacesError::NotEnrolled));
    assert!(noren.places().nearest(&miyajima(), 5).unwrap().places.is_empty());
    assert!(phone.server.world.lock().unwrap().sent.is_empty());
}
