package app.noren

import app.noren.core.CatalogueException
import app.noren.core.Submission
import app.noren.ffi.NorenException
import app.noren.rules.Fit
import app.noren.rules.ScanSettings
import app.noren.rules.Scanned
import app.noren.rules.SizeMm
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

private const val TEA = "4901777018686"

/** Nobody listens there: what the phone is told to reach without a network. */
private const val NOWHERE = "http://127.0.0.1:9"

/** A shopper's journey through the Kotlin face, against the backend as a process: a scan, another size, a favourite, a review. */
class ShopperTest : PhoneTest() {
    @BeforeTest
    fun shop() {
        fun variant(sku: String, more: String) = """{"sku":"$sku","prices":[{"amount_minor":150,"currency":"JPY"}]$more}"""
        val tea = """{"id":"tea","title":{"ja":"緑茶","en":"Green tea"},"variants":[${variant("T-1", ",\"gtin\":\"$TEA\"")}],
            "size_mm":{"width_mm":60,"depth_mm":60,"height_mm":210}}"""
        val sizes = listOf("S", "M").joinToString(",") { variant("red-$it", ",\"colour\":\"赤\",\"size\":\"$it\"") }
        val shirt = """{"id":"shirt","title":{"ja":"Ｔシャツ","en":"T-shirt"},"variants":[$sizes]}"""
        backend.operator("/v1/operator/products", """{"products":[$tea,$shirt]}""")
    }

    @Test
    fun aScanLeadsToTheProductOfflineOnceItWasFound() = journey {
        var noren = open()
        noren.enrol()
        val first = noren.scan(TEA)
        assertEquals(null to TEA, first.product to first.notKnown)
        val tea = assertNotNull(noren.findProduct(TEA, "shibuya"))
        assertEquals("緑茶" to "T-1", tea.title to tea.sku)
        assertNull(noren.findProduct("4902102072618"), "nobody sells it here")
        assertEquals(listOf("shirt"), noren.searchProductsOnline("シャツ").map { it.id })
        noren.close()

        noren = open(NOWHERE)
        val scanned = noren.scan("]C1010$TEA", "shibuya")
        assertIs<Scanned.Gs1>(scanned.scanned)
        assertEquals("T-1", assertNotNull(scanned.product).sku)
        assertTrue(scanned.counted)
        assertFalse(noren.scan(TEA).counted)
        val shirt = noren.productOf("red-S")
        assertEquals(listOf("S", "M") to listOf("red-S", "red-M"), shirt.matrix.sizes to shirt.matrix.rows.single().skus)
        assertEquals(listOf("tea"), noren.searchProducts("茶").map { it.id })
        assertEquals(listOf(Fit.AS_IT_IS, Fit.TOO_LARGE), listOf(60u, 59u).map { noren.fits("tea", SizeMm(it, it, 210u)) })
        noren.scanSettings(ScanSettings(emptyList(), listOf("app.example.jp")))
        assertEquals("tea", noren.scan("https://app.example.jp/product/tea").product?.id)
        assertIs<Scanned.Url>(noren.scan("https://example.com/product/tea").scanned)
        assertIs<CatalogueException.Unreadable>(assertFailsWith<NorenException.Catalogue> { noren.scan("4901777018687") }.error)
        assertIs<CatalogueException.Call>(assertFailsWith<NorenException.Catalogue> { noren.findProduct("4902102072618") }.error)
    }

    @Test
    fun whatTheMemberLikesAndThinksWaitsForTheNetwork() = journey {
        var noren = open()
        noren.enrol()
        assertNotNull(noren.findProduct(TEA))
        noren.close()
        noren = open(NOWHERE)
        noren.like("T-1", watch = listOf("shibuya"))
        assertIs<Submission.Waiting>(noren.writeReview("tea", 4u, "濃い"))
        assertEquals("濃い", noren.reviews("tea").own?.text)
        assertEquals(listOf("T-1" to true), noren.favourites().favourites.map { it.sku to it.waiting })
        noren.close()
        noren = open()
        noren.networkReturned()
        noren.refreshFavourites()
        assertEquals(listOf("T-1" to false), noren.favourites().favourites.map { it.sku to it.waiting })
        val reviews = noren.refreshReviews("tea")
        assertEquals(listOf("濃い") to 4_000u, reviews.reviews.map { it.text } to reviews.averageMilli)
        assertNull(reviews.own)
        assertFalse(noren.refreshRanking() && noren.ranking().products.isNotEmpty(), "nothing was sold")
    }
}
