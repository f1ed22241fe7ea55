import Foundation
import Noren

/// A safe in memory. `locked` is a phone that was restarted and not unlocked yet.
final class MemorySecureStore: SecureStore, @unchecked Sendable {
    private let lock = NSLock()
    private var values: [String: Data] = [:]
    private var isLocked = false

    var locked: Bool {
        get { lock.withLock { isLocked } }
        set { lock.withLock { isLocked = newValue } }
    }

    private func unlocked<T>(_ verb: () throws -> T) throws -> T {
        try lock.withLock {
            if isLocked { throw PlatformError.Locked }
            return try verb()
        }
    }

    func load(name: String) throws -> Data {
        try unlocked {
            guard let value = values[name] else { throw PlatformError.NotFound }
            return value
        }
    }

    func save(name: String, value: Data) throws { try unlocked { values[name] = value } }

    func delete(name: String) throws { try unlocked { _ = values.removeValue(forKey: name) } }
}

struct OddFault: Error {}

/// A P-256 key in a file, by the machine's `openssl`: another hand than the core's.
final class OpenSSLDeviceKey: DeviceKey, @unchecked Sendable {
    private let file: URL
    private let lock = NSLock()
    private var throwing = false

    init(_ file: URL) { self.file = file }

    /// What a platform may throw that no one expects.
    var throwsOddly: Bool {
        get { lock.withLock { throwing } }
        set { lock.withLock { throwing = newValue } }
    }

    func create() throws -> Data {
        _ = try openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file.path])
        return try publicKey()
    }

    /// The point is the end of the SubjectPublicKeyInfo.
    func publicKey() throws -> Data { try Data(openssl(["pkey", "-in", held(), "-pubout", "-outform", "DER"]).suffix(65)) }

    func sign(message: Data) throws -> Data { try openssl(["dgst", "-sha256", "-sign", held()], input: message) }

    func delete() throws { try? FileManager.default.removeItem(at: file) }

    private func held() throws -> String {
        guard FileManager.default.fileExists(atPath: file.path) else { throw PlatformError.NotFound }
        return file.path
    }

    private func openssl(_ arguments: [String], input: Data = Data()) throws -> Data {
        if throwsOddly { throw OddFault() }
        let message = file.deletingLastPathComponent().appendingPathComponent(UUID().uuidString)
        try input.write(to: message)
        defer { try? FileManager.default.removeItem(at: message) }
        let output = Pipe()
        let process = try Child("/usr/bin/openssl", arguments, input: FileHandle(forReadingFrom: message), output: output)
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        let status = process.status()
        guard status == 0 else { throw PlatformError.Failed(reason: "openssl ended with \(status)") }
        return answer
    }
}
