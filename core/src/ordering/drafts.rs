//! The cart as it is kept, and what it is becoming: one row, changed in one durable step.

use noren_rules::cart::{Cart, OrderSnapshot, PaymentMethod};
use noren_rules::ids::{MemberId, OrderId};
use noren_rules::slots::PickupTime;
use noren_rules::wire::{OrderLineView, OrderQuestion};
use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::{Deserialize, Serialize};

use super::tables::OrderingStore;
use super::{CartOf, CartView, HeldSlot, OrderingError};
use crate::storage::StorageError;
use crate::storage::seal::Place;

/// A cart and the order that it is to become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Draft {
    /// Whose: another member's is not shown. Not the device's: a new key of the same member loses nothing.
    pub(super) member: MemberId,
    pub(super) of: CartOf,
    pub(super) cart: Cart,
    /// The order's id: made before a slot is held for it, so that every tap names the same order.
    pub(super) order: Option<OrderId>,
    pub(super) held: Option<HeldSlot>,
    /// Under which id the backend may hold a slot for it: also after a question, or of a cart that was changed since.
    #[serde(default)]
    pub(super) held_by: Option<OrderId>,
    /// The last screen before the tap, as the person saw it.
    pub(super) reviewed: Option<Reviewed>,
    /// True once it is ordered, until it is known what became of that.
    pub(super) placed: bool,
    pub(super) replaces: Option<OrderId>,
    /// What the last question said of coupons and points.
    #[serde(default)]
    pub(super) asked: Asked,
}

/// What the backend would not count, and the phone cannot know: the next total is made without it, so that a yes ends the question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Asked {
    /// Coupons that cannot be used.
    pub(super) coupons_out: Vec<u64>,
    /// Points that there are.
    pub(super) most_points: Option<i64>,
}

impl Asked {
    /// With what a question said about an order as it was shown.
    pub(super) fn hear(&mut self, question: &OrderQuestion, shown: &OrderSnapshot) {
        self.coupons_out.extend(&question.coupons_out);
        self.coupons_out.sort_unstable();
        self.coupons_out.dedup();
        // With money left to pay, it is the points that gave out, and not the cart.
        if let Some(now) = question.shown_now.as_ref().filter(|now| now.points < shown.points && now.to_pay_minor > 0) {
            self.most_points = Some(now.points);
        }
    }
}

/// What the person saw last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reviewed {
    pub(super) time: PickupTime,
    pub(super) snapshot: OrderSnapshot,
    pub(super) method: PaymentMethod,
    pub(super) coupons: Vec<u64>,
    /// Those of them that are used.
    pub(super) used: Vec<u64>,
    pub(super) points: i64,
    /// The lines as an order shows them.
    pub(super) lines: Vec<OrderLineView>,
}

impl Draft {
    pub(super) fn new(member: &MemberId, of: &CartOf, cart: Cart) -> Self {
        Self {
            member: member.clone(),
            of: of.clone(),
            cart,
            order: None,
            held: None,
            held_by: None,
            reviewed: None,
            placed: false,
            replaces: None,
            asked: Asked::default(),
        }
    }

    /// True while this order of it is on its way.
    pub(super) fn is_of(&self, order: &OrderId) -> bool {
        self.placed && self.order.as_ref() == Some(order)
    }

    pub(super) fn view(self, now_ms: i64) -> CartView {
        CartView {
            held: self.held.filter(|held| held.until_ms > now_ms),
            of: self.of,
            cart: self.cart,
            order: self.order,
            is_placed: self.placed,
            replaces: self.replaces,
        }
    }
}

fn place(row: &str) -> Place<'_> {
    Place { table: "carts", column: "sealed", row }
}

impl OrderingStore {
    fn cart_row(&self, of: &CartOf) -> String {
        self.row("cart", &format!("{:?}\n{}", of.of, of.store))
    }

    /// The cart, if there is one of this member.
    pub(super) fn draft(&self, of: &CartOf, member: &MemberId) -> Result<Option<Draft>, StorageError> {
        self.outbox_db.read(|c| self.draft_in(c, of, member))
    }

    pub(super) fn draft_in(&self, connection: &Connection, of: &CartOf, member: &MemberId) -> Result<Option<Draft>, StorageError> {
        let row = self.cart_row(of);
        let mut statement = connection.prepare_cached("SELECT sealed FROM carts WHERE key = ?1")?;
        let sealed: Option<Vec<u8>> = statement.query_row([&row], |row| row.get(0)).optional()?;
        let draft: Option<Draft> = sealed.and_then(|sealed| self.opened(place(&row), &sealed));
        Ok(draft.filter(|draft| draft.member == *member))
    }

    /// All carts of this member.
    pub(super) fn drafts(&self, member: &MemberId) -> Result<Vec<Draft>, StorageError> {
        self.outbox_db.read(|c| {
            let mut statement = c.prepare_cached("SELECT key, sealed FROM carts")?;
            let mut rows = statement.query([])?;
            let mut drafts: Vec<Draft> = Vec::new();
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                drafts.extend(self.opened(place(&key), &row.get::<_, Vec<u8>>(1)?));
            }
            drafts.retain(|draft| draft.member == *member);
            drafts.sort_by(|a, b| a.of.cmp(&b.of));
            Ok(drafts)
        })
    }

    pub(super) fn put_draft(&self, tx: &Transaction<'_>, draft: &Draft) -> Result<(), StorageError> {
        self.put_sealed(tx, "carts", &self.cart_row(&draft.of), draft)
    }

    pub(super) fn drop_draft(&self, tx: &Transaction<'_>, of: &CartOf) -> Result<(), StorageError> {
        Ok(tx.execute("DELETE FROM carts WHERE key = ?1", [self.cart_row(of)]).map(drop)?)
    }

    /// Changes the cart in one durable step, beginning with `empty` where there is none. What `change` refuses changes nothing.
    pub(super) fn edit<T>(
        &self,
        empty: Draft,
        change: impl FnOnce(&mut Draft) -> Result<T, OrderingError>,
    ) -> Result<(Draft, T), OrderingError> {
        self.outbox_db.write(|tx| {
            let mut draft = self.draft_in(tx, &empty.of, &empty.member)?.unwrap_or(empty);
            let before = draft.clone();
            let changed = change(&mut draft);
            if changed.is_ok() && draft != before {
                self.put_draft(tx, &draft)?;
            }
            Ok(changed.map(|value| (draft, value)))
        })?
    }

    /// As [`OrderingStore::edit`], of two carts in one step. Answers the second.
    pub(super) fn edit_two(
        &self,
        one: Draft,
        other: Draft,
        change: impl FnOnce(&mut Draft, &mut Draft) -> Result<(), OrderingError>,
    ) -> Result<Draft, OrderingError> {
        self.outbox_db.write(|tx| {
            let mut one = self.draft_in(tx, &one.of, &one.member)?.unwrap_or(one);
            let mut other = self.draft_in(tx, &other.of, &other.member)?.unwrap_or(other);
            let changed = change(&mut one, &mut other);
            if changed.is_ok() {
                self.put_draft(tx, &one)?;
                self.put_draft(tx, &other)?;
            }
            Ok(changed.map(|()| other))
        })?
    }
}
