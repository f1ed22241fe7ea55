package app.noren

import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.util.UUID

/** The reference backend as a process, and a till that speaks to it. */
class Backend : AutoCloseable {
    private val process = ProcessBuilder(System.getenv("NOREN_BIN"), "serve", "--port", "0")
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start()

    val url: String = checkNotNull(Regex("\"url\":\"([^\"]*)\"").find(process.inputReader().readLine())).groupValues[1]

    /** Posts a sale of one line to whom a scanned text names. Answers the backend's words. */
    fun sell(number: String, scanned: String, description: String, amountMinor: Long): String = post(
        "/v1/till/sales",
        """{"number":"$number","channel":"store","kind":"sale","sold_at_ms":1795132800000,"business_date":"2026-11-20","store_id":"shibuya",
        "store_name":"渋谷店","currency":"JPY","lines":[{"sku":"S1","description":"$description","quantity":1,"amount_minor":$amountMinor,
        "tax_permille":null,"reduced_rate":false}],"total_minor":$amountMinor,
        "customer":{"scanned":{"text":"$scanned","at_ms":${System.currentTimeMillis()}}}}""",
    )

    private fun post(path: String, body: String): String {
        val request = HttpRequest.newBuilder(URI(url + path))
            .header("authorization", "Bearer noren-demo-till")
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
