//! What an operator may put into the catalogue, and whether bytes are those that it names.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{AssetInfo, AssetKind, Price, SizeMm, VariantInfo};
use crate::b64;
use crate::ids::Sku;
use crate::wire::{ProductInfo, TextByLanguage};

const MOST_VARIANTS: usize = 500;
const MOST_PRICES: usize = 50;
const MOST_ASSETS: usize = 100;
const MOST_ID: usize = 100;
const MOST_AGE: u8 = 120;
const MOST_WORDS: usize = 200;
const MOST_DESCRIPTION: usize = 5_000;
const MOST_URL: usize = 2_000;
/// The largest asset: 256 MiB.
const MOST_BYTES: u64 = 256 << 20;

/// Why a product is not taken into the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProductError {
    /// The id is empty, too long or holds control characters.
    #[error("the id of a product is 1 to 100 characters without control characters")]
    Id,
    /// No title in Japanese or English, a language that is none, or a text that is empty or too long.
    #[error(
        "a product needs a title in ja or en; titles are 1 to 200 and descriptions 1 to 5,000 characters, by BCP 47 tags such as ja or en"
    )]
    Text,
    /// Reading or brand.
    #[error("reading and brand are 1 to 200 characters: leave them out where there is none")]
    Words,
    /// None, or more than 500.
    #[error("a product has 1 to 500 variants: split it")]
    Variants,
    /// Empty, too long, or with control characters.
    #[error("the sku {sku:?} of a variant is 1 to 100 characters without control characters")]
    Sku {
        /// Which.
        sku: Sku,
    },
    /// One sku twice.
    #[error("the sku {sku} is there twice: each variant has its own")]
    SkuTwice {
        /// Which.
        sku: Sku,
    },
    /// Two variants of the same colour and size.
    #[error("the variant {sku} has the colour and size of another one: tell them apart")]
    SameVariant {
        /// The second of the two.
        sku: Sku,
    },
    /// A colour or size that is empty or too long.
    #[error("colour and size of the variant {sku} are 1 to 200 characters: leave them out where there is none")]
    ColourOrSize {
        /// Which.
        sku: Sku,
    },
    /// An amount below 0, a currency that is none, a time that ends before it begins, or more than 50 prices.
    #[error("a price of the variant {sku} cannot be: it is 0 or more in an ISO 4217 currency, from before until, at most 50 a variant")]
    Price {
        /// Of which variant.
        sku: Sku,
    },
    /// An asset that nobody could fetch and check.
    #[error(
        "the asset {url:?} cannot be: https, at most 2,000 characters, 1 byte to 256 MiB, its SHA-256 in base64url, pixels both or none, a sku of this product"
    )]
    Asset {
        /// Which.
        url: String,
    },
    /// More than 100 assets.
    #[error("a product has at most 100 assets")]
    Assets,
    /// A size of nothing.
    #[error("the size of a product is 1 mm or more each way: leave it out where it is not known")]
    Size,
    /// An age that nobody has.
    #[error("the least age for a product is at most 120: leave it out where there is none")]
    Age,
}

/// Why bytes are not those of an asset: fetch them again, and show nothing meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssetError {
    /// More or fewer bytes.
    #[error("the asset has {got} bytes and not {expected}: fetch it again")]
    Size {
        /// As the catalogue says.
        expected: u64,
        /// As they came.
        got: u64,
    },
    /// Other bytes.
    #[error("the asset is not the one that the catalogue names: fetch it again, and tell the operator if it stays so")]
    Hash,
}

impl AssetInfo {
    /// Checks that these are the bytes that the catalogue names: their number and their SHA-256.
    ///
    /// # Errors
    /// [`AssetError`].
    pub fn check(&self, bytes: &[u8]) -> Result<(), AssetError> {
        let got = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if got != self.size_bytes {
            return Err(AssetError::Size { expected: self.size_bytes, got });
        }
        if b64::decode(&self.sha256).is_none_or(|hash| hash != Sha256::digest(bytes)[..]) {
            return Err(AssetError::Hash);
        }
        Ok(())
    }
}

