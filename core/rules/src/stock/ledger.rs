//! The books as a pure fold over all events: what every store of them must agree with.

use std::collections::{BTreeMap, BTreeSet};

use super::effects::{EventOrder, StockChange};
use super::events::{StockEvent, StockState};
use crate::ids::{Sku, StoreId};

/// All events, and what they come to. The same for every order in which they arrive and however often each does.
///
/// It keeps every event: for tests and small books. A backend keeps running numbers and must come to the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockLedger {
    known: BTreeSet<(String, String)>,
    changes: BTreeMap<(StoreId, Sku, StockState), BTreeMap<EventOrder, StockChange>>,
}

impl StockLedger {
    /// Takes an event in; false when one of this source and id was taken before. The first one counts: a source must not use an id twice.
    pub fn add(&mut self, event: &StockEvent) -> bool {
        if !self.known.insert((event.source.clone(), event.id.clone())) {
            return false;
        }
        for effect in event.effects() {
            self.changes.entry((effect.store, event.sku.clone(), effect.state)).or_default().insert(event.order(), effect.change);
        }
        true
    }

    /// Pieces of a variant in a store in a state: the last count, and what was added and taken since. Below 0 the books cannot be right.
    #[must_use]
    pub fn on_hand(&self, store: &StoreId, sku: &Sku, state: StockState) -> i64 {
        let Some(changes) = self.changes.get(&(store.clone(), sku.clone(), state)) else { return 0 };
        let pieces = changes.values().fold(0i128, |pieces, change| match change {
            StockChange::Set(counted) => i128::from(*counted),
            StockChange::Add(more) => pieces + i128::from(*more),
        });
        i64::try_from(pieces).unwrap_or(if pieces < 0 { i64::MIN } else { i64::MAX })
    }
}
