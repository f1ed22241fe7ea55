//! HTTP: reading a call, saying who calls, answering in the forms of the contract.

mod auth;
mod call;
mod idempotency;
mod problem;
mod router;

pub(crate) use auth::{AnyCaller, TillCaller};
pub(crate) use call::Call;
pub(crate) use idempotency::{
    Caller, Fingerprint, InFlight, Naming, Resolved, Stored, blank_device, blank_member, caller_hash, find_reply, keep_tombstone,
};
pub(crate) use problem::{Answer, json, json_with_etag, text};
pub(crate) use router::router;
