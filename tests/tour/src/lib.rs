//! What the tour and its tests share: drives past real service areas, the map of one, the traveller's journey, and a
//! chain of stores with the shopper who asks it what is there.

pub mod calls;
pub mod drives;
pub mod map;
pub mod sales_log;
pub mod stores;
pub mod travel;
