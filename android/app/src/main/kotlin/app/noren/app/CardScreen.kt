package app.noren.app

import androidx.compose.foundation.Canvas
import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.aspectRatio
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.geometry.Size
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.role
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.unit.dp
import app.noren.core.CardStanding
import app.noren.core.CardView
import app.noren.core.ModuleMatrix
import app.noren.ffi.NorenException
import app.noren.isDark
import kotlin.math.floor
import kotlinx.coroutines.delay

/** Where the cards come from: `NorenApp::card` and `NorenApp::prepareNextCard` in an app. */
class CardSource(val card: suspend () -> CardView, val prepareNext: suspend () -> Unit)

/** The member card. Asks again whenever the code ends, for as long as it is on the screen. The activity keeps the screen bright meanwhile. */
@Composable
fun CardScreen(source: CardSource, font: FontFamily = FontFamily.Default) {
    var card by remember(source) { mutableStateOf<CardView?>(null) }
    var failed by remember(source) { mutableStateOf(false) }
    LaunchedEffect(source) {
        while (true) {
            val shown = try {
                source.card().also { failed = false }
            } catch (_: NorenException) {
                failed = true
                delay(2_000)
                continue
            }
            card = shown
            val until = shown.validUntilMs ?: break
            try {
                source.prepareNext()
            } catch (_: NorenException) {
                // The next look signs by itself.
            }
            // By the core's clock, which need not be the phone's.
            delay(maxOf(until - shown.time.nowMs, 250))
        }
    }
    val shown = card
    when {
        shown != null -> CardContent(shown, font)
        failed -> Text("カードを表示できません。もう一度お試しください。", fontFamily = font)
    }
}

/** One card: the code over the full width, the number to read, the points, and what there is to say. */
@Composable
fun CardContent(card: CardView, font: FontFamily = FontFamily.Default) {
    Column(
        Modifier.fillMaxWidth().background(MaterialTheme.colorScheme.background).padding(vertical = 16.dp),
        verticalArrangement = Arrangement.spacedBy(12.dp),
        horizontalAlignment = Alignment.CenterHorizontally,
    ) {
        Modules(card.matrix, "会員コード。レジで見せてください。会員番号 ${card.number}")
        val ink = MaterialTheme.colorScheme.onBackground
        Text(card.number, style = MaterialTheme.typography.titleLarge, fontFamily = font, color = ink)
        Text("${card.points} ポイント", style = MaterialTheme.typography.titleMedium, fontFamily = font, color = ink)
        note(card.standing)?.let { Text(it, style = MaterialTheme.typography.bodySmall, fontFamily = font, color = ink) }
    }
}

/** The modules with their quiet zone, black on white in dark mode too, each a whole number of pixels. Bars are as tall as a third of the width. */
@Composable
fun Modules(matrix: ModuleMatrix, description: String) {
    val square = matrix.height > 1u
    val quiet = matrix.quietZone.toInt()
    val columns = matrix.width.toInt() + 2 * quiet
    Canvas(
        Modifier.fillMaxWidth().aspectRatio(if (square) 1f else 3f).background(Color.White).semantics {
            contentDescription = description
            role = Role.Image
        },
    ) {
        val module = maxOf(floor(size.width / columns), 1f)
        val left = floor((size.width - module * columns) / 2) + module * quiet
        val top = if (square) left else 0f
        val tall = if (square) module else size.height
        for (y in 0 until matrix.height.toInt()) {
            for (x in 0 until matrix.width.toInt()) {
                if (matrix.isDark(x, y)) drawRect(Color.Black, Offset(left + x * module, top + y * tall), Size(module, tall))
            }
        }
    }
}

private fun note(standing: CardStanding): String? = when (standing) {
    CardStanding.GOOD -> null
    CardStanding.CLOCK_UNPROVEN -> "時刻を確認できていません。レジで使えないときは、一度通信してください。"
    CardStanding.NEEDS_CONTACT -> "一度通信すると、QRコードが表示されます。"
    CardStanding.REVOKED -> "この端末のカードは使えなくなりました。もう一度登録してください。"
}
