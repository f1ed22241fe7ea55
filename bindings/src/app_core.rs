//! The one object that an app opens.
//!
//! Every verb answers a `Result`, also where it has no error of its own: a defect in the core then reaches Swift as an error that can be caught.

use std::sync::Arc;

use noren_core::member::{CardView, MemberState, Submission, Symbology};
use noren_core::net::HttpTransport;
use noren_core::outbox::{IntentState, IntentView, SendReport};
use noren_core::platform::{ChangeObserver, DeviceKey, SecureStore, SystemClock, SystemEntropy};
use noren_core::purchases::{HistoryPage, MonthTotal, SyncReport};
use noren_core::replica::Freshness;
use noren_core::{Config, Diagnostics, ForgetReport, Noren, OpenError, Platform};
use noren_rules::ids::{IdempotencyKey, ReceiptId};
use noren_rules::receipt::Receipt;
use noren_rules::wire::Link;

use crate::cancel::CancelToken;
use crate::errors::NorenError;
use crate::runtime::run;

/// Where the core lives and whom it speaks to.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AppSettings {
    /// A directory of the app's own, excluded from backups.
    pub directory: String,
    /// The backend, for example `https://api.example.jp`.
    pub backend_url: String,
    /// Language of texts, `ja` or `en`.
    pub language: String,
    /// A name of the current boot, another one after each restart: Android's `BOOT_COUNT`, Apple's `kern.bootsessionuuid`. Empty: the kernel is asked,
    /// which works on desktops.
    pub boot_id: String,
}

/// The app core of one member on one device. Open one a directory, keep it for the life of the process.
#[derive(Debug, uniffi::Object)]
pub struct AppCore {
    noren: Noren,
}

/// Keeps an observer in place; dropping it, or `cancel()`, ends the observing.
#[derive(uniffi::Object)]
pub struct ObserverHandle {
    handle: noren_core::ObserverHandle,
}

#[uniffi::export]
impl ObserverHandle {
    /// Ends the observing now.
    pub fn cancel(&self) {
        self.handle.cancel();
    }
}

