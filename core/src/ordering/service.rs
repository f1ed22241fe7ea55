//! The verbs of ordering: menus in `menus`, the cart in `carts`, what it comes to in `checks`, times in `slots`, the tap in `placing`, and what became
//! of it in `orders`.

use std::sync::Arc;

use noren_rules::wire::{SeatRequest, SeatSession};
use serde::{Deserialize, Serialize};

use super::OrderingError;
use crate::app::Core;

/// Menus, carts and orders. Cheap to clone; from `noren.ordering()`.
#[derive(Clone, Debug)]
pub struct OrderingService {
    pub(super) core: Arc<Core>,
}

impl OrderingService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The session at a table that was opened last on this phone, as the backend said then. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn seat_session(&self) -> Result<Option<SeatSession>, OrderingError> {
        Ok(self.kept_seat()?.map(|kept| kept.session))
    }

    pub(super) fn kept_seat(&self) -> Result<Option<KeptSeat>, OrderingError> {
        Ok(self.core.ordering.code(SEAT)?)
    }
}

/// Under which the session at a table is kept.
pub(super) const SEAT: &str = "seat";

/// The session at a table, and what it was asked for with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptSeat {
    pub(super) session: SeatSession,
    pub(super) request: SeatRequest,
}
