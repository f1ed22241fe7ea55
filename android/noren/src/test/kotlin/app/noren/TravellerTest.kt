package app.noren

import app.noren.core.CheckInException
import app.noren.core.CheckInState
import app.noren.core.CouponView
import app.noren.core.Observation
import app.noren.core.PlacesException
import app.noren.core.RegionLimit
import app.noren.ffi.NorenException
import app.noren.rules.BasketLine
import app.noren.rules.GrantState
import app.noren.rules.Missing
import kotlin.math.cos
import kotlin.math.sin
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertTrue

private const val LAT = 34.3712
private const val LON = 132.3457
private const val METRE = 1.0 / 111_000

/** Nobody listens there: what the phone is told to reach without a network. */
private const val NOWHERE = "http://127.0.0.1:9"
private const val PLACE = "miyajima-out"

/** A traveller's journey through the Kotlin face, against the backend as a process: a stop, a check-in, a coupon, a till, a stamp. */
class TravellerTest : PhoneTest() {
    @BeforeTest
    fun shop() {
        fun place(id: String, name: String, more: String, lat: Double) =
            """{"id":"$id","kind":"rest_stop","name":"$name","direction":"outbound",$more
            "ground":{"circle":{"lat_e7":${(lat * 1e7).toLong()},"lon_e7":${(LON * 1e7).toLong()},"radius_m":150}}}"""
        val here = place(PLACE, "宮島SA（下り）", """"tenants":[{"store_id":"demo-store","name":"フードコート"}],""", LAT)
        val further = place("asa", "安佐SA", """"reading":"あさ","tenants":[],""", LAT + 20_000 * METRE)
        backend.operator("/v1/operator/places", """{"places":[$here,$further]}""")
        fun offer(id: Int, title: String, audience: String) =
            """{"id":$id,"title":$title,"reason":{},"stores":[],"places":["$PLACE"],"channels":[],"audience":$audience,"first_visit":false,
            "sku_prefixes":[],"classes":[],"discount":{"fixed":{"amount_minor":100}},"greatest_discount_permille":1000,"stacking":"together",
            "per_member":1,"offline":true}"""
        val visitor = """{"visitor":{"within_s":21600}}"""
        val cake = offer(7, """{"ja":"もみじ饅頭 100円引き","en":"100 yen off"}""", visitor)
        val reward = offer(8, """{"ja":"スタンプ満了","en":"Full stamp card"}""", "\"linked\"")
        val card = """{"id":"road","title":{"ja":"旅のスタンプ","en":"Stamps of the road"},"goal":5,"reward":8,"utc_offset_min":540}"""
        backend.operator("/v1/operator/offers", """{"offers":[$cake,$reward],"stamp_programmes":[$card]}""")
    }

    /** Enrols, with signal, and has the places and the leases before the drive. */
    private suspend fun prepared() = open().apply {
        enrol()
        assertTrue(refreshPlaces(LAT, LON).newTiles > 0u)
        assertTrue(refreshCoupons().leased)
    }

    private suspend fun NorenApp.coupon(): CouponView = coupons(place = PLACE).single { it.offer == 7u }

    /** Fixes of a stop of four minutes that ends now. */
    private fun stay(): List<Observation> {
        val nowMs = System.currentTimeMillis()
        return List(24) { n ->
            val swing = 4 * METRE
            Observation.Fix(LAT + swing * sin(n.toDouble()), LON + swing * cos(n.toDouble()), nowMs - (24 - n) * 10_000, null, 8.0, 0.2, false)
        }
    }

