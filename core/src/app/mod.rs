//! Opens it all and hands out the features.

mod core;
mod diagnostics;
mod erasure;
mod errors;
mod installation;
mod noren;
mod observers;
mod outbox_service;

pub use diagnostics::{Diagnostics, FileSize};
pub use erasure::{ForgetReport, ServerErasure};
pub use errors::{ForgetError, OpenError};
pub use noren::{Config, Noren};
pub use observers::ObserverHandle;
pub use outbox_service::OutboxService;

pub(crate) use self::core::{
    Core, LANE_CHECK_INS, LANE_CLAIMS, LANE_FAVOURITES, LANE_HOLD_PROGRESS, LANE_HOLDS, LANE_MEMBER, LANE_REACTIONS, LANE_REVIEWS,
};
