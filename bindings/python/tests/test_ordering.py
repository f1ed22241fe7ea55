"""Ordering ahead through the Python face, against the backend as a process: menu, cart, slot, tap, kitchen, hand-over, receipt; and on the way."""

import asyncio
import time

import pytest
from noren import (
    CartChange,
    CartOf,
    CheckoutWish,
    HandoffMode,
    Journey,
    JourneyPoint,
    NorenError,
    Observation,
    OrderingError,
    OrderOf,
    OrderPayment,
    OrderState,
    PaymentMethod,
    PickupTime,
    TaxHandoff,
)

LAT, LON = 35.6595, 139.7005
METRE = 1 / 111_000
STORE = "demo-store"
OF = CartOf(store=STORE, of=OrderOf.MENU)
NOW = CheckoutWish(time=PickupTime.ASAP(), method=PaymentMethod.TOKEN, use_coupons=True, points=0)


def now_ms() -> int:
    return int(time.time() * 1000)


def texts(ja: str, en: str) -> dict:
    return {"ja": ja, "en": en}


def menu_of(store: str, price: int = 540, version: int = 1) -> dict:
    bun = {
        "id": "bun",
        "title": texts("バンズ", "Bun"),
        "min": 1,
        "max": 1,
        "modifiers": [
            {"id": "white", "title": texts("白", "White"), "prices": [{"amount_minor": 0}], "default": 1},
            {"id": "rice", "title": texts("米粉", "Rice"), "prices": [{"amount_minor": 30}]},
        ],
    }
    burger = {
        "id": "burger",
        "sku": "M-1",
        "title": texts("ハンバーガー", "Burger"),
        "prices": [{"amount_minor": price}],
        "tax_class": "food",
        "groups": ["bun"],
        "allergens": {"states": {"wheat": "contains"}, "checked_on": "2026-01-10"},
        "make": [{"station": "grill", "seconds": 60, "batch": 2}],
    }
    tea = {"id": "tea", "sku": "M-2", "title": texts("お茶", "Tea"), "prices": [{"amount_minor": 216}], "tax_class": "food"}
    section = {"title": texts("定番", "Menu"), "items": ["burger", "tea"]}
    return {"store": store, "version": version, "currency": "JPY", "sections": [section], "items": [burger, tea], "groups": [bun]}


def kitchen_of(store: str) -> dict:
    spans = [{"weekday": weekday, "opens_min": 0, "closes_min": 1_440} for weekday in range(7)]
    return {
        "store": store,
        "stations": [{"id": "grill", "makers": 2}],
        "hours": {"spans": spans, "utc_offset_min": 540},
        "step_min": 5,
        "least_lead_min": 1,
        "earliest_start_min": 20,
        "hold_s": 300,
        "same_day": True,
        "later_days": 1,
        "alternatives": 3,
    }


def terms_of(store: str) -> dict:
    return {
        "store": store,
        "store_name": texts("渋谷店", "Shibuya"),
        "issuer": {"name": "暖簾食堂", "registration_number": "T1180301018771"},
        "currency": "JPY",
        "rounding": "down",
        "handoffs": ["counter_pickup", "curbside"],
        "methods": ["token", "at_counter"],
        "capture": "at_hand_over",
        "auto_accept": True,
        "accept_within_s": 600,
        "keep_min": 60,
        "keep_goods_days": 7,
        "complete_after_min": 30,
        "charge_no_show": False,
        "attach_within_min": 30,
        "utc_offset_min": 540,
    }


def put(backend, *stores: str, **menu: int) -> None:
    body = {"menus": [menu_of(s, **menu) for s in stores], "kitchens": [kitchen_of(s) for s in stores], "terms": [terms_of(s) for s in stores]}
    backend.operator("/v1/operator/menus", body)


@pytest.fixture
def diner(backend):
    put(backend, STORE)
    return backend


async def at_the_menu(phone):
    app = await phone.open()
    if (await app.member()).is_NOT_ENROLLED():
        await app.enrol()
    await app.refresh_menu(STORE)
    assert await app.refresh_store_status(STORE) == []
    return app


async def with_a_burger(phone):
    app = await at_the_menu(phone)
    await app.add_to_cart(OF, (await app.menu_item(STORE, "burger")).line)
    return app


async def placed(app, token: str = "tok_ok"):
    held = await app.hold_slot(OF, PickupTime.ASAP())
    assert held.is_HELD()
    review = await app.review_order(OF, NOW)
    assert (review.order, review.deadline_ms) == (held.order, held.held.until_ms)
    return await app.place_order(review.order, token)


def staff(backend, order: str, step: object) -> dict:
    return backend.till("/v1/kitchen/steps", {"order": order, "step": step})


