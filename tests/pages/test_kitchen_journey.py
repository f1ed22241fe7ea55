"""Orders of guests on the page of a kitchen, in a real browser against the backend as a process."""

import re
import time

import pytest
from backend import TILL_TOKEN
from playwright.sync_api import expect
from restaurant import STORE, Guest, Restaurant


@pytest.fixture
def restaurant(backend):
    return Restaurant(backend)


@pytest.fixture
def guest(restaurant, backend):
    return Guest(backend)


class Pass:
    """What the staff does on the page."""

    def __init__(self, screen) -> None:
        self.screen, self.page = screen, screen.page
        screen.open(path="/kitchen")

    def card(self, order: dict):
        return self.page.locator(f'[data-order="{order["id"]}"]')

    def press(self, order: dict, *buttons: str) -> None:
        for name in buttons:
            self.card(order).get_by_role("button", name=name, exact=True).first.tap()

    def stands_under(self, order: dict, column: str) -> None:
        expect(self.page.get_by_role("region", name=column).locator(f'[data-order="{order["id"]}"]')).to_be_visible()

    def type_code(self, code: str) -> None:
        self.page.get_by_role("dialog").get_by_label("受取コード・会員証").fill(code)
        self.page.get_by_role("dialog").get_by_role("button", name="渡す").tap()


@pytest.fixture
def kitchen(restaurant, screen):
    return Pass(screen)


def test_an_order_is_made_and_handed_over_by_its_code(guest, kitchen, restaurant):
    dialog = kitchen.page.get_by_role("dialog")
    order = guest.order(guest.line("burger", 2, note="半分に切ってください", cheese=1), guest.line("fries"), avoids=["egg"])
    kitchen.stands_under(order, "受付待ち")
    card = kitchen.card(order)
    for shown in ("001", "持ち帰り", "2× テリヤキバーガー", "+ チーズ", "半分に切ってください", "1× フライドポテト", re.compile("避ける"), re.compile("会計 [¥￥]1,660")):
        expect(card).to_contain_text(shown)
    kitchen.press(order, "受ける")
    kitchen.stands_under(order, "これから")
    assert guest.view(order)["state"] == "accepted"
    guest.says(order, {"here": {"spot": "カウンター前"}}, int(time.time() * 1000))
    expect(card).to_contain_text("● 到着 ・ カウンター前")
    kitchen.press(order, "調理開始")
    kitchen.stands_under(order, "調理中")
    before = guest.view(order)["promised_ms"]
    kitchen.press(order, "その他", "+5分 遅れ")
    expect(kitchen.page.get_by_role("status")).to_contain_text("+5分")
    view = guest.view(order)
    assert view["late"] and view["promised_ms"] >= before + 5 * 60_000
    # The fries are burnt: the rest goes on, for less money.
    kitchen.press(order, "その他", "欠品")
    card.locator(".row", has_text="フライドポテト").get_by_role("button", name="1点").tap()
    expect(card).to_contain_text(re.compile("会計 [¥￥]1,360"))
    kitchen.press(order, "できあがり")
    card.get_by_label("棚番号(なくてもよい)").fill("A-2")
    kitchen.press(order, "決定")
    kitchen.stands_under(order, "できあがり")
    view = guest.view(order)
    assert (view["state"], view["shelf"], view["to_pay_minor"]) == ("ready", "A-2", 1360)
    kitchen.press(order, "渡す")
    kitchen.type_code("ABCD2345" if view["pickup_code"] != "ABCD2345" else "ABCD2346")
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(dialog).to_contain_text("コード残り4回")
    kitchen.type_code(view["pickup_code"].lower())
    expect(dialog).to_be_hidden()
    kitchen.stands_under(order, "1時間以内に終わった注文")
    assert guest.view(order)["state"] == "picked_up"
    # A burger comes back.
    kitchen.press(order, "返金", "1点")
    expect(card).to_contain_text("1× テリヤキバーガー")
    assert guest.view(order)["refunded_minor"] == 680
    # An expected refusal is a line in a browser's log; nothing else is.
    assert all("403" in complaint for complaint in kitchen.screen.complaints), kitchen.screen.complaints


