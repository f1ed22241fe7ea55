//! What an order comes to, by the same checkout as on the phone, and whether it is still as the person saw it.

use noren_rules::cart::{Cart, CartChange, CartMoment, CouponTerms, OrderSnapshot, PaymentMethod, PriceError};
use noren_rules::checkout::{Checkout, Shown};
use noren_rules::ids::{DeviceId, MemberId, Sku, StoreId};
use noren_rules::menu::{HandoffMode, Menu, MenuBook};
use noren_rules::order::{OrderLine, OrderRules};
use noren_rules::receipt::Channel;
use noren_rules::wire::{BasketPiece, OrderOf, OrderTerms, ProductInfo, SaleCoupons};
use rusqlite::Connection;

use super::coupons::{Buying, Loaded};
use super::table::LineFacts;
use crate::fault::{Fault, Refusal};
use crate::menus::{self, Shop};
use crate::{catalogue, points};

/// What is wanted, by whom and for when.
pub(super) struct Wish<'a> {
    pub(super) device: &'a DeviceId,
    pub(super) member: &'a MemberId,
    pub(super) parts: &'a [MemberId],
    pub(super) store: &'a StoreId,
    pub(super) of: OrderOf,
    pub(super) cart: &'a Cart,
    pub(super) method: PaymentMethod,
    pub(super) promised_ms: i64,
    pub(super) deadline_ms: Option<i64>,
    /// Serials of coupons that may be used.
    pub(super) coupons: &'a [u64],
    /// Points to be used, at most.
    pub(super) points: i64,
    pub(super) now_ms: i64,
}

/// What it comes to.
pub(super) struct Priced {
    pub(super) lines: Vec<OrderLine>,
    pub(super) of: Vec<LineFacts>,
    pub(super) snapshot: OrderSnapshot,
    pub(super) coupons: SaleCoupons,
}

/// A cart that was looked at.
pub(super) struct LookedAt {
    /// What is not as the person saw it.
    pub(super) changes: Vec<CartChange>,
    /// `None` while it cannot be ordered as it is.
    pub(super) priced: Option<Priced>,
    /// Coupons that cannot be used now, whatever is bought.
    pub(super) coupons_out: Vec<u64>,
}

/// Where a receipt of such an order belongs.
pub(super) fn channel(of: OrderOf) -> Channel {
    match of {
        OrderOf::Menu => Channel::MobileOrder,
        OrderOf::Goods => Channel::Ec,
    }
}

/// The menu for an order: the store's, or one of the goods in its cart.
pub(super) fn with_book<T>(
    db: &Connection,
    shop: &Shop,
    wish: (&StoreId, OrderOf, &Cart, i64),
    work: impl FnOnce(&MenuBook) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let (store, of, cart, now_ms) = wish;
    match (of, &shop.book) {
        (OrderOf::Menu, Some(book)) => work(book),
        (OrderOf::Menu, None) => Err(Refusal::invalid("this store has no menu: it takes orders of goods").into()),
        (OrderOf::Goods, _) => {
            let products = products_of(db, cart)?;
            let menu = Menu::of_goods(store, &products, &shop.told.terms.currency, channel(of), now_ms);
            work(&MenuBook::new(menu).map_err(|_| Fault::Stored("catalogue"))?)
        }
    }
}

fn products_of(db: &Connection, cart: &Cart) -> Result<Vec<ProductInfo>, Fault> {
    let mut products: Vec<ProductInfo> = Vec::new();
    for line in &cart.lines {
        let Some(id) = catalogue::product_of(db, &Sku::from(line.item.as_str()))? else { continue };
        if !products.iter().any(|product| product.id == id) {
            products.extend(catalogue::find(db, &id)?.map(|record| record.product));
        }
    }
    Ok(products)
}

/// The pieces of goods in a cart.
pub(super) fn pieces(cart: &Cart) -> Vec<BasketPiece> {
    cart.lines.iter().map(|line| BasketPiece { sku: line.item.as_str().into(), quantity: line.quantity }).collect()
}

