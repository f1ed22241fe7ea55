package app.noren

import app.noren.core.AllergenNote
import app.noren.core.AreaReport
import app.noren.core.BestSetView
import app.noren.core.CardView
import app.noren.core.CartCheck
import app.noren.core.CartHandoff
import app.noren.core.CartOf
import app.noren.core.CartView
import app.noren.core.Change
import app.noren.core.ChangeObserver
import app.noren.core.CheckInReport
import app.noren.core.CheckInView
import app.noren.core.CheckoutWish
import app.noren.core.ConditionView
import app.noren.core.CouponSituation
import app.noren.core.CouponView
import app.noren.core.CouponsReport
import app.noren.core.DeviceKey
import app.noren.core.Diagnostics
import app.noren.core.FavouriteCart
import app.noren.core.FavouritesReport
import app.noren.core.FavouritesView
import app.noren.core.ForgetReport
import app.noren.core.Freshness
import app.noren.core.HistoryPage
import app.noren.core.HoldOutcome
import app.noren.core.HoldPage
import app.noren.core.HoldTrip
import app.noren.core.HoldWish
import app.noren.core.IntentState
import app.noren.core.IntentView
import app.noren.core.Journey
import app.noren.core.JourneyPoint
import app.noren.core.JourneyQuestion
import app.noren.core.MemberState
import app.noren.core.MenuItemDetail
import app.noren.core.MenuView
import app.noren.core.MonthTotal
import app.noren.core.NearPage
import app.noren.core.NewCheckIn
import app.noren.core.Observation
import app.noren.core.OrderChangeReview
import app.noren.core.OrderReview
import app.noren.core.OrderStepOutcome
import app.noren.core.OrderTrip
import app.noren.core.OrdersPage
import app.noren.core.PickupSlotsView
import app.noren.core.PickupWindow
import app.noren.core.PlacePage
import app.noren.core.PlaceView
import app.noren.core.PlaceWish
import app.noren.core.PlacedOrder
import app.noren.core.Presentation
import app.noren.core.ProductSummary
import app.noren.core.ProductView
import app.noren.core.RankingView
import app.noren.core.RegionLimit
import app.noren.core.ReorderedCart
import app.noren.core.ReviewsView
import app.noren.core.ScanView
import app.noren.core.SecureStore
import app.noren.core.SelfBasketTotal
import app.noren.core.SelfBasketView
import app.noren.core.SendReport
import app.noren.core.SlotHoldOutcome
import app.noren.core.SlotSuggestions
import app.noren.core.StampCardView
import app.noren.core.StockMatrix
import app.noren.core.StockQuestion
import app.noren.core.StockReport
import app.noren.core.StockStoreView
import app.noren.core.StoreAnswer
import app.noren.core.StoreStatus
import app.noren.core.Submission
import app.noren.core.Symbology
import app.noren.core.SyncReport
import app.noren.ffi.AppCore
import app.noren.ffi.AppSettings
import app.noren.ffi.CancelToken
import app.noren.ffi.NorenException
import app.noren.ffi.Position
import app.noren.rules.AddOns
import app.noren.rules.AllergenId
import app.noren.rules.Arrival
import app.noren.rules.AssetInfo
import app.noren.rules.BasketLine
import app.noren.rules.BasketPiece
import app.noren.rules.Cart
import app.noren.rules.CartLine
import app.noren.rules.Channel
import app.noren.rules.CheckInId
import app.noren.rules.DeliveryAddress
import app.noren.rules.Fit
import app.noren.rules.HandoffMode
import app.noren.rules.HoldId
import app.noren.rules.IdempotencyKey
import app.noren.rules.Link
import app.noren.rules.MenuItemId
import app.noren.rules.OrderId
import app.noren.rules.OrderSnapshot
import app.noren.rules.PickupPass
import app.noren.rules.PickupTime
import app.noren.rules.PlaceId
import app.noren.rules.ProductId
import app.noren.rules.ReactionKind
import app.noren.rules.Receipt
import app.noren.rules.ReceiptId
import app.noren.rules.ScanSettings
import app.noren.rules.SeatSession
import app.noren.rules.SizeMm
import app.noren.rules.Sku
import app.noren.rules.StoreId
import app.noren.rules.TaxHandoff
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel.Factory.UNLIMITED
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/**
 * The app core of one member on one device. Open one a directory, with [open], and keep it for the life of the process.
 *
 * Every verb suspends and may be called on the main thread: the work is done on the dispatcher given to [open]. Verbs that wait for the
 * network end when their coroutine is cancelled: what is running is stopped first, and an intent that was made stays in the outbox.
 * Every verb may throw a [NorenException].
 */