impl ProductInfo {
    /// Checks that it is one that an operator may put.
    ///
    /// # Errors
    /// [`ProductError`] names the first thing that is wrong.
    pub fn check(&self) -> Result<(), ProductError> {
        if !is_text(self.id.as_str(), MOST_ID) {
            return Err(ProductError::Id);
        }
        let titled = self.title.contains_key("ja") || self.title.contains_key("en");
        if !titled || !are_texts(&self.title, MOST_WORDS) || !are_texts(&self.description, MOST_DESCRIPTION) {
            return Err(ProductError::Text);
        }
        if !are_words([&self.reading, &self.brand]) {
            return Err(ProductError::Words);
        }
        if self.least_age.is_some_and(|age| age > MOST_AGE) {
            return Err(ProductError::Age);
        }
        check_variants(&self.variants)?;
        if self.assets.len() > MOST_ASSETS {
            return Err(ProductError::Assets);
        }
        if let Some(asset) = self.assets.iter().find(|asset| !is_fetchable(asset, &self.variants)) {
            return Err(ProductError::Asset { url: asset.url.clone() });
        }
        if self.size_mm.is_some_and(|SizeMm { width_mm, depth_mm, height_mm }| width_mm.min(depth_mm).min(height_mm) == 0) {
            return Err(ProductError::Size);
        }
        Ok(())
    }
}

fn check_variants(variants: &[VariantInfo]) -> Result<(), ProductError> {
    if !(1..=MOST_VARIANTS).contains(&variants.len()) {
        return Err(ProductError::Variants);
    }
    let (mut skus, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for variant in variants {
        let sku = || variant.sku.clone();
        if !is_text(variant.sku.as_str(), MOST_ID) {
            return Err(ProductError::Sku { sku: sku() });
        }
        if !skus.insert(&variant.sku) {
            return Err(ProductError::SkuTwice { sku: sku() });
        }
        if !are_words([&variant.colour, &variant.size]) {
            return Err(ProductError::ColourOrSize { sku: sku() });
        }
        if !kinds.insert((&variant.colour, &variant.size)) {
            return Err(ProductError::SameVariant { sku: sku() });
        }
        if variant.prices.len() > MOST_PRICES || !variant.prices.iter().all(is_price) {
            return Err(ProductError::Price { sku: sku() });
        }
    }
    Ok(())
}

fn is_price(price: &Price) -> bool {
    let currency = price.currency.len() == 3 && price.currency.bytes().all(|byte| byte.is_ascii_uppercase());
    let lasts = price.from_ms.zip(price.until_ms).is_none_or(|(from, until)| from < until);
    price.amount_minor >= 0 && currency && lasts
}

fn is_fetchable(asset: &AssetInfo, variants: &[VariantInfo]) -> bool {
    let host = asset.url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
    let url = host && asset.url.len() <= MOST_URL && asset.url.bytes().all(|byte| byte.is_ascii_graphic());
    let hash = b64::decode(&asset.sha256).is_some_and(|hash| hash.len() == 32);
    let pixels = match (asset.width_px, asset.height_px) {
        (None, None) => true,
        (Some(width), Some(height)) => asset.kind == AssetKind::Image && width > 0 && height > 0,
        _ => false,
    };
    let shown = asset.sku.as_ref().is_none_or(|sku| variants.iter().any(|variant| variant.sku == *sku));
    url && hash && pixels && shown && (1..=MOST_BYTES).contains(&asset.size_bytes)
}

fn is_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.trim().is_empty() && !text.chars().any(char::is_control)
}

fn are_words<const N: usize>(words: [&Option<String>; N]) -> bool {
    words.into_iter().flatten().all(|words| is_text(words, MOST_WORDS))
}

/// A description may have lines.
fn are_texts(texts: &TextByLanguage, most: usize) -> bool {
    let language = |tag: &str| (2..=35).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    texts.iter().all(|(tag, text)| language(tag) && is_text(&text.replace('\n', " "), most))
}
