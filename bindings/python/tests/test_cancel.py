"""Async discipline: each verb that waits for the network is cancelled midway, before its call arrives and after it was answered, and leaves things sound."""

import asyncio

import pytest
from noren import CancelToken, Link, NorenError, ServerErasure

MOMENTS = ["before", "after"]


async def cancelled_midway(wire, path, when, verb):
    """Starts `verb`, waits until its call to `path` is held, cancels its task, and lets the wire go on."""
    wire.hold(path, when)
    task = asyncio.create_task(verb)
    await asyncio.to_thread(wire.seen.wait, 60)
    assert wire.seen.is_set() and not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wire.release.set()


async def enrolled(phone):
    app = await phone.open()
    member = await app.enrol()
    await app.refresh_history()
    return app, member


@pytest.mark.parametrize("when", MOMENTS)
async def test_enrol(backend, wire, wired_phone, when):
    app = await wired_phone.open()
    await cancelled_midway(wire, "/v1/enrolments", when, app.enrol())
    state = await app.member()
    assert state.is_ENROLLING() or state.is_NOT_ENROLLED()
    made = wired_phone.key.path.read_bytes()
    app = await wired_phone.open()
    if (await app.member()).is_ENROLLING():
        await app.network_returned()
    if not (await app.member()).is_ENROLLED():
        await app.enrol()
    member = await app.member()
    assert member.is_ENROLLED()
    assert wired_phone.key.path.read_bytes() == made, "the same device, not a second one"
    assert backend.sell((await app.card()).text, ("茶", 100))["member_found"]
    assert not [view for view in await app.waiting() if view.state.name in ("PENDING", "SENDING", "UNKNOWN")]


@pytest.mark.parametrize("when", MOMENTS)
async def test_link(backend, wire, wired_phone, when):
    backend.register("17850")
    backend.sell({"number": {"number": "17850"}}, ("昔", 300))
    app, _ = await enrolled(wired_phone)
    await cancelled_midway(wire, "/v1/links", when, app.link(Link.NUMBER(number="17850", pin="0000")))
    app = await wired_phone.open()
    await app.network_returned()
    await app.refresh_member()
    if not (await app.member()).linked:
        assert (await app.link(Link.NUMBER(number="17850", pin="0000"))).is_DONE()
    await app.refresh_history()
    assert [r.total_minor for r in (await app.history()).receipts] == [300]
    assert len((await app.member()).linked) == 1


@pytest.mark.parametrize("when", MOMENTS)
async def test_claim(backend, wire, wired_phone, when):
    code = backend.sell("names-nobody", ("傘", 1100))["claim_code"]
    app, _ = await enrolled(wired_phone)
    await cancelled_midway(wire, "/v1/claims", when, app.claim(code))
    app = await wired_phone.open()
    assert [view.kind for view in await app.waiting()] == ["claim"], "what was said is kept"
    await app.network_returned()
    assert await app.waiting() == []
    await app.refresh_history()
    assert [r.total_minor for r in (await app.history()).receipts] == [1100], "claimed once"


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("verb", ["send_due", "network_returned"])
async def test_sending(backend, wire, wired_phone, when, verb):
    code = backend.sell("names-nobody", ("傘", 1100))["claim_code"]
    app, _ = await enrolled(wired_phone)
    await cancelled_midway(wire, "/v1/claims", "before", app.claim(code))
    app = await wired_phone.open()
    await cancelled_midway(wire, "/v1/claims", when, getattr(app, verb)())
    app = await wired_phone.open()
    report = await app.network_returned()
    assert (report.done, report.open) == (1, 0)
    await app.refresh_history()
    assert [r.total_minor for r in (await app.history()).receipts] == [1100]


@pytest.mark.parametrize("when", MOMENTS)
async def test_resolve(backend, wire, wired_phone, when):
    code = backend.sell("names-nobody", ("傘", 1100))["claim_code"]
    app, _ = await enrolled(wired_phone)
    await cancelled_midway(wire, "/v1/claims", "after", app.claim(code))
    [waiting] = await app.waiting()
    await cancelled_midway(wire, "/v1/resolutions", when, app.resolve(waiting.key))
    assert (await app.resolve(waiting.key)).name == "DONE", "the answer that was lost is found"
    assert await app.waiting() == []
    await app.refresh_history()
    assert [r.total_minor for r in (await app.history()).receipts] == [1100]


@pytest.mark.parametrize("when", MOMENTS)
async def test_refreshes(backend, wire, wired_phone, when):
    app, member = await enrolled(wired_phone)
    backend.sell((await app.card()).text, ("飴", 100))
    await cancelled_midway(wire, "/v1/receipts", when, app.refresh_history())
    page = await app.history()
    assert page.receipts == []
    await cancelled_midway(wire, "/v1/membership", when, app.refresh_member())
    assert await app.member() == member, "what is shown stays as it was"
    assert (await app.refresh_history()).new_receipts == 1
    assert await app.refresh_member() is True
    assert (await app.history()).freshness.complete


@pytest.mark.parametrize("when", MOMENTS)
async def test_forget_me(backend, wire, wired_phone, when):
    app, member = await enrolled(wired_phone)
    await cancelled_midway(wire, "/v1/erasures", when, app.forget_me())
    assert set(wired_phone.files()) == {"erase.pending"}, "decided is decided"
    app = await wired_phone.open()
    assert (await app.member()).is_FORGETTING()
    await app.network_returned()
    assert (await app.member()).is_NOT_ENROLLED()
    assert (await app.forget_me()).server == ServerErasure.NOTHING_THERE()
    assert not wired_phone.key.path.exists()


async def test_a_token_ends_all_that_it_was_given_to_and_stays_cancelled(backend, wire, wired_phone):
    app, _ = await enrolled(wired_phone)
    core, token = app._opened(), CancelToken()
    wire.hold("/v1/receipts", "before")
    pulls = [asyncio.create_task(core.refresh_history(token)) for _ in range(3)]
    await asyncio.to_thread(wire.seen.wait, 60)
    token.cancel()
    for outcome in await asyncio.gather(*pulls, return_exceptions=True):
        assert isinstance(outcome, NorenError.Cancelled)
    wire.release.set()
    with pytest.raises(NorenError.Cancelled):
        await core.refresh_history(token)
    assert token.is_cancelled() and (await app.refresh_history()).new_receipts == 0


async def test_a_dropped_future_leaves_its_work_to_end_by_itself(backend, wire, wired_phone):
    """The generated call, without the facade: the Rust future is dropped, and what it had begun ends well."""
    app = await wired_phone.open()
    done = asyncio.Event()

    async def listen():
        async for _ in app.changes():
            if (await app.member()).is_ENROLLED():
                done.set()

    listening = asyncio.create_task(listen())
    wire.hold("/v1/enrolments", "on its way")
    task = asyncio.create_task(app._opened().enrol(None, None))
    await asyncio.to_thread(wire.seen.wait, 60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled() and not (await app.member()).is_ENROLLED()
    wire.release.set()
    await done.wait()
    listening.cancel()
    assert (await app.card()).text.startswith("NRN1:")


async def test_many_readers_and_a_puller_at_once(backend, phone):
    app, _ = await enrolled(phone)
    for n in range(5):
        backend.sell((await app.card()).text, (f"品{n}", 100 + n))
    pull = asyncio.create_task(app.refresh_history())
    reads = [app.history(), app.card(), app.member(), app.waiting(), app.freshness(), app.month_totals()] * 6
    assert not [r for r in await asyncio.gather(*reads, return_exceptions=True) if isinstance(r, BaseException)]
    assert (await pull).new_receipts >= 1
