package app.noren.app

import android.os.Bundle
import android.view.WindowManager
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.compose.foundation.isSystemInDarkTheme
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.darkColorScheme
import androidx.compose.material3.lightColorScheme
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import androidx.lifecycle.lifecycleScope
import app.noren.NorenApp
import app.noren.core.MemberState
import app.noren.ffi.NorenException
import app.noren.open
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/** The smallest app around the core: opens it once a process, enrols once, shows the card on a bright screen. */
class CardActivity : ComponentActivity() {
    private var source by mutableStateOf<CardSource?>(null)

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        window.attributes = window.attributes.apply { screenBrightness = WindowManager.LayoutParams.BRIGHTNESS_OVERRIDE_FULL }
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        setContent {
            MaterialTheme(if (isSystemInDarkTheme()) darkColorScheme() else lightColorScheme()) {
                source?.let { CardScreen(it) }
            }
        }
        lifecycleScope.launch {
            val noren = core()
            source = CardSource({ noren.card() }, { noren.prepareNextCard() })
        }
    }

    /** One core a process: a second one on the same directory would be another phone's word against the first. */
    private suspend fun core(): NorenApp {
        while (true) {
            try {
                return opening.withLock {
                    val noren = held ?: NorenApp.open(applicationContext, BuildConfig.NOREN_BACKEND).also { held = it }
                    if (noren.member() is MemberState.NotEnrolled) noren.enrol()
                    noren
                }
            } catch (_: NorenException) {
                // Locked before first unlock, or no network for the first enrolment: nothing was changed, try again.
                delay(2_000)
            }
        }
    }

    private companion object {
        val opening = Mutex()
        var held: NorenApp? = null
    }
}
