//! The cart: durable with every tap.

use noren_rules::card_number;
use noren_rules::cart::{Cart, CartLine, CartModifier, MAX_CART_LINES, MAX_CART_PIECES, MAX_LINE_MODIFIERS, MAX_LINE_PIECES, MAX_NOTE};
use noren_rules::ids::AllergenId;
use noren_rules::order_limits::MAX_AVOIDED;
use rusqlite::OptionalExtension;

use super::counter::Counter;
use super::drafts::Draft;
use super::shelf::usual_tax_handoff;
use super::{CartHandoff, CartOf, CartView, OrderingError, OrderingService};
use crate::platform::Change;
use crate::storage::seal::Place;

/// The longest id that a line may name: the wire's ids are shorter.
const MAX_ID: usize = 200;
/// The most groups within groups.
const MAX_DEPTH: usize = 8;
const AVOIDED: Place<'static> = Place { table: "avoided_allergens", column: "sealed", row: "1" };

impl OrderingService {
    /// The cart, empty where there is none. Local, at once.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn cart(&self, of: &CartOf) -> Result<CartView, OrderingError> {
        self.settle_placed()?;
        let empty = self.empty(of)?;
        let draft = self.core.ordering.draft(of, &empty.member)?.unwrap_or(empty);
        Ok(draft.view(self.core.clock.now().now_ms))
    }

    /// Every cart with something in it, by store.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn carts(&self) -> Result<Vec<CartView>, OrderingError> {
        self.settle_placed()?;
        let now_ms = self.core.clock.now().now_ms;
        let drafts = self.core.ordering.drafts(&self.member()?)?.into_iter();
        Ok(drafts.filter(|draft| !draft.cart.lines.is_empty()).map(|draft| draft.view(now_ms)).collect())
    }

    /// Puts a line into the cart; equal lines become one of more pieces. Begin with the line of [`OrderingService::item`]. Its price is marked as seen, by
    /// the menu on the phone, where `seen_minor` does not say what was shown. Durable.
    ///
    /// # Errors
    /// `BadCart`, `CardNumber`, `Unresolved`, `NotEnrolled`, `Storage`.
    pub fn add(&self, of: &CartOf, line: &CartLine) -> Result<CartView, OrderingError> {
        let prices = self.prices_of(of, line);
        self.edit(of, |cart| {
            check_line(line)?;
            let line = &marked(line, prices.as_ref(), cart);
            let same = |known: &&mut CartLine| CartLine { quantity: line.quantity, ..(**known).clone() } == *line;
            match cart.lines.iter_mut().find(same) {
                Some(known) => known.quantity = known.quantity.saturating_add(line.quantity),
                None => cart.lines.push(line.clone()),
            }
            Ok(())
        })
    }

    /// Puts another line in the place of one (from 0): other modifiers, another note. The price of what was chosen anew is marked as seen, as by
    /// [`OrderingService::add`]. Durable.
    ///
    /// # Errors
    /// As for [`OrderingService::add`]; `NoSuchLine`.
    pub fn change(&self, of: &CartOf, line: u32, to: &CartLine) -> Result<CartView, OrderingError> {
        let prices = self.prices_of(of, to);
        self.edit(of, |cart| {
            let known = at(cart, line)?.clone();
            let is_chosen_anew = (&known.item, &known.modifiers, known.tax_handoff) != (&to.item, &to.modifiers, to.tax_handoff);
            // As the screen of the choice showed it: the mark of before is of something else.
            let stale = is_chosen_anew && to.seen_minor == known.seen_minor;
            let to = CartLine { seen_minor: to.seen_minor.filter(|_| !stale), ..to.clone() };
            let to = marked(&to, prices.as_ref(), cart);
            *at(cart, line)? = to;
            Ok(())
        })
    }

    /// So many pieces of a line; with 0 it goes. Durable.
    ///
    /// # Errors
    /// As for [`OrderingService::change`].
    pub fn set_quantity(&self, of: &CartOf, line: u32, quantity: u32) -> Result<CartView, OrderingError> {
        if quantity == 0 {
            return self.remove(of, line);
        }
        self.edit_line(of, line, |known| known.quantity = quantity)
    }

    /// A word to the kitchen, at most 200 characters; empty for none. Durable.
    ///
    /// # Errors
    /// As for [`OrderingService::change`].
    pub fn set_note(&self, of: &CartOf, line: u32, note: &str) -> Result<CartView, OrderingError> {
        self.edit_line(of, line, |known| known.note = note.trim().to_owned())
    }

    /// Takes a line out. Durable.
    ///
    /// # Errors
    /// As for [`OrderingService::change`].
    pub fn remove(&self, of: &CartOf, line: u32) -> Result<CartView, OrderingError> {
        self.edit(of, |cart| {
            let at = usize::try_from(line).ok().filter(|at| *at < cart.lines.len()).ok_or(OrderingError::NoSuchLine)?;
            cart.lines.remove(at);
            Ok(())
        })
    }

    /// How it is handed over and where it is eaten. Prices that the person saw stand: a price that is another one now is a question. Durable.
    ///
    /// # Errors
    /// As for [`OrderingService::add`].
    pub fn set_handoff(&self, of: &CartOf, handoff: CartHandoff) -> Result<CartView, OrderingError> {
        self.edit(of, |cart| {
            cart.handoff = handoff.handoff;
            cart.tax_handoff = handoff.tax_handoff.unwrap_or(usual_tax_handoff(handoff.handoff));
            Ok(())
        })
    }

    /// The age that the person declares, where something asks for one; it is checked at hand-over. Durable.
    ///
    /// # Errors
    /// As for [`OrderingService::add`].
    pub fn declare_age(&self, of: &CartOf, age: Option<u8>) -> Result<CartView, OrderingError> {
        self.edit(of, |cart| {
            cart.declared_age = age;
            Ok(())
        })
    }

    /// The person has seen the prices of now, and says yes. Durable.
    ///
    /// # Errors
    /// As for [`OrderingService::add`]; `NoMenu`.
    pub fn accept_prices(&self, of: &CartOf) -> Result<CartView, OrderingError> {
        let counter = self.counter(of, &self.cart(of)?.cart)?;
        let book = counter.book()?;
        self.edit(of, |cart| {
            *cart = cart.clone().with_prices_of(book);
            Ok(())
        })
    }

    /// Empties the cart. A slot that is held for it runs out by itself, unless it is released. Durable.
    ///
    /// # Errors
    /// `Unresolved`, `NotEnrolled`, `Storage`.
    pub fn clear(&self, of: &CartOf) -> Result<CartView, OrderingError> {
        self.settle_placed()?;
        let empty = self.empty(of)?;
        let (draft, ()) = self.core.ordering.edit(empty.clone(), |draft| {
            open_for_changes(draft)?;
            *draft = empty;
            Ok(())
        })?;
        self.core.observers.tell(Change::Carts);
        Ok(draft.view(self.core.clock.now().now_ms))
    }

    /// What the person must not eat, by the ids of the allergen table. Kept sealed on the device; sent with an order only where the person says so.
    ///
    /// # Errors
    /// `BadCart`, `NotEnrolled`, `Storage`.
    pub fn avoid(&self, allergens: &[AllergenId]) -> Result<(), OrderingError> {
        self.member()?;
        let mut avoided = allergens.to_vec();
        avoided.sort();
        avoided.dedup();
        if avoided.len() > MAX_AVOIDED || avoided.iter().any(|id| id.as_str().is_empty() || id.as_str().len() > MAX_ID) {
            return Err(OrderingError::bad("allergens are named as in the allergen table, at most 100: choose from it"));
        }
        self.core.note_use()?;
        let store = &self.core.ordering;
        let sealed = store.sealed(AVOIDED, &avoided)?;
        store.outbox_db.write(|tx| Ok(tx.execute("INSERT OR REPLACE INTO avoided_allergens VALUES (1, ?1)", [sealed]).map(drop)?))?;
        self.core.observers.tell(Change::Menus);
        Ok(())
    }

    /// What the person avoids.
    ///
    /// # Errors
    /// `Storage`. A list that does not open is an error, too: as if nothing were avoided, it would read as free.
    pub fn avoided(&self) -> Result<Vec<AllergenId>, OrderingError> {
        let store = &self.core.ordering;
        let sealed: Option<Vec<u8>> = store
            .outbox_db
            .read(|c| Ok(c.prepare_cached("SELECT sealed FROM avoided_allergens")?.query_row([], |row| row.get(0)).optional()?))?;
        let Some(sealed) = sealed else { return Ok(Vec::new()) };
        store.opened(AVOIDED, &sealed).ok_or(crate::storage::StorageError::Unsealable.into())
    }

    pub(super) fn edit(&self, of: &CartOf, change: impl FnOnce(&mut Cart) -> Result<(), OrderingError>) -> Result<CartView, OrderingError> {
        self.settle_placed()?;
        let empty = self.empty(of)?;
        self.core.note_use()?;
        let (draft, ()) = self.core.ordering.edit(empty, |draft| {
            open_for_changes(draft)?;
            let before = draft.cart.clone();
            change(&mut draft.cart)?;
            changed(draft, &before)
        })?;
        self.core.observers.tell(Change::Carts);
        Ok(draft.view(self.core.clock.now().now_ms))
    }

    fn edit_line(&self, of: &CartOf, line: u32, change: impl FnOnce(&mut CartLine)) -> Result<CartView, OrderingError> {
        self.edit(of, |cart| {
            change(at(cart, line)?);
            Ok(())
        })
    }

    /// What a line's price is looked up in; `None` where nothing is known of it.
    fn prices_of(&self, of: &CartOf, line: &CartLine) -> Option<Counter> {
        let cart = Cart { lines: vec![line.clone()], ..self.empty(of).ok()?.cart };
        self.counter(of, &cart).ok()
    }

    /// A cart with nothing in it, handed over as is usual in the store.
    pub(super) fn empty(&self, of: &CartOf) -> Result<Draft, OrderingError> {
        let member = self.member()?;
        let handoff = match of.of {
            noren_rules::wire::OrderOf::Goods => noren_rules::menu::HandoffMode::StorePickup,
            noren_rules::wire::OrderOf::Menu => {
                let kept = self.core.ordering.menu(&of.store)?;
                kept.map_or(noren_rules::menu::HandoffMode::CounterPickup, |(kept, _)| kept.usual_handoff())
            }
        };
        Ok(Draft::new(&member, of, Cart::new(handoff, usual_tax_handoff(handoff))))
    }
}

