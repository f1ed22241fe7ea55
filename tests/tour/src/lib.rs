//! What the tour and its tests share: drives past real service areas, the map of one, the traveller's journey, a chain of
//! stores with the shopper who asks it what is there, and the year against which the chance of that is held.

pub mod calls;
mod dice;
pub mod drives;
pub mod map;
pub mod morning;
pub mod sales_log;
pub mod stand;
pub mod stores;
pub mod travel;
pub mod year;
