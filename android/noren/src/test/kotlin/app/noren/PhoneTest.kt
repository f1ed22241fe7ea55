package app.noren

import java.nio.file.Path
import kotlin.test.AfterTest
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.io.TempDir

/** What the journeys share: a phone, and a backend as a process. */
abstract class PhoneTest {
    @TempDir
    lateinit var home: Path

    protected val backend = Backend()
    protected val store = MemorySecureStore()
    protected val key = SoftwareDeviceKey()

    @AfterTest
    fun stop() = backend.close()

    /** Opens the app as on the phone. */
    protected suspend fun open(url: String = backend.url) = NorenApp.open(home.resolve("files").toString(), url, store, key)

    protected fun journey(block: suspend CoroutineScope.() -> Unit) = runBlocking { withTimeout(60_000, block) }
}
