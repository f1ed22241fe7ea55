//! The document says what the server does, and no more.

use std::collections::BTreeSet;

use noren_rules::wire::*;
use serde_json::Value;

use crate::support::*;

/// Every path of the contract.
const PATHS: &[&str] = &[
    paths::NONCE,
    paths::ENROLMENTS,
    paths::TOKENS,
    paths::CREDENTIALS,
    paths::LINKS,
    paths::MEMBERSHIP,
    paths::RECEIPTS,
    paths::CLAIMS,
    paths::POINTS,
    paths::EXPORT,
    paths::ERASURES,
    paths::RESOLUTIONS,
    paths::TILL_KEYS,
    paths::TILL_IDENTIFICATIONS,
    paths::TILL_SALES,
    paths::TILL_VOIDS,
    paths::TILL_CARDS,
    paths::TILL_EC_CODES,
    paths::TILL_REVOCATIONS,
    paths::AREAS,
    paths::LEASES,
    paths::WALLET,
    paths::CHECK_INS,
    paths::TILL_QUOTES,
    paths::OPERATOR_PLACES,
    paths::OPERATOR_OFFERS,
    paths::OPERATOR_CONDITIONS,
    paths::OPERATOR_KILLS,
    paths::OPERATOR_PLACE_CODES,
    paths::OPERATOR_FUNNEL,
    paths::PRODUCTS,
    paths::OPERATOR_PRODUCTS,
    paths::REVIEWS,
    paths::RANKING,
    paths::FAVOURITES,
    paths::HOLDS,
    paths::HOLD_PROGRESS,
    paths::HOLD_RELEASES,
    paths::STORE_TASKS,
    paths::STORE_PAGE,
    paths::STOCK,
    paths::STOCK_EVENTS,
    paths::OPERATOR_STOCK,
    paths::OPERATOR_STOCK_FLAGS,
    paths::REACTIONS,
    paths::STORE_REACTIONS,
    paths::OPERATOR_REACTIONS,
    paths::OPERATOR_CREDITS,
    paths::SEATS,
    paths::KITCHEN_SEATS,
    paths::SELF_BASKETS,
    paths::TILL_SELF_BASKETS,
    paths::ORDER_ADD_ONS,
    paths::OPERATOR_ORDER_REPORT,
    paths::KITCHEN_PAGE,
    paths::MENUS,
    paths::MENU_STATUS,
    paths::SLOT_HOLDS,
    paths::SLOT_RELEASES,
    paths::KITCHEN_MODES,
    paths::KITCHEN_SOLD_OUT,
    paths::KITCHEN_WALK_INS,
    paths::OPERATOR_MENUS,
    paths::ORDERS,
    paths::ORDER_STEPS,
    paths::ORDER_EVENTS,
    paths::ORDER_PASSES,
    paths::KITCHEN,
    paths::KITCHEN_STEPS,
    paths::KITCHEN_HAND_OVERS,
    paths::OPENAPI,
    paths::HEALTH,
];

#[tokio::test]
async fn the_document_is_the_router() {
    let world = world().await;
    let document: Value = world.get(paths::OPENAPI, None).await.ok();
    assert_eq!(document, serde_json::to_value(noren_backend::openapi()).unwrap());
    let documented: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(documented, PATHS.iter().copied().collect::<BTreeSet<_>>());
    for &path in PATHS {
        for method in ["get", "post", "put", "delete", "patch"] {
            let request = world.http.request(method.to_uppercase().parse().unwrap(), format!("{}{path}", world.url));
            let status = request.send().await.unwrap().status().as_u16();
            let known = document["paths"][path].get(method).is_some();
            assert_eq!(status != 405, known, "{method} {path} answers {status}");
            assert_ne!(status, 404, "{method} {path}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn what_the_document_asks_for_is_asked_for() {
    let world = world().await;
    let document = serde_json::to_value(noren_backend::openapi()).unwrap();
    for &path in PATHS {
        for (method, operation) in document["paths"][path].as_object().unwrap() {
            let secured = operation.get("security").is_some();
            let keyed = operation["parameters"].as_array().is_some_and(|list| list.iter().any(|one| one["name"] == IDEMPOTENCY_KEY));
            let got = if method == "get" { world.get(path, None).await } else { world.send(path, &[], "{}").await };
            match (secured, keyed) {
                (true, _) => assert_eq!(got.refused(401), Reason::Unauthorized, "{path}"),
                (false, true) => assert_eq!(got.refused(400), Reason::KeyMissing, "{path}"),
                (false, false) => assert!(matches!(got.status, 200 | 400), "{path}: {}", got.status),
            }
            // Every refusal that happens is one that the document names.
            assert!(operation["responses"].get(got.status.to_string()).is_some(), "{path}: {}", got.status);
            assert!(operation["responses"]["200"]["headers"].get(SERVER_TIME).is_some(), "{path}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn what_became_of_a_write_can_be_asked_of_every_one() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    let document = serde_json::to_value(noren_backend::openapi()).unwrap();
    let keyed = |path: &&&str| {
        let parameters = document["paths"][**path]["post"]["parameters"].as_array();
        parameters.is_some_and(|list| list.iter().any(|one| one["name"] == IDEMPOTENCY_KEY)) && **path != paths::RESOLUTIONS
    };
    for path in PATHS.iter().filter(keyed) {
        let request = ResolveRequest { key: "never-sent".into(), path: (*path).to_owned() };
        let got = world.post(paths::RESOLUTIONS, Some(&phone.token), &world.fresh_key(), &request).await;
        assert_eq!(got.ok::<Resolution>(), Resolution::Tombstone, "{path}");
    }
    world.stop().await;
}

#[test]
fn every_reference_has_its_schema_and_requests_close_their_fields() {
    let document = serde_json::to_value(noren_backend::openapi()).unwrap();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in &references {
        assert!(schemas.contains_key(reference.strip_prefix("#/components/schemas/").unwrap()), "{reference}");
    }
    for name in ["EnrolRequest", "SaleRequest", "EraseRequest", "RegisterCards", "LinkRequest", "VoidRequest"] {
        assert_eq!(schemas[name]["additionalProperties"], Value::Bool(false), "{name}");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (true, Some(text)) = (name == "$ref", field.as_str()) {
                    references.insert(text.to_owned());
                }
                collect(field, references);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
