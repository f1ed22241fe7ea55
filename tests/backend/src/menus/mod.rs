//! Menus, kitchens and the tables of taxes and allergens, as the operator gives them; and what of them is sold out or paused.

mod shop;

pub(crate) use shop::{Shop, Shops, mode, shop, sold_out, tax_table};
