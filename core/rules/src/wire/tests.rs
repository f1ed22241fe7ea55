use super::*;
use crate::receipt::Receipt;
use serde_json::{Value, json};

fn denies_unknown_fields<T: serde::de::DeserializeOwned + Serialize>(request: Value) {
    let read: T = serde_json::from_value(request.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), request, "a request survives");
    let mut newer = request;
    newer["later"] = json!(1);
    assert!(serde_json::from_value::<T>(newer).is_err());
}

/// An old app reads what a newer server says.
fn ignores_unknown_fields<T: serde::de::DeserializeOwned + Serialize>(response: Value) {
    let mut newer = response.clone();
    newer["later"] = json!({"deep": [1, 2]});
    let read: T = serde_json::from_value(newer).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), response);
}

fn membership() -> Value {
    json!({"member_id": "m", "points": -5, "assurance": "number", "linked": [{"number": {"number": "17850"}}, {"ec": {"account": "a"}}]})
}

fn receipt() -> Value {
    json!({
        "id": "r", "number": "536365", "till_id": "t", "channel": "mobile_order", "kind": "return", "of": "s", "sold_at_ms": 1, "business_date": "2010-12-01",
        "store_id": "s", "store_name": "S", "issuer": {"name": "N", "registration_number": "T1234567890123"}, "currency": "JPY",
        "lines": [{"sku": "1", "description": "牛乳", "quantity": -1, "amount_minor": -108, "tax_permille": 80, "reduced_rate": true}],
        "total_minor": -108, "taxes": [{"tax_permille": 80, "gross_minor": -108, "tax_minor": -8}], "points": -1, "reissued": false, "voided": false,
    })
}

#[test]
fn requests_deny_what_they_do_not_know() {
    denies_unknown_fields::<EnrolRequest>(
        json!({"public_key": "k", "nonce": "n", "proof": "p", "link": {"number": {"number": "1", "pin": "0000"}}, "replaces": null}),
    );
    denies_unknown_fields::<TokenRequest>(json!({"device_id": "d", "nonce": "n", "proof": "p"}));
    denies_unknown_fields::<LinkRequest>(json!({"link": {"ec": {"code": "c"}}}));
    denies_unknown_fields::<ClaimRequest>(json!({"claim_code": "c"}));
    denies_unknown_fields::<EraseRequest>(json!({"public_key": "k", "proof": "p"}));
    denies_unknown_fields::<ResolveRequest>(json!({"key": "k", "path": "/v1/links"}));
    denies_unknown_fields::<IdentifyRequest>(json!({"scanned": "s"}));
    denies_unknown_fields::<VoidRequest>(json!({"number": "1"}));
    denies_unknown_fields::<RegisterCards>(json!({"numbers": ["1"], "demo_pin": true}));
    denies_unknown_fields::<EcCodeRequest>(json!({"account": "a"}));
    denies_unknown_fields::<RevokeRequest>(json!({"device_id": "d"}));
    let mut sale = receipt();
    for field in ["id", "till_id", "points", "reissued", "voided"] {
        sale.as_object_mut().unwrap().remove(field);
    }
    for customer in [
        json!("anonymous"),
        json!({"scanned": {"text": "t", "at_ms": 1}}),
        json!({"number": {"number": "1"}}),
        json!({"ec_account": {"account": "a"}}),
    ] {
        sale["customer"] = customer;
        denies_unknown_fields::<SaleRequest>(sale.clone());
    }
    assert!(serde_json::from_value::<Link>(json!({"number": {"number": "1", "pin": "0", "later": 1}})).is_err(), "inside a link, too");
}

fn wallet() -> serde_json::Value {
    json!({
        "grants": [
            {"serial": 1, "offer": 2, "state": "granted", "until_s": 3, "count": 1, "on_this_device": true, "rolled_back": null}
        ],
        "staff": false, "first_visit": true, "used": [{"offer": 2, "times": 1}],
        "check_ins": [{"id": "u", "place": "p", "at_s": 1, "from_expressway": true}],
        "stamp_cards": [{"card": "c", "stamps": [{"place": "p", "day": "2026-11-22"}], "rewards": 0}], "as_of_ms": 5,
    })
}

#[test]
fn responses_ignore_what_they_do_not_know() {
    ignores_unknown_fields::<Problem>(json!({"status": 410, "reason": "cursor_unknown", "detail": "d"}));
    ignores_unknown_fields::<Nonce>(json!({"nonce": "n", "expires_at_ms": 1}));
    ignores_unknown_fields::<Membership>(membership());
    ignores_unknown_fields::<Enrolment>(json!({
        "member_id": "m", "device_id": "d", "credential": "c", "credential_expires_at_ms": 1, "renew_from_ms": 1,
        "one_dimensional": {"alias": "1", "totp_secret": "s", "ean13": "2", "nw7": "A1A"}, "membership": membership(),
    }));
    ignores_unknown_fields::<AccessToken>(json!({"token": "t", "expires_at_ms": 1}));
    ignores_unknown_fields::<ReceiptPage>(json!({"receipts": [receipt()], "next_cursor": "c", "has_more": false, "as_of_ms": 1}));
    ignores_unknown_fields::<Receipt>(receipt());
    ignores_unknown_fields::<PointsLedger>(
        json!({"balance": 1, "entries": [{"kind": "reverse", "points": -1, "at_ms": 1, "receipt_id": null}]}),
    );
    ignores_unknown_fields::<SaleAnswer>(json!({
        "receipt_id": "r", "till_id": "t", "member_found": false, "refused": "expired", "code_seen_before": false, "points": 0, "claim_code": "c",
        "redemptions": [{"serial": 7, "counted": false, "cause": "double", "check_in_id": null}],
    }));
    ignores_unknown_fields::<AreaBundle>(json!({
        "tiles": [{"tile": "34.108", "version": 3, "places": []}], "as_of_ms": 1,
        "rules": {"version": "v", "issuers": [{"key": "k", "not_before_s": 0, "not_after_s": 9}], "offers": ["o"], "conditions": [], "killed": [3],
            "routes": [], "stamp_programmes": []},
    }));
    ignores_unknown_fields::<Wallet>(wallet());
    ignores_unknown_fields::<Lease>(json!({
        "credential": "c", "credential_expires_at_ms": 1, "renew_from_ms": 1, "until_ms": 2, "wallet": wallet(),
    }));
    ignores_unknown_fields::<CheckInAnswer>(json!({
        "check_in_id": "u", "outcome": "refused", "reason": "passed_by", "gap": false, "stamp_cards": [], "grants": [],
    }));
    ignores_unknown_fields::<CheckInAnswer>(
        json!({"check_in_id": "u", "outcome": "accepted", "gap": true, "stamp_cards": [], "grants": [4]}),
    );
    ignores_unknown_fields::<TillKeys>(json!({"root_key": "k", "document": "d"}));
    ignores_unknown_fields::<Erasure>(json!({"erased": true}));
}

#[test]
fn a_reason_of_a_newer_server_is_still_a_refusal() {
    let problem: Problem = serde_json::from_value(json!({"status": 409, "reason": "something_new", "detail": "d"})).unwrap();
    assert_eq!(problem.reason, Reason::Other);
}
