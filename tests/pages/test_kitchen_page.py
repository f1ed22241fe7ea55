"""The page of a kitchen, in a real browser: what it shows of orders, and what it sends."""

import json
import re
import time

import pytest
from backend import TILL_TOKEN
from conftest import Screen
from playwright.sync_api import expect
from test_store_page import photograph

MINUTE = 60_000
NASTY = "<img src=x onerror=\"document.title='owned'\">"


def both(ja: str, en: str) -> dict:
    return {"ja": ja, "en": en}


def line(ja: str, en: str, quantity: int = 1, how: tuple = (), note: str = "", stations: tuple = ("焼き場",)) -> dict:
    modifiers = [{"title": both(*titles), "quantity": count} for *titles, count in how]
    return {"title": both(ja, en), "modifiers": modifiers, "note": note, "quantity": quantity, "stations": list(stations)}


def order(number: int, state: str, start_min: int, promised_min: int, lines: list, **more) -> dict:
    """As the contract has it; minutes from the beginning."""
    plain = {
        "id": f"order{number:011d}", "of": "menu", "state": state, "payment": "paid", "call_number": number, "handoff": "counter_pickup",
        "tax_handoff": "take_out", "start_min": start_min, "promised_min": promised_min, "late_min": max(0, -promised_min), "lines": lines,
        "avoids": [], "least_age": None, "eta_min": None, "spot": "", "vehicle": "", "seat": None, "shelf": None, "to_collect_minor": 0, "owed_back_minor": 0,
        "currency": "JPY", "tries_left": 5, "version": 1,
    }  # fmt: skip
    return plain | more


class Staged:
    """A kitchen whose orders the test says, answered in the contract's form. What the page sends is kept."""

    def __init__(self, screen: Screen) -> None:
        self.screen, self.page, self.sent, self.lose, self.refuse = screen, screen.page, [], 0, None
        self.began_ms = int(time.time() * 1000)
        self.orders = [
            order(41, "submitted", 6, 16, [line("唐揚げ定食", "Fried chicken set", 1, (("ごはん大盛り", "Large rice", 1),), stations=("揚げ場",))]),
            order(42, "accepted", -1, 9, [
                line("テリヤキバーガー", "Teriyaki burger", 2, (("チーズ", "Cheese", 2), ("たまねぎ抜き", "No onion", 1)), "半分に切ってください"),
                line("フライドポテト", "Fries", stations=("揚げ場",)),
            ], avoids=[both("卵", "Egg"), both("乳", "Milk")]),
            order(43, "accepted", 12, 22, [line("生ビール", "Beer", 2, stations=("飲み物",)), line("枝豆", "Edamame", stations=("揚げ場",))],
                  least_age=20, handoff="dine_in", tax_handoff="eat_in", seat="窓際 3", payment="at_counter", to_collect_minor=1650),
            order(40, "in_preparation", -16, 2, [line("カレーライス", "Curry", 1, (("辛口", "Hot", 1),))], eta_min=4),
            order(38, "in_preparation", -12, -4, [line("親子丼", "Chicken bowl", note="ねぎ多め")], handoff="curbside", eta_min=0, spot="駐車場 3",
                  vehicle="白い軽・あ 12-34"),
            order(36, "ready", -20, -5, [line("幕の内弁当", "Bento", 3), line("梅酒", "Plum wine", stations=())], shelf="B-2", eta_min=0,
                  spot="カウンター", tries_left=4, to_collect_minor=2700, payment="at_counter", least_age=20),
            order(30, "picked_up", -60, -40, [line("牛丼", "Beef bowl", 2)]),
        ]  # fmt: skip
        self.mode, self.sold_out = {"busy": {"delay_min": 10}}, [{"thing": {"item": "salmon"}}]
        self.seats = [("s-1", "A-12", "waiting"), ("s-2", "窓際 3", "open")]
        self.page.route("**/v1/kitchen", lambda route: route.fulfill(body=json.dumps(self.kitchen()), content_type="application/json"))
        self.page.route("**/v1/kitchen/*", self.answer)

    def kitchen(self) -> dict:
        now = int(time.time() * 1000)
        from_ms = now // 900_000 * 900_000

        def timed(one: dict) -> dict:
            rest = {name: value for name, value in one.items() if name not in ("start_min", "promised_min")}
            return rest | {f"{what}_ms": self.began_ms + one[f"{what}_min"] * MINUTE for what in ("start", "promised")}

        def station(name: str, booked: list, walk_in: int) -> dict:
            quarters = [
                {"from_ms": from_ms + at * 900_000, "booked_s": seconds, "walk_in_s": walk_in, "capacity_s": 1800}
                for at, seconds in enumerate(booked + [0] * (12 - len(booked)))
            ]
            return {"station": name, "quarters": quarters}

        return {
            "store_name": both("丸の内店", "Marunouchi"),
            "mode": self.mode,
            "orders": [timed(one) for one in self.orders],
            "stations": [
                station("焼き場", [1750, 1500, 900, 600, 300], 150),
                station("揚げ場", [700, 800, 900, 500], 100),
                station("飲み物", [100, 300, 500, 700, 900], 0),
            ],
            "sold_out": self.sold_out,
            "things": [
                {"thing": {"item": "salmon"}, "title": both("鮭定食", "Salmon")},
                {"thing": {"item": "curry"}, "title": both("カレーライス", "Curry")},
                {"thing": {"modifier": "cheese"}, "title": both("チーズ", "Cheese")},
            ],
            "seats": [
                {"id": name, "store": "demo-store", "seat": seat, "state": state, "until_ms": now + 60 * MINUTE, "marks": [147, 260] if state == "waiting" else []} for name, seat, state in self.seats
            ],
            "utc_offset_min": 540,
            "as_of_ms": now,
        }

    def answer(self, route) -> None:
        request = route.request
        what = (request.url.rsplit("/", 1)[1], json.loads(request.post_data))
        self.sent.append((*what, request.headers["idempotency-key"]))
        if self.lose:
            self.lose -= 1
            route.abort()
        elif self.refuse:
            status, reason = self.refuse
            body = {"status": status, "reason": reason, "detail": "the code does not hand over this order"}
            route.fulfill(status=status, body=json.dumps(body), content_type="application/problem+json")
        else:
            route.fulfill(body="{}", content_type="application/json")

    def last(self) -> tuple:
        return self.sent[-1][:2]

    def card(self, number: int):
        return self.page.locator(f'[data-order="order{number:011d}"]')

    def press(self, number: int, *buttons: str) -> None:
        for name in buttons:
            self.card(number).get_by_role("button", name=name, exact=True).first.tap()

    def column(self, name: str) -> list:
        numbers = self.page.get_by_role("region", name=name).locator("h3")
        return [heading.inner_text() for heading in numbers.all()]

    def dialog(self):
        return self.page.get_by_role("dialog")