class NorenApp private constructor(private val core: AppCore, private val dispatcher: CoroutineDispatcher) : AutoCloseable {

    companion object {
        /**
         * Opens the core. Never touches the network.
         *
         * @param directory one of the app's own, excluded from backups.
         * @param bootId another one after each restart of the device: `BOOT_COUNT` on Android. Empty: the kernel is asked, which works on desktops.
         */
        suspend fun open(
            directory: String,
            backendUrl: String,
            secureStore: SecureStore,
            deviceKey: DeviceKey,
            language: String = "ja",
            bootId: String = "",
            dispatcher: CoroutineDispatcher = Dispatchers.IO,
        ): NorenApp = withContext(dispatcher) {
            NorenApp(AppCore.open(AppSettings(directory, backendUrl, language, bootId), secureStore, deviceKey), dispatcher)
        }
    }

    /** Where this device stands: not enrolled, enrolled, or what was lost. */
    suspend fun member(): MemberState = local { member() }

    /** Makes this device a member's card, without an account or taking one over. Needs the network once. */
    suspend fun enrol(link: Link? = null): MemberState = remote { enrol(link, it) }

    /** Joins the history of a card number or an account of the online shop to this member. */
    suspend fun link(link: Link): Submission = remote { link(link, it) }

    /** Asks for points and links, and renews the credential if it is time. True when something changed. */
    suspend fun refreshMember(): Boolean = remote { refreshMember(it) }

    /** The card as it is to be shown now; ask again at `validUntilMs`. Writes nothing, asks no server. */
    suspend fun card(symbology: Symbology = Symbology.QR): CardView = local { card(symbology) }

    /** Makes the next step's code ahead of time, after one has been shown. */
    suspend fun prepareNextCard() = local { prepareNextCard() }

    /** Pulls receipts that are new or changed. */
    suspend fun refreshHistory(): SyncReport = remote { refreshHistory(it) }

    /** A page of the timeline, newest first; [before] is `next` of the page before. */
    suspend fun history(before: Long? = null, limit: UInt = 50u): HistoryPage = local { history(before, limit) }

    /** The newest receipts with a line whose description holds [text]: one character is enough; width, case and kana do not matter. */
    suspend fun search(text: String, before: Long? = null, limit: UInt = 50u): HistoryPage = local { search(text, before, limit) }

    /** A whole receipt with its lines. */
    suspend fun receipt(id: ReceiptId): Receipt = local { receipt(id) }

    /** Totals per month, currency and channel, newest month first. */
    suspend fun monthTotals(): List<MonthTotal> = local { monthTotals() }

    /** How fresh and how whole the history is. */
    suspend fun freshness(): Freshness = local { freshness() }

    /** Claims a receipt of a sale made without the card, by the code printed on it. */
    suspend fun claim(code: String): Submission = remote { claim(code, it) }

    /** Everything on the device about purchases, as one JSON document. */
    suspend fun exportJson(): String = local { exportJson() }

    /** The same as a table, one row a line. */
    suspend fun exportCsv(): String = local { exportCsv() }

    /**
     * Asks what is newer around a position: places, and the rules of coupons. When a report of [follow] says `areaDue`, and before a journey.
     * The server learns tiles of about 110 km, never the position.
     */
    suspend fun refreshPlaces(latDeg: Double, lonDeg: Double): AreaReport = remote { refreshPlaces(latDeg, lonDeg, it) }

