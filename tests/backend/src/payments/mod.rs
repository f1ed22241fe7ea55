//! Payment providers: who takes the money of orders. The backend sees a provider's token for a card, never the card.
//!
//! Each call carries a key that is derived from the order and is committed before the call: the same key again is the same call, and what became
//! of a call whose answer was lost is asked by its key. So an order is charged once, whatever is killed in between.

mod sandbox;

pub use sandbox::{PaymentSandbox, SANDBOX_FILE, SandboxCall, SandboxError};

/// What a provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderAnswer {
    /// The amount is set aside.
    Authorised {
        /// First millisecond at which it is not any more.
        until_ms: i64,
    },
    /// The person has to do something at the provider first (本人認証).
    StepUp {
        /// Where.
        url: String,
    },
    /// Done: taken, let go or given back.
    Done,
    /// Refused; the same key stays refused.
    Declined,
    /// No answer came: whether it was carried out is to be asked by [`PaymentProvider::query`].
    NoAnswer,
    /// Only to a query: no call with this key ever arrived, so that it can be sent again under the same key.
    NotReceived,
}

/// An amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount<'a> {
    /// In minor units of the currency, above 0.
    pub minor: i64,
    /// ISO 4217.
    pub currency: &'a str,
}

/// A payment provider, as the backend needs it. Calls may wait for a network: they are made on threads that may block, several at once, and answer
/// [`ProviderAnswer::NoAnswer`] after the provider's own time-out. Keys have at most 64 visible ASCII characters.
pub trait PaymentProvider: Send + Sync {
    /// Sets an amount aside on the card that the token stands for.
    fn authorise(&self, key: &str, token: &str, amount: Amount<'_>) -> ProviderAnswer;

    /// Takes what was set aside under the key `authorisation`, or less of it.
    fn capture(&self, key: &str, authorisation: &str, amount: Amount<'_>) -> ProviderAnswer;

    /// Lets go what was set aside under the key `authorisation`. One that never arrived is closed: if it comes later, it is refused.
    fn void(&self, key: &str, authorisation: &str) -> ProviderAnswer;

    /// Takes a further amount on the card of the key `capture`: eat-in instead of take-out.
    fn charge_more(&self, key: &str, capture: &str, amount: Amount<'_>) -> ProviderAnswer;

    /// Gives back a part of what was taken under the key `capture` and in addition to it; never more than was taken, over all refunds.
    fn refund(&self, key: &str, capture: &str, amount: Amount<'_>) -> ProviderAnswer;

    /// What became of the call with this key.
    fn query(&self, key: &str) -> ProviderAnswer;
}
