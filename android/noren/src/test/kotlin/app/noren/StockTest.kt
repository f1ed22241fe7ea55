package app.noren

import app.noren.core.HoldOutcome
import app.noren.core.HoldStanding
import app.noren.core.HoldView
import app.noren.core.HoldWish
import app.noren.core.HoldsException
import app.noren.core.NextStep
import app.noren.core.Observation
import app.noren.core.StockException
import app.noren.core.StockQuestion
import app.noren.core.Submission
import app.noren.ffi.NorenException
import app.noren.ffi.Position
import app.noren.rules.Band
import app.noren.rules.HoldRefusal
import app.noren.rules.HoldState
import app.noren.rules.Trend
import java.util.UUID
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

private const val LAT = 35.6595
private const val LON = 139.7005
private const val METRE = 1.0 / 111_000
private const val NOWHERE = "http://127.0.0.1:9"
private val HERE = Position(LAT, LON)

/** Where it is, and having it kept, through the Kotlin face, against the backend as a process. */
class StockTest : PhoneTest() {
    @BeforeTest
    fun shop() {
        val sizes = listOf("S", "M").joinToString(",") {
            """{"sku":"red-$it","colour":"赤","size":"$it","prices":[{"amount_minor":1990,"currency":"JPY"}]}"""
        }
        backend.operator("/v1/operator/products", """{"products":[{"id":"shirt","title":{"ja":"Ｔシャツ"},"variants":[$sizes]}]}""")
        val places = listOf("demo-store" to 50, "harajuku" to 1_200).joinToString(",") { (name, northM) ->
            val ground = """{"circle":{"lat_e7":${Math.round((LAT + northM * METRE) * 1e7)},"lon_e7":${Math.round(LON * 1e7)},"radius_m":30}}"""
            """{"id":"place-$name","kind":"store","name":"${name}店","direction":"both","ground":$ground,
                "tenants":[{"store_id":"$name","name":"${name}店"}]}"""
        }
        backend.operator("/v1/operator/places", """{"places":[$places]}""")
        val stores = listOf("demo-store", "harajuku").joinToString(",") { """{"store":"$it","source":"pos_feed","holds":true}""" }
        backend.operator("/v1/operator/stock", """{"stores":[$stores,{"store":"ec","source":"pos_feed","is_ec":true}]}""")
        count("demo-store", "red-S" to 2, "red-M" to 0)
        count("harajuku", "red-M" to 4)
        count("ec", "red-S" to 50, "red-M" to 50)
    }

    /** Somebody counts in a store what there is. */
    private fun count(store: String, vararg levels: Pair<String, Int>) {
        val nowMs = System.currentTimeMillis()
        val events = levels.joinToString(",") { (sku, quantity) ->
            """{"source":"count","id":"${UUID.randomUUID()}","store":"$store","sku":"$sku","at_ms":$nowMs,
                "kind":{"count":{"quantity":$quantity,"state":"sellable"}}}"""
        }
        backend.operator("/v1/stock/events", """{"events":[$events],"said_until_ms":$nowMs,"stores":["$store"]}""")
    }

    private suspend fun arrived() = open().apply {
        enrol()
        refreshPlaces(LAT, LON)
        findProduct("red-S")
        refreshStock(at = HERE)
    }

    private fun wish(store: String, sku: String, etaMin: UInt = 20u, quantity: UInt = 1u) = HoldWish(store, sku, quantity, etaMin)

    private fun question(wanted: String) = StockQuestion("shirt", emptyList(), wanted, "demo-store", null, 1u, 3u, true)

    private suspend fun NorenApp.onlyHold(): HoldView = holds().holds.single()

