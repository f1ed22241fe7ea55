//! What a till remembers: for each device the highest step taken, never a text and never a signature; and the coupons that sales used offline.

use std::collections::BTreeMap;

use noren_rules::code::{STEP_S, step_at};
use noren_rules::ids::DeviceId;
use noren_rules::offers::OfferId;
use serde::{Deserialize, Serialize};

/// A code is over within a minute; a day covers a till's clock that is set back.
const KEEP_STEPS: u64 = 86_400 / STEP_S.unsigned_abs();

/// The saved text is not a till's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a saved till memory: the till remembers from its set-up on")]
pub struct MemoryError;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    since_s: i64,
    taken: BTreeMap<DeviceId, Taken>,
    /// By sale.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    coupons: BTreeMap<String, Vec<SpentCoupon>>,
}

/// A coupon that a sale used offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpentCoupon {
    pub(crate) serial: u64,
    pub(crate) offer: OfferId,
    /// What it took out of the share, in the unit of its budget.
    pub(crate) cost: u64,
    /// The share's sequence.
    pub(crate) share: u64,
    /// From then on neither grant nor share can be used.
    pub(crate) keep_until_s: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    step: u64,
    at_s: i64,
    session: String,
    /// The highest step before this sale, to go back to when the sale is voided.
    before: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    New,
    Again,
    Replayed,
}

impl Memory {
    pub(crate) fn since(now_s: i64) -> Self {
        Self { since_s: now_s, taken: BTreeMap::new(), coupons: BTreeMap::new() }
    }

    pub(crate) fn since_s(&self) -> i64 {
        self.since_s
    }

    /// When this device's code was taken in this sale.
    pub(crate) fn taken_in(&self, device: &DeviceId, session: &str) -> Option<i64> {
        self.taken.get(device).filter(|taken| taken.session == session && !taken.is_freed()).map(|taken| taken.at_s)
    }

    pub(crate) fn take(&mut self, device: &DeviceId, step: u64, session: &str, now_s: i64) -> Take {
        self.forget_before(step_at(now_s).saturating_sub(KEEP_STEPS));
        let before = match self.taken.get(device) {
            Some(taken) if taken.step == step && taken.session == session && !taken.is_freed() => return Take::Again,
            Some(taken) if step <= taken.step => return Take::Replayed,
            // A later code of the same device in the same sale: a void goes back to before the sale, not to before the second scan.
            Some(taken) if taken.session == session && !taken.is_freed() => taken.before,
            Some(taken) => Some(taken.step),
            None => None,
        };
        self.taken.insert(device.clone(), Taken { step, at_s: now_s, session: session.to_owned(), before });
        Take::New
    }

    /// Notes what a sale uses, in place of what it used before. What is over by the server's time (not by this till's clock, which a person can
    /// turn) is forgotten.
    pub(crate) fn spend(&mut self, session: &str, coupons: Vec<SpentCoupon>, server_s: i64) {
        self.coupons.retain(|known, coupons| known != session && coupons.iter().any(|coupon| server_s < coupon.keep_until_s));
        if !coupons.is_empty() {
            self.coupons.insert(session.to_owned(), coupons);
        }
    }

    /// In how many sales, this one apart, a grant was used.
    pub(crate) fn times_spent(&self, serial: u64, session: &str) -> usize {
        self.spent_in_others(session).filter(|coupon| coupon.serial == serial).count()
    }

    /// What sales, this one apart, took out of a share.
    pub(crate) fn spent_of(&self, offer: OfferId, share: u64, session: &str) -> u64 {
        let of_it = self.spent_in_others(session).filter(|coupon| coupon.offer == offer && coupon.share == share);
        of_it.fold(0, |sum, coupon| sum.saturating_add(coupon.cost))
    }

    fn spent_in_others(&self, session: &str) -> impl Iterator<Item = &SpentCoupon> {
        self.coupons.iter().filter(move |(other, _)| *other != session).flat_map(|(_, coupons)| coupons)
    }

    pub(crate) fn free(&mut self, session: &str) {
        self.coupons.remove(session);
        self.taken.retain(|_, taken| taken.session != session || taken.before.is_some());
        for taken in self.taken.values_mut().filter(|taken| taken.session == session) {
            taken.step = taken.before.take().unwrap_or(taken.step);
            taken.session.clear();
        }
    }

    pub(crate) fn to_text(&self) -> String {
        // A map of plain values always encodes.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn from_text(text: &str) -> Result<Self, MemoryError> {
        serde_json::from_str(text).map_err(|_| MemoryError)
    }

    fn forget_before(&mut self, step: u64) {
        self.taken.retain(|_, taken| taken.step >= step);
    }
}

impl Taken {
    fn is_freed(&self) -> bool {
        self.session.is_empty()
    }
}
