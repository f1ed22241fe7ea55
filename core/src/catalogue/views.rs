//! What the app shows of a kept product, now.

use std::collections::BTreeSet;

use noren_rules::catalogue::{AssetKind, Price, VariantInfo, price_at};
use noren_rules::ids::Sku;
use noren_rules::receipt::Channel;

use super::prices::{CHANNELS, channel_price};
use super::tables::KeptProduct;
use super::{MatrixRow, ProductSummary, ProductView, VariantMatrix, VariantView};
use crate::text::in_language;
use crate::time::TrustedTime;

/// For whom and when something is shown.
#[derive(Debug)]
pub(super) struct Viewer<'a> {
    pub(super) language: &'a str,
    pub(super) now: TrustedTime,
    pub(super) liked: BTreeSet<Sku>,
}

impl Viewer<'_> {
    /// The whole product, with the variant that was asked for.
    pub(super) fn product(&self, kept: KeptProduct, sku: Option<Sku>) -> ProductView {
        let KeptProduct { record, as_of_ms, .. } = kept;
        let product = record.product;
        ProductView {
            id: product.id,
            sku,
            title: in_language(&product.title, self.language),
            reading: product.reading,
            brand: product.brand,
            description: in_language(&product.description, self.language),
            matrix: matrix(&product.variants),
            variants: product.variants.into_iter().map(|variant| self.variant(variant)).collect(),
            assets: product.assets,
            size_mm: product.size_mm,
            ratings: record.ratings,
            average_milli: average_milli(record.stars, record.ratings),
            as_of_ms,
            time_proven: self.now.proven,
        }
    }

    fn variant(&self, variant: VariantInfo) -> VariantView {
        let prices = CHANNELS.iter().filter_map(|channel| channel_price(&variant.prices, *channel, self.now.now_ms)).collect();
        VariantView {
            liked: self.liked.contains(&variant.sku),
            sku: variant.sku,
            gtin: variant.gtin,
            colour: variant.colour,
            size: variant.size,
            prices,
        }
    }

    /// The product in a list.
    pub(super) fn summary(&self, kept: KeptProduct) -> ProductSummary {
        let KeptProduct { record, as_of_ms, .. } = kept;
        let product = record.product;
        let in_channel = |channel| {
            let prices = product.variants.iter().filter_map(|variant| price_at(&variant.prices, channel, self.now.now_ms));
            prices.collect::<Vec<&Price>>()
        };
        let stores = in_channel(Channel::Store);
        let prices = if stores.is_empty() { in_channel(Channel::Ec) } else { stores };
        let lowest = prices.iter().min_by_key(|price| price.amount_minor).copied();
        ProductSummary {
            price_varies: lowest.is_some_and(|lowest| prices.iter().any(|price| price.amount_minor > lowest.amount_minor)),
            price: lowest.cloned(),
            image: product.assets.iter().find(|asset| asset.kind == AssetKind::Image).cloned(),
            title: in_language(&product.title, self.language),
            id: product.id,
            brand: product.brand,
            ratings: record.ratings,
            average_milli: average_milli(record.stars, record.ratings),
            as_of_ms,
            time_proven: self.now.proven,
        }
    }
}

/// Stars on the average, in thousandths; `None` without a review.
pub(super) fn average_milli(stars: u32, ratings: u32) -> Option<u32> {
    let milli = (u64::from(stars) * 1_000).checked_div(u64::from(ratings))?;
    u32::try_from(milli).ok()
}

/// Colours down, sizes across, each in the order in which the operator's list names it first. Of two of the same colour and size the first counts.
pub(super) fn matrix(variants: &[VariantInfo]) -> VariantMatrix {
    let mut sizes: Vec<Option<String>> = Vec::new();
    let mut colours: Vec<Option<String>> = Vec::new();
    for variant in variants {
        if !sizes.contains(&variant.size) {
            sizes.push(variant.size.clone());
        }
        if !colours.contains(&variant.colour) {
            colours.push(variant.colour.clone());
        }
    }
    let sku = |colour: &Option<String>, size: &Option<String>| {
        variants.iter().find(|variant| variant.colour == *colour && variant.size == *size).map(|variant| variant.sku.clone())
    };
    let rows = colours.into_iter().map(|colour| MatrixRow { skus: sizes.iter().map(|size| sku(&colour, size)).collect(), colour });
    VariantMatrix { rows: rows.collect(), sizes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variant(sku: &str, colour: Option<&str>, size: Option<&str>) -> VariantInfo {
        VariantInfo { sku: sku.into(), gtin: None, colour: colour.map(str::to_owned), size: size.map(str::to_owned), prices: Vec::new() }
    }

    #[test]
    fn the_matrix_keeps_the_operators_order_and_its_gaps() {
        let variants = [
            variant("r-l", Some("赤"), Some("L")),
            variant("b-s", Some("青"), Some("S")),
            variant("r-s", Some("赤"), Some("S")),
            variant("free", None, None),
        ];
        let made = matrix(&variants);
        assert_eq!(made.sizes, [Some("L".into()), Some("S".into()), None]);
        let row = |colour: Option<&str>, skus: [Option<&str>; 3]| MatrixRow {
            colour: colour.map(str::to_owned),
            skus: skus.map(|sku| sku.map(Sku::from)).into(),
        };
        let rows = [
            row(Some("赤"), [Some("r-l"), Some("r-s"), None]),
            row(Some("青"), [None, Some("b-s"), None]),
            row(None, [None, None, Some("free")]),
        ];
        assert_eq!(made.rows, rows);
        assert_eq!(matrix(&[]), VariantMatrix::default());
    }

    proptest! {
        #[test]
        fn every_variant_has_its_cell(names in prop::collection::btree_set((0..4u8, 0..4u8), 0..16)) {
            let name = |n: u8| n.to_string();
            let variants: Vec<VariantInfo> = names.iter().map(|(c, s)| variant(&format!("{c}-{s}"), Some(&name(*c)), Some(&name(*s)))).collect();
            let made = matrix(&variants);
            let cells: Vec<&Sku> = made.rows.iter().flat_map(|row| row.skus.iter().flatten()).collect();
            prop_assert_eq!(cells.len(), variants.len());
            prop_assert!(made.rows.iter().all(|row| row.skus.len() == made.sizes.len()));
            for found in &variants {
                let column = made.sizes.iter().position(|size| *size == found.size).unwrap();
                let row = made.rows.iter().find(|row| row.colour == found.colour).unwrap();
                prop_assert_eq!(row.skus[column].as_ref(), Some(&found.sku));
            }
        }
    }
}
