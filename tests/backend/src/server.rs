//! Starting, running and stopping.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use noren_rules::b64;
use noren_rules::ids::{DeviceId, MemberId, StoreId, TillId};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::app::App;
use crate::fault::Fault;
use crate::keys::{KeyFileError, KeyRing};
use crate::payments::{PaymentSandbox, SANDBOX_FILE, SandboxError};
use crate::settings::{DemoTill, Settings};
use crate::store::{DATABASE, OpenError, Store};
use crate::{DEMO_OPERATOR_TOKEN, DEMO_TILL_TOKEN, cards, conditions, devices, http, members, offers, orders, receipts, tills};

/// How long requests may go on after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(10);
const MIN_TOKEN: usize = 8;

/// Why the backend does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program listens there.
    #[error("{address} is in use: choose another port, or stop what listens there")]
    PortInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data directory cannot be made or used.
    #[error("the data directory cannot be used: {0}")]
    Directory(#[source] std::io::Error),
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The payment sandbox cannot be opened.
    #[error(transparent)]
    Payments(#[from] SandboxError),
    /// The key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// Everyone knows the demo PINs and the demo token.
    #[error("cards with demo PINs, or a well-known demo token, are only for a server on loopback: {0}")]
    DemoExposed(&'static str),
    /// A setting is out of range.
    #[error("a setting cannot be used: {0}")]
    Setting(&'static str),
    /// Reading or writing the first rows failed.
    #[error("the database cannot be used: {0}")]
    FirstUse(String),
}

/// Why an operator's call failed.
#[derive(Debug, thiserror::Error)]
#[error("the call failed: {0}")]
pub struct OperatorError(String);

impl From<Fault> for OperatorError {
    fn from(fault: Fault) -> Self {
        Self(fault.to_string())
    }
}

/// A running backend. Dropping it stops it hard; [`Backend::shutdown`] stops it gently.
pub struct Backend {
    app: App,
    router: Router,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
    serving: Option<JoinHandle<()>>,
    worker: Option<JoinHandle<()>>,
    // Last, so that the directory goes after everything that uses it.
    _temporary: Option<TempDir>,
}

/// Starts the backend: opens or makes the data directory, migrates, registers the demo till, listens.
///
/// # Errors
/// [`StartError`] says what to change.
pub async fn start(settings: Settings) -> Result<Backend, StartError> {
    check(&settings)?;
    let temporary = match settings.data {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("noren-backend-").tempdir().map_err(StartError::Directory)?),
    };
    let directory = settings.data.clone().or_else(|| temporary.as_ref().map(|made| made.path().to_owned())).unwrap_or_default();
    let address = SocketAddr::new(settings.host, settings.port);
    // Listening comes first: a second server on the same port must not touch the data of the first.
    let listener = listen(address).await?;
    let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
    let app = tokio::task::spawn_blocking(move || open(settings, &directory))
        .await
        .map_err(|error| StartError::FirstUse(error.to_string()))??;
    first_use(&app).await?;
    let (stop, stopped) = watch::channel(false);
    let (end, ended) = watch::channel(false);
    // What was noted before a kill is done first.
    orders::begin(&app).await.map_err(|fault| StartError::FirstUse(fault.to_string()))?;
    let worker = app.settings.order_tick.map(|tick| tokio::spawn(work(app.clone(), tick)));
    let router = http::router(app.clone());
    let served = router.clone();
    let serving = tokio::spawn(async move {
        serve(listener, served, stopped).await;
        end.send_replace(true);
    });
    tracing::info!(%address, "listening");
    Ok(Backend { app, router, address, stop, ended, serving: Some(serving), worker, _temporary: temporary })
}

fn check(settings: &Settings) -> Result<(), StartError> {
    if settings.minor_per_point <= 0 {
        return Err(StartError::Setting("minor_per_point must be above zero"));
    }
    let is_token = |token: &str| token.len() >= MIN_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic());
    if let Some(token) = &settings.operator_token {
        if !is_token(token) {
            return Err(StartError::Setting("the operator's token needs at least 8 visible ASCII characters"));
        }
        if token == DEMO_OPERATOR_TOKEN && !settings.is_loopback() {
            return Err(StartError::DemoExposed("give the operator a token of its own"));
        }
    }
    if let Some(till) = &settings.till {
        if !is_token(&till.token) {
            return Err(StartError::Setting("the till's token needs at least 8 visible ASCII characters"));
        }
        if till.token == DEMO_TILL_TOKEN && !settings.is_loopback() {
            return Err(StartError::DemoExposed("give the till a token of its own"));
        }
    }
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => StartError::PortInUse { address },
        _ => StartError::Listen { address, source },
    })
}