def test_an_age_is_checked_before_wine_goes_over_the_counter(guest, kitchen):
    dialog = kitchen.page.get_by_role("dialog")
    order = guest.order(guest.line("burger"), guest.line("wine"))
    expect(kitchen.card(order)).to_contain_text("20歳確認")
    kitchen.press(order, "受ける")
    kitchen.press(order, "調理開始")
    kitchen.press(order, "できあがり")
    kitchen.press(order, "決定")
    kitchen.stands_under(order, "できあがり")
    code = guest.view(order)["pickup_code"]
    kitchen.press(order, "渡す")
    kitchen.type_code(code)
    expect(dialog.get_by_role("alert")).to_contain_text("20")
    assert guest.view(order)["state"] == "ready"
    # Too young: the wine stays, the burger goes.
    dialog.get_by_label("渡さない(年齢不足): 1× 梅酒").tap()
    kitchen.type_code(code)
    expect(dialog).to_be_hidden()
    view = guest.view(order)
    assert (view["state"], [line["given_back"] for line in view["lines"]]) == ("picked_up", [0, 1])


def test_the_kitchen_pauses_runs_out_and_calls_off(guest, kitchen, backend):
    dialog = kitchen.page.get_by_role("dialog")
    order = guest.order(guest.line("burger"))
    kitchen.press(order, "受ける")
    kitchen.press(order, "その他", "注文を取り消す", "取り消す(返金)")
    kitchen.stands_under(order, "1時間以内に終わった注文")
    expect(kitchen.card(order)).to_contain_text("取消")
    assert guest.view(order)["state"] == "canceled"
    status = lambda: backend.call("GET", f"/v1/menus/status?stores={STORE}", token=guest.token)["stores"][0]  # noqa: E731
    kitchen.page.get_by_role("button", name="売切").tap()
    dialog.get_by_role("listitem").filter(has_text="フライドポテト").get_by_role("button").tap()
    expect(dialog.get_by_role("button", name="売切", exact=True)).to_be_visible()
    assert [one["thing"] for one in status()["sold_out"]] == [{"item": "fries"}]
    dialog.get_by_role("button", name="閉じる").tap()
    kitchen.page.locator("#mode").tap()
    dialog.get_by_role("button", name="混雑 +10分").tap()
    expect(kitchen.page.locator("#mode")).to_have_text("混雑 +10分")
    assert status()["mode"] == {"busy": {"delay_min": 10}}
    kitchen.page.locator("#mode").tap()
    dialog.get_by_role("button", name="本日の受付終了").tap()
    expect(kitchen.page.locator("#mode")).to_have_text("受付停止")
    cart = {"handoff": "counter_pickup", "tax_handoff": "take_out", "lines": [guest.line("burger")]}
    wish = {"order": "a" * 16, "store": STORE, "cart": cart, "time": "asap"}
    assert backend.call("POST", "/v1/slots/holds", wish, guest.token)["hold"] is None


def test_guests_at_a_plate_are_confirmed(guest, kitchen, backend):
    dialog = kitchen.page.get_by_role("dialog")
    code = backend.till("/v1/kitchen/seats", {"work": {"plate": {"seat": "窓際 3"}}})["code"]
    sit = lambda: backend.call("POST", "/v1/seats", {"code": code}, guest.token)  # noqa: E731
    session = sit()
    assert session["state"] == "waiting"
    expect(kitchen.page.locator("#tables")).to_have_text("席1")
    kitchen.page.locator("#tables").tap()
    dialog.get_by_role("button", name=f"いると確認 {session['marks'][0]}").tap()
    expect(dialog.get_by_role("listitem")).to_contain_text("利用中")
    assert sit()["state"] == "open"
    dialog.get_by_role("button", name="閉じる", exact=True).tap()
    order = guest.order(guest.line("burger"), handoff="dine_in", tax_handoff="eat_in", seat=session["id"])
    for shown in ("店内", "席 窓際 3"):
        expect(kitchen.card(order)).to_contain_text(shown)
    assert TILL_TOKEN not in kitchen.page.content()
