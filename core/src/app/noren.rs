//! The front door.

use std::path::PathBuf;
use std::sync::Arc;

use super::core::{Core, Sink};
use super::diagnostics::{self, Diagnostics};
use super::erasure::{self, Erasure, ForgetReport, ServerErasure};
use super::errors::{ForgetError, OpenError};
use super::installation::{self, Installation, STORE_NAME};
use super::observers::{ObserverHandle, Observers};
use super::outbox_service::OutboxService;
use crate::catalogue::{CatalogueService, CatalogueStore};
use crate::check_in::{CheckInService, CheckInStore};
use crate::coupons::{CouponStore, CouponsService};
use crate::holds::{HoldStore, HoldsService};
use crate::member::{
    CARD_FILE, Card, CardFileError, CardMaker, CardStore, EnrolmentCause, FACT_DEVICE_KEY, LostItem, LostKind, MemberService,
};
use crate::net::{Client, DeviceTokens};
use crate::ordering::{OrderingService, OrderingStore};
use crate::outbox::{OUTBOX_DB, Outbox, OutboxSettings, Vault};
use crate::places::{PlaceStore, PlacesService};
use crate::platform::{ChangeObserver, Platform, PlatformError};
use crate::purchases::{CACHE_DB, HistoryStore, PurchasesService};
use crate::replica::Collections;
use crate::signing::device_public_key;
use crate::stock::{StockService, StockStore};
use crate::storage::{Database, Sealer, StorageError};
use crate::time::TrustedClock;

/// Where the app core lives and whom it speaks to.
#[derive(Debug, Clone)]
pub struct Config {
    /// A directory of its own, excluded from backups. Made if it is not there.
    pub directory: PathBuf,
    /// The backend: scheme, host and port (`https://api.example.jp`).
    pub backend_url: String,
    /// The person's language (BCP 47: `ja`, `en`).
    pub language: String,
}

/// The app core of one member on one device. Cheap to clone; one directory, one [`Noren`] at a time.
#[derive(Clone, Debug)]
pub struct Noren {
    core: Arc<Core>,
}

impl Noren {
    /// Opens the app core. Never touches the network, and reads no more than the card needs: the databases are opened at first use.
    ///
    /// Files whose key is lost (a restored phone) are set aside and counted: `member().state()` then says what could not be kept. A "forget
    /// me" that was decided is carried on.
    ///
    /// # Errors
    /// `Locked` before first unlock (nothing was changed), `NewerFile` after a downgrade (nothing was changed), `Platform`, `Storage`.
    pub fn open(config: Config, platform: Platform) -> Result<Self, OpenError> {
        std::fs::create_dir_all(&config.directory).map_err(StorageError::from)?;
        let erasure = Erasure::load(&config.directory)?;
        carry_erasure_on(&config, &platform, &erasure)?;
        let installation = Installation::open(&config.directory, &platform)?;
        match Self::assemble(&config, &platform, installation, erasure)? {
            Opened::Good(core) => Ok(Self { core }),
            Opened::KeyLost(parts) => {
                let (installation, erasure) = *parts;
                let installation = installation.key_lost(&platform)?;
                match Self::assemble(&config, &platform, installation, erasure)? {
                    Opened::Good(core) => Ok(Self { core }),
                    // There are no files left to be without a key.
                    Opened::KeyLost(_) => Err(PlatformError::Invalidated.into()),
                }
            }
        }
    }