fn open(mut settings: Settings, directory: &Path) -> Result<App, StartError> {
    std::fs::create_dir_all(directory).map_err(StartError::Directory)?;
    let now_ms = (settings.clock)();
    let database_exists = directory.join(DATABASE).exists();
    let keys = KeyRing::open(directory, database_exists, &settings.entropy, now_ms.div_euclid(1000))?;
    let mut life = [0; 9];
    (settings.entropy)(&mut life).map_err(KeyFileError::Io)?;
    let store = Store::open(directory, settings.durability(), &b64::encode(&life), now_ms)?;
    // Money that anybody makes by naming a token is for nobody but oneself. Elsewhere it is a provider that the settings name, or the counter.
    if settings.payments.is_none() && settings.is_loopback() {
        settings.payments = Some(Arc::new(PaymentSandbox::open(&directory.join(SANDBOX_FILE), Arc::clone(&settings.clock))?));
    }
    Ok(App::new(settings, keys, store))
}

async fn first_use(app: &App) -> Result<(), StartError> {
    let (shared, till) = (app.clone(), app.settings.till.clone());
    let write = app.store.write(move |db| {
        if let Some(DemoTill { till_id, store_id, token }) = till {
            tills::register(db, &till_id, &store_id, &token, shared.now_ms())?;
        }
        // A rotation whose commit was lost in a crash must not go unnoticed: a start counts as a change.
        devices::lists_changed(db)?;
        cards::any_demo(db)
    });
    let demo_pins = write.await.map_err(|fault| StartError::FirstUse(fault.to_string()))?;
    if demo_pins && !app.settings.is_loopback() {
        return Err(StartError::DemoExposed("this data directory has cards with demo PINs"));
    }
    Ok(())
}

