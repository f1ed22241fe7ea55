//! The life of an order: which step may follow which, who may take it, and what it costs or gives back.
//!
//! A step ([`Order::apply`]) is a pure function from an order and an event to the next order and the effects that have to be carried out. Each effect
//! has a key ([`OrderEffect::key`]) that is the same whenever the same step is taken, so that it is carried out once, whatever is killed in between.
//! Money is taken by one [`OrderEffect::Capture`] or [`OrderEffect::Collect`] an order, and each piece of a line is given back at most once.
//!
//! An order whose answer was lost is [`OrderState::Unknown`]: nothing follows but its resolution under the same key, and only a final state allows
//! a new order in its place (PROTOCOL, section 6). A changed price is a rejection with a question; the person's yes is a new order that names the
//! old one.

use serde::{Deserialize, Serialize};

use crate::cart::{CaptureTime, PaymentMethod};
use crate::ids::OrderId;
use crate::tax::{PaidLine, TaxRounding};

mod documents;
mod pickup;
mod step;
mod texts;

pub use documents::{OrderDocument, OrderDocumentLine};
pub use pickup::{CallNumber, PICKUP_TRIES, PickupCode, PickupCodeError, PickupTries};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Being put together.
    Draft,
    /// Sent; the store has not answered.
    Submitted,
    /// Sent, and the answer was lost: it may or may not have arrived.
    Unknown,
    /// The store makes it.
    Accepted,
    /// The kitchen has begun.
    InPreparation,
    /// It can be fetched.
    Ready,
    /// It was handed over.
    PickedUp,
    /// All is done. Lines can still be given back.
    Completed,
    /// Cancelled by the person or the store.
    Canceled,
    /// The store did not take it.
    Rejected,
    /// Nobody came (no-show).
    Expired,
    /// It did not come about: not paid, or never arrived.
    Failed,
}

/// The same as other systems name it (Square's fulfillment).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FulfillmentState {
    /// Not accepted yet.
    Proposed,
    /// Accepted.
    Reserved,
    /// Ready.
    Prepared,
    /// Handed over.
    Completed,
    /// Cancelled, or not taken.
    Canceled,
    /// Not fetched, or did not come about.
    Failed,
}

impl OrderState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 12] = [
        Self::Draft,
        Self::Submitted,
        Self::Unknown,
        Self::Accepted,
        Self::InPreparation,
        Self::Ready,
        Self::PickedUp,
        Self::Completed,
        Self::Canceled,
        Self::Rejected,
        Self::Expired,
        Self::Failed,
    ];

    /// True when no state follows. Only then may a new order take its place.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Canceled | Self::Rejected | Self::Expired | Self::Failed)
    }

    /// As other systems name it.
    #[must_use]
    pub fn fulfillment(self) -> FulfillmentState {
        match self {
            Self::Draft | Self::Submitted | Self::Unknown => FulfillmentState::Proposed,
            Self::Accepted | Self::InPreparation => FulfillmentState::Reserved,
            Self::Ready => FulfillmentState::Prepared,
            Self::PickedUp | Self::Completed => FulfillmentState::Completed,
            Self::Canceled | Self::Rejected => FulfillmentState::Canceled,
            Self::Expired | Self::Failed => FulfillmentState::Failed,
        }
    }
}

/// Who takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum OrderActor {
    /// Whose order it is.
    Person,
    /// The staff of the store.
    Store,
    /// Time that is over.
    Clock,
    /// The backend by its rules, and what a payment provider answers.
    Backend,
}

/// Why an order is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Price or stock changed meanwhile: a question to the person, see [`crate::cart::CartChange`].
    Changed,
    /// The slot is gone: other times are offered.
    SlotGone,
    /// The store cannot take it.
    Store,
    /// The store did not answer in time.
    NotAccepted,
}

/// Money that a provider has set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The attempt that set it aside.
    pub attempt: u32,
    /// First millisecond at which it is not any more.
    pub until_ms: i64,
}

/// Where the payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Nothing was asked of anybody.
    Open,
    /// The provider was asked to authorise.
    Authorising,
    /// The person has to do something at the provider (本人認証).
    StepUp,
    /// The provider did not answer: it is asked under the same key what became of it.
    Unknown,
    /// The amount is set aside.
    Authorised {
        /// First millisecond at which it is not any more.
        until_ms: i64,
        /// When it is renewed.
        renew_ms: i64,
    },
    /// The provider was asked to take it.
    Capturing,
    /// It was taken, or collected at the counter.
    Captured,
    /// The provider refused.
    Refused,
    /// What was set aside was let go.
    Voided,
}