@pytest.fixture
def staged(screen):
    staged = Staged(screen)
    screen.open(path="/kitchen")
    expect(staged.card(41)).to_be_visible()
    return staged


def test_orders_stand_by_state_and_by_start_and_say_what_a_kitchen_needs(staged, backend):
    page = staged.page
    expect(page.get_by_role("heading", level=1)).to_have_text("丸の内店 厨房・受け渡し")
    # Who has arrived stands on top, though another has to be begun first.
    assert [staged.column(name) for name in ("受付待ち", "これから", "調理中", "できあがり")] == [["041"], ["042", "043"], ["038", "040"], ["036"]]
    for number, shown in {
        42: ["持ち帰り", "2× テリヤキバーガー", "+ チーズ ×2", "+ たまねぎ抜き", "半分に切ってください", "避ける: 卵、乳", "すぐ開始", "焼き場"],
        43: ["店内", "席 窓際 3", "20歳確認", re.compile("会計 [¥￥]1,650"), "あと22分"],
        38: ["駐車場", "到着 ・ 駐車場 3 ・ 白い軽・あ 12-34", re.compile("▲ [45]分遅れ")],
        40: ["あと4分で到着", re.compile("あと[12]分")],
        36: ["棚 B-2", "コード残り4回", "到着 ・ カウンター"],
        30: ["お渡し済み"],
    }.items():
        for text in shown:
            expect(staged.card(number)).to_contain_text(text)
    # What is late is said by word, by colour, and by its frame; text of guests is text.
    colour = "(card) => [getComputedStyle(card).borderTopColor, getComputedStyle(card.querySelector('.left')).color]"
    assert all(late != right for late, right in zip(staged.card(38).evaluate(colour), staged.card(41).evaluate(colour)))
    # A full quarter is said in words.
    assert re.search("106%", page.get_by_role("img").first.get_attribute("aria-label"))
    photograph(staged.screen, "kitchen_page")

    page.get_by_role("button", name="揚げ場").tap()
    assert [staged.column(name) for name in ("受付待ち", "これから", "調理中")] == [["041"], ["042", "043"], []]
    page.get_by_role("button", name="全ての持ち場").tap()
    page.get_by_role("button", name="開始時刻で並べる").tap()
    assert staged.column("開始時刻を過ぎた") == ["038", "040", "042"]
    assert staged.column("できあがり") == ["036"]
    page.get_by_role("button", name="English").tap()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(staged.card(42)).to_contain_text("Avoids: Egg、Milk")
    expect(staged.card(43)).to_contain_text("check 20+")
    assert all(asked.startswith(backend.url) for asked in staged.screen.asked)
    assert staged.screen.complaints == []


