//! Drives past real service areas. They are built, not recorded: no public track drives into a Japanese service area.
//!
//! The ground is real (`tests/data/sapa`). The road is a straight line along each site, between the two sides, and a smooth curve from one site to
//! the next. Fixes come once a second with the accuracies, wandering errors and outliers of real phone logs. The same seed gives the same drive on
//! every machine.

mod drive;
mod rest_stops;
mod sites;
mod westward;

pub use drive::{BEGINS_MS, Drive, DriveFix};
pub use rest_stops::{AREA, OUTLINES, RestStop, rest_stops};
pub use sites::{Site, sites};
pub use westward::{CRAWLED_PAST, PASSED_BY, STOPPED_AT, Westward};
