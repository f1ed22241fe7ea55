//! Orders that were made here: what was ordered, beside the intent that sends it, and what became of it.

use noren_rules::cart::{Cart, OrderSnapshot};
use noren_rules::ids::{IdempotencyKey, MemberId, OrderId};
use noren_rules::order::OrderState;
use noren_rules::wire::{OrderAnswer, OrderLineView, OrderQuestion, OrderView, Reason};
use rusqlite::{Connection, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::CartOf;
use super::drafts::{Asked, Draft};
use super::tables::OrderingStore;
use crate::outbox::{IntentState, drop_closed, drop_unsent};
use crate::storage::StorageError;
use crate::storage::seal::Place;
use crate::time::TrustedTime;

/// What was ordered is kept for so long, so that it can be ordered again.
const KEEP_MS: i64 = 400 * 86_400_000;

/// Ordered this many days ahead at most, and shown for 30 days after that, with room.
const SHOWN_MS: i64 = 120 * 86_400_000;

/// What was ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Placed {
    pub(super) member: MemberId,
    pub(super) of: CartOf,
    pub(super) cart: Cart,
    pub(super) shown: OrderSnapshot,
    pub(super) lines: Vec<OrderLineView>,
    pub(super) replaces: Option<OrderId>,
    /// Coupons that the person was willing to use.
    pub(super) coupons: Vec<u64>,
    /// Those of them that it used.
    pub(super) used: Vec<u64>,
    /// A change that was asked for: it counts once the backend has taken it.
    pub(super) changing: Option<Changing>,
    /// What questions to changes said of coupons.
    #[serde(default)]
    pub(super) asked: Asked,
}

/// Another cart, or the same one eaten elsewhere, on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changing {
    /// Of its intent.
    pub(super) key: IdempotencyKey,
    pub(super) cart: Cart,
    pub(super) shown: OrderSnapshot,
    /// Its lines, and the coupons that it would use.
    pub(super) lines: Vec<OrderLineView>,
    pub(super) used: Vec<u64>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PlacedAnswer {
    /// The backend has it; or asks, and then has it not. The order as it stood then, for as long as the mirror has nothing newer.
    Answered { order: Box<OrderView>, question: Option<Box<OrderQuestion>> },
    /// The backend did not take it.
    NotTaken { code: Reason },
    /// It never arrived, and never will.
    Never,
}

/// An order that was made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlacedNote {
    pub(super) id: OrderId,
    pub(super) key: IdempotencyKey,
    pub(super) at_ms: i64,
    pub(super) placed: Placed,
    pub(super) answer: Option<PlacedAnswer>,
    /// Of its intent.
    pub(super) intent: Option<IntentState>,
    pub(super) may_have_arrived: bool,
    expires_at_ms: Option<i64>,
    reason: Option<Reason>,
}

impl PlacedNote {
    /// True for one that was surely not sent, and will not be: its slot is over, by a clock that is proven.
    fn is_too_late(&self, now: TrustedTime) -> bool {
        !self.may_have_arrived && now.proven && self.expires_at_ms.is_some_and(|expires_ms| expires_ms <= now.now_ms)
    }
}

const NOTES: &str = "SELECT p.id, p.key, p.at_ms, p.sealed, p.answer, i.state, i.may_have_arrived, i.reason, i.expires_at_ms FROM placed_orders p \
                     LEFT JOIN intents i ON i.key = p.key";

fn place<'a>(column: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "placed_orders", column, row }
}

impl OrderingStore {
    /// Keeps an order with its intent. The cart is closed until it is known what became of it. False, and nothing kept, where it is not the cart that
    /// was seen any more: what came into it since must not be closed in with it.
    pub(super) fn put_placed(
        &self,
        tx: &Transaction<'_>,
        id: &OrderId,
        key: &IdempotencyKey,
        placed: &Placed,
        seen: &Draft,
        now_ms: i64,
    ) -> Result<bool, StorageError> {
        let Some(mut draft) = self.draft_in(tx, &placed.of, &placed.member)?.filter(|draft| draft == seen) else { return Ok(false) };
        tx.execute("DELETE FROM placed_orders WHERE at_ms < ?1 AND answer IS NOT NULL", [now_ms.saturating_sub(KEEP_MS)])?;
        let sealed = self.sealed(place("sealed", id.as_str()), placed)?;
        tx.execute(
            "INSERT INTO placed_orders(id, key, at_ms, sealed) VALUES (?1, ?2, ?3, ?4)",
            params![id.as_str(), key.as_str(), now_ms, sealed],
        )?;
        draft.placed = true;
        self.put_draft(tx, &draft)?;
        Ok(true)
    }

