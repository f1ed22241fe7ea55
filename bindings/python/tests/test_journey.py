"""The whole journey of a shopper, through the Python face, against the backend as a process."""

import asyncio
import csv
import io
import json

import pytest
from backend import verify_offline
from noren import (
    CallError,
    Channel,
    Link,
    LinkedIdentity,
    MemberError,
    MemberState,
    NorenError,
    PurchasesError,
    ReceiptKind,
    ServerErasure,
    StorageError,
    Submission,
    Symbology,
    TransportError,
    card_png,
    card_svg,
    card_terminal_text,
)


def found(page):
    return [receipt.number for receipt in page.receipts]


async def test_a_shopper_enrols_shows_buys_and_finds_it_again_offline(backend, keys, phone):
    app = await phone.open()
    assert await app.member() == MemberState.NOT_ENROLLED()
    with pytest.raises(NorenError.Member) as refused:
        await app.card()
    assert isinstance(refused.value.error, MemberError.NotEnrolled)

    member = await app.enrol()
    assert member.is_ENROLLED() and member.linked == [] and member.points == 0
    card = await app.card()
    assert card.symbology is Symbology.QR and card.text.startswith("NRN1:")
    [answer] = verify_offline(keys, card.text)
    assert answer == {"ok": True, "member": member.member_id, "step": card.step}

    sold = backend.sell(card.text, ("北海道牛乳 ﾁｰｽﾞ", 540), ("珈琲", 1080))
    assert sold["member_found"] and sold["points"] == 16
    backend.sell((await app.card(Symbology.EAN13)).text, ("White Metal LANTERN", 108), day="2026-10-31")
    backend.sell("names-nobody", ("誰かの", 324))
    synced = await app.refresh_history()
    assert (synced.new_receipts, synced.changed_receipts) == (2, 0)
    assert (await app.refresh_history()).new_receipts == 0
    assert await app.refresh_member() is True
    assert (await app.member()).points == 17

    backend.stop()
    app = await phone.open()
    assert (await app.member()).points == 17
    page = await app.history()
    assert found(page) == ["1", "2"] and page.next is None
    assert page.freshness.complete and page.freshness.as_of_ms is not None
    newest = page.receipts[0]
    assert (newest.channel, newest.kind, newest.total_minor, newest.business_date) == (Channel.STORE, ReceiptKind.SALE, 1620, "2026-11-20")
    receipt = await app.receipt(newest.id)
    assert [line.description for line in receipt.lines] == ["北海道牛乳 ﾁｰｽﾞ", "珈琲"]
    assert [(tax.tax_permille, tax.gross_minor, tax.tax_minor) for tax in receipt.taxes] == [(80, 1620, 120)]
    for text, expected in {
        "乳": ["1"],
        "牛乳": ["1"],
        "チーズ": ["1"],
        "ちーず": ["1"],
        "ﾁ": ["1"],
        "ＬＡＮＴＥＲＮ": ["2"],
        "e": ["2"],
        "誰": [],
        "%": [],
    }.items():
        assert found(await app.search(text)) == expected, text
    totals = await app.month_totals()
    assert [(t.month, t.currency, t.channel, t.net_minor, t.sales_count) for t in totals] == [
        ("2026-11", "JPY", Channel.STORE, 1620, 1),
        ("2026-10", "JPY", Channel.STORE, 108, 1),
    ]
    first = await app.history(limit=1)
    second = await app.history(before=first.next, limit=1)
    assert found(first) + found(second) == ["1", "2"]

    exported = json.loads(await app.export_json())
    assert [r["number"] for r in exported["receipts"]] in (["1", "2"], ["2", "1"])
    rows = list(csv.reader(io.StringIO(await app.export_csv())))
    assert len(rows) == 1 + 3

    with pytest.raises(NorenError.Purchases) as offline:
        await app.refresh_history()
    assert isinstance(offline.value.error, PurchasesError.Call)
    assert isinstance(offline.value.error.error, CallError.Transport)
    assert isinstance(offline.value.error.error.error, TransportError.Offline)
    with pytest.raises(NorenError.Purchases) as unknown:
        await app.receipt("nothing")
    assert isinstance(unknown.value.error, PurchasesError.NoSuchReceipt)
    assert (await app.card()).text.startswith("NRN1:"), "the card shows where there is no network"


async def test_every_symbology_names_the_member_at_the_till(backend, phone):
    app = await phone.open()
    await app.enrol()
    for symbology in Symbology:
        card = await app.card(symbology)
        sold = backend.sell(card.text, ("水", 100))
        assert (card.symbology, sold["member_found"]) == (symbology, True), symbology
        assert card.number and card.matrix.width * card.matrix.height <= 8 * len(card.matrix.bits)
        assert (card.valid_until_ms is None) == (symbology in (Symbology.EAN13, Symbology.NW7))
        assert card_svg(card).startswith("<svg") or card_svg(card).startswith("<?xml")
        assert card_png(card, 4).startswith(b"\x89PNG")
        assert card_terminal_text(card)


