"""Where it is, and having it kept, through the Python face, against the backend as a process: the other size, a hold, the way there."""

import math
import time
import uuid

import pytest
from noren import (
    Band,
    HoldOutcome,
    HoldRefusal,
    HoldsError,
    HoldState,
    NextStep,
    NorenError,
    Observation,
    Position,
    StockError,
    Submission,
    Trend,
)

LAT, LON = 35.6595, 139.7005
HERE = Position(lat_deg=LAT, lon_deg=LON)
METRE = 1 / 111_000


def now_ms() -> int:
    return int(time.time() * 1000)


def store(name: str, north_m: float, **more: object) -> dict:
    ground = {"circle": {"lat_e7": round((LAT + north_m * METRE) * 1e7), "lon_e7": round(LON * 1e7), "radius_m": 30}}
    tenants = [{"store_id": name, "name": f"{name}店"} | more]
    return {"id": f"place-{name}", "kind": "store", "name": f"{name}店", "direction": "both", "ground": ground, "tenants": tenants}


def count(shop, name: str, **levels: int) -> None:
    """Somebody counts in a store what there is."""
    events = [
        {
            "source": "count",
            "id": str(uuid.uuid4()),
            "store": name,
            "sku": sku,
            "at_ms": now_ms(),
            "kind": {"count": {"quantity": quantity, "state": "sellable"}},
        }
        for sku, quantity in levels.items()
    ]
    shop.operator("/v1/stock/events", {"events": events, "said_until_ms": now_ms(), "stores": [name]})


@pytest.fixture
def shop(backend):
    variants = [{"sku": f"赤{size}", "colour": "赤", "size": size, "prices": [{"amount_minor": 1_990, "currency": "JPY"}]} for size in "SML"]
    backend.operator("/v1/operator/products", {"products": [{"id": "shirt", "title": {"ja": "Ｔシャツ"}, "variants": variants}]})
    shut = {"hours": {"spans": [], "utc_offset_min": 540}}
    places = [store("demo-store", 50), store("harajuku", 1_200), store("ebisu", -1_500), store("night", 300, **shut)]
    backend.operator("/v1/operator/places", {"places": places})
    stores = [{"store": name, "source": "pos_feed", "holds": True} for name in ("demo-store", "harajuku", "ebisu", "night")]
    backend.operator("/v1/operator/stock", {"stores": [*stores, {"store": "ec", "source": "pos_feed", "is_ec": True}]})
    count(backend, "demo-store", 赤S=2, 赤M=0)
    count(backend, "harajuku", 赤M=4)
    count(backend, "ebisu", 赤M=9, 赤L=1)
    count(backend, "night", 赤M=7)
    count(backend, "ec", 赤S=50, 赤M=50, 赤L=50)
    return backend


async def arrived(phone):
    app = await phone.open()
    if (await app.member()).is_NOT_ENROLLED():
        await app.enrol()
    await app.refresh_places(LAT, LON)
    await app.find_product("赤S")
    await app.refresh_stock(at=HERE)
    return app


async def test_a_scanned_s_offers_m_in_three_stores_and_online(shop, phone):
    app = await arrived(phone)
    matrix = await app.nearest_stock(product="shirt", wanted="赤M", here="demo-store", at=HERE)
    assert [(cell.colour, cell.size) for cell in matrix.variants] == [("赤", "S"), ("赤", "M"), ("赤", "L")]
    m = matrix.variants[1]
    assert [(found.name, found.open_now) for found in m.stores] == [("harajuku店", True), ("ebisu店", True), ("night店", False)]
    assert [abs(found.distance_m - metres) < 40 for found, metres in zip(m.stores, (1_170, 1_470, 270))] == [True] * 3
    assert (m.here.answer.band, m.stores[0].answer.band, m.online.store) == (Band.OUT, Band.IN_STOCK, "ec")
    answer = m.stores[0].answer
    assert answer.quantity == 4 and answer.as_of_ms <= now_ms() and not answer.last_known and answer.chance_permille > 500
    assert "在庫あり" in m.stores[0].text_ja and "点" in m.stores[0].text_ja
    assert matrix.next_steps[0] == NextStep.OTHER_VARIANT_HERE("demo-store", "赤S", matrix.variants[0].here.answer.as_of_ms, False)
    assert matrix.next_steps[1] == NextStep.OTHER_STORE("harajuku", "赤M", True, answer.as_of_ms, False)
    assert matrix.next_steps[-1] == NextStep.ONLINE("ec", "赤M", m.online.answer.as_of_ms, False)

    count(shop, "harajuku", 赤M=0)
    shop.stop()
    app = await phone.open()
    with pytest.raises(NorenError.Stock) as offline:
        await app.refresh_stock()
    assert isinstance(offline.value.error, StockError.Call)
    again = await app.nearest_stock(product="shirt", wanted="赤M", here="demo-store", at=HERE)
    assert [found.store for found in again.variants[1].stores] == ["harajuku", "ebisu", "night"], "as it was heard last"
    assert again.freshness.last_error and again.variants[1].stores[0].answer.as_of_ms == answer.as_of_ms


