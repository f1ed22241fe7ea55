use super::*;
use crate::conditions::Condition;
use crate::cose;
use proptest::prelude::*;

const NOW_S: i64 = 1_800_000_000;

fn key(byte: u8) -> SoftwareKey {
    SoftwareKey::from_bytes(&[byte; 32]).unwrap()
}

fn issuers() -> Vec<IssuerKey> {
    vec![IssuerKey { key: key(2).public_key(), not_before_s: 0, not_after_s: NOW_S + 1 }]
}

fn rule() -> PurchaseRule {
    PurchaseRule { sku_prefixes: vec!["49".into()], times: 3, within_days: 60 }
}

/// What was signed before offers could ask for purchases is read as it was, and written so still.
#[test]
fn an_offer_of_the_first_release_is_the_same() {
    let offer = Offer { bought: None, ..full() };
    let labels: Vec<i64> = cose::entries(cose::decode(&offer.payload()).unwrap()).unwrap().into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, (1..=23).collect::<Vec<_>>());
    let json = serde_json::to_string(&offer).unwrap();
    assert!(!json.contains("bought") && serde_json::from_str::<Offer>(&json).unwrap() == offer, "{json}");
    let asking = serde_json::to_string(&full()).unwrap();
    assert_eq!(serde_json::from_str::<Offer>(&asking).unwrap(), full());
}

fn full() -> Offer {
    Offer {
        title: [("ja", "雨の日 10%引き"), ("en", "10 % off in the rain"), ("zh-Hant", "雨天九折")].into(),
        reason: [("ja", "雨の日限定")].into(),
        from_s: Some(NOW_S - 10),
        until_s: Some(NOW_S + 10),
        time_of_day: Some(TimeOfDay { utc_offset_minutes: 540, weekdays: 0b001_1111, from_minute: 1320, until_minute: 120 }),
        stores: vec!["hiroshima".into()],
        places: vec!["miyajima-down".into(), "miyajima-up".into()],
        channels: vec![Channel::Store, Channel::MobileOrder],
        audience: Audience::Traveller { within_s: 7_200 },
        first_visit: true,
        condition: Some(ConditionKind::Rain),
        minimum_spend: Some(MinimumSpend { amount_minor: 1_000, basis: SpendBasis::Basket }),
        sku_prefixes: vec!["49".into()],
        classes: vec!["coffee".into()],
        greatest_discount_permille: 300,
        exclusion_group: Some(4),
        stacking: StackingRule::OtherLines,
        per_member: Some(3),
        budget: Some(Budget::Discount(100_000)),
        offline: true,
        bought: Some(rule()),
        ..Offer::new(OfferId(70_000), Discount::Percent { permille: 100 })
    }
}

#[test]
fn an_offer_survives_under_its_issuer_only() {
    for offer in [full(), Offer::new(OfferId(0), Discount::FixedPrice { price_minor: 1, pieces: 2 })] {
        let signed = offer.sign(&key(2));
        assert_eq!(Offer::open(&signed, &issuers(), NOW_S), Ok(offer));
        assert_eq!(Offer::open(&signed, &issuers(), NOW_S + 1), Err(RuleError::UnknownIssuer), "after the key's time");
        assert_eq!(Offer::open(&signed, &[], NOW_S), Err(RuleError::UnknownIssuer));
        for at in 0..signed.len() {
            let mut altered = signed.clone();
            altered[at] ^= 1;
            assert!(Offer::open(&altered, &issuers(), NOW_S).is_err(), "byte {at}");
        }
    }
    let condition = Condition { kind: ConditionKind::Rain, area: "x".into(), sequence: 1, from_s: 0, until_s: 1 };
    assert_eq!(Offer::open(&condition.sign(&key(2)), &issuers(), NOW_S), Err(RuleError::Forged), "a condition is no offer");
    assert_eq!(Condition::open(&full().sign(&key(2)), &issuers(), NOW_S), Err(RuleError::Forged), "an offer is no condition");
    assert_eq!(Condition::open(&condition.sign(&key(2)), &issuers(), NOW_S), Ok(condition));
}