    @Test
    fun aScannedSLeadsToTheStoreThatHasM() = journey {
        var noren = arrived()
        val m = noren.nearestStock(question("red-M"), HERE).let { matrix ->
            assertEquals(listOf("red-S", "red-M"), matrix.variants.map { it.sku })
            assertTrue(matrix.nextSteps.any { it is NextStep.OtherStore })
            matrix.variants[1]
        }
        assertEquals(Band.OUT, assertNotNull(m.here).answer.band)
        assertEquals(listOf("harajuku" to 4u), m.stores.map { it.store to it.answer.quantity })
        assertEquals("ec", m.online?.store)
        assertEquals(Band.IN_STOCK, assertNotNull(noren.stockIn("harajuku", "red-M", inMin = 5u)).answer.band)
        assertNull(noren.stockIn("nowhere", "red-M"))
        count("harajuku", "red-M" to 1)
        assertEquals(1u, noren.refreshStock(listOf("harajuku")).levels)
        noren.pinStore("harajuku")
        assertEquals("harajuku" to true, noren.stockStores().first().let { it.store to it.pinned })
        noren.pinStore("harajuku", pinned = false)
        assertFalse(noren.stockStores().any { it.pinned })
        noren.close()

        noren = open(NOWHERE)
        assertIs<StockException.Call>(assertFailsWith<NorenException.Stock> { noren.refreshStock() }.error)
        assertEquals(listOf("harajuku" to 1u), noren.nearestStock(question("red-M")).variants[1].stores.map { it.store to it.answer.quantity })
        assertIs<StockException.BadQuestion>(
            assertFailsWith<NorenException.Stock> { noren.nearestStock(question("red-M"), Position(Double.NaN, 0.0)) }.error,
        )
    }

    @Test
    fun aHoldIsKeptOnceItIsPickedAndReleased() = journey {
        arrived().use { noren ->
            val held = assertIs<HoldOutcome.Held>(noren.hold(wish("demo-store", "red-S"), HERE)).hold
            val id = assertNotNull(held.id)
            assertEquals("The store is looking for it: not kept yet", held.wordsEn)
            val again = assertIs<HoldOutcome.Refused>(noren.hold(wish("demo-store", "red-S")))
            assertEquals(HoldRefusal.ALREADY_HELD, again.reason)
            backend.till("/v1/store/tasks", """{"hold":"$id","done":{"picked":{"shelf_number":"12"}}}""")
            assertTrue(noren.refreshHolds())
            assertFalse(noren.refreshHolds())
            assertEquals("取り置き済み・棚番 12", noren.onlyHold().wordsJa)
            assertEquals(Submission.Done, noren.stillComing(id, 10u))
            assertEquals(Submission.Done, noren.releaseHold(id))
            assertEquals(HoldStanding.Known(HoldState.RELEASED), noren.onlyHold().standing)
            assertIs<HoldsException.NoSuchHold>(assertFailsWith<NorenException.Holds> { noren.stillComing(id, 3u) }.error)
            assertIs<HoldsException.BadWish>(assertFailsWith<NorenException.Holds> { noren.hold(wish("ec", "red-S", quantity = 0u)) }.error)
        }
    }

    @Test
    fun notFoundLeadsElsewhereAndAWishWithoutANetworkIsTakenBack() = journey {
        var noren = arrived()
        val held = assertIs<HoldOutcome.Held>(noren.hold(wish("demo-store", "red-S")))
        val id = assertNotNull(held.hold.id)
        backend.till("/v1/store/tasks", """{"hold":"$id","done":"not_found"}""")
        noren.refreshHolds()
        noren.refreshStock()
        assertTrue(noren.insteadOfHold(id, HERE).nextSteps.any { it is NextStep.Online })
        noren.close()

        noren = open(NOWHERE)
        val waiting = assertIs<HoldOutcome.Waiting>(noren.hold(wish("harajuku", "red-M")))
        assertEquals(waiting, noren.hold(wish("harajuku", "red-M")), "a second tap is the same wish")
        noren.takeBackHold(waiting.key)
        assertEquals(listOf(id), noren.holds().holds.map { it.id })
        assertIs<HoldsException.NoSuchHold>(assertFailsWith<NorenException.Holds> { noren.takeBackHold(waiting.key) }.error)
    }

    @Test
    fun onTheWayOnlyMinutesAreTold() = journey {
        arrived().use { noren ->
            noren.releaseWhenAway()
            noren.releaseWhenAway(false)
            val held = assertIs<HoldOutcome.Held>(noren.hold(wish("harajuku", "red-M", etaMin = 30u)))
            val nowMs = System.currentTimeMillis()
            fun fix(second: Int): Observation =
                Observation.Fix(LAT + 1.4 * second * METRE, LON, nowMs - (180 - second) * 1_000, null, 8.0, 1.4, false)
            val trip = noren.onTheWay((0..180 step 10).map(::fix)).single()
            assertEquals(held.hold.id to Trend.NEARER, trip.hold to trip.trend)
            assertTrue(trip.told && !trip.released && !trip.turnedAway)
            assertTrue(assertNotNull(trip.etaMin) in 9u..13u)
            noren.sendDue()
            assertFalse(noren.onTheWay(listOf(fix(181))).single().told, "not every second")
        }
    }
}
