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
import app.noren.NorenApp
import app.noren.core.CardStanding
import app.noren.core.CardView
import app.noren.core.CouponView
import app.noren.core.ModuleMatrix
import app.noren.ffi.NorenException
import app.noren.isDark
import kotlin.math.floor
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext

/**
 * The member card. Asks again whenever the code ends, for as long as it is on the screen; meanwhile its code carries the coupons. The activity keeps
 * the screen bright.
 */
@Composable
fun CardScreen(noren: NorenApp, font: FontFamily = FontFamily.Default) {
    var card by remember(noren) { mutableStateOf<CardView?>(null) }
    var failed by remember(noren) { mutableStateOf(false) }
    var coupons by remember(noren) { mutableStateOf(emptyList<CouponLine>()) }
    LaunchedEffect(noren) {
        try {
            // First: the code of the first card carries them already.
            coupons = present(noren)
            while (true) {
                val shown = try {
                    noren.card().also { failed = false }
                } catch (_: NorenException) {
                    failed = true
                    delay(2_000)
                    continue
                }
                card = shown
                val until = shown.validUntilMs ?: awaitCancellation()
                try {
                    noren.prepareNextCard()
                } catch (_: NorenException) {
                    // The next look signs by itself.
                }
                // By the core's clock, which need not be the phone's.
                delay(maxOf(until - shown.time.nowMs, 250))
            }
        } finally {
            withContext(NonCancellable) { noren.endPresentation() }
        }
    }
    val shown = card
    when {
        shown != null -> CardContent(shown, coupons, font)
        failed -> Text("カードを表示できません。もう一度お試しください。", fontFamily = font)
    }
}

/** From here on the code carries coupons: those, and what was shown before and of which nobody has said what became of it. */
private suspend fun present(noren: NorenApp): List<CouponLine> = try {
    val inCode = noren.beginPresentation().serials.toSet()
    noren.coupons().map { CouponLine(it, it.serial in inCode) }.filter { it.inCode || it.coupon.unheard }
} catch (_: NorenException) {
    // The card shows without them.
    emptyList()
}

/** A coupon under the card, and whether the code carries it: a till takes no other. */
data class CouponLine(val coupon: CouponView, val inCode: Boolean)

/** One card: the code over the full width, the number to read, the points, what there is to say, and the coupons. */
@Composable
fun CardContent(card: CardView, coupons: List<CouponLine> = emptyList(), font: FontFamily = FontFamily.Default) {
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
        for (line in coupons) Coupon(line, font)
    }
}

/** To be read in the queue. There is nothing to tap, the till does the rest. */
@Composable
private fun Coupon(line: CouponLine, font: FontFamily) {
    val ink = MaterialTheme.colorScheme.onBackground
    Column(Modifier.fillMaxWidth().padding(horizontal = 16.dp).semantics(mergeDescendants = true) {}) {
        Text(line.coupon.titleJa, style = MaterialTheme.typography.bodyLarge, fontFamily = font, color = ink)
        val notes = listOf(line.coupon.occasionJa, if (line.inCode) "" else "レジで見せた結果を待っています。")
        for (text in notes.filter { it.isNotEmpty() }) Text(text, style = MaterialTheme.typography.bodySmall, fontFamily = font, color = ink)
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