async def heard(app, order: str, wanted):
    """The order, once the backend has done what it does by itself: it is in a state, or such as is wanted."""
    for _ in range(500):
        await app.refresh_orders()
        found = await app.order(order)
        if found.order.state == wanted if isinstance(wanted, OrderState) else wanted(found.order):
            return found
    raise AssertionError(f"the order stays {found.order}")


async def test_order_ahead_from_the_menu_to_the_receipt(diner, phone):
    app = await at_the_menu(phone)
    menu = await app.menu(STORE)
    assert [item.id for item in menu.sections[0].items] == ["burger", "tea"]
    assert (menu.handoff, menu.status.sold_out, menu.store_name["en"]) == (HandoffMode.COUNTER_PICKUP, [], "Shibuya")
    burger = await app.menu_item(STORE, "burger")
    assert ([group.id for group in burger.groups], burger.sold_out_modifiers, burger.line.seen_minor) == (["bun"], [], None)
    assert await app.line_minor(STORE, burger.line, TaxHandoff.TAKE_OUT) == 540
    assert await app.refresh_seat() is None, "nobody has scanned a seat"
    await app.avoid_allergens("wheat")
    assert await app.avoided_allergens() == ["wheat"]
    assert [note.allergen for note in await app.line_allergens(STORE, burger.line) if note.avoided] == ["wheat"]

    await app.add_to_cart(OF, burger.line)
    await app.add_to_cart(OF, burger.line)
    view = await app.add_to_cart(OF, (await app.menu_item(STORE, "tea")).line)
    assert [(line.item, line.quantity) for line in view.cart.lines] == [("burger", 2), ("tea", 1)]
    check = await app.check_cart(OF, NOW)
    assert (check.problems, check.changes, check.totals.total_minor, check.totals.taxes[0].tax_permille) == ([], [], 1_296, 80)
    assert [warned.line for warned in check.warnings] == [0, 1], "what nobody has said of the tea is unknown"
    slots = await app.pickup_slots(OF, now_ms(), now_ms() + 3_600_000)
    assert slots.asap.promised_ms > now_ms() and slots.slots

    order = await placed(app)
    assert order.order.state in (OrderState.SUBMITTED, OrderState.UNKNOWN) and not order.is_heard
    assert (await app.place_order(order.order.id, "tok_ok")).order.id == order.order.id, "a second tap is the same order"
    answered = await app.resolve_order(order.order.id)
    assert answered.is_heard and answered.waiting is None
    accepted = await heard(app, order.order.id, OrderState.ACCEPTED)
    assert accepted.order.payment == OrderPayment.AUTHORISED() and accepted.order.to_pay_minor == 1_296
    assert len(accepted.order.pickup_code) == 8 and accepted.order.call_number is not None
    assert (await app.carts()) == [], "it is ordered"

    ticket = diner.call("GET", "/v1/kitchen", token="noren-demo-till")["orders"]
    assert [(line["title"]["en"], line["quantity"]) for line in ticket[0]["lines"]] == [("Burger", 2), ("Tea", 1)]
    assert [entry["id"] for entry in ticket] == [order.order.id]
    staff(diner, order.order.id, "start")
    staff(diner, order.order.id, {"ready": {"shelf": "A3"}})
    ready = await heard(app, order.order.id, OrderState.READY)
    assert ready.order.shelf == "A3"

    phone.backend_url = "http://127.0.0.1:9"
    app = await phone.open()
    [shown] = (await app.orders()).orders
    assert (shown.order.state, shown.order.pickup_code) == (OrderState.READY, accepted.order.pickup_code), "with no network"
    phone.backend_url = diner.url
    app = await phone.open()
    with pytest.raises(AssertionError, match="code_refused"):
        diner.till("/v1/kitchen/hand-overs", {"order": order.order.id, "code": "ABCDEFGH"})
    diner.till("/v1/kitchen/hand-overs", {"order": order.order.id, "code": shown.order.pickup_code})
    done = await heard(app, order.order.id, lambda seen: seen.payment == OrderPayment.PAID())
    assert (done.order.state, done.order.refunded_minor) == (OrderState.PICKED_UP, 0)
    await app.refresh_history()
    [receipt] = (await app.history()).receipts
    assert (receipt.number, receipt.total_minor) == (order.order.id, 1_296)
    lines = (await app.receipt(receipt.id)).lines
    assert [(line.description, line.quantity) for line in lines] == [("ハンバーガー", 2), ("お茶", 1)]
    await app.refresh_member()
    assert (await app.member()).points == 12


