//! Coupons: what the member may use, where and why not now; what the card shows to a till; stamps.
//!
//! - Offers and conditions come with the areas (`places`), signed by issuers; grants come in a lease, which is a renewed credential with an
//!   allotment, so that a till without a connection can take them.
//! - The card shows coupons only while a presentation is open. Their serials are noted durably before they are shown; one that was shown in an
//!   earlier presentation stays back until the backend, a receipt or a new lease has said what became of it.
//! - What depends on the time waits until a server has told it: turning the phone's clock starts and prolongs nothing.

mod endpoints;
mod errors;
mod facts;
mod models;
mod present;
mod rules;
mod service;
mod stamps;
mod tables;
mod views;

pub use errors::CouponsError;
pub(crate) use facts::{Facts, KnownGrant};
pub use models::{
    BestSetView, ConditionView, CouponSituation, CouponView, CouponsReport, Presentation, StampCardView, StampView, UnusedCouponView,
    UsedCouponView,
};
pub(crate) use rules::OpenRules;
pub use service::{CouponsService, WALLET_COLLECTION};
pub(crate) use service::{KIND_LEASE, accepts_lease, apply_lease};
pub(crate) use tables::CouponStore;
pub use tables::{COUPONS_V1, PRESENTED_V1};
pub(crate) use views::coupon_views;
