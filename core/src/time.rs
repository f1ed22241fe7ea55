//! Trusted time (PROTOCOL, section 5): the server's last word plus a clock that counts sleep.
//!
//! - Within a boot: last server time plus the boot clock. Proven; the wall clock does not matter.
//! - After a reboot: the wall clock plus the offset seen last, never before the last time seen. Not proven: the card shows, timed offers
//!   wait for a server time. A reboot and a changed clock with no network cannot be told apart; this is said, not hidden.
//! - Before any server time: the wall clock, not proven.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::platform::Clock;

/// Server times whose answer took longer than this are used only when there is nothing better.
const SLOW_ANSWER_MS: i64 = 10_000;
/// A stored anchor is written again when it is off by more than this.
const DRIFT_TO_STORE_MS: i64 = 2_000;
/// A stored anchor is written again when the last time seen is further on than this.
const AGE_TO_STORE_MS: i64 = 86_400_000;

/// A moment at which the server's time was known. Stored with the card and with the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The server's clock.
    pub server_ms: i64,
    /// The boot clock at that moment.
    pub boot_ms: i64,
    /// The boot.
    pub boot_id: String,
    /// Trusted time minus wall time, when last looked at.
    pub wall_offset_ms: i64,
    /// The latest trusted time seen.
    pub last_seen_ms: i64,
}

/// A moment, and whether it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct TrustedTime {
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// True within the boot in which the server's time was heard.
    pub proven: bool,
}

impl TrustedTime {
    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub fn now_s(self) -> i64 {
        self.now_ms.div_euclid(1000)
    }
}

/// The clock by which everything in the core goes.
pub struct TrustedClock {
    clock: Arc<dyn Clock>,
    boot_id: String,
    anchor: Mutex<Option<Anchor>>,
}

impl TrustedClock {
    /// A clock that knows no server time yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let boot_id = clock.boot_id();
        Self { clock, boot_id, anchor: Mutex::new(None) }
    }

    /// Takes over a stored anchor if it is better than what is known: of this boot rather than of an older one, later rather than earlier.
    pub fn adopt(&self, stored: Anchor) {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let better = match anchor.as_ref() {
            None => true,
            Some(known) => (stored.boot_id == self.boot_id, stored.last_seen_ms) > (known.boot_id == self.boot_id, known.last_seen_ms),
        };
        if better {
            *anchor = Some(stored);
        }
    }

    /// Hears the server's time in an answer that was asked for at `sent_boot_ms` on the boot clock.
    pub fn observe(&self, server_ms: i64, sent_boot_ms: i64) {
        let boot_now = self.clock.boot_ms();
        let took = boot_now.saturating_sub(sent_boot_ms).max(0);
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let proven = anchor.as_ref().is_some_and(|a| a.boot_id == self.boot_id);
        if server_ms <= 0 || (proven && took > SLOW_ANSWER_MS) {
            return;
        }
        // The server read its clock somewhere between question and answer.
        let now_ms = server_ms.saturating_add(took / 2);
        *anchor = Some(Anchor {
            server_ms: now_ms,
            boot_ms: boot_now,
            boot_id: self.boot_id.clone(),
            wall_offset_ms: now_ms.saturating_sub(self.clock.wall_ms()),
            last_seen_ms: now_ms,
        });
    }

    /// The boot clock, to be handed to [`TrustedClock::observe`] with the answer.
    #[must_use]
    pub fn boot_ms(&self) -> i64 {
        self.clock.boot_ms()
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> TrustedTime {
        let wall = self.clock.wall_ms();
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(anchor) = anchor.as_mut() else {
            return TrustedTime { now_ms: wall, proven: false };
        };
        let time = read(anchor, &self.boot_id, wall, self.clock.boot_ms());
        anchor.last_seen_ms = anchor.last_seen_ms.max(time.now_ms);
        if time.proven {
            // Looked at again: a person may have set the wall clock since.
            anchor.wall_offset_ms = time.now_ms.saturating_sub(wall);
        }
        time
    }

    /// What should be stored, if what is stored has become too old or wrong.
    #[must_use]
    pub fn to_store(&self, stored: Option<&Anchor>) -> Option<Anchor> {
        let now = self.now();
        let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let Some(stored) = stored else {
            return Some(anchor);
        };
        let predicted = read(stored, &self.boot_id, self.clock.wall_ms(), self.clock.boot_ms());
        let off = predicted.now_ms.saturating_sub(now.now_ms).abs() > DRIFT_TO_STORE_MS
            || stored.wall_offset_ms.saturating_sub(anchor.wall_offset_ms).abs() > DRIFT_TO_STORE_MS;
        let old = anchor.last_seen_ms.saturating_sub(stored.last_seen_ms) > AGE_TO_STORE_MS;
        let other_boot = now.proven && stored.boot_id != anchor.boot_id;
        (off || old || other_boot).then_some(anchor)
    }
}