fn at(cart: &mut Cart, line: u32) -> Result<&mut CartLine, OrderingError> {
    usize::try_from(line).ok().and_then(|at| cart.lines.get_mut(at)).ok_or(OrderingError::NoSuchLine)
}

/// A line with what one piece costs now, where nobody said what was shown.
fn marked(line: &CartLine, prices: Option<&Counter>, cart: &Cart) -> CartLine {
    let now_minor = || prices.and_then(|prices| line.piece_minor(prices.book().ok()?, cart.tax_handoff));
    CartLine { seen_minor: line.seen_minor.or_else(now_minor), ..line.clone() }
}

/// A cart that was ordered stays as it is until it is known what became of that.
pub(super) fn open_for_changes(draft: &Draft) -> Result<(), OrderingError> {
    match (&draft.order, draft.placed) {
        (Some(order), true) => Err(OrderingError::Unresolved { order: order.clone() }),
        _ => Ok(()),
    }
}

/// What follows of another cart in a draft.
pub(super) fn changed(draft: &mut Draft, before: &Cart) -> Result<(), OrderingError> {
    check(&draft.cart)?;
    if draft.cart != *before {
        draft.reviewed = None;
    }
    // A price that was seen is no other work: the slot stays.
    if unseen(&draft.cart) != unseen(before) {
        draft.held = None;
    }
    Ok(())
}

