import Foundation

/// Ordering: menus, the cart, the tap, and what became of it.
extension NorenApp {
    /// Fetches a store's menu, with its kitchen, taxes and allergens. True when it has changed.
    @discardableResult
    public func refreshMenu(_ store: StoreId) async throws -> Bool { try await remote { try await $0.refreshMenu(store: store, cancel: $1) } }

    /// Asks what is sold out, booked and paused; without a store, in all whose menu is on the phone. Those that take no orders.
    @discardableResult
    public func refreshStoreStatus(_ stores: [StoreId] = []) async throws -> [StoreId] {
        try await remote { try await $0.refreshStoreStatus(stores: stores, cancel: $1) }
    }

    /// What changes by the minute in stores, as it was heard last.
    public func storeStatus(_ stores: [StoreId]) async throws -> [StoreStatus] { try await local { try $0.storeStatus(stores: stores) } }

    /// A store's menu for a hand-over at a moment: the usual one, now, where they are absent.
    public func menu(_ store: StoreId, handoff: HandoffMode? = nil, atMs: Int64? = nil) async throws -> MenuView {
        try await local { try $0.menu(store: store, handoff: handoff, atMs: atMs) }
    }

    /// An item with its groups, a line with their defaults to begin with, and what it holds of allergens.
    public func menuItem(
        _ store: StoreId, _ item: MenuItemId, handoff: HandoffMode? = nil, atMs: Int64? = nil
    ) async throws -> MenuItemDetail {
        try await local { try $0.menuItem(store: store, item: item, handoff: handoff, atMs: atMs) }
    }

    /// What one piece of a line costs as it is chosen so far, in minor units, tax included; nil where it is not sold so.
    public func lineMinor(_ store: StoreId, line: CartLine, taxHandoff: TaxHandoff) async throws -> Int64? {
        try await local { try $0.lineMinor(store: store, line: line, taxHandoff: taxHandoff) }
    }

    /// What a line, as it is chosen so far, holds of every listed allergen. Unknown is not free.
    public func lineAllergens(_ store: StoreId, line: CartLine) async throws -> [AllergenNote] {
        try await local { try $0.lineAllergens(store: store, line: line) }
    }

    /// What the person must not eat: sealed on the device, sent with an order only where they say so.
    public func avoidAllergens(_ allergens: [AllergenId]) async throws { try await local { try $0.avoidAllergens(allergens: allergens) } }

    /// What the person avoids.
    public func avoidedAllergens() async throws -> [AllergenId] { try await local { try $0.avoidedAllergens() } }

    /// The cart, empty where there is none.
    public func cart(_ of: CartOf) async throws -> CartView { try await local { try $0.cart(of: of) } }

    /// Every cart with something in it, by store.
    public func carts() async throws -> [CartView] { try await local { try $0.carts() } }

    /// Puts a line into the cart; equal lines become one of more pieces. Begin with the line of ``menuItem(_:_:handoff:)``.
    @discardableResult
    public func addToCart(_ of: CartOf, line: CartLine) async throws -> CartView { try await local { try $0.addToCart(of: of, line: line) } }

    /// Puts another line in the place of one (from 0): other modifiers, another note.
    @discardableResult
    public func changeCartLine(_ of: CartOf, line: UInt32, to: CartLine) async throws -> CartView {
        try await local { try $0.changeCartLine(of: of, line: line, to: to) }
    }

    /// So many pieces of a line; with 0 it goes.
    @discardableResult
    public func setCartQuantity(_ of: CartOf, line: UInt32, quantity: UInt32) async throws -> CartView {
        try await local { try $0.setCartQuantity(of: of, line: line, quantity: quantity) }
    }

    /// A word to the kitchen, at most 200 characters; empty for none.
    @discardableResult
    public func setCartNote(_ of: CartOf, line: UInt32, note: String) async throws -> CartView {
        try await local { try $0.setCartNote(of: of, line: line, note: note) }
    }