    fn assemble(config: &Config, platform: &Platform, installation: Installation, erasure: Erasure) -> Result<Opened, OpenError> {
        let directory = &config.directory;
        let sealer = Sealer::new(installation.master.clone(), platform.entropy.clone());
        let clock = Arc::new(TrustedClock::new(platform.clock.clone()));
        let card = Arc::new(CardStore::new(directory, sealer.clone(), &installation.id));
        let (loaded, damaged) = load_card(&card)?;
        if let Some(anchor) = loaded.as_ref().and_then(|card| card.anchor.clone()) {
            clock.adopt(anchor);
        }
        if loaded.as_ref().is_some_and(|card| !card.revoked) && !key_is(platform, loaded.as_deref())? {
            return Ok(Opened::KeyLost(Box::new((installation, erasure))));
        }
        installation.report_missing_outbox()?;
        let client = Client::new(platform.transport.clone(), &config.backend_url, clock.clone(), &config.language);
        let outbox_db = Arc::new(Database::new(directory, OUTBOX_DB));
        let cache_db = Arc::new(Database::encrypted(directory, CACHE_DB, &sealer));
        let vault = Vault::new(outbox_db.clone(), sealer.clone());
        let tokens = Arc::new(DeviceTokens::new(client.clone(), platform.device_key.clone(), vault.clone()));
        let history = HistoryStore::new(cache_db.clone());
        let observers = Arc::new(Observers::default());
        let places = PlaceStore::new(cache_db.clone());
        let check_ins = Arc::new(CheckInStore::new(outbox_db.clone(), vault, sealer.clone()));
        let coupons = Arc::new(CouponStore::new(cache_db.clone(), outbox_db.clone(), sealer.clone()));
        let stock = Arc::new(StockStore::new(cache_db.clone(), outbox_db.clone()));
        let catalogue = Arc::new(CatalogueStore::new(cache_db.clone(), outbox_db.clone(), sealer.clone()));
        let holds = Arc::new(HoldStore::new(cache_db.clone(), outbox_db.clone(), sealer.clone()));
        let ordering = Arc::new(OrderingStore::new(cache_db.clone(), outbox_db.clone(), sealer.clone()));
        let sink = Sink {
            card: card.clone(),
            clock: clock.clone(),
            history: history.clone(),
            places: places.clone(),
            check_ins: check_ins.clone(),
            coupons: coupons.clone(),
            stock: stock.clone(),
            catalogue: catalogue.clone(),
            holds: holds.clone(),
            ordering: ordering.clone(),
            observers: observers.clone(),
        };
        let outbox = Outbox::new(OutboxSettings {
            database: outbox_db.clone(),
            sealer,
            client: client.clone(),
            authorizer: tokens.clone(),
            entropy: platform.entropy.clone(),
            sink: Arc::new(sink),
        });
        if loaded.is_none() && outbox_db.path().exists() {
            // The answer to an enrolment may be waiting to be applied. A full disk is no reason not to open.
            if let Err(error) = outbox.start() {
                tracing::warn!("the outbox is looked at later: {error}");
            }
            if !made_key_stands(platform, &outbox)? {
                outbox_db.close();
                return Ok(Opened::KeyLost(Box::new((installation, erasure))));
            }
        }
        let loss = installation::last_loss(directory);
        let lost = match (
            &loss,
            damaged || diagnostics::set_aside(&diagnostics::list(directory)).iter().any(|name| name.starts_with(CARD_FILE)),
        ) {
            (_, true) => Some((EnrolmentCause::CardDamaged, vec![LostItem { what: LostKind::Card, count: 1 }])),
            (Some(loss), false) => Some((EnrolmentCause::KeyLost, loss.items.clone())),
            (None, false) => None,
        };
        Ok(Opened::Good(Arc::new(Core {
            directory: directory.clone(),
            installation,
            platform: platform.clone(),
            language: config.language.clone(),
            client,
            maker: CardMaker::new(platform.device_key.clone(), clock.clone()),
            clock,
            card,
            outbox,
            tokens,
            collections: Collections::new(cache_db.clone()),
            places,
            check_ins,
            coupons,
            stock,
            catalogue,
            holds,
            ordering,
            history,
            observers,
            erasure,
            pulling: tokio::sync::Mutex::new(()),
            pulling_areas: tokio::sync::Mutex::new(()),
            pulling_stock: tokio::sync::Mutex::new(()),
            lost,
            replaced_device: loss.and_then(|loss| loss.device),
            outbox_db,
            cache_db,
        })))
    }

