"""What the tests share."""

import asyncio
import inspect
import json

import pytest
from backend import Backend, Wire
from phone import Phone


@pytest.fixture
def backend():
    served = Backend()
    yield served
    if served.process.poll() is None:
        served.stop()


@pytest.fixture
def keys(backend, tmp_path):
    """The till's signed document, in a file."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(backend.keys()))
    return path


@pytest.fixture
def phone(backend, tmp_path):
    phone = Phone(tmp_path / "phone", backend.url)
    yield phone
    phone.close()


@pytest.fixture
def wire(backend):
    wire = Wire(backend)
    yield wire
    wire.stop()


@pytest.fixture
def wired_phone(wire, tmp_path):
    """A phone whose calls can be held on their way."""
    phone = Phone(tmp_path / "phone", wire.url)
    yield phone
    phone.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs ``async def`` tests, each on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**arguments), timeout=120))
    return True
