//! Where and when to order on the way: found on the phone, of all that it knows.
//!
//! Which stores come into question, when the diner could be at each and how far out of the way it is never leaves the phone. The server is asked what
//! is booked in all stores whose menus the phone has ([`OrderingService::refresh_status`]), wherever the phone is, and learns of the rest by the slot
//! that is held.

use noren_rules::cart::Cart;
use noren_rules::eta::Trend;
use noren_rules::geo::Position;
use noren_rules::ids::StoreId;
use noren_rules::journey::{self, Arrival, Candidate, JourneySuggestion, JourneyWeights};
use noren_rules::wire::{OrderOf, PlaceInfo, PlaceKind};

use super::carts::{changed, open_for_changes};
use super::counter::Counter;
use super::{
    CartOf, CartView, Journey, JourneyPoint, JourneyQuestion, OrderingError, OrderingService, SlotSuggestion, SlotSuggestions, StoreLeftOut,
};
use crate::places::PlaceBook;
use crate::platform::Change;
use crate::trip::approach::{Approach, Start};
use crate::trip::{age_ms, fixes};

const MINUTE_MS: i64 = 60_000;
/// Older fixes say nothing about where the phone is now.
const FIX_LIVES_MS: i64 = 300_000;
/// So long before the diner is there food may be ready: it gets no better by lying there.
const EARLY_MS: i64 = 10 * MINUTE_MS;
/// Nobody waits longer than this for what was ordered ahead.
const LATEST_MS: i64 = 60 * MINUTE_MS;
/// Nobody goes this far for a meal that is ordered on the way.
const FARTHEST_MS: i64 = 120 * MINUTE_MS;
/// The longest walk out of a station, and the latest train.
const MOST_MIN: u32 = 120;
const MOST_SUGGESTIONS: u32 = 20;

/// Why a store is not suggested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeftOut {
    NoMenu,
    NoPlace,
    NoStatus,
    Handoff,
    NotMade,
    Behind,
    TooFar,
    NoSlot,
}

impl LeftOut {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoMenu => ("メニューをまだ取得していません", "Its menu is not on this phone"),
            Self::NoPlace => ("場所がわかりません", "Nobody knows where it is"),
            Self::NoStatus => ("キッチンの混み具合がわかりません", "How busy its kitchen is was never heard"),
            Self::Handoff => ("この受け取り方法に対応していません", "It does not hand over so"),
            Self::NotMade => ("カートの商品を用意できません", "It does not make what is in the cart"),
            Self::Behind => ("通り過ぎています", "It lies behind: nobody turns on an expressway"),
            Self::TooFar => ("遠すぎます", "It is too far away"),
            Self::NoSlot => ("到着時刻の前後に空きがありません", "It has no time around the arrival"),
        }
    }
}

impl OrderingService {
    /// Which stores could make the cart, when, so that the diner waits little, goes little out of the way, is hardly late, and the kitchen is quiet; the
    /// best first. By what is known on the phone: `refresh_status` of no store in particular brings what is booked in all. Local, at once.
    ///
    /// # Errors
    /// `HasProblems` for an empty cart; `BadCart` for a journey that is none, a position that is none, or goods, which no kitchen makes; `NotEnrolled`,
    /// `Storage`.
    pub fn suggest(&self, question: &JourneyQuestion) -> Result<SlotSuggestions, OrderingError> {
        if question.of.of != OrderOf::Menu {
            return Err(OrderingError::bad("goods are fetched when it suits: ask for the menu of a store"));
        }
        if !(1..=MOST_SUGGESTIONS).contains(&question.most) {
            return Err(OrderingError::bad("1 to 20 suggestions are made: ask for a number between"));
        }
        let (start, now_ms) = (self.start(question)?, self.core.clock.now().now_ms);
        let cart = self.cart(&question.of)?.cart;
        if cart.lines.is_empty() {
            return Err(OrderingError::HasProblems);
        }
        let stores = if question.stores.is_empty() { self.core.ordering.menu_stores()? } else { question.stores.clone() };
        let book = self.core.places.book()?;
        let (mut candidates, mut left_out) = (Vec::new(), Vec::new());
        for store in &stores {
            match self.candidate(question, store, &cart, &start, &book, now_ms)? {
                Ok(candidate) => candidates.push(candidate),
                Err(why) => left_out.push(left_out_store(store, why)),
            }
        }
        let all: Vec<Candidate> = candidates.iter().map(|(candidate, _)| candidate.clone()).collect();
        let found = journey::suggest(&all, arrival(question), now_ms, &JourneyWeights::default());
        let view = |found: JourneySuggestion| {
            let (candidate, counter) = candidates.iter().find(|(candidate, _)| candidate.store == found.store)?;
            Some(suggestion(found, candidate, counter))
        };
        let most = usize::try_from(question.most).unwrap_or(1);
        Ok(SlotSuggestions { suggestions: found.into_iter().filter_map(view).take(most).collect(), left_out })
    }