/// Looks after orders: when something may be to do, and every tick.
async fn work(app: App, tick: Duration) {
    loop {
        match orders::settle(&app).await {
            Ok(()) => {}
            Err(Fault::Closed) => return,
            Err(fault) => tracing::error!(%fault, "orders wait for the next look"),
        }
        // Woken meanwhile, or by time.
        let _ = tokio::time::timeout(tick, app.order_wake.notified()).await;
    }
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let mut deadline = stopped.clone();
    let graceful = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let late = async move {
        let _ = deadline.wait_for(|stop| *stop).await;
        tokio::time::sleep(DRAIN).await;
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(graceful);
    tokio::select! {
        served = serving => if let Err(error) = served { tracing::error!(%error, "the server ended") },
        () = late => tracing::warn!("some requests did not end in time"),
    }
}

impl Backend {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The base of all paths, without a slash at the end: `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers a request of this process as it would one that came over the network, without a socket: the status, and the body.
    ///
    /// # Errors
    /// [`OperatorError`] for what is no request, or a body that breaks off.
    pub async fn answer(
        &self,
        method: &str,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(u16, Vec<u8>), OperatorError> {
        let failed = |error: &dyn std::fmt::Display| OperatorError(error.to_string());
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri(path_and_query), |request, (name, value)| request.header(*name, *value));
        let request = request.body(Body::from(body)).map_err(|error| failed(&error))?;
        let Ok(response) = self.router.clone().oneshot(request).await;
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.map_err(|error| failed(&error))?;
        Ok((status, bytes.to_vec()))
    }

    /// Ends when the server answers no more, for whatever reason; for a program that has nothing else to do.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut ended = self.ended.clone();
        async move {
            // An error means that the task was aborted: that is an end too.
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }

    /// Stops gently: takes no new connections, finishes the requests that are there (10 s at most), empties the write-ahead log, closes.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        self.app.stopping.send_replace(true);
        if let Some(serving) = self.serving.take() {
            let _ = serving.await;
        }
        if let Some(worker) = self.worker.take() {
            worker.abort();
            let _ = worker.await;
        }
        let app = self.app.clone();
        let _ = tokio::task::spawn_blocking(move || app.store.close()).await;
        tracing::info!("stopped");
    }

    /// Does what the clock and the payment provider have to do for orders by now, and tells phones of it. The backend does so by itself, unless
    /// [`Settings::order_tick`] is `None`.
    ///
    /// # Errors
    /// [`OperatorError`] when it cannot be written.
    pub async fn settle(&self) -> Result<(), OperatorError> {
        Ok(orders::settle(&self.app).await?)
    }

    /// Registers a till, or gives a known one another token. The token comes from the operator: long and random.
    ///
    /// # Errors
    /// [`OperatorError`] when it cannot be written, for instance because another till has the token.
    pub async fn register_till(&self, till: TillId, store: StoreId, token: String) -> Result<(), OperatorError> {
        self.write(move |db, app| tills::register(db, &till, &store, &token, app.now_ms())).await
    }

    /// Takes a till's token away. True when it had one.
    ///
    /// # Errors
    /// [`OperatorError`] when it cannot be written.
    pub async fn revoke_till(&self, till: TillId) -> Result<bool, OperatorError> {
        self.write(move |db, app| tills::revoke(db, &till, app.now_ms())).await
    }

    /// A new issuer key signs credentials from now on; the one before is taken for another 30 days.
    ///
    /// # Errors
    /// [`OperatorError`] when key file or database cannot be written.
    pub async fn rotate_issuer(&self) -> Result<(), OperatorError> {
        let rotate = |db: &Connection, app: &App| {
            app.keys.rotate(&app.settings.entropy, app.now_ms().div_euclid(1000)).map_err(Fault::Keys)?;
            offers::sign_again(db, app)?;
            conditions::sign_again(db, app)?;
            devices::lists_changed(db)
        };
        self.write(rotate).await
    }

    /// Says that a member is staff, or no more: staff have no offers. True when that was not known.
    ///
    /// # Errors
    /// [`OperatorError`] when it cannot be written.
    pub async fn set_staff(&self, member: MemberId, staff: bool) -> Result<bool, OperatorError> {
        self.write(move |db, _| members::set_staff(db, &member, staff)).await
    }

    /// Lends grants for offline tills again to a device that lost them by using one twice. True when it had lost them.
    ///
    /// # Errors
    /// [`OperatorError`] when it cannot be written.
    pub async fn allow_leases(&self, device: DeviceId) -> Result<bool, OperatorError> {
        self.write(move |db, _| devices::allow_leases(db, &device)).await
    }

    /// Marks a receipt as printed again (再発行). True when there is such a receipt and it was not marked before.
    ///
    /// # Errors
    /// [`OperatorError`] when it cannot be written.
    pub async fn mark_reissued(&self, till: TillId, number: String) -> Result<bool, OperatorError> {
        let mark = move |db: &Connection, app: &App| match receipts::find(db, &till, &number)? {
            Some(stored) => receipts::set_reissued(db, &stored.receipt.id, app.now_ms()),
            None => Ok(false),
        };
        self.write(mark).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &App) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, OperatorError> {
        let app = self.app.clone();
        Ok(self.app.store.write(move |db| work(db, &app)).await?)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.app.stopping.send_replace(true);
        for task in [self.serving.take(), self.worker.take()].into_iter().flatten() {
            task.abort();
        }
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").field("address", &self.address).finish_non_exhaustive()
    }
}
