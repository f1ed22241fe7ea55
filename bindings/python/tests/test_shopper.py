"""A shopper's journey through the Python face, against the backend as a process: a scan, another size, a review, favourites."""

import base64
import hashlib
import time

import pytest
from backend import OPERATOR_TOKEN
from noren import (
    AssetInfo,
    CatalogueError,
    Channel,
    Fit,
    IntentState,
    Link,
    NorenError,
    PrefixKind,
    PrefixRule,
    ReactionKind,
    ScanRefusal,
    ScanSettings,
    SizeMm,
    Submission,
    ValueLayout,
)

TEA = "4901777018686"
MODEL = b"glTF"


def sha256(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def variant(sku: str, yen: int, **more: object) -> dict:
    return {"sku": sku, "prices": [{"amount_minor": yen, "currency": "JPY"}]} | more


def products() -> list[dict]:
    sale = {"channel": "ec", "until_ms": int(time.time() * 1000) + 3_600_000, "amount_minor": 120, "currency": "JPY"}
    tea = variant("T-1", 150, gtin=TEA)
    tea["prices"].append(sale)
    shirt = [variant(f"{colour}{size}", 1_990, colour=colour, size=size) for colour in ("赤", "青") for size in ("S", "M")]
    model = {"kind": "glb", "url": "https://img.example.jp/shelf.glb", "sha256": sha256(MODEL), "size_bytes": len(MODEL)}
    return [
        {"id": "tea", "title": {"ja": "緑茶", "en": "Green tea"}, "reading": "りょくちゃ", "variants": [tea]},
        {"id": "shirt", "title": {"ja": "Ｔシャツ", "en": "T-shirt"}, "brand": "のれん", "variants": shirt},
        {
            "id": "shelf",
            "title": {"ja": "本棚", "en": "Bookcase"},
            "variants": [variant("55501", 9_900)],
            "assets": [model],
            "size_mm": {"width_mm": 800, "depth_mm": 300, "height_mm": 1_800},
        },
    ]


@pytest.fixture
def shop(backend):
    backend.operator("/v1/operator/products", {"products": products()})
    return backend


def tea_line(quantity: int) -> dict:
    amount = 150 * quantity
    line = {"sku": "T-1", "description": "緑茶", "quantity": quantity, "amount_minor": amount, "tax_permille": 80, "reduced_rate": True}
    taxes = [{"tax_permille": 80, "gross_minor": amount, "tax_minor": amount * 80 // 1080}]
    return {"lines": [line], "total_minor": amount, "taxes": taxes, "day": time.strftime("%Y-%m-%d")}


def operator_reads(shop, what: str) -> dict:
    until_ms = int(time.time() * 1000) + 3_600_000
    return shop.call("GET", f"/v1/operator/{what}?from_ms={until_ms - 7_200_000}&until_ms={until_ms}", token=OPERATOR_TOKEN)


async def enrolled(phone):
    app = await phone.open()
    await app.enrol()
    return app


async def test_a_scan_is_asked_for_once_and_readable_offline_then(shop, phone):
    app = await enrolled(phone)
    unknown = await app.scan(TEA)
    assert (unknown.product, unknown.not_known) == (None, TEA)
    found = await app.find_product(unknown.not_known)
    assert (found.id, found.sku, found.title) == ("tea", "T-1", "緑茶")
    assert await app.find_product("4902102072618") is None, "nobody sells it here"
    shop.stop()
    app = await phone.open()
    for text in (TEA, f"]C1010{TEA}", f"https://id.gs1.org/01/0{TEA}"):
        view = await app.scan(text)
        assert (view.product.sku, view.not_known) == ("T-1", None), text
    prices = {price.channel: price for price in view.product.variants[0].prices}
    assert prices[Channel.STORE].price.amount_minor == 150 and prices[Channel.STORE].next_change_ms is None
    assert prices[Channel.EC].price.amount_minor == 120 and prices[Channel.EC].next.amount_minor == 150
    with pytest.raises(NorenError.Catalogue) as offline:
        await app.find_product("4902102072618")
    assert isinstance(offline.value.error, CatalogueError.Call)
    for text in ("4901777018687", "", "ABC"):
        with pytest.raises(NorenError.Catalogue) as refused:
            await app.scan(text)
        assert isinstance(refused.value.error, CatalogueError.Unreadable)
    assert isinstance(refused.value.error.refusal, ScanRefusal.Unrecognised)


async def test_urls_are_shown_and_codes_of_the_shop_lead_to_its_goods(shop, phone):
    app = await enrolled(phone)
    url = await app.scan("https://example.com/product/tea")
    assert url.scanned.is_URL() and (url.product, url.not_known) == (None, None)
    await app.refresh_products(["tea", "shelf"])
    with pytest.raises(NorenError.Catalogue):
        await app.scan_settings(ScanSettings(prefixes=[PrefixRule(prefix="49", kind=PrefixKind.MEMBER())], link_hosts=[]))
    layout = ValueLayout(item_digits=5, value_check_digit=False, value_digits=5)
    await app.scan_settings(
        ScanSettings(prefixes=[PrefixRule(prefix="20", kind=PrefixKind.PRICE(layout))], link_hosts=["app.example.jp"])
    )
    assert (await app.scan("https://app.example.jp/product/tea")).product.id == "tea"
    digits = "205550100980"
    check = -sum(int(d) * (3 if n % 2 == 0 else 1) for n, d in enumerate(reversed(digits))) % 10
    assert (await app.scan(f"{digits}{check}")).product.sku == "55501"


async def test_other_sizes_room_and_assets(shop, phone):
    app = await enrolled(phone)
    shirt = await app.find_product("赤S")
    assert shirt.matrix.sizes == ["S", "M"]
    assert [(row.colour, row.skus) for row in shirt.matrix.rows] == [("赤", ["赤S", "赤M"]), ("青", ["青S", "青M"])]
    shelf = await app.find_product("shelf")
    assert await app.fits("shelf", SizeMm(width_mm=300, depth_mm=900, height_mm=2_000)) is Fit.TURNED
    assert await app.fits("shirt", SizeMm(width_mm=1, depth_mm=1, height_mm=1)) is None
    [model] = shelf.assets
    assert isinstance(model, AssetInfo)
    await app.check_asset(model, MODEL)
    with pytest.raises(NorenError.Catalogue) as refused:
        await app.check_asset(model, b"glTx")
    assert isinstance(refused.value.error, CatalogueError.BadAsset)


async def test_search_here_and_on_the_server(shop, phone):
    app = await enrolled(phone)
    assert await app.search_products("シャツ") == []
    [shirt] = await app.search_products_online("ｼｬﾂ")
    assert (shirt.id, shirt.price.amount_minor, shirt.price_varies) == ("shirt", 1_990, False)
    assert await app.search_products_online("x" * 500) == []
    await app.find_product(TEA)
    shop.stop()
    for text in ("しゃつ", "T", "ノレン", "青s"):
        assert [found.id for found in await app.search_products(text)] == ["shirt"] or text == "T", text
    assert [found.id for found in await app.search_products("茶")] == ["tea"]


async def test_a_review_waits_offline_and_is_read_by_others(shop, wire, wired_phone):
    app = await enrolled(wired_phone)
    wire.hold("/v1/reviews", "after")
    wire.release.set()
    waiting = await app.write_review("tea", 4, "濃い")
    assert waiting.is_WAITING(), "the answer was lost"
    assert (await app.reviews("tea")).own.state is IntentState.PENDING
    await app.network_returned()
    view = await app.refresh_reviews("tea")
    assert [(review.stars, review.text, review.verified) for review in view.reviews] == [(4, "濃い", False)]
    assert (view.own, view.average_milli, view.next) == (None, 4_000, None)
    assert await app.write_review("tea", 5) == Submission.DONE()
    with pytest.raises(NorenError.Catalogue) as refused:
        await app.write_review("tea", 6)
    assert isinstance(refused.value.error, CatalogueError.BadReview)


async def test_favourites_and_the_ranking(shop, phone):
    app = await enrolled(phone)
    await app.find_product(TEA)
    await app.like("T-1", watch=["shibuya"])
    [liked] = (await app.favourites()).favourites
    assert (liked.sku, liked.waiting, liked.product.id) == ("T-1", True, "tea")
    await app.react(ReactionKind.QUESTION, "T-1", "shibuya")
    await app.like("赤S")
    await app.like("赤S", wanted=False)
    await app.send_due()
    await app.refresh_favourites()
    [liked] = (await app.favourites()).favourites
    assert (liked.sku, liked.watch, liked.waiting) == ("T-1", ["shibuya"], False)
    assert (await app.product("tea")).variants[0].liked

    shop.sell("names-nobody", sold_at_ms=int(time.time() * 1000) - 1_000, **tea_line(2))
    assert await app.refresh_ranking()
    [first] = (await app.ranking()).products
    assert (first.rank, first.sold, first.product.title) == (1, 2, "緑茶")
    assert not await app.refresh_ranking()


async def test_a_store_hears_of_scans_and_is_credited_with_what_is_bought_online_then(shop, phone):
    app = await enrolled(phone)
    first = await app.scan(TEA, "shibuya")
    assert not first.counted and (await app.find_product(first.not_known, "shibuya")).id == "tea"
    for _ in range(5):
        assert (await app.scan(TEA, "shibuya")).counted, "again, and it counts once"
    assert not (await app.scan(TEA)).counted, "nobody knows where"
    await app.react(ReactionKind.DEMO, "T-1", "shibuya")
    await app.like("T-1")
    await app.send_due()
    counts = {count["kind"]: count["count"] for count in operator_reads(shop, "reactions")["counts"]}
    assert counts == {"scan": 1, "demo": 1}

    code = shop.till("/v1/till/ec-codes", {"account": "tea@example.jp"})["code"]
    assert await app.link(Link.EC(code)) == Submission.DONE()
    sold = {"channel": "ec", "store_id": "ec", "store_name": "EC", "sold_at_ms": int(time.time() * 1000)}
    shop.sell({"ec_account": {"account": "tea@example.jp"}}, **sold, **tea_line(3))
    [credit] = operator_reads(shop, "credits")["credits"]
    assert (credit["store"], credit["sku"], credit["quantity"], credit["amount_minor"]) == ("shibuya", "T-1", 3, 450)

    assert await app.write_review("tea", 5, "また買います") == Submission.DONE()
    [review] = (await app.refresh_reviews("tea")).reviews
    assert review.verified, "bought and kept"


async def test_forget_me_leaves_nothing_of_it(shop, phone):
    app = await enrolled(phone)
    await app.find_product(TEA)
    await app.like("T-1", watch=["shibuya"])
    await app.write_review("tea", 1, "消える")
    await app.forget_me()
    assert phone.files() == {}
    app = await enrolled(phone)
    assert (await app.favourites()).favourites == [] and await app.search_products("") == []
    assert (await app.refresh_favourites()).back_in_stock == [] and (await app.favourites()).favourites == []
    assert (await app.refresh_reviews("tea")).reviews == [], "its text went, its stars count"