    /** The places that are nearest, at most 200. `areaKnown` is false where there may be nearer ones that the phone does not know. */
    suspend fun nearestPlaces(latDeg: Double, lonDeg: Double, count: UInt = 20u): NearPage = local { nearestPlaces(latDeg, lonDeg, count) }

    /** The places whose ground is at most [radiusM] metres away, nearest first. */
    suspend fun placesWithin(latDeg: Double, lonDeg: Double, radiusM: UInt): NearPage = local { placesWithin(latDeg, lonDeg, radiusM) }

    /** A place with its shops. */
    suspend fun place(id: PlaceId): PlaceView = local { place(id) }

    /** Places whose name or reading holds [text]: one character is enough; width, case and kana do not matter. */
    suspend fun searchPlaces(text: String, limit: UInt = 50u): PlacePage = local { searchPlaces(text, limit) }

    /**
     * Takes what the system says of where the phone is, in the order in which it came, and answers what follows: check-ins, refusals, what is
     * missing, regions to register. Where it throws, nothing was taken: give the same again.
     */
    suspend fun follow(observations: List<Observation>): CheckInReport = local { follow(observations) }

    /** Whose limit of watched regions holds on this phone: that of iOS, which is safe everywhere, unless it is said. */
    suspend fun limitRegions(limit: RegionLimit) = local { limitRegions(limit) }

    /** A check-in by the signed code at the place, without location and without a network. */
    suspend fun scanPlaceCode(text: String): NewCheckIn = local { scanPlaceCode(text) }

    /** A check-in by the code on a receipt; the backend says at which place. */
    suspend fun checkInByReceipt(code: String): NewCheckIn = local { checkInByReceipt(code) }

    /** Check-ins of the last 40 days and where they stand, newest first. */
    suspend fun checkIns(): List<CheckInView> = local { checkIns() }

    /** Brings what is new of coupons: rules, grants for tills without a connection, the wallet. */
    suspend fun refreshCoupons(): CouponsReport = remote { refreshCoupons(it) }

    /** Every coupon, usable ones first, each with its state and why not now. What is not known of the situation stays null. */
    suspend fun coupons(place: PlaceId? = null, store: StoreId? = null, channel: Channel? = null): List<CouponView> =
        local { coupons(CouponSituation(place, store, channel)) }

    /** The best set of coupons for a basket that the phone knows, such as an order that it makes itself. */
    suspend fun bestSet(
        currency: String,
        lines: List<BasketLine>,
        place: PlaceId? = null,
        store: StoreId? = null,
        channel: Channel? = null,
    ): BestSetView = local { bestSet(currency, lines, CouponSituation(place, store, channel)) }

    /** Holds an offer's coupons back from the card, or lets them be shown again. */
    suspend fun holdBackCoupon(offer: UInt, held: Boolean = true) = local { holdBackCoupon(offer, held) }

    /** The card is about to be shown to a till: from here on the QR of [card] carries the coupons that the member is willing to use. */
    suspend fun beginPresentation(): Presentation = local { beginPresentation() }

    /** The card is put away: its QR carries no coupons any more. */
    suspend fun endPresentation() = local { endPresentation() }

    /** The member says that no till has read a coupon that was shown: it can be shown again. */
    suspend fun couponNotScanned(serial: ULong) = local { couponNotScanned(serial) }

    /** A signed condition that came by push: rain, a time sale. */
    suspend fun takePush(text: String): ConditionView = local { takePush(text) }

    /** Stamp cards, with the stamps of check-ins that the backend has not heard of yet. */
    suspend fun stampCards(): List<StampCardView> = local { stampCards() }

    /** What the operator has set up for scanning: the prefix table of in-store codes and the hosts of own links. Once after each [open]. */
    suspend fun scanSettings(settings: ScanSettings) = local { scanSettings(settings) }

    /**
     * What a camera or a hand scanner read, and the product if it was seen here; `notKnown` is for [findProduct] otherwise. With a [store] it is
     * counted there, once a minute. A URL is to be shown, host first, and opened only if the person says so.
     */
    suspend fun scan(text: String, store: StoreId? = null): ScanView = local { scan(text, store) }

