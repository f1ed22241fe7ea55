//! A clock that the story passes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use noren_core::platform::{Clock, SystemClock};

/// The system's clocks, and how far the story is ahead of them. An hour on the road takes no hour to tell: phone, till and backend share this one.
#[derive(Debug, Clone, Default)]
pub struct StoryClock {
    system: SystemClock,
    ahead_ms: Arc<AtomicI64>,
}

impl StoryClock {
    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.system.wall_ms().saturating_add(self.ahead_ms.load(Ordering::SeqCst))
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1_000)
    }

    /// Passes time. It never goes back.
    pub fn pass_ms(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms.max(0), Ordering::SeqCst);
    }

    /// Passes the time until a moment; nothing when that is over already.
    pub fn pass_until_ms(&self, at_ms: i64) {
        self.pass_ms(at_ms.saturating_sub(self.now_ms()));
    }
}

impl Clock for StoryClock {
    fn wall_ms(&self) -> i64 {
        self.now_ms()
    }

    fn boot_ms(&self) -> i64 {
        self.system.boot_ms().saturating_add(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn boot_id(&self) -> String {
        self.system.boot_id()
    }
}