fn read(anchor: &Anchor, boot_id: &str, wall_ms: i64, boot_ms: i64) -> TrustedTime {
    if anchor.boot_id == boot_id && boot_ms >= anchor.boot_ms {
        let now_ms = anchor.server_ms.saturating_add(boot_ms.saturating_sub(anchor.boot_ms));
        return TrustedTime { now_ms, proven: true };
    }
    let now_ms = wall_ms.saturating_add(anchor.wall_offset_ms).max(anchor.last_seen_ms);
    TrustedTime { now_ms, proven: false }
}

impl std::fmt::Debug for TrustedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustedClock").field("anchor", &self.anchor).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Fake {
        wall: AtomicI64,
        boot: AtomicI64,
        id: String,
    }

    impl Clock for Fake {
        fn wall_ms(&self) -> i64 {
            self.wall.load(Ordering::SeqCst)
        }
        fn boot_ms(&self) -> i64 {
            self.boot.load(Ordering::SeqCst)
        }
        fn boot_id(&self) -> String {
            self.id.clone()
        }
    }

    fn fake(wall: i64, boot: i64, id: &str) -> Arc<Fake> {
        Arc::new(Fake { wall: wall.into(), boot: boot.into(), id: id.into() })
    }

    #[test]
    fn before_any_server_time_the_wall_is_shown_unproven() {
        let clock = TrustedClock::new(fake(5_000, 10, "a"));
        assert_eq!(clock.now(), TrustedTime { now_ms: 5_000, proven: false });
        assert_eq!(clock.to_store(None), None);
    }

    #[test]
    fn within_a_boot_the_wall_does_not_matter() {
        let platform = fake(5_000, 10, "a");
        let clock = TrustedClock::new(platform.clone());
        clock.observe(1_000_000, 10);
        platform.boot.store(60_010, Ordering::SeqCst);
        platform.wall.store(999_999_999_999, Ordering::SeqCst);
        assert_eq!(clock.now(), TrustedTime { now_ms: 1_060_000, proven: true });
    }

    #[test]
    fn after_a_reboot_wall_and_offset_never_before_the_last_time_seen() {
        let platform = fake(500_000, 10, "a");
        let clock = TrustedClock::new(platform.clone());
        clock.observe(1_000_000, 10);
        platform.boot.store(60_010, Ordering::SeqCst);
        platform.wall.store(560_000, Ordering::SeqCst);
        let _ = clock.now();
        let stored = clock.to_store(None).unwrap();
        let rebooted = fake(570_000, 3, "b");
        let clock = TrustedClock::new(rebooted.clone());
        clock.adopt(stored.clone());
        assert_eq!(clock.now(), TrustedTime { now_ms: 1_070_000, proven: false });
        rebooted.wall.store(0, Ordering::SeqCst);
        assert_eq!(clock.now(), TrustedTime { now_ms: 1_070_000, proven: false }, "time seen is not unseen");
        clock.observe(2_000_000, 3);
        assert!(clock.now().proven);
        assert!(clock.to_store(Some(&stored)).is_some());
    }

    #[test]
    fn an_anchor_of_this_boot_is_better_than_a_later_one_of_another() {
        let clock = TrustedClock::new(fake(0, 100, "b"));
        clock.adopt(Anchor { server_ms: 9_000, boot_ms: 5, boot_id: "a".into(), wall_offset_ms: 0, last_seen_ms: 9_000 });
        clock.adopt(Anchor { server_ms: 8_000, boot_ms: 50, boot_id: "b".into(), wall_offset_ms: 0, last_seen_ms: 8_000 });
        assert_eq!(clock.now(), TrustedTime { now_ms: 8_050, proven: true });
        clock.adopt(Anchor { server_ms: 99_000, boot_ms: 5, boot_id: "a".into(), wall_offset_ms: 0, last_seen_ms: 99_000 });
        assert!(clock.now().proven);
    }

    #[test]
    fn a_slow_answer_does_not_replace_a_good_one() {
        let platform = fake(0, 0, "a");
        let clock = TrustedClock::new(platform.clone());
        clock.observe(1_000, 0);
        platform.boot.store(20_000, Ordering::SeqCst);
        clock.observe(500_000, 0);
        assert_eq!(clock.now().now_ms, 21_000);
    }

    #[test]
    fn extreme_clocks_do_not_overflow() {
        for (wall, boot) in [(i64::MAX, i64::MAX), (i64::MIN, i64::MIN)] {
            let clock = TrustedClock::new(fake(wall, boot, "a"));
            clock.observe(i64::MAX, i64::MIN);
            let _ = clock.now();
            let _ = clock.to_store(None);
        }
    }
}
