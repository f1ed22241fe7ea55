//! A cart held against the menu, the coupons and the points of now: all on the phone.

use std::collections::BTreeMap;

use noren_rules::best_set::Coupon;
use noren_rules::cart::{Cart, CouponTerms, DELIVERY_FEE, OrderSnapshot, PaymentMethod, PricedCart, PricedOf};
use noren_rules::checkout::Checkout;
use noren_rules::order_limits::MAX_COUPONS;
use noren_rules::slots::PickupTime;
use noren_rules::wire::OrderLineView;

use super::counter::{Counter, channel};
use super::shelf::{notes, warnings};
use super::{CartCheck, CartOf, CartTotals, CheckoutWish, LineAllergens, OrderingError, OrderingService};
use crate::coupons::{CouponSituation, Facts, coupon_views};

/// A cart as it was priced, with all that goes with the order.
#[derive(Debug)]
pub(super) struct PricedWish {
    pub(super) totals: CartTotals,
    pub(super) snapshot: OrderSnapshot,
    /// Coupons that the person is willing to use.
    pub(super) coupons: Vec<u64>,
    pub(super) points: i64,
    pub(super) lines: Vec<OrderLineView>,
}

/// When it is handed over, and until when that can be taken up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promise {
    pub(super) promised_ms: i64,
    pub(super) deadline_ms: Option<i64>,
}

impl OrderingService {
    /// Holds the cart against the menu and status on the phone, for a time: what does not fit, what is not as it was seen, what it comes to with the
    /// best set of coupons and the points, and what a person who avoids something should read. Local, at once.
    ///
    /// # Errors
    /// `NotEnrolled`, `NoMenu`, `Storage`.
    pub fn check(&self, of: &CartOf, wish: &CheckoutWish) -> Result<CartCheck, OrderingError> {
        let view = self.cart(of)?;
        let counter = self.counter(of, &view.cart)?;
        let now_ms = self.core.clock.now().now_ms;
        let (slot, refusal) = match view.held.filter(|held| held.time == wish.time) {
            Some(held) => (Some(held.slot), None),
            None => self.quote(&counter, &view.cart, wish.time, now_ms)?,
        };
        let promised_ms = slot.map_or_else(|| wanted_ms(wish.time, now_ms), |slot| slot.promised_ms);
        let promise = Promise { promised_ms, deadline_ms: view.held.map(|held| held.until_ms) };
        let totals = match self.price(&counter, of, &view.cart, wish, promise) {
            Ok(priced) => Some(priced.totals),
            Err(OrderingError::HasProblems) => None,
            Err(error) => return Err(error),
        };
        Ok(CartCheck {
            problems: counter.problems(&view.cart, promised_ms)?,
            changes: counter.changes(&view.cart, promised_ms)?,
            totals,
            warnings: self.line_warnings(&counter, &view.cart, promised_ms)?,
            slot,
            refusal,
            menu_as_of_ms: counter.menu_as_of_ms,
            status_as_of_ms: counter.status.as_ref().map(|status| status.as_of_ms),
        })
    }

    /// Line by line, of what the person avoids, all that it is not known to be free of. Goods say it on their package.
    pub(super) fn line_warnings(&self, counter: &Counter, cart: &Cart, at_ms: i64) -> Result<Vec<LineAllergens>, OrderingError> {
        let avoided = self.avoided()?;
        let (book, listed) = (counter.book()?, counter.kept.listed(at_ms));
        let of_line = |(line, in_cart): (u32, &noren_rules::cart::CartLine)| {
            let warnings = warnings(notes(&listed, &in_cart.allergens(book, &listed), &avoided));
            (!warnings.is_empty()).then_some(LineAllergens { line, warnings })
        };
        Ok((0u32..).zip(&cart.lines).filter_map(of_line).collect())
    }

