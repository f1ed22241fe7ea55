//! The face of the app core for Kotlin, Swift and Python: one object, [`AppCore`], with a verb a screen.
//!
//! Records, enums and errors are those of `noren-core` and `noren-rules`; here are only the object, its cancel token and the functions that draw.
//! Local verbs are synchronous and touch the disk: the facades call them off the screen's thread. Verbs that wait for the network are async, run
//! on a runtime of ours, and end with `Cancelled` when their [`CancelToken`] is cancelled; nothing is lost by that, an intent stays in the outbox.

#![cfg_attr(not(test), warn(missing_docs))]

mod app_core;
mod cancel;
mod drawing;
mod errors;
mod ordering;
mod orders;
mod runtime;
mod shopper;
mod stock;
mod traveller;

pub use app_core::{AppCore, AppSettings, ObserverHandle};
pub use cancel::CancelToken;
pub use drawing::{card_png, card_svg, card_terminal_text};
pub use errors::NorenError;
pub use stock::Position;

uniffi::setup_scaffolding!("noren_ffi");