    /// The member's orders made here that can still be live, or shown, newest first. One that does not open is left out.
    pub(super) fn placed_orders(&self, member: &MemberId, now_ms: i64) -> Result<Vec<PlacedNote>, StorageError> {
        self.outbox_db.read(|c| {
            let mut statement = c.prepare_cached(&format!("{NOTES} WHERE p.at_ms > ?1 ORDER BY p.at_ms DESC, p.id"))?;
            let mut rows = statement.query([now_ms.saturating_sub(SHOWN_MS)])?;
            let mut notes = Vec::new();
            while let Some(row) = rows.next()? {
                notes.extend(self.note(row)?.filter(|note| note.placed.member == *member));
            }
            Ok(notes)
        })
    }

    /// Those of them that nobody has answered.
    pub(super) fn open_orders(&self, member: &MemberId) -> Result<Vec<PlacedNote>, StorageError> {
        let open = self.outbox_db.read(|c| self.unanswered(c))?;
        Ok(open.into_iter().filter(|note| note.placed.member == *member).collect())
    }

    /// One of them.
    pub(super) fn placed(&self, id: &OrderId, member: &MemberId) -> Result<Option<PlacedNote>, StorageError> {
        Ok(self.outbox_db.read(|c| self.placed_where(c, "p.id = ?1", id.as_str()))?.filter(|note| note.placed.member == *member))
    }

    fn placed_where(&self, connection: &Connection, condition: &str, value: &str) -> Result<Option<PlacedNote>, StorageError> {
        let mut statement = connection.prepare_cached(&format!("{NOTES} WHERE {condition}"))?;
        let mut rows = statement.query([value])?;
        match rows.next()? {
            Some(row) => self.note(row),
            None => Ok(None),
        }
    }

    fn note(&self, row: &Row<'_>) -> Result<Option<PlacedNote>, StorageError> {
        let id: String = row.get(0)?;
        let Some(placed) = self.opened(place("sealed", &id), &row.get::<_, Vec<u8>>(3)?) else { return Ok(None) };
        let answer = row.get::<_, Option<Vec<u8>>>(4)?.and_then(|sealed| self.opened(place("answer", &id), &sealed));
        let reason: Option<String> = row.get(7)?;
        Ok(Some(PlacedNote {
            key: IdempotencyKey(row.get(1)?),
            at_ms: row.get(2)?,
            placed,
            answer,
            intent: row.get::<_, Option<i64>>(5)?.map(IntentState::from_code),
            may_have_arrived: row.get::<_, Option<bool>>(6)?.unwrap_or_default(),
            reason: reason.and_then(|text| serde_json::from_value(serde_json::Value::String(text)).ok()),
            expires_at_ms: row.get(8)?,
            id: OrderId(id),
        }))
    }

    /// The backend's answer to the order of an intent. Applying it twice is the same as once.
    pub(super) fn answer_placed(&self, key: &IdempotencyKey, answer: &OrderAnswer) -> Result<(), StorageError> {
        self.outbox_db.write(|tx| {
            let Some(note) = self.placed_where(tx, "p.key = ?1", key.as_str())?.filter(|note| note.answer.is_none()) else { return Ok(()) };
            let question = answer.question.clone().map(Box::new);
            let asks_for_slot = question.as_ref().is_some_and(|question| question.slot.is_some());
            let (asks, is_rejected) = (question.is_some(), answer.order.state == OrderState::Rejected);
            self.close_placed(tx, &note, &PlacedAnswer::Answered { order: Box::new(answer.order.clone()), question })?;
            let Some(mut draft) = self.draft_in(tx, &note.placed.of, &note.placed.member)?.filter(|draft| draft.is_of(&note.id)) else {
                return Ok(());
            };
            if !asks && !is_rejected {
                return self.drop_draft(tx, &note.placed.of);
            }
            // A yes is a new order in its place; the slot waits for it, unless it is the slot that is gone.
            (draft.placed, draft.order, draft.reviewed, draft.replaces) = (false, None, None, asks.then(|| note.id.clone()));
            draft.held = draft.held.filter(|_| asks && !asks_for_slot);
            draft.held_by = draft.held_by.filter(|_| !asks_for_slot);
            if let Some(question) = &answer.question {
                draft.asked.hear(question, &note.placed.shown);
            }
            self.put_draft(tx, &draft)
        })
    }

