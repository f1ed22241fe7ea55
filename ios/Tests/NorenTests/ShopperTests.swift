import Foundation
import Noren
import Testing

private let tea = "4901777018686"

/// Nobody listens there: what the phone is told to reach without a network.
private let nowhere = "http://127.0.0.1:9"

/// A shopper's journey through the Swift face, against the backend as a process: a scan, another size, a favourite, a review.
@Suite(.timeLimit(.minutes(2))) struct ShopperTests {
    let backend: Backend
    let home: URL
    let store = MemorySecureStore()
    let key: OpenSSLDeviceKey

    init() async throws {
        backend = try Backend()
        home = FileManager.default.temporaryDirectory.appendingPathComponent("noren-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        key = OpenSSLDeviceKey(home.appendingPathComponent("device.key"))
        func variant(_ sku: String, _ more: [String: Any]) -> [String: Any] {
            let variant: [String: Any] = ["sku": sku, "prices": [["amount_minor": 150, "currency": "JPY"] as [String: Any]]]
            return variant.merging(more) { _, new in new }
        }
        let green: [String: Any] = [
            "id": "tea", "title": ["ja": "緑茶", "en": "Green tea"], "variants": [variant("T-1", ["gtin": tea])],
            "size_mm": ["width_mm": 60, "depth_mm": 60, "height_mm": 210],
        ]
        let sizes = ["S", "M"].map { variant("red-\($0)", ["colour": "赤", "size": $0]) }
        let shirt: [String: Any] = ["id": "shirt", "title": ["ja": "Ｔシャツ", "en": "T-shirt"], "variants": sizes]
        try await backend.operator("/v1/operator/products", ["products": [green, shirt]])
    }

    func open(_ url: String? = nil) async throws -> NorenApp {
        let directory = home.appendingPathComponent("files").path
        return try await NorenApp.open(directory: directory, backendUrl: url ?? backend.url, secureStore: store, deviceKey: key)
    }

    @Test func aScanLeadsToTheProductOfflineOnceItWasFound() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        var noren = try await open()
        try await noren.enrol()
        let first = try await noren.scan(tea)
        #expect(first.product == nil && first.notKnown == tea)
        let found = try #require(try await noren.findProduct(tea, store: "shibuya"))
        #expect(found.title == "緑茶" && found.sku == "T-1")
        #expect(try await noren.findProduct("4902102072618") == nil, "nobody sells it here")
        #expect(try await noren.searchProductsOnline("シャツ").map(\.id) == ["shirt"])

        noren = try await open(nowhere)
        let scanned = try await noren.scan("]C1010\(tea)", store: "shibuya")
        #expect(scanned.product?.sku == "T-1" && scanned.counted)
        #expect(try await noren.scan(tea).counted == false)
        let shirt = try await noren.productOf("red-S")
        #expect(shirt.matrix.sizes == ["S", "M"] && shirt.matrix.rows.map(\.skus) == [["red-S", "red-M"]])
        #expect(try await noren.searchProducts("茶").map(\.id) == ["tea"])
        #expect(try await noren.fits("tea", room: SizeMm(widthMm: 60, depthMm: 60, heightMm: 210)) == .asItIs)
        try await noren.scanSettings(ScanSettings(prefixes: [], linkHosts: ["app.example.jp"]))
        #expect(try await noren.scan("https://app.example.jp/product/tea").product?.id == "tea")
        #expect(try await noren.scan("https://example.com/product/tea").product == nil)
        await #expect(throws: NorenError.self) { try await noren.scan("4901777018687") }
        await #expect(throws: NorenError.self) { try await noren.findProduct("4902102072618") }
    }

    @Test func whatTheMemberLikesAndThinksWaitsForTheNetwork() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        var noren = try await open()
        try await noren.enrol()
        _ = try #require(try await noren.findProduct(tea))
        noren = try await open(nowhere)
        try await noren.like("T-1", watch: ["shibuya"])
        try await noren.writeReview("tea", stars: 4, text: "濃い")
        #expect(try await noren.reviews("tea").own?.text == "濃い")
        #expect(try await noren.favourites().favourites.map(\.waiting) == [true])
        noren = try await open()
        try await noren.networkReturned()
        try await noren.refreshFavourites()
        let liked = try await noren.favourites().favourites
        #expect(liked.map(\.sku) == ["T-1"] && liked.map(\.waiting) == [false])
        let reviews = try await noren.refreshReviews("tea")
        #expect(reviews.reviews.map(\.text) == ["濃い"] && reviews.averageMilli == 4_000 && reviews.own == nil)
        try await noren.refreshRanking()
        #expect(try await noren.ranking().products.isEmpty, "nothing was sold")
    }
}
