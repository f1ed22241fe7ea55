"""The page on which the staff of a store sees its tasks, in a real browser against the backend as a process."""

import json
import os
import re
from pathlib import Path

from backend import TILL_TOKEN
from conftest import Member
from playwright.sync_api import expect

PICTURES = Path(os.environ["NOREN_PAGES_OUT"]) if "NOREN_PAGES_OUT" in os.environ else None


def photograph(screen, name: str) -> None:
    if PICTURES:
        PICTURES.mkdir(parents=True, exist_ok=True)
        screen.page.evaluate("scrollTo(0, 0)")
        screen.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def test_the_staff_picks_misses_and_hands_over(backend, store, member, screen):
    others = [Member(backend) for _ in range(3)]
    coat = member.hold("demo-store", "coat-m", eta_min=12)
    mug = others[0].hold("demo-store", "mug-w", eta_min=4, quantity=2)
    screen.open()
    to_fetch, on_shelf, done = (screen.section(name) for name in ("売場から取る", "取り置き棚", "2時間以内に完了"))
    # The one who is here first stands first.
    expect(to_fetch.get_by_role("listitem")).to_have_count(2)
    assert [card.get_attribute("data-hold") for card in to_fetch.get_by_role("listitem").all()] == [mug["id"], coat["id"]]
    expect(screen.page.get_by_role("heading", level=1)).to_have_text("銀座店 お取り置き")
    card = screen.card(coat)
    # A minute may pass on a busy machine.
    for shown in ("ウールコート", "紺 / M", "2F・婦人 B-4", coat["call"], re.compile("お客様はあと1[12]分"), re.compile("あと2[12]分")):
        expect(card).to_contain_text(shown)
    assert member.token not in screen.page.content()

    screen.picked(coat, "12")
    expect(on_shelf.get_by_role("listitem")).to_have_count(1)
    expect(screen.card(coat)).to_contain_text("棚番号")
    task = store.task(coat)
    assert (task["hold"]["state"], task["hold"]["shelf_number"]) == ("picked", "12")
    assert member.holds()[0]["shelf_number"] == "12"

    # Two more come while the page is open.
    bag = others[1].hold("demo-store", "bag-l", eta_min=25)
    others[2].hold("demo-store", "umbrella", eta_min=0)
    expect(to_fetch.get_by_role("listitem")).to_have_count(3)
    expect(screen.page.get_by_role("status")).to_contain_text("新しい依頼が")
    expect(screen.card(bag)).to_contain_text("不明")
    screen.picked(bag, "A-3")
    expect(on_shelf.get_by_role("listitem")).to_have_count(2)
    photograph(screen, "store_page")

    screen.press(mug, "見つからない")
    expect(done).to_contain_text("見つからず")
    assert store.task(mug)["hold"]["state"] == "not_found"
    assert store.flags() == [("mug-w", "not_found")]
    assert others[0].holds()[0]["state"] == "not_found"

    screen.press(coat, "渡した")
    expect(done).to_contain_text("お渡し済み")
    assert store.task(coat)["hold"]["state"] == "handed_over"
    assert store.available(member, "coat-m") == 4

    # Not coming any more: it has to go back.
    others[1].release(bag)
    back = screen.section("売場へ戻す")
    expect(back.get_by_role("listitem")).to_have_count(1)
    screen.press(bag, "戻した")
    expect(back.get_by_role("listitem")).to_have_count(0)
    assert store.task(bag)["hold"]["shelf_number"] is None
    assert store.available(member, "bag-l") == 5
    # Nothing was asked of anybody else, and nothing was against the policy.
    assert all(asked.startswith(backend.url) for asked in screen.asked)
    assert screen.complaints == []


def test_a_token_is_asked_for_once_and_a_wrong_one_is_refused(store, member, screen):
    member.hold("demo-store", "coat-m", eta_min=12)
    screen.open("not-the-token-of-a-till")
    expect(screen.page.get_by_role("alert").first).to_contain_text("このトークンは使えません")
    expect(screen.page.get_by_label("レジのトークン")).to_be_focused()
    screen.page.get_by_label("レジのトークン").fill(TILL_TOKEN)
    screen.page.get_by_role("button", name="始める").tap()
    expect(screen.page.get_by_role("listitem")).to_have_count(1)
    expect(screen.page.locator("#error")).to_be_hidden()
    screen.page.reload()
    expect(screen.page.get_by_role("listitem")).to_have_count(1)
    # It is kept in this tab only, and goes with it.
    assert screen.page.evaluate("localStorage.length") == 0
    screen.page.get_by_role("button", name="終了").tap()
    expect(screen.page.get_by_label("レジのトークン")).to_be_visible()
    assert screen.page.evaluate("sessionStorage.getItem('token')") is None


