//! Check-in: fixes and region events in, check-ins and regions to watch out; the phone decides by itself, the backend by the same code again.
//!
//! - The state of the monitors stands sealed beside the outbox, so that it survives the end of the process and a reboot. No position is in a
//!   record, a request or a log.
//! - A check-in is a signed record, chained to the one before (PROTOCOL, section 8). Record, head of the chain and state of the monitors are
//!   committed in one durable step with the intent that sends it; a record that finds no network in seven days leaves a gap in the chain.
//! - With a device key that is locked the record is kept unsigned, and signed at the next look.

mod errors;
mod follow;
mod models;
mod record;
mod regions;
mod service;
mod tables;

pub use errors::CheckInError;
pub use models::{
    CheckInBy, CheckInNotice, CheckInReport, CheckInState, CheckInView, NewCheckIn, Observation, RefusedVisit, RegionLimit, RegionPlan,
    WaitingVisit, WatchedRegion,
};
pub use service::{CheckInService, REFRESH_REGION};
pub(crate) use service::{KIND_CHECK_IN, accepts_check_in, apply_check_in};
pub use tables::CHECK_INS_V1;
pub(crate) use tables::{CheckInNote, CheckInStore};
