//! `noren import-sales`: a sales log becomes the backend's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::tz::TimeZone;
use noren_rules::ids::MemberNumber;
use noren_rules::receipt::Channel;
use noren_rules::wire::{Customer, RegisterCards, SaleRequest};
use noren_tour::sales_log::{self, Shop};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::output::{self, Failure};
use crate::till_client::{Backend, TillClient};

/// Sales on the way at the same time: the backend commits those that arrive together at once.
const IN_FLIGHT: usize = 16;
const CARDS_A_CALL: usize = 1_000;

/// Post a sales log with the columns of UCI Online Retail.
///
/// One InvoiceNo is one receipt; amounts are quantity x decimal price, rounded once a line; invoices beginning with C are returns that name no
/// sale. CustomerID 17850.0 is member number 17850, registered with demo PIN 0000; lines without a customer are nobody's. Times without a zone
/// are the store's. Prints {"posted":N,"skipped":{reason:N},"cards":N}. Running it again adds nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportSales {
    /// The log, plain or gzipped.
    #[arg(value_name = "FILE.csv[.gz]")]
    file: PathBuf,
    #[command(flatten)]
    backend: Backend,
    /// Time zone of the store (IANA name): times and months are its own.
    #[arg(long, default_value = "Asia/Tokyo")]
    time_zone: String,
    /// Currency of the prices (ISO 4217).
    #[arg(long, default_value = "GBP")]
    currency: String,
    /// Channel of the sales: store, ec or mobile_order.
    #[arg(long, default_value = "store", value_parser = channel)]
    channel: Channel,
    /// Id of the store.
    #[arg(long, default_value = noren_backend::DEMO_STORE_ID)]
    store: String,
    /// Name of the store, as it stands on the receipts.
    #[arg(long, default_value = "Noren Demo Store")]
    store_name: String,
}

#[derive(Debug, Default, Serialize)]
struct Imported {
    posted: u64,
    skipped: BTreeMap<String, u64>,
    cards: u64,
}

fn channel(text: &str) -> Result<Channel, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| "store, ec or mobile_order".to_owned())
}

pub(crate) async fn run(args: &ImportSales) -> Result<(), Failure> {
    let time_zone = TimeZone::get(&args.time_zone).map_err(Failure::unusable)?;
    let shop = Shop {
        store_id: args.store.as_str().into(),
        store_name: args.store_name.clone(),
        channel: args.channel,
        currency: args.currency.clone(),
        time_zone,
    };
    let log = sales_log::read(&args.file, &shop).map_err(Failure::unusable)?;
    let till = TillClient::new(&args.backend)?;
    let mut imported =
        Imported { skipped: log.skipped.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect(), ..Imported::default() };
    imported.cards = register_cards(&till, &log.sales).await?;
    post(&till, log.sales, &mut imported).await?;
    output::json(&imported)
}

/// Registers every card that the log names; answers how many there are.
pub(crate) async fn register_cards(till: &TillClient, sales: &[SaleRequest]) -> Result<u64, Failure> {
    let numbers: BTreeSet<&MemberNumber> = sales
        .iter()
        .filter_map(|sale| match &sale.customer {
            Customer::Number { number } => Some(number),
            _ => None,
        })
        .collect();
    let numbers: Vec<MemberNumber> = numbers.into_iter().cloned().collect();
    let mut cards = 0;
    for numbers in numbers.chunks(CARDS_A_CALL) {
        let answer = till.register(&RegisterCards { numbers: numbers.to_vec(), demo_pin: true }).await?;
        cards += answer.registered + answer.known;
    }
    Ok(cards)
}

async fn post(till: &TillClient, sales: Vec<SaleRequest>, imported: &mut Imported) -> Result<(), Failure> {
    let bar = output::progress("posting sales", sales.len() as u64);
    let mut running = JoinSet::new();
    for sale in sales {
        if running.len() >= IN_FLIGHT {
            count(running.join_next().await, imported)?;
        }
        let (till, bar) = (till.clone(), bar.clone());
        running.spawn(async move {
            let answer = till.sell(&sale).await;
            bar.inc(1);
            answer.map(|answer| answer.refused)
        });
    }
    while let Some(done) = running.join_next().await {
        count(Some(done), imported)?;
    }
    bar.finish_and_clear();
    Ok(())
}

type Done = Result<Result<Option<String>, Failure>, tokio::task::JoinError>;

fn count(done: Option<Done>, imported: &mut Imported) -> Result<(), Failure> {
    match done {
        None => Ok(()),
        Some(done) => {
            done.map_err(Failure::failed)??;
            imported.posted += 1;
            Ok(())
        }
    }
}
