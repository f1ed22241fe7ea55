//! What a retailer's own systems must answer, asked over real HTTP.
#![allow(unreachable_pub)]

mod journey;
mod support;
