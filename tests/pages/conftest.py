"""The backend, a store in it, and the system's Chromium with nothing behind it."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The backend as a process is the one of the other Python tests.
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "bindings/python/tests")]

from backend import OPERATOR_TOKEN, TILL_TOKEN, Backend  # noqa: E402
from member import Member  # noqa: E402
from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402

expect.set_options(timeout=20_000)

STORE = "demo-store"
VARIANTS = {
    "coat-m": ("ウールコート", "紺", "M", "2F・婦人 B-4"),
    "mug-w": ("波佐見焼マグカップ", "白", None, "1F・食器 A-12"),
    "bag-l": ("帆布トートバッグ", "生成り", "L", None),
    "umbrella": ("折りたたみ傘", "藍", None, "1F・入口"),
}


class Store:
    """A store that holds, as its operator put it, with its till."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        products = [
            {"id": f"p-{sku}", "title": {"ja": title}, "variants": [{"sku": sku, "colour": colour} | ({"size": size} if size else {})]}
            for sku, (title, colour, size, _) in VARIANTS.items()
        ]
        backend.operator("/v1/operator/products", {"products": products})
        circle = {"lat_e7": 356717000, "lon_e7": 1397650000, "radius_m": 50}
        place = {"id": STORE, "kind": "store", "name": "銀座店", "direction": "both", "ground": {"circle": circle}}
        backend.operator("/v1/operator/places", {"places": [place]})
        settings = [{"store": STORE, "sku": sku, "shelf": shelf} for sku, (*_, shelf) in VARIANTS.items() if shelf]
        location = {"store": STORE, "source": "pos_feed", "holds": True}
        backend.operator("/v1/operator/stock", {"stores": [location], "settings": settings})
        now = int(time.time() * 1000)
        counts = [
            {"source": "count", "id": sku, "store": STORE, "sku": sku, "at_ms": now, "kind": {"count": {"quantity": 5, "state": "sellable"}}}
            for sku in VARIANTS
        ]
        backend.operator("/v1/stock/events", {"events": counts})

    def tasks(self) -> list[dict]:
        return self.backend.call("GET", "/v1/store/tasks", token=TILL_TOKEN)["tasks"]

    def task(self, hold: dict) -> dict:
        return next(task for task in self.tasks() if task["hold"]["id"] == hold["id"])

    def flags(self) -> list[tuple[str, str]]:
        flags = self.backend.call("GET", "/v1/operator/stock/flags", token=OPERATOR_TOKEN)["flags"]
        return [(flag["sku"], flag["cause"]) for flag in flags]

    def available(self, member: Member, sku: str) -> int:
        page = self.backend.call("GET", f"/v1/stock?stores={STORE}@0", token=member.token)
        return next(level["available"] for level in page["stores"][0]["levels"] if level["sku"] == sku)


@pytest.fixture
def backend():
    served = Backend()
    yield served
    served.stop()


@pytest.fixture
def store(backend):
    return Store(backend)


@pytest.fixture
def member(backend):
    return Member(backend)


@pytest.fixture(scope="session")
def chromium():
    path = os.environ.get("NOREN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


class Screen:
    """The page on the tablet of the store. What it asks for and complains of is kept."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url, self.asked, self.complaints = page, url, [], []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, token: str = TILL_TOKEN, path: str = "/store") -> None:
        self.page.goto(self.url + path)
        self.page.get_by_label("レジのトークン").fill(token)
        self.page.get_by_role("button", name="始める").tap()

    def card(self, hold: dict):
        return self.page.locator(f'[data-hold="{hold["id"]}"]')

    def section(self, name: str):
        return self.page.get_by_role("region", name=name)

    def press(self, hold: dict, button: str) -> None:
        self.card(hold).get_by_role("button", name=button).tap()

    def picked(self, hold: dict, number: str) -> None:
        self.press(hold, "取り置いた")
        self.card(hold).get_by_label("取り置き棚の番号").fill(number)
        self.press(hold, "決定")


@pytest.fixture
def screen(chromium, backend):
    context = chromium.new_context(
        viewport={"width": 1180, "height": 820}, has_touch=True, locale="ja-JP", timezone_id="Asia/Tokyo", service_workers="block"
    )
    screen = Screen(context.new_page(), backend.url)
    yield screen
    context.close()
