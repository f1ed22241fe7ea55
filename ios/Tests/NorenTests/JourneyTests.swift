import Foundation
import Noren
import Testing

/// A first journey through the Swift face, against the backend as a process.
@Suite(.timeLimit(.minutes(2))) struct JourneyTests {
    let backend: Backend
    let home: URL
    let store = MemorySecureStore()
    let key: OpenSSLDeviceKey

    init() throws {
        backend = try Backend()
        home = FileManager.default.temporaryDirectory.appendingPathComponent("noren-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        key = OpenSSLDeviceKey(home.appendingPathComponent("device.key"))
    }

    func open(_ url: String? = nil) async throws -> NorenApp {
        let directory = home.appendingPathComponent("files").path
        return try await NorenApp.open(directory: directory, backendUrl: url ?? backend.url, secureStore: store, deviceKey: key)
    }

    var files: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: home.appendingPathComponent("files").path)) ?? []
    }

    @Test func aShopperEnrolsShowsBuysAndFindsItAgainOffline() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        var noren = try await open()
        #expect(try await noren.member() == .notEnrolled)
        await #expect(throws: NorenError.Member(error: .NotEnrolled)) { try await noren.card() }
        guard case let .enrolled(memberId, _, _, _, _, _, _, _) = try await noren.enrol() else { return #expect(Bool(false), "not enrolled") }
        await #expect(throws: NorenError.Member(error: .AlreadyEnrolled)) { try await noren.enrol() }

        let card = try await noren.card()
        #expect(card.text.hasPrefix("NRN1:"))
        #expect(card.matrix.isDark(x: 0, y: 0) && !card.matrix.isDark(x: 7, y: 7) && !card.matrix.isDark(x: -1, y: 0), "a finder in the corner")
        #expect(try await backend.sell("1", to: card.text, "北海道牛乳 ﾁｰｽﾞ", 540))
        #expect(try await backend.sell("2", to: noren.card(.code128).text, "LANTERN", 100))
        #expect(try await noren.refreshHistory().newReceipts == 2)
        #expect(try await noren.refreshMember())

        backend.stop()
        noren = try await open()
        guard case .enrolled(memberId, _, _, _, _, _, _, _) = try await noren.member() else { return #expect(Bool(false), "another member") }
        let page = try await noren.history(limit: 1)
        #expect(page.receipts.map(\.channel) == [.store] && page.freshness.complete)
        let rest = try await noren.history(before: page.next)
        #expect(Set((page.receipts + rest.receipts).map(\.number)) == ["1", "2"])
        for (text, number) in ["乳": "1", "チーズ": "1", "ちーず": "1", "ｌａｎ": "2"] {
            #expect(try await noren.search(text).receipts.map(\.number) == [number], "\(text)")
        }
        let found = try #require(try await noren.search("牛乳").receipts.first)
        #expect(try await noren.receipt(found.id).lines.map(\.description) == ["北海道牛乳 ﾁｰｽﾞ"])
        #expect(try await noren.monthTotals().map(\.netMinor) == [640])
        #expect(try await noren.exportJson().contains("LANTERN"))
        await #expect(throws: NorenError.Purchases(error: .Call(error: .Transport(error: .Offline)))) { try await noren.refreshHistory() }
        #expect(try await noren.card().text.hasPrefix("NRN1:"), "the card shows where there is no network")
        #expect(try await noren.forgetMe().server == .waiting)
        #expect(files == ["erase.pending"])
    }

    @Test func aCancelledTaskStopsItsVerbAndLeavesThingsSound() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        let silent = SilentServer()
        do {
            let noren = try await open(silent.url)
            let enrolling = Task { try await noren.enrol() }
            await silent.connected()
            enrolling.cancel()
            await #expect(throws: CancellationError.self) { try await enrolling.value }
            if case .enrolled = try await noren.member() { #expect(Bool(false), "enrolled by nobody") }
        }
        let noren = try await open()
        try await noren.networkReturned()
        if try await noren.member() == .notEnrolled { try await noren.enrol() }
        guard case .enrolled = try await noren.member() else { return #expect(Bool(false), "not enrolled") }
        #expect(try await noren.waiting().isEmpty)
    }

    @Test func changesAreToldToThoseWhoListen() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        let noren = try await open()
        let changes = try noren.changes()
        try await noren.enrol()
        for await change in changes where change == .member { break }
        #expect(try await noren.diagnostics().lost.isEmpty)
    }

    @Test func aLockedPhoneChangesNothing() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        store.locked = true
        await #expect(throws: NorenError.Open(error: .Locked)) { try await open() }
        #expect(files.isEmpty)
        store.locked = false
        do {
            let noren = try await open()
            try await noren.enrol()
        }
        store.locked = true
        await #expect(throws: NorenError.Open(error: .Locked)) { try await open() }
        store.locked = false
        guard case .enrolled = try await open().member() else { return #expect(Bool(false), "not enrolled") }
    }

    @Test func whatThePlatformThrowsIsAnErrorAndNotACrash() async throws {
        defer { try? FileManager.default.removeItem(at: home) }
        let noren = try await open()
        key.throwsOddly = true
        await #expect { try await noren.enrol() } throws: { error in
            guard case .Member(error: .Platform(error: .Failed(let reason))) = error as? NorenError else { return false }
            return reason.contains("OddFault")
        }
        key.throwsOddly = false
        guard case .enrolled = try await noren.enrol() else { return #expect(Bool(false), "not enrolled") }
    }
}
