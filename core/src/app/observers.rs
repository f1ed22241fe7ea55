//! Who wants to know of changes.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::platform::{Change, ChangeObserver};

type Listeners = Mutex<Vec<(u64, Arc<dyn ChangeObserver>)>>;

/// The observers of one app core.
#[derive(Default)]
pub(crate) struct Observers {
    listeners: Arc<Listeners>,
    next: Mutex<u64>,
}

impl Observers {
    pub(crate) fn add(&self, observer: Arc<dyn ChangeObserver>) -> ObserverHandle {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = next.wrapping_add(1);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push((*next, observer));
        ObserverHandle { id: *next, listeners: Arc::downgrade(&self.listeners) }
    }

    /// Tells all, outside of every lock, so that an observer may cancel itself.
    pub(crate) fn tell(&self, what: Change) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (_, listener) in listeners {
            if let Err(error) = listener.changed(what) {
                tracing::warn!("an observer failed: {error}");
            }
        }
    }
}

impl std::fmt::Debug for Observers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observers").finish_non_exhaustive()
    }
}

/// Keeps an observer in place; dropping it ends the observing.
pub struct ObserverHandle {
    id: u64,
    listeners: Weak<Listeners>,
}

impl ObserverHandle {
    /// Ends the observing now; calling it again does nothing.
    pub fn cancel(&self) {
        if let Some(listeners) = self.listeners.upgrade() {
            listeners.lock().unwrap_or_else(PoisonError::into_inner).retain(|(id, _)| *id != self.id);
        }
    }
}

impl Drop for ObserverHandle {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl std::fmt::Debug for ObserverHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObserverHandle").field("id", &self.id).finish_non_exhaustive()
    }
}
