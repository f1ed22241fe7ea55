//! The other ways to order: at the table, goods to be fetched, a basket for the self-till, the usual, and a kitchen that pauses.

use noren_core::ordering::{CartHandoff, CartOf, PlaceWish, PlacedOrder, SlotHoldOutcome};
use noren_rules::cart::{CartLine, CartModifier, PaymentMethod};
use noren_rules::ids::{OrderId, Sku};
use noren_rules::menu::{HandoffMode, Menu};
use noren_rules::order::OrderState;
use noren_rules::slots::{PickupTime, StoreMode};
use noren_rules::wire::{BasketPiece, KitchenStep, PutMenus, SeatState, SeatWork, TaskDone};
use noren_tour::sales_log::money;
use noren_tour::stores::CHAIN;

use super::life::{CARD, at, pick, wish};
use super::words::{clock, ja, stands, taxes};
use super::{MINUTE_MS, Scene};
use crate::output::Failure;

/// What she fetches from the sales floor: soy sauce, 500 ml and 1 l.
const GOODS: [&str; 2] = ["soy-500", "soy-1000"];

impl Scene<'_> {
    pub(super) async fn at_the_table(&self) -> Result<(), Failure> {
        let (show, ordering, of) = (self.show, self.ordering(), self.cart());
        show.act("At a table: a photographed plate orders nothing, a slip does; eaten there it is 10 %")?;
        let plate = self.staff.seats(SeatWork::Plate { seat: "B-5".to_owned() }).await.map_err(Failure::failed)?;
        let session = ordering.seat(&plate.code.unwrap_or_default(), Some(&self.store), None).await.map_err(Failure::failed)?;
        show.fact("a plate's photograph", &format!("seat {}: {:?}, until the staff has looked", session.seat, session.state))?;
        let slip = self.staff.seats(SeatWork::Slip { seat: "B-4".to_owned(), minutes: 90 }).await.map_err(Failure::failed)?;
        let slip = slip.code.unwrap_or_default();
        let elsewhere = CHAIN.get(1).map(noren_tour::stores::ChainStore::store_id);
        match ordering.seat(&slip, elsewhere.as_ref(), None).await {
            Ok(session) => return Err(Failure::failed(format!("a slip of another store is taken: {session:?}"))),
            Err(refused) => show.fact("in another store", &refused.to_string())?,
        }
        let session = ordering.seat(&slip, Some(&self.store), None).await.map_err(Failure::failed)?;
        show.fact("the slip", &format!("seat {}: {:?}", session.seat, session.state))?;
        if session.state != SeatState::Open {
            return Err(Failure::failed("the slip opens no session"));
        }
        ordering.set_handoff(&of, CartHandoff { handoff: HandoffMode::DineIn, tax_handoff: None }).map_err(Failure::failed)?;
        let mut drip = ordering.item(&self.store, &"drip".into(), Some(HandoffMode::DineIn), None).map_err(Failure::failed)?.line;
        let ice = CartModifier { modifiers: vec![pick("ice", "less_ice")], ..pick("temperature", "iced") };
        drip.modifiers.push(ice);
        ordering.add(&of, &drip).map_err(Failure::failed)?;
        let order = self.ordered(&of, PickupTime::Asap, PaymentMethod::AtCounter).await?;
        let shown = order.shown.as_ref().ok_or_else(|| Failure::failed("nothing was shown"))?;
        show.fact("ordered", &format!("{}, of it {}; {}", money(shown.total_minor, "JPY"), taxes(&shown.taxes, "JPY"), stands(&order)))?;
        self.clock.pass_until_ms(order.order.promised_ms);
        self.fetched(&order.order.id, true).await
    }

    /// Holds a slot where one is needed, shows, taps, and hears what became of it.
    async fn ordered(&self, of: &CartOf, time: PickupTime, method: PaymentMethod) -> Result<PlacedOrder, Failure> {
        let ordering = self.ordering();
        ordering.refresh_status(std::slice::from_ref(&self.store)).await.map_err(Failure::failed)?;
        if *of == self.cart() {
            let held = ordering.hold_slot(of, time).await.map_err(Failure::failed)?;
            if !matches!(held, SlotHoldOutcome::Held { .. }) {
                return Err(Failure::failed(format!("no slot is held: {held:?}")));
            }
        }
        let review = ordering.review(of, &wish(time, method)).map_err(Failure::failed)?;
        let token = (method == PaymentMethod::Token).then(|| CARD.to_owned());
        ordering.place(&review.order, &PlaceWish { token, ..PlaceWish::default() }).map_err(Failure::failed)?;
        ordering.resolve(&review.order).await.map_err(Failure::failed)?;
        self.heard(&review.order).await
    }

    async fn heard(&self, order: &OrderId) -> Result<PlacedOrder, Failure> {
        self.settle().await?;
        self.ordering().refresh_orders().await.map_err(Failure::failed)?;
        self.ordering().order(order).map_err(Failure::failed)
    }

    /// The staff hands it over, made first where the kitchen makes it.
    async fn fetched(&self, id: &OrderId, is_made: bool) -> Result<(), Failure> {
        if is_made {
            self.staff.step(id, KitchenStep::Ready { shelf: String::new() }).await.map_err(Failure::failed)?;
        }
        let code = self.heard(id).await?.order.pickup_code.unwrap_or_default();
        self.staff.hand_over(id, &code).await.map_err(Failure::failed)?;
        let handed = self.heard(id).await?;
        if handed.order.state == OrderState::PickedUp {
            return self.show.fact("handed over", &stands(&handed));
        }
        Err(Failure::failed(format!("it is not handed over: {handed:?}")))
    }

    pub(super) async fn goods(&self) -> Result<(), Failure> {
        let (show, ordering, of) = (self.show, self.ordering(), CartOf::goods(&self.store));
        show.act("Goods of the online shop, fetched in the store (店舗受取); and a basket for the self-till (セルフレジ)")?;
        let skus = GOODS.map(Sku::from);
        for sku in &skus {
            self.staff.count(&self.till, &self.store, sku, 6, self.clock.now_ms()).await.map_err(Failure::failed)?;
        }
        ordering.set_handoff(&of, CartHandoff { handoff: HandoffMode::StorePickup, tax_handoff: None }).map_err(Failure::failed)?;
        let [small, _] = &skus;
        let line = CartLine {
            item: small.as_str().into(),
            modifiers: vec![],
            quantity: 2,
            note: String::new(),
            tax_handoff: None,
            seen_minor: None,
        };
        ordering.add(&of, &line).map_err(Failure::failed)?;
        ordering.accept_prices(&of).map_err(Failure::failed)?;
        let order = self.ordered(&of, PickupTime::Asap, PaymentMethod::Token).await?;
        let kept = noren_rules::dates::local_date(order.order.kept_until_ms, 540);
        show.fact("ordered", &format!("{}, kept until {kept}", stands(&order)))?;
        let tasks = self.staff.tasks().await.map_err(Failure::failed)?;
        for task in tasks.tasks.iter().filter(|task| task.order.as_ref() == Some(&order.order.id)) {
            show.fact("the store's page", &format!("{} {} ×{}", task.title, task.variant, task.hold.quantity))?;
            let picked = TaskDone::Picked { shelf_number: "H-7".to_owned() };
            self.staff.done(&task.hold.id, picked).await.map_err(Failure::failed)?;
        }
        show.fact("on the phone", &stands(&self.heard(&order.order.id).await?))?;
        let add_ons = ordering.add_ons(&order.order.id).await.map_err(Failure::failed)?.add_ons;
        let add_ons: Vec<String> =
            add_ons.iter().take(3).map(|one| format!("{} {}", ja(&one.titles), money(one.price_minor, "JPY"))).collect();
        show.fact("on that store's shelf", &add_ons.join(", "))?;
        self.fetched(&order.order.id, false).await?;

        let pieces: Vec<BasketPiece> = skus.iter().zip(1u32..).map(|(sku, quantity)| BasketPiece { sku: sku.clone(), quantity }).collect();
        self.network.cut();
        let total = ordering.basket_total(&self.store, &pieces).map_err(Failure::failed)?;
        show.fact("while she scans", &format!("{}, no network", money(total.total_minor, &total.currency)))?;
        self.network.restore();
        let basket = ordering.self_basket(&self.store, &pieces).await.map_err(Failure::failed)?;
        let till = self.staff.self_basket(&basket.basket.code).await.map_err(Failure::failed)?;
        if till.total_minor != total.total_minor || basket.is_changed {
            return Err(Failure::failed(format!("the self-till comes to another total: {till:?}")));
        }
        let tax = taxes(&till.taxes, &till.currency);
        show.fact("at the self-till", &format!("{}: {} lines, {}, {tax}", till.code, till.lines.len(), money(till.total_minor, "JPY")))
    }

    pub(super) async fn the_usual(&self, first: &OrderId) -> Result<(), Failure> {
        let (show, ordering, of) = (self.show, self.ordering(), self.cart());
        show.act("The usual (いつもの) again: what vanished from the menu is named; and the kitchen pauses")?;
        let Menu { version, .. } = *self.book.menu();
        let mut menu = self.book.menu().clone();
        menu.version = version + 1;
        menu.items.retain(|item| item.id.as_str() != "hot_sandwich");
        menu.sections.iter_mut().for_each(|section| section.items.retain(|item| item.as_str() != "hot_sandwich"));
        let put = PutMenus { menus: vec![menu], kitchens: vec![], terms: vec![], tax: None, allergens: None };
        self.operator.put_all(&put).await.map_err(Failure::failed)?;
        ordering.refresh(&self.store).await.map_err(Failure::failed)?;
        let again = ordering.reorder(first).map_err(Failure::failed)?;
        let vanished: Vec<String> = again.vanished.iter().map(ja).collect();
        let lines: Vec<&str> = again.cart.cart.lines.iter().map(|line| line.item.as_str()).collect();
        show.fact("vanished", &vanished.join(", "))?;
        show.fact("in the cart", &lines.join(", "))?;
        if vanished.len() != 1 || lines != ["latte"] {
            return Err(Failure::failed(format!("the usual is another: {again:?}")));
        }
        let until_ms = self.clock.now_ms() + 30 * MINUTE_MS;
        self.staff.set_mode(StoreMode::Paused { until_ms: Some(until_ms) }).await.map_err(Failure::failed)?;
        show.fact("paused", &format!("until {}", clock(until_ms)))?;
        match ordering.hold_slot(&of, at(self.clock.now_ms() + 20 * MINUTE_MS)).await.map_err(Failure::failed)? {
            SlotHoldOutcome::Refused { words_ja, words_en, .. } => show.fact("at the next call", &format!("{words_ja} · {words_en}"))?,
            other => return Err(Failure::failed(format!("a kitchen that pauses takes an order: {other:?}"))),
        }
        self.staff.set_mode(StoreMode::Online).await.map_err(Failure::failed)?;
        let (from_ms, until_ms) = (self.at_ms(0) - MINUTE_MS, self.clock.now_ms() + 60 * MINUTE_MS);
        let report = self.operator.report(self.store.as_str(), from_ms, until_ms).await.map_err(Failure::failed)?;
        let orders: u64 = report.quarters.iter().map(|quarter| quarter.orders).sum();
        show.fact("the operator's report", &format!("{orders} orders, {} fetched, {} not", report.pickups, report.no_shows))
    }
}
