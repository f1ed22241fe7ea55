//! Grants: one coupon of one member, by its serial. A pure state machine that the backend keeps and the phone shows.
//!
//! ```text
//! Granted ── lock ──> Locked ── redeem ──> Redeemed ── void ──> RolledBack ── lock, redeem … as Granted
//!    │ <── release ──────┘                                          │
//!    ├──────────────── redeem ──> Redeemed                          │
//!    └── time ──> Expired <─────────────────────────────────────────┘
//! ```
//!
//! A serial counts as often as its count says, once in most cases: the first sale that is committed. A sale beyond that, or one that is voided,
//! has its redemption rolled back. Sales, voids and repeats may come in any order and more than once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::TillId;
use crate::offers::OfferId;

/// The state of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Can be used.
    Granted,
    /// Held for an order: can be used by that order only.
    Locked,
    /// Used.
    Redeemed,
    /// Its sale was voided: can be used again.
    RolledBack,
    /// Over.
    Expired,
}

/// A sale: till and receipt number are unique for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sale {
    /// The till.
    pub till: TillId,
    /// The receipt's number there.
    pub number: String,
}

/// For whom a grant is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantLock {
    /// The order or session.
    pub holder: String,
    /// First second in which it is free again.
    pub until_s: i64,
}

/// What became of a redemption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedeemOutcome {
    /// It counts. The same sale again counts the same.
    Counted,
    /// It does not count: the shop bears the discount.
    RolledBack(RollbackCause),
}

/// Why a redemption does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackCause {
    /// Used before, in these sales: a forced double. The device loses its offline coupons.
    Double(Vec<Sale>),
    /// An order held it.
    Locked,
    /// Taken after its end.
    Expired,
    /// The sale was voided.
    Voided,
}

/// Why a grant cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another order holds it.
    #[error("another order holds this coupon: release it there, or wait")]
    Held,
    /// Used already.
    #[error("this coupon has been used")]
    Redeemed,
    /// Over.
    #[error("this coupon is over")]
    Expired,
}

/// A grant and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its serial: unique for ever.
    pub serial: u64,
    /// Its offer.
    pub offer: OfferId,
    /// First second of server time in which it can no longer be taken; the grace is in it.
    pub until_s: i64,
    /// How often it may be used.
    pub count: u8,
    lock: Option<GrantLock>,
    counted: BTreeSet<Sale>,
    rolled_back: Vec<(Sale, RollbackCause)>,
}

impl Grant {
    /// A new grant.
    #[must_use]
    pub fn new(serial: u64, offer: OfferId, until_s: i64, count: u8) -> Self {
        Self { serial, offer, until_s, count, lock: None, counted: BTreeSet::new(), rolled_back: Vec::new() }
    }

    /// Its state at a moment of server time.
    #[must_use]
    pub fn state(&self, now_s: i64) -> GrantState {
        if self.is_used_up() {
            return GrantState::Redeemed;
        }
        if now_s >= self.until_s {
            return GrantState::Expired;
        }
        if self.lock_at(now_s).is_some() {
            return GrantState::Locked;
        }
        let voided = self.rolled_back.iter().any(|(_, cause)| *cause == RollbackCause::Voided);
        if voided && self.counted.is_empty() { GrantState::RolledBack } else { GrantState::Granted }
    }

    /// Holds it for an order until a moment of server time. The same holder may prolong.
    ///
    /// # Errors
    /// [`LockError`] when it cannot be used.
    pub fn lock(&mut self, holder: &str, until_s: i64, now_s: i64) -> Result<(), LockError> {
        match self.state(now_s) {
            GrantState::Redeemed => return Err(LockError::Redeemed),
            GrantState::Expired => return Err(LockError::Expired),
            GrantState::Locked if self.lock_at(now_s).is_some_and(|lock| lock.holder != holder) => return Err(LockError::Held),
            GrantState::Locked | GrantState::Granted | GrantState::RolledBack => {}
        }
        self.lock = Some(GrantLock { holder: holder.to_owned(), until_s });
        Ok(())
    }

