//! What the tour and its tests share: drives past real service areas, and the map of one.

pub mod drives;
pub mod map;
