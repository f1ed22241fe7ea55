//! The usual: named carts, and what was ordered once and is wanted again.

use std::collections::BTreeSet;

use noren_rules::cart::{Cart, CartLine, CartModifier, DELIVERY_FEE};
use noren_rules::ids::{MemberId, OrderId, ReceiptId};
use noren_rules::menu::MenuBook;
use noren_rules::offers::Texts;
use noren_rules::receipt::{Channel, ReceiptKind};
use noren_rules::wire::OrderOf;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::carts::{check, refuse_card_number};
use super::placed::Placed;
use super::{CartOf, FavouriteCart, OrderingError, OrderingService, ReorderedCart};
use crate::platform::Change;
use crate::storage::seal::Place;

const TABLE: &str = "favourite_carts";
const MOST_FAVOURITES: u32 = 50;
const MOST_NAME: usize = 40;

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    member: MemberId,
    name: String,
    of: CartOf,
    cart: Cart,
    titles: Vec<Texts>,
}

impl OrderingService {
    /// Keeps the cart under a name ("いつもの"), in the place of one that has it. Durable.
    ///
    /// # Errors
    /// `BadCart` for an empty cart, a name of more than 40 characters, or a 51st one; `CardNumber`, `NotEnrolled`, `Storage`.
    pub fn save_favourite(&self, name: &str, of: &CartOf) -> Result<(), OrderingError> {
        let name = name.trim();
        refuse_card_number(name)?;
        if name.is_empty() || name.chars().count() > MOST_NAME {
            return Err(OrderingError::bad("a name has 1 to 40 characters: choose another one"));
        }
        let cart = self.cart(of)?.cart;
        if cart.lines.is_empty() {
            return Err(OrderingError::bad("nothing is in the cart: put in what you usually order"));
        }
        let counter = self.counter(of, &cart)?;
        let titles = cart.lines.iter().map(|line| title(counter.book().ok(), line)).collect();
        let kept = Kept { member: self.member()?, name: name.to_owned(), of: of.clone(), cart, titles };
        let store = &self.core.ordering;
        let row = store.row(TABLE, name);
        let sealed = store.sealed(place(&row), &kept)?;
        self.core.note_use()?;
        let is_kept = store.outbox_db.write(|tx| {
            let others: u32 = tx.query_row("SELECT count(*) FROM favourite_carts WHERE key <> ?1", [&row], |row| row.get(0))?;
            if others >= MOST_FAVOURITES {
                return Ok(false);
            }
            tx.execute(
                "INSERT INTO favourite_carts(key, number, sealed) VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM favourite_carts), ?2)
                 ON CONFLICT(key) DO UPDATE SET sealed = excluded.sealed",
                params![row, sealed],
            )?;
            Ok(true)
        })?;
        if !is_kept {
            return Err(OrderingError::bad("50 carts are saved already: remove one first"));
        }
        self.core.observers.tell(Change::Carts);
        Ok(())
    }

    /// The saved carts, in the order in which they were saved. Local, at once.
    ///
    /// # Errors
    /// `NotEnrolled`, `Storage`.
    pub fn favourites(&self) -> Result<Vec<FavouriteCart>, OrderingError> {
        Ok(self.kept_favourites()?.into_iter().map(|kept| FavouriteCart { name: kept.name, of: kept.of, cart: kept.cart }).collect())
    }

    /// Removes a saved cart. Durable.
    ///
    /// # Errors
    /// `NoSuchFavourite`, `NotEnrolled`, `Storage`.
    pub fn remove_favourite(&self, name: &str) -> Result<(), OrderingError> {
        self.member()?;
        let store = &self.core.ordering;
        let row = store.row(TABLE, name.trim());
        let gone = store.outbox_db.write(|tx| Ok(tx.execute("DELETE FROM favourite_carts WHERE key = ?1", [&row])?))?;
        if gone == 0 {
            return Err(OrderingError::NoSuchFavourite);
        }
        self.core.observers.tell(Change::Carts);
        Ok(())
    }

