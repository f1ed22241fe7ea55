//! The phone's clocks, with the boot's name from the shell.

use std::time::Duration;

use noren_core::platform::{Clock, SystemClock};
use rustix::time::{ClockId, clock_gettime};

/// A clock that counts sleep and that nobody sets. On Apple's systems that is what `CLOCK_MONOTONIC` does.
#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT_CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT_CLOCK: ClockId = ClockId::Monotonic;

/// The system's clocks under the boot name that the shell gives. Files of the kernel are not asked where an app may not read them.
#[derive(Debug)]
pub(crate) struct BootClock {
    system: SystemClock,
    boot_id: String,
}

impl BootClock {
    pub(crate) fn new(boot_id: String) -> Self {
        Self { system: SystemClock::new(), boot_id }
    }
}

impl Clock for BootClock {
    fn wall_ms(&self) -> i64 {
        self.system.wall_ms()
    }

    fn boot_ms(&self) -> i64 {
        // A clock since boot is never negative.
        let since = Duration::try_from(clock_gettime(BOOT_CLOCK)).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn boot_id(&self) -> String {
        if self.boot_id.is_empty() { self.system.boot_id() } else { self.boot_id.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_counts_on_and_the_shell_names_the_boot() {
        let clock = BootClock::new("boot-7".into());
        let first = clock.boot_ms();
        assert!(first > 0 && clock.boot_ms() >= first);
        assert_eq!(clock.boot_id(), "boot-7");
        assert!(!BootClock::new(String::new()).boot_id().is_empty());
    }
}