    /** A product by the digits below its bars, a sku, or its id: from the phone, otherwise from the server. Null when the shop does not sell it. */
    suspend fun findProduct(number: String, store: StoreId? = null): ProductView? = remote { findProduct(number, store, it) }

    /** A product that was seen, by its id. */
    suspend fun product(id: ProductId): ProductView = local { product(id) }

    /** The product of a variant, as a receipt or a favourite names it. */
    suspend fun productOf(sku: Sku): ProductView = local { productOf(sku) }

    /** Products that were seen, whose title, reading, brand or number holds [text]: one character is enough; an empty text finds all. */
    suspend fun searchProducts(text: String, limit: UInt = 50u): List<ProductSummary> = local { searchProducts(text, limit) }

    /** Asks the server for products by a text, the best first, and keeps what came. */
    suspend fun searchProductsOnline(text: String, limit: UInt = 50u): List<ProductSummary> = remote { searchProductsOnline(text, limit, it) }

    /** Asks for products anew, at most 200 at once. Answers how many are other than before. */
    suspend fun refreshProducts(ids: List<ProductId>): UInt = remote { refreshProducts(ids, it) }

    /** What sells, the best first, as it was heard last. */
    suspend fun ranking(): RankingView = local { ranking() }

    /** Asks for the ranking. True when it has changed. */
    suspend fun refreshRanking(): Boolean = remote { refreshRanking(it) }

    /** Reviews of a product as far as they were read, and the member's own that waits or was refused. */
    suspend fun reviews(product: ProductId): ReviewsView = local { reviews(product) }

    /** Asks for reviews: the first page anew, or with [next] of what is known the page after it. */
    suspend fun refreshReviews(product: ProductId, next: String? = null): ReviewsView = remote { refreshReviews(product, next, it) }

    /** What the member thinks of a product: 1 to 5 stars and a text, which may be empty. Without a network it waits. */
    suspend fun writeReview(product: ProductId, stars: UByte, text: String = ""): Submission = remote { writeReview(product, stars, text, it) }

    /** Likes a variant, or does not any more; stores in [watch] tell when it is back there. It counts here at once. */
    suspend fun like(sku: Sku, wanted: Boolean = true, watch: List<StoreId> = emptyList()) = local { like(sku, wanted, watch) }

    /** What the member likes, newest first, and what came back in stock of it. */
    suspend fun favourites(): FavouritesView = local { favourites() }

    /** Asks what the member likes and what is back in stock. What came back is in the report once. */
    suspend fun refreshFavourites(): FavouritesReport = remote { refreshFavourites(it) }

    /** The member asked the staff about a variant or tried it, in a store: counted there without saying of whom. */
    suspend fun react(kind: ReactionKind, sku: Sku, store: StoreId) = local { react(kind, sku, store) }

    /** Whether a product fits into a room of this size, as it is or turned; null when its size is not known. */
    suspend fun fits(product: ProductId, room: SizeMm): Fit? = local { fits(product, room) }

    /** Checks the bytes of a picture or a model against the manifest. Show nothing that this refuses. */
    suspend fun checkAsset(asset: AssetInfo, bytes: ByteArray) = local { checkAsset(asset, bytes) }

    /**
     * Brings what has changed in the stores whose stock is kept, and in [stores]. The server learns their ids, and by those
     * that are near the area of the phone (about 110 km, in a city down to 7 km), nothing finer: [at] stays
     * here.
     */
    suspend fun refreshStock(stores: List<StoreId> = emptyList(), at: Position? = null): StockReport = remote { refreshStock(stores, at, it) }

    /** Where each variant is: the nearest stores that have it, the online shop, and what to do next. One call for a whole matrix of colours and sizes. */
    suspend fun nearestStock(question: StockQuestion, at: Position? = null): StockMatrix = local { nearestStock(question, at) }

    /** What is known of a variant in a store; null when nothing was ever heard of that store. */
    suspend fun stockIn(store: StoreId, sku: Sku, inMin: UInt = 0u, quantity: UInt = 1u): StoreAnswer? =
        local { stockIn(store, sku, Arrival(inMin, quantity)) }