    /// Puts a saved cart into the cart of its store, in the place of what is there. What is not sold any more is flagged.
    ///
    /// # Errors
    /// `NoSuchFavourite`, `NoMenu`, `Unresolved`, `NotEnrolled`, `Storage`.
    pub fn order_favourite(&self, name: &str) -> Result<ReorderedCart, OrderingError> {
        let kept = self.kept_favourites()?.into_iter().find(|kept| kept.name == name.trim()).ok_or(OrderingError::NoSuchFavourite)?;
        let lines = kept.cart.lines.iter().cloned().zip(kept.titles).collect();
        self.again(&kept.of, &kept.cart, lines)
    }

    /// Puts what an order was of into the cart, modifiers and all, in the place of what is there. What is not sold any more is flagged. An order that was
    /// not made on this phone comes back by its lines.
    ///
    /// # Errors
    /// `NoSuchOrder`, `NoMenu`, `Unresolved`, `NotEnrolled`, `Storage`.
    pub fn reorder(&self, order: &OrderId) -> Result<ReorderedCart, OrderingError> {
        if let Some(note) = self.core.ordering.placed(order, &self.member()?)? {
            let mut titles = titles_of(&note.placed).into_iter();
            let lines = note.placed.cart.lines.iter().map(|line| (line.clone(), titles.next().unwrap_or_else(untitled))).collect();
            return self.again(&note.placed.of, &note.placed.cart, lines);
        }
        let view = self.order(order)?.order;
        let of = CartOf { store: view.store.clone(), of: view.of };
        let cart = Cart { lines: Vec::new(), ..Cart::new(view.handoff, view.tax_handoff) };
        let wanted = view.lines.into_iter().map(|line| (line.sku.0, i64::from(line.pieces), line.titles)).collect();
        self.again_by_sku(&of, &cart, wanted)
    }

    /// Puts what a receipt lists into the cart of its store, in the place of what is there: an order's as it was ordered, where it was made on this phone;
    /// else each article with what goes with it by default.
    ///
    /// # Errors
    /// `NoSuchOrder` for an unknown receipt, or one of goods that came back; `NoMenu`, `Unresolved`, `NotEnrolled`, `Storage`.
    pub fn reorder_receipt(&self, receipt: &ReceiptId) -> Result<ReorderedCart, OrderingError> {
        let found = self.core.history.receipt(receipt)?.filter(|found| found.kind == ReceiptKind::Sale);
        let receipt = found.ok_or(OrderingError::NoSuchOrder)?;
        let order = OrderId(receipt.number.clone());
        if self.core.ordering.placed(&order, &self.member()?)?.is_some() {
            return self.reorder(&order);
        }
        let of =
            CartOf { store: receipt.store_id.clone(), of: if receipt.channel == Channel::Ec { OrderOf::Goods } else { OrderOf::Menu } };
        let wanted = receipt.lines.into_iter().filter(|line| line.quantity > 0);
        let wanted = wanted.map(|line| (line.sku, line.quantity, Texts([("ja".to_owned(), line.description)].into()))).collect();
        let cart = self.empty(&of)?.cart;
        self.again_by_sku(&of, &cart, wanted)
    }

