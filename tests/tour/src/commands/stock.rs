//! `noren stock`: what stores have of a product, as an app would say it.

use std::path::PathBuf;

use noren_core::catalogue::ProductView;
use noren_core::stock::{StockQuestion, StoreAnswer};
use noren_rules::ids::{Sku, StoreId};
use noren_rules::stock::{Band, StockSource};
use serde::Serialize;

use crate::output::{self, Failure};
use crate::phone;

/// Print what stores have of a product, in all its sizes and colours, as an app would say it.
///
/// CODE is what is printed below the bars (JAN, UPC, ITF), or the shop's own article code. The server is asked for the product where the phone does not
/// know it, and for what has changed in these stores; with --offline it is what the phone heard last, and says so.
///
/// Prints a line for each store and variant, {"store":…,"sku":…,"size":…,"band":"in_stock"|"low"|"out"|"unknown","quantity":…,"as_of_ms":…,"source":…,
/// "last_known":…,"chance_permille":…,"text_ja":…,"text_en":…}; a store that was never heard of has none.
#[derive(Debug, clap::Args)]
pub(crate) struct Stock {
    /// The code.
    #[arg(value_name = "CODE")]
    code: String,
    /// The phone's files.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// A store; as often as there are some.
    #[arg(long = "store", value_name = "STORE", required = true)]
    stores: Vec<String>,
    /// In how many minutes the shopper will be there: `chance_permille` is that it is there then.
    #[arg(long, value_name = "N", default_value_t = 0)]
    in_min: u32,
    /// Ask nobody.
    #[arg(long)]
    offline: bool,
}

#[derive(Serialize)]
struct AnswerLine<'a> {
    store: &'a StoreId,
    sku: &'a Sku,
    colour: Option<&'a str>,
    size: Option<&'a str>,
    band: &'static str,
    quantity: Option<u32>,
    as_of_ms: i64,
    source: StockSource,
    last_known: bool,
    chance_permille: Option<u32>,
    in_transit: u32,
    shelf: Option<&'a str>,
    text_ja: &'a str,
    text_en: &'a str,
}

pub(crate) async fn run(args: &Stock) -> Result<(), Failure> {
    let noren = if args.offline { phone::open_offline(&args.home)? } else { phone::open(&args.home)? };
    let stores: Vec<StoreId> = args.stores.iter().map(|store| StoreId(store.clone())).collect();
    if !args.offline {
        noren.stock().refresh(&stores, None).await.map_err(Failure::failed)?;
    }
    let found = noren.catalogue().find(&args.code, None).await.map_err(Failure::failed)?;
    let product = found.ok_or_else(|| Failure::failed(format!("no product has the code {}: look at the digits again", args.code)))?;
    for store in &stores {
        let question = StockQuestion {
            product: Some(product.id.clone()),
            skus: Vec::new(),
            wanted: None,
            here: Some(store.clone()),
            in_min: Some(args.in_min),
            quantity: 1,
            per_variant: 0,
            open_first: false,
        };
        let matrix = noren.stock().nearest(&question, None).map_err(Failure::failed)?;
        for variant in &matrix.variants {
            let Some(here) = &variant.here else { continue };
            output::json(&line(&product, &variant.sku, here))?;
        }
    }
    Ok(())
}

fn line<'a>(product: &'a ProductView, sku: &'a Sku, here: &'a StoreAnswer) -> AnswerLine<'a> {
    let variant = product.variants.iter().find(|variant| variant.sku == *sku);
    let answer = &here.answer;
    AnswerLine {
        store: &here.store,
        sku,
        colour: variant.and_then(|variant| variant.colour.as_deref()),
        size: variant.and_then(|variant| variant.size.as_deref()),
        band: match answer.band {
            Band::InStock => "in_stock",
            Band::Low => "low",
            Band::Out => "out",
            Band::Unknown => "unknown",
        },
        quantity: answer.quantity,
        as_of_ms: answer.as_of_ms,
        source: answer.source,
        last_known: answer.last_known,
        chance_permille: answer.chance_permille,
        in_transit: answer.in_transit,
        shelf: answer.shelf.as_deref(),
        text_ja: &here.text_ja,
        text_en: &here.text_en,
    }
}
