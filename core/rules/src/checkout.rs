//! From a cart to an order: one way to price it, to show it, and to write down what was agreed.
//!
//! Phone and backend make the last screen before the tap by the same [`Checkout`] of the same things, so that its digest agrees unless something has
//! changed meanwhile; what was agreed then goes into the [`Order`](crate::order::Order).

use crate::cart::{
    CancelTerms, CaptureTime, Cart, CartModifier, CouponTerms, OrderSnapshot, PaymentMethod, PointsTerms, PriceError, PriceTerms,
    PricedCart, PricedLine, PricedOf, SnapshotTerms, modifier, price,
};
use crate::dates::{DAY_MIN, MINUTE_MS, local_date};
use crate::menu::{HandoffMode, MenuBook, MenuItem};
use crate::order::{OrderLine, OrderRules};
use crate::tax::{TaxClass, TaxTable};
use crate::wire::{OrderOf, OrderTerms};

/// How long before an authorisation ends it is renewed, in milliseconds.
const RENEW_BEFORE_MS: i64 = 60 * MINUTE_MS;

/// All that an order depends on, the cart apart.
#[derive(Debug, Clone, Copy)]
pub struct Checkout<'a> {
    /// The store's rules.
    pub terms: &'a OrderTerms,
    /// The rates.
    pub tax: &'a TaxTable,
    /// The store's menu, or one of goods.
    pub book: &'a MenuBook,
    /// Which of them it is.
    pub of: OrderOf,
    /// How it is paid.
    pub method: PaymentMethod,
    /// When it is handed over, in milliseconds since the Unix epoch: the tax is that of this day.
    pub promised_ms: i64,
    /// Until when it can be ordered: the first millisecond at which the slot's hold is over; `None` where no slot is held.
    pub deadline_ms: Option<i64>,
    /// Coupons, if any are to be used.
    pub coupons: Option<CouponTerms<'a>>,
    /// Points that the person wants to use, at most. None are where the store takes none.
    pub points: i64,
}

/// A cart as it was priced, and as it is shown.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// What it comes to.
    pub priced: PricedCart<'a>,
    /// The last screen before the tap.
    pub snapshot: OrderSnapshot,
    of: OrderOf,
}

impl<'a> Checkout<'a> {
    /// Prices a cart, and says what is shown before it is ordered.
    ///
    /// # Errors
    /// [`PriceError`].
    pub fn show(&self, cart: &Cart) -> Result<Shown<'a>, PriceError> {
        let rates = self.tax.on(&local_date(self.promised_ms, self.terms.utc_offset_min));
        let points = self.terms.points.filter(|_| self.points > 0);
        let terms = PriceTerms {
            rates: &rates,
            rounding: self.terms.rounding,
            delivery_fee_minor: if cart.handoff == HandoffMode::Delivery { self.terms.delivery_fee_minor } else { 0 },
            coupons: self.coupons,
            points: points.map(|rule| PointsTerms { mode: rule.mode, points: self.points, value_minor: rule.value_minor }),
        };
        let priced = price(cart, self.book, &terms)?;
        let snapshot = OrderSnapshot::of(cart, self.book, &priced, self.snapshot_terms());
        Ok(Shown { priced, snapshot, of: self.of })
    }

    /// The rules under which an order is placed at this moment (milliseconds since the Unix epoch).
    #[must_use]
    pub fn rules(&self, placed_at_ms: i64) -> OrderRules {
        OrderRules {
            method: self.method,
            capture: self.capture(),
            rounding: self.terms.rounding,
            accept_by_ms: placed_at_ms.saturating_add(i64::from(self.terms.accept_within_s) * 1_000),
            cancel_until_ms: self.cancel_until_ms(),
            keep_ms: self.keep_ms(),
            complete_after_ms: i64::from(self.terms.complete_after_min) * MINUTE_MS,
            charge_no_show: self.terms.charge_no_show,
            renew_before_ms: RENEW_BEFORE_MS,
        }
    }

    fn snapshot_terms(&self) -> SnapshotTerms {
        SnapshotTerms {
            store_name: self.terms.store_name.clone(),
            seller: self.terms.issuer.name.clone(),
            method: self.method,
            capture: self.capture(),
            promised_ms: self.promised_ms,
            kept_until_ms: self.promised_ms.saturating_add(self.keep_ms()),
            cancel: CancelTerms { until_ms: self.cancel_until_ms(), text: self.terms.cancel_text.clone() },
            deadline_ms: self.deadline_ms,
            utc_offset_min: self.terms.utc_offset_min,
        }
    }

    /// What is paid at the counter is paid when it is handed over.
    fn capture(&self) -> CaptureTime {
        match self.method {
            PaymentMethod::Token => self.terms.capture,
            PaymentMethod::AtCounter => CaptureTime::AtHandOver,
        }
    }

    fn cancel_until_ms(&self) -> Option<i64> {
        self.terms.cancel_before_min.map(|minutes| self.promised_ms.saturating_sub(i64::from(minutes) * MINUTE_MS))
    }

    fn keep_ms(&self) -> i64 {
        let minutes = match self.of {
            OrderOf::Menu => i64::from(self.terms.keep_min),
            OrderOf::Goods => i64::from(self.terms.keep_goods_days) * DAY_MIN,
        };
        minutes * MINUTE_MS
    }
}