    /// Takes a line out.
    @discardableResult
    public func removeFromCart(_ of: CartOf, line: UInt32) async throws -> CartView {
        try await local { try $0.removeFromCart(of: of, line: line) }
    }

    /// How it is handed over and where it is eaten.
    @discardableResult
    public func setCartHandoff(_ of: CartOf, _ handoff: HandoffMode, taxHandoff: TaxHandoff? = nil) async throws -> CartView {
        try await local { try $0.setCartHandoff(of: of, handoff: CartHandoff(handoff: handoff, taxHandoff: taxHandoff)) }
    }

    /// The age that the person declares, where something asks for one; it is checked at hand-over.
    @discardableResult
    public func declareAge(_ of: CartOf, age: UInt8?) async throws -> CartView { try await local { try $0.declareAge(of: of, age: age) } }

    /// The person has seen the prices of now, and says yes.
    @discardableResult
    public func acceptPrices(_ of: CartOf) async throws -> CartView { try await local { try $0.acceptPrices(of: of) } }

    /// Empties the cart.
    @discardableResult
    public func clearCart(_ of: CartOf) async throws -> CartView { try await local { try $0.clearCart(of: of) } }

    /// Takes a cart to another store, such as one that was suggested; what was in the cart there makes room.
    @discardableResult
    public func takeCart(_ of: CartOf, to store: StoreId) async throws -> CartView { try await local { try $0.takeCartTo(of: of, store: store) } }

    /// What does not fit, what is not as it was seen, and what the cart comes to with the best coupons and the points.
    public func checkCart(_ of: CartOf, wish: CheckoutWish) async throws -> CartCheck { try await local { try $0.checkCart(of: of, wish: wish) } }

    /// When the cart could be ready, by what the server last said is booked.
    public func pickupSlots(_ of: CartOf, fromMs: Int64, untilMs: Int64, wantedMs: Int64? = nil) async throws -> PickupSlotsView {
        let window = PickupWindow(fromMs: fromMs, untilMs: untilMs, wantedMs: wantedMs)
        return try await local { try $0.pickupSlots(of: of, window: window) }
    }

    /// Which stores could make the cart, and when, on the way that the person goes. Where the phone is stays on the phone.
    public func suggestSlots(
        _ of: CartOf, journey: Journey, boundFor: JourneyPoint? = nil, wantedMs: Int64? = nil, stores: [StoreId] = [], most: UInt32 = 5
    ) async throws -> SlotSuggestions {
        let question = JourneyQuestion(of: of, journey: journey, boundFor: boundFor, wantedMs: wantedMs, stores: stores, most: most)
        return try await local { try $0.suggestSlots(question: question) }
    }

    /// Asks the store to keep the kitchen's time for this cart while the person pays.
    public func holdSlot(_ of: CartOf, time: PickupTime) async throws -> SlotHoldOutcome {
        try await remote { try await $0.holdSlot(of: of, time: time, cancel: $1) }
    }

    /// The person does not order: the kitchen's time is free again.
    @discardableResult
    public func releaseSlot(_ of: CartOf) async throws -> Bool { try await remote { try await $0.releaseSlot(of: of, cancel: $1) } }

    /// The last screen before the tap: show all its rows, then ``placeOrder(_:token:vehicle:deliverTo:tellAvoided:)`` orders exactly this.
    public func reviewOrder(_ of: CartOf, wish: CheckoutWish) async throws -> OrderReview {
        try await local { try $0.reviewOrder(of: of, wish: wish) }
    }

    /// The tap: durable before this returns. ``resolveOrder(_:)`` sends it and says what became of it, and so does ``sendDue()``.
    @discardableResult
    public func placeOrder(
        _ order: OrderId, token: String? = nil, vehicle: String = "", deliverTo: DeliveryAddress? = nil, tellAvoided: Bool = false
    ) async throws -> PlacedOrder {
        let wish = PlaceWish(token: token, vehicle: vehicle, deliverTo: deliverTo, tellAvoided: tellAvoided)
        return try await local { try $0.placeOrder(order: order, wish: wish) }
    }

