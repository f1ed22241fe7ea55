//! The till of a shop at a rest stop: member and coupons in one scan, with no network.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use noren_core::net::{Client, Transport};
use noren_core::outbox::TillOutbox;
use noren_core::platform::{Entropy, SystemEntropy};
use noren_core::time::TrustedClock;
use noren_rules::b64;
use noren_rules::basket::{Basket, BasketLine};
use noren_rules::ids::IdempotencyKey;
use noren_rules::keys::PublicKey;
use noren_rules::receipt::{Channel, ReceiptKind, ReceiptLine};
use noren_rules::wire::{Customer, SaleAnswer, SaleRequest, TillKeys, paths};
use noren_till::{Answer, Language, PricedBasket, Scanned, Till};

use super::{StoryClock, text};

/// The till.
pub const TILL: &str = "nashio-1";
/// Its store.
pub const STORE: &str = "nashio-shop";
/// Its token, for a backend on loopback.
pub const TILL_TOKEN: &str = "noren-demo-rest-stop";

/// What is bought: article, class and description, amount in yen with tax, tax in thousandths.
const GOODS: [(&str, &str, i64, u32); 3] =
    [("bento-saba", "鯖寿司弁当", 980, 80), ("coffee-blend", "ブレンドコーヒー", 320, 80), ("goods-towel", "手ぬぐい", 660, 100)];

/// A sale that waits in the till.
#[derive(Debug, Clone)]
pub struct Sold {
    /// The number printed on its receipt.
    pub number: String,
    /// What the scan said.
    pub scanned: Answer,
    /// What the coupons took off, and why others did not.
    pub priced: PricedBasket,
    key: IdempotencyKey,
}

/// A point of sale that embeds `noren_till`.
pub struct RestStopTill {
    client: Client,
    authorization: String,
    till: Till,
    outbox: TillOutbox,
    clock: StoryClock,
}

impl RestStopTill {
    /// Sets it up with a network. The till remembers from now on; what it may spend offline comes with its next document.
    ///
    /// # Errors
    /// What the backend refused, or that its document does not verify.
    pub async fn set_up(files: &Path, backend_url: &str, transport: Arc<dyn Transport>, clock: &StoryClock) -> Result<Self, String> {
        let trusted = Arc::new(TrustedClock::new(Arc::new(clock.clone())));
        let client = Client::new(transport.clone(), backend_url, trusted, "en");
        let authorization = format!("Bearer {TILL_TOKEN}");
        let keys: TillKeys = client.get_json(paths::TILL_KEYS, Some(&authorization)).await.map_err(text)?;
        let root = PublicKey::from_base64url(&keys.root_key).map_err(text)?;
        let till = Till::set_up(root, &document(&keys)?, clock.now_s()).map_err(text)?.with_id(TILL.into());
        let entropy = Arc::new(SystemEntropy);
        let mut master_key = [0; 32];
        entropy.fill(&mut master_key).map_err(text)?;
        std::fs::create_dir_all(files).map_err(text)?;
        let outbox = TillOutbox::new(files, master_key, backend_url, TILL_TOKEN, transport, Arc::new(clock.clone()), entropy);
        Ok(Self { client, authorization, till, outbox, clock: clock.clone() })
    }

    /// Fetches a newer document: offers, conditions, the kill list, its share of the budgets.
    ///
    /// # Errors
    /// As for [`Self::set_up`].
    pub async fn update(&mut self) -> Result<(), String> {
        let keys: TillKeys = self.client.get_json(paths::TILL_KEYS, Some(&self.authorization)).await.map_err(text)?;
        self.till.update(&document(&keys)?).map_err(text)
    }

    /// What it knows of coupons, and how old that is, for the cashier.
    #[must_use]
    pub fn knows(&self, language: Language) -> [String; 3] {
        self.till.coupon_summary().lines(language, self.clock.now_s())
    }

