import Foundation
import Noren
import Testing

private let lat = 34.3712
private let lon = 132.3457
private let metre = 1.0 / 111_000
private let place = "miyajima-out"

/// Nobody listens there: what the phone is told to reach without a network.
private let nowhere = "http://127.0.0.1:9"

/// A traveller's journey through the Swift face, against the backend as a process: a stop, a check-in, a coupon, a till, a stamp.
@Suite(.timeLimit(.minutes(2))) struct TravellerTests {
    let backend: Backend
    let home: URL
    let store = MemorySecureStore()
    let key: OpenSSLDeviceKey

    init() async throws {
        backend = try Backend()
        home = FileManager.default.temporaryDirectory.appendingPathComponent("noren-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        key = OpenSSLDeviceKey(home.appendingPathComponent("device.key"))
        try await shop()
    }

    private func shop() async throws {
        func info(_ id: String, _ name: String, _ lat: Double, _ more: [String: Any]) -> [String: Any] {
            let circle = ["lat_e7": Int((lat * 1e7).rounded()), "lon_e7": Int((lon * 1e7).rounded()), "radius_m": 150]
            let info: [String: Any] = ["id": id, "kind": "rest_stop", "name": name, "direction": "outbound", "ground": ["circle": circle]]
            return info.merging(more) { _, new in new }
        }
        let here = info(place, "宮島SA（下り）", lat, ["tenants": [["store_id": "demo-store", "name": "フードコート"]]])
        let further = info("asa", "安佐SA", lat + 20_000 * metre, ["reading": "あさ", "tenants": [Any]()])
        try await backend.operator("/v1/operator/places", ["places": [here, further]])
        func offer(_ id: Int, _ title: [String: String], _ audience: Any) -> [String: Any] {
            [
                "id": id, "title": title, "reason": [String: Any](), "stores": [Any](), "places": [place], "channels": [Any](), "audience": audience,
                "first_visit": false, "sku_prefixes": [Any](), "classes": [Any](), "discount": ["fixed": ["amount_minor": 100]],
                "greatest_discount_permille": 1000, "stacking": "together", "per_member": 1, "offline": true,
            ]
        }
        let cake = offer(7, ["ja": "もみじ饅頭 100円引き", "en": "100 yen off"], ["visitor": ["within_s": 21_600]])
        let reward = offer(8, ["ja": "スタンプ満了", "en": "Full stamp card"], "linked")
        let card: [String: Any] = [
            "id": "road", "title": ["ja": "旅のスタンプ", "en": "Stamps of the road"], "goal": 5, "reward": 8, "utc_offset_min": 540,
        ]
        try await backend.operator("/v1/operator/offers", ["offers": [cake, reward], "stamp_programmes": [card]])
    }

    func open(_ url: String? = nil) async throws -> NorenApp {
        let directory = home.appendingPathComponent("files").path
        return try await NorenApp.open(directory: directory, backendUrl: url ?? backend.url, secureStore: store, deviceKey: key)
    }

    /// Enrols, with signal, and has the places and the leases before the drive.
    private func prepared() async throws -> NorenApp {
        let noren = try await open()
        try await noren.enrol()
        #expect(try await noren.refreshPlaces(latDeg: lat, lonDeg: lon).newTiles > 0)
        #expect(try await noren.refreshCoupons().leased)
        return noren
    }

    private func coupon(of noren: NorenApp) async throws -> CouponView {
        try #require(try await noren.coupons(place: place).first { $0.offer == 7 })
    }

    /// Fixes of a stop of four minutes that ends now.
    private var stay: [Observation] {
        let now = Int64(nowMs)
        return (0..<24).map { n in
            .fix(
                latDeg: lat + 4 * metre * sin(Double(n)), lonDeg: lon + 4 * metre * cos(Double(n)), atMs: now - Int64(24 - n) * 10_000, bootMs: nil,
                accuracyM: 8, speedMps: 0.2, mock: false)
        }
    }

    @Test func aStopUnlocksACouponThatATillTakes() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        var noren = try await prepared()
        let locked = try await coupon(of: noren)
        #expect(!locked.usableNow && locked.reason == "no_check_in")
        let serial = try #require(locked.serial)
        #expect(try await noren.beginPresentation().serials.isEmpty)
        try await noren.endPresentation()

        // No network from here to after the card was scanned.
        noren = try await open(nowhere)
        let report = try await noren.follow(stay)
        let made = try #require(report.checkIns.first)
        #expect(report.checkIns.count == 1 && made.checkIn.place == place && made.checkIn.unlocked == [serial])
        #expect(made.notice.titleJa == "宮島SA（下り）にチェックインしました" && made.notice.silent && made.notice.atNight)
        #expect(Set(try #require(report.regions).add.map(\.id)) == [place, "asa"])
        noren = try await open(nowhere)
        #expect(try await noren.checkIns().map(\.state) == [.waiting])
        #expect(try await noren.stampCards().flatMap(\.stamps).map(\.waiting) == [true])
        let unlocked = try await coupon(of: noren)
        #expect(unlocked.usableNow && unlocked.offlineOk && unlocked.state == .granted)
        let line = BasketLine(sku: "S1", class: nil, quantity: 1, amountMinor: 500, taxPermille: 80, greatestDiscountMinor: nil)
        let best = try await noren.bestSet(currency: "JPY", lines: [line], place: place)
        #expect(best.discountMinor == 100 && best.totalMinor == 400)
        try await noren.holdBackCoupon(7)
        #expect(try await noren.beginPresentation().serials.isEmpty)
        try await noren.holdBackCoupon(7, held: false)
        let shown = try await noren.beginPresentation()
        #expect(shown.noted && shown.serials == [serial])
        let card = try await noren.card()
        try await noren.endPresentation()
        #expect(try await noren.beginPresentation().serials.isEmpty, "shown before, and nobody has said what became of it")
        try await noren.endPresentation()
        #expect(try await coupon(of: noren).unheard)

        // The network is back: the phone tells of the check-in, the till sells.
        noren = try await open()
        try await noren.networkReturned()
        #expect(try await noren.checkIns().map(\.state) == [.accepted])
        #expect(try await noren.checkIns().map(\.id) == [made.checkIn.id])
        let sold = try await backend.sellWithCoupons("7", to: card.text, 500, atMs: made.checkIn.atMs)
        #expect(sold.discountMinor == 100 && sold.counted == [serial])
        try await noren.refreshHistory()
        let receipt = try #require(try await noren.history().receipts.first)
        #expect(try await noren.receipt(receipt.id).coupons.map(\.discountMinor) == [100])
        #expect(try await noren.refreshCoupons().newWallet)
        let used = try await coupon(of: noren)
        #expect(used.state == .redeemed && !used.usableNow)
        let stamps = try #require(try await noren.stampCards().first)
        #expect(stamps.stamps.map(\.place) == [place] && stamps.stamps.map(\.waiting) == [false] && stamps.goal == 5 && stamps.fullCards == 0)
    }

    @Test func placesAreFoundWithoutANetwork() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        do {
            let noren = try await open()
            await #expect(throws: NorenError.Places(error: .NotEnrolled)) { try await noren.refreshPlaces(latDeg: lat, lonDeg: lon) }
        }
        let noren = try await prepared()
        backend.stop()
        let near = try await noren.nearestPlaces(latDeg: lat, lonDeg: lon)
        let nearest = try #require(near.places.first)
        #expect(nearest.place.id == place && nearest.distanceM == 0 && near.areaKnown && nearest.place.tenants.map(\.openNow) == [true])
        #expect(try await noren.placesWithin(latDeg: lat, lonDeg: lon, radiusM: 1_000).places.count == 1)
        for text in ["ｱｻ", "安佐sa"] {
            #expect(try await noren.searchPlaces(text).places.map(\.id) == ["asa"], "\(text)")
        }
        #expect(try await noren.place("asa").reading == "あさ")
        await #expect(throws: NorenError.self) { try await noren.nearestPlaces(latDeg: .nan, lonDeg: 0) }
    }

    @Test func aCodeAtThePlaceChecksInOnceAndWithoutLocation() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        let noren = try await prepared()
        #expect(try await noren.follow([.opened(atMs: Int64(nowMs))]).waiting.map(\.missing) == [.fix])
        try await noren.limitRegions(.ios)
        await #expect { try await noren.scanPlaceCode("NRP1:NOT A CODE") } throws: { error in
            if case .CheckIn(error: .BadCode) = error as? NorenError { true } else { false }
        }
        await #expect(throws: NorenError.self) { try await noren.checkInByReceipt("") }
        await #expect(throws: NorenError.self) { try await noren.takePush("no push") }
        let answer = try await backend.operator("/v1/operator/place-codes", ["place": place, "until_s": nowMs / 1_000 + 600])
        let code = try #require(answer["text"] as? String)
        backend.stop()
        let made = try await noren.scanPlaceCode(code)
        #expect(made.checkIn.state == .waiting && made.coupons.map(\.offer) == [7])
        #expect(try await coupon(of: noren).reason != "no_check_in")
        await #expect(throws: NorenError.CheckIn(error: .CoolDown)) { try await noren.scanPlaceCode(code) }
    }
}
