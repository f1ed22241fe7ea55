package app.noren

import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.time.Instant
import java.time.ZoneOffset
import java.util.UUID

/** The reference backend as a process, and a till that speaks to it. */
class Backend : AutoCloseable {
    private val process = ProcessBuilder(System.getenv("NOREN_BIN"), "serve", "--port", "0")
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start()

    val url: String = checkNotNull(Regex("\"url\":\"([^\"]*)\"").find(process.inputReader().readLine())).groupValues[1]

    /** Posts a sale of one line to whom a scanned text names. Answers the backend's words. */
    fun sell(number: String, scanned: String, description: String, amountMinor: Long): String =
        till("/v1/till/sales", sale(number, "shibuya", scanned, description, amountMinor, 1_795_132_800_000))

    /**
     * Sells at the rest stop as a till with a connection does: asks for the best set of a basket of one line, and posts the sale with the coupons of
     * the answer. Answers what was said to both, in this order.
     */
    fun sellWithCoupons(number: String, scanned: String, amountMinor: Long, discountMinor: Long, soldAtMs: Long): Pair<String, String> {
        val quote = till(
            "/v1/till/quotes",
            """{"scanned":"$scanned","at_ms":${System.currentTimeMillis()},"number":"$number","currency":"JPY",
            "lines":[{"sku":"S1","quantity":1,"amount_minor":$amountMinor,"tax_permille":80}]}""",
        )
        val coupons = checkNotNull(Regex("\"coupons\":(\\{.*}),\"line_discounts_minor\"").find(quote)) { quote }.groupValues[1]
        val sale = sale(number, "demo-store", scanned, "もみじ饅頭", amountMinor - discountMinor, soldAtMs, coupons)
        return quote to till("/v1/till/sales", sale)
    }

    private fun sale(
        number: String,
        store: String,
        scanned: String,
        description: String,
        amountMinor: Long,
        soldAtMs: Long,
        coupons: String = "null",
    ): String {
        val day = Instant.ofEpochMilli(soldAtMs).atOffset(ZoneOffset.ofHours(9)).toLocalDate()
        return """{"number":"$number","channel":"store","kind":"sale","sold_at_ms":$soldAtMs,"business_date":"$day","store_id":"$store",
            "store_name":"渋谷店","currency":"JPY","lines":[{"sku":"S1","description":"$description","quantity":1,"amount_minor":$amountMinor,
            "tax_permille":null,"reduced_rate":false}],"total_minor":$amountMinor,"coupons":$coupons,
            "customer":{"scanned":{"text":"$scanned","at_ms":${System.currentTimeMillis()}}}}"""
    }

    /** What a till says. */
    fun till(path: String, body: String): String = post(path, body, "noren-demo-till")

    /** What the operator's own systems say. */
    fun operator(path: String, body: String): String = post(path, body, "noren-demo-operator")

    private fun post(path: String, body: String, token: String): String {
        val request = HttpRequest.newBuilder(URI(url + path))
            .header("authorization", "Bearer $token")
            .header("content-type", "application/json")
            .header("idempotency-key", UUID.randomUUID().toString())
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build()
        val answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString())
        check(answer.statusCode() == 200) { "${answer.statusCode()} ${answer.body()}" }
        return answer.body()
    }

    /** The network is gone. */
    override fun close() {
        process.destroy()
        process.waitFor()
    }
}
