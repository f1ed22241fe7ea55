"""What the platform may do to the core: lock, lose its key, fail, throw."""

import asyncio

import noren
import pytest
from noren import EnrolmentCause, LostKind, MemberError, NorenError, OpenError, PlatformError


async def test_a_locked_phone_changes_nothing(backend, phone):
    phone.store.locked = True
    with pytest.raises(NorenError.Open) as first_start:
        await phone.open()
    assert isinstance(first_start.value.error, OpenError.Locked)
    assert phone.files() == {}
    phone.store.locked = False
    app = await phone.open()
    member = await app.enrol()
    await app.refresh_history()
    await app.pause()
    phone.close()
    before = phone.files()
    for lock in (phone.store, phone.key):
        lock.locked = True
        with pytest.raises(NorenError.Open) as locked:
            await phone.open()
        assert isinstance(locked.value.error, OpenError.Locked)
        assert phone.files() == before, "not a byte was changed"
        lock.locked = False
    app = await phone.open()
    assert (await app.member()).member_id == member.member_id
    phone.key.locked = True
    with pytest.raises(NorenError.Member) as signing:
        await app.card()
        await app.prepare_next_card()
    assert isinstance(signing.value.error.error, PlatformError.Locked)


async def test_a_restored_phone_asks_to_enrol_again_and_names_what_it_lost(backend, phone):
    app = await phone.open()
    member = await app.enrol()
    backend.sell((await app.card()).text, ("本", 1200))
    await app.refresh_history()
    await app.pause()
    phone.close()
    # The files came over from the old phone; its safe and its key did not.
    phone.key.path.unlink()
    for secret in (phone.home / "safe").iterdir():
        secret.unlink()
    app = await phone.open()
    state = await app.member()
    assert state.is_NEEDS_ENROLMENT() and state.cause is EnrolmentCause.KEY_LOST
    lost = {type(item.what).__name__ if not hasattr(item.what, "name") else item.what.name: item.count for item in state.lost}
    assert any(item.what == LostKind.CARD() for item in state.lost), lost
    assert [item.count for item in state.lost if item.what == LostKind.RECEIPTS()] == [1]
    again = await app.enrol()
    assert again.is_ENROLLED() and again.device_id != member.device_id
    assert (await app.card()).text.startswith("NRN1:")


class Throwing(noren.DeviceKey):
    """A key whose platform throws what no one expects."""

    def __init__(self, key):
        self._inner, self.throws = key, False

    def _ask(self, verb, *arguments):
        if self.throws:
            raise ValueError("the hardware said something odd")
        return getattr(self._inner, verb)(*arguments)

    def create(self):
        return self._ask("create")

    def public_key(self):
        return self._ask("public_key")

    def sign(self, message):
        return self._ask("sign", message)

    def delete(self):
        return self._ask("delete")


async def test_a_foreign_exception_is_an_error_and_not_a_crash(backend, phone):
    phone.key = Throwing(phone.key)
    app = await phone.open()
    phone.key.throws = True
    with pytest.raises(NorenError.Member) as thrown:
        await app.enrol()
    assert isinstance(thrown.value.error, MemberError.Platform)
    assert isinstance(thrown.value.error.error, PlatformError.Failed)
    assert "something odd" in thrown.value.error.error.reason
    phone.key.throws = False
    assert (await app.enrol()).is_ENROLLED()
    phone.key.throws = True
    with pytest.raises(NorenError.Open):
        await phone.open()
    phone.key.throws = False
    assert (await (await phone.open()).member()).is_ENROLLED()


class WrongTypes(noren.DeviceKey):
    """A key that answers what the contract does not allow."""

    def __init__(self, key):
        self._inner, self.answer = key, None

    def create(self):
        return self._inner.create()

    def public_key(self):
        return self._inner.public_key()

    def sign(self, message):
        return self._inner.sign(message) if self.answer is None else self.answer

    def delete(self):
        self._inner.delete()


@pytest.mark.parametrize("answer", [b"", b"\x30\x00", b"\xff" * 72, "text", 7], ids=repr)
async def test_a_signature_that_is_none_never_leaves_the_phone(backend, phone, answer):
    phone.key = WrongTypes(phone.key)
    app = await phone.open()
    phone.key.answer = answer
    with pytest.raises(NorenError.Member) as refused:
        await app.enrol()
    assert isinstance(refused.value.error, MemberError.Platform)
    phone.key.answer = None
    assert (await app.enrol()).is_ENROLLED()


class Failing(noren.ChangeObserver):
    def __init__(self):
        self.called = 0

    def changed(self, what):
        self.called += 1
        raise KeyError(what)


async def test_an_observer_that_throws_harms_nobody(backend, phone):
    app = await phone.open()
    failing = Failing()
    observation = app._opened().observe(failing)
    assert (await app.enrol()).is_ENROLLED()
    assert failing.called
    observation.cancel()
    called = failing.called
    await app.refresh_history()
    await asyncio.sleep(0)
    assert failing.called == called


async def test_bad_input_is_a_typed_error(backend, phone):
    app = await phone.open()
    with pytest.raises((TypeError, ValueError, OverflowError)):
        await app.history(limit=-1)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        await app.history(before=2**63)
    assert (await app.history(before=-(2**63), limit=0)).receipts == []
    assert (await app.history(limit=2**32 - 1)).receipts == []
    for text in ("", " ", "\0", "‮", "x" * 100_000, "'; DROP TABLE receipts; --", '"*'):
        assert (await app.search(text)).receipts == [], repr(text[:20])
    phone.close()
    with pytest.raises(RuntimeError):
        await app.member()
    for url in ("", "not a url", "ftp://example.jp"):
        phone.backend_url = url
        app = await phone.open()
        with pytest.raises(NorenError.Member):
            await app.enrol()
