package app.noren.probe

import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.darkColorScheme
import androidx.compose.ui.ImageComposeScene
import androidx.compose.ui.Modifier
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.text.platform.Font
import androidx.compose.ui.unit.Density
import app.noren.Backend
import app.noren.MemorySecureStore
import app.noren.NorenApp
import app.noren.SoftwareDeviceKey
import app.noren.app.CardContent
import app.noren.app.CouponLine
import app.noren.core.CardView
import app.noren.core.CouponView
import app.noren.rules.GrantState
import java.io.File
import java.nio.file.Files
import kotlinx.coroutines.runBlocking

/**
 * Draws the card screen in dark mode, without a display: `Picture FONT-FILE PNG-FILE`, and prints what its code says. The card is real: the core
 * enrols at a backend of its own. Font, density and clock of the drawing are fixed.
 */
fun main(args: Array<String>) {
    val card = realCard()
    val font = FontFamily(Font(File(args[0])))
    val scene = ImageComposeScene(width = 720, height = 1080, density = Density(2f)) {
        MaterialTheme(darkColorScheme()) {
            Box(Modifier.fillMaxSize().background(MaterialTheme.colorScheme.background)) { CardContent(card, listOf(coupon), font) }
        }
    }
    val image = scene.render(nanoTime = 0)
    File(args[1]).writeBytes(checkNotNull(image.encodeToData()).bytes)
    scene.close()
    println(card.text)
}

/** What stands under the code; the texts are as an operator writes them. */
private val coupon = CouponLine(
    CouponView(
        serial = 7u,
        offer = 7u,
        titleJa = "もみじ饅頭 100円引き",
        titleEn = "100 yen off",
        occasionJa = "ご休憩ありがとうございます",
        occasionEn = "Thank you for taking a break",
        state = GrantState.GRANTED,
        usableNow = true,
        reason = null,
        reasonJa = "",
        reasonEn = "",
        offlineOk = true,
        needsConnection = false,
        heldBack = false,
        unheard = false,
        untilMs = null,
        places = listOf("miyajima-out"),
    ),
    inCode = true,
)

private fun realCard(): CardView = runBlocking {
    val directory = Files.createTempDirectory("noren-probe").toFile()
    try {
        Backend().use { backend ->
            NorenApp.open(File(directory, "files").path, backend.url, MemorySecureStore(), SoftwareDeviceKey()).use { noren ->
                noren.enrol()
                noren.card()
            }
        }
    } finally {
        directory.deleteRecursively()
    }
}