#[test]
fn one_offer_has_one_form() {
    use coset::cbor::Value;
    let fields = cose::entries(cose::decode(&full().payload()).unwrap()).unwrap();
    let encode = |fields: &[(i64, Value)]| {
        cose::encode(&Value::Map(fields.iter().map(|(label, value)| (Value::from(*label), value.clone())).collect()))
    };
    assert_eq!(Offer::from_payload(&encode(&fields)), Some(full()));
    type Fields = Vec<(i64, Value)>;
    let altered = |alter: &dyn Fn(&mut Fields)| {
        let mut fields = fields.clone();
        alter(&mut fields);
        Offer::from_payload(&encode(&fields))
    };
    assert_eq!(altered(&|fields| fields.swap(1, 2)), None, "another order");
    assert_eq!(altered(&|fields| fields.push((99, Value::from(1)))), None, "a label from nowhere");
    assert_eq!(altered(&|fields| fields[0].1 = Value::from(2)), None, "a later version");
    for label in 1..=24 {
        let without = altered(&|fields| fields.retain(|(known, _)| *known != label));
        assert_ne!(without, Some(full()), "label {label}");
        let wrong = altered(&|fields| fields.iter_mut().filter(|(known, _)| *known == label).for_each(|(_, v)| *v = Value::Null));
        assert_eq!(wrong, None, "label {label}");
    }
    let empty_list = altered(&|fields| fields.iter_mut().filter(|(l, _)| *l == 8).for_each(|(_, v)| *v = Value::Array(vec![])));
    assert_eq!(empty_list, None, "an empty list is left out");
}

#[test]
fn figures_that_mean_nothing_are_refused() {
    let hours = TimeOfDay { utc_offset_minutes: 0, weekdays: 127, from_minute: 0, until_minute: 0 };
    let wrong = [
        Offer { discount: Discount::Percent { permille: 1001 }, ..full() },
        Offer { discount: Discount::Fixed { amount_minor: -1 }, ..full() },
        Offer { discount: Discount::FixedPrice { price_minor: -1, pieces: 1 }, ..full() },
        Offer { greatest_discount_permille: 1001, ..full() },
        Offer { minimum_spend: Some(MinimumSpend { amount_minor: -1, basis: SpendBasis::Basket }), ..full() },
        Offer { time_of_day: Some(TimeOfDay { from_minute: 1440, ..hours }), ..full() },
        Offer { time_of_day: Some(TimeOfDay { weekdays: 128, ..hours }), ..full() },
        Offer { budget: Some(Budget::Redemptions(u64::MAX)), ..full() },
        Offer { bought: Some(PurchaseRule { times: 0, ..rule() }), ..full() },
        Offer { bought: Some(PurchaseRule { within_days: 367, ..rule() }), ..full() },
        Offer { bought: Some(PurchaseRule { sku_prefixes: vec![String::new()], ..rule() }), ..full() },
    ];
    for offer in wrong {
        assert_eq!(Offer::open(&offer.sign(&key(2)), &issuers(), NOW_S), Err(RuleError::Malformed), "{offer:?}");
    }
}

#[test]
fn texts_fall_back() {
    let texts: Texts = [("ja", "雨"), ("en", "rain"), ("zh-Hant", "雨天")].into();
    for (asked, expected) in [("ja-JP", "雨"), ("zh-Hant-TW", "雨天"), ("zh", "rain"), ("ko", "rain"), ("", "rain")] {
        assert_eq!(texts.get(asked), expected, "{asked}");
    }
    assert_eq!(Texts::from([("ja", "雨")]).get("ko"), "雨");
    assert_eq!(Texts::from([("ko", "비")]).get("fr"), "비");
    assert_eq!(Texts::default().get("ja"), "");
}

#[test]
fn hours_go_by_the_clock_of_the_place_and_over_midnight() {
    // 2027-01-15 was a Friday; 08:00 UTC is 17:00 in Japan.
    let hours = |weekdays, from_minute, until_minute| TimeOfDay { utc_offset_minutes: 540, weekdays, from_minute, until_minute };
    let friday = 1 << 4;
    let five = hours(friday, 17 * 60, 18 * 60);
    assert!(five.holds_at(NOW_S) && five.holds_at(NOW_S + 3_599));
    assert!(!five.holds_at(NOW_S - 1) && !five.holds_at(NOW_S + 3_600) && !five.holds_at(NOW_S + 86_400));
    let night = hours(friday, 22 * 60, 2 * 60);
    for (after_h, holds) in [(4, false), (5, true), (8, true), (9, false), (29, false), (-19, false), (-16, false)] {
        assert_eq!(night.holds_at(NOW_S + after_h * 3_600), holds, "{after_h} h after 17:00 on Friday");
    }
}

proptest! {
    /// No bytes make the reader panic, and what it takes it writes again.
    #[test]
    fn only_its_own_bytes_are_read(at in 0usize..500, byte in any::<u8>()) {
        let mut payload = full().payload();
        let at = at % payload.len();
        payload[at] = byte;
        if let Some(offer) = Offer::from_payload(&payload) {
            prop_assert_eq!(offer.payload(), payload);
        }
    }
}
