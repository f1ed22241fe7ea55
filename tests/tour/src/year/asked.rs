//! One question of a shopper: what the phone knew, what it said, and what was there.

use noren_rules::ids::Sku;
use noren_rules::stock::{Arrival, BandRules, ChanceModel, RecordEvidence, StockAnswer, StockOrigin, StockSource, available};
use noren_rules::wire::StockLevel;

use super::Minute;

const MINUTE_MS: i64 = 60_000;

/// A question, and how it ended.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// As of when the phone's stock was.
    heard_at: Minute,
    pub(super) at: Minute,
    pub(super) in_min: i64,
    quantity: i64,
    books: i64,
    sold_per_day_milli: i64,
    since_proven: Minute,
    not_found: u32,
    /// Whether there were as many as were wanted.
    pub(super) there: bool,
}

impl Asked {
    pub(super) fn new(heard_at: Minute, at: Minute, in_min: i64, quantity: i64) -> Self {
        Self { heard_at, at, in_min, quantity, books: 0, sold_per_day_milli: 0, since_proven: 0, not_found: 0, there: false }
    }

    /// What the backend publishes goes to the phone.
    pub(super) fn hear(&mut self, books: i64, sold_per_day_milli: i64, since_proven: Minute, not_found: u32) {
        (self.books, self.sold_per_day_milli) = (books, sold_per_day_milli);
        (self.since_proven, self.not_found) = (since_proven, not_found);
    }

    pub(super) fn arrive(&mut self, there: i64) {
        self.there = there >= self.quantity;
    }

    /// What the books say is there for everybody: a naive shop says yes.
    pub(super) fn is_in_the_books(&self) -> bool {
        self.books >= self.quantity
    }

    /// What the phone says, by this model.
    pub(super) fn answer(&self, model: &ChanceModel) -> StockAnswer {
        let level = StockLevel {
            sku: Sku(String::new()),
            available: available(self.books, 0, 0),
            display: 0,
            in_transit: 0,
            shelf: None,
            sold_per_day_milli: narrow(self.sold_per_day_milli),
            error_permille: model.record_error_permille(&RecordEvidence {
                on_hand: narrow(self.books),
                since_proven_ms: self.since_proven * MINUTE_MS,
                sold_per_day_milli: narrow(self.sold_per_day_milli),
                not_found: self.not_found,
                found: 0,
            }),
        };
        let origin = StockOrigin { as_of_ms: self.heard_at * MINUTE_MS, source: StockSource::PosFeed, model: *model };
        let arrival = Arrival { in_min: Some(narrow(self.in_min)), quantity: narrow(self.quantity) };
        StockAnswer::of(Some(&level), &origin, &BandRules::default(), Some(self.at * MINUTE_MS), arrival)
    }
}

fn narrow(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
