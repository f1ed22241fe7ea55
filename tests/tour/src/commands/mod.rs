//! The tools, one file each.

pub(crate) mod calibrate;
pub(crate) mod card;
pub(crate) mod claim;
pub(crate) mod enrol;
pub(crate) mod forget;
pub(crate) mod history;
pub(crate) mod import_sales;
pub(crate) mod life;
mod membership;
pub(crate) mod morning;
pub(crate) mod replay;
pub(crate) mod scan;
pub(crate) mod serve;
pub(crate) mod stock;
pub(crate) mod till;
pub(crate) mod verify;