    fn again_by_sku(&self, of: &CartOf, cart: &Cart, wanted: Vec<(String, i64, Texts)>) -> Result<ReorderedCart, OrderingError> {
        let line = |item: &str, quantity| CartLine {
            item: item.into(),
            modifiers: Vec::new(),
            quantity,
            note: String::new(),
            tax_handoff: None,
            seen_minor: None,
        };
        // Goods are named by their sku; the menu's items have one.
        let named = Cart { lines: wanted.iter().map(|(sku, _, _)| line(sku, 1)).collect(), ..cart.clone() };
        let counter = self.counter(of, &named)?;
        let book = counter.book()?;
        let mut lines: Vec<(CartLine, Texts)> = Vec::with_capacity(wanted.len());
        let is_part = |sku: &str| {
            sku == DELIVERY_FEE || book.menu().groups.iter().flat_map(|group| &group.modifiers).any(|one| one.id.as_str() == sku)
        };
        for (sku, quantity, titles) in wanted {
            let pieces = u32::try_from(quantity).unwrap_or(1).clamp(1, noren_rules::cart::MAX_LINE_PIECES);
            let item = book.menu().items.iter().find(|item| item.sku.as_str() == sku);
            // A modifier of another tax class, and the fee, are lines of their own: nobody orders them alone.
            if item.is_none() && is_part(&sku) {
                continue;
            }
            let of_item = item.and_then(|item| CartLine::of(book, &item.id, pieces, cart.tax_handoff));
            lines.push((of_item.unwrap_or_else(|| line(&sku, pieces)), titles));
        }
        self.again(of, cart, lines)
    }

    /// The cart as it was, without what is not sold any more.
    fn again(&self, of: &CartOf, cart: &Cart, lines: Vec<(CartLine, Texts)>) -> Result<ReorderedCart, OrderingError> {
        let wanted = Cart { lines: lines.iter().map(|(line, _)| line.clone()).collect(), ..cart.clone() };
        let counter = self.counter(of, &wanted)?;
        let book = counter.book()?;
        let (sold, gone): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(line, _)| book.item(&line.item).is_some());
        let again = Cart { lines: sold.into_iter().map(|(line, _)| line).collect(), ..wanted };
        check(&again)?;
        let view = self.edit(of, |cart| {
            *cart = again;
            Ok(())
        })?;
        let changes = match view.cart.lines.is_empty() {
            true => Vec::new(),
            false => counter.changes(&view.cart, self.core.clock.now().now_ms)?,
        };
        Ok(ReorderedCart { changes, vanished: gone.into_iter().map(|(_, titles)| titles).collect(), cart: view })
    }

    fn kept_favourites(&self) -> Result<Vec<Kept>, OrderingError> {
        let member = self.member()?;
        let store = &self.core.ordering;
        let rows: Vec<(String, Vec<u8>)> = store.outbox_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT key, sealed FROM favourite_carts ORDER BY number")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let kept = rows.iter().filter_map(|(row, sealed)| store.opened::<Kept>(place(row), sealed));
        Ok(kept.filter(|kept| kept.member == member).collect())
    }
}

fn place(row: &str) -> Place<'_> {
    Place { table: TABLE, column: "sealed", row }
}

fn title(book: Option<&MenuBook>, line: &CartLine) -> Texts {
    book.and_then(|book| book.item(&line.item)).map_or_else(untitled, |item| item.title.clone())
}

/// For what nobody knows the title of any more.
fn untitled() -> Texts {
    [("ja", "メニューにない商品"), ("en", "An item that is not on the menu any more")].into()
}

/// The titles of the lines of a cart, as it was ordered. A modifier of another tax class, behind its item, and the fee are lines of an order, too.
fn titles_of(placed: &Placed) -> Vec<Texts> {
    let mut open: Vec<&CartModifier> = placed.cart.lines.iter().flat_map(|line| &line.modifiers).collect();
    let mut parts: BTreeSet<&str> = [DELIVERY_FEE].into();
    while let Some(chosen) = open.pop() {
        parts.insert(chosen.modifier.as_str());
        open.extend(&chosen.modifiers);
    }
    let of_cart = placed.lines.iter().filter(|line| !parts.contains(line.sku.as_str()));
    let titles: Vec<Texts> = of_cart.map(|line| line.titles.clone()).collect();
    // As many as there are lines, or nobody knows whose they are.
    if titles.len() == placed.cart.lines.len() { titles } else { Vec::new() }
}
