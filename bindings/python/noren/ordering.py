"""The verbs of ordering, for :class:`~noren.app.NorenApp`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .generated.noren_core import (
    AllergenNote,
    CartCheck,
    CartHandoff,
    CartOf,
    CartView,
    CheckoutWish,
    FavouriteCart,
    Journey,
    JourneyPoint,
    JourneyQuestion,
    MenuItemDetail,
    MenuView,
    Observation,
    OrderChangeReview,
    OrderReview,
    OrdersPage,
    OrderStepOutcome,
    OrderTrip,
    PickupSlotsView,
    PickupWindow,
    PlacedOrder,
    PlaceWish,
    ReorderedCart,
    SelfBasketTotal,
    SelfBasketView,
    SlotHoldOutcome,
    SlotSuggestions,
    StoreStatus,
)
from .generated.noren_ffi import AppCore
from .generated.noren_rules import (
    AddOns,
    BasketPiece,
    Cart,
    CartLine,
    DeliveryAddress,
    HandoffMode,
    OrderSnapshot,
    PickupPass,
    PickupTime,
    SeatSession,
    TaxHandoff,
)


class OrderingVerbs:
    """Ordering: menus, the cart, the tap, and what became of it."""

    _local: Callable[..., Awaitable[Any]]
    _remote: Callable[..., Awaitable[Any]]

    async def refresh_menu(self, store: str) -> bool:
        """Fetches a store's menu, with its kitchen, taxes and allergens. True when it has changed."""
        return await self._remote(AppCore.refresh_menu, store)

    async def refresh_store_status(self, *stores: str) -> list[str]:
        """Asks what is sold out, booked and paused; without a store, in all whose menu is on the phone. Those that take no orders."""
        return await self._remote(AppCore.refresh_store_status, list(stores))

    async def store_status(self, *stores: str) -> list[StoreStatus]:
        """What changes by the minute in stores, as it was heard last."""
        return await self._local(AppCore.store_status, list(stores))

    async def menu(self, store: str, handoff: HandoffMode | None = None, at_ms: int | None = None) -> MenuView:
        """A store's menu for a hand-over at a moment: the usual one, now, where they are absent."""
        return await self._local(AppCore.menu, store, handoff, at_ms)

    async def menu_item(self, store: str, item: str, handoff: HandoffMode | None = None, at_ms: int | None = None) -> MenuItemDetail:
        """An item with its groups, a line with their defaults to begin with, and what it holds of allergens."""
        return await self._local(AppCore.menu_item, store, item, handoff, at_ms)

    async def line_minor(self, store: str, line: CartLine, tax_handoff: TaxHandoff) -> int | None:
        """What one piece of a line costs as it is chosen so far, in minor units, tax included; None where it is not sold so."""
        return await self._local(AppCore.line_minor, store, line, tax_handoff)

    async def line_allergens(self, store: str, line: CartLine) -> list[AllergenNote]:
        """What a line, as it is chosen so far, holds of every listed allergen. Unknown is not free."""
        return await self._local(AppCore.line_allergens, store, line)

    async def avoid_allergens(self, *allergens: str) -> None:
        """What the person must not eat: sealed on the device, sent with an order only where they say so."""
        await self._local(AppCore.avoid_allergens, list(allergens))

    async def avoided_allergens(self) -> list[str]:
        """What the person avoids."""
        return await self._local(AppCore.avoided_allergens)

    async def cart(self, of: CartOf) -> CartView:
        """The cart, empty where there is none."""
        return await self._local(AppCore.cart, of)

    async def carts(self) -> list[CartView]:
        """Every cart with something in it, by store."""
        return await self._local(AppCore.carts)

    async def add_to_cart(self, of: CartOf, line: CartLine) -> CartView:
        """Puts a line into the cart; equal lines become one of more pieces. Begin with the line of :meth:`menu_item`."""
        return await self._local(AppCore.add_to_cart, of, line)

    async def change_cart_line(self, of: CartOf, line: int, to: CartLine) -> CartView:
        """Puts another line in the place of one (from 0): other modifiers, another note."""
        return await self._local(AppCore.change_cart_line, of, line, to)

    async def set_cart_quantity(self, of: CartOf, line: int, quantity: int) -> CartView:
        """So many pieces of a line; with 0 it goes."""
        return await self._local(AppCore.set_cart_quantity, of, line, quantity)

    async def set_cart_note(self, of: CartOf, line: int, note: str) -> CartView:
        """A word to the kitchen, at most 200 characters; empty for none."""
        return await self._local(AppCore.set_cart_note, of, line, note)

    async def remove_from_cart(self, of: CartOf, line: int) -> CartView:
        """Takes a line out."""
        return await self._local(AppCore.remove_from_cart, of, line)

    async def set_cart_handoff(self, of: CartOf, handoff: HandoffMode, tax_handoff: TaxHandoff | None = None) -> CartView:
        """How it is handed over and where it is eaten."""
        return await self._local(AppCore.set_cart_handoff, of, CartHandoff(handoff=handoff, tax_handoff=tax_handoff))

    async def declare_age(self, of: CartOf, age: int | None) -> CartView:
        """The age that the person declares, where something asks for one; it is checked at hand-over."""
        return await self._local(AppCore.declare_age, of, age)

    async def accept_prices(self, of: CartOf) -> CartView:
        """The person has seen the prices of now, and says yes."""
        return await self._local(AppCore.accept_prices, of)

    async def clear_cart(self, of: CartOf) -> CartView:
        """Empties the cart."""
        return await self._local(AppCore.clear_cart, of)

    async def take_cart_to(self, of: CartOf, store: str) -> CartView:
        """Takes a cart to another store, such as one that was suggested; what was in the cart there makes room."""
        return await self._local(AppCore.take_cart_to, of, store)

    async def check_cart(self, of: CartOf, wish: CheckoutWish) -> CartCheck:
        """What does not fit, what is not as it was seen, and what the cart comes to with the best coupons and the points."""
        return await self._local(AppCore.check_cart, of, wish)

    async def pickup_slots(self, of: CartOf, from_ms: int, until_ms: int, wanted_ms: int | None = None) -> PickupSlotsView:
        """When the cart could be ready, by what the server last said is booked."""
        window = PickupWindow(from_ms=from_ms, until_ms=until_ms, wanted_ms=wanted_ms)
        return await self._local(AppCore.pickup_slots, of, window)

    async def suggest_slots(
        self,
        of: CartOf,
        journey: Journey,
        *stores: str,
        bound_for: JourneyPoint | None = None,
        wanted_ms: int | None = None,
        most: int = 5,
    ) -> SlotSuggestions:
        """Which stores could make the cart, and when, on the way that the person goes. Where the phone is stays on the phone."""
        question = JourneyQuestion(of=of, journey=journey, bound_for=bound_for, wanted_ms=wanted_ms, stores=list(stores), most=most)
        return await self._local(AppCore.suggest_slots, question)

    async def hold_slot(self, of: CartOf, time: PickupTime) -> SlotHoldOutcome:
        """Asks the store to keep the kitchen's time for this cart while the person pays."""
        return await self._remote(AppCore.hold_slot, of, time)

    async def release_slot(self, of: CartOf) -> bool:
        """The person does not order: the kitchen's time is free again."""
        return await self._remote(AppCore.release_slot, of)

    async def review_order(self, of: CartOf, wish: CheckoutWish) -> OrderReview:
        """The last screen before the tap: show all its rows, then :meth:`place_order` orders exactly this."""
        return await self._local(AppCore.review_order, of, wish)

    async def place_order(
        self,
        order: str,
        token: str | None = None,
        *,
        vehicle: str = "",
        deliver_to: DeliveryAddress | None = None,
        tell_avoided: bool = False,
    ) -> PlacedOrder:
        """The tap: durable before this returns. :meth:`resolve_order` sends it and says what became of it, and so does :meth:`send_due`."""
        wish = PlaceWish(token=token, vehicle=vehicle, deliver_to=deliver_to, tell_avoided=tell_avoided)
        return await self._local(AppCore.place_order, order, wish)

    async def resolve_order(self, order: str) -> PlacedOrder:
        """Sends an order that was placed, or asks what became of it; still unknown where no answer comes."""
        return await self._remote(AppCore.resolve_order, order)

    async def orders(self) -> OrdersPage:
        """Orders, newest first, with pickup codes and call numbers."""
        return await self._local(AppCore.orders)

    async def order(self, order: str) -> PlacedOrder:
        """One order."""
        return await self._local(AppCore.order, order)

    async def refresh_orders(self) -> bool:
        """Asks for the orders. True when something is different."""
        return await self._remote(AppCore.refresh_orders)

    async def take_order_push(self, text: str) -> bool:
        """What a push message about an order carries: where it stands, with no network. True when it was news."""
        return await self._local(AppCore.take_order_push, text)

    async def on_the_way_to_orders(self, observations: list[Observation]) -> list[OrderTrip]:
        """Takes fixes on the way and answers how it goes for each order that is to be fetched. No position leaves the phone."""
        return await self._local(AppCore.on_the_way_to_orders, observations)

    async def follow_orders(self) -> None:
        """Follows the orders until its task is cancelled: while they are on the screen. :meth:`changes` says what is new."""
        await self._remote(AppCore.follow_orders)

    async def cancel_order(self, order: str) -> OrderStepOutcome:
        """Calls an order off, while it may."""
        return await self._remote(AppCore.cancel_order, order)

    async def review_order_edit(self, order: str, cart: Cart, time: PickupTime) -> OrderChangeReview:
        """Another cart or time, as it would be shown, before the store has accepted."""
        return await self._local(AppCore.review_order_edit, order, cart, time)

    async def edit_order(self, order: str, cart: Cart, time: PickupTime, shown: OrderSnapshot) -> OrderStepOutcome:
        """Other lines or another time: as :meth:`review_order_edit` showed it, or a question did."""
        return await self._remote(AppCore.edit_order, order, cart, time, shown)

    async def review_order_amend(self, order: str, tax_handoff: TaxHandoff) -> OrderChangeReview:
        """Eat-in to take-out or back, as it would be shown, until hand-over."""
        return await self._local(AppCore.review_order_amend, order, tax_handoff)

    async def amend_order(self, order: str, tax_handoff: TaxHandoff, shown: OrderSnapshot) -> OrderStepOutcome:
        """Eat-in to take-out or back: as :meth:`review_order_amend` showed it, or a question did."""
        return await self._remote(AppCore.amend_order, order, tax_handoff, shown)

    async def leave_order_as_it_is(self, order: str) -> None:
        """The person has read the question to a change: the order stays as it is."""
        await self._local(AppCore.leave_order_as_it_is, order)

    async def nearby(self, order: str, eta_min: int) -> OrderStepOutcome:
        """In so many minutes the person is there. Minutes only."""
        return await self._remote(AppCore.nearby, order, eta_min)

    async def here(self, order: str, spot: str = "") -> OrderStepOutcome:
        """The person is there; ``spot`` is the parking space or counter."""
        return await self._remote(AppCore.here, order, spot)

    async def pay_order_at_counter(self, order: str) -> OrderStepOutcome:
        """It is paid at the counter instead."""
        return await self._remote(AppCore.pay_order_at_counter, order)

    async def step_up_done(self, order: str) -> OrderStepOutcome:
        """What the payment provider asked for is done."""
        return await self._remote(AppCore.step_up_done, order)

    async def pay_order_again(self, order: str, token: str) -> OrderStepOutcome:
        """Another card, by the provider's token for it."""
        return await self._remote(AppCore.pay_order_again, order, token)

    async def pickup_pass(self, order: str) -> PickupPass:
        """A code with which someone else fetches it, once."""
        return await self._remote(AppCore.pickup_pass, order)

    async def last_pickup_pass(self, order: str) -> PickupPass | None:
        """The last pass that this phone asked for."""
        return await self._local(AppCore.last_pickup_pass, order)

    async def open_seat(self, code: str, *, store: str | None = None, check_in: str | None = None) -> SeatSession:
        """A seat's code was scanned."""
        return await self._remote(AppCore.open_seat, code, store, check_in)

    async def refresh_seat(self) -> SeatSession | None:
        """Asks whether a session that waits for the staff is open by now."""
        return await self._remote(AppCore.refresh_seat)

    async def seat_session(self) -> SeatSession | None:
        """The session at a table that was opened last on this phone."""
        return await self._local(AppCore.seat_session)

    async def basket_total(self, store: str, pieces: list[BasketPiece]) -> SelfBasketTotal:
        """What a basket comes to by the store's prices on this phone."""
        return await self._local(AppCore.basket_total, store, pieces)

    async def self_basket(self, store: str, pieces: list[BasketPiece]) -> SelfBasketView:
        """What was scanned in the store becomes one code for the self-till."""
        return await self._remote(AppCore.self_basket, store, pieces)

    async def last_self_basket(self) -> SelfBasketView | None:
        """The last basket, while its code holds."""
        return await self._local(AppCore.last_self_basket)

    async def add_ons(self, order: str) -> AddOns:
        """What the store where an order is fetched has on its shelves, to be taken along."""
        return await self._remote(AppCore.add_ons, order)

    async def save_favourite_cart(self, name: str, of: CartOf) -> None:
        """Keeps the cart under a name ("いつもの")."""
        await self._local(AppCore.save_favourite_cart, name, of)

    async def favourite_carts(self) -> list[FavouriteCart]:
        """The saved carts."""
        return await self._local(AppCore.favourite_carts)

    async def remove_favourite_cart(self, name: str) -> None:
        """Removes a saved cart."""
        await self._local(AppCore.remove_favourite_cart, name)

    async def order_favourite_cart(self, name: str) -> ReorderedCart:
        """Puts a saved cart into the cart of its store. What is not sold any more is flagged."""
        return await self._local(AppCore.order_favourite_cart, name)

    async def reorder(self, order: str) -> ReorderedCart:
        """Puts what an order was of into the cart. What is not sold any more is flagged."""
        return await self._local(AppCore.reorder, order)

    async def reorder_receipt(self, receipt: str) -> ReorderedCart:
        """Puts what a receipt lists into the cart of its store."""
        return await self._local(AppCore.reorder_receipt, receipt)
