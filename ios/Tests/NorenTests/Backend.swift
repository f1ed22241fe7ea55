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
        let sale: [String: Any] = [
            "number": number, "channel": "store", "kind": "sale", "sold_at_ms": 1_795_132_800_000, "business_date": "2026-11-20",
            "store_id": "shibuya", "store_name": "渋谷店", "currency": "JPY", "total_minor": amountMinor,
            "lines": [["sku": "S1", "description": description, "quantity": 1, "amount_minor": amountMinor, "reduced_rate": false] as [String: Any]],
            "customer": ["scanned": ["text": scanned, "at_ms": Int(Date().timeIntervalSince1970 * 1000)] as [String: Any]],
        ]
        var request = URLRequest(url: URL(string: url + "/v1/till/sales")!)
        request.httpMethod = "POST"
        request.httpBody = try JSONSerialization.data(withJSONObject: sale)
        request.setValue("Bearer noren-demo-till", forHTTPHeaderField: "authorization")
        request.setValue("application/json", forHTTPHeaderField: "content-type")
        request.setValue(UUID().uuidString, forHTTPHeaderField: "idempotency-key")
        let (data, _) = try await URLSession.shared.data(for: request)
        let answer = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        guard let found = answer?["member_found"] as? Bool else { throw TestFailure(description: String(decoding: data, as: UTF8.self)) }
        return found
    }
}

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