async def test_a_plastic_card_and_an_online_account_bring_their_past(backend, phone):
    backend.register("17850", "13047")
    backend.sell({"number": {"number": "17850"}}, ("昔の買い物", 300), day="2026-01-15")
    backend.sell({"ec_account": {"account": "someone@example.com"}}, ("靴下", 900), channel="ec", day="2026-02-01")
    app = await phone.open()
    with pytest.raises(NorenError.Member) as wrong:
        await app.enrol(Link.NUMBER(number="17850", pin="1234"))
    assert isinstance(wrong.value.error, MemberError.LinkRefused)
    member = await app.enrol(Link.NUMBER(number="17850", pin="0000"))
    assert member.linked == [LinkedIdentity.NUMBER(number="17850")]
    code = backend.till("/v1/till/ec-codes", {"account": "someone@example.com"})["code"]
    assert await app.link(Link.EC(code=code)) == Submission.DONE()
    await app.refresh_history()
    page = await app.history()
    assert [(r.channel, r.total_minor) for r in page.receipts] == [(Channel.EC, 900), (Channel.STORE, 300)]
    with pytest.raises(NorenError.Member) as used:
        await app.link(Link.EC(code=code))
    assert isinstance(used.value.error, MemberError.LinkRefused)
    with pytest.raises(NorenError.Member) as twice:
        await app.enrol()
    assert isinstance(twice.value.error, MemberError.AlreadyEnrolled)


async def test_a_receipt_is_claimed_once_and_a_claim_waits_for_the_network(backend, phone, tmp_path):
    sold = backend.sell("this-names-nobody", ("傘", 1100))
    app = await phone.open()
    await app.enrol()
    assert await app.claim(sold["claim_code"]) == Submission.DONE()
    await app.refresh_history()
    assert [r.total_minor for r in (await app.history()).receipts] == [1100]
    with pytest.raises(NorenError.Purchases) as again:
        await app.claim("0000000000")
    assert isinstance(again.value.error, PurchasesError.ClaimRefused)
    backend.stop()
    waiting = await app.claim("1234567890")
    assert waiting.is_WAITING()
    [intent] = [view for view in await app.waiting() if view.key == waiting.key]
    assert (intent.kind, intent.state.name) == ("claim", "PENDING")
    report = await app.send_due()
    assert report.open >= 1
    app = await phone.open()
    assert waiting.key in [view.key for view in await app.waiting()], "what was said outlives the process"


async def test_observers_hear_what_changed(backend, phone):
    app = await phone.open()
    heard = []
    changed = asyncio.Event()

    async def listen():
        async for change in app.changes():
            heard.append(change.name)
            changed.set()

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    await app.enrol()
    await changed.wait()
    assert "MEMBER" in heard
    changed.clear()
    backend.sell((await app.card()).text, ("飴", 100))
    await app.refresh_history()
    while "PURCHASES" not in heard:
        await changed.wait()
        changed.clear()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    before = list(heard)
    await app.refresh_member()
    assert heard == before, "an observer that ended hears nothing more"


async def test_pause_closes_the_files_and_the_card_still_shows(backend, phone):
    app = await phone.open()
    await app.enrol()
    await app.refresh_history()
    await app.pause()
    assert not list(phone.directory.glob("*-wal")), "no log is left open"
    assert (await app.card()).text.startswith("NRN1:")
    with pytest.raises(NorenError.Purchases) as paused:
        await app.history()
    assert isinstance(paused.value.error.error, StorageError.Paused)
    await app.resume()
    assert (await app.history()).receipts == []
    diagnostics = await app.diagnostics()
    assert diagnostics.receipts == 0 and diagnostics.files and diagnostics.lost == []


@pytest.mark.parametrize("network", ["there", "gone"])
async def test_forget_me_leaves_no_byte_of_the_member(backend, phone, tmp_path, network):
    backend.register("17850")
    app = await phone.open()
    member = await app.enrol(Link.NUMBER(number="17850", pin="0000"))
    card = await app.card()
    number = (await app.card(Symbology.EAN13)).text
    backend.sell(card.text, ("秘密の買い物", 500))
    await app.refresh_history()
    await app.pause()
    await app.resume()
    traces = [member.member_id, member.device_id, "17850", number, "秘密の買い物", "渋谷店"]
    kept = b"".join(phone.files().values())
    assert "秘密の買い物".encode() in kept, "the test looks where receipts are"
    if network == "gone":
        backend.stop()
    report = await app.forget_me()
    assert report.server == (ServerErasure.DONE() if network == "there" else ServerErasure.WAITING())
    left = phone.files()
    for trace in traces:
        assert all(trace.encode() not in content for content in left.values()), trace
    assert (set(left) == {"erase.pending"}) == (network == "gone")
    assert phone.key.path.exists() == (network == "gone"), "the key goes with the server's answer"
    assert not list((phone.home / "safe").glob("*"))
    with pytest.raises(NorenError):
        await app.history()
    app = await phone.open()
    assert await app.member() == (MemberState.NOT_ENROLLED() if network == "there" else MemberState.FORGETTING())
