package app.noren

import android.content.Context
import android.provider.Settings
import java.io.File
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers

/**
 * Opens the core as an app does: its files in `noBackupFilesDir`, which the system leaves out of every backup and device transfer, the key and
 * the secrets in the Keystore, the boot by its count.
 */
suspend fun NorenApp.Companion.open(
    context: Context,
    backendUrl: String,
    language: String = context.resources.configuration.locales[0].language,
    dispatcher: CoroutineDispatcher = Dispatchers.IO,
): NorenApp = open(
    directory = File(context.noBackupFilesDir, "noren").path,
    backendUrl = backendUrl,
    secureStore = KeystoreSecureStore(context),
    deviceKey = KeystoreDeviceKey(context),
    language = language,
    bootId = bootId(context),
    dispatcher = dispatcher,
)

/** A name of the current boot: the system counts them (API 24). Empty where it does not say. */
fun bootId(context: Context): String {
    val count = Settings.Global.getInt(context.contentResolver, Settings.Global.BOOT_COUNT, -1)
    return if (count < 0) "" else "boot-$count"
}
