//! A traveller's journey past three service areas, as the tour shows it and as a test holds it to: the operator, the phone, the till of a rest
//! stop, and a clock that passes as fast as the drive is told.

mod clock;
mod operator;
mod phone;
mod till;

pub use clock::StoryClock;
pub use operator::{COUPON, Operator, RAIN_COUPON, STAMP_CARD, STAMPS_OF_A_CARD};
pub(crate) use phone::enrolled;
pub use phone::{Said, Traveller};
pub use till::{RestStopTill, STORE, Sold, TILL, TILL_TOKEN};

/// An error as the text that a person reads.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
