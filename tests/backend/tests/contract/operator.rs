//! What an operator may say: only as the operator, and only what can be.

use noren_backend::{DEMO_OPERATOR_TOKEN, DEMO_TILL_TOKEN, Settings, StartError};
use noren_rules::geo::Position;
use noren_rules::offers::{Discount, Offer, OfferId};
use noren_rules::wire::*;

use crate::stand::*;
use crate::support::*;

#[tokio::test]
async fn only_the_operator_may_and_the_demo_token_is_for_loopback() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let kills = PutKills { stop: vec![], resume: vec![] };
    for token in [DEMO_TILL_TOKEN, phone.token.as_str()] {
        assert_eq!(world.post(paths::OPERATOR_KILLS, Some(token), "k", &kills).await.refused(403), Reason::Forbidden);
    }
    assert_eq!(world.post(paths::OPERATOR_KILLS, Some("another-token"), "k", &kills).await.refused(401), Reason::Unauthorized);
    assert_eq!(world.get(paths::WALLET, Some(DEMO_OPERATOR_TOKEN)).await.refused(403), Reason::Forbidden);
    world.stop().await;
    let exposed = Settings {
        host: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        till: None,
        operator_token: Some(DEMO_OPERATOR_TOKEN.to_owned()),
        ..Settings::default()
    };
    assert!(matches!(noren_backend::start(exposed).await, Err(StartError::DemoExposed(_))));
    let short = Settings { operator_token: Some("short".to_owned()), ..Settings::default() };
    assert!(matches!(noren_backend::start(short).await, Err(StartError::Setting(_))));
}

#[tokio::test]
async fn a_rule_that_cannot_be_is_refused_by_name() {
    let world = world().await;
    world.open_market(vec![offer(7)]).await;
    let corners = [(34.0, 132.0), (34.01, 132.01), (34.0, 132.01), (34.01, 132.0), (34.0, 132.0)];
    let bow_tie: Vec<Position> = corners.iter().map(|(lat, lon)| Position::new(*lat, *lon).unwrap()).collect();
    let route = |gates: &[&str], within_s| RouteInfo {
        id: "route".into(),
        name: "山陽道".to_owned(),
        gates: gates.iter().map(|gate| (*gate).into()).collect(),
        within_s,
    };
    let places = |places, routes, remove| PutPlaces { places, routes, remove };
    let second = place("second", "second-shop");
    let cases = [
        ("crosses itself", places(vec![PlaceInfo { ground: Ground::outline(&[bow_tie]), ..place("x", "s") }], vec![], vec![])),
        ("name", places(vec![PlaceInfo { name: " ".to_owned(), ..place("x", "s") }], vec![], vec![])),
        ("twice", places(vec![place("x", "s"), place("x", "s")], vec![], vec![])),
        ("at another place", places(vec![place("x", STORE)], vec![], vec![])),
        ("gate", places(vec![], vec![route(&[PLACE, "unknown"], 60)], vec![])),
        ("two gates", places(vec![], vec![route(&[PLACE], 60)], vec![])),
        ("time", places(vec![second.clone()], vec![route(&[PLACE, "second"], 0)], vec![])),
        (
            "a place has this id",
            places(vec![second.clone()], vec![RouteInfo { id: PLACE.into(), ..route(&[PLACE, "second"], 60) }], vec![]),
        ),
    ];
    for (says, body) in cases {
        let got = world.operator(paths::OPERATOR_PLACES, &body).await;
        assert_eq!(got.refused(422), Reason::InvalidRule, "{says}");
        assert!(got.json()["detail"].as_str().unwrap().contains(says), "{says}: {}", got.body);
    }
    let kept: Kept = world.operator(paths::OPERATOR_PLACES, &places(vec![second], vec![route(&[PLACE, "second"], 60)], vec![])).await.ok();
    assert_eq!(kept.changed, 2);
    let torn = world.operator(paths::OPERATOR_PLACES, &places(vec![], vec![], vec!["second".into()])).await;
    assert_eq!(torn.refused(422), Reason::InvalidRule, "a route would lose its gate");
    let offers = [
        ("permille", Offer { discount: Discount::Percent { permille: 1_001 }, ..offer(8) }),
        ("no place or route nowhere", Offer { places: vec!["nowhere".into()], ..offer(8) }),
        ("offline", Offer { places: vec![], ..offer(8) }),
    ];
    for (says, offer) in offers {
        let got = world.put_offers(vec![offer]).await;
        assert_eq!(got.refused(422), Reason::InvalidRule);
        assert!(got.json()["detail"].as_str().unwrap().contains(says), "{says}: {}", got.body);
    }
    let unknown = world.operator(paths::OPERATOR_KILLS, &PutKills { stop: vec![OfferId(99)], resume: vec![] }).await;
    assert_eq!(unknown.refused(422), Reason::InvalidRule);
    let funnel = world.get(&format!("{}?offer=99", paths::OPERATOR_FUNNEL), Some(DEMO_OPERATOR_TOKEN)).await;
    assert_eq!(funnel.refused(404), Reason::NotFound);
    // The same again changes nothing; a write is replayed under its key.
    assert_eq!(world.put_offers(vec![offer(7)]).await.ok::<Kept>().changed, 0);
    let resume = PutKills { stop: vec![OfferId(7)], resume: vec![] };
    let first = world.post(paths::OPERATOR_KILLS, Some(DEMO_OPERATOR_TOKEN), "once", &resume).await;
    let again = world.post(paths::OPERATOR_KILLS, Some(DEMO_OPERATOR_TOKEN), "once", &resume).await;
    assert!(first.body == again.body && again.replayed());
    world.stop().await;
}
