//! Goods of the catalogue as a menu: so that the same cart, prices and snapshot serve an online order and its pickup.

use std::collections::BTreeSet;

use super::allergens::AllergenFacts;
use super::check::{MAX_MENU_TEXT, MAX_PRICE_MINOR, MAX_THINGS};
use super::{HandoffMode, Menu, MenuItem, MenuPrice, MenuSection};
use crate::catalogue::{VariantInfo, price_at};
use crate::ids::StoreId;
use crate::offers::Texts;
use crate::receipt::Channel;
use crate::tax::TaxClass;
use crate::wire::ProductInfo;

impl Menu {
    /// Variants as what a store, or the online shop, sells: each an item whose id is its SKU, at the price that counts in this channel at this moment
    /// (milliseconds since the Unix epoch), with no groups and no work. Its version is 0. What has no price in this currency is left out, as is a
    /// SKU that came before: a cart that names it learns that it is not to be had. Give the products that the cart names; beyond 5,000 variants the
    /// rest is left out.
    #[must_use]
    pub fn of_goods(store: &StoreId, products: &[ProductInfo], currency: &str, channel: Channel, at_ms: i64) -> Self {
        let mut known = BTreeSet::new();
        let variants = products.iter().flat_map(|product| product.variants.iter().map(move |variant| (product, variant)));
        let priced = variants.filter_map(|(product, variant)| {
            let price = price_at(&variant.prices, channel, at_ms).filter(|price| price.currency == currency)?;
            let sold =
                (0..=MAX_PRICE_MINOR).contains(&price.amount_minor) && !variant.sku.as_str().is_empty() && known.insert(&variant.sku);
            sold.then(|| item(product, variant, price.amount_minor))
        });
        let items: Vec<MenuItem> = priced.take(MAX_THINGS).collect();
        let section = MenuSection {
            title: [("ja", "商品"), ("en", "Goods")].into(),
            handoffs: vec![HandoffMode::StorePickup, HandoffMode::Delivery],
            hours: Vec::new(),
            items: items.iter().map(|item| item.id.clone()).collect(),
        };
        Self { store: store.clone(), version: 0, currency: currency.to_owned(), sections: vec![section], items, groups: Vec::new() }
    }
}

fn item(product: &ProductInfo, variant: &VariantInfo, amount_minor: i64) -> MenuItem {
    MenuItem {
        id: variant.sku.as_str().into(),
        sku: variant.sku.clone(),
        class: None,
        title: title(product, variant),
        description: Texts::default(),
        prices: vec![MenuPrice { handoff: None, amount_minor }],
        tax_class: product.tax_class.unwrap_or(TaxClass::Goods),
        mixed_set: None,
        groups: Vec::new(),
        allergens: AllergenFacts::default(),
        least_age: product.least_age,
        most: None,
        greatest_discount_permille: None,
        make: Vec::new(),
    }
}

