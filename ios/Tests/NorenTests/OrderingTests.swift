import Foundation
import Noren
import Testing

private let lat = 35.6595
private let lon = 139.7005
private let metre = 1.0 / 111_000
private let store = "demo-store"
private let nowhere = "http://127.0.0.1:9"
private let of = CartOf(store: store, of: .menu)
private let asShown = CheckoutWish(time: .asap, method: .token, useCoupons: true, points: 0)

/// Ordering ahead through the Swift face, against the backend as a process: menu, cart, slot, tap, kitchen, hand-over, receipt.
@Suite(.timeLimit(.minutes(2))) struct OrderingTests {
    let backend: Backend
    let home: URL
    let safe = MemorySecureStore()
    let key: OpenSSLDeviceKey

    init() async throws {
        backend = try Backend()
        home = FileManager.default.temporaryDirectory.appendingPathComponent("noren-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        key = OpenSSLDeviceKey(home.appendingPathComponent("device.key"))
        try await sell(store)
    }

    private func sell(_ store: String) async throws {
        let white: [String: Any] = ["id": "white", "title": ["ja": "白", "en": "White"], "prices": [["amount_minor": 0]], "default": 1]
        let bun: [String: Any] = ["id": "bun", "title": ["ja": "バンズ", "en": "Bun"], "min": 1, "max": 1, "modifiers": [white]]
        let burger: [String: Any] = [
            "id": "burger", "sku": "M-1", "title": ["ja": "ハンバーガー", "en": "Burger"], "prices": [["amount_minor": 540]], "tax_class": "food",
            "groups": ["bun"], "make": [["station": "grill", "seconds": 60, "batch": 2] as [String: Any]],
        ]
        let tea: [String: Any] = [
            "id": "tea", "sku": "M-2", "title": ["ja": "お茶", "en": "Tea"], "prices": [["amount_minor": 216]], "tax_class": "food",
        ]
        let section: [String: Any] = ["title": ["ja": "定番", "en": "Menu"], "items": ["burger", "tea"]]
        let menu: [String: Any] = [
            "store": store, "version": 1, "currency": "JPY", "sections": [section], "items": [burger, tea], "groups": [bun],
        ]
        let spans: [[String: Any]] = (0..<7).map { ["weekday": $0, "opens_min": 0, "closes_min": 1_440] }
        let kitchen: [String: Any] = [
            "store": store, "stations": [["id": "grill", "makers": 2] as [String: Any]],
            "hours": ["spans": spans, "utc_offset_min": 540] as [String: Any], "step_min": 5, "least_lead_min": 1, "earliest_start_min": 20,
            "hold_s": 300, "same_day": true, "later_days": 1, "alternatives": 3,
        ]
        let terms: [String: Any] = [
            "store": store, "store_name": ["ja": "渋谷店", "en": "Shibuya"], "issuer": ["name": "暖簾食堂"], "currency": "JPY", "rounding": "down",
            "handoffs": ["counter_pickup", "curbside"], "methods": ["token", "at_counter"], "capture": "at_hand_over", "auto_accept": true,
            "accept_within_s": 600, "keep_min": 60, "keep_goods_days": 7, "complete_after_min": 30, "charge_no_show": false,
            "attach_within_min": 30, "utc_offset_min": 540,
        ]
        try await backend.operator("/v1/operator/menus", ["menus": [menu], "kitchens": [kitchen], "terms": [terms]])
    }

    func open(_ url: String? = nil) async throws -> NorenApp {
        let directory = home.appendingPathComponent("files").path
        return try await NorenApp.open(directory: directory, backendUrl: url ?? backend.url, secureStore: safe, deviceKey: key)
    }

    private func withABurger() async throws -> NorenApp {
        let noren = try await open()
        try await noren.enrol()
        #expect(try await noren.refreshMenu(store))
        #expect(try await noren.refreshStoreStatus([store]).isEmpty)
        let burger = try await noren.menuItem(store, "burger").line
        #expect(try await noren.lineMinor(store, line: burger, taxHandoff: .takeOut) == 540)
        #expect(try await noren.refreshSeat() == nil)
        try await noren.addToCart(of, line: burger)
        return noren
    }

    private func placed(_ noren: NorenApp, token: String = "tok_ok") async throws -> OrderId {
        guard case .held(let order, let held) = try await noren.holdSlot(of, time: .asap) else { throw TestFailure(description: "no slot") }
        let review = try await noren.reviewOrder(of, wish: asShown)
        #expect(review.order == order && review.deadlineMs == held.untilMs)
        #expect(try await !noren.placeOrder(order, token: token).isHeard)
        #expect(try await noren.placeOrder(order, token: token).order.id == order, "a second tap is the same order")
        #expect(try await noren.resolveOrder(order).isHeard)
        return order
    }

    /// The order, once the backend has done what it does by itself.
    private func heard(_ noren: NorenApp, _ order: OrderId, _ wanted: (OrderView) -> Bool) async throws -> OrderView {
        for _ in 0..<500 {
            try await noren.refreshOrders()
            let found = try await noren.order(order).order
            if wanted(found) { return found }
        }
        throw TestFailure(description: "the order stays \(try await noren.order(order).order)")
    }

    private func staff(_ order: OrderId, _ step: Any) async throws {
        _ = try await backend.till("/v1/kitchen/steps", ["order": order, "step": step])
    }

    @Test func anOrderFromTheMenuToTheReceipt() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        var noren = try await withABurger()
        let menu = try await noren.menu(store)
        #expect(menu.sections.flatMap(\.items).map(\.id) == ["burger", "tea"] && menu.handoff == .counterPickup)
        try await noren.addToCart(of, line: try await noren.menuItem(store, "tea").line)
        #expect(try await noren.setCartQuantity(of, line: 0, quantity: 2).cart.lines.map(\.quantity) == [2, 1])
        let check = try await noren.checkCart(of, wish: asShown)
        #expect(check.problems.isEmpty && check.changes.isEmpty && check.totals?.totalMinor == 1_296)
        #expect(try await noren.pickupSlots(of, fromMs: Int64(nowMs), untilMs: Int64(nowMs) + 3_600_000).asap != nil)
        try await noren.saveFavouriteCart("いつもの", of: of)

        let order = try await placed(noren)
        let accepted = try await heard(noren, order) { $0.state == .accepted }
        #expect(accepted.payment == .authorised && accepted.toPayMinor == 1_296)
        let code = try #require(accepted.pickupCode)
        try await staff(order, "start")
        try await staff(order, ["ready": ["shelf": "A3"]])
        #expect(try await heard(noren, order) { $0.state == .ready }.shelf == "A3")

        noren = try await open(nowhere)
        #expect(try await noren.orders().orders.map(\.order.pickupCode) == [code], "with no network")
        noren = try await open()
        await #expect(throws: TestFailure.self) { try await backend.till("/v1/kitchen/hand-overs", ["order": order, "code": "ABCDEFGH"]) }
        _ = try await backend.till("/v1/kitchen/hand-overs", ["order": order, "code": code])
        _ = try await heard(noren, order) { $0.payment == .paid }
        try await noren.refreshHistory()
        let receipts = try await noren.history().receipts
        #expect(receipts.map(\.number) == [order] && receipts.map(\.totalMinor) == [1_296])
        let again = try await noren.reorder(order)
        #expect(again.cart.cart.lines.map(\.item) == ["burger", "tea"] && again.vanished.isEmpty)
        try await noren.clearCart(of)
        #expect(try await noren.orderFavouriteCart("いつもの").cart.cart.lines.count == 2)
        #expect(try await noren.favouriteCarts().map(\.name) == ["いつもの"])
    }

    @Test func aCardThatIsRefusedAndAnOrderThatIsCalledOff() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        let noren = try await withABurger()
        await #expect(throws: NorenError.Ordering(error: .CardNumber)) { try await noren.setCartNote(of, line: 0, note: "4111 1111 1111 1111") }
        await #expect(throws: NorenError.Ordering(error: .NotHeld)) { try await noren.reviewOrder(of, wish: asShown) }
        let order = try await placed(noren, token: "tok_declined")
        _ = try await heard(noren, order) { $0.payment == .refused }
        guard case .answered = try await noren.payOrderAgain(order, token: "tok_ok") else { throw TestFailure(description: "not paid again") }
        _ = try await heard(noren, order) { $0.state == .accepted }
        let pass = try await noren.pickupPass(order)
        #expect(try await noren.lastPickupPass(order) == pass)
        let following = Task { try await noren.followOrders() }
        try await noren.cancelOrder(order)
        #expect(try await heard(noren, order) { $0.state == .canceled }.pickupCode == nil)
        following.cancel()
        await #expect(throws: CancellationError.self) { try await following.value }
    }

    @Test func onTheWayThePhoneSuggestsAndTellsMinutesOnly() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        try await sell("ebisu")
        let places: [[String: Any]] = [(store, 900.0), ("ebisu", -900.0)].map { name, north in
            let circle = ["lat_e7": Int(((lat + north * metre) * 1e7).rounded()), "lon_e7": Int((lon * 1e7).rounded()), "radius_m": 30]
            return [
                "id": "place-\(name)", "kind": "store", "name": name, "direction": "both", "ground": ["circle": circle],
                "tenants": [["store_id": name, "name": name]],
            ]
        }
        try await backend.operator("/v1/operator/places", ["places": places])
        let noren = try await withABurger()
        try await noren.refreshPlaces(latDeg: lat, lonDeg: lon)
        try await noren.refreshMenu("ebisu")
        try await noren.refreshStoreStatus()
        let now = Int64(nowMs)
        let walk: [Observation] = stride(from: 0, through: 120, by: 10).map { second in
            let north = -1.35 * Double(120 - second)
            return .fix(
                latDeg: lat + north * metre, lonDeg: lon, atMs: now - Int64(120 - second) * 1_000, bootMs: nil, accuracyM: 8, speedMps: 1.35,
                mock: false)
        }
        let found = try await noren.suggestSlots(of, journey: .moving(observations: walk))
        #expect(found.suggestions.map(\.suggestion.store) == [store, "ebisu"])
        let station = JourneyPoint(latDeg: lat - 900 * metre, lonDeg: lon)
        let train = Journey.arriving(at: station, arrivesMs: now + 1_200_000, exitMin: 2, offMin: 1)
        #expect(try await noren.suggestSlots(of, journey: train, most: 1).suggestions.map(\.suggestion.store) == ["ebisu"])
        let order = try await placed(noren)
        _ = try await heard(noren, order) { $0.state == .accepted }
        let trips = try await noren.onTheWayToOrders(walk)
        #expect(trips.map(\.order) == [order] && trips.map(\.told) == [true] && trips.map(\.arrived) == [false])
        try await noren.sendDue()
        try await noren.here(order, spot: "P-12")
        #expect(try await noren.takeCart(of, to: "ebisu").of.store == "ebisu")
    }
}
