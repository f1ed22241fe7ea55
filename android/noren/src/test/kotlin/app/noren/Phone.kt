package app.noren

import app.noren.core.DeviceKey
import app.noren.core.PlatformException
import app.noren.core.SecureStore
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.concurrent.ConcurrentHashMap

/** A safe in memory. [locked] is a phone that was restarted and not unlocked yet. */
class MemorySecureStore : SecureStore {
    private val values = ConcurrentHashMap<String, ByteArray>()

    @Volatile
    var locked = false

    private fun <T> unlocked(verb: () -> T): T = if (locked) throw PlatformException.Locked() else verb()

    override fun load(name: String): ByteArray = unlocked { values[name] ?: throw PlatformException.NotFound() }

    override fun save(name: String, value: ByteArray) = unlocked { values[name] = value }

    override fun delete(name: String) {
        unlocked { values.remove(name) }
    }
}

/** A P-256 key of the JVM, under the same names as the one in the Android Keystore. */
class SoftwareDeviceKey : DeviceKey {
    private var pair: KeyPair? = null

    /** What a platform may throw that no one expects. */
    @Volatile
    var fault: RuntimeException? = null

    override fun create(): ByteArray {
        fault?.let { throw it }
        val generator = KeyPairGenerator.getInstance("EC")
        generator.initialize(ECGenParameterSpec("secp256r1"))
        pair = generator.generateKeyPair()
        return publicKey()
    }

    override fun publicKey(): ByteArray {
        val point = (held().public as ECPublicKey).w
        return byteArrayOf(4) + fixed(point.affineX) + fixed(point.affineY)
    }

    override fun sign(message: ByteArray): ByteArray {
        fault?.let { throw it }
        return Signature.getInstance("SHA256withECDSA").run {
            initSign(held().private)
            update(message)
            sign()
        }
    }

    override fun delete() {
        pair = null
    }

    private fun held(): KeyPair = pair ?: throw PlatformException.NotFound()
}
