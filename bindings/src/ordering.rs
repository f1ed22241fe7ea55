//! The verbs for whoever orders ahead: menus, the cart, slots, the tap, and what became of it.

use std::sync::Arc;

use noren_core::check_in::Observation;
use noren_core::ordering::{
    AllergenNote, CartCheck, CartHandoff, CartOf, CartView, CheckoutWish, JourneyQuestion, MenuItemDetail, MenuView, OrderReview,
    OrderTrip, OrdersPage, PickupSlotsView, PickupWindow, PlaceWish, PlacedOrder, SlotHoldOutcome, SlotSuggestions, StoreStatus,
};
use noren_rules::cart::CartLine;
use noren_rules::ids::{AllergenId, MenuItemId, OrderId, StoreId};
use noren_rules::menu::HandoffMode;
use noren_rules::slots::PickupTime;
use noren_rules::tax::TaxHandoff;

use crate::app_core::AppCore;
use crate::cancel::CancelToken;
use crate::errors::NorenError;
use crate::runtime::run;

#[uniffi::export(async_runtime = "tokio")]
impl AppCore {
    /// Fetches a store's menu, with its kitchen, taxes and allergens, if it has changed. True when it has.
    ///
    /// # Errors
    /// `Ordering`; `Cancelled`. What is known stays readable.
    pub async fn refresh_menu(&self, store: StoreId, cancel: Option<Arc<CancelToken>>) -> Result<bool, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.refresh(&store).await }).await
    }

    /// Asks what is sold out, booked and paused in stores, by the minute while someone looks; without a store, in all whose menu is on the phone.
    /// Answers those that take no orders.
    ///
    /// # Errors
    /// `Ordering`; `Cancelled`. What is known stays readable.
    pub async fn refresh_store_status(&self, stores: Vec<StoreId>, cancel: Option<Arc<CancelToken>>) -> Result<Vec<StoreId>, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.refresh_status(&stores).await }).await
    }

    /// What changes by the minute in stores, as it was heard last. Local.
    ///
    /// # Errors
    /// `Ordering`: `Storage`.
    pub fn store_status(&self, stores: Vec<StoreId>) -> Result<Vec<StoreStatus>, NorenError> {
        Ok(self.noren().ordering().status(&stores)?)
    }

    /// A store's menu for a hand-over at a moment: the store's usual one, now, where they are absent. Local.
    ///
    /// # Errors
    /// `Ordering`: `NoMenu`, `Storage`.
    pub fn menu(&self, store: StoreId, handoff: Option<HandoffMode>, at_ms: Option<i64>) -> Result<MenuView, NorenError> {
        Ok(self.noren().ordering().menu(&store, handoff, at_ms)?)
    }

    /// An item with its groups, a line with their defaults to begin with, what is sold out of it and what it holds of allergens, for a hand-over at a
    /// moment: the store's usual one, now, where they are absent. Local.
    ///
    /// # Errors
    /// `Ordering`: `NoMenu`, `NoSuchItem`, `Storage`.
    pub fn menu_item(
        &self,
        store: StoreId,
        item: MenuItemId,
        handoff: Option<HandoffMode>,
        at_ms: Option<i64>,
    ) -> Result<MenuItemDetail, NorenError> {
        Ok(self.noren().ordering().item(&store, &item, handoff, at_ms)?)
    }

    /// What one piece of a line of the menu costs as it is chosen so far, in minor units, tax included; `None` where it is not sold so. Local.
    ///
    /// # Errors
    /// `Ordering`: `NoMenu`, `Storage`.
    pub fn line_minor(&self, store: StoreId, line: CartLine, tax_handoff: TaxHandoff) -> Result<Option<i64>, NorenError> {
        Ok(self.noren().ordering().line_minor(&store, &line, tax_handoff)?)
    }

    /// What a line, as it is chosen so far, holds of every listed allergen, and of what the person avoids. Local.
    ///
    /// # Errors
    /// `Ordering`: `NoMenu`, `Storage`.
    pub fn line_allergens(&self, store: StoreId, line: CartLine) -> Result<Vec<AllergenNote>, NorenError> {
        Ok(self.noren().ordering().allergens(&store, &line)?)
    }

    /// What the person must not eat, by the ids of the allergen table. Sealed on the device; sent with an order only where they say so. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `BadCart`, `NotEnrolled`, `Storage`.
    pub fn avoid_allergens(&self, allergens: Vec<AllergenId>) -> Result<(), NorenError> {
        Ok(self.noren().ordering().avoid(&allergens)?)
    }

    /// What the person avoids. Local.
    ///
    /// # Errors
    /// `Ordering`: `Storage`. A list that does not open is an error, too: as if nothing were avoided, it would read as free.
    pub fn avoided_allergens(&self) -> Result<Vec<AllergenId>, NorenError> {
        Ok(self.noren().ordering().avoided()?)
    }

    /// The cart, empty where there is none. Local.
    ///
    /// # Errors
    /// `Ordering`: `NotEnrolled`, `Storage`.
    pub fn cart(&self, of: CartOf) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().cart(&of)?)
    }

    /// Every cart with something in it, by store. Local.
    ///
    /// # Errors
    /// `Ordering`: `NotEnrolled`, `Storage`.
    pub fn carts(&self) -> Result<Vec<CartView>, NorenError> {
        Ok(self.noren().ordering().carts()?)
    }

    /// Puts a line into the cart; equal lines become one of more pieces. Begin with the line of `menu_item`. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `BadCart`, `CardNumber`, `Unresolved`, `NotEnrolled`, `Storage`.
    pub fn add_to_cart(&self, of: CartOf, line: CartLine) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().add(&of, &line)?)
    }

    /// Puts another line in the place of one (from 0): other modifiers, another note. Local, durable.
    ///
    /// # Errors
    /// As for `add_to_cart`; `NoSuchLine`.
    pub fn change_cart_line(&self, of: CartOf, line: u32, to: CartLine) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().change(&of, line, &to)?)
    }

    /// So many pieces of a line; with 0 it goes. Local, durable.
    ///
    /// # Errors
    /// As for `change_cart_line`.
    pub fn set_cart_quantity(&self, of: CartOf, line: u32, quantity: u32) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().set_quantity(&of, line, quantity)?)
    }

    /// A word to the kitchen, at most 200 characters; empty for none. Local, durable.
    ///
    /// # Errors
    /// As for `change_cart_line`.
    pub fn set_cart_note(&self, of: CartOf, line: u32, note: String) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().set_note(&of, line, &note)?)
    }

    /// Takes a line out. Local, durable.
    ///
    /// # Errors
    /// As for `change_cart_line`.
    pub fn remove_from_cart(&self, of: CartOf, line: u32) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().remove(&of, line)?)
    }

    /// How it is handed over and where it is eaten. Local, durable.
    ///
    /// # Errors
    /// As for `add_to_cart`.
    pub fn set_cart_handoff(&self, of: CartOf, handoff: CartHandoff) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().set_handoff(&of, handoff)?)
    }

    /// The age that the person declares, where something asks for one; it is checked at hand-over. Local, durable.
    ///
    /// # Errors
    /// As for `add_to_cart`.
    pub fn declare_age(&self, of: CartOf, age: Option<u8>) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().declare_age(&of, age)?)
    }

    /// The person has seen the prices of now, and says yes. Local, durable.
    ///
    /// # Errors
    /// As for `add_to_cart`; `NoMenu`.
    pub fn accept_prices(&self, of: CartOf) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().accept_prices(&of)?)
    }

    /// Empties the cart. A slot that is held for it runs out by itself, unless it is released. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `Unresolved`, `NotEnrolled`, `Storage`.
    pub fn clear_cart(&self, of: CartOf) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().clear(&of)?)
    }

    /// Takes a cart to another store, such as one that was suggested; what was in the cart there makes room. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `Unresolved`, `NoMenu`, `NotEnrolled`, `Storage`.
    pub fn take_cart_to(&self, of: CartOf, store: StoreId) -> Result<CartView, NorenError> {
        Ok(self.noren().ordering().take_cart_to(&of, &store)?)
    }

    /// Holds the cart against the menu and status on the phone: what does not fit, what is not as it was seen, what it comes to with the best coupons
    /// and the points, and what a person who avoids something should read. Local.
    ///
    /// # Errors
    /// `Ordering`: `NotEnrolled`, `NoMenu`, `Storage`.
    pub fn check_cart(&self, of: CartOf, wish: CheckoutWish) -> Result<CartCheck, NorenError> {
        Ok(self.noren().ordering().check(&of, &wish)?)
    }

    /// When the cart could be ready: as soon as possible, and the times of a window, by what the server last said is booked. Local.
    ///
    /// # Errors
    /// `Ordering`: `NotEnrolled`, `NoMenu`, `NoStatus`, `Storage`.
    pub fn pickup_slots(&self, of: CartOf, window: PickupWindow) -> Result<PickupSlotsView, NorenError> {
        Ok(self.noren().ordering().slots(&of, &window)?)
    }

    /// Which stores could make the cart, and when, on the way that the person goes; the best first. Where the phone is stays on the phone. Local:
    /// `refresh_store_status` without a store brings what is booked.
    ///
    /// # Errors
    /// `Ordering`: `HasProblems` for an empty cart, `BadCart` for a journey that is none; `NotEnrolled`, `Storage`.
    pub fn suggest_slots(&self, question: JourneyQuestion) -> Result<SlotSuggestions, NorenError> {
        Ok(self.noren().ordering().suggest(&question)?)
    }

    /// Asks the store to keep the kitchen's time for this cart while the person pays. Again, it answers as before; another cart or time moves it.
    ///
    /// # Errors
    /// `Ordering`: `NoMenu`, `HasProblems`, `Unresolved`, `Refused`…; `Cancelled`.
    pub async fn hold_slot(&self, of: CartOf, time: PickupTime, cancel: Option<Arc<CancelToken>>) -> Result<SlotHoldOutcome, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.hold_slot(&of, time).await }).await
    }

    /// The person does not order: the kitchen's time is free again. True when something was held.
    ///
    /// # Errors
    /// `Ordering`; `Cancelled`: it runs out by itself then.
    pub async fn release_slot(&self, of: CartOf, cancel: Option<Arc<CancelToken>>) -> Result<bool, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.release_slot(&of).await }).await
    }

    /// The last screen before the tap: show all its rows, then `place_order` orders exactly this. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `HasProblems`, `NotHeld`, `BadCart`, `Unresolved`, `NoMenu`, `NotEnrolled`, `Storage`.
    pub fn review_order(&self, of: CartOf, wish: CheckoutWish) -> Result<OrderReview, NorenError> {
        Ok(self.noren().ordering().review(&of, &wish)?)
    }

    /// The tap: orders what the review of this id has shown. Durable before this returns; `resolve_order` sends it and says what became of it, and so
    /// does `send_due`. However often it is tapped, it is one order. Local.
    ///
    /// # Errors
    /// `Ordering`: `NotReviewed`, `NotHeld`, `NeedsSeat`, `CardNumber`, `BadCart`, `NoSuchOrder`, `NotEnrolled`, `Platform`, `Storage`.
    pub fn place_order(&self, order: OrderId, wish: PlaceWish) -> Result<PlacedOrder, NorenError> {
        Ok(self.noren().ordering().place(&order, &wish)?)
    }

    /// Sends an order that was placed, or asks what became of it; still unknown where no answer comes.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `NotEnrolled`, `Platform`, `Storage`; `Cancelled`: it stays in the outbox.
    pub async fn resolve_order(&self, order: OrderId, cancel: Option<Arc<CancelToken>>) -> Result<PlacedOrder, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.resolve(&order).await }).await
    }

    /// Orders, newest first, with pickup codes and call numbers. Local.
    ///
    /// # Errors
    /// `Ordering`: `NotEnrolled`, `Storage`.
    pub fn orders(&self) -> Result<OrdersPage, NorenError> {
        Ok(self.noren().ordering().orders()?)
    }

    /// One order. Local.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `NotEnrolled`, `Storage`.
    pub fn order(&self, order: OrderId) -> Result<PlacedOrder, NorenError> {
        Ok(self.noren().ordering().order(&order)?)
    }

    /// Asks for the orders, if anything has changed. True when something is different.
    ///
    /// # Errors
    /// `Ordering`; `Cancelled`. What is known stays readable.
    pub async fn refresh_orders(&self, cancel: Option<Arc<CancelToken>>) -> Result<bool, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.refresh_orders().await }).await
    }

    /// What a push message about an order carries: where it stands, at once and with no network. True when it was news. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `BadPush`, `NotEnrolled`, `Storage`.
    pub fn take_order_push(&self, text: String) -> Result<bool, NorenError> {
        Ok(self.noren().ordering().take_push(&text)?)
    }

    /// Takes fixes on the way and answers how it goes for each order that is to be fetched; `send_due` tells the minutes, and that one is there. No
    /// position leaves the phone. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `NotEnrolled`, `Storage`.
    pub fn on_the_way_to_orders(&self, observations: Vec<Observation>) -> Result<Vec<OrderTrip>, NorenError> {
        Ok(self.noren().ordering().on_the_way(&observations)?)
    }
}