    /** Keeps a store's stock on the phone until it is unpinned. */
    suspend fun pinStore(store: StoreId, pinned: Boolean = true) = local { pinStore(store, pinned) }

    /** The stores whose stock is kept, pinned ones first. */
    suspend fun stockStores(): List<StockStoreView> = local { stockStores() }

    /** Asks a store to hold a variant. A second tap makes no second one; with no network it waits for ten minutes. */
    suspend fun hold(wish: HoldWish, at: Position? = null): HoldOutcome = remote { hold(wish, at, it) }

    /** Holds and wishes, newest first. */
    suspend fun holds(): HoldPage = local { holds() }

    /** Asks what the stores have done about the member's holds. True when something is different. */
    suspend fun refreshHolds(): Boolean = remote { refreshHolds(it) }

    /** Still coming, in so many minutes. */
    suspend fun stillComing(hold: HoldId, etaMin: UInt): Submission = remote { stillComing(hold, etaMin, it) }

    /** Not coming: the piece is free again. */
    suspend fun releaseHold(hold: HoldId): Submission = remote { releaseHold(hold, it) }

    /** Takes a wish away that was never sent, was refused, or is over. */
    suspend fun takeBackHold(key: IdempotencyKey) = local { takeBackHold(key) }

    /** Whether a hold is released by itself when the way has clearly led away; without it that is only proposed. */
    suspend fun releaseWhenAway(wanted: Boolean = true) = local { releaseWhenAway(wanted) }

    /** Takes fixes on the way and answers how it goes for each live hold; [sendDue] tells the minutes. No position leaves the phone. */
    suspend fun onTheWay(observations: List<Observation>): List<HoldTrip> = local { onTheWay(observations) }

    /** Where else it is, and in which other sizes, when the store did not find what was held. */
    suspend fun insteadOfHold(hold: HoldId, at: Position? = null): StockMatrix = local { insteadOfHold(hold, at) }

    /** Fetches a store's menu, with its kitchen, taxes and allergens. True when it has changed. */
    suspend fun refreshMenu(store: StoreId): Boolean = remote { refreshMenu(store, it) }

    /** Asks what is sold out, booked and paused; without a store, in all whose menu is on the phone. Those that take no orders. */
    suspend fun refreshStoreStatus(stores: List<StoreId> = emptyList()): List<StoreId> = remote { refreshStoreStatus(stores, it) }

    /** What changes by the minute in stores, as it was heard last. */
    suspend fun storeStatus(stores: List<StoreId>): List<StoreStatus> = local { storeStatus(stores) }

    /** A store's menu for a hand-over at a moment: the usual one, now, where they are absent. */
    suspend fun menu(store: StoreId, handoff: HandoffMode? = null, atMs: Long? = null): MenuView = local { menu(store, handoff, atMs) }

    /** An item with its groups, a line with their defaults to begin with, and what it holds of allergens. */
    suspend fun menuItem(store: StoreId, item: MenuItemId, handoff: HandoffMode? = null, atMs: Long? = null): MenuItemDetail =
        local { menuItem(store, item, handoff, atMs) }

    /** What one piece of a line costs as it is chosen so far, in minor units, tax included; null where it is not sold so. */
    suspend fun lineMinor(store: StoreId, line: CartLine, taxHandoff: TaxHandoff): Long? = local { lineMinor(store, line, taxHandoff) }

    /** What a line, as it is chosen so far, holds of every listed allergen. Unknown is not free. */
    suspend fun lineAllergens(store: StoreId, line: CartLine): List<AllergenNote> = local { lineAllergens(store, line) }

    /** What the person must not eat: sealed on the device, sent with an order only where they say so. */
    suspend fun avoidAllergens(allergens: List<AllergenId>) = local { avoidAllergens(allergens) }

    /** What the person avoids. */
    suspend fun avoidedAllergens(): List<AllergenId> = local { avoidedAllergens() }

    /** The cart, empty where there is none. */
    suspend fun cart(of: CartOf): CartView = local { cart(of) }