/// The product's title with the variant's colour and size; the SKU where there is no title that a diner in Japan could read.
fn title(product: &ProductInfo, variant: &VariantInfo) -> Texts {
    let short = |text: String| text.chars().take(MAX_MENU_TEXT).collect::<String>();
    let kind: String = [&variant.colour, &variant.size].into_iter().flatten().map(|word| format!(" / {word}")).collect();
    let mut texts = Texts(product.title.iter().map(|(language, title)| (language.clone(), short(format!("{title}{kind}")))).collect());
    let readable = ["ja", "en"].iter().any(|language| texts.0.get(*language).is_some_and(|title| !title.trim().is_empty()));
    if !readable {
        texts.0.insert("ja".to_owned(), short(variant.sku.to_string()));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::{Cart, CartLine, CartMoment, CartProblemKind, PriceTerms, price};
    use crate::catalogue::Price;
    use crate::menu::MenuBook;
    use crate::tax::{JAPAN, TaxHandoff, TaxTable};
    use proptest::prelude::*;

    fn price_of(amount_minor: i64, currency: &str, channel: Option<Channel>) -> Price {
        Price { channel, from_ms: None, until_ms: None, amount_minor, currency: currency.into() }
    }

    fn product(id: &str, prices: Vec<Price>) -> ProductInfo {
        let variant = VariantInfo { sku: format!("{id}-L").into(), gtin: None, colour: Some("紺".into()), size: Some("L".into()), prices };
        ProductInfo {
            id: id.into(),
            title: [("ja".to_owned(), "シャツ".to_owned()), ("en".to_owned(), "Shirt".to_owned())].into(),
            reading: None,
            brand: None,
            description: std::collections::BTreeMap::new(),
            variants: vec![variant],
            assets: Vec::new(),
            size_mm: None,
            tax_class: None,
            least_age: None,
        }
    }

    #[test]
    fn each_variant_is_an_item_at_the_price_of_its_channel() {
        let products = [
            product("shirt", vec![price_of(2_990, "JPY", None), price_of(2_500, "JPY", Some(Channel::Ec))]),
            ProductInfo { tax_class: Some(TaxClass::Food), ..product("cake", vec![price_of(1_080, "JPY", None)]) },
            ProductInfo { tax_class: Some(TaxClass::Alcohol), least_age: Some(20), ..product("wine", vec![price_of(1_100, "JPY", None)]) },
            product("import", vec![price_of(10, "USD", None)]),
            product("unpriced", vec![]),
            product("shirt", vec![price_of(1, "JPY", None)]),
        ];
        let menu = Menu::of_goods(&"s1".into(), &products, "JPY", Channel::Ec, 0);
        assert_eq!(menu.items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["shirt-L", "cake-L", "wine-L"]);
        assert_eq!((menu.items[0].title.get("ja"), menu.items[0].title.get("en")), ("シャツ / 紺 / L", "Shirt / 紺 / L"));
        let book = MenuBook::new(menu).unwrap();
        let line = |sku: &str| CartLine::of(&book, &sku.into(), 1, TaxHandoff::TakeOut);
        assert_eq!(line("import-L"), None);
        let mut cart = Cart::new(HandoffMode::StorePickup, TaxHandoff::TakeOut);
        cart.lines = ["shirt-L", "cake-L", "wine-L"].iter().filter_map(|sku| line(sku)).collect();
        let moment = CartMoment { at_ms: 0, sold_out: &[] };
        assert_eq!(
            cart.problems(&book, &moment).into_iter().map(|problem| problem.kind).collect::<Vec<_>>(),
            [CartProblemKind::AgeNotDeclared { least_age: 20 }]
        );
        let rates = TaxTable::from_json(JAPAN).unwrap().on("2027-01-15");
        let priced = price(&cart, &book, &PriceTerms::new(&rates)).unwrap();
        let taxes: Vec<_> = priced.taxes.iter().map(|tax| (tax.tax_permille, tax.gross_minor, tax.tax_minor)).collect();
        assert_eq!(taxes, [(80, 1_080, 80), (100, 3_600, 327)]);
        let dine_in = Cart { handoff: HandoffMode::DineIn, tax_handoff: TaxHandoff::EatIn, declared_age: Some(20), ..cart };
        assert!(!dine_in.problems(&book, &moment).is_empty(), "goods are not brought to a seat");
    }

    proptest! {
        /// Whatever an operator called it, the menu is one.
        #[test]
        fn any_goods_are_a_menu(
            titles in prop::collection::btree_map("(ja|en|zh|fr)", ".{0,30}", 0..4),
            sku in ".{0,10}",
            amount in any::<i64>(),
            age in any::<Option<u8>>(),
        ) {
            let mut one = product("x", vec![price_of(amount, "JPY", None)]);
            one.title = titles;
            one.least_age = age.map(|age| age % 121);
            one.variants[0].sku = sku.into();
            let menu = Menu::of_goods(&"s".into(), &[one.clone(), one], "JPY", Channel::Ec, 0);
            prop_assert!(menu.items.len() <= 1);
            prop_assert!(menu.items.iter().all(|item| item.prices[0].amount_minor == amount));
            prop_assert!(MenuBook::new(menu).is_ok());
        }
    }
}
