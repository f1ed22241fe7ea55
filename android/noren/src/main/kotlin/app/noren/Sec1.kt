package app.noren

import java.math.BigInteger

/** A coordinate of a P-256 point in 32 bytes, as SEC1 wants it: BigInteger adds a sign byte or leaves leading zeros out. */
internal fun fixed(coordinate: BigInteger): ByteArray {
    val bytes = coordinate.toByteArray()
    return ByteArray(32).also { out ->
        val length = minOf(32, bytes.size)
        bytes.copyInto(out, destinationOffset = 32 - length, startIndex = bytes.size - length)
    }
}