    /// Takes a cart to another store, such as one that was suggested; what was in the cart there makes room. What costs something else there, or is not
    /// on the menu, is a question in `check`. Durable, in one step.
    ///
    /// # Errors
    /// `Unresolved`, `NoMenu`, `NotEnrolled`, `Storage`.
    pub fn take_cart_to(&self, of: &CartOf, store: &StoreId) -> Result<CartView, OrderingError> {
        self.kept_menu(store)?;
        if of.store == *store {
            return self.cart(of);
        }
        self.settle_placed()?;
        let (empty, there) = (self.empty(of)?, self.empty(&CartOf { store: store.clone(), of: of.of })?);
        self.core.note_use()?;
        let taken = self.core.ordering.edit_two(empty.clone(), there, |here, there| {
            open_for_changes(here)?;
            open_for_changes(there)?;
            let before = std::mem::replace(&mut there.cart, std::mem::replace(here, empty).cart);
            changed(there, &before)
        })?;
        self.core.observers.tell(Change::Carts);
        Ok(taken.view(self.core.clock.now().now_ms))
    }

    fn start(&self, question: &JourneyQuestion) -> Result<Start, OrderingError> {
        let bound_for = question.bound_for.as_ref().map(position).transpose()?;
        match &question.journey {
            Journey::Moving { observations } => {
                let clock = self.core.platform.clock.as_ref();
                let age_ms =
                    |fix: &_| Some(age_ms(clock, fix)).filter(|age| (-FIX_LIVES_MS..=FIX_LIVES_MS).contains(age)).map(|age| age.max(0));
                Start::moving(&fixes(observations), age_ms, self.core.clock.now().now_ms, bound_for)
                    .ok_or_else(|| OrderingError::bad("no fix of the last five minutes says where the phone is: locate it first"))
            }
            Journey::Arriving { at, arrives_ms, exit_min, off_min } => {
                if *exit_min > MOST_MIN || *off_min > MOST_MIN {
                    return Err(OrderingError::bad("out of a station one walks two hours at most: say fewer minutes"));
                }
                let out_ms = arrives_ms.saturating_add(i64::from(*exit_min) * MINUTE_MS);
                Ok(Start::leaving(position(at)?, out_ms, *off_min, bound_for))
            }
        }
    }