    /// Sends an order that was placed, or asks what became of it; still unknown where no answer comes.
    @discardableResult
    public func resolveOrder(_ order: OrderId) async throws -> PlacedOrder {
        try await remote { try await $0.resolveOrder(order: order, cancel: $1) }
    }

    /// Orders, newest first, with pickup codes and call numbers.
    public func orders() async throws -> OrdersPage { try await local { try $0.orders() } }

    /// One order.
    public func order(_ order: OrderId) async throws -> PlacedOrder { try await local { try $0.order(order: order) } }

    /// Asks for the orders. True when something is different.
    @discardableResult
    public func refreshOrders() async throws -> Bool { try await remote { try await $0.refreshOrders(cancel: $1) } }

    /// What a push message about an order carries: where it stands, with no network. True when it was news.
    @discardableResult
    public func takeOrderPush(_ text: String) async throws -> Bool { try await local { try $0.takeOrderPush(text: text) } }

    /// Takes fixes on the way and answers how it goes for each order that is to be fetched. No position leaves the phone.
    public func onTheWayToOrders(_ observations: [Observation]) async throws -> [OrderTrip] {
        try await local { try $0.onTheWayToOrders(observations: observations) }
    }

    /// Follows the orders until its task is cancelled: while they are on the screen. ``changes()`` says what is new.
    public func followOrders() async throws { try await remote { try await $0.followOrders(cancel: $1) } }

    /// Calls an order off, while it may.
    @discardableResult
    public func cancelOrder(_ order: OrderId) async throws -> OrderStepOutcome { try await remote { try await $0.cancelOrder(order: order, cancel: $1) } }

    /// Another cart or time, as it would be shown, before the store has accepted.
    public func reviewOrderEdit(_ order: OrderId, cart: Cart, time: PickupTime) async throws -> OrderChangeReview {
        try await local { try $0.reviewOrderEdit(order: order, cart: cart, time: time) }
    }

    /// Other lines or another time: as ``reviewOrderEdit(_:cart:time:)`` showed it, or a question did.
    @discardableResult
    public func editOrder(_ order: OrderId, cart: Cart, time: PickupTime, shown: OrderSnapshot) async throws -> OrderStepOutcome {
        try await remote { try await $0.editOrder(order: order, cart: cart, time: time, shown: shown, cancel: $1) }
    }

    /// Eat-in to take-out or back, as it would be shown, until hand-over.
    public func reviewOrderAmend(_ order: OrderId, taxHandoff: TaxHandoff) async throws -> OrderChangeReview {
        try await local { try $0.reviewOrderAmend(order: order, taxHandoff: taxHandoff) }
    }

    /// Eat-in to take-out or back: as ``reviewOrderAmend(_:taxHandoff:)`` showed it, or a question did.
    @discardableResult
    public func amendOrder(_ order: OrderId, taxHandoff: TaxHandoff, shown: OrderSnapshot) async throws -> OrderStepOutcome {
        try await remote { try await $0.amendOrder(order: order, taxHandoff: taxHandoff, shown: shown, cancel: $1) }
    }

    /// The person has read the question to a change: the order stays as it is.
    public func leaveOrderAsItIs(_ order: OrderId) async throws { try await local { try $0.leaveOrderAsItIs(order: order) } }

    /// In so many minutes the person is there. Minutes only.
    @discardableResult
    public func nearby(_ order: OrderId, etaMin: UInt32) async throws -> OrderStepOutcome {
        try await remote { try await $0.nearby(order: order, etaMin: etaMin, cancel: $1) }
    }

    /// The person is there; `spot` is the parking space or counter.
    @discardableResult
    public func here(_ order: OrderId, spot: String = "") async throws -> OrderStepOutcome {
        try await remote { try await $0.here(order: order, spot: spot, cancel: $1) }
    }

