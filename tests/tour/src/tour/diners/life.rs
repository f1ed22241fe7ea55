//! One order's life, from a menu with no network to a receipt with a line that was given back.

use noren_core::ordering::{CheckoutWish, PickupWindow, PlaceWish, SlotHoldOutcome};
use noren_rules::cart::{CartLine, CartModifier, PaymentMethod};
use noren_rules::ids::OrderId;
use noren_rules::order::OrderState;
use noren_rules::slots::{PickupSlot, PickupTime};
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::{KitchenStep, OrderPayment, WalkInRequest, paths};
use noren_tour::sales_log::money;
use noren_tour::stores::CHAIN;

use super::words::{both, clock, ja, sections, stands, taxes};
use super::{MINUTE_MS, Scene};
use crate::output::Failure;

/// The payment provider's token of a card that works, in its sandbox.
pub(super) const CARD: &str = "tok_ok";
/// The train is there at 7:57, the counter three minutes on foot: minutes after 7:40.
const WANTED_MIN: i64 = 20;
/// A school class at the counter.
const CLASS: u32 = 56;

pub(super) fn pick(group: &str, modifier: &str) -> CartModifier {
    CartModifier { group: group.into(), modifier: modifier.into(), quantity: 1, modifiers: vec![] }
}

pub(super) fn at(at_ms: i64) -> PickupTime {
    PickupTime::Scheduled { at_ms }
}

pub(super) fn wish(time: PickupTime, method: PaymentMethod) -> CheckoutWish {
    CheckoutWish { time, method, use_coupons: false, points: 0 }
}

