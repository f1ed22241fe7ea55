import Foundation

/// The app core of one member on one device. Open one a directory, with ``open(directory:backendUrl:secureStore:deviceKey:language:bootId:)``,
/// and keep it for the life of the process.
///
/// Every verb may be called on the main actor: local reads run on a queue of their own, never on a screen's thread nor on Swift's few shared
/// ones. Verbs that wait for the network throw `CancellationError` when their task is cancelled: what is running is stopped first, and an intent
/// that was made stays in the outbox. Every verb may throw a `NorenError`.
public final class NorenApp: Sendable {
    private let core: AppCore

    private init(_ core: AppCore) {
        self.core = core
    }

    /// Opens the core. Never touches the network.
    ///
    /// - Parameters:
    ///   - directory: one of the app's own; `CoreDirectory.make()` makes one that is excluded from backups.
    ///   - bootId: another one after each restart of the device: `bootSession()` on Apple's systems. Empty: the kernel is asked, which works on desktops.
    public static func open(
        directory: String,
        backendUrl: String,
        secureStore: any SecureStore,
        deviceKey: any DeviceKey,
        language: String = "ja",
        bootId: String = bootSession()
    ) async throws -> NorenApp {
        let settings = AppSettings(directory: directory, backendUrl: backendUrl, language: language, bootId: bootId)
        return NorenApp(try await onReadQueue { try AppCore.open(settings: settings, secureStore: secureStore, deviceKey: deviceKey) })
    }

    // MARK: The member

    /// Where this device stands: not enrolled, enrolled, or what was lost.
    public func member() async throws -> MemberState { try await local { try $0.member() } }

    /// Makes this device a member's card, without an account or taking one over. Needs the network once.
    @discardableResult
    public func enrol(_ link: Link? = nil) async throws -> MemberState { try await remote { try await $0.enrol(link: link, cancel: $1) } }

    /// Joins the history of a card number or an account of the online shop to this member.
    @discardableResult
    public func link(_ link: Link) async throws -> Submission { try await remote { try await $0.link(link: link, cancel: $1) } }

    /// Asks for points and links, and renews the credential if it is time. True when something changed.
    @discardableResult
    public func refreshMember() async throws -> Bool { try await remote { try await $0.refreshMember(cancel: $1) } }

    /// The card as it is to be shown now; ask again at `validUntilMs`. Writes nothing, asks no server.
    public func card(_ symbology: Symbology = .qr) async throws -> CardView { try await local { try $0.card(symbology: symbology) } }

    /// Makes the next step's code ahead of time, after one has been shown.
    public func prepareNextCard() async throws { try await local { try $0.prepareNextCard() } }

    // MARK: The purchase history

    /// Pulls receipts that are new or changed.
    @discardableResult
    public func refreshHistory() async throws -> SyncReport { try await remote { try await $0.refreshHistory(cancel: $1) } }

    /// A page of the timeline, newest first; `before` is `next` of the page before.
    public func history(before: Int64? = nil, limit: UInt32 = 50) async throws -> HistoryPage {
        try await local { try $0.history(before: before, limit: limit) }
    }

    /// The newest receipts with a line whose description holds `text`: one character is enough; width, case and kana do not matter.
    public func search(_ text: String, before: Int64? = nil, limit: UInt32 = 50) async throws -> HistoryPage {
        try await local { try $0.search(text: text, before: before, limit: limit) }
    }

    /// A whole receipt with its lines.
    public func receipt(_ id: ReceiptId) async throws -> Receipt { try await local { try $0.receipt(id: id) } }

    /// Totals per month, currency and channel, newest month first.
    public func monthTotals() async throws -> [MonthTotal] { try await local { try $0.monthTotals() } }

    /// How fresh and how whole the history is.
    public func freshness() async throws -> Freshness { try await local { try $0.freshness() } }

    /// Claims a receipt of a sale made without the card, by the code printed on it.
    @discardableResult
    public func claim(_ code: String) async throws -> Submission { try await remote { try await $0.claim(code: code, cancel: $1) } }

