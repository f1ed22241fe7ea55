//! The app core: everything a customer app does, without a screen.
//!
//! Nothing here is global: clocks, randomness, the network, secrets and the device's key come in through [`platform::Platform`].
//!
//! ```no_run
//! use std::sync::Arc;
//! use noren_core::{Config, Noren, Platform};
//! use noren_core::member::Symbology;
//! use noren_core::net::HttpTransport;
//! use noren_core::platform::{SystemClock, SystemEntropy, software::{FileSecureStore, SoftwareDeviceKey}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let entropy = Arc::new(SystemEntropy);
//! let platform = Platform {
//!     secure_store: Arc::new(FileSecureStore::new("phone/safe")), // on a phone: Keychain, Keystore
//!     device_key: Arc::new(SoftwareDeviceKey::new("phone/device.key", entropy.clone())), // on a phone: Secure Enclave, StrongBox
//!     clock: Arc::new(SystemClock::new()),
//!     entropy,
//!     transport: Arc::new(HttpTransport::new()?),
//! };
//! let config = Config { directory: "phone/files".into(), backend_url: "https://api.example.jp".into(), language: "ja".into() };
//! let noren = Noren::open(config, platform)?;
//! noren.member().enrol(None).await?;
//! println!("{}", noren.member().card(Symbology::Qr)?.terminal_text()); // from here on with no network
//! noren.purchases().refresh().await?;
//! for receipt in noren.purchases().search("牛乳", 50)?.receipts {
//!     println!("{} {}", receipt.business_date, receipt.total_minor);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Two mechanisms carry every feature: a read answers from the local tables at once, with its `as_of`, and never waits for the network
//! ([`replica`]); a write is an intent, committed before the first byte is sent, whose outcome is a typed state ([`outbox`]). A feature's
//! room has the same furniture everywhere: models, service (the verbs), errors, tables, endpoints.
//!
//! Local verbs are synchronous and touch the disk: call them off the screen's thread. Verbs that wait for the network are `async` (they need
//! a tokio runtime with time and I/O) and can be dropped at any point without losing anything.

#![cfg_attr(not(test), warn(missing_docs))]

mod app;
pub mod catalogue;
pub mod check_in;
pub mod coupons;
pub mod holds;
pub mod member;
pub mod net;
pub mod ordering;
pub mod outbox;
pub mod places;
pub mod platform;
pub mod purchases;
pub mod replica;
mod signing;
pub mod stock;
pub mod storage;
mod text;
pub mod time;
mod trip;

pub use app::{Config, Diagnostics, FileSize, ForgetError, ForgetReport, Noren, ObserverHandle, OpenError, OutboxService, ServerErasure};
pub use platform::Platform;

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!("noren_core");
