"""The backend as a process, with somebody of each kind who may call it."""

import sys
import uuid
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "pages"), str(HERE.parents[1] / "bindings/python/tests")]

from backend import OPERATOR_TOKEN, TILL_TOKEN, Backend  # noqa: E402
from member import Member  # noqa: E402


class Callers:
    """Who may call what, as the document says it."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.tokens = {"app": Member(backend).token, "till": TILL_TOKEN, "operator": OPERATOR_TOKEN}

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
