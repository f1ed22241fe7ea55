//! Cancelling an async verb: Swift's Task does not reach Rust, so every language gets the same token.

use tokio::sync::watch;

/// Ends the async verbs that it was given to. One token can be given to several; once cancelled it stays so.
#[derive(Debug, uniffi::Object)]
pub struct CancelToken {
    cancelled: watch::Sender<bool>,
}

impl Default for CancelToken {
    fn default() -> Self {
        Self { cancelled: watch::Sender::new(false) }
    }
}

#[uniffi::export]
impl CancelToken {
    /// A token that has not been cancelled.
    #[uniffi::constructor]
    #[must_use]
    pub fn new() -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self::default())
    }

    /// Ends the verbs now: they answer `Cancelled`. What was on its way may still arrive; the outbox knows and asks.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// True once it has been cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }
}

impl CancelToken {
    pub(crate) async fn cancelled(&self) {
        let mut changes = self.cancelled.subscribe();
        // The sender lives as long as this borrow of it: waiting cannot fail.
        let _ = changes.wait_for(|cancelled| *cancelled).await;
    }
}
