//! What the tour and its tests share: drives past real service areas, the map of one, and the traveller's journey.

pub mod drives;
pub mod map;
pub mod sales_log;
pub mod travel;
