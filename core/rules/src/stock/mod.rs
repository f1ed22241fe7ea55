//! How much of what is where: events that count once in any order, what is available to promise, and the honest answer about it.

mod events;

pub use events::{StockEvent, StockEventKind, StockSource, StockState};

use serde::{Deserialize, Serialize};

/// How the chance that a variant is there at a time is computed. Fitted by the operator; integers, so that phone and backend say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChanceModel {
    /// The size k of the negative binomial of a day's demand, in thousandths: the variance of a demand of mean m is m + m²/k.
    pub dispersion_milli: u32,
    /// The chance that the record was already wrong when it was last proven, in thousandths.
    pub error_permille: u32,
    /// How much that grows a day since, in millionths.
    pub error_per_day_ppm: u32,
}

impl Default for ChanceModel {
    /// A cold start, before anything was fitted: as much spread as retail counts show, and 2 % of records wrong.
    fn default() -> Self {
        Self { dispersion_milli: 1_000, error_permille: 20, error_per_day_ppm: 500 }
    }
}
