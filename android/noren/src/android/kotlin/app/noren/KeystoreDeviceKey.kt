package app.noren

import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.os.UserManager
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import app.noren.core.DeviceKey
import app.noren.core.PlatformException
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.PrivateKey
import java.security.Signature
import java.security.UnrecoverableKeyException
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec

/**
 * A P-256 key in the Android Keystore: in StrongBox where there is one (API 28), else in the TEE. It never leaves it, and asks for no user
 * presence. Keystore keys belong to the user's credential-encrypted storage: they work after the first unlock.
 */
class KeystoreDeviceKey(context: Context, private val alias: String = "app.noren.device") : DeviceKey {
    private val app = context.applicationContext

    override fun create(): ByteArray = guarded(app) {
        keyStore().deleteEntry(alias)
        try {
            generate(strongBox = hasStrongBox())
        } catch (_: StrongBoxUnavailableException) {
            // It is there and takes no more keys.
            generate(strongBox = false)
        }
        publicHalf()
    }

    override fun publicKey(): ByteArray = guarded(app) { publicHalf() }

    override fun sign(message: ByteArray): ByteArray = guarded(app) {
        val key = keyStore().getKey(alias, null) as? PrivateKey ?: throw PlatformException.NotFound()
        Signature.getInstance("SHA256withECDSA").run {
            initSign(key)
            update(message)
            sign()
        }
    }

    override fun delete() = guarded(app) { keyStore().deleteEntry(alias) }

    private fun hasStrongBox(): Boolean =
        Build.VERSION.SDK_INT >= Build.VERSION_CODES.P && app.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE)

    private fun generate(strongBox: Boolean) {
        val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_SIGN)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
            .setDigests(KeyProperties.DIGEST_SHA256)
        if (strongBox && Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) spec.setIsStrongBoxBacked(true)
        KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, KEYSTORE).run {
            initialize(spec.build())
            generateKeyPair()
        }
    }

    private fun publicHalf(): ByteArray {
        val certificate = keyStore().getCertificate(alias) ?: throw PlatformException.NotFound()
        val point = (certificate.publicKey as ECPublicKey).w
        return byteArrayOf(4) + fixed(point.affineX) + fixed(point.affineY)
    }
}

internal const val KEYSTORE = "AndroidKeyStore"

internal fun keyStore(): KeyStore = KeyStore.getInstance(KEYSTORE).apply { load(null) }

/** Runs [verb] once the device has been unlocked, and names what goes wrong as the core knows it. */
internal fun <T> guarded(context: Context, verb: () -> T): T {
    if (context.getSystemService(UserManager::class.java)?.isUserUnlocked == false) throw PlatformException.Locked()
    return try {
        verb()
    } catch (known: PlatformException) {
        throw known
    } catch (_: KeyPermanentlyInvalidatedException) {
        throw PlatformException.Invalidated()
    } catch (_: UnrecoverableKeyException) {
        throw PlatformException.Invalidated()
    } catch (other: Exception) {
        throw PlatformException.Failed(other.javaClass.name)
    }
}
