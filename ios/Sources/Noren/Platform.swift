import Foundation

#if canImport(Darwin)
    import Darwin
#endif

/// A name of the current boot, another one after each restart: `kern.bootsessionuuid`. Empty where there is none: the core then asks the kernel.
public func bootSession() -> String {
    #if canImport(Darwin)
        var length = 0
        guard sysctlbyname("kern.bootsessionuuid", nil, &length, nil, 0) == 0, length > 0 else { return "" }
        var text = [UInt8](repeating: 0, count: length)
        guard sysctlbyname("kern.bootsessionuuid", &text, &length, nil, 0) == 0 else { return "" }
        return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    #else
        return ""
    #endif
}

/// The directory that the core's files live in.
public enum CoreDirectory {
    /// Makes `Application Support/Noren`: never in a backup, readable from the first unlock on, so that a background task can write. Not in an
    /// app group: a file lock held there at suspension ends the app.
    public static func make() throws -> String {
        var directory = try FileManager.default
            .url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
            .appendingPathComponent("Noren", isDirectory: true)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        #if canImport(Darwin)
            var values = URLResourceValues()
            values.isExcludedFromBackup = true
            try directory.setResourceValues(values)
        #endif
        #if os(iOS)
            let protection: [FileAttributeKey: Any] = [.protectionKey: FileProtectionType.completeUntilFirstUserAuthentication]
            try FileManager.default.setAttributes(protection, ofItemAtPath: directory.path)
        #endif
        return directory.path
    }
}

extension ModuleMatrix {
    /// True for a black module; false outside.
    public func isDark(x: Int, y: Int) -> Bool {
        guard x >= 0, y >= 0, x < Int(width), y < Int(height) else { return false }
        let index = y * Int(width) + x
        return bits[bits.startIndex + index / 8] & (0x80 >> UInt8(index % 8)) != 0
    }
}
