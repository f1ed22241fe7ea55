//! The reference backend: what a retailer's own systems must answer, in one process over SQLite.
//!
//! ```no_run
//! # async fn demo() -> Result<(), noren_backend::StartError> {
//! let backend = noren_backend::start(noren_backend::Settings::default()).await?;
//! println!("{}", backend.url()); // http://127.0.0.1:49152
//! backend.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! # The rooms
//! Each room holds its endpoints, its rules and its SQL.
//!
//! - [`start`], [`Settings`], [`Backend`]: from outside
//! - `http`: reading a call, who calls (`auth`), keys of writes (`idempotency`), answers (`problem`), `router`
//! - `store`: the database's threads, migrations, scrubbing; `keys`: the key file beside it
//! - `enrolment`, `tokens`, `nonces`, `devices`: a device becomes a card
//! - `links`, `cards`, `ec`, `guard`, `members`: identities from before, and members that become one
//! - `sales`, `customer`, `family`, `claims`, `receipts`, `feed`, `points`: what was bought, by whom, and what it earned
//! - `places`, `areas`, `offers`, `conditions`, `place_codes`, `funnel`: what the operator says, and what phones fetch of it
//! - `catalogue`, `ranking`, `reviews`, `favourites`: what the shop sells, how well, what members say and like of it
//! - `reactions`, `credits`, `timeline`: what happened in stores, what came of it, and everything of a member in one line
//! - `leases`, `grants`, `wallet`, `check_ins`, `stamps`: what a member has
//! - `shares`, `budgets`, `quotes`, `redemptions`: coupons at a till, offline and online
//! - `stock`, `reservations`, `holds`: what is where, and what of it is kept for somebody
//! - `menus`, `slots`: what is sold to order, and the kitchen's time that is kept for it
//! - `orders`, `payments`: orders from the tap to the hand-over, and who takes their money
//! - `seats`, `self_baskets`, `add_ons`: guests at tables, what is scanned for the self-till, and what is taken along; `order_report`
//! - `tills`, `identify`: what a till needs; `pages`: what the staff looks at; `resolution`, `erasure`, `membership`; `openapi`: the contract

mod add_ons;
mod app;
mod areas;
mod budgets;
mod cards;
mod catalogue;
mod check_ins;
mod claims;
mod conditions;
mod credits;
mod customer;
mod devices;
mod ec;
mod enrolment;
mod erasure;
mod family;
mod fault;
mod favourites;
mod feed;
mod funnel;
mod grants;
mod guard;
mod holds;
mod http;
mod identify;
mod keys;
mod leases;
mod links;
mod members;
mod membership;
mod menus;
mod nonces;
mod offers;
mod openapi;
mod order_report;
mod orders;
mod pages;
mod payments;
mod place_codes;
mod places;
mod points;
mod quotes;
mod ranking;
mod reactions;
mod receipts;
mod redemptions;
mod reservations;
mod resolution;
mod reviews;
mod sales;
mod seats;
mod self_baskets;
mod server;
mod settings;
mod shares;
mod slots;
mod stamps;
mod stock;
mod store;
mod tills;
mod timeline;
mod tokens;
mod wallet;

pub use keys::KeyFileError;
pub use openapi::document as openapi;
pub use payments::{Amount, PaymentProvider, PaymentSandbox, ProviderAnswer, SANDBOX_FILE, SandboxCall, SandboxError};
pub use server::{Backend, OperatorError, StartError, start};
pub use settings::{Clock, DemoTill, Durability, Entropy, OrderPushed, Settings, TillShare};
pub use store::OpenError;

/// Token of the demo till. Everyone knows it: a server that uses it listens on loopback only.
pub const DEMO_TILL_TOKEN: &str = "noren-demo-till";
/// Token of the operator's systems on a server that listens on loopback, where no other is set. Everyone knows it.
pub const DEMO_OPERATOR_TOKEN: &str = "noren-demo-operator";
/// The demo till.
pub const DEMO_TILL_ID: &str = "demo-till";
/// Where the demo till stands.
pub const DEMO_STORE_ID: &str = "demo-store";
/// PIN of cards that are registered with `demo_pin`.
pub const DEMO_PIN: &str = "0000";
/// Header of an answer that was given before under the same key.
pub const REPLAYED: &str = "idempotency-replayed";

/// How long keys and their answers are kept: twice the longest time that an intent may live.
pub(crate) const KEYS_KEPT_MS: i64 = 60 * 86_400_000;