    /// Notes a change that is asked for, with its intent.
    pub(super) fn put_changing(&self, tx: &Transaction<'_>, id: &OrderId, changing: Changing) -> Result<(), StorageError> {
        let Some(mut note) = self.placed_where(tx, "p.id = ?1", id.as_str())? else { return Ok(()) };
        note.placed.changing = Some(changing);
        self.save_placed(tx, &note)
    }

    /// The backend's answer to a change: taken, or a question.
    pub(super) fn answer_changing(&self, key: &IdempotencyKey, answer: &OrderAnswer) -> Result<(), StorageError> {
        self.outbox_db.write(|tx| {
            let Some(mut note) = self.placed_where(tx, "p.id = ?1", answer.order.id.as_str())? else { return Ok(()) };
            let Some(changing) = note.placed.changing.clone().filter(|changing| changing.key == *key) else { return Ok(()) };
            match &answer.question {
                // What was asked for stays with the question: a yes needs it.
                Some(question) => note.placed.asked.hear(question, &changing.shown),
                None => {
                    let Changing { cart, shown, lines, used, .. } = changing;
                    (note.placed.cart, note.placed.shown, note.placed.lines, note.placed.used) = (cart, shown, lines, used);
                    note.placed.changing = None;
                }
            }
            self.save_placed(tx, &note)
        })
    }

    fn save_placed(&self, tx: &Transaction<'_>, note: &PlacedNote) -> Result<(), StorageError> {
        let sealed = self.sealed(place("sealed", note.id.as_str()), &note.placed)?;
        Ok(tx.execute("UPDATE placed_orders SET sealed = ?2 WHERE id = ?1", params![note.id.as_str(), sealed]).map(drop)?)
    }

    /// Closes what will never be answered: refused, or never arrived. The cart is open again, for an order of another id. True when there was some.
    pub(super) fn settle_placed(&self, now: TrustedTime) -> Result<bool, StorageError> {
        let is_closed = |note: &PlacedNote| match note.intent {
            None | Some(IntentState::Wedged | IntentState::Expired) => true,
            Some(IntentState::Pending) => note.is_too_late(now),
            Some(_) => false,
        };
        let open = self.outbox_db.read(|c| self.unanswered(c))?;
        if !open.iter().any(is_closed) {
            return Ok(false);
        }
        self.outbox_db.write(|tx| {
            for note in self.unanswered(tx)?.into_iter().filter(is_closed) {
                let answer = match note.intent {
                    Some(IntentState::Wedged) => PlacedAnswer::NotTaken { code: note.reason.unwrap_or(Reason::Other) },
                    _ => PlacedAnswer::Never,
                };
                if note.intent == Some(IntentState::Pending) && !drop_unsent(tx, &note.key)? {
                    continue;
                }
                self.close_placed(tx, &note, &answer)?;
                // Sent once more it would be a second order beside the cart's next one.
                drop_closed(tx, &note.key)?;
                if let Some(mut draft) = self.draft_in(tx, &note.placed.of, &note.placed.member)?.filter(|draft| draft.is_of(&note.id)) {
                    (draft.placed, draft.order, draft.held, draft.reviewed) = (false, None, None, None);
                    self.put_draft(tx, &draft)?;
                }
            }
            Ok(true)
        })
    }

    fn unanswered(&self, connection: &Connection) -> Result<Vec<PlacedNote>, StorageError> {
        let mut statement = connection.prepare_cached(&format!("{NOTES} WHERE p.answer IS NULL"))?;
        let mut rows = statement.query([])?;
        let mut notes = Vec::new();
        while let Some(row) = rows.next()? {
            notes.extend(self.note(row)?);
        }
        Ok(notes)
    }

    fn close_placed(&self, tx: &Transaction<'_>, note: &PlacedNote, answer: &PlacedAnswer) -> Result<(), StorageError> {
        let sealed = self.sealed(place("answer", note.id.as_str()), answer)?;
        Ok(tx.execute("UPDATE placed_orders SET answer = ?2 WHERE id = ?1", params![note.id.as_str(), sealed]).map(drop)?)
    }
}
