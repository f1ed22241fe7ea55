package app.noren.probe

import androidx.compose.foundation.background
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.Button
import androidx.compose.material3.Text
import androidx.compose.ui.ImageComposeScene
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.text.font.FontFamily
import androidx.compose.ui.text.platform.Font
import androidx.compose.ui.unit.Density
import androidx.compose.ui.unit.dp
import androidx.compose.ui.unit.sp
import java.io.File

/** Draws one screen of Japanese text without a display: `Picture FONT-FILE PNG-FILE`. Font, density and clock are fixed, so that pictures can be compared. */
fun main(args: Array<String>) {
    val font = FontFamily(Font(File(args[0])))
    val scene = ImageComposeScene(width = 720, height = 400, density = Density(2f)) {
        Column(Modifier.fillMaxSize().background(Color.White).padding(24.dp)) {
            Text("会員証", fontFamily = font, fontSize = 28.sp)
            Text("いつもご利用ありがとうございます。", fontFamily = font)
            Text("合計 1,280円（税込）", fontFamily = font, color = Color(0xFF1B4F72))
            Button(onClick = {}) { Text("レジで見せる", fontFamily = font) }
        }
    }
    val image = scene.render(nanoTime = 0)
    File(args[1]).writeBytes(checkNotNull(image.encodeToData()).bytes)
    scene.close()
}
