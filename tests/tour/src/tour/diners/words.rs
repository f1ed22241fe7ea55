//! What the app of the story says of menus and orders.

use noren_core::ordering::{MenuView, PlacedOrder};
use noren_rules::dates::local_time;
use noren_rules::offers::Texts;
use noren_rules::receipt::TaxLine;
use noren_tour::sales_log::money;

/// A title, in Japanese and English.
pub(super) fn both(title: &Texts) -> String {
    let of = |language: &str| title.get(language).to_owned();
    format!("{} · {}", of("ja"), of("en"))
}

/// A title in Japanese.
pub(super) fn ja(title: &Texts) -> String {
    title.get("ja").to_owned()
}

/// 8:05.
pub(super) fn clock(at_ms: i64) -> String {
    local_time(at_ms, 540).split(' ').next_back().unwrap_or_default().to_owned()
}

/// The sections of a menu with what they hold.
pub(super) fn sections(menu: &MenuView) -> Vec<(String, String)> {
    let item = |item: &noren_core::ordering::MenuItemView| {
        let price = item.price_minor.map_or(String::new(), |price| format!(" {}", money(price, &menu.currency)));
        let sold_out = if item.sold_out { " (売切)" } else { "" };
        format!("{}{price}{sold_out}", ja(&item.title))
    };
    menu.sections.iter().map(|section| (ja(&section.title), section.items.iter().map(item).collect::<Vec<_>>().join(", "))).collect()
}

/// The tax in an amount, by rate.
pub(super) fn taxes(taxes: &[TaxLine], currency: &str) -> String {
    let line = |tax: &TaxLine| {
        let rate = tax.tax_permille / 10;
        format!("{rate} %: {} of {}", money(tax.tax_minor, currency), money(tax.gross_minor, currency))
    };
    taxes.iter().map(line).collect::<Vec<_>>().join(", ")
}

/// Where an order stands.
pub(super) fn stands(order: &PlacedOrder) -> String {
    format!("{:?}, {:?} · {} · {}", order.order.state, order.order.payment, order.words_ja, order.words_en)
}