    /// Everything on the device about purchases, as one JSON document.
    public func exportJson() async throws -> String { try await local { try $0.exportJson() } }

    /// The same as a table, one row a line.
    public func exportCsv() async throws -> String { try await local { try $0.exportCsv() } }

    // MARK: Places

    /// Asks what is newer around a position: places, and the rules of coupons. When a report of ``follow(_:)`` says `areaDue`, and before a
    /// journey. The server learns tiles of about 110 km, never the position.
    @discardableResult
    public func refreshPlaces(latDeg: Double, lonDeg: Double) async throws -> AreaReport {
        try await remote { try await $0.refreshPlaces(latDeg: latDeg, lonDeg: lonDeg, cancel: $1) }
    }

    /// The places that are nearest, at most 200. `areaKnown` is false where there may be nearer ones that the phone does not know.
    public func nearestPlaces(latDeg: Double, lonDeg: Double, count: UInt32 = 20) async throws -> NearPage {
        try await local { try $0.nearestPlaces(latDeg: latDeg, lonDeg: lonDeg, count: count) }
    }

    /// The places whose ground is at most `radiusM` metres away, nearest first.
    public func placesWithin(latDeg: Double, lonDeg: Double, radiusM: UInt32) async throws -> NearPage {
        try await local { try $0.placesWithin(latDeg: latDeg, lonDeg: lonDeg, radiusM: radiusM) }
    }

    /// A place with its shops.
    public func place(_ id: PlaceId) async throws -> PlaceView { try await local { try $0.place(id: id) } }

    /// Places whose name or reading holds `text`: one character is enough; width, case and kana do not matter.
    public func searchPlaces(_ text: String, limit: UInt32 = 50) async throws -> PlacePage {
        try await local { try $0.searchPlaces(text: text, limit: limit) }
    }

    // MARK: Check-in

    /// Takes what the system says of where the phone is, in the order in which it came, and answers what follows: check-ins, refusals, what is
    /// missing, regions to register. Where it throws, nothing was taken: give the same again.
    @discardableResult
    public func follow(_ observations: [Observation]) async throws -> CheckInReport { try await local { try $0.follow(observations: observations) } }

    /// Whose limit of watched regions holds on this phone: that of iOS unless it is said.
    public func limitRegions(_ limit: RegionLimit) async throws { try await local { try $0.limitRegions(limit: limit) } }

    /// A check-in by the signed code at the place, without location and without a network.
    @discardableResult
    public func scanPlaceCode(_ text: String) async throws -> NewCheckIn { try await local { try $0.scanPlaceCode(text: text) } }

    /// A check-in by the code on a receipt; the backend says at which place.
    @discardableResult
    public func checkInByReceipt(_ code: String) async throws -> NewCheckIn { try await local { try $0.checkInByReceipt(code: code) } }

    /// Check-ins of the last 40 days and where they stand, newest first.
    public func checkIns() async throws -> [CheckInView] { try await local { try $0.checkIns() } }

    // MARK: Coupons and stamps

    /// Brings what is new of coupons: rules, grants for tills without a connection, the wallet.
    @discardableResult
    public func refreshCoupons() async throws -> CouponsReport { try await remote { try await $0.refreshCoupons(cancel: $1) } }

    /// Every coupon, usable ones first, each with its state and why not now. What is not known of the situation stays nil.
    public func coupons(place: PlaceId? = nil, store: StoreId? = nil, channel: Channel? = nil) async throws -> [CouponView] {
        try await local { try $0.coupons(situation: CouponSituation(place: place, store: store, channel: channel)) }
    }

    /// The best set of coupons for a basket that the phone knows, such as an order that it makes itself.
    public func bestSet(
        currency: String, lines: [BasketLine], place: PlaceId? = nil, store: StoreId? = nil, channel: Channel? = nil
    ) async throws -> BestSetView {
        let situation = CouponSituation(place: place, store: store, channel: channel)
        return try await local { try $0.bestSet(currency: currency, lines: lines, situation: situation) }
    }

