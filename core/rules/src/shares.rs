//! Shares: what a till may spend while it is offline. All shares of a budget together are never more than the budget, so whatever phones do,
//! what is spent offline stays within it.

use std::collections::BTreeMap;

use coset::cbor::Value;
use serde::{Deserialize, Serialize};

use crate::cose::Kind;
use crate::fields::{self, Reader, RuleError, Writer, number};
use crate::ids::{PlaceId, StoreId, TillId};
use crate::keys::SoftwareKey;
use crate::lists::IssuerKey;
use crate::offers::{Budget, OfferId};

const VERSION: i64 = 1;

/// How long a till may stay without a sync. What is left of a share returns to the budget so long after its end, and not before.
pub const MAX_UNSYNCED_S: i64 = 7 * 86_400;

/// A till's part of the budgets, and where the till stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The till.
    pub till: TillId,
    /// Rises with each share of this till. A new one counts from nothing; the one before is not spent from any more.
    pub sequence: u64,
    /// The till's store.
    pub store: StoreId,
    /// The till's place, for offers of places.
    pub place: Option<PlaceId>,
    /// The area for conditions.
    pub area: Option<String>,
    /// When it was made, in seconds since the Unix epoch.
    pub issued_at_s: i64,
    /// First second in which it can no longer be spent.
    pub until_s: i64,
    /// What may be spent of each offer.
    pub budgets: BTreeMap<OfferId, Budget>,
}

impl Share {
    /// Signs it as an issuer.
    #[must_use]
    pub fn sign(&self, issuer: &SoftwareKey) -> Vec<u8> {
        fields::sign(Kind::Share, self.payload(), issuer)
    }

    /// Opens a share that one of `issuers` must have signed, at `now_s` seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn open(signed: &[u8], issuers: &[IssuerKey], now_s: i64) -> Result<Self, RuleError> {
        let payload = fields::open(Kind::Share, signed, issuers, now_s)?;
        Self::from_payload(&payload).ok_or(RuleError::Malformed)
    }

    fn payload(&self) -> Vec<u8> {
        let budget = |(offer, budget): (&OfferId, &Budget)| {
            let kind = matches!(budget, Budget::Discount(_));
            Value::Array(vec![Value::from(offer.0), Value::from(u8::from(kind)), Value::from(budget.total())])
        };
        Writer::default()
            .put(1, VERSION)
            .put(2, self.till.as_str())
            .put(3, self.sequence)
            .put(4, self.store.as_str())
            .put_some(5, self.place.as_ref().map(PlaceId::as_str))
            .put_some(6, self.area.as_deref())
            .put(7, self.issued_at_s)
            .put(8, self.until_s)
            .put_list(9, self.budgets.iter().map(budget).collect())
            .bytes()
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut fields = Reader::bytes(payload)?;
        if fields.number::<i64>(1)? != VERSION {
            return None;
        }
        // A text of another kind is dropped here and shows when the share is encoded again.
        let maybe_text = |value: Option<Value>| value.and_then(|value| value.into_text().ok());
        let share = Self {
            till: fields.text(2)?.into(),
            sequence: fields.number(3)?,
            store: fields.text(4)?.into(),
            place: maybe_text(fields.take(5)).map(Into::into),
            area: maybe_text(fields.take(6)),
            issued_at_s: fields.number(7)?,
            until_s: fields.number(8)?,
            budgets: fields.list(9, read_budget)?.into_iter().collect(),
        };
        (share.payload() == payload).then_some(share)
    }
}

fn read_budget(value: Value) -> Option<(OfferId, Budget)> {
    let [offer, kind, total]: [Value; 3] = value.into_array().ok()?.try_into().ok()?;
    let total = number(&total)?;
    let budget = match number::<u8>(&kind)? {
        0 => Budget::Redemptions(total),
        1 => Budget::Discount(total),
        _ => return None,
    };
    Some((OfferId(number(&offer)?), budget))
}

/// A coupon that a till used, to be posted with its sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Redemption {
    /// The grant.
    pub serial: u64,
    /// Its offer.
    pub offer: OfferId,
    /// What it took off, in minor units, tax included.
    pub discount_minor: i64,
    /// The sequence of the share that it came out of; `None` for a till that asked the backend.
    pub share: Option<u64>,
    /// When it was taken, in seconds since the Unix epoch.
    pub taken_at_s: i64,
}

/// The budget has not so much left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only {left} of the budget are left: ask for less, or wait until shares return")]
pub struct BudgetError {
    /// What is left.
    pub left: u64,
}

/// Whether a redemption that a till reports was within its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareOutcome {
    /// As promised.
    Within,
    /// More than the till was given, or after it had returned: the till is at fault, and is named.
    Beyond {
        /// By how much.
        by: u64,
    },
}

