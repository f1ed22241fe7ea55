//! What tests of the shop share: products, and who asks for them.

use noren_rules::catalogue::{Price, VariantInfo};
use noren_rules::wire::*;

use crate::support::*;

pub fn variant(sku: &str, size: &str) -> VariantInfo {
    VariantInfo {
        sku: sku.into(),
        gtin: None,
        colour: Some("紺".to_owned()),
        size: Some(size.to_owned()),
        prices: vec![Price { channel: None, from_ms: None, until_ms: None, amount_minor: 1_990, currency: "JPY".to_owned() }],
    }
}

pub fn text(ja: &str) -> TextByLanguage {
    [("ja".to_owned(), ja.to_owned())].into()
}

/// A product with these variants, each of a size of its own.
pub fn product(id: &str, skus: &[&str]) -> ProductInfo {
    ProductInfo {
        id: id.into(),
        title: text(&format!("品 {id}")),
        reading: None,
        brand: None,
        description: TextByLanguage::new(),
        variants: skus.iter().map(|sku| variant(sku, &format!("size {sku}"))).collect(),
        assets: vec![],
        size_mm: None,
        tax_class: None,
        least_age: None,
    }
}

impl World {
    pub async fn try_products(&self, products: Vec<ProductInfo>, remove: &[&str]) -> Got {
        let remove = remove.iter().map(|id| (*id).into()).collect();
        self.operator(paths::OPERATOR_PRODUCTS, &PutProducts { products, remove }).await
    }

    pub async fn products(&self, products: Vec<ProductInfo>) -> u64 {
        self.try_products(products, &[]).await.ok::<Kept>().changed
    }

    /// The products of a query, as the app gets them.
    pub async fn ask(&self, phone: &Phone, query: &str) -> Vec<ProductRecord> {
        self.get(&format!("{}?{query}", paths::PRODUCTS), Some(&phone.token)).await.ok::<ProductPage>().products
    }

    pub async fn record(&self, phone: &Phone, id: &str) -> ProductRecord {
        self.ask(phone, &format!("ids={id}")).await.remove(0)
    }
}

pub fn ids(records: &[ProductRecord]) -> Vec<&str> {
    records.iter().map(|record| record.product.id.as_str()).collect()
}