def test_what_guests_write_is_text(staged):
    nasty = order(38, "in_preparation", -12, -4, [line(NASTY, NASTY, 1, ((NASTY, NASTY, 1),), NASTY, (NASTY,))], spot=NASTY, vehicle=NASTY, eta_min=0)
    staged.orders[4] = nasty | {"seat": NASTY, "shelf": NASTY, "avoids": [both(NASTY, NASTY)]}
    staged.seats = [("s-1", NASTY, "waiting")]
    expect(staged.card(38)).to_contain_text(NASTY)
    staged.press(38, "その他", "欠品")
    staged.page.get_by_role("button", name="席").tap()
    expect(staged.dialog()).to_contain_text(NASTY)
    assert staged.page.locator("img").count() == 0 and staged.page.title() == "厨房・受け渡し"
    # And nothing that got in would be run.
    assert "'unsafe" not in staged.screen.page.request.get(staged.screen.url + "/kitchen").headers["content-security-policy"]


def test_everything_is_large_enough_for_a_finger(staged):
    small = "[...document.querySelectorAll('button, input')].filter((one) => one.offsetParent && (one.offsetHeight < 44 || one.offsetWidth < 44) && one.type !== 'checkbox').map((one) => one.outerHTML)"
    assert staged.page.evaluate(small) == []
    staged.press(42, "その他")
    assert staged.page.evaluate(small) == []
    staged.press(36, "渡す")
    assert staged.page.evaluate(small) == []
    # On a phone nothing is wider than the screen.
    staged.page.keyboard.press("Escape")
    staged.page.set_viewport_size({"width": 390, "height": 800})
    assert staged.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_pressed_is_what_is_sent(staged):
    def steps(number: int, *buttons: str) -> object:
        staged.press(number, *buttons)
        expect(staged.page.get_by_role("status")).to_contain_text(f"{number:03d}")
        path, body = staged.last()
        assert (path, body["order"]) == ("steps", f"order{number:011d}")
        return body["step"]

    assert steps(41, "受ける") == "accept"
    assert steps(41, "断る", "断る(請求なし)") == "reject"
    assert steps(42, "調理開始") == "start"
    assert steps(42, "その他", "+5分 遅れ") == {"late": {"more_min": 5}}
    assert steps(42, "やめる", "その他", "+10分 遅れ") == {"late": {"more_min": 10}}
    assert steps(42, "やめる", "その他", "欠品", "全部 2点") == {"missing": {"line": 0, "pieces": 2}}
    assert steps(42, "やめる", "その他", "注文を取り消す", "取り消す(返金)") == "cancel"
    assert steps(30, "返金", "1点") == {"refund": {"line": 0, "pieces": 1}}
    staged.press(38, "できあがり")
    staged.card(38).get_by_label("棚番号(なくてもよい)").fill(" C-4 ")
    assert steps(38, "決定") == {"ready": {"shelf": "C-4"}}
    # Nothing is called off by one touch.
    count = len(staged.sent)
    staged.press(40, "その他", "注文を取り消す", "やめる")
    assert len(staged.sent) == count


