//! What an offer or a stamp programme may be, before the database is asked.

use noren_rules::keys::SoftwareKey;
use noren_rules::lists::IssuerKey;
use noren_rules::offers::{Audience, Discount, Offer, PurchaseRule, Texts, TimeOfDay};
use noren_rules::wire::{PutOffers, Reason, StampProgramme};

use crate::fault::Refusal;

const MAX_OFFERS: usize = 200;
const MAX_LIST: usize = 500;
const MAX_TEXT: usize = 300;
const MAX_ID: usize = 100;
const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000;
const MAX_GOAL: u32 = 1_000;
/// The most that a zone lies from UTC, in minutes.
const MAX_UTC_OFFSET_MIN: i32 = 14 * 60;

pub(super) fn forms(request: &PutOffers) -> Result<(), Refusal> {
    if request.offers.len() > MAX_OFFERS || request.stamp_programmes.len() > MAX_OFFERS {
        return Err(Refusal::invalid(format!("at most {MAX_OFFERS} offers and stamp cards a call")));
    }
    for offer in &request.offers {
        wrong_offer(offer).map_or(Ok(()), |what| Err(Refusal::new(Reason::InvalidRule, format!("offer {}: {what}", offer.id))))?;
    }
    for programme in &request.stamp_programmes {
        let what = wrong_programme(programme);
        what.map_or(Ok(()), |what| Err(Refusal::new(Reason::InvalidRule, format!("stamp card {}: {what}", programme.id))))?;
    }
    Ok(())
}

/// What is wrong with an offer, if anything is.
fn wrong_offer(offer: &Offer) -> Option<&'static str> {
    let lists = [offer.stores.len(), offer.places.len(), offer.sku_prefixes.len(), offer.classes.len()];
    let words = offer.sku_prefixes.iter().chain(&offer.classes).map(String::as_str);
    let ids = offer.stores.iter().map(|store| store.as_str()).chain(offer.places.iter().map(|place| place.as_str()));
    let faults = [
        (offer.id.0 == 0, "its number is 0: count from 1"),
        (!texts_fit(&offer.title) || offer.title.0.is_empty(), "title has a text of 1 to 300 characters in one language at least"),
        (!texts_fit(&offer.reason), "reason has texts of 1 to 300 characters"),
        (lists.iter().any(|length| *length > MAX_LIST), "a list has more than 500 entries"),
        (
            words.chain(ids).any(|word| word.is_empty() || word.chars().count() > MAX_ID),
            "a code, class, store or place has 1 to 100 characters",
        ),
        (offer.from_s.zip(offer.until_s).is_some_and(|(from_s, until_s)| from_s >= until_s), "it ends before it begins"),
        (
            offer.time_of_day.is_some_and(|hours| !hours_fit(&hours)),
            "time_of_day has minutes below 1440, some weekday, an offset within 14 hours",
        ),
        (!discount_fits(offer.discount), "discount is 1 to 1000 permille, or an amount or pieces above zero"),
        (!(1..=1000).contains(&offer.greatest_discount_permille), "greatest_discount_permille is 1 to 1000"),
        (offer.minimum_spend.is_some_and(|least| !(1..=MAX_AMOUNT_MINOR).contains(&least.amount_minor)), "minimum_spend is above zero"),
        (offer.per_member == Some(0), "per_member is 0: nobody could use it; stop it instead"),
        (!audience_fits(offer.audience), "a check-in holds for 1 second to a year"),
        (offer.budget.is_some_and(|budget| !(1..=MAX_AMOUNT_MINOR.unsigned_abs()).contains(&budget.total())), "budget is above zero"),
        (
            offer.offline && offer.stores.is_empty() && offer.places.is_empty(),
            "what tills take offline names its stores or places: their shares hang on them",
        ),
        (!offer.bought.as_ref().is_none_or(PurchaseRule::is_sound), "bought asks for 1 to 1000 purchases within 1 to 366 days"),
        (!is_written_as_it_is_read(offer), "it does not come out of its signed form as it went in: name each entry of a list once"),
    ];
    faults.into_iter().find_map(|(is_wrong, what)| is_wrong.then_some(what))
}