    @Test
    fun aStopUnlocksACouponThatATillTakes() = journey {
        var noren = prepared()
        val locked = noren.coupon()
        assertEquals(false to "no_check_in", locked.usableNow to locked.reason)
        assertEquals(emptyList(), noren.beginPresentation().serials)
        noren.endPresentation()
        noren.close()

        // No network from here to after the card was scanned.
        noren = open(NOWHERE)
        val report = noren.follow(stay())
        val made = report.checkIns.single()
        assertEquals(PLACE to listOf(locked.serial), made.checkIn.place to made.checkIn.unlocked)
        assertEquals("宮島SA（下り）にチェックインしました", made.notice.titleJa)
        assertTrue(made.notice.silent && made.notice.atNight)
        assertEquals(setOf(PLACE, "asa"), assertNotNull(report.regions).add.map { it.id }.toSet())
        noren.close()
        noren = open(NOWHERE)
        assertEquals(CheckInState.Waiting, noren.checkIns().single().state)
        assertEquals(listOf(true), noren.stampCards().single().stamps.map { it.waiting })
        val coupon = noren.coupon()
        assertTrue(coupon.usableNow && coupon.offlineOk && coupon.state == GrantState.GRANTED)
        val basket = listOf(BasketLine("S1", null, 1, 500, 80u, null))
        assertEquals(100L to 400L, noren.bestSet("JPY", basket, place = PLACE).let { it.discountMinor to it.totalMinor })
        noren.holdBackCoupon(7u)
        assertEquals(emptyList(), noren.beginPresentation().serials)
        noren.holdBackCoupon(7u, held = false)
        val shown = noren.beginPresentation()
        assertTrue(shown.noted)
        assertEquals(listOf(locked.serial), shown.serials)
        val card = noren.card()
        noren.endPresentation()
        assertEquals(emptyList(), noren.beginPresentation().serials, "shown before, and nobody has said what became of it")
        noren.endPresentation()
        assertTrue(noren.coupon().unheard)
        noren.close()

        // The network is back: the phone tells of the check-in, the till sells.
        noren = open()
        noren.networkReturned()
        assertEquals(CheckInState.Accepted, noren.checkIns().single { it.id == made.checkIn.id }.state)
        val (quote, sold) = backend.sellWithCoupons("7", card.text, 500, 100, made.checkIn.atMs)
        assertContains(quote, "\"discount_minor\":100")
        assertContains(sold, "\"serial\":${locked.serial},\"counted\":true")
        noren.refreshHistory()
        val receipt = noren.receipt(noren.history().receipts.single().id)
        assertEquals(listOf(locked.serial to 100L), receipt.coupons.map { it.serial to it.discountMinor })
        assertTrue(noren.refreshCoupons().newWallet)
        val used = noren.coupon()
        assertEquals(GrantState.REDEEMED to false, used.state to used.usableNow)
        val stamps = noren.stampCards().single()
        assertEquals(listOf(PLACE to false), stamps.stamps.map { it.place to it.waiting })
        assertEquals(5u to 0u, stamps.goal to stamps.fullCards)
        noren.close()
    }

    @Test
    fun placesAreFoundWithoutANetwork() = journey {
        open().use { noren ->
            assertIs<PlacesException.NotEnrolled>(assertFailsWith<NorenException.Places> { noren.refreshPlaces(LAT, LON) }.error)
        }
        prepared().use { noren ->
            backend.close()
            val near = noren.nearestPlaces(LAT, LON)
            assertEquals(PLACE to 0u, near.places.first().let { it.place.id to it.distanceM })
            assertTrue(near.areaKnown && near.places.first().place.tenants.single().openNow)
            assertEquals(1, noren.placesWithin(LAT, LON, 1_000u).places.size)
            for (text in listOf("ｱｻ", "安佐sa")) assertEquals(listOf("asa"), noren.searchPlaces(text).places.map { it.id }, text)
            assertEquals("あさ", noren.place("asa").reading)
            assertFailsWith<NorenException.Places> { noren.nearestPlaces(Double.NaN, 0.0) }
        }
    }

    @Test
    fun aCodeAtThePlaceChecksInOnceAndWithoutLocation() = journey {
        prepared().use { noren ->
            assertEquals(Missing.Fix, noren.follow(listOf(Observation.Opened(System.currentTimeMillis()))).waiting.single().missing)
            noren.limitRegions(RegionLimit.ANDROID)
            assertIs<CheckInException.BadCode>(assertFailsWith<NorenException.CheckIn> { noren.scanPlaceCode("NRP1:NOT A CODE") }.error)
            assertIs<CheckInException.BadCode>(assertFailsWith<NorenException.CheckIn> { noren.checkInByReceipt("") }.error)
            assertFailsWith<NorenException.Coupons> { noren.takePush("no push") }
            val untilS = System.currentTimeMillis() / 1_000 + 600
            val answer = backend.operator("/v1/operator/place-codes", """{"place":"$PLACE","until_s":$untilS}""")
            val code = checkNotNull(Regex("\"text\":\"([^\"]*)\"").find(answer)).groupValues[1]
            backend.close()
            val made = noren.scanPlaceCode(code)
            assertEquals(CheckInState.Waiting, made.checkIn.state)
            assertEquals(listOf(7u), made.coupons.map { it.offer })
            assertFalse(noren.coupon().reason == "no_check_in")
            assertIs<CheckInException.CoolDown>(assertFailsWith<NorenException.CheckIn> { noren.scanPlaceCode(code) }.error)
        }
    }
}
