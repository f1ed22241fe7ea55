package app.noren

import app.noren.core.CartOf
import app.noren.core.CheckoutWish
import app.noren.core.Journey
import app.noren.core.JourneyPoint
import app.noren.core.Observation
import app.noren.core.OrderStepOutcome
import app.noren.core.OrderingException
import app.noren.core.PlacedOrder
import app.noren.core.SlotHoldOutcome
import app.noren.ffi.NorenException
import app.noren.rules.HandoffMode
import app.noren.rules.OrderId
import app.noren.rules.OrderOf
import app.noren.rules.OrderPayment
import app.noren.rules.OrderState
import app.noren.rules.OrderView
import app.noren.rules.PaymentMethod
import app.noren.rules.PickupTime
import app.noren.rules.TaxHandoff
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch

private const val LAT = 35.6595
private const val LON = 139.7005
private const val METRE = 1.0 / 111_000
private const val STORE = "demo-store"
private const val NOWHERE = "http://127.0.0.1:9"
private val OF = CartOf(STORE, OrderOf.MENU)
private val NOW = CheckoutWish(PickupTime.Asap, PaymentMethod.TOKEN, true, 0)

/** Ordering ahead through the Kotlin face, against the backend as a process: menu, cart, slot, tap, kitchen, hand-over, receipt. */
class OrderingTest : PhoneTest() {
    @BeforeTest
    fun menu() = sell(STORE)

    private fun sell(store: String) {
        fun title(ja: String, en: String) = """{"ja":"$ja","en":"$en"}"""
        val bun = """{"id":"bun","title":${title("バンズ", "Bun")},"min":1,"max":1,"modifiers":[
            {"id":"white","title":${title("白", "White")},"prices":[{"amount_minor":0}],"default":1}]}"""
        val burger = """{"id":"burger","sku":"M-1","title":${title("ハンバーガー", "Burger")},"prices":[{"amount_minor":540}],"tax_class":"food",
            "groups":["bun"],"make":[{"station":"grill","seconds":60,"batch":2}]}"""
        val tea = """{"id":"tea","sku":"M-2","title":${title("お茶", "Tea")},"prices":[{"amount_minor":216}],"tax_class":"food"}"""
        val menu = """{"store":"$store","version":1,"currency":"JPY","sections":[{"title":${title("定番", "Menu")},"items":["burger","tea"]}],
            "items":[$burger,$tea],"groups":[$bun]}"""
        val spans = (0..6).joinToString(",") { """{"weekday":$it,"opens_min":0,"closes_min":1440}""" }
        val kitchen = """{"store":"$store","stations":[{"id":"grill","makers":2}],"hours":{"spans":[$spans],"utc_offset_min":540},"step_min":5,
            "least_lead_min":1,"earliest_start_min":20,"hold_s":300,"same_day":true,"later_days":1,"alternatives":3}"""
        val terms = """{"store":"$store","store_name":${title("渋谷店", "Shibuya")},"issuer":{"name":"暖簾食堂"},"currency":"JPY","rounding":"down",
            "handoffs":["counter_pickup","curbside"],"methods":["token","at_counter"],"capture":"at_hand_over","auto_accept":true,
            "accept_within_s":600,"keep_min":60,"keep_goods_days":7,"complete_after_min":30,"charge_no_show":false,"attach_within_min":30,
            "utc_offset_min":540}"""
        backend.operator("/v1/operator/menus", """{"menus":[$menu],"kitchens":[$kitchen],"terms":[$terms]}""")
    }

    private suspend fun withABurger() = open().apply {
        enrol()
        assertTrue(refreshMenu(STORE))
        assertEquals(emptyList(), refreshStoreStatus(listOf(STORE)))
        val burger = menuItem(STORE, "burger").line
        assertEquals(540, lineMinor(STORE, burger, TaxHandoff.TAKE_OUT))
        assertNull(refreshSeat(), "nobody has scanned a seat")
        addToCart(OF, burger)
    }

    private suspend fun NorenApp.placed(token: String = "tok_ok"): OrderId {
        val held = assertIs<SlotHoldOutcome.Held>(holdSlot(OF, PickupTime.Asap))
        val review = reviewOrder(OF, NOW)
        assertEquals(held.order to held.held.untilMs, review.order to review.deadlineMs)
        assertFalse(placeOrder(review.order, token).isHeard)
        assertEquals(review.order, placeOrder(review.order, token).order.id, "a second tap is the same order")
        assertTrue(resolveOrder(review.order).isHeard)
        return review.order
    }

    /** The order, once the backend has done what it does by itself. */
    private suspend fun NorenApp.heard(order: OrderId, wanted: (OrderView) -> Boolean): PlacedOrder {
        repeat(500) {
            refreshOrders()
            order(order).takeIf { wanted(it.order) }?.let { return it }
        }
        throw AssertionError("the order stays ${order(order).order}")
    }

    private suspend fun NorenApp.accepted(order: OrderId) = heard(order) { it.state == OrderState.ACCEPTED }.order

    private fun staff(order: OrderId, step: String) = backend.till("/v1/kitchen/steps", """{"order":"$order","step":$step}""")

