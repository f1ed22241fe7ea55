//! Areas: only what is newer, and nothing of anyone's position.

use noren_rules::b64;
use noren_rules::keys::PublicKey;
use noren_rules::lists::IssuerKey;
use noren_rules::offers::Offer;
use noren_rules::wire::*;

use crate::stand::*;
use crate::support::*;

#[tokio::test]
async fn a_phone_gets_what_is_newer_than_what_it_has() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let area = async |tiles: &str, rules: &str| -> AreaBundle {
        world.get(&format!("{}?tiles={tiles}&rules={rules}", paths::AREAS), Some(&phone.token)).await.ok()
    };
    let empty = area("34.106@0", "").await;
    assert_eq!((empty.tiles[0].version, empty.tiles[0].places.len()), (1, 0), "its emptiness is known from now on");
    world.open_market(vec![offer(7), Offer { places: vec![], stores: vec!["far".into()], ..offer(8) }]).await;
    let first = area("34.106@1,0.0@0", "").await;
    let versions: Vec<_> = first.tiles.iter().map(|tile| (tile.tile.as_str(), tile.version, tile.places.len())).collect();
    assert_eq!(versions, [("34.106", 2, 1), ("0.0", 1, 0)]);
    let rules = first.rules.unwrap();
    let key = |info: &IssuerKeyInfo| IssuerKey {
        key: PublicKey::from_base64url(&info.key).unwrap(),
        not_before_s: info.not_before_s,
        not_after_s: info.not_after_s,
    };
    let issuers: Vec<IssuerKey> = rules.issuers.iter().map(key).collect();
    let open = |signed: &String| Offer::open(&b64::decode(signed).unwrap(), &issuers, T0 / 1000).unwrap().id.0;
    assert_eq!(rules.offers.iter().map(open).collect::<Vec<_>>(), [7, 8]);
    let known = area("34.106@2,0.0@1", &rules.version).await;
    assert!(known.tiles.is_empty() && known.rules.is_none());
    let elsewhere = area("0.0@1", "").await.rules.unwrap();
    assert_eq!(elsewhere.offers.iter().map(open).collect::<Vec<_>>(), [8], "what has no place holds everywhere");
    let gone = PutPlaces { places: vec![], routes: vec![], remove: vec![PLACE.into()] };
    world.operator(paths::OPERATOR_PLACES, &gone).await.ok::<Kept>();
    let after = area("34.106@2", "").await;
    assert_eq!((after.tiles[0].version, after.tiles[0].places.len()), (3, 0));
    let many = vec!["34.106@0"; 65].join(",");
    for wrong in ["34.106", "x@0", "34.106@-1", many.as_str(), ""] {
        let got = world.get(&format!("{}?tiles={wrong}", paths::AREAS), Some(&phone.token)).await;
        assert_eq!(got.refused(400), Reason::InvalidRequest, "{wrong}");
    }
    world.stop().await;
}

#[tokio::test]
async fn offers_verify_after_an_issuer_has_followed() {
    let world = world().await;
    world.open_market(vec![offer(7)]).await;
    world.backend.as_ref().unwrap().rotate_issuer().await.unwrap();
    world.pass(32 * DAY);
    let phone = world.phone(1, None).await;
    let bundle: AreaBundle = world.get(&format!("{}?tiles={TILE}@0", paths::AREAS), Some(&phone.token)).await.ok();
    let rules = bundle.rules.unwrap();
    assert_eq!(rules.issuers.len(), 1, "the first is over");
    let (info, now_s) = (&rules.issuers[0], world.now() / 1000);
    let key = PublicKey::from_base64url(&info.key).unwrap();
    let issuers = [IssuerKey { key, not_before_s: info.not_before_s, not_after_s: info.not_after_s }];
    assert!(Offer::open(&b64::decode(&rules.offers[0]).unwrap(), &issuers, now_s).is_ok());
    world.stop().await;
}
