package app.noren

import app.noren.core.ModuleMatrix

/** True for a black module; false outside. */
fun ModuleMatrix.isDark(x: Int, y: Int): Boolean {
    if (x < 0 || y < 0 || x >= width.toInt() || y >= height.toInt()) return false
    val index = y * width.toInt() + x
    return bits[index / 8].toInt() and (0x80 shr (index % 8)) != 0
}
