//! The app core's life against a server in memory: no network, no waiting, no other crate.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

mod card;
mod catalogue;
mod check_in;
mod coupons;
mod damage;
mod depot;
mod following;
mod forget;
mod goods;
mod history;
mod holds;
mod kitchen;
mod member;
mod order_steps;
mod ordering;
mod orders;
mod outbox;
mod pause;
mod places;
mod restored;
mod shop;
mod stock;
mod support;
mod sync;
mod taps;
mod way;
mod wire_day;
mod wishes;
