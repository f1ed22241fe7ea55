//! What every request can reach.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use noren_rules::keys::id_from_bytes;

use crate::fault::Fault;
use crate::keys::KeyRing;
use crate::menus::Shops;
use crate::orders;
use crate::ranking::Rankings;
use crate::settings::Settings;
use crate::slots::Kitchens;
use crate::store::Store;

/// Letters and digits that cannot be taken for one another.
const UNAMBIGUOUS: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The running backend, shared by all requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) keys: KeyRing,
    pub(crate) store: Store,
    /// Writes that are being worked on, by caller, route and key.
    pub(crate) in_flight: Mutex<HashSet<InFlightKey>>,
    /// What was counted a moment ago.
    pub(crate) rankings: Mutex<Rankings>,
    /// What stores sell to order.
    pub(crate) shops: Mutex<Shops>,
    /// The books of kitchens: changed inside writes only.
    pub(crate) kitchens: Mutex<Kitchens>,
    /// One worker at a time calls the provider.
    pub(crate) order_work: tokio::sync::Mutex<()>,
    /// Wakes the worker.
    pub(crate) order_wake: tokio::sync::Notify,
    /// Who is told of changed orders.
    pub(crate) orders_told: orders::Told,
    /// True once the server stops: streams end.
    pub(crate) stopping: tokio::sync::watch::Sender<bool>,
}

pub(crate) type InFlightKey = ([u8; 32], &'static str, String);

/// What one request leaves is whole for the next, also where one has panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) fn new(settings: Settings, keys: KeyRing, store: Store) -> Self {
        Self(Arc::new(Shared {
            settings,
            keys,
            store,
            in_flight: Mutex::default(),
            rankings: Mutex::default(),
            shops: Mutex::default(),
            kitchens: Mutex::default(),
            order_work: tokio::sync::Mutex::default(),
            order_wake: tokio::sync::Notify::new(),
            orders_told: orders::Told::default(),
            stopping: tokio::sync::watch::Sender::new(false),
        }))
    }
}

impl Shared {
    /// The server's clock.
    pub(crate) fn now_ms(&self) -> i64 {
        (self.settings.clock)()
    }

    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        (self.settings.entropy)(&mut bytes).map_err(Fault::Entropy)?;
        Ok(bytes)
    }

    /// A new random id: 16 characters of lower-case base32.
    pub(crate) fn random_id(&self) -> Result<String, Fault> {
        self.random().map(|bytes| id_from_bytes(&bytes))
    }

    /// A serial of ten digits.
    pub(crate) fn random_serial(&self) -> Result<u64, Fault> {
        self.random().map(|bytes| u64::from_be_bytes(bytes) % 10_000_000_000)
    }

    /// Ten characters to print or to type, about 49 bits.
    pub(crate) fn random_code(&self) -> Result<String, Fault> {
        let random: [u8; 40] = self.random()?;
        let (words, _) = random.as_chunks::<4>();
        // Four bytes a letter: what the remainder favours is one part in a hundred million.
        let letter = |word: &[u8; 4]| {
            let at = usize::try_from(u32::from_be_bytes(*word)).unwrap_or(0) % UNAMBIGUOUS.len();
            UNAMBIGUOUS.get(at).map_or('2', |letter| char::from(*letter))
        };
        Ok(words.iter().map(letter).collect())
    }
}
