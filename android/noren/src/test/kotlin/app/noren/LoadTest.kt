package app.noren

import kotlin.test.Test

/** The library and the generated sources are of the same build: each call compares the contract version and every function's checksum, and throws where they differ. */
class LoadTest {
    @Test
    fun checksumsAgree() {
        app.noren.rules.uniffiEnsureInitialized()
        app.noren.core.uniffiEnsureInitialized()
        app.noren.ffi.uniffiEnsureInitialized()
    }
}
