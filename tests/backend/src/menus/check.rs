//! What an operator may put: each thing by itself before the write, and inside it whether the things of a store go together.

use std::collections::BTreeSet;

use noren_rules::ids::{StationId, StoreId};
use noren_rules::menu::{MAX_MENU_TEXT, MakeStep, Menu};
use noren_rules::offers::Texts;
use noren_rules::wire::{OrderTerms, PutMenus, Reason, StoreMenu};

use crate::fault::Refusal;

/// Menus, kitchens and terms of one call.
const MAX_STORES: usize = 500;
const MAX_ID: usize = 100;
const MAX_NAME: usize = 200;
const MAX_FEE_MINOR: i64 = 1_000_000;
const MAX_POINT_MINOR: i64 = 1_000_000;
const DAY_MIN: u32 = 1_440;
const WEEK_MIN: u32 = 7 * DAY_MIN;

pub(super) fn invalid(detail: String) -> Refusal {
    Refusal::new(Reason::InvalidMenu, detail)
}

/// Each thing by itself.
pub(super) fn one_by_one(request: &PutMenus) -> Result<(), Refusal> {
    if [request.menus.len(), request.kitchens.len(), request.terms.len()].iter().any(|count| *count > MAX_STORES) {
        return Err(Refusal::invalid(format!("at most {MAX_STORES} menus, kitchens and terms a call: send the rest in another")));
    }
    once("menus", request.menus.iter().map(|menu| &menu.store))?;
    once("kitchens", request.kitchens.iter().map(|kitchen| &kitchen.store))?;
    once("terms", request.terms.iter().map(|terms| &terms.store))?;
    for menu in &request.menus {
        menu.check().map_err(|error| invalid(format!("menu of {}: {error}", menu.store)))?;
    }
    for kitchen in &request.kitchens {
        kitchen.check().map_err(|error| invalid(format!("kitchen of {}: {error}", kitchen.store)))?;
    }
    for terms in &request.terms {
        check_terms(terms).map_err(|what| invalid(format!("terms of {}: {what}", terms.store)))?;
    }
    if let Some(tax) = &request.tax {
        tax.check().map_err(|error| invalid(error.to_string()))?;
    }
    if let Some(allergens) = &request.allergens {
        allergens.check().map_err(|error| invalid(error.to_string()))?;
    }
    Ok(())
}

fn once<'a>(what: &str, stores: impl Iterator<Item = &'a StoreId>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for store in stores {
        if !is_text(store.as_str(), MAX_ID) {
            return Err(invalid(format!("{what}: a store has 1 to {MAX_ID} characters, none of them a control character")));
        }
        if !seen.insert(store) {
            return Err(invalid(format!("{what}: {store} comes twice in this call")));
        }
    }
    Ok(())
}

fn is_text(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

fn check_terms(terms: &OrderTerms) -> Result<(), String> {
    let short = |texts: &Texts, most: usize| texts.0.values().all(|text| text.chars().count() <= most);
    let named = ["ja", "en"].iter().any(|tag| terms.store_name.0.get(*tag).is_some_and(|name| is_text(name, MAX_NAME)));
    let is_number = |number: &str| number.strip_prefix('T').is_some_and(|digits| digits.len() == 13 && is_digits(digits));
    let checks = [
        (named && short(&terms.store_name, MAX_NAME), format!("the name stands in Japanese or English, in at most {MAX_NAME} characters")),
        (is_text(&terms.issuer.name, MAX_NAME), format!("the issuer's name has 1 to {MAX_NAME} characters")),
        (terms.issuer.registration_number.as_deref().is_none_or(is_number), "a registration number is T and 13 digits".to_owned()),
        (
            terms.currency.len() == 3 && terms.currency.bytes().all(|byte| byte.is_ascii_uppercase()),
            "the currency is an ISO 4217 code: three capital letters".to_owned(),
        ),
        (is_choice(&terms.handoffs), "name each way of handing over once, and at least one".to_owned()),
        (is_choice(&terms.methods), "name each way of paying once, and at least one".to_owned()),
        ((30..=86_400).contains(&terms.accept_within_s), "accept_within_s is 30 to 86400".to_owned()),
        (terms.cancel_before_min.is_none_or(|min| min <= WEEK_MIN), format!("cancel_before_min is at most {WEEK_MIN}")),
        ((1..=WEEK_MIN).contains(&terms.keep_min), format!("keep_min is 1 to {WEEK_MIN}")),
        ((1..=60).contains(&terms.keep_goods_days), "keep_goods_days is 1 to 60".to_owned()),
        (terms.complete_after_min <= WEEK_MIN, format!("complete_after_min is at most {WEEK_MIN}")),
        ((0..=MAX_FEE_MINOR).contains(&terms.delivery_fee_minor), format!("delivery_fee_minor is 0 to {MAX_FEE_MINOR}")),
        (
            terms.points.is_none_or(|points| (1..=MAX_POINT_MINOR).contains(&points.value_minor)),
            format!("a point is worth 1 to {MAX_POINT_MINOR} minor units"),
        ),
        (terms.attach_within_min <= DAY_MIN, format!("attach_within_min is at most {DAY_MIN}")),
        (short(&terms.cancel_text, MAX_MENU_TEXT), format!("cancel_text has at most {MAX_MENU_TEXT} characters")),
        (terms.utc_offset_min.unsigned_abs() <= 1_080, "a zone is at most 18 hours from UTC".to_owned()),
    ];
    checks.into_iter().find(|(fits, _)| !fits).map_or(Ok(()), |(_, what)| Err(what))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_choice<T: PartialEq>(all: &[T]) -> bool {
    !all.is_empty() && all.iter().enumerate().all(|(at, one)| !all.iter().take(at).any(|before| before == one))
}

/// The things of a store together.
pub(super) fn together(told: &StoreMenu) -> Result<(), Refusal> {
    let store = &told.terms.store;
    if let Some(menu) = &told.menu
        && menu.currency != told.terms.currency
    {
        return Err(invalid(format!("{store}: its menu is in {}, its terms in {}", menu.currency, told.terms.currency)));
    }
    if let Some(kitchen) = &told.kitchen
        && kitchen.hours.utc_offset_min != told.terms.utc_offset_min
    {
        return Err(invalid(format!("{store}: kitchen and terms are in different zones")));
    }
    let stations: BTreeSet<&StationId> = told.kitchen.iter().flat_map(|plan| &plan.stations).map(|station| &station.id).collect();
    match told.menu.iter().flat_map(steps).find(|(_, step)| !stations.contains(&step.station)) {
        Some((of, step)) => Err(invalid(format!("{store}: {of:?} is made at {:?}, which its kitchen has not", step.station.as_str()))),
        None => Ok(()),
    }
}

/// Every step of work on a menu, with the name of what it makes.
fn steps(menu: &Menu) -> impl Iterator<Item = (&str, &MakeStep)> {
    let items = menu.items.iter().flat_map(|item| item.make.iter().map(|step| (item.id.as_str(), step)));
    let modifiers = menu.groups.iter().flat_map(|group| &group.modifiers);
    items.chain(modifiers.flat_map(|modifier| modifier.make.iter().map(|step| (modifier.id.as_str(), step))))
}