    /// A store with its times around the arrival, or why it has none.
    fn candidate(
        &self,
        question: &JourneyQuestion,
        store: &StoreId,
        cart: &Cart,
        start: &Start,
        book: &PlaceBook,
        now_ms: i64,
    ) -> Result<Result<(Candidate, Counter), LeftOut>, OrderingError> {
        let counter = match self.counter(&CartOf::menu(store), cart) {
            Ok(counter) => counter,
            Err(OrderingError::NoMenu) => return Ok(Err(LeftOut::NoMenu)),
            Err(error) => return Err(error),
        };
        let Some((place, _)) = book.at_place(store) else { return Ok(Err(LeftOut::NoPlace)) };
        let approach = start.to(place);
        if approach.arrives_ms.saturating_sub(comes_ms(question, now_ms)) > FARTHEST_MS {
            return Ok(Err(LeftOut::TooFar));
        }
        if lies_behind(book.info(place.id()), &approach, place.holds(start.from())) {
            return Ok(Err(LeftOut::Behind));
        }
        if !counter.kept.terms.handoffs.contains(&cart.handoff) {
            return Ok(Err(LeftOut::Handoff));
        }
        if !counter.problems(cart, approach.arrives_ms.max(now_ms))?.is_empty() {
            return Ok(Err(LeftOut::NotMade));
        }
        let Ok(mut kitchen) = counter.kitchen() else { return Ok(Err(LeftOut::NoStatus)) };
        let there_ms = approach.arrives_ms.max(question.wanted_ms.unwrap_or(i64::MIN)).max(now_ms);
        let (from_ms, until_ms) = (there_ms.saturating_sub(EARLY_MS).max(now_ms), there_ms.saturating_add(LATEST_MS));
        let slots = kitchen.offers(&counter.tasks(cart)?, from_ms, until_ms, Some(there_ms), now_ms);
        if slots.is_empty() {
            return Ok(Err(LeftOut::NoSlot));
        }
        let left_ms = approach.arrives_ms.saturating_sub(comes_ms(question, now_ms)).max(0);
        let candidate = Candidate {
            store: store.clone(),
            way_min: u32::try_from(left_ms.saturating_add(MINUTE_MS - 1) / MINUTE_MS).unwrap_or(u32::MAX),
            off_min: approach.off_min,
            detour_min: approach.detour_min,
            late_p90_min: counter.status.as_ref().map_or(0, |status| status.late_p90_min),
            slots,
        };
        Ok(Ok((candidate, counter)))
    }
}

fn arrival(question: &JourneyQuestion) -> Arrival {
    match (&question.journey, question.wanted_ms) {
        (Journey::Arriving { arrives_ms, .. }, None) => Arrival::Train { at_ms: *arrives_ms },
        (_, Some(at_ms)) => Arrival::Wanted { at_ms },
        (Journey::Moving { .. }, None) => Arrival::OnTheWay,
    }
}

/// From when on the way to a store counts, as [`Arrival`] has it.
fn comes_ms(question: &JourneyQuestion, now_ms: i64) -> i64 {
    match arrival(question) {
        Arrival::Train { at_ms } => at_ms.max(now_ms),
        Arrival::OnTheWay | Arrival::Wanted { .. } => now_ms,
    }
}

/// On an expressway nobody turns: what is not ahead is out of reach.
fn lies_behind(info: Option<&PlaceInfo>, approach: &Approach, is_there: bool) -> bool {
    let on_expressway = info.is_some_and(|info| info.kind == PlaceKind::RestStop && !info.open_to_ordinary_road);
    on_expressway && !is_there && approach.trend == Trend::Away
}

fn position(point: &JourneyPoint) -> Result<Position, OrderingError> {
    Position::new(point.lat_deg, point.lon_deg).map_err(|error| OrderingError::bad(&error.to_string()))
}

fn left_out_store(store: &StoreId, why: LeftOut) -> StoreLeftOut {
    let (ja, en) = why.words();
    StoreLeftOut { store: store.clone(), words_ja: ja.to_owned(), words_en: en.to_owned() }
}

fn suggestion(found: JourneySuggestion, candidate: &Candidate, counter: &Counter) -> SlotSuggestion {
    SlotSuggestion {
        store_name: counter.kept.terms.store_name.clone(),
        off_min: candidate.off_min,
        late_p90_min: candidate.late_p90_min,
        reason_ja: found.reason.text_ja(),
        reason_en: found.reason.text_en(),
        as_of_ms: counter.status.as_ref().map_or(0, |status| status.as_of_ms),
        suggestion: found,
    }
}