/// The books of one offer's budget: what is spent, and what tills hold. The backend keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetLedger {
    total: u64,
    spent: u64,
    shares: BTreeMap<(TillId, u64), HeldShare>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct HeldShare {
    amount: u64,
    spent: u64,
    returns_at_s: i64,
}

/// A share in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedShare {
    /// The till that holds it.
    pub till: TillId,
    /// The share's sequence at that till.
    pub sequence: u64,
    /// What was given.
    pub amount: u64,
    /// What of it is spent, as far as the till has synced.
    pub spent: u64,
    /// From when on what is left of it is the budget's again, in seconds since the Unix epoch.
    pub returns_at_s: i64,
}

impl BudgetLedger {
    /// The books as they were kept: what was spent outside of shares, and the shares.
    #[must_use]
    pub fn restore(budget: Budget, spent: u64, shares: impl IntoIterator<Item = BookedShare>) -> Self {
        let held = |share: BookedShare| {
            let BookedShare { till, sequence, amount, spent, returns_at_s } = share;
            ((till, sequence), HeldShare { amount, spent, returns_at_s })
        };
        Self { total: budget.total(), spent, shares: shares.into_iter().map(held).collect() }
    }

    /// What was spent outside of shares: online, by tills that had none, and out of shares that are in the books no more.
    #[must_use]
    pub fn spent_outside(&self) -> u64 {
        self.spent
    }

    /// The shares in the books.
    pub fn shares(&self) -> impl Iterator<Item = BookedShare> {
        self.shares.iter().map(|((till, sequence), share)| BookedShare {
            till: till.clone(),
            sequence: *sequence,
            amount: share.amount,
            spent: share.spent,
            returns_at_s: share.returns_at_s,
        })
    }

