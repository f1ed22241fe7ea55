//! What a retailer's own systems must answer, asked over real HTTP.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod areas;
mod budgets;
mod catalogue;
mod check_ins;
mod coupons;
mod credits;
mod erasure;
mod favourites;
mod feed;
mod goods;
mod hold_tasks;
mod holds;
mod idempotency;
mod journey;
mod linking;
mod logs;
mod menus;
mod one_dimensional;
mod openapi;
mod operator;
mod ranking;
mod reactions;
mod reasons;
mod returns;
mod reviews;
mod sales;
mod schema;
mod seats;
mod self_baskets;
mod server;
mod slots;
mod stamps;
mod stand;
mod stock;
mod support;
