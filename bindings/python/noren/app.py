"""The face of the core for asyncio: one class, the same verbs as in Kotlin and Swift."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from .generated.noren_core import (
    AreaReport,
    BestSetView,
    CardView,
    Change,
    ChangeObserver,
    CheckInReport,
    CheckInView,
    ConditionView,
    CouponSituation,
    CouponsReport,
    CouponView,
    DeviceKey,
    Diagnostics,
    FavouritesReport,
    FavouritesView,
    ForgetReport,
    Freshness,
    HistoryPage,
    HoldOutcome,
    HoldPage,
    HoldTrip,
    HoldWish,
    IntentState,
    IntentView,
    MemberState,
    MonthTotal,
    NearPage,
    NewCheckIn,
    Observation,
    PlacePage,
    PlaceView,
    Presentation,
    ProductSummary,
    ProductView,
    RankingView,
    RegionLimit,
    ReviewsView,
    ScanView,
    SecureStore,
    SendReport,
    StampCardView,
    StockMatrix,
    StockQuestion,
    StockReport,
    StockStoreView,
    StoreAnswer,
    Submission,
    Symbology,
    SyncReport,
)
from .generated.noren_ffi import AppCore, AppSettings, CancelToken, Position
from .generated.noren_rules import (
    Arrival,
    AssetInfo,
    BasketLine,
    Channel,
    Fit,
    Link,
    ReactionKind,
    Receipt,
    ScanSettings,
    SizeMm,
)
from .ordering import OrderingVerbs

T = TypeVar("T")


class NorenApp(OrderingVerbs):
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

    # ---- places

    async def refresh_places(self, lat_deg: float, lon_deg: float) -> AreaReport:
        """Asks what is newer around a position. The server learns tiles of about 110 km, never the position."""
        return await self._remote(AppCore.refresh_places, lat_deg, lon_deg)

    async def nearest_places(self, lat_deg: float, lon_deg: float, count: int = 20) -> NearPage:
        """The places that are nearest."""
        return await self._local(AppCore.nearest_places, lat_deg, lon_deg, count)

    async def places_within(self, lat_deg: float, lon_deg: float, radius_m: int) -> NearPage:
        """The places whose ground is at most ``radius_m`` metres away, nearest first."""
        return await self._local(AppCore.places_within, lat_deg, lon_deg, radius_m)

    async def place(self, place_id: str) -> PlaceView:
        """A place with its shops."""
        return await self._local(AppCore.place, place_id)

    async def search_places(self, text: str, limit: int = 50) -> PlacePage:
        """Places whose name or reading holds ``text``; one character is enough."""
        return await self._local(AppCore.search_places, text, limit)

    # ---- check-in

    async def follow(self, observations: list[Observation]) -> CheckInReport:
        """Takes what the system says of where the phone is, and answers what follows: check-ins, refusals, regions to register."""
        return await self._local(AppCore.follow, observations)

    async def limit_regions(self, limit: RegionLimit) -> None:
        """Whose limit of watched regions holds on this phone."""
        await self._local(AppCore.limit_regions, limit)

    async def scan_place_code(self, text: str) -> NewCheckIn:
        """A check-in by the signed code at the place, without location and without a network."""
        return await self._local(AppCore.scan_place_code, text)

    async def check_in_by_receipt(self, code: str) -> NewCheckIn:
        """A check-in by the code on a receipt; the backend says at which place."""
        return await self._local(AppCore.check_in_by_receipt, code)

    async def check_ins(self) -> list[CheckInView]:
        """Check-ins of the last 40 days and where they stand, newest first."""
        return await self._local(AppCore.check_ins)

    # ---- coupons and stamps

    async def refresh_coupons(self) -> CouponsReport:
        """Brings what is new of coupons: rules, grants for tills without a connection, the wallet."""
        return await self._remote(AppCore.refresh_coupons)

    async def coupons(
        self, *, place: str | None = None, store: str | None = None, channel: Channel | None = None
    ) -> list[CouponView]:
        """Every coupon, usable ones first, each with its state and why not now."""
        return await self._local(AppCore.coupons, CouponSituation(place=place, store=store, channel=channel))

    async def best_set(
        self, currency: str, lines: list[BasketLine], *, place: str | None = None, store: str | None = None, channel: Channel | None = None
    ) -> BestSetView:
        """The best set of coupons for a basket that the phone knows."""
        return await self._local(AppCore.best_set, currency, lines, CouponSituation(place=place, store=store, channel=channel))

    async def hold_back_coupon(self, offer: int, held: bool = True) -> None:
        """Holds an offer's coupons back from the card, or lets them be shown again."""
        await self._local(AppCore.hold_back_coupon, offer, held)

    async def begin_presentation(self) -> Presentation:
        """The card is about to be shown to a till: from here on its QR carries coupons."""
        return await self._local(AppCore.begin_presentation)

    async def end_presentation(self) -> None:
        """The card is put away: its QR carries no coupons any more."""
        await self._local(AppCore.end_presentation)

    async def coupon_not_scanned(self, serial: int) -> None:
        """The member says that no till has read a coupon that was shown: it can be shown again."""
        await self._local(AppCore.coupon_not_scanned, serial)

    async def take_push(self, text: str) -> ConditionView:
        """A signed condition that came by push: rain, a time sale."""
        return await self._local(AppCore.take_push, text)

    async def stamp_cards(self) -> list[StampCardView]:
        """Stamp cards, with the stamps of check-ins that the backend has not heard of yet."""
        return await self._local(AppCore.stamp_cards)

    # ---- the catalogue

    async def scan_settings(self, settings: ScanSettings) -> None:
        """What the operator has set up for scanning: in-store codes and hosts of own links. Once after each opening."""
        await self._local(AppCore.scan_settings, settings)

    async def scan(self, text: str, store: str | None = None) -> ScanView:
        """What a scanner read, and the product if it was seen here; ``not_known`` is for :meth:`find_product` otherwise."""
        return await self._local(AppCore.scan, text, store)

    async def find_product(self, number: str, store: str | None = None) -> ProductView | None:
        """A product by its digits, sku or id: from the phone, otherwise from the server. ``None`` when it is not sold."""
        return await self._remote(AppCore.find_product, number, store)

    async def product(self, product_id: str) -> ProductView:
        """A product that was seen, by its id."""
        return await self._local(AppCore.product, product_id)

    async def product_of(self, sku: str) -> ProductView:
        """The product of a variant."""
        return await self._local(AppCore.product_of, sku)

    async def search_products(self, text: str, limit: int = 50) -> list[ProductSummary]:
        """Products that were seen, whose title, reading, brand or number holds ``text``; one character is enough."""
        return await self._local(AppCore.search_products, text, limit)

    async def search_products_online(self, text: str, limit: int = 50) -> list[ProductSummary]:
        """Asks the server for products by a text, the best first, and keeps what came."""
        return await self._remote(AppCore.search_products_online, text, limit)

    async def refresh_products(self, ids: list[str]) -> int:
        """Asks for products anew. Answers how many are other than before."""
        return await self._remote(AppCore.refresh_products, ids)

    async def ranking(self) -> RankingView:
        """What sells, the best first, as it was heard last."""
        return await self._local(AppCore.ranking)

    async def refresh_ranking(self) -> bool:
        """Asks for the ranking. True when it has changed."""
        return await self._remote(AppCore.refresh_ranking)

    async def reviews(self, product_id: str) -> ReviewsView:
        """Reviews as far as they were read, and the member's own that waits or was refused."""
        return await self._local(AppCore.reviews, product_id)

    async def refresh_reviews(self, product_id: str, next_page: str | None = None) -> ReviewsView:
        """Asks for reviews: the first page anew, or the page after what is known."""
        return await self._remote(AppCore.refresh_reviews, product_id, next_page)

    async def write_review(self, product_id: str, stars: int, text: str = "") -> Submission:
        """What the member thinks of a product. Without a network it waits."""
        return await self._remote(AppCore.write_review, product_id, stars, text)

    async def like(self, sku: str, wanted: bool = True, watch: list[str] | None = None) -> None:
        """Likes a variant, or does not any more; it counts here at once."""
        await self._local(AppCore.like, sku, wanted, watch or [])

    async def favourites(self) -> FavouritesView:
        """What the member likes, newest first, and what came back in stock of it."""
        return await self._local(AppCore.favourites)

    async def refresh_favourites(self) -> FavouritesReport:
        """Asks what the member likes. What came back in stock is in the report once."""
        return await self._remote(AppCore.refresh_favourites)

    async def react(self, kind: ReactionKind, sku: str, store: str) -> None:
        """The member asked about a variant or tried it, in a store: counted there without saying of whom."""
        await self._local(AppCore.react, kind, sku, store)

    async def fits(self, product_id: str, room: SizeMm) -> Fit | None:
        """Whether a product fits into a room; ``None`` when its size is not known."""
        return await self._local(AppCore.fits, product_id, room)

    async def check_asset(self, asset: AssetInfo, content: bytes) -> None:
        """Checks the bytes of a picture or a model against the manifest. Show nothing that this refuses."""
        await self._local(AppCore.check_asset, asset, content)

    # ---- stock and holds

    async def refresh_stock(self, *stores: str, at: Position | None = None) -> StockReport:
        """Brings what has changed in the stores whose stock is kept, and in ``stores``. The server learns their ids,
        and by those that are near the area of the phone (about 110 km, in a city down to 7 km), never the position."""
        return await self._remote(AppCore.refresh_stock, list(stores), at)

    async def nearest_stock(
        self,
        *skus: str,
        product: str | None = None,
        wanted: str | None = None,
        here: str | None = None,
        at: Position | None = None,
        in_min: int | None = None,
        quantity: int = 1,
        per_variant: int = 3,
        open_first: bool = True,
    ) -> StockMatrix:
        """Where each variant is: the nearest stores that have it, the online shop, and what to do next."""
        question = StockQuestion(
            product=product,
            skus=list(skus),
            wanted=wanted,
            here=here,
            in_min=in_min,
            quantity=quantity,
            per_variant=per_variant,
            open_first=open_first,
        )
        return await self._local(AppCore.nearest_stock, question, at)

    async def stock_in(self, store: str, sku: str, *, in_min: int = 0, quantity: int = 1) -> StoreAnswer | None:
        """What is known of a variant in a store; ``None`` when nothing was ever heard of that store."""
        return await self._local(AppCore.stock_in, store, sku, Arrival(in_min=in_min, quantity=quantity))

    async def pin_store(self, store: str, pinned: bool = True) -> None:
        """Keeps a store's stock on the phone until it is unpinned."""
        await self._local(AppCore.pin_store, store, pinned)

    async def stock_stores(self) -> list[StockStoreView]:
        """The stores whose stock is kept, pinned ones first."""
        return await self._local(AppCore.stock_stores)

    async def hold(self, store: str, sku: str, *, eta_min: int, quantity: int = 1, at: Position | None = None) -> HoldOutcome:
        """Asks a store to hold a variant. A second tap makes no second one; with no network it waits for ten minutes."""
        return await self._remote(AppCore.hold, HoldWish(store=store, sku=sku, quantity=quantity, eta_min=eta_min), at)

    async def holds(self) -> HoldPage:
        """Holds and wishes, newest first."""
        return await self._local(AppCore.holds)

    async def refresh_holds(self) -> bool:
        """Asks what the stores have done about the member's holds. True when something is different."""
        return await self._remote(AppCore.refresh_holds)

    async def still_coming(self, hold: str, eta_min: int) -> Submission:
        """Still coming, in so many minutes."""
        return await self._remote(AppCore.still_coming, hold, eta_min)

    async def release_hold(self, hold: str) -> Submission:
        """Not coming: the piece is free again."""
        return await self._remote(AppCore.release_hold, hold)

    async def take_back_hold(self, key: str) -> None:
        """Takes a wish away that was never sent, was refused, or is over."""
        await self._local(AppCore.take_back_hold, key)

    async def release_when_away(self, wanted: bool = True) -> None:
        """Whether a hold is released by itself when the way has clearly led away."""
        await self._local(AppCore.release_when_away, wanted)

    async def on_the_way(self, observations: list[Observation]) -> list[HoldTrip]:
        """Takes fixes on the way and answers how it goes for each live hold. No position leaves the phone."""
        return await self._local(AppCore.on_the_way, observations)

    async def instead_of_hold(self, hold: str, at: Position | None = None) -> StockMatrix:
        """Where else it is, and in which other sizes, when the store did not find what was held."""
        return await self._local(AppCore.instead_of_hold, hold, at)

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