impl Scene<'_> {
    pub(super) async fn the_stand_opens(&self) -> Result<(), Failure> {
        let show = self.show;
        show.act("A coffee stand at the station takes orders: its menu and its kitchen's time")?;
        self.operator.put(self.store.as_str()).await.map_err(Failure::failed)?;
        let menu = self.book.menu();
        let modifiers: usize = menu.groups.iter().map(|group| group.modifiers.len()).sum();
        show.fact("menu", &format!("{} items, {} groups with {modifiers} modifiers", menu.items.len(), menu.groups.len()))?;
        let kitchen = self.staff.kitchen().await.map_err(Failure::failed)?;
        let stations: Vec<String> = kitchen
            .stations
            .iter()
            .filter_map(|station| station.quarters.get(1).map(|next| format!("{} {} min", station.station, next.capacity_s / 60)))
            .collect();
        show.fact("make-minutes a quarter", &stations.join(", "))?;
        let here = CHAIN.first().ok_or_else(|| Failure::failed("there is a store"))?.position().map_err(Failure::failed)?;
        self.aki.prepare(&here, "しょうゆ").await.map_err(Failure::failed)?;
        self.ordering().refresh(&self.store).await.map_err(Failure::failed)?;
        self.ordering().refresh_status(std::slice::from_ref(&self.store)).await.map_err(Failure::failed)?;
        Ok(())
    }

    pub(super) fn a_cart_in_the_train(&self) -> Result<(), Failure> {
        let (show, ordering, of) = (self.show, self.ordering(), self.cart());
        show.act("7:40, in the train, no network: the menu, the cart, and what is missing in it, by name")?;
        self.network.cut();
        let menu = ordering.menu(&self.store, None, Some(self.at_ms(WANTED_MIN))).map_err(Failure::failed)?;
        for (title, items) in sections(&menu) {
            show.fact(&title, &items)?;
        }
        ordering.avoid(&["walnut".into(), "almond".into()]).map_err(Failure::failed)?;
        let scone = ordering.item(&self.store, &"scone".into(), None, None).map_err(Failure::failed)?;
        for note in &scone.view.warnings {
            show.fact("she avoids nuts", &format!("{}: {} {} · {}", ja(&scone.view.title), ja(&note.title), note.words_ja, note.words_en))?;
        }
        let mut latte = ordering.item(&self.store, &"latte".into(), None, None).map_err(Failure::failed)?.line;
        let sandwich = ordering.item(&self.store, &"hot_sandwich".into(), None, None).map_err(Failure::failed)?.line;
        ordering.add(&of, &latte).map_err(Failure::failed)?;
        ordering.add(&of, &sandwich).map_err(Failure::failed)?;
        let wanted = wish(at(self.at_ms(WANTED_MIN)), PaymentMethod::Token);
        for problem in ordering.check(&of, &wanted).map_err(Failure::failed)?.problems {
            show.fact("missing", &format!("{} · {}", problem.words_ja, problem.words_en))?;
        }
        latte.modifiers.retain(|chosen| chosen.group.as_str() != "milk");
        latte.modifiers.extend([pick("temperature", "hot"), pick("milk", "oat_milk")]);
        latte.seen_minor = latte.piece_minor(&self.book, TaxHandoff::TakeOut);
        ordering.change(&of, 0, &latte).map_err(Failure::failed)?;
        let check = ordering.check(&of, &wanted).map_err(Failure::failed)?;
        if !check.problems.is_empty() || !check.changes.is_empty() {
            return Err(Failure::failed(format!("the cart does not fit: {check:?}")));
        }
        for note in check.warnings.iter().flat_map(|line| &line.warnings).take(1) {
            show.fact("its oat milk", &format!("{} {} · {}", ja(&note.title), note.words_ja, note.words_en))?;
        }
        let totals = check.totals.ok_or_else(|| Failure::failed("the cart has no price"))?;
        show.fact("hot, oat milk", &format!("{}, of it {}", money(totals.total_minor, "JPY"), taxes(&totals.taxes, "JPY")))
    }

    pub(super) async fn the_slot(&self) -> Result<(), Failure> {
        let (show, ordering, of) = (self.show, self.ordering(), self.cart());
        show.act("A school class stands at the counter: 8:00 is full, and the refusal names other times")?;
        self.network.restore();
        let class = CartLine::of(&self.book, &"latte".into(), CLASS, TaxHandoff::TakeOut);
        let class = class.ok_or_else(|| Failure::failed("there is no latte"))?;
        let class = CartLine { modifiers: class.modifiers.into_iter().chain([pick("temperature", "hot")]).collect(), ..class };
        let guests = WalkInRequest { lines: vec![class], tax_handoff: TaxHandoff::TakeOut };
        let ready = self.staff.walk_in(&guests).await.map_err(Failure::failed)?;
        show.fact("at the counter", &format!("{CLASS} lattes, ready at {}", clock(ready.ready_ms)))?;
        let wanted_ms = self.at_ms(WANTED_MIN);
        let refused = ordering.hold_slot(&of, at(wanted_ms)).await.map_err(Failure::failed)?;
        let SlotHoldOutcome::Refused { refusal, words_ja, words_en } = refused else {
            return Err(Failure::failed(format!("the slot is not full: {refused:?}")));
        };
        show.fact("8:00", &format!("{words_ja} · {words_en}"))?;
        let times = |slots: &[PickupSlot]| slots.iter().map(|slot| clock(slot.promised_ms)).collect::<Vec<_>>().join(", ");
        show.fact("other times", &times(&refusal.same_day))?;
        ordering.refresh_status(std::slice::from_ref(&self.store)).await.map_err(Failure::failed)?;
        let window = PickupWindow { from_ms: wanted_ms, until_ms: wanted_ms + 40 * MINUTE_MS, wanted_ms: Some(wanted_ms) };
        let slots = ordering.slots(&of, &window).map_err(Failure::failed)?;
        show.fact("found on the phone", &format!("{}, nobody asked", times(&slots.slots)))?;
        let other = refusal.same_day.first().ok_or_else(|| Failure::failed("a refusal without another time"))?;
        match ordering.hold_slot(&of, at(other.promised_ms)).await.map_err(Failure::failed)? {
            SlotHoldOutcome::Held { held, .. } => {
                let seconds = (held.until_ms - self.clock.now_ms()) / 1_000;
                show.fact("held", &format!("{}, for {} min while she pays", clock(held.slot.promised_ms), (seconds + 30) / 60))
            }
            other => Err(Failure::failed(format!("the other time is not held: {other:?}"))),
        }
    }

    pub(super) async fn the_tap(&self) -> Result<(), Failure> {
        let (show, ordering, of) = (self.show, self.ordering(), self.cart());
        show.act("The last screen before the tap (最終確認画面), and the tap in a tunnel")?;
        let held = ordering.cart(&of).map_err(Failure::failed)?.held.ok_or_else(|| Failure::failed("no slot is held"))?;
        let review = ordering.review(&of, &wish(held.time, PaymentMethod::Token)).map_err(Failure::failed)?;
        for (row_ja, row_en) in review.rows_ja.iter().zip(&review.rows_en) {
            show.fact(&row_ja.label, &format!("{} · {}", row_ja.text, row_en.text))?;
        }
        self.network.cut_after(paths::ORDERS);
        let by_card = PlaceWish { token: Some(CARD.to_owned()), tell_avoided: true, ..PlaceWish::default() };
        ordering.place(&review.order, &by_card).map_err(Failure::failed)?;
        let tapped = ordering.resolve(&review.order).await.map_err(Failure::failed)?;
        show.fact("in the tunnel", &stands(&tapped))?;
        let again = ordering.place(&review.order, &by_card).map_err(Failure::failed)?;
        show.fact("tapped again", &stands(&again))?;
        self.settle().await?;
        self.network.restore();
        self.clock.pass_ms(90_000);
        let found = ordering.resolve(&review.order).await.map_err(Failure::failed)?;
        self.settle().await?;
        ordering.refresh_orders().await.map_err(Failure::failed)?;
        let found = ordering.order(&found.order.id).map_err(Failure::failed)?;
        show.fact("out of it", &stands(&found))?;
        let kitchen = self.staff.kitchen().await.map_err(Failure::failed)?;
        let calls = self.sandbox.calls(found.order.id.as_str()).map_err(Failure::failed)?;
        let money_moves: Vec<String> = calls.iter().map(|call| format!("{} {}", call.kind, money(call.amount_minor, "JPY"))).collect();
        show.fact("came of it", &format!("{} order, {}", kitchen.orders.len(), money_moves.join(", ")))?;
        if (found.order.state, &found.order.payment) == (OrderState::Accepted, &OrderPayment::Paid) && kitchen.orders.len() == 1 {
            return Ok(());
        }
        Err(Failure::failed(format!("the order is not as it should be: {found:?}")))
    }

    /// The order that was placed.
    fn order(&self) -> Result<OrderId, Failure> {
        let orders = self.ordering().orders().map_err(Failure::failed)?.orders;
        Ok(orders.first().ok_or_else(|| Failure::failed("there is no order"))?.order.id.clone())
    }

    pub(super) async fn the_kitchen(&self) -> Result<OrderId, Failure> {
        let (show, ordering, id) = (self.show, self.ordering(), self.order()?);
        show.act("The kitchen: a ticket, a delay that is told, a pickup code that needs no network")?;
        let kitchen = self.staff.kitchen().await.map_err(Failure::failed)?;
        let ticket = kitchen.orders.first().ok_or_else(|| Failure::failed("the kitchen has no ticket"))?;
        for line in &ticket.lines {
            let how: Vec<String> = line.modifiers.iter().map(|chosen| ja(&chosen.title)).collect();
            show.fact("ticket", &format!("{} ×{} {}", ja(&line.title), line.quantity, how.join(" ")))?;
        }
        let avoids: Vec<String> = ticket.avoids.iter().map(both).collect();
        show.fact("", &format!("begin by {}; avoids {}", clock(ticket.start_ms), avoids.join(", ")))?;
        self.clock.pass_until_ms(ticket.start_ms);
        self.staff.step(&id, KitchenStep::Start).await.map_err(Failure::failed)?;
        self.staff.step(&id, KitchenStep::Late { more_min: 4 }).await.map_err(Failure::failed)?;
        self.settle().await?;
        ordering.refresh_orders().await.map_err(Failure::failed)?;
        let late = ordering.order(&id).map_err(Failure::failed)?;
        let free = if late.order.can_cancel { "; she may call it off for nothing" } else { "" };
        show.fact("told", &format!("{}, now {}{free}", stands(&late), clock(late.order.promised_ms)))?;
        self.clock.pass_until_ms(late.order.promised_ms - 2 * MINUTE_MS);
        self.staff.step(&id, KitchenStep::Ready { shelf: "A-3".to_owned() }).await.map_err(Failure::failed)?;
        self.settle().await?;
        ordering.refresh_orders().await.map_err(Failure::failed)?;
        self.network.cut();
        let ready = ordering.order(&id).map_err(Failure::failed)?;
        let code = ready.order.pickup_code.clone().unwrap_or_default();
        let call = ready.order.call_number.map_or(String::new(), |number| number.to_string());
        show.fact(
            "no network",
            &format!("{}; shelf {}, call {call}, pickup code {code}", ready.words_en, ready.order.shelf.unwrap_or_default()),
        )?;
        self.network.restore();
        self.clock.pass_ms(MINUTE_MS);
        let handed = self.staff.hand_over(&id, &code).await.map_err(Failure::failed)?;
        self.settle().await?;
        show.fact("handed over", &format!("{:?}, {:?}", handed.state, handed.payment))?;
        self.staff.step(&id, KitchenStep::Refund { line: 1, pieces: 1 }).await.map_err(Failure::failed)?;
        self.settle().await?;
        self.aki.noren().purchases().refresh().await.map_err(Failure::failed)?;
        for summary in self.aki.noren().purchases().page(None, 2).map_err(Failure::failed)?.receipts.iter().rev() {
            let receipt = self.aki.noren().purchases().receipt(&summary.id).map_err(Failure::failed)?;
            let tax = receipt.taxes.as_deref().map_or(String::new(), |of| taxes(of, &receipt.currency));
            let total = money(receipt.total_minor, &receipt.currency);
            show.fact("receipt", &format!("{:?} {total}, tax {tax}; {} points", receipt.kind, receipt.points))?;
        }
        let left = self.sandbox.balance_minor(id.as_str()).map_err(Failure::failed)?;
        show.fact("at the provider", &format!("{} taken and kept", money(left, "JPY")))?;
        Ok(id)
    }
}