    /// Holds an offer's coupons back from the card, or lets them be shown again.
    public func holdBackCoupon(_ offer: UInt32, held: Bool = true) async throws { try await local { try $0.holdBackCoupon(offer: offer, held: held) } }

    /// The card is about to be shown to a till: from here on the QR of ``card(_:)`` carries the coupons that the member is willing to use.
    @discardableResult
    public func beginPresentation() async throws -> Presentation { try await local { try $0.beginPresentation() } }

    /// The card is put away: its QR carries no coupons any more.
    public func endPresentation() async throws { try await local { try $0.endPresentation() } }

    /// The member says that no till has read a coupon that was shown: it can be shown again.
    public func couponNotScanned(_ serial: UInt64) async throws { try await local { try $0.couponNotScanned(serial: serial) } }

    /// A signed condition that came by push: rain, a time sale.
    @discardableResult
    public func takePush(_ text: String) async throws -> ConditionView { try await local { try $0.takePush(text: text) } }

    /// Stamp cards, with the stamps of check-ins that the backend has not heard of yet.
    public func stampCards() async throws -> [StampCardView] { try await local { try $0.stampCards() } }

    // MARK: The catalogue

    /// What the operator has set up for scanning: the prefix table of in-store codes and the hosts of own links. Once after each opening.
    public func scanSettings(_ settings: ScanSettings) async throws { try await local { try $0.scanSettings(settings: settings) } }

    /// What a camera or a hand scanner read, and the product if it was seen here; `notKnown` is for ``findProduct(_:store:)`` otherwise. With a store
    /// it is counted there, once a minute. A URL is to be shown, host first, and opened only if the person says so.
    public func scan(_ text: String, store: StoreId? = nil) async throws -> ScanView { try await local { try $0.scan(text: text, store: store) } }

    /// A product by the digits below its bars, a sku, or its id: from the phone, otherwise from the server. Nil when the shop does not sell it.
    public func findProduct(_ number: String, store: StoreId? = nil) async throws -> ProductView? {
        try await remote { try await $0.findProduct(number: number, store: store, cancel: $1) }
    }

    /// A product that was seen, by its id.
    public func product(_ id: ProductId) async throws -> ProductView { try await local { try $0.product(id: id) } }

    /// The product of a variant, as a receipt or a favourite names it.
    public func productOf(_ sku: Sku) async throws -> ProductView { try await local { try $0.productOf(sku: sku) } }

    /// Products that were seen, whose title, reading, brand or number holds `text`: one character is enough; an empty text finds all.
    public func searchProducts(_ text: String, limit: UInt32 = 50) async throws -> [ProductSummary] {
        try await local { try $0.searchProducts(text: text, limit: limit) }
    }

    /// Asks the server for products by a text, the best first, and keeps what came.
    public func searchProductsOnline(_ text: String, limit: UInt32 = 50) async throws -> [ProductSummary] {
        try await remote { try await $0.searchProductsOnline(text: text, limit: limit, cancel: $1) }
    }

    /// Asks for products anew, at most 200 at once. Answers how many are other than before.
    @discardableResult
    public func refreshProducts(_ ids: [ProductId]) async throws -> UInt32 { try await remote { try await $0.refreshProducts(ids: ids, cancel: $1) } }

    /// What sells, the best first, as it was heard last.
    public func ranking() async throws -> RankingView { try await local { try $0.ranking() } }

    /// Asks for the ranking. True when it has changed.
    @discardableResult
    public func refreshRanking() async throws -> Bool { try await remote { try await $0.refreshRanking(cancel: $1) } }

    /// Reviews of a product as far as they were read, and the member's own that waits or was refused.
    public func reviews(_ product: ProductId) async throws -> ReviewsView { try await local { try $0.reviews(product: product) } }

    /// Asks for reviews: the first page anew, or with `next` of what is known the page after it.
    @discardableResult
    public func refreshReviews(_ product: ProductId, next: String? = nil) async throws -> ReviewsView {
        try await remote { try await $0.refreshReviews(product: product, next: next, cancel: $1) }
    }

