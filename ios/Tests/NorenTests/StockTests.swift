import Foundation
import Noren
import Testing

private let lat = 35.6595
private let lon = 139.7005
private let metre = 1.0 / 111_000
private let here = Position(latDeg: lat, lonDeg: lon)

/// Nobody listens there: what the phone is told to reach without a network.
private let nowhere = "http://127.0.0.1:9"

/// Where it is, and having it kept, through the Swift face, against the backend as a process.
@Suite(.timeLimit(.minutes(2))) struct StockTests {
    let backend: Backend
    let home: URL
    let store = MemorySecureStore()
    let key: OpenSSLDeviceKey

    init() async throws {
        backend = try Backend()
        home = FileManager.default.temporaryDirectory.appendingPathComponent("noren-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        key = OpenSSLDeviceKey(home.appendingPathComponent("device.key"))
        let variants: [[String: Any]] = ["S", "M"].map { size in
            ["sku": "red-\(size)", "colour": "赤", "size": size, "prices": [["amount_minor": 1_990, "currency": "JPY"] as [String: Any]]]
        }
        let shirt: [String: Any] = ["id": "shirt", "title": ["ja": "Ｔシャツ"], "variants": variants]
        try await backend.operator("/v1/operator/products", ["products": [shirt]])
        let places: [[String: Any]] = [("demo-store", 50.0), ("harajuku", 1_200.0)].map { name, north in
            let circle = ["lat_e7": Int(((lat + north * metre) * 1e7).rounded()), "lon_e7": Int((lon * 1e7).rounded()), "radius_m": 30]
            return [
                "id": "place-\(name)", "kind": "store", "name": "\(name)店", "direction": "both", "ground": ["circle": circle],
                "tenants": [["store_id": name, "name": "\(name)店"]],
            ]
        }
        try await backend.operator("/v1/operator/places", ["places": places])
        var stores: [[String: Any]] = ["demo-store", "harajuku"].map { ["store": $0, "source": "pos_feed", "holds": true] }
        stores.append(["store": "ec", "source": "pos_feed", "is_ec": true])
        try await backend.operator("/v1/operator/stock", ["stores": stores])
        try await count("demo-store", ["red-S": 2, "red-M": 0])
        try await count("harajuku", ["red-M": 4])
        try await count("ec", ["red-S": 50, "red-M": 50])
    }

    /// Somebody counts in a store what there is.
    private func count(_ store: String, _ levels: [String: Int]) async throws {
        let now = nowMs
        let events: [[String: Any]] = levels.map { sku, quantity in
            let counted: [String: Any] = ["quantity": quantity, "state": "sellable"]
            return ["source": "count", "id": UUID().uuidString, "store": store, "sku": sku, "at_ms": now, "kind": ["count": counted]]
        }
        try await backend.operator("/v1/stock/events", ["events": events, "said_until_ms": now, "stores": [store]])
    }

    func open(_ url: String? = nil) async throws -> NorenApp {
        let directory = home.appendingPathComponent("files").path
        return try await NorenApp.open(directory: directory, backendUrl: url ?? backend.url, secureStore: store, deviceKey: key)
    }

    private func arrived() async throws -> NorenApp {
        let noren = try await open()
        try await noren.enrol()
        try await noren.refreshPlaces(latDeg: lat, lonDeg: lon)
        _ = try await noren.findProduct("red-S")
        try await noren.refreshStock(at: here)
        return noren
    }

    private func wish(_ store: String, _ sku: String, etaMin: UInt32 = 20, quantity: UInt32 = 1) -> HoldWish {
        HoldWish(store: store, sku: sku, quantity: quantity, etaMin: etaMin)
    }

    private func question(_ wanted: String) -> StockQuestion {
        StockQuestion(
            product: "shirt", skus: [], wanted: wanted, here: "demo-store", inMin: nil, quantity: 1, perVariant: 3, openFirst: true)
    }

    private func held(_ noren: NorenApp, _ wish: HoldWish) async throws -> HoldView {
        guard case .held(let hold) = try await noren.hold(wish, at: here) else { throw TestFailure(description: "it is not held") }
        return hold
    }

    @Test func aScannedSLeadsToTheStoreThatHasM() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        var noren = try await arrived()
        let matrix = try await noren.nearestStock(question("red-M"), at: here)
        #expect(matrix.variants.map(\.sku) == ["red-S", "red-M"])
        let m = try #require(matrix.variants.last)
        #expect(m.here?.answer.band == .out && m.online?.store == "ec")
        #expect(m.stores.map(\.store) == ["harajuku"] && m.stores.map(\.answer.quantity) == [4])
        #expect(try await noren.stockIn("harajuku", sku: "red-M", inMin: 5)?.answer.band == .inStock)
        #expect(try await noren.stockIn("nowhere", sku: "red-M") == nil)
        try await count("harajuku", ["red-M": 1])
        #expect(try await noren.refreshStock(["harajuku"]).levels == 1)
        try await noren.pinStore("harajuku")
        #expect(try await noren.stockStores().first?.store == "harajuku")
        try await noren.pinStore("harajuku", pinned: false)
        #expect(try await noren.stockStores().allSatisfy { !$0.pinned })

        noren = try await open(nowhere)
        await #expect(throws: NorenError.self) { try await noren.refreshStock() }
        let again = try #require(try await noren.nearestStock(question("red-M")).variants.last)
        #expect(again.stores.map(\.answer.quantity) == [1])
        await #expect(throws: NorenError.self) { try await noren.nearestStock(question("red-M"), at: Position(latDeg: .nan, lonDeg: 0)) }
    }

    @Test func aHoldIsKeptOnceItIsPickedAndReleased() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        let noren = try await arrived()
        let first = try await held(noren, wish("demo-store", "red-S"))
        let id = try #require(first.id)
        #expect(first.wordsEn == "The store is looking for it: not kept yet")
        guard case .refused(reason: .alreadyHeld, _) = try await noren.hold(wish("demo-store", "red-S")) else {
            throw TestFailure(description: "it is held twice")
        }
        _ = try await backend.till("/v1/store/tasks", ["hold": id, "done": ["picked": ["shelf_number": "12"]]])
        #expect(try await noren.refreshHolds())
        #expect(try await !noren.refreshHolds())
        #expect(try await noren.holds().holds.map(\.wordsJa) == ["取り置き済み・棚番 12"])
        #expect(try await noren.stillComing(id, etaMin: 10) == .done)
        #expect(try await noren.releaseHold(id) == .done)
        #expect(try await noren.holds().holds.map(\.standing) == [.known(state: .released)])
        await #expect(throws: NorenError.Holds(error: .NoSuchHold)) { try await noren.stillComing(id, etaMin: 3) }
        await #expect(throws: NorenError.self) { try await noren.hold(wish("ec", "red-S", quantity: 0)) }
    }

    @Test func notFoundLeadsElsewhereAndAWishWithoutANetworkIsTakenBack() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        var noren = try await arrived()
        let id = try #require(try await held(noren, wish("demo-store", "red-S")).id)
        _ = try await backend.till("/v1/store/tasks", ["hold": id, "done": "not_found"])
        try await noren.refreshHolds()
        try await noren.refreshStock()
        let steps = try await noren.insteadOfHold(id, at: here).nextSteps
        #expect(steps.contains { if case .online = $0 { true } else { false } })

        noren = try await open(nowhere)
        let waiting = try await noren.hold(wish("harajuku", "red-M"))
        guard case .waiting(let key, _) = waiting else { throw TestFailure(description: "\(waiting)") }
        #expect(try await noren.hold(wish("harajuku", "red-M")) == waiting, "a second tap is the same wish")
        try await noren.takeBackHold(key)
        #expect(try await noren.holds().holds.map(\.id) == [id])
        await #expect(throws: NorenError.Holds(error: .NoSuchHold)) { try await noren.takeBackHold(key) }
    }

    @Test func onTheWayOnlyMinutesAreTold() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        let noren = try await arrived()
        try await noren.releaseWhenAway()
        try await noren.releaseWhenAway(false)
        let hold = try await held(noren, wish("harajuku", "red-M", etaMin: 30))
        let now = Int64(nowMs)
        func fix(_ second: Int) -> Observation {
            .fix(
                latDeg: lat + 1.4 * Double(second) * metre, lonDeg: lon, atMs: now - Int64(180 - second) * 1_000, bootMs: nil, accuracyM: 8,
                speedMps: 1.4, mock: false)
        }
        let trips = try await noren.onTheWay(stride(from: 0, through: 180, by: 10).map(fix))
        let trip = try #require(trips.first)
        #expect(trips.count == 1 && trip.hold == hold.id && trip.trend == .nearer)
        #expect(trip.told && !trip.released && !trip.turnedAway)
        #expect((9...13).contains(try #require(trip.etaMin)))
        try await noren.sendDue()
        #expect(try await noren.onTheWay([fix(181)]).map(\.told) == [false], "not every second")
    }
}