impl Shown<'_> {
    /// The lines of the order: those of the receipt, in its order. The cart and the menu are those that were shown.
    #[must_use]
    pub fn order_lines(&self, cart: &Cart, book: &MenuBook) -> Vec<OrderLine> {
        let lines = self.priced.lines.iter().zip(self.priced.paid_lines());
        let line = |(line, paid)| OrderLine {
            paid,
            perishable: self.is_perishable(line),
            least_age: least_age(line, cart, book),
            goes_with: self.item_of(line),
        };
        lines.map(line).collect()
    }

    /// The place of the item to which a modifier belongs that is a line of its own.
    fn item_of(&self, of: &PricedLine<'_>) -> Option<usize> {
        let is_modifier = matches!(of.of, PricedOf::Modifier(..));
        let is_item = |line: &PricedLine<'_>| matches!(line.of, PricedOf::Item(_)) && line.line == of.line;
        is_modifier.then(|| self.priced.lines.iter().position(is_item)).flatten()
    }

    /// What a kitchen has made for somebody is nobody else's; goods go back to their shelf.
    fn is_perishable(&self, line: &PricedLine<'_>) -> bool {
        let made = |item: &MenuItem| item.tax_class == TaxClass::Food || !item.make.is_empty();
        self.of == OrderOf::Menu
            && match line.of {
                PricedOf::Item(item) => made(item),
                PricedOf::Modifier(item, modifier) => made(item) || !modifier.make.is_empty(),
                PricedOf::DeliveryFee => false,
            }
    }
}