    /// What the member thinks of a product: 1 to 5 stars and a text, which may be empty. Without a network it waits.
    @discardableResult
    public func writeReview(_ product: ProductId, stars: UInt8, text: String = "") async throws -> Submission {
        try await remote { try await $0.writeReview(product: product, stars: stars, text: text, cancel: $1) }
    }

    /// Likes a variant, or does not any more; stores in `watch` tell when it is back there. It counts here at once.
    public func like(_ sku: Sku, wanted: Bool = true, watch: [StoreId] = []) async throws {
        try await local { try $0.like(sku: sku, wanted: wanted, watch: watch) }
    }

    /// What the member likes, newest first, and what came back in stock of it.
    public func favourites() async throws -> FavouritesView { try await local { try $0.favourites() } }

    /// Asks what the member likes and what is back in stock. What came back is in the report once.
    @discardableResult
    public func refreshFavourites() async throws -> FavouritesReport { try await remote { try await $0.refreshFavourites(cancel: $1) } }

    /// The member asked the staff about a variant or tried it, in a store: counted there without saying of whom.
    public func react(_ kind: ReactionKind, sku: Sku, store: StoreId) async throws {
        try await local { try $0.react(kind: kind, sku: sku, store: store) }
    }

    /// Whether a product fits into a room of this size, as it is or turned; nil when its size is not known.
    public func fits(_ product: ProductId, room: SizeMm) async throws -> Fit? { try await local { try $0.fits(product: product, room: room) } }

    /// Checks the bytes of a picture or a model against the manifest. Show nothing that this refuses.
    public func checkAsset(_ asset: AssetInfo, bytes: Data) async throws { try await local { try $0.checkAsset(asset: asset, bytes: bytes) } }

    // MARK: Stock and holds

    /// Brings what has changed in the stores whose stock is kept, and in `stores`. The server learns their ids, and by those
    /// that are near the area of the phone (about 110 km, in a city down to 7 km), nothing finer: `at` stays here.
    @discardableResult
    public func refreshStock(_ stores: [StoreId] = [], at: Position? = nil) async throws -> StockReport {
        try await remote { try await $0.refreshStock(stores: stores, at: at, cancel: $1) }
    }

    /// Where each variant is: the nearest stores that have it, the online shop, and what to do next. One call for a whole matrix of colours and sizes.
    public func nearestStock(_ question: StockQuestion, at: Position? = nil) async throws -> StockMatrix {
        try await local { try $0.nearestStock(question: question, at: at) }
    }

    /// What is known of a variant in a store; nil when nothing was ever heard of that store.
    public func stockIn(_ store: StoreId, sku: Sku, inMin: UInt32 = 0, quantity: UInt32 = 1) async throws -> StoreAnswer? {
        try await local { try $0.stockIn(store: store, sku: sku, arrival: Arrival(inMin: inMin, quantity: quantity)) }
    }

    /// Keeps a store's stock on the phone until it is unpinned.
    public func pinStore(_ store: StoreId, pinned: Bool = true) async throws { try await local { try $0.pinStore(store: store, pinned: pinned) } }

    /// The stores whose stock is kept, pinned ones first.
    public func stockStores() async throws -> [StockStoreView] { try await local { try $0.stockStores() } }

    /// Asks a store to hold a variant. A second tap makes no second one; with no network it waits for ten minutes.
    public func hold(_ wish: HoldWish, at: Position? = nil) async throws -> HoldOutcome {
        try await remote { try await $0.hold(wish: wish, at: at, cancel: $1) }
    }

    /// Holds and wishes, newest first.
    public func holds() async throws -> HoldPage { try await local { try $0.holds() } }

    /// Asks what the stores have done about the member's holds. True when something is different.
    @discardableResult
    public func refreshHolds() async throws -> Bool { try await remote { try await $0.refreshHolds(cancel: $1) } }

    /// Still coming, in so many minutes.
    @discardableResult
    public func stillComing(_ hold: HoldId, etaMin: UInt32) async throws -> Submission {
        try await remote { try await $0.stillComing(hold: hold, etaMin: etaMin, cancel: $1) }
    }

