//! The clocks and the randomness of the operating system.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use super::{Clock, Entropy, PlatformError};

/// Randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), PlatformError> {
        getrandom::fill(buffer).map_err(|error| PlatformError::Failed { reason: error.to_string() })
    }
}

/// A clock that counts sleep and that nobody sets. On Apple's systems that is what `CLOCK_MONOTONIC` does.
#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT_CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT_CLOCK: ClockId = ClockId::Monotonic;

/// The clocks of the system.
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
    /// Asks the kernel for the name of this boot, which desktops tell; where it does not, every process counts as a boot of its own.
    #[must_use]
    pub fn new() -> Self {
        let named = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned());
        Self { boot_id: named.unwrap_or_else(|_| format!("process-{}", std::process::id())) }
    }

    /// Under the boot name that a phone's shell gives: an app may not read the kernel's. It must change with every restart of the device.
    #[must_use]
    pub fn with_boot_id(boot_id: String) -> Self {
        Self { boot_id }
    }
}

impl Clock for SystemClock {
    fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn boot_ms(&self) -> i64 {
        // A clock since boot is never negative.
        let since = Duration::try_from(clock_gettime(BOOT_CLOCK)).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn boot_id(&self) -> String {
        self.boot_id.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_counts_on_and_the_shell_names_the_boot() {
        let clock = SystemClock::with_boot_id("boot-7".into());
        let first = clock.boot_ms();
        assert!(first > 0 && clock.boot_ms() >= first);
        assert_eq!(clock.boot_id(), "boot-7");
        assert_eq!(SystemClock::new().boot_id(), SystemClock::new().boot_id(), "one boot has one name");
    }
}
