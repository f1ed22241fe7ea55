//! The verbs after the tap: following, steps, codes for others, seats and baskets, and ordering it again.

use std::sync::Arc;

use noren_core::ordering::{CartOf, FavouriteCart, OrderChangeReview, OrderStepOutcome, ReorderedCart, SelfBasketTotal, SelfBasketView};
use noren_rules::cart::{Cart, OrderSnapshot};
use noren_rules::ids::{CheckInId, OrderId, ReceiptId, StoreId};
use noren_rules::slots::PickupTime;
use noren_rules::tax::TaxHandoff;
use noren_rules::wire::{AddOns, BasketPiece, PickupPass, SeatSession};

use crate::app_core::AppCore;
use crate::cancel::CancelToken;
use crate::errors::NorenError;
use crate::runtime::run;

#[uniffi::export(async_runtime = "tokio")]
impl AppCore {
    /// Follows the orders until it is cancelled: call it while they are on the screen. Observers are told what changes.
    ///
    /// # Errors
    /// `Cancelled` is its usual end; `Ordering`: `NotEnrolled`, `Platform`, `Storage`. What network and server do is tried again.
    pub async fn follow_orders(&self, cancel: Option<Arc<CancelToken>>) -> Result<(), NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.live().await }).await
    }

    /// Calls an order off. One that was surely not sent never is; one that may have arrived is asked for first.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`; `Refused` when it is too late…; `Cancelled`: the word stays in the outbox.
    pub async fn cancel_order(&self, order: OrderId, cancel: Option<Arc<CancelToken>>) -> Result<OrderStepOutcome, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.cancel(&order).await }).await
    }

    /// Another cart or time, as it would be shown, before the store has accepted. Local.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `HasProblems`, `BadCart`, `CardNumber`, `NoMenu`, `NotEnrolled`, `Storage`.
    pub fn review_order_edit(&self, order: OrderId, cart: Cart, time: PickupTime) -> Result<OrderChangeReview, NorenError> {
        Ok(self.noren().ordering().review_edit(&order, &cart, time)?)
    }

    /// Other lines or another time, before the store has accepted: as `review_order_edit` showed it, or a question did.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `BadCart`, `CardNumber`, `Refused`…; `Cancelled`.
    pub async fn edit_order(
        &self,
        order: OrderId,
        cart: Cart,
        time: PickupTime,
        shown: OrderSnapshot,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<OrderStepOutcome, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.edit_order(&order, &cart, time, &shown).await }).await
    }

    /// Eat-in to take-out or back, as it would be shown, until hand-over. Local.
    ///
    /// # Errors
    /// As for `review_order_edit`.
    pub fn review_order_amend(&self, order: OrderId, tax_handoff: TaxHandoff) -> Result<OrderChangeReview, NorenError> {
        Ok(self.noren().ordering().review_amend(&order, tax_handoff)?)
    }

    /// Eat-in to take-out or back, until hand-over: as `review_order_amend` showed it, or a question did.
    ///
    /// # Errors
    /// As for `edit_order`.
    pub async fn amend_order(
        &self,
        order: OrderId,
        tax_handoff: TaxHandoff,
        shown: OrderSnapshot,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<OrderStepOutcome, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.amend(&order, tax_handoff, &shown).await }).await
    }

    /// The person has read the question to a change of an order: the order stays as it is. Local.
    ///
    /// # Errors
    /// `Ordering`: `Storage`.
    pub fn leave_order_as_it_is(&self, order: OrderId) -> Result<(), NorenError> {
        Ok(self.noren().ordering().leave_as_it_is(&order)?)
    }

    /// In so many minutes the person is there. Minutes only; of words that overtake each other the newest counts.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `BadCart`, `NotEnrolled`, `Platform`, `Storage`; `Cancelled`.
    pub async fn nearby(&self, order: OrderId, eta_min: u32, cancel: Option<Arc<CancelToken>>) -> Result<OrderStepOutcome, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.nearby(&order, eta_min).await }).await
    }

    /// The person is there (到着): `spot` is the parking space or counter, at most 60 characters.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `BadCart`, `CardNumber`, `NotEnrolled`, `Platform`, `Storage`; `Cancelled`.
    pub async fn here(&self, order: OrderId, spot: String, cancel: Option<Arc<CancelToken>>) -> Result<OrderStepOutcome, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.here(&order, &spot).await }).await
    }

    /// It is paid at the counter instead.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `Refused`…; `Cancelled`.
    pub async fn pay_order_at_counter(&self, order: OrderId, cancel: Option<Arc<CancelToken>>) -> Result<OrderStepOutcome, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.pay_at_counter(&order).await }).await
    }

    /// What the payment provider asked for is done.
    ///
    /// # Errors
    /// As for `pay_order_at_counter`.
    pub async fn step_up_done(&self, order: OrderId, cancel: Option<Arc<CancelToken>>) -> Result<OrderStepOutcome, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.step_up_done(&order).await }).await
    }

    /// Another card, by the provider's token for it.
    ///
    /// # Errors
    /// As for `pay_order_at_counter`; `CardNumber`, `BadCart`.
    pub async fn pay_order_again(
        &self,
        order: OrderId,
        token: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<OrderStepOutcome, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.pay_again(&order, &token).await }).await
    }

    /// Someone else fetches it (代理受取): a code that hands it over once. A new one takes the place of the last.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `Refused`…; `Cancelled`.
    pub async fn pickup_pass(&self, order: OrderId, cancel: Option<Arc<CancelToken>>) -> Result<PickupPass, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.pass(&order).await }).await
    }

    /// The last pass of an order that this phone asked for. Local.
    ///
    /// # Errors
    /// `Ordering`: `Storage`.
    pub fn last_pickup_pass(&self, order: OrderId) -> Result<Option<PickupPass>, NorenError> {
        Ok(self.noren().ordering().pass_of(&order)?)
    }

    /// A seat's code was scanned. A check-in there opens a plate's session without the staff.
    ///
    /// # Errors
    /// `Ordering`: `SeatRefused`, `NotEnrolled`, `Refused`…; `Cancelled`.
    pub async fn open_seat(
        &self,
        code: String,
        store: Option<StoreId>,
        check_in: Option<CheckInId>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<SeatSession, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.seat(&code, store.as_ref(), check_in).await }).await
    }

    /// Asks whether a session that waits for the staff is open by now. One that does not wait is answered as it is known.
    ///
    /// # Errors
    /// As for `open_seat`.
    pub async fn refresh_seat(&self, cancel: Option<Arc<CancelToken>>) -> Result<Option<SeatSession>, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.refresh_seat().await }).await
    }

    /// The session at a table that was opened last on this phone. Local.
    ///
    /// # Errors
    /// `Ordering`: `Storage`.
    pub fn seat_session(&self) -> Result<Option<SeatSession>, NorenError> {
        Ok(self.noren().ordering().seat_session()?)
    }

    /// What a basket comes to by the store's prices on this phone: show it while scanning. Local.
    ///
    /// # Errors
    /// `Ordering`: `BadCart`, `Storage`.
    pub fn basket_total(&self, store: StoreId, pieces: Vec<BasketPiece>) -> Result<SelfBasketTotal, NorenError> {
        Ok(self.noren().ordering().basket_total(&store, &pieces)?)
    }

    /// What was scanned in the store becomes one code for the self-till (セルフレジ), priced by the backend.
    ///
    /// # Errors
    /// `Ordering`: `BadCart`, `NotEnrolled`, `Refused`…; `Cancelled`.
    pub async fn self_basket(
        &self,
        store: StoreId,
        pieces: Vec<BasketPiece>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<SelfBasketView, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.self_basket(&store, &pieces).await }).await
    }

    /// The last basket, while its code holds. Local.
    ///
    /// # Errors
    /// `Ordering`: `Storage`.
    pub fn last_self_basket(&self) -> Result<Option<SelfBasketView>, NorenError> {
        Ok(self.noren().ordering().last_basket()?)
    }

    /// What lies on the shelves of the store where an order is fetched, to be taken along: only what that store has now.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `NotEnrolled`, `Refused`…; `Cancelled`.
    pub async fn add_ons(&self, order: OrderId, cancel: Option<Arc<CancelToken>>) -> Result<AddOns, NorenError> {
        let ordering = self.noren().ordering();
        run(cancel, async move { ordering.add_ons(&order).await }).await
    }

    /// Keeps the cart under a name ("いつもの"), in the place of one that has it. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `BadCart`, `CardNumber`, `NotEnrolled`, `Storage`.
    pub fn save_favourite_cart(&self, name: String, of: CartOf) -> Result<(), NorenError> {
        Ok(self.noren().ordering().save_favourite(&name, &of)?)
    }

    /// The saved carts, in the order in which they were saved. Local.
    ///
    /// # Errors
    /// `Ordering`: `NotEnrolled`, `Storage`.
    pub fn favourite_carts(&self) -> Result<Vec<FavouriteCart>, NorenError> {
        Ok(self.noren().ordering().favourites()?)
    }

    /// Removes a saved cart. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchFavourite`, `NotEnrolled`, `Storage`.
    pub fn remove_favourite_cart(&self, name: String) -> Result<(), NorenError> {
        Ok(self.noren().ordering().remove_favourite(&name)?)
    }

    /// Puts a saved cart into the cart of its store, in the place of what is there. What is not sold any more is flagged. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchFavourite`, `NoMenu`, `Unresolved`, `NotEnrolled`, `Storage`.
    pub fn order_favourite_cart(&self, name: String) -> Result<ReorderedCart, NorenError> {
        Ok(self.noren().ordering().order_favourite(&name)?)
    }

    /// Puts what an order was of into the cart, modifiers and all, in the place of what is there. What is not sold any more is flagged. Local, durable.
    ///
    /// # Errors
    /// `Ordering`: `NoSuchOrder`, `NoMenu`, `Unresolved`, `NotEnrolled`, `Storage`.
    pub fn reorder(&self, order: OrderId) -> Result<ReorderedCart, NorenError> {
        Ok(self.noren().ordering().reorder(&order)?)
    }

    /// Puts what a receipt lists into the cart of its store, in the place of what is there. Local, durable.
    ///
    /// # Errors
    /// As for `reorder`.
    pub fn reorder_receipt(&self, receipt: ReceiptId) -> Result<ReorderedCart, NorenError> {
        Ok(self.noren().ordering().reorder_receipt(&receipt)?)
    }
}
