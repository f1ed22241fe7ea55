package app.noren

import android.annotation.SuppressLint
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.location.Location
import android.location.LocationManager
import android.os.Build
import app.noren.core.CheckInException
import app.noren.core.CheckInReport
import app.noren.core.Observation
import app.noren.core.RegionLimit
import app.noren.core.WatchedRegion
import app.noren.ffi.NorenException
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/** What watches regions while the app is away. Play services do, in the demo app: the framework's own proximity alerts look every half an hour. */
interface Geofences {
    /**
     * Watches [regions], each from the moment on at which the phone is in it; one with a known id takes its place. Of [refresh] only that it was
     * left is of interest.
     */
    fun add(regions: List<WatchedRegion>, refresh: WatchedRegion?)

    /** Watches them no more. */
    fun remove(ids: List<String>)
}

/**
 * Android's location for [NorenApp.follow]: registers the regions that check-in asks for, and tells it what the system sees. What that means is
 * decided by the core. Nothing of where the phone is leaves it.
 *
 * Keep one a process, beside the [NorenApp]. It needs `ACCESS_FINE_LOCATION`, and `ACCESS_BACKGROUND_LOCATION` for what happens while the app is
 * away; without them it does nothing, and the place's code and the code of a receipt check in all the same. When to ask for them is the app's to
 * choose: never on a drive.
 *
 * @param fixes a mutable broadcast of the app's own: while exact fixes are needed the system sends them there; give its intents to [located].
 * @param told what followed, such as new check-ins with their silent notices.
 */
class RegionWatcher(
    context: Context,
    private val noren: NorenApp,
    private val geofences: Geofences,
    private val fixes: PendingIntent,
    private val told: suspend (CheckInReport) -> Unit,
) {
    private val locations = checkNotNull(context.applicationContext.getSystemService(LocationManager::class.java))
    private val turn = Mutex()
    private var waiting = emptyList<Observation>()

    /** Watches from now on: at the start of the app, once the permission was given, and after a restart of the phone, which forgets every region. */
    suspend fun start() {
        noren.limitRegions(RegionLimit.ANDROID)
        val last = last()
        // The system forgets geofences without a word, when location is switched off for a while. The first regions are chosen around a fix.
        take(listOfNotNull(last?.let(::fix), Observation.RegionsLost))
        if (last == null) ask(true)
    }

    /** A person opened the app: the report says what is missing for a check-in, if it is not one. */
    suspend fun opened() = take(listOf(Observation.Opened(System.currentTimeMillis())))

    /** An intent that came to the broadcast for fixes. */
    suspend fun located(intent: Intent) {
        @Suppress("DEPRECATION") // The typed getter is there from API 33 on.
        val location = intent.getParcelableExtra<Location>(LocationManager.KEY_LOCATION_CHANGED) ?: return
        take(listOf(fix(location)))
    }

    /** A region was entered or left. The fix by which the system saw it comes first: the core chooses new regions around it. */
    suspend fun crossed(ids: List<String>, entered: Boolean, seen: Location?) {
        val nowMs = System.currentTimeMillis()
        val crossings = ids.map { if (entered) Observation.RegionEntered(it, nowMs) else Observation.RegionLeft(it, nowMs) }
        take(listOfNotNull(seen?.let(::fix)) + crossings)
    }

    private suspend fun take(seen: List<Observation>) {
        val report = follow(seen) ?: return
        told(report)
        val here = last()
        if (!report.areaDue || here == null) return
        try {
            noren.refreshPlaces(here.latitude, here.longitude)
            noren.refreshCoupons()
        } catch (_: NorenException) {
            // Without a network it stays due: the core says when to try again.
        }
    }

    /** In the order in which it came, one call at a time. What the core could not take waits for the next. */
    private suspend fun follow(seen: List<Observation>): CheckInReport? = turn.withLock {
        waiting = (waiting + seen).takeLast(MOST)
        val report = try {
            noren.follow(waiting)
        } catch (refused: NorenException.CheckIn) {
            // Without a member it could be nobody's check-in. Else nothing was taken: the next observation brings these along.
            if (refused.error is CheckInException.NotEnrolled) waiting = emptyList()
            return@withLock null
        }
        waiting = emptyList()
        report.regions?.let { plan ->
            if (plan.remove.isNotEmpty()) geofences.remove(plan.remove)
            geofences.add(plan.add, plan.refresh)
        }
        ask(report.needsFixes)
        report
    }

    @SuppressLint("MissingPermission") // Without it the system throws, and there is nothing to watch.
    private fun ask(exact: Boolean) {
        try {
            if (exact) locations.requestLocationUpdates(provider(), EVERY_MS, 0f, fixes) else locations.removeUpdates(fixes)
        } catch (_: SecurityException) {
            // Not allowed, or not any more.
        }
    }

    @SuppressLint("MissingPermission")
    private fun last(): Location? = try {
        locations.getLastKnownLocation(provider())
    } catch (_: SecurityException) {
        null
    }

    private fun provider(): String =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S && locations.hasProvider(LocationManager.FUSED_PROVIDER)) LocationManager.FUSED_PROVIDER
        else LocationManager.GPS_PROVIDER

    private companion object {
        /** Between two fixes, in milliseconds. */
        const val EVERY_MS = 10_000L

        /** At most so many observations are kept while the core cannot take them; the oldest go first. */
        const val MOST = 500
    }
}

private fun fix(location: Location) = Observation.Fix(
    latDeg = location.latitude,
    lonDeg = location.longitude,
    atMs = location.time,
    bootMs = location.elapsedRealtimeNanos / 1_000_000,
    accuracyM = if (location.hasAccuracy()) location.accuracy.toDouble() else null,
    speedMps = if (location.hasSpeed()) location.speed.toDouble() else null,
    mock = @Suppress("DEPRECATION") if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) location.isMock else location.isFromMockProvider,
)
