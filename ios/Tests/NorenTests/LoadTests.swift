import Testing

@testable import NorenGenerated

/// The library and the generated sources are of the same build: each of these compares the contract version and every function's checksum, and stops the process where they differ.
@Test func checksumsAgree() {
    uniffiEnsureNorenRulesInitialized()
    uniffiEnsureNorenCoreInitialized()
    uniffiEnsureNorenFfiInitialized()
}
