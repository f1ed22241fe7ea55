//! All that a cart is held against: the menu, or goods of the catalogue, and what is known by the minute.

use std::sync::Arc;

use noren_rules::cart::{Cart, CartMoment};
use noren_rules::ids::{Sku, StoreId};
use noren_rules::menu::{Menu, MenuBook, SoldOut};
use noren_rules::receipt::Channel;
use noren_rules::slots::{KitchenBook, MakeTask, make_tasks};
use noren_rules::wire::{MenuStatus, OrderOf};

use super::shelf::KeptMenu;
use super::{CartChangeView, CartOf, CartProblemView, OrderingError, OrderingService};
use crate::catalogue::ProductNumber;

/// What a store sells, for one cart.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(super) of: OrderOf,
    pub(crate) kept: Arc<KeptMenu>,
    pub(super) menu_as_of_ms: i64,
    pub(crate) status: Option<MenuStatus>,
    /// The goods that the cart names.
    goods: Option<MenuBook>,
}

impl OrderingService {
    pub(crate) fn counter(&self, of: &CartOf, cart: &Cart) -> Result<Counter, OrderingError> {
        let (kept, menu_as_of_ms) = self.kept_menu(&of.store)?;
        let status = self.core.ordering.status(&of.store)?;
        let goods = match of.of {
            OrderOf::Menu => None,
            OrderOf::Goods => Some(self.goods(&of.store, &kept.terms.currency, cart)?),
        };
        Ok(Counter { of: of.of, kept, menu_as_of_ms, status, goods })
    }

    /// The goods of a cart, as the catalogue on the phone has them.
    fn goods(&self, store: &StoreId, currency: &str, cart: &Cart) -> Result<MenuBook, OrderingError> {
        let mut products = Vec::with_capacity(cart.lines.len());
        for line in &cart.lines {
            let found = self.core.catalogue.by_number(&ProductNumber::Sku(Sku::from(line.item.as_str())))?;
            products.extend(found.map(|(product, _)| product.record.product));
        }
        let menu = Menu::of_goods(store, &products, currency, channel(OrderOf::Goods), self.core.clock.now().now_ms);
        MenuBook::new(menu).map_err(|error| OrderingError::BadCart { detail: error.to_string() })
    }
}

impl Counter {
    /// What is sold.
    pub(crate) fn book(&self) -> Result<&MenuBook, OrderingError> {
        self.goods.as_ref().or(self.kept.book.as_ref().filter(|_| self.of == OrderOf::Menu)).ok_or(OrderingError::NoMenu)
    }

    pub(super) fn sold_out(&self) -> &[SoldOut] {
        match (self.of, &self.status) {
            (OrderOf::Menu, Some(status)) => &status.sold_out,
            _ => &[],
        }
    }

    /// True where kitchen time has to be held for an order.
    pub(crate) fn is_made(&self) -> bool {
        self.of == OrderOf::Menu && self.kept.kitchen.is_some()
    }

    /// The kitchen as it was heard of last.
    pub(crate) fn kitchen(&self) -> Result<KitchenBook, OrderingError> {
        let status = self.status.as_ref().filter(|_| self.is_made());
        status.and_then(|status| self.kept.kitchen_book(status)).ok_or(OrderingError::NoStatus)
    }

    /// The work of a cart.
    pub(crate) fn tasks(&self, cart: &Cart) -> Result<Vec<MakeTask>, OrderingError> {
        let per_order = self.kept.kitchen.as_ref().map(|plan| plan.per_order.as_slice()).unwrap_or_default();
        Ok(make_tasks(cart, self.book()?, per_order))
    }

    pub(super) fn problems(&self, cart: &Cart, at_ms: i64) -> Result<Vec<CartProblemView>, OrderingError> {
        let book = self.book()?;
        let problems = cart.problems(book, &CartMoment { at_ms, sold_out: self.sold_out() });
        let view = |problem: noren_rules::cart::CartProblem| CartProblemView {
            line: problem.line,
            words_ja: problem.text_ja(book),
            words_en: problem.text_en(book),
            problem,
        };
        Ok(problems.into_iter().map(view).collect())
    }

    pub(super) fn changes(&self, cart: &Cart, at_ms: i64) -> Result<Vec<CartChangeView>, OrderingError> {
        let book = self.book()?;
        Ok(change_views(book, cart.changes(book, &CartMoment { at_ms, sold_out: self.sold_out() })))
    }
}

/// Changes in words.
pub(super) fn change_views(book: &MenuBook, changes: Vec<noren_rules::cart::CartChange>) -> Vec<CartChangeView> {
    let view = |change: noren_rules::cart::CartChange| CartChangeView {
        line: change.line(),
        words_ja: change.text_ja(book),
        words_en: change.text_en(book),
        change,
    };
    changes.into_iter().map(view).collect()
}

/// How what is ordered is bought, as coupons and prices ask.
pub(super) fn channel(of: OrderOf) -> Channel {
    match of {
        OrderOf::Menu => Channel::MobileOrder,
        OrderOf::Goods => Channel::Ec,
    }
}