def test_an_order_goes_over_the_counter_by_its_code(staged):
    staged.press(36, "渡す")
    dialog = staged.dialog()
    expect(dialog).to_contain_text(re.compile("会計 [¥￥]2,700"))
    expect(dialog).to_contain_text("コード残り4回")
    expect(dialog.get_by_label("受取コード・会員証")).to_be_focused()
    staged.refuse = (403, "code_refused")
    staged.orders[5]["tries_left"] = 3
    dialog.get_by_label("受取コード・会員証").fill("ABCD2345")
    dialog.get_by_role("button", name="渡す").tap()
    expect(dialog.get_by_role("alert")).to_contain_text("the code does not hand over this order")
    expect(dialog).to_contain_text("コード残り3回")
    staged.refuse = None
    dialog.get_by_label("20歳以上と確認した").tap()
    dialog.get_by_label("渡さない(年齢不足): 1× 梅酒").tap()
    dialog.get_by_label("受取コード・会員証").fill("abcd-2346")
    dialog.get_by_role("button", name="渡す").tap()
    expect(dialog).to_be_hidden()
    order = {"order": "order00000000036", "code": "abcd-2346", "age_checked": True, "refused": [1]}
    assert staged.last() == ("hand-overs", order)
    # By the code alone, whosever it is.
    staged.page.get_by_role("button", name="受け渡し").tap()
    dialog.get_by_label("受取コード・会員証").fill("WXYZ2345")
    dialog.get_by_role("button", name="渡す").tap()
    expect(dialog).to_be_hidden()
    assert staged.last() == ("hand-overs", {"code": "WXYZ2345", "age_checked": False, "refused": []})


def test_pausing_selling_out_and_seating(staged):
    page, dialog = staged.page, staged.dialog()
    page.get_by_role("button", name="混雑 +10分").tap()
    dialog.get_by_role("button", name="混雑 +15分").tap()
    expect(dialog).to_be_hidden()
    assert staged.last() == ("modes", {"mode": {"busy": {"delay_min": 15}}})
    staged.mode = "online"
    expect(page.locator("#mode")).to_have_text("受付中")
    page.locator("#mode").tap()
    before = int(time.time() * 1000)
    dialog.get_by_role("button", name="停止 15分").tap()
    expect(dialog).to_be_hidden()
    until_ms = staged.last()[1]["mode"]["paused"]["until_ms"]
    assert 13 * MINUTE < until_ms - before < 16 * MINUTE
    page.get_by_role("button", name="売切").tap()
    dialog.get_by_label("名前で探す").fill("カレー")
    dialog.get_by_role("button", name="販売中").tap()
    expect(page.get_by_role("status")).to_contain_text("カレーライス")
    assert staged.last() == ("sold-out", {"sold_out": [{"thing": {"item": "curry"}}]})
    dialog.get_by_label("名前で探す").fill("鮭")
    dialog.get_by_role("button", name="売切").tap()
    expect(page.get_by_role("status")).to_contain_text("鮭定食")
    assert staged.last() == ("sold-out", {"back": [{"item": "salmon"}]})
    dialog.get_by_role("button", name="閉じる").tap()
    page.get_by_role("button", name="席").tap()
    dialog.get_by_role("button", name="いると確認 147").tap()
    expect(page.get_by_role("status")).to_contain_text("A-12")
    assert staged.last() == ("seats", {"work": {"confirm": {"session": "s-1", "marks": [147]}}})


def test_an_answer_that_was_lost_is_asked_for_again_under_its_key(staged):
    staged.lose = 1
    staged.press(42, "調理開始")
    expect(staged.card(42).get_by_role("alert")).to_contain_text("送れませんでした")
    staged.press(42, "もう一度")
    expect(staged.page.get_by_role("status")).to_contain_text("042")
    assert len(staged.sent) == 2 and staged.sent[0] == staged.sent[1]
    # A shelf that is being typed is not lost to a poll.
    staged.press(40, "できあがり")
    shelf = staged.card(40).get_by_label("棚番号(なくてもよい)")
    shelf.fill("D-1")
    with staged.page.expect_response("**/v1/kitchen"):
        pass
    expect(shelf).to_have_value("D-1")
    staged.page.unroute("**/v1/kitchen")
    staged.page.route("**/v1/kitchen", lambda route: route.abort())
    expect(staged.page.get_by_role("alert").first).to_contain_text("つながりません")
    expect(staged.card(42)).to_be_visible()


def test_a_wrong_token_is_refused(screen, backend):
    screen.open("not-the-token-of-a-till", path="/kitchen")
    expect(screen.page.get_by_role("alert").first).to_contain_text("このトークンは使えません")
    assert screen.page.evaluate("sessionStorage.getItem('token')") is None
    assert TILL_TOKEN not in screen.page.content()
