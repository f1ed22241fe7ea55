//! Holds: a piece kept in a store for a shopper who is on the way.
//!
//! - A wish to hold is an intent of the outbox that is over after ten minutes: a hold that nobody waits for any more is never made. The wish and its
//!   answer are kept beside the intent in `outbox.db`, in one durable step with it: they are the member's word and the one place where it says what
//!   became of it. The list of holds is the backend's; its copy is in `cache.db` and pulled again when that is dropped.
//! - Only a hold that was picked is promised as kept, with its number on the hold shelf.
//! - How far the shopper is stays on the phone: only minutes leave it ([`noren_rules::eta::Pace`]).

mod endpoints;
mod errors;
mod models;
mod service;
mod tables;
mod views;

pub use errors::HoldsError;
pub use models::{HoldChoice, HoldOutcome, HoldPage, HoldStanding, HoldTrip, HoldView, HoldWish};
pub use service::HoldsService;
pub(crate) use service::{HOLD_KINDS, HOLD_KINDS_UNASKED, accepts_hold, apply_hold};
pub(crate) use tables::HoldStore;
pub use tables::{HELD_V1, HOLDS_V1};

/// The collection of holds in the replica.
pub const HOLDS_COLLECTION: &str = "holds";