    /// The member: enrolment, the card, linking.
    #[must_use]
    pub fn member(&self) -> MemberService {
        MemberService::new(self.core.clone())
    }

    /// Purchase history.
    #[must_use]
    pub fn purchases(&self) -> PurchasesService {
        PurchasesService::new(self.core.clone())
    }

    /// Stores and rest stops.
    #[must_use]
    pub fn places(&self) -> PlacesService {
        PlacesService::new(self.core.clone())
    }

    /// Check-in at places.
    #[must_use]
    pub fn check_in(&self) -> CheckInService {
        CheckInService::new(self.core.clone())
    }

    /// Coupons and stamps.
    #[must_use]
    pub fn coupons(&self) -> CouponsService {
        CouponsService::new(self.core.clone())
    }

    /// Stock of stores and of the online shop.
    #[must_use]
    pub fn stock(&self) -> StockService {
        StockService::new(self.core.clone())
    }

    /// Products: scanning, search, reviews, ranking, favourites.
    #[must_use]
    pub fn catalogue(&self) -> CatalogueService {
        CatalogueService::new(self.core.clone())
    }

    /// Holds in stores.
    #[must_use]
    pub fn holds(&self) -> HoldsService {
        HoldsService::new(self.core.clone())
    }

    /// Menus, carts and orders.
    #[must_use]
    pub fn ordering(&self) -> OrderingService {
        OrderingService::new(self.core.clone())
    }

    /// What was said and has not been answered.
    #[must_use]
    pub fn outbox(&self) -> OutboxService {
        OutboxService::new(self.core.clone())
    }

    /// Tells `observer` what changes, until the handle is dropped.
    #[must_use = "dropping the handle ends the observing"]
    pub fn observe(&self, observer: Arc<dyn ChangeObserver>) -> ObserverHandle {
        self.core.observers.add(observer)
    }

    /// Before the system suspends the app: waits for what is running, folds the logs in and closes the databases, so that no file lock is
    /// held (iOS ends apps that hold one: 0xdead10cc). The card still shows; other calls answer `Paused` until [`Noren::resume`].
    ///
    /// # Errors
    /// A storage error; the databases are closed all the same.
    pub fn pause(&self) -> Result<(), StorageError> {
        let outbox = self.core.outbox_db.pause();
        self.core.cache_db.pause().and(outbox)
    }

    /// After [`Noren::pause`].
    pub fn resume(&self) {
        self.core.outbox_db.resume();
        self.core.cache_db.resume();
    }

    /// Forgets the member (PROTOCOL, section 9): the decision is made durable, the master key is destroyed, all files are deleted whole. With
    /// no network only the erase intent and the device's key remain, and go with the server's answer. This [`Noren`] is closed then: open
    /// again to enrol again, or to let the server be told.
    ///
    /// # Errors
    /// `Platform` (`Locked`: nothing was changed); `Storage` (carried on at the next start).
    pub async fn forget_me(&self) -> Result<ForgetReport, ForgetError> {
        let core = &self.core;
        let is_decided = core.erasure.installation().as_deref() == Some(core.installation.id.as_str());
        let unsent = if is_decided { None } else { self.decide_to_forget()? };
        core.outbox_db.close();
        core.cache_db.close();
        core.card.forget();
        core.maker.forget();
        core.places.forget();
        core.check_ins.forget();
        core.coupons.forget();
        core.stock.forget();
        core.catalogue.forget();
        core.holds.forget();
        core.ordering.forget();
        installation::delete_all(&core.directory, erasure::FILE)?;
        if let Some(server) = unsent {
            return Ok(ForgetReport { server });
        }
        core.observers.tell(crate::platform::Change::Member);
        let server = core.erasure.send(&core.client, &core.platform).await?;
        Ok(ForgetReport { server: server.unwrap_or(ServerErasure::Done) })
    }

