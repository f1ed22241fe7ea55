//! The shop of the tour: a till that reads cards offline and an outbox that survives an outage, selling a real log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use noren_core::outbox::TillOutbox;
use noren_core::platform::{Entropy, SystemClock, SystemEntropy};
use noren_rules::b64;
use noren_rules::ids::MemberNumber;
use noren_rules::keys::PublicKey;
use noren_rules::receipt::{Channel, ReceiptKind};
use noren_rules::wire::{Customer, EcCode, EcCodeRequest, SaleRequest, paths};
use noren_till::{Answer, Till};
use noren_tour::sales_log::{self, SLICE, SalesLog};

use super::network::Network;
use crate::commands::import_sales;
use crate::output::{self, Failure};
use crate::till_client::{Backend, TillClient};

/// The shopper's name in the online shop.
const EC_ACCOUNT: &str = "shopper@example.com";

pub(super) struct Shop {
    client: TillClient,
    till: Till,
    outbox: TillOutbox,
    log: SalesLog,
    /// The customer of the log whose card the shopper of the tour has: the one with most invoices.
    regular: MemberNumber,
}

/// What was sold.
pub(super) struct Sold {
    pub(super) receipts: usize,
    pub(super) lines: usize,
    pub(super) skipped: String,
}

impl Shop {
    pub(super) async fn open(folder: &Path, backend: &Backend, network: &Network, sales: Option<&Path>) -> Result<Self, Failure> {
        let log = read_log(sales)?;
        let client = TillClient::over(network.transport(), backend);
        let keys = client.keys().await?;
        let root = PublicKey::from_base64url(&keys.root_key).map_err(Failure::failed)?;
        let document = b64::decode(&keys.document).ok_or_else(|| Failure::failed("the till's document is not base64url"))?;
        let till = Till::set_up(root, &document, Timestamp::now().as_second()).map_err(Failure::failed)?;
        let entropy = Arc::new(SystemEntropy);
        let mut master_key = [0; 32];
        entropy.fill(&mut master_key).map_err(Failure::failed)?;
        let files = folder.join("till");
        std::fs::create_dir_all(&files).map_err(Failure::failed)?;
        let clock = Arc::new(SystemClock::new());
        let outbox = TillOutbox::new(&files, master_key, &backend.backend, &backend.token, network.transport(), clock, entropy);
        import_sales::register_cards(&client, &log.sales).await?;
        let regular = most_frequent(&log).ok_or_else(|| Failure::unusable("the sales log names no customer"))?;
        Ok(Self { client, till, outbox, log, regular })
    }

    pub(super) fn about(&self) -> String {
        let first = self.log.sales.first().map_or("", |sale| sale.business_date.as_str());
        let last = self.log.sales.last().map_or("", |sale| sale.business_date.as_str());
        format!("UCI Online Retail, {} invoices, {first} to {last}", self.log.sales.len())
    }

    /// The plastic card that the shopper holds.
    pub(super) fn plastic_card(&self) -> &MemberNumber {
        &self.regular
    }

    /// The code that the online shop shows to the signed-in shopper.
    pub(super) async fn ec_code(&self) -> Result<String, Failure> {
        let answer: EcCode = self.client.post(paths::TILL_EC_CODES, &EcCodeRequest { account: EC_ACCOUNT.to_owned() }).await?;
        Ok(answer.code)
    }

    /// What the till says to a text that is scanned `later_s` seconds from now.
    pub(super) fn scan(&mut self, text: &str, sale: &str, later_s: i64) -> Answer {
        self.till.scan(text.as_bytes(), sale, Timestamp::now().as_second() + later_s)
    }

    /// Sells the whole log into the outbox. In the story the shopper used the plastic card until May 2011, the online shop from June on, and
    /// shows the app's card at the last purchase; the log itself says only who bought what and when.
    pub(super) fn sell(&self, scanned: &str) -> Result<Sold, Failure> {
        let last = self.log.sales.iter().rposition(|sale| sale.kind == ReceiptKind::Sale && self.is_regular(sale));
        let bar = output::progress("selling", self.log.sales.len() as u64);
        let mut batch = Vec::new();
        for (at, sale) in self.log.sales.iter().enumerate() {
            let mut sale = sale.clone();
            if Some(at) == last {
                sale.customer = Customer::Scanned { text: scanned.to_owned(), at_ms: Timestamp::now().as_millisecond() };
            } else if self.is_regular(&sale) && sale.business_date.as_str() >= "2011-06" {
                sale.channel = Channel::Ec;
                sale.customer = Customer::EcAccount { account: EC_ACCOUNT.to_owned() };
            }
            batch.push((sale.number.clone(), serde_json::to_string(&sale).map_err(Failure::failed)?));
            bar.inc(1);
        }
        self.outbox.enqueue_sales(batch).map_err(Failure::failed)?;
        bar.finish_and_clear();
        Ok(Sold {
            receipts: self.log.sales.len(),
            lines: self.log.sales.iter().map(|sale| sale.lines.len()).sum(),
            skipped: describe(&self.log.skipped),
        })
    }

    pub(super) fn waiting(&self) -> Result<usize, Failure> {
        Ok(self.outbox.waiting().map_err(Failure::failed)?.len())
    }

    pub(super) async fn deliver(&self) -> Result<(), Failure> {
        self.outbox.network_returned().map_err(Failure::failed)?;
        let report = self.outbox.send_due().await.map_err(Failure::failed)?;
        match report.open + report.refused {
            0 => Ok(()),
            _ => Err(Failure::failed(format!("the till could not deliver everything: {report:?}"))),
        }
    }

    fn is_regular(&self, sale: &SaleRequest) -> bool {
        matches!(&sale.customer, Customer::Number { number } if *number == self.regular)
    }
}

fn read_log(sales: Option<&Path>) -> Result<SalesLog, Failure> {
    let shop = sales_log::Shop {
        store_id: noren_backend::DEMO_STORE_ID.into(),
        store_name: "Noren Demo Store".to_owned(),
        channel: Channel::Store,
        currency: "GBP".to_owned(),
        time_zone: TimeZone::get("Asia/Tokyo").map_err(Failure::failed)?,
    };
    match sales {
        Some(path) => sales_log::read(path, &shop).map_err(Failure::unusable),
        None => sales_log::read_bytes(SLICE, &shop).map_err(Failure::unusable),
    }
}

fn most_frequent(log: &SalesLog) -> Option<MemberNumber> {
    let mut invoices: BTreeMap<&MemberNumber, usize> = BTreeMap::new();
    for sale in &log.sales {
        if let Customer::Number { number } = &sale.customer {
            *invoices.entry(number).or_default() += 1;
        }
    }
    invoices.into_iter().max_by_key(|(_, n)| *n).map(|(number, _)| number.clone())
}

fn describe(skipped: &BTreeMap<&'static str, u64>) -> String {
    if skipped.is_empty() {
        return "nothing".to_owned();
    }
    skipped.iter().map(|(reason, n)| format!("{n} {reason}")).collect::<Vec<_>>().join(", ")
}