    /** Every cart with something in it, by store. */
    suspend fun carts(): List<CartView> = local { carts() }

    /** Puts a line into the cart; equal lines become one of more pieces. Begin with the line of [menuItem]. */
    suspend fun addToCart(of: CartOf, line: CartLine): CartView = local { addToCart(of, line) }

    /** Puts another line in the place of one (from 0): other modifiers, another note. */
    suspend fun changeCartLine(of: CartOf, line: UInt, to: CartLine): CartView = local { changeCartLine(of, line, to) }

    /** So many pieces of a line; with 0 it goes. */
    suspend fun setCartQuantity(of: CartOf, line: UInt, quantity: UInt): CartView = local { setCartQuantity(of, line, quantity) }

    /** A word to the kitchen, at most 200 characters; empty for none. */
    suspend fun setCartNote(of: CartOf, line: UInt, note: String): CartView = local { setCartNote(of, line, note) }

    /** Takes a line out. */
    suspend fun removeFromCart(of: CartOf, line: UInt): CartView = local { removeFromCart(of, line) }

    /** How it is handed over and where it is eaten. */
    suspend fun setCartHandoff(of: CartOf, handoff: HandoffMode, taxHandoff: TaxHandoff? = null): CartView =
        local { setCartHandoff(of, CartHandoff(handoff, taxHandoff)) }

    /** The age that the person declares, where something asks for one; it is checked at hand-over. */
    suspend fun declareAge(of: CartOf, age: UByte?): CartView = local { declareAge(of, age) }

    /** The person has seen the prices of now, and says yes. */
    suspend fun acceptPrices(of: CartOf): CartView = local { acceptPrices(of) }

    /** Empties the cart. */
    suspend fun clearCart(of: CartOf): CartView = local { clearCart(of) }

    /** Takes a cart to another store, such as one that was suggested; what was in the cart there makes room. */
    suspend fun takeCartTo(of: CartOf, store: StoreId): CartView = local { takeCartTo(of, store) }

    /** What does not fit, what is not as it was seen, and what the cart comes to with the best coupons and the points. */
    suspend fun checkCart(of: CartOf, wish: CheckoutWish): CartCheck = local { checkCart(of, wish) }

    /** When the cart could be ready, by what the server last said is booked. */
    suspend fun pickupSlots(of: CartOf, fromMs: Long, untilMs: Long, wantedMs: Long? = null): PickupSlotsView =
        local { pickupSlots(of, PickupWindow(fromMs, untilMs, wantedMs)) }

    /** Which stores could make the cart, and when, on the way that the person goes. Where the phone is stays on the phone. */
    suspend fun suggestSlots(
        of: CartOf,
        journey: Journey,
        boundFor: JourneyPoint? = null,
        wantedMs: Long? = null,
        stores: List<StoreId> = emptyList(),
        most: UInt = 5u,
    ): SlotSuggestions = local { suggestSlots(JourneyQuestion(of, journey, boundFor, wantedMs, stores, most)) }

    /** Asks the store to keep the kitchen's time for this cart while the person pays. */
    suspend fun holdSlot(of: CartOf, time: PickupTime): SlotHoldOutcome = remote { holdSlot(of, time, it) }

    /** The person does not order: the kitchen's time is free again. */
    suspend fun releaseSlot(of: CartOf): Boolean = remote { releaseSlot(of, it) }

    /** The last screen before the tap: show all its rows, then [placeOrder] orders exactly this. */
    suspend fun reviewOrder(of: CartOf, wish: CheckoutWish): OrderReview = local { reviewOrder(of, wish) }

    /** The tap: durable before this returns. [resolveOrder] sends it and says what became of it, and so does [sendDue]. */
    suspend fun placeOrder(
        order: OrderId,
        token: String? = null,
        vehicle: String = "",
        deliverTo: DeliveryAddress? = null,
        tellAvoided: Boolean = false,
    ): PlacedOrder = local { placeOrder(order, PlaceWish(token, vehicle, deliverTo, tellAvoided)) }