/// A cart without the prices that the person saw.
fn unseen(cart: &Cart) -> Cart {
    let mut cart = cart.clone();
    cart.lines.iter_mut().for_each(|line| line.seen_minor = None);
    cart
}

/// Refuses what can never be ordered from any menu, before it is kept.
pub(super) fn check(cart: &Cart) -> Result<(), OrderingError> {
    if longer(cart.lines.len(), MAX_CART_LINES) {
        return Err(OrderingError::bad("a cart has at most 100 lines: order the rest apart"));
    }
    if cart.lines.iter().map(|line| u64::from(line.quantity)).sum::<u64>() > u64::from(MAX_CART_PIECES) {
        return Err(OrderingError::bad("at most 500 pieces in one order: order the rest apart"));
    }
    cart.lines.iter().try_for_each(check_line)
}

fn check_line(line: &CartLine) -> Result<(), OrderingError> {
    if !(1..=MAX_LINE_PIECES).contains(&line.quantity) {
        return Err(OrderingError::bad("1 to 99 pieces of a line: choose a number between"));
    }
    if longer(line.note.chars().count(), MAX_NOTE) {
        return Err(OrderingError::bad("a note has at most 200 characters: shorten it"));
    }
    refuse_card_number(&line.note)?;
    let mut left = MAX_LINE_MODIFIERS;
    if line.item.as_str().is_empty() || line.item.as_str().len() > MAX_ID || !holds(&line.modifiers, &mut left, MAX_DEPTH) {
        return Err(OrderingError::bad("this line is none of a menu: begin with the item again"));
    }
    Ok(())
}

fn longer(is: usize, most: u32) -> bool {
    u32::try_from(is).map_or(true, |is| is > most)
}

fn holds(modifiers: &[CartModifier], left: &mut u32, depth: usize) -> bool {
    modifiers.iter().all(|one| {
        let fits = *left > 0 && depth > 0 && one.group.as_str().len() <= MAX_ID && one.modifier.as_str().len() <= MAX_ID;
        *left = left.saturating_sub(1);
        fits && one.quantity <= MAX_LINE_PIECES && holds(&one.modifiers, left, depth.saturating_sub(1))
    })
}

/// Refuses what looks like a payment card's number, before it is kept anywhere.
pub(super) fn refuse_card_number(text: &str) -> Result<(), OrderingError> {
    if card_number::is_like_one(text) { Err(OrderingError::CardNumber) } else { Ok(()) }
}
