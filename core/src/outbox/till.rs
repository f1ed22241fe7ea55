//! An outbox for a till: sales wait through an outage too, and never expire.

use std::path::Path;
use std::sync::Arc;

use noren_rules::ids::IdempotencyKey;
use noren_rules::wire::paths;
use zeroize::Zeroizing;

use super::tables::OUTBOX_DB;
use super::{IntentView, NewIntent, NoSink, Outbox, OutboxError, OutboxSettings, Outcome, SendReport};
use crate::net::{Client, StaticToken, Transport};
use crate::platform::{Clock, Entropy};
use crate::storage::{Database, Sealer};
use crate::time::TrustedClock;

/// A till's outbox: one lane of sales and voids, in order.
#[derive(Debug)]
pub struct TillOutbox {
    outbox: Outbox,
    database: Arc<Database>,
}

impl TillOutbox {
    /// The lane of sales and voids.
    pub const LANE: &'static str = "sales";

    /// An outbox in `directory` (its file is made at first use), for the till that `token` names at the backend. `master_key` seals the
    /// bodies: the point of sale keeps it where it keeps its own secrets.
    #[must_use]
    pub fn new(
        directory: &Path,
        master_key: [u8; 32],
        backend_url: &str,
        token: &str,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let client = Client::new(transport, backend_url, Arc::new(TrustedClock::new(clock)), "en");
        let database = Arc::new(Database::new(directory, OUTBOX_DB));
        let outbox = Outbox::new(OutboxSettings {
            database: database.clone(),
            sealer: Sealer::new(Zeroizing::new(master_key), entropy.clone()),
            client,
            authorizer: Arc::new(StaticToken::new(token)),
            entropy,
            sink: Arc::new(NoSink),
        });
        Self { outbox, database }
    }

    /// Keeps a sale (JSON of `wire::SaleRequest`), durably. `number` is the receipt's: while one is open, the same number is kept once.
    ///
    /// # Errors
    /// When it could not be kept: there is then no intent.
    pub fn enqueue_sale(&self, number: &str, sale_json: String) -> Result<IdempotencyKey, OutboxError> {
        self.outbox.enqueue(&Self::sale(number, sale_json))
    }

    /// Keeps many sales in one durable step, all or none.
    ///
    /// # Errors
    /// When they could not be kept: there is then none of them.
    pub fn enqueue_sales(&self, sales: Vec<(String, String)>) -> Result<Vec<IdempotencyKey>, OutboxError> {
        let intents: Vec<NewIntent> = sales.into_iter().map(|(number, json)| Self::sale(&number, json)).collect();
        self.outbox.enqueue_all(&intents)
    }

    /// Keeps a void (JSON of `wire::VoidRequest`), behind the sales before it.
    ///
    /// # Errors
    /// When it could not be kept: there is then no intent.
    pub fn enqueue_void(&self, number: &str, void_json: String) -> Result<IdempotencyKey, OutboxError> {
        self.outbox.enqueue(&Self::intent("void", paths::TILL_VOIDS, number, void_json))
    }

    /// Sends what is due, in order.
    ///
    /// # Errors
    /// A storage error.
    pub async fn send_due(&self) -> Result<SendReport, OutboxError> {
        self.outbox.send_due().await
    }

    /// There is a network again: waits end now.
    ///
    /// # Errors
    /// A storage error.
    pub fn network_returned(&self) -> Result<(), OutboxError> {
        self.outbox.network_returned()
    }

    /// What is open or refused.
    ///
    /// # Errors
    /// A storage error.
    pub fn waiting(&self) -> Result<Vec<IntentView>, OutboxError> {
        self.outbox.waiting()
    }

    /// What the backend answered to a sale (JSON of `wire::SaleAnswer`), once it is done.
    ///
    /// # Errors
    /// A storage error.
    pub fn answer(&self, key: &IdempotencyKey) -> Result<Option<Outcome>, OutboxError> {
        self.outbox.outcome(key)
    }

    /// The outbox itself: resolve, dismiss, try again.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Folds the write-ahead log in and closes the file.
    ///
    /// # Errors
    /// A storage error; the file is closed all the same.
    pub fn close(&self) -> Result<(), OutboxError> {
        let paused = self.database.pause();
        self.database.close();
        Ok(paused?)
    }

    fn sale(number: &str, json: String) -> NewIntent {
        Self::intent("sale", paths::TILL_SALES, number, json)
    }

    fn intent(kind: &str, path: &str, number: &str, body: String) -> NewIntent {
        NewIntent {
            lane: Self::LANE.into(),
            kind: kind.into(),
            path: path.into(),
            body,
            authorized: true,
            expires_at_ms: None,
            subject: Some(number.to_owned()),
        }
    }
}