    /** Sends an order that was placed, or asks what became of it; still unknown where no answer comes. */
    suspend fun resolveOrder(order: OrderId): PlacedOrder = remote { resolveOrder(order, it) }

    /** Orders, newest first, with pickup codes and call numbers. */
    suspend fun orders(): OrdersPage = local { orders() }

    /** One order. */
    suspend fun order(order: OrderId): PlacedOrder = local { order(order) }

    /** Asks for the orders. True when something is different. */
    suspend fun refreshOrders(): Boolean = remote { refreshOrders(it) }

    /** What a push message about an order carries: where it stands, with no network. True when it was news. */
    suspend fun takeOrderPush(text: String): Boolean = local { takeOrderPush(text) }

    /** Takes fixes on the way and answers how it goes for each order that is to be fetched. No position leaves the phone. */
    suspend fun onTheWayToOrders(observations: List<Observation>): List<OrderTrip> = local { onTheWayToOrders(observations) }

    /** Follows the orders until its coroutine is cancelled: while they are on the screen. [changes] says what is new. */
    suspend fun followOrders() = remote { followOrders(it) }

    /** Calls an order off, while it may. */
    suspend fun cancelOrder(order: OrderId): OrderStepOutcome = remote { cancelOrder(order, it) }

    /** Another cart or time, as it would be shown, before the store has accepted. */
    suspend fun reviewOrderEdit(order: OrderId, cart: Cart, time: PickupTime): OrderChangeReview = local { reviewOrderEdit(order, cart, time) }

    /** Other lines or another time: as [reviewOrderEdit] showed it, or a question did. */
    suspend fun editOrder(order: OrderId, cart: Cart, time: PickupTime, shown: OrderSnapshot): OrderStepOutcome =
        remote { editOrder(order, cart, time, shown, it) }

    /** Eat-in to take-out or back, as it would be shown, until hand-over. */
    suspend fun reviewOrderAmend(order: OrderId, taxHandoff: TaxHandoff): OrderChangeReview = local { reviewOrderAmend(order, taxHandoff) }

    /** Eat-in to take-out or back: as [reviewOrderAmend] showed it, or a question did. */
    suspend fun amendOrder(order: OrderId, taxHandoff: TaxHandoff, shown: OrderSnapshot): OrderStepOutcome =
        remote { amendOrder(order, taxHandoff, shown, it) }

    /** The person has read the question to a change: the order stays as it is. */
    suspend fun leaveOrderAsItIs(order: OrderId) = local { leaveOrderAsItIs(order) }

    /** In so many minutes the person is there. Minutes only. */
    suspend fun nearby(order: OrderId, etaMin: UInt): OrderStepOutcome = remote { nearby(order, etaMin, it) }

    /** The person is there; [spot] is the parking space or counter. */
    suspend fun here(order: OrderId, spot: String = ""): OrderStepOutcome = remote { here(order, spot, it) }

    /** It is paid at the counter instead. */
    suspend fun payOrderAtCounter(order: OrderId): OrderStepOutcome = remote { payOrderAtCounter(order, it) }

    /** What the payment provider asked for is done. */
    suspend fun stepUpDone(order: OrderId): OrderStepOutcome = remote { stepUpDone(order, it) }

    /** Another card, by the provider's token for it. */
    suspend fun payOrderAgain(order: OrderId, token: String): OrderStepOutcome = remote { payOrderAgain(order, token, it) }

    /** A code with which someone else fetches it, once. */
    suspend fun pickupPass(order: OrderId): PickupPass = remote { pickupPass(order, it) }

    /** The last pass that this phone asked for. */
    suspend fun lastPickupPass(order: OrderId): PickupPass? = local { lastPickupPass(order) }

    /** A seat's code was scanned. */
    suspend fun openSeat(code: String, store: StoreId? = null, checkIn: CheckInId? = null): SeatSession = remote { openSeat(code, store, checkIn, it) }

    /** Asks whether a session that waits for the staff is open by now. */
    suspend fun refreshSeat(): SeatSession? = remote { refreshSeat(it) }

