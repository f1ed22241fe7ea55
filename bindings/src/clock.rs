//! The phone's clocks, with the boot's name from the shell.

use noren_core::platform::{Clock, SystemClock};

/// The system's clocks under the boot name that the shell gives: an app may not read the kernel's.
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
        self.system.boot_ms()
    }

    fn boot_id(&self) -> String {
        if self.boot_id.is_empty() { self.system.boot_id() } else { self.boot_id.clone() }
    }
}
