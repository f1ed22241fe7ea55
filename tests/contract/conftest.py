"""The backend as a process, with somebody of each kind who may call it."""

import sys
import uuid
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "pages"), str(HERE.parents[1] / "bindings/python/tests")]

from backend import OPERATOR_TOKEN, TILL_TOKEN, Backend  # noqa: E402
from restaurant import BURGER, STORE, Guest, Restaurant  # noqa: E402


class Callers:
    """Who may call what, as the document says it."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        # Something is there to be asked for: a menu, goods on a shelf, and an order of the member who calls.
        Restaurant(backend)
        price = {"amount_minor": 1_990, "currency": "JPY"}
        product = {"id": "mug", "title": {"ja": "マグカップ"}, "variants": [{"sku": "mug", "prices": [price]}]}
        backend.operator("/v1/operator/products", {"products": [product]})
        backend.operator("/v1/operator/stock", {"stores": [{"store": STORE, "source": "pos_feed", "holds": True}]})
        guest = Guest(backend)
        order = guest.order(guest.line("burger", 2))
        seat = backend.till("/v1/kitchen/seats", {"work": {"slip": {"seat": "4", "minutes": 90}}})["code"]
        session = backend.call("POST", "/v1/seats", {"code": seat}, guest.token)
        self.known = {
            "store": STORE, "stores": STORE, "store_id": STORE, "order": order["id"], "replaces": order["id"], "session": session["id"],
            "seat": session["id"], "item": BURGER["id"], "sku": "mug", "product": "mug", "from_ms": "0", "until_ms": "86400000",
        }  # fmt: skip
        cart = guest.asked_for["cart"]
        self.good = {
            "/v1/orders": guest.asked_for,
            "/v1/orders/steps": {"order": order["id"], "step": "cancel", "at_ms": 0},
            "/v1/slots/holds": {"order": "a" * 16, "store": STORE, "cart": cart, "time": "asap"},
            "/v1/self-baskets": {"store": STORE, "pieces": [{"sku": "mug", "quantity": 1}], "total_minor": 0},
            "/v1/kitchen/walk-ins": {"lines": cart["lines"], "tax_handoff": "take_out"},
            "/v1/kitchen/steps": {"order": order["id"], "step": "accept"},
            "/v1/kitchen/hand-overs": {"order": order["id"], "code": "ABCD2345"},
        }
        self.tokens = {"app": guest.token, "till": TILL_TOKEN, "operator": OPERATOR_TOKEN}

    def body(self, path: str, body: object, turn: int) -> object:
        """Every other call of those that a die never makes whole: a good body with one of the fields as they were thrown."""
        if turn % 2 or path not in self.good or not isinstance(body, dict) or not body:
            return self.with_known(body, turn + turn // 2)
        name = sorted(body)[turn // 2 % len(body)]
        return self.good[path] | {name: body[name]}

    def with_known(self, value: object, turn: int) -> object:
        """Every other call names what is there, so that it comes further than to a 404."""
        if turn % 2:
            return value
        if isinstance(value, dict):
            return {
                name: self.known[name] if name in self.known and isinstance(inner, str) else self.with_known(inner, turn)
                for name, inner in value.items()
            }
        return [self.with_known(inner, turn) for inner in value] if isinstance(value, list) else value

    def headers(self, definition: dict) -> dict:
        """A token of the first kind that may, and a key that nobody has used."""
        headers = {"idempotency-key": str(uuid.uuid4())}
        for requirement in definition.get("security", []):
            for scheme in requirement:
                return headers | {"authorization": f"Bearer {self.tokens[scheme]}"}
        return headers


@pytest.fixture(scope="session")
def backend():
    served = Backend()
    yield served
    served.stop()


@pytest.fixture(scope="session")
def callers(backend):
    return Callers(backend)


@pytest.fixture(scope="session")
def document(backend):
    import schemathesis

    return schemathesis.openapi.from_url(backend.url + "/openapi.json")
