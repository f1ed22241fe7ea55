//! What phone, till, kitchen and backend must agree on: values, codes and signatures, and the wire types of every endpoint.
//!
//! Pure: no I/O, no clock and no randomness of its own. Time is an argument in seconds or milliseconds since the Unix epoch, signatures come
//! in as closures, so that the same input gives the same bytes everywhere.
//!
//! - [`code`]: the rotating member code in the QR, [`credential`] inside it, [`one_dimensional`] for scanners that read no QR
//! - [`lists`]: what a till must know to read codes with no network
//! - [`receipt`], [`points`]: what a purchase leaves behind
//! - [`geo`], [`places`]: where things are, and which places hold a position
//! - [`place_code`]: a check-in without location
//! - [`rotation`]: which regions the operating system shall watch; [`check_in`]: whether a phone is at a place
//! - [`routes`]: gates passed in order; [`stamps`]: one a day a place
//! - [`offers`], [`conditions`]: the signed rules of coupons and what starts them; [`eligibility`]: who may use one now
//! - [`basket`], [`best_set`]: what coupons take off, and which to use; [`grants`], [`shares`]: that each counts once and a budget holds
//! - [`scan`]: what a camera or a hand scanner reads, as a typed thing
//! - [`fold`]: texts that a person takes for the same, for every search
//! - [`catalogue`], [`stock`], [`holds`]: what a shop sells, how much of it is where, and pieces kept for a shopper on the way; [`eta`]: how long
//!   the way takes
//! - [`tax`], [`menu`], [`cart`], [`checkout`], [`slots`], [`order`]: what a kitchen sells and what it comes to, when it can be ready, and an
//!   order's life; [`seat_code`]: the code of a table; [`card_number`]: what must never come in
//! - [`journey`]: which store and slot fit the way that a person is on
//! - [`wire`]: the endpoints

#![cfg_attr(not(test), warn(missing_docs))]

pub mod b64;
pub mod basket;
pub mod best_set;
pub mod card_number;
pub mod cart;
pub mod catalogue;
pub mod check_in;
pub mod checkout;
pub mod code;
pub mod conditions;
mod cose;
pub mod credential;
pub mod dates;
pub mod eligibility;
pub mod eta;
mod fields;
pub mod fold;
pub mod geo;
pub mod grants;
pub mod holds;
pub mod ids;
pub mod journey;
pub mod keys;
pub mod lists;
pub mod menu;
pub mod offers;
pub mod one_dimensional;
pub mod order;
pub mod order_limits;
pub mod place_code;
pub mod places;
pub mod points;
pub mod proof;
pub mod receipt;
pub mod rotation;
pub mod routes;
pub mod scan;
pub mod seat_code;
pub mod shares;
pub mod slots;
pub mod stamps;
pub mod stock;
pub mod tax;
pub mod wire;

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!();