    /// The books of a budget of which nothing is spent; amounts are redemptions or minor units, as the budget is.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self { total: budget.total(), spent: 0, shares: BTreeMap::new() }
    }

    /// What can be given out or spent online.
    #[must_use]
    pub fn left(&self, now_s: i64) -> u64 {
        let held = self.shares.values().map(|share| if now_s < share.returns_at_s { share.amount.max(share.spent) } else { share.spent });
        held.fold(self.total.saturating_sub(self.spent), u64::saturating_sub)
    }

    /// What is spent, online and out of shares as far as they are synced.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.shares.values().fold(self.spent, |sum, share| sum.saturating_add(share.spent))
    }

    /// Gives a till a share that ends at `until_s`.
    ///
    /// # Errors
    /// [`BudgetError`] when less is left.
    pub fn give(&mut self, till: &TillId, sequence: u64, amount: u64, until_s: i64, now_s: i64) -> Result<(), BudgetError> {
        let left = self.left(now_s);
        if amount > left || self.shares.contains_key(&(till.clone(), sequence)) {
            return Err(BudgetError { left });
        }
        let returns_at_s = until_s.saturating_add(MAX_UNSYNCED_S);
        self.shares.insert((till.clone(), sequence), HeldShare { amount, spent: 0, returns_at_s });
        Ok(())
    }

    /// Spends online.
    ///
    /// # Errors
    /// [`BudgetError`] when less is left.
    pub fn spend(&mut self, cost: u64, now_s: i64) -> Result<(), BudgetError> {
        let left = self.left(now_s);
        if cost > left {
            return Err(BudgetError { left });
        }
        self.spent = self.spent.saturating_add(cost);
        Ok(())
    }

    /// Enters what a till spent offline: it is spent, whatever was agreed.
    pub fn settle(&mut self, till: &TillId, sequence: u64, cost: u64, now_s: i64) -> ShareOutcome {
        let Some(share) = self.shares.get_mut(&(till.clone(), sequence)) else {
            self.spent = self.spent.saturating_add(cost);
            return ShareOutcome::Beyond { by: cost };
        };
        let room = if now_s < share.returns_at_s { share.amount.saturating_sub(share.spent) } else { 0 };
        share.spent = share.spent.saturating_add(cost);
        if cost <= room { ShareOutcome::Within } else { ShareOutcome::Beyond { by: cost - room } }
    }

    /// Takes back what a voided sale had spent: out of a share, or online.
    pub fn undo(&mut self, share: Option<(&TillId, u64)>, cost: u64) {
        let held = share.and_then(|(till, sequence)| self.shares.get_mut(&(till.clone(), sequence)));
        let spent = held.map_or(&mut self.spent, |share| &mut share.spent);
        *spent = spent.saturating_sub(cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn till(number: u8) -> TillId {
        TillId(format!("till-{number}"))
    }

    #[test]
    fn a_share_survives_under_its_issuer_only() {
        let issuer = SoftwareKey::from_bytes(&[2; 32]).unwrap();
        let issuers = [IssuerKey { key: issuer.public_key(), not_before_s: 0, not_after_s: 1_000 }];
        let full = Share {
            till: till(1),
            sequence: 4,
            store: "hiroshima".into(),
            place: Some("miyajima".into()),
            area: Some("west".into()),
            issued_at_s: 5,
            until_s: 500,
            budgets: [(OfferId(3), Budget::Redemptions(10)), (OfferId(2), Budget::Discount(5_000))].into(),
        };
        let bare = Share { place: None, area: None, budgets: BTreeMap::new(), ..full.clone() };
        for share in [full, bare] {
            let signed = share.sign(&issuer);
            assert_eq!(Share::open(&signed, &issuers, 10), Ok(share));
            for at in 0..signed.len() {
                let mut altered = signed.clone();
                altered[at] ^= 1;
                assert!(Share::open(&altered, &issuers, 10).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_share_returns_a_week_after_its_end() {
        let mut ledger = BudgetLedger::new(Budget::Redemptions(10));
        assert_eq!(ledger.give(&till(1), 1, 8, 100, 0), Ok(()));
        assert_eq!(ledger.give(&till(2), 1, 3, 100, 0), Err(BudgetError { left: 2 }));
        assert_eq!(ledger.spend(2, 0), Ok(()));
        assert_eq!(ledger.settle(&till(1), 1, 5, 200), ShareOutcome::Within);
        assert_eq!(ledger.left(100 + MAX_UNSYNCED_S - 1), 0);
        assert_eq!(ledger.left(100 + MAX_UNSYNCED_S), 3);
        assert_eq!(ledger.settle(&till(1), 1, 1, 100 + MAX_UNSYNCED_S), ShareOutcome::Beyond { by: 1 }, "synced too late");
        assert_eq!(ledger.settle(&till(9), 1, 1, 0), ShareOutcome::Beyond { by: 1 }, "a share that was never given");
        assert_eq!(ledger.spent(), 9);
        ledger.undo(Some((&till(1), 1)), 6);
        ledger.undo(None, 1);
        assert_eq!(ledger.spent(), 2);
    }

    #[derive(Debug, Clone)]
    enum Event {
        Give(u8, u64, i64),
        Spend(u64),
        Settle(u8, u64),
        Undo(u8),
        Later(i64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0u8..4, 0u64..40, 0i64..100_000).prop_map(|(till, amount, lasts_s)| Event::Give(till, amount, lasts_s)),
            (0u64..10).prop_map(Event::Spend),
            (0u8..4, 0u64..10).prop_map(|(till, cost)| Event::Settle(till, cost)),
            (0u8..4).prop_map(Event::Undo),
            (0i64..300_000).prop_map(Event::Later),
        ]
    }

    proptest! {
        /// With tills that keep to their shares and sync in time, what is spent never exceeds the budget, whatever else happens.
        #[test]
        fn a_budget_is_never_exceeded(events in prop::collection::vec(event(), 0..60)) {
            let mut ledger = BudgetLedger::new(Budget::Redemptions(100));
            let mut now_s = 0;
            // What each till holds: sequence, what is left, until when it may sync, what it has settled.
            let mut held: BTreeMap<u8, (u64, u64, i64, Vec<u64>)> = BTreeMap::new();
            for (sequence, event) in (1..).zip(events) {
                match event {
                    Event::Give(number, amount, lasts_s) => {
                        if ledger.give(&till(number), sequence, amount, now_s + lasts_s, now_s).is_ok() {
                            held.insert(number, (sequence, amount, now_s + lasts_s + MAX_UNSYNCED_S, Vec::new()));
                        }
                    }
                    Event::Spend(cost) => drop(ledger.spend(cost, now_s)),
                    Event::Settle(number, cost) => {
                        if let Some((sequence, left, sync_until_s, settled)) = held.get_mut(&number)
                            && cost <= *left && now_s < *sync_until_s
                        {
                            *left -= cost;
                            settled.push(cost);
                            prop_assert_eq!(ledger.settle(&till(number), *sequence, cost, now_s), ShareOutcome::Within);
                        }
                    }
                    Event::Undo(number) => {
                        if let Some((sequence, _, _, settled)) = held.get_mut(&number)
                            && let Some(cost) = settled.pop()
                        {
                            ledger.undo(Some((&till(number), *sequence)), cost);
                        }
                    }
                    Event::Later(seconds) => now_s += seconds,
                }
                prop_assert!(ledger.spent() <= 100, "{} spent", ledger.spent());
                let kept = BudgetLedger::restore(Budget::Redemptions(100), ledger.spent_outside(), ledger.shares());
                prop_assert_eq!(&kept, &ledger, "books come back as they were kept");
            }
        }
    }
}