/// Refuses what the store's terms do not know at all: the phone has them.
pub(super) fn check_terms(terms: &OrderTerms, handoff: HandoffMode, method: PaymentMethod) -> Result<(), Refusal> {
    if !terms.handoffs.contains(&handoff) {
        return Err(Refusal::invalid("this store does not hand over in this way: fetch its terms again"));
    }
    if handoff == HandoffMode::Delivery && method == PaymentMethod::AtCounter {
        return Err(Refusal::invalid("a delivery has no counter to pay at: name a token"));
    }
    if !terms.methods.contains(&method) {
        return Err(Refusal::invalid("this store is not paid in this way: fetch its terms again"));
    }
    Ok(())
}

/// The rules under which it is placed now.
pub(super) fn rules(shop: &Shop, book: &MenuBook, wish: &Wish<'_>) -> OrderRules {
    checkout(shop, book, wish).rules(wish.now_ms)
}

/// Without coupons and points.
fn checkout<'a>(shop: &'a Shop, book: &'a MenuBook, wish: &Wish<'_>) -> Checkout<'a> {
    Checkout {
        terms: &shop.told.terms,
        tax: &shop.told.tax,
        book,
        of: wish.of,
        method: wish.method,
        promised_ms: wish.promised_ms,
        deadline_ms: wish.deadline_ms,
        coupons: None,
        points: 0,
    }
}

/// Looks at a cart and prices it.
pub(super) fn look_at(db: &Connection, shop: &Shop, book: &MenuBook, wish: &Wish<'_>) -> Result<LookedAt, Fault> {
    let sold_out = match wish.of {
        OrderOf::Menu => menus::sold_out(db, wish.store, wish.now_ms)?,
        OrderOf::Goods => Vec::new(),
    };
    let changes = wish.cart.changes(book, &CartMoment { at_ms: wish.promised_ms, sold_out: &sold_out });
    let balance = if wish.points > 0 { points::balance(db, wish.parts)? } else { 0 };
    let buying = Buying {
        device: wish.device,
        member: wish.member,
        parts: wish.parts,
        store: wish.store,
        channel: channel(wish.of),
        now_ms: wish.now_ms,
    };
    let price = |loaded: Option<&Loaded>, coupons: Option<CouponTerms<'_>>| {
        let points = wish.points.min(balance.max(0));
        let shown = Checkout { coupons, points, ..checkout(shop, book, wish) }.show(wish.cart)?;
        let none = SaleCoupons { used: Vec::new(), shown: Vec::new() };
        let coupons_out = loaded.map(|loaded| loaded.out(&shown.priced)).unwrap_or_default();
        let priced = Priced {
            lines: shown.order_lines(wish.cart, book),
            of: line_facts(&shown),
            coupons: loaded.map_or(none, |loaded| loaded.of_sale(&shown.priced, &shop.told.terms.currency, wish.now_ms)),
            snapshot: shown.snapshot,
        };
        Ok::<_, PriceError>((priced, coupons_out))
    };
    // Most orders name no coupon: then nothing is asked about the member.
    let priced = if wish.coupons.is_empty() {
        price(None, None)
    } else {
        let loaded = Loaded::of(db, &buying, wish.coupons)?;
        loaded.with(|coupons| price(Some(&loaded), coupons))
    };
    match priced {
        Ok((priced, coupons_out)) => Ok(LookedAt { changes, priced: Some(priced), coupons_out }),
        // What is not on the menu stands among the changes.
        Err(PriceError::NotOnMenu { .. }) if !changes.is_empty() => Ok(LookedAt { changes, priced: None, coupons_out: Vec::new() }),
        Err(error) => Err(Refusal::invalid(error.to_string()).into()),
    }
}

fn line_facts(shown: &Shown<'_>) -> Vec<LineFacts> {
    let named = shown.priced.lines.iter().zip(&shown.snapshot.lines).zip(shown.priced.receipt_lines("ja"));
    let facts = named.map(|((line, in_snapshot), on_receipt)| LineFacts {
        cart_line: line.line,
        titles: in_snapshot.title.clone(),
        sku: on_receipt.sku,
        reduced: line.rate.reduced,
    });
    facts.collect()
}