async def test_only_changes_come_and_pins_stay(shop, phone):
    app = await phone.open()
    await app.enrol()
    assert (await app.refresh_stock()).levels == 3 and [kept.store for kept in await app.stock_stores()] == ["ec"], "unasked"
    app = await arrived(phone)
    assert (await app.refresh_stock()).levels == 0
    count(shop, "harajuku", 赤M=1)
    assert (await app.refresh_stock()).levels == 1
    low = await app.stock_in("harajuku", "赤M", in_min=5)
    assert (low.answer.band, low.answer.quantity) == (Band.LOW, 1)
    assert await app.stock_in("nowhere", "赤M") is None
    await app.pin_store("ebisu")
    assert [(kept.store, kept.pinned) for kept in await app.stock_stores()][0] == ("ebisu", True)
    with pytest.raises(NorenError.Stock) as bad:
        await app.nearest_stock("赤M", at=Position(lat_deg=math.nan, lon_deg=0.0))
    assert isinstance(bad.value.error, StockError.BadQuestion)
    with pytest.raises(NorenError.Stock) as unseen:
        await app.nearest_stock(product="never-seen")
    assert isinstance(unseen.value.error, StockError.NoSuchProduct)


async def test_a_hold_is_kept_when_it_is_picked(shop, phone):
    app = await arrived(phone)
    held = await app.hold("demo-store", "赤S", eta_min=20)
    assert held.is_HELD() and held.hold.words_en == "The store is looking for it: not kept yet"
    again = await app.hold("demo-store", "赤S", eta_min=20)
    assert again.is_REFUSED() and again.reason is HoldRefusal.ALREADY_HELD
    [task] = [task for task in shop.call("GET", "/v1/store/tasks", token="noren-demo-till")["tasks"]]
    assert task["hold"]["id"] == held.hold.id
    shop.till("/v1/store/tasks", {"hold": held.hold.id, "done": {"picked": {"shelf_number": "12"}}})
    assert await app.refresh_holds() and not await app.refresh_holds()
    [view] = (await app.holds()).holds
    assert (view.words_ja, view.standing.state) == ("取り置き済み・棚番 12", HoldState.PICKED), "and not the refused one"
    assert 28 <= view.minutes_left <= 30
    assert await app.release_hold(held.hold.id) == Submission.DONE()
    [view] = (await app.holds()).holds
    assert view.standing.state is HoldState.RELEASED
    with pytest.raises(NorenError.Holds) as over:
        await app.still_coming(held.hold.id, 3)
    assert isinstance(over.value.error, HoldsError.NoSuchHold)


async def test_who_is_too_late_gets_the_nearest_alternative(shop, phone):
    app = await arrived(phone)
    count(shop, "harajuku", 赤M=0)
    refused = await app.hold("harajuku", "赤M", eta_min=10, at=HERE)
    assert refused.reason is HoldRefusal.INSUFFICIENT_STOCK
    stores = [choice.store for choice in refused.alternatives]
    assert stores[-1] == "ec" and "ebisu" in stores
    shown = [choice.distance_m for choice in refused.alternatives if not choice.is_ec]
    assert shown == sorted(shown)
    assert all(choice.answer.as_of_ms > 0 and choice.answer.chance_permille is None for choice in refused.alternatives)
    assert (await app.holds()).holds == [], "it was answered at once"


async def test_not_found_leads_to_the_other_sizes_and_stores(shop, phone):
    app = await arrived(phone)
    held = await app.hold("demo-store", "赤S", eta_min=5)
    shop.till("/v1/store/tasks", {"hold": held.hold.id, "done": "not_found"})
    await app.refresh_holds()
    await app.refresh_stock()
    [view] = (await app.holds()).holds
    assert view.words_en == "The store did not find it"
    instead = await app.instead_of_hold(held.hold.id, HERE)
    assert [cell.size for cell in instead.variants] == ["S", "M", "L"]
    assert any(isinstance(step, NextStep.ONLINE) for step in instead.next_steps)


async def test_offline_a_wish_waits_and_can_be_taken_back(shop, phone):
    app = await arrived(phone)
    shop.stop()
    waiting = await app.hold("demo-store", "赤S", eta_min=20)
    assert waiting.is_WAITING()
    assert await app.hold("demo-store", "赤S", eta_min=20) == HoldOutcome.WAITING(key=waiting.key, until_ms=waiting.until_ms)
    app = await phone.open()
    [view] = (await app.holds()).holds
    if view.standing.is_ASKED():
        assert view.words_en == "Asked, no answer yet: it may be kept already"
        with pytest.raises(NorenError.Holds) as sent:
            await app.take_back_hold(view.key)
        assert isinstance(sent.value.error, HoldsError.MayHaveArrived)
    else:
        assert view.standing.is_WAITING() and view.words_ja == "送信待ち・まだ確保していません"
        await app.take_back_hold(view.key)
        assert (await app.holds()).holds == []
    for wrong in ({"eta_min": 9_999}, {"eta_min": 5, "quantity": 0}, {"eta_min": 5, "quantity": 11}):
        with pytest.raises(NorenError.Holds) as bad:
            await app.hold("demo-store", "赤S", **wrong)
        assert isinstance(bad.value.error, HoldsError.BadWish)


async def test_on_the_way_the_staff_sees_minutes_and_nobody_a_position(shop, phone):
    app = await arrived(phone)
    held = await app.hold("harajuku", "赤M", eta_min=30)

    def fix(second: int) -> Observation:
        north_m = 1.4 * second
        return Observation.FIX(
            lat_deg=LAT + north_m * METRE,
            lon_deg=LON,
            at_ms=now_ms() - (180 - second) * 1_000,
            boot_ms=None,
            accuracy_m=8.0,
            speed_mps=1.4,
            mock=False,
        )

    [trip] = await app.on_the_way([fix(second) for second in range(0, 181, 10)])
    assert (trip.hold, trip.trend, trip.told, trip.released) == (held.hold.id, Trend.NEARER, True, False)
    assert 9 <= trip.eta_min <= 13
    await app.send_due()
    assert not (await app.on_the_way([fix(181)]))[0].told, "not every second"
