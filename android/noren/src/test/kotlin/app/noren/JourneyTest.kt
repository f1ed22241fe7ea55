package app.noren

import app.noren.core.CallException
import app.noren.core.Change
import app.noren.core.MemberException
import app.noren.core.MemberState
import app.noren.core.OpenException
import app.noren.core.PlatformException
import app.noren.core.PurchasesException
import app.noren.core.ServerErasure
import app.noren.core.Symbology
import app.noren.ffi.NorenException
import app.noren.rules.Channel
import java.net.InetAddress
import java.net.ServerSocket
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withContext

/** A first journey through the Kotlin face, against the backend as a process. */
class JourneyTest : PhoneTest() {
    @Test
    fun aShopperEnrolsShowsBuysAndFindsItAgainOffline() = journey {
        var noren = open()
        assertEquals(MemberState.NotEnrolled, noren.member())
        assertIs<MemberException.NotEnrolled>(assertFailsWith<NorenException.Member> { noren.card() }.error)
        val member = assertIs<MemberState.Enrolled>(noren.enrol())
        assertIs<MemberException.AlreadyEnrolled>(assertFailsWith<NorenException.Member> { noren.enrol() }.error)

        val card = noren.card()
        assertTrue(card.text.startsWith("NRN1:"))
        assertTrue(card.matrix.isDark(0, 0) && !card.matrix.isDark(7, 7) && !card.matrix.isDark(-1, 0), "a finder in the corner")
        assertContains(backend.sell("1", card.text, "北海道牛乳 ﾁｰｽﾞ", 540), "\"member_found\":true")
        assertContains(backend.sell("2", noren.card(Symbology.CODE128).text, "LANTERN", 100), "\"member_found\":true")
        assertEquals(2u, noren.refreshHistory().newReceipts)
        assertTrue(noren.refreshMember())

        noren.close()
        backend.close()
        noren = open()
        assertEquals(member.memberId, assertIs<MemberState.Enrolled>(noren.member()).memberId)
        val page = noren.history(limit = 1u)
        assertEquals(listOf(Channel.STORE), page.receipts.map { it.channel })
        assertTrue(page.freshness.complete)
        val rest = noren.history(before = page.next, limit = 50u)
        assertEquals(setOf("1", "2"), (page.receipts + rest.receipts).map { it.number }.toSet())
        for ((text, number) in listOf("乳" to "1", "チーズ" to "1", "ちーず" to "1", "ｌａｎ" to "2")) {
            assertEquals(listOf(number), noren.search(text).receipts.map { it.number }, text)
        }
        assertEquals("北海道牛乳 ﾁｰｽﾞ", noren.receipt(noren.search("牛乳").receipts.single().id).lines.single().description)
        assertEquals(640, noren.monthTotals().single().netMinor)
        assertTrue(noren.exportCsv().lines().size >= 3)
        val offline = assertIs<PurchasesException.Call>(assertFailsWith<NorenException.Purchases> { noren.refreshHistory() }.error)
        assertIs<CallException.Transport>(offline.error)
        assertTrue(noren.card().text.startsWith("NRN1:"), "the card shows where there is no network")
        assertEquals(ServerErasure.Waiting, noren.forgetMe().server)
        noren.close()
        assertFailsWith<IllegalStateException> { noren.member() }
        assertEquals(listOf("erase.pending"), Files.list(home.resolve("files")).map { it.fileName.toString() }.toList())
    }

    @Test
    fun aCancelledCoroutineStopsItsVerbAndLeavesThingsSound() = journey {
        // Takes the connection and never answers.
        ServerSocket(0, 10, InetAddress.getLoopbackAddress()).use { silent ->
            open("http://127.0.0.1:${silent.localPort}").use { noren ->
                val enrolling = async(Dispatchers.Default) { noren.enrol() }
                withContext(Dispatchers.IO) { silent.accept() }.use { enrolling.cancelAndJoin() }
                assertFailsWith<CancellationException> { enrolling.await() }
                assertFalse(noren.member() is MemberState.Enrolled)
            }
        }
        open().use { noren ->
            noren.networkReturned()
            if (noren.member() !is MemberState.Enrolled) noren.enrol()
            assertIs<MemberState.Enrolled>(noren.member())
            assertEquals(emptyList(), noren.waiting())
        }
    }

    @Test
    fun changesAreToldToThoseWhoCollect() = journey {
        open().use { noren ->
            val told = async(start = CoroutineStart.UNDISPATCHED) { noren.changes().first { it == Change.MEMBER } }
            noren.enrol()
            assertEquals(Change.MEMBER, told.await())
        }
    }

    @Test
    fun aLockedPhoneChangesNothing() = journey {
        store.locked = true
        assertIs<OpenException.Locked>(assertFailsWith<NorenException.Open> { open() }.error)
        assertFalse(Files.exists(home.resolve("files")) && Files.list(home.resolve("files")).findAny().isPresent)
        store.locked = false
        open().use { it.enrol() }
        store.locked = true
        assertIs<OpenException.Locked>(assertFailsWith<NorenException.Open> { open() }.error)
        store.locked = false
        open().use { assertIs<MemberState.Enrolled>(it.member()) }
    }

    @Test
    fun whatThePlatformThrowsIsAnErrorAndNotACrash() = journey {
        open().use { noren ->
            key.fault = IllegalStateException("the hardware said something odd")
            val member = assertIs<MemberException.Platform>(assertFailsWith<NorenException.Member> { noren.enrol() }.error)
            assertContains(assertIs<PlatformException.Failed>(member.error).reason, "something odd")
            key.fault = null
            assertIs<MemberState.Enrolled>(noren.enrol())
        }
    }

    @Test
    fun coordinatesHaveThirtyTwoBytes() {
        assertEquals(ByteArray(32).toList(), fixed(java.math.BigInteger.ZERO).toList())
        val top = java.math.BigInteger.ONE.shiftLeft(255)
        assertEquals(listOf(0x80.toByte()) + List(31) { 0.toByte() }, fixed(top).toList())
    }
}