def test_everything_goes_by_keyboard_and_in_english(store, member, screen):
    hold = member.hold("demo-store", "coat-m", eta_min=12)
    screen.open()
    screen.page.get_by_role("button", name="English").tap()
    expect(screen.page.locator("html")).to_have_attribute("lang", "en")
    card = screen.card(hold)
    expect(card).to_contain_text(re.compile("here in 1[12] min"))
    picked = card.get_by_role("button", name="Picked")
    picked.focus()
    # A poll leaves the focus where it is.
    with screen.page.expect_response("**/v1/store/tasks"):
        pass
    expect(picked).to_be_focused()
    screen.page.keyboard.press("Enter")
    expect(card.get_by_label("Number on the hold shelf")).to_be_focused()
    screen.page.keyboard.type("7")
    with screen.page.expect_response("**/v1/store/tasks"):
        pass
    expect(card.get_by_label("Number on the hold shelf")).to_have_value("7")
    screen.page.keyboard.press("Enter")
    handed_over = card.get_by_role("button", name="Handed over")
    expect(handed_over).to_be_visible()
    assert store.task(hold)["hold"]["shelf_number"] == "7"
    # What a screen reader says of a button names the thing.
    described = handed_over.get_attribute("aria-describedby")
    assert screen.page.locator(f"#{described}").inner_text() == "ウールコート"
    # Read at arm's length and pressed with a finger.
    size = handed_over.evaluate("(button) => [button.offsetHeight, parseFloat(getComputedStyle(button).fontSize)]")
    assert size[0] >= 48 and size[1] >= 20, size
    assert screen.complaints == []


def test_an_answer_that_was_lost_is_asked_for_again_and_counts_once(store, member, screen):
    hold = member.hold("demo-store", "coat-m", eta_min=12)
    screen.open()
    before = json.dumps({"tasks": store.tasks(), "store_name": "demo-store", "as_of_ms": hold["made_at_ms"]})
    keys = []

    def lose(route):
        if route.request.method == "POST":
            keys.append(route.request.headers["idempotency-key"])
            if len(keys) == 1:
                route.fetch()
                route.abort()
            else:
                route.continue_()
        elif len(keys) == 1:
            # The page is not to learn in another way what became of it.
            route.fulfill(body=before, content_type="application/json")
        else:
            route.continue_()

    screen.page.route("**/v1/store/tasks", lose)
    screen.press(hold, "見つからない")
    expect(screen.card(hold).get_by_role("alert")).to_contain_text("送れませんでした")
    screen.press(hold, "もう一度")
    expect(screen.section("2時間以内に完了").get_by_role("listitem")).to_have_count(1)
    assert len(keys) == 2 and keys[0] == keys[1]
    assert store.flags() == [("coat-m", "not_found")]


def test_no_connection_is_said_and_late_ones_stand_out(store, member, screen):
    hold = member.hold("demo-store", "coat-m", eta_min=12)
    ends_in = {"ms": -60_000}

    def answer(route):
        told = route.fetch().json()
        told["tasks"][0]["hold"]["until_ms"] = told["as_of_ms"] + ends_in["ms"]
        route.fulfill(body=json.dumps(told), content_type="application/json")

    screen.page.route("**/v1/store/tasks", answer)
    screen.open()
    card = screen.card(hold)
    expect(card).to_contain_text("期限切れ")
    late = card.evaluate("(card) => getComputedStyle(card).borderTopColor")
    ends_in["ms"] = 4 * 60_000
    expect(card).to_contain_text("あと4分")
    assert card.evaluate("(card) => getComputedStyle(card).borderTopColor") != late
    screen.page.unroute("**/v1/store/tasks")
    screen.page.route("**/v1/store/tasks", lambda route: route.abort())
    expect(screen.page.get_by_role("alert").first).to_contain_text("つながりません")
    expect(card).to_be_visible()
    screen.page.unroute("**/v1/store/tasks")
    expect(screen.page.locator("#error")).to_be_hidden()