    /// Not coming: the piece is free again.
    @discardableResult
    public func releaseHold(_ hold: HoldId) async throws -> Submission { try await remote { try await $0.releaseHold(hold: hold, cancel: $1) } }

    /// Takes a wish away that was never sent, was refused, or is over.
    public func takeBackHold(_ key: IdempotencyKey) async throws { try await local { try $0.takeBackHold(key: key) } }

    /// Whether a hold is released by itself when the way has clearly led away; without it that is only proposed.
    public func releaseWhenAway(_ wanted: Bool = true) async throws { try await local { try $0.releaseWhenAway(wanted: wanted) } }

    /// Takes fixes on the way and answers how it goes for each live hold; ``sendDue()`` tells the minutes. No position leaves the phone.
    public func onTheWay(_ observations: [Observation]) async throws -> [HoldTrip] {
        try await local { try $0.onTheWay(observations: observations) }
    }

    /// Where else it is, and in which other sizes, when the store did not find what was held.
    public func insteadOfHold(_ hold: HoldId, at: Position? = nil) async throws -> StockMatrix {
        try await local { try $0.insteadOfHold(hold: hold, at: at) }
    }

    // MARK: The outbox

    /// Sends what is due: when the app comes to the front, and when a background task runs.
    @discardableResult
    public func sendDue() async throws -> SendReport { try await remote { try await $0.sendDue(cancel: $1) } }

    /// There is a network again: waits end now, and what is due is sent.
    @discardableResult
    public func networkReturned() async throws -> SendReport { try await remote { try await $0.networkReturned(cancel: $1) } }

    /// What was said and has no answer, or was refused.
    public func waiting() async throws -> [IntentView] { try await local { try $0.waiting() } }

    /// Asks the server what became of an intent that may have arrived.
    @discardableResult
    public func resolve(_ key: IdempotencyKey) async throws -> IntentState { try await remote { try await $0.resolve(key: key, cancel: $1) } }

    // MARK: The whole

    /// Forgets the member here now, and on the backend as soon as it can be reached. Let this go then and open again.
    @discardableResult
    public func forgetMe() async throws -> ForgetReport { try await remote { try await $0.forgetMe(cancel: $1) } }

    /// Before the system suspends the app: closes the databases, so that no file lock is held (the system ends apps that hold one). The card
    /// still shows. Call it under a background task, and ``resume()`` when the app comes back.
    public func pause() async throws { try await local { try $0.pause() } }

    /// After ``pause()``.
    public func resume() async throws { try await local { try $0.resume() } }

    /// The state of files and clock for a support desk: no secret, no content.
    public func diagnostics() async throws -> Diagnostics { try await local { try $0.diagnostics() } }

    /// What changes, after it was committed, from this call on, until the loop or its task ends.
    public func changes() throws -> AsyncStream<Change> {
        let (stream, continuation) = AsyncStream.makeStream(of: Change.self)
        let observation = try core.observe(observer: Forward(continuation))
        continuation.onTermination = { _ in observation.cancel() }
        return stream
    }

    // MARK: How

    func local<T: Sendable>(_ verb: @escaping @Sendable (AppCore) throws -> T) async throws -> T {
        let core = self.core
        return try await onReadQueue { try verb(core) }
    }

    func remote<T: Sendable>(_ verb: @Sendable (AppCore, CancelToken) async throws -> T) async throws -> T {
        let token = CancelToken()
        return try await withTaskCancellationHandler {
            do {
                return try await verb(core, token)
            } catch NorenError.Cancelled where Task.isCancelled {
                throw CancellationError()
            }
        } onCancel: {
            token.cancel()
        }
    }
}

private let readQueue = DispatchQueue(label: "app.noren.reads", qos: .userInitiated, attributes: .concurrent)

private func onReadQueue<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        readQueue.async { continuation.resume(with: Result { try work() }) }
    }
}

private final class Forward: ChangeObserver {
    private let continuation: AsyncStream<Change>.Continuation

    init(_ continuation: AsyncStream<Change>.Continuation) {
        self.continuation = continuation
    }

    func changed(what: Change) throws {
        continuation.yield(what)
    }
}