fn wrong_programme(programme: &StampProgramme) -> Option<&'static str> {
    let title = Texts(programme.title.clone());
    let id = programme.id.as_str();
    let faults = [
        (id.is_empty() || id.chars().count() > MAX_ID, "its id has 1 to 100 characters"),
        (!texts_fit(&title) || title.0.is_empty(), "title has a text of 1 to 300 characters in one language at least"),
        (programme.places.len() > MAX_LIST, "at most 500 places"),
        (!(1..=MAX_GOAL).contains(&programme.goal), "goal is 1 to 1000 stamps"),
        (programme.utc_offset_min.abs() > MAX_UTC_OFFSET_MIN, "utc_offset_min lies within 14 hours"),
    ];
    faults.into_iter().find_map(|(is_wrong, what)| is_wrong.then_some(what))
}

fn texts_fit(texts: &Texts) -> bool {
    let fits = |(language, text): (&String, &String)| {
        let is_tag = (2..=35).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_tag && (1..=MAX_TEXT).contains(&text.chars().count())
    };
    texts.0.iter().all(fits)
}

fn hours_fit(hours: &TimeOfDay) -> bool {
    let minutes = hours.from_minute < 1_440 && hours.until_minute < 1_440;
    minutes && (1..=0b111_1111).contains(&hours.weekdays) && i32::from(hours.utc_offset_minutes).abs() <= MAX_UTC_OFFSET_MIN
}

fn discount_fits(discount: Discount) -> bool {
    match discount {
        Discount::Percent { permille } => (1..=1000).contains(&permille),
        Discount::Fixed { amount_minor } => (1..=MAX_AMOUNT_MINOR).contains(&amount_minor),
        Discount::FreeItem { pieces } => pieces > 0,
        Discount::FixedPrice { price_minor, pieces } => (0..=MAX_AMOUNT_MINOR).contains(&price_minor) && pieces > 0,
    }
}

fn audience_fits(audience: Audience) -> bool {
    match audience {
        Audience::Anyone | Audience::Linked => true,
        Audience::Visitor { within_s } | Audience::Traveller { within_s } => (1..=366 * 86_400).contains(&within_s),
    }
}

/// The signed form has one way to say a thing; what it cannot say must not be kept.
fn is_written_as_it_is_read(offer: &Offer) -> bool {
    let Ok(key) = SoftwareKey::from_bytes(&[1; 32]) else { return false };
    let issuers = [IssuerKey { key: key.public_key(), not_before_s: 0, not_after_s: 1 }];
    Offer::open(&offer.sign(&key), &issuers, 0).as_ref() == Ok(offer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use noren_rules::offers::{Budget, OfferId};

    #[test]
    fn each_fault_is_named() {
        let good = Offer { title: [("ja", "半額")].into(), ..Offer::new(OfferId(7), Discount::Percent { permille: 500 }) };
        assert_eq!(wrong_offer(&good), None);
        let cases: [(&str, Offer); 10] = [
            ("number", Offer { id: OfferId(0), ..good.clone() }),
            ("title", Offer { title: Texts::default(), ..good.clone() }),
            ("ends before", Offer { from_s: Some(5), until_s: Some(5), ..good.clone() }),
            ("discount", Offer { discount: Discount::Percent { permille: 1001 }, ..good.clone() }),
            ("greatest", Offer { greatest_discount_permille: 1001, ..good.clone() }),
            ("per_member", Offer { per_member: Some(0), ..good.clone() }),
            ("budget", Offer { budget: Some(Budget::Redemptions(0)), ..good.clone() }),
            ("offline", Offer { offline: true, ..good.clone() }),
            ("bought", Offer { bought: Some(PurchaseRule { sku_prefixes: vec![], times: 0, within_days: 1 }), ..good.clone() }),
            ("check-in", Offer { audience: Audience::Visitor { within_s: 0 }, ..good.clone() }),
        ];
        for (says, offer) in cases {
            assert!(wrong_offer(&offer).is_some_and(|what| what.contains(says)), "{says}: {:?}", wrong_offer(&offer));
        }
    }
}