async def test_an_answer_that_never_came_is_asked_for_and_is_one_order(diner, wire, wired_phone):
    app = await with_a_burger(wired_phone)
    order = await placed(app)
    wire.hold("/v1/orders", "before")
    wire.release.set()
    lost = await app.resolve_order(order.order.id)
    assert not lost.is_heard and lost.order.state == OrderState.UNKNOWN
    with pytest.raises(NorenError.Ordering) as closed:
        await app.add_to_cart(OF, lost_line := (await app.menu_item(STORE, "tea")).line)
    assert isinstance(closed.value.error, OrderingError.Unresolved) and lost_line
    await app.network_returned()
    found = await heard(app, order.order.id, OrderState.ACCEPTED)
    assert found.order.id == order.order.id
    assert len(diner.call("GET", "/v1/kitchen", token="noren-demo-till")["orders"]) == 1


async def test_a_card_that_is_refused_and_what_is_no_order(diner, phone):
    app = await with_a_burger(phone)
    for verb, wrong in (
        (app.set_cart_note(OF, 0, "4111 1111 1111 1111"), OrderingError.CardNumber),
        (app.set_cart_note(OF, 0, "あ" * 10_000), OrderingError.BadCart),
        (app.set_cart_quantity(OF, 0, 1_000), OrderingError.BadCart),
        (app.set_cart_quantity(OF, 7, 1), OrderingError.NoSuchLine),
        (app.menu_item(STORE, "pizza"), OrderingError.NoSuchItem),
        (app.review_order(OF, NOW), OrderingError.NotHeld),
        (app.place_order("aaaaaaaaaaaaaaaa", "tok_ok"), OrderingError.NoSuchOrder),
        (app.menu("nowhere"), OrderingError.NoMenu),
        (app.take_order_push("no push"), OrderingError.BadPush),
    ):
        with pytest.raises(NorenError.Ordering) as refused:
            await verb
        assert isinstance(refused.value.error, wrong), refused.value
    bare = (await app.menu_item(STORE, "burger")).line
    bare.modifiers = []
    await app.change_cart_line(OF, 0, bare)
    [problem] = (await app.check_cart(OF, NOW)).problems
    assert problem.words_ja == "「バンズ」をあと1つ選んでください"
    await app.change_cart_line(OF, 0, (await app.menu_item(STORE, "burger")).line)
    order = await placed(app, "tok_declined")
    await app.resolve_order(order.order.id)
    declined = await heard(app, order.order.id, lambda seen: seen.payment == OrderPayment.REFUSED())
    assert declined.order.state == OrderState.SUBMITTED, "the slot is kept while another card is looked for"
    assert (await app.pay_order_again(order.order.id, "tok_ok")).is_ANSWERED()
    await heard(app, order.order.id, OrderState.ACCEPTED)


async def test_an_order_is_followed_passed_on_called_off_and_ordered_again(diner, phone):
    app = await with_a_burger(phone)
    await app.save_favourite_cart("いつもの", OF)
    order = await placed(app)
    told = asyncio.Event()

    async def listen() -> None:
        async for change in app.changes():
            if change.name == "ORDERS" and (await app.order(order.order.id)).order.state is OrderState.IN_PREPARATION:
                told.set()

    listening = asyncio.create_task(listen())
    await app.resolve_order(order.order.id)
    await heard(app, order.order.id, OrderState.ACCEPTED)
    following = asyncio.create_task(app.follow_orders())
    staff(diner, order.order.id, "start")
    await asyncio.wait_for(told.wait(), timeout=60)
    for task in (following, listening):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    code = (await app.pickup_pass(order.order.id)).code
    newer = (await app.pickup_pass(order.order.id)).code
    assert code != newer and (await app.last_pickup_pass(order.order.id)).code == newer
    staff(diner, order.order.id, {"ready": {"shelf": "A3"}})
    with pytest.raises(AssertionError, match="code_refused"):
        diner.till("/v1/kitchen/hand-overs", {"code": code})
    diner.till("/v1/kitchen/hand-overs", {"code": newer})
    await heard(app, order.order.id, OrderState.PICKED_UP)

    again = await app.reorder(order.order.id)
    assert ([line.item for line in again.cart.cart.lines], again.vanished, again.changes) == (["burger"], [], [])
    menu = menu_of(STORE, version=2)
    menu["items"] = [item for item in menu["items"] if item["id"] != "burger"]
    menu["sections"][0]["items"], menu["groups"] = ["tea"], []
    diner.operator("/v1/operator/menus", {"menus": [menu]})
    await app.refresh_menu(STORE)
    gone = await app.order_favourite_cart("いつもの")
    assert (gone.cart.cart.lines, [title["ja"] for title in gone.vanished]) == ([], ["ハンバーガー"])
    await app.add_to_cart(OF, (await app.menu_item(STORE, "tea")).line)
    off = await placed(app)
    await app.resolve_order(off.order.id)
    await heard(app, off.order.id, OrderState.ACCEPTED)
    assert (await app.cancel_order(off.order.id)).is_ANSWERED()
    await heard(app, off.order.id, OrderState.CANCELED)
    assert [favourite.name for favourite in await app.favourite_carts()] == ["いつもの"]
    await app.remove_favourite_cart("いつもの")
    with pytest.raises(NorenError.Ordering) as unknown:
        await app.order_favourite_cart("いつもの")
    assert isinstance(unknown.value.error, OrderingError.NoSuchFavourite)