    @Test
    fun anOrderFromTheMenuToTheReceipt() = journey {
        var noren = withABurger()
        val menu = noren.menu(STORE)
        assertEquals(listOf("burger", "tea"), menu.sections.single().items.map { it.id })
        assertEquals(HandoffMode.COUNTER_PICKUP, menu.handoff)
        noren.addToCart(OF, noren.menuItem(STORE, "tea").line)
        assertEquals(listOf(2u, 1u), noren.setCartQuantity(OF, 0u, 2u).cart.lines.map { it.quantity })
        val check = noren.checkCart(OF, NOW)
        assertTrue(check.problems.isEmpty() && check.changes.isEmpty())
        assertEquals(1_296L, assertNotNull(check.totals).totalMinor)
        assertNotNull(noren.pickupSlots(OF, System.currentTimeMillis(), System.currentTimeMillis() + 3_600_000).asap)
        noren.saveFavouriteCart("いつもの", OF)

        val order = noren.placed()
        val accepted = noren.accepted(order)
        assertEquals(OrderPayment.Authorised to 1_296L, accepted.payment to accepted.toPayMinor)
        val code = assertNotNull(accepted.pickupCode)
        staff(order, "\"start\"")
        staff(order, """{"ready":{"shelf":"A3"}}""")
        assertEquals("A3", noren.heard(order) { it.state == OrderState.READY }.order.shelf)
        noren.close()

        noren = open(NOWHERE)
        assertEquals(listOf(code), noren.orders().orders.map { it.order.pickupCode }, "with no network")
        noren.close()

        noren = open()
        val handOver = """{"order":"$order","code":"%s"}"""
        assertFailsWith<IllegalStateException> { backend.till("/v1/kitchen/hand-overs", handOver.format("ABCDEFGH")) }
        backend.till("/v1/kitchen/hand-overs", handOver.format(code))
        noren.heard(order) { it.payment == OrderPayment.Paid }
        noren.refreshHistory()
        val receipt = noren.history().receipts.single()
        assertEquals(order to 1_296L, receipt.number to receipt.totalMinor)
        val again = noren.reorder(order)
        assertEquals(listOf("burger", "tea") to emptyList(), again.cart.cart.lines.map { it.item } to again.vanished)
        noren.clearCart(OF)
        assertEquals(2, noren.orderFavouriteCart("いつもの").cart.cart.lines.size)
        assertEquals(listOf("いつもの"), noren.favouriteCarts().map { it.name })
        noren.close()
    }

    @Test
    fun aCardThatIsRefusedAndAnOrderThatIsCalledOff() = journey {
        withABurger().use { noren ->
            assertIs<OrderingException.CardNumber>(
                assertFailsWith<NorenException.Ordering> { noren.setCartNote(OF, 0u, "4111 1111 1111 1111") }.error,
            )
            assertIs<OrderingException.NotHeld>(assertFailsWith<NorenException.Ordering> { noren.reviewOrder(OF, NOW) }.error)
            val order = noren.placed("tok_declined")
            noren.heard(order) { it.payment == OrderPayment.Refused }
            assertIs<OrderStepOutcome.Answered>(noren.payOrderAgain(order, "tok_ok"))
            noren.accepted(order)
            val pass = noren.pickupPass(order)
            assertEquals(pass, noren.lastPickupPass(order))
            val following = launch(start = CoroutineStart.UNDISPATCHED) { noren.followOrders() }
            noren.cancelOrder(order)
            assertEquals(OrderState.CANCELED, noren.heard(order) { it.state == OrderState.CANCELED }.order.state)
            following.cancelAndJoin()
        }
    }

    @Test
    fun onTheWayThePhoneSuggestsAndTellsMinutesOnly() = journey {
        sell("ebisu")
        val places = listOf(STORE to 900, "ebisu" to -900).joinToString(",") { (name, northM) ->
            val ground = """{"circle":{"lat_e7":${Math.round((LAT + northM * METRE) * 1e7)},"lon_e7":${Math.round(LON * 1e7)},"radius_m":30}}"""
            """{"id":"place-$name","kind":"store","name":"$name","direction":"both","ground":$ground,"tenants":[{"store_id":"$name","name":"$name"}]}"""
        }
        backend.operator("/v1/operator/places", """{"places":[$places]}""")
        withABurger().use { noren ->
            noren.refreshPlaces(LAT, LON)
            noren.refreshMenu("ebisu")
            noren.refreshStoreStatus()
            val nowMs = System.currentTimeMillis()
            val walk = (0..120 step 10).map { second ->
                val northM = -1.35 * (120 - second)
                Observation.Fix(LAT + northM * METRE, LON, nowMs - (120 - second) * 1_000, null, 8.0, 1.35, false)
            }
            val found = noren.suggestSlots(OF, Journey.Moving(walk))
            assertEquals(listOf(STORE, "ebisu"), found.suggestions.map { it.suggestion.store })
            val train = Journey.Arriving(JourneyPoint(LAT - 900 * METRE, LON), nowMs + 1_200_000, 2u, 1u)
            assertEquals("ebisu", noren.suggestSlots(OF, train, most = 1u).suggestions.single().suggestion.store)
            val order = noren.placed()
            noren.accepted(order)
            val trip = noren.onTheWayToOrders(walk).single()
            assertEquals(Triple(order, true, false), Triple(trip.order, trip.told, trip.arrived))
            noren.sendDue()
            noren.here(order, "P-12")
            assertEquals("ebisu", noren.takeCartTo(OF, "ebisu").of.store)
        }
    }
}