    /// Reads the card, takes the best set of its coupons off the basket, keeps the sale. Needs no network.
    ///
    /// # Errors
    /// A card that the till does not take, or a disk that does not.
    pub fn sell(&mut self, card: &str, number: &str) -> Result<Sold, String> {
        let now_s = self.clock.now_s();
        let scanned = self.till.scan(card.as_bytes(), number, now_s);
        let Scanned::Member(member) = &scanned.scanned else {
            return Err(format!("the till did not take the card: {:?}", scanned.scanned));
        };
        let priced = self.till.price(member, &basket()?, number, None, now_s).map_err(text)?;
        let sale = self.sale(card, number, &priced)?;
        let json = serde_json::to_string(&sale).map_err(text)?;
        let key = self.outbox.enqueue_sale(number, json).map_err(text)?;
        Ok(Sold { number: number.to_owned(), scanned, priced, key })
    }

    /// Sales that wait for a network.
    ///
    /// # Errors
    /// A disk that does not answer.
    pub fn waiting(&self) -> Result<usize, String> {
        Ok(self.outbox.waiting().map_err(text)?.len())
    }

    /// Delivers what waits.
    ///
    /// # Errors
    /// That something could not be delivered, or was refused.
    pub async fn deliver(&self) -> Result<(), String> {
        self.outbox.network_returned().map_err(text)?;
        let report = self.outbox.send_due().await.map_err(text)?;
        if report.open + report.refused == 0 { Ok(()) } else { Err(format!("the till could not deliver everything: {report:?}")) }
    }

    /// What the backend said of a sale.
    ///
    /// # Errors
    /// That it has not said anything yet.
    pub fn answer(&self, sold: &Sold) -> Result<SaleAnswer, String> {
        let outcome = self.outbox.answer(&sold.key).map_err(text)?.ok_or("the sale was not delivered yet")?;
        serde_json::from_str(&outcome.body).map_err(text)
    }

    fn sale(&self, card: &str, number: &str, priced: &PricedBasket) -> Result<SaleRequest, String> {
        let now_ms = self.clock.now_ms();
        let at = Timestamp::from_millisecond(now_ms).map_err(text)?.to_zoned(TimeZone::get("Asia/Tokyo").map_err(text)?);
        let discounts = priced.set.line_discounts.iter().copied().chain(std::iter::repeat(0));
        let lines = GOODS.iter().zip(discounts).map(|((sku, name, amount_minor, tax_permille), discount_minor)| ReceiptLine {
            sku: (*sku).to_owned(),
            description: (*name).to_owned(),
            quantity: 1,
            amount_minor: amount_minor - discount_minor,
            tax_permille: Some(*tax_permille),
            reduced_rate: *tax_permille == 80,
        });
        Ok(SaleRequest {
            number: number.to_owned(),
            channel: Channel::Store,
            kind: ReceiptKind::Sale,
            of: None,
            sold_at_ms: now_ms,
            business_date: at.date().to_string(),
            store_id: STORE.into(),
            store_name: "なしお屋".to_owned(),
            issuer: None,
            currency: "JPY".to_owned(),
            lines: lines.collect(),
            total_minor: priced.set.total_minor,
            taxes: None,
            customer: Customer::Scanned { text: card.to_owned(), at_ms: now_ms },
            coupons: Some(priced.coupons.clone()),
        })
    }
}

fn document(keys: &TillKeys) -> Result<Vec<u8>, String> {
    b64::decode(&keys.document).ok_or("the till's document is not base64url".to_owned())
}

fn basket() -> Result<Basket, String> {
    let line = |(sku, _, amount_minor, tax_permille): (&str, &str, i64, u32)| BasketLine {
        sku: sku.to_owned(),
        class: None,
        quantity: 1,
        amount_minor,
        tax_permille: Some(tax_permille),
        greatest_discount_minor: None,
    };
    Basket::new("JPY", GOODS.map(line).into()).map_err(text)
}
