#if canImport(Security)
    import Foundation
    import Security

    /// Small secrets in the Keychain: readable after first unlock, on this device only, never in a backup.
    public final class KeychainSecureStore: SecureStore {
        private let service: String

        /// - Parameter service: tells the app's own items from others'.
        public init(service: String = "app.noren") {
            self.service = service
        }

        public func load(name: String) throws -> Data {
            var item: CFTypeRef?
            try check(SecItemCopyMatching(query(name, [kSecReturnData: true, kSecMatchLimit: kSecMatchLimitOne]), &item))
            guard let data = item as? Data else { throw PlatformError.Failed(reason: "the Keychain gave no data") }
            return data
        }

        public func save(name: String, value: Data) throws {
            // Changed in place: a value is never gone for a moment.
            let changed = SecItemUpdate(query(name), [kSecValueData: value] as CFDictionary)
            guard changed == errSecItemNotFound else { return try check(changed) }
            let access = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
            try check(SecItemAdd(query(name, [kSecValueData: value, kSecAttrAccessible: access]), nil))
        }

        public func delete(name: String) throws {
            let status = SecItemDelete(query(name))
            if status != errSecItemNotFound { try check(status) }
        }

        private func query(_ name: String, _ more: [CFString: Any] = [:]) -> CFDictionary {
            let which: [CFString: Any] = [
                kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: name,
                kSecUseDataProtectionKeychain: true,
            ]
            return which.merging(more) { _, new in new } as CFDictionary
        }
    }

    /// A P-256 key in the Secure Enclave: it never leaves it, works after first unlock and asks for nobody's face. On a simulator, which has no
    /// Enclave, an ordinary key of the Keychain.
    public final class SecureEnclaveDeviceKey: DeviceKey {
        private let tag: Data

        /// - Parameter tag: the key's name in the Keychain.
        public init(tag: String = "app.noren.device") {
            self.tag = Data(tag.utf8)
        }

        public func create() throws -> Data {
            try delete()
            var fault: Unmanaged<CFError>?
            let accessible = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
            guard let access = SecAccessControlCreateWithFlags(nil, accessible, .privateKeyUsage, &fault) else { throw failed(fault) }
            var attributes: [CFString: Any] = [
                kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom, kSecAttrKeySizeInBits: 256, kSecUseDataProtectionKeychain: true,
            ]
            #if targetEnvironment(simulator)
                attributes[kSecPrivateKeyAttrs] = [kSecAttrIsPermanent: true, kSecAttrApplicationTag: tag, kSecAttrAccessible: accessible] as [CFString: Any]
            #else
                attributes[kSecAttrTokenID] = kSecAttrTokenIDSecureEnclave
                attributes[kSecPrivateKeyAttrs] = [kSecAttrIsPermanent: true, kSecAttrApplicationTag: tag, kSecAttrAccessControl: access] as [CFString: Any]
            #endif
            guard let key = SecKeyCreateRandomKey(attributes as CFDictionary, &fault) else { throw failed(fault) }
            return try publicHalf(of: key)
        }

        public func publicKey() throws -> Data {
            try publicHalf(of: held())
        }

        public func sign(message: Data) throws -> Data {
            var fault: Unmanaged<CFError>?
            let signature = SecKeyCreateSignature(try held(), .ecdsaSignatureMessageX962SHA256, message as CFData, &fault)
            guard let signature else { throw failed(fault) }
            return signature as Data
        }

        public func delete() throws {
            let status = SecItemDelete(query())
            if status != errSecItemNotFound { try check(status) }
        }

        private func held() throws -> SecKey {
            var item: CFTypeRef?
            try check(SecItemCopyMatching(query([kSecReturnRef: true]), &item))
            guard let item, CFGetTypeID(item) == SecKeyGetTypeID() else { throw PlatformError.Failed(reason: "the Keychain gave no key") }
            return item as! SecKey
        }

        /// SEC1, uncompressed: what SecKeyCopyExternalRepresentation answers for P-256.
        private func publicHalf(of key: SecKey) throws -> Data {
            var fault: Unmanaged<CFError>?
            guard let half = SecKeyCopyPublicKey(key), let bytes = SecKeyCopyExternalRepresentation(half, &fault) else { throw failed(fault) }
            return bytes as Data
        }

        private func query(_ more: [CFString: Any] = [:]) -> CFDictionary {
            let which: [CFString: Any] = [
                kSecClass: kSecClassKey, kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom, kSecAttrApplicationTag: tag,
                kSecUseDataProtectionKeychain: true,
            ]
            return which.merging(more) { _, new in new } as CFDictionary
        }
    }

    private func check(_ status: OSStatus) throws {
        guard status != errSecSuccess else { return }
        throw error(status)
    }

    private func error(_ status: OSStatus) -> PlatformError {
        switch status {
        case errSecInteractionNotAllowed: .Locked
        case errSecItemNotFound: .NotFound
        default: .Failed(reason: "Keychain status \(status)")
        }
    }

    private func failed(_ fault: Unmanaged<CFError>?) -> PlatformError {
        guard let fault = fault?.takeRetainedValue() else { return .Failed(reason: "the Keychain did not say why") }
        return error(OSStatus(truncatingIfNeeded: CFErrorGetCode(fault)))
    }
#endif