    /// Lets it go. Another's lock stays.
    pub fn release(&mut self, holder: &str) {
        self.lock.take_if(|lock| lock.holder == holder);
    }

    /// Commits a redemption that a sale made at `taken_at_s`; `holder` is the order that it completes, if any. Committed in any order, the
    /// first counts; the same sale again answers as before.
    pub fn redeem(&mut self, sale: &Sale, holder: Option<&str>, taken_at_s: i64) -> RedeemOutcome {
        if self.counted.contains(sale) {
            return RedeemOutcome::Counted;
        }
        if let Some((_, cause)) = self.rolled_back.iter().find(|(known, _)| known == sale) {
            return RedeemOutcome::RolledBack(cause.clone());
        }
        match self.against(holder, taken_at_s) {
            Some(cause) => {
                self.rolled_back.push((sale.clone(), cause.clone()));
                RedeemOutcome::RolledBack(cause)
            }
            None => {
                self.lock = None;
                self.counted.insert(sale.clone());
                RedeemOutcome::Counted
            }
        }
    }

    /// A sale was voided: its redemption counts no more, also when it comes only after the void.
    pub fn void(&mut self, sale: &Sale) {
        self.counted.remove(sale);
        if !self.rolled_back.iter().any(|(known, _)| known == sale) {
            self.rolled_back.push((sale.clone(), RollbackCause::Voided));
        }
    }

    /// The sales that count.
    pub fn counted(&self) -> impl Iterator<Item = &Sale> {
        self.counted.iter()
    }

    /// The sales that do not, and why.
    pub fn rolled_back(&self) -> impl Iterator<Item = (&Sale, &RollbackCause)> {
        self.rolled_back.iter().map(|(sale, cause)| (sale, cause))
    }

    fn against(&self, holder: Option<&str>, taken_at_s: i64) -> Option<RollbackCause> {
        if self.is_used_up() {
            return Some(RollbackCause::Double(self.counted.iter().cloned().collect()));
        }
        if taken_at_s >= self.until_s {
            return Some(RollbackCause::Expired);
        }
        let held = self.lock_at(taken_at_s).is_some_and(|lock| holder != Some(lock.holder.as_str()));
        held.then_some(RollbackCause::Locked)
    }

    fn is_used_up(&self) -> bool {
        self.counted.len() >= usize::from(self.count)
    }

