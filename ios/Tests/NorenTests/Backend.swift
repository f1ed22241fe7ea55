import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif
#if canImport(Glibc)
    import Glibc
#endif

struct TestFailure: Error, CustomStringConvertible {
    let description: String
}

/// A process whose end is waited for without a run loop: `waitUntilExit` runs one on the caller's thread.
final class Child: @unchecked Sendable {
    private let process = Process()
    private let ended = DispatchGroup()

    init(_ path: String, _ arguments: [String], input: FileHandle = .nullDevice, output: Pipe) throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, FileHandle.nullDevice)
        ended.enter()
        process.terminationHandler = { [ended] _ in ended.leave() }
        try process.run()
    }

    /// Its exit status, once it has ended.
    func status() -> Int32 {
        ended.wait()
        return process.terminationStatus
    }

    /// Kills it. Not SIGTERM: a child of a thread of Swift's pool is born with that one blocked.
    func stop() {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        ended.wait()
    }
}

/// The reference backend as a process, and a till that speaks to it.
final class Backend: @unchecked Sendable {
    private let process: Child
    private let output = Pipe()
    let url: String

    init() throws {
        guard let noren = ProcessInfo.processInfo.environment["NOREN_BIN"] else { throw TestFailure(description: "NOREN_BIN is not set") }
        process = try Child(noren, ["serve", "--port", "0"], output: output)
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { throw TestFailure(description: "noren serve said nothing") }
            line.append(more)
        }
        guard let url = try JSONDecoder().decode([String: String].self, from: line)["url"] else { throw TestFailure(description: "no url") }
        self.url = url
    }

    deinit { stop() }

    /// The network is gone.
    func stop() { process.stop() }

    /// Posts a sale of one line to whom a scanned text names. True when the backend found the member.
    func sell(_ number: String, to scanned: String, _ description: String, _ amountMinor: Int) async throws -> Bool {
        let answer = try await till("/v1/till/sales", sale(number, "shibuya", scanned, description, amountMinor, 1_795_132_800_000))
        guard let found = answer["member_found"] as? Bool else { throw TestFailure(description: "\(answer)") }
        return found
    }

    /// Sells at the rest stop as a till with a connection does: asks for the best set of a basket of one line, and posts the sale with the coupons of
    /// the answer. What was taken off, and the serials that the backend counted.
    func sellWithCoupons(
        _ number: String, to scanned: String, _ amountMinor: Int, atMs: Int64
    ) async throws -> (discountMinor: Int, counted: [UInt64]) {
        let line: [String: Any] = ["sku": "S1", "quantity": 1, "amount_minor": amountMinor, "tax_permille": 80]
        let quote = try await till(
            "/v1/till/quotes", ["scanned": scanned, "at_ms": nowMs, "number": number, "currency": "JPY", "lines": [line]])
        guard let discountMinor = quote["discount_minor"] as? Int else { throw TestFailure(description: "\(quote)") }
        var body = sale(number, "demo-store", scanned, "もみじ饅頭", amountMinor - discountMinor, atMs)
        body["coupons"] = quote["coupons"]
        let sold = try await till("/v1/till/sales", body)
        let redemptions = sold["redemptions"] as? [[String: Any]] ?? []
        return (discountMinor, redemptions.filter { $0["counted"] as? Bool == true }.compactMap { $0["serial"] as? UInt64 })
    }

    private func sale(
        _ number: String, _ store: String, _ scanned: String, _ description: String, _ amountMinor: Int, _ soldAtMs: Int64
    ) -> [String: Any] {
        let inJapan = Date(timeIntervalSince1970: Double(soldAtMs) / 1_000 + 9 * 3_600)
        return [
            "number": number, "channel": "store", "kind": "sale", "sold_at_ms": soldAtMs,
            "business_date": String(ISO8601DateFormatter().string(from: inJapan).prefix(10)),
            "store_id": store, "store_name": "渋谷店", "currency": "JPY", "total_minor": amountMinor,
            "lines": [["sku": "S1", "description": description, "quantity": 1, "amount_minor": amountMinor, "reduced_rate": false] as [String: Any]],
            "customer": ["scanned": ["text": scanned, "at_ms": nowMs] as [String: Any]],
        ]
    }

    /// What a till says.
    func till(_ path: String, _ body: [String: Any]) async throws -> [String: Any] { try await post(path, body, "noren-demo-till") }

    /// What the operator's own systems say.
    @discardableResult
    func `operator`(_ path: String, _ body: [String: Any]) async throws -> [String: Any] { try await post(path, body, "noren-demo-operator") }

    private func post(_ path: String, _ body: [String: Any], _ token: String) async throws -> [String: Any] {
        var request = URLRequest(url: URL(string: url + path)!)
        request.httpMethod = "POST"
        request.httpBody = try JSONSerialization.data(withJSONObject: body)
        request.setValue("Bearer \(token)", forHTTPHeaderField: "authorization")
        request.setValue("application/json", forHTTPHeaderField: "content-type")
        request.setValue(UUID().uuidString, forHTTPHeaderField: "idempotency-key")
        let (data, response) = try await URLSession.shared.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200, let answer = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw TestFailure(description: String(decoding: data, as: UTF8.self))
        }
        return answer
    }
}

/// The phone's wall clock.
var nowMs: Int { Int(Date().timeIntervalSince1970 * 1000) }

#if canImport(Glibc)
    /// Takes a connection and never answers.
    final class SilentServer: @unchecked Sendable {
        private let listening: Int32
        let url: String

        init() {
            let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let port = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    _ = Glibc.bind(listening, generic, length)
                    _ = Glibc.listen(listening, 8)
                    _ = getsockname(listening, generic, &length)
                }
                return UInt16(bigEndian: pointer.pointee.sin_port)
            }
            self.listening = listening
            url = "http://127.0.0.1:\(port)"
        }

        /// Comes back when someone has connected; the connection stays open for as long as this lives.
        func connected() async {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread { [listening] in
                    _ = Glibc.accept(listening, nil, nil)
                    continuation.resume()
                }
            }
        }

        deinit { _ = Glibc.close(listening) }
    }
#endif
