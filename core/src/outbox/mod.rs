//! The outbox: what the app says. A write is an intent, committed with its idempotency key before the first byte is sent, and sent in
//! lanes until the server has answered (PROTOCOL, section 6).
//!
//! - Within a lane intents go in order, one at a time. One whose outcome is open holds its lane up; one that the server refused is parked
//!   as `Wedged`, with the server's reason, and the lane goes on. Lanes never wait for each other.
//! - After a crash or a lost answer the same intent goes again under the same key.
//! - An intent that may have arrived and whose time is over is `Unknown`: the server is asked what became of it, and only its answer closes it.
//! - An outcome is applied to the feature that asked exactly once; after a crash in between it is applied again, which changes nothing.
//!
//! The same mechanism serves a till: an [`Outbox`] over a directory, a key and a token, with sales that never expire.

mod enqueue;
mod errors;
mod models;
mod policy;
mod service;
mod tables;
mod till;
mod vault;

pub use errors::OutboxError;
pub use models::{IntentState, IntentView, NewIntent, NoSink, Outcome, OutcomeSink, SendReport};
pub(crate) use service::count_by_kind;
pub use service::{Outbox, OutboxSettings};
pub use tables::{OUTBOX_DB, V1 as OUTBOX_SCHEMA_V1};
pub(crate) use tables::{drop_closed, drop_kind, drop_unsent, forget_kind};
pub use till::TillOutbox;
pub use vault::Vault;
