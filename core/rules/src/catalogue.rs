//! What a shop sells: variants, prices by channel and time, pictures and models, and the order of a ranking.

mod check;
#[cfg(test)]
mod tests;

pub use check::{AssetError, ProductError};

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::ids::{ProductId, Sku};
use crate::receipt::Channel;
use crate::scan::Gtin;

/// What is sold: a product in one colour and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VariantInfo {
    /// The shop's article code, as on receipts.
    pub sku: Sku,
    /// What is printed below its bars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub gtin: Option<Gtin>,
    /// Its colour, as the shop calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// Its size, as the shop calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// What it costs, by channel and time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<Price>,
}

/// A price, for a channel and a time or for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Where it counts; everywhere where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// First millisecond at which it counts; absent: from ever on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// First millisecond at which it does not count any more; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// In minor units, tax included (総額表示).
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// What an asset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    /// A picture.
    Image,
    /// A model for AR Quick Look.
    Usdz,
    /// A model for Scene Viewer (glTF binary).
    Glb,
}

/// A picture or a model: where it is and what it must hash to. The bytes are no part of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AssetInfo {
    /// What it is.
    pub kind: AssetKind,
    /// Where it is: https.
    pub url: String,
    /// SHA-256 of its bytes, base64url.
    pub sha256: String,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// Pixels across, of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width_px: Option<u32>,
    /// Pixels down, of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height_px: Option<u32>,
    /// The variant that it shows; all of them where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
}

/// How much room something takes, or there is, in millimetres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SizeMm {
    /// From left to right.
    pub width_mm: u32,
    /// From front to back.
    pub depth_mm: u32,
    /// From the floor up.
    pub height_mm: u32,
}

/// The product of a ranking, before it is ranked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    /// The product.
    pub product: ProductId,
    /// Pieces sold, less returns.
    pub sold: u64,
}

/// The price that counts in a channel at a moment (milliseconds since the Unix epoch): of those that count then and there, the channel's own before
/// one for all channels, then the one that began last, then the one that is listed last. `None` when there is none.
#[must_use]
pub fn price_at(prices: &[Price], channel: Channel, at_ms: i64) -> Option<&Price> {
    let counts = |price: &&Price| {
        price.channel.is_none_or(|only| only == channel)
            && price.from_ms.is_none_or(|from| from <= at_ms)
            && price.until_ms.is_none_or(|until| at_ms < until)
    };
    // Of equals the last is the greatest.
    prices.iter().filter(counts).max_by_key(|price| (price.channel.is_some(), price.from_ms))
}

/// Products by what was sold of them, with their ranks from 1: most sold first, equals by product id. Equal sales have equal ranks, and the next one
/// is left out (1, 2, 2, 4). Of what nothing was sold there is no rank.
#[must_use]
pub fn rank(mut sold: Vec<Sold>) -> Vec<(u32, Sold)> {
    sold.retain(|product| product.sold > 0);
    sold.sort_by(|a, b| Reverse(a.sold).cmp(&Reverse(b.sold)).then_with(|| a.product.cmp(&b.product)));
    let mut ranked: Vec<(u32, Sold)> = Vec::with_capacity(sold.len());
    for (product, place) in sold.into_iter().zip(1u32..) {
        let rank = ranked.last().filter(|(_, before)| before.sold == product.sold).map_or(place, |(rank, _)| *rank);
        ranked.push((rank, product));
    }
    ranked
}

/// Whether something fits in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Fit {
    /// As it stands.
    AsItIs,
    /// Turned by a quarter, so that what was its side faces the front.
    Turned,
    /// Not at all.
    TooLarge,
}

impl SizeMm {
    /// Whether it fits in `room`: as it is, or with width and depth exchanged. It is never laid on its side, and needs no play: who measures a room
    /// takes that off.
    #[must_use]
    pub fn fits(&self, room: &Self) -> Fit {
        let fits =
            |width_mm: u32, depth_mm: u32| width_mm <= room.width_mm && depth_mm <= room.depth_mm && self.height_mm <= room.height_mm;
        if fits(self.width_mm, self.depth_mm) {
            Fit::AsItIs
        } else if fits(self.depth_mm, self.width_mm) {
            Fit::Turned
        } else {
            Fit::TooLarge
        }
    }
}