    /// It is paid at the counter instead.
    @discardableResult
    public func payOrderAtCounter(_ order: OrderId) async throws -> OrderStepOutcome {
        try await remote { try await $0.payOrderAtCounter(order: order, cancel: $1) }
    }

    /// What the payment provider asked for is done.
    @discardableResult
    public func stepUpDone(_ order: OrderId) async throws -> OrderStepOutcome { try await remote { try await $0.stepUpDone(order: order, cancel: $1) } }

    /// Another card, by the provider's token for it.
    @discardableResult
    public func payOrderAgain(_ order: OrderId, token: String) async throws -> OrderStepOutcome {
        try await remote { try await $0.payOrderAgain(order: order, token: token, cancel: $1) }
    }

    /// A code with which someone else fetches it, once.
    public func pickupPass(_ order: OrderId) async throws -> PickupPass { try await remote { try await $0.pickupPass(order: order, cancel: $1) } }

    /// The last pass that this phone asked for.
    public func lastPickupPass(_ order: OrderId) async throws -> PickupPass? { try await local { try $0.lastPickupPass(order: order) } }

    /// A seat's code was scanned.
    public func openSeat(_ code: String, store: StoreId? = nil, checkIn: CheckInId? = nil) async throws -> SeatSession {
        try await remote { try await $0.openSeat(code: code, store: store, checkIn: checkIn, cancel: $1) }
    }

    /// Asks whether a session that waits for the staff is open by now.
    public func refreshSeat() async throws -> SeatSession? { try await remote { try await $0.refreshSeat(cancel: $1) } }

    /// The session at a table that was opened last on this phone.
    public func seatSession() async throws -> SeatSession? { try await local { try $0.seatSession() } }

    /// What a basket comes to by the store's prices on this phone.
    public func basketTotal(_ store: StoreId, pieces: [BasketPiece]) async throws -> SelfBasketTotal {
        try await local { try $0.basketTotal(store: store, pieces: pieces) }
    }

    /// What was scanned in the store becomes one code for the self-till.
    public func selfBasket(_ store: StoreId, pieces: [BasketPiece]) async throws -> SelfBasketView {
        try await remote { try await $0.selfBasket(store: store, pieces: pieces, cancel: $1) }
    }

    /// The last basket, while its code holds.
    public func lastSelfBasket() async throws -> SelfBasketView? { try await local { try $0.lastSelfBasket() } }

    /// What the store where an order is fetched has on its shelves, to be taken along.
    public func addOns(_ order: OrderId) async throws -> AddOns { try await remote { try await $0.addOns(order: order, cancel: $1) } }

    /// Keeps the cart under a name ("いつもの").
    public func saveFavouriteCart(_ name: String, of: CartOf) async throws { try await local { try $0.saveFavouriteCart(name: name, of: of) } }

    /// The saved carts.
    public func favouriteCarts() async throws -> [FavouriteCart] { try await local { try $0.favouriteCarts() } }

    /// Removes a saved cart.
    public func removeFavouriteCart(_ name: String) async throws { try await local { try $0.removeFavouriteCart(name: name) } }

    /// Puts a saved cart into the cart of its store. What is not sold any more is flagged.
    @discardableResult
    public func orderFavouriteCart(_ name: String) async throws -> ReorderedCart { try await local { try $0.orderFavouriteCart(name: name) } }

    /// Puts what an order was of into the cart. What is not sold any more is flagged.
    @discardableResult
    public func reorder(_ order: OrderId) async throws -> ReorderedCart { try await local { try $0.reorder(order: order) } }

    /// Puts what a receipt lists into the cart of its store.
    @discardableResult
    public func reorderReceipt(_ receipt: ReceiptId) async throws -> ReorderedCart { try await local { try $0.reorderReceipt(receipt: receipt) } }
}
