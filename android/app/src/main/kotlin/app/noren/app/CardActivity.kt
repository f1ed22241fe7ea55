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
import kotlinx.coroutines.launch

/** The smallest app around the core: shows the card on a bright screen. Whatever the permissions are: asking for them has a screen of its own. */
class CardActivity : ComponentActivity() {
    private var noren by mutableStateOf<NorenApp?>(null)

    /** The card is put away when something else is in front, so that its code carries no coupons any more. */
    private var shown by mutableStateOf(false)

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        window.attributes = window.attributes.apply { screenBrightness = WindowManager.LayoutParams.BRIGHTNESS_OVERRIDE_FULL }
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        setContent {
            MaterialTheme(if (isSystemInDarkTheme()) darkColorScheme() else lightColorScheme()) {
                if (shown) noren?.let { CardScreen(it) }
            }
        }
        lifecycleScope.launch {
            noren = Core.noren(this@CardActivity)
            Core.watcher(this@CardActivity).run {
                start()
                opened()
            }
        }
    }

    override fun onStart() {
        super.onStart()
        shown = true
    }

    override fun onStop() {
        shown = false
        super.onStop()
    }
}