/// A line of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// What it costs, and how much of it was given back or dropped.
    pub paid: PaidLine,
    /// Food: discarded and not refunded when nobody comes.
    pub perishable: bool,
    /// How old one must be.
    pub least_age: Option<u8>,
    /// The place of the line that it goes with: a modifier of another tax class is a line of its own, and is nothing without its item.
    #[serde(default)]
    pub goes_with: Option<usize>,
}

/// What the operator's rules say of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRules {
    /// How it is paid.
    pub method: PaymentMethod,
    /// When money is taken.
    pub capture: CaptureTime,
    /// The issuer's rounding.
    pub rounding: TaxRounding,
    /// When an order that the store has not answered is over.
    pub accept_by_ms: i64,
    /// Until when the person cancels an accepted order for nothing; `None` is until the kitchen begins.
    pub cancel_until_ms: Option<i64>,
    /// How long it is kept after the promised time, or after it was ready where that is later; an order that is not ready by then is off.
    pub keep_ms: i64,
    /// When an order that was handed over is done.
    pub complete_after_ms: i64,
    /// Whether food that nobody fetched is charged where it is paid at hand-over with a token.
    pub charge_no_show: bool,
    /// How long before an authorisation ends it is renewed, or after half its life where that is later.
    pub renew_before_ms: i64,
}

/// An order, as far as its steps go by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The order in whose place it is: the person said yes to a changed price.
    pub replaces: Option<OrderId>,
    /// Where it stands.
    pub state: OrderState,
    /// Where its payment stands.
    pub payment: PaymentState,
    /// How often an authorisation was asked for: the attempt in the provider's key.
    pub attempt: u32,
    /// What is set aside while it is renewed: let go once the new authorisation stands.
    #[serde(default)]
    pub standing: Option<SetAside>,
    /// The attempt whose authorisation is captured.
    #[serde(default)]
    pub authorised: u32,
    /// Its lines.
    pub lines: Vec<OrderLine>,
    /// The rules under which it was placed.
    pub rules: OrderRules,
    /// When it was promised.
    pub promised_ms: i64,
    /// True once the store said that it is late: then it can be cancelled for nothing until it is ready.
    pub late: bool,
    /// True once money was asked for: it is never asked for again.
    pub charged: bool,
    /// How often eat-in and take-out were exchanged after the money was taken.
    pub amendments: u32,
    /// When it was ready.
    #[serde(default)]
    pub ready_at_ms: Option<i64>,
    /// When it was handed over.
    pub picked_up_ms: Option<i64>,
    /// Why it was not taken.
    pub rejected: Option<RejectReason>,
    /// True once its slot was given back.
    pub slot_released: bool,
    /// True once its coupons were given back.
    pub coupons_restored: bool,
}

/// A step in an order's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEvent {
    /// The person taps. The intent is committed before the first byte is sent.
    Submit,
    /// No answer came.
    AnswerLost,
    /// The order was asked for under its key: it is there, or a tombstone is.
    Resolve {
        /// True when it had arrived.
        found: bool,
    },
    /// The provider has set the amount aside.
    Authorised {
        /// First millisecond at which it is not any more.
        until_ms: i64,
    },
    /// The provider asks the person for something.
    StepUp,
    /// The provider did not answer.
    PaymentUnknown,
    /// The provider refused to set it aside.
    PaymentRefused,
    /// The person pays at the counter instead.
    PayAtCounter,
    /// The provider refused, and the person has another card.
    PayAgain,
    /// The authorisation ends before the money is taken.
    Renew,
    /// The provider has taken the money.
    Captured,
    /// The provider refused to.
    CaptureRefused,
    /// Other lines, before the store has answered.
    Edit {
        /// What is ordered instead, priced.
        lines: Vec<OrderLine>,
        /// For when.
        promised_ms: i64,
        /// The rules that were shown with it. The store's time to answer stays what it was.
        rules: OrderRules,
    },
    /// Eat-in to take-out or back, until hand-over: the same pieces, priced again.
    Amend {
        /// The same lines at their new prices and rates.
        lines: Vec<OrderLine>,
    },
    /// The store takes it.
    Accept,
    /// The store does not.
    Reject {
        /// Why.
        reason: RejectReason,
    },
    /// The kitchen begins.
    Start,
    /// It can be fetched.
    MakeReady,
    /// It will be late.
    Late {
        /// The new time.
        promised_ms: i64,
    },
    /// The store cannot make these pieces; the rest goes on.
    Missing {
        /// The line's place.
        line: usize,
        /// How many.
        pieces: u32,
    },
    /// It is called off.
    Cancel,
    /// It is handed over: the pickup code was right.
    HandOver {
        /// True when the ages that are asked for were checked.
        age_checked: bool,
        /// Lines that were not handed over (too young): given back.
        refused: Vec<usize>,
    },
    /// Nobody came.
    Expire,
    /// All is done.
    Complete,
    /// Pieces come back after hand-over.
    Refund {
        /// The line's place.
        line: usize,
        /// How many.
        pieces: u32,
    },
    /// It cannot come about.
    Fail,
}

