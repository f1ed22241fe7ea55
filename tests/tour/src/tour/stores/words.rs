//! What the app of the story says, in Japanese and in English.

use noren_core::catalogue::ProductView;
use noren_core::stock::{NextStep, StoreAnswer};
use noren_rules::ids::{Sku, StoreId};
use noren_rules::receipt::Channel;
use noren_tour::sales_log::money;
use noren_tour::stores::store;

/// The scanned variant of a product.
pub(super) fn described(product: &ProductView) -> String {
    let variant = product.variants.iter().find(|variant| Some(&variant.sku) == product.sku.as_ref());
    let price = variant.and_then(|variant| variant.prices.iter().find(|price| price.channel == Channel::Store)?.price.as_ref());
    let price = price.map_or(String::new(), |price| money(price.amount_minor, &price.currency));
    let size = variant.and_then(|variant| variant.size.as_deref()).unwrap_or_default();
    format!("{} {} {size} {price}", product.brand.as_deref().unwrap_or_default(), product.title)
}

/// The size of a variant, or its colour.
pub(super) fn size(product: &ProductView, sku: &Sku) -> String {
    let variant = product.variants.iter().find(|variant| variant.sku == *sku);
    variant.and_then(|variant| variant.size.clone().or(variant.colour.clone())).unwrap_or_else(|| sku.to_string())
}

/// The name of a store without the chain's.
pub(super) fn short(id: &StoreId) -> String {
    store(id).map_or_else(|_| "オンライン".to_owned(), |store| store.name.replace("のれん市場 ", ""))
}

/// An answer about a store.
pub(super) fn answered(answer: &StoreAnswer) -> String {
    let far = answer.distance_m.map_or(String::new(), |metres| format!(" {metres} m"));
    let pieces = answer.answer.quantity.map_or(String::new(), |pieces| format!(" ({pieces})"));
    let chance = answer.answer.chance_permille.map_or(String::new(), |permille| format!(" · {} % on arrival", permille / 10));
    let coming = match answer.answer.in_transit {
        0 => String::new(),
        pieces => format!(" · {pieces} on the way"),
    };
    format!("{}{far}: {}{pieces} · {}{chance}{coming}", short(&answer.store), answer.text_ja, answer.text_en)
}

/// What can be done next.
pub(super) fn step(product: &ProductView, step: &NextStep) -> String {
    match step {
        NextStep::HoldHere { sku, .. } => format!("{} held here", size(product, sku)),
        NextStep::OtherVariantHere { sku, .. } => format!("{} from here", size(product, sku)),
        NextStep::OtherStore { store, sku, holds, .. } => {
            format!("{} {} {}", size(product, sku), if *holds { "held at" } else { "at" }, short(store))
        }
        NextStep::Online { sku, .. } => format!("{} online", size(product, sku)),
    }
}
