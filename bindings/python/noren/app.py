"""The face of the core for asyncio: one class, the same verbs as in Kotlin and Swift."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from .generated.noren_core import (
    CardView,
    Change,
    ChangeObserver,
    DeviceKey,
    Diagnostics,
    ForgetReport,
    Freshness,
    HistoryPage,
    IntentState,
    IntentView,
    MemberState,
    MonthTotal,
    SecureStore,
    SendReport,
    Submission,
    Symbology,
    SyncReport,
)
from .generated.noren_ffi import AppCore, AppSettings, CancelToken
from .generated.noren_rules import Link, Receipt

T = TypeVar("T")


class NorenApp:
    """The app core of one member on one device. Open one a directory, with :meth:`open`.

    Local reads run on a worker thread, never on the event loop's. Verbs that wait for the network end when their task is cancelled: what is
    running is stopped first, and an intent that was made stays in the outbox. Every verb may raise ``NorenError``.
    """

    def __init__(self, core: AppCore) -> None:
        """Not to be called: see :meth:`open`."""
        self._core: AppCore | None = core

    @classmethod
    async def open(
        cls,
        directory: str,
        backend_url: str,
        secure_store: SecureStore,
        device_key: DeviceKey,
        *,
        language: str = "ja",
        boot_id: str = "",
    ) -> NorenApp:
        """Opens the core in ``directory``. Never touches the network. An empty ``boot_id`` asks the kernel."""
        settings = AppSettings(directory=str(directory), backend_url=backend_url, language=language, boot_id=boot_id)
        return cls(await asyncio.to_thread(AppCore.open, settings, secure_store, device_key))

    # ---- the member

    async def member(self) -> MemberState:
        """Where this device stands: not enrolled, enrolled, or what was lost."""
        return await self._local(AppCore.member)

    async def enrol(self, link: Link | None = None) -> MemberState:
        """Makes this device a member's card, without an account or taking one over. Needs the network once."""
        return await self._remote(AppCore.enrol, link)

    async def link(self, link: Link) -> Submission:
        """Joins the history of a card number or an account of the online shop to this member."""
        return await self._remote(AppCore.link, link)

    async def refresh_member(self) -> bool:
        """Asks for points and links, and renews the credential if it is time. True when something changed."""
        return await self._remote(AppCore.refresh_member)

    async def card(self, symbology: Symbology = Symbology.QR) -> CardView:
        """The card as it is to be shown now. Writes nothing, asks no server."""
        return await self._local(AppCore.card, symbology)

    async def prepare_next_card(self) -> None:
        """Makes the next step's code ahead of time, after one has been shown."""
        await self._local(AppCore.prepare_next_card)

    # ---- the purchase history

    async def refresh_history(self) -> SyncReport:
        """Pulls receipts that are new or changed."""
        return await self._remote(AppCore.refresh_history)

    async def history(self, before: int | None = None, limit: int = 50) -> HistoryPage:
        """A page of the timeline, newest first; ``before`` is ``next`` of the page before."""
        return await self._local(AppCore.history, before, limit)

    async def search(self, text: str, before: int | None = None, limit: int = 50) -> HistoryPage:
        """The newest receipts with a line whose description holds ``text``; one character is enough."""
        return await self._local(AppCore.search, text, before, limit)

    async def receipt(self, receipt_id: str) -> Receipt:
        """A whole receipt with its lines."""
        return await self._local(AppCore.receipt, receipt_id)

    async def month_totals(self) -> list[MonthTotal]:
        """Totals per month, currency and channel, newest month first."""
        return await self._local(AppCore.month_totals)

    async def freshness(self) -> Freshness:
        """How fresh and how whole the history is."""
        return await self._local(AppCore.freshness)

    async def claim(self, code: str) -> Submission:
        """Claims a receipt of a sale made without the card, by the code printed on it."""
        return await self._remote(AppCore.claim, code)

    async def export_json(self) -> str:
        """Everything on the device about purchases, as one JSON document."""
        return await self._local(AppCore.export_json)

    async def export_csv(self) -> str:
        """The same as a table, one row a line."""
        return await self._local(AppCore.export_csv)

    # ---- the outbox

    async def send_due(self) -> SendReport:
        """Sends what is due."""
        return await self._remote(AppCore.send_due)

    async def network_returned(self) -> SendReport:
        """There is a network again: waits end now, and what is due is sent."""
        return await self._remote(AppCore.network_returned)

    async def waiting(self) -> list[IntentView]:
        """What was said and has no answer, or was refused."""
        return await self._local(AppCore.waiting)

    async def resolve(self, key: str) -> IntentState:
        """Asks the server what became of an intent that may have arrived."""
        return await self._remote(AppCore.resolve, key)

    # ---- the whole

    async def forget_me(self) -> ForgetReport:
        """Forgets the member here now, and on the backend as soon as it can be reached. Close this then and open again."""
        return await self._remote(AppCore.forget_me)

    async def pause(self) -> None:
        """Closes the databases, so that no file lock is held. The card still shows."""
        await self._local(AppCore.pause)

    async def resume(self) -> None:
        """After :meth:`pause`."""
        await self._local(AppCore.resume)

    async def diagnostics(self) -> Diagnostics:
        """The state of files and clock for a support desk: no secret, no content."""
        return await self._local(AppCore.diagnostics)

    async def changes(self) -> AsyncIterator[Change]:
        """What changes from the first ``anext`` on, after it was committed. Ends with ``aclose``, or with the task."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue()
        observation = self._opened().observe(_Forward(lambda change: loop.call_soon_threadsafe(queue.put_nowait, change)))
        try:
            while True:
                yield await queue.get()
        finally:
            observation.cancel()

    def close(self) -> None:
        """Lets the core go. Verbs that are running end by themselves; later ones raise ``RuntimeError``."""
        self._core = None

    # ---- how

    def _opened(self) -> AppCore:
        if self._core is None:
            raise RuntimeError("this NorenApp is closed: open another one")
        return self._core

    async def _local(self, verb: Callable[..., T], *arguments: object) -> T:
        return await asyncio.to_thread(verb, self._opened(), *arguments)

    async def _remote(self, verb: Callable[..., Awaitable[T]], *arguments: object) -> T:
        token = CancelToken()
        running = asyncio.ensure_future(verb(self._opened(), *arguments, token))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            token.cancel()
            # The core answers when what was running has stopped; its answer has nobody left to go to.
            await asyncio.gather(running, return_exceptions=True)
            raise


class _Forward(ChangeObserver):
    def __init__(self, tell: Callable[[Change], object]) -> None:
        self._tell = tell

    def changed(self, what: Change) -> None:
        self._tell(what)