impl AppCore {
    pub(crate) fn noren(&self) -> &Noren {
        &self.noren
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl AppCore {
    /// Opens the core. Never touches the network; works with no network and with a full disk, as far as the card goes.
    ///
    /// # Errors
    /// `Open`: `Locked` before first unlock (nothing was changed), `NewerFile` after a downgrade, `Platform`, `Storage`.
    #[uniffi::constructor]
    pub fn open(
        settings: AppSettings,
        secure_store: Arc<dyn SecureStore>,
        device_key: Arc<dyn DeviceKey>,
    ) -> Result<Arc<Self>, NorenError> {
        let transport = HttpTransport::new().map_err(|error| NorenError::Runtime { reason: error.to_string() })?;
        let platform = Platform {
            secure_store,
            device_key,
            clock: Arc::new(if settings.boot_id.is_empty() { SystemClock::new() } else { SystemClock::with_boot_id(settings.boot_id) }),
            entropy: Arc::new(SystemEntropy),
            transport: Arc::new(transport),
        };
        let config = Config { directory: settings.directory.into(), backend_url: settings.backend_url, language: settings.language };
        let noren = Noren::open(config, platform).map_err(|error: OpenError| NorenError::from(error))?;
        Ok(Arc::new(Self { noren }))
    }

    /// Where this device stands: not enrolled, enrolled, or what was lost. Local, at once.
    ///
    /// # Errors
    /// None of its own.
    pub fn member(&self) -> Result<MemberState, NorenError> {
        Ok(self.noren.member().state())
    }

    /// Makes this device a member's card, without an account or taking one over. Needs the network once.
    ///
    /// # Errors
    /// `Member`; `Cancelled`.
    pub async fn enrol(&self, link: Option<Link>, cancel: Option<Arc<CancelToken>>) -> Result<MemberState, NorenError> {
        let member = self.noren.member();
        run(cancel, async move { member.enrol(link).await }).await
    }

    /// Joins the history of a card number or an account of the online shop to this member.
    ///
    /// # Errors
    /// `Member`; `Cancelled`.
    pub async fn link(&self, link: Link, cancel: Option<Arc<CancelToken>>) -> Result<Submission, NorenError> {
        let member = self.noren.member();
        run(cancel, async move { member.link(link).await }).await
    }

    /// Asks for points and links, if they have changed, and renews the credential if it is time. True when something changed.
    ///
    /// # Errors
    /// `Member`; `Cancelled`. What is shown stays as it was.
    pub async fn refresh_member(&self, cancel: Option<Arc<CancelToken>>) -> Result<bool, NorenError> {
        let member = self.noren.member();
        run(cancel, async move { member.refresh().await }).await
    }

    /// The card as it is to be shown now. Writes nothing, asks no server. Signing can be slow: off the screen's thread.
    ///
    /// # Errors
    /// `Member`: `NotEnrolled`, `Platform`, `NotDrawable`.
    pub fn card(&self, symbology: Symbology) -> Result<CardView, NorenError> {
        Ok(self.noren.member().card(symbology)?)
    }

    /// Makes the next step's code ahead of time, after one has been shown.
    ///
    /// # Errors
    /// As for `card`.
    pub fn prepare_next_card(&self) -> Result<(), NorenError> {
        Ok(self.noren.member().prepare_next()?)
    }

    /// Pulls receipts that are new or changed.
    ///
    /// # Errors
    /// `Purchases`; `Cancelled`. The pages before stay.
    pub async fn refresh_history(&self, cancel: Option<Arc<CancelToken>>) -> Result<SyncReport, NorenError> {
        let purchases = self.noren.purchases();
        run(cancel, async move { purchases.refresh().await }).await
    }

    /// A page of the timeline, newest first; `before` is `next` of the page before. Local.
    ///
    /// # Errors
    /// `Purchases`: `Storage`.
    pub fn history(&self, before: Option<i64>, limit: u32) -> Result<HistoryPage, NorenError> {
        Ok(self.noren.purchases().page(before, limit)?)
    }

    /// The newest receipts with a line whose description holds `text`: one character is enough; width, case and kana do not matter. Local.
    ///
    /// # Errors
    /// `Purchases`: `Storage`.
    pub fn search(&self, text: String, before: Option<i64>, limit: u32) -> Result<HistoryPage, NorenError> {
        Ok(self.noren.purchases().search_before(&text, before, limit)?)
    }

    /// A whole receipt with its lines. Local.
    ///
    /// # Errors
    /// `Purchases`: `NoSuchReceipt`, `Storage`.
    pub fn receipt(&self, id: ReceiptId) -> Result<Receipt, NorenError> {
        Ok(self.noren.purchases().receipt(&id)?)
    }

    /// Totals per month, currency and channel, newest month first. Local.
    ///
    /// # Errors
    /// `Purchases`: `Storage`.
    pub fn month_totals(&self) -> Result<Vec<MonthTotal>, NorenError> {
        Ok(self.noren.purchases().month_totals()?)
    }

    /// How fresh and how whole the history is. Local.
    ///
    /// # Errors
    /// `Purchases`: `Storage`.
    pub fn freshness(&self) -> Result<Freshness, NorenError> {
        Ok(self.noren.purchases().freshness()?)
    }

    /// Claims a receipt of a sale made without the card, by the code printed on it.
    ///
    /// # Errors
    /// `Purchases`: `ClaimRefused`…; `Cancelled`.
    pub async fn claim(&self, code: String, cancel: Option<Arc<CancelToken>>) -> Result<Submission, NorenError> {
        let purchases = self.noren.purchases();
        run(cancel, async move { purchases.claim(&code).await }).await
    }

    /// Everything on the device about purchases, as one JSON document. Local.
    ///
    /// # Errors
    /// `Purchases`: `Storage`.
    pub fn export_json(&self) -> Result<String, NorenError> {
        Ok(self.noren.purchases().export_json()?)
    }

    /// The same as a table, one row a line. Local.
    ///
    /// # Errors
    /// `Purchases`: `Storage`.
    pub fn export_csv(&self) -> Result<String, NorenError> {
        Ok(self.noren.purchases().export_csv()?)
    }

    /// Sends what is due. The shell calls it when the app comes to the front and when a job of the system runs.
    ///
    /// # Errors
    /// `Outbox`; `Cancelled`.
    pub async fn send_due(&self, cancel: Option<Arc<CancelToken>>) -> Result<SendReport, NorenError> {
        let outbox = self.noren.outbox();
        run(cancel, async move { outbox.send_due().await }).await
    }

    /// There is a network again: waits end now, and what is due is sent.
    ///
    /// # Errors
    /// `Outbox`; `Cancelled`.
    pub async fn network_returned(&self, cancel: Option<Arc<CancelToken>>) -> Result<SendReport, NorenError> {
        let outbox = self.noren.outbox();
        run(cancel, async move { outbox.network_returned().await }).await
    }

    /// What was said and has no answer, or was refused. Local.
    ///
    /// # Errors
    /// `Outbox`: `Storage`.
    pub fn waiting(&self) -> Result<Vec<IntentView>, NorenError> {
        Ok(self.noren.outbox().waiting()?)
    }

    /// Asks the server what became of an intent that may have arrived.
    ///
    /// # Errors
    /// `Outbox`; `Cancelled`.
    pub async fn resolve(&self, key: IdempotencyKey, cancel: Option<Arc<CancelToken>>) -> Result<IntentState, NorenError> {
        let outbox = self.noren.outbox();
        run(cancel, async move { outbox.resolve(&key).await }).await
    }

    /// Forgets the member: everything goes from the device now, and from the backend as soon as it can be reached. Drop this object then and open again.
    ///
    /// # Errors
    /// `Forget`; `Cancelled`.
    pub async fn forget_me(&self, cancel: Option<Arc<CancelToken>>) -> Result<ForgetReport, NorenError> {
        let noren = self.noren.clone();
        run(cancel, async move { noren.forget_me().await }).await
    }

    /// Before the system suspends the app: closes the databases so that no file lock is held. The card still shows.
    ///
    /// # Errors
    /// `Storage`; the databases are closed all the same.
    pub fn pause(&self) -> Result<(), NorenError> {
        Ok(self.noren.pause()?)
    }

    /// After `pause`.
    ///
    /// # Errors
    /// None of its own.
    pub fn resume(&self) -> Result<(), NorenError> {
        self.noren.resume();
        Ok(())
    }

    /// Tells `observer` what changes, until the answer is dropped or cancelled.
    ///
    /// # Errors
    /// None of its own.
    pub fn observe(&self, observer: Arc<dyn ChangeObserver>) -> Result<Arc<ObserverHandle>, NorenError> {
        Ok(Arc::new(ObserverHandle { handle: self.noren.observe(observer) }))
    }

    /// The state of files and clock for a support desk: no secret, no content. Local.
    ///
    /// # Errors
    /// None of its own.
    pub fn diagnostics(&self) -> Result<Diagnostics, NorenError> {
        Ok(self.noren.diagnostics())
    }
}
