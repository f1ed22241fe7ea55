"""A traveller's journey through the Python face, against the backend as a process: a stop, a check-in, a coupon, a till."""

import math
import time

import pytest
from noren import (
    CheckInError,
    CheckInState,
    GrantState,
    Missing,
    NorenError,
    Observation,
    PlacesError,
    RegionLimit,
)

LAT, LON = 34.3712, 132.3457
METRE = 1 / 111_000


def rest_stop(place_id: str, name: str, north_m: float = 0.0, **more: object) -> dict:
    ground = {"circle": {"lat_e7": round((LAT + north_m * METRE) * 1e7), "lon_e7": round(LON * 1e7), "radius_m": 150}}
    tenants = [{"store_id": "demo-store", "name": "フードコート"}]
    return {"id": place_id, "kind": "rest_stop", "name": name, "direction": "outbound", "ground": ground, "tenants": tenants} | more


def offer(number: int, **more: object) -> dict:
    return {
        "id": number,
        "title": {"ja": "もみじ饅頭 100円引き", "en": "100 yen off"},
        "reason": {},
        "stores": [],
        "places": [],
        "channels": [],
        "audience": "anyone",
        "first_visit": False,
        "sku_prefixes": [],
        "classes": [],
        "discount": {"fixed": {"amount_minor": 100}},
        "greatest_discount_permille": 1000,
        "stacking": "together",
        "per_member": 1,
        "offline": True,
    } | more


def stop(minutes: int = 4) -> list:
    """Fixes of a stop that ends now."""
    now_ms, count = int(time.time() * 1000), minutes * 6

    def fix(n: int) -> Observation:
        return Observation.FIX(
            lat_deg=LAT + 4 * METRE * math.sin(n),
            lon_deg=LON + 4 * METRE * math.cos(n),
            at_ms=now_ms - (count - n) * 10_000,
            boot_ms=None,
            accuracy_m=8.0,
            speed_mps=0.2,
            mock=False,
        )

    return [fix(n) for n in range(count)]


@pytest.fixture
def shop(backend):
    places = [rest_stop("miyajima-out", "宮島SA（下り）"), rest_stop("asa", "安佐SA", 20_000.0, reading="あさ", tenants=[])]
    backend.operator("/v1/operator/places", {"places": places})
    visitor = offer(7, places=["miyajima-out"], audience={"visitor": {"within_s": 21_600}})
    backend.operator("/v1/operator/offers", {"offers": [visitor]})
    return backend


async def arrived(phone):
    app = await phone.open()
    await app.enrol()
    await app.refresh_places(LAT, LON)
    await app.refresh_coupons()
    return app


async def test_places_are_found_offline(shop, phone):
    app = await phone.open()
    with pytest.raises(NorenError.Places) as refused:
        await app.refresh_places(LAT, LON)
    assert isinstance(refused.value.error, PlacesError.NotEnrolled)
    app = await arrived(phone)
    shop.stop()
    near = await app.nearest_places(LAT, LON)
    assert [(n.place.id, n.distance_m) for n in near.places][0] == ("miyajima-out", 0)
    assert near.area_known and near.places[0].place.tenants[0].open_now
    assert len((await app.places_within(LAT, LON, 1_000)).places) == 1
    for text in ("ｱｻ", "安佐sa"):
        assert [place.id for place in (await app.search_places(text)).places] == ["asa"]
    assert (await app.place("asa")).reading == "あさ"
    for lat, lon in ((91.0, 0.0), (math.nan, 0.0)):
        with pytest.raises(NorenError.Places):
            await app.nearest_places(lat, lon)


async def test_a_stop_checks_in_and_its_coupon_is_in_the_card(shop, phone):
    app = await arrived(phone)
    [coupon] = await app.coupons(place="miyajima-out")
    assert (coupon.usable_now, coupon.reason, coupon.reason_ja) == (False, "no_check_in", "チェックインが必要です")
    assert (await app.begin_presentation()).serials == []
    await app.end_presentation()

    report = await app.follow(stop())
    [made] = report.check_ins
    assert made.check_in.place == "miyajima-out" and made.check_in.unlocked == [coupon.serial]
    assert made.notice.title_ja == "宮島SA（下り）にチェックインしました" and made.notice.silent
    assert report.regions is not None and len(report.regions.add) == 2

    # The process ends; the phone is opened again, still without having told anyone.
    app = await phone.open()
    [waiting] = await app.check_ins()
    assert waiting.state.is_WAITING()
    [coupon] = await app.coupons(place="miyajima-out")
    assert coupon.usable_now and coupon.offline_ok and coupon.state is GrantState.GRANTED
    assert (await app.begin_presentation()).serials == [coupon.serial]
    card = await app.card()

    await app.send_due()
    [accepted] = await app.check_ins()
    assert accepted.state.is_ACCEPTED() and accepted.id == waiting.id

    lines = [{"sku": "M1", "quantity": 1, "amount_minor": 500, "tax_permille": 80}]
    at_ms = int(time.time() * 1000)
    quote = shop.till(
        "/v1/till/quotes", {"scanned": card.text, "at_ms": at_ms, "number": "1", "currency": "JPY", "lines": lines}
    )
    assert (quote["discount_minor"], quote["total_minor"]) == (100, 400)
    await app.end_presentation()
    assert (await app.begin_presentation()).serials == [], "shown before, and nobody has said what became of it"


async def test_opened_is_answered_and_codes_are_checked(shop, phone):
    app = await arrived(phone)
    now_ms = int(time.time() * 1000)
    report = await app.follow([Observation.OPENED(at_ms=now_ms)])
    assert [visit.missing for visit in report.waiting] == [Missing.FIX()]
    await app.limit_regions(RegionLimit.ANDROID)
    with pytest.raises(NorenError.CheckIn) as refused:
        await app.scan_place_code("NRP1:NOT A CODE")
    assert isinstance(refused.value.error, CheckInError.BadCode)
    code = shop.operator("/v1/operator/place-codes", {"place": "miyajima-out", "until_s": int(time.time()) + 600})["text"]
    shop.stop()
    made = await app.scan_place_code(code)
    assert made.check_in.state == CheckInState.WAITING() and len(made.coupons) == 1
    with pytest.raises(NorenError.CheckIn):
        await app.scan_place_code(code)
