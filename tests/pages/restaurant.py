"""A store that cooks, as its operator put it, and a guest who orders there, as far as the backend hears of them."""

import base64
import os

from backend import TILL_TOKEN, Backend
from member import Member

STORE = "demo-store"
GRILL, FRYER = "焼き場", "揚げ場"


def both(ja: str, en: str) -> dict:
    return {"ja": ja, "en": en}


def item(name: str, titles: dict, amount_minor: int, station: str, seconds: int, **more) -> dict:
    plain = {"id": name, "sku": name, "title": titles, "prices": [{"amount_minor": amount_minor}], "tax_class": "food"}
    return plain | {"make": [{"station": station, "seconds": seconds}]} | more


BURGER = item("burger", both("テリヤキバーガー", "Teriyaki burger"), 620, GRILL, 180, groups=["extras"])
FRIES = item("fries", both("フライドポテト", "Fries"), 300, FRYER, 120)
WINE = item("wine", both("梅酒", "Plum wine"), 500, FRYER, 30, tax_class="alcohol", least_age=20)
CHEESE = {"id": "cheese", "title": both("チーズ", "Cheese"), "prices": [{"amount_minor": 60}], "most": 2}
EXTRAS = {"id": "extras", "title": both("追加", "Extras"), "max": 2, "modifiers": [CHEESE]}
MENU = {
    "store": STORE, "version": 1, "currency": "JPY", "sections": [{"title": both("定番", "Menu"), "items": ["burger", "fries", "wine"]}],
    "items": [BURGER, FRIES, WINE], "groups": [EXTRAS],
}  # fmt: skip
KITCHEN = {
    "store": STORE, "stations": [{"id": GRILL, "makers": 1}, {"id": FRYER, "makers": 2}],
    "hours": {"spans": [{"weekday": day, "opens_min": 0, "closes_min": 1440} for day in range(7)], "utc_offset_min": 540},
    "step_min": 5, "least_lead_min": 0, "earliest_start_min": 20, "hold_s": 600, "same_day": True, "later_days": 1, "alternatives": 3,
}  # fmt: skip
TERMS = {
    "store": STORE, "store_name": both("丸の内店", "Marunouchi"), "issuer": {"name": "暖簾食堂", "registration_number": "T1180301018771"},
    "currency": "JPY", "rounding": "down", "handoffs": ["counter_pickup", "curbside", "dine_in"], "methods": ["at_counter"],
    "capture": "at_hand_over", "auto_accept": False, "accept_within_s": 600, "keep_min": 60, "keep_goods_days": 7, "complete_after_min": 60,
    "charge_no_show": False, "attach_within_min": 60, "utc_offset_min": 540,
}  # fmt: skip


class Restaurant:
    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        backend.operator("/v1/operator/menus", {"menus": [MENU], "kitchens": [KITCHEN], "terms": [TERMS]})

    def order(self, order: dict) -> dict:
        kitchen = self.backend.call("GET", "/v1/kitchen", token=TILL_TOKEN)
        return next(one for one in kitchen["orders"] if one["id"] == order["id"])


def fresh_id() -> str:
    return base64.b32encode(os.urandom(10)).decode().lower()


class Guest(Member):
    def line(self, name: str, quantity: int = 1, note: str = "", cheese: int = 0) -> dict:
        modifiers = [{"group": "extras", "modifier": "cheese", "quantity": cheese}] if cheese else []
        return {"item": name, "quantity": quantity, "note": note, "modifiers": modifiers}

    def order(self, *lines: dict, handoff: str = "counter_pickup", tax_handoff: str = "take_out", **more) -> dict:
        """Orders what the backend shows: it asks first, as nothing was shown before, and hears a yes."""
        cart = {"handoff": handoff, "tax_handoff": tax_handoff, "lines": list(lines), "declared_age": 40}
        first, second = fresh_id(), fresh_id()
        wish = {"order": first, "store": STORE, "cart": cart, "time": "asap"}
        held = self.backend.call("POST", "/v1/slots/holds", wish, self.token)
        assert held["hold"], held
        nothing = {
            "store": STORE, "store_name": {}, "seller": "", "menu_version": 0, "handoff": handoff, "tax_handoff": tax_handoff, "currency": "JPY",
            "lines": [], "discount_minor": 0, "points": 0, "points_minor": 0, "points_pay": False, "taxes": [], "total_minor": 0,
            "to_pay_minor": 0, "method": "at_counter", "capture": "at_hand_over", "promised_ms": held["hold"]["slot"]["promised_ms"],
            "kept_until_ms": 0, "cancel": {"text": {}}, "utc_offset_min": 540,
        }  # fmt: skip
        request = {"id": first, "store": STORE, "of": "menu", "cart": cart, "time": "asap", "shown": nothing, "payment": {"method": "at_counter"}}
        asked = self.backend.call("POST", "/v1/orders", request | more, self.token)["question"]
        yes = request | more | {"id": second, "replaces": first, "shown": asked["shown_now"]}
        answer = self.backend.call("POST", "/v1/orders", yes, self.token)
        assert answer["question"] is None, answer
        self.asked_for = yes
        return answer["order"]

    def view(self, order: dict) -> dict:
        orders = self.backend.call("GET", "/v1/orders", token=self.token)["orders"]
        return next(one for one in orders if one["id"] == order["id"])

    def says(self, order: dict, step: dict, at_ms: int) -> dict:
        return self.backend.call("POST", "/v1/orders/steps", {"order": order["id"], "step": step, "at_ms": at_ms}, self.token)
