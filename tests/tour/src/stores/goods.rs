//! What the chain sells.

use noren_rules::catalogue::VariantInfo;
use noren_rules::ids::Sku;
use noren_rules::wire::ProductInfo;

/// Products as the operator puts them: JAN codes of real products (tests/data/README.md), three of them one soy sauce in three sizes, others one
/// product in several flavours. Titles are the products' own, prices are made up.
const PRODUCTS: &str = include_str!("products.json");

/// The products, in the order of rank.
///
/// # Errors
/// What is wrong with the file.
pub fn products() -> Result<Vec<ProductInfo>, String> {
    serde_json::from_str(PRODUCTS).map_err(|e| format!("the chain's products: {e}"))
}

/// The product and the variant of a code.
///
/// # Errors
/// That the chain does not have it.
pub fn variant<'a>(products: &'a [ProductInfo], sku: &Sku) -> Result<(&'a ProductInfo, &'a VariantInfo), String> {
    let of_product = |product: &'a ProductInfo| Some((product, product.variants.iter().find(|variant| variant.sku == *sku)?));
    products.iter().find_map(of_product).ok_or_else(|| format!("the chain does not sell {sku}"))
}
