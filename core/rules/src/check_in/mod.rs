//! Check-in: whether the phone is at a rest stop, and not passing, crawling past, on the other side of the road, or pretending.
//!
//! Two pure stages. On the device, fixes become [`Sample`]s: how far, which side, how fast, how exact, how long ago, and no coordinate. Then
//! [`decide`] says from the samples what they prove; the backend runs the same function over the same [`Evidence`]. It cannot check the first
//! stage: whoever controls the phone controls the samples.
//!
//! [`CheckInMonitor`] is the device's state machine around both. It has no clock of its own and no I/O: a trace of observations replays to the same
//! findings. It can be serialised, so that it outlives the process and a reboot.
//!
//! What is believed, and why:
//! - a fix worse than 65 m says nothing; at least two that are good (30 m, or of unknown accuracy) are needed
//! - a stay is time spent within a few dozen metres, not time between two stamps: a gap counts a minute at most, and a long one begins anew
//! - a single fix that strays is noise; two in a row are movement
//! - whoever is on neither outline and nearer to neither middle is on no side; where the two sides lie on top of each other nobody can tell
//! - a clock that was set, a leap that no plane can make, and a mock flag taint the visit until it ends

mod decision;
mod features;
mod monitor;
mod record;
mod track;

pub use decision::{Basis, CheckInPolicy, CheckInRefusal, Decision, Evidence, Missing, decide};
pub use features::{AccuracyClass, DistanceBand, Sample, Side, SpeedClass};
pub use monitor::{CheckInMonitor, Finding, Observation};
pub use record::{CheckInMethod, CheckInRecord, RecordError};
pub use track::Fix;
