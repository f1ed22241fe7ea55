package app.noren

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.util.AtomicFile
import app.noren.core.PlatformException
import app.noren.core.SecureStore
import java.io.File
import java.io.FileNotFoundException
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * Small secrets as files in `noBackupFilesDir`, each sealed by an AES key that never leaves the Keystore, with its own name as associated data.
 * A restored phone has neither files nor key: the core is told `NotFound`, or `Invalidated` where files came without their key.
 */
class KeystoreSecureStore(context: Context, private val alias: String = "app.noren.store") : SecureStore {
    private val app = context.applicationContext
    private val directory = File(app.noBackupFilesDir, "noren-store")

    override fun load(name: String): ByteArray = guarded(app) {
        val sealed = try {
            file(name).readFully()
        } catch (_: FileNotFoundException) {
            throw PlatformException.NotFound()
        }
        val key = key() ?: throw PlatformException.Invalidated()
        if (sealed.size <= NONCE) throw PlatformException.Invalidated()
        try {
            cipher(name) { init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(128, sealed, 0, NONCE)) }.doFinal(sealed, NONCE, sealed.size - NONCE)
        } catch (_: AEADBadTagException) {
            throw PlatformException.Invalidated()
        }
    }

    override fun save(name: String, value: ByteArray) = guarded(app) {
        directory.mkdirs()
        // The Keystore chooses the nonce: it takes none from outside.
        val cipher = cipher(name) { init(Cipher.ENCRYPT_MODE, key() ?: generate()) }
        val sealed = cipher.iv + cipher.doFinal(value)
        val file = file(name)
        val out = file.startWrite()
        try {
            out.write(sealed)
            // Waits for the disk, then renames.
            file.finishWrite(out)
        } catch (failure: Exception) {
            file.failWrite(out)
            throw failure
        }
    }

    override fun delete(name: String) = guarded(app) { file(name).delete() }

    private fun file(name: String): AtomicFile {
        val safe = name.map { if (it.isLetterOrDigit() && it.code < 128 || it == '.' || it == '-') it else '_' }.joinToString("")
        return AtomicFile(File(directory, "$safe.sealed"))
    }

    private fun key(): SecretKey? = keyStore().getKey(alias, null) as? SecretKey

    private fun generate(): SecretKey {
        val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(256)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, KEYSTORE).run {
            init(spec)
            generateKey()
        }
    }

    private fun cipher(name: String, start: Cipher.() -> Unit): Cipher = Cipher.getInstance("AES/GCM/NoPadding").apply {
        start()
        updateAAD(name.toByteArray())
    }

    private companion object {
        /** Bytes of a GCM nonce. */
        const val NONCE = 12
    }
}