    /// Decides, and destroys the master key. Answers what became of it on the server when the server cannot or need not be told.
    fn decide_to_forget(&self) -> Result<Option<ServerErasure>, ForgetError> {
        let core = &self.core;
        let enrolled =
            core.card.get().is_some() || (core.outbox_db.path().exists() && core.outbox.fact(FACT_DEVICE_KEY).ok().flatten().is_some());
        let unsent = if !enrolled {
            Some(if core.lost.is_some() { ServerErasure::KeyLost } else { ServerErasure::NothingThere })
        } else {
            match core.erasure.decide(&core.platform, &core.installation.id) {
                Ok(()) => None,
                Err(ForgetError::Platform { error: PlatformError::NotFound | PlatformError::Invalidated }) => Some(ServerErasure::KeyLost),
                Err(error) => return Err(error),
            }
        };
        // The key first: from here on the sealed values are noise, whatever becomes of the files.
        if let Err(error) = core.platform.secure_store.delete(STORE_NAME.into()) {
            core.erasure.take_back()?;
            return Err(error.into());
        }
        if unsent.is_some() {
            core.platform.device_key.delete()?;
        }
        Ok(unsent)
    }

    /// The state of files and clock for a support desk. Opens the databases; holds no secret and no content.
    #[must_use]
    pub fn diagnostics(&self) -> Diagnostics {
        let core = &self.core;
        let open_intents = core.outbox.waiting().ok().map(|waiting| waiting.iter().filter(|view| view.state.is_open()).count());
        let receipts = core.history.count().ok();
        let files = diagnostics::list(&core.directory);
        Diagnostics {
            version: env!("CARGO_PKG_VERSION").into(),
            time: core.clock.now(),
            set_aside: diagnostics::set_aside(&files),
            files,
            lost: core.lost.as_ref().map(|(_, lost)| lost.clone()).unwrap_or_default(),
            notices: [core.outbox_db.damage(), core.cache_db.damage()].concat(),
            open_intents: open_intents.and_then(|count| u32::try_from(count).ok()),
            receipts,
        }
    }
}

enum Opened {
    Good(Arc<Core>),
    KeyLost(Box<(Installation, Erasure)>),
}

/// A "forget me" that was decided before a crash: the rest of it, before anything else is read.
fn carry_erasure_on(config: &Config, platform: &Platform, erasure: &Erasure) -> Result<(), OpenError> {
    let Some(forgotten) = erasure.installation() else { return Ok(()) };
    let current = installation::installation_id(&config.directory);
    if current.is_none_or(|current| current == forgotten) {
        platform.secure_store.delete(STORE_NAME.into())?;
        installation::delete_all(&config.directory, erasure::FILE)?;
    }
    Ok(())
}

/// The card, and whether its file was damaged (it is then set aside).
fn load_card(store: &CardStore) -> Result<(Option<Arc<Card>>, bool), OpenError> {
    match store.load() {
        Ok(card) => Ok((card, false)),
        Err(CardFileError::Damaged) => {
            store.set_aside()?;
            Ok((None, true))
        }
        Err(CardFileError::Newer { found }) => {
            Err(OpenError::NewerFile { file: CARD_FILE.into(), found, supported: CardStore::supported_version() })
        }
        Err(CardFileError::Storage(error)) => Err(error.into()),
    }
}

/// True when the device's key is the one that the card's credential names.
fn key_is(platform: &Platform, card: Option<&Card>) -> Result<bool, OpenError> {
    let expected = card.and_then(Card::signed_credential).map(|credential| credential.credential().device_key);
    match device_public_key(platform.device_key.as_ref()) {
        Ok(key) => Ok(expected == Some(key)),
        Err(PlatformError::NotFound | PlatformError::Invalidated) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// True unless this installation has made a key that is no longer there: what waits under it can never be sent.
fn made_key_stands(platform: &Platform, outbox: &Outbox) -> Result<bool, OpenError> {
    let Some(made) = outbox.fact(FACT_DEVICE_KEY).ok().flatten() else { return Ok(true) };
    match device_public_key(platform.device_key.as_ref()) {
        Ok(key) => Ok(key.to_base64url() == made),
        Err(PlatformError::NotFound | PlatformError::Invalidated) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