/// The least age for a line: the item's, and that of what is chosen with it.
fn least_age(line: &PricedLine<'_>, cart: &Cart, book: &MenuBook) -> Option<u8> {
    let item = match line.of {
        PricedOf::Item(item) => item,
        PricedOf::Modifier(_, modifier) => return modifier.least_age,
        PricedOf::DeliveryFee => return None,
    };
    let in_cart = line.line.and_then(|at| cart.lines.get(at));
    let mut open: Vec<&CartModifier> = in_cart.map_or_else(Vec::new, |line| line.modifiers.iter().collect());
    let mut least = item.least_age;
    while let Some(chosen) = open.pop() {
        // A modifier of another tax class is a line of its own, which asks for itself.
        let own_line = |class: Option<TaxClass>| class.is_some_and(|class| class != item.tax_class);
        least = modifier(book, chosen).filter(|modifier| !own_line(modifier.tax_class)).and_then(|modifier| modifier.least_age).max(least);
        open.extend(&chosen.modifiers);
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::{CartLine, PointsMode};
    use crate::menu::tests::{FRIDAY_17, HOUR, book};
    use crate::order::{Order, OrderActor, OrderEvent};
    use crate::receipt::Issuer;
    use crate::tax::{JAPAN, TaxHandoff, TaxRounding};
    use crate::wire::PointsRule;

    const MINUTE: i64 = 60_000;

    fn terms() -> OrderTerms {
        OrderTerms {
            store: "s1".into(),
            store_name: [("ja", "丸の内店"), ("en", "Marunouchi")].into(),
            issuer: Issuer { name: "暖簾食堂".into(), registration_number: Some("T1180301018771".into()) },
            currency: "JPY".into(),
            rounding: TaxRounding::Down,
            handoffs: vec![HandoffMode::CounterPickup, HandoffMode::Delivery],
            methods: vec![PaymentMethod::Token, PaymentMethod::AtCounter],
            capture: CaptureTime::AtAcceptance,
            auto_accept: true,
            accept_within_s: 120,
            cancel_before_min: Some(10),
            keep_min: 60,
            keep_goods_days: 7,
            complete_after_min: 30,
            charge_no_show: false,
            delivery_fee_minor: 330,
            points: Some(PointsRule { mode: PointsMode::Discount, value_minor: 1 }),
            attach_within_min: 30,
            cancel_text: [("ja", "お受け取り後の返品はできません"), ("en", "No returns")].into(),
            utc_offset_min: 540,
        }
    }

    fn cart(handoff: HandoffMode, tax_handoff: TaxHandoff, items: &[&str]) -> Cart {
        let book = book();
        let lines = items.iter().filter_map(|item| CartLine::of(&book, &(*item).into(), 2, tax_handoff)).collect();
        Cart { lines, declared_age: Some(20), ..Cart::new(handoff, tax_handoff) }
    }

    #[test]
    fn what_is_shown_is_what_is_ordered() {
        let (terms, tax, book) = (terms(), TaxTable::from_json(JAPAN).unwrap(), book());
        let checkout = Checkout {
            terms: &terms,
            tax: &tax,
            book: &book,
            of: OrderOf::Menu,
            method: PaymentMethod::Token,
            promised_ms: FRIDAY_17,
            deadline_ms: Some(FRIDAY_17 - HOUR),
            coupons: None,
            points: 100,
        };
        let cart = cart(HandoffMode::CounterPickup, TaxHandoff::TakeOut, &["burger", "beer", "bag"]);
        let shown = checkout.show(&cart).unwrap();
        // 1,080 + 1,100 + 10, less 100 points.
        assert_eq!((shown.snapshot.total_minor, shown.snapshot.points, shown.snapshot.seller.as_str()), (2_090, 100, "暖簾食堂"));
        assert_eq!((shown.snapshot.kept_until_ms, shown.snapshot.cancel.until_ms), (FRIDAY_17 + HOUR, Some(FRIDAY_17 - 10 * MINUTE)));
        assert_eq!(shown.snapshot.digest(), checkout.show(&cart).unwrap().snapshot.digest());
        let lines = shown.order_lines(&cart, &book);
        assert_eq!(
            lines.iter().map(|line| (line.perishable, line.least_age)).collect::<Vec<_>>(),
            [(true, None), (false, Some(20)), (false, None)]
        );
        let order = Order::draft("o1".into(), lines, checkout.rules(1_000), FRIDAY_17);
        assert_eq!((order.left_minor(), order.rules.accept_by_ms, order.kept_until_ms()), (2_090, 121_000, FRIDAY_17 + HOUR));
        assert!(order.apply(&OrderEvent::Submit, OrderActor::Person, 1_000).is_ok());
        // Another deadline is another screen.
        let longer = Checkout { deadline_ms: None, ..checkout };
        assert_ne!(longer.show(&cart).unwrap().snapshot.digest(), shown.snapshot.digest());
    }

    #[test]
    fn the_way_of_paying_and_of_handing_over_decide() {
        let (terms, tax, book) = (terms(), TaxTable::from_json(JAPAN).unwrap(), book());
        let free = OrderTerms { points: None, cancel_before_min: None, ..terms };
        let checkout = Checkout {
            terms: &free,
            tax: &tax,
            book: &book,
            of: OrderOf::Goods,
            method: PaymentMethod::AtCounter,
            promised_ms: FRIDAY_17,
            deadline_ms: None,
            coupons: None,
            points: 100,
        };
        let rules = checkout.rules(0);
        assert_eq!((rules.capture, rules.cancel_until_ms, rules.keep_ms), (CaptureTime::AtHandOver, None, 7 * 24 * HOUR));
        let delivered = cart(HandoffMode::Delivery, TaxHandoff::Delivery, &["toy_set"]);
        let shown = checkout.show(&delivered).unwrap();
        assert_eq!((shown.priced.total_minor, shown.priced.points), (2 * 1_080 + 330, 0));
        let lines = shown.order_lines(&delivered, &book);
        assert!(lines.len() == 2 && lines.iter().all(|line| !line.perishable), "goods are put back");
        let before_any_rate = Checkout { promised_ms: 0, ..checkout };
        assert!(matches!(before_any_rate.show(&delivered), Err(PriceError::Tax(_))));
    }

    #[test]
    fn an_age_is_asked_for_by_the_line_that_has_it() {
        let (terms, tax, book) = (terms(), TaxTable::from_json(JAPAN).unwrap(), book());
        let checkout = Checkout {
            terms: &terms,
            tax: &tax,
            book: &book,
            of: OrderOf::Menu,
            method: PaymentMethod::Token,
            promised_ms: FRIDAY_17,
            deadline_ms: None,
            coupons: None,
            points: 0,
        };
        let mut cart = cart(HandoffMode::CounterPickup, TaxHandoff::TakeOut, &["set"]);
        cart.lines[0].modifiers =
            vec![CartModifier { group: "drink".into(), modifier: "beer_in_set".into(), quantity: 1, modifiers: vec![] }];
        let lines = checkout.show(&cart).unwrap().order_lines(&cart, &book);
        assert_eq!(lines.iter().map(|line| line.least_age).collect::<Vec<_>>(), [None, Some(20)]);
        assert_eq!(lines.iter().map(|line| line.goes_with).collect::<Vec<_>>(), [None, Some(0)]);
    }
}