/// What has to be carried out for a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEffect {
    /// Ask the provider to set an amount aside.
    Authorise {
        /// The attempt.
        attempt: u32,
        /// In minor units.
        amount_minor: i64,
    },
    /// Ask the provider to let it go.
    Void {
        /// The attempt.
        attempt: u32,
    },
    /// Ask the provider to take it. At most once an order.
    Capture {
        /// In minor units.
        amount_minor: i64,
    },
    /// Collect it at the counter. At most once an order, and not beside a capture.
    Collect {
        /// In minor units.
        amount_minor: i64,
    },
    /// Give pieces back that were paid for. Carried out once the capture is known; a capture that was refused leaves nothing to give back.
    Refund {
        /// The line's place.
        line: usize,
        /// The first of its pieces that this is about, from 0.
        from_piece: u32,
        /// How many.
        pieces: u32,
        /// In minor units.
        money_minor: i64,
        /// Points that come back.
        points: i64,
    },
    /// Pieces are dropped before they were paid for: only their points come back.
    Drop {
        /// The line's place.
        line: usize,
        /// The first of its pieces that this is about, from 0.
        from_piece: u32,
        /// How many.
        pieces: u32,
        /// Points that come back.
        points: i64,
    },
    /// What an amendment after the charge comes to.
    Difference {
        /// Which amendment, from 1.
        number: u32,
        /// To be charged; below 0 to be given back.
        money_minor: i64,
    },
    /// Give back the kitchen's time and the reserved pieces.
    ReleaseSlot,
    /// Give back the coupons: the whole order goes back.
    RestoreCoupons,
}

impl OrderEffect {
    /// The key under which it is carried out once: the same for the same step.
    #[must_use]
    pub fn key(&self, order: &OrderId) -> String {
        match self {
            Self::Authorise { attempt, .. } => format!("{order}/authorise/{attempt}"),
            Self::Void { attempt } => format!("{order}/void/{attempt}"),
            Self::Capture { .. } | Self::Collect { .. } => format!("{order}/charge"),
            Self::Refund { line, from_piece, .. } => format!("{order}/refund/{line}/{from_piece}"),
            Self::Drop { line, from_piece, .. } => format!("{order}/drop/{line}/{from_piece}"),
            Self::Difference { number, .. } => format!("{order}/difference/{number}"),
            Self::ReleaseSlot => format!("{order}/slot"),
            Self::RestoreCoupons => format!("{order}/coupons"),
        }
    }

    /// True for what gives pieces of this line back, or drops them.
    fn gives_back(&self, of: usize) -> bool {
        matches!(self, Self::Refund { line, .. } | Self::Drop { line, .. } if *line == of)
    }
}