async def test_a_price_that_changed_is_a_question(diner, phone):
    app = await with_a_burger(phone)
    order = await placed(app)
    put(diner, STORE, price=560, version=2)
    asked = await app.resolve_order(order.order.id)
    assert asked.order.state == OrderState.REJECTED and asked.question is not None
    assert asked.question.changes[0].change == CartChange.COSTS(line=0, was_minor=540, is_minor=560)
    await app.refresh_menu(STORE)
    await app.accept_prices(OF)
    again = await placed(app)
    await app.resolve_order(again.order.id)
    accepted = await heard(app, again.order.id, OrderState.ACCEPTED)
    assert (accepted.order.to_pay_minor, accepted.order.replaces) == (560, order.order.id)


async def test_on_the_way_the_phone_suggests_and_tells_minutes_only(diner, wire, wired_phone):
    put(diner, "harajuku", "ebisu")
    for name, north_m in ((STORE, 900), ("harajuku", 1_600), ("ebisu", -900)):
        ground = {"circle": {"lat_e7": round((LAT + north_m * METRE) * 1e7), "lon_e7": round(LON * 1e7), "radius_m": 30}}
        tenants = [{"store_id": name, "name": name}]
        place = {"id": f"place-{name}", "kind": "store", "name": name, "direction": "both", "ground": ground, "tenants": tenants}
        diner.operator("/v1/operator/places", {"places": [place]})
    app = await with_a_burger(wired_phone)
    await app.refresh_places(LAT, LON)
    for store in ("harajuku", "ebisu"):
        await app.refresh_menu(store)
    await app.refresh_store_status()

    def walk(left_m: float) -> list[Observation]:
        """Two minutes to the north that end now, so many metres from the first store's ground."""
        ends = now_ms()

        def fix(second: int) -> Observation:
            north_m = 870 - left_m - 1.35 * (120 - second)
            return Observation.FIX(LAT + north_m * METRE, LON, ends - (120 - second) * 1_000, None, 8.0, 1.35, False)

        return [fix(second) for second in range(0, 121, 10)]

    office = JourneyPoint(lat_deg=LAT + 1_000 * METRE, lon_deg=LON)
    found = await app.suggest_slots(OF, Journey.MOVING(walk(870)), bound_for=office)
    assert [one.suggestion.store for one in found.suggestions] == [STORE, "harajuku", "ebisu"]
    first = found.suggestions[0]
    assert 9 <= (first.suggestion.arrives_ms - now_ms()) / 60_000 <= 13 and first.reason_ja and first.reason_en
    station = JourneyPoint(lat_deg=LAT - 900 * METRE, lon_deg=LON)
    train = Journey.ARRIVING(at=station, arrives_ms=now_ms() + 1_200_000, exit_min=2, off_min=1)
    assert (await app.suggest_slots(OF, train, most=1)).suggestions[0].suggestion.store == "ebisu"
    assert [left.store for left in (await app.suggest_slots(OF, train, "nowhere")).left_out] == ["nowhere"]
    with pytest.raises(NorenError.Ordering):
        await app.suggest_slots(OF, Journey.MOVING([]))

    there = await app.take_cart_to(OF, "harajuku")
    assert there.of.store == "harajuku" and (await app.cart(OF)).cart.lines == []
    await app.take_cart_to(there.of, STORE)
    await app.set_cart_handoff(OF, HandoffMode.CURBSIDE, TaxHandoff.TAKE_OUT)
    order = await placed(app)
    await app.resolve_order(order.order.id)
    await heard(app, order.order.id, OrderState.ACCEPTED)
    [trip] = await app.on_the_way_to_orders(walk(870))
    assert (trip.order, trip.told, trip.arrived) == (order.order.id, True, False)
    await app.send_due()
    [ticket] = diner.call("GET", "/v1/kitchen", token="noren-demo-till")["orders"]
    assert ticket["eta_min"] == trip.eta_min
    await app.here(order.order.id, "P-12")
    [ticket] = diner.call("GET", "/v1/kitchen", token="noren-demo-till")["orders"]
    assert (ticket["eta_min"], ticket["spot"]) == (0, "P-12")
    assert len(wire.sent) > 10
    for said in wire.sent:
        assert not any(part in said for part in ("35.6", "139.7", '"lat', '"lon', "lat=", "lon=")), f"no position: {said}"
