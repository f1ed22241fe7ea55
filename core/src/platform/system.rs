//! The clocks and the randomness of the operating system.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Clock, Entropy, PlatformError};

/// Randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), PlatformError> {
        getrandom::fill(buffer).map_err(|error| PlatformError::Failed { reason: error.to_string() })
    }
}

/// The clocks of a Linux machine. A phone's shell knows the boot clock and the boot's name better and gives a [`Clock`] of its own.
///
/// Where the kernel does not tell (no `/proc`), the boot clock is the wall clock within one process: time is then as good as the wall's.
#[derive(Debug, Clone)]
pub struct SystemClock {
    boot_id: String,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemClock {
    /// Asks the kernel for the name of this boot.
    #[must_use]
    pub fn new() -> Self {
        let named = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned());
        Self { boot_id: named.unwrap_or_else(|_| format!("process-{}", std::process::id())) }
    }
}

impl Clock for SystemClock {
    fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn boot_ms(&self) -> i64 {
        // /proc/uptime counts sleep, in hundredths of a second: exact enough for steps of 20 s.
        let uptime = std::fs::read_to_string("/proc/uptime").ok();
        let seconds: Option<f64> = uptime.and_then(|text| text.split_whitespace().next().and_then(|first| first.parse().ok()));
        #[allow(clippy::cast_possible_truncation)]
        seconds.map_or_else(|| self.wall_ms(), |seconds| (seconds * 1000.0) as i64)
    }

    fn boot_id(&self) -> String {
        self.boot_id.clone()
    }
}