    /** The session at a table that was opened last on this phone. */
    suspend fun seatSession(): SeatSession? = local { seatSession() }

    /** What a basket comes to by the store's prices on this phone. */
    suspend fun basketTotal(store: StoreId, pieces: List<BasketPiece>): SelfBasketTotal = local { basketTotal(store, pieces) }

    /** What was scanned in the store becomes one code for the self-till. */
    suspend fun selfBasket(store: StoreId, pieces: List<BasketPiece>): SelfBasketView = remote { selfBasket(store, pieces, it) }

    /** The last basket, while its code holds. */
    suspend fun lastSelfBasket(): SelfBasketView? = local { lastSelfBasket() }

    /** What the store where an order is fetched has on its shelves, to be taken along. */
    suspend fun addOns(order: OrderId): AddOns = remote { addOns(order, it) }

    /** Keeps the cart under a name ("いつもの"). */
    suspend fun saveFavouriteCart(name: String, of: CartOf) = local { saveFavouriteCart(name, of) }

    /** The saved carts. */
    suspend fun favouriteCarts(): List<FavouriteCart> = local { favouriteCarts() }

    /** Removes a saved cart. */
    suspend fun removeFavouriteCart(name: String) = local { removeFavouriteCart(name) }

    /** Puts a saved cart into the cart of its store. What is not sold any more is flagged. */
    suspend fun orderFavouriteCart(name: String): ReorderedCart = local { orderFavouriteCart(name) }

    /** Puts what an order was of into the cart. What is not sold any more is flagged. */
    suspend fun reorder(order: OrderId): ReorderedCart = local { reorder(order) }

    /** Puts what a receipt lists into the cart of its store. */
    suspend fun reorderReceipt(receipt: ReceiptId): ReorderedCart = local { reorderReceipt(receipt) }

    /** Sends what is due: when the app comes to the front, and when a job of the system runs. */
    suspend fun sendDue(): SendReport = remote { sendDue(it) }

    /** There is a network again: waits end now, and what is due is sent. */
    suspend fun networkReturned(): SendReport = remote { networkReturned(it) }

    /** What was said and has no answer, or was refused. */
    suspend fun waiting(): List<IntentView> = local { waiting() }

    /** Asks the server what became of an intent that may have arrived. */
    suspend fun resolve(key: IdempotencyKey): IntentState = remote { resolve(key, it) }

    /** Forgets the member here now, and on the backend as soon as it can be reached. Close this then and open again. */
    suspend fun forgetMe(): ForgetReport = remote { forgetMe(it) }

    /** Closes the databases, so that no file lock is held. The card still shows. */
    suspend fun pause() = local { pause() }

    /** After [pause]. */
    suspend fun resume() = local { resume() }

    /** The state of files and clock for a support desk: no secret, no content. */
    suspend fun diagnostics(): Diagnostics = local { diagnostics() }

    /** What changes, after it was committed, from the moment of collecting on. */
    fun changes(): Flow<Change> = callbackFlow {
        val observer = object : ChangeObserver {
            override fun changed(what: Change) {
                trySend(what)
            }
        }
        core.observe(observer).use { observation ->
            awaitClose { observation.cancel() }
        }
    }.buffer(UNLIMITED)

    /** Lets the core go. Verbs that are running end by themselves; later ones throw an [IllegalStateException]. */
    override fun close() = core.close()

    private suspend fun <T> local(verb: AppCore.() -> T): T = withContext(dispatcher) { core.verb() }

    private suspend fun <T> remote(verb: suspend AppCore.(CancelToken) -> T): T = withContext(dispatcher) {
        CancelToken().use { token ->
            coroutineScope {
                val watch = launch(Dispatchers.Unconfined) {
                    try {
                        awaitCancellation()
                    } finally {
                        token.cancel()
                    }
                }
                try {
                    // Not cancelled itself: the core answers when what was running has stopped.
                    withContext(NonCancellable) { core.verb(token) }
                } catch (cancelled: NorenException.Cancelled) {
                    ensureActive()
                    throw cancelled
                } finally {
                    watch.cancel()
                }
            }
        }
    }
}
