//! Holds, wishes and alternatives as they are shown.

use noren_rules::geo::Position;
use noren_rules::holds::HoldState;
use noren_rules::ids::StoreId;
use noren_rules::stock::{Arrival, Band, BandRules, ChanceModel, StockAnswer, StockOrigin};
use noren_rules::wire::{Hold, HoldAlternative, StockLevel};

use super::tables::WishNote;
use super::{HoldChoice, HoldStanding, HoldView, HoldWish, HoldsService};
use crate::places::PlaceBook;
use crate::time::TrustedTime;

impl HoldsService {
    /// The alternatives, the nearest to the phone first where that is known; else as the backend ordered them. The online shop last, and behind it those
    /// of which nothing is known any more.
    pub(super) fn choices(
        &self,
        book: &PlaceBook,
        alternatives: Vec<HoldAlternative>,
        wish: &HoldWish,
        position: Option<&Position>,
    ) -> Vec<HoldChoice> {
        let now = self.core.clock.now();
        let choice = |alternative: HoldAlternative| {
            let at = book.at_place(&alternative.store);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half the Earth's girth is 20,000,000 m")]
            let metres = |position: &Position| at.map(|(place, _)| place.distance_m(position).max(0.0).round() as u32);
            HoldChoice {
                name: name(book, &alternative.store),
                distance_m: position.and_then(metres),
                open_now: at.filter(|_| now.proven).map(|(_, tenant)| crate::places::is_open(tenant.hours.as_ref(), now.now_s())),
                is_ec: alternative.is_ec,
                answer: answer(&alternative, wish, now),
                store: alternative.store,
            }
        };
        let mut choices: Vec<HoldChoice> = alternatives.into_iter().map(choice).collect();
        choices.sort_by_key(|choice| {
            (choice.answer.band == Band::Unknown, choice.is_ec, position.is_some() && choice.distance_m.is_none(), choice.distance_m)
        });
        choices
    }

    pub(super) fn view(&self, book: &PlaceBook, hold: &Hold) -> HoldView {
        let now = self.core.clock.now();
        let is_over = hold.state.is_live() && now.proven && now.now_ms >= hold.until_ms;
        let standing = HoldStanding::of(if is_over { HoldState::Expired } else { hold.state });
        let (words_ja, words_en) = standing.words(hold.shelf_number.as_deref());
        HoldView {
            id: Some(hold.id.clone()),
            key: None,
            store_name: name(book, &hold.store),
            store: hold.store.clone(),
            sku: hold.sku.clone(),
            quantity: hold.quantity,
            minutes_left: if standing.is_live() { minutes_left(hold.until_ms, now.now_ms) } else { 0 },
            standing,
            until_ms: hold.until_ms,
            made_at_ms: hold.made_at_ms,
            shelf_number: hold.shelf_number.clone(),
            call: hold.call.clone(),
            words_ja,
            words_en,
            alternatives: Vec::new(),
        }
    }

    pub(super) fn wish_view(&self, book: &PlaceBook, note: WishNote) -> HoldView {
        let (words_ja, words_en) = note.standing.words(None);
        let waits = matches!(note.standing, HoldStanding::Waiting | HoldStanding::Asked);
        let alternatives = self.choices(book, note.answer.map(|answer| answer.alternatives).unwrap_or_default(), &note.wish, None);
        HoldView {
            id: None,
            key: Some(note.key),
            store_name: name(book, &note.wish.store),
            store: note.wish.store,
            sku: note.wish.sku,
            quantity: note.wish.quantity,
            standing: note.standing,
            until_ms: note.until_ms,
            minutes_left: if waits { minutes_left(note.until_ms, self.core.clock.now().now_ms) } else { 0 },
            made_at_ms: note.at_ms,
            shelf_number: None,
            call: String::new(),
            words_ja,
            words_en,
            alternatives,
        }
    }
}

/// What the backend's word on another store is worth by now. It says neither how it sells there nor how long the way is, so there is no chance in it.
fn answer(alternative: &HoldAlternative, wish: &HoldWish, now: TrustedTime) -> StockAnswer {
    let level = StockLevel {
        sku: wish.sku.clone(),
        available: Some(alternative.available),
        display: 0,
        in_transit: 0,
        shelf: None,
        sold_per_day_milli: 0,
        error_permille: 0,
    };
    let origin = StockOrigin { as_of_ms: alternative.as_of_ms, source: alternative.source, model: ChanceModel::default() };
    let arrival = Arrival { in_min: None, quantity: wish.quantity };
    StockAnswer::of(Some(&level), &origin, &BandRules::default(), now.proven.then_some(now.now_ms), arrival)
}

fn minutes_left(until_ms: i64, now_ms: i64) -> u32 {
    u32::try_from((until_ms.saturating_sub(now_ms)).max(0).saturating_add(59_999) / 60_000).unwrap_or(u32::MAX)
}

/// The store's name, or its id where no place on the phone names it.
fn name(book: &PlaceBook, store: &StoreId) -> String {
    book.at_place(store).map_or_else(|| store.0.clone(), |(_, tenant)| tenant.name.clone())
}