    /// What a cart comes to, and what is shown before the tap: by the same rules as the backend's.
    pub(super) fn price(
        &self,
        counter: &Counter,
        of: &CartOf,
        cart: &Cart,
        wish: &CheckoutWish,
        promise: Promise,
    ) -> Result<PricedWish, OrderingError> {
        let facts = Facts::gather(&self.core)?.ok_or(OrderingError::NotEnrolled)?;
        let known = self.core.card.get().map_or(0, |card| card.membership.points);
        let asked = self.core.ordering.draft(of, &self.member()?)?.map(|draft| draft.asked).unwrap_or_default();
        let mut coupons = if wish.use_coupons { facts.willing() } else { Vec::new() };
        if !coupons.is_empty() {
            let spoken_for = self.spoken_for()?;
            coupons.retain(|coupon| !spoken_for.contains(&coupon.serial) && !asked.coupons_out.contains(&coupon.serial));
        }
        let most = asked.most_points.map_or(known, |most| most.min(known)).max(0);
        // No more than an order may name: another set would be priced than the one that is sent.
        coupons.truncate(MAX_COUPONS);
        self.price_with(&facts, &coupons, wish.points.clamp(0, most), (counter, of, cart), (wish.method, promise))
    }

    /// As [`OrderingService::price`], with coupons and points that are chosen already.
    pub(super) fn price_with(
        &self,
        facts: &Facts,
        coupons: &[Coupon<'_>],
        points: i64,
        (counter, of, cart): (&Counter, &CartOf, &Cart),
        (method, promise): (PaymentMethod, Promise),
    ) -> Result<PricedWish, OrderingError> {
        let situation = CouponSituation { place: None, store: Some(of.store.clone()), channel: Some(channel(of.of)) };
        let (member, place, budgets) = (facts.member_for(true), facts.place_facts(&[], &situation), BTreeMap::new());
        let circumstances = facts.circumstances(&member, &place);
        let checkout = Checkout {
            terms: &counter.kept.terms,
            tax: &counter.kept.tax,
            book: counter.book()?,
            of: of.of,
            method,
            promised_ms: promise.promised_ms,
            deadline_ms: promise.deadline_ms,
            coupons: (!coupons.is_empty()).then_some(CouponTerms { coupons, circumstances: &circumstances, budgets: &budgets }),
            points,
        };
        let shown = checkout.show(cart)?;
        // Those that do not hold by what is known here are not named: where the backend knows better, the total would be another one.
        let out: Vec<u64> = shown.priced.unused.iter().filter(|unused| !unused.reason.is_of_cart()).map(|unused| unused.serial).collect();
        let named: Vec<u64> = coupons.iter().map(|coupon| coupon.serial).filter(|serial| !out.contains(serial)).collect();
        Ok(PricedWish {
            totals: totals(facts, cart, &counter.kept.terms.currency, &shown.priced),
            snapshot: shown.snapshot,
            coupons: named,
            points,
            lines: shown.priced.lines.iter().map(line_view).collect(),
        })
    }
}

/// The moment that a person asked for.
pub(super) fn wanted_ms(time: PickupTime, now_ms: i64) -> i64 {
    match time {
        PickupTime::Asap => now_ms,
        PickupTime::Scheduled { at_ms } => at_ms,
    }
}

fn totals(facts: &Facts, cart: &Cart, currency: &str, priced: &PricedCart<'_>) -> CartTotals {
    let (used, unused) = coupon_views(facts, currency, &priced.used, &priced.unused);
    let of_line = |at: usize| priced.lines.iter().filter(|line| line.line == Some(at)).map(|line| line.amount_minor).sum();
    CartTotals {
        currency: currency.to_owned(),
        subtotal_minor: priced.subtotal_minor,
        lines_minor: (0..cart.lines.len()).map(of_line).collect(),
        discount_minor: priced.discount_minor,
        used,
        unused,
        points: priced.points,
        points_minor: priced.points_minor,
        points_mode: priced.points_mode,
        total_minor: priced.total_minor,
        to_pay_minor: priced.to_pay_minor,
        taxes: priced.taxes.clone(),
    }
}

/// A line as an order shows it, until the backend says it: named as the backend does.
fn line_view(line: &noren_rules::cart::PricedLine<'_>) -> OrderLineView {
    let (titles, sku) = match line.of {
        PricedOf::Item(item) => (item.title.clone(), item.sku.clone()),
        PricedOf::Modifier(_, modifier) => (modifier.title.clone(), modifier.id.as_str().into()),
        PricedOf::DeliveryFee => ([("ja", "配達料"), ("en", "Delivery fee")].into(), DELIVERY_FEE.into()),
    };
    OrderLineView { titles, sku, pieces: line.pieces, given_back: 0, gross_minor: line.gross_minor }
}