    fn lock_at(&self, now_s: i64) -> Option<&GrantLock> {
        self.lock.as_ref().filter(|lock| now_s < lock.until_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sale(number: u8) -> Sale {
        Sale { till: TillId(format!("till-{}", number % 3)), number: number.to_string() }
    }

    fn grant() -> Grant {
        Grant::new(7, OfferId(1), 1_000, 1)
    }

    #[test]
    fn a_grant_goes_through_its_states() {
        let mut grant = grant();
        assert_eq!(grant.state(0), GrantState::Granted);
        assert_eq!(grant.lock("order", 500, 0), Ok(()));
        assert_eq!((grant.state(499), grant.state(500)), (GrantState::Locked, GrantState::Granted));
        assert_eq!(grant.lock("other", 600, 10), Err(LockError::Held));
        assert_eq!(grant.lock("order", 600, 10), Ok(()), "prolonged");
        assert_eq!(grant.redeem(&sale(1), None, 20), RedeemOutcome::RolledBack(RollbackCause::Locked));
        grant.release("other");
        assert_eq!(grant.state(20), GrantState::Locked);
        assert_eq!(grant.redeem(&sale(2), Some("order"), 20), RedeemOutcome::Counted);
        assert_eq!((grant.state(20), grant.state(2_000)), (GrantState::Redeemed, GrantState::Redeemed));
        assert_eq!(grant.lock("order", 600, 30), Err(LockError::Redeemed));
        let double = RedeemOutcome::RolledBack(RollbackCause::Double(vec![sale(2)]));
        assert_eq!((grant.redeem(&sale(3), None, 10), grant.redeem(&sale(3), None, 10)), (double.clone(), double.clone()));
        grant.void(&sale(2));
        assert_eq!((grant.state(30), grant.state(1_000)), (GrantState::RolledBack, GrantState::Expired));
        assert_eq!(grant.redeem(&sale(3), None, 10), double, "what did not count does not count later");
        assert_eq!(grant.redeem(&sale(4), None, 1_000), RedeemOutcome::RolledBack(RollbackCause::Expired));
        assert_eq!(grant.redeem(&sale(5), None, 999), RedeemOutcome::Counted, "taken in time, synced later");
        assert_eq!(grant.lock("order", 9_999, 1_000), Err(LockError::Redeemed));
    }

    #[test]
    fn a_void_may_come_before_its_sale() {
        let mut grant = grant();
        grant.void(&sale(1));
        assert_eq!(grant.redeem(&sale(1), None, 10), RedeemOutcome::RolledBack(RollbackCause::Voided));
        assert_eq!(grant.redeem(&sale(2), None, 10), RedeemOutcome::Counted);
    }

    #[test]
    fn a_released_or_expired_grant() {
        let mut grant = grant();
        grant.lock("order", 5_000, 0).unwrap();
        grant.release("order");
        assert_eq!((grant.state(0), grant.state(1_000)), (GrantState::Granted, GrantState::Expired));
        assert_eq!(grant.lock("order", 5_000, 1_000), Err(LockError::Expired));
    }

    #[derive(Debug, Clone)]
    enum Event {
        Lock(u8, i64),
        Release(u8),
        Redeem(u8, Option<u8>, i64),
        Void(u8),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0u8..3, 0i64..1_200).prop_map(|(holder, until_s)| Event::Lock(holder, until_s)),
            (0u8..3).prop_map(Event::Release),
            (0u8..6, prop::option::of(0u8..3), 0i64..1_200).prop_map(|(sale, holder, at_s)| Event::Redeem(sale, holder, at_s)),
            (0u8..6).prop_map(Event::Void),
        ]
    }

    proptest! {
        /// Whatever comes in whatever order: a serial never counts more often than it may, an answer stays, a voided sale never counts.
        #[test]
        fn a_serial_counts_no_more_than_it_may(count in 1u8..4, events in prop::collection::vec(event(), 0..40)) {
            let mut grant = Grant::new(7, OfferId(1), 1_000, count);
            let mut voided = BTreeSet::new();
            let mut answers: std::collections::BTreeMap<u8, RedeemOutcome> = std::collections::BTreeMap::new();
            for event in events {
                match event {
                    Event::Lock(holder, until_s) => drop(grant.lock(&holder.to_string(), until_s, 500)),
                    Event::Release(holder) => grant.release(&holder.to_string()),
                    Event::Redeem(number, holder, at_s) => {
                        let before = grant.state(at_s);
                        let outcome = grant.redeem(&sale(number), holder.map(|h| h.to_string()).as_deref(), at_s);
                        if let Some(answered) = answers.get(&number).filter(|_| !voided.contains(&number)) {
                            prop_assert_eq!(answered, &outcome);
                        } else if outcome == RedeemOutcome::Counted {
                            prop_assert!(matches!(before, GrantState::Granted | GrantState::RolledBack | GrantState::Locked));
                            prop_assert!(at_s < 1_000 && !voided.contains(&number));
                        }
                        answers.insert(number, outcome);
                    }
                    Event::Void(number) => {
                        grant.void(&sale(number));
                        voided.insert(number);
                    }
                }
                prop_assert!(grant.counted().count() <= usize::from(count));
                prop_assert!(grant.counted().all(|counted| grant.rolled_back().all(|(sale, _)| sale != counted)));
                prop_assert!(voided.iter().all(|number| grant.counted().all(|counted| *counted != sale(*number))));
                prop_assert_eq!(grant.state(0) == GrantState::Redeemed, grant.counted().count() == usize::from(count));
            }
        }
    }
}