/// Why a step cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderStepError {
    /// The order is not where this step begins.
    #[error("the order is {0:?}: fetch it again and show where it stands")]
    NotNow(OrderState),
    /// Someone else takes this step.
    #[error("{0:?} may not do this: leave it to whom it belongs")]
    NotAllowed(OrderActor),
    /// It may or may not have arrived.
    #[error("it is not known whether the order arrived: resolve it under its key first")]
    Unresolved,
    /// The kitchen has begun, or the time for it is over.
    #[error("it can no longer be cancelled for nothing: ask the store")]
    CancelOver,
    /// Its time has not come.
    #[error("it is too early for this: wait until {until_ms} (milliseconds since the Unix epoch)")]
    TooEarly {
        /// When its time comes.
        until_ms: i64,
    },
    /// The payment is not settled.
    #[error("the payment is not settled: wait for the provider, or ask the person again")]
    PaymentOpen,
    /// The order has no such line, or not so many pieces left.
    #[error("line {line} has {left} pieces left: name no more")]
    Pieces {
        /// The line.
        line: usize,
        /// Pieces that are left.
        left: u32,
    },
    /// An age must be checked.
    #[error("check that the person is {least_age} or older, or refuse the line")]
    AgeUnchecked {
        /// The least age.
        least_age: u8,
    },
    /// A later time that is not later.
    #[error("a late order is ready later than it was promised: name a later time")]
    NotLater,
    /// No lines, or an amendment with other pieces, or after something was given back.
    #[error("these lines cannot take the place of those of the order: order anew")]
    Lines,
}

impl Order {
    /// A draft.
    #[must_use]
    pub fn draft(id: OrderId, lines: Vec<OrderLine>, rules: OrderRules, promised_ms: i64) -> Self {
        Self {
            id,
            replaces: None,
            state: OrderState::Draft,
            payment: PaymentState::Open,
            attempt: 0,
            standing: None,
            authorised: 0,
            lines,
            rules,
            promised_ms,
            late: false,
            charged: false,
            amendments: 0,
            ready_at_ms: None,
            picked_up_ms: None,
            rejected: None,
            slot_released: false,
            coupons_restored: false,
        }
    }

    /// What is left to pay, or was paid and not given back, in minor units.
    #[must_use]
    pub fn left_minor(&self) -> i64 {
        self.lines.iter().map(|line| line.paid.left_money_minor()).sum()
    }

    /// Until when it is kept, in milliseconds: from the promised time on, or from when it was ready where that is later.
    #[must_use]
    pub fn kept_until_ms(&self) -> i64 {
        self.ready_at_ms.unwrap_or(self.promised_ms).max(self.promised_ms).saturating_add(self.rules.keep_ms)
    }

    /// True while the person can cancel it for nothing. What is not ready when it was promised need not be waited for.
    #[must_use]
    pub fn can_cancel(&self, now_ms: i64) -> bool {
        let overdue = self.late || now_ms >= self.promised_ms;
        match self.state {
            OrderState::Draft | OrderState::Submitted => true,
            OrderState::Accepted => overdue || self.rules.cancel_until_ms.is_none_or(|until_ms| now_ms < until_ms),
            OrderState::InPreparation => overdue,
            _ => false,
        }
    }

    /// What the clock has to do by now, if anything; asked again after each step.
    #[must_use]
    pub fn due(&self, now_ms: i64) -> Option<OrderEvent> {
        let over = self.over_ms().filter(|(over_ms, _)| now_ms >= *over_ms).map(|(_, event)| event);
        over.or_else(|| self.renew_ms().filter(|renew_ms| now_ms >= *renew_ms).map(|_| OrderEvent::Renew))
    }

    /// When the clock has something to do next; `None` where time alone changes nothing any more. From then on [`Self::due`] says what.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<i64> {
        self.over_ms().map(|(over_ms, _)| over_ms).into_iter().chain(self.renew_ms()).min()
    }

    /// When the time of its state is over, and what follows.
    fn over_ms(&self) -> Option<(i64, OrderEvent)> {
        match self.state {
            OrderState::Submitted => Some((self.rules.accept_by_ms, OrderEvent::Reject { reason: RejectReason::NotAccepted })),
            // Promised, and not made: nobody is left paying for it.
            OrderState::Accepted | OrderState::InPreparation => Some((self.kept_until_ms(), OrderEvent::Cancel)),
            OrderState::Ready => Some((self.kept_until_ms(), OrderEvent::Expire)),
            OrderState::PickedUp => Some((self.completes_at_ms(), OrderEvent::Complete)),
            _ => None,
        }
    }

    fn renew_ms(&self) -> Option<i64> {
        match (self.payment, self.state) {
            (PaymentState::Authorised { renew_ms, .. }, OrderState::Accepted | OrderState::InPreparation | OrderState::Ready) => {
                Some(renew_ms)
            }
            _ => None,
        }
    }

    fn completes_at_ms(&self) -> i64 {
        self.picked_up_ms.unwrap_or(i64::MIN).saturating_add(self.rules.complete_after_ms)
    }
}

#[cfg(test)]
mod tests;
